//! `request`: requests and responses with think time.

use sim_core::{Params, Size, Span, Time};

use super::values::{self, Closing, Connections, Distribution, SpanDist};

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
    pub(super) fn read(params: &mut dyn Params) -> RequestConfig {
        let default = RequestConfig::default();
        let request = params.size("request", Some(default.request), "bytes of a request");
        let response = params.size("response", Some(default.response), "bytes of a response");
        let count = values::count(params, "how many requests; without end when not given");
        let mean = params.span("think", Some(default.think.mean()), "from the end of one request to the next");
        let think = SpanDist::new(Distribution::read(params, "think_times", "how `think` is distributed"), mean);
        let mean = params.span("service", Some(default.service.mean()), "from a request's last byte to its response");
        let service = SpanDist::new(Distribution::read(params, "service_times", "how `service` is distributed"), mean);
        let connections =
            Connections::read(params, "connections", "one connection for all requests, or a new one for each");
        let close = Closing::read(params, "close", "who closes a connection first");
        let stop = values::stop(params, "no request starts from this moment on");
        RequestConfig { request, response, count, think, service, connections, close, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let most = u64::from(u32::MAX);
        match () {
            _ if self.request.bytes() == 0 => Err(("request", "a request of zero bytes is never seen".into())),
            _ if self.response.bytes() == 0 => Err(("response", "a response of zero bytes is never seen".into())),
            _ if self.request.bytes() > most => Err(("request", "a request is shorter than 4 GiB".into())),
            _ if self.response.bytes() > most => Err(("response", "a response is shorter than 4 GiB".into())),
            _ if self.count == Some(0) => Err(("count", "zero requests do nothing".into())),
            _ => Ok(()),
        }
    }
}
