//! `hosts:` and `routers:`.

use std::net::Ipv4Addr;

use sim_core::Prob;

use super::gate::GateSpec;
use super::resolver::ResolverOptions;
use super::tcp::TcpOptions;
use crate::plan::NodeKind;
use crate::read::{At, Map, Sink, short};
use crate::yaml::{Mark, Node};

/// One entry of `hosts` or `routers`.
pub(crate) struct NodeSpec {
    pub name: At<String>,
    pub kind: NodeKind,
    /// With `count: 8` the entry `client` means client1 … client8.
    pub count: Option<At<u64>>,
    pub address: Option<At<(Ipv4Addr, u8)>>,
    pub tcp: TcpOptions,
    pub names: ResolverOptions,
    pub gate: GateSpec,
    pub routes: Routes,
    /// The share of packets whose payload a router alters.
    pub alter: Prob,
}

/// Where a router's routes come from.
#[derive(Default)]
pub(crate) enum Routes {
    /// Shortest paths.
    #[default]
    Dijkstra,
    /// These alone, and the networks that the router is on.
    Static(Vec<StaticRoute>),
}

/// A static route.
pub(crate) struct StaticRoute {
    pub to: At<String>,
    pub via: At<String>,
}

/// The most nodes that a network may have: a node's number has 24 bits in an event's key.
pub(crate) const NODES_MAX: u64 = 1_000_000;

pub(crate) fn hosts(sink: &mut Sink, node: &Node) -> Vec<NodeSpec> {
    let mut out = Vec::new();
    for (name, mut map) in entries(sink, node, "hosts", "a host") {
        let count = map.count(sink, "count", 1, NODES_MAX);
        let address = map.get("address").and_then(|node| Some(At { value: address(sink, node)?, at: node.at }));
        if let (Some(count), Some(address)) = (&count, &address) {
            sink.error(
                address.at,
                format!("`address` is one host's, and `{}` has a count of {}", name.value, count.value),
            );
        }
        let tcp = map.get("tcp").map(|node| TcpOptions::read(sink, node)).unwrap_or_default();
        let names = ResolverOptions::read(sink, &mut map);
        map.finish(sink);
        out.push(NodeSpec {
            name,
            kind: NodeKind::Host,
            count,
            address,
            tcp,
            names,
            gate: GateSpec::default(),
            routes: Routes::Dijkstra,
            alter: Prob::ZERO,
        });
    }
    out
}

pub(crate) fn routers(sink: &mut Sink, node: &Node) -> Vec<NodeSpec> {
    let mut out = Vec::new();
    for (name, mut map) in entries(sink, node, "routers", "a router") {
        let count = map.count(sink, "count", 1, NODES_MAX);
        let routes = map.get("routes").map(|node| routes(sink, node)).unwrap_or_default();
        let alter = map.quantity(sink, "alter", "1 %").map_or(Prob::ZERO, |alter| alter.value);
        let gate = GateSpec::read(sink, &mut map);
        map.finish(sink);
        let (tcp, names) = (TcpOptions::default(), ResolverOptions::default());
        out.push(NodeSpec { name, kind: NodeKind::Router, count, address: None, tcp, names, gate, routes, alter });
    }
    out
}

fn entries<'a>(
    sink: &mut Sink,
    node: &'a Node,
    section: &'static str,
    what: &'static str,
) -> Vec<(At<String>, Map<'a>)> {
    sink.map(node, section);
    let mut out = Vec::new();
    for entry in node.entries() {
        check_name(sink, &entry.key, entry.at, what);
        let map = sink.map(&entry.value, what);
        out.push((At { value: entry.key.clone(), at: entry.at }, map));
    }
    out
}

/// Names stand in paths, columns and file names: letters, digits, `-` and `_`.
pub(crate) fn check_name(sink: &mut Sink, name: &str, at: Mark, what: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let good = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(plain)
        && !name.contains("--")
        && name.len() <= 64;
    if !good {
        sink.error(at, format!("`{}` is not a name for {what}", short(name))).help.push(
            "a name starts with a letter and goes on with letters, digits, `-` and `_` (no `--`), 64 at most".into(),
        );
    }
    good
}

/// `10.0.2.10/24`
pub(crate) fn address(sink: &mut Sink, node: &Node) -> Option<(Ipv4Addr, u8)> {
    let text = sink.text(node)?;
    let parsed = text.value.split_once('/').and_then(|(address, prefix)| {
        Some((
            address.trim().parse::<Ipv4Addr>().ok()?,
            prefix.trim().parse::<u8>().ok().filter(|bits| (1..=31).contains(bits))?,
        ))
    });
    let Some((address, prefix)) = parsed else {
        sink.error(text.at, format!("`{}` is not an address with its prefix", short(text.value)))
            .help
            .push("as in `10.0.2.10/24`; the prefix is from 1 to 31 bits".into());
        return None;
    };
    let bits = address.to_bits();
    let host = bits & (u32::MAX >> prefix);
    if prefix < 31 && (host == 0 || host == u32::MAX >> prefix) {
        sink.error(text.at, format!("{address} is the network or the broadcast address of its /{prefix}, no host's"));
        return None;
    }
    if address.is_multicast()
        || address.is_loopback()
        || address.is_unspecified()
        || address.is_broadcast()
        || bits >> 24 == 0
    {
        sink.error(text.at, format!("{address} cannot be the address of an interface"));
        return None;
    }
    Some((address, prefix))
}

fn routes(sink: &mut Sink, node: &Node) -> Routes {
    if let crate::yaml::Value::Text(name) = &node.value {
        if name != "dijkstra" {
            sink.unknown(node.at, "way to find routes", name, &["dijkstra"]);
            sink.error(node.at, "`routes` is `dijkstra` or a list of static routes")
                .help
                .push("as in `[ { to: server, via: r2 }, { to: default, via: r3 } ]`".into());
        }
        return Routes::Dijkstra;
    }
    let mut out = Vec::new();
    for item in sink.list(node) {
        let mut map = sink.map(item, "a static route");
        let (to, via) = (map.text(sink, "to"), map.text(sink, "via"));
        match (to, via) {
            (Some(to), Some(via)) => out.push(StaticRoute {
                to: At { value: to.value.to_string(), at: to.at },
                via: At { value: via.value.to_string(), at: via.at },
            }),
            (None, _) if map.get("to").is_none() => map.missing(sink, "to", "server"),
            (_, None) if map.get("via").is_none() => map.missing(sink, "via", "r2"),
            _ => {}
        }
        map.finish(sink);
    }
    Routes::Static(out)
}
