//! The table of what packets say on each hop, for time-sequence graphs, ladders and whoever wants to look closely.

use sim_core::{Column, Kind, PACKET_COLUMNS, Payload, Table};

use super::{Frame, Net, TcpFlags, TcpRepr, Transport};

/// The bits of [`TcpFlags`], the lowest one first.
const FLAGS: &[&str] = &["FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"];
const PROTOCOLS: &[&str] = &["tcp", "udp", "icmp", "arp", "other"];
/// The field's values in their order.
const ECN: &[&str] = &["not_ect", "ect1", "ect0", "ce"];

const fn column(name: &'static str, kind: Kind, help: &'static str) -> Column {
    Column { name, kind, help }
}

const OWN: [Column; 23] = [
    column("protocol", Kind::Word(PROTOCOLS), "what the packet carries"),
    column("source", Kind::Address, "its IPv4 source address"),
    column("source_port", Kind::Count, "its source port"),
    column("destination", Kind::Address, "its IPv4 destination address"),
    column("destination_port", Kind::Count, "its destination port"),
    column("ttl", Kind::Count, "its time to live on this link"),
    column("ecn", Kind::Word(ECN), "its explicit congestion notification field"),
    column("payload_bytes", Kind::Bytes, "bytes behind the transport header"),
    column("flags", Kind::Bits(FLAGS), "TCP's control bits"),
    column("seq", Kind::Count, "TCP's sequence number, as on the wire"),
    column("ack", Kind::Count, "TCP's acknowledgement number, where the ACK bit is set"),
    column("window", Kind::Count, "TCP's window field, unscaled"),
    column("window_scale", Kind::Count, "the shift that a SYN offers"),
    column("mss_bytes", Kind::Bytes, "the largest segment that a SYN offers to take"),
    column("sack1_left", Kind::Count, "the first block that is acknowledged selectively: its first byte"),
    column("sack1_right", Kind::Count, "the byte behind it"),
    column("sack2_left", Kind::Count, "the second block"),
    column("sack2_right", Kind::Count, "the byte behind it"),
    column("sack3_left", Kind::Count, "the third block"),
    column("sack3_right", Kind::Count, "the byte behind it"),
    column("sack4_left", Kind::Count, "the fourth block"),
    column("sack4_right", Kind::Count, "the byte behind it"),
    column(
        "content",
        Kind::Text,
        "what its bytes say by themselves: ARP, ICMP, DNS, start lines of HTTP/1, frames of HTTP/2, records of TLS, messages of RMI, Dubbo, Thrift and RESP; empty where none begins here",
    ),
];

const COLUMNS: [Column; PACKET_COLUMNS.len() + OWN.len()] = {
    let mut columns = [OWN[0]; PACKET_COLUMNS.len() + OWN.len()];
    let mut at = 0;
    while at < columns.len() {
        columns[at] = if at < PACKET_COLUMNS.len() { PACKET_COLUMNS[at] } else { OWN[at - PACKET_COLUMNS.len()] };
        at += 1;
    }
    columns
};

/// Every packet over every link with what its headers say.
pub static PACKETS: Table = Table {
    name: "packets",
    help: "every packet over every link: when, what its headers say, its fate",
    columns: &COLUMNS,
};

/// What prints empty.
const NONE: u64 = u64::MAX;

/// Appends the values of the columns that are not the engine's; `content` is.
pub(super) fn cells(frame: &Frame, payload: &Payload, out: &mut Vec<u64>) {
    let length = u64::from(payload.len());
    let (ip, transport) = match &frame.net {
        Net::Ipv4(ip, transport) => (ip, transport),
        Net::Arp(arp) => {
            let (from, to) = (u64::from(arp.sender.to_bits()), u64::from(arp.target.to_bits()));
            out.extend([3, from, NONE, to, NONE, NONE, NONE, NONE, NONE]);
            return out.extend([NONE; 13]);
        }
    };
    let (protocol, ports) = match transport {
        Transport::Tcp(tcp) => (0, Some((tcp.src_port, tcp.dst_port))),
        Transport::Udp(udp) => (1, Some((udp.src_port, udp.dst_port))),
        Transport::Icmp(_) => (2, None),
        Transport::Raw => (4, None),
    };
    let (source, destination) = ports.map_or((NONE, NONE), |(from, to)| (u64::from(from), u64::from(to)));
    let (from, to) = (u64::from(ip.src.to_bits()), u64::from(ip.dst.to_bits()));
    out.extend([protocol, from, source, to, destination, u64::from(ip.ttl), u64::from(ip.tos & 3), length]);
    match transport {
        Transport::Tcp(tcp) => segment(tcp, out),
        _ => out.extend([NONE; 14]),
    }
}

fn segment(tcp: &TcpRepr, out: &mut Vec<u64>) {
    let ack = if tcp.flags.has(TcpFlags::ACK) { u64::from(tcp.ack.0) } else { NONE };
    let options = &tcp.options;
    out.extend([u64::from(tcp.flags.0), u64::from(tcp.seq.0), ack, u64::from(tcp.window)]);
    out.extend([options.window_scale.map_or(NONE, u64::from), options.mss.map_or(NONE, u64::from)]);
    let blocks = options.sack.as_slice();
    for at in 0..4 {
        let (left, right) = blocks.get(at).map_or((NONE, NONE), |block| (u64::from(block.0.0), u64::from(block.1.0)));
        out.extend([left, right]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Ipv4Repr, Protocol, SackBlocks, Seq, TcpOptions, UdpRepr};
    use std::net::Ipv4Addr;

    fn values(transport: Transport, protocol: Protocol) -> Vec<u64> {
        let ip = Ipv4Repr::new(Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2), protocol);
        let mut out = Vec::new();
        cells(&Frame { net: Net::Ipv4(ip, transport), link: None }, &Payload::Zeros(7), &mut out);
        out
    }

    #[test]
    fn each_kind_of_packet_fills_its_row() {
        let options = TcpOptions { window_scale: Some(7), sack: SackBlocks::NONE, ..TcpOptions::default() };
        let flags = TcpFlags(TcpFlags::SYN.0 | TcpFlags::ACK.0);
        let tcp = TcpRepr { src_port: 1, dst_port: 2, seq: Seq(3), ack: Seq(4), window: 5, urgent: 0, flags, options };
        let row = values(Transport::Tcp(tcp), Protocol::Tcp);
        assert_eq!(row.len(), OWN.len() - 1);
        assert_eq!(row[7..13], [7, 0x12, 3, 4, 5, 7]);
        let row = values(Transport::Udp(UdpRepr { src_port: 9, dst_port: 10 }), Protocol::Udp);
        assert_eq!((row.len(), row[0], row[2], row[8]), (OWN.len() - 1, 1, 9, NONE));
        assert_eq!(values(Transport::Raw, Protocol::Udp).len(), OWN.len() - 1);
    }
}
