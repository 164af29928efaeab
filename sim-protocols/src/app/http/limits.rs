//! What a server takes: sizes of requests, connections at a time, and how long it waits.

use http::{HeaderMap, StatusCode, Uri};
use sim_core::{Params, Size};

use crate::app::timeouts::Timeouts;

/// The most that hyper is asked to hold of a request's head: its own default is about as much.
const HEAD_MAX: u64 = 400 << 10;

/// A server's limits.
#[derive(Clone, PartialEq, Debug)]
pub struct Limits {
    /// The largest body; beyond: 413. Default: 1 MiB, that of nginx (`client_max_body_size`).
    pub body: Size,
    /// The largest field of a request's head, its name and the line's end included; beyond: 431 (RFC 6585 §5). Default: 8 KiB, the size of nginx's
    /// `large_client_header_buffers`, which answers 400 however.
    pub header: Size,
    /// The longest target of a request; beyond: 414 (RFC 9110 §15.5.15). Default: 8 KiB, as nginx.
    pub url: Size,
    /// Connections at a time; those beyond wait to be accepted. Default: without bound.
    pub connections: Option<u64>,
    /// Connections that wait to be accepted; a SYN beyond is dropped. Default: 511, nginx's `listen(2)`.
    pub backlog: u64,
    /// How long it waits for a client.
    pub timeouts: Timeouts,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            body: Size::from_bytes(1 << 20),
            header: Size::from_bytes(8 << 10),
            url: Size::from_bytes(8 << 10),
            connections: None,
            backlog: 511,
            timeouts: Timeouts::default(),
        }
    }
}

impl Limits {
    pub(super) fn read(params: &mut dyn Params) -> Limits {
        let default = Limits::default();
        let body = params.size("body_limit", Some(default.body), "the largest body that the server takes; beyond: 413");
        let help = "the largest field of a head that the server takes; beyond: 431";
        let header = params.size("header_limit", Some(default.header), help);
        let url = params.size("url_limit", Some(default.url), "the longest target that the server takes; beyond: 414");
        let help =
            "connections that the server has at a time, others wait to be accepted; without bound when not given";
        let given = params.given("connections_limit");
        let connections = given.then(|| params.count("connections_limit", None, 1..=1_000_000, help));
        let help = "connections that wait to be accepted; a SYN beyond is dropped";
        let backlog = params.count("backlog", Some(default.backlog), 0..=65_535, help);
        let timeouts = Timeouts::read(params);
        Limits { body, header, url, connections, backlog, timeouts }
    }

    /// The status for a request that is too large somewhere.
    pub(super) fn refuse(&self, uri: &Uri, fields: &HeaderMap, length: Option<u64>) -> Option<StatusCode> {
        let target = uri.path_and_query().map_or(0, |target| target.as_str().len() as u64);
        // `name: value` and the end of the line.
        let too_long = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().len() + value.len() + 4) as u64 > self.header.bytes()
        };
        match () {
            _ if target > self.url.bytes() => Some(StatusCode::URI_TOO_LONG),
            _ if fields.iter().any(too_long) => Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE),
            _ if length.is_some_and(|length| length > self.body.bytes()) => Some(StatusCode::PAYLOAD_TOO_LARGE),
            _ => None,
        }
    }

    /// What hyper may hold of a head: beyond, it answers 431 and closes by itself.
    pub(super) fn buffer(&self) -> usize {
        let wanted = self.header.bytes() + self.url.bytes() + (8 << 10);
        usize::try_from(wanted.max(HEAD_MAX)).unwrap_or(usize::MAX)
    }
}
