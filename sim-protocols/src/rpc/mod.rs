//! Wire forms of remote calls and sessions, as pure codecs: bytes in, values out; values in, bytes out. No sockets, no clock.
//!
//! | module | form | its source |
//! |---|---|---|
//! | [`hessian`] | Hessian 2.0, over HTTP bodies | Caucho's drafts of 2007 |
//! | [`model`] | the common service, which every form carries | ours |
//!
//! The contract: decoding never panics on any bytes and takes no more than [`Limits`] allow; `decode(encode(x)) == x`; bytes that end too
//! early are [`DecodeError::Truncated`], and nothing else is.

pub mod bare;
mod bytes;
pub mod dubbo;
pub mod hessian;
pub mod java;
pub mod jsonrpc;
pub mod model;
pub mod resp;
pub mod rmi;
#[cfg(test)]
mod testing;
pub mod thrift;
pub mod uri;
pub mod urn;

pub use bytes::{Arrived, DecodeError, Limits};
