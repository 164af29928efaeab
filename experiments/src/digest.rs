//! What a run came to, in one number for each thing: for summaries, which go over seeds. Tables with many rows are not kept.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sim_core::{Column, Kind, Outcome, Rows, Table};
use topologies::{Experiment, Plan};

use crate::cells::port_of;
use crate::expect::{Program, counts};
use crate::quantity::{self, Dimension};
use crate::run::{suits, tables, wanted_tables};
use crate::statistics;

/// Beyond so many flows or link directions not each of them is in the summary's files: the tables have them.
pub const EACH_MAX: usize = 64;
/// Beyond so many link directions none is summed up.
pub const LINKS_MAX: usize = 2048;

/// One number that each run of a point gives.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figure {
    /// The flow, workload entry or link direction; empty for the whole run.
    pub subject: String,
    /// Its name, ending in its unit: `goodput_bps`.
    pub column: String,
    /// What it measures.
    pub dimension: Dimension,
    /// Whether it is a share of one.
    pub share: bool,
    /// Whether it stands in `summary.json` and `summary.csv`.
    pub listed: bool,
}

impl Figure {
    fn new(subject: &str, column: &str, dimension: Dimension) -> Figure {
        Figure { subject: subject.into(), column: column.into(), dimension, share: false, listed: true }
    }

    fn of(subject: &str, column: &Column) -> Figure {
        let share = column.kind == Kind::Ratio;
        Figure { share, ..Figure::new(subject, column.name, Dimension::of(column.kind)) }
    }

    /// `bulk.goodput_bps`.
    pub fn name(&self) -> String {
        if self.subject.is_empty() { self.column.clone() } else { format!("{}.{}", self.subject, self.column) }
    }
}

/// The numbers of a point's runs.
#[derive(Clone, Debug, Default)]
pub struct Digest {
    /// What they are.
    pub figures: Vec<Figure>,
    /// For each seed, in the order of the figures.
    pub seeds: Vec<Vec<Option<f64>>>,
    /// For each seed, fingerprints by their layers.
    pub fingerprints: Vec<BTreeMap<String, String>>,
}

impl Digest {
    /// The values of a number over the seeds; empty where there are none.
    pub fn over_seeds(&self, subject: &str, column: &str) -> Vec<f64> {
        let at = self.figures.iter().position(|figure| figure.subject == subject && figure.column == column);
        at.map_or_else(Vec::new, |at| self.seeds.iter().filter_map(|seed| seed[at]).collect())
    }
}

/// The columns of an experiment's `summary.csv`.
pub fn summary_columns(experiment: &Experiment, program: &Program) -> Vec<String> {
    let mut columns = experiment.dimensions.clone();
    columns.push("seed".into());
    for point in &experiment.points {
        let rows =
            wanted_tables(&point.plan).into_iter().map(|table| Rows { table, times: Vec::new(), values: Vec::new() });
        let nothing = Outcome { rows: rows.collect(), ..Outcome::default() };
        let listed = digest(&point.plan, &nothing).into_iter().filter(|(figure, _)| figure.listed);
        columns.extend(listed.map(|(figure, _)| figure.name()));
    }
    columns.extend(program.columns().iter().map(|(name, ..)| (*name).to_string()));
    let mut seen = BTreeSet::new();
    columns.retain(|column| seen.insert(column.clone()));
    columns
}

/// What a run came to.
pub fn digest(plan: &Plan, outcome: &Outcome) -> Vec<(Figure, Option<f64>)> {
    let mut found = Vec::new();
    whole(plan, outcome, &mut found);
    workloads(plan, outcome, &mut found);
    if plan.flows.len() <= EACH_MAX {
        for (number, flow) in (1..).zip(&plan.flows) {
            // An entry with one flow has said it.
            if plan.flows.iter().filter(|other| other.workload == flow.workload).count() > 1 {
                for (figure, value) in latencies(plan, outcome, number, number, &flow.name) {
                    found.push((Figure { listed: false, ..figure }, value));
                }
            }
            for table in tables().into_iter().filter(|table| matches!(table.name, "flows" | "udp")) {
                if suits(table, &flow.config.app) {
                    row(outcome, table, Kind::Flow, number, &flow.name, &mut found);
                }
            }
        }
    }
    links(plan, outcome, &mut found);
    found
}

/// Each link direction. Of very many, those stand in files that the user has named, samples or captures.
fn links(plan: &Plan, outcome: &Outcome, found: &mut Vec<(Figure, Option<f64>)>) {
    let Some(rows) = outcome.table("links") else { return };
    let open: Vec<u32> =
        (0..plan.ports.len() as u32).filter(|port| !plan.ports[*port as usize].config.blocked).collect();
    if open.len() > LINKS_MAX {
        return;
    }
    let columns = rows.table.columns;
    let key = columns.iter().position(|column| column.kind == Kind::Port).expect("links are ports");
    let mut row_of = vec![None; plan.ports.len()];
    for (_, row) in rows.iter() {
        if let Some(port) = port_of(plan, row[key]) {
            row_of[port as usize] = Some(row);
        }
    }
    for port in &open {
        let at = &plan.ports[*port as usize];
        let link = &plan.links[at.link as usize];
        let watched = plan.outputs.sampled.contains(port)
            || plan.outputs.captures.iter().any(|capture| capture.port == *port)
            || !link.name.contains("--") && !link.name.contains("->");
        for (place, column) in columns.iter().enumerate().filter(|(place, _)| *place != key) {
            let value = row_of[*port as usize].and_then(|row| quantity::number(column, row[place]));
            let figure = Figure { listed: watched || open.len() <= EACH_MAX, ..Figure::of(&at.config.name, column) };
            found.push((figure, value));
        }
    }
}

/// All columns of the one row of a thing.
fn row(
    outcome: &Outcome,
    table: &'static Table,
    key: Kind,
    word: u64,
    name: &str,
    found: &mut Vec<(Figure, Option<f64>)>,
) {
    let Some(rows) = outcome.table(table.name) else { return };
    let at = table.columns.iter().position(|column| column.kind == key).expect("the table has the key");
    let row = rows.iter().map(|(_, row)| row).find(|row| row[at] == word && counts(table, row));
    for (place, column) in table.columns.iter().enumerate() {
        let measures = matches!(column.kind, Kind::Count | Kind::Time | Kind::Bytes | Kind::Rate | Kind::Ratio);
        let figure = Figure::of(name, column);
        // What flows and their datagrams both say is said once.
        if measures && !found.iter().rev().take(64).any(|(known, _)| *known == figure) {
            found.push((figure, row.and_then(|row| quantity::number(column, row[place]))));
        }
    }
}

/// A column of the rows of some flows; `counted` tells how many of them have a value.
fn column(outcome: &Outcome, table: &str, name: &str, member: &dyn Fn(u64) -> bool) -> Vec<f64> {
    let Some(rows) = outcome.table(table) else { return Vec::new() };
    let columns = rows.table.columns;
    let place = |wanted: &dyn Fn(&Column) -> bool| columns.iter().position(wanted);
    let key = place(&|column| column.kind == Kind::Flow);
    let at = place(&|column| column.name == name);
    let (Some(key), Some(at)) = (key, at) else { return Vec::new() };
    let own = rows.iter().filter(|(_, row)| member(row[key]));
    own.filter_map(|(_, row)| quantity::number(&columns[at], row[at])).collect()
}

fn whole(plan: &Plan, outcome: &Outcome, found: &mut Vec<(Figure, Option<f64>)>) {
    let goodput = column(outcome, "flows", "goodput_bps", &|_| true);
    found.push((Figure::new("", "goodput_bps", Dimension::RATE), Some(goodput.iter().sum())));
    if plan.flows.len() > 1 {
        found.push((Figure::new("", "jain", Dimension::NONE), Some(statistics::jain(&goodput))));
    }
    let resent = column(outcome, "flows", "retransmissions", &|_| true).iter().sum();
    found.push((Figure::new("", "retransmissions", Dimension::NONE), Some(resent)));
    let dropped = outcome.table("links").map(|rows| {
        let at = rows.table.columns.iter().position(|column| column.name == "drops_packets");
        rows.iter().map(|(_, row)| at.map_or(0.0, |at| row[at] as f64)).sum()
    });
    found.push((Figure::new("", "drops_packets", Dimension::NONE), dropped));
}

/// Sums and means over the flows of workload entries with several, and over requests.
fn workloads(plan: &Plan, outcome: &Outcome, found: &mut Vec<(Figure, Option<f64>)>) {
    for (number, name) in plan.workloads.iter().enumerate() {
        let mut flows =
            plan.flows.iter().filter(|flow| flow.workload as usize == number).map(|flow| flow.config.number);
        let Some(first) = flows.next() else { continue };
        let last = flows.next_back();
        // A workload's flows follow each other in the file.
        let member = |word: u64| (u64::from(first)..=u64::from(last.unwrap_or(first))).contains(&word);
        let of = |table: &str, name: &str| column(outcome, table, name, &member);
        if last.is_some() {
            let goodput = of("flows", "goodput_bps");
            let mut add = |column: &str, dimension, value| {
                found.push((Figure::new(name, column, dimension), value));
            };
            add("flows", Dimension::NONE, Some(goodput.len() as f64));
            add("goodput_sum_bps", Dimension::RATE, Some(goodput.iter().sum()));
            add("goodput_mean_bps", Dimension::RATE, mean(&goodput));
            add("goodput_min_bps", Dimension::RATE, goodput.iter().copied().reduce(f64::min));
            add("goodput_max_bps", Dimension::RATE, goodput.iter().copied().reduce(f64::max));
            add("jain", Dimension::NONE, Some(statistics::jain(&goodput)));
            add("bytes_sum_bytes", Dimension::DATA, Some(of("flows", "bytes").iter().sum()));
            add("sent_sum_packets", Dimension::NONE, Some(of("flows", "sent_packets").iter().sum()));
            add("retransmissions_sum", Dimension::NONE, Some(of("flows", "retransmissions").iter().sum()));
            add("timeouts_sum", Dimension::NONE, Some(of("flows", "timeouts").iter().sum()));
            add("rtt_mean_mean_s", Dimension::TIME, mean(&of("flows", "rtt_mean_s")));
        }
        found.extend(latencies(plan, outcome, u64::from(first), u64::from(last.unwrap_or(first)), name));
    }
}

/// How many requests some flows that follow each other have made, and how long they took; nothing where they make none.
fn latencies(plan: &Plan, outcome: &Outcome, first: u64, last: u64, name: &str) -> Vec<(Figure, Option<f64>)> {
    let Some((table, column_of)) = latency_of(plan.flows[first as usize - 1].config.app.name()) else {
        return Vec::new();
    };
    let mut latency = column(outcome, table, column_of, &|flow| (first..=last).contains(&flow));
    latency.sort_by(f64::total_cmp);
    let part = |share: f64| statistics::percentile(&latency, share);
    let number = |column: &str, dimension, value| (Figure::new(name, column, dimension), value);
    vec![
        number("requests", Dimension::NONE, Some(latency.len() as f64)),
        number("latency_mean_s", Dimension::TIME, mean(&latency)),
        number("latency_p50_s", Dimension::TIME, part(0.5)),
        number("latency_p95_s", Dimension::TIME, part(0.95)),
        number("latency_p99_s", Dimension::TIME, part(0.99)),
    ]
}

/// Where an application that asks and is answered says how long it took: the table and its column.
pub(crate) fn latency_of(app: &str) -> Option<(&'static str, &'static str)> {
    match app {
        "request" => Some(("requests", "latency_s")),
        "http" => Some(("http", "total_s")),
        "rpc" => Some(("calls", "total_s")),
        _ => None,
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}
