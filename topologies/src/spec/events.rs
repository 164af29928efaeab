//! `events:`: what befalls links and servers at given times.

use sim_core::{Amount, Span, Speed, Time};

use super::impair::{self, LossSpec};
use super::outputs::names;
use crate::read::{At, Sink};
use crate::yaml::{Node, Value};

/// One entry of `events`.
pub(crate) struct EventSpec {
    pub time: At<Time>,
    pub on: Befallen,
    pub action: Action,
}

/// Whom it befalls.
pub(crate) enum Befallen {
    /// Links, or their directions.
    Links(Vec<At<String>>),
    /// The processes of services and of workload entries' servers.
    Servers(Vec<At<String>>),
}

/// What happens.
pub(crate) enum Action {
    /// Properties change.
    Set(Changes),
    /// Both directions fail, or the process ends, for a span or for good.
    Down(Option<Span>),
    /// They come back.
    Up,
}

/// What can change while the simulation runs.
pub(crate) struct Changes {
    pub speed: Option<At<Speed>>,
    pub delay: Option<At<Span>>,
    pub loss: Option<At<LossSpec>>,
    /// What the queue holds.
    pub limit: Option<At<Amount>>,
}

pub(crate) fn read(sink: &mut Sink, node: &Node) -> Vec<EventSpec> {
    let mut out = Vec::new();
    if node.entries().is_empty() && matches!(node.value, Value::Map(_)) {
        return out;
    }
    for item in sink.list(node) {
        let mut map = sink.map(item, "an event");
        let time = map.quantity::<Time>(sink, "at", "30 s");
        let links = map.get("link").map(|node| Befallen::Links(names(sink, node)));
        let servers = map.get("server").map(|node| (node.at, names(sink, node)));
        let set = map.get("set").map(|node| {
            let mut map = sink.map(node, "`set`");
            let changes = Changes {
                speed: impair::speed(sink, &mut map),
                delay: map.quantity(sink, "delay", "20 ms"),
                loss: impair::loss(sink, &mut map),
                limit: impair::limit(sink, &mut map),
            };
            if node.entries().is_empty() {
                sink.error(node.at, "`set` changes nothing").help.push("as in `set: { rate: 5 Mbit/s }`".into());
            }
            map.finish(sink);
            Action::Set(changes)
        });
        let down = map.get("down").map(|node| match &node.value {
            Value::Null | Value::Bool(true) => Action::Down(None),
            _ => Action::Down(sink.quantity::<Span>(node, "2 s")),
        });
        let up = map.get("up").map(|node| {
            if !matches!(node.value, Value::Null | Value::Bool(true)) {
                sink.error(node.at, format!("`up` stands alone or is `true`, not {}", node.kind()));
            }
            Action::Up
        });
        if map.get("at").is_none() {
            map.missing(sink, "at", "30 s");
        }
        if let Some((at, _)) = &servers {
            if links.is_some() {
                sink.error(*at, "an event befalls links or servers, not both")
                    .help
                    .push("make two events of it".into());
            } else if set.is_some() {
                sink.error(*at, "a server goes down and up, and has nothing to set")
                    .help
                    .push("as in `down: 2 s`: its process is killed, and started again after that time".into());
            }
        } else if links.is_none() {
            map.missing(sink, "link", "wan");
        }
        let mut actions: Vec<Action> = [set, down, up].into_iter().flatten().collect();
        if actions.len() != 1 {
            sink.error(
                item.at,
                format!(
                    "an event does one thing, and this one does {}",
                    if actions.is_empty() { "nothing" } else { "several" }
                ),
            )
            .help
            .push("one of `set: { rate: 5 Mbit/s }`, `down: 2 s`, `down: true`, `up: true`".into());
        }
        map.finish(sink);
        let on = links.or(servers.map(|(_, names)| Befallen::Servers(names)));
        if let (Some(time), Some(on), Some(action)) = (time, on, actions.pop()) {
            out.push(EventSpec { time, on, action });
        }
    }
    out
}
