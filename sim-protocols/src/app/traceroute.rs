//! `traceroute`: UDP probes with a rising time to live.

use sim_core::{Params, Size, Span};

/// Parameters of a traceroute.
#[derive(Clone, PartialEq, Debug)]
pub struct TracerouteConfig {
    /// The last time to live that is tried. Default: 30.
    pub hops_max: u8,
    /// Probes for each time to live. Default: 3.
    pub probes: u8,
    /// When a probe's answer is given up. Default: 1 s.
    pub timeout: Span,
    /// The destination port of the first probe; each has the next one. Default: 33434.
    pub first_port: u16,
    /// Bytes of payload. Default: 32 B.
    pub size: Size,
    /// From the end of one trace to the next. Default: one trace alone.
    pub every: Option<Span>,
}

impl Default for TracerouteConfig {
    fn default() -> TracerouteConfig {
        TracerouteConfig {
            hops_max: 30,
            probes: 3,
            timeout: Span::from_secs(1),
            first_port: 33_434,
            size: Size::from_bytes(32),
            every: None,
        }
    }
}

impl TracerouteConfig {
    pub(super) fn read(params: &mut dyn Params) -> TracerouteConfig {
        let default = TracerouteConfig::default();
        let port = u64::from(default.first_port);
        TracerouteConfig {
            hops_max: params.count("hops_max", Some(default.hops_max.into()), 1..=255, "the last time to live tried")
                as u8,
            probes: params.count("probes", Some(default.probes.into()), 1..=255, "probes for each time to live") as u8,
            timeout: params.span("timeout", Some(default.timeout), "when a probe's answer is given up"),
            first_port: params.count("first_port", Some(port), 1..=65_535, "the destination port of the first probe")
                as u16,
            size: params.size("size", Some(default.size), "bytes of payload"),
            every: params.given("every").then(|| params.span("every", None, "from the end of one trace to the next")),
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let ports = u32::from(self.hops_max) * u32::from(self.probes);
        match () {
            _ if self.hops_max == 0 || self.probes == 0 => Err(("probes", "no probe is sent".into())),
            _ if self.first_port == 0 || u32::from(self.first_port) + ports > 65_536 => {
                Err(("first_port", format!("{ports} probes need as many ports from `first_port` on")))
            }
            _ if self.timeout == Span::ZERO => Err(("timeout", "an answer takes time".into())),
            _ if self.size.bytes() > 65_507 => Err(("size", "a datagram carries 65507 B at most".into())),
            _ if self.every == Some(Span::ZERO) => {
                Err(("every", "traces without a time between them never end".into()))
            }
            _ => Ok(()),
        }
    }
}
