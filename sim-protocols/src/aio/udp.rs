//! Datagrams, with the names that `tokio::net` has for them.

use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::task::{Context, Poll};

use sim_core::Payload;

use super::context::{self, Side};
use super::net::{Owned, ToAddr, pair, single};
use crate::host::{OptionName, OptionValue, Received, RecvError};

/// Who has sent a datagram, and to which address of this host: what an answer needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Asker {
    /// Who asks.
    pub peer: SocketAddr,
    /// Who was asked: one of this host's addresses, or a group, or the address of all.
    pub at: Ipv4Addr,
}

/// A datagram socket. Any number of tasks may share it.
pub struct UdpSocket(Owned);

impl UdpSocket {
    /// A socket without an address, for its options.
    pub fn unbound() -> UdpSocket {
        UdpSocket(Owned(context::with(|current| current.sockets().datagram())))
    }

    /// A socket with an address.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub async fn bind(addr: impl ToAddr) -> io::Result<UdpSocket> {
        let socket = UdpSocket::unbound();
        socket.bind_to(addr)?;
        Ok(socket)
    }

    /// Gives it its address.
    ///
    /// # Errors
    /// As `bind(2)`.
    pub fn bind_to(&self, addr: impl ToAddr) -> io::Result<()> {
        let addr = pair(addr.to_addr()?);
        Ok(context::with(|current| current.sockets().bind(self.0.0, addr))?)
    }

    /// Says whom it talks to, and hears alone.
    ///
    /// # Errors
    /// As `connect(2)`.
    pub async fn connect(&self, addr: impl ToAddr) -> io::Result<()> {
        let addr = pair(addr.to_addr()?);
        Ok(context::with(|current| current.sockets().connect(self.0.0, addr))?)
    }

    /// Sends a datagram to the peer.
    ///
    /// # Errors
    /// As `send(2)`, among them what ICMP has said of an earlier one.
    pub async fn send(&self, bytes: &[u8]) -> io::Result<usize> {
        let payload = Payload::from_bytes(bytes);
        Ok(context::with(|current| current.sockets().send(self.0.0, payload, Default::default()))? as usize)
    }

    /// Sends a datagram.
    ///
    /// # Errors
    /// As `sendto(2)`.
    pub async fn send_to(&self, bytes: &[u8], to: impl ToAddr) -> io::Result<usize> {
        self.try_send_to(bytes, to)
    }

    /// The same without a future: a datagram is never held back.
    ///
    /// # Errors
    /// As `sendto(2)`.
    pub fn try_send_to(&self, bytes: &[u8], to: impl ToAddr) -> io::Result<usize> {
        let (to, payload) = (pair(to.to_addr()?), Payload::from_bytes(bytes));
        Ok(context::with(|current| current.sockets().send_to(self.0.0, to, payload))? as usize)
    }

    /// Answers from the address that was asked (`IP_PKTINFO`), for a client hears nobody else; [`send_to`](UdpSocket::send_to) of a socket that is
    /// bound to no address sends from that of the way to the client, which may be another one. So does this where a group or all were asked.
    ///
    /// # Errors
    /// As `sendmsg(2)`.
    pub fn answer(&self, bytes: &[u8], asker: Asker) -> io::Result<usize> {
        let (to, payload) = (pair(asker.peer.to_addr()?), Payload::from_bytes(bytes));
        Ok(context::with(|current| current.sockets().send_from(self.0.0, Some(asker.at), to, payload))? as usize)
    }

    /// Takes the datagram that came first; what does not fit into the buffer is lost.
    ///
    /// # Errors
    /// As `recv(2)`.
    pub async fn recv(&self, buf: &mut [u8]) -> io::Result<usize> {
        Ok(self.recv_from(buf).await?.0)
    }

    /// The same, with the address of who sent it.
    ///
    /// # Errors
    /// As `recvfrom(2)`.
    pub async fn recv_from(&self, buf: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        let (bytes, asker) = self.recv_asked(buf.len()).await?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok((bytes.len(), asker.peer))
    }

    /// The datagram that came first, up to `max` bytes of it, with what [`answer`](UdpSocket::answer) needs (`IP_PKTINFO`).
    ///
    /// # Errors
    /// As `recvmsg(2)`.
    pub async fn recv_asked(&self, max: usize) -> io::Result<(Vec<u8>, Asker)> {
        let received = poll_fn(|cx| self.poll_recv_from(cx, max)).await?;
        let mut bytes = Vec::with_capacity(received.payload.len() as usize);
        received.payload.append_to(&mut bytes);
        Ok((bytes, Asker { peer: single(received.from), at: received.to }))
    }

    /// The datagram that came first, up to `max` bytes of it, and how long it was.
    pub fn poll_recv_from(&self, cx: &mut Context<'_>, max: usize) -> Poll<io::Result<Received>> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        context::with(|current| match current.sockets().recv_from(self.0.0, max) {
            Ok(received) => Poll::Ready(Ok(received)),
            Err(RecvError::WouldBlock) => {
                current.wait(self.0.0, Side::Read, cx.waker());
                Poll::Pending
            }
            Err(error) => Poll::Ready(Err(error.into())),
        })
    }

    /// Joins a group on the interface of an address; 0.0.0.0 for the first.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        Ok(context::with(|current| current.sockets().join(self.0.0, group, interface))?)
    }

    /// Leaves a group.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        Ok(context::with(|current| current.sockets().leave(self.0.0, group, interface))?)
    }

    /// `SO_BROADCAST`.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set_broadcast(&self, on: bool) -> io::Result<()> {
        self.set(OptionName::Broadcast, on)
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

    /// The longest packet that the way to an address is known to carry without being cut: the first link's MTU, or what a router has said (`IP_MTU`).
    /// None where there is no way.
    pub fn path_mtu(&self, to: SocketAddrV4) -> Option<u32> {
        context::with(|current| current.sockets().path_mtu(*to.ip()))
    }

    /// Its own address.
    ///
    /// # Errors
    /// None; it has the form of the standard library.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.0.local_addr())
    }

    /// Whom it is connected to.
    ///
    /// # Errors
    /// It is not connected.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.0.peer_addr()
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "UdpSocket({:?})", self.0.0)
    }
}
