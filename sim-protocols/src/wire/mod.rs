//! Wire formats: for each protocol a checked view over bytes and a typed representation. Headers travel typed; bytes appear at doors.
//!
//! The contract: `new_checked` proves that every accessor stays inside the buffer; `parse` never panics on any bytes; `emit` appends exactly
//! `len()` bytes; `parse(emit(x)) == x`.

mod arp;
mod ethernet;
mod frame;
mod icmpv4;
mod ipv4;
mod packets;
mod tcp;
#[cfg(test)]
mod tests;
mod udp;

pub use arp::{ArpOperation, ArpRepr};
pub use ethernet::{EtherType, EthernetFrame, EthernetRepr, MacAddr};
pub use frame::{Frame, Net, Transport};
pub use icmpv4::{Icmpv4Packet, Icmpv4Repr, TimeExceeded, Unreachable};
pub use ipv4::{Ipv4Packet, Ipv4Repr, Protocol};
pub use packets::PACKETS;
pub use tcp::{FastOpen, FastOpenCookie, SackBlocks, Seq, TcpFlags, TcpOptions, TcpRepr, TcpSegment, Timestamps};
pub use udp::{UdpDatagram, UdpRepr};

/// The internet checksum (RFC 1071 §1): ones' complement sums of 16-bit words.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Checksum(u64);

impl Checksum {
    /// Adds bytes; every part but the last has an even length.
    pub fn add(mut self, bytes: &[u8]) -> Checksum {
        let mut words = bytes.chunks_exact(4);
        for word in &mut words {
            self.0 += u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        }
        let mut rest = [0; 4];
        rest[..words.remainder().len()].copy_from_slice(words.remainder());
        self.0 += u64::from(u32::from_be_bytes(rest));
        self
    }

    /// The pseudo header of TCP and UDP (RFC 9293 §3.1, RFC 768).
    pub fn pseudo_header(
        src: std::net::Ipv4Addr,
        dst: std::net::Ipv4Addr,
        protocol: Protocol,
        length: u32,
    ) -> Checksum {
        Checksum::default()
            .add(&src.octets())
            .add(&dst.octets())
            .add(&u32::from(u8::from(protocol)).to_be_bytes())
            .add(&length.to_be_bytes())
    }

    /// The checksum to write, or 0 where one that was written is right.
    pub fn value(self) -> u16 {
        let mut sum = self.0;
        while sum >> 16 != 0 {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        !(sum as u16)
    }
}

pub(crate) fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}
