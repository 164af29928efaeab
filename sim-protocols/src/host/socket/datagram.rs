//! Datagram sockets: to one, to a group, to all.

use std::net::Ipv4Addr;

use sim_core::Payload;

use super::super::calls::{AppEvent, SocketAddr, UdpId};
use super::super::datagrams::Taken;
use super::super::kernel::Kernel;
use super::super::stats::Outcome;
use super::super::udp::{Datagram, UdpSocket};
use super::options::{OptionName, OptionValue};
use super::settings::doubled;
use super::table::Role;
use super::{
    BindError, ConnectError, OptionError, Outgoing, Ready, RecvError, SendError, SocketError, SocketId, Sockets,
};
use crate::wire::{Frame, Ipv4Repr, Protocol, Transport, UdpRepr};

/// The longest payload of a datagram: 65535 less the headers.
const LONGEST: u32 = 65_507;
/// Headers of a datagram.
const HEADERS: u32 = 28;
/// What Linux makes of a receive buffer at the least.
const RECV_LEAST: u32 = 2304;

/// What a datagram socket of the socket interface has besides.
#[derive(Debug)]
pub(crate) struct OwnDatagrams {
    pub id: SocketId,
    /// The address that it is bound to; none for every one.
    pub address: Ipv4Addr,
    pub error: Option<SocketError>,
    /// What the receive buffer was set to.
    pub limit: Option<u64>,
    told: bool,
    /// Groups that it has joined, and over which port.
    groups: Vec<(Ipv4Addr, u32)>,
    /// Who sent the datagram that was read last, and its flow word: an answer has the same.
    asker: Option<(SocketAddr, u32)>,
    hash_shared: bool,
}

/// A datagram as `recvfrom` gives it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Who sent it.
    pub from: SocketAddr,
    /// To which of this host's addresses, or to which group (`IP_PKTINFO`).
    pub to: Ipv4Addr,
    /// As much of it as was asked for; the rest is lost.
    pub payload: Payload,
    /// How long it was (`MSG_TRUNC`).
    pub whole: u32,
}

impl Sockets<'_> {
    pub(super) fn open_datagrams(&mut self) -> SocketId {
        let kernel = &mut *self.kernel;
        let at = match kernel.udp_free.pop() {
            Some(at) => at,
            None => {
                kernel.sockets.push(UdpSocket::new(0, self.flow, None));
                kernel.sockets.len() as u32 - 1
            }
        };
        let id = kernel.table.add(self.flow, Role::Datagram(at), super::Settings::default());
        let socket = &mut kernel.sockets[at as usize];
        *socket = UdpSocket::new(0, self.flow, None);
        socket.own = Some(Box::new(OwnDatagrams {
            id,
            address: Ipv4Addr::UNSPECIFIED,
            error: None,
            limit: None,
            told: false,
            groups: Vec::new(),
            asker: None,
            hash_shared: false,
        }));
        id
    }

    pub(super) fn bind_datagrams(&mut self, id: SocketId, at: u32, to: SocketAddr) -> Result<(), BindError> {
        let (address, port) = to;
        let stack = &self.kernel.stack;
        let known = address.is_unspecified() || address.is_multicast();
        if !known && !stack.is_mine(address) && !stack.is_broadcast(address) {
            return Err(BindError::NotAvailable);
        }
        if port != 0 && self.kernel.datagrams_conflict(id, at, to) {
            return Err(BindError::InUse);
        }
        let taken = |kernel: &Kernel, port: u16| kernel.sockets.iter().any(|socket| socket.port == port);
        let port = if port == 0 { self.kernel.ephemeral_port(taken).ok_or(BindError::InUse)? } else { port };
        let socket = self.kernel.table.get_mut(id).ok_or(BindError::Invalid)?;
        socket.local = Some((address, port));
        let shared = socket.settings.flag(OptionName::ReusePort);
        let number = self.kernel.flow(self.flow).config.number;
        let place = &mut self.kernel.sockets[at as usize];
        place.port = port;
        if let Some(own) = &mut place.own {
            (own.address, own.hash_shared) = (address, shared);
        }
        let key = (port, number, at);
        let ports = &mut self.kernel.socket_ports;
        let position = ports.partition_point(|other| *other < key);
        ports.insert(position, key);
        Ok(())
    }

    /// A socket that sends or is connected has a port.
    fn have_port(&mut self, id: SocketId, at: u32) -> bool {
        let unbound = self.kernel.sockets[at as usize].port == 0;
        !unbound || self.bind_datagrams(id, at, (Ipv4Addr::UNSPECIFIED, 0)).is_ok()
    }

    pub(super) fn connect_datagrams(&mut self, id: SocketId, at: u32, to: SocketAddr) -> Result<(), ConnectError> {
        if self.kernel.stack.is_broadcast(to.0) && !self.flag(id, OptionName::Broadcast) {
            return Err(ConnectError::Access);
        }
        if self.kernel.stack.mtu_to(to.0).is_none() {
            return Err(ConnectError::NetUnreachable);
        }
        if !self.have_port(id, at) {
            return Err(ConnectError::NotAvailable);
        }
        self.kernel.sockets[at as usize].peer = Some(to);
        Ok(())
    }

    pub(super) fn send_to_peer(&mut self, id: SocketId, payload: Payload) -> Result<u32, SendError> {
        let Some(Role::Datagram(at)) = self.kernel.table.get(id).map(|socket| socket.role) else {
            return Err(SendError::Unsupported);
        };
        let peer = self.kernel.sockets[at as usize].peer.ok_or(SendError::NoDestination)?;
        self.send_to(id, peer, payload)
    }

    /// The longest packet that the way to an address is known to carry (`IP_MTU`).
    pub fn path_mtu(&mut self, to: Ipv4Addr) -> Option<u32> {
        self.kernel.stack.mtu_to(to)
    }

    /// Sends a datagram. It is never held back: what finds the interface's queue full is lost, as on the way.
    ///
    /// # Errors
    /// As `sendto(2)`.
    pub fn send_to(&mut self, id: SocketId, to: SocketAddr, payload: Payload) -> Result<u32, SendError> {
        self.send_from(id, None, to, payload)
    }

    /// The same from an address of this host that the call names (`IP_PKTINFO`): a server that has several answers from the one that was asked.
    ///
    /// # Errors
    /// As `sendmsg(2)`.
    pub fn send_from(
        &mut self,
        id: SocketId,
        from: Option<Ipv4Addr>,
        to: SocketAddr,
        payload: Payload,
    ) -> Result<u32, SendError> {
        let Some(Role::Datagram(at)) = self.kernel.table.get(id).map(|socket| socket.role) else {
            return Err(SendError::Unsupported);
        };
        let len = payload.len();
        let broadcast = self.kernel.stack.is_broadcast(to.0);
        match () {
            _ if len > LONGEST => return Err(SendError::TooLong),
            _ if to.1 == 0 => return Err(SendError::NoDestination),
            _ if broadcast && !self.flag(id, OptionName::Broadcast) => return Err(SendError::Access),
            _ => {}
        }
        if let Some(error) = self.kernel.sockets[at as usize].own.as_mut().and_then(|own| own.error.take()) {
            return Err(error.into());
        }
        let interface = self.interface_for(id, to.0);
        let mtu = self.kernel.stack.mtu_to(to.0).ok_or(SendError::Socket(SocketError::NetUnreachable))?;
        let discover = self.count(id, OptionName::MtuDiscover);
        if discover >= 2 && len + HEADERS > mtu {
            return Err(SendError::TooLong);
        }
        if !self.have_port(id, at) {
            return Err(SendError::NotAvailable);
        }
        let socket = &self.kernel.sockets[at as usize];
        let own = socket.own.as_deref().expect("a socket of the socket interface");
        let bound = Some(from.unwrap_or(own.address)).filter(|address| self.kernel.stack.is_mine(*address));
        let asker = own.asker.filter(|asker| asker.0 == to).map(|asker| asker.1);
        let port = socket.port;
        let src = match (bound, interface) {
            (Some(address), _) => address,
            (None, Some(port)) => self.kernel.stack.address_of(port),
            (None, None) => self.kernel.stack.source_for(to.0).ok_or(SendError::Socket(SocketError::NetUnreachable))?,
        };
        let mut ip = Ipv4Repr::new(src, to.0, Protocol::Udp);
        let ttl = if to.0.is_multicast() { OptionName::MulticastTtl } else { OptionName::Ttl };
        (ip.ttl, ip.tos) = (self.count(id, ttl) as u8, self.count(id, OptionName::Tos) as u8);
        ip.dont_fragment = discover > 0;
        let flow = self.kernel.flow_mut(self.flow);
        flow.outcome(Outcome::Running);
        flow.stats.start.get_or_insert(self.now);
        let word = asker.unwrap_or(flow.config.number);
        let loops = broadcast || to.0.is_multicast() && self.flag(id, OptionName::MulticastLoop);
        let udp = UdpRepr { src_port: port, dst_port: to.1 };
        if loops && (broadcast || self.kernel.stack.has_joined(interface.unwrap_or(0), to.0)) {
            // Linux's ip_mc_output: a copy for the members on this host, the sender among them.
            self.kernel.datagram_to_many(&ip, udp, &payload, word);
        }
        // RFC 1112 §6.1: with a time to live of zero it stays on this host.
        if ip.ttl > 0 {
            let frame = Frame::ipv4(ip, Transport::Udp(udp));
            self.kernel.outbox.push_back(Outgoing { frame, payload, word, aside: None, conn: None, port: interface });
        }
        Ok(len)
    }

    /// Takes the datagram that came first, up to `max` bytes of it.
    ///
    /// # Errors
    /// As `recvfrom(2)` without waiting.
    pub fn recv_from(&mut self, id: SocketId, max: u32) -> Result<Received, RecvError> {
        let Some(Role::Datagram(at)) = self.kernel.table.get(id).map(|socket| socket.role) else {
            return Err(RecvError::Unsupported);
        };
        let socket = &mut self.kernel.sockets[at as usize];
        let own = socket.own.as_deref_mut().expect("a socket of the socket interface");
        if let Some(error) = own.error.take() {
            return Err(error.into());
        }
        let Some((Datagram { from, to, payload }, word)) = socket.pop_with_word() else {
            return Err(RecvError::WouldBlock);
        };
        if let Some(own) = socket.own.as_deref_mut() {
            own.asker = Some((from, word));
        }
        let whole = payload.len();
        self.kernel.delivered(self.now, self.flow, whole);
        Ok(Received { from, to, payload: payload.slice(0, whole.min(max)), whole })
    }

    /// Joins a group (`IP_ADD_MEMBERSHIP`) on the interface of an address, or on the first.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn join(&mut self, id: SocketId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), OptionError> {
        let (at, port) = self.membership(id, group, interface)?;
        let own = self.kernel.sockets[at as usize].own.as_deref_mut().ok_or(OptionError::Unknown)?;
        if own.groups.contains(&(group, port)) {
            return Err(OptionError::InUse);
        }
        own.groups.push((group, port));
        self.kernel.stack.join(port, group);
        Ok(())
    }

    /// Leaves a group (`IP_DROP_MEMBERSHIP`).
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn leave(&mut self, id: SocketId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), OptionError> {
        let (at, port) = self.membership(id, group, interface)?;
        let own = self.kernel.sockets[at as usize].own.as_deref_mut().ok_or(OptionError::Unknown)?;
        let place = own.groups.iter().position(|joined| *joined == (group, port)).ok_or(OptionError::NotAvailable)?;
        own.groups.remove(place);
        self.kernel.stack.leave(port, group);
        Ok(())
    }

    fn membership(&self, id: SocketId, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(u32, u32), OptionError> {
        let Some(Role::Datagram(at)) = self.kernel.table.get(id).map(|socket| socket.role) else {
            return Err(OptionError::Unknown);
        };
        if !group.is_multicast() {
            return Err(OptionError::Invalid);
        }
        let port = if interface.is_unspecified() { Some(0) } else { self.kernel.stack.port_of(interface) };
        Ok((at, port.ok_or(OptionError::NotAvailable)?))
    }

    /// The port over which a datagram to a group leaves.
    fn interface_for(&self, id: SocketId, to: Ipv4Addr) -> Option<u32> {
        if !to.is_multicast() {
            return None;
        }
        let socket = self.kernel.table.get(id)?;
        let address = socket.settings.address(OptionName::MulticastInterface);
        let address = match (address.is_unspecified(), socket.local) {
            (true, Some(local)) => local.0,
            _ => address,
        };
        Some(self.kernel.stack.port_of(address).unwrap_or(0))
    }

    fn flag(&self, id: SocketId, name: OptionName) -> bool {
        self.kernel.table.get(id).is_some_and(|socket| socket.settings.flag(name))
    }

    fn count(&self, id: SocketId, name: OptionName) -> u32 {
        self.kernel.table.get(id).map_or(0, |socket| socket.settings.count(name))
    }

    pub(super) fn close_datagrams(&mut self, at: u32) {
        let kernel = &mut *self.kernel;
        let socket = std::mem::replace(&mut kernel.sockets[at as usize], UdpSocket::new(0, self.flow, None));
        kernel.socket_ports.retain(|(_, _, other)| *other != at);
        for (group, port) in socket.own.map(|own| own.groups).unwrap_or_default() {
            kernel.stack.leave(port, group);
        }
        kernel.udp_free.push(at);
    }
}

impl UdpSocket {
    pub(super) fn readiness(&mut self) -> Ready {
        let empty = self.is_empty();
        let Some(own) = self.own.as_deref_mut() else { return Ready::NONE };
        own.told = false;
        let mut ready = Ready::WRITABLE;
        if !empty {
            ready |= Ready::READABLE;
        }
        if own.error.is_some() {
            ready |= Ready::ERROR | Ready::READABLE;
        }
        ready
    }

    pub(super) fn apply(&mut self, name: OptionName, value: OptionValue) {
        if let (OptionName::RecvBuffer, OptionValue::Count(bytes), Some(own)) = (name, value, &mut self.own) {
            own.limit = Some(doubled(bytes, RECV_LEAST).into());
        }
    }
}

impl Kernel {
    fn datagrams_conflict(&self, id: SocketId, at: u32, (address, port): SocketAddr) -> bool {
        let Some(this) = self.table.get(id) else { return true };
        let both = |other: &super::table::Socket, name| this.settings.flag(name) && other.settings.flag(name);
        self.sockets.iter().enumerate().any(|(other, socket)| {
            let Some(own) = &socket.own else { return socket.port == port };
            let overlap = own.address == address || own.address.is_unspecified() || address.is_unspecified();
            if socket.port != port || other == at as usize || !overlap {
                return false;
            }
            let shares = self
                .table
                .get(own.id)
                .is_some_and(|other| both(other, OptionName::ReuseAddress) || both(other, OptionName::ReusePort));
            !shares
        })
    }

    /// The socket for a datagram to one: the best match of addresses, then (`SO_REUSEPORT`) a hash of who sent it, or (`SO_REUSEADDR`) the newest.
    pub(in super::super) fn best_socket(&self, to: SocketAddr, from: SocketAddr) -> Option<usize> {
        let begin = self.socket_ports.partition_point(|(port, ..)| *port < to.1);
        let here = || {
            let of_port = self.socket_ports[begin..].iter().take_while(|(port, ..)| *port == to.1);
            of_port.map(|(_, _, at)| *at as usize).filter(|at| self.sockets[*at].takes(to, from))
        };
        let rank = |at: &usize| {
            let socket = &self.sockets[*at];
            let exact = socket.own.as_ref().is_some_and(|own| !own.address.is_unspecified());
            (socket.peer.is_some(), exact)
        };
        let best = here().map(|at| rank(&at)).max()?;
        let equal = || here().filter(|at| rank(at) == best);
        let first = equal().min()?;
        match &self.sockets[first].own {
            None => Some(first),
            Some(own) if own.hash_shared => {
                let mut hash = u64::from(from.0.to_bits()) << 16 | u64::from(from.1);
                hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33;
                equal().nth(hash as usize % equal().count())
            }
            Some(_) => equal().max_by_key(|at| self.sockets[*at].own.as_ref().map(|own| own.id)),
        }
    }

    /// A datagram to a group or to all: every socket on the port that is bound to that address or to none has its copy.
    #[cold]
    pub(in super::super) fn datagram_to_many(
        &mut self,
        ip: &Ipv4Repr,
        udp: UdpRepr,
        payload: &Payload,
        word: u32,
    ) -> Taken {
        let mut taken = Taken::NoSocket;
        for at in 0..self.sockets.len() {
            let Some(own) = &self.sockets[at].own else { continue };
            let address = own.address.is_unspecified() || own.address == ip.dst;
            let peer = self.sockets[at].peer.is_none_or(|peer| peer == (ip.src, udp.src_port));
            if self.sockets[at].port == udp.dst_port && address && peer {
                let from = (ip.src, udp.src_port);
                let datagram = Datagram { from, to: ip.dst, payload: payload.clone() };
                if self.give(at, datagram, word) == Taken::Yes || taken == Taken::NoSocket {
                    taken = Taken::Yes;
                }
            }
        }
        taken
    }

    /// Gives a datagram to a socket, and tells its application.
    #[inline]
    pub(in super::super) fn give(&mut self, at: usize, datagram: Datagram, word: u32) -> Taken {
        let socket = &mut self.sockets[at];
        let limit = self.config.udp_buffer.bytes();
        let limit = socket.own.as_ref().and_then(|own| own.limit).unwrap_or(limit);
        let Some(was_empty) = socket.push(datagram, word, limit) else { return Taken::NoRoom };
        match &mut socket.own {
            None if was_empty => self.events.push_back((socket.flow, AppEvent::Datagrams(UdpId(at as u32)))),
            None => {}
            Some(own) => {
                let told = std::mem::replace(&mut own.told, true);
                if !told {
                    self.events.push_back((socket.flow, AppEvent::Ready(own.id)));
                }
            }
        }
        Taken::Yes
    }

    /// ICMP says that a datagram of a socket has not arrived. Linux's `__udp4_lib_err` without `IP_RECVERR`: the socket learns of it if it is
    /// connected and the error is final.
    pub(in super::super) fn datagram_refused(&mut self, at: usize) {
        let socket = &mut self.sockets[at];
        let Some(own) = socket.own.as_deref_mut().filter(|_| socket.peer.is_some()) else { return };
        own.error = Some(SocketError::Refused);
        if !std::mem::replace(&mut own.told, true) {
            self.events.push_back((socket.flow, AppEvent::Ready(own.id)));
        }
    }
}
