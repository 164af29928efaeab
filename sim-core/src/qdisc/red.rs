//! Random early detection: S. Floyd, V. Jacobson, "Random Early Detection Gateways for Congestion Avoidance", 1993; with the gentle mode of 2000 and
//! ECN marking (RFC 3168). All arithmetic is fixed-point, so that every machine drops the same packets.

use super::droptail::fits;
use super::{Arrival, LinkFacts, QueueDisc, Verdict};
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
    /// Counts bytes instead of packets: the length is that of the bytes that wait, in longest packets of the link, and a shorter packet is less
    /// likely to be dropped, in proportion to its bytes (Floyd and Jacobson 1993, section 4). RFC 7141 §2.2 advises against it, hence not by default.
    pub byte_mode: bool,
    /// Average below which nothing is dropped; 5 packets, as ns-3.
    pub min: u32,
    /// Average above which (without `gentle`) everything is; 15 packets.
    pub max: u32,
    /// Probability at `max`; 2 %.
    pub max_p: Prob,
    /// The average's weight is 2^-weight_log2; 9 (about 0.002, the paper's). With 0 the average is the length.
    pub weight_log2: u32,
    /// From `max` to twice `max` the probability climbs from `max_p` to one, instead of jumping there.
    pub gentle: bool,
    /// Marks ECN-capable packets instead of dropping them.
    pub ecn: bool,
    /// Above the last threshold ECN-capable packets are dropped too (RFC 3168 §7); on. Off, with `min` and `max` next to each other and a weight of
    /// one, is the step by which DCTCP's switches mark (RFC 8257 §3.1), and Linux's RED without `harddrop`.
    pub hard_drop: bool,
    /// Transmission time of a typical small packet, by which the average decays while the link is idle (the paper's s); that of 500 bytes at the
    /// link's rate (ns-3's mean packet size) where none is given.
    pub idle_packet: Option<Span>,
}

impl Default for RedConfig {
    fn default() -> RedConfig {
        RedConfig {
            limit: Amount::Packets(1000),
            byte_mode: false,
            min: 5,
            max: 15,
            max_p: Prob::from_parts(Prob::ONE_PARTS / 50).expect("2 %"),
            weight_log2: 9,
            gentle: true,
            ecn: false,
            hard_drop: true,
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
            byte_mode: params.flag(
                "byte_mode",
                default.byte_mode,
                "lengths are bytes, in longest packets of the link, and drops are in proportion to a packet's bytes",
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
                0..=24,
                "the average's weight is 2 to minus this",
            ) as u32,
            gentle: params.flag("gentle", default.gentle, "climbs to certainty between `max_packets` and twice that"),
            ecn: params.flag("ecn", default.ecn, "marks ECN-capable packets instead of dropping them"),
            hard_drop: params.flag(
                "hard_drop",
                default.hard_drop,
                "above the last threshold ECN-capable packets are dropped too, not marked",
            ),
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

    pub(super) fn marks(&self) -> bool {
        self.ecn
    }
}

/// A typical packet where the link is idle: ns-3's `MeanPktSize`.
const TYPICAL_BYTES: u32 = 500;

/// Fraction bits of the average.
const SCALE: u32 = 32;

#[derive(Debug)]
pub(crate) struct Red {
    config: RedConfig,
    /// In a box of its own: most ports are plain queues, and there may be thousands of them.
    rng: Box<Rng>,
    /// The average length times 2^SCALE.
    average: u64,
    /// Packets since the last drop or mark; `None` below `min`.
    count: Option<u64>,
    idle_done: Time,
    idle_packet: Span,
    /// The longest packet of the link, in bytes: the paper's MaximumPacketSize.
    longest: u32,
}

impl Red {
    pub fn new(config: &RedConfig, link: &LinkFacts, rng: impl FnOnce() -> Rng) -> Red {
        let mut red = Red {
            config: config.clone(),
            rng: Box::new(rng()),
            average: 0,
            count: None,
            idle_done: Time::ZERO,
            idle_packet: Span::ZERO,
            longest: link.frame_max.max(1),
        };
        red.link_changed(link);
        red
    }

    fn update_average(&mut self, arrival: &Arrival) {
        let weight = self.config.weight_log2;
        if let Some(since) = arrival.idle_since.filter(|_| arrival.packets == 0) {
            // The paper's m: packets that could have been sent while the queue was empty; avg <- (1 - w)^m avg. What follows counts the arrival
            // itself, which found nobody: m + 1, as ns-2 and ns-3 have it.
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
        let length = match self.config.byte_mode {
            false => u64::from(arrival.packets) << SCALE,
            true => ((u128::from(arrival.bytes) << SCALE) / u128::from(self.longest)) as u64,
        };
        self.average = self.average - (self.average >> weight) + (length >> weight);
    }

    /// The probability p_b for a packet of so many bytes, in parts of [`Prob::ONE_PARTS`]; `None` where all go.
    fn probability(&self, bytes: u32) -> Option<u64> {
        let base = self.base_probability()?;
        if !self.config.byte_mode {
            return Some(base);
        }
        // The paper's p_b <- p_b PacketSize / MaximumPacketSize.
        Some((u128::from(base) * u128::from(bytes.min(self.longest)) / u128::from(self.longest)) as u64)
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
            return Verdict::Full;
        }
        if self.average < u64::from(self.config.min) << SCALE {
            self.count = None;
            return Verdict::Pass;
        }
        let count = self.count.map_or(0, |count| count + 1);
        self.count = Some(count);
        let chosen = match self.probability(arrival.length) {
            None => {
                // Above the last threshold the packet is dropped, not marked (RFC 3168 §7), unless the file wants a step of marks.
                self.count = Some(0);
                let marks = !self.config.hard_drop && self.config.ecn && arrival.ecn != Ecn::NotEct;
                return if marks { Verdict::Mark } else { Verdict::Early };
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
        if self.config.ecn && arrival.ecn != Ecn::NotEct { Verdict::Mark } else { Verdict::Early }
    }
    fn set_limit(&mut self, limit: Amount) {
        self.config.limit = limit;
    }

    fn link_changed(&mut self, link: &LinkFacts) {
        let typical = u128::from(TYPICAL_BYTES) * 8 * u128::from(PS_PER_SECOND) / u128::from(link.bps);
        self.idle_packet = self.config.idle_packet.unwrap_or(Span::from_ps(typical as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    const LINK: LinkFacts = LinkFacts { bps: 4_000_000, frame_max: 1500 };

    fn red(config: RedConfig) -> Red {
        Red::new(&config, &LINK, || Streams::new(11).open("red"))
    }

    fn waiting(packets: u32, ecn: Ecn) -> Arrival {
        Arrival { now: Time::ZERO, packets, bytes: 0, length: 1500, ecn, idle_since: None }
    }

    fn config(max_p_percent: u64) -> RedConfig {
        let max_p = Prob::from_parts(Prob::ONE_PARTS * max_p_percent / 100).expect("a probability");
        RedConfig { max_p, weight_log2: 4, ..RedConfig::default() }
    }

    /// Gaps between drops (1: the very next packet) while the queue stands at `packets`.
    fn gaps(config: RedConfig, packets: u32, arrivals: u32) -> Vec<u64> {
        let mut red = red(config);
        (0..1000).for_each(|_| {
            red.arrival(&waiting(packets, Ecn::NotEct));
        });
        let (mut gaps, mut gap, mut first) = (Vec::new(), 0, true);
        for _ in 0..arrivals {
            gap += 1;
            if red.arrival(&waiting(packets, Ecn::NotEct)) != Verdict::Pass {
                if !std::mem::take(&mut first) {
                    gaps.push(gap);
                }
                gap = 0;
            }
        }
        gaps
    }

    #[test]
    fn the_average_is_the_papers() {
        // avg <- (1 - w) avg + w q, against the same in floats.
        let mut red = red(RedConfig { weight_log2: 9, ..RedConfig::default() });
        let (mut dice, mut expected) = (Streams::new(2).open("queue"), 0.0);
        for _ in 0..20_000 {
            let packets = dice.below(40) as u32;
            red.update_average(&waiting(packets, Ecn::NotEct));
            expected += (f64::from(packets) - expected) / 512.0;
            let average = red.average as f64 / (1_u64 << SCALE) as f64;
            assert!((average - expected).abs() < 0.002, "{average} {expected}");
        }
    }

    #[test]
    fn a_step_marks_all_that_find_so_many_waiting() {
        let step =
            RedConfig { min: 19, max: 20, weight_log2: 0, ecn: true, hard_drop: false, gentle: false, ..config(100) };
        let mut red = red(step.clone());
        for (packets, ecn, verdict) in [
            (100, Ecn::Ect0, Verdict::Mark),
            (19, Ecn::Ect0, Verdict::Pass),
            (20, Ecn::Ect0, Verdict::Mark),
            (20, Ecn::NotEct, Verdict::Early),
            (0, Ecn::Ect0, Verdict::Pass),
        ] {
            assert_eq!(red.arrival(&waiting(packets, ecn)), verdict, "{packets} waiting");
        }
        let mut hard = super::tests::red(RedConfig { hard_drop: true, ..step });
        assert_eq!(hard.arrival(&waiting(20, Ecn::Ect0)), Verdict::Early);
    }

    #[test]
    fn the_average_decays_by_the_packets_that_an_idle_link_could_have_sent() {
        // 500 bytes at 4 Mbit/s take 1 ms: idle for 700 ms are 700 packets, and one for the arrival itself.
        let mut red = red(RedConfig { weight_log2: 9, ..RedConfig::default() });
        red.average = 10 << SCALE;
        let now = Time::ZERO + Span::from_ms(900);
        red.update_average(&Arrival {
            now,
            idle_since: Some(Time::ZERO + Span::from_ms(200)),
            ..waiting(0, Ecn::NotEct)
        });
        let expected = (0..701).fold(10.0, |average, _| average * 511.0 / 512.0);
        let average = red.average as f64 / (1_u64 << SCALE) as f64;
        assert!((average - expected).abs() < 0.001, "{average} {expected}");
        // At another rate another packet.
        red.link_changed(&LinkFacts { bps: 8_000_000, ..LINK });
        assert_eq!(red.idle_packet, Span::from_us(500));
    }

    #[test]
    fn the_probability_climbs_as_published() {
        // Without the count a packet would be dropped with p_b; with it gaps are uniform on 1 .. 1/p_b - 1, hence 1 / (2 p_b) in the mean
        // (Floyd and Jacobson 1993, section 7, method 2; their algorithm counts the first packet after a drop as one). Gentle from 15 to 30.
        for (packets, p_b) in [(6, 0.01), (8, 0.03), (10, 0.05), (13, 0.08), (15, 0.1), (16, 0.16), (18, 0.28)] {
            let gaps = gaps(config(10), packets, 400_000);
            let mean = gaps.iter().sum::<u64>() as f64 / gaps.len() as f64;
            // The mean of a uniform law on 1 .. n, n = 1 / p_b - 1, up to the last, shortened step.
            let expected = 1.0 / (2.0 * p_b);
            assert!((mean / expected - 1.0).abs() < 0.04, "{packets} waiting: {mean}, not {expected}");
        }
    }

    #[test]
    fn gaps_between_drops_are_uniform() {
        // 10 waiting of 5 to 15, max_p 20 %: p_b = 1/10, gaps 1 to 9.
        let gaps = gaps(config(20), 10, 400_000);
        let mut seen = [0_u32; 9];
        gaps.iter().for_each(|gap| seen[*gap as usize - 1] += 1);
        let expected = gaps.len() as f64 / 9.0;
        let chi: f64 = seen.iter().map(|n| (f64::from(*n) - expected) * (f64::from(*n) - expected) / expected).sum();
        // 8 degrees of freedom: 99.9 % lie below 26.1.
        assert!(chi < 26.1, "{chi} {seen:?}");
    }

    #[test]
    fn a_heavy_average_does_not_stick() {
        // The lightest weight, 2^-24: what is below the last bit must not hold the average up, nor keep it down.
        let mut red = red(RedConfig { weight_log2: 24, ..RedConfig::default() });
        red.average = 10 << SCALE;
        (0..4_000_000).for_each(|_| red.update_average(&waiting(9, Ecn::NotEct)));
        // e^(-4e6 / 2^24) = 0.787 87 of the distance is left.
        let average = red.average as f64 / (1_u64 << SCALE) as f64;
        assert!((average - 9.787_87).abs() < 0.004, "{average}");
        (red.config.weight_log2, red.average) = (9, 0);
        (0..20_000).for_each(|_| red.update_average(&waiting(7, Ecn::NotEct)));
        assert!((red.average as f64 / (1_u64 << SCALE) as f64 - 7.0).abs() < 1e-6);
    }

    #[test]
    fn in_byte_mode_drops_are_in_proportion_to_bytes() {
        // 15 000 bytes wait: ten longest packets, of whatever size they are. p_b = max_p / 2 for the longest, a fifth of that for 300 bytes.
        for length in [1500, 300] {
            let mut red = red(RedConfig { byte_mode: true, ..config(10) });
            let arrival = Arrival { packets: 50, bytes: 15_000, length, ..waiting(0, Ecn::NotEct) };
            let drops = |red: &mut Red| (0..400_000).filter(|_| red.arrival(&arrival) != Verdict::Pass).count();
            (0..1000).for_each(|_| red.update_average(&arrival));
            let drops = drops(&mut red) as f64;
            // Gaps of 1 / (2 p_b) in the mean.
            let expected = 400_000.0 * 2.0 * 0.05 * f64::from(length) / 1500.0;
            assert!((drops / expected - 1.0).abs() < 0.04, "{length}: {drops}, not {expected}");
        }
    }

    #[test]
    fn nothing_goes_below_min_and_all_beyond_the_last_threshold() {
        assert_eq!(gaps(config(100), 4, 10_000), []);
        assert!(gaps(config(2), 31, 10_000).iter().all(|gap| *gap == 1));
        let harsh = RedConfig { gentle: false, ..config(2) };
        assert!(gaps(harsh, 16, 10_000).iter().all(|gap| *gap == 1));
    }

    #[test]
    fn packets_that_can_be_marked_are_marked_until_all_must_go() {
        let verdicts = |ecn_on: bool, packets: u32, ecn: Ecn| {
            let mut red = red(RedConfig { ecn: ecn_on, ..config(50) });
            let all: Vec<Verdict> = (0..2000).map(|_| red.arrival(&waiting(packets, ecn))).collect();
            (all.contains(&Verdict::Mark), all.contains(&Verdict::Early))
        };
        assert_eq!(verdicts(true, 12, Ecn::Ect0), (true, false));
        assert_eq!(verdicts(true, 12, Ecn::NotEct), (false, true));
        assert_eq!(verdicts(false, 12, Ecn::Ect0), (false, true));
        assert_eq!(verdicts(true, 40, Ecn::Ect1), (true, true));
    }
}
