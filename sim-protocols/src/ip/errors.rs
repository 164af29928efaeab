//! ICMP errors: who may be told what (RFC 1122 §3.2.2, RFC 1812 §4.3.2), and what a node tells itself.

use std::net::Ipv4Addr;

use sim_core::{Cx, DropCause, Header, Packet, PacketRef, Payload};

use super::stack::IpStack;
use crate::wire::{Frame, Icmpv4Repr, Ipv4Repr, MacAddr, Net, Protocol, Transport, Unreachable};

/// Bytes that an ICMP error has at the most, headers included (RFC 1812 §4.3.2.3).
const ERROR_MAX: usize = 576;

/// An error about a datagram that this node has sent itself: nobody answered ARP, or there was no route.
#[derive(Debug)]
pub(crate) struct OwnError {
    /// From where it was sent.
    pub at: Ipv4Addr,
    pub icmp: Icmpv4Repr,
    /// The datagram's bytes, as an ICMP message quotes them.
    pub quoted: Payload,
}

impl IpStack {
    /// There are sockets here, which want to know of errors about what they have sent.
    pub(crate) fn serve_sockets(&mut self) {
        self.sockets = true;
    }

    /// An error about what was sent here, asked for until `None`.
    #[inline]
    pub(crate) fn own_error(&mut self) -> Option<OwnError> {
        self.own_errors.pop_front()
    }

    /// Tells the sender of a datagram what is wrong with it, if that may be told (RFC 1122 §3.2.2).
    pub(crate) fn complain(&mut self, cx: &mut Cx<'_, Frame>, packet: &PacketRef, icmp: Icmpv4Repr) {
        let body = cx.packet(packet);
        let Net::Ipv4(ip, transport) = body.header.net else { return };
        if !self.may_complain(body, &ip, &transport) {
            return;
        }
        let flow = body.flow;
        let mut quoted = Vec::new();
        Frame { link: None, ..body.header }.emit(&body.payload, &mut quoted);
        quoted.truncate(ERROR_MAX - Ipv4Repr::LEN - Icmpv4Repr::LEN);
        if self.is_mine(ip.src) || ip.src.is_unspecified() {
            // Its own sockets are told, as over Linux's loopback; a router has none.
            return self.own_errors.extend(self.sockets.then(|| OwnError {
                at: ip.src,
                icmp,
                quoted: Payload::from_bytes(quoted),
            }));
        }
        // What was asked answers (Linux's icmp_send); a router on the way has its address on the way back (RFC 1812 §4.3.2.4).
        let src = if self.is_mine(ip.dst) { Some(ip.dst) } else { self.source_for(ip.src) };
        let Some(src) = src else { return };
        let mut error = Ipv4Repr::new(src, ip.src, Protocol::Icmp);
        // RFC 1812 §4.3.2.5: precedence 6; Linux sets it too.
        error.tos = 0xc0;
        error.dont_fragment = false;
        self.output(cx, Frame::ipv4(error, Transport::Icmp(icmp)), Payload::from_bytes(quoted), flow);
    }

    /// RFC 1122 §3.2.2, RFC 1812 §4.3.2.7: no error about an error, about another fragment than the first, about what went to many,
    /// or to an address that is not one node's.
    fn may_complain(&self, body: &Packet<Frame>, ip: &Ipv4Repr, transport: &Transport) -> bool {
        let about_error = match transport {
            Transport::Icmp(icmp) => icmp.is_error(),
            // The first fragment of an ICMP message: its type is the first byte.
            Transport::Raw if ip.protocol == Protocol::Icmp && !body.payload.is_empty() => {
                let mut kind = Vec::new();
                body.payload.slice(0, 1).append_to(&mut kind);
                Icmpv4Repr::Unknown { kind: kind[0], code: 0, rest: [0; 4] }.is_error()
            }
            _ => false,
        };
        let to_many = |address: Ipv4Addr| address.to_bits() >= 0xe000_0000 || self.is_broadcast(address);
        let framed_to_many = body.header.link.is_some_and(|link| link.dst == MacAddr::BROADCAST);
        let nobody = ip.src.is_loopback() || to_many(ip.src);
        !(about_error || ip.fragment_offset > 0 || to_many(ip.dst) || framed_to_many || nobody)
    }

    /// Nobody has the port that a datagram is for.
    pub fn refuse_port(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        self.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Port));
        cx.discard(packet, DropCause::NoSocket);
    }
}
