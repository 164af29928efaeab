//! Packets: typed headers and counted or shared payload; bytes appear only at doors.

use std::sync::Arc;

use crate::event::EventKey;
use crate::record::Table;
use crate::time::{Span, Time};

/// What a packet carries behind its headers.
#[derive(Clone, Debug, Default)]
pub enum Payload {
    /// Nothing.
    #[default]
    Empty,
    /// So many zero bytes, of which none is stored.
    Zeros(u32),
    /// A sequence number and a moment in the first [`Payload::STAMP`] bytes (big-endian, as far as they fit), zeros behind
    /// them: what a probing source sends, without storage.
    Stamped {
        /// The sequence number.
        seq: u32,
        /// The moment, in picoseconds on the wire.
        sent: Time,
        /// Bytes in all.
        len: u32,
    },
    /// A range of shared bytes: `bytes[start..start + len]`.
    Bytes {
        /// The shared storage.
        bytes: Arc<[u8]>,
        /// First byte of the range.
        start: u32,
        /// Bytes in the range.
        len: u32,
    },
}

impl Payload {
    /// Bytes that a stamp takes.
    pub const STAMP: u32 = 12;

    /// The sequence number and the moment in the first [`Payload::STAMP`] bytes; `None` where it is shorter.
    pub fn stamp(&self) -> Option<(u32, Time)> {
        match self {
            _ if self.len() < Payload::STAMP => None,
            Payload::Stamped { seq, sent, .. } => Some((*seq, *sent)),
            Payload::Bytes { bytes, start, .. } => {
                let at = &bytes[*start as usize..];
                let seq = u32::from_be_bytes(at[..4].try_into().expect("four bytes"));
                let sent = u64::from_be_bytes(at[4..12].try_into().expect("eight bytes"));
                Some((seq, Time::from_ps(sent)))
            }
            Payload::Empty | Payload::Zeros(_) => Some((0, Time::ZERO)),
        }
    }

    /// A payload that owns these bytes.
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Payload {
        let bytes = bytes.into();
        let len = u32::try_from(bytes.len()).expect("a payload is shorter than 4 GiB");
        if len == 0 { Payload::Empty } else { Payload::Bytes { bytes, start: 0, len } }
    }

    /// Bytes of payload.
    pub fn len(&self) -> u32 {
        match self {
            Payload::Empty => 0,
            Payload::Zeros(len) | Payload::Stamped { len, .. } | Payload::Bytes { len, .. } => *len,
        }
    }

    /// Whether there is no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes `from..from + len` of it, sharing the storage; panics outside of it.
    pub fn slice(&self, from: u32, len: u32) -> Payload {
        assert!(from.checked_add(len).is_some_and(|end| end <= self.len()), "slice inside the payload");
        match self {
            _ if len == 0 => Payload::Empty,
            Payload::Empty => Payload::Empty,
            Payload::Zeros(_) => Payload::Zeros(len),
            Payload::Stamped { .. } if from >= Payload::STAMP => Payload::Zeros(len),
            Payload::Stamped { seq, sent, .. } if from == 0 => Payload::Stamped { seq: *seq, sent: *sent, len },
            Payload::Stamped { .. } => {
                let mut bytes = Vec::new();
                self.append_to(&mut bytes);
                Payload::from_bytes(&bytes[from as usize..(from + len) as usize])
            }
            Payload::Bytes { bytes, start, .. } => Payload::Bytes { bytes: bytes.clone(), start: start + from, len },
        }
    }

    /// Appends the bytes to `out`, zeros written out.
    pub fn append_to(&self, out: &mut Vec<u8>) {
        match self {
            Payload::Empty => {}
            Payload::Zeros(len) => out.resize(out.len() + *len as usize, 0),
            Payload::Stamped { seq, sent, len } => {
                let end = out.len() + *len as usize;
                out.extend_from_slice(&seq.to_be_bytes());
                out.extend_from_slice(&sent.ps().to_be_bytes());
                out.resize(end, 0);
            }
            Payload::Bytes { bytes, start, len } => {
                out.extend_from_slice(&bytes[*start as usize..(*start + *len) as usize])
            }
        }
    }
}

/// Two payloads are equal when their bytes are, however they are stored.
impl PartialEq for Payload {
    fn eq(&self, other: &Payload) -> bool {
        match (self, other) {
            (
                Payload::Stamped { seq, sent, len },
                Payload::Stamped { seq: other_seq, sent: other_sent, len: other_len },
            ) if *len >= Payload::STAMP => (seq, sent, len) == (other_seq, other_sent, other_len),
            (Payload::Bytes { .. } | Payload::Stamped { .. }, _)
            | (_, Payload::Bytes { .. } | Payload::Stamped { .. }) => {
                let (mut a, mut b) = (Vec::new(), Vec::new());
                self.append_to(&mut a);
                other.append_to(&mut b);
                a == b
            }
            _ => self.len() == other.len(),
        }
    }
}

impl Eq for Payload {}

/// What an exact loss list can name a packet by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacketClass {
    /// Carries transport payload (a TCP segment with data, a UDP datagram).
    Data,
    /// A TCP SYN without ACK.
    Syn,
    /// A TCP SYN with ACK.
    SynAck,
    /// A TCP FIN without data.
    Fin,
    /// A TCP RST.
    Rst,
    /// A TCP segment with ACK alone.
    Ack,
    /// Anything else (ICMP, ARP, …).
    Other,
}

impl PacketClass {
    /// Their words in tables, by number.
    pub const WORDS: &'static [&'static str] = &["data", "syn", "syn_ack", "fin", "rst", "ack", "other"];
}

/// The explicit congestion notification field of IP (RFC 3168 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Ecn {
    /// Not ECN-capable transport.
    #[default]
    NotEct = 0,
    /// ECN-capable transport, codepoint 1.
    Ect1 = 1,
    /// ECN-capable transport, codepoint 0.
    Ect0 = 2,
    /// Congestion experienced.
    Ce = 3,
}

/// The headers of a packet in flight, typed. The engine knows no protocol: this is all it asks of one.
pub trait Header: Clone + PartialEq + std::fmt::Debug + Send + Sync + 'static {
    /// What an exact loss list calls this packet.
    fn class(&self, payload: &Payload) -> PacketClass;
    /// Its ECN field; `NotEct` where it has none.
    fn ecn(&self) -> Ecn;
    /// Sets "congestion experienced"; only called on an ECN-capable packet.
    fn set_ce(&mut self);
    /// A hash of what identifies the flow (addresses, protocol, ports), for fair queues and ECMP; the same on every machine.
    fn flow_hash(&self) -> u32;
    /// Appends the packet's bytes as they stand on the wire (link-layer header where there is one, checksums filled in).
    fn emit(&self, payload: &Payload, out: &mut Vec<u8>);
    /// Reads such bytes back; `framed` tells whether they start with a link-layer header. Any bytes may be given.
    fn parse(bytes: &[u8], framed: bool) -> Result<(Self, Payload), ParseError>;
    /// Whether the bytes start with a link-layer header.
    fn framed(&self) -> bool;
    /// Whether it is a message of its flow, or the last part of one: by these it is counted what the stop has overtaken.
    fn ends_message(&self) -> bool {
        false
    }
    /// What its packets say on each hop: a table whose columns are [`crate::PACKET_COLUMNS`], then one for each of [`Header::cells`], then
    /// a [`Kind::Text`](crate::Kind::Text) for [`Header::content`].
    const PACKETS: Option<&'static Table> = None;
    /// Appends the values of its own columns in that table.
    fn cells(&self, _payload: &Payload, _out: &mut Vec<u64>) {}
    /// What the packet says, for people; empty where that cannot be told.
    fn content(&self, _payload: &Payload) -> String {
        String::new()
    }
}

/// Why bytes are not a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParseError {
    /// Fewer bytes than the headers say.
    Truncated,
    /// A checksum does not match.
    Checksum,
    /// A field has a value that its protocol forbids.
    Malformed,
    /// A protocol that is not modelled.
    Unsupported,
}

impl std::fmt::Display for ParseError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            ParseError::Truncated => "truncated",
            ParseError::Checksum => "wrong checksum",
            ParseError::Malformed => "malformed",
            ParseError::Unsupported => "unsupported protocol",
        })
    }
}

impl std::error::Error for ParseError {}

/// Whether a packet arrives at the end of the link that it is on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Course {
    /// It does.
    Arrives,
    /// The wire loses it: it takes link time.
    Lost,
}

/// A packet in its shard's slab. What the engine touches at each hop fills its first 64 bytes, a line of the cache; what stands behind
/// them is the business of nodes.
#[derive(Clone, Debug)]
#[repr(C)]
pub struct Packet<H> {
    /// The event of its arrival, where it has been fixed.
    pub(crate) key: EventKey,
    /// When it entered the queue of the port that it crosses now.
    pub enqueued: Time,
    /// When that port begins to send it.
    pub started: Time,
    /// When its last bit has left that port.
    pub ended: Time,
    /// Bytes at the network layer (IP header to the end of the payload); a link adds its own overhead.
    pub len: u32,
    /// Bytes that it takes on the link that it crosses now, the link's overhead included.
    pub wire_bytes: u32,
    /// The place of the packet behind it in the line of its port.
    pub(crate) next: u32,
    /// Whether it arrives.
    pub(crate) course: Course,
    /// The bit that the link flipped, counted from the first bit of the frame; `u32::MAX` where none was.
    pub flipped_bit: u32,
    /// The workload flow that sent it, plus one; 0 where none did. Names the packet in loss lists and tables.
    pub flow: u32,
    /// Typed headers.
    pub header: H,
    /// What follows them.
    pub payload: Payload,
    /// Identity for traces: the source node in the upper 24 bits, its counter below. Set by [`crate::Cx::alloc`].
    pub id: u64,
    /// What jitter adds to the delay of the hop that it is on.
    pub(crate) extra: Span,
    /// What its sender lets the receiver know besides.
    pub aside: Option<Box<Aside>>,
}

/// What a sender knows and no wire carries: for what the receiver's tables say of causes, and for nothing that either of them does. Few packets
/// have one. It is lost where a packet becomes bytes: at a real network, and when a router cuts it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Aside {
    /// Packets that the sender's end of the connection has sent again so far.
    pub resent: u64,
    /// Time so far in which something that was sent again later was under way for the first time: times that overlap count once.
    pub held: Span,
    /// Answers that begin in it: the number of each, 0 where there is one at a time, and how long the sender has worked on it.
    pub served: Vec<(u32, Span)>,
}

impl<H> Packet<H> {
    /// A packet of `len` network-layer bytes for workload flow `flow` (plus one; 0 for none).
    pub fn new(header: H, payload: Payload, len: u32, flow: u32) -> Packet<H> {
        Packet {
            id: 0,
            len,
            flow,
            enqueued: Time::ZERO,
            started: Time::ZERO,
            ended: Time::ZERO,
            wire_bytes: 0,
            course: Course::Arrives,
            extra: Span::ZERO,
            key: EventKey::NEVER,
            next: u32::MAX,
            flipped_bit: u32::MAX,
            header,
            payload,
            aside: None,
        }
    }

    /// Makes all but headers and payload those of a new packet.
    #[inline]
    pub(crate) fn begin(&mut self, id: u64, len: u32, flow: u32) {
        (self.id, self.len, self.flow) = (id, len, flow);
        (self.enqueued, self.started, self.ended) = (Time::ZERO, Time::ZERO, Time::ZERO);
        (self.course, self.extra, self.key) = (Course::Arrives, Span::ZERO, EventKey::NEVER);
        (self.wire_bytes, self.next, self.flipped_bit) = (0, u32::MAX, u32::MAX);
    }
}

/// An index into the shard's packet slab. Owned: whoever holds it sends it on or frees it.
#[derive(PartialEq, Eq, Debug)]
pub struct PacketRef(pub(crate) u32);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamped_payload_is_its_bytes() {
        let stamped = Payload::Stamped { seq: 0x0102_0304, sent: Time::from_ps(0x0506_0708_090a_0b0c), len: 16 };
        let bytes = Payload::from_bytes([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0, 0, 0]);
        assert_eq!(stamped, bytes);
        assert_eq!(stamped.stamp(), bytes.stamp());
        for from in 0..16 {
            for len in 0..=16 - from {
                assert_eq!(stamped.slice(from, len), bytes.slice(from, len), "{from} {len}");
                assert_eq!(stamped.slice(from, len).stamp(), bytes.slice(from, len).stamp(), "{from} {len}");
            }
        }
        assert_ne!(stamped, Payload::Zeros(16));
        assert_eq!(Payload::Stamped { seq: 0, sent: Time::ZERO, len: 8 }, Payload::Zeros(8));
    }
}
