//! What losses, marks and needless reductions do to the model (§5.5.10, §5.5.11, §5.3.1.3, §3.7).

use sim_core::Prob;

use super::super::{Delivery, INFINITE, Lost, Sample, Window};
use super::control::percent_of;
use super::{BETA_PERCENT, Latest, Model, State, UNBOUNDED, rate_of};
use crate::tcp::Phase;

/// §5.3.1.3: ranges of lost segments in a round trip that end Startup.
const STARTUP_RANGES: u32 = 6;

/// What comes back when losses prove to be none (§2.15).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Undo {
    /// The state that losses have ended.
    state: Option<State>,
    bandwidth_shortterm: u64,
    inflight_shortterm: u32,
    inflight_longterm: u32,
}

impl Model {
    /// §5.5.10.2, `NoteLoss`.
    fn note_loss(&mut self, cwnd: u32, delivered: u64) {
        if !self.loss_in_round {
            self.loss_round_end = delivered;
            self.save_state(cwnd);
        }
        self.loss_in_round = true;
    }

    /// §5.5.11.1.
    pub(super) fn save_state(&mut self, cwnd: u32) {
        self.save_cwnd(cwnd);
        self.undo = Undo {
            state: None,
            bandwidth_shortterm: self.bandwidth_shortterm,
            inflight_shortterm: self.inflight_shortterm,
            inflight_longterm: self.inflight_longterm,
        };
    }

    /// §5.5.10.2, `IsInflightTooHigh`: of so many in flight so many were lost.
    pub(super) fn is_too_high(&self, in_flight: u32, lost: u64, sack: bool) -> bool {
        let (lost_parts, threshold) = self.against_threshold(lost, in_flight.into());
        lost_parts > threshold || lost > 0 && !sack
    }

    /// What was lost, and what the threshold is of so many in flight, in the parts of a share.
    fn against_threshold(&self, lost: u64, in_flight: u64) -> (u128, u128) {
        let parts = u128::from(self.config.loss_threshold.parts());
        (u128::from(lost) * u128::from(Prob::ONE_PARTS), u128::from(in_flight) * parts)
    }

    /// §5.5.10.2, `HandleLostPacket`.
    pub(super) fn lose(&mut self, cwnd: u32, lost: &Lost) {
        self.told_loss = false;
        self.note_loss(cwnd, lost.delivered);
        if self.loss_range_end.replace(lost.end) != Some(lost.seq) {
            self.loss_ranges += 1;
        }
        if self.probe_sample && self.is_too_high(lost.in_flight, lost.lost, lost.sack) {
            let in_flight = self.inflight_at_loss(lost);
            self.probe_was_too_high(cwnd, in_flight, lost.app_limited, (lost.now, lost.delivered));
        }
    }

    /// §5.5.10.2, `InflightAtLoss`: how much was in flight when losses passed the threshold. A segment leaves by itself here, so its prefix is
    /// the segment or nothing; it is none, not less than none, where those before it were too many already (as in Linux).
    fn inflight_at_loss(&self, lost: &Lost) -> u32 {
        let (in_flight, lost) = (lost.in_flight.saturating_sub(1), lost.lost.saturating_sub(1));
        let (lost, threshold) = self.against_threshold(lost, in_flight.into());
        let rest = Prob::ONE_PARTS - self.config.loss_threshold.parts();
        let prefix = threshold.saturating_sub(lost) / u128::from(rest);
        in_flight + prefix.min(1) as u32
    }

    /// §5.5.10.2, `HandleInflightTooHigh`.
    fn probe_was_too_high(&mut self, cwnd: u32, in_flight: u32, app_limited: bool, at: (sim_core::Time, u64)) {
        self.probe_too_high = true;
        self.probe_sample = false;
        if !app_limited {
            self.inflight_longterm = in_flight.max(percent_of(self.target_inflight(cwnd), BETA_PERCENT));
        }
        if self.state == State::Up {
            self.undo.state = Some(State::Up);
            self.start_down(at.0, at.1);
        }
    }

    /// What was told since the last sample and could not be acted on without one.
    pub(super) fn take_told(&mut self, window: &mut Window, sample: &Sample) {
        let at = (sample.path.now, sample.delivered);
        if std::mem::take(&mut self.told_loss) {
            self.note_loss(window.cwnd, sample.delivered);
        }
        if std::mem::take(&mut self.told_mark) {
            self.take_mark(window.cwnd, sample);
        }
        if std::mem::take(&mut self.told_undo) {
            self.take_undo(window, at.1);
        }
    }

    /// §3.7: a mark is congestion: as much of it as losses beyond the threshold.
    fn take_mark(&mut self, cwnd: u32, sample: &Sample) {
        let at = (sample.path.now, sample.delivered);
        self.note_loss(cwnd, sample.delivered);
        // No mark proves needless.
        self.undo.state = None;
        if self.state == State::Startup {
            self.leave_startup();
        } else if self.probe_sample {
            let delivery = sample.delivery.as_ref();
            let in_flight = delivery.map_or(sample.prior_in_flight, |delivery| delivery.in_flight);
            let app_limited = delivery.is_some_and(|delivery| delivery.app_limited);
            self.probe_was_too_high(cwnd, in_flight, app_limited, at);
            self.undo.state = None;
        }
    }

    /// §5.5.11.2.
    fn take_undo(&mut self, window: &mut Window, delivered: u64) {
        window.cwnd = window.cwnd.max(self.prior_cwnd);
        self.loss_in_round = false;
        self.full.search_from(0);
        self.bandwidth_shortterm = self.bandwidth_shortterm.max(self.undo.bandwidth_shortterm);
        self.inflight_shortterm = self.inflight_shortterm.max(self.undo.inflight_shortterm);
        self.inflight_longterm = self.inflight_longterm.max(self.undo.inflight_longterm);
        match self.undo.state.take() {
            Some(State::Startup) if self.state != State::Startup => {
                self.full.reached = false;
                if self.state != State::ProbeRtt {
                    self.state = State::Startup;
                }
            }
            Some(State::Up) if !matches!(self.state, State::Up | State::ProbeRtt) => self.start_refill(delivered),
            _ => {}
        }
    }

    /// §5.5.10.3, `UpdateLatestDeliverySignals`.
    pub(super) fn update_latest(&mut self, delivery: Option<&Delivery>, delivered: u64) {
        self.loss_round_start = false;
        let Some(delivery) = delivery else { return };
        self.latest.bandwidth = self.latest.bandwidth.max(rate_of(delivery));
        self.latest.inflight = self.latest.inflight.max(delivery.segments as u32);
        if delivery.prior >= self.loss_round_end {
            self.loss_round_end = delivered;
            self.loss_round_start = true;
        }
    }

    /// §5.5.10.3, `AdvanceLatestDeliverySignals`.
    pub(super) fn advance_latest(&mut self, delivery: Option<&Delivery>) {
        if let Some(delivery) = delivery.filter(|_| self.loss_round_start) {
            self.latest = Latest { bandwidth: rate_of(delivery), inflight: delivery.segments as u32 };
        }
    }

    /// §5.5.10.3, `UpdateCongestionSignals`: once in a round with losses, unless it accelerates, the short-term bounds come down to what was
    /// delivered, by 0.7 at the most.
    pub(super) fn adapt_shortterm(&mut self, cwnd: u32) {
        if !self.loss_round_start {
            return;
        }
        if self.loss_in_round && !self.state.accelerates() {
            if self.bandwidth_shortterm == UNBOUNDED {
                self.bandwidth_shortterm = self.max_bandwidth();
            }
            if self.inflight_shortterm == INFINITE {
                self.inflight_shortterm = cwnd;
            }
            let fallen = self.bandwidth_shortterm / 100 * BETA_PERCENT;
            self.bandwidth_shortterm = self.latest.bandwidth.max(fallen);
            self.inflight_shortterm = self.latest.inflight.max(percent_of(self.inflight_shortterm, BETA_PERCENT));
        }
        self.loss_in_round = false;
    }

    pub(super) fn reset_shortterm(&mut self) {
        (self.bandwidth_shortterm, self.inflight_shortterm) = (UNBOUNDED, INFINITE);
    }

    /// §5.3.1.3: a round of fast recovery with more than 2 % lost, in six ranges or more; without SACK any loss in fast recovery.
    pub(super) fn look_for_startup_loss(&mut self, delivery: Option<&Delivery>, sample: &Sample) {
        let sack = sample.path.sack;
        if self.state == State::Startup && sample.phase == Phase::Recovery {
            let high = |delivery: &Delivery| self.is_too_high(delivery.in_flight, delivery.lost, sack);
            let lossy = self.loss_round_start && self.loss_ranges >= STARTUP_RANGES && delivery.is_some_and(high);
            if lossy || !sack && self.loss_ranges > 0 {
                self.leave_startup();
                self.undo.state = Some(State::Startup);
            }
        }
        if self.loss_round_start {
            (self.loss_ranges, self.loss_range_end) = (0, None);
        }
    }

    fn leave_startup(&mut self) {
        self.full.reached = true;
        self.inflight_longterm = self.product(self.bandwidth, 100).max(self.latest.inflight);
    }
}
