//! Loss: Bernoulli, Gilbert–Elliott, exact lists.

use std::fmt;

use crate::packet::PacketClass;
use crate::params::Params;
use crate::rng::Rng;
use crate::units::Prob;

/// A random loss model.
#[derive(Clone, PartialEq, Debug)]
pub enum Loss {
    /// Each packet independently, with this probability.
    Bernoulli(Prob),
    /// Bursts.
    GilbertElliott(GilbertElliott),
}

/// Netem's `loss gemodel p r 1-h 1-k`: a chain with a good and a bad state that moves before each packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GilbertElliott {
    /// From good to bad.
    pub p: Prob,
    /// From bad to good; netem's default is 1 - p.
    pub r: Prob,
    /// Loss in the bad state (netem's `1-h`); all, by default.
    pub loss_bad: Prob,
    /// Loss in the good state (netem's `1-k`); none, by default.
    pub loss_good: Prob,
}

impl fmt::Display for Loss {
    /// `1 %`, or `in bursts (p 1 %, r 20 %)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Loss::Bernoulli(p) => write!(f, "{p}"),
            Loss::GilbertElliott(model) => write!(f, "in bursts (p {}, r {})", model.p, model.r),
        }
    }
}

impl Loss {
    /// Each packet is lost with this probability, whatever befalls the others.
    pub fn independent(probability: Prob) -> Loss {
        Loss::Bernoulli(probability)
    }

    /// The random loss models that there are.
    pub const NAMES: &'static [&'static str] = &["bernoulli", "gilbert_elliott"];

    /// The model of a name, with the parameters that `params` gives.
    pub fn read(name: &str, params: &mut dyn Params) -> Option<Loss> {
        match name {
            "bernoulli" => Some(Loss::Bernoulli(params.prob("p", None, "probability that a packet is lost"))),
            "gilbert_elliott" => {
                let p = params.prob("p", None, "probability to turn from good to bad, before each packet");
                let rest = Prob::from_parts(Prob::ONE_PARTS - p.parts()).expect("one minus a probability is one");
                Some(Loss::GilbertElliott(GilbertElliott {
                    p,
                    r: params.prob("r", Some(rest), "probability to turn from bad to good; 1 - p by default"),
                    loss_bad: params.prob("1-h", Some(Prob::ONE), "loss in the bad state"),
                    loss_good: params.prob("1-k", Some(Prob::ZERO), "loss in the good state"),
                }))
            }
            _ => None,
        }
    }
}

impl Loss {
    /// Whether it can lose nothing at all.
    pub fn is_never(&self) -> bool {
        match self {
            Loss::Bernoulli(p) => *p == Prob::ZERO,
            Loss::GilbertElliott(model) => {
                let bad = model.p != Prob::ZERO && model.loss_bad != Prob::ZERO;
                !bad && model.loss_good == Prob::ZERO
            }
        }
    }
}

/// The state of a random loss model.
#[derive(Debug, Default)]
pub(super) struct LossState {
    bad: bool,
}

impl LossState {
    pub fn takes(&mut self, loss: &Loss, rng: &mut Rng) -> bool {
        match loss {
            Loss::Bernoulli(p) => rng.chance(*p),
            Loss::GilbertElliott(model) => {
                // The order of draws is netem's loss_gilb_ell: the state moves, then the loss is drawn by the state that was left.
                if self.bad {
                    self.bad = !rng.chance(model.r);
                    rng.chance(model.loss_bad)
                } else {
                    self.bad = rng.chance(model.p);
                    rng.chance(model.loss_good)
                }
            }
        }
    }
}

/// An exact list: these packets of a flow and class, counted from 1 in this direction, retransmissions counted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForcedLoss {
    /// The workload flow plus one; `None` counts packets of all flows together.
    pub flow: Option<u32>,
    /// The class that is counted.
    pub class: PacketClass,
    /// Their numbers, sorted.
    pub numbers: Vec<u64>,
}

#[derive(Debug, Default)]
pub(super) struct ForcedState {
    seen: u64,
}

impl ForcedState {
    pub fn takes(&mut self, rule: &ForcedLoss, flow: u32, class: PacketClass) -> bool {
        if rule.class != class || rule.flow.is_some_and(|wanted| wanted != flow) {
            return false;
        }
        self.seen += 1;
        rule.numbers.binary_search(&self.seen).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    fn per_mille(n: u64) -> Prob {
        Prob::from_parts(n * Prob::ONE_PARTS / 1000).expect("a probability")
    }

    #[test]
    fn gilbert_elliott_loses_p_over_p_plus_r_in_bursts_of_one_over_r() {
        let loss = Loss::GilbertElliott(GilbertElliott {
            p: per_mille(10),
            r: per_mille(200),
            loss_bad: Prob::ONE,
            loss_good: Prob::ZERO,
        });
        let mut rng = Streams::new(3).open("ge");
        let mut state = LossState::default();
        let n = 400_000;
        let lost: Vec<bool> = (0..n).map(|_| state.takes(&loss, &mut rng)).collect();
        let total = lost.iter().filter(|lost| **lost).count();
        let bursts = lost.windows(2).filter(|pair| !pair[0] && pair[1]).count();
        // Stationary: 10 / 210 = 4.76 %; mean burst 5.
        assert!((total * 10_000 / n).abs_diff(476) < 25, "{total}");
        assert!((total * 100 / bursts).abs_diff(500) < 20, "{total} in {bursts}");
    }
}
