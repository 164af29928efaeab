//! What Clockwire did: the same figures, from the tables of a run.

use std::collections::BTreeMap;

use experiments::How;
use sim_core::{Kind, Outcome, Rows};
use topologies::Plan;

use super::Belief;
use crate::harness::{load, root, run};

/// A column's place and the words that its integers mean, if any.
fn column(rows: &Rows, name: &str) -> (usize, &'static [&'static str]) {
    let columns = rows.table.columns;
    let at = columns.iter().position(|column| column.name == name).unwrap_or_else(|| panic!("no column {name}"));
    (at, if let Kind::Word(words) = columns[at].kind { words } else { &[] })
}

/// A time in seconds.
fn seconds(ps: u64) -> f64 {
    ps as f64 * 1e-12
}

/// Headers of a data segment: IPv4, TCP and the timestamps.
const HEADERS: f64 = 52.0;

/// A packet over a link.
pub struct Hop {
    /// Whether it goes from the client to the server.
    pub forward: bool,
    id: u64,
    flow: u64,
    length: u64,
    /// What it is.
    pub class: &'static str,
    /// When it was handed to the link, in seconds; and in picoseconds.
    pub time: f64,
    enqueued: u64,
    started: u64,
    arrived: u64,
    /// Whether the link has dropped it.
    pub dropped: bool,
}

/// A row of the table `tcp`.
pub struct Window {
    /// When, in seconds.
    pub time: f64,
    /// Congestion window.
    pub cwnd: f64,
    /// Threshold; nothing before it is set.
    pub ssthresh: Option<f64>,
    /// Why it changed.
    pub cause: &'static str,
}

/// A run of a scenario, and its tables.
pub struct Measured {
    plan: Plan,
    outcome: Outcome,
    /// Every packet, in the order of sending.
    pub hops: Vec<Hop>,
    /// Every change of the first flow's window.
    pub windows: Vec<Window>,
}

impl Measured {
    /// Runs the scenario's file.
    pub fn of(scenario: &str) -> Measured {
        let experiment = load(&root().join(format!("experiments/linux/{scenario}.yaml")), &[]);
        let plan = experiment.points.into_iter().next().expect("a point").plan;
        let outcome = run(&plan, experiment.seeds[0], How { all_hops: true, ..How::default() });
        let (hops, windows) = (hops(&plan, &outcome), windows(&outcome));
        Measured { plan, outcome, hops, windows }
    }

    fn table(&self, name: &str) -> &Rows {
        self.outcome.table(name).unwrap_or_else(|| panic!("no table {name}"))
    }

    /// When the simulation ended.
    pub fn end(&self) -> f64 {
        self.plan.stop.seconds()
    }

    /// A figure of the flow: the integer of its row.
    pub fn flow(&self, name: &str) -> f64 {
        let rows = self.table("flows");
        assert_eq!(rows.len(), 1, "one flow");
        rows.row(0).1[column(rows, name).0] as f64
    }

    /// Mean of a column of times of the requests, in milliseconds.
    pub fn requests_mean(&self, name: &str) -> f64 {
        let rows = self.table("requests");
        let at = column(rows, name).0;
        rows.iter().map(|(_, row)| seconds(row[at]) * 1e3).sum::<f64>() / rows.len() as f64
    }

    /// Number and latency, in seconds, of each request.
    pub fn latencies(&self) -> Vec<(f64, f64)> {
        let rows = self.table("requests");
        let [number, latency] = ["number", "latency_s"].map(|name| column(rows, name).0);
        rows.iter().map(|(_, row)| (row[number] as f64, seconds(row[latency]))).collect()
    }

    /// Packets from the server: all, and those with SACK blocks.
    pub fn acknowledgements(&self) -> [f64; 2] {
        let rows = self.table("packets");
        let [port, sack] = ["port", "sack1_left"].map(|name| column(rows, name).0);
        let back: Vec<&[u64]> = rows
            .iter()
            .map(|(_, row)| row)
            .filter(|row| experiments::port_name(&self.plan, row[port]) == "path.reverse")
            .collect();
        [back.len(), back.iter().filter(|row| row[sack] != u64::MAX).count()].map(|count| count as f64)
    }

    /// From the first SYN to the acknowledgement that makes the connection, in milliseconds.
    pub fn handshake(&self) -> f64 {
        let syn = self.hops.iter().find(|hop| hop.class == "syn").expect("a SYN");
        let answer = self.hops.iter().find(|hop| hop.forward && hop.class == "ack").expect("its acknowledgement");
        (answer.time - syn.time) * 1e3
    }

    /// Data segments from the client, of the first flow, in the order of sending; the first has number 1.
    pub fn data(&self) -> Vec<&Hop> {
        let first = self.hops.first().map(|hop| hop.flow);
        let of = |hop: &&Hop| hop.forward && hop.class == "data" && Some(hop.flow) == first;
        self.hops.iter().filter(of).collect()
    }

    /// When each data segment of the first flow's client left, and its first byte's number; the stream's first byte has 1.
    pub fn sequence(&self) -> Vec<(f64, f64)> {
        let rows = self.table("packets");
        let [flow, port, enqueued, seq, payload] =
            ["flow", "port", "enqueued_s", "seq", "payload_bytes"].map(|name| column(rows, name).0);
        let forward = |row: &&[u64]| experiments::port_name(&self.plan, row[port]) == "path.forward";
        let mut sent: Vec<&[u64]> = rows.iter().map(|(_, row)| row).filter(forward).collect();
        sent.sort_by_key(|row| row[enqueued]);
        let syn = *sent.first().expect("a SYN");
        let first = syn[seq] as u32;
        let number = |row: &&[u64]| (seconds(row[enqueued]), f64::from((row[seq] as u32).wrapping_sub(first)));
        sent.iter().filter(|row| row[payload] > 0 && row[flow] == syn[flow]).map(number).collect()
    }

    /// How many packets waited before each segment that left before the first of them was acknowledged.
    pub fn first_flight(&self) -> Vec<u64> {
        let first = self.data()[0].arrived;
        let answer = self.hops.iter().find(|hop| !hop.forward && hop.enqueued >= first).expect("an acknowledgement");
        let forward: Vec<&Hop> = self.hops.iter().filter(|hop| hop.forward && hop.enqueued < answer.arrived).collect();
        let position = |at: usize| {
            let waits = |before: &&&Hop| !before.dropped && before.started > forward[at].enqueued;
            forward[..at].iter().filter(waits).count() as u64
        };
        (0..forward.len()).filter(|at| forward[*at].class == "data").map(position).collect()
    }

    /// The data segments that were dropped: their number, and when they came.
    pub fn drops(&self) -> Vec<(f64, f64)> {
        let data = self.data();
        data.iter().enumerate().filter(|(_, hop)| hop.dropped).map(|(at, hop)| ((at + 1) as f64, hop.time)).collect()
    }

    /// Bytes of data that arrived after a moment, flow by flow.
    pub fn delivered(&self, from: f64) -> Vec<f64> {
        let mut bytes: BTreeMap<u64, f64> = BTreeMap::new();
        let data = self.hops.iter().filter(|hop| hop.forward && hop.class == "data" && !hop.dropped);
        for hop in data.filter(|hop| seconds(hop.arrived) >= from) {
            *bytes.entry(hop.flow).or_default() += hop.length as f64 - HEADERS;
        }
        bytes.into_values().collect()
    }

    /// The window at a moment.
    pub fn cwnd_at(&self, time: f64) -> f64 {
        let at = self.windows.partition_point(|row| row.time <= time);
        self.windows[at.checked_sub(1).expect("there was a window")].cwnd
    }

    /// The window before what happened at a moment.
    pub fn cwnd_before(&self, time: f64) -> f64 {
        let at = self.windows.partition_point(|row| row.time < time);
        self.windows[at.checked_sub(1).expect("there was a window")].cwnd
    }

    /// What the client's control believed of the path, change by change; nothing from one that believes nothing.
    pub fn beliefs(&self) -> Vec<Belief> {
        let Some(rows) = self.outcome.table("rates") else { return Vec::new() };
        let [node, bandwidth, cwnd] = ["node", "bandwidth_bps", "cwnd_segments"].map(|name| column(rows, name).0);
        let (mode, words) = column(rows, "mode");
        let client = |row: &[u64]| self.plan.nodes[row[node] as usize].name == "client";
        let belief = |(time, row): (sim_core::Time, &[u64])| Belief {
            time: time.seconds(),
            cwnd: row[cwnd] as f64,
            bandwidth: row[bandwidth] as f64 * 1e-6,
            startup: words[row[mode] as usize] == "startup",
        };
        rows.iter().filter(|(_, row)| client(row)).map(belief).collect()
    }

    /// Rows of one cause.
    pub fn changes(&self, cause: &str) -> Vec<&Window> {
        self.windows.iter().filter(|row| row.cause == cause).collect()
    }

    /// The states that each connection's two ends went through, in the order of the connections' ports.
    pub fn states(&self) -> Vec<String> {
        let rows = self.table("states");
        let [node, local, remote] = ["node", "local_port", "remote_port"].map(|name| column(rows, name).0);
        let (to, words) = column(rows, "to");
        let mut paths: BTreeMap<u64, [Vec<String>; 2]> = BTreeMap::new();
        for (_, row) in rows.iter() {
            let server = self.plan.nodes[row[node] as usize].name == "server";
            let word = super::state(words[row[to] as usize]);
            // A socket that is gone has no state.
            if word != "CLOSED" {
                let port = if server { row[remote] } else { row[local] };
                paths.entry(port).or_default()[usize::from(server)].push(word);
            }
        }
        paths
            .values()
            .map(|[client, server]| format!("client {}; server {}", client.join(" "), server.join(" ")))
            .collect()
    }

    /// How many packets each transaction took, run by run of equal ones. It begins with its SYN where it has a connection of its own, with its
    /// request otherwise; opening and closing a connection that they share is no part of any.
    pub fn packets_per_transaction(&self) -> String {
        let own = self.hops.iter().filter(|hop| hop.class == "syn").count() > 1;
        let mut counts = Vec::new();
        for hop in &self.hops {
            if hop.forward && hop.class == if own { "syn" } else { "data" } {
                counts.push(0);
            }
            if hop.class == "fin" && !own {
                break;
            }
            if let Some(count) = counts.last_mut() {
                *count += 1;
            }
        }
        super::runs(&counts)
    }
}

fn hops(plan: &Plan, outcome: &Outcome) -> Vec<Hop> {
    let rows = outcome.table("hops").expect("every hop was recorded");
    let [port, id, flow, length, enqueued, started, arrived] =
        ["port", "packet", "flow", "length_bytes", "enqueued_s", "started_s", "arrived_s"]
            .map(|name| column(rows, name).0);
    let ((class, classes), (fate, fates)) = (column(rows, "class"), column(rows, "fate"));
    let hop = |row: &[u64]| Hop {
        forward: experiments::port_name(plan, row[port]) == "path.forward",
        id: row[id],
        flow: row[flow],
        length: row[length],
        class: classes[row[class] as usize],
        time: seconds(row[enqueued]),
        enqueued: row[enqueued],
        started: row[started],
        arrived: row[arrived],
        dropped: !["delivered", "under_way"].contains(&fates[row[fate] as usize]),
    };
    let mut hops: Vec<Hop> = rows.iter().map(|(_, row)| hop(row)).collect();
    hops.sort_by_key(|hop| (hop.enqueued, hop.id));
    hops
}

fn windows(outcome: &Outcome) -> Vec<Window> {
    let rows = outcome.table("tcp").expect("the flow is traced");
    let [flow, cwnd, ssthresh] = ["flow", "cwnd_segments", "ssthresh_segments"].map(|name| column(rows, name).0);
    let first = rows.row(0).1[flow];
    let (cause, causes) = column(rows, "cause");
    let window = |(time, row): (sim_core::Time, &[u64])| Window {
        time: time.seconds(),
        cwnd: row[cwnd] as f64,
        ssthresh: (row[ssthresh] != u64::MAX).then_some(row[ssthresh] as f64),
        cause: causes[row[cause] as usize],
    };
    rows.iter().filter(|(_, row)| row[flow] == first).map(window).collect()
}
