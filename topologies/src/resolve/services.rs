//! Services to programs on their hosts and routers, and the names that programs know.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::topo::Topo;
use super::workload::of_service;

use crate::plan::{FlowPlan, NodeKind, Plan, ServicePlan};
use crate::read::Sink;
use crate::spec::Spec;

/// The services of a plan. Says which hosts stand among parameters of the file.
pub(super) fn services(sink: &mut Sink, spec: &Spec, topo: &Topo, plan: &mut Plan) -> Vec<u32> {
    let mut ports = BTreeMap::new();
    for service in &spec.services {
        let name = &service.name.value;
        let Some(nodes) = topo.select(sink, &service.on, "host or router") else { continue };
        let [node] = nodes[..] else {
            sink.error(service.on.at, format!("`{name}` runs on one host or router, not on {}", nodes.len()));
            continue;
        };
        if plan.address_of(node).is_none() {
            sink.error(service.on.at, format!("`{name}` cannot run: `{}` has no link", service.on.value));
            continue;
        }
        let port = service.port.map_or(service.config.port(), |port| port.value as u16);
        if let Some(other) = ports.insert((node, port), name) {
            let message = format!("`{name}` listens on port {port} of `{}`, as `{other}` does", service.on.value);
            sink.error(service.name.at, message).help.push("give it a `port` of its own".into());
        }
        let meets = |flow: &&FlowPlan| {
            let same = !flow.config.app.finds_servers() && (flow.to, flow.config.port) == (node, port);
            same && (flow.config.app.uses_tcp() || service.config.answers_names())
        };
        if let Some(flow) = plan.flows.iter().find(meets) {
            let message = format!(
                "`{name}` listens on port {port} of `{}`, as the server of `{}` does",
                service.on.value, flow.name
            );
            sink.error(service.name.at, message).help.push("give one of them a `port` of its own".into());
        }
        let tcp = of_service(sink, spec, topo, plan, node, &service.tcp);
        let number = (plan.flows.len() + plan.services.len()) as u32 + 1;
        let config = Arc::new(service.config.clone());
        plan.services.push(ServicePlan { name: name.clone(), node, port, number, config, tcp, process: Vec::new() });
    }
    let mut nodes = Vec::new();
    for host in std::mem::take(&mut sink.hosts) {
        let Some(node) = topo.select(sink, &host, "host").and_then(|nodes| nodes.first().copied()) else { continue };
        let runs = plan.services.iter().any(|service| service.node == node);
        if topo.nodes[node as usize].kind == NodeKind::Router && !runs {
            let message = format!("a host is due here, and `{}` is a router on which no service runs", host.value);
            sink.error(host.at, message);
        }
        nodes.push(node);
    }
    nodes
}

/// What hosts resolve names with: what the file says of all of them, and over it what it says of one. Hosts that there are not have been refused.
pub(super) fn resolvers(spec: &Spec, topo: &Topo, plan: &mut Plan) {
    let all = &spec.host_names;
    for node in 0..plan.nodes.len() {
        let own = &spec.nodes[topo.nodes[node].spec].names;
        let asked = own.resolver.as_ref().or(all.resolver.as_ref());
        if plan.nodes[node].kind == NodeKind::Router
            || (asked.is_none() && own.names.is_empty() && all.names.is_empty())
        {
            continue;
        }
        let address = |host: &str| host.parse().ok().or_else(|| plan.address_of(topo.node(host)?));
        let (servers, mut config) = asked.cloned().unwrap_or_default();
        config.servers = servers.iter().filter_map(|host| address(host)).collect();
        let names = all.names.iter().chain(&own.names);
        config.names = names.filter_map(|(name, host)| Some((name.clone(), address(host)?))).collect();
        plan.nodes[node].resolver = Some(config);
    }
}
