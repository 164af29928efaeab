//! `links:`: who is joined to whom, and all that a link does to what it carries.

use std::net::Ipv4Addr;

use sim_core::{Jitter, Prob, QueueConfig, Reorder, Size, Span, Speed};

use super::impair::{self, LossSpec};
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
    pub up: Option<Box<Side>>,
    /// From the right end to the left end, over `both`.
    pub down: Option<Box<Side>>,
    pub mtu: Option<At<Size>>,
    pub framing: Option<At<Framing>>,
    pub cost: Option<At<u64>>,
}

/// What each direction of a link has for itself.
#[derive(Clone, Default)]
pub(crate) struct Side {
    pub speed: Option<At<Speed>>,
    pub delay: Option<At<Span>>,
    pub queue: Option<At<QueueConfig>>,
    pub loss: Option<At<LossSpec>>,
    pub jitter: Option<At<Option<Jitter>>>,
    pub reorder: Option<At<Reorder>>,
    pub duplicate: Option<At<Prob>>,
    pub corrupt: Option<At<Prob>>,
}

impl Side {
    /// What `self` does not say, `under` says.
    pub fn over(&self, under: &Side) -> Side {
        Side {
            speed: self.speed.clone().or_else(|| under.speed.clone()),
            delay: self.delay.or(under.delay),
            queue: self.queue.clone().or_else(|| under.queue.clone()),
            loss: self.loss.clone().or_else(|| under.loss.clone()),
            jitter: self.jitter.or(under.jitter),
            reorder: self.reorder.or(under.reorder),
            duplicate: self.duplicate.or(under.duplicate),
            corrupt: self.corrupt.or(under.corrupt),
        }
    }
}

/// What a link adds around a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Framing {
    pub name: &'static str,
    /// Bytes that it adds.
    pub overhead: u32,
    /// The shortest frame, these bytes included.
    pub frame_min: u32,
    /// Whether packets carry a link-layer header, so that ARP finds the neighbour.
    pub framed: bool,
}

/// The framings, the default first.
pub(crate) const FRAMINGS: &[Framing] = &[
    Framing { name: "none", overhead: 0, frame_min: 0, framed: false },
    // Two bytes of protocol field: what ns-3's point-to-point devices count.
    Framing { name: "ppp", overhead: 2, frame_min: 0, framed: false },
    // 14 bytes of header and 4 of check sequence (IEEE 802.3 §3.1.1).
    Framing { name: "ethernet", overhead: 18, frame_min: 64, framed: true },
    // With 8 bytes of preamble and 12 of gap too: what the wire is really busy with.
    Framing { name: "ethernet_with_gap", overhead: 38, frame_min: 84, framed: true },
];

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
    let direction = |sink: &mut Sink, map: &mut Map<'_>, key, what| {
        let mut map = sink.map(map.get(key)?, what);
        let side = side(sink, &mut map);
        map.finish(sink);
        Some(Box::new(side))
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
        let framing = FRAMINGS.iter().find(|framing| framing.name == text.value);
        if framing.is_none() {
            let names: Vec<&str> = FRAMINGS.iter().map(|framing| framing.name).collect();
            sink.unknown(text.at, "framing", text.value, &names);
        }
        framing.map(|framing| At { value: *framing, at: text.at })
    });
    let cost = map.count(sink, "cost", 1, 1_000_000);
    LinkOptions { both, up, down, mtu, framing, cost }
}

fn side(sink: &mut Sink, map: &mut Map<'_>) -> Side {
    Side {
        speed: impair::speed(sink, map),
        delay: map.quantity(sink, "delay", "20 ms"),
        queue: impair::queue(sink, map),
        loss: impair::loss(sink, map),
        jitter: impair::jitter(sink, map),
        reorder: impair::reorder(sink, map),
        duplicate: map.quantity(sink, "duplicate", "0.1 %"),
        corrupt: map.quantity(sink, "corrupt", "0.1 %"),
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
