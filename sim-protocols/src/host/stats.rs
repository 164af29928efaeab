//! What a host knows of its flows.

use sim_core::{Cx, PS_PER_SECOND, Prob, Rate, Span, Time};

use super::config::{FlowConfig, FlowEnd};
use super::kernel::Flow;
use super::quantiles::Quantiles;
use super::tables::{FlowRow, UdpRow};
use crate::app::APPS;
use crate::wire::Frame;

/// How a flow or a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub enum Outcome {
    /// Its time has not come.
    #[default]
    NotStarted,
    /// It still runs.
    Running,
    /// Everything was sent, answered and closed in order.
    Finished,
    /// The other end reset the connection.
    Reset,
    /// Nobody listened.
    Refused,
    /// Too many retransmissions.
    TimedOut,
    /// ICMP said that there is no way.
    Unreachable,
    /// This end reset the connection, or it closed before everything was there.
    Aborted,
}

/// What came back for a probe.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Answer {
    /// An echo reply.
    Reply,
    /// Nothing in time.
    Timeout,
    /// The time to live ran out on the way.
    TtlExpired,
    /// The destination has nobody at the port.
    PortUnreachable,
    /// The last router has no way to the destination.
    HostUnreachable,
    /// A router has no route.
    NetUnreachable,
    /// Another refusal.
    Unreachable,
    /// Nothing yet, when the simulation stopped.
    Open,
}

/// One end of a flow, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct FlowStats {
    pub outcome: Outcome,
    /// First SYN or call.
    pub start: Option<Time>,
    /// Last byte acknowledged or delivered.
    pub last: Option<Time>,
    /// Bytes of this end that the other one has acknowledged.
    pub acked: u64,
    /// Bytes that this end's application has read.
    pub delivered: u64,
    /// `delivered` at the last sample.
    pub sampled: u64,
    /// Data segments or probes sent, and how many of them were lost or sent again.
    pub sent: u64,
    pub lost: u64,
    /// Segments that either end of its connections has sent again.
    pub again: u64,
    pub timeouts: u64,
    /// Recoveries without a time-out, probes of the tail, reductions that were undone.
    pub fast_retransmits: u64,
    pub tail_probes: u64,
    pub undone: u64,
    pub rtt: Quantiles,
    pub connections: u64,
    pub damaged: u64,
    udp: Option<Box<UdpStats>>,
}

/// Datagrams of one end, counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct UdpStats {
    pub packets: u64,
    pub bytes: u64,
    pub first: Option<Time>,
    pub last: Time,
    pub unreachable: u64,
    /// The number after the highest that has come.
    pub next: u64,
    /// Which of the 64 numbers below `next` have come.
    recent: u64,
    pub reordered: u64,
    pub duplicates: u64,
    pub delays: Quantiles,
    last_delay: Option<Span>,
    jitter_sum_ps: u128,
    jitter_count: u64,
}

impl UdpStats {
    #[inline]
    pub fn count(&mut self, now: Time, bytes: u32) {
        self.packets += 1;
        self.bytes += u64::from(bytes);
        self.first.get_or_insert(now);
        self.last = now;
    }

    /// A datagram with its number and its delay.
    #[inline]
    pub fn stamped(&mut self, seq: u32, delay: Span) {
        // The number on the wire has 32 bits: its distance from the expected one tells the rest.
        let ahead = seq.wrapping_sub(self.next as u32) as i32;
        if ahead >= 0 {
            let shift = ahead as u32 + 1;
            self.recent = self.recent.checked_shl(shift).unwrap_or(0) | 1;
            self.next += u64::from(shift);
        } else {
            let bit = 1u64.checked_shl((-(ahead + 1)) as u32).unwrap_or(0);
            if self.recent & bit != 0 {
                self.duplicates += 1;
                return;
            }
            self.recent |= bit;
            self.reordered += 1;
        }
        self.delays.record(delay);
        if let Some(last) = self.last_delay.replace(delay) {
            self.jitter_sum_ps += u128::from(delay.ps().abs_diff(last.ps()));
            self.jitter_count += 1;
        }
    }

    pub fn lost(&self) -> u64 {
        (self.next + self.duplicates).saturating_sub(self.packets)
    }

    pub fn row(&self, flow: u32, end: u32) -> UdpRow {
        let span = self.first.map_or(Span::ZERO, |first| self.last - first);
        UdpRow {
            flow,
            workload: flow,
            end,
            packets: self.packets,
            bytes: self.bytes,
            rate: rate(self.bytes, span),
            lost: if end == 0 { 0 } else { self.lost() },
            reordered: self.reordered,
            duplicates: self.duplicates,
            unreachable: self.unreachable,
            delay_min: self.delays.min(),
            delay_mean: self.delays.mean(),
            delay_p50: self.delays.percentile(50),
            delay_p95: self.delays.percentile(95),
            delay_p99: self.delays.percentile(99),
            delay_max: self.delays.max(),
            jitter: (self.jitter_count > 0)
                .then(|| Span::from_ps((self.jitter_sum_ps / u128::from(self.jitter_count)) as u64)),
        }
    }
}

impl Flow {
    /// Whether its application starts with the simulation: a server listens before anybody calls.
    pub fn starts_at_once(&self) -> bool {
        self.end == FlowEnd::Server && !self.config.app.opens_at_both_ends()
    }

    /// The rows that this end writes when the simulation ends.
    pub fn finish(&self, cx: &mut Cx<'_, Frame>) {
        let (config, stats) = (&*self.config, &self.stats);
        let datagrams = config.app.sends_datagrams();
        let none = UdpStats::default();
        let udp = stats.udp.as_deref().unwrap_or(&none);
        if datagrams {
            cx.emit(&udp.row(config.number, self.end as u32));
        }
        let (bytes, reporting) = match config.app.delivers_to() {
            Some(FlowEnd::Server) if !datagrams => (stats.acked, FlowEnd::Client),
            Some(FlowEnd::Server) => (stats.delivered, FlowEnd::Server),
            _ => (stats.delivered, FlowEnd::Client),
        };
        if self.end != reporting || config.app.is_program() {
            return;
        }
        let mut row = stats.row(config, bytes, cx.now());
        if datagrams {
            let said = cx.said(config.number).unwrap_or(0);
            let (sent, ended) = (said >> 1, said & 1 == 1);
            let start = config.start;
            row.start = (sent > 0).then_some(start);
            row.end = (udp.packets > 0).then_some(udp.last);
            let until = if ended && udp.packets > 0 { udp.last } else { cx.now() };
            row.goodput = rate(bytes, until.since(start));
            row.sent = sent;
            // What is neither here nor under way is lost, wherever it stood in the row.
            let due = sent.saturating_sub(cx.under_way(config.number));
            row.loss = share(due.saturating_sub(udp.packets - udp.duplicates), due);
            row.outcome = match (sent, ended) {
                (_, true) => Outcome::Finished,
                (0, false) => Outcome::NotStarted,
                _ => Outcome::Running,
            } as u32;
        }
        cx.emit(&row);
    }

    /// What the receiving end of a datagram flow must know of the sending one for its row: what has been sent, and whether that was all.
    pub fn last_words(&self, say: &mut dyn FnMut(u32, u64)) {
        if self.end == FlowEnd::Client && self.config.app.sends_datagrams() {
            let sent = self.stats.udp.as_ref().map_or(0, |udp| udp.packets);
            say(self.config.number, sent << 1 | u64::from(self.stats.outcome == Outcome::Finished));
        }
    }
}

impl FlowStats {
    /// What it has counted of datagrams.
    #[inline]
    pub fn udp(&mut self) -> &mut UdpStats {
        self.udp.get_or_insert_default()
    }

    /// The flow's row, at the end of the simulation.
    pub fn row(&self, config: &FlowConfig, bytes: u64, now: Time) -> FlowRow {
        let running = matches!(self.outcome, Outcome::Running | Outcome::NotStarted);
        let until = if running { now } else { self.last.unwrap_or(now) };
        let span = self.start.map_or(Span::ZERO, |start| until.since(start));
        FlowRow {
            flow: config.number,
            workload: config.number,
            app: APPS.iter().position(|app| app.name == config.app.name()).expect("registered") as u32,
            client: config.client,
            server: config.server,
            start: self.start,
            end: self.last,
            bytes,
            goodput: rate(bytes, span),
            sent: self.sent,
            retransmissions: self.again,
            timeouts: self.timeouts,
            fast_retransmits: self.fast_retransmits,
            tail_probes: self.tail_probes,
            undone: self.undone,
            loss: share(self.lost, self.sent),
            rtt_min: self.rtt.min(),
            rtt_mean: self.rtt.mean(),
            rtt_p50: self.rtt.percentile(50),
            rtt_p95: self.rtt.percentile(95),
            rtt_p99: self.rtt.percentile(99),
            connections: self.connections,
            damaged: self.damaged,
            outcome: self.outcome as u32,
        }
    }
}

/// Bytes over a span; zero over none.
pub(crate) fn rate(bytes: u64, span: Span) -> Rate {
    let bits = u128::from(bytes) * 8 * u128::from(PS_PER_SECOND);
    let bps = bits.checked_div(u128::from(span.ps())).unwrap_or(0);
    Rate::from_bps(u64::try_from(bps).unwrap_or(u64::MAX))
}

/// A share in parts of [`Prob::ONE_PARTS`].
pub(crate) fn share(part: u64, whole: u64) -> u64 {
    let parts = u128::from(part) * u128::from(Prob::ONE_PARTS);
    parts.checked_div(u128::from(whole)).unwrap_or(0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_reordering_and_duplicates_are_told_apart() {
        let mut stats = UdpStats::default();
        for (at, seq) in [0, 1, 3, 2, 2, 6, 5, 200, 200].into_iter().enumerate() {
            stats.count(Time::from_ps(at as u64), 100);
            stats.stamped(seq, Span::from_us(10 + at as u64));
        }
        assert_eq!((stats.packets, stats.duplicates, stats.reordered, stats.lost()), (9, 2, 2, 201 - 7));
    }

    #[test]
    fn rates_and_shares_are_exact() {
        assert_eq!(rate(1250, Span::from_ms(1)), Rate::from_bps(10_000_000));
        assert_eq!((rate(1, Span::ZERO), share(1, 4), share(1, 0)), (Rate::from_bps(0), 250_000_000_000, 0));
    }
}
