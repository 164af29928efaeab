//! What a host resolves names of DNS with: `resolver:` and `names:` of hosts.

use std::net::Ipv4Addr;

use sim_core::{Params, Span};
use sim_protocols::dns::{self, HostResolverConfig};

use super::params;
use crate::read::{At, Map, Sink, short};
use crate::yaml::{Node, Value};

/// Both keys, as written.
#[derive(Clone, Default, Debug)]
pub(crate) struct ResolverOptions {
    /// Whom it asks, and how.
    pub resolver: Option<(Vec<String>, HostResolverConfig)>,
    /// The hosts file: names, each with a host or an address.
    pub names: Vec<(String, String)>,
}

impl ResolverOptions {
    /// Reads both keys of a map.
    pub fn read(sink: &mut Sink, map: &mut Map<'_>) -> ResolverOptions {
        let resolver = map.get("resolver").map(|node| resolver(sink, node));
        let names = map.get("names").map(|node| names(sink, node)).unwrap_or_default();
        ResolverOptions { resolver, names }
    }
}

/// `HOST`, a list of hosts, or a map with settings.
fn resolver(sink: &mut Sink, node: &Node) -> (Vec<String>, HostResolverConfig) {
    let default = HostResolverConfig::default();
    if !matches!(node.value, Value::Map(_)) {
        let mut servers = Vec::new();
        for item in sink.list(node) {
            if let Some(text) = sink.text(item) {
                let server = At { value: text.value.to_string(), at: text.at };
                sink.hosts.push(server.clone());
                sink.name_servers.push(server);
                servers.push(text.value.to_string());
            }
        }
        if servers.is_empty() {
            sink.error(node.at, "`resolver` is a host with a name server, or several")
                .help
                .push("as in `resolver: dns1`".into());
        }
        return (servers, default);
    }
    let mut map = sink.map(node, "`resolver`");
    let read = params::read_among(sink, &mut map, |params| settings(params, default));
    map.finish(sink);
    read
}

/// What the keys of `resolver` are.
pub(crate) fn ask(params: &mut dyn Params) {
    settings(params, HostResolverConfig::default());
}

fn settings(params: &mut dyn Params, default: HostResolverConfig) -> (Vec<String>, HostResolverConfig) {
    let servers = params.name_servers("ask", "hosts of name servers, in the order in which they are asked");
    if servers.is_empty() {
        params.refuse("ask", "nobody is asked".into());
    }
    let timeout = params.span("timeout", Some(default.timeout), "how long it waits for an answer");
    if timeout == Span::ZERO {
        params.refuse("timeout", "no answer would be in time".into());
    }
    let attempts = params.count("attempts", Some(default.attempts), 1..=5, "how often it goes through the list");
    let mut cache = default.cache.clone();
    cache.entries = params.count("cache", Some(cache.entries), 0..=10_000_000, "sets that the host's cache holds");
    cache.ttl = params.span("cache_ttl", Some(cache.ttl), "the longest that it keeps one");
    cache.negative_ttl = cache.negative_ttl.min(cache.ttl);
    (servers, HostResolverConfig { timeout, attempts, cache, ..default })
}

/// `{ www.example.test: web1 }`
fn names(sink: &mut Sink, node: &Node) -> Vec<(String, String)> {
    sink.map(node, "`names`");
    let mut names = Vec::new();
    for entry in node.entries() {
        if let Err(why) = dns::name(&entry.key) {
            sink.error(entry.at, why);
        }
        let Some(text) = sink.text(&entry.value) else { continue };
        if text.value.parse::<Ipv4Addr>().is_err() {
            if text.value.starts_with(|c: char| c.is_ascii_digit()) {
                let message = format!("`{}` is neither a host nor an address", short(text.value));
                sink.error(text.at, message).help.push("as in `www.example.test: web1` or `…: 10.0.2.10`".into());
                continue;
            }
            sink.hosts.push(At { value: text.value.to_string(), at: text.at });
        }
        names.push((entry.key.clone(), text.value.to_string()));
    }
    names
}
