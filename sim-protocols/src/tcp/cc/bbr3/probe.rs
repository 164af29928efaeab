//! ProbeBW (§5.3.3): DOWN, CRUISE, REFILL, UP, and what they learn of how much may be in flight.

use sim_core::{Span, Streams, Time};

use super::super::{Delivery, INFINITE, Sample, Window};
use super::{Model, State, rate_of};

/// §5.3.3.8: the time between probes is 2 to 3 s, or as many round trips as Reno would need for one loss, 63 at the most.
const WAIT: Span = Span::from_secs(2);
const WAIT_RANDOM_US: u64 = 1_000_000;
const RENO_ROUNDS: u32 = 63;
/// §5.3.3.9: the bound grows by 2^30 segments a round trip at the most.
const UP_ROUNDS: u32 = 30;

/// What acknowledgements tell of a probe (§2.14).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Acks {
    /// Nothing.
    Init,
    /// They are of what fills the pipe.
    Refilling,
    /// What was sent faster is not acknowledged yet.
    Starting,
    /// They are of what was sent faster.
    Feedback,
    /// They still are, though it is sent no longer.
    Stopping,
}

/// Transitions (§5.3.3.9).
impl Model {
    pub(super) fn start_down(&mut self, now: Time, delivered: u64) {
        // `ResetCongestionSignals`.
        self.loss_in_round = false;
        self.latest = super::Latest::default();
        self.up_acked_per_segment = INFINITE;
        self.pick_wait();
        self.cycle_since = now;
        self.acks = Acks::Stopping;
        self.start_round(delivered);
        self.state = State::Down;
    }

    pub(super) fn start_refill(&mut self, delivered: u64) {
        self.reset_shortterm();
        (self.up_rounds, self.up_acked) = (0, 0);
        self.probe_precautionary = false;
        self.acks = Acks::Refilling;
        self.start_round(delivered);
        self.state = State::Refill;
    }

    fn start_up(&mut self, cwnd: u32, delivered: u64, delivery: Option<&Delivery>) {
        self.acks = Acks::Starting;
        self.start_round(delivered);
        self.full.search_from(delivery.map_or(0, rate_of));
        self.state = State::Up;
        self.raise_slope(cwnd);
    }

    /// §5.3.3.8, `PickProbeWait`: both times are drawn, so that flows mix.
    fn pick_wait(&mut self) {
        let seed = self.seed;
        let rng = self.rng.get_or_insert_with(|| Box::new(Streams::new(seed.into()).open("tcp/cc/bbr3/probe")));
        self.rounds_since_probe = rng.below(2) as u32;
        self.probe_wait = WAIT + Span::from_us(rng.below(WAIT_RANDOM_US + 1));
    }

    /// §5.3.3.9, `UpdateProbeBWCyclePhase`.
    pub(super) fn advance_cycle(&mut self, window: &Window, sample: &Sample, delivery: Option<&Delivery>) {
        if !self.full.reached || self.adapt_longterm(window, sample, delivery) {
            return;
        }
        let (now, delivered) = (sample.path.now, sample.delivered);
        match self.state {
            State::Down | State::Cruise if self.is_time_to_probe(now, window.cwnd) => self.start_refill(delivered),
            State::Down if self.is_time_to_cruise(sample.in_flight) => self.state = State::Cruise,
            State::Refill if self.round_start => {
                self.probe_sample = true;
                self.start_up(window.cwnd, delivered, delivery);
            }
            State::Up => self.look_for_end(window, sample, delivery),
            _ => {}
        }
    }

    fn is_time_to_probe(&self, now: Time, cwnd: u32) -> bool {
        let rounds = self.target_inflight(cwnd).min(RENO_ROUNDS);
        now > self.cycle_since + self.probe_wait || self.rounds_since_probe >= rounds
    }

    fn is_time_to_cruise(&self, in_flight: u32) -> bool {
        in_flight <= self.inflight_with_headroom() && in_flight <= self.inflight(self.max_bandwidth(), 100)
    }

    /// `IsTimeToGoDown`, and what follows.
    fn look_for_end(&mut self, window: &Window, sample: &Sample, delivery: Option<&Delivery>) {
        // §5.3.3.6: the last probe went too high, so this one goes no higher. What was in flight before the acknowledgement counts (as in
        // Linux): behind it there is always less than a window.
        let risky = self.probe_too_high && sample.prior_in_flight >= self.inflight_longterm;
        self.probe_precautionary |= risky;
        if !risky && sample.path.cwnd_limited && window.cwnd >= self.inflight_longterm {
            // The bound, not the path, limits the bandwidth.
            self.full.search_from(delivery.map_or(0, rate_of));
        } else if risky || self.full.now {
            self.probe_too_high = false;
            self.start_down(sample.path.now, sample.delivered);
        }
    }
}

/// How much may be in flight in the long term (§5.3.3.5, §5.3.3.9).
impl Model {
    /// `RaiseInflightLongtermSlope`: each round trip the bound grows twice as fast.
    fn raise_slope(&mut self, cwnd: u32) {
        self.up_acked_per_segment = (cwnd >> self.up_rounds).max(1);
        self.up_rounds = (self.up_rounds + 1).min(UP_ROUNDS);
    }

    /// `ProbeInflightLongtermUpward`.
    fn raise_longterm(&mut self, window: &Window, sample: &Sample) {
        if !sample.path.cwnd_limited || window.cwnd < self.inflight_longterm {
            return;
        }
        self.up_acked += sample.acked;
        let more = self.up_acked / self.up_acked_per_segment;
        self.up_acked -= more * self.up_acked_per_segment;
        self.inflight_longterm = (self.inflight_longterm + more).min(INFINITE - 1);
        if self.round_start {
            self.raise_slope(window.cwnd);
        }
    }

    /// `AdaptLongTermModel`. Returns whether the state has changed.
    fn adapt_longterm(&mut self, window: &Window, sample: &Sample, delivery: Option<&Delivery>) -> bool {
        if self.acks == Acks::Starting && self.round_start {
            self.acks = Acks::Feedback;
        }
        if self.acks == Acks::Stopping && self.round_start {
            self.probe_sample = false;
            self.acks = Acks::Init;
            if self.state.probes_bandwidth() {
                if delivery.is_some_and(|delivery| !delivery.app_limited) {
                    self.advance_bandwidth();
                }
                // §5.3.3.6: as nothing too much was lost where it had turned back, it goes on at once.
                if self.probe_precautionary && !self.probe_too_high {
                    self.start_refill(sample.delivered);
                    return true;
                }
            }
        }
        let Some(delivery) = delivery else { return false };
        if self.inflight_longterm == INFINITE || self.is_too_high(delivery.in_flight, delivery.lost, sample.path.sack) {
            return false;
        }
        self.inflight_longterm = self.inflight_longterm.max(delivery.in_flight);
        if self.state == State::Up {
            self.raise_longterm(window, sample);
        }
        false
    }
}
