//! `ping`: ICMP echo requests.

use sim_core::{Params, Size, Span, Time};

use super::values;

/// Parameters of a ping.
#[derive(Clone, PartialEq, Debug)]
pub struct PingConfig {
    /// From one request to the next. Default: 1 s.
    pub every: Span,
    /// How many requests. Default: without end.
    pub count: Option<u64>,
    /// Bytes behind the ICMP header. Default: 56 B, as `ping` of iputils.
    pub size: Size,
    /// Time to live. Default: 64.
    pub ttl: u8,
    /// When an answer is given up. Default: 10 s, as `ping` of iputils.
    pub timeout: Span,
    /// No request leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for PingConfig {
    fn default() -> PingConfig {
        PingConfig {
            every: Span::from_secs(1),
            count: None,
            size: Size::from_bytes(56),
            ttl: 64,
            timeout: Span::from_secs(10),
            stop: None,
        }
    }
}

impl PingConfig {
    pub(super) fn read(params: &mut dyn Params) -> PingConfig {
        let default = PingConfig::default();
        PingConfig {
            every: params.span("every", Some(default.every), "from one request to the next"),
            count: values::count(params, "how many requests; without end when not given"),
            size: params.size("size", Some(default.size), "bytes behind the ICMP header"),
            ttl: params.count("ttl", Some(u64::from(default.ttl)), 1..=255, "time to live") as u8,
            timeout: params.span("timeout", Some(default.timeout), "when an answer is given up"),
            stop: values::stop(params, "no request leaves from this moment on"),
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match () {
            _ if self.every == Span::ZERO => Err(("every", "requests without a time between them never end".into())),
            _ if self.count == Some(0) => Err(("count", "zero requests do nothing".into())),
            _ if self.size.bytes() > 65_507 => Err(("size", "an echo request carries 65507 B at most".into())),
            _ if self.ttl == 0 => Err(("ttl", "a time to live of zero reaches nobody".into())),
            _ => Ok(()),
        }
    }
}
