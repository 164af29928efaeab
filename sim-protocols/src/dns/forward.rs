//! A forwarder with a small cache, as on a home router: dnsmasq's manner.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use sim_core::{Rng, Span};

use super::ask::{Spent, over};
use super::cache::{Cache, CacheLimits, Known, soa};
use super::counts::Counts;
use super::flights::lock;
use super::message::{self, question, reply};
use super::serve::{Answering, Handler, Over};
use crate::aio::{self, Duration};

/// Aliases that are followed in the cache.
const ALIASES_MAX: usize = 10;

/// What a forwarder is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwarderConfig {
    /// Whom it asks: the first one; the next one where that one was silent, or says that it fails or refuses.
    pub to: Vec<Ipv4Addr>,
    /// Its cache. Default: 150 sets, as dnsmasq (`cache-size`).
    pub cache: CacheLimits,
    /// How long it waits for an answer. It never asks again by itself: its client does. Default: 10 s, as dnsmasq (`TIMEOUT`).
    pub timeout: Span,
    /// Names that it knows itself.
    pub names: BTreeMap<String, Ipv4Addr>,
}

impl Default for ForwarderConfig {
    fn default() -> ForwarderConfig {
        ForwarderConfig {
            to: Vec::new(),
            cache: CacheLimits { entries: 150, ..CacheLimits::default() },
            timeout: Span::from_secs(10),
            names: BTreeMap::new(),
        }
    }
}

/// A forwarder.
pub(super) struct Forwarder {
    config: ForwarderConfig,
    names: BTreeMap<Name, Ipv4Addr>,
    state: Mutex<State>,
    counts: Counts,
}

struct State {
    cache: Cache,
    ids: Rng,
    /// Which of the servers is asked.
    current: usize,
}

impl Forwarder {
    /// To be made in the program that will serve it.
    pub fn new(config: ForwarderConfig, counts: Counts) -> Forwarder {
        let state = State { cache: Cache::new(config.cache.clone()), ids: aio::rng("dns/id"), current: 0 };
        let names = config.names.iter().filter_map(|(text, address)| Some((message::name(text).ok()?, *address)));
        Forwarder { names: names.collect(), config, state: Mutex::new(state), counts }
    }

    /// An answer out of names of its own, or of the cache.
    fn known(&self, asked: &Message, name: &Name, kind: RecordType) -> Option<Message> {
        if let Some(address) = self.names.get(name) {
            let mut answer = answer(asked, ResponseCode::NoError);
            if kind == RecordType::A {
                answer.add_answer(Record::from_rdata(name.clone(), 0, RData::A(A(*address))));
            }
            return Some(answer);
        }
        let (now, mut state) = (aio::now(), lock(&self.state));
        let (mut answers, mut name) = (Vec::new(), name.clone());
        for _ in 0..ALIASES_MAX {
            match state.cache.get(now, &name, kind) {
                Some(Known::Records(records)) => {
                    answers.extend(records);
                    let mut answer = answer(asked, ResponseCode::NoError);
                    answer.add_answers(answers);
                    return Some(answer);
                }
                Some(Known::Nothing(code, soa)) => {
                    let mut answer = answer(asked, code);
                    answer.add_answers(answers);
                    answer.add_authorities(soa.map(|soa| *soa));
                    return Some(answer);
                }
                None => {}
            }
            let Some(Known::Records(records)) = state.cache.get(now, &name, RecordType::CNAME) else { return None };
            name = message::alias(&records, &name)?.clone();
            answers.extend(records);
        }
        None
    }

    /// Passes a question on, the way it came, and the answer back. Silence stays silence; who fails or refuses may be broken, and another one is asked
    /// (dnsmasq's `reply_query`: "for broken servers, attempt to send to another one").
    async fn forward(&self, asked: &Message, name: &Name, kind: RecordType, way: Over) -> Option<Message> {
        let (mut at, mut others) = (lock(&self.state).current, self.config.to.len().saturating_sub(1));
        let mut found = loop {
            let found = self.ask(asked, at, way).await;
            let broken = |found: &Message| {
                matches!(found.metadata.response_code, ResponseCode::ServFail | ResponseCode::Refused)
            };
            if found.as_ref().is_some_and(|found| !broken(found) || others == 0) {
                break found?;
            }
            at += 1;
            lock(&self.state).current = at;
            found?;
            others -= 1;
        };
        let (now, code) = (aio::now(), found.metadata.response_code);
        if !found.metadata.truncation {
            let cache = &mut lock(&self.state).cache;
            cache.keep(now, &found.answers);
            if matches!(code, ResponseCode::NoError | ResponseCode::NXDomain) {
                let mut last = name;
                for _ in 0..ALIASES_MAX {
                    last = message::alias(&found.answers, last).unwrap_or(last);
                }
                cache.keep_absence(now, last, kind, code, soa(&found));
            }
        }
        found.metadata.id = asked.metadata.id;
        Some(found)
    }

    /// Asks one of the servers; none where it is silent.
    async fn ask(&self, asked: &Message, at: usize, way: Over) -> Option<Message> {
        let mut question = asked.clone();
        question.metadata.id = lock(&self.state).ids.next_u64() as u16;
        let server = *self.config.to.get(at % self.config.to.len().max(1))?;
        let wait = Duration::from_nanos(self.config.timeout.ns());
        let mut spent = Spent::default();
        let found = over((server, message::PORT), &question, wait, way, &mut spent).await;
        self.counts.add(|counted| {
            counted.asked += u64::from(spent.queries);
            counted.timeouts += u64::from(spent.timeouts);
        });
        found.ok()
    }
}

fn answer(asked: &Message, code: ResponseCode) -> Message {
    let mut answer = reply(asked, code);
    answer.metadata.recursion_available = true;
    answer
}

impl Handler for Forwarder {
    fn answer(self: Arc<Self>, asked: Message, way: Over) -> Answering {
        Box::pin(async move {
            let query = match question(&asked) {
                Ok(query) => query.clone(),
                Err(code) => return Some(reply(&asked, code)),
            };
            let (name, kind) = (query.name(), query.query_type());
            match self.known(&asked, name, kind) {
                Some(answer) => {
                    self.counts.add(|counted| counted.known += 1);
                    Some(answer)
                }
                None => self.forward(&asked, name, kind, way).await,
            }
        })
    }
}
