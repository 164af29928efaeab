//! A plan to a world.

use sim_core::{CapturePoint, Change, Fault, Node, ProbeConfig, Table, WorldBuilder};

use crate::plan::Plan;

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
        bytes_on_every_hop: false,
    }
}
