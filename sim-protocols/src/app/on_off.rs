//! `on_off`: UDP datagrams at a constant rate while on.

use sim_core::{Params, Rate, Size, Span, Table, Time};

use super::Application;
use super::udp_source::{self, DATAGRAM_TABLES, Spacing};
use super::values::{self, Counted};
use super::{SizeDist, SpanDist};
use crate::app::Scope;
use crate::host::{App, FlowEnd};

/// Parameters of an on/off source.
#[derive(Clone, PartialEq, Debug)]
pub struct OnOffConfig {
    /// The rate while on. Default: 1 Mbit/s.
    pub rate: Rate,
    /// The size of a datagram. Default: 1000 B.
    pub size: SizeDist,
    /// What rate and size count. Default: the payload.
    pub counted: Counted,
    /// How long it is on. Default: 1 s, always.
    pub on: SpanDist,
    /// How long it is off. Default: 1 s, always.
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
            on: SpanDist::Fixed(Span::from_secs(1)),
            off: SpanDist::Fixed(Span::from_secs(1)),
            count: None,
            stop: None,
        }
    }
}

impl OnOffConfig {
    pub(super) fn read(params: &mut dyn Params) -> OnOffConfig {
        let default = OnOffConfig::default();
        let rate = params.rate("rate", Some(default.rate), "the rate while on");
        let size = SizeDist::ask(
            params,
            ("size", "the size of a datagram, in the mean"),
            ("sizes", "how `size` is distributed"),
            default.size.mean(),
        );
        let counted = Counted::read(params, "counted", "what rate and size count: payload, or IP packets");
        let on = SpanDist::ask(
            params,
            ("on", "how long it is on"),
            ("on_times", "how `on` is distributed"),
            default.on.mean(),
        );
        let off = SpanDist::ask(
            params,
            ("off", "how long it is off"),
            ("off_times", "how `off` is distributed"),
            default.off.mean(),
        );
        let count = values::count(params, "how many datagrams; without end when not given");
        let stop = values::stop(params, "no datagram leaves from this moment on");
        OnOffConfig { rate, size, counted, on, off, count, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        if self.on.mean() == Span::ZERO {
            return Err(("on", "a source that is on for no time sends nothing".into()));
        }
        udp_source::check(self.rate, self.size.mean(), self.counted, self.count)
    }
}

impl Application for OnOffConfig {
    const TABLES: &'static [&'static Table] = DATAGRAM_TABLES;
    const SENDS_DATAGRAMS: bool = true;
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Server);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        let spacing = Spacing::OnOff { on: self.on.clone(), off: self.off.clone() };
        let ends = (self.count, self.stop);
        udp_source::open(end, scope, (spacing, self.rate, self.size.clone(), self.counted), ends)
    }
}
