//! What a stream of Java objects holds: classes, objects and their references to each other.

use std::sync::Arc;

/// Flags of a class (Java Object Serialization Specification §6.4.2).
pub mod flags {
    /// The class has a `writeObject` method: data of its own may follow its fields.
    pub const WRITE_METHOD: u8 = 1;
    /// The class is `Serializable`: its fields are written.
    pub const SERIALIZABLE: u8 = 2;
    /// The class is `Externalizable`: it writes itself.
    pub const EXTERNALIZABLE: u8 = 4;
    /// What an externalizable class writes is in blocks.
    pub const BLOCK_DATA: u8 = 8;
    /// The class is an enum.
    pub const ENUM: u8 = 16;
}

/// The type of a field, of an array's items or of a parameter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// `byte`
    Byte,
    /// `char`
    Char,
    /// `double`
    Double,
    /// `float`
    Float,
    /// `int`
    Int,
    /// `long`
    Long,
    /// `short`
    Short,
    /// `boolean`
    Boolean,
    /// An object or array: its signature, such as `Ljava/lang/String;`.
    Object(String),
}

/// Letters of the primitive types (§6.4.2, `prim_typecode`).
const LETTERS: [(u8, Kind); 8] = [
    (b'B', Kind::Byte),
    (b'C', Kind::Char),
    (b'D', Kind::Double),
    (b'F', Kind::Float),
    (b'I', Kind::Int),
    (b'J', Kind::Long),
    (b'S', Kind::Short),
    (b'Z', Kind::Boolean),
];

impl Kind {
    /// The primitive type of a letter.
    pub(super) fn primitive(letter: u8) -> Option<Kind> {
        LETTERS.into_iter().find(|(known, _)| *known == letter).map(|(_, kind)| kind)
    }

    /// The first letter of its signature.
    pub(super) fn letter(&self) -> u8 {
        match self {
            Kind::Object(signature) if signature.starts_with('[') => b'[',
            Kind::Object(_) => b'L',
            primitive => LETTERS.iter().find(|(_, kind)| kind == primitive).expect("every primitive has its letter").0,
        }
    }

    /// The type of a class's objects, as a field declares it.
    pub fn object(signature: &str) -> Kind {
        Kind::Object(signature.into())
    }
}

/// A field that a class declares.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// A class descriptor (§4.3, §6.4.2 `newClassDesc`).
#[derive(Clone, PartialEq, Debug)]
pub struct Class {
    /// What kind of class.
    pub shape: Shape,
    /// What the stream says about where the class comes from: nothing in a file, one value in a call of RMI.
    pub annotation: Vec<Content>,
    /// The next class above it that is serializable.
    pub parent: Option<Arc<Class>>,
}

/// The two kinds of class descriptors.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// A class by its name.
    Plain {
        /// The name, with dots; an array's is its signature with dots.
        name: String,
        /// `serialVersionUID`: which version of the class.
        serial: i64,
        /// See [`flags`].
        flags: u8,
        /// Primitive fields first.
        fields: Vec<Field>,
    },
    /// A class that was made at run time for some interfaces.
    Proxy {
        /// Their names.
        interfaces: Vec<String>,
    },
}

impl Class {
    /// A class whose fields are written as they are; each field by its name and signature, such as `("id", "J")`.
    pub fn new(name: &str, serial: i64, flags: u8, fields: &[(&str, &str)], parent: Option<Arc<Class>>) -> Class {
        let field = |(name, signature): &(&str, &str)| {
            let primitive = Kind::primitive(signature.as_bytes()[0]).filter(|_| signature.len() == 1);
            Field { name: (*name).into(), kind: primitive.unwrap_or_else(|| Kind::object(signature)) }
        };
        let fields = fields.iter().map(field).collect();
        Class { shape: Shape::Plain { name: name.into(), serial, flags, fields }, annotation: vec![], parent }
    }

    /// A proxy class.
    pub fn proxy(interfaces: &[&str], parent: Arc<Class>) -> Class {
        let interfaces = interfaces.iter().map(|name| (*name).into()).collect();
        Class { shape: Shape::Proxy { interfaces }, annotation: vec![], parent: Some(parent) }
    }

    /// Its name; a proxy's class has none that lasts.
    pub fn name(&self) -> Option<&str> {
        match &self.shape {
            Shape::Plain { name, .. } => Some(name),
            Shape::Proxy { .. } => None,
        }
    }

    /// Its own fields.
    pub fn fields(&self) -> &[Field] {
        match &self.shape {
            Shape::Plain { fields, .. } => fields,
            Shape::Proxy { .. } => &[],
        }
    }

    /// Its flags; a proxy's class is serializable.
    pub fn flags(&self) -> u8 {
        match &self.shape {
            Shape::Plain { flags, .. } => *flags,
            Shape::Proxy { .. } => flags::SERIALIZABLE,
        }
    }

    /// It and all classes above it, the topmost first: the order of an object's data (§2.3).
    pub fn chain(self: &Arc<Class>) -> Vec<&Arc<Class>> {
        let mut chain: Vec<_> = std::iter::successors(Some(self), |class| class.parent.as_ref()).collect();
        chain.reverse();
        chain
    }

    /// The type of the items, where it is an array's class.
    pub fn items(&self) -> Option<Kind> {
        let rest = self.name()?.strip_prefix('[')?;
        match rest.as_bytes() {
            [letter] => Kind::primitive(*letter),
            [b'L' | b'[', ..] => Some(Kind::object(rest)),
            _ => None,
        }
    }
}

/// Which object of a [`Heap`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ObjectId(pub(super) u32);

/// A primitive value, or a reference.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Value {
    /// `byte`
    Byte(i8),
    /// `char`: a unit of UTF-16.
    Char(u16),
    /// `double`
    Double(f64),
    /// `float`
    Float(f32),
    /// `int`
    Int(i32),
    /// `long`
    Long(i64),
    /// `short`
    Short(i16),
    /// `boolean`
    Boolean(bool),
    /// A reference to nothing.
    Null,
    /// A reference to an object; two references to one object are the same object on the other side too.
    Ref(ObjectId),
}

/// What stands in a stream beside the fields: blocks of bytes, and objects.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// Bytes that a `writeObject` or a call has written; borders between blocks mean nothing, so neighbours are one here.
    Block(Vec<u8>),
    /// [`Value::Null`] or [`Value::Ref`].
    Object(Value),
    /// All handles are forgotten (§6.4.2 `TC_RESET`); only outside of objects.
    Reset,
    /// The writer was interrupted by this exception (§6.4.2 `exception`); only outside of objects.
    Aborted(Value),
}

/// An object.
#[derive(Clone, PartialEq, Debug)]
pub enum Object {
    /// A `String`.
    Text(String),
    /// A `byte[]`.
    Bytes {
        /// Its class, `[B`.
        class: Arc<Class>,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// An array of anything else.
    Array {
        /// Its class.
        class: Arc<Class>,
        /// What it holds.
        items: Vec<Value>,
    },
    /// A constant of an enum.
    Enum {
        /// Its class.
        class: Arc<Class>,
        /// The constant's name: a text of the heap.
        name: Value,
    },
    /// A `Class`.
    Class(Arc<Class>),
    /// Anything else.
    Instance {
        /// Its class.
        class: Arc<Class>,
        /// What each class of the chain has written, the topmost first.
        parts: Vec<Part>,
    },
}

/// What one class of an object's chain has written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Part {
    /// The values of its fields, in the order of the descriptor.
    pub fields: Vec<Value>,
    /// What its `writeObject` or `writeExternal` has added.
    pub annotation: Vec<Content>,
}

impl Part {
    /// Fields alone.
    pub fn of(fields: Vec<Value>) -> Part {
        Part { fields, annotation: vec![] }
    }
}

/// Objects that refer to each other, also in circles.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Heap {
    pub(super) objects: Vec<Object>,
}

impl Heap {
    /// Adds an object.
    pub fn add(&mut self, object: Object) -> Value {
        self.objects.push(object);
        Value::Ref(ObjectId(self.objects.len() as u32 - 1))
    }

    /// The reference that the next object will have: for an object that refers to itself.
    pub fn next(&self) -> Value {
        Value::Ref(ObjectId(self.objects.len() as u32))
    }

    /// Adds a text.
    pub fn text(&mut self, text: &str) -> Value {
        self.add(Object::Text(text.into()))
    }

    /// What a reference leads to.
    pub fn get(&self, value: Value) -> Option<&Object> {
        match value {
            Value::Ref(ObjectId(at)) => self.objects.get(at as usize),
            _ => None,
        }
    }

    /// The text that a reference leads to.
    pub fn as_text(&self, value: Value) -> Option<&str> {
        match self.get(value)? {
            Object::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The name of an object's class, and what the class and the ones above it have written, the topmost first.
    pub fn instance(&self, value: Value) -> Option<(&Arc<Class>, &[Part])> {
        match self.get(value)? {
            Object::Instance { class, parts } => Some((class, parts)),
            _ => None,
        }
    }

    /// A field of an object, by the names of the class that declares it and of the field.
    pub fn field(&self, object: Value, class: &str, name: &str) -> Option<Value> {
        let (whole, parts) = self.instance(object)?;
        let chain = whole.chain();
        let at = chain.iter().position(|part| part.name() == Some(class))?;
        let field = chain[at].fields().iter().position(|field| field.name == name)?;
        parts.get(at)?.fields.get(field).copied()
    }
}
