//! The bytes of pages: the same for the same path and version, about as compressible as what they stand for.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use sim_core::stable_hash;

use super::{PageConfig, PageKind};

/// What a body is cut into where it does not say how long it is.
const CHUNK: usize = 16 << 10;

/// The body of an answer of HTTP/1.1.
pub(super) struct Answer {
    left: Bytes,
    chunked: bool,
}

impl Answer {
    /// One that leaves as it is, or in chunks (RFC 9112 §7.1).
    pub fn new(bytes: Bytes, chunked: bool) -> Answer {
        Answer { left: bytes, chunked }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let most = if self.chunked { CHUNK } else { usize::MAX };
        let part = self.left.len().min(most);
        Poll::Ready((part > 0).then(|| Ok(Frame::data(self.left.split_to(part)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.chunked { SizeHint::default() } else { SizeHint::with_exact(self.left.len() as u64) }
    }
}

/// Words of which text is made; with repetition, gzip makes a third of it, as of prose.
const WORDS: [&str; 64] = [
    "packet", "window", "router", "segment", "buffer", "delay", "stream", "header", "socket", "client", "server",
    "answer", "round", "trip", "queue", "rate", "loss", "timer", "probe", "host", "link", "route", "frame", "label",
    "cache", "record", "query", "reply", "field", "value", "method", "status", "range", "cookie", "session", "token",
    "origin", "path", "name", "zone", "port", "flag", "sequence", "number", "option", "the", "of", "and", "to", "in",
    "is", "for", "with", "as", "by", "at", "from", "or", "an", "that", "each", "not", "all", "before",
];

/// A page's bytes in one of its versions.
pub(super) fn bytes(page: &PageConfig, version: u64) -> Vec<u8> {
    let mut noise = Noise(stable_hash(format!("{} {version}", page.path).as_bytes()));
    let size = page.size.bytes() as usize;
    match page.kind() {
        PageKind::Html | PageKind::ByPath => html(page, version, size, &mut noise),
        PageKind::Css => between("/* ", &mut noise, " */\n", size),
        PageKind::Script => between("// ", &mut noise, "\n", size),
        PageKind::Text => between("", &mut noise, "\n", size),
        PageKind::Image => (0..size).map(|_| noise.next() as u8).collect(),
    }
}

/// A page of HTML that is well-formed XML, too.
fn html(page: &PageConfig, version: u64, size: usize, noise: &mut Noise) -> Vec<u8> {
    let mut text = format!("<!DOCTYPE html>\n<html><head><title>{} {version}</title>\n", escaped(&page.path));
    let ending = |url: &str, endings: &[&str]| {
        let path = url.split(['?', '#']).next().unwrap_or_default();
        endings.iter().any(|ending| path.ends_with(ending))
    };
    let mut images = String::new();
    for url in &page.holds {
        let attribute = escaped(url);
        match () {
            _ if ending(url, &[".css"]) => text += &format!("<link rel=\"stylesheet\" href=\"{attribute}\"/>\n"),
            _ if ending(url, &[".js", ".mjs"]) => text += &format!("<script src=\"{attribute}\"></script>\n"),
            _ => images += &format!("<img src=\"{attribute}\" alt=\"\"/>\n"),
        }
    }
    text += &format!("</head><body>\n{images}<p>");
    const END: &str = "</p>\n</body></html>\n";
    let room = size.saturating_sub(text.len() + END.len());
    let mut bytes = text.into_bytes();
    bytes.extend(between("", noise, "", room));
    bytes.extend(END.as_bytes());
    bytes
}

/// Text of so many bytes between two others.
fn between(begin: &str, noise: &mut Noise, end: &str, size: usize) -> Vec<u8> {
    let mut text = begin.to_string();
    let until = size.saturating_sub(end.len());
    while text.len() < until {
        // Small numbers are more frequent: words of prose are not equally so.
        let (a, b) = (noise.next() % 64, noise.next() % 64);
        text += WORDS[a.min(b) as usize];
        text.push(' ');
    }
    text.truncate(until);
    text += end;
    let mut bytes = text.into_bytes();
    bytes.truncate(size);
    bytes
}

/// What stands in an attribute or a text of XML.
fn escaped(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// SplitMix64: noise that is no chance, for it depends on the page alone.
struct Noise(u64);

impl Noise {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        stable_hash(&self.0.to_le_bytes())
    }
}

/// What a page holds, as a browser finds it: style sheets, scripts and images, in this order of the text.
pub(crate) fn held(page: &[u8]) -> Vec<String> {
    let mut found = Vec::new();
    let mut reader = quick_xml::Reader::from_reader(page);
    let mut buffer = Vec::new();
    loop {
        buffer.clear();
        let element = match reader.read_event_into(&mut buffer) {
            Ok(quick_xml::events::Event::Start(element) | quick_xml::events::Event::Empty(element)) => element,
            Ok(quick_xml::events::Event::Eof) | Err(_) => return found,
            Ok(_) => continue,
        };
        let attribute = match element.name().as_ref() {
            "link" => "href",
            "script" | "img" => "src",
            _ => continue,
        };
        let value = element.try_get_attribute(attribute).ok().flatten();
        found.extend(
            value.and_then(|value| Some(value.normalized_value(quick_xml::XmlVersion::Implicit1_0).ok()?.into_owned())),
        );
    }
}
