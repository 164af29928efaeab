//! `workload:`: who talks to whom, and how.

use sim_core::{Span, Time};
use sim_protocols::{APPS, AppConfig, AppEntry};

use super::nodes::check_name;
use super::outputs::names;
use super::params;
use super::tcp::TcpOptions;
use crate::read::{At, Sink};
use crate::yaml::Node;

/// One entry of `workload`.
pub(crate) struct WorkSpec {
    pub name: At<String>,
    pub from: Vec<At<String>>,
    /// Nobody where its application finds its servers itself.
    pub to: Vec<At<String>>,
    pub start: At<Time>,
    /// Each flow of the entry starts so much later than the one before it.
    pub stagger: Span,
    /// Flows between each pair.
    pub count: u64,
    /// The port that the flows go to.
    pub port: Option<At<u64>>,
    pub app: AppSpec,
}

/// The application that an entry runs, with its parameters.
pub(crate) struct AppSpec {
    pub config: AppConfig,
    /// TCP settings of the entry's connections, over those of the host.
    pub tcp: TcpOptions,
}

pub(crate) fn read(sink: &mut Sink, node: &Node) -> Vec<WorkSpec> {
    let mut out = Vec::new();
    sink.map(node, "`workload`");
    for entry in node.entries() {
        check_name(sink, &entry.key, entry.at, "a workload entry");
        let mut map = sink.map(&entry.value, "a workload entry");
        let from = map.get("from").map(|node| names(sink, node));
        let to = map.get("to").map(|node| names(sink, node));
        let start = map.quantity::<Time>(sink, "start", "0 s").unwrap_or_default();
        let stagger = map.quantity::<Span>(sink, "stagger", "100 ms").map_or(Span::ZERO, |span| span.value);
        let count = map.count(sink, "count", 1, 1_000_000).map_or(1, |count| count.value);
        let port = map.count(sink, "port", 1, 65_535);
        let mut apps = Vec::new();
        for entry in APPS {
            if let Some(node) = map.get(entry.name) {
                apps.extend(app(sink, entry, node));
            }
        }
        if map.get("from").is_none() {
            map.missing(sink, "from", "client1");
        }
        let alone = apps.first().is_some_and(|app: &AppSpec| app.config.finds_servers());
        match map.get("to") {
            None if !alone => map.missing(sink, "to", "server"),
            Some(node) if alone => {
                let app = apps[0].config.name();
                sink.error(node.at, format!("`{}` has no `to`: {app} finds its servers itself", entry.key));
            }
            _ => {}
        }
        let to = if alone { Some(Vec::new()) } else { to };
        let names: Vec<&str> = APPS.iter().map(|entry| entry.name).collect();
        match apps.len() {
            0 => sink.missing(
                entry.at,
                format!("`{}` has no application", entry.key),
                format!("it needs one of {}", names.join(", ")),
            ),
            1 => {}
            _ => {
                let message = format!("`{}` has several applications", entry.key);
                sink.error(entry.at, message).help.push("one entry for each".into());
            }
        }
        map.finish(sink);
        let name = At { value: entry.key.clone(), at: entry.at };
        if let (Some(from), Some(to), Some(app)) = (from, to, apps.pop()) {
            out.push(WorkSpec { name, from, to, start, stagger, count, port, app });
        }
    }
    out
}

fn app(sink: &mut Sink, entry: &AppEntry, node: &Node) -> Option<AppSpec> {
    let mut map = sink.map(node, "an application");
    let config = params::read_among(sink, &mut map, |params| AppConfig::read(entry.name, params));
    let tcp = if entry.tcp { TcpOptions::read_among(sink, &mut map) } else { TcpOptions::default() };
    map.finish(sink);
    Some(AppSpec { config: config?, tcp })
}
