//! Byte streams as ropes: runs of zeros are counts, bytes are shared, and nothing is copied until it meets the wire.

use std::collections::VecDeque;

use sim_core::Payload;

/// A queue of bytes that is appended at its end, read anywhere, and dropped from its front.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rope {
    /// Pieces, each with the offset in the stream at which it begins.
    pieces: VecDeque<(u64, Payload)>,
    start: u64,
    end: u64,
}

impl Rope {
    /// Bytes that are in it.
    #[inline]
    pub fn len(&self) -> u32 {
        (self.end - self.start) as u32
    }

    /// The offset behind its last byte, counted from the start of the stream.
    #[inline]
    pub fn end(&self) -> u64 {
        self.end
    }

    pub fn push(&mut self, payload: Payload) {
        let len = payload.len();
        if len == 0 {
            return;
        }
        match (self.pieces.back_mut(), &payload) {
            (Some((_, Payload::Zeros(before))), Payload::Zeros(more)) if before.checked_add(*more).is_some() => {
                *before += more;
            }
            _ => {
                if self.pieces.capacity() == 0 {
                    // Zeros never need a second place.
                    self.pieces.reserve_exact(1);
                }
                self.pieces.push_back((self.end, payload));
            }
        }
        self.end += u64::from(len);
    }

    /// Bytes `from..from + len` of the stream, which must be in it.
    #[inline]
    pub fn copy(&self, from: u64, len: u32) -> Payload {
        debug_assert!(from >= self.start && from + u64::from(len) <= self.end);
        if len == 0 {
            return Payload::Empty;
        }
        let at = match self.pieces.len() {
            1 => 0,
            _ => self.pieces.partition_point(|(begin, _)| *begin <= from) - 1,
        };
        let (begin, piece) = &self.pieces[at];
        let inside = (from - begin) as u32;
        if inside + len <= piece.len() {
            return match piece {
                Payload::Zeros(_) => Payload::Zeros(len),
                piece => piece.slice(inside, len),
            };
        }
        self.join(at, from, len)
    }

    /// A range that spans pieces: zeros stay zeros, anything else becomes bytes.
    fn join(&self, at: usize, from: u64, len: u32) -> Payload {
        let until = from + u64::from(len);
        let parts = self.pieces.range(at..).take_while(|(begin, _)| *begin < until).map(|(begin, piece)| {
            let left = from.max(*begin);
            let right = until.min(begin + u64::from(piece.len()));
            piece.slice((left - begin) as u32, (right - left) as u32)
        });
        let parts: Vec<Payload> = parts.collect();
        if parts.iter().all(|part| matches!(part, Payload::Zeros(_))) {
            return Payload::Zeros(len);
        }
        let mut bytes = Vec::with_capacity(len as usize);
        parts.iter().for_each(|part| part.append_to(&mut bytes));
        Payload::from_bytes(bytes)
    }

    /// Drops what stands before `offset` of the stream.
    #[inline]
    pub fn drop_before(&mut self, offset: u64) {
        debug_assert!(offset <= self.end);
        self.start = self.start.max(offset);
        while let Some((begin, piece)) = self.pieces.front() {
            if begin + u64::from(piece.len()) > self.start {
                break;
            }
            self.pieces.pop_front();
        }
        if let Some((begin, Payload::Zeros(len))) = self.pieces.front_mut() {
            // Keeps a run that is appended to for ever from overflowing its count.
            *len -= (self.start - *begin) as u32;
            *begin = self.start;
        }
    }

    /// Up to `max` bytes from the front, which stay.
    pub fn peek(&self, max: u32) -> Payload {
        self.copy(self.start, max.min(self.len()))
    }

    /// Takes up to `max` bytes from the front.
    pub fn take(&mut self, max: u32) -> Payload {
        let taken = self.copy(self.start, max.min(self.len()));
        self.drop_before(self.start + u64::from(taken.len()));
        taken
    }
}

/// Data that has come before its turn: disjoint, sorted by its distance from the next expected byte.
#[derive(Clone, Debug, Default)]
pub(crate) struct Assembler {
    /// Offset in the stream, payload.
    pieces: Vec<(u64, Payload)>,
    /// Ranges `(left, right)` of what is held, the one that changed last first: the order of SACK blocks (RFC 2018 §4).
    recent: Vec<(u64, u64)>,
    bytes: u64,
}

impl Assembler {
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ranges for SACK blocks, the most recent first.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.recent
    }

    /// The number of the range, the most recent one first, that so much data at an offset touches; of all ranges if there is none.
    pub fn joins(&self, offset: u64, len: u32) -> usize {
        let right = offset + u64::from(len);
        self.recent.iter().position(|(from, to)| *from <= right && offset <= *to).unwrap_or(self.recent.len())
    }

    /// Puts data at an offset. What is there already stays. Returns the range that was there before, if it covered all of it.
    pub fn insert(&mut self, offset: u64, payload: Payload) -> Option<(u64, u64)> {
        let (left, right) = (offset, offset + u64::from(payload.len()));
        let known = self.recent.iter().any(|(from, to)| *from <= left && right <= *to);
        if !known {
            self.fill(left, right, &payload);
        }
        let (mut from, mut to) = (left, right);
        self.recent.retain(|(other_from, other_to)| {
            let touches = *other_from <= to && from <= *other_to;
            if touches {
                from = from.min(*other_from);
                to = to.max(*other_to);
            }
            !touches
        });
        self.recent.insert(0, (from, to));
        known.then_some((left, right))
    }

    fn fill(&mut self, left: u64, right: u64, payload: &Payload) {
        let mut at = left;
        while at < right {
            let next = self.pieces.partition_point(|(begin, piece)| begin + u64::from(piece.len()) <= at);
            let (gap_end, skip_to) = match self.pieces.get(next) {
                Some((begin, piece)) if *begin < right => (*begin, begin + u64::from(piece.len())),
                _ => (right, right),
            };
            if at < gap_end {
                let piece = payload.slice((at - left) as u32, (gap_end - at) as u32);
                self.bytes += u64::from(piece.len());
                self.put(next, at, piece);
            }
            at = at.max(skip_to);
        }
    }

    /// Puts a piece before number `next`. Zeros melt into zeros that they touch, so that a burst of them is one piece.
    fn put(&mut self, next: usize, at: u64, piece: Payload) {
        let (before, behind) = self.pieces.split_at_mut(next);
        let before = before.last_mut().filter(|(begin, zeros)| touch(*begin, zeros, at, &piece));
        let behind = behind.first_mut().filter(|(begin, zeros)| touch(at, &piece, *begin, zeros));
        let len = piece.len();
        match (before, behind) {
            (Some((_, before)), Some((_, behind))) => {
                *before = Payload::Zeros(before.len() + len + behind.len());
                self.pieces.remove(next);
            }
            (Some((_, before)), None) => *before = Payload::Zeros(before.len() + len),
            (None, Some((begin, behind))) => (*begin, *behind) = (at, Payload::Zeros(len + behind.len())),
            (None, None) => self.pieces.insert(next, (at, piece)),
        }
    }

    /// Moves what follows on `rope`'s end over to it.
    pub fn drain_into(&mut self, rope: &mut Rope) {
        let mut moved = 0;
        for (begin, piece) in &self.pieces {
            let end = begin + u64::from(piece.len());
            if *begin > rope.end() {
                break;
            }
            moved += 1;
            self.bytes -= u64::from(piece.len());
            if end > rope.end() {
                let skip = (rope.end() - begin) as u32;
                rope.push(piece.slice(skip, piece.len() - skip));
            }
        }
        self.pieces.drain(..moved);
        let end = rope.end();
        self.recent.retain(|(_, right)| *right > end);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Assembler::default();
    }
}

/// Whether both are zeros, and the second follows on the first.
fn touch(at: u64, piece: &Payload, next_at: u64, next: &Payload) -> bool {
    matches!((piece, next), (Payload::Zeros(len), Payload::Zeros(_)) if at + u64::from(*len) == next_at)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn bytes(from: u64, len: u32) -> Payload {
        Payload::from_bytes((from..from + u64::from(len)).map(|at| (at * 7 + at / 251) as u8).collect::<Vec<u8>>())
    }

    fn read(payload: &Payload) -> Vec<u8> {
        let mut out = Vec::new();
        payload.append_to(&mut out);
        out
    }

    #[test]
    fn zeros_merge_and_ranges_join() {
        let mut rope = Rope::default();
        rope.push(Payload::Zeros(10));
        rope.push(Payload::Zeros(10));
        assert_eq!(rope.pieces.len(), 1);
        rope.push(bytes(0, 5));
        rope.push(Payload::Zeros(5));
        assert_eq!(read(&rope.copy(18, 8)), [vec![0, 0], read(&bytes(0, 5)), vec![0]].concat());
        rope.drop_before(22);
        assert_eq!((rope.len(), read(&rope.take(100)).len()), (8, 8));
    }

    #[test]
    fn a_burst_of_zeros_is_one_piece() {
        let mut assembler = Assembler::default();
        for at in [30, 10, 50, 20, 70, 40] {
            assembler.insert(at, Payload::Zeros(10));
        }
        let pieces: Vec<(u64, u32)> = assembler.pieces.iter().map(|(at, piece)| (*at, piece.len())).collect();
        assert_eq!(pieces, [(10, 50), (70, 10)]);
        assembler.insert(0, Payload::Zeros(100));
        assert_eq!((assembler.pieces.len(), assembler.bytes(), assembler.ranges()), (1, 100, &[(0, 100)][..]));
        let mut rope = Rope::default();
        assembler.drain_into(&mut rope);
        assert_eq!((rope.end(), assembler.bytes()), (100, 0));
    }

    proptest! {
        #[test]
        fn any_order_of_pieces_makes_the_stream(cuts in proptest::collection::vec((0_u64..2000, 1_u32..300), 1..60), seed in any::<u64>()) {
            let mut rope = Rope::default();
            let mut assembler = Assembler::default();
            let total = 2300;
            let mut pieces: Vec<(u64, u32)> = cuts;
            pieces.extend((0..total / 100).map(|at| (at * 100, 100)));
            let rotate = seed as usize % pieces.len();
            pieces.rotate_left(rotate);
            for (at, len) in pieces {
                let end = at + u64::from(len);
                if end <= rope.end() {
                    continue;
                }
                let skip = rope.end().saturating_sub(at) as u32;
                if at <= rope.end() {
                    rope.push(bytes(at, len).slice(skip, len - skip));
                    assembler.drain_into(&mut rope);
                } else {
                    assembler.insert(at, bytes(at, len));
                }
                let held: u64 = assembler.ranges().iter().map(|(left, right)| right - left).sum();
                prop_assert!(assembler.ranges().iter().all(|(left, _)| *left > rope.end()));
                prop_assert_eq!(held, assembler.bytes());
            }
            prop_assert!(rope.end() >= total);
            prop_assert!(assembler.is_empty());
            let whole = rope.end() as u32;
            prop_assert_eq!(read(&rope.take(u32::MAX)), read(&bytes(0, whole)));
        }
    }
}
