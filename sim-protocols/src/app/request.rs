//! `request`: requests and responses with think time.

use sim_core::{Params, Payload, Rng, Size, Span, Table, Time};

use super::Application;
use super::used::{Spent, Steps, of_tcp};
use super::values::{self, Closing, Connections, Data};
use super::{SizeDist, SpanDist};
use crate::app::Scope;
use crate::host::{App, AppEvent, Calls, ConnId, FlowEnd, Layers, Outcome, REQUESTS, RequestRow};
use crate::tcp::Counters;

/// Parameters of a request/response exchange.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestConfig {
    /// Bytes of a request. Where this or the response's are drawn, a request begins with both lengths, so that it has 16 B at least; what is drawn is
    /// cut there, and at 4 GiB. Default: 100 B.
    pub request: SizeDist,
    /// Into how many writes a request is divided, one right after the other. Default: 1.
    pub writes: u64,
    /// Bytes of a response, a byte at least. Default: 1000 B.
    pub response: SizeDist,
    /// What the bytes are. Default: zeros.
    pub data: Data,
    /// How many requests. Default: without end.
    pub count: Option<u64>,
    /// From the end of one (with its connection, where each has its own) to the next. Default: none.
    pub think: SpanDist,
    /// From the request's last byte to the response's first. Default: none.
    pub service: SpanDist,
    /// How requests use connections. Default: one for all.
    pub connections: Connections,
    /// Who closes first. Default: the client.
    pub close: Closing,
    /// No request starts from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for RequestConfig {
    fn default() -> RequestConfig {
        RequestConfig {
            request: SizeDist::Fixed(Size::from_bytes(100)),
            writes: 1,
            response: SizeDist::Fixed(Size::from_bytes(1000)),
            data: Data::default(),
            count: None,
            think: SpanDist::Fixed(Span::ZERO),
            service: SpanDist::Fixed(Span::ZERO),
            connections: Connections::default(),
            close: Closing::default(),
            stop: None,
        }
    }
}

impl RequestConfig {
    pub(super) fn read(params: &mut dyn Params) -> RequestConfig {
        let default = RequestConfig::default();
        let request = SizeDist::ask(
            params,
            ("request", "bytes of a request"),
            ("request_sizes", "how `request` is distributed; 16 B at least, for what is drawn is told in the request"),
            default.request.mean(),
        );
        let writes = params.count("writes", Some(1), 1..=1000, "into how many writes a request is divided");
        let response = SizeDist::ask(
            params,
            ("response", "bytes of a response"),
            ("response_sizes", "how `response` is distributed; the client draws each and asks for it"),
            default.response.mean(),
        );
        let data = Data::read(params, "data", "zeros, or a pattern that the other end compares");
        let count = values::count(params, "how many requests; without end when not given");
        let think = SpanDist::ask(
            params,
            ("think", "from the end of one request to the next"),
            ("think_times", "how `think` is distributed"),
            default.think.mean(),
        );
        let service = SpanDist::ask(
            params,
            ("service", "from a request's last byte to its response"),
            ("service_times", "how `service` is distributed"),
            default.service.mean(),
        );
        let connections =
            Connections::read(params, "connections", "one connection for all requests, or a new one for each");
        let close = Closing::read(params, "close", "who closes a connection first");
        let stop = values::stop(params, "no request starts from this moment on");
        RequestConfig { request, writes, response, data, count, think, service, connections, close, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let most = u64::from(u32::MAX);
        let (request, response) = (self.request.mean().bytes(), self.response.mean().bytes());
        match () {
            _ if request == 0 => Err(("request", "a request of zero bytes is never seen".into())),
            _ if request < self.writes => Err(("writes", "a write has a byte at least".into())),
            _ if self.drawn() && !self.request.is_drawn() && request < HEAD * self.writes => {
                Err(("request", format!("a request that tells sizes has {} B at least", HEAD * self.writes)))
            }
            _ if response == 0 => Err(("response", "a response of zero bytes is never seen".into())),
            _ if request > most => Err(("request", "a request is shorter than 4 GiB".into())),
            _ if response > most => Err(("response", "a response is shorter than 4 GiB".into())),
            _ if self.count == Some(0) => Err(("count", "zero requests do nothing".into())),
            _ => Ok(()),
        }
    }
}

impl RequestConfig {
    /// Whether sizes are drawn, and told in the request.
    fn drawn(&self) -> bool {
        self.request.is_drawn() || self.response.is_drawn()
    }
}

/// Bytes at the beginning of a request that tells sizes: its own length and the response's, eight bytes each, the most significant first.
const HEAD: u64 = 16;

impl Application for RequestConfig {
    const TABLES: &'static [&'static Table] = &[&REQUESTS];
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Client);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => {
                let sizes = ["request_sizes", "response_sizes"].map(|what| scope.stream(what));
                Box::new(RequestClient::new(self.clone(), scope.stream("think"), sizes))
            }
            FlowEnd::Server => Box::new(RequestServer::new(self.clone(), scope.stream("service"))),
        }
    }
}

const THINK: u32 = 0;
const SERVE: u32 = 1;
const CLOSE: u32 = 2;

/// The server's FIN of a simultaneous close goes so long after its response: before the client's can come.
const CROSSING: Span = Span::from_us(1);

/// Where a client is with its present request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Idle,
    Connecting,
    Waiting,
    Closing,
}

/// The asking end.
struct RequestClient {
    config: RequestConfig,
    think: Rng,
    /// Chance of the sizes of requests and of responses.
    sizes: [Rng; 2],
    conn: Option<ConnId>,
    phase: Phase,
    number: u64,
    /// Bytes of the present request and of its response.
    bytes: [u64; 2],
    /// Of the present request.
    begun: Time,
    connected: Option<Span>,
    /// Bytes of it that were written.
    asked: u64,
    written: Time,
    /// What had been held up until then ([`Counters::held_both_ways`]).
    held: Span,
    first_byte: Option<Span>,
    /// How long the server has worked on the answer, and the least round trip to it.
    worked: Option<Span>,
    round_trip: Option<Span>,
    latency: Option<Span>,
    closing: Option<Time>,
    /// What its connection had counted, and bytes that had come on it, when it began.
    before: (Counters, u64),
    /// How the first request that failed has ended.
    failed: Option<Outcome>,
}

impl RequestClient {
    pub fn new(config: RequestConfig, think: Rng, sizes: [Rng; 2]) -> RequestClient {
        RequestClient {
            config,
            think,
            sizes,
            conn: None,
            phase: Phase::Idle,
            number: 0,
            bytes: [0; 2],
            begun: Time::ZERO,
            connected: None,
            asked: 0,
            written: Time::ZERO,
            held: Span::ZERO,
            first_byte: None,
            worked: None,
            round_trip: None,
            latency: None,
            closing: None,
            before: (Counters::default(), 0),
            failed: None,
        }
    }

    fn more(&self, now: Time) -> bool {
        self.config.count.is_none_or(|count| self.number < count) && self.config.stop.is_none_or(|stop| now < stop)
    }

    fn next(&mut self, calls: &mut Calls<'_, '_>) {
        let now = calls.now();
        if !self.more(now) {
            return self.stopped(calls);
        }
        self.number += 1;
        self.draw();
        (self.begun, self.connected, self.closing) = (now, None, None);
        (self.asked, self.first_byte, self.latency, self.worked) = (0, None, None, None);
        let known = |conn| (calls.counters(conn).unwrap_or_default(), calls.received(conn));
        self.before = self.conn.map(known).unwrap_or_default();
        match self.conn {
            Some(conn) => self.ask(calls, conn),
            None => {
                let flow = calls.flow();
                let server = (flow.server, flow.port);
                self.phase = Phase::Connecting;
                let conn = calls.connect(server);
                self.conn = Some(conn);
                if calls.opens_fast() && calls.is_open(conn) {
                    // Written before the SYN leaves, so that it may go with it.
                    self.ask(calls, conn);
                }
            }
        }
    }

    /// The sizes of the next exchange.
    fn draw(&mut self) {
        let least = if self.config.drawn() { HEAD * self.config.writes } else { 1 };
        let [requests, responses] = &mut self.sizes;
        let most = u64::from(u32::MAX);
        let request = self.config.request.draw(requests).clamp(least, most);
        self.bytes = [request, self.config.response.draw(responses).clamp(1, most)];
    }

    /// `stop` has come while it thought about a next request, of which the server knows nothing.
    fn stopped(&mut self, calls: &mut Calls<'_, '_>) {
        match self.conn {
            Some(conn) if self.config.close == Closing::Reset => calls.abort(conn),
            Some(conn) => calls.shutdown(conn),
            None if self.number == 0 => {}
            None => calls.outcome(self.failed.unwrap_or(Outcome::Finished)),
        }
    }

    fn ask(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        self.phase = Phase::Waiting;
        self.written = calls.now();
        self.held = calls.counters(conn).map_or(Span::ZERO, |counted| counted.held_both_ways());
        let (bytes, writes) = (self.bytes[0], self.config.writes);
        self.asked = bytes;
        for write in 0..writes {
            let mut part = bytes * (write + 1) / writes - bytes * write / writes;
            if write == 0 && self.config.drawn() {
                // A new connection, or one whose last request is answered: there is room for so few bytes.
                let head = self.bytes.map(u64::to_be_bytes).concat();
                part -= u64::from(calls.write(conn, Payload::from_bytes(head)));
            }
            calls.feed(conn, part, self.config.data);
            if write + 1 < writes {
                calls.flush(conn);
            }
        }
        calls.drain(conn, self.config.data, self.before.1 + 1);
    }

    /// Some of the response has come, perhaps all of it.
    fn received(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        if self.first_byte.is_none() {
            self.first_byte = Some(calls.now() - self.written);
            (self.worked, self.round_trip) = (calls.take_served(conn), calls.least_round_trip(conn));
        }
        let all = self.before.1 + self.bytes[1];
        match calls.received(conn) >= all {
            true => self.answered(calls, conn),
            false => calls.drain(conn, self.config.data, all),
        }
    }

    fn answered(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        let now = calls.now();
        self.latency = Some(now - self.written);
        let last = self.config.connections == Connections::New || !self.more(now);
        if !last {
            self.done(calls, Outcome::Finished);
            return self.think(calls);
        }
        self.phase = Phase::Closing;
        // What comes now is the end of the stream alone.
        calls.drain(conn, self.config.data, u64::MAX);
        match self.config.close {
            Closing::Client | Closing::Simultaneous => {
                self.closing = Some(now);
                calls.shutdown(conn);
            }
            Closing::Reset => {
                self.closing = Some(now);
                calls.abort(conn);
            }
            // The server closes behind the last one that it knows of; where `stop` has made it the last, the client must.
            Closing::Server if self.config.connections == Connections::New => {}
            Closing::Server if self.config.count == Some(self.number) => {}
            Closing::Server => {
                self.closing = Some(now);
                calls.shutdown(conn);
            }
        }
    }

    /// The row of the present request, when all of it is over.
    fn done(&mut self, calls: &mut Calls<'_, '_>, outcome: Outcome) {
        let now = calls.now();
        self.phase = Phase::Idle;
        let over = outcome != Outcome::Running;
        let total = over.then(|| now - self.begun);
        let layers = self.layers(calls, total);
        let row = RequestRow {
            flow: calls.number(),
            workload: calls.number(),
            number: self.number,
            start: self.begun,
            connect: self.connected,
            first_byte: self.first_byte,
            latency: self.latency,
            close: self.closing.filter(|_| over).map(|closing| now - closing),
            total,
            outcome: outcome as u32,
            layers,
        };
        calls.emit(&row);
    }

    /// What its connection has counted since it began, and where its time has gone but for closing.
    fn layers(&self, calls: &Calls<'_, '_>, total: Option<Span>) -> Layers {
        let Some((now, conn)) = self.conn.and_then(|conn| Some((calls.counters(conn)?, conn))) else {
            return Layers::default();
        };
        let mut layers = of_tcp(&now, &self.before.0);
        layers.body = [self.asked, calls.received(conn) - self.before.1];
        let opened = self.connected.unwrap_or_default();
        let known = self.latency.map(|latency| opened + latency);
        let steps = Steps {
            total: total.map(|total| known.unwrap_or(total)),
            queued: (self.asked > 0).then_some(Span::ZERO),
            sent: self.asked > 0,
            connect: self.connected,
            opens: true,
            first_byte: self.first_byte,
            spent: Spent {
                round_trip: self.round_trip.or(now.rtt_min),
                sending: now.sending_since(self.written),
                held: now.held_both_ways().saturating_sub(self.held),
                served: self.worked,
            },
            ..Steps::default()
        };
        layers.cause = steps.cause();
        layers
    }

    fn think(&mut self, calls: &mut Calls<'_, '_>) {
        if !self.more(calls.now()) {
            return;
        }
        match self.config.think.draw(&mut self.think) {
            Span::ZERO => self.next(calls),
            think => calls.wake_at(calls.now() + think, THINK),
        }
    }

    fn closed(&mut self, calls: &mut Calls<'_, '_>, outcome: Outcome) {
        let outcome = match (self.phase, self.config.close, outcome) {
            // Nothing resets an idle connection but `stop`.
            (Phase::Idle, Closing::Reset, Outcome::Aborted) => Outcome::Finished,
            (Phase::Idle, ..) => outcome,
            (Phase::Closing, Closing::Reset, Outcome::Aborted) => Outcome::Finished,
            (Phase::Closing, ..) => outcome,
            // The end of the stream instead of an answer.
            (_, _, Outcome::Finished) => Outcome::Aborted,
            (_, _, failed) => failed,
        };
        if outcome != Outcome::Finished {
            self.failed.get_or_insert(outcome);
        }
        if !self.more(calls.now()) || self.config.connections == Connections::Kept {
            calls.outcome(self.failed.unwrap_or(Outcome::Finished));
        }
        let asked = self.phase != Phase::Idle;
        if asked {
            self.done(calls, outcome);
        }
        self.conn = None;
        if asked {
            // One at a time even where the answer is a reset at once: a refused request is not repeated within the instant.
            if outcome == Outcome::Finished {
                self.think(calls);
            } else if self.more(calls.now()) {
                let think = self.config.think.draw(&mut self.think).max(Span::from_ms(1));
                calls.wake_at(calls.now() + think, THINK);
            }
        }
    }
}

impl App for RequestClient {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        self.next(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Connected(conn) => {
                self.connected = Some(calls.now() - self.begun);
                if self.phase == Phase::Connecting {
                    self.ask(calls, conn);
                }
            }
            AppEvent::Received(conn) if self.phase == Phase::Waiting => self.received(calls, conn),
            AppEvent::PeerClosed(conn) => {
                self.closing.get_or_insert(calls.now());
                calls.shutdown(conn);
            }
            AppEvent::Closed(conn, outcome) if self.conn == Some(conn) => self.closed(calls, outcome),
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, _token: u32) {
        if self.phase == Phase::Idle {
            self.next(calls);
        }
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        if self.phase != Phase::Idle {
            self.done(calls, Outcome::Running);
        }
    }
}

/// The answering end; it serves one request at a time, as its client asks.
struct RequestServer {
    config: RequestConfig,
    service: Rng,
    conn: Option<ConnId>,
    served: u64,
    /// What has come of the head of a request that tells sizes.
    head: Vec<u8>,
    /// Bytes of the response that is asked for.
    response: u64,
}

impl RequestServer {
    pub fn new(config: RequestConfig, service: Rng) -> RequestServer {
        RequestServer { config, service, conn: None, served: 0, head: Vec::new(), response: 0 }
    }

    fn expect(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        if self.config.drawn() {
            self.head.clear();
            calls.stop_draining(conn);
            return self.read_head(calls, conn);
        }
        self.response = self.config.response.mean().bytes();
        calls.drain(conn, self.config.data, calls.received(conn) + self.config.request.mean().bytes());
    }

    /// Reads what there is of a head, and waits for the rest of the request once it is whole.
    fn read_head(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        let missing = HEAD as usize - self.head.len();
        calls.read(conn, missing as u32).append_to(&mut self.head);
        let Ok(head) = <[u8; HEAD as usize]>::try_from(self.head.as_slice()) else { return };
        let [request, response] = [0, 8].map(|at| u64::from_be_bytes(std::array::from_fn(|byte| head[at + byte])));
        self.response = response;
        match request.saturating_sub(HEAD) {
            0 => self.asked(calls, conn),
            rest => calls.drain(conn, self.config.data, calls.received(conn) + rest),
        }
    }

    /// A request is there as a whole.
    fn asked(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        match self.config.service.draw(&mut self.service) {
            Span::ZERO => self.serve(calls, conn),
            service => calls.wake_at(calls.now() + service, SERVE),
        }
    }

    fn serve(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        self.served += 1;
        // It has done nothing else since the request was there.
        calls.begin_answer(conn, Span::ZERO);
        calls.feed(conn, self.response, self.config.data);
        let last = self.config.connections == Connections::New || self.config.count == Some(self.served);
        if !last {
            return self.expect(calls, conn);
        }
        calls.drain(conn, self.config.data, u64::MAX);
        match self.config.close {
            Closing::Server => calls.shutdown(conn),
            Closing::Simultaneous => calls.wake_at(calls.now() + CROSSING, CLOSE),
            Closing::Client | Closing::Reset => {}
        }
    }
}

impl App for RequestServer {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        calls.listen();
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Accepted(conn) => {
                self.conn = Some(conn);
                self.expect(calls, conn);
            }
            AppEvent::Readable(conn) if self.conn == Some(conn) => self.read_head(calls, conn),
            AppEvent::Received(conn) => self.asked(calls, conn),
            AppEvent::PeerClosed(conn) => calls.shutdown(conn),
            AppEvent::Closed(conn, _) if self.conn == Some(conn) => self.conn = None,
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        match (token, self.conn) {
            (SERVE, Some(conn)) => self.serve(calls, conn),
            (CLOSE, Some(conn)) => calls.shutdown(conn),
            _ => {}
        }
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}
