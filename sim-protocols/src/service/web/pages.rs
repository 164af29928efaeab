//! Pages: what is asked of one, and what is said about it (RFC 9110, RFC 9111).

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use sim_core::{Time, stable_hash};

use super::{PageConfig, PageKind, body};
use crate::aio::dates::{http_date, parse_http_date, seconds};
use crate::app::dial::lock;

/// nginx's `gzip_min_length` for those who set it: below, compression gains nothing.
const COMPRESS_MIN: usize = 256;
/// Methods of pages.
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// One page with its current bytes.
pub(super) struct Page {
    pub config: PageConfig,
    current: Mutex<BTreeMap<bool, Current>>,
}

/// One version in one coding.
#[derive(Clone)]
struct Current {
    version: u64,
    bytes: Bytes,
    etag: String,
}

/// An answer without a body of its own: a line of text that says what it is.
pub(super) fn plain(status: StatusCode) -> Response<Bytes> {
    let text = match status {
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED => String::new(),
        _ => format!("{} {}\n", status.as_u16(), status.canonical_reason().unwrap_or_default()),
    };
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    if !response.body().is_empty() {
        set(&mut response, header::CONTENT_TYPE, "text/plain; charset=utf-8");
    }
    response
}

/// Sets a field to a text that is known to be one.
pub(super) fn set(response: &mut Response<Bytes>, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// The answer to a method that is not there (RFC 9110 §15.5.6), or to the question which there are.
pub(super) fn other_method(method: &Method, allow: &str) -> Response<Bytes> {
    let status = if method == Method::OPTIONS { StatusCode::NO_CONTENT } else { StatusCode::METHOD_NOT_ALLOWED };
    let mut response = plain(status);
    set(&mut response, header::ALLOW, allow);
    response
}

impl Page {
    pub fn new(config: PageConfig) -> Page {
        Page { config, current: Mutex::default() }
    }

    /// The answer to a request for it.
    pub fn answer(&self, request: &Parts, compress: bool, now: Time) -> Response<Bytes> {
        if let Some(target) = &self.config.redirect {
            let status = StatusCode::from_u16(self.config.status as u16).unwrap_or(StatusCode::MOVED_PERMANENTLY);
            let mut response = plain(status);
            set(&mut response, header::LOCATION, target);
            self.caching(&mut response);
            return response;
        }
        if request.method != Method::GET && request.method != Method::HEAD {
            return other_method(&request.method, ALLOW);
        }
        let may = compress && self.config.kind() != PageKind::Image;
        let coded = may && accepts_gzip(&request.headers);
        let (current, modified) = self.current(coded, now);
        let validators = Validators { etag: &current.etag, modified };
        let mut response = match validators.check(request) {
            Some(status) => plain(status),
            None => whole_or_part(request, &current, modified),
        };
        set(&mut response, header::ETAG, &current.etag);
        set(&mut response, header::LAST_MODIFIED, &http_date(modified));
        self.caching(&mut response);
        if may {
            set(&mut response, header::VARY, "accept-encoding");
        }
        if response.status().is_success() {
            set(&mut response, header::CONTENT_TYPE, self.media());
            set(&mut response, header::ACCEPT_RANGES, "bytes");
            if current.etag.contains("-gzip") {
                set(&mut response, header::CONTENT_ENCODING, "gzip");
            }
        }
        response
    }

    /// What caches may do with it. What somebody has to be logged in for is nobody else's.
    fn caching(&self, response: &mut Response<Bytes>) {
        let mut said = Vec::new();
        if self.config.session {
            said.push("private".to_string());
        }
        if !self.config.store {
            said.push("no-store".to_string());
        }
        said.extend(self.config.max_age.map(|age| format!("max-age={}", age.ps() / 1_000_000_000_000)));
        if !said.is_empty() {
            set(response, header::CACHE_CONTROL, &said.join(", "));
        }
    }

    fn media(&self) -> &'static str {
        match self.config.kind() {
            PageKind::Css => "text/css",
            PageKind::Script => "text/javascript",
            PageKind::Text => "text/plain; charset=utf-8",
            PageKind::Image => match self.config.path.rsplit('.').next() {
                Some("jpg" | "jpeg") => "image/jpeg",
                Some("gif") => "image/gif",
                Some("webp") => "image/webp",
                Some("avif") => "image/avif",
                Some("ico") => "image/x-icon",
                _ => "image/png",
            },
            PageKind::Html | PageKind::ByPath => "text/html; charset=utf-8",
        }
    }

    /// Its present version, and since when it is that.
    fn current(&self, coded: bool, now: Time) -> (Current, u64) {
        let every = self.config.changes.map_or(u64::MAX, |every| every.ps());
        let version = now.ps() / every;
        let since = Time::from_ps(version.saturating_mul(if every == u64::MAX { 0 } else { every }));
        let mut known = lock(&self.current);
        if let Some(current) = known.get(&coded).filter(|current| current.version == version) {
            return (current.clone(), seconds(since));
        }
        let bytes = body::bytes(&self.config, version);
        let hash = stable_hash(&bytes);
        let current = match coded && bytes.len() >= COMPRESS_MIN {
            // A coding is another representation, with a tag of its own (RFC 9110 §8.8.3.3).
            true => Current { version, bytes: gzip(&bytes).into(), etag: format!("\"{hash:016x}-gzip\"") },
            false => Current { version, bytes: bytes.into(), etag: format!("\"{hash:016x}\"") },
        };
        known.insert(coded, current.clone());
        (current, seconds(since))
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(bytes).and_then(|()| out.finish()).expect("memory takes all")
}

/// RFC 9110 §12.5.3: `gzip` with another weight than zero; "the asterisk \"*\" symbol in an Accept-Encoding field matches any available content
/// coding not explicitly listed in the field".
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let weight = |wanted: &str| {
        let all = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        weights(all).find(|(coding, _)| coding.eq_ignore_ascii_case(wanted)).map(|(_, weight)| weight)
    };
    weight("gzip").or_else(|| weight("*")).is_some_and(|weight| weight > 0)
}

/// The values of a field with their weights in thousandths (RFC 9110 §12.4.2); 1000 where there is none.
pub(super) fn weights<'a>(fields: impl Iterator<Item = &'a str>) -> impl Iterator<Item = (&'a str, u32)> {
    fields.flat_map(|field| field.split(',')).map(|part| {
        let mut parts = part.split(';').map(str::trim);
        let value = parts.next().unwrap_or_default();
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        let thousandths =
            |text: &str| text.parse::<f32>().map_or(0, |weight| (weight * 1000.0).clamp(0.0, 1000.0) as u32);
        (value, weight.map_or(1000, thousandths))
    })
}

/// What tells one version of a resource from another.
pub(super) struct Validators<'a> {
    pub etag: &'a str,
    /// Since when, in seconds since 1970.
    pub modified: u64,
}

impl Validators<'_> {
    /// The preconditions of a request, in the order of RFC 9110 §13.2.2: a status where one says that it is not to be done.
    pub fn check(&self, request: &Parts) -> Option<StatusCode> {
        let text = |name| request.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let date = |name| text(name).and_then(parse_http_date);
        let reads = request.method == Method::GET || request.method == Method::HEAD;
        if let Some(tags) = text(header::IF_MATCH) {
            if !matches(tags, self.etag, true) {
                return Some(StatusCode::PRECONDITION_FAILED);
            }
        } else if date(header::IF_UNMODIFIED_SINCE).is_some_and(|limit| self.modified > limit) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
        if let Some(tags) = text(header::IF_NONE_MATCH) {
            let status = if reads { StatusCode::NOT_MODIFIED } else { StatusCode::PRECONDITION_FAILED };
            return matches(tags, self.etag, false).then_some(status);
        }
        let unchanged = reads && date(header::IF_MODIFIED_SINCE).is_some_and(|limit| self.modified <= limit);
        unchanged.then_some(StatusCode::NOT_MODIFIED)
    }
}

/// Whether one of a list of tags is this one; the strong comparison takes no weak tags (RFC 9110 §8.8.3.2).
fn matches(tags: &str, etag: &str, strong: bool) -> bool {
    tags.trim() == "*"
        || tags.split(',').map(str::trim).any(|tag| match tag.strip_prefix("W/") {
            Some(weak) => !strong && weak == etag,
            None => tag == etag,
        })
}

/// All of the bytes, or the part that was asked for (RFC 9110 §14.2).
fn whole_or_part(request: &Parts, current: &Current, modified: u64) -> Response<Bytes> {
    let length = current.bytes.len() as u64;
    let text = |name| request.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // RFC 9110 §13.1.5: a part of another version is of no use.
    let same = text(header::IF_RANGE).is_none_or(|range| match range.starts_with(['"', 'W']) {
        true => range == current.etag,
        false => range == http_date(modified),
    });
    let range =
        text(header::RANGE).filter(|_| same && request.method == Method::GET).and_then(|range| asked(range, length));
    match range {
        None => Response::new(current.bytes.clone()),
        Some(Ok((first, last))) => {
            let mut response = Response::new(current.bytes.slice(first as usize..=last as usize));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            set(&mut response, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            response
        }
        Some(Err(())) => {
            let mut response = plain(StatusCode::RANGE_NOT_SATISFIABLE);
            set(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            response
        }
    }
}

/// The first and the last byte that are asked for, or that there are none such. Several ranges are answered with the whole, as a server may.
fn asked(range: &str, length: u64) -> Option<Result<(u64, u64), ()>> {
    // RFC 9110 §14.1: "Range units ... are case-insensitive".
    let (_, set) = range.trim().split_once('=').filter(|(unit, _)| unit.eq_ignore_ascii_case("bytes"))?;
    let (first, last) = set.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if last.contains(',') {
        return None;
    }
    let (first, last) = match (first, last) {
        ("", suffix) => {
            let suffix: u64 = suffix.parse().ok()?;
            if suffix == 0 || length == 0 {
                return Some(Err(()));
            }
            (length.saturating_sub(suffix), length - 1)
        }
        (first, "") => (first.parse().ok()?, length.saturating_sub(1)),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(length.saturating_sub(1))),
    };
    match first {
        first if first >= length => Some(Err(())),
        first if first > last => None,
        first => Some(Ok((first, last))),
    }
}
