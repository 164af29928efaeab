//! `dns`: look-ups of names by the host's resolver, with a row for each.

use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use sim_core::{Params, Rng, Span, Table, Time};

use super::Application;
use super::SpanDist;
use super::loops::Arrivals;
use super::values;
use crate::aio::{self, Program};
use crate::app::Scope;
use crate::dns::{HostResolver, HostResolverConfig, Lookup, QueryType, Source, Stub};
use crate::host::{App, AppEvent, Calls, DNS, DnsRow, FlowEnd, Outcome};

/// The longest that a browser keeps an answer: Chromium's minute, where it leaves the asking to the system.
const OWN_TTL: Span = Span::from_secs(60);

/// Parameters of look-ups.
#[derive(Clone, PartialEq, Debug)]
pub struct DnsConfig {
    /// The names, one after the other, and again from the first one.
    pub names: Vec<String>,
    /// The type of record. Default: `a`.
    pub kind: QueryType,
    /// How many look-ups. Default: each name once.
    pub count: Option<u64>,
    /// From the end of one to the next. Default: none.
    pub think: SpanDist,
    /// From the start of one to the next, whatever becomes of them. Default: each waits for the one before it.
    pub interval: Option<Arrivals>,
    /// Sets of records that the application keeps itself, as a browser does. Default: none.
    pub cache: u64,
    /// The longest that it keeps them. Default: 60 s.
    pub cache_ttl: Span,
    /// None begins from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for DnsConfig {
    fn default() -> DnsConfig {
        DnsConfig {
            names: Vec::new(),
            kind: QueryType::default(),
            count: None,
            think: SpanDist::Fixed(Span::ZERO),
            interval: None,
            cache: 0,
            cache_ttl: OWN_TTL,
            stop: None,
        }
    }
}

impl DnsConfig {
    pub(super) fn read(params: &mut dyn Params) -> DnsConfig {
        let default = DnsConfig::default();
        let names = params.texts("names", "a name, as `www.example.test`", "names to look up, one after the other");
        if names.is_empty() {
            params.refuse("names", "there is nothing to look up".into());
        }
        let kind = QueryType::from_index(params.word("type", QueryType::WORDS, "the type of record"));
        let count = values::count(params, "how many look-ups, going round the names; each name once when not given");
        let think = SpanDist::ask(
            params,
            ("think", "from the end of one look-up to the next"),
            ("think_times", "how `think` is distributed"),
            default.think.mean(),
        );
        let interval = Arrivals::ask(params, "from the start of one look-up to the next, whatever becomes of them");
        let help = "sets of records that the application keeps itself, as a browser does; 0: none";
        let cache = params.count("cache", Some(0), 0..=1_000_000, help);
        let given = params.given("cache_ttl");
        let cache_ttl =
            if given { params.span("cache_ttl", Some(OWN_TTL), "the longest that it keeps them") } else { OWN_TTL };
        if given && cache == 0 {
            params.refuse("cache_ttl", "it needs `cache`".into());
        }
        let stop = values::stop(params, "no look-up begins from this moment on");
        DnsConfig { names, kind, count, think, interval, cache, cache_ttl, stop }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let zero = |span: &SpanDist| span.mean() == Span::ZERO;
        match () {
            _ if self.count == Some(0) => Err(("count", "zero look-ups do nothing".into())),
            _ if self.interval.as_ref().is_some_and(Arrivals::stands_still) => {
                Err(("interval", "the clock would never move".into()))
            }
            _ if self.interval.is_some() && !zero(&self.think) => {
                Err(("think", "with `interval` look-ups do not wait for each other".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Application for DnsConfig {
    const TABLES: &'static [&'static Table] = &[&DNS];
    const DELIVERS_TO: Option<FlowEnd> = None;
    const FINDS_SERVERS: bool = true;

    fn open(&self, _end: FlowEnd, scope: &Scope) -> Box<dyn App> {
        // A host that the file tells nothing of names says so in each row.
        let host = scope.resolver().unwrap_or_else(|| Arc::new(HostResolver::new(HostResolverConfig::default())));
        let said: Arc<Mutex<Said>> = Arc::default();
        let chance = [scope.stream("think"), scope.stream("interval")];
        let main = run(self.clone(), host, chance, said.clone());
        Box::new(Resolving { program: scope.program("dns", main), said })
    }
}

/// What the program has to say to the host.
#[derive(Default)]
struct Said {
    rows: Vec<(u64, String, QueryType, Lookup)>,
    /// Look-ups under way: their number, name, start.
    open: Vec<(u64, String, QueryType, Time)>,
    done: bool,
}

/// The looking end; there is no other one.
struct Resolving {
    program: Program,
    said: Arc<Mutex<Said>>,
}

fn lock(said: &Mutex<Said>) -> std::sync::MutexGuard<'_, Said> {
    said.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn run(config: DnsConfig, host: Arc<HostResolver>, chance: [Rng; 2], said: Arc<Mutex<Said>>) {
    let stub = Arc::new(match config.cache {
        0 => Stub::new(host),
        entries => Stub::with_cache(host, entries, config.cache_ttl),
    });
    let [mut think, interval] = chance;
    let mut times = config.interval.as_ref().map(|arrivals| arrivals.from(aio::now(), interval));
    let count = config.count.unwrap_or(config.names.len() as u64);
    let mut under_way = Vec::new();
    for number in 1..=count {
        if let Some(times) = &mut times {
            let Some(due) = times.next() else { break };
            if due > aio::now() {
                aio::sleep_until(due).await;
            }
        }
        if config.names.is_empty() || config.stop.is_some_and(|stop| aio::now() >= stop) {
            break;
        }
        let name = config.names[(number - 1) as usize % config.names.len()].clone();
        let one = look_up(stub.clone(), (number, name, config.kind), said.clone());
        match &config.interval {
            None => {
                one.await;
                if number < count {
                    aio::sleep_until(aio::now() + config.think.draw(&mut think)).await;
                }
            }
            Some(_) => under_way.push(aio::spawn(one)),
        }
    }
    for one in under_way {
        // One that was given up has no row to write.
        let _given_up = one.await;
    }
    lock(&said).done = true;
}

async fn look_up(stub: Arc<Stub>, (number, name, kind): (u64, String, QueryType), said: Arc<Mutex<Said>>) {
    lock(&said).open.push((number, name.clone(), kind, aio::now()));
    let found = stub.query(&name, kind).await;
    let mut said = lock(&said);
    said.open.retain(|open| open.0 != number);
    said.rows.push((number, name, kind, found));
}

impl Resolving {
    /// What the program says goes on.
    fn pass_on(&self, calls: &mut Calls<'_, '_>) {
        let (rows, done) = {
            let mut said = lock(&self.said);
            (std::mem::take(&mut said.rows), said.done)
        };
        for (number, name, kind, found) in rows {
            let stats = calls.stats();
            stats.start = Some(stats.start.map_or(found.start, |start| start.min(found.start)));
            stats.last = Some(found.start + found.time);
            stats.sent += u64::from(found.spent.queries);
            stats.lost += u64::from(found.spent.timeouts);
            stats.rtt.record(found.time);
            let flow = calls.number();
            let row = DnsRow {
                flow,
                workload: flow,
                number,
                start: found.start,
                name: name.into(),
                kind: kind as u32,
                source: found.where_from as u32,
                queries: found.spent.queries,
                round_trips: found.spent.round_trips,
                timeouts: found.spent.timeouts,
                tcp: found.spent.tcp,
                sent: found.spent.bytes_sent,
                received: found.spent.bytes_received,
                records: found.records,
                ttl: found.ttl,
                address: found.addresses.first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED),
                // The words begin with `running` and `found`.
                outcome: found.error.map_or(1, |error| 2 + error as u32),
                total: Some(found.time),
            };
            calls.emit(&row);
        }
        if done {
            calls.outcome(Outcome::Finished);
        }
    }

    /// Rows of what the stop has overtaken.
    fn open_ones(&self, calls: &mut Calls<'_, '_>) {
        let open = std::mem::take(&mut lock(&self.said).open);
        for (number, name, kind, start) in open {
            let flow = calls.number();
            let row = DnsRow {
                flow,
                workload: flow,
                number,
                start,
                name: name.into(),
                kind: kind as u32,
                source: Source::Resolver as u32,
                queries: 0,
                round_trips: 0,
                timeouts: 0,
                tcp: 0,
                sent: 0,
                received: 0,
                records: 0,
                ttl: Span::ZERO,
                address: Ipv4Addr::UNSPECIFIED,
                outcome: 0,
                total: None,
            };
            calls.emit(&row);
        }
    }
}

impl App for Resolving {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        calls.outcome(Outcome::Running);
        self.program.start(calls);
        self.pass_on(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        self.program.event(calls, event);
        self.pass_on(calls);
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        self.program.timer(calls, token);
        self.pass_on(calls);
    }

    fn killed(&mut self, calls: &mut Calls<'_, '_>) {
        self.program.killed(calls);
        self.pass_on(calls);
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.program.finish(calls);
        self.pass_on(calls);
        self.open_ones(calls);
    }
}

#[cfg(test)]
mod tests {
    use crate::dns::DnsError;
    use crate::host::DNS;

    #[test]
    fn words_of_rows_are_those_of_errors() {
        let outcome = DNS.columns.iter().find(|column| column.name == "outcome").expect("it has one");
        let sim_core::Kind::Word(words) = outcome.kind else { panic!("they are words") };
        assert_eq!(words[2..], *DnsError::WORDS);
        assert_eq!((words[0], words[1], words[2 + DnsError::BadName as usize]), ("running", "found", "bad_name"));
    }
}
