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
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use sim_core::{Prob, Rng, Span, Streams};

use super::WebConfig;
use super::items::Items;
use super::pages::{Page, other_method, plain, set};
use super::sessions::{Sessions, unauthorized};
use super::urns::{Found, Urns};
use crate::aio::dates::{http_date, seconds};
use crate::aio::{self, SimTimer};
use crate::app::dial::{self, Acceptor, Meter, Stream, lock};
use crate::app::pool::REMEMBERED;
use crate::app::{Permit, Permits};

/// Connections that wait to be accepted: nginx's `listen(2)`.
const BACKLOG: u32 = 511;
/// Requests that a connection of HTTP/2 may have at a time, as nginx.
const STREAMS_MAX: u32 = 128;

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
            let Ok(accepted) = acceptor.accept(tcp).await else { return };
            let IpAddr::V4(address) = peer.ip() else { return };
            let peer = Peer { address, name: accepted.name };
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
        let host = head.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| head.uri.authority().map(|authority| authority.as_str()));
        match host {
            // RFC 9112 §3.2.
            None => return Some(plain(StatusCode::BAD_REQUEST)),
            Some(host) => {
                let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
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
        let mut response =
            if fails { plain(StatusCode::INTERNAL_SERVER_ERROR) } else { self.resource(head, body).await };
        set(&mut response, header::SERVER, "clockwire");
        set(&mut response, header::DATE, &http_date(seconds(aio::now())));
        response
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
    let header_limit = server.config.header_limit.bytes() as usize;
    let meter = stream.meter().clone();
    let service = service_fn(move |request| answer_one(server.clone(), meter.clone(), request, peer.clone()));
    let mut builder = hyper::server::conn::http1::Builder::new();
    // hyper's `Date` would be that of the machine; a connection may wait for its next request for ever.
    builder.timer(SimTimer).auto_date_header(false).header_read_timeout(None).max_buf_size(header_limit);
    drop(builder.serve_connection(stream, service).await);
}

async fn answer_one(
    server: Arc<Server>,
    meter: Arc<Meter>,
    request: Request<Incoming>,
    peer: Peer,
) -> Result<Response<Full<Bytes>>, Infallible> {
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
                aio::spawn(async move { drop(read_one(body, u64::MAX).await) });
            }
            refusal
        }
        Ok(permit) => {
            let waited = aio::now();
            let body = read_one(body, server.config.body_limit.bytes()).await;
            coming = aio::now() - waited;
            let response = match body {
                Ok(body) => server.answer(&head, &body).await,
                Err(status) => plain(status),
            };
            drop(permit);
            response
        }
    };
    meter.begin_answer(0, (aio::now() - begun) - coming);
    Ok(response.map(Full::new))
}

/// A body, up to a limit.
async fn read_one(mut body: Incoming, limit: u64) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
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
    builder.max_header_list_size(server.config.header_limit.bytes() as u32);
    builder.max_concurrent_streams(STREAMS_MAX).reset_stream_duration(REMEMBERED);
    let meter = stream.meter().clone();
    let mut connection = builder.handshake::<_, Bytes>(stream).await?;
    while let Some(next) = connection.accept().await {
        let (request, respond) = next?;
        let (server, meter, peer) = (server.clone(), meter.clone(), peer.clone());
        aio::spawn(async move { drop(answer_two(server, meter, request, respond, peer).await) });
    }
    Ok(())
}

async fn answer_two(
    server: Arc<Server>,
    meter: Arc<Meter>,
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
            let body = read_two(body, server.config.body_limit.bytes()).await;
            coming = aio::now() - waited;
            let response = match body {
                Ok(body) => server.answer(&head, &body).await,
                Err(status) => plain(status),
            };
            drop(permit);
            response
        }
    };
    let (mut head, body) =
        response.map(|body| if head.method == Method::HEAD { Bytes::new() } else { body }).into_parts();
    if head.status != StatusCode::NO_CONTENT && head.status != StatusCode::NOT_MODIFIED {
        head.headers.insert(header::CONTENT_LENGTH, (body.len() as u64).into());
    }
    meter.begin_answer(respond.stream_id().as_u32(), (aio::now() - begun) - coming);
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

async fn read_two(mut body: RecvStream, limit: u64) -> Result<Bytes, StatusCode> {
    let mut bytes = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data.map_err(|_| StatusCode::BAD_REQUEST)?;
        drop(body.flow_control().release_capacity(data.len()));
        bytes.extend_from_slice(&data);
        if bytes.len() as u64 > limit {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
    }
    Ok(bytes.freeze())
}
