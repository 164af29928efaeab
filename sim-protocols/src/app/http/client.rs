//! Who asks, and when.

use std::sync::{Arc, Mutex};

use http::StatusCode;
use sim_core::{Prob, Rng};

use super::HttpConfig;
use super::body::Zeros;
use super::exchange::{Asked, Entry, Writing};
use crate::aio::{self, Duration};
use crate::app::Scope;
use crate::app::dial::{Dialer, Fault, Origin, lock};
use crate::app::loops::{self, Asker, Chance};
use crate::app::pool::Pool;
use crate::app::retries::Budget;
use crate::app::teller::{Said, Teller};
use crate::host::{App, FlowConfig, Outcome};

/// The asking end.
pub(super) fn open(config: HttpConfig, scope: Scope) -> Box<dyn App> {
    let pace = config.pace();
    let (chance, missing, sizes) = (Chance::new(&pace, &scope), scope.stream("missing"), scope.stream("request"));
    let budget = Budget::new(config.retries, scope.stream("backoff"));
    Box::new(Teller::new(move |flow: &FlowConfig, said| {
        let secure = config.tls.is_some();
        let host = config.named.name(&scope, flow.server, secure);
        let origin = Origin { name: host, address: flow.server, port: flow.port, secure };
        let asked = Asked { authority: origin.authority(), config: config.clone() };
        let (flow, streams, known) = (flow.number, *scope.streams(), scope.clone());
        let main = async move {
            let tls = config.tls.as_ref().map(|tls| tls.connector(&streams, &[config.version.alpn()]));
            let dialer = Dialer { nodelay: config.nodelay, tls, names: config.named.names(&known) };
            let pool = Pool::new(config.manner(), dialer, origin, &Arc::default());
            let turn = Mutex::new(Turn { missing, sizes, budget, failed: None });
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
    budget: Budget,
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
        let mut writing = Writing::new(self.flow, number, bytes, &self.said);
        let entry = writing.entry();
        let exchange = self.attempts(entry, missing);
        let result = match self.asked.config.timeout {
            Some(timeout) => {
                let limit = Duration::from_nanos(timeout.ps().div_ceil(1000));
                aio::timeout(limit, exchange).await.unwrap_or(Err(Fault::TimedOut))
            }
            None => exchange.await,
        };
        entry.ended(result);
        let mut turn = lock(&self.turn);
        turn.failed = turn.failed.or(result.err());
        result.is_ok()
    }
}

impl Client {
    /// The request, made again while it may, and the budget pays for it.
    async fn attempts(&self, entry: &mut Entry, missing: bool) -> Result<StatusCode, Fault> {
        lock(&self.turn).budget.earn();
        loop {
            let mut result = self.asked.exchange(&self.pool, entry, missing).await;
            if result == Ok(StatusCode::TOO_EARLY) {
                // RFC 8470 §5.2: "A user agent SHOULD retry automatically, but any retries MUST NOT be sent in early data."
                entry.too_early();
                result = self.asked.exchange(&self.pool, entry, missing).await;
            }
            let Some(after) = entry.may_come_again(self.asked.config.method, result) else { return result };
            let Some(wait) = lock(&self.turn).budget.spend(u64::from(entry.row.retries)) else { return result };
            entry.waits = true;
            aio::sleep_until(aio::now() + wait.max(after)).await;
            entry.row.retries += 1;
            entry.again();
        }
    }
}
