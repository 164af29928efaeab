//! Trace-driven links, by the rule of the Mahimahi emulator: at each stamp of the trace 1500 bytes may leave, of the packets that wait then. A
//! packet has left at the stamp that carries its last byte. Stamps that nobody waits for are lost.

use super::facts::{PortFacts, Speed};

/// Bytes that leave at a stamp.
const EACH: u64 = 1500;
/// Picoseconds in a millisecond.
const MILLISECOND: u64 = 1_000_000_000;

/// How far the opportunities of a trace are used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Used {
    /// Opportunities before this one, counted over all rounds, are over.
    next: u64,
    /// The moment of the last one that was used, and the bytes that it still has.
    last: u64,
    left: u64,
}

/// The opportunities of a port's traces.
pub(super) struct Opportunities<'a> {
    facts: &'a PortFacts,
    /// Which entry of the schedule of speeds is in use, and how far: what may be so, given the packets so far.
    states: Vec<(usize, Used)>,
    /// Packets that were carried.
    pub carried: usize,
}

impl<'a> Opportunities<'a> {
    pub fn new(facts: &'a PortFacts) -> Opportunities<'a> {
        Opportunities { facts, states: Vec::new(), carried: 0 }
    }

    /// Whether a packet that was first in line from `started` on leaves at `ended`; the one before it had left at `before`.
    pub fn carries(&mut self, before: u64, started: u64, ended: u64, bytes: u64) -> bool {
        let schedule = &self.facts.speed;
        let mut after = Vec::new();
        for (at, (from, speed)) in schedule.iter().enumerate() {
            let Speed::Trace(stamps) = speed else { continue };
            let until = schedule.get(at + 1).map_or(u64::MAX, |(from, _)| *from);
            if started < *from || started > until {
                continue;
            }
            // A trace that comes into force begins anew; where a failing link has emptied the queue, the rest of an opportunity is gone.
            let fresh = Used { next: 0, last: 0, left: 0 };
            let mut candidates: Vec<Used> =
                self.states.iter().filter(|(of, _)| *of == at).map(|(_, used)| *used).collect();
            if candidates.is_empty() {
                candidates.push(fresh);
            }
            if self.facts.down.iter().any(|(down, _)| *down <= started) {
                candidates.push(Used { next: first(stamps, before + 1), last: before, left: 0 });
            }
            for used in candidates {
                let (left_at, used) = serve(stamps, used, started, bytes);
                if left_at == ended && !after.contains(&(at, used)) {
                    after.push((at, used));
                }
            }
        }
        if after.is_empty() {
            return false;
        }
        self.carried += 1;
        self.states = after;
        true
    }
}

/// The moment of an opportunity, counted over all rounds.
fn moment(stamps: &[u64], number: u64) -> u64 {
    let (round, place) = (number / stamps.len() as u64, number % stamps.len() as u64);
    (round * stamps[stamps.len() - 1] + stamps[place as usize]) * MILLISECOND
}

/// The first opportunity at a moment or later.
fn first(stamps: &[u64], time: u64) -> u64 {
    let period = stamps[stamps.len() - 1] * MILLISECOND;
    // The round before, for its last stamp is where this one begins.
    let mut number = (time / period).saturating_sub(1) * stamps.len() as u64;
    while moment(stamps, number) < time {
        number += 1;
    }
    number
}

/// Serves a packet: at each opportunity what it has, until the last byte is gone.
fn serve(stamps: &[u64], mut used: Used, ready: u64, mut bytes: u64) -> (u64, Used) {
    if used.last < ready {
        used.left = 0;
        used.next = used.next.max(first(stamps, ready));
    }
    loop {
        let now = bytes.min(used.left);
        (bytes, used.left) = (bytes - now, used.left - now);
        if bytes == 0 {
            return (used.last, used);
        }
        (used.last, used.left, used.next) = (moment(stamps, used.next), EACH, used.next + 1);
    }
}
