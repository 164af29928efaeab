//! Whole frames: packets that Linux 6 sent, both ways; truncations and damage; random frames against themselves and against etherparse.

use etherparse::{IcmpEchoHeader, Icmpv4Header, Icmpv4Type, NetSlice, SlicedPacket, TransportSlice};
use proptest::prelude::*;
use sim_core::{Ecn, Header, Packet, PacketClass, ParseError, Payload};

use super::*;

/// Bytes written as hexadecimal digits.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

/// Reads a captured frame, and sees that it is written as it was (padding aside).
pub(super) fn there_and_back(digits: &str) -> (Frame, Payload) {
    let bytes = hex(digits);
    let (frame, payload) = Frame::parse(&bytes, true).expect("a good packet");
    let mut written = Vec::new();
    frame.emit(&payload, &mut written);
    assert_eq!(written[..bytes.len()], bytes);
    assert!(written[bytes.len()..].iter().all(|byte| *byte == 0) && written.len() == bytes.len().max(60));
    (frame, payload)
}

const ARP_REQUEST: &str = "ffffffffffff4a26f657282a080600010800060400014a26f657282a0a0900010000000000000a090002";
const ARP_REPLY: &str = "4a26f657282a5ab45ae696ba080600010800060400025ab45ae696ba0a0900024a26f657282a0a090001";
const PING: &str = "5ab45ae696ba4a26f657282a08004500003301dd4000400124d90a0900010a0900020800e308004d0001
    6162636465666768696a6b6c6d6e6f7071727374757677";
const UDP: &str = "5ab45ae696ba4a26f657282a0800450000255c9540004011ca1e0a0900010a090002c1c9176f001125da
    746f206e6f626f6479";
const PORT_UNREACHABLE: &str = "4a26f657282a5ab45ae696ba080045c0004101b10000400164370a0900020a090001
    0303113400000000450000255c9540004011ca1e0a0900010a090002c1c9176f001125da746f206e6f626f6479";
const TIME_EXCEEDED: &str =
    "4a26f657282a5ab45ae696ba080045c0003b1a23000040014bcb0a0900020a0900010b000a38000000004500001f
    00004000011164b30a0900010a090109ab531388000b4b6c74746c";
const SYN: &str = "5ab45ae696ba4a26f657282a08004500003c13064000400613a20a0900010a090002
    bd9c1f9015d539f400000000a002faf0227f0000020405b40402080a984c5136000000000103030a";
const SYN_ACK: &str = "4a26f657282a5ab45ae696ba08004500003c00004000400626a80a0900020a090001
    1f90bd9c99a544d515d539f5a012fe888dbf0000020405b40402080ac8b9e9e1984c51360103030a";
const DATA: &str = "5ab45ae696ba4a26f657282a08004500004613084000400613960a0900010a090002
    bd9c1f9015d539f599a544d68018003fdc1e00000101080a984c5136c8b9e9e1474554202f20485454502f312e300d0a0d0a";
const ACK: &str = "4a26f657282a5ab45ae696ba080045000034a20a4000400684a50a0900020a090001
    1f90bd9c99a544d615d53a0780100040bac500000101080ac8b9e9e1984c5136";
const FIN: &str = "4a26f657282a5ab45ae696ba080045000034a20c4000400684a30a0900020a090001
    1f90bd9c99a544db15d53a0780110040babf00000101080ac8b9e9e1984c5136";
const RST: &str =
    "4a26f657282a5ab45ae696ba08004500002800004000400626bc0a0900020a0900010001d7fc00000000e1b52f8650140000b2820000";
const CAPTURED: [&str; 13] = [
    ARP_REQUEST,
    ARP_REPLY,
    PING,
    UDP,
    PORT_UNREACHABLE,
    TIME_EXCEEDED,
    SYN,
    SYN_ACK,
    DATA,
    ACK,
    FIN,
    RST,
    // A reply to the ping.
    "4a26f657282a5ab45ae696ba08004500003301ad0000400165090a0900020a0900010000eb08004d0001
    6162636465666768696a6b6c6d6e6f7071727374757677",
];

// tests: RFC 1071 §3, the numerical example
#[test]
fn the_example_of_rfc_1071() {
    let sum = Checksum::default().add(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7]).value();
    assert_eq!(!sum, 0xddf2);
}

#[test]
fn captured_packets_there_and_back() {
    let classes = CAPTURED.map(|digits| {
        let (frame, payload) = there_and_back(digits);
        frame.class(&payload)
    });
    use PacketClass::{Ack, Data, Fin, Other, Rst, Syn, SynAck};
    let expected = [Other, Other, Other, Data, Other, Other, Syn, SynAck, Data, Ack, Fin, Rst, Other];
    assert_eq!(classes, expected);
}

#[test]
fn captured_packets_as_tcpdump_prints_them() {
    let printed = CAPTURED.map(|digits| there_and_back(digits).0.to_string());
    let expected = [
        "ARP, Request who-has 10.9.0.2 tell 10.9.0.1",
        "ARP, Reply 10.9.0.2 is-at 5a:b4:5a:e6:96:ba",
        "IP 10.9.0.1 > 10.9.0.2: ICMP echo request, id 77, seq 1",
        "IP 10.9.0.1 > 10.9.0.2: UDP 49609 > 5999",
        "IP 10.9.0.2 > 10.9.0.1: ICMP port unreachable",
        "IP 10.9.0.2 > 10.9.0.1: ICMP time exceeded in-transit",
        "IP 10.9.0.1 > 10.9.0.2: 48540 > 8080: Flags [S], seq 366295540, win 64240",
        "IP 10.9.0.2 > 10.9.0.1: 8080 > 48540: Flags [S.], seq 2577745109, ack 366295541, win 65160",
        "IP 10.9.0.1 > 10.9.0.2: 48540 > 8080: Flags [P.], seq 366295541, ack 2577745110, win 63",
        "IP 10.9.0.2 > 10.9.0.1: 8080 > 48540: Flags [.], seq 2577745110, ack 366295559, win 64",
        "IP 10.9.0.2 > 10.9.0.1: 8080 > 48540: Flags [F.], seq 2577745115, ack 366295559, win 64",
        "IP 10.9.0.2 > 10.9.0.1: 1 > 55292: Flags [R.], seq 0, ack 3786747782, win 0",
        "IP 10.9.0.2 > 10.9.0.1: ICMP echo reply, id 77, seq 1",
    ];
    assert_eq!(printed, expected);
}

#[test]
fn every_truncation_is_an_error() {
    for digits in CAPTURED {
        let bytes = hex(digits);
        for len in 0..bytes.len() {
            assert!(Frame::parse(&bytes[..len], true).is_err(), "{len} bytes of {digits}");
        }
    }
}

#[test]
fn every_single_bit_behind_the_ethernet_header_is_caught() {
    for digits in &CAPTURED[2..] {
        let bytes = hex(digits);
        let good = Frame::parse(&bytes, true).expect("a good packet");
        for bit in 14 * 8..bytes.len() as u32 * 8 {
            let mut damaged = bytes.clone();
            sim_core::flip(&mut damaged, bit);
            match Frame::parse(&damaged, true) {
                Err(_) => {}
                // What a zero in the field of UDP's checksum says is no checksum at all; nothing else is damaged then.
                Ok(read) => assert_eq!(read, good, "bit {bit} of {digits}"),
            }
        }
    }
}

#[test]
fn frames_are_small() {
    // What grows here grows in every queue.
    assert!(size_of::<TcpOptions>() <= 56, "{}", size_of::<TcpOptions>());
    assert!(size_of::<TcpRepr>() <= 76, "{}", size_of::<TcpRepr>());
    assert!(size_of::<Frame>() <= 112, "{}", size_of::<Frame>());
    // What a sender says besides takes a pointer, and keys are aligned to 16 bytes.
    assert!(size_of::<Packet<Frame>>() <= 240, "{}", size_of::<Packet<Frame>>());
}

#[test]
fn congestion_is_marked_in_ip() {
    let (mut frame, _) = there_and_back(DATA);
    assert_eq!(frame.ecn(), Ecn::NotEct);
    let Net::Ipv4(ip, _) = &mut frame.net else { panic!("IPv4") };
    ip.set_ecn(Ecn::Ect0);
    assert_eq!(frame.ecn(), Ecn::Ect0);
    frame.set_ce();
    assert_eq!((frame.ecn(), frame.ip().expect("IPv4").tos), (Ecn::Ce, 3));
}

#[test]
fn the_hash_of_a_flow_is_of_its_addresses_and_ports_alone() {
    let hash = |digits| there_and_back(digits).0.flow_hash();
    assert_eq!(hash(SYN), hash(DATA));
    assert_eq!(hash(SYN_ACK), hash(ACK));
    assert_ne!(hash(SYN), hash(SYN_ACK));
    // The same on every machine, for ever: golden runs hang on it.
    assert_eq!(hash(SYN), 0xda17_aafb);
}

fn ipv4(protocol: Protocol) -> impl Strategy<Value = Ipv4Repr> {
    any::<([u8; 4], [u8; 4], u8, u8, u16, bool)>().prop_map(move |(src, dst, ttl, tos, ident, dont_fragment)| {
        Ipv4Repr { ttl, tos, ident, dont_fragment, ..Ipv4Repr::new(src.into(), dst.into(), protocol) }
    })
}

fn options() -> impl Strategy<Value = TcpOptions> {
    let clock = proptest::option::of(any::<(u32, u32)>());
    let parts = (clock, proptest::option::of(any::<u16>()), proptest::option::of(any::<u8>()), any::<bool>());
    (parts, proptest::collection::vec(any::<(u32, u32)>(), 0..5)).prop_map(|(parts, blocks)| {
        let (clock, mss, window_scale, sack_permitted) = parts;
        let timestamps = clock.map(|(val, ecr)| Timestamps { val, ecr });
        let mut options = TcpOptions { timestamps, sack: SackBlocks::NONE, mss, window_scale, sack_permitted };
        for (left, right) in blocks {
            let before = options.sack;
            options.sack.push(Seq(left), Seq(right));
            if options.len() > 40 {
                options.sack = before;
            }
        }
        options
    })
}

fn tcp() -> impl Strategy<Value = Transport> {
    (any::<(u16, u16, u32, u32)>(), any::<(u16, u16, u8)>(), options()).prop_map(|(one, two, options)| {
        let (src_port, dst_port, seq, ack) = one;
        let (window, urgent, flags) = two;
        let flags = TcpFlags(flags);
        Transport::Tcp(TcpRepr { src_port, dst_port, seq: Seq(seq), ack: Seq(ack), window, urgent, flags, options })
    })
}

fn udp() -> impl Strategy<Value = Transport> {
    any::<(u16, u16)>().prop_map(|(src_port, dst_port)| Transport::Udp(UdpRepr { src_port, dst_port }))
}

/// Any type, code and rest, as the parser names them; no timestamps (13, 14), for which etherparse wants a fixed length.
fn icmp() -> impl Strategy<Value = Transport> {
    let kind = prop_oneof![Just(0_u8), Just(3), Just(8), Just(11), 15..=u8::MAX];
    (kind, 0_u8..20, any::<[u8; 4]>(), any::<bool>()).prop_map(|(kind, code, rest, zero)| {
        let rest = if zero { [0; 4] } else { rest };
        let mut bytes = Vec::new();
        Icmpv4Repr::Unknown { kind, code, rest }.emit(&Payload::Empty, &mut bytes);
        let view = Icmpv4Packet::new_checked(&bytes).expect("a header");
        Transport::Icmp(Icmpv4Repr::parse(&view).expect("a good checksum"))
    })
}

fn datagram() -> impl Strategy<Value = Net> {
    let fragment = (ipv4(Protocol::Udp), any::<bool>(), 1_u16..8192).prop_map(|(mut ip, more, offset)| {
        ip.more_fragments = more;
        ip.fragment_offset = offset;
        Net::Ipv4(ip, Transport::Raw)
    });
    let other = ipv4(Protocol::Unknown(89)).prop_map(|ip| Net::Ipv4(ip, Transport::Raw));
    prop_oneof![
        4 => (ipv4(Protocol::Tcp), tcp()).prop_map(|(ip, tcp)| Net::Ipv4(ip, tcp)),
        2 => (ipv4(Protocol::Udp), udp()).prop_map(|(ip, udp)| Net::Ipv4(ip, udp)),
        2 => (ipv4(Protocol::Icmp), icmp()).prop_map(|(ip, icmp)| Net::Ipv4(ip, icmp)),
        1 => fragment,
        1 => other,
    ]
}

fn arp() -> impl Strategy<Value = Net> {
    any::<(bool, [u8; 6], [u8; 4], [u8; 6], [u8; 4])>().prop_map(|(reply, sender_mac, sender, target_mac, target)| {
        Net::Arp(ArpRepr {
            operation: if reply { ArpOperation::Reply } else { ArpOperation::Request },
            sender_mac: MacAddr(sender_mac),
            sender: sender.into(),
            target_mac: MacAddr(target_mac),
            target: target.into(),
        })
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    prop_oneof![
        Just(Payload::Empty),
        (1_u32..1500).prop_map(Payload::Zeros),
        proptest::collection::vec(any::<u8>(), 1..1500).prop_map(Payload::from_bytes),
        (0_u32..1500, any::<u32>(), any::<u64>())
            .prop_map(|(len, seq, sent)| { Payload::Stamped { seq, sent: sim_core::Time::from_ps(sent), len } }),
    ]
}

fn link() -> impl Strategy<Value = EthernetRepr> {
    any::<([u8; 6], [u8; 6])>().prop_map(|(src, dst)| EthernetRepr { src: MacAddr(src), dst: MacAddr(dst) })
}

proptest! {
    #[test]
    fn frames_there_and_back(net in datagram(), payload in payload(), link in proptest::option::of(link())) {
        let frame = Frame { net, link };
        let mut bytes = Vec::new();
        frame.emit(&payload, &mut bytes);
        let network = bytes.len() - if link.is_some() { 14 } else { 0 };
        let expected = frame.network_len(payload.len()) as usize;
        prop_assert_eq!(network, if link.is_some() { expected.max(46) } else { expected });
        prop_assert_eq!(Frame::parse(&bytes, link.is_some()), Ok((frame, payload)));
    }

    #[test]
    fn arp_there_and_back(net in arp(), link in link()) {
        let frame = Frame { net, link: Some(link) };
        let mut bytes = Vec::new();
        frame.emit(&Payload::Empty, &mut bytes);
        prop_assert_eq!(bytes.len(), 60);
        prop_assert_eq!(Frame::parse(&bytes, true), Ok((frame, Payload::Empty)));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), framed in any::<bool>()) {
        let _ = Frame::parse(&bytes, framed);
    }

    #[test]
    fn damaged_packets_never_panic(net in datagram(), payload in payload(), wrong in any::<(u16, u8)>(), cut in any::<u16>()) {
        let mut bytes = Vec::new();
        Frame { net, link: None }.emit(&payload, &mut bytes);
        let at = usize::from(wrong.0) % bytes.len();
        bytes[at] = wrong.1;
        let _ = Frame::parse(&bytes, false);
        bytes.truncate(usize::from(cut) % bytes.len());
        prop_assert!(Frame::parse(&bytes, false).is_err());
        // Behind the checksums, where damage cannot get with them.
        let _ = TcpSegment::new_checked(&bytes).map(|segment| segment.payload().len());
        let _ = UdpDatagram::new_checked(&bytes).map(|datagram| datagram.payload().len());
        let _ = Icmpv4Packet::new_checked(&bytes).map(|message| message.payload().len());
        let _ = ArpRepr::parse(&bytes);
    }

    /// Bytes that mean anything, but for their checksums, which are right: what is behind those is reached. What is read, comes back.
    #[test]
    fn what_passes_the_checksums_never_panics_and_comes_back(
        options in proptest::collection::vec(any::<[u8; 4]>(), 0..=10),
        fixed in any::<([u8; 8], [u8; 4], [u8; 4])>(),
        mut body in proptest::collection::vec(any::<u8>(), 0..120),
        protocol in prop_oneof![Just(1_u8), Just(6), Just(17), any::<u8>()],
        meant in any::<(bool, bool)>(),
    ) {
        let (fixed, src, dst) = fixed;
        let (whole, fits) = meant;
        if fits {
            // Lengths that can be: of the TCP header, of the UDP datagram.
            let length = (body.len() as u16).to_be_bytes();
            let words = (body.len() / 4).clamp(5, 15) as u8;
            if let Some(at) = body.get_mut(12).filter(|_| protocol == 6) {
                *at = words << 4;
            }
            if let Some(at) = body.get_mut(4..6).filter(|_| protocol == 17) {
                at.copy_from_slice(&length);
            }
        }
        let sum = match protocol {
            1 => Some((2, Checksum::default())),
            6 => Some((16, Checksum::pseudo_header(src.into(), dst.into(), Protocol::Tcp, body.len() as u32))),
            17 => Some((6, Checksum::pseudo_header(src.into(), dst.into(), Protocol::Udp, body.len() as u32))),
            _ => None,
        };
        if let Some((at, sum)) = sum.filter(|(at, _)| body.len() >= at + 2) {
            body[at..at + 2].fill(0);
            let sum = sum.add(&body).value();
            body[at..at + 2].copy_from_slice(&sum.to_be_bytes());
        }
        let header = 20 + 4 * options.len();
        let mut bytes = vec![0x40 | (header / 4) as u8, fixed[0], 0, 0, fixed[1], fixed[2], fixed[3], fixed[4], fixed[5], protocol, 0, 0];
        bytes[2..4].copy_from_slice(&((header + body.len()) as u16).to_be_bytes());
        if whole {
            bytes[6..8].copy_from_slice(&[0x40 & fixed[3], 0]);
        }
        bytes.extend_from_slice(&src);
        bytes.extend_from_slice(&dst);
        bytes.extend(options.iter().flatten());
        let sum = Checksum::default().add(&bytes).value();
        bytes[10..12].copy_from_slice(&sum.to_be_bytes());
        bytes.extend_from_slice(&body);
        if let Ok((frame, payload)) = Frame::parse(&bytes, false) {
            let mut again = Vec::new();
            frame.emit(&payload, &mut again);
            prop_assert_eq!(Frame::parse(&again, false), Ok((frame, payload)));
        }
    }

    /// etherparse, which shares no code with this crate, reads the same out of what is written here.
    #[test]
    fn etherparse_reads_the_same(net in datagram(), payload in payload()) {
        let mut bytes = Vec::new();
        Frame { net, link: None }.emit(&payload, &mut bytes);
        let sliced = SlicedPacket::from_ip(&bytes).expect("a good packet");
        let (Net::Ipv4(ip, transport), Some(NetSlice::Ipv4(net))) = (net, &sliced.net) else { panic!("IPv4") };
        let header = net.header().to_header();
        prop_assert_eq!(header.calc_header_checksum(), header.header_checksum);
        prop_assert_eq!(header.source, ip.src.octets());
        prop_assert_eq!(header.destination, ip.dst.octets());
        prop_assert_eq!((header.time_to_live, header.identification), (ip.ttl, ip.ident));
        prop_assert_eq!((header.dont_fragment, header.more_fragments), (ip.dont_fragment, ip.more_fragments));
        prop_assert_eq!(header.fragment_offset.value(), ip.fragment_offset);
        prop_assert_eq!(header.dscp.value() << 2 | header.ecn.value(), ip.tos);
        let mut carried = Vec::new();
        payload.append_to(&mut carried);
        match (transport, &sliced.transport) {
            (Transport::Tcp(tcp), Some(TransportSlice::Tcp(slice))) => {
                let header = slice.to_header();
                prop_assert_eq!(slice.payload(), &carried);
                prop_assert_eq!(header.calc_checksum_ipv4(&net.header().to_header(), &carried), Ok(header.checksum));
                prop_assert_eq!((header.source_port, header.destination_port), (tcp.src_port, tcp.dst_port));
                prop_assert_eq!((header.sequence_number, header.acknowledgment_number), (tcp.seq.0, tcp.ack.0));
                prop_assert_eq!((header.window_size, header.urgent_pointer), (tcp.window, tcp.urgent));
                let bits = [header.fin, header.syn, header.rst, header.psh, header.ack, header.urg, header.ece, header.cwr];
                let flags = (0..8).fold(0, |flags, bit| flags | u8::from(bits[bit]) << bit);
                prop_assert_eq!(flags, tcp.flags.0);
                prop_assert_eq!(read_options(&header), tcp.options);
            }
            (Transport::Udp(udp), Some(TransportSlice::Udp(slice))) => {
                prop_assert_eq!(slice.payload(), &carried);
                prop_assert_eq!((slice.source_port(), slice.destination_port()), (udp.src_port, udp.dst_port));
                let sum = slice.to_header().calc_checksum_ipv4(&net.header().to_header(), &carried);
                prop_assert_eq!(sum, Ok(slice.checksum()));
            }
            (Transport::Icmp(_), Some(TransportSlice::Icmpv4(slice))) => {
                let sum = etherparse::checksum::Sum16BitWords::new().add_slice(slice.slice());
                prop_assert_eq!(sum.ones_complement(), 0);
            }
            (Transport::Raw, None) => prop_assert_eq!(net.payload().payload, &carried),
            (ours, theirs) => panic!("{ours:?} and {theirs:?}"),
        }
    }

    /// And what it writes is read the same here.
    #[test]
    fn what_etherparse_writes_is_read_the_same(
        addresses in any::<([u8; 4], [u8; 4], u8)>(),
        ports in any::<(u16, u16)>(),
        numbers in any::<(u32, u32, u16)>(),
        carried in proptest::collection::vec(any::<u8>(), 0..300),
    ) {
        let (src, dst, ttl) = addresses;
        let build = || etherparse::PacketBuilder::ipv4(src, dst, ttl);
        let mut bytes = Vec::new();
        build().udp(ports.0, ports.1).write(&mut bytes, &carried).expect("written");
        let (frame, payload) = Frame::parse(&bytes, false).expect("a good packet");
        let Net::Ipv4(ip, transport) = frame.net else { panic!("IPv4") };
        prop_assert_eq!((ip.src, ip.dst, ip.ttl), (src.into(), dst.into(), ttl));
        prop_assert_eq!(transport, Transport::Udp(UdpRepr { src_port: ports.0, dst_port: ports.1 }));
        prop_assert_eq!(payload, Payload::from_bytes(carried.clone()));

        bytes.clear();
        let builder = build().tcp(ports.0, ports.1, numbers.0, numbers.2).syn().ack(numbers.1);
        let options = [
            etherparse::TcpOptionElement::MaximumSegmentSize(numbers.2),
            etherparse::TcpOptionElement::Noop,
            etherparse::TcpOptionElement::WindowScale(7),
            etherparse::TcpOptionElement::SelectiveAcknowledgementPermitted,
        ];
        builder.options(&options).expect("they fit").write(&mut bytes, &carried).expect("written");
        let (frame, payload) = Frame::parse(&bytes, false).expect("a good packet");
        let Net::Ipv4(_, Transport::Tcp(tcp)) = frame.net else { panic!("TCP") };
        prop_assert_eq!((tcp.seq, tcp.ack, tcp.window), (Seq(numbers.0), Seq(numbers.1), numbers.2));
        prop_assert_eq!(tcp.flags, TcpFlags::SYN | TcpFlags::ACK);
        prop_assert_eq!((tcp.options.mss, tcp.options.window_scale), (Some(numbers.2), Some(7)));
        prop_assert!(tcp.options.sack_permitted && tcp.options.timestamps.is_none());
        prop_assert_eq!(payload, Payload::from_bytes(carried.clone()));

        bytes.clear();
        build().icmpv4_echo_request(ports.0, ports.1).write(&mut bytes, &carried).expect("written");
        let (frame, _) = Frame::parse(&bytes, false).expect("a good packet");
        let Net::Ipv4(_, Transport::Icmp(icmp)) = frame.net else { panic!("ICMP") };
        prop_assert_eq!(icmp, Icmpv4Repr::EchoRequest { ident: ports.0, seq: ports.1 });
    }
}

/// The options as etherparse reads them.
fn read_options(header: &etherparse::TcpHeader) -> TcpOptions {
    let mut options = TcpOptions::default();
    for option in header.options_iterator() {
        match option.expect("a good option") {
            etherparse::TcpOptionElement::Noop => {}
            etherparse::TcpOptionElement::MaximumSegmentSize(mss) => options.mss = Some(mss),
            etherparse::TcpOptionElement::WindowScale(shift) => options.window_scale = Some(shift),
            etherparse::TcpOptionElement::SelectiveAcknowledgementPermitted => options.sack_permitted = true,
            etherparse::TcpOptionElement::SelectiveAcknowledgement(first, more) => {
                for (left, right) in std::iter::once(first).chain(more.into_iter().flatten()) {
                    options.sack.push(Seq(left), Seq(right));
                }
            }
            etherparse::TcpOptionElement::Timestamp(val, ecr) => options.timestamps = Some(Timestamps { val, ecr }),
        }
    }
    options
}

#[test]
fn etherparse_names_the_same_icmp_messages() {
    let icmp = |bytes: &[u8]| Icmpv4Header::from_slice(bytes).expect("a header").0.icmp_type;
    let mut bytes = Vec::new();
    Icmpv4Repr::EchoReply { ident: 3, seq: 4 }.emit(&Payload::Empty, &mut bytes);
    assert_eq!(icmp(&bytes), Icmpv4Type::EchoReply(IcmpEchoHeader { id: 3, seq: 4 }));
    for code in 0..16 {
        let why = (3, code, [0, 0, 5, 20]);
        let repr = Icmpv4Repr::Unknown { kind: why.0, code, rest: if code == 4 { why.2 } else { [0; 4] } };
        bytes.clear();
        repr.emit(&Payload::Empty, &mut bytes);
        let read = Icmpv4Repr::parse(&Icmpv4Packet::new_checked(&bytes).expect("a header")).expect("a message");
        assert!(!matches!(read, Icmpv4Repr::Unknown { .. }) && read.is_error());
        let mut again = Vec::new();
        read.emit(&Payload::Empty, &mut again);
        assert_eq!(again, bytes);
        let Icmpv4Type::DestinationUnreachable(theirs) = icmp(&bytes) else { panic!("unreachable") };
        assert_eq!(theirs.code_u8(), code);
    }
}

#[test]
fn what_is_not_ours_is_refused_by_name() {
    let parse = |digits: &str| Frame::parse(&hex(digits), true).map(|_| ());
    // IPv6, and a frame whose IP version is 6.
    assert_eq!(parse(&ARP_REQUEST.replacen("0806", "86dd", 1)), Err(ParseError::Unsupported));
    assert_eq!(parse(&UDP.replacen("08004500", "08006500", 1)), Err(ParseError::Unsupported));
    // ARP for another hardware, and a reverse request.
    assert_eq!(parse(&ARP_REQUEST.replacen("08060001", "08060006", 1)), Err(ParseError::Unsupported));
    assert_eq!(parse(&ARP_REQUEST.replacen("06040001", "06040003", 1)), Err(ParseError::Malformed));
}
