//! Neighbours on Ethernet (RFC 826): who has an address, and the packets that wait for the answer.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::{PacketRef, Span, Time};

use crate::wire::MacAddr;

/// From one request to the next (RFC 1122 §2.3.2.1: at most one a second).
const RETRY: Span = Span::from_secs(1);
/// Requests before it is given up; Linux's `mcast_solicit`.
const TRIES: u32 = 3;
/// Packets that wait for one neighbour (RFC 1122 §2.3.2.2: at least the latest one).
const WAITING_MAX: usize = 128;
/// How long what a neighbour has said is believed (RFC 1122 §2.3.2.1: "on the order of a minute").
const FRESH: Span = Span::from_secs(60);

/// What is known of neighbours.
#[derive(Default)]
pub(super) struct Neighbours {
    /// By port and address, sorted.
    known: Vec<Known>,
    unknown: Vec<Unknown>,
}

struct Known {
    key: (u32, Ipv4Addr),
    mac: MacAddr,
    /// Until when it is believed.
    fresh_until: Time,
    /// Questions to it alone without an answer, the last of which is repeated at `due`.
    polls: u32,
    due: Time,
}

/// A neighbour that has answered before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Neighbour {
    /// Lately, or it is being asked again.
    Fresh(MacAddr),
    /// So long ago that it must be asked again.
    Stale(MacAddr),
}

struct Unknown {
    port: u32,
    address: Ipv4Addr,
    tries: u32,
    due: Time,
    waiting: VecDeque<PacketRef>,
}

/// What to do about a packet for a neighbour that is not known.
pub(super) enum Next {
    /// It waits; ask who has the address.
    Ask,
    /// It waits for an answer to what was asked before.
    Wait,
    /// It waits, and in its place this one, the oldest, must go.
    Refuse(PacketRef),
}

/// What a wake-up brings for a port and an address.
pub(super) enum Due {
    /// Ask again: over which port for whom, and whom.
    Ask(u32, Ipv4Addr, MacAddr),
    /// Nobody answers: these waited.
    GiveUp(VecDeque<PacketRef>),
}

impl Neighbours {
    /// A neighbour, if it is known.
    #[inline]
    pub fn find(&self, now: Time, port: u32, address: Ipv4Addr) -> Option<Neighbour> {
        let known = &self.known[self.place(port, address).ok()?];
        Some(if now < known.fresh_until || known.polls > 0 {
            Neighbour::Fresh(known.mac)
        } else {
            Neighbour::Stale(known.mac)
        })
    }

    fn place(&self, port: u32, address: Ipv4Addr) -> Result<usize, usize> {
        self.known.binary_search_by_key(&(port, address), |known| known.key)
    }

    /// A stale neighbour has been asked, it alone (RFC 1122 §2.3.2.1, "unicast poll"): packets go on to it meanwhile.
    pub fn polled(&mut self, now: Time, port: u32, address: Ipv4Addr) {
        if let Ok(at) = self.place(port, address) {
            (self.known[at].polls, self.known[at].due) = (1, now + RETRY);
        }
    }

    /// Keeps a packet until its neighbour has answered.
    pub fn wait(&mut self, now: Time, port: u32, address: Ipv4Addr, packet: PacketRef) -> Next {
        if let Some(unknown) = self.unknown.iter_mut().find(|one| (one.port, one.address) == (port, address)) {
            unknown.waiting.push_back(packet);
            return match unknown.waiting.len() > WAITING_MAX {
                true => Next::Refuse(unknown.waiting.pop_front().expect("somebody waits")),
                false => Next::Wait,
            };
        }
        self.unknown.push(Unknown { port, address, tries: 1, due: now + RETRY, waiting: [packet].into() });
        Next::Ask
    }

    /// When the question that was just asked is asked again.
    pub fn retry(now: Time) -> Time {
        now + RETRY
    }

    /// A neighbour has said who it is: the packets that waited for it.
    pub fn learn(&mut self, now: Time, port: u32, address: Ipv4Addr, mac: MacAddr) -> VecDeque<PacketRef> {
        let known = Known { key: (port, address), mac, fresh_until: now + FRESH, polls: 0, due: Time::NEVER };
        match self.place(port, address) {
            Ok(at) => self.known[at] = known,
            Err(at) => self.known.insert(at, known),
        }
        let waiting = self.unknown.iter().position(|one| (one.port, one.address) == (port, address));
        waiting.map(|at| self.unknown.remove(at).waiting).unwrap_or_default()
    }

    /// A neighbour has said who it is to somebody else: what is known of it is renewed, but it is not learned (RFC 826, "Merge_flag").
    pub fn renew(&mut self, now: Time, port: u32, address: Ipv4Addr, mac: MacAddr) {
        if self.place(port, address).is_ok() {
            let waiting = self.learn(now, port, address, mac);
            debug_assert!(waiting.is_empty(), "nobody waits for who is known");
        }
    }

    /// What is due now; asked until `None`.
    pub fn due(&mut self, now: Time) -> Option<Due> {
        while let Some(at) = self.known.iter().position(|one| one.due <= now) {
            let known = &mut self.known[at];
            if known.polls < TRIES {
                (known.polls, known.due) = (known.polls + 1, now + RETRY);
                return Some(Due::Ask(known.key.0, known.key.1, known.mac));
            }
            // It is forgotten; the next packet asks everybody.
            self.known.remove(at);
        }
        let at = self.unknown.iter().position(|one| one.due <= now)?;
        let unknown = &mut self.unknown[at];
        if unknown.tries >= TRIES {
            return Some(Due::GiveUp(self.unknown.remove(at).waiting));
        }
        unknown.tries += 1;
        unknown.due = now + RETRY;
        Some(Due::Ask(unknown.port, unknown.address, MacAddr::BROADCAST))
    }

    /// The carrier of a port is gone: who answered there may not be there when it is back.
    pub fn forget(&mut self, port: u32) {
        self.known.retain(|known| known.key.0 != port);
    }

    /// Everything that waits, at the end of the simulation.
    pub fn drain(&mut self) -> impl Iterator<Item = PacketRef> {
        std::mem::take(&mut self.unknown).into_iter().flat_map(|unknown| unknown.waiting)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests: RFC 826, "Packet Reception"
    #[test]
    fn who_is_known_is_renewed_whomever_it_talks_to() {
        let (now, address) = (Time::ZERO, Ipv4Addr::new(10, 0, 0, 2));
        let later = |seconds| now + Span::from_secs(seconds);
        let mut neighbours = Neighbours::default();
        neighbours.renew(now, 0, address, MacAddr([2; 6]));
        assert_eq!(neighbours.find(now, 0, address), None, "a stranger is not learned from what it tells others");
        assert!(neighbours.learn(now, 0, address, MacAddr([2; 6])).is_empty());
        assert_eq!(neighbours.find(later(59), 0, address), Some(Neighbour::Fresh(MacAddr([2; 6]))));
        assert_eq!(neighbours.find(later(60), 0, address), Some(Neighbour::Stale(MacAddr([2; 6]))));
        // An announcement: another card has its address now.
        neighbours.renew(later(61), 0, address, MacAddr([3; 6]));
        assert_eq!(neighbours.find(later(62), 0, address), Some(Neighbour::Fresh(MacAddr([3; 6]))));
        assert_eq!(neighbours.find(later(62), 1, address), None, "on that link alone");
    }
}
