//! `websocket`: a server has messages for its clients at times of its own. They are pushed over WebSocket (RFC 6455), by tokio-websockets as it is, or
//! asked for by requests of HTTP/1.1, by hyper as it is: from time to time (polling), or by one that is answered when there is something (long
//! polling, RFC 6202 §2). A row for each message, with all that passed since the one before, so that the three can be compared.
//!
//! | to read | file |
//! | --- | --- |
//! | parameters | this one |
//! | messages: when there are some, what stands in them | `source` |
//! | who listens | `client` |
//! | who has messages | `server` |
//!
//! Each request of HTTP, the polls and the upgrade, is a row in the table `http`, with what its connection has taken.
//!
//! A client subscribes by its first request or its upgrade, for `/messages/FLOW`; from then on there are messages for it. tokio-websockets draws its keys
//! and masks from a state of the thread, which is set from a stream of the flow before each poll. Absent: compression (RFC 7692), fragmented
//! messages, and messages from clients.
//!
//! A connection that is lost ends the flow, or by choice (`reconnect`) is followed by another one after a random time that doubles (RFC 6455 §7.2.3).
//! Messages stand in a store behind the server, which outlives its process, whoever kills that: the keys `killed` and `restarted`, or `events`. The store
//! knows which messages the server has handed to a connection, not which have arrived: those that were under way on a lost one are lost, and
//! say so in a row; those that were created meanwhile are there for the next one. Bytes that passed on a connection after its last message are
//! charged to nobody. The column `cause` of a message: `path`, half a round trip; `connect`, its connection was not there yet; `retransmission`,
//! something before it was lost; `queued`, it waited to be asked for or behind others.

mod client;
mod server;
mod source;

use std::pin::pin;

use sim_core::{Params, Size, Span, Table, Time};

use super::values;
use super::{Application, ProcessEvent};
use super::{SizeDist, SpanDist, Timeouts};
use crate::aio;
use crate::app::Scope;
use crate::app::dial::{Named, TlsConfig};
use crate::host::{App, FlowEnd, HTTP, MESSAGES};

words! {
    /// How messages come to a client.
    Delivery {
        /// By WebSocket, when they are there.
        #[default]
        Push = "push",
        /// By requests from time to time.
        Polling = "polling",
        /// By requests that are answered when there is a message.
        LongPolling = "long_polling",
    }
}

/// Parameters of messages from a server.
#[derive(Clone, PartialEq, Debug)]
pub struct WebSocketConfig {
    /// How they come. Default: `push`.
    pub mode: Delivery,
    /// How many there are. Default: without end.
    pub count: Option<u64>,
    /// From one to the next, as they are created. Default: 1 s.
    pub interval: SpanDist,
    /// Bytes of a message, 16 at least and 1 MiB at most. Default: 100 B.
    pub size: SizeDist,
    /// From an answer to the next request, polling. Default: 1 s.
    pub poll: Span,
    /// How long a server holds a request without a message, long polling; then it answers 204. Default: 30 s, which RFC 6202 §5.5 calls safe.
    pub hold: Span,
    /// A client that has heard nothing for so long sends a ping. Default: never.
    pub ping: Option<Span>,
    /// Who has lost its connection opens another one, first after a random time up to this one, then up to twice as much, and so on. Whoever is to come
    /// again and pings takes a ping without an answer for a lost connection. Default: never, the flow ends with its connection.
    pub reconnect: Option<Span>,
    /// The most that this becomes. Default: 30 s.
    pub reconnect_max: Span,
    /// How long the server waits for a client; `keepalive` between requests, for those who ask for messages.
    pub timeouts: Timeouts,
    /// When the server's process is killed, as other events kill it: its connections are closed, and nobody listens. Default: never.
    pub killed: Option<Time>,
    /// When it is started again. Messages stand in a store behind it, which outlives it. Default: never.
    pub restarted: Option<Time>,
    /// `TCP_NODELAY` at both ends. Default: yes.
    pub nodelay: bool,
    /// TLS. Default: none.
    pub tls: Option<TlsConfig>,
    /// What clients call the server, and whether they look it up. Default: its host's name; no.
    pub named: Named,
}

impl Default for WebSocketConfig {
    fn default() -> WebSocketConfig {
        WebSocketConfig {
            mode: Delivery::default(),
            count: None,
            interval: SpanDist::Fixed(Span::from_secs(1)),
            size: SizeDist::Fixed(Size::from_bytes(100)),
            poll: Span::from_secs(1),
            hold: Span::from_secs(30),
            ping: None,
            reconnect: None,
            reconnect_max: Span::from_secs(30),
            timeouts: Timeouts::default(),
            killed: None,
            restarted: None,
            nodelay: true,
            tls: None,
            named: Named::default(),
        }
    }
}

impl WebSocketConfig {
    pub(super) fn read(params: &mut dyn Params) -> WebSocketConfig {
        let default = WebSocketConfig::default();
        let mode = Delivery::read(
            params,
            "mode",
            "pushed by WebSocket, or asked for by HTTP/1.1, from time to time or for long",
        );
        let count = values::count(params, "how many messages; without end when not given");
        let interval = SpanDist::ask(
            params,
            ("interval", "from one message to the next, as they are created"),
            ("interval_times", "how `interval` is distributed"),
            default.interval.mean(),
        );
        let size = SizeDist::ask(
            params,
            ("size", "bytes of a message, 16 for its number, length and time among them"),
            ("sizes", "how `size` is distributed"),
            default.size.mean(),
        );
        let mut only = |key, modes: &[Delivery]| {
            if params.given(key) && !modes.contains(&mode) {
                params.refuse(key, format!("it needs `mode: {}`", modes[0].word()));
            }
        };
        only("poll", &[Delivery::Polling]);
        only("hold", &[Delivery::LongPolling]);
        only("ping", &[Delivery::Push]);
        only("keepalive_timeout", &[Delivery::Polling, Delivery::LongPolling]);
        let mut span = |key, default: Span, help| match params.given(key) {
            true => params.span(key, Some(default), help),
            false => default,
        };
        let poll = span("poll", default.poll, "polling: from an answer to the next request; 1 s when not given");
        let hold = span(
            "hold",
            default.hold,
            "long polling: how long a request is held without a message; 30 s when not given",
        );
        let help = "a client that has heard nothing for so long sends a ping; never when not given";
        let ping = params.given("ping").then(|| params.span("ping", None, help));
        let help = "who has lost its connection opens another one after a random time up to this one, then up to twice as much, and so on; a ping without an answer means that it is lost; never when not given";
        let reconnect = params.given("reconnect").then(|| params.span("reconnect", None, help));
        if params.given("reconnect_max") && reconnect.is_none() {
            params.refuse("reconnect_max", "it needs `reconnect`".into());
        }
        let help = "the most that the time before another connection becomes; 30 s when not given";
        let reconnect_max = match params.given("reconnect_max") {
            true => params.span("reconnect_max", Some(default.reconnect_max), help),
            false => default.reconnect_max,
        };
        let mut timeouts = Timeouts { request: Timeouts::read_request(params), ..Timeouts::default() };
        if params.given("keepalive_timeout") {
            timeouts.keepalive = Timeouts::read_keepalive(params);
        }
        let help = "when the server's process is killed, as by `down` in `events`: its connections are closed, nobody listens; never when not given";
        let killed = values::moment(params, "killed", help);
        if params.given("restarted") && killed.is_none() {
            params.refuse("restarted", "it needs `killed`".into());
        }
        let help = "when it is started again, as by `up` in `events`; messages stand in a store behind it, which outlives it: those of the time between come late, those that were on their way are lost; never when not given";
        let restarted = values::moment(params, "restarted", help);
        let nodelay = params.flag("nodelay", true, "TCP_NODELAY at both ends");
        let tls = TlsConfig::ask(params);
        let named = Named::ask(params);
        WebSocketConfig {
            mode,
            count,
            interval,
            size,
            poll,
            hold,
            ping,
            reconnect,
            reconnect_max,
            timeouts,
            killed,
            restarted,
            nodelay,
            tls,
            named,
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match () {
            _ if self.size.mean().bytes() < source::HEAD as u64 => {
                Err(("size", format!("number, length and time of a message take {} bytes", source::HEAD)))
            }
            _ if self.size.mean().bytes() > source::SIZE_MAX as u64 => Err(("size", "it is more than 1 MiB".into())),
            _ if self.count.is_some_and(|count| count > u64::from(u32::MAX)) => {
                Err(("count", "a message's number has four bytes".into()))
            }
            _ if self.count == Some(0) => Err(("count", "zero messages do nothing".into())),
            _ if self.interval.mean() == Span::ZERO => Err(("interval", "the clock would never move".into())),
            _ if self.poll == Span::ZERO => Err(("poll", "the next request would leave at once".into())),
            _ if self.hold == Span::ZERO => Err(("hold", "that is polling".into())),
            _ if self.reconnect == Some(Span::ZERO) => Err(("reconnect", "the clock would never move".into())),
            _ if self.reconnect.is_some_and(|first| first > self.reconnect_max) => {
                Err(("reconnect_max", "it is less than `reconnect`".into()))
            }
            _ if self.restarted.is_some_and(|at| self.killed.is_some_and(|killed| at <= killed)) => {
                Err(("restarted", "it comes after `killed`".into()))
            }
            _ if self.ping == Some(Span::ZERO) => Err(("ping", "the clock would never move".into())),
            _ => Ok(()),
        }
    }
}

impl Application for WebSocketConfig {
    const TABLES: &'static [&'static Table] = &[&MESSAGES, &HTTP];
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Client);
    const SERVES_ANYBODY: bool = true;

    fn process(&self) -> Vec<ProcessEvent> {
        let killed = self.killed.map(|at| ProcessEvent { at, up: false });
        killed.into_iter().chain(self.restarted.map(|at| ProcessEvent { at, up: true })).collect()
    }

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => client::open(self.clone(), scope.clone()),
            FlowEnd::Server => server::open(self.clone(), scope.clone()),
        }
    }
}

/// Sets the thread's `fastrand` before each poll from a stream of the task's own, and of the connection's: no two have the same keys (RFC 6455
/// §4.1: "The nonce MUST be selected randomly for each connection.") or masks.
async fn seeded<F: Future>(connection: u64, future: F) -> F::Output {
    let (mut future, mut rng) = (pin!(future), aio::rng(&format!("fastrand/{connection}")));
    std::future::poll_fn(|cx| {
        fastrand::seed(rng.next_u64());
        future.as_mut().poll(cx)
    })
    .await
}
