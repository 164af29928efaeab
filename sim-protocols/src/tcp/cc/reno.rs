//! Reno's additive increase and multiplicative decrease (RFC 5681 §3.1), counted in segments.

use sim_core::Params;

use super::hystart::{HyStart, HyStartChoice};
use super::{Ack, Controller, Setting, Window};

/// Parameters of Reno.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RenoConfig {
    /// Leaves slow start before it overshoots. Default: off.
    pub hystart: HyStartChoice,
}

impl RenoConfig {
    pub(super) fn read(params: &mut dyn Params) -> RenoConfig {
        RenoConfig { hystart: HyStartChoice::read_for_reno(params) }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Reno(HyStart);

impl Reno {
    pub fn new(config: &RenoConfig, setting: &Setting) -> Reno {
        Reno(config.hystart.open(setting))
    }
}

/// The window after acknowledgements of so many segments; for every control that grows as Reno does.
#[inline]
pub(super) fn grow(window: &mut Window, mut acked: u32) {
    if window.in_slow_start() {
        acked = window.slow_start(acked);
    }
    if acked > 0 {
        window.avoid(window.cwnd, acked);
    }
}

impl Controller for Reno {
    #[inline]
    fn on_rtt(&mut self, window: &mut Window, ack: &Ack) {
        if self.0.looks()
            && window.in_slow_start()
            && let Some(rtt) = ack.rtt
        {
            self.0.on_rtt(window, ack, rtt, None);
        }
    }

    #[inline]
    fn on_ack(&mut self, window: &mut Window, ack: &Ack) {
        let acked = if window.in_slow_start() { self.0.growth(ack.acked) } else { ack.acked };
        grow(window, acked);
    }

    // RFC 5681 §3.1 (4) with the window in the place of the flight size, as Linux.
    fn ssthresh(&mut self, window: &Window) -> u32 {
        self.0.on_congestion();
        (window.cwnd / 2).max(2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Seq;
    use sim_core::Time;

    #[test]
    fn doubles_then_adds_one_a_window() {
        let ack = |acked| Ack { now: Time::ZERO, acked, una: Seq(0), nxt: Seq(0), rtt: None, srtt: None, mss: 1448 };
        let mut window = Window { cwnd: 10, ssthresh: 24, count: 0 };
        let mut reno = Reno(HyStart::Off);
        reno.on_ack(&mut window, &ack(10));
        assert_eq!(window.cwnd, 20);
        // The part of a stretch ACK beyond the threshold counts in congestion avoidance.
        reno.on_ack(&mut window, &ack(10));
        assert_eq!((window.cwnd, window.count), (24, 6));
        for _ in 0..9 {
            reno.on_ack(&mut window, &ack(2));
        }
        assert_eq!((window.cwnd, window.count), (25, 0));
        assert_eq!(reno.ssthresh(&Window { cwnd: 269, ssthresh: 0, count: 0 }), 134);
        assert_eq!(reno.ssthresh(&Window { cwnd: 3, ssthresh: 0, count: 0 }), 2);
    }
}
