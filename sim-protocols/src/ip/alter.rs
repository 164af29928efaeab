//! A middle box that alters what passes it, and makes the checksums right again, so that nobody below TLS can tell.

use sim_core::{Cx, PacketRef, Payload, Prob, Rng};

use crate::wire::Frame;

/// What a router does to payloads beside forwarding them.
#[derive(Debug)]
pub struct Alter {
    share: Prob,
    rng: Rng,
}

impl Alter {
    /// Alters one bit in the payload of this share of the packets that have one. It draws from `rng` for each of them.
    pub fn new(share: Prob, rng: Rng) -> Alter {
        Alter { share, rng }
    }

    /// Looks at a packet that passes. Headers travel typed, and their checksums are made where they become bytes: there is nothing more to do.
    pub(super) fn pass(&mut self, cx: &mut Cx<'_, Frame>, packet: &PacketRef) {
        let body = cx.packet_mut(packet);
        let len = body.payload.len();
        if len == 0 || !self.rng.chance(self.share) {
            return;
        }
        let bit = self.rng.below(u64::from(len) * 8) as usize;
        let mut bytes = Vec::with_capacity(len as usize);
        body.payload.append_to(&mut bytes);
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        body.payload = Payload::from_bytes(bytes);
    }
}
