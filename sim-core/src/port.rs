//! A port: half a link, with its queue, its serializer and what is in flight. It lives with the node that sends.
//!
//! A discipline that decides at arrival fixes the whole course of a packet when it is handed over: when it starts, ends and arrives. So the
//! packet stays in the port's ring until it arrives, the ring's head alone stands in the event queue, and a hop costs one event. Where the
//! discipline decides at departure too (CoDel), or the link may reorder, packets are held back and each departure is an event.

use std::collections::VecDeque;

use crate::drop::DropCause;
use crate::event::EventKey;
use crate::link::{Impairments, Trace, TraceCursor, Wire};
use crate::qdisc::{Discipline, QueueConfig};
use crate::rng::Streams;
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

/// What a port has counted.
#[derive(Clone, Debug, Default)]
pub struct PortCounters {
    /// Packets that were handed to it.
    pub received: u64,
    /// Packets that were let in.
    pub enqueued: u64,
    /// Packets that have started to leave.
    pub sent: u64,
    /// Their bytes on the wire.
    pub sent_bytes: u64,
    /// Time that sending took.
    pub busy: Span,
    /// Packets marked "congestion experienced".
    pub marked: u64,
    /// Packets dropped, by [`DropCause`].
    pub dropped: [u64; DropCause::COUNT],
    /// The most packets that waited at a time.
    pub waiting_max: u32,
    /// The sum of the waiting times of the packets sent.
    pub waited: Span,
}

impl PortCounters {
    /// All drops.
    pub fn drops(&self) -> u64 {
        self.dropped.iter().sum()
    }
}

/// A packet that was handed over and has not arrived.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InFlight {
    /// Arrival and identity of the event.
    pub key: EventKey,
    /// When its first bit leaves.
    pub start: Time,
    /// When its last bit has left.
    pub end: Time,
    /// When it was handed over.
    pub enqueued: Time,
    /// Its place in the slab.
    pub packet: u32,
    /// Bytes on the wire.
    pub bytes: u32,
}

/// A packet that waits for a decision at its departure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub enqueued: Time,
    pub packet: u32,
    pub bytes: u32,
}

/// How long packets take, with what is below a picosecond carried on.
#[derive(Clone, Debug)]
pub(crate) struct Serializer {
    rate: u64,
    carry: u64,
    /// The last two lengths: bytes, whole picoseconds, remainder.
    known: [(u32, u64, u64); 2],
    trace: Option<TraceCursor>,
}

impl Serializer {
    pub fn new(speed: &Speed) -> Serializer {
        let (rate, trace) = match speed {
            Speed::Infinite => (0, None),
            Speed::Rate(rate) => (rate.bps(), None),
            Speed::Trace(trace) => (0, Some(TraceCursor::new(trace.clone()))),
        };
        Serializer { rate, carry: 0, known: [(u32::MAX, 0, 0); 2], trace }
    }

    /// When `bytes` that may start at `start` have left.
    #[inline]
    pub fn end(&mut self, start: Time, bytes: u32) -> Time {
        if self.known[0].0 != bytes {
            if let Some(trace) = &mut self.trace {
                return trace.leave(start, bytes);
            }
            self.recall(bytes);
        }
        let (_, whole, remainder) = self.known[0];
        if remainder == 0 {
            return start + Span::from_ps(whole);
        }
        self.carry += remainder;
        if self.carry >= self.rate {
            self.carry -= self.rate;
            return start + Span::from_ps(whole + 1);
        }
        start + Span::from_ps(whole)
    }

    /// The time that so many bytes take at the constant rate; zero with a trace.
    pub fn backlog(&self, bytes: u64) -> Span {
        match self.rate {
            0 => Span::ZERO,
            rate => Span::from_ps((u128::from(bytes) * 8 * u128::from(PS_PER_SECOND) / u128::from(rate)) as u64),
        }
    }

    fn recall(&mut self, bytes: u32) {
        self.known.swap(0, 1);
        if self.known[0].0 != bytes {
            let work = u128::from(bytes) * 8 * u128::from(PS_PER_SECOND);
            self.known[0] = match u128::from(self.rate) {
                0 => (bytes, 0, 0),
                rate => (bytes, (work / rate) as u64, (work % rate) as u64),
            };
        }
    }
}

/// The state of a port.
#[derive(Debug)]
pub(crate) struct Port {
    /// What was handed over and has not arrived, in order of arrival.
    pub ring: VecDeque<InFlight>,
    /// How many of the ring have started.
    pub started: usize,
    pub busy_until: Time,
    /// When the last packet that has started has left.
    pub last_end: Time,
    /// When the last packet that has started arrives.
    pub last_arrival: Time,
    pub serializer: Serializer,
    pub delay: Span,
    pub overhead: u32,
    pub frame_min: u32,
    pub waiting_bytes: u64,
    pub discipline: Discipline,
    pub wire: Option<Box<Wire>>,
    /// Whether a packet's course is fixed when it is handed over.
    pub eager: bool,
    pub up: bool,
    /// Packets that wait for a decision at departure.
    pub held: VecDeque<Held>,
    pub departure_due: bool,
    /// Whether it stands in its shard's list of cut ports in use.
    pub listed: bool,
    pub counters: PortCounters,
    pub config: PortConfig,
}

impl Port {
    pub fn new(config: PortConfig, streams: &Streams) -> Port {
        let discipline = config.queue.open(|| streams.open(&format!("link/{}/queue", config.name)));
        let wire = config.impairments.any().then(|| Wire::new(config.impairments.clone(), &config.name, streams));
        Port {
            ring: VecDeque::new(),
            started: 0,
            busy_until: Time::ZERO,
            last_end: Time::ZERO,
            last_arrival: Time::ZERO,
            serializer: Serializer::new(&config.speed),
            delay: config.delay,
            overhead: config.overhead,
            frame_min: config.frame_min,
            waiting_bytes: 0,
            eager: !discipline.decides_at_departure() && !config.impairments.reorders(),
            discipline,
            wire: wire.map(Box::new),
            up: !config.blocked,
            held: VecDeque::new(),
            departure_due: false,
            listed: false,
            counters: PortCounters::default(),
            config,
        }
    }

    /// Moves those that have started by `now` out of the queue.
    #[inline]
    pub fn settle(&mut self, now: Time) {
        while let Some(next) = self.ring.get(self.started) {
            if next.start > now {
                break;
            }
            let next = *next;
            self.count(&next);
            self.started += 1;
        }
    }

    /// A packet has left the queue for the link.
    #[inline]
    fn count(&mut self, next: &InFlight) {
        self.waiting_bytes -= u64::from(next.bytes);
        self.counters.sent += 1;
        self.counters.sent_bytes += u64::from(next.bytes);
        self.counters.busy += next.end - next.start;
        self.counters.waited += next.start - next.enqueued;
        self.last_end = next.end;
        self.last_arrival = next.key.time();
    }

    /// The earliest moment at which another packet may arrive and keep the order.
    #[inline]
    pub fn in_order(&self) -> Time {
        match self.ring.back() {
            Some(last) if self.ring.len() > self.started => last.key.time(),
            _ => self.last_arrival,
        }
    }

    /// Packets that wait.
    #[inline]
    pub fn waiting(&self) -> u32 {
        (self.ring.len() - self.started + self.held.len()) as u32
    }

    /// How long a packet that comes now would wait.
    pub fn delay_now(&self, now: Time) -> Span {
        let behind = if self.eager { Span::ZERO } else { self.serializer.backlog(self.waiting_bytes) };
        self.busy_until.since(now) + behind
    }

    /// Takes the ring's first packet out.
    #[inline]
    pub fn pop_front(&mut self) -> InFlight {
        let head = self.ring.pop_front().expect("the ring has a first packet");
        if self.started == 0 {
            // A packet arrives after it has started; the cursor had only not been moved yet.
            self.count(&head);
        } else {
            self.started -= 1;
        }
        head
    }
}
