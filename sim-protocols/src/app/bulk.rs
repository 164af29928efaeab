//! `tcp`: a bulk stream from the client to the server.

use sim_core::{Params, Rate, Rng, Size, Span, Time};

use super::Application;
use super::values::{self, CloseWhen, Closing, Data, Opening};
use super::{Dist, SizeDist};
use crate::app::Scope;
use crate::host::{App, AppEvent, Calls, ConnId, FlowEnd, Outcome};

/// Parameters of a bulk stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BulkConfig {
    /// Bytes to send, each flow as many as it draws; one at least. Default: without end (until [`BulkConfig::stop`] or the end of the simulation).
    pub bytes: Option<SizeDist>,
    /// When the sender stops writing and closes, sent or not. Default: never.
    pub stop: Option<Time>,
    /// What the bytes are. Default: zeros.
    pub data: Data,
    /// Who opens. Default: the client.
    pub open: Opening,
    /// Who closes first, once all bytes are there. Default: the client.
    pub close: Closing,
    /// When the client closes, where it closes first. Default: as soon as everything is written.
    pub close_when: CloseWhen,
    /// From the connection's being there to the sender's first write: what an application needs to come back from its call. Default: none.
    pub write_after: Span,
    /// The rate at which the receiving application reads, in reads of one millisecond's worth. Default: at once, all there is.
    pub read_rate: Option<Rate>,
    /// A pause of the receiving application: the window closes, and opens again. Default: none.
    pub read_pause: Option<Pause>,
}

/// The receiver stops reading for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// When it stops, counted from the flow's start.
    pub after: Span,
    /// For how long.
    pub span: Span,
}

impl BulkConfig {
    pub(super) fn read(params: &mut dyn Params) -> BulkConfig {
        let given = params.given("bytes");
        let help = "bytes to send; without end when not given";
        let mean = if given { params.size("bytes", None, help) } else { Size::from_bytes(0) };
        let how = ("sizes", "how `bytes` is distributed: each flow draws once");
        let bytes = Dist::about(params, ("bytes", mean, given), how);
        let bytes = (given || bytes.is_drawn()).then_some(bytes);
        let stop = values::stop(params, "when the sender stops writing and closes");
        let data = Data::read(params, "data", "zeros, or a pattern that the receiver compares");
        let open = Opening::read(params, "open", "who opens: the client, or both ends at the same moment");
        let close =
            Closing::read(params, "close", "who closes first when all is sent; both do it at `stop`; `reset` aborts");
        let close_when =
            CloseWhen::read(params, "close_when", "with the last byte written, or when all bytes are acknowledged");
        let write_after =
            params.span("write_after", Some(Span::ZERO), "from the connection's being there to the first write");
        let read_rate = params
            .given("read_rate")
            .then(|| params.rate("read_rate", None, "how fast the receiving application reads"));
        let read_pause = params.given("read_pause").then(|| Pause {
            span: params.span("read_pause", None, "for how long the receiving application pauses once"),
            after: params.span("read_pause_after", Some(Span::from_secs(1)), "when it pauses, from the flow's start"),
        });
        BulkConfig { bytes, stop, data, open, close, close_when, write_after, read_rate, read_pause }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let ends = self.bytes.is_some() || self.stop.is_some();
        match () {
            _ if self.bytes.as_ref().is_some_and(|bytes| bytes.mean().bytes() == 0) => {
                Err(("bytes", "a stream of zero bytes sends nothing".into()))
            }
            _ if self.read_rate.is_some_and(|rate| rate.bps() < 8_000) => {
                Err(("read_rate", "a reader slower than 8 kbit/s reads less than a byte a millisecond".into()))
            }
            _ if self.close == Closing::Simultaneous && self.stop.is_none() => {
                Err(("close", "both ends close at `stop`: give one".into()))
            }
            _ if self.close == Closing::Server && self.bytes.as_ref().is_some_and(Dist::is_drawn) => {
                Err(("close", "the server does not know how many bytes are drawn: the client must close".into()))
            }
            _ if self.close == Closing::Server && self.bytes.is_none() => {
                Err(("close", "the server closes when it has `bytes`: give them".into()))
            }
            _ if !ends && self.close != Closing::Client => {
                Err(("close", "a stream that never ends is never closed: give `bytes` or `stop`".into()))
            }
            _ if !ends && self.close_when != CloseWhen::Written => {
                Err(("close_when", "a stream that never ends is never closed: give `bytes` or `stop`".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Application for BulkConfig {
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Server);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => Box::new(BulkClient::new(self.clone(), scope.stream("sizes"))),
            FlowEnd::Server => Box::new(BulkServer::new(self.clone())),
        }
    }

    fn opens_at_both_ends(&self) -> bool {
        self.open == Opening::Simultaneous
    }
}

/// Timers of both ends.
const STOP: u32 = 0;
const READ: u32 = 1;
const WRITE: u32 = 2;

/// The sending end.
struct BulkClient {
    config: BulkConfig,
    /// What it has drawn.
    bytes: u64,
    conn: Option<ConnId>,
    stopped: bool,
}

impl BulkClient {
    pub fn new(config: BulkConfig, mut sizes: Rng) -> BulkClient {
        let bytes = config.bytes.as_ref().map_or(u64::MAX, |bytes| bytes.draw(&mut sizes).max(1));
        BulkClient { config, bytes, conn: None, stopped: false }
    }

    fn write(&self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        calls.feed(conn, self.bytes, self.config.data);
        if self.config.bytes.is_none() {
            return;
        }
        if self.config.close == Closing::Client && self.config.close_when == CloseWhen::Written {
            calls.shutdown(conn);
        } else {
            calls.tell_acknowledged(conn);
        }
    }

    fn close(&self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        match self.config.close {
            Closing::Client => calls.shutdown(conn),
            Closing::Reset => calls.abort(conn),
            // The server's end of stream, or `stop`, closes it.
            Closing::Server | Closing::Simultaneous => {}
        }
    }
}

impl App for BulkClient {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(stop) = self.config.stop {
            calls.wake_at(stop, STOP);
        }
        self.conn = Some(open(calls, self.config.open));
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Connected(conn) => {
                calls.drain(conn, Data::Zeros, u64::MAX);
                match self.config.write_after {
                    Span::ZERO => self.write(calls, conn),
                    after => calls.wake_at(calls.now() + after, WRITE),
                }
            }
            AppEvent::Acknowledged(conn) => {
                calls.outcome(Outcome::Finished);
                self.close(calls, conn);
            }
            AppEvent::PeerClosed(conn) => calls.shutdown(conn),
            AppEvent::Closed(conn, outcome) => {
                calls.outcome(outcome);
                if self.conn == Some(conn) {
                    self.conn = None;
                }
            }
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        let Some(conn) = self.conn else { return };
        if token == WRITE {
            if !self.stopped {
                self.write(calls, conn);
            }
            return;
        }
        self.stopped = true;
        calls.stop_feeding(conn);
        match self.config.close {
            Closing::Simultaneous => calls.shutdown(conn),
            _ if self.config.close_when == CloseWhen::Acknowledged || self.config.close != Closing::Client => {
                calls.tell_acknowledged(conn)
            }
            _ => calls.shutdown(conn),
        }
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

/// The receiving end.
struct BulkServer {
    config: BulkConfig,
    conn: Option<ConnId>,
    paused_until: Time,
}

impl BulkServer {
    pub fn new(config: BulkConfig) -> BulkServer {
        BulkServer { config, conn: None, paused_until: Time::ZERO }
    }

    fn opened(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        self.conn = Some(conn);
        if let Some(pause) = self.config.read_pause {
            self.paused_until = calls.flow().start + pause.after + pause.span;
        }
        if self.config.read_rate.is_some() || self.config.read_pause.is_some() {
            return self.read(calls);
        }
        let until = if self.config.close == Closing::Server { self.expected() } else { u64::MAX };
        calls.drain(conn, self.config.data, until);
    }

    fn expected(&self) -> u64 {
        self.config.bytes.as_ref().map_or(u64::MAX, |bytes| bytes.mean().bytes())
    }

    /// Reads by the clock: a millisecond's worth at a time, or all there is until the pause.
    fn read(&mut self, calls: &mut Calls<'_, '_>) {
        let Some(conn) = self.conn else { return };
        let now = calls.now();
        if let Some(pause) = self.config.read_pause {
            let start = calls.flow().start + pause.after;
            if now >= start && now < self.paused_until {
                calls.stop_draining(conn);
                return calls.wake_at(self.paused_until, READ);
            }
            if self.config.read_rate.is_none() {
                let until = if self.config.close == Closing::Server { self.expected() } else { u64::MAX };
                calls.drain(conn, self.config.data, until);
                if now < start {
                    calls.wake_at(start, READ);
                }
                return;
            }
        }
        let Some(rate) = self.config.read_rate else { return };
        calls.receive(conn, (rate.bps() / 8_000).min(u64::from(u32::MAX)) as u32, self.config.data);
        self.read_some(calls, conn);
        if calls.is_open(conn) {
            calls.wake_at(now + Span::from_ms(1), READ);
        }
    }

    fn read_some(&mut self, calls: &mut Calls<'_, '_>, conn: ConnId) {
        if self.config.close == Closing::Server && calls.received(conn) >= self.expected() {
            calls.outcome(Outcome::Finished);
            calls.shutdown(conn);
        }
    }
}

impl App for BulkServer {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        if self.config.open == Opening::Simultaneous {
            self.conn = Some(open(calls, self.config.open));
        } else {
            calls.listen();
        }
        if let (Some(stop), Closing::Simultaneous) = (self.config.stop, self.config.close) {
            calls.wake_at(stop, STOP);
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Connected(conn) | AppEvent::Accepted(conn) => self.opened(calls, conn),
            AppEvent::Received(conn) => self.read_some(calls, conn),
            // A simultaneous close is at `stop`, unless the other end has been faster.
            AppEvent::PeerClosed(conn) => calls.shutdown(conn),
            AppEvent::Closed(conn, outcome) => {
                calls.outcome(outcome);
                if self.conn == Some(conn) {
                    self.conn = None;
                }
            }
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        match (token, self.conn) {
            (STOP, Some(conn)) => calls.shutdown(conn),
            (READ, _) => self.read(calls),
            _ => {}
        }
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

fn open(calls: &mut Calls<'_, '_>, opening: Opening) -> ConnId {
    let flow = calls.flow();
    let (client, server, port) = (flow.client, flow.server, flow.port);
    match (opening, calls.end()) {
        (Opening::Client, _) => calls.connect((server, port)),
        (Opening::Simultaneous, FlowEnd::Client) => calls.connect_from(port, (server, port)),
        (Opening::Simultaneous, FlowEnd::Server) => calls.connect_from(port, (client, port)),
    }
}
