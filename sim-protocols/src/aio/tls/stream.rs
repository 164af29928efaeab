//! A connection of TLS as a stream: rustls between plain bytes and a stream below, and the price of its work in virtual time.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rustls::{Connection, Error, HandshakeKind, InvalidMessage, ProtocolVersion};
use sim_core::Time;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::cost::{self, Costs, RECORD_MAX, Records, Work};
use super::error::TlsError;
use crate::aio::{Sleep, now, sleep_until};

/// A connection of TLS over any stream, of a client or of a server.
///
/// What comes is handed on when the processor has opened it; what is written waits until it is sealed, and leaves then. Shutting it down sends
/// `close_notify`; a stream below that ends without one is an error ([`TlsError::Truncated`]). Errors are [`TlsError`]s inside of [`io::Error`]s.
pub struct TlsStream<IO> {
    io: IO,
    tls: Connection,
    costs: Costs,
    /// Ciphertext, of which rustls has taken the first so many bytes.
    incoming: Vec<u8>,
    taken: usize,
    records: Records,
    /// Data that came before the handshake was over.
    early: Vec<u8>,
    /// What a client has sent before the handshake was over, until it knows whether the server has accepted it.
    offered: Option<Vec<u8>>,
    /// When the work is done for what has come.
    opened: Time,
    /// How many bytes the processor is sealing, and when it is done.
    sealing: Option<(usize, Time)>,
    reader: Option<Sleep>,
    writer: Option<Sleep>,
    closing: bool,
    failed: Option<rustls::Error>,
}

impl<IO> TlsStream<IO> {
    pub(super) fn new(tls: Connection, io: IO, costs: Costs, work: &Work) -> TlsStream<IO> {
        TlsStream {
            io,
            tls,
            costs,
            incoming: Vec::new(),
            taken: 0,
            records: Records::default(),
            early: Vec::new(),
            offered: None,
            opened: cost::charge(&costs, work),
            sealing: None,
            reader: None,
            writer: None,
            closing: false,
            failed: None,
        }
    }

    /// The application protocol that both sides have agreed on (RFC 7301).
    pub fn alpn(&self) -> Option<&[u8]> {
        self.tls.alpn_protocol()
    }

    /// The version that they have agreed on.
    pub fn version(&self) -> Option<ProtocolVersion> {
        self.tls.protocol_version()
    }

    /// Whether the handshake was a full one or has resumed a session.
    pub fn kind(&self) -> Option<HandshakeKind> {
        self.tls.handshake_kind()
    }

    /// The name that the client has asked a server for.
    pub fn server_name(&self) -> Option<&str> {
        match &self.tls {
            Connection::Client(_) => None,
            Connection::Server(server) => server.server_name(),
        }
    }

    /// What rustls knows of the connection besides.
    pub fn connection(&self) -> &Connection {
        &self.tls
    }

    /// The stream below.
    pub fn get_ref(&self) -> &IO {
        &self.io
    }

    /// Whether the handshake is still to come, or under way.
    pub fn is_handshaking(&self) -> bool {
        self.tls.is_handshaking()
    }

    /// What is written leaves with the first message from now on.
    pub(super) fn offer(&mut self) {
        self.offered = Some(Vec::new());
    }

    /// Whether the server has accepted what was sent before the handshake was over.
    pub fn early_data_accepted(&self) -> bool {
        matches!(&self.tls, Connection::Client(client) if client.is_early_data_accepted())
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> TlsStream<IO> {
    pub(super) async fn handshake(&mut self) -> Result<(), TlsError> {
        poll_fn(|cx| self.poll_handshake(cx)).await
    }

    fn poll_handshake(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), TlsError>> {
        loop {
            ready!(poll_until(&mut self.reader, self.opened, cx));
            let sent = ready!(self.poll_send(cx));
            // The alert that tells the other side has left now; why it was sent matters more than whether it has arrived.
            if let Some(error) = &self.failed {
                let first = self.tls.protocol_version().is_none();
                return Poll::Ready(Err(match error {
                    // RFC 8446 §5.1: a record begins with one of a few types, which no letter is.
                    Error::InvalidMessage(InvalidMessage::InvalidContentType) if first => TlsError::NotTls,
                    other => other.clone().into(),
                }));
            }
            sent?;
            if !self.tls.is_handshaking() || !self.early.is_empty() {
                return Poll::Ready(Ok(()));
            }
            if !ready!(self.poll_open(cx))? {
                return Poll::Ready(Err(TlsError::Truncated));
            }
        }
    }

    /// Takes some ciphertext from the stream below and lets rustls open it; not true at its end.
    fn poll_open(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if self.taken == self.incoming.len() {
            self.incoming.resize(RECORD_MAX, 0);
            self.taken = RECORD_MAX;
            let mut buf = ReadBuf::new(&mut self.incoming);
            ready!(Pin::new(&mut self.io).poll_read(cx, &mut buf))?;
            let filled = buf.filled().len();
            self.incoming.truncate(filled);
            self.taken = 0;
        }
        let left = &self.incoming[self.taken..];
        let (opened, mut work) = cost::measure(|| {
            let taken = self.tls.read_tls(&mut &*left)?;
            io::Result::Ok((taken, self.tls.process_new_packets()))
        });
        let (taken, result) = opened?;
        let seen = self.records.count(&left[..taken]);
        (work.records, work.bytes) = (seen.records, seen.bytes);
        // RFC 8446 §6.1: "Any data received after a closure alert has been received MUST be ignored".
        let over = taken == 0;
        self.taken = if over { self.incoming.len() } else { self.taken + taken };
        self.opened = cost::charge(&self.costs, &work);
        self.failed = result.err();
        self.send_again()?;
        if let Connection::Server(server) = &mut self.tls
            && let Some(mut early) = server.early_data()
        {
            early.read_to_end(&mut self.early)?;
        }
        Poll::Ready(Ok(!over))
    }

    /// RFC 8446 §4.2.10: what a server has not accepted early is sent again once the handshake is over.
    fn send_again(&mut self) -> io::Result<()> {
        if !self.tls.is_handshaking()
            && let Some(offered) = self.offered.take()
            && !self.early_data_accepted()
        {
            self.tls.writer().write_all(&offered)?;
        }
        Ok(())
    }

    /// Writes before the handshake is over; nothing once the server's limit for that is reached.
    fn write_early(&mut self, buf: &[u8]) -> io::Result<usize> {
        let (Connection::Client(client), Some(offered)) = (&mut self.tls, &mut self.offered) else { return Ok(0) };
        let Some(mut writer) = client.early_data() else { return Ok(0) };
        let count = writer.write(buf)?;
        offered.extend_from_slice(&buf[..count]);
        Ok(count)
    }

    /// Sends what rustls has ready.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.tls.wants_write() {
            let mut below = Below { io: &mut self.io, cx };
            match self.tls.write_tls(&mut below) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(_) => (),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_plain(&mut self, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(poll_until(&mut self.reader, self.opened, cx));
            // Answers of the protocol itself, alerts among them, must not wait for somebody who writes.
            let sent = self.poll_send(cx);
            if !self.early.is_empty() {
                let count = buf.len().min(self.early.len());
                buf[..count].copy_from_slice(&self.early[..count]);
                self.early.drain(..count);
                return Poll::Ready(Ok(count));
            }
            match self.tls.reader().read(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => (),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                    return Poll::Ready(Err(TlsError::Truncated.into()));
                }
                other => return Poll::Ready(other),
            }
            if let Some(error) = &self.failed {
                return Poll::Ready(Err(TlsError::from(error.clone()).into()));
            }
            if let Poll::Ready(Err(error)) = sent {
                return Poll::Ready(Err(error));
            }
            ready!(self.poll_open(cx))?;
        }
    }

    fn poll_seal(&mut self, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if let Some(error) = &self.failed {
            return Poll::Ready(Err(TlsError::from(error.clone()).into()));
        }
        if buf.is_empty() {
            return Poll::Ready(Ok(0));
        }
        // What is paid for is a number of bytes, not these bytes: a writer that gives up has lost time and nothing else.
        let (paid, until) = *self.sealing.get_or_insert_with(|| {
            let bytes = buf.len().min(RECORD_MAX);
            let work = Work { records: 1, bytes: bytes as u64, ..Work::default() };
            (bytes, cost::charge(&self.costs, &work))
        });
        ready!(poll_until(&mut self.writer, until, cx));
        ready!(self.poll_send(cx))?;
        let buf = &buf[..buf.len().min(paid)];
        let mut count = self.write_early(buf)?;
        if count == 0 {
            if self.offered.is_some() {
                ready!(self.poll_handshake(cx))?;
            }
            count = self.tls.writer().write(buf)?;
        }
        self.sealing = None;
        match self.poll_send(cx) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(count)),
        }
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A server that has answered early data may be done before it has the client's Finished. It waits for it: what comes behind a close would
        // reset the connection, with the answer still on its way. A stream that fails is closed all the same.
        while self.failed.is_none() && !self.closing && self.tls.is_handshaking() && self.offered.is_none() {
            ready!(poll_until(&mut self.reader, self.opened, cx));
            ready!(self.poll_send(cx))?;
            if !ready!(self.poll_open(cx)).unwrap_or(false) {
                break;
            }
        }
        // RFC 8446 §6.1: "Each party MUST send a "close_notify" alert before closing its write side of the connection".
        if !std::mem::replace(&mut self.closing, true) {
            self.tls.send_close_notify();
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}

/// Waits until the processor is done.
fn poll_until(sleep: &mut Option<Sleep>, until: Time, cx: &mut Context<'_>) -> Poll<()> {
    if now() >= until {
        *sleep = None;
        return Poll::Ready(());
    }
    let sleep = sleep.get_or_insert_with(|| sleep_until(until));
    if sleep.deadline() != until {
        sleep.reset(until);
    }
    Pin::new(sleep).poll(cx)
}

/// The stream below for rustls, which writes without a future.
struct Below<'a, 'b, IO> {
    io: &'a mut IO,
    cx: &'a mut Context<'b>,
}

impl<IO: AsyncWrite + Unpin> Below<'_, '_, IO> {
    fn written(poll: Poll<io::Result<usize>>) -> io::Result<usize> {
        match poll {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl<IO: AsyncWrite + Unpin> Write for Below<'_, '_, IO> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Self::written(Pin::new(&mut *self.io).poll_write(self.cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::written(Pin::new(&mut *self.io).poll_write_vectored(self.cx, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<IO> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let count = ready!(self.get_mut().poll_plain(cx, buf.initialize_unfilled()))?;
        buf.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> hyper::rt::Read for TlsStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let mut bytes = vec![0; buf.remaining().min(RECORD_MAX)];
        let count = ready!(self.get_mut().poll_plain(cx, &mut bytes))?;
        buf.put_slice(&bytes[..count]);
        Poll::Ready(Ok(()))
    }
}

macro_rules! writes {
    ($($write:path),*) => {$(
        impl<IO: AsyncRead + AsyncWrite + Unpin> $write for TlsStream<IO> {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.get_mut().poll_seal(cx, buf)
            }

            fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let stream = self.get_mut();
                ready!(stream.poll_send(cx))?;
                AsyncWrite::poll_flush(Pin::new(&mut stream.io), cx)
            }

            fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.get_mut().poll_close(cx)
            }
        }
    )*};
}

writes! { AsyncWrite, hyper::rt::Write }

impl<IO: fmt::Debug> fmt::Debug for TlsStream<IO> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TlsStream({:?}, {:?})", self.version(), self.io)
    }
}
