//! TLS for programs on simulated hosts: rustls as it is released, with chance, time and the price of cryptography taken from the simulation.
//!
//! | to read | file |
//! | --- | --- |
//! | where chance, key shares and time come from | `provider` |
//! | a certificate authority and what it issues | `authority` |
//! | clients and servers: what they offer, trust and remember | `config` |
//! | a connection as a stream | `stream` |
//! | what cryptography costs, as virtual time | `cost` |
//! | what goes wrong | `error` |
//!
//! **What is deterministic.** Every random byte that rustls asks for, and every X25519 key, is drawn from the stream of chance
//! `PROGRAM/tls`; Ed25519 signs without chance; certificates are made from a seed; the date is [`EPOCH`] and the time of the simulation. So ciphertext is
//! too: fingerprints over events, lengths and wire bytes hold, and captures are equal on any number of shards. rustls makes a cache with the keyed hashes
//! of the standard library when a configuration is built; it is replaced by an ordered one before anything is looked up in it.
//!
//! **One configuration, one program.** A connector or acceptor remembers sessions, so that it belongs to one program: make it inside of it, or move
//! it in. Two programs that share one would resume each other's sessions in an order that threads decide.
//!
//! **Absent**: certificates of clients, revocation, raw public keys, encrypted client hello, certificate compression, other groups than X25519 and
//! other keys than Ed25519, stateless tickets. rustls has no compression and no renegotiation (RFC 5246 §7.4.1.1) either.

mod authority;
mod config;
mod cost;
mod error;
mod provider;
mod stream;

pub use authority::{Authority, Date, Identity, Leaf};
pub use config::{ClientOptions, ServerOptions, TlsAcceptor, TlsConnector, Versions};
pub(super) use cost::State;
pub use cost::{Costs, Work};
pub use error::TlsError;
pub use provider::{EPOCH, SimClock, SimKeyLog, SimRandom, SimX25519, provider, wall_clock};
pub use rustls;
pub use stream::TlsStream;
