//! Giving up, and asking before that: retries, the user time-out (RFC 5482), keep-alive (RFC 1122 §4.2.3.6), probes of a closed window
//! (RFC 9293 §3.8.6.1), a closed socket in FIN-WAIT-2.

use sim_core::{Span, Time};

use super::super::config::Profile;
use super::super::state::State;
use super::timers::Timer;
use super::{Connection, Reason};

impl Connection {
    /// Whether a retransmission that is due now comes too late: by the count of a SYN's retries, by the time that `data_retries` stand for once the
    /// connection is open, or by the user's time.
    pub(super) fn gives_up(&self, now: Time) -> bool {
        let config = &self.config;
        let counted = match self.state {
            State::SynSent => self.retransmits >= config.syn_retries + config.syn_linear,
            State::SynReceived => self.retransmits >= config.synack_retries,
            _ => false,
        };
        let user = self.options().user_timeout;
        // As in Linux, time counts from the first retransmission, and the user's replaces that of the retries.
        let patience = match self.state {
            _ if user > Span::ZERO => user,
            State::SynSent | State::SynReceived => return counted,
            _ if self.orphan => config.patience(config.orphan_retries.min(config.data_retries)),
            _ => config.patience(config.data_retries),
        };
        counted || self.since_first_retry(now).is_some_and(|since| since >= patience)
    }

    fn since_first_retry(&self, now: Time) -> Option<Span> {
        (self.retransmits > 0).then(|| now.since(self.first_retry))
    }

    /// The time-out with its back-off, but not beyond what the user gives (tcp_clamp_rto_to_user_timeout).
    pub(super) fn rto_of_user(&self, now: Time) -> Span {
        let (rto, user) = (self.rto(), self.options().user_timeout);
        match self.since_first_retry(now) {
            Some(since) if user > Span::ZERO => rto.min(user.saturating_sub(since).max(Span::from_ms(1))),
            _ => rto,
        }
    }

    /// The last segments were not answered: it is over. The other end is told if that is so for keep-alive (RFC 1122 §4.2.3.6).
    fn silent(&mut self, tell: bool) {
        if tell {
            self.send_reset();
        }
        self.end(Reason::TimedOut);
    }

    /// What is between the window and what waits: a closed window or a segment held back is probed after a time-out, 200 ms at least in Linux.
    pub(super) fn start_probing(&mut self, now: Time) {
        self.backoff = 0;
        self.probes_out = 0;
        self.probing_since = Time::ZERO;
        self.arm(now, Timer::Persist, now + self.rto());
    }

    // RFC 9293 §3.8.6.1: probes go on as long as the other end answers; their distance doubles.
    pub(super) fn probe_timeout(&mut self, now: Time) {
        if self.board.packets() > 0 || self.outgoing.len() == 0 {
            return;
        }
        let (user, config) = (self.options().user_timeout, &self.config);
        if self.probing_since == Time::ZERO {
            self.probing_since = now;
        } else if user > Span::ZERO && now.since(self.probing_since) >= user {
            return self.silent(false);
        }
        let limit = if self.orphan { config.orphan_retries.min(config.data_retries) } else { config.data_retries };
        if self.probes_out >= limit {
            return self.silent(false);
        }
        self.probes_out += 1;
        self.backoff = (self.backoff + 1).min(config.data_retries.min(16));
        self.probe_due = true;
        self.counters.probes += 1;
        let mut wait = self.rto();
        if user > Span::ZERO && config.profile == Profile::Linux6 {
            let left = user.saturating_sub(now.since(self.probing_since));
            wait = wait.min(left.max(Span::from_ms(1)));
        }
        self.arm(now, Timer::Persist, now + wait);
    }

    /// An acknowledgement has come while the window was being probed: it is alive, and the next probe waits its time from here
    /// (Linux's tcp_ack_probe).
    pub(super) fn probe_answered(&mut self, now: Time) {
        self.probes_out = 0;
        if self.timers.running(Timer::Persist) && self.config.profile == Profile::Linux6 {
            self.arm(now, Timer::Persist, now + self.rto());
        }
    }

    /// Keep-alive was switched on or off, or its connection has just been established.
    pub(super) fn restart_keepalive(&mut self, now: Time) {
        self.timers.stop(Timer::KeepAlive);
        if self.options().keepalive {
            let idle = self.options().keepalive_idle;
            let silence = now.since(self.last_heard.max(self.receiver.last_data()).min(now));
            self.arm(now, Timer::KeepAlive, now + idle.saturating_sub(silence));
        }
    }

    // RFC 1122 §4.2.3.6, as Linux does it (tcp_keepalive_timer).
    pub(super) fn keepalive_timeout(&mut self, now: Time) {
        let options = *self.options();
        let open = self.state.synchronized() && !matches!(self.state, State::TimeWait | State::Closed);
        if !options.keepalive || !open {
            return;
        }
        let silence = now.since(self.last_heard.max(self.receiver.last_data()).min(now));
        let busy = self.board.packets() > 0 || self.outgoing.len() > 0;
        let wait = if busy {
            // What is under way asks on its own.
            options.keepalive_idle
        } else if silence < options.keepalive_idle {
            options.keepalive_idle - silence
        } else {
            // As in Linux, a user time-out says instead when to give up.
            let over = match options.user_timeout {
                Span::ZERO => self.probes_out >= options.keepalive_count,
                user => silence >= user && self.probes_out > 0,
            };
            if over {
                return self.silent(true);
            }
            self.probes_out += 1;
            self.counters.probes += 1;
            self.probe_due = true;
            options.keepalive_interval
        };
        self.arm(now, Timer::KeepAlive, now + wait);
    }

    /// FIN-WAIT-2 without anybody who would read: for so long and no longer.
    pub(super) fn wait_for_fin(&mut self, now: Time) {
        let timeout = self.options().fin_timeout;
        self.arm(now, Timer::Wait, now + timeout);
    }
}
