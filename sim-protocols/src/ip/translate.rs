//! Headers rewritten by a router that translates addresses: those of a datagram, and those that an ICMP error quotes (RFC 5508 §4).

use std::net::Ipv4Addr;

use sim_core::Payload;

use super::track::Tuple;
use crate::wire::{Icmpv4Repr, Ipv4Repr, Protocol, Transport};

/// Bytes of a header of IPv4 without options.
const IP_LEN: usize = Ipv4Repr::LEN;

/// Gives a datagram the addresses and ports of a tuple. Checksums are made when its bytes are.
pub(super) fn rewrite(ip: &mut Ipv4Repr, transport: &mut Transport, to: &Tuple) {
    (ip.src, ip.dst) = (to.src.0, to.dst.0);
    match transport {
        Transport::Tcp(tcp) => (tcp.src_port, tcp.dst_port) = (to.src.1, to.dst.1),
        Transport::Udp(udp) => (udp.src_port, udp.dst_port) = (to.src.1, to.dst.1),
        Transport::Icmp(Icmpv4Repr::EchoRequest { ident, .. } | Icmpv4Repr::EchoReply { ident, .. }) => {
            *ident = to.src.1
        }
        _ => {}
    }
}

/// Whom a datagram that is quoted in an ICMP error went from and to.
pub(super) fn quoted(payload: &Payload) -> Option<Tuple> {
    let mut bytes = Vec::new();
    payload.append_to(&mut bytes);
    let at = header_len(&bytes)?;
    let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(bytes.get(at..at + 4)?).ok()?));
    let word = |at: usize| Some(u16::from_be_bytes(<[u8; 2]>::try_from(bytes.get(at..at + 2)?).ok()?));
    let protocol = bytes[9];
    let ports = match Protocol::from(protocol) {
        Protocol::Tcp | Protocol::Udp => (word(at)?, word(at + 2)?),
        // The identifier of an echo.
        Protocol::Icmp if matches!(bytes.get(at)?, 0 | 8) => (word(at + 4)?, word(at + 4)?),
        _ => return None,
    };
    Some(Tuple { protocol, src: (address(12)?, ports.0), dst: (address(16)?, ports.1) })
}

/// The bytes that an ICMP error quotes, with the addresses and ports of a tuple; the sums that are among them are put right (RFC 1624).
pub(super) fn requote(payload: &Payload, to: &Tuple) -> Payload {
    let mut bytes = Vec::new();
    payload.append_to(&mut bytes);
    let Some(at) = header_len(&bytes) else { return payload.clone() };
    let mut change = Change { bytes: &mut bytes, header: 0, whole: 0 };
    for (place, address) in [(12, to.src.0), (16, to.dst.0)] {
        let [a, b, c, d] = address.octets();
        change.word(place, u16::from_be_bytes([a, b]), true);
        change.word(place + 2, u16::from_be_bytes([c, d]), true);
    }
    let sum_at = match Protocol::from(to.protocol) {
        Protocol::Tcp => {
            change.word(at, to.src.1, false);
            change.word(at + 2, to.dst.1, false);
            at + 16
        }
        Protocol::Udp => {
            change.word(at, to.src.1, false);
            change.word(at + 2, to.dst.1, false);
            at + 6
        }
        _ => {
            // The sum of ICMP does not cover the addresses.
            change.whole = 0;
            change.word(at + 4, to.src.1, false);
            at + 2
        }
    };
    let (header, whole) = (change.header, change.whole);
    patch(&mut bytes, 10, header);
    // A datagram without a sum keeps none (RFC 768).
    let none = to.protocol == u8::from(Protocol::Udp) && bytes.get(sum_at..sum_at + 2) == Some(&[0, 0]);
    if !none {
        patch(&mut bytes, sum_at, whole);
    }
    Payload::from_bytes(bytes)
}

/// Where the header of a quoted datagram ends, if there are four bytes behind it.
fn header_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::from(bytes.first()? & 0x0f) * 4;
    (len >= IP_LEN && bytes.len() >= len + 8).then_some(len)
}

/// Words that change, and what the sums over them change by.
struct Change<'a> {
    bytes: &'a mut [u8],
    header: u32,
    whole: u32,
}

impl Change<'_> {
    fn word(&mut self, at: usize, new: u16, in_header: bool) {
        let Some(place) = self.bytes.get_mut(at..at + 2) else { return };
        let old = u16::from_be_bytes([place[0], place[1]]);
        place.copy_from_slice(&new.to_be_bytes());
        // RFC 1624 §3, equation 3: HC' = ~(~HC + ~m + m').
        let change = u32::from(!old) + u32::from(new);
        self.whole += change;
        if in_header {
            self.header += change;
        }
    }
}

fn patch(bytes: &mut [u8], at: usize, change: u32) {
    let Some(place) = bytes.get_mut(at..at + 2) else { return };
    let mut sum = u32::from(!u16::from_be_bytes([place[0], place[1]])) + change;
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    place.copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Frame, UdpRepr};

    #[test]
    fn what_is_quoted_is_what_would_have_been_sent() {
        let (inside, outside, peer) =
            (Ipv4Addr::new(10, 0, 0, 2), Ipv4Addr::new(198, 51, 100, 1), Ipv4Addr::new(9, 9, 9, 9));
        let bytes = |src, ports: (u16, u16)| {
            let ip = Ipv4Repr::new(src, peer, Protocol::Udp);
            let frame = Frame::ipv4(ip, Transport::Udp(UdpRepr { src_port: ports.0, dst_port: ports.1 }));
            let mut out = Vec::new();
            sim_core::Header::emit(&frame, &Payload::from_bytes(vec![1, 2, 3, 4, 5]), &mut out);
            Payload::from_bytes(out)
        };
        let (sent, wanted) = (bytes(outside, (40_000, 53)), bytes(inside, (32_768, 53)));
        let tuple = quoted(&sent).expect("it has ports");
        assert_eq!(tuple, Tuple { protocol: 17, src: (outside, 40_000), dst: (peer, 53) });
        let as_sent = requote(&sent, &Tuple { src: (inside, 32_768), ..tuple });
        assert_eq!(as_sent, wanted);
        assert_eq!(quoted(&Payload::from_bytes(vec![0x45; 20])), None);
    }
}
