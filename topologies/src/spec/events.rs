//! `events:`: what befalls links at given times.

use sim_core::{Amount, Span, Speed, Time};

use super::impair::{self, LossSpec};
use super::outputs::names;
use crate::read::{At, Sink};
use crate::yaml::{Node, Value};

/// One entry of `events`.
pub(crate) struct EventSpec {
    pub time: At<Time>,
    pub links: Vec<At<String>>,
    pub action: Action,
}

/// What happens.
pub(crate) enum Action {
    /// Properties change.
    Set(Changes),
    /// Both directions fail, for a span or for good.
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
        let links = map.get("link").map(|node| names(sink, node));
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
        if map.get("link").is_none() {
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
        if let (Some(time), Some(links), Some(action)) = (time, links, actions.pop()) {
            out.push(EventSpec { time, links, action });
        }
    }
    out
}
