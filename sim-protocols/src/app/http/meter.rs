//! What passes on a connection: bytes of HTTP, and in HTTP/2 those of each stream.

use std::collections::BTreeMap;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, ready};

use super::permits::lock;
use crate::aio::{TcpStream, Watch};
use crate::tcp::Counters;

/// Bytes up and down.
pub(super) type UpDown = [u64; 2];

const UP: usize = 0;
const DOWN: usize = 1;
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

#[derive(Default)]
struct Passed {
    all: UpDown,
    frames: Option<[Frames; 2]>,
    streams: BTreeMap<u32, UpDown>,
    /// What TCP had counted when the connection was given up here.
    last: Counters,
}

impl Passed {
    fn pass(&mut self, way: usize, bytes: &[u8]) {
        self.all[way] += bytes.len() as u64;
        let Passed { frames: Some(frames), streams, .. } = self else { return };
        frames[way].take(bytes, &mut |stream, len| streams.entry(stream).or_default()[way] += len);
    }
}

/// A connection, counted.
pub(super) struct Meter {
    passed: Mutex<Passed>,
    watch: Watch,
}

impl Meter {
    /// Puts a counter between a connection and its user.
    pub fn around(stream: TcpStream, by_stream: bool) -> (Arc<Meter>, Metered) {
        let mut passed = Passed::default();
        if by_stream {
            passed.frames = Some([Frames { skip: PREFACE, ..Frames::default() }, Frames::default()]);
        }
        let meter = Arc::new(Meter { passed: Mutex::new(passed), watch: stream.watch() });
        (meter.clone(), Metered { stream, meter })
    }

    /// All bytes of HTTP so far.
    pub fn all(&self) -> UpDown {
        lock(&self.passed).all
    }

    /// Bytes of the frames of a stream, which is then forgotten.
    pub fn take_stream(&self, stream: u32) -> UpDown {
        lock(&self.passed).streams.remove(&stream).unwrap_or_default()
    }

    /// What TCP has counted so far.
    pub fn tcp(&self) -> Counters {
        self.watch.counters().unwrap_or_else(|| lock(&self.passed).last)
    }
}

/// A stream that is counted.
pub(super) struct Metered {
    stream: TcpStream,
    meter: Arc<Meter>,
}

impl Metered {
    fn receive(&self, cx: &mut Context<'_>, room: usize, put: &mut dyn FnMut(&[u8])) -> Poll<io::Result<()>> {
        let payload = ready!(self.stream.poll_recv(cx, room))?;
        let mut bytes = Vec::with_capacity(payload.len() as usize);
        payload.append_to(&mut bytes);
        lock(&self.meter.passed).pass(DOWN, &bytes);
        put(&bytes);
        Poll::Ready(Ok(()))
    }

    fn send(&self, cx: &mut Context<'_>, bufs: &[&[u8]]) -> Poll<io::Result<usize>> {
        let sent = ready!(self.stream.poll_send(cx, bufs))?;
        let mut left = sent;
        let mut passed = lock(&self.meter.passed);
        for buf in bufs {
            let part = buf.len().min(left);
            passed.pass(UP, &buf[..part]);
            left -= part;
        }
        Poll::Ready(Ok(sent))
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        if let Some(counters) = self.meter.watch.counters() {
            lock(&self.meter.passed).last = counters;
        }
    }
}

impl hyper::rt::Read for Metered {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        self.receive(cx, room, &mut |bytes| buf.put_slice(bytes))
    }
}

impl tokio::io::AsyncRead for Metered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut tokio::io::ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        self.receive(cx, room, &mut |bytes| buf.put_slice(bytes))
    }
}

/// Both libraries write by the same calls.
macro_rules! writes {
    ($($name:path)*) => {$(
        impl $name for Metered {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.send(cx, &[buf])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let bufs: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
                self.send(cx, &bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                <TcpStream as $name>::poll_shutdown(Pin::new(&mut self.stream), cx)
            }
        }
    )*};
}

writes! { hyper::rt::Write tokio::io::AsyncWrite }

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
