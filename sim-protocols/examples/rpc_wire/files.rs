//! Messages in files: `FORM-NAME.call`, `FORM-NAME.reply`, those of gRPC without their prefixes, `values.hessian`, `values.ser`, `redis.requests`, `redis.replies`.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use prost::Message;
use serde_json::json;
use sim_protocols::rpc::grpc::{CreateRequest, CreateResponse, GetRequest, Item, ListRequest, ListResponse};
use sim_protocols::rpc::hessian::{self, ShortDouble};
use sim_protocols::rpc::java::{self, Class, Content, Heap, Object, Stream, Value, flags};
use sim_protocols::rpc::model::{Call, Reply};
use sim_protocols::rpc::{Arrived, Form, Limits, resp};

use super::{Outcome, sample};

/// The number of each call, where the form has one.
const CALL: u64 = 77;

/// Writes everything.
pub fn write(folder: &Path) -> Outcome<()> {
    fs::create_dir_all(folder)?;
    for form in Form::ALL {
        for (name, call) in sample::calls() {
            fs::write(folder.join(format!("{}-{name}.call", form.name())), form.encode_call(CALL, &call))?;
        }
        for (name, reply) in sample::replies() {
            fs::write(folder.join(format!("{}-{name}.reply", form.name())), form.encode_reply(CALL, &reply))?;
        }
    }
    for (name, call) in sample::calls() {
        fs::write(folder.join(format!("grpc-{name}.call")), grpc_call(&call))?;
    }
    for (name, reply) in sample::replies() {
        // What is missing is a status, not a message.
        if let Some(message) = grpc_reply(&reply) {
            fs::write(folder.join(format!("grpc-{name}.reply")), message)?;
        }
    }
    let mut writer = hessian::Writer::new();
    writer.value(&hessian_values());
    fs::write(folder.join("values.hessian"), writer.finish())?;
    fs::write(folder.join("values.ser"), java_values().encode())?;
    let requests: Vec<u8> = redis_requests().iter().flat_map(|words| resp::encode_request(words)).collect();
    fs::write(folder.join("redis.requests"), requests)?;
    let replies: Vec<u8> = redis_replies().iter().flat_map(resp::Value::encode).collect();
    fs::write(folder.join("redis.replies"), replies)?;
    fs::write(folder.join("expected.json"), serde_json::to_vec_pretty(&expected())?)?;
    Ok(())
}

fn grpc_call(call: &Call) -> Vec<u8> {
    match call.clone() {
        Call::Get { id } => GetRequest { id }.encode_to_vec(),
        Call::List { page, size } => ListRequest { page, size }.encode_to_vec(),
        Call::Create { item } => CreateRequest { item: Some(item.into()) }.encode_to_vec(),
    }
}

fn grpc_reply(reply: &Reply) -> Option<Vec<u8>> {
    match reply.clone() {
        Reply::Item(item) => Some(Item::from(item).encode_to_vec()),
        Reply::Items(items) => {
            let items = items.into_iter().map(Item::from).collect();
            Some(ListResponse { items }.encode_to_vec())
        }
        Reply::Created(id) => Some(CreateResponse { id }.encode_to_vec()),
        Reply::NotFound(_) => None,
    }
}

/// Whether a message of gRPC has our meaning.
fn grpc_message(name: &str, kind: &str, bytes: &[u8]) -> Outcome<bool> {
    if kind == "call" {
        let (_, call) = sample::calls().into_iter().find(|(known, _)| *known == name).ok_or("unknown")?;
        return Ok(match call {
            Call::Get { id } => GetRequest::decode(bytes)? == GetRequest { id },
            Call::List { page, size } => ListRequest::decode(bytes)? == ListRequest { page, size },
            Call::Create { item } => CreateRequest::decode(bytes)?.item == Some(item.into()),
        });
    }
    let (_, reply) = sample::replies().into_iter().find(|(known, _)| *known == name).ok_or("unknown")?;
    Ok(match reply {
        Reply::Item(item) => Item::decode(bytes)? == item.into(),
        Reply::Items(items) => {
            ListResponse::decode(bytes)?.items == items.into_iter().map(Item::from).collect::<Vec<_>>()
        }
        Reply::Created(id) => CreateResponse::decode(bytes)? == CreateResponse { id },
        Reply::NotFound(_) => false,
    })
}

/// The same in JSON, for readers.
fn expected() -> serde_json::Value {
    let calls = sample::calls().into_iter().map(|(name, call)| {
        let arguments = match call {
            Call::Get { id } => json!([id]),
            Call::List { page, size } => json!([page, size]),
            Call::Create { item } => json!([item]),
        };
        (name.to_string(), arguments)
    });
    let replies = sample::replies().into_iter().map(|(name, reply)| {
        let value = match reply {
            Reply::Item(item) => json!(item),
            Reply::Items(items) => json!(items),
            Reply::Created(id) | Reply::NotFound(id) => json!(id),
        };
        (name.to_string(), value)
    });
    json!({
        "id": CALL,
        "calls": calls.collect::<serde_json::Map<_, _>>(),
        "replies": replies.collect::<serde_json::Map<_, _>>(),
    })
}

/// Reads every file that is there; one that has another meaning than ours is an error.
pub fn read(folder: &Path) -> Outcome<()> {
    let limits = Limits::default();
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    names.sort();
    for path in &names {
        let bytes = fs::read(path)?;
        let file = path.file_name().and_then(|name| name.to_str()).ok_or("a file without a name")?;
        let same = match file {
            "values.hessian" => {
                let mut reader = hessian::Reader::new(&bytes, &limits, ShortDouble::Thousandths)?;
                let value = reader.value()?;
                reader.end()?;
                value == hessian_values()
            }
            // What Java writes after it has read ours is the same, byte for byte.
            "values.ser" => {
                Stream::decode(&bytes, &limits)?;
                bytes == java_values().encode()
            }
            "redis.requests" => {
                let mut arrived = Arrived::new();
                arrived.push(&bytes);
                let mut requests = Vec::new();
                while !arrived.bytes().is_empty() {
                    let (request, used) = resp::decode_request(arrived.bytes(), &limits)?;
                    arrived.take(used);
                    requests.push(request);
                }
                requests == redis_requests()
            }
            _ => {
                let (stem, kind) = file.rsplit_once('.').ok_or_else(|| format!("{file}: unknown"))?;
                let form = Form::ALL.into_iter().find(|form| stem.starts_with(&format!("{}-", form.name())));
                let read = match (form, stem.strip_prefix("grpc-")) {
                    (Some(form), _) => message(form, &stem[form.name().len() + 1..], kind, &bytes),
                    (None, Some(name)) => grpc_message(name, kind, &bytes),
                    (None, None) => Err("unknown".into()),
                };
                read.map_err(|error| format!("{file}: {error}"))?
            }
        };
        if !same {
            return Err(format!("{file}: has another meaning").into());
        }
    }
    println!("{} files of others read", names.len());
    Ok(())
}

fn message(form: Form, name: &str, kind: &str, bytes: &[u8]) -> Outcome<bool> {
    let limits = Limits::default();
    if kind == "call" {
        let (_, call) = sample::calls().into_iter().find(|(known, _)| *known == name).ok_or("unknown")?;
        let received = form.decode_call(bytes, &limits)?;
        return Ok(received.message == call && received.used == bytes.len());
    }
    let (_, reply) = sample::replies().into_iter().find(|(known, _)| *known == name).ok_or("unknown")?;
    let received = form.decode_reply(reply.operation(), bytes, &limits)?;
    Ok(received.message == reply && received.used == bytes.len())
}

/// A list of all kinds of values, with a reference to itself.
fn hessian_values() -> hessian::Value {
    use hessian::Value;
    let mut all = vec![Value::Null, Value::Bool(true), Value::Bool(false)];
    let shifts = || (0..64).flat_map(|shift| [i64::MAX >> shift, i64::MIN >> shift]);
    all.extend(shifts().filter_map(|value| i32::try_from(value).ok()).map(Value::Int));
    all.extend(shifts().map(Value::Long));
    let doubles =
        [0.0, 1.0, -128.0, 127.0, 128.0, -32768.0, 32768.0, 12.25, 0.001, -65.536, 1.0e300, f64::MIN_POSITIVE];
    all.extend(doubles.map(Value::Double));
    all.extend([894_621_091_000, 894_621_060_000, -60_000, -1].map(Value::Date));
    all.extend(["", "ö€\u{1f9c0}\u{0}"].map(Value::text));
    all.extend([31, 32, 1023, 1024, 32_768, 70_000].map(|length| Value::Text("é".repeat(length))));
    all.extend([0, 15, 16, 1023, 1024, 32_768, 70_000].map(|length| Value::Binary(vec![0xa5; length])));
    all.push(Value::map(vec![(Value::Int(1), Value::text("fee"))]));
    let ints = (0..10).map(Value::Int).collect();
    all.push(Value::List(hessian::List { kind: Some("[int".into()), open: false, items: ints }));
    let ints = vec![Value::Int(7)];
    all.push(Value::List(hessian::List { kind: Some("[int".into()), open: false, items: ints }));
    all.push(Value::list(vec![]));
    all.push(hessian::item_to(&sample::item(1)));
    all.push(hessian::item_to(&sample::item(2)));
    all.push(Value::Ref(0));
    Value::list(all)
}

/// What an `ObjectOutputStream` writes: primitives, then objects of all kinds.
fn java_values() -> Stream {
    let mut heap = Heap::default();
    let mut block = 7i32.to_be_bytes().to_vec();
    block.extend((-5i64).to_be_bytes());
    block.extend(vec![9; 2000]);
    let mut all = Vec::new();
    let boxes = [
        Value::Byte(-1),
        Value::Char(0x20ac),
        Value::Double(0.1),
        Value::Float(-2.5),
        Value::Int(i32::MIN),
        Value::Long(i64::MAX),
        Value::Short(-300),
        Value::Boolean(true),
    ];
    all.extend(boxes.map(|value| java::boxed(&mut heap, value, &[])));
    let text = heap.text("ö€\u{1f9c0}\u{0}");
    let long = heap.text(&"é".repeat(40_000));
    all.extend([text, long, text, Value::Null]);
    let plain = |name: &str, serial| Arc::new(Class::new(name, serial, flags::SERIALIZABLE, &[], None));
    let class = plain("[B", -5_984_413_125_824_719_648);
    all.push(heap.add(Object::Bytes { class, bytes: vec![1, 2, 255] }));
    let class = plain("[I", 5_600_894_804_908_749_477);
    all.push(heap.add(Object::Array { class, items: vec![Value::Int(1), Value::Int(-2)] }));
    all.push(java::object_array(
        &mut heap,
        "[Ljava.lang.String;",
        -5_921_575_005_990_323_385,
        vec![text, Value::Null],
        &[],
    ));
    all.push(java::array_list(&mut heap, &[text, long], &[]));
    let both = flags::SERIALIZABLE | flags::ENUM;
    let parent = Some(Arc::new(Class::new("java.lang.Enum", 0, both, &[], None)));
    let class = Arc::new(Class::new("java.lang.annotation.RetentionPolicy", 0, both, &[], parent));
    let name = heap.text("RUNTIME");
    all.push(heap.add(Object::Enum { class, name }));
    all.push(heap.add(Object::Class(java::number_class(&[]))));
    let mut contents = vec![Content::Block(block)];
    contents.extend(all.into_iter().map(Content::Object));
    Stream { heap, contents }
}

fn redis_requests() -> Vec<Vec<&'static [u8]>> {
    vec![vec![b"SET", b"session:1", b"a\r\nb\0", b"EX", b"60"], vec![b"GET", b"session:1"], vec![b"PING"]]
}

fn redis_replies() -> Vec<resp::Value> {
    use resp::Value;
    vec![
        Value::Simple("OK".into()),
        Value::Error("ERR no".into()),
        Value::Integer(i64::MIN),
        Value::Bulk(b"a\r\nb\0".to_vec()),
        Value::Null,
        Value::NullArray,
        Value::Array(vec![Value::Integer(1), Value::Array(vec![Value::bulk("x"), Value::Null])]),
    ]
}
