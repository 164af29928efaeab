//! A port: half a link, with its queue, its serializer and what is in flight. It lives with the node that sends.
//!
//! A discipline that decides at arrival fixes the whole course of a packet when it is handed over: when it starts, ends and arrives. So the
//! packet stays in the port's line until it arrives, the line's head alone stands in the event queue, and a hop costs one event. Where the
//! discipline decides at departure too (CoDel), or the link may reorder, packets are held back and each departure is an event.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cx::{NodeState, Target};
use crate::drop::DropCause;
use crate::event::EventKey;
use crate::link::{Impairments, Trace, TraceCursor, Wire};
use crate::packet::{Header, Packet, PacketRef};
use crate::params::Amount;
use crate::qdisc::{Discipline, LinkFacts, QueueConfig};
use crate::rng::Streams;
use crate::slab::Slab;
use crate::time::{PS_PER_SECOND, Span, Time};
use crate::units::Rate;

/// How fast a link sends.
#[derive(Clone, PartialEq, Debug)]
pub enum Speed {
    /// Infinitely fast: packets take no time.
    Infinite,
    /// A constant rate.
    Rate(Rate),
    /// A trace of delivery opportunities.
    Trace(Trace),
}

/// A link direction as the plan gives it.
#[derive(Clone, Debug)]
pub struct PortConfig {
    /// The direction's name: figures, tables, and its random streams.
    pub name: String,
    /// The node and its port number at the other end.
    pub peer: (u32, u32),
    /// How fast it sends.
    pub speed: Speed,
    /// Propagation delay.
    pub delay: Span,
    /// Bytes that the link carries at the network layer.
    pub mtu: u32,
    /// Bytes that the link adds to each packet: 0, 2 for PPP, 18 for Ethernet with its frame check sequence, 38 with preamble and gap too.
    pub overhead: u32,
    /// The shortest frame in bytes, overhead included: 64 (84 with preamble and gap) on Ethernet.
    pub frame_min: u32,
    /// Whether packets carry a link-layer header here, so that addresses must be resolved.
    pub framed: bool,
    /// The queue.
    pub queue: QueueConfig,
    /// What else the link does to packets.
    pub impairments: Impairments,
    /// Whether the direction carries nothing at all: the back side of a one-way link.
    pub blocked: bool,
}

/// What a node may know of one of its links.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LinkInfo {
    /// Bytes that the link carries at the network layer.
    pub mtu: u32,
    /// Whether packets carry a link-layer header here, so that addresses must be resolved.
    pub framed: bool,
    /// Whether it has its carrier.
    pub up: bool,
}

impl PortConfig {
    /// What a discipline is told of the link.
    pub(crate) fn facts(&self) -> LinkFacts {
        let bps = match &self.speed {
            Speed::Infinite => u64::MAX,
            Speed::Rate(rate) => rate.bps(),
            Speed::Trace(trace) => trace.mean_bps(),
        };
        LinkFacts { bps: bps.max(1), frame_max: (self.mtu.saturating_add(self.overhead)).max(self.frame_min) }
    }
}

/// What a port has counted.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub struct PortCounters {
    /// Packets that were handed to it.
    pub received: u64,
    /// Packets that were let in.
    pub enqueued: u64,
    /// Packets that have started to leave.
    pub sent: u64,
    /// Their bytes on the wire.
    pub sent_bytes: u64,
    /// Time that sending takes, of all packets whose course is fixed.
    pub busy: Span,
    /// Their waiting times, in picoseconds: many packets wait for longer than time lasts, together.
    pub waited: u128,
    /// Packets marked "congestion experienced".
    pub marked: u64,
    /// The most packets that waited at a time.
    pub waiting_max: u32,
    /// Packets dropped after they had been let in.
    pub dropped_inside: u64,
    /// Packets that the wire lost, after they had been sent.
    pub lost: u64,
    /// Packets that arrive damaged.
    pub corrupted: u64,
    /// Second copies that were handed to it.
    pub duplicated: u64,
    /// Packets dropped before they were sent, by [`DropCause`].
    pub dropped: [u64; DropCause::OF_LINKS],
}

impl PortCounters {
    /// All drops before the wire.
    pub fn drops(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

/// No packet's place in the slab.
const NOBODY: u32 = u32::MAX;

/// What is in flight, in order of arrival: a list through the packets themselves, with a cursor between those that have started and those
/// that wait.
#[derive(Debug)]
pub(crate) struct Line {
    head: u32,
    /// The first of those that wait.
    cursor: u32,
    tail: u32,
    /// The packet before the cursor, while it is in flight.
    passed: u32,
    waiting: u32,
}

impl Line {
    fn new() -> Line {
        Line { head: NOBODY, cursor: NOBODY, tail: NOBODY, passed: NOBODY, waiting: 0 }
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head == NOBODY
    }

    /// How many wait.
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.waiting
    }

    /// The first, which arrives next.
    #[inline]
    pub fn front(&self) -> Option<PacketRef> {
        (self.head != NOBODY).then_some(PacketRef(self.head))
    }

    /// The last of those that have started.
    pub fn last_started(&self) -> Option<PacketRef> {
        (self.cursor != self.head).then_some(PacketRef(self.passed))
    }

    /// The first of those that wait.
    #[inline]
    fn next(&self) -> Option<PacketRef> {
        (self.cursor != NOBODY).then_some(PacketRef(self.cursor))
    }

    #[inline]
    fn push_back<H: Header>(&mut self, slab: &mut Slab<H>, packet: u32) {
        if self.tail == NOBODY {
            self.head = packet;
        } else {
            slab.get_mut(&PacketRef(self.tail)).next = packet;
        }
        if self.cursor == NOBODY {
            self.cursor = packet;
        }
        self.tail = packet;
        self.waiting += 1;
    }

    /// The first of those that wait has started; `next` is the one behind it.
    #[inline]
    fn start(&mut self, next: u32) {
        self.passed = self.cursor;
        self.cursor = next;
        self.waiting -= 1;
    }

    /// All that wait have started.
    #[inline]
    fn start_all(&mut self) {
        self.passed = self.tail;
        self.cursor = NOBODY;
        self.waiting = 0;
    }

    /// Takes the first, behind which `next` stands. Whether it was still thought to wait.
    #[inline]
    fn take_front(&mut self, next: u32) -> bool {
        let waited = self.cursor == self.head;
        if waited {
            self.cursor = next;
            self.waiting -= 1;
        }
        self.head = next;
        if next == NOBODY {
            self.tail = NOBODY;
        }
        waited
    }

    /// Takes all that wait; they hang together still.
    pub fn take_waiting<H: Header>(&mut self, slab: &mut Slab<H>) -> Option<PacketRef> {
        let first = self.next();
        if let Some(last) = self.last_started() {
            self.tail = self.passed;
            slab.get_mut(&last).next = NOBODY;
        } else {
            (self.head, self.tail) = (NOBODY, NOBODY);
        }
        (self.cursor, self.waiting) = (NOBODY, 0);
        first
    }

    /// Those that wait, in order.
    pub fn each_waiting<H: Header>(&self, slab: &mut Slab<H>, mut visit: impl FnMut(&mut Packet<H>)) {
        let mut at = self.next();
        while let Some(packet) = at {
            let body = slab.get_mut(&packet);
            visit(body);
            at = body.behind();
        }
    }
}

impl<H> Packet<H> {
    /// The packet behind it in its line.
    #[inline]
    pub(crate) fn behind(&self) -> Option<PacketRef> {
        (self.next != NOBODY).then_some(PacketRef(self.next))
    }
}

/// A packet that waits for a decision at its departure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub enqueued: Time,
    pub packet: u32,
    pub bytes: u32,
}

/// How long packets take.
#[derive(Clone, Debug)]
pub(crate) struct Serializer {
    /// Picoseconds of a byte, where that is a whole number, as it is at all round rates; [`UNEVEN`] where it is not.
    byte: u64,
    uneven: Option<Box<Uneven>>,
}

const UNEVEN: u64 = u64::MAX;

/// What it takes where a byte is not a whole number of picoseconds: at an odd rate, or by a trace.
#[derive(Clone, Debug)]
struct Uneven {
    rate: u64,
    /// What is below a picosecond is carried on, in parts of the rate.
    carry: u64,
    /// Lengths that were sent lately, by their low bits.
    known: [Known; 4],
    trace: Option<TraceCursor>,
}

/// A length that was sent lately, and how long it took: whole picoseconds, and the remainder in parts of the rate.
#[derive(Clone, Copy, Debug)]
struct Known {
    bytes: u32,
    whole: u64,
    remainder: u64,
}

impl Serializer {
    pub fn new(speed: &Speed) -> Serializer {
        let (rate, trace) = match speed {
            Speed::Infinite => return Serializer { byte: 0, uneven: None },
            Speed::Rate(rate) => (rate.bps(), None),
            Speed::Trace(trace) => (0, Some(TraceCursor::new(trace.clone()))),
        };
        if rate != 0 && (8 * PS_PER_SECOND).is_multiple_of(rate) {
            return Serializer { byte: 8 * PS_PER_SECOND / rate, uneven: None };
        }
        let known = [Known { bytes: u32::MAX, whole: 0, remainder: 0 }; 4];
        Serializer { byte: UNEVEN, uneven: Some(Box::new(Uneven { rate, carry: 0, known, trace })) }
    }

    /// When `bytes` that start at `start` have left. `fresh`: nothing was sent right before, so that nothing is carried on.
    #[inline]
    pub fn end(&mut self, start: Time, bytes: u32, fresh: bool) -> Time {
        if self.byte != UNEVEN {
            return start + Span::from_ps(self.byte * u64::from(bytes));
        }
        self.uneven.as_mut().map_or(start, |uneven| uneven.end(start, bytes, fresh))
    }

    /// The time that so many bytes take at the constant rate; zero with a trace.
    pub fn backlog(&self, bytes: u64) -> Span {
        match &self.uneven {
            None => Span::from_ps(self.byte.saturating_mul(bytes)),
            Some(uneven) if uneven.rate == 0 => Span::ZERO,
            Some(uneven) => {
                Span::from_ps((u128::from(bytes) * 8 * u128::from(PS_PER_SECOND) / u128::from(uneven.rate)) as u64)
            }
        }
    }

    /// What waited was taken away at `now`; the link goes on from there.
    pub fn cleared(&mut self, now: Time) {
        if let Some(uneven) = &mut self.uneven {
            uneven.carry = 0;
            if let Some(trace) = &mut uneven.trace {
                trace.seek(now);
            }
        }
    }
}

impl Uneven {
    #[inline(never)]
    fn end(&mut self, start: Time, bytes: u32, fresh: bool) -> Time {
        if let Some(trace) = &mut self.trace {
            return trace.leave(start, bytes);
        }
        // The lengths that are common together (1500, 1502, 1514, 1518 and 52, 54, 66, 70) fall apart here.
        let place = (bytes as usize >> 1 ^ bytes as usize >> 5) & 3;
        if self.known[place].bytes != bytes {
            self.learn(place, bytes);
        }
        let Known { whole, remainder, .. } = self.known[place];
        if fresh {
            self.carry = 0;
        }
        self.carry += remainder;
        let more = self.carry >= self.rate && self.rate != 0;
        if more {
            self.carry -= self.rate;
        }
        start + Span::from_ps(whole + u64::from(more))
    }

    #[cold]
    #[inline(never)]
    fn learn(&mut self, place: usize, bytes: u32) {
        let work = u128::from(bytes) * 8 * u128::from(PS_PER_SECOND);
        let (whole, remainder) = match u128::from(self.rate) {
            0 => (0, 0),
            rate => ((work / rate) as u64, (work % rate) as u64),
        };
        self.known[place] = Known { bytes, whole, remainder };
    }
}

/// The state of a port. What every packet touches stands first.
#[derive(Debug)]
#[repr(C, align(64))]
pub(crate) struct Port {
    /// What was handed over and has not arrived, in order of arrival.
    pub line: Line,
    pub busy_until: Time,
    /// When the last packet whose course is fixed arrives.
    pub last_arrival: Time,
    pub delay: Span,
    pub waiting_bytes: u64,
    // The second line of the cache.
    pub serializer: Serializer,
    pub target: Target,
    pub mtu: u32,
    pub overhead: u32,
    pub frame_min: u32,
    /// Limits of a plain queue.
    packets_max: u32,
    /// Whether the link is up and does nothing but carry, behind a FIFO with a limit, and nobody wants to see bytes.
    pub plain: bool,
    /// Whether a packet's course is fixed when it is handed over.
    pub eager: bool,
    pub up: bool,
    pub framed: bool,
    bytes_max: u64,
    // The third.
    pub counters: PortCounters,
    pub discipline: Discipline,
    pub departure_due: bool,
    /// Whether it stands in its shard's list of cut ports in use.
    pub listed: bool,
    /// Whether bytes are wanted.
    wants_bytes: bool,
    /// Packets that wait for a decision at departure.
    pub held: VecDeque<Held>,
    /// When the last packet that went to another shard had left, and when it arrives there.
    pub last_exported: (Time, Time),
    pub wire: Option<Box<Wire>>,
    pub config: Arc<PortConfig>,
}

impl Port {
    pub fn new(config: Arc<PortConfig>, target: Target, wants_bytes: bool, streams: &Streams) -> Port {
        let discipline = config.queue.open(&config.facts(), || streams.open(&format!("link/{}/queue", config.name)));
        let wire = config.impairments.any().then(|| Wire::new(config.impairments.clone(), &config.name, streams));
        let mut port = Port {
            line: Line::new(),
            busy_until: Time::ZERO,
            last_arrival: Time::ZERO,
            delay: config.delay,
            waiting_bytes: 0,
            overhead: config.overhead,
            frame_min: config.frame_min,
            mtu: config.mtu,
            framed: config.framed,
            packets_max: 0,
            bytes_max: 0,
            plain: false,
            wants_bytes,
            eager: !discipline.decides_at_departure() && !config.impairments.reorders(),
            up: !config.blocked,
            target,
            discipline,
            serializer: Serializer::new(&config.speed),
            counters: PortCounters::default(),
            departure_due: false,
            listed: false,
            held: VecDeque::new(),
            last_exported: (Time::ZERO, Time::ZERO),
            wire: wire.map(Box::new),
            config,
        };
        port.judge();
        port
    }

    /// Finds out whether packets can take the short way. To be called when something of it has changed.
    pub fn judge(&mut self) {
        let QueueConfig::DropTail(tail) = &self.config.queue else {
            self.plain = false;
            return;
        };
        (self.packets_max, self.bytes_max) = match tail.limit {
            Amount::Packets(packets) => (packets, u64::MAX),
            Amount::Bytes(bytes) => (u32::MAX, bytes.bytes()),
        };
        self.plain = self.up && self.eager && self.wire.is_none() && !self.wants_bytes;
    }

    /// Whether a plain queue has room behind a packet in transmission.
    #[inline]
    pub fn fits(&self, bytes: u32) -> bool {
        self.line.waiting() < self.packets_max && self.waiting_bytes + u64::from(bytes) <= self.bytes_max
    }

    /// Fixes the course of a packet: its start, its end, its arrival, whose key is returned, and whether it is alone in flight.
    #[inline(always)]
    pub fn fix<H: Header>(
        &mut self,
        state: &mut NodeState,
        slab: &mut Slab<H>,
        now: Time,
        extra: Span,
        packet: PacketRef,
    ) -> (EventKey, bool) {
        let body = slab.get_mut(&packet);
        let fresh = self.busy_until < now;
        let start = if fresh { now } else { self.busy_until };
        let end = self.serializer.end(start, body.wire_bytes, fresh);
        self.busy_until = end;
        body.started = start;
        body.ended = end;
        body.next = NOBODY;
        self.counters.busy += end.since(start);
        self.counters.waited += u128::from(start.since(body.enqueued).ps());
        let arrival = (end + self.delay + extra).max(self.last_arrival);
        self.last_arrival = arrival;
        let key = state.next_key(arrival);
        body.key = key;
        let first = self.line.is_empty();
        self.line.push_back(slab, packet.0);
        if start > now {
            self.counters.waiting_max = self.counters.waiting_max.max(self.line.waiting());
        }
        (key, first)
    }

    /// Moves those that have started by `now` out of the queue.
    #[inline]
    pub fn settle<H: Header>(&mut self, slab: &Slab<H>, now: Time) {
        if self.line.waiting() == 0 {
            return;
        }
        if self.eager && self.busy_until <= now {
            // All have left.
            self.counters.sent += u64::from(self.line.waiting());
            self.counters.sent_bytes += self.waiting_bytes;
            self.waiting_bytes = 0;
            self.line.start_all();
            return;
        }
        while let Some(next) = self.line.next() {
            let body = slab.get(&next);
            if body.started > now {
                break;
            }
            self.count(body.wire_bytes);
            self.line.start(body.next);
        }
    }

    /// A packet has left the queue for the link.
    #[inline]
    fn count(&mut self, bytes: u32) {
        self.waiting_bytes -= u64::from(bytes);
        self.counters.sent += 1;
        self.counters.sent_bytes += u64::from(bytes);
    }

    /// Packets that wait.
    #[inline]
    pub fn waiting(&self) -> u32 {
        self.line.waiting() + self.held.len() as u32
    }

    /// How long a packet that comes now would wait.
    pub fn delay_now(&self, now: Time) -> Span {
        let behind = if self.eager { Span::ZERO } else { self.serializer.backlog(self.waiting_bytes) };
        self.busy_until.since(now) + behind
    }

    /// Takes the line's first packet out.
    #[inline]
    pub fn take_front<H: Header>(&mut self, first: &Packet<H>) {
        if self.line.take_front(first.next) {
            // A packet arrives after it has started; the cursor had only not been moved yet.
            self.count(first.wire_bytes);
        }
    }

    /// Empties the line at the stop; nothing is counted.
    pub fn drain<H: Header>(&mut self, slab: &Slab<H>) -> Option<PacketRef> {
        let first = self.line.front()?;
        self.line.take_front(slab.get(&first).next);
        Some(first)
    }

    /// What a node may know.
    #[inline]
    pub fn info(&self) -> LinkInfo {
        LinkInfo { mtu: self.mtu, framed: self.framed, up: self.up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_below_a_picosecond_is_carried_on() {
        // 1500 bytes at 7 Gbit/s take 12000/7 ns: seven packets back to back take 12 us to the picosecond.
        let mut serializer = Serializer::new(&Speed::Rate(Rate::from_bps(7_000_000_000)));
        let mut at = Time::ZERO;
        for number in 0..7 {
            at = serializer.end(at, 1500, number == 0);
        }
        assert_eq!(at, Time::ZERO + Span::from_us(12));
        // After a pause a packet takes what it takes alone.
        let alone = serializer.end(at, 1499, true) - at;
        serializer.end(at, 1499, false);
        assert_eq!(serializer.end(at, 1499, true) - at, alone);
    }
}
