//! The system under test: sockets over connections, in virtual time. It is the host's kernel without a network: what connections send is kept
//! with its moment, what comes is given to them by hand.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Span, Time};
use sim_protocols::tcp::{self, Connection, ConnectionEvent, Endpoint, FastOpenCache, Reason, Segment, State};
use sim_protocols::wire::Seq;

use super::settings::{Options, Settings};
use super::sockets::{Role, Socket};

/// A socket's number; it is never used again.
pub(super) type Id = usize;

/// A connection's other end and our port.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Ends {
    /// Our port.
    pub local: u16,
    /// Their address.
    pub addr: Ipv4Addr,
    /// Their port.
    pub remote: u16,
}

/// What has left.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    /// When.
    pub at: Time,
    /// What.
    pub segment: Segment,
    /// The octet of traffic class, ECN included.
    pub tos: u8,
    /// The time to live.
    pub ttl: u8,
}

/// The kernel.
pub(super) struct Kernel {
    /// The present moment.
    pub now: Time,
    /// What sockets begin with.
    pub settings: Settings,
    /// All sockets that there are, orphans too.
    pub sockets: BTreeMap<Id, Socket>,
    /// Sets of sockets that are waited for.
    pub epolls: BTreeMap<Id, super::ready::Epoll>,
    /// What has left, for each connection.
    pub sent: BTreeMap<Ends, VecDeque<Sent>>,
    /// What is remembered of servers.
    pub cache: FastOpenCache,
    /// Our address, theirs, and the ports.
    pub options: Options,
    /// The initial number of the next connection, if a script wants a certain one.
    pub isn: Option<u32>,
    next: Id,
    next_port: u16,
    numbers: u32,
}

impl Kernel {
    /// A kernel without sockets.
    pub fn new(options: &Options) -> Kernel {
        let mut settings = Settings::default();
        settings.tcp.mss = (options.mtu - 40).clamp(88, 65_495) as u16;
        Kernel {
            now: Time::ZERO,
            settings,
            sockets: BTreeMap::new(),
            epolls: BTreeMap::new(),
            sent: BTreeMap::new(),
            cache: FastOpenCache::default(),
            options: options.clone(),
            isn: None,
            next: 1,
            next_port: 32_768,
            numbers: 0,
        }
    }

    /// A number for something new.
    pub fn number(&mut self) -> Id {
        self.next += 1;
        self.next - 1
    }

    /// A socket is added.
    pub fn add(&mut self, socket: Socket) -> Id {
        let id = self.number();
        self.sockets.insert(id, socket);
        id
    }

    /// A port of the stack's own choice.
    pub fn ephemeral_port(&mut self) -> u16 {
        self.next_port += 1;
        self.next_port
    }

    /// An initial sequence number: scattered, but the same in each run.
    fn initial_sequence(&mut self) -> Seq {
        self.numbers += 1;
        Seq(self.isn.unwrap_or_else(|| self.numbers.wrapping_mul(0x9e37_79b1).rotate_left(7)))
    }

    /// The next moment at which something happens by itself.
    pub fn deadline(&self) -> Time {
        let deadlines = self.sockets.values().filter_map(Socket::connection).map(Connection::deadline);
        deadlines.min().unwrap_or(Time::NEVER)
    }

    /// Goes on to the next moment at which a timer is due, `end` at the latest; returns whether that was one. Timers of the very last moment
    /// are left for later where `exclusive`.
    pub fn step(&mut self, end: Time, exclusive: bool) -> bool {
        let next = self.deadline().max(self.now);
        if next > end || exclusive && next == end || next == Time::NEVER {
            self.now = self.now.max(end);
            return false;
        }
        self.now = next;
        let due: Vec<Id> = self.sockets.keys().copied().collect();
        for id in due {
            let now = self.now;
            if let Some(connection) = self.sockets.get_mut(&id).and_then(Socket::connection_mut)
                && connection.deadline() <= now
            {
                connection.on_timeout(now);
                self.flush(id);
            }
        }
        true
    }

    /// The connection between these ends, if it lives.
    pub fn find(&self, ends: Ends) -> Option<Id> {
        let is = |socket: &Socket| match &socket.role {
            Role::Stream(connection) => ends_of(connection) == ends && connection.state() != State::Closed,
            _ => false,
        };
        self.sockets.iter().find(|(_, socket)| is(socket)).map(|(id, _)| *id)
    }

    fn listener(&self, port: u16) -> Option<Id> {
        let is = |socket: &Socket| matches!(socket.role, Role::Listener(_)) && socket.port == Some(port);
        self.sockets.iter().find(|(_, socket)| is(socket)).map(|(id, _)| *id)
    }

    /// A segment has come. Returns the socket of a connection that it has opened.
    pub fn inject(&mut self, ends: Ends, segment: &Segment) -> Option<Id> {
        let now = self.now;
        if let Some(id) = self.find(ends) {
            let full = self.parent_is_full(id);
            let socket = self.sockets.get_mut(&id).expect("it was found");
            let connection = socket.connection_mut().expect("it has ends");
            if connection.gives_way_to(segment) {
                socket.role = Role::Gone;
                return self.stray(ends, segment);
            }
            // Linux: no place in the queue of the listener, so the acknowledgement has not come.
            let completes = connection.state() == State::SynReceived && !connection.accepted_fast();
            if completes && full && segment.repr.flags.ack() && !segment.repr.flags.rst() {
                return None;
            }
            connection.on_segment(now, segment);
            self.flush(id);
            return None;
        }
        self.stray(ends, segment)
    }

    fn parent_is_full(&self, id: Id) -> bool {
        let parent = self.sockets.get(&id).and_then(|socket| socket.parent);
        let parent = parent.and_then(|parent| self.sockets.get(&parent));
        matches!(parent.map(|parent| &parent.role), Some(Role::Listener(listener)) if listener.is_full())
    }

    /// A segment of no connection.
    fn stray(&mut self, ends: Ends, segment: &Segment) -> Option<Id> {
        let flags = segment.repr.flags;
        let opens = flags.syn() && !flags.ack() && !flags.rst();
        if let Some(parent) = self.listener(ends.local).filter(|_| opens) {
            return self.open_passively(parent, ends, segment);
        }
        if let Some(repr) = tcp::reset_for(segment) {
            let reset = Segment { repr, payload: sim_core::Payload::Empty, ecn: sim_core::Ecn::NotEct, aside: None };
            self.keep(ends, reset, 0, 64);
        }
        None
    }

    fn open_passively(&mut self, parent: Id, ends: Ends, syn: &Segment) -> Option<Id> {
        let isn = self.initial_sequence();
        let socket = self.sockets.get(&parent).expect("it listens");
        let Role::Listener(listener) = &socket.role else { return None };
        if listener.is_full() {
            return None;
        }
        let mut config = socket.config.clone();
        config.ecn = self.settings.ecn != 0;
        config.fast_open.queue = match listener.fast_open_queue {
            Some(queue) => queue,
            None if self.settings.listeners_open_fast() => listener.backlog,
            None => 0,
        };
        let (option, data) = (syn.repr.options.fast_open(), !syn.payload.is_empty());
        let (client, server) = (ends.addr, self.options.local);
        let (first, second) = socket.keys.unwrap_or(self.settings.keys);
        let waiting = self.sockets.values().filter(|other| other.parent == Some(parent) && other.is_opening_fast());
        let pending = waiting.count() as u32;
        let mut verdict = first.judge(&config.fast_open, (client, server), option, data, pending);
        if let (Some(second), false) = (second, verdict.accepted)
            && second.judge(&config.fast_open, (client, server), option, data, pending).accepted
        {
            verdict.accepted = true;
        }
        let here = Endpoint::new(server, ends.local);
        let there = Endpoint::new(client, ends.remote);
        let mut child = socket.child(parent);
        let config = Arc::new(config);
        child.role =
            Role::Stream(Box::new(Connection::accept_fast(&config, (here, there), isn, syn, verdict, self.now)));
        child.arrange();
        let id = self.add(child);
        self.flush(id);
        Some(id)
    }

    /// A connection is opened by a socket.
    pub fn open_actively(&mut self, id: Id, to: (Ipv4Addr, u16), fast: bool) {
        let isn = self.initial_sequence();
        let port = match self.sockets[&id].port {
            Some(port) => port,
            None => self.ephemeral_port(),
        };
        let ticket = self.cache.ticket(to.0);
        let (local, now, ecn) = (self.options.local, self.now, self.settings.ecn == 1);
        let socket = self.sockets.get_mut(&id).expect("an open socket");
        socket.port = Some(port);
        let mut config = socket.config.clone();
        config.ecn = ecn;
        config.fast_open.client_without_cookie |= socket.without_cookie;
        let config = Arc::new(config);
        let (local, remote) = (Endpoint::new(local, port), Endpoint::new(to.0, to.1));
        let mut connection = Connection::connect(&config, local, remote, isn, now);
        if fast && config.fast_open.client {
            connection.open_fast(ticket);
        }
        socket.role = Role::Stream(Box::new(connection));
        socket.connecting = true;
        socket.arrange();
    }

    /// What a socket's connection has to send leaves, and what it has to tell is taken to heart.
    pub fn flush(&mut self, id: Id) {
        let now = self.now;
        loop {
            let Some(socket) = self.sockets.get_mut(&id) else { return };
            let (tos, ttl) = (socket.tos, socket.ttl);
            let Role::Stream(connection) = &mut socket.role else { return };
            let ends = ends_of(connection);
            let segment = connection.next_segment(now);
            while let Some(event) = connection.next_event() {
                socket.told.push(event);
            }
            let more = segment.is_some();
            if let Some(segment) = segment {
                self.keep(ends, segment, tos, ttl);
            }
            self.take_events(id);
            if !more {
                break;
            }
        }
        if let Some(socket) = self.sockets.get_mut(&id) {
            socket.grow_send_buffer(self.settings.wmem_max);
            let writeable = socket.connection().is_some_and(Connection::is_writeable);
            if writeable && !std::mem::replace(&mut socket.was_writeable, writeable) {
                socket.edges |= super::ready::OUT;
            }
            socket.was_writeable = writeable;
            let gone = socket.connection().is_some_and(|connection| connection.state() == State::Closed);
            if gone && socket.orphan {
                self.sockets.remove(&id);
            }
        }
    }

    fn keep(&mut self, ends: Ends, segment: Segment, tos: u8, ttl: u8) {
        if !self.settings.deaf {
            let tos = tos & !3 | segment.ecn as u8;
            self.sent.entry(ends).or_default().push_back(Sent { at: self.now, segment, tos, ttl });
        }
    }

    fn take_events(&mut self, id: Id) {
        let socket = self.sockets.get_mut(&id).expect("its connection has told it");
        let remote = socket.connection().map(|connection| connection.remote().addr);
        let lesson = socket.connection_mut().and_then(Connection::take_lesson);
        let mut connected = false;
        for event in std::mem::take(&mut socket.told) {
            match event {
                ConnectionEvent::Connected => connected = true,
                ConnectionEvent::Readable => socket.edges |= super::ready::IN,
                ConnectionEvent::Writable => {}
                ConnectionEvent::PeerClosed => {
                    socket.their_end = true;
                    socket.edges |= super::ready::IN;
                }
                ConnectionEvent::Closed(reason) => {
                    socket.ended = true;
                    socket.error = !matches!(reason, Reason::Finished | Reason::Aborted);
                    socket.edges |= super::ready::IN | super::ready::OUT;
                }
            }
        }
        if connected {
            socket.edges |= super::ready::OUT;
            socket.established = true;
        }
        let parent = socket.parent.filter(|_| connected && !socket.queued);
        socket.queued |= parent.is_some();
        if let (Some(lesson), Some(remote)) = (lesson, remote) {
            self.cache.learn(remote, &lesson);
        }
        let Some(parent) = parent.and_then(|parent| self.sockets.get_mut(&parent)) else { return };
        if let Role::Listener(listener) = &mut parent.role {
            listener.queue.push_back(id);
            parent.edges |= super::ready::IN;
        }
    }

    /// The path to everybody carries packets of so many bytes at the most.
    pub fn narrow(&mut self, mtu: u32) {
        let all: Vec<Id> = self.sockets.keys().copied().collect();
        for id in all {
            let socket = self.sockets.get_mut(&id).expect("a socket");
            socket.config.mss = (mtu - 40).clamp(88, 65_495) as u16;
            if let Some(connection) = socket.connection_mut() {
                connection.on_mtu(mtu);
                self.flush(id);
            }
        }
    }
}

/// The ends of a connection.
pub(super) fn ends_of(connection: &Connection) -> Ends {
    let (local, remote) = (connection.local(), connection.remote());
    Ends { local: local.port, addr: remote.addr, remote: remote.port }
}

/// A moment of a script.
pub(super) fn moment(micros: u64) -> Time {
    Time::ZERO.saturating_add(Span::from_us(micros))
}
