//! `tcp`: a bulk stream from the client to the server.

use sim_core::{Params, Rate, Size, Span, Time};

use super::values::{self, CloseWhen, Closing, Data, Opening};

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
    pub(super) fn read(params: &mut dyn Params) -> BulkConfig {
        let bytes =
            params.given("bytes").then(|| params.size("bytes", None, "bytes to send; without end when not given"));
        let stop = values::stop(params, "when the sender stops writing and closes");
        let data = Data::read(params, "data", "zeros, or a pattern that the receiver compares");
        let open = Opening::read(params, "open", "who opens: the client, or both ends at the same moment");
        let close =
            Closing::read(params, "close", "who closes first when all is sent; both do it at `stop`; `reset` aborts");
        let close_when =
            CloseWhen::read(params, "close_when", "with the last byte written, or when all bytes are acknowledged");
        let read_rate = params
            .given("read_rate")
            .then(|| params.rate("read_rate", None, "how fast the receiving application reads"));
        let read_pause = params.given("read_pause").then(|| Pause {
            span: params.span("read_pause", None, "for how long the receiving application pauses once"),
            after: params.span("read_pause_after", Some(Span::from_secs(1)), "when it pauses, from the flow's start"),
        });
        BulkConfig { bytes, stop, data, open, close, close_when, read_rate, read_pause }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let ends = self.bytes.is_some() || self.stop.is_some();
        match () {
            _ if self.bytes.is_some_and(|bytes| bytes.bytes() == 0) => {
                Err(("bytes", "a stream of zero bytes sends nothing".into()))
            }
            _ if self.read_rate.is_some_and(|rate| rate.bps() < 8_000) => {
                Err(("read_rate", "a reader slower than 8 kbit/s reads less than a byte a millisecond".into()))
            }
            _ if self.close == Closing::Simultaneous && self.stop.is_none() => {
                Err(("close", "both ends close at `stop`: give one".into()))
            }
            _ if self.close == Closing::Server && self.bytes.is_none() => {
                Err(("close", "the server closes when it has `bytes`: give them".into()))
            }
            _ if !ends && self.close != Closing::Client => {
                Err(("close", "a stream that never ends is never closed: give `bytes` or `stop`".into()))
            }
            _ if !ends && self.close_when != CloseWhen::Written => {
                Err(("close_when", "a stream that never ends is never closed: give `bytes` or `stop`".into()))
            }
            _ => Ok(()),
        }
    }
}
