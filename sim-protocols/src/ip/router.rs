//! A router: forwards by the longest prefix, counts hops down, complains by ICMP. One with programs has a host's sockets beside its forwarding.

use std::net::Ipv4Addr;

use sim_core::{Cx, DropCause, Fault, Header, Node, PacketRef, Payload};

use super::alter::Alter;
use super::gate::{Action, Gate, Guard, Reject};
use super::routes::{Hop, Way, choose};
use super::stack::{IpConfig, IpStack};
use super::translate::{requote, rewrite};
use crate::host::{Host, NatRow};
use crate::tcp::{Segment, reset_for};
use crate::wire::{Frame, Icmpv4Repr, Ipv4Repr, Net, Protocol, TimeExceeded, Transport, Unreachable};

/// A router without programs.
pub struct Router {
    stack: IpStack,
    forwarding: Forwarding,
}

/// A router with programs: a host's sockets and applications above the internet layer that forwards (Linux with `ip_forward`).
pub struct Gateway {
    host: Host,
    forwarding: Forwarding,
}

/// What a router does with packets for others, over whatever internet layer. A firewall and translation are the layer's own, for they look at what
/// its sockets send, too.
#[derive(Default)]
struct Forwarding {
    alter: Option<Box<Alter>>,
}

impl Router {
    /// A router with these interfaces and routes.
    pub fn new(config: IpConfig) -> Router {
        Router { stack: IpStack::new(config), forwarding: Forwarding::default() }
    }

    /// With a firewall, with translation of addresses.
    #[must_use]
    pub fn with_gate(mut self, gate: Gate) -> Router {
        self.stack.guard_with(gate);
        self
    }

    /// Makes it a middle box that alters what passes.
    #[must_use]
    pub fn altering(self, alter: Alter) -> Router {
        Router { forwarding: Forwarding { alter: Some(Box::new(alter)) }, ..self }
    }

    /// What is for the router itself. It has no sockets: it refuses what it does not answer.
    #[cold]
    fn local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        if let Some(packet) = self.stack.local(cx, packet) {
            self.stack.refuse_local(cx, packet);
        }
    }
}

impl Gateway {
    /// A router that runs what this host runs, over its interfaces and routes.
    pub fn new(host: Host) -> Gateway {
        Gateway { host, forwarding: Forwarding::default() }
    }

    /// With a firewall, with translation of addresses.
    #[must_use]
    pub fn with_gate(mut self, gate: Gate) -> Gateway {
        self.host.stack().guard_with(gate);
        self
    }

    /// Makes it a middle box that alters what passes, but for what its own programs send.
    #[must_use]
    pub fn altering(self, alter: Alter) -> Gateway {
        Gateway { forwarding: Forwarding { alter: Some(Box::new(alter)) }, ..self }
    }
}

impl IpStack {
    /// Gives it a firewall, translation of addresses.
    fn guard_with(&mut self, gate: Gate) {
        let interfaces: Vec<Ipv4Addr> = self.interfaces.iter().map(|interface| interface.address).collect();
        self.guard = Some(Box::new(Guard::new(gate, &interfaces)));
    }

    /// A datagram of this node's own meets no rule, but its connection is kept in mind, and where somebody else's looks the same from outside it
    /// gets another port (Linux's `OUTPUT` and `POSTROUTING`). Whether there was a port left.
    #[cold]
    pub(super) fn guard_own(&mut self, cx: &mut Cx<'_, Frame>, frame: &mut Frame, port: u32) -> bool {
        let (Some(guard), Net::Ipv4(ip, transport)) = (&mut self.guard, &mut frame.net) else { return true };
        let Ok(row) = guard.own(cx.now(), ip, transport, port) else { return false };
        if let Some(row) = row {
            cx.emit(&NatRow { node: cx.node(), ..row });
        }
        true
    }
}

impl Forwarding {
    /// A packet that has come: it is sent on, or given back where it is for this node itself.
    #[inline(always)]
    fn packet(
        &mut self,
        stack: &mut IpStack,
        cx: &mut Cx<'_, Frame>,
        port: u32,
        packet: PacketRef,
    ) -> Option<PacketRef> {
        let packet = stack.accept(cx, port, packet)?;
        if stack.guard.is_some() {
            return self.guarded(stack, cx, port, packet);
        }
        let header = &cx.packet(&packet).header;
        let Net::Ipv4(ip, _) = &header.net else { unreachable!("ARP is taken by `accept`") };
        let hop = match stack.way(ip.dst) {
            Way::Hop(hop) => hop,
            Way::Hops(hops) => choose(hops, cx.node(), header.flow_hash()),
            Way::Here => return own(cx, packet),
            Way::Nowhere => {
                no_route(stack, cx, packet);
                return None;
            }
        };
        if let Some(alter) = &mut self.alter {
            alter.pass(cx, &packet);
        }
        forward(stack, cx, hop, packet);
        None
    }

    /// A packet that has come to a router with a gate.
    #[inline(never)]
    fn guarded(
        &mut self,
        stack: &mut IpStack,
        cx: &mut Cx<'_, Frame>,
        port: u32,
        mut packet: PacketRef,
    ) -> Option<PacketRef> {
        let mut longest = None;
        if let Some(ip) = cx.packet(&packet).header.ip().filter(|ip| ip.is_fragment())
            && stack.guard.as_ref().is_some_and(|guard| guard.joins)
        {
            let ip = *ip;
            if cx.packet(&packet).flipped_bit != u32::MAX {
                // The whole is written anew, with good checksums: the damage must not be forgotten.
                cx.discard(packet, DropCause::Checksum);
                return None;
            }
            let (whole, len) = stack.fragment(cx, &ip, packet)?;
            (packet, longest) = (whole, Some(len));
        }
        let mut guard = stack.guard.take()?;
        let own = self.judge(stack, cx, &mut guard, port, packet, longest);
        stack.guard = Some(guard);
        own
    }

    fn judge(
        &mut self,
        stack: &mut IpStack,
        cx: &mut Cx<'_, Frame>,
        guard: &mut Guard,
        port: u32,
        packet: PacketRef,
        longest: Option<u32>,
    ) -> Option<PacketRef> {
        let (now, body) = (cx.now(), cx.packet(&packet));
        let Net::Ipv4(ip, transport) = body.header.net else { unreachable!("ARP is taken by `accept`") };
        let (len, flow_hash) = (body.len, body.header.flow_hash());
        let mut seen = guard.see(now, port, &ip, &transport, &body.payload);
        match guard.verdict(&seen, len) {
            Action::Allow => {}
            Action::Deny => {
                cx.discard(packet, DropCause::Firewall);
                return None;
            }
            Action::Reject(how) => {
                reject(stack, cx, packet, how);
                return None;
            }
        }
        let hop = match stack.way(seen.dst.0) {
            Way::Hop(hop) => Some(hop),
            Way::Hops(hops) => Some(choose(hops, cx.node(), flow_hash)),
            Way::Here => None,
            Way::Nowhere => {
                no_route(stack, cx, packet);
                return None;
            }
        };
        // What will go no further is complained about as it came.
        let stuck = |hop: Hop| ip.ttl <= 1 || (ip.dont_fragment && longest.unwrap_or(len) > cx.link(hop.port).mtu);
        if let Some(hop) = hop.filter(|hop| stuck(*hop)) {
            forward(stack, cx, hop, packet);
            return None;
        }
        match guard.pass(now, &mut seen, &transport, hop.map(|hop| hop.port)) {
            Err(()) => {
                cx.discard(packet, DropCause::NoPort);
                return None;
            }
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
        let Some(hop) = hop else { return own(cx, packet) };
        if let Some(alter) = &mut self.alter {
            alter.pass(cx, &packet);
        }
        match longest {
            None => forward(stack, cx, hop, packet),
            Some(longest) => forward_in_pieces(stack, cx, hop, packet, longest),
        }
        None
    }
}

/// A packet for the router itself.
#[cold]
fn own(cx: &mut Cx<'_, Frame>, packet: PacketRef) -> Option<PacketRef> {
    // RFC 1812 §3.2.1: groups are forwarded by who knows their members, and here nobody does.
    if cx.packet(&packet).header.ip().is_some_and(|ip| ip.dst.is_multicast()) {
        cx.discard(packet, DropCause::NotMine);
        return None;
    }
    Some(packet)
}

/// A packet that is dropped, and its sender told.
fn reject(stack: &mut IpStack, cx: &mut Cx<'_, Frame>, packet: PacketRef, how: Reject) {
    let body = cx.packet(&packet);
    let Net::Ipv4(ip, transport) = body.header.net else { return cx.free(packet) };
    let flow = body.flow;
    let why = match (how, transport) {
        (Reject::Fitting, Transport::Tcp(repr)) => {
            let reset = reset_for(&Segment { repr, payload: body.payload.clone(), ecn: ip.ecn(), aside: None });
            cx.discard(packet, DropCause::Firewall);
            if let Some(reset) = reset {
                // As if it came from whom it was sent to.
                let answer = Ipv4Repr::new(ip.dst, ip.src, Protocol::Tcp);
                stack.output(cx, Frame::ipv4(answer, Transport::Tcp(reset)), Payload::Empty, flow);
            }
            return;
        }
        (Reject::Fitting | Reject::Port, _) => Unreachable::Port,
        (Reject::Prohibited, _) => Unreachable::Prohibited,
    };
    stack.complain(cx, &packet, Icmpv4Repr::Unreachable(why));
    cx.discard(packet, DropCause::Firewall);
}

/// A datagram that is not for the router itself. Its TTL is counted down last, so that an error quotes what came
/// (RFC 1812 §4.3.2.3); the route is looked for before the TTL is looked at, as Linux does.
#[inline]
fn forward(stack: &mut IpStack, cx: &mut Cx<'_, Frame>, hop: Hop, packet: PacketRef) {
    let body = cx.packet_mut(&packet);
    let (len, damaged) = (body.len, body.flipped_bit != u32::MAX);
    let Net::Ipv4(ip, _) = &mut body.header.net else { unreachable!("ARP is not forwarded") };
    let (dst, ttl, dont_fragment) = (ip.dst, ip.ttl, ip.dont_fragment);
    ip.ttl = ttl.saturating_sub(1);
    let link = cx.link(hop.port);
    if ttl <= 1 || len > link.mtu || damaged {
        let mtu = link.mtu;
        return hindered(stack, cx, hop, &Hindrance { dst, ttl, dont_fragment, mtu, len, damaged }, packet);
    }
    stack.transmit(cx, hop, dst, packet);
}

/// A datagram that was put together on the way goes on in pieces that are no longer than those that it came in (Linux's `frag_max_size`).
#[cold]
fn forward_in_pieces(stack: &mut IpStack, cx: &mut Cx<'_, Frame>, hop: Hop, packet: PacketRef, longest: u32) {
    let mtu = cx.link(hop.port).mtu.min(longest);
    let body = cx.take(packet);
    let Net::Ipv4(mut ip, transport) = body.header.net else { return };
    ip.ttl -= 1;
    stack.send_pieces(cx, hop, &ip, &transport, &body.payload, (mtu, body.flow));
}

/// What rarely happens on the way.
#[cold]
fn hindered(stack: &mut IpStack, cx: &mut Cx<'_, Frame>, hop: Hop, what: &Hindrance, packet: PacketRef) {
    let set_ttl = |cx: &mut Cx<'_, Frame>, ttl| {
        if let Net::Ipv4(ip, _) = &mut cx.packet_mut(&packet).header.net {
            ip.ttl = ttl;
        }
    };
    if what.ttl <= 1 {
        // RFC 1812 §5.3.1: it is discarded and its source is told.
        set_ttl(cx, what.ttl);
        stack.complain(cx, &packet, Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl));
        return cx.discard(packet, DropCause::TtlExpired);
    }
    if what.len <= what.mtu {
        stack.take_bit_over(cx, hop.port, &packet);
        return stack.transmit(cx, hop, what.dst, packet);
    }
    if what.dont_fragment {
        set_ttl(cx, what.ttl);
        let mtu = u16::try_from(what.mtu).unwrap_or(u16::MAX);
        stack.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu }));
        return cx.discard(packet, DropCause::MustFragment);
    }
    if what.damaged {
        // Its pieces would be written anew, with good checksums: the damage must not be forgotten.
        return cx.discard(packet, DropCause::Checksum);
    }
    let body = cx.take(packet);
    let Net::Ipv4(ip, transport) = body.header.net else { return };
    stack.send_pieces(cx, hop, &ip, &transport, &body.payload, (what.mtu, body.flow));
}

#[cold]
fn no_route(stack: &mut IpStack, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
    stack.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Network));
    cx.discard(packet, DropCause::NoRoute);
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
        if let Some(packet) = self.forwarding.packet(&mut self.stack, cx, port, packet) {
            self.local(cx, packet);
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, _token: u64) {
        self.stack.timer(cx);
    }

    fn fault(&mut self, _cx: &mut Cx<'_, Frame>, fault: Fault) {
        self.stack.fault(fault);
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        self.stack.finish(cx);
    }
}

impl Node for Gateway {
    type Header = Frame;

    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        self.host.start(cx);
    }

    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        if let Some(packet) = self.forwarding.packet(self.host.stack(), cx, port, packet) {
            self.host.local(cx, packet);
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        self.host.timer(cx, token);
    }

    fn fault(&mut self, cx: &mut Cx<'_, Frame>, fault: Fault) {
        self.host.fault(cx, fault);
    }

    fn sample(&mut self, cx: &mut Cx<'_, Frame>) {
        self.host.sample(cx);
    }

    fn last_words(&self, say: &mut dyn FnMut(u32, u64)) {
        self.host.last_words(say);
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        self.host.finish(cx);
    }
}
