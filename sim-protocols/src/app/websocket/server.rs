//! Who has messages: one task for each connection.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use sim_core::{Streams, Time};
use tokio_websockets::{CloseCode, Message as Frame, ServerBuilder};

use super::source::Source;
use super::{Delivery, WebSocketConfig, seeded};
use crate::aio::{self, SimTimer};
use crate::app::Scope;
use crate::app::answers::said;
use crate::app::dial::{Accepted, Acceptor, Stream, listener, lock};
use crate::app::teller::Teller;
use crate::app::timeouts::{self, Held, Requests, Watch, Working};
use crate::host::{App, FlowConfig};

/// Connections that wait to be accepted: nginx's `listen(2)`.
const BACKLOG: u32 = 511;
/// Where messages are.
pub(super) const PATH: &str = "/messages/";

/// What the tasks of a server share.
struct Shared {
    config: WebSocketConfig,
    streams: Streams,
    sources: Arc<Sources>,
}

/// Messages by the names of the clients: what a store behind the server has, which outlives its process.
#[derive(Default)]
struct Sources(Mutex<BTreeMap<String, Arc<Mutex<Source>>>>);

/// The end that has messages. It serves whoever connects to its port; where another flow of the entry does so already, it leaves it to that one.
pub(super) fn open(config: WebSocketConfig, scope: Scope) -> Box<dyn App> {
    Box::new(Teller::new(move |flow: &FlowConfig, _said| {
        let names = config.named.certified(&scope, flow.server);
        let shared = Arc::new(Shared { config, streams: *scope.streams(), sources: scope.lasting() });
        scope.program("server", listen(shared, flow.port, names))
    }))
}

async fn listen(shared: Arc<Shared>, port: u16, names: Vec<String>) {
    let Ok(listener) = listener(port, shared.config.nodelay, BACKLOG) else { return };
    let tls = shared.config.tls.as_ref().map(|tls| tls.acceptor(&shared.streams, &[names], &["http/1.1"]));
    let acceptor = Acceptor { tls };
    while let Ok((tcp, peer)) = listener.accept().await {
        let (shared, acceptor) = (shared.clone(), acceptor.clone());
        aio::spawn_named(&format!("connection of {peer}"), async move {
            // The client has been told why.
            let accepting = shared.config.timeouts.within(acceptor.accept(tcp));
            let Some(Ok(Accepted { stream, .. })) = accepting.await else { return };
            match shared.config.mode {
                // Who breaks the protocol, or goes away, is gone.
                Delivery::Push => drop(seeded(0, push(shared, stream)).await),
                Delivery::Polling | Delivery::LongPolling => answer(shared, stream).await,
            }
        });
    }
}

impl Shared {
    /// The messages for a client, from its first call on.
    fn source(&self, path: &str) -> Option<Arc<Mutex<Source>>> {
        let client = path.strip_prefix(PATH).filter(|client| !client.is_empty())?;
        let mut sources = lock(&self.sources.0);
        let new = || {
            let name = format!("flow/{client}/messages");
            Arc::new(Mutex::new(Source::new(&self.config, &self.streams, &name, aio::now())))
        };
        Some(sources.entry(client.to_string()).or_insert_with(new).clone())
    }
}

/// Sends each message when it is there; the close handshake follows the last one.
async fn push(shared: Arc<Shared>, stream: Stream) -> Result<(), tokio_websockets::Error> {
    // From here on it is no idle connection of HTTP, however long nothing passes.
    let Some(opened) = shared.config.timeouts.within(ServerBuilder::new().accept(stream)).await else { return Ok(()) };
    let (request, mut socket) = opened?;
    let Some(source) = shared.source(request.uri().path()) else {
        return socket.send(Frame::close(Some(CloseCode::POLICY_VIOLATION), "no such client")).await;
    };
    // Who comes again has a new connection: what the old one still waits for is not for it any more.
    let owner = {
        let mut source = lock(&source);
        source.owner += 1;
        source.owner
    };
    loop {
        let Some(next) = lock(&source).next() else { break };
        // Reading is what answers a ping.
        match until(next, socket.next()).await {
            Some(Some(Ok(_))) => {}
            Some(Some(Err(error))) => return Err(error),
            Some(None) => return Ok(()),
            None => {
                if lock(&source).owner != owner {
                    return Ok(());
                }
                let due = lock(&source).due(aio::now());
                for message in due {
                    let mut bytes = Vec::with_capacity(message.size);
                    message.append(&mut bytes);
                    socket.send(Frame::binary(bytes)).await?;
                }
            }
        }
    }
    // RFC 6455 §7.1.1: the server closes the connection below, once both have said so.
    socket.send(Frame::close(Some(CloseCode::NORMAL_CLOSURE), "")).await?;
    while let Some(Ok(_)) = socket.next().await {}
    Ok(())
}

/// Waits for something, but no longer than until a moment.
async fn until<T>(at: Time, future: impl Future<Output = T>) -> Option<T> {
    let (mut future, mut sleep) = (pin!(future), pin!(aio::sleep_until(at)));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => sleep.as_mut().poll(cx).map(|()| None),
    })
    .await
}

/// Answers requests for messages.
async fn answer(shared: Arc<Shared>, stream: Stream) {
    let requests = Requests::default();
    let watch = Watch::one(shared.config.timeouts, &requests, &stream);
    let service = service_fn(move |request| messages(shared.clone(), request, requests.begin()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    // hyper's `Date` would be that of the machine, and `said` has ours; its one time for heads begins before their first byte.
    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None);
    timeouts::serve(builder.serve_connection(stream, service), watch).await;
}

async fn messages(
    shared: Arc<Shared>,
    request: Request<Incoming>,
    working: Working,
) -> Result<Response<Held<Full<Bytes>>>, Infallible> {
    let response = due(&shared, &request).await;
    Ok(said(response).map(|body| Held::new(body, working)))
}

/// The messages that are there, or that come while the request is held.
async fn due(shared: &Shared, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let head = |status| Response::builder().status(status);
    let Some(source) = shared.source(request.uri().path()) else {
        return head(StatusCode::NOT_FOUND).body(Full::default()).expect("all of it is written here");
    };
    let mut due = lock(&source).due(aio::now());
    if due.is_empty() && shared.config.mode == Delivery::LongPolling {
        let limit = aio::now() + shared.config.hold;
        let next = lock(&source).next().unwrap_or(Time::NEVER);
        aio::sleep_until(next.min(limit)).await;
        due = lock(&source).due(aio::now());
    }
    if due.is_empty() {
        let status = if lock(&source).next().is_some() { StatusCode::NO_CONTENT } else { StatusCode::GONE };
        return head(status).body(Full::default()).expect("all of it is written here");
    }
    let mut body = Vec::new();
    due.iter().for_each(|message| message.append(&mut body));
    let head = head(StatusCode::OK).header(header::CONTENT_TYPE, "application/octet-stream");
    head.body(Full::new(body.into())).expect("all of it is written here")
}
