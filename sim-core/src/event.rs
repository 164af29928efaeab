//! Events and their queue: a 128-bit key that its sender makes, a 32-byte `Copy` record, a 4-ary heap.

use crate::time::Time;

/// Bits of the sender's counter in a key.
const COUNTER_BITS: u32 = 40;
/// Bits of the sender in a key.
const SOURCE_BITS: u32 = 24;

/// What orders events: time, then the node that made the event, then that node's own counter. Unique, and the same
/// however nodes are spread over shards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct EventKey(u128);

impl EventKey {
    /// Later than every event.
    pub const NEVER: EventKey = EventKey(u128::MAX);

    /// The key of event number `counter` of node word `source` (below 2^24) at `time`.
    pub fn new(time: Time, source: u32, counter: u64) -> EventKey {
        debug_assert!(source < 1 << SOURCE_BITS && counter < 1 << COUNTER_BITS);
        EventKey((u128::from(time.ps()) << 64) | u128::from(u64::from(source) << COUNTER_BITS | counter))
    }

    /// When it happens.
    pub fn time(self) -> Time {
        Time::from_ps((self.0 >> 64) as u64)
    }

    /// Behind all events: the last rows of a node at the stop, in the order of nodes.
    pub(crate) fn last(stop: Time, node: u32) -> EventKey {
        EventKey(
            (u128::from(stop.ps()) << 64) | u128::from(u64::from(node) << COUNTER_BITS | ((1 << COUNTER_BITS) - 1)),
        )
    }

    /// The same event at another time.
    pub fn moved(self, time: Time) -> EventKey {
        EventKey((u128::from(time.ps()) << 64) | u128::from(self.0 as u64))
    }

    /// Source and counter in one word.
    pub fn source(self) -> u64 {
        self.0 as u64
    }
}

/// What happens, to whom in this shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum What {
    /// The head of a ring arrives; `at` is the ring.
    Arrive,
    /// The head of a ring arrives that came from another shard; `at` is that inbound ring.
    ArriveCut,
    /// A packet outside of any ring arrives; `at` is the port that sent it, `argument` the packet.
    ArriveLoose,
    /// The same from another shard; `at` is the inbound ring of its link.
    ArriveLooseCut,
    /// A port whose discipline decides at departure may send its next packet; `at` is the port.
    Depart,
    /// A node wakes; `at` is the node, `argument` its token.
    Wake,
    /// A scheduled change; `at` is the node, `argument` its number.
    Change,
}

/// An event: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Event {
    /// Its place in the order.
    pub key: EventKey,
    /// See [`What`].
    pub argument: u64,
    /// See [`What`].
    pub at: u32,
    /// What happens.
    pub what: What,
}

/// A 4-ary heap of events, the earliest first. Taking the earliest leaves a gap at the top, which the next push fills: most events make one
/// other, and so most steps cost one pass from the top, not two.
#[derive(Default)]
pub struct EventQueue {
    items: Vec<Event>,
    /// Whether the place at the top is empty.
    gap: bool,
}

impl EventQueue {
    /// The earliest event.
    #[inline]
    pub fn peek(&mut self) -> Option<&Event> {
        if self.gap {
            self.close_gap();
        }
        self.items.first()
    }

    /// Takes the earliest event away, which [`EventQueue::peek`] has just shown.
    #[inline]
    pub fn take(&mut self) {
        debug_assert!(!self.gap && !self.items.is_empty(), "an event was peeked at");
        self.gap = true;
    }

    /// Puts an event in.
    #[inline]
    pub fn push(&mut self, event: Event) {
        if self.gap {
            self.gap = false;
            self.sift_down(event);
        } else {
            self.sift_up(event);
        }
    }

    fn sift_up(&mut self, event: Event) {
        let mut hole = self.items.len();
        self.items.push(event);
        while hole > 0 {
            let parent = (hole - 1) / 4;
            let above = self.items[parent];
            if above.key <= event.key {
                break;
            }
            self.items[hole] = above;
            hole = parent;
        }
        self.items[hole] = event;
    }

    fn close_gap(&mut self) {
        self.gap = false;
        let last = self.items.pop().expect("a gap has a place");
        if !self.items.is_empty() {
            self.sift_down(last);
        }
    }

    /// Puts `event` at the top and moves it down to its place.
    fn sift_down(&mut self, event: Event) {
        let items = &mut self.items[..];
        let mut hole = 0;
        loop {
            let first = hole * 4 + 1;
            if let Some(children) = items.get(first..first + 4) {
                let children: &[Event; 4] = children.try_into().expect("four children");
                let left = if children[1].key < children[0].key { 1 } else { 0 };
                let right = if children[3].key < children[2].key { 3 } else { 2 };
                let least = if children[right].key < children[left].key { right } else { left };
                let child = children[least];
                if event.key <= child.key {
                    break;
                }
                items[hole] = child;
                hole = first + least;
            } else {
                let mut least = first;
                for next in first + 1..items.len() {
                    if items[next].key < items[least].key {
                        least = next;
                    }
                }
                if least < items.len() && items[least].key < event.key {
                    items[hole] = items[least];
                    hole = least;
                }
                break;
            }
        }
        items[hole] = event;
    }
}
