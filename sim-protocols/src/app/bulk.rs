//! `tcp`: a bulk stream from the client to the server.

use sim_core::{Rate, Size, Span, Time};

use super::values::{CloseWhen, Closing, Data, Opening};

/// Parameters of a bulk stream.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct BulkConfig {
    /// Bytes to send. Default: without end (until [`BulkConfig::stop`] or the end of the simulation).
    pub bytes: Option<Size>,
    /// When the sender stops writing and closes, sent or not. Default: never.
    pub stop: Option<Time>,
    /// What the bytes are. Default: zeros.
    pub data: Data,
    /// Who opens. Default: the client.
    pub open: Opening,
    /// Who closes first, once all bytes are there. Default: the client.
    pub close: Closing,
    /// When the client closes, where it closes first. Default: as soon as everything is written.
    pub close_when: CloseWhen,
    /// The rate at which the receiving application reads, in reads of one millisecond's worth. Default: at once, all there is.
    pub read_rate: Option<Rate>,
    /// A pause of the receiving application: the window closes, and opens again. Default: none.
    pub read_pause: Option<Pause>,
}

/// The receiver stops reading for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Pause {
    /// When it stops, counted from the flow's start.
    pub after: Span,
    /// For how long.
    pub span: Span,
}

impl BulkConfig {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.bytes.is_some_and(|bytes| bytes.bytes() == 0) {
            return Err("a stream of zero bytes sends nothing".into());
        }
        if self.read_rate.is_some_and(|rate| rate.bps() < 8_000) {
            return Err("a reader slower than 8 kbit/s reads less than a byte a millisecond".into());
        }
        let ends = self.bytes.is_some() || self.stop.is_some();
        if !ends && (self.close != Closing::Client || self.close_when != CloseWhen::Written) {
            return Err("a stream that never ends is never closed: give `bytes` or `stop`".into());
        }
        if self.close == Closing::Simultaneous && self.stop.is_none() {
            return Err("both ends close at `stop`: give one".into());
        }
        if self.close == Closing::Server && self.bytes.is_none() {
            return Err("the server closes when it has `bytes`: give them".into());
        }
        Ok(())
    }
}
