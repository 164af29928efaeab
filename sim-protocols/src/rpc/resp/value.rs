//! Requests and replies.

use crate::rpc::bytes::{Budget, DecodeError, Limits, Reader};

/// A reply, or a request where it is an array of bulk strings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// `+`: a short text without line ends.
    Simple(String),
    /// `-`: an error; its first word is its kind.
    Error(String),
    /// `:`: 64 bits.
    Integer(i64),
    /// `$`: any bytes.
    Bulk(Vec<u8>),
    /// `$-1`: no such thing.
    Null,
    /// `*`: several.
    Array(Vec<Value>),
    /// `*-1`: no such several things.
    NullArray,
}

/// Digits and sign of a number at the most.
const NUMBER_MAX: usize = 20;
/// Bytes of a line at the most, Redis's limit of inline requests.
const LINE_MAX: usize = 64 << 10;

impl Value {
    /// Bytes of text.
    pub fn bulk(text: &str) -> Value {
        Value::Bulk(text.into())
    }

    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        let mut line = |mark: u8, text: &str| {
            assert!(!text.contains(['\r', '\n']), "a line has no line end");
            out.push(mark);
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"\r\n");
        };
        match self {
            Value::Simple(text) => line(b'+', text),
            Value::Error(text) => line(b'-', text),
            Value::Integer(number) => line(b':', &number.to_string()),
            Value::Null => line(b'$', "-1"),
            Value::NullArray => line(b'*', "-1"),
            Value::Bulk(bytes) => {
                line(b'$', &bytes.len().to_string());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
            Value::Array(items) => {
                line(b'*', &items.len().to_string());
                items.iter().for_each(|item| item.write(out));
            }
        }
    }

    /// Reads a value from the front of bytes, and how many they were.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] where more bytes are needed; what is not RESP2, or too much of it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<(Value, usize), DecodeError> {
        // What comes behind the value belongs to the next, so the limit of bytes cuts.
        let mut reader = Reader::new(&bytes[..bytes.len().min(limits.bytes)]);
        match value(&mut reader, &mut Budget::new(limits), limits) {
            Err(DecodeError::Truncated) if bytes.len() > limits.bytes => Err(DecodeError::Limit("bytes")),
            value => Ok((value?, reader.position())),
        }
    }
}

fn value(reader: &mut Reader<'_>, budget: &mut Budget, limits: &Limits) -> Result<Value, DecodeError> {
    budget.enter()?;
    budget.spend(1)?;
    let value = match reader.u8()? {
        b'+' => Value::Simple(text(reader)?),
        b'-' => Value::Error(text(reader)?),
        b':' => Value::Integer(number(line(reader, NUMBER_MAX)?)?),
        b'$' => match length(reader)? {
            None => Value::Null,
            Some(length) => {
                limits.allow(length)?;
                let bytes = reader.take(length)?.to_vec();
                if reader.array()? != *b"\r\n" {
                    return Err(DecodeError::Malformed("a bulk string without its end"));
                }
                Value::Bulk(bytes)
            }
        },
        b'*' => match length(reader)? {
            None => Value::NullArray,
            Some(length) => {
                if length > limits.count as usize {
                    return Err(DecodeError::Limit("count"));
                }
                Value::Array((0..length).map(|_| self::value(reader, budget, limits)).collect::<Result<_, _>>()?)
            }
        },
        _ => return Err(DecodeError::Malformed("no value begins so")),
    };
    budget.leave();
    Ok(value)
}

/// A line without its end.
fn line<'a>(reader: &mut Reader<'a>, max: usize) -> Result<&'a [u8], DecodeError> {
    let mut ahead = reader.clone();
    let mut length = 0;
    loop {
        match ahead.u8()? {
            b'\r' => break,
            b'\n' => return Err(DecodeError::Malformed("half a line end")),
            _ if length == max => return Err(DecodeError::Malformed("a line that is too long")),
            _ => length += 1,
        }
    }
    let line = reader.take(length)?;
    match reader.array()? {
        [b'\r', b'\n'] => Ok(line),
        _ => Err(DecodeError::Malformed("half a line end")),
    }
}

fn text(reader: &mut Reader<'_>) -> Result<String, DecodeError> {
    let line = line(reader, LINE_MAX)?;
    String::from_utf8(line.to_vec()).map_err(|_| DecodeError::Malformed("a line that is no text"))
}

/// A decimal number, also with a plus sign.
pub(super) fn number(digits: &[u8]) -> Result<i64, DecodeError> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.len() <= NUMBER_MAX);
    text.and_then(|text| text.parse().ok()).ok_or(DecodeError::Malformed("not a number"))
}

/// A length; -1 is none.
fn length(reader: &mut Reader<'_>) -> Result<Option<usize>, DecodeError> {
    match number(line(reader, NUMBER_MAX)?)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| DecodeError::Malformed("a negative length")),
    }
}

/// A request: an array of bulk strings, the command first.
pub fn encode_request(words: &[&[u8]]) -> Vec<u8> {
    Value::Array(words.iter().map(|word| Value::Bulk(word.to_vec())).collect()).encode()
}

/// Reads a request from the front of bytes, and how many they were: an array of bulk strings, or a line of words ("inline command"). One
/// without words is to be ignored.
///
/// # Errors
/// [`DecodeError::Truncated`] where more bytes are needed; what is no request, or too much of it.
pub fn decode_request(bytes: &[u8], limits: &Limits) -> Result<(Vec<Vec<u8>>, usize), DecodeError> {
    if *bytes.first().ok_or(DecodeError::Truncated)? != b'*' {
        let max = LINE_MAX.min(limits.bytes);
        let end = bytes.iter().take(max + 1).position(|byte| *byte == b'\n');
        let end = end.ok_or(if bytes.len() > max { DecodeError::Limit("bytes") } else { DecodeError::Truncated })?;
        let words = bytes[..end].split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        return Ok((words.map(<[u8]>::to_vec).collect(), end + 1));
    }
    let (value, used) = Value::decode(bytes, limits)?;
    let Value::Array(items) = value else { return Ok((vec![], used)) };
    let words = items.into_iter().map(|item| match item {
        Value::Bulk(word) => Ok(word),
        _ => Err(DecodeError::Malformed("a request of other things than bulk strings")),
    });
    Ok((words.collect::<Result<_, _>>()?, used))
}
