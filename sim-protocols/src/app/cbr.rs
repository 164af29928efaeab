//! `cbr`: UDP datagrams at a constant rate.

use sim_core::{Rate, Size, Time};

use super::values::Counted;

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
    pub(super) fn check(&self) -> Result<(), String> {
        super::udp_source::check(self.rate, self.size, self.counted, self.count)
    }
}
