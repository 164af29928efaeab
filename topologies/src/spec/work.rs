//! `workload:`: who talks to whom, and how.

use sim_core::{Span, Time};

use super::nodes::check_name;
use super::outputs::names;
use crate::read::{At, Sink};
use crate::yaml::{Node, Value};

/// One entry of `workload`.
pub(crate) struct WorkSpec {
    pub name: At<String>,
    pub from: Vec<At<String>>,
    pub to: Vec<At<String>>,
    pub start: At<Time>,
    /// Each flow of the entry starts so much later than the one before it.
    pub stagger: Span,
    /// Flows between each pair.
    pub count: u64,
    pub app: AppSpec,
}

/// The application that an entry runs, with its parameters.
pub(crate) struct AppSpec {
    pub name: At<String>,
    pub params: Node,
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
        let mut apps = Vec::new();
        for app in APPS {
            if let Some(params) = map.get(app) {
                let params = if params.value == Value::Null { Node::empty_map(params.at) } else { params.clone() };
                apps.push(AppSpec { name: At { value: app.to_string(), at: params.at }, params });
            }
        }
        if map.get("from").is_none() {
            map.missing(sink, "from", "client1");
        }
        if map.get("to").is_none() {
            map.missing(sink, "to", "server");
        }
        if apps.len() != 1 {
            let many = if apps.is_empty() { "no application" } else { "several applications" };
            sink.error(entry.at, format!("`{}` has {many}", entry.key))
                .help
                .push(format!("it needs one of {}", APPS.join(", ")));
        }
        map.finish(sink);
        let name = At { value: entry.key.clone(), at: entry.at };
        if let (Some(from), Some(to), Some(app)) = (from, to, apps.pop()) {
            out.push(WorkSpec { name, from, to, start, stagger, count, app });
        }
    }
    out
}

const APPS: &[&str] = &["tcp"];
