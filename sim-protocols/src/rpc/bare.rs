//! Calls over TCP with as little as possible around them: our own form, to see what the others' headers and names cost.
//!
//! A frame is four bytes of length (of what follows, big-endian), eight of id, two of method number, then the body. Methods are numbered
//! from 1; the answer's number has its highest bit set, a fault's the next one too. In bodies, integers are big-endian, text has four
//! bytes of length in front, a list four bytes of count.

use super::bytes::{Budget, DecodeError, Limits, Reader};
use super::model::{Call, Item, Operation, Reply};

/// Bytes of the length.
const LENGTH: usize = 4;
/// Bytes between the length and the body.
const HEAD: usize = 10;
/// The bit of an answer.
const ANSWER: u16 = 0x8000;
/// The bit of a fault, beside the answer's.
const FAULT: u16 = 0x4000;

/// A frame.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Which call; its answer has the same.
    pub id: u64,
    /// Which method, and whether it is an answer or a fault.
    pub method: u16,
    /// The arguments or results.
    pub body: Vec<u8>,
}

impl Frame {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(HEAD + self.body.len()).expect("a frame has less than 4 GiB");
        let mut out = Vec::with_capacity(LENGTH + HEAD + self.body.len());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.method.to_be_bytes());
        out.extend_from_slice(&self.body);
        out
    }

    /// The id of a frame at the front of bytes, of which not all need be there.
    pub fn id(bytes: &[u8]) -> Option<u64> {
        let id = bytes.get(LENGTH..)?.first_chunk()?;
        Some(u64::from_be_bytes(*id))
    }

    /// Reads a frame from the front of bytes, and how many they were.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where more bytes are needed; a length that cannot be.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(Frame, usize), DecodeError> {
        let mut reader = Reader::new(bytes);
        let length = reader.u32()? as usize;
        limits.allow(length)?;
        if length < HEAD {
            return Err(DecodeError::Malformed("a frame shorter than its head"));
        }
        let mut frame = Reader::new(reader.take(length)?);
        let (id, method) = (frame.u64()?, frame.u16()?);
        let body = frame.take(length - HEAD)?.to_vec();
        Ok((Frame { id, method, body }, LENGTH + length))
    }
}

fn number(operation: Operation) -> u16 {
    match operation {
        Operation::Get => 1,
        Operation::List => 2,
        Operation::Create => 3,
    }
}

fn operation(number: u16) -> Result<Operation, DecodeError> {
    let known = Operation::ALL.into_iter().find(|operation| self::number(*operation) == number);
    known.ok_or(DecodeError::Malformed("no such method"))
}

fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(&(text.len() as u32).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn push_item(item: &Item, out: &mut Vec<u8>) {
    out.extend_from_slice(&item.id.to_be_bytes());
    push_text(&item.name, out);
    out.extend_from_slice(&item.price_cents.to_be_bytes());
    out.extend_from_slice(&(item.tags.len() as u32).to_be_bytes());
    item.tags.iter().for_each(|tag| push_text(tag, out));
    out.extend_from_slice(&item.stock.to_be_bytes());
}

/// A call as a frame.
pub fn call_to(id: u64, call: &Call) -> Frame {
    let mut body = Vec::new();
    match call {
        Call::Get { id } => body.extend_from_slice(&id.to_be_bytes()),
        Call::List { page, size } => {
            body.extend_from_slice(&page.to_be_bytes());
            body.extend_from_slice(&size.to_be_bytes());
        }
        Call::Create { item } => push_item(item, &mut body),
    }
    Frame { id, method: number(call.operation()), body }
}

/// A reply as a frame.
pub fn reply_to(id: u64, reply: &Reply) -> Frame {
    let mut method = ANSWER | number(reply.operation());
    let mut body = Vec::new();
    match reply {
        Reply::Item(item) => push_item(item, &mut body),
        Reply::Items(items) => {
            body.extend_from_slice(&(items.len() as u32).to_be_bytes());
            items.iter().for_each(|item| push_item(item, &mut body));
        }
        Reply::Created(id) => body.extend_from_slice(&id.to_be_bytes()),
        Reply::NotFound(id) => {
            method |= FAULT;
            body.extend_from_slice(&id.to_be_bytes());
        }
    }
    Frame { id, method, body }
}

/// Reads bodies. A body is whole, so one that ends too early is wrong.
struct Body<'a> {
    reader: Reader<'a>,
    budget: Budget,
}

impl<'a> Body<'a> {
    fn read<T>(
        frame: &'a Frame,
        limits: &Limits,
        what: impl FnOnce(&mut Body<'a>) -> Result<T, DecodeError>,
    ) -> Result<T, DecodeError> {
        let mut body = Body { reader: Reader::new(&frame.body), budget: Budget::new(limits) };
        match what(&mut body) {
            Ok(_) if !body.reader.is_empty() => Err(DecodeError::Malformed("bytes behind the body")),
            Err(DecodeError::Truncated) => Err(DecodeError::Malformed("a body that ends too early")),
            read => read,
        }
    }

    fn count(&mut self) -> Result<usize, DecodeError> {
        let count = self.reader.u32()? as usize;
        if count > self.reader.remaining() {
            return Err(DecodeError::Truncated);
        }
        self.budget.spend(count)?;
        Ok(count)
    }

    fn text(&mut self) -> Result<String, DecodeError> {
        let length = self.reader.u32()? as usize;
        let bytes = self.reader.take(length)?;
        String::from_utf8(bytes.to_vec()).map_err(|_| DecodeError::Malformed("not UTF-8"))
    }

    fn item(&mut self) -> Result<Item, DecodeError> {
        let (id, name, price_cents) = (self.reader.i64()?, self.text()?, self.reader.i64()?);
        let tags = (0..self.count()?).map(|_| self.text()).collect::<Result<_, _>>()?;
        Ok(Item { id, name, price_cents, tags, stock: self.reader.i32()? })
    }
}

/// Reads a call.
///
/// # Errors
/// An answer, another method, other arguments.
pub fn call_from(frame: &Frame, limits: &Limits) -> Result<Call, DecodeError> {
    let operation = operation(frame.method)?;
    Body::read(frame, limits, |body| {
        Ok(match operation {
            Operation::Get => Call::Get { id: body.reader.i64()? },
            Operation::List => Call::List { page: body.reader.i32()?, size: body.reader.i32()? },
            Operation::Create => Call::Create { item: body.item()? },
        })
    })
}

/// Reads a reply.
///
/// # Errors
/// A call, another method, other results.
pub fn reply_from(frame: &Frame, limits: &Limits) -> Result<Reply, DecodeError> {
    if frame.method & ANSWER == 0 {
        return Err(DecodeError::Malformed("a call where an answer is due"));
    }
    let operation = operation(frame.method & !(ANSWER | FAULT))?;
    Body::read(frame, limits, |body| {
        Ok(match (operation, frame.method & FAULT != 0) {
            (Operation::Get, true) => Reply::NotFound(body.reader.i64()?),
            (Operation::Get, false) => Reply::Item(body.item()?),
            (Operation::List, false) => {
                let items = (0..body.count()?).map(|_| body.item()).collect::<Result<_, _>>()?;
                Reply::Items(items)
            }
            (Operation::Create, false) => Reply::Created(body.reader.i64()?),
            (_, true) => return Err(DecodeError::Malformed("a fault that the method has not")),
        })
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rpc::bytes::Arrived;
    use crate::rpc::testing::{calls, cuts, hex, replies};

    #[test]
    fn a_call_of_twenty_two_bytes() {
        let frame = call_to(7, &Call::Get { id: 258 });
        assert_eq!(frame.encode(), hex("00000012 0000000000000007 0001 0000000000000102"));
        assert_eq!(reply_to(7, &Reply::NotFound(258)).encode(), hex("00000012 0000000000000007 c001 0000000000000102"));
    }

    #[test]
    fn illegal_frames() {
        let decode = |digits: &str| Frame::decode(&hex(digits), &Limits::default());
        assert_eq!(decode("00000009 00"), Err(DecodeError::Malformed("a frame shorter than its head")));
        assert_eq!(decode("7fffffff 00"), Err(DecodeError::Limit("bytes")));
        let of = |method, body: &str| Frame { id: 0, method, body: hex(body) };
        let limits = Limits::default();
        let call = |method, body| call_from(&of(method, body), &limits);
        assert_eq!(call(4, ""), Err(DecodeError::Malformed("no such method")));
        assert_eq!(call(1, "00"), Err(DecodeError::Malformed("a body that ends too early")));
        assert_eq!(call(1, "000000000000000000"), Err(DecodeError::Malformed("bytes behind the body")));
        let reply = |method, body| reply_from(&of(method, body), &limits);
        assert_eq!(reply(0x8002, "ffffffff"), Err(DecodeError::Malformed("a body that ends too early")), "a bomb");
        assert_eq!(reply(0xc002, "00000000"), Err(DecodeError::Malformed("a fault that the method has not")));
        assert_eq!(reply(2, "00000000"), Err(DecodeError::Malformed("a call where an answer is due")));
    }

    proptest! {
        #[test]
        fn calls_and_replies_come_back(id in any::<u64>(), call in calls(), reply in replies(), part in 1..9usize) {
            let limits = Limits::default();
            let (one, two) = (call_to(id, &call), reply_to(!id, &reply));
            let bytes = [one.encode(), two.encode()].concat();
            // They arrive in small parts.
            let (mut arrived, mut frames) = (Arrived::new(), vec![]);
            for part in bytes.chunks(part) {
                arrived.push(part);
                match Frame::decode(arrived.bytes(), &limits) {
                    Ok((frame, used)) => {
                        arrived.take(used);
                        frames.push(frame);
                    }
                    other => prop_assert_eq!(other, Err(DecodeError::Truncated)),
                }
            }
            if let Ok((frame, _)) = Frame::decode(arrived.bytes(), &limits) {
                frames.push(frame);
            }
            prop_assert_eq!(&frames, &[one, two]);
            prop_assert_eq!(call_from(&frames[0], &limits), Ok(call));
            prop_assert_eq!(reply_from(&frames[1], &limits), Ok(reply));
        }

        #[test]
        fn no_bytes_are_too_strange(bytes in prop::collection::vec(any::<u8>(), 0..60), method in any::<u16>(), call in calls()) {
            let limits = Limits::default();
            let _ = Frame::decode(&bytes, &limits);
            let frame = Frame { id: 0, method: method & 0xc003, body: bytes };
            let _ = (call_from(&frame, &limits), reply_from(&frame, &limits));
            let whole = call_to(1, &call);
            for cut in cuts(whole.body.len()) {
                let frame = Frame { body: whole.body[..cut].to_vec(), ..whole.clone() };
                prop_assert!(call_from(&frame, &limits).is_err());
                prop_assert_eq!(Frame::decode(&whole.encode()[..cut], &limits), Err(DecodeError::Truncated));
            }
        }
    }
}
