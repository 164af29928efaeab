//! `http`: HTTP/1.1 by hyper and HTTP/2 by h2, both as they are, over simulated TCP; a browser's or a service's pool of connections at the
//! client, a bounded crowd of workers at the server, a row for each request.
//!
//! | to read | file |
//! | --- | --- |
//! | parameters | this one |
//! | who asks, when, and what becomes of it | `client` |
//! | connections: opened, waited for, used again | `super::pool` |
//! | one exchange on a connection | `exchange` |
//! | who answers | `server`, `limits` |
//! | bodies of zeros; places that are waited for in order | `body`, `super::permits` |
//!
//! HTTP/2 is spoken at once, as both ends know of it («prior knowledge», RFC 9113 §3.3), where there is no TLS that would negotiate it. A server answers
//! whoever connects to its port, so all flows of an entry to one host share its workers. Dates are the simulation's, and both libraries
//! measure its time alone. Absent: proxies, caches, redirections, cookies, compression, trailers, pipelining, push, priorities.

mod body;
mod client;
mod exchange;
mod limits;
mod server;

pub(crate) use exchange::Writing;

use sim_core::{Params, Prob, Size, Span, Table, Time};

use super::Application;
use super::loops::Arrivals;
use super::loops::Pace;
use super::pool::{Manner, REMEMBERED, Speaks};
use super::retries::Retries;
use super::values::{self, Connections};
use super::{SizeDist, SpanDist};
use crate::app::Scope;
use crate::app::dial::{self, Named, TlsConfig};
use crate::host::{App, FlowEnd, HTTP};
pub use limits::Limits;

/// Windows of HTTP/2 at a server, as hyper has them: what it lets come for one request and for all of them.
const SERVER_WINDOWS: (u32, u32) = (1 << 20, 1 << 20);
/// Requests that a server lets a connection have at a time. RFC 9113 §6.5.2: no smaller than 100.
const STREAMS_MAX: u32 = 100;

words! {
    /// Versions of HTTP.
    HttpVersion {
        /// RFC 9112: one request at a time on a connection.
        #[default]
        One = "1.1",
        /// RFC 9113: all at once on one connection.
        Two = "2",
    }
}

impl HttpVersion {
    /// What the handshake of TLS calls it (RFC 7301 §6, RFC 9113 §3.1).
    fn alpn(self) -> &'static str {
        match self {
            HttpVersion::One => "http/1.1",
            HttpVersion::Two => "h2",
        }
    }

    fn of_alpn(name: &[u8]) -> HttpVersion {
        if name == b"h2" { HttpVersion::Two } else { HttpVersion::One }
    }
}

words! {
    /// Methods of requests.
    HttpMethod {
        /// Without a body.
        #[default]
        Get = "get",
        /// With one.
        Post = "post",
    }
}

/// Parameters of requests by HTTP.
#[derive(Clone, PartialEq, Debug)]
pub struct HttpConfig {
    /// The version. Default: 1.1.
    pub version: HttpVersion,
    /// The method. Default: `get`.
    pub method: HttpMethod,
    /// Bytes of a request's body. Default: none. What is drawn is a byte at least.
    pub request: SizeDist,
    /// Bytes of a response's body. Default: 1000 B. The server draws them, for each response anew.
    pub response: SizeDist,
    /// How many requests. Default: without end.
    pub count: Option<u64>,
    /// From the end of one to the next, of each of those that ask at a time. Default: none.
    pub think: SpanDist,
    /// From a request's last byte to the response. Default: none.
    pub service: SpanDist,
    /// Whether a request uses a connection again, or opens its own. Default: again.
    pub connections: Connections,
    /// Connections that a client of HTTP/1.1 keeps at the most; browsers have 6. Default: 1.
    pub pool: u64,
    /// Requests that are under way at a time: each is followed by the next one. Default: 1.
    pub concurrency: u64,
    /// The time from the start of one request to the next, whatever becomes of them. Default: each waits for one that went before.
    pub interval: Option<Arrivals>,
    /// Whether a client waits for `100 Continue` before it sends the body, for a second at the most, as curl. Default: no.
    pub expect_continue: bool,
    /// Whether the server refuses what comes before the handshake of TLS is over (0-RTT) with 425, whereupon the client asks again behind it. Default: no.
    pub too_early: bool,
    /// How long a request may take, with waiting for a connection; one of HTTP/1.1 that is being opened for it is given up
    /// with it, as by hyper's clients, one of HTTP/2 is there for the next one. Default: for ever.
    pub timeout: Option<Span>,
    /// Repetitions of requests whose connection has failed, or that were told when to come again. Default: none.
    pub retries: Retries,
    /// What the server's answers 503 say about when to come again (`Retry-After`), in whole seconds. Default: nothing.
    pub retry_after: Option<Span>,
    /// No request starts from this moment on. Default: never.
    pub stop: Option<Time>,
    /// Share of the requests that ask for what is not there: 404. Default: none.
    pub missing: Prob,
    /// Share of the answers that break off in their middle. Default: none.
    pub fail: Prob,
    /// Bytes that are added to a request's head, as a cookie. Default: none.
    pub header: Size,
    /// Bytes that are added to a request's target, as a query. Default: none.
    pub url: Size,
    /// Whether the bodies of requests and answers come in chunks, without being told how long they are (RFC 9112 §7.1), HTTP/1.1. Default: no.
    pub chunked: bool,
    /// What the server takes.
    pub limits: Limits,
    /// Requests that the server works on at a time. Default: without bound.
    pub workers: Option<u64>,
    /// Requests that may wait for a worker; beyond: 503. Default: 100.
    pub queue: u64,
    /// `TCP_NODELAY` at both ends, as curl, nginx and browsers have it. Default: yes.
    pub nodelay: bool,
    /// TLS, with the version of HTTP agreed on in its handshake. Default: none.
    pub tls: Option<TlsConfig>,
    /// What clients call the server, and whether they look it up. Default: its address, with TLS its host's name; no.
    pub named: Named,
}

impl Default for HttpConfig {
    fn default() -> HttpConfig {
        HttpConfig {
            version: HttpVersion::default(),
            method: HttpMethod::default(),
            request: SizeDist::Fixed(Size::from_bytes(0)),
            response: SizeDist::Fixed(Size::from_bytes(1000)),
            count: None,
            think: SpanDist::Fixed(Span::ZERO),
            service: SpanDist::Fixed(Span::ZERO),
            connections: Connections::default(),
            pool: 1,
            concurrency: 1,
            interval: None,
            expect_continue: false,
            too_early: false,
            timeout: None,
            retries: Retries::default(),
            retry_after: None,
            stop: None,
            missing: Prob::ZERO,
            fail: Prob::ZERO,
            header: Size::from_bytes(0),
            url: Size::from_bytes(0),
            chunked: false,
            limits: Limits::default(),
            workers: None,
            queue: 100,
            nodelay: true,
            tls: None,
            named: Named::default(),
        }
    }
}

impl HttpConfig {
    /// How its requests follow each other.
    fn pace(&self) -> Pace {
        let HttpConfig { count, stop, concurrency, think, interval, .. } = self.clone();
        Pace { count, stop, concurrency, think, interval }
    }

    /// How its connections are had.
    fn manner(&self) -> Manner {
        let speaks = if self.version == HttpVersion::Two { Speaks::Two } else { Speaks::One };
        Manner { speaks, kept: self.connections == Connections::Kept, connections: self.pool }
    }

    pub(super) fn read(params: &mut dyn Params) -> HttpConfig {
        let default = HttpConfig::default();
        let version = HttpVersion::read(params, "version", "HTTP/1.1 or HTTP/2");
        let method = HttpMethod::read(params, "method", "GET, or POST with a body");
        let request = SizeDist::ask(
            params,
            ("request", "bytes of a request's body"),
            ("request_sizes", "how `request` is distributed; a byte at least"),
            default.request.mean(),
        );
        let response = SizeDist::ask(
            params,
            ("response", "bytes of a response's body"),
            ("response_sizes", "how `response` is distributed; the server draws each anew"),
            default.response.mean(),
        );
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
        let connections = Connections::read(params, "connections", "used again, or a new one for each request");
        let pool = params.count("pool", Some(1), 1..=1000, "connections that a client of HTTP/1.1 keeps at the most");
        let concurrency = params.count("concurrency", Some(1), 1..=10_000, "requests that are under way at a time");
        let help = "from the start of one request to the next, whatever becomes of them; when not given a request waits for one before it";
        let interval = Arrivals::ask(params, help);
        let expect_continue =
            params.flag("expect_continue", false, "wait for 100 Continue, a second at the most, before the body");
        let help = "the server refuses what comes with `resumption: 0-rtt` before the handshake is over: 425, and the client asks again behind it (RFC 8470 §5.2)";
        let too_early = params.flag("too_early", false, help);
        let help = "how long a request may take, with waiting for a connection; one of HTTP/1.1 that is being opened for it is given up with it; for ever when not given";
        let timeout = params.given("timeout").then(|| params.span("timeout", None, help));
        let help = "how often a request is made again whose connection has failed, or that was answered 503 or 429 with Retry-After; a POST whose connection has failed only where nothing of it was sent (RFC 9110 §9.2.2)";
        let retries = Retries::ask(params, help);
        let stop = values::stop(params, "no request starts from this moment on");
        let missing =
            params.prob("missing", Some(Prob::ZERO), "share of the requests that ask for what is not there: 404");
        let fail = params.prob("fail", Some(Prob::ZERO), "share of the answers that break off in their middle");
        let header =
            params.size("header", Some(default.header), "bytes that are added to a request's head, as a cookie");
        let url = params.size("url", Some(default.url), "bytes that are added to a request's target, as a query");
        let help = "bodies come in chunks of 16 KiB, without being told how long they are";
        let chunked = params.flag("chunked", false, help);
        let limits = Limits::read(params);
        let help = "requests that the server works on at a time; without bound when not given";
        let workers = params.given("workers").then(|| params.count("workers", None, 1..=1_000_000, help));
        let help = "requests that may wait for one of the `workers`; beyond: 503";
        let queue = params.count("queue", Some(100), 0..=1_000_000, help);
        if workers.is_none() && queue != 100 {
            params.refuse("queue", "it needs `workers`".into());
        }
        let help = "when to come again, as the server's answers 503 say (Retry-After), in whole seconds; they do not when not given";
        let retry_after = params.given("retry_after").then(|| params.span("retry_after", None, help));
        if retry_after.is_some() && workers.is_none() {
            params.refuse("retry_after", "it needs `workers`".into());
        }
        let nodelay = params.flag(
            "nodelay",
            true,
            "TCP_NODELAY at both ends; if not, what the hosts say of Nagle's algorithm holds",
        );
        let tls = dial::TlsConfig::ask(params);
        let named = Named::ask(params);
        HttpConfig {
            version,
            method,
            request,
            response,
            count,
            think,
            service,
            connections,
            pool,
            concurrency,
            interval,
            expect_continue,
            too_early,
            timeout,
            retries,
            retry_after,
            stop,
            missing,
            fail,
            header,
            url,
            chunked,
            limits,
            workers,
            queue,
            nodelay,
            tls,
            named,
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let bodies = self.request.mean().bytes() > 0;
        let zero = |span: &SpanDist| span.mean() == Span::ZERO;
        match () {
            _ if self.method == HttpMethod::Get && bodies => {
                Err(("request", "a GET has no body; `method: post` has one".into()))
            }
            _ if self.request.is_drawn() && !bodies => {
                Err(("request_sizes", "there is nothing to draw; it needs `method: post` and `request`".into()))
            }
            _ if self.expect_continue && !bodies => {
                Err(("expect_continue", "there is no body to wait with; it needs `method: post` and `request`".into()))
            }
            _ if self.expect_continue && self.version == HttpVersion::Two => {
                Err(("expect_continue", "a client of HTTP/2 does not wait here; it needs `version: 1.1`".into()))
            }
            _ if self.pool > 1 && self.version == HttpVersion::Two => {
                Err(("pool", "HTTP/2 has all its requests on one connection".into()))
            }
            _ if self.pool > 1 && self.connections == Connections::New => {
                Err(("pool", "nothing is kept where each request has a new connection".into()))
            }
            _ if self.tls.as_ref().is_some_and(TlsConfig::early) && self.method == HttpMethod::Post => Err((
                "tls",
                "what is sent with `resumption: 0-rtt` may be played again, and a POST must not be (RFC 8470 §2.1)"
                    .into(),
            )),
            _ if self.too_early && !self.tls.as_ref().is_some_and(TlsConfig::early) => {
                Err(("too_early", "nothing comes early; it needs `tls: { resumption: 0-rtt }`".into()))
            }
            _ if self.chunked && self.version == HttpVersion::Two => {
                Err(("chunked", "HTTP/2 has frames instead (RFC 9113 §8.1); it needs `version: 1.1`".into()))
            }
            _ if self.fail > Prob::ZERO && self.response.mean().bytes() == 0 => {
                Err(("fail", "an empty answer has no middle to break off in; it needs `response`".into()))
            }
            _ if self.url.bytes() > 60_000 => Err(("url", "libraries refuse targets of more than 60 kB".into())),
            _ if self.header.bytes() > 1_000_000 => Err(("header", "it is more than 1 MB".into())),
            _ if self.count == Some(0) => Err(("count", "zero requests do nothing".into())),
            _ if self.timeout == Some(Span::ZERO) => Err(("timeout", "no request would be in time".into())),
            _ if self.retry_after.is_some_and(|after| !after.ps().is_multiple_of(Span::from_secs(1).ps())) => {
                Err(("retry_after", "the field has whole seconds (RFC 9110 §10.2.3)".into()))
            }
            _ if self.interval.as_ref().is_some_and(Arrivals::stands_still) => {
                Err(("interval", "the clock would never move".into()))
            }
            _ if self.interval.is_some() && self.concurrency > 1 => {
                Err(("concurrency", "with `interval` requests do not wait for each other".into()))
            }
            _ if self.interval.is_some() && !zero(&self.think) => {
                Err(("think", "with `interval` requests do not wait for each other".into()))
            }
            _ => self.retries.check(),
        }
    }
}

impl Application for HttpConfig {
    const TABLES: &'static [&'static Table] = &[&HTTP];
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Client);
    const SERVES_ANYBODY: bool = true;

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => client::open(self.clone(), scope.clone()),
            FlowEnd::Server => server::open(self.clone(), scope.clone()),
        }
    }
}
