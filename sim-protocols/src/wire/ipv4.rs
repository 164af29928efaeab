//! IPv4 (RFC 791). Options are skipped when read and never written.

use std::fmt;
use std::net::Ipv4Addr;

use sim_core::{Ecn, ParseError};

use super::{Checksum, be16, be32};

mod field {
    pub const VERSION_IHL: usize = 0;
    pub const TOS: usize = 1;
    pub const TOTAL_LENGTH: usize = 2;
    pub const IDENT: usize = 4;
    pub const FLAGS_OFFSET: usize = 6;
    pub const TTL: usize = 8;
    pub const PROTOCOL: usize = 9;
    pub const SRC: usize = 12;
    pub const DST: usize = 16;
    pub const LEN: usize = 20;
}

/// What a datagram carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Protocol {
    /// ICMP.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another one.
    Unknown(u8),
}

impl From<u8> for Protocol {
    fn from(value: u8) -> Protocol {
        match value {
            1 => Protocol::Icmp,
            6 => Protocol::Tcp,
            17 => Protocol::Udp,
            other => Protocol::Unknown(other),
        }
    }
}

impl From<Protocol> for u8 {
    fn from(value: Protocol) -> u8 {
        match value {
            Protocol::Icmp => 1,
            Protocol::Tcp => 6,
            Protocol::Udp => 17,
            Protocol::Unknown(other) => other,
        }
    }
}

/// A view of a datagram's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Ipv4Packet<T>(T);

impl<T: AsRef<[u8]>> Ipv4Packet<T> {
    /// A view whose accessors stay inside the buffer.
    ///
    /// # Errors
    /// Not version 4, fewer bytes than the header or the total length say, a total length below the header's.
    pub fn new_checked(bytes: T) -> Result<Ipv4Packet<T>, ParseError> {
        let packet = Ipv4Packet(bytes);
        let have = packet.0.as_ref().len();
        if have < field::LEN {
            return Err(ParseError::Truncated);
        }
        if packet.0.as_ref()[field::VERSION_IHL] >> 4 != 4 {
            return Err(ParseError::Unsupported);
        }
        let (header, total) = (packet.header_len(), packet.total_len());
        if header < field::LEN || total < header {
            return Err(ParseError::Malformed);
        }
        if have < total { Err(ParseError::Truncated) } else { Ok(packet) }
    }

    /// Bytes of the header, options included.
    pub fn header_len(&self) -> usize {
        usize::from(self.0.as_ref()[field::VERSION_IHL] & 0xf) * 4
    }

    /// Bytes of the datagram.
    pub fn total_len(&self) -> usize {
        usize::from(be16(self.0.as_ref(), field::TOTAL_LENGTH))
    }

    /// Whether the header's checksum is right.
    pub fn verify(&self) -> bool {
        Checksum::default().add(&self.0.as_ref()[..self.header_len()]).value() == 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[self.header_len()..self.total_len()]
    }
}

/// A datagram's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ipv4Repr {
    /// Source.
    pub src: Ipv4Addr,
    /// Destination.
    pub dst: Ipv4Addr,
    /// What it carries.
    pub protocol: Protocol,
    /// Hops that are left.
    pub ttl: u8,
    /// Differentiated services (RFC 2474) in the upper six bits, ECN (RFC 3168 §5) in the lower two.
    pub tos: u8,
    /// Identification, by which fragments find together.
    pub ident: u16,
    /// Routers may not fragment it.
    pub dont_fragment: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// Where the fragment belongs, in units of 8 bytes; below 2^13.
    pub fragment_offset: u16,
}

impl Ipv4Repr {
    /// Bytes of the header.
    pub const LEN: usize = field::LEN;

    /// A header with a time to live of 64 (RFC 1700, Linux), not to be fragmented.
    pub fn new(src: Ipv4Addr, dst: Ipv4Addr, protocol: Protocol) -> Ipv4Repr {
        Ipv4Repr {
            src,
            dst,
            protocol,
            ttl: 64,
            tos: 0,
            ident: 0,
            dont_fragment: true,
            more_fragments: false,
            fragment_offset: 0,
        }
    }

    /// Whether it is a part of a datagram.
    pub fn is_fragment(&self) -> bool {
        self.more_fragments || self.fragment_offset > 0
    }

    /// The ECN field.
    pub fn ecn(&self) -> Ecn {
        match self.tos & 3 {
            0 => Ecn::NotEct,
            1 => Ecn::Ect1,
            2 => Ecn::Ect0,
            _ => Ecn::Ce,
        }
    }

    /// The same with another ECN field.
    pub fn set_ecn(&mut self, ecn: Ecn) {
        self.tos = self.tos & !3 | ecn as u8;
    }

    /// Reads a view.
    ///
    /// # Errors
    /// A wrong header checksum.
    pub fn parse<T: AsRef<[u8]>>(packet: &Ipv4Packet<T>) -> Result<Ipv4Repr, ParseError> {
        if !packet.verify() {
            return Err(ParseError::Checksum);
        }
        let bytes = packet.0.as_ref();
        let flags = be16(bytes, field::FLAGS_OFFSET);
        // RFC 791 §3.1: the reserved flag must be zero.
        if flags & 0x8000 != 0 {
            return Err(ParseError::Malformed);
        }
        Ok(Ipv4Repr {
            src: be32(bytes, field::SRC).into(),
            dst: be32(bytes, field::DST).into(),
            protocol: bytes[field::PROTOCOL].into(),
            ttl: bytes[field::TTL],
            tos: bytes[field::TOS],
            ident: be16(bytes, field::IDENT),
            dont_fragment: flags & 0x4000 != 0,
            more_fragments: flags & 0x2000 != 0,
            fragment_offset: flags & 0x1fff,
        })
    }

    /// Appends the header of a datagram that carries `payload_len` bytes.
    pub fn emit(&self, payload_len: usize, out: &mut Vec<u8>) {
        let total = u16::try_from(Ipv4Repr::LEN + payload_len).expect("a datagram has at most 65535 bytes");
        let mut flags = self.fragment_offset & 0x1fff;
        flags |= if self.dont_fragment { 0x4000 } else { 0 };
        flags |= if self.more_fragments { 0x2000 } else { 0 };
        let mut header = [0; field::LEN];
        header[field::VERSION_IHL] = 0x45;
        header[field::TOS] = self.tos;
        header[2..4].copy_from_slice(&total.to_be_bytes());
        header[4..6].copy_from_slice(&self.ident.to_be_bytes());
        header[6..8].copy_from_slice(&flags.to_be_bytes());
        header[field::TTL] = self.ttl;
        header[field::PROTOCOL] = self.protocol.into();
        header[12..16].copy_from_slice(&self.src.octets());
        header[16..20].copy_from_slice(&self.dst.octets());
        let checksum = Checksum::default().add(&header).value();
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        out.extend_from_slice(&header);
    }
}

impl fmt::Display for Ipv4Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IP {} > {}: {:?}, ttl {}", self.src, self.dst, self.protocol, self.ttl)?;
        if self.is_fragment() {
            write!(f, ", fragment {} at {}", self.ident, u32::from(self.fragment_offset) * 8)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::hex;

    /// As Linux wrote it, but for a shorter length.
    fn good() -> Vec<u8> {
        let mut bytes = hex("4500002401dd4000400124e80a0900010a090002");
        bytes.resize(0x24, 7);
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Ipv4Repr, ParseError> {
        Ipv4Repr::parse(&Ipv4Packet::new_checked(bytes)?)
    }

    fn with_checksum(mut bytes: Vec<u8>) -> Vec<u8> {
        bytes[10..12].fill(0);
        let header = usize::from(bytes[0] & 15) * 4;
        let sum = Checksum::default().add(&bytes[..header]).value();
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes
    }

    #[test]
    fn a_header_there_and_back() {
        let ip = read(&good()).expect("a good packet");
        let mut expected = Ipv4Repr::new([10, 9, 0, 1].into(), [10, 9, 0, 2].into(), Protocol::Icmp);
        expected.ident = 0x1dd;
        assert_eq!(ip, expected);
        let mut bytes = Vec::new();
        ip.emit(16, &mut bytes);
        assert_eq!(bytes, good()[..20]);
    }

    #[test]
    fn options_are_skipped() {
        // A record route option (RFC 791 §3.1) of eight bytes.
        let mut bytes = good();
        bytes[0] = 0x47;
        bytes[3] += 8;
        bytes.splice(20..20, [7, 7, 4, 0, 0, 0, 0, 0]);
        let bytes = with_checksum(bytes);
        let view = Ipv4Packet::new_checked(&bytes).expect("a good packet");
        assert_eq!((view.header_len(), view.payload()), (28, &[7; 16][..]));
        assert_eq!(Ipv4Repr::parse(&view), read(&good()));
    }

    #[test]
    fn illegal_values_are_refused() {
        let with = |at: usize, value: u8| {
            let mut bytes = good();
            bytes[at] = value;
            read(&with_checksum(bytes))
        };
        assert_eq!(with(0, 0x65), Err(ParseError::Unsupported), "version 6");
        assert_eq!(with(0, 0x44), Err(ParseError::Malformed), "a header of 16 bytes");
        assert_eq!(with(3, 19), Err(ParseError::Malformed), "a length below the header's");
        assert_eq!(with(3, 0x25), Err(ParseError::Truncated), "a length beyond the bytes");
        assert_eq!(with(6, 0xc0), Err(ParseError::Malformed), "the reserved flag");
        let mut damaged = good();
        damaged[8] -= 1;
        assert_eq!(read(&damaged), Err(ParseError::Checksum));
        // What follows the datagram is padding.
        let mut padded = good();
        padded.resize(60, 0);
        assert_eq!(Ipv4Packet::new_checked(&padded).expect("a good packet").payload().len(), 16);
    }
}
