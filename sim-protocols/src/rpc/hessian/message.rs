//! Calls and replies (Hessian 2.0 Web Services Protocol §4).

use std::fmt;

use super::read::{Reader, ShortDouble};
use super::value::{Value, Writer};
use crate::rpc::bytes::{DecodeError, Limits};

/// The media type under which Caucho's client and server send bodies.
pub const CONTENT_TYPE: &str = "x-application/hessian";

/// What each message begins with (WS §4.5): 'H', major and minor version.
const VERSION: [u8; 3] = [b'H', 2, 0];

/// A call: which object is asked, the URL says.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// The method's name; overloaded ones carry their parameters' types in it (WS §4.1.1).
    pub method: String,
    /// Its arguments.
    pub arguments: Vec<Value>,
}

impl Call {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(&VERSION);
        // WS §4.1: 'C', the method, how many arguments, the arguments.
        writer.raw(b"C");
        writer.text(&self.method);
        writer.int(self.arguments.len() as i32);
        self.arguments.iter().for_each(|argument| writer.value(argument));
        writer.finish()
    }

    /// Reads a message, which is all of the bytes.
    ///
    /// # Errors
    /// Another message, what is not Hessian, or too much of it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Call, DecodeError> {
        let mut reader = begin(bytes, limits)?;
        if reader.bytes.u8()? != b'C' {
            return Err(DecodeError::Malformed("not a call"));
        }
        let method = reader.text()?;
        let length = usize::try_from(reader.int()?).map_err(|_| DecodeError::Malformed("a negative length"))?;
        if length > reader.bytes.remaining() {
            return Err(DecodeError::Truncated);
        }
        let arguments = (0..length).map(|_| reader.value()).collect::<Result<_, _>>()?;
        reader.end()?;
        Ok(Call { method, arguments })
    }
}

/// A reply.
#[derive(Clone, PartialEq, Debug)]
pub enum Reply {
    /// What the method returned (WS §4.4.1).
    Value(Value),
    /// Why it did not (WS §4.4.2).
    Fault(Fault),
}

/// What kind of fault (WS §4.4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FaultCode {
    /// The request is no Hessian.
    Protocol,
    /// The URL names no object.
    NoSuchObject,
    /// The object has no such method.
    NoSuchMethod,
    /// A header that must be understood was not.
    RequireHeader,
    /// The method threw.
    Service,
    /// Another one.
    Unknown(String),
}

/// Codes and their texts.
const CODES: [(FaultCode, &str); 5] = [
    (FaultCode::Protocol, "ProtocolException"),
    (FaultCode::NoSuchObject, "NoSuchObjectException"),
    (FaultCode::NoSuchMethod, "NoSuchMethodException"),
    (FaultCode::RequireHeader, "RequireHeaderException"),
    (FaultCode::Service, "ServiceException"),
];

impl FaultCode {
    fn from_text(text: &str) -> FaultCode {
        let known = CODES.iter().find(|(_, name)| *name == text);
        known.map_or_else(|| FaultCode::Unknown(text.into()), |(code, _)| code.clone())
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FaultCode::Unknown(text) => f.write_str(text),
            known => {
                let (_, name) = CODES.iter().find(|(code, _)| code == known).expect("every other code is in the table");
                f.write_str(name)
            }
        }
    }
}

/// A fault: an exception of the service or of the protocol.
#[derive(Clone, PartialEq, Debug)]
pub struct Fault {
    /// Its kind.
    pub code: FaultCode,
    /// What a person reads.
    pub message: String,
    /// What a program reads, such as the exception itself.
    pub detail: Option<Value>,
}

impl Reply {
    /// The message.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        writer.raw(&VERSION);
        match self {
            Reply::Value(value) => {
                writer.raw(b"R");
                writer.value(value);
            }
            Reply::Fault(fault) => {
                // WS §4.4.2: 'F', and a map, which the examples begin with its own mark.
                writer.raw(b"F");
                let mut entries = vec![
                    (Value::text("code"), Value::Text(fault.code.to_string())),
                    (Value::text("message"), Value::text(&fault.message)),
                ];
                entries.extend(fault.detail.clone().map(|detail| (Value::text("detail"), detail)));
                writer.value(&Value::map(entries));
            }
        }
        writer.finish()
    }

    /// Reads a message, which is all of the bytes.
    ///
    /// # Errors
    /// Another message, what is not Hessian, or too much of it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Reply, DecodeError> {
        let mut reader = begin(bytes, limits)?;
        let reply = match reader.bytes.u8()? {
            b'R' => Reply::Value(reader.value()?),
            b'F' => {
                // WS §3 has the pairs without the map's mark, which the examples have: both are taken. With it, the map is number 0 of what
                // references count.
                let entries = match reader.bytes.peek()? {
                    b'H' => match reader.value()? {
                        Value::Map(map) => map.entries,
                        _ => return Err(DecodeError::Malformed("not a fault")),
                    },
                    _ => reader.entries()?,
                };
                Reply::Fault(fault(entries)?)
            }
            _ => return Err(DecodeError::Malformed("not a reply")),
        };
        reader.end()?;
        Ok(reply)
    }
}

fn fault(entries: Vec<(Value, Value)>) -> Result<Fault, DecodeError> {
    let mut fault = Fault { code: FaultCode::Unknown(String::new()), message: String::new(), detail: None };
    for (key, value) in entries {
        match (key, value) {
            (Value::Text(key), Value::Text(code)) if key == "code" => fault.code = FaultCode::from_text(&code),
            (Value::Text(key), Value::Text(message)) if key == "message" => fault.message = message,
            (Value::Text(key), detail) if key == "detail" => fault.detail = Some(detail),
            _ => return Err(DecodeError::Malformed("a fault has a code, a message and a detail")),
        }
    }
    Ok(fault)
}

fn begin<'a>(bytes: &'a [u8], limits: &Limits) -> Result<Reader<'a>, DecodeError> {
    let mut reader = Reader::new(bytes, limits, ShortDouble::default())?;
    if reader.bytes.u8()? != VERSION[0] {
        return Err(DecodeError::Malformed("no version of Hessian"));
    }
    if reader.bytes.array::<2>()? != VERSION[1..] {
        return Err(DecodeError::Unsupported("another version of Hessian"));
    }
    Ok(reader)
}

/// A message as HTTP carries it: a call by `POST`, its reply by a response of status 200, also where it is a fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HttpBody {
    /// The field `Content-Type`.
    pub content_type: &'static str,
    /// The body.
    pub body: Vec<u8>,
}

impl From<&Call> for HttpBody {
    fn from(call: &Call) -> HttpBody {
        HttpBody { content_type: CONTENT_TYPE, body: call.encode() }
    }
}

impl From<&Reply> for HttpBody {
    fn from(reply: &Reply) -> HttpBody {
        HttpBody { content_type: CONTENT_TYPE, body: reply.encode() }
    }
}
