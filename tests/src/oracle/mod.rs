//! The oracle: replays the table of packet-hops against what the plan says of each port. It shares no code with the engine, reads its CSV only,
//! and knows these laws:
//!
//! | law | module |
//! | --- | --- |
//! | a packet leaves a node where it was made or to which it came, not before it came; it is marked where a queue may mark it, once, and keeps the mark | `packets` |
//! | a link sends one packet at a time, never faster than its rate, or in the opportunities of its trace | `sending`, `trace` |
//! | nothing arrives before the link's delay is over, nor later than that and the most that jitter adds | `sending` |
//! | a queue holds no more than its limit, and every drop has a reason that was true at that moment | `queue` |
//! | CoDel drops and marks when RFC 8289 says so, and then alone | `codel` |
//!
//! What it does not judge: whether chance was fair (tests of the models do), RED's average, and CoDel from the moment on when several packets
//! leave a trace-driven link at once in an order that the table does not tell.

mod codel;
mod facts;
mod packets;
mod queue;
mod sending;
mod trace;

use std::collections::BTreeMap;
use std::path::Path;

pub use facts::{CoDel, Limits, Overtake, PortFacts, Speed};

/// Picoseconds in a second.
const SECOND: u128 = 1_000_000_000_000;

/// The field of a packet for explicit congestion notification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ecn {
    NotEct,
    Ect0,
    Ect1,
    Ce,
}

/// One row of the table.
#[derive(Clone, Debug)]
struct Hop {
    /// Its place in the table.
    row: usize,
    /// The moment of the row: of its arrival, or of its drop.
    time: u64,
    port: usize,
    packet: u64,
    bytes: u64,
    enqueued: u64,
    started: Option<u64>,
    ended: Option<u64>,
    arrived: Option<u64>,
    fate: String,
    /// Its ECN field behind this queue; `None` where the table does not tell, or it has none.
    ecn: Option<Ecn>,
    /// Whether this queue has marked it; `None` where that cannot be known.
    marked: Option<bool>,
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Audit {
    /// Rows that were looked at.
    pub hops: usize,
    /// Decisions of CoDel that were judged.
    pub codel: usize,
    /// Packets of trace-driven links.
    pub traced: usize,
    /// Least and most marks that the packets of a direction show.
    pub marks: BTreeMap<String, (u64, u64)>,
    /// What broke a law, in words; at most a hundred.
    pub faults: Vec<String>,
}

impl Audit {
    fn fault(&mut self, text: String) {
        if self.faults.len() < 100 {
            self.faults.push(text);
        }
    }
}

/// `12.000000000345` seconds as picoseconds, exactly.
fn picoseconds(text: &str) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let mut digits = fraction.to_string();
    assert!(digits.len() <= 12, "a time in picoseconds has at most 12 decimals: {text}");
    while digits.len() < 12 {
        digits.push('0');
    }
    let ps = whole.parse::<u128>().expect("seconds") * SECOND + digits.parse::<u128>().expect("a fraction");
    Some(u64::try_from(ps).expect("a time below 213 days"))
}

/// Audits the table of hops in a file against the plan's facts.
pub fn audit(csv: &Path, ports: &[PortFacts]) -> Audit {
    let text = std::fs::read_to_string(csv).unwrap_or_else(|error| panic!("{}: {error}", csv.display()));
    audit_text(&text, ports)
}

/// Audits the table of hops, as CSV, against the plan's facts.
pub fn audit_text(csv: &str, ports: &[PortFacts]) -> Audit {
    let mut audit = Audit::default();
    let index: BTreeMap<&str, usize> = ports.iter().enumerate().map(|(at, port)| (port.name.as_str(), at)).collect();
    let mut hops = read(csv, &index, &mut audit);
    audit.hops = hops.len();
    packets::travelled(ports, &mut hops, &mut audit);
    let mut of_port: Vec<Vec<&Hop>> = vec![Vec::new(); ports.len()];
    hops.iter().for_each(|hop| of_port[hop.port].push(hop));
    for (facts, mut here) in ports.iter().zip(of_port) {
        // Of those that come at one moment, the ones that were let in stand first.
        here.sort_by_key(|hop| (hop.enqueued, hop.fate == "queue_full", hop.started.unwrap_or(u64::MAX)));
        let sent = sending::serialised(facts, &here, &mut audit);
        sending::punctual(facts, &sent, &mut audit);
        queue::bounded(facts, &here, &mut audit);
        queue::explained(facts, &here, &mut audit);
        if let Some(codel) = &facts.codel {
            codel::replayed(facts, codel, &here, &mut audit);
        }
    }
    audit
}

fn read(csv: &str, index: &BTreeMap<&str, usize>, audit: &mut Audit) -> Vec<Hop> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().expect("a header line").clone();
    let place = |name: &str| headers.iter().position(|header| header == name);
    let column = |name: &str| place(name).unwrap_or_else(|| panic!("no column {name}"));
    let names = ["time_s", "port", "packet", "wire_bytes", "enqueued_s", "started_s", "ended_s", "arrived_s", "fate"];
    let at = names.map(column);
    // The table of packets tells it.
    let ecn = place("ecn");
    let mut hops = Vec::new();
    for (number, row) in reader.records().enumerate() {
        let row = row.expect("a row of the table");
        let Some(&port) = index.get(&row[at[1]]) else {
            audit.fault(format!("a hop over {}, which the plan does not know", &row[at[1]]));
            continue;
        };
        hops.push(Hop {
            row: number,
            time: picoseconds(&row[at[0]]).expect("a row has a time"),
            port,
            packet: row[at[2]].parse().expect("a packet's number"),
            bytes: row[at[3]].parse().expect("bytes on the wire"),
            enqueued: picoseconds(&row[at[4]]).expect("a packet is enqueued at a time"),
            started: picoseconds(&row[at[5]]),
            ended: picoseconds(&row[at[6]]),
            arrived: picoseconds(&row[at[7]]),
            fate: row[at[8]].to_string(),
            ecn: ecn.and_then(|ecn| match &row[ecn] {
                "not_ect" => Some(Ecn::NotEct),
                "ect0" => Some(Ecn::Ect0),
                "ect1" => Some(Ecn::Ect1),
                "ce" => Some(Ecn::Ce),
                _ => None,
            }),
            marked: None,
        });
    }
    hops
}

#[cfg(test)]
mod tests;
