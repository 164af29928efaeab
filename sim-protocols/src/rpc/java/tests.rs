use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::rpc::testing::{cuts, hex, text};

fn decode(bytes: &[u8]) -> Result<Stream, DecodeError> {
    Stream::decode(bytes, &Limits::default())
}

// tests: Java Object Serialization Specification §6.4, the printed stream of two linked objects
#[test]
fn the_example_of_the_specification() {
    let bytes = hex(
        "aced0005 737200044c697374 69c88a154016ae68 02 0002 49000576616c7565 4c00046e657874 7400064c4c6973743b 78 70
         00000011 7371007e0000 00000013 70 71007e0003",
    );
    let stream = decode(&bytes).expect("it is right");
    let [Content::Object(first), Content::Object(second)] = stream.contents[..] else { panic!("two objects") };
    assert_eq!(stream.heap.field(first, "List", "value"), Some(Value::Int(17)));
    assert_eq!(stream.heap.field(first, "List", "next"), Some(second));
    assert_eq!(stream.heap.field(second, "List", "value"), Some(Value::Int(19)));
    assert_eq!(stream.encode(), bytes);
}

#[test]
fn blocks_are_split_as_java_splits_them() {
    let heap = Heap::default();
    for (length, begins) in [(255, "77ff"), (256, "7a00000100"), (1024, "7a00000400"), (1300, "7a00000400")] {
        let mut writer = Writer::new(&heap, vec![]);
        writer.bytes(&vec![9; length]);
        let bytes = writer.finish();
        let start = hex(begins);
        assert_eq!(bytes[4..4 + start.len()], start);
        assert_eq!(decode(&bytes).expect("it is right").contents, [Content::Block(vec![9; length])]);
    }
}

#[test]
fn boxes_lists_exceptions_and_enums() {
    let mut heap = Heap::default();
    let values = [
        Value::Byte(-1),
        Value::Char(0xd800),
        Value::Double(0.5),
        Value::Float(-2.0),
        Value::Int(7),
        Value::Long(i64::MIN),
        Value::Short(-300),
        Value::Boolean(true),
    ];
    let boxes = values.map(|value| boxed(&mut heap, value, &[]));
    let list = array_list(&mut heap, &boxes, &[]);
    let class = exception_class("example.Failure", 1, &[("code", "I")], &[]);
    let failure = exception(&mut heap, class, "why", vec![Value::Int(3)], &[]);
    let color = Class::new("example.Color", 0, flags::SERIALIZABLE | flags::ENUM, &[], None);
    let name = heap.text("RED");
    let red = heap.add(Object::Enum { class: Arc::new(color), name });
    let contents = [list, failure, red].map(Content::Object).to_vec();
    let stream = Stream { heap, contents };
    let back = decode(&stream.encode()).expect("it is right");
    let [Content::Object(list), Content::Object(failure), Content::Object(red)] = back.contents[..] else {
        panic!("three objects")
    };
    let items = array_list_items(&back.heap, list).expect("a list");
    assert_eq!(items.iter().map(|item| unboxed(&back.heap, *item)).collect::<Vec<_>>(), values.map(Some));
    assert_eq!(exception_message(&back.heap, failure), Some(("example.Failure", "why")));
    assert_eq!(back.heap.field(failure, "java.lang.Throwable", "cause"), Some(failure), "itself");
    assert_eq!(back.heap.field(failure, "example.Failure", "code"), Some(Value::Int(3)));
    assert!(matches!(back.heap.get(red), Some(Object::Enum { name, .. }) if back.heap.as_text(*name) == Some("RED")));
}

#[test]
fn a_reset_forgets_handles() {
    let mut heap = Heap::default();
    let text = Content::Object(heap.text("a"));
    let stream = Stream { heap, contents: vec![text.clone(), text.clone(), Content::Reset, text] };
    assert_eq!(stream.encode(), hex("aced0005 74000161 71007e0000 79 74000161"));
    assert_eq!(decode(&hex("aced0005 74000161 79 71007e0000")), Err(DecodeError::Malformed("no such handle")));
    let aborted = decode(&hex("aced0005 7b 74000161 74000162")).expect("it is right");
    assert!(matches!(aborted.contents[..], [Content::Aborted(_), Content::Object(_)]));
    assert_eq!(decode(&aborted.encode()), Ok(aborted));
}

#[test]
fn hostile_streams_are_refused() {
    let malformed = |digits: &str| match decode(&hex(digits)) {
        Err(DecodeError::Malformed(why)) => why,
        other => panic!("{digits}: {other:?}"),
    };
    assert_eq!(malformed("aced 0005 00"), "no object begins so");
    assert_eq!(malformed("0bad 0005"), "no stream of objects");
    assert_eq!(decode(&hex("aced0004")), Err(DecodeError::Unsupported("another version of the stream")));
    // A class that is its own parent: the handle is there, the class is not yet.
    assert_eq!(malformed("aced0005 73 72 000141 0000000000000001 02 0000 78 71007e0000"), "a handle that is no class");
    assert_eq!(
        malformed("aced0005 73 72 000141 0000000000000001 06 0000 78 70"),
        "serializable and externalizable at once"
    );
    assert_eq!(malformed("aced0005 73 72 000141 0000000000000001 40 0000 78 70"), "unknown flags of a class");
    let order = "aced0005 73 72 000141 0000000000000001 02 0002 4c000161 7400034c413b 49000162 78 70";
    assert_eq!(malformed(order), "a primitive field behind an object");
    assert_eq!(malformed("aced0005 73 70"), "an object without a class");
    assert_eq!(malformed("aced0005 75 72 00025b49 0000000000000001 02 0000 78 70 ffffffff"), "a negative length");
    let bomb = "aced0005 75 72 00025b49 0000000000000001 02 0000 78 70 7fffffff";
    assert_eq!(decode(&hex(bomb)), Err(DecodeError::Truncated));
    assert_eq!(decode(&hex("aced0005 7c 7fffffffffffffff")), Err(DecodeError::Truncated));
    let deep = [hex("aced0005"), hex("76 7d 00000000").repeat(100)].concat();
    assert_eq!(malformed_or_limit(&deep), "over the limit of depth");
    let mut nested =
        hex("aced0005 75 72 00135b4c6a6176612e6c616e672e4f626a6563743b 0000000000000001 02 0000 78 70 00000001");
    nested.extend(hex("75 71007e0000 00000001").repeat(100));
    assert_eq!(malformed_or_limit(&nested), "over the limit of depth");
}

fn malformed_or_limit(bytes: &[u8]) -> String {
    decode(bytes).expect_err("it is hostile").to_string()
}

/// What to build: a tree, with references back.
#[derive(Clone, Debug)]
enum Plan {
    Leaf(Value),
    Text(String),
    Bytes(Vec<u8>),
    Back(usize),
    Array(Vec<Plan>),
    List(Vec<Plan>),
    Instance(String, Vec<Plan>, Vec<u8>, Option<Box<Plan>>),
}

fn plans() -> impl Strategy<Value = Plan> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|value| Plan::Leaf(Value::Int(value))),
        any::<i64>().prop_map(|value| Plan::Leaf(Value::Long(value))),
        any::<u16>().prop_map(|value| Plan::Leaf(Value::Char(value))),
        any::<bool>().prop_map(|value| Plan::Leaf(Value::Boolean(value))),
        any::<u32>().prop_map(|bits| Plan::Leaf(Value::Float((bits as i32) as f32))),
        Just(Plan::Leaf(Value::Null)),
        text().prop_map(Plan::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Plan::Bytes),
        (0..20usize).prop_map(Plan::Back),
    ];
    leaf.prop_recursive(3, 30, 4, |inner| {
        let several = prop::collection::vec(inner.clone(), 0..4);
        prop_oneof![
            several.clone().prop_map(Plan::Array),
            several.clone().prop_map(Plan::List),
            ("[a-c]", several, prop::collection::vec(any::<u8>(), 0..9), prop::option::of(inner.prop_map(Box::new)))
                .prop_map(|(name, fields, block, own)| Plan::Instance(name, fields, block, own)),
        ]
    })
}

fn build(heap: &mut Heap, plan: &Plan) -> Value {
    let all = |heap: &mut Heap, plans: &[Plan]| -> Vec<Value> {
        let mut one = |plan| {
            let value = build(heap, plan);
            boxed(heap, value, &[])
        };
        plans.iter().map(&mut one).collect()
    };
    match plan {
        Plan::Leaf(value) => boxed(heap, *value, &[]),
        Plan::Text(text) => heap.text(text),
        Plan::Bytes(bytes) => {
            let class = Arc::new(Class::new("[B", 7, flags::SERIALIZABLE, &[], None));
            heap.add(Object::Bytes { class, bytes: bytes.clone() })
        }
        Plan::Back(back) => match heap.objects.len() {
            0 => Value::Null,
            length => Value::Ref(ObjectId((back % length) as u32)),
        },
        Plan::Array(plans) => {
            let items = all(heap, plans);
            object_array(heap, "[Ljava.lang.Object;", 1, items, &[])
        }
        Plan::List(plans) => {
            let items = all(heap, plans);
            array_list(heap, &items, &[])
        }
        Plan::Instance(name, plans, block, own) => {
            let mut fields = vec![Value::Short(-7), Value::Byte(3)];
            fields.extend(all(heap, plans));
            let mut annotation = vec![];
            if !block.is_empty() {
                annotation.push(Content::Block(block.clone()));
            }
            let own = own.as_ref().map(|plan| build(heap, plan));
            annotation.extend(own.map(Content::Object));
            let names = ["a", "b", "c", "d"];
            let mut described = vec![("s", "S"), ("t", "B")];
            described.extend(names[..plans.len()].iter().map(|name| (*name, "Ljava/lang/Object;")));
            let above = Arc::new(Class::new("Above", 5, flags::SERIALIZABLE, &[("x", "D")], None));
            let both = flags::SERIALIZABLE | flags::WRITE_METHOD;
            let class = Arc::new(Class::new(name, plans.len() as i64, both, &described, Some(above)));
            let parts = vec![Part::of(vec![Value::Double(1.5)]), Part { fields, annotation }];
            heap.add(Object::Instance { class, parts })
        }
    }
}

fn stream(plans: &[Plan]) -> Stream {
    let mut heap = Heap::default();
    let contents = plans.iter().map(|plan| Content::Object(build(&mut heap, plan))).collect();
    Stream { heap, contents }
}

proptest! {
    #[test]
    fn streams_come_back(plans in prop::collection::vec(plans(), 0..4)) {
        let bytes = stream(&plans).encode();
        // Objects are numbered anew, by their beginnings; the bytes tell whether anything else has changed.
        let back = decode(&bytes).expect("it was written");
        prop_assert_eq!(&back.encode(), &bytes);
        prop_assert_eq!(decode(&bytes), Ok(back));
    }

    #[test]
    fn a_cut_stream_is_truncated_or_ends_between_objects(plan in plans()) {
        let bytes = stream(&[plan]).encode();
        for cut in cuts(bytes.len()) {
            let cut = decode(&bytes[..cut]);
            let between = matches!(&cut, Ok(stream) if stream.contents.is_empty());
            prop_assert!(between || cut == Err(DecodeError::Truncated), "{:?}", cut);
        }
    }

    #[test]
    fn no_bytes_are_too_strange(
        bytes in prop::collection::vec(prop_oneof![0x70..0x80u8, any::<u8>()], 0..100),
        plans in prop::collection::vec(plans(), 1..3),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let mut random = hex("aced0005");
        random.extend(bytes);
        let mut spoiled = stream(&plans).encode();
        for (at, byte) in flips {
            let at = at.index(spoiled.len());
            spoiled[at] = byte;
        }
        for bytes in [random, spoiled] {
            if let Ok(stream) = decode(&bytes) {
                let again = stream.encode();
                prop_assert_eq!(decode(&again).map(|stream| stream.encode()), Ok(again));
            }
        }
    }
}
