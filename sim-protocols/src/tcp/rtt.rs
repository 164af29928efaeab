//! Round-trip times and the retransmission time-out: RFC 6298, and Linux's estimator where the profile is Linux's.

use sim_core::Span;

use super::config::{Config, Profile};
use crate::wire::Seq;

/// The estimator of a connection. Microseconds, as in both of its models.
#[derive(Clone, Debug)]
pub(crate) struct Rtt {
    /// Smoothed round trip, times 8; 0 before the first sample.
    srtt8: u64,
    /// Mean deviation (Linux) or RTTVAR (RFC), times 4.
    mdev4: u64,
    /// Linux: the largest `mdev4` of this round trip, and what the time-out is made from.
    mdev_max4: u64,
    rttvar4: u64,
    rtt_seq: Seq,
    rto: Span,
    /// The least sample.
    pub min: Option<Span>,
    pub samples: u64,
    pub sum: Span,
}

impl Rtt {
    pub fn new(config: &Config) -> Rtt {
        Rtt {
            srtt8: 0,
            mdev4: 0,
            mdev_max4: 0,
            rttvar4: 0,
            rtt_seq: Seq(0),
            rto: config.rto_initial,
            min: None,
            samples: 0,
            sum: Span::ZERO,
        }
    }

    /// The time-out without back-off.
    #[inline]
    pub fn rto(&self) -> Span {
        self.rto
    }

    /// RFC 6298 §5.7, Linux's TCP_TIMEOUT_FALLBACK: where a SYN was sent again and nothing tells which one was answered, a time-out of less than
    /// three seconds was too short.
    pub fn fall_back(&mut self) {
        self.rto = self.rto.max(Span::from_secs(3));
    }

    /// The smoothed round trip; `None` before the first sample.
    #[inline]
    pub fn srtt(&self) -> Option<Span> {
        (self.samples > 0).then(|| Span::from_ps(self.srtt8 * 1_000_000 / 8))
    }

    /// A round trip was measured; `una` and `nxt` are the send window's ends.
    pub fn sample(&mut self, rtt: Span, una: Seq, nxt: Seq, config: &Config) {
        self.samples += 1;
        self.sum += rtt;
        self.min = Some(self.min.map_or(rtt, |min| min.min(rtt)));
        let us = (rtt.ps() / 1_000_000).max(1);
        match config.profile {
            Profile::Rfc => self.sample_rfc(us, config),
            Profile::Linux6 => self.sample_linux(us, una, nxt, config),
        }
        self.rto = self.rto.min(config.rto_max);
    }

    // RFC 6298 §2.2, §2.3: alpha = 1/8, beta = 1/4, RTO = SRTT + max(G, 4 RTTVAR), at least RTO.min (§2.4).
    fn sample_rfc(&mut self, us: u64, config: &Config) {
        if self.samples == 1 {
            self.srtt8 = us * 8;
            self.mdev4 = us * 2;
        } else {
            let deviation = (self.srtt8 / 8).abs_diff(us);
            self.mdev4 = self.mdev4 - self.mdev4 / 4 + deviation;
            self.srtt8 = self.srtt8 - self.srtt8 / 8 + us;
        }
        self.rto = Span::from_us(self.srtt8 / 8 + self.mdev4.max(1)).max(config.rto_min);
    }

    // Linux's tcp_rtt_estimator: the variance is the largest mean deviation of a round trip, it falls slowly, a falling round trip counts an
    // eighth, and the floor of 200 ms is on the variance term, not on the sum.
    fn sample_linux(&mut self, us: u64, una: Seq, nxt: Seq, config: &Config) {
        let floor = config.rto_min.us();
        if self.samples == 1 {
            self.srtt8 = us * 8;
            self.mdev4 = us * 2;
            self.rttvar4 = self.mdev4.max(floor);
            self.mdev_max4 = self.rttvar4;
            self.rtt_seq = nxt;
        } else {
            let mut m = us as i64 - (self.srtt8 / 8) as i64;
            self.srtt8 = (self.srtt8 as i64 + m) as u64;
            if m < 0 {
                m = -m - (self.mdev4 / 4) as i64;
                if m > 0 {
                    m >>= 3;
                }
            } else {
                m -= (self.mdev4 / 4) as i64;
            }
            self.mdev4 = (self.mdev4 as i64 + m) as u64;
            if self.mdev4 > self.mdev_max4 {
                self.mdev_max4 = self.mdev4;
                self.rttvar4 = self.rttvar4.max(self.mdev_max4);
            }
            if una > self.rtt_seq {
                if self.mdev_max4 < self.rttvar4 {
                    self.rttvar4 -= (self.rttvar4 - self.mdev_max4) / 4;
                }
                self.rtt_seq = nxt;
                self.mdev_max4 = floor;
            }
        }
        self.rto = config.round_up_to_tick(Span::from_us(self.srtt8 / 8 + self.rttvar4));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(profile: Profile, samples_ms: &[u64]) -> Rtt {
        let config = Config { profile, ..Config::profile(profile) };
        let mut rtt = Rtt::new(&config);
        for (at, ms) in (0_u32..).zip(samples_ms) {
            rtt.sample(Span::from_ms(*ms), Seq(at * 10 + 10), Seq(at * 10 + 15), &config);
        }
        rtt
    }

    // tests: RFC 6298 §2.2, §2.3, §2.4
    #[test]
    fn the_rfc_estimator() {
        assert_eq!(after(Profile::Rfc, &[]).rto(), Span::from_secs(1));
        assert_eq!(after(Profile::Rfc, &[1000]).rto(), Span::from_ms(3000));
        // SRTT = 1000 + 200/8 = 1025 ms; RTTVAR = 500 - 125 + 50 = 425 ms.
        assert_eq!(after(Profile::Rfc, &[1000, 1200]).rto(), Span::from_ms(1025 + 4 * 425));
        assert_eq!(after(Profile::Rfc, &[10]).rto(), Span::from_secs(1), "RTO.min");
    }

    #[test]
    fn the_linux_estimator_has_its_floor_on_the_variance() {
        // 244 ms on a path of 40 ms right after the handshake: 40 + 200, in ticks of 4 ms rounded up.
        assert_eq!(after(Profile::Linux6, &[40]).rto(), Span::from_ms(240));
        let config = Config::profile(Profile::Linux6);
        let mut rtt = Rtt::new(&config);
        rtt.sample(Span::from_us(40_250), Seq(1), Seq(1), &config);
        assert_eq!(rtt.rto(), Span::from_ms(244));
    }
}
