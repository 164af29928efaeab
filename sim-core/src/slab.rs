//! The shard's packets: a slab whose free places are reused last-in first-out, so that hot packets stay in the cache.

use crate::packet::{Header, Packet, PacketRef};

/// Packets of one shard.
pub(crate) struct Slab<H> {
    places: Vec<Option<Packet<H>>>,
    free: Vec<u32>,
}

impl<H: Header> Slab<H> {
    pub fn new() -> Slab<H> {
        Slab { places: Vec::new(), free: Vec::new() }
    }

    pub fn insert(&mut self, packet: Packet<H>) -> PacketRef {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = Some(packet);
                PacketRef(place)
            }
            None => {
                self.places.push(Some(packet));
                PacketRef(u32::try_from(self.places.len() - 1).expect("fewer than 2^32 packets at a time"))
            }
        }
    }

    pub fn take(&mut self, packet: PacketRef) -> Packet<H> {
        self.free.push(packet.0);
        self.places[packet.0 as usize].take().expect("a reference owns its packet")
    }

    pub fn remove(&mut self, packet: PacketRef) {
        self.free.push(packet.0);
        self.places[packet.0 as usize] = None;
    }

    #[inline]
    pub fn get(&self, packet: &PacketRef) -> &Packet<H> {
        self.places[packet.0 as usize].as_ref().expect("a reference owns its packet")
    }

    #[inline]
    pub fn get_mut(&mut self, packet: &PacketRef) -> &mut Packet<H> {
        self.places[packet.0 as usize].as_mut().expect("a reference owns its packet")
    }

    /// Packets that are in it.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
