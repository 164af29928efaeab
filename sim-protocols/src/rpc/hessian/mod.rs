//! Hessian 2.0: the Serialization Protocol and the calls of the Web Services Protocol (Caucho, internet drafts of August 2007), cited here
//! as "Serialization §n" and "WS §n".
//!
//! | file | what |
//! |---|---|
//! | `value.rs` | [`Value`] and its writer |
//! | `read.rs` | its reader |
//! | `message.rs` | [`Call`], [`Reply`], [`Fault`], and how HTTP carries them |
//! | `items.rs` | the common service in this form |
//!
//! References are numbers in a value's tree, as on the wire: a message that refers to itself is a tree here too, and is compared as one.
//!
//! Absent: Hessian 1.0 (refused by its version), envelopes (WS §4.2) and packets (WS §4.3), which no implementation that we know sends
//! between a call's two ends; `x5f`, the double of four octets, is read and never written.

mod items;
mod message;
mod read;
#[cfg(test)]
mod tests;
mod value;

pub use items::{call_from, call_to, item_from, item_to, not_found_from, not_found_to, reply_from, reply_to};
pub use message::{CONTENT_TYPE, Call, Fault, FaultCode, HttpBody, Reply};
pub use read::{Reader, ShortDouble};
pub use value::{Class, List, Map, Object, Value, Writer};
