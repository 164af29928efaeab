//! Points drawn from a space: at random, or as a Latin hypercube.

use sim_core::{Rng, Streams};

use super::range::{Range, Steps};
use super::{Choice, Dimension, Set, choices, label};
use crate::expression::Wrong;
use crate::read::{Sink, short};
use crate::yaml::{Entry, Node, Value};

/// More points than this are refused.
const POINTS_MAX: u64 = 100_000;
/// Digits of a value that is drawn.
const DIGITS: u32 = 4;
/// Parts of a stratum.
const FINE: u64 = 1 << 20;

/// From where a value is drawn.
enum Space {
    Range(Range),
    Choices(Vec<Choice>),
}

/// `sample: { points: 50, method: latin, seed: 1, over: { wan.delay: 1 ms .. 100 ms, wan.rate: 1 Mbit/s .. 1 Gbit/s log } }`
pub(super) fn read(sink: &mut Sink, node: &Node) -> Option<Dimension> {
    let mut map = sink.map(node, "`sample`");
    let points = map.count(sink, "points", 1, POINTS_MAX).map(|points| points.value);
    if map.get("points").is_none() {
        map.missing(sink, "points", "50");
    }
    let seed = map.count(sink, "seed", 0, u64::MAX).map_or(1, |seed| seed.value);
    let latin = match map.text(sink, "method") {
        None => true,
        Some(word) => match word.value {
            "latin" => true,
            "random" => false,
            other => {
                sink.unknown(word.at, "method", other, &["latin", "random"]);
                true
            }
        },
    };
    let over = map.get("over");
    if over.is_none() {
        map.missing(sink, "over", "{ wan.delay: 1 ms .. 100 ms, wan.rate: 1 Mbit/s .. 1 Gbit/s log }");
    }
    map.finish(sink);
    let (points, over) = (points?, over?);
    sink.map(over, "`over`");
    if over.entries().is_empty() {
        sink.error(over.at, "nothing is sampled").help.push("as in `over: { wan.delay: 1 ms .. 100 ms }`".into());
        return None;
    }
    let streams = Streams::new(seed);
    let mut names = Vec::new();
    let mut drawn: Vec<Choice> = vec![Choice::default(); points as usize];
    for entry in over.entries() {
        let space = space(sink, entry)?;
        // A stream for each path, so that another path beside it changes none of its values.
        let mut rng = streams.open(&format!("experiment/sample/{}", entry.key));
        let strata = if latin { shuffled(&mut rng, points) } else { Vec::new() };
        for (at, choice) in drawn.iter_mut().enumerate() {
            let (part, whole) = match strata.get(at) {
                Some(stratum) => (stratum * FINE + rng.below(FINE), points * FINE),
                None => (rng.below(FINE * FINE), FINE * FINE),
            };
            add(choice, entry, &space, part, whole);
        }
        names.push(entry.key.clone());
    }
    for (at, choice) in drawn.iter().enumerate() {
        if let Some(twin) = drawn[..at].iter().position(|other| other.labels == choice.labels) {
            let message =
                format!("points {} and {} of the sample are the same: {}", twin + 1, at + 1, choice.labels.join(", "));
            let help = "take fewer points, or a larger space: values that are drawn have four digits";
            sink.error(over.at, message).help.push(help.into());
            break;
        }
    }
    (!names.is_empty()).then_some(Dimension { names, choices: drawn })
}

fn space(sink: &mut Sink, entry: &Entry) -> Option<Space> {
    if let Value::Text(text) = &entry.value.value
        && let Some(range) = Range::read(text)
    {
        return match range {
            Ok(range) if matches!(range.steps, Steps::None | Steps::Log(None)) => Some(Space::Range(range)),
            Ok(_) => Some(Space::Choices(choices(sink, entry))),
            Err(wrong) => {
                refuse(sink, &entry.value, text, wrong);
                None
            }
        };
    }
    let choices = choices(sink, entry);
    if choices.is_empty() {
        sink.error(entry.at, format!("`{}` is sampled from no values", short(&entry.key)));
        return None;
    }
    Some(Space::Choices(choices))
}

/// Adds the value at `part / whole` of a space.
fn add(choice: &mut Choice, entry: &Entry, space: &Space, part: u64, whole: u64) {
    match space {
        Space::Range(range) => {
            let value = match range.steps {
                Steps::Log(_) => range.ratio(part as f64 / whole as f64, DIGITS),
                _ => range.part(part, whole, DIGITS),
            };
            let node = value.node(entry.value.at);
            choice.labels.push(label(&node));
            choice.sets.push(Set { path: entry.key.clone(), at: entry.at, value: node });
        }
        Space::Choices(choices) => {
            let at = u128::from(part) * choices.len() as u128 / u128::from(whole);
            choice.join(&choices[at as usize]);
        }
    }
}

/// The numbers below `count` in an order of chance (Fisher and Yates).
fn shuffled(rng: &mut Rng, count: u64) -> Vec<u64> {
    let mut order: Vec<u64> = (0..count).collect();
    for at in (1..order.len()).rev() {
        order.swap(at, rng.below(at as u64 + 1) as usize);
    }
    order
}

/// Reports what is wrong with a text, at the part of it that is wrong.
pub(super) fn refuse(sink: &mut Sink, node: &Node, text: &str, wrong: Wrong) {
    let d = sink.error(node.at, wrong.message);
    d.place = d.place.take().map(|place| place.within(text, wrong.place));
    d.help.extend(wrong.help);
}
