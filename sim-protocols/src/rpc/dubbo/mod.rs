//! Dubbo's own protocol of version 2 (`dubbo://`): a header of sixteen bytes and a body in Hessian 2 (Apache Dubbo's documentation, "Dubbo
//! protocol"; its constants are those of `ExchangeCodec` and `DubboCodec`).
//!
//! | file | what |
//! |---|---|
//! | `header.rs` | [`Header`], [`Status`] |
//! | `message.rs` | [`Message`]: requests, responses, events such as heartbeats |
//! | `items.rs` | the common service in this form |
//!
//! Absent: other serialisations than Hessian 2 (refused by their number), telnet commands on the same port, callbacks and generic
//! invocation as anything but ordinary values, Dubbo 3's Triple, which is gRPC.

mod header;
mod items;
mod message;
#[cfg(test)]
mod tests;

pub use header::{Header, Status};
pub use items::{call_from, call_to, descriptor, reply_from, reply_to};
pub use message::{Attachments, Body, Message, Request, Response, parameters};
