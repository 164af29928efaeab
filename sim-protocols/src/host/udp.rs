//! UDP sockets: datagrams with their boundaries, from many peers or from one.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::Payload;

use super::calls::SocketAddr;
use super::socket::OwnDatagrams;

/// A datagram that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
    /// To which of this host's addresses, or to which group.
    pub to: Ipv4Addr,
    /// The bytes behind the UDP header.
    pub payload: Payload,
}

/// What the queue counts for a datagram beside its bytes, so that empty ones cannot fill it without end.
const DATAGRAM_COST: u64 = 64;

/// A socket.
#[derive(Debug)]
pub(super) struct UdpSocket {
    pub port: u16,
    /// The flow that owns it.
    pub flow: u32,
    /// The only one that it talks to, if there is one.
    pub peer: Option<SocketAddr>,
    /// What it has besides where it belongs to the socket interface.
    pub own: Option<Box<OwnDatagrams>>,
    /// What has come, with its flow word.
    queue: VecDeque<(Datagram, u32)>,
    queued: u64,
}

impl UdpSocket {
    pub fn new(port: u16, flow: u32, peer: Option<SocketAddr>) -> UdpSocket {
        UdpSocket { port, flow, peer, own: None, queue: VecDeque::new(), queued: 0 }
    }

    /// Whether a datagram from there is for it.
    #[inline]
    pub fn takes(&self, to: SocketAddr, from: SocketAddr) -> bool {
        let here = |own: &OwnDatagrams| own.address.is_unspecified() || own.address == to.0;
        self.port == to.1 && self.peer.is_none_or(|peer| peer == from) && self.own.as_deref().is_none_or(here)
    }

    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Queues a datagram; `None` where there is no room, else whether the queue was empty.
    pub fn push(&mut self, datagram: Datagram, word: u32, limit: u64) -> Option<bool> {
        let cost = u64::from(datagram.payload.len()) + DATAGRAM_COST;
        if self.queued + cost > limit {
            return None;
        }
        self.queued += cost;
        self.queue.push_back((datagram, word));
        Some(self.queue.len() == 1)
    }

    pub fn pop(&mut self) -> Option<Datagram> {
        self.pop_with_word().map(|(datagram, _)| datagram)
    }

    /// The first datagram, and its flow word.
    pub fn pop_with_word(&mut self) -> Option<(Datagram, u32)> {
        let (datagram, word) = self.queue.pop_front()?;
        self.queued -= u64::from(datagram.payload.len()) + DATAGRAM_COST;
        Some((datagram, word))
    }
}
