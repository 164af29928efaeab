//! A recursive resolver: from the root servers down (RFC 1034 §5.3.3), with a cache.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use sim_core::{Rng, Span, Time};

use super::ask::{Spent, ask};
use super::authority::target;
use super::cache::{Cache, CacheLimits, Known, soa};
use super::counts::Counts;
use super::flights::{Flights, Turn, lock};
use super::message::{self, EDNS_SIZE, addresses, alias, query, question, reply};
use super::serve::{Answering, Handler, Over};
use crate::aio::{self, Duration};

/// Aliases that are followed for a question, as Unbound (`MAX_RESTART_COUNT`).
const ALIASES_MAX: u32 = 11;
/// Names of servers that are looked up for a question, one for the sake of the other (BIND: `max-recursion-depth 7`).
const DEPTH_MAX: u32 = 7;
/// Questions sent for one question of a client (BIND: `max-recursion-queries 100`).
const QUERIES_MAX: u32 = 100;
/// Referrals that are followed for a name; each leads down by a label at least.
const REFERRALS_MAX: u32 = 30;
/// How long it is remembered how far a server is, or that it was silent (Unbound: `infra-host-ttl: 900`).
const REMEMBERED: Span = Span::from_secs(900);
/// How long it is remembered that nobody could tell (RFC 9520 §3.2: between 1 s and 5 min; BIND: `servfail-ttl 1`).
const FAILURE: Span = Span::from_secs(1);

/// What a resolver is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResolverConfig {
    /// Addresses of root servers: its hints.
    pub roots: Vec<Ipv4Addr>,
    /// Its cache.
    pub cache: CacheLimits,
    /// How long it waits for a server before it turns to the next one; in the second round twice as long. Default: 800 ms, as BIND.
    pub timeout: Span,
    /// How often it asks each server of a zone. Default: 3.
    pub attempts: u64,
    /// After this time a client is told SERVFAIL, whatever is still to be tried. Default: 10 s, as BIND (`resolver-query-timeout`).
    pub give_up: Span,
}

impl Default for ResolverConfig {
    fn default() -> ResolverConfig {
        ResolverConfig {
            roots: Vec::new(),
            cache: CacheLimits::default(),
            timeout: Span::from_ms(800),
            attempts: 3,
            give_up: Span::from_secs(10),
        }
    }
}

/// What came out of a question: records, aliases first; or that there is nothing, with the SOA record that says so.
#[derive(Clone, Debug)]
struct Outcome {
    code: ResponseCode,
    answers: Vec<Record>,
    soa: Option<Record>,
}

/// A recursive resolver. It is a handler of questions; its tasks run in the program that serves.
pub(super) struct Resolver {
    config: ResolverConfig,
    cache: Mutex<Cache>,
    /// How far servers are, and until when that is believed.
    far: Mutex<BTreeMap<Ipv4Addr, (Span, Time)>>,
    flights: Flights<(Name, RecordType), Outcome>,
    ids: Mutex<Rng>,
    counts: Counts,
}

/// What is still allowed for a client's question.
struct Budget {
    deadline: Time,
    queries: u32,
}

/// A zone and who serves it.
struct Servers {
    zone: Name,
    names: Vec<Name>,
    addresses: Vec<Ipv4Addr>,
}

type Looking<'f> = Pin<Box<dyn Future<Output = Outcome> + Send + 'f>>;

impl Resolver {
    /// To be made in the program that will serve it: ids are of a stream of chance of its own.
    pub fn new(config: ResolverConfig, counts: Counts) -> Resolver {
        Resolver {
            cache: Mutex::new(Cache::new(config.cache.clone())),
            far: Mutex::default(),
            flights: Flights::new(),
            ids: Mutex::new(aio::rng("dns/id")),
            config,
            counts,
        }
    }

    /// Looks a name up for a client.
    async fn look_up(&self, name: &Name, kind: RecordType) -> Outcome {
        let key = (name.clone(), kind);
        loop {
            match self.flights.join(&key).await {
                Turn::First(duty) => {
                    let deadline = aio::now() + self.config.give_up;
                    let mut budget = Budget { deadline, queries: QUERIES_MAX };
                    let outcome = self.resolve(name.clone(), kind, 0, &mut budget).await;
                    self.counts.add(|counted| counted.known += u64::from(budget.queries == QUERIES_MAX));
                    duty.done(outcome.clone());
                    return outcome;
                }
                Turn::Found(Some(outcome)) => return outcome,
                // Whoever was first has gone: it is tried again.
                Turn::Found(None) => {}
            }
        }
    }

    /// A name with all its aliases.
    fn resolve<'f>(&'f self, mut name: Name, kind: RecordType, depth: u32, budget: &'f mut Budget) -> Looking<'f> {
        Box::pin(async move {
            let mut answers: Vec<Record> = Vec::new();
            for _ in 0..=ALIASES_MAX {
                let mut outcome = match self.known(&name, kind) {
                    Some(outcome) => outcome,
                    None => self.descend(&name, kind, depth, budget).await,
                };
                let (mut target, mut steps) = (None, 0);
                while let Some(next) = alias(&outcome.answers, target.as_ref().unwrap_or(&name)) {
                    steps += 1;
                    if kind == RecordType::CNAME || steps > ALIASES_MAX {
                        break;
                    }
                    target = Some(next.clone());
                }
                let last = target.clone().unwrap_or_else(|| name.clone());
                let there = outcome.answers.iter().any(|record| record.name == last && record.record_type() == kind);
                answers.append(&mut outcome.answers);
                match target {
                    // The alias leads to another zone, of which this server has said nothing.
                    Some(next) if !there && outcome.code == ResponseCode::NoError && outcome.soa.is_none() => {
                        name = next
                    }
                    _ => return Outcome { answers, ..outcome },
                }
            }
            Outcome::failed()
        })
    }

    /// What the cache knows, an alias included.
    fn known(&self, name: &Name, kind: RecordType) -> Option<Outcome> {
        let (now, mut cache) = (aio::now(), lock(&self.cache));
        let found = cache.get(now, name, kind).or_else(|| match cache.get(now, name, RecordType::CNAME) {
            Some(Known::Records(records)) => Some(Known::Records(records)),
            _ => None,
        });
        Some(match found? {
            Known::Records(answers) => Outcome { code: ResponseCode::NoError, answers, soa: None },
            Known::Nothing(code, soa) => Outcome { code, answers: Vec::new(), soa: soa.map(|soa| *soa) },
        })
    }

    /// Asks from the closest servers that are known downwards.
    async fn descend(&self, name: &Name, kind: RecordType, depth: u32, budget: &mut Budget) -> Outcome {
        let mut servers = self.closest(name);
        for _ in 0..REFERRALS_MAX {
            let Some(answer) = self.ask_any(&mut servers, name, kind, depth, budget).await else { break };
            let (now, code) = (aio::now(), answer.metadata.response_code);
            if let Some(next) = referral(&answer, &servers.zone, name) {
                let mut cache = lock(&self.cache);
                cache.keep(
                    now,
                    &answer.authorities.iter().filter(|record| record.name == next.zone).cloned().collect::<Vec<_>>(),
                );
                cache.keep(now, &glue(&answer, &servers.zone, &next.names));
                drop(cache);
                servers = next;
                continue;
            }
            // Believed is what is about the name and its aliases, as far as this server's zone goes (RFC 2181 §5.4.1).
            let own = |record: &&Record| servers.zone.zone_of(&record.name);
            let answers: Vec<Record> = answer.answers.iter().filter(own).cloned().collect();
            let soa = soa(&answer).filter(|record| servers.zone.zone_of(&record.name));
            let mut cache = lock(&self.cache);
            cache.keep(now, &answers);
            let mut last = name;
            for _ in 0..ALIASES_MAX {
                last = alias(&answers, last).unwrap_or(last);
            }
            let soa =
                soa.filter(|_| !answers.iter().any(|record| record.name == *last && record.record_type() == kind));
            cache.keep_absence(now, last, kind, code, soa);
            return Outcome { code, answers, soa: soa.cloned() };
        }
        lock(&self.cache).keep_failure(aio::now(), name, kind, FAILURE);
        Outcome::failed()
    }

    /// The closest zone above a name whose servers' addresses are known, or the root.
    fn closest(&self, name: &Name) -> Servers {
        let (now, mut cache) = (aio::now(), lock(&self.cache));
        for labels in (1..=usize::from(name.num_labels())).rev() {
            let zone = name.trim_to(labels);
            let Some(Known::Records(records)) = cache.get(now, &zone, RecordType::NS) else { continue };
            let names: Vec<Name> = records.iter().filter_map(target).cloned().collect();
            let mut known = Vec::new();
            for server in &names {
                if let Some(Known::Records(records)) = cache.get(now, server, RecordType::A) {
                    known.extend(addresses(&records));
                }
            }
            // Servers below their own zone cannot be found without their addresses: the parent is asked again.
            if !known.is_empty() || names.iter().any(|server| !zone.zone_of(server)) {
                return Servers { zone, names, addresses: known };
            }
        }
        Servers { zone: Name::root(), names: Vec::new(), addresses: self.config.roots.clone() }
    }

    /// Asks the servers of a zone, one after the other, until one says something of use.
    async fn ask_any(
        &self,
        servers: &mut Servers,
        name: &Name,
        kind: RecordType,
        depth: u32,
        budget: &mut Budget,
    ) -> Option<Message> {
        if servers.addresses.is_empty() && depth < DEPTH_MAX {
            for server in servers.names.clone() {
                let found = self.resolve(server, RecordType::A, depth + 1, budget).await;
                servers.addresses.extend(addresses(&found.answers));
                if !servers.addresses.is_empty() {
                    break;
                }
            }
        }
        self.nearest_first(&mut servers.addresses);
        let mut useless = Vec::new();
        for round in 0..self.config.attempts {
            for server in servers.addresses.clone() {
                if useless.contains(&server) {
                    continue;
                }
                let wait = self.config.timeout.saturating_mul(1 << round.min(16));
                let wait = wait.min(budget.deadline.since(aio::now()));
                if budget.queries == 0 || wait == Span::ZERO {
                    return None;
                }
                match self.ask_one(server, name, kind, wait, budget).await {
                    Some(answer) if useful(&answer, &servers.zone, name) => return Some(answer),
                    // It serves something else, or cannot: it will not have changed its mind in the next round.
                    Some(_) => useless.push(server),
                    None => {}
                }
            }
        }
        None
    }

    async fn ask_one(
        &self,
        server: Ipv4Addr,
        name: &Name,
        kind: RecordType,
        wait: Span,
        budget: &mut Budget,
    ) -> Option<Message> {
        let id = lock(&self.ids).next_u64() as u16;
        let question = query(id, name, kind, false, Some(EDNS_SIZE));
        let (start, mut spent) = (aio::now(), Spent::default());
        let wait = Duration::from_nanos(wait.ns());
        let answer = ask((server, message::PORT), &question, wait, &mut spent).await.ok();
        budget.queries = budget.queries.saturating_sub(spent.queries.max(1));
        self.counts.add(|counted| {
            counted.asked += u64::from(spent.queries);
            counted.timeouts += u64::from(spent.timeouts);
        });
        let now = aio::now();
        let mut far = lock(&self.far);
        let before = far.get(&server).filter(|(_, until)| *until > now).map(|(far, _)| *far);
        let measured = now - start;
        let distance = match (before, answer.is_some()) {
            // RFC 6298 §2.3: smoothed, as BIND and Unbound have it.
            (Some(before), true) => before / 8 * 7 + measured / 8,
            (None, true) => measured,
            // Who is silent stands behind all who are not.
            (before, false) => before.unwrap_or(Span::ZERO).max(measured).saturating_mul(2).min(Span::from_secs(120)),
        };
        far.insert(server, (distance, now.saturating_add(REMEMBERED)));
        answer
    }

    /// Unknown servers first, in the order in which they came, then by their distance.
    fn nearest_first(&self, servers: &mut [Ipv4Addr]) {
        let (now, far) = (aio::now(), lock(&self.far));
        servers.sort_by_key(|server| {
            far.get(server).filter(|(_, until)| *until > now).map_or(Span::ZERO, |(far, _)| *far)
        });
    }
}

impl Outcome {
    fn failed() -> Outcome {
        Outcome { code: ResponseCode::ServFail, answers: Vec::new(), soa: None }
    }
}

/// Where an answer sends us: to servers of a zone that is closer to the name.
fn referral(answer: &Message, zone: &Name, name: &Name) -> Option<Servers> {
    if answer.metadata.response_code != ResponseCode::NoError || !answer.answers.is_empty() || soa(answer).is_some() {
        return None;
    }
    let closer = |owner: &Name| zone.zone_of(owner) && owner.zone_of(name) && owner.num_labels() > zone.num_labels();
    let ns = |record: &&Record| record.record_type() == RecordType::NS && closer(&record.name);
    let next = answer.authorities.iter().find(ns)?.name.clone();
    let of_it = answer.authorities.iter().filter(|record| record.name == next);
    let names: Vec<Name> = of_it.filter_map(target).cloned().collect();
    let addresses = addresses(&glue(answer, zone, &names));
    Some(Servers { zone: next, names, addresses })
}

/// Addresses beside a referral, as far as the server that gave them may speak of them: others are looked up.
fn glue(answer: &Message, zone: &Name, names: &[Name]) -> Vec<Record> {
    let own = |record: &&Record| {
        record.record_type() == RecordType::A && zone.zone_of(&record.name) && names.contains(&record.name)
    };
    answer.additionals.iter().filter(own).cloned().collect()
}

/// Whether an answer leads on: records, an absence of which the server is sure, a referral downwards.
fn useful(answer: &Message, zone: &Name, name: &Name) -> bool {
    match answer.metadata.response_code {
        ResponseCode::NXDomain => true,
        ResponseCode::NoError => {
            !answer.answers.is_empty()
                || soa(answer).is_some()
                || answer.metadata.authoritative
                || referral(answer, zone, name).is_some()
        }
        _ => false,
    }
}

impl Handler for Resolver {
    fn answer(self: Arc<Self>, asked: Message, _over: Over) -> Answering {
        Box::pin(async move {
            let query = match question(&asked) {
                Ok(query) => query.clone(),
                Err(code) => return Some(reply(&asked, code)),
            };
            // A resolver serves those who ask for recursion; others would look into its cache.
            if !asked.metadata.recursion_desired {
                return Some(reply(&asked, ResponseCode::Refused));
            }
            let outcome = self.look_up(query.name(), query.query_type()).await;
            let mut answer = reply(&asked, outcome.code);
            answer.metadata.recursion_available = true;
            answer.add_answers(outcome.answers);
            answer.add_authorities(outcome.soa);
            Some(answer)
        })
    }
}
