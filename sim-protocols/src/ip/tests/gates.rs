//! Routers with gates: fragments through them, and hosts behind them that reach each other by the address outside.

use super::*;
use crate::ip::gate::{Action, Gate, Mapping, PortMap, Rule};

/// Hosts 0 and 1 stand behind a router (node 3), which masquerades them on its port 2, and host 2 outside: networks 0, 1 and 2.
fn home(gate: Gate) -> Lab {
    let lab = Lab::new(3, &[(0, 3), (1, 3), (3, 2)]);
    Lab { gate: Some(Gate { masquerade: vec![2], ..gate }), ..lab }
}

const OUTSIDE: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 1);
const PEER: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 2);

fn datagram(src: (Ipv4Addr, u16), dst: (Ipv4Addr, u16)) -> (Ipv4Repr, Transport) {
    (Ipv4Repr::new(src.0, dst.0, Protocol::Udp), Transport::Udp(UdpRepr { src_port: src.1, dst_port: dst.1 }))
}

/// A datagram of so many bytes in pieces of so many, as a host with a narrow link sends it, in this order.
fn in_pieces(mut lab: Lab, host: u32, (ip, transport): (Ipv4Repr, Transport), len: u32, order: &[usize]) -> Lab {
    let ip = Ipv4Repr { dont_fragment: false, ident: 7, ..ip };
    let payload = Payload::from_bytes((0..len).map(|at| (at % 251) as u8).collect::<Vec<u8>>());
    let pieces = crate::ip::fragments::cut(&ip, &transport, &payload, 576);
    for (at, piece) in (1..).zip(order) {
        let (ip, payload) = pieces[*piece].clone();
        lab = lab.sends(host, ms(at), ip, Transport::Raw, payload);
    }
    lab
}

/// An end of a flow.
type End = (Ipv4Addr, u16);

/// Who was heard: the node, the ends as it has seen them, and how many bytes.
fn heard(ran: &Ran) -> Vec<(u32, End, End, u32)> {
    let ends = ran.heard.iter().map(|heard| {
        let Transport::Udp(udp) = heard.transport else { panic!("UDP: {heard:?}") };
        (heard.node, (heard.ip.src, udp.src_port), (heard.ip.dst, udp.dst_port), heard.payload.len())
    });
    ends.collect()
}

// tests: RFC 4787 §11
#[test]
fn fragments_are_translated_in_whatever_order_they_come() {
    for order in [&[0, 1, 2][..], &[2, 1, 0], &[1, 2, 0], &[1, 1, 0, 2]] {
        let sent = datagram((addr(0, 1), 5000), (PEER, 7));
        let ran = in_pieces(home(Gate::default()), 0, sent, 1400, order).run();
        assert_eq!(heard(&ran), [(2, (OUTSIDE, 5000), (PEER, 7), 1400)], "{order:?}");
        // It goes on in pieces that are no longer than those that came.
        assert_eq!(ran.packets(), order.len() + 3, "{order:?}");
        assert!(ran.drops().is_empty());
    }
}

#[test]
fn answers_in_fragments_find_the_host_that_has_asked() {
    let (ip, transport) = datagram((addr(0, 1), 5000), (PEER, 7));
    let lab = home(Gate::default()).sends(0, ms(0), ip, transport, Payload::Zeros(1));
    let ran = in_pieces(lab, 2, datagram((PEER, 7), (OUTSIDE, 5000)), 1000, &[1, 0]).run();
    assert_eq!(heard(&ran)[1..], [(0, (PEER, 7), (addr(0, 1), 5000), 1000)]);
}

#[test]
fn what_is_never_whole_is_dropped_and_the_router_says_nothing() {
    let ran = in_pieces(home(Gate::default()), 0, datagram((addr(0, 1), 5000), (PEER, 7)), 1400, &[0, 2]).run();
    assert!(ran.heard.is_empty(), "{:?}", ran.heard);
    assert_eq!(ran.drops(), [DropCause::Reassembly]);
}

#[test]
fn rules_with_ports_see_fragments_whole() {
    let deny = Rule { protocol: Some(17), to_ports: vec![(7, 7)], action: Action::Deny, ..Rule::default() };
    let gate = Gate { rules: vec![deny], ..Gate::default() };
    for (port, wanted) in [(7, 0), (8, 1)] {
        let lab = Lab { gate: Some(gate.clone()), ..Lab::chain(1) };
        let ran = in_pieces(lab, 0, datagram((addr(0, 1), 5000), (addr(1, 2), port)), 1400, &[0, 1, 2]).run();
        assert_eq!(ran.heard.len(), wanted);
        assert_eq!(ran.drops(), [DropCause::Firewall; 1][wanted..]);
    }
}

#[test]
fn a_damaged_fragment_does_not_come_out_mended() {
    let mut lab = in_pieces(home(Gate::default()), 0, datagram((addr(0, 1), 5000), (PEER, 7)), 1400, &[0, 1, 2]);
    lab.links[0].corrupt = 100;
    let ran = lab.run();
    assert!(ran.heard.is_empty() && ran.drops().len() == 3, "{:?}", ran.drops());
}

// tests: RFC 4787 §6
#[test]
fn hosts_behind_one_router_meet_by_the_address_outside() {
    let map = PortMap { protocol: 17, address: OUTSIDE, port: 80, to: (addr(1, 1), 8080) };
    let asks = || datagram((addr(0, 1), 5000), (OUTSIDE, 80));
    let lab = |no_hairpin| home(Gate { maps: vec![map.clone()], no_hairpin, ..Gate::default() });
    let (ip, transport) = asks();
    let (back, answer) = datagram((addr(1, 1), 8080), (OUTSIDE, 5000));
    let lab_with = |off| {
        let lab = lab(off).sends(0, ms(0), ip, transport, Payload::Zeros(1));
        lab.sends(1, ms(50), back, answer, Payload::Zeros(2)).run()
    };
    let expected = [(1, (OUTSIDE, 5000), (addr(1, 1), 8080), 1), (0, (OUTSIDE, 80), (addr(0, 1), 5000), 2)];
    assert_eq!(heard(&lab_with(false)), expected);
    // Without it the router takes for its own what is sent there: a closed port.
    let ran = lab_with(true);
    assert!(ran.heard.iter().all(|heard| matches!(heard.transport, Transport::Icmp(_))), "{:?}", ran.heard);
}

// tests: RFC 4787 §4.1 §5
#[test]
fn a_port_that_an_endpoint_keeps_is_open_to_everybody() {
    let gate = |mapping| Gate { mapping, ..Gate::default() };
    let sent = |lab: Lab, host, at, src, dst| {
        let (ip, transport) = datagram(src, dst);
        lab.sends(host, ms(at), ip, transport, Payload::Zeros(at as u32))
    };
    let lab = |mapping| {
        let lab = sent(home(gate(mapping)), 0, 1, (addr(0, 1), 5000), (PEER, 7));
        // The other host has the same port inside, hence another one outside, whomever it talks to.
        let lab = sent(lab, 1, 10, (addr(1, 1), 5000), (PEER, 8));
        // Somebody who was not asked: another port outside, and the neighbour inside.
        let lab = sent(lab, 2, 20, (PEER, 99), (OUTSIDE, 5000));
        sent(lab, 1, 30, (addr(1, 1), 5000), (OUTSIDE, 5000)).run()
    };
    let ran = lab(Mapping::Endpoint);
    let expected = [
        (2, (OUTSIDE, 5000), (PEER, 7), 1),
        (2, (OUTSIDE, 1024), (PEER, 8), 10),
        (0, (PEER, 99), (addr(0, 1), 5000), 20),
        (0, (OUTSIDE, 1024), (addr(0, 1), 5000), 30),
    ];
    assert_eq!(heard(&ran), expected);
    let ran = lab(Mapping::Connection);
    let udp = ran.heard.iter().filter(|heard| matches!(heard.transport, Transport::Udp(_)));
    assert_eq!(udp.map(|heard| (heard.node, heard.ip.src)).collect::<Vec<_>>(), [(2, OUTSIDE), (2, OUTSIDE)]);
}

/// Linux refreshes a connection in PREROUTING (`nf_conntrack_in`), before it knows where the packet goes and whether a rule lets it pass.
#[test]
fn what_a_router_cannot_forward_keeps_its_connection_in_mind() {
    let sent = |lab: Lab, host, seconds: u64, ttl, src, dst| {
        let (ip, transport) = datagram(src, dst);
        lab.sends(host, ms(seconds * 1000), Ipv4Repr { ttl, ..ip }, transport, Payload::Zeros(seconds as u32))
    };
    let inside = (addr(0, 1), 5000);
    for mapping in [Mapping::Connection, Mapping::Endpoint] {
        for between in [Some(20), None] {
            let lab = sent(home(Gate { mapping, ..Gate::default() }), 0, 1, 64, inside, (PEER, 7));
            // After 30 s a flow that has gone one way is forgotten, and after 120 s once there was an answer
            // (nf_conntrack_udp_timeout and _stream), even one that goes no further.
            let lab = match between {
                Some(at) => sent(lab, 2, at, 1, (PEER, 7), (OUTSIDE, 5000)),
                None => lab,
            };
            // Under «endpoint-independent» mapping it may be somebody else who finds the port.
            let port = if mapping == Mapping::Endpoint { 99 } else { 7 };
            let ran = sent(lab, 2, 45, 64, (PEER, port), (OUTSIDE, 5000)).run();
            let udp = ran.heard.iter().filter(|heard| heard.node == 0 && matches!(heard.transport, Transport::Udp(_)));
            let found: Vec<u32> = udp.map(|heard| heard.payload.len()).collect();
            assert_eq!(found, if between.is_some() { vec![45] } else { Vec::new() }, "{mapping:?} {between:?}");
        }
    }
}
