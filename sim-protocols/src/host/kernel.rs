//! What a host keeps below its applications: flows, connections, listeners, UDP sockets, wake-ups.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Cx, Payload, Span, Streams, Time};

use super::calls::{AppEvent, ConnId, SocketAddr};
use super::config::{FlowConfig, FlowEnd, HostConfig};
use super::conn::Conn;
use super::demux::{Demux, FourTuple};
use super::socket::{Outgoing, OwnListener, SocketTable};
use super::stats::{FlowStats, Outcome};
use super::tables::{RTT, STATES};
use super::udp::UdpSocket;
use crate::app::Data;
use crate::ip::IpStack;
use crate::tcp::{self, Connection, Counters, Endpoint, FastOpenCache, FastOpenKey, State};
use crate::wire::{Frame, Seq};

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

pub(super) struct Listener {
    pub port: u16,
    /// Who gets connections of no flow that listens here.
    pub flow: u32,
    /// Connections that are not yet established.
    pub pending: u32,
    /// Of these the ones whose application talks all the same (Fast Open).
    pub opening: u32,
    /// What it has besides where a socket listens.
    pub own: Option<Box<OwnListener>>,
}

/// What a host needs for Fast Open.
pub(super) struct FastOpenHost {
    /// Its key as a server.
    pub key: FastOpenKey,
    /// What it remembers as a client.
    pub cache: FastOpenCache,
}

/// Tables that cost something to write: whether they are wanted.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    pub tcp: bool,
    pub rates: bool,
    pub rtt: bool,
    pub states: bool,
}

pub(super) struct Kernel {
    pub(super) config: HostConfig,
    pub(super) stack: IpStack,
    pub(super) flows: Vec<Flow>,
    /// Flow numbers and their indices, sorted.
    numbers: Vec<(u32, u32)>,
    pub(super) conns: Vec<Option<Box<Conn>>>,
    pub(super) free: Vec<u32>,
    generation: u32,
    pub(super) demux: Demux,
    pub(super) listeners: Vec<Listener>,
    pub(super) sockets: Vec<UdpSocket>,
    /// Places of UDP sockets that were closed.
    pub(super) udp_free: Vec<u32>,
    /// Port, flow number and index of each UDP socket, sorted.
    pub(super) socket_ports: Vec<(u16, u32, u32)>,
    /// Connections that may have something to send.
    pub(super) dirty: Vec<u32>,
    /// What sockets have sent, and the engine has not got yet.
    pub(super) outbox: VecDeque<Outgoing>,
    /// The least round trips to other hosts, as far as programs have asked for them.
    least: BTreeMap<Ipv4Addr, Span>,
    /// The sockets of applications that use the socket interface.
    pub(super) table: SocketTable,
    /// What applications are to be told, in order.
    pub(super) events: VecDeque<(u32, AppEvent)>,
    /// What connections of applications that are gone had counted, and bytes that were read: until their ends are told.
    pub(super) gone: Vec<(ConnId, Counters, u64)>,
    /// What initial sequence numbers are made with.
    pub(super) secret: u64,
    /// There is one where a flow may be opened fast.
    pub(super) fast_open: Option<Box<FastOpenHost>>,
    next_port: u16,
    pub(super) wanted: Wanted,
}

impl Kernel {
    pub fn new(config: HostConfig, stack: IpStack, streams: &Streams) -> Kernel {
        let secret = streams.open(&format!("host/{}/tcp/isn", config.name)).next_u64();
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
            udp_free: Vec::new(),
            socket_ports: Vec::new(),
            dirty: Vec::new(),
            outbox: VecDeque::new(),
            least: BTreeMap::new(),
            table: SocketTable::default(),
            events: VecDeque::with_capacity(2),
            gone: Vec::new(),
            secret,
            fast_open: None,
            wanted: Wanted::default(),
        }
    }

    /// Its flows may be opened fast: it gets a key for cookies, and a memory for those of others.
    pub fn open_fast(&mut self, streams: &Streams) {
        if self.fast_open.is_none() {
            let mut stream = streams.open(&format!("host/{}/tcp/fast_open", self.config.name));
            let key = FastOpenKey::new([stream.next_u64(), stream.next_u64()]);
            self.fast_open = Some(Box::new(FastOpenHost { key, cache: FastOpenCache::default() }));
        }
    }

    pub fn add_flow(&mut self, flow: Flow) -> u32 {
        let index = self.flows.len() as u32;
        let number = flow.config.number;
        let at = self.numbers.partition_point(|(other, _)| *other < number);
        assert!(self.numbers.get(at).is_none_or(|(other, _)| *other != number), "a host is one end of a flow, once");
        self.numbers.insert(at, (number, index));
        if self.flows.len() < 4 {
            // Most hosts are one end of one flow; there may be thousands of them.
            self.flows.reserve_exact(1);
        }
        self.flows.push(flow);
        index
    }

    pub fn look_at_probes(&mut self, cx: &Cx<'_, Frame>) {
        self.wanted = Wanted {
            tcp: cx.wants(&tcp::TCP),
            rates: cx.wants(&tcp::RATES),
            rtt: cx.wants(&RTT),
            states: cx.wants(&STATES),
        };
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
        let routed = self.stack.mtu_to(to.0).is_some();
        let local = self.stack.source_for(to.0).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let taken = |kernel: &Kernel, port: u16| {
            kernel.demux.contains(FourTuple::new((local, port), to)) || kernel.listens(port)
        };
        let port = match port {
            Some(port) => (!self.demux.contains(FourTuple::new((local, port), to))).then_some(port),
            None => self.ephemeral_port(taken),
        };
        let port = port.filter(|_| routed);
        let this = self.flow_mut(flow);
        this.stats.start.get_or_insert(now);
        this.outcome(Outcome::Running);
        let Some(port) = port else {
            // EADDRNOTAVAIL, or ENETUNREACH: the application learns of it as of a failed connection.
            self.generation += 1;
            let id = ConnId { slot: u32::MAX, generation: self.generation };
            self.events.push_back((flow, AppEvent::Closed(id, Outcome::Unreachable)));
            return id;
        };
        this.stats.connections += 1;
        let config = self.tcp_config(flow, to.0);
        let key = FourTuple::new((local, port), to);
        let isn = self.initial_sequence(key, now);
        let (local, remote) = (Endpoint::new(local, port), Endpoint::new(to.0, to.1));
        let mut tcp = Connection::connect(&config, local, remote, isn, now);
        if let Some(fast) = self.fast_open.as_ref().filter(|_| config.fast_open.client) {
            tcp.open_fast(fast.cache.ticket(to.0));
        }
        let word = self.flow(flow).config.number;
        self.add(tcp, key, (flow, word), true)
    }

    /// RFC 6528 §3: a clock, so that a connection begins above the one before it on the same ports, and a keyed hash of these. The clock ticks
    /// every 64 ns, as Linux has it (secure_seq.c).
    pub(super) fn initial_sequence(&self, key: FourTuple, now: Time) -> Seq {
        Seq::new((key.keyed_hash(self.secret) as u32).wrapping_add((now.ns() >> 6) as u32))
    }

    /// A flow's TCP settings, with a segment size that the link carries (RFC 9293 §3.7.1: MTU less 40).
    pub(super) fn tcp_config(&mut self, flow: u32, to: Ipv4Addr) -> Arc<tcp::Config> {
        let config = self.flows[flow as usize].tcp.clone();
        self.fitted(config, to)
    }

    /// Settings with a segment size that the link to an address carries.
    pub(super) fn fitted(&mut self, config: Arc<tcp::Config>, to: Ipv4Addr) -> Arc<tcp::Config> {
        let room = self.stack.mtu_to(to).map_or(u16::MAX, |mtu| u16::try_from(mtu - 40).unwrap_or(u16::MAX));
        if config.mss <= room { config } else { Arc::new(tcp::Config { mss: room, ..(*config).clone() }) }
    }

    pub fn listen(&mut self, flow: u32) {
        let port = self.flow(flow).config.port;
        if !self.listens(port) {
            self.listeners.push(Listener { port, flow, pending: 0, opening: 0, own: None });
        }
    }

    pub(super) fn listens(&self, port: u16) -> bool {
        self.listeners.iter().any(|listener| listener.port == port)
    }

    pub(super) fn add(&mut self, tcp: Connection, key: FourTuple, owner: (u32, u32), active: bool) -> ConnId {
        let flow = owner.0;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            self.conns.len() as u32 - 1
        });
        self.generation += 1;
        let id = ConnId { slot, generation: self.generation };
        self.demux.insert(key, slot);
        let mut conn = Box::new(Conn::new(tcp, id, key, owner, active));
        conn.number = self.flow(flow).stats.connections;
        let traced = self.flow(flow).config.traced;
        conn.traced = traced && (self.wanted.states || self.wanted.rtt);
        conn.tcp.set_tracing(traced && self.wanted.tcp);
        conn.tcp.set_rate_tracing(traced && self.wanted.rates);
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

    pub(super) fn of(&mut self, id: ConnId) -> Option<&mut Conn> {
        self.conns.get_mut(id.slot as usize)?.as_deref_mut().filter(|conn| conn.id == id)
    }

    pub(super) fn get(&self, id: ConnId) -> Option<&Conn> {
        self.conns.get(id.slot as usize)?.as_deref().filter(|conn| conn.id == id)
    }

    #[inline]
    pub(super) fn mark(&mut self, slot: u32) {
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

    pub fn drain(&mut self, now: Time, conn: ConnId, data: Data, until: u64) {
        let Some(conn) = self.of(conn) else { return };
        (conn.draining, conn.drain_data, conn.drain_until) = (true, data, until);
        let (id, flow, before) = (conn.id, conn.flow, conn.received);
        // What is there already is read now: perhaps nothing more comes.
        if conn.tcp.readable() > 0 {
            conn.read(u32::MAX, data);
        }
        let read = conn.received - before;
        let reached = read > 0 && conn.received >= until;
        if reached {
            conn.drain_until = u64::MAX;
            self.events.push_back((flow, AppEvent::Received(id)));
        }
        self.delivered(now, flow, read as u32);
        self.mark(id.slot);
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

    pub(super) fn delivered(&mut self, now: Time, flow: u32, bytes: u32) {
        if bytes > 0 {
            let flow = self.flow_mut(flow);
            flow.stats.delivered += u64::from(bytes);
            if flow.delivers {
                flow.stats.last = Some(now);
            }
        }
    }

    pub fn received(&self, conn: ConnId) -> u64 {
        self.counted(conn).map_or(0, |(_, received)| received)
    }

    /// The least round trip that this host has measured to the other end of a connection: its own, or that of another one which was asked of before.
    /// What the queues on a way hold all the time shows only beside one that has met them empty.
    pub fn least_round_trip(&mut self, id: ConnId) -> Option<Span> {
        let conn = self.conns.get(id.slot as usize)?.as_deref().filter(|conn| conn.id == id)?;
        let (own, remote) = (conn.tcp.counters().rtt_min, conn.key.addresses().1);
        let known = self.least.get(&remote).copied();
        let least = own.into_iter().chain(known).min()?;
        if known != Some(least) {
            self.least.insert(remote, least);
        }
        Some(least)
    }

    /// What a connection has counted, and how many bytes were read: also while it is told that it is gone.
    pub fn counted(&self, conn: ConnId) -> Option<(Counters, u64)> {
        let here = self.get(conn).map(|conn| (*conn.tcp.counters(), conn.received));
        let gone = || self.gone.iter().find(|(id, ..)| *id == conn).map(|(_, counters, read)| (*counters, *read));
        here.or_else(gone)
    }
}
