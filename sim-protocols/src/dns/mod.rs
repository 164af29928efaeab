//! The domain name system: zones, an authoritative server, a recursive resolver, a forwarder, and what programs resolve names with.
//!
//! | to read | file |
//! | --- | --- |
//! | messages: bytes by `hickory-proto`, ids and lengths by us | `message` |
//! | records as lines of text; zones; what is found in one | `master`, `zone` |
//! | what an authoritative server answers | `authority` |
//! | ports: UDP, TCP, a task for each question | `serve` |
//! | asking one server; truncation to TCP | `ask` |
//! | a cache with TTL in simulated time | `cache` |
//! | from the root down; equal questions under way | `resolver`, `flights` |
//! | as on a home router | `forward` |
//! | what servers count | `counts` |
//! | hosts file, caches, configured resolver | `stub` |
//!
//! All of it runs as tasks of programs ([`crate::aio`]), by real messages over simulated UDP and TCP. A program makes a [`Stub`] of the
//! [`HostResolver`] of its host and asks it: [`Stub::lookup`]. Absent: DNSSEC, zone transfers, dynamic updates, search lists, IPv6 transport,
//! encrypted transport (DoT, DoH), client subnets, cookies, 0x20 case games.

mod ask;
mod authority;
mod cache;
mod counts;
mod flights;
mod forward;
mod master;
pub(crate) mod message;
mod resolver;
mod serve;
mod stub;
#[cfg(test)]
mod tests;
mod zone;

use std::io;
use std::sync::{Arc, Mutex};

use hickory_proto::op::Message;
use sim_core::{Prob, Rng, Span};

pub use ask::Spent;
pub use authority::Authority;
pub use cache::CacheLimits;
pub use counts::{Counted, Counts};
pub use forward::ForwarderConfig;
pub use master::{Context, TTL, record};
pub use message::{PORT, QueryType, name};
pub use resolver::ResolverConfig;
pub use stub::{Answer, DnsError, HostResolver, HostResolverConfig, Lookup, Source, Stub};
pub use zone::Zone;

use crate::aio;
use flights::lock;
use serve::{Answering, Handler, Over};

/// How an authoritative server behaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Manner {
    /// How long it works on a question; it works on any number at a time. Default: no time.
    pub service: Span,
    /// Share of the questions that it leaves without an answer. Default: none.
    pub silent: Prob,
}

impl Default for Manner {
    fn default() -> Manner {
        Manner { service: Span::ZERO, silent: Prob::ZERO }
    }
}

/// An authoritative server.
struct ZoneServer {
    authority: Authority,
    manner: Manner,
    silence: Mutex<Rng>,
    counts: Counts,
}

impl Handler for ZoneServer {
    fn answer(self: Arc<Self>, asked: Message, _over: Over) -> Answering {
        Box::pin(async move {
            if self.manner.silent > Prob::ZERO && lock(&self.silence).chance(self.manner.silent) {
                return None;
            }
            if self.manner.service > Span::ZERO {
                aio::sleep_until(aio::now() + self.manner.service).await;
            }
            self.counts.add(|counted| counted.known += 1);
            Some(self.authority.answer(&asked))
        })
    }
}

/// Serves zones at a port of the host until the end: the main task of a program.
///
/// # Errors
/// The port is taken.
pub async fn serve_zones(authority: Authority, manner: Manner, port: u16, counts: Counts) -> io::Result<()> {
    let silence = Mutex::new(aio::rng("dns/silence"));
    let server = ZoneServer { authority, manner, silence, counts: counts.clone() };
    serve::serve(Arc::new(server), port, counts).await
}

/// Serves as a recursive resolver.
///
/// # Errors
/// The port is taken.
pub async fn serve_resolver(config: ResolverConfig, port: u16, counts: Counts) -> io::Result<()> {
    serve::serve(Arc::new(resolver::Resolver::new(config, counts.clone())), port, counts).await
}

/// Serves as a forwarder.
///
/// # Errors
/// The port is taken.
pub async fn serve_forwarder(config: ForwarderConfig, port: u16, counts: Counts) -> io::Result<()> {
    serve::serve(Arc::new(forward::Forwarder::new(config, counts.clone())), port, counts).await
}
