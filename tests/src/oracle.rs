//! The oracle: replays the table of packet-hops against what the plan says of each port. It shares no code with the engine,
//! reads its CSV only, and knows five laws: a packet leaves a node where it was made or to which it came; a link sends one packet at a time
//! and never faster than its rate; nothing arrives before the link's delay is over; a queue holds no more than its limit;
//! every drop has a reason that was true at that moment.

use std::collections::BTreeMap;
use std::path::Path;

/// Picoseconds in a second.
const SECOND: u128 = 1_000_000_000_000;

/// The most packets and the most bytes that wait, where the queue counts them.
pub type Limits = (Option<u64>, Option<u64>);

/// What the plan says of one link direction.
#[derive(Clone, Debug, Default)]
pub struct PortFacts {
    /// The direction's name, as the table gives it.
    pub name: String,
    /// The node that sends.
    pub from: String,
    /// The node that receives.
    pub to: String,
    /// Bytes that the link adds to each packet, and the least that it sends.
    pub overhead: u64,
    /// Shortest frame in bytes, overhead included.
    pub frame_min: u64,
    /// Rate in bit/s from a moment (picoseconds) on; `None` where it is infinitely fast. Empty: not known, as with a trace.
    pub rate: Vec<(u64, Option<u64>)>,
    /// Delay in picoseconds from a moment on.
    pub delay: Vec<(u64, u64)>,
    /// The most packets and the most bytes that wait, each where the queue counts them, from a moment on.
    pub limit: Vec<(u64, Limits)>,
    /// When the link was down: from, until (picoseconds).
    pub down: Vec<(u64, u64)>,
    /// Whether jitter may add to the delay.
    pub jitter: bool,
    /// Whether a packet with less jitter may overtake.
    pub unordered: bool,
    /// How much earlier than with the delay a packet may come that overtakes; `None` where none does.
    pub overtake: Option<Overtake>,
    /// The fates that its models can give, besides `delivered`, `queue_full` (a limit) and `link_down` (an event).
    pub fates: Vec<String>,
    /// Whether the queue decides at arrival and keeps order, so that a packet starts at once when the link is free.
    pub fifo: bool,
}

/// How much earlier a packet comes that overtakes.
#[derive(Clone, Copy, Debug)]
pub enum Overtake {
    /// So many picoseconds, and the whole delay at the most.
    By(u64),
    /// Half the delay, rounded up.
    HalfTheDelay,
}

impl Overtake {
    fn delay(self, whole: u64) -> u64 {
        match self {
            Overtake::By(by) => whole.saturating_sub(by),
            Overtake::HalfTheDelay => whole - whole / 2,
        }
    }
}

/// One row of the table.
#[derive(Clone, Debug)]
struct Hop {
    port: usize,
    packet: u64,
    bytes: u64,
    enqueued: u64,
    started: Option<u64>,
    ended: Option<u64>,
    arrived: Option<u64>,
    fate: String,
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Audit {
    /// Rows that were looked at.
    pub hops: usize,
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

/// The values of a schedule that may hold at a moment: where something else befalls at the very moment of a change, either may come first.
fn at<T: Copy>(schedule: &[(u64, T)], when: u64) -> impl Iterator<Item = T> {
    let next = |index: usize| schedule.get(index + 1).map_or(u64::MAX, |(from, _)| *from);
    schedule
        .iter()
        .enumerate()
        .filter(move |(index, (from, _))| *from <= when && when <= next(*index))
        .map(|(_, (_, value))| *value)
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
    let hops = read(csv, &index, &mut audit);
    audit.hops = hops.len();
    for (port, facts) in ports.iter().enumerate() {
        let mut here: Vec<&Hop> = hops.iter().filter(|hop| hop.port == port).collect();
        // Of those that come at one moment, the ones that were let in stand first.
        here.sort_by_key(|hop| (hop.enqueued, hop.fate == "queue_full", hop.started.unwrap_or(u64::MAX)));
        serialised(facts, &here, &mut audit);
        bounded(facts, &here, &mut audit);
        explained(facts, &here, &mut audit);
    }
    travelled(ports, &hops, &mut audit);
    audit
}

fn read(csv: &str, index: &BTreeMap<&str, usize>, audit: &mut Audit) -> Vec<Hop> {
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let headers = reader.headers().expect("a header line").clone();
    let column =
        |name: &str| headers.iter().position(|header| header == name).unwrap_or_else(|| panic!("no column {name}"));
    let names = ["port", "packet", "wire_bytes", "enqueued_s", "started_s", "ended_s", "arrived_s", "fate"];
    let at = names.map(column);
    let mut hops = Vec::new();
    for row in reader.records() {
        let row = row.expect("a row of the table");
        let Some(&port) = index.get(&row[at[0]]) else {
            audit.fault(format!("a hop over {}, which the plan does not know", &row[at[0]]));
            continue;
        };
        hops.push(Hop {
            port,
            packet: row[at[1]].parse().expect("a packet's number"),
            bytes: row[at[2]].parse().expect("bytes on the wire"),
            enqueued: picoseconds(&row[at[3]]).expect("a packet is enqueued at a time"),
            started: picoseconds(&row[at[4]]),
            ended: picoseconds(&row[at[5]]),
            arrived: picoseconds(&row[at[6]]),
            fate: row[at[7]].to_string(),
        });
    }
    hops
}

/// One packet at a time, at the rate.
fn serialised(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    let name = &facts.name;
    let mut sent: Vec<&Hop> = hops.iter().copied().filter(|hop| hop.started.is_some()).collect();
    sent.sort_by_key(|hop| (hop.started, hop.ended, hop.packet));
    let mut free = 0;
    for hop in &sent {
        let (started, Some(ended)) = (hop.started.expect("filtered"), hop.ended) else {
            audit.fault(format!("{name}: packet {} started and never ended", hop.packet));
            continue;
        };
        if started < hop.enqueued {
            audit.fault(format!("{name}: packet {} started before it came", hop.packet));
        }
        if started < free {
            audit.fault(format!(
                "{name}: packet {} started at {started} ps, while another was sent until {free} ps",
                hop.packet
            ));
        }
        let right = |rate: Option<u64>| match rate {
            None => ended == started,
            Some(rate) => {
                // The engine may carry remainders below a picosecond from packet to packet: one picosecond is the most that they add.
                let exact = u128::from(hop.bytes) * 8 * SECOND / u128::from(rate);
                u128::from(ended - started).abs_diff(exact) <= 1
            }
        };
        if !facts.rate.is_empty() && !at(&facts.rate, started).any(right) {
            audit.fault(format!("{name}: packet {} of {} B took {} ps", hop.packet, hop.bytes, ended - started));
        }
        if facts.fifo && !facts.rate.is_empty() && started > free.max(hop.enqueued) {
            audit.fault(format!("{name}: packet {} waited until {started} ps for a free link", hop.packet));
        }
        free = ended;
    }
    punctual(facts, &sent, audit);
}

/// Nothing arrives before the delay is over, nor later than it must, nor out of order where order is kept.
fn punctual(facts: &PortFacts, sent: &[&Hop], audit: &mut Audit) {
    let name = &facts.name;
    // When the last one is known to have been due, and whether one since then was lost at a time that jitter alone knows.
    let mut last = 0;
    for hop in sent {
        let (Some(started), Some(ended)) = (hop.started, hop.ended) else { continue };
        let Some(arrived) = hop.arrived else {
            // Lost on the wire, or overtaken by the end: those behind it keep behind it, had it come.
            if !facts.jitter && facts.overtake.is_none() {
                last = at(&facts.delay, started).map(|delay| ended + delay).min().expect("a delay").max(last);
            }
            continue;
        };
        let on_time = at(&facts.delay, started).any(|delay| {
            let due = if facts.unordered { ended + delay } else { (ended + delay).max(last) };
            // One that was lost may have been due later still, where jitter or overtaking let nobody know.
            let may_be_later = facts.jitter || (facts.overtake.is_some() && facts.delay.len() > 1);
            arrived == due || (arrived > due && may_be_later)
        });
        let early = facts
            .overtake
            .is_some_and(|overtake| at(&facts.delay, started).any(|delay| arrived == ended + overtake.delay(delay)));
        if on_time {
            last = last.max(arrived);
        } else if !early {
            audit.fault(format!(
                "{name}: packet {} arrived at {arrived} ps, ended at {ended} ps, not when it was due",
                hop.packet
            ));
        }
    }
}

/// When a packet that waits leaves the queue: it starts, or is dropped as the link goes down, or sees the end of the run.
fn leaves(facts: &PortFacts, hop: &Hop) -> Option<u64> {
    match (hop.fate.as_str(), hop.started) {
        (_, Some(started)) => Some(started),
        ("under_way", None) => Some(u64::MAX),
        ("link_down", None) => {
            let dropped_at_once = facts.down.iter().any(|(from, until)| *from <= hop.enqueued && hop.enqueued < *until);
            let next = facts.down.iter().map(|(from, _)| *from).filter(|from| *from > hop.enqueued).min();
            if dropped_at_once { None } else { next }
        }
        _ => None,
    }
}

/// The queue never holds more than its limit, and drops for that reason only when it is full.
fn bounded(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    // When the packets that are in leave, as a sorted multiset with their bytes.
    let mut waiting: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut bytes = 0;
    // What CoDel drops at departure has waited until nobody knows when.
    let all_known = !facts.fates.iter().any(|fate| fate == "codel");
    for hop in hops {
        // Where a departure is an event of its own, one of this very moment may come after the arrival.
        while let Some((&(start, packet), &size)) = waiting.first_key_value() {
            if start > hop.enqueued || (start == hop.enqueued && hop.fate == "queue_full") {
                break;
            }
            bytes -= size;
            waiting.remove(&(start, packet));
        }
        let packets = waiting.len() as u64;
        let fits = |(most_packets, most_bytes): (Option<u64>, Option<u64>)| {
            most_packets.is_none_or(|limit| packets < limit)
                && most_bytes.is_none_or(|limit| bytes + hop.bytes <= limit)
        };
        if hop.fate == "queue_full" {
            if all_known && at(&facts.limit, hop.enqueued).all(fits) {
                audit.fault(format!(
                    "{}: packet {} dropped as over the limit with {packets} waiting",
                    facts.name, hop.packet
                ));
            }
        } else if let Some(leaves) = leaves(facts, hop).filter(|leaves| *leaves > hop.enqueued) {
            if !at(&facts.limit, hop.enqueued).any(fits) {
                audit.fault(format!(
                    "{}: packet {} let in with {packets} packets, {bytes} B waiting",
                    facts.name, hop.packet
                ));
            }
            waiting.insert((leaves, hop.packet), hop.bytes);
            bytes += hop.bytes;
        }
    }
}

/// Each fate has a cause that the plan knows.
fn explained(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    for hop in hops {
        let true_here = match hop.fate.as_str() {
            "delivered" => hop.arrived.is_some(),
            "under_way" => hop.arrived.is_none(),
            "queue_full" => facts.limit.iter().any(|(_, (packets, bytes))| packets.is_some() || bytes.is_some()),
            // Dropped on arrival at a link that is down, or out of the queue when it went down.
            "link_down" => hop.started.is_none() && facts.down.iter().any(|(_, until)| hop.enqueued <= *until),
            other => facts.fates.iter().any(|fate| fate == other),
        };
        if !true_here {
            audit.fault(format!(
                "{}: packet {} has the fate {}, which nothing explains",
                facts.name, hop.packet, hop.fate
            ));
        }
        let started_while_down = |start: u64| facts.down.iter().any(|(from, until)| *from < start && start < *until);
        if hop.started.is_some_and(started_while_down) {
            audit.fault(format!("{}: packet {} started while the link was down", facts.name, hop.packet));
        }
    }
}

/// A packet leaves the node where it was made, or one to which it came, and not before it came.
fn travelled(ports: &[PortFacts], hops: &[Hop], audit: &mut Audit) {
    let mut by_packet: BTreeMap<u64, Vec<&Hop>> = BTreeMap::new();
    for hop in hops {
        by_packet.entry(hop.packet).or_default().push(hop);
    }
    for (packet, mut path) in by_packet {
        path.sort_by_key(|hop| (hop.enqueued, hop.arrived.unwrap_or(u64::MAX)));
        for pair in path.windows(2) {
            let (here, next) = (pair[0], pair[1]);
            let came = here.fate == "delivered" && ports[here.port].to == ports[next.port].from;
            if !came {
                audit.fault(format!("packet {packet} leaves over {} from nowhere", ports[next.port].name));
            } else if here.arrived.is_some_and(|arrived| arrived > next.enqueued) {
                audit.fault(format!("packet {packet} leaves over {} before it came", ports[next.port].name));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, from: &str, to: &str) -> PortFacts {
        PortFacts {
            name: name.into(),
            from: from.into(),
            to: to.into(),
            rate: vec![(0, Some(8_000_000))],
            delay: vec![(0, 1_000_000_000)],
            limit: vec![(0, (Some(1), None))],
            fifo: true,
            ..PortFacts::default()
        }
    }

    fn faults(rows: &str) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("clockwire-oracle-{}-{:x}", std::process::id(), rows.len()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("hops.csv");
        std::fs::write(&file, format!("port,packet,wire_bytes,enqueued_s,started_s,ended_s,arrived_s,fate\n{rows}"))
            .expect("a file");
        let found = audit(&file, &[port("a->b", "a", "b"), port("b->c", "b", "c")]).faults;
        std::fs::remove_dir_all(&folder).expect("the folder goes");
        found
    }

    #[test]
    fn a_lawful_trace_passes() {
        // 1000 B at 8 Mbit/s take 1 ms; the delay is 1 ms.
        let rows = "a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0.0005,0.001,0.002,0.003,delivered\n\
                    a->b,3,1000,0.0006,,,,queue_full\nb->c,1,1000,0.002,0.002,0.003,0.004,delivered\n";
        assert_eq!(faults(rows), Vec::<String>::new());
    }

    #[test]
    fn each_law_is_held() {
        for (rows, word) in [
            ("a->b,1,1000,0,0,0.0009,0.0019,delivered\n", "took"),
            ("a->b,1,1000,0,0,0.001,0.0019,delivered\n", "due"),
            ("a->b,1,1000,0,0,0.001,0.0021,delivered\n", "due"),
            ("a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0,0.0005,0.0015,0.0025,delivered\n", "while another"),
            ("a->b,1,1000,0,0.5,0.501,0.502,delivered\n", "free link"),
            ("a->b,1,1000,0,,,,queue_full\n", "over the limit"),
            ("a->b,1,1000,0,,,,red\n", "nothing explains"),
            ("a->b,1,1000,0,,,,link_down\n", "nothing explains"),
            (
                "a->b,1,1000,0,0,0.001,0.002,delivered\nb->c,1,1000,0.0015,0.0015,0.0025,0.0035,delivered\n",
                "before it came",
            ),
            ("a->b,1,1000,0,0,0.001,,lost\n", "nothing explains"),
            ("b->c,1,1000,0,0,0.001,0.002,delivered\nb->c,1,1000,0.01,0.01,0.011,0.012,delivered\n", "from nowhere"),
            (
                "a->b,1,1000,0,0,0.001,0.002,delivered\na->b,2,1000,0,0.001,0.002,0.003,delivered\na->b,3,1000,0,0.002,0.003,0.004,delivered\n",
                "let in",
            ),
            ("x->y,1,1000,0,0,0.001,0.002,delivered\n", "does not know"),
        ] {
            let found = faults(rows);
            assert!(found.iter().any(|fault| fault.contains(word)), "{rows} gave {found:?}");
        }
    }
}
