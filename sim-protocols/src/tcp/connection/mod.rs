//! The connection: its variables, and what an application and a host may ask of it.

mod acknowledge;
mod arrive;
mod aside;
mod calls;
mod info;
mod keep;
mod memory;
mod opening;
mod rate;
mod receive;
mod recovery;
mod tail;
mod timers;
mod transmit;

use std::collections::VecDeque;
use std::sync::Arc;

use sim_core::{Span, Time};

use super::buffer::{Assembler, Rope};
use super::cc::{Control, INFINITE, Setting, Window};
use super::config::{Config, Profile};
use super::options::Options;
use super::rtt::Rtt;
use super::scoreboard::Scoreboard;
use super::state::{Move, State};
use super::trace::{Cause, Change, Phase};
use super::{Endpoint, Obstacle, Segment};
use crate::wire::{Seq, TcpFlags};
use aside::Told;
use calls::{CORK, NODELAY};
use info::Chronograph;
use memory::Rare;
use rate::Governor;
use receive::Receiver;
use recovery::Recovery;
use timers::{Timer, Timers};

pub use info::{Counters, Info, TcpInfo};

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

/// A connection.
#[derive(Clone, Debug)]
pub struct Connection {
    config: Arc<Config>,
    local: Endpoint,
    remote: Endpoint,
    state: State,
    counters: Counters,
    /// The end of the time that `Counters::held` has.
    held_until: Time,
    /// What is said of answers beside the wire; none where nobody does.
    told: Option<Box<Told>>,

    // The send side (RFC 9293 §3.3.1).
    iss: Seq,
    una: Seq,
    nxt: Seq,
    snd_wnd: u32,
    snd_wl1: Seq,
    snd_wl2: Seq,
    max_window: u32,
    snd_scale: u8,
    /// Payload of a full segment: their MSS or ours, less the timestamps; in Linux half of their largest window at the most.
    mss: u32,
    /// The same but for their window.
    mss_max: u32,
    outgoing: Rope,
    /// The number of the first byte in `outgoing`.
    data_start: Seq,
    /// Close was asked for: a FIN follows the last byte.
    closing: bool,
    fin_sent: bool,
    /// What lets a small segment leave ([`calls`]), and whether the writer has said that more will come.
    nonagle: u8,
    more: bool,
    /// The size of the send buffer; the last write did not find room for all.
    sndbuf: u32,
    nospace: bool,
    /// Ends of packets that push and were not sent yet; the last one of all; where the last packet of the send queue begins.
    pushes: VecDeque<Seq>,
    pushed: Seq,
    tail_start: Seq,
    board: Scoreboard,
    rtt: Rtt,
    control: Control,
    /// Delivery rates and pacing, where the control or the file wants them.
    governor: Option<Box<Governor>>,
    window: Window,
    phase: Phase,
    /// The end of recovery: what was sent when it began.
    high_seq: Seq,
    recovery: Recovery,
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
    /// How often the time-out has doubled; and time-outs since something was acknowledged.
    backoff: u32,
    retransmits: u32,

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

    /// Settings that the application has changed, and what few connections need.
    own: Option<Box<Options>>,
    rare: Option<Box<Rare>>,
    /// Something waits for [`Connection::attend`].
    attention: bool,
    /// Nobody reads any more; and nobody has the socket any more.
    read_closed: bool,
    orphan: bool,
    /// What ended it, until the application has been told.
    error: Option<Reason>,
    /// When an acknowledgement came last.
    last_heard: Time,
    /// When what is unacknowledged was sent again for the first time.
    first_retry: Time,
    /// Probes of a window or of a silent end without an answer, and since when a window is probed.
    probes_out: u32,
    probing_since: Time,
    chronograph: Chronograph,
    /// A mark of congestion has come from the other end's way.
    ecn_seen: bool,

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
        connection.counters.header_bytes_received += syn.repr.len() as u64;
        connection.counters.payload_bytes_received += u64::from(syn.payload.len());
        connection.take_syn(now, syn);
        // RFC 3168 §6.1.1: an ECN-setup SYN has ECE and CWR.
        connection.ecn = config.asks_ecn() && syn.repr.flags.has(TcpFlags::ECE | TcpFlags::CWR);
        connection
    }

    fn new(config: &Arc<Config>, local: Endpoint, remote: Endpoint, isn: Seq, state: State, now: Time) -> Connection {
        let paced = config.pacing || config.cc.needs().samples;
        let control = config.cc.open(&Setting { paced, seed: isn.0 });
        let cwnd = control.initial_window().unwrap_or(config.initial_window);
        Connection {
            local,
            remote,
            state,
            counters: Counters::default(),
            held_until: Time::ZERO,
            told: None,
            iss: isn,
            una: isn,
            nxt: isn,
            snd_wnd: 0,
            snd_wl1: Seq(0),
            snd_wl2: Seq(0),
            max_window: 0,
            snd_scale: 0,
            mss: 536,
            mss_max: 536,
            outgoing: Rope::default(),
            data_start: isn + 1,
            closing: false,
            fin_sent: false,
            nonagle: if config.nagle { 0 } else { NODELAY } | if config.options.cork { CORK } else { 0 },
            more: false,
            sndbuf: config.send_buffer,
            nospace: false,
            pushes: VecDeque::new(),
            pushed: isn + 1,
            tail_start: isn + 1,
            board: Scoreboard::new(control.needs().losses),
            rtt: Rtt::new(config),
            governor: Governor::open(control.needs(), config.pacing),
            control,
            window: Window { cwnd, ssthresh: INFINITE, count: 0 },
            phase: Phase::Open,
            high_seq: isn,
            recovery: Recovery::new(isn, config.reordering),
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
            retransmits: 0,
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
            own: None,
            rare: None,
            attention: false,
            read_closed: false,
            orphan: false,
            error: None,
            last_heard: now,
            first_retry: Time::ZERO,
            probes_out: 0,
            probing_since: Time::ZERO,
            chronograph: Chronograph::default(),
            ecn_seen: false,
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

    /// The shift of the windows that it offers (RFC 7323 §2.3); 0 where the other end knows none.
    pub fn window_scale(&self) -> u8 {
        self.receiver.scale
    }

    /// The path has become smaller (RFC 1191): segments from here on carry at most `mtu` less the headers.
    pub fn on_mtu(&mut self, mtu: u32) {
        let least = 88;
        let options = if self.timestamps { 12 } else { 0 };
        let mss = mtu.saturating_sub(40 + options).max(least);
        // Each segment that was too long brings an error of its own: the first one says it all.
        if mss < self.mss_max {
            self.mss_max = mss;
            if mss < self.mss {
                self.mss = mss;
                // What was sent with a SYN was lost with it.
                self.board.lose_longer(if self.state == State::SynSent { 0 } else { mss });
                self.board.split(mss);
                self.recover_without_congestion();
            }
        }
    }

    /// ICMP says that the segment with this number has not arrived.
    pub fn on_unreachable(&mut self, now: Time, seq: Seq, obstacle: Obstacle) {
        // RFC 5927 §4.1: only what is under way can be meant. §6.1, RFC 5461 §4.1: what is open stays open whatever is said, for there may be
        // another way tomorrow. RFC 1122 §4.2.3.9 gives up opening for hard errors alone; Linux's tcp_v4_err for every one.
        if !self.is_under_way(seq) {
            return;
        }
        let linux = self.config.profile == Profile::Linux6;
        if matches!(self.state, State::SynSent | State::SynReceived) {
            if linux || obstacle == Obstacle::Hard {
                self.end(Reason::Unreachable);
            }
        } else if linux && obstacle == Obstacle::Disconnected {
            self.revert_backoff(now, seq);
        }
    }

    /// Whether a message about this number is believed: Linux believes one about the next number, too.
    pub fn is_under_way(&self, seq: Seq) -> bool {
        seq >= self.una && (seq < self.nxt || seq == self.nxt && self.config.profile == Profile::Linux6)
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

    #[inline]
    fn rto(&self) -> Span {
        let rto = self.rtt.rto();
        if self.backoff == 0 {
            return rto.min(self.config.rto_max);
        }
        rto.saturating_mul(1_u64 << self.doublings().min(32)).min(self.config.rto_max)
    }

    /// How often the time-out has doubled: the first SYNs come at the same distance (Linux's tcp_syn_linear_timeouts).
    fn doublings(&self) -> u32 {
        let linear = if self.state == State::SynSent { self.config.syn_linear } else { 0 };
        self.backoff.saturating_sub(linear)
    }

    /// A segment is no longer than half of the largest window that the other end has ever offered (Linux's tcp_bound_to_half_wnd).
    #[inline]
    fn bound_mss(&mut self) {
        self.mss = match (self.config.profile, self.max_window) {
            (Profile::Rfc, _) | (_, 0) => self.mss_max,
            (Profile::Linux6, window) => self.mss_max.min(if window > 536 { window / 2 } else { window }.max(48)),
        };
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
            self.error = (reason != Reason::Finished).then_some(reason);
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

    fn arm(&mut self, now: Time, timer: Timer, at: Time) {
        self.timers.arm(timer, self.config.expiry(now, at));
    }
}
