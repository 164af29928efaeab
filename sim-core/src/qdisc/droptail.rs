//! DropTail: first in, first out, and what comes when the buffer is full is dropped.

use super::{Arrival, LinkFacts, QueueDisc, Verdict};
use crate::params::{Amount, Params};
use crate::rng::Rng;

/// Whether another packet fits; the one in transmission is not counted.
#[inline]
pub(super) fn fits(limit: Amount, arrival: &Arrival) -> bool {
    match limit {
        Amount::Packets(limit) => arrival.packets < limit,
        Amount::Bytes(limit) => arrival.bytes + u64::from(arrival.length) <= limit.bytes(),
    }
}

/// Parameters of DropTail.
#[derive(Clone, PartialEq, Debug)]
pub struct DropTailConfig {
    /// What it holds; 100 packets unless told, as ns-3's device queues do.
    pub limit: Amount,
}

impl Default for DropTailConfig {
    fn default() -> DropTailConfig {
        DropTailConfig { limit: Amount::Packets(100) }
    }
}

impl DropTailConfig {
    /// Asks for its parameters.
    pub fn read(params: &mut dyn Params) -> DropTailConfig {
        let default = DropTailConfig::default();
        DropTailConfig {
            limit: params.amount(
                "limit",
                Some(default.limit),
                "what it holds; the packet in transmission is not counted",
            ),
        }
    }

    pub(super) fn marks(&self) -> bool {
        false
    }
}

#[derive(Debug)]
pub(crate) struct DropTail(Amount);

impl DropTail {
    pub fn new(config: &DropTailConfig, _link: &LinkFacts, _rng: impl FnOnce() -> Rng) -> DropTail {
        DropTail(config.limit)
    }
}

impl QueueDisc for DropTail {
    const AT_DEPARTURE: bool = false;

    #[inline]
    fn arrival(&mut self, arrival: &Arrival) -> Verdict {
        if arrival.idle_since.is_some() || fits(self.0, arrival) { Verdict::Pass } else { Verdict::Full }
    }
    fn set_limit(&mut self, limit: Amount) {
        self.0 = limit;
    }
}
