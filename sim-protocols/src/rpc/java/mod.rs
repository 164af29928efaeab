//! Streams of Java objects (Java Object Serialization Specification, version 6.0, chapter 6: protocol version 2), cited here by its sections.
//!
//! | file | what |
//! |---|---|
//! | `value.rs` | [`Heap`] of [`Object`]s, [`Class`]es, [`Value`]s |
//! | `read.rs`, `write.rs` | [`Reader`] and [`Writer`], for values one by one |
//! | `classes.rs` | classes of the JDK that calls need: boxes, lists, exceptions |
//!
//! Objects lie in a heap and refer to each other, so identity and circles survive. A class counts as the same where name, version, fields
//! and parents are; a writer sends each once.
//!
//! Absent: objects that write themselves in protocol version 1, and class descriptors as values of their own (both refused); text with half
//! a character, which Java can have and Rust cannot. A class whose `writeObject` leaves out its declared fields is misread, as by any reader
//! without that class.

mod classes;
mod read;
#[cfg(test)]
mod tests;
mod value;
mod write;

pub use classes::{
    array_list, array_list_items, boxed, exception, exception_class, exception_message, number_class, object_array,
    unboxed,
};
pub use read::Reader;
pub(crate) use read::take_utf;
pub use value::{Class, Content, Field, Heap, Kind, Object, ObjectId, Part, Shape, Value, flags};
pub use write::Writer;
pub(crate) use write::push_utf;

use super::bytes::{DecodeError, Limits};

/// Numbers of the stream (§6.4.2).
mod code {
    /// What a stream begins with.
    pub const MAGIC: u16 = 0xaced;
    /// The version of the stream.
    pub const VERSION: u16 = 5;
    /// The first handle.
    pub const FIRST_HANDLE: u32 = 0x7e_0000;
    /// Classes above a class at the most: no real one has as many, and each object would have as many parts.
    pub const CHAIN_MAX: usize = 64;
}

/// What elements begin with (§6.4.2).
mod tag {
    pub const NULL: u8 = 0x70;
    pub const REFERENCE: u8 = 0x71;
    pub const CLASS_DESC: u8 = 0x72;
    pub const OBJECT: u8 = 0x73;
    pub const STRING: u8 = 0x74;
    pub const ARRAY: u8 = 0x75;
    pub const CLASS: u8 = 0x76;
    pub const BLOCK: u8 = 0x77;
    pub const END_BLOCK: u8 = 0x78;
    pub const RESET: u8 = 0x79;
    pub const BLOCK_LONG: u8 = 0x7a;
    pub const EXCEPTION: u8 = 0x7b;
    pub const STRING_LONG: u8 = 0x7c;
    pub const PROXY_CLASS_DESC: u8 = 0x7d;
    pub const ENUM: u8 = 0x7e;
}

/// A whole stream, such as a file that an `ObjectOutputStream` has written.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Stream {
    /// All objects.
    pub heap: Heap,
    /// What was written one after another.
    pub contents: Vec<Content>,
}

impl Stream {
    /// The bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(&self.heap, Vec::new());
        self.contents.iter().for_each(|content| writer.content(content));
        writer.finish()
    }

    /// Reads a stream, which is all of the bytes. Objects are numbered in the order in which they begin.
    ///
    /// # Errors
    /// What is no stream of objects, or too much of it.
    pub fn decode(bytes: &[u8], limits: &Limits) -> Result<Stream, DecodeError> {
        let mut reader = Reader::new(bytes, limits)?;
        let contents = reader.contents()?;
        Ok(Stream { heap: reader.finish()?, contents })
    }
}
