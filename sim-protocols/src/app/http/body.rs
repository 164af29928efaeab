//! Bodies of zeros.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use hyper::body::{Body, Frame, SizeHint};

use crate::aio::{self, Duration, Sleep};
use crate::app::permits::Asking;

/// What a body is cut into.
const PIECE: &[u8] = &[0; 16 << 10];

/// From the middle of a body that breaks off to its breaking off: what libraries hold back has left by then.
pub(super) const BREAKING: Duration = Duration::from_millis(1);

fn piece(left: u64) -> Bytes {
    Bytes::from_static(&PIECE[..PIECE.len().min(usize::try_from(left).unwrap_or(usize::MAX))])
}

/// A body that breaks off, as its author has given up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body breaks off")
    }
}

impl std::error::Error for BrokenOff {}

/// So many zeros.
#[derive(Default)]
pub(super) struct Zeros {
    left: u64,
    /// Breaks off when so many are left, and then only after a while.
    breaks: Option<u64>,
    breaking: Option<Sleep>,
    /// Begins when a place has been given.
    gate: Option<Asking>,
    /// Whether nobody is told how many there are.
    hidden: bool,
    /// How many have been taken.
    taken: Arc<AtomicU64>,
}

impl Zeros {
    pub fn new(bytes: u64) -> Zeros {
        Zeros { left: bytes, ..Zeros::default() }
    }

    /// Adds to a number as it is taken.
    pub fn counted(self, taken: &Arc<AtomicU64>) -> Zeros {
        Zeros { taken: taken.clone(), ..self }
    }

    /// Does not say how many there are: HTTP/1.1 sends them in chunks, one of each piece (RFC 9112 §7.1).
    pub fn of_unknown_length(self) -> Zeros {
        Zeros { hidden: true, ..self }
    }

    /// Breaks off in its middle.
    pub fn broken(bytes: u64) -> Zeros {
        Zeros { breaks: Some(bytes / 2), ..Zeros::new(bytes) }
    }

    /// Begins when its gate opens.
    pub fn behind(bytes: u64, gate: Asking) -> Zeros {
        Zeros { gate: Some(gate), ..Zeros::new(bytes) }
    }

    /// Whether all has been taken.
    fn is_over(&self) -> bool {
        self.left == 0 && self.breaks.is_none()
    }
}

impl Body for Zeros {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        if let Some(gate) = &mut self.gate {
            if Pin::new(gate).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.gate = None;
        }
        if self.breaks.is_some_and(|breaks| breaks >= self.left) {
            let breaking = self.breaking.get_or_insert_with(|| aio::sleep(BREAKING));
            return Pin::new(breaking).poll(cx).map(|()| Some(Err(BrokenOff)));
        }
        if self.is_over() {
            return Poll::Ready(None);
        }
        let part = piece(self.left - self.breaks.unwrap_or(0));
        self.left -= part.len() as u64;
        self.taken.fetch_add(part.len() as u64, Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over()
    }

    fn size_hint(&self) -> SizeHint {
        if self.hidden { SizeHint::default() } else { SizeHint::with_exact(self.left) }
    }
}

/// Sends so many zeros on a stream of HTTP/2, as its windows allow, and its end where they are all. Where the other end wants no more of them, it
/// ends there.
///
/// # Errors
/// The stream is over.
pub(super) async fn send(
    stream: &mut SendStream<Bytes>,
    bytes: u64,
    all: bool,
    taken: &AtomicU64,
) -> Result<(), h2::Error> {
    let mut left = bytes;
    while left > 0 {
        stream.reserve_capacity(piece(left).len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return Ok(()) };
        let part = piece(left.min(room? as u64));
        left -= part.len() as u64;
        taken.fetch_add(part.len() as u64, Ordering::Relaxed);
        stream.send_data(part, all && left == 0)?;
    }
    Ok(())
}
