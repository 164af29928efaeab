//! Connections, workers and limits; which part of the server answers a request.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::poll_fn;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::SendResponse;
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use sim_core::{Prob, Rng, Span, Streams};

use super::WebConfig;
use super::body::Answer;
use super::items::Items;
use super::pages::{Page, other_method, plain, set};
use super::sessions::{Sessions, unauthorized};
use super::urns::{Found, Urns};
use crate::aio::{self, SimTimer};
use crate::app::answers::said;
use crate::app::dial::{self, Acceptor, Meter, Secured, Stream, lock};
use crate::app::pool::REMEMBERED;
use crate::app::timeouts::{self, Held, Requests, Timeouts, Watch, Working};
use crate::app::{Permit, Permits};

/// Connections that wait to be accepted: nginx's `listen(2)`.
const BACKLOG: u32 = 511;
/// Requests that a connection of HTTP/2 may have at a time, as nginx.
const STREAMS_MAX: u32 = 128;
/// The least that libraries are asked to hold of a head, so that who exceeds the file's limit is refused here and not by them: hyper's own default is
/// about as much.
const HEAD_MAX: u64 = 400 << 10;

/// The streams of chance of a server.
pub(super) struct Chance {
    pub service: Rng,
    pub fail: Rng,
}

/// Who is at the other end of a connection.
#[derive(Clone)]
struct Peer {
    address: Ipv4Addr,
    /// The name that it has asked for as TLS was opened.
    name: Option<String>,
    /// How its connection is protected.
    meter: Arc<Meter>,
}

/// What the connections of a server share.
struct Server {
    config: WebConfig,
    pages: BTreeMap<String, Page>,
    urns: Urns,
    items: Option<Mutex<Items>>,
    sessions: Option<Sessions>,
    workers: Option<Permits>,
    chance: Mutex<Chance>,
    /// How many requests a client has made in which second.
    rates: Mutex<BTreeMap<Ipv4Addr, (u64, u64)>>,
}

/// A server on a port. `store` is where its sessions are kept.
pub(super) async fn listen(config: WebConfig, chance: Chance, store: Option<Ipv4Addr>, port: u16, streams: Streams) {
    let Ok(listener) = dial::listener(port, true, BACKLOG) else { return };
    // Each name has a certificate of its own, chosen by what the client asks for (RFC 6066 §3).
    let sites: Vec<Vec<String>> = config.names.iter().map(|name| vec![name.clone()]).collect();
    let tls = config.tls.as_ref().map(|tls| tls.acceptor(&streams, &sites, &["h2", "http/1.1"]));
    let acceptor = Acceptor { tls };
    let server = Arc::new(Server {
        pages: config.pages.iter().map(|page| (page.path.clone(), Page::new(page.clone()))).collect(),
        urns: Urns::new(&config.urns),
        items: config.items.map(|count| Mutex::new(Items::new(count))),
        sessions: config.sessions.clone().map(|sessions| Sessions::new(sessions, store)),
        workers: config.workers.map(Permits::new),
        chance: Mutex::new(chance),
        rates: Mutex::default(),
        config,
    });
    while let Ok((tcp, peer)) = listener.accept().await {
        let (server, acceptor) = (server.clone(), acceptor.clone());
        aio::spawn_named(&format!("connection of {peer}"), async move {
            // The client has been told why.
            let Some(Ok(accepted)) = server.config.timeouts.within(acceptor.accept(tcp)).await else { return };
            let IpAddr::V4(address) = peer.ip() else { return };
            let peer = Peer { address, name: accepted.name, meter: accepted.stream.meter().clone() };
            match accepted.alpn.as_deref() {
                Some(b"h2") => drop(two(server, accepted.stream, peer).await),
                _ => one(server, accepted.stream, peer).await,
            }
        });
    }
}

impl Server {
    /// What the head of a request is enough for.
    fn refuses(&self, head: &Parts, length: Option<u64>, peer: &Peer) -> Option<Response<Bytes>> {
        let config = &self.config;
        // RFC 8470 §5.2: "the server is unwilling to risk processing a request that might be replayed". Until the handshake is over nobody knows that
        // it is not.
        if config.too_early && peer.meter.secured() == Secured::None {
            return Some(plain(StatusCode::TOO_EARLY));
        }
        if let Some(limit) = config.rate_limit {
            let second = aio::now().ps() / 1_000_000_000_000;
            let mut rates = lock(&self.rates);
            let (since, made) = rates.entry(peer.address).or_insert((second, 0));
            if *since != second {
                (*since, *made) = (second, 0);
            }
            *made += 1;
            if *made > limit {
                return Some(again_later(StatusCode::TOO_MANY_REQUESTS));
            }
        }
        if head.uri.path_and_query().map_or(0, |target| target.as_str().len() as u64) > config.url_limit.bytes() {
            return Some(plain(StatusCode::URI_TOO_LONG));
        }
        // `name: value` and the end of the line.
        let fields = head.headers.iter().map(|(name, value)| (name.as_str().len() + value.len() + 4) as u64);
        if fields.sum::<u64>() > config.header_limit.bytes() {
            return Some(plain(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE));
        }
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
        match host {
            // RFC 9112 §3.2.
            None => return Some(plain(StatusCode::BAD_REQUEST)),
            Some(host) => {
                let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
                // RFC 1034 §3.1: the dot at the end says that the name is whole. nginx and Apache compare without it.
                let name = name.strip_suffix('.').unwrap_or(name);
                let known = config.names.iter().any(|known| known.eq_ignore_ascii_case(name));
                // RFC 9110 §7.4: what was not asked for as TLS was opened may have another certificate.
                let other = peer.name.as_ref().is_some_and(|asked| !asked.eq_ignore_ascii_case(name));
                if other || !known && !config.names.is_empty() && name.parse::<Ipv4Addr>().is_err() {
                    return Some(plain(StatusCode::MISDIRECTED_REQUEST));
                }
            }
        }
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        if !known.contains(&head.method) {
            return Some(plain(StatusCode::NOT_IMPLEMENTED));
        }
        length.filter(|length| *length > config.body_limit.bytes()).map(|_| plain(StatusCode::PAYLOAD_TOO_LARGE))
    }

    /// Waits for a worker, where they are few and not too many wait already.
    async fn worker(&self) -> Result<Option<Permit>, Response<Bytes>> {
        let Some(workers) = &self.workers else { return Ok(None) };
        let asking = workers.acquire_within(self.config.queue);
        Ok(Some(asking.ok_or_else(|| again_later(StatusCode::SERVICE_UNAVAILABLE))?.await))
    }

    /// The answer to a request that has come as a whole.
    async fn answer(&self, head: &Parts, body: &[u8]) -> Response<Bytes> {
        let (service, fails) = {
            let mut chance = lock(&self.chance);
            let service = self.config.service.draw(&mut chance.service);
            let share = self.config.fail;
            (service, share > Prob::ZERO && chance.fail.chance(share))
        };
        if service > Span::ZERO {
            aio::sleep_until(aio::now() + service).await;
        }
        if fails { plain(StatusCode::INTERNAL_SERVER_ERROR) } else { self.resource(head, body).await }
    }

    /// What libraries may hold of a head.
    fn head_max(&self) -> u64 {
        let config = &self.config;
        config.header_limit.bytes().saturating_add(config.url_limit.bytes()).saturating_add(8 << 10).max(HEAD_MAX)
    }

    async fn resource(&self, head: &Parts, body: &[u8]) -> Response<Bytes> {
        let now = aio::now();
        if let Some(sessions) = &self.sessions
            && let Some(answer) = sessions.answer(head, body).await
        {
            return answer.unwrap_or_else(|_| again_later(StatusCode::SERVICE_UNAVAILABLE));
        }
        let path = match self.urns.find(head) {
            Some(Found::Answer(answer)) => return answer,
            Some(Found::At(path)) => path,
            None => head.uri.path(),
        };
        if let Some(page) = self.pages.get(path) {
            return match self.admits(page, head).await {
                Ok(()) => page.answer(head, self.config.compress, aio::now()),
                Err(refusal) => refusal,
            };
        }
        if let Some(items) = &self.items
            && let Some(answer) = lock(items).answer(head, body, now)
        {
            return answer;
        }
        match head.method {
            Method::OPTIONS if head.uri.path() == "*" => {
                other_method(&head.method, "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
            }
            _ => plain(StatusCode::NOT_FOUND),
        }
    }

    /// Whether the answer for a path does not say how long it is.
    fn chunks(&self, path: &str) -> bool {
        self.pages.get(path).is_some_and(|page| page.config.chunked)
    }

    /// Whether who asks may see a page.
    async fn admits(&self, page: &Page, head: &Parts) -> Result<(), Response<Bytes>> {
        let (true, Some(sessions)) = (page.config.session, &self.sessions) else { return Ok(()) };
        let user = sessions.user(&head.headers).await.map_err(|_| again_later(StatusCode::SERVICE_UNAVAILABLE))?;
        let user = user.ok_or_else(unauthorized)?;
        match page.config.users.is_empty() || page.config.users.contains(&user) {
            true => Ok(()),
            false => Err(plain(StatusCode::FORBIDDEN)),
        }
    }
}

/// Not now, but in a second.
fn again_later(status: StatusCode) -> Response<Bytes> {
    let mut response = plain(status);
    set(&mut response, header::RETRY_AFTER, "1");
    response
}

/// A connection of HTTP/1.1.
async fn one(server: Arc<Server>, stream: Stream, peer: Peer) {
    let buffer = usize::try_from(server.head_max()).unwrap_or(usize::MAX);
    let requests = Requests::default();
    let watch = Watch::one(server.config.timeouts, &requests, &stream);
    let service = service_fn(move |request| answer_one(server.clone(), request, peer.clone(), requests.begin()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    // hyper's `Date` would be that of the machine, and `said` has ours; its one time for heads begins before their first byte.
    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None).max_buf_size(buffer);
    timeouts::serve(builder.serve_connection(stream, service), watch).await;
}

async fn answer_one(
    server: Arc<Server>,
    request: Request<Incoming>,
    peer: Peer,
    working: Working,
) -> Result<Response<Held<Answer>>, Infallible> {
    let (head, body) = request.into_parts();
    // How long the body took to come is no work.
    let (begun, mut coming) = (aio::now(), Span::ZERO);
    let length = body.size_hint().exact();
    let refused = match server.refuses(&head, length, &peer) {
        Some(refusal) => Err(refusal),
        None => server.worker().await,
    };
    let response = match refused {
        Err(refusal) => {
            // Who waits for 100 Continue sends nothing. From others it is read and thrown away, so that closing does not reset the connection
            // before the answer has been read (nginx: `lingering_close`).
            if head.headers.get(header::EXPECT) != Some(&HeaderValue::from_static("100-continue")) {
                let timeouts = server.config.timeouts;
                aio::spawn(async move { drop(read_one(body, u64::MAX, timeouts).await) });
            }
            refusal
        }
        Ok(permit) => {
            let waited = aio::now();
            let body = read_one(body, server.config.body_limit.bytes(), server.config.timeouts).await;
            coming = aio::now() - waited;
            let response = match body {
                Ok(body) => server.answer(&head, &body).await,
                Err(status) => plain(status),
            };
            drop(permit);
            response
        }
    };
    peer.meter.begin_answer(0, (aio::now() - begun) - coming);
    Ok(said(response).map(|body| Held::new(Answer::new(body, server.chunks(head.uri.path())), working)))
}

/// A body, up to a limit.
async fn read_one(mut body: Incoming, limit: u64, timeouts: Timeouts) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    let late = StatusCode::REQUEST_TIMEOUT;
    while let Some(frame) = timeouts.within(poll_fn(|cx| Pin::new(&mut body).poll_frame(cx))).await.ok_or(late)? {
        let frame = frame.map_err(|_| StatusCode::BAD_REQUEST)?;
        if limit < u64::MAX {
            bytes.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        }
        if bytes.len() as u64 > limit {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
    Ok(bytes.freeze())
}

/// A connection of HTTP/2.
async fn two(server: Arc<Server>, stream: Stream, peer: Peer) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(1 << 20).initial_connection_window_size(1 << 20);
    builder.max_header_list_size(u32::try_from(server.head_max()).unwrap_or(u32::MAX));
    builder.max_concurrent_streams(STREAMS_MAX).reset_stream_duration(REMEMBERED);
    let (timeouts, requests) = (server.config.timeouts, Requests::default());
    let mut watch = Watch::two(timeouts, &requests, &stream);
    let Some(opened) = timeouts.within(builder.handshake::<_, Bytes>(stream)).await else { return Ok(()) };
    let mut connection = opened?;
    while let Some(next) = timeouts::next(&mut connection, &mut watch).await {
        let (request, respond) = next?;
        let (server, peer, working) = (server.clone(), peer.clone(), requests.begin());
        aio::spawn(async move {
            drop(answer_two(server, request, respond, peer).await);
            drop(working);
        });
    }
    Ok(())
}

async fn answer_two(
    server: Arc<Server>,
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    peer: Peer,
) -> Result<(), h2::Error> {
    let (head, body) = request.into_parts();
    let (begun, mut coming) = (aio::now(), Span::ZERO);
    let length = head.headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    let refused = match server.refuses(&head, length, &peer) {
        Some(refusal) => Err(refusal),
        None => server.worker().await,
    };
    let response = match refused {
        Err(refusal) => refusal,
        Ok(permit) => {
            let waited = aio::now();
            let body = read_two(body, server.config.body_limit.bytes(), server.config.timeouts).await;
            coming = aio::now() - waited;
            let response = match body {
                Ok(body) => server.answer(&head, &body).await,
                Err(status) => plain(status),
            };
            drop(permit);
            response
        }
    };
    let (asked, (mut head, body)) = (head, said(response).into_parts());
    let none = head.status == StatusCode::NO_CONTENT || head.status == StatusCode::NOT_MODIFIED;
    if !none && !server.chunks(asked.uri.path()) {
        // RFC 9110 §8.6: in the answer to HEAD it is that of the answer to GET.
        head.headers.insert(header::CONTENT_LENGTH, (body.len() as u64).into());
    }
    let body = if asked.method == Method::HEAD { Bytes::new() } else { body };
    peer.meter.begin_answer(respond.stream_id().as_u32(), (aio::now() - begun) - coming);
    let mut stream = respond.send_response(Response::from_parts(head, ()), body.is_empty())?;
    let mut rest = body;
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else { return Ok(()) };
        let part = rest.split_to(room?.min(rest.len()));
        stream.send_data(part, rest.is_empty())?;
    }
    Ok(())
}

async fn read_two(mut body: RecvStream, limit: u64, timeouts: Timeouts) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(data) = timeouts.within(body.data()).await.ok_or(StatusCode::REQUEST_TIMEOUT)? {
        let data = data.map_err(|_| StatusCode::BAD_REQUEST)?;
        drop(body.flow_control().release_capacity(data.len()));
        bytes.extend_from_slice(&data);
        if bytes.len() as u64 > limit {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
    Ok(bytes.freeze())
}
