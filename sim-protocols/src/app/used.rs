//! What a request has had of its connection, layer by layer, and where its time has gone.

use std::sync::Arc;

use sim_core::{Span, Time};

use super::dial::{Fault, Meter, Progress, Secured, UpDown};
use crate::aio;
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
    /// Which answer is its own ([`Meter::begin_answer`]), where that is not the number of the stream.
    pub answer: u32,
    /// When it was sent, and how long what was lost had been under way by then.
    asked: Option<(Time, Span)>,
    /// Where its time went between that and the first byte of the answer.
    spent: Option<Spent>,
    /// What had passed when the answer was there: closing the connection behind it does not count.
    sealed: Option<Passed>,
}

/// Where the time between a request and its answer has gone, as far as TCP and the server know.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    /// The least round trip to the server that its host knows.
    pub round_trip: Option<Span>,
    /// Until the last data before the answer was sent; where requests share a connection, that of any of them.
    pub sending: Span,
    /// Time in which something was under way that had to be sent again, until the end of the answer.
    pub held: Span,
    /// What the server says that it has worked, waiting for a worker included; none where it does not say.
    pub served: Option<Span>,
}

/// What has passed on a connection since.
#[derive(Clone)]
pub(crate) struct Passed {
    /// All but the body: `http` has it, too. In HTTP/2 these are all frames of its stream.
    pub layers: Layers,
    pub secured: Secured,
    pub spent: Spent,
}

impl Used {
    /// One that was opened for the request, or is used again.
    pub fn new(meter: Arc<Meter>, reused: bool) -> Used {
        let (all, overhead, tcp) = match reused {
            true => (meter.all(), meter.overhead(), meter.tcp()),
            false => Default::default(),
        };
        Used { meter, all, overhead, tcp, stream: None, answer: 0, asked: None, spent: None, sealed: None }
    }

    /// The request is sent now.
    pub fn asks(&mut self) {
        self.asked = Some((aio::now(), self.meter.tcp().held_both_ways()));
    }

    /// It was sent only then.
    pub fn asked_at(&mut self, then: Time) {
        self.asked.iter_mut().for_each(|(at, _)| *at = then);
    }

    /// The first byte of the answer is there.
    pub fn answered(&mut self) {
        let served = self.meter.take_served(self.stream.unwrap_or(self.answer));
        self.spent = Some(Spent { served, ..self.spent_until(&self.meter.tcp()) });
    }

    fn spent_until(&self, counted: &Counters) -> Spent {
        let (asked, held) = self.asked.unwrap_or((aio::now(), counted.held_both_ways()));
        Spent {
            round_trip: self.meter.round_trip(),
            sending: counted.sending_since(asked),
            held: counted.held_both_ways().saturating_sub(held),
            served: None,
        }
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
    pub fn passed(mut self) -> Passed {
        if let Some(sealed) = self.sealed.take() {
            return sealed;
        }
        let (now, around, counted) = (self.meter.all(), self.meter.overhead(), self.meter.tcp());
        let until = self.spent_until(&counted);
        let spent = self.spent.map_or(until, |spent| Spent { round_trip: until.round_trip, held: until.held, ..spent });
        let Used { meter, all, overhead, tcp, stream, .. } = self;
        let mut layers = of_tcp(&counted, &tcp);
        layers.http = match stream {
            Some(stream) => meter.take_stream(stream),
            None => [now[0] - all[0], now[1] - all[1]],
        };
        layers.tls = [around[0].saturating_sub(overhead[0]), around[1].saturating_sub(overhead[1])];
        Passed { layers, secured: meter.secured(), spent }
    }
}

/// What TCP has counted since.
pub(crate) fn of_tcp(now: &Counters, then: &Counters) -> Layers {
    let since = |of: fn(&Counters) -> u64| of(now).saturating_sub(of(then));
    let mut layers = Layers {
        retransmissions: since(Counters::resent_both_ways),
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
        for way in [0, 1] {
            // What a library or a socket has taken and not sent is not on the wire: a body that was refused before its end. Its head was first.
            let room = layers.payload[way].saturating_sub(layers.tls[way]);
            layers.http[way] = layers.http[way].saturating_sub(body[way]).min(room);
            layers.body[way] = body[way].min(room - layers.http[way]);
        }
    }
}

/// The steps of a request, as far as it has come.
#[derive(Clone, Copy, Default)]
pub(crate) struct Steps {
    /// From its start to its end; none where the stop came first.
    pub total: Option<Span>,
    /// Waiting for a connection; there once it was sent, or once one is being opened for it.
    pub queued: Option<Span>,
    /// Whether it was sent.
    pub sent: bool,
    pub dns: Option<Span>,
    pub connect: Option<Span>,
    pub tls: Option<Span>,
    /// From sending to the first byte.
    pub first_byte: Option<Span>,
    pub marshal: Span,
    /// Whether there were attempts before this one.
    pub repeated: bool,
    /// Whether it began to open a connection, and whether TLS belongs to that.
    pub opens: bool,
    pub secure: bool,
    /// What its connection and its server know of the time until the first byte.
    pub spent: Spent,
}

impl Steps {
    /// What opening a connection has taken, of a request that wants one since then.
    pub fn opening(self, since: Time, opening: &Progress) -> Steps {
        let Progress { dns, connect, tls, begun, secure, .. } = *opening;
        let (sent, opens) = (self.queued.is_some(), begun.is_some());
        let queued = self.queued.or(begun.map(|begun| begun - since));
        Steps { queued, sent, dns, connect, tls, opens, secure, ..self }
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
            () if self.sent => waiting = rest,
            () if self.opens && self.secure && self.connect.is_some() => tls += rest,
            // Without TLS what comes behind the handshake of TCP is still what opens the connection: RMI's greeting.
            () if self.opens => connect += rest,
            () => queued += rest,
        }
        let mut left = waiting;
        let mut take = |most: Span| {
            let part = most.min(left);
            left -= part;
            part
        };
        let Spent { round_trip, sending, held, served } = self.spent;
        let server = take(served.unwrap_or_default());
        let path = take(round_trip.unwrap_or_default());
        let mut sending = take(sending);
        // Where the server has said how long it worked, the rest was the network.
        let (mut network, mut waiting) = if served.is_some() { (left, Span::ZERO) } else { (Span::ZERO, left) };
        let mut again = Span::ZERO;
        for step in [&mut network, &mut waiting, &mut sending, &mut transfer] {
            let part = held.saturating_sub(again).min(*step);
            (*step, again) = (*step - part, again + part);
        }
        let shares = [
            (path, Cause::Path),
            (server, Cause::Server),
            (sending, Cause::Sending),
            (network, Cause::Network),
            (waiting, Cause::Waiting),
            (transfer, Cause::Transfer),
            (again, Cause::Retransmission),
            (queued, Cause::Queued),
            (self.dns.unwrap_or_default(), Cause::Dns),
            (connect, Cause::Connect),
            (tls, Cause::Tls),
            (self.marshal, Cause::Marshal),
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
        let spent = Spent { round_trip: ms(40), served: ms(10), ..Spent::default() };
        let base = Steps { total: ms(100), queued: ms(10), sent: true, first_byte: ms(50), spent, ..Steps::default() };
        let cause = |steps: Steps| steps.cause();
        let spends = |spent: Spent| cause(Steps { spent, ..base });
        let span = Span::from_ms;
        // 10 queued, 40 path, 10 server, 40 transfer.
        assert_eq!(cause(base), Cause::Path, "of equal ones the first");
        assert_eq!(spends(Spent { served: ms(45), ..spent }), Cause::Server);
        assert_eq!(spends(Spent { round_trip: ms(5), served: ms(0), sending: span(42), ..spent }), Cause::Sending);
        let grown = Spent { round_trip: ms(5), served: ms(0), ..spent };
        assert_eq!(spends(grown), Cause::Network, "45 of 50 ms are no work of the server");
        assert_eq!(spends(Spent { served: None, ..grown }), Cause::Waiting, "who knows");
        assert_eq!(cause(Steps { total: ms(110), ..base }), Cause::Transfer);
        // What was lost has cost 45 ms of the 45 that the network took, or of the transfer, and nothing of the path.
        assert_eq!(spends(Spent { held: span(45), ..grown }), Cause::Retransmission);
        assert_eq!(
            cause(Steps { total: ms(150), spent: Spent { held: span(50), ..spent }, ..base }),
            Cause::Retransmission
        );
        assert_eq!(spends(Spent { held: span(4), ..grown }), Cause::Network, "a loss that has cost little");
        assert_eq!(cause(Steps { queued: ms(50), ..base }), Cause::Queued);
        assert_eq!(cause(Steps { dns: ms(60), total: ms(150), ..base }), Cause::Dns);
        assert_eq!(cause(Steps { repeated: true, total: ms(200), ..base }), Cause::Repeated);
        assert_eq!(cause(Steps { total: None, ..base }), Cause::None, "the stop came first");
        assert_eq!(cause(Steps { total: Some(Span::ZERO), ..Steps::default() }), Cause::None, "from the cache");
        // What failed belongs to the step that it failed in.
        let failed = Steps { total: ms(100), opens: true, ..Steps::default() };
        assert_eq!(cause(failed), Cause::Connect);
        assert_eq!(cause(Steps { connect: ms(40), secure: true, ..failed }), Cause::Tls);
        assert_eq!(cause(Steps { connect: ms(40), ..failed }), Cause::Connect, "there is no TLS");
        assert_eq!(cause(Steps { opens: false, ..failed }), Cause::Queued);
        assert_eq!(
            cause(Steps { queued: ms(90), ..failed }),
            Cause::Queued,
            "it was hardly opened when the time was over"
        );
        let unanswered = Spent { round_trip: ms(1), served: None, ..spent };
        assert_eq!(cause(Steps { first_byte: None, spent: unanswered, ..base }), Cause::Waiting);
    }
}
