//! `clockwire verify`: the same experiment on 1, 2, 3 and 8 shards, twice, with another order of what happens at the same
//! moment, and with every packet as bytes at every hop.

use sim_core::{Outcome, Rows, Span};
use topologies::{Experiment, Plan};

use super::{Done, cores, load};
use crate::cells;
use crate::cli::VerifyOptions;
use crate::results::layers;
use crate::run::{How, simulate};
use crate::say::{complain, say};
use crate::summary::label;

/// What a window costs a thread beside its events, and an event: for the expected gain. Orders of magnitude of a present machine.
const WINDOW_NS: f64 = 1500.0;
const EVENT_NS: f64 = 100.0;

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
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let seed = experiment.seeds[0];
    let mut equal = true;
    for point in &experiment.points {
        let at = label(experiment, &point.values);
        let name = if at.is_empty() { experiment.name.clone() } else { format!("{}, {at}", experiment.name) };
        match proof(&point.plan, seed, threads) {
            Ok(text) if options.quiet => drop(text),
            Ok(text) => say!("{name}, seed {seed}: equal on 1, 2, 3 and 8 shards, twice, and as bytes\n{text}"),
            Err(text) => {
                equal = false;
                complain!("{name}, seed {seed}: NOT equal\n{text}\n");
            }
        }
    }
    equal
}

/// Runs a plan in all these ways. What it gives says how it ran; an error says what differed first.
fn proof(plan: &Plan, seed: u64, threads: usize) -> Result<String, String> {
    let base = How { bytes_on_every_hop: true, ..How::default() };
    let (first, _) = simulate(plan, seed, base, &|_| {});
    let mut text = format!("  {} events, {} packet-hops; fingerprints:", first.events, first.hops);
    for (layer, print) in layers(&first.fingerprints) {
        text.push_str(&format!(" {layer} {print:016x}"));
    }
    for (shards, bytes) in [(1, true), (1, false), (2, true), (3, true), (8, true), (8, false)] {
        let how = How { shards, threads: threads.min(shards), bytes_on_every_hop: bytes, ..How::default() };
        let (other, _) = simulate(plan, seed, how, &|_| {});
        let differ = differences(&first, &other, bytes);
        if !differ.is_empty() {
            return Err(format!("  {}: {}\n{}", words(how), differ.join(", "), first_difference(plan, seed, how)));
        }
        if shards > 1 && bytes {
            text.push_str(&format!("\n  {}", pace(shards, threads, &other)));
        }
    }
    let salted = How { tie_salt: 0x5a17, ..How::default() };
    let (alone, _) = simulate(plan, seed, salted, &|_| {});
    let cut = How { shards: 3, threads: threads.min(3), ..salted };
    let (other, _) = simulate(plan, seed, cut, &|_| {});
    let differ = differences(&alone, &other, false);
    if !differ.is_empty() {
        return Err(format!("  {}: {}\n{}", words(cut), differ.join(", "), first_difference(plan, seed, cut)));
    }
    Ok(text)
}

fn words(how: How) -> String {
    let shards = if how.shards == 1 { "1 shard".to_string() } else { format!("{} shards", how.shards) };
    let bytes = if how.bytes_on_every_hop { ", bytes on every hop" } else { "" };
    let salt = if how.tie_salt == 0 { "" } else { ", another order of ties" };
    format!("{shards}{bytes}{salt} differs from 1 shard in")
}

/// Look-ahead, events for each window, and what threads can be expected to gain: the busiest one's events and the windows
/// cost time, the others' do not.
fn pace(shards: usize, threads: usize, outcome: &Outcome) -> String {
    let used = outcome.shard_events.len();
    if outcome.look_ahead == Span::MAX {
        return format!("{shards} shards: nothing can be cut, so it runs on one");
    }
    let workers = threads.clamp(1, used);
    let mut loads = vec![0_u64; workers];
    outcome.shard_events.iter().enumerate().for_each(|(at, events)| loads[at % workers] += events);
    let busiest = *loads.iter().max().unwrap_or(&1) as f64;
    let windows = outcome.windows.max(1) as f64;
    let each = outcome.events as f64 / windows;
    let gain = outcome.events as f64 * EVENT_NS / (busiest * EVENT_NS + windows * WINDOW_NS);
    let used = if used == shards { String::new() } else { format!(" ({used} used)") };
    let gain = match workers {
        1 => "one thread gains nothing".to_string(),
        _ => format!("expected on {workers} threads: {gain:.2} times as fast"),
    };
    format!("{shards} shards{used}: look-ahead {}, {windows} windows of {each:.0} events; {gain}", outcome.look_ahead)
}

/// The layers that differ.
fn differences(a: &Outcome, b: &Outcome, bytes: bool) -> Vec<&'static str> {
    let (x, y) = (&a.fingerprints, &b.fingerprints);
    let found = [
        ("events", a.events != b.events || x.events != y.events),
        ("lengths", x.lengths != y.lengths),
        ("bytes", bytes && x.bytes != y.bytes),
        ("rows", x.rows != y.rows),
        ("captures", a.captured != b.captured),
    ];
    found.into_iter().filter(|(_, differ)| *differ).map(|(layer, _)| layer).collect()
}

/// The first event that differs: both ways are run again with every hop recorded.
fn first_difference(plan: &Plan, seed: u64, how: How) -> String {
    let base = How { all_hops: true, tie_salt: how.tie_salt, ..How::default() };
    let (a, _) = simulate(plan, seed, base, &|_| {});
    let (b, _) = simulate(plan, seed, How { all_hops: true, ..how }, &|_| {});
    let pairs = a.rows.iter().zip(&b.rows);
    let first = pairs.filter_map(|(x, y)| first_row(x, y).map(|at| (x, y, at))).min_by_key(|(x, y, at)| {
        let time = |rows: &Rows| (*at < rows.len()).then(|| rows.row(*at).0);
        time(x).into_iter().chain(time(y)).min()
    });
    let seen = a.nodes.iter().zip(&b.nodes).position(|(x, y)| x != y).map(|node| plan.nodes[node].name.as_str());
    match first {
        None => match seen {
            Some(node) => format!("  no row differs; the first node that saw something else is {node}"),
            None => "  with every hop recorded nothing differs any more".into(),
        },
        Some((x, y, at)) => format!(
            "  the first row that differs is row {} of `{}`:\n    1 shard: {}\n    other:   {}",
            at + 1,
            x.table.name,
            row(plan, x, at),
            row(plan, y, at)
        ),
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
