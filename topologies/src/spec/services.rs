//! `services:`: servers that no workload entry brings with it.

use sim_protocols::{SERVICES, ServiceConfig, ServiceEntry};

use super::nodes::check_name;
use super::params;
use super::tcp::TcpOptions;
use crate::read::{At, Sink};
use crate::yaml::Node;

/// One entry of `services`.
pub(crate) struct ServiceSpec {
    pub name: At<String>,
    pub on: At<String>,
    pub port: Option<At<u64>>,
    pub config: ServiceConfig,
    /// TCP settings of its connections, over those of the host.
    pub tcp: TcpOptions,
}

pub(crate) fn read(sink: &mut Sink, node: &Node) -> Vec<ServiceSpec> {
    let mut out = Vec::new();
    sink.map(node, "`services`");
    for entry in node.entries() {
        check_name(sink, &entry.key, entry.at, "a service");
        let mut map = sink.map(&entry.value, "a service");
        let on = map.text(sink, "on").map(|on| At { value: on.value.to_string(), at: on.at });
        let port = map.count(sink, "port", 1, 65_535);
        let tcp = map.get("tcp").map(|node| TcpOptions::read(sink, node)).unwrap_or_default();
        let mut configs = Vec::new();
        for kind in SERVICES {
            if let Some(node) = map.get(kind.name) {
                configs.extend(service(sink, kind, node));
            }
        }
        if map.get("on").is_none() {
            map.missing(sink, "on", "server");
        }
        let names: Vec<&str> = SERVICES.iter().map(|entry| entry.name).collect();
        let given = names.iter().filter(|name| entry.value.get(name).is_some()).count();
        if given == 0 {
            sink.missing(
                entry.at,
                format!("`{}` serves nothing", entry.key),
                format!("it needs one of {}", names.join(", ")),
            );
        } else if given > 1 {
            let message = format!("`{}` is one service, not several", entry.key);
            sink.error(entry.at, message).help.push("one entry for each".into());
        }
        map.finish(sink);
        let name = At { value: entry.key.clone(), at: entry.at };
        if let (Some(on), Some(config)) = (on, configs.pop()) {
            out.push(ServiceSpec { name, on, port, config, tcp });
        }
    }
    out
}

fn service(sink: &mut Sink, entry: &ServiceEntry, node: &Node) -> Option<ServiceConfig> {
    let mut map = sink.map(node, "a service");
    let config = params::read_among(sink, &mut map, |params| ServiceConfig::read(entry.name, params));
    map.finish(sink);
    config
}
