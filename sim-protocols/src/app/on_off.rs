//! `on_off`: UDP datagrams at a constant rate while on.

use sim_core::{Rate, Size, Span, Time};

use super::values::{Counted, SizeDist, SpanDist};

/// Parameters of an on/off source.
#[derive(Clone, PartialEq, Debug)]
pub struct OnOffConfig {
    /// The rate while on. Default: 1 Mbit/s.
    pub rate: Rate,
    /// The size of a datagram. Default: 1000 B.
    pub size: SizeDist,
    /// What rate and size count. Default: the payload.
    pub counted: Counted,
    /// How long it is on. Default: exponential, 1 s.
    pub on: SpanDist,
    /// How long it is off. Default: exponential, 1 s.
    pub off: SpanDist,
    /// How many datagrams. Default: without end.
    pub count: Option<u64>,
    /// No datagram leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for OnOffConfig {
    fn default() -> OnOffConfig {
        OnOffConfig {
            rate: Rate::from_bps(1_000_000),
            size: SizeDist::Fixed(Size::from_bytes(1000)),
            counted: Counted::default(),
            on: SpanDist::Exponential(Span::from_secs(1)),
            off: SpanDist::Exponential(Span::from_secs(1)),
            count: None,
            stop: None,
        }
    }
}

impl OnOffConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.on.mean() == Span::ZERO {
            return Err("a source that is on for no time sends nothing".into());
        }
        super::udp_source::check(self.rate, self.size.mean(), self.counted, self.count)
    }
}
