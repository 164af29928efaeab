//! Who listens for messages, and what each has cost.

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use tokio_websockets::{ClientBuilder, Error, Message as Frame};

use super::server::PATH;
use super::source::Message;
use super::{Delivery, WebSocketConfig, seeded};
use crate::aio::{self, Duration};
use crate::app::Scope;
use crate::app::dial::{Dialed, Dialer, Fault, Meter, Origin, Progress, Stream, UpDown};
use crate::app::teller::{Said, Teller};
use crate::host::{App, FlowConfig, MessageRow, Outcome};
use crate::tcp::Counters;

/// The end that listens.
pub(super) fn open(config: WebSocketConfig, scope: Scope) -> Box<dyn App> {
    Box::new(Teller::new(move |flow: &FlowConfig, said| {
        let (name, secure) = (scope.name_of(flow.server), config.tls.is_some());
        let origin = Origin { name, address: flow.server, port: flow.port, secure };
        let (target, flow, streams) = (format!("{PATH}{}", flow.name), flow.number, *scope.streams());
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(&streams, &["http/1.1"]));
            let dialer = Dialer { nodelay: config.nodelay, tls, names: None };
            let listener = Listener { config, flow, target, said: said.clone(), received: 0, before: None };
            let ended = listener.listen(&dialer, &origin).await;
            said.outcome(ended.err().map_or(Outcome::Finished, Fault::outcome));
        };
        scope.program("client", main)
    }))
}

/// A client on its connection.
struct Listener {
    config: WebSocketConfig,
    flow: u32,
    target: String,
    said: Said,
    received: u64,
    /// What had passed when the last message came.
    before: Option<Passed>,
}

/// What has passed on a connection.
#[derive(Clone, Copy, Default)]
struct Passed {
    app: UpDown,
    tls: UpDown,
    tcp: Counters,
    requests: u64,
}

impl Passed {
    fn now(meter: &Meter, requests: u64) -> Passed {
        Passed { app: meter.all(), tls: meter.overhead(), tcp: meter.tcp(), requests }
    }
}

impl Listener {
    async fn listen(mut self, dialer: &Dialer, origin: &Origin) -> Result<(), Fault> {
        let Dialed { stream, meter, .. } = dialer.dial(origin, &mut Progress::default()).await?;
        let result = match self.config.mode {
            Delivery::Push => seeded(self.pushed(origin, stream, &meter)).await,
            Delivery::Polling | Delivery::LongPolling => self.ask(origin, stream, &meter).await,
        };
        result.map_err(|fault| meter.fault().unwrap_or(fault))
    }

    fn has_all(&self) -> bool {
        self.config.count.is_some_and(|count| self.received >= count)
    }

    /// Messages that the server sends when it has them.
    async fn pushed(&mut self, origin: &Origin, stream: Stream, meter: &Meter) -> Result<(), Fault> {
        let scheme = if origin.secure { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}:{}{}", origin.name, origin.port, self.target);
        let uri = uri.parse().expect("names of hosts and flows are plain");
        let (mut socket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await.map_err(fault)?;
        loop {
            let heard = match self.config.ping {
                None => socket.next().await,
                Some(silence) => {
                    let silence = Duration::from_nanos(silence.ps().div_ceil(1000));
                    match aio::timeout(silence, socket.next()).await {
                        Ok(heard) => heard,
                        Err(_) => {
                            socket.send(Frame::ping("")).await.map_err(fault)?;
                            continue;
                        }
                    }
                }
            };
            match heard {
                Some(Ok(frame)) if frame.is_binary() => self.take(frame.as_payload(), meter, 0),
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(fault(error)),
                // The server has closed, and the library has answered.
                None if self.has_all() => return Ok(()),
                None => return Err(Fault::Closed),
            }
        }
    }

    /// Messages that are asked for.
    async fn ask(&mut self, origin: &Origin, stream: Stream, meter: &Meter) -> Result<(), Fault> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(stream).await?;
        aio::spawn_named("connection", async move { drop(connection.await) });
        let mut requests = 0;
        while !self.has_all() {
            requests += 1;
            let request = Request::get(&self.target).header(header::HOST, format!("{}:{}", origin.name, origin.port));
            let request = request.header(header::USER_AGENT, "clockwire").header(header::ACCEPT, "*/*");
            sender.ready().await?;
            let response = sender.send_request(request.body(Empty::new()).expect("all of it is written here")).await?;
            let status = response.status();
            let body = response.into_body().collect().await?.to_bytes();
            if status == StatusCode::OK {
                self.take(&body, meter, requests);
            }
            if self.config.mode == Delivery::Polling && !self.has_all() {
                aio::sleep_until(aio::now() + self.config.poll).await;
            }
        }
        Ok(())
    }

    /// Messages that came together: the first one has the row with all that passed since the one before.
    fn take(&mut self, bytes: &[u8], meter: &Meter, requests: u64) {
        let size = self.config.size.bytes();
        for part in bytes.chunks(size as usize) {
            let Some(Message { number, created }) = Message::parse(part) else { return };
            self.received += 1;
            let (now, before) = (Passed::now(meter, requests), self.before.unwrap_or_default());
            self.before = Some(now);
            let since = |now: UpDown, before: UpDown| [now[0] - before[0], now[1] - before[1]];
            let (app, tls) = (since(now.app, before.app), since(now.tls, before.tls));
            // What came with this one, less all messages in it; those behind it have nothing left.
            let payload = if app[1] > 0 { bytes.len() as u64 } else { 0 };
            self.said.row(MessageRow {
                flow: self.flow,
                workload: self.flow,
                number,
                created,
                delay: aio::now() - created,
                body: size,
                http_up: app[0],
                http_down: app[1].saturating_sub(payload),
                tls_up: tls[0],
                tls_down: tls[1],
                tcp_up: now.tcp.bytes_sent - before.tcp.bytes_sent,
                tcp_down: now.tcp.bytes_received - before.tcp.bytes_received,
                requests: now.requests - before.requests,
            });
        }
    }
}

/// What a flow calls what tokio-websockets has met.
fn fault(error: Error) -> Fault {
    match error {
        Error::Io(error) => error.into(),
        _ => Fault::Closed,
    }
}
