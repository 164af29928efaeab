//! Random early detection: S. Floyd, V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", 1993; with the gentle mode of 2000 and
//! ECN marking (RFC 3168). All arithmetic is fixed-point, so that every machine drops the same packets.

use super::droptail::fits;
use super::{Arrival, LinkFacts, QueueDisc, Verdict};
use crate::drop::DropCause;
use crate::packet::Ecn;
use crate::params::{Amount, Params};
use crate::rng::Rng;
use crate::time::{PS_PER_SECOND, Span, Time};
use crate::units::Prob;

/// Parameters of RED. Lengths are packets waiting.
#[derive(Clone, PartialEq, Debug)]
pub struct RedConfig {
    /// What it holds at the most.
    pub limit: Amount,
    /// Average below which nothing is dropped; 5 packets, as ns-3.
    pub min: u32,
    /// Average above which (without `gentle`) everything is; 15 packets.
    pub max: u32,
    /// Probability at `max`; 2 %.
    pub max_p: Prob,
    /// The average's weight is 2^-weight_log2; 9 (about 0.002, the paper's).
    pub weight_log2: u32,
    /// From `max` to twice `max` the probability climbs from `max_p` to one, instead of jumping there.
    pub gentle: bool,
    /// Marks ECN-capable packets instead of dropping them.
    pub ecn: bool,
    /// Transmission time of a typical small packet, by which the average decays while the link is idle (the paper's s); that of 500 bytes at the
    /// link's rate (ns-3's mean packet size) where none is given.
    pub idle_packet: Option<Span>,
}

impl Default for RedConfig {
    fn default() -> RedConfig {
        RedConfig {
            limit: Amount::Packets(1000),
            min: 5,
            max: 15,
            max_p: Prob::from_parts(Prob::ONE_PARTS / 50).expect("2 %"),
            weight_log2: 9,
            gentle: true,
            ecn: false,
            idle_packet: None,
        }
    }
}

impl RedConfig {
    /// Asks for its parameters.
    pub fn read(params: &mut dyn Params) -> RedConfig {
        let default = RedConfig::default();
        let config = RedConfig {
            limit: params.amount(
                "limit",
                Some(default.limit),
                "what it holds; the packet in transmission is not counted",
            ),
            min: params.count(
                "min_packets",
                Some(default.min.into()),
                1..=1_000_000,
                "average length below which nothing is dropped",
            ) as u32,
            max: params.count(
                "max_packets",
                Some(default.max.into()),
                2..=1_000_000,
                "average length from which (but for `gentle`) all is dropped",
            ) as u32,
            max_p: params.prob("max_p", Some(default.max_p), "probability of a drop at `max_packets`"),
            weight_log2: params.count(
                "weight_log2",
                Some(default.weight_log2.into()),
                1..=24,
                "the average's weight is 2 to minus this",
            ) as u32,
            gentle: params.flag("gentle", default.gentle, "climbs to certainty between `max_packets` and twice that"),
            ecn: params.flag("ecn", default.ecn, "marks ECN-capable packets instead of dropping them"),
            idle_packet: params.given("idle_packet").then(|| {
                let help = "a small packet's time, by which the average decays on an idle link; that of 500 bytes at the link's rate by default";
                params.span("idle_packet", None, help)
            }),
        };
        if config.min >= config.max {
            params.refuse("min_packets", "it must be below `max_packets`".into());
        }
        config
    }
}

/// A typical packet where the link is idle: ns-3's `MeanPktSize`.
const TYPICAL_BYTES: u32 = 500;

/// Fraction bits of the average.
const SCALE: u32 = 24;

#[derive(Debug)]
pub(crate) struct Red {
    config: RedConfig,
    rng: Rng,
    /// The average length times 2^SCALE.
    average: u64,
    /// Packets since the last drop or mark; `None` below `min`.
    count: Option<u64>,
    idle_done: Time,
    idle_packet: Span,
}

impl Red {
    pub fn new(config: &RedConfig, link: &LinkFacts, rng: impl FnOnce() -> Rng) -> Red {
        let mut red = Red {
            config: config.clone(),
            rng: rng(),
            average: 0,
            count: None,
            idle_done: Time::ZERO,
            idle_packet: Span::ZERO,
        };
        red.link_changed(link);
        red
    }

    fn update_average(&mut self, arrival: &Arrival) {
        let weight = self.config.weight_log2;
        if let Some(since) = arrival.idle_since.filter(|_| arrival.packets == 0) {
            // The paper's m: packets that could have been sent while the queue was empty; avg <- (1 - w)^m avg.
            let idle = arrival.now.since(since.max(self.idle_done));
            self.idle_done = arrival.now;
            let mut m = idle.ps() / self.idle_packet.ps().max(1);
            let mut factor = (1_u64 << 32) - (1_u64 << 32 >> weight);
            while m > 0 && self.average > 0 {
                if m & 1 == 1 {
                    self.average = ((u128::from(self.average) * u128::from(factor)) >> 32) as u64;
                }
                factor = ((u128::from(factor) * u128::from(factor)) >> 32) as u64;
                m >>= 1;
            }
        }
        let length = u64::from(arrival.packets) << SCALE;
        self.average = self.average - (self.average >> weight) + (length >> weight);
    }

    /// The probability p_b of the present average, in parts of [`Prob::ONE_PARTS`]; `None` for one.
    fn base_probability(&self) -> Option<u64> {
        let (min, max) = (u64::from(self.config.min) << SCALE, u64::from(self.config.max) << SCALE);
        let max_p = self.config.max_p.parts();
        if self.average < max {
            return Some((u128::from(max_p) * u128::from(self.average - min) / u128::from((max - min).max(1))) as u64);
        }
        if self.config.gentle && self.average < 2 * max {
            let rest = Prob::ONE_PARTS - max_p;
            return Some(max_p + (u128::from(rest) * u128::from(self.average - max) / u128::from(max)) as u64);
        }
        None
    }
}

impl QueueDisc for Red {
    const AT_DEPARTURE: bool = false;

    fn arrival(&mut self, arrival: &Arrival) -> Verdict {
        self.update_average(arrival);
        if arrival.idle_since.is_none() && !fits(self.config.limit, arrival) {
            self.count = Some(0);
            return Verdict::Drop(DropCause::QueueFull);
        }
        if self.average < u64::from(self.config.min) << SCALE {
            self.count = None;
            return Verdict::Pass;
        }
        let count = self.count.map_or(0, |count| count + 1);
        self.count = Some(count);
        let chosen = match self.base_probability() {
            None => {
                // Above the last threshold the packet is dropped, not marked (RFC 3168 §7).
                self.count = Some(0);
                return Verdict::Drop(DropCause::Red);
            }
            Some(base) => {
                // p_a = p_b / (1 - count p_b): the gaps between drops are uniform.
                let used = u128::from(base) * u128::from(count);
                used >= u128::from(Prob::ONE_PARTS)
                    || u128::from(self.rng.below(Prob::ONE_PARTS)) * (u128::from(Prob::ONE_PARTS) - used)
                        < u128::from(base) * u128::from(Prob::ONE_PARTS)
            }
        };
        if !chosen {
            return Verdict::Pass;
        }
        self.count = Some(0);
        if self.config.ecn && arrival.ecn != Ecn::NotEct { Verdict::Mark } else { Verdict::Drop(DropCause::Red) }
    }
    fn set_limit(&mut self, limit: Amount) {
        self.config.limit = limit;
    }

    fn link_changed(&mut self, link: &LinkFacts) {
        let typical = u128::from(TYPICAL_BYTES) * 8 * u128::from(PS_PER_SECOND) / u128::from(link.bps);
        self.idle_packet = self.config.idle_packet.unwrap_or(Span::from_ps(typical as u64));
    }
}
