//! What a request has had of its connection, layer by layer, and where its time has gone.

use std::sync::Arc;

use sim_core::Span;

use super::dial::{Fault, Meter, Progress, Secured, UpDown};
use crate::host::{Cause, Layers};
use crate::tcp::Counters;

/// A connection as a request has found it.
#[derive(Clone)]
pub(crate) struct Used {
    meter: Arc<Meter>,
    all: UpDown,
    overhead: UpDown,
    tcp: Counters,
    /// Its stream of HTTP/2.
    pub stream: Option<u32>,
    /// What had passed when the answer was there: closing the connection behind it does not count.
    sealed: Option<Passed>,
}

/// What has passed on a connection since.
#[derive(Clone)]
pub(crate) struct Passed {
    /// All but the body: `http` has it, too. In HTTP/2 these are all frames of its stream.
    pub layers: Layers,
    pub secured: Secured,
    /// The least round trip of the connection so far.
    pub round_trip: Option<Span>,
}

impl Used {
    /// One that was opened for the request, or is used again.
    pub fn new(meter: Arc<Meter>, reused: bool) -> Used {
        let (all, overhead, tcp) = match reused {
            true => (meter.all(), meter.overhead(), meter.tcp()),
            false => Default::default(),
        };
        Used { meter, all, overhead, tcp, stream: None, sealed: None }
    }

    /// What TLS has found wrong on the connection.
    pub fn fault(&self) -> Option<Fault> {
        self.meter.fault()
    }

    /// What passes from now on is not for this request.
    pub fn seal(&mut self) {
        if self.sealed.is_none() {
            self.sealed = Some(self.clone().passed());
        }
    }

    /// What has passed until now, or until it was sealed.
    pub fn passed(self) -> Passed {
        let Used { meter, all, overhead, tcp, stream, sealed } = self;
        if let Some(sealed) = sealed {
            return sealed;
        }
        let (now, around, counted) = (meter.all(), meter.overhead(), meter.tcp());
        let mut layers = of_tcp(&counted, &tcp);
        layers.http = match stream {
            Some(stream) => meter.take_stream(stream),
            None => [now[0] - all[0], now[1] - all[1]],
        };
        layers.tls = [around[0].saturating_sub(overhead[0]), around[1].saturating_sub(overhead[1])];
        Passed { layers, secured: meter.secured(), round_trip: counted.rtt_min }
    }
}

/// What TCP has counted since.
pub(crate) fn of_tcp(now: &Counters, then: &Counters) -> Layers {
    let since = |of: fn(&Counters) -> u64| of(now).saturating_sub(of(then));
    let mut layers = Layers {
        retransmissions: since(|counted| counted.retransmissions),
        out_of_order: since(|counted| counted.out_of_order),
        tcp: [since(|counted| counted.header_bytes_sent), since(|counted| counted.header_bytes_received)],
        payload: [since(|counted| counted.bytes_sent), since(|counted| counted.payload_bytes_received)],
        ..Layers::default()
    };
    layers.of_packets([since(|counted| counted.segments_sent), since(|counted| counted.segments_received)]);
    layers
}

impl Passed {
    /// Puts it into the columns of a row, whose body is there already. What TLS and HTTP are to a request is `http`.
    pub fn tell(self, layers: &mut Layers) {
        let Layers { body, .. } = *layers;
        *layers = Layers { body, cause: layers.cause, ..self.layers };
        layers.http = [0, 1].map(|way| layers.http[way].saturating_sub(body[way]));
    }
}

/// The steps of a request, as far as it has come.
#[derive(Clone, Copy, Default)]
pub(crate) struct Steps {
    /// From its start to its end; none where the stop came first.
    pub total: Option<Span>,
    /// Waiting for a connection; there once it was sent.
    pub queued: Option<Span>,
    pub dns: Option<Span>,
    pub connect: Option<Span>,
    pub tls: Option<Span>,
    /// From sending to the first byte.
    pub first_byte: Option<Span>,
    /// For how long what was sent was on its way out, where that is no matter of an instant: a part of `first_byte` that belongs to the transfer,
    pub sending: Span,
    /// but for what of it was spent writing.
    pub written: Span,
    pub marshal: Span,
    /// Whether there were attempts before this one.
    pub repeated: bool,
    /// Whether it began to open a connection.
    pub opens: bool,
    /// The least round trip of its connection.
    pub round_trip: Option<Span>,
    /// Whether something on its connection was lost or late.
    pub lost: bool,
}

impl Steps {
    /// What opening a connection has taken.
    pub fn opening(self, opening: &Progress) -> Steps {
        let Progress { dns, connect, tls, begun, .. } = *opening;
        Steps { dns, connect, tls, opens: begun, ..self }
    }

    /// Where most of the time has gone; of equal shares the first one in the order below.
    pub fn cause(self) -> Cause {
        let Some(total) = self.total else { return Cause::None };
        let steps = [self.queued, self.dns, self.connect, self.tls, self.first_byte];
        let known = steps.into_iter().flatten().fold(self.marshal, |sum, step| sum + step);
        // What no step says belongs to the one in which it ended.
        let rest = total.saturating_sub(known);
        let [mut waiting, mut transfer, mut queued, mut connect, mut tls, mut repeated] =
            [self.first_byte, None, self.queued, self.connect, self.tls, None].map(Option::unwrap_or_default);
        match () {
            () if self.repeated => repeated = rest,
            () if self.first_byte.is_some() => transfer = rest,
            () if self.queued.is_some() => waiting = rest,
            () if self.opens && self.connect.is_none() => connect = rest,
            () if self.opens => tls = rest,
            () => queued = rest,
        }
        let sending = self.sending.min(waiting);
        let written = self.written.min(sending);
        (waiting, transfer) = (waiting - sending, transfer + (sending - written));
        let path = self.round_trip.unwrap_or_default().min(waiting);
        let shares = [
            (if self.lost { Span::ZERO } else { path }, Cause::Path),
            (if self.lost { Span::ZERO } else { waiting - path }, Cause::Server),
            (if self.lost { Span::ZERO } else { transfer }, Cause::Transfer),
            (if self.lost { waiting + transfer } else { Span::ZERO }, Cause::Retransmission),
            (queued, Cause::Queued),
            (self.dns.unwrap_or_default(), Cause::Dns),
            (connect, Cause::Connect),
            (tls, Cause::Tls),
            (self.marshal + written, Cause::Marshal),
            (repeated, Cause::Repeated),
        ];
        let most = shares.iter().map(|(span, _)| *span).max().unwrap_or_default();
        let first = shares.iter().find(|(span, _)| *span == most && most > Span::ZERO);
        first.map_or(Cause::None, |(_, cause)| *cause)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_step_is_the_cause() {
        let ms = |ms| Some(Span::from_ms(ms));
        let base = Steps { total: ms(100), queued: ms(10), first_byte: ms(50), round_trip: ms(40), ..Steps::default() };
        let cause = |steps: Steps| steps.cause();
        // 10 queued, 40 path, 10 server, 40 transfer.
        assert_eq!(cause(base), Cause::Path, "of equal ones the first");
        assert_eq!(cause(Steps { round_trip: ms(5), ..base }), Cause::Server);
        assert_eq!(cause(Steps { total: ms(110), ..base }), Cause::Transfer);
        assert_eq!(cause(Steps { lost: true, ..base }), Cause::Retransmission);
        assert_eq!(cause(Steps { queued: ms(50), ..base }), Cause::Queued);
        assert_eq!(cause(Steps { dns: ms(60), total: ms(150), ..base }), Cause::Dns);
        assert_eq!(cause(Steps { repeated: true, total: ms(200), ..base }), Cause::Repeated);
        assert_eq!(cause(Steps { total: None, ..base }), Cause::None, "the stop came first");
        assert_eq!(cause(Steps { total: Some(Span::ZERO), ..Steps::default() }), Cause::None, "from the cache");
        assert_eq!(cause(Steps { sending: Span::from_ms(11), ..base }), Cause::Transfer);
        // All of the 50: 46 to the stub, 4 to the transfer.
        let written = Steps { sending: Span::from_ms(50), written: Span::from_ms(46), ..base };
        assert_eq!(cause(written), Cause::Marshal);
        assert_eq!(cause(Steps { first_byte: None, sending: Span::from_ms(90), ..base }), Cause::Transfer);
        // What failed belongs to the step that it failed in.
        let failed = Steps { total: ms(100), opens: true, ..Steps::default() };
        assert_eq!(cause(failed), Cause::Connect);
        assert_eq!(cause(Steps { connect: ms(40), ..failed }), Cause::Tls);
        assert_eq!(cause(Steps { opens: false, ..failed }), Cause::Queued);
        assert_eq!(cause(Steps { first_byte: None, round_trip: ms(1), ..base }), Cause::Server);
    }
}
