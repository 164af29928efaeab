//! Acknowledgements: what they deliver, round trips (RFC 6298), and the congestion window (RFC 5681, RFC 9937).

use sim_core::{Span, Time};

use super::super::cc::Ack;
use super::super::config::Profile;
use super::super::scoreboard::{Delivered, Look};
use super::super::trace::{Cause, Phase};
use super::recovery::News;
use super::timers::Timer;
use super::{Connection, ConnectionEvent, Segment};
use crate::wire::{Seq, TcpFlags, TcpRepr};

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
        let prior_una = self.una;
        let advanced = ack > prior_una;
        let had = self.board.packets() > 0;
        let look = self.look(now, repr);
        let mut delivered = Delivered::default();
        let (mut reported, mut of_tail) = (false, false);
        if !repr.options.sack.is_empty() && self.sack {
            (reported, of_tail) = self.take_duplicate_report(repr, &mut delivered);
            let blocks = repr.options.sack.as_slice();
            self.board.sack(blocks, self.una, self.nxt, &look, &mut delivered);
        }
        if advanced {
            self.remove_acknowledged(ack, &look, &mut delivered);
            self.retransmits = 0;
        }
        if let Some(low) = delivered.reordered
            && self.phase != Phase::Loss
        {
            self.see_reordering(low);
        }
        if ack < prior_una {
            return self.on_old_ack(now, &look, &mut delivered);
        }
        // RFC 5681 §2.
        let bare = segment.payload.is_empty() && !repr.flags.fin();
        let duplicate = !advanced && ack == prior_una && bare && !window_moved && had && !reported;
        if duplicate {
            self.counters.duplicate_acks += 1;
        }
        if advanced || delivered.first_sacked.is_some() {
            self.measure(now, segment, advanced, &delivered);
        }
        if advanced && self.drop_acknowledged_bytes(ack) {
            self.events.push_back(ConnectionEvent::Writable);
        }
        if self.recovery.tail.is_some() {
            self.probe_is_answered(now, ack, duplicate && !delivered.sacked, of_tail && reported);
        }
        let marked = self.ecn && repr.flags.has(TcpFlags::ECE);
        self.recovery.lost = 0;
        let plain = self.phase == Phase::Open && !(duplicate || reported || marked || delivered.sacked);
        let timer = plain || self.alert(now, News { prior_una, advanced, duplicate, marked }, &look, &mut delivered);
        if self.board.packets() == 0 {
            self.timers.stop(Timer::Retransmit);
        } else if timer && (advanced || self.was_sacked_before(&delivered)) {
            self.restart_timer(now);
        }
        if plain && delivered.segments == 0 {
            return;
        }
        self.counters.delivered += u64::from(delivered.segments);
        if marked {
            self.counters.delivered_marked += u64::from(delivered.segments);
        }
        let lost = self.recovery.lost;
        if self.governor.is_some() {
            self.govern(now, advanced, lost, &delivered);
        } else {
            self.adjust_window(now, advanced, lost, &delivered);
        }
    }

    /// One that another has overtaken still tells what is SACKed, and what is lost; but no time, and no reason to change the window (Linux's
    /// tcp_ack, `old_ack`).
    #[cold]
    fn on_old_ack(&mut self, now: Time, look: &Look, delivered: &mut Delivered) {
        self.recovery.lost = 0;
        let news = News { prior_una: self.una, advanced: false, duplicate: false, marked: false };
        if delivered.sacked || self.phase != Phase::Open {
            self.alert(now, news, look, delivered);
        }
        self.counters.delivered += u64::from(delivered.segments);
        if self.governor.is_some() {
            self.govern_losses(now, self.recovery.lost);
        }
    }

    /// What an acknowledgement is judged by.
    #[inline]
    pub(super) fn look(&self, now: Time, repr: &TcpRepr) -> Look {
        let echo = repr.options.timestamps.filter(|clock| self.timestamps && clock.ecr != 0);
        Look {
            now,
            high_seq: self.high_seq,
            fack: self.board.highest_sacked(self.una),
            min_rtt: self.rtt.min,
            echo: echo.map(|clock| (clock.ecr, self.ts_offset)),
        }
    }

    /// Whether what was SACKed was sent before the oldest segment was sent last: then the time-out counts anew (Linux's tcp_clean_rtx_queue).
    fn was_sacked_before(&self, delivered: &Delivered) -> bool {
        match (delivered.first_sacked, self.board.oldest_at()) {
            (Some(sacked), Some(oldest)) => sacked < oldest,
            _ => false,
        }
    }

    /// Takes what `ack` acknowledges off the scoreboard.
    #[inline]
    pub(super) fn remove_acknowledged(&mut self, ack: Seq, look: &Look, delivered: &mut Delivered) {
        let before = self.board.packets();
        self.board.acknowledge(ack, look, delivered);
        if !self.sack {
            delivered.segments = self.board.forget_duplicates(before - self.board.packets());
        }
        self.una = ack;
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

    fn measure(&mut self, now: Time, segment: &Segment, advanced: bool, delivered: &Delivered) {
        let samples = self.rtt.samples;
        match delivered.timed() {
            Some(sent) => self.sample_rtt(now, now.since(sent)),
            // Karn's algorithm (RFC 6298 §3): what was sent twice gives no sample, unless clocks tell which one it was.
            None if advanced => self.sample_from_timestamps(now, segment),
            None => {}
        }
        // RFC 6298 §5: a time-out that has doubled stays so until there is a measurement.
        if self.rtt.samples > samples {
            self.backoff = 0;
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
        self.counters.rtt_min = self.rtt.min;
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
        let rtt = delivered.timed_last().map(|sent| now.since(sent));
        let ack = Ack { now, acked, una: self.una, nxt: self.nxt, rtt, srtt: self.rtt.srtt(), mss: self.mss };
        self.control.on_rtt(&mut self.window, &ack);
        if self.window.ssthresh != before.ssthresh {
            self.note(now, Cause::SlowStartExit);
        }
        // Where segments are reordered, what arrives counts whatever its order (Linux's tcp_may_raise_cwnd).
        let forward = advanced || self.recovery.reordering > self.config.reordering;
        if forward && acked > 0 {
            // What was acknowledged just now was used.
            self.used_since = now;
        }
        if forward && acked > 0 && self.is_cwnd_limited() {
            let slow_start = self.window.in_slow_start();
            self.control.on_ack(&mut self.window, &ack);
            if self.window.cwnd != before.cwnd {
                self.note(now, if slow_start { Cause::SlowStart } else { Cause::Avoidance });
            }
        }
    }

    /// Proportional rate reduction (RFC 6937 §3, with Linux's slow-start bound; RFC 9937): while there is more in flight than the threshold,
    /// sending is in proportion to what is delivered; below it, it grows as in slow start.
    pub(super) fn reduce(&mut self, delivered: u32, advanced: bool, lost: u32) {
        if delivered == 0 || self.prior_cwnd == 0 {
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
        // RFC 6582 §3.2: without SACK a partial acknowledgement sends the next hole at once.
        let hole = advanced && !self.sack && self.config.profile == Profile::Rfc;
        self.window.cwnd = flight + send.max(u32::from(self.prr_out == 0 || hole));
    }

    /// Linux's tcp_is_cwnd_limited: the window grows only when it was used; in slow start up to twice what was outstanding.
    #[inline]
    fn is_cwnd_limited(&self) -> bool {
        self.cwnd_limited || self.window.in_slow_start() && self.window.cwnd < 2 * self.max_packets_out
    }
}
