//! Every experiment that ships is the same run on any number of shards, each time, with whatever order of ties, and in whatever build.

use std::fmt::Write;

use experiments::How;
use sim_core::Fingerprints;
use topologies::{Experiment, Point};

use crate::harness::{bench_files, experiment_files, linux_files, load_short, load_until, root, run, sharded};

/// The first point and the last.
fn ends(experiment: &Experiment) -> Vec<&Point> {
    match experiment.points.as_slice() {
        [first, .., last] => vec![first, last],
        points => points.iter().collect(),
    }
}

/// Each experiment and bench, shortened.
fn all() -> Vec<Experiment> {
    let files = experiment_files().into_iter().chain(linux_files()).chain(bench_files());
    files.map(|file| load_short(&file)).collect()
}

/// What differs between a point on one shard and on others.
fn differing(experiment: &Experiment, point: &Point, base: How, shards: &[usize]) -> Vec<String> {
    let fingerprints = |shards: usize| -> Fingerprints {
        let how = sharded(shards);
        run(&point.plan, experiment.seeds[0], How { shards, threads: how.threads, ..base }).fingerprints
    };
    let first = fingerprints(1);
    assert_eq!(first.bytes != 0, base.bytes_on_every_hop, "bytes enter the fingerprint where they are made");
    let name = format!("{} {}, salt {}", experiment.name, experiment.slug(point), base.tie_salt);
    let runs = shards.iter().map(|shards| (shards, fingerprints(*shards)));
    runs.filter(|(_, again)| *again != first)
        .map(|(shards, again)| format!("{name}, {shards} shards: {again:x?}, not {first:x?}"))
        .collect()
}

#[test]
fn every_experiment_is_the_same_run_on_any_number_of_shards() {
    let mut faults = Vec::new();
    for experiment in all() {
        for point in ends(&experiment) {
            let bytes = How { bytes_on_every_hop: true, all_hops: true, ..How::default() };
            faults.extend(differing(&experiment, point, bytes, &[1, 3]));
            faults.extend(differing(&experiment, point, How::default(), &[2, 2, 8]));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn another_order_of_ties_is_the_same_run_on_any_number_of_shards() {
    let mut faults = Vec::new();
    for experiment in all() {
        let salted = How { tie_salt: 0x5eed, ..How::default() };
        faults.extend(differing(&experiment, &experiment.points[0], salted, &[3]));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Debug and release builds are held against the same text. `UPDATE_SNAPSHOTS=1 cargo test -p clockwire-tests fingerprints` writes it anew; a
/// fingerprint that moves needs a line in `tests/data/MOVED.md` that says why.
#[test]
fn short_runs_have_the_fingerprints_that_are_written_down() {
    let mut text = String::from(
        "# Fingerprints of the first point of each experiment, cut off after half a second (benches: 5 ms).\n",
    );
    for (files, stop) in [(experiment_files(), "500 ms"), (linux_files(), "500 ms"), (bench_files(), "5 ms")] {
        for file in files {
            let experiment = load_until(&file, stop);
            let how = How { bytes_on_every_hop: true, ..How::default() };
            let print = run(&experiment.points[0].plan, experiment.seeds[0], how).fingerprints;
            let Fingerprints { events, lengths, bytes, rows } = print;
            let name = &experiment.name;
            let _ = writeln!(
                text,
                "{name}: events {events:016x} lengths {lengths:016x} bytes {bytes:016x} rows {rows:016x}"
            );
        }
    }
    let snapshot = root().join("tests/data/fingerprints.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&snapshot, &text).expect("the snapshot is written");
    }
    let expected = std::fs::read_to_string(&snapshot).expect("the snapshot is there");
    let moved: Vec<(&str, &str)> = text.lines().zip(expected.lines()).filter(|(now, then)| now != then).collect();
    assert!(text == expected, "fingerprints have moved: {moved:#?}; UPDATE_SNAPSHOTS=1 writes them anew");
}
