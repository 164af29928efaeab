//! What leaves: one decision, in one function, polled until it gives `None` (RFC 9293 §3.7, §3.8).

use sim_core::{Ecn, Payload, Span, Time};

use super::super::config::Profile;
use super::super::state::State;
use super::super::trace::{Cause, Phase};
use super::calls::{CORK, NODELAY, PUSH};
use super::info::Business;
use super::tail::Awaited;
use super::timers::Timer;
use super::{Connection, Segment};
use crate::wire::{Seq, TcpFlags, TcpOptions, TcpRepr, Timestamps};

/// RFC 2018 §3: kind and length of the option, and two bytes before them that align it.
const SACK_HEAD: u32 = 4;
/// A block of it.
const SACK_BLOCK: u32 = 8;

/// What holds the next new segment back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Held {
    /// There is none.
    Nothing,
    /// The other end's window.
    Window,
    /// It is small: Nagle's algorithm, a cork.
    Small,
}

/// What to send: a segment but for what all have in common.
#[derive(Clone, Copy)]
pub(super) struct Piece {
    pub seq: Seq,
    /// Bytes of payload.
    pub len: u32,
    pub flags: TcpFlags,
    pub ecn: Ecn,
}

impl Connection {
    /// The next segment that must leave now, if any.
    pub fn next_segment(&mut self, now: Time) -> Option<Segment> {
        if let Some(reset) = self.reset_due.take() {
            self.counters.segments_sent += 1;
            self.counters.header_bytes_sent += reset.repr.len() as u64;
            return Some(*reset);
        }
        if self.attention {
            self.attend(now);
        }
        if let Some(rare) = &mut self.rare
            && let Some(ahead) = rare.ahead.take()
        {
            return Some(ahead);
        }
        if self.syn_due {
            return Some(self.send_syn(now));
        }
        let resent = self.counters.retransmissions;
        let piece = self.next_piece(now)?;
        // RFC 9293 §3.10.4: a CLOSE in SYN-RECEIVED has sent the FIN behind a SYN that is still not acknowledged.
        if piece.flags.syn() {
            return Some(self.send_syn(now));
        }
        let mut segment = self.emit(now, piece);
        if self.counters.retransmissions != resent || self.told.is_some() {
            segment.aside = self.aside(piece.seq, piece.len, self.counters.retransmissions != resent);
        }
        Some(segment)
    }

    #[inline]
    fn next_piece(&mut self, now: Time) -> Option<Piece> {
        if !self.state.synchronized() {
            return self.piece_before_established(now);
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

    #[inline(always)]
    pub(super) fn next_data(&mut self, now: Time) -> Option<Piece> {
        if !matches!(
            self.state,
            State::Established | State::CloseWait | State::FinWait1 | State::Closing | State::LastAck
        ) {
            return None;
        }
        if self.recovery.tail_due {
            return self.probe_tail(now);
        }
        let flight = self.board.in_flight();
        if self.governor.is_some() && flight < self.window.cwnd && self.is_paced(now) {
            return None;
        }
        if self.recovery.new_first && flight < self.window.cwnd {
            return self.new_to_tell(now);
        }
        if flight < self.window.cwnd
            && !self.recovery.hold
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
    pub(super) fn can_send(&mut self, now: Time) -> bool {
        (self.outgoing.len() > 0 || self.closing)
            && self.board.in_flight() < self.window.cwnd
            && self.paced_until(now).is_none()
            && (self.board.next_lost().is_some() || self.sendable().is_ok())
    }

    pub(super) fn fin_waits(&self) -> bool {
        self.closing && !self.fin_sent
    }

    /// The next new segment's length and whether it has a FIN; or what holds it back.
    #[inline(always)]
    fn sendable(&mut self) -> Result<(u32, bool), Held> {
        let unsent = self.unsent();
        let window = (self.una + self.snd_wnd).since(self.nxt).max(0) as u32;
        let whole = self.whole();
        let most = unsent.min(whole);
        let most = if self.rare.is_some() { self.within_record(most) } else { most };
        let len = match self.config.profile {
            // Linux's tcp_snd_wnd_test: a whole segment or none; one is never above half of the largest window.
            Profile::Linux6 if most > window => 0,
            _ => most.min(window),
        };
        let fin = self.fin_waits() && len == unsent;
        if len == 0 && !fin {
            return Err(if unsent > 0 { Held::Window } else { Held::Nothing });
        }
        if len == whole || fin || self.small_may_leave(len, most, unsent) {
            Ok((len, fin))
        } else {
            Err(if len < most { Held::Window } else { Held::Small })
        }
    }

    #[inline(always)]
    pub(super) fn next_new(&mut self, now: Time) -> Option<Piece> {
        let (len, fin) = match self.sendable() {
            Ok(piece) => piece,
            Err(held) => {
                self.held_back(now, held);
                return None;
            }
        };
        let whole = self.whole();
        let seq = self.nxt;
        let mut flags = TcpFlags::ACK;
        let pushes = match self.config.profile {
            Profile::Linux6 => self.pushes_at(seq + len),
            Profile::Rfc => len > 0 && len == self.unsent(),
        };
        if pushes {
            flags = flags | TcpFlags::PSH;
        }
        if fin {
            flags = flags | TcpFlags::FIN;
            self.fin_sent = true;
        }
        if std::mem::take(&mut self.cwr_due) {
            flags = flags | TcpFlags::CWR;
        }
        let took = len + u32::from(fin);
        let first = self.board.packets() == 0;
        if first {
            self.timers.stop(Timer::Persist);
            self.recovery.awaited = Awaited::Acknowledgement;
            let (path, before) = (self.path(now), self.window);
            self.control.on_start(&mut self.window, now.since(self.last_sent), &path);
            if self.window != before {
                self.note(now, Cause::Model);
            }
        }
        self.board.push(seq, took, now);
        if pushes {
            self.board.mark_pushing();
        }
        self.timer_for_new(now, first);
        self.nxt += took;
        self.new_left = true;
        self.limited_by(Business::Busy, now);
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) {
            self.prr_out += 1;
        }
        if len > 0 && len < whole {
            self.small_end = seq + len;
        }
        let ecn = if self.ecn && len > 0 { Ecn::Ect0 } else { Ecn::NotEct };
        Some(Piece { seq, len, flags, ecn })
    }

    /// Nothing new leaves, though the congestion window would let it.
    #[inline(never)]
    fn held_back(&mut self, now: Time, held: Held) {
        if held == Held::Window {
            self.limited_by(Business::Window, now);
        } else if held == Held::Nothing && self.nospace && self.outgoing.len() > 0 {
            self.limited_by(Business::Buffer, now);
        }
        // RFC 9293 §3.8.6.1, §3.8.6.2.1: with nothing under way that could open the window, or let a small segment go, a timer must.
        if held != Held::Nothing && self.board.packets() == 0 && !self.timers.running(Timer::Persist) {
            self.start_probing(now);
        }
    }

    /// Nagle's algorithm and silly-window avoidance (RFC 9293 §3.7.4, §3.8.6.2.1). `len` of `most` bytes would leave.
    fn small_may_leave(&self, len: u32, most: u32, unsent: u32) -> bool {
        if len < most {
            // The window cuts it short: half of the largest window ever offered is enough.
            return len >= self.max_window / 2 && len > 0;
        }
        // A record that is not the last one does not grow any more.
        if most < unsent || self.closing || self.nonagle & PUSH != 0 {
            return true;
        }
        if self.more || self.nonagle & CORK != 0 {
            return false;
        }
        // Linux keeps to Minshall's variant (tcp_nagle_check): only another small segment holds one back.
        let held = match self.config.profile {
            Profile::Rfc => self.board.packets() > 0,
            Profile::Linux6 => self.small_end > self.una,
        };
        self.nonagle & NODELAY != 0 || !held
    }

    pub(super) fn payload(&self, seq: Seq, len: u32) -> Payload {
        let start = self.outgoing.end() - u64::from(self.outgoing.len());
        self.outgoing.copy(start + u64::from(seq - self.data_start), len)
    }

    /// A segment of the scoreboard once more.
    fn again(&mut self, now: Time, seq: Seq, took: u32) -> Piece {
        if seq < self.data_start {
            self.counters.syns_again += 1;
            return Piece { seq, len: 0, flags: TcpFlags::SYN, ecn: Ecn::NotEct };
        }
        self.counters.retransmissions += 1;
        let before = self.board.sent_again(seq, now);
        self.was_held(before, now);
        self.recovery.sends_again(self.clock(now));
        if matches!(self.phase, Phase::Recovery | Phase::Cwr) {
            self.prr_out += 1;
        }
        let oldest = seq == self.una && self.recovery.awaited != Awaited::Reordered;
        if oldest || !self.timers.running(Timer::Retransmit) {
            self.recovery.awaited = Awaited::Acknowledgement;
            self.await_acknowledgement(now);
        }
        self.note(now, Cause::Retransmission);
        self.piece_again(seq, took)
    }

    /// New data is to tell whether a time-out was spurious; small or not (RFC 5682 §3.1 step 2.b).
    #[cold]
    fn new_to_tell(&mut self, now: Time) -> Option<Piece> {
        let nonagle = self.nonagle;
        self.nonagle |= PUSH;
        let piece = self.next_new(now);
        self.nonagle = nonagle;
        if piece.is_none() && self.nxt <= self.high_seq {
            self.no_new_data();
            return self.next_data(now);
        }
        piece
    }

    /// What lies at this place of the scoreboard, once more.
    pub(super) fn piece_again(&self, seq: Seq, took: u32) -> Piece {
        let data_end = self.data_start + self.outgoing.len();
        let fin = self.fin_sent && seq + took > data_end;
        let len = took - u32::from(fin);
        let mut flags = if fin { TcpFlags::ACK | TcpFlags::FIN } else { TcpFlags::ACK };
        if self.board.pushing(seq) {
            flags = flags | TcpFlags::PSH;
        }
        // RFC 3168 §6.1.5: what is sent again is not ECN-capable.
        Piece { seq, len, flags, ecn: Ecn::NotEct }
    }

    /// A question to the other end. RFC 9293 §3.8.6.1: a byte of data in profile `rfc`; in `linux-6` an old number without data, which must be answered.
    fn probe(&mut self, now: Time) -> Piece {
        let idle = self.outgoing.len() == 0;
        if self.config.profile == Profile::Rfc && self.snd_wnd == 0 && self.unsent() > 0 && self.board.packets() == 0 {
            let seq = self.nxt;
            self.board.push(seq, 1, now);
            self.nxt += 1;
            self.timers.stop(Timer::Persist);
            self.arm(now, Timer::Retransmit, now + self.rto());
            return Piece { seq, len: 1, flags: TcpFlags::ACK, ecn: Ecn::NotEct };
        }
        let window = (self.una + self.snd_wnd).since(self.nxt).max(0) as u32;
        let len = if idle { 0 } else { self.unsent().min(window).min(self.mss) };
        if len > 0 {
            self.pushes_at(self.nxt + len);
            let seq = self.nxt;
            self.board.push(seq, len, now);
            self.nxt += len;
            self.timers.stop(Timer::Persist);
            (self.backoff, self.probes_out) = (0, 0);
            self.arm(now, Timer::Retransmit, now + self.rto());
            return Piece { seq, len, flags: TcpFlags::ACK | TcpFlags::PSH, ecn: Ecn::NotEct };
        }
        Piece { seq: self.una - 1, len: 0, flags: TcpFlags::ACK, ecn: Ecn::NotEct }
    }

    #[inline]
    pub(super) fn ack_alone(&mut self) -> Piece {
        self.counters.pure_acks_sent += 1;
        Piece { seq: self.nxt, len: 0, flags: TcpFlags::ACK, ecn: Ecn::NotEct }
    }

    /// An acknowledgement by itself, of what has come so far.
    pub(super) fn acknowledge_alone(&mut self, now: Time) -> Segment {
        let piece = self.ack_alone();
        self.emit(now, piece)
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
        Segment { repr, payload: Payload::Empty, ecn: Ecn::NotEct, aside: None }
    }

    #[inline]
    fn emit(&mut self, now: Time, Piece { seq, len, mut flags, mut ecn }: Piece) -> Segment {
        let payload = if len == 0 { Payload::Empty } else { self.payload(seq, len) };
        let window = self.offer();
        let mut options = TcpOptions::default();
        if self.timestamps {
            options.timestamps = Some(Timestamps { val: self.clock(now), ecr: self.ts_recent });
        }
        if self.sack && (!self.early.is_empty() || self.duplicate.is_some()) {
            self.add_sack(len, &mut options);
        }
        if self.ecn_echo {
            flags = flags | TcpFlags::ECE;
        }
        let counters = &mut self.counters;
        counters.segments_sent += 1;
        counters.header_bytes_sent += (TcpRepr::LEN_MIN + options.len()) as u64;
        if len > 0 {
            counters.data_segments_sent += 1;
            counters.bytes_sent += u64::from(len);
            counters.data_sent_at = Some(now);
            self.receiver.data_left(now);
            self.last_sent = now;
        }
        if self.governor.is_some() {
            ecn = self.govern_sending(now, seq, len, len + u32::from(flags.fin()), ecn);
        }
        self.receiver.edge = self.receiver.nxt + window;
        self.receiver.ack_left();
        self.answering = false;
        self.timers.stop(Timer::DelayedAck);
        self.timers.stop(Timer::CompressedAck);
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
        Segment { repr, payload, ecn, aside: None }
    }

    /// The data of a whole segment. RFC 6691 §2: options come out of it, so that it is shorter while SACK blocks travel with it (Linux's
    /// tcp_current_mss).
    #[inline]
    fn whole(&self) -> u32 {
        match self.sack && (!self.early.is_empty() || self.duplicate.is_some()) {
            true => self.whole_beside_sack(),
            false => self.mss,
        }
    }

    #[cold]
    fn whole_beside_sack(&self) -> u32 {
        let blocks = (self.early.ranges().len() + usize::from(self.duplicate.is_some())).min(self.sack_blocks_max());
        self.mss.min(self.mss_max - (SACK_HEAD + SACK_BLOCK * blocks as u32))
    }

    /// Three fit beside timestamps.
    fn sack_blocks_max(&self) -> usize {
        if self.timestamps { 3 } else { 4 }
    }

    /// SACK blocks, a duplicate's first (RFC 2883 §4), then the most recent (RFC 2018 §4): as many as there is room for beside so much data. What is
    /// sent again was cut before, and may leave room for fewer, or none.
    #[cold]
    fn add_sack(&mut self, len: u32, options: &mut TcpOptions) {
        let room = (self.mss_max.saturating_sub(len + SACK_HEAD) / SACK_BLOCK) as usize;
        let room = if len == 0 { self.sack_blocks_max() } else { room.min(self.sack_blocks_max()) };
        if room == 0 {
            return;
        }
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
    pub(super) fn validate_window(&mut self, now: Time, limited: bool) {
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
    #[inline]
    fn restart_after_idle(&mut self, now: Time) {
        if self.board.packets() > 0 || !self.config.idle_restart || self.unsent() == 0 || !self.control.follows_loss() {
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
