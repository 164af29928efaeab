//! The common service ([`crate::rpc::model`]) as a remote interface `clockwire.ItemService` of Java.

use std::sync::Arc;

use super::message::{CLASS_ANNOTATION, Call, Outcome, Return, method_hash};
use super::wire::{ObjId, Uid};
use crate::rpc::bytes::DecodeError;
use crate::rpc::java::{
    Class, Heap, Kind, Object, Part, Value, array_list, array_list_items, exception, exception_class, flags,
};
use crate::rpc::model::{self, Operation};

/// The object that serves, where nothing else names it: the first of the numbers that are not well known.
pub const SERVICE: ObjId = ObjId::known(1000);

const ITEM: &str = "clockwire.Item";
const NOT_FOUND: &str = "clockwire.NotFoundException";
const NOT_AN_ITEM: DecodeError = DecodeError::Malformed("not an item");

/// The name and descriptor of a method, from which its hash is made.
pub fn signature(operation: Operation) -> &'static str {
    match operation {
        Operation::Get => "get(J)Lclockwire/Item;",
        Operation::List => "list(II)Ljava/util/List;",
        Operation::Create => "create(Lclockwire/Item;)J",
    }
}

/// The number that stands for a method.
pub fn operation_hash(operation: Operation) -> i64 {
    method_hash(signature(operation))
}

fn operation_of(call: i32, hash: i64) -> Option<Operation> {
    if call != -1 {
        return None;
    }
    Operation::ALL.into_iter().find(|operation| operation_hash(*operation) == hash)
}

/// Parameters of the service's methods, for an object `target`.
pub fn call_parameters(operation: i32, hash: i64) -> Option<Vec<Kind>> {
    Some(match operation_of(operation, hash)? {
        Operation::Get => vec![Kind::Long],
        Operation::List => vec![Kind::Int, Kind::Int],
        Operation::Create => vec![Kind::object("Lclockwire/Item;")],
    })
}

/// What a method returns.
pub fn reply_kind(operation: Operation) -> Kind {
    match operation {
        Operation::Get => Kind::object("Lclockwire/Item;"),
        Operation::List => Kind::object("Ljava/util/List;"),
        Operation::Create => Kind::Long,
    }
}

fn item_to(heap: &mut Heap, item: &model::Item) -> Value {
    // The order of Java's fields: primitives by name, then objects by name.
    let fields = [
        ("id", "J"),
        ("priceCents", "J"),
        ("stock", "I"),
        ("name", "Ljava/lang/String;"),
        ("tags", "Ljava/util/List;"),
    ];
    let class = Class::new(ITEM, 1, flags::SERIALIZABLE, &fields, None);
    let class = Arc::new(Class { annotation: CLASS_ANNOTATION.to_vec(), ..class });
    let name = heap.text(&item.name);
    let tags: Vec<Value> = item.tags.iter().map(|tag| heap.text(tag)).collect();
    let tags = array_list(heap, &tags, &CLASS_ANNOTATION);
    let values = vec![Value::Long(item.id), Value::Long(item.price_cents), Value::Int(item.stock), name, tags];
    heap.add(Object::Instance { class, parts: vec![Part::of(values)] })
}

fn item_from(heap: &Heap, value: Value) -> Result<model::Item, DecodeError> {
    let field = |name| heap.field(value, ITEM, name).ok_or(NOT_AN_ITEM);
    let (Value::Long(id), Value::Long(price_cents), Value::Int(stock)) =
        (field("id")?, field("priceCents")?, field("stock")?)
    else {
        return Err(NOT_AN_ITEM);
    };
    let text = |value| heap.as_text(value).map(String::from).ok_or(NOT_AN_ITEM);
    let tags = array_list_items(heap, field("tags")?).ok_or(NOT_AN_ITEM)?;
    let tags = tags.into_iter().map(text).collect::<Result<_, _>>()?;
    Ok(model::Item { id, name: text(field("name")?)?, price_cents, tags, stock })
}

/// A call of the service that an object offers.
pub fn call_to(target: ObjId, call: &model::Call) -> Call {
    let mut heap = Heap::default();
    let arguments = match call {
        model::Call::Get { id } => vec![Value::Long(*id)],
        model::Call::List { page, size } => vec![Value::Int(*page), Value::Int(*size)],
        model::Call::Create { item } => vec![item_to(&mut heap, item)],
    };
    Call { target, operation: -1, hash: operation_hash(call.operation()), heap, arguments }
}

/// Reads a call.
///
/// # Errors
/// Another method, or other arguments.
pub fn call_from(call: &Call) -> Result<model::Call, DecodeError> {
    match (operation_of(call.operation, call.hash), &call.arguments[..]) {
        (Some(Operation::Get), [Value::Long(id)]) => Ok(model::Call::Get { id: *id }),
        (Some(Operation::List), [Value::Int(page), Value::Int(size)]) => {
            Ok(model::Call::List { page: *page, size: *size })
        }
        (Some(Operation::Create), [item]) => Ok(model::Call::Create { item: item_from(&call.heap, *item)? }),
        _ => Err(DecodeError::Malformed("not a call of the service")),
    }
}

/// A reply: a value, or the exception `clockwire.NotFoundException`.
pub fn reply_to(uid: Uid, reply: &model::Reply) -> Return {
    let mut heap = Heap::default();
    let outcome = match reply {
        model::Reply::Item(item) => Outcome::Returned(Some(item_to(&mut heap, item))),
        model::Reply::Items(items) => {
            let items: Vec<Value> = items.iter().map(|item| item_to(&mut heap, item)).collect();
            Outcome::Returned(Some(array_list(&mut heap, &items, &CLASS_ANNOTATION)))
        }
        model::Reply::Created(id) => Outcome::Returned(Some(Value::Long(*id))),
        model::Reply::NotFound(id) => {
            let class = exception_class(NOT_FOUND, 1, &[("id", "J")], &CLASS_ANNOTATION);
            let text = model::not_found_text(*id);
            Outcome::Thrown(exception(&mut heap, class, &text, vec![Value::Long(*id)], &CLASS_ANNOTATION))
        }
    };
    Return { uid, heap, outcome }
}

/// Reads the reply to an operation.
///
/// # Errors
/// Another result or exception.
pub fn reply_from(operation: Operation, reply: &Return) -> Result<model::Reply, DecodeError> {
    const OTHER: DecodeError = DecodeError::Malformed("not a reply of the service");
    match (operation, reply.outcome) {
        (Operation::Get, Outcome::Returned(Some(item))) => Ok(model::Reply::Item(item_from(&reply.heap, item)?)),
        (Operation::List, Outcome::Returned(Some(list))) => {
            let items = array_list_items(&reply.heap, list).ok_or(OTHER)?;
            let items = items.into_iter().map(|item| item_from(&reply.heap, item));
            Ok(model::Reply::Items(items.collect::<Result<_, _>>()?))
        }
        (Operation::Create, Outcome::Returned(Some(Value::Long(id)))) => Ok(model::Reply::Created(id)),
        (_, Outcome::Thrown(exception)) => match reply.heap.field(exception, NOT_FOUND, "id") {
            Some(Value::Long(id)) => Ok(model::Reply::NotFound(id)),
            _ => Err(DecodeError::Unsupported("another exception")),
        },
        _ => Err(OTHER),
    }
}
