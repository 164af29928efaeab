//! A router: forwards by the longest prefix, counts hops down, complains by ICMP.

use std::net::Ipv4Addr;

use sim_core::{Cx, DropCause, Fault, Header, Node, PacketRef, Payload};

use super::alter::Alter;
use super::gate::{Action, Gate, Guard, Reject};
use super::routes::{Hop, Way, choose};
use super::stack::{IpConfig, IpStack};
use super::translate::{requote, rewrite};
use crate::host::NatRow;
use crate::tcp::{Segment, reset_for};
use crate::wire::{Frame, Icmpv4Repr, Ipv4Repr, Net, Protocol, TimeExceeded, Transport, Unreachable};

/// A router.
pub struct Router {
    stack: IpStack,
    /// Its firewall and translation; most routers have none, and look no further.
    guard: Option<Box<Guard>>,
    alter: Option<Box<Alter>>,
}

impl Router {
    /// A router with these interfaces and routes.
    pub fn new(config: IpConfig) -> Router {
        Router { stack: IpStack::new(config), guard: None, alter: None }
    }

    /// With a firewall, with translation of addresses.
    #[must_use]
    pub fn with_gate(mut self, gate: Gate) -> Router {
        let interfaces: Vec<Ipv4Addr> = self.stack.interfaces.iter().map(|interface| interface.address).collect();
        self.guard = Some(Box::new(Guard::new(gate, &interfaces)));
        self
    }

    /// A packet that has come to a router with a gate.
    #[inline(never)]
    fn guarded(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        let Some(mut guard) = self.guard.take() else { return cx.free(packet) };
        self.judge(cx, &mut guard, packet);
        self.guard = Some(guard);
    }

    fn judge(&mut self, cx: &mut Cx<'_, Frame>, guard: &mut Guard, packet: PacketRef) {
        let (now, body) = (cx.now(), cx.packet(&packet));
        let Net::Ipv4(ip, transport) = body.header.net else { unreachable!("ARP is taken by `accept`") };
        let (len, flow_hash) = (body.len, body.header.flow_hash());
        let mut seen = guard.see(now, &ip, &transport, &body.payload);
        match guard.verdict(&seen, len) {
            Action::Allow => {}
            Action::Deny => return cx.discard(packet, DropCause::Firewall),
            Action::Reject(how) => return self.reject(cx, packet, how),
        }
        let hop = match self.stack.way(seen.dst.0) {
            Way::Hop(hop) => hop,
            Way::Hops(hops) => choose(hops, cx.node(), flow_hash),
            Way::Here => return self.local(cx, packet),
            Way::Nowhere => return self.no_route(cx, packet),
        };
        // What will go no further is complained about as it came.
        let stuck = ip.ttl <= 1 || (ip.dont_fragment && len > cx.link(hop.port).mtu);
        if stuck {
            return self.forward(cx, hop, packet);
        }
        match guard.pass(now, &mut seen, &transport, Some(hop.port)) {
            Err(()) => return cx.discard(packet, DropCause::NoPort),
            Ok(Some(row)) => cx.emit(&NatRow { node: cx.node(), ..row }),
            Ok(None) => {}
        }
        let body = cx.packet_mut(&packet);
        if let Net::Ipv4(ip, transport) = &mut body.header.net {
            if let Some(tuple) = &seen.becomes {
                rewrite(ip, transport, tuple);
            }
            if let Some((src, dst, inner)) = &seen.error {
                (ip.src, ip.dst) = (*src, *dst);
                body.payload = requote(&body.payload, inner);
            }
        }
        if let Some(alter) = &mut self.alter {
            alter.pass(cx, &packet);
        }
        self.forward(cx, hop, packet);
    }

    /// A packet that is dropped, and its sender told.
    fn reject(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef, how: Reject) {
        let body = cx.packet(&packet);
        let Net::Ipv4(ip, transport) = body.header.net else { return cx.free(packet) };
        let flow = body.flow;
        let why = match (how, transport) {
            (Reject::Fitting, Transport::Tcp(repr)) => {
                let reset = reset_for(&Segment { repr, payload: body.payload.clone(), ecn: ip.ecn() });
                cx.discard(packet, DropCause::Firewall);
                if let Some(reset) = reset {
                    // As if it came from whom it was sent to.
                    let answer = Ipv4Repr::new(ip.dst, ip.src, Protocol::Tcp);
                    self.stack.output(cx, Frame::ipv4(answer, Transport::Tcp(reset)), Payload::Empty, flow);
                }
                return;
            }
            (Reject::Fitting | Reject::Port, _) => Unreachable::Port,
            (Reject::Prohibited, _) => Unreachable::Prohibited,
        };
        self.stack.complain(cx, &packet, Icmpv4Repr::Unreachable(why));
        cx.discard(packet, DropCause::Firewall);
    }

    /// Makes it a middle box that alters what passes.
    #[must_use]
    pub fn altering(self, alter: Alter) -> Router {
        Router { alter: Some(Box::new(alter)), ..self }
    }

    /// A datagram that is not for the router itself. Its TTL is counted down last, so that an error quotes what came
    /// (RFC 1812 §4.3.2.3); the route is looked for before the TTL is looked at, as Linux does.
    #[inline]
    fn forward(&mut self, cx: &mut Cx<'_, Frame>, hop: Hop, packet: PacketRef) {
        let body = cx.packet_mut(&packet);
        let (len, damaged) = (body.len, body.flipped_bit != u32::MAX);
        let Net::Ipv4(ip, _) = &mut body.header.net else { unreachable!("ARP is not forwarded") };
        let (dst, ttl, dont_fragment) = (ip.dst, ip.ttl, ip.dont_fragment);
        ip.ttl = ttl.saturating_sub(1);
        let link = cx.link(hop.port);
        if ttl <= 1 || len > link.mtu || damaged {
            let mtu = link.mtu;
            return self.hindered(cx, hop, &Hindrance { dst, ttl, dont_fragment, mtu, len, damaged }, packet);
        }
        self.stack.transmit(cx, hop, dst, packet);
    }

    /// What rarely happens on the way.
    #[cold]
    fn hindered(&mut self, cx: &mut Cx<'_, Frame>, hop: Hop, what: &Hindrance, packet: PacketRef) {
        let set_ttl = |cx: &mut Cx<'_, Frame>, ttl| {
            if let Net::Ipv4(ip, _) = &mut cx.packet_mut(&packet).header.net {
                ip.ttl = ttl;
            }
        };
        if what.ttl <= 1 {
            // RFC 1812 §5.3.1: it is discarded and its source is told.
            set_ttl(cx, what.ttl);
            self.stack.complain(cx, &packet, Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl));
            return cx.discard(packet, DropCause::TtlExpired);
        }
        if what.len <= what.mtu {
            self.stack.take_bit_over(cx, hop.port, &packet);
            return self.stack.transmit(cx, hop, what.dst, packet);
        }
        if what.dont_fragment {
            set_ttl(cx, what.ttl);
            let mtu = u16::try_from(what.mtu).unwrap_or(u16::MAX);
            self.stack.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu }));
            return cx.discard(packet, DropCause::MustFragment);
        }
        if what.damaged {
            // Its pieces would be written anew, with good checksums: the damage must not be forgotten.
            return cx.discard(packet, DropCause::Checksum);
        }
        let body = cx.take(packet);
        let Net::Ipv4(ip, transport) = body.header.net else { return };
        self.stack.send_pieces(cx, hop, &ip, &transport, &body.payload, (what.mtu, body.flow));
    }

    #[cold]
    fn no_route(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        self.stack.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Network));
        cx.discard(packet, DropCause::NoRoute);
    }

    /// A router has no sockets: it answers echo requests and refuses the rest.
    #[cold]
    fn local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        // RFC 1812 §3.2.1: groups are forwarded by who knows their members, and here nobody does.
        if cx.packet(&packet).header.ip().is_some_and(|ip| ip.dst.is_multicast()) {
            return cx.discard(packet, DropCause::NotMine);
        }
        if let Some(packet) = self.stack.local(cx, packet) {
            self.stack.refuse_local(cx, packet);
        }
    }
}

/// What keeps a datagram from being just sent on.
struct Hindrance {
    dst: Ipv4Addr,
    /// As it came.
    ttl: u8,
    dont_fragment: bool,
    mtu: u32,
    len: u32,
    damaged: bool,
}

impl Node for Router {
    type Header = Frame;

    fn start(&mut self, _cx: &mut Cx<'_, Frame>) {}

    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        let Some(packet) = self.stack.accept(cx, port, packet) else { return };
        if self.guard.is_some() {
            return self.guarded(cx, packet);
        }
        let header = &cx.packet(&packet).header;
        let Net::Ipv4(ip, _) = &header.net else { unreachable!("ARP is taken by `accept`") };
        let hop = match self.stack.way(ip.dst) {
            Way::Hop(hop) => hop,
            Way::Hops(hops) => choose(hops, cx.node(), header.flow_hash()),
            Way::Here => return self.local(cx, packet),
            Way::Nowhere => return self.no_route(cx, packet),
        };
        if let Some(alter) = &mut self.alter {
            alter.pass(cx, &packet);
        }
        self.forward(cx, hop, packet);
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, _token: u64) {
        self.stack.timer(cx);
    }

    fn fault(&mut self, _cx: &mut Cx<'_, Frame>, fault: Fault) {
        self.stack.fault(fault);
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        if let Some(guard) = &self.guard {
            guard.rows(cx.node()).iter().for_each(|row| cx.emit(row));
        }
        self.stack.finish(cx);
    }
}
