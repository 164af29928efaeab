//! A plan to a world.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use sim_core::{CapturePoint, Change, Fault, Node, Prob, ProbeConfig, Streams, Table, World, WorldBuilder};
use sim_protocols::dns::HostResolver;
use sim_protocols::{
    Alter, FlowEnd, Gateway, Hop, Host, HostConfig, Interface, IpConfig, IpStack, NetNode, ProcessEvent, Route,
    RouteTable, Router,
};

use crate::plan::{HopPlan, NodeKind, Plan};

/// Adds the ports of a plan to a world that has its nodes, and schedules all that befalls them.
pub fn wire<N: Node>(plan: &Plan, world: &mut WorldBuilder<N>) {
    for port in &plan.ports {
        let number = world.port(port.node, port.config.clone());
        assert_eq!(number, port.number, "ports are sorted by node and number");
    }
    for event in &plan.events {
        for port in &event.ports {
            let port = &plan.ports[*port as usize];
            world.change(event.at, port.node, port.number, event.change.clone());
        }
    }
    for reroute in &plan.reroutes {
        world.change(reroute.at, reroute.node, 0, Change::Fault(Fault::Routes(reroute.table)));
    }
}

/// What the engine records for a plan, with these tables on.
pub fn probes(plan: &Plan, tables: Vec<&'static Table>) -> ProbeConfig {
    let at = |port: &u32| {
        let port = &plan.ports[*port as usize];
        (port.node, port.number)
    };
    let captures = plan.outputs.captures.iter().map(|capture| {
        let (node, port) = at(&capture.port);
        CapturePoint {
            node,
            port,
            first: capture.first.map_or(u64::MAX, |size| size.bytes()),
            snap: capture.snap.map_or(u32::MAX, |size| u32::try_from(size.bytes()).unwrap_or(u32::MAX)),
        }
    });
    ProbeConfig {
        tables,
        every: plan.outputs.every,
        sampled: plan.outputs.sampled.iter().map(at).collect(),
        captures: captures.collect(),
        ..ProbeConfig::default()
    }
}

/// The interfaces and routing tables of a node.
pub fn ip_config(plan: &Plan, node: u32) -> IpConfig {
    let node = &plan.nodes[node as usize];
    let ports = &plan.ports[node.ports.start as usize..node.ports.end as usize];
    // Many networks lie behind the same hops, which are then stored once.
    let mut shared: FxHashMap<&[HopPlan], Arc<[Hop]>> = FxHashMap::default();
    let mut tables = Vec::with_capacity(node.tables.len());
    for table in &node.tables {
        let routes = table.iter().map(|route| {
            let hop = |hop: &HopPlan| Hop { port: hop.port, via: hop.via.unwrap_or(Ipv4Addr::UNSPECIFIED) };
            let hops = shared.entry(&route.hops).or_insert_with(|| route.hops.iter().map(hop).collect());
            Route { to: route.to, prefix: route.prefix, hops: hops.clone() }
        });
        tables.push(Arc::new(RouteTable::new(routes.collect::<Vec<_>>())));
    }
    IpConfig {
        interfaces: ports.iter().map(|port| Interface { address: port.address, prefix: port.prefix }).collect(),
        tables,
    }
}

/// A router with what the plan says of it. Both kinds have the same methods.
macro_rules! furnish {
    ($router:expr, $node:ident, $streams:ident) => {{
        let mut router = $router;
        if let Some(gate) = &$node.gate {
            router = router.with_gate(gate.clone());
        }
        if $node.alter != Prob::ZERO {
            let stream = $streams.open(&format!("router/{}/alter", $node.name));
            router = router.altering(Alter::new($node.alter, stream));
        }
        router
    }};
}

/// The sockets and programs of a node.
fn host(
    plan: &Plan,
    number: u32,
    config: IpConfig,
    ends: &[(usize, FlowEnd)],
    names: &Arc<BTreeMap<String, Ipv4Addr>>,
    streams: &Streams,
) -> Host {
    let node = &plan.nodes[number as usize];
    let resolver = node.resolver.clone().map(|config| Arc::new(HostResolver::new(config)));
    let settings = HostConfig { names: names.clone(), resolver, ..HostConfig::new(&node.name) };
    let mut host = Host::new(settings, IpStack::new(config), streams);
    for service in plan.services.iter().filter(|service| service.node == number) {
        let own = (&service.config, service.port);
        host.add_service((&service.name, service.number), own, (&service.tcp, &service.process), streams);
    }
    for (at, end) in ends {
        let flow = &plan.flows[*at];
        let at_server = *end == FlowEnd::Server;
        let process: &[ProcessEvent] = if at_server { &flow.process } else { &[] };
        host.add_flow(&flow.config, *end, (&flow.tcp[usize::from(at_server)], process), streams);
    }
    host
}

/// A world for a plan: its hosts with their flows, its routers, its links, and these probes, cut into at most `shards` partitions.
pub fn build(plan: &Plan, seed: u64, tie_salt: u32, probes: ProbeConfig, shards: usize) -> World<NetNode> {
    let mut world = WorldBuilder::new(seed);
    world.tie_salt(tie_salt);
    let streams = world.streams();
    let mut flows: Vec<Vec<(usize, FlowEnd)>> = vec![Vec::new(); plan.nodes.len()];
    for (at, flow) in plan.flows.iter().enumerate() {
        flows[flow.from as usize].push((at, FlowEnd::Client));
        if !flow.config.app.finds_servers() {
            flows[flow.to as usize].push((at, FlowEnd::Server));
        }
    }
    let names = Arc::new(plan.names());
    for (number, node) in (0..).zip(&plan.nodes) {
        let config = ip_config(plan, number);
        let ends = &flows[number as usize];
        let host = |config| host(plan, number, config, ends, &names, &streams);
        // A router has a host's sockets where something runs on it.
        let runs = !ends.is_empty() || plan.services.iter().any(|service| service.node == number);
        world.node(match node.kind {
            NodeKind::Host => NetNode::Host(Box::new(host(config))),
            NodeKind::Router if runs => {
                let router = Gateway::new(host(config));
                NetNode::Gateway(Box::new(furnish!(router, node, streams)))
            }
            NodeKind::Router => NetNode::Router(Box::new(furnish!(Router::new(config), node, streams))),
        });
    }
    wire(plan, &mut world);
    world.probes(probes);
    let partition = if shards > 1 { plan.partition(shards) } else { Vec::new() };
    world.build(&partition)
}
