//! A router: forwards by the longest prefix, counts hops down, complains by ICMP.

use sim_core::{Cx, DropCause, Fault, Header, Node, PacketRef};

use super::routes::{Found, Hop, choose};
use super::stack::{IpConfig, IpStack};
use crate::wire::{Frame, Icmpv4Repr, Net, TimeExceeded, Unreachable};

/// A router.
pub struct Router {
    stack: IpStack,
}

impl Router {
    /// A router with these interfaces and routes.
    pub fn new(config: IpConfig) -> Router {
        Router { stack: IpStack::new(config) }
    }

    /// A datagram has come: for the router itself, or to be sent on.
    #[inline]
    fn take(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        let node = cx.node();
        let body = cx.packet_mut(&packet);
        let (len, flipped) = (body.len, body.flipped_bit != u32::MAX);
        let header = &mut body.header;
        let Net::Ipv4(ip, _) = &mut header.net else { unreachable!("ARP is taken by `accept`") };
        let (dst, ttl, dont_fragment) = (ip.dst, ip.ttl, ip.dont_fragment);
        let hop = match self.stack.find(dst) {
            Found::Own => return self.local(cx, packet),
            _ if ttl <= 1 => {
                // RFC 1812 §5.3.1: it is discarded and its source is told.
                self.stack.complain(cx, &packet, Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl));
                return cx.discard(packet, DropCause::TtlExpired);
            }
            Found::Hops(hops) => {
                ip.ttl = ttl - 1;
                choose(hops, node, || header.flow_hash())
            }
            Found::Nowhere => {
                self.stack.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Network));
                return cx.discard(packet, DropCause::NoRoute);
            }
        };
        let mtu = cx.link(hop.port).mtu;
        if len > mtu {
            return self.too_long(cx, hop, (mtu, dont_fragment), packet);
        }
        if flipped {
            self.stack.take_bit_over(cx, hop.port, &packet);
        }
        self.stack.transmit(cx, hop, dst, packet);
    }

    /// A router has no sockets: it answers echo requests and refuses the rest.
    #[cold]
    fn local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        if let Some(packet) = self.stack.local(cx, packet) {
            self.stack.refuse_local(cx, packet);
        }
    }

    #[cold]
    fn too_long(&mut self, cx: &mut Cx<'_, Frame>, hop: Hop, (mtu, dont_fragment): (u32, bool), packet: PacketRef) {
        if dont_fragment {
            let mtu = u16::try_from(mtu).unwrap_or(u16::MAX);
            let icmp = Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu });
            self.stack.complain(cx, &packet, icmp);
            return cx.discard(packet, DropCause::MustFragment);
        }
        let body = cx.take(packet);
        let Net::Ipv4(ip, transport) = body.header.net else { return };
        self.stack.send_pieces(cx, hop, &ip, &transport, &body.payload, (mtu, body.flow));
    }
}

impl Node for Router {
    type Header = Frame;

    fn start(&mut self, _cx: &mut Cx<'_, Frame>) {}

    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        if let Some(packet) = self.stack.accept(cx, port, packet) {
            self.take(cx, packet);
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
