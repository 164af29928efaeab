//! What controls are told: acknowledgements, samples of the delivery rate, the path.

use sim_core::{Span, Time};

use crate::tcp::Phase;
use crate::wire::Seq;

/// How a connection opens its control.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// Whether the connection is paced.
    pub paced: bool,
    /// The seed of the connection's own streams of chance: its initial sequence number.
    pub seed: u32,
}

/// What a control asks for beyond acknowledgements of new data outside of recovery.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Needs {
    /// Samples of the delivery rate, by which it sets the window itself, in recovery too; it is always paced.
    pub samples: bool,
    /// Every acknowledgement.
    pub every_ack: bool,
    /// Every segment that is found to be lost; only together with `samples`.
    pub losses: bool,
    /// Marks instead of drops: ECN is negotiated, all segments are ECN-capable, and a receiver echoes each change of their marks at once.
    pub ecn: bool,
}

impl Needs {
    /// Acknowledgements alone.
    pub const NOTHING: Needs = Needs { samples: false, every_ack: false, losses: false, ecn: false };
}

/// An acknowledgement of new data, for a control.
#[derive(Clone, Copy, Debug)]
pub struct Ack {
    /// The present moment.
    pub now: Time,
    /// Segments that it newly delivers, SACKed ones included (1 at the most in profile `rfc`).
    pub acked: u32,
    /// The first byte that is not acknowledged, this ACK included.
    pub una: Seq,
    /// The next byte to send.
    pub nxt: Seq,
    /// The round trip that it measures, if any.
    pub rtt: Option<Span>,
    /// The smoothed round trip.
    pub srtt: Option<Span>,
    /// Bytes of a full segment's payload.
    pub mss: u32,
}

/// Any acknowledgement.
#[derive(Clone, Copy, Debug)]
pub struct Heard {
    /// The present moment.
    pub now: Time,
    /// The first byte that is not acknowledged, this ACK included.
    pub una: Seq,
    /// The next byte to send.
    pub nxt: Seq,
    /// Segments delivered since the connection began.
    pub delivered: u64,
    /// Of these by acknowledgements that echoed a mark.
    pub marked: u64,
    /// The round trip that it measures, if any.
    pub rtt: Option<Span>,
    /// What loss recovery is doing.
    pub phase: Phase,
    /// Bytes of a full segment's payload.
    pub mss: u32,
}

/// A path, as the connection knows it.
#[derive(Clone, Copy, Debug)]
pub struct Path {
    /// The present moment.
    pub now: Time,
    /// The next byte to send.
    pub nxt: Seq,
    /// The smoothed round trip.
    pub srtt: Option<Span>,
    /// The least round trip.
    pub min_rtt: Option<Span>,
    /// Bytes of a full segment's payload.
    pub mss: u32,
    /// Whether the application, not the path, has limited what was sent.
    pub app_limited: bool,
    /// Whether the window was full at any time in the last round trip.
    pub cwnd_limited: bool,
    /// Whether selective acknowledgements tell of more than one loss in a round trip.
    pub sack: bool,
}

/// Segments that were delivered over an interval (draft-cheng-iccrg-delivery-rate-estimation): the longer of the times in which they were
/// sent and acknowledged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delivery {
    /// Segments.
    pub segments: u64,
    /// Microseconds.
    pub interval_us: u64,
    /// What had been delivered when the last of them was sent.
    pub prior: u64,
    /// Segments that were in flight then, itself included.
    pub in_flight: u32,
    /// Segments found lost since.
    pub lost: u64,
    /// Whether the application had nothing more to send then.
    pub app_limited: bool,
}

/// A segment that was found to be lost.
#[derive(Clone, Copy, Debug)]
pub struct Lost {
    /// The present moment.
    pub now: Time,
    /// Its first byte.
    pub seq: Seq,
    /// The byte behind its last.
    pub end: Seq,
    /// Segments that were in flight when it was sent last, itself included.
    pub in_flight: u32,
    /// Segments found lost since, itself included.
    pub lost: u64,
    /// Whether the application had nothing more to send then.
    pub app_limited: bool,
    /// Segments delivered since the connection began, the SYN included.
    pub delivered: u64,
    /// Whether selective acknowledgements tell of more than one loss in a round trip.
    pub sack: bool,
}

/// A sample of the delivery rate, with what an acknowledgement has changed.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The path.
    pub path: Path,
    /// The delivery; `None` where the acknowledgement measures none.
    pub delivery: Option<Delivery>,
    /// Segments that it newly delivers.
    pub acked: u32,
    /// Segments that it shows to be lost.
    pub losses: u32,
    /// Segments in flight before it.
    pub prior_in_flight: u32,
    /// Segments in flight now.
    pub in_flight: u32,
    /// The round trip that it measures, if any.
    pub rtt: Option<Span>,
    /// Whether it acknowledges a lone short segment, and so may have been delayed.
    pub may_be_delayed: bool,
    /// Segments delivered since the connection began, the SYN included.
    pub delivered: u64,
    /// Segments lost since the connection began.
    pub lost: u64,
    /// How long the next segment still waits for its turn.
    pub wait: Span,
    /// What loss recovery is doing.
    pub phase: Phase,
}

/// What a control believes of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mode {
    /// An index into [`Mode::WORDS`].
    pub word: u8,
    /// Bytes of payload a second that the path carries; 0: it does not say.
    pub bandwidth: u64,
    /// The least round trip, in microseconds; 0: it does not say.
    pub min_rtt_us: u64,
}

impl Mode {
    /// The words of modes in tables; the first one is that of controls without.
    pub const WORDS: &'static [&'static str] = &[
        "paced",
        "startup",
        "drain",
        "probe_bw",
        "probe_rtt",
        "probe_down",
        "probe_cruise",
        "probe_refill",
        "probe_up",
    ];
}
