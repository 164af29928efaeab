//! What an application may ask of its host, and what it is told.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Cx, Payload, Record, Span, Time};

use super::config::{FlowConfig, FlowEnd};
use super::kernel::Kernel;
use super::socket::{SocketId, Sockets};
use super::stats::{Answer, FlowStats, Outcome};
use super::udp::Datagram;
use crate::app::Data;
use crate::tcp::{Counters, State};
use crate::wire::Frame;

/// A TCP connection on its host. One that has been closed is remembered by nobody: calls on it do nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnId {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// A UDP socket on its host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpId(pub(super) u32);

/// An address and a port.
pub type SocketAddr = (Ipv4Addr, u16);

/// What an application is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AppEvent {
    /// A connection that it opened is established.
    Connected(ConnId),
    /// A connection to its listener is established.
    Accepted(ConnId),
    /// There are bytes to read, on a connection that is not drained.
    Readable(ConnId),
    /// There is room to write again, after [`Calls::write`] has taken less than it was given.
    Writable(ConnId),
    /// The bytes that [`Calls::drain`] waits for are there.
    Received(ConnId),
    /// All bytes written are acknowledged, after [`Calls::tell_acknowledged`].
    Acknowledged(ConnId),
    /// The other end has closed, and all its bytes are read.
    PeerClosed(ConnId),
    /// The connection is over: closed at both ends (perhaps still in TIME-WAIT), reset or given up.
    Closed(ConnId, Outcome),
    /// There is something new at a socket of the socket interface: [`Sockets::readiness`] says what.
    Ready(SocketId),
    /// Datagrams wait in a socket that was empty.
    Datagrams(UdpId),
    /// ICMP says that a datagram has not arrived.
    UdpError(UdpError),
    /// An answer to an echo request.
    Echo {
        /// The request's number.
        seq: u16,
        /// Who answered.
        from: Ipv4Addr,
    },
    /// ICMP says that an echo request has not arrived.
    EchoError {
        /// The request's number.
        seq: u16,
        /// Who says so.
        from: Ipv4Addr,
        /// What it says.
        answer: Answer,
    },
}

/// What ICMP says of a datagram that a socket has sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpError {
    /// The socket.
    pub socket: UdpId,
    /// Where the datagram was going.
    pub to: SocketAddr,
    /// Who says so.
    pub from: Ipv4Addr,
    /// What it says.
    pub answer: Answer,
}

/// One end of a flow. It is woken for each message, not for each packet.
pub trait App: Send {
    /// Its time has come: the flow's start at the client, the start of the simulation at the server.
    fn start(&mut self, calls: &mut Calls<'_, '_>);
    /// Something happened.
    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent);
    /// A wake-up that it asked for. There is no cancelling.
    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32);
    /// Its process is killed: it closes its sockets, and of all calls only [`App::finish`] still comes. Events befall servers that serve anybody
    /// ([`AppConfig::serves_anybody`](crate::AppConfig::serves_anybody)) and services; nobody asks it of others.
    fn killed(&mut self, calls: &mut Calls<'_, '_>);
    /// The simulation stops: what is still open gets its row.
    fn finish(&mut self, _calls: &mut Calls<'_, '_>) {}
}

/// The system calls of an application.
pub struct Calls<'a, 'c> {
    pub(super) cx: &'a mut Cx<'c, Frame>,
    pub(super) kernel: &'a mut Kernel,
    /// The flow, hence the application, that calls.
    pub(super) flow: u32,
}

impl Calls<'_, '_> {
    /// The present moment.
    pub fn now(&self) -> Time {
        self.cx.now()
    }

    /// The flow that it is an end of.
    pub fn flow(&self) -> Arc<FlowConfig> {
        self.kernel.flow(self.flow).config.clone()
    }

    /// The flow's number: the flow word of its packets.
    pub fn number(&self) -> u32 {
        self.kernel.flow(self.flow).config.number
    }

    /// Which end it is.
    pub fn end(&self) -> FlowEnd {
        self.kernel.flow(self.flow).end
    }

    /// Asks for [`App::timer`] at a moment, now at the earliest.
    pub fn wake_at(&mut self, at: Time, token: u32) {
        self.kernel.wake_app(self.cx, self.flow, at, token);
    }

    /// The socket calls, for applications that listen for anybody and connect to anybody.
    pub fn sockets(&mut self) -> Sockets<'_> {
        Sockets::new(self.kernel, self.cx.now(), self.flow)
    }

    /// Says how the flow stands; what is final stays.
    pub fn outcome(&mut self, outcome: Outcome) {
        self.kernel.flow_mut(self.flow).outcome(outcome);
    }

    /// Keeps secrets that readers of captures need, lines of an `SSLKEYLOGFILE`.
    pub(crate) fn secrets(&mut self, lines: &str) {
        lines.lines().for_each(|line| self.cx.secret(line));
    }

    /// Says that something has failed which makes the run worthless.
    pub(crate) fn fail(&mut self, what: String) {
        self.cx.fail(what);
    }

    pub(crate) fn stats(&mut self) -> &mut FlowStats {
        &mut self.kernel.flow_mut(self.flow).stats
    }

    /// Messages of the flow that the stop has overtaken.
    pub(crate) fn under_way(&self) -> u64 {
        self.cx.under_way(self.kernel.flow(self.flow).config.number)
    }

    pub(crate) fn emit<R: Record>(&mut self, row: &R) {
        self.cx.emit(row);
    }
}

/// TCP.
impl Calls<'_, '_> {
    /// Opens a connection from an ephemeral port.
    pub fn connect(&mut self, to: SocketAddr) -> ConnId {
        self.kernel.connect(self.cx, self.flow, None, to)
    }

    /// Opens a connection from a port.
    pub fn connect_from(&mut self, port: u16, to: SocketAddr) -> ConnId {
        self.kernel.connect(self.cx, self.flow, Some(port), to)
    }

    /// Listens on the flow's port; connections that the flow's packets ask for come as [`AppEvent::Accepted`].
    pub fn listen(&mut self) {
        self.kernel.listen(self.flow);
    }

    /// Writes what fits into the send buffer, and says how much that was.
    pub fn write(&mut self, conn: ConnId, payload: Payload) -> u32 {
        self.kernel.write(conn, payload)
    }

    /// Lets what was written leave by itself, as the end of a `write` does in Linux: what is written next in the same instant begins a new
    /// segment, where Nagle's algorithm lets the first one go.
    pub fn flush(&mut self, conn: ConnId) {
        self.kernel.flush(self.cx, conn);
    }

    /// Whether connections that this flow opens may carry data in their SYN (Fast Open): what is written right after [`Calls::connect`] does,
    /// if the server has given a cookie before.
    pub fn opens_fast(&self) -> bool {
        self.kernel.flow(self.flow).tcp.fast_open.client
    }

    /// Lets the socket write so many bytes more, as room appears; `u64::MAX` never ends. A shutdown waits for them.
    pub fn feed(&mut self, conn: ConnId, bytes: u64, data: Data) {
        self.kernel.feed(conn, bytes, data);
    }

    /// Forgets what is still to be fed.
    pub fn stop_feeding(&mut self, conn: ConnId) {
        self.kernel.stop_feeding(conn);
    }

    /// Asks for [`AppEvent::Acknowledged`] once all that was written and is to be fed is acknowledged.
    pub fn tell_acknowledged(&mut self, conn: ConnId) {
        self.kernel.tell_acknowledged(conn);
    }

    /// Lets the socket read all that comes, and throw it away after a look at a pattern. [`AppEvent::Received`] comes once
    /// `until` bytes have been read since the connection was established.
    pub fn drain(&mut self, conn: ConnId, data: Data, until: u64) {
        self.kernel.drain(self.cx.now(), conn, data, until);
    }

    /// Reads no more by itself.
    pub fn stop_draining(&mut self, conn: ConnId) {
        self.kernel.stop_draining(conn);
    }

    /// Reads up to `max` bytes and looks at a pattern; says how many there were.
    pub fn receive(&mut self, conn: ConnId, max: u32, data: Data) -> u32 {
        self.kernel.receive(self.cx.now(), conn, max, data)
    }

    /// Reads up to `max` bytes.
    pub fn read(&mut self, conn: ConnId, max: u32) -> Payload {
        self.kernel.read(self.cx.now(), conn, max)
    }

    /// Bytes read since the connection was established.
    pub fn received(&self, conn: ConnId) -> u64 {
        self.kernel.received(conn)
    }

    /// Closes the sending half, when all that was written and is to be fed is sent.
    pub fn shutdown(&mut self, conn: ConnId) {
        self.kernel.shutdown(conn);
    }

    /// Resets the connection.
    pub fn abort(&mut self, conn: ConnId) {
        self.kernel.abort(conn);
    }

    /// Whether the connection is known and not over.
    pub fn is_open(&self, conn: ConnId) -> bool {
        self.kernel.is_open(conn)
    }

    /// What it has counted.
    pub(crate) fn counters(&self, conn: ConnId) -> Option<Counters> {
        Some(self.kernel.counted(conn)?.0)
    }

    /// What is written next is an answer on which so long was worked ([`crate::tcp::Connection::begin_answer`]).
    pub(crate) fn begin_answer(&mut self, conn: ConnId, worked: Span) {
        let now = self.now();
        if let Some(conn) = self.kernel.of(conn) {
            conn.tcp.begin_answer(0, worked, now);
        }
    }

    /// The least round trip that this host has measured to the other end, on whatever connection it was asked of.
    pub(crate) fn least_round_trip(&mut self, conn: ConnId) -> Option<Span> {
        self.kernel.least_round_trip(conn)
    }

    /// How long the other end has worked on the answer that has begun to come.
    pub(crate) fn take_served(&mut self, conn: ConnId) -> Option<Span> {
        self.kernel.of(conn)?.tcp.take_served(0)
    }

    /// Its state; CLOSED where it is over.
    pub fn state(&self, conn: ConnId) -> State {
        self.kernel.state(conn)
    }
}

/// UDP and ICMP echo.
impl Calls<'_, '_> {
    /// A socket on an ephemeral port, open to every peer.
    pub fn udp_open(&mut self) -> UdpId {
        self.kernel.udp_open(self.flow, None, None)
    }

    /// A socket on a port, open to every peer.
    pub fn udp_bind(&mut self, port: u16) -> UdpId {
        self.kernel.udp_open(self.flow, Some(port), None)
    }

    /// A socket on an ephemeral port that talks to one peer alone.
    pub fn udp_connect(&mut self, to: SocketAddr) -> UdpId {
        self.kernel.udp_open(self.flow, None, Some(to))
    }

    /// Sends a datagram to the socket's peer.
    pub fn send(&mut self, socket: UdpId, payload: Payload) {
        let to = self.kernel.udp_peer(socket).expect("the socket was opened with a peer");
        self.kernel.udp_send(self.cx, self.flow, socket, to, None, payload);
    }

    /// Sends a datagram, with a time to live of its own where one is given.
    pub fn send_to(&mut self, socket: UdpId, to: SocketAddr, ttl: Option<u8>, payload: Payload) {
        self.kernel.udp_send(self.cx, self.flow, socket, to, ttl, payload);
    }

    /// Takes a datagram that has come.
    pub fn receive_from(&mut self, socket: UdpId) -> Option<Datagram> {
        self.kernel.udp_receive(socket)
    }

    /// Sends an echo request; the answer comes as [`AppEvent::Echo`] or [`AppEvent::EchoError`].
    pub fn send_echo(&mut self, to: Ipv4Addr, seq: u16, ttl: u8, payload: Payload) {
        self.kernel.send_echo(self.cx, self.flow, to, (seq, ttl), payload);
    }
}
