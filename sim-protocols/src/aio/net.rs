//! Streams and listeners, with the names that `tokio::net` has for them.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use sim_core::{Payload, Span};

use super::context::{self, Side};
use crate::host::{AcceptError, OptionName, OptionValue, Ready, RecvError, SendError, Shutdown, SocketId};
use crate::tcp::{Counters, State, TcpInfo, WriteFlags};

/// The backlog of [`TcpListener::bind`], which is that of `tokio` and of the standard library.
const BACKLOG: u32 = 128;

/// The address of a host by its name.
pub fn resolve(name: &str) -> Option<Ipv4Addr> {
    context::with(|current| current.rest.scope.names.get(name).copied())
}

/// What stands for an address and a port.
pub trait ToAddr {
    /// The address.
    ///
    /// # Errors
    /// Nobody has the name; it is none of IPv4.
    fn to_addr(&self) -> io::Result<SocketAddrV4>;
}

fn unknown(name: &str) -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, format!("no host has the name `{name}`"))
}

impl ToAddr for SocketAddrV4 {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        Ok(*self)
    }
}

impl ToAddr for SocketAddr {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        match self {
            SocketAddr::V4(addr) => Ok(*addr),
            SocketAddr::V6(_) => Err(io::Error::new(io::ErrorKind::Unsupported, "hosts speak IPv4 (EAFNOSUPPORT)")),
        }
    }
}

impl ToAddr for (Ipv4Addr, u16) {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        Ok(SocketAddrV4::new(self.0, self.1))
    }
}

impl ToAddr for (IpAddr, u16) {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        SocketAddr::new(self.0, self.1).to_addr()
    }
}

impl ToAddr for (&str, u16) {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        let address = self.0.parse().ok().or_else(|| resolve(self.0)).ok_or_else(|| unknown(self.0))?;
        Ok(SocketAddrV4::new(address, self.1))
    }
}

impl ToAddr for &str {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        let (name, port) = self.rsplit_once(':').ok_or_else(|| unknown(self))?;
        (name, port.parse().map_err(|_| unknown(self))?).to_addr()
    }
}

impl ToAddr for String {
    fn to_addr(&self) -> io::Result<SocketAddrV4> {
        self.as_str().to_addr()
    }
}

pub(super) fn pair(addr: SocketAddrV4) -> (Ipv4Addr, u16) {
    (*addr.ip(), addr.port())
}

pub(super) fn single((address, port): (Ipv4Addr, u16)) -> SocketAddr {
    SocketAddrV4::new(address, port).into()
}

/// A socket that is closed when it is dropped.
pub(super) struct Owned(pub SocketId);

impl Drop for Owned {
    fn drop(&mut self) {
        context::try_with(|current| current.close(self.0));
    }
}

impl Owned {
    pub fn set(&self, name: OptionName, value: impl Into<OptionValue>) -> io::Result<()> {
        Ok(context::with(|current| current.sockets().set(self.0, name, value))?)
    }

    pub fn get(&self, name: OptionName) -> io::Result<OptionValue> {
        Ok(context::with(|current| current.sockets().get(self.0, name))?)
    }

    pub fn local_addr(&self) -> SocketAddr {
        single(context::with(|current| current.sockets().local_addr(self.0)))
    }

    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        let peer = context::with(|current| current.sockets().peer_addr(self.0));
        peer.map(single).ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// A stream socket before it is connected or listens, for its options.
pub struct TcpSocket(Owned);

impl TcpSocket {
    /// A socket.
    pub fn new() -> TcpSocket {
        TcpSocket(Owned(context::with(|current| current.sockets().stream())))
    }

    /// Sets an option.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set(&self, name: OptionName, value: impl Into<OptionValue>) -> io::Result<()> {
        self.0.set(name, value)
    }

    /// What an option is worth.
    ///
    /// # Errors
    /// As `getsockopt(2)`.
    pub fn get(&self, name: OptionName) -> io::Result<OptionValue> {
        self.0.get(name)
    }

    /// Gives it its address.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub fn bind(&self, addr: impl ToAddr) -> io::Result<()> {
        let addr = pair(addr.to_addr()?);
        Ok(context::with(|current| current.sockets().bind(self.0.0, addr))?)
    }

    /// Makes it listen.
    ///
    /// # Errors
    /// As `listen(2)`.
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        context::with(|current| current.sockets().listen(self.0.0, backlog))?;
        Ok(TcpListener(self.0))
    }

    /// Connects it.
    ///
    /// # Errors
    /// As `connect(2)`.
    pub async fn connect(self, addr: impl ToAddr) -> io::Result<TcpStream> {
        let addr = pair(addr.to_addr()?);
        let id = self.0.0;
        context::with(|current| current.sockets().connect(id, addr))?;
        poll_fn(|cx| {
            context::with(|current| {
                let mut sockets = current.sockets();
                let ready = sockets.readiness(id);
                if let Some(error) = sockets.take_error(id) {
                    return Poll::Ready(Err(io::Error::from(error)));
                }
                if ready.any(Ready::WRITABLE | Ready::HANG_UP) {
                    return Poll::Ready(Ok(()));
                }
                current.wait(id, Side::Write, cx.waker());
                Poll::Pending
            })
        })
        .await?;
        Ok(TcpStream(Arc::new(self.0)))
    }
}

impl Default for TcpSocket {
    fn default() -> TcpSocket {
        TcpSocket::new()
    }
}

/// Waits for connections, of anybody.
pub struct TcpListener(Owned);

impl TcpListener {
    /// Listens at an address, with a backlog of 128; `SO_REUSEADDR` is on, as `tokio` has it.
    ///
    /// # Errors
    /// As `bind(2)` and `listen(2)`.
    pub async fn bind(addr: impl ToAddr) -> io::Result<TcpListener> {
        let socket = TcpSocket::new();
        socket.set(OptionName::ReuseAddress, true)?;
        socket.bind(addr)?;
        socket.listen(BACKLOG)
    }

    /// Takes the connection that has waited longest.
    ///
    /// # Errors
    /// As `accept(2)`.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The same, for futures written by hand.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        context::with(|current| match current.sockets().accept(self.0.0) {
            Ok((id, peer)) => Poll::Ready(Ok((TcpStream(Arc::new(Owned(id))), single(peer)))),
            Err(AcceptError::WouldBlock) => {
                current.wait(self.0.0, Side::Read, cx.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        })
    }

    /// The address that it listens at.
    ///
    /// # Errors
    /// None; it has the form of the standard library.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    /// Sets an option, which connections inherit.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set(&self, name: OptionName, value: impl Into<OptionValue>) -> io::Result<()> {
        self.0.set(name, value)
    }
}

/// A connection. Dropped, it is closed as by `close(2)`: what was written is still sent, but where data was not read it is reset.
pub struct TcpStream(Arc<Owned>);

impl TcpStream {
    /// Connects to a listener.
    ///
    /// # Errors
    /// As `connect(2)`.
    pub async fn connect(addr: impl ToAddr) -> io::Result<TcpStream> {
        TcpSocket::new().connect(addr).await
    }

    /// Its own address.
    ///
    /// # Errors
    /// None; it has the form of the standard library.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    /// The address of the other end.
    ///
    /// # Errors
    /// It is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }

    /// Sets an option.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set(&self, name: OptionName, value: impl Into<OptionValue>) -> io::Result<()> {
        self.0.set(name, value)
    }

    /// What an option is worth.
    ///
    /// # Errors
    /// As `getsockopt(2)`.
    pub fn get(&self, name: OptionName) -> io::Result<OptionValue> {
        self.0.get(name)
    }

    /// `TCP_NODELAY`.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        self.set(OptionName::NoDelay, on)
    }

    /// `TCP_INFO`.
    pub fn info(&self) -> Option<TcpInfo> {
        context::with(|current| current.sockets().tcp_info(self.0.0))
    }

    /// A look at what it counts, which does not keep it open.
    pub fn watch(&self) -> Watch {
        Watch(Arc::downgrade(&self.0))
    }

    /// The state of its connection.
    pub fn state(&self) -> State {
        context::with(|current| current.sockets().state(self.0.0))
    }

    /// Shuts one half, or both.
    ///
    /// # Errors
    /// As `shutdown(2)`.
    pub fn shut(&self, how: Shutdown) -> io::Result<()> {
        Ok(context::with(|current| current.sockets().shutdown(self.0.0, how))?)
    }

    /// Resets the connection, and closes the socket.
    pub fn abort(self) {
        context::with(|current| current.sockets().abort(self.0.0));
    }

    /// What would be read next, which stays. Nothing: the end of the stream.
    ///
    /// # Errors
    /// As `recv(2)`.
    pub async fn peek(&self, buf: &mut [u8]) -> io::Result<usize> {
        let max = u32::try_from(buf.len()).unwrap_or(u32::MAX);
        let payload = poll_fn(|cx| {
            context::with(|current| match current.sockets().peek(self.0.0, max) {
                Err(RecvError::WouldBlock) => {
                    current.wait(self.0.0, Side::Read, cx.waker());
                    Poll::Pending
                }
                other => Poll::Ready(other),
            })
        })
        .await?;
        let mut bytes = Vec::new();
        payload.append_to(&mut bytes);
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }

    /// Two halves for two tasks. The writing half shuts its direction when it is dropped.
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        (OwnedReadHalf(TcpStream(self.0.clone())), OwnedWriteHalf { stream: self, shuts: true })
    }

    /// Takes what has come, up to `max` bytes; nothing at the end.
    pub fn poll_recv(&self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Payload>> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        context::with(|current| match current.sockets().recv(self.0.0, max) {
            Ok(payload) => Poll::Ready(Ok(payload)),
            Err(RecvError::WouldBlock) => {
                current.wait(self.0.0, Side::Read, cx.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        })
    }

    /// Sends of these buffers, one behind the other, what there is room for.
    pub fn poll_send(&self, cx: &mut Context<'_>, bufs: &[&[u8]]) -> Poll<io::Result<usize>> {
        let id = self.0.0;
        context::with(|current| {
            let mut sockets = current.sockets();
            // What does not fit is not copied; what fails must have a byte to fail with.
            let mut room = sockets.room(id).max(1) as usize;
            let mut bytes = Vec::with_capacity(room.min(bufs.iter().map(|buf| buf.len()).sum()));
            for buf in bufs {
                let part = &buf[..buf.len().min(room)];
                bytes.extend_from_slice(part);
                room -= part.len();
            }
            match sockets.send(id, Payload::from_bytes(bytes), WriteFlags::default()) {
                Ok(sent) => Poll::Ready(Ok(sent as usize)),
                Err(SendError::WouldBlock) => {
                    current.wait(id, Side::Write, cx.waker());
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error.into())),
            }
        })
    }

    /// Sends bytes that are shared with the caller, or zeros that nobody stores; says how many there was room for.
    ///
    /// # Errors
    /// As `send(2)`.
    pub async fn send(&self, payload: Payload) -> io::Result<u32> {
        poll_fn(|cx| {
            context::with(|current| match current.sockets().send(self.0.0, payload.clone(), WriteFlags::default()) {
                Ok(sent) => Poll::Ready(Ok(sent)),
                Err(SendError::WouldBlock) => {
                    current.wait(self.0.0, Side::Write, cx.waker());
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error.into())),
            })
        })
        .await
    }

    pub(super) fn finish_writing(&self) -> io::Result<()> {
        match self.shut(Shutdown::Write) {
            // Both sides may have closed already: there is nothing left to shut.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
            other => other,
        }
    }
}

/// A look at a connection that somebody else has.
#[derive(Clone)]
pub struct Watch(Weak<Owned>);

impl Watch {
    /// What it has counted; nothing once it is closed here.
    pub fn counters(&self) -> Option<Counters> {
        let socket = self.0.upgrade()?;
        context::try_with(|current| current.sockets().counters(socket.0)).flatten()
    }

    /// The state it is in; nothing once it is closed here.
    pub fn state(&self) -> Option<State> {
        let socket = self.0.upgrade()?;
        context::try_with(|current| current.sockets().state(socket.0))
    }

    /// What is written next is an answer on which so long was worked; 0 is the number where there is one at a time.
    pub(crate) fn begin_answer(&self, number: u32, worked: Span) {
        let Some(socket) = self.0.upgrade() else { return };
        let _nobody = context::try_with(|current| current.sockets().begin_answer(socket.0, number, worked));
    }

    /// How long the other end has worked on an answer whose first byte has come.
    pub(crate) fn take_served(&self, number: u32) -> Option<Span> {
        let socket = self.0.upgrade()?;
        context::try_with(|current| current.sockets().take_served(socket.0, number)).flatten()
    }

    /// The least round trip that this host has measured to the other end.
    pub(crate) fn least_round_trip(&self) -> Option<Span> {
        let socket = self.0.upgrade()?;
        context::try_with(|current| current.sockets().least_round_trip(socket.0)).flatten()
    }

    /// The same of all answers that nobody has asked for.
    pub(crate) fn all_served(&self) -> BTreeMap<u32, Span> {
        let all =
            self.0.upgrade().and_then(|socket| context::try_with(|current| current.sockets().all_served(socket.0)));
        all.unwrap_or_default()
    }
}

impl fmt::Debug for TcpStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpStream({:?})", self.0.0)
    }
}

impl fmt::Debug for TcpListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TcpListener({:?})", self.0.0)
    }
}

/// The half that reads.
#[derive(Debug)]
pub struct OwnedReadHalf(pub(super) TcpStream);

/// The half that writes.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    pub(super) stream: TcpStream,
    shuts: bool,
}

impl OwnedWriteHalf {
    /// Drops it and leaves its direction open until the other half is dropped, too.
    pub fn forget(mut self) {
        self.shuts = false;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if self.shuts {
            context::try_with(|current| {
                if !current.rest.over {
                    // Whoever drops it does not want to know that it was closed already.
                    let _closed = current.sockets().shutdown(self.stream.0.0, Shutdown::Write);
                }
            });
        }
    }
}
