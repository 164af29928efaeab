//! What leaves: one decision, in one function, polled until it gives `None` (RFC 9293 §3.7, §3.8).

use sim_core::{Ecn, Payload, Span, Time};

use super::super::config::Profile;
use super::super::state::State;
use super::super::trace::{Cause, Phase};
use super::timers::Timer;
use super::{Connection, Segment};
use crate::wire::{Seq, TcpFlags, TcpOptions, TcpRepr, Timestamps};

/// What to send: a segment but for what all have in common.
#[derive(Clone, Copy)]
struct Piece {
    seq: Seq,
    /// Bytes of payload.
    len: u32,
    flags: TcpFlags,
    ecn: Ecn,
}

impl Connection {
    /// The next segment that must leave now, if any.
    pub fn next_segment(&mut self, now: Time) -> Option<Segment> {
        if let Some(reset) = self.reset_due.take() {
            self.counters.segments_sent += 1;
            return Some(*reset);
        }
        if self.syn_due {
            return Some(self.send_syn(now));
        }
        let piece = self.next_piece(now)?;
        // RFC 9293 §3.10.4: a CLOSE in SYN-RECEIVED has sent the FIN behind a SYN that is still not acknowledged.
        Some(if piece.flags.syn() { self.send_syn(now) } else { self.emit(now, piece) })
    }

    #[inline]
    fn next_piece(&mut self, now: Time) -> Option<Piece> {
        if !self.state.synchronized() {
            return (self.state == State::SynReceived && self.receiver.due).then(|| self.ack_alone());
        }
        // What came is acknowledged before the application answers it, unless data was waiting already (see `arrive`).
        if self.receiver.now_due && !self.answering {
            return Some(self.ack_alone());
        }
        if let Some(piece) = self.next_data(now) {
            return Some(piece);
        }
        if std::mem::take(&mut self.probe_due) {
            return Some(self.probe(now));
        }
        self.receiver.due.then(|| self.ack_alone())
    }

    #[inline]
    fn next_data(&mut self, now: Time) -> Option<Piece> {
        if !matches!(
            self.state,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck
        ) {
            return None;
        }
        let flight = self.board.in_flight();
        if flight < self.window.cwnd
            && let Some(lost) = self.board.next_lost()
        {
            return Some(self.again(now, lost.seq, lost.len()));
        }
        self.restart_after_idle(now);
        if flight >= self.window.cwnd {
            if std::mem::take(&mut self.new_left) || self.unsent() > 0 || self.fin_waits() {
                self.validate_window(now, true);
            }
            return None;
        }
        let piece = self.next_new(now);
        if piece.is_none() && std::mem::take(&mut self.new_left) {
            self.validate_window(now, false);
        }
        piece
    }

    /// Whether data or a FIN could leave at once.
    pub(super) fn can_send(&mut self) -> bool {
        if self.board.in_flight() >= self.window.cwnd {
            return false;
        }
        let unsent = self.unsent();
        let window = (self.una + self.snd_wnd).since(self.nxt).max(0) as u32;
        let len = unsent.min(self.mss).min(window);
        self.board.next_lost().is_some()
            || self.fin_waits() && len == unsent
            || len > 0 && (len == self.mss || self.small_may_leave(len, unsent))
    }

    /// Bytes that were written and never sent.
    fn unsent(&self) -> u32 {
        let sent = self.nxt.since(self.data_start).max(0) as u32;
        self.outgoing.len().saturating_sub(sent)
    }

    fn fin_waits(&self) -> bool {
        self.closing && !self.fin_sent
    }

    #[inline]
    fn next_new(&mut self, now: Time) -> Option<Piece> {
        let unsent = self.unsent();
        let window = (self.una + self.snd_wnd).since(self.nxt).max(0) as u32;
        let len = unsent.min(self.mss).min(window);
        let fin = self.fin_waits() && len == unsent;
        if len == 0 && !fin {
            if unsent > 0 && self.board.packets() == 0 && !self.timers.running(Timer::Persist) {
                // RFC 9293 §3.8.6.1: the window is closed and nothing is under way that could open it.
                self.backoff = 0;
                self.arm(Timer::Persist, now + self.rto());
            }
            return None;
        }
        if len < self.mss && !fin && !self.small_may_leave(len, unsent) {
            if self.board.packets() == 0 && !self.timers.running(Timer::Persist) {
                // RFC 9293 §3.8.6.2.1: what silly-window avoidance holds back is sent after a time all the same.
                self.backoff = 0;
                self.arm(Timer::Persist, now + self.rto());
            }
            return None;
        }
        let mut flags = TcpFlags::ACK;
        if len > 0 && len == unsent {
            flags = flags | TcpFlags::PSH;
        }
        if fin {
            flags = flags | TcpFlags::FIN;
            self.fin_sent = true;
        }
        if std::mem::take(&mut self.cwr_due) {
            flags = flags | TcpFlags::CWR;
        }
        let seq = self.nxt;
        let took = len + u32::from(fin);
        if self.board.packets() == 0 {
            self.arm(Timer::Retransmit, now + self.rto());
            self.timers.stop(Timer::Persist);
        }
        self.board.push(seq, took, now);
        self.nxt += took;
        self.new_left = true;
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) {
            self.prr_out += 1;
        }
        if len > 0 && len < self.mss {
            self.small_end = seq + len;
        }
        let ecn = if self.ecn && len > 0 { Ecn::Ect0 } else { Ecn::NotEct };
        Some(Piece { seq, len, flags, ecn })
    }

    /// Nagle's algorithm and silly-window avoidance (RFC 9293 §3.7.4, §3.8.6.2.1).
    fn small_may_leave(&self, len: u32, unsent: u32) -> bool {
        if len == unsent {
            // Linux keeps to Minshall's variant (tcp_nagle_check): only another small segment holds one back.
            let held = match self.config.profile {
                Profile::Rfc => self.board.packets() > 0,
                Profile::Linux6 => self.small_end > self.una,
            };
            return !self.config.nagle || !held || self.closing;
        }
        // The window cuts it short: half of the largest window ever offered is enough.
        len >= self.max_window / 2 && len > 0
    }

    fn payload(&self, seq: Seq, len: u32) -> Payload {
        let start = self.outgoing.end() - u64::from(self.outgoing.len());
        self.outgoing.copy(start + u64::from(seq - self.data_start), len)
    }

    /// A segment of the scoreboard once more.
    fn again(&mut self, now: Time, seq: Seq, took: u32) -> Piece {
        self.counters.retransmissions += 1;
        if seq < self.data_start {
            return Piece { seq, len: 0, flags: TcpFlags::SYN, ecn: Ecn::NotEct };
        }
        let data_end = self.data_start + self.outgoing.len();
        let fin = self.fin_sent && seq + took > data_end;
        let len = took - u32::from(fin);
        self.board.sent_again(seq, now);
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) {
            self.prr_out += 1;
        }
        if !self.timers.running(Timer::Retransmit) || seq == self.una {
            self.arm(Timer::Retransmit, now + self.rto());
        }
        self.note(now, Cause::Retransmission);
        let flags = if fin { TcpFlags::ACK | TcpFlags::FIN } else { TcpFlags::ACK };
        // RFC 3168 §6.1.5: what is sent again is not ECN-capable.
        Piece { seq, len, flags, ecn: Ecn::NotEct }
    }

    /// RFC 9293 §3.8.6.1: a byte of data in profile `rfc`; in `linux-6` an old number without data, which must be answered.
    fn probe(&mut self, now: Time) -> Piece {
        if self.config.profile == Profile::Rfc && self.unsent() > 0 && self.board.packets() == 0 {
            let seq = self.nxt;
            self.board.push(seq, 1, now);
            self.nxt += 1;
            self.timers.stop(Timer::Persist);
            self.arm(Timer::Retransmit, now + self.rto());
            return Piece { seq, len: 1, flags: TcpFlags::ACK, ecn: Ecn::NotEct };
        }
        let window = (self.una + self.snd_wnd).since(self.nxt).max(0) as u32;
        let len = self.unsent().min(window).min(self.mss);
        if len > 0 {
            let seq = self.nxt;
            self.board.push(seq, len, now);
            self.nxt += len;
            self.timers.stop(Timer::Persist);
            self.arm(Timer::Retransmit, now + self.rto());
            return Piece { seq, len, flags: TcpFlags::ACK | TcpFlags::PSH, ecn: Ecn::NotEct };
        }
        Piece { seq: self.una - 1, len: 0, flags: TcpFlags::ACK, ecn: Ecn::NotEct }
    }

    #[inline]
    fn ack_alone(&mut self) -> Piece {
        self.counters.pure_acks_sent += 1;
        Piece { seq: self.nxt, len: 0, flags: TcpFlags::ACK, ecn: Ecn::NotEct }
    }

    // RFC 9293 §3.10.1, §3.10.7.2; RFC 3168 §6.1.1
    fn send_syn(&mut self, now: Time) -> Segment {
        self.syn_due = false;
        let answer = self.state != State::SynSent;
        if self.board.packets() == 0 {
            self.board.push(self.iss, 1, now);
            self.nxt = self.iss + 1;
        }
        if self.backoff > 0 || self.counters.segments_sent > 0 {
            // Karn's algorithm: the answer to one of two SYNs gives no sample.
            self.board.lose_all();
            self.board.sent_again(self.iss, now);
        }
        self.arm(Timer::Retransmit, now + self.rto());
        let offers = |agreed: bool, ours: bool| if answer { agreed } else { ours };
        let scales = self.config.window_scaling && (!answer || self.snd_scale > 0 || self.receiver.scale > 0);
        let options = TcpOptions {
            mss: Some(self.config.mss),
            window_scale: scales.then_some(self.own_scale()),
            sack_permitted: offers(self.sack, self.config.sack),
            timestamps: offers(self.timestamps, self.config.timestamps)
                .then(|| Timestamps { val: self.clock(now), ecr: if answer { self.ts_recent } else { 0 } }),
            ..TcpOptions::default()
        };
        let mut flags = if answer { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::SYN };
        match (answer, self.config.ecn) {
            (false, true) => flags = flags | TcpFlags::ECE | TcpFlags::CWR,
            (true, true) if self.ecn => flags = flags | TcpFlags::ECE,
            _ => {}
        }
        // RFC 7323 §2.2: the window of a SYN is not scaled.
        let window = self.first_window().min(65_535);
        self.receiver.edge = self.receiver.nxt + window;
        self.receiver.ack_left();
        self.counters.segments_sent += 1;
        let repr = TcpRepr {
            src_port: self.local.port,
            dst_port: self.remote.port,
            seq: self.iss,
            ack: if answer { self.receiver.nxt } else { Seq(0) },
            window: window as u16,
            urgent: 0,
            flags,
            options,
        };
        Segment { repr, payload: Payload::Empty, ecn: Ecn::NotEct }
    }

    /// The shift of our own windows, as announced.
    fn own_scale(&self) -> u8 {
        self.receiver.scale
    }

    /// A segment without payload at the present place; for resets.
    pub(super) fn bare(&self, flags: TcpFlags) -> Segment {
        let repr = TcpRepr {
            src_port: self.local.port,
            dst_port: self.remote.port,
            seq: self.nxt,
            ack: if flags.ack() { self.receiver.nxt } else { Seq(0) },
            flags,
            ..TcpRepr::default()
        };
        Segment { repr, payload: Payload::Empty, ecn: Ecn::NotEct }
    }

    #[inline]
    fn emit(&mut self, now: Time, Piece { seq, len, mut flags, ecn }: Piece) -> Segment {
        let payload = if len == 0 { Payload::Empty } else { self.payload(seq, len) };
        let window = self.offer();
        let mut options = TcpOptions::default();
        if self.timestamps {
            options.timestamps = Some(Timestamps { val: self.clock(now), ecr: self.ts_recent });
        }
        if self.sack && (!self.early.is_empty() || self.duplicate.is_some()) {
            self.add_sack(&mut options);
        }
        if self.ecn_echo {
            flags = flags | TcpFlags::ECE;
        }
        let counters = &mut self.counters;
        counters.segments_sent += 1;
        if len > 0 {
            counters.data_segments_sent += 1;
            counters.bytes_sent += u64::from(len);
            self.receiver.data_left(now);
            self.last_sent = now;
        }
        self.receiver.edge = self.receiver.nxt + window;
        self.receiver.ack_left();
        self.answering = false;
        self.timers.stop(Timer::DelayedAck);
        let repr = TcpRepr {
            src_port: self.local.port,
            dst_port: self.remote.port,
            seq,
            ack: self.receiver.nxt,
            window: (window >> self.receiver.scale) as u16,
            urgent: 0,
            flags,
            options,
        };
        Segment { repr, payload, ecn }
    }

    /// SACK blocks, a duplicate's first (RFC 2883 §4), then the most recent (RFC 2018 §4); three fit beside timestamps.
    #[cold]
    fn add_sack(&mut self, options: &mut TcpOptions) {
        let room = if self.timestamps { 3 } else { 4 };
        if let Some((left, right)) = self.duplicate.take() {
            options.sack.push(left, right);
        }
        let base = self.incoming.end();
        for (left, right) in self.early.ranges() {
            let place = |offset: u64| self.receiver.nxt + (offset - base) as u32;
            options.sack.push(place(*left), place(*right));
        }
        options.sack.truncate(room);
    }

    /// Linux's tcp_cwnd_validate (RFC 7661 in spirit): notes whether the window or the application limits the flow. It is asked at the end of
    /// a burst of new data, and where the window lets none leave (tcp_write_xmit); a window that the last segment has just filled limits.
    fn validate_window(&mut self, now: Time, limited: bool) {
        let packets = self.board.packets();
        if self.una >= self.usage_seq || limited || !self.cwnd_limited && packets > self.max_packets_out {
            self.cwnd_limited = limited;
            self.max_packets_out = packets;
            self.usage_seq = self.nxt;
        }
        if self.cwnd_limited || self.window.in_slow_start() && self.window.cwnd < 2 * self.max_packets_out {
            self.used_window = 0;
            self.used_since = now;
            return;
        }
        self.used_window = self.used_window.max(packets);
        if self.config.idle_restart
            && self.control.follows_loss()
            && now.since(self.used_since) >= self.rto()
            && self.phase == Phase::Open
            && self.unsent() == 0
        {
            // Linux's tcp_cwnd_application_limited: an unused window comes halfway back to what is used (RFC 2861).
            let used = self.used_window.max(self.config.initial_window);
            if used < self.window.cwnd {
                self.window.ssthresh = self.window.ssthresh.max(self.window.cwnd / 4 * 3);
                self.window.cwnd = (self.window.cwnd + used) / 2;
                self.note(now, Cause::Idle);
            }
            self.used_window = 0;
            self.used_since = now;
        }
    }

    /// RFC 5681 §4.1: after an idle time the window halves for each time-out, down to the restart window.
    fn restart_after_idle(&mut self, now: Time) {
        if !self.config.idle_restart || self.board.packets() > 0 || self.unsent() == 0 || !self.control.follows_loss() {
            return;
        }
        let rto = self.rto();
        let mut idle = now.since(self.last_sent);
        if idle <= rto || self.last_sent == Time::ZERO {
            return;
        }
        self.control.on_restart(idle, now);
        let restart = self.window.cwnd.min(self.config.initial_window);
        let before = self.window.cwnd;
        // RFC 2861 §3: the threshold remembers what was reached.
        self.window.ssthresh = self.window.ssthresh.max(before / 4 * 3);
        while idle > rto && self.window.cwnd > restart {
            idle = idle.saturating_sub(rto);
            self.window.cwnd = (self.window.cwnd / 2).max(restart);
        }
        self.window.count = 0;
        self.used_window = 0;
        self.used_since = now;
        self.last_sent = now;
        if self.window.cwnd != before {
            self.note(now, Cause::Idle);
        }
        debug_assert!(rto > Span::ZERO);
    }
}
