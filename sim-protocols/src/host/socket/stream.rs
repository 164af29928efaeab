//! Stream sockets: connections as their applications see them.

use std::collections::{BTreeMap, VecDeque};
use std::net::Ipv4Addr;

use sim_core::{Payload, Span, Time};

use super::super::calls::{AppEvent, ConnId, SocketAddr};
use super::super::conn::{Conn, Holder};
use super::super::demux::FourTuple;
use super::super::kernel::Kernel;
use super::super::segments::outcome;
use super::super::stats::Outcome;
use super::options::OptionName;
use super::settings;
use super::table::Role;
use super::{
    BindError, ConnectError, Outgoing, Ready, RecvError, SendError, Shutdown, ShutdownError, SocketError, SocketId,
    Sockets,
};
use crate::tcp::{Connection, ConnectionEvent, Counters, Endpoint, Segment, State, TcpInfo, WriteFlags};
use crate::wire::{Frame, Transport};

/// Sending and receiving.
impl Sockets<'_> {
    /// Sends what there is room for on a stream, and says how much that was. It leaves as far as it may, as at the end of `send(2)`.
    ///
    /// # Errors
    /// As `send(2)` without waiting.
    pub fn send(&mut self, id: SocketId, payload: Payload, flags: WriteFlags) -> Result<u32, SendError> {
        // Linux: a stream that was never connected has a broken pipe.
        let conn = match self.kernel.table.get(id).map(|socket| socket.role) {
            Some(Role::Stream(conn)) => conn,
            Some(Role::Fresh) => return Err(SendError::Socket(SocketError::Pipe)),
            Some(Role::Listener) | None => return Err(SendError::NotConnected),
            Some(Role::Datagram(_)) => return self.send_to_peer(id, payload),
        };
        let len = payload.len();
        let Some(conn) = self.kernel.of(conn) else { return Err(SendError::Socket(SocketError::Pipe)) };
        if conn.tcp.state() == State::SynSent && !conn.opens_fast {
            conn.wants_write = true;
            return Err(SendError::WouldBlock);
        }
        let sent = conn.tcp.send(payload, flags);
        let taken = sent.unwrap_or(0);
        conn.written += u64::from(taken);
        conn.wants_write = taken < len && !conn.dead;
        let (slot, dead) = (conn.id.slot, conn.dead);
        if !dead {
            self.kernel.push_out(slot, self.now);
        }
        sent.map_err(Into::into)
    }

    /// Bytes that [`Sockets::send`] would take now.
    pub fn room(&self, id: SocketId) -> u32 {
        match self.kernel.table.get(id).map(|socket| socket.role) {
            Some(Role::Stream(conn)) => self.kernel.get(conn).map_or(0, |conn| conn.tcp.writable()),
            _ => 0,
        }
    }

    /// Takes up to `max` bytes from a stream, in one piece where they came so; nothing at its end.
    ///
    /// # Errors
    /// As `recv(2)` without waiting.
    pub fn recv(&mut self, id: SocketId, max: u32) -> Result<Payload, RecvError> {
        let now = self.now;
        let conn = self.of_stream(id)?;
        if conn.opens_fast && conn.tcp.state() == State::SynSent {
            return Err(RecvError::WouldBlock);
        }
        let payload = conn.tcp.recv(max)?;
        conn.received += u64::from(payload.len());
        let (flow, slot, dead) = (conn.flow, conn.id.slot, conn.dead);
        if !payload.is_empty() && !dead {
            // The window may have opened.
            self.kernel.mark(slot);
        }
        self.kernel.delivered(now, flow, payload.len());
        Ok(payload)
    }

    /// What [`Sockets::recv`] would take, which stays (`MSG_PEEK`).
    ///
    /// # Errors
    /// As `recv(2)` without waiting.
    pub fn peek(&mut self, id: SocketId, max: u32) -> Result<Payload, RecvError> {
        let conn = self.of_stream(id)?;
        if conn.tcp.readable() == 0 { Ok(conn.tcp.recv(0)?) } else { Ok(conn.tcp.peek(max)) }
    }

    /// Shuts one half of a connection, or both.
    ///
    /// # Errors
    /// There is no connection.
    pub fn shutdown(&mut self, id: SocketId, how: Shutdown) -> Result<(), ShutdownError> {
        let conn = self.of_stream(id).map_err(|_| ShutdownError::NotConnected)?;
        if conn.dead || !conn.established || conn.tcp.state() == State::TimeWait {
            return Err(ShutdownError::NotConnected);
        }
        if how != Shutdown::Write {
            conn.tcp.shutdown_read();
            conn.read_shut = true;
        }
        if how != Shutdown::Read {
            conn.tcp.shutdown();
        }
        // Who waits to read or to write is to learn of it.
        let told = !std::mem::replace(&mut conn.told_ready, true);
        if told {
            self.kernel.events.push_back((self.flow, AppEvent::Ready(id)));
        }
        self.push_stream(id);
        Ok(())
    }

    /// `TCP_INFO` of a connection.
    pub fn tcp_info(&self, id: SocketId) -> Option<TcpInfo> {
        match self.kernel.table.get(id)?.role {
            Role::Stream(conn) => Some(self.kernel.get(conn)?.tcp.tcp_info(self.now)),
            _ => None,
        }
    }

    /// What the connection of a stream socket has counted.
    pub fn counters(&self, id: SocketId) -> Option<Counters> {
        match self.kernel.table.get(id)?.role {
            Role::Stream(conn) => Some(*self.kernel.get(conn)?.tcp.counters()),
            _ => None,
        }
    }

    /// What is written next on a stream is an answer on which so long was worked ([`Connection::begin_answer`]).
    pub(crate) fn begin_answer(&mut self, id: SocketId, number: u32, worked: Span) {
        let now = self.now;
        if let Ok(conn) = self.of_stream(id) {
            conn.tcp.begin_answer(number, worked, now);
        }
    }

    /// How long the other end has worked on an answer ([`Connection::take_served`]).
    pub(crate) fn take_served(&mut self, id: SocketId, number: u32) -> Option<Span> {
        self.of_stream(id).ok()?.tcp.take_served(number)
    }

    /// The least round trip that this host has measured to the other end, on whatever connection it was asked of.
    pub(crate) fn least_round_trip(&mut self, id: SocketId) -> Option<Span> {
        let conn = self.of_stream(id).ok()?.id;
        self.kernel.least_round_trip(conn)
    }

    /// The same of all answers that nobody has asked for.
    pub(crate) fn all_served(&mut self, id: SocketId) -> BTreeMap<u32, Span> {
        self.of_stream(id).map_or_else(|_| BTreeMap::new(), |conn| conn.tcp.all_served())
    }

    /// The state of a stream socket's connection; CLOSED where there is none, also at a listener.
    pub fn state(&self, id: SocketId) -> State {
        match self.kernel.table.get(id).map(|socket| socket.role) {
            Some(Role::Stream(conn)) => self.kernel.state(conn),
            _ => State::Closed,
        }
    }

    fn of_stream(&mut self, id: SocketId) -> Result<&mut Conn, RecvError> {
        match self.kernel.table.get(id).map(|socket| socket.role) {
            Some(Role::Stream(conn)) => self.kernel.of(conn).ok_or(RecvError::NotConnected),
            Some(Role::Datagram(_)) => Err(RecvError::Unsupported),
            _ => Err(RecvError::NotConnected),
        }
    }

    /// What a call has made ready leaves.
    pub(super) fn push_stream(&mut self, id: SocketId) {
        if let Some(Role::Stream(conn)) = self.kernel.table.get(id).map(|socket| socket.role)
            && self.kernel.get(conn).is_some_and(|conn| !conn.dead)
        {
            self.kernel.push_out(conn.slot, self.now);
        }
    }
}

/// Opening and closing.
impl Sockets<'_> {
    pub(super) fn bind_stream(&mut self, id: SocketId, (address, port): SocketAddr) -> Result<(), BindError> {
        if !address.is_unspecified() && !self.kernel.stack.is_mine(address) {
            return Err(BindError::NotAvailable);
        }
        let port = match port {
            0 => {
                let free = |kernel: &Kernel, port: u16| kernel.stream_conflicts(id, (address, port));
                self.kernel.ephemeral_port(free).ok_or(BindError::InUse)?
            }
            _ if self.kernel.stream_conflicts(id, (address, port)) => return Err(BindError::InUse),
            port => port,
        };
        let socket = self.kernel.table.get_mut(id).ok_or(BindError::Invalid)?;
        socket.local = Some((address, port));
        Ok(())
    }

    pub(super) fn connect_stream(&mut self, id: SocketId, to: SocketAddr) -> Result<(), ConnectError> {
        let (kernel, now) = (&mut *self.kernel, self.now);
        let many = to.0.is_multicast() || kernel.stack.is_broadcast(to.0);
        if to.1 == 0 {
            return Err(ConnectError::Invalid);
        }
        // RFC 9293 §3.9.2.3 (MUST-46): no connection to many.
        let source = kernel.stack.source_for(to.0).filter(|_| !many && kernel.stack.mtu_to(to.0).is_some());
        let source = source.ok_or(ConnectError::NetUnreachable)?;
        let socket = kernel.table.get(id).ok_or(ConnectError::Invalid)?;
        let (flow, settings) = (socket.flow, socket.settings.clone());
        let (address, port) = socket.local.unwrap_or((Ipv4Addr::UNSPECIFIED, 0));
        let address = if address.is_unspecified() { source } else { address };
        let taken = |kernel: &Kernel, port: u16| {
            let used = kernel.demux.contains(FourTuple::new((address, port), to)) || kernel.listens(port);
            used || kernel.table.bound(port, id).next().is_some()
        };
        let port = match port {
            0 => kernel.ephemeral_port(taken).ok_or(ConnectError::NotAvailable)?,
            port if kernel.demux.contains(FourTuple::new((address, port), to)) => {
                return Err(ConnectError::NotAvailable);
            }
            port => port,
        };
        let stats = kernel.flow_mut(flow);
        stats.stats.start.get_or_insert(now);
        stats.outcome(Outcome::Running);
        stats.stats.connections += 1;
        let (base, word) = (stats.tcp.clone(), stats.config.number);
        let config = kernel.fitted(settings::configured(&base, &settings), to.0);
        let key = FourTuple::new((address, port), to);
        let isn = kernel.initial_sequence(key, now);
        let ends = (Endpoint::new(address, port), Endpoint::new(to.0, to.1));
        let mut tcp = Connection::connect(&config, ends.0, ends.1, isn, now);
        let ticket = kernel.fast_open.as_ref().filter(|_| config.fast_open.client).map(|fast| fast.cache.ticket(to.0));
        if let Some(ticket) = ticket {
            tcp.open_fast(ticket);
        }
        settings::arrange(&mut tcp, &settings);
        let conn = kernel.add(tcp, key, (flow, word), true);
        kernel.hold(conn, Holder::Socket(id), &settings);
        if let Some(socket) = kernel.table.get_mut(id) {
            socket.role = Role::Stream(conn);
        }
        let may = ticket.is_some_and(|ticket| ticket.cookie.is_some() || config.fast_open.client_without_cookie);
        match kernel.of(conn).filter(|_| may) {
            // As with Linux's TCP_FASTOPEN_CONNECT the SYN waits for the first write, but no longer than for the end of the instant: who says
            // nothing himself at first is not kept waiting.
            Some(conn) => {
                conn.opens_fast = true;
                let slot = conn.id.slot;
                kernel.mark(slot);
            }
            None => kernel.push_out(conn.slot, now),
        }
        Ok(())
    }

    pub(super) fn close_stream(&mut self, id: ConnId, linger: Option<Span>) {
        let Some(conn) = self.kernel.of(id) else { return };
        if conn.dead {
            return self.kernel.release(id);
        }
        conn.holder = Holder::Orphan;
        conn.wants_write = false;
        conn.tcp.close(linger);
        self.kernel.push_out(id.slot, self.now);
    }
}

impl Kernel {
    /// Whether a stream may not be bound there.
    fn stream_conflicts(&self, id: SocketId, (address, port): SocketAddr) -> bool {
        let Some(this) = self.table.get(id) else { return true };
        let flag = |name| this.settings.flag(name);
        let (reuse, share) = (flag(OptionName::ReuseAddress), flag(OptionName::ReusePort));
        let overlap = |other: Ipv4Addr| other == address || other.is_unspecified() || address.is_unspecified();
        let bound = self.table.bound(port, id).filter(|other| !matches!(other.role, Role::Datagram(_)));
        let conflict = |other: &super::table::Socket| {
            let also = |name| other.settings.flag(name);
            let shares = share && also(OptionName::ReusePort);
            let reuses = reuse && also(OptionName::ReuseAddress) && other.role != Role::Listener;
            other.local.is_some_and(|local| overlap(local.0)) && !shares && !reuses
        };
        let mut listeners = self.listeners.iter().filter(|listener| listener.port == port);
        // What connections hold, also those in TIME-WAIT, unless both want to share it.
        let left = |conn: &Conn| conn.local_port() == port && overlap(conn.key.addresses().0) && !conn.dead;
        let held = self.conns.iter().flatten().any(|conn| left(conn) && !(reuse && conn.reuses));
        bound.into_iter().any(conflict) || listeners.any(|listener| listener.own.is_none()) || held
    }

    /// Somebody else than the application of its flow is told of a connection from now on.
    pub(super) fn hold(&mut self, id: ConnId, holder: Holder, settings: &super::Settings) {
        let Some(conn) = self.of(id) else { return };
        conn.holder = holder;
        (conn.told_end, conn.told_closed) = (true, true);
        conn.reuses = settings.flag(OptionName::ReuseAddress);
        (conn.ttl, conn.tos) = (settings.count(OptionName::Ttl) as u8, settings.count(OptionName::Tos) as u8 & !3);
    }

    /// Forgets a connection that was kept for its socket alone.
    pub(super) fn release(&mut self, id: ConnId) {
        if self.get(id).is_some_and(|conn| conn.dead) {
            self.forget(id.slot);
        }
    }

    /// Takes a connection's place away, whatever has been planned for it.
    pub(super) fn forget(&mut self, slot: u32) {
        self.dirty.retain(|other| *other != slot);
        self.conns[slot as usize] = None;
        self.free.push(slot);
    }

    /// What a connection may send now goes into the outbox, as at the end of a system call.
    pub(super) fn push_out(&mut self, slot: u32, now: Time) {
        let conn = self.conns[slot as usize].as_deref_mut().expect("a live connection");
        let (local, remote) = conn.key.addresses();
        while let Some(segment) = conn.tcp.next_segment(now) {
            let frame = Frame::ipv4(conn.ip(local, remote, segment.ecn), Transport::Tcp(segment.repr));
            let (word, id) = (conn.word, Some(conn.id));
            let Segment { payload, aside, .. } = segment;
            self.outbox.push_back(Outgoing { frame, payload, word, aside, conn: id, port: None });
        }
        self.mark(slot);
    }
}

/// What a connection says of itself, where a socket has it.
#[cold]
pub(crate) fn connection_event(conn: &mut Conn, event: ConnectionEvent, events: &mut VecDeque<(u32, AppEvent)>) {
    match event {
        ConnectionEvent::Connected => conn.established = true,
        ConnectionEvent::PeerClosed => conn.peer_closed = true,
        ConnectionEvent::Closed(reason) => conn.closed = Some(outcome(reason)),
        ConnectionEvent::Readable => {}
        // Told when there is enough room for a writer to be woken.
        ConnectionEvent::Writable => return,
    }
    tell(conn, events);
}

/// There is room again, and somebody waits for it.
#[cold]
pub(crate) fn tell_room(conn: &mut Conn, events: &mut VecDeque<(u32, AppEvent)>) {
    if conn.tcp.is_writeable() && conn.established {
        conn.wants_write = false;
        tell(conn, events);
    }
}

fn tell(conn: &mut Conn, events: &mut VecDeque<(u32, AppEvent)>) {
    if let Holder::Socket(id) = conn.holder
        && !std::mem::replace(&mut conn.told_ready, true)
    {
        events.push_back((conn.flow, AppEvent::Ready(id)));
    }
}

/// Linux's tcp_poll.
pub(super) fn readiness(conn: &mut Conn) -> Ready {
    conn.told_ready = false;
    let mut ready = Ready::NONE;
    let over = conn.closed.is_some();
    if over && conn.tcp.has_error() {
        ready |= Ready::ERROR | Ready::READABLE | Ready::WRITABLE;
    }
    let send_closed = conn.tcp.is_closing() || over;
    let read_closed = conn.peer_closed || conn.read_shut || over;
    if send_closed && read_closed {
        ready |= Ready::HANG_UP;
    }
    if read_closed {
        ready |= Ready::READABLE | Ready::READ_CLOSED;
    }
    if conn.tcp.readable() > 0 {
        ready |= Ready::READABLE;
    }
    if send_closed || (conn.established || conn.opens_fast) && conn.tcp.is_writeable() {
        ready |= Ready::WRITABLE;
    }
    ready
}
