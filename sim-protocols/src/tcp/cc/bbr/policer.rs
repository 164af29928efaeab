//! Long-term sampling: two intervals in a row with much loss and the same rate mean a token-bucket policer, whose rate is what they have delivered.

use sim_core::Time;

use super::super::Sample;
use super::{BW_BITS, MARGIN_PERCENT, UNIT};

/// Rounds of an interval, at the least; four times as many at the most.
const ROUNDS_MIN: u32 = 4;
/// Lost for delivered, in parts of 256, from which an interval is lossy: a fifth.
const LOSSY: u64 = 50;
/// Two rates are the same within an eighth, or within 4 kbit/s.
const SAME_PARTS: u64 = UNIT / 8;
const SAME_BYTES: u64 = 4000 / 8;
/// How many rounds the rate is held.
const HELD_ROUNDS: u32 = 48;

#[derive(Clone, Debug)]
pub(super) struct Policer {
    enabled: bool,
    sampling: bool,
    /// The rate of the last interval; and whether that is what to send at.
    bandwidth: u64,
    holds: bool,
    rounds: u32,
    /// The interval's start.
    since: Time,
    delivered: u64,
    lost: u64,
    /// The last that was heard: time, delivered, lost.
    last: (Time, u64, u64),
}

impl Policer {
    pub fn new(enabled: bool) -> Policer {
        Policer {
            enabled,
            sampling: false,
            bandwidth: 0,
            holds: false,
            rounds: 0,
            since: Time::ZERO,
            delivered: 0,
            lost: 0,
            last: (Time::ZERO, 0, 0),
        }
    }

    /// The rate of a policer, while one is believed in.
    pub fn rate(&self) -> Option<u64> {
        self.holds.then_some(self.bandwidth)
    }

    /// A round at the held rate has passed; whether it was the last.
    pub fn round_is_last(&mut self) -> bool {
        self.rounds += 1;
        self.rounds >= HELD_ROUNDS
    }

    /// Forgets everything.
    pub fn reset(&mut self, sample: &Sample) {
        self.last = (sample.path.now, sample.delivered, sample.lost);
        self.forget();
    }

    fn forget(&mut self) {
        (self.bandwidth, self.holds, self.sampling) = (0, false, false);
        self.begin_interval();
    }

    fn begin_interval(&mut self) {
        (self.since, self.delivered, self.lost) = self.last;
        self.rounds = 0;
    }

    /// An acknowledgement. Returns whether a policer is now believed in.
    pub fn sample(&mut self, sample: &Sample, app_limited: bool, round_start: bool, mss: u64) -> bool {
        self.last = (sample.path.now, sample.delivered, sample.lost);
        self.look(sample.losses > 0, app_limited, round_start, mss)
    }

    /// A time-out counts as a loss at the end of a round.
    pub fn time_out(&mut self, mss: u64) -> bool {
        self.look(true, false, true, mss)
    }

    fn look(&mut self, losses: bool, app_limited: bool, round_start: bool, mss: u64) -> bool {
        // The first loss says that the policer's tokens are spent.
        if !self.enabled || !self.sampling && !losses {
            return false;
        }
        if !self.sampling {
            self.begin_interval();
            self.sampling = true;
        }
        if app_limited {
            self.forget();
            return false;
        }
        self.rounds += u32::from(round_start);
        if self.rounds < ROUNDS_MIN {
            return false;
        }
        if self.rounds > 4 * ROUNDS_MIN {
            self.forget();
            return false;
        }
        let (now, delivered, lost) = self.last;
        let (delivered, lost) = (delivered - self.delivered, lost.saturating_sub(self.lost));
        // An interval ends with a loss, for then the tokens are spent again.
        if !losses || delivered == 0 || (lost << 8) < LOSSY * delivered {
            return false;
        }
        let ms = now.ms().saturating_sub(self.since.ms());
        if ms == 0 {
            return false;
        }
        self.interval_is_over((delivered << BW_BITS) / (ms * 1000), mss)
    }

    fn interval_is_over(&mut self, bandwidth: u64, mss: u64) -> bool {
        if self.bandwidth > 0 {
            let apart = bandwidth.abs_diff(self.bandwidth);
            let bytes = (u128::from(apart * mss) * u128::from(10_000 * (100 - MARGIN_PERCENT))) >> BW_BITS;
            if apart * UNIT <= SAME_PARTS * self.bandwidth || bytes <= u128::from(SAME_BYTES) {
                self.bandwidth = (bandwidth + self.bandwidth) / 2;
                self.holds = true;
                self.rounds = 0;
                return true;
            }
        }
        self.bandwidth = bandwidth;
        self.begin_interval();
        false
    }
}
