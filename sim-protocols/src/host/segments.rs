//! Segments in, wake-ups, segments out.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::{Cx, Payload, Time};

use super::calls::{AppEvent, ConnId};
use super::config::FlowEnd;
use super::conn::{Conn, Holder};
use super::demux::FourTuple;
use super::kernel::{Kernel, WAKE_CONN};
use super::stats::Outcome;
use super::tables::{RttRow, StateRow};
use crate::ip::IpStack;
use crate::tcp::{
    self, Connection, ConnectionEvent, Endpoint, FastOpenVerdict, Obstacle, RateRow, Reason, Segment, State, TcpRow,
};
use crate::wire::{Frame, Ipv4Repr, Protocol, Seq, Transport};

/// Segments in, wake-ups, segments out: the only caller of connections.
impl Kernel {
    /// A segment has come for this host.
    #[inline]
    pub fn segment(&mut self, cx: &mut Cx<'_, Frame>, local: Ipv4Addr, remote: Ipv4Addr, flow: u32, segment: Segment) {
        let key = FourTuple::new((local, segment.repr.dst_port), (remote, segment.repr.src_port));
        match self.demux.find(key) {
            Some(slot) => {
                let conn = self.conns[slot as usize].as_mut().expect("the table names live connections");
                if segment.repr.flags.syn() && conn.tcp.gives_way_to(&segment) {
                    self.remove(slot);
                    return self.stray(cx, key, (local, remote), flow, &segment);
                }
                if conn.pending && self.overflows(slot, &segment) {
                    return;
                }
                let conn = self.conns[slot as usize].as_mut().expect("the table names live connections");
                conn.tcp.on_segment(cx.now(), &segment);
                self.after_input(cx, slot);
            }
            None => self.stray(cx, key, (local, remote), flow, &segment),
        }
    }

    /// A segment of no connection: for a listener, or to be answered with a reset.
    #[cold]
    fn stray(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        key: FourTuple,
        (local, remote): (Ipv4Addr, Ipv4Addr),
        flow: u32,
        segment: &Segment,
    ) {
        let repr = &segment.repr;
        let listener = self.listener_for((local, repr.dst_port), key, flow);
        // RFC 9293 §3.10.7.2: in LISTEN a reset is ignored, an ACK is answered with one, and only a SYN opens.
        if let Some(at) = listener
            && repr.flags.syn()
            && !repr.flags.ack()
            && !repr.flags.rst()
        {
            if self.listeners[at].own.is_some() {
                return self.knock(cx, at, key, flow, segment);
            }
            if self.listeners[at].pending >= self.config.backlog {
                return;
            }
            let own = self.flow_by_number(flow).filter(|own| self.flow(*own).end == FlowEnd::Server);
            let own = own.unwrap_or(self.listeners[at].flow);
            self.listeners[at].pending += 1;
            let isn = self.initial_sequence(key, cx.now());
            let config = self.tcp_config(own, remote);
            let ends = (Endpoint::new(local, repr.dst_port), Endpoint::new(remote, repr.src_port));
            let verdict = self.judge(&config, at, (remote, local), segment);
            self.listeners[at].opening += u32::from(verdict.accepted);
            let tcp = Connection::accept_fast(&config, ends, isn, segment, verdict, cx.now());
            let stats = &mut self.flow_mut(own).stats;
            stats.connections += 1;
            stats.start.get_or_insert(cx.now());
            let word = self.flow(own).config.number;
            let id = self.add(tcp, key, (own, word), false);
            self.after_input(cx, id.slot);
        } else if let Some(reset) = tcp::reset_for(segment) {
            let ip = Ipv4Repr::new(local, remote, Protocol::Tcp);
            self.stack.output(cx, Frame::ipv4(ip, Transport::Tcp(reset)), Payload::Empty, flow);
        }
    }

    /// Whether the data of a SYN counts (RFC 7413 §4.2.2).
    pub(super) fn judge(
        &self,
        config: &tcp::Config,
        listener: usize,
        (client, server): (Ipv4Addr, Ipv4Addr),
        syn: &Segment,
    ) -> FastOpenVerdict {
        let Some(fast) = &self.fast_open else { return FastOpenVerdict::default() };
        let (option, data) = (syn.repr.options.fast_open(), !syn.payload.is_empty());
        fast.key.judge(&config.fast_open, (client, server), option, data, self.listeners[listener].opening)
    }

    /// A connection has seen something: what follows for its socket and for the application.
    #[inline]
    pub(super) fn after_input(&mut self, cx: &mut Cx<'_, Frame>, slot: u32) {
        let now = cx.now();
        self.mark(slot);
        let conn = self.conns[slot as usize].as_deref_mut().expect("a live connection");
        let flow = &mut self.flows[conn.flow as usize];
        let before = conn.established;
        while let Some(event) = conn.tcp.next_event() {
            connection_event(conn, event, &mut self.events);
        }
        if conn.established && !before {
            let remote = conn.key.addresses().1;
            if self.stack.knows_narrow_paths() {
                // It may have become narrow since the SYN, which alone asked for it.
                conn.tcp.on_mtu(self.stack.mtu_to(remote).unwrap_or(u32::MAX));
            }
            if let (Some(fast), Some(lesson)) = (&mut self.fast_open, conn.tcp.take_lesson()) {
                fast.cache.learn(remote, &lesson);
            }
        }
        let acked = conn.tcp.counters().bytes_acked;
        if acked != conn.acked {
            flow.stats.acked += acked - conn.acked;
            conn.acked = acked;
            if flow.counts_acked {
                flow.stats.last = Some(now);
            }
        }
        if let Some(rtt) = conn.tcp.take_rtt() {
            if conn.active {
                flow.stats.rtt.record(rtt);
            }
            if conn.traced {
                cx.emit(&RttRow { flow: conn.word, workload: conn.word, node: cx.node(), rtt });
            }
        }
        if conn.draining && conn.tcp.readable() > 0 {
            let before = conn.received;
            conn.read(u32::MAX, conn.drain_data);
            flow.stats.delivered += conn.received - before;
            if flow.delivers {
                flow.stats.last = Some(now);
            }
            if conn.received >= conn.drain_until {
                conn.drain_until = u64::MAX;
                self.events.push_back((conn.flow, AppEvent::Received(conn.id)));
            }
        }
        conn.pump();
        tell(conn, &mut self.events);
        if conn.traced && conn.state != conn.tcp.state() {
            transition(conn, cx);
        }
        if conn.pending && conn.established && conn.tcp.state() != State::SynReceived {
            conn.pending = false;
            let (port, fast, holder) = (conn.local_port(), conn.tcp.accepted_fast(), conn.holder);
            self.no_longer_pending(port, fast, holder);
            if let Holder::Listener(listener) = holder
                && !fast
            {
                self.enqueue(listener, slot);
            }
        }
    }

    /// A connection's wake-up. One outstanding wake for each connection: a deadline that has moved later finds nothing due here.
    pub fn wake_conn(&mut self, cx: &mut Cx<'_, Frame>, slot: u32) {
        let now = cx.now();
        let Some(conn) = self.conns.get_mut(slot as usize).and_then(Option::as_deref_mut) else { return };
        if conn.armed != now {
            return;
        }
        conn.armed = Time::NEVER;
        let deadline = conn.tcp.deadline();
        if deadline <= now {
            conn.tcp.on_timeout(now);
            self.after_input(cx, slot);
        } else if deadline != Time::NEVER {
            conn.armed = deadline;
            cx.wake_at(deadline, WAKE_CONN | u64::from(slot));
        }
    }

    /// Somebody has said that a segment of a connection does not arrive.
    pub fn unreachable(&mut self, cx: &mut Cx<'_, Frame>, key: FourTuple, seq: Seq, obstacle: Obstacle) {
        let Some(slot) = self.demux.find(key) else { return };
        let conn = self.conns[slot as usize].as_mut().expect("the table names live connections");
        conn.tcp.on_unreachable(cx.now(), seq, obstacle);
        self.after_input(cx, slot);
    }

    /// A router has said that the way to a destination carries less, which all connections to it must know (RFC 1191 §6.2).
    pub fn smaller_path(&mut self, cx: &mut Cx<'_, Frame>, to: Ipv4Addr) {
        let Some(mtu) = self.stack.mtu_to(to) else { return };
        for slot in 0..self.conns.len() as u32 {
            let conn = self.conns[slot as usize].as_deref_mut();
            if let Some(conn) = conn.filter(|conn| conn.key.addresses().1 == to && !conn.dead) {
                conn.tcp.on_mtu(mtu);
                self.after_input(cx, slot);
            }
        }
    }

    /// Whether anybody waits for [`Kernel::output`].
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Lets every connection that may have something to send do so, in the order in which they came to it: the last acknowledgement of one
    /// leaves before the SYN of the next, which its application opened because of it. Re-arms their wake-ups.
    #[inline]
    pub fn output(&mut self, cx: &mut Cx<'_, Frame>) {
        let mut at = 0;
        while let Some(slot) = self.dirty.get(at).copied() {
            at += 1;
            self.output_conn(cx, slot);
        }
        self.dirty.clear();
    }

    fn output_conn(&mut self, cx: &mut Cx<'_, Frame>, slot: u32) {
        let now = cx.now();
        let conn = self.conns[slot as usize].as_deref_mut().expect("a marked connection is live");
        conn.dirty = false;
        let number = conn.word;
        send_all(conn, &mut self.stack, cx, number);
        while let Some(event) = conn.tcp.next_event() {
            connection_event(conn, event, &mut self.events);
        }
        // What the application did may have been the last that was waited for.
        tell(conn, &mut self.events);
        if conn.traced && conn.state != conn.tcp.state() {
            transition(conn, cx);
        }
        if self.wanted.rates {
            while let Some(change) = conn.tcp.next_rate_change() {
                cx.emit(&RateRow { flow: number, node: cx.node(), connection: conn.number, change });
            }
        }
        if self.wanted.tcp {
            while let Some(change) = conn.tcp.next_change() {
                cx.emit(&TcpRow { flow: number, node: cx.node(), connection: conn.number, change });
            }
        }
        if conn.wants_write {
            super::socket::tell_room(conn, &mut self.events);
        }
        if conn.tcp.state() == State::Closed {
            return self.remove(slot);
        }
        let deadline = conn.tcp.deadline();
        if deadline < conn.armed {
            conn.armed = deadline.max(now);
            cx.wake_at(conn.armed, WAKE_CONN | u64::from(slot));
        }
    }

    /// What has been written leaves now, as far as it may, and not together with what is written next: the end of a system call.
    pub fn flush(&mut self, cx: &mut Cx<'_, Frame>, conn: ConnId) {
        let Some(conn) =
            self.conns.get_mut(conn.slot as usize).and_then(Option::as_deref_mut).filter(|other| other.id == conn)
        else {
            return;
        };
        let number = conn.word;
        let slot = conn.id.slot;
        send_all(conn, &mut self.stack, cx, number);
        self.mark(slot);
    }

    pub(super) fn remove(&mut self, slot: u32) {
        let mut conn = self.conns[slot as usize].take().expect("a live connection");
        if std::mem::replace(&mut conn.dead, true) {
            self.conns[slot as usize] = Some(conn);
            return;
        }
        if !std::mem::replace(&mut conn.told_closed, true) {
            let outcome = conn.closed.unwrap_or(Outcome::Finished);
            self.events.push_back((conn.flow, AppEvent::Closed(conn.id, outcome)));
        }
        self.demux.remove(conn.key);
        if conn.pending {
            self.no_longer_pending(conn.local_port(), conn.tcp.accepted_fast(), conn.holder);
        }
        self.count(&conn);
        let waits = matches!(conn.holder, Holder::Listener(_)) && conn.established;
        if waits || matches!(conn.holder, Holder::Socket(_)) {
            // What it has received can still be read, and its end is still to be told.
            self.conns[slot as usize] = Some(conn);
        } else {
            if conn.holder == Holder::App {
                self.gone.push((conn.id, *conn.tcp.counters(), conn.received));
            }
            self.free.push(slot);
        }
    }

    fn no_longer_pending(&mut self, port: u16, fast: bool, holder: Holder) {
        let own = |listener: &super::kernel::Listener| listener.own.as_ref().map(|own| own.id);
        let its = |listener: &super::kernel::Listener| match holder {
            Holder::Listener(id) => own(listener) == Some(id),
            Holder::App => own(listener).is_none(),
            // Accepted with its SYN: by one of those that listen on the port.
            Holder::Socket(_) | Holder::Orphan => fast && own(listener).is_some() && listener.opening > 0,
        };
        let mut listeners = self.listeners.iter_mut();
        if let Some(listener) = listeners.find(|listener| listener.port == port && its(listener)) {
            listener.pending = listener.pending.saturating_sub(1);
            listener.opening = listener.opening.saturating_sub(fast.into());
        }
    }

    /// Adds what a connection has counted to its flow.
    fn count(&mut self, conn: &Conn) {
        let counters = conn.tcp.counters();
        let stats = &mut self.flows[conn.flow as usize].stats;
        stats.sent += counters.data_segments_sent;
        stats.lost += counters.retransmissions;
        stats.again += counters.resent_both_ways();
        stats.timeouts += counters.timeouts;
        stats.fast_retransmits += counters.fast_retransmits;
        stats.tail_probes += counters.tail_probes;
        stats.undone += counters.undone;
        stats.damaged += conn.damaged;
    }

    /// The end of the simulation: open connections are counted too.
    pub fn count_open(&mut self) {
        for conn in std::mem::take(&mut self.conns).into_iter().flatten().filter(|conn| !conn.dead) {
            self.count(&conn);
        }
    }
}

/// Lets a connection send what it may.
#[inline]
fn send_all(conn: &mut Conn, stack: &mut IpStack, cx: &mut Cx<'_, Frame>, flow: u32) {
    let now = cx.now();
    let (local, remote) = conn.key.addresses();
    while let Some(segment) = conn.tcp.next_segment(now) {
        let frame = Frame::ipv4(conn.ip(local, remote, segment.ecn), Transport::Tcp(segment.repr));
        // There was no way when it was opened, or there is another one now.
        if let Some(mtu) = stack.output_beside(cx, frame, segment.payload, flow, segment.aside) {
            conn.tcp.on_mtu(mtu);
        }
    }
}

/// What a connection says of itself.
fn connection_event(conn: &mut Conn, event: ConnectionEvent, events: &mut VecDeque<(u32, AppEvent)>) {
    if conn.holder != Holder::App {
        return super::socket::connection_event(conn, event, events);
    }
    match event {
        ConnectionEvent::Connected => {
            conn.established = true;
            let event = if conn.active { AppEvent::Connected(conn.id) } else { AppEvent::Accepted(conn.id) };
            events.push_back((conn.flow, event));
        }
        ConnectionEvent::Readable if !conn.draining => events.push_back((conn.flow, AppEvent::Readable(conn.id))),
        ConnectionEvent::Writable if conn.tell_writable => {
            conn.tell_writable = false;
            events.push_back((conn.flow, AppEvent::Writable(conn.id)));
        }
        ConnectionEvent::Readable | ConnectionEvent::Writable => {}
        ConnectionEvent::PeerClosed => conn.peer_closed = true,
        ConnectionEvent::Closed(reason) => {
            conn.closed = Some(outcome(reason));
        }
    }
}

/// What the application is told once, when it is so.
#[inline]
fn tell(conn: &mut Conn, events: &mut VecDeque<(u32, AppEvent)>) {
    if conn.tell_acknowledged && conn.feed_left == 0 && conn.established && conn.acked == conn.written {
        conn.tell_acknowledged = false;
        events.push_back((conn.flow, AppEvent::Acknowledged(conn.id)));
    }
    if conn.peer_closed && !conn.told_end && conn.tcp.readable() == 0 {
        conn.told_end = true;
        events.push_back((conn.flow, AppEvent::PeerClosed(conn.id)));
    }
    // An orderly end is told behind the end of the stream, whatever the machine knows already; any other at once.
    if let Some(outcome) = conn.closed
        && !conn.told_closed
        && (outcome != Outcome::Finished || conn.told_end)
    {
        conn.told_closed = true;
        events.push_back((conn.flow, AppEvent::Closed(conn.id, outcome)));
    }
}

#[cold]
fn transition(conn: &mut Conn, cx: &mut Cx<'_, Frame>) {
    let flow = conn.word;
    let from = std::mem::replace(&mut conn.state, conn.tcp.state());
    let (port, remote) = conn.key.ports();
    cx.emit(&StateRow { flow, node: cx.node(), port, remote, from: from as u32, to: conn.state as u32 });
}

pub(super) fn outcome(reason: Reason) -> Outcome {
    match reason {
        Reason::Finished => Outcome::Finished,
        Reason::Reset => Outcome::Reset,
        Reason::Refused => Outcome::Refused,
        Reason::TimedOut => Outcome::TimedOut,
        Reason::Unreachable => Outcome::Unreachable,
        Reason::Aborted => Outcome::Aborted,
    }
}
