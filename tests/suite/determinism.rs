//! Every experiment that ships is the same run on any number of shards, each time.

use experiments::How;
use sim_core::Fingerprints;

use crate::harness::{experiment_files, load_short, run, sharded};

#[test]
fn every_experiment_is_the_same_run_on_any_number_of_shards() {
    let mut faults = Vec::new();
    for file in experiment_files() {
        let experiment = load_short(&file);
        let (point, seed) = (&experiment.points[0], experiment.seeds[0]);
        for tie_salt in [0, 0x5eed] {
            let fingerprints = |shards: usize| -> Fingerprints {
                let how = How { tie_salt, bytes_on_every_hop: true, all_hops: true, ..sharded(shards) };
                run(&point.plan, seed, how).fingerprints
            };
            let first = fingerprints(1);
            assert!(first.bytes != 0, "bytes enter the fingerprint");
            for shards in [1, 2, 2, 3, 8] {
                let again = fingerprints(shards);
                if again != first {
                    faults.push(format!(
                        "{}, salt {tie_salt}, {shards} shards: {again:x?}, not {first:x?}",
                        experiment.name
                    ));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
