//! Writes objects as `java.io.ObjectOutputStream` does.

use std::sync::Arc;

use super::value::{Class, Content, Heap, Kind, Object, ObjectId, Part, Shape, Value, flags};
use super::{code, tag};
use crate::rpc::bytes::push_unit;

/// Bytes of a block at the most, Java's.
const BLOCK: usize = 1024;

/// A writer of one stream. What was written once is referred to by its handle afterwards.
#[derive(Clone, Debug)]
pub struct Writer<'a> {
    heap: &'a Heap,
    out: Vec<u8>,
    block: Vec<u8>,
    handles: u32,
    objects: Vec<Option<u32>>,
    classes: Vec<(Arc<Class>, u32)>,
    signatures: Vec<(String, u32)>,
}

impl<'a> Writer<'a> {
    /// A writer that has written the stream's header, behind what is in `out` already.
    pub fn new(heap: &'a Heap, mut out: Vec<u8>) -> Writer<'a> {
        out.extend_from_slice(&code::MAGIC.to_be_bytes());
        out.extend_from_slice(&code::VERSION.to_be_bytes());
        let objects = vec![None; heap.objects.len()];
        Writer { heap, out, block: vec![], handles: 0, objects, classes: vec![], signatures: vec![] }
    }

    /// What was written.
    pub fn finish(mut self) -> Vec<u8> {
        self.end_block();
        self.out
    }

    /// Appends bytes to the current block.
    pub fn bytes(&mut self, bytes: &[u8]) {
        self.block.extend_from_slice(bytes);
    }

    /// Appends a parameter or result: a primitive to the block, an object behind it.
    pub fn value(&mut self, value: Value) {
        match value {
            Value::Null | Value::Ref(_) => self.object(value),
            primitive => push_primitive(primitive, &mut self.block),
        }
    }

    /// Appends what stands beside fields.
    pub fn content(&mut self, content: &Content) {
        match content {
            Content::Block(bytes) => self.bytes(bytes),
            Content::Object(value) => self.object(*value),
            Content::Reset => {
                self.end_block();
                self.out.push(tag::RESET);
                self.forget();
            }
            Content::Aborted(value) => {
                self.end_block();
                self.out.push(tag::EXCEPTION);
                self.forget();
                self.object(*value);
                self.forget();
            }
        }
    }

    fn forget(&mut self) {
        self.handles = 0;
        self.objects.fill(None);
        self.classes.clear();
        self.signatures.clear();
    }

    fn end_block(&mut self) {
        let block = std::mem::take(&mut self.block);
        for part in block.chunks(BLOCK) {
            match u8::try_from(part.len()) {
                Ok(length) => self.out.extend_from_slice(&[tag::BLOCK, length]),
                Err(_) => {
                    self.out.push(tag::BLOCK_LONG);
                    self.out.extend_from_slice(&(part.len() as u32).to_be_bytes());
                }
            }
            self.out.extend_from_slice(part);
        }
    }

    fn handle(&mut self) -> u32 {
        self.handles += 1;
        self.handles - 1
    }

    fn reference(&mut self, handle: u32) {
        self.out.push(tag::REFERENCE);
        self.out.extend_from_slice(&(code::FIRST_HANDLE + handle).to_be_bytes());
    }

    fn object(&mut self, value: Value) {
        self.end_block();
        let Value::Ref(ObjectId(at)) = value else {
            self.out.push(tag::NULL);
            return;
        };
        if let Some(handle) = self.objects[at as usize] {
            return self.reference(handle);
        }
        let heap = self.heap;
        match &heap.objects[at as usize] {
            Object::Text(text) => {
                self.objects[at as usize] = Some(self.handle());
                self.text(text);
            }
            Object::Class(class) => {
                self.out.push(tag::CLASS);
                self.class(Some(class));
                self.objects[at as usize] = Some(self.handle());
            }
            Object::Enum { class, name } => {
                self.out.push(tag::ENUM);
                self.class(Some(class));
                self.objects[at as usize] = Some(self.handle());
                self.object(*name);
            }
            Object::Bytes { class, bytes } => {
                self.array(class, at, bytes.len());
                self.out.extend_from_slice(bytes);
            }
            Object::Array { class, items } => {
                self.array(class, at, items.len());
                items.iter().for_each(|item| self.field(*item));
            }
            Object::Instance { class, parts } => {
                self.out.push(tag::OBJECT);
                self.class(Some(class));
                self.objects[at as usize] = Some(self.handle());
                for (class, part) in class.chain().into_iter().zip(parts) {
                    self.part(class, part);
                }
            }
        }
    }

    fn array(&mut self, class: &Arc<Class>, at: u32, length: usize) {
        self.out.push(tag::ARRAY);
        self.class(Some(class));
        self.objects[at as usize] = Some(self.handle());
        self.out.extend_from_slice(&(length as u32).to_be_bytes());
    }

    fn field(&mut self, value: Value) {
        match value {
            Value::Null | Value::Ref(_) => self.object(value),
            primitive => push_primitive(primitive, &mut self.out),
        }
    }

    /// §6.4.2 `classdata`: fields, then what the class's own method has written.
    fn part(&mut self, class: &Class, part: &Part) {
        let has = |flag| class.flags() & flag != 0;
        if has(flags::SERIALIZABLE) {
            assert_eq!(class.fields().len(), part.fields.len(), "an object has its class's fields");
            part.fields.iter().for_each(|value| self.field(*value));
        }
        if has(flags::SERIALIZABLE) && has(flags::WRITE_METHOD) || has(flags::EXTERNALIZABLE) {
            self.annotation(&part.annotation);
        }
    }

    fn annotation(&mut self, contents: &[Content]) {
        contents.iter().for_each(|content| self.content(content));
        self.end_block();
        self.out.push(tag::END_BLOCK);
    }

    fn text(&mut self, text: &str) {
        let bytes = modified_utf8(text);
        match u16::try_from(bytes.len()) {
            Ok(length) => {
                self.out.push(tag::STRING);
                self.out.extend_from_slice(&length.to_be_bytes());
            }
            Err(_) => {
                self.out.push(tag::STRING_LONG);
                self.out.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
            }
        }
        self.out.extend_from_slice(&bytes);
    }

    fn class(&mut self, class: Option<&Arc<Class>>) {
        let Some(class) = class else { return self.out.push(tag::NULL) };
        let known = self.classes.iter().find(|(known, _)| Arc::ptr_eq(known, class) || known == class);
        if let Some((_, handle)) = known {
            return self.reference(*handle);
        }
        let handle = match &class.shape {
            Shape::Plain { name, serial, flags, fields } => {
                self.out.push(tag::CLASS_DESC);
                push_utf(name, &mut self.out);
                self.out.extend_from_slice(&serial.to_be_bytes());
                let handle = self.handle();
                self.out.push(*flags);
                self.out.extend_from_slice(&(fields.len() as u16).to_be_bytes());
                for field in fields {
                    self.out.push(field.kind.letter());
                    push_utf(&field.name, &mut self.out);
                    if let Kind::Object(signature) = &field.kind {
                        self.signature(signature);
                    }
                }
                handle
            }
            Shape::Proxy { interfaces } => {
                self.out.push(tag::PROXY_CLASS_DESC);
                let handle = self.handle();
                self.out.extend_from_slice(&(interfaces.len() as u32).to_be_bytes());
                interfaces.iter().for_each(|name| push_utf(name, &mut self.out));
                handle
            }
        };
        self.annotation(&class.annotation);
        self.class(class.parent.as_ref());
        self.classes.push((Arc::clone(class), handle));
    }

    fn signature(&mut self, signature: &str) {
        if let Some((_, handle)) = self.signatures.iter().find(|(known, _)| known == signature) {
            return self.reference(*handle);
        }
        let handle = self.handle();
        self.signatures.push((signature.into(), handle));
        self.text(signature);
    }
}

fn push_primitive(value: Value, out: &mut Vec<u8>) {
    match value {
        Value::Byte(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Char(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Double(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Float(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Int(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Long(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Short(value) => out.extend_from_slice(&value.to_be_bytes()),
        Value::Boolean(value) => out.push(u8::from(value)),
        Value::Null | Value::Ref(_) => unreachable!("references are objects"),
    }
}

/// Java's modified UTF-8: the character 0 has two bytes.
fn modified_utf8(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for unit in text.encode_utf16() {
        match unit {
            0 => bytes.extend_from_slice(&[0xc0, 0x80]),
            unit => push_unit(unit, &mut bytes),
        }
    }
    bytes
}

/// `DataOutput.writeUTF`: two bytes of length in front. Names and hosts; longer ones are a caller's bug.
pub(crate) fn push_utf(text: &str, out: &mut Vec<u8>) {
    let bytes = modified_utf8(text);
    let length = u16::try_from(bytes.len()).expect("a name has at most 65535 bytes");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&bytes);
}
