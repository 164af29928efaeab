//! What all forms read with: a cursor that cannot leave its bytes, limits against messages that are bombs, and what can be wrong.

use std::fmt;

/// What a decoder takes at the most. A message that asks for more is refused before anything of that size is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Values inside values. Default: 64, which Thrift's libraries allow too; each level costs some stack.
    pub depth: u32,
    /// Values in a message, all levels together. Default: 1,000,000.
    pub count: u32,
    /// Bytes of a message. Default: 8 MiB, Dubbo's default.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { depth: 64, count: 1_000_000, bytes: 8 << 20 }
    }
}

impl Limits {
    /// Refuses a message of more bytes than are allowed.
    pub(crate) fn allow(&self, bytes: usize) -> Result<(), DecodeError> {
        if bytes > self.bytes { Err(DecodeError::Limit("bytes")) } else { Ok(()) }
    }
}

/// Why bytes are not a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeError {
    /// They end too early; more may help.
    Truncated,
    /// They break the form's rules.
    Malformed(&'static str),
    /// They ask for more than a limit allows: which.
    Limit(&'static str),
    /// They may be right, but this is not modelled.
    Unsupported(&'static str),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecodeError::Truncated => f.write_str("truncated"),
            DecodeError::Malformed(what) => write!(f, "malformed: {what}"),
            DecodeError::Limit(which) => write!(f, "over the limit of {which}"),
            DecodeError::Unsupported(what) => write!(f, "not supported: {what}"),
        }
    }
}

impl std::error::Error for DecodeError {}

/// Reads big-endian numbers and ranges from the front of bytes.
#[derive(Clone, Debug)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Reader<'a> {
        Reader { bytes, at: 0 }
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.at
    }

    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.at
    }

    pub fn is_empty(&self) -> bool {
        self.remaining() == 0
    }

    pub fn peek(&self) -> Result<u8, DecodeError> {
        self.bytes.get(self.at).copied().ok_or(DecodeError::Truncated)
    }

    pub fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let end = self.at.checked_add(length).ok_or(DecodeError::Truncated)?;
        let range = self.bytes.get(self.at..end).ok_or(DecodeError::Truncated)?;
        self.at = end;
        Ok(range)
    }

    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        Ok(self.take(N)?.try_into().expect("as many bytes as were taken"))
    }

    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(self.array::<1>()?[0])
    }

    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn i32(&mut self) -> Result<i32, DecodeError> {
        self.array().map(i32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, DecodeError> {
        self.array().map(i64::from_be_bytes)
    }
}

/// What is left of the limits while a message is read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    depth: u32,
    count: u32,
}

impl Budget {
    pub fn new(limits: &Limits) -> Budget {
        Budget { depth: limits.depth, count: limits.count }
    }

    /// One level deeper; `leave` goes back.
    pub fn enter(&mut self) -> Result<(), DecodeError> {
        self.depth = self.depth.checked_sub(1).ok_or(DecodeError::Limit("depth"))?;
        Ok(())
    }

    pub fn leave(&mut self) {
        self.depth += 1;
    }

    /// So many values more.
    pub fn spend(&mut self, values: usize) -> Result<(), DecodeError> {
        let values = u32::try_from(values).map_err(|_| DecodeError::Limit("count"))?;
        self.count = self.count.checked_sub(values).ok_or(DecodeError::Limit("count"))?;
        Ok(())
    }
}

/// A 16-bit unit of Java's text in one to three bytes, the forms of UTF-8; a character beyond the first 65,536 is two units here.
pub(crate) fn push_unit(unit: u16, out: &mut Vec<u8>) {
    let (high, middle, low) = ((unit >> 12) as u8, (unit >> 6 & 0x3f) as u8, (unit & 0x3f) as u8);
    match unit {
        0..=0x7f => out.push(unit as u8),
        0x80..=0x7ff => out.extend_from_slice(&[0xc0 | middle, 0x80 | low]),
        _ => out.extend_from_slice(&[0xe0 | high, 0x80 | middle, 0x80 | low]),
    }
}

/// What has arrived of a stream and is not read yet: the incremental side of every form whose messages tell their end.
#[derive(Clone, Default, Debug)]
pub struct Arrived {
    bytes: Vec<u8>,
    read: usize,
}

impl Arrived {
    /// Nothing yet.
    pub fn new() -> Arrived {
        Arrived::default()
    }

    /// More has arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..std::mem::take(&mut self.read));
        self.bytes.extend_from_slice(bytes);
    }

    /// What is there.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.read..]
    }

    /// Takes bytes from the front: as many as a decoder has used.
    pub fn take(&mut self, length: usize) -> &[u8] {
        let from = self.read;
        self.read += length;
        &self.bytes[from..self.read]
    }
}
