//! `request`: requests and responses with think time.

use sim_core::{Size, Span, Time};

use super::values::{Closing, Connections, SpanDist};

/// Parameters of a request/response exchange.
#[derive(Clone, PartialEq, Debug)]
pub struct RequestConfig {
    /// Bytes of a request. Default: 100 B.
    pub request: Size,
    /// Bytes of a response. Default: 1000 B.
    pub response: Size,
    /// How many requests. Default: without end.
    pub count: Option<u64>,
    /// From the end of one (with its connection, where each has its own) to the next. Default: none.
    pub think: SpanDist,
    /// From the request's last byte to the response's first. Default: none.
    pub service: SpanDist,
    /// How requests use connections. Default: one for all.
    pub connections: Connections,
    /// Who closes first. Default: the client.
    pub close: Closing,
    /// No request starts from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for RequestConfig {
    fn default() -> RequestConfig {
        RequestConfig {
            request: Size::from_bytes(100),
            response: Size::from_bytes(1000),
            count: None,
            think: SpanDist::Fixed(Span::ZERO),
            service: SpanDist::Fixed(Span::ZERO),
            connections: Connections::default(),
            close: Closing::default(),
            stop: None,
        }
    }
}

impl RequestConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        match () {
            _ if self.request.bytes() == 0 => Err("a request of zero bytes is never seen".into()),
            _ if self.response.bytes() == 0 => Err("a response of zero bytes is never seen".into()),
            _ if self.count == Some(0) => Err("zero requests do nothing".into()),
            _ => Ok(()),
        }
    }
}
