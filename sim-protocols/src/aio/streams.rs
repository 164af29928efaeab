//! Streams of HTTP/2 on a connection that has as many as the other side allows.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::SendRequest;

/// Streams that a client opens before it knows how many the server takes (RFC 9113 §6.5.2 recommends that nobody allows fewer); as hyper has it. With more,
/// those that the server does not take come back refused.
pub(crate) const FIRST_STREAMS: usize = 100;

/// Goes on with a request that was handed to `sender`, and says when its stream is open, which is when its head goes: at once, or when another stream is
/// over (RFC 9113 §5.1.2).
pub(crate) async fn opened<T>(sender: SendRequest<Bytes>, open: impl FnOnce(), rest: impl Future<Output = T>) -> T {
    let (mut waits, mut rest) = (pin!(sender.ready()), pin!(rest));
    let mut open = Some(open);
    poll_fn(|cx| {
        if open.is_some()
            && let Poll::Ready(ready) = waits.as_mut().poll(cx)
            && let (Some(open), true) = (open.take(), ready.is_ok())
        {
            open();
        }
        rest.as_mut().poll(cx)
    })
    .await
}
