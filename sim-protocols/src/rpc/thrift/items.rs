//! The common service ([`crate::rpc::model`]) in Thrift. Its interface description:
//!
//! ```thrift
//! struct Item { 1: i64 id, 2: string name, 3: i64 price_cents, 4: list<string> tags, 5: i32 stock }
//! exception NotFound { 1: i64 id, 2: string message }
//! service ItemService {
//!   Item get(1: i64 id) throws (1: NotFound not_found),
//!   list<Item> list(1: i32 page, 2: i32 size),
//!   i64 create(1: Item item)
//! }
//! ```

use thrift::protocol::{
    TFieldIdentifier, TInputProtocol, TListIdentifier, TMessageType, TOutputProtocol, TStructIdentifier, TType,
};

use super::message::{Encoding, Head, error, read, write};
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::model::{Call, Item, Operation, Reply, not_found_text};

type Out<'a> = &'a mut dyn TOutputProtocol;
type In<'a> = &'a mut dyn TInputProtocol;

const MISSING: DecodeError = DecodeError::Malformed("a field is missing");

fn structure(
    out: &mut dyn TOutputProtocol,
    name: &str,
    fields: impl FnOnce(Out<'_>) -> thrift::Result<()>,
) -> thrift::Result<()> {
    out.write_struct_begin(&TStructIdentifier::new(name))?;
    fields(out)?;
    out.write_field_stop()?;
    out.write_struct_end()
}

fn field(
    out: &mut dyn TOutputProtocol,
    (name, kind, id): (&str, TType, i16),
    value: impl FnOnce(Out<'_>) -> thrift::Result<()>,
) -> thrift::Result<()> {
    out.write_field_begin(&TFieldIdentifier::new(name, kind, id))?;
    value(out)?;
    out.write_field_end()
}

fn write_item(out: &mut dyn TOutputProtocol, item: &Item) -> thrift::Result<()> {
    structure(out, "Item", |out| {
        field(out, ("id", TType::I64, 1), |out| out.write_i64(item.id))?;
        field(out, ("name", TType::String, 2), |out| out.write_string(&item.name))?;
        field(out, ("price_cents", TType::I64, 3), |out| out.write_i64(item.price_cents))?;
        field(out, ("tags", TType::List, 4), |out| {
            out.write_list_begin(&TListIdentifier::new(TType::String, item.tags.len() as i32))?;
            item.tags.iter().try_for_each(|tag| out.write_string(tag))?;
            out.write_list_end()
        })?;
        field(out, ("stock", TType::I32, 5), |out| out.write_i32(item.stock))
    })
}

/// Reads a struct: `known` takes a field by its id and type and says whether it did; others are skipped, as Thrift promises.
fn fields(
    input: &mut dyn TInputProtocol,
    mut known: impl FnMut(In<'_>, i16, TType) -> Result<bool, DecodeError>,
) -> Result<(), DecodeError> {
    input.read_struct_begin().map_err(error)?;
    loop {
        let field = input.read_field_begin().map_err(error)?;
        if field.field_type == TType::Stop {
            break;
        }
        let id = field.id.ok_or(DecodeError::Malformed("a field without a number"))?;
        if !known(input, id, field.field_type)? {
            input.skip(field.field_type).map_err(error)?;
        }
        input.read_field_end().map_err(error)?;
    }
    input.read_struct_end().map_err(error)
}

/// Reads a list whose items have the type `kind`.
fn list<T>(
    input: &mut dyn TInputProtocol,
    kind: TType,
    mut item: impl FnMut(In<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let head = input.read_list_begin().map_err(error)?;
    // A list without items may name any type: the compact protocol's writers do.
    if head.size > 0 && head.element_type != kind {
        return Err(DecodeError::Malformed("a list of another type"));
    }
    let items = (0..head.size).map(|_| item(&mut *input)).collect::<Result<_, _>>()?;
    input.read_list_end().map_err(error)?;
    Ok(items)
}

fn read_item(input: &mut dyn TInputProtocol) -> Result<Item, DecodeError> {
    let (mut id, mut name, mut price, mut tags, mut stock) = (None, None, None, None, None);
    fields(input, |input, number, kind| {
        match (number, kind) {
            (1, TType::I64) => id = Some(input.read_i64().map_err(error)?),
            (2, TType::String) => name = Some(input.read_string().map_err(error)?),
            (3, TType::I64) => price = Some(input.read_i64().map_err(error)?),
            (4, TType::List) => {
                tags = Some(list(input, TType::String, |input| input.read_string().map_err(error))?);
            }
            (5, TType::I32) => stock = Some(input.read_i32().map_err(error)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Item {
        id: id.ok_or(MISSING)?,
        name: name.ok_or(MISSING)?,
        price_cents: price.ok_or(MISSING)?,
        tags: tags.ok_or(MISSING)?,
        stock: stock.ok_or(MISSING)?,
    })
}

/// A call, with its frame.
pub fn encode_call(encoding: Encoding, sequence: i32, call: &Call) -> Vec<u8> {
    let name = call.operation().name();
    write(encoding, &Head { name: name.into(), sequence }, TMessageType::Call, |out| {
        structure(out, name, |out| match call {
            Call::Get { id } => field(out, ("id", TType::I64, 1), |out| out.write_i64(*id)),
            Call::List { page, size } => {
                field(out, ("page", TType::I32, 1), |out| out.write_i32(*page))?;
                field(out, ("size", TType::I32, 2), |out| out.write_i32(*size))
            }
            Call::Create { item } => field(out, ("item", TType::Struct, 1), |out| write_item(out, item)),
        })
    })
}

/// Reads a call: all of the bytes, which are one frame. Its number is beside it.
///
/// # Errors
/// Another message or method, other arguments.
pub fn decode_call(encoding: Encoding, bytes: &[u8], limits: &Limits) -> Result<(Call, i32), DecodeError> {
    let (call, head) = read(encoding, bytes, limits, |head, kind, input| {
        if kind != TMessageType::Call {
            return Err(DecodeError::Malformed("not a call"));
        }
        let operation = Operation::from_name(&head.name).ok_or(DecodeError::Unsupported("a method nobody knows"))?;
        let (mut one, mut two, mut long, mut item) = (None, None, None, None);
        fields(input, |input, number, kind| {
            match (operation, number, kind) {
                (Operation::Get, 1, TType::I64) => long = Some(input.read_i64().map_err(error)?),
                (Operation::List, 1, TType::I32) => one = Some(input.read_i32().map_err(error)?),
                (Operation::List, 2, TType::I32) => two = Some(input.read_i32().map_err(error)?),
                (Operation::Create, 1, TType::Struct) => item = Some(read_item(input)?),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(match operation {
            Operation::Get => Call::Get { id: long.ok_or(MISSING)? },
            Operation::List => Call::List { page: one.ok_or(MISSING)?, size: two.ok_or(MISSING)? },
            Operation::Create => Call::Create { item: item.ok_or(MISSING)? },
        })
    })?;
    Ok((call, head.sequence))
}

/// A reply, with its frame.
pub fn encode_reply(encoding: Encoding, sequence: i32, reply: &Reply) -> Vec<u8> {
    let name = reply.operation().name();
    write(encoding, &Head { name: name.into(), sequence }, TMessageType::Reply, |out| {
        structure(out, "result", |out| match reply {
            Reply::Item(item) => field(out, ("success", TType::Struct, 0), |out| write_item(out, item)),
            Reply::Items(items) => field(out, ("success", TType::List, 0), |out| {
                out.write_list_begin(&TListIdentifier::new(TType::Struct, items.len() as i32))?;
                items.iter().try_for_each(|item| write_item(out, item))?;
                out.write_list_end()
            }),
            Reply::Created(id) => field(out, ("success", TType::I64, 0), |out| out.write_i64(*id)),
            Reply::NotFound(id) => field(out, ("not_found", TType::Struct, 1), |out| {
                structure(out, "NotFound", |out| {
                    field(out, ("id", TType::I64, 1), |out| out.write_i64(*id))?;
                    field(out, ("message", TType::String, 2), |out| out.write_string(&not_found_text(*id)))
                })
            }),
        })
    })
}

/// Reads a reply: all of the bytes, which are one frame. The number of its call is beside it.
///
/// # Errors
/// Another message, such as a failure; another method or result.
pub fn decode_reply(encoding: Encoding, bytes: &[u8], limits: &Limits) -> Result<(Reply, i32), DecodeError> {
    let (reply, head) = read(encoding, bytes, limits, |head, kind, input| {
        match kind {
            TMessageType::Reply => (),
            TMessageType::Exception => return Err(DecodeError::Unsupported("a failure of the protocol")),
            _ => return Err(DecodeError::Malformed("not a reply")),
        }
        let operation = Operation::from_name(&head.name).ok_or(DecodeError::Unsupported("a method nobody knows"))?;
        let mut reply = None;
        fields(input, |input, number, kind| {
            match (operation, number, kind) {
                (Operation::Get, 0, TType::Struct) => reply = Some(Reply::Item(read_item(input)?)),
                (Operation::List, 0, TType::List) => {
                    reply = Some(Reply::Items(list(input, TType::Struct, |input| read_item(input))?));
                }
                (Operation::Create, 0, TType::I64) => {
                    reply = Some(Reply::Created(input.read_i64().map_err(error)?));
                }
                (Operation::Get, 1, TType::Struct) => {
                    let mut missing = None;
                    fields(input, |input, number, kind| match (number, kind) {
                        (1, TType::I64) => {
                            missing = Some(input.read_i64().map_err(error)?);
                            Ok(true)
                        }
                        _ => Ok(false),
                    })?;
                    reply = Some(Reply::NotFound(missing.ok_or(MISSING)?));
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        reply.ok_or(DecodeError::Malformed("a reply without a result"))
    })?;
    Ok((reply, head.sequence))
}
