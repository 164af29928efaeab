//! What libraries see: the traits of `tokio::io`, `futures::io` and `hyper::rt`, on the same streams.

use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use sim_core::Payload;

use super::executor::spawn;
use super::net::{OwnedReadHalf, OwnedWriteHalf, TcpStream};
use super::time::{self, Sleep};

/// Gives a payload's bytes to whoever has a buffer.
fn copy(payload: &Payload, put: &mut dyn FnMut(&[u8])) {
    match payload {
        Payload::Bytes { bytes, start, len } => put(&bytes[*start as usize..(*start + *len) as usize]),
        other => {
            let mut bytes = Vec::with_capacity(other.len() as usize);
            other.append_to(&mut bytes);
            put(&bytes);
        }
    }
}

/// Which stream reads for a type, and which one writes.
trait AsStream {
    fn stream(&self) -> &TcpStream;
}

impl AsStream for TcpStream {
    fn stream(&self) -> &TcpStream {
        self
    }
}

impl AsStream for OwnedReadHalf {
    fn stream(&self) -> &TcpStream {
        &self.0
    }
}

impl AsStream for OwnedWriteHalf {
    fn stream(&self) -> &TcpStream {
        &self.stream
    }
}

macro_rules! reads {
    ($($name:ident)*) => {$(
        impl tokio::io::AsyncRead for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buf: &mut tokio::io::ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let payload = ready!(self.stream().poll_recv(cx, buf.remaining()))?;
                copy(&payload, &mut |bytes| buf.put_slice(bytes));
                Poll::Ready(Ok(()))
            }
        }

        impl futures_io::AsyncRead for $name {
            fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
                let payload = ready!(self.stream().poll_recv(cx, buf.len()))?;
                copy(&payload, &mut |bytes| buf[..bytes.len()].copy_from_slice(bytes));
                Poll::Ready(Ok(payload.len() as usize))
            }
        }

        impl hyper::rt::Read for $name {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buf: hyper::rt::ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let payload = ready!(self.stream().poll_recv(cx, buf.remaining()))?;
                copy(&payload, &mut |bytes| buf.put_slice(bytes));
                Poll::Ready(Ok(()))
            }
        }
    )*};
}

reads! { TcpStream OwnedReadHalf }

fn write_all(stream: &TcpStream, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    let bufs: Vec<&[u8]> = bufs.iter().map(|buf| &**buf).collect();
    stream.poll_send(cx, &bufs)
}

macro_rules! writes {
    ($($name:ident)*) => {$(
        impl tokio::io::AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.stream().poll_send(cx, &[buf])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                write_all(self.stream(), cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.stream().finish_writing())
            }
        }

        impl futures_io::AsyncWrite for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.stream().poll_send(cx, &[buf])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                write_all(self.stream(), cx, bufs)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.stream().finish_writing())
            }
        }

        impl hyper::rt::Write for $name {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
                self.stream().poll_send(cx, &[buf])
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bufs: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                write_all(self.stream(), cx, bufs)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(self.stream().finish_writing())
            }
        }
    )*};
}

writes! { TcpStream OwnedWriteHalf }

/// Runs what `hyper` wants to run beside its connections.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimExecutor;

impl<F> hyper::rt::Executor<F> for SimExecutor
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        drop(spawn(future));
    }
}

/// Simulated time for `hyper`: to be given to every builder that takes a timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimTimer;

impl hyper::rt::Sleep for Sleep {}

impl hyper::rt::Timer for SimTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(time::sleep(duration))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(time::sleep_until(time::time_of(deadline)))
    }

    fn now(&self) -> Instant {
        time::instant()
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: Instant) {
        if let Some(sleep) = sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Pin::into_inner(sleep).reset(time::time_of(deadline));
        }
    }
}
