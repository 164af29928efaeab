//! Values of Hessian, and a writer that takes the shortest form of each.

use std::sync::Arc;

use crate::rpc::bytes::push_unit;

/// A value (Serialization §4).
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// Nothing (§4.9).
    Null,
    /// True or false (§4.2).
    Bool(bool),
    /// 32 bits (§4.5).
    Int(i32),
    /// 64 bits (§4.7).
    Long(i64),
    /// A double (§4.4).
    Double(f64),
    /// Milliseconds since 1970-01-01 UTC (§4.3); whole minutes have a short form of their own.
    Date(i64),
    /// Text (§4.12). A character beyond the first 65,536 counts as two, as in Java.
    Text(String),
    /// Bytes (§4.1).
    Binary(Vec<u8>),
    /// Values in order (§4.6).
    List(List),
    /// Pairs in the order of the wire (§4.8).
    Map(Map),
    /// An instance of a class that the stream defines (§4.10).
    Object(Object),
    /// The n-th list, map or object of the message, counted from 0 by their beginnings (§4.11, §5.1).
    Ref(u32),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// A list of fixed length without a type.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(List { kind: None, open: false, items })
    }

    /// A map without a type.
    pub fn map(entries: Vec<(Value, Value)>) -> Value {
        Value::Map(Map { kind: None, entries })
    }
}

/// A list (Serialization §4.6).
#[derive(Clone, PartialEq, Debug)]
pub struct List {
    /// The type's name, such as `[int`.
    pub kind: Option<String>,
    /// Whether it ends by a mark, not by a length in front: a writer that does not know the length.
    pub open: bool,
    /// What it holds.
    pub items: Vec<Value>,
}

/// A map (Serialization §4.8).
#[derive(Clone, PartialEq, Debug)]
pub struct Map {
    /// The type's name, such as `com.caucho.test.Car`.
    pub kind: Option<String>,
    /// Keys and values.
    pub entries: Vec<(Value, Value)>,
}

/// A class definition (Serialization §4.10.1), sent before its first object.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Class {
    /// The class's name.
    pub name: String,
    /// The fields' names.
    pub fields: Vec<String>,
}

impl Class {
    /// A class with the named fields.
    pub fn new(name: &str, fields: &[&str]) -> Arc<Class> {
        Arc::new(Class { name: name.into(), fields: fields.iter().map(|field| (*field).into()).collect() })
    }
}

/// An instance (Serialization §4.10.2).
#[derive(Clone, PartialEq, Debug)]
pub struct Object {
    /// Its class.
    pub class: Arc<Class>,
    /// As many values as the class has fields, in their order.
    pub fields: Vec<Value>,
}

impl Object {
    /// The value of a field.
    pub fn field(&self, name: &str) -> Option<&Value> {
        let at = self.class.fields.iter().position(|field| field == name)?;
        self.fields.get(at)
    }
}

/// Largest number of characters or bytes in a chunk: a string's or binary's beginning is sent in pieces of that size, as Caucho's writer does.
const CHUNK: usize = 0x8000;

/// Appends values to bytes; knows the classes and types that the message has named already (Serialization §5.2, §5.3).
#[derive(Clone, Default, Debug)]
pub struct Writer {
    out: Vec<u8>,
    classes: Vec<Arc<Class>>,
    types: Vec<String>,
}

impl Writer {
    /// A writer of a new message.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// What was written.
    pub fn finish(self) -> Vec<u8> {
        self.out
    }

    /// Appends bytes as they are: marks of messages.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    /// Appends a value. An object's fields are as many as its class names: that is the caller's duty.
    pub fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.out.push(b'N'),
            Value::Bool(true) => self.out.push(b'T'),
            Value::Bool(false) => self.out.push(b'F'),
            Value::Int(value) => self.int(*value),
            Value::Long(value) => self.long(*value),
            Value::Double(value) => self.double(*value),
            Value::Date(millis) => self.date(*millis),
            Value::Text(text) => self.text(text),
            Value::Binary(bytes) => self.binary(bytes),
            Value::List(list) => self.list(list),
            Value::Map(map) => self.map(map),
            Value::Object(object) => self.object(object),
            Value::Ref(number) => {
                // Serialization §4.11: 'Q', and which.
                self.out.push(b'Q');
                self.int(*number as i32);
            }
        }
    }

    /// Appends an int.
    pub fn int(&mut self, value: i32) {
        match value {
            // Serialization §4.5.1 to §4.5.3: the compact forms.
            -0x10..=0x2f => self.out.push((0x90 + value) as u8),
            -0x800..=0x7ff => self.raw(&[(0xc8 + (value >> 8)) as u8, value as u8]),
            -0x40000..=0x3ffff => self.raw(&[(0xd4 + (value >> 16)) as u8, (value >> 8) as u8, value as u8]),
            _ => {
                self.out.push(b'I');
                self.raw(&value.to_be_bytes());
            }
        }
    }

    fn long(&mut self, value: i64) {
        match value {
            // Serialization §4.7.1 to §4.7.4: the compact forms.
            -8..=15 => self.out.push((0xe0 + value) as u8),
            -0x800..=0x7ff => self.raw(&[(0xf8 + (value >> 8)) as u8, value as u8]),
            -0x40000..=0x3ffff => self.raw(&[(0x3c + (value >> 16)) as u8, (value >> 8) as u8, value as u8]),
            _ => match i32::try_from(value) {
                Ok(short) => {
                    self.out.push(0x59);
                    self.raw(&short.to_be_bytes());
                }
                Err(_) => {
                    self.out.push(b'L');
                    self.raw(&value.to_be_bytes());
                }
            },
        }
    }

    fn double(&mut self, value: f64) {
        let whole = value as i16;
        // Bits are compared, so that the negative zero keeps its sign.
        let exact = f64::from(whole).to_bits() == value.to_bits();
        match (exact, whole) {
            // Serialization §4.4.1 to §4.4.4: zero, one, an octet, a short.
            (true, 0) => self.out.push(0x5b),
            (true, 1) => self.out.push(0x5c),
            (true, -128..=127) => self.raw(&[0x5d, whole as u8]),
            (true, _) => {
                self.out.push(0x5e);
                self.raw(&whole.to_be_bytes());
            }
            // The form of four octets (§4.4.5) is never written: readers disagree on its meaning.
            (false, _) => {
                self.out.push(b'D');
                self.raw(&value.to_be_bytes());
            }
        }
    }

    fn date(&mut self, millis: i64) {
        // Serialization §4.3.1: whole minutes, 32 bits of them.
        match i32::try_from(millis / 60_000) {
            Ok(minutes) if millis % 60_000 == 0 => {
                self.out.push(0x4b);
                self.raw(&minutes.to_be_bytes());
            }
            _ => {
                self.out.push(0x4a);
                self.raw(&millis.to_be_bytes());
            }
        }
    }

    /// Appends text.
    pub fn text(&mut self, text: &str) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let mut rest = &units[..];
        while rest.len() > CHUNK {
            // Serialization §4.12: a chunk does not end between the halves of a character.
            let split = if is_high(rest[CHUNK - 1]) { CHUNK - 1 } else { CHUNK };
            self.out.push(0x52);
            self.raw(&(split as u16).to_be_bytes());
            self.units(&rest[..split]);
            rest = &rest[split..];
        }
        match rest.len() {
            // Serialization §4.12.1: lengths in the first byte.
            length @ 0..=31 => self.out.push(length as u8),
            length @ 32..=1023 => self.raw(&[0x30 + (length >> 8) as u8, length as u8]),
            length => {
                self.out.push(b'S');
                self.raw(&(length as u16).to_be_bytes());
            }
        }
        self.units(rest);
    }

    /// Each 16-bit unit in its own one to three bytes, as Java's writer has it: its reader refuses the four bytes of UTF-8.
    fn units(&mut self, units: &[u16]) {
        units.iter().for_each(|unit| push_unit(*unit, &mut self.out));
    }

    fn binary(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while rest.len() > CHUNK {
            self.out.push(0x41);
            self.raw(&(CHUNK as u16).to_be_bytes());
            self.raw(&rest[..CHUNK]);
            rest = &rest[CHUNK..];
        }
        match rest.len() {
            // Serialization §4.1.1: lengths in the first byte.
            length @ 0..=15 => self.out.push(0x20 + length as u8),
            length @ 16..=1023 => self.raw(&[0x34 + (length >> 8) as u8, length as u8]),
            length => {
                self.out.push(b'B');
                self.raw(&(length as u16).to_be_bytes());
            }
        }
        self.raw(rest);
    }

    /// A type's name, or its number where the message has named it (Serialization §4.14).
    fn kind(&mut self, name: &str) {
        match self.types.iter().position(|known| known == name) {
            Some(number) => self.int(number as i32),
            None => {
                self.types.push(name.into());
                self.text(name);
            }
        }
    }

    fn list(&mut self, list: &List) {
        let length = list.items.len();
        match (&list.kind, list.open, length) {
            (Some(kind), true, _) => {
                self.out.push(b'U');
                self.kind(kind);
            }
            (None, true, _) => self.out.push(b'W'),
            // Serialization §4.6.1: lengths in the first byte.
            (Some(kind), false, 0..=7) => {
                self.out.push(0x70 + length as u8);
                self.kind(kind);
            }
            (None, false, 0..=7) => self.out.push(0x78 + length as u8),
            (Some(kind), false, _) => {
                self.out.push(b'V');
                self.kind(kind);
                self.int(length as i32);
            }
            (None, false, _) => {
                self.out.push(b'X');
                self.int(length as i32);
            }
        }
        list.items.iter().for_each(|item| self.value(item));
        if list.open {
            self.out.push(b'Z');
        }
    }

    fn map(&mut self, map: &Map) {
        match &map.kind {
            Some(kind) => {
                self.out.push(b'M');
                self.kind(kind);
            }
            None => self.out.push(b'H'),
        }
        for (key, value) in &map.entries {
            self.value(key);
            self.value(value);
        }
        self.out.push(b'Z');
    }

    fn object(&mut self, object: &Object) {
        assert_eq!(object.class.fields.len(), object.fields.len(), "an object of {} has its fields", object.class.name);
        let known = self.classes.iter().position(|class| **class == *object.class);
        let number = known.unwrap_or_else(|| {
            // Serialization §4.10.1: 'C', the name, how many fields, their names.
            self.classes.push(Arc::clone(&object.class));
            self.out.push(b'C');
            self.text(&object.class.name);
            self.int(object.class.fields.len() as i32);
            object.class.fields.iter().for_each(|field| self.text(field));
            self.classes.len() - 1
        });
        // Serialization §4.10.2: the first sixteen classes have short forms.
        match number {
            0..=15 => self.out.push(0x60 + number as u8),
            _ => {
                self.out.push(b'O');
                self.int(number as i32);
            }
        }
        object.fields.iter().for_each(|field| self.value(field));
    }
}

fn is_high(unit: u16) -> bool {
    (0xd800..0xdc00).contains(&unit)
}
