//! Controlled delay: RFC 8289.

use super::droptail::fits;
use super::{Arrival, Departure, QueueDisc, Verdict};
use crate::drop::DropCause;
use crate::packet::Ecn;
use crate::params::{Amount, Params};
use crate::rng::Rng;
use crate::time::{Span, Time};

/// Parameters of CoDel.
#[derive(Clone, PartialEq, Debug)]
pub struct CoDelConfig {
    /// What it holds at the most; 1000 packets, as Linux.
    pub limit: Amount,
    /// The standing delay that is accepted: 5 ms (RFC 8289 §4.3).
    pub target: Span,
    /// For how long it may be exceeded: 100 ms, about the longest usual round trip (RFC 8289 §4.3).
    pub interval: Span,
    /// Marks ECN-capable packets instead of dropping them.
    pub ecn: bool,
    /// Bytes below which a queue is never too long: one full packet (RFC 8289 §4.2's MTU guard).
    pub mtu: u32,
}

impl Default for CoDelConfig {
    fn default() -> CoDelConfig {
        CoDelConfig {
            limit: Amount::Packets(1000),
            target: Span::from_ms(5),
            interval: Span::from_ms(100),
            ecn: false,
            mtu: 1514,
        }
    }
}

impl CoDelConfig {
    /// Asks for its parameters.
    pub fn read(params: &mut dyn Params) -> CoDelConfig {
        let default = CoDelConfig::default();
        CoDelConfig {
            limit: params.amount(
                "limit",
                Some(default.limit),
                "what it holds; the packet in transmission is not counted",
            ),
            target: params.span("target", Some(default.target), "the standing delay that is accepted (RFC 8289 §4.3)"),
            interval: params.span(
                "interval",
                Some(default.interval),
                "for how long it may be exceeded (RFC 8289 §4.3)",
            ),
            ecn: params.flag("ecn", default.ecn, "marks ECN-capable packets instead of dropping them"),
            mtu: default.mtu,
        }
    }
}

#[derive(Debug)]
pub(crate) struct CoDel {
    config: CoDelConfig,
    first_above: Option<Time>,
    dropping: bool,
    drop_next: Time,
    count: u64,
    last_count: u64,
}

impl CoDel {
    pub fn new(config: &CoDelConfig, _rng: impl FnOnce() -> Rng) -> CoDel {
        CoDel {
            config: config.clone(),
            first_above: None,
            dropping: false,
            drop_next: Time::ZERO,
            count: 0,
            last_count: 0,
        }
    }

    /// RFC 8289 §4.2: the next drop, `interval / sqrt(count)` after the last; an integer root, exact everywhere.
    fn control_law(&self, from: Time) -> Time {
        let interval = u128::from(self.config.interval.ps());
        from + Span::from_ps((interval * interval / u128::from(self.count.max(1))).isqrt() as u64)
    }

    fn ok_to_drop(&mut self, departure: &Departure) -> bool {
        let sojourn = departure.now.since(departure.enqueued);
        if sojourn < self.config.target || departure.bytes_behind <= u64::from(self.config.mtu) {
            self.first_above = None;
            return false;
        }
        match self.first_above {
            None => {
                self.first_above = Some(departure.now + self.config.interval);
                false
            }
            Some(at) => departure.now >= at,
        }
    }

    fn congested(&self, departure: &Departure) -> Verdict {
        if self.config.ecn && departure.ecn != Ecn::NotEct { Verdict::Mark } else { Verdict::Drop(DropCause::CoDel) }
    }
}

impl QueueDisc for CoDel {
    const AT_DEPARTURE: bool = true;

    fn arrival(&mut self, arrival: &Arrival) -> Verdict {
        if arrival.idle_since.is_some() || fits(self.config.limit, arrival) {
            Verdict::Pass
        } else {
            Verdict::Drop(DropCause::QueueFull)
        }
    }

    fn departure(&mut self, departure: &Departure) -> Verdict {
        let now = departure.now;
        let ok = self.ok_to_drop(departure);
        if self.dropping {
            if !ok {
                self.dropping = false;
                return Verdict::Pass;
            }
            if now < self.drop_next {
                return Verdict::Pass;
            }
            // RFC 8289 §5.5: while it is time, drop and come closer. The port asks again for each packet that follows a drop.
            self.count += 1;
            self.drop_next = self.control_law(self.drop_next);
            return self.congested(departure);
        }
        if !ok {
            return Verdict::Pass;
        }
        self.dropping = true;
        // RFC 8289 §5.5: after a short pause, go on near the old rate.
        let delta = self.count - self.last_count;
        let recently = now.since(self.drop_next) < self.config.interval * 16;
        self.count = if delta > 1 && recently { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = self.control_law(now);
        self.congested(departure)
    }
}
