//! Arriving segments, in the order of RFC 9293 §3.10.7.

use sim_core::{Ecn, Span, Time};

use super::super::scoreboard::Delivered;
use super::super::state::{Move, State};
use super::super::trace::Cause;
use super::timers::Timer;
use super::{Connection, ConnectionEvent, Reason, Segment};
use crate::wire::{Seq, TcpFlags};

/// The least time between answers to segments without data that should not have come (RFC 5961 §7; Linux's tcp_invalid_ratelimit): two
/// ends that disagree must not acknowledge each other's acknowledgements for ever.
const CHALLENGE_GAP: Span = Span::from_ms(500);

/// Clocks older than this may not be compared (RFC 7323 §5.5).
const TS_RECENT_MAX_AGE: Span = Span::from_secs(24 * 24 * 3600);

impl Connection {
    /// A segment has come.
    pub fn on_segment(&mut self, now: Time, segment: &Segment) {
        self.counters.segments_received += 1;
        self.counters.header_bytes_received += segment.repr.len() as u64;
        self.counters.payload_bytes_received += u64::from(segment.payload.len());
        if let Some(aside) = &segment.aside {
            self.hear_aside(aside);
        }
        match self.state {
            State::Closed => {}
            State::SynSent => self.arrive_in_syn_sent(now, segment),
            _ => self.arrive_synchronized(now, segment),
        }
    }

    // RFC 9293 §3.10.7.3
    fn arrive_in_syn_sent(&mut self, now: Time, segment: &Segment) {
        let repr = &segment.repr;
        if repr.flags.ack() && (repr.ack <= self.iss || repr.ack > self.nxt) {
            if !repr.flags.rst() {
                self.answer_with_reset(segment);
            }
            return;
        }
        if repr.flags.rst() {
            if repr.flags.ack() {
                self.end(Reason::Refused);
            }
            return;
        }
        if !repr.flags.syn() {
            return;
        }
        self.take_syn(now, segment);
        if repr.flags.ack() {
            // RFC 3168 §6.1.1: an ECN-setup SYN,ACK has ECE without CWR.
            let asked = self.config.asks_ecn() && !(self.backoff > 0 && self.config.ecn_fallback);
            self.ecn = asked && repr.flags.has(TcpFlags::ECE) && !repr.flags.has(TcpFlags::CWR);
            self.take_window(repr.ack, segment);
            self.acknowledge_syn(now, self.iss + 1, segment);
            self.go(Move::SynAck);
            self.established(now);
            self.learn_from_answer(now, segment);
            // The acknowledgement leaves alone, before the application learns of the connection.
            self.ack_at_once(now);
        } else {
            // RFC 9293 §3.5, figure 8: both ends open at once.
            self.go(Move::Syn);
            self.ecn = false;
            self.open_anew();
        }
    }

    /// Takes over what a SYN says.
    pub(super) fn take_syn(&mut self, now: Time, segment: &Segment) {
        let repr = &segment.repr;
        self.receiver.irs = repr.seq;
        self.receiver.nxt = repr.seq + 1;
        self.receiver.acked = self.receiver.nxt;
        let options = &repr.options;
        self.sack &= options.sack_permitted;
        self.timestamps &= options.timestamps.is_some();
        match options.window_scale {
            // RFC 7323 §2.3: a shift above 14 counts as 14.
            Some(scale) if self.config.window_scaling => self.snd_scale = scale.min(14),
            _ => self.receiver.scale = 0,
        }
        // What our SYN has offered, or our answer will.
        let window = self.first_window().min(65_535);
        self.receiver.edge = self.receiver.nxt + window;
        if let Some(timestamps) = options.timestamps.filter(|_| self.timestamps) {
            self.ts_recent = timestamps.val;
            self.ts_recent_at = now;
        }
        // RFC 9293 §3.7.1 (MUST-15): 536 where the other end does not say. RFC 6691: options come out of it. More than 65495 no datagram holds.
        let theirs = u32::from(options.mss.unwrap_or(536)).clamp(88, 65_495);
        self.mss_max = theirs.min(self.config.mss.into()) - if self.timestamps { 12 } else { 0 };
        self.snd_wnd = u32::from(repr.window);
        self.max_window = self.snd_wnd;
        self.bound_mss();
        self.snd_wl1 = repr.seq;
        self.snd_wl2 = self.iss;
    }

    fn acknowledge_syn(&mut self, now: Time, ack: Seq, segment: &Segment) {
        let (look, mut delivered) = (self.look(now, &segment.repr), Delivered::default());
        self.remove_acknowledged(ack, &look, &mut delivered);
        self.timers.stop(Timer::Retransmit);
        (self.backoff, self.retransmits) = (0, 0);
        match delivered.timed() {
            Some(sent) => self.sample_rtt(now, now.since(sent)),
            None => self.sample_from_timestamps(now, segment),
        }
        if self.rtt.samples == 0 {
            self.rtt.fall_back();
        }
    }

    fn established(&mut self, now: Time) {
        self.last_sent = now;
        self.last_heard = now;
        self.attention |= self.options().keepalive;
        self.begin_tuning(now);
        self.usage_seq = self.nxt;
        self.high_seq = self.una;
        self.govern_from_here(now);
        self.note(now, Cause::Established);
        if !self.accepted_fast() {
            self.events.push_back(ConnectionEvent::Connected);
        }
    }

    // RFC 9293 §3.10.7.4
    fn arrive_synchronized(&mut self, now: Time, segment: &Segment) {
        let repr = &segment.repr;
        let len = segment.payload.len();
        // First: the sequence number; before it, RFC 7323 §5.3 R1: a clock that runs backwards.
        if self.too_old(now, segment) && !repr.flags.rst() {
            self.counters.paws += 1;
            return self.ack_duplicate(now, segment);
        }
        if self.state == State::SynReceived && repr.flags.syn() && !repr.flags.rst() && repr.seq == self.receiver.irs {
            if repr.flags.ack() {
                // RFC 9293 §3.5, figure 7: both have opened at once, and this is the answer to our SYN, which has crossed ours to theirs.
                self.take_acknowledgement(now, segment);
            } else {
                // Their SYN again: our answer was lost, or is slow.
                self.syn_due = true;
                self.counters.syns_again += 1;
            }
            return;
        }
        if !self.acceptable(repr.seq, repr.seq_len(len)) {
            if !repr.flags.rst() {
                self.refuse(now, segment);
            }
            return;
        }
        // Second: RST, only at exactly the expected place (RFC 5961 §3.2); elsewhere in the window it is challenged.
        if repr.flags.rst() {
            if repr.seq == self.receiver.nxt {
                // RFC 9293 §3.10.7.4: before it is established it is refused. Opened fast, its application may have read and written already.
                let refused = self.state == State::SynReceived && !self.accepted_fast();
                self.end(if refused { Reason::Refused } else { Reason::Reset });
            } else {
                self.challenge(now);
            }
            return;
        }
        // Fourth: SYN. RFC 5961 §4.2: challenged, whatever its number.
        if repr.flags.syn() {
            self.challenge(now);
            return;
        }
        // Fifth: ACK. Without it the segment is dropped.
        if !repr.flags.ack() {
            return;
        }
        self.remember_clock(now, segment);
        if !self.take_acknowledgement(now, segment) || self.state == State::Closed {
            return;
        }
        // Seventh: the data. Eighth: FIN.
        self.note_ecn(now, segment);
        if len > 0 || repr.flags.fin() {
            self.take_data(now, segment);
        }
    }

    // RFC 7323 §5.3 R1
    #[inline]
    fn too_old(&self, now: Time, segment: &Segment) -> bool {
        match segment.repr.options.timestamps {
            Some(clock) if self.timestamps => {
                (clock.val.wrapping_sub(self.ts_recent) as i32) < 0 && now.since(self.ts_recent_at) < TS_RECENT_MAX_AGE
            }
            _ => false,
        }
    }

    // RFC 7323 §4.3 (2): only of a segment that reaches what was acknowledged last.
    #[inline]
    fn remember_clock(&mut self, now: Time, segment: &Segment) {
        if let Some(clock) = segment.repr.options.timestamps.filter(|_| self.timestamps)
            && segment.repr.seq <= self.receiver.acked
            && clock.val.wrapping_sub(self.ts_recent) as i32 >= 0
        {
            self.ts_recent = clock.val;
            self.ts_recent_at = now;
        }
    }

    // RFC 9293 §3.4, table 6
    #[inline]
    fn acceptable(&self, seq: Seq, len: u32) -> bool {
        let (nxt, window) = (self.receiver.nxt, self.receiver.window());
        let inside = |seq: Seq| nxt <= seq && seq < nxt + window;
        match (len, window) {
            (0, 0) => seq == nxt,
            (0, _) => inside(seq) || seq == nxt + window,
            // A window of zero takes no data, but its ACK must count (RFC 9293 §3.10.7.4): such a segment is let in at the exact place.
            (_, 0) => seq == nxt,
            (_, _) => inside(seq) || inside(seq + (len - 1)) || seq <= nxt && seq + len > nxt,
        }
    }

    /// A segment outside of the window is answered with where we are.
    fn refuse(&mut self, now: Time, segment: &Segment) {
        if self.state == State::TimeWait && segment.repr.flags.fin() {
            // RFC 9293 §3.10.7.4: their FIN again: our ACK was lost. The time starts again.
            self.arm(now, Timer::Wait, now + self.config.msl * 2);
        }
        // The ACK of an old segment may be news all the same, and selective acknowledgements too.
        if segment.repr.flags.ack() && !segment.repr.flags.syn() && self.state.synchronized() {
            self.take_acknowledgement(now, segment);
        }
        self.ack_duplicate(now, segment);
    }

    /// Acknowledges a segment that should not have come, unless that was done just before.
    fn challenge(&mut self, now: Time) {
        if self.challenged.is_none_or(|last| now.since(last) >= CHALLENGE_GAP) {
            self.challenged = Some(now);
            self.ack_at_once(now);
        }
    }

    /// Acknowledges a segment that was received before: at once, with a duplicate SACK (RFC 2883 §4), where it carried data or a FIN.
    fn ack_duplicate(&mut self, now: Time, segment: &Segment) {
        if self.state == State::Closed {
            return;
        }
        let len = segment.payload.len();
        if len == 0 && !segment.repr.flags.fin() {
            return self.challenge(now);
        }
        if len > 0 && self.sack {
            let left = segment.repr.seq;
            self.receiver_duplicate(left, (left + len).min(self.receiver.nxt));
        }
        let window = self.receiver.window();
        self.receiver.enter_quick_mode(window);
        self.ack_at_once(now);
    }

    /// Returns whether the segment is to be looked at further.
    fn take_acknowledgement(&mut self, now: Time, segment: &Segment) -> bool {
        let ack = segment.repr.ack;
        if self.state == State::SynReceived {
            if ack <= self.una || ack > self.nxt {
                self.answer_with_reset(segment);
                return false;
            }
            self.take_window(ack, segment);
            let syn_acked = if self.accepted_fast() { self.iss + 1 } else { ack };
            self.acknowledge_syn(now, syn_acked, segment);
            let closed_before = self.closing;
            self.go(Move::SynAcked);
            self.established(now);
            if self.board.packets() > 0 {
                // Data went with our SYN, and theirs has crossed it.
                self.restart_timer(now);
            }
            if closed_before {
                self.go(Move::Close);
            }
        }
        if ack > self.nxt {
            // RFC 9293 §3.10.7.4: it acknowledges what was never sent.
            self.challenge(now);
            return false;
        }
        // RFC 5961 §5.2: an acknowledgement far behind may be forged.
        if self.una.since(ack) > self.max_window.max(1) as i32 {
            self.challenge(now);
            return false;
        }
        self.on_ack(now, segment);
        if self.fin_sent && self.una == self.nxt {
            match self.state {
                State::FinWait1 => {
                    self.go(Move::FinAcked);
                    self.attention |= self.orphan;
                }
                State::Closing => {
                    self.go(Move::FinAcked);
                    self.wait(now);
                }
                State::LastAck => {
                    self.go(Move::FinAcked);
                    self.timers.clear();
                    self.receiver.forget_acks();
                    self.tell_closed(Reason::Finished);
                    return false;
                }
                _ => {}
            }
        }
        true
    }

    // RFC 9293 §3.10.7.4: SND.WL1 and SND.WL2 keep old windows out. What acknowledges more is newer, also where its own data is sent again
    // and so has an old number; its window must count, or the right edge would move by what is acknowledged (Linux's tcp_may_update_window).
    pub(super) fn take_window(&mut self, ack: Seq, segment: &Segment) -> bool {
        let repr = &segment.repr;
        if !(ack > self.una || self.snd_wl1 < repr.seq || self.snd_wl1 == repr.seq && self.snd_wl2 <= ack) {
            return false;
        }
        let scale = if repr.flags.syn() { 0 } else { self.snd_scale };
        let window = u32::from(repr.window) << scale;
        let changed = window != self.snd_wnd;
        self.snd_wnd = window;
        self.snd_wl1 = repr.seq;
        self.snd_wl2 = ack;
        if window > self.max_window {
            self.max_window = window;
            self.bound_mss();
        }
        if window > 0 && self.timers.running(Timer::Persist) {
            self.timers.stop(Timer::Persist);
            self.backoff = 0;
        }
        changed
    }

    /// RFC 3168 §6.1.3: a mark is echoed until the sender says that it has reduced its window.
    #[inline]
    fn note_ecn(&mut self, now: Time, segment: &Segment) {
        if !self.ecn {
            return;
        }
        if self.governor.is_some() && !segment.payload.is_empty() && self.echoes_changes(now, segment.ecn == Ecn::Ce) {
            return;
        }
        if segment.repr.flags.has(TcpFlags::CWR) {
            self.ecn_echo = false;
        }
        self.ecn_seen |= segment.ecn == Ecn::Ce;
        if segment.ecn == Ecn::Ce && !segment.payload.is_empty() {
            self.ecn_echo = true;
            self.receiver.be_quick(u32::MAX);
        }
    }

    fn take_data(&mut self, now: Time, segment: &Segment) {
        let (mut seq, mut len) = (segment.repr.seq, segment.payload.len());
        let fin = segment.repr.flags.fin();
        if !self.state.may_receive() {
            // Their FIN has come: what stands behind it is not theirs to send (RFC 9293 §3.10.7.4); the FIN itself may come again.
            if self.state == State::TimeWait && fin {
                self.arm(now, Timer::Wait, now + self.config.msl * 2);
            }
            return self.ack_duplicate(now, segment);
        }
        if self.told_closed {
            // RFC 9293 §3.6: nobody is there to read it.
            return self.answer_with_reset(segment);
        }
        if self.read_closed && self.closing && segment.repr.seq + len > self.receiver.nxt {
            // RFC 1122 §4.2.2.13: nobody will read it, and the other end must learn of it.
            self.answer_with_reset(segment);
            return self.end(Reason::Aborted);
        }
        let nxt = self.receiver.nxt;
        let mut payload = segment.payload.clone();
        if seq < nxt {
            let skip = (nxt - seq).min(len);
            if skip > 0 && self.sack {
                self.receiver_duplicate(seq, seq + skip);
            }
            payload = payload.slice(skip, len - skip);
            seq += skip;
            len -= skip;
            if len == 0 && !fin {
                return self.ack_duplicate(now, segment);
            }
        }
        let room = self.receiver.edge.since(seq).max(0) as u32;
        let whole = len <= room;
        if !whole {
            // RFC 9293 §3.10.7.4: only what fits into the window counts; a FIN behind it waits for its turn.
            payload = payload.slice(0, room);
            len = room;
        }
        if fin && whole {
            self.fin_at = Some(seq + len);
        }
        if len == 0 && (seq != self.receiver.nxt || !whole) {
            return self.ack_at_once(now);
        }
        if seq == self.receiver.nxt {
            self.take_in_order(now, payload, len, segment);
        } else {
            self.counters.out_of_order += u64::from(len > 0);
            let offset = self.incoming.end() + u64::from(seq - self.receiver.nxt);
            self.came_behind_hole(now, offset, len, segment);
            if self.early.insert(offset, payload).is_some() && self.sack {
                self.receiver_duplicate(seq, seq + len);
            }
            // Linux's tcp_data_queue_ofo: what waits behind the hole needs room besides what is read.
            self.grow_receive_buffer(self.receiver.tuning.space, 0);
            self.schedule_ack(now);
        }
    }

    #[inline]
    fn take_in_order(&mut self, now: Time, payload: sim_core::Payload, len: u32, segment: &Segment) {
        let had_hole = !self.early.is_empty();
        let was_empty = self.incoming.len() == 0;
        if len > 0 {
            let before = self.incoming.end();
            self.incoming.push(payload);
            if had_hole {
                self.early.drain_into(&mut self.incoming);
            }
            let came = (self.incoming.end() - before) as u32;
            self.receiver.nxt += came;
            self.counters.bytes_received += u64::from(came);
            self.data_came(now, len, segment);
            if was_empty {
                self.events.push_back(ConnectionEvent::Readable);
            }
        }
        if self.fin_at == Some(self.receiver.nxt) {
            self.take_fin(now);
        } else if had_hole && self.early.is_empty() {
            // RFC 5681 §4.2: a segment that fills a hole is acknowledged at once.
            self.ack_at_once(now);
        } else {
            self.schedule_ack(now);
        }
    }

    pub(super) fn take_fin(&mut self, now: Time) {
        self.early.clear();
        self.fin_came(now);
        self.events.push_back(ConnectionEvent::PeerClosed);
        match self.state {
            State::FinWait2 => {
                self.go(Move::Fin);
                self.wait(now);
            }
            _ => self.go(Move::Fin),
        }
    }

    /// TIME-WAIT begins: 2 MSL (RFC 9293 §3.6.1).
    fn wait(&mut self, now: Time) {
        self.timers.clear();
        self.arm(now, Timer::Wait, now + self.config.msl * 2);
        self.tell_closed(Reason::Finished);
    }

    fn answer_with_reset(&mut self, segment: &Segment) {
        self.reset_due = super::super::reset_for(segment)
            .map(|repr| Box::new(Segment { repr, payload: sim_core::Payload::Empty, ecn: Ecn::NotEct, aside: None }));
    }

    fn receiver_duplicate(&mut self, left: Seq, right: Seq) {
        self.duplicate = Some((left, right));
    }
}
