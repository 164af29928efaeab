//! Acknowledgements: round trips, loss detection, recovery, and the congestion window (RFC 5681, 6675, 6582, 6937, 3168).

use sim_core::{Span, Time};

use super::super::cc::Ack;
use super::super::config::Profile;
use super::super::scoreboard::{DUP_THRESHOLD, Delivered};
use super::super::trace::{Cause, Phase};
use super::timers::Timer;
use super::{Connection, ConnectionEvent, Segment};
use crate::wire::{Seq, TcpFlags};

impl Connection {
    /// An acceptable acknowledgement has come.
    pub(super) fn on_ack(&mut self, now: Time, segment: &Segment) {
        let repr = &segment.repr;
        let ack = repr.ack;
        if self.governor.is_some() {
            self.before_acknowledgement(repr);
        }
        self.last_heard = now;
        self.more = false;
        if self.probes_out > 0 {
            self.probe_answered(now);
        }
        let window_moved = if ack >= self.una { self.take_window(ack, segment) } else { false };
        let advanced = ack > self.una;
        let mut delivered = if advanced { self.remove_acknowledged(ack) } else { Delivered::default() };
        if !repr.options.sack.is_empty() && self.sack {
            self.board.sack(repr.options.sack.as_slice(), self.una, self.nxt, &mut delivered);
        }
        let duplicate = !advanced
            && ack == self.una
            && segment.payload.is_empty()
            && !window_moved
            && self.board.packets() > 0
            && !repr.flags.fin();
        if duplicate {
            self.counters.duplicate_acks += 1;
        }
        if advanced {
            self.backoff = 0;
            self.measure(now, segment, &delivered);
            if self.drop_acknowledged_bytes(ack) {
                self.events.push_back(ConnectionEvent::Writable);
            }
        } else if let Some(sent) = delivered.sacked_sent {
            self.sample_rtt(now, now.since(sent));
        }
        if self.board.packets() == 0 {
            self.timers.stop(Timer::Retransmit);
        } else if advanced {
            self.arm(Timer::Retransmit, now + self.rto());
        }
        if delivered.segments == 0 && !duplicate && self.phase == Phase::Open && !repr.flags.has(TcpFlags::ECE) {
            return;
        }
        let lost = self.find_losses(now, advanced, duplicate, &mut delivered);
        if self.ecn && repr.flags.has(TcpFlags::ECE) {
            self.congestion_experienced(now);
        }
        if self.governor.is_some() {
            self.govern(now, repr, advanced, lost, &delivered);
        } else {
            self.adjust_window(now, advanced, lost, &delivered);
        }
    }

    /// Takes what `ack` acknowledges off the scoreboard.
    pub(super) fn remove_acknowledged(&mut self, ack: Seq) -> Delivered {
        let mut delivered = Delivered::default();
        let before = self.board.packets();
        self.board.acknowledge(ack, &mut delivered);
        if !self.sack {
            let acked = before - self.board.packets();
            delivered.segments = acked;
            self.board.forget_duplicates(acked);
        }
        self.una = ack;
        delivered
    }

    /// Drops acknowledged bytes from the send buffer; the SYN and the FIN are none. Returns whether there were any.
    pub(super) fn drop_acknowledged_bytes(&mut self, ack: Seq) -> bool {
        let bytes = (ack.since(self.data_start).max(0) as u32).min(self.outgoing.len());
        let start = self.outgoing.end() - u64::from(self.outgoing.len());
        self.counters.bytes_acked += u64::from(bytes);
        self.outgoing.drop_before(start + u64::from(bytes));
        self.data_start += bytes;
        self.attention |= self.outgoing.len() == 0;
        bytes > 0
    }

    fn measure(&mut self, now: Time, segment: &Segment, delivered: &Delivered) {
        match delivered.first_sent.or(delivered.sacked_sent) {
            Some(sent) => self.sample_rtt(now, now.since(sent)),
            // Karn's algorithm (RFC 6298 §3): what was sent twice gives no sample, unless clocks tell which one it was.
            None => self.sample_from_timestamps(now, segment),
        }
    }

    pub(super) fn sample_from_timestamps(&mut self, now: Time, segment: &Segment) {
        if let Some(clock) = segment.repr.options.timestamps.filter(|clock| self.timestamps && clock.ecr != 0) {
            let ms = self.clock(now).wrapping_sub(clock.ecr);
            if ms < 1 << 22 {
                self.sample_rtt(now, Span::from_ms(ms.max(1).into()));
            }
        }
    }

    pub(super) fn sample_rtt(&mut self, _now: Time, rtt: Span) {
        self.rtt.sample(rtt, self.una, self.nxt, &self.config);
        self.rtt_sample = Some(rtt);
    }

    /// Looks for losses and moves between the phases of recovery. Returns how many segments were newly found lost.
    fn find_losses(&mut self, now: Time, advanced: bool, duplicate: bool, delivered: &mut Delivered) -> u32 {
        if duplicate && !self.sack {
            self.board.duplicate_ack();
            delivered.segments = 1;
        }
        // RFC 6675 §5 (A): recovery ends when all that was sent before it is acknowledged.
        if matches!(self.phase, Phase::Recovery | Phase::Loss | Phase::Cwr) && self.una >= self.high_seq {
            self.recovered(now, advanced);
        }
        let recovering = matches!(self.phase, Phase::Recovery | Phase::Loss);
        let mut lost = 0;
        if self.sack {
            lost = self.board.detect_losses(recovering);
        } else if recovering && advanced || !recovering && self.board.sacked >= DUP_THRESHOLD {
            // RFC 6582 §3.2: the third duplicate, and each partial acknowledgement, names the oldest segment.
            self.board.lose_oldest();
            lost = 1;
        }
        match self.phase {
            Phase::Open | Phase::Disorder if self.board.lost > 0 => self.enter_recovery(now, Cause::FastRetransmit),
            Phase::Cwr if self.board.lost > 0 => {
                self.phase = Phase::Recovery;
                self.counters.fast_retransmits += 1;
                self.high_seq = self.nxt;
            }
            Phase::Open if self.board.sacked > 0 => self.phase = Phase::Disorder,
            Phase::Disorder if self.board.sacked == 0 => self.phase = Phase::Open,
            _ => {}
        }
        lost
    }

    fn recovered(&mut self, now: Time, advanced: bool) {
        if !self.sack {
            // RFC 6582 §3.2: with nothing in flight a duplicate may still be of the old window; it must not start recovery again.
            if self.una == self.high_seq && !advanced {
                return;
            }
            self.board.reset_duplicates();
        }
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) && self.control.follows_loss() {
            self.window.cwnd = self.window.ssthresh;
            self.window.count = 0;
            self.control.on_recovered(&mut self.window);
        }
        self.phase = Phase::Open;
        self.note(now, Cause::Recovered);
    }

    /// The window will be reduced over the coming round trip (RFC 6937).
    fn enter_recovery(&mut self, now: Time, cause: Cause) {
        let ssthresh = match cause {
            Cause::Ecn => self.control.ssthresh_marked(&self.window),
            _ => self.control.ssthresh(&self.window),
        };
        self.prior_cwnd = self.window.cwnd;
        self.prr_delivered = 0;
        self.prr_out = 0;
        self.high_seq = self.nxt;
        if self.control.follows_loss() {
            self.window.ssthresh = ssthresh;
            self.window.count = 0;
        }
        self.cwr_due = self.ecn;
        self.phase = match cause {
            Cause::Ecn => {
                self.counters.ecn_reductions += 1;
                Phase::Cwr
            }
            _ => {
                self.counters.fast_retransmits += 1;
                Phase::Recovery
            }
        };
        self.note(now, cause);
    }

    // RFC 3168 §6.1.2: at most once a window of data.
    fn congestion_experienced(&mut self, now: Time) {
        if matches!(self.phase, Phase::Open | Phase::Disorder) {
            self.enter_recovery(now, Cause::Ecn);
        }
    }

    /// The congestion window after an acknowledgement: reduced in recovery, else perhaps grown.
    pub(super) fn adjust_window(&mut self, now: Time, advanced: bool, lost: u32, delivered: &Delivered) {
        if !self.control.follows_loss() {
            return;
        }
        let before = self.window;
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) {
            self.reduce(delivered.segments, advanced, lost);
            if self.window != before {
                self.note(now, Cause::Reduction);
            }
            return;
        }
        let acked = match self.config.profile {
            Profile::Linux6 => delivered.segments,
            // RFC 5681 §3.1 (2): at most one segment for an acknowledgement.
            Profile::Rfc => delivered.segments.min(1),
        };
        let rtt = delivered.last_sent.or(delivered.sacked_sent).map(|sent| now.since(sent));
        let ack = Ack { now, acked, una: self.una, nxt: self.nxt, rtt, srtt: self.rtt.srtt(), mss: self.mss };
        self.control.on_rtt(&mut self.window, &ack);
        if self.window.ssthresh != before.ssthresh {
            self.note(now, Cause::SlowStartExit);
        }
        if advanced && acked > 0 && self.is_cwnd_limited() {
            let slow_start = self.window.in_slow_start();
            self.control.on_ack(&mut self.window, &ack);
            if self.window.cwnd != before.cwnd {
                self.note(now, if slow_start { Cause::SlowStart } else { Cause::Avoidance });
            }
        }
    }

    /// Proportional rate reduction (RFC 6937 §3, with Linux's slow-start bound; RFC 9937): while there is more in flight than the threshold,
    /// sending is in proportion to what is delivered; below it, it grows as in slow start.
    fn reduce(&mut self, delivered: u32, advanced: bool, lost: u32) {
        if delivered == 0 || self.prior_cwnd == 0 {
            // An entry into recovery sends at least the segment that is lost.
            if self.prr_out == 0 && self.prr_delivered == 0 {
                self.window.cwnd = self.board.in_flight() + 1;
            }
            return;
        }
        self.prr_delivered += delivered;
        let (flight, ssthresh) = (self.board.in_flight(), self.window.ssthresh);
        let send = if flight > ssthresh {
            let share = u64::from(ssthresh) * u64::from(self.prr_delivered);
            let share = share.div_ceil(u64::from(self.prior_cwnd)) as u32;
            share.saturating_sub(self.prr_out)
        } else {
            let mut send = self.prr_delivered.saturating_sub(self.prr_out).max(delivered);
            if advanced && lost == 0 {
                send += 1;
            }
            send.min(ssthresh - flight)
        };
        self.window.cwnd = flight + send.max(u32::from(self.prr_out == 0));
    }

    /// Linux's tcp_is_cwnd_limited: the window grows only when it was used; in slow start up to twice what was outstanding.
    #[inline]
    fn is_cwnd_limited(&self) -> bool {
        self.cwnd_limited || self.window.in_slow_start() && self.window.cwnd < 2 * self.max_packets_out
    }
}
