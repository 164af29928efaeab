//! CUBIC (RFC 9438) in the integer arithmetic of Linux 6, with HyStart (Ha and Rhee 2008) as Linux has it: ACK trains and delay.

use sim_core::{Params, Span, Time};

use super::hystart::{HyStart, HyStartChoice};
use super::{Ack, Controller, Path, Setting, TICK, Window, ticks};

/// Fraction bits of beta and of the window scale.
const BETA_SCALE: u64 = 1024;
/// Multiplicative decrease: 717/1024, RFC 9438's 0.7.
const BETA: u64 = 717;
/// C = 0.4 as a fraction of 1024 (410), from `bic_scale` 41 times 10.
const CUBE_RTT_SCALE: u64 = 410;
/// Time in the cubic function has 10 fraction bits of a second.
const TIME_BITS: u32 = 10;
const TICKS_PER_SECOND: u64 = 250;

/// Parameters of CUBIC.
#[derive(Clone, PartialEq, Debug)]
pub struct CubicConfig {
    /// Leaves slow start before it overshoots. Default: the classic one, as Linux.
    pub hystart: HyStartChoice,
    /// Gives way to new flows after a second loss at a lower window (RFC 9438 §4.7). Default: on.
    pub fast_convergence: bool,
    /// Never slower than Reno would be (RFC 9438 §4.3). Default: on.
    pub reno_friendly: bool,
}

impl Default for CubicConfig {
    fn default() -> CubicConfig {
        CubicConfig { hystart: HyStartChoice::Classic, fast_convergence: true, reno_friendly: true }
    }
}

impl CubicConfig {
    pub(super) fn read(params: &mut dyn Params) -> CubicConfig {
        let default = CubicConfig::default();
        CubicConfig {
            hystart: HyStartChoice::read_for_cubic(params),
            fast_convergence: params.flag(
                "fast_convergence",
                default.fast_convergence,
                "gives way to new flows (RFC 9438 §4.7)",
            ),
            reno_friendly: params.flag(
                "reno_friendly",
                default.reno_friendly,
                "never slower than Reno (RFC 9438 §4.3)",
            ),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Cubic {
    config: CubicConfig,
    setting: Setting,
    /// Acknowledged segments for one more of the window.
    count: u32,
    last_max: u32,
    last_cwnd: u32,
    last_time: u64,
    origin: u32,
    k: u64,
    delay_min: Option<Span>,
    /// The start of the epoch in ticks.
    epoch: Option<u64>,
    acked: u32,
    reno_cwnd: u32,
    hystart: HyStart,
}

/// The integer cube root, rounded down.
fn cube_root(a: u64) -> u64 {
    let (mut low, mut high) = (0, 1 << 22);
    while low + 1 < high {
        let middle: u64 = (low + high) / 2;
        if middle * middle * middle <= a { low = middle } else { high = middle }
    }
    low
}

impl Cubic {
    pub fn new(config: &CubicConfig, setting: &Setting) -> Cubic {
        Cubic {
            config: config.clone(),
            setting: *setting,
            count: 0,
            last_max: 0,
            last_cwnd: 0,
            last_time: 0,
            origin: 0,
            k: 0,
            delay_min: None,
            epoch: None,
            acked: 0,
            reno_cwnd: 0,
            hystart: config.hystart.open(setting),
        }
    }

    /// RFC 9438 §4.2: W_cubic(t) = C (t - K)^3 + W_max, as the number of acknowledged segments for one more.
    fn update(&mut self, cwnd: u32, acked: u32, now: Time) {
        let tick = ticks(now);
        self.acked += acked;
        if self.last_cwnd == cwnd && tick - self.last_time <= TICKS_PER_SECOND / 32 {
            return;
        }
        if self.epoch.is_none() || tick != self.last_time {
            self.cubic(cwnd, acked, tick);
        }
        if self.config.reno_friendly {
            self.not_slower_than_reno(cwnd);
        }
        // Never faster than half a segment for each acknowledged one.
        self.count = self.count.max(2);
    }

    fn cubic(&mut self, cwnd: u32, acked: u32, tick: u64) {
        self.last_cwnd = cwnd;
        self.last_time = tick;
        let epoch = *self.epoch.get_or_insert_with(|| {
            self.acked = acked;
            self.reno_cwnd = cwnd;
            if self.last_max <= cwnd {
                self.k = 0;
                self.origin = cwnd;
            } else {
                // K = cbrt((W_max - cwnd) / C), with 10 fraction bits.
                let factor = (1_u64 << (10 + 3 * TIME_BITS)) / CUBE_RTT_SCALE;
                self.k = cube_root(factor * u64::from(self.last_max - cwnd));
                self.origin = self.last_max;
            }
            tick
        });
        let delay = self.delay_min.map_or(0, |delay| delay.ps().div_ceil(TICK.ps()));
        let t = ((tick - epoch + delay) << TIME_BITS) / TICKS_PER_SECOND;
        let offset = self.k.abs_diff(t);
        let delta = (u128::from(CUBE_RTT_SCALE) * u128::from(offset).pow(3)) >> (10 + 3 * TIME_BITS);
        let delta = u32::try_from(delta).unwrap_or(u32::MAX / 2);
        let target = if t < self.k { self.origin.saturating_sub(delta) } else { self.origin.saturating_add(delta) };
        self.count = if target > cwnd { cwnd / (target - cwnd) } else { 100 * cwnd };
        // Before the first loss the window grows by at least 5 % a round trip.
        if self.last_max == 0 && self.count > 20 {
            self.count = 20;
        }
    }

    fn not_slower_than_reno(&mut self, cwnd: u32) {
        // 8 / 3 (1 + beta) / (1 - beta): Reno's increase that beta makes equal, times 8.
        let scale = (8 * (BETA_SCALE + BETA) / 3 / (BETA_SCALE - BETA)) as u32;
        let per = ((u64::from(cwnd) * u64::from(scale)) >> 3).max(1) as u32;
        let more = self.acked.saturating_sub(1) / per;
        self.reno_cwnd += more;
        self.acked -= more * per;
        if self.reno_cwnd > cwnd {
            self.count = self.count.min(cwnd / (self.reno_cwnd - cwnd));
        }
    }

    /// The time without anything to send is no time of growth.
    fn shift_epoch(&mut self, idle: Span, now: Time) {
        if let Some(epoch) = &mut self.epoch {
            *epoch = (*epoch + idle.ps() / TICK.ps()).min(ticks(now));
        }
    }
}

impl Controller for Cubic {
    fn on_rtt(&mut self, window: &mut Window, ack: &Ack) {
        let Some(rtt) = ack.rtt else { return };
        // The first second after a loss does not say what the path's delay is.
        if self.epoch.is_some_and(|epoch| ticks(ack.now) - epoch < TICKS_PER_SECOND) {
            return;
        }
        self.delay_min = Some(self.delay_min.map_or(rtt, |least| least.min(rtt)));
        if self.hystart.looks() && window.in_slow_start() {
            self.hystart.on_rtt(window, ack, rtt, self.delay_min);
        }
    }

    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let mut acked = ack.acked;
        if window.in_slow_start() {
            acked = window.slow_start(self.hystart.growth(acked));
            if acked == 0 {
                return;
            }
        }
        self.update(window.cwnd, acked, ack.now);
        window.avoid(self.count, acked);
    }

    // RFC 9438 §4.6, §4.7
    fn ssthresh(&mut self, window: &Window) -> u32 {
        self.epoch = None;
        self.hystart.on_congestion();
        let cwnd = u64::from(window.cwnd);
        self.last_max = if window.cwnd < self.last_max && self.config.fast_convergence {
            (cwnd * (BETA_SCALE + BETA) / (2 * BETA_SCALE)) as u32
        } else {
            window.cwnd
        };
        ((cwnd * BETA / BETA_SCALE) as u32).max(2)
    }

    // Linux forgets all but its parameters, the last maximum too.
    fn on_timeout(&mut self, _window: &mut Window, _now: Time) {
        *self = Cubic { hystart: self.hystart.after_timeout(&self.setting), ..Cubic::new(&self.config, &self.setting) };
    }

    fn on_restart(&mut self, idle: Span, now: Time) {
        self.shift_epoch(idle, now);
    }

    #[inline]
    fn on_start(&mut self, _window: &mut Window, idle: Span, path: &Path) {
        self.shift_epoch(idle, path.now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seq;

    const SETTING: Setting = Setting { paced: false, seed: 0 };

    #[test]
    fn cube_roots_are_exact() {
        for x in [0, 1, 2, 3, 10, 1000, 1 << 20] {
            assert_eq!(cube_root(x * x * x), x);
            assert_eq!(cube_root(x * x * x + 3 * x * x), x);
        }
    }

    #[test]
    fn the_decrease_of_linux_and_fast_convergence() {
        let mut cubic = Cubic::new(&CubicConfig::default(), &SETTING);
        let mut loss = |cwnd| cubic.ssthresh(&Window { cwnd, ssthresh: 0, count: 0 });
        // The losses of a Linux flow over 10 Mbit/s and 40 ms with a buffer of 100 packets.
        assert_eq!([loss(141), loss(136), loss(137), loss(46)], [98, 95, 95, 32]);
        assert_eq!(cubic.last_max, 46 * (1024 + 717) / 2048);
    }

    // tests: RFC 9438 §4.2: K = cbrt((W_max - cwnd_epoch) / C)
    #[test]
    fn the_plateau_comes_after_k_seconds() {
        let mut cubic = Cubic::new(&CubicConfig { reno_friendly: false, ..CubicConfig::default() }, &SETTING);
        let mut window = Window { cwnd: 1000, ssthresh: 0, count: 0 };
        window.cwnd = cubic.ssthresh(&window);
        window.ssthresh = window.cwnd;
        // (1000 - 700) / 0.4 = 750, whose cube root is 9.09 s.
        let mut now = Time::ZERO;
        let mut reached = None;
        while reached.is_none() && now < Time::ZERO + Span::from_secs(20) {
            now += Span::from_ms(10);
            let acked = window.cwnd / 10;
            let ack = Ack { now, acked, una: Seq(0), nxt: Seq(0), rtt: None, srtt: None, mss: 1448 };
            cubic.on_ack(&mut window, &ack);
            reached = (window.cwnd >= 998).then_some(now);
        }
        let seconds = reached.expect("the plateau is reached").seconds();
        assert!((7.0..9.2).contains(&seconds), "{seconds}");
    }
}
