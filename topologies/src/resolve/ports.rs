//! Links to ports: options over their defaults, one configuration for each direction.

use std::sync::Arc;

use sim_core::{Change, ForcedLoss, Impairments, PortConfig, Prob, QUEUES, QueueConfig, Span, Speed};

use super::address::LinkAddresses;
use super::topo::Topo;
use crate::plan::{LinkPlan, Plan, PortPlan};
use crate::read::Sink;
use crate::spec::Spec;
use crate::spec::events::Changes;
use crate::spec::impair::{ListedLoss, LossSpec};
use crate::spec::links::{FRAMINGS, Side};

/// The changes that an event makes, in the engine's words.
pub(super) fn changes(sink: &mut Sink, written: &Changes) -> Vec<Change> {
    let mut out = Vec::new();
    out.extend(written.speed.iter().map(|speed| Change::Speed(speed.value.clone())));
    out.extend(written.delay.map(|delay| Change::Delay(delay.value)));
    out.extend(written.limit.map(|limit| Change::QueueLimit(limit.value)));
    match written.loss.as_ref().map(|loss| (&loss.value, loss.at)) {
        Some((LossSpec::None, _)) => out.push(Change::Loss(None)),
        Some((LossSpec::Random(loss), _)) => out.push(Change::Loss(Some(loss.clone()))),
        Some((LossSpec::List(_), at)) => {
            sink.error(at, "an exact list counts from the start; give it at the link, not in an event");
        }
        None => {}
    }
    out
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
            let said =
                [own.as_deref(), Some(&written.options.both), defaults.as_deref(), Some(&spec.link_defaults.both)];
            let side_of = said.into_iter().flatten().fold(Side::default(), |side, under| side.over(under));
            let blocked = side == 1 && written.one_way;
            let (from, to) = if side == 0 { (a, b) } else { (b, a) };
            let (from, to) = (&topo.nodes[from as usize].name, &topo.nodes[to as usize].name);
            let name = match (link.named, written.one_way, side) {
                (false, _, _) => format!("{from}->{to}"),
                (true, true, 0) => link.name.clone(),
                (true, _, 0) => format!("{}.forward", link.name),
                (true, _, _) => format!("{}.reverse", link.name),
            };
            if side_of.speed.is_none() && !blocked {
                let message = format!("the link `{}` needs a `rate` or a `trace`", link.name);
                let help = "as in `rate: 10 Mbit/s`, at the link or in `defaults: { link: { rate: … } }`; `rate: infinite` takes no time";
                sink.missing(link.at, message, help.into());
            }
            let still = side_of.delay.is_none_or(|delay| delay.value == Span::ZERO);
            let steady = side_of.jitter.is_none_or(|jitter| jitter.value.is_none());
            if let Some(reorder) = side_of.reorder.filter(|_| still && steady && !blocked) {
                // As tc refuses it: «reordering not possible without specifying some delay».
                sink.warn(
                    reorder.at,
                    format!("nothing can overtake on `{}`: it has neither delay nor jitter", link.name),
                )
                .help
                .push("a packet overtakes by having less delay than others; as in `delay: 20 ms`".into());
            }
            let options = &written.options;
            let mtu = options.mtu.or(spec.link_defaults.mtu).map_or(1500, |mtu| mtu.value.bytes() as u32);
            let framing = options.framing.or(spec.link_defaults.framing).map_or(FRAMINGS[0], |framing| framing.value);
            if framing.framed && written.one_way && side == 0 {
                // RFC 826: a request goes out, and the answer has no way back; all packets would end as `no_neighbour`.
                let message = format!("`{}` goes one way, so that nobody can answer ARP on it", link.name);
                let at = written.options.framing.map_or(link.at, |framing| framing.at);
                sink.error(at, message).help.push("as in `framing: ppp`, or `a -- b` for both ways".into());
            }
            let far = link.ends[1 - side];
            let config = PortConfig {
                name,
                peer: (far, if side == 0 { right } else { left }),
                speed: side_of.speed.as_ref().map_or(Speed::Infinite, |speed| speed.value.clone()),
                delay: side_of.delay.map_or(Span::ZERO, |delay| delay.value),
                mtu,
                overhead: framing.overhead,
                frame_min: framing.frame_min,
                framed: framing.framed,
                queue: side_of.queue.as_ref().map_or_else(default_queue, |queue| queue.value.clone()),
                impairments: impairments(&side_of),
                blocked,
            };
            ports.push(PortPlan {
                node: link.ends[side],
                number: if side == 0 { left } else { right },
                peer: if side == 0 { reverse } else { forward },
                link: index,
                address: addresses[index as usize].ends[side],
                prefix: addresses[index as usize].prefix,
                config: Arc::new(config),
                listed: listed(&side_of),
            });
        }
    }
    ports.sort_by_key(|port| (port.node, port.number));
    Some((links, ports))
}

/// The queue of a link that names none: the registry's first discipline.
fn default_queue() -> QueueConfig {
    QueueConfig::by_name(QUEUES[0].name).expect("a registered discipline has its name")
}

fn impairments(side: &Side) -> Impairments {
    let loss = match side.loss.as_ref().map(|loss| &loss.value) {
        Some(LossSpec::Random(loss)) => Some(loss.clone()),
        _ => None,
    };
    Impairments {
        loss,
        // Exact lists name flows, which are resolved after the ports.
        forced: Vec::new(),
        jitter: side.jitter.and_then(|jitter| jitter.value),
        reorder: side.reorder.map(|reorder| reorder.value).filter(|reorder| reorder.p != Prob::ZERO),
        duplicate: side.duplicate.map_or(Prob::ZERO, |prob| prob.value),
        corrupt: side.corrupt.map_or(Prob::ZERO, |prob| prob.value),
    }
}

fn listed(side: &Side) -> Vec<ListedLoss> {
    match side.loss.as_ref().map(|loss| &loss.value) {
        Some(LossSpec::List(list)) => list.clone(),
        _ => Vec::new(),
    }
}

/// Gives exact lists the numbers of the flows that they name.
pub(super) fn force(sink: &mut Sink, plan: &mut Plan) {
    let mut at = 0;
    while at < plan.ports.len() {
        for line in std::mem::take(&mut plan.ports[at].listed) {
            let mut rule = ForcedLoss { flow: None, class: line.class, numbers: line.numbers };
            let Some(name) = &line.flow else {
                Arc::make_mut(&mut plan.ports[at].config).impairments.forced.push(rule);
                continue;
            };
            let flows = plan.flows_of(&name.value);
            if flows.is_empty() {
                let known: Vec<&str> = plan.workloads.iter().map(String::as_str).collect();
                sink.unknown(name.at, "flow", &name.value, &known);
            }
            for flow in flows {
                rule.flow = Some(flow + 1);
                Arc::make_mut(&mut plan.ports[at].config).impairments.forced.push(rule.clone());
            }
        }
        at += 1;
    }
}
