//! BBR, version 1 (N. Cardwell et al., "BBR: Congestion-Based Congestion Control", 2016), in the integer arithmetic of Linux 6's tcp_bbr.c: the
//! bandwidth is the largest delivery rate of ten round trips, the round trip the least of ten seconds. Segments leave at 0.99 of the bandwidth
//! times a gain, and two bandwidth-delay products are in flight at the most.
//!
//! ```text
//!   STARTUP --full--> DRAIN --drained--> PROBE_BW <--> PROBE_RTT (every 10 s without a lower round trip; four segments for 200 ms)
//! ```
//!
//! Explicit congestion notifications change nothing, as there.

pub(super) mod filters;
mod policer;

use sim_core::{Params, Rng, Streams, Time};

use super::{Ack, Controller, INFINITE, Mode, Needs, Path, Sample, Setting, Window, ticks};
use crate::tcp::Phase;
use filters::{Aggregation, BW_BITS, WindowedMax};
use policer::Policer;

/// One, as gains count.
const UNIT: u64 = 256;
/// 2 / ln 2: the least gain with which the rate doubles each round trip; and its inverse.
const HIGH_GAIN: u64 = UNIT * 2885 / 1000 + 1;
const DRAIN_GAIN: u64 = UNIT * 1000 / 2885;
const CWND_GAIN: u64 = 2 * UNIT;
/// Gains of the phases of PROBE_BW: more, what drains it again, and six that cruise.
const CYCLE: [u64; 8] = [UNIT * 5 / 4, UNIT * 3 / 4, UNIT, UNIT, UNIT, UNIT, UNIT, UNIT];
/// The first phase is any but the one that drains.
const CYCLE_START: u64 = 7;
/// Rounds of the filter of bandwidths.
const BW_ROUNDS: u64 = 10;
/// Segments in flight at the least, and all that PROBE_RTT has.
const CWND_MIN: u32 = 4;
/// Startup is over after so many rounds without a quarter more.
const FULL_ROUNDS: u32 = 3;
const FULL_GROWTH: u64 = UNIT * 5 / 4;
/// The margin by which it is paced below the bandwidth.
const MARGIN_PERCENT: u64 = 1;
/// Below that many bytes a second a burst of the sending host is one segment, else two at the least; a burst lasts 2^-10 s.
const BURST_RATE: u64 = 1_200_000 / 8;
const BURST_SHIFT: u32 = 10;
const BURST_BYTES: u64 = 65_536 - 1 - 320;
const FIRST_WINDOW: u32 = 10;
/// Ticks of 4 ms: the window of the filter of round trips, and what PROBE_RTT lasts.
const MIN_RTT_TICKS: u64 = 2500;
const PROBE_RTT_TICKS: u64 = 50;

/// Parameters of BBR.
#[derive(Clone, PartialEq, Debug)]
pub struct BbrConfig {
    /// Recognises a token-bucket policer by two intervals of equal rate and heavy loss, and sends at that rate. Default: on, Linux.
    pub policer: bool,
}

impl Default for BbrConfig {
    fn default() -> BbrConfig {
        BbrConfig { policer: true }
    }
}

impl BbrConfig {
    pub(super) fn read(params: &mut dyn Params) -> BbrConfig {
        let help = "recognises a policer by heavy loss at a steady rate, and sends at that rate for 48 round trips";
        BbrConfig { policer: params.flag("policer", BbrConfig::default().policer, help) }
    }
}

/// The control: all in one box, as most connections have another one.
#[derive(Clone, Debug)]
pub(crate) struct Bbr(Box<Model>);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Startup,
    Drain,
    ProbeBw,
    ProbeRtt,
}

/// Bandwidths are in segments for a microsecond, times 2^24; rates in bytes a second.
#[derive(Clone, Debug)]
struct Model {
    seed: u32,
    /// Opened by the first draw.
    rng: Option<Box<Rng>>,
    state: State,
    /// The pacing rate; nothing before the connection is established.
    rate: Option<u64>,
    mss: u64,
    min_rtt_us: Option<u64>,
    /// When that was measured, in ticks; and when PROBE_RTT may end, once it has four segments in flight.
    min_rtt_tick: u64,
    probe_rtt_done: Option<u64>,
    probe_rtt_round: bool,
    bandwidth: WindowedMax,
    round: u64,
    round_end: u64,
    round_start: bool,
    cycle_index: usize,
    cycle_since: Time,
    phase_before: Phase,
    conserve: bool,
    /// Sending again after silence.
    restarting: bool,
    pacing_gain: u64,
    cwnd_gain: u64,
    full: bool,
    full_rounds: u32,
    full_bandwidth: u64,
    saw_rtt: bool,
    prior_cwnd: u32,
    aggregation: Aggregation,
    policer: Policer,
}

impl Bbr {
    pub fn new(config: &BbrConfig, setting: &Setting) -> Bbr {
        Bbr(Box::new(Model {
            seed: setting.seed,
            rng: None,
            state: State::Startup,
            rate: None,
            mss: 536,
            min_rtt_us: None,
            min_rtt_tick: 0,
            probe_rtt_done: None,
            probe_rtt_round: false,
            bandwidth: WindowedMax::default(),
            round: 0,
            round_end: 0,
            round_start: false,
            cycle_index: 0,
            cycle_since: Time::ZERO,
            phase_before: Phase::Open,
            conserve: false,
            restarting: false,
            pacing_gain: HIGH_GAIN,
            cwnd_gain: HIGH_GAIN,
            full: false,
            full_rounds: 0,
            full_bandwidth: 0,
            saw_rtt: false,
            prior_cwnd: 0,
            aggregation: Aggregation::default(),
            policer: Policer::new(config.policer),
        }))
    }
}

/// Whether recovery of any kind goes on.
fn recovers(phase: Phase) -> bool {
    matches!(phase, Phase::Recovery | Phase::Loss)
}

impl Model {
    /// The bandwidth to go by.
    fn believed(&self) -> u64 {
        self.policer.rate().unwrap_or(self.bandwidth.get())
    }

    /// A bandwidth in bytes a second, less the margin.
    fn bytes_a_second(&self, bandwidth: u64, gain: u64) -> u64 {
        let rate = u128::from(bandwidth) * u128::from(self.mss) * u128::from(gain) / u128::from(UNIT);
        ((rate * u128::from(10_000 * (100 - MARGIN_PERCENT))) >> BW_BITS) as u64
    }

    /// The rate of the first window in a round trip; of a millisecond where none is known.
    fn first_rate(&mut self, cwnd: u32, path: &Path) {
        let us = match path.srtt {
            Some(srtt) => {
                self.saw_rtt = true;
                srtt.us().max(1)
            }
            None => 1000,
        };
        self.rate = Some(self.bytes_a_second((u64::from(cwnd) << BW_BITS) / us, HIGH_GAIN));
    }

    fn set_rate(&mut self, cwnd: u32, path: &Path, bandwidth: u64, gain: u64) {
        let rate = self.bytes_a_second(bandwidth, gain);
        if !self.saw_rtt && path.srtt.is_some() {
            self.first_rate(cwnd, path);
        }
        // Startup never slows down.
        if self.full || self.rate.is_none_or(|before| rate > before) {
            self.rate = Some(rate);
        }
    }

    /// Segments of a burst that the sending host would hand to its card at once.
    fn burst(&self) -> u32 {
        let rate = self.rate.unwrap_or(u64::MAX);
        let least = if rate < BURST_RATE { 1 } else { 2 };
        (((rate >> BURST_SHIFT).min(BURST_BYTES) / self.mss) as u32).max(least)
    }

    /// The bandwidth-delay product times a gain, rounded up.
    fn product(&self, bandwidth: u64, gain: u64) -> u32 {
        let Some(min_rtt) = self.min_rtt_us else { return FIRST_WINDOW };
        let scaled = u128::from(bandwidth) * u128::from(min_rtt) * u128::from(gain) / u128::from(UNIT);
        scaled.div_ceil(1 << BW_BITS).min(u128::from(INFINITE)) as u32
    }

    /// Room for bursts at both ends; even, for acknowledgements of every second segment.
    fn with_room(&self, segments: u32) -> u32 {
        let mut segments = (segments.saturating_add(3 * self.burst()).saturating_add(1)) & !1;
        if self.state == State::ProbeBw && self.cycle_index == 0 {
            segments += 2;
        }
        segments.min(INFINITE)
    }

    fn inflight(&self, gain: u64) -> u32 {
        self.with_room(self.product(self.bandwidth.get(), gain))
    }

    /// What will be in the network when the segment leaves that pacing holds back now.
    fn in_network(&self, in_flight: u32, sample: &Sample) -> u32 {
        let delivered = (u128::from(self.believed()) * u128::from(sample.wait.us())) >> BW_BITS;
        let more = if self.pacing_gain > UNIT { self.burst() } else { 0 };
        (in_flight + more).saturating_sub(delivered.min(u128::from(INFINITE)) as u32)
    }

    fn update_bandwidth(&mut self, sample: &Sample) {
        self.round_start = false;
        let Some(delivery) = sample.delivery.filter(|delivery| delivery.interval_us > 0) else { return };
        if delivery.prior >= self.round_end {
            self.round_end = sample.delivered;
            self.round += 1;
            self.round_start = true;
            self.conserve = false;
        }
        self.sample_policer(sample, delivery.app_limited);
        let measured = (delivery.segments << BW_BITS) / delivery.interval_us;
        // What the application has limited says nothing of the path, unless it was faster than all before.
        if !delivery.app_limited || measured >= self.bandwidth.get() {
            self.bandwidth.add(BW_ROUNDS, self.round, measured);
        }
    }

    fn sample_policer(&mut self, sample: &Sample, app_limited: bool) {
        if self.policer.rate().is_some() {
            if self.state == State::ProbeBw && self.round_start && self.policer.round_is_last() {
                self.policer.reset(sample);
                self.probe_bandwidth(sample.path.now);
            }
            return;
        }
        let mss = self.mss;
        if self.policer.sample(sample, app_limited, self.round_start, mss) {
            self.pacing_gain = UNIT;
        }
    }

    /// Whether the phase of the cycle is over.
    fn phase_is_over(&self, sample: &Sample) -> bool {
        let full_length = sample.path.now.since(self.cycle_since).us() > self.min_rtt_us.unwrap_or(u64::MAX);
        if self.pacing_gain == UNIT {
            return full_length;
        }
        let inflight = self.in_network(sample.prior_in_flight, sample);
        if self.pacing_gain > UNIT {
            return full_length && (sample.losses > 0 || inflight >= self.inflight(self.pacing_gain));
        }
        full_length || inflight <= self.inflight(UNIT)
    }

    fn next_phase(&mut self, now: Time) {
        self.cycle_index = (self.cycle_index + 1) % CYCLE.len();
        self.cycle_since = now;
    }

    fn probe_bandwidth(&mut self, now: Time) {
        self.state = State::ProbeBw;
        let seed = self.seed;
        let rng = self.rng.get_or_insert_with(|| Box::new(Streams::new(seed.into()).open("tcp/cc/bbr/cycle")));
        self.cycle_index = CYCLE.len() - 1 - rng.below(CYCLE_START) as usize;
        self.next_phase(now);
    }

    fn look_for_full(&mut self, app_limited: bool) {
        if self.full || !self.round_start || app_limited {
            return;
        }
        if self.bandwidth.get() >= self.full_bandwidth * FULL_GROWTH / UNIT {
            self.full_bandwidth = self.bandwidth.get();
            self.full_rounds = 0;
            return;
        }
        self.full_rounds += 1;
        self.full = self.full_rounds >= FULL_ROUNDS;
    }

    fn look_for_drained(&mut self, window: &mut Window, sample: &Sample) {
        if self.state == State::Startup && self.full {
            self.state = State::Drain;
            window.ssthresh = self.inflight(UNIT);
        }
        if self.state == State::Drain && self.in_network(sample.in_flight, sample) <= self.inflight(UNIT) {
            self.probe_bandwidth(sample.path.now);
        }
    }

    /// Returns whether what is sent now is too little to measure anything.
    fn update_min_rtt(&mut self, window: &mut Window, sample: &Sample) -> bool {
        let tick = ticks(sample.path.now);
        let expired = tick > self.min_rtt_tick + MIN_RTT_TICKS;
        if let Some(us) = sample.rtt.map(|rtt| rtt.us())
            && (self.min_rtt_us.is_none_or(|least| us < least) || expired && !sample.may_be_delayed)
        {
            self.min_rtt_us = Some(us);
            self.min_rtt_tick = tick;
        }
        if expired && !self.restarting && self.state != State::ProbeRtt {
            self.save_cwnd(window.cwnd);
            self.state = State::ProbeRtt;
            self.probe_rtt_done = None;
        }
        let probing = self.state == State::ProbeRtt;
        if probing {
            if self.probe_rtt_done.is_some() {
                self.probe_rtt_round |= self.round_start;
                if self.probe_rtt_round {
                    self.end_probe_rtt(Some(window), sample.path.now);
                }
            } else if sample.in_flight <= CWND_MIN {
                self.probe_rtt_done = Some(tick + PROBE_RTT_TICKS);
                self.probe_rtt_round = false;
                self.round_end = sample.delivered;
            }
        }
        if sample.delivery.is_some_and(|delivery| delivery.segments > 0) {
            self.restarting = false;
        }
        probing
    }

    fn end_probe_rtt(&mut self, window: Option<&mut Window>, now: Time) {
        let tick = ticks(now);
        if self.probe_rtt_done.is_none_or(|done| tick <= done) {
            return;
        }
        self.min_rtt_tick = tick;
        if let Some(window) = window {
            window.cwnd = window.cwnd.max(self.prior_cwnd);
        }
        if self.full {
            self.probe_bandwidth(now);
        } else {
            self.state = State::Startup;
        }
    }

    fn update_gains(&mut self) {
        (self.pacing_gain, self.cwnd_gain) = match self.state {
            State::Startup => (HIGH_GAIN, HIGH_GAIN),
            State::Drain => (DRAIN_GAIN, HIGH_GAIN),
            State::ProbeBw if self.policer.rate().is_some() => (UNIT, CWND_GAIN),
            State::ProbeBw => (CYCLE[self.cycle_index], CWND_GAIN),
            State::ProbeRtt => (UNIT, UNIT),
        };
    }

    /// The window that was good, for the time behind recovery or PROBE_RTT.
    fn save_cwnd(&mut self, cwnd: u32) {
        let good = !recovers(self.phase_before) && self.state != State::ProbeRtt;
        self.prior_cwnd = if good { cwnd } else { self.prior_cwnd.max(cwnd) };
    }

    /// In the first round of recovery a segment leaves for each that is delivered, then two; behind it the window is what it was.
    fn recover(&mut self, cwnd: u32, sample: &Sample) -> (u32, bool) {
        let mut cwnd = if sample.losses > 0 { cwnd.saturating_sub(sample.losses).max(1) } else { cwnd };
        let (before, phase) = (self.phase_before, sample.phase);
        if phase == Phase::Recovery && before != Phase::Recovery {
            self.conserve = true;
            self.round_end = sample.delivered;
            cwnd = sample.in_flight + sample.acked;
        } else if recovers(before) && !recovers(phase) {
            cwnd = cwnd.max(self.prior_cwnd);
            self.conserve = false;
        }
        self.phase_before = phase;
        if self.conserve { (cwnd.max(sample.in_flight + sample.acked), true) } else { (cwnd, false) }
    }

    fn set_cwnd(&mut self, window: &mut Window, sample: &Sample) {
        if sample.acked > 0 {
            let bandwidth = self.believed();
            let (mut cwnd, conserving) = self.recover(window.cwnd, sample);
            if !conserving {
                let mut target = self.product(bandwidth, self.cwnd_gain);
                if self.full {
                    target = target.saturating_add(self.aggregation.room(bandwidth));
                }
                let target = self.with_room(target);
                if self.full {
                    cwnd = (cwnd + sample.acked).min(target);
                } else if cwnd < target || sample.delivered < u64::from(FIRST_WINDOW) {
                    cwnd += sample.acked;
                }
                cwnd = cwnd.max(CWND_MIN);
            }
            window.cwnd = cwnd;
        }
        if self.state == State::ProbeRtt {
            window.cwnd = window.cwnd.min(CWND_MIN);
        }
    }
}

impl Controller for Bbr {
    const NEEDS: Needs = Needs { samples: true, ..Needs::NOTHING };

    fn on_established(&mut self, window: &Window, path: &Path) {
        let model = &mut self.0;
        model.mss = path.mss.into();
        model.min_rtt_us = path.min_rtt.map(|rtt| rtt.us());
        model.min_rtt_tick = ticks(path.now);
        model.round_end = 1;
        model.first_rate(window.cwnd, path);
        model.aggregation.restart(path.now);
    }

    fn on_start(&mut self, _window: &mut Window, _idle: sim_core::Span, path: &Path) {
        let model = &mut self.0;
        if !path.app_limited {
            return;
        }
        model.restarting = true;
        model.aggregation.restart(path.now);
        match model.state {
            // No need to overflow anything: the application wants less.
            State::ProbeBw => model.set_rate(FIRST_WINDOW, path, model.believed(), UNIT),
            State::ProbeRtt => model.end_probe_rtt(None, path.now),
            _ => {}
        }
    }

    fn on_sample(&mut self, window: &mut Window, sample: &Sample) -> bool {
        let model = &mut self.0;
        model.mss = sample.path.mss.into();
        model.update_bandwidth(sample);
        if sample.acked > 0 && sample.delivery.is_some() {
            let bandwidth = model.believed();
            model.aggregation.sample(sample, bandwidth, window.cwnd, model.round_start);
        }
        if model.state == State::ProbeBw && model.phase_is_over(sample) {
            model.next_phase(sample.path.now);
        }
        model.look_for_full(sample.delivery.is_some_and(|delivery| delivery.app_limited));
        model.look_for_drained(window, sample);
        let limits = model.update_min_rtt(window, sample);
        model.update_gains();
        model.set_rate(window.cwnd, &sample.path, model.believed(), model.pacing_gain);
        model.set_cwnd(window, sample);
        limits
    }

    fn on_ack(&mut self, _window: &mut Window, _ack: &Ack) {}

    /// The threshold means nothing; this is where recovery begins.
    fn ssthresh(&mut self, window: &Window) -> u32 {
        self.0.save_cwnd(window.cwnd);
        window.ssthresh
    }

    fn on_timeout(&mut self, _window: &mut Window, _now: Time) {
        let model = &mut self.0;
        model.phase_before = Phase::Loss;
        model.full_bandwidth = 0;
        model.round_start = true;
        let mss = model.mss;
        if model.policer.rate().is_none() && model.policer.time_out(mss) {
            model.pacing_gain = UNIT;
        }
    }

    fn pacing(&self) -> Option<u64> {
        self.0.rate
    }

    fn believes(&self) -> Mode {
        let model = &self.0;
        let bandwidth = u128::from(model.believed()) * u128::from(model.mss) * 1_000_000;
        let word = match model.state {
            State::Startup => 1,
            State::Drain => 2,
            State::ProbeBw => 3,
            State::ProbeRtt => 4,
        };
        Mode { word, bandwidth: (bandwidth >> BW_BITS) as u64, min_rtt_us: model.min_rtt_us.unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests;
