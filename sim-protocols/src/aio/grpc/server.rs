//! The answering end: streams of a connection become requests of a service.

use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{HeaderMap, Request, Response};
use hyper::body::{Body as HttpBody, Frame};
use tokio::io::{AsyncRead, AsyncWrite};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::Service;

use super::pipe::{self, Pipe};
use super::{REMEMBERED, timeout_of};
use crate::aio::{self, Sleep};

/// Windows of HTTP/2, as hyper's server has them.
const WINDOW: u32 = 1 << 20;

/// The stream of a call: an extension of its request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StreamOf(pub u32);

/// Serves a connection until the client closes it: with a server that `tonic-build` generates, or any service that answers as one. Each call is a
/// task. It is dropped where it stands when the client resets its stream, and when the time of its `grpc-timeout` is over, which the client is told
/// by DEADLINE_EXCEEDED, in trailers if messages have gone already.
///
/// # Errors
/// The connection breaks off, or the client does not speak HTTP/2.
pub async fn serve<T, S>(stream: T, mut service: S) -> Result<(), h2::Error>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).reset_stream_duration(REMEMBERED);
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(next) = connection.accept().await {
        let (mut request, respond) = next?;
        request.extensions_mut().insert(StreamOf(respond.stream_id().as_u32()));
        let limit = timeout_of(request.headers()).map(aio::sleep);
        poll_fn(|cx| service.poll_ready(cx)).await.unwrap_or_else(|never| match never {});
        let work = service.call(request.map(|stream| Body::new(Incoming(stream))));
        aio::spawn(answer(Box::pin(work), limit, respond));
    }
    Ok(())
}

/// Why a call has no answer of its service.
enum Ended {
    /// The client has reset the stream, or is gone.
    Cancelled,
    /// Its time is over.
    Late,
}

async fn answer<F>(mut work: Pin<Box<F>>, mut limit: Option<Sleep>, mut respond: SendResponse<Bytes>)
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    let head = poll_fn(|cx| {
        if respond.poll_reset(cx).is_ready() {
            return Poll::Ready(Err(Ended::Cancelled));
        }
        match work.as_mut().poll(cx) {
            Poll::Ready(response) => Poll::Ready(Ok(response.unwrap_or_else(|never| match never {}))),
            Poll::Pending => late(&mut limit, cx).map(Err),
        }
    });
    let response = match head.await {
        Ok(response) => response,
        Err(Ended::Cancelled) => return,
        Err(Ended::Late) => expired().into_http(),
    };
    // The service is done with the request, or is not to go on with it.
    drop(work);
    let (head, body) = response.into_parts();
    let empty = body.is_end_stream();
    let Ok(stream) = respond.send_response(Response::from_parts(head, ()), empty) else { return };
    if empty {
        return;
    }
    let mut pipe = Pipe::new(body, stream, |_| ());
    let piped = poll_fn(|cx| match Pin::new(&mut pipe).poll(cx) {
        Poll::Ready(_) => Poll::Ready(None),
        Poll::Pending => late(&mut limit, cx).map(Some),
    });
    if let Some(Ended::Late) = piped.await {
        let mut trailers = HeaderMap::new();
        expired().add_header(&mut trailers).expect("a message of ASCII");
        pipe.cut(trailers);
    }
}

fn late(limit: &mut Option<Sleep>, cx: &mut Context<'_>) -> Poll<Ended> {
    match limit {
        Some(limit) => Pin::new(limit).poll(cx).map(|()| Ended::Late),
        None => Poll::Pending,
    }
}

fn expired() -> Status {
    Status::deadline_exceeded("deadline exceeded")
}

/// The messages of a request.
struct Incoming(RecvStream);

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        pipe::poll_frame(&mut self.0, cx)
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}
