//! From what was written to what it means: names become numbers, options meet their defaults, networks get addresses and
//! routes.

mod address;
mod check;
mod gate;
mod outputs;
mod partition;
mod ports;
mod routes;
mod services;
mod topo;
mod workload;

use std::net::Ipv4Addr;

use sim_core::{Change, Time};
use sim_protocols::ProcessEvent;

use crate::experiment::LoadOptions;
use crate::plan::{EventPlan, NodeKind, NodePlan, Plan, Reroute, RoutePlan};
use crate::read::{At, Sink, short};
use crate::spec::Spec;
use crate::spec::events::{Action, Befallen, EventSpec};
use crate::spec::nodes::Routes;
use address::LinkAddresses;
use routes::{Edge, Graph, Net};
use topo::Topo;

pub(crate) use check::walk;
pub(crate) use partition::{Tie, partition};

/// Resolves a specification; what is wrong goes to the sink.
pub(crate) fn resolve(sink: &mut Sink, name: &str, spec: &Spec, options: &LoadOptions) -> Option<Plan> {
    let topo = Topo::build(sink, &spec.nodes, &spec.links);
    if topo.nodes.is_empty() && !sink.has_errors() {
        sink.error(spec.at, "the file has no hosts").help.push("as in `hosts: { client: {}, server: {} }`".into());
    }
    check::names(sink, spec, &topo);
    if sink.has_errors() {
        return None;
    }
    let addresses = address::assign(sink, &topo, &spec.nodes, &spec.links);
    let (links, ports) = ports::ports(sink, spec, &topo, &addresses)?;
    let mut plan = Plan { name: name.to_string(), stop: spec.stop?.value, links, ports, ..Plan::default() };
    let mut next = 0;
    for node in &topo.nodes {
        let ports = next..next + node.links.len() as u32;
        next = ports.end;
        plan.nodes.push(NodePlan {
            name: node.name.clone(),
            kind: node.kind,
            ports,
            tables: Vec::new(),
            resolver: None,
            gate: None,
            alter: spec.nodes[node.spec].alter,
        });
    }
    events(sink, spec, &mut plan);
    if sink.has_errors() {
        return None;
    }
    tables(sink, spec, &topo, &addresses, &mut plan);
    workload::flows(sink, spec, &topo, &mut plan);
    let named = services::services(sink, spec, &topo, &mut plan);
    services::resolvers(spec, &topo, &mut plan);
    processes(sink, spec, &mut plan);
    gate::gates(sink, spec, &topo, &mut plan);
    ports::force(sink, &mut plan);
    if sink.has_errors() {
        return None;
    }
    check::reachable(sink, spec, &plan);
    outputs::outputs(sink, spec, &mut plan, options);
    check::warnings(sink, spec, &topo, &plan, &named);
    check::name_servers(sink, &topo, &plan);
    Some(plan)
}

/// What befalls links, in the order of time.
fn events(sink: &mut Sink, spec: &Spec, plan: &mut Plan) {
    for event in &spec.events {
        let Befallen::Links(links) = &event.on else { continue };
        let mut ports = Vec::new();
        for link in links {
            let found = plan.ports_of(&link.value);
            if found.is_empty() {
                unknown_link(sink, plan, link.at, &link.value);
            }
            ports.extend(found);
        }
        ports.sort_unstable();
        ports.dedup();
        too_late(sink, event, plan);
        let mut push = |at: Time, ports: Vec<u32>, change| plan.events.push(EventPlan { at, ports, change });
        match &event.action {
            Action::Down(span) => {
                push(event.time.value, ports.clone(), Change::Down);
                if let Some(span) = span {
                    push(event.time.value.saturating_add(*span), ports, Change::Up);
                }
            }
            Action::Up => push(event.time.value, ports, Change::Up),
            Action::Set(written) => {
                for change in ports::changes(sink, written) {
                    plan.events.push(EventPlan { at: event.time.value, ports: ports.clone(), change });
                }
            }
        }
    }
    plan.events.sort_by_key(|event| event.at);
}

fn too_late(sink: &mut Sink, event: &EventSpec, plan: &Plan) {
    if event.time.value >= plan.stop {
        sink.warn(event.time.at, format!("the event never happens: the simulation stops at {}", plan.stop));
    }
}

/// What befalls servers: each gets what befalls it, in the order of time.
fn processes(sink: &mut Sink, spec: &Spec, plan: &mut Plan) {
    for event in &spec.events {
        let Befallen::Servers(names) = &event.on else { continue };
        too_late(sink, event, plan);
        let at = event.time.value;
        let events: Vec<ProcessEvent> = match &event.action {
            Action::Set(_) => continue,
            Action::Up => vec![ProcessEvent { at, up: true }],
            Action::Down(None) => vec![ProcessEvent { at, up: false }],
            Action::Down(Some(span)) => {
                vec![ProcessEvent { at, up: false }, ProcessEvent { at: at.saturating_add(*span), up: true }]
            }
        };
        for name in names {
            give(sink, name, &events, plan);
        }
    }
    let all = plan.services.iter_mut().map(|service| &mut service.process);
    for own in all.chain(plan.flows.iter_mut().map(|flow| &mut flow.process)) {
        own.sort_by_key(|turn| turn.at);
    }
}

/// Gives events to the service of a name, or to the servers of the workload entry of that name.
fn give(sink: &mut Sink, name: &At<String>, events: &[ProcessEvent], plan: &mut Plan) {
    if let Some(service) = plan.services.iter_mut().find(|service| service.name == name.value) {
        return service.process.extend(events);
    }
    let Some(entry) = plan.workloads.iter().position(|entry| *entry == name.value) else {
        let serves = |entry: &usize| {
            plan.flows.iter().any(|flow| flow.workload as usize == *entry && flow.config.app.serves_anybody())
        };
        let entries = (0..plan.workloads.len()).filter(serves).map(|entry| plan.workloads[entry].as_str());
        let known: Vec<&str> = plan.services.iter().map(|service| service.name.as_str()).chain(entries).collect();
        return sink.unknown(name.at, "server", &name.value, &known);
    };
    for flow in plan.flows.iter_mut().filter(|flow| flow.workload as usize == entry) {
        if !flow.config.app.serves_anybody() {
            let message = format!(
                "the end of `{}` cannot be killed: `{}` has no server process",
                name.value,
                flow.config.app.name()
            );
            sink.error(name.at, message)
                .help
                .push("services can, and the servers of `http`, `rpc` and `websocket`".into());
            return;
        }
        flow.process.extend(events);
    }
}

/// Reports a link that is not there.
fn unknown_link(sink: &mut Sink, plan: &Plan, at: crate::yaml::Mark, name: &str) {
    let known: Vec<&str> = plan.links.iter().map(|link| link.name.as_str()).collect();
    sink.unknown(at, "link", name, &known);
}

/// The routing tables from the start, and those after each failure that the file states.
fn tables(sink: &mut Sink, spec: &Spec, topo: &Topo, addresses: &[LinkAddresses], plan: &mut Plan) {
    let mut graph = graph(spec, topo, addresses, plan);
    let computed: Vec<bool> =
        topo.nodes.iter().map(|node| matches!(spec.nodes[node.spec].routes, Routes::Dijkstra)).collect();
    let mut tables = graph.tables(&computed);
    for (index, node) in topo.nodes.iter().enumerate() {
        if let Routes::Static(_) = &spec.nodes[node.spec].routes {
            tables[index] = static_table(sink, spec, topo, &graph, index);
        }
    }
    for (node, table) in plan.nodes.iter_mut().zip(tables) {
        node.tables.push(table);
    }
    let mut times: Vec<Time> = Vec::new();
    let carries = |event: &&EventPlan| matches!(event.change, Change::Down | Change::Up);
    times.extend(plan.events.iter().filter(carries).map(|event| event.at));
    times.dedup();
    for at in times {
        for event in plan.events.iter().filter(|event| event.at == at).filter(carries) {
            for port in &event.ports {
                let port = &plan.ports[*port as usize];
                let up = matches!(event.change, Change::Up);
                graph.ports[port.node as usize][port.number as usize].up = up && !port.config.blocked;
            }
        }
        for (index, net) in graph.nets.iter_mut().enumerate() {
            let ports = [plan.links[index].forward, plan.links[index].reverse];
            net.up = ports.iter().any(|port| {
                let port = &plan.ports[*port as usize];
                graph.ports[port.node as usize][port.number as usize].up
            });
        }
        let at = at.saturating_add(spec.convergence);
        if at >= plan.stop {
            continue;
        }
        let tables = graph.tables(&computed);
        for (index, table) in tables.into_iter().enumerate().filter(|(index, _)| computed[*index]) {
            let node = &mut plan.nodes[index];
            if node.tables.last() != Some(&table) {
                node.tables.push(table);
                let reroute = Reroute { at, node: index as u32, table: node.tables.len() as u32 - 1 };
                plan.reroutes.push(reroute);
            }
        }
    }
}

fn graph(spec: &Spec, topo: &Topo, addresses: &[LinkAddresses], plan: &Plan) -> Graph {
    let ports = topo.nodes.iter().enumerate().map(|(index, node)| {
        let first = plan.nodes[index].ports.start;
        let edges = node.links.iter().enumerate().map(|(number, (link, left))| {
            let link_spec = &spec.links[topo.links[*link as usize].spec];
            let cost = link_spec.options.cost.or(spec.link_defaults.cost).map_or(1, |cost| cost.value as u32);
            Edge {
                to: topo.links[*link as usize].ends[usize::from(*left)],
                via: addresses[*link as usize].ends[usize::from(*left)],
                cost,
                up: !plan.ports[first as usize + number].config.blocked,
                net: *link,
            }
        });
        edges.collect()
    });
    let nets = topo.links.iter().zip(addresses).map(|(link, address)| Net {
        ends: [(link.ends[0], address.ends[0]), (link.ends[1], address.ends[1])],
        prefix: address.prefix,
        shared: address.shared,
        up: true,
    });
    Graph {
        forwards: topo.nodes.iter().map(|node| node.kind == NodeKind::Router).collect(),
        ports: ports.collect(),
        nets: nets.collect(),
    }
}

/// The networks that a router is on, and what its file says beyond them.
fn static_table(sink: &mut Sink, spec: &Spec, topo: &Topo, graph: &Graph, node: usize) -> Vec<RoutePlan> {
    let mut table = Vec::new();
    let hop = |port: usize, via| crate::plan::HopPlan { port: port as u32, via };
    for (port, edge) in graph.ports[node].iter().enumerate() {
        let net = &graph.nets[edge.net as usize];
        let (to, prefix) =
            if net.shared { (edge.via, 32) } else { (routes::network(edge.via, net.prefix), net.prefix) };
        table.push(RoutePlan { to, prefix, hops: vec![hop(port, None)] });
    }
    let Routes::Static(list) = &spec.nodes[topo.nodes[node].spec].routes else { return table };
    for route in list {
        let by_name = topo.node(&route.via.value);
        let by_address = route.via.value.parse::<Ipv4Addr>().ok();
        let ports = &graph.ports[node];
        let port = ports.iter().position(|edge| Some(edge.to) == by_name || Some(edge.via) == by_address);
        let Some(port) = port else {
            let neighbours: Vec<&str> = ports.iter().map(|edge| topo.nodes[edge.to as usize].name.as_str()).collect();
            let message = format!("`{}` is no neighbour of `{}`", short(&route.via.value), topo.nodes[node].name);
            sink.error(route.via.at, message).help.push(format!("its neighbours are {}", neighbours.join(", ")));
            continue;
        };
        for (to, prefix) in destinations(sink, topo, graph, &route.to) {
            let hops = vec![hop(port, Some(ports[port].via))];
            match table.iter_mut().find(|other: &&mut RoutePlan| (other.to, other.prefix) == (to, prefix)) {
                // Several static routes to one network are equally good.
                Some(other) if other.hops[0].via.is_some() => other.hops.extend(hops),
                Some(_) => {}
                None => table.push(RoutePlan { to, prefix, hops }),
            }
        }
    }
    table.iter_mut().for_each(|route| route.hops.sort_unstable());
    table.sort_by_key(|route| (std::cmp::Reverse(route.prefix), route.to));
    table
}

/// The networks that the `to` of a static route means.
fn destinations(sink: &mut Sink, topo: &Topo, graph: &Graph, to: &crate::read::At<String>) -> Vec<(Ipv4Addr, u8)> {
    if to.value == "default" {
        return vec![(Ipv4Addr::UNSPECIFIED, 0)];
    }
    if let Some((address, prefix)) = to.value.split_once('/')
        && let (Ok(address), Ok(prefix)) = (address.parse::<Ipv4Addr>(), prefix.parse::<u8>())
        && prefix <= 32
    {
        if routes::network(address, prefix) != address {
            let network = routes::network(address, prefix);
            sink.error(
                to.at,
                format!("{address}/{prefix} is an address in a network; the network is {network}/{prefix}"),
            );
        }
        return vec![(address, prefix)];
    }
    let Some(nodes) = topo.select(sink, to, "host, router, network like 10.0.2.0/24 or `default`") else {
        return Vec::new();
    };
    let nets = nodes.iter().flat_map(|node| graph.ports[*node as usize].iter().map(move |edge| (*node, edge.net)));
    nets.map(|(node, net)| {
        let net = &graph.nets[net as usize];
        let own = net.ends.iter().find(|(end, _)| *end == node).expect("a node is an end of its link").1;
        if net.shared { (own, 32) } else { (routes::network(own, net.prefix), net.prefix) }
    })
    .collect()
}
