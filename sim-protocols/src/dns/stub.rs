//! What a program does with a name: hosts file, caches, resolver, in this order (resolv.conf(5), nsswitch.conf(5)).

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, Record, RecordType};
use sim_core::{Rng, Span, Time};

use super::ask::{Failed, Spent, ask};
use super::cache::{Cache, CacheLimits, Known, soa};
use super::flights::lock;
use super::message::{self, QueryType, addresses, alias, query, word};
use crate::aio::{self, Duration};

/// Aliases that are followed in a cache.
const ALIASES_MAX: usize = 16;

/// What a host resolves names with: its hosts file, its cache and its configured resolvers. All programs of a host share it, and no other host does.
pub struct HostResolver {
    config: HostResolverConfig,
    names: BTreeMap<Name, Ipv4Addr>,
    cache: Mutex<Cache>,
}

/// What a host is told of names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostResolverConfig {
    /// The hosts file.
    pub names: BTreeMap<String, Ipv4Addr>,
    /// Whom it asks (`nameserver` of resolv.conf(5)), in this order.
    pub servers: Vec<Ipv4Addr>,
    /// The host's cache, which all its programs share, as that of `nscd`, `systemd-resolved` or Windows; 0 entries: none. Default: 4096 sets, as
    /// systemd-resolved.
    pub cache: CacheLimits,
    /// How long it waits for an answer (`options timeout`). Default: 5 s.
    pub timeout: Span,
    /// How often it goes through the list (`options attempts`). Default: 2.
    pub attempts: u64,
}

impl Default for HostResolverConfig {
    fn default() -> HostResolverConfig {
        HostResolverConfig {
            names: BTreeMap::new(),
            servers: Vec::new(),
            cache: CacheLimits { entries: 4096, ..CacheLimits::default() },
            timeout: Span::from_secs(5),
            attempts: 2,
        }
    }
}

impl HostResolver {
    /// That of a host.
    pub fn new(config: HostResolverConfig) -> HostResolver {
        let names = config.names.iter().filter_map(|(text, address)| Some((message::name(text).ok()?, *address)));
        HostResolver { names: names.collect(), cache: Mutex::new(Cache::new(config.cache.clone())), config }
    }
}

impl fmt::Debug for HostResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HostResolver").field(&self.config).finish()
    }
}

/// Where an answer comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Source {
    /// It was an address already.
    Literal,
    /// The host's own list of names.
    HostsFile,
    /// The program's own cache.
    BrowserCache,
    /// The host's cache.
    HostCache,
    /// A server has said it, whoever had told that one.
    Resolver,
}

impl Source {
    /// Words of tables, in the order of the values.
    pub const WORDS: &'static [&'static str] = &["literal", "hosts_file", "browser_cache", "host_cache", "resolver"];
}

/// The addresses of a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Answer {
    /// At least one, in the order of the answer.
    pub addresses: Vec<Ipv4Addr>,
    /// For how long they hold; zero from the hosts file or where the name was an address.
    pub ttl: Span,
    /// Where they come from.
    pub where_from: Source,
    /// How long the look-up took.
    pub time: Span,
}

/// Why a name has no address, in the words of resolvers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DnsError {
    /// There is no such name.
    NxDomain,
    /// There is the name, but nothing of the type (`NODATA`).
    NoRecord,
    /// The resolver could not find out.
    ServFail,
    /// The resolver does not serve us, or says something else that helps nobody.
    Refused,
    /// No resolver has answered in time.
    TimedOut,
    /// No resolver can be reached: nobody listens, or there is no way.
    Unreachable,
    /// The host has no resolver.
    NoResolver,
    /// What was asked for is no name.
    BadName,
}

impl DnsError {
    /// Words of tables, in the order of the values.
    pub const WORDS: &'static [&'static str] =
        &["nxdomain", "no_record", "servfail", "refused", "timed_out", "unreachable", "no_resolver", "bad_name"];
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            DnsError::NxDomain => word(ResponseCode::NXDomain),
            DnsError::NoRecord => "no such record",
            DnsError::ServFail => word(ResponseCode::ServFail),
            DnsError::Refused => word(ResponseCode::Refused),
            DnsError::TimedOut => "timed out",
            DnsError::Unreachable => "no servers could be reached",
            DnsError::NoResolver => "the host has no resolver",
            DnsError::BadName => "not a name of DNS",
        })
    }
}

impl std::error::Error for DnsError {}

/// A look-up with all that is to be said of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lookup {
    /// Addresses, where the type was A; otherwise none even where there are records.
    pub addresses: Vec<Ipv4Addr>,
    /// How many records the answer has, aliases included.
    pub records: usize,
    /// For how long they hold: the least of their TTLs.
    pub ttl: Span,
    /// Where the answer comes from, also where it says that there is nothing.
    pub where_from: Source,
    /// When it began.
    pub start: Time,
    /// How long it took.
    pub time: Span,
    /// What it cost.
    pub spent: Spent,
    /// Why there is nothing.
    pub error: Option<DnsError>,
}

/// A program's way to addresses: the host's resolver, and a cache of its own.
pub struct Stub {
    host: Arc<HostResolver>,
    own: Option<Mutex<Cache>>,
    ids: Mutex<Rng>,
}

/// Records, or nothing and why.
type Told = Result<Vec<Record>, DnsError>;

impl Stub {
    /// A stub without a cache of its own, as that of most programs. To be made in a program: ids are of a stream of chance of its task.
    pub fn new(host: Arc<HostResolver>) -> Stub {
        Stub { host, own: None, ids: Mutex::new(aio::rng("dns/id")) }
    }

    /// A stub with a cache of its own, as browsers have: so many sets, none for longer than `cap` (Chromium: 1000 sets for a minute where it does
    /// not speak DNS itself; Firefox: 800).
    pub fn with_cache(host: Arc<HostResolver>, entries: u64, cap: Span) -> Stub {
        let limits = CacheLimits { entries, ttl: cap, negative_ttl: cap };
        Stub { own: Some(Mutex::new(Cache::new(limits))), ..Stub::new(host) }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    /// As [`DnsError`] says.
    pub async fn lookup(&self, name: &str) -> Result<Answer, DnsError> {
        let Lookup { addresses, ttl, where_from, time, error, .. } = self.query(name, QueryType::A).await;
        match error {
            Some(error) => Err(error),
            None => Ok(Answer { addresses, ttl, where_from, time }),
        }
    }

    /// Records of a name, with what it cost to find them or to fail.
    pub async fn query(&self, text: &str, kind: QueryType) -> Lookup {
        let (start, mut spent) = (aio::now(), Spent::default());
        let (where_from, told) = match (text.parse::<Ipv4Addr>(), message::name(text)) {
            (Ok(address), _) if kind == QueryType::A => {
                return lookup(start, Source::Literal, spent, (vec![address], Ok(Vec::new())));
            }
            (_, Err(_)) => (Source::HostsFile, Err(DnsError::BadName)),
            (_, Ok(name)) => {
                if let Some(address) = self.host.names.get(&name).filter(|_| kind == QueryType::A) {
                    return lookup(start, Source::HostsFile, spent, (vec![*address], Ok(Vec::new())));
                }
                self.records(&name, kind.record(), &mut spent).await
            }
        };
        let told = match told {
            Ok(records) if !records.iter().any(|record| record.record_type() == kind.record()) => {
                Err(DnsError::NoRecord)
            }
            other => other,
        };
        let found = told.as_ref().map_or(Vec::new(), |records| addresses(records));
        lookup(start, where_from, spent, (found, told))
    }

    /// Caches, and then the servers.
    async fn records(&self, name: &Name, kind: RecordType, spent: &mut Spent) -> (Source, Told) {
        let own = self.own.as_ref();
        if let Some(told) = own.and_then(|cache| known(&mut lock(cache), name, kind)) {
            return (Source::BrowserCache, told);
        }
        if let Some(told) = known(&mut lock(&self.host.cache), name, kind) {
            if let (Some(cache), Ok(records)) = (own, &told) {
                lock(cache).keep(aio::now(), records);
            }
            return (Source::HostCache, told);
        }
        match self.ask_servers(name, kind, spent).await {
            Err(error) => (Source::Resolver, Err(error)),
            Ok(answer) => {
                for cache in [Some(&self.host.cache), own].into_iter().flatten() {
                    keep(&mut lock(cache), name, kind, &answer);
                }
                let code = answer.metadata.response_code;
                (Source::Resolver, told(code, answer.answers))
            }
        }
    }

    /// Asks one server after the other, `attempts` times round. Silence and SERVFAIL, NOTIMP, REFUSED make it turn to the next one (resolv.conf(5)).
    async fn ask_servers(&self, name: &Name, kind: RecordType, spent: &mut Spent) -> Result<Message, DnsError> {
        let config = &self.host.config;
        let mut last = DnsError::NoResolver;
        for _ in 0..config.attempts {
            for server in &config.servers {
                let id = lock(&self.ids).next_u64() as u16;
                let question = query(id, name, kind, true, None);
                let wait = Duration::from_nanos(config.timeout.ns());
                last = match ask((*server, message::PORT), &question, wait, spent).await {
                    Ok(answer) => match answer.metadata.response_code {
                        ResponseCode::NoError | ResponseCode::NXDomain => return Ok(answer),
                        ResponseCode::ServFail => DnsError::ServFail,
                        _ => DnsError::Refused,
                    },
                    Err(Failed::TimedOut) => DnsError::TimedOut,
                    Err(Failed::Unreachable) => DnsError::Unreachable,
                };
            }
        }
        Err(last)
    }
}

impl fmt::Debug for Stub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stub").field("host", &self.host).finish_non_exhaustive()
    }
}

fn lookup(start: Time, where_from: Source, spent: Spent, (addresses, told): (Vec<Ipv4Addr>, Told)) -> Lookup {
    let (records, error) = match told {
        Ok(records) => (records, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let ttl = records.iter().map(|record| record.ttl).min().unwrap_or(0);
    let time = aio::now() - start;
    let ttl = Span::from_secs(u64::from(ttl));
    let addresses = if error.is_some() { Vec::new() } else { addresses };
    Lookup { addresses, records: records.len(), ttl, where_from, start, time, spent, error }
}

fn told(code: ResponseCode, records: Vec<Record>) -> Told {
    match code {
        ResponseCode::NoError => Ok(records),
        ResponseCode::NXDomain => Err(DnsError::NxDomain),
        ResponseCode::ServFail => Err(DnsError::ServFail),
        _ => Err(DnsError::Refused),
    }
}

/// What a cache says of a name, following its aliases.
fn known(cache: &mut Cache, name: &Name, kind: RecordType) -> Option<Told> {
    let (now, mut all, mut name) = (aio::now(), Vec::new(), name.clone());
    for _ in 0..ALIASES_MAX {
        match cache.get(now, &name, kind) {
            Some(Known::Records(records)) => {
                all.extend(records);
                return Some(Ok(all));
            }
            Some(Known::Nothing(code, _)) => return Some(told(code, all)),
            None => {}
        }
        let Known::Records(records) = cache.get(now, &name, RecordType::CNAME)? else { return None };
        name = alias(&records, &name)?.clone();
        all.extend(records);
    }
    None
}

fn keep(cache: &mut Cache, name: &Name, kind: RecordType, answer: &Message) {
    let now = aio::now();
    cache.keep(now, &answer.answers);
    let mut last = name;
    for _ in 0..ALIASES_MAX {
        last = alias(&answer.answers, last).unwrap_or(last);
    }
    cache.keep_absence(now, last, kind, answer.metadata.response_code, soa(answer));
}
