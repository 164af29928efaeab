//! One request on one connection, and what can become of it.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use hyper::body::Body;
use sim_core::Time;

use super::body::{self, Zeros};
use super::{HttpConfig, HttpMethod};
use crate::aio::{self, Duration};
use crate::app::dial::{Fault, Progress};
use crate::app::permits::Permits;
use crate::app::pool::{Lease, Pool, Sender};
use crate::app::used::{Steps, Used};
use crate::app::values::Connections;
use crate::host::HttpRow;

/// How long curl waits for `100 Continue`.
const CONTINUE_WAIT: Duration = Duration::from_secs(1);

/// Words of the column `outcome` that are no fault.
pub(crate) const RUNNING: u32 = 0;
pub(crate) const FINISHED: u32 = 1;
pub(crate) const STATUS: u32 = 7;

/// So many letters, which no coding of heads makes much shorter than they are.
fn filler(bytes: u64) -> String {
    (0..bytes).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect()
}

/// A request's row in the making.
pub(super) struct Entry {
    pub row: HttpRow,
    pub start: Time,
    used: Option<Used>,
    /// The connection that it opens.
    pub opening: Progress,
    /// Bytes of its body.
    bytes: u64,
    /// Bytes of its body that were handed to the connection.
    sent: Arc<AtomicU64>,
}

impl Entry {
    /// One with a body of so many bytes.
    pub fn new(row: HttpRow, bytes: u64) -> Entry {
        let start = row.start;
        Entry { row, start, bytes, used: None, opening: Progress::default(), sent: Arc::default() }
    }

    /// It has got its connection.
    fn uses(&mut self, lease: &Lease<Zeros>) {
        let Lease { link, reused, .. } = lease;
        (self.row.connection, self.row.reused) = (Some(link.number), u32::from(*reused));
        self.used = Some(Used::new(link.meter.clone(), *reused));
    }

    /// It was answered with 425: the next attempt is the one whose steps and bytes count, and nothing of it leaves early.
    pub fn again(&mut self) {
        self.start = aio::now();
        (self.used, self.opening) = (None, Progress { late: true, ..Progress::default() });
        let row = &mut self.row;
        (row.queued, row.first_byte, row.status, row.layers.body) = (None, None, None, [0, 0]);
        self.sent.store(0, Ordering::Relaxed);
        row.too_early += 1;
    }

    /// It is written now; says when that is.
    fn written(&mut self) -> Time {
        let now = aio::now();
        self.row.queued = Some((now - self.start).saturating_sub(self.opening.took()));
        now
    }

    /// The row, with what the connection has counted until now.
    pub fn finish(mut self) -> HttpRow {
        let row = &mut self.row;
        row.layers.body[0] = self.sent.load(Ordering::Relaxed);
        (row.dns, row.connect, row.tls) = (self.opening.dns, self.opening.connect, self.opening.tls);
        let steps = Steps { total: row.total, queued: row.queued, first_byte: row.first_byte, ..Steps::default() };
        let mut steps = Steps { repeated: row.too_early > 0, ..steps }.opening(&self.opening);
        // Where it got no further than a connection, that is what it has used.
        if let Some(used) = self.used.or_else(|| Some(Used::new(self.opening.meter?, false))) {
            let passed = used.passed();
            (row.secured, steps.round_trip) = (passed.secured as u32, passed.round_trip);
            passed.tell(&mut row.layers);
            steps.lost = row.layers.retransmissions + row.layers.out_of_order > 0;
        }
        row.layers.cause = steps.cause();
        self.row
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
        entry.uses(&lease);
        let result = match lease.sender() {
            Sender::One(sender) => self.one(sender, entry, missing).await,
            Sender::Two(sender) => {
                let sender = sender.clone();
                self.two(sender, entry, missing).await
            }
        };
        // What TLS has found tells more than what HTTP makes of it.
        let status = result.map_err(|fault| lease.link.meter.fault().unwrap_or(fault))?;
        entry.used.iter_mut().for_each(Used::seal);
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
        entry.row.first_byte = Some(aio::now() - written);
        entry.row.status = Some(u64::from(response.status().as_u16()));
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
        let written = entry.written();
        let (response, mut stream) = sender.send_request(request, bytes == 0)?;
        if let Some(used) = &mut entry.used {
            used.stream = Some(response.stream_id().as_u32());
        }
        drop(sender);
        if bytes > 0
            && let Err(error) = body::send(&mut stream, bytes, true, &entry.sent).await
            && error.reason() != Some(h2::Reason::NO_ERROR)
        {
            return Err(error.into());
        }
        // RFC 9113 §8.1: a server that has answered before it has everything resets with NO_ERROR; the response stands.
        let response = response.await?;
        entry.row.first_byte = Some(aio::now() - written);
        entry.row.status = Some(u64::from(response.status().as_u16()));
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

    use sim_core::Span;
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
