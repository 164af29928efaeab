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

    /// The addresses of a name, at least one, and where they come from.
    pub async fn addresses(&self, name: &str) -> (Source, Result<Vec<Ipv4Addr>, Fault>) {
        if let Ok(address) = name.parse() {
            return (Source::Literal, Ok(vec![address]));
        }
        let Some(stub) = &self.0 else {
            return (Source::HostsFile, aio::resolve(name).map(|address| vec![address]).ok_or(Fault::NoSuchName));
        };
        let found = stub.query(name, crate::dns::QueryType::A).await;
        let addresses = match found.error {
            Some(error) => Err(error.into()),
            None if found.addresses.is_empty() => Err(Fault::NoSuchName),
            None => Ok(found.addresses),
        };
        (found.where_from, addresses)
    }
}
