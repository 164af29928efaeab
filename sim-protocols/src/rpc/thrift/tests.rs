use proptest::prelude::*;

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::model::{Call, Reply};
use crate::rpc::testing::{calls, cuts, hex, replies};

const BOTH: [Encoding; 2] = [Encoding::Binary, Encoding::Compact];

/// The bytes that the protocols' descriptions ("Thrift Binary protocol encoding", "Thrift Compact protocol encoding") ask for.
#[test]
fn a_call_in_both_protocols() {
    let call = Call::Get { id: 7 };
    // Version 1 and type 1 (call), the name, the number; a field of type 10 (i64) with id 1; the end of the struct.
    let binary = hex("00000020 80010001 00000003 676574 00000005 0a0001 0000000000000007 00");
    let mut expected = binary.clone();
    expected[3] = (binary.len() - 4) as u8;
    assert_eq!(encode_call(Encoding::Binary, 5, &call), expected);
    // 0x82, version 1 and type 1, the number and the name's length as variable integers; delta 1 and type 6 (i64), 7 in zigzag is 14.
    let compact = hex("0000000a 8221 05 03676574 160e 00");
    assert_eq!(encode_call(Encoding::Compact, 5, &call), compact);
    for (encoding, bytes) in [(Encoding::Binary, expected), (Encoding::Compact, compact)] {
        assert_eq!(decode_call(encoding, &bytes, &Limits::default()), Ok((call.clone(), 5)));
    }
}

#[test]
fn failures_of_the_protocol() {
    for encoding in BOTH {
        for kind in 0..=10 {
            let failure = Failure { kind, message: "why".into() };
            let head = Head { name: "nothing".into(), sequence: -1 };
            let bytes = encode_failure(encoding, &head, &failure);
            assert_eq!(decode_failure(encoding, &bytes, &Limits::default()), Ok((failure, head)));
            let refused = decode_reply(encoding, &bytes, &Limits::default());
            assert_eq!(refused, Err(DecodeError::Unsupported("a failure of the protocol")));
        }
    }
}

#[test]
fn hostile_frames() {
    let limits = Limits::default();
    assert_eq!(frame(&hex("ffffffff"), &limits), Err(DecodeError::Malformed("a negative length")));
    assert_eq!(frame(&hex("7fffffff"), &limits), Err(DecodeError::Limit("bytes")));
    // A name of two thousand million bytes, a list of as many items.
    let name = hex("0000000c 80010001 7fffffff 00000000");
    assert_eq!(decode_call(Encoding::Binary, &name, &limits), Err(DecodeError::Limit("count")));
    let list = hex("00000017 80010002 00000004 6c697374 00000001 0f0000 0c 7fffffff");
    let mut list = list;
    list[3] = (list.len() - 4) as u8;
    assert_eq!(decode_reply(Encoding::Binary, &list, &limits), Err(DecodeError::Limit("count")));
    // Structs inside structs in a field that nobody knows.
    let mut deep = hex("00000000 80010001 00000003 676574 00000001");
    deep.extend(hex("0c0009").repeat(200));
    let length = (deep.len() - 4) as u16;
    deep[2..4].copy_from_slice(&length.to_be_bytes());
    assert_eq!(decode_call(Encoding::Binary, &deep, &limits), Err(DecodeError::Limit("depth")));
    let old = hex("0000000b 00000003 676574 01 00000005");
    let old = [&hex("0000000c"), &old[4..]].concat();
    assert_eq!(
        decode_call(Encoding::Binary, &old, &limits),
        Err(DecodeError::Unsupported("another version of the protocol"))
    );
}

proptest! {
    #[test]
    fn calls_and_replies_come_back(sequence in any::<i32>(), call in calls(), reply in replies()) {
        let limits = Limits::default();
        for encoding in BOTH {
            let bytes = encode_call(encoding, sequence, &call);
            prop_assert_eq!(frame(&bytes, &limits), Ok(bytes.len()));
            prop_assert_eq!(decode_call(encoding, &bytes, &limits), Ok((call.clone(), sequence)));
            for cut in cuts(bytes.len()) {
                prop_assert_eq!(decode_call(encoding, &bytes[..cut], &limits), Err(DecodeError::Truncated));
                // A frame that is whole around a message that is not.
                if let Some(inner) = bytes.get(4..cut) {
                    let framed = [&(inner.len() as u32).to_be_bytes()[..], inner].concat();
                    prop_assert!(decode_call(encoding, &framed, &limits).is_err());
                }
            }
            let bytes = encode_reply(encoding, sequence, &reply);
            prop_assert_eq!(decode_reply(encoding, &bytes, &limits), Ok((reply.clone(), sequence)));
        }
    }

    #[test]
    fn no_bytes_are_too_strange(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        reply in replies(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        for encoding in BOTH {
            let framed = [&(bytes.len() as u32).to_be_bytes()[..], &bytes].concat();
            let mut spoiled = encode_reply(encoding, 1, &reply);
            for (at, byte) in &flips {
                let at = 4 + at.index(spoiled.len() - 4);
                spoiled[at] = *byte;
            }
            for bytes in [&bytes, &framed, &spoiled] {
                let _ = decode_call(encoding, bytes, &Limits::default());
                let _: Result<(Reply, i32), DecodeError> = decode_reply(encoding, bytes, &Limits::default());
                let _ = decode_failure(encoding, bytes, &Limits::default());
            }
        }
    }
}
