//! Westwood+ (L. Grieco and S. Mascolo, "Performance evaluation and comparison of Westwood+, New Reno, and Vegas TCP congestion control", 2004) as in
//! Linux's tcp_westwood.c: grows as Reno; after a loss the window is what the measured bandwidth fills in the least round trip.

use sim_core::{Params, Time};

use super::reno::grow;
use super::{Ack, Controller, Heard, Needs, Path, Setting, TICK, Window, ticks};
use crate::wire::Seq;

/// Ticks over which bandwidth is measured at the least: 50 ms, in whole ticks as Linux at 250 Hz has it.
const WINDOW_MIN: u64 = 12;
/// The round trip before the first sample: 20 s.
const FIRST_RTT: u64 = 5000;

/// Westwood+ has no parameters.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct WestwoodConfig {}

impl WestwoodConfig {
    pub(super) fn read(_params: &mut dyn Params) -> WestwoodConfig {
        WestwoodConfig {}
    }
}

/// Times are in ticks, bandwidths in bytes for a tick.
#[derive(Clone, Debug)]
pub(crate) struct Westwood {
    /// The filtered bandwidth, once and twice.
    once: u64,
    bandwidth: u64,
    /// Since when bytes are counted, and how many were acknowledged since.
    since: u64,
    bytes: u64,
    una: Seq,
    /// Bytes that duplicates have counted before the advance that acknowledges them.
    accounted: u32,
    rtt: u64,
    rtt_min: u64,
    /// After a time-out the least round trip is measured anew.
    forget_min: bool,
    mss: u32,
}

impl Westwood {
    pub fn new(_config: &WestwoodConfig, _setting: &Setting) -> Westwood {
        Westwood {
            once: 0,
            bandwidth: 0,
            since: 0,
            bytes: 0,
            una: Seq(0),
            accounted: 0,
            rtt: FIRST_RTT,
            rtt_min: FIRST_RTT,
            forget_min: true,
            mss: 536,
        }
    }

    /// A low-pass filter: seven eighths of what was, one of what is.
    fn filter(before: u64, sample: u64) -> u64 {
        (7 * before + sample) >> 3
    }

    fn measure(&mut self, tick: u64) {
        let delta = tick.saturating_sub(self.since);
        if delta <= self.rtt.max(WINDOW_MIN) {
            return;
        }
        let sample = self.bytes / delta;
        if self.once == 0 && self.bandwidth == 0 {
            (self.once, self.bandwidth) = (sample, sample);
        } else {
            self.once = Westwood::filter(self.once, sample);
            self.bandwidth = Westwood::filter(self.bandwidth, self.once);
        }
        self.bytes = 0;
        self.since = tick;
    }

    /// Bytes that an acknowledgement stands for: a duplicate is one segment, which a later advance must not count again.
    fn acknowledged(&mut self, una: Seq) -> u32 {
        let mut bytes = una.since(self.una).max(0) as u32;
        if bytes == 0 {
            self.accounted += self.mss;
            bytes = self.mss;
        } else if bytes > self.mss {
            if self.accounted >= bytes {
                self.accounted -= bytes;
                bytes = self.mss;
            } else {
                bytes -= std::mem::take(&mut self.accounted);
            }
        }
        self.una = una;
        bytes
    }

    /// The window that the bandwidth fills in the least round trip.
    fn fill(&self) -> u32 {
        (self.bandwidth * self.rtt_min / u64::from(self.mss)).clamp(2, 1 << 30) as u32
    }
}

impl Controller for Westwood {
    const NEEDS: Needs = Needs { every_ack: true, ..Needs::NOTHING };

    fn on_established(&mut self, _window: &Window, path: &Path) {
        self.since = ticks(path.now);
        self.una = path.nxt;
        self.mss = path.mss;
    }

    fn on_heard(&mut self, _window: &mut Window, heard: &Heard) {
        self.mss = heard.mss;
        self.measure(ticks(heard.now));
        self.bytes += u64::from(self.acknowledged(heard.una));
        self.rtt_min = if std::mem::take(&mut self.forget_min) { self.rtt } else { self.rtt_min.min(self.rtt) };
        if let Some(rtt) = heard.rtt {
            self.rtt = rtt.ps().div_ceil(TICK.ps());
        }
    }

    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        grow(window, ack.acked);
    }

    fn ssthresh(&mut self, window: &Window) -> u32 {
        (window.cwnd / 2).max(2)
    }

    fn on_recovered(&mut self, window: &mut Window) {
        window.ssthresh = self.fill();
        window.cwnd = window.ssthresh;
    }

    fn on_timeout(&mut self, window: &mut Window, _now: Time) {
        window.ssthresh = self.fill();
        self.forget_min = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tcp::Phase;
    use sim_core::Span;

    #[test]
    fn the_window_behind_a_loss_is_what_the_bandwidth_fills() {
        let mut westwood = Westwood::new(&WestwoodConfig {}, &Setting { paced: false, seed: 0 });
        let mut window = Window { cwnd: 200, ssthresh: 100, count: 0 };
        let mut una = 1;
        // A segment of 1000 bytes for each millisecond, with a round trip of 100 ms: 100 segments.
        for ms in 0..5000 {
            una += 1000;
            let heard = Heard {
                now: Time::ZERO + Span::from_ms(ms),
                una: Seq(una),
                nxt: Seq(una + 100_000),
                delivered: 0,
                marked: 0,
                rtt: Some(Span::from_ms(100)),
                phase: Phase::Open,
                mss: 1000,
            };
            if ms == 0 {
                westwood.una = Seq(1);
            }
            westwood.on_heard(&mut window, &heard);
        }
        westwood.on_recovered(&mut window);
        assert!((97..=102).contains(&window.cwnd), "{window:?}");
        assert_eq!(window.ssthresh, window.cwnd);
    }

    #[test]
    fn duplicates_count_once() {
        let mut westwood = Westwood::new(&WestwoodConfig {}, &Setting { paced: false, seed: 0 });
        (westwood.mss, westwood.una) = (1000, Seq(1));
        assert_eq!([1, 1, 1].map(|_| westwood.acknowledged(Seq(1))), [1000; 3]);
        assert_eq!(westwood.acknowledged(Seq(5001)), 2000);
    }
}
