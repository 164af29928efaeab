//! `rpc`: remote calls of one small service in many forms, all with real bytes over simulated TCP, one over UDP, so that their costs can be compared.
//!
//! | to read | file |
//! | --- | --- |
//! | parameters | this one |
//! | who calls, deadlines, repetitions, rows | `client` |
//! | connections: opened, waited for, used again | `pool` |
//! | one call on a connection of HTTP; gRPC; frames over TCP | `http`, `grpc`, `framed` |
//! | a call as a datagram, sent again; a server that remembers | `datagram` |
//! | calls of gRPC that send a stream of messages | `streams` |
//! | what a reply is called in each form | `status` |
//! | who answers: connections, workers, the service | `server`, `service` |
//!
//! A call's steps: the client's stub writes the arguments (`marshal`), a connection is waited for (`queued`) or opened (`connect`), the bytes go; the
//! server's stub reads them, a worker is waited for (`dispatch`), the service works (`service`), the stub writes the result; the client's stub reads it
//! (`unmarshal`). Each end measures its own steps: the client in the table `calls`, the server in `served`, as a distributed trace would.
//!
//! Real: hyper, h2, tonic and prost, the `thrift` crate; Hessian, Dubbo, JRMP and Java's serialisation are our codecs ([`crate::rpc`]). What clients do
//! of themselves: Thrift's, RMI's, and those of HTTP/1.1 have one call at a time on a connection; HTTP/2, gRPC, Dubbo and `bare` have many.
//! `bare-udp` has no connections: a socket takes their place, and IP cuts what is longer than a packet.
//! Absent: RMI's registry, its distributed garbage collection and pings; Dubbo's heartbeats and registry; compression.

mod client;
mod datagram;
mod framed;
mod grpc;
mod http;
mod pool;
mod server;
mod service;
#[expect(dead_code, reason = "its words are never asked for as a parameter")]
mod status;
mod streams;

use sim_core::{Params, Prob, Span, Table, Time};

pub use status::ReplyStatus;

use super::SpanDist;
use super::loops::Arrivals;
use super::loops::Pace;
use super::retries::Retries;
use super::values::{self, Connections};
use super::{Application, Scope};
use crate::app::dial::{Named, TlsConfig};
use crate::host::{App, CALL_MESSAGES, CALLS, FlowEnd, SERVED};
use crate::rpc::Form;

/// Items that the service has: their numbers begin at 1.
const ITEMS: i64 = 1000;
/// Messages of a call at the most.
const MESSAGES_MAX: u64 = 1_000_000;
words! {
    /// Forms of calls.
    CallForm {
        /// JSON over HTTP/1.1: `GET /items/7`, `GET /items?page=0&size=20`, `POST /items` (RFC 9110); errors as problems (RFC 9457).
        #[default]
        RestHttp1 = "rest-http1",
        /// The same over HTTP/2.
        RestHttp2 = "rest-http2",
        /// JSON-RPC 2.0 over HTTP/1.1 (POST).
        JsonRpc = "json-rpc",
        /// Hessian 2.0 over HTTP/1.1 (POST).
        Hessian = "hessian",
        /// Apache Thrift, framed, the binary protocol.
        ThriftBinary = "thrift-binary",
        /// Apache Thrift, framed, the compact protocol.
        ThriftCompact = "thrift-compact",
        /// Dubbo 2 with Hessian inside.
        Dubbo = "dubbo",
        /// Java's remote method invocation (JRMP).
        Rmi = "rmi",
        /// A length, an id, a method number, the bytes of the arguments.
        Bare = "bare",
        /// gRPC: Protocol Buffers over HTTP/2.
        Grpc = "grpc",
        /// The same as `bare`, over UDP: a datagram for a call, one for its answer.
        BareUdp = "bare-udp",
    }
}

words! {
    /// What is called.
    CallOperation {
        /// An item by its number.
        #[default]
        Get = "get",
        /// A page of items.
        List = "list",
        /// A new item.
        Create = "create",
        /// The items of a page, each in a message of its own as a stream: `grpc` alone.
        Watch = "watch",
        /// Items, each in a message of its own as a stream from the client; one answer that says what they come to: `grpc` alone.
        Upload = "upload",
        /// Items, each in a message of its own as a stream from the client, and each answered by itself before the end: `grpc` alone.
        Chat = "chat",
    }
}

impl CallOperation {
    /// Whether it is a stream of messages.
    fn streams(self) -> bool {
        self == CallOperation::Watch || self.sends_stream()
    }

    /// Whether its client sends a stream of messages.
    fn sends_stream(self) -> bool {
        matches!(self, CallOperation::Upload | CallOperation::Chat)
    }
}

/// What carries a form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Carrier {
    HttpOne,
    HttpTwo,
    /// Frames over TCP, one call at a time.
    Frames,
    /// Frames over TCP, many calls at a time.
    SharedFrames,
    /// Datagrams, many calls at a time.
    Datagrams,
}

impl CallForm {
    fn carrier(self) -> Carrier {
        match self {
            CallForm::RestHttp1 | CallForm::JsonRpc | CallForm::Hessian => Carrier::HttpOne,
            CallForm::RestHttp2 | CallForm::Grpc => Carrier::HttpTwo,
            CallForm::ThriftBinary | CallForm::ThriftCompact | CallForm::Rmi => Carrier::Frames,
            CallForm::Dubbo | CallForm::Bare => Carrier::SharedFrames,
            CallForm::BareUdp => Carrier::Datagrams,
        }
    }

    /// What the handshake of TLS calls what is spoken (RFC 7301 §6, RFC 9113 §3.1); forms of their own have no name there.
    fn alpn(self) -> &'static [&'static str] {
        match self.carrier() {
            Carrier::HttpOne => &["http/1.1"],
            Carrier::HttpTwo => &["h2"],
            Carrier::Frames | Carrier::SharedFrames | Carrier::Datagrams => &[],
        }
    }

    /// Whether a connection has many calls at a time.
    fn shares(self) -> bool {
        matches!(self.carrier(), Carrier::HttpTwo | Carrier::SharedFrames | Carrier::Datagrams)
    }

    /// Its codec; REST and gRPC have their own.
    fn codec(self) -> Option<Form> {
        match self {
            CallForm::RestHttp1 | CallForm::RestHttp2 | CallForm::Grpc => None,
            CallForm::JsonRpc => Some(Form::JsonRpc),
            CallForm::Hessian => Some(Form::Hessian),
            CallForm::ThriftBinary => Some(Form::ThriftBinary),
            CallForm::ThriftCompact => Some(Form::ThriftCompact),
            CallForm::Dubbo => Some(Form::Dubbo),
            CallForm::Rmi => Some(Form::Rmi),
            CallForm::Bare | CallForm::BareUdp => Some(Form::Bare),
        }
    }
}

/// The time that a stub takes for a message, at each of the four places: arguments written and read, result written and read. Calls do not wait for
/// each other's: a processor for each.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marshal {
    /// For each message. Default: none.
    pub per_call: Span,
    /// For each byte of it. Default: none.
    pub per_byte: Span,
}

impl Marshal {
    fn cost(self, bytes: u64) -> Span {
        self.per_call + self.per_byte * bytes
    }
}

/// Parameters of remote calls.
#[derive(Clone, PartialEq, Debug)]
pub struct RpcConfig {
    /// The form. Default: `rest-http1`.
    pub form: CallForm,
    /// What is called. Default: `get`.
    pub operation: CallOperation,
    /// Items on a page of `list` and `watch`; of `upload` and `chat`, the messages of the client. Default: 20.
    pub size: u64,
    /// Between the messages of `watch`; of `upload` and `chat`, between those of the client. Default: none.
    pub gap: Span,
    /// Share of the calls of `get` for an item that is not there: 404, or the form's own fault. Default: none.
    pub missing: Prob,
    /// Whether a call uses a connection again, or opens its own. Default: again.
    pub connections: Connections,
    /// Connections that a client keeps at the most, in forms with one call at a time on each. Default: 1.
    pub pool: u64,
    /// How many calls. Default: without end.
    pub count: Option<u64>,
    /// Calls that are under way at a time: each is followed by the next one. Default: 1.
    pub concurrency: u64,
    /// From the end of one to the next, of each of those that call at a time. Default: none.
    pub think: SpanDist,
    /// From the start of one call to the next, whatever becomes of them. Default: each waits for one that went before.
    pub interval: Option<Arrivals>,
    /// The service's own time; of `upload` and `chat`, for each message. Default: none.
    pub service: SpanDist,
    /// The deadline of a call, repetitions included. gRPC tells it to the server, which gives the call up, too; in the other forms the server does
    /// not learn of it. A connection that is being opened for the call is given up with it. Default: none.
    pub timeout: Option<Span>,
    /// Repetitions of calls that have got no answer, or were turned away. Default: none.
    pub retries: Retries,
    /// Of `bare-udp`: the time after which a call without an answer is sent again, drawn between this and half as much again; it doubles with each.
    /// Default: 2 s (RFC 7252 §4.8, ACK_TIMEOUT). A smaller one finds losses earlier, and sends more where the answer is only late.
    pub resend: Span,
    /// Of `bare-udp`: how often it is sent again. Default: 4 (RFC 7252 §4.8, MAX_RETRANSMIT).
    pub resends: u64,
    /// Of `bare-udp`: how long the server knows a call that it has answered, so that a copy gets the same answer and is not executed again (at most
    /// once); none: each copy is executed (at least once). Default: 247 s (RFC 7252 §4.8.2, EXCHANGE_LIFETIME). It keeps 16 MiB of answers.
    pub remember: Span,
    /// The price of stubs. Default: none.
    pub marshal: Marshal,
    /// Calls that the server works on at a time. Default: without bound.
    pub workers: Option<u64>,
    /// Calls that may wait for a worker; beyond, the form's own refusal. Default: 100.
    pub queue: u64,
    /// No call starts from this moment on. Default: never.
    pub stop: Option<Time>,
    /// `TCP_NODELAY` at both ends, as all these libraries have it. Default: yes.
    pub nodelay: bool,
    /// TLS below the form, with what it speaks agreed on in the handshake where that has a name. Default: none.
    pub tls: Option<TlsConfig>,
    /// What clients call the server, and whether they look it up. Default: its address, with TLS its host's name; no.
    pub named: Named,
}

impl Default for RpcConfig {
    fn default() -> RpcConfig {
        RpcConfig {
            form: CallForm::default(),
            operation: CallOperation::default(),
            size: 20,
            gap: Span::ZERO,
            missing: Prob::ZERO,
            connections: Connections::default(),
            pool: 1,
            count: None,
            concurrency: 1,
            think: SpanDist::Fixed(Span::ZERO),
            interval: None,
            service: SpanDist::Fixed(Span::ZERO),
            timeout: None,
            retries: Retries::default(),
            resend: Span::from_secs(2),
            resends: 4,
            remember: Span::from_secs(247),
            marshal: Marshal::default(),
            workers: None,
            queue: 100,
            stop: None,
            nodelay: true,
            tls: None,
            named: Named::default(),
        }
    }
}

impl RpcConfig {
    pub(super) fn read(params: &mut dyn Params) -> RpcConfig {
        let default = RpcConfig::default();
        let form = CallForm::read(params, "form", "how calls and results are written, and over what");
        let operation = CallOperation::read(params, "operation", "what is called");
        let help =
            "items on a page of `list` and `watch`, at most 1000; of `upload` and `chat`, the messages of the client";
        let size = params.count("size", Some(default.size), 1..=MESSAGES_MAX, help);
        if operation != CallOperation::List && !operation.streams() && size != default.size {
            params.refuse("size", "it needs `operation: list`, `watch`, `upload` or `chat`".into());
        }
        if matches!(operation, CallOperation::List | CallOperation::Watch) && size > ITEMS as u64 {
            params.refuse("size", format!("the service has {ITEMS} items"));
        }
        let gap = params.span(
            "gap",
            Some(Span::ZERO),
            "between the messages of `watch`; of `upload` and `chat`, between those of the client",
        );
        if !operation.streams() && gap > Span::ZERO {
            params.refuse("gap", "it needs `operation: watch`, `upload` or `chat`".into());
        }
        let help = "share of the calls of `get` for an item that is not there: 404, or the form's own fault";
        let missing = params.prob("missing", Some(Prob::ZERO), help);
        let connections = Connections::read(params, "connections", "used again, or a new one for each call");
        let help = "connections that a client keeps at the most, in forms with one call at a time on each";
        let pool = params.count("pool", Some(1), 1..=1000, help);
        let count = values::count(params, "how many calls; without end when not given");
        let concurrency = params.count("concurrency", Some(1), 1..=10_000, "calls that are under way at a time");
        let think = SpanDist::ask(
            params,
            ("think", "from the end of one to the next"),
            ("think_times", "how `think` is distributed"),
            Span::ZERO,
        );
        let help = "from the start of one call to the next, whatever becomes of them; when not given a call waits for one before it";
        let interval = Arrivals::ask(params, help);
        let service = SpanDist::ask(
            params,
            ("service", "the service's own time; of `upload` and `chat`, for each message"),
            ("service_times", "how `service` is distributed"),
            Span::ZERO,
        );
        let mut config = RpcConfig {
            form,
            operation,
            size,
            gap,
            missing,
            connections,
            pool,
            count,
            concurrency,
            think,
            interval,
            service,
            ..default
        };
        config.read_failures(params);
        config
    }

    /// Deadlines, repetitions, and what the ends can take.
    fn read_failures(&mut self, params: &mut dyn Params) {
        let help = "deadline of a call, repetitions included, which gRPC alone tells the server; a connection that is being opened for the call is given up with it; none when not given";
        self.timeout = params.given("timeout").then(|| params.span("timeout", None, help));
        self.retries = Retries::ask(params, "how often a call without an answer, or turned away, is repeated");
        self.read_datagrams(params);
        params.section("marshal", "what a stub takes for a message, at each of the four places", &mut |params| {
            self.marshal.per_call = params.span("per_call", Some(Span::ZERO), "for each message");
            self.marshal.per_byte = params.span("per_byte", Some(Span::ZERO), "for each byte of it");
        });
        let help = "calls that the server works on at a time; without bound when not given";
        self.workers = params.given("workers").then(|| params.count("workers", None, 1..=1_000_000, help));
        let help = "calls that may wait for one of the `workers`; beyond, the form's own refusal";
        self.queue = params.count("queue", Some(100), 0..=1_000_000, help);
        if self.workers.is_none() && self.queue != 100 {
            params.refuse("queue", "it needs `workers`".into());
        }
        self.stop = values::stop(params, "no call starts from this moment on");
        let help = "TCP_NODELAY at both ends; if not, what the hosts say of Nagle's algorithm holds";
        self.nodelay = params.flag("nodelay", true, help);
        self.tls = TlsConfig::ask(params);
        self.named = Named::ask(params);
    }

    /// What keeps calls by datagrams reliable.
    fn read_datagrams(&mut self, params: &mut dyn Params) {
        let help = "of `bare-udp`: after this to one and a half of it a call without an answer is sent again; it doubles with each";
        self.resend = params.span("resend", Some(self.resend), help);
        let help = "of `bare-udp`: how often a call without an answer is sent again";
        self.resends = params.count("resends", Some(self.resends), 0..=20, help);
        let help = "of `bare-udp`: how long the server knows a call that it has answered, and does not execute it again; 0 s: not at all";
        self.remember = params.span("remember", Some(self.remember), help);
        for key in ["resend", "resends", "remember"] {
            if self.form != CallForm::BareUdp && params.given(key) {
                params.refuse(key, "it needs `form: bare-udp`".into());
            }
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let zero = |span: &SpanDist| span.mean() == Span::ZERO;
        match () {
            _ if self.operation.streams() && self.form != CallForm::Grpc => {
                Err(("operation", format!("`{}` has no streams of messages, `grpc` has", self.form.word())))
            }
            _ if self.missing > Prob::ZERO && self.operation != CallOperation::Get => {
                Err(("missing", "only `operation: get` can miss an item".into()))
            }
            _ if self.pool > 1 && self.form.shares() => {
                Err(("pool", format!("`{}` has all its calls on one connection", self.form.word())))
            }
            _ if self.pool > 1 && self.connections == Connections::New => {
                Err(("pool", "nothing is kept where each call has a new connection".into()))
            }
            _ if self.form == CallForm::BareUdp && self.tls.is_some() => {
                Err(("tls", "`bare-udp` has no TCP below it".into()))
            }
            _ if self.form == CallForm::BareUdp && self.named.resolve => {
                Err(("resolve", "a socket of `bare-udp` is there without a connection that would begin with it".into()))
            }
            _ if self.tls.as_ref().is_some_and(TlsConfig::early) => Err((
                "tls",
                "what is sent with `resumption: 0-rtt` may be played again, and a call must not be (RFC 8470 §2.1)"
                    .into(),
            )),
            _ if self.form.codec().is_some()
                && self.form.carrier() != Carrier::HttpOne
                && self.named.host.is_some()
                && self.tls.is_none()
                && !self.named.resolve =>
            {
                Err(("host", format!("`{}` never says it; it needs `tls` or `resolve: true`", self.form.word())))
            }
            _ if self.form == CallForm::BareUdp && !self.nodelay => Err(("nodelay", "`bare-udp` has no TCP".into())),
            _ if self.resend == Span::ZERO => Err(("resend", "all copies would leave within the instant".into())),
            _ if self.count == Some(0) => Err(("count", "zero calls do nothing".into())),
            _ if self.timeout == Some(Span::ZERO) => Err(("timeout", "no call would be in time".into())),
            _ if self.interval.as_ref().is_some_and(Arrivals::stands_still) => {
                Err(("interval", "the clock would never move".into()))
            }
            _ if self.interval.is_some() && self.concurrency > 1 => {
                Err(("concurrency", "with `interval` calls do not wait for each other".into()))
            }
            _ if self.interval.is_some() && !zero(&self.think) => {
                Err(("think", "with `interval` calls do not wait for each other".into()))
            }
            _ => self.retries.check(),
        }
    }

    fn pace(&self) -> Pace {
        let RpcConfig { count, stop, concurrency, think, interval, .. } = self.clone();
        Pace { count, stop, concurrency, think, interval }
    }
}

impl Application for RpcConfig {
    const TABLES: &'static [&'static Table] = &[&CALLS, &SERVED, &CALL_MESSAGES];
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Client);
    const SERVES_ANYBODY: bool = true;

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => client::open(self, scope),
            FlowEnd::Server => server::open(self, scope),
        }
    }
}
