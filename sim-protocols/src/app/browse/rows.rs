//! The tables of browsers.

use std::sync::Arc;

use sim_core::{Column, Kind, Record, Span, Table, Time};

use crate::app::dial::Secured;
use crate::app::dial::fault::ENDINGS;
use crate::dns::Source;
use crate::host::{Layers, table};

/// Methods, in the order of their numbers.
pub(super) const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Where an answer comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(super) enum From {
    Network,
    Cache,
    Revalidated,
}

table! {
    /// Each request of a browser.
    BROWSE = "browse", "each request of a browser: URL, name, connection, TLS, answer, bytes on each layer, and what its cache had to say";
    BrowseRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        page: u64, "page", Kind::Count, "the step that it belongs to, from 1, over all visits";
        number: u64, "number", Kind::Count, "its number in the flow, from 1, in the order of their starts";
        start: Time, "start_s", Kind::Time, "when it wanted to be sent";
        method: u32, "method", Kind::Word(METHODS), "the method";
        url: Arc<str>, "url", Kind::Text, "the URL";
        from: u32, "from", Kind::Word(&["network", "cache", "revalidated"]), "where the answer comes from: a server, the cache unasked, or the cache after the server has said that nothing has changed (304)";
        queued: Option<Span>, "queued_s", Kind::Time, "until it was sent, without what it did for its own connection: it waited for a connection, or for a stream of one; where none came of the connection that it opened, until then";
        dns: Option<Span>, "dns_s", Kind::Time, "how long its name took; empty where no connection was opened";
        source: Option<u64>, "dns_source", Kind::Word(Source::WORDS), "where its address comes from";
        connect: Option<Span>, "connect_s", Kind::Time, "from the SYN until the connection was established; empty where it opened none";
        tls: Option<Span>, "tls_s", Kind::Time, "the handshake of TLS, until data could be sent";
        first_byte: Option<Span>, "first_byte_s", Kind::Time, "from sending it until the head of the answer was there";
        total: Option<Span>, "total_s", Kind::Time, "from `start` to the last byte of the answer, or to the failure; empty where the stop came first";
        status: Option<u64>, "status", Kind::Count, "the status code, of what the cache has given that of the answer kept; empty where no answer came";
        location: Arc<str>, "location", Kind::Text, "where a redirection leads";
        protocol: Option<u64>, "protocol", Kind::Word(&["http/1.1", "h2"]), "what was spoken";
        connection: Option<u64>, "connection", Kind::Count, "the number of its connection in the flow, from 1; empty where it got none";
        reused: Option<u64>, "reused", Kind::Word(&["new", "reused"]), "whether the connection was there already";
        secured: u32, "secured", Kind::Word(Secured::WORDS), "how its connection is protected: not, after a full handshake, a resumed one, or one that took early data";
        outcome: u32, "outcome", Kind::Word(ENDINGS), "how it ended; status: answered with a status of 400 or more; running: the stop came first";
        + layers: Layers
    }
}

table! {
    /// Each page that a browser has gone to.
    PAGES = "pages", "each step of a browser as a whole: how long the document took, and all that it holds; what came from the cache";
    PageRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        page: u64, "page", Kind::Count, "its number in the flow, from 1, over all visits";
        visit: u64, "visit", Kind::Count, "the visit, from 1";
        step: u64, "step", Kind::Count, "which of the steps, from 1";
        start: Time, "start_s", Kind::Time, "when it began";
        url: Arc<str>, "url", Kind::Text, "the URL that it began with";
        document: Option<Span>, "document_s", Kind::Time, "until the document was there, redirections included";
        total: Option<Span>, "total_s", Kind::Time, "until all that it holds was there, or had failed; empty where the stop came first";
        requests: u64, "requests", Kind::Count, "requests, redirections and answers from the cache included";
        cached: u64, "cached", Kind::Count, "of these answered by the cache unasked";
        revalidated: u64, "revalidated", Kind::Count, "of these answered by the cache after asking";
        redirects: u64, "redirects", Kind::Count, "of these redirections";
        failed: u64, "failed", Kind::Count, "of these without an answer, or with a status of 400 or more";
        bytes: u64, "bytes", Kind::Bytes, "bodies of answers, as they came";
        status: Option<u64>, "status", Kind::Count, "the status code of the document";
        outcome: u32, "outcome", Kind::Word(ENDINGS), "how the document ended";
    }
}
