//! TCP: a connection as a machine without input or output of its own. What arrives goes in with [`Connection::on_segment`] and
//! [`Connection::on_timeout`], what must leave comes out of [`Connection::next_segment`] until it gives `None`, and time is an argument.
//!
//! | RFC | file |
//! | --- | --- |
//! | 9293 §3.3 states | `state` |
//! | 9293 §3.10.7 arriving segments, 5961, 7323 PAWS | `connection/arrive` |
//! | 5681, 9937, 3168 acknowledgements and the window | `connection/acknowledge` |
//! | 6675, 6582, 8985, 5682, 4015, 3708 finding losses, recovery, undoing | `connection/recovery`, `connection/tail`, `scoreboard` |
//! | 1122 §4.2.3, 5681 §4.2 sending acknowledgements, windows | `connection/receive` |
//! | 9293 §3.7, §3.8 what is sent, Nagle, probes | `connection/transmit` |
//! | 9293 §3.9.1 what applications call and set | `options`, `connection/calls` |
//! | buffers: where packets end, Linux's accounting, auto-tuning | `connection/memory` |
//! | 5482, 1122 §4.2.3.6 giving up, keep-alive | `connection/keep` |
//! | 7413 Fast Open | `fast_open`, `connection/opening` |
//! | 6298, 6069 round trips and time-outs | `rtt`, `connection/timers` |
//! | delivery rates and pacing for controls | `connection/rate` |
//! | 5681, 9438 congestion controls | `cc/` |
//!
//! Left out, with reasons: urgent data (RFC 6093 advises against it; the pointer passes), TCP's own segmentation offload (only where its packets
//! end is known), black-hole detection by MTU probing (RFC 4821: Linux has it off).

mod buffer;
pub mod cc;
mod config;
mod connection;
mod fast_open;
#[cfg(test)]
mod lab;
#[cfg(test)]
mod linux;
mod options;
mod rtt;
mod scoreboard;
mod state;
#[cfg(test)]
mod tests;
mod trace;

pub use cc::{CONTROLS, ControlConfig};
pub use config::{Config, Profile};
pub use connection::{Connection, ConnectionEvent, Counters, Info, Reason, TcpInfo};
pub use fast_open::{FastOpenCache, FastOpenConfig, FastOpenKey, FastOpenLesson, FastOpenTicket, FastOpenVerdict};
pub use options::{CallError, Options, WriteFlags};
pub use state::{STATE_WORDS, State};
pub use trace::{Cause, Change, Phase, RATES, RateChange, RateRow, TCP, TcpRow};

use std::net::Ipv4Addr;

use sim_core::{Aside, Ecn, Payload};

use crate::wire::{Seq, TcpFlags, TcpRepr};

/// A segment with its payload and the ECN field that it came or leaves with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segment {
    /// The header.
    pub repr: TcpRepr,
    /// What it carries.
    pub payload: Payload,
    /// The ECN field of the IP header.
    pub ecn: Ecn,
    /// What the sender lets the receiver know besides; not on the wire.
    pub aside: Option<Box<Aside>>,
}

/// An address and a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Endpoint {
    /// The address.
    pub addr: Ipv4Addr,
    /// The port.
    pub port: u16,
}

impl Endpoint {
    /// An endpoint.
    pub const fn new(addr: Ipv4Addr, port: u16) -> Endpoint {
        Endpoint { addr, port }
    }
}

/// What ICMP says of a segment that has not arrived.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Obstacle {
    /// There is no route to the network, or the host does not answer: the path is broken (RFC 6069 §3).
    Disconnected,
    /// The host does not speak TCP, or has no such port: a hard error (RFC 1122 §4.2.3.9).
    Hard,
    /// Anything else.
    Soft,
}

/// What a segment to no connection is answered with (RFC 9293 §3.10.7.1); `None` for a reset.
pub fn reset_for(segment: &Segment) -> Option<TcpRepr> {
    let repr = &segment.repr;
    if repr.flags.rst() {
        return None;
    }
    let mut reset = TcpRepr { src_port: repr.dst_port, dst_port: repr.src_port, ..TcpRepr::default() };
    if repr.flags.ack() {
        reset.seq = repr.ack;
        reset.flags = TcpFlags::RST;
    } else {
        reset.seq = Seq(0);
        reset.ack = repr.seq + repr.seq_len(segment.payload.len());
        reset.flags = TcpFlags::RST | TcpFlags::ACK;
    }
    Some(reset)
}
