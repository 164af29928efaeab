//! A packet's headers, typed: what travels, and what the engine asks of it.

use std::fmt;

use sim_core::{Ecn, Header, PacketClass, ParseError, Payload, Table};

use super::ethernet::FRAME_MIN;
use super::{
    ArpRepr, EtherType, EthernetFrame, EthernetRepr, Icmpv4Packet, Icmpv4Repr, Ipv4Packet, Ipv4Repr, Protocol,
    TcpFlags, TcpRepr, TcpSegment, UdpDatagram, UdpRepr,
};

/// What an IPv4 datagram carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Transport {
    /// A TCP segment.
    Tcp(TcpRepr),
    /// A UDP datagram.
    Udp(UdpRepr),
    /// An ICMP message.
    Icmp(Icmpv4Repr),
    /// Bytes: a fragment, or a protocol that is not modelled.
    Raw,
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Net {
    /// An IPv4 datagram.
    Ipv4(Ipv4Repr, Transport),
    /// An ARP packet.
    Arp(ArpRepr),
}

/// A packet's headers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame {
    /// What it carries.
    pub net: Net,
    /// The link-layer header, on links that have one.
    pub link: Option<EthernetRepr>,
}

impl Frame {
    /// An IPv4 datagram that has no link-layer header yet.
    pub fn ipv4(ip: Ipv4Repr, transport: Transport) -> Frame {
        Frame { net: Net::Ipv4(ip, transport), link: None }
    }

    /// The IP header, if there is one.
    #[inline]
    pub fn ip(&self) -> Option<&Ipv4Repr> {
        match &self.net {
            Net::Ipv4(ip, _) => Some(ip),
            Net::Arp(_) => None,
        }
    }

    /// Bytes at the network layer with so much payload: what [`sim_core::Packet::len`] is.
    pub fn network_len(&self, payload: u32) -> u32 {
        let headers = match &self.net {
            Net::Arp(_) => ArpRepr::LEN,
            Net::Ipv4(_, transport) => Ipv4Repr::LEN + transport.header_len(),
        };
        headers as u32 + payload
    }

    fn read(bytes: &[u8], framed: bool) -> Result<(Frame, Payload), ParseError> {
        if !framed {
            let (net, payload) = read_ipv4(bytes)?;
            return Ok((Frame { net, link: None }, payload));
        }
        let frame = EthernetFrame::new_checked(bytes)?;
        let (net, payload) = match frame.ethertype() {
            EtherType::Ipv4 => read_ipv4(frame.payload())?,
            EtherType::Arp => (Net::Arp(ArpRepr::parse(frame.payload())?), Payload::Empty),
            EtherType::Unknown(_) => return Err(ParseError::Unsupported),
        };
        Ok((Frame { net, link: Some(EthernetRepr::parse(&frame)) }, payload))
    }
}

impl Transport {
    /// Bytes of its header.
    pub fn header_len(&self) -> usize {
        match self {
            Transport::Tcp(tcp) => tcp.len(),
            Transport::Udp(_) => UdpRepr::LEN,
            Transport::Icmp(_) => Icmpv4Repr::LEN,
            Transport::Raw => 0,
        }
    }

    /// Appends header and payload.
    pub fn emit(&self, ip: &Ipv4Repr, payload: &Payload, out: &mut Vec<u8>) {
        match self {
            Transport::Tcp(tcp) => tcp.emit(ip, payload, out),
            Transport::Udp(udp) => udp.emit(ip, payload, out),
            Transport::Icmp(icmp) => icmp.emit(payload, out),
            Transport::Raw => payload.append_to(out),
        }
    }

    /// Reads what a whole datagram carries.
    ///
    /// # Errors
    /// As the protocol's own.
    pub fn parse(ip: &Ipv4Repr, bytes: &[u8]) -> Result<(Transport, Payload), ParseError> {
        Ok(match ip.protocol {
            Protocol::Tcp => {
                let segment = TcpSegment::new_checked(bytes)?;
                (Transport::Tcp(TcpRepr::parse(&segment, ip)?), Payload::from_bytes(segment.payload()))
            }
            Protocol::Udp => {
                let datagram = UdpDatagram::new_checked(bytes)?;
                (Transport::Udp(UdpRepr::parse(&datagram, ip)?), Payload::from_bytes(datagram.payload()))
            }
            Protocol::Icmp => {
                let message = Icmpv4Packet::new_checked(bytes)?;
                (Transport::Icmp(Icmpv4Repr::parse(&message)?), Payload::from_bytes(message.payload()))
            }
            Protocol::Unknown(_) => (Transport::Raw, Payload::from_bytes(bytes)),
        })
    }
}

fn read_ipv4(bytes: &[u8]) -> Result<(Net, Payload), ParseError> {
    let packet = Ipv4Packet::new_checked(bytes)?;
    let ip = Ipv4Repr::parse(&packet)?;
    if ip.is_fragment() {
        return Ok((Net::Ipv4(ip, Transport::Raw), Payload::from_bytes(packet.payload())));
    }
    let (transport, payload) = Transport::parse(&ip, packet.payload())?;
    Ok((Net::Ipv4(ip, transport), payload))
}

impl Header for Frame {
    const PACKETS: Option<&'static Table> = Some(&super::PACKETS);

    fn cells(&self, payload: &Payload, out: &mut Vec<u64>) {
        super::packets::cells(self, payload, out);
    }

    fn content(&self, payload: &Payload) -> String {
        crate::content::content(self, payload)
    }

    fn class(&self, payload: &Payload) -> PacketClass {
        match &self.net {
            Net::Ipv4(_, Transport::Tcp(tcp)) => match tcp.flags {
                flags if flags.has(TcpFlags::RST) => PacketClass::Rst,
                flags if flags.has(TcpFlags::SYN | TcpFlags::ACK) => PacketClass::SynAck,
                flags if flags.has(TcpFlags::SYN) => PacketClass::Syn,
                _ if !payload.is_empty() => PacketClass::Data,
                flags if flags.has(TcpFlags::FIN) => PacketClass::Fin,
                _ => PacketClass::Ack,
            },
            Net::Ipv4(_, Transport::Udp(_)) => PacketClass::Data,
            _ => PacketClass::Other,
        }
    }

    #[inline]
    fn ecn(&self) -> Ecn {
        self.ip().map_or(Ecn::NotEct, Ipv4Repr::ecn)
    }

    fn set_ce(&mut self) {
        if let Net::Ipv4(ip, _) = &mut self.net {
            ip.set_ecn(Ecn::Ce);
        }
    }

    fn flow_hash(&self) -> u32 {
        let Net::Ipv4(ip, transport) = &self.net else { return 0 };
        let ports = match transport {
            Transport::Tcp(tcp) => u32::from(tcp.src_port) << 16 | u32::from(tcp.dst_port),
            Transport::Udp(udp) => u32::from(udp.src_port) << 16 | u32::from(udp.dst_port),
            _ => 0,
        };
        let mut z = u64::from(ip.src.to_bits()) << 32 | u64::from(ip.dst.to_bits());
        z ^= (u64::from(ports) << 8 | u64::from(u8::from(ip.protocol))).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // The finaliser of SplitMix64.
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) as u32
    }

    fn ends_message(&self) -> bool {
        match &self.net {
            Net::Ipv4(_, Transport::Udp(_)) => true,
            Net::Ipv4(_, Transport::Icmp(icmp)) => icmp.is_echo(),
            Net::Ipv4(ip, Transport::Raw) => {
                matches!(ip.protocol, Protocol::Udp | Protocol::Icmp) && ip.fragment_offset > 0 && !ip.more_fragments
            }
            Net::Ipv4(_, Transport::Tcp(_)) | Net::Arp(_) => false,
        }
    }

    fn emit(&self, payload: &Payload, out: &mut Vec<u8>) {
        let start = out.len();
        let ethertype = match self.net {
            Net::Ipv4(..) => EtherType::Ipv4,
            Net::Arp(_) => EtherType::Arp,
        };
        if let Some(link) = &self.link {
            link.emit(ethertype, out);
        }
        match &self.net {
            Net::Arp(arp) => arp.emit(out),
            Net::Ipv4(ip, transport) => {
                ip.emit(transport.header_len() + payload.len() as usize, out);
                transport.emit(ip, payload, out);
            }
        }
        if self.link.is_some() && out.len() - start < FRAME_MIN {
            out.resize(start + FRAME_MIN, 0);
        }
    }

    fn parse(bytes: &[u8], framed: bool) -> Result<(Frame, Payload), ParseError> {
        Frame::read(bytes, framed)
    }

    fn framed(&self) -> bool {
        self.link.is_some()
    }
}

impl fmt::Display for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.net {
            Net::Arp(arp) => arp.fmt(f),
            Net::Ipv4(ip, Transport::Raw) => ip.fmt(f),
            Net::Ipv4(ip, Transport::Tcp(tcp)) => write!(f, "IP {} > {}: {tcp}", ip.src, ip.dst),
            Net::Ipv4(ip, Transport::Udp(udp)) => write!(f, "IP {} > {}: {udp}", ip.src, ip.dst),
            Net::Ipv4(ip, Transport::Icmp(icmp)) => write!(f, "IP {} > {}: {icmp}", ip.src, ip.dst),
        }
    }
}
