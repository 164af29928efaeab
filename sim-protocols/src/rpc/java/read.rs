//! Reads objects as `java.io.ObjectInputStream` does.

use std::sync::Arc;

use super::value::{Class, Content, Field, Heap, Kind, Object, ObjectId, Part, Shape, Value, flags};
use super::{code, tag};
use crate::rpc::bytes::{Budget, DecodeError, Limits, Reader as Bytes};

const HALF: DecodeError = DecodeError::Malformed("half a character");
const NOT_UTF: DecodeError = DecodeError::Malformed("not modified UTF-8");

/// What a handle stands for.
#[derive(Clone, Debug)]
enum Entry {
    Object(ObjectId),
    /// A class; none while it is being read.
    Class(Option<Arc<Class>>),
    /// A field's signature, which is a string too.
    Signature(String),
}

/// A reader of one stream.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: Bytes<'a>,
    budget: Budget,
    /// What is left of the current block.
    block: usize,
    handles: Vec<Entry>,
    /// Objects by id; none while one is being read.
    objects: Vec<Option<Object>>,
}

impl<'a> Reader<'a> {
    /// A reader behind the stream's header.
    ///
    /// # Errors
    /// Another magic number or version.
    pub fn new(bytes: &'a [u8], limits: &Limits) -> Result<Reader<'a>, DecodeError> {
        limits.allow(bytes.len())?;
        let mut bytes = Bytes::new(bytes);
        if bytes.u16()? != code::MAGIC {
            return Err(DecodeError::Malformed("no stream of objects"));
        }
        if bytes.u16()? != code::VERSION {
            return Err(DecodeError::Unsupported("another version of the stream"));
        }
        Ok(Reader { bytes, budget: Budget::new(limits), block: 0, handles: vec![], objects: vec![] })
    }

    /// Bytes read so far, the header included.
    pub fn position(&self) -> usize {
        self.bytes.position()
    }

    /// All objects that were read.
    ///
    /// # Errors
    /// Bytes of the last block are left over.
    pub fn finish(self) -> Result<Heap, DecodeError> {
        if self.block > 0 {
            return Err(DecodeError::Malformed("bytes behind the last value"));
        }
        let objects = self.objects.into_iter().map(|object| object.expect("what was begun was read")).collect();
        Ok(Heap { objects })
    }

    /// Bytes of blocks, which need not be of one block.
    ///
    /// # Errors
    /// Something else stands there.
    pub fn take(&mut self, length: usize) -> Result<Vec<u8>, DecodeError> {
        let mut taken = Vec::new();
        while taken.len() < length {
            if self.block == 0 {
                self.block = match self.bytes.u8()? {
                    tag::BLOCK => usize::from(self.bytes.u8()?),
                    tag::BLOCK_LONG => self.long_block()?,
                    _ => return Err(DecodeError::Malformed("an object where bytes are due")),
                };
                continue;
            }
            let part = self.block.min(length - taken.len());
            taken.extend_from_slice(self.bytes.take(part)?);
            self.block -= part;
        }
        Ok(taken)
    }

    fn long_block(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(self.bytes.i32()?).map_err(|_| DecodeError::Malformed("a negative length"))
    }

    /// The next parameter or result, of a known type.
    ///
    /// # Errors
    /// Another one stands there.
    pub fn value(&mut self, kind: &Kind) -> Result<Value, DecodeError> {
        if let Kind::Object(_) = kind {
            // Blocks without bytes may stand before an object.
            while self.block == 0 && self.bytes.peek()? == tag::BLOCK {
                self.bytes.u8()?;
                self.block = usize::from(self.bytes.u8()?);
            }
            if self.block > 0 {
                return Err(DecodeError::Malformed("bytes where an object is due"));
            }
            return self.object();
        }
        let bytes = self.take(width(kind))?;
        primitive(kind, &mut Bytes::new(&bytes))
    }

    /// Everything up to the end of the bytes.
    ///
    /// # Errors
    /// What is no stream of objects, or too much of it.
    pub fn contents(&mut self) -> Result<Vec<Content>, DecodeError> {
        let mut contents = Vec::new();
        while !self.bytes.is_empty() {
            match self.bytes.peek()? {
                tag::RESET => {
                    self.bytes.u8()?;
                    self.budget.spend(1)?;
                    self.handles.clear();
                    contents.push(Content::Reset);
                }
                tag::EXCEPTION => {
                    self.bytes.u8()?;
                    self.handles.clear();
                    contents.push(Content::Aborted(self.object()?));
                    self.handles.clear();
                }
                _ => self.content(&mut contents)?,
            }
        }
        Ok(contents)
    }

    /// A block, which joins the one before it, or an object.
    fn content(&mut self, contents: &mut Vec<Content>) -> Result<(), DecodeError> {
        let length = match self.bytes.peek()? {
            tag::BLOCK => {
                self.bytes.u8()?;
                usize::from(self.bytes.u8()?)
            }
            tag::BLOCK_LONG => {
                self.bytes.u8()?;
                self.long_block()?
            }
            _ => {
                contents.push(Content::Object(self.object()?));
                return Ok(());
            }
        };
        let bytes = self.bytes.take(length)?;
        match contents.last_mut() {
            _ if bytes.is_empty() => (),
            Some(Content::Block(block)) => block.extend_from_slice(bytes),
            _ => contents.push(Content::Block(bytes.to_vec())),
        }
        Ok(())
    }

    fn annotation(&mut self) -> Result<Vec<Content>, DecodeError> {
        let mut contents = Vec::new();
        while self.bytes.peek()? != tag::END_BLOCK {
            self.content(&mut contents)?;
        }
        self.bytes.u8()?;
        Ok(contents)
    }

    /// A place for an object that is being read, and its handle.
    fn begin(&mut self) -> ObjectId {
        let id = ObjectId(self.objects.len() as u32);
        self.objects.push(None);
        self.handles.push(Entry::Object(id));
        id
    }

    fn end(&mut self, id: ObjectId, object: Object) -> Value {
        self.objects[id.0 as usize] = Some(object);
        Value::Ref(id)
    }

    fn object(&mut self) -> Result<Value, DecodeError> {
        self.budget.enter()?;
        self.budget.spend(1)?;
        let value = match self.bytes.u8()? {
            tag::NULL => Value::Null,
            tag::REFERENCE => {
                let at = self.handle()?;
                match self.handles[at].clone() {
                    Entry::Object(id) => Value::Ref(id),
                    Entry::Signature(text) => {
                        self.budget.spend(text.len() / 16)?;
                        let id = ObjectId(self.objects.len() as u32);
                        self.objects.push(Some(Object::Text(text)));
                        self.handles[at] = Entry::Object(id);
                        Value::Ref(id)
                    }
                    Entry::Class(_) => return Err(DecodeError::Unsupported("a class descriptor as a value")),
                }
            }
            tag::STRING => self.string(false)?,
            tag::STRING_LONG => self.string(true)?,
            tag::CLASS => {
                let class = self.some_class()?;
                let id = self.begin();
                self.end(id, Object::Class(class))
            }
            tag::ENUM => {
                let class = self.some_class()?;
                let id = self.begin();
                let name = self.object()?;
                if !matches!(name, Value::Ref(id) if matches!(self.objects[id.0 as usize], Some(Object::Text(_)))) {
                    return Err(DecodeError::Malformed("a constant without a name"));
                }
                self.end(id, Object::Enum { class, name })
            }
            tag::ARRAY => self.array()?,
            tag::OBJECT => self.instance()?,
            tag::CLASS_DESC | tag::PROXY_CLASS_DESC => {
                return Err(DecodeError::Unsupported("a class descriptor as a value"));
            }
            _ => return Err(DecodeError::Malformed("no object begins so")),
        };
        self.budget.leave();
        Ok(value)
    }

    fn handle(&mut self) -> Result<usize, DecodeError> {
        let at = self.bytes.u32()?.checked_sub(code::FIRST_HANDLE).map(|at| at as usize);
        at.filter(|at| *at < self.handles.len()).ok_or(DecodeError::Malformed("no such handle"))
    }

    fn string(&mut self, long: bool) -> Result<Value, DecodeError> {
        let id = self.begin();
        let length = match long {
            true => self.bytes.u64()?.try_into().map_err(|_| DecodeError::Truncated)?,
            false => usize::from(self.bytes.u16()?),
        };
        let text = text(self.bytes.take(length)?)?;
        Ok(self.end(id, Object::Text(text)))
    }

    fn array(&mut self) -> Result<Value, DecodeError> {
        let class = self.some_class()?;
        let kind = class.items().ok_or(DecodeError::Malformed("not the class of an array"))?;
        let id = self.begin();
        let length = usize::try_from(self.bytes.i32()?).map_err(|_| DecodeError::Malformed("a negative length"))?;
        if kind == Kind::Byte {
            let bytes = self.bytes.take(length)?.to_vec();
            return Ok(self.end(id, Object::Bytes { class, bytes }));
        }
        if length.saturating_mul(width(&kind)) > self.bytes.remaining() {
            return Err(DecodeError::Truncated);
        }
        self.budget.spend(length)?;
        let items = (0..length).map(|_| self.field(&kind)).collect::<Result<_, _>>()?;
        Ok(self.end(id, Object::Array { class, items }))
    }

    fn field(&mut self, kind: &Kind) -> Result<Value, DecodeError> {
        match kind {
            Kind::Object(_) => self.object(),
            kind => primitive(kind, &mut self.bytes),
        }
    }

    fn instance(&mut self) -> Result<Value, DecodeError> {
        let class = self.some_class()?;
        if class.flags() & flags::ENUM != 0 {
            return Err(DecodeError::Malformed("an enum's constant as a plain object"));
        }
        let id = self.begin();
        let parts = class.chain().into_iter().map(|class| self.part(class)).collect::<Result<_, _>>()?;
        Ok(self.end(id, Object::Instance { class, parts }))
    }

    fn part(&mut self, class: &Class) -> Result<Part, DecodeError> {
        self.budget.spend(1 + class.fields().len())?;
        let has = |flag| class.flags() & flag != 0;
        let fields = match has(flags::SERIALIZABLE) {
            true => class.fields().iter().map(|field| self.field(&field.kind)).collect::<Result<_, _>>()?,
            false => vec![],
        };
        if has(flags::EXTERNALIZABLE) && !has(flags::BLOCK_DATA) {
            // §6.4.2: only the class itself can read what it has written in version 1 of the protocol.
            return Err(DecodeError::Unsupported("an external object without blocks"));
        }
        let more = has(flags::SERIALIZABLE) && has(flags::WRITE_METHOD) || has(flags::EXTERNALIZABLE);
        let annotation = if more { self.annotation()? } else { vec![] };
        Ok(Part { fields, annotation })
    }

    fn some_class(&mut self) -> Result<Arc<Class>, DecodeError> {
        self.class()?.ok_or(DecodeError::Malformed("an object without a class"))
    }

    fn class(&mut self) -> Result<Option<Arc<Class>>, DecodeError> {
        self.budget.enter()?;
        self.budget.spend(1)?;
        let class = match self.bytes.u8()? {
            tag::NULL => None,
            tag::REFERENCE => {
                let at = self.handle()?;
                match &self.handles[at] {
                    Entry::Class(Some(class)) => Some(Arc::clone(class)),
                    _ => return Err(DecodeError::Malformed("a handle that is no class")),
                }
            }
            tag::CLASS_DESC => {
                let name = self.utf()?;
                let serial = self.bytes.i64()?;
                let at = self.handles.len();
                self.handles.push(Entry::Class(None));
                let flags = self.bytes.u8()?;
                legal(flags)?;
                let fields = self.fields()?;
                Some(self.rest_of_class(at, Shape::Plain { name, serial, flags, fields })?)
            }
            tag::PROXY_CLASS_DESC => {
                let at = self.handles.len();
                self.handles.push(Entry::Class(None));
                let length = self.bytes.u32()? as usize;
                if length > self.bytes.remaining() {
                    return Err(DecodeError::Truncated);
                }
                self.budget.spend(length)?;
                let interfaces = (0..length).map(|_| self.utf()).collect::<Result<_, _>>()?;
                Some(self.rest_of_class(at, Shape::Proxy { interfaces })?)
            }
            _ => return Err(DecodeError::Malformed("no class begins so")),
        };
        self.budget.leave();
        Ok(class)
    }

    fn rest_of_class(&mut self, at: usize, shape: Shape) -> Result<Arc<Class>, DecodeError> {
        let annotation = self.annotation()?;
        let parent = self.class()?;
        let above = std::iter::successors(parent.as_ref(), |class| class.parent.as_ref()).count();
        self.budget.spend(above)?;
        if above >= code::CHAIN_MAX {
            return Err(DecodeError::Limit("depth"));
        }
        let class = Arc::new(Class { shape, annotation, parent });
        self.handles[at] = Entry::Class(Some(Arc::clone(&class)));
        Ok(class)
    }

    fn fields(&mut self) -> Result<Vec<Field>, DecodeError> {
        let length = usize::from(self.bytes.u16()?);
        self.budget.spend(length)?;
        let mut fields: Vec<Field> = Vec::new();
        for _ in 0..length {
            let letter = self.bytes.u8()?;
            let name = self.utf()?;
            let kind = match letter {
                b'L' | b'[' => {
                    let signature = self.signature()?;
                    if !signature.starts_with(char::from(letter)) {
                        return Err(DecodeError::Malformed("a signature of another type"));
                    }
                    Kind::Object(signature)
                }
                letter => Kind::primitive(letter).ok_or(DecodeError::Malformed("no such type"))?,
            };
            let after_object = fields.last().is_some_and(|field| matches!(field.kind, Kind::Object(_)));
            if after_object && !matches!(kind, Kind::Object(_)) {
                // §4.3: primitive fields stand first; Java refuses another order too.
                return Err(DecodeError::Malformed("a primitive field behind an object"));
            }
            fields.push(Field { name, kind });
        }
        Ok(fields)
    }

    fn signature(&mut self) -> Result<String, DecodeError> {
        match self.bytes.u8()? {
            tag::STRING => {
                let text = self.utf()?;
                self.handles.push(Entry::Signature(text.clone()));
                Ok(text)
            }
            tag::REFERENCE => {
                let at = self.handle()?;
                let text = match &self.handles[at] {
                    Entry::Signature(text) => text,
                    Entry::Object(id) => match &self.objects[id.0 as usize] {
                        Some(Object::Text(text)) => text,
                        _ => return Err(DecodeError::Malformed("a signature that is no text")),
                    },
                    Entry::Class(_) => return Err(DecodeError::Malformed("a signature that is no text")),
                };
                let text = text.clone();
                // The text is copied, so that its bytes are counted too.
                self.budget.spend(text.len() / 16)?;
                Ok(text)
            }
            _ => Err(DecodeError::Malformed("a field without a signature")),
        }
    }

    fn utf(&mut self) -> Result<String, DecodeError> {
        take_utf(&mut self.bytes)
    }
}

/// Flags that Java takes (§6.4.2).
fn legal(bits: u8) -> Result<(), DecodeError> {
    let both = flags::SERIALIZABLE | flags::EXTERNALIZABLE;
    if bits & both == both {
        return Err(DecodeError::Malformed("serializable and externalizable at once"));
    }
    if bits >= flags::ENUM << 1 {
        return Err(DecodeError::Malformed("unknown flags of a class"));
    }
    Ok(())
}

/// Bytes of a primitive; of a reference, the least.
fn width(kind: &Kind) -> usize {
    match kind {
        Kind::Byte | Kind::Boolean | Kind::Object(_) => 1,
        Kind::Char | Kind::Short => 2,
        Kind::Float | Kind::Int => 4,
        Kind::Double | Kind::Long => 8,
    }
}

fn primitive(kind: &Kind, bytes: &mut Bytes<'_>) -> Result<Value, DecodeError> {
    Ok(match kind {
        Kind::Byte => Value::Byte(bytes.u8()? as i8),
        Kind::Char => Value::Char(bytes.u16()?),
        Kind::Double => Value::Double(f64::from_bits(bytes.u64()?)),
        Kind::Float => Value::Float(f32::from_bits(bytes.u32()?)),
        Kind::Int => Value::Int(bytes.i32()?),
        Kind::Long => Value::Long(bytes.i64()?),
        Kind::Short => Value::Short(bytes.u16()? as i16),
        // Java writes 0 or 1 and reads any other byte as true.
        Kind::Boolean => Value::Boolean(bytes.u8()? != 0),
        Kind::Object(_) => return Err(DecodeError::Malformed("an object where bytes are due")),
    })
}

/// `DataInput.readUTF`.
pub(crate) fn take_utf(bytes: &mut Bytes<'_>) -> Result<String, DecodeError> {
    let length = usize::from(bytes.u16()?);
    text(bytes.take(length)?)
}

/// Java's modified UTF-8.
fn text(bytes: &[u8]) -> Result<String, DecodeError> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().map(|byte| u16::from(*byte));
    while let Some(first) = rest.next() {
        let mut low = || match rest.next() {
            Some(byte @ 0x80..=0xbf) => Ok(byte & 0x3f),
            _ => Err(NOT_UTF),
        };
        units.push(match first {
            0..=0x7f => first,
            0xc0..=0xdf => (first & 0x1f) << 6 | low()?,
            0xe0..=0xef => (first & 0xf) << 12 | low()? << 6 | low()?,
            _ => return Err(NOT_UTF),
        });
    }
    String::from_utf16(&units).map_err(|_| HALF)
}
