//! The calling end: calls become streams of a connection of HTTP/2.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use h2::client::SendRequest;
use http::{Request, Response};
use hyper::body::{Body as HttpBody, Frame};
use sim_core::Time;
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::body::Body;
use tonic::codegen::Service;

use super::REMEMBERED;
use super::pipe::{self, Pipe};
use crate::aio::streams::{self, FIRST_STREAMS};
use crate::aio::{self, JoinHandle};

/// Windows of HTTP/2, as hyper's client has them: for one stream, and for all.
const WINDOWS: (u32, u32) = (2 << 20, 5 << 20);

/// A connection that calls are made on, for clients that `tonic-build` generates and for [`tonic::client::Grpc`]. Clones share the connection, which
/// is closed when the last one is gone and the last call is over. A call that is dropped is cancelled: its stream is reset.
#[derive(Clone)]
pub struct Channel {
    sender: SendRequest<Bytes>,
    seen: Option<Arc<Seen>>,
}

/// What a call has had of its stream.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Sight>);

#[derive(Clone, Copy, Default)]
pub(crate) struct Sight {
    /// The stream's number, and when the head was handed to the connection.
    pub sent: Option<(u32, Time)>,
    /// When the first bytes of a message were there, or the status where there is no message.
    pub first: Option<Time>,
    /// When all of the reply was there.
    pub last: Option<Time>,
    /// Bytes of messages with their prefixes.
    pub up: u64,
    /// The same, down.
    pub down: u64,
}

impl Seen {
    /// What was seen so far.
    pub fn sight(&self) -> Sight {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Sight> {
        self.0.lock().expect("nobody panics meanwhile")
    }
}

/// Says what has happened to whoever watches.
fn note(seen: &Option<Arc<Seen>>, what: impl FnOnce(&mut Sight)) {
    if let Some(seen) = seen {
        what(&mut seen.lock());
    }
}

impl Channel {
    /// Opens HTTP/2 on a connection. What the connection has to do runs as a task beside the calls.
    ///
    /// # Errors
    /// The connection is over.
    pub async fn open<T>(stream: T) -> Result<Channel, h2::Error>
    where
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut builder = h2::client::Builder::new();
        builder.initial_window_size(WINDOWS.0).initial_connection_window_size(WINDOWS.1);
        builder.enable_push(false).reset_stream_duration(REMEMBERED).initial_max_send_streams(FIRST_STREAMS);
        let (sender, connection) = builder.handshake(stream).await?;
        aio::spawn_named("connection", async move { drop(connection.await) });
        Ok(Channel { sender, seen: None })
    }

    /// One call on a connection that is there, and what it will have had of it.
    pub(crate) fn watched(sender: SendRequest<Bytes>) -> (Channel, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        (Channel { sender, seen: Some(seen.clone()) }, seen)
    }
}

impl Service<Request<Body>> for Channel {
    type Response = Response<Reply>;
    type Error = h2::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Reply>, h2::Error>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.sender.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let Channel { sender, seen } = self.clone();
        Box::pin(async move {
            let mut sender = sender.ready().await?;
            let (head, body) = request.into_parts();
            let empty = body.is_end_stream();
            let (response, stream) = sender.send_request(Request::from_parts(head, ()), empty)?;
            let number = response.stream_id().as_u32();
            let goes = || note(&seen, |sight| sight.sent = Some((number, aio::now())));
            goes();
            let rest = async {
                let sending = match empty {
                    true => None,
                    false => {
                        let told = seen.clone();
                        let sent = move |length: usize| note(&told, |sight| sight.up += length as u64);
                        Sending::begin(Pipe::new(body, stream, sent)).await
                    }
                };
                (response.await, sending)
            };
            let (response, sending) = streams::opened(sender, goes, rest).await;
            let response = response?;
            if response.body().is_end_stream() {
                note(&seen, |sight| (sight.first, sight.last) = (Some(aio::now()), Some(aio::now())));
            }
            Ok(response.map(|stream| Reply { stream, seen, _sending: sending }))
        })
    }
}

/// The request's messages on their way beside the response; who drops it cancels what is left.
struct Sending(JoinHandle<()>);

impl Sending {
    /// What can be sent at once leaves with the head.
    async fn begin<F: FnMut(usize) + Unpin + Send + 'static>(mut pipe: Pipe<F>) -> Option<Sending> {
        let first = poll_fn(|cx| Poll::Ready(Pin::new(&mut pipe).poll(cx))).await;
        first.is_pending().then(|| Sending(aio::spawn(async move { drop(pipe.await) })))
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The messages of a response and its trailers. Dropped before its end, it cancels the call.
pub struct Reply {
    stream: RecvStream,
    seen: Option<Arc<Seen>>,
    _sending: Option<Sending>,
}

impl HttpBody for Reply {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let frame = pipe::poll_frame(&mut self.stream, cx);
        if let Poll::Ready(Some(Ok(frame))) = &frame {
            note(&self.seen, |sight| {
                sight.first.get_or_insert_with(aio::now);
                sight.down += frame.data_ref().map_or(0, |data| data.len() as u64);
                if frame.is_trailers() {
                    sight.last = Some(aio::now());
                }
            });
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
