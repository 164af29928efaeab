//! What can be known of a connection from outside: counters, a look inside, `TCP_INFO`.

use sim_core::{Span, Time};

use super::super::state::State;
use super::super::trace::Phase;
use super::Connection;

/// What a connection has counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counters {
    /// Segments sent, all kinds.
    pub segments_sent: u64,
    /// Of these with data.
    pub data_segments_sent: u64,
    /// Bytes of data sent, those sent again included.
    pub bytes_sent: u64,
    /// Bytes of headers of all segments sent, options included.
    pub header_bytes_sent: u64,
    /// Bytes of headers of all segments that came.
    pub header_bytes_received: u64,
    /// Bytes of data in all segments that came, those that had come before included.
    pub payload_bytes_received: u64,
    /// The least round trip measured.
    pub rtt_min: Option<Span>,
    /// Bytes of data acknowledged.
    pub bytes_acked: u64,
    /// Segments that came.
    pub segments_received: u64,
    /// Bytes of data that came in order, for the first time.
    pub bytes_received: u64,
    /// Segments with data that came behind a hole (`tcpi_rcv_ooopack`).
    pub out_of_order: u64,
    /// Data segments sent again.
    pub retransmissions: u64,
    /// SYNs sent again, answers to SYNs included; not the second one of an end that has met the other's, where both open at once.
    pub syns_again: u64,
    /// Time in which data that was sent again later was under way for the first time; times that overlap count once.
    pub held: Span,
    /// Segments that the other end had sent again, SYNs included, when it sent the last one of these that came. The simulator knows.
    pub peer_resent: u64,
    /// The other end's `held` at the same time.
    pub peer_held: Span,
    /// When data was sent last.
    pub data_sent_at: Option<Time>,
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
    /// Segments delivered, the SYN included.
    pub delivered: u64,
    /// Of these by acknowledgements that echoed a mark of congestion.
    pub delivered_marked: u64,
    /// Probes of a lost tail sent.
    pub tail_probes: u64,
    /// Reductions that proved needless and were undone.
    pub undone: u64,
}

impl Counters {
    /// Segments sent again on the connection: by this end, and by the other one as far as it has heard of them; SYNs included.
    pub fn resent_both_ways(&self) -> u64 {
        self.retransmissions + self.syns_again + self.peer_resent
    }

    /// Time in which data of either end was under way for the first time that had to be sent again.
    pub fn held_both_ways(&self) -> Span {
        self.held + self.peer_held
    }

    /// How long data was sent since a moment.
    pub fn sending_since(&self, then: Time) -> Span {
        self.data_sent_at.map_or(Span::ZERO, |at| at.since(then.min(at)))
    }
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

/// What a connection spends its time with, where it has something to send; a later one counts before an earlier one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(super) enum Business {
    /// Nothing is there to be sent or acknowledged.
    #[default]
    Idle,
    /// The network is the limit, or the application.
    Busy,
    /// The other end's window is.
    Window,
    /// The send buffer is.
    Buffer,
}

/// How long it spent with what (Linux's tcp_chrono).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chronograph {
    pub now: Business,
    since: Time,
    spent: [Span; 3],
}

impl Chronograph {
    fn spent(&self, with: Business, now: Time) -> Span {
        let running = if self.now == with { now.since(self.since) } else { Span::ZERO };
        running + self.spent[with as usize - 1]
    }

    pub fn turn_to(&mut self, to: Business, now: Time) {
        if self.now != Business::Idle {
            self.spent[self.now as usize - 1] += now.since(self.since);
        }
        (self.now, self.since) = (to, now);
    }
}

/// What `TCP_INFO` says besides [`Info`], under Linux's names. Windows and queues count segments.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TcpInfo {
    /// `tcpi_options`: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN marks were seen, 32 data in the SYN was acknowledged.
    pub options: u8,
    /// Shift of the windows that come.
    pub snd_wscale: u8,
    /// Shift of the windows that it offers.
    pub rcv_wscale: u8,
    /// Retransmission time-outs since something was acknowledged last.
    pub retransmits: u32,
    /// Probes of a closed window or of a silent end that are not answered.
    pub probes: u32,
    /// How often the time-out has doubled.
    pub backoff: u32,
    /// Retransmission time-out.
    pub rto: Span,
    /// The delay that an acknowledgement would have.
    pub ato: Span,
    /// Payload of the largest segment that it sends.
    pub snd_mss: u32,
    /// What it takes for a full segment of the other end's.
    pub rcv_mss: u32,
    /// What it has announced, less the options that each segment has.
    pub advmss: u32,
    /// Segments under way that were sent again.
    pub retrans: u32,
    /// Since data was sent last.
    pub last_data_sent: Span,
    /// Since data came last.
    pub last_data_recv: Span,
    /// Since an acknowledgement came last.
    pub last_ack_recv: Span,
    /// The round trip as the receiver sees it; zero before the first sample.
    pub rcv_rtt: Span,
    /// Bytes that the application has read in the last round trip that was measured.
    pub rcv_space: u32,
    /// What the window that it offers may be at the moment.
    pub rcv_ssthresh: u32,
    /// Bytes written that were never sent.
    pub notsent_bytes: u32,
    /// The window that the other end offers.
    pub snd_wnd: u32,
    /// The window that it offers.
    pub rcv_wnd: u32,
    /// Segments by which the network is believed to reorder at the most, and how often it was seen to.
    pub reordering: u32,
    /// How often a segment was seen to come behind one that was sent later.
    pub reord_seen: u32,
    /// Segments that came twice, by duplicate SACKs.
    pub dsack_dups: u64,
    /// Time with something to send or to be acknowledged.
    pub busy_time: Span,
    /// Of it the time in which the other end's window was the limit.
    pub rwnd_limited: Span,
    /// Of it the time in which the send buffer was.
    pub sndbuf_limited: Span,
}

impl Connection {
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

    /// What Linux's `TCP_INFO` says besides.
    pub fn tcp_info(&self, now: Time) -> TcpInfo {
        let since = |then: Time| now.since(then.min(now));
        let bits = [
            self.timestamps,
            self.sack,
            self.snd_scale > 0 || self.receiver.scale > 0,
            self.ecn,
            self.ecn_seen,
            self.syn_data_acked(),
        ];
        let clock = |with| self.chronograph.spent(with, now);
        let (window, buffer) = (clock(Business::Window), clock(Business::Buffer));
        TcpInfo {
            options: (0..).zip(bits).map(|(bit, set)| u8::from(set) << bit).sum(),
            snd_wscale: self.snd_scale,
            rcv_wscale: self.receiver.scale,
            retransmits: self.retransmits,
            probes: self.probes_out,
            backoff: self.doublings(),
            rto: self.rto(),
            ato: self.receiver.ato(),
            snd_mss: self.mss,
            rcv_mss: self.receiver.mss,
            advmss: u32::from(self.config.mss) - if self.timestamps { 12 } else { 0 },
            retrans: self.board.retransmitted,
            last_data_sent: since(self.last_sent),
            last_data_recv: since(self.receiver.last_data()),
            last_ack_recv: since(self.last_heard),
            rcv_rtt: Span::from_us(u64::from(self.receiver.tuning.rtt8 / 8)),
            rcv_space: self.receiver.tuning.space,
            rcv_ssthresh: self.receiver.allowed,
            notsent_bytes: self.unsent(),
            snd_wnd: self.snd_wnd,
            rcv_wnd: self.receiver.window(),
            reordering: self.recovery.reordering,
            reord_seen: self.recovery.reordered,
            dsack_dups: self.recovery.duplicates,
            busy_time: clock(Business::Busy) + window + buffer,
            rwnd_limited: window,
            sndbuf_limited: buffer,
        }
    }

    /// The send queue was empty and is not, or the other way round.
    pub(super) fn watch_business(&mut self, now: Time) {
        let busy = self.outgoing.len() > 0;
        if busy != (self.chronograph.now != Business::Idle) {
            self.chronograph.turn_to(if busy { Business::Busy } else { Business::Idle }, now);
        }
    }

    /// Nothing leaves, or something does: who is the limit?
    #[inline]
    pub(super) fn limited_by(&mut self, limit: Business, now: Time) {
        if self.chronograph.now != limit && self.chronograph.now != Business::Idle {
            self.chronograph.turn_to(limit, now);
        }
    }
}
