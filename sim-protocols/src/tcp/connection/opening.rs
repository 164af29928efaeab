//! Opening: SYNs, the first one and those that are sent again, and data that goes with them (RFC 7413).

use sim_core::{Ecn, Payload, Time};

use super::super::fast_open::{FastOpenLesson, FastOpenTicket, FastOpenVerdict};
use super::super::scoreboard::Scoreboard;
use super::super::state::State;
use super::super::{Config, Endpoint};
use super::timers::Timer;
use super::transmit::Piece;
use super::{Connection, ConnectionEvent, Segment};
use crate::wire::{FastOpen, Seq, TcpFlags, TcpOptions, TcpRepr, Timestamps};

/// Room for options that is left free in a SYN with data: all that there may be.
const OPTIONS_MAX: u32 = 40;

/// Fast Open, for hosts and applications.
impl Connection {
    /// This connection is to be opened fast: its SYN asks for a cookie, or, where there is one, carries it with what was written before the
    /// SYN leaves. To be called at once after [`Connection::connect`].
    pub fn open_fast(&mut self, ticket: FastOpenTicket) {
        debug_assert!(self.state == State::SynSent && self.counters.segments_sent == 0, "the SYN has not left");
        let opening = &mut self.rare().opening;
        opening.ticket = Some(ticket);
        opening.experimental = ticket.experimental;
    }

    /// A passive open of a SYN that [`super::super::FastOpenKey::judge`] has judged: its data may count, and its answer may have a cookie.
    pub fn accept_fast(
        config: &std::sync::Arc<Config>,
        (local, remote): (Endpoint, Endpoint),
        isn: Seq,
        syn: &Segment,
        verdict: FastOpenVerdict,
        now: Time,
    ) -> Connection {
        let mut connection = Connection::accept(config, local, remote, isn, syn, now);
        if verdict != FastOpenVerdict::default() {
            let opening = &mut connection.rare().opening;
            (opening.answer, opening.accepted) = (verdict.answer, verdict.accepted);
        }
        if verdict.accepted {
            connection.take_syn_data(now, syn);
        }
        connection
    }

    /// Whether data was taken, and may be sent, before the handshake is over: the application of the server is told at once.
    pub fn accepted_fast(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.opening.accepted)
    }

    /// What the handshake has taught, for [`super::super::FastOpenCache::learn`]; once.
    pub fn take_lesson(&mut self) -> Option<FastOpenLesson> {
        self.rare.as_mut()?.opening.lesson.take()
    }

    /// Whether all data of our SYN was acknowledged with it (`TCPI_OPT_SYN_DATA`).
    pub fn syn_data_acked(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.opening.acked)
    }

    // RFC 7413 §4.2.2
    fn take_syn_data(&mut self, now: Time, syn: &Segment) {
        let (len, fin) = (syn.payload.len(), syn.repr.flags.fin());
        self.events.push_back(ConnectionEvent::Connected);
        let window = self.first_window();
        self.receiver.edge = self.receiver.nxt + window;
        if len > 0 {
            self.incoming.push(syn.payload.clone());
            self.receiver.nxt += len;
            self.counters.bytes_received += u64::from(len);
            self.data_came(now, len, syn);
            self.events.push_back(ConnectionEvent::Readable);
        }
        if fin {
            self.fin_at = Some(self.receiver.nxt);
            self.take_fin(now);
        }
    }
}

/// SYNs.
impl Connection {
    /// Nothing has answered our SYN, or our SYN,ACK.
    pub(super) fn open_again(&mut self) {
        self.counters.syns_again += 1;
        self.open_anew();
        if let Some(rare) = self.rare.as_mut().filter(|rare| rare.opening.sent > 0 || rare.opening.accepted) {
            rare.opening.repeated = true;
        }
    }

    /// A SYN leaves once more, or the answer to theirs. What went with the first one stays under way: a late answer may acknowledge it.
    pub(super) fn open_anew(&mut self) {
        self.syn_due = true;
        if self.rare.as_ref().is_none_or(|rare| rare.opening.sent == 0 && !rare.opening.accepted) {
            self.board = Scoreboard::new(self.control.needs().losses);
            self.nxt = self.iss;
        }
    }

    /// What may leave behind the SYN,ACK: acknowledgements, and, where the SYN had a cookie, data (RFC 7413 §4.2.2).
    #[cold]
    pub(super) fn piece_before_established(&mut self, now: Time) -> Option<Piece> {
        if self.state != State::SynReceived {
            return None;
        }
        if self.accepted_fast() && self.board.in_flight() < self.window.cwnd && self.unsent() > 0 {
            return self.next_new(now);
        }
        self.receiver.due.then(|| self.ack_alone())
    }

    // RFC 9293 §3.10.1, §3.10.7.2; RFC 3168 §6.1.1
    pub(super) fn send_syn(&mut self, now: Time) -> Segment {
        self.syn_due = false;
        let answer = self.state != State::SynSent;
        if self.board.packets() == 0 {
            self.board.push(self.iss, 1, now);
            self.nxt = self.iss + 1;
        }
        let again = self.backoff > 0 || self.counters.segments_sent > 0;
        if again {
            // Karn's algorithm: the answer to one of two SYNs gives no sample.
            self.board.lose_first(self.iss, now);
        }
        self.arm(now, Timer::Retransmit, now + self.rto_of_user(now));
        let (options, payload) = self.syn_options(now, answer, again);
        let mut flags = if answer { TcpFlags::SYN | TcpFlags::ACK } else { TcpFlags::SYN };
        // RFC 3168 §6.1.1.1: a SYN that asked for ECN and was lost may have been lost for that.
        let asks = self.config.asks_ecn() && !(self.backoff > 0 && self.config.ecn_fallback);
        match (answer, asks) {
            (false, true) => flags = flags | TcpFlags::ECE | TcpFlags::CWR,
            (true, _) if self.ecn => flags = flags | TcpFlags::ECE,
            _ => {}
        }
        // RFC 7323 §2.2: the window of a SYN is not scaled.
        let window = self.first_window().min(65_535);
        self.receiver.edge = self.receiver.edge.max(self.receiver.nxt + window);
        self.receiver.ack_left();
        self.counters.segments_sent += 1;
        if !payload.is_empty() {
            self.counters.data_segments_sent += 1;
            self.counters.bytes_sent += u64::from(payload.len());
        }
        self.counters.header_bytes_sent += (TcpRepr::LEN_MIN + options.len()) as u64;
        let repr = TcpRepr {
            src_port: self.local.port,
            dst_port: self.remote.port,
            seq: self.iss,
            ack: if answer { self.receiver.nxt } else { Seq(0) },
            window: window as u16,
            urgent: 0,
            flags,
            options,
        };
        // RFC 8257 §3.5: with DCTCP a SYN may be marked as well.
        let ecn = if self.control.needs().ecn && (!answer || self.ecn) { Ecn::Ect0 } else { Ecn::NotEct };
        let aside = if self.counters.syns_again > 0 { self.aside(self.iss, 0, true) } else { None };
        Segment { repr, payload, ecn, aside }
    }

    /// The options of a SYN, and the data that goes with it.
    fn syn_options(&mut self, now: Time, answer: bool, again: bool) -> (TcpOptions, Payload) {
        let offers = |agreed: bool, ours: bool| if answer { agreed } else { ours };
        let scales = self.config.window_scaling && (!answer || self.snd_scale > 0 || self.receiver.scale > 0);
        let mut options = TcpOptions {
            mss: Some(self.config.mss),
            window_scale: scales.then_some(self.receiver.scale),
            sack_permitted: offers(self.sack, self.config.sack),
            timestamps: offers(self.timestamps, self.config.timestamps)
                .then(|| Timestamps { val: self.clock(now), ecr: if answer { self.ts_recent } else { 0 } }),
            ..TcpOptions::default()
        };
        let Some(rare) = &mut self.rare else { return (options, Payload::Empty) };
        if let Some(option) = rare.opening.answer.filter(|_| answer) {
            options.set_fast_open(option);
        }
        // RFC 7413 §4.2.1: only the first SYN; what is sent again goes as if there were no such thing.
        let payload = match rare.opening.ticket.take() {
            Some(ticket) if !answer && !again => self.syn_with_data(now, ticket, &mut options),
            _ => Payload::Empty,
        };
        (options, payload)
    }

    // RFC 7413 §4.2.1
    fn syn_with_data(&mut self, now: Time, ticket: FastOpenTicket, options: &mut TcpOptions) -> Payload {
        let without = self.config.fast_open.client_without_cookie && ticket.cookie.is_none();
        if !without {
            options.set_fast_open(FastOpen { cookie: ticket.cookie, experimental: ticket.experimental });
        }
        let mss = u32::from(ticket.mss.unwrap_or(self.config.mss)).min(self.config.mss.into());
        let len = match ticket.cookie.is_some() || without {
            true => self.outgoing.len().min(mss.saturating_sub(OPTIONS_MAX)),
            false => 0,
        };
        let opening = &mut self.rare().opening;
        (opening.asked, opening.sent) = (!without, len);
        if len == 0 {
            return Payload::Empty;
        }
        self.board.push(self.nxt, len, now);
        self.board.mark_pushing();
        self.pushes_at(self.nxt + len);
        self.nxt += len;
        self.payload(self.iss + 1, len)
    }

    /// The answer to our SYN has come, behind what it says of itself: what has become of the data that went with it (Linux's
    /// tcp_rcv_fastopen_synack)?
    pub(super) fn learn_from_answer(&mut self, now: Time, segment: &Segment) {
        let Some(rare) = &mut self.rare else { return };
        let opening = &mut rare.opening;
        if !opening.asked && opening.sent == 0 {
            return;
        }
        let option = segment.repr.options.fast_open().filter(|_| opening.asked);
        let cookie = option.and_then(|option| option.cookie);
        let data_waits = opening.sent > 0 && segment.repr.ack < self.iss + 1 + opening.sent;
        opening.acked = opening.sent > 0 && !data_waits;
        opening.lesson = Some(FastOpenLesson {
            mss: segment.repr.options.mss.unwrap_or(536),
            cookie,
            experimental: opening.experimental,
            try_other: opening.asked && opening.sent == 0 && cookie.is_none() && !opening.repeated,
            dropped: opening.repeated && cookie.is_none() && data_waits,
        });
        if segment.repr.ack > self.una {
            self.on_ack(now, segment);
        }
        if data_waits {
            // It is sent again at once, and this is no sign of congestion (tcp_non_congestion_loss_retransmit).
            self.board.split(self.mss);
            self.board.lose_all();
            self.recover_without_congestion();
        }
    }
}
