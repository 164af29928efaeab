//! What a host keeps below its applications: flows, connections, listeners, UDP sockets, wake-ups.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Cx, Payload, Rng, Streams, Time};

use super::calls::{AppEvent, ConnId, SocketAddr};
use super::config::{FlowConfig, FlowEnd, HostConfig};
use super::conn::Conn;
use super::demux::{Demux, FourTuple};
use super::stats::{FlowStats, Outcome};
use super::tables::{RTT, RttRow, STATES, StateRow};
use super::udp::UdpSocket;
use crate::app::Data;
use crate::ip::IpStack;
use crate::tcp::{self, Connection, ConnectionEvent, Endpoint, Reason, Segment, State, TcpRow};
use crate::wire::{Frame, Ipv4Repr, Protocol, Seq, Transport};

/// What a wake-up is for: the upper byte of its token. The internet layer has [`crate::ip::WAKE`].
pub(super) const WAKE_CONN: u64 = 1 << 56;
pub(super) const WAKE_APP: u64 = 2 << 56;
pub(super) const WAKE_START: u64 = 3 << 56;
/// What is left of a token below it.
pub(super) const WAKE_ARGUMENT: u64 = (1 << 56) - 1;

/// One end of a flow on this host; its application has the same index.
pub(super) struct Flow {
    pub config: Arc<FlowConfig>,
    pub end: FlowEnd,
    pub tcp: Arc<tcp::Config>,
    pub stats: FlowStats,
    /// Whether what this end's application reads is what the flow is there for.
    pub delivers: bool,
    /// Whether bytes acknowledged here are.
    pub counts_acked: bool,
}

impl Flow {
    pub fn new(config: &Arc<FlowConfig>, end: FlowEnd, tcp: &Arc<tcp::Config>) -> Flow {
        let delivers_to = config.app.delivers_to();
        Flow {
            config: config.clone(),
            end,
            tcp: tcp.clone(),
            stats: FlowStats::default(),
            delivers: delivers_to == Some(end),
            counts_acked: end == FlowEnd::Client && delivers_to == Some(FlowEnd::Server),
        }
    }

    /// Says how it stands; what is final stays.
    pub fn outcome(&mut self, outcome: Outcome) {
        if matches!(self.stats.outcome, Outcome::NotStarted | Outcome::Running) {
            self.stats.outcome = outcome;
        }
    }
}

struct Listener {
    port: u16,
    /// Who gets connections of no flow that listens here.
    flow: u32,
    /// Connections that are not yet established.
    pending: u32,
}

/// Tables that cost something to write: whether they are wanted.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    pub tcp: bool,
    pub rtt: bool,
    pub states: bool,
}

pub(crate) struct Kernel {
    pub(super) config: HostConfig,
    pub(super) stack: IpStack,
    pub(super) flows: Vec<Flow>,
    /// Flow numbers and their indices, sorted.
    numbers: Vec<(u32, u32)>,
    conns: Vec<Option<Box<Conn>>>,
    free: Vec<u32>,
    generation: u32,
    demux: Demux,
    listeners: Vec<Listener>,
    pub(super) sockets: Vec<UdpSocket>,
    /// Connections that may have something to send.
    dirty: Vec<u32>,
    /// What applications are to be told, in order.
    pub(super) events: VecDeque<(u32, AppEvent)>,
    isn: Rng,
    next_port: u16,
    pub(super) wanted: Wanted,
}

impl Kernel {
    pub fn new(config: HostConfig, stack: IpStack, streams: &Streams) -> Kernel {
        let isn = streams.open(&format!("host/{}/tcp/isn", config.name));
        Kernel {
            next_port: *config.ephemeral_ports.start(),
            config,
            stack,
            flows: Vec::new(),
            numbers: Vec::new(),
            conns: Vec::new(),
            free: Vec::new(),
            generation: 0,
            demux: Demux::default(),
            listeners: Vec::new(),
            sockets: Vec::new(),
            dirty: Vec::new(),
            events: VecDeque::new(),
            isn,
            wanted: Wanted::default(),
        }
    }

    pub fn add_flow(&mut self, flow: Flow) -> u32 {
        let index = self.flows.len() as u32;
        let number = flow.config.number;
        let at = self.numbers.partition_point(|(other, _)| *other < number);
        assert!(self.numbers.get(at).is_none_or(|(other, _)| *other != number), "a host is one end of a flow, once");
        self.numbers.insert(at, (number, index));
        self.flows.push(flow);
        index
    }

    pub fn look_at_probes(&mut self, cx: &Cx<'_, Frame>) {
        self.wanted = Wanted { tcp: cx.wants(&tcp::TCP), rtt: cx.wants(&RTT), states: cx.wants(&STATES) };
    }

    pub fn flow(&self, index: u32) -> &Flow {
        &self.flows[index as usize]
    }

    pub fn flow_mut(&mut self, index: u32) -> &mut Flow {
        &mut self.flows[index as usize]
    }

    /// The flow of a packet, by the number that it carries.
    pub fn flow_by_number(&self, number: u32) -> Option<u32> {
        let at = self.numbers.binary_search_by_key(&number, |(number, _)| *number).ok()?;
        Some(self.numbers[at].1)
    }

    pub fn wake_app(&mut self, cx: &mut Cx<'_, Frame>, flow: u32, at: Time, token: u32) {
        debug_assert!(flow < 1 << 24);
        cx.wake_at(at, WAKE_APP | u64::from(flow) << 32 | u64::from(token));
    }

    /// The next ephemeral port that `taken` lets pass.
    pub fn ephemeral_port(&mut self, taken: impl Fn(&Kernel, u16) -> bool) -> Option<u16> {
        let (first, last) = (*self.config.ephemeral_ports.start(), *self.config.ephemeral_ports.end());
        for _ in first..=last {
            let port = self.next_port;
            self.next_port = if port == last { first } else { port + 1 };
            if !taken(self, port) {
                return Some(port);
            }
        }
        None
    }
}

/// Opening and closing.
impl Kernel {
    pub fn connect(&mut self, cx: &mut Cx<'_, Frame>, flow: u32, port: Option<u16>, to: SocketAddr) -> ConnId {
        let now = cx.now();
        let local = self.stack.source_for(to.0).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let taken = |kernel: &Kernel, port: u16| {
            kernel.demux.contains(FourTuple::new((local, port), to)) || kernel.listens(port)
        };
        let port = match port {
            Some(port) => (!self.demux.contains(FourTuple::new((local, port), to))).then_some(port),
            None => self.ephemeral_port(taken),
        };
        let this = self.flow_mut(flow);
        this.stats.start.get_or_insert(now);
        this.outcome(Outcome::Running);
        let Some(port) = port else {
            // EADDRNOTAVAIL: the application learns of it as of a failed connection.
            self.generation += 1;
            let id = ConnId { slot: u32::MAX, generation: self.generation };
            self.events.push_back((flow, AppEvent::Closed(id, Outcome::Unreachable)));
            return id;
        };
        this.stats.connections += 1;
        let config = this.tcp.clone();
        let isn = Seq(self.isn.next_u64() as u32);
        let (local, remote) = (Endpoint::new(local, port), Endpoint::new(to.0, to.1));
        let tcp = Connection::connect(&config, local, remote, isn, now);
        self.add(tcp, FourTuple::new((local.addr, local.port), to), flow, true)
    }

    /// A flow's TCP settings, with a segment size that the link carries (RFC 9293 §3.7.1: MTU less 40).
    fn tcp_config(&mut self, cx: &Cx<'_, Frame>, flow: u32, to: Ipv4Addr) -> Arc<tcp::Config> {
        let config = &self.flows[flow as usize].tcp;
        let room = self.stack.mtu_to(cx, to).map_or(u16::MAX, |mtu| u16::try_from(mtu - 40).unwrap_or(u16::MAX));
        if config.mss <= room { config.clone() } else { Arc::new(tcp::Config { mss: room, ..(**config).clone() }) }
    }

    pub fn listen(&mut self, flow: u32) {
        let port = self.flow(flow).config.port;
        if !self.listens(port) {
            self.listeners.push(Listener { port, flow, pending: 0 });
        }
    }

    fn listens(&self, port: u16) -> bool {
        self.listeners.iter().any(|listener| listener.port == port)
    }

    fn add(&mut self, tcp: Connection, key: FourTuple, flow: u32, active: bool) -> ConnId {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() as u32 - 1
        });
        self.generation += 1;
        let id = ConnId { slot, generation: self.generation };
        self.demux.insert(key, slot);
        let mut conn = Box::new(Conn::new(tcp, id, key, flow, active));
        conn.number = self.flow(flow).stats.connections;
        let traced = self.flow(flow).config.traced;
        conn.traced = traced && (self.wanted.states || self.wanted.rtt);
        conn.tcp.set_tracing(traced && self.wanted.tcp);
        self.conns[slot as usize] = Some(conn);
        self.mark(slot);
        id
    }

    pub fn shutdown(&mut self, conn: ConnId) {
        if let Some(conn) = self.of(conn) {
            conn.shutdown = true;
            let slot = conn.id.slot;
            conn.pump();
            self.mark(slot);
        }
    }

    pub fn abort(&mut self, conn: ConnId) {
        if let Some(conn) = self.of(conn) {
            conn.feed_left = 0;
            conn.tcp.abort();
            let slot = conn.id.slot;
            self.mark(slot);
        }
    }

    pub fn is_open(&self, conn: ConnId) -> bool {
        self.get(conn).is_some_and(|conn| !conn.told_closed)
    }

    pub fn state(&self, conn: ConnId) -> State {
        self.get(conn).map_or(State::Closed, |conn| conn.tcp.state())
    }

    fn of(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(id.slot as usize)?.as_deref_mut().filter(|conn| conn.id == id)
    }

    fn get(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id.slot as usize)?.as_deref().filter(|conn| conn.id == id)
    }

    #[inline]
    fn mark(&mut self, slot: u32) {
        let conn = self.conns[slot as usize].as_mut().expect("marked connections exist");
        if !std::mem::replace(&mut conn.dirty, true) {
            self.dirty.push(slot);
        }
    }
}

/// Reading and writing.
impl Kernel {
    pub fn write(&mut self, conn: ConnId, payload: Payload) -> u32 {
        let Some(conn) = self.of(conn) else { return 0 };
        if conn.feed_left > 0 || conn.shutdown {
            return 0;
        }
        let len = payload.len();
        let taken = conn.tcp.write(payload);
        conn.written += u64::from(taken);
        conn.tell_writable |= taken < len;
        let slot = conn.id.slot;
        self.mark(slot);
        taken
    }

    pub fn feed(&mut self, conn: ConnId, bytes: u64, data: Data) {
        let Some(conn) = self.of(conn) else { return };
        conn.feed_left = conn.feed_left.saturating_add(bytes);
        conn.feed_data = data;
        conn.pump();
        let slot = conn.id.slot;
        self.mark(slot);
    }

    pub fn stop_feeding(&mut self, conn: ConnId) {
        if let Some(conn) = self.of(conn) {
            conn.feed_left = 0;
        }
    }

    pub fn tell_acknowledged(&mut self, conn: ConnId) {
        if let Some(conn) = self.of(conn) {
            conn.tell_acknowledged = true;
            let slot = conn.id.slot;
            self.mark(slot);
        }
    }

    pub fn drain(&mut self, conn: ConnId, data: Data, until: u64) {
        if let Some(conn) = self.of(conn) {
            (conn.draining, conn.drain_data, conn.drain_until) = (true, data, until);
            let slot = conn.id.slot;
            self.mark(slot);
        }
    }

    pub fn stop_draining(&mut self, conn: ConnId) {
        if let Some(conn) = self.of(conn) {
            conn.draining = false;
        }
    }

    pub fn receive(&mut self, now: Time, conn: ConnId, max: u32, data: Data) -> u32 {
        let Some(conn) = self.of(conn) else { return 0 };
        let before = conn.received;
        conn.read(max, data);
        let (read, flow, slot) = ((conn.received - before) as u32, conn.flow, conn.id.slot);
        self.delivered(now, flow, read);
        self.mark(slot);
        read
    }

    pub fn read(&mut self, now: Time, conn: ConnId, max: u32) -> Payload {
        let Some(conn) = self.of(conn) else { return Payload::Empty };
        let payload = conn.read(max, Data::Zeros);
        let (flow, slot) = (conn.flow, conn.id.slot);
        self.delivered(now, flow, payload.len());
        self.mark(slot);
        payload
    }

    fn delivered(&mut self, now: Time, flow: u32, bytes: u32) {
        if bytes > 0 {
            let flow = self.flow_mut(flow);
            flow.stats.delivered += u64::from(bytes);
            if flow.delivers {
                flow.stats.last = Some(now);
            }
        }
    }

    pub fn received(&self, conn: ConnId) -> u64 {
        self.get(conn).map_or(0, |conn| conn.received)
    }
}

/// Segments in, wake-ups, segments out: the only caller of connections.
impl Kernel {
    /// A segment has come for this host.
    #[inline]
    pub fn segment(&mut self, cx: &mut Cx<'_, Frame>, local: Ipv4Addr, remote: Ipv4Addr, flow: u32, segment: Segment) {
        let key = FourTuple::new((local, segment.repr.dst_port), (remote, segment.repr.src_port));
        match self.demux.find(key) {
            Some(slot) => {
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
        let listener = self.listeners.iter().position(|listener| listener.port == repr.dst_port);
        // RFC 9293 §3.10.7.2: in LISTEN a reset is ignored, an ACK is answered with one, and only a SYN opens.
        if let Some(at) = listener
            && repr.flags.syn()
            && !repr.flags.ack()
            && !repr.flags.rst()
        {
            if self.listeners[at].pending >= self.config.backlog {
                return;
            }
            let own = self.flow_by_number(flow).filter(|own| self.flow(*own).end == FlowEnd::Server);
            let own = own.unwrap_or(self.listeners[at].flow);
            self.listeners[at].pending += 1;
            let isn = Seq(self.isn.next_u64() as u32);
            let config = self.tcp_config(cx, own, remote);
            let ends = (Endpoint::new(local, repr.dst_port), Endpoint::new(remote, repr.src_port));
            let tcp = Connection::accept(&config, ends.0, ends.1, isn, segment, cx.now());
            let stats = &mut self.flow_mut(own).stats;
            stats.connections += 1;
            stats.start.get_or_insert(cx.now());
            let id = self.add(tcp, key, own, false);
            self.after_input(cx, id.slot);
        } else if let Some(reset) = tcp::reset_for(segment) {
            let ip = Ipv4Repr::new(local, remote, Protocol::Tcp);
            self.stack.output(cx, ip, Transport::Tcp(reset), Payload::Empty, flow);
        }
    }

    /// A connection has seen something: what follows for its socket and for the application.
    #[inline]
    fn after_input(&mut self, cx: &mut Cx<'_, Frame>, slot: u32) {
        let now = cx.now();
        self.mark(slot);
        let conn = self.conns[slot as usize].as_deref_mut().expect("a live connection");
        let flow = &mut self.flows[conn.flow as usize];
        while let Some(event) = conn.tcp.next_event() {
            connection_event(conn, event, &mut self.events);
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
                cx.emit(&RttRow { flow: flow.config.number, node: cx.node(), rtt });
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
            transition(conn, flow.config.number, cx);
        }
        if conn.pending && conn.established {
            conn.pending = false;
            let port = conn.local_port();
            self.no_longer_pending(port);
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

    /// A router has said that the way of a connection carries less. Other errors are soft for TCP (RFC 1122 §4.2.3.9) and change nothing.
    pub fn smaller_path(&mut self, cx: &mut Cx<'_, Frame>, key: FourTuple, mtu: u32) {
        let Some(slot) = self.demux.find(key) else { return };
        let conn = self.conns[slot as usize].as_deref_mut().expect("the table names live connections");
        conn.tcp.on_mtu(mtu);
        self.after_input(cx, slot);
    }

    /// Whether anybody waits for [`Kernel::output`].
    #[inline]
    pub fn has_output(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Lets every connection that may have something to send do so, and re-arms its wake-up.
    #[inline]
    pub fn output(&mut self, cx: &mut Cx<'_, Frame>) {
        while let Some(slot) = self.dirty.pop() {
            self.output_conn(cx, slot);
        }
    }

    fn output_conn(&mut self, cx: &mut Cx<'_, Frame>, slot: u32) {
        let now = cx.now();
        let conn = self.conns[slot as usize].as_deref_mut().expect("a marked connection is live");
        conn.dirty = false;
        let flow = &mut self.flows[conn.flow as usize];
        let number = flow.config.number;
        let (local, remote) = conn.key.addresses();
        while let Some(segment) = conn.tcp.next_segment(now) {
            let mut ip = Ipv4Repr::new(local, remote, Protocol::Tcp);
            ip.set_ecn(segment.ecn);
            self.stack.output(cx, ip, Transport::Tcp(segment.repr), segment.payload, number);
        }
        while let Some(event) = conn.tcp.next_event() {
            connection_event(conn, event, &mut self.events);
        }
        // What the application did may have been the last that was waited for.
        tell(conn, &mut self.events);
        if conn.traced && conn.state != conn.tcp.state() {
            transition(conn, number, cx);
        }
        if self.wanted.tcp {
            while let Some(change) = conn.tcp.next_change() {
                cx.emit(&TcpRow { flow: number, connection: conn.number, change });
            }
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

    fn remove(&mut self, slot: u32) {
        let mut conn = self.conns[slot as usize].take().expect("a live connection");
        if !std::mem::replace(&mut conn.told_closed, true) {
            let outcome = conn.closed.unwrap_or(Outcome::Finished);
            self.events.push_back((conn.flow, AppEvent::Closed(conn.id, outcome)));
        }
        self.demux.remove(conn.key);
        self.free.push(slot);
        if conn.pending {
            self.no_longer_pending(conn.local_port());
        }
        self.count(&conn);
    }

    fn no_longer_pending(&mut self, port: u16) {
        if let Some(listener) = self.listeners.iter_mut().find(|listener| listener.port == port) {
            listener.pending = listener.pending.saturating_sub(1);
        }
    }

    /// Adds what a connection has counted to its flow.
    fn count(&mut self, conn: &Conn) {
        let counters = conn.tcp.counters();
        let stats = &mut self.flows[conn.flow as usize].stats;
        stats.sent += counters.data_segments_sent;
        stats.lost += counters.retransmissions;
        stats.timeouts += counters.timeouts;
        stats.damaged += conn.damaged;
    }

    /// The end of the simulation: open connections are counted too.
    pub fn count_open(&mut self) {
        for conn in std::mem::take(&mut self.conns).into_iter().flatten() {
            self.count(&conn);
        }
    }
}

/// What a connection says of itself.
fn connection_event(conn: &mut Conn, event: ConnectionEvent, events: &mut VecDeque<(u32, AppEvent)>) {
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
fn transition(conn: &mut Conn, flow: u32, cx: &mut Cx<'_, Frame>) {
    let from = std::mem::replace(&mut conn.state, conn.tcp.state());
    let (port, remote) = conn.key.ports();
    cx.emit(&StateRow { flow, node: cx.node(), port, remote, from: from as u32, to: conn.state as u32 });
}

fn outcome(reason: Reason) -> Outcome {
    match reason {
        Reason::Finished => Outcome::Finished,
        Reason::Reset => Outcome::Reset,
        Reason::Refused => Outcome::Refused,
        Reason::TimedOut => Outcome::TimedOut,
        Reason::Aborted => Outcome::Aborted,
    }
}
