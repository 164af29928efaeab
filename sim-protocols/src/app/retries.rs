//! Requests that are made again: how often, how long after, and who pays for it.

use sim_core::{Params, Prob, Rng, Span};

/// What each request adds to the budget: a fifth, as in Finagle.
const EARNED: Prob = match Prob::from_parts(Prob::ONE_PARTS / 5) {
    Some(prob) => prob,
    None => Prob::ZERO,
};
/// Repetitions that may follow at once before any request has earned one.
const FIRST: u64 = 10;

/// Parameters of repetitions.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retries {
    /// How often a request that has got no answer, or was turned away, is made again. Default: never.
    pub most: u64,
    /// What each request adds to the budget that each repetition takes one from, as in Finagle; ten are there at first. Default: 20 %.
    pub budget: Prob,
    /// The mean wait before the first repetition, exponentially distributed; it doubles with each. Default: 10 ms.
    pub backoff: Span,
}

impl Default for Retries {
    fn default() -> Retries {
        Retries { most: 0, budget: EARNED, backoff: Span::from_ms(10) }
    }
}

impl Retries {
    /// Asks for them; `help` says what is repeated.
    pub(crate) fn ask(params: &mut dyn Params, help: &'static str) -> Retries {
        let default = Retries::default();
        let most = params.count("retries", Some(0), 0..=100, help);
        let help = "what each request adds to the budget that each repetition takes one from; ten are there at first";
        let budget = params.prob("retry_budget", Some(default.budget), help);
        let help = "mean wait before the first repetition, exponentially distributed; it doubles with each";
        let backoff = params.span("backoff", Some(default.backoff), help);
        if most == 0 && (budget != default.budget || backoff != default.backoff) {
            let key = if budget == default.budget { "backoff" } else { "retry_budget" };
            params.refuse(key, "it needs `retries`".into());
        }
        Retries { most, budget, backoff }
    }

    /// What makes no sense.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String)> {
        match self.backoff {
            Span::ZERO => Err(("backoff", "a repetition would follow within the instant".into())),
            _ => Ok(()),
        }
    }
}

/// What is left for repetitions, and the chance of their waits.
pub(crate) struct Budget {
    of: Retries,
    /// Repetitions that are left, in parts of [`Prob::ONE_PARTS`].
    left: u64,
    waits: Rng,
}

impl Budget {
    /// A full one; `waits` is a stream of its own.
    pub fn new(of: Retries, waits: Rng) -> Budget {
        Budget { of, left: FIRST * Prob::ONE_PARTS, waits }
    }

    /// A request is made for the first time.
    pub fn earn(&mut self) {
        self.left += self.of.budget.parts();
    }

    /// Pays for a repetition behind `made` others, and says how long it waits; nothing where there have been enough, or all is spent.
    pub fn spend(&mut self, made: u64) -> Option<Span> {
        if made >= self.of.most || self.left < Prob::ONE_PARTS {
            return None;
        }
        self.left -= Prob::ONE_PARTS;
        Some(self.waits.exponential(self.of.backoff * (1 << made.min(16))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::Streams;

    #[test]
    fn a_budget_pays_for_ten_and_for_what_requests_earn() {
        let of = Retries { most: 3, ..Retries::default() };
        let mut budget = Budget::new(of, Streams::new(7).open("waits"));
        assert_eq!(budget.spend(3), None, "three are enough");
        assert_eq!((0..20).filter(|_| budget.spend(0).is_some()).count(), 10);
        (0..4).for_each(|_| budget.earn());
        assert_eq!(budget.spend(0), None, "four fifths are not one");
        budget.earn();
        assert!(budget.spend(0).is_some() && budget.spend(0).is_none());
    }
}
