//! Drawn experiments: on one and on three shards they are the same run, the oracle finds nothing, and every byte that is
//! read is the one that was written. More seeds: `CLOCKWIRE_SWARM=0..5000`.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use clockwire_tests::swarm::draw;
use experiments::{How, load_options};
use topologies::Plan;

use crate::harness::{judge, links_disagree, run, sharded};

/// Seeds without an environment variable.
const SEEDS: Range<u64> = 0..40;

#[test]
fn drawn_experiments_hold_every_law() {
    let seeds = std::env::var("CLOCKWIRE_SWARM").map_or(SEEDS, |range| {
        let (from, to) = range.split_once("..").expect("CLOCKWIRE_SWARM=FROM..TO");
        from.parse().expect("a seed")..to.parse().expect("a seed")
    });
    let folder = std::env::temp_dir().join("clockwire-swarm");
    let mut failures = Vec::new();
    for seed in seeds {
        let text = draw(seed);
        let why = match catch_unwind(AssertUnwindSafe(|| faults(seed, &text))) {
            Ok(faults) if faults.is_empty() => continue,
            Ok(faults) => faults.join("; "),
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(message) => message.clone(),
                None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic").to_string(),
            },
        };
        std::fs::create_dir_all(&folder).expect("a folder for what failed");
        let file = folder.join(format!("{seed}.yaml"));
        std::fs::write(&file, &text).expect("the file is written");
        let again = format!("CLOCKWIRE_SWARM={seed}..{} cargo test --release -p clockwire-tests swarm", seed + 1);
        failures.push(format!("{again} # {}: {}", file.display(), why.replace('\n', " ")));
    }
    assert!(failures.is_empty(), "{} of the drawn experiments failed:\n{}", failures.len(), failures.join("\n"));
}

/// What is wrong with a drawn experiment.
fn faults(seed: u64, text: &str) -> Vec<String> {
    let loaded =
        topologies::load_text(&format!("swarm-{seed}.yaml"), "swarm", text, Path::new(""), &load_options(&[], None));
    let experiment = match loaded {
        Ok(experiment) => experiment,
        Err(errors) => return vec![errors.to_string()],
    };
    let plan = &experiment.points[0].plan;
    let how = How { all_hops: true, bytes_on_every_hop: true, ..sharded(1) };
    let outcome = run(plan, seed, how);
    let mut faults = judge(plan, &outcome).faults;
    faults.extend(links_disagree(plan, &outcome));
    faults.extend(damaged(plan, &outcome));
    let cut = run(plan, seed, How { shards: 3, threads: 2, ..how });
    if cut.fingerprints != outcome.fingerprints {
        let differing = (0..plan.nodes.len()).find(|node| cut.nodes[*node] != outcome.nodes[*node]);
        let node = differing.map_or("no node", |node| plan.nodes[node].name.as_str());
        faults
            .push(format!("three shards: {:x?}, one: {:x?}; first at {node}", cut.fingerprints, outcome.fingerprints));
    }
    let salted = run(plan, seed, How { tie_salt: 7, ..how });
    faults.extend(judge(plan, &salted).faults);
    faults.truncate(5);
    faults
}

/// Flows that read other bytes than were written.
fn damaged(plan: &Plan, outcome: &sim_core::Outcome) -> Vec<String> {
    let rows = outcome.table("flows").expect("the table of flows is always there");
    let column = |name: &str| rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let (flow, damaged) = (column("flow"), column("damaged_bytes"));
    let bad = rows.iter().filter(|(_, row)| row[damaged] != 0);
    bad.map(|(_, row)| format!("{} read {} wrong bytes", plan.flows[row[flow] as usize - 1].name, row[damaged]))
        .collect()
}
