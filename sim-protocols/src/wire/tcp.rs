//! TCP's wire format (RFC 9293 §3.1) with the options that are used: MSS, window scale and timestamps (RFC 7323), SACK (RFC 2018),
//! Fast Open (RFC 7413).

use std::fmt;
use std::ops::{Add, AddAssign, BitOr, Sub};

use sim_core::{ParseError, Payload};

use super::{Checksum, Ipv4Repr, be16, be32};

/// A sequence number: arithmetic modulo 2^32 (RFC 9293 §3.4).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Seq(pub u32);

impl Seq {
    /// A sequence number.
    pub const fn new(value: u32) -> Seq {
        Seq(value)
    }

    /// How far `self` is ahead of `other`: negative where it is behind.
    #[inline]
    pub fn since(self, other: Seq) -> i32 {
        self.0.wrapping_sub(other.0) as i32
    }

    /// The later of two.
    #[inline]
    pub fn max(self, other: Seq) -> Seq {
        if self > other { self } else { other }
    }

    /// The earlier of two.
    #[inline]
    pub fn min(self, other: Seq) -> Seq {
        if self < other { self } else { other }
    }
}

impl PartialOrd for Seq {
    #[inline]
    fn partial_cmp(&self, other: &Seq) -> Option<std::cmp::Ordering> {
        Some(self.since(*other).cmp(&0))
    }
}

impl Add<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn add(self, bytes: u32) -> Seq {
        Seq(self.0.wrapping_add(bytes))
    }
}

impl AddAssign<u32> for Seq {
    #[inline]
    fn add_assign(&mut self, bytes: u32) {
        self.0 = self.0.wrapping_add(bytes);
    }
}

impl Sub<u32> for Seq {
    type Output = Seq;
    #[inline]
    fn sub(self, bytes: u32) -> Seq {
        Seq(self.0.wrapping_sub(bytes))
    }
}

impl Sub<Seq> for Seq {
    type Output = u32;
    /// Bytes from `other` to `self`, modulo 2^32.
    #[inline]
    fn sub(self, other: Seq) -> u32 {
        self.0.wrapping_sub(other.0)
    }
}

impl fmt::Debug for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Control bits (RFC 9293 §3.1, RFC 3168 §6.1).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpFlags(pub u8);

impl TcpFlags {
    /// No more data from the sender.
    pub const FIN: TcpFlags = TcpFlags(0x01);
    /// Synchronise sequence numbers.
    pub const SYN: TcpFlags = TcpFlags(0x02);
    /// Reset the connection.
    pub const RST: TcpFlags = TcpFlags(0x04);
    /// Push.
    pub const PSH: TcpFlags = TcpFlags(0x08);
    /// The acknowledgement field counts.
    pub const ACK: TcpFlags = TcpFlags(0x10);
    /// The urgent pointer counts.
    pub const URG: TcpFlags = TcpFlags(0x20);
    /// ECN echo.
    pub const ECE: TcpFlags = TcpFlags(0x40);
    /// Congestion window reduced.
    pub const CWR: TcpFlags = TcpFlags(0x80);

    /// Whether all of these are set.
    #[inline]
    pub fn has(self, flags: TcpFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    /// Whether SYN is set.
    #[inline]
    pub fn syn(self) -> bool {
        self.has(TcpFlags::SYN)
    }

    /// Whether ACK is set.
    #[inline]
    pub fn ack(self) -> bool {
        self.has(TcpFlags::ACK)
    }

    /// Whether FIN is set.
    #[inline]
    pub fn fin(self) -> bool {
        self.has(TcpFlags::FIN)
    }

    /// Whether RST is set.
    #[inline]
    pub fn rst(self) -> bool {
        self.has(TcpFlags::RST)
    }

    /// The same without these.
    #[inline]
    pub fn without(self, flags: TcpFlags) -> TcpFlags {
        TcpFlags(self.0 & !flags.0)
    }
}

impl BitOr for TcpFlags {
    type Output = TcpFlags;
    #[inline]
    fn bitor(self, other: TcpFlags) -> TcpFlags {
        TcpFlags(self.0 | other.0)
    }
}

impl fmt::Display for TcpFlags {
    /// As tcpdump prints them: `S`, `F`, `R`, `P`, `.`, `U`, `E`, `W`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let letters = [(1, 'F'), (2, 'S'), (4, 'R'), (8, 'P'), (0x10, '.'), (0x20, 'U'), (0x40, 'E'), (0x80, 'W')];
        let set: String = letters.iter().filter(|(bit, _)| self.0 & bit != 0).map(|(_, letter)| letter).collect();
        f.write_str(if set.is_empty() { "none" } else { &set })
    }
}

impl fmt::Debug for TcpFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The timestamps option (RFC 7323 §3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timestamps {
    /// The sender's clock.
    pub val: u32,
    /// The last value of the receiver's that the sender has seen.
    pub ecr: u32,
}

/// Up to four blocks of received data, `(left, right)` with `right` excluded (RFC 2018 §3).
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct SackBlocks {
    blocks: [(Seq, Seq); 4],
    len: u8,
    /// What else stands in the blocks' place: a SYN has no blocks, but perhaps a cookie. The cookie's length and [`FAST_OPEN`] bits.
    cookie: u8,
}

/// Bits of [`SackBlocks::cookie`].
const FAST_OPEN: u8 = 0x20;
const FAST_OPEN_EXPERIMENTAL: u8 = 0x40;

/// A Fast Open cookie (RFC 7413 §4.1.1): 4 to 16 bytes, an even number.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct FastOpenCookie {
    bytes: [u8; 16],
    len: u8,
}

impl FastOpenCookie {
    /// A cookie of these bytes; none where their number is not lawful.
    pub fn new(bytes: &[u8]) -> Option<FastOpenCookie> {
        if !(4..=16).contains(&bytes.len()) || !bytes.len().is_multiple_of(2) {
            return None;
        }
        let mut cookie = FastOpenCookie { bytes: [0; 16], len: bytes.len() as u8 };
        cookie.bytes[..bytes.len()].copy_from_slice(bytes);
        Some(cookie)
    }

    /// Its bytes.
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }
}

impl fmt::Debug for FastOpenCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The Fast Open option (RFC 7413 §4.1.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FastOpen {
    /// The cookie; without one it asks for one.
    pub cookie: Option<FastOpenCookie>,
    /// It has the number of experiments with a magic one behind it (RFC 6994), as before the RFC.
    pub experimental: bool,
}

impl FastOpen {
    fn magic(self) -> &'static [u8] {
        if self.experimental { &[0xf9, 0x89] } else { &[] }
    }

    /// Bytes of the option without padding.
    fn len(self) -> usize {
        2 + self.magic().len() + self.cookie.map_or(0, |cookie| usize::from(cookie.len))
    }

    fn emit(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&[if self.experimental { 254 } else { 34 }, self.len() as u8]);
        out.extend_from_slice(self.magic());
        if let Some(cookie) = &self.cookie {
            out.extend_from_slice(cookie.as_slice());
        }
        out.resize(out.len() + self.len().next_multiple_of(4) - self.len(), 1);
    }
}

impl SackBlocks {
    /// None.
    pub const NONE: SackBlocks = SackBlocks { blocks: [(Seq(0), Seq(0)); 4], len: 0, cookie: 0 };

    /// Appends a block; a fifth one is left out.
    pub fn push(&mut self, left: Seq, right: Seq) {
        if let Some(place) = self.blocks.get_mut(usize::from(self.len)) {
            *place = (left, right);
            self.len += 1;
        }
    }

    /// The blocks, in the order of the option.
    pub fn as_slice(&self) -> &[(Seq, Seq)] {
        &self.blocks[..usize::from(self.len)]
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The first blocks of them.
    pub fn truncate(&mut self, len: usize) {
        for block in self.blocks.iter_mut().skip(len) {
            *block = (Seq(0), Seq(0));
        }
        self.len = self.len.min(len as u8);
    }
}

impl fmt::Debug for SackBlocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

/// The options of a segment; unknown ones are skipped when read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpOptions {
    /// Clocks.
    pub timestamps: Option<Timestamps>,
    /// Received blocks.
    pub sack: SackBlocks,
    /// The largest segment that the sender takes; in a SYN.
    pub mss: Option<u16>,
    /// By how many bits the sender's windows are shifted; in a SYN.
    pub window_scale: Option<u8>,
    /// Selective acknowledgements are welcome; in a SYN.
    pub sack_permitted: bool,
}

impl TcpOptions {
    /// The Fast Open option, in a SYN.
    pub fn fast_open(&self) -> Option<FastOpen> {
        let bits = self.sack.cookie;
        if bits & FAST_OPEN == 0 {
            return None;
        }
        let mut bytes = [0; 16];
        for (word, (a, b)) in bytes.chunks_exact_mut(8).zip(&self.sack.blocks) {
            word[..4].copy_from_slice(&a.0.to_be_bytes());
            word[4..].copy_from_slice(&b.0.to_be_bytes());
        }
        let cookie = FastOpenCookie::new(&bytes[..usize::from(bits & (FAST_OPEN - 1))]);
        Some(FastOpen { cookie, experimental: bits & FAST_OPEN_EXPERIMENTAL != 0 })
    }

    #[cold]
    fn fast_open_len(&self) -> usize {
        self.fast_open().map_or(0, |option| option.len().next_multiple_of(4))
    }

    /// Gives it the Fast Open option, in the place of selective acknowledgements, which no SYN has.
    pub fn set_fast_open(&mut self, option: FastOpen) {
        let cookie = option.cookie.unwrap_or_default();
        self.sack = SackBlocks::NONE;
        for (word, block) in cookie.bytes.chunks_exact(8).zip(&mut self.sack.blocks) {
            *block = (Seq(be32(word, 0)), Seq(be32(word, 4)));
        }
        self.sack.cookie = FAST_OPEN | cookie.len | if option.experimental { FAST_OPEN_EXPERIMENTAL } else { 0 };
    }

    /// Bytes of the options as they are written, padding included.
    #[inline]
    pub fn len(&self) -> usize {
        let mut len = if self.mss.is_some() { 4 } else { 0 };
        len += match (self.sack_permitted, self.timestamps.is_some()) {
            (true, true) => 12,
            (true, false) => 4,
            (false, true) => 12,
            (false, false) => 0,
        };
        len += if self.window_scale.is_some() { 4 } else { 0 };
        if self.sack.cookie != 0 {
            len += self.fast_open_len();
        }
        len + if self.sack.is_empty() { 0 } else { 4 + 8 * usize::from(self.sack.len) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// In the order and with the padding of Linux: MSS, SACK-permitted, timestamps, window scale; then SACK.
    fn emit(&self, out: &mut Vec<u8>) {
        if let Some(mss) = self.mss {
            out.extend_from_slice(&[2, 4]);
            out.extend_from_slice(&mss.to_be_bytes());
        }
        match (self.sack_permitted, self.timestamps) {
            (true, Some(_)) => out.extend_from_slice(&[4, 2]),
            (true, None) => out.extend_from_slice(&[1, 1, 4, 2]),
            (false, Some(_)) => out.extend_from_slice(&[1, 1]),
            (false, None) => {}
        }
        if let Some(Timestamps { val, ecr }) = self.timestamps {
            out.extend_from_slice(&[8, 10]);
            out.extend_from_slice(&val.to_be_bytes());
            out.extend_from_slice(&ecr.to_be_bytes());
        }
        if let Some(shift) = self.window_scale {
            out.extend_from_slice(&[1, 3, 3, shift]);
        }
        if let Some(option) = self.fast_open() {
            option.emit(out);
        }
        if !self.sack.is_empty() {
            out.extend_from_slice(&[1, 1, 5, 2 + 8 * self.sack.len]);
            for (left, right) in self.sack.as_slice() {
                out.extend_from_slice(&left.0.to_be_bytes());
                out.extend_from_slice(&right.0.to_be_bytes());
            }
        }
    }

    fn parse(mut bytes: &[u8]) -> Result<TcpOptions, ParseError> {
        let mut options = TcpOptions::default();
        while let Some((&kind, rest)) = bytes.split_first() {
            match kind {
                0 => break,
                1 => bytes = rest,
                _ => {
                    // RFC 9293 §3.1 (MUST-7): an illegal option length is an error, and no reason to run away.
                    let len = usize::from(*rest.first().ok_or(ParseError::Malformed)?);
                    let body = bytes.get(2..len).ok_or(ParseError::Malformed)?;
                    options.read(kind, body)?;
                    bytes = &bytes[len..];
                }
            }
        }
        Ok(options)
    }

    fn read(&mut self, kind: u8, body: &[u8]) -> Result<(), ParseError> {
        match (kind, body.len()) {
            (2, 2) => self.mss = Some(be16(body, 0)),
            (3, 1) => self.window_scale = Some(body[0]),
            (4, 0) => self.sack_permitted = true,
            (5, len) if len > 0 && len.is_multiple_of(8) => {
                self.sack = SackBlocks::NONE;
                for block in body.chunks_exact(8) {
                    self.sack.push(Seq(be32(block, 0)), Seq(be32(block, 4)));
                }
            }
            // RFC 7413 §4.1.1: a cookie of another length is no cookie, and the option is ignored; so is what has not the magic number.
            (34, len) => {
                if let Some(option) = fast_open(body, false, len) {
                    self.set_fast_open(option);
                }
            }
            (254, len) if body.starts_with(&[0xf9, 0x89]) => {
                if let Some(option) = fast_open(&body[2..], true, len - 2) {
                    self.set_fast_open(option);
                }
            }
            (8, 8) => self.timestamps = Some(Timestamps { val: be32(body, 0), ecr: be32(body, 4) }),
            (2..=5 | 8, _) => return Err(ParseError::Malformed),
            _ => {}
        }
        Ok(())
    }
}

fn fast_open(body: &[u8], experimental: bool, len: usize) -> Option<FastOpen> {
    let cookie = FastOpenCookie::new(body);
    (len == 0 || cookie.is_some()).then_some(FastOpen { cookie, experimental })
}

/// A view of a segment's bytes.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment<T>(T);

impl<T: AsRef<[u8]>> TcpSegment<T> {
    /// A view whose accessors stay inside the buffer.
    ///
    /// # Errors
    /// Fewer bytes than the header says, or a header shorter than 20 bytes.
    pub fn new_checked(bytes: T) -> Result<TcpSegment<T>, ParseError> {
        if bytes.as_ref().len() < TcpRepr::LEN_MIN {
            return Err(ParseError::Truncated);
        }
        let segment = TcpSegment(bytes);
        match segment.header_len() {
            len if len < TcpRepr::LEN_MIN => Err(ParseError::Malformed),
            len if len > segment.0.as_ref().len() => Err(ParseError::Truncated),
            _ => Ok(segment),
        }
    }

    /// Bytes of the header, options included.
    pub fn header_len(&self) -> usize {
        usize::from(self.0.as_ref()[12] >> 4) * 4
    }

    /// Whether the checksum is right.
    pub fn verify(&self, ip: &Ipv4Repr) -> bool {
        let bytes = self.0.as_ref();
        Checksum::pseudo_header(ip.src, ip.dst, ip.protocol, bytes.len() as u32).add(bytes).value() == 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[self.header_len()..]
    }
}

/// A segment's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TcpRepr {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
    /// The first byte's number, or the SYN's.
    pub seq: Seq,
    /// The next byte that the sender expects.
    pub ack: Seq,
    /// The window field as it stands on the wire, unscaled.
    pub window: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// Control bits.
    pub flags: TcpFlags,
    /// Options.
    pub options: TcpOptions,
}

impl TcpRepr {
    /// Bytes of the header without options.
    pub const LEN_MIN: usize = 20;

    /// Bytes of the header.
    #[inline]
    pub fn len(&self) -> usize {
        TcpRepr::LEN_MIN + self.options.len()
    }

    /// Never: a header has bytes.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// What the segment takes of the sequence space with so much payload (RFC 9293 §3.4: SYN and FIN count).
    #[inline]
    pub fn seq_len(&self, payload: u32) -> u32 {
        payload + u32::from(self.flags.has(TcpFlags::SYN)) + u32::from(self.flags.has(TcpFlags::FIN))
    }

    /// Reads a view.
    ///
    /// # Errors
    /// A wrong checksum, malformed options.
    pub fn parse<T: AsRef<[u8]>>(segment: &TcpSegment<T>, ip: &Ipv4Repr) -> Result<TcpRepr, ParseError> {
        if !segment.verify(ip) {
            return Err(ParseError::Checksum);
        }
        let bytes = segment.0.as_ref();
        Ok(TcpRepr {
            src_port: be16(bytes, 0),
            dst_port: be16(bytes, 2),
            seq: Seq(be32(bytes, 4)),
            ack: Seq(be32(bytes, 8)),
            flags: TcpFlags(bytes[13]),
            window: be16(bytes, 14),
            urgent: be16(bytes, 18),
            options: TcpOptions::parse(&bytes[TcpRepr::LEN_MIN..segment.header_len()])?,
        })
    }

    /// Appends header and payload.
    pub fn emit(&self, ip: &Ipv4Repr, payload: &Payload, out: &mut Vec<u8>) {
        let (start, header) = (out.len(), self.len());
        assert!(header <= 60, "options fit into 40 bytes");
        out.extend_from_slice(&self.src_port.to_be_bytes());
        out.extend_from_slice(&self.dst_port.to_be_bytes());
        out.extend_from_slice(&self.seq.0.to_be_bytes());
        out.extend_from_slice(&self.ack.0.to_be_bytes());
        out.extend_from_slice(&[((header / 4) as u8) << 4, self.flags.0]);
        out.extend_from_slice(&self.window.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&self.urgent.to_be_bytes());
        self.options.emit(out);
        debug_assert_eq!(out.len() - start, header);
        payload.append_to(out);
        let length = (out.len() - start) as u32;
        let sum = Checksum::pseudo_header(ip.src, ip.dst, ip.protocol, length).add(&out[start..]).value();
        out[start + 16..start + 18].copy_from_slice(&sum.to_be_bytes());
    }
}

impl fmt::Display for TcpRepr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {}: Flags [{}], seq {}", self.src_port, self.dst_port, self.flags, self.seq.0)?;
        if self.flags.has(TcpFlags::ACK) {
            write!(f, ", ack {}", self.ack.0)?;
        }
        write!(f, ", win {}", self.window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Protocol;

    fn options(bytes: &[u8]) -> Result<TcpOptions, ParseError> {
        TcpOptions::parse(bytes)
    }

    fn written(options: TcpOptions) -> Vec<u8> {
        let mut bytes = Vec::new();
        options.emit(&mut bytes);
        assert_eq!(bytes.len(), options.len());
        assert_eq!(TcpOptions::parse(&bytes), Ok(options));
        bytes
    }

    #[test]
    fn options_stand_as_linux_writes_them() {
        let clock = Some(Timestamps { val: 1, ecr: 2 });
        let syn = TcpOptions { mss: Some(1460), sack_permitted: true, window_scale: Some(7), ..TcpOptions::default() };
        assert_eq!(
            written(TcpOptions { timestamps: clock, ..syn }),
            [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7]
        );
        assert_eq!(written(syn), [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]);
        let mut acknowledged = TcpOptions { timestamps: clock, ..TcpOptions::default() };
        assert_eq!(written(acknowledged), [1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        acknowledged.sack.push(Seq(5), Seq(6));
        assert_eq!(written(acknowledged)[12..], [1, 1, 5, 10, 0, 0, 0, 5, 0, 0, 0, 6]);
        for block in 1..5 {
            acknowledged.sack.push(Seq(10 * block), Seq(10 * block + 5));
        }
        assert_eq!(acknowledged.sack.as_slice().len(), 4);
        acknowledged.sack.truncate(3);
        assert_eq!(written(acknowledged).len(), 40);
    }

    #[test]
    fn options_in_any_order_are_read_and_unknown_ones_skipped() {
        let read = options(&[253, 4, 1, 2, 3, 3, 9, 1, 34, 2, 2, 4, 1, 0, 0, 99]).expect("good options");
        assert_eq!((read.window_scale, read.mss), (Some(9), Some(256)));
        assert_eq!(options(&[0, 2]), Ok(TcpOptions::default()));
    }

    // tests: RFC 9293 MUST-7
    #[test]
    fn illegal_options_are_refused() {
        let cases: [&[u8]; 12] = [
            &[2],
            &[2, 0],
            &[2, 1],
            &[2, 3, 5],
            &[2, 4, 5],
            &[2, 5, 1, 2, 3],
            &[3, 2],
            &[4, 3, 0],
            &[5, 2],
            &[5, 9, 0, 0, 0, 0, 0, 0, 0],
            &[8, 9, 0, 0, 0, 0, 0, 0, 0],
            &[99, 200],
        ];
        for case in cases {
            assert_eq!(options(case), Err(ParseError::Malformed), "{case:?}");
        }
    }

    #[test]
    fn illegal_header_lengths_are_refused() {
        let ip = Ipv4Repr::new([10, 0, 0, 1].into(), [10, 0, 0, 2].into(), Protocol::Tcp);
        let mut bytes = Vec::new();
        TcpRepr::default().emit(&ip, &Payload::Empty, &mut bytes);
        assert!(TcpSegment::new_checked(&bytes).is_ok());
        for words in 0..5 {
            bytes[12] = words << 4;
            assert_eq!(TcpSegment::new_checked(&bytes).err(), Some(ParseError::Malformed));
        }
        for words in 6..16 {
            bytes[12] = words << 4;
            assert_eq!(TcpSegment::new_checked(&bytes).err(), Some(ParseError::Truncated));
        }
    }

    // tests: RFC 9293 §3.4, all comparisons are modulo 2^32
    #[test]
    fn sequence_numbers_wrap() {
        let (old, new) = (Seq(u32::MAX - 1), Seq(3));
        assert!(old < new);
        assert_eq!((old + 5, new - 5), (new, old));
        assert_eq!((new - old, new.since(old), old.since(new)), (5, 5, -5));
        assert_eq!((old.max(new), old.min(new)), (new, old));
        let fin = TcpRepr { flags: TcpFlags::FIN | TcpFlags::ACK, ..TcpRepr::default() };
        assert_eq!(fin.seq_len(10), 11);
    }
}
