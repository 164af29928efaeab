//! What all sources of datagrams share.

use std::sync::Arc;

use sim_core::{PS_PER_SECOND, Payload, Rate, Rng, Size, Span, Table, Time};

use super::values::Counted;
use super::{SizeDist, SpanDist};
use crate::app::Scope;
use crate::host::{App, AppEvent, Calls, DATAGRAMS, DatagramRow, FlowEnd, Outcome, UDP, UdpId};

/// The tables of datagram flows.
pub(super) const DATAGRAM_TABLES: &[&Table] = &[&UDP, &DATAGRAMS];

/// Bytes of IP and UDP header.
pub(super) const HEADERS: u64 = 28;
/// The longest IP packet.
pub(super) const PACKET_MAX: u64 = 65_535;

pub(super) fn check(
    rate: Rate,
    size: Size,
    counted: Counted,
    count: Option<u64>,
) -> Result<(), (&'static str, String)> {
    let headers = if counted == Counted::Payload { HEADERS } else { 0 };
    match () {
        _ if rate.bps() == 0 => Err(("rate", "a source of rate zero sends nothing".into())),
        _ if size.bytes() == 0 => Err(("size", "datagrams of zero bytes have no rate".into())),
        _ if size.bytes() + headers > PACKET_MAX => {
            Err(("size", format!("a datagram carries {} B at most", PACKET_MAX - headers)))
        }
        _ if counted == Counted::Packet && size.bytes() < HEADERS => {
            Err(("size", format!("an IP packet with a UDP header has {HEADERS} B at least")))
        }
        _ if count == Some(0) => Err(("count", "zero datagrams do nothing".into())),
        _ => Ok(()),
    }
}

/// The shortest packet of a drawn size: headers and the stamp.
const PACKET_MIN: u64 = HEADERS + Payload::STAMP as u64;

/// How a source spaces its datagrams.
#[derive(Clone, Debug)]
pub(super) enum Spacing {
    /// Each takes its own time at the source's rate.
    Constant,
    /// Exponential times of this mean.
    Exponential(Span),
    /// At these times after its start, of these sizes where they are given.
    Traced(Arc<[(Span, Option<Size>)]>),
    /// Constant while on, nothing while off.
    OnOff {
        /// How long it is on.
        on: SpanDist,
        /// How long it is off.
        off: SpanDist,
    },
}

/// The two ends of a datagram flow.
pub(super) fn open(
    end: FlowEnd,
    scope: &Scope,
    source: (Spacing, Rate, SizeDist, Counted),
    ends: (Option<u64>, Option<Time>),
) -> Box<dyn App> {
    match end {
        FlowEnd::Client => Box::new(UdpSource::new(source, ends, (scope.stream("arrivals"), scope.stream("sizes")))),
        FlowEnd::Server => Box::new(UdpSink),
    }
}

/// The sending end of every datagram flow.
struct UdpSource {
    spacing: Spacing,
    rate: Rate,
    size: SizeDist,
    counted: Counted,
    left: u64,
    stop: Time,
    arrivals: Rng,
    sizes: Rng,
    socket: Option<UdpId>,
    /// When it began, and how many it has sent.
    begun: Time,
    sent: usize,
    /// When the present on-period ends.
    off_at: Time,
    /// What is left of bits times picoseconds, after the division by the rate: spacing stays exact.
    remainder: u64,
    seq: u32,
    /// The datagram that the next wake-up sends.
    next_size: u64,
}

impl UdpSource {
    pub fn new(
        (spacing, rate, size, counted): (Spacing, Rate, SizeDist, Counted),
        (count, stop): (Option<u64>, Option<Time>),
        (arrivals, sizes): (Rng, Rng),
    ) -> UdpSource {
        let rows = match &spacing {
            Spacing::Traced(rows) => rows.len() as u64,
            _ => u64::MAX,
        };
        UdpSource {
            spacing,
            rate,
            size,
            counted,
            left: count.unwrap_or(u64::MAX).min(rows),
            stop: stop.unwrap_or(Time::NEVER),
            arrivals,
            sizes,
            socket: None,
            begun: Time::ZERO,
            sent: 0,
            off_at: Time::NEVER,
            remainder: 0,
            seq: 0,
            next_size: 0,
        }
    }

    /// The time that bytes take at the rate.
    fn time_of(&mut self, bytes: u64) -> Span {
        // Below 65,536 bytes the product stays below 2^59, and the remainder below the rate.
        let product = bytes * 8 * PS_PER_SECOND + self.remainder;
        self.remainder = product % self.rate.bps();
        Span::from_ps(product / self.rate.bps())
    }

    fn draw_size(&mut self) -> u64 {
        let headers = if self.counted == Counted::Payload { HEADERS } else { 0 };
        if let Spacing::Traced(rows) = &self.spacing
            && let Some((_, Some(size))) = rows.get(self.sent)
        {
            return size.bytes() + HEADERS;
        }
        let packet = self.size.draw(&mut self.sizes) + headers;
        match self.size {
            SizeDist::Fixed(_) => packet,
            _ => packet.clamp(PACKET_MIN, PACKET_MAX),
        }
    }

    /// What the rate counts of a packet.
    fn weight(&self, packet: u64) -> u64 {
        if self.counted == Counted::Payload { packet - HEADERS } else { packet }
    }

    fn arm(&mut self, calls: &mut Calls<'_, '_>, at: Time) {
        if self.left > 0 && at < self.stop {
            calls.wake_at(at, 0);
        } else {
            calls.outcome(Outcome::Finished);
        }
    }
}

impl App for UdpSource {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        let flow = calls.flow();
        let server = (flow.server, flow.port);
        self.socket = Some(calls.udp_connect(server));
        let now = calls.now();
        self.begun = now;
        let first = match &self.spacing {
            Spacing::Constant => now,
            Spacing::Traced(rows) => now.saturating_add(rows.first().map_or(Span::ZERO, |(at, _)| *at)),
            // A Poisson process has no customer at its start.
            Spacing::Exponential(mean) => now.saturating_add(self.arrivals.exponential(*mean)),
            Spacing::OnOff { on, .. } => {
                self.off_at = now.saturating_add(on.draw(&mut self.arrivals));
                now
            }
        };
        self.next_size = self.draw_size();
        self.arm(calls, first);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::UdpError(..) => calls.stats().udp().unreachable += 1,
            AppEvent::Datagrams(socket) => while calls.receive_from(socket).is_some() {},
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, _token: u32) {
        let Some(socket) = self.socket else { return };
        let now = calls.now();
        let packet = self.next_size;
        let len = (packet - HEADERS) as u32;
        calls.send(socket, Payload::Stamped { seq: self.seq, sent: now, len });
        calls.stats().udp().count(now, len);
        self.seq = self.seq.wrapping_add(1);
        self.left -= 1;
        self.sent += 1;
        let weight = self.weight(packet);
        self.next_size = self.draw_size();
        // A Poisson process has nothing left of the one before.
        let timed = matches!(self.spacing, Spacing::Exponential(_) | Spacing::Traced(_));
        let own = if timed { Span::ZERO } else { self.time_of(weight) };
        let next = match &self.spacing {
            Spacing::Constant => now.saturating_add(own),
            Spacing::Traced(rows) => rows.get(self.sent).map_or(Time::NEVER, |(at, _)| self.begun.saturating_add(*at)),
            Spacing::Exponential(mean) => now.saturating_add(self.arrivals.exponential(*mean)),
            Spacing::OnOff { on, off } => {
                let mut next = now.saturating_add(own);
                while next >= self.off_at && self.off_at != Time::NEVER {
                    next = self.off_at.saturating_add(off.draw(&mut self.arrivals));
                    self.off_at = next.saturating_add(on.draw(&mut self.arrivals));
                }
                next
            }
        };
        self.arm(calls, next);
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

/// The mean time between datagrams of this mean size at this mean rate.
pub(super) fn mean_gap(rate: Rate, size: &SizeDist) -> Span {
    Span::from_ps(size.mean().bytes() * 8 * PS_PER_SECOND / rate.bps())
}

/// The receiving end of every datagram flow: it measures.
#[derive(Default)]
struct UdpSink;

impl App for UdpSink {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        let port = calls.flow().port;
        calls.udp_bind(port);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        let AppEvent::Datagrams(socket) = event else { return };
        let (now, flow) = (calls.now(), calls.number());
        while let Some(datagram) = calls.receive_from(socket) {
            let bytes = datagram.payload.len();
            let stats = calls.stats();
            stats.udp().count(now, bytes);
            stats.delivered += u64::from(bytes);
            if let Some((seq, sent)) = datagram.payload.stamp() {
                let delay = now.since(sent);
                stats.udp().stamped(seq, delay);
                calls.emit(&DatagramRow { flow, seq, bytes, delay });
            }
        }
    }

    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}
