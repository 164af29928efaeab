//! `poisson`: UDP datagrams at exponential distances, as queueing theory has them.

use sim_core::{Rate, Size, Time};

use super::values::{Counted, SizeDist};

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
    pub(super) fn check(&self) -> Result<(), String> {
        super::udp_source::check(self.rate, self.size.mean(), self.counted, self.count)
    }
}
