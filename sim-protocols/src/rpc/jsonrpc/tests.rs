use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::testing::{calls, cuts, replies, text};

/// The server of the specification's examples.
fn example(request: &Request) -> Result<Value, Error> {
    let number = |name: &str, at: usize| match &request.params {
        Some(Value::Array(params)) => params[at].as_i64(),
        Some(Value::Object(params)) => params[name].as_i64(),
        _ => None,
    };
    match request.method.as_str() {
        "subtract" => match (number("minuend", 0), number("subtrahend", 1)) {
            (Some(minuend), Some(subtrahend)) => Ok(json!(minuend - subtrahend)),
            _ => Err(Code::InvalidParams.into()),
        },
        "sum" => {
            let params = request.params.as_ref().and_then(Value::as_array).expect("numbers");
            Ok(params.iter().filter_map(Value::as_i64).sum::<i64>().into())
        }
        "get_data" => Ok(json!(["hello", 5])),
        "update" | "notify_hello" | "notify_sum" => Ok(Value::Null),
        _ => Err(Code::MethodNotFound.into()),
    }
}

// tests: JSON-RPC §7, every example
#[test]
fn examples_of_the_specification() {
    let invalid = r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null}"#;
    let parse = r#"{"jsonrpc":"2.0","error":{"code":-32700,"message":"Parse error"},"id":null}"#;
    let one = format!("[{invalid}]");
    let three = format!("[{invalid},{invalid},{invalid}]");
    let examples: &[(&str, Option<&str>)] = &[
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": [42, 23], "id": 1}"#,
            Some(r#"{"jsonrpc":"2.0","result":19,"id":1}"#),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": [23, 42], "id": 2}"#,
            Some(r#"{"jsonrpc":"2.0","result":-19,"id":2}"#),
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "subtract", "params": {"subtrahend": 23, "minuend": 42}, "id": 3}"#,
            Some(r#"{"jsonrpc":"2.0","result":19,"id":3}"#),
        ),
        (r#"{"jsonrpc": "2.0", "method": "update", "params": [1,2,3,4,5]}"#, None),
        (r#"{"jsonrpc": "2.0", "method": "foobar"}"#, None),
        (
            r#"{"jsonrpc": "2.0", "method": "foobar", "id": "1"}"#,
            Some(r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"1"}"#),
        ),
        (r#"{"jsonrpc": "2.0", "method": "foobar, "params": "bar", "baz]"#, Some(parse)),
        (r#"{"jsonrpc": "2.0", "method": 1, "params": "bar"}"#, Some(invalid)),
        (
            r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"}, {"jsonrpc": "2.0", "method"]"#,
            Some(parse),
        ),
        ("[]", Some(invalid)),
        ("[1]", Some(&one)),
        ("[1,2,3]", Some(&three)),
        (
            r#"[{"jsonrpc": "2.0", "method": "sum", "params": [1,2,4], "id": "1"},
                {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]},
                {"jsonrpc": "2.0", "method": "subtract", "params": [42,23], "id": "2"},
                {"foo": "boo"},
                {"jsonrpc": "2.0", "method": "foo.get", "params": {"name": "myself"}, "id": "5"},
                {"jsonrpc": "2.0", "method": "get_data", "id": "9"}]"#,
            Some(concat!(
                r#"[{"jsonrpc":"2.0","result":7,"id":"1"},{"jsonrpc":"2.0","result":19,"id":"2"},"#,
                r#"{"jsonrpc":"2.0","error":{"code":-32600,"message":"Invalid Request"},"id":null},"#,
                r#"{"jsonrpc":"2.0","error":{"code":-32601,"message":"Method not found"},"id":"5"},"#,
                r#"{"jsonrpc":"2.0","result":["hello",5],"id":"9"}]"#
            )),
        ),
        (
            r#"[{"jsonrpc": "2.0", "method": "notify_sum", "params": [1,2,4]},
                {"jsonrpc": "2.0", "method": "notify_hello", "params": [7]}]"#,
            None,
        ),
    ];
    for (request, response) in examples {
        let served = serve(request.as_bytes(), &Limits::default(), example);
        let served = served.map(|bytes| String::from_utf8(bytes).expect("JSON is text"));
        assert_eq!(served.as_deref(), *response, "{request}");
    }
}

#[test]
fn codes() {
    for (number, code) in [(-32700, Code::ParseError), (-32050, Code::Server(-32050)), (7, Code::Unknown(7))] {
        assert_eq!(Code::from(number), code);
        assert_eq!(Error::from(code).code, number);
    }
}

#[test]
fn what_is_no_response() {
    let read = |text: &str| read_responses(text.as_bytes(), &Limits::default());
    let other = Err(DecodeError::Malformed("not a response"));
    assert_eq!(read(r#"{"jsonrpc":"2.0","result":1,"error":{"code":1,"message":""},"id":1}"#), other, "both");
    assert_eq!(read(r#"{"jsonrpc":"2.0","id":1}"#), other, "neither");
    assert_eq!(read(r#"{"jsonrpc":"1.0","result":1,"id":1}"#), other);
    assert_eq!(read(r#"{"jsonrpc":"2.0","result":1}"#), other, "no id");
    assert_eq!(read("[]"), Err(DecodeError::Malformed("an empty batch")));
    assert_eq!(read("{"), Err(DecodeError::Truncated));
}

#[test]
fn bombs_and_lines() {
    let limits = Limits { depth: 10, count: 20, bytes: 100 };
    let read = |text: &str| read_responses(text.as_bytes(), &limits);
    assert_eq!(read(&format!("{}{}", "[".repeat(11), "]".repeat(11))), Err(DecodeError::Limit("depth")));
    assert_eq!(read(&format!("[{}1]", "1,".repeat(30))), Err(DecodeError::Limit("count")));
    assert_eq!(read(&" ".repeat(101)), Err(DecodeError::Limit("bytes")));
    let deep = "[".repeat(100_000);
    assert_eq!(read_responses(deep.as_bytes(), &Limits::default()), Err(DecodeError::Malformed("not JSON")));
    assert_eq!(line(b"{}\n{", &limits), Ok(3));
    assert_eq!(line(b"{", &limits), Err(DecodeError::Truncated));
    assert_eq!(line(&[b' '; 101], &limits), Err(DecodeError::Limit("bytes")));
}

proptest! {
    #[test]
    fn calls_and_replies_come_back(id in any::<u64>(), call in calls(), reply in replies(), method in text()) {
        let limits = Limits::default();
        let requests = [call_to(id, &call), Request::new(&method, None, None), Request::new(&method, None, Some(Id::Text(method.clone())))];
        for request in &requests {
            let bytes = frame(request.encode());
            prop_assert_eq!(line(&bytes, &limits), Ok(bytes.len()), "no newline within");
            prop_assert_eq!(read_requests(&bytes, &limits), Ok(Incoming::Single(Ok(request.clone()))));
            for cut in cuts(bytes.len() - 1) {
                prop_assert_eq!(read_requests(&bytes[..cut], &limits), Err(Code::ParseError.into()));
            }
        }
        prop_assert_eq!(call_from(&requests[0]), Ok(call));
        let several = requests.iter().cloned().map(Ok).collect();
        prop_assert_eq!(read_requests(&batch(&requests), &limits), Ok(Incoming::Batch(several)));
        let response = reply_to(id, &reply);
        let bytes = response.encode();
        for cut in cuts(bytes.len()) {
            prop_assert_eq!(read_responses(&bytes[..cut], &limits), Err(DecodeError::Truncated));
        }
        prop_assert_eq!(reply_from(reply.operation(), &response), Ok(reply));
        prop_assert_eq!(read_responses(&bytes, &limits), Ok(vec![response]));
    }

    #[test]
    fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..60), json in r#"[\[\]{}",:0-9a-z .-]{0,40}"#) {
        for bytes in [bytes, json.into_bytes()] {
            let _ = read_requests(&bytes, &Limits::default());
            let _ = read_responses(&bytes, &Limits::default());
            let _ = serve(&bytes, &Limits::default(), |_| Ok(Value::Null));
        }
    }
}
