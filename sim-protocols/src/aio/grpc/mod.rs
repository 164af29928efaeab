//! gRPC in simulated time: what stands between tonic, as it is released, and h2. tonic's own `transport` brings a runtime and the machine's clock;
//! this module is in its place.
//!
//! ```text
//! generated client (or tonic::client::Grpc) -> Channel -> h2 -> stream
//! stream -> h2 -> serve -> generated server (or tonic::server::Grpc)
//! ```
//!
//! All four kinds of calls, deadlines at both ends (`grpc-timeout`; a client has to end its call itself, for example with [`aio::timeout`](super::timeout)),
//! cancellation by dropping a call, back pressure by HTTP/2's windows. A unary request is a head and a frame of data with END_STREAM, in one segment, as
//! gRPC's other implementations send it; below tonic's own transport (hyper) they are two segments, and an empty frame ends the second.
//! Absent: reconnecting, balancing, keep-alive pings, the limits of tonic's transport; TLS comes below, as a stream ([`super::tls`]).

mod client;
mod pipe;
mod server;
mod timeout;

pub(crate) use client::Seen;
pub use client::{Channel, Reply};
pub(crate) use server::StreamOf;
pub use server::serve;
pub use timeout::timeout_of;

use super::Duration;

/// Streams that were reset are remembered for ever: h2 measures this time, and it alone, by the machine's clock.
const REMEMBERED: Duration = Duration::from_secs(1 << 32);
