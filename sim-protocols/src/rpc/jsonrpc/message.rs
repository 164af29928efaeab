//! Requests, notifications, responses, batches.

use serde::Serialize;
use serde_json::{Map, Number, Value};

use crate::rpc::bytes::{DecodeError, Limits};

/// The media type of bodies over HTTP.
pub const CONTENT_TYPE: &str = "application/json";

/// Which request (JSON-RPC §4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(untagged)]
pub enum Id {
    /// Null: of a response to a request whose id could not be read (§5).
    Null,
    /// A number.
    Number(Number),
    /// A text.
    Text(String),
}

impl From<u64> for Id {
    fn from(id: u64) -> Id {
        Id::Number(id.into())
    }
}

/// A request, or a notification where it has no id (§4, §4.1).
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Request {
    jsonrpc: Version,
    /// The method.
    pub method: String,
    /// An array by position or an object by name (§4.2); `None` where there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// Which one; `None`: nobody waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Id>,
}

impl Request {
    /// A request.
    pub fn new(method: &str, params: Option<Value>, id: Option<Id>) -> Request {
        Request { jsonrpc: Version::Two, method: method.into(), params, id }
    }

    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

/// The member `jsonrpc`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
enum Version {
    #[serde(rename = "2.0")]
    Two,
}

/// A response (§5).
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// Which request.
    pub id: Id,
    /// The result, or why there is none.
    pub outcome: Result<Value, Error>,
}

impl Response {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        to_bytes(self)
    }
}

impl Serialize for Response {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeMap;
        let mut map = serializer.serialize_map(Some(3))?;
        map.serialize_entry("jsonrpc", &Version::Two)?;
        match &self.outcome {
            Ok(result) => map.serialize_entry("result", result)?,
            Err(error) => map.serialize_entry("error", error)?,
        }
        map.serialize_entry("id", &self.id)?;
        map.end()
    }
}

/// What went wrong (§5.1).
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Error {
    /// Its number; [`Code`] has the reserved ones.
    pub code: i64,
    /// A short sentence.
    pub message: String,
    /// More, as the server likes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

/// Reserved numbers of errors (§5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Code {
    /// -32700: no JSON.
    ParseError,
    /// -32600: JSON, but no request.
    InvalidRequest,
    /// -32601: there is no such method.
    MethodNotFound,
    /// -32602: other parameters.
    InvalidParams,
    /// -32603: the server's own fault.
    InternalError,
    /// -32099 to -32000: left to servers.
    Server(i64),
    /// The service's own.
    Unknown(i64),
}

const CODES: [(Code, i64, &str); 5] = [
    (Code::ParseError, -32700, "Parse error"),
    (Code::InvalidRequest, -32600, "Invalid Request"),
    (Code::MethodNotFound, -32601, "Method not found"),
    (Code::InvalidParams, -32602, "Invalid params"),
    (Code::InternalError, -32603, "Internal error"),
];

impl From<i64> for Code {
    fn from(number: i64) -> Code {
        match (CODES.iter().find(|(_, known, _)| *known == number), number) {
            (Some((code, _, _)), _) => *code,
            (None, -32099..=-32000) => Code::Server(number),
            (None, number) => Code::Unknown(number),
        }
    }
}

impl From<Code> for Error {
    /// The error with the sentence that the specification has for it.
    fn from(code: Code) -> Error {
        let (code, message) = match code {
            Code::Server(number) => (number, "Server error"),
            Code::Unknown(number) => (number, "Error"),
            known => {
                let (_, number, text) = CODES.iter().find(|(code, _, _)| *code == known).expect("it is in the table");
                (*number, *text)
            }
        };
        Error { code, message: message.into(), data: None }
    }
}

/// What a server has received.
#[derive(Clone, PartialEq, Debug)]
pub enum Incoming {
    /// One request, or the error to answer with and the id where it could be read.
    Single(Result<Request, Error>),
    /// Several (§6).
    Batch(Vec<Result<Request, Error>>),
}

/// Reads what a server receives: all of the bytes.
///
/// # Errors
/// The error to answer with, under the id null: no JSON, an empty batch, more than the limits allow.
pub fn read_requests(bytes: &[u8], limits: &Limits) -> Result<Incoming, Error> {
    let value = match read(bytes, limits) {
        Ok(value) => value,
        // Bytes over a limit are not looked at, so nobody knows whether they are JSON.
        Err(DecodeError::Limit(which)) => {
            return Err(Error {
                data: Some(format!("over the limit of {which}").into()),
                ..Code::InvalidRequest.into()
            });
        }
        Err(_) => return Err(Code::ParseError.into()),
    };
    match value {
        // JSON-RPC §6: an array with nothing in it is no request.
        Value::Array(several) if several.is_empty() => Err(Code::InvalidRequest.into()),
        Value::Array(several) => Ok(Incoming::Batch(several.into_iter().map(request).collect())),
        single => Ok(Incoming::Single(request(single))),
    }
}

fn request(value: Value) -> Result<Request, Error> {
    let invalid = || Error::from(Code::InvalidRequest);
    let Value::Object(mut members) = value else { return Err(invalid()) };
    if members.remove("jsonrpc") != Some("2.0".into()) {
        return Err(invalid());
    }
    let Some(Value::String(method)) = members.remove("method") else { return Err(invalid()) };
    let params = match members.remove("params") {
        None => None,
        Some(params @ (Value::Array(_) | Value::Object(_))) => Some(params),
        Some(_) => return Err(invalid()),
    };
    let id = members.remove("id").map(|value| id(value).ok_or_else(invalid)).transpose()?;
    Ok(Request { jsonrpc: Version::Two, method, params, id })
}

fn id(value: Value) -> Option<Id> {
    match value {
        Value::Null => Some(Id::Null),
        Value::Number(number) => Some(Id::Number(number)),
        Value::String(text) => Some(Id::Text(text)),
        _ => None,
    }
}

/// Reads what a client receives: one response or several, which come in any order (§6).
///
/// # Errors
/// What is no JSON or no response, or too much of it.
pub fn read_responses(bytes: &[u8], limits: &Limits) -> Result<Vec<Response>, DecodeError> {
    match read(bytes, limits)? {
        Value::Array(several) if several.is_empty() => Err(DecodeError::Malformed("an empty batch")),
        Value::Array(several) => several.into_iter().map(response).collect(),
        single => Ok(vec![response(single)?]),
    }
}

fn response(value: Value) -> Result<Response, DecodeError> {
    const OTHER: DecodeError = DecodeError::Malformed("not a response");
    let Value::Object(mut members) = value else { return Err(OTHER) };
    if members.remove("jsonrpc") != Some("2.0".into()) {
        return Err(OTHER);
    }
    let id = members.remove("id").and_then(id).ok_or(OTHER)?;
    // JSON-RPC §5: either a result or an error, and not both.
    let outcome = match (members.remove("result"), members.remove("error")) {
        (Some(result), None) => Ok(result),
        (None, Some(Value::Object(error))) => Err(self::error(error).ok_or(OTHER)?),
        _ => return Err(OTHER),
    };
    Ok(Response { id, outcome })
}

fn error(mut members: Map<String, Value>) -> Option<Error> {
    let code = members.remove("code")?.as_i64()?;
    let Some(Value::String(message)) = members.remove("message") else { return None };
    Some(Error { code, message, data: members.remove("data") })
}

/// Answers what a server has received: `handle` is called for each request and notification in order. `None`: there is nothing to send.
pub fn serve(
    bytes: &[u8],
    limits: &Limits,
    mut handle: impl FnMut(&Request) -> Result<Value, Error>,
) -> Option<Vec<u8>> {
    let mut answer = |request: Result<Request, Error>| match request {
        Ok(request) => {
            let outcome = handle(&request);
            // JSON-RPC §4.1: a notification is not answered, not even by an error.
            request.id.map(|id| Response { id, outcome })
        }
        Err(error) => Some(Response { id: Id::Null, outcome: Err(error) }),
    };
    match read_requests(bytes, limits) {
        Err(error) => answer(Err(error)).map(|response| response.encode()),
        Ok(Incoming::Single(request)) => answer(request).map(|response| response.encode()),
        Ok(Incoming::Batch(requests)) => {
            let responses: Vec<Response> = requests.into_iter().filter_map(answer).collect();
            // JSON-RPC §6: nothing at all, not an empty array.
            (!responses.is_empty()).then(|| to_bytes(&responses))
        }
    }
}

/// Several requests as one message (§6).
pub fn batch(requests: &[Request]) -> Vec<u8> {
    to_bytes(requests)
}

/// A message with the newline that tells it from the next one.
pub fn frame(mut message: Vec<u8>) -> Vec<u8> {
    message.push(b'\n');
    message
}

/// Bytes of the first line, its newline included. Messages hold no newlines, since JSON escapes them in text.
///
/// # Errors
/// [`DecodeError::Truncated`] where the line has not ended; over the limit.
pub fn line(bytes: &[u8], limits: &Limits) -> Result<usize, DecodeError> {
    match bytes.iter().position(|byte| *byte == b'\n') {
        Some(at) => limits.allow(at).map(|()| at + 1),
        None => limits.allow(bytes.len()).and(Err(DecodeError::Truncated)),
    }
}

fn to_bytes(message: &(impl Serialize + ?Sized)) -> Vec<u8> {
    serde_json::to_vec(message).expect("keys are text, and writing to memory does not fail")
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Value, DecodeError> {
    limits.allow(bytes.len())?;
    let value = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Eof => DecodeError::Truncated,
        _ => DecodeError::Malformed("not JSON"),
    })?;
    let mut count = limits.count;
    within(&value, limits.depth, &mut count)?;
    Ok(value)
}

fn within(value: &Value, depth: u32, count: &mut u32) -> Result<(), DecodeError> {
    let depth = depth.checked_sub(1).ok_or(DecodeError::Limit("depth"))?;
    *count = count.checked_sub(1).ok_or(DecodeError::Limit("count"))?;
    match value {
        Value::Array(items) => items.iter().try_for_each(|item| within(item, depth, count)),
        Value::Object(members) => members.values().try_for_each(|member| within(member, depth, count)),
        _ => Ok(()),
    }
}
