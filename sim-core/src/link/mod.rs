//! What a link does to packets beyond carrying them: loss, jitter, reordering, duplication, corruption. Each has its own random stream; one
//! that is off draws nothing. They act on the wire: a packet lost there has taken link time. Only the exact list acts before the queue and takes none.

mod jitter;
mod loss;
mod trace;

pub use jitter::{Jitter, JitterShape};
pub use loss::{ForcedLoss, GilbertElliott, Loss};
pub use trace::{Trace, TraceError};

pub(crate) use trace::TraceCursor;

use crate::packet::PacketClass;
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
    Entry { name: "reorder", help: "a packet overtakes: it skips the jitter and the order, with probability p" },
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
    /// The probability that a packet overtakes those before it: it is sent with the base delay, and order is not kept.
    pub reorder: Prob,
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
            || [self.reorder, self.duplicate, self.corrupt].iter().any(|p| *p != Prob::ZERO)
    }

    /// Whether packets may arrive in another order than they were sent.
    pub fn reorders(&self) -> bool {
        self.reorder != Prob::ZERO || self.jitter.as_ref().is_some_and(|jitter| jitter.reorder)
    }
}

/// What befalls one packet on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Fate {
    pub lost: bool,
    pub flipped_bit: Option<u32>,
    pub extra: Span,
}

/// The state of a direction's models.
#[derive(Debug)]
pub(crate) struct Wire {
    pub config: Impairments,
    loss: loss::LossState,
    forced: Vec<loss::ForcedState>,
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
        if self.config.reorder != Prob::ZERO && self.rngs.reorder.chance(self.config.reorder) {
            fate.extra = Span::ZERO;
        }
        fate
    }
}
