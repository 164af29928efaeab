//! `/items`: a collection and its members, as REST has them: resources with representations, JSON and XML, and methods that mean what RFC 9110 says.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use serde::Serialize;
use sim_core::{Time, stable_hash};

use super::pages::{Validators, other_method, plain, set, weights};
use crate::aio::dates::seconds;
use crate::rpc::model::Item;

/// Items on a page of the collection, where the request does not say.
const PAGE_SIZE: usize = 20;
/// The most items on a page of the collection.
const PAGE_MAX: usize = 1000;

/// The collection.
pub(super) struct Items {
    items: BTreeMap<i64, (Item, Time)>,
    /// The number of the next one that is posted; none once there is none left.
    next: Option<i64>,
}

/// How an item is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Media {
    Json,
    Xml,
}

impl Media {
    fn name(self) -> &'static str {
        match self {
            Media::Json => "application/json",
            Media::Xml => "application/xml",
        }
    }

    /// The one that a request likes best (RFC 9110 §12.5.1); JSON where it likes both equally.
    fn wanted(headers: &HeaderMap) -> Option<Media> {
        let fields: Vec<&str> =
            headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
        if fields.is_empty() {
            return Some(Media::Json);
        }
        let weight = |media: Media| {
            // The most specific range counts.
            let fits = |range: &str| match range {
                _ if range.eq_ignore_ascii_case(media.name()) => 3,
                "application/*" => 2,
                "*/*" => 1,
                _ => 0,
            };
            let ranges = weights(fields.iter().copied()).map(|(range, weight)| (fits(range), weight));
            ranges.filter(|(fit, _)| *fit > 0).max_by_key(|(fit, _)| *fit).map_or(0, |(_, weight)| weight)
        };
        let (json, xml) = (weight(Media::Json), weight(Media::Xml));
        match json.max(xml) {
            0 => None,
            _ if json >= xml => Some(Media::Json),
            _ => Some(Media::Xml),
        }
    }

    /// What a request's body is, where it is one of the two.
    fn of_body(headers: &HeaderMap) -> Option<Media> {
        let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        // RFC 9110 §8.3.1: "The type and subtype tokens are case-insensitive."
        match text.split(';').next()?.trim().to_ascii_lowercase().as_str() {
            "application/json" | "application/merge-patch+json" => Some(Media::Json),
            "application/xml" | "text/xml" => Some(Media::Xml),
            _ => None,
        }
    }

    fn write(self, name: &str, value: &impl Serialize) -> Bytes {
        match self {
            Media::Json => serde_json::to_vec(value).expect("items are JSON").into(),
            Media::Xml => quick_xml::se::to_string_with_root(name, value).expect("items are XML").into(),
        }
    }

    fn read(self, body: &[u8]) -> Option<Item> {
        match self {
            Media::Json => serde_json::from_slice(body).ok(),
            Media::Xml => quick_xml::de::from_reader(body).ok(),
        }
    }
}

/// A page of the collection.
#[derive(Serialize)]
struct List<'a> {
    item: Vec<&'a Item>,
}

/// What is not done.
struct Refusal {
    status: StatusCode,
    /// The tag of what is there, where that is why.
    etag: Option<String>,
}

impl From<StatusCode> for Refusal {
    fn from(status: StatusCode) -> Refusal {
        Refusal { status, etag: None }
    }
}

impl Refusal {
    fn answer(self) -> Response<Bytes> {
        let mut response = plain(self.status);
        if let Some(etag) = &self.etag {
            set(&mut response, header::ETAG, etag);
        }
        if self.status == StatusCode::NOT_MODIFIED {
            // RFC 9110 §15.4.5: of the fields "that would have been sent in a 200 (OK) response to the same request", Vary is one.
            set(&mut response, header::VARY, "accept");
        }
        response
    }
}

impl Items {
    /// So many samples.
    pub fn new(count: u64) -> Items {
        let items = (1..=count as i64).map(|id| (id, (Item::sample(id), Time::ZERO)));
        Items { items: items.collect(), next: Some(count as i64 + 1) }
    }

    /// The answer to a request for the collection or a member; none where the path is neither.
    pub fn answer(&mut self, request: &Parts, body: &[u8], now: Time) -> Option<Response<Bytes>> {
        let rest = request.uri.path().strip_prefix("/items")?;
        match rest.strip_prefix('/') {
            None if rest.is_empty() => Some(self.collection(request, body, now)),
            Some(id) => match number(id) {
                Some(id) => Some(self.member(request, id, body, now).unwrap_or_else(Refusal::answer)),
                None => Some(plain(StatusCode::NOT_FOUND)),
            },
            None => None,
        }
    }

    fn collection(&mut self, request: &Parts, body: &[u8], now: Time) -> Response<Bytes> {
        match request.method {
            Method::GET | Method::HEAD => {
                let Some(media) = Media::wanted(&request.headers) else { return plain(StatusCode::NOT_ACCEPTABLE) };
                let (mut page, mut size) = (0, PAGE_SIZE);
                for (name, value) in form_urlencoded(request.uri.query().unwrap_or_default()) {
                    match (name.as_str(), value.parse::<usize>()) {
                        ("page", Ok(number)) => page = number,
                        ("size", Ok(number)) if (1..=PAGE_MAX).contains(&number) => size = number,
                        _ => return plain(StatusCode::BAD_REQUEST),
                    }
                }
                let item: Vec<&Item> =
                    self.items.values().skip(page.saturating_mul(size)).take(size).map(|(item, _)| item).collect();
                let bytes = match media {
                    Media::Json => media.write("items", &item),
                    Media::Xml => media.write("items", &List { item }),
                };
                represented(media, bytes)
            }
            Method::POST => {
                let (media, mut item) = match read(request, body) {
                    Ok(read) => read,
                    Err(status) => return plain(status),
                };
                // RFC 4918 §11.5: "unable to store the representation needed to successfully complete the request".
                let Some(next) = self.next else { return plain(StatusCode::INSUFFICIENT_STORAGE) };
                item.id = next;
                self.next = next.checked_add(1);
                let mut response = member(media, &item);
                *response.status_mut() = StatusCode::CREATED;
                set(&mut response, header::LOCATION, &format!("/items/{}", item.id));
                self.items.insert(item.id, (item, now));
                response
            }
            _ => other_method(&request.method, "GET, HEAD, POST, OPTIONS"),
        }
    }

    /// RFC 9110 §13.2.1: "A server MUST ignore all received preconditions if its response to the same request without those conditions, prior to
    /// processing the request content, would have been a status code other than a 2xx (Successful) or 412 (Precondition Failed)."
    fn member(&mut self, request: &Parts, id: i64, body: &[u8], now: Time) -> Result<Response<Bytes>, Refusal> {
        let (headers, known) = (&request.headers, self.items.get(&id).cloned());
        match (&request.method, &known) {
            (&Method::GET | &Method::HEAD, Some((item, _))) => {
                let media = Media::wanted(headers).ok_or(StatusCode::NOT_ACCEPTABLE)?;
                preconditions(request, known.as_ref())?;
                Ok(member(media, item))
            }
            (&Method::PUT, _) => {
                let media = Media::of_body(headers).ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
                preconditions(request, known.as_ref())?;
                let item = media.read(body).ok_or(StatusCode::BAD_REQUEST)?;
                let item = Item { id, ..item };
                let mut response = member(media, &item);
                if known.is_none() {
                    *response.status_mut() = StatusCode::CREATED;
                    set(&mut response, header::LOCATION, &format!("/items/{id}"));
                    self.next = self.next.and_then(|next| Some(next.max(id.checked_add(1)?)));
                }
                self.items.insert(id, (item, now));
                Ok(response)
            }
            (&Method::PATCH, Some((item, _))) => {
                if Media::of_body(headers) != Some(Media::Json) {
                    return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE.into());
                }
                preconditions(request, known.as_ref())?;
                Ok(self.patch(item, body, now))
            }
            (&Method::DELETE, Some(_)) => {
                preconditions(request, known.as_ref())?;
                self.items.remove(&id);
                Ok(plain(StatusCode::NO_CONTENT))
            }
            (&Method::GET | &Method::HEAD | &Method::PATCH | &Method::DELETE, None) => {
                Err(StatusCode::NOT_FOUND.into())
            }
            _ => Ok(other_method(&request.method, "GET, HEAD, PUT, PATCH, DELETE, OPTIONS")),
        }
    }

    /// RFC 7396: what is in the patch replaces what is there.
    fn patch(&mut self, item: &Item, body: &[u8], now: Time) -> Response<Bytes> {
        let id = item.id;
        let (Ok(serde_json::Value::Object(patch)), Ok(serde_json::Value::Object(mut whole))) =
            (serde_json::from_slice(body), serde_json::to_value(item))
        else {
            return plain(StatusCode::BAD_REQUEST);
        };
        for (name, value) in patch {
            match value.is_null() {
                true => whole.remove(&name),
                false => whole.insert(name, value),
            };
        }
        // An item without one of its members, or with a strange one, is none.
        match serde_json::from_value::<Item>(whole.into()) {
            Ok(item) if item.id == id => {
                let response = member(Media::Json, &item);
                self.items.insert(id, (item, now));
                response
            }
            _ => plain(StatusCode::BAD_REQUEST),
        }
    }
}

/// The number of a member as its path writes it, in one way alone: digits, of which the first is not zero.
fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    text.parse().ok().filter(|_| plain)
}

/// What preconditions say against what is there (RFC 9110 §13.1); `If-Match: *` asks for anything at all.
fn preconditions(request: &Parts, known: Option<&(Item, Time)>) -> Result<(), Refusal> {
    let Some((item, modified)) = known else {
        let asks = request.headers.contains_key(header::IF_MATCH);
        return if asks { Err(StatusCode::PRECONDITION_FAILED.into()) } else { Ok(()) };
    };
    let etag = asked_tag(request, item);
    let failed = Validators { etag: &etag, modified: seconds(*modified) }.check(request);
    failed.map_or(Ok(()), |status| Err(Refusal { status, etag: Some(etag) }))
}

/// The item in a request's body.
fn read(request: &Parts, body: &[u8]) -> Result<(Media, Item), StatusCode> {
    let media = Media::of_body(&request.headers).ok_or(StatusCode::UNSUPPORTED_MEDIA_TYPE)?;
    media.read(body).map(|item| (media, item)).ok_or(StatusCode::BAD_REQUEST)
}

/// Names and values of a query or a form.
pub(super) fn form_urlencoded(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}

fn member(media: Media, item: &Item) -> Response<Bytes> {
    let mut response = represented(media, media.write("item", item));
    set(&mut response, header::ETAG, &tag(item, media));
    response
}

fn represented(media: Media, bytes: Bytes) -> Response<Bytes> {
    let mut response = Response::new(bytes);
    set(&mut response, header::CONTENT_TYPE, media.name());
    set(&mut response, header::VARY, "accept");
    response
}

/// The tag of one of an item's representations: each has its own (RFC 9110 §8.8.3).
fn tag(item: &Item, media: Media) -> String {
    format!("\"{:016x}\"", stable_hash(&media.write("item", item)))
}

/// The tag that a request's preconditions are about: that of the representation that it would get, or that it has.
fn asked_tag(request: &Parts, item: &Item) -> String {
    let xml = tag(item, Media::Xml);
    let has = request
        .headers
        .get(header::IF_MATCH)
        .and_then(|tags| tags.to_str().ok())
        .is_some_and(|tags| tags.contains(&xml));
    if has || Media::wanted(&request.headers) == Some(Media::Xml) { xml } else { tag(item, Media::Json) }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    // tests: RFC 9110 §15.4.5
    #[test]
    fn what_has_not_changed_says_what_it_depends_on() {
        let mut items = Items::new(1);
        let mut asked = |fields: &[(&str, &str)]| {
            let request =
                fields.iter().fold(Request::get("/items/1"), |request, (name, value)| request.header(*name, *value));
            let (head, ()) = request.body(()).expect("all of it is written here").into_parts();
            let response = items.answer(&head, b"", Time::ZERO).expect("it is an item");
            let field = |name| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string);
            (response.status().as_u16(), field(header::VARY), field(header::ETAG))
        };
        for accept in ["application/json", "application/xml"] {
            let (status, vary, etag) = asked(&[("accept", accept)]);
            assert_eq!((status, vary.as_deref()), (200, Some("accept")));
            let tag = etag.clone().expect("it has a tag");
            assert_eq!(asked(&[("accept", accept), ("if-none-match", &tag)]), (304, vary, etag), "{accept}");
        }
    }
}
