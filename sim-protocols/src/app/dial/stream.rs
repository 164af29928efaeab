//! A connection as a stream, for whatever library: plain or TLS, and counted.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Fault;
use super::meter::{DOWN, Meter, Secured, UP};
use crate::aio::TcpStream;
use crate::aio::tls::TlsStream;
use crate::aio::tls::rustls::HandshakeKind;

/// The most bytes that one record takes (RFC 8446 §5.1).
const RECORD: usize = 1 << 14;

/// A connection of an application.
pub(crate) struct Stream {
    inner: Inner,
    meter: Arc<Meter>,
    /// Whether it is known how it is protected.
    settled: bool,
    /// Whether data may have left or come with the first messages.
    early: bool,
}

enum Inner {
    Plain(TcpStream),
    Tls(Box<TlsStream<Wire>>),
}

impl Stream {
    pub(super) fn plain(tcp: TcpStream, meter: &Arc<Meter>) -> Stream {
        Stream { inner: Inner::Plain(tcp), meter: meter.clone(), settled: true, early: false }
    }

    pub(super) fn secure(tls: TlsStream<Wire>, meter: &Arc<Meter>, early: bool) -> Stream {
        let mut stream = Stream { inner: Inner::Tls(Box::new(tls)), meter: meter.clone(), settled: false, early };
        stream.settle();
        stream
    }

    /// Notes how the connection is protected, once the handshake is over.
    fn settle(&mut self) {
        let Inner::Tls(tls) = &self.inner else { return };
        if self.settled || tls.is_handshaking() {
            return;
        }
        self.settled = true;
        self.meter.secure(match tls.kind() {
            Some(HandshakeKind::Resumed) if self.early && tls.early_data_accepted() => Secured::Early,
            Some(HandshakeKind::Resumed) => Secured::Resumed,
            _ => Secured::Full,
        });
    }

    /// Notes what TLS finds wrong: libraries keep the kind of an error and forget the rest.
    fn noted<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        self.settle();
        if let Err(error) = &result
            && matches!(self.inner, Inner::Tls(_))
        {
            self.meter.failed(Fault::from(error));
        }
        result
    }

    /// What it counts.
    pub fn meter(&self) -> &Arc<Meter> {
        &self.meter
    }

    fn receive(&mut self, cx: &mut Context<'_>, room: usize, put: &mut dyn FnMut(&[u8])) -> Poll<io::Result<()>> {
        let bytes = match &mut self.inner {
            Inner::Plain(tcp) => {
                let payload = ready!(tcp.poll_recv(cx, room))?;
                let mut bytes = Vec::with_capacity(payload.len() as usize);
                payload.append_to(&mut bytes);
                bytes
            }
            Inner::Tls(tls) => {
                let mut bytes = vec![0; room.min(RECORD)];
                let mut buf = ReadBuf::new(&mut bytes);
                let read = ready!(Pin::new(&mut **tls).poll_read(cx, &mut buf));
                let count = buf.filled().len();
                self.noted(read)?;
                bytes.truncate(count);
                bytes
            }
        };
        self.meter.pass(DOWN, &bytes);
        put(&bytes);
        Poll::Ready(Ok(()))
    }

    fn send(&mut self, cx: &mut Context<'_>, bufs: &[&[u8]]) -> Poll<io::Result<usize>> {
        let sent = match &mut self.inner {
            Inner::Plain(tcp) => ready!(tcp.poll_send(cx, bufs))?,
            Inner::Tls(tls) => {
                // What is written together is sealed together, as rustls's own vectored writing does.
                let mut record = Vec::new();
                let bytes = match bufs {
                    [one] => *one,
                    many => {
                        many.iter()
                            .for_each(|buf| record.extend_from_slice(&buf[..buf.len().min(RECORD - record.len())]));
                        &record
                    }
                };
                let sent = ready!(Pin::new(&mut **tls).poll_write(cx, bytes));
                self.noted(sent)?
            }
        };
        let mut left = sent;
        for buf in bufs {
            let part = buf.len().min(left);
            self.meter.pass(UP, &buf[..part]);
            left -= part;
        }
        Poll::Ready(Ok(sent))
    }

    fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(_) => Poll::Ready(Ok(())),
            Inner::Tls(tls) => {
                let flushed = ready!(AsyncWrite::poll_flush(Pin::new(&mut **tls), cx));
                Poll::Ready(self.noted(flushed))
            }
        }
    }

    fn shut(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(tcp) => AsyncWrite::poll_shutdown(Pin::new(tcp), cx),
            Inner::Tls(tls) => AsyncWrite::poll_shutdown(Pin::new(&mut **tls), cx),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.meter.keep();
    }
}

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        self.receive(cx, room, &mut |bytes| buf.put_slice(bytes))
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let room = buf.remaining();
        self.receive(cx, room, &mut |bytes| buf.put_slice(bytes))
    }
}

/// All libraries write by the same calls.
macro_rules! writes {
    ($($name:path)*) => {$(
        impl $name for Stream {
            fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.send(cx, &[buf])
            }

            fn poll_write_vectored(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let bufs: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
                self.send(cx, &bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.flush(cx)
            }

            fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.shut(cx)
            }
        }
    )*};
}

writes! { hyper::rt::Write AsyncWrite }

/// TCP below TLS, counted.
pub(crate) struct Wire {
    tcp: TcpStream,
    meter: Arc<Meter>,
}

impl Wire {
    pub(super) fn new(tcp: TcpStream, meter: &Arc<Meter>) -> Wire {
        Wire { tcp, meter: meter.clone() }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.meter.keep();
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let payload = ready!(self.tcp.poll_recv(cx, buf.remaining()))?;
        let mut bytes = Vec::with_capacity(payload.len() as usize);
        payload.append_to(&mut bytes);
        self.meter.pass_below(DOWN, bytes.len() as u64);
        buf.put_slice(&bytes);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let sent = ready!(self.tcp.poll_send(cx, &[buf]))?;
        self.meter.pass_below(UP, sent as u64);
        Poll::Ready(Ok(sent))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let bufs: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
        let sent = ready!(self.tcp.poll_send(cx, &bufs))?;
        self.meter.pass_below(UP, sent as u64);
        Poll::Ready(Ok(sent))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        AsyncWrite::poll_shutdown(Pin::new(&mut self.tcp), cx)
    }
}
