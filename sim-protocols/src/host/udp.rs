//! UDP sockets: datagrams with their boundaries, from many peers or from one.

use std::collections::VecDeque;

use sim_core::Payload;

use super::calls::SocketAddr;

/// A datagram that has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it.
    pub from: SocketAddr,
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
    queue: VecDeque<Datagram>,
    queued: u64,
}

impl UdpSocket {
    pub fn new(port: u16, flow: u32, peer: Option<SocketAddr>) -> UdpSocket {
        UdpSocket { port, flow, peer, queue: VecDeque::new(), queued: 0 }
    }

    /// Whether a datagram from there is for it.
    pub fn takes(&self, port: u16, from: SocketAddr) -> bool {
        self.port == port && self.peer.is_none_or(|peer| peer == from)
    }

    /// Queues a datagram; `None` where there is no room, else whether the queue was empty.
    pub fn push(&mut self, datagram: Datagram, limit: u64) -> Option<bool> {
        let cost = u64::from(datagram.payload.len()) + DATAGRAM_COST;
        if self.queued + cost > limit {
            return None;
        }
        self.queued += cost;
        self.queue.push_back(datagram);
        Some(self.queue.len() == 1)
    }

    pub fn pop(&mut self) -> Option<Datagram> {
        let datagram = self.queue.pop_front()?;
        self.queued -= u64::from(datagram.payload.len()) + DATAGRAM_COST;
        Some(datagram)
    }
}
