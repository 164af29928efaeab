//! Messages of a connection (RMI §10.2): calls, returns, pings and acknowledgements.

use sha1::{Digest, Sha1};

use super::wire::{ObjId, Uid};
use crate::rpc::bytes::{DecodeError, Limits, Reader as Bytes};
use crate::rpc::java::{Content, Heap, Kind, Reader, Value, Writer, push_utf};

/// What the streams of RMI say about each class: that it comes from no place in particular.
pub const CLASS_ANNOTATION: [Content; 1] = [Content::Object(Value::Null)];

/// First bytes of messages.
mod tag {
    pub const CALL: u8 = 0x50;
    pub const RETURN: u8 = 0x51;
    pub const PING: u8 = 0x52;
    pub const PING_ACK: u8 = 0x53;
    pub const DGC_ACK: u8 = 0x54;
}

/// How a method has ended.
const NORMAL: u8 = 1;
/// By an exception.
const EXCEPTIONAL: u8 = 2;

/// The number that stands for a method: the first eight bytes of the SHA-1 of its name and descriptor, the lowest first (RMI §8.3,
/// "method hash"). Example of a signature: `get(J)Lclockwire/Item;`.
pub fn method_hash(signature: &str) -> i64 {
    let mut bytes = Vec::new();
    push_utf(signature, &mut bytes);
    let digest = Sha1::digest(&bytes);
    i64::from_le_bytes(digest[..8].try_into().expect("a digest has twenty bytes"))
}

/// A call.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// Which object.
    pub target: ObjId,
    /// The method's number, or -1 where the hash names it.
    pub operation: i32,
    /// The method's hash, or the interface's where the operation has a number.
    pub hash: i64,
    /// The objects among and behind the arguments.
    pub heap: Heap,
    /// The arguments in order; objects are references into the heap.
    pub arguments: Vec<Value>,
}

impl Call {
    /// The message, its first byte included.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(&self.heap, vec![tag::CALL]);
        let mut head = Vec::new();
        self.target.emit(&mut head);
        head.extend_from_slice(&self.operation.to_be_bytes());
        head.extend_from_slice(&self.hash.to_be_bytes());
        writer.bytes(&head);
        self.arguments.iter().for_each(|argument| writer.value(*argument));
        writer.finish()
    }
}

/// What a client sends.
#[derive(Clone, PartialEq, Debug)]
pub enum ClientMessage {
    /// A call.
    Call(Call),
    /// Whether the server is alive.
    Ping,
    /// The remote references of a return have arrived.
    DgcAck(Uid),
}

impl ClientMessage {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            ClientMessage::Call(call) => call.encode(),
            ClientMessage::Ping => vec![tag::PING],
            ClientMessage::DgcAck(uid) => {
                let mut out = vec![tag::DGC_ACK];
                uid.emit(&mut out);
                out
            }
        }
    }
}

/// Reads a client's message from the front of bytes, and how many they were. `parameters` knows the methods: from an object, an operation
/// and a hash to the types of the parameters.
///
/// # Errors
/// [`DecodeError::Truncated`] where more bytes are needed; another message, a method that nobody knows, other arguments.
pub fn read_client(
    bytes: &[u8],
    limits: &Limits,
    parameters: impl Fn(&ObjId, i32, i64) -> Option<Vec<Kind>>,
) -> Result<(ClientMessage, usize), DecodeError> {
    bounded(bytes, limits, client(bytes, limits, parameters))
}

fn client(
    bytes: &[u8],
    limits: &Limits,
    parameters: impl Fn(&ObjId, i32, i64) -> Option<Vec<Kind>>,
) -> Result<(ClientMessage, usize), DecodeError> {
    let (first, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
    match *first {
        tag::CALL => {
            let (mut reader, head) = begin(rest, limits, ObjId::LEN + 12)?;
            let mut head = Bytes::new(&head);
            let (target, operation, hash) = (ObjId::read(&mut head)?, head.i32()?, head.i64()?);
            let kinds =
                parameters(&target, operation, hash).ok_or(DecodeError::Unsupported("a method nobody knows"))?;
            let arguments = kinds.iter().map(|kind| reader.value(kind)).collect::<Result<_, _>>()?;
            let used = 1 + reader.position();
            let heap = reader.finish()?;
            Ok((ClientMessage::Call(Call { target, operation, hash, heap, arguments }), used))
        }
        tag::PING => Ok((ClientMessage::Ping, 1)),
        tag::DGC_ACK => {
            let mut rest = Bytes::new(rest);
            Ok((ClientMessage::DgcAck(Uid::read(&mut rest)?), 1 + rest.position()))
        }
        _ => Err(DecodeError::Malformed("no message of a client")),
    }
}

/// How a method has ended.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Outcome {
    /// It has returned a value, or nothing where it is `void`.
    Returned(Option<Value>),
    /// It has thrown this exception, or the call could not be made.
    Thrown(Value),
}

/// A return.
#[derive(Clone, PartialEq, Debug)]
pub struct Return {
    /// What an acknowledgement of remote references names.
    pub uid: Uid,
    /// The objects in and behind the result.
    pub heap: Heap,
    /// The result.
    pub outcome: Outcome,
}

impl Return {
    /// The message, its first byte included.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(&self.heap, vec![tag::RETURN]);
        let (kind, value) = match self.outcome {
            Outcome::Returned(value) => (NORMAL, value),
            Outcome::Thrown(exception) => (EXCEPTIONAL, Some(exception)),
        };
        let mut head = vec![kind];
        self.uid.emit(&mut head);
        writer.bytes(&head);
        value.into_iter().for_each(|value| writer.value(value));
        writer.finish()
    }
}

/// What a server sends.
#[derive(Clone, PartialEq, Debug)]
pub enum ServerMessage {
    /// The end of a call.
    Return(Return),
    /// The server is alive.
    PingAck,
}

impl ServerMessage {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            ServerMessage::Return(value) => value.encode(),
            ServerMessage::PingAck => vec![tag::PING_ACK],
        }
    }
}

/// Reads a server's message from the front of bytes, and how many they were. `result` is the type that the method returns.
///
/// # Errors
/// [`DecodeError::Truncated`] where more bytes are needed; another message or result.
pub fn read_server(
    bytes: &[u8],
    limits: &Limits,
    result: Option<&Kind>,
) -> Result<(ServerMessage, usize), DecodeError> {
    bounded(bytes, limits, server(bytes, limits, result))
}

fn server(bytes: &[u8], limits: &Limits, result: Option<&Kind>) -> Result<(ServerMessage, usize), DecodeError> {
    let (first, rest) = bytes.split_first().ok_or(DecodeError::Truncated)?;
    match *first {
        tag::RETURN => {
            let (mut reader, head) = begin(rest, limits, 15)?;
            let mut head = Bytes::new(&head);
            let (kind, uid) = (head.u8()?, Uid::read(&mut head)?);
            let outcome = match kind {
                NORMAL => Outcome::Returned(result.map(|kind| reader.value(kind)).transpose()?),
                EXCEPTIONAL => match reader.value(&Kind::object("Ljava/lang/Throwable;"))? {
                    Value::Null => return Err(DecodeError::Malformed("no exception was thrown")),
                    exception => Outcome::Thrown(exception),
                },
                _ => return Err(DecodeError::Malformed("neither a return nor an exception")),
            };
            let used = 1 + reader.position();
            Ok((ServerMessage::Return(Return { uid, heap: reader.finish()?, outcome }), used))
        }
        tag::PING_ACK => Ok((ServerMessage::PingAck, 1)),
        _ => Err(DecodeError::Malformed("no message of a server")),
    }
}

/// The stream behind a message's first byte, and the bytes that each begins with. What comes behind a message belongs to the next, so the
/// limit of bytes cuts.
fn begin<'a>(rest: &'a [u8], limits: &Limits, head: usize) -> Result<(Reader<'a>, Vec<u8>), DecodeError> {
    let mut reader = Reader::new(&rest[..rest.len().min(limits.bytes)], limits)?;
    let head = reader.take(head)?;
    Ok((reader, head))
}

/// A message that has not ended within the limit of bytes is too long.
fn bounded<T>(bytes: &[u8], limits: &Limits, message: Result<T, DecodeError>) -> Result<T, DecodeError> {
    match message {
        Err(DecodeError::Truncated) if bytes.len() > limits.bytes => Err(DecodeError::Limit("bytes")),
        message => message,
    }
}
