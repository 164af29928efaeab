//! How long a server of HTTP waits for a client that says nothing: between requests, and in the middle of one.
//!
//! | what the server waits for | how long | then |
//! | --- | --- | --- |
//! | the handshake of TLS, the preface of HTTP/2 | `request_timeout` | the connection is closed |
//! | the first request of a connection of HTTP/1.1 | `request_timeout` | the connection is closed |
//! | the rest of a request's head, HTTP/1.1 | `request_timeout` from its first byte | 408, and the connection is closed |
//! | more of a request's body | `request_timeout` | 408; the connection of HTTP/1.1 is closed |
//! | the next request | `keepalive_timeout` | closed; HTTP/2: GOAWAY, and closed |
//!
//! A client that takes nothing of an answer for `keepalive_timeout`, once all of it is written, is given up in the same way. While the server works
//! on an answer, it waits for as long as that takes.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::{Connection as Two, SendResponse};
use http::Request;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1::Connection as One;
use hyper::service::HttpService;
use sim_core::{Params, Span, Time};
use tokio::io::AsyncWriteExt;

use super::answers;
use super::dial::{Meter, Stream, UpDown, lock};
use crate::aio::{self, Duration, Sleep};

/// A server's patience.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Timeouts {
    /// From an answer to the next request. Default: 75 s, as nginx (`keepalive_timeout`).
    pub keepalive: Span,
    /// For a handshake, for all of a request's head, and for each next part of its body. Default: 60 s, as nginx (`client_header_timeout`,
    /// `client_body_timeout`, `ssl_handshake_timeout`).
    pub request: Span,
}

impl Default for Timeouts {
    fn default() -> Timeouts {
        Timeouts { keepalive: Span::from_secs(75), request: Span::from_secs(60) }
    }
}

impl Timeouts {
    /// Asks for both.
    pub(crate) fn read(params: &mut dyn Params) -> Timeouts {
        Timeouts { keepalive: Timeouts::read_keepalive(params), request: Timeouts::read_request(params) }
    }

    /// Asks for the one between requests.
    pub(crate) fn read_keepalive(params: &mut dyn Params) -> Span {
        let help =
            "how long the server keeps a connection without a request; then it closes it, with HTTP/2 after GOAWAY";
        positive(params, "keepalive_timeout", Timeouts::default().keepalive, help)
    }

    /// Asks for the one in the middle of a request.
    pub(crate) fn read_request(params: &mut dyn Params) -> Span {
        let help = "how long the server waits for a handshake, for all of a head, and for more of a body; beyond: 408, and it closes";
        positive(params, "request_timeout", Timeouts::default().request, help)
    }

    /// What comes within the time for requests; nothing if it does not.
    pub(crate) async fn within<T>(self, future: impl Future<Output = T>) -> Option<T> {
        aio::timeout(Duration::from_nanos(self.request.ps().div_ceil(1000)), future).await.ok()
    }
}

fn positive(params: &mut dyn Params, key: &'static str, default: Span, help: &'static str) -> Span {
    let span = params.span(key, Some(default), help);
    if span == Span::ZERO {
        params.refuse(key, "no client could be in time".into());
    }
    span
}

/// The requests that a connection has at the server.
#[derive(Clone, Default)]
pub(crate) struct Requests(Arc<Mutex<Count>>);

#[derive(Default)]
struct Count {
    now: u64,
    ever: u64,
    /// The connection, which waits for the next one when none is left.
    waker: Option<Waker>,
}

/// A request, from its head to the end of its answer.
pub(crate) struct Working(Requests);

impl Requests {
    /// There is one more.
    pub fn begin(&self) -> Working {
        let mut count = lock(&self.0);
        (count.now, count.ever) = (count.now + 1, count.ever + 1);
        drop(count);
        Working(self.clone())
    }
}

impl Drop for Working {
    fn drop(&mut self) {
        let mut count = lock(&self.0.0);
        count.now -= 1;
        let waker = if count.now == 0 { count.waker.take() } else { None };
        drop(count);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// An answer's body, whose end is the end of its request.
pub(crate) struct Held<B> {
    body: B,
    _working: Working,
}

impl<B> Held<B> {
    pub fn new(body: B, working: Working) -> Held<B> {
        Held { body, _working: working }
    }
}

impl<B: Body + Unpin> Body for Held<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What was not worth waiting for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Missing {
    Request,
    RestOfHead,
}

/// Looks after the time of one connection.
pub(crate) struct Watch {
    timeouts: Timeouts,
    requests: Requests,
    meter: Arc<Meter>,
    /// Requests and bytes that were there when it last looked.
    seen: (u64, UpDown),
    /// Since when nothing has happened.
    since: Time,
    /// When the first byte of a head has come whose last one has not.
    head: Option<Time>,
    /// Whether a byte says that a head has begun: HTTP/2 has other things to say.
    heads: bool,
    /// It rings when the time may be over.
    alarm: Sleep,
    /// HTTP/2: until when the client may take leave.
    leaving: Option<Sleep>,
}

impl Watch {
    /// One of a connection of HTTP/1.1.
    pub fn one(timeouts: Timeouts, requests: &Requests, stream: &Stream) -> Watch {
        let (now, meter) = (aio::now(), stream.meter().clone());
        Watch {
            timeouts,
            requests: requests.clone(),
            seen: (0, meter.all()),
            meter,
            since: now,
            head: None,
            heads: true,
            alarm: aio::sleep_until(now + timeouts.request.min(timeouts.keepalive)),
            leaving: None,
        }
    }

    /// One of a connection of HTTP/2.
    pub fn two(timeouts: Timeouts, requests: &Requests, stream: &Stream) -> Watch {
        Watch { heads: false, ..Watch::one(timeouts, requests, stream) }
    }

    /// Looks after the connection has done what it can do; ready when it has waited for long enough.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Missing> {
        loop {
            let (now, passed) = (aio::now(), self.meter.all());
            let (at_work, ever) = {
                let mut count = lock(&self.requests.0);
                count.waker = Some(cx.waker().clone());
                (count.now > 0, count.ever)
            };
            let ([up, down], [seen_up, seen_down]) = (passed, self.seen.1);
            if at_work || ever != self.seen.0 || up != seen_up {
                (self.since, self.head) = (now, None);
            } else if self.heads && down != seen_down {
                self.head.get_or_insert(now);
            }
            self.seen = (ever, passed);
            if at_work {
                // Its end wakes the connection.
                self.seen.0 = u64::MAX;
                return Poll::Pending;
            }
            let (from, limit, missing) = match self.head {
                Some(begun) => (begun, self.timeouts.request, Missing::RestOfHead),
                // nginx does not distinguish the first head's beginning from its rest.
                None if self.heads && ever == 0 => (self.since, self.timeouts.request, Missing::Request),
                None => (self.since, self.timeouts.keepalive, Missing::Request),
            };
            let due = from.saturating_add(limit);
            if now >= due {
                return Poll::Ready(missing);
            }
            // An alarm that rings too early is set anew, so that requests in a row do not each set one.
            if due < self.alarm.deadline() || now >= self.alarm.deadline() {
                self.alarm.reset(due);
            }
            if Pin::new(&mut self.alarm).poll(cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

/// Serves a connection of HTTP/1.1 for as long as its client has something to say.
pub(crate) async fn serve<S, B>(mut connection: One<Stream, S>, mut watch: Watch)
where
    S: HttpService<Incoming, ResBody = B>,
    S::Error: Into<Box<dyn Error + Send + Sync>>,
    B: Body + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let missing = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
        // Who breaks the protocol, or goes away, is gone.
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => watch.poll(cx).map(Some),
    })
    .await;
    let Some(missing) = missing else { return };
    let mut stream = connection.into_parts().io;
    let leave = async {
        if missing == Missing::RestOfHead {
            stream.write_all(timed_out().as_bytes()).await?;
        }
        stream.shutdown().await
    };
    drop(watch.timeouts.within(leave).await);
}

/// What is said to who does not come to the end of a head (RFC 9110 §15.5.9): hyper has no request there to answer to.
fn timed_out() -> String {
    let mut head = "HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n".to_string();
    for (name, value) in &answers::fields() {
        head += &format!("{name}: {}\r\n", value.to_str().expect("ours are ASCII"));
    }
    head + "\r\n"
}

/// The next request of a connection of HTTP/2; none where there is none any more, or where it was waited for long enough.
pub(crate) async fn next(
    connection: &mut Two<Stream, Bytes>,
    watch: &mut Watch,
) -> Option<Result<(Request<RecvStream>, SendResponse<Bytes>), h2::Error>> {
    poll_fn(|cx| {
        loop {
            if let Poll::Ready(next) = connection.poll_accept(cx) {
                return Poll::Ready(next);
            }
            if let Some(leaving) = &mut watch.leaving {
                return Pin::new(leaving).poll(cx).map(|()| None);
            }
            if watch.poll(cx).is_pending() {
                return Poll::Pending;
            }
            // RFC 9113 §6.8: who has a request under way learns that it was not worked on, and may ask again elsewhere.
            connection.graceful_shutdown();
            watch.leaving = Some(aio::sleep_until(aio::now() + watch.timeouts.request));
        }
    })
    .await
}

#[cfg(test)]
mod tests;
