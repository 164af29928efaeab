use proptest::prelude::*;

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::testing::{cuts, hex, text};

fn read(bytes: &[u8]) -> Result<Value, DecodeError> {
    let mut reader = Reader::new(bytes, &Limits::default(), ShortDouble::default())?;
    let value = reader.value()?;
    reader.end()?;
    Ok(value)
}

fn write(value: &Value) -> Vec<u8> {
    let mut writer = Writer::new();
    writer.value(value);
    writer.finish()
}

/// What is printed in the specification, both ways where the shortest form is printed.
#[test]
fn examples_of_the_specification() {
    let both: &[(&str, Value)] = &[
        ("20", Value::Binary(vec![])),                                     // Serialization §4.1.2
        ("23010203", Value::Binary(vec![1, 2, 3])),                        // §4.1.2
        ("54", Value::Bool(true)),                                         // §4.2.1
        ("46", Value::Bool(false)),                                        // §4.2.1
        ("4a000000d04b9284b8", Value::Date(894_621_091_000)),              // §4.3.2
        ("4b00e3838f", Value::Date(894_621_060_000)),                      // §4.3.2
        ("5b", Value::Double(0.0)),                                        // §4.4.6
        ("5c", Value::Double(1.0)),                                        // §4.4.6
        ("5d00", Value::Double(0.0)),                                      // §4.4.6
        ("5d80", Value::Double(-128.0)),                                   // §4.4.6
        ("5d7f", Value::Double(127.0)),                                    // §4.4.6
        ("5e0000", Value::Double(0.0)),                                    // §4.4.6
        ("5e8000", Value::Double(-32768.0)),                               // §4.4.6
        ("5e7fff", Value::Double(32767.0)),                                // §4.4.6
        ("444028800000000000", Value::Double(12.25)),                      // §4.4.6
        ("90", Value::Int(0)),                                             // §4.5.4
        ("80", Value::Int(-16)),                                           // §4.5.4
        ("bf", Value::Int(47)),                                            // §4.5.4
        ("c800", Value::Int(0)),                                           // §4.5.4
        ("c000", Value::Int(-2048)),                                       // §4.5.4
        ("c700", Value::Int(-256)),                                        // §4.5.4
        ("cfff", Value::Int(2047)),                                        // §4.5.4
        ("d40000", Value::Int(0)),                                         // §4.5.4
        ("d00000", Value::Int(-262_144)),                                  // §4.5.4
        ("d7ffff", Value::Int(262_143)),                                   // §4.5.4
        ("4900000000", Value::Int(0)),                                     // §4.5.4
        ("490000012c", Value::Int(300)),                                   // §4.5.4
        ("e0", Value::Long(0)),                                            // §4.7.5
        ("d8", Value::Long(-8)),                                           // §4.7.5
        ("ef", Value::Long(15)),                                           // §4.7.5
        ("f800", Value::Long(0)),                                          // §4.7.5
        ("f000", Value::Long(-2048)),                                      // §4.7.5
        ("f700", Value::Long(-256)),                                       // §4.7.5
        ("ffff", Value::Long(2047)),                                       // §4.7.5
        ("3c0000", Value::Long(0)),                                        // §4.7.5
        ("380000", Value::Long(-262_144)),                                 // §4.7.5
        ("3fffff", Value::Long(262_143)),                                  // §4.7.5
        ("5900000000", Value::Long(0)),                                    // §4.7.5
        ("590000012c", Value::Long(300)),                                  // §4.7.5
        ("4c000000000000012c", Value::Long(300)),                          // §4.7.5
        ("4e", Value::Null),                                               // §4.9
        ("00", Value::text("")),                                           // §4.12.2
        ("0568656c6c6f", Value::text("hello")),                            // §4.12.2
        ("01c383", Value::text("\u{c3}")),                                 // §4.12.2
        ("53000568656c6c6f", Value::text("hello")),                        // §4.12.2
        ("52000768656c6c6f2c2005776f726c64", Value::text("hello, world")), // §4.12.2
    ];
    for (bytes, value) in both {
        let bytes = hex(bytes);
        assert_eq!(read(&bytes).as_ref(), Ok(value), "{bytes:02x?}");
        let shortest = write(value);
        assert!(shortest.len() <= bytes.len(), "{bytes:02x?} is longer than {shortest:02x?}");
        assert_eq!(read(&shortest).as_ref(), Ok(value));
    }
}

#[test]
fn lists_of_the_specification() {
    let ints = |values: &[i32]| values.iter().map(|value| Value::Int(*value)).collect::<Vec<_>>();
    let typed = |open, items| Value::List(List { kind: Some("[int".into()), open, items });
    // Serialization §4.6.2: a typed list of fixed length, in its short and its long form.
    assert_eq!(read(&hex("72045b696e749091")), Ok(typed(false, ints(&[0, 1]))));
    assert_eq!(read(&hex("56045b696e74929091")), Ok(typed(false, ints(&[0, 1]))));
    // Serialization §4.6.2: an untyped one of variable length.
    assert_eq!(read(&hex("5790915a")), Ok(Value::List(List { kind: None, open: true, items: ints(&[0, 1]) })));
    // Serialization §4.14: the second list names its type by number.
    let twice = Value::list(vec![typed(false, ints(&[1, 2])), typed(true, ints(&[3]))]);
    assert_eq!(write(&twice), hex("7a72045b696e7491925590935a"));
    assert_eq!(read(&write(&twice)), Ok(twice));
}

#[test]
fn maps_objects_and_references_of_the_specification() {
    // Serialization §4.8.1: a sparse array.
    let sparse = [(1, "fee"), (16, "fie"), (256, "foe")];
    let sparse = sparse.map(|(key, value)| (Value::Int(key), Value::text(value)));
    assert_eq!(write(&Value::map(sparse.to_vec())), hex("489103666565a003666965c90003666f655a"));
    // Serialization §4.10.3: two cars of one class.
    let class = Class::new("example.Car", &["color", "model"]);
    let car = |color: &str, model: &str| {
        Value::Object(Object { class: class.clone(), fields: vec![Value::text(color), Value::text(model)] })
    };
    let mut writer = Writer::new();
    writer.value(&car("red", "corvette"));
    writer.value(&car("green", "civic"));
    let bytes = writer.finish();
    let printed =
        "430b6578616d706c652e4361729205636f6c6f72056d6f64656c600372656408636f727665747465600567726565 6e056369766963";
    assert_eq!(bytes, hex(printed));
    // Serialization §4.11.1: a list that ends in itself.
    let class = Class::new("LinkedList", &["head", "tail"]);
    let ring = Value::Object(Object { class, fields: vec![Value::Int(1), Value::Ref(0)] });
    assert_eq!(write(&ring), hex("430a4c696e6b65644c697374920468656164047461696c60915190"));
    assert_eq!(read(&write(&ring)), Ok(ring));
}

#[test]
fn the_double_that_readers_disagree_on() {
    let read = |meaning| {
        let bytes = hex("5f000030d4");
        Reader::new(&bytes, &Limits::default(), meaning).and_then(|mut reader| reader.value())
    };
    assert_eq!(read(ShortDouble::Thousandths), Ok(Value::Double(12.5)));
    assert_eq!(read(ShortDouble::Single), Ok(Value::Double(f64::from(f32::from_bits(0x30d4)))));
}

#[test]
fn messages_of_the_specification() {
    let limits = Limits::default();
    // WS §4.1.3: add2(2, 3), and a method of one argument.
    let call = Call { method: "add2".into(), arguments: vec![Value::Int(2), Value::Int(3)] };
    assert_eq!(call.encode(), hex("480200430461646432929293"));
    assert_eq!(Call::decode(&call.encode(), &limits), Ok(call));
    // WS §4.4.1: the int 5.
    let reply = Reply::Value(Value::Int(5));
    assert_eq!(reply.encode(), hex("4802005295"));
    assert_eq!(Reply::decode(&reply.encode(), &limits), Ok(reply));
    // WS §4.4.2: a file that is not there; its detail is a map with a type and without entries.
    let detail = Value::Map(Map { kind: Some("java.io.FileNotFoundException".into()), entries: vec![] });
    let fault = Fault { code: FaultCode::Service, message: "File Not Found".into(), detail: Some(detail) };
    let mut printed = hex("48020046");
    printed.extend_from_slice(b"H\x04code\x10ServiceException\x07message\x0eFile Not Found");
    printed.extend_from_slice(b"\x06detailM\x1djava.io.FileNotFoundExceptionZZ");
    assert_eq!(Reply::Fault(fault.clone()).encode(), printed);
    assert_eq!(Reply::decode(&printed, &limits), Ok(Reply::Fault(fault.clone())));
    // WS §3: the grammar has no mark of a map.
    printed.remove(4);
    assert_eq!(Reply::decode(&printed, &limits), Ok(Reply::Fault(fault)));
    // As Caucho's server has it: the fault's map counts, so the exception that is its own cause is number 1.
    let class = Class::new("E", &["cause"]);
    let detail = Some(Value::Object(Object { class, fields: vec![Value::Ref(1)] }));
    let fault = Reply::Fault(Fault { code: FaultCode::Service, message: String::new(), detail });
    assert_eq!(Reply::decode(&fault.encode(), &limits), Ok(fault));
    assert_eq!(Call::decode(&hex("480100"), &limits), Err(DecodeError::Unsupported("another version of Hessian")));
}

#[test]
fn long_text_and_bytes_go_in_chunks() {
    // A character of two units stands across the border of the first chunk.
    let text = format!("{}\u{1f600}{}", "a".repeat(0x7fff), "b".repeat(0x9000));
    let bytes = write(&Value::text(&text));
    assert_eq!(bytes[..3], hex("527fff"), "one unit less, so that the character stays whole");
    assert_eq!(read(&bytes), Ok(Value::Text(text)));
    for length in [0, 15, 16, 1023, 1024, 0x8000, 0x8001, 0x1_8001] {
        let binary = Value::Binary(vec![7; length]);
        assert_eq!(read(&write(&binary)), Ok(binary));
    }
    // Four bytes of UTF-8 count as two units, and may not count as one.
    assert_eq!(read(b"\x02\xf0\x9f\x98\x80"), Ok(Value::text("\u{1f600}")));
    assert_eq!(read(b"\x01\xf0\x9f\x98\x80"), Err(DecodeError::Malformed("half a character")));
    assert_eq!(read(b"\x01\xed\xa0\xbd"), Err(DecodeError::Malformed("half a character")));
}

#[test]
fn bombs_are_refused() {
    assert_eq!(read(&[0x79; 100]), Err(DecodeError::Limit("depth")));
    assert_eq!(read(&hex("58497fffffff90")), Err(DecodeError::Truncated), "two thousand million values in a byte");
    assert_eq!(read(&hex("58bf")), Err(DecodeError::Truncated));
    assert_eq!(read(&hex("5849ffffffff")), Err(DecodeError::Malformed("a negative length")));
    let few = Limits { count: 10, ..Limits::default() };
    let many = write(&Value::list(vec![Value::Null; 10]));
    let mut reader = Reader::new(&many, &few, ShortDouble::default()).expect("it is short");
    assert_eq!(reader.value(), Err(DecodeError::Limit("count")));
    let short = Limits { bytes: 3, ..Limits::default() };
    assert!(matches!(Call::decode(&[0; 4], &short), Err(DecodeError::Limit("bytes"))));
    for (bytes, why) in [("60", "no such class"), ("5190", "no such reference"), ("7090", "no such type")] {
        assert_eq!(read(&hex(bytes)), Err(DecodeError::Malformed(why)));
    }
    for reserved in [0x40, 0x45, 0x47, 0x50, 0x5a] {
        assert_eq!(read(&[reserved]), Err(DecodeError::Malformed("no value begins so")));
    }
}

fn values() -> impl Strategy<Value = Value> {
    let double = prop_oneof![any::<i16>().prop_map(f64::from), (-1.0e9..1.0e9), Just(-0.0), Just(f64::INFINITY)];
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        (any::<i32>(), 0..32u32).prop_map(|(value, shift)| Value::Int(value >> shift)),
        (any::<i64>(), 0..64u32).prop_map(|(value, shift)| Value::Long(value >> shift)),
        double.prop_map(Value::Double),
        any::<i64>().prop_map(Value::Date),
        any::<i32>().prop_map(|minutes| Value::Date(i64::from(minutes) * 60_000)),
        text().prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..1200).prop_map(Value::Binary),
    ];
    let kind = prop::option::of("[a-c]");
    leaf.prop_recursive(4, 40, 9, move |inner| {
        let items = prop::collection::vec(inner.clone(), 0..10);
        let pairs = prop::collection::vec((inner.clone(), inner.clone()), 0..4);
        prop_oneof![
            (kind.clone(), any::<bool>(), items).prop_map(|(kind, open, items)| {
                // Wherever a value is, its own list has begun, so number 0 has.
                let items = items.into_iter().chain([Value::Ref(0)]).collect();
                Value::List(List { kind, open, items })
            }),
            (kind.clone(), pairs).prop_map(|(kind, entries)| Value::Map(Map { kind, entries })),
            ("[a-z]{1,2}", prop::collection::vec(("[a-z]", inner), 0..4)).prop_map(|(name, fields)| {
                let (names, fields): (Vec<_>, Vec<_>) = fields.into_iter().unzip();
                let class = std::sync::Arc::new(Class { name, fields: names });
                Value::Object(Object { class, fields })
            }),
        ]
    })
}

proptest! {
    #[test]
    fn values_come_back(values in prop::collection::vec(values(), 0..3)) {
        let call = Call { method: "any".into(), arguments: values };
        prop_assert_eq!(Call::decode(&call.encode(), &Limits::default()), Ok(call));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
        let _ = Call::decode(&[&b"H\x02\x00C"[..], &bytes].concat(), &Limits::default());
        let _ = Reply::decode(&[&b"H\x02\x00F"[..], &bytes].concat(), &Limits::default());
        // What is read is written and read as the same.
        if let Ok(value) = read(&bytes) {
            prop_assert_eq!(format!("{:?}", read(&write(&value))), format!("{:?}", Ok::<_, DecodeError>(value)));
        }
    }

    #[test]
    fn a_cut_message_is_truncated(value in values()) {
        let bytes = write(&value);
        for cut in cuts(bytes.len()) {
            prop_assert_eq!(read(&bytes[..cut]), Err(DecodeError::Truncated));
        }
    }
}
