//! Packets as the table `packets` has them, a row for each hop, put together to journeys from host to host.

use std::collections::BTreeMap;

use crate::Source;
use crate::args::Args;
use crate::error::Error;
use crate::table::{Table, Want, read};

/// The table.
pub(super) const TABLE: &str = "packets";
/// How many sequence numbers there are.
pub(super) const TURN: f64 = 4_294_967_296.0;
/// Fates of packets that go on.
const ALIVE: [&str; 3] = ["delivered", "under_way", ""];

/// A packet's way.
#[derive(Clone, Debug)]
pub(super) struct Journey {
    /// Its number: of two packets of a host the one sent first has the smaller one.
    pub id: u64,
    pub flow: String,
    /// Whether the host that sent the flow's first packet has sent it.
    pub opener: bool,
    pub hops: Vec<Hop>,
    pub protocol: String,
    /// Ports of its source and its destination; not numbers where it has none.
    pub ports: (f64, f64),
    pub flags: String,
    /// What its bytes say; empty where that cannot be told.
    pub content: String,
    pub seq: f64,
    pub ack: f64,
    /// Both since the connection's first.
    pub relative: (f64, f64),
    pub payload: f64,
    /// Whether its sender had sent all of it before, or a part of it.
    pub again: bool,
    /// The window that it offers, in bytes: scaled as its connection's SYNs agreed.
    pub window: f64,
    /// Blocks that were acknowledged selectively.
    pub sack: Vec<(f64, f64)>,
}

/// One link of it.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub from: String,
    pub to: String,
    /// When it was handed to the link.
    pub handed: f64,
    /// When its first bit left, or when it was dropped before.
    pub sent: f64,
    /// Not a number where it did not arrive.
    pub arrived: f64,
    pub lost: bool,
    /// The link's direction, and what became of the packet there.
    pub port: String,
    pub fate: String,
}

impl Journey {
    /// When its sender handed it to the network.
    pub fn handed(&self) -> f64 {
        self.hops[0].handed
    }

    pub fn arrived(&self) -> f64 {
        self.hops[self.hops.len() - 1].arrived
    }

    pub fn lost(&self) -> bool {
        self.hops.iter().any(|hop| hop.lost)
    }

    /// Whether it opens or closes its connection's direction.
    pub fn opens_or_closes(&self) -> bool {
        self.flags.contains("SYN") || self.flags.contains("FIN")
    }

    /// The host that sent it.
    pub fn source(&self) -> &str {
        &self.hops[0].from
    }
}

const NUMBERS: [&str; 11] = [
    "time_s",
    "enqueued_s",
    "started_s",
    "arrived_s",
    "seq",
    "ack",
    "payload_bytes",
    "window",
    "window_scale",
    "source_port",
    "destination_port",
];
const WORDS: [&str; 8] = ["packet", "flow", "port", "from", "to", "fate", "protocol", "flags"];
const SACKS: [(&str, &str); 4] = [
    ("sack1_left", "sack1_right"),
    ("sack2_left", "sack2_right"),
    ("sack3_left", "sack3_right"),
    ("sack4_left", "sack4_right"),
];

/// Reads journeys within the window of time, in the order of sending.
pub(super) fn journeys(sources: &[Source], args: &Args) -> Result<(Table, Vec<Journey>), Error> {
    let mut wants: Vec<Want<'_>> = NUMBERS.map(Want::Number).to_vec();
    wants.extend(WORDS.map(Want::Word));
    wants.push(Want::Maybe("content"));
    wants.extend(SACKS.iter().flat_map(|(left, right)| [Want::Number(left), Want::Number(right)]));
    let table = read(sources, TABLE, &wants)?;
    let flows = table.words("flow");
    // Packets of no flow, such as those of ARP, belong to all.
    let patterns = args.list("flows");
    let mut chosen = match patterns {
        [] => vec![true; flows.words.len()],
        some => flows.select(&table, "flow", some)?,
    };
    chosen.iter_mut().zip(&flows.words).for_each(|(chosen, flow)| *chosen |= flow.is_empty());
    let mut known: BTreeMap<u32, usize> = BTreeMap::new();
    let mut journeys: Vec<Journey> = Vec::new();
    let mut scales: BTreeMap<(String, u64, u64), f64> = BTreeMap::new();
    for row in (0..table.rows).filter(|row| chosen[flows.index[*row] as usize]) {
        let hop = hop(&table, row);
        let packet = table.words("packet").index[row];
        match known.get(&packet) {
            Some(at) => journeys[*at].hops.push(hop),
            None => {
                known.insert(packet, journeys.len());
                let mut journey = journey(&table, row, hop);
                scale(&mut journey, table.numbers("window_scale")[row], &mut scales);
                journeys.push(journey);
            }
        }
    }
    for journey in &mut journeys {
        journey.hops.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    }
    journeys.sort_by(|a, b| a.handed().total_cmp(&b.handed()).then(a.id.cmp(&b.id)));
    let mut numbers = Numbers::default();
    for journey in journeys.iter_mut().filter(|journey| journey.seq.is_finite()) {
        journey.relative = (numbers.seq(journey), numbers.ack(journey));
        journey.again = numbers.again(journey);
    }
    let mut openers: BTreeMap<String, String> = BTreeMap::new();
    for journey in &mut journeys {
        let opener = openers.entry(journey.flow.clone()).or_insert_with(|| journey.hops[0].from.clone());
        journey.opener = *opener == journey.hops[0].from;
    }
    let (from, to) = args.window()?;
    journeys.retain(|journey| (from..=to).contains(&journey.handed()));
    if journeys.is_empty() {
        return Err(table.empty("time_s", "between `from` and `to`"));
    }
    Ok((table, journeys))
}

fn hop(table: &Table, row: usize) -> Hop {
    let (time, started) = (table.numbers("time_s")[row], table.numbers("started_s")[row]);
    Hop {
        from: table.words("from").at(row).to_string(),
        to: table.words("to").at(row).to_string(),
        // A packet that a queue refused never started.
        sent: if started.is_finite() { started } else { time },
        handed: table.numbers("enqueued_s")[row].min(time),
        arrived: table.numbers("arrived_s")[row],
        lost: !ALIVE.contains(&table.words("fate").at(row)),
        port: table.words("port").at(row).to_string(),
        fate: table.words("fate").at(row).to_string(),
    }
}

fn journey(table: &Table, row: usize, hop: Hop) -> Journey {
    let number = |column: &str| table.numbers(column)[row];
    let word = |column: &str| table.words(column).at(row).to_string();
    let blocks = SACKS.iter().map(|(left, right)| (number(left), number(right)));
    Journey {
        id: table.words("packet").at(row).parse().unwrap_or(row as u64),
        flow: word("flow"),
        opener: false,
        hops: vec![hop],
        protocol: word("protocol"),
        ports: (number("source_port"), number("destination_port")),
        flags: word("flags"),
        content: word("content"),
        seq: number("seq"),
        ack: number("ack"),
        relative: (f64::NAN, f64::NAN),
        payload: number("payload_bytes"),
        again: false,
        window: number("window"),
        sack: blocks.filter(|block| block.0.is_finite()).collect(),
    }
}

/// Scales a window as the SYNs agreed; the window of a SYN itself is never scaled (RFC 7323 §2.2).
fn scale(journey: &mut Journey, offered: f64, scales: &mut BTreeMap<(String, u64, u64), f64>) {
    let (source, destination) = (journey.ports.0 as u64, journey.ports.1 as u64);
    let mine = (journey.source().to_string(), source, destination);
    if journey.flags.contains("SYN") {
        scales.insert(mine, offered);
        return;
    }
    // Both ends must have offered a shift.
    let other = scales.iter().find(|((host, a, b), _)| *host != mine.0 && (*a, *b) == (destination, source));
    let (Some(shift), Some((_, back))) = (scales.get(&mine), other) else { return };
    if shift.is_finite() && back.is_finite() {
        journey.window *= f64::from(1_u32 << (*shift as u32).min(14));
    }
}

/// Relative numbers of every connection's two directions.
#[derive(Default)]
struct Numbers {
    known: BTreeMap<(String, u64, u64), Unwrap>,
}

impl Numbers {
    /// A packet's sequence number since its connection's first.
    fn seq(&mut self, packet: &Journey) -> f64 {
        let key = (packet.source().to_string(), packet.ports.0 as u64, packet.ports.1 as u64);
        let fresh = packet.flags.contains("SYN");
        // Ports may be used again: a SYN with another number begins anew.
        if fresh && self.known.get(&key).is_some_and(|unwrap| unwrap.base != packet.seq) {
            self.known.remove(&key);
        }
        self.known.entry(key).or_insert_with(|| Unwrap::new(packet.seq)).relative(packet.seq)
    }

    /// Whether a packet, whose number was asked for, begins below the end of what its sender has sent. SYN and FIN take a number each.
    fn again(&mut self, packet: &Journey) -> bool {
        let takes = packet.payload.max(0.0) + if packet.opens_or_closes() { 1.0 } else { 0.0 };
        let key = (packet.source().to_string(), packet.ports.0 as u64, packet.ports.1 as u64);
        let Some(unwrap) = self.known.get_mut(&key).filter(|_| takes > 0.0) else { return false };
        // Where both ends open at once, each answers with its SYN once more, beside an ACK (RFC 9293 §3.5, figure 7).
        let (syn, ack) = (packet.flags.contains("SYN"), packet.flags.contains("ACK"));
        if syn && ack && !std::mem::replace(&mut unwrap.answered, true) {
            unwrap.end = unwrap.end.max(1.0);
            return false;
        }
        let before = unwrap.end;
        unwrap.end = before.max(packet.relative.0 + takes);
        packet.relative.0 < before
    }

    /// Its acknowledgement number, since the other direction's first.
    fn ack(&mut self, packet: &Journey) -> f64 {
        let ports = (packet.ports.1 as u64, packet.ports.0 as u64);
        let other = self.known.iter_mut().find(|((host, a, b), _)| host != packet.source() && (*a, *b) == ports);
        other.map_or(packet.ack, |(_, unwrap)| unwrap.relative(packet.ack))
    }
}

/// Sequence numbers made relative to a first one, across their wrap at 2^32.
struct Unwrap {
    last: f64,
    base: f64,
    /// Behind the highest number sent, since the base.
    end: f64,
    /// Whether its SYN went out beside an ACK.
    answered: bool,
}

impl Unwrap {
    fn new(base: f64) -> Unwrap {
        Unwrap { last: base, base, end: 0.0, answered: false }
    }

    /// How far a number is from the base.
    fn relative(&mut self, seq: f64) -> f64 {
        let turns = ((self.last - seq) / TURN).round();
        let near = seq + turns * TURN;
        if near > self.last {
            self.last = near;
        }
        near - self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_go_on_across_the_wrap() {
        let mut unwrap = Unwrap::new(4_294_967_290.0);
        assert_eq!(unwrap.relative(4_294_967_295.0), 5.0);
        assert_eq!(unwrap.relative(4.0), 10.0);
        assert_eq!(unwrap.relative(4_294_967_294.0), 4.0);
        assert_eq!(unwrap.relative(1004.0), 1010.0);
    }
}
