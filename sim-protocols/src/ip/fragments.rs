//! Fragmentation and reassembly (RFC 791 §3.2).

use sim_core::{Ecn, Packet, Payload, Span, Time};

use crate::wire::{Frame, Ipv4Repr, Net, Transport};

/// How long fragments wait for the others; Linux's `ipfrag_time` (RFC 1122 §3.3.2 asks for 60 to 120 s).
const TIMEOUT: Span = Span::from_secs(30);
/// Bytes of fragments that are kept; Linux's `ipfrag_high_thresh`.
const BYTES_MAX: u64 = 4 << 20;
/// What a fragment counts beside its bytes, so that many small ones are bounded too.
const COST: u64 = 128;

/// Cuts a datagram's bytes behind its IP header into pieces that fit the MTU.
pub(super) fn cut(ip: &Ipv4Repr, transport: &Transport, payload: &Payload, mtu: u32) -> Vec<(Ipv4Repr, Payload)> {
    let mut bytes = Vec::new();
    transport.emit(ip, payload, &mut bytes);
    let whole = Payload::from_bytes(bytes);
    // RFC 791 §3.2: every link carries 68 bytes, so there is room for eight at least.
    let room = (mtu.max(Ipv4Repr::LEN as u32 + 8) - Ipv4Repr::LEN as u32) / 8 * 8;
    let mut pieces = Vec::new();
    let mut from = 0;
    while from < whole.len() {
        let len = room.min(whole.len() - from);
        let mut piece = *ip;
        // What is cut again keeps its place in the first datagram.
        piece.fragment_offset = ip.fragment_offset + (from / 8) as u16;
        piece.more_fragments = ip.more_fragments || from + len < whole.len();
        pieces.push((piece, whole.slice(from, len)));
        from += len;
    }
    pieces
}

/// A datagram of which parts are there.
struct Partial {
    key: (u32, u32, u8, u16),
    due: Time,
    /// Offset in bytes and what stands there, sorted, disjoint.
    pieces: Vec<(u32, Payload)>,
    /// The length of the whole, once the last fragment is there.
    len: Option<u32>,
    /// The header of the first fragment.
    first: Option<Ipv4Repr>,
    /// Whether one of them has met congestion, and whether one cannot tell of it.
    congested: bool,
    incapable: bool,
    /// The longest packet among them.
    longest: u32,
    flow: u32,
}

impl Partial {
    /// Where a piece ends.
    fn end(&self, at: usize) -> u32 {
        let (from, piece) = &self.pieces[at];
        from + piece.len()
    }
}

/// Datagrams whose parts come one by one.
#[derive(Default)]
pub(super) struct Reassembly {
    partial: Vec<Partial>,
    bytes: u64,
}

/// What a fragment leads to.
pub(super) enum Joined {
    /// It waits for the others. With the first to come, the moment at which they are given up.
    Waits(Option<Time>),
    /// The whole is there, and how long the longest packet was that it came in.
    Whole(Box<Packet<Frame>>, u32),
    /// It overlaps another one, or there is no room: the datagram is given up (RFC 5722 in spirit).
    GivenUp,
}

impl Reassembly {
    pub fn add(&mut self, now: Time, ip: &Ipv4Repr, payload: Payload, flow: u32) -> Joined {
        let key = (ip.src.to_bits(), ip.dst.to_bits(), u8::from(ip.protocol), ip.ident);
        let (from, len) = (u32::from(ip.fragment_offset) * 8, payload.len());
        let end = from + len;
        let known = self.partial.iter().position(|partial| partial.key == key);
        let at = known.unwrap_or(self.partial.len());
        if known.is_none() {
            let due = now + TIMEOUT;
            self.partial.push(Partial {
                key,
                due,
                pieces: Vec::new(),
                len: None,
                first: None,
                congested: false,
                incapable: false,
                longest: 0,
                flow,
            });
        }
        let partial = &mut self.partial[at];
        let place = partial.pieces.partition_point(|(other, _)| *other < from);
        if partial.pieces.get(place).is_some_and(|(other, piece)| *other == from && piece.len() == len) {
            // The same one a second time.
            return Joined::Waits(None);
        }
        let end_before = place.checked_sub(1).map_or(0, |before| partial.end(before));
        let overlaps = end_before > from || partial.pieces.get(place).is_some_and(|(other, _)| end > *other);
        let last_end = partial.pieces.len().checked_sub(1).map_or(0, |last| partial.end(last));
        let beyond = match partial.len {
            Some(whole) => end > whole || !ip.more_fragments,
            None => !ip.more_fragments && end < last_end,
        };
        // RFC 791 §3.2: all but the last have a multiple of eight bytes; none is empty, none ends beyond a datagram's longest.
        let senseless = len == 0 || ip.more_fragments && !len.is_multiple_of(8) || end > 65_535 - Ipv4Repr::LEN as u32;
        let cost = u64::from(len) + COST;
        if overlaps || beyond || senseless || self.bytes + cost > BYTES_MAX {
            self.give_up(at);
            return Joined::GivenUp;
        }
        self.bytes += cost;
        partial.pieces.insert(place, (from, payload));
        partial.longest = partial.longest.max(len + Ipv4Repr::LEN as u32);
        partial.congested |= ip.ecn() == Ecn::Ce;
        partial.incapable |= ip.ecn() == Ecn::NotEct;
        if from == 0 {
            partial.first = Some(*ip);
        }
        if !ip.more_fragments {
            partial.len = Some(end);
        }
        let held: u32 = partial.pieces.iter().map(|(_, piece)| piece.len()).sum();
        if partial.len != Some(held) {
            return Joined::Waits(known.is_none().then_some(partial.due));
        }
        self.join(at)
    }

    fn join(&mut self, at: usize) -> Joined {
        let partial = self.give_up(at);
        let mut bytes = Vec::new();
        partial.pieces.iter().for_each(|(_, piece)| piece.append_to(&mut bytes));
        let mut ip = partial.first.expect("pieces that are disjoint and fill the whole begin at 0");
        ip.more_fragments = false;
        if partial.congested {
            // RFC 3168 §5.3: the whole has met congestion if one of its fragments has. "However, this MUST NOT occur if any of the other
            // fragments contributing to this reassembly carries the Not-ECT codepoint": then the packet is dropped.
            if partial.incapable {
                return Joined::GivenUp;
            }
            ip.set_ecn(Ecn::Ce);
        }
        match Transport::parse(&ip, &bytes) {
            Ok((transport, payload)) => {
                let frame = Frame { net: Net::Ipv4(ip, transport), link: None };
                let len = frame.network_len(payload.len());
                Joined::Whole(Box::new(Packet::new(frame, payload, len, partial.flow)), partial.longest)
            }
            Err(_) => Joined::GivenUp,
        }
    }

    fn give_up(&mut self, at: usize) -> Partial {
        let partial = self.partial.remove(at);
        self.bytes -= partial.pieces.iter().map(|(_, piece)| u64::from(piece.len()) + COST).sum::<u64>();
        partial
    }

    /// A datagram whose time is over, asked until `None`: the first fragment, if it is there.
    pub fn due(&mut self, now: Time) -> Option<Option<(Ipv4Repr, Payload, u32)>> {
        let at = self.partial.iter().position(|partial| partial.due <= now)?;
        let mut partial = self.give_up(at);
        Some(partial.first.map(|ip| (ip, std::mem::take(&mut partial.pieces[0].1), partial.flow)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
    use sim_core::Header;

    use super::*;
    use crate::wire::{Protocol, UdpRepr};

    const NOW: Time = Time::ZERO;

    fn header() -> Ipv4Repr {
        let ip = Ipv4Repr::new([10, 9, 0, 1].into(), [10, 9, 0, 2].into(), Protocol::Udp);
        Ipv4Repr { dont_fragment: false, ident: 0x5cbc, ..ip }
    }

    fn udp() -> Transport {
        Transport::Udp(UdpRepr { src_port: 49609, dst_port: 5998 })
    }

    /// Adds pieces in the order of these numbers.
    fn feed(reassembly: &mut Reassembly, pieces: &[(Ipv4Repr, Payload)], order: &[usize]) -> Vec<Joined> {
        order.iter().map(|at| reassembly.add(NOW, &pieces[*at].0, pieces[*at].1.clone(), 1)).collect()
    }

    #[test]
    fn pieces_are_cut_as_linux_cuts_them() {
        // 2000 times `x` to a closed port, over a link with an MTU of 1500: the headers of the two fragments as captured.
        let pieces = cut(&header(), &udp(), &Payload::from_bytes([b'x'; 2000]), 1500);
        let bytes: Vec<Vec<u8>> = pieces
            .iter()
            .map(|(ip, payload)| {
                let mut bytes = Vec::new();
                Frame::ipv4(*ip, Transport::Raw).emit(payload, &mut bytes);
                bytes
            })
            .collect();
        let head = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(head(&bytes[0][..30]), "450005dc5cbc20004011e4400a0900010a090002c1c9176e07d86c5b7878");
        assert_eq!(head(&bytes[1][..24]), "450002245cbc00b9401107400a0900010a09000278787878");
        assert_eq!((bytes.len(), bytes[0].len(), bytes[1].len()), (2, 1500, 548));
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_make_the_whole(
            len in 0_u32..6000, mtu in 28_u32..1600, again in 28_u32..1600, keys in proptest::collection::vec(any::<u32>(), 1200), twice in any::<bool>(),
        ) {
            let payload = Payload::from_bytes((0..len).map(|at| (at % 253) as u8).collect::<Vec<u8>>());
            let once = cut(&header(), &udp(), &payload, mtu);
            let pieces: Vec<_> =
                once.iter().flat_map(|(ip, piece)| cut(ip, &Transport::Raw, piece, again)).collect();
            prop_assert!(pieces.iter().all(|(_, piece)| piece.len() + 20 <= again.max(28)));
            let mut order: Vec<usize> = (0..pieces.len()).collect();
            order.sort_by_key(|at| keys[at % keys.len()]);
            if pieces.len() == 1 {
                return Ok(());
            }
            let mut reassembly = Reassembly::default();
            if twice {
                feed(&mut reassembly, &pieces, &order[..1]);
            }
            let (last, before) = order.split_last().expect("a piece");
            let waits = feed(&mut reassembly, &pieces, before);
            prop_assert!(waits.iter().all(|joined| matches!(joined, Joined::Waits(_))));
            let whole = feed(&mut reassembly, &pieces, &[*last]).pop();
            let Some(Joined::Whole(packet, longest)) = whole else { panic!("it is whole") };
            prop_assert_eq!(Some(longest), pieces.iter().map(|(_, piece)| piece.len() + 20).max());
            prop_assert_eq!(packet.header, Frame::ipv4(header(), udp()));
            prop_assert_eq!(&packet.payload, &payload);
            prop_assert_eq!((packet.len, reassembly.bytes, reassembly.partial.len()), (28 + len, 0, 0));
        }

        #[test]
        fn any_fragments_are_taken_without_panic(parts in proptest::collection::vec(any::<(u8, u8, bool)>(), 1..60)) {
            let mut reassembly = Reassembly::default();
            for (offset, len, more_fragments) in parts {
                let ip = Ipv4Repr { fragment_offset: u16::from(offset % 16), more_fragments, ..header() };
                if ip.is_fragment() {
                    let len = if more_fragments { len / 8 * 8 } else { len };
                    reassembly.add(NOW, &ip, Payload::Zeros(u32::from(len)), 0);
                }
            }
            let held: u64 = reassembly.partial.iter().flat_map(|one| &one.pieces).map(|(_, piece)| u64::from(piece.len()) + COST).sum();
            prop_assert_eq!(reassembly.bytes, held);
        }
    }

    #[test]
    fn what_makes_no_sense_is_given_up() {
        let part = |offset: u16, len: u32, more_fragments: bool| {
            (Ipv4Repr { fragment_offset: offset, more_fragments, ..header() }, Payload::Zeros(len))
        };
        let cases = [
            vec![part(1, 0, true)],
            vec![part(0, 9, true)],
            vec![part(8191, 800, false)],
            // An overlap before, behind, beyond the end, a second end, an end before what is there.
            vec![part(0, 16, true), part(1, 16, true)],
            vec![part(1, 16, true), part(0, 16, true)],
            vec![part(2, 8, false), part(3, 8, true)],
            vec![part(2, 8, false), part(1, 8, false)],
            vec![part(3, 8, true), part(1, 8, false)],
        ];
        for case in cases {
            let mut reassembly = Reassembly::default();
            let order: Vec<usize> = (0..case.len()).collect();
            let last = feed(&mut reassembly, &case, &order).pop();
            assert!(matches!(last, Some(Joined::GivenUp)), "{case:?}");
            assert!(reassembly.partial.is_empty() && reassembly.bytes == 0);
        }
    }

    #[test]
    fn there_is_one_wake_up_for_a_datagram_and_memory_is_bounded() {
        let mut reassembly = Reassembly::default();
        let mut wakes = 0;
        for ident in 0..200 {
            for piece in 0..40_u16 {
                let ip = Ipv4Repr { ident, fragment_offset: piece * 100, more_fragments: true, ..header() };
                if let Joined::Waits(Some(due)) = reassembly.add(NOW, &ip, Payload::Zeros(800), 0) {
                    assert_eq!(due, NOW + TIMEOUT);
                    wakes += 1;
                }
                assert!(reassembly.bytes <= BYTES_MAX);
            }
        }
        assert!((100..=200 * 40).contains(&wakes) && reassembly.bytes > BYTES_MAX / 2);
        assert!(reassembly.due(NOW).is_none());
        let mut given_up = 0;
        while let Some(first) = reassembly.due(NOW + TIMEOUT) {
            given_up += u32::from(first.is_some());
        }
        assert!(given_up > 100 && reassembly.bytes == 0);
    }

    // tests: RFC 3168 §5.3
    #[test]
    fn the_whole_has_met_congestion_if_a_fragment_has() {
        let mut pieces = cut(&Ipv4Repr { tos: 2, ..header() }, &udp(), &Payload::Zeros(100), 68);
        pieces[1].0.set_ecn(Ecn::Ce);
        let order: Vec<usize> = (0..pieces.len()).collect();
        let Some(Joined::Whole(packet, _)) = feed(&mut Reassembly::default(), &pieces, &order).pop() else { panic!() };
        assert_eq!(packet.header.ecn(), Ecn::Ce);
        // One that says it cannot know is no part of such a datagram.
        pieces[0].0.set_ecn(Ecn::NotEct);
        let mut reassembly = Reassembly::default();
        assert!(matches!(feed(&mut reassembly, &pieces, &order).pop(), Some(Joined::GivenUp)));
        assert!(reassembly.partial.is_empty() && reassembly.bytes == 0);
    }
}
