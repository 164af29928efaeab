//! The sockets of a host: descriptors, and what is known of each beside its connection or its queue.

use super::super::calls::{ConnId, SocketAddr};
use super::options::Settings;

/// A socket on its host. One that has been closed is remembered by nobody: calls on it fail as on a socket that is not connected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct SocketId {
    pub(super) slot: u32,
    generation: u32,
}

/// What a socket is there for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// Of TCP, and nothing yet.
    Fresh,
    /// It waits for connections.
    Listener,
    /// It has a connection, which perhaps is over.
    Stream(ConnId),
    /// Of UDP: its index among those of the host.
    Datagram(u32),
}

/// A socket.
pub(crate) struct Socket {
    generation: u32,
    /// The flow, hence the application, that owns it.
    pub flow: u32,
    pub role: Role,
    /// What `bind` has said.
    pub local: Option<SocketAddr>,
    pub settings: Settings,
}

/// All of them.
#[derive(Default)]
pub(crate) struct SocketTable {
    slots: Vec<Option<Socket>>,
    free: Vec<u32>,
    generation: u32,
}

impl SocketTable {
    pub fn add(&mut self, flow: u32, role: Role, settings: Settings) -> SocketId {
        self.generation += 1;
        let generation = self.generation;
        let socket = Some(Socket { generation, flow, role, local: None, settings });
        let slot = match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = socket;
                slot
            }
            None => {
                self.slots.push(socket);
                self.slots.len() as u32 - 1
            }
        };
        SocketId { slot, generation }
    }

    pub fn get(&self, id: SocketId) -> Option<&Socket> {
        self.slots.get(id.slot as usize)?.as_ref().filter(|socket| socket.generation == id.generation)
    }

    pub fn get_mut(&mut self, id: SocketId) -> Option<&mut Socket> {
        self.slots.get_mut(id.slot as usize)?.as_mut().filter(|socket| socket.generation == id.generation)
    }

    pub fn remove(&mut self, id: SocketId) -> Option<Socket> {
        self.get(id)?;
        self.free.push(id.slot);
        self.slots[id.slot as usize].take()
    }

    /// Sockets that are bound to a port, but for one.
    pub fn bound(&self, port: u16, except: SocketId) -> impl Iterator<Item = &Socket> {
        let bound = move |socket: &&Socket| socket.local.is_some_and(|local| local.1 == port);
        let other = move |at: usize| at != except.slot as usize;
        let slots = self.slots.iter().enumerate();
        slots.filter(move |(at, _)| other(*at)).filter_map(|(_, socket)| socket.as_ref()).filter(bound)
    }
}
