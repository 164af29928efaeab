//! The design of an experiment, as a user meets it: rounds of seeds, and what variants have in common.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use experiments::{How, load_options};
use sim_core::Outcome;

use crate::command::{Folder, clockwire};

/// A queue with one server: M/M/1 at half its load.
pub const QUEUE: &str = "
clockwire: 1
name: rounds
stop: 1 s
defaults: { link: { mtu: 65535 B, delay: 1 ms } }
hosts: { source: {}, sink: {} }
links:
  - source -- sink: { name: server, rate: 10 Mbit/s, queue: { droptail: { limit: 1000000 packets } } }
workload:
  load: { from: source, to: sink, poisson: { rate: 5 Mbit/s, size: 1000 B, sizes: exponential, counted: packet } }
";

/// Every file below a folder with its bytes.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(&at).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else {
                let name = entry.strip_prefix(folder).expect("it lies below").to_path_buf();
                found.insert(name, std::fs::read(&entry).expect("a file"));
            }
        }
    }
    found
}

fn with_seeds(folder: &Folder, seeds: &str) -> serde_json::Value {
    let text = format!(
        "{QUEUE}experiment: {{ sweep: {{ load.poisson.rate: [2 Mbit/s, 5 Mbit/s] }}, seeds: {{ {seeds} }} }}\n\
         outputs: {{ report: false }}\n"
    );
    std::fs::write(folder.0.join("rounds.yaml"), text).expect("a file");
    let ran = clockwire(&folder.0, &["run", "rounds.yaml"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let text = std::fs::read_to_string(folder.0.join("results/rounds/summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let (reached, says) = (&summary["until"]["reached"], summary["until"]["says"].as_str().expect("it says"));
    assert!(ran.out.contains(says), "{says} in {}", ran.out);
    assert_eq!(reached == false, ran.err.contains("not reached"), "{}", ran.err);
    summary
}

#[test]
fn seeds_run_in_rounds_until_the_interval_is_narrow_whoever_runs_them() {
    let folder = Folder::new("rounds");
    let summary = with_seeds(&folder, "until: server.forward.wait_mean, within: 14 %, from: 4, round: 3, at_most: 60");
    let seeds = summary["seeds"].as_array().expect("a list").len();
    assert!(seeds > 4 && seeds < 60 && seeds % 3 == 1, "{seeds} seeds");
    assert_eq!(summary["until"]["reached"], true);
    let results = folder.0.join("results/rounds");
    let whole = files(&results);
    // One round earlier it was not.
    let measured = |point: usize| -> Vec<f64> {
        let seeds = &summary["points"][point]["measured"]["source->sink"]["wait_mean_s"]["seeds"];
        let seeds = seeds
            .as_array()
            .or(summary["points"][point]["measured"]["server.forward"]["wait_mean_s"]["seeds"].as_array());
        seeds.expect("the link's wait").iter().map(|value| value.as_f64().expect("a number")).collect()
    };
    let wide = |count: usize| {
        (0..2).any(|point| {
            let found = experiments::statistics::mean(&measured(point)[..count], 0.95);
            found.half > 0.14 * found.mean
        })
    };
    assert!(wide(seeds - 3) && !wide(seeds), "it stops at the first round that is narrow");
    // On one thread; point by point by processes of their own; with a run less; again.
    let again = |arguments: &[&str]| {
        let ran = clockwire(&folder.0, &[&["run", "rounds.yaml", "--quiet"], arguments].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
    };
    again(&["--threads", "1", "--fresh", "--out", "one"]);
    assert!(files(&folder.0.join("one")) == whole, "one thread");
    std::fs::remove_dir_all(&results).expect("it goes");
    std::fs::remove_dir_all(folder.0.join("one")).expect("it goes");
    again(&["--point", "2"]);
    again(&["--point", "1"]);
    again(&[]);
    assert!(files(&results) == whole, "point by point");
    std::fs::remove_dir_all(results.join("load.poisson.rate=5Mbitps/seed-2")).expect("it goes");
    again(&["--force"]);
    assert!(files(&results) == whole, "what is missing runs again");
    again(&[]);
    assert!(files(&results) == whole && !folder.0.join("results/rounds-2").exists(), "nothing was missing");
}

#[test]
fn seeds_that_were_not_enough_are_told() {
    let folder = Folder::new("rounds-wide");
    let summary = with_seeds(&folder, "until: server.forward.wait_mean, within: 1 us, from: 3, round: 2, at_most: 6");
    assert_eq!(
        summary["seeds"].as_array().map(Vec::len),
        Some(6),
        "as many as there may be, though the rounds do not come out even"
    );
    assert_eq!(summary["until"]["reached"], false);
    assert!(
        summary["warnings"].to_string().contains("not reached after 6 seeds at 2 of 2 points"),
        "{}",
        summary["warnings"]
    );
}

/// Packets that the first flow hands to its link: when, and how long.
fn offered(outcome: &Outcome) -> Vec<(u64, u64)> {
    let rows = outcome.table("hops").expect("hops are asked for");
    let column = |name: &str| rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let (flow, at, length) = (column("flow"), column("enqueued_s"), column("length_bytes"));
    let mut found: Vec<(u64, u64)> =
        rows.iter().map(|(_, row)| row).filter(|row| row[flow] == 1).map(|row| (row[at], row[length])).collect();
    found.sort_unstable();
    found
}

/// A seed draws the same arrivals and sizes whatever the variant: queues, rates and delays behind them, and other hosts, applications and probes beside them.
#[test]
fn a_seed_draws_the_same_in_every_variant() {
    let text = format!(
        "{QUEUE}experiment:\n  variants:\n    plain: {{}}\n    codel: {{ server.queue: codel }}\n    red: {{ server.queue: red }}\n    \
         slow: {{ server.rate: 4 Mbit/s, server.delay: 30 ms }}\n    \
         lossy: {{ server.loss: 5 % }}\n    beside: {{ workload.other: {{ from: sink, to: source, poisson: {{ rate: 1 Mbit/s }} }} }}\n"
    );
    let options = load_options(&[], None);
    let experiment = topologies::load_text("common.yaml", "common", &text, Path::new(""), &options);
    let experiment = experiment.unwrap_or_else(|wrong| panic!("{wrong}"));
    let of = |point: usize, seed: u64| {
        let how = How { all_hops: true, ..How::default() };
        offered(&experiments::simulate(&experiment.points[point].plan, seed, how, &|_| {}).0)
    };
    let first = of(0, 7);
    assert!(first.len() > 400, "{} packets", first.len());
    for point in 1..experiment.points.len() {
        assert!(of(point, 7) == first, "{} is offered something else", experiment.points[point].values[0]);
    }
    assert!(of(0, 8) != first, "another seed draws the same");
}

/// A flow whose slow start is its warm-up: afterwards its window of 64 KiB goes out once in a round trip.
const FLOW: &str = "
clockwire: 1
name: series
stop: 20 s
hosts: { a: {}, b: { tcp: { recv_buffer: 64 KiB } } }
links: [ { a -- b: { name: wan, rate: 50 Mbit/s, delay: 100 ms, queue: { droptail: { limit: 100 packets } } } } ]
workload:
  bulk: { from: a, to: b, tcp: {} }
outputs:
  report: false
  series: { queue: [wan], every: 200 ms }
  summary:
    whole: bulk.throughput.mean
    steady: steady(bulk.throughput)
    warm: warmup(bulk.throughput)
    settled: settling(bulk.throughput, 10 %)
    drifts: drift(bulk.throughput[2 s..])
    low: low(bulk.throughput, 90 %)
    high: high(bulk.throughput, 90 %)
";

#[test]
fn a_series_tells_its_warm_up_and_when_it_has_settled() {
    let folder = Folder::new("series");
    std::fs::write(folder.0.join("series.yaml"), FLOW).expect("a file");
    let ran = clockwire(&folder.0, &["run", "series.yaml"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("values of one seed (1): no intervals"), "{}", ran.out);
    let text = std::fs::read_to_string(folder.0.join("results/series/summary.json")).expect("a summary");
    let summary: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let of = |name: &str| summary["points"][0]["measured"]["run"][name]["mean"].as_f64();
    let (whole, steady) = (of("whole_bps").expect("a mean"), of("steady_bps").expect("a mean"));
    assert!(steady > 1.01 * whole && steady < 1.2 * whole, "{whole} {steady}");
    let (warm, settled) = (of("warm_s").expect("a moment"), of("settled_s").expect("a moment"));
    assert!((0.3..10.0).contains(&warm) && (0.3..2.0).contains(&settled), "{warm} {settled}");
    assert!(of("drifts").is_some_and(|p| (0.0..=1.0).contains(&p)));
    let (low, high) = (of("low_bps").expect("an end"), of("high_bps").expect("an end"));
    assert!(low < whole && whole < high, "{low} {whole} {high}");
    // One that ends late, and is followed by zeros, has no steady mean, and says so.
    let cut = FLOW.replace("tcp: {} }", "tcp: { bytes: 2.3 MB } }");
    std::fs::write(folder.0.join("cut.yaml"), cut.replace("name: series", "name: cut")).expect("a file");
    let ran = clockwire(&folder.0, &["run", "cut.yaml"]);
    assert!(ran.err.contains("does not settle in them") || ran.err.contains("still drifts"), "{}", ran.err);
}
