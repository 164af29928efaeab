//! `ping`: ICMP echo requests.

use sim_core::{Size, Span, Time};

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
    pub(super) fn check(&self) -> Result<(), String> {
        match () {
            _ if self.every == Span::ZERO => Err("requests without a time between them never end".into()),
            _ if self.count == Some(0) => Err("zero requests do nothing".into()),
            _ if self.size.bytes() > 65_507 => Err("an echo request carries 65507 B at most".into()),
            _ if self.ttl == 0 => Err("a time to live of zero reaches nobody".into()),
            _ => Ok(()),
        }
    }
}
