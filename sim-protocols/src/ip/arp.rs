//! Neighbours on Ethernet (RFC 826): who has an address, and the packets that wait for the answer.

use std::net::Ipv4Addr;

use sim_core::{PacketRef, Span, Time};

use crate::wire::MacAddr;

/// From one request to the next (RFC 1122 §2.3.2.1: at most one a second).
const RETRY: Span = Span::from_secs(1);
/// Requests before it is given up; Linux's `mcast_solicit`.
const TRIES: u32 = 3;
/// Packets that wait for one neighbour (RFC 1122 §2.3.2.2: at least one).
const WAITING_MAX: usize = 128;

/// What is known of neighbours.
#[derive(Default)]
pub(super) struct Neighbours {
    /// Port and address, sorted; the hardware address.
    known: Vec<((u32, Ipv4Addr), MacAddr)>,
    unknown: Vec<Unknown>,
}

struct Unknown {
    port: u32,
    address: Ipv4Addr,
    tries: u32,
    due: Time,
    waiting: Vec<PacketRef>,
}

/// What to do about a packet for a neighbour that is not known.
pub(super) enum Next {
    /// It waits; ask who has the address.
    Ask,
    /// It waits for an answer to what was asked before.
    Wait,
    /// Too many wait already.
    Refuse(PacketRef),
}

/// What a wake-up brings for a port and an address.
pub(super) enum Due {
    /// Ask again.
    Ask(u32, Ipv4Addr),
    /// Nobody answers: these waited.
    GiveUp(Vec<PacketRef>),
}

impl Neighbours {
    /// The hardware address of a neighbour, if it is known.
    #[inline]
    pub fn find(&self, port: u32, address: Ipv4Addr) -> Option<MacAddr> {
        let at = self.known.binary_search_by_key(&(port, address), |(key, _)| *key).ok()?;
        Some(self.known[at].1)
    }

    /// Keeps a packet until its neighbour has answered.
    pub fn wait(&mut self, now: Time, port: u32, address: Ipv4Addr, packet: PacketRef) -> Next {
        if let Some(unknown) = self.unknown.iter_mut().find(|one| (one.port, one.address) == (port, address)) {
            if unknown.waiting.len() >= WAITING_MAX {
                return Next::Refuse(packet);
            }
            unknown.waiting.push(packet);
            return Next::Wait;
        }
        self.unknown.push(Unknown { port, address, tries: 1, due: now + RETRY, waiting: vec![packet] });
        Next::Ask
    }

    /// When the question that was just asked is asked again.
    pub fn retry(now: Time) -> Time {
        now + RETRY
    }

    /// A neighbour has said who it is: the packets that waited for it.
    pub fn learn(&mut self, port: u32, address: Ipv4Addr, mac: MacAddr) -> Vec<PacketRef> {
        match self.known.binary_search_by_key(&(port, address), |(key, _)| *key) {
            Ok(at) => self.known[at].1 = mac,
            Err(at) => self.known.insert(at, ((port, address), mac)),
        }
        let waiting = self.unknown.iter().position(|one| (one.port, one.address) == (port, address));
        waiting.map(|at| self.unknown.remove(at).waiting).unwrap_or_default()
    }

    /// What is due now; asked until `None`.
    pub fn due(&mut self, now: Time) -> Option<Due> {
        let at = self.unknown.iter().position(|one| one.due <= now)?;
        let unknown = &mut self.unknown[at];
        if unknown.tries >= TRIES {
            return Some(Due::GiveUp(self.unknown.remove(at).waiting));
        }
        unknown.tries += 1;
        unknown.due = now + RETRY;
        Some(Due::Ask(unknown.port, unknown.address))
    }

    /// The carrier of a port is gone: who answered there may not be there when it is back.
    pub fn forget(&mut self, port: u32) {
        self.known.retain(|((known, _), _)| *known != port);
    }

    /// Everything that waits, at the end of the simulation.
    pub fn drain(&mut self) -> impl Iterator<Item = PacketRef> {
        std::mem::take(&mut self.unknown).into_iter().flat_map(|unknown| unknown.waiting)
    }
}
