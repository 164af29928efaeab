//! A connection as its host keeps it: the sans-I/O machine, who owns it, and what the socket does on its own.

use std::net::Ipv4Addr;

use sim_core::{Ecn, Payload, Time};

use super::calls::ConnId;
use super::demux::FourTuple;
use super::kernel::ListenerId;
use super::socket::SocketId;
use super::stats::Outcome;
use crate::app::Data;
use crate::tcp::{Connection, State};
use crate::wire::{Ipv4Repr, Protocol};

/// Room that must be there before a feeding socket writes again, unless less than that is left: as a blocked writer is woken,
/// for a good piece and not for each segment.
const FEED_LEAST: u32 = 4096;

/// Who holds a connection, and is told of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Holder {
    /// The application of its flow.
    App,
    /// A listening socket: it opens, or waits for `accept`.
    Listener(SocketId),
    /// A socket.
    Socket(SocketId),
    /// Nobody any more: its socket is closed.
    Orphan,
}

/// A connection.
pub(super) struct Conn {
    pub tcp: Connection,
    pub id: ConnId,
    pub key: FourTuple,
    /// The flow that owns it.
    pub flow: u32,
    /// The flow word of its packets: its flow's number; where a socket listens for anybody, that of the SYN.
    pub word: u32,
    /// Time to live and traffic class of its packets.
    pub ttl: u8,
    pub tos: u8,
    pub holder: Holder,
    /// Its socket is to be told of changes: it was told, and has not looked since; it waits for room to write.
    pub told_ready: bool,
    pub wants_write: bool,
    /// Its socket was shut for reading; it lets its port be bound again.
    pub read_shut: bool,
    pub reuses: bool,
    /// It is over and counted, and kept for its socket alone.
    pub dead: bool,
    /// Its number among those of the flow's end.
    pub number: u64,
    /// Whether this end opened it.
    pub active: bool,
    /// The earliest wake-up that is under way; [`Time::NEVER`] where none is.
    pub armed: Time,
    /// Whether it waits for its turn to send.
    pub dirty: bool,
    pub established: bool,
    /// Whether its socket may write before it is established, into the SYN (RFC 7413).
    pub opens_fast: bool,
    /// The listener that counts it as not yet established.
    pub pending: Option<ListenerId>,
    pub peer_closed: bool,
    pub told_end: bool,
    /// How it ended, once it has.
    pub closed: Option<Outcome>,
    pub told_closed: bool,
    pub tell_acknowledged: bool,
    pub tell_writable: bool,
    /// A shutdown that waits for what is still to be fed.
    pub shutdown: bool,
    pub feed_left: u64,
    pub feed_data: Data,
    /// Bytes given to the connection.
    pub written: u64,
    pub draining: bool,
    pub drain_data: Data,
    pub drain_until: u64,
    /// Bytes read.
    pub received: u64,
    /// Bytes read that were not those of the pattern.
    pub damaged: u64,
    /// Bytes acknowledged, as last seen.
    pub acked: u64,
    pub traced: bool,
    pub state: State,
}

impl Conn {
    pub fn new(tcp: Connection, id: ConnId, key: FourTuple, (flow, word): (u32, u32), active: bool) -> Conn {
        Conn {
            word,
            ttl: 64,
            tos: 0,
            holder: Holder::App,
            told_ready: false,
            wants_write: false,
            read_shut: false,
            reuses: false,
            dead: false,
            // The first transition is out of nothing.
            state: State::Closed,
            tcp,
            id,
            key,
            flow,
            number: 0,
            active,
            armed: Time::NEVER,
            dirty: false,
            established: false,
            opens_fast: false,
            pending: None,
            peer_closed: false,
            told_end: false,
            closed: None,
            told_closed: false,
            tell_acknowledged: false,
            tell_writable: false,
            shutdown: false,
            feed_left: 0,
            feed_data: Data::Zeros,
            written: 0,
            draining: false,
            drain_data: Data::Zeros,
            drain_until: u64::MAX,
            received: 0,
            damaged: 0,
            acked: 0,
            traced: false,
        }
    }

    /// Writes of what is to be fed as much as there is good room for, then the shutdown that waited for it.
    #[inline]
    pub fn pump(&mut self) {
        if self.feed_left > 0 {
            let room = self.tcp.writable();
            if room >= FEED_LEAST || u64::from(room) >= self.feed_left || (room > 0 && self.acked == self.written) {
                self.write_fed(room);
            }
        }
        if self.shutdown && self.feed_left == 0 {
            self.shutdown = false;
            self.tcp.shutdown();
        }
    }

    fn write_fed(&mut self, room: u32) {
        let len = self.feed_left.min(u64::from(room)) as u32;
        let payload = match self.feed_data {
            Data::Zeros => Payload::Zeros(len),
            Data::Pattern => pattern(self.written, len),
        };
        let taken = u64::from(self.tcp.write(payload));
        self.written += taken;
        if self.feed_left != u64::MAX {
            self.feed_left -= taken;
        }
    }

    /// The header of a datagram that carries a segment of it.
    #[inline]
    pub fn ip(&self, local: Ipv4Addr, remote: Ipv4Addr, ecn: Ecn) -> Ipv4Repr {
        let mut ip = Ipv4Repr::new(local, remote, Protocol::Tcp);
        (ip.ttl, ip.tos) = (self.ttl, self.tos);
        ip.set_ecn(ecn);
        ip
    }

    pub fn local_port(&self) -> u16 {
        self.key.ports().0
    }

    /// Reads at most `max` bytes.
    pub fn read(&mut self, max: u32, data: Data) -> Payload {
        let payload = self.tcp.read(max);
        if data == Data::Pattern {
            self.damaged += damage(self.received, &payload);
        }
        self.received += u64::from(payload.len());
        payload
    }
}

/// Bytes `from..from + len` of the pattern: each byte depends on its offset alone, with a period far beyond any buffer.
fn pattern(from: u64, len: u32) -> Payload {
    Payload::from_bytes((from..from + u64::from(len)).map(byte).collect::<Vec<u8>>())
}

/// The byte of the pattern at an offset.
fn byte(offset: u64) -> u8 {
    let word = (offset >> 3).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ word >> 31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((word ^ word >> 29) >> ((offset & 7) * 8)) as u8
}

/// How many bytes are not those of the pattern from `from` on.
fn damage(from: u64, payload: &Payload) -> u64 {
    let mut bytes = Vec::with_capacity(payload.len() as usize);
    payload.append_to(&mut bytes);
    (from..).zip(bytes).filter(|(offset, found)| byte(*offset) != *found).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_finds_each_kind_of_damage() {
        let whole = pattern(1000, 4000);
        assert_eq!(damage(1000, &whole), 0);
        assert_eq!(damage(1100, &whole.slice(100, 50)), 0);
        assert!(damage(1001, &whole) > 3900 && damage(1000, &Payload::Zeros(4000)) > 3900);
        // A segment in the place of its neighbour.
        assert!(damage(1000 + 1448, &whole.slice(0, 1448)) > 1400);
    }
}
