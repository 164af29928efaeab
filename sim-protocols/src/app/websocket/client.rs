//! Who listens for messages, and what each has cost.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use sim_core::{Rng, Span, Time};
use tokio_websockets::{ClientBuilder, CloseCode, Error, Message as Frame};

use super::server::PATH;
use super::source::Message;
use super::{Delivery, WebSocketConfig, seeded};
use crate::aio::{self, Duration};
use crate::app::Scope;
use crate::app::dial::{Dialed, Dialer, Fault, Meter, Origin, Stream, Watched};
use crate::app::http::Writing;
use crate::app::teller::{Said, Teller};
use crate::app::used::{Passed, Spent, Used};
use crate::host::{App, Cause, FlowConfig, Layers, MessageRow, Outcome};

/// The end that listens.
pub(super) fn open(config: WebSocketConfig, scope: Scope) -> Box<dyn App> {
    Box::new(Teller::new(move |flow: &FlowConfig, said| {
        let (name, secure) = (config.named.name(&scope, flow.server, true), config.tls.is_some());
        let origin = Origin { name, address: flow.server, port: flow.port, secure };
        let (target, flow, streams) = (format!("{PATH}{}", flow.name), flow.number, *scope.streams());
        let known = scope.clone();
        let times = scope.stream("reconnect");
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(&streams, &["http/1.1"]));
            let dialer = Dialer { nodelay: config.nodelay, tls, names: config.named.names(&known) };
            let listener = Listener {
                config,
                flow,
                target,
                said: said.clone(),
                times,
                highest: 0,
                connection: 0,
                heard: false,
                since: aio::now(),
                asked: 0,
                requests: 0,
                used: None,
                held: VecDeque::new(),
            };
            let ended = listener.listen(&dialer, &origin).await;
            said.outcome(ended.err().map_or(Outcome::Finished, Fault::outcome));
        };
        scope.program("client", main)
    }))
}

/// Words of the column `outcome`.
const CAME: u32 = 0;
const RECONNECTED: u32 = 1;
const LOST: u32 = 2;

/// A client, on one connection after the other.
struct Listener {
    config: WebSocketConfig,
    flow: u32,
    target: String,
    said: Said,
    times: Rng,
    /// The number of the last message.
    highest: u64,
    /// The number of the connection, from 1.
    connection: u64,
    /// Whether a message has come by it.
    heard: bool,
    /// When it was established.
    since: Time,
    /// Requests of HTTP so far.
    asked: u64,
    /// Requests since the message before.
    requests: u64,
    /// What has passed on it since the message before.
    used: Option<Used>,
    /// How long what was sent again had been under way on the connection when which message came ([`crate::tcp::Counters::held_both_ways`]).
    held: VecDeque<(Time, Span)>,
}

impl Listener {
    async fn listen(mut self, dialer: &Dialer, origin: &Origin) -> Result<(), Fault> {
        let mut failures = 0;
        loop {
            self.heard = false;
            let fault = match self.once(dialer, origin).await {
                Ok(true) => return Ok(()),
                // The server had waited for long enough for the next request: that is no failure.
                Ok(false) => continue,
                Err(fault) => fault,
            };
            // What is wrong with a certificate is so the next time.
            let passes = fault.passes();
            let Some(reconnect) = self.config.reconnect.filter(|_| passes) else { return Err(fault) };
            // RFC 6455 §7.2.3: the first attempt comes after a random time, "subsequent reconnect attempts SHOULD be delayed by increasingly longer
            // amounts of time, using a method such as truncated binary exponential backoff".
            failures = if self.heard { 0 } else { failures + 1 };
            let most = reconnect.saturating_mul(1 << failures.min(32)).min(self.config.reconnect_max.max(reconnect));
            let wait = Span::from_ps(1 + self.times.below(most.ps()));
            aio::sleep_until(aio::now() + wait).await;
        }
    }

    /// All on one connection; says whether that is all.
    async fn once(&mut self, dialer: &Dialer, origin: &Origin) -> Result<bool, Fault> {
        // The first request of a connection has its row with all that opening it takes.
        let mut first = self.request();
        let dialed = {
            let (watched, _follows) = Watched::by(&mut first.entry().opening);
            dialer.dial(origin, &watched).await
        };
        let Dialed { stream, meter, .. } = dialed.inspect_err(|fault| first.entry().ended(Err(*fault)))?;
        (self.connection, self.since) = (self.connection + 1, aio::now());
        self.used = Some(Used::new(meter.clone(), false));
        first.entry().uses(self.connection, false, &meter);
        self.held.clear();
        let result = match self.config.mode {
            Delivery::Push => seeded(self.connection, self.pushed(origin, stream, &meter, first)).await.map(|()| true),
            Delivery::Polling | Delivery::LongPolling => self.ask(origin, stream, &meter, first).await,
        };
        result.map_err(|fault| meter.fault().unwrap_or(fault))
    }

    /// A request of HTTP: its row, which is told when it is dropped.
    fn request(&mut self) -> Writing {
        self.asked += 1;
        Writing::new(self.flow, self.asked, 0, &self.said)
    }

    fn has_all(&self) -> bool {
        self.config.count.is_some_and(|count| self.highest >= count)
    }

    /// Messages that the server sends when it has them.
    async fn pushed(
        &mut self,
        origin: &Origin,
        stream: Stream,
        meter: &Arc<Meter>,
        mut upgrade: Writing,
    ) -> Result<(), Fault> {
        let scheme = if origin.secure { "wss" } else { "ws" };
        let uri = format!("{scheme}://{}{}", origin.authority(), self.target);
        let uri = uri.parse().expect("names of hosts and flows are plain");
        let written = upgrade.entry().written();
        let opened = ClientBuilder::from_uri(uri).connect_on(stream).await.map_err(fault);
        let opened = opened.inspect_err(|fault| upgrade.entry().ended(Err(meter.fault().unwrap_or(*fault))));
        let (mut socket, response) = opened?;
        upgrade.entry().head(written, &response);
        // It has led to what it asked for.
        upgrade.entry().ended(Ok(StatusCode::OK));
        drop(upgrade);
        // Whether the last thing said was a ping, and whether the server has said that it has no more.
        let (mut pinged, mut over) = (false, false);
        loop {
            let heard = match self.config.ping {
                None => socket.next().await,
                Some(silence) => {
                    let silence = Duration::from_nanos(silence.ps().div_ceil(1000));
                    match aio::timeout(silence, socket.next()).await {
                        Ok(heard) => heard,
                        // Who comes again need not wait until TCP gives up.
                        Err(_) if pinged && self.config.reconnect.is_some() => return Err(Fault::TimedOut),
                        Err(_) => {
                            pinged = true;
                            socket.send(Frame::ping("")).await.map_err(fault)?;
                            continue;
                        }
                    }
                }
            };
            pinged = false;
            match heard {
                Some(Ok(frame)) if frame.is_binary() => self.take(frame.as_payload(), meter),
                Some(Ok(frame)) => over |= frame.as_close().is_some_and(|(code, _)| code == CloseCode::NORMAL_CLOSURE),
                Some(Err(error)) => return Err(fault(error)),
                // The server has closed, and the library has answered.
                None if self.has_all() => return Ok(()),
                None if over && self.config.reconnect.is_some() => {
                    self.missing(self.config.count.map_or(self.highest, |count| count) + 1);
                    return Ok(());
                }
                None => return Err(Fault::Closed),
            }
        }
    }

    /// Messages that are asked for; says whether these are all, or the connection was closed between requests.
    async fn ask(
        &mut self,
        origin: &Origin,
        stream: Stream,
        meter: &Arc<Meter>,
        first: Writing,
    ) -> Result<bool, Fault> {
        let (mut sender, connection) = hyper::client::conn::http1::handshake::<_, Empty<Bytes>>(stream).await?;
        aio::spawn_named("connection", async move { drop(connection.await) });
        let mut first = Some(first);
        // Whether the server may have waited for long enough since the request before, so that it has closed, or does so now: asking again does no
        // harm (RFC 9110 §9.2.2).
        let mut stale = false;
        while !self.has_all() {
            if stale && sender.is_closed() {
                return Ok(false);
            }
            let mut writing = first.take().unwrap_or_else(|| {
                let mut writing = self.request();
                writing.entry().uses(self.connection, true, meter);
                writing
            });
            let request = Request::get(&self.target).header(header::HOST, origin.authority());
            let request = request.header(header::USER_AGENT, "clockwire").header(header::ACCEPT, "*/*");
            self.requests += 1;
            let request = request.body(Empty::new()).expect("all of it is written here");
            let entry = writing.entry();
            let exchange = async {
                let written = entry.written();
                let response = sender.send_request(request).await?;
                entry.head(written, &response);
                let status = response.status();
                let body = response.into_body().collect().await?.to_bytes();
                entry.row.layers.body[1] = body.len() as u64;
                Ok((status, body))
            };
            let answered = exchange.await.map_err(|fault: Fault| meter.fault().unwrap_or(fault));
            let entry = writing.entry();
            entry.ended(answered.as_ref().map(|(status, _)| *status).map_err(|fault| *fault));
            let begun = entry.row.first_byte.is_some();
            drop(writing);
            let (status, body) = match answered {
                Err(Fault::Closed | Fault::Reset) if stale && !begun => return Ok(false),
                other => other?,
            };
            stale = self.config.mode == Delivery::Polling && self.config.poll >= self.config.timeouts.keepalive;
            match status {
                StatusCode::OK => self.take(&body, meter),
                // There is nothing any more: the last ones went down with a connection.
                StatusCode::GONE => {
                    self.missing(self.config.count.map_or(self.highest, |count| count) + 1);
                    return Ok(true);
                }
                _ => {}
            }
            if self.config.mode == Delivery::Polling && !self.has_all() {
                aio::sleep_until(aio::now() + self.config.poll).await;
            }
        }
        Ok(true)
    }

    /// Messages below this number that have not come do so no more: who has them sends them in order, and once.
    fn missing(&mut self, next: u64) {
        for number in self.highest + 1..next {
            self.said.row(MessageRow {
                flow: self.flow,
                workload: self.flow,
                number,
                created: None,
                delay: None,
                connection: self.connection,
                outcome: LOST,
                requests: 0,
                layers: Layers::default(),
            });
            self.highest = number;
        }
    }

    /// Messages that came together: the first one has the row with all that passed since the one before.
    fn take(&mut self, bytes: &[u8], meter: &Arc<Meter>) {
        let (now, mut rest) = (aio::now(), bytes);
        while let Some(Message { number, created, size }) = Message::parse(rest) {
            rest = &rest[size..];
            self.missing(number);
            self.highest = number;
            let outcome = if self.connection > 1 && !self.heard { RECONNECTED } else { CAME };
            self.heard = true;
            let again = Used::new(meter.clone(), true);
            let Passed { mut layers, mut spent, .. } = self.used.replace(again).expect("connected").passed();
            // What came with this one, less all messages in it; those behind it have nothing left.
            let payload = if layers.http[1] > 0 { bytes.len() as u64 } else { 0 };
            layers.http[1] = layers.http[1].saturating_sub(payload);
            layers.body = [0, size as u64];
            // What was lost before it has held it up, too.
            let total = meter.tcp().held_both_ways();
            spent.held = total.saturating_sub(self.held_until(created));
            self.held.push_back((now, total));
            let delay = now - created;
            layers.cause = self.cause(created, delay, &spent);
            self.said.row(MessageRow {
                flow: self.flow,
                workload: self.flow,
                number,
                created: Some(created),
                delay: Some(delay),
                connection: self.connection,
                outcome,
                requests: std::mem::take(&mut self.requests),
                layers,
            });
        }
    }

    /// How long that had been when a message was created; messages come in the order in which they are.
    fn held_until(&mut self, created: Time) -> Span {
        while self.held.get(1).is_some_and(|(time, _)| *time <= created) {
            self.held.pop_front();
        }
        self.held.front().filter(|(time, _)| *time <= created).map_or(Span::ZERO, |(_, total)| *total)
    }

    /// Where most of a message's delay has gone: half a round trip of path; a connection that was not there; a loss; or it waited, to be asked for or
    /// behind others.
    fn cause(&self, created: Time, delay: Span, spent: &Spent) -> Cause {
        let connect = if created < self.since { (self.since - created).min(delay) } else { Span::ZERO };
        let left = delay - connect;
        let path = Span::from_ps(spent.round_trip.unwrap_or_default().ps() / 2).min(left);
        let again = spent.held.min(left - path);
        let queued = (left - path) - again;
        let shares =
            [(path, Cause::Path), (connect, Cause::Connect), (again, Cause::Retransmission), (queued, Cause::Queued)];
        let most = shares.iter().map(|(span, _)| *span).max().unwrap_or_default();
        shares.iter().find(|(span, _)| *span == most).map_or(Cause::Path, |(_, cause)| *cause)
    }
}

/// What a flow calls what tokio-websockets has met.
fn fault(error: Error) -> Fault {
    match error {
        Error::Io(error) => error.into(),
        _ => Fault::Closed,
    }
}
