//! The header of each message.

use crate::rpc::bytes::{DecodeError, Limits, Reader};

/// What each message begins with.
const MAGIC: u16 = 0xdabb;
const REQUEST: u8 = 0x80;
const TWO_WAY: u8 = 0x40;
const EVENT: u8 = 0x20;
/// The number of the serialisation in the flags.
const SERIALIZATION: u8 = 0x1f;
/// Hessian 2.
const HESSIAN_2: u8 = 2;

/// How a request has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// 20: the body is the result, also where that is an exception.
    Ok,
    /// 25: the answer could not be serialised.
    SerializationError,
    /// 30: the client has waited too long.
    ClientTimeout,
    /// 31: the server has taken too long.
    ServerTimeout,
    /// 35: the connection is being closed.
    ChannelInactive,
    /// 40: the request could not be read.
    BadRequest,
    /// 50: the response could not be read.
    BadResponse,
    /// 60: there is no such service.
    ServiceNotFound,
    /// 70: the service has failed.
    ServiceError,
    /// 80: the server has failed.
    ServerError,
    /// 90: the client has failed.
    ClientError,
    /// 100: the server's threads are all busy.
    ThreadPoolExhausted,
    /// Another one.
    Unknown(u8),
}

const STATUSES: [(Status, u8); 12] = [
    (Status::Ok, 20),
    (Status::SerializationError, 25),
    (Status::ClientTimeout, 30),
    (Status::ServerTimeout, 31),
    (Status::ChannelInactive, 35),
    (Status::BadRequest, 40),
    (Status::BadResponse, 50),
    (Status::ServiceNotFound, 60),
    (Status::ServiceError, 70),
    (Status::ServerError, 80),
    (Status::ClientError, 90),
    (Status::ThreadPoolExhausted, 100),
];

impl From<u8> for Status {
    fn from(code: u8) -> Status {
        let known = STATUSES.iter().find(|(_, known)| *known == code);
        known.map_or(Status::Unknown(code), |(status, _)| *status)
    }
}

impl From<Status> for u8 {
    fn from(status: Status) -> u8 {
        match status {
            Status::Unknown(code) => code,
            known => STATUSES.iter().find(|(status, _)| *status == known).expect("every other status is there").1,
        }
    }
}

/// A header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// A request, not a response.
    pub request: bool,
    /// A response is expected.
    pub two_way: bool,
    /// Not a call: a heartbeat, or "read only".
    pub event: bool,
    /// How the request has ended; of a response alone, else 0.
    pub status: u8,
    /// Which request; its response has the same.
    pub id: u64,
    /// Bytes of the body.
    pub length: u32,
}

impl Header {
    /// Bytes of a header.
    pub const LEN: usize = 16;

    /// Appends it.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let flag = |set: bool, bit: u8| if set { bit } else { 0 };
        let flags = flag(self.request, REQUEST) | flag(self.two_way, TWO_WAY) | flag(self.event, EVENT) | HESSIAN_2;
        out.extend_from_slice(&MAGIC.to_be_bytes());
        out.extend_from_slice(&[flags, self.status]);
        out.extend_from_slice(&self.id.to_be_bytes());
        out.extend_from_slice(&self.length.to_be_bytes());
    }

    /// Reads it from the front of bytes.
    ///
    /// # Errors
    /// Another magic number or serialisation, a body over the limit.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Header, DecodeError> {
        let mut bytes = Reader::new(bytes);
        if bytes.u16()? != MAGIC {
            return Err(DecodeError::Malformed("not Dubbo's magic number"));
        }
        let flags = bytes.u8()?;
        if flags & SERIALIZATION != HESSIAN_2 {
            return Err(DecodeError::Unsupported("another serialisation than Hessian 2"));
        }
        let (status, id, length) = (bytes.u8()?, bytes.u64()?, bytes.u32()?);
        limits.allow(length as usize)?;
        let has = |bit| flags & bit != 0;
        Ok(Header { request: has(REQUEST), two_way: has(TWO_WAY), event: has(EVENT), status, id, length })
    }
}
