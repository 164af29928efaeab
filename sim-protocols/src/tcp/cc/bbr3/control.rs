//! Control parameters (§5.6): the pacing rate and the window.

use sim_core::Prob;

use super::super::bbr::filters::BW_BITS;
use super::super::{INFINITE, Path, Sample, Window};
use super::{CWND_MIN, Model, State};
use crate::tcp::Phase;

/// §2.5: it is paced by so much below the bandwidth.
const MARGIN_PERCENT: u64 = 1;
/// §5.6.3: a quantum is what leaves in a millisecond, 64 kB at the most and two segments at the least.
const QUANTUM_BYTES: u64 = 65_536;
const QUANTUM_SEGMENTS: u64 = 2;
/// §5.5.8.1: one waits at the host, one is cut to segments, one is not acknowledged yet.
const QUANTA: u64 = 3;

/// Whether recovery of any kind goes on.
pub(super) fn recovers(phase: Phase) -> bool {
    matches!(phase, Phase::Recovery | Phase::Loss)
}

/// Part of a volume, rounded down.
pub(super) fn percent_of(volume: u32, percent: u64) -> u32 {
    (u64::from(volume) * percent / 100) as u32
}

/// Such a share of a volume.
fn share_of(volume: u32, share: Prob) -> u32 {
    (u128::from(volume) * u128::from(share.parts()) / u128::from(Prob::ONE_PARTS)) as u32
}

/// Rates.
impl Model {
    /// A bandwidth in bytes a second, less the margin.
    fn bytes_a_second(&self, bandwidth: u64, percent: u64) -> u64 {
        let rate = u128::from(bandwidth) * u128::from(self.mss) * u128::from(percent);
        u64::try_from((rate * u128::from(100 * (100 - MARGIN_PERCENT))) >> BW_BITS).unwrap_or(u64::MAX)
    }

    /// §5.6.2, `InitPacingRate`: the first window in a round trip; in a millisecond where none is known.
    pub(super) fn first_rate(&mut self, cwnd: u32, path: &Path) {
        self.saw_rtt = path.srtt.is_some();
        let us = path.srtt.map_or(1000, |srtt| srtt.us().max(1));
        self.rate = Some(self.bytes_a_second((u64::from(cwnd) << BW_BITS) / us, State::Startup.gains().0));
    }

    /// §5.6.2, `SetPacingRateWithGain`.
    pub(super) fn set_rate(&mut self, cwnd: u32, path: &Path, percent: u64) {
        if !self.saw_rtt && path.srtt.is_some() {
            self.first_rate(cwnd, path);
        }
        let rate = self.bytes_a_second(self.bandwidth, percent);
        // Before the pipe was full it never slows down.
        if self.full.reached || self.rate.is_none_or(|before| rate > before) {
            self.rate = Some(rate);
        }
    }
}

/// Volumes.
impl Model {
    /// §5.6.4.2, `BDPMultiple`; rounded up.
    pub(super) fn product(&self, bandwidth: u64, percent: u64) -> u32 {
        let Some(min_rtt) = self.trips.min_us else { return self.initial_window };
        let scaled = u128::from(bandwidth) * u128::from(min_rtt) * u128::from(percent) / 100;
        scaled.div_ceil(1 << BW_BITS).min(u128::from(INFINITE)) as u32
    }

    /// §5.6.4.2, `QuantizationBudget`.
    fn with_room(&self, segments: u32) -> u32 {
        let quantum = (self.rate.unwrap_or(0) / 1000).min(QUANTUM_BYTES) / self.mss;
        let budget = (QUANTA * quantum.max(QUANTUM_SEGMENTS)) as u32;
        let segments = segments.max(budget).max(CWND_MIN);
        if self.state == State::Up { segments.saturating_add(2) } else { segments }
    }

    /// §5.6.4.2, `Inflight`.
    pub(super) fn inflight(&self, bandwidth: u64, percent: u64) -> u32 {
        self.with_room(self.product(bandwidth, percent))
    }

    /// §5.3.3.8.2, `TargetInflight`: what it would have in flight, unless congestion has cut the window.
    pub(super) fn target_inflight(&self, cwnd: u32) -> u32 {
        self.product(self.bandwidth, 100).min(cwnd)
    }

    /// §5.3.3.9, `InflightWithHeadroom`.
    pub(super) fn inflight_with_headroom(&self) -> u32 {
        if self.inflight_longterm == INFINITE {
            return INFINITE;
        }
        let headroom = share_of(self.inflight_longterm, self.config.headroom).max(1);
        self.inflight_longterm.saturating_sub(headroom).max(CWND_MIN)
    }

    /// §5.6.4.5.
    pub(super) fn probe_rtt_cwnd(&self) -> u32 {
        self.product(self.bandwidth, State::ProbeRtt.gains().1).max(CWND_MIN)
    }

    /// §5.6.4.4, `SaveCwnd`: the window that was good, for the time behind recovery or PROBE_RTT.
    pub(super) fn save_cwnd(&mut self, cwnd: u32) {
        let good = !recovers(self.phase_before) && self.state != State::ProbeRtt;
        self.prior_cwnd = if good { cwnd } else { self.prior_cwnd.max(cwnd) };
    }

    /// §5.6.4.6, `SetCwnd`; behind recovery the window is what it was before (§5.6.4.4), as far as the bounds let it.
    pub(super) fn set_cwnd(&mut self, window: &mut Window, sample: &Sample) {
        let before = std::mem::replace(&mut self.phase_before, sample.phase);
        let mut cwnd = window.cwnd;
        if recovers(before) && !recovers(sample.phase) {
            cwnd = cwnd.max(self.prior_cwnd);
        }
        if sample.acked > 0 {
            let most = self.product(self.bandwidth, self.state.gains().1).saturating_add(self.extra.get() as u32);
            let most = self.with_room(most);
            if self.full.reached {
                cwnd = (cwnd + sample.acked).min(most);
            } else if cwnd < most || sample.delivered < u64::from(self.initial_window) {
                cwnd += sample.acked;
            }
            cwnd = cwnd.max(CWND_MIN);
        }
        if self.state == State::ProbeRtt {
            cwnd = cwnd.min(self.probe_rtt_cwnd());
        }
        window.cwnd = cwnd.min(self.bound());
    }

    /// §5.6.4.7, `BoundCwndForModel`.
    fn bound(&self) -> u32 {
        let longterm = match self.state {
            State::Down | State::Refill | State::Up => self.inflight_longterm,
            State::Cruise | State::ProbeRtt => self.inflight_with_headroom(),
            State::Startup | State::Drain => INFINITE,
        };
        longterm.min(self.inflight_shortterm).max(CWND_MIN)
    }
}
