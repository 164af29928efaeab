//! What the tests over whole experiments share: the files, short runs, and a plan as the oracle reads it.

use std::path::{Path, PathBuf};

use clockwire_tests::oracle::{Audit, CoDel, Limits, Overtake, PortFacts, Speed, audit_text};
use experiments::{How, load_options, port_name, seconds, simulate};
use sim_core::{Amount, Change, JitterShape, Outcome, QueueConfig};
use topologies::{Experiment, Named, NodeKind, Plan, PortPlan};

use crate::conservation::{columns, words};

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the repository is above this crate")
}

/// The experiment files, benches left out, in the order of their names.
pub fn experiment_files() -> Vec<PathBuf> {
    yaml_files("experiments")
}

/// The files of the benches.
pub fn bench_files() -> Vec<PathBuf> {
    yaml_files("experiments/bench")
}

/// The experiments that are held against captures of a real kernel.
pub fn linux_files() -> Vec<PathBuf> {
    yaml_files("experiments/linux")
}

fn yaml_files(folder: &str) -> Vec<PathBuf> {
    let folder = root().join(folder);
    let entries = std::fs::read_dir(&folder).expect("a folder of experiments");
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

/// An experiment with some settings.
pub fn load(path: &Path, sets: &[String]) -> Experiment {
    topologies::load(path, &load_options(sets, None)).unwrap_or_else(|errors| panic!("{errors}"))
}

/// An experiment, cut off where it is long; a bench after a fortieth of its time.
pub fn load_short(path: &Path) -> Experiment {
    let whole = load(path, &[]);
    if path.parent().is_some_and(|folder| folder.ends_with("bench")) {
        return load(path, &[format!("stop={} us", whole.points[0].plan.stop.ps() / 40_000_000)]);
    }
    let long = whole.points.iter().any(|point| point.plan.stop.ps() > SHORT * 1_000_000_000_000);
    if long { load(path, &[format!("stop={SHORT} s")]) } else { whole }
}

/// An experiment that ends at a given time.
pub fn load_until(path: &Path, stop: &str) -> Experiment {
    load(path, &[format!("stop={stop}")])
}

/// A run with another number of shards, each with a thread where the machine has two.
pub fn sharded(shards: usize) -> How {
    How { shards, threads: shards.min(2), ..How::default() }
}

/// Runs a plan. Where every hop is recorded, what the packets say is too.
pub fn run(plan: &Plan, seed: u64, how: How) -> Outcome {
    if !how.all_hops {
        return simulate(plan, seed, how, &|_| ()).0;
    }
    let mut plan = plan.clone();
    plan.outputs.tables.push(Named { name: "packets".into(), place: None, path: String::new() });
    simulate(&plan, seed, how, &|_| ()).0
}

/// The table of hops as CSV, with the columns that the oracle reads; the last one is of the table of packets, which has the same rows.
pub fn hops_csv(plan: &Plan, outcome: &Outcome) -> String {
    let rows = outcome.table("hops").expect("every hop was recorded");
    let packets = outcome.table("packets").expect("what they say was recorded");
    assert_eq!(rows.len(), packets.len(), "a row for each hop in both");
    let names = ["port", "packet", "wire_bytes", "enqueued_s", "started_s", "ended_s", "arrived_s", "fate"];
    let [port, packet, bytes, enqueued, started, ended, arrived, fate] = columns(rows, names);
    let [same, ecn] = columns(packets, ["packet", "ecn"]);
    let (fates, ecns) = (words(rows, fate), words(packets, ecn));
    let time = |value: u64| if value == u64::MAX { String::new() } else { seconds(value) };
    let mut csv = format!("time_s,{},ecn\n", names.join(","));
    for ((when, row), (_, says)) in rows.iter().zip(packets.iter()) {
        assert_eq!(row[packet], says[same], "the rows of a hop stand at the same place");
        csv += &format!(
            "{},{},{},{},{},{},{},{},{},{}\n",
            seconds(when.ps()),
            port_name(plan, row[port]),
            row[packet],
            row[bytes],
            time(row[enqueued]),
            time(row[started]),
            time(row[ended]),
            time(row[arrived]),
            fates[row[fate] as usize],
            ecns.get(says[ecn] as usize).copied().unwrap_or_default()
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
    let models = &config.impairments;
    let codel = match &config.queue {
        QueueConfig::CoDel(codel) => Some(CoDel {
            target: codel.target.ps(),
            interval: codel.interval.ps(),
            frame_max: u64::from((config.mtu + config.overhead).max(config.frame_min)),
        }),
        _ => None,
    };
    let mut facts = PortFacts {
        name: config.name.clone(),
        from: plan.nodes[port.node as usize].name.clone(),
        to: plan.nodes[plan.ports[port.peer as usize].node as usize].name.clone(),
        from_host: plan.nodes[port.node as usize].kind == NodeKind::Host,
        overhead: u64::from(config.overhead),
        frame_min: u64::from(config.frame_min),
        speed: vec![(0, speed(&config.speed))],
        delay: vec![(0, config.delay.ps())],
        limit: vec![(0, limit(config.queue.limit()))],
        jitter: models.jitter.map(|jitter| jitter.span.ps() * most_jitter(jitter.shape)),
        overtake: models.reorder.map(|reorder| match reorder.by {
            Some(by) => Overtake::By(by.ps()),
            None => Overtake::HalfTheDelay,
        }),
        unordered: models.jitter.is_some_and(|jitter| jitter.reorder),
        marks: config.queue.marks(),
        codel,
        ..PortFacts::default()
    };
    let mut fate = |there: bool, word: &str| {
        if there {
            facts.fates.push(word.into());
        }
    };
    fate(config.queue.name() != "droptail", "early");
    fate(!models.forced.is_empty(), "forced_loss");
    befalls(plan, at, models.loss.is_some(), &mut facts);
    facts
}

/// What events do to a port.
fn befalls(plan: &Plan, at: u32, mut random: bool, facts: &mut PortFacts) {
    let mut down_since = None;
    for event in plan.events.iter().filter(|event| event.ports.contains(&at)) {
        let when = event.at.ps();
        match &event.change {
            Change::Speed(to) => facts.speed.push((when, speed(to))),
            Change::Delay(delay) => facts.delay.push((when, delay.ps())),
            Change::Loss(loss) => random |= loss.is_some(),
            Change::QueueLimit(amount) => facts.limit.push((when, limit(*amount))),
            Change::Down => down_since = down_since.or(Some(when)),
            Change::Up => facts.down.extend(down_since.take().map(|since| (since, when))),
            Change::Fault(_) => {}
        }
    }
    facts.down.extend(down_since.map(|since| (since, u64::MAX)));
    if random {
        facts.fates.push("loss".into());
    }
}

fn speed(speed: &sim_core::Speed) -> Speed {
    match speed {
        sim_core::Speed::Infinite => Speed::Infinite,
        sim_core::Speed::Rate(rate) => Speed::Rate(rate.bps()),
        sim_core::Speed::Trace(trace) => Speed::Trace(trace.stamps_ms().to_vec()),
    }
}

/// The most that jitter adds, in spans. An exponential one has no most; e to the 64 packets are not sent.
fn most_jitter(shape: JitterShape) -> u64 {
    match shape {
        JitterShape::Uniform => 2,
        JitterShape::Normal => 8,
        JitterShape::Exponential => 64,
    }
}

fn limit(amount: Amount) -> Limits {
    match amount {
        Amount::Packets(count) => (Some(u64::from(count)), None),
        Amount::Bytes(size) => (None, Some(size.bytes())),
    }
}

/// The oracle's judgement of a run that recorded every hop; marks are held against what the links have counted.
pub fn judge(plan: &Plan, outcome: &Outcome) -> Audit {
    let mut audit = audit_text(&hops_csv(plan, outcome), &facts(plan));
    let links = outcome.table("links").expect("always there");
    let [link, marks] = columns(links, ["link", "marks_packets"]);
    for (_, row) in links.iter() {
        let name = port_name(plan, row[link]);
        let (least, most) = audit.marks.get(&name).copied().unwrap_or_default();
        if !(least..=most).contains(&row[marks]) {
            audit.faults.push(format!("{name}: counts {} marks, but its packets show {least} to {most}", row[marks]));
        }
    }
    audit
}
