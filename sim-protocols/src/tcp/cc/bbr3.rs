//! BBR, version 3, by its IETF draft (draft-ietf-ccwg-bbr-06, July 2026), of which the section is named at the line. As version 1 it paces at the
//! bandwidth that it measures, the largest delivery rate of two cycles of probing. Besides, it has bounds: what was in flight when more than 2 %
//! were lost while it probed (long term), and what was delivered in rounds with losses since (short term).
//!
//! ```text
//!   STARTUP --full, or 2 % lost--> DRAIN --drained--> DOWN --> CRUISE --2 to 3 s, or as many rounds as Reno's--> REFILL --a round--> UP
//!                                                       ^                                                                          |
//!                                                       +------------------------------full, or 2 % lost---------------------------+
//!   any of them --5 s without a lower round trip--> PROBE_RTT --200 ms with half a bandwidth-delay product--> CRUISE, or STARTUP
//! ```
//!
//! Explicit congestion notifications: the draft leaves the response open, but for one sentence (§3.7): who marks packets as ECN-capable must take
//! each mark for congestion. So where ECN was negotiated, a mark is taken for a round trip of too much loss, once a window of data, whatever the
//! share of marked segments is: Startup and UP end, the bounds fall to 0.7 at the most. There is no accurate ECN and no reaction to its share.
//!
//! Where Linux's words are more exact than the draft's, they are followed, at the line that says so. Absent: requests for other frequencies of
//! acknowledgements (§4.1.3.3), as TCP has none here.

mod control;
mod losses;
mod probe;

use sim_core::{Params, Prob, Rng, Span, Time};

use super::bbr::filters::{BW_BITS, Epoch, WindowedMax};
use super::{Ack, Controller, Delivery, INFINITE, Lost, Mode, Needs, Path, Sample, Setting, Window};
use crate::tcp::Phase;
use losses::Undo;
use probe::Acks;

/// No bandwidth bounds.
const UNBOUNDED: u64 = u64::MAX;
/// §2.8: the bounds fall to 0.7 of themselves at the most in a round trip.
const BETA_PERCENT: u64 = 70;
/// §2.8: segments in flight at the least, so that acknowledgements of every second one do not stall.
const CWND_MIN: u32 = 4;
/// §5.3.1.2: the pipe is full after so many rounds with less than a quarter more.
const FULL_ROUNDS: u32 = 3;
const FULL_GROWTH_PERCENT: u64 = 125;
/// §5.3.2: Drain is over after so many rounds, drained or not.
const DRAIN_ROUNDS: u64 = 3;
/// §2.16.1: how long a round trip is the least.
const MIN_RTT_FILTER: Span = Span::from_secs(10);
/// §2.16.2: without a lower round trip for so long it is looked for, and for how long.
const PROBE_RTT_INTERVAL: Span = Span::from_secs(5);
const PROBE_RTT_DURATION: Span = Span::from_ms(200);
/// §2.12: rounds of the filter of aggregation; one in Startup.
const EXTRA_ROUNDS: u64 = 10;

/// Parameters of BBR version 3.
#[derive(Clone, PartialEq, Debug)]
pub struct Bbr3Config {
    /// The share of the segments in flight of which more are lost in a round trip where too much was in flight; 2 %, the draft's BBR.LossThresh
    /// (§2.8). A larger one holds its rate where losses are no sign of congestion, and overflows shallow buffers for longer.
    pub loss_threshold: Prob,
    /// The share of what was found to be too much in flight that is left free between probes, for others; 15 %, the draft's BBR.Headroom (§2.8).
    /// A larger one lets flows converge sooner, and leaves more of a shallow buffer unused.
    pub headroom: Prob,
}

impl Default for Bbr3Config {
    fn default() -> Bbr3Config {
        Bbr3Config { loss_threshold: percent(2), headroom: percent(15) }
    }
}

impl Bbr3Config {
    pub(super) fn read(params: &mut dyn Params) -> Bbr3Config {
        let default = Bbr3Config::default();
        let mut share = |key, default, help| {
            let share = params.prob(key, Some(default), help);
            if share > SHARE_MAX {
                params.refuse(key, format!("not above {SHARE_MAX}"));
                return default;
            }
            share
        };
        Bbr3Config {
            loss_threshold: share(
                "loss_threshold",
                default.loss_threshold,
                "lost in a round trip that mean congestion",
            ),
            headroom: share("headroom", default.headroom, "of the bound, left free between probes"),
        }
    }
}

/// The largest share that a parameter may be: with all there would be nothing left to divide by.
const SHARE_MAX: Prob = percent(90);

const fn percent(percent: u64) -> Prob {
    match Prob::from_parts(percent * (Prob::ONE_PARTS / 100)) {
        Some(share) => share,
        None => panic!("not above 100"),
    }
}

/// The control: all in one box, as most connections have another one.
#[derive(Clone, Debug)]
pub(crate) struct Bbr3(Box<Model>);

/// §5.1.1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Startup,
    Drain,
    Down,
    Cruise,
    Refill,
    Up,
    ProbeRtt,
}

impl State {
    /// §5.6.1: percent of the bandwidth at which it paces, and of the bandwidth-delay product that it has in flight.
    fn gains(self) -> (u64, u64) {
        match self {
            State::Startup => (277, 200),
            State::Drain => (50, 200),
            State::Down => (90, 200),
            State::Cruise | State::Refill => (100, 200),
            State::Up => (125, 225),
            State::ProbeRtt => (100, 50),
        }
    }

    fn probes_bandwidth(self) -> bool {
        matches!(self, State::Down | State::Cruise | State::Refill | State::Up)
    }

    /// §5.3.3.9, `IsProbingBW`: what is lost while it accelerates does not touch the short-term bounds.
    fn accelerates(self) -> bool {
        matches!(self, State::Startup | State::Refill | State::Up)
    }
}

/// The search for a plateau of the delivery rate (§5.3.1.2).
#[derive(Clone, Copy, Debug, Default)]
struct Full {
    /// Whether there ever was one, and whether there is one since the search began.
    reached: bool,
    now: bool,
    bandwidth: u64,
    rounds: u32,
}

impl Full {
    /// Begins to search from a delivery rate on.
    fn search_from(&mut self, bandwidth: u64) {
        (self.now, self.bandwidth, self.rounds) = (false, bandwidth, 0);
    }
}

/// What a round trip has delivered at the most, at once and by rate.
#[derive(Clone, Copy, Debug, Default)]
struct Latest {
    bandwidth: u64,
    inflight: u32,
}

/// Round trips: the least one, and when it is to be looked for (§5.3.4.3).
#[derive(Clone, Copy, Debug)]
struct RoundTrips {
    /// The least of ten seconds, in microseconds, and when it was measured.
    min_us: Option<u64>,
    min_at: Time,
    /// The same of the five seconds of a look for it.
    probe_us: u64,
    probe_at: Time,
    expired: bool,
    /// When PROBE_RTT may end, once so little is in flight; and whether a round has passed since.
    done: Option<Time>,
    round_done: bool,
}

/// Bandwidths are in segments for a microsecond, times 2^24; rates in bytes a second; volumes in segments.
#[derive(Clone, Debug)]
struct Model {
    config: Bbr3Config,
    seed: u32,
    /// Opened by the first draw.
    rng: Option<Box<Rng>>,
    state: State,
    /// The pacing rate; nothing before the connection is established.
    rate: Option<u64>,
    mss: u64,
    initial_window: u32,
    saw_rtt: bool,
    /// Sending again after silence.
    restarting: bool,
    round: u64,
    round_end: u64,
    round_start: bool,
    drain_round: u64,
    full: Full,
    /// The largest delivery rate of the last cycle of probing and of this one (§5.5.6).
    cycles: [u64; 2],
    /// What it goes by: the larger of these, or the short-term bound.
    bandwidth: u64,
    trips: RoundTrips,
    epoch: Epoch,
    extra: WindowedMax,
    latest: Latest,
    /// §5.5.10: the round of losses, which ends where what was sent behind the first of them is delivered.
    loss_round_end: u64,
    loss_round_start: bool,
    loss_in_round: bool,
    /// Ranges of lost segments in this round that do not touch, and the end of the last one.
    loss_ranges: u32,
    loss_range_end: Option<crate::wire::Seq>,
    bandwidth_shortterm: u64,
    inflight_shortterm: u32,
    inflight_longterm: u32,
    /// What was told between samples: losses without their segments (a probe of the tail has repaired one), a mark, a needless reduction.
    told_loss: bool,
    told_mark: bool,
    told_undo: bool,
    undo: Undo,
    prior_cwnd: u32,
    phase_before: Phase,
    acks: Acks,
    cycle_since: Time,
    probe_wait: Span,
    rounds_since_probe: u32,
    /// Whether acknowledgements are of what was sent while probing and nothing was found too much yet.
    probe_sample: bool,
    probe_too_high: bool,
    probe_precautionary: bool,
    up_rounds: u32,
    up_acked: u32,
    up_acked_per_segment: u32,
}

impl Bbr3 {
    pub fn new(config: &Bbr3Config, setting: &Setting) -> Bbr3 {
        Bbr3(Box::new(Model {
            config: config.clone(),
            seed: setting.seed,
            rng: None,
            state: State::Startup,
            rate: None,
            mss: 536,
            initial_window: 10,
            saw_rtt: false,
            restarting: false,
            round: 0,
            round_end: 0,
            round_start: false,
            drain_round: 0,
            full: Full::default(),
            cycles: [0; 2],
            bandwidth: 0,
            trips: RoundTrips {
                min_us: None,
                min_at: Time::ZERO,
                probe_us: u64::MAX,
                probe_at: Time::ZERO,
                expired: false,
                done: None,
                round_done: false,
            },
            epoch: Epoch::default(),
            extra: WindowedMax::default(),
            latest: Latest::default(),
            loss_round_end: 0,
            loss_round_start: false,
            loss_in_round: false,
            loss_ranges: 0,
            loss_range_end: None,
            bandwidth_shortterm: UNBOUNDED,
            inflight_shortterm: INFINITE,
            inflight_longterm: INFINITE,
            told_loss: false,
            told_mark: false,
            told_undo: false,
            undo: Undo::default(),
            prior_cwnd: 0,
            phase_before: Phase::Open,
            acks: Acks::Init,
            cycle_since: Time::ZERO,
            probe_wait: Span::ZERO,
            rounds_since_probe: 0,
            probe_sample: false,
            probe_too_high: false,
            probe_precautionary: false,
            up_rounds: 0,
            up_acked: 0,
            up_acked_per_segment: INFINITE,
        }))
    }
}

/// A delivery rate.
fn rate_of(delivery: &Delivery) -> u64 {
    (delivery.segments << BW_BITS) / delivery.interval_us
}

/// Rounds, bandwidth, round trips.
impl Model {
    /// §5.5.1, `StartRound`.
    fn start_round(&mut self, delivered: u64) {
        self.round_end = delivered;
    }

    fn max_bandwidth(&self) -> u64 {
        self.cycles[0].max(self.cycles[1])
    }

    /// §5.5.1, §5.5.5.
    fn update_bandwidth(&mut self, delivery: Option<&Delivery>, delivered: u64) {
        self.round_start = false;
        let Some(delivery) = delivery else { return };
        if delivery.prior >= self.round_end {
            self.start_round(delivered);
            self.round += 1;
            self.rounds_since_probe += 1;
            self.round_start = true;
        }
        // §5.5.4: what the application has limited says nothing of the path, unless it was faster than all before.
        let rate = rate_of(delivery);
        if rate >= self.max_bandwidth() || !delivery.app_limited {
            self.cycles[1] = self.cycles[1].max(rate);
        }
    }

    /// §5.5.6: a cycle of probing is over. One that has measured nothing does not count (as in Linux), or an idle flow would forget all.
    fn advance_bandwidth(&mut self) {
        if self.cycles[1] > 0 {
            self.cycles = [self.cycles[1], 0];
        }
    }

    /// §5.5.9.
    fn update_aggregation(&mut self, sample: &Sample, cwnd: u32) {
        let extra = self.epoch.extra(sample.path.now, sample.acked, self.bandwidth).min(cwnd.into());
        let rounds = if self.full.reached { EXTRA_ROUNDS } else { 1 };
        self.extra.add(rounds, self.round, extra);
    }

    /// §5.3.1.2.
    fn look_for_full(&mut self, delivery: Option<&Delivery>) {
        let Some(delivery) = delivery.filter(|delivery| !delivery.app_limited) else { return };
        if self.full.now || !self.round_start {
            return;
        }
        let rate = rate_of(delivery);
        if u128::from(rate) * 100 >= u128::from(self.full.bandwidth) * u128::from(FULL_GROWTH_PERCENT) {
            self.full.search_from(rate);
            return;
        }
        self.full.rounds += 1;
        self.full.now = self.full.rounds >= FULL_ROUNDS;
        self.full.reached |= self.full.now;
    }

    /// §5.3.1.1, §5.3.2.
    fn look_for_drained(&mut self, window: &mut Window, sample: &Sample) {
        if self.state == State::Startup && self.full.reached {
            self.state = State::Drain;
            self.drain_round = self.round;
            // The threshold means nothing; whoever looks at it sees where Startup ended.
            window.ssthresh = self.inflight(self.bandwidth, 100);
        }
        if self.state == State::Drain
            && (sample.in_flight <= self.inflight(self.bandwidth, 100) || self.round > self.drain_round + DRAIN_ROUNDS)
        {
            self.start_down(sample.path.now, sample.delivered);
        }
    }

    /// §5.3.4.3, `UpdateMinRTT`. What may have been delayed does not stand for an expired one (as in Linux).
    fn update_round_trips(&mut self, sample: &Sample) {
        let (now, trips) = (sample.path.now, &mut self.trips);
        trips.expired = now > trips.probe_at + PROBE_RTT_INTERVAL;
        if let Some(us) = sample.rtt.map(|rtt| rtt.us())
            && (us < trips.probe_us || trips.expired && !sample.may_be_delayed)
        {
            (trips.probe_us, trips.probe_at) = (us, now);
        }
        if trips.min_us.is_none_or(|least| trips.probe_us < least) || now > trips.min_at + MIN_RTT_FILTER {
            trips.min_us = Some(trips.probe_us).filter(|us| *us < u64::MAX);
            trips.min_at = trips.probe_at;
        }
    }

    /// §5.3.4.3, `CheckProbeRTT`. Returns whether what is sent now is too little to measure anything.
    fn look_for_round_trip(&mut self, window: &mut Window, sample: &Sample) -> bool {
        let (now, delivered) = (sample.path.now, sample.delivered);
        if self.state != State::ProbeRtt && self.trips.expired && !self.restarting {
            self.save_cwnd(window.cwnd);
            self.state = State::ProbeRtt;
            self.trips.done = None;
            self.acks = Acks::Stopping;
            self.start_round(delivered);
        }
        let probing = self.state == State::ProbeRtt;
        if probing {
            if self.trips.done.is_some() {
                self.trips.round_done |= self.round_start;
                if self.trips.round_done {
                    self.end_probe_rtt(window, now, delivered);
                }
            } else if sample.in_flight <= self.probe_rtt_cwnd() {
                self.trips.done = Some(now + PROBE_RTT_DURATION);
                self.trips.round_done = false;
                self.start_round(delivered);
            }
        }
        if sample.delivery.is_some_and(|delivery| delivery.segments > 0) {
            self.restarting = false;
        }
        probing
    }

    /// §5.3.4.3, `CheckProbeRTTDone`, and §5.3.4.4.
    fn end_probe_rtt(&mut self, window: &mut Window, now: Time, delivered: u64) {
        if self.trips.done.is_none_or(|done| now <= done) {
            return;
        }
        self.trips.probe_at = now;
        window.cwnd = window.cwnd.max(self.prior_cwnd);
        self.reset_shortterm();
        if self.full.reached {
            self.start_down(now, delivered);
            self.state = State::Cruise;
        } else {
            self.state = State::Startup;
        }
    }
}

impl Controller for Bbr3 {
    const NEEDS: Needs = Needs { samples: true, losses: true, ..Needs::NOTHING };

    /// §5.2.1.
    fn on_established(&mut self, window: &Window, path: &Path) {
        let model = &mut self.0;
        model.mss = path.mss.into();
        model.initial_window = window.cwnd;
        model.trips.min_us = path.min_rtt.map(|rtt| rtt.us());
        model.trips.probe_us = model.trips.min_us.unwrap_or(u64::MAX);
        (model.trips.min_at, model.trips.probe_at) = (path.now, path.now);
        // What is delivered first is the SYN.
        model.round_end = 1;
        model.first_rate(window.cwnd, path);
        model.epoch.restart(path.now);
    }

    /// §5.4.1.
    fn on_start(&mut self, window: &mut Window, _idle: Span, path: &Path) {
        let model = &mut self.0;
        if !path.app_limited {
            return;
        }
        model.restarting = true;
        model.epoch.restart(path.now);
        if model.state.probes_bandwidth() {
            model.set_rate(window.cwnd, path, 100);
        } else if model.state == State::ProbeRtt {
            // Nothing is in flight: whatever leaves now is behind the end of the round, which may stay where it is.
            let delivered = model.round_end;
            model.end_probe_rtt(window, path.now, delivered);
        }
    }

    fn on_lost(&mut self, window: &Window, lost: &Lost) {
        self.0.lose(window.cwnd, lost);
    }

    /// §5.2.3.
    fn on_sample(&mut self, window: &mut Window, sample: &Sample) -> bool {
        let model = &mut self.0;
        model.mss = sample.path.mss.into();
        let delivery = sample.delivery.filter(|delivery| delivery.interval_us > 0);
        let delivery = delivery.as_ref();
        model.take_told(window, sample);
        model.update_latest(delivery, sample.delivered);
        model.update_bandwidth(delivery, sample.delivered);
        model.adapt_shortterm(window.cwnd);
        model.update_aggregation(sample, window.cwnd);
        model.look_for_full(delivery);
        model.look_for_startup_loss(delivery, sample);
        model.look_for_drained(window, sample);
        if sample.acked > 0 {
            model.advance_cycle(window, sample, delivery);
        }
        model.update_round_trips(sample);
        let limits = model.look_for_round_trip(window, sample);
        model.advance_latest(delivery);
        model.bandwidth = model.max_bandwidth().min(model.bandwidth_shortterm);
        model.set_rate(window.cwnd, &sample.path, model.state.gains().0);
        model.set_cwnd(window, sample);
        limits
    }

    fn on_ack(&mut self, _window: &mut Window, _ack: &Ack) {}

    /// The threshold means nothing; this is where recovery begins (§5.6.4.4), or a probe of the tail has repaired a loss.
    fn ssthresh(&mut self, window: &Window) -> u32 {
        self.0.save_state(window.cwnd);
        self.0.told_loss = true;
        window.ssthresh
    }

    fn ssthresh_marked(&mut self, window: &Window) -> u32 {
        self.0.told_mark = true;
        window.ssthresh
    }

    /// §5.6.4.4: the connection leaves what is in flight and one segment more.
    fn on_timeout(&mut self, _window: &mut Window, _now: Time) {
        self.0.phase_before = Phase::Loss;
    }

    fn on_undo(&mut self) {
        self.0.told_undo = true;
    }

    fn pacing(&self) -> Option<u64> {
        self.0.rate
    }

    fn believes(&self) -> Mode {
        let model = &self.0;
        let bandwidth = u128::from(model.bandwidth) * u128::from(model.mss) * 1_000_000;
        let word = match model.state {
            State::Startup => 1,
            State::Drain => 2,
            State::ProbeRtt => 4,
            State::Down => 5,
            State::Cruise => 6,
            State::Refill => 7,
            State::Up => 8,
        };
        Mode { word, bandwidth: (bandwidth >> BW_BITS) as u64, min_rtt_us: model.trips.min_us.unwrap_or(0) }
    }
}

#[cfg(test)]
mod tests;
