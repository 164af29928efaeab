//! What a run has measured, by name: `bulk.goodput`, `wan.forward.drops`, `rest.latency.p99`.
//!
//! A name is a flow, a workload entry (all of its flows), a link direction or a link. A metric is a column without its unit. Where a name
//! stands for several flows, or a table has several rows for it, there are several values, and a statistic says which number is meant:
//! `mean`, `sum`, `min`, `max`, `p50`, `p95`, `p99`, `count`. A link stands for its two directions: their counts are added, of anything else the larger counts.

use std::collections::BTreeMap;

use sim_core::{Column, Kind, Outcome};
use topologies::Plan;

use crate::cells;

/// What a number measures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Dimension {
    /// Power of seconds.
    pub time: i8,
    /// Power of bits.
    pub bits: i8,
}

impl Dimension {
    /// A plain number.
    pub const NONE: Dimension = Dimension { time: 0, bits: 0 };
    /// Seconds.
    pub const TIME: Dimension = Dimension { time: 1, bits: 0 };
    /// Bits (bytes are eight of them).
    pub const BITS: Dimension = Dimension { time: 0, bits: 1 };
    /// Bits per second.
    pub const RATE: Dimension = Dimension { time: -1, bits: 1 };

    fn of(kind: Kind) -> (Dimension, f64) {
        match kind {
            Kind::Time => (Dimension::TIME, 1.0),
            Kind::Rate => (Dimension::RATE, 1.0),
            Kind::Bytes => (Dimension::BITS, 8.0),
            _ => (Dimension::NONE, 1.0),
        }
    }
}

/// Values of one metric of one name.
#[derive(Clone, Debug, Default)]
pub struct Values {
    /// The values, in order of rows.
    pub values: Vec<f64>,
    /// What they measure.
    pub dimension: Dimension,
    /// Whether the name has one row only, so that no statistic is needed.
    pub single: bool,
}

/// All that one run has measured.
#[derive(Clone, Debug, Default)]
pub struct Metrics {
    by_name: BTreeMap<String, BTreeMap<String, Values>>,
    /// Names of all flows.
    pub flows: Vec<String>,
}

/// A column's name without its unit; but bytes are named, for many things are counted in packets and in bytes.
pub fn metric_name(column: &str) -> &str {
    const UNITS: &[&str] = &["_s", "_bps", "_packets", "_segments"];
    UNITS.iter().find_map(|unit| column.strip_suffix(unit)).unwrap_or(column)
}

/// The statistics that there are.
pub const STATISTICS: &[&str] = &["mean", "sum", "min", "max", "p50", "p95", "p99", "count"];

/// A statistic of some values; `None` of none.
pub fn statistic(name: &str, values: &[f64]) -> Option<f64> {
    if name == "count" {
        return Some(values.len() as f64);
    }
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (first, last) = (*sorted.first()?, *sorted.last()?);
    let sum: f64 = sorted.iter().sum();
    // The smallest value that at least this share does not exceed.
    let percentile = |share: f64| sorted[((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len()) - 1];
    Some(match name {
        "mean" => sum / sorted.len() as f64,
        "sum" => sum,
        "min" => first,
        "max" => last,
        "p50" => percentile(0.5),
        "p95" => percentile(0.95),
        "p99" => percentile(0.99),
        _ => return None,
    })
}

impl Metrics {
    /// Reads the rows of a run.
    pub fn of(plan: &Plan, outcome: &Outcome) -> Metrics {
        let mut metrics =
            Metrics { flows: plan.flows.iter().map(|flow| flow.name.clone()).collect(), ..Metrics::default() };
        for rows in &outcome.rows {
            let columns = rows.table.columns;
            let Some(key) = columns.iter().position(|column| matches!(column.kind, Kind::Flow | Kind::Port)) else {
                continue;
            };
            let receiver =
                rows.table.columns.iter().position(|column| column.name == "end").filter(|_| rows.table.name == "udp");
            for (_, row) in rows.iter() {
                // A datagram flow has a row at each end; what counts is what came.
                if receiver.is_some_and(|at| row[at] == 0) {
                    continue;
                }
                let names = match columns[key].kind {
                    Kind::Flow => flow_names(plan, row[key]),
                    _ => port_names(plan, row[key]),
                };
                for (column, value) in columns.iter().zip(row).filter(|(column, _)| measures(column)) {
                    let Some(number) = cells::number(column, *value) else { continue };
                    let (dimension, factor) = Dimension::of(column.kind);
                    for name in &names {
                        metrics.add(name, column, number * factor, dimension);
                    }
                }
            }
        }
        metrics.add_theory(plan);
        metrics.add_alone(plan);
        metrics
    }

    /// What theory gives for a TCP flow with the loss and the round trip that it has had: `mathis` is MSS/RTT sqrt(3/2p) (Mathis et al. 1997,
    /// an acknowledgement for each segment), `padhye` also counts time-outs (Padhye et al. 1998, equation 30).
    fn add_theory(&mut self, plan: &Plan) {
        for flow in plan.flows.iter().filter(|flow| flow.is_tcp()) {
            let one = |metric: &str| self.get(&flow.name, metric).and_then(|values| values.values.first().copied());
            let (Some(p), Some(rtt)) = (one("loss").filter(|p| *p > 0.0), one("rtt_mean")) else { continue };
            let bits = f64::from(flow.tcp[0].mss - if flow.tcp[0].timestamps { 12 } else { 0 }) * 8.0;
            let mathis = bits / rtt * (1.5 / p).sqrt();
            let timeout = (rtt + 0.2).max(flow.tcp[0].rto_min.seconds());
            let per_segment = rtt * (2.0 * p / 3.0).sqrt()
                + timeout * (3.0 * (3.0 * p / 8.0).sqrt()).min(1.0) * p * (1.0 + 32.0 * p * p);
            let entry = self.by_name.entry(flow.name.clone()).or_default();
            for (metric, rate) in [("mathis", mathis), ("padhye", bits / per_segment)] {
                let values = vec![rate];
                entry.insert(metric.into(), Values { values, dimension: Dimension::RATE, single: true });
            }
        }
    }

    fn add(&mut self, name: &str, column: &Column, value: f64, dimension: Dimension) {
        let entry = self.by_name.entry(name.to_string()).or_default();
        let values = entry.entry(metric_name(column.name).to_string()).or_default();
        values.values.push(value);
        values.dimension = dimension;
    }

    /// Links stand for their directions, and what has one value is single.
    fn add_alone(&mut self, plan: &Plan) {
        for link in &plan.links {
            let sides = [link.forward, link.reverse].map(|port| plan.ports[port as usize].config.name.clone());
            let found: Vec<_> = sides.iter().filter_map(|side| self.by_name.get(side)).cloned().collect();
            let mut both: BTreeMap<String, Values> = BTreeMap::new();
            for side in found {
                for (metric, values) in side {
                    let entry = both.entry(metric.clone()).or_default();
                    entry.dimension = values.dimension;
                    if values.values.len() != 1 {
                        entry.values.extend(values.values);
                    } else if entry.values.is_empty() {
                        entry.values = values.values;
                    } else if is_count(&metric) {
                        entry.values[0] += values.values[0];
                    } else {
                        entry.values[0] = entry.values[0].max(values.values[0]);
                    }
                }
            }
            self.by_name.entry(link.name.clone()).or_insert(both);
        }
        for values in self.by_name.values_mut().flat_map(BTreeMap::values_mut) {
            values.single = values.values.len() == 1;
        }
    }

    /// The values of a metric of a name.
    pub fn get(&self, name: &str, metric: &str) -> Option<&Values> {
        self.by_name.get(name)?.get(metric)
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &String> {
        self.by_name.keys()
    }

    /// The metrics of a name.
    pub fn metrics(&self, name: &str) -> Vec<&str> {
        self.by_name.get(name).map(|metrics| metrics.keys().map(String::as_str).collect()).unwrap_or_default()
    }
}

/// Whether a column holds a measurement rather than a name or a number of something.
fn measures(column: &Column) -> bool {
    matches!(column.kind, Kind::Count | Kind::Time | Kind::Bytes | Kind::Rate | Kind::Ratio)
}

/// Whether the values of two directions of a link are to be added.
fn is_count(metric: &str) -> bool {
    matches!(metric, "received" | "sent" | "drops" | "queue_full" | "early" | "loss" | "down" | "marks")
}

fn flow_names(plan: &Plan, word: u64) -> Vec<String> {
    let Some(flow) = usize::try_from(word).ok().and_then(|word| word.checked_sub(1)).and_then(|at| plan.flows.get(at))
    else {
        return Vec::new();
    };
    let workload = &plan.workloads[flow.workload as usize];
    let mut names = vec![flow.name.clone()];
    if *workload != flow.name {
        names.push(workload.clone());
    }
    names
}

fn port_names(plan: &Plan, word: u64) -> Vec<String> {
    vec![cells::port_name(plan, word)]
}
