//! Who asks, and when.

use std::sync::{Arc, Mutex};

use sim_core::{Prob, Rng, Span, Streams, Time};

use super::HttpConfig;
use super::body::Zeros;
use super::exchange::{Asked, Entry, FINISHED, RUNNING, STATUS};
use crate::aio::{self, Duration, JoinHandle, Program};
use crate::app::Scope;
use crate::app::dial::{Dialer, Fault, Origin, lock};
use crate::app::pool::Pool;
use crate::app::values::SpanDist;
use crate::host::{App, AppEvent, Calls, HttpRow, Outcome};

/// What a failed request is followed by at the earliest: one that is refused is not repeated within the instant.
const PAUSE: Span = Span::from_ms(1);

/// The asking end.
pub(super) struct HttpClient {
    config: HttpConfig,
    scope: Scope,
    chance: Option<Chance>,
    /// What libraries would draw from; ours draw nothing.
    seed: u64,
    program: Option<Program>,
    said: Arc<Mutex<Said>>,
}

/// The streams of chance of a client.
struct Chance {
    /// Of each that asks at a time.
    think: Vec<Rng>,
    missing: Rng,
    arrivals: Rng,
}

/// What the program has to say to the host.
#[derive(Default)]
struct Said {
    rows: Vec<HttpRow>,
    outcome: Option<Outcome>,
}

/// What the tasks of a client share.
struct Client {
    asked: Asked,
    pool: Arc<Pool<Zeros>>,
    flow: u32,
    turn: Mutex<Turn>,
    said: Arc<Mutex<Said>>,
}

struct Turn {
    number: u64,
    missing: Rng,
    failed: Option<Fault>,
}

impl HttpClient {
    pub fn new(config: &HttpConfig, scope: &Scope) -> HttpClient {
        let think = (1..=config.concurrency).map(|asker| scope.stream(&format!("think/{asker}"))).collect();
        let chance = Chance { think, missing: scope.stream("missing"), arrivals: scope.stream("arrivals") };
        let seed = scope.stream("client").next_u64();
        HttpClient {
            config: config.clone(),
            scope: scope.clone(),
            chance: Some(chance),
            seed,
            program: None,
            said: Arc::default(),
        }
    }

    /// What the program says goes on.
    fn pass_on(&self, calls: &mut Calls<'_, '_>) {
        let said = std::mem::take(&mut *lock(&self.said));
        for row in &said.rows {
            calls.emit(row);
        }
        if let Some(outcome) = said.outcome {
            calls.outcome(outcome);
        }
    }
}

impl App for HttpClient {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        let Some(Chance { think, missing, arrivals }) = self.chance.take() else { return };
        let flow = calls.flow();
        let config = self.config.clone();
        let secure = config.tls.is_some();
        let host = if secure { self.scope.name_of(flow.server) } else { flow.server.to_string() };
        let asked = Asked { authority: format!("{host}:{}", flow.port), config: config.clone() };
        let origin = Origin { name: host, address: flow.server, port: flow.port, secure };
        let (simulation, said) = (*self.scope.streams(), self.said.clone());
        let turn = Mutex::new(Turn { number: 0, missing, failed: None });
        let streams = Streams::new(self.seed);
        let path = format!("flow/{}/client", flow.name);
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(&simulation, &[config.version.alpn()]));
            let pool = Pool::new(
                config.manner(),
                Dialer { nodelay: config.nodelay, tls, names: None },
                origin,
                &Arc::default(),
            );
            run(Arc::new(Client { asked, pool, flow: flow.number, turn, said }), think, arrivals).await;
        };
        let program = self.program.insert(Program::new(path, &streams, &Arc::default(), main));
        program.start(calls);
        self.pass_on(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        if let Some(program) = &mut self.program {
            program.event(calls, event);
            self.pass_on(calls);
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        if let Some(program) = &mut self.program {
            program.timer(calls, token);
            self.pass_on(calls);
        }
    }

    /// Requests that are under way get their rows as they are dropped.
    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(program) = &mut self.program {
            program.finish(calls);
            self.pass_on(calls);
        }
    }
}

/// All requests of the flow.
async fn run(client: Arc<Client>, think: Vec<Rng>, mut arrivals: Rng) {
    match client.asked.config.interval {
        None => {
            let start = |think| aio::spawn(one_after_the_other(client.clone(), think));
            let askers: Vec<_> = think.into_iter().map(start).collect();
            wait_for(askers).await;
        }
        Some(interval) => whatever_becomes_of_them(&client, interval, &mut arrivals).await,
    }
    client.pool.close();
    let failed = lock(&client.turn).failed;
    lock(&client.said).outcome = Some(failed.map_or(Outcome::Finished, Fault::outcome));
}

/// A closed loop: the next request starts when the last one is over, and has been thought about.
async fn one_after_the_other(client: Arc<Client>, mut think: Rng) {
    while let Some((number, missing)) = client.next() {
        let failed = client.request(number, missing).await.is_err();
        if !client.more() {
            return;
        }
        let pause = client.asked.config.think.draw(&mut think);
        let pause = if failed { pause.max(PAUSE) } else { pause };
        if pause > Span::ZERO {
            aio::sleep_until(aio::now() + pause).await;
        }
    }
}

/// An open loop: requests come at their times, however many are under way.
async fn whatever_becomes_of_them(client: &Arc<Client>, interval: SpanDist, arrivals: &mut Rng) {
    let mut under_way = Vec::new();
    let mut due = aio::now();
    while let Some((number, missing)) = client.next() {
        let asking = client.clone();
        under_way.push(aio::spawn(async move {
            let _noted = asking.request(number, missing).await;
        }));
        under_way.retain(|asker| !asker.is_finished());
        if !client.more() {
            break;
        }
        due += interval.draw(arrivals);
        aio::sleep_until(due).await;
    }
    wait_for(under_way).await;
}

/// Until all have come to their ends; nobody aborts one.
async fn wait_for(askers: Vec<JoinHandle<()>>) {
    for asker in askers {
        let _ended = asker.await;
    }
}

impl Client {
    /// Whether there is another request.
    fn more(&self) -> bool {
        let (config, number) = (&self.asked.config, lock(&self.turn).number);
        config.count.is_none_or(|count| number < count) && config.stop.is_none_or(|stop| aio::now() < stop)
    }

    /// The next request's number, and whether it asks for what is not there.
    fn next(&self) -> Option<(u64, bool)> {
        if !self.more() {
            return None;
        }
        let share = self.asked.config.missing;
        let mut turn = lock(&self.turn);
        turn.number += 1;
        let missing = share > Prob::ZERO && turn.missing.chance(share);
        Some((turn.number, missing))
    }

    /// One request, whatever becomes of it.
    async fn request(&self, number: u64, missing: bool) -> Result<(), Fault> {
        let start = aio::now();
        let mut writing = Writing { said: self.said.clone(), entry: Some(Entry::new(row(self.flow, number, start))) };
        let entry = writing.entry.as_mut().expect("it is taken at the end");
        let exchange = self.asked.exchange(&self.pool, entry, missing);
        let result = match self.asked.config.timeout {
            Some(timeout) => {
                let limit = Duration::from_nanos(timeout.ps().div_ceil(1000));
                aio::timeout(limit, exchange).await.unwrap_or(Err(Fault::TimedOut))
            }
            None => exchange.await,
        };
        entry.row.outcome = match result {
            Ok(status) if status.is_success() => FINISHED,
            Ok(_) => STATUS,
            Err(fault) => fault as u32,
        };
        entry.row.total = Some(aio::now() - start);
        let fault = result.err();
        let mut turn = lock(&self.turn);
        turn.failed = turn.failed.or(fault);
        result.map(|_| ())
    }
}

/// A request's row, which is written when it is dropped: also by the stop.
struct Writing {
    said: Arc<Mutex<Said>>,
    entry: Option<Entry>,
}

impl Drop for Writing {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            let row = entry.finish();
            lock(&self.said).rows.push(row);
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
        connect: None,
        tls: None,
        first_byte: None,
        total: None,
        status: None,
        body_up: 0,
        body_down: 0,
        http_up: 0,
        http_down: 0,
        tls_up: 0,
        tls_down: 0,
        tcp_up: 0,
        tcp_down: 0,
        connection: None,
        reused: 0,
        secured: 0,
        retransmissions: 0,
        out_of_order: 0,
        outcome: RUNNING,
    }
}
