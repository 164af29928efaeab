//! Values of all seeds to a verdict.

use std::fmt;

use topologies::{Experiment, Place};

use super::bind::{Bound, Shape, Typed};
use super::parse::Comparison;
use super::value::{Tree, Value};
use crate::quantity::{show, show_mean};
use crate::statistics::{self, Mean};

/// What became of a check at a point.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// The check.
    pub check: String,
    /// The point, as `dimension=value, …`; empty where the check is about the whole experiment.
    pub point: String,
    /// Whether it holds.
    pub holds: bool,
    /// The numbers, and by how much it fails, in words.
    pub says: String,
    /// Where it stands.
    pub place: Option<Place>,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.holds { "ok    " } else { "FAILED" }, self.check)?;
        if !self.point.is_empty() {
            write!(f, "  [{}]", self.point)?;
        }
        write!(f, ": {}", self.says)
    }
}

/// What a part of a check came to, for the member that stands worst.
struct Finding {
    holds: bool,
    /// How far on the right side, in the quantity's own unit.
    margin: f64,
    says: String,
}

/// Judges a check. `measured`: point, seed, leaf.
pub(super) fn judge(experiment: &Experiment, bound: &Bound, measured: &[Vec<Vec<Option<Value>>>]) -> Judgement {
    let expect = &experiment.expect[bound.expect];
    let confidence = expect.confidence.map(|share| share.parts() as f64 / sim_core::Prob::ONE_PARTS as f64);
    let findings = bound.parts.iter().map(|(left, comparison, right)| {
        let seeds = 0..experiment.seeds.len();
        let of = |tree: &Tree, seed: usize| tree.value(&|at| leaf(measured, seed, at));
        let sides: Vec<(Value, Value)> = seeds.map(|seed| (of(&left.tree, seed), of(&right.tree, seed))).collect();
        compare((left, *comparison, right), &sides, confidence)
    });
    let worst = findings
        .min_by(|a, b| (a.holds, a.margin).partial_cmp(&(b.holds, b.margin)).unwrap_or(std::cmp::Ordering::Equal));
    let worst = worst.expect("a check has a part");
    Judgement {
        check: expect.check.clone(),
        point: label(experiment, bound),
        holds: worst.holds,
        says: worst.says,
        place: expect.place.clone(),
    }
}

/// The value of a leaf with a seed; it is measured at one point.
pub(super) fn leaf(measured: &[Vec<Vec<Option<Value>>>], seed: usize, leaf: usize) -> Value {
    measured.iter().find_map(|point| point.get(seed)?[leaf].clone()).unwrap_or(Value::One(None))
}

/// The dimensions in which the check differs from its siblings.
fn label(experiment: &Experiment, bound: &Bound) -> String {
    if experiment.points.len() == 1 {
        return String::new();
    }
    let first = &experiment.points[bound.points[0]].values;
    let same = |at: usize| bound.points.iter().all(|point| experiment.points[*point].values[at] == first[at]);
    let parts =
        (0..first.len()).filter(|at| same(*at)).map(|at| format!("{}={}", experiment.dimensions[at], first[at]));
    // A check that is the same at all points, and there are several, is about the whole experiment.
    if bound.points.len() == experiment.points.len() { String::new() } else { parts.collect::<Vec<_>>().join(", ") }
}

fn compare(part: (&Typed, Comparison, &Typed), sides: &[(Value, Value)], confidence: Option<f64>) -> Finding {
    let (left, comparison, right) = part;
    let members = match (&left.shape, &right.shape) {
        (Shape::Named(names), _) | (_, Shape::Named(names)) => names.clone(),
        _ => vec![String::new()],
    };
    let rows = left.shape == Shape::Rows || right.shape == Shape::Rows;
    let findings = (0..members.len()).map(|member| {
        let pairs: Vec<Option<(f64, f64)>> = sides
            .iter()
            .map(|(a, b)| if rows { worst_row(a, comparison, b) } else { Some((at(a, member)?, at(b, member)?)) })
            .collect();
        let mut finding = finding(part, &pairs, confidence);
        if !members[member].is_empty() {
            finding.says = format!("{}: {}", members[member], finding.says);
        } else if rows {
            finding.says = format!("the worst row: {}", finding.says);
        }
        finding
    });
    let order = |a: &Finding, b: &Finding| {
        (a.holds, a.margin).partial_cmp(&(b.holds, b.margin)).unwrap_or(std::cmp::Ordering::Equal)
    };
    findings.min_by(order).expect("there is a member")
}

fn at(value: &Value, member: usize) -> Option<f64> {
    match value {
        Value::One(value) => *value,
        Value::Named(values) => values.get(member).copied().flatten(),
        Value::Rows(_) => None,
    }
}

/// The pair that stands worst, of a side with many rows and one with a single value.
fn worst_row(a: &Value, comparison: Comparison, b: &Value) -> Option<(f64, f64)> {
    let pairs: Vec<(f64, f64)> = match (a, b) {
        (Value::Rows(rows), other) => {
            let other = at(other, 0)?;
            rows.iter().map(|row| (*row, other)).collect()
        }
        (other, Value::Rows(rows)) => {
            let other = at(other, 0)?;
            rows.iter().map(|row| (other, *row)).collect()
        }
        (a, b) => vec![(at(a, 0)?, at(b, 0)?)],
    };
    pairs.into_iter().min_by(|x, y| margin(comparison, x.0 - x.1).total_cmp(&margin(comparison, y.0 - y.1)))
}

/// How far on the right side a difference is.
fn margin(comparison: Comparison, difference: f64) -> f64 {
    match comparison {
        Comparison::Less | Comparison::AtMost => -difference,
        Comparison::Greater | Comparison::AtLeast => difference,
        Comparison::Equal => -difference.abs(),
        Comparison::Unequal => difference.abs(),
    }
}

fn finding(part: (&Typed, Comparison, &Typed), pairs: &[Option<(f64, f64)>], confidence: Option<f64>) -> Finding {
    let (left, comparison, right) = part;
    let Some(pairs) = pairs.iter().copied().collect::<Option<Vec<(f64, f64)>>>() else {
        let absent = pairs.iter().filter(|pair| pair.is_none()).count();
        let of = if pairs.len() > 1 { format!(" in {absent} of {} runs", pairs.len()) } else { String::new() };
        return Finding { holds: false, margin: f64::NEG_INFINITY, says: format!("there is no value{of}") };
    };
    let shown = if left.written.is_none() { left } else { right };
    let (dimension, share) = (shown.dimension, left.share || right.share);
    if let Some(words) = left.words {
        return words_agree(words, comparison, &pairs);
    }
    // What differs in the last digit of a float is equal: units were converted on the way.
    let clean = |(a, b): &(f64, f64)| if (a - b).abs() <= 1e-12 * a.abs().max(b.abs()) { 0.0 } else { a - b };
    let differences: Vec<f64> = pairs.iter().map(clean).collect();
    let difference = statistics::mean(&differences, confidence.unwrap_or(0.95));
    let slack = if confidence.is_some() { difference.half } else { 0.0 };
    let (holds, margin) = match comparison {
        Comparison::Equal if confidence.is_none() => {
            let worst = differences.iter().fold(0.0_f64, |worst, value| worst.max(value.abs()));
            (worst == 0.0, -worst)
        }
        Comparison::Unequal if confidence.is_none() => {
            let least = differences.iter().fold(f64::INFINITY, |least, value| least.min(value.abs()));
            (least > 0.0, least)
        }
        Comparison::Equal => (difference.mean.abs() <= slack, slack - difference.mean.abs()),
        Comparison::Unequal => (difference.mean.abs() > slack, difference.mean.abs() - slack),
        _ => {
            let edge = margin(comparison, difference.mean) - slack;
            let strict = matches!(comparison, Comparison::Less | Comparison::Greater);
            (if strict { edge > 0.0 } else { edge >= 0.0 }, edge)
        }
    };
    let mean_of = |pick: fn(&(f64, f64)) -> f64| {
        let values: Vec<f64> = pairs.iter().map(pick).collect();
        statistics::mean(&values, confidence.unwrap_or(0.95))
    };
    let say = |side: &Typed, Mean { mean, half }: Mean| match side.written {
        Some(_) => show(mean, side.dimension, side.share),
        None => show_mean(mean, half, side.dimension, share),
    };
    let (a, b) = (say(left, mean_of(|pair| pair.0)), say(right, mean_of(|pair| pair.1)));
    let mut says =
        format!("{a} {} {b}", if holds { comparison.sign().to_string() } else { refused(comparison).into() });
    if pairs.len() > 1 {
        says.push_str(&format!(", mean of {} seeds", pairs.len()));
    }
    if let Some(confidence) = confidence {
        let interval = show_mean(difference.mean, difference.half, dimension, share);
        says.push_str(&format!(
            "; difference {interval} at {}",
            show(confidence, crate::quantity::Dimension::NONE, true)
        ));
        // Against a number that was written down there is no spread to measure by.
        if left.written.is_none() && right.written.is_none() {
            let (a, b): (Vec<f64>, Vec<f64>) = pairs.iter().copied().unzip();
            if let Some(effect) = statistics::effect(&b, &a, pairs.len().saturating_sub(1)) {
                says.push_str(&format!(", Hedges' g {}", show(effect, crate::quantity::Dimension::NONE, false)));
            }
        }
    }
    if !holds && comparison != Comparison::Unequal {
        says.push_str(&format!(", off by {}", show(margin.abs(), dimension, share)));
    }
    Finding { holds, margin, says }
}

/// How the sides of a comparison that does not hold stand.
fn refused(comparison: Comparison) -> &'static str {
    match comparison {
        Comparison::Less => "is not below",
        Comparison::AtMost => "is above",
        Comparison::Greater => "is not above",
        Comparison::AtLeast => "is below",
        Comparison::Equal => "is not",
        Comparison::Unequal => "is",
    }
}

fn words_agree(words: &[&str], comparison: Comparison, pairs: &[(f64, f64)]) -> Finding {
    let wrong = pairs.iter().find(|(a, b)| !comparison.holds(a - b));
    let (a, b) = *wrong.unwrap_or(&pairs[0]);
    let word = |at: f64| words.get(at as usize).copied().unwrap_or("nothing");
    let sign = if wrong.is_none() { comparison.sign() } else { refused(comparison) };
    let holds = wrong.is_none();
    Finding { holds, margin: if holds { 0.0 } else { -1.0 }, says: format!("{} {sign} {}", word(a), word(b)) }
}
