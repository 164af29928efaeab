//! Listening sockets: who knocks, who waits, who is accepted.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::Cx;

use super::super::calls::{AppEvent, SocketAddr};
use super::super::conn::Holder;
use super::super::demux::FourTuple;
use super::super::kernel::{Kernel, Listener, ListenerId};
use super::options::OptionName;
use super::settings;
use super::table::Role;
use super::{AcceptError, ListenError, Ready, SocketId, Sockets};
use crate::tcp::{Connection, Endpoint, Segment, State};
use crate::wire::Frame;

/// What a listener has besides where a socket listens.
pub(crate) struct OwnListener {
    pub id: SocketId,
    address: Ipv4Addr,
    /// Connections that may wait to be accepted, but for one more.
    backlog: u32,
    /// Slots of those that do.
    queue: VecDeque<u32>,
    told: bool,
}

impl OwnListener {
    /// Linux's sk_acceptq_is_full.
    fn is_full(&self) -> bool {
        self.queue.len() as u32 > self.backlog
    }
}

impl Sockets<'_> {
    /// Makes a stream socket listen for anybody. Its backlog is at most the host's (`somaxconn`); said again, the backlog alone changes.
    ///
    /// # Errors
    /// As `listen(2)`.
    pub fn listen(&mut self, id: SocketId, backlog: u32) -> Result<(), ListenError> {
        let backlog = backlog.min(self.kernel.config.backlog);
        let Some(socket) = self.kernel.table.get(id) else { return Err(ListenError::Invalid) };
        match socket.role {
            Role::Fresh => {}
            Role::Listener => {
                if let Some(own) = self.kernel.own_listener(id) {
                    own.backlog = backlog;
                }
                return Ok(());
            }
            Role::Stream(_) => return Err(ListenError::Invalid),
            Role::Datagram(_) => return Err(ListenError::Unsupported),
        }
        if socket.local.is_none() {
            self.bind_stream(id, (Ipv4Addr::UNSPECIFIED, 0)).map_err(|_| ListenError::InUse)?;
        }
        let socket = self.kernel.table.get(id).ok_or(ListenError::Invalid)?;
        let (address, port) = socket.local.ok_or(ListenError::Invalid)?;
        let share = socket.settings.flag(OptionName::ReusePort);
        let overlap = |other: Ipv4Addr| other == address || other.is_unspecified() || address.is_unspecified();
        let conflicts = |other: &super::table::Socket| {
            let meets = other.local.is_some_and(|local| overlap(local.0));
            other.role == Role::Listener && meets && !(share && other.settings.flag(OptionName::ReusePort))
        };
        if self.kernel.table.bound(port, id).any(conflicts) {
            return Err(ListenError::InUse);
        }
        let own = OwnListener { id, address, backlog, queue: VecDeque::new(), told: false };
        let flow = self.flow;
        self.kernel.listeners.push(Listener { port, flow, pending: 0, opening: 0, own: Some(Box::new(own)) });
        if let Some(socket) = self.kernel.table.get_mut(id) {
            socket.role = Role::Listener;
        }
        Ok(())
    }

    /// Takes the connection that has waited longest, and the address of its other end. It has the listener's options.
    ///
    /// # Errors
    /// As `accept(2)` without waiting.
    pub fn accept(&mut self, id: SocketId) -> Result<(SocketId, SocketAddr), AcceptError> {
        let own = self.kernel.own_listener(id).ok_or(AcceptError::Invalid)?;
        let slot = own.queue.pop_front().ok_or(AcceptError::WouldBlock)?;
        let settings = self.kernel.table.get(id).map(|socket| socket.settings.clone()).unwrap_or_default();
        let conn = self.kernel.conns[slot as usize].as_deref_mut().expect("a connection in the queue is kept");
        let (conn_id, flow) = (conn.id, conn.flow);
        let peer = (conn.key.addresses().1, conn.key.ports().1);
        let socket = self.kernel.table.add(flow, Role::Stream(conn_id), settings);
        conn.holder = Holder::Socket(socket);
        Ok((socket, peer))
    }

    pub(super) fn listener_readiness(&mut self, id: SocketId) -> Ready {
        let Some(own) = self.kernel.own_listener(id) else { return Ready::NONE };
        own.told = false;
        if own.queue.is_empty() { Ready::NONE } else { Ready::READABLE }
    }

    /// Who waits is reset (Linux's inet_csk_listen_stop), who is not established is forgotten.
    pub(super) fn close_listener(&mut self, id: SocketId) {
        let own = |listener: &Listener| listener.id() == ListenerId::Socket(id);
        let Some(at) = self.kernel.listeners.iter().position(own) else { return };
        self.kernel.listeners.remove(at);
        let slots = 0..self.kernel.conns.len() as u32;
        for slot in slots {
            let Some(conn) = self.kernel.conns[slot as usize].as_deref_mut() else { continue };
            if conn.holder != Holder::Listener(id) {
                continue;
            }
            conn.holder = Holder::Orphan;
            if conn.dead {
                self.kernel.forget(slot);
            } else if conn.tcp.state() == State::SynReceived {
                self.kernel.dirty.retain(|other| *other != slot);
                self.kernel.remove(slot);
            } else {
                conn.tcp.abort();
                self.kernel.push_out(slot, self.now);
            }
        }
    }
}

impl Kernel {
    fn own_listener(&mut self, id: SocketId) -> Option<&mut OwnListener> {
        let mut own = self.listeners.iter_mut().filter_map(|listener| listener.own.as_deref_mut());
        own.find(|own| own.id == id)
    }

    /// The listener for a segment to this end. Flows that listen on the same port are told apart by the packets' flow word, then the one that
    /// is bound to the address comes before the one that is bound to none; among equals a hash of both ends chooses (`SO_REUSEPORT`).
    pub(in super::super) fn listener_for(&self, (local, port): SocketAddr, key: FourTuple, word: u32) -> Option<usize> {
        let rank = |listener: &Listener| {
            let own = listener.own.as_ref()?;
            let flow = self.flow(listener.flow).config.number == word;
            (own.address == local || own.address.is_unspecified()).then_some((flow, own.address == local))
        };
        let here = || self.listeners.iter().enumerate().filter(move |(_, listener)| listener.port == port);
        if let Some((at, _)) = here().find(|(_, listener)| listener.own.is_none()) {
            return Some(at);
        }
        let best = here().filter_map(|(_, listener)| rank(listener)).max()?;
        let equal: Vec<usize> = here().filter(|(_, listener)| rank(listener) == Some(best)).map(|(at, _)| at).collect();
        Some(equal[(key.keyed_hash(self.secret) >> 33) as usize % equal.len()])
    }

    /// A SYN has come to a listening socket.
    pub(in super::super) fn knock(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        at: usize,
        key: FourTuple,
        word: u32,
        syn: &Segment,
    ) {
        let Listener { flow, pending, own, .. } = &mut self.listeners[at];
        let own = own.as_deref().expect("a socket listens");
        // Linux's tcp_conn_request: a full queue of those who wait to be accepted, or of those who are not established, drops it.
        if own.is_full() || *pending > own.backlog {
            return;
        }
        let (id, flow) = (own.id, *flow);
        let (local, remote) = (key.addresses(), key.ports());
        let ends = (Endpoint::new(local.0, remote.0), Endpoint::new(local.1, remote.1));
        let settings = self.table.get(id).map(|socket| socket.settings.clone()).unwrap_or_default();
        let owner = self.flow_mut(flow);
        owner.stats.connections += 1;
        owner.stats.start.get_or_insert(cx.now());
        let (base, number) = (owner.tcp.clone(), owner.config.number);
        let config = self.fitted(settings::configured(&base, &settings), ends.1.addr);
        let isn = self.initial_sequence(key, cx.now());
        let verdict = self.judge(&config, at, (ends.1.addr, ends.0.addr), syn);
        let mut tcp = Connection::accept_fast(&config, ends, isn, syn, verdict, cx.now());
        settings::arrange(&mut tcp, &settings);
        // What has no flow word comes from outside of the workload.
        let word = if word == 0 { number } else { word };
        let conn = self.add(tcp, key, (flow, word), false);
        self.count_pending(at, conn.slot, verdict.accepted);
        self.hold(conn, Holder::Listener(id), &settings);
        self.after_input(cx, conn.slot);
        // RFC 7413 §4.2.2: who brings data with the right cookie is accepted before the handshake is over.
        if self.of(conn).is_some_and(|conn| conn.established && conn.tcp.accepted_fast()) {
            self.enqueue(id, conn.slot);
        }
    }

    /// Whether a segment comes to a connection that is not established and for which the listener has no room: it is ignored (Linux's
    /// `tcp_check_req`), and the SYN,ACK will be sent again.
    #[cold]
    pub(in super::super) fn overflows(&mut self, slot: u32, segment: &Segment) -> bool {
        let conn = self.conns[slot as usize].as_deref().expect("a live connection");
        let flags = segment.repr.flags;
        let Holder::Listener(id) = conn.holder else { return false };
        // One that was accepted with its SYN has its place.
        let completes = !conn.tcp.accepted_fast()
            && flags.ack()
            && !flags.rst()
            && !flags.syn()
            && conn.tcp.state() == State::SynReceived;
        completes && self.own_listener(id).is_some_and(|own| own.is_full())
    }

    /// A connection is established, and waits to be accepted.
    pub(in super::super) fn enqueue(&mut self, id: SocketId, slot: u32) {
        let Some(listener) = self.listeners.iter_mut().find(|listener| listener.id() == ListenerId::Socket(id)) else {
            return;
        };
        let flow = listener.flow;
        let own = listener.own.as_deref_mut().expect("found by it");
        own.queue.push_back(slot);
        if !std::mem::replace(&mut own.told, true) {
            self.events.push_back((flow, AppEvent::Ready(id)));
        }
    }
}
