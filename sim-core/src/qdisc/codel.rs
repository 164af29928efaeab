//! Controlled delay: RFC 8289.

use super::droptail::fits;
use super::{Arrival, Departure, LinkFacts, QueueDisc, Verdict};
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
}

impl Default for CoDelConfig {
    fn default() -> CoDelConfig {
        CoDelConfig { limit: Amount::Packets(1000), target: Span::from_ms(5), interval: Span::from_ms(100), ecn: false }
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
        }
    }

    pub(super) fn marks(&self) -> bool {
        self.ecn
    }
}

#[derive(Debug)]
pub(crate) struct CoDel {
    config: CoDelConfig,
    /// Bytes that may always stand behind a packet: one full frame of the link.
    frame_max: u32,
    first_above: Option<Time>,
    dropping: bool,
    drop_next: Time,
    count: u64,
    last_count: u64,
    /// The last decision was a drop, and the control law goes on if the next packet, of the same moment, could be dropped too.
    just_dropped: bool,
}

impl CoDel {
    pub fn new(config: &CoDelConfig, link: &LinkFacts, _rng: impl FnOnce() -> Rng) -> CoDel {
        CoDel {
            config: config.clone(),
            frame_max: link.frame_max,
            first_above: None,
            dropping: false,
            drop_next: Time::ZERO,
            count: 0,
            last_count: 0,
            just_dropped: false,
        }
    }

    /// RFC 8289 §4.2: the next drop, `interval / sqrt(count)` after the last; an integer root, exact everywhere.
    fn control_law(&self, from: Time) -> Time {
        let interval = u128::from(self.config.interval.ps());
        from + Span::from_ps((interval * interval / u128::from(self.count.max(1))).isqrt() as u64)
    }

    fn ok_to_drop(&mut self, departure: &Departure) -> bool {
        let sojourn = departure.now.since(departure.enqueued);
        if sojourn < self.config.target || departure.bytes_behind <= u64::from(self.frame_max) {
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
        if self.config.ecn && departure.ecn != Ecn::NotEct { Verdict::Mark } else { Verdict::Early }
    }
}

impl QueueDisc for CoDel {
    const AT_DEPARTURE: bool = true;

    fn arrival(&mut self, arrival: &Arrival) -> Verdict {
        if arrival.idle_since.is_some() || fits(self.config.limit, arrival) { Verdict::Pass } else { Verdict::Full }
    }

    fn departure(&mut self, departure: &Departure) -> Verdict {
        let now = departure.now;
        let ok = self.ok_to_drop(departure);
        let just_dropped = std::mem::take(&mut self.just_dropped);
        if self.dropping {
            if !ok {
                self.dropping = false;
                return Verdict::Pass;
            }
            if just_dropped {
                self.drop_next = self.control_law(self.drop_next);
            }
            if now < self.drop_next {
                return Verdict::Pass;
            }
            // RFC 8289 §5.5: while it is time, drop and come closer. The port asks again at once for the packet that follows a drop, and
            // the next time is set if that one could be dropped too. A mark lets the packet go, so its next time is set here (as Linux does).
            self.count += 1;
            let verdict = self.congested(departure);
            if verdict == Verdict::Mark {
                self.drop_next = self.control_law(self.drop_next);
            } else {
                self.just_dropped = true;
            }
            return verdict;
        }
        if !ok {
            return Verdict::Pass;
        }
        self.dropping = true;
        // RFC 8289 §5.5: after a short pause, go on near the old rate.
        let delta = self.count - self.last_count;
        let recently = now.since(self.drop_next) < self.config.interval.saturating_mul(16);
        self.count = if delta > 1 && recently { delta } else { 1 };
        self.last_count = self.count;
        self.drop_next = self.control_law(now);
        self.congested(departure)
    }

    fn set_limit(&mut self, limit: Amount) {
        self.config.limit = limit;
    }
}
