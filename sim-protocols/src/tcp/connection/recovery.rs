//! Recovery from losses: what an acknowledgement that is not the plain next one means. The states and their transitions are those of Linux
//! (tcp_fastretrans_alert), which are those of RFC 5681, RFC 6582 and RFC 6675 with RACK (RFC 8985), F-RTO (RFC 5682) and the undoing of
//! reductions that prove needless (RFC 4015 by timestamps, RFC 3708 by duplicate SACKs).

use sim_core::{Span, Time};

use super::super::cc::INFINITE;
use super::super::config::Profile;
use super::super::scoreboard::{Delivered, Look};
use super::super::trace::{Cause, Phase};
use super::Connection;
use super::tail::{Awaited, Tail};
use super::timers::Timer;
use crate::wire::{Seq, TcpRepr};

/// Reordering that is believed at the most, in segments (Linux's tcp_max_reordering).
const REORDERING_MAX: u32 = 300;
/// RFC 8985 §6.2 step 4: recoveries without a duplicate SACK after which the reordering window is small again.
const WINDOW_PERSISTS: u8 = 16;

/// What loss recovery remembers besides the scoreboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct Recovery {
    /// What [`Timer::Retransmit`] is about.
    pub awaited: Awaited,
    /// A probe of the tail that is not answered, and whether one is due.
    pub tail: Option<Tail>,
    pub tail_due: bool,
    /// RFC 5682: no retransmission but the first until it is known whether the time-out was spurious; and new data is to tell.
    frto: bool,
    pub new_first: bool,
    /// Nothing is sent again before the next acknowledgement.
    pub hold: bool,
    /// The threshold before the reduction, if that may be undone.
    prior_ssthresh: Option<u32>,
    /// The first byte that was not acknowledged when the reduction began.
    marker: Option<Seq>,
    /// Segments sent again of which no duplicate was reported; `None` before there is one.
    unreported: Option<u32>,
    /// The clock of the timestamps when something was sent again first.
    first_repeat: Option<u32>,
    /// RFC 6582 §3.2: duplicates up to here do not begin another recovery.
    pub recover: Seq,
    /// Segments by which the network is believed to reorder at the most, and how often it was seen to.
    pub reordering: u32,
    pub reordered: u32,
    /// RFC 8985 §6.2 step 4: RACK.reo_wnd_mult, RACK.reo_wnd_persist and RACK.dsack_round.
    window_steps: u8,
    window_persists: u8,
    duplicate_round: Option<Seq>,
    /// Segments that duplicate SACKs have reported.
    pub duplicates: u64,
    /// Segments newly found lost.
    pub lost: u32,
}

impl Recovery {
    pub fn new(iss: Seq, reordering: u32) -> Recovery {
        Recovery {
            awaited: Awaited::Acknowledgement,
            tail: None,
            tail_due: false,
            frto: false,
            new_first: false,
            hold: false,
            prior_ssthresh: None,
            marker: None,
            unreported: None,
            first_repeat: None,
            recover: iss,
            reordering,
            reordered: 0,
            window_steps: 1,
            window_persists: 0,
            duplicate_round: None,
            duplicates: 0,
            lost: 0,
        }
    }

    /// A segment is sent again, at this time of the timestamps' clock.
    pub fn sends_again(&mut self, clock: u32) {
        self.first_repeat.get_or_insert(clock);
        self.unreported = Some(self.unreported.unwrap_or(0) + 1);
    }
}

/// An acknowledgement, as loss recovery sees it.
#[derive(Clone, Copy)]
pub(super) struct News {
    /// The first byte that was not acknowledged before it.
    pub prior_una: Seq,
    /// It acknowledges more than that.
    pub advanced: bool,
    /// It is a duplicate (RFC 5681 §2).
    pub duplicate: bool,
    /// It echoes a mark of congestion.
    pub marked: bool,
}

/// Duplicate SACKs.
impl Connection {
    /// RFC 2883 §4: the first block reports a duplicate where it lies below the acknowledgement, or within the second one. Returns whether it
    /// does, and whether what it reports is the probe of the tail.
    pub(super) fn take_duplicate_report(&mut self, repr: &TcpRepr, delivered: &mut Delivered) -> (bool, bool) {
        let blocks = repr.options.sack.as_slice();
        let Some(&(left, right)) = blocks.first() else { return (false, false) };
        let inside = blocks.get(1).is_some_and(|(from, to)| *from <= left && right <= *to);
        if left >= right || !(left < repr.ack || inside) || right - left > self.max_window {
            return (false, false);
        }
        let of_tail = self.recovery.tail.is_some_and(|tail| tail.end == right) && right - left <= self.mss;
        let segments = (right - left).div_ceil(self.mss);
        let recovery = &mut self.recovery;
        recovery.duplicates += u64::from(segments);
        // More than was ever sent again: the network makes duplicates of its own.
        if recovery.duplicates > self.counters.retransmissions {
            return (false, of_tail);
        }
        delivered.segments += segments;
        let reported = match right <= self.una {
            true => segments,
            false => self.board.repeated_in(left, right),
        };
        if recovery.marker.is_some_and(|marker| right > marker) {
            recovery.unreported = recovery.unreported.map(|left| left.saturating_sub(reported));
        }
        // RFC 8985 §6.2 step 4: once a round trip; not for probes, and only where reordering can be the reason.
        if recovery.duplicate_round.is_none() && recovery.reordered > 0 && !of_tail {
            recovery.duplicate_round = Some(self.nxt);
            recovery.window_steps = recovery.window_steps.saturating_add(1);
            recovery.window_persists = WINDOW_PERSISTS;
        }
        (true, of_tail)
    }

    /// Something sent once came behind what was sent later: how far (Linux's tcp_check_sack_reordering)?
    pub(super) fn see_reordering(&mut self, low: Seq) {
        let high = self.board.highest_sacked(self.una);
        if low >= high {
            return;
        }
        let distance = (high - low).div_ceil(self.mss);
        self.recovery.reordering = self.recovery.reordering.max(distance.min(REORDERING_MAX));
        self.recovery.reordered += 1;
    }

    /// RFC 8985 §6.2 step 4: how long an acknowledgement may come late only because of reordering.
    fn reordering_window(&self) -> Span {
        let recovering = matches!(self.phase, Phase::Recovery | Phase::Loss);
        if self.recovery.reordered == 0 && (recovering || self.board.sacked >= self.recovery.reordering) {
            return Span::ZERO;
        }
        let quarter = self.rtt.min.unwrap_or(Span::ZERO) / 4;
        quarter.saturating_mul(self.recovery.window_steps.into()).min(self.rtt.srtt().unwrap_or(Span::ZERO))
    }
}

/// States.
impl Connection {
    /// An acknowledgement that is not simply the next one, or comes in recovery. Returns false if the retransmission timer is to be left alone.
    pub(super) fn alert(&mut self, now: Time, news: News, look: &Look, delivered: &mut Delivered) -> bool {
        self.recovery.hold = false;
        self.recovery.new_first = false;
        if news.marked {
            self.recovery.prior_ssthresh = None;
        }
        if news.advanced && self.board.reneged() {
            // RFC 2018 §8: what was SACKed and should be acknowledged now was taken back; wait a little, then send everything again.
            let wait = (self.rtt.srtt().unwrap_or(Span::ZERO) / 2).max(Span::from_ms(10));
            self.recovery.awaited = Awaited::Acknowledgement;
            self.arm(now, Timer::Retransmit, now + wait);
            return false;
        }
        if self.recovery.duplicate_round.is_some_and(|round| self.una >= round) {
            self.recovery.duplicate_round = None;
        }
        if self.leave(now, news, look) {
            return true;
        }
        let mut timer = true;
        match self.phase {
            Phase::Recovery => {
                if !news.advanced {
                    self.count_duplicate(news, delivered);
                } else if self.undo_in_part(now, news, look) {
                    self.recovery.hold = true;
                    return true;
                }
                if self.undo_by_duplicates(now) {
                    self.try_to_open(now, news);
                }
                self.look_for_losses(now, news, &mut timer);
                if self.phase != Phase::Recovery && self.board.lost > 0 {
                    self.enter_recovery(now, news.marked);
                }
                return timer;
            }
            Phase::Loss => {
                self.go_on_after_timeout(now, news, look, delivered);
                let again = self.look_for_losses(now, news, &mut timer);
                if self.phase != Phase::Open && !again {
                    return timer;
                }
            }
            Phase::Open | Phase::Disorder | Phase::Cwr => {
                if news.advanced && !self.sack {
                    self.board.reset_duplicates();
                }
                self.count_duplicate(news, delivered);
                if self.phase != Phase::Cwr {
                    self.undo_by_duplicates(now);
                }
                self.look_for_losses(now, news, &mut timer);
            }
        }
        if self.board.lost > 0 {
            self.enter_recovery(now, news.marked);
        } else {
            self.try_to_open(now, news);
        }
        timer
    }

    /// All that was under way when a reduction began is acknowledged: it is over (RFC 6675 §5 (A), RFC 6582 §3.2 (3)). Returns true if nothing
    /// more is to be done.
    fn leave(&mut self, now: Time, news: News, look: &Look) -> bool {
        if self.phase == Phase::Open {
            self.recovery.first_repeat = None;
            return false;
        }
        if self.una < self.high_seq {
            return false;
        }
        match self.phase {
            // CWR must have reached the other end.
            Phase::Cwr if self.una > self.high_seq => {
                self.end_reduction();
                self.phase = Phase::Open;
                self.note(now, Cause::Recovered);
            }
            Phase::Recovery => {
                if !self.sack {
                    // RFC 6582 §3.2: with nothing in flight a duplicate may still be of the old window.
                    if self.config.profile == Profile::Rfc && !news.advanced {
                        return true;
                    }
                    self.board.reset_duplicates();
                }
                if self.undo_at_end(now, look) {
                    return true;
                }
                self.end_reduction();
                self.note(now, Cause::Recovered);
            }
            _ => {}
        }
        false
    }

    /// The window is what the threshold says, unless the reduction was undone.
    pub(super) fn end_reduction(&mut self) {
        if !self.control.follows_loss() {
            return;
        }
        if self.window.ssthresh < INFINITE && (self.phase == Phase::Cwr || self.recovery.marker.is_some()) {
            self.window.cwnd = self.window.ssthresh;
            self.window.count = 0;
        }
        self.control.on_recovered(&mut self.window);
    }

    /// Without SACK each duplicate stands for a segment that has arrived.
    fn count_duplicate(&mut self, news: News, delivered: &mut Delivered) {
        if self.sack || !news.duplicate {
            return;
        }
        if self.board.duplicate_ack() {
            delivered.segments += 1;
        } else {
            // More duplicates than segments that could have caused them: they were reordered (Linux's tcp_check_reno_reordering).
            self.recovery.reordering = self.board.packets().clamp(self.recovery.reordering, REORDERING_MAX);
            self.recovery.reordered += 1;
        }
    }

    /// Marks what is lost. Returns whether something is that was sent again before.
    fn look_for_losses(&mut self, now: Time, news: News, timer: &mut bool) -> bool {
        if self.board.packets() == 0 {
            return false;
        }
        if !self.sack {
            // RFC 6582 §3.2: the third duplicate, and each partial acknowledgement, names the oldest segment.
            let begins = matches!(self.phase, Phase::Open | Phase::Disorder | Phase::Cwr)
                && self.board.sacked >= self.recovery.reordering
                && (self.config.profile == Profile::Linux6 || self.una > self.recovery.recover);
            if begins || self.phase == Phase::Recovery && news.advanced {
                self.recovery.lost += self.board.lose_oldest();
            }
            return false;
        }
        if !self.config.rack {
            self.recovery.lost += self.board.detect_by_count(self.config.reordering);
            return false;
        }
        if !self.board.has_news() || !self.board.is_suspicious() {
            return false;
        }
        let repeated = self.board.retransmitted;
        *timer &= !self.look_by_time(now);
        repeated > self.board.retransmitted
    }

    /// Returns whether the timer waits for reordered segments now.
    pub(super) fn look_by_time(&mut self, now: Time) -> bool {
        let (marked, wait) = self.board.detect_by_time(now, self.reordering_window());
        self.recovery.lost += marked;
        if wait > Span::ZERO {
            self.await_reordered(now, wait);
        }
        wait > Span::ZERO
    }

    /// Losses: the window will be reduced over the coming round trip.
    pub(super) fn enter_recovery(&mut self, now: Time, marked: bool) {
        self.recovery.prior_ssthresh = None;
        self.remember_for_undo();
        if self.phase != Phase::Cwr {
            self.recovery.prior_ssthresh = (!marked).then(|| self.current_ssthresh());
            let ssthresh = self.control.ssthresh(&self.window);
            self.begin_reduction(ssthresh);
        }
        self.recovery.recover = self.nxt;
        self.counters.fast_retransmits += 1;
        self.phase = Phase::Recovery;
        self.note(now, Cause::FastRetransmit);
    }

    /// RFC 3168 §6.1.2: a mark is a reason for a reduction, at most once a window of data.
    fn enter_cwr(&mut self, now: Time) {
        if !matches!(self.phase, Phase::Open | Phase::Disorder) {
            return;
        }
        self.recovery.prior_ssthresh = None;
        self.recovery.marker = None;
        let ssthresh = self.control.ssthresh_marked(&self.window);
        self.begin_reduction(ssthresh);
        self.counters.ecn_reductions += 1;
        self.phase = Phase::Cwr;
        self.note(now, Cause::Ecn);
    }

    /// The window falls to `ssthresh` over the coming round trip (RFC 6937).
    pub(super) fn begin_reduction(&mut self, ssthresh: u32) {
        self.prior_cwnd = self.window.cwnd;
        self.prr_delivered = 0;
        self.prr_out = 0;
        self.high_seq = self.nxt;
        self.recovery.tail = None;
        if self.control.follows_loss() {
            self.window.ssthresh = ssthresh;
            self.window.count = 0;
        }
        self.cwr_due = self.ecn;
    }

    fn try_to_open(&mut self, now: Time, news: News) {
        if !self.has_repeats() {
            self.recovery.first_repeat = None;
        }
        if news.marked {
            self.enter_cwr(now);
        }
        if self.phase != Phase::Cwr {
            self.keep_open();
        }
    }

    fn has_repeats(&self) -> bool {
        self.board.retransmitted > 0 || self.board.oldest_repeated()
    }

    /// Nothing is lost: is anything in disorder?
    pub(super) fn keep_open(&mut self) {
        let disorder = self.board.sacked + self.board.lost > 0 || self.has_repeats();
        let phase = if disorder { Phase::Disorder } else { Phase::Open };
        if self.phase != phase {
            self.phase = phase;
            self.high_seq = self.nxt;
        }
    }
}

/// Reductions that prove needless.
impl Connection {
    fn remember_for_undo(&mut self) {
        self.recovery.marker = Some(self.una);
        let probe = self.recovery.tail.is_some_and(|tail| tail.repeated);
        self.recovery.unreported = Some(self.board.retransmitted + u32::from(probe)).filter(|left| *left > 0);
    }

    fn current_ssthresh(&self) -> u32 {
        match self.phase {
            Phase::Cwr | Phase::Recovery => self.window.ssthresh,
            _ => self.window.ssthresh.max(self.window.cwnd / 2 + self.window.cwnd / 4),
        }
    }

    /// RFC 3522, RFC 4015: the acknowledgement was provoked by what was sent before anything was sent again; or nothing was.
    fn was_only_late(&self, look: &Look) -> bool {
        match (self.recovery.first_repeat, look.echo) {
            (Some(first), Some((echo, _))) => (echo.wrapping_sub(first) as i32) < 0,
            (first, _) => first.is_none(),
        }
    }

    fn may_undo(&self, look: &Look) -> bool {
        let reported = self.recovery.unreported == Some(0);
        self.config.undo && self.recovery.marker.is_some() && (reported || self.was_only_late(look))
    }

    fn undo(&mut self, now: Time, nothing_lost: bool) {
        if nothing_lost {
            self.board.forget_losses();
        }
        if let Some(ssthresh) = self.recovery.prior_ssthresh.take() {
            if self.control.follows_loss() {
                self.window.cwnd = self.window.cwnd.max(self.prior_cwnd);
                if ssthresh > self.window.ssthresh {
                    self.window.ssthresh = ssthresh;
                    self.cwr_due = false;
                }
            }
            self.control.on_undo();
        }
        self.recovery.marker = None;
        self.board.look_again();
        self.counters.undone += 1;
        self.note(now, Cause::Undo);
    }

    /// Recovery ends: with what it has cost, or without. Returns true if its state must be kept.
    fn undo_at_end(&mut self, now: Time, look: &Look) -> bool {
        if self.may_undo(look) {
            self.undo(now, false);
        } else {
            let recovery = &mut self.recovery;
            recovery.window_persists = recovery.window_persists.saturating_sub(1);
            if recovery.window_persists == 0 {
                recovery.window_steps = 1;
            }
        }
        if self.must_stay() {
            return true;
        }
        self.phase = Phase::Open;
        false
    }

    /// RFC 6582 §3.2, as Linux does it: without SACK the state is kept until something beyond its end is acknowledged.
    fn must_stay(&mut self) -> bool {
        let stays = self.una == self.high_seq && !self.sack && self.config.profile == Profile::Linux6;
        if stays && !self.has_repeats() {
            self.recovery.first_repeat = None;
        }
        stays
    }

    /// What was taken for lost was only late: the hole is filled by the segment itself.
    fn undo_in_part(&mut self, now: Time, news: News, look: &Look) -> bool {
        if !self.config.undo || self.recovery.marker.is_none() || !self.was_only_late(look) {
            return false;
        }
        self.see_reordering(news.prior_una);
        if self.board.retransmitted > 0 {
            return true;
        }
        if !self.has_repeats() {
            self.recovery.first_repeat = None;
        }
        self.undo(now, true);
        self.keep_open();
        false
    }

    /// RFC 3708: each segment that was sent again was reported as a duplicate.
    fn undo_by_duplicates(&mut self, now: Time) -> bool {
        if !self.config.undo || self.recovery.marker.is_none() || self.recovery.unreported != Some(0) {
            return false;
        }
        self.recovery.window_persists = (self.recovery.window_persists + 1).min(WINDOW_PERSISTS);
        self.undo(now, false);
        true
    }

    /// The time-out was spurious. Returns whether it was.
    fn undo_timeout(&mut self, now: Time, look: &Look, by_frto: bool) -> bool {
        if !by_frto && !self.may_undo(look) {
            return false;
        }
        self.undo(now, true);
        self.retransmits = 0;
        if !self.must_stay() && (by_frto || self.sack) {
            self.phase = Phase::Open;
        }
        true
    }
}

/// Time-outs.
impl Connection {
    /// Everything under way counts as lost; `retries` time-outs have come before without anything acknowledged (Linux's tcp_enter_loss).
    pub(super) fn enter_loss(&mut self, now: Time, retries: u32) {
        let early = matches!(self.phase, Phase::Open | Phase::Disorder);
        let fresh = early || self.phase == Phase::Cwr;
        let lost = self.board.lost;
        if self.board.reneged() {
            self.board.renege();
            self.board.lose_all();
        } else {
            if !self.sack {
                self.board.reset_duplicates();
            }
            // A window that does not yield would be filled by what is not marked, and nothing left.
            match self.config.rack && self.config.cc.yields_to_loss() {
                true => self.board.lose_old(now),
                false => self.board.lose_all(),
            }
        }
        // Once for each window of data, not again when the retransmission times out too (RFC 5681 §3.1).
        if early || self.una >= self.high_seq || self.phase == Phase::Loss && retries == 0 {
            self.recovery.prior_ssthresh = Some(self.current_ssthresh());
            self.prior_cwnd = self.window.cwnd;
            let ssthresh = self.control.ssthresh(&self.window);
            if self.control.follows_loss() {
                self.window.ssthresh = ssthresh;
            }
            self.control.on_timeout(&mut self.window, now);
            self.remember_for_undo();
        }
        if self.governor.is_some() {
            self.govern_losses(now, self.board.lost.saturating_sub(lost));
        }
        if self.config.cc.yields_to_loss() {
            self.window.cwnd = self.board.in_flight() + 1;
            self.window.count = 0;
        }
        // So many duplicates, and a time-out all the same: the network does not reorder that much.
        if early && self.board.sacked >= self.config.reordering {
            self.recovery.reordering = self.recovery.reordering.min(self.config.reordering);
        }
        self.phase = Phase::Loss;
        self.high_seq = self.nxt;
        self.cwr_due = self.ecn;
        let recovery = &mut self.recovery;
        recovery.recover = self.nxt;
        recovery.tail = None;
        recovery.tail_due = false;
        recovery.hold = false;
        recovery.new_first = false;
        // RFC 5682 §3.1 step 1.
        recovery.frto = self.config.frto && (fresh || retries > 0);
        self.note(now, Cause::Timeout);
    }

    /// An acknowledgement behind a time-out (Linux's tcp_process_loss).
    fn go_on_after_timeout(&mut self, now: Time, news: News, look: &Look, delivered: &mut Delivered) {
        let recovered = self.una >= self.high_seq;
        if news.advanced && self.undo_timeout(now, look, false) {
            return;
        }
        if self.recovery.frto {
            // RFC 5682 §3.1 step 3.b: what was sent only once arrives, so it was not lost.
            if delivered.original && self.undo_timeout(now, look, true) {
                return;
            }
            if self.nxt > self.high_seq {
                // Step 3.a: the loss was real.
                if delivered.sacked || news.duplicate {
                    self.recovery.frto = false;
                }
            } else if news.advanced && !recovered {
                // Step 2.b: new data, if there is any, tells.
                self.high_seq = self.nxt;
                let room = (self.una + self.snd_wnd) > self.nxt;
                self.recovery.frto = room && (self.unsent() > 0 || self.fin_waits());
                self.recovery.new_first = self.recovery.frto;
                if self.recovery.new_first {
                    return;
                }
            }
        }
        if recovered {
            if !self.undo_at_end(now, look) {
                self.note(now, Cause::Recovered);
            }
            return;
        }
        if !self.sack {
            if self.nxt > self.high_seq && news.duplicate {
                self.count_duplicate(news, delivered);
            } else if news.advanced {
                self.board.reset_duplicates();
            }
        }
    }

    /// New data was to tell whether the time-out was spurious, and none could leave.
    pub(super) fn no_new_data(&mut self) {
        self.recovery.frto = false;
        self.recovery.new_first = false;
    }

    /// What was thrown away by a router for its size, or refused with its SYN, is sent again, and says nothing of congestion (Linux's
    /// tcp_non_congestion_loss_retransmit).
    pub(super) fn recover_without_congestion(&mut self) {
        self.board.take_found();
        if self.phase == Phase::Loss || self.board.lost == 0 {
            return;
        }
        if self.control.follows_loss() && self.window.ssthresh < INFINITE {
            self.window.ssthresh = self.current_ssthresh();
        }
        self.recovery.prior_ssthresh = None;
        self.recovery.marker = None;
        self.high_seq = self.nxt;
        self.phase = Phase::Loss;
    }
}
