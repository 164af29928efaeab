//! Firewalls and translation of addresses: names to addresses and ports.

use std::net::Ipv4Addr;

use sim_protocols::{AddressNet, Gate, PortMap, Rule};

use super::topo::Topo;
use crate::plan::Plan;
use crate::read::{At, Sink, short};
use crate::spec::Spec;
use crate::spec::gate::GateSpec;

pub(super) fn gates(sink: &mut Sink, spec: &Spec, topo: &Topo, plan: &mut Plan) {
    for node in 0..plan.nodes.len() {
        let written = &spec.nodes[topo.nodes[node].spec].gate;
        if written.given {
            plan.nodes[node].gate = Some(gate(sink, topo, plan, node as u32, written));
        }
    }
}

fn gate(sink: &mut Sink, topo: &Topo, plan: &Plan, node: u32, written: &GateSpec) -> Gate {
    let mut gate = Gate {
        otherwise: written.otherwise,
        mapping: written.mapping,
        no_hairpin: written.no_hairpin,
        times: written.times.clone(),
        ..Gate::default()
    };
    for rule in &written.rules {
        let (from, to) = (nets(sink, topo, plan, &rule.from), nets(sink, topo, plan, &rule.to));
        gate.rules.push(Rule { from, to, ..rule.rule.clone() });
    }
    for link in &written.masquerade {
        let found = plan.ports_of(&link.value);
        let own: Vec<_> = found.iter().filter(|port| plan.ports[**port as usize].node == node).collect();
        if own.is_empty() {
            let name = &topo.nodes[node as usize].name;
            let links = plan
                .links
                .iter()
                .filter(|link| [link.forward, link.reverse].iter().any(|port| plan.ports[*port as usize].node == node));
            let known: Vec<&str> = links.map(|link| link.name.as_str()).collect();
            sink.not_known(link.at, format!("`{name}` has no link `{}`", short(&link.value)), &link.value, &known);
        }
        gate.masquerade.extend(own.iter().map(|port| plan.ports[**port as usize].number));
    }
    for map in &written.maps {
        let Some(to) = single(sink, topo, plan, &map.to) else { continue };
        let addresses = match &map.of {
            Some(of) => single(sink, topo, plan, of).into_iter().collect(),
            None => outside(plan, node, &gate.masquerade),
        };
        if addresses.is_empty() && map.of.is_none() {
            sink.error(map.at, "whose port is meant?")
                .help
                .push("it needs `of HOST`, or `masquerade` says on which links".into());
        }
        for address in addresses {
            let (protocol, port) = (map.protocol, map.port);
            gate.maps.push(PortMap { protocol, address, port, to: (to, map.to_port) });
        }
    }
    gate
}

/// The router's addresses on the links that are masqueraded.
fn outside(plan: &Plan, node: u32, masquerade: &[u32]) -> Vec<Ipv4Addr> {
    let own = plan.nodes[node as usize].ports.clone();
    let ports = own.map(|port| &plan.ports[port as usize]);
    ports.filter(|port| masquerade.contains(&port.number)).map(|port| port.address).collect()
}

/// One address: a host's, or as written.
fn single(sink: &mut Sink, topo: &Topo, plan: &Plan, name: &At<String>) -> Option<Ipv4Addr> {
    if let Ok(address) = name.value.parse() {
        return Some(address);
    }
    let node = *topo.select(sink, name, "host or router")?.first()?;
    plan.address_of(node)
}

/// Networks: those that are written, and all addresses of the nodes that are named.
fn nets(sink: &mut Sink, topo: &Topo, plan: &Plan, names: &[At<String>]) -> Vec<AddressNet> {
    let mut nets = Vec::new();
    for name in names {
        let (text, prefix) = name.value.split_once('/').unwrap_or((&name.value, "32"));
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            match prefix.parse().ok().filter(|prefix| *prefix <= 32) {
                Some(prefix) => nets.push(AddressNet { address, prefix }),
                None => {
                    sink.error(
                        name.at,
                        format!("`{}` is no network: the prefix is from 0 to 32 bits", short(&name.value)),
                    );
                }
            }
            continue;
        }
        for node in topo.select(sink, name, "host, router or network").unwrap_or_default() {
            let ports = plan.nodes[node as usize].ports.clone();
            nets.extend(ports.map(|port| AddressNet { address: plan.ports[port as usize].address, prefix: 32 }));
        }
    }
    nets
}
