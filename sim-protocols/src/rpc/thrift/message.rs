//! Frames, the beginning and end of messages, and failures of the protocol itself.

use std::io::Cursor;

use thrift::protocol::{
    TBinaryInputProtocol, TBinaryOutputProtocol, TCompactInputProtocol, TCompactOutputProtocol, TInputProtocol,
    TMessageIdentifier, TMessageType, TOutputProtocol,
};
use thrift::{ApplicationError, ApplicationErrorKind, ProtocolErrorKind, TConfiguration, TransportErrorKind};

use crate::rpc::bytes::{DecodeError, Limits, Reader};

/// Bytes of a frame's length.
const LENGTH: usize = 4;

/// How messages are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Encoding {
    /// Numbers in full; the message begins with the protocol's version ("strict").
    Binary,
    /// Numbers in as few bytes as they need.
    Compact,
}

/// Bytes of the first frame, its length included.
///
/// # Errors
/// [`DecodeError::Truncated`] where more bytes are needed; over the limit.
pub fn frame(bytes: &[u8], limits: &Limits) -> Result<usize, DecodeError> {
    let mut reader = Reader::new(bytes);
    let length = usize::try_from(reader.i32()?).map_err(|_| DecodeError::Malformed("a negative length"))?;
    limits.allow(length)?;
    reader.take(length)?;
    Ok(LENGTH + length)
}

/// What a message begins with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Head {
    /// The method.
    pub name: String,
    /// Which call; its answer has the same.
    pub sequence: i32,
}

/// A failure of the protocol itself, such as a method that nobody knows: the exception that is in no interface.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its number: 1 for an unknown method, 6 for an internal error, 7 for a protocol error.
    pub kind: i32,
    /// What a person reads.
    pub message: String,
}

/// Writes a message with its frame.
pub(super) fn write(
    encoding: Encoding,
    head: &Head,
    kind: TMessageType,
    body: impl FnOnce(&mut dyn TOutputProtocol) -> thrift::Result<()>,
) -> Vec<u8> {
    let mut out = vec![0; LENGTH];
    let written = {
        let mut binary;
        let mut compact;
        let protocol: &mut dyn TOutputProtocol = match encoding {
            Encoding::Binary => {
                binary = TBinaryOutputProtocol::new(&mut out, true);
                &mut binary
            }
            Encoding::Compact => {
                compact = TCompactOutputProtocol::new(&mut out);
                &mut compact
            }
        };
        let begin = TMessageIdentifier::new(head.name.as_str(), kind, head.sequence);
        protocol
            .write_message_begin(&begin)
            .and_then(|()| body(&mut *protocol))
            .and_then(|()| protocol.write_message_end())
    };
    // What is ours and goes to memory can always be written.
    written.expect("fields stand inside structs, and memory takes them");
    let length = u32::try_from(out.len() - LENGTH).expect("a frame has less than 4 GiB");
    out[..LENGTH].copy_from_slice(&length.to_be_bytes());
    out
}

/// Reads a message: all of the bytes, which are one frame.
pub(super) fn read<T>(
    encoding: Encoding,
    bytes: &[u8],
    limits: &Limits,
    body: impl FnOnce(&Head, TMessageType, &mut dyn TInputProtocol) -> Result<T, DecodeError>,
) -> Result<(T, Head), DecodeError> {
    if frame(bytes, limits)? != bytes.len() {
        return Err(DecodeError::Malformed("bytes behind the frame"));
    }
    let inner = &bytes[LENGTH..];
    let config = config(inner.len(), limits);
    let mut cursor = Cursor::new(inner);
    let read = {
        let mut binary;
        let mut compact;
        let protocol: &mut dyn TInputProtocol = match encoding {
            Encoding::Binary => {
                binary = TBinaryInputProtocol::with_config(&mut cursor, true, config);
                &mut binary
            }
            Encoding::Compact => {
                compact = TCompactInputProtocol::with_config(&mut cursor, config);
                &mut compact
            }
        };
        let begin = protocol.read_message_begin().map_err(error)?;
        let head = Head { name: begin.name, sequence: begin.sequence_number };
        let body = body(&head, begin.message_type, &mut *protocol)?;
        protocol.read_message_end().map_err(error)?;
        (body, head)
    };
    if cursor.position() != inner.len() as u64 {
        return Err(DecodeError::Malformed("bytes behind the message"));
    }
    Ok(read)
}

/// Limits for so many bytes: the crate makes room for what a length says before it reads, so no length may be beyond what is there.
fn config(there: usize, limits: &Limits) -> TConfiguration {
    let config = TConfiguration::builder()
        .max_frame_size(Some(there))
        .max_message_size(Some(there))
        .max_string_size(Some(there))
        .max_container_size(Some(there.min(limits.count as usize)))
        .max_recursion_depth(Some(limits.depth as usize))
        .build();
    config.expect("a frame is no larger than its message")
}

/// What a frame begins with, of which not all need be there: `call`, `reply`, `exception` or `oneway`, and the head.
pub(crate) fn peek(bytes: &[u8]) -> Option<(&'static str, Head)> {
    let (_, inner) = bytes.split_first_chunk::<LENGTH>()?;
    let (config, mut cursor) = (config(inner.len(), &Limits::default()), Cursor::new(inner));
    let begin = match inner {
        [0x80, 1, ..] => TBinaryInputProtocol::with_config(&mut cursor, true, config).read_message_begin(),
        [0x82, ..] => TCompactInputProtocol::with_config(&mut cursor, config).read_message_begin(),
        _ => return None,
    };
    let begin = begin.ok().filter(|begin| begin.name.bytes().all(|letter| letter.is_ascii_graphic()))?;
    let kind = match begin.message_type {
        TMessageType::Call => "call",
        TMessageType::Reply => "reply",
        TMessageType::Exception => "exception",
        TMessageType::OneWay => "oneway",
    };
    (!begin.name.is_empty()).then_some((kind, Head { name: begin.name, sequence: begin.sequence_number }))
}

/// What an error of the crate is here. A frame is whole, so one whose message ends too early is wrong.
pub(super) fn error(error: thrift::Error) -> DecodeError {
    match error {
        thrift::Error::Transport(error) if error.kind == TransportErrorKind::EndOfFile => {
            DecodeError::Malformed("a message that ends too early")
        }
        thrift::Error::Protocol(error) => match error.kind {
            ProtocolErrorKind::DepthLimit => DecodeError::Limit("depth"),
            ProtocolErrorKind::SizeLimit => DecodeError::Limit("count"),
            ProtocolErrorKind::BadVersion => DecodeError::Unsupported("another version of the protocol"),
            _ => DecodeError::Malformed("not Thrift"),
        },
        _ => DecodeError::Malformed("not Thrift"),
    }
}

const KINDS: [ApplicationErrorKind; 11] = [
    ApplicationErrorKind::Unknown,
    ApplicationErrorKind::UnknownMethod,
    ApplicationErrorKind::InvalidMessageType,
    ApplicationErrorKind::WrongMethodName,
    ApplicationErrorKind::BadSequenceId,
    ApplicationErrorKind::MissingResult,
    ApplicationErrorKind::InternalError,
    ApplicationErrorKind::ProtocolError,
    ApplicationErrorKind::InvalidTransform,
    ApplicationErrorKind::InvalidProtocol,
    ApplicationErrorKind::UnsupportedClientType,
];

/// The answer to a call that could not be made.
pub fn encode_failure(encoding: Encoding, head: &Head, failure: &Failure) -> Vec<u8> {
    let kind = usize::try_from(failure.kind).ok().and_then(|at| KINDS.get(at)).copied();
    let failure = ApplicationError::new(kind.unwrap_or(ApplicationErrorKind::Unknown), failure.message.as_str());
    write(encoding, head, TMessageType::Exception, |protocol| {
        thrift::Error::write_application_error_to_out_protocol(&failure, protocol)
    })
}

/// Reads such an answer.
///
/// # Errors
/// Another message.
pub fn decode_failure(encoding: Encoding, bytes: &[u8], limits: &Limits) -> Result<(Failure, Head), DecodeError> {
    read(encoding, bytes, limits, |_, kind, protocol| match kind {
        TMessageType::Exception => {
            let failure = thrift::Error::read_application_error_from_in_protocol(protocol).map_err(error)?;
            Ok(Failure { kind: failure.kind as i32, message: failure.message })
        }
        _ => Err(DecodeError::Malformed("not a failure")),
    })
}
