//! The summary: a table for people, `summary.json` for programs.

use comfy_table::{Cell, CellAlignment, Table, presets};
use serde::Serialize;
use sim_core::{Amount, Span};
use topologies::{Experiment, Plan};

use crate::expect::Judgement;
use crate::metrics::{Dimension, Metrics};
use crate::statistics::{self, Mean};

/// A point with the metrics of its seeds.
pub struct Measured<'a> {
    /// The values of the dimensions.
    pub values: &'a [String],
    /// What ran.
    pub plan: &'a Plan,
    /// The metrics of each seed.
    pub seeds: Vec<Metrics>,
}

/// The most rows of a kind in the printed table.
const ROWS_MAX: usize = 16;

fn over_seeds(seeds: &[Metrics], name: &str, metric: &str) -> Option<(Mean, Dimension)> {
    let found: Vec<(f64, Dimension)> = seeds
        .iter()
        .filter_map(|metrics| metrics.get(name, metric))
        .filter_map(|values| Some((*values.values.first()?, values.dimension)))
        .collect();
    let dimension = found.first()?.1;
    Some((statistics::mean(&found.iter().map(|(value, _)| *value).collect::<Vec<_>>()), dimension))
}

fn cell(seeds: &[Metrics], name: &str, metric: &str) -> Cell {
    let text = match over_seeds(seeds, name, metric) {
        None => String::new(),
        Some((mean, Dimension::NONE)) if metric == "utilization" || metric == "loss" => {
            let percent = Mean { mean: mean.mean * 100.0, half: mean.half * 100.0 };
            format!("{} %", show(percent, 2))
        }
        Some((mean, Dimension::NONE)) => show(mean, if mean.half > 0.0 { 1 } else { 0 }),
        Some((mean, dimension)) => crate::expect_show(mean, dimension),
    };
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn show(mean: Mean, places: usize) -> String {
    match mean.half {
        0.0 => format!("{:.places$}", mean.mean),
        half => format!("{:.places$} ± {half:.places$}", mean.mean),
    }
}

fn table(head: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(head.iter().map(|text| Cell::new(*text)));
    table
}

/// What a port's queue is: its limit, that at line rate, and in bandwidth-delay products of the links that it sees.
pub fn queue_words(plan: &Plan, port: u32) -> String {
    let port = &plan.ports[port as usize];
    let limit = match port.config.queue.limit() {
        Amount::Packets(count) => format!("{count} packets"),
        Amount::Bytes(size) => size.to_string(),
    };
    let Some(rate) = port.rate().filter(|rate| rate.bps() > 0) else { return limit };
    let bits = port.queue_bytes().bytes() as f64 * 8.0;
    let seconds = bits / rate.bps() as f64;
    let trip = round_trip(plan, port.link);
    let mut words = format!("{limit} = {:.3} ms", seconds * 1e3);
    if trip > 0.0 {
        words.push_str(&format!(" = {:.2} BDP", seconds / trip));
    }
    words
}

/// Twice the propagation delay of the path of the flows that cross the link, or of the link where none does.
fn round_trip(plan: &Plan, link: u32) -> f64 {
    let link = &plan.links[link as usize];
    let both = [link.forward, link.reverse].map(|port| plan.ports[port as usize].config.delay);
    (both[0] + both[1]).max(Span::ZERO).seconds()
}

/// The printed summary of a point.
pub fn print(measured: &Measured<'_>) -> String {
    let (plan, seeds) = (measured.plan, &measured.seeds);
    let mut flows = table(&["flow", "goodput", "bytes", "sent", "again", "time-outs", "RTT mean", "p95", "loss"]);
    for flow in plan.flows.iter().take(ROWS_MAX) {
        let mut row = vec![Cell::new(&flow.name)];
        for metric in ["goodput", "bytes", "sent", "retransmissions", "timeouts", "rtt_mean", "rtt_p95", "loss"] {
            row.push(cell(seeds, &flow.name, metric));
        }
        flows.add_row(row);
    }
    let mut text = flows.to_string();
    if plan.flows.len() > ROWS_MAX {
        text.push_str(&format!("\n… and {} more flows\n", plan.flows.len() - ROWS_MAX));
    }
    let mut links = table(&["link", "queue", "utilization", "packets", "drops", "marks", "queue max", "wait mean"]);
    let mut busiest: Vec<u32> =
        (0..plan.ports.len() as u32).filter(|port| !plan.ports[*port as usize].config.blocked).collect();
    let load = |port: u32, metric: &str| {
        over_seeds(seeds, &plan.ports[port as usize].config.name, metric).map_or(0.0, |(mean, _)| mean.mean)
    };
    if busiest.len() > ROWS_MAX {
        busiest.sort_by(|a, b| {
            load(*b, "drops")
                .total_cmp(&load(*a, "drops"))
                .then(load(*b, "utilization").total_cmp(&load(*a, "utilization")))
        });
    }
    for port in busiest.iter().take(ROWS_MAX) {
        let name = &plan.ports[*port as usize].config.name;
        let mut row = vec![Cell::new(name), Cell::new(queue_words(plan, *port))];
        for metric in ["utilization", "sent", "drops", "marks", "queue_max", "wait_mean"] {
            row.push(cell(seeds, name, metric));
        }
        links.add_row(row);
    }
    text.push('\n');
    text.push_str(&links.to_string());
    if busiest.len() > ROWS_MAX {
        text.push_str(&format!("\n… and {} more link directions", busiest.len() - ROWS_MAX));
    }
    text
}

#[derive(Serialize)]
struct Json<'a> {
    name: &'a str,
    dimensions: &'a [String],
    seeds: &'a [u64],
    points: Vec<JsonPoint<'a>>,
    expect: Vec<JsonJudgement<'a>>,
}

#[derive(Serialize)]
struct JsonPoint<'a> {
    values: &'a [String],
    measured: std::collections::BTreeMap<String, std::collections::BTreeMap<String, JsonMean>>,
}

#[derive(Serialize)]
struct JsonMean {
    mean: f64,
    half_95: f64,
    unit: &'static str,
    seeds: Vec<f64>,
}

#[derive(Serialize)]
struct JsonJudgement<'a> {
    check: &'a str,
    point: &'a str,
    holds: bool,
    says: &'a str,
}

/// The summary for programs: every metric that has one value, of every name, over the seeds.
pub fn json(experiment: &Experiment, measured: &[Measured<'_>], judgements: &[Judgement]) -> String {
    let points = measured.iter().map(|point| {
        let mut names = std::collections::BTreeMap::new();
        let Some(first) = point.seeds.first() else { return JsonPoint { values: point.values, measured: names } };
        for name in first.names() {
            let mut metrics = std::collections::BTreeMap::new();
            for metric in first
                .metrics(name)
                .into_iter()
                .filter(|metric| first.get(name, metric).is_some_and(|values| values.single))
            {
                let found = point.seeds.iter().filter_map(|seed| seed.get(name, metric));
                let seeds: Vec<f64> = found.filter_map(|values| values.values.first().copied()).collect();
                let Mean { mean, half } = statistics::mean(&seeds);
                let (factor, unit) = match first.get(name, metric).map(|values| values.dimension) {
                    Some(Dimension::TIME) => (1.0, "s"),
                    Some(Dimension::BITS) => (8.0, "B"),
                    Some(Dimension::RATE) => (1.0, "bit/s"),
                    _ => (1.0, ""),
                };
                let seeds = seeds.iter().map(|value| value / factor).collect();
                metrics
                    .insert(metric.to_string(), JsonMean { mean: mean / factor, half_95: half / factor, unit, seeds });
            }
            names.insert(name.clone(), metrics);
        }
        JsonPoint { values: point.values, measured: names }
    });
    let expect = judgements.iter().map(|judgement| JsonJudgement {
        check: &judgement.check,
        point: &judgement.point,
        holds: judgement.holds,
        says: &judgement.says,
    });
    let json = Json {
        name: &experiment.name,
        dimensions: &experiment.dimensions,
        seeds: &experiment.seeds,
        points: points.collect(),
        expect: expect.collect(),
    };
    let mut text = serde_json::to_string_pretty(&json).expect("plain data is JSON");
    text.push('\n');
    text
}
