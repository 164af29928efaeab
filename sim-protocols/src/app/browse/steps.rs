//! Steps as they are written: `get https://www.shop.test/`, `put http://api/items/7 | content-type: application/json | {"id":7,…}`.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method};
use sim_core::Rng;
use url::Url;

/// Fields that belong to the message's way and not to what is asked for: who sends it sets them, and HTTP/2 has none of them (RFC 9113 §8.2.2).
const OF_THE_LIBRARY: [HeaderName; 8] = [
    http::header::HOST,
    http::header::CONNECTION,
    http::header::CONTENT_LENGTH,
    http::header::EXPECT,
    http::header::TE,
    http::header::TRAILER,
    http::header::TRANSFER_ENCODING,
    http::header::UPGRADE,
];

/// One step: a request, and all that follows from it.
#[derive(Clone, PartialEq, Debug)]
pub struct Step {
    /// The method.
    pub method: Method,
    /// The URL, in which `{a..b}` stands for a number of this range, drawn anew each time, and `{visit}` for the visit's number.
    pub url: String,
    /// Fields that the request has besides.
    pub fields: Vec<(HeaderName, HeaderValue)>,
    /// The body.
    pub body: Bytes,
}

impl Step {
    /// Reads one: a method, a URL, and between `|` fields and at the end a body.
    ///
    /// # Errors
    /// Why it is none, in words.
    pub fn parse(text: &str) -> Result<Step, String> {
        let mut parts = text.split(" | ").map(str::trim);
        let first = parts.next().unwrap_or_default();
        let (method, url) = first.split_once(' ').ok_or("it is not as in `get URL`")?;
        let method = match method.to_ascii_uppercase().as_str() {
            "GET" => Method::GET,
            "HEAD" => Method::HEAD,
            "POST" => Method::POST,
            "PUT" => Method::PUT,
            "PATCH" => Method::PATCH,
            "DELETE" => Method::DELETE,
            "OPTIONS" => Method::OPTIONS,
            other => {
                return Err(format!("`{other}` is no method; there are get, head, post, put, patch, delete, options"));
            }
        };
        let mut step = Step { method, url: url.trim().to_string(), fields: Vec::new(), body: Bytes::new() };
        let filled = step.fill(1, &mut |low, _| low)?;
        let parsed = Url::parse(&filled).map_err(|why| format!("`{filled}` is no URL: {why}"))?;
        if !matches!(parsed.scheme(), "http" | "https") || !parsed.has_host() {
            return Err("its URL begins with neither `http://` nor `https://`".into());
        }
        let rest: Vec<&str> = parts.collect();
        for (at, part) in rest.iter().enumerate() {
            match field(part) {
                // Fetch, «forbidden request-header».
                Some((name, _)) if OF_THE_LIBRARY.contains(&name) => {
                    return Err(format!("`{name}` is set by the library, or by a parameter"));
                }
                Some(field) => step.fields.push(field),
                None if at + 1 == rest.len() => step.body = Bytes::copy_from_slice(part.as_bytes()),
                None => return Err(format!("`{part}` is no field, as in `accept: application/xml`")),
            }
        }
        if !step.body.is_empty() && matches!(step.method, Method::GET | Method::HEAD) {
            return Err(format!("a {} has no body", step.method));
        }
        let typed = step.fields.iter().any(|(name, _)| *name == http::header::CONTENT_TYPE);
        if !step.body.is_empty() && !typed {
            // As curl and browsers have it for forms; otherwise by the first character.
            let kind = match step.body[0] {
                b'{' | b'[' => "application/json",
                b'<' => "application/xml",
                _ => "application/x-www-form-urlencoded",
            };
            step.fields.push((http::header::CONTENT_TYPE, HeaderValue::from_static(kind)));
        }
        Ok(step)
    }

    /// The URL for a visit.
    pub(super) fn url(&self, visit: u64, rng: &mut Rng) -> Option<Url> {
        let text = self.fill(visit, &mut |low, high| low + rng.below(high - low + 1)).ok()?;
        Url::parse(&text).ok()
    }

    /// Replaces what stands in braces.
    fn fill(&self, visit: u64, draw: &mut dyn FnMut(u64, u64) -> u64) -> Result<String, String> {
        let (mut out, mut rest) = (String::new(), self.url.as_str());
        while let Some((before, behind)) = rest.split_once('{') {
            let (inside, after) = behind.split_once('}').ok_or("a brace is not closed")?;
            let range = inside.split_once("..").and_then(|(low, high)| Some((low.parse().ok()?, high.parse().ok()?)));
            let number = match (inside, range) {
                ("visit", _) => visit,
                (_, Some((low, high))) if low <= high && high < u64::MAX => draw(low, high),
                _ => return Err(format!("`{{{inside}}}` is neither `{{visit}}` nor a range as in `{{1..100}}`")),
            };
            out += &format!("{before}{number}");
            rest = after;
        }
        out += rest;
        Ok(out)
    }
}

/// `accept: application/xml`
fn field(text: &str) -> Option<(HeaderName, HeaderValue)> {
    let (name, value) = text.split_once(": ")?;
    Some((HeaderName::from_bytes(name.trim().as_bytes()).ok()?, HeaderValue::from_str(value.trim()).ok()?))
}

#[cfg(test)]
mod tests {
    use sim_core::Streams;

    use super::*;

    #[test]
    fn steps_are_read() {
        let step = Step::parse("put http://api/items/{1..9} | accept: application/xml | {\"id\": 7}").expect("a step");
        assert_eq!((step.method.as_str(), step.fields.len(), step.body.len()), ("PUT", 2, 9));
        assert_eq!(step.fields[1].1, "application/json");
        let mut rng = Streams::new(1).open("x");
        let drawn: Vec<String> = (0..50).map(|_| step.url(1, &mut rng).expect("a URL").path().to_string()).collect();
        assert!(drawn.iter().all(|path| path.len() == 8 && path != "/items/0"), "one digit, none zero");
        assert!(drawn.iter().collect::<std::collections::BTreeSet<_>>().len() > 4);
        let login = Step::parse("post https://a/login | user=ann&password=x").expect("a step");
        assert_eq!(login.fields[0].1, "application/x-www-form-urlencoded");
        let refused = |text| Step::parse(text).expect_err("no step");
        assert_eq!(refused("get ftp://a/"), "its URL begins with neither `http://` nor `https://`");
        assert!(refused("fetch http://a/").starts_with("`FETCH` is no method"));
        assert!(refused("get http://a/{x}").starts_with("`{x}` is neither"));
        assert_eq!(refused("get http://a/ | body"), "a GET has no body");
        assert_eq!(refused("http://a/"), "it is not as in `get URL`");
    }
}
