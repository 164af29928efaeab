//! Functions of a series in time, and of many values: `steady(bulk.throughput)`, `settling(bulk.throughput, 5 %)`, `low(web.latency, 95 %)`.

use std::collections::BTreeMap;

use super::bind::{Binder, Program, Shape, Typed, plain};
use super::names::{self, Subject};
use super::parse::{Expr, Where, Wrong};
use super::value::{Leaf, Tree, Value};
use crate::quantity::{Dimension, Written};
use crate::statistics::{self, series};

/// Of more values than this the bootstrap tells no other interval than Student's, and takes long.
const BOOTSTRAP_MAX: usize = 2000;
/// A drift by chance this seldom is warned of: a campaign has many runs.
const DRIFT_LEVEL: f64 = 0.001;
/// What a series must stay within, when it is not said.
const SHARE: f64 = 0.05;
/// The confidence of a bootstrap interval, when it is not said.
const CONFIDENCE: f64 = 0.95;

/// What is asked of a series.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Series {
    /// Its mean without the warm-up.
    Steady,
    /// When its warm-up ends.
    WarmUp,
    /// From when on it stays within this share of its final mean.
    Settling(f64),
    /// How probable the difference of its halves is by chance.
    Drift,
    /// The lower end of its mean's interval, with this confidence.
    Low(f64),
    /// The upper end.
    High(f64),
}

impl Series {
    /// By its name, with the second argument where there is one.
    pub fn by_name(name: &str, second: Option<f64>) -> Option<Series> {
        match name {
            "steady" => Some(Series::Steady),
            "warmup" => Some(Series::WarmUp),
            "settling" => Some(Series::Settling(second.unwrap_or(SHARE))),
            "drift" => Some(Series::Drift),
            "low" => Some(Series::Low(second.unwrap_or(CONFIDENCE))),
            "high" => Some(Series::High(second.unwrap_or(CONFIDENCE))),
            _ => None,
        }
    }

    /// Whether it takes a second argument, and whether its values must follow each other in time.
    fn takes(self) -> (bool, bool) {
        match self {
            Series::Settling(_) => (true, true),
            Series::Low(_) | Series::High(_) => (true, false),
            _ => (false, true),
        }
    }

    /// The answer, of values and their moments; `None` where the series is too short for one or does not settle.
    pub fn of(self, values: &[f64], moments: &[f64]) -> Option<f64> {
        match self {
            Series::Steady => {
                let rest = &values[series::warm_up(values)?..];
                (!rest.is_empty()).then(|| rest.iter().sum::<f64>() / rest.len() as f64)
            }
            Series::WarmUp => moments.get(series::warm_up(values)?).copied(),
            Series::Settling(share) => moments.get(series::convergence(values, share)?).copied(),
            Series::Drift => series::drift(values),
            Series::Low(confidence) => interval(values, confidence).map(|(low, _)| low),
            Series::High(confidence) => interval(values, confidence).map(|(_, high)| high),
        }
    }
}

/// The interval of a mean: by bootstrap, of very many values Student's.
fn interval(values: &[f64], confidence: f64) -> Option<(f64, f64)> {
    if values.len() > BOOTSTRAP_MAX {
        let found = statistics::mean(values, confidence);
        return Some((found.mean - found.half, found.mean + found.half));
    }
    statistics::bootstrap(values, |values| values.iter().sum::<f64>() / values.len() as f64, confidence)
}

impl Binder<'_> {
    /// A function of a series.
    pub(super) fn series(
        &mut self,
        name: &str,
        argument: &Expr,
        second: Option<&Expr>,
        place: Where,
    ) -> Result<Typed, Wrong> {
        let Some(known) = Series::by_name(name, None) else {
            let near = names::meant(name, &["settling", "low", "high"]);
            return Err(Wrong::new(format!("there is no function `{name}` of two"), place)
                .help(near)
                .help("there are settling(x, 5 %), low(x, 95 %) and high(x, 95 %)"));
        };
        let (two, in_time) = known.takes();
        let second = match second {
            Some(second) if !two => {
                return Err(Wrong::new(format!("`{name}` takes one argument"), second.place()));
            }
            Some(Expr::Number(share, Dimension::NONE, Written::Share, _)) if *share > 0.0 && *share < 1.0 => {
                Some(*share)
            }
            Some(other) => {
                return Err(Wrong::new(format!("the second argument of `{name}` is a share"), other.place()).help(
                    if in_time { "as in `settling(bulk.throughput, 5 %)`" } else { "as in `low(web.latency, 95 %)`" },
                ));
            }
            None => None,
        };
        let asked = Series::by_name(name, second).unwrap_or(known);
        let inner = self.numbers(argument)?;
        if !in_time {
            let tree = Tree::Series(asked, Box::new(inner.tree), Box::new(Tree::Constant(0.0)));
            return Ok(Typed { tree, dimension: inner.dimension, share: inner.share, ..plain() });
        }
        let leaf = match &inner.tree {
            Tree::Leaf(at) if inner.shape == Shape::Rows => self.leaves[*at].clone(),
            _ => {
                return Err(Wrong::new(
                    format!("`{name}` takes a series: a column with a row for each moment"),
                    argument.place(),
                )
                .help("as in `steady(bulk.throughput)` or `settling(wan.queue[5 s..])`"));
            }
        };
        let members = match &leaf.subject {
            Subject::Flows(flows) => flows.len(),
            Subject::Links(links) => links.len(),
        };
        if members > 1 {
            return Err(Wrong::new(
                format!("`{}` is {members} series, one beside the other", leaf.text),
                argument.place(),
            )
            .help("name one flow or one link"));
        }
        let moments = self.add(Leaf { moments: true, ..leaf });
        let tree = Tree::Series(asked, Box::new(inner.tree), Box::new(Tree::Leaf(moments)));
        Ok(match asked {
            Series::WarmUp | Series::Settling(_) => Typed { tree, dimension: Dimension::TIME, ..plain() },
            Series::Drift => Typed { tree, share: true, ..plain() },
            _ => Typed { tree, dimension: inner.dimension, share: inner.share, ..plain() },
        })
    }
}

impl Program {
    /// What is odd about the series of a run whose means were asked for: one that does not settle, or still drifts behind its warm-up.
    pub fn odd(&self, point: usize, measured: &BTreeMap<String, Value>) -> Vec<String> {
        let mut steady = Vec::new();
        let parts = self.bound.iter().filter(|bound| bound.points.contains(&point)).flat_map(|bound| &bound.parts);
        parts.for_each(|(left, _, right)| {
            collect(&left.tree, &mut steady);
            collect(&right.tree, &mut steady);
        });
        let columns = self.columns.iter().flat_map(|column| &column.points).filter(|(at, _)| *at == point);
        columns.for_each(|(_, typed)| collect(&typed.tree, &mut steady));
        self.aim.get(point).into_iter().for_each(|typed| collect(&typed.tree, &mut steady));
        let mut found = Vec::new();
        for leaf in steady.into_iter().map(|at| &self.leaves[at]).filter(|leaf| leaf.point == point) {
            let values = measured.get(&leaf.signature()).cloned().map(Value::list).unwrap_or_default();
            let text = match series::warm_up(&values) {
                None => format!(
                    "`{}` has {} values and does not settle in them (MSER-5), so it has no steady mean",
                    leaf.text,
                    values.len()
                ),
                Some(cut) if series::drift(&values[cut..]).is_some_and(|p| p < DRIFT_LEVEL) => format!(
                    "`{}` still drifts behind its warm-up: its halves differ by more than chance (Welch's test of ten means each, 0.1 %)",
                    leaf.text
                ),
                Some(_) => continue,
            };
            if !found.contains(&text) {
                found.push(text);
            }
        }
        found
    }
}

/// The leaves whose steady means a tree takes.
fn collect(tree: &Tree, found: &mut Vec<usize>) {
    match tree {
        Tree::Series(Series::Steady, values, _) => {
            if let Tree::Leaf(at) = **values {
                found.push(at);
            }
        }
        Tree::Constant(_) | Tree::Leaf(_) | Tree::Series(..) => {}
        Tree::Negative(inner) | Tree::Absolute(inner) | Tree::Root(inner) | Tree::Summary(_, inner) => {
            collect(inner, found)
        }
        Tree::Binary(left, _, right) | Tree::Test(_, left, _, right) => {
            collect(left, found);
            collect(right, found);
        }
    }
}
