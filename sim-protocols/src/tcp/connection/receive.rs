//! The receive side: the window that is offered, and when to acknowledge (RFC 9293 §3.8.6, RFC 5681 §4.2), with Linux's quick and delayed
//! acknowledgements in profile `linux-6`.

use sim_core::{Span, Time};

use super::super::config::{Config, Profile};
use super::timers::Timer;
use super::{Connection, State};
use crate::wire::Seq;

/// Linux's quick acknowledgements at the start and after a pause.
const QUICK_ACKS: u32 = 16;
/// The least and the largest delay of an acknowledgement.
const DELAY_MIN: Span = Span::from_ms(40);
const DELAY_MAX: Span = Span::from_ms(200);
/// RFC 9293 §3.8.6.3 (MUST-59): less than half a second; the usual 200 ms in profile `rfc`.
const DELAY_RFC: Span = Span::from_ms(200);

/// The variables of the receive side.
#[derive(Clone, Debug)]
pub(super) struct Receiver {
    pub irs: Seq,
    pub nxt: Seq,
    /// The right edge of the window that was offered last: it never moves left.
    pub edge: Seq,
    pub scale: u8,
    /// `nxt` when the last acknowledgement left.
    pub acked: Seq,
    /// Linux's `rcv_ssthresh`: what the window may be at the moment.
    pub allowed: u32,
    /// Largest segment that was seen: what a full one is.
    pub mss: u32,
    quick: u32,
    /// Whether data is answered with data: acknowledgements ride on it.
    pingpong: bool,
    /// The estimated time between segments; zero before the first.
    ato: Span,
    last_data: Time,
    /// An acknowledgement must leave before anything else does.
    pub now_due: bool,
    /// An acknowledgement must leave, alone if need be.
    pub due: bool,
    /// Data came that is not acknowledged.
    pub pending: bool,
}

impl Receiver {
    pub fn new(config: &Config) -> Receiver {
        Receiver {
            irs: Seq(0),
            nxt: Seq(0),
            edge: Seq(0),
            scale: if config.window_scaling { scale_for(config.recv_buffer) } else { 0 },
            acked: Seq(0),
            allowed: (config.recv_buffer / 2).max(1),
            mss: 536,
            quick: 0,
            pingpong: false,
            ato: Span::ZERO,
            last_data: Time::ZERO,
            now_due: false,
            due: false,
            pending: false,
        }
    }

    /// The window that is still open on the other end's side.
    #[inline]
    pub fn window(&self) -> u32 {
        self.edge.since(self.nxt).max(0) as u32
    }

    pub fn delay_is_over(&mut self) {
        self.due |= self.pending;
        // Linux: a delayed acknowledgement that had to leave alone ends ping-pong mode, or makes the delay longer.
        if self.pingpong {
            self.pingpong = false;
            self.ato = DELAY_MIN;
        } else {
            self.ato = (self.ato * 2).min(DELAY_MAX);
        }
    }

    pub fn forget_acks(&mut self) {
        (self.now_due, self.due, self.pending) = (false, false, false);
    }

    /// Data has left with an acknowledgement: soon after data came, so the ends answer each other.
    #[inline]
    pub fn data_left(&mut self, now: Time) {
        if now.since(self.last_data) < self.ato {
            self.pingpong = true;
        }
    }

    /// An acknowledgement has left.
    #[inline]
    pub fn ack_left(&mut self) {
        if self.quick > 0 {
            self.quick -= 1;
            if self.quick == 0 {
                self.ato = DELAY_MIN;
            }
        }
        self.forget_acks();
        self.acked = self.nxt;
    }

    /// Linux's tcp_event_data_recv: quick acknowledgements at the start and after a pause, else an estimate of the time between segments.
    fn note_data(&mut self, now: Time, rto: Span, window: u32) {
        let gap = now.since(self.last_data);
        if self.ato == Span::ZERO {
            self.be_quick(window);
            self.ato = DELAY_MIN;
        } else if gap <= DELAY_MIN / 2 {
            self.ato = self.ato / 2 + DELAY_MIN / 2;
        } else if gap < self.ato {
            self.ato = (self.ato / 2 + gap).min(rto);
        } else if gap > rto {
            self.be_quick(window);
        }
        self.last_data = now;
    }

    /// Up to 16, and as many as fill half the window.
    pub fn be_quick(&mut self, window: u32) {
        let quick = (window / (2 * self.mss)).clamp(2, QUICK_ACKS);
        self.quick = self.quick.max(quick);
    }
}

/// The shift with which a window of the buffer fits into 16 bits (RFC 7323 §2.3: 14 at the most).
fn scale_for(buffer: u32) -> u8 {
    (0..14).find(|scale| buffer >> scale <= 65_535).unwrap_or(14)
}

impl Connection {
    /// The most that the window may ever be: five eighths of the buffer once full segments come, as Linux accounts memory for them.
    fn clamp(&self) -> u32 {
        match self.config.profile {
            Profile::Linux6 => (u64::from(self.config.recv_buffer) * 5 / 8) as u32,
            Profile::Rfc => self.config.recv_buffer,
        }
        .max(1)
    }

    /// The window of a SYN.
    pub(super) fn first_window(&self) -> u32 {
        match self.config.profile {
            Profile::Linux6 => self.receiver.allowed,
            Profile::Rfc => self.clamp(),
        }
    }

    /// The window to offer: what is free, in whole units of the scale, never less than what was offered (RFC 9293 §3.8.6.2.1), and nothing
    /// rather than a sliver (RFC 9293 §3.8.6.2.2).
    pub(super) fn offer(&mut self) -> u32 {
        let (clamp, used) = (self.clamp(), self.incoming.len() + self.early.bytes() as u32);
        let mut free = clamp.saturating_sub(used);
        if free < clamp / 2 {
            self.receiver.quick = 0;
        }
        if free < (clamp >> 4).min(self.receiver.mss * 4) || free < self.receiver.mss.min(clamp) {
            free = 0;
        }
        if self.config.profile == Profile::Linux6 {
            free = free.min(self.receiver.allowed);
        }
        let unit = 1 << self.receiver.scale;
        let largest = 65_535 << self.receiver.scale;
        // RFC 7323 §2.4: also what is left of the window offered before is told in whole units, and rounded down its edge would move left.
        (free.max(self.receiver.window()).div_ceil(unit) * unit).min(largest)
    }

    /// In-order data has come.
    pub(super) fn data_came(&mut self, now: Time, len: u32) {
        let receiver = &mut self.receiver;
        if len > receiver.mss {
            receiver.mss = len.min(self.config.mss.into());
        }
        receiver.pending = true;
        let window = self.receiver.window();
        let rto = self.rto();
        self.receiver.note_data(now, rto, window);
        if self.config.profile == Profile::Linux6 {
            self.grow_window(len);
        }
    }

    /// Linux's tcp_grow_window: the window opens by two segments for each that comes, and each step asks for one more quick acknowledgement.
    fn grow_window(&mut self, len: u32) {
        let free = self.clamp().saturating_sub(self.incoming.len());
        let room = free.saturating_sub(self.receiver.allowed);
        if room > 0 && len >= 128 {
            let more = (2 * u32::from(self.config.mss)).max(2 * len);
            let step = if self.timestamps { more - 24 } else { more };
            self.receiver.allowed += step.min(room);
            self.receiver.quick |= 1;
        }
    }

    /// Whether to acknowledge at once, or to wait for more (RFC 5681 §4.2).
    pub(super) fn schedule_ack(&mut self, now: Time) {
        let unacked = self.receiver.nxt - self.receiver.acked;
        let quick = self.config.profile == Profile::Linux6 && self.receiver.quick > 0 && !self.receiver.pingpong;
        // RFC 9293 §3.8.6.3 (SHLD-18): at least every second full segment.
        let second = match self.config.profile {
            Profile::Linux6 => unacked > self.receiver.mss,
            Profile::Rfc => unacked >= 2 * self.receiver.mss,
        };
        if !self.config.delayed_ack || quick || second || !self.early.is_empty() {
            return self.ack_at_once();
        }
        let delay = match self.config.profile {
            Profile::Rfc => DELAY_RFC,
            Profile::Linux6 => {
                let mut delay = self.receiver.ato;
                if delay > DELAY_MIN {
                    let most = if self.receiver.pingpong { DELAY_MAX } else { Span::from_ms(500) };
                    let rtt = self.rtt.srtt().map_or(most, |srtt| srtt.max(DELAY_MIN));
                    delay = delay.min(most).min(rtt);
                }
                delay.max(DELAY_MIN)
            }
        };
        let at = now + delay;
        if !self.timers.running(Timer::DelayedAck) || at < self.timers.at(Timer::DelayedAck) {
            self.arm(Timer::DelayedAck, at);
        }
    }

    /// An acknowledgement leaves now: with the data that can leave now, or before the application says anything.
    pub(super) fn ack_at_once(&mut self) {
        self.receiver.due = true;
        self.receiver.now_due = true;
        // Data that could leave before this segment came may carry it; what the application will answer may not.
        self.answering = self.can_send();
    }

    /// The application has read: a window that has opened by much is told (RFC 9293 §3.8.6.2.2).
    pub(super) fn after_read(&mut self) {
        if !self.state.may_receive() || self.receiver.due {
            return;
        }
        let before = self.receiver.window();
        let clamp = self.clamp();
        if before <= clamp / 2 {
            let after = self.offer();
            let enough = match self.config.profile {
                Profile::Linux6 => after > 0 && after >= 2 * before,
                Profile::Rfc => after - before >= (clamp / 2).min(self.receiver.mss),
            };
            if enough {
                self.receiver.due = true;
            }
        }
    }

    /// Their FIN has come, in order. As in Linux its acknowledgement waits for an application that closes at once, so that it rides on our FIN.
    pub(super) fn fin_came(&mut self, now: Time) {
        self.receiver.nxt += 1;
        self.receiver.pending = true;
        if self.state == State::Established || self.state == State::SynReceived {
            self.receiver.pingpong = true;
            self.schedule_ack(now);
        } else {
            self.ack_at_once();
        }
    }
}
