//! Drawn experiments: on any number of shards they are the same run, the oracle finds nothing, no packet is lost from the books, every byte
//! that is read is the one that was written, and where all links are repaired each stream ends. More seeds: `CLOCKWIRE_SWARM=0..5000`, or one.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use clockwire_tests::swarm::{Drawn, draw};
use experiments::{How, load_options};
use sim_core::{Kind, Outcome};
use sim_protocols::{AppConfig, Closing};
use topologies::Plan;

use crate::conservation::{columns, links_disagree, vanished};
use crate::harness::{judge, run, sharded};

/// Seeds without an environment variable.
const SEEDS: Range<u64> = 0..100;

/// The environment variable: a seed, or `FROM..TO`.
const VARIABLE: &str = "CLOCKWIRE_SWARM";

#[test]
fn drawn_experiments_hold_every_law() {
    let seeds = std::env::var(VARIABLE).map_or(SEEDS, |text| seeds(&text));
    let scratch = Scratch(std::env::temp_dir().join(format!("clockwire-swarm-{}", std::process::id())));
    let (mut failures, count) = (Vec::new(), seeds.end - seeds.start);
    for seed in seeds {
        let drawn = draw(seed);
        let folder = scratch.0.join(seed.to_string());
        std::fs::create_dir_all(&folder).expect("a folder for what is drawn");
        std::fs::write(folder.join("trace.txt"), &drawn.trace).expect("the trace is written");
        let why = match catch_unwind(AssertUnwindSafe(|| faults(seed, &drawn, &folder))) {
            Ok(faults) if faults.is_empty() => continue,
            Ok(faults) => faults.join("; "),
            Err(panic) => match panic.downcast_ref::<String>() {
                Some(message) => message.clone(),
                None => panic.downcast_ref::<&str>().copied().unwrap_or("a panic").to_string(),
            },
        };
        let kept = std::env::temp_dir().join("clockwire-swarm").join(seed.to_string());
        std::fs::create_dir_all(&kept).expect("a folder for what failed");
        std::fs::write(kept.join("trace.txt"), &drawn.trace).expect("the trace is kept");
        std::fs::write(kept.join("swarm.yaml"), &drawn.text).expect("the file is kept");
        let failure = format!("{} # {}: {}", again(seed), kept.join("swarm.yaml").display(), why.replace('\n', " "));
        // At once too: whoever waits for thousands of seeds wants to see the first.
        eprintln!("{failure}");
        failures.push(failure);
    }
    assert!(failures.is_empty(), "{} of {count} drawn experiments failed:\n{}", failures.len(), failures.join("\n"));
}

/// Where this run's files are; it goes away with it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What failed is kept elsewhere.
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The line that does a seed again.
fn again(seed: u64) -> String {
    format!("{VARIABLE}={seed} cargo test --release -p clockwire-tests --test suite drawn_experiments_hold_every_law")
}

/// The seeds that the environment variable names.
pub fn seeds(text: &str) -> Range<u64> {
    let number =
        |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("{VARIABLE}={text}: SEED or FROM..TO is due"));
    match text.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => number(text)..number(text) + 1,
    }
}

#[test]
fn the_line_that_a_failure_prints_does_its_seed_alone() {
    let line = again(17);
    let mut words = line.split(' ');
    let (name, value) = words.next().and_then(|word| word.split_once('=')).expect("a variable stands first");
    assert_eq!((name, seeds(value)), (VARIABLE, 17..18));
    assert_eq!(seeds("3..9"), 3..9);
    assert_eq!(words.next_back(), Some("drawn_experiments_hold_every_law"), "the name of the test above");
}

/// Seed 21909: the SYN found no route, so no link told the connection how long its segments may be, and what it sent was too long for its
/// own link for ever.
#[test]
fn a_connection_that_opens_while_its_link_is_down_sends_segments_that_fit_the_link_later() {
    let text = "clockwire: 1\nname: x\nstop: 60 s\ndefaults: { host: { tcp: { mss: 1239 B } } }\nhosts: { a: {}, b: {} }\nrouters: { r: {} }\n\
        links:\n  - a -- r: { name: access, mtu: 838 B, rate: 10 Mbit/s, delay: 1 ms }\n  - b -- r: { mtu: 910 B, rate: 10 Mbit/s }\n\
        events: [ { at: 0 s, link: access, down: 500 ms } ]\n\
        workload: { bulk: { from: a, to: b, start: 1 ms, tcp: { bytes: 20 kB, data: pattern } } }\n\
        outputs: { tables: [hops, packets, flows, drops, tcp] }\n";
    let drawn = Drawn { text: text.into(), trace: String::new(), heals: true };
    assert_eq!(faults(1, &drawn, Path::new("")), Vec::<String>::new());
}

/// What is wrong with a drawn experiment.
fn faults(seed: u64, drawn: &Drawn, folder: &Path) -> Vec<String> {
    let name = format!("swarm-{seed}.yaml");
    let experiment = match topologies::load_text(&name, "swarm", &drawn.text, folder, &load_options(&[], None)) {
        Ok(experiment) => experiment,
        Err(errors) => return vec![errors.to_string()],
    };
    let plan = &experiment.points[0].plan;
    let how = How { all_hops: true, bytes_on_every_hop: true, ..sharded(1) };
    let outcome = run(plan, seed, how);
    let mut faults = judge(plan, &outcome).faults;
    faults.extend(links_disagree(plan, &outcome));
    faults.extend(vanished(plan, &outcome));
    faults.extend(flows(plan, &outcome, drawn.heals));
    let shards: &[usize] = if seed.is_multiple_of(5) { &[1, 2, 3, 8] } else { &[[2, 3, 8][seed as usize % 3]] };
    for shards in shards {
        let other = run(plan, seed, How { shards: *shards, threads: 2.min(*shards), ..how });
        faults.extend(differs(plan, *shards, &outcome, &other));
    }
    let salted = run(plan, seed, How { tie_salt: 7, ..how });
    faults.extend(judge(plan, &salted).faults);
    faults.extend(links_disagree(plan, &salted));
    faults.extend(flows(plan, &salted, drawn.heals));
    faults.truncate(5);
    faults
}

/// Where a run on several shards is another one.
fn differs(plan: &Plan, shards: usize, one: &Outcome, other: &Outcome) -> Option<String> {
    if one.fingerprints == other.fingerprints && one.captured == other.captured {
        return None;
    }
    let node = (0..plan.nodes.len()).find(|node| one.nodes[*node] != other.nodes[*node]);
    let node = node.map_or("no node", |node| plan.nodes[node].name.as_str());
    Some(format!("{shards} shards: {:x?}, one: {:x?}; first at {node}", other.fingerprints, one.fingerprints))
}

/// Flows that read other bytes than were written, fewer than they claim, or hang though every link works again.
fn flows(plan: &Plan, outcome: &Outcome, heals: bool) -> Vec<String> {
    let rows = outcome.table("flows").expect("the table of flows is always there");
    let [flow, bytes, damaged, how] = columns(rows, ["flow", "bytes", "damaged_bytes", "outcome"]);
    let Kind::Word(words) = rows.table.columns[how].kind else { panic!("an outcome is a word") };
    let mut faults = Vec::new();
    for (_, row) in rows.iter() {
        let of = &plan.flows[row[flow] as usize - 1];
        let (name, outcome) = (&of.name, words[row[how] as usize]);
        if row[damaged] != 0 {
            faults.push(format!("{name} read {} wrong bytes", row[damaged]));
        }
        if heals && of.is_tcp() && matches!(outcome, "running" | "not_started" | "timed_out") {
            faults.push(format!("{name} is {outcome} long after all links were repaired, with {} bytes", row[bytes]));
        }
        let AppConfig::Bulk(bulk) = &of.config.app else { continue };
        let whole = bulk.bytes.as_ref().filter(|_| bulk.stop.is_none() && bulk.close != Closing::Reset);
        if let Some(whole) = whole.filter(|whole| outcome == "finished" && row[bytes] != whole.mean().bytes()) {
            faults.push(format!("{name} has finished with {} of {}", row[bytes], whole.mean()));
        }
    }
    faults
}
