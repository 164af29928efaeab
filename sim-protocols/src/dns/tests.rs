//! The whole chain on simulated hosts: what look-ups return, what they cost, what happens when servers are silent.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Span, Time};

use super::*;
use crate::aio::{self, Duration, Link, Run, Sim};

/// `client -- r -- resolver`, and behind the same router a root server, two servers of `test` and one of `example.test`.
struct Net {
    sim: Sim,
    addresses: Vec<(&'static str, Ipv4Addr)>,
}

const HOSTS: [&str; 6] = ["client", "resolver", "root", "tld1", "tld2", "auth"];

fn net() -> Net {
    let mut sim = Sim::new(7);
    sim.router("r");
    for (host, ms) in HOSTS.iter().zip([1, 1, 10, 20, 20, 30]) {
        sim.host(host).link(host, "r", Link::new(Span::from_ms(ms)));
    }
    let addresses = HOSTS.map(|host| (host, sim.address(host))).to_vec();
    sim.capture("client").capture("resolver");
    Net { sim, addresses }
}

impl Net {
    fn address(&self, host: &str) -> Ipv4Addr {
        self.addresses.iter().find(|(name, _)| *name == host).unwrap().1
    }

    fn zone(&self, origin: &str, lines: &[&str]) -> Zone {
        let origin = name(origin).unwrap();
        let host = |text: &str| self.addresses.iter().find(|(name, _)| *name == text).map(|(_, address)| *address);
        let mut zone = Zone::new(origin.clone());
        for line in lines {
            zone.add(record(line, &Context { origin: &origin, ttl: 3600, host: &host }).unwrap()).unwrap();
        }
        zone
    }

    fn serve(&mut self, host: &str, zones: Vec<Zone>) {
        self.sim.spawn(host, "dns", async move {
            serve_zones(Authority::new(zones), Manner::default(), PORT, Counts::default()).await
        });
    }

    /// All servers but those that are named.
    fn servers(&mut self, silent: &[&str]) {
        let root = self.zone(
            ".",
            &[
                "test 86400 NS tld1.test.",
                "test 86400 NS tld2.test.",
                "tld1.test 86400 A tld1",
                "tld2.test 86400 A tld2",
            ],
        );
        let test = [
            "@ 86400 NS tld1",
            "@ 86400 NS tld2",
            "tld1 86400 A tld1",
            "tld2 86400 A tld2",
            "example 3600 NS ns1.example",
            "ns1.example 3600 A auth",
            "far 3600 NS ns1.example",
            "loop 3600 NS ns.pool.test.",
            "pool 3600 NS ns.loop.test.",
        ];
        let test = self.zone("test", &test);
        let many: Vec<String> = (1..=60).map(|host| format!("many 60 A 10.9.0.{host}")).collect();
        let mut lines = vec![
            "@ 3600 SOA ns1 root 1 7200 900 1209600 60",
            "@ NS ns1",
            "ns1 A auth",
            "www 60 A 10.9.9.1",
            "now 0 A 10.9.9.2",
            "shop 60 CNAME www",
            "mail 60 MX 10 www",
            "out 60 CNAME www.far.test.",
        ];
        lines.extend(many.iter().map(String::as_str));
        let example = self.zone("example.test", &lines);
        let far = self.zone("far.test", &["@ NS ns1.example.test.", "www 60 A 10.9.9.3"]);
        for (host, zones) in
            [("root", vec![root]), ("tld1", vec![test.clone()]), ("tld2", vec![test]), ("auth", vec![example, far])]
        {
            if !silent.contains(&host) {
                self.serve(host, zones);
            }
        }
        let config = ResolverConfig { roots: vec![self.address("root")], ..ResolverConfig::default() };
        self.sim.spawn("resolver", "dns", serve_resolver(config, PORT, Counts::default()));
    }

    fn stub(&self) -> HostResolverConfig {
        HostResolverConfig { servers: vec![self.address("resolver")], ..HostResolverConfig::default() }
    }

    fn ask(mut self, config: HostResolverConfig, asks: Vec<(u64, &'static str, QueryType)>) -> (Vec<Lookup>, Run) {
        let answers = self.sim.spawn("client", "main", async move {
            let stub = Stub::with_cache(Arc::new(HostResolver::new(config)), 100, Span::from_secs(10));
            let mut all = Vec::new();
            for (at, name, kind) in asks {
                aio::sleep_until(Time::ZERO + Span::from_ms(at)).await;
                all.push(stub.query(name, kind).await);
            }
            all
        });
        let run = self.sim.run(Span::from_secs(200)).unwrap();
        (answers.take(), run)
    }
}

fn said(lookup: &Lookup) -> String {
    let Lookup { addresses, where_from, spent, .. } = lookup;
    let what = match lookup.error {
        Some(error) => error.to_string(),
        None => format!("{addresses:?} {}", lookup.records),
    };
    let ms = lookup.time.ms();
    format!("{what} by {where_from:?} in {ms} ms, {} queries, {} round trips", spent.queries, spent.round_trips)
}

/// Runs of the same questions without and with caches that keep nothing at the host.
fn asked(
    config: impl FnOnce(&Net) -> HostResolverConfig,
    silent: &[&str],
    asks: &[(u64, &'static str, QueryType)],
) -> Vec<String> {
    let mut net = net();
    net.servers(silent);
    let config = config(&net);
    let (answers, _) = net.ask(config, asks.to_vec());
    answers.iter().map(said).collect()
}

const A: QueryType = QueryType::A;

#[test]
fn a_first_look_up_walks_down_from_the_root_and_the_next_ones_do_not() {
    let asks = [
        (0, "www.example.test", A),
        // The browser's cache has it.
        (1000, "WWW.example.test", A),
        // It keeps nothing for longer than 10 s.
        (11_000, "www.example.test", A),
        // The authority's TTL of 60 s is over everywhere; the delegation is still known.
        (61_000, "www.example.test", A),
        // Another name of the zone: one question to its server.
        (62_000, "shop.example.test", A),
        (63_000, "10.1.2.3", A),
    ];
    let want = [
        // Client to resolver 4 ms; root 22, tld 42, auth 62.
        "[10.9.9.1] 1 by Resolver in 130 ms, 1 queries, 1 round trips",
        "[10.9.9.1] 1 by BrowserCache in 0 ms, 0 queries, 0 round trips",
        "[10.9.9.1] 1 by HostCache in 0 ms, 0 queries, 0 round trips",
        "[10.9.9.1] 1 by Resolver in 66 ms, 1 queries, 1 round trips",
        "[10.9.9.1] 2 by Resolver in 66 ms, 1 queries, 1 round trips",
        "[10.1.2.3] 0 by Literal in 0 ms, 0 queries, 0 round trips",
    ];
    assert_eq!(asked(Net::stub, &[], &asks), want);
}

#[test]
fn what_is_not_there_is_said_and_remembered() {
    let asks = [
        (0, "nobody.example.test", A),
        (1000, "nobody.example.test", QueryType::Mx),
        (2000, "www.example.test", QueryType::Aaaa),
        (3000, "www.example.test", QueryType::Aaaa),
        (4000, "mail.example.test", QueryType::Mx),
        (5000, "a..b", A),
        (6000, "www.loop.test", A),
        (7000, "out.example.test", A),
        (8000, "nowhere", A),
    ];
    let want = [
        "NXDOMAIN by Resolver in 130 ms, 1 queries, 1 round trips",
        "NXDOMAIN by BrowserCache in 0 ms, 0 queries, 0 round trips",
        "no such record by Resolver in 66 ms, 1 queries, 1 round trips",
        "no such record by BrowserCache in 0 ms, 0 queries, 0 round trips",
        "[] 1 by Resolver in 66 ms, 1 queries, 1 round trips",
        "not a name of DNS by HostsFile in 0 ms, 0 queries, 0 round trips",
    ];
    let got = asked(Net::stub, &[], &asks);
    assert_eq!(got[..6], want);
    assert!(got[6].starts_with("SERVFAIL by Resolver"), "servers that need each other: {}", got[6]);
    assert!(got[7].starts_with("[10.9.9.3] 2 by Resolver"), "{}", got[7]);
    assert!(got[8].starts_with("NXDOMAIN by Resolver in 26 ms"), "{}", got[8]);
}

#[test]
fn a_ttl_of_zero_is_kept_by_nobody() {
    let asks = [(0, "now.example.test", A), (1000, "now.example.test", A)];
    let want = [
        "[10.9.9.2] 1 by Resolver in 130 ms, 1 queries, 1 round trips",
        "[10.9.9.2] 1 by Resolver in 66 ms, 1 queries, 1 round trips",
    ];
    assert_eq!(asked(Net::stub, &[], &asks), want);
}

#[test]
fn what_does_not_fit_comes_by_tcp() {
    let mut net = net();
    net.servers(&[]);
    let config = net.stub();
    let (answers, run) = net.ask(config, vec![(0, "many.example.test", A)]);
    // 130 ms as ever, and the resolver's answer again by TCP: 8 ms. The resolver itself has EDNS.
    assert_eq!(answers[0].addresses.len(), 60);
    assert_eq!((answers[0].spent.tcp, answers[0].spent.queries, answers[0].spent.round_trips), (1, 2, 3));
    assert_eq!(answers[0].time.ms(), 138);
    assert_eq!(run.drops(), 0);
}

#[test]
fn silent_servers_cost_time_outs_and_others_are_asked() {
    // tld1 has no socket at port 53, and its host says so by ICMP: no time is lost but the way.
    let asks = [(0, "www.example.test", A), (61_000, "www.example.test", A)];
    let got = asked(Net::stub, &["tld1"], &asks);
    assert_eq!(got[0], "[10.9.9.1] 1 by Resolver in 172 ms, 1 queries, 1 round trips");

    // Behind a link that is down it is silent: 800 ms, and then the other one.
    let mut net = net();
    net.servers(&[]);
    net.sim.cut(Time::ZERO, "tld1", "r");
    let config = net.stub();
    let (answers, _) = net.ask(config, asks.to_vec());
    let got: Vec<String> = answers.iter().map(said).collect();
    assert_eq!(got[0], "[10.9.9.1] 1 by Resolver in 930 ms, 1 queries, 1 round trips");
    assert_eq!(got[1], "[10.9.9.1] 1 by Resolver in 66 ms, 1 queries, 1 round trips");
}

#[test]
fn the_resolver_s_silence_is_a_time_out_after_two_attempts_of_five_seconds() {
    let mut net = net();
    net.servers(&[]);
    net.sim.cut(Time::ZERO, "resolver", "r");
    let config = net.stub();
    let (answers, _) = net.ask(config, vec![(0, "www.example.test", A)]);
    assert_eq!(said(&answers[0]), "timed out by Resolver in 10000 ms, 2 queries, 0 round trips");
    assert_eq!(answers[0].spent.timeouts, 2);

    // Nobody listens there: the host says so.
    let config = |net: &Net| HostResolverConfig { servers: vec![net.address("auth")], ..net.stub() };
    let got = asked(config, &["auth"], &[(0, "www.example.test", A)]);
    assert_eq!(got[0], "no servers could be reached by Resolver in 124 ms, 2 queries, 0 round trips");
    let none = |_: &Net| HostResolverConfig::default();
    assert_eq!(
        asked(none, &[], &[(0, "www.example.test", A)])[0],
        "the host has no resolver by Resolver in 0 ms, 0 queries, 0 round trips"
    );
    // A server that does not serve the name, and does not recurse.
    let config = |net: &Net| HostResolverConfig { servers: vec![net.address("tld1")], ..net.stub() };
    assert!(asked(config, &[], &[(0, "www.other", A)])[0].starts_with("REFUSED by Resolver"));
}

#[test]
fn dead_authorities_are_a_servfail_in_time() {
    let mut net = net();
    net.servers(&[]);
    net.sim.cut(Time::ZERO, "auth", "r");
    let config = HostResolverConfig { timeout: Span::from_secs(20), ..net.stub() };
    let asks = vec![(0, "www.example.test", A)];
    let (answers, _) = net.ask(config, asks);
    // Three rounds of 0.8, 1.6 and 3.2 s, asked for twice by the stub; in between nothing is asked for a second, for it is remembered.
    let got = said(&answers[0]);
    assert_eq!(got, "SERVFAIL by Resolver in 5672 ms, 2 queries, 2 round trips");
}

#[test]
fn the_hosts_file_goes_first_and_knows_addresses_alone() {
    let config = |net: &Net| HostResolverConfig {
        names: [("www.example.test".to_string(), Ipv4Addr::new(10, 7, 7, 7))].into(),
        ..net.stub()
    };
    let got = asked(config, &[], &[(0, "www.Example.test", A), (0, "www.example.test", QueryType::Mx)]);
    assert_eq!(got[0], "[10.7.7.7] 0 by HostsFile in 0 ms, 0 queries, 0 round trips");
    assert_eq!(got[1], "no such record by Resolver in 130 ms, 1 queries, 1 round trips");
}

#[test]
fn equal_questions_under_way_are_one() {
    let mut net = net();
    net.servers(&[]);
    let config = Arc::new(HostResolver::new(HostResolverConfig {
        cache: CacheLimits { entries: 0, ..CacheLimits::default() },
        ..net.stub()
    }));
    let times = net.sim.spawn("client", "main", async move {
        let tasks: Vec<_> = (0..5_u64)
            .map(|number| {
                let stub = Stub::new(config.clone());
                aio::spawn(async move {
                    aio::sleep(Duration::from_millis(10 * number)).await;
                    stub.lookup("www.example.test").await.unwrap().time.ms()
                })
            })
            .collect();
        let mut times = Vec::new();
        for task in tasks {
            times.push(task.await.unwrap());
        }
        times
    });
    net.sim.run(Span::from_secs(5)).unwrap();
    assert_eq!(times.take(), [130, 120, 110, 100, 90]);
}

#[test]
fn a_forwarder_answers_from_its_cache_and_passes_truncation_on() {
    let mut net = net();
    net.servers(&[]);
    let config = ForwarderConfig {
        to: vec![net.address("resolver")],
        names: [("box.lan".to_string(), Ipv4Addr::new(10, 0, 0, 9))].into(),
        ..ForwarderConfig::default()
    };
    net.sim.host("box").link("box", "r", Link::new(Span::from_ms(1)));
    let address = net.sim.address("box");
    net.sim.spawn("box", "dns", serve_forwarder(config, PORT, Counts::default()));
    let none = CacheLimits { entries: 0, ..CacheLimits::default() };
    let config = Arc::new(HostResolver::new(HostResolverConfig { servers: vec![address], cache: none, ..net.stub() }));
    let answers = net.sim.spawn("client", "main", async move {
        let (stub, mut all) = (Stub::new(config), Vec::new());
        for name in [
            "shop.example.test",
            "shop.example.test",
            "www.example.test",
            "box.lan",
            "many.example.test",
            "no.example.test",
            "no.example.test",
        ] {
            aio::sleep(Duration::from_secs(1)).await;
            let lookup = stub.query(name, A).await;
            all.push((lookup.time.ms(), lookup.spent.tcp, lookup.addresses.len(), lookup.error));
        }
        all
    });
    net.sim.run(Span::from_secs(60)).unwrap();
    let none = Some(DnsError::NxDomain);
    let want = [
        (134, 0, 1, None),
        (4, 0, 1, None),
        (4, 0, 1, None),
        (4, 0, 1, None),
        (86, 1, 60, None),
        (70, 0, 0, none),
        (4, 0, 0, none),
    ];
    assert_eq!(answers.take(), want);
}

/// dnsmasq's `reply_query`: «for broken servers, attempt to send to another one».
#[test]
fn a_forwarder_asks_another_server_than_one_that_refuses_or_fails() {
    // From the forwarder 22 ms to the one that refuses and back, 42 ms to another such, 62 ms to the one that knows; 4 ms to the one that fails, which
    // finds three times that nobody listens, 42 ms each; 4 ms from the client to the forwarder.
    let refused = Some(DnsError::Refused);
    for (to, want, asked) in [
        (vec!["root", "auth"], [(88, None), (66, None)], 3),
        (vec!["root", "tld1", "auth"], [(130, None), (66, None)], 4),
        (vec!["resolver", "auth"], [(196, None), (66, None)], 3),
        // The last one's answer goes back, and the stub asks a second time (resolv.conf(5)).
        (vec!["root", "tld1"], [(136, refused), (136, refused)], 8),
    ] {
        let mut net = net();
        for host in ["root", "tld1"] {
            let other = net.zone("other", &["www A 10.9.0.1"]);
            net.serve(host, vec![other]);
        }
        let own = net.zone("example.test", &["www 60 A 10.9.9.1", "shop 60 A 10.9.9.2"]);
        net.serve("auth", vec![own]);
        let nobody = vec![net.address("tld2")];
        let fails = ResolverConfig { roots: nobody, ..ResolverConfig::default() };
        net.sim.spawn("resolver", "dns", serve_resolver(fails, PORT, Counts::default()));
        let config =
            ForwarderConfig { to: to.iter().map(|host| net.address(host)).collect(), ..ForwarderConfig::default() };
        net.sim.host("box").link("box", "r", Link::new(Span::from_ms(1)));
        let (address, counts) = (net.sim.address("box"), Counts::default());
        net.sim.spawn("box", "dns", serve_forwarder(config, PORT, counts.clone()));
        let config = HostResolverConfig { servers: vec![address], ..net.stub() };
        let (answers, _) = net.ask(config, vec![(0, "www.example.test", A), (5000, "shop.example.test", A)]);
        let found: Vec<_> = answers.iter().map(|lookup| (lookup.time.ms(), lookup.error)).collect();
        assert_eq!((found.as_slice(), counts.get().asked), (&want[..], asked), "{to:?}");
    }
}
