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
        debug_assert!(EventKey::fits(source, counter));
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

    /// The word of the node that made the event: its number and one, unless ties have a salt; 0 is the engine.
    pub fn maker(self) -> u32 {
        (self.source() >> COUNTER_BITS) as u32
    }

    /// How many events that node had made before.
    pub fn counter(self) -> u64 {
        self.source() & ((1 << COUNTER_BITS) - 1)
    }

    /// Whether a node word and a counter fit into a key.
    pub fn fits(source: u32, counter: u64) -> bool {
        source < 1 << SOURCE_BITS && counter < 1 << COUNTER_BITS
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
    /// The head of a port's line arrives; `at` is the port that sent it, `argument` the packet, so that it can be fetched early.
    Arrive,
    /// The head of a line arrives that came from another shard; `at` is that inbound ring.
    ArriveCut,
    /// A packet outside of any line arrives; `at` is the port that sent it, `argument` the packet.
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

/// Four events that have the same parent, on two lines of the cache.
#[derive(Clone, Copy)]
#[repr(align(128))]
struct Four([Event; 4]);

const NOTHING: Event = Event { key: EventKey::NEVER, argument: 0, at: 0, what: What::Wake };

/// A 4-ary heap of events, the earliest first. Taking the earliest leaves a gap at the top, which the next push fills: most events make one
/// other, and so most steps cost one pass from the top, not two.
///
/// The top stands alone; event number `n` below it has the four events of `fours[n + 1]` as children, those of the top are `fours[0]`.
/// Places without an event hold one that never happens.
pub struct EventQueue {
    top: Event,
    fours: Vec<Four>,
    /// Events below the top.
    below: usize,
    /// Whether the top is empty, of its event or because there is none.
    gap: bool,
}

impl Default for EventQueue {
    fn default() -> EventQueue {
        EventQueue { top: NOTHING, fours: vec![Four([NOTHING; 4])], below: 0, gap: true }
    }
}

impl EventQueue {
    /// The earliest event.
    #[inline]
    pub fn peek(&mut self) -> Option<&Event> {
        if self.gap {
            if self.below == 0 {
                return None;
            }
            self.close_gap();
        }
        Some(&self.top)
    }

    /// Takes the earliest event away, which [`EventQueue::peek`] has just shown.
    #[inline]
    pub fn take(&mut self) {
        debug_assert!(!self.gap, "an event was peeked at");
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

    /// Events that are in it.
    pub fn len(&self) -> usize {
        self.below + usize::from(!self.gap)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn sift_up(&mut self, event: Event) {
        let mut place = self.below;
        self.below += 1;
        if place / 4 == self.fours.len() {
            self.fours.push(Four([NOTHING; 4]));
        }
        while place >= 4 {
            let above = place / 4 - 1;
            let parent = self.fours[above / 4].0[above % 4];
            if parent.key.0 <= event.key.0 {
                self.fours[place / 4].0[place % 4] = event;
                return;
            }
            self.fours[place / 4].0[place % 4] = parent;
            place = above;
        }
        if self.top.key.0 <= event.key.0 {
            self.fours[0].0[place] = event;
        } else {
            self.fours[0].0[place] = self.top;
            self.top = event;
        }
    }

    /// Puts the last event into the gap at the top.
    fn close_gap(&mut self) {
        self.gap = false;
        self.below -= 1;
        let last = std::mem::replace(&mut self.fours[self.below / 4].0[self.below % 4], NOTHING);
        self.sift_down(last);
    }

    /// Puts `event` at the top and moves it down to its place.
    fn sift_down(&mut self, event: Event) {
        let fours = &mut self.fours[..];
        let (least, child) = least_of(&fours[0]);
        if event.key.0 <= child.key.0 {
            self.top = event;
            return;
        }
        self.top = child;
        let mut place = least;
        while let Some(four) = fours.get(place + 1) {
            let (least, child) = least_of(four);
            if event.key.0 <= child.key.0 {
                break;
            }
            fours[place / 4].0[place % 4] = child;
            place = (place + 1) * 4 + least;
        }
        fours[place / 4].0[place % 4] = event;
    }
}

/// The earliest of four events, and which it is.
#[inline]
fn least_of(Four(four): &Four) -> (usize, Event) {
    let left = usize::from(four[1].key.0 < four[0].key.0);
    let right = 2 + usize::from(four[3].key.0 < four[2].key.0);
    let least = if four[right].key.0 < four[left].key.0 { right } else { left };
    (least, four[least])
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn an_event_has_32_bytes() {
        assert_eq!(size_of::<Event>(), 32);
        assert_eq!(size_of::<Four>(), 128);
    }

    proptest! {
        /// The heap against a sorted set, through every mixture of looking, taking and pushing.
        #[test]
        fn the_heap_is_a_sorted_set(steps in proptest::collection::vec(any::<(u8, u8)>(), 0..600)) {
            let mut queue = EventQueue::default();
            let mut model = BTreeSet::new();
            for (counter, (action, time)) in steps.into_iter().enumerate() {
                if action % 5 < 3 {
                    let key = EventKey::new(Time::from_ps(u64::from(time)), u32::from(action), counter as u64);
                    queue.push(Event { key, argument: counter as u64, at: 0, what: What::Wake });
                    model.insert((key, counter as u64));
                } else if action % 5 == 3 {
                    prop_assert_eq!(queue.peek().map(|event| (event.key, event.argument)), model.first().copied());
                } else if queue.peek().is_some() {
                    queue.take();
                    model.pop_first();
                }
                prop_assert_eq!(queue.len(), model.len());
            }
            while let Some(least) = model.pop_first() {
                prop_assert_eq!(queue.peek().map(|event| (event.key, event.argument)), Some(least));
                queue.take();
            }
            prop_assert!(queue.is_empty() && queue.peek().is_none());
        }
    }
}
