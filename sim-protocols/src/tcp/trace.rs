//! What a connection tells of itself: a row for each change of its window, with the cause.

use sim_core::{Column, Kind, Rate, Record, Span, Table, Time};

use super::cc::{INFINITE, Mode};

/// What loss recovery is doing (Linux's names).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u8)]
pub enum Phase {
    /// Nothing is suspected.
    #[default]
    Open,
    /// Duplicates or selective acknowledgements have come, fewer than make a loss.
    Disorder,
    /// The window is reduced because of an explicit congestion notification.
    Cwr,
    /// Fast recovery.
    Recovery,
    /// Recovery from a time-out.
    Loss,
}

/// The words of [`Phase`].
const PHASES: &[&str] = &["open", "disorder", "cwr", "recovery", "loss"];

/// Why something changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Cause {
    /// The connection is established.
    Established,
    /// Growth in slow start.
    SlowStart,
    /// Growth in congestion avoidance.
    Avoidance,
    /// Slow start was left before a loss (HyStart).
    SlowStartExit,
    /// A loss was found; fast retransmit.
    FastRetransmit,
    /// Proportional rate reduction.
    Reduction,
    /// Recovery is over.
    Recovered,
    /// A retransmission time-out.
    Timeout,
    /// An explicit congestion notification.
    Ecn,
    /// Restart after idle time.
    Idle,
    /// Something was sent again.
    Retransmission,
    /// What the control believes of the path has changed.
    Model,
    /// The tail was probed.
    Probe,
    /// A reduction proved needless and was undone.
    Undo,
}

/// The words of [`Cause`].
const CAUSES: &[&str] = &[
    "established",
    "slow_start",
    "congestion_avoidance",
    "slow_start_exit",
    "fast_retransmit",
    "rate_reduction",
    "recovered",
    "timeout",
    "ecn",
    "idle_restart",
    "retransmission",
    "model",
    "tail_loss_probe",
    "undo",
];

/// A change of a connection's window or state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Change {
    /// When.
    pub time: Time,
    /// Why.
    pub cause: Cause,
    /// What loss recovery is doing.
    pub phase: Phase,
    /// Congestion window in segments.
    pub cwnd: u32,
    /// Slow-start threshold in segments; [`INFINITE`] before the first loss.
    pub ssthresh: u32,
    /// Segments in flight.
    pub in_flight: u32,
    /// The smoothed round trip.
    pub srtt: Option<Span>,
    /// The retransmission time-out, back-off included.
    pub rto: Span,
    /// Segments sent again so far.
    pub retransmissions: u64,
}

const fn column(name: &'static str, kind: Kind, help: &'static str) -> Column {
    Column { name, kind, help }
}

/// Each change of a connection's window.
pub static TCP: Table = Table {
    name: "tcp",
    help: "each change of a connection's window, with its cause; both ends have a window each",
    columns: &[
        column("flow", Kind::Flow, "the flow"),
        column("node", Kind::Node, "the host whose end of the connection it is"),
        column("connection", Kind::Count, "which of the flow's connections at this host, from 1"),
        column("cwnd_segments", Kind::Count, "congestion window"),
        column("ssthresh_segments", Kind::Count, "slow-start threshold; empty before the first loss"),
        column("in_flight_segments", Kind::Count, "segments believed to be in the network"),
        column("srtt_s", Kind::Time, "smoothed round trip"),
        column("rto_s", Kind::Time, "retransmission time-out, back-off included"),
        column("retransmissions_segments", Kind::Count, "segments sent again so far"),
        column("state", Kind::Word(PHASES), "what loss recovery is doing"),
        column("cause", Kind::Word(CAUSES), "why it changed"),
    ],
};

/// A row of [`TCP`].
#[derive(Clone, Copy, Debug)]
pub struct TcpRow {
    /// The flow word.
    pub flow: u32,
    /// The host.
    pub node: u32,
    /// The connection's number at this host.
    pub connection: u64,
    /// What changed.
    pub change: Change,
}

impl Record for TcpRow {
    const TABLE: &'static Table = &TCP;
    fn values(&self, out: &mut Vec<u64>) {
        let change = &self.change;
        out.extend([
            self.flow.into(),
            self.node.into(),
            self.connection,
            change.cwnd.into(),
            if change.ssthresh >= INFINITE { u64::MAX } else { change.ssthresh.into() },
            change.in_flight.into(),
            change.srtt.map_or(u64::MAX, Span::ps),
            change.rto.ps(),
            change.retransmissions,
            change.phase as u64,
            change.cause as u64,
        ]);
    }
}

/// A change of a paced connection's rate, or of what its control believes of the path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RateChange {
    /// When.
    pub time: Time,
    /// The pacing rate, in bits of payload a second; 0 before there is one.
    pub pacing: Rate,
    /// What the control believes.
    pub mode: Mode,
    /// Congestion window in segments.
    pub cwnd: u32,
}

/// Each change of a pacing rate.
pub static RATES: Table = Table {
    name: "rates",
    help: "each change of a paced connection's rate, with what its control believes of the path",
    columns: &[
        column("flow", Kind::Flow, "the flow"),
        column("node", Kind::Node, "the host whose end of the connection it is"),
        column("connection", Kind::Count, "which of the flow's connections at this host, from 1"),
        column("pacing_bps", Kind::Rate, "pacing rate, of payload; 0 before there is one"),
        column("bandwidth_bps", Kind::Rate, "what the path carries, of payload; 0 where the control does not say"),
        column("min_rtt_s", Kind::Time, "least round trip; empty where the control does not say"),
        column("cwnd_segments", Kind::Count, "congestion window"),
        column("mode", Kind::Word(Mode::WORDS), "what the control is doing"),
    ],
};

/// A row of [`RATES`].
#[derive(Clone, Copy, Debug)]
pub struct RateRow {
    /// The flow word.
    pub flow: u32,
    /// The host.
    pub node: u32,
    /// The connection's number at this host.
    pub connection: u64,
    /// What changed.
    pub change: RateChange,
}

impl Record for RateRow {
    const TABLE: &'static Table = &RATES;
    fn values(&self, out: &mut Vec<u64>) {
        let RateChange { pacing, mode, cwnd, .. } = self.change;
        let min_rtt = if mode.min_rtt_us == 0 { u64::MAX } else { Span::from_us(mode.min_rtt_us).ps() };
        out.extend([self.flow.into(), self.node.into(), self.connection, pacing.bps()]);
        out.extend([mode.bandwidth.saturating_mul(8), min_rtt, cwnd.into(), mode.word.into()]);
    }
}
