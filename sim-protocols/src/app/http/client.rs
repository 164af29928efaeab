//! Who asks, and when.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use sim_core::{Prob, Rng, Time};

use super::HttpConfig;
use super::body::Zeros;
use super::exchange::{Asked, Entry, FINISHED, RUNNING, STATUS};
use crate::aio::{self, Duration};
use crate::app::Scope;
use crate::app::dial::{Dialer, Fault, Origin, lock};
use crate::app::loops::{self, Asker, Chance};
use crate::app::pool::Pool;
use crate::app::teller::{Said, Teller};
use crate::host::{App, FlowConfig, HttpRow, Layers, Outcome};

/// The asking end.
pub(super) fn open(config: HttpConfig, scope: Scope) -> Box<dyn App> {
    let pace = config.pace();
    let (chance, missing, sizes) = (Chance::new(&pace, &scope), scope.stream("missing"), scope.stream("request"));
    Box::new(Teller::new(move |flow: &FlowConfig, said| {
        let secure = config.tls.is_some();
        let host = config.named.name(&scope, flow.server, secure);
        let asked = Asked { authority: format!("{host}:{}", flow.port), config: config.clone() };
        let origin = Origin { name: host, address: flow.server, port: flow.port, secure };
        let (flow, streams, known) = (flow.number, *scope.streams(), scope.clone());
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(&streams, &[config.version.alpn()]));
            let dialer = Dialer { nodelay: config.nodelay, tls, names: config.named.names(&known) };
            let pool = Pool::new(config.manner(), dialer, origin, &Arc::default());
            let turn = Mutex::new(Turn { missing, sizes, failed: None });
            let client = Arc::new(Client { asked, pool, flow, turn, said: said.clone() });
            loops::run(client.clone(), pace, chance).await;
            client.pool.close();
            let failed = lock(&client.turn).failed;
            said.outcome(failed.map_or(Outcome::Finished, Fault::outcome));
        };
        scope.program("client", main)
    }))
}

/// What the tasks of a client share.
struct Client {
    asked: Asked,
    pool: Arc<Pool<Zeros>>,
    flow: u32,
    turn: Mutex<Turn>,
    said: Said,
}

struct Turn {
    missing: Rng,
    sizes: Rng,
    failed: Option<Fault>,
}

impl Asker for Client {
    async fn ask(&self, number: u64) -> bool {
        let share = self.asked.config.missing;
        let missing = share > Prob::ZERO && lock(&self.turn).missing.chance(share);
        let bytes = match self.asked.config.request.mean().bytes() {
            0 => 0,
            _ => self.asked.config.request.draw(&mut lock(&self.turn).sizes).max(1),
        };
        let start = aio::now();
        let mut writing =
            Writing { said: self.said.clone(), entry: Some(Entry::new(row(self.flow, number, start), bytes)) };
        let entry = writing.entry.as_mut().expect("it is taken at the end");
        let exchange = async {
            let status = self.asked.exchange(&self.pool, entry, missing).await?;
            if status != StatusCode::TOO_EARLY {
                return Ok(status);
            }
            // RFC 8470 §5.2: "A user agent SHOULD retry automatically, but any retries MUST NOT be sent in early data."
            entry.again();
            self.asked.exchange(&self.pool, entry, missing).await
        };
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
        let mut turn = lock(&self.turn);
        turn.failed = turn.failed.or(result.err());
        result.is_ok()
    }
}

/// A request's row, which is written when it is dropped: also by the stop.
struct Writing {
    said: Said,
    entry: Option<Entry>,
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
        outcome: RUNNING,
        layers: Layers::default(),
    }
}
