//! The summary: tables for people, `summary.json` for programs, `summary.csv` for figures over a sweep.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use serde::Serialize;
use topologies::{Experiment, Plan, Severity, Until};

use crate::campaign::Done;
use crate::digest::{Digest, LINKS_MAX, latency_of};
use crate::expect::Width;
use crate::quantity::show_mean;
use crate::queues;
use crate::rounds;
use crate::statistics;
use crate::stored::FORMAT;

/// More flows than this are printed by workload entry.
const FLOWS_MAX: usize = 16;
/// More queues than this are not printed.
const QUEUES_MAX: usize = 10;
/// More points than this are printed in one row each.
const POINTS_MAX: usize = 3;

/// A table without much ink.
pub fn grid(head: &[&str]) -> Table {
    let style = TableStyle::new()
        .header_lines(ContentLineStyle::none())
        .header_separator(LineStyle::none().fill('─').junction('─'))
        .content_lines(ContentLineStyle::none());
    let mut table = Table::new();
    table.load_style(style).set_header(head.iter().map(Cell::new));
    table
}

/// A number over the seeds, as a mean with its interval.
fn cell(digest: &Digest, subject: &str, column: &str) -> Cell {
    Cell::new(number(digest, subject, column)).set_alignment(CellAlignment::Right)
}

fn number(digest: &Digest, subject: &str, column: &str) -> String {
    let values = digest.over_seeds(subject, column);
    if values.is_empty() {
        return "–".into();
    }
    let figure = digest.figures.iter().find(|figure| figure.subject == subject && figure.column == column);
    let figure = figure.expect("there are values");
    let mean = statistics::mean(&values, 0.95);
    show_mean(mean.mean, mean.half, figure.dimension, figure.share)
}

/// The printed summary of an experiment.
pub fn print(experiment: &Experiment, digests: &[Digest], computed: &[&str]) -> String {
    let mut text = String::new();
    if experiment.points.len() > POINTS_MAX {
        text.push_str(&compact(experiment, digests, computed));
    } else {
        for (point, digest) in experiment.points.iter().zip(digests) {
            if !experiment.dimensions.is_empty() {
                text.push_str(&format!("{}\n", experiment.label(&point.values)));
            }
            text.push_str(&flows(&point.plan, digest));
            text.push('\n');
            text.push_str(&links(&point.plan, digest));
            for column in computed.iter().filter(|column| !digest.over_seeds("", column).is_empty()) {
                text.push_str(&format!("{column}: {}\n", number(digest, "", column)));
            }
            text.push('\n');
        }
    }
    if experiment.seeds.len() > 1 {
        text.push_str(&format!("means of {} seeds with their 95 % intervals\n", experiment.seeds.len()));
    } else {
        text.push_str(&format!("values of one seed ({}): no intervals\n", experiment.seeds[0]));
    }
    text
}

fn flows(plan: &Plan, digest: &Digest) -> String {
    if plan.flows.is_empty() {
        return String::new();
    }
    if plan.flows.len() > FLOWS_MAX {
        return by_workload(plan, digest);
    }
    let requests = plan.flows.iter().any(|flow| latency_of(flow.config.app.name()).is_some());
    let mut head = vec!["flow", "goodput", "bytes", "sent", "again", "time-outs", "lost", "RTT mean", "p99"];
    if requests {
        head.extend(["requests", "latency mean", "p99"]);
    }
    let mut table = grid(&head);
    for flow in &plan.flows {
        let columns =
            ["goodput_bps", "bytes", "sent_packets", "retransmissions", "timeouts", "loss", "rtt_mean_s", "rtt_p99_s"];
        let mut row = vec![Cell::new(&flow.name)];
        row.extend(columns.iter().map(|column| cell(digest, &flow.name, column)));
        if requests {
            // An entry with one flow is named as its flow is.
            row.extend(["requests", "latency_mean_s", "latency_p99_s"].map(|column| cell(digest, &flow.name, column)));
        }
        table.add_row(row);
    }
    format!("{table}\n")
}

fn by_workload(plan: &Plan, digest: &Digest) -> String {
    let mut table =
        grid(&["flows", "", "goodput, all", "each", "least", "most", "Jain", "sent", "again", "time-outs", "RTT mean"]);
    for (at, name) in plan.workloads.iter().enumerate() {
        let count = plan.flows.iter().filter(|flow| flow.workload as usize == at).count();
        let columns: &[&str] = match count {
            0 => continue,
            1 => &["goodput_bps", "", "", "", "", "sent_packets", "retransmissions", "timeouts", "rtt_mean_s"],
            _ => &[
                "goodput_sum_bps",
                "goodput_mean_bps",
                "goodput_min_bps",
                "goodput_max_bps",
                "jain",
                "sent_sum_packets",
                "retransmissions_sum",
                "timeouts_sum",
                "rtt_mean_mean_s",
            ],
        };
        let mut row = vec![Cell::new(name), Cell::new(format!("× {count}"))];
        row.extend(columns.iter().map(|column| cell(digest, name, column)));
        table.add_row(row);
    }
    format!("{table}\n")
}

/// The queues that had something to do: the ones with drops, marks or the longest queues first, in the order of the file.
fn links(plan: &Plan, digest: &Digest) -> String {
    let open = |port: &u32| !plan.ports[*port as usize].config.blocked;
    let mut ports: Vec<u32> = (0..plan.ports.len() as u32).filter(open).collect();
    if ports.len() > LINKS_MAX {
        return format!(
            "{} links, see links.csv; dropped in all: {}\n",
            plan.links.len(),
            number(digest, "", "drops_packets")
        );
    }
    let drops = means(digest, "drops_packets");
    let marks = means(digest, "marks_packets");
    let used = means(digest, "utilization");
    let weight = |port: &u32| {
        let of = |means: &BTreeMap<&str, f64>| means.get(plan.ports[*port as usize].config.name.as_str()).copied();
        let lost = of(&drops).unwrap_or(0.0) + of(&marks).unwrap_or(0.0);
        // In the order of the file where all is equal.
        (-lost, -of(&used).unwrap_or(0.0), *port)
    };
    let all = ports.len();
    ports.sort_by(|a, b| weight(a).partial_cmp(&weight(b)).unwrap_or(std::cmp::Ordering::Equal));
    ports.truncate(QUEUES_MAX);
    let direction = |port: &u32| {
        (plan.ports[*port as usize].link, plan.links[plan.ports[*port as usize].link as usize].reverse == *port)
    };
    ports.sort_by_key(direction);
    let mut table = grid(&["link", "used", "queue holds", "most", "mean wait", "sent", "dropped", "marked"]);
    for port in &ports {
        let name = &plan.ports[*port as usize].config.name;
        let mut row = vec![Cell::new(name), cell(digest, name, "utilization"), Cell::new(queues::words(plan, *port))];
        let columns = ["queue_max_packets", "wait_mean_s", "sent_packets", "drops_packets", "marks_packets"];
        row.extend(columns.iter().map(|column| cell(digest, name, column)));
        table.add_row(row);
    }
    let more = if all > ports.len() { format!("and {} more, less used\n", all - ports.len()) } else { String::new() };
    format!("{table}\n{more}")
}

/// The mean over the seeds of a column, of each subject that has it.
fn means<'a>(digest: &'a Digest, column: &str) -> BTreeMap<&'a str, f64> {
    let mine = digest.figures.iter().enumerate().filter(|(_, figure)| figure.column == column);
    mine.filter_map(|(at, figure)| {
        let values: Vec<f64> = digest.seeds.iter().filter_map(|seed| seed[at]).collect();
        (!values.is_empty()).then(|| (figure.subject.as_str(), values.iter().sum::<f64>() / values.len() as f64))
    })
    .collect()
}

/// A row for each point.
fn compact(experiment: &Experiment, digests: &[Digest], computed: &[&str]) -> String {
    let mut columns: Vec<(String, String, String)> = Vec::new();
    let entry = |heading: String, subject: &str, column: &str| (heading, subject.to_string(), column.to_string());
    let has = |subject: &str, column: &str| digests.iter().any(|digest| !digest.over_seeds(subject, column).is_empty());
    let mut names: Vec<&String> = experiment.points.iter().flat_map(|point| &point.plan.workloads).collect();
    names.dedup();
    let mut seen: Vec<&String> = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name);
            true
        }
    });
    // A file that says what its summary has wants to read that.
    let shown = if computed.is_empty() { 4 } else { 0 };
    for name in names.into_iter().take(shown) {
        for (column, words) in [
            ("goodput_bps", "goodput"),
            ("goodput_sum_bps", "goodput, all"),
            ("latency_p50_s", "latency p50"),
            ("latency_p99_s", "p99"),
            ("rtt_p99_s", "RTT p99"),
        ] {
            if has(name, column) {
                columns.push(entry(format!("{name}: {words}"), name, column));
            }
        }
    }
    if computed.is_empty() && has("", "jain") {
        columns.push(entry("Jain".into(), "", "jain"));
    }
    columns.push(entry("again".into(), "", "retransmissions"));
    columns.push(entry("dropped".into(), "", "drops_packets"));
    columns.extend(computed.iter().map(|column| entry((*column).into(), "", column)));
    let head: Vec<&str> = experiment
        .dimensions
        .iter()
        .map(String::as_str)
        .chain(columns.iter().map(|(head, ..)| head.as_str()))
        .collect();
    let mut table = grid(&head);
    for (point, digest) in experiment.points.iter().zip(digests) {
        let mut row: Vec<Cell> = point.values.iter().map(Cell::new).collect();
        row.extend(columns.iter().map(|(_, subject, column)| cell(digest, subject, column)));
        table.add_row(row);
    }
    format!("{table}\n")
}

#[derive(Serialize)]
struct Json<'a> {
    /// The form of the file.
    format: u32,
    name: &'a str,
    about: Option<&'a str>,
    /// The comment at the head of the file.
    question: &'a str,
    /// What repeats this.
    command: &'a str,
    simulated: String,
    version: &'a str,
    dimensions: &'a [String],
    seeds: &'a [u64],
    points: Vec<JsonPoint<'a>>,
    expect: Vec<JsonJudgement<'a>>,
    warnings: Vec<&'a str>,
    /// Where seeds run until an interval is narrow.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<JsonUntil<'a>>,
}

#[derive(Serialize)]
struct JsonUntil<'a> {
    measure: &'a str,
    within: &'a str,
    confidence: f64,
    /// How many seeds there may be.
    at_most: usize,
    reached: bool,
    says: String,
    points: Vec<JsonWidth>,
}

#[derive(Serialize)]
struct JsonWidth {
    reached: bool,
    says: String,
}

#[derive(Serialize)]
struct JsonPoint<'a> {
    point: BTreeMap<&'a str, &'a str>,
    folder: String,
    /// Name, then number: mean, half of the 95 % interval where there are several seeds, value of each seed.
    measured: BTreeMap<&'a str, BTreeMap<&'a str, JsonNumber>>,
    /// For each seed, by layer: equal ones are equal runs.
    fingerprints: &'a [BTreeMap<String, String>],
}

#[derive(Serialize)]
struct JsonNumber {
    unit: &'static str,
    /// Whether it is a share of one, which people read in percent.
    share: bool,
    mean: Option<f64>,
    half_95: Option<f64>,
    seeds: Vec<Option<f64>>,
}

#[derive(Serialize)]
struct JsonJudgement<'a> {
    check: &'a str,
    point: &'a str,
    holds: bool,
    says: &'a str,
}

/// The summary for programs.
pub fn json(experiment: &Experiment, command: &str, done: &Done) -> String {
    let Done { digests, judgements, widths, .. } = done;
    let points = experiment.points.iter().zip(digests).map(|(point, digest)| {
        let mut measured: BTreeMap<&str, BTreeMap<&str, JsonNumber>> = BTreeMap::new();
        for (at, figure) in digest.figures.iter().enumerate().filter(|(_, figure)| figure.listed) {
            let (unit, factor) = figure.dimension.unit();
            let seeds: Vec<Option<f64>> =
                digest.seeds.iter().map(|seed| seed[at].map(|value| value / factor)).collect();
            let values: Vec<f64> = seeds.iter().copied().flatten().collect();
            let mean = (!values.is_empty()).then(|| statistics::mean(&values, 0.95));
            // One run alone says nothing of an interval.
            let (half_95, mean) = (mean.map(|m| m.half).filter(|_| values.len() > 1), mean.map(|mean| mean.mean));
            let subject = if figure.subject.is_empty() { "run" } else { &figure.subject };
            measured
                .entry(subject)
                .or_default()
                .insert(&figure.column, JsonNumber { unit, share: figure.share, mean, half_95, seeds });
        }
        let names = experiment.dimensions.iter().map(String::as_str);
        let folder = experiment.slug(point);
        JsonPoint {
            point: names.zip(point.values.iter().map(String::as_str)).collect(),
            folder,
            measured,
            fingerprints: &digest.fingerprints,
        }
    });
    let expect = judgements.iter().map(|judgement| JsonJudgement {
        check: &judgement.check,
        point: &judgement.point,
        holds: judgement.holds,
        says: &judgement.says,
    });
    let wide = experiment.until.as_ref().and_then(|until| rounds::warning(experiment, until, widths));
    let mut warnings: Vec<&str> =
        experiment.warnings.of(Severity::Warning).map(|warning| warning.message.as_str()).collect();
    warnings.extend(wide.as_deref());
    let json = Json {
        format: FORMAT,
        name: &experiment.name,
        about: experiment.about.as_deref(),
        question: &experiment.question,
        command,
        simulated: experiment.points[0].plan.stop.to_string(),
        version: env!("CARGO_PKG_VERSION"),
        dimensions: &experiment.dimensions,
        seeds: &experiment.seeds,
        points: points.collect(),
        expect: expect.collect(),
        warnings,
        until: experiment.until.as_ref().map(|until| json_until(experiment, until, widths)),
    };
    let mut text = serde_json::to_string_pretty(&json).expect("plain data is JSON");
    text.push('\n');
    text
}

fn json_until<'a>(experiment: &Experiment, until: &'a Until, widths: &[Width]) -> JsonUntil<'a> {
    let point = |width: &Width| JsonWidth { reached: width.narrow, says: width.says.clone() };
    JsonUntil {
        measure: &until.measure,
        within: &until.within,
        confidence: until.confidence,
        at_most: until.at_most,
        reached: widths.iter().all(|width| width.narrow),
        says: rounds::says(experiment, until, widths),
        points: widths.iter().map(point).collect(),
    }
}

/// `summary.csv`: a row for each point and seed, a column for each dimension and each number.
///
/// # Errors
/// As the file system.
pub fn csv(path: &Path, experiment: &Experiment, digests: &[Digest]) -> io::Result<()> {
    let mut columns: BTreeMap<String, usize> = BTreeMap::new();
    let mut names: Vec<String> = Vec::new();
    for figure in digests.iter().flat_map(|digest| &digest.figures).filter(|figure| figure.listed) {
        columns.entry(figure.name()).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() - 1
        });
    }
    let mut out = csv::Writer::from_path(path)?;
    let fixed = experiment.dimensions.iter().map(String::as_str).chain(["seed"]);
    out.write_record(fixed.chain(names.iter().map(String::as_str)))?;
    for (point, digest) in experiment.points.iter().zip(digests) {
        for (seed, values) in experiment.seeds.iter().zip(&digest.seeds) {
            let mut cells = vec![String::new(); names.len()];
            for (figure, value) in digest.figures.iter().zip(values).filter(|(figure, _)| figure.listed) {
                if let Some(value) = value {
                    cells[columns[&figure.name()]] = (value / figure.dimension.unit().1).to_string();
                }
            }
            let fixed = point.values.iter().cloned().chain([seed.to_string()]);
            out.write_record(fixed.chain(cells))?;
        }
    }
    out.flush()
}
