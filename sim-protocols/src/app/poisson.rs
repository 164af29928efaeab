//! `poisson`: UDP datagrams at exponential distances, as queueing theory has them.

use sim_core::{Params, Rate, Size, Table, Time};

use super::Application;
use super::SizeDist;
use super::udp_source::{self, DATAGRAM_TABLES, Spacing};
use super::values::{self, Counted};
use crate::app::Scope;
use crate::host::{App, FlowEnd};

/// Parameters of a Poisson source.
#[derive(Clone, PartialEq, Debug)]
pub struct PoissonConfig {
    /// The mean rate; divided by the mean size it gives the arrivals per second. Default: 1 Mbit/s.
    pub rate: Rate,
    /// The size of a datagram, fixed (M/D/1) or exponential (M/M/1). An exponential size is cut at 40 bytes of IP packet, so
    /// that sequence number and time stamp fit, and at 65535. Default: 1000 B.
    pub size: SizeDist,
    /// What rate and size count. Default: the payload; queueing theory wants `packet`.
    pub counted: Counted,
    /// How many datagrams. Default: without end.
    pub count: Option<u64>,
    /// No datagram leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for PoissonConfig {
    fn default() -> PoissonConfig {
        PoissonConfig {
            rate: Rate::from_bps(1_000_000),
            size: SizeDist::Fixed(Size::from_bytes(1000)),
            counted: Counted::default(),
            count: None,
            stop: None,
        }
    }
}

impl PoissonConfig {
    pub(super) fn read(params: &mut dyn Params) -> PoissonConfig {
        let default = PoissonConfig::default();
        let rate = params.rate("rate", Some(default.rate), "the rate, in the mean");
        let size = SizeDist::ask(
            params,
            ("size", "the size of a datagram, in the mean"),
            ("sizes", "how `size` is distributed"),
            default.size.mean(),
        );
        let counted = Counted::read(params, "counted", "what rate and size count: payload, or IP packets");
        let count = values::count(params, "how many datagrams; without end when not given");
        let stop = values::stop(params, "no datagram leaves from this moment on");
        PoissonConfig { rate, size, counted, count, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        udp_source::check(self.rate, self.size.mean(), self.counted, self.count)
    }
}

impl Application for PoissonConfig {
    const TABLES: &'static [&'static Table] = DATAGRAM_TABLES;
    const SENDS_DATAGRAMS: bool = true;
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Server);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        let spacing = Spacing::Exponential(udp_source::mean_gap(self.rate, &self.size));
        let ends = (self.count, self.stop);
        udp_source::open(end, scope, (spacing, self.rate, self.size.clone(), self.counted), ends)
    }
}
