//! `clockwire verify`: the same experiment on 1, 2, 3 and 8 shards, twice, and with every packet as bytes at every hop.

use sim_core::{Outcome, Rows, Span};
use topologies::{Experiment, Plan};

use super::{Done, load};
use crate::cells;
use crate::cli::VerifyOptions;
use crate::run::{How, simulate};

/// Proves it for each file.
pub fn verify(options: &VerifyOptions) -> Done {
    let loaded = options.files.iter().map(|file| load(file, &options.overrides)).collect::<Result<Vec<_>, String>>()?;
    let mut equal = true;
    for loaded in &loaded {
        equal &= experiment(&loaded.experiment, options);
    }
    Ok(equal)
}

fn experiment(experiment: &Experiment, options: &VerifyOptions) -> bool {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let seed = experiment.seeds[0];
    let mut equal = true;
    for point in &experiment.points {
        let label = point.slug(&experiment.dimensions);
        let name = if label.is_empty() { experiment.name.clone() } else { format!("{} {label}", experiment.name) };
        match proof(&point.plan, seed, threads) {
            Ok(text) => {
                if !options.quiet {
                    println!("{name}: equal on 1, 2, 3 and 8 shards, twice, and as bytes\n{text}");
                }
            }
            Err(text) => {
                equal = false;
                eprintln!("{name}: NOT equal: {text}");
            }
        }
    }
    equal
}

/// Runs a plan in all these ways. What it gives says how it ran; an error says what differed first.
fn proof(plan: &Plan, seed: u64, threads: usize) -> Result<String, String> {
    let (first, alone) = simulate(plan, seed, How { bytes_on_every_hop: true, ..How::default() }, &|_| {});
    let mut text = format!(
        "  {} events, {} packet-hops, fingerprints: events {:016x}, lengths {:016x}, bytes {:016x}, rows {:016x}",
        first.events,
        first.hops,
        first.fingerprints.events,
        first.fingerprints.lengths,
        first.fingerprints.bytes,
        first.fingerprints.rows
    );
    for (shards, bytes) in [(1, false), (2, true), (3, true), (8, true), (2, false)] {
        let how = How { shards, threads: threads.min(shards), bytes_on_every_hop: bytes, ..How::default() };
        let (other, cost) = simulate(plan, seed, how, &|_| {});
        if let Some(difference) = difference(&first, &other, bytes) {
            return Err(format!("{} on {shards} shards: {}", difference, first_event(plan, seed, how)));
        }
        if shards > 1 && bytes {
            text.push_str(&format!("\n  {}", pace(shards, threads, &other)));
        }
        let _ = (cost, alone);
    }
    Ok(text)
}

/// Look-ahead, events for each window, and what several threads can gain at the most: all events over those of the busiest shard.
fn pace(shards: usize, threads: usize, outcome: &Outcome) -> String {
    let busy: Vec<u64> = outcome.shard_events.clone();
    let used = busy.len();
    if outcome.look_ahead == Span::MAX {
        return format!("{shards} shards: nothing to cut, it runs on one");
    }
    let workers = threads.clamp(1, used);
    let mut loads = vec![0; workers];
    busy.iter().enumerate().for_each(|(at, events)| loads[at % workers] += events);
    let gain = outcome.events as f64 / *loads.iter().max().unwrap_or(&1) as f64;
    let each = outcome.events as f64 / outcome.windows.max(1) as f64;
    format!(
        "{shards} shards ({used} used): look-ahead {}, {} windows of {each:.0} events, at most {gain:.2} times as fast on {workers} threads",
        outcome.look_ahead, outcome.windows
    )
}

fn difference(a: &Outcome, b: &Outcome, bytes: bool) -> Option<&'static str> {
    let (x, y) = (&a.fingerprints, &b.fingerprints);
    if a.events != b.events || x.events != y.events {
        Some("events differ")
    } else if x.lengths != y.lengths {
        Some("lengths differ")
    } else if bytes && x.bytes != y.bytes {
        Some("bytes differ")
    } else if x.rows != y.rows {
        Some("rows differ")
    } else if a.captured != b.captured {
        Some("captures differ")
    } else {
        None
    }
}

/// The first event that differs: both ways are run again with every hop recorded.
fn first_event(plan: &Plan, seed: u64, how: How) -> String {
    let (a, _) = simulate(plan, seed, How { all_hops: true, ..How::default() }, &|_| {});
    let (b, _) = simulate(plan, seed, How { all_hops: true, ..how }, &|_| {});
    let pairs = a.rows.iter().zip(&b.rows);
    let first = pairs.filter_map(|(x, y)| first_row(x, y).map(|at| (x, y, at))).min_by_key(|(x, y, at)| {
        let time = |rows: &Rows| (*at < rows.len()).then(|| rows.row(*at).0);
        time(x).into_iter().chain(time(y)).min()
    });
    match first {
        None => {
            let nodes = a.nodes.iter().zip(&b.nodes).position(|(x, y)| x != y);
            match nodes {
                Some(node) => format!("no row differs, but what {} saw does", plan.nodes[node].name),
                None => "with every hop recorded nothing differs any more".into(),
            }
        }
        Some((x, y, at)) => {
            format!(
                "the first row that differs is number {} of `{}`:\n  {}\n  {}",
                at + 1,
                x.table.name,
                row(plan, x, at),
                row(plan, y, at)
            )
        }
    }
}

fn first_row(a: &Rows, b: &Rows) -> Option<usize> {
    let shared = a.len().min(b.len());
    (0..shared).find(|at| a.row(*at) != b.row(*at)).or((a.len() != b.len()).then_some(shared))
}

fn row(plan: &Plan, rows: &Rows, at: usize) -> String {
    if at >= rows.len() {
        return "(there is none)".into();
    }
    let (time, values) = rows.row(at);
    let cells = rows
        .table
        .columns
        .iter()
        .zip(values)
        .map(|(column, value)| format!("{} {}", column.name, cells::text(plan, column, *value)));
    format!("{} s: {}", cells::seconds(time.ps()), cells.collect::<Vec<_>>().join(", "))
}
