//! Reordering: some packets overtake those before them.
//!
//! As netem's `reorder PROBABILITY gap N`: packet number N since the last one that overtook is the first candidate, each candidate overtakes with
//! the probability (net/sched/sch_netem.c, `netem_enqueue`: `q->counter < q->gap - 1`). Netem sends it without any delay, so that no packet has a
//! least delay; here it gains a given span, and the rest of the delay stays for the look-ahead of shards. `by` at or above the delay is netem's way.

use crate::params::Params;
use crate::rng::Rng;
use crate::time::Span;
use crate::units::Prob;

/// Which packets overtake, and by how much.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reorder {
    /// The probability that a candidate overtakes.
    pub p: Prob,
    /// At the most one packet in so many overtakes; 1 makes each a candidate (netem's default).
    pub gap: u32,
    /// How much earlier it arrives than with the bare delay, at the most the delay itself; half the delay where none is given. It has no jitter.
    pub by: Option<Span>,
}

impl Reorder {
    /// Asks for its parameters.
    pub fn read(params: &mut dyn Params) -> Reorder {
        let p = params.prob("p", None, "probability that a candidate overtakes");
        let gap = params.count("gap", Some(1), 1..=1_000_000, "at the most one packet in so many overtakes");
        let help = "how much earlier it arrives, the whole delay at the most; half the delay by default";
        let by = params.given("by").then(|| params.span("by", None, help));
        Reorder { p, gap: gap as u32, by }
    }

    /// The delay of a packet that overtakes.
    pub(crate) fn shortened(&self, delay: Span) -> Span {
        delay.saturating_sub(self.by.unwrap_or(delay / 2))
    }
}

/// Packets since the last one that overtook.
#[derive(Debug, Default)]
pub(super) struct ReorderState {
    since: u32,
}

impl ReorderState {
    pub fn takes(&mut self, model: &Reorder, rng: &mut Rng) -> bool {
        // Netem draws for candidates alone: the order of its conditions.
        if self.since >= model.gap.saturating_sub(1) && rng.chance(model.p) {
            self.since = 0;
            return true;
        }
        self.since = self.since.saturating_add(1);
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn overtakers(gap: u32, percent: u64, packets: u32) -> Vec<u32> {
        let p = Prob::from_parts(percent * Prob::ONE_PARTS / 100).expect("a probability");
        let (mut state, mut rng) = (ReorderState::default(), Streams::new(1).open("reorder"));
        (1..=packets).filter(|_| state.takes(&Reorder { p, gap, by: None }, &mut rng)).collect()
    }

    #[test]
    fn with_certainty_each_packet_at_the_gap_overtakes() {
        // The manual page of netem: `gap 5` makes every 5th packet (5, 10, 15, …) go at once.
        assert_eq!(overtakers(5, 100, 20), [5, 10, 15, 20]);
        assert_eq!(overtakers(1, 100, 4), [1, 2, 3, 4]);
    }

    #[test]
    fn a_gap_lengthens_the_mean_distance_by_itself() {
        // Geometric with mean 1/p behind gap - 1 packets that are no candidates: 4 + 2 packets.
        let count = overtakers(5, 50, 120_000).len();
        assert!(count.abs_diff(20_000) < 300, "{count}");
        let distances: Vec<u32> = overtakers(5, 50, 10_000).windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert_eq!(distances.iter().min(), Some(&5));
    }

    #[test]
    fn half_the_delay_is_gained_unless_told() {
        let model = Reorder { p: Prob::ONE, gap: 1, by: None };
        assert_eq!(model.shortened(Span::from_ms(10)), Span::from_ms(5));
        assert_eq!(Reorder { by: Some(Span::from_ms(3)), ..model }.shortened(Span::from_ms(10)), Span::from_ms(7));
        assert_eq!(Reorder { by: Some(Span::from_ms(30)), ..model }.shortened(Span::from_ms(10)), Span::ZERO);
    }
}
