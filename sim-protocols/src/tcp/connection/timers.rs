//! The timers of a connection, in one table.

use sim_core::Time;

use super::super::state::State;
use super::tail::Awaited;
use super::{Connection, Reason};
use crate::wire::Seq;

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub(super) enum Timer {
    /// An acknowledgement of what was sent (RFC 6298); also of SYN and FIN.
    Retransmit,
    /// A window that opens (RFC 9293 §3.8.6.1).
    Persist,
    /// A second segment to acknowledge, or data to send an acknowledgement with (RFC 9293 §3.8.6.3).
    DelayedAck,
    /// More segments behind a hole, to be acknowledged together (Linux's tcp_compressed_ack_kick).
    CompressedAck,
    /// Old segments to die out (RFC 9293 §3.4.2), or in FIN-WAIT-2 their FIN.
    Wait,
    /// A sign of life from an idle end (RFC 1122 §4.2.3.6).
    KeepAlive,
    /// The time at which pacing lets the next segment leave.
    Pace,
}

const TIMERS: [Timer; 7] = [
    Timer::Retransmit,
    Timer::Persist,
    Timer::DelayedAck,
    Timer::CompressedAck,
    Timer::Wait,
    Timer::KeepAlive,
    Timer::Pace,
];

/// The deadline of each timer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Timers {
    deadlines: [Time; TIMERS.len()],
}

impl Default for Timers {
    fn default() -> Timers {
        Timers { deadlines: [Time::NEVER; TIMERS.len()] }
    }
}

impl Timers {
    #[inline]
    pub fn arm(&mut self, timer: Timer, at: Time) {
        self.deadlines[timer as usize] = at;
    }

    #[inline]
    pub fn stop(&mut self, timer: Timer) {
        self.deadlines[timer as usize] = Time::NEVER;
    }

    #[inline]
    pub fn at(&self, timer: Timer) -> Time {
        self.deadlines[timer as usize]
    }

    #[inline]
    pub fn running(&self, timer: Timer) -> bool {
        self.at(timer) != Time::NEVER
    }

    pub fn clear(&mut self) {
        *self = Timers::default();
    }

    #[inline]
    pub fn next(&self) -> Time {
        let [a, b, c, d, e, f, g] = self.deadlines;
        a.min(b).min(c.min(d)).min(e.min(f).min(g))
    }
}

impl Connection {
    /// Handles every timer that is due.
    pub fn on_timeout(&mut self, now: Time) {
        for timer in TIMERS {
            if self.timers.at(timer) > now {
                continue;
            }
            self.timers.stop(timer);
            match timer {
                Timer::Retransmit => match self.recovery.awaited {
                    Awaited::Acknowledgement => self.retransmission_timeout(now),
                    Awaited::Tail => self.recovery.tail_due = true,
                    Awaited::Reordered => self.reordering_timeout(now),
                },
                Timer::Persist => self.probe_timeout(now),
                Timer::DelayedAck => {
                    let rto = self.rto();
                    self.receiver.delay_is_over(rto);
                }
                Timer::CompressedAck => self.receiver.due |= self.receiver.compressed > 0,
                Timer::Wait => self.end(Reason::Finished),
                Timer::KeepAlive => self.keepalive_timeout(now),
                // Whoever asks for the next segment now gets it.
                Timer::Pace => {}
            }
        }
    }

    /// RFC 6069 §4: the retransmission was thrown away because the path is broken, not because it is congested: its doubling of the time-out is
    /// taken back (Linux's tcp_ld_RTO_revert).
    #[cold]
    pub(super) fn revert_backoff(&mut self, now: Time, seq: Seq) {
        let Some(oldest) =
            self.board.oldest_at().filter(|_| seq == self.una && self.retransmits > 0 && self.backoff > 0)
        else {
            return;
        };
        self.backoff -= 1;
        let at = oldest + self.rto();
        if at > now {
            self.recovery.awaited = Awaited::Acknowledgement;
            self.arm(now, Timer::Retransmit, at);
        } else {
            self.retransmission_timeout(now);
        }
    }

    // RFC 6298 §5.4-§5.7, RFC 5681 §3.1 (4)
    fn retransmission_timeout(&mut self, now: Time) {
        let opening = matches!(self.state, State::SynSent | State::SynReceived);
        if self.gives_up(now) {
            return self.end(Reason::TimedOut);
        }
        let retries = self.retransmits;
        if retries == 0 {
            self.first_retry = now;
        }
        self.retransmits += 1;
        self.backoff += 1;
        self.counters.timeouts += 1;
        if opening {
            return self.open_again();
        }
        if self.board.packets() == 0 {
            return;
        }
        self.enter_loss(now, retries);
        self.arm(now, Timer::Retransmit, now + self.rto_of_user(now));
    }
}
