//! Reads values of Hessian.

use std::sync::Arc;

use super::value::{Class, List, Map, Object, Value};
use crate::rpc::bytes::{Budget, DecodeError, Limits, Reader as Bytes};

/// What four octets behind `x5f` mean. The specification (§4.4.5) has an IEEE single; Caucho's own reader and writer, and those
/// descended from them, have a whole number of thousandths.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ShortDouble {
    /// Thousandths, as the deployed implementations have it. The default.
    #[default]
    Thousandths,
    /// An IEEE single, as the specification has it.
    Single,
}

/// Reads the values of one message, which share classes, types and references.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    pub(super) bytes: Bytes<'a>,
    budget: Budget,
    short_double: ShortDouble,
    classes: Vec<Arc<Class>>,
    types: Vec<String>,
    /// Lists, maps and objects that have begun.
    begun: u32,
}

impl<'a> Reader<'a> {
    /// A reader at a message's beginning.
    ///
    /// # Errors
    /// More bytes than the limit.
    pub fn new(bytes: &'a [u8], limits: &Limits, short_double: ShortDouble) -> Result<Reader<'a>, DecodeError> {
        limits.allow(bytes.len())?;
        let budget = Budget::new(limits);
        Ok(Reader { bytes: Bytes::new(bytes), budget, short_double, classes: Vec::new(), types: Vec::new(), begun: 0 })
    }

    /// Bytes read so far.
    pub fn position(&self) -> usize {
        self.bytes.position()
    }

    /// Whether all bytes are read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Asserts the end of the message.
    ///
    /// # Errors
    /// Bytes are left over.
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.is_empty() { Ok(()) } else { Err(DecodeError::Malformed("bytes behind the end")) }
    }

    /// The next value.
    ///
    /// # Errors
    /// What is not Hessian, or too much of it.
    pub fn value(&mut self) -> Result<Value, DecodeError> {
        self.budget.enter()?;
        self.budget.spend(1)?;
        let mut tag = self.bytes.u8()?;
        while tag == b'C' {
            self.class()?;
            tag = self.bytes.u8()?;
        }
        let value = self.tagged(tag)?;
        self.budget.leave();
        Ok(value)
    }

    /// The value behind its first byte (Serialization §6, the bytecode map).
    fn tagged(&mut self, tag: u8) -> Result<Value, DecodeError> {
        Ok(match tag {
            b'N' => Value::Null,
            b'T' => Value::Bool(true),
            b'F' => Value::Bool(false),
            0x80..=0xd7 | b'I' => Value::Int(self.int_of(tag)?),
            0xd8..=0xef => Value::Long(i64::from(tag) - 0xe0),
            0xf0..=0xff => Value::Long(i64::from(self.high(tag, 0xf8, 1)?)),
            0x38..=0x3f => Value::Long(i64::from(self.high(tag, 0x3c, 2)?)),
            0x59 => Value::Long(i64::from(self.bytes.i32()?)),
            b'L' => Value::Long(self.bytes.i64()?),
            0x5b => Value::Double(0.0),
            0x5c => Value::Double(1.0),
            0x5d => Value::Double(f64::from(self.bytes.u8()? as i8)),
            0x5e => Value::Double(f64::from(self.bytes.u16()? as i16)),
            0x5f => Value::Double(match self.short_double {
                ShortDouble::Thousandths => 0.001 * f64::from(self.bytes.i32()?),
                ShortDouble::Single => f64::from(f32::from_bits(self.bytes.u32()?)),
            }),
            b'D' => Value::Double(f64::from_bits(self.bytes.u64()?)),
            0x4a => Value::Date(self.bytes.i64()?),
            0x4b => Value::Date(i64::from(self.bytes.i32()?) * 60_000),
            0x00..=0x1f | 0x30..=0x33 | 0x52 | b'S' => Value::Text(self.text_of(tag)?),
            0x20..=0x2f | 0x34..=0x37 | 0x41 | b'B' => Value::Binary(self.binary_of(tag)?),
            0x55..=0x58 | 0x70..=0x7f => self.list(tag)?,
            b'M' | b'H' => self.map(tag)?,
            0x60..=0x6f => self.object(usize::from(tag - 0x60))?,
            b'O' => {
                let number = self.int()?;
                self.object(usize::try_from(number).map_err(|_| DecodeError::Malformed("no such class"))?)?
            }
            b'Q' => {
                let number = u32::try_from(self.int()?).map_err(|_| DecodeError::Malformed("no such reference"))?;
                if number >= self.begun {
                    return Err(DecodeError::Malformed("no such reference"));
                }
                Value::Ref(number)
            }
            _ => return Err(DecodeError::Malformed("no value begins so")),
        })
    }

    /// The next value, which is an int.
    ///
    /// # Errors
    /// Another one.
    pub fn int(&mut self) -> Result<i32, DecodeError> {
        let tag = self.bytes.u8()?;
        self.int_of(tag)
    }

    fn int_of(&mut self, tag: u8) -> Result<i32, DecodeError> {
        match tag {
            0x80..=0xbf => Ok(i32::from(tag) - 0x90),
            0xc0..=0xcf => self.high(tag, 0xc8, 1),
            0xd0..=0xd7 => self.high(tag, 0xd4, 2),
            b'I' => self.bytes.i32(),
            _ => Err(DecodeError::Malformed("not an int")),
        }
    }

    /// A number whose highest part is in the tag, around `zero`, before one or two octets.
    fn high(&mut self, tag: u8, zero: i32, octets: u32) -> Result<i32, DecodeError> {
        let low = match octets {
            1 => i32::from(self.bytes.u8()?),
            _ => i32::from(self.bytes.u16()?),
        };
        Ok(((i32::from(tag) - zero) << (8 * octets)) + low)
    }

    /// The next value, which is text.
    ///
    /// # Errors
    /// Another one.
    pub fn text(&mut self) -> Result<String, DecodeError> {
        let tag = self.bytes.u8()?;
        self.text_of(tag)
    }

    fn text_of(&mut self, first: u8) -> Result<String, DecodeError> {
        let mut tag = first;
        let mut units = Vec::new();
        loop {
            let length = match tag {
                0x00..=0x1f => usize::from(tag),
                0x30..=0x33 => usize::from(tag - 0x30) << 8 | usize::from(self.bytes.u8()?),
                0x52 | b'S' => usize::from(self.bytes.u16()?),
                _ => return Err(DecodeError::Malformed("not text")),
            };
            self.units(length, &mut units)?;
            if tag != 0x52 {
                break;
            }
            tag = self.bytes.u8()?;
        }
        String::from_utf16(&units).map_err(|_| DecodeError::Malformed("half a character"))
    }

    /// So many 16-bit units. Four bytes of UTF-8 are taken too, as two units.
    fn units(&mut self, length: usize, units: &mut Vec<u16>) -> Result<(), DecodeError> {
        let end = units.len() + length;
        while units.len() < end {
            let first = self.bytes.u8()?;
            match first {
                0..=0x7f => units.push(u16::from(first)),
                0xc0..=0xdf => units.push(u16::from(first & 0x1f) << 6 | self.low_bits()?),
                0xe0..=0xef => units.push(u16::from(first & 0xf) << 12 | self.low_bits()? << 6 | self.low_bits()?),
                0xf0..=0xf7 => {
                    let high = u32::from(first & 7) << 18 | u32::from(self.low_bits()?) << 12;
                    let code = high | u32::from(self.low_bits()?) << 6 | u32::from(self.low_bits()?);
                    let c = char::from_u32(code).ok_or(DecodeError::Malformed("no such character"))?;
                    units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
                }
                _ => return Err(DecodeError::Malformed("not UTF-8")),
            }
        }
        if units.len() > end {
            return Err(DecodeError::Malformed("half a character"));
        }
        Ok(())
    }

    fn low_bits(&mut self) -> Result<u16, DecodeError> {
        match self.bytes.u8()? {
            byte @ 0x80..=0xbf => Ok(u16::from(byte & 0x3f)),
            _ => Err(DecodeError::Malformed("not UTF-8")),
        }
    }

    fn binary_of(&mut self, first: u8) -> Result<Vec<u8>, DecodeError> {
        let mut tag = first;
        let mut all = Vec::new();
        loop {
            let length = match tag {
                0x20..=0x2f => usize::from(tag - 0x20),
                0x34..=0x37 => usize::from(tag - 0x34) << 8 | usize::from(self.bytes.u8()?),
                0x41 | b'B' => usize::from(self.bytes.u16()?),
                _ => return Err(DecodeError::Malformed("not binary")),
            };
            all.extend_from_slice(self.bytes.take(length)?);
            if tag != 0x41 {
                return Ok(all);
            }
            tag = self.bytes.u8()?;
        }
    }

    /// A type: its name, or the number of one that was named before (Serialization §4.13, §4.14).
    fn kind(&mut self) -> Result<String, DecodeError> {
        let tag = self.bytes.peek()?;
        if matches!(tag, 0x00..=0x1f | 0x30..=0x33 | 0x52 | b'S') {
            let name = self.text()?;
            self.types.push(name.clone());
            return Ok(name);
        }
        let number = usize::try_from(self.int()?).ok();
        let known = number.and_then(|number| self.types.get(number));
        // The name is copied for each use, so that its bytes are counted too.
        let name = known.ok_or(DecodeError::Malformed("no such type"))?.clone();
        self.budget.spend(name.len() / 16)?;
        Ok(name)
    }

    fn list(&mut self, tag: u8) -> Result<Value, DecodeError> {
        self.begun += 1;
        let kind = if matches!(tag, 0x55 | 0x56 | 0x70..=0x77) { Some(self.kind()?) } else { None };
        let length = match tag {
            0x70..=0x7f => Some(usize::from(tag & 7)),
            0x56 | 0x58 => {
                let length = usize::try_from(self.int()?);
                Some(length.map_err(|_| DecodeError::Malformed("a negative length"))?)
            }
            _ => None,
        };
        // Each value has a byte at least, so a longer list cannot be whole.
        if length.is_some_and(|length| length > self.bytes.remaining()) {
            return Err(DecodeError::Truncated);
        }
        let mut items = Vec::new();
        match length {
            Some(length) => {
                for _ in 0..length {
                    items.push(self.value()?);
                }
            }
            None => {
                while !self.ends()? {
                    items.push(self.value()?);
                }
            }
        }
        Ok(Value::List(List { kind, open: length.is_none(), items }))
    }

    fn map(&mut self, tag: u8) -> Result<Value, DecodeError> {
        self.begun += 1;
        let kind = if tag == b'M' { Some(self.kind()?) } else { None };
        let entries = self.entries()?;
        Ok(Value::Map(Map { kind, entries }))
    }

    /// Pairs up to the mark that ends them.
    pub(super) fn entries(&mut self) -> Result<Vec<(Value, Value)>, DecodeError> {
        let mut entries = Vec::new();
        while !self.ends()? {
            entries.push((self.value()?, self.value()?));
        }
        Ok(entries)
    }

    /// Whether `Z` comes next; takes it.
    fn ends(&mut self) -> Result<bool, DecodeError> {
        let ends = self.bytes.peek()? == b'Z';
        if ends {
            self.bytes.u8()?;
        }
        Ok(ends)
    }

    fn class(&mut self) -> Result<(), DecodeError> {
        let name = self.text()?;
        let length = usize::try_from(self.int()?).map_err(|_| DecodeError::Malformed("a negative length"))?;
        self.budget.spend(1)?;
        if length > self.bytes.remaining() {
            return Err(DecodeError::Truncated);
        }
        self.budget.spend(length)?;
        let fields = (0..length).map(|_| self.text()).collect::<Result<_, _>>()?;
        self.classes.push(Arc::new(Class { name, fields }));
        Ok(())
    }

    fn object(&mut self, number: usize) -> Result<Value, DecodeError> {
        self.begun += 1;
        let class = Arc::clone(self.classes.get(number).ok_or(DecodeError::Malformed("no such class"))?);
        let fields = class.fields.iter().map(|_| self.value()).collect::<Result<_, _>>()?;
        Ok(Value::Object(Object { class, fields }))
    }
}
