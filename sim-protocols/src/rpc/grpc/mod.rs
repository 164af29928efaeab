//! gRPC: the common service as methods and messages of Protocol Buffers, by the `prost` crate. `items.proto` describes them. What carries them is
//! [`crate::aio::grpc`].
//!
//! Source: gRPC's `doc/PROTOCOL-HTTP2.md`; the Protocol Buffers encoding, proto3.

mod items;

pub use items::{CreateRequest, CreateResponse, GetRequest, Item, ListRequest, ListResponse, Method, UploadResponse};

/// Before each message (Length-Prefixed-Message): a byte that says whether it is compressed, and four of length.
pub const PREFIX: usize = 5;

/// A message with its prefix, not compressed.
pub fn frame(message: &impl prost::Message) -> Vec<u8> {
    let length = message.encoded_len();
    let mut bytes = Vec::with_capacity(PREFIX + length);
    bytes.push(0);
    bytes.extend_from_slice(&u32::try_from(length).expect("a message is shorter than 4 GiB").to_be_bytes());
    message.encode(&mut bytes).expect("a vector grows");
    bytes
}
