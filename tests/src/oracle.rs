//! The oracle: replays the table of packet-hops against what the plan says of each port. It shares no code with the engine,
//! reads its CSV only, and knows five laws: a packet leaves a node where it was made or to which it came; a link sends one packet at a time
//! and never faster than its rate; nothing arrives before the link's delay is over; a queue holds no more than its limit;
//! every drop has a reason that was true at that moment.

use std::collections::BTreeMap;
use std::path::Path;

/// Picoseconds in a second.
const SECOND: u128 = 1_000_000_000_000;

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
    /// The most packets that wait, where the queue counts packets.
    pub limit_packets: Option<u64>,
    /// The most bytes that wait, where the queue counts bytes.
    pub limit_bytes: Option<u64>,
    /// When the link was down: from, until (picoseconds).
    pub down: Vec<(u64, u64)>,
    /// Whether jitter may add to the delay.
    pub jitter: bool,
    /// The fates that its models can give, besides `delivered`, `queue_full` (a limit) and `link_down` (an event).
    pub fates: Vec<String>,
    /// Whether the queue decides at arrival and keeps order, so that a packet starts at once when the link is free.
    pub fifo: bool,
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

/// The value of a schedule at a moment.
fn at<T: Copy>(schedule: &[(u64, T)], when: u64) -> T {
    schedule.iter().rev().find(|(from, _)| *from <= when).expect("a schedule starts at 0").1
}

/// Audits the table of hops in `csv` against the plan's facts.
pub fn audit(csv: &Path, ports: &[PortFacts]) -> Audit {
    let mut audit = Audit::default();
    let index: BTreeMap<&str, usize> = ports.iter().enumerate().map(|(at, port)| (port.name.as_str(), at)).collect();
    let hops = read(csv, &index, &mut audit);
    audit.hops = hops.len();
    for (port, facts) in ports.iter().enumerate() {
        let mut here: Vec<&Hop> = hops.iter().filter(|hop| hop.port == port).collect();
        here.sort_by_key(|hop| (hop.enqueued, hop.started.unwrap_or(u64::MAX)));
        serialised(facts, &here, &mut audit);
        bounded(facts, &here, &mut audit);
        explained(facts, &here, &mut audit);
    }
    travelled(ports, &hops, &mut audit);
    audit
}

fn read(csv: &Path, index: &BTreeMap<&str, usize>, audit: &mut Audit) -> Vec<Hop> {
    let mut reader = csv::Reader::from_path(csv).unwrap_or_else(|error| panic!("{}: {error}", csv.display()));
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

/// One packet at a time, at the rate, and not before the delay is over.
fn serialised(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    let name = &facts.name;
    let mut sent: Vec<&&Hop> = hops.iter().filter(|hop| hop.started.is_some()).collect();
    sent.sort_by_key(|hop| hop.started);
    let mut free = 0;
    for hop in sent {
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
        let wrong = match facts.rate.is_empty() {
            true => false,
            false => match at(&facts.rate, started) {
                None => ended != started,
                Some(rate) => {
                    // The engine may carry remainders below a picosecond from packet to packet: one picosecond is the most that they add.
                    let exact = u128::from(hop.bytes) * 8 * SECOND / u128::from(rate);
                    u128::from(ended - started).abs_diff(exact) > 1
                }
            },
        };
        if wrong {
            audit.fault(format!("{name}: packet {} of {} B took {} ps", hop.packet, hop.bytes, ended - started));
        }
        if facts.fifo && !facts.rate.is_empty() && started > free.max(hop.enqueued) {
            audit.fault(format!("{name}: packet {} waited until {started} ps for a free link", hop.packet));
        }
        free = ended;
        if let Some(arrived) = hop.arrived {
            let least = ended + at(&facts.delay, started);
            if arrived < least || (arrived != least && !facts.jitter) {
                audit.fault(format!("{name}: packet {} arrived at {arrived} ps, due at {least} ps", hop.packet));
            }
        }
    }
}

/// The queue never holds more than its limit, and drops for that reason only when it is full.
fn bounded(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    // Starts of the packets that are in, as a sorted multiset with their bytes.
    let mut waiting: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut bytes = 0;
    for hop in hops {
        while let Some((&(start, packet), &size)) = waiting.first_key_value() {
            if start > hop.enqueued {
                break;
            }
            bytes -= size;
            waiting.remove(&(start, packet));
        }
        let packets = waiting.len() as u64;
        let over = |more_bytes: u64| {
            facts.limit_packets.is_some_and(|limit| packets + 1 > limit)
                || facts.limit_bytes.is_some_and(|limit| bytes + more_bytes > limit)
        };
        match (hop.fate.as_str(), hop.started) {
            ("queue_full", _) if !over(hop.bytes) => {
                audit.fault(format!(
                    "{}: packet {} dropped as over the limit with {packets} waiting",
                    facts.name, hop.packet
                ));
            }
            (_, Some(started)) if started > hop.enqueued => {
                if over(hop.bytes) {
                    audit.fault(format!(
                        "{}: packet {} let in with {packets} packets, {bytes} B waiting",
                        facts.name, hop.packet
                    ));
                }
                waiting.insert((started, hop.packet), hop.bytes);
                bytes += hop.bytes;
            }
            _ => {}
        }
    }
}

/// Each fate has a cause that the plan knows.
fn explained(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    for hop in hops {
        let true_here = match hop.fate.as_str() {
            "delivered" => hop.arrived.is_some(),
            "under_way" => hop.arrived.is_none(),
            "queue_full" => facts.limit_packets.is_some() || facts.limit_bytes.is_some(),
            // Dropped on arrival at a link that is down, or out of the queue when it went down.
            "link_down" => facts
                .down
                .iter()
                .any(|(from, until)| hop.enqueued < *until && hop.started.is_none_or(|start| start >= *from)),
            other => facts.fates.iter().any(|fate| fate == other),
        };
        if !true_here {
            audit.fault(format!(
                "{}: packet {} has the fate {}, which nothing explains",
                facts.name, hop.packet, hop.fate
            ));
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
            limit_packets: Some(1),
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
