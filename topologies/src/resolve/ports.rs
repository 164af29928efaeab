//! Links to ports: options over their defaults, one configuration for each direction.

use sim_core::{Prob, Rate, Size, Span};

use super::address::LinkAddresses;
use super::topo::Topo;
use crate::plan::{LinkPlan, PortPlan};
use crate::read::Sink;
use crate::spec::Spec;
use crate::spec::links::{Framing, Side};
use crate::spec::tcp::TcpOptions;

/// What an event changes.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    Down,
    Up,
    Rate(Rate),
    Delay(Span),
}

pub(super) fn changes(_sink: &mut Sink, side: &Side) -> Vec<Change> {
    let mut out = Vec::new();
    out.extend(side.rate.map(|rate| Change::Rate(rate.value)));
    out.extend(side.delay.map(|delay| Change::Delay(delay.value)));
    out
}

/// A host's TCP options, over the defaults.
pub(super) fn tcp_of(_sink: &mut Sink, spec: &Spec, node: usize) -> TcpOptions {
    let mut options = spec.host_tcp.clone();
    options.settings.extend(spec.nodes[node].tcp.settings.iter().cloned());
    options
}

/// All links with their two ports each; ports are sorted by node.
pub(super) fn ports(
    sink: &mut Sink,
    spec: &Spec,
    topo: &Topo,
    addresses: &[LinkAddresses],
) -> Option<(Vec<LinkPlan>, Vec<PortPlan>)> {
    // The number of a node's first port.
    let mut first = Vec::with_capacity(topo.nodes.len());
    let mut next = 0u32;
    for node in &topo.nodes {
        first.push(next);
        next += node.links.len() as u32;
    }
    let number = |node: u32, link: u32, left: bool| {
        let links = &topo.nodes[node as usize].links;
        // Links are added in order, so a node's list is sorted.
        let at = links.binary_search(&(link, left)).expect("an end of a link lists it");
        (first[node as usize] + at as u32, at as u32)
    };
    let mut links = Vec::with_capacity(topo.links.len());
    let mut ports = Vec::with_capacity(next as usize);
    for (index, link) in topo.links.iter().enumerate() {
        let index = index as u32;
        let written = &spec.links[link.spec];
        let [a, b] = link.ends;
        let (forward, left) = number(a, index, true);
        let (reverse, right) = number(b, index, false);
        links.push(LinkPlan { name: link.name.clone(), group: link.group.clone(), forward, reverse });
        for (side, own) in [(0, &written.options.up), (1, &written.options.down)] {
            let defaults = if side == 0 { &spec.link_defaults.up } else { &spec.link_defaults.down };
            let side_of = own.over(&written.options.both).over(defaults).over(&spec.link_defaults.both);
            let blocked = side == 1 && written.one_way;
            let (from, to) = if side == 0 { (a, b) } else { (b, a) };
            let (from, to) = (&topo.nodes[from as usize].name, &topo.nodes[to as usize].name);
            let name = match (link.named, written.one_way, side) {
                (false, _, _) => format!("{from}->{to}"),
                (true, true, 0) => link.name.clone(),
                (true, _, 0) => format!("{}.forward", link.name),
                (true, _, _) => format!("{}.reverse", link.name),
            };
            if side_of.rate.is_none() && side_of.trace.is_none() && !blocked {
                sink.error(link.at, format!("the link `{}` needs a `rate` or a `trace`", link.name))
                    .help
                    .push("as in `rate: 10 Mbit/s`, at the link or in `defaults: { link: { rate: … } }`".into());
            }
            let mtu = written.options.mtu.or(spec.link_defaults.mtu).map_or(1500, |mtu| mtu.value.bytes() as u32);
            let framing =
                written.options.framing.or(spec.link_defaults.framing).map_or(Framing::None, |framing| framing.value);
            ports.push(PortPlan {
                name,
                node: link.ends[side],
                number: if side == 0 { left } else { right },
                peer: if side == 0 { reverse } else { forward },
                link: index,
                address: addresses[index as usize].ends[side],
                prefix: addresses[index as usize].prefix,
                blocked,
                rate: side_of.rate.map(|rate| rate.value),
                delay: side_of.delay.map_or(Span::ZERO, |delay| delay.value),
                mtu,
                queue: String::new(),
                queue_bytes: None,
            });
        }
    }
    ports.sort_by_key(|port| (port.node, port.number));
    Some((links, ports))
}
