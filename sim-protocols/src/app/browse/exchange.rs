//! One request on one connection.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use http::header;
use http::request::Parts;
use http::{HeaderValue, Request, Response, Version};
use http_body_util::Full;
use hyper::body::Body;
use sim_core::Time;

use super::rows::BrowseRow;
use crate::aio::{self, streams};
use crate::app::dial::{Fault, Progress};
use crate::app::pool::{Pool, Sender};
use crate::app::teller::Said;
use crate::app::used::{Steps, Used};

/// The connections to an origin.
pub(super) type Origins = Arc<Pool<Full<Bytes>>>;

/// A request's row in the making; it is told when it is dropped, also by the stop.
pub(super) struct Entry {
    pub row: BrowseRow,
    /// When the attempt began, and whether it is not the first one.
    start: Time,
    repeated: bool,
    used: Option<Used>,
    opening: Progress,
    /// Bytes of its body that were handed to the connection.
    sent: Arc<AtomicU64>,
    said: Said,
}

impl Entry {
    pub fn new(row: BrowseRow, said: &Said) -> Entry {
        let start = row.start;
        let said = said.clone();
        Entry { row, start, repeated: false, used: None, opening: Progress::default(), sent: Arc::default(), said }
    }

    /// It begins again, on another connection: the steps and bytes of that attempt are those that count.
    pub fn again(&mut self) {
        (self.start, self.repeated) = (aio::now(), true);
        (self.used, self.opening) = (None, Progress { late: self.opening.late, ..Progress::default() });
        let row = &mut self.row;
        (row.queued, row.protocol, row.connection, row.reused, row.secured) = (None, None, None, None, 0);
        row.layers.body = [0, 0];
        // What is left of the attempt before may still count there.
        self.sent = Arc::default();
    }

    /// It was answered with 425: nothing of it leaves early the next time (RFC 8470 §5.2).
    pub fn too_early(&mut self) {
        self.again();
        self.opening.late = true;
        (self.row.first_byte, self.row.status) = (None, None);
    }

    /// It is written now; says when that is.
    fn written(&mut self) -> Time {
        self.used.iter_mut().for_each(Used::asks);
        let now = aio::now();
        self.row.queued = Some((now - self.start).saturating_sub(self.opening.took()));
        now
    }

    fn head(&mut self, written: Time, status: u16) {
        self.used.iter_mut().for_each(Used::answered);
        self.row.first_byte = Some(aio::now() - written);
        self.row.status = Some(u64::from(status));
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let (row, opening) = (&mut self.row, std::mem::take(&mut self.opening));
        row.layers.body[0] = self.sent.load(Ordering::Relaxed);
        (row.dns, row.connect, row.tls) = (opening.dns, opening.connect, opening.tls);
        row.source = opening.source.map(|source| source as u64);
        let steps = Steps { total: row.total, queued: row.queued, first_byte: row.first_byte, ..Steps::default() };
        let mut steps = Steps { repeated: self.repeated, ..steps }.opening(self.start, &opening);
        row.queued = steps.queued;
        // Where it got no further than a connection, that is what it has used.
        if let Some(used) = self.used.take().or_else(|| Some(Used::new(opening.meter?, false))) {
            let passed = used.passed();
            (row.secured, steps.spent) = (passed.secured as u32, passed.spent);
            passed.tell(&mut row.layers);
        }
        row.layers.cause = steps.cause();
        self.said.row(row.clone());
    }
}

/// Asks, and notes in the entry what happens.
///
/// # Errors
/// There is no answer, or not all of it.
pub(super) async fn exchange(
    pool: &Origins,
    entry: &mut Entry,
    head: &Parts,
    body: &Bytes,
) -> Result<Response<Bytes>, Fault> {
    // RFC 8470 §4: "user agents MUST NOT automatically send" in early data what may have an effect each time that it is played again.
    entry.opening.late |= !head.method.is_safe();
    let mut lease = pool.lease(&mut entry.opening).await?;
    entry.row.connection = Some(lease.link.number);
    entry.row.reused = Some(u64::from(lease.reused));
    entry.used = Some(Used::new(lease.link.meter.clone(), lease.reused));
    let meter = lease.link.meter.clone();
    let answered = match lease.sender() {
        Sender::One(sender) => {
            entry.row.protocol = Some(0);
            one(sender, entry, head, body).await
        }
        Sender::Two(sender) => {
            entry.row.protocol = Some(1);
            let sender = sender.clone();
            two(sender, entry, head, body).await
        }
    };
    // What TLS has found says more than what the protocol above makes of it.
    let response = answered.map_err(|fault| meter.fault().unwrap_or(fault))?;
    entry.used.iter_mut().for_each(Used::seal);
    lease.give_back();
    Ok(response)
}

async fn one(
    sender: &mut hyper::client::conn::http1::SendRequest<Full<Bytes>>,
    entry: &mut Entry,
    head: &Parts,
    body: &Bytes,
) -> Result<Response<Bytes>, Fault> {
    let mut request = Request::from_parts(head.clone(), Full::new(body.clone()));
    // RFC 9112 §3.2: the host goes into its field, the target is the path alone.
    let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
    let host = HeaderValue::from_str(head.uri.authority().map_or("", |authority| authority.as_str()));
    request.headers_mut().insert(header::HOST, host.map_err(|_| Fault::Closed)?);
    *request.uri_mut() = target.parse().map_err(|_| Fault::Closed)?;
    *request.version_mut() = Version::HTTP_11;
    sender.ready().await?;
    let written = entry.written();
    entry.sent.store(body.len() as u64, Ordering::Relaxed);
    let (parts, mut incoming) = sender.send_request(request).await?.into_parts();
    entry.head(written, parts.status.as_u16());
    let mut bytes = BytesMut::new();
    while let Some(frame) = poll_fn(|cx| Pin::new(&mut incoming).poll_frame(cx)).await {
        if let Some(data) = frame?.data_ref() {
            bytes.extend_from_slice(data);
            entry.row.layers.body[1] = bytes.len() as u64;
        }
    }
    Ok(Response::from_parts(parts, bytes.freeze()))
}

async fn two(
    sender: h2::client::SendRequest<Bytes>,
    entry: &mut Entry,
    head: &Parts,
    body: &Bytes,
) -> Result<Response<Bytes>, Fault> {
    let mut request = Request::from_parts(head.clone(), ());
    *request.version_mut() = Version::HTTP_2;
    if !body.is_empty() {
        request.headers_mut().insert(header::CONTENT_LENGTH, (body.len() as u64).into());
    }
    let mut sender = sender.ready().await?;
    let mut written = entry.written();
    let (response, mut stream) = sender.send_request(request, body.is_empty())?;
    if let Some(used) = &mut entry.used {
        used.stream = Some(response.stream_id().as_u32());
    }
    let sent = entry.sent.clone();
    let rest = async {
        let mut rest = body.clone();
        while !rest.is_empty() {
            stream.reserve_capacity(rest.len());
            let Some(room) = poll_fn(|cx| stream.poll_capacity(cx)).await else { break };
            let part = rest.split_to(room?.min(rest.len()));
            sent.fetch_add(part.len() as u64, Ordering::Relaxed);
            stream.send_data(part, rest.is_empty())?;
        }
        response.await
    };
    let (parts, mut incoming) = streams::opened(sender, || written = entry.written(), rest).await?.into_parts();
    entry.head(written, parts.status.as_u16());
    let mut bytes = BytesMut::new();
    while let Some(data) = incoming.data().await {
        let data = match data {
            Ok(data) => data,
            // RFC 9113 §8.1: who has answered before all was there resets with NO_ERROR; the answer stands.
            Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) && parts.status.is_client_error() => break,
            Err(error) => return Err(error.into()),
        };
        incoming.flow_control().release_capacity(data.len())?;
        bytes.extend_from_slice(&data);
        entry.row.layers.body[1] = bytes.len() as u64;
    }
    Ok(Response::from_parts(parts, bytes.freeze()))
}
