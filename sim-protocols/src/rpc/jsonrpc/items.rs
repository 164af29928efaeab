//! The common service ([`crate::rpc::model`]) in JSON-RPC: parameters by name, the item as an object with the model's own names.

use serde_json::{Value, json};

use super::message::{Code, Error, Id, Request, Response};
use crate::rpc::bytes::DecodeError;
use crate::rpc::model::{self, Item, Operation};

/// The service's own error: there is no such item; its data is the id.
const NOT_FOUND: i64 = 404;

fn item_to(item: &Item) -> Value {
    serde_json::to_value(item).expect("an item has text, integers and truth values")
}

/// A call.
pub fn call_to(id: u64, call: &model::Call) -> Request {
    let params = match call {
        model::Call::Get { id } => json!({ "id": id }),
        model::Call::List { page, size } => json!({ "page": page, "size": size }),
        model::Call::Create { item } => json!({ "item": item_to(item) }),
    };
    Request::new(call.operation().name(), Some(params), Some(id.into()))
}

/// Reads a call, whose parameters come by name or by position.
///
/// # Errors
/// The error to answer with: another method, or other parameters.
pub fn call_from(request: &Request) -> Result<model::Call, Error> {
    let operation = Operation::from_name(&request.method).ok_or_else(|| Error::from(Code::MethodNotFound))?;
    let param = |at: usize, name: &str| match &request.params {
        Some(Value::Array(params)) => params.get(at),
        Some(Value::Object(params)) => params.get(name),
        _ => None,
    };
    let int = |at, name| param(at, name).and_then(Value::as_i64);
    let short = |at, name| int(at, name).and_then(|value| i32::try_from(value).ok());
    let call = match operation {
        Operation::Get => int(0, "id").map(|id| model::Call::Get { id }),
        Operation::List => short(0, "page").zip(short(1, "size")).map(|(page, size)| model::Call::List { page, size }),
        Operation::Create => {
            let item = param(0, "item").and_then(|item| serde_json::from_value(item.clone()).ok());
            item.map(|item| model::Call::Create { item })
        }
    };
    call.ok_or_else(|| Code::InvalidParams.into())
}

/// A reply.
pub fn reply_to(id: u64, reply: &model::Reply) -> Response {
    let outcome = match reply {
        model::Reply::Item(item) => Ok(item_to(item)),
        model::Reply::Items(items) => Ok(items.iter().map(item_to).collect()),
        model::Reply::Created(id) => Ok(json!(id)),
        model::Reply::NotFound(id) => {
            Err(Error { code: NOT_FOUND, message: model::not_found_text(*id), data: Some(json!(id)) })
        }
    };
    Response { id: Id::from(id), outcome }
}

/// Reads the reply to an operation.
///
/// # Errors
/// Another result or error.
pub fn reply_from(operation: Operation, response: &Response) -> Result<model::Reply, DecodeError> {
    const OTHER: DecodeError = DecodeError::Malformed("not a reply of the service");
    let reply = match (&response.outcome, operation) {
        (Ok(result), Operation::Get) => serde_json::from_value(result.clone()).ok().map(model::Reply::Item),
        (Ok(result), Operation::List) => serde_json::from_value(result.clone()).ok().map(model::Reply::Items),
        (Ok(result), Operation::Create) => result.as_i64().map(model::Reply::Created),
        (Err(Error { code: NOT_FOUND, data: Some(id), .. }), _) => id.as_i64().map(model::Reply::NotFound),
        (Err(_), _) => return Err(DecodeError::Unsupported("another error")),
    };
    reply.ok_or(OTHER)
}
