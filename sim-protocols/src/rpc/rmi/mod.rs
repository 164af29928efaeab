//! Java's remote method invocation: the Java Remote Method Protocol (RMI Specification, chapter 10, cited as "RMI §n"), its calls and
//! returns in streams of Java objects ([`super::java`]), the registry and the collector of remote references.
//!
//! | file | what |
//! |---|---|
//! | `wire.rs` | [`Opening`] of a connection, [`Ack`], [`Endpoint`], [`ObjId`], [`Uid`] |
//! | `message.rs` | [`Call`], [`Return`], [`ClientMessage`], [`ServerMessage`], [`method_hash`] |
//! | `stub.rs` | [`Stub`]: a reference to a remote object, as a dynamic proxy |
//! | `registry.rs` | the registry's `lookup`, the collector's `dirty` and `clean` |
//! | `items.rs` | the common service in this form |
//!
//! A message says nowhere how long it is: only who knows the method's parameters finds its end. So decoding asks for them.
//!
//! Absent: the multiplexing protocol (refused), which the JDK has dropped; HTTP tunnels; stubs that were generated as classes, activation,
//! references with socket factories (`UnicastRef2`), the registry's other operations.

mod items;
mod message;
mod registry;
mod stub;
#[cfg(test)]
mod tests;
mod wire;

pub use items::{
    SERVICE, call_from, call_parameters, call_to, operation_hash, reply_from, reply_kind, reply_to, signature,
};
pub use message::{
    CLASS_ANNOTATION, Call, ClientMessage, Outcome, Return, ServerMessage, method_hash, read_client, read_server,
};
pub use registry::{
    CLEAN, DGC_HASH, DGC_ID, DIRTY, LOOKUP, REGISTRY_HASH, REGISTRY_ID, dgc_parameters, dirty_reply, lookup,
    lookup_name, lookup_parameters, lookup_reply,
};
pub use stub::Stub;
pub use wire::{Ack, Endpoint, ObjId, Opening, Protocol, Uid};
