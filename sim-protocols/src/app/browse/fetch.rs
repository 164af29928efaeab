//! One resource: what the cache knows of it, the request, redirections, cookies.

use std::collections::BTreeMap;
use std::io::Read;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::read::GzDecoder;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use http::response;
use http::{Method, Request, Response, StatusCode};
use http_cache_semantics::{AfterResponse, BeforeRequest, CacheOptions, CachePolicy};
use sim_core::Span;
use url::Url;

use super::BrowseConfig;
use super::exchange::{Entry, Origins, exchange};
use super::jar::Jar;
use super::rows::{BrowseRow, From, METHODS};
use crate::aio::dates::wall;
use crate::aio::{self, Duration};
use crate::app::dial::fault::{FINISHED, RUNNING, STATUS};
use crate::app::dial::{Dialer, Fault, Origin, lock};
use crate::app::pool::{Manner, Pool, Speaks};
use crate::app::teller::Said;
use crate::host::Layers;

/// The most bytes that a compressed answer may become.
const INFLATED_MAX: u64 = 64 << 20;
/// A private cache (RFC 9111 §1), with the heuristic that the RFC proposes (§4.2.2).
const PRIVATE: CacheOptions = CacheOptions {
    shared: false,
    cache_heuristic: 0.1,
    immutable_min_time_to_live: Duration::from_secs(24 * 3600),
    ignore_cargo_cult: false,
};

/// What all tasks of a browser share.
pub(super) struct Browser {
    pub config: BrowseConfig,
    pub flow: u32,
    pub said: Said,
    pub dialer: Dialer,
    opened: Arc<AtomicU64>,
    number: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    pools: BTreeMap<(bool, String, u16), Origins>,
    cache: BTreeMap<String, Cached>,
    jar: Jar,
}

/// An answer that is kept.
#[derive(Clone)]
struct Cached {
    policy: CachePolicy,
    head: response::Parts,
    body: Bytes,
}

/// A request to be made.
#[derive(Clone)]
pub(super) struct Ask {
    pub method: Method,
    pub url: Url,
    pub fields: Vec<(HeaderName, HeaderValue)>,
    pub body: Bytes,
}

/// An answer at the end of all redirections.
pub(super) struct Got {
    pub status: StatusCode,
    /// Where it has come from.
    pub url: Url,
    /// Whether it is a page.
    pub html: bool,
    /// Its body, not compressed any more.
    pub body: Bytes,
}

/// What the requests of a page come to.
#[derive(Default)]
pub(super) struct Tally {
    pub page: u64,
    pub requests: u64,
    pub cached: u64,
    pub revalidated: u64,
    pub redirects: u64,
    pub failed: u64,
    pub bytes: u64,
}

impl Browser {
    pub fn new(config: BrowseConfig, flow: u32, said: Said, dialer: Dialer) -> Browser {
        Browser {
            config,
            flow,
            said,
            dialer,
            opened: Arc::default(),
            number: AtomicU64::new(0),
            state: Mutex::default(),
        }
    }

    /// Fetches a resource, wherever redirections lead.
    ///
    /// # Errors
    /// There is no answer, or not all of it, or redirections without end.
    pub async fn fetch(&self, mut ask: Ask, tally: &Mutex<Tally>) -> Result<Got, Fault> {
        let mut followed = 0;
        loop {
            let (response, target) = self.once(&ask, tally, followed < self.config.redirects).await?;
            let Some(target) = target else {
                let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
                let html = kind.is_some_and(|kind| kind.starts_with("text/html"));
                let (head, body) = response.into_parts();
                return Ok(Got { status: head.status, url: ask.url, html, body: inflated(&head, body)? });
            };
            followed += 1;
            // RFC 9110 §15.4: 307 and 308 keep the method; the others do so for GET and HEAD, and as browsers have it, for all but POST.
            let method = match response.status() {
                StatusCode::SEE_OTHER if ask.method != Method::HEAD => Method::GET,
                StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if ask.method == Method::POST => Method::GET,
                _ => ask.method.clone(),
            };
            if method != ask.method {
                ask.body = Bytes::new();
                ask.fields.retain(|(name, _)| *name != header::CONTENT_TYPE);
            }
            keep_own(&mut ask.fields, &ask.url, &target);
            (ask.method, ask.url) = (method, target);
        }
    }

    /// One request with its answer, and where that leads.
    async fn once(
        &self,
        ask: &Ask,
        tally: &Mutex<Tally>,
        follows: bool,
    ) -> Result<(Response<Bytes>, Option<Url>), Fault> {
        let mut entry = self.entry(ask, lock(tally).page);
        let answered = self.answer(ask, &mut entry).await;
        let row = &mut entry.row;
        let mut target = None;
        if let Ok(response) = &answered {
            target = location(ask, response);
            row.location = target.as_ref().map_or("", Url::as_str).into();
        }
        let answered = match (&target, follows) {
            (Some(_), false) => Err(Fault::TooManyRedirections),
            _ => answered,
        };
        row.total = Some(aio::now() - row.start);
        row.outcome = match &answered {
            Ok(response) if response.status().as_u16() < 400 => FINISHED,
            Ok(_) => STATUS,
            Err(fault) => *fault as u32,
        };
        let mut tally = lock(tally);
        tally.requests += 1;
        tally.cached += u64::from(row.from == From::Cache as u32);
        tally.revalidated += u64::from(row.from == From::Revalidated as u32);
        tally.redirects += u64::from(target.is_some());
        tally.failed += u64::from(row.outcome != FINISHED);
        tally.bytes += row.layers.body[1];
        answered.map(|response| (response, target))
    }

    /// From the cache, or from a server.
    async fn answer(&self, ask: &Ask, entry: &mut Entry) -> Result<Response<Bytes>, Fault> {
        let mut head = self.head(ask).ok_or(Fault::Closed)?;
        let key = key(&ask.url);
        let caches = self.config.cache && ask.method == Method::GET && !head.headers.contains_key(header::RANGE);
        let mut known = None;
        if caches && let Some(cached) = lock(&self.state).cache.get(&key).cloned() {
            match cached.policy.before_request(&head, wall(aio::now())) {
                BeforeRequest::Fresh(_) => {
                    entry.row.from = From::Cache as u32;
                    entry.row.status = Some(u64::from(cached.head.status.as_u16()));
                    return Ok(Response::from_parts(cached.head, cached.body));
                }
                BeforeRequest::Stale { request, matches } => {
                    if matches {
                        head.headers = request.headers;
                        known = Some(cached);
                    }
                }
            }
        }
        let limit = Duration::from_nanos(self.config.timeout.ps().div_ceil(1000));
        let asking = self.ask_in_time(ask, entry, &head);
        let response = aio::timeout(limit, asking).await.unwrap_or(Err(Fault::TimedOut))?;
        if self.config.cookies {
            let fields = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|field| field.to_str().ok());
            fields.for_each(|field| lock(&self.state).jar.keep(&ask.url, field, aio::now()));
        }
        Ok(self.keep(&key, caches, known, (&head, response), entry))
    }

    /// Asks a server; once more on another connection, where one that was there already is found closed, and it does no harm (RFC 9110 §9.2.2).
    async fn ask(&self, ask: &Ask, entry: &mut Entry, head: &Parts) -> Result<Response<Bytes>, Fault> {
        let pool = self.pool(&ask.url)?;
        let first = exchange(&pool, entry, head, &ask.body).await;
        let stale = matches!(first, Err(Fault::Closed | Fault::Reset)) && entry.row.reused == Some(1);
        if !stale || entry.row.first_byte.is_some() || ask.method == Method::POST || ask.method == Method::PATCH {
            return first;
        }
        entry.again();
        exchange(&pool, entry, head, &ask.body).await
    }

    /// Asks, and where the server did not want it in early data once more behind the handshake.
    async fn ask_in_time(&self, ask: &Ask, entry: &mut Entry, head: &Parts) -> Result<Response<Bytes>, Fault> {
        let response = self.ask(ask, entry, head).await?;
        if response.status() != StatusCode::TOO_EARLY {
            return Ok(response);
        }
        // RFC 8470 §5.2: "A user agent SHOULD retry automatically, but any retries MUST NOT be sent in early data."
        entry.too_early();
        self.ask(ask, entry, head).await
    }

    /// What the cache makes of an answer.
    fn keep(
        &self,
        key: &str,
        caches: bool,
        known: Option<Cached>,
        (head, response): (&Parts, Response<Bytes>),
        entry: &mut Entry,
    ) -> Response<Bytes> {
        let now = wall(aio::now());
        if let (StatusCode::NOT_MODIFIED, Some(cached)) = (response.status(), known)
            && let AfterResponse::NotModified(policy, parts) = cached.policy.after_response(head, &response, now)
        {
            entry.row.from = From::Revalidated as u32;
            let mut updated = cached.head;
            updated.headers = parts.headers;
            let kept = Cached { policy, head: updated.clone(), body: cached.body.clone() };
            lock(&self.state).cache.insert(key.to_string(), kept);
            return Response::from_parts(updated, cached.body);
        }
        if caches {
            let policy = match lasts(&response) {
                true => CachePolicy::new_options(head, &without_end(&response), now, PRIVATE),
                false => CachePolicy::new_options(head, &response, now, PRIVATE),
            };
            if policy.is_storable() {
                let (head, body) = response.into_parts();
                let kept = Cached { policy, head: head.clone(), body: body.clone() };
                lock(&self.state).cache.insert(key.to_string(), kept);
                return Response::from_parts(head, body);
            }
            lock(&self.state).cache.remove(key);
        } else if !head.method.is_safe() && response.status().as_u16() < 400 {
            // RFC 9111 §4.4: what may have changed is not believed any more.
            lock(&self.state).cache.remove(key);
        }
        response
    }

    fn head(&self, ask: &Ask) -> Option<Parts> {
        let mut request = Request::builder().method(ask.method.clone()).uri(self::key(&ask.url));
        let headers = request.headers_mut()?;
        headers.insert(header::USER_AGENT, HeaderValue::from_static("clockwire"));
        headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
        if self.config.compress {
            headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if let Some(value) = credentials(&ask.url) {
            headers.insert(header::AUTHORIZATION, value);
        }
        for (name, value) in &ask.fields {
            headers.insert(name.clone(), value.clone());
        }
        if self.config.cookies
            && let Some(field) = lock(&self.state).jar.field(&ask.url, aio::now())
        {
            // Those of the step stand before those of the jar, in one field (RFC 6265 §5.4).
            let own = headers.get(header::COOKIE).and_then(|own| own.to_str().ok());
            let field = own.map_or(field.clone(), |own| format!("{own}; {field}"));
            headers.insert(header::COOKIE, HeaderValue::from_str(&field).ok()?);
        }
        request.body(()).ok().map(|request| request.into_parts().0)
    }

    /// The connections to an origin.
    fn pool(&self, url: &Url) -> Result<Origins, Fault> {
        let (Some(name), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return Err(Fault::NoSuchName);
        };
        let secure = url.scheme() == "https";
        let mut state = lock(&self.state);
        let pool = state.pools.entry((secure, name.to_string(), port)).or_insert_with(|| {
            // The address is found each time that a connection is opened.
            let origin = Origin { name: name.to_string(), address: Ipv4Addr::UNSPECIFIED, port, secure };
            let speaks = if secure && self.config.http2 { Speaks::Agreed } else { Speaks::One };
            let manner = Manner { speaks, kept: true, connections: self.config.connections };
            Pool::new(manner, self.dialer.clone(), origin, &self.opened)
        });
        Ok(pool.clone())
    }

    /// Nothing is asked for any more.
    pub fn close(&self) {
        let pools: Vec<Origins> = lock(&self.state).pools.values().cloned().collect();
        pools.iter().for_each(|pool| pool.close());
    }

    fn entry(&self, ask: &Ask, page: u64) -> Entry {
        let method = METHODS.iter().position(|method| *method == ask.method.as_str()).unwrap_or_default();
        let row = BrowseRow {
            flow: self.flow,
            workload: self.flow,
            page,
            number: self.number.fetch_add(1, Ordering::Relaxed) + 1,
            start: aio::now(),
            method: method as u32,
            url: key(&ask.url).into(),
            from: From::Network as u32,
            queued: None,
            dns: None,
            source: None,
            connect: None,
            tls: None,
            first_byte: None,
            total: None,
            status: None,
            location: "".into(),
            protocol: None,
            connection: None,
            reused: None,
            secured: 0,
            outcome: RUNNING,
            layers: Layers::default(),
        };
        Entry::new(row, &self.said)
    }
}

/// What a resource is asked for by and kept under: its URL without the fragment, which stays with the browser, and without user and password, which
/// go into a field of their own (RFC 9110 §4.2.4, RFC 9113 §8.3.1).
pub(super) fn key(url: &Url) -> String {
    let mut url = url.clone();
    url.set_fragment(None);
    // URLs of these schemes have hosts, so that neither is refused.
    let _ = (url.set_username(""), url.set_password(None));
    url.into()
}

/// User and password of a URL, as `Authorization: Basic` has them (RFC 7617 §2).
fn credentials(url: &Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut both = decoded(url.username());
    both.push(b':');
    both.extend(decoded(url.password().unwrap_or_default()));
    HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(both))).ok()
}

/// The bytes that stand for themselves, or behind `%` in two digits (RFC 3986 §2.1).
fn decoded(text: &str) -> Vec<u8> {
    let (mut out, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = digits.filter(|_| byte == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    out
}

/// Leaves what says who asks with its own origin (RFC 9110 §15.4; Fetch, «HTTP-redirect fetch»).
pub(super) fn keep_own(fields: &mut Vec<(HeaderName, HeaderValue)>, from: &Url, to: &Url) {
    if from.origin() != to.origin() {
        let personal = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE];
        fields.retain(|(name, _)| !personal.contains(name));
    }
}

/// Where an answer leads, as seen from what was asked for.
fn location(ask: &Ask, response: &Response<Bytes>) -> Option<Url> {
    let leads = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
    let target = response.headers().get(header::LOCATION).filter(|_| leads)?;
    ask.url.join(target.to_str().ok()?).ok().filter(|url| matches!(url.scheme(), "http" | "https"))
}

/// Whether it is a redirection for good that does not say how long it holds. RFC 9110 §15.1 calls 301 and 308 heuristically cacheable; Chromium
/// (`HttpResponseHeaders::GetFreshnessLifetimes`) and Firefox (`nsHttpResponseHead::ComputeFreshnessLifetime`) keep them without end.
fn lasts(response: &Response<Bytes>) -> bool {
    let fields = response.headers().get_all(header::CACHE_CONTROL).iter().filter_map(|field| field.to_str().ok());
    let mut words = fields.flat_map(|field| field.split(',')).map(|word| word.trim().to_ascii_lowercase());
    let says = words.any(|word| ["max-age", "no-cache", "no-store"].iter().any(|known| word.starts_with(known)));
    matches!(response.status().as_u16(), 301 | 308) && !says && !response.headers().contains_key(header::EXPIRES)
}

/// A head as the cache is to understand it: no simulation lasts for a century.
fn without_end(response: &Response<Bytes>) -> Response<()> {
    let mut told = Response::new(());
    (*told.status_mut(), *told.headers_mut()) = (response.status(), response.headers().clone());
    told.headers_mut().append(header::CACHE_CONTROL, HeaderValue::from_static("max-age=3155760000"));
    told
}

/// A body as it was before it was compressed.
fn inflated(head: &response::Parts, body: Bytes) -> Result<Bytes, Fault> {
    if head.headers.get(header::CONTENT_ENCODING).is_none_or(|coding| coding != "gzip") || body.is_empty() {
        return Ok(body);
    }
    let mut out = Vec::new();
    GzDecoder::new(&body[..]).take(INFLATED_MAX).read_to_end(&mut out).map_err(|_| Fault::Closed)?;
    Ok(out.into())
}

/// A pause, where there is one.
pub(super) async fn pause(span: Span) {
    if span > Span::ZERO {
        aio::sleep_until(aio::now() + span).await;
    }
}
