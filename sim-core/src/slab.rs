//! The shard's packets: a slab whose free places are reused last-in first-out, so that hot packets stay in the cache.

use crate::packet::{Header, Packet, PacketRef, Payload};

/// The identity that stands in a free place.
const NOBODY: u64 = u64::MAX;

/// Packets of one shard. A free place keeps its old headers, and nothing that is shared; a [`PacketRef`] cannot be copied, so that whoever holds
/// one knows that its place is taken.
pub(crate) struct Slab<H> {
    places: Vec<Packet<H>>,
    free: Vec<u32>,
}

impl<H: Header> Slab<H> {
    pub fn new() -> Slab<H> {
        Slab { places: Vec::new(), free: Vec::new() }
    }

    pub fn insert(&mut self, packet: Packet<H>) -> PacketRef {
        match self.free.pop() {
            Some(place) => {
                self.places[place as usize] = packet;
                PacketRef(place)
            }
            None => self.grow(packet),
        }
    }

    /// Makes a packet in its place, field by field: nothing is built elsewhere and moved.
    #[inline]
    pub fn make(&mut self, id: u64, header: H, payload: Payload, len: u32, flow: u32) -> PacketRef {
        let Some(place) = self.free.pop() else {
            return self.grow(Packet { id, ..Packet::new(header, payload, len, flow) });
        };
        let packet = &mut self.places[place as usize];
        packet.begin(id, len, flow);
        packet.header = header;
        packet.payload = payload;
        PacketRef(place)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, packet: Packet<H>) -> PacketRef {
        self.places.push(packet);
        PacketRef(u32::try_from(self.places.len() - 1).expect("fewer than 2^32 packets at a time"))
    }

    pub fn take(&mut self, packet: PacketRef) -> Packet<H> {
        let place = self.get_mut(&packet);
        let (payload, aside) = (std::mem::take(&mut place.payload), place.aside.take());
        let taken = Packet { payload, aside, ..place.clone() };
        self.remove(packet);
        taken
    }

    #[inline]
    pub fn remove(&mut self, packet: PacketRef) {
        let place = self.get_mut(&packet);
        place.payload = Payload::Empty;
        place.aside = None;
        place.id = NOBODY;
        self.free.push(packet.0);
    }

    #[inline]
    pub fn get(&self, packet: &PacketRef) -> &Packet<H> {
        let packet = &self.places[packet.0 as usize];
        debug_assert!(packet.id != NOBODY, "a reference owns its packet");
        packet
    }

    #[inline]
    pub fn get_mut(&mut self, packet: &PacketRef) -> &mut Packet<H> {
        let packet = &mut self.places[packet.0 as usize];
        debug_assert!(packet.id != NOBODY, "a reference owns its packet");
        packet
    }

    /// All that are in it.
    pub fn iter(&self) -> impl Iterator<Item = &Packet<H>> {
        self.places.iter().filter(|packet| packet.id != NOBODY)
    }

    /// Packets that are in it.
    pub fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }
}
