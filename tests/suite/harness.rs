//! What the tests over whole experiments share: the files, short runs, and a plan as the oracle reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clockwire_tests::oracle::{Audit, Overtake, PortFacts, audit_text};
use experiments::{How, load_options, port_name, seconds, simulate};
use sim_core::{Amount, Change, Outcome, Rows, Speed};
use topologies::{Experiment, Plan, PortPlan};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository is above this crate")
}

/// The experiment files, benches left out, in the order of their names.
pub fn experiment_files() -> Vec<PathBuf> {
    let folder = root().join("experiments");
    let entries = std::fs::read_dir(&folder).expect("the folder of experiments");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .collect();
    files.sort();
    assert!(!files.is_empty(), "no experiments in {}", folder.display());
    files
}

/// Seconds of simulated time after which a longer experiment is cut off.
const SHORT: u64 = 3;

/// An experiment, with settings as the command line gives them.
pub fn load(path: &Path, sets: &[String]) -> Experiment {
    topologies::load(path, &load_options(sets, None)).unwrap_or_else(|errors| panic!("{errors}"))
}

/// An experiment, cut off where it is long.
pub fn load_short(path: &Path) -> Experiment {
    let whole = load(path, &[]);
    let long = whole.points.iter().any(|point| point.plan.stop.ps() > SHORT * 1_000_000_000_000);
    if long { load(path, &[format!("stop={SHORT} s")]) } else { whole }
}

/// A run with another number of shards, each with a thread where the machine has two.
pub fn sharded(shards: usize) -> How {
    How { shards, threads: shards.min(2), ..How::default() }
}

/// Runs a plan.
pub fn run(plan: &Plan, seed: u64, how: How) -> Outcome {
    simulate(plan, seed, how, &|_| ()).0
}

/// The table of hops as CSV, with the columns that the oracle reads.
pub fn hops_csv(plan: &Plan, outcome: &Outcome) -> String {
    let rows = outcome.table("hops").expect("every hop was recorded");
    let names = ["port", "packet", "wire_bytes", "enqueued_s", "started_s", "ended_s", "arrived_s", "fate"];
    let column = |name: &str| {
        let columns = rows.table.columns;
        columns.iter().position(|column| column.name == name).unwrap_or_else(|| panic!("no column {name}"))
    };
    let [port, packet, bytes, enqueued, started, ended, arrived, fate] = names.map(column);
    let sim_core::Kind::Word(fates) = rows.table.columns[fate].kind else { panic!("a fate is a word") };
    let time = |value: u64| if value == u64::MAX { String::new() } else { seconds(value) };
    let mut csv = names.join(",") + "\n";
    for (_, row) in rows.iter() {
        csv += &format!(
            "{},{},{},{},{},{},{},{}\n",
            port_name(plan, row[port]),
            row[packet],
            row[bytes],
            time(row[enqueued]),
            time(row[started]),
            time(row[ended]),
            time(row[arrived]),
            fates[row[fate] as usize]
        );
    }
    csv
}

/// What a plan says of its ports, in the oracle's words.
pub fn facts(plan: &Plan) -> Vec<PortFacts> {
    let ports = plan.ports.iter().enumerate().filter(|(_, port)| !port.config.blocked);
    ports.map(|(at, port)| port_facts(plan, at as u32, port)).collect()
}

fn port_facts(plan: &Plan, at: u32, port: &PortPlan) -> PortFacts {
    let config = &port.config;
    let name_of = |node: u32| plan.nodes[node as usize].name.clone();
    let bps = |speed: &Speed| match speed {
        Speed::Infinite => Some(None),
        Speed::Rate(rate) => Some(Some(rate.bps())),
        Speed::Trace(_) => None,
    };
    let models = &config.impairments;
    let mut facts = PortFacts {
        name: config.name.clone(),
        from: name_of(port.node),
        to: name_of(plan.ports[port.peer as usize].node),
        overhead: u64::from(config.overhead),
        frame_min: u64::from(config.frame_min),
        delay: vec![(0, config.delay.ps())],
        jitter: models.jitter.is_some(),
        overtake: models.reorder.map(|reorder| match reorder.by {
            Some(by) => Overtake::By(by.ps()),
            None => Overtake::HalfTheDelay,
        }),
        unordered: models.jitter.is_some_and(|jitter| jitter.reorder),
        fifo: config.queue.name() != "codel",
        ..PortFacts::default()
    };
    let mut rates = vec![(0, bps(&config.speed))];
    limit(&mut facts, 0, config.queue.limit());
    let mut fate = |there: bool, word: &str| {
        if there {
            facts.fates.push(word.into());
        }
    };
    fate(config.queue.name() == "red", "red");
    fate(config.queue.name() == "codel", "codel");
    fate(!models.forced.is_empty(), "forced_loss");
    let mut random = models.loss.is_some();
    let mut down_since = None;
    for event in plan.events.iter().filter(|event| event.ports.contains(&at)) {
        let when = event.at.ps();
        match &event.change {
            Change::Speed(speed) => rates.push((when, bps(speed))),
            Change::Delay(delay) => facts.delay.push((when, delay.ps())),
            Change::Loss(loss) => random |= loss.is_some(),
            Change::QueueLimit(amount) => limit(&mut facts, when, *amount),
            Change::Down => down_since = down_since.or(Some(when)),
            Change::Up => facts.down.extend(down_since.take().map(|since| (since, when))),
            Change::Fault(_) => {}
        }
    }
    facts.down.extend(down_since.map(|since| (since, u64::MAX)));
    if random {
        facts.fates.push("loss".into());
    }
    // With a trace the oracle knows no rate at all.
    facts.rate =
        rates.into_iter().map(|(when, rate)| rate.map(|rate| (when, rate))).collect::<Option<_>>().unwrap_or_default();
    facts
}

fn limit(facts: &mut PortFacts, when: u64, amount: Amount) {
    facts.limit.push((
        when,
        match amount {
            Amount::Packets(count) => (Some(u64::from(count)), None),
            Amount::Bytes(size) => (None, Some(size.bytes())),
        },
    ));
}

/// The oracle's judgement of a run that recorded every hop.
pub fn judge(plan: &Plan, outcome: &Outcome) -> Audit {
    audit_text(&hops_csv(plan, outcome), &facts(plan))
}

/// Where the table of links does not say what the table of hops says.
pub fn links_disagree(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let (links, hops) = (outcome.table("links").expect("always there"), outcome.table("hops").expect("recorded"));
    let column = |rows: &Rows, name: &str| {
        rows.table.columns.iter().position(|column| column.name == name).unwrap_or_else(|| panic!("no column {name}"))
    };
    let [port, bytes, started, fate] = ["port", "wire_bytes", "started_s", "fate"].map(|name| column(hops, name));
    let sim_core::Kind::Word(fates) = hops.table.columns[fate].kind else { panic!("a fate is a word") };
    let names =
        ["received_packets", "sent_packets", "sent_bytes", "queue_full_packets", "loss_packets", "down_packets"];
    let mut counted: BTreeMap<u64, [u64; 6]> = BTreeMap::new();
    for (_, row) in hops.iter() {
        let counts = counted.entry(row[port]).or_default();
        counts[0] += 1;
        if row[started] != u64::MAX {
            counts[1] += 1;
            counts[2] += row[bytes];
        }
        match fates[row[fate] as usize] {
            "queue_full" => counts[3] += 1,
            "loss" | "forced_loss" => counts[4] += 1,
            "link_down" => counts[5] += 1,
            _ => {}
        }
    }
    let (link, columns) = (column(links, "link"), names.map(|name| column(links, name)));
    let mut faults = Vec::new();
    for (_, row) in links.iter() {
        let counted = counted.get(&row[link]).copied().unwrap_or_default();
        let told = columns.map(|column| row[column]);
        if told != counted {
            faults
                .push(format!("{}: {names:?} are {told:?}, but the hops give {counted:?}", port_name(plan, row[link])));
        }
    }
    faults
}
