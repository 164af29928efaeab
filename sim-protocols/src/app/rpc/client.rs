//! Who calls: stubs, deadlines, repetitions with a budget, and a row for each call.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http_body_util::Full;
use sim_core::{Prob, Rng, Span, Time};

use super::datagram::Datagrams;
use super::framed::{Coming, answer_number, read_reply};
use super::pool::Frames;
use super::service::work;
use super::status::{Answer, ReplyStatus};
use super::streams::Talk;
use super::{CallForm, CallOperation, Carrier, ITEMS, Marshal, RpcConfig, grpc, http as binding};
use crate::aio::grpc::{Channel, Seen};
use crate::aio::{self, Duration};
use crate::app::Scope;
use crate::app::dial::fault::{FINISHED, STATUS};
use crate::app::dial::{Dialer, Fault, Meter, Origin, Progress, lock};
use crate::app::loops::{self, Asker, Chance};
use crate::app::pool::{Lease, Manner, Pool, Sender, Speaks};
use crate::app::retries::Budget;
use crate::app::teller::{Said, Teller};
use crate::app::used::{Steps, Used};
use crate::app::values::Connections;
use crate::host::{App, CallRow, Layers, MALFORMED, OVERLOADED, Outcome};
use crate::rpc::model::{Call, Item, Reply};

/// The calling end.
pub(super) fn open(config: &RpcConfig, scope: &Scope) -> Box<dyn App> {
    let (config, scope) = (config.clone(), scope.clone());
    Box::new(Teller::new(move |flow, said| {
        let pace = config.pace();
        let chance = Chance::new(&pace, &scope);
        let secure = config.tls.is_some();
        let host = config.named.name(&scope, flow.server, secure);
        let origin = Origin { name: host, address: flow.server, port: flow.port, secure };
        let authority = origin.authority();
        let turn = Turn {
            missing: scope.stream("missing"),
            budget: Budget::new(config.retries, scope.stream("backoff")),
            failed: None,
        };
        let (flow, resends, known) = (flow.number, scope.stream("resend"), scope.clone());
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(known.streams(), config.form.alpn()));
            let dialer = Dialer { nodelay: config.nodelay, tls, names: config.named.names(&known) };
            let ways = Ways::new(&config, dialer, origin, resends, &said);
            let client = Client { config, ways, authority, flow, turn: Mutex::new(turn), said: said.clone() };
            let client = Arc::new(client);
            loops::run(client.clone(), pace, chance).await;
            client.ways.close();
            let failed = lock(&client.turn).failed;
            said.outcome(failed.map_or(Outcome::Finished, Fault::outcome));
        };
        scope.program("client", main)
    }))
}

/// What calls go by.
enum Ways {
    Http(Arc<Pool<Full<Bytes>>>),
    Frames(Arc<Frames>),
    Datagrams(Arc<Datagrams>),
}

impl Ways {
    fn new(config: &RpcConfig, dialer: Dialer, origin: Origin, resends: Rng, said: &Said) -> Ways {
        match config.form.codec() {
            Some(_) if config.form.carrier() == Carrier::Datagrams => {
                Ways::Datagrams(Arc::new(Datagrams::new(config, &origin, resends, said)))
            }
            Some(codec) if matches!(config.form.carrier(), Carrier::Frames | Carrier::SharedFrames) => {
                Ways::Frames(Frames::new(config, codec, dialer, origin))
            }
            _ => {
                let speaks = if config.form.carrier() == Carrier::HttpTwo { Speaks::Two } else { Speaks::One };
                let kept = config.connections == Connections::Kept;
                let manner = Manner { speaks, kept, connections: config.pool };
                Ways::Http(Pool::new(manner, dialer, origin, &Arc::default()))
            }
        }
    }

    fn close(&self) {
        match self {
            Ways::Http(pool) => pool.close(),
            Ways::Frames(frames) => frames.close(),
            Ways::Datagrams(datagrams) => datagrams.close(),
        }
    }
}

/// What the tasks of a client share.
struct Client {
    config: RpcConfig,
    ways: Ways,
    authority: String,
    flow: u32,
    turn: Mutex<Turn>,
    said: Said,
}

struct Turn {
    missing: Rng,
    budget: Budget,
    failed: Option<Fault>,
}

/// A call's row in the making, which is written when it is dropped: also by the stop.
struct Entry {
    row: CallRow,
    said: Said,
    used: Option<Used>,
    /// How much of the reply is there, but of gRPC and of datagrams.
    coming: Arc<Coming>,
    /// Of gRPC: what the call has had of its stream, and of its messages.
    seen: Option<(Arc<Seen>, Arc<Talk>)>,
    /// Whether its client sends many messages.
    sends_stream: bool,
    opening: Progress,
    over_http: bool,
    /// By datagrams: how long the request was under way before the last copy of it was sent.
    held: Span,
    /// When the attempt began, and since when a connection is looked for.
    looking: Time,
    /// Whether it waits for its next attempt.
    waits: bool,
}

impl Entry {
    fn uses(&mut self, number: u64, reused: bool, meter: &Arc<Meter>) {
        (self.row.connection, self.row.reused) = (Some(number), u32::from(reused));
        self.row.leaves_from(meter.local);
        self.used = Some(Used::new(meter.clone(), reused));
        self.goes();
    }

    /// It goes now: its connection, of HTTP/2 its stream, is open.
    fn goes(&mut self) {
        self.row.queued = Some(self.waited(aio::now()));
        self.used.iter_mut().for_each(Used::asks);
    }

    /// How long it has waited for a connection until then, or for a stream.
    fn waited(&self, until: Time) -> Span {
        (until - self.looking).saturating_sub(self.opening.took())
    }

    /// The next attempt: its steps are those that count.
    fn again(&mut self) {
        (self.used, self.opening, self.held, self.waits) = (None, Progress::default(), Span::ZERO, false);
        self.coming = Arc::default();
        if let Some((_, talk)) = self.seen.take() {
            talk.close();
        }
        let row = &mut self.row;
        (row.marshal, row.queued) = (None, None);
        (row.sent, row.first_byte, row.last_byte, row.unmarshal) = (None, None, None, None);
        (row.client, row.port, row.on_connection) = (Ipv4Addr::UNSPECIFIED, None, None);
        row.layers = Layers::default();
        (row.messages_up, row.messages, row.status) = (0, 0, ReplyStatus::None as u32);
        row.retries += 1;
    }

    /// What there is of the reply, also where it was broken off.
    fn look(&mut self) {
        let came = std::mem::take(&mut self.coming).came();
        if let (Some(first), Some(sent), Some(used)) = (came.first, self.row.sent, &mut self.used) {
            used.answered();
            self.row.first_byte = Some(first - sent);
            self.row.layers.body[1] = came.bytes;
            // What the other forms call a reply stands in its body.
            if [CallForm::RestHttp1, CallForm::RestHttp2].map(|form| form as u32).contains(&self.row.form) {
                self.row.status = came.status.unwrap_or_default() as u32;
            }
        }
        let Some((seen, talk)) = self.seen.take() else { return };
        let (sight, sums) = (seen.sight(), talk.close());
        if let Some((_, sent)) = sight.sent {
            self.row.queued = Some(self.waited(sent));
            self.used.iter_mut().for_each(|used| used.asked_at(sent));
        }
        let row = &mut self.row;
        if let (Some(used), Some((stream, sent))) = (&mut self.used, sight.sent) {
            used.stream = Some(stream);
            (row.sent, row.on_connection) = (Some(sent), Some(nth(stream)));
            row.first_byte = sight.first.map(|first| first - sent);
            row.last_byte = sight.last.map(|last| last - sent);
            if row.first_byte.is_some() {
                used.answered();
            }
            if !self.sends_stream {
                row.messages_up = 1;
            }
        }
        if self.sends_stream {
            (row.messages_up, row.marshal) = (sums.up, Some(sums.marshal));
        }
        if row.operation == CallOperation::Chat as u32 {
            row.unmarshal = Some(sums.unmarshal);
        }
        row.messages = sums.down;
        row.layers.body = [sight.up, sight.down];
    }

    /// What all of it comes to.
    fn finish(&mut self) {
        self.look();
        let row = &mut self.row;
        (row.dns, row.connect, row.tls) = (self.opening.dns, self.opening.connect, self.opening.tls);
        let mut steps = Steps {
            total: row.total,
            queued: row.queued,
            first_byte: row.first_byte,
            marshal: row.marshal.unwrap_or_default() + row.unmarshal.unwrap_or_default(),
            repeated: row.retries > 0 || self.waits,
            ..Steps::default()
        }
        .opening(self.looking, &self.opening);
        row.queued = steps.queued;
        steps.spent.held = self.held;
        // Messages of a stream are written while others are on their way, and those of `chat` read, too.
        match row.operation {
            upload if upload == CallOperation::Upload as u32 => steps.marshal = row.unmarshal.unwrap_or_default(),
            chat if chat == CallOperation::Chat as u32 => steps.marshal = Span::ZERO,
            _ => {}
        }
        if let Some(used) = self.used.take().or_else(|| Some(Used::new(self.opening.meter.take()?, false))) {
            let (passed, opening) = (used.passed(), row.layers.http);
            steps.spent = passed.spent;
            passed.tell(&mut row.layers);
            if !self.over_http {
                row.layers.http = opening;
            }
        }
        row.layers.cause = steps.cause();
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.finish();
        self.said.row(self.row.clone());
    }
}

impl Asker for Client {
    async fn ask(&self, number: u64) -> bool {
        let start = aio::now();
        let mut entry = Entry {
            row: row(self.flow, &self.config, number, start),
            said: self.said.clone(),
            used: None,
            coming: Arc::default(),
            seen: None,
            sends_stream: self.config.operation.sends_stream(),
            opening: Progress::default(),
            held: Span::ZERO,
            over_http: matches!(self.ways, Ways::Http(_)),
            looking: start,
            waits: false,
        };
        let call = self.call_of(number);
        let calling = self.attempts(&mut entry, number, &call);
        let result = match self.config.timeout {
            Some(timeout) => {
                let limit = Duration::from_nanos(timeout.ps().div_ceil(1000));
                aio::timeout(limit, calling).await.unwrap_or(Err(Fault::TimedOut))
            }
            None => calling.await,
        };
        entry.row.total = Some(aio::now() - start);
        entry.row.outcome = match &result {
            Ok(Answer::Reply(Reply::NotFound(_))) => STATUS,
            Ok(Answer::Reply(_) | Answer::Streamed) => FINISHED,
            Ok(Answer::Overloaded) => OVERLOADED,
            Ok(Answer::Late) => Fault::TimedOut as u32,
            Ok(Answer::Malformed) => MALFORMED,
            Err(fault) => *fault as u32,
        };
        let fault = result.as_ref().err().copied();
        let mut turn = lock(&self.turn);
        turn.failed = turn.failed.or(fault);
        matches!(result, Ok(Answer::Reply(_) | Answer::Streamed))
    }
}

impl Client {
    /// Scheme and authority of its requests.
    fn target(&self) -> (&'static str, &str) {
        (if self.config.tls.is_some() { "https" } else { "http" }, &self.authority)
    }

    /// The call of a number.
    fn call_of(&self, number: u64) -> Call {
        let at = (number - 1) as i64 % ITEMS;
        match self.config.operation {
            CallOperation::Get => {
                let share = self.config.missing;
                let missing = share > Prob::ZERO && lock(&self.turn).missing.chance(share);
                Call::Get { id: if missing { ITEMS + 1 + at } else { 1 + at } }
            }
            CallOperation::List | CallOperation::Watch | CallOperation::Upload | CallOperation::Chat => {
                let pages = (ITEMS as u64 / self.config.size).max(1);
                Call::List { page: ((number - 1) % pages) as i32, size: self.config.size as i32 }
            }
            CallOperation::Create => Call::Create { item: Item { id: 0, ..Item::sample(1 + at) } },
        }
    }

    /// The call, repeated while it gets no answer, as far as number and budget allow.
    async fn attempts(&self, entry: &mut Entry, number: u64, call: &Call) -> Result<Answer, Fault> {
        lock(&self.turn).budget.earn();
        loop {
            let result = self.attempt(entry, number, call).await;
            // What TLS has found tells more than what the form makes of it.
            let result = result.map_err(|fault| entry.used.as_ref().and_then(Used::fault).unwrap_or(fault));
            let fails = match result {
                Err(fault) => fault.passes(),
                Ok(Answer::Overloaded) => true,
                Ok(_) => false,
            };
            // An RPC whose headers have come is committed: it is not retried (gRPC's proposal A6, «When Retries are Valid»).
            let committed = entry.seen.as_ref().is_some_and(|(seen, _)| seen.sight().first.is_some());
            let wait = (fails && !committed).then(|| lock(&self.turn).budget.spend(entry.row.retries)).flatten();
            let Some(wait) = wait else { return result };
            entry.waits = true;
            work(wait).await;
            entry.again();
        }
    }

    async fn attempt(&self, entry: &mut Entry, number: u64, call: &Call) -> Result<Answer, Fault> {
        let form = self.config.form;
        if let (CallForm::Grpc, Ways::Http(pool)) = (form, &self.ways) {
            return self.attempt_grpc(entry, pool, call).await;
        }
        let body = binding::call_body(form, number, call);
        entry.row.marshal = Some(work(self.config.marshal.cost(body.len() as u64)).await);
        entry.looking = aio::now();
        let size = body.len() as u64;
        let (status, answer, bytes) = match &self.ways {
            Ways::Http(pool) => {
                let mut lease = pool.lease(&mut entry.opening).await?;
                let meter = lease.link.meter.clone();
                entry.uses(lease.link.number, lease.reused, &meter);
                let closes = self.config.connections == Connections::New;
                let request = binding::request(form, self.target(), call, body.clone(), closes);
                let (mut sent, coming) = (aio::now(), entry.coming.clone());
                let exchange = binding::exchange(
                    lease.sender(),
                    request,
                    &body,
                    |stream| {
                        sent = aio::now();
                        (entry.row.messages_up, entry.row.layers.body[0]) = (1, size);
                        entry.row.sent = Some(sent);
                        entry.goes();
                        entry.row.on_connection = Some(stream.map_or_else(|| meter.next_call(), nth));
                        if let Some(used) = &mut entry.used {
                            used.stream = stream;
                        }
                    },
                    &coming,
                );
                let (status, reply) = exchange.await?;
                entry.look();
                entry.row.last_byte = Some(aio::now() - sent);
                entry.used.iter_mut().for_each(Used::seal);
                lease.give_back();
                let (status, answer) = binding::read(form, call, status, &reply);
                (status, answer, reply.len())
            }
            Ways::Frames(frames) => {
                let lease = frames.lease(&mut entry.opening).await?;
                entry.uses(lease.known.number, lease.reused, &lease.known.meter.clone());
                entry.row.layers.http = lease.opening;
                (entry.row.messages_up, entry.row.layers.body[0]) = (1, size);
                if let Some(used) = entry.used.as_mut().filter(|_| form.carrier() == Carrier::SharedFrames) {
                    used.answer = answer_number(number);
                }
                let sent = aio::now();
                (entry.row.sent, entry.row.on_connection) = (Some(sent), Some(lease.known.meter.next_call()));
                let reply = frames.call(lease, (number, call.operation()), body, &entry.coming).await?;
                entry.look();
                entry.row.last_byte = Some(aio::now() - sent);
                read_frame(form, call, &reply)
            }
            Ways::Datagrams(datagrams) => {
                let arrival = datagrams.call((&mut entry.row, &mut entry.held), number, &body).await?;
                read_frame(form, call, &arrival.bytes)
            }
        };
        entry.row.status = status as u32;
        entry.row.messages = 1;
        entry.row.unmarshal = Some(work(self.config.marshal.cost(bytes as u64)).await);
        Ok(answer)
    }

    async fn attempt_grpc(
        &self,
        entry: &mut Entry,
        pool: &Arc<Pool<Full<Bytes>>>,
        call: &Call,
    ) -> Result<Answer, Fault> {
        let RpcConfig { operation, marshal, .. } = self.config;
        if !operation.sends_stream() {
            entry.row.marshal = Some(work(marshal.cost(grpc::call_length(call))).await);
        }
        entry.looking = aio::now();
        let mut lease: Lease<Full<Bytes>> = pool.lease(&mut entry.opening).await?;
        entry.uses(lease.link.number, lease.reused, &lease.link.meter.clone());
        let Sender::Two(sender) = lease.sender() else { return Err(Fault::Closed) };
        let (channel, seen) = Channel::watched(sender.clone());
        let talk = Talk::new(&entry.row, &self.said);
        entry.seen = Some((seen, talk.clone()));
        // What is left of it.
        let deadline = self.config.timeout.map(|timeout| {
            let left = timeout.saturating_sub(aio::now() - entry.row.start);
            Duration::from_nanos(left.ps().div_ceil(1000))
        });
        let stub = grpc::Stub::new(channel, self.target(), deadline);
        let (status, answer) = match operation {
            CallOperation::Upload => stub.upload(&self.config, call, &talk).await?,
            CallOperation::Chat => stub.chat(&self.config, call, &talk).await?,
            _ => stub.call(operation, call, &talk).await?,
        };
        entry.look();
        entry.used.iter_mut().for_each(Used::seal);
        lease.give_back();
        entry.row.status = status as u32;
        if operation == CallOperation::Chat {
            return Ok(answer);
        }
        if status == ReplyStatus::Ok && operation != CallOperation::Watch {
            entry.row.messages = 1;
        }
        let Marshal { per_call, per_byte } = marshal;
        let cost = per_call * entry.row.messages.max(1) + per_byte * entry.row.layers.body[1];
        entry.row.unmarshal = Some(work(cost).await);
        Ok(answer)
    }
}

/// Which call a stream of HTTP/2 is on its connection: a client's streams have odd numbers (RFC 9113 §5.1.1).
pub(super) fn nth(stream: u32) -> u64 {
    u64::from(stream).div_ceil(2)
}

/// What a frame that has come says, and how long it is.
fn read_frame(form: CallForm, call: &Call, bytes: &[u8]) -> (ReplyStatus, Answer, usize) {
    let codec = form.codec().expect("frames have one");
    let read = read_reply(codec, call.operation(), bytes);
    let (status, answer, _) = read.unwrap_or((ReplyStatus::None, Answer::Malformed, 0));
    (status, answer, bytes.len())
}

fn row(flow: u32, config: &RpcConfig, number: u64, start: Time) -> CallRow {
    CallRow {
        flow,
        workload: flow,
        number,
        operation: config.operation as u32,
        form: config.form as u32,
        start,
        marshal: None,
        queued: None,
        dns: None,
        connect: None,
        tls: None,
        sent: None,
        first_byte: None,
        last_byte: None,
        unmarshal: None,
        total: None,
        status: ReplyStatus::None as u32,
        outcome: 0,
        retries: 0,
        connection: None,
        reused: 0,
        client: Ipv4Addr::UNSPECIFIED,
        port: None,
        on_connection: None,
        messages_up: 0,
        messages: 0,
        layers: Layers::default(),
    }
}
