//! How a connection begins, and the identifiers in its messages (RMI §10.2).

use crate::rpc::bytes::{DecodeError, Reader};
use crate::rpc::java::{push_utf, take_utf};

/// `JRMI`, what a connection begins with (RMI §10.2).
const MAGIC: u32 = 0x4a52_4d49;
/// The version of the protocol.
const VERSION: u16 = 2;

/// What the client asks the connection to be (RMI §10.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// Several calls, one after another, behind an acknowledgement.
    Stream,
    /// A single call, at once.
    SingleOp,
}

/// The first bytes of a client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// What follows.
    pub protocol: Protocol,
}

impl Opening {
    /// Bytes of an opening.
    pub const LEN: usize = 7;

    /// Appends it.
    pub fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&VERSION.to_be_bytes());
        out.push(match self.protocol {
            Protocol::Stream => 0x4b,
            Protocol::SingleOp => 0x4c,
        });
    }

    /// Reads it from the front of bytes.
    ///
    /// # Errors
    /// Another magic number, version or protocol.
    pub fn parse(bytes: &[u8]) -> Result<Opening, DecodeError> {
        let mut bytes = Reader::new(bytes);
        if bytes.u32()? != MAGIC {
            return Err(DecodeError::Malformed("no opening of RMI"));
        }
        if bytes.u16()? != VERSION {
            return Err(DecodeError::Unsupported("another version of RMI"));
        }
        match bytes.u8()? {
            0x4b => Ok(Opening { protocol: Protocol::Stream }),
            0x4c => Ok(Opening { protocol: Protocol::SingleOp }),
            // RMI §10.3: the multiplexing protocol.
            0x4d => Err(DecodeError::Unsupported("the multiplexing protocol")),
            _ => Err(DecodeError::Malformed("no such protocol")),
        }
    }
}

/// Where somebody can be reached, or says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// A name, or an address in text.
    pub host: String,
    /// The port; 0 where there is none.
    pub port: i32,
}

impl Endpoint {
    /// An endpoint.
    pub fn new(host: &str, port: u16) -> Endpoint {
        Endpoint { host: host.into(), port: i32::from(port) }
    }

    /// Appends it: what a client says of itself once it is acknowledged.
    pub fn emit(&self, out: &mut Vec<u8>) {
        push_utf(&self.host, out);
        out.extend_from_slice(&self.port.to_be_bytes());
    }

    /// Reads it from the front of bytes, and how many they were.
    ///
    /// # Errors
    /// No text in Java's form.
    pub fn parse(bytes: &[u8]) -> Result<(Endpoint, usize), DecodeError> {
        let mut bytes = Reader::new(bytes);
        let endpoint = Endpoint::read(&mut bytes)?;
        Ok((endpoint, bytes.position()))
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Endpoint, DecodeError> {
        Ok(Endpoint { host: take_utf(bytes)?, port: bytes.i32()? })
    }
}

/// What a server answers to an opening of [`Protocol::Stream`] (RMI §10.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Ack {
    /// Yes, and the client's address as the server sees it.
    Supported(Endpoint),
    /// No.
    NotSupported,
}

impl Ack {
    /// Appends it.
    pub fn emit(&self, out: &mut Vec<u8>) {
        match self {
            Ack::Supported(endpoint) => {
                out.push(0x4e);
                endpoint.emit(out);
            }
            Ack::NotSupported => out.push(0x4f),
        }
    }

    /// Reads it from the front of bytes, and how many they were.
    ///
    /// # Errors
    /// Another answer.
    pub fn parse(bytes: &[u8]) -> Result<(Ack, usize), DecodeError> {
        let mut bytes = Reader::new(bytes);
        let ack = match bytes.u8()? {
            0x4e => Ack::Supported(Endpoint::read(&mut bytes)?),
            0x4f => Ack::NotSupported,
            _ => return Err(DecodeError::Malformed("no acknowledgement")),
        };
        Ok((ack, bytes.position()))
    }
}

/// `java.rmi.server.UID`: unique on a host.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Uid {
    /// Which virtual machine.
    pub unique: i32,
    /// When it was started, in milliseconds since 1970.
    pub time: i64,
    /// Which one of its identifiers.
    pub count: i16,
}

impl Uid {
    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.unique.to_be_bytes());
        out.extend_from_slice(&self.time.to_be_bytes());
        out.extend_from_slice(&self.count.to_be_bytes());
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<Uid, DecodeError> {
        Ok(Uid { unique: bytes.i32()?, time: bytes.i64()?, count: bytes.u16()? as i16 })
    }
}

/// `java.rmi.server.ObjID`: which exported object of an endpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ObjId {
    /// Its number; well-known objects have small ones.
    pub number: i64,
    /// Whose numbers; zero for well-known objects.
    pub space: Uid,
}

impl ObjId {
    /// Bytes of an identifier.
    pub const LEN: usize = 22;

    /// A well-known object.
    pub const fn known(number: i64) -> ObjId {
        ObjId { number, space: Uid { unique: 0, time: 0, count: 0 } }
    }

    pub(super) fn emit(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.number.to_be_bytes());
        self.space.emit(out);
    }

    pub(super) fn read(bytes: &mut Reader<'_>) -> Result<ObjId, DecodeError> {
        Ok(ObjId { number: bytes.i64()?, space: Uid::read(bytes)? })
    }
}
