//! A body on its way into a stream of HTTP/2, and out of one.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::{Reason, RecvStream, SendStream};
use http::HeaderMap;
use hyper::body::{Body as _, Frame};
use tonic::Status;
use tonic::body::Body;

/// What a body gives.
type Part = Option<Result<Frame<Bytes>, Status>>;

/// Sends a body: a frame of data for each piece, the last one with END_STREAM where that is known as it leaves, then the trailers if there are some.
/// The first piece leaves at once, with the head before it, as gRPC's other implementations have it; another one is asked for when the windows have room
/// for its beginning.
pub(super) struct Pipe<F> {
    body: Body,
    stream: SendStream<Bytes>,
    /// Is told how long each piece is.
    sent: F,
    begun: bool,
    /// What comes next, if somebody has looked already.
    ahead: Option<Part>,
}

impl<F: FnMut(usize) + Unpin> Pipe<F> {
    pub fn new(body: Body, stream: SendStream<Bytes>, sent: F) -> Pipe<F> {
        Pipe { body, stream, sent, begun: false, ahead: None }
    }

    /// Ends with these trailers, wherever it is.
    pub fn cut(mut self, trailers: HeaderMap) {
        // A stream that the other end has closed needs none.
        drop(self.stream.send_trailers(trailers));
    }

    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Part> {
        match self.ahead.take() {
            Some(part) => Poll::Ready(part),
            None => Pin::new(&mut self.body).poll_frame(cx),
        }
    }

    fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        self.stream.reserve_capacity(1);
        while self.stream.capacity() == 0 {
            match ready!(self.stream.poll_capacity(cx)) {
                Some(capacity) => drop(capacity?),
                None => return Poll::Ready(Err(Reason::CANCEL.into())),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<F: FnMut(usize) + Unpin> Future for Pipe<F> {
    type Output = Result<(), h2::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), h2::Error>> {
        let pipe = &mut *self;
        loop {
            if let Poll::Ready(reason) = pipe.stream.poll_reset(cx) {
                return Poll::Ready(Err(reason?.into()));
            }
            if pipe.begun {
                ready!(pipe.poll_room(cx))?;
            }
            match ready!(pipe.poll_part(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        pipe.begun = true;
                        if let Poll::Ready(part) = pipe.poll_part(cx) {
                            pipe.ahead = Some(part);
                        }
                        let last = matches!(pipe.ahead, Some(None));
                        (pipe.sent)(data.len());
                        pipe.stream.send_data(data, last)?;
                        if last {
                            return Poll::Ready(Ok(()));
                        }
                    }
                    Err(frame) => {
                        pipe.stream.reserve_capacity(0);
                        return Poll::Ready(pipe.stream.send_trailers(frame.into_trailers().unwrap_or_default()));
                    }
                },
                // PROTOCOL-HTTP2, Requests: an empty frame, where the end comes later than the last message.
                None => return Poll::Ready(pipe.stream.send_data(Bytes::new(), true)),
                // Who gives the messages has given up (PROTOCOL-HTTP2, Errors).
                Some(Err(_)) => {
                    pipe.stream.send_reset(Reason::CANCEL);
                    return Poll::Ready(Err(Reason::CANCEL.into()));
                }
            }
        }
    }
}

/// The next part of what comes in a stream: data, then the trailers.
pub(super) fn poll_frame(
    stream: &mut RecvStream,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
    match ready!(stream.poll_data(cx)) {
        Some(Ok(data)) => {
            // A reader who does not ask holds the windows.
            drop(stream.flow_control().release_capacity(data.len()));
            Poll::Ready(Some(Ok(Frame::data(data))))
        }
        Some(Err(error)) => Poll::Ready(Some(Err(error))),
        None => match ready!(stream.poll_trailers(cx)) {
            Ok(Some(trailers)) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(error))),
        },
    }
}
