//! The common service ([`crate::rpc::model`]) in values of Hessian, as a Java class `clockwire.Item` with a bean's names would be.

use super::message::{Call, Fault, FaultCode, Reply};
use super::value::{Class, Object, Value};
use crate::rpc::bytes::DecodeError;
use crate::rpc::model;

/// Fields of the class of items.
const ITEM: [&str; 5] = ["id", "name", "priceCents", "stock", "tags"];
/// The class of items.
const ITEM_CLASS: &str = "clockwire.Item";
/// The class of the exception that `get` throws.
const NOT_FOUND_CLASS: &str = "clockwire.NotFoundException";

const NOT_AN_ITEM: DecodeError = DecodeError::Malformed("not an item");

/// An item as an object.
pub fn item_to(item: &model::Item) -> Value {
    let tags = item.tags.iter().map(Value::text).collect();
    Value::Object(Object {
        class: Class::new(ITEM_CLASS, &ITEM),
        fields: vec![
            Value::Long(item.id),
            Value::text(&item.name),
            Value::Long(item.price_cents),
            Value::Int(item.stock),
            Value::list(tags),
        ],
    })
}

/// Reads an item; fields are found by their names, in any order.
///
/// # Errors
/// Another value.
pub fn item_from(value: &Value) -> Result<model::Item, DecodeError> {
    let Value::Object(object) = value else { return Err(NOT_AN_ITEM) };
    let field = |name| object.field(name).ok_or(NOT_AN_ITEM);
    let number = |name| field(name).and_then(|value| long(value).ok_or(NOT_AN_ITEM));
    match (field("name")?, field("stock")?, field("tags")?) {
        (Value::Text(name), Value::Int(stock), Value::List(tags)) => {
            let tags = tags.items.iter().map(|tag| match tag {
                Value::Text(tag) => Ok(tag.clone()),
                _ => Err(NOT_AN_ITEM),
            });
            Ok(model::Item {
                id: number("id")?,
                name: name.clone(),
                price_cents: number("priceCents")?,
                tags: tags.collect::<Result<_, _>>()?,
                stock: *stock,
            })
        }
        _ => Err(NOT_AN_ITEM),
    }
}

/// The arguments of a call.
pub fn call_to(call: &model::Call) -> Call {
    let arguments = match call {
        model::Call::Get { id } => vec![Value::Long(*id)],
        model::Call::List { page, size } => vec![Value::Int(*page), Value::Int(*size)],
        model::Call::Create { item } => vec![item_to(item)],
    };
    Call { method: call.operation().name().into(), arguments }
}

/// Reads the arguments of a call.
///
/// # Errors
/// Another method, or arguments of another kind.
pub fn call_from(call: &Call) -> Result<model::Call, DecodeError> {
    match (call.method.as_str(), &call.arguments[..]) {
        ("get", [id]) => {
            Ok(model::Call::Get { id: long(id).ok_or(DecodeError::Malformed("not a call of the service"))? })
        }
        ("list", [Value::Int(page), Value::Int(size)]) => Ok(model::Call::List { page: *page, size: *size }),
        ("create", [item]) => Ok(model::Call::Create { item: item_from(item)? }),
        _ => Err(DecodeError::Malformed("not a call of the service")),
    }
}

/// The exception that says that there is no such item.
pub fn not_found_to(id: i64) -> Value {
    let class = Class::new(NOT_FOUND_CLASS, &["detailMessage", "id"]);
    Value::Object(Object { class, fields: vec![Value::text(model::not_found_text(id)), Value::Long(id)] })
}

/// Reads which item there is not.
///
/// # Errors
/// Another value.
pub fn not_found_from(value: &Value) -> Result<i64, DecodeError> {
    let exception = match value {
        Value::Object(object) if object.class.name == NOT_FOUND_CLASS => object.field("id").and_then(long),
        _ => None,
    };
    exception.ok_or(DecodeError::Malformed("not the exception of a missing item"))
}

/// A number of 64 bits; languages without it send 32 bits where they suffice.
fn long(value: &Value) -> Option<i64> {
    match value {
        Value::Long(value) => Some(*value),
        Value::Int(value) => Some(i64::from(*value)),
        _ => None,
    }
}

/// A reply's value or fault.
pub fn reply_to(reply: &model::Reply) -> Reply {
    match reply {
        model::Reply::Item(item) => Reply::Value(item_to(item)),
        model::Reply::Items(items) => Reply::Value(Value::list(items.iter().map(item_to).collect())),
        model::Reply::Created(id) => Reply::Value(Value::Long(*id)),
        model::Reply::NotFound(id) => Reply::Fault(Fault {
            code: FaultCode::Service,
            message: model::not_found_text(*id),
            detail: Some(not_found_to(*id)),
        }),
    }
}

/// Reads a reply.
///
/// # Errors
/// Another value, or another fault.
pub fn reply_from(reply: &Reply) -> Result<model::Reply, DecodeError> {
    match reply {
        Reply::Value(id @ (Value::Long(_) | Value::Int(_))) => Ok(model::Reply::Created(long(id).expect("a number"))),
        Reply::Value(Value::List(list)) => {
            Ok(model::Reply::Items(list.items.iter().map(item_from).collect::<Result<_, _>>()?))
        }
        Reply::Value(value) => Ok(model::Reply::Item(item_from(value)?)),
        Reply::Fault(fault) => {
            let detail = fault.detail.as_ref().ok_or(DecodeError::Malformed("a fault without detail"))?;
            Ok(model::Reply::NotFound(not_found_from(detail)?))
        }
    }
}
