use proptest::prelude::*;

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::java::Kind;
use crate::rpc::testing::{calls, cuts, hex, replies};

fn parameters(target: &ObjId, operation: i32, hash: i64) -> Option<Vec<Kind>> {
    let own = || call_parameters(operation, hash).filter(|_| *target == SERVICE);
    lookup_parameters(target, operation, hash).or_else(|| dgc_parameters(target, operation, hash)).or_else(own)
}

fn client(bytes: &[u8]) -> Result<(ClientMessage, usize), DecodeError> {
    read_client(bytes, &Limits::default(), parameters)
}

#[test]
fn openings_and_acknowledgements() {
    for (protocol, bytes) in [(Protocol::Stream, "4a524d4900024b"), (Protocol::SingleOp, "4a524d4900024c")] {
        let mut out = Vec::new();
        Opening { protocol }.emit(&mut out);
        assert_eq!(out, hex(bytes));
        assert_eq!(Opening::parse(&out), Ok(Opening { protocol }));
        for cut in cuts(out.len()) {
            assert_eq!(Opening::parse(&out[..cut]), Err(DecodeError::Truncated));
        }
    }
    let multiplex = Opening::parse(&hex("4a524d4900024d"));
    assert_eq!(multiplex, Err(DecodeError::Unsupported("the multiplexing protocol")));
    for ack in [Ack::Supported(Endpoint::new("10.0.0.1", 40_000)), Ack::NotSupported] {
        let mut out = Vec::new();
        ack.emit(&mut out);
        assert_eq!(Ack::parse(&out), Ok((ack, out.len())));
    }
}

/// A lookup as a JDK sends it: a block of 34 bytes, and the name.
#[test]
fn a_lookup_has_the_bytes_of_the_jdk() {
    let call = lookup("items");
    let printed =
        "50 aced0005 7722 0000000000000000 00000000 0000000000000000 0000 00000002 44154dc9d4e63bdf 740005 6974656d73";
    assert_eq!(call.encode(), hex(printed));
    let (read, used) = client(&call.encode()).expect("it is right");
    assert_eq!((read, used), (ClientMessage::Call(call.clone()), call.encode().len()));
    assert_eq!(lookup_name(&call), Ok("items"));
}

#[test]
fn hashes_of_known_methods() {
    // What the JDK's own dispatchers hold: the registry's `list()` and the remote `Registry.lookup`.
    assert_eq!(method_hash("list()[Ljava/lang/String;"), 2_571_371_476_350_237_748);
    assert_eq!(method_hash("lookup(Ljava/lang/String;)Ljava/rmi/Remote;"), -7_538_657_168_040_752_697);
}

#[test]
fn stubs_pings_and_acknowledgements() {
    let uid = Uid { unique: 7, time: 1_700_000_000_000, count: -5 };
    let stub = Stub {
        interfaces: vec!["clockwire.ItemService".into()],
        endpoint: Endpoint::new("10.0.0.2", 1099),
        id: SERVICE,
        in_return: true,
    };
    let bytes = lookup_reply(uid, &stub).encode();
    let kind = Kind::object("Ljava/rmi/Remote;");
    let (ServerMessage::Return(reply), used) =
        read_server(&bytes, &Limits::default(), Some(&kind)).expect("it is right")
    else {
        panic!("a return")
    };
    assert_eq!((used, reply.uid), (bytes.len(), uid));
    let Outcome::Returned(Some(value)) = reply.outcome else { panic!("a value") };
    assert_eq!(Stub::from_object(&reply.heap, value), Ok(stub));
    for message in [ClientMessage::Ping, ClientMessage::DgcAck(uid)] {
        let bytes = message.encode();
        assert_eq!(client(&bytes), Ok((message, bytes.len())));
    }
    assert_eq!(read_server(&[0x53], &Limits::default(), None), Ok((ServerMessage::PingAck, 1)));
    assert_eq!(client(&[0x51]), Err(DecodeError::Malformed("no message of a client")));
}

#[test]
fn unknown_methods_and_bombs_are_refused() {
    let mut call = lookup("a");
    call.operation = 9;
    assert_eq!(client(&call.encode()), Err(DecodeError::Unsupported("a method nobody knows")));
    let small = Limits { bytes: 20, ..Limits::default() };
    assert_eq!(read_client(&call.encode(), &small, parameters), Err(DecodeError::Limit("bytes")));
}

proptest! {
    #[test]
    fn calls_and_replies_come_back(call in calls(), reply in replies(), more in prop::collection::vec(any::<u8>(), 0..5)) {
        let mut bytes = call_to(SERVICE, &call).encode();
        let length = bytes.len();
        for cut in cuts(length) {
            prop_assert_eq!(client(&bytes[..cut]), Err(DecodeError::Truncated));
        }
        // What follows is the next message's.
        bytes.extend(&more);
        let (message, used) = client(&bytes).expect("it is right");
        let ClientMessage::Call(read) = message else { panic!("a call") };
        prop_assert_eq!((call_from(&read), used), (Ok(call), length));

        let uid = Uid { unique: 1, time: 2, count: 3 };
        let bytes = reply_to(uid, &reply).encode();
        let kind = reply_kind(reply.operation());
        for cut in cuts(bytes.len()) {
            prop_assert_eq!(read_server(&bytes[..cut], &Limits::default(), Some(&kind)), Err(DecodeError::Truncated));
        }
        let (message, used) = read_server(&bytes, &Limits::default(), Some(&kind)).expect("it is right");
        let ServerMessage::Return(read) = message else { panic!("a return") };
        prop_assert_eq!(used, bytes.len());
        prop_assert_eq!(reply_from(reply.operation(), &read), Ok(reply));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..100), call in calls(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = client(&bytes);
        let _ = (Opening::parse(&bytes), Ack::parse(&bytes), Endpoint::parse(&bytes));
        let kind = Kind::object("Ljava/lang/Object;");
        let _ = read_server(&bytes, &Limits::default(), Some(&kind));
        let mut spoiled = call_to(SERVICE, &call).encode();
        let at = at.index(spoiled.len());
        spoiled[at] = byte;
        if let Ok((ClientMessage::Call(call), _)) = client(&spoiled) {
            let _ = call_from(&call);
        }
    }
}
