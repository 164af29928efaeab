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
    /// Whether one of them has met congestion.
    congested: bool,
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
    /// The whole is there.
    Whole(Box<Packet<Frame>>),
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
            self.partial.push(Partial { key, due, pieces: Vec::new(), len: None, first: None, congested: false, flow });
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
        partial.congested |= ip.ecn() == Ecn::Ce;
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
            // RFC 3168 §5.3: the whole has met congestion if one of its fragments has.
            ip.set_ecn(Ecn::Ce);
        }
        match Transport::parse(&ip, &bytes) {
            Ok((transport, payload)) => {
                let frame = Frame { net: Net::Ipv4(ip, transport), link: None };
                let len = frame.network_len(payload.len());
                Joined::Whole(Box::new(Packet::new(frame, payload, len, partial.flow)))
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
