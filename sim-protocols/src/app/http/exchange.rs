//! One request on one connection, and what can become of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Body;
use sim_core::{Span, Time};

use super::body::{self, Zeros};
use super::{HttpConfig, HttpMethod};
use crate::aio::{self, Duration, streams};
use crate::app::dial::fault::{FINISHED, RUNNING, STATUS};
use crate::app::dial::{Fault, Meter, Progress};
use crate::app::permits::Permits;
use crate::app::pool::{Pool, Sender};
use crate::app::teller::Said;
use crate::app::used::{Steps, Used};
use crate::app::values::Connections;
use crate::host::{HttpRow, Layers};

/// How long curl waits for `100 Continue`.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// So many letters, which no coding of heads makes much shorter than they are.
fn filler(bytes: u64) -> String {
    (0..bytes).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect()
}

/// A request's row in the making.
pub(crate) struct Entry {
    pub row: HttpRow,
    pub start: Time,
    used: Option<Used>,
    /// The connection that it opens.
    pub opening: Progress,
    /// Bytes of its body.
    bytes: u64,
    /// Bytes of its body that were handed to the connection.
    sent: Arc<AtomicU64>,
    /// When to come again, as the answer says.
    pub after: Option<Span>,
    /// Whether it waits for its next attempt.
    pub waits: bool,
}

impl Entry {
    /// One with a body of so many bytes.
    pub fn new(row: HttpRow, bytes: u64) -> Entry {
        let start = row.start;
        let opening = Progress::default();
        Entry { row, start, bytes, used: None, opening, sent: Arc::default(), after: None, waits: false }
    }

    /// It has got its connection.
    pub fn uses(&mut self, number: u64, reused: bool, meter: &Arc<Meter>) {
        (self.row.connection, self.row.reused) = (Some(number), u32::from(reused));
        self.used = Some(Used::new(meter.clone(), reused));
    }

    /// It was answered with 425: nothing of the next attempt leaves early.
    pub fn too_early(&mut self) {
        self.again();
        self.opening.late = true;
        self.row.too_early += 1;
    }

    /// It is made again: the next attempt is the one whose steps and bytes count.
    pub fn again(&mut self) {
        self.start = aio::now();
        (self.used, self.opening, self.after, self.waits) = (None, Progress::default(), None, false);
        let row = &mut self.row;
        (row.queued, row.first_byte, row.status, row.layers.body) = (None, None, None, [0, 0]);
        (row.connection, row.reused, row.secured) = (None, 0, 0);
        // What is left of the attempt before may still count there.
        self.sent = Arc::default();
    }

    /// It is written now; says when that is.
    pub fn written(&mut self) -> Time {
        let now = aio::now();
        self.used.iter_mut().for_each(Used::asks);
        self.row.queued = Some((now - self.start).saturating_sub(self.opening.took()));
        now
    }

    /// The head of the answer is there.
    pub fn head<B>(&mut self, written: Time, response: &Response<B>) {
        self.used.iter_mut().for_each(Used::answered);
        self.row.first_byte = Some(aio::now() - written);
        self.row.status = Some(u64::from(response.status().as_u16()));
        // RFC 9110 §10.2.3; our servers say seconds, never a date.
        let after = response.headers().get(header::RETRY_AFTER).and_then(|after| after.to_str().ok()?.parse().ok());
        self.after = after.map(|seconds: u32| Span::from_secs(u64::from(seconds)));
    }

    /// How long to wait before it may be made again after such an answer, or such a failure; none where it may not.
    pub fn may_come_again(&self, method: HttpMethod, result: Result<StatusCode, Fault>) -> Option<Span> {
        match result {
            // Whoever was turned away was not served, whatever he wanted.
            Ok(StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) => self.after,
            Ok(_) => None,
            // RFC 9110 §9.2.2: who cannot know that the server has done nothing asks again for what is idempotent alone.
            Err(fault) => {
                let unsent = self.row.queued.is_none();
                (fault.passes() && (method == HttpMethod::Get || unsent)).then_some(Span::ZERO)
            }
        }
    }

    /// It is over.
    pub fn ended(&mut self, result: Result<StatusCode, Fault>) {
        self.row.outcome = match result {
            Ok(status) if status.is_success() => FINISHED,
            Ok(_) => STATUS,
            Err(fault) => fault as u32,
        };
        self.row.total = Some(aio::now() - self.row.start);
        self.seal();
    }

    /// What passes on its connection from now on is not for this request.
    pub fn seal(&mut self) {
        self.used.iter_mut().for_each(Used::seal);
    }

    /// The row, with what the connection has counted until now.
    pub fn finish(mut self) -> HttpRow {
        let row = &mut self.row;
        row.layers.body[0] = self.sent.load(Ordering::Relaxed);
        (row.dns, row.connect, row.tls) = (self.opening.dns, self.opening.connect, self.opening.tls);
        let steps = Steps { total: row.total, queued: row.queued, first_byte: row.first_byte, ..Steps::default() };
        let repeated = row.too_early + row.retries > 0 || self.waits;
        let mut steps = Steps { repeated, ..steps }.opening(self.start, &self.opening);
        row.queued = steps.queued;
        // Where it got no further than a connection, that is what it has used.
        if let Some(used) = self.used.or_else(|| Some(Used::new(self.opening.meter?, false))) {
            let passed = used.passed();
            (row.secured, steps.spent) = (passed.secured as u32, passed.spent);
            passed.tell(&mut row.layers);
        }
        row.layers.cause = steps.cause();
        self.row
    }
}

/// A request's row, which is written when it is dropped: also by the stop.
pub(crate) struct Writing {
    said: Said,
    entry: Option<Entry>,
}

impl Writing {
    /// A request that wants to be sent now, with a body of so many bytes.
    pub fn new(flow: u32, number: u64, bytes: u64, said: &Said) -> Writing {
        Writing { said: said.clone(), entry: Some(Entry::new(row(flow, number, aio::now()), bytes)) }
    }

    pub fn entry(&mut self) -> &mut Entry {
        self.entry.as_mut().expect("it is taken at the end")
    }
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.said.row(entry.finish());
        }
    }
}

fn row(flow: u32, number: u64, start: Time) -> HttpRow {
    HttpRow {
        flow,
        workload: flow,
        number,
        start,
        queued: None,
        dns: None,
        connect: None,
        tls: None,
        first_byte: None,
        total: None,
        status: None,
        connection: None,
        reused: 0,
        secured: 0,
        too_early: 0,
        retries: 0,
        outcome: RUNNING,
        layers: Layers::default(),
    }
}

/// What all requests of a flow have in common.
pub(super) struct Asked {
    pub config: HttpConfig,
    /// The server as requests call it: its address, or with TLS its name, and its port.
    pub authority: String,
}

impl Asked {
    fn request<B>(&self, number: u64, missing: bool, body: B) -> Request<B> {
        let scheme = if self.config.tls.is_some() { "https" } else { "http" };
        let method = match self.config.method {
            HttpMethod::Get => Method::GET,
            HttpMethod::Post => Method::POST,
        };
        let path = if missing { "missing" } else { "items" };
        let query = match self.config.url.bytes() {
            0 => String::new(),
            bytes => format!("?{}", filler(bytes - 1)),
        };
        let uri = format!("{scheme}://{}/{path}/{number}{query}", self.authority);
        let request = Request::builder().method(method).uri(uri);
        let mut request = request.header(header::USER_AGENT, "clockwire").header(header::ACCEPT, "*/*");
        if self.config.header.bytes() > 0 {
            request = request.header(header::COOKIE, filler(self.config.header.bytes()));
        }
        request.body(body).expect("all of it is written here")
    }

    /// Asks on a connection of the pool, notes in the entry what happens, and gives the status of the response that has come as a whole.
    ///
    /// # Errors
    /// It has not.
    pub async fn exchange(
        &self,
        pool: &Arc<Pool<Zeros>>,
        entry: &mut Entry,
        missing: bool,
    ) -> Result<StatusCode, Fault> {
        let mut lease = pool.lease(&mut entry.opening).await?;
        entry.uses(lease.link.number, lease.reused, &lease.link.meter);
        let result = match lease.sender() {
            Sender::One(sender) => self.one(sender, entry, missing).await,
            Sender::Two(sender) => {
                let sender = sender.clone();
                self.two(sender, entry, missing).await
            }
        };
        // What TLS has found tells more than what HTTP makes of it.
        let status = result.map_err(|fault| lease.link.meter.fault().unwrap_or(fault))?;
        entry.seal();
        lease.give_back();
        Ok(status)
    }

    async fn one(
        &self,
        sender: &mut hyper::client::conn::http1::SendRequest<Zeros>,
        entry: &mut Entry,
        missing: bool,
    ) -> Result<StatusCode, Fault> {
        let bytes = entry.bytes;
        let waits = self.config.expect_continue;
        // The place is given when the body may go.
        let gate = Permits::new(u64::from(!waits));
        let body = if waits { Zeros::behind(bytes, gate.acquire()) } else { Zeros::new(bytes) };
        let body = if self.config.chunked && bytes > 0 { body.of_unknown_length() } else { body };
        let mut request = self.request(entry.row.number, missing, body.counted(&entry.sent));
        // RFC 9112 §3.2: the host goes into its field, the target is the path alone.
        let uri = request.uri().clone();
        let host = uri.authority().map_or("", |authority| authority.as_str());
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(host).expect("an address"));
        *request.uri_mut() =
            uri.path_and_query().map_or("/", |target| target.as_str()).parse().expect("it was the path of a URI");
        if self.config.connections == Connections::New {
            request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if waits {
            request.headers_mut().insert(header::EXPECT, HeaderValue::from_static("100-continue"));
            let opens = gate.clone();
            hyper::ext::on_informational(&mut request, move |_| opens.add());
            aio::spawn(async move {
                aio::sleep(CONTINUE_WAIT).await;
                gate.add();
            });
        }
        sender.ready().await?;
        let written = entry.written();
        let response = sender.send_request(request).await?;
        entry.head(written, &response);
        let status = response.status();
        let mut body = response.into_body();
        while let Some(frame) = poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
            entry.row.layers.body[1] += frame?.data_ref().map_or(0, |data| data.len() as u64);
        }
        Ok(status)
    }

    async fn two(
        &self,
        sender: h2::client::SendRequest<Bytes>,
        entry: &mut Entry,
        missing: bool,
    ) -> Result<StatusCode, Fault> {
        let bytes = entry.bytes;
        let mut request = self.request(entry.row.number, missing, ());
        if self.config.method == HttpMethod::Post {
            request.headers_mut().insert(header::CONTENT_LENGTH, bytes.into());
        }
        *request.version_mut() = http::Version::HTTP_2;
        let mut sender = sender.ready().await?;
        let mut written = entry.written();
        let (response, mut stream) = sender.send_request(request, bytes == 0)?;
        if let Some(used) = &mut entry.used {
            used.stream = Some(response.stream_id().as_u32());
        }
        let sent = entry.sent.clone();
        let rest = async {
            if bytes > 0
                && let Err(error) = body::send(&mut stream, bytes, true, &sent).await
                && error.reason() != Some(h2::Reason::NO_ERROR)
            {
                return Err(error);
            }
            // RFC 9113 §8.1: a server that has answered before it has everything resets with NO_ERROR; the response stands.
            response.await
        };
        let response = streams::opened(sender, || written = entry.written(), rest).await?;
        entry.head(written, &response);
        let status = response.status();
        let mut body = response.into_body();
        while let Some(data) = body.data().await {
            let len = match data {
                Ok(data) => data.len(),
                Err(error) if error.reason() == Some(h2::Reason::NO_ERROR) && status.is_client_error() => break,
                Err(error) => return Err(error.into()),
            };
            entry.row.layers.body[1] += len as u64;
            body.flow_control().release_capacity(len)?;
        }
        Ok(status)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::aio::{Link, Sim, TcpListener, TcpStream};

    /// A server that says so much of a response of 100 bytes, and then closes or aborts.
    async fn serve(aborts: bool) -> io::Result<()> {
        let (mut stream, _) = TcpListener::bind("0.0.0.0:80").await?.accept().await?;
        stream.read_u8().await?;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf").await?;
        aio::sleep(Duration::from_millis(100)).await;
        if aborts {
            stream.abort();
        }
        Ok(())
    }

    /// What hyper's client makes of it.
    async fn ask(port: u16) -> Result<(), Fault> {
        let stream = TcpStream::connect(format!("server:{port}").as_str()).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
        aio::spawn(connection);
        let request = Request::get("/").header("host", "server").body(Zeros::new(0)).expect("a request");
        let mut body = sender.send_request(request).await?.into_body();
        while let Some(frame) = poll_fn(|cx| std::pin::Pin::new(&mut body).poll_frame(cx)).await {
            frame?;
        }
        Ok(())
    }

    fn fault(aborts: bool, port: u16) -> Result<(), Fault> {
        let mut sim = Sim::new(7);
        sim.host("client").host("server").link("client", "server", Link::new(Span::from_ms(20)));
        sim.spawn("server", "http", serve(aborts));
        let asked = sim.spawn("client", "ask", ask(port));
        sim.run(Span::from_secs(10)).expect("no task turns in a circle");
        asked.take()
    }

    #[test]
    fn faults_are_called_what_they_are() {
        assert_eq!(fault(false, 81), Err(Fault::Refused), "nobody listens");
        assert_eq!(fault(true, 80), Err(Fault::Reset), "reset in mid-response");
        // A socket that is dropped with the rest of the request unread resets, as close(2) does.
        assert_eq!(fault(false, 80), Err(Fault::Reset), "closed with unread bytes");
        let kinds = [
            (io::ErrorKind::TimedOut, Fault::TimedOut),
            (io::ErrorKind::HostUnreachable, Fault::Unreachable),
            (io::ErrorKind::UnexpectedEof, Fault::Closed),
        ];
        kinds.into_iter().for_each(|(kind, fault)| assert_eq!(Fault::from(kind), fault));
    }
}
