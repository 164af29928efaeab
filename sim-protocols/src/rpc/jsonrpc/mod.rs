//! JSON-RPC 2.0 (the specification of 2010, revised 2013, cited as "JSON-RPC §n"). How messages are told apart on a connection is left to
//! what carries them: HTTP bodies ([`CONTENT_TYPE`]), or a newline behind each ([`frame`] and [`line`]).
//!
//! | file | what |
//! |---|---|
//! | `message.rs` | [`Request`], [`Response`], [`Error`], [`Code`], batches |
//! | `items.rs` | the common service in this form |
//!
//! Numbers are those of `serde_json`: integers of 64 bits and doubles. Of two members with one name the last one counts. JSON that is
//! deeper than `serde_json` reads (128) is no JSON here.

mod items;
mod message;
#[cfg(test)]
mod tests;

pub use items::{call_from, call_to, reply_from, reply_to};
pub use message::{
    CONTENT_TYPE, Code, Error, Id, Incoming, Request, Response, batch, frame, line, read_requests, read_responses,
    serve,
};
