//! Wire forms of remote calls and sessions, as pure codecs: bytes in, values out; values in, bytes out. No sockets, no clock.
//!
//! | module | form | its source |
//! |---|---|---|
//! | [`bare`] | a length, an id, a method number, a body, over TCP | ours |
//! | [`dubbo`] | Dubbo 2 over TCP, Hessian inside | Apache Dubbo's documentation |
//! | [`grpc`] | messages of Protocol Buffers; [`crate::aio::grpc`] carries them over HTTP/2 | gRPC's PROTOCOL-HTTP2, the `prost` crate |
//! | [`hessian`] | Hessian 2.0 over HTTP bodies | Caucho's drafts of 2007 |
//! | [`java`] | streams of Java objects | Java Object Serialization Specification |
//! | [`jsonrpc`] | JSON-RPC 2.0 over HTTP bodies or lines | the specification of 2013 |
//! | [`resp`] | RESP2, Redis's protocol, and a session store | Redis's documentation |
//! | [`rmi`] | Java's remote method invocation (JRMP) over TCP | RMI Specification |
//! | [`thrift`] | Apache Thrift, binary and compact, framed over TCP | the `thrift` crate |
//! | [`uri`], [`urn`] | where a service is, and what it is called | URL Standard, RFC 8141 |
//! | [`model`] | the common service: items to get, list and create | ours |
//!
//! [`Form`] is the door to the common service in each form: the same calls and replies, so that their bytes can be compared.
//!
//! The contract: decoding never panics on any bytes and takes no more than [`Limits`] allow; `decode(encode(x)) == x`; bytes that end too
//! early are [`DecodeError::Truncated`], and nothing else is. Over a stream, collect bytes in [`Arrived`], decode from its front, and take
//! what was used.
//!
//! gRPC stands beside that door: which method a message belongs to is said by the path of HTTP alone.
//!
//! Absent: CORBA, SOAP and XML-RPC.

pub mod bare;
mod bytes;
pub mod dubbo;
mod form;
pub mod grpc;
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
pub use form::{Form, Received};
