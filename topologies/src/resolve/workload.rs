//! Workload entries to flows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sim_protocols::FlowConfig;
use sim_protocols::tcp::Config;

use super::topo::{Topo, pair};
use crate::plan::{FlowPlan, Plan};
use crate::read::{At, Sink};
use crate::spec::Spec;
use crate::spec::tcp::TcpOptions;

/// Without a `port:` the first entry listens here, the next ones behind it.
const PORT_FIRST: u64 = 5001;

pub(super) fn flows(sink: &mut Sink, spec: &Spec, topo: &Topo, plan: &mut Plan) {
    let mut settings = Settings::default();
    for (index, work) in spec.work.iter().enumerate() {
        plan.workloads.push(work.name.value.clone());
        let first = plan.flows.len();
        let (Some(from), Some(to)) = (select(sink, topo, &work.from), select(sink, topo, &work.to)) else { continue };
        let alone = work.app.config.finds_servers();
        let to = if alone { from.clone() } else { to };
        let pairs = match pair(&from, &to) {
            Ok(pairs) => pairs,
            Err(why) => {
                sink.error(work.name.at, format!("`{}` cannot pair `from` with `to`: {why}", work.name.value));
                continue;
            }
        };
        let port = work.port.map_or(PORT_FIRST + index as u64, |port| port.value);
        let Ok(port) = u16::try_from(port) else {
            sink.error(work.name.at, "there are more workload entries than ports");
            continue;
        };
        let several = pairs.len() as u64 * work.count > 1;
        let mut number = 0;
        for (from, to) in pairs {
            if from == to && !alone {
                let name = &topo.nodes[from as usize].name;
                sink.error(work.name.at, format!("`{}` goes from `{name}` to itself", work.name.value));
                continue;
            }
            for _ in 0..work.count {
                let start = work.start.value.saturating_add(work.stagger.saturating_mul(number));
                number += 1;
                let name = if several { format!("{}{number}", work.name.value) } else { work.name.value.clone() };
                let (Some(client), Some(server)) = (plan.address_of(from), plan.address_of(to)) else {
                    let name = &topo.nodes[if plan.address_of(from).is_none() { from } else { to } as usize].name;
                    sink.error(work.name.at, format!("`{}` cannot run: `{name}` has no link", work.name.value));
                    continue;
                };
                let config = FlowConfig {
                    name: name.clone(),
                    number: plan.flows.len() as u32 + 1,
                    client,
                    server,
                    port,
                    start,
                    app: work.app.config.clone(),
                    traced: false,
                };
                let tcp = [from, to].map(|node| settings.of(sink, spec, topo, plan, node, index));
                plan.flows.push(FlowPlan {
                    name,
                    workload: index as u32,
                    from,
                    to,
                    config: Arc::new(config),
                    tcp,
                    process: Vec::new(),
                });
            }
        }
        one_server_at_a_port(sink, &work.name, plan, first);
    }
}

/// A server that answers whoever connects to its port would answer for another entry, too, with its own parameters.
fn one_server_at_a_port(sink: &mut Sink, name: &At<String>, plan: &Plan, first: usize) {
    let (before, own) = plan.flows.split_at(first);
    let meets = |other: &&FlowPlan| {
        own.iter().any(|flow| {
            let (flow, other) = (&flow.config, &other.config);
            let anybody = flow.app.serves_anybody() || other.app.serves_anybody();
            let tcp = flow.app.uses_tcp() && other.app.uses_tcp();
            anybody && tcp && (flow.server, flow.port) == (other.server, other.port)
        })
    };
    if let Some(other) = before.iter().find(meets) {
        let (port, entry) = (other.config.port, &plan.workloads[other.workload as usize]);
        let message =
            format!("`{}` goes to port {port} of the same host as `{entry}`, whose server would answer it", name.value);
        sink.error(name.at, message).help.push("give it a port of its own, or make one entry of both".into());
    }
}

/// TCP settings, shared by all ends that have the same ones.
#[derive(Default)]
struct Settings {
    /// By the host's entry, its largest segment and the workload entry.
    known: BTreeMap<(usize, u16, usize), Arc<Config>>,
}

impl Settings {
    fn of(&mut self, sink: &mut Sink, spec: &Spec, topo: &Topo, plan: &Plan, node: u32, work: usize) -> Arc<Config> {
        let host = topo.nodes[node as usize].spec;
        let key = (host, mss(plan, node), work);
        let settings =
            self.known.entry(key).or_insert_with(|| own(sink, spec, (host, key.1), &spec.work[work].app.tcp));
        settings.clone()
    }
}

/// The settings of a service on a node.
pub(super) fn of_service(
    sink: &mut Sink,
    spec: &Spec,
    topo: &Topo,
    plan: &Plan,
    node: u32,
    tcp: &TcpOptions,
) -> Arc<Config> {
    own(sink, spec, (topo.nodes[node as usize].spec, mss(plan, node)), tcp)
}

/// Those of the file, over them the host's, over them an entry's own.
fn own(sink: &mut Sink, spec: &Spec, (host, mss): (usize, u16), tcp: &TcpOptions) -> Arc<Config> {
    let base = Config { mss, ..Config::default() };
    let base = spec.host_tcp.over(sink, &base);
    let base = spec.nodes[host].tcp.over(sink, &base);
    Arc::new(tcp.over(sink, &base))
}

/// RFC 9293 §3.7.1: the MTU less the 40 bytes of headers without options.
fn mss(plan: &Plan, node: u32) -> u16 {
    let ports = plan.nodes[node as usize].ports.clone();
    let mtu = ports.map(|port| plan.ports[port as usize].config.mtu).min().unwrap_or(1500);
    (mtu.min(65_535) as u16).saturating_sub(40).max(88)
}

/// The nodes of a list of names and wildcards, each once, in the order of the list.
fn select(sink: &mut Sink, topo: &Topo, names: &[At<String>]) -> Option<Vec<u32>> {
    let mut out = Vec::new();
    let mut failed = false;
    for name in names {
        match topo.select(sink, name, "host") {
            Some(nodes) => out.extend(nodes),
            None => failed = true,
        }
    }
    (!failed).then_some(out)
}
