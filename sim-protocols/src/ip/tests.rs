//! The internet layer over the real engine: hosts that send what a script says and write down what they get, routers between them, Ethernet and
//! point-to-point links. Every packet goes through its bytes at every hop.

mod gates;

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use sim_core::{
    Amount, Change, Cx, DROPS, DropCause, DropTailConfig, Fault, HOPS, Impairments, Node, Outcome, Packet, PacketRef,
    Payload, PortConfig, Prob, ProbeConfig, QueueConfig, Rate, Span, Speed, Time, WorldBuilder,
};

use super::*;
use crate::wire::{
    Frame, Icmpv4Repr, Ipv4Packet, Ipv4Repr, Net, Protocol, TimeExceeded, Transport, UdpRepr, Unreachable,
};

/// A datagram that a host sends.
#[derive(Clone)]
struct Sending {
    at: Time,
    ip: Ipv4Repr,
    transport: Transport,
    payload: Payload,
}

/// A datagram that a host has got.
#[derive(Clone, Debug)]
struct Heard {
    at: Time,
    node: u32,
    ip: Ipv4Repr,
    transport: Transport,
    payload: Payload,
}

type Diary = Arc<Mutex<Vec<Heard>>>;

/// Embeds the internet layer as a host does. UDP port 9 is closed.
struct Stub {
    stack: IpStack,
    script: Vec<Sending>,
    diary: Diary,
}

impl Node for Stub {
    type Header = Frame;

    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        for (number, sending) in (0..).zip(&self.script) {
            cx.wake_at(sending.at, number);
        }
    }

    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        let Some(packet) = self.stack.input(cx, port, packet) else { return };
        let closed = matches!(cx.packet(&packet).header.net, Net::Ipv4(_, Transport::Udp(udp)) if udp.dst_port == 9);
        if closed {
            return self.stack.refuse_port(cx, packet);
        }
        let Packet { header, payload, .. } = cx.take(packet);
        let Net::Ipv4(ip, transport) = header.net else { panic!("ARP stays in the stack") };
        if let Transport::Icmp(Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu })) = transport {
            self.stack.learn_mtu(quoted(&payload).dst, mtu);
        }
        self.diary.lock().unwrap().push(Heard { at: cx.now(), node: cx.node(), ip, transport, payload });
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        if token >= WAKE {
            return self.stack.timer(cx);
        }
        let Sending { ip, transport, payload, .. } = self.script[token as usize].clone();
        if transport == Transport::Raw && ip.is_fragment() {
            // A fragment alone: around `output`, which knows of no such thing.
            let frame = Frame::ipv4(ip, transport);
            let packet = cx.make(frame, payload.clone(), frame.network_len(payload.len()), 0);
            return self.stack.transmit(cx, Hop { port: 0, via: Ipv4Addr::UNSPECIFIED }, ip.dst, packet);
        }
        self.stack.output(cx, Frame::ipv4(ip, transport), payload, 1);
    }

    fn fault(&mut self, _cx: &mut Cx<'_, Frame>, fault: Fault) {
        self.stack.fault(fault);
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        self.stack.finish(cx);
    }
}

enum Either {
    Stub(Stub),
    Router(Router),
}

macro_rules! either {
    ($self:ident, $node:ident => $call:expr) => {
        match $self {
            Either::Stub($node) => $call,
            Either::Router($node) => $call,
        }
    };
}

impl Node for Either {
    type Header = Frame;
    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        either!(self, node => node.start(cx))
    }
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        either!(self, node => node.packet(cx, port, packet))
    }
    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        either!(self, node => node.timer(cx, token))
    }
    fn fault(&mut self, cx: &mut Cx<'_, Frame>, fault: Fault) {
        either!(self, node => node.fault(cx, fault))
    }
    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        either!(self, node => node.finish(cx))
    }
}

/// A link between two nodes.
#[derive(Clone)]
struct Link {
    ends: (u32, u32),
    mtu: u32,
    framed: bool,
    corrupt: u64,
}

/// Hosts have the numbers up to `hosts`; link `l` is the network 10.0.l.0/24, its ends are .1 and .2.
struct Lab {
    hosts: u32,
    links: Vec<Link>,
    script: Vec<(u32, Sending)>,
    changes: Vec<(Time, u32, u32, Change)>,
    /// Links that the second table of each node does without.
    without: Vec<usize>,
    /// What each router lets pass, and as what.
    gate: Option<Gate>,
}

struct Ran {
    heard: Vec<Heard>,
    outcome: Outcome,
}

fn ms(n: u64) -> Time {
    Time::ZERO + Span::from_ms(n)
}

fn addr(link: u8, end: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 0, link, end)
}

impl Lab {
    fn new(hosts: u32, links: &[(u32, u32)]) -> Lab {
        let links = links.iter().map(|ends| Link { ends: *ends, mtu: 1500, framed: false, corrupt: 0 }).collect();
        Lab { hosts, links, script: Vec::new(), changes: Vec::new(), without: Vec::new(), gate: None }
    }

    /// Two hosts, and so many routers between them.
    fn chain(routers: u32) -> Lab {
        let mut path: Vec<u32> = (2..2 + routers).collect();
        path.insert(0, 0);
        path.push(1);
        let links: Vec<(u32, u32)> = path.windows(2).map(|pair| (pair[0], pair[1])).collect();
        Lab::new(2, &links)
    }

    fn framed(mut self) -> Lab {
        self.links.iter_mut().for_each(|link| link.framed = true);
        self
    }

    fn mtu(mut self, link: usize, mtu: u32) -> Lab {
        self.links[link].mtu = mtu;
        self
    }

    fn sends(mut self, node: u32, at: Time, ip: Ipv4Repr, transport: Transport, payload: Payload) -> Lab {
        self.script.push((node, Sending { at, ip, transport, payload }));
        self
    }

    /// Host 0 sends a datagram to UDP port 7.
    fn udp(self, at: Time, to: Ipv4Addr, payload: Payload) -> Lab {
        self.sends(0, at, from_first(to, Protocol::Udp), to_port(7), payload)
    }

    fn ping(self, at: Time, to: Ipv4Addr, ttl: u8) -> Lab {
        let ip = Ipv4Repr { ttl, ..from_first(to, Protocol::Icmp) };
        let seq = self.script.len() as u16;
        self.sends(0, at, ip, Transport::Icmp(Icmpv4Repr::EchoRequest { ident: 1, seq }), Payload::Zeros(56))
    }

    fn nodes(&self) -> u32 {
        self.links.iter().map(|link| link.ends.0.max(link.ends.1)).max().unwrap() + 1
    }

    /// A node's ports: link, own end, neighbour, in order of links.
    fn ports(&self, node: u32) -> Vec<(usize, u8, u32)> {
        let ends = self.links.iter().enumerate().filter_map(|(at, link)| match link.ends {
            (one, other) if one == node => Some((at, 1, other)),
            (other, one) if one == node => Some((at, 2, other)),
            _ => None,
        });
        ends.collect()
    }

    /// Shortest paths by breadth-first search from each network; all equally short hops are kept.
    fn table(&self, node: u32, without: &[usize]) -> Arc<RouteTable> {
        let mut routes = Vec::new();
        for (target, link) in self.links.iter().enumerate() {
            let mut far = vec![u32::MAX; self.nodes() as usize];
            let mut next = VecDeque::from([link.ends.0, link.ends.1]);
            far[link.ends.0 as usize] = 0;
            far[link.ends.1 as usize] = 0;
            while let Some(at) = next.pop_front() {
                for (_, _, other) in self.ports(at).into_iter().filter(|(link, ..)| !without.contains(link)) {
                    // Hosts do not forward.
                    if far[other as usize] == u32::MAX && at >= self.hosts {
                        far[other as usize] = far[at as usize] + 1;
                        next.push_back(other);
                    }
                }
            }
            let hops = (0..).zip(self.ports(node)).filter_map(|(port, (over, end, other))| {
                if over == target {
                    return Some(Hop { port, via: Ipv4Addr::UNSPECIFIED });
                }
                let closer = far[other as usize].checked_add(1) == Some(far[node as usize]);
                let leads = closer && far[node as usize] > 0 && !without.contains(&over);
                leads.then_some(Hop { port, via: addr(over as u8, 3 - end) })
            });
            let hops: Arc<[Hop]> = hops.collect();
            if !hops.is_empty() {
                routes.push(Route { to: addr(target as u8, 0), prefix: 24, hops });
            }
        }
        if node < self.hosts {
            let (over, end, _) = self.ports(node)[0];
            let hops = [Hop { port: 0, via: addr(over as u8, 3 - end) }].into();
            routes.push(Route { to: Ipv4Addr::UNSPECIFIED, prefix: 0, hops });
        }
        Arc::new(RouteTable::new(routes))
    }

    fn run(self) -> Ran {
        let mut world = WorldBuilder::new(3);
        let diary = Diary::default();
        for node in 0..self.nodes() {
            let ports = self.ports(node);
            let interfaces =
                ports.iter().map(|(link, end, _)| Interface { address: addr(*link as u8, *end), prefix: 24 });
            let config = IpConfig {
                interfaces: interfaces.collect(),
                tables: vec![self.table(node, &[]), self.table(node, &self.without)],
            };
            world.node(if node < self.hosts {
                let own = self.script.iter().filter(|(sender, _)| *sender == node);
                let script = own.map(|(_, sending)| sending.clone()).collect();
                Either::Stub(Stub { stack: IpStack::new(config), script, diary: diary.clone() })
            } else {
                let router = Router::new(config);
                Either::Router(self.gate.iter().fold(router, |router, gate| router.with_gate(gate.clone())))
            });
        }
        for node in 0..self.nodes() {
            for (at, end, other) in self.ports(node) {
                let link = &self.links[at];
                let peer_port = self.ports(other).iter().position(|(link, ..)| *link == at).unwrap() as u32;
                let corrupt = Prob::from_parts(link.corrupt * (Prob::ONE_PARTS / 100)).unwrap();
                world.port(
                    node,
                    PortConfig {
                        name: format!("{at}/{end}"),
                        peer: (other, peer_port),
                        speed: Speed::Rate(Rate::from_bps(100_000_000)),
                        delay: Span::from_ms(1),
                        mtu: link.mtu,
                        overhead: if link.framed { 18 } else { 2 },
                        frame_min: if link.framed { 64 } else { 0 },
                        framed: link.framed,
                        queue: QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(1000) }),
                        impairments: Impairments { corrupt, ..Impairments::default() },
                        blocked: false,
                    },
                );
            }
        }
        for (at, node, port, change) in self.changes {
            world.change(at, node, port, change);
        }
        world.probes(ProbeConfig { tables: vec![&DROPS, &HOPS], bytes_on_every_hop: true, ..ProbeConfig::default() });
        let outcome = world.build(&[]).run(Time::ZERO + Span::from_secs(200), 1, &|_| {});
        let heard = std::mem::take(&mut *diary.lock().unwrap());
        Ran { heard, outcome }
    }
}

impl Ran {
    /// The causes of all drops.
    fn drops(&self) -> Vec<DropCause> {
        let rows = self.outcome.table("drops").unwrap();
        let at = rows.table.columns.iter().position(|column| column.name == "cause").unwrap();
        let all = [
            DropCause::Checksum,
            DropCause::FrameCheck,
            DropCause::Malformed,
            DropCause::NoRoute,
            DropCause::TtlExpired,
            DropCause::NotMine,
            DropCause::NoNeighbour,
            DropCause::NoSocket,
            DropCause::Reassembly,
            DropCause::MustFragment,
            DropCause::LinkDown,
            DropCause::Firewall,
        ];
        rows.iter().map(|(_, row)| *all.iter().find(|cause| **cause as u64 == row[at]).expect("a cause")).collect()
    }

    /// What the only ICMP error says, who sent it, and the header that it quotes.
    fn error(&self) -> (Icmpv4Repr, Ipv4Addr, Ipv4Repr) {
        let [heard] = self.heard.as_slice() else { panic!("one datagram: {:?}", self.heard) };
        let Transport::Icmp(icmp) = heard.transport else { panic!("ICMP: {heard:?}") };
        assert!(icmp.is_error() && heard.ip.tos == 0xc0);
        (icmp, heard.ip.src, quoted(&heard.payload))
    }

    fn packets(&self) -> usize {
        self.outcome.table("hops").unwrap().len()
    }
}

fn from_first(to: Ipv4Addr, protocol: Protocol) -> Ipv4Repr {
    Ipv4Repr::new(addr(0, 1), to, protocol)
}

fn to_port(dst_port: u16) -> Transport {
    Transport::Udp(UdpRepr { src_port: 1000, dst_port })
}

/// The header that an ICMP error quotes. The quotation may be cut off.
fn quoted(payload: &Payload) -> Ipv4Repr {
    let mut bytes = Vec::new();
    payload.append_to(&mut bytes);
    assert!(bytes.len() >= 28 && bytes.len() <= 548, "the header, eight bytes, and 576 in all at the most");
    bytes.resize(65_535, 0);
    Ipv4Repr::parse(&Ipv4Packet::new_checked(&bytes).unwrap()).unwrap()
}

fn pattern(len: u32) -> Payload {
    Payload::from_bytes((0..len).map(|at| (at * 7 % 251) as u8).collect::<Vec<u8>>())
}

#[test]
fn ping_through_three_routers() {
    for framed in [false, true] {
        let lab = Lab::chain(3).ping(ms(0), addr(3, 2), 64).ping(ms(100), addr(3, 2), 64);
        let ran = if framed { lab.framed() } else { lab }.run();
        let [first, second] = ran.heard.as_slice() else { panic!("two replies: {:?}", ran.heard) };
        assert_eq!(second.transport, Transport::Icmp(Icmpv4Repr::EchoReply { ident: 1, seq: 1 }));
        assert_eq!((second.node, second.ip.src, second.ip.ttl), (0, addr(3, 2), 61));
        assert_eq!(second.payload, Payload::Zeros(56));
        // Eight hops of 1 ms and of 84 bytes with 2 (18) more at 100 Mbit/s: once neighbours are known, nothing else takes time.
        let bytes = if framed { 84 + 18 } else { 84 + 2 };
        assert_eq!(second.at, ms(108) + Span::from_ns(8 * bytes * 80));
        // On Ethernet each of the four links has one request and one reply: who was asked knows the asker.
        assert_eq!(ran.packets(), if framed { 16 + 8 } else { 16 });
        assert_eq!(first.at > ms(16), framed, "resolving takes a round trip on each link");
        assert!(ran.drops().is_empty());
    }
}

// tests: RFC 1122 §3.2.2.6, "data received in an ICMP Echo Request MUST be entirely included in the resulting Echo Reply"
#[test]
fn an_echo_brings_its_data_back_also_in_pieces() {
    for (to, len) in [(addr(2, 2), 0), (addr(2, 2), 1471), (addr(2, 2), 4000), (addr(1, 1), 4000)] {
        let ip = Ipv4Repr { dont_fragment: false, ..from_first(to, Protocol::Icmp) };
        let request = Transport::Icmp(Icmpv4Repr::EchoRequest { ident: 7, seq: 9 });
        let ran = Lab::chain(2).mtu(1, 900).sends(0, ms(0), ip, request, pattern(len)).run();
        let [heard] = ran.heard.as_slice() else { panic!("one reply: {:?}", ran.heard) };
        assert_eq!(heard.transport, Transport::Icmp(Icmpv4Repr::EchoReply { ident: 7, seq: 9 }));
        assert_eq!((heard.ip.src, &heard.payload), (to, &pattern(len)));
    }
}

#[test]
fn the_time_to_live_runs_out() {
    for ttl in 1..=3 {
        let ran = Lab::chain(3).ping(ms(0), addr(3, 2), ttl).run();
        let (icmp, from, quoted) = ran.error();
        assert_eq!(icmp, Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl));
        assert_eq!(from, addr(ttl - 1, 2), "the router that far away");
        assert_eq!((quoted.ttl, quoted.dst), (1, addr(3, 2)), "quoted as it came");
        assert_eq!(ran.drops(), [DropCause::TtlExpired]);
    }
    let ran = Lab::chain(3).ping(ms(0), addr(3, 2), 4).run();
    assert!(matches!(ran.heard[0].transport, Transport::Icmp(Icmpv4Repr::EchoReply { .. })));
}

#[test]
fn nobody_is_there() {
    let none = Ipv4Addr::new(192, 168, 0, 1);
    let ran = Lab::chain(2).udp(ms(0), none, Payload::Zeros(9)).run();
    assert_eq!(ran.error().0, Icmpv4Repr::Unreachable(Unreachable::Network));
    assert_eq!((ran.error().1, ran.drops()), (addr(0, 2), vec![DropCause::NoRoute]));

    let udp = from_first(addr(2, 2), Protocol::Udp);
    let ran = Lab::chain(2).sends(0, ms(0), udp, to_port(9), Payload::Zeros(9)).run();
    assert_eq!(ran.error().0, Icmpv4Repr::Unreachable(Unreachable::Port));
    assert_eq!((ran.error().1, ran.drops()), (addr(2, 2), vec![DropCause::NoSocket]));
    // A router has no ports at all. It answers from the address that was asked, though another one is nearer.
    for asked in [addr(0, 2), addr(1, 1)] {
        let ran = Lab::chain(2).udp(ms(0), asked, Payload::Zeros(9)).run();
        assert_eq!((ran.error().0, ran.error().1), (Icmpv4Repr::Unreachable(Unreachable::Port), asked));
    }

    let ospf = from_first(addr(2, 2), Protocol::Unknown(89));
    let ran = Lab::chain(2).sends(0, ms(0), ospf, Transport::Raw, pattern(44)).run();
    assert_eq!(ran.error().0, Icmpv4Repr::Unreachable(Unreachable::Protocol));
}

#[test]
fn a_neighbour_that_does_not_answer_is_asked_three_times() {
    let ran = Lab::chain(1).framed().udp(ms(5), addr(1, 77), Payload::Zeros(9)).run();
    let (icmp, from, _) = ran.error();
    assert_eq!((icmp, from), (Icmpv4Repr::Unreachable(Unreachable::Host), addr(0, 2)));
    assert!(ran.heard[0].at > ms(3000) && ran.heard[0].at < ms(3020), "a second after the third request");
    assert_eq!(ran.drops(), [DropCause::NoNeighbour]);
    // A request and its reply, the datagram, three requests without one, the error.
    assert_eq!(ran.packets(), 2 + 1 + 3 + 1);
}

#[test]
fn packets_wait_in_order_for_their_neighbour() {
    let lab = (0..200).fold(Lab::chain(0).framed(), |lab, n| lab.udp(ms(0), addr(0, 2), pattern(n + 1)));
    let ran = lab.run();
    let lengths: Vec<u32> = ran.heard.iter().map(|heard| heard.payload.len()).collect();
    // RFC 1122 §2.3.2.2: those that are kept are the latest.
    assert_eq!(lengths, (73..=200).collect::<Vec<u32>>());
    assert_eq!(ran.drops(), vec![DropCause::NoNeighbour; 72]);
    assert_eq!(ran.packets(), 2 + 128, "one request for all of them");
}

// tests: RFC 1122 §2.3.2.1 (2): unicast poll
#[test]
fn a_neighbour_of_long_ago_is_asked_while_packets_go_on() {
    let at = |seconds: u64| ms(seconds * 1000);
    let steady = (0..15).fold(Lab::chain(0).framed(), |lab, n| lab.udp(at(n * 10), addr(0, 2), pattern(n as u32 + 1)));
    let ran = steady.run();
    assert_eq!(ran.heard.len(), 15);
    // A request and its reply at first, and once more with the first packet after each minute.
    assert_eq!(ran.packets(), 15 + 2 + 2 + 2);
    assert_eq!(ran.heard[6].at - ran.heard[5].at, Span::from_secs(10), "nothing waits");

    // The neighbour has fallen silent, though the carrier is there: three questions to it, three to all, and it is given up.
    let mut lab = Lab::chain(0).framed().udp(at(0), addr(0, 2), pattern(1));
    lab =
        lab.udp(at(61), addr(0, 2), pattern(2)).udp(at(63), addr(0, 2), pattern(3)).udp(at(65), addr(0, 2), pattern(4));
    lab.changes = vec![(at(60), 1, 0, Change::Down)];
    let ran = lab.run();
    assert_eq!(ran.heard.iter().map(|heard| heard.payload.len()).collect::<Vec<u32>>(), [1, 2, 3], "it hears still");
    let lost = ran.drops();
    assert_eq!(lost.iter().filter(|cause| **cause == DropCause::NoNeighbour).count(), 1);
    assert_eq!(lost.iter().filter(|cause| **cause == DropCause::LinkDown).count(), 6, "its replies");
}

#[test]
fn what_must_not_be_fragmented_is_refused_and_then_sent_in_pieces() {
    let lab = Lab::chain(3).mtu(2, 600).udp(ms(0), addr(3, 2), pattern(1200)).udp(ms(100), addr(3, 2), pattern(1200));
    let ran = lab.run();
    assert_eq!(ran.drops(), [DropCause::MustFragment]);
    let [error, whole] = ran.heard.as_slice() else { panic!("an error and a datagram: {:?}", ran.heard) };
    let needed = Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu: 600 });
    assert_eq!((error.transport, error.ip.src), (Transport::Icmp(needed), addr(1, 2)));
    let quoted = quoted(&error.payload);
    assert_eq!((quoted.ttl, quoted.dont_fragment), (63, true), "quoted as it came, behind one router");
    assert_eq!((whole.node, whole.transport, &whole.payload), (1, to_port(7), &pattern(1200)));
}

#[test]
fn routers_fragment_and_the_destination_puts_together() {
    let ip = Ipv4Repr { dont_fragment: false, tos: 2, ..from_first(addr(3, 2), Protocol::Udp) };
    for framed in [false, true] {
        let lab = Lab::chain(3).mtu(1, 700).mtu(2, 300).sends(0, ms(0), ip, to_port(7), pattern(1400));
        let ran = if framed { lab.framed() } else { lab }.run();
        let [whole] = ran.heard.as_slice() else { panic!("one datagram: {:?}", ran.heard) };
        assert_eq!((whole.transport, &whole.payload), (to_port(7), &pattern(1400)));
        assert_eq!((whole.ip.ttl, whole.ip.tos, whole.ip.is_fragment()), (61, 2, false));
        // 1408 bytes as 680, 680, 48; each of the long ones again as 280, 280, 120.
        let datagrams = 1 + 3 + 7 + 7;
        assert_eq!(ran.packets(), datagrams + if framed { 8 } else { 0 });
        assert!(ran.drops().is_empty());
    }
}

#[test]
fn fragments_that_stay_alone_are_given_up_after_thirty_seconds() {
    let part = |offset, more| {
        let ip = from_first(addr(1, 2), Protocol::Udp);
        Ipv4Repr { dont_fragment: false, more_fragments: more, fragment_offset: offset, ident: 5, ..ip }
    };
    let ran = Lab::chain(1).sends(0, ms(0), part(0, true), Transport::Raw, pattern(800)).run();
    let (icmp, from, quoted) = ran.error();
    assert_eq!((icmp, from), (Icmpv4Repr::TimeExceeded(TimeExceeded::Reassembly), addr(1, 2)));
    assert!(quoted.more_fragments && ran.heard[0].at > ms(30_000) && ran.heard[0].at < ms(30_010));
    assert_eq!(ran.drops(), [DropCause::Reassembly]);
    // RFC 1122 §3.3.2: without the first one nobody is told.
    let ran = Lab::chain(1).sends(0, ms(0), part(100, false), Transport::Raw, pattern(800)).run();
    assert!(ran.heard.is_empty());
    // Nor is anybody told of another fragment's bad luck on the way.
    let lost = Ipv4Repr { dst: Ipv4Addr::new(9, 9, 9, 9), ..part(100, true) };
    let ran = Lab::chain(1).sends(0, ms(0), lost, Transport::Raw, pattern(800)).run();
    assert_eq!((ran.heard.len(), ran.drops()), (0, vec![DropCause::NoRoute]));
}

// tests: RFC 1812 §4.3.2.7
#[test]
fn there_is_no_error_about_errors_nor_about_what_went_to_many() {
    let error = Transport::Icmp(Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl));
    let none = Ipv4Addr::new(9, 9, 9, 9);
    let ran = Lab::chain(1).sends(0, ms(0), from_first(none, Protocol::Icmp), error, pattern(28)).run();
    assert_eq!((ran.heard.len(), ran.drops()), (0, vec![DropCause::NoRoute]));
    for to in [addr(0, 255), Ipv4Addr::BROADCAST] {
        for framed in [false, true] {
            // The neighbour gets what is for everybody; a port that is closed says nothing; it goes no further than one link.
            let ip = from_first(to, Protocol::Udp);
            let lab =
                Lab::chain(0).sends(0, ms(0), ip, to_port(7), pattern(4)).sends(0, ms(1), ip, to_port(9), pattern(4));
            let ran = if framed { lab.framed() } else { lab }.run();
            assert_eq!(ran.heard.iter().map(|heard| heard.node).collect::<Vec<u32>>(), [1]);
            assert_eq!((ran.packets(), ran.drops()), (2, vec![DropCause::NoSocket]));
            let lab = Lab::chain(1).udp(ms(0), to, pattern(4)).ping(ms(1), to, 64);
            let ran = if framed { lab.framed() } else { lab }.run();
            assert_eq!((ran.heard.len(), ran.packets()), (0, 2));
        }
    }
}

#[test]
fn damage_is_always_caught() {
    for (framed, mtu) in [(false, 1500), (true, 1500), (false, 400)] {
        let mut lab = Lab::chain(2).mtu(1, mtu);
        lab = if framed { lab.framed() } else { lab };
        lab.links.iter_mut().for_each(|link| link.corrupt = 8);
        for n in 0..500 {
            let ip = Ipv4Repr { dont_fragment: false, ..from_first(addr(2, 2), Protocol::Udp) };
            lab = lab.sends(0, ms(n * 2), ip, to_port(7), pattern(1 + n as u32 * 2));
            lab = lab.ping(ms(n * 2 + 1), addr(2, 2), 64);
        }
        let ran = lab.run();
        let arrived = ran.heard.iter().filter(|heard| heard.node == 1).count();
        for heard in ran.heard.iter().filter(|heard| heard.node == 1) {
            assert_eq!((heard.payload.clone(), heard.transport), (pattern(heard.payload.len()), to_port(7)));
        }
        let drops = ran.drops();
        let caught = [DropCause::Checksum, DropCause::Malformed, DropCause::FrameCheck, DropCause::NotMine];
        let other = [DropCause::Reassembly, DropCause::NoNeighbour];
        assert!(drops.iter().all(|cause| caught.contains(cause) || other.contains(cause)), "{drops:?}");
        assert!(arrived > 300 && arrived < 450 && drops.len() > 100, "{arrived} {}", drops.len());
        assert_eq!(framed, drops.contains(&DropCause::FrameCheck) && !drops.contains(&DropCause::Checksum));
    }
}

#[test]
fn a_link_fails_and_another_way_is_taken() {
    // 0 - 2 - 3 - 1 is short, 0 - 2 - 4 - 5 - 3 - 1 goes around.
    let mut lab = Lab::new(2, &[(0, 2), (2, 3), (3, 1), (2, 4), (4, 5), (5, 3)]);
    lab.without = vec![1];
    lab = (0..100).fold(lab, |lab, n| lab.udp(ms(10 * n), addr(2, 2), pattern(n as u32 + 1)));
    lab.changes = vec![(ms(295), 2, 1, Change::Down), (ms(295), 3, 0, Change::Down)];
    for node in 2..6 {
        lab.changes.push((ms(395), node, 0, Change::Fault(Fault::Routes(1))));
    }
    let ran = lab.run();
    let got: Vec<u32> = ran.heard.iter().map(|heard| heard.payload.len()).collect();
    assert_eq!(got, (1..=30).chain(41..=100).collect::<Vec<u32>>(), "lost until there were new tables");
    assert_eq!(ran.drops(), vec![DropCause::LinkDown; 10]);
    let ttl: Vec<u8> = ran.heard.iter().map(|heard| heard.ip.ttl).collect();
    assert_eq!((ttl[0], ttl[89]), (62, 60));
}

#[test]
fn flows_spread_over_equal_ways_and_keep_to_theirs() {
    // Two stages of two ways each: 2 to {3, 4} to {5, 6} to 7.
    let mut lab = Lab::new(2, &[(0, 2), (2, 3), (2, 4), (3, 5), (3, 6), (4, 5), (4, 6), (5, 7), (6, 7), (7, 1)]);
    for n in 0..400 {
        for flow in 0..2 {
            let udp = Transport::Udp(UdpRepr { src_port: 2000 + n, dst_port: 7 });
            let at = ms(u64::from(n) * 2 + flow);
            lab = lab.sends(0, at, from_first(addr(9, 2), Protocol::Udp), udp, pattern(9));
        }
    }
    let ran = lab.run();
    assert_eq!(ran.heard.len(), 800);
    let hops = ran.outcome.table("hops").unwrap();
    let column = |name| hops.table.columns.iter().position(|column| column.name == name).unwrap();
    let (port, packet) = (column("port"), column("packet"));
    let mut ways = std::collections::BTreeMap::<u64, Vec<u64>>::new();
    hops.iter().for_each(|(_, row)| ways.entry(row[packet]).or_default().push(row[port]));
    let ways: Vec<Vec<u64>> = ways.into_values().collect();
    assert!(ways.chunks(2).all(|pair| pair[0] == pair[1]), "both packets of a flow go the same way");
    let mut counts = std::collections::BTreeMap::<&[u64], u32>::new();
    ways.iter().for_each(|way| *counts.entry(way).or_default() += 1);
    assert!(counts.len() == 4 && counts.values().all(|count| (130..270).contains(count)), "{counts:?}");
}
