//! Vegas (L. Brakmo and L. Peterson, "TCP Vegas: End to End Congestion Avoidance on a Global Internet", 1995) as in Linux's tcp_vegas.c: once a round
//! trip the window is moved so that between `alpha` and `beta` segments of the flow wait in queues.

use sim_core::{Params, Span};

use super::reno::grow;
use super::{Ack, Controller, Heard, Needs, Path, Setting, Window};
use crate::tcp::Phase;
use crate::wire::Seq;

/// Parameters of Vegas.
#[derive(Clone, PartialEq, Debug)]
pub struct VegasConfig {
    /// With fewer segments in queues the window grows; 2, Linux.
    pub alpha: u32,
    /// With more it falls; 4, Linux. A larger value holds its own against Reno, and queues more.
    pub beta: u32,
    /// With more than that slow start ends; 1, Linux.
    pub gamma: u32,
}

impl Default for VegasConfig {
    fn default() -> VegasConfig {
        VegasConfig { alpha: 2, beta: 4, gamma: 1 }
    }
}

impl VegasConfig {
    pub(super) fn read(params: &mut dyn Params) -> VegasConfig {
        let default = VegasConfig::default();
        let mut segments = |key, default: u32, help| params.count(key, Some(default.into()), 1..=10_000, help) as u32;
        let config = VegasConfig {
            alpha: segments("alpha", default.alpha, "segments: with fewer of its own in queues the window grows"),
            beta: segments("beta", default.beta, "segments: with more of its own in queues the window falls"),
            gamma: segments("gamma", default.gamma, "segments: with more of its own in queues slow start ends"),
        };
        if config.alpha > config.beta {
            params.refuse("alpha", "it must not be above `beta`".into());
        }
        config
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Vegas {
    config: VegasConfig,
    /// Whether nothing is suspected: in disorder and recovery round trips do not count, and the window grows as Reno's.
    active: bool,
    /// The end of the round: what was sent when it began.
    round_end: Seq,
    /// The least round trip of this round and how many there were; in microseconds.
    round_us: u64,
    samples: u32,
    /// The least round trip ever, which stands for empty queues.
    base_us: u64,
}

impl Vegas {
    pub fn new(config: &VegasConfig, _setting: &Setting) -> Vegas {
        Vegas {
            config: config.clone(),
            active: true,
            round_end: Seq(0),
            round_us: u64::MAX,
            samples: 0,
            base_us: u64::MAX,
        }
    }

    fn begin_round(&mut self, nxt: Seq) {
        self.round_end = nxt;
        self.round_us = u64::MAX;
        self.samples = 0;
    }

    fn judge(&self, window: &mut Window, acked: u32) {
        let cwnd = u64::from(window.cwnd);
        // What fills the path alone, and how much more than that is under way: the flow's own part of the queue.
        let target = (cwnd * self.base_us / self.round_us) as u32;
        let queued = (cwnd * (self.round_us - self.base_us) / self.base_us) as u32;
        if window.in_slow_start() {
            if queued > self.config.gamma {
                window.cwnd = window.cwnd.min(target + 1);
                window.ssthresh = window.ssthresh.min(window.cwnd);
            } else {
                window.slow_start(acked);
            }
        } else if queued > self.config.beta {
            window.cwnd -= 1;
            window.ssthresh = window.ssthresh.min(window.cwnd);
        } else if queued < self.config.alpha {
            window.cwnd += 1;
        }
        window.cwnd = window.cwnd.max(2);
        window.ssthresh = window.ssthresh.max(window.cwnd / 2 + window.cwnd / 4);
    }
}

impl Controller for Vegas {
    const NEEDS: Needs = Needs { every_ack: true, ..Needs::NOTHING };

    fn on_heard(&mut self, _window: &mut Window, heard: &Heard) {
        if let Some(rtt) = heard.rtt {
            let us = rtt.us() + 1;
            self.base_us = self.base_us.min(us);
            self.round_us = self.round_us.min(us);
            self.samples += 1;
        }
        let active = heard.phase == Phase::Open;
        if active && !self.active {
            self.begin_round(heard.nxt);
        }
        self.active = active;
    }

    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        if !self.active {
            return grow(window, ack.acked);
        }
        if ack.una > self.round_end {
            // A delayed acknowledgement may have measured each of two samples.
            if self.samples <= 2 {
                grow(window, ack.acked);
            } else {
                self.judge(window, ack.acked);
            }
            self.begin_round(ack.nxt);
        } else if window.in_slow_start() {
            window.slow_start(ack.acked);
        }
    }

    fn ssthresh(&mut self, window: &Window) -> u32 {
        self.active = false;
        (window.cwnd / 2).max(2)
    }

    fn on_start(&mut self, _window: &mut Window, _idle: Span, path: &Path) {
        // After silence the queues may be others: everything is measured anew.
        self.base_us = u64::MAX;
        self.begin_round(path.nxt);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::Time;

    fn vegas(base_us: u64, round_us: u64) -> Vegas {
        let mut vegas = Vegas::new(&VegasConfig::default(), &Setting { paced: false, seed: 0 });
        (vegas.base_us, vegas.round_us, vegas.samples) = (base_us, round_us, 10);
        vegas
    }

    fn after(mut vegas: Vegas, cwnd: u32, ssthresh: u32) -> (u32, u32) {
        let mut window = Window { cwnd, ssthresh, count: 0 };
        let ack = Ack { now: Time::ZERO, acked: 1, una: Seq(1), nxt: Seq(9), rtt: None, srtt: None, mss: 1448 };
        vegas.on_ack(&mut window, &ack);
        (window.cwnd, window.ssthresh)
    }

    #[test]
    fn holds_two_to_four_segments_in_the_queue() {
        // 40 segments in 40 ms; 42 ms mean two of them in the queue.
        assert_eq!(after(vegas(40_000, 40_500), 40, 20).0, 41);
        assert_eq!(after(vegas(40_000, 42_000), 40, 20).0, 40);
        assert_eq!(after(vegas(40_000, 44_000), 40, 20).0, 40);
        assert_eq!(after(vegas(40_000, 46_000), 40, 20).0, 39);
    }

    #[test]
    fn slow_start_ends_with_the_second_segment_in_the_queue() {
        assert_eq!(after(vegas(40_000, 40_100), 40, 1000), (41, 1000));
        let (cwnd, ssthresh) = after(vegas(40_000, 50_000), 40, 1000);
        assert_eq!((cwnd, ssthresh), (33, 33));
    }
}
