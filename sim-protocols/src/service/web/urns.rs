//! Names that do not say where things are: `/uri-res/N2L?urn:…` leads to the URL, `/uri-res/N2R?urn:…` gives the thing itself (RFC 2169, the convention
//! for URNs over HTTP; names by RFC 8141).

use std::collections::BTreeMap;

use bytes::Bytes;
use http::header;
use http::request::Parts;
use http::{Method, Response, StatusCode, Version};

use super::pages::{other_method, plain, set};
use crate::rpc::urn::Urn;

const LEADS: &str = "/uri-res/N2L";
const GIVES: &str = "/uri-res/N2R";
const ALLOW: &str = "GET, HEAD, OPTIONS";

/// Where the things are, by the names' forms in which they are compared.
pub(super) struct Urns(BTreeMap<String, String>);

/// What the server does with a request for a name.
pub(super) enum Found<'a> {
    /// It answers this.
    Answer(Response<Bytes>),
    /// It answers as if it had been asked for this.
    At(&'a str),
}

/// A line of a file, `urn:example:start /`: the name, and where the thing is.
///
/// # Errors
/// Why it is none.
pub(super) fn parse(text: &str) -> Result<(String, String), String> {
    let form = || format!("`{text}` is not as in `urn:example:start /`");
    let (name, place) = text.split_once(' ').ok_or_else(form)?;
    let name: Urn = name.parse().map_err(|why| format!("`{name}` is no URN: {why}"))?;
    let place = place.trim();
    // RFC 8141 §3.1: components do not count as names are compared.
    let plain = name.r.is_none() && name.q.is_none() && name.f.is_none();
    let known = place.starts_with('/') || place.starts_with("http://") || place.starts_with("https://");
    if plain && known && !place.contains(' ') { Ok((name.assigned_name(), place.into())) } else { Err(form()) }
}

impl Urns {
    pub fn new(lines: &[String]) -> Urns {
        Urns(lines.iter().filter_map(|line| parse(line).ok()).collect())
    }

    /// What becomes of a request; `None` where it asks for no name.
    pub fn find(&self, head: &Parts) -> Option<Found<'_>> {
        let path = head.uri.path();
        if self.0.is_empty() || path != LEADS && path != GIVES {
            return None;
        }
        if head.method != Method::GET && head.method != Method::HEAD {
            return Some(Found::Answer(other_method(&head.method, ALLOW)));
        }
        // RFC 2169 §2: the name is the question, its escapes as they are; names that are the same give the same.
        let Ok(name) = head.uri.query().unwrap_or_default().parse::<Urn>() else {
            return Some(Found::Answer(plain(StatusCode::BAD_REQUEST)));
        };
        let Some(place) = self.0.get(&name.assigned_name()) else {
            return Some(Found::Answer(plain(StatusCode::NOT_FOUND)));
        };
        if path == GIVES && place.starts_with('/') {
            return Some(Found::At(place));
        }
        // RFC 2169 §3.1: 303 for clients of HTTP/1.1, 302 for those of HTTP/1.0.
        let status = if head.version == Version::HTTP_10 { StatusCode::FOUND } else { StatusCode::SEE_OTHER };
        let mut response = plain(status);
        set(&mut response, header::LOCATION, place);
        Some(Found::Answer(response))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_names_and_places() {
        assert_eq!(parse("URN:Example:a%2f /b"), Ok(("urn:example:a%2F".into(), "/b".into())));
        assert_eq!(parse("urn:example:a https://b.test/").map(|found| found.1), Ok("https://b.test/".into()));
        for wrong in ["urn:example:a", "urn:x:a /b", "urn:example:a b", "urn:example:a?=q /b", "name /b"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_old_client_is_led_by_its_own_status() {
        let urns = Urns::new(&["urn:example:a /b".into()]);
        for (version, status) in [(Version::HTTP_10, 302), (Version::HTTP_11, 303), (Version::HTTP_2, 303)] {
            let request =
                http::Request::get("/uri-res/N2L?urn:example:a").version(version).body(()).expect("a request");
            let Some(Found::Answer(answer)) = urns.find(&request.into_parts().0) else { panic!("no answer") };
            assert_eq!(answer.status().as_u16(), status);
            assert_eq!(answer.headers()[header::LOCATION], "/b");
        }
    }
}
