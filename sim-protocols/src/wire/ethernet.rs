//! Ethernet II (IEEE 802.3 clause 3, the type interpretation). The frame check sequence is not carried: links count its bytes.

use std::fmt;
use std::ops::Range;

use sim_core::ParseError;

use super::be16;

mod field {
    use super::Range;
    pub const DST: Range<usize> = 0..6;
    pub const SRC: Range<usize> = 6..12;
    pub const TYPE: usize = 12;
    pub const LEN: usize = 14;
}

/// The least bytes of a frame without its check sequence; shorter ones are padded with zeros.
pub(super) const FRAME_MIN: usize = 60;

/// A 48-bit hardware address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct MacAddr(pub [u8; 6]);

impl MacAddr {
    /// All stations.
    pub const BROADCAST: MacAddr = MacAddr([0xff; 6]);

    /// The address of a group's members (RFC 1112 §6.4): its lower 23 bits behind 01-00-5E.
    pub fn of_group(group: std::net::Ipv4Addr) -> MacAddr {
        let [_, b, c, d] = group.octets();
        MacAddr([0x01, 0x00, 0x5e, b & 0x7f, c, d])
    }

    /// Whether it is that of several stations, or of all.
    pub fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// The locally administered address of a node's port.
    pub fn of_port(node: u32, port: u32) -> MacAddr {
        let (node, port) = (node.to_be_bytes(), port.to_be_bytes());
        MacAddr([0x02, node[1], node[2], node[3], port[2], port[3]])
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl fmt::Debug for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EtherType {
    /// IPv4.
    Ipv4,
    /// ARP.
    Arp,
    /// Another one.
    Unknown(u16),
}

impl From<u16> for EtherType {
    fn from(value: u16) -> EtherType {
        match value {
            0x0800 => EtherType::Ipv4,
            0x0806 => EtherType::Arp,
            other => EtherType::Unknown(other),
        }
    }
}

impl From<EtherType> for u16 {
    fn from(value: EtherType) -> u16 {
        match value {
            EtherType::Ipv4 => 0x0800,
            EtherType::Arp => 0x0806,
            EtherType::Unknown(other) => other,
        }
    }
}

/// A view of a frame's bytes.
#[derive(Clone, Copy, Debug)]
pub struct EthernetFrame<T>(T);

impl<T: AsRef<[u8]>> EthernetFrame<T> {
    /// A view whose accessors stay inside the buffer.
    ///
    /// # Errors
    /// Fewer bytes than a header.
    pub fn new_checked(bytes: T) -> Result<EthernetFrame<T>, ParseError> {
        if bytes.as_ref().len() < field::LEN { Err(ParseError::Truncated) } else { Ok(EthernetFrame(bytes)) }
    }

    /// Destination.
    pub fn dst(&self) -> MacAddr {
        MacAddr(self.0.as_ref()[field::DST].try_into().expect("six bytes"))
    }

    /// Source.
    pub fn src(&self) -> MacAddr {
        MacAddr(self.0.as_ref()[field::SRC].try_into().expect("six bytes"))
    }

    /// What it carries.
    pub fn ethertype(&self) -> EtherType {
        be16(self.0.as_ref(), field::TYPE).into()
    }

    /// What follows the header, padding included.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[field::LEN..]
    }
}

/// A frame's header without its type, which follows from what it carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct EthernetRepr {
    /// Source.
    pub src: MacAddr,
    /// Destination.
    pub dst: MacAddr,
}

impl EthernetRepr {
    /// Bytes of the header.
    pub const LEN: usize = field::LEN;

    /// Reads a view.
    pub fn parse<T: AsRef<[u8]>>(frame: &EthernetFrame<T>) -> EthernetRepr {
        EthernetRepr { src: frame.src(), dst: frame.dst() }
    }

    /// Appends the header.
    pub fn emit(&self, ethertype: EtherType, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.dst.0);
        out.extend_from_slice(&self.src.0);
        out.extend_from_slice(&u16::from(ethertype).to_be_bytes());
    }
}

impl fmt::Display for EthernetRepr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}", self.src, self.dst)
    }
}
