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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::model::Call;
    use crate::rpc::rmi::Protocol;
    use crate::rpc::thrift::Encoding;

    #[test]
    fn each_form_is_told_by_its_first_bytes() {
        let mut opening = Vec::new();
        Opening { protocol: Protocol::Stream }.emit(&mut opening);
        assert_eq!(message(&opening).as_deref(), Some("RMI opening"));
        assert_eq!(message(b"\x50\xac\xed\x00\x05\x77").as_deref(), Some("RMI call"));
        assert_eq!(message(b"\x51\xac\xed\x00\x05\x77").as_deref(), Some("RMI return"));
        let header = Header { request: true, two_way: true, event: false, status: 0, id: 7, length: 3 };
        let dubbo = |header: Header| {
            let mut bytes = Vec::new();
            header.emit(&mut bytes);
            message(&bytes)
        };
        assert_eq!(dubbo(header).as_deref(), Some("Dubbo request 7"));
        assert_eq!(dubbo(Header { event: true, ..header }).as_deref(), Some("Dubbo heartbeat"));
        let answer = Header { request: false, status: 20, ..header };
        assert_eq!(dubbo(answer).as_deref(), Some("Dubbo response 7 Ok"));
        for encoding in [Encoding::Binary, Encoding::Compact] {
            let call = thrift::encode_call(encoding, 1, &Call::Get { id: 7 });
            assert_eq!(message(&call).as_deref(), Some("Thrift call get"), "{encoding:?}");
            // Its end may be in the next segment.
            assert_eq!(message(&call[..call.len() - 1]).as_deref(), Some("Thrift call get"), "{encoding:?}");
        }
        assert_eq!(message(b"hello world, this is none of them"), None);
    }

    #[test]
    fn a_store_is_asked_and_answers() {
        let asked = resp::encode_request(&[b"GET".as_slice(), b"session:1"]);
        assert_eq!(store(&asked).as_deref(), Some("RESP GET session:1"));
        for (bytes, said) in
            [("+OK\r\n", "RESP OK"), (":3\r\n", "RESP 3"), ("$5\r\nhello\r\n", "RESP 5 bytes"), ("$-1\r\n", "RESP nil")]
        {
            assert_eq!(store(bytes.as_bytes()).as_deref(), Some(said), "{bytes}");
        }
        assert_eq!((store(b"+OK\r\nmore"), store(b"+O")), (None, None));
    }
}
