//! `experiment.seeds`: how many, which, or until an interval is narrow.

use sim_core::Prob;

use crate::experiment::Until;
use crate::quantity::{Written, parse_quantity};
use crate::read::{Sink, short};
use crate::yaml::{Node, Value};

/// More seeds than this are refused.
const SEEDS_MAX: u64 = 1_000_000;
/// Fewer seeds say nothing of an interval's width.
const FROM_MIN: u64 = 3;
/// The first round, when it is not said.
const FROM: u64 = 10;
/// Each later one.
const ROUND: u64 = 5;
/// All of them.
const AT_MOST: u64 = 100;

/// The seeds: a list, or how many to count up from `seed`; of those that run until an interval is narrow, as many as there may be.
pub(crate) fn seeds(sink: &mut Sink, tree: &Node, only: Option<u64>) -> (Vec<u64>, Option<Until>) {
    let first = tree.get("seed").and_then(|node| sink.count(node, 0, u64::MAX)).unwrap_or(1);
    let counted = |count: u64| (0..count).map(|i| first.wrapping_add(i)).collect::<Vec<u64>>();
    let node = tree.get("experiment").and_then(|node| node.get("seeds"));
    let mut until = None;
    let seeds = match node {
        None => vec![first],
        Some(Node { value: Value::List(list), at }) => {
            let mut seeds: Vec<u64> = list.iter().filter_map(|item| sink.count(item, 0, u64::MAX)).collect();
            let all = seeds.len();
            seeds.sort_unstable();
            seeds.dedup();
            if seeds.len() != all {
                sink.error(*at, "a seed stands twice: the same run would be counted as two");
            }
            if list.is_empty() {
                sink.error(*at, "there are no seeds, so nothing runs");
            }
            seeds
        }
        Some(node @ Node { value: Value::Map(_), .. }) => {
            until = read_until(sink, node);
            counted(until.as_ref().map_or(1, |until| until.at_most as u64))
        }
        Some(node) => counted(sink.count(node, 1, SEEDS_MAX).unwrap_or(1)),
    };
    match only {
        // One run has no interval that could grow narrow.
        Some(seed) => (vec![seed], None),
        None => (seeds, until),
    }
}

/// `{ until: bulk.goodput, within: 2 %, confidence: 95 %, from: 10, round: 5, at_most: 100 }`
fn read_until(sink: &mut Sink, node: &Node) -> Option<Until> {
    let mut map = sink.map(node, "`seeds`");
    let measure = map.text(sink, "until");
    if map.get("until").is_none() {
        map.missing(sink, "until", "bulk.goodput");
    }
    let within = map.get("within");
    if within.is_none() {
        map.missing(sink, "within", "2 %");
    }
    let confidence = map.quantity::<Prob>(sink, "confidence", "95 %");
    if let Some(wrong) = confidence.filter(|share| [Prob::ZERO, Prob::ONE].contains(&share.value)) {
        sink.error(wrong.at, "no interval holds its value always or never: a confidence lies between")
            .help
            .push("as in `95 %`".into());
    }
    let from = map.count(sink, "from", FROM_MIN, SEEDS_MAX);
    let round = map.count(sink, "round", 1, SEEDS_MAX).map_or(ROUND, |round| round.value);
    let at_most = map.count(sink, "at_most", FROM_MIN, SEEDS_MAX);
    map.finish(sink);
    let last = at_most.map_or(AT_MOST.max(from.map_or(0, |from| from.value)), |at_most| at_most.value);
    let first = from.map_or(FROM.min(last), |from| from.value);
    if let Some(from) = from.filter(|from| from.value > last) {
        sink.error(from.at, format!("the first round has {} seeds, and there are {last} at most", from.value));
    }
    let within = within?;
    let (Value::Text(text) | Value::Number(text)) = &within.value else {
        sink.error(within.at, format!("a width is due here, not {}", within.kind()))
            .help
            .push("as in `2 %` of the mean, or `0.5 ms`".into());
        return None;
    };
    let (width, dimension, written) = match parse_quantity(text) {
        Ok((width, ..)) if width <= 0.0 => {
            sink.error(within.at, "no interval is as narrow as nothing")
                .help
                .push("as in `2 %` of the mean, or `0.5 ms`".into());
            return None;
        }
        Ok(found) => found,
        Err(why) => {
            sink.error(within.at, why)
                .help
                .push(format!("`{}` is half the interval at most: `2 %` of the mean, or `0.5 ms`", short(text)));
            return None;
        }
    };
    let measure = measure?;
    Some(Until {
        measure: measure.value.to_string(),
        place: sink.sources.place(measure.at),
        within: text.trim().to_string(),
        within_place: sink.sources.place(within.at),
        width,
        dimension,
        relative: written == Written::Share,
        confidence: confidence.map_or(0.95, |share| share.value.parts() as f64 / Prob::ONE_PARTS as f64),
        from: first as usize,
        round: round as usize,
        at_most: last as usize,
    })
}
