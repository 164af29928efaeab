//! DCTCP (RFC 8257) in the integer arithmetic of Linux's tcp_dctcp.c: `alpha` estimates the share of marked segments, and the window falls by
//! half of it. Everything else is Reno. The receiver's part, which echoes each change of the marks at once, is the connection's.

use sim_core::Params;

use super::reno::grow;
use super::{Ack, Controller, Heard, Needs, Path, Setting, Window};
use crate::wire::Seq;

/// One, as `alpha` counts.
const ONE: u64 = 1024;

/// Parameters of DCTCP.
#[derive(Clone, PartialEq, Debug)]
pub struct DctcpConfig {
    /// The weight of a round trip in `alpha` is 2 to minus this; 4 (1/16), RFC 8257 §4.2. A larger one sees changes later.
    pub gain_log2: u32,
    /// `alpha` at the start, in parts of 1024; 1024, RFC 8257 §3.3 (4): the first mark halves the window.
    pub alpha: u32,
}

impl Default for DctcpConfig {
    fn default() -> DctcpConfig {
        DctcpConfig { gain_log2: 4, alpha: ONE as u32 }
    }
}

impl DctcpConfig {
    pub(super) fn read(params: &mut dyn Params) -> DctcpConfig {
        let default = DctcpConfig::default();
        let help = "the weight of a round trip in the share of marked segments is 2 to minus this (RFC 8257 §4.2)";
        DctcpConfig {
            gain_log2: params.count("gain_log2", Some(default.gain_log2.into()), 0..=10, help) as u32,
            alpha: params.count(
                "alpha",
                Some(default.alpha.into()),
                0..=ONE,
                "the estimated share of marked segments at the start, in parts of 1024",
            ) as u32,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Dctcp {
    gain_log2: u32,
    /// The estimated share of marked segments, in parts of 1024.
    alpha: u64,
    /// The end of the round, and what had been delivered and marked when it began.
    round_end: Seq,
    delivered: u64,
    marked: u64,
}

impl Dctcp {
    pub fn new(config: &DctcpConfig, _setting: &Setting) -> Dctcp {
        Dctcp { gain_log2: config.gain_log2, alpha: config.alpha.into(), round_end: Seq(0), delivered: 0, marked: 0 }
    }

    // RFC 8257 §3.3 (5): alpha <- alpha (1 - g) + g M, once a round trip; a small rest goes at once.
    fn update(&mut self, delivered: u64, marked: u64) {
        let fall = self.alpha >> self.gain_log2;
        self.alpha -= if fall == 0 { self.alpha } else { fall };
        if marked > 0 {
            self.alpha = (self.alpha + (marked << (10 - self.gain_log2)) / delivered.max(1)).min(ONE);
        }
    }
}

impl Controller for Dctcp {
    const NEEDS: Needs = Needs { every_ack: true, ecn: true, ..Needs::NOTHING };

    fn on_established(&mut self, _window: &Window, path: &Path) {
        self.round_end = path.nxt;
    }

    fn on_heard(&mut self, _window: &mut Window, heard: &Heard) {
        if heard.una >= self.round_end {
            self.update(heard.delivered - self.delivered, heard.marked - self.marked);
            (self.round_end, self.delivered, self.marked) = (heard.nxt, heard.delivered, heard.marked);
        }
    }

    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        grow(window, ack.acked);
    }

    // RFC 8257 §3.5: a loss is answered as without DCTCP.
    fn ssthresh(&mut self, window: &Window) -> u32 {
        (window.cwnd / 2).max(2)
    }

    // RFC 8257 §3.3 (9): cwnd <- cwnd (1 - alpha / 2)
    fn ssthresh_marked(&mut self, window: &Window) -> u32 {
        let cwnd = u64::from(window.cwnd);
        ((cwnd - ((cwnd * self.alpha) >> 11)) as u32).max(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests: RFC 8257 §3.3
    #[test]
    fn the_window_falls_with_the_share_of_marks() {
        let mut dctcp = Dctcp::new(&DctcpConfig::default(), &Setting { paced: false, seed: 0 });
        let window = Window { cwnd: 100, ssthresh: 50, count: 0 };
        assert_eq!(dctcp.ssthresh_marked(&window), 50, "alpha begins at one");
        for _ in 0..200 {
            dctcp.update(100, 10);
        }
        // A tenth of all segments: the window falls by a twentieth.
        assert!((95..=150).contains(&dctcp.alpha), "{}", dctcp.alpha);
        assert!((93..=96).contains(&dctcp.ssthresh_marked(&window)));
        for _ in 0..200 {
            dctcp.update(100, 0);
        }
        assert_eq!((dctcp.alpha, dctcp.ssthresh_marked(&window), dctcp.ssthresh(&window)), (0, 100, 50));
    }
}
