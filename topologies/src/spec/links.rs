//! `links:`: who is joined to whom, and all that a link does to what it carries.

use std::net::Ipv4Addr;

use sim_core::{Prob, Rate, Size, Span};

use super::nodes::{address, check_name};
use crate::read::{At, Map, Sink, short};
use crate::yaml::{Mark, Node, Value};

/// One entry of `links`.
pub(crate) struct LinkSpec {
    pub left: At<String>,
    pub right: At<String>,
    pub one_way: bool,
    pub name: Option<At<String>>,
    pub addresses: Option<At<[(Ipv4Addr, u8); 2]>>,
    pub options: LinkOptions,
    pub at: Mark,
}

/// What a link may say, and `defaults.link` too.
#[derive(Clone, Default)]
pub(crate) struct LinkOptions {
    pub both: Side,
    /// From the left end to the right end, over `both`.
    pub up: Side,
    /// From the right end to the left end, over `both`.
    pub down: Side,
    pub mtu: Option<At<Size>>,
    pub framing: Option<At<Framing>>,
    pub cost: Option<At<u64>>,
}

/// What each direction of a link has for itself.
#[derive(Clone, Default)]
pub(crate) struct Side {
    pub rate: Option<At<Rate>>,
    pub delay: Option<At<Span>>,
    pub queue: Option<Node>,
    pub loss: Option<Node>,
    pub jitter: Option<Node>,
    pub reorder: Option<Node>,
    pub duplicate: Option<At<Prob>>,
    pub corrupt: Option<At<Prob>>,
    pub trace: Option<At<String>>,
}

impl Side {
    /// What `self` does not say, `under` says. A rate and a trace exclude each other, so one of them replaces the other.
    pub fn over(&self, under: &Side) -> Side {
        let served = self.rate.is_some() || self.trace.is_some();
        Side {
            rate: if served { self.rate } else { under.rate },
            trace: if served { self.trace.clone() } else { under.trace.clone() },
            delay: self.delay.or(under.delay),
            queue: self.queue.clone().or_else(|| under.queue.clone()),
            loss: self.loss.clone().or_else(|| under.loss.clone()),
            jitter: self.jitter.clone().or_else(|| under.jitter.clone()),
            reorder: self.reorder.clone().or_else(|| under.reorder.clone()),
            duplicate: self.duplicate.or(under.duplicate),
            corrupt: self.corrupt.or(under.corrupt),
        }
    }
}

/// What a link adds around a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Framing {
    /// Nothing.
    None,
    /// PPP as ns-3 counts it: two bytes.
    Ppp,
    /// Ethernet II: header and check sequence, 64 bytes at least; ARP finds the neighbour.
    Ethernet,
}

/// The names of the framings, in the order of the enumeration.
pub(crate) const FRAMINGS: &[(&str, Framing)] =
    &[("none", Framing::None), ("ppp", Framing::Ppp), ("ethernet", Framing::Ethernet)];

pub(crate) fn read(sink: &mut Sink, node: &Node) -> Vec<LinkSpec> {
    let mut out = Vec::new();
    if let Value::Map(entries) = &node.value {
        if let Some(first) = entries.first() {
            sink.error(first.at, "`links` is a list: each link begins with `- `")
                .help
                .push(format!("as in `- {}: {{ rate: 10 Mbit/s, delay: 1 ms }}`", short(&first.key)));
        }
        return out;
    }
    for item in sink.list(node) {
        let (key, at, value) = match item.entries() {
            [entry] => (&entry.key, entry.at, &entry.value),
            [_, second, ..] => {
                sink.error(
                    second.at,
                    format!("a link has one key, its ends; `{}` stands beside it", short(&second.key)),
                )
                .help
                .push("indent the options of a link deeper than its ends".into());
                continue;
            }
            [] => {
                sink.error(item.at, format!("a link is written `- a -- b: {{ … }}`, not as {}", item.kind()));
                continue;
            }
        };
        let Some((left, right, one_way)) = ends(key) else {
            sink.error(at, format!("`{}` does not name two ends", short(key)))
                .help
                .push("`a -- b` is a link in both directions, `a -> b` one from a to b".into());
            continue;
        };
        let mut map = sink.map(value, "a link");
        let name = map.text(sink, "name").map(|name| At { value: name.value.to_string(), at: name.at });
        if let Some(name) = &name {
            check_name(sink, &name.value, name.at, "a link");
        }
        let addresses = map.get("addresses").and_then(|node| addresses(sink, node));
        let options = options(sink, &mut map);
        if one_way && let Some(down) = map.get("down") {
            sink.error(down.at, "a one-way link has no `down:` direction; write `a -- b` for both");
        }
        map.finish(sink);
        let end = |name: &str| At { value: name.to_string(), at };
        out.push(LinkSpec { left: end(left), right: end(right), one_way, name, addresses, options, at });
    }
    out
}

/// The ends of `a -- b` or `a -> b`.
pub(crate) fn ends(key: &str) -> Option<(&str, &str, bool)> {
    let (left, right, one_way) = match (key.split_once("--"), key.split_once("->")) {
        (Some((left, right)), None) => (left, right, false),
        (None, Some((left, right))) => (left, right, true),
        _ => return None,
    };
    let (left, right) = (left.trim(), right.trim());
    let good = |end: &str| {
        !end.is_empty() && !end.contains(char::is_whitespace) && !end.contains(['<', '>']) && !end.starts_with('-')
    };
    (good(left) && good(right)).then_some((left, right, one_way))
}

/// `defaults.link`
pub(crate) fn defaults(sink: &mut Sink, node: &Node) -> LinkOptions {
    let mut map = sink.map(node, "`defaults.link`");
    let options = options(sink, &mut map);
    map.finish(sink);
    options
}

fn options(sink: &mut Sink, map: &mut Map<'_>) -> LinkOptions {
    let both = side(sink, map);
    let mut direction = |sink: &mut Sink, map: &mut Map<'_>, key, what| {
        let Some(node) = map.get(key) else { return Side::default() };
        let mut map = sink.map(node, what);
        let side = side(sink, &mut map);
        map.finish(sink);
        side
    };
    let up = direction(sink, map, "up", "`up`");
    let down = direction(sink, map, "down", "`down`");
    let mtu = map.quantity::<Size>(sink, "mtu", "1500 B");
    if let Some(mtu) = mtu.filter(|mtu| !(68..=65_535).contains(&mtu.value.bytes())) {
        // RFC 791 §3.2: "Every internet module must be able to forward a datagram of 68 octets without further
        // fragmentation."
        sink.error(
            mtu.at,
            format!("an mtu of {} is impossible: IPv4 needs at least 68 B and at most 65535 B", mtu.value),
        );
    }
    let framing = map.text(sink, "framing").and_then(|text| {
        let framing = FRAMINGS.iter().find(|(name, _)| *name == text.value);
        if framing.is_none() {
            let names: Vec<&str> = FRAMINGS.iter().map(|(name, _)| *name).collect();
            sink.unknown(text.at, "framing", text.value, &names);
        }
        framing.map(|(_, framing)| At { value: *framing, at: text.at })
    });
    let cost = map.count(sink, "cost", 1, 1_000_000);
    LinkOptions { both, up, down, mtu, framing, cost }
}

pub(super) fn side(sink: &mut Sink, map: &mut Map<'_>) -> Side {
    let rate = map.quantity::<Rate>(sink, "rate", "10 Mbit/s");
    if let Some(rate) = rate.filter(|rate| rate.value.bps() == 0) {
        sink.error(
            rate.at,
            "a rate of zero carries nothing; take a link down with an event: `{ at: 1 s, link: NAME, down: 2 s }`",
        );
    }
    let trace = map.text(sink, "trace").map(|trace| At { value: trace.value.to_string(), at: trace.at });
    if let (Some(rate), Some(_)) = (&rate, &trace) {
        sink.error(rate.at, "a link has a `rate` or a `trace`, not both");
    }
    Side {
        rate,
        delay: map.quantity(sink, "delay", "20 ms"),
        queue: map.get("queue").cloned(),
        loss: map.get("loss").cloned(),
        jitter: map.get("jitter").cloned(),
        reorder: map.get("reorder").cloned(),
        duplicate: map.quantity(sink, "duplicate", "0.1 %"),
        corrupt: map.quantity(sink, "corrupt", "0.1 %"),
        trace,
    }
}

fn addresses(sink: &mut Sink, node: &Node) -> Option<At<[(Ipv4Addr, u8); 2]>> {
    let list = sink.list(node);
    let [left, right] = list.as_slice() else {
        sink.error(node.at, "`addresses` is a list of two: the left end's and the right end's")
            .help
            .push("as in `addresses: [10.0.1.1/24, 10.0.1.2/24]`".into());
        return None;
    };
    let (left, right) = (address(sink, left), address(sink, right));
    Some(At { value: [left?, right?], at: node.at })
}
