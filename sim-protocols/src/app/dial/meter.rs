//! What passes on a connection: bytes of the application, of HTTP/2 those of each stream, and bytes of TLS.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use sim_core::Span;

use super::{Fault, lock};
use crate::aio::{TcpStream, Watch};
use crate::tcp::{Counters, State};

/// Bytes up and down: written and read, as its own side sees it.
pub(crate) type UpDown = [u64; 2];

pub(super) const UP: usize = 0;
pub(super) const DOWN: usize = 1;
/// RFC 9113 §3.4: what a client begins with.
const PREFACE: u64 = 24;
/// RFC 9113 §4.1.
const FRAME_HEADER: usize = 9;

/// One direction of a connection of HTTP/2, cut into frames.
#[derive(Default)]
struct Frames {
    header: [u8; FRAME_HEADER],
    have: usize,
    /// What is left of something that is no header.
    skip: u64,
}

impl Frames {
    /// Takes what has passed, and says of each frame that begins in it which stream it belongs to and how long it is.
    fn take(&mut self, mut bytes: &[u8], say: &mut dyn FnMut(u32, u64)) {
        while !bytes.is_empty() {
            if self.skip > 0 {
                let part = bytes.len().min(usize::try_from(self.skip).unwrap_or(usize::MAX));
                self.skip -= part as u64;
                bytes = &bytes[part..];
                continue;
            }
            self.header[self.have] = bytes[0];
            self.have += 1;
            bytes = &bytes[1..];
            if self.have == FRAME_HEADER {
                let [a, b, c, _, _, w, x, y, z] = self.header;
                self.skip = u64::from(u32::from_be_bytes([0, a, b, c]));
                self.have = 0;
                say(u32::from_be_bytes([w, x, y, z]) & 0x7fff_ffff, self.skip + FRAME_HEADER as u64);
            }
        }
    }
}

/// How a connection is protected. Its number is that of its word in columns `tls` ([`Secured::WORDS`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub(crate) enum Secured {
    /// It is not.
    #[default]
    None,
    /// After a full handshake.
    Full,
    /// After a short one that has resumed a session.
    Resumed,
    /// The same, and the server has accepted data before it was over (0-RTT).
    Early,
}

impl Secured {
    pub const WORDS: &'static [&'static str] = &["none", "full", "resumed", "early"];
}

#[derive(Default)]
struct Passed {
    app: UpDown,
    /// What of it, and around it, went to TCP and came from there; nothing without TLS.
    wire: UpDown,
    frames: Option<[Frames; 2]>,
    streams: BTreeMap<u32, UpDown>,
    secured: Secured,
    fault: Option<Fault>,
    /// What TCP had counted when the connection was given up here.
    last: Counters,
    /// How long the server had worked on answers of which nobody had asked that.
    served: BTreeMap<u32, Span>,
    /// The least round trip that was known then.
    round_trip: Option<Span>,
}

/// A connection, counted.
pub(crate) struct Meter {
    passed: Mutex<Passed>,
    /// Calls that were written on it one after the other.
    calls: AtomicU64,
    /// Its address and port at this side.
    pub local: SocketAddr,
    watch: Watch,
}

impl Meter {
    pub(super) fn new(tcp: &TcpStream) -> Arc<Meter> {
        let local = tcp.local_addr().unwrap_or_else(|_| (Ipv4Addr::UNSPECIFIED, 0).into());
        Arc::new(Meter { passed: Mutex::default(), calls: AtomicU64::new(0), local, watch: tcp.watch() })
    }

    /// Counts the streams of HTTP/2 from now on: `client` begins with the preface.
    pub fn count_streams(&self, client: bool) {
        let first = |begins: bool| Frames { skip: if begins { PREFACE } else { 0 }, ..Frames::default() };
        lock(&self.passed).frames = Some([first(client), first(!client)]);
    }

    /// All bytes of the application so far.
    pub fn all(&self) -> UpDown {
        lock(&self.passed).app
    }

    /// All bytes of TLS so far that were not the application's: the handshake, and what stands around data in records. What waits in TLS to be
    /// sealed counts less until it has left.
    pub fn overhead(&self) -> UpDown {
        let passed = lock(&self.passed);
        [UP, DOWN].map(|way| passed.wire[way].saturating_sub(passed.app[way]))
    }

    /// Bytes of the frames of a stream, which is then forgotten.
    pub fn take_stream(&self, stream: u32) -> UpDown {
        lock(&self.passed).streams.remove(&stream).unwrap_or_default()
    }

    /// What TCP has counted so far.
    pub fn tcp(&self) -> Counters {
        self.watch.counters().unwrap_or_else(|| lock(&self.passed).last)
    }

    /// The number of the next call on it, from 1, where it has no streams with numbers of their own.
    pub fn next_call(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Whether neither side has closed it.
    pub fn is_open(&self) -> bool {
        self.watch.state() == Some(State::Established)
    }

    /// A server's: what is written next is an answer on which it has worked for so long. Answers side by side have numbers that both ends know, of
    /// HTTP/2 those of their streams; 0 is that of one at a time.
    pub fn begin_answer(&self, number: u32, worked: Span) {
        self.watch.begin_answer(number, worked);
    }

    /// How long the server has worked on an answer, as it says itself.
    pub fn take_served(&self, number: u32) -> Option<Span> {
        self.watch.take_served(number).or_else(|| lock(&self.passed).served.remove(&number))
    }

    /// The least round trip to the server that is known at this host.
    pub fn round_trip(&self) -> Option<Span> {
        self.watch.least_round_trip().or_else(|| lock(&self.passed).round_trip)
    }

    /// How it is protected, as far as that is known.
    pub fn secured(&self) -> Secured {
        lock(&self.passed).secured
    }

    /// What TLS found wrong, in place of what the protocol above makes of it.
    pub fn fault(&self) -> Option<Fault> {
        lock(&self.passed).fault
    }

    pub(super) fn pass(&self, way: usize, bytes: &[u8]) {
        let mut passed = lock(&self.passed);
        passed.app[way] += bytes.len() as u64;
        let Passed { frames: Some(frames), streams, .. } = &mut *passed else { return };
        frames[way].take(bytes, &mut |stream, len| streams.entry(stream).or_default()[way] += len);
    }

    pub(super) fn pass_below(&self, way: usize, bytes: u64) {
        lock(&self.passed).wire[way] += bytes;
    }

    pub(super) fn secure(&self, secured: Secured) {
        lock(&self.passed).secured = secured;
    }

    pub(super) fn failed(&self, fault: Fault) {
        lock(&self.passed).fault.get_or_insert(fault);
    }

    /// The connection is about to be given up.
    pub(super) fn keep(&self) {
        if let Some(counters) = self.watch.counters() {
            let (served, round_trip) = (self.watch.all_served(), self.watch.least_round_trip());
            let mut passed = lock(&self.passed);
            (passed.last, passed.served, passed.round_trip) = (counters, served, round_trip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_found_however_they_are_cut() {
        // The preface, SETTINGS with 6 bytes, HEADERS of stream 1 with 3, DATA of stream 3 with none.
        let mut bytes = vec![b'P'; 24];
        bytes.extend([0, 0, 6, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6]);
        bytes.extend([0, 0, 3, 1, 4, 0, 0, 0, 1, 9, 9, 9]);
        bytes.extend([0, 0, 0, 0, 1, 0x80, 0, 0, 3]);
        for size in 1..=bytes.len() {
            let mut frames = Frames { skip: PREFACE, ..Frames::default() };
            let mut found = Vec::new();
            for part in bytes.chunks(size) {
                frames.take(part, &mut |stream, len| found.push((stream, len)));
            }
            assert_eq!(found, [(0, 15), (1, 12), (3, 9)], "cut into pieces of {size}");
        }
    }
}
