use proptest::prelude::*;

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::hessian::Value;
use crate::rpc::model::Call;
use crate::rpc::testing::{calls, cuts, hex, replies};

fn decode(bytes: &[u8]) -> Result<(Message, usize), DecodeError> {
    Message::decode(bytes, &Limits::default())
}

/// Heartbeats as every implementation sends them.
#[test]
fn heartbeats() {
    for (request, bytes) in
        [(true, "dabbe200 0000000000000009 00000001 4e"), (false, "dabb2214 0000000000000009 00000001 4e")]
    {
        let heartbeat = Message::heartbeat(request, 9);
        assert_eq!(heartbeat.encode(), hex(bytes));
        assert_eq!(decode(&hex(bytes)), Ok((heartbeat, 17)));
    }
}

#[test]
fn a_request_has_its_parts_in_order() {
    let bytes = Message::Request(call_to(1, &Call::List { page: 0, size: 5 })).encode();
    let mut expected = hex("dabbc200 0000000000000001 00000072");
    expected.extend_from_slice(b"\x052.0.2\x15clockwire.ItemService\x050.0.0\x04list\x02II\x90\x95");
    expected.extend_from_slice(b"H\x04path\x15clockwire.ItemService\x09interface\x15clockwire.ItemService");
    expected.extend_from_slice(b"\x07version\x050.0.0Z");
    expected[15] = (expected.len() - Header::LEN) as u8;
    assert_eq!(bytes, expected);
}

#[test]
fn all_kinds_of_results() {
    let attachments = || Some(vec![("dubbo".to_string(), Value::text("3.2.0"))]);
    let bodies = [
        (0x90, Body::Exception(Value::text("e"), None)),
        (0x91, Body::Value(Value::Int(1), None)),
        (0x92, Body::Null(None)),
        (0x93, Body::Exception(Value::text("e"), attachments())),
        (0x94, Body::Value(Value::Int(1), attachments())),
        (0x95, Body::Null(attachments())),
    ];
    for (kind, body) in bodies {
        let message = Message::Response(Response { id: 3, body });
        let bytes = message.encode();
        assert_eq!((bytes[3], bytes[16]), (20, kind));
        assert_eq!(decode(&bytes), Ok((message, bytes.len())));
    }
    for code in 0..=255 {
        let status = Status::from(code);
        assert_eq!(u8::from(status), code);
        if status != Status::Ok {
            let message = Message::Response(Response { id: 3, body: Body::Failed(status, "why".into()) });
            assert_eq!(decode(&message.encode()), Ok((message, 20)));
        }
    }
    let kind = hex("dabb0214 0000000000000003 00000001 96");
    assert_eq!(decode(&kind), Err(DecodeError::Malformed("no such kind of result")));
}

#[test]
fn descriptors() {
    assert_eq!(parameters("J[[I[Ljava/lang/String;Z"), Ok(vec!["J", "[[I", "[Ljava/lang/String;", "Z"]));
    assert_eq!(parameters(""), Ok(vec![]));
    for wrong in ["V", "L", "[", "Ljava/lang/String", "Jé"] {
        assert_eq!(parameters(wrong), Err(DecodeError::Malformed("not a descriptor")), "{wrong}");
    }
}

#[test]
fn hostile_headers() {
    assert_eq!(decode(&hex("dabc")), Err(DecodeError::Malformed("not Dubbo's magic number")));
    assert_eq!(decode(&hex("dabbc6")), Err(DecodeError::Unsupported("another serialisation than Hessian 2")));
    let bomb = hex("dabbc200 0000000000000001 ffffffff");
    assert_eq!(decode(&bomb), Err(DecodeError::Limit("bytes")));
    let early = hex("dabbc200 0000000000000001 00000002 0532");
    assert_eq!(decode(&early), Err(DecodeError::Malformed("a body that ends too early")));
    let late = hex("dabbe200 0000000000000001 00000002 4e4e");
    assert_eq!(decode(&late), Err(DecodeError::Malformed("bytes behind the end")));
}

proptest! {
    #[test]
    fn calls_and_replies_come_back(id in any::<u64>(), call in calls(), reply in replies()) {
        let (request, response) = (call_to(id, &call), reply_to(id, &reply));
        prop_assert_eq!(call_from(&request), Ok(call));
        prop_assert_eq!(reply_from(&response), Ok(reply));
        for message in [Message::Request(request), Message::Response(response)] {
            let mut bytes = message.encode();
            for cut in cuts(bytes.len()) {
                prop_assert_eq!(decode(&bytes[..cut]), Err(DecodeError::Truncated));
            }
            let length = bytes.len();
            bytes.push(0xda);
            prop_assert_eq!(decode(&bytes), Ok((message, length)));
        }
    }

    #[test]
    fn no_bytes_are_too_strange(flags in prop_oneof![Just(0xc2u8), Just(0x02), Just(0xe2)], bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let _ = decode(&bytes);
        let mut message = vec![0xda, 0xbb, flags, 20];
        message.extend(7u64.to_be_bytes());
        message.extend((bytes.len() as u32).to_be_bytes());
        message.extend(bytes);
        if let Ok((message, _)) = decode(&message) {
            let again = message.encode();
            prop_assert_eq!(format!("{:?}", decode(&again)), format!("{:?}", Ok::<_, DecodeError>((message, again.len()))));
        }
    }
}
