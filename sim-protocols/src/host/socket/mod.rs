//! Sockets: the façade between an application and the transports, in BSD words where they mean the BSD thing.
//!
//! | to read | file |
//! | --- | --- |
//! | what an application may call | this one, `stream`, `listener`, `datagram` |
//! | every option, simulated or stored | `options`, `settings` |
//! | why a call fails, under the names of `errno` | `errors` |
//!
//! No call waits. What would wait on a real machine says `EAGAIN`, and [`AppEvent::Ready`] comes when there is something new; then
//! [`Sockets::readiness`] says what, as `poll` would. The event comes once until it is asked, for changes alone: read and write until the call
//! says `EAGAIN`, as behind an edge-triggered `epoll`.
//!
//! What is sent leaves when the application's call returns, in the order of the calls: at the same moment of simulated time.
//!
//! As in Linux, and held by tests: a backlog of n holds n + 1 established connections; beyond, SYNs are dropped, and an ACK that would
//! complete a handshake is ignored until there is room. Closing a socket with unread data resets its connection; closing a listener resets
//! what waits in its queue. Datagrams to a group come to every socket on the port that is bound to the group or to no address, once anybody on
//! the host has joined (`IP_MULTICAST_ALL`); broadcasts, to every socket on the port.
//!
//! Where a flow's `tcp` settings have Fast Open (RFC 7413), a stream to a server whose cookie is known may be written at once, and what is written in
//! the instant of its `connect` goes with the SYN; a listener gives cookies, and a connection that brings data with the right one is accepted before its
//! handshake is over.
//!
//! Absent: SYN cookies (a full queue drops the SYN); urgent data; `SO_BINDTODEVICE`; source-specific
//! multicast, IGMP, and groups beyond a router; a host cannot reach itself but by multicast and broadcast.

mod datagram;
mod errors;
mod listener;
mod loan;
mod options;
mod settings;
mod stream;
mod table;
#[cfg(test)]
mod tests;

use std::net::Ipv4Addr;

use sim_core::{Aside, Cx, Payload, Time};

pub use datagram::Received;
pub use errors::{
    AcceptError, BindError, ConnectError, ListenError, OptionError, RecvError, SendError, ShutdownError, SocketError,
};
pub(crate) use loan::{Loan, Spare};
pub use options::{Effect, Kinds, OptionEntry, OptionName, OptionValue, SOCKET_OPTIONS};
pub use table::SocketId;

pub(super) use datagram::OwnDatagrams;
pub(super) use listener::OwnListener;
pub(super) use stream::{connection_event, tell_room};
pub(super) use table::SocketTable;

#[cfg(doc)]
use super::calls::AppEvent;
use super::calls::{ConnId, SocketAddr};
use super::kernel::Kernel;
use crate::wire::Frame;
use options::Settings;
use table::Role;

/// A datagram or a segment that a socket has sent, until the engine gets it.
pub(super) struct Outgoing {
    frame: Frame,
    payload: Payload,
    word: u32,
    /// What a segment lets the other end know besides.
    aside: Option<Box<Aside>>,
    /// Its connection, which learns of a way that has become narrow.
    conn: Option<ConnId>,
    /// The port over which it leaves, where that is not the routes' matter.
    port: Option<u32>,
}

impl Kernel {
    /// What sockets have sent goes to the engine.
    #[inline]
    pub fn post(&mut self, cx: &mut Cx<'_, Frame>) {
        if !self.outbox.is_empty() {
            self.post_all(cx);
        }
    }

    #[inline(never)]
    fn post_all(&mut self, cx: &mut Cx<'_, Frame>) {
        while let Some(Outgoing { frame, payload, word, aside, conn, port }) = self.outbox.pop_front() {
            let narrow = match port {
                Some(port) => self.stack.output_over(cx, port, frame, payload, word),
                None => self.stack.output_beside(cx, frame, payload, word, aside),
            };
            if let (Some(mtu), Some(id)) = (narrow, conn)
                && let Some(conn) = self.of(id)
            {
                conn.tcp.on_mtu(mtu);
                self.mark(id.slot);
            }
        }
    }
}

/// What a socket is ready for, as `poll` says it.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready(u8);

impl Ready {
    /// Nothing.
    pub const NONE: Ready = Ready(0);
    /// `POLLIN`: something can be read, or accepted, or the end of the stream has come, or an error waits.
    pub const READABLE: Ready = Ready(1);
    /// `POLLOUT`: something can be written, or would fail at once.
    pub const WRITABLE: Ready = Ready(2);
    /// `POLLRDHUP`: the other end has closed its half, or ours was shut for reading.
    pub const READ_CLOSED: Ready = Ready(4);
    /// `POLLHUP`: both halves are closed.
    pub const HANG_UP: Ready = Ready(8);
    /// `POLLERR`: an error waits for [`Sockets::take_error`].
    pub const ERROR: Ready = Ready(16);

    /// Whether all of `other` is in it.
    pub fn has(self, other: Ready) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether something of `other` is in it.
    pub fn any(self, other: Ready) -> bool {
        self.0 & other.0 != 0
    }
}

impl std::ops::BitOr for Ready {
    type Output = Ready;

    fn bitor(self, other: Ready) -> Ready {
        Ready(self.0 | other.0)
    }
}

impl std::ops::BitOrAssign for Ready {
    fn bitor_assign(&mut self, other: Ready) {
        *self = *self | other;
    }
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let words = ["readable", "writable", "read closed", "hang-up", "error"];
        let set = words.iter().enumerate().filter(|(bit, _)| self.0 & 1 << bit != 0).map(|(_, word)| *word);
        write!(f, "{{{}}}", set.collect::<Vec<_>>().join(", "))
    }
}

/// Which half [`Sockets::shutdown`] shuts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shutdown {
    /// `SHUT_RD`.
    Read,
    /// `SHUT_WR`.
    Write,
    /// `SHUT_RDWR`.
    Both,
}

/// The socket calls of an application: from [`Calls::sockets`](super::Calls::sockets).
pub struct Sockets<'a> {
    kernel: &'a mut Kernel,
    now: Time,
    /// The flow, hence the application, that calls.
    flow: u32,
}

impl<'a> Sockets<'a> {
    pub(super) fn new(kernel: &'a mut Kernel, now: Time, flow: u32) -> Sockets<'a> {
        Sockets { kernel, now, flow }
    }

    /// A stream socket: `socket(AF_INET, SOCK_STREAM)`.
    pub fn stream(&mut self) -> SocketId {
        self.kernel.table.add(self.flow, Role::Fresh, Settings::default())
    }

    /// A datagram socket: `socket(AF_INET, SOCK_DGRAM)`.
    pub fn datagram(&mut self) -> SocketId {
        self.open_datagrams()
    }

    /// Gives a socket its address; 0.0.0.0 is every one of the host's, port 0 one that is free.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub fn bind(&mut self, id: SocketId, to: SocketAddr) -> Result<(), BindError> {
        let socket = self.kernel.table.get(id).ok_or(BindError::Invalid)?;
        match socket.role {
            _ if socket.local.is_some() => Err(BindError::Invalid),
            Role::Fresh => self.bind_stream(id, to),
            Role::Datagram(at) => self.bind_datagrams(id, at, to),
            Role::Listener | Role::Stream(_) => Err(BindError::Invalid),
        }
    }

    /// Begins to connect a stream, whose socket becomes writable or has an error when it is decided (`EINPROGRESS`); or says whom a datagram
    /// socket talks to.
    ///
    /// # Errors
    /// As `connect(2)`, as far as they are known at once.
    pub fn connect(&mut self, id: SocketId, to: SocketAddr) -> Result<(), ConnectError> {
        match self.kernel.table.get(id).map(|socket| socket.role) {
            None | Some(Role::Listener) => Err(ConnectError::Invalid),
            Some(Role::Datagram(at)) => self.connect_datagrams(id, at, to),
            Some(Role::Fresh) => self.connect_stream(id, to),
            Some(Role::Stream(conn)) => match self.kernel.get(conn) {
                Some(conn) if !conn.dead && conn.established => Err(ConnectError::IsConnected),
                Some(conn) if !conn.dead => Err(ConnectError::Already),
                _ => {
                    // A socket whose attempt has failed may try again.
                    self.kernel.release(conn);
                    self.connect_stream(id, to)
                }
            },
        }
    }

    /// What a socket is ready for. [`AppEvent::Ready`] comes again from now on.
    pub fn readiness(&mut self, id: SocketId) -> Ready {
        match self.kernel.table.get(id).map(|socket| socket.role) {
            None => Ready::NONE,
            // Linux's tcp_poll.
            Some(Role::Fresh) => Ready::WRITABLE | Ready::HANG_UP,
            Some(Role::Listener) => self.listener_readiness(id),
            Some(Role::Stream(conn)) => self.kernel.of(conn).map_or(Ready::NONE, stream::readiness),
            Some(Role::Datagram(at)) => self.kernel.sockets[at as usize].readiness(),
        }
    }

    /// The address that a socket has; 0.0.0.0 and port 0 before it has one.
    pub fn local_addr(&mut self, id: SocketId) -> SocketAddr {
        let none = (Ipv4Addr::UNSPECIFIED, 0);
        let Some(socket) = self.kernel.table.get(id) else { return none };
        let bound = socket.local;
        match socket.role {
            Role::Fresh | Role::Listener => bound.unwrap_or(none),
            Role::Stream(conn) => {
                self.kernel.get(conn).map_or(none, |conn| (conn.key.addresses().0, conn.local_port()))
            }
            Role::Datagram(at) => {
                let socket = &self.kernel.sockets[at as usize];
                let (port, peer) = (socket.port, socket.peer);
                let address = bound.map_or(none.0, |bound| bound.0);
                match peer {
                    Some(peer) if address.is_unspecified() => {
                        (self.kernel.stack.source_for(peer.0).unwrap_or(address), port)
                    }
                    _ => (address, port),
                }
            }
        }
    }

    /// The address of the other end, if there is one.
    pub fn peer_addr(&self, id: SocketId) -> Option<SocketAddr> {
        match self.kernel.table.get(id)?.role {
            Role::Fresh | Role::Listener => None,
            Role::Stream(conn) => {
                let conn = self.kernel.get(conn).filter(|conn| conn.established)?;
                Some((conn.key.addresses().1, conn.key.ports().1))
            }
            Role::Datagram(at) => self.kernel.sockets[at as usize].peer,
        }
    }

    /// `SO_ERROR`: what has become of the connection, or of a datagram sent to the peer; told once.
    pub fn take_error(&mut self, id: SocketId) -> Option<SocketError> {
        match self.kernel.table.get(id)?.role {
            Role::Fresh | Role::Listener => None,
            Role::Stream(conn) => SocketError::of(self.kernel.of(conn)?.tcp.take_error()?),
            Role::Datagram(at) => self.kernel.sockets[at as usize].own.as_mut()?.error.take(),
        }
    }

    /// Closes a socket. What its connection has still to send is sent; where data was not read, or `SO_LINGER` is zero, it is reset.
    pub fn close(&mut self, id: SocketId) {
        let linger = self.kernel.table.get(id).and_then(|socket| socket.settings.linger());
        self.end(id, linger);
    }

    /// Closes a socket and resets its connection.
    pub fn abort(&mut self, id: SocketId) {
        self.end(id, Some(sim_core::Span::ZERO));
    }

    fn end(&mut self, id: SocketId, linger: Option<sim_core::Span>) {
        let Some(socket) = self.kernel.table.remove(id) else { return };
        match socket.role {
            Role::Fresh => {}
            Role::Listener => self.close_listener(id),
            Role::Stream(conn) => self.close_stream(conn, linger),
            Role::Datagram(at) => self.close_datagrams(at),
        }
    }
}
