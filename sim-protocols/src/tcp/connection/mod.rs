//! The connection: its variables, and what an application and a host may ask of it.

mod acknowledge;
mod arrive;
mod receive;
mod timers;
mod transmit;

use std::collections::VecDeque;
use std::sync::Arc;

use sim_core::{Payload, Span, Time};

use super::buffer::{Assembler, Rope};
use super::cc::{Control, INFINITE, Window};
use super::config::{Config, Profile};
use super::rtt::Rtt;
use super::scoreboard::Scoreboard;
use super::state::{Move, State};
use super::trace::{Cause, Change, Phase};
use super::{Endpoint, Segment};
use crate::wire::{Seq, TcpFlags};
use receive::Receiver;
use timers::{Timer, Timers};

/// What a connection tells its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConnectionEvent {
    /// Both SYNs are acknowledged.
    Connected,
    /// There are bytes to read that were not there before.
    Readable,
    /// Bytes were acknowledged, so that there is room to write.
    Writable,
    /// The other end's FIN has come, behind all its bytes.
    PeerClosed,
    /// The connection is over; after this it says nothing more. In TIME-WAIT it is told at its start.
    Closed(Reason),
}

/// Why a connection is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// Both ends have closed.
    Finished,
    /// The other end refused it: a reset to our SYN.
    Refused,
    /// The other end has reset it.
    Reset,
    /// The application has aborted it.
    Aborted,
    /// Nothing was acknowledged for too long.
    TimedOut,
    /// ICMP said that there is no way to the other end, while it was being opened.
    Unreachable,
}

/// What a connection has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Segments sent, all kinds.
    pub segments_sent: u64,
    /// Of these with data.
    pub data_segments_sent: u64,
    /// Bytes of data sent, those sent again included.
    pub bytes_sent: u64,
    /// Bytes of data acknowledged.
    pub bytes_acked: u64,
    /// Segments that came.
    pub segments_received: u64,
    /// Bytes of data that came in order, for the first time.
    pub bytes_received: u64,
    /// Data segments sent again.
    pub retransmissions: u64,
    /// Retransmission time-outs.
    pub timeouts: u64,
    /// Times that fast recovery was entered.
    pub fast_retransmits: u64,
    /// Duplicate acknowledgements that came.
    pub duplicate_acks: u64,
    /// Segments without data, SYN, FIN or RST that were sent.
    pub pure_acks_sent: u64,
    /// Zero-window probes sent.
    pub probes: u64,
    /// Segments refused by PAWS (RFC 7323 §5).
    pub paws: u64,
    /// Windows that were reduced for an explicit congestion notification.
    pub ecn_reductions: u64,
}

/// A look at a connection, as `TCP_INFO` gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Info {
    /// Its state.
    pub state: State,
    /// What loss recovery is doing.
    pub phase: Phase,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Slow-start threshold in segments; 0x7fffffff before the first loss.
    pub ssthresh: u32,
    /// Segments sent and not acknowledged.
    pub unacked: u32,
    /// Of these SACKed.
    pub sacked: u32,
    /// Of these believed lost.
    pub lost: u32,
    /// Segments believed to be in the network.
    pub in_flight: u32,
    /// Smoothed round trip.
    pub srtt: Option<Span>,
    /// Least round trip.
    pub min_rtt: Option<Span>,
    /// Mean of all samples.
    pub mean_rtt: Option<Span>,
    /// Time-out, back-off included.
    pub rto: Span,
    /// Bytes that the other end lets us send beyond what it has acknowledged.
    pub snd_wnd: u32,
    /// Payload of a full segment.
    pub mss: u32,
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Connection {
    config: Arc<Config>,
    local: Endpoint,
    remote: Endpoint,
    state: State,
    counters: Counters,

    // The send side (RFC 9293 §3.3.1).
    iss: Seq,
    una: Seq,
    nxt: Seq,
    snd_wnd: u32,
    snd_wl1: Seq,
    snd_wl2: Seq,
    max_window: u32,
    snd_scale: u8,
    /// Payload of a full segment: their MSS or ours, less the timestamps.
    mss: u32,
    outgoing: Rope,
    /// The number of the first byte in `outgoing`.
    data_start: Seq,
    /// Close was asked for: a FIN follows the last byte.
    closing: bool,
    fin_sent: bool,
    board: Scoreboard,
    rtt: Rtt,
    control: Control,
    window: Window,
    phase: Phase,
    /// The end of recovery: what was sent when it began.
    high_seq: Seq,
    prior_cwnd: u32,
    prr_delivered: u32,
    prr_out: u32,
    /// Whether the window, not the application, has limited the flow (Linux's cwnd validation).
    cwnd_limited: bool,
    /// Whether new data has left since that was last judged.
    new_left: bool,
    max_packets_out: u32,
    usage_seq: Seq,
    used_window: u32,
    used_since: Time,
    last_sent: Time,
    backoff: u32,

    // Negotiated.
    sack: bool,
    timestamps: bool,
    ecn: bool,
    ts_offset: u32,
    ts_recent: u32,
    ts_recent_at: Time,

    // ECN (RFC 3168).
    ecn_echo: bool,
    cwr_due: bool,

    receiver: Receiver,
    incoming: Rope,
    early: Assembler,
    /// What came twice, for the next acknowledgement (RFC 2883).
    duplicate: Option<(Seq, Seq)>,
    /// Where their FIN stands, once it has come.
    fin_at: Option<Seq>,

    /// When a segment without data that should not have come was answered last.
    challenged: Option<Time>,
    syn_due: bool,
    reset_due: Option<Box<Segment>>,
    probe_due: bool,
    /// Data that was waiting carries the acknowledgement that is due now.
    answering: bool,
    timers: Timers,

    events: VecDeque<ConnectionEvent>,
    told_closed: bool,
    tracing: bool,
    changes: VecDeque<Change>,
    rtt_sample: Option<Span>,
    /// The end of the last segment sent that was not full.
    small_end: Seq,
}

impl Connection {
    /// An active open: the SYN comes out of [`Connection::next_segment`].
    pub fn connect(config: &Arc<Config>, local: Endpoint, remote: Endpoint, isn: Seq, now: Time) -> Connection {
        Connection::new(config, local, remote, isn, State::SynSent, now)
    }

    /// A passive open: `syn` has come to a listener; the SYN,ACK comes out of [`Connection::next_segment`].
    pub fn accept(
        config: &Arc<Config>,
        local: Endpoint,
        remote: Endpoint,
        isn: Seq,
        syn: &Segment,
        now: Time,
    ) -> Connection {
        let mut connection = Connection::new(config, local, remote, isn, State::SynReceived, now);
        connection.counters.segments_received += 1;
        connection.take_syn(now, syn);
        // RFC 3168 §6.1.1: an ECN-setup SYN has ECE and CWR.
        connection.ecn = config.ecn && syn.repr.flags.has(TcpFlags::ECE | TcpFlags::CWR);
        connection
    }

    fn new(config: &Arc<Config>, local: Endpoint, remote: Endpoint, isn: Seq, state: State, now: Time) -> Connection {
        let control = config.cc.open();
        let cwnd = control.initial_window().unwrap_or(config.initial_window);
        Connection {
            local,
            remote,
            state,
            counters: Counters::default(),
            iss: isn,
            una: isn,
            nxt: isn,
            snd_wnd: 0,
            snd_wl1: Seq(0),
            snd_wl2: Seq(0),
            max_window: 0,
            snd_scale: 0,
            mss: 536,
            outgoing: Rope::default(),
            data_start: isn + 1,
            closing: false,
            fin_sent: false,
            board: Scoreboard::default(),
            rtt: Rtt::new(config),
            control,
            window: Window { cwnd, ssthresh: INFINITE, count: 0 },
            phase: Phase::Open,
            high_seq: isn,
            prior_cwnd: 0,
            prr_delivered: 0,
            prr_out: 0,
            cwnd_limited: false,
            new_left: false,
            max_packets_out: 0,
            usage_seq: isn,
            used_window: 0,
            used_since: now,
            last_sent: Time::ZERO,
            backoff: 0,
            sack: config.sack,
            timestamps: config.timestamps,
            ecn: false,
            // The initial sequence number is random; a clock shifted by it is as hard to guess.
            ts_offset: isn.0.rotate_left(16),
            ts_recent: 0,
            ts_recent_at: Time::ZERO,
            ecn_echo: false,
            cwr_due: false,
            receiver: Receiver::new(config),
            incoming: Rope::default(),
            early: Assembler::default(),
            duplicate: None,
            fin_at: None,
            challenged: None,
            syn_due: true,
            reset_due: None,
            probe_due: false,
            answering: false,
            timers: Timers::default(),
            events: VecDeque::new(),
            told_closed: false,
            tracing: false,
            changes: VecDeque::new(),
            rtt_sample: None,
            small_end: isn,
            config: config.clone(),
        }
    }

    /// Its state.
    #[inline]
    pub fn state(&self) -> State {
        self.state
    }

    /// Our end.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// Their end.
    pub fn remote(&self) -> Endpoint {
        self.remote
    }

    /// What it has counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// A look inside.
    pub fn info(&self) -> Info {
        Info {
            state: self.state,
            phase: self.phase,
            cwnd: self.window.cwnd,
            ssthresh: self.window.ssthresh,
            unacked: self.board.packets(),
            sacked: self.board.sacked,
            lost: self.board.lost,
            in_flight: self.board.in_flight(),
            srtt: self.rtt.srtt(),
            min_rtt: self.rtt.min,
            mean_rtt: (self.rtt.samples > 0).then(|| self.rtt.sum / self.rtt.samples),
            rto: self.rto(),
            snd_wnd: self.snd_wnd,
            mss: self.mss,
        }
    }

    /// The shift of the windows that it offers (RFC 7323 §2.3); 0 where the other end knows none.
    pub fn window_scale(&self) -> u8 {
        self.receiver.scale
    }

    /// Bytes written that are not acknowledged.
    #[inline]
    pub fn unacknowledged(&self) -> u32 {
        self.outgoing.len()
    }

    /// Bytes that [`Connection::write`] would take now.
    #[inline]
    pub fn writable(&self) -> u32 {
        if self.closing || self.told_closed { 0 } else { self.config.send_buffer.saturating_sub(self.outgoing.len()) }
    }

    /// Appends to the stream; returns how many bytes were taken.
    pub fn write(&mut self, payload: Payload) -> u32 {
        let len = payload.len().min(self.writable());
        if len == payload.len() {
            self.outgoing.push(payload);
        } else if len > 0 {
            self.outgoing.push(payload.slice(0, len));
        }
        len
    }

    /// Bytes that can be read.
    #[inline]
    pub fn readable(&self) -> u32 {
        self.incoming.len()
    }

    /// Takes up to `max` bytes from the stream.
    #[inline]
    pub fn read(&mut self, max: u32) -> Payload {
        let payload = self.incoming.take(max);
        if !payload.is_empty() {
            self.after_read();
        }
        payload
    }

    /// Closes our direction: a FIN follows the last byte.
    pub fn shutdown(&mut self) {
        if self.closing || self.told_closed {
            return;
        }
        self.closing = true;
        match self.state {
            // RFC 9293 §3.10.4: nothing was exchanged yet, so there is nothing to close in order.
            State::SynSent => self.end(Reason::Aborted),
            // RFC 9293 §3.10.4: in SYN-RECEIVED it is queued until the connection is established.
            State::Established | State::CloseWait => self.go(Move::Close),
            _ => {}
        }
    }

    /// Ends the connection with a reset (RFC 9293 §3.10.5).
    pub fn abort(&mut self) {
        let informs = self.state.synchronized() && self.state != State::TimeWait || self.state == State::SynReceived;
        if informs && !self.told_closed {
            let mut segment = self.bare(TcpFlags::RST | TcpFlags::ACK);
            segment.repr.seq = self.nxt;
            self.reset_due = Some(Box::new(segment));
        }
        self.end(Reason::Aborted);
    }

    /// The path has become smaller (RFC 1191): segments from here on carry at most `mtu` less the headers.
    pub fn on_mtu(&mut self, mtu: u32) {
        let least = 88;
        let options = if self.timestamps { 12 } else { 0 };
        let mss = mtu.saturating_sub(40 + options).max(least);
        // Each segment that was too long brings an error of its own: the first one says it all.
        if mss < self.mss {
            self.mss = mss;
            self.board.split(mss);
            self.board.lose_all();
        }
    }

    /// ICMP says that the segment with this number has not arrived. `hard`: the other end does not speak TCP, or has no such port.
    pub fn on_unreachable(&mut self, seq: Seq, hard: bool) {
        // RFC 5927 §4.1: only what is under way can be meant. §6.1, RFC 5461 §4.1: what is open stays open whatever is said, for there may be
        // another way tomorrow. RFC 1122 §4.2.3.9 gives up opening for hard errors alone; Linux's tcp_v4_err for every one.
        let under_way = seq >= self.una && seq < self.nxt;
        let opening = matches!(self.state, State::SynSent | State::SynReceived);
        if under_way && opening && (hard || self.config.profile == Profile::Linux6) {
            self.end(Reason::Unreachable);
        }
    }

    /// Whether a SYN may open a new connection in the place of this one: in TIME-WAIT, if nothing old can be taken for it
    /// (RFC 9293 §3.10.7.4, RFC 6191 §2; Linux's tcp_timewait_state_process). Clocks of timestamps have an offset for each
    /// connection, so a later sequence number alone will do, too.
    pub fn gives_way_to(&self, segment: &Segment) -> bool {
        let flags = segment.repr.flags;
        if self.state != State::TimeWait || !flags.syn() || flags.ack() || flags.rst() {
            return false;
        }
        let later = match segment.repr.options.timestamps {
            Some(theirs) if self.timestamps => theirs.val.wrapping_sub(self.ts_recent) as i32 > 0,
            _ => false,
        };
        later || segment.repr.seq > self.receiver.nxt
    }

    /// When [`Connection::on_timeout`] is due; [`Time::NEVER`] if no timer runs.
    #[inline]
    pub fn deadline(&self) -> Time {
        self.timers.next()
    }

    /// What it has to tell.
    #[inline]
    pub fn next_event(&mut self) -> Option<ConnectionEvent> {
        self.events.pop_front()
    }

    /// Whether changes and samples are kept to be told.
    pub fn set_tracing(&mut self, tracing: bool) {
        self.tracing = tracing;
    }

    /// The next change of the window, when tracing.
    #[inline]
    pub fn next_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// The sample of the round trip that the last segment gave, if it gave one.
    #[inline]
    pub fn take_rtt(&mut self) -> Option<Span> {
        self.rtt_sample.take()
    }

    fn rto(&self) -> Span {
        let factor = 1_u64 << self.backoff.min(32);
        self.rtt.rto().saturating_mul(factor).min(self.config.rto_max)
    }

    fn go(&mut self, movement: Move) {
        let next = self.state.after(movement);
        self.state = next.unwrap_or_else(|| panic!("{:?} does not know {movement:?}", self.state));
    }

    /// Ends the connection at once.
    fn end(&mut self, reason: Reason) {
        self.go(Move::End);
        self.timers.clear();
        self.syn_due = false;
        self.probe_due = false;
        self.receiver.forget_acks();
        self.tell_closed(reason);
    }

    fn tell_closed(&mut self, reason: Reason) {
        if !self.told_closed {
            self.told_closed = true;
            self.events.push_back(ConnectionEvent::Closed(reason));
        }
    }

    fn note(&mut self, now: Time, cause: Cause) {
        if self.tracing {
            self.changes.push_back(Change {
                time: now,
                cause,
                phase: self.phase,
                cwnd: self.window.cwnd,
                ssthresh: self.window.ssthresh,
                in_flight: self.board.in_flight(),
                srtt: self.rtt.srtt(),
                rto: self.rto(),
                retransmissions: self.counters.retransmissions,
            });
        }
    }

    /// The clock of the timestamps option: milliseconds with an offset of the connection's own (RFC 7323 §5.4, §7.1).
    #[inline]
    fn clock(&self, now: Time) -> u32 {
        (now.ms() as u32).wrapping_add(self.ts_offset)
    }

    fn arm(&mut self, timer: Timer, at: Time) {
        self.timers.arm(timer, at, self.config.tick);
    }
}
