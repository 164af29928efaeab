//! `cbr`: UDP datagrams at a constant rate.

use sim_core::{Params, Rate, Size, Table, Time};

use super::Application;
use super::SizeDist;
use super::udp_source::{self, DATAGRAM_TABLES, Spacing};
use super::values::{self, Counted};
use crate::app::Scope;
use crate::host::{App, FlowEnd};

/// Parameters of a source of constant rate.
#[derive(Clone, PartialEq, Debug)]
pub struct CbrConfig {
    /// The rate. Default: 1 Mbit/s.
    pub rate: Rate,
    /// The size of a datagram. Default: 1000 B.
    pub size: Size,
    /// What rate and size count. Default: the payload.
    pub counted: Counted,
    /// How many datagrams. Default: without end.
    pub count: Option<u64>,
    /// No datagram leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for CbrConfig {
    fn default() -> CbrConfig {
        CbrConfig {
            rate: Rate::from_bps(1_000_000),
            size: Size::from_bytes(1000),
            counted: Counted::default(),
            count: None,
            stop: None,
        }
    }
}

impl CbrConfig {
    pub(super) fn read(params: &mut dyn Params) -> CbrConfig {
        let default = CbrConfig::default();
        let rate = params.rate("rate", Some(default.rate), "the rate");
        let size = params.size("size", Some(default.size), "the size of a datagram");
        let counted = Counted::read(params, "counted", "what rate and size count: payload, or IP packets");
        let count = values::count(params, "how many datagrams; without end when not given");
        let stop = values::stop(params, "no datagram leaves from this moment on");
        CbrConfig { rate, size, counted, count, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        udp_source::check(self.rate, self.size, self.counted, self.count)
    }
}

impl Application for CbrConfig {
    const TABLES: &'static [&'static Table] = DATAGRAM_TABLES;
    const SENDS_DATAGRAMS: bool = true;
    const DELIVERS_TO: Option<FlowEnd> = Some(FlowEnd::Server);

    fn open(&self, end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        let ends = (self.count, self.stop);
        udp_source::open(end, scope, (Spacing::Constant, self.rate, SizeDist::Fixed(self.size), self.counted), ends)
    }
}
