//! `clockwire verify`: the same experiment on 1, 2, 3 and 8 shards, twice, with another order of what happens at the same
//! moment, and with every packet as bytes at every hop.

use sim_core::{Difference, Outcome, Rows, Span, first_difference};
use topologies::{Experiment, Plan};

use super::events::{node_name, parting};
use super::{Done, cores, load};
use crate::cells;
use crate::cli::VerifyOptions;
use crate::results::layers;
use crate::run::{How, simulate};
use crate::say::{complain, say};

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
        let at = experiment.label(&point.values);
        let name = if at.is_empty() { experiment.name.clone() } else { format!("{}, {at}", experiment.name) };
        match proof(&point.plan, threads, &|how| simulate(&point.plan, seed, how, &|_| {}).0) {
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

/// A way to run the plan that is verified.
type Runner<'a> = dyn Fn(How) -> Outcome + 'a;

/// Runs a plan in all these ways. What it gives says how it ran; an error says what differed first.
fn proof(plan: &Plan, threads: usize, run: &Runner<'_>) -> Result<String, String> {
    let base = How { bytes_on_every_hop: true, ..How::default() };
    let alone = run(base);
    let mut text = format!("  {} events, {} packet-hops; fingerprints:", alone.events, alone.hops);
    for (layer, print) in layers(&alone.fingerprints) {
        text.push_str(&format!(" {layer} {print}"));
    }
    for (shards, bytes) in [(1, true), (1, false), (2, true), (3, true), (8, true), (8, false)] {
        let how = How { shards, threads: threads.min(shards), bytes_on_every_hop: bytes, ..How::default() };
        let other = run(how);
        let differ = differences(&alone, &other, bytes);
        if !differ.is_empty() {
            return Err(format!("  {}: {}\n{}", words(how), differ.join(", "), first(plan, how, run)));
        }
        if shards > 1 && bytes {
            text.push_str(&format!("\n  {}", pace(shards, threads, &other)));
        }
    }
    let salted = How { tie_salt: 0x5a17, ..How::default() };
    let alone = run(salted);
    let cut = How { shards: 3, threads: threads.min(3), ..salted };
    let other = run(cut);
    let differ = differences(&alone, &other, false);
    if !differ.is_empty() {
        return Err(format!("  {}: {}\n{}", words(cut), differ.join(", "), first(plan, cut, run)));
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
        ("captures", a.captured != b.captured || a.secrets != b.secrets),
        ("failures", a.failures != b.failures),
    ];
    found.into_iter().filter(|(_, differ)| *differ).map(|(layer, _)| layer).collect()
}

/// What differs first: both ways are run again, with every event audited, and then with every hop recorded.
fn first(plan: &Plan, how: How, run: &Runner<'_>) -> String {
    let alone = How { bytes_on_every_hop: how.bytes_on_every_hop, tie_salt: how.tie_salt, ..How::default() };
    let found = first_difference(plan.stop, |audit| run(How { audit, ..alone }), |audit| run(How { audit, ..how }));
    let mut text = match found {
        Some(Difference::Event(found)) => {
            format!("  the first event that differs:\n{}", parting(&found, ["1 shard", "other"], &node_name(plan)))
        }
        Some(Difference::Row(table, at)) => {
            format!("  all events are the same; the first row that differs is row {} of `{table}`\n", at + 1)
        }
        Some(Difference::Captured(at)) => {
            format!("  all events and rows are the same, but captured packet {} is not\n", at + 1)
        }
        Some(Difference::Bytes(node)) => {
            format!("  all events and rows are the same, but the bytes that reach {} are not\n", plan.nodes[node].name)
        }
        None => "  run again, nothing differs any more: something outside of the seed has its hands in it\n".into(),
    };
    text.push_str(&row_difference(plan, &run(How { all_hops: true, ..alone }), &run(How { all_hops: true, ..how })));
    text
}

/// The first row that differs, of all tables.
fn row_difference(plan: &Plan, a: &Outcome, b: &Outcome) -> String {
    let pairs = a.rows.iter().zip(&b.rows);
    let first = pairs.filter_map(|(x, y)| first_row(x, y).map(|at| (x, y, at))).min_by_key(|(x, y, at)| {
        let time = |rows: &Rows| (*at < rows.len()).then(|| rows.row(*at).0);
        time(x).into_iter().chain(time(y)).min()
    });
    first.map_or("  with every hop recorded no row differs".into(), |(x, y, at)| {
        format!(
            "  the first row that differs is row {} of `{}`:\n    1 shard: {}\n    other:   {}",
            at + 1,
            x.table.name,
            row(plan, a, x, at),
            row(plan, b, y, at)
        )
    })
}

fn first_row(a: &Rows, b: &Rows) -> Option<usize> {
    let shared = a.len().min(b.len());
    (0..shared).find(|at| a.row(*at) != b.row(*at)).or((a.len() != b.len()).then_some(shared))
}

fn row(plan: &Plan, outcome: &Outcome, rows: &Rows, at: usize) -> String {
    if at >= rows.len() {
        return "(there is none)".into();
    }
    let (time, values) = rows.row(at);
    let cells = rows
        .table
        .columns
        .iter()
        .zip(values)
        .map(|(column, value)| format!("{} {}", column.name, cells::text(plan, &outcome.texts, column, *value)));
    format!("{} s: {}", cells::seconds(time.ps()), cells.collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use sim_core::Audit;

    use super::*;

    const FILE: &str = "clockwire: 1
name: t
stop: 2 s
hosts: { a: {}, b: {}, c: {} }
routers: { r: {} }
links:
  - a -- r: { name: wan, rate: 5 Mbit/s, delay: 10 ms, loss: 1 %, queue: { droptail: { limit: 20 packets } } }
  - b -- r: { rate: 100 Mbit/s, delay: 1 ms }
  - c -- r: { rate: 100 Mbit/s, delay: 1 ms }
workload:
  bulk: { from: a, to: b, tcp: {} }
  echo: { from: c, to: a, ping: { every: 100 ms } }
";

    fn plan(text: &str) -> Plan {
        let options = crate::load_options(&[], None);
        let loaded = topologies::load_text("t.yaml", "t", text, Path::new(""), &options);
        loaded.unwrap_or_else(|wrong| panic!("{wrong}")).points.swap_remove(0).plan
    }

    #[test]
    fn what_is_equal_is_proved_and_its_pace_told() {
        let plan = plan(FILE);
        let text = proof(&plan, 2, &|how| simulate(&plan, 1, how, &|_| {}).0).expect("equal");
        assert!(text.contains("2 shards: look-ahead 10 ms") && text.contains("expected on 2 threads"), "{text}");
        assert!(text.contains(" windows of "), "{text}");
    }

    #[test]
    fn the_first_event_that_differs_is_named() {
        // A world that is broken where it is cut in three: from one second on, packets take longer.
        let at_one =
            |delay: &str| plan(&format!("{FILE}events:\n  - {{ at: 1 s, link: wan, set: {{ delay: {delay} }} }}\n"));
        let (good, bad) = (at_one("10 ms"), at_one("11 ms"));
        let run = |how: How| simulate(if how.shards == 3 { &bad } else { &good }, 1, how, &|_| {}).0;
        let text = proof(&good, 1, &run).expect_err("three shards differ");
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].starts_with("  3 shards, bytes on every hop differs from 1 shard in: events, "), "{text}");
        assert_eq!(lines[1], "  the first event that differs:");
        // What has not started at one second and arrives first: 10 ms later in the one, 11 ms later in the other.
        let first = |side: &str| {
            let line = lines.iter().find_map(|line| line.strip_prefix(&format!("    {side:<7}  ")));
            let (time, rest) = line.and_then(|line| line.split_once(" s  ")).unwrap_or_else(|| panic!("{text}"));
            assert!(rest.contains(" (event ") && rest.contains(" arrives"), "{text}");
            (time.parse::<f64>().expect("a number"), rest)
        };
        let (one, other) = (first("1 shard"), first("other"));
        assert!((1.01..1.013).contains(&one.0) && other.0 > one.0 && one.1.starts_with("a: packet 0x"), "{text}");
        // Three that both have, three of each, and the row on three lines.
        let count = |side: &str| lines.iter().filter(|line| line.starts_with(&format!("    {side:<7}  "))).count();
        assert_eq!(["both", "1 shard", "other"].map(count), [3, 3, 3], "{text}");
        assert!(lines[11].starts_with("  the first row that differs is row ") && lines.len() == 14, "{text}");
    }

    #[test]
    fn what_differs_in_rows_alone_is_named() {
        // One row of the links has another number, though every event is the same.
        let plan = plan(FILE);
        let run = |how: How| {
            let mut outcome = simulate(&plan, 1, how, &|_| {}).0;
            if how.shards == 2 {
                let links = outcome.rows.iter_mut().find(|rows| rows.table.name == "links").expect("always there");
                links.values[1] += 1;
                outcome.fingerprints.rows ^= 1;
            }
            outcome
        };
        let text = proof(&plan, 1, &run).expect_err("two shards differ");
        assert!(text.starts_with("  2 shards, bytes on every hop differs from 1 shard in: rows\n"), "{text}");
        assert!(text.contains("all events are the same; the first row that differs is row 1 of `links`"), "{text}");
        assert!(text.contains("link wan.forward, received_packets "), "{text}");
    }

    #[test]
    fn what_never_comes_again_is_told_too() {
        // Another seed, but not while somebody looks closely.
        let plan = plan(FILE);
        let run = |how: How| {
            let seed = if how.shards == 8 && how.audit == Audit::Off && !how.all_hops { 2 } else { 1 };
            simulate(&plan, seed, how, &|_| {}).0
        };
        let text = proof(&plan, 1, &run).expect_err("eight shards differ");
        assert!(text.contains("nothing differs any more") && text.ends_with("no row differs"), "{text}");
    }
}
