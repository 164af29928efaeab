//! Requests, responses and events.

use super::header::{Header, Status};
use crate::rpc::bytes::{DecodeError, Limits};
use crate::rpc::hessian::{Reader, ShortDouble, Value, Writer};

/// What goes with a call beside its arguments: names and values, in the order of the wire.
pub type Attachments = Vec<(String, Value)>;

/// A message.
#[derive(Clone, PartialEq, Debug)]
pub enum Message {
    /// A call.
    Request(Request),
    /// Its answer.
    Response(Response),
    /// Something between the two ends; a heartbeat's data is null.
    Event {
        /// Whether it asks, or answers.
        request: bool,
        /// Whether it wants an answer.
        two_way: bool,
        /// How what it answers has ended; 0 where it asks.
        status: u8,
        /// Which one.
        id: u64,
        /// Its data.
        data: Value,
    },
}

/// A call.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Which one; the client counts.
    pub id: u64,
    /// Whether an answer is expected.
    pub two_way: bool,
    /// The version of the protocol that the client speaks, such as `2.0.2`.
    pub dubbo: String,
    /// The service's path, by custom its interface.
    pub path: String,
    /// The version of the service; `0.0.0` where it has none.
    pub version: String,
    /// The method.
    pub method: String,
    /// Its parameters' types as the Java VM describes them, such as `JLjava/lang/String;`: they say how many arguments follow.
    pub descriptor: String,
    /// The arguments.
    pub arguments: Vec<Value>,
    /// `path`, `interface`, `version` and the like.
    pub attachments: Attachments,
}

/// An answer.
#[derive(Clone, PartialEq, Debug)]
pub struct Response {
    /// Which request.
    pub id: u64,
    /// What it is.
    pub body: Body,
}

/// What an answer holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// Kinds 2 and 5: nothing, or null.
    Null(Option<Attachments>),
    /// Kinds 1 and 4: what the method has returned.
    Value(Value, Option<Attachments>),
    /// Kinds 0 and 3: what the method has thrown.
    Exception(Value, Option<Attachments>),
    /// The request did not come so far: a status but [`Status::Ok`], and why.
    Failed(Status, String),
}

/// Kinds of results; with attachments, three more.
const EXCEPTION: i32 = 0;
const VALUE: i32 = 1;
const NULL: i32 = 2;
const WITH_ATTACHMENTS: i32 = 3;

impl Message {
    /// A heartbeat that asks, or the answer to one.
    pub fn heartbeat(request: bool, id: u64) -> Message {
        let status = if request { 0 } else { u8::from(Status::Ok) };
        Message::Event { request, two_way: request, status, id, data: Value::Null }
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new();
        let (request, two_way, event, status, id) = match self {
            Message::Request(request) => {
                request.write(&mut writer);
                (true, request.two_way, false, 0, request.id)
            }
            Message::Response(response) => {
                response.body.write(&mut writer);
                let status = match response.body {
                    Body::Failed(status, _) => status,
                    _ => Status::Ok,
                };
                (false, false, false, u8::from(status), response.id)
            }
            Message::Event { request, two_way, status, id, data } => {
                writer.value(data);
                (*request, *two_way, true, *status, *id)
            }
        };
        let body = writer.finish();
        let length = u32::try_from(body.len()).expect("a message has less than 4 GiB");
        let mut out = Vec::with_capacity(Header::LEN + body.len());
        Header { request, two_way, event, status, id, length }.emit(&mut out);
        out.extend_from_slice(&body);
        out
    }

    /// Reads a message from the front of bytes, and how many they were.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where more bytes are needed; another header or body.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(Message, usize), DecodeError> {
        let header = Header::parse(bytes, limits)?;
        let end = Header::LEN + header.length as usize;
        let body = bytes.get(Header::LEN..end).ok_or(DecodeError::Truncated)?;
        let mut reader = Reader::new(body, limits, ShortDouble::default())?;
        let read = message(&header, &mut reader).and_then(|message| {
            reader.end()?;
            Ok(message)
        });
        match read {
            Ok(message) => Ok((message, end)),
            // The body is whole: more of the stream would not help.
            Err(DecodeError::Truncated) => Err(DecodeError::Malformed("a body that ends too early")),
            Err(other) => Err(other),
        }
    }
}

fn message(header: &Header, reader: &mut Reader<'_>) -> Result<Message, DecodeError> {
    let Header { request, two_way, event, status, id, .. } = *header;
    if event {
        return Ok(Message::Event { request, two_way, status, id, data: reader.value()? });
    }
    if request {
        return Ok(Message::Request(Request::read(header, reader)?));
    }
    let body = match Status::from(status) {
        Status::Ok => Body::read(reader)?,
        failed => Body::Failed(failed, text(reader)?),
    };
    Ok(Message::Response(Response { id, body }))
}

/// Text; a null is taken as none, as Dubbo's reader does.
fn text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    match reader.value()? {
        Value::Text(text) => Ok(text),
        Value::Null => Ok(String::new()),
        _ => Err(DecodeError::Malformed("not text")),
    }
}

impl Request {
    fn write(&self, writer: &mut Writer) {
        for text in [&self.dubbo, &self.path, &self.version, &self.method, &self.descriptor] {
            writer.text(text);
        }
        self.arguments.iter().for_each(|argument| writer.value(argument));
        write_attachments(&self.attachments, writer);
    }

    fn read(header: &Header, reader: &mut Reader<'_>) -> Result<Request, DecodeError> {
        let (dubbo, path, version) = (text(reader)?, text(reader)?, text(reader)?);
        let (method, descriptor) = (text(reader)?, text(reader)?);
        let count = parameters(&descriptor)?.len();
        let arguments = (0..count).map(|_| reader.value()).collect::<Result<_, _>>()?;
        let attachments = read_attachments(reader)?;
        let (id, two_way) = (header.id, header.two_way);
        Ok(Request { id, two_way, dubbo, path, version, method, descriptor, arguments, attachments })
    }
}

impl Body {
    fn write(&self, writer: &mut Writer) {
        let mut result = |kind: i32, value: Option<&Value>, attachments: &Option<Attachments>| {
            writer.int(kind + if attachments.is_some() { WITH_ATTACHMENTS } else { 0 });
            value.into_iter().for_each(|value| writer.value(value));
            attachments.iter().for_each(|attachments| write_attachments(attachments, writer));
        };
        match self {
            Body::Null(attachments) => result(NULL, None, attachments),
            Body::Value(value, attachments) => result(VALUE, Some(value), attachments),
            Body::Exception(value, attachments) => result(EXCEPTION, Some(value), attachments),
            Body::Failed(_, why) => writer.text(why),
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Body, DecodeError> {
        let kind = reader.int()?;
        if !(0..=EXCEPTION + WITH_ATTACHMENTS + NULL).contains(&kind) {
            return Err(DecodeError::Malformed("no such kind of result"));
        }
        let value = if kind % 3 == NULL { None } else { Some(reader.value()?) };
        let attachments = if kind >= WITH_ATTACHMENTS { Some(read_attachments(reader)?) } else { None };
        Ok(match value {
            None => Body::Null(attachments),
            Some(value) if kind % 3 == VALUE => Body::Value(value, attachments),
            Some(value) => Body::Exception(value, attachments),
        })
    }
}

fn write_attachments(attachments: &Attachments, writer: &mut Writer) {
    let entries = attachments.iter().map(|(name, value)| (Value::text(name), value.clone()));
    writer.value(&Value::map(entries.collect()));
}

fn read_attachments(reader: &mut Reader<'_>) -> Result<Attachments, DecodeError> {
    const OTHER: DecodeError = DecodeError::Malformed("not attachments");
    match reader.value()? {
        Value::Map(map) => {
            let entries = map.entries.into_iter().map(|(name, value)| match name {
                Value::Text(name) => Ok((name, value)),
                _ => Err(OTHER),
            });
            entries.collect()
        }
        Value::Null => Ok(vec![]),
        _ => Err(OTHER),
    }
}

/// The types in a descriptor, one by one.
///
/// # Errors
/// Not a list of types in the Java VM's form.
pub fn parameters(descriptor: &str) -> Result<Vec<&str>, DecodeError> {
    const OTHER: DecodeError = DecodeError::Malformed("not a descriptor");
    let mut types = Vec::new();
    let mut rest = descriptor;
    while !rest.is_empty() {
        let dimensions = rest.bytes().take_while(|byte| *byte == b'[').count();
        let length = match rest.as_bytes().get(dimensions) {
            Some(b'B' | b'C' | b'D' | b'F' | b'I' | b'J' | b'S' | b'Z') => 1,
            Some(b'L') => 1 + rest[dimensions..].find(';').ok_or(OTHER)?,
            _ => return Err(OTHER),
        };
        let (one, more) = rest.split_at(dimensions + length);
        types.push(one);
        rest = more;
    }
    Ok(types)
}
