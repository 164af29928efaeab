//! The first bytes of remote calls over TCP, and of what a store of sessions is asked.

use crate::rpc::dubbo::{self, Header};
use crate::rpc::rmi::Opening;
use crate::rpc::{Limits, resp, thrift};

use super::short;

/// Streams of Java objects begin so (Java Object Serialization §6.4.2).
const JAVA: [u8; 4] = [0xac, 0xed, 0, 5];

/// A message of RMI, Dubbo or Thrift.
pub(super) fn message(bytes: &[u8]) -> Option<String> {
    rmi(bytes).or_else(|| dubbo(bytes)).or_else(|| thrift(bytes))
}

fn rmi(bytes: &[u8]) -> Option<String> {
    if Opening::parse(bytes).is_ok() {
        return Some("RMI opening".into());
    }
    let (tag, rest) = bytes.split_first()?;
    match tag {
        0x50 if rest.starts_with(&JAVA) => Some("RMI call".into()),
        0x51 if rest.starts_with(&JAVA) => Some("RMI return".into()),
        _ => None,
    }
}

fn dubbo(bytes: &[u8]) -> Option<String> {
    let header = Header::parse(bytes, &Limits::default()).ok()?;
    let status = || format!("{:?}", dubbo::Status::from(header.status));
    Some(match (header.request, header.event) {
        (true, true) => "Dubbo heartbeat".into(),
        (true, false) => format!("Dubbo request {}", header.id),
        (false, _) => format!("Dubbo response {} {}", header.id, status()),
    })
}

fn thrift(bytes: &[u8]) -> Option<String> {
    let (kind, head) = thrift::peek(bytes)?;
    Some(format!("Thrift {kind} {}", short(&head.name)))
}

/// A command or a short answer of Redis's protocol: all of the segment.
pub(super) fn store(bytes: &[u8]) -> Option<String> {
    let limits = Limits::default();
    if let Ok((words, used)) = resp::decode_request(bytes, &limits)
        && used == bytes.len()
        && bytes.starts_with(b"*")
    {
        let words: Vec<_> = words.iter().take(2).map(|word| String::from_utf8_lossy(word)).collect();
        return Some(short(&format!("RESP {}", words.join(" "))));
    }
    let (value, used) = resp::Value::decode(bytes, &limits).ok()?;
    let said = match value {
        _ if used != bytes.len() => return None,
        resp::Value::Simple(text) => text,
        resp::Value::Error(text) => text,
        resp::Value::Integer(number) => number.to_string(),
        resp::Value::Bulk(bytes) => format!("{} bytes", bytes.len()),
        resp::Value::Null | resp::Value::NullArray => "nil".into(),
        resp::Value::Array(items) => format!("{} values", items.len()),
    };
    Some(short(&format!("RESP {said}")))
}
