//! Apache Thrift over the framed transport: messages in the binary or the compact protocol, which the `thrift` crate reads and writes, and
//! a typed layer over it for the common service. A frame is four bytes of length (big-endian) and a message.
//!
//! | file | what |
//! |---|---|
//! | `message.rs` | [`Encoding`], [`frame`], [`Head`], failures ([`Failure`]), errors |
//! | `items.rs` | the common service, as the interface description in its comment says |
//!
//! Absent: services side by side on one connection (multiplexed names), the header transport, unframed connections, one-way methods.

mod items;
mod message;
#[cfg(test)]
mod tests;

pub use items::{decode_call, decode_reply, encode_call, encode_reply};
pub(crate) use message::peek;
pub use message::{Encoding, Failure, Head, decode_failure, encode_failure, frame};
