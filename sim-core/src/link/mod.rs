//! What a link does to packets beyond carrying them: loss, jitter, reordering, duplication, corruption. Each has its own random stream; one
//! that is off draws nothing. A packet goes through them in this order:
//!
//! 1. The exact list may take it as it is handed to the port: it takes no room in the queue and no link time.
//! 2. Duplication, there too: the copy is handed over right behind it, with an identity of its own, and is not duplicated again.
//! 3. The queue discipline.
//! 4. The wire, for packets that the queue lets through alone: loss (the packet takes link time and does not arrive), corruption, jitter,
//!    overtaking. What a discipline decides at arrival is drawn there and then, otherwise at departure.
//!
//! Jitter only adds to the delay; overtaking shortens it by a known span. [`Impairments::least_delay`] is what look-ahead may rely on.

mod jitter;
mod loss;
mod reorder;
mod trace;

pub use jitter::{Jitter, JitterShape};
pub use loss::{ForcedLoss, GilbertElliott, Loss};
pub use reorder::Reorder;
pub use trace::{Trace, TraceError};

pub(crate) use trace::TraceCursor;

use crate::packet::PacketClass;
use crate::params::{ParamHelp, describe};
use crate::qdisc::Entry;
use crate::rng::{Rng, Streams};
use crate::time::Span;
use crate::units::Prob;

/// The models that there are.
pub const LINK_MODELS: &[Entry] = &[
    Entry { name: "loss.bernoulli", help: "each packet is lost independently with probability p" },
    Entry {
        name: "loss.gilbert_elliott",
        help: "netem's four parameters: p and r between a good and a bad state, 1-h and 1-k their loss",
    },
    Entry {
        name: "loss.list",
        help: "exactly these packets: data segments of a flow by number, or a class such as the first SYN",
    },
    Entry {
        name: "jitter",
        help: "extra delay, uniform, normal or exponential; keeps packets in order unless told otherwise",
    },
    Entry {
        name: "reorder",
        help: "some packets overtake: no jitter and less delay, one in `gap` at the most, with probability p (netem)",
    },
    Entry { name: "duplicate", help: "a packet arrives twice, with probability p" },
    Entry {
        name: "corrupt",
        help: "one bit of a packet flips, with probability p; the receiver's checksum catches it",
    },
    Entry { name: "trace", help: "a rate from a file of delivery opportunities, one millisecond stamp a line" },
];

/// Everything that a link direction may do.
#[derive(Clone, Debug, Default)]
pub struct Impairments {
    /// Random loss.
    pub loss: Option<Loss>,
    /// Exact loss, before the queue.
    pub forced: Vec<ForcedLoss>,
    /// Extra delay.
    pub jitter: Option<Jitter>,
    /// Packets that overtake.
    pub reorder: Option<Reorder>,
    /// The probability of a second copy.
    pub duplicate: Prob,
    /// The probability of a flipped bit.
    pub corrupt: Prob,
}

impl Impairments {
    /// Whether there are any.
    pub fn any(&self) -> bool {
        self.loss.is_some()
            || !self.forced.is_empty()
            || self.jitter.is_some()
            || self.reorder.is_some()
            || [self.duplicate, self.corrupt].iter().any(|p| *p != Prob::ZERO)
    }

    /// Whether packets may arrive in another order than they were sent.
    pub fn reorders(&self) -> bool {
        self.reorder.is_some() || self.jitter.as_ref().is_some_and(|jitter| jitter.reorder)
    }

    /// The shortest time that a packet takes over a link of this propagation delay.
    pub fn least_delay(&self, delay: Span) -> Span {
        self.reorder.map_or(delay, |reorder| reorder.shortened(delay))
    }
}

/// What befalls one packet on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fate {
    pub lost: bool,
    pub flipped_bit: Option<u32>,
    /// What jitter adds to the delay.
    pub extra: Span,
    /// Whether it arrives early, past others.
    pub overtakes: bool,
}

/// The state of a direction's models.
#[derive(Debug)]
pub(crate) struct Wire {
    pub config: Impairments,
    loss: loss::LossState,
    forced: Vec<loss::ForcedState>,
    reorder: reorder::ReorderState,
    rngs: WireStreams,
}

#[derive(Debug)]
struct WireStreams {
    loss: Rng,
    jitter: Rng,
    reorder: Rng,
    duplicate: Rng,
    corrupt: Rng,
}

impl Wire {
    pub fn new(config: Impairments, name: &str, streams: &Streams) -> Wire {
        let open = |what: &str| streams.open(&format!("link/{name}/{what}"));
        Wire {
            loss: loss::LossState::default(),
            forced: config.forced.iter().map(|_| loss::ForcedState::default()).collect(),
            reorder: reorder::ReorderState::default(),
            rngs: WireStreams {
                loss: open("loss"),
                jitter: open("jitter"),
                reorder: open("reorder"),
                duplicate: open("duplicate"),
                corrupt: open("corrupt"),
            },
            config,
        }
    }

    /// Whether an exact list takes this packet before the queue.
    pub fn forced(&mut self, flow: u32, class: PacketClass) -> bool {
        let mut taken = false;
        for (rule, state) in self.config.forced.iter().zip(&mut self.forced) {
            taken |= state.takes(rule, flow, class);
        }
        taken
    }

    /// Draws whether a packet comes twice.
    pub fn duplicates(&mut self) -> bool {
        self.config.duplicate != Prob::ZERO && self.rngs.duplicate.chance(self.config.duplicate)
    }

    /// Draws what befalls a packet of so many bytes.
    pub fn fate(&mut self, bytes: u32) -> Fate {
        let mut fate = Fate::default();
        if let Some(loss) = &self.config.loss {
            fate.lost = self.loss.takes(loss, &mut self.rngs.loss);
        }
        if self.config.corrupt != Prob::ZERO && self.rngs.corrupt.chance(self.config.corrupt) {
            fate.flipped_bit = Some(self.rngs.corrupt.below(u64::from(bytes) * 8) as u32);
        }
        if let Some(jitter) = &self.config.jitter {
            fate.extra = jitter.draw(&mut self.rngs.jitter);
        }
        if let Some(reorder) = &self.config.reorder
            && self.reorder.takes(reorder, &mut self.rngs.reorder)
        {
            fate.overtakes = true;
            fate.extra = Span::ZERO;
        }
        fate
    }
}

/// The parameters of one of [`LINK_MODELS`], for `clockwire list`.
pub fn link_model_parameters(name: &str) -> Vec<ParamHelp> {
    describe(|params| match name {
        _ if name.starts_with("loss.") => {
            // The exact list has no parameters of this kind: its lines are read where flows have names.
            Loss::read(&name["loss.".len()..], params);
        }
        "jitter" => {
            Jitter::read(JitterShape::Normal, params);
        }
        "reorder" => {
            Reorder::read(params);
        }
        "duplicate" | "corrupt" => {
            params.prob("p", None, "probability for each packet");
        }
        _ => {}
    })
}
