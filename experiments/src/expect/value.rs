//! Rows to values, and what is computed from them.

use serde::{Deserialize, Serialize};
use sim_core::{Kind, Outcome, Rows, Table, Time};
use topologies::Plan;

use super::names::{Statistic, Subject, key};
use super::parse::Comparison;
use super::series::Series;
use crate::quantity;
use crate::record::Stored;
use crate::statistics;

/// A column of the rows of a subject at a point: what a run must measure.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Leaf {
    pub point: usize,
    pub subject: Subject,
    pub table: &'static Table,
    pub column: usize,
    /// From and until when rows count, in seconds.
    pub window: Option<(f64, f64)>,
    /// Whether the moments of the rows are meant, in seconds, not their values.
    pub moments: bool,
    /// As it was written.
    pub text: String,
}

/// Values of a leaf or an expression in one run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(from = "Stored", into = "Stored")]
pub enum Value {
    /// One, if there is any.
    One(Option<f64>),
    /// One for each member of a name.
    Named(Vec<Option<f64>>),
    /// One for each row, in order.
    Rows(Vec<f64>),
}

/// What is computed.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Tree {
    Constant(f64),
    Leaf(usize),
    Negative(Box<Tree>),
    Absolute(Box<Tree>),
    Root(Box<Tree>),
    Binary(Box<Tree>, char, Box<Tree>),
    Summary(Statistic, Box<Tree>),
    /// What a series tells, of its values and their moments.
    Series(Series, Box<Tree>, Box<Tree>),
    /// How many values pass a test, or their share.
    Test(bool, Box<Tree>, Comparison, Box<Tree>),
}

impl Leaf {
    /// How a run's record calls it: the same at each point. One path may need several columns: `flow.duration`, its start and its end.
    pub fn signature(&self) -> String {
        let moments = if self.moments { ", when" } else { "" };
        let column = format!("{} = {}.{}{moments}", self.text, self.table.name, self.table.columns[self.column].name);
        self.window.map_or_else(|| column.clone(), |(from, until)| format!("{column} [{from} s..{until} s]"))
    }

    /// Reads the rows of a run.
    pub fn read(&self, plan: &Plan, outcome: &Outcome) -> Value {
        let Some(rows) = outcome.table(self.table.name) else { return Value::Rows(Vec::new()) };
        let key = key(self.table, &self.subject).expect("the table was chosen for its key");
        let single = matches!(self.table.name, "flows" | "links" | "udp");
        match &self.subject {
            Subject::Flows(flows) => {
                let mut place = vec![None; plan.flows.len() + 1];
                flows.iter().enumerate().for_each(|(at, flow)| place[*flow as usize + 1] = Some(at));
                let member = |row: &[u64]| place.get(row[key] as usize).copied().flatten();
                if !single {
                    return Value::Rows(self.pick(self.rows(rows, |row| member(row).is_some())));
                }
                let mut values = vec![None; flows.len()];
                for (_, row) in rows.iter().filter(|(_, row)| counts(self.table, row)) {
                    if let Some(at) = member(row) {
                        values[at] = self.number(row);
                    }
                }
                if values.len() == 1 { Value::One(values[0]) } else { Value::Named(values) }
            }
            Subject::Links(links) => {
                let word = |port: &u32| {
                    let port = &plan.ports[*port as usize];
                    u64::from(port.node) << 32 | u64::from(port.number)
                };
                if !single {
                    // Of a link's two directions the busier one counts, as for everything that is not added.
                    let busier = |ports: &Vec<u32>| {
                        let of = |port: &u32| self.rows(rows, |row| row[key] == word(port));
                        let sum = |rows: &Vec<(f64, f64)>| rows.iter().map(|(_, value)| value).sum::<f64>();
                        let busier = ports.iter().map(of).reduce(|a, b| if sum(&b) > sum(&a) { b } else { a });
                        self.pick(busier.unwrap_or_default())
                    };
                    return Value::Rows(links.iter().flat_map(|(_, ports)| busier(ports)).collect());
                }
                let adds = self.adds();
                let of_link = |ports: &Vec<u32>| {
                    let found = rows.iter().filter(|(_, row)| ports.iter().any(|port| word(port) == row[key]));
                    let values = found.filter_map(|(_, row)| self.number(row));
                    values.reduce(|a, b| if adds { a + b } else { a.max(b) })
                };
                let values: Vec<Option<f64>> = links.iter().map(|(_, ports)| of_link(ports)).collect();
                if values.len() == 1 { Value::One(values[0]) } else { Value::Named(values) }
            }
        }
    }

    /// Whether the values of a link's two directions are added.
    fn adds(&self) -> bool {
        let column = &self.table.columns[self.column];
        matches!(column.kind, Kind::Count | Kind::Bytes) && !column.name.contains("max")
    }

    fn number(&self, row: &[u64]) -> Option<f64> {
        quantity::number(&self.table.columns[self.column], row[self.column])
    }

    fn pick(&self, rows: Vec<(f64, f64)>) -> Vec<f64> {
        rows.into_iter().map(|(moment, value)| if self.moments { moment } else { value }).collect()
    }

    /// Moment and value of the rows that count and have one.
    fn rows(&self, rows: &Rows, wanted: impl Fn(&[u64]) -> bool) -> Vec<(f64, f64)> {
        let (from, to) = self.window.unwrap_or((0.0, f64::INFINITY));
        let inside = |time: Time| self.window.is_none() || (from..=to).contains(&time.seconds());
        let found = rows.iter().filter(|(time, row)| inside(*time) && wanted(row));
        found.filter_map(|(time, row)| Some((time.seconds(), self.number(row)?))).collect()
    }
}

/// Of the two ends of a datagram flow the receiver counts.
pub(crate) fn counts(table: &Table, row: &[u64]) -> bool {
    table.name != "udp" || table.columns.iter().position(|column| column.name == "end").is_none_or(|at| row[at] == 1)
}

impl Tree {
    /// The value, given those of the leaves.
    pub fn value(&self, leaves: &dyn Fn(usize) -> Value) -> Value {
        match self {
            Tree::Constant(value) => Value::One(Some(*value)),
            Tree::Leaf(at) => leaves(*at),
            Tree::Negative(inner) => inner.value(leaves).map(|value| Some(-value)),
            Tree::Absolute(inner) => inner.value(leaves).map(|value| Some(value.abs())),
            Tree::Root(inner) => inner.value(leaves).map(|value| (value >= 0.0).then(|| value.sqrt())),
            Tree::Binary(left, sign, right) => {
                Value::both(left.value(leaves), right.value(leaves), |a, b| match sign {
                    '+' => Some(a + b),
                    '-' => Some(a - b),
                    '*' => Some(a * b),
                    _ => (b != 0.0).then(|| a / b),
                })
            }
            Tree::Summary(statistic, inner) => Value::One(summary(*statistic, inner.value(leaves))),
            Tree::Series(series, values, moments) => {
                Value::One(series.of(&values.value(leaves).list(), &moments.value(leaves).list()))
            }
            Tree::Test(share, left, comparison, right) => {
                let passed = Value::both(left.value(leaves), right.value(leaves), |a, b| {
                    Some(f64::from(u8::from(comparison.holds(a - b))))
                });
                Value::One(summary(if *share { Statistic::Mean } else { Statistic::Sum }, passed).or(if *share {
                    None
                } else {
                    Some(0.0)
                }))
            }
        }
    }
}

impl Value {
    fn map(self, f: impl Fn(f64) -> Option<f64>) -> Value {
        match self {
            Value::One(value) => Value::One(value.and_then(&f)),
            Value::Named(values) => Value::Named(values.into_iter().map(|value| value.and_then(&f)).collect()),
            Value::Rows(values) => Value::Rows(values.into_iter().filter_map(f).collect()),
        }
    }

    fn both(a: Value, b: Value, f: impl Fn(f64, f64) -> Option<f64>) -> Value {
        match (a, b) {
            (Value::One(None), other) | (other, Value::One(None)) => other.map(|_| None),
            (Value::One(Some(a)), b) => b.map(|b| f(a, b)),
            (a, Value::One(Some(b))) => a.map(|a| f(a, b)),
            (Value::Named(a), Value::Named(b)) => Value::Named(a.into_iter().zip(b).map(|(a, b)| f(a?, b?)).collect()),
            // Refused before the run.
            _ => Value::One(None),
        }
    }

    /// All values that there are.
    pub fn list(self) -> Vec<f64> {
        match self {
            Value::One(value) => value.into_iter().collect(),
            Value::Named(values) => values.into_iter().flatten().collect(),
            Value::Rows(values) => values,
        }
    }
}

/// A statistic of values; `None` of none, except for their number.
pub(super) fn summary(statistic: Statistic, value: Value) -> Option<f64> {
    let mut values = value.list();
    let count = values.len() as f64;
    if statistic == Statistic::Count {
        return Some(count);
    }
    let (first, last) = (*values.first()?, *values.last()?);
    Some(match statistic {
        Statistic::Count => count,
        Statistic::First => first,
        Statistic::Last => last,
        Statistic::Sum => values.iter().sum(),
        Statistic::Mean => values.iter().sum::<f64>() / count,
        Statistic::Min => values.into_iter().fold(f64::INFINITY, f64::min),
        Statistic::Max => values.into_iter().fold(f64::NEG_INFINITY, f64::max),
        Statistic::Jain => statistics::jain(&values),
        Statistic::Deviation => {
            let mean = values.iter().sum::<f64>() / count;
            let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
            if values.len() < 2 { return None } else { (squares / (count - 1.0)).sqrt() }
        }
        Statistic::Percentile(share) => {
            values.sort_by(f64::total_cmp);
            return statistics::percentile(&values, share);
        }
    })
}
