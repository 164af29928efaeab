//! What can be known to be wrong before anything runs.

use std::collections::BTreeMap;

use sim_core::{Span, Speed, Time};
use sim_protocols::dns;

use super::routes::lookup;
use super::topo::Topo;
use crate::diagnostics::nearest;
use crate::plan::{NodeKind, Plan};
use crate::read::Sink;
use crate::spec::Spec;
use crate::yaml::Mark;

/// UDP's number among the protocols of IP.
const UDP: u8 = 17;

/// Names are the first words of paths, so hosts, routers, links, services and workload entries share one space.
pub(super) fn names(sink: &mut Sink, spec: &Spec, topo: &Topo) {
    let mut seen: BTreeMap<&str, (Mark, &str)> = BTreeMap::new();
    let links = spec.links.iter().filter_map(|link| link.name.as_ref()).map(|name| (name, "link"));
    let work = spec.work.iter().map(|work| (&work.name, "workload entry"));
    for node in &topo.nodes {
        seen.insert(&node.name, (node.at, if node.kind == NodeKind::Host { "host" } else { "router" }));
    }
    let services = spec.services.iter().map(|service| (&service.name, "service"));
    for (name, what) in links.chain(services).chain(work) {
        if let Some((first, other)) = seen.get(name.value.as_str())
            && *other != what
        {
            let line = sink.sources.place(*first).map_or(String::new(), |place| format!(" (line {})", place.line));
            sink.error(name.at, format!("`{}` is the name of a {what} and of a {other}{line}", name.value))
                .help
                .push("paths like `wan.delay` start with a name, so one name means one thing".into());
        }
        seen.entry(&name.value).or_insert((name.at, what));
    }
}

/// Every flow's packets find their way there and back, and where they answer each other it takes some time: transfers that
/// take none never let the clock go on.
pub(super) fn reachable(sink: &mut Sink, spec: &Spec, plan: &Plan) {
    let mut reported = 0;
    for flow in &plan.flows {
        let at = spec.work[flow.workload as usize].name.at;
        let mut timeless = flow.is_tcp() && flow.from != flow.to;
        for (from, to) in [(flow.from, flow.to), (flow.to, flow.from)] {
            let why = match walk(plan, from, to) {
                Ok(ports) => {
                    let port = |port: &u32| &plan.ports[*port as usize].config;
                    timeless &= ports
                        .iter()
                        .all(|at| matches!(port(at).speed, Speed::Infinite) && port(at).delay == Span::ZERO);
                    continue;
                }
                Err(why) => why,
            };
            let (from, to) = (&plan.nodes[from as usize].name, &plan.nodes[to as usize].name);
            sink.error(at, format!("`{}` cannot run: {why} from `{from}` to `{to}`", flow.name));
            timeless = false;
            reported += 1;
            break;
        }
        if timeless {
            let (from, to) = (&plan.nodes[flow.from as usize].name, &plan.nodes[flow.to as usize].name);
            let message = format!("`{}` cannot run: no time passes between `{from}` and `{to}`", flow.name);
            sink.error(at, message).help.push("one of the links between them needs a rate or a delay".into());
            reported += 1;
        }
        // One broken link cuts off thousands of hosts.
        if reported == 10 {
            return;
        }
    }
}

/// Follows the first of each equally good hop; the ports crossed, or why there is no way.
pub(crate) fn walk(plan: &Plan, from: u32, to: u32) -> Result<Vec<u32>, String> {
    let Some(address) = plan.address_of(to) else {
        return Err(format!("`{}` has no link, so there is no way", plan.nodes[to as usize].name));
    };
    let (mut node, mut ports) = (from, Vec::new());
    while node != to {
        let hop = lookup(&plan.nodes[node as usize].tables[0], address).first();
        let Some(hop) = hop else {
            return Err(match node == from {
                true => "there is no route".into(),
                false => format!("there is no route beyond `{}` on the way", plan.nodes[node as usize].name),
            });
        };
        let port = plan.nodes[node as usize].ports.start + hop.port;
        if plan.ports[port as usize].config.blocked {
            return Err(format!(
                "a one-way link (`{}`) is in the way",
                plan.links[plan.ports[port as usize].link as usize].name
            ));
        }
        ports.push(port);
        node = plan.ports[plan.ports[port as usize].peer as usize].node;
        if ports.len() > plan.nodes.len() {
            return Err("the routes go in a circle".into());
        }
        if node != to && plan.nodes[node as usize].kind == NodeKind::Host {
            return Err(format!("`{}`, a host that does not forward, is on the way", plan.nodes[node as usize].name));
        }
    }
    Ok(ports)
}

/// Who is asked for names of DNS and answers none: whoever asks waits in vain, or learns by ICMP that nobody has the port.
pub(super) fn name_servers(sink: &mut Sink, topo: &Topo, plan: &Plan) {
    let node = |address| plan.ports.iter().find(|port| port.address == address).map(|port| port.node);
    let answering = || plan.services.iter().filter(|service| service.config.answers_names());
    let answers = |node, port| answering().any(|service| (service.node, service.port) == (node, port));
    let maps = || plan.nodes.iter().filter_map(|node| node.gate.as_ref()).flat_map(|gate| &gate.maps);
    let name = |node: u32| plan.nodes[node as usize].name.as_str();
    for asked in std::mem::take(&mut sink.name_servers) {
        let found = topo.select(sink, &asked, "host").and_then(|nodes| nodes.first().copied());
        let Some((server, address)) = found.and_then(|server| Some((server, plan.address_of(server)?))) else {
            continue;
        };
        // A router may lead the questions on.
        let led = maps()
            .filter(|map| (map.protocol, map.address, map.port) == (UDP, address, dns::PORT))
            .any(|map| node(map.to.0).is_some_and(|node| answers(node, map.to.1)));
        if led || answers(server, dns::PORT) {
            continue;
        }
        let others: Vec<&str> =
            answering().filter(|service| service.port == dns::PORT).map(|service| name(service.node)).collect();
        let help = match nearest(name(server), others.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if others.is_empty() => {
                format!("as in `services: {{ names: {{ on: {}, dns: {{ … }} }} }}`", name(server))
            }
            None => format!("these do: {}", others.join(", ")),
        };
        let message = match answering().find(|service| service.node == server) {
            Some(other) => format!(
                "`{}` is asked for names at port {}, and `{}` answers at port {}",
                name(server),
                dns::PORT,
                other.name,
                other.port
            ),
            None => format!("`{}` is asked for names and answers none: no name server runs there", name(server)),
        };
        sink.throughout.insert(asked.at, (message, vec![help]));
    }
}

/// What runs and is probably not meant.
pub(super) fn warnings(sink: &mut Sink, spec: &Spec, topo: &Topo, plan: &Plan, named: &[u32]) {
    let mut used = vec![false; plan.nodes.len()];
    for flow in &plan.flows {
        used[flow.from as usize] = true;
        used[flow.to as usize] = true;
    }
    plan.services.iter().for_each(|service| used[service.node as usize] = true);
    named.iter().for_each(|node| used[*node as usize] = true);
    let mut idle: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for (index, node) in topo.nodes.iter().enumerate() {
        if node.links.is_empty() {
            let what = if node.kind == NodeKind::Host { "host" } else { "router" };
            sink.warn(node.at, format!("the {what} `{}` has no link", node.name));
        } else if node.kind == NodeKind::Host && !used[index] && !plan.flows.is_empty() {
            idle.entry(node.spec).or_default().push(&node.name);
        }
    }
    for (entry, names) in idle {
        let message = match names.as_slice() {
            [one] => format!("no workload uses the host `{one}`"),
            [first, .., last] => format!("no workload uses {} hosts, `{first}` to `{last}`", names.len()),
            [] => continue,
        };
        sink.throughout.insert(spec.nodes[entry].name.at, (message, Vec::new()));
    }
    if plan.flows.is_empty() {
        sink.warn(spec.at, "nothing happens: there is no workload");
    }
    for (index, work) in spec.work.iter().enumerate() {
        let flows: Vec<_> = plan.flows.iter().filter(|flow| flow.workload == index as u32).collect();
        let late = flows.iter().filter(|flow| flow.config.start >= plan.stop).count();
        if late > 0 {
            let which =
                if late == flows.len() { String::new() } else { format!(" ({late} of its {} flows)", flows.len()) };
            let at = if work.start.value > Time::ZERO { work.start.at } else { work.name.at };
            sink.warn(at, format!("`{}`{which} never starts: the simulation stops at {}", work.name.value, plan.stop));
        }
    }
}
