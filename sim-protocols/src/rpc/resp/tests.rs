use proptest::prelude::*;
use sim_core::{Span, Time};

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::testing::cuts;

fn decode(bytes: &[u8]) -> Result<(Value, usize), DecodeError> {
    Value::decode(bytes, &Limits::default())
}

// tests: the examples of the protocol's description
#[test]
fn examples_of_the_description() {
    let bulk = |text: &str| Value::bulk(text);
    let error = "WRONGTYPE Operation against a key holding the wrong kind of value";
    let examples = [
        ("+OK\r\n", Value::Simple("OK".into())),
        ("-Error message\r\n", Value::Error("Error message".into())),
        (&format!("-{error}\r\n"), Value::Error(error.into())),
        (":0\r\n", Value::Integer(0)),
        (":1000\r\n", Value::Integer(1000)),
        ("$5\r\nhello\r\n", bulk("hello")),
        ("$0\r\n\r\n", bulk("")),
        ("$-1\r\n", Value::Null),
        ("*0\r\n", Value::Array(vec![])),
        ("*2\r\n$5\r\nhello\r\n$5\r\nworld\r\n", Value::Array(vec![bulk("hello"), bulk("world")])),
        ("*3\r\n:1\r\n:2\r\n:3\r\n", Value::Array([1, 2, 3].map(Value::Integer).to_vec())),
        ("*-1\r\n", Value::NullArray),
        ("*3\r\n$5\r\nhello\r\n$-1\r\n$5\r\nworld\r\n", Value::Array(vec![bulk("hello"), Value::Null, bulk("world")])),
    ];
    for (bytes, value) in examples {
        assert_eq!(value.encode(), bytes.as_bytes());
        assert_eq!(decode(bytes.as_bytes()), Ok((value, bytes.len())));
    }
    assert_eq!(decode(b":+7\r\n"), Ok((Value::Integer(7), 5)));
    assert_eq!(encode_request(&[b"LLEN", b"mylist"]), b"*2\r\n$4\r\nLLEN\r\n$6\r\nmylist\r\n");
    let words = [b"PING".to_vec(), b"x".to_vec()].to_vec();
    assert_eq!(decode_request(b"PING  x\r\n+", &Limits::default()), Ok((words, 9)));
}

#[test]
fn hostile_bytes() {
    assert_eq!(decode(b"*1\r\n".repeat(100).as_slice()), Err(DecodeError::Limit("depth")));
    assert_eq!(decode(b"*2147483647\r\n"), Err(DecodeError::Limit("count")));
    assert_eq!(decode(b"$2147483647\r\n"), Err(DecodeError::Limit("bytes")));
    assert_eq!(decode(b"$-2\r\n"), Err(DecodeError::Malformed("a negative length")));
    assert_eq!(decode(b"$1\r\nabc"), Err(DecodeError::Malformed("a bulk string without its end")));
    assert_eq!(decode(b":1\n"), Err(DecodeError::Malformed("half a line end")));
    assert_eq!(decode(b":1\rx"), Err(DecodeError::Malformed("half a line end")));
    assert_eq!(decode(b":12345678901234567890123"), Err(DecodeError::Malformed("a line that is too long")));
    assert_eq!(decode(b"!1\r\n"), Err(DecodeError::Malformed("no value begins so")));
    let small = Limits { bytes: 8, ..Limits::default() };
    assert_eq!(Value::decode(b"+123456789", &small), Err(DecodeError::Limit("bytes")));
    assert_eq!(decode_request(b"123456789", &small), Err(DecodeError::Limit("bytes")));
    let other = decode_request(b"*1\r\n:1\r\n", &Limits::default());
    assert_eq!(other, Err(DecodeError::Malformed("a request of other things than bulk strings")));
}

/// A conversation: at a millisecond, a request, the reply as it is on the wire.
fn talk(store: &mut Store, lines: &[(u64, &str, &str)]) {
    let mut client = Client::default();
    for (ms, request, reply) in lines {
        let words: Vec<Vec<u8>> = request.split(' ').map(Into::into).collect();
        let now = Time::from_ps(0).saturating_add(Span::from_ms(*ms));
        let bytes = store.execute(&mut client, now, &words).encode();
        assert_eq!(String::from_utf8_lossy(&bytes).replace("\r\n", "|"), *reply, "{request} at {ms} ms");
    }
}

#[test]
fn keys_expire_in_virtual_time() {
    let mut store = Store::new(None);
    talk(
        &mut store,
        &[
            (0, "SET a 1 EX 10", "+OK|"),
            (0, "set b 2 px 1500 nx", "+OK|"),
            (0, "SET b 3 NX", "$-1|"),
            (0, "SET c 3 XX", "$-1|"),
            (1, "PTTL b", ":1499|"),
            (1, "TTL b", ":1|"),
            (999, "TTL b", ":1|"),
            (1001, "TTL b", ":0|"),
            (1499, "GET b", "$1|2|"),
            (1500, "GET b", "$-1|"),
            (1500, "TTL b", ":-2|"),
            (2000, "SET a 5", "+OK|"),
            (2000, "TTL a", ":-1|"),
            (2000, "EXPIRE a 3", ":1|"),
            (2000, "EXPIRE none 3", ":0|"),
            (4999, "EXISTS a a b", ":2|"),
            (5000, "EXISTS a", ":0|"),
            (5000, "SET a 1", "+OK|"),
            (5000, "EXPIRE a -1", ":1|"),
            (5000, "DEL a", ":0|"),
            (5000, "MGET a b", "*2|$-1|$-1|"),
        ],
    );
    assert_eq!(store.keys(0, Time::from_ps(0)), 0);
}

#[test]
fn hashes_databases_and_errors() {
    talk(
        &mut Store::new(None),
        &[
            (0, "HSET s user 7 role admin", ":2|"),
            (0, "HSET s user 8", ":0|"),
            (0, "HGET s user", "$1|8|"),
            (0, "HGET s none", "$-1|"),
            (0, "HGETALL s", "*4|$4|role|$5|admin|$4|user|$1|8|"),
            (0, "HGETALL none", "*0|"),
            (0, "HSET s a", "-ERR wrong number of arguments for 'hset' command|"),
            (0, "GET s", "-WRONGTYPE Operation against a key holding the wrong kind of value|"),
            (0, "MGET s", "*1|$-1|"),
            (0, "SELECT 1", "+OK|"),
            (0, "EXISTS s", ":0|"),
            (0, "SELECT 16", "-ERR DB index is out of range|"),
            (0, "SET a 1 EX 0", "-ERR invalid expire time in 'set' command|"),
            (0, "SET a 1 EX x", "-ERR value is not an integer or out of range|"),
            (0, "SET a 1 NX XX", "-ERR syntax error|"),
            (0, "GET", "-ERR wrong number of arguments for 'get' command|"),
            (0, "PING", "+PONG|"),
            (0, "PING hello", "$5|hello|"),
            (0, "FOO a", "-ERR unknown command 'FOO', with args beginning with: 'a' |"),
        ],
    );
    talk(
        &mut Store::new(Some("secret")),
        &[
            (0, "PING", "-NOAUTH Authentication required.|"),
            (0, "AUTH wrong", "-WRONGPASS invalid username-password pair or user is disabled.|"),
            (0, "AUTH default secret", "+OK|"),
            (0, "PING", "+PONG|"),
        ],
    );
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        "[^\r\n]{0,20}".prop_map(Value::Simple),
        "[^\r\n]{0,20}".prop_map(Value::Error),
        any::<i64>().prop_map(Value::Integer),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bulk),
        Just(Value::Null),
        Just(Value::NullArray),
    ];
    leaf.prop_recursive(4, 30, 6, |inner| prop::collection::vec(inner, 0..6).prop_map(Value::Array))
}

proptest! {
    #[test]
    fn values_come_back(value in values(), more in "[+:]{0,3}") {
        let mut bytes = value.encode();
        let length = bytes.len();
        for cut in cuts(length) {
            prop_assert_eq!(decode(&bytes[..cut]), Err(DecodeError::Truncated));
        }
        bytes.extend(more.bytes());
        prop_assert_eq!(decode(&bytes), Ok((value, length)));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..60), text in "[*$:+-][0-9-]{0,3}(\r\n[*$:+-][0-9a]{0,3}){0,6}\r\n") {
        for bytes in [bytes, text.into_bytes()] {
            let _ = decode(&bytes);
            let _ = decode_request(&bytes, &Limits::default());
        }
    }

    #[test]
    fn no_request_is_too_strange(words in prop::collection::vec(prop_oneof![
        "(set|get|del|expire|ttl|pttl|hset|hget|hgetall|mget|exists|ping|auth|select|ex|px|nx|xx)",
        "[ab]", "-?[0-9]{1,20}", "\\PC{0,5}", "[\r\n]",
    ], 0..7), ms in any::<u32>()) {
        let words: Vec<Vec<u8>> = words.into_iter().map(String::into_bytes).collect();
        let now = Time::from_ps(0).saturating_add(Span::from_ms(ms.into()));
        let mut store = Store::new(None);
        let mut client = Client::default();
        for _ in 0..2 {
            let reply = store.execute(&mut client, now, &words);
            prop_assert!(decode(&reply.encode()).is_ok());
        }
    }
}
