//! The common service ([`crate::rpc::model`]) as Dubbo's service `clockwire.ItemService`.

use super::message::{Body, Request, Response};
use crate::rpc::bytes::DecodeError;
use crate::rpc::hessian::{self, Value};
use crate::rpc::model::{self, Operation};

/// The service's path.
const PATH: &str = "clockwire.ItemService";
/// Its version, and the group's: none.
const VERSION: &str = "0.0.0";
/// The version of the protocol that a client of Dubbo 2.7 and 3 names.
const DUBBO: &str = "2.0.2";

/// The types of a method's parameters.
pub fn descriptor(operation: Operation) -> &'static str {
    match operation {
        Operation::Get => "J",
        Operation::List => "II",
        Operation::Create => "Lclockwire/Item;",
    }
}

/// A call.
pub fn call_to(id: u64, call: &model::Call) -> Request {
    let hessian::Call { method, arguments } = hessian::call_to(call);
    let attachments = [("path", PATH), ("interface", PATH), ("version", VERSION)];
    Request {
        id,
        two_way: true,
        dubbo: DUBBO.into(),
        path: PATH.into(),
        version: VERSION.into(),
        method,
        descriptor: descriptor(call.operation()).into(),
        arguments,
        attachments: attachments.map(|(name, value)| (name.into(), Value::text(value))).to_vec(),
    }
}

/// Reads a call.
///
/// # Errors
/// Another service or method, or other arguments.
pub fn call_from(request: &Request) -> Result<model::Call, DecodeError> {
    if request.path != PATH {
        return Err(DecodeError::Unsupported("another service"));
    }
    hessian::call_from(&hessian::Call { method: request.method.clone(), arguments: request.arguments.clone() })
}

/// A reply: a value, or the exception `clockwire.NotFoundException`.
pub fn reply_to(id: u64, reply: &model::Reply) -> Response {
    let body = match reply {
        model::Reply::NotFound(id) => Body::Exception(hessian::not_found_to(*id), None),
        value => match hessian::reply_to(value) {
            hessian::Reply::Value(value) => Body::Value(value, None),
            hessian::Reply::Fault(_) => unreachable!("the only fault is handled above"),
        },
    };
    Response { id, body }
}

/// Reads a reply.
///
/// # Errors
/// Another value or exception, or a failure of Dubbo itself.
pub fn reply_from(response: &Response) -> Result<model::Reply, DecodeError> {
    match &response.body {
        Body::Value(value, _) => hessian::reply_from(&hessian::Reply::Value(value.clone())),
        Body::Exception(exception, _) => Ok(model::Reply::NotFound(hessian::not_found_from(exception)?)),
        _ => Err(DecodeError::Unsupported("another answer")),
    }
}
