//! What names in checks mean: flows, links, columns, points.

use sim_core::{Amount, Column, Kind, Table};
use topologies::{Experiment, Plan};

use super::parse::{Path, Wrong};
use crate::quantity::Dimension;
use crate::run;

/// Whose rows are meant.
#[derive(Clone, PartialEq, Debug)]
pub enum Subject {
    /// Flows of the plan.
    Flows(Vec<u32>),
    /// Links: each with its name and its directions, which count as one.
    Links(Vec<(String, Vec<u32>)>),
}

/// A statistic of many values.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The sum.
    Sum,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// How many.
    Count,
    /// The standard deviation of the sample.
    Deviation,
    /// The value that this share does not exceed.
    Percentile(f64),
    /// The first in time.
    First,
    /// The last in time.
    Last,
    /// Jain's index of fairness.
    Jain,
}

/// Statistics by name; percentiles are written `p50`, `p95`, `p99`, `p999`.
pub const STATISTICS: &[(&str, Statistic)] = &[
    ("mean", Statistic::Mean),
    ("sum", Statistic::Sum),
    ("min", Statistic::Min),
    ("max", Statistic::Max),
    ("count", Statistic::Count),
    ("stddev", Statistic::Deviation),
    ("median", Statistic::Percentile(0.5)),
    ("first", Statistic::First),
    ("last", Statistic::Last),
];

/// Functions besides the statistics, with a line of help each.
pub const FUNCTIONS: &[(&str, &str)] = &[
    ("jain", "Jain's index of fairness; of the goodput where no metric is named"),
    ("count", "how many values; with a test, how many of them pass it: count(web.latency > 1 s)"),
    ("share", "the share of the values that pass a test: share(web.latency < 100 ms)"),
    ("sqrt", "the square root of a plain number"),
    ("abs", "the value without its sign"),
    ("point", "the value of a dimension of the sweep: point(wan.delay)"),
    (
        "steady",
        "the mean of a series without its warm-up (MSER-5): steady(bulk.throughput); warns where the rest still drifts",
    ),
    ("warmup", "when the warm-up of a series ends, by MSER-5: warmup(bulk.throughput)"),
    (
        "settling",
        "from when on a series stays within a share of its final mean, that of its last quarter: settling(bulk.throughput, 5 %); 5 % when not given",
    ),
    (
        "drift",
        "how probable the difference between the halves of a series is by chance, by Welch's test of ten means each: drift(wan.queue)",
    ),
    (
        "low",
        "the lower end of the interval of a mean of many values, by bootstrap (BCa): low(web.latency, 95 %); 95 % when not given",
    ),
    ("high", "its upper end"),
];

impl Statistic {
    /// The statistic of a name.
    pub fn by_name(name: &str) -> Option<Statistic> {
        let digits = || name.strip_prefix('p').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let listed = STATISTICS.iter().find(|(known, _)| *known == name).map(|(_, statistic)| *statistic);
        listed.or_else(|| {
            let digits = digits()?;
            let number: f64 = digits.parse().ok()?;
            let share = match digits.len() {
                1 | 2 => number / 100.0,
                3 => number / 1000.0,
                _ => return None,
            };
            (share > 0.0).then_some(Statistic::Percentile(share))
        })
    }
}

/// A column without its unit.
pub fn metric(column: &str) -> &str {
    const UNITS: &[&str] = &["_s", "_bps", "_bytes", "_packets", "_segments"];
    UNITS.iter().find_map(|unit| column.strip_suffix(unit)).unwrap_or(column)
}

/// What a path means, in one plan.
#[derive(Clone, PartialEq, Debug)]
pub enum Meaning {
    /// A column of the rows of a subject, and the statistic of them.
    Column { subject: Subject, table: &'static Table, column: usize, statistic: Option<Statistic> },
    /// From the start to the end of flows.
    Duration(Subject),
    /// A number that the file says, in base units.
    Constant(f64, Dimension),
}

/// Finds out what a path means.
pub fn meaning(plan: &Plan, path: &Path, default: Option<&str>) -> Result<Meaning, Wrong> {
    let parts: Vec<&str> = path.names.iter().map(String::as_str).collect();
    let mut reason = None;
    for end in (1..=parts.len()).rev() {
        let name = parts[..end].join(".");
        let rest: Vec<&str> = match (&parts[end..], default) {
            ([], Some(default)) => vec![default],
            (rest, _) => rest.to_vec(),
        };
        for subject in subjects(plan, &name) {
            match of_subject(plan, &name, &subject, &rest, path) {
                Ok(found) => return Ok(found),
                Err(wrong) => reason = reason.or(Some(wrong)),
            }
        }
    }
    Err(reason.unwrap_or_else(|| unknown(plan, path)))
}

/// The flows and the links of a name.
fn subjects(plan: &Plan, name: &str) -> Vec<Subject> {
    let mut found = Vec::new();
    let mut flows = plan.flows_of(name);
    if flows.is_empty() && matches!(name, "flow" | "flows" | "*") {
        flows = (0..plan.flows.len() as u32).collect();
    } else if flows.is_empty() && name.contains('*') {
        let fits = |at: &u32| {
            let flow = &plan.flows[*at as usize];
            fits(name, &flow.name) || fits(name, &plan.workloads[flow.workload as usize])
        };
        flows = (0..plan.flows.len() as u32).filter(fits).collect();
    }
    if !flows.is_empty() {
        found.push(Subject::Flows(flows));
    }
    let links = links(plan, name);
    if !links.is_empty() {
        found.push(Subject::Links(links));
    }
    found
}

fn links(plan: &Plan, name: &str) -> Vec<(String, Vec<u32>)> {
    let all = matches!(name, "link" | "links");
    let (base, side) = match name.rsplit_once('.') {
        Some((base, "forward")) => (base, Some(true)),
        Some((base, "reverse")) => (base, Some(false)),
        _ => (name, None),
    };
    let mut found = Vec::new();
    for link in &plan.links {
        let directions = [(link.forward, true), (link.reverse, false)].into_iter();
        let open = directions.filter(|(port, _)| !plan.ports[*port as usize].config.blocked);
        let called = |text: &str| text == base || base.contains('*') && fits(base, text);
        let meant = all || called(&link.name) || link.group.as_deref().is_some_and(called);
        let ports: Vec<u32> = open
            .filter(|(port, forward)| {
                let own = &plan.ports[*port as usize].config.name;
                meant && side.is_none_or(|side| side == *forward) || own == name
            })
            .map(|(port, _)| port)
            .collect();
        if let [only] = ports[..]
            && side.is_some()
        {
            found.push((plan.ports[only as usize].config.name.clone(), ports));
        } else if !ports.is_empty() {
            let own = if meant { &link.name } else { &plan.ports[ports[0] as usize].config.name };
            found.push((own.clone(), ports));
        }
    }
    found
}

/// Whether a pattern with stars fits a name.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let mut last = None;
    for part in parts {
        last = Some(part);
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    match last {
        None => rest.is_empty(),
        Some(last) => last.is_empty() || name.ends_with(last),
    }
}

fn of_subject(plan: &Plan, name: &str, subject: &Subject, rest: &[&str], path: &Path) -> Result<Meaning, Wrong> {
    if rest.is_empty() {
        let example = if matches!(subject, Subject::Flows(_)) { "goodput" } else { "utilization" };
        return Err(Wrong::new(format!("what of `{name}` is meant?"), path.place)
            .help(format!("as in `{name}.{example}`; there are {}", known_metrics(plan, subject).join(", "))));
    }
    if let (Subject::Flows(_), ["duration"]) = (subject, rest) {
        return Ok(Meaning::Duration(subject.clone()));
    }
    if let (Subject::Links(links), [word]) = (subject, rest)
        && let Some(constant) = constant(plan, links, word)
    {
        return Ok(constant);
    }
    let column = |rest: &[&str], statistic| {
        let (table, column) = find_column(plan, subject, rest)?;
        Some(Meaning::Column { subject: subject.clone(), table, column, statistic })
    };
    if let Some(found) = column(rest, None) {
        return Ok(found);
    }
    let (last, front) = rest.split_last().expect("it is not empty");
    if !front.is_empty()
        && let Some(statistic) = Statistic::by_name(last)
        && let Some(found) = column(front, Some(statistic))
    {
        return Ok(found);
    }
    let known = known_metrics(plan, subject);
    if !front.is_empty() && column(front, None).is_some() {
        let names: Vec<&str> = STATISTICS.iter().map(|(name, _)| *name).collect();
        return Err(Wrong::new(format!("`{last}` is no statistic"), path.place)
            .help(meant(last, &names))
            .help(format!("there are {}, and percentiles such as p50, p95, p99", names.join(", "))));
    }
    let text = rest.join(".");
    Err(Wrong::new(format!("`{name}` has no `{text}`"), path.place)
        .help(meant(rest[0], &known.iter().map(String::as_str).collect::<Vec<_>>()))
        .help(format!("it has {}", known.join(", "))))
}

/// What the plan says of links. Where several are meant they agree, or nothing is said.
fn constant(plan: &Plan, links: &[(String, Vec<u32>)], word: &str) -> Option<Meaning> {
    let of = |port: &u32| {
        let port = &plan.ports[*port as usize];
        Some(match word {
            "rate" => (port.rate()?.bps() as f64, Dimension::RATE),
            "propagation" => (port.config.delay.seconds(), Dimension::TIME),
            "limit" => match port.config.queue.limit() {
                Amount::Packets(count) => (f64::from(count), Dimension::NONE),
                Amount::Bytes(size) => (size.bytes() as f64 * 8.0, Dimension::DATA),
            },
            _ => return None,
        })
    };
    let mut all = links.iter().flat_map(|(_, ports)| ports).map(of);
    let (value, dimension) = all.next()??;
    all.all(|other| other == Some((value, dimension))).then_some(Meaning::Constant(value, dimension))
}

/// Tables with rows for a subject, those first that have one row for each.
fn tables_of(plan: &Plan, subject: &Subject) -> Vec<&'static Table> {
    let fits = |table: &&'static Table| match subject {
        Subject::Links(_) => true,
        Subject::Flows(flows) => flows.iter().any(|at| {
            let flow = &plan.flows[*at as usize];
            run::suits(table, &flow.config.app)
        }),
    };
    let mut tables = run::tables();
    tables.retain(|table| key(table, subject).is_some() && fits(table));
    // What has one row for each is meant first, then what the application is there for, then what belongs to it, then what is there for the curious.
    let first = |table: &&'static Table| match subject {
        Subject::Links(_) => false,
        Subject::Flows(flows) => flows
            .iter()
            .any(|at| plan.flows[*at as usize].config.app.tables().first().is_some_and(|own| own.name == table.name)),
    };
    tables.sort_by_key(|table| match table.name {
        "flows" | "links" => 0,
        "udp" | "queue" => 1,
        _ if first(table) => 1,
        "hops" | "drops" => 3,
        _ => 2,
    });
    tables
}

/// The column that says whose row it is.
pub fn key(table: &Table, subject: &Subject) -> Option<usize> {
    let kind = match subject {
        Subject::Flows(_) => Kind::Flow,
        Subject::Links(_) => Kind::Port,
    };
    table.columns.iter().position(|column| column.kind == kind)
}

/// Whether a column can be asked for.
fn measures(column: &Column) -> bool {
    !matches!(column.kind, Kind::Flow | Kind::Workload | Kind::Port | Kind::Node | Kind::Address | Kind::Text)
}

fn find_column(plan: &Plan, subject: &Subject, rest: &[&str]) -> Option<(&'static Table, usize)> {
    let tables = tables_of(plan, subject);
    let within = |table: &'static Table, words: &[&str]| {
        let wanted = match words.join("_") {
            other if other == "utilisation" => "utilization".into(),
            other => other,
        };
        let named = |column: &Column| measures(column) && (column.name == wanted || metric(column.name) == wanted);
        table.columns.iter().position(named).map(|column| (table, column))
    };
    let named = rest.split_first().and_then(|(first, words)| {
        let table = tables.iter().find(|table| table.name == *first)?;
        if words.is_empty() { None } else { within(table, words) }
    });
    named.or_else(|| tables.iter().find_map(|table| within(table, rest)))
}

fn known_metrics(plan: &Plan, subject: &Subject) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for table in tables_of(plan, subject).into_iter().filter(|table| !matches!(table.name, "hops" | "drops")) {
        for column in table.columns.iter().filter(|column| measures(column)) {
            if !known.iter().any(|name| name == metric(column.name)) {
                known.push(metric(column.name).to_string());
            }
        }
    }
    known.extend(match subject {
        Subject::Flows(_) => vec!["duration".into()],
        Subject::Links(_) => vec!["rate".into(), "propagation".into(), "limit".into()],
    });
    known
}

fn unknown(plan: &Plan, path: &Path) -> Wrong {
    let mut known: Vec<&str> = plan.workloads.iter().map(String::as_str).collect();
    known.extend(plan.links.iter().map(|link| link.name.as_str()));
    known.extend(plan.links.iter().filter_map(|link| link.group.as_deref()));
    known.dedup();
    let name = &path.names[0];
    let near = meant(name, &known);
    known.truncate(20);
    Wrong::new(format!("there is no flow and no link `{name}`"), path.place)
        .help(near)
        .help(format!("there are {}; `flows` and `links` are all of them", known.join(", ")))
}

/// «did you mean …?», or nothing.
pub fn meant(name: &str, known: &[&str]) -> String {
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let near = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known));
    match near.filter(|(distance, _)| *distance <= allowed).min_by_key(|(distance, _)| *distance) {
        Some((_, known)) => format!("did you mean `{known}`?"),
        None => String::new(),
    }
}

/// The point of a path, seen from another point: brackets replace what they name, and a workload entry that runs only
/// in some variants is looked up where it runs.
pub fn point(experiment: &Experiment, current: usize, path: &Path) -> Result<usize, Wrong> {
    let mut values = experiment.points[current].values.clone();
    for (dimension, value) in &path.point {
        let Some(at) = experiment.dimensions.iter().position(|name| name == dimension) else {
            let known: Vec<&str> = experiment.dimensions.iter().map(String::as_str).collect();
            let there = if known.is_empty() {
                "the experiment has no sweep".into()
            } else {
                format!("there are {}", known.join(", "))
            };
            return Err(Wrong::new(format!("the experiment has no dimension `{dimension}`"), path.place)
                .help(meant(dimension, &known))
                .help(there));
        };
        let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
        let known = experiment.points.iter().map(|point| &point.values[at]);
        let Some(found) = known.clone().find(|known| plain(known) == plain(value)) else {
            let mut all: Vec<&str> = Vec::new();
            known.for_each(|known| {
                if !all.contains(&known.as_str()) {
                    all.push(known)
                }
            });
            return Err(Wrong::new(format!("`{dimension}` is never `{value}`"), path.place)
                .help(meant(value, &all))
                .help(format!("it is {}", all.join(", "))));
        };
        values[at].clone_from(found);
    }
    if let Some(at) = experiment.dimensions.iter().position(|name| name == "workload")
        && experiment.points.iter().any(|point| point.values[at] == path.names[0])
        && !path.point.iter().any(|(dimension, _)| dimension == "workload")
    {
        values[at].clone_from(&path.names[0]);
    }
    experiment
        .points
        .iter()
        .position(|point| point.values == values)
        .ok_or_else(|| Wrong::new("there is no such point", path.place))
}
