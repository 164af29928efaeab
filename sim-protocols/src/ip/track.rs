//! Connections as a router sees them (Linux's conntrack): which packets belong together, for how long, and as whom they go on.

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use sim_core::{Span, Time};

use crate::wire::{Icmpv4Repr, Ipv4Repr, Protocol, TcpFlags, Transport};

/// Who talks to whom, in one direction. Of an echo both ports are its identifier.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Tuple {
    pub protocol: u8,
    pub src: (Ipv4Addr, u16),
    pub dst: (Ipv4Addr, u16),
}

impl Tuple {
    /// That of a packet; none where its ports are not to be seen (a fragment), or where it has none (an ICMP error).
    pub fn of(ip: &Ipv4Repr, transport: &Transport) -> Option<Tuple> {
        let ports = match transport {
            Transport::Tcp(tcp) => (tcp.src_port, tcp.dst_port),
            Transport::Udp(udp) => (udp.src_port, udp.dst_port),
            Transport::Icmp(Icmpv4Repr::EchoRequest { ident, .. } | Icmpv4Repr::EchoReply { ident, .. }) => {
                (*ident, *ident)
            }
            _ => return None,
        };
        Some(Tuple { protocol: u8::from(ip.protocol), src: (ip.src, ports.0), dst: (ip.dst, ports.1) })
    }

    /// That of the answers.
    pub fn inverse(self) -> Tuple {
        Tuple { src: self.dst, dst: self.src, ..self }
    }
}

/// How long what is quiet is remembered. Defaults: those of Linux (nf_conntrack-sysctl).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrackTimes {
    /// An established connection of TCP. Default: 5 days.
    pub tcp_established: Span,
    /// A datagram flow that has gone one way. Default: 30 s.
    pub udp: Span,
    /// A datagram flow that has gone both ways. Default: 120 s.
    pub udp_stream: Span,
    /// An echo. Default: 30 s.
    pub icmp: Span,
}

impl Default for TrackTimes {
    fn default() -> TrackTimes {
        TrackTimes {
            tcp_established: Span::from_secs(432_000),
            udp: Span::from_secs(30),
            udp_stream: Span::from_secs(120),
            icmp: Span::from_secs(30),
        }
    }
}

/// What a connection of TCP has come to, as far as a router can tell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    SynSent,
    SynReceived,
    Established,
    FinWait,
    /// Both have sent a FIN.
    TimeWait,
    Closed,
    /// Not TCP.
    Other,
}

impl Phase {
    /// Linux's `nf_conntrack_tcp_timeout_*`.
    fn span(self, times: &TrackTimes) -> Span {
        match self {
            Phase::SynSent | Phase::FinWait | Phase::TimeWait => Span::from_secs(120),
            Phase::SynReceived => Span::from_secs(60),
            Phase::Closed => Span::from_secs(10),
            Phase::Established | Phase::Other => times.tcp_established,
        }
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// As its first packet came.
    pub original: Tuple,
    /// As its answers come: the inverse of what the first packet was sent on as.
    pub reply: Tuple,
    /// Whether there has been an answer.
    pub answered: bool,
    phase: Phase,
    /// Which directions have sent a FIN.
    fins: [bool; 2],
    expires: Time,
}

/// Which way a packet of a connection goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way {
    Original,
    Reply,
}

/// The connections of a router.
#[derive(Debug, Default)]
pub(super) struct Track {
    entries: FxHashMap<u64, Entry>,
    /// Both tuples of each; where they are the same, as it was first.
    tuples: FxHashMap<Tuple, (u64, Way)>,
    made: u64,
    /// Entries above which the table is swept.
    sweep_at: usize,
}

impl Track {
    /// The connection that a packet belongs to. What has been quiet for too long is none any more.
    pub fn find(&mut self, now: Time, tuple: &Tuple) -> Option<(u64, Way)> {
        let &(number, way) = self.tuples.get(tuple)?;
        if self.entries[&number].expires <= now {
            self.remove(number);
            return None;
        }
        Some((number, way))
    }

    pub fn entry(&self, number: u64) -> &Entry {
        &self.entries[&number]
    }

    /// Until when a connection is remembered.
    pub fn until(&self, number: u64) -> Time {
        self.entries[&number].expires
    }

    /// Whether nobody has this tuple.
    pub fn is_free(&mut self, now: Time, tuple: &Tuple) -> bool {
        self.find(now, tuple).is_none()
    }

    /// A new connection; its first packet goes on, and its answers come as `reply`.
    pub fn insert(&mut self, now: Time, original: Tuple, reply: Tuple) -> u64 {
        if self.entries.len() >= self.sweep_at {
            self.sweep(now);
        }
        self.made += 1;
        let tcp = original.protocol == u8::from(Protocol::Tcp);
        let phase = if tcp { Phase::SynSent } else { Phase::Other };
        let entry = Entry { original, reply, answered: false, phase, fins: [false; 2], expires: now };
        self.entries.insert(self.made, entry);
        self.tuples.insert(reply, (self.made, Way::Reply));
        self.tuples.insert(original, (self.made, Way::Original));
        self.made
    }

    /// A packet of a connection has come, whether or not it goes on.
    pub fn came(&mut self, now: Time, times: &TrackTimes, (number, way): (u64, Way), transport: &Transport) {
        let Some(entry) = self.entries.get_mut(&number) else { return };
        entry.answered |= way == Way::Reply;
        let span = match transport {
            Transport::Tcp(tcp) => {
                entry.tcp(tcp.flags, way);
                entry.phase.span(times)
            }
            Transport::Udp(_) if entry.answered => times.udp_stream,
            Transport::Udp(_) => times.udp,
            _ => times.icmp,
        };
        entry.expires = now.saturating_add(span);
    }

    /// Whether a segment without a connection may begin one. In its middle it may, too, for the router may have forgotten it (Linux:
    /// `nf_conntrack_tcp_loose`, on); an answer, an end or a reset begins nothing.
    pub fn may_begin(transport: &Transport) -> bool {
        match transport {
            Transport::Tcp(tcp) => {
                let has = |flag| tcp.flags.has(flag);
                !(has(TcpFlags::RST) || has(TcpFlags::FIN) || has(TcpFlags::SYN) && has(TcpFlags::ACK))
            }
            Transport::Icmp(Icmpv4Repr::EchoReply { .. }) => false,
            _ => true,
        }
    }

    fn remove(&mut self, number: u64) {
        let Some(entry) = self.entries.remove(&number) else { return };
        for tuple in [entry.original, entry.reply] {
            if self.tuples.get(&tuple).is_some_and(|(other, _)| *other == number) {
                self.tuples.remove(&tuple);
            }
        }
    }

    /// Forgets what has been quiet for too long. In which order does not matter.
    fn sweep(&mut self, now: Time) {
        self.entries.retain(|_, entry| entry.expires > now);
        let entries = &self.entries;
        self.tuples.retain(|_, (number, _)| entries.contains_key(number));
        self.sweep_at = (2 * self.entries.len()).max(1024);
    }
}

impl Entry {
    fn tcp(&mut self, flags: TcpFlags, way: Way) {
        let has = |flag| flags.has(flag);
        if has(TcpFlags::RST) {
            self.phase = Phase::Closed;
            return;
        }
        if has(TcpFlags::SYN) {
            self.fins = [false; 2];
            self.phase = if has(TcpFlags::ACK) { Phase::SynReceived } else { Phase::SynSent };
            return;
        }
        if has(TcpFlags::FIN) {
            self.fins[way as usize] = true;
        }
        self.phase = match self.fins {
            [true, true] => Phase::TimeWait,
            [false, false] if self.phase == Phase::Closed => Phase::Closed,
            [false, false] => Phase::Established,
            _ => Phase::FinWait,
        };
    }
}
