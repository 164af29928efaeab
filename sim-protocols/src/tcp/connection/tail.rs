//! The retransmission timer and what it is about: an acknowledgement (RFC 6298), the tail that is probed before (RFC 8985 §7), or segments that
//! may only be reordered (RFC 8985 §6.3).

use sim_core::{Span, Time};

use super::super::config::Profile;
use super::super::state::State;
use super::super::trace::{Cause, Phase};
use super::Connection;
use super::calls::PUSH;
use super::timers::Timer;
use super::transmit::Piece;
use crate::wire::Seq;

/// Linux's TCP_TIMEOUT_MIN, in ticks: these timers leave so much time to what comes a little late.
const LEAST: u64 = 2;
/// RFC 8985 §7.2: how long the other end may delay the acknowledgement of a lone segment.
const DELAY_MAX: Span = Span::from_ms(200);

/// What the retransmission timer is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Awaited {
    /// An acknowledgement; else everything is lost.
    Acknowledgement,
    /// One, too; else the tail is probed.
    Tail,
    /// Segments that are behind others; else they are lost.
    Reordered,
}

/// A probe of the tail.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    /// What had been sent then.
    pub end: Seq,
    /// Whether it was sent again, not new.
    pub repeated: bool,
}

impl Connection {
    /// The timer begins anew: something was acknowledged.
    #[inline]
    pub(super) fn restart_timer(&mut self, now: Time) {
        if !self.await_tail(now, true) {
            self.await_acknowledgement(now);
        }
    }

    /// New data leaves, the first under way or not.
    #[inline]
    pub(super) fn timer_for_new(&mut self, now: Time, first: bool) {
        if !self.await_tail(now, false) && (first || self.recovery.awaited == Awaited::Tail) {
            self.await_acknowledgement(now);
        }
    }

    /// RFC 8985 §7.2: the probe's time. Returns false where none is to be sent.
    #[inline]
    fn await_tail(&mut self, now: Time, anew: bool) -> bool {
        let open = matches!(self.phase, Phase::Open | Phase::Cwr) && self.state != State::SynReceived;
        if !self.config.tlp || !self.sack || !open {
            return false;
        }
        let Some(oldest) = self.board.oldest_at() else { return false };
        let wait = match self.rtt.srtt() {
            Some(srtt) => match (self.config.profile, self.board.packets()) {
                (Profile::Linux6, 1) => self.config.round_up_to_tick(srtt * 2 + self.config.rto_min),
                (Profile::Linux6, _) => self.config.round_up_to_tick(srtt * 2 + self.config.jiffy() * LEAST),
                (Profile::Rfc, 1) => srtt * 2 + DELAY_MAX,
                (Profile::Rfc, _) => srtt * 2,
            },
            None => self.config.rto_initial,
        };
        let rto = if anew { now + self.rto() } else { oldest + self.rto() };
        let at = if rto > now { (now + wait).min(rto) } else { now + wait };
        self.recovery.awaited = Awaited::Tail;
        self.arm(now, Timer::Retransmit, at);
        true
    }

    /// The time-out. Where the timer was about something else, it counts from when the oldest segment was sent (Linux's tcp_rearm_rto).
    pub(super) fn await_acknowledgement(&mut self, now: Time) {
        let Some(oldest) = self.board.oldest_at() else { return self.timers.stop(Timer::Retransmit) };
        let from = if self.recovery.awaited == Awaited::Acknowledgement { now } else { oldest };
        self.recovery.awaited = Awaited::Acknowledgement;
        let at = (from + self.rto_of_user(now)).max(now + Span::from_us(1));
        self.arm(now, Timer::Retransmit, at);
    }

    /// RFC 8985 §6.2 step 5: what was spared is lost if it does not come in this time.
    pub(super) fn await_reordered(&mut self, now: Time, wait: Span) {
        self.recovery.awaited = Awaited::Reordered;
        let wait = match self.config.profile {
            Profile::Linux6 => self.config.round_up_to_tick(wait + self.config.jiffy() * LEAST),
            Profile::Rfc => wait,
        };
        self.arm(now, Timer::Retransmit, now + wait);
    }

    /// RFC 8985 §6.3, Linux's tcp_rack_reo_timeout: what was spared did not come.
    pub(super) fn reordering_timeout(&mut self, now: Time) {
        self.recovery.lost = 0;
        let in_flight = self.board.in_flight();
        let waits = self.look_by_time(now);
        let lost = self.recovery.lost;
        if in_flight != self.board.in_flight() && self.phase != Phase::Recovery {
            self.enter_recovery(now, false);
            if self.control.follows_loss() {
                self.reduce(1, false, lost);
            }
        }
        if self.governor.is_some() {
            self.govern_losses(now, lost);
        }
        if !waits {
            self.await_acknowledgement(now);
        }
    }

    /// RFC 8985 §7.3: one more segment, new if there is one and whatever the congestion window says; else the last one again.
    #[cold]
    pub(super) fn probe_tail(&mut self, now: Time) -> Option<Piece> {
        self.recovery.tail_due = false;
        if self.board.packets() == 0 {
            return None;
        }
        let mut piece = None;
        if self.recovery.tail.is_none() {
            let nonagle = self.nonagle;
            self.nonagle |= PUSH;
            piece = self.next_new(now);
            self.nonagle = nonagle;
            let repeated = piece.is_none();
            piece = piece.or_else(|| self.last_again(now));
            self.recovery.tail = Some(Tail { end: self.nxt, repeated });
            self.counters.tail_probes += 1;
            // The time-out counts from here.
            self.recovery.awaited = Awaited::Acknowledgement;
            self.note(now, Cause::Probe);
        }
        self.await_acknowledgement(now);
        piece
    }

    fn last_again(&mut self, now: Time) -> Option<Piece> {
        let last = self.board.probed(now)?;
        self.counters.retransmissions += 1;
        self.was_held(last.at, now);
        Some(self.piece_again(last.seq, last.len()))
    }

    /// RFC 8985 §7.4: has the probe repaired a loss, so that the window must fall (Linux's tcp_process_tlp_ack)?
    pub(super) fn probe_is_answered(&mut self, now: Time, ack: Seq, duplicate: bool, reported: bool) {
        let Some(tail) = self.recovery.tail.filter(|tail| ack >= tail.end) else { return };
        if !tail.repeated || reported {
            self.recovery.tail = None;
        } else if ack > tail.end {
            let ssthresh = self.control.ssthresh(&self.window);
            self.begin_reduction(ssthresh);
            self.phase = Phase::Cwr;
            self.end_reduction();
            self.keep_open();
            self.note(now, Cause::Recovered);
        } else if duplicate {
            self.recovery.tail = None;
        }
    }
}
