//! `dns`, `resolver`, `forwarder`: name servers of files; how they work stands in [`crate::dns`].

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use sim_core::{Params, Prob, Span, Table};

use super::Service;
use crate::aio::Program;
use crate::app::Scope;
use crate::dns::{self, Authority, CacheLimits, Context, Counts, ForwarderConfig, Manner, ResolverConfig, Zone};
use crate::host::{App, AppEvent, Calls, NAME_SERVERS, NameServerRow};

/// Parameters of an authoritative server.
#[derive(Clone, PartialEq, Debug)]
pub struct ZonesService {
    /// Its zones: name, TTL of records that have none, lines of a master file.
    zones: Vec<(String, u32, Vec<String>)>,
    manner: Manner,
}

/// Parameters of a recursive resolver.
#[derive(Clone, PartialEq, Debug)]
pub struct ResolverService {
    /// Hosts of the root servers.
    roots: Vec<String>,
    config: ResolverConfig,
}

/// Parameters of a forwarder.
#[derive(Clone, PartialEq, Debug)]
pub struct ForwarderService {
    /// Hosts that it asks.
    to: Vec<String>,
    config: ForwarderConfig,
}

/// Hosts that lines of a zone name, each with an address that stands for its own until that is known.
#[derive(Default)]
struct Hosts(BTreeMap<String, Ipv4Addr>);

impl Hosts {
    fn stand_in(&mut self, host: &str) -> Ipv4Addr {
        // 240.0.0.0/4 is nobody's (RFC 1112 §4), so that it is no record that is there already.
        let next = Ipv4Addr::from_bits(0xf000_0001 + self.0.len() as u32);
        *self.0.entry(host.to_string()).or_insert(next)
    }
}

impl ZonesService {
    pub(super) fn read(params: &mut dyn Params) -> ZonesService {
        let mut zones: Vec<(String, u32, Vec<String>)> = Vec::new();
        let help = "zones by name, as `example.test`; `.` is the root";
        params.each("zones", help, &mut |name, params| {
            let default = Span::from_secs(u64::from(dns::TTL));
            let ttl = params.span("ttl", Some(default), "TTL of records that have none, in whole seconds");
            let ttl = u32::try_from(ttl.ns() / 1_000_000_000).unwrap_or(u32::MAX);
            let what = "lines of a master file, as `www 300 A web1`";
            let lines = params.texts("records", what, "records: a name below the zone or `@`, a TTL, a type, data");
            match dns::name(name) {
                Ok(_) if lines.is_empty() => params.refuse("records", format!("the zone `{name}` has none")),
                Ok(origin) => check_lines(params, &origin, ttl, &lines),
                Err(why) => params.refuse("records", why),
            }
            zones.push((name.to_string(), ttl, lines));
        });
        if !params.given("zones") {
            params.refuse("zones", "an authoritative server serves one zone at least".into());
        }
        let service =
            params.span("service", Some(Span::ZERO), "how long it works on a question, on any number at a time");
        let silent = params.prob("silent", Some(Prob::ZERO), "share of the questions that it does not answer");
        ZonesService { zones, manner: Manner { service, silent } }
    }

    /// The zones, with the addresses of hosts. All of it was read before.
    fn authority(&self, scope: &Scope) -> Authority {
        let host = |text: &str| scope.address(text);
        let zones = self.zones.iter().filter_map(|(name, ttl, lines)| {
            let mut zone = Zone::new(dns::name(name).ok()?);
            for line in lines {
                let context = Context { origin: &zone.origin().clone(), ttl: *ttl, host: &host };
                // A host that there is not was refused with the file.
                let _refused = dns::record(line, &context).and_then(|record| zone.add(record));
            }
            Some(zone)
        });
        Authority::new(zones.collect())
    }
}

fn check_lines(params: &mut dyn Params, origin: &hickory_proto::rr::Name, ttl: u32, lines: &[String]) {
    let mut zone = Zone::new(origin.clone());
    let mut hosts = Hosts::default();
    for (at, line) in lines.iter().enumerate() {
        let named = std::cell::RefCell::new(None);
        let note = |text: &str| {
            // What looks like an address and is none is no host either.
            let host = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
            host.then(|| {
                *named.borrow_mut() = Some(text.to_string());
                hosts.0.get(text).copied().unwrap_or(Ipv4Addr::UNSPECIFIED)
            })
        };
        let mut read = dns::record(line, &Context { origin, ttl, host: &note });
        if let Some(host) = named.into_inner() {
            params.names_host("records", at, &host);
            hosts.stand_in(&host);
            let known = |text: &str| hosts.0.get(text).copied();
            read = dns::record(line, &Context { origin, ttl, host: &known });
        }
        if let Err(why) = read.and_then(|record| zone.add(record)) {
            params.refuse_text("records", at, why);
        }
    }
}

/// Bounds of a cache, of so many sets where the file does not say.
fn cache(params: &mut dyn Params, entries: u64) -> CacheLimits {
    let default = CacheLimits::default();
    let help = "sets of records that its cache holds; 0: none";
    CacheLimits {
        entries: params.count("cache", Some(entries), 0..=10_000_000, help),
        ttl: params.span("max_ttl", Some(default.ttl), "the longest that records are kept"),
        negative_ttl: params.span(
            "max_negative_ttl",
            Some(default.negative_ttl),
            "the longest that an absence is kept",
        ),
    }
}

impl ResolverService {
    pub(super) fn read(params: &mut dyn Params) -> ResolverService {
        let default = ResolverConfig::default();
        let roots = params.name_servers("roots", "hosts of the root servers");
        if roots.is_empty() {
            params.refuse("roots", "a resolver begins at one root server at least".into());
        }
        let cache = cache(params, default.cache.entries);
        let timeout = params.span(
            "timeout",
            Some(default.timeout),
            "how long it waits for a server; twice as long in each further round",
        );
        let attempts =
            params.count("attempts", Some(default.attempts), 1..=16, "how often it asks each server of a zone");
        let give_up = params.span("give_up", Some(default.give_up), "after this time it says SERVFAIL");
        if timeout == Span::ZERO {
            params.refuse("timeout", "no answer would be in time".into());
        }
        if give_up == Span::ZERO {
            params.refuse("give_up", "no answer would be in time".into());
        }
        ResolverService { roots, config: ResolverConfig { roots: Vec::new(), cache, timeout, attempts, give_up } }
    }
}

impl ForwarderService {
    pub(super) fn read(params: &mut dyn Params) -> ForwarderService {
        let default = ForwarderConfig::default();
        let help = "hosts of name servers that it asks: the first one, and the next one where that is silent, or fails or refuses";
        let to = params.name_servers("to", help);
        if to.is_empty() {
            params.refuse("to", "a forwarder asks one server at least".into());
        }
        let cache = cache(params, default.cache.entries);
        let help = "how long it waits for an answer; it does not ask again, its client does";
        let timeout = params.span("timeout", Some(default.timeout), help);
        if timeout == Span::ZERO {
            params.refuse("timeout", "no answer would be in time".into());
        }
        ForwarderService { to, config: ForwarderConfig { cache, timeout, ..default } }
    }
}

fn addresses(scope: &Scope, hosts: &[String]) -> Vec<Ipv4Addr> {
    hosts.iter().filter_map(|host| scope.address(host)).collect()
}

impl Service for ZonesService {
    const TABLES: &'static [&'static Table] = &[&NAME_SERVERS];
    const ANSWERS_NAMES: bool = true;

    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
        let (authority, manner, counts) = (self.authority(scope), self.manner.clone(), counts(scope));
        let own = counts.clone();
        let main = async move { drop(dns::serve_zones(authority, manner, port, own).await) };
        Box::new(NameServer { program: scope.program("dns", main), counts })
    }
}

impl Service for ResolverService {
    const TABLES: &'static [&'static Table] = &[&NAME_SERVERS];
    const ANSWERS_NAMES: bool = true;

    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
        let config = ResolverConfig { roots: addresses(scope, &self.roots), ..self.config.clone() };
        let counts = counts(scope);
        let own = counts.clone();
        let main = async move { drop(dns::serve_resolver(config, port, own).await) };
        Box::new(NameServer { program: scope.program("resolver", main), counts })
    }
}

impl Service for ForwarderService {
    const TABLES: &'static [&'static Table] = &[&NAME_SERVERS];
    const ANSWERS_NAMES: bool = true;

    fn open(&self, scope: &Scope, port: u16) -> Box<dyn App> {
        let config = ForwarderConfig { to: addresses(scope, &self.to), ..self.config.clone() };
        let counts = counts(scope);
        let own = counts.clone();
        let main = async move { drop(dns::serve_forwarder(config, port, own).await) };
        Box::new(NameServer { program: scope.program("forwarder", main), counts })
    }
}

/// A server has one row, however often its process is started again.
fn counts(scope: &Scope) -> Counts {
    Counts::clone(&scope.lasting::<Counts>())
}

/// A name server, with its row at the end.
struct NameServer {
    program: Program,
    counts: Counts,
}

impl App for NameServer {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        self.program.start(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        self.program.event(calls, event);
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        self.program.timer(calls, token);
    }

    fn killed(&mut self, calls: &mut Calls<'_, '_>) {
        self.program.killed(calls);
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.program.finish(calls);
        let dns::Counted { udp, tcp, answers, truncated, nxdomain, servfail, known, asked, timeouts } =
            self.counts.get();
        let service = calls.number();
        calls.emit(&NameServerRow {
            service,
            udp,
            tcp,
            answers,
            truncated,
            nxdomain,
            servfail,
            known,
            asked,
            timeouts,
        });
    }
}
