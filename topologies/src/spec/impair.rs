//! What a link does to packets: speed, queue, loss, jitter.

use sim_core::{Amount, Jitter, Loss, PacketClass, QUEUES, QueueConfig, Rate, Reorder, Speed, Trace};

use super::outputs::names;
use super::params;
use crate::read::{At, Kind, Map, Sink, short};
use crate::yaml::{Node, Value};

/// Loss as written.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum LossSpec {
    /// Takes away what a default or an earlier event has set.
    None,
    /// By chance.
    Random(Loss),
    /// Exactly these packets.
    List(Vec<ListedLoss>),
}

/// One line of an exact list.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct ListedLoss {
    /// A flow or a workload entry; all packets of the link are counted together where it is not given.
    pub flow: Option<At<String>>,
    pub class: PacketClass,
    pub numbers: Vec<u64>,
}

/// `rate` or `trace`.
pub(super) fn speed(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<Speed>> {
    let (rate, trace) = (map.get("rate"), map.get("trace"));
    if let (Some(rate), Some(_)) = (rate, trace) {
        sink.error(rate.at, "a link has a `rate` or a `trace`, not both");
    }
    if let Some(node) = rate {
        if matches!(&node.value, Value::Text(text) if text == "infinite") {
            return Some(At { value: Speed::Infinite, at: node.at });
        }
        let rate = sink.quantity::<Rate>(node, "10 Mbit/s")?;
        if rate.bps() == 0 {
            let message =
                "a rate of zero carries nothing; take a link down with an event: `{ at: 1 s, link: NAME, down: 2 s }`";
            sink.error(node.at, message);
            return None;
        }
        return Some(At { value: Speed::Rate(rate), at: node.at });
    }
    let node = trace?;
    let name = sink.text(node)?;
    let text = sink.input(name)?;
    match Trace::parse(&text) {
        Ok(trace) => Some(At { value: Speed::Trace(trace), at: node.at }),
        Err(why) => {
            sink.error(name.at, format!("`{}` is not a trace: {why}", short(name.value)))
                .help
                .push("a trace has one stamp in milliseconds a line, and 1500 bytes may leave at each".into());
            None
        }
    }
}

pub(super) fn queue(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<QueueConfig>> {
    let node = map.get("queue")?;
    let (kind, entry) =
        params::choose(sink, node, "queue", "droptail: { limit: 100 packets }", QUEUES, |entry| entry.name)?;
    let config = params::read(sink, kind, "a queue", |params| QueueConfig::read(entry.name, params))?;
    holds_something(sink, node, config.limit());
    Some(At { value: config, at: node.at })
}

/// `limit` in an event.
pub(super) fn limit(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<Amount>> {
    let limit = map.quantity::<Amount>(sink, "limit", "100 packets")?;
    holds_something(sink, map.get("limit")?, limit.value);
    Some(limit)
}

fn holds_something(sink: &mut Sink, node: &Node, limit: Amount) {
    match limit {
        Amount::Packets(0) => sink
            .error(node.at, "a queue of 0 packets drops all that comes while the link sends")
            .help
            .push("`limit: 1 packet` is the shortest queue".into()),
        Amount::Bytes(size) if size.bytes() == 0 => {
            sink.error(node.at, "a queue of 0 bytes drops all that comes while the link sends")
                .help
                .push("as in `limit: 64 KiB`".into());
        }
        _ => {}
    }
}

/// `loss: 1 %`, a kind with its parameters, or a list of packets.
pub(super) fn loss(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<LossSpec>> {
    let node = map.get("loss")?;
    let known: Vec<&'static str> = Loss::NAMES.iter().copied().chain(["list", "none"]).collect();
    let written = params::or_scalar(node, &known, Loss::NAMES[0]);
    let kind = sink.kind(&written, "a loss model", "bernoulli: 1 %")?;
    let value = match kind.name {
        "none" => LossSpec::None,
        "list" => LossSpec::List(sink.list(kind.params?).into_iter().filter_map(|item| listed(sink, item)).collect()),
        name => {
            if !known.contains(&name) {
                sink.unknown(kind.at, "loss model", &short(name), &known);
                return None;
            }
            let before = sink.errors();
            let loss = params::read(sink, kind, "a loss model", |params| Loss::read(name, params))?;
            let sound = sink.errors() == before;
            if loss.is_never() && sound && !node.marks().iter().any(|mark| sink.swept.contains(mark)) {
                sink.warn(node.at, "this loss model never loses anything").help.push("`loss: none` says so".into());
            }
            LossSpec::Random(loss)
        }
    };
    Some(At { value, at: node.at })
}

fn listed(sink: &mut Sink, node: &Node) -> Option<ListedLoss> {
    let mut map = sink.map(node, "a line of a loss list");
    let flow = map.get("flow").and_then(|node| names(sink, node).pop());
    let class = map.text(sink, "class");
    let numbers = map.get("numbers");
    if class.is_none() {
        map.missing(sink, "class", "data");
    }
    if numbers.is_none() {
        map.missing(sink, "numbers", "[200, 203]");
    }
    map.finish(sink);
    let class = class?;
    let Some(class) = CLASSES.iter().find(|(name, _)| *name == class.value).map(|(_, class)| *class) else {
        let names: Vec<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
        sink.unknown(class.at, "class of packets", class.value, &names);
        return None;
    };
    let mut numbers: Vec<u64> =
        sink.list(numbers?).into_iter().filter_map(|item| sink.count(item, 1, u64::MAX)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    Some(ListedLoss { flow, class, numbers })
}

/// The classes by their words, which a test holds against [`PacketClass::WORDS`].
const CLASSES: &[(&str, PacketClass)] = &[
    ("data", PacketClass::Data),
    ("syn", PacketClass::Syn),
    ("syn_ack", PacketClass::SynAck),
    ("fin", PacketClass::Fin),
    ("rst", PacketClass::Rst),
    ("ack", PacketClass::Ack),
    ("other", PacketClass::Other),
];

/// `jitter: { normal: 5 ms }`, or with `span:` and `reorder:`.
pub(super) fn jitter(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<Option<Jitter>>> {
    let node = map.get("jitter")?;
    if matches!(&node.value, Value::Text(text) if text == "none") {
        return Some(At { value: None, at: node.at });
    }
    let names: Vec<&str> = Jitter::SHAPES.iter().map(|(name, _)| *name).collect();
    let written = params::or_scalar(node, &names, names[0]);
    let (kind, (_, shape)) =
        params::choose(sink, &written, "jitter", "normal: 5 ms", Jitter::SHAPES, |(name, _)| name)?;
    let jitter = params::read(sink, kind, "jitter", |params| Jitter::read(*shape, params));
    Some(At { value: Some(jitter), at: node.at })
}

/// `reorder: 1 %`, or with `gap:` and `by:`.
pub(super) fn reorder(sink: &mut Sink, map: &mut Map<'_>) -> Option<At<Reorder>> {
    let node = map.get("reorder")?;
    let kind = Kind { name: "reorder", at: node.at, params: Some(node) };
    let value = params::read(sink, kind, "reordering", Reorder::read);
    Some(At { value, at: node.at })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_the_words_of_tables() {
        let words: Vec<&str> = CLASSES.iter().map(|(name, _)| *name).collect();
        assert_eq!(words, PacketClass::WORDS);
        assert!(CLASSES.iter().enumerate().all(|(index, (_, class))| *class as usize == index));
    }
}
