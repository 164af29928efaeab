//! Filters of both versions of BBR: the largest of a window of rounds, and how much more than the bandwidth explains acknowledgements bring at
//! once.

use sim_core::Time;

use super::super::Sample;

/// Fraction bits of a bandwidth, which is in segments for a microsecond.
pub(in crate::tcp::cc) const BW_BITS: u32 = 24;

/// The largest value of a window of rounds, from three of its parts (K. Nichols' filter, Linux's win_minmax.c).
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tcp::cc) struct WindowedMax([(u64, u64); 3]);

impl WindowedMax {
    pub fn get(&self) -> u64 {
        self.0[0].1
    }

    /// A value of a round.
    pub fn add(&mut self, window: u64, round: u64, value: u64) {
        let new = (round, value);
        let best = &mut self.0;
        if value >= best[0].1 || round - best[2].0 > window {
            *best = [new; 3];
            return;
        }
        if value >= best[1].1 {
            (best[1], best[2]) = (new, new);
        } else if value >= best[2].1 {
            best[2] = new;
        }
        let age = round - best[0].0;
        if age > window {
            // The best is too old: the second takes its place; it may be too old as well.
            *best = [best[1], best[2], new];
            if round - best[0].0 > window {
                *best = [best[1], best[2], new];
            }
        } else if best[1].0 == best[0].0 && age > window / 4 {
            (best[1], best[2]) = (new, new);
        } else if best[2].0 == best[1].0 && age > window / 2 {
            best[2] = new;
        }
    }
}

/// An epoch of that many segments is too old.
const EPOCH_MAX: u64 = 1 << 20;

/// A time in which acknowledgements brought more than a bandwidth explains.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::tcp::cc) struct Epoch {
    since: Time,
    acked: u64,
}

impl Epoch {
    pub fn restart(&mut self, now: Time) {
        (self.since, self.acked) = (now, 0);
    }

    /// So many segments more are acknowledged: how many of the epoch's are beyond what the bandwidth explains. It begins anew where none were.
    pub fn extra(&mut self, now: Time, acked: u32, bandwidth: u64) -> u64 {
        let acked = u64::from(acked);
        let mut expected = segments(bandwidth, now.since(self.since).us());
        if self.acked <= expected || self.acked + acked >= EPOCH_MAX {
            self.restart(now);
            expected = 0;
        }
        self.acked = (self.acked + acked).min(EPOCH_MAX - 1);
        self.acked.saturating_sub(expected)
    }
}

/// Rounds of each half of the window of aggregation.
const WINDOW_ROUNDS: u32 = 5;
/// The room for aggregation is 100 ms of the bandwidth at the most.
const ROOM_US: u64 = 100_000;

/// Segments that were acknowledged beyond what the bandwidth explains.
#[derive(Clone, Debug, Default)]
pub(super) struct Aggregation {
    epoch: Epoch,
    /// The most of the present and of the last window of rounds.
    extra: [u64; 2],
    index: usize,
    rounds: u32,
}

impl Aggregation {
    pub fn restart(&mut self, now: Time) {
        self.epoch.restart(now);
    }

    pub fn sample(&mut self, sample: &Sample, bandwidth: u64, cwnd: u32, round_start: bool) {
        if round_start {
            self.rounds += 1;
            if self.rounds >= WINDOW_ROUNDS {
                self.rounds = 0;
                self.index ^= 1;
                self.extra[self.index] = 0;
            }
        }
        let extra = self.epoch.extra(sample.path.now, sample.acked, bandwidth).min(cwnd.into());
        self.extra[self.index] = self.extra[self.index].max(extra);
    }

    /// Segments of window for it.
    pub fn room(&self, bandwidth: u64) -> u32 {
        self.extra[0].max(self.extra[1]).min(segments(bandwidth, ROOM_US)) as u32
    }
}

/// Segments that a bandwidth carries in a time.
fn segments(bandwidth: u64, us: u64) -> u64 {
    ((u128::from(bandwidth) * u128::from(us)) >> BW_BITS) as u64
}
