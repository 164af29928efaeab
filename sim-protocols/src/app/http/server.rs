//! Who answers: one task for each connection, and one for each request of HTTP/2.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use sim_core::{Prob, Rng, Span, Streams};

use super::body::{self, BREAKING, Zeros};
use super::{HttpConfig, HttpVersion, REMEMBERED, SERVER_WINDOWS, STREAMS_MAX};
use crate::aio::{self, SimTimer};
use crate::app::Scope;
use crate::app::answers::said;
use crate::app::dial::{self, Acceptor, Meter, Secured, Stream, lock};
use crate::app::permits::{Permit, Permits};
use crate::app::teller::Teller;
use crate::app::timeouts::{self, Held, Requests, Timeouts, Watch, Working};
use crate::host::{App, FlowConfig};

/// What the tasks of a server share.
struct Server {
    config: HttpConfig,
    workers: Option<Permits>,
    service: Mutex<Rng>,
    fail: Mutex<Rng>,
    sizes: Mutex<Rng>,
}

/// The answering end. It serves whoever connects to its port; where another flow of the entry does so already, it leaves it to that one.
pub(super) fn open(config: HttpConfig, scope: Scope) -> Box<dyn App> {
    let server = Server {
        workers: config.workers.map(Permits::new),
        service: Mutex::new(scope.stream("service")),
        fail: Mutex::new(scope.stream("fail")),
        sizes: Mutex::new(scope.stream("response")),
        config,
    };
    Box::new(Teller::new(move |flow: &FlowConfig, _said| {
        let names = server.config.named.certified(&scope, flow.server);
        scope.program("server", listen(Arc::new(server), flow.port, *scope.streams(), names))
    }))
}

async fn listen(server: Arc<Server>, port: u16, streams: Streams, names: Vec<String>) {
    let Ok(listener) = dial::listener(port, server.config.nodelay, server.config.limits.backlog as u32) else { return };
    let tls = server.config.tls.as_ref().map(|tls| tls.acceptor(&streams, &[names], &["h2", "http/1.1"]));
    let acceptor = Acceptor { tls };
    let places = server.config.limits.connections.map(Permits::new);
    loop {
        let place = match &places {
            Some(places) => Some(places.acquire().await),
            None => None,
        };
        let Ok((tcp, peer)) = listener.accept().await else { return };
        let (server, acceptor) = (server.clone(), acceptor.clone());
        aio::spawn_named(&format!("connection of {peer}"), async move {
            let _until_it_ends = place;
            // The client has been told why.
            let accepting = server.config.limits.timeouts.within(acceptor.accept(tcp));
            let Some(Ok(dial::Accepted { stream, alpn, .. })) = accepting.await else { return };
            match alpn.map_or(server.config.version, |name| HttpVersion::of_alpn(&name)) {
                HttpVersion::One => one(server, stream).await,
                HttpVersion::Two => drop(two(server, stream).await),
            }
        });
    }
}

impl Server {
    /// A status that needs no worker: the head of the request is enough for it.
    fn refuses(&self, head: &Parts, length: Option<u64>, meter: &Meter) -> Option<StatusCode> {
        // RFC 8470 §5.2: "the server is unwilling to risk processing a request that might be replayed". Until the handshake is over nobody knows that
        // it is not.
        if self.config.too_early && meter.secured() == Secured::None {
            return Some(StatusCode::TOO_EARLY);
        }
        if !head.uri.path().starts_with("/items/") {
            return Some(StatusCode::NOT_FOUND);
        }
        self.config.limits.refuse(&head.uri, &head.headers, length)
    }

    /// Waits for a worker, where they are few and not too many wait already.
    async fn worker(&self, head: &Parts, length: Option<u64>, meter: &Meter) -> Result<Option<Permit>, StatusCode> {
        if let Some(status) = self.refuses(head, length, meter) {
            return Err(status);
        }
        let Some(workers) = &self.workers else { return Ok(None) };
        let asking = workers.acquire_within(self.config.queue).ok_or(StatusCode::SERVICE_UNAVAILABLE)?;
        Ok(Some(asking.await))
    }

    /// The work for an answer; says whether it will break off.
    async fn work(&self) -> bool {
        let service = self.config.service.draw(&mut lock(&self.service));
        if service > Span::ZERO {
            aio::sleep_until(aio::now() + service).await;
        }
        let share = self.config.fail;
        share > Prob::ZERO && lock(&self.fail).chance(share)
    }

    fn timeouts(&self) -> Timeouts {
        self.config.limits.timeouts
    }

    /// The head of an answer, and the bytes of its body. `sized`: whether it says how many they are; HTTP/1.1 cuts the body into chunks where it
    /// does not (RFC 9112 §7.1).
    fn head(&self, status: StatusCode, sized: bool) -> (Response<()>, u64) {
        let bytes = match status {
            StatusCode::OK => self.config.response.draw(&mut lock(&self.sizes)),
            _ => 0,
        };
        let mut head = Response::builder().status(status);
        if let (StatusCode::SERVICE_UNAVAILABLE, Some(after)) = (status, self.config.retry_after) {
            head = head.header(header::RETRY_AFTER, after.ps() / Span::from_secs(1).ps());
        }
        let head = head.header(header::CONTENT_TYPE, "application/octet-stream");
        let head = if sized { head.header(header::CONTENT_LENGTH, bytes) } else { head };
        (said(head.body(()).expect("all of it is written here")), bytes)
    }
}

/// A connection of HTTP/1.1.
async fn one(server: Arc<Server>, stream: Stream) {
    let buffer = server.config.limits.buffer();
    let meter = stream.meter().clone();
    let (timeouts, requests) = (server.timeouts(), Requests::default());
    let watch = Watch::one(timeouts, &requests, &stream);
    let service = service_fn(move |request| answer_one(server.clone(), meter.clone(), request, requests.begin()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    // hyper's `Date` would be that of the machine, and `said` has ours; its one time for heads begins before their first byte.
    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None).max_buf_size(buffer);
    timeouts::serve(builder.serve_connection(stream, service), watch).await;
}

async fn answer_one(
    server: Arc<Server>,
    meter: Arc<Meter>,
    request: Request<Incoming>,
    working: Working,
) -> Result<Response<Held<Zeros>>, Infallible> {
    let (head, body) = request.into_parts();
    let begun = aio::now();
    let permit = match server.worker(&head, body.size_hint().exact(), &meter).await {
        Ok(permit) => permit,
        Err(status) => {
            // Who waits for 100 Continue sends nothing. From others it is read and thrown away, so that closing does not reset the connection
            // before the answer has been read (nginx: `lingering_close`).
            if head.headers.get(header::EXPECT) != Some(&HeaderValue::from_static("100-continue")) {
                aio::spawn(drain(body, server.timeouts()));
            }
            meter.begin_answer(0, aio::now() - begun);
            let (head, bytes) = server.head(status, true);
            return Ok(head.map(|()| Held::new(Zeros::new(bytes), working)));
        }
    };
    let waited = aio::now() - begun;
    let in_time = drain(body, server.timeouts()).await;
    let whole = aio::now();
    let (status, breaks) = match in_time {
        true => (StatusCode::OK, server.work().await),
        false => (StatusCode::REQUEST_TIMEOUT, false),
    };
    drop(permit);
    meter.begin_answer(0, waited + (aio::now() - whole));
    let sized = !server.config.chunked || status != StatusCode::OK;
    let (head, bytes) = server.head(status, sized);
    let body = if breaks { Zeros::broken(bytes) } else { Zeros::new(bytes) };
    let body = if sized { body } else { body.of_unknown_length() };
    Ok(head.map(|()| Held::new(body, working)))
}

/// Reads a body, and throws it away; says whether its client was in time.
async fn drain(mut body: Incoming, timeouts: Timeouts) -> bool {
    loop {
        match timeouts.within(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await {
            Some(Some(Ok(_))) => {}
            Some(_) => return true,
            None => return false,
        }
    }
}

/// A connection of HTTP/2.
async fn two(server: Arc<Server>, stream: Stream) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(SERVER_WINDOWS.0).initial_connection_window_size(SERVER_WINDOWS.1);
    builder.max_concurrent_streams(STREAMS_MAX).reset_stream_duration(REMEMBERED);
    let meter = stream.meter().clone();
    let (timeouts, requests) = (server.timeouts(), Requests::default());
    let mut watch = Watch::two(timeouts, &requests, &stream);
    let Some(opened) = timeouts.within(builder.handshake::<_, Bytes>(stream)).await else { return Ok(()) };
    let mut connection = opened?;
    while let Some(next) = timeouts::next(&mut connection, &mut watch).await {
        let (request, respond) = next?;
        let (server, meter, working) = (server.clone(), meter.clone(), requests.begin());
        aio::spawn(async move {
            answer_two(server, meter, request, respond).await;
            drop(working);
        });
    }
    Ok(())
}

async fn answer_two(
    server: Arc<Server>,
    meter: Arc<Meter>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
) {
    let (head, body) = request.into_parts();
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let begun = aio::now();
    // How long the body took to come.
    let mut coming = Span::ZERO;
    let work = async {
        let permit = server.worker(&head, length, &meter).await?;
        let waited = aio::now();
        let in_time = drain_two(body, server.timeouts()).await;
        coming = aio::now() - waited;
        if !in_time {
            return Err(StatusCode::REQUEST_TIMEOUT);
        }
        let breaks = server.work().await;
        drop(permit);
        Ok(breaks)
    };
    // Who asked may have gone.
    let Some(worked) = unless_reset(&mut respond, work).await else { return };
    let (head, bytes) = server.head(worked.map_or_else(|status| status, |_| StatusCode::OK), true);
    meter.begin_answer(respond.stream_id().as_u32(), (aio::now() - begun) - coming);
    let Ok(mut stream) = respond.send_response(head, bytes == 0) else { return };
    let taken = AtomicU64::new(0);
    if worked == Ok(true) {
        drop(body::send(&mut stream, bytes / 2, false, &taken).await);
        aio::sleep(BREAKING).await;
        stream.send_reset(Reason::INTERNAL_ERROR);
    } else if bytes > 0 {
        // Where the other end does not want it any more, there is nobody to tell.
        drop(body::send(&mut stream, bytes, true, &taken).await);
    }
}

async fn drain_two(mut body: RecvStream, timeouts: Timeouts) -> bool {
    loop {
        match timeouts.within(body.data()).await {
            Some(Some(Ok(data))) if body.flow_control().release_capacity(data.len()).is_ok() => {}
            Some(_) => return true,
            None => return false,
        }
    }
}

/// Waits for something, but no longer than the stream lives.
async fn unless_reset<T>(respond: &mut SendResponse<Bytes>, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    poll_fn(|cx| match work.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => respond.poll_reset(cx).map(|_| None),
    })
    .await
}
