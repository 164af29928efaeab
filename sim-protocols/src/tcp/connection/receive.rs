//! The receive side: the window that is offered, and when to acknowledge (RFC 9293 §3.8.6, RFC 5681 §4.2), with Linux's quick and delayed
//! acknowledgements in profile `linux-6`.

use sim_core::{Span, Time};

use super::super::config::{Config, Profile};
use super::timers::Timer;
use super::{Connection, Segment, State};
use crate::wire::{Seq, TcpFlags};

/// Linux's quick acknowledgements at the start and after a pause.
const QUICK_ACKS: u32 = 16;
/// The least and the largest delay of an acknowledgement.
const DELAY_MIN: Span = Span::from_ms(40);
const DELAY_MAX: Span = Span::from_ms(200);
/// RFC 9293 §3.8.6.3 (MUST-59): less than half a second; the usual 200 ms in profile `rfc`.
const DELAY_RFC: Span = Span::from_ms(200);
/// Segments behind a hole that are acknowledged at once (TCP_FASTRETRANS_THRESH); acknowledgements that are held back at the most, for how long,
/// and how much later the kernel's timer may expire (tcp_comp_sack_nr, tcp_comp_sack_delay_ns, tcp_comp_sack_slack_ns).
const PROMPT: u32 = 3;
const COMPRESSED_MAX: u32 = 44;
const COMPRESSED_DELAY: Span = Span::from_ms(1);
const COMPRESSED_SLACK: Span = Span::from_us(100);
/// SACK blocks beyond which nothing is held back (TCP_SACK_BLOCKS_EXPECTED).
const BLOCKS_EXPECTED: usize = 2;
/// What a full segment is taken for before one has come (Linux's TCP_MSS_DEFAULT), and the least that it can be.
const MSS_GUESS: u32 = 536;
const MSS_LEAST: u32 = 88;
/// The share of the buffer that is payload, in 256ths, before a segment has told (Linux since 6.11).
const RATIO_FIRST: u32 = 128;

/// What the growth of the receive buffer is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuning {
    /// The round trip as the receiver sees it, in microseconds times 8; 0 before the first sample.
    pub rtt8: u32,
    /// The last echo of our clock that was measured.
    pub last_echo: u32,
    /// Without clocks: since when, and up to where, a window is waited for.
    pub measured_from: Time,
    pub measure_until: Seq,
    /// Bytes read in the last round trip that counted.
    pub space: u32,
    /// The place in the stream, and the time, from which reading is counted.
    pub from: u64,
    pub since: Time,
    /// How far the application had read when that was last looked at.
    pub seen: u64,
}

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
    /// The buffer, and what it may grow to; 0: it does not.
    pub buffer: u32,
    pub buffer_max: u32,
    /// Which part of the buffer can be payload, in 256ths: the rest is bookkeeping.
    pub ratio: u32,
    /// The largest window.
    pub clamp: u32,
    /// Linux's `rcv_ssthresh`: what the window may be at the moment.
    pub allowed: u32,
    /// Largest segment that was seen: what a full one is.
    pub mss: u32,
    /// The length of the last segment that was smaller, if it may be a full one all the same.
    last_len: u32,
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
    /// Small segments have come since the last acknowledgement: none, one, or more.
    pushed: u8,
    /// Segments behind a hole whose acknowledgement is held back; and how many were acknowledged at once since `nxt` was what it was then.
    pub compressed: u32,
    prompt: u32,
    prompt_at: Seq,
    pub tuning: Tuning,
}

impl Receiver {
    pub fn new(config: &Config) -> Receiver {
        let mut receiver = Receiver {
            irs: Seq(0),
            nxt: Seq(0),
            edge: Seq(0),
            scale: 0,
            acked: Seq(0),
            buffer: config.recv_buffer,
            buffer_max: config.recv_buffer_max,
            ratio: if config.profile == Profile::Linux6 { RATIO_FIRST } else { 256 },
            clamp: 0,
            allowed: 0,
            mss: MSS_GUESS,
            last_len: 0,
            quick: 0,
            pingpong: config.profile == Profile::Linux6 && !config.options.quickack,
            ato: Span::ZERO,
            last_data: Time::ZERO,
            now_due: false,
            due: false,
            pending: false,
            pushed: 0,
            compressed: 0,
            prompt: 0,
            prompt_at: Seq(0),
            tuning: Tuning {
                rtt8: 0,
                last_echo: 0,
                measured_from: Time::ZERO,
                measure_until: Seq(0),
                space: 0,
                from: 0,
                since: Time::ZERO,
                seen: 0,
            },
        };
        receiver.clamp = receiver.window_of(receiver.buffer).min(config.options.window_clamp);
        receiver.allowed = receiver.clamp;
        if config.window_scaling {
            receiver.scale = scale_for(receiver.buffer.max(receiver.buffer_max).min(config.options.window_clamp));
        }
        receiver
    }

    /// The window that a buffer is good for.
    pub fn window_of(&self, buffer: u32) -> u32 {
        ((u64::from(buffer) * u64::from(self.ratio) / 256) as u32).max(1)
    }

    /// The buffer is set to so much, and grows no more.
    pub fn fix_buffer(&mut self, buffer: u32) {
        (self.buffer, self.buffer_max) = (buffer, 0);
        self.clamp = self.window_of(buffer);
        self.allowed = self.allowed.min(self.clamp);
    }

    /// The window that is still open on the other end's side.
    #[inline]
    pub fn window(&self) -> u32 {
        self.edge.since(self.nxt).max(0) as u32
    }

    pub fn ato(&self) -> Span {
        self.ato
    }

    pub fn last_data(&self) -> Time {
        self.last_data
    }

    pub fn waits_for_data(&self) -> bool {
        self.pingpong
    }

    /// The delay of an acknowledgement is over.
    pub fn delay_is_over(&mut self, rto: Span) {
        self.due |= self.pending;
        // Linux: a delayed acknowledgement that had to leave alone ends ping-pong mode, or makes the delay longer.
        if self.pingpong {
            self.pingpong = false;
            self.ato = DELAY_MIN;
        } else {
            self.ato = (self.ato * 2).min(rto);
        }
    }

    pub fn forget_acks(&mut self) {
        (self.now_due, self.due, self.pending, self.pushed) = (false, false, false, 0);
        self.compressed = 0;
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
        if self.quick > 0 && (self.pending || self.due) {
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

    /// Up to 16, and as many as fill half the window; two where that is none.
    pub fn be_quick(&mut self, window: u32) {
        let quick = match window / (2 * self.mss) {
            0 => 2,
            quick => quick.min(QUICK_ACKS),
        };
        self.quick = self.quick.max(quick);
    }

    /// Something is wrong with what comes: acknowledgements are quick and wait for nothing (tcp_enter_quickack_mode).
    pub fn enter_quick_mode(&mut self, window: u32) {
        self.be_quick(window);
        self.pingpong = false;
        self.ato = DELAY_MIN;
    }

    /// What a full segment of the other end's is (tcp_measure_rcv_mss): the largest that has come; a smaller one only where two in a row
    /// are equal, and long enough or not pushed. The largest one also tells how much of the buffer is bookkeeping. A smaller one asks for an
    /// acknowledgement as soon as it is read.
    fn measure(&mut self, len: u32, flags: TcpFlags, options: u32, advertised: u32) {
        let last = std::mem::take(&mut self.last_len);
        if len >= self.mss {
            if len > self.mss || self.ratio == RATIO_FIRST {
                self.ratio = (len * 256 / packet_memory(len + options)).max(1);
                self.mss = len.min(advertised);
            }
            if flags.has(TcpFlags::PSH) {
                self.pushed = self.pushed.max(1);
            }
            return;
        }
        let remnant = flags.has(TcpFlags::PSH) || flags.fin() || flags.syn() || flags.has(TcpFlags::URG);
        if len + options >= MSS_GUESS || len + options >= MSS_LEAST && !remnant {
            if len == last {
                self.mss = len;
                return;
            }
            self.last_len = len;
        }
        self.pushed = (self.pushed + 1).min(2);
    }
}

/// What a packet takes of memory when it comes: its bookkeeping, and room for its headers and its end, in a power of two
/// (`struct sk_buff`, the head room of a driver, `struct skb_shared_info`).
fn packet_memory(segment: u32) -> u32 {
    256 + (segment + 40 + 64 + 320).next_power_of_two()
}

/// The shift with which a window of the buffer fits into 16 bits (RFC 7323 §2.3: 14 at the most).
fn scale_for(buffer: u32) -> u8 {
    (0..14).find(|scale| buffer >> scale <= 65_535).unwrap_or(14)
}

impl Connection {
    /// The window of a SYN: in Linux whole segments, as far as the field goes.
    pub(super) fn first_window(&mut self) -> u32 {
        let receiver = &mut self.receiver;
        if self.config.profile == Profile::Linux6 {
            let known = self.state == State::SynReceived && self.timestamps;
            let mss = u32::from(self.config.mss) - if known { 12 } else { 0 };
            let whole = receiver.window_of(receiver.buffer).min(receiver.clamp);
            receiver.allowed = if whole > mss { whole / mss * mss } else { whole };
        }
        receiver.allowed
    }

    /// Both SYNs are acknowledged: from here on reading is counted.
    pub(super) fn begin_tuning(&mut self, now: Time) {
        let advertised = u32::from(self.config.mss) - if self.timestamps { 12 } else { 0 };
        let receiver = &mut self.receiver;
        receiver.mss = advertised.min(self.mss).min(receiver.window() / 2).clamp(MSS_LEAST, MSS_GUESS);
        receiver.tuning.space = receiver.allowed.min(receiver.window()).min(10 * advertised);
        receiver.tuning.since = now;
    }

    /// The window to offer: what is free, in whole units of the scale, never less than what was offered (RFC 9293 §3.8.6.2.1), and nothing
    /// rather than a sliver (RFC 9293 §3.8.6.2.2).
    #[inline]
    pub(super) fn offer(&mut self) -> u32 {
        let free = self.free_window();
        let within_unit = (1 << self.receiver.scale) - 1;
        let largest = 65_535 << self.receiver.scale;
        // RFC 7323 §2.4: also what is left of the window offered before is told in whole units, and rounded down its edge would move left.
        ((free.max(self.receiver.window()) + within_unit) & !within_unit).min(largest)
    }

    /// What may be offered of the room that is there (__tcp_select_window).
    #[inline]
    fn free_window(&mut self) -> u32 {
        let receiver = &mut self.receiver;
        let (clamp, used) = (receiver.clamp, self.incoming.len() + self.early.bytes() as u32);
        let mut free = clamp.saturating_sub(used);
        if free < clamp / 2 {
            receiver.quick = 0;
        }
        if free < (clamp >> 4).min(receiver.mss * 4) || free < receiver.mss.min(clamp) {
            return 0;
        }
        if self.config.profile == Profile::Linux6 {
            free = free.min(receiver.allowed);
            if receiver.scale == 0 {
                // Without a scale the window is whole segments, and stays as it is within one.
                let (window, mss) = (receiver.edge.since(receiver.acked).max(0) as u32, receiver.mss.min(clamp));
                if window + mss <= free || window > free {
                    free = free / mss * mss;
                } else if mss == clamp && free > window + clamp / 2 {
                    return free;
                } else {
                    free = window;
                }
            }
        }
        free
    }

    /// In-order data has come.
    pub(super) fn data_came(&mut self, now: Time, len: u32, segment: &Segment) {
        self.receiver.pending = true;
        let linux = self.config.profile == Profile::Linux6;
        if linux {
            let options = if self.timestamps { 12 } else { 0 };
            let (advertised, ratio) = (u32::from(self.config.mss) - options, self.receiver.ratio);
            self.receiver.measure(len, segment.repr.flags, options, advertised);
            if self.receiver.ratio != ratio {
                self.receiver.clamp = self.receiver.window_of(self.receiver.buffer).min(self.options().window_clamp);
            }
            if self.receiver.buffer_max > 0 {
                self.receiver_rtt(now, len, segment);
            }
        } else if len > self.receiver.mss {
            self.receiver.mss = len.min(self.config.mss.into());
        }
        let window = self.receiver.window() + len;
        let rto = self.rto();
        self.receiver.note_data(now, rto, window);
        if linux {
            self.grow_window(len);
        }
    }

    /// Linux's tcp_grow_window: the window opens by two segments for each that comes, and each step asks for one more quick acknowledgement.
    fn grow_window(&mut self, len: u32) {
        let free = self.receiver.clamp.saturating_sub(self.incoming.len());
        let room = free.saturating_sub(self.receiver.allowed);
        if room > 0 && len >= 128 {
            let advertised = u32::from(self.config.mss) - if self.timestamps { 12 } else { 0 };
            let step = (2 * advertised).max(2 * len);
            self.receiver.allowed += step.min(room);
            self.receiver.quick |= 1;
        }
    }

    /// Whether to acknowledge at once, or to wait for more (RFC 5681 §4.2; Linux's __tcp_ack_snd_check).
    pub(super) fn schedule_ack(&mut self, now: Time) {
        let unacked = self.receiver.nxt - self.receiver.acked;
        let quick = self.config.profile == Profile::Linux6 && self.receiver.quick > 0 && !self.receiver.pingpong;
        // RFC 9293 §3.8.6.3 (SHLD-18): at least every second full segment.
        let second = match self.config.profile {
            // Where the window would not move, reading will acknowledge it.
            Profile::Linux6 => unacked > self.receiver.mss && self.window_moves(),
            Profile::Rfc => unacked >= 2 * self.receiver.mss,
        };
        if !self.config.delayed_ack || quick || second {
            return self.ack_at_once(now);
        }
        if !self.early.is_empty() {
            return self.ack_behind_hole(now);
        }
        let delay = match self.config.profile {
            Profile::Rfc => DELAY_RFC,
            Profile::Linux6 => self.ack_delay(),
        };
        let (at, running) = (now + delay, self.timers.at(Timer::DelayedAck));
        if running == Time::NEVER || at < running {
            self.arm(now, Timer::DelayedAck, at);
        } else if self.config.profile == Profile::Linux6 && running <= now + delay / 4 {
            // It is about to leave anyway (tcp_send_delayed_ack).
            self.ack_at_once(now);
        }
    }

    /// RFC 5681 §4.2: what comes behind a hole is acknowledged at once. Linux's __tcp_ack_snd_check does so for the first three, which begin the
    /// other end's recovery, and holds those that follow back for a moment, so that one acknowledgement stands for several.
    #[cold]
    fn ack_behind_hole(&mut self, now: Time) {
        let receiver = &mut self.receiver;
        if !self.config.ack_compression || !self.sack || receiver.compressed >= COMPRESSED_MAX {
            return self.ack_at_once(now);
        }
        if receiver.prompt_at != receiver.nxt {
            (receiver.prompt_at, receiver.prompt) = (receiver.nxt, 0);
        }
        if receiver.prompt < PROMPT {
            receiver.prompt += 1;
            return self.ack_at_once(now);
        }
        receiver.compressed += 1;
        if !self.timers.running(Timer::CompressedAck) {
            let ours = self.rtt.srtt();
            // A buffer that does not grow leaves the receiver's own estimate unmeasured here.
            let theirs = (receiver.buffer_max > 0).then(|| Span::from_us(u64::from(receiver.tuning.rtt8 / 8)));
            let rtt = [ours, theirs].into_iter().flatten().min().unwrap_or(Span::ZERO);
            let at = now + (rtt / 20).min(COMPRESSED_DELAY) + COMPRESSED_SLACK;
            self.timers.arm(Timer::CompressedAck, at);
        }
    }

    /// A segment comes behind a hole. Where SACK blocks are many, what is held back leaves before they are more: an acknowledgement that is lost
    /// would be missed (Linux's tcp_sack_compress_send_ack, TCP_SACK_BLOCKS_EXPECTED).
    pub(super) fn came_behind_hole(&mut self, now: Time, offset: u64, len: u32, segment: &Segment) {
        if self.config.profile == Profile::Rfc {
            return;
        }
        if self.receiver.buffer_max > 0 && self.timestamps {
            self.receiver_rtt(now, len, segment);
        }
        if self.sack {
            if self.receiver.compressed > 0 && self.early.joins(offset, len) >= BLOCKS_EXPECTED {
                let before = self.acknowledge_alone(now);
                self.rare().ahead = Some(before);
            }
            self.grow_window(len);
        }
    }

    fn window_moves(&mut self) -> bool {
        let offered = self.receiver.edge.since(self.receiver.acked).max(0) as u32;
        self.incoming.len() <= self.receiver.mss || self.offer() >= offered
    }

    fn ack_delay(&self) -> Span {
        let receiver = &self.receiver;
        let mut delay = receiver.ato;
        if delay == Span::ZERO {
            // A FIN before any data: Linux's delay is nothing yet (tcp_send_delayed_ack), but the application may still answer it.
            return delay;
        }
        if delay > DELAY_MIN {
            let most = if receiver.pingpong || receiver.pushed > 0 { DELAY_MAX } else { Span::from_ms(500) };
            let rtt = self.rtt.srtt().map_or(most, |srtt| srtt.max(DELAY_MIN));
            delay = delay.min(most).min(rtt);
        }
        delay.clamp(DELAY_MIN, DELAY_MAX)
    }

    /// An acknowledgement leaves now: with the data that can leave now, or before the application says anything.
    pub(super) fn ack_at_once(&mut self, now: Time) {
        self.receiver.due = true;
        self.receiver.now_due = true;
        // Data that could leave before this segment came may carry it; what the application will answer may not.
        self.answering = self.can_send(now);
    }

    /// Quick acknowledgements, or such as wait for data (`TCP_QUICKACK`).
    pub(super) fn quick_ack_mode(&mut self, on: bool) {
        self.receiver.pingpong = !on;
        if on && self.receiver.pending && matches!(self.state, State::Established | State::CloseWait) {
            self.receiver.due = true;
        }
    }

    /// The application has read: what is to be acknowledged then (Linux's tcp_cleanup_rbuf), and a window that has opened by much is told
    /// (RFC 9293 §3.8.6.2.2).
    pub(super) fn after_read(&mut self) {
        if self.receiver.buffer_max > 0 {
            self.attention = true;
        }
        if self.receiver.due {
            return;
        }
        let (linux, emptied) = (self.config.profile == Profile::Linux6, self.incoming.len() == 0);
        if linux && self.receiver.pending && self.config.delayed_ack {
            let receiver = &self.receiver;
            let small = receiver.pushed > 1 || receiver.pushed > 0 && !receiver.pingpong;
            if receiver.nxt - receiver.acked > receiver.mss || emptied && small {
                self.receiver.due = true;
                return;
            }
        }
        if !self.state.may_receive() {
            return;
        }
        let (before, clamp) = (self.receiver.window(), self.receiver.clamp);
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
            self.ack_at_once(now);
        }
    }
}
