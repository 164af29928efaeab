//! How a client finds the address of a name.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::Span;

use super::Fault;
use crate::aio;
use crate::dns::{HostResolver, Source, Stub};

/// What finds addresses: by DNS, where the host has a resolver or names of its own; otherwise the names of the file's hosts are known to all, as if
/// each had them in its hosts file. To be made in a program.
pub(crate) struct Names(Option<Stub>);

impl Names {
    /// With a cache of its own, as a browser has: so many names, none for longer than `cap`.
    pub fn new(resolver: Option<Arc<HostResolver>>, entries: u64, cap: Span) -> Names {
        Names(resolver.map(|host| match entries {
            0 => Stub::new(host),
            entries => Stub::with_cache(host, entries, cap),
        }))
    }

    /// The first address of a name, and where it comes from.
    pub async fn address(&self, name: &str) -> (Source, Result<Ipv4Addr, Fault>) {
        if let Ok(address) = name.parse() {
            return (Source::Literal, Ok(address));
        }
        let Some(stub) = &self.0 else {
            return (Source::HostsFile, aio::resolve(name).ok_or(Fault::NoSuchName));
        };
        let found = stub.query(name, crate::dns::QueryType::A).await;
        let address = found.addresses.first().copied().ok_or(Fault::NoSuchName);
        (found.where_from, found.error.map_or(address, |error| Err(error.into())))
    }
}
