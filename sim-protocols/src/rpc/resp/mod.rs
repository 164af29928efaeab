//! RESP2, the protocol of Redis ("Redis serialization protocol specification"), and a store that understands enough of Redis's commands
//! to keep sessions in.
//!
//! | file | what |
//! |---|---|
//! | `value.rs` | [`Value`]: requests and replies |
//! | `store.rs` | [`Store`], [`Client`]: what a connection's requests do |
//! | `commands.rs` | the commands, one by one |
//!
//! Absent: RESP3 (`HELLO` is an unknown command, as to a server before version 6), publish and subscribe, transactions, scripts, persistence,
//! eviction; keys that have expired take memory until somebody asks for them.

mod commands;
mod store;
#[cfg(test)]
mod tests;
mod value;

pub use store::{Client, Store};
pub use value::{Value, decode_request, encode_request};
