//! `browse`: a browser, or a client of an API: it goes through steps such as `get https://www.shop.test/`, finds servers by name, speaks HTTP/1.1
//! and HTTP/2 over TCP or TLS, keeps connections, a cache and cookies, follows redirections, and loads what pages hold.
//!
//! | to read | file |
//! | --- | --- |
//! | parameters, rows | this one, `rows` |
//! | steps as they are written | `steps` |
//! | visits, pages and what they hold | `visit` |
//! | one resource: cache, redirections, cookies | `fetch`, `jar` |
//! | one exchange on a connection | `exchange` |
//!
//! The cache follows RFC 9111 by the crate `http-cache-semantics`, private as that of a browser; 301 and 308 that do not say for how long they hold are
//! kept without end, as browsers do. Absent: trailers, push, prefetching, service workers,
//! scripts that run, fonts and images of style sheets, third-party partitions of caches, `Expect: 100-continue`.

mod exchange;
mod fetch;
mod jar;
mod rows;
mod steps;
mod visit;

use sim_core::{Params, Span, Table, Time};

use super::SpanDist;
use super::dial::TlsConfig;
use super::values;
use super::{Application, Scope};
use crate::host::{App, FlowEnd};
pub use rows::{BROWSE, PAGES};
pub use steps::Step;

/// Parameters of a browser.
#[derive(Clone, PartialEq, Debug)]
pub struct BrowseConfig {
    /// What it does, in this order.
    pub steps: Vec<Step>,
    /// How often it goes through the steps. Default: once.
    pub visits: u64,
    /// From the end of a step to the next one. Default: none.
    pub think: SpanDist,
    /// No step starts from this moment on. Default: never.
    pub stop: Option<Time>,
    /// Whether it loads what pages hold. Default: yes.
    pub resources: bool,
    /// Whether it keeps answers and uses them again. Default: yes.
    pub cache: bool,
    /// Whether it keeps cookies. Default: yes.
    pub cookies: bool,
    /// Redirections that it follows, one behind the other. Default: 20, as Chromium and Firefox.
    pub redirects: u64,
    /// Whether it takes compressed answers (gzip). Default: yes.
    pub compress: bool,
    /// Connections of HTTP/1.1 to an origin. Default: 6, as browsers.
    pub connections: u64,
    /// Whether it offers HTTP/2 to servers with TLS. Default: yes.
    pub http2: bool,
    /// How long a request may take. Default: 300 s, as Chromium.
    pub timeout: Span,
    /// For how long its own cache holds a name at the most; none: it has no such cache. Default: 60 s, as Chromium.
    pub dns_cache: Span,
    /// How it speaks TLS with `https:`.
    pub tls: TlsConfig,
}

impl Default for BrowseConfig {
    fn default() -> BrowseConfig {
        BrowseConfig {
            steps: Vec::new(),
            visits: 1,
            think: SpanDist::Fixed(Span::ZERO),
            stop: None,
            resources: true,
            cache: true,
            cookies: true,
            redirects: 20,
            compress: true,
            connections: 6,
            http2: true,
            timeout: Span::from_secs(300),
            dns_cache: Span::from_secs(60),
            tls: TlsConfig::default(),
        }
    }
}

impl BrowseConfig {
    pub(super) fn read(params: &mut dyn Params) -> BrowseConfig {
        let default = BrowseConfig::default();
        let what = "as in `get http://www.shop.test/` or `post http://www.shop.test/login | user=ann&password=secret`";
        let texts = params.texts("steps", what, "what it does, in this order: METHOD URL | FIELD: VALUE | BODY");
        if texts.is_empty() {
            params.refuse("steps", "there is nothing to do".into());
        }
        let mut steps = Vec::new();
        for (at, text) in texts.iter().enumerate() {
            match Step::parse(text) {
                Ok(step) => steps.push(step),
                Err(why) => params.refuse_text("steps", at, format!("`{text}` is no step: {why}")),
            }
        }
        let visits = params.count("visits", Some(1), 1..=1_000_000, "how often it goes through the steps");
        let think = SpanDist::ask(
            params,
            ("think", "from the end of a step to the next one"),
            ("think_times", "how `think` is distributed"),
            Span::ZERO,
        );
        let stop = values::stop(params, "no step starts from this moment on");
        let resources = params.flag("resources", true, "load what pages hold: style sheets, scripts, images");
        let cache = params.flag("cache", true, "keep answers, and use them again as RFC 9111 allows");
        let cookies = params.flag("cookies", true, "keep cookies (RFC 6265)");
        let redirects = params.count(
            "redirects",
            Some(default.redirects),
            0..=1000,
            "redirections that it follows, one behind the other",
        );
        let compress = params.flag("compress", true, "take compressed answers (gzip)");
        let connections =
            params.count("connections", Some(default.connections), 1..=1000, "connections of HTTP/1.1 to an origin");
        let http2 = params.flag("http2", true, "offer HTTP/2 to servers with TLS");
        let timeout = params.span("timeout", Some(default.timeout), "how long a request may take");
        let help = "for how long its own cache holds a name at the most; 0 s: it has no such cache";
        let dns_cache = params.span("dns_cache", Some(default.dns_cache), help);
        let mut tls = TlsConfig::default();
        params.section("tls", "how it speaks TLS with https:", &mut |params| tls = TlsConfig::client(params));
        BrowseConfig {
            steps,
            visits,
            think,
            stop,
            resources,
            cache,
            cookies,
            redirects,
            compress,
            connections,
            http2,
            timeout,
            dns_cache,
            tls,
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match () {
            _ if self.timeout == Span::ZERO => Err(("timeout", "no request would be in time".into())),
            _ => Ok(()),
        }
    }
}

impl Application for BrowseConfig {
    const TABLES: &'static [&'static Table] = &[&BROWSE, &PAGES];
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Client);
    const FINDS_SERVERS: bool = true;

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => visit::open(self.clone(), scope.clone()),
            FlowEnd::Server => Box::new(super::Idle),
        }
    }
}
