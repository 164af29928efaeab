//! `web`: an HTTP server with pages and what they hold, a collection of items as REST has them, sessions, redirections, and the limits that real
//! servers have. HTTP/1.1 by hyper, HTTP/2 by h2.
//!
//! | to read | file |
//! | --- | --- |
//! | parameters | this one |
//! | connections, workers, limits; which part answers | `serve` |
//! | pages: bodies, validators, ranges, compression | `pages`, `body` |
//! | items: collection and members, JSON and XML | `items` |
//! | login, cookies, the store | `sessions` |
//! | names that say nothing of a place (URNs) | `urns` |
//!
//! Statuses that it gives: 200, 201, 204, 206, 301 and the other redirections, 303, 304, 400, 401, 403, 404, 405, 406, 408, 412, 413, 414, 415, 416,
//! 421, 425, 429, 431, 500, 501, 503, 507, and 100 where a client waits for it.

mod body;
mod items;
mod pages;
mod serve;
mod sessions;
mod urns;

use sim_core::{Params, Prob, Size, Span};

use super::Service;
use crate::app::dial::TlsConfig;
use crate::app::{Scope, SpanDist, Timeouts};
use crate::host::App;
pub(crate) use body::held;

/// What a server that says nothing else takes, as nginx: `large_client_header_buffers` and `client_max_body_size`.
const URL_MAX: u64 = 8 << 10;
const HEADER_MAX: u64 = 32 << 10;
const BODY_MAX: u64 = 1 << 20;
/// The largest page: it is made as a whole, and held so by the browser, too.
const PAGE_MAX: u64 = 64 << 20;

words! {
    /// What a page is, hence its media type and its bytes.
    PageKind {
        /// By the ending of its path; a page where it has none.
        #[default]
        ByPath = "by_path",
        /// A page that may hold others.
        Html = "html",
        /// A style sheet.
        Css = "css",
        /// A script.
        Script = "script",
        /// An image: its bytes cannot be compressed.
        Image = "image",
        /// Plain text.
        Text = "text",
    }
}

/// One page, or something else with a path.
#[derive(Clone, PartialEq, Debug)]
pub struct PageConfig {
    /// Its path.
    pub path: String,
    /// What it is. Default: by the ending of its path.
    pub kind: PageKind,
    /// Bytes of its body, before compression. Default: 10 kB; a page is as long as what it holds needs at least.
    pub size: Size,
    /// Whether its answers come in chunks, without saying how long they are (RFC 9112 §7.1); over HTTP/2 without `content-length`. Default: no.
    pub chunked: bool,
    /// What it holds: URLs, absolute or as seen from it; a browser fetches them. Default: nothing.
    pub holds: Vec<String>,
    /// For how long a cache may use it without asking (`Cache-Control: max-age`). Default: it says nothing.
    pub max_age: Option<Span>,
    /// Whether a cache may keep it; if not, `Cache-Control: no-store`. Default: yes.
    pub store: bool,
    /// After how long it is another one, with other bytes. Default: never.
    pub changes: Option<Span>,
    /// Where it has moved to: a URL, absolute or as seen from it. Default: it is here.
    pub redirect: Option<String>,
    /// The status of the redirection: 301, 302, 303, 307 or 308. Default: 301.
    pub status: u64,
    /// Whether one has to be logged in. Default: no.
    pub session: bool,
    /// Who may see it, of those who are logged in. Default: all of them.
    pub users: Vec<String>,
}

/// Logging in, and what follows.
#[derive(Clone, PartialEq, Debug)]
pub struct SessionConfig {
    /// The host of a store, on which several servers can keep their sessions. Default: the server keeps them itself.
    pub store: Option<String>,
    /// The store's port. Default: 6379.
    pub store_port: u16,
    /// What the store wants to hear first (`AUTH`). Default: nothing.
    pub store_password: Option<String>,
    /// How long the store may take. Default: 1 s.
    pub store_timeout: Span,
    /// How long a session lives without a request. Default: 30 min.
    pub lifetime: Span,
    /// The domain whose other servers get the cookie, too. Default: this server alone.
    pub domain: Option<String>,
    /// Who may log in, each as `name:password`.
    pub users: Vec<String>,
}

/// Parameters of a web server.
#[derive(Clone, PartialEq, Debug)]
pub struct WebConfig {
    /// The names that it is asked by; for others it is misdirected (421). Default: any.
    pub names: Vec<String>,
    /// Whether it speaks TLS, and how. Default: it does not.
    pub tls: Option<TlsConfig>,
    /// Its pages.
    pub pages: Vec<PageConfig>,
    /// Names and where the things are, each as `urn:example:start /`: `/uri-res/N2L?urn:…` leads there (303), `/uri-res/N2R?urn:…` gives it
    /// (RFC 2169, RFC 8141). Default: none.
    pub urns: Vec<String>,
    /// Items that `/items` has from the start: a collection as REST has it. Default: there is no collection.
    pub items: Option<u64>,
    /// Sessions. Default: none.
    pub sessions: Option<SessionConfig>,
    /// Whether text is compressed for those who accept it (gzip). Default: no.
    pub compress: bool,
    /// From a request's last byte to its answer. Default: no time.
    pub service: SpanDist,
    /// Requests that it works on at a time. Default: without bound.
    pub workers: Option<u64>,
    /// Requests that may wait for a worker; beyond: 503. Default: 100.
    pub queue: u64,
    /// The longest URL; beyond: 414. Default: 8 KiB, as nginx.
    pub url_limit: Size,
    /// The most bytes of a request's head; beyond: 431. Default: 32 KiB, as nginx.
    pub header_limit: Size,
    /// The largest body of a request; beyond: 413. Default: 1 MiB, as nginx.
    pub body_limit: Size,
    /// Requests that a client may make in a second; beyond: 429. Default: without bound.
    pub rate_limit: Option<u64>,
    /// Share of the requests that fail: 500. Default: none.
    pub fail: Prob,
    /// Whether it refuses what comes before the handshake of TLS is over (0-RTT) with 425; the client asks again behind it. Default: no.
    pub too_early: bool,
    /// How long it waits for a client.
    pub timeouts: Timeouts,
}

impl WebConfig {
    pub(super) fn read(params: &mut dyn Params) -> WebConfig {
        let names = params.texts(
            "names",
            "a name",
            "names that it is asked by, others are misdirected (421); any when not given",
        );
        let mut tls = None;
        if params.given("tls") {
            params.section(
                "tls",
                "speak TLS, HTTP/2 for those who offer it; the port is 443 by custom",
                &mut |params| {
                    tls = Some(TlsConfig::server(params));
                },
            );
            if names.is_empty() {
                params.refuse("tls", "a certificate needs `names`".into());
            }
        }
        let mut pages: Vec<PageConfig> = Vec::new();
        params.each("pages", "its pages by their paths", &mut |path, params| pages.push(page(path, params)));
        let help = "names and where the things are, as `urn:example:start /`: /uri-res/N2L?URN leads there, /uri-res/N2R?URN gives it (RFC 2169); none when not given";
        let urns = params.texts("urns", "a name and its place", help);
        for (at, line) in urns.iter().enumerate() {
            if let Err(why) = urns::parse(line) {
                params.refuse_text("urns", at, why);
            }
        }
        let help = "items that the collection /items has from the start; there is none when not given";
        let items = params.given("items").then(|| params.count("items", None, 0..=100_000, help));
        let mut sessions = None;
        if params.given("sessions") {
            params.section("sessions", "logging in at /login, and what follows", &mut |params| {
                sessions = Some(session(params));
            });
        }
        check_pages(params, &pages, sessions.as_ref(), !urns.is_empty());
        if let Some(domain) = sessions.as_ref().and_then(|sessions| sessions.domain.as_ref()) {
            check_domain(params, domain, &names);
        }
        let compress = params.flag("compress", false, "compress text for those who accept it (gzip)");
        let service = SpanDist::ask(
            params,
            ("service", "from a request's last byte to its answer"),
            ("service_times", "how `service` is distributed"),
            Span::ZERO,
        );
        let help = "requests that it works on at a time; without bound when not given";
        let workers = params.given("workers").then(|| params.count("workers", None, 1..=1_000_000, help));
        let queue = params.count(
            "queue",
            Some(100),
            0..=1_000_000,
            "requests that may wait for one of the `workers`; beyond: 503",
        );
        if workers.is_none() && queue != 100 {
            params.refuse("queue", "it needs `workers`".into());
        }
        let mut limit = |key, default, help| params.size(key, Some(Size::from_bytes(default)), help);
        let url_limit = limit("url_limit", URL_MAX, "the longest URL; beyond: 414");
        let header_limit =
            limit("header_limit", HEADER_MAX, "the most bytes of a request's head, 8 KiB at least; beyond: 431");
        let body_limit = limit("body_limit", BODY_MAX, "the largest body of a request; beyond: 413");
        if header_limit.bytes() < 8 << 10 {
            params.refuse("header_limit", "hyper needs 8 KiB".into());
        }
        let help = "requests that a client may make in a second, beyond: 429; without bound when not given";
        let rate_limit = params.given("rate_limit").then(|| params.count("rate_limit", None, 1..=1_000_000, help));
        let fail = params.prob("fail", Some(Prob::ZERO), "share of the requests that fail: 500");
        let early = tls.as_ref().is_some_and(TlsConfig::early);
        let help = "refuse what comes with `resumption: 0-rtt` before the handshake is over: 425, and the client asks again behind it (RFC 8470 §5.2)";
        let too_early = params.flag("too_early", false, help);
        if too_early && !early {
            params.refuse("too_early", "nothing comes early; it needs `tls: { resumption: 0-rtt }`".into());
        }
        let timeouts = Timeouts::read(params);
        WebConfig {
            names,
            tls,
            pages,
            urns,
            items,
            sessions,
            compress,
            service,
            workers,
            queue,
            url_limit,
            header_limit,
            body_limit,
            rate_limit,
            fail,
            too_early,
            timeouts,
        }
    }
}

/// What pages may not be beside each other, and beside the rest.
fn check_pages(params: &mut dyn Params, pages: &[PageConfig], sessions: Option<&SessionConfig>, urns: bool) {
    for page in pages {
        let path = page.path.as_str();
        let why = match path {
            _ if !path.starts_with('/') || path.contains(['?', '#', ' ']) => {
                format!("`{path}` is no path; a path is as in `/`, `/style.css`")
            }
            _ if page.session && sessions.is_none() => {
                format!("`{path}` asks for a session, and there are no `sessions`")
            }
            "/login" | "/logout" if sessions.is_some() => {
                format!("`{path}` is where `sessions` are opened and closed, so that the page would never be seen")
            }
            "/uri-res/N2L" | "/uri-res/N2R" if urns => format!("`{path}` belongs to `urns`"),
            _ => continue,
        };
        params.refuse("pages", why);
    }
}

/// RFC 6265 §5.3: a browser throws away a cookie for a domain that the server is not in.
fn check_domain(params: &mut dyn Params, domain: &str, names: &[String]) {
    let within = |name: &String| {
        let (name, domain) = (name.to_ascii_lowercase(), domain.trim_start_matches('.').to_ascii_lowercase());
        name == domain || name.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'))
    };
    if !names.is_empty() && !names.iter().any(within) {
        let why = format!("no name of the server is in `{domain}`, so that browsers throw its cookie away");
        params.refuse("sessions", why);
    }
}

fn page(path: &str, params: &mut dyn Params) -> PageConfig {
    let kind = PageKind::read(params, "type", "what it is; by the ending of its path when not given");
    let help = "bytes of its body, before compression; longer where what it holds needs more";
    let size = params.size("size", Some(Size::from_bytes(10_000)), help);
    if size.bytes() > PAGE_MAX {
        let why = "a page is made as a whole, of 64 MiB at the most; for more, `http` has answers that nobody holds";
        params.refuse("size", why.into());
    }
    let help = "its answers come in chunks, without saying how long they are; over HTTP/2 without content-length";
    let chunked = params.flag("chunked", false, help);
    let holds = params.texts("holds", "a URL, absolute or as seen from it", "what it holds, and a browser fetches");
    let help = "for how long a cache may use it without asking; it says nothing when not given";
    let max_age = params.given("max_age").then(|| params.span("max_age", None, help));
    let store = params.flag("store", true, "whether a cache may keep it");
    let help = "after how long it is another one; never when not given";
    let changes = params.given("changes").then(|| params.span("changes", None, help));
    if changes == Some(Span::ZERO) {
        params.refuse("changes", "it would never be the same".into());
    }
    let help = "where it has moved to; it is here when not given";
    let redirect = params.given("redirect").then(|| params.text("redirect", None, "a URL", help));
    let status = params.count("status", Some(301), 301..=308, "the status of `redirect`: 301, 302, 303, 307 or 308");
    if matches!(status, 304..=306) {
        params.refuse("status", "a redirection is 301, 302, 303, 307 or 308".into());
    }
    if status != 301 && redirect.is_none() {
        params.refuse("status", "it needs `redirect`".into());
    }
    for key in ["type", "size", "chunked", "holds", "changes"] {
        if redirect.is_some() && params.given(key) {
            params.refuse(key, "a page with `redirect` has no body of its own".into());
        }
    }
    if max_age.is_some_and(|age| !age.ps().is_multiple_of(1_000_000_000_000)) {
        params.refuse("max_age", "it is told in whole seconds (RFC 9111 §1.2.2)".into());
    }
    let session = params.flag("session", false, "whether one has to be logged in");
    let users = params.texts(
        "users",
        "a name",
        "who may see it, of those who are logged in, others get 403; all when not given",
    );
    if !users.is_empty() && !session {
        params.refuse("users", "it needs `session: true`".into());
    }
    let path = path.into();
    let found =
        PageConfig { path, kind, size, chunked, holds, max_age, store, changes, redirect, status, session, users };
    if !found.holds.is_empty() && found.kind() != PageKind::Html {
        params.refuse("holds", "only a page holds others; it needs `type: html`".into());
    }
    if max_age.is_some() && !store {
        params.refuse("max_age", "what may not be kept has no age".into());
    }
    found
}

fn session(params: &mut dyn Params) -> SessionConfig {
    let help = "the host of a `store`, for several servers; the server keeps them itself when not given";
    let store = params.given("store").then(|| params.host("store", None, help));
    let store_port = params.count("store_port", Some(6379), 1..=65_535, "the store's port") as u16;
    let help = "what the store wants to hear first (AUTH); nothing when not given";
    let store_password = params.given("store_password").then(|| params.text("store_password", None, "a text", help));
    if store.is_none() && store_password.is_some() {
        params.refuse("store_password", "it needs `store`".into());
    }
    let store_timeout = params.span("store_timeout", Some(Span::from_secs(1)), "how long the store may take; then 503");
    if store.is_none() && (store_port != 6379 || store_timeout != Span::from_secs(1)) {
        let key = if store_port != 6379 { "store_port" } else { "store_timeout" };
        params.refuse(key, "it needs `store`".into());
    }
    let help = "the domain whose other servers get the cookie, too; this server alone when not given";
    let domain = params.given("domain").then(|| params.text("domain", None, "a domain", help));
    let lifetime = params.span("lifetime", Some(Span::from_secs(1800)), "how long a session lives without a request");
    let users = params.texts("users", "as in `name:password`", "who may log in");
    for (at, user) in users.iter().enumerate() {
        if user.split_once(':').is_none_or(|(name, password)| name.is_empty() || password.is_empty()) {
            params.refuse_text("users", at, format!("`{user}` is not as in `name:password`"));
        }
    }
    if users.is_empty() {
        params.refuse("users", "somebody has to be there who can log in".into());
    }
    SessionConfig { store, store_port, store_password, store_timeout, domain, lifetime, users }
}

impl PageConfig {
    /// What it is.
    pub(super) fn kind(&self) -> PageKind {
        if self.kind != PageKind::ByPath {
            return self.kind;
        }
        match self.path.rsplit('/').next().and_then(|name| name.rsplit_once('.')).map(|(_, ending)| ending) {
            Some("css") => PageKind::Css,
            Some("js" | "mjs") => PageKind::Script,
            Some("png" | "jpg" | "jpeg" | "gif" | "webp" | "avif" | "ico") => PageKind::Image,
            Some("txt") => PageKind::Text,
            _ => PageKind::Html,
        }
    }
}

impl Service for WebConfig {
    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
        let chance = serve::Chance { service: scope.stream("service"), fail: scope.stream("fail") };
        let store = self.sessions.as_ref().and_then(|sessions| scope.address(sessions.store.as_deref()?));
        Box::new(scope.program("web", serve::listen(self.clone(), chance, store, port, *scope.streams())))
    }
}
