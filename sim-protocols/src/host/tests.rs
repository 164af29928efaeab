//! Hosts over the real engine: two hosts and a link, hosts around a router.

use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{
    Impairments, Loss, PortConfig, Prob, ProbeConfig, QueueConfig, Rate, Rows, Size, Span, Speed, Table, Time,
    WorldBuilder,
};

use super::*;
use crate::app::*;
use crate::ip::{Hop, Interface, IpConfig, Route, RouteTable, Router};
use crate::node::NetNode;
use crate::tcp::Config;

/// A star: hosts around a router, or two hosts on one link; each host has the address 10.0.N.1.
pub(super) struct Lab {
    hosts: u32,
    router: bool,
    pub rate: Option<Rate>,
    pub delay: Span,
    pub mtu: u32,
    /// The MTU of the last host's link, at the router's end.
    pub narrow: Option<u32>,
    pub framed: bool,
    pub impairments: Impairments,
    pub queue: QueueConfig,
    pub tcp: Config,
    pub shards: u32,
    pub stop: Time,
    pub bytes_on_every_hop: bool,
    pub every: Option<Span>,
    pub ports: std::ops::RangeInclusive<u16>,
    pub backlog: u32,
    flows: Vec<(Arc<FlowConfig>, u32, u32)>,
    apps: Vec<(u32, FlowEnd, Box<dyn App>)>,
}

pub(super) fn address(host: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0001 + (host << 8))
}

impl Lab {
    pub fn pair() -> Lab {
        Lab::new(2, false)
    }

    pub fn star(hosts: u32) -> Lab {
        Lab::new(hosts, true)
    }

    fn new(hosts: u32, router: bool) -> Lab {
        Lab {
            hosts,
            router,
            rate: Some(Rate::from_bps(10_000_000)),
            delay: Span::from_ms(if router { 10 } else { 20 }),
            mtu: 1500,
            narrow: None,
            framed: false,
            impairments: Impairments::default(),
            queue: QueueConfig::by_name("droptail").unwrap(),
            tcp: Config::default(),
            shards: 1,
            stop: Time::ZERO + Span::from_secs(20),
            bytes_on_every_hop: false,
            every: None,
            ports: 32_768..=60_999,
            backlog: 4096,
            flows: Vec::new(),
            apps: Vec::new(),
        }
    }

    pub fn flow(mut self, from: u32, to: u32, start: Span, app: AppConfig) -> Lab {
        assert_eq!(app.check(), Ok(()));
        let number = self.flows.len() as u32 + 1;
        let config = FlowConfig {
            name: format!("flow{number}"),
            number,
            client: address(from),
            server: address(to),
            port: 5001,
            start: Time::ZERO + start,
            app,
            traced: true,
        };
        self.flows.push((Arc::new(config), from, to));
        self
    }

    /// Puts another application in the place of the last flow's end.
    pub fn app(mut self, end: FlowEnd, app: impl App + 'static) -> Lab {
        self.apps.push((self.flows.len() as u32 - 1, end, Box::new(app)));
        self
    }

    pub fn run(mut self) -> sim_core::Outcome {
        let mut world = WorldBuilder::new(7);
        let streams = world.streams();
        let tcp = Arc::new(self.tcp.clone());
        for host in 0..self.hosts {
            let interfaces = vec![Interface { address: address(host), prefix: 24 }];
            let via =
                if self.router { Ipv4Addr::from_bits(address(host).to_bits() + 1) } else { Ipv4Addr::UNSPECIFIED };
            let default = Route { to: Ipv4Addr::UNSPECIFIED, prefix: 0, hops: [Hop { port: 0, via }].into() };
            let tables = vec![Arc::new(RouteTable::new([default]))];
            let stack = IpStack::new(IpConfig { interfaces, tables });
            let config = HostConfig {
                ephemeral_ports: self.ports.clone(),
                backlog: self.backlog,
                ..HostConfig::new(format!("h{host}"))
            };
            let mut node = Host::new(config, stack, &streams);
            for (at, (flow, from, to)) in self.flows.iter().enumerate() {
                for (end, place) in [(FlowEnd::Client, *from), (FlowEnd::Server, *to)] {
                    let other = self.apps.iter().position(|(flow, own, _)| (*flow as usize, *own) == (at, end));
                    match other {
                        _ if place != host => {}
                        Some(other) => node.add_app((flow, end), &tcp, self.apps.remove(other).2, &streams),
                        None => node.add_flow(flow, end, (&tcp, &[]), &streams),
                    }
                }
            }
            world.node(NetNode::Host(Box::new(node)));
        }
        if self.router {
            let hosts = 0..self.hosts;
            let interfaces = hosts
                .clone()
                .map(|host| Interface { address: Ipv4Addr::from_bits(address(host).to_bits() + 1), prefix: 24 })
                .collect();
            let routes = hosts.clone().map(|host| Route {
                to: address(host),
                prefix: 24,
                hops: [Hop { port: host, via: Ipv4Addr::UNSPECIFIED }].into(),
            });
            let tables = vec![Arc::new(RouteTable::new(routes))];
            let router = world.node(NetNode::Router(Box::new(Router::new(IpConfig { interfaces, tables }))));
            for host in hosts {
                world.port(host, self.link(format!("h{host}->r"), (router, host)));
                let narrow = self.narrow.filter(|_| host == self.hosts - 1);
                let link = self.link(format!("r->h{host}"), (host, 0));
                world.port(router, PortConfig { mtu: narrow.unwrap_or(self.mtu), ..link });
            }
        } else {
            world.port(0, self.link("a->b".into(), (1, 0)));
            world.port(1, self.link("b->a".into(), (0, 0)));
        }
        let mut tables: Vec<&'static Table> = HOST_TABLES.to_vec();
        tables.extend([&sim_core::DROPS, &sim_core::HOPS]);
        world.probes(ProbeConfig {
            tables,
            every: self.every,
            bytes_on_every_hop: self.bytes_on_every_hop,
            ..ProbeConfig::default()
        });
        let nodes = self.hosts + u32::from(self.router);
        let partition: Vec<u32> = (0..nodes).map(|node| node % self.shards).collect();
        world.build(&partition).run(self.stop, self.shards as usize, &|_| {})
    }

    fn link(&self, name: String, peer: (u32, u32)) -> PortConfig {
        PortConfig {
            name,
            peer,
            speed: self.rate.map_or(Speed::Infinite, Speed::Rate),
            delay: self.delay,
            mtu: self.mtu,
            overhead: if self.framed { 18 } else { 0 },
            frame_min: if self.framed { 64 } else { 0 },
            framed: self.framed,
            queue: self.queue.clone(),
            impairments: self.impairments.clone(),
            blocked: false,
        }
    }
}

/// Column `name` of row `at`.
pub(super) fn cell(rows: &Rows, at: usize, name: &str) -> u64 {
    let column = rows.table.columns.iter().position(|column| column.name == name);
    rows.row(at).1[column.unwrap_or_else(|| panic!("{} has no {name}", rows.table.name))]
}

pub(super) fn table<'o>(outcome: &'o sim_core::Outcome, table: &'static Table) -> &'o Rows {
    outcome.table(table.name).unwrap()
}

fn bulk(bytes: u64) -> BulkConfig {
    BulkConfig { bytes: Some(Size::from_bytes(bytes).into()), ..BulkConfig::default() }
}

pub(super) fn ms(ms: u64) -> Span {
    Span::from_ms(ms)
}

fn states(outcome: &sim_core::Outcome, node: u32) -> Vec<&'static str> {
    let rows = table(outcome, &STATES);
    (0..rows.len())
        .filter(|at| cell(rows, *at, "node") == u64::from(node))
        .map(|at| tcp::STATE_WORDS[cell(rows, at, "to") as usize])
        .collect()
}

#[test]
fn a_bulk_transfer_is_complete_and_ends_in_order() {
    let outcome = Lab::pair()
        .flow(0, 1, ms(0), AppConfig::Bulk(BulkConfig { close_when: CloseWhen::Acknowledged, ..bulk(100_000) }))
        .run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!(flows.len(), 1);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "outcome")), (100_000, Outcome::Finished as u64));
    assert_eq!((cell(flows, 0, "retransmissions"), cell(flows, 0, "sent_packets")), (0, 70));
    // Golden L0a: all ACKs are there at 0.2100 s, to 0.5 ms.
    let end = cell(flows, 0, "end_s") / 1_000_000;
    assert!((209_500..210_500).contains(&end), "{end}");
    assert_eq!(states(&outcome, 0), ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "TIME_WAIT"]);
    assert_eq!(states(&outcome, 1), ["SYN_RECEIVED", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]);
}

fn request(count: u64, connections: Connections, close: Closing) -> AppConfig {
    AppConfig::Request(RequestConfig { count: Some(count), connections, close, ..RequestConfig::default() })
}

/// Packets at the network that carry the flow word 1.
fn packets(outcome: &sim_core::Outcome) -> u64 {
    table(outcome, &sim_core::HOPS).len() as u64
}

#[test]
fn requests_on_one_connection_cost_two_packets_each() {
    let mut lab = Lab::pair().flow(0, 1, ms(0), request(200, Connections::Kept, Closing::Client));
    lab.stop = Time::ZERO + Span::from_secs(10);
    let outcome = lab.run();
    let rows = table(&outcome, &REQUESTS);
    assert_eq!(rows.len(), 200);
    // Golden L8a: 41.18 - 41.22 ms in the median, 0.15 ms of it processing.
    let mut latencies: Vec<u64> = (0..200).map(|at| cell(rows, at, "latency_s") / 1_000_000).collect();
    latencies.sort_unstable();
    assert!((40_900..41_300).contains(&latencies[100]), "{}", latencies[100]);
    // Golden L8a: 408 packets: 3 to open, 1 acknowledgement of the first request, 400, 4 to close.
    assert_eq!(packets(&outcome), 408);
}

#[test]
fn requests_on_new_connections_cost_ten_packets_each() {
    let mut lab = Lab::pair().flow(0, 1, ms(0), request(20, Connections::New, Closing::Client));
    lab.stop = Time::ZERO + Span::from_secs(10);
    let outcome = lab.run();
    let rows = table(&outcome, &REQUESTS);
    assert_eq!((rows.len(), packets(&outcome)), (20, 200));
    for at in 0..20 {
        // Golden L8b: handshake 40.27, request 41.16, teardown 40.32 ms.
        let us = |name| cell(rows, at, name) / 1_000_000;
        assert!((40_050..40_400).contains(&us("connect_s")), "{}", us("connect_s"));
        assert!((40_900..41_300).contains(&us("latency_s")), "{}", us("latency_s"));
        assert!((40_000..40_400).contains(&us("close_s")), "{}", us("close_s"));
        assert_eq!(cell(rows, at, "outcome"), Outcome::Finished as u64);
    }
}

#[test]
fn every_order_of_closing_takes_its_path() {
    let closed = |close| {
        let outcome = Lab::pair().flow(0, 1, ms(0), request(1, Connections::New, close)).run();
        let rows = table(&outcome, &REQUESTS);
        let outcomes: Vec<u64> = (0..rows.len()).map(|at| cell(rows, at, "outcome")).collect();
        assert_eq!(outcomes, [Outcome::Finished as u64], "{close:?}");
        (states(&outcome, 0), states(&outcome, 1))
    };
    let (client, server) = closed(Closing::Client);
    assert_eq!(client, ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "TIME_WAIT"]);
    assert_eq!(server, ["SYN_RECEIVED", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]);
    let (client, server) = closed(Closing::Server);
    assert_eq!(client, ["SYN_SENT", "ESTABLISHED", "CLOSE_WAIT", "LAST_ACK", "CLOSED"]);
    // Whether the client's FIN comes with the acknowledgement of the server's or behind it is the client's matter.
    assert!(server.starts_with(&["SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1"]) && server.ends_with(&["TIME_WAIT"]));
    let (client, server) = closed(Closing::Simultaneous);
    assert_eq!(client, ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "CLOSING", "TIME_WAIT"]);
    assert_eq!(server, ["SYN_RECEIVED", "ESTABLISHED", "FIN_WAIT_1", "CLOSING", "TIME_WAIT"]);
    let (client, server) = closed(Closing::Reset);
    assert_eq!(client, ["SYN_SENT", "ESTABLISHED", "CLOSED"]);
    assert_eq!(server, ["SYN_RECEIVED", "ESTABLISHED", "CLOSED"]);
}

// tests: RFC 9293 §3.5, figure 7
#[test]
fn both_ends_may_open() {
    let app = BulkConfig { open: Opening::Simultaneous, data: Data::Pattern, ..bulk(50_000) };
    let outcome = Lab::pair().flow(0, 1, ms(100), AppConfig::Bulk(app)).run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "outcome")), (50_000, Outcome::Finished as u64));
    assert!(states(&outcome, 0).starts_with(&["SYN_SENT", "SYN_RECEIVED", "ESTABLISHED"]));
    assert!(states(&outcome, 1).starts_with(&["SYN_SENT", "SYN_RECEIVED", "ESTABLISHED"]));
}

#[test]
fn a_connection_to_nobody_is_refused() {
    let outcome = Lab::pair().flow(0, 1, ms(0), AppConfig::Bulk(bulk(1000))).app(FlowEnd::Server, Nobody).run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "outcome")), (0, Outcome::Refused as u64));
    assert_eq!(packets(&outcome), 2);
}

/// Does nothing, and has no socket.
pub(super) struct Nobody;

impl App for Nobody {
    fn start(&mut self, _calls: &mut Calls<'_, '_>) {}
    fn event(&mut self, _calls: &mut Calls<'_, '_>, _event: AppEvent) {}
    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}
    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {}
}

#[test]
fn a_datagram_to_nobody_comes_back_as_an_error() {
    let app = CbrConfig { count: Some(5), ..CbrConfig::default() };
    let outcome = Lab::star(3).flow(0, 2, ms(0), AppConfig::Cbr(app)).app(FlowEnd::Server, Nobody).run();
    let udp = table(&outcome, &UDP);
    assert_eq!((cell(udp, 0, "packets"), cell(udp, 0, "unreachable")), (5, 5));
    assert_eq!(table(&outcome, &sim_core::DROPS).len(), 5);
}

/// Closes its half at once and goes on reading; answers what it has heard when the other half closes.
struct HalfCloser {
    opens: bool,
    heard: u64,
}

impl App for HalfCloser {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        let flow = calls.flow();
        if self.opens {
            calls.connect((flow.server, flow.port));
        } else {
            calls.listen();
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Connected(conn) => {
                calls.write(conn, sim_core::Payload::from_bytes(*b"a question"));
                calls.shutdown(conn);
                calls.drain(conn, Data::Pattern, u64::MAX);
            }
            AppEvent::Readable(conn) => self.heard += u64::from(calls.read(conn, u32::MAX).len()),
            AppEvent::PeerClosed(conn) if !self.opens => {
                assert_eq!(self.heard, 10, "the whole question");
                calls.feed(conn, 300_000, Data::Pattern);
                calls.shutdown(conn);
            }
            AppEvent::Closed(conn, outcome) => {
                if self.opens {
                    assert_eq!(outcome, Outcome::Finished);
                }
                calls.outcome(outcome);
                assert!(!calls.is_open(conn));
            }
            _ => {}
        }
    }

    fn timer(&mut self, _calls: &mut Calls<'_, '_>, _token: u32) {}

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }
}

#[test]
fn a_half_closed_connection_still_delivers() {
    let outcome = Lab::pair()
        .flow(0, 1, ms(0), request(1, Connections::Kept, Closing::Client))
        .app(FlowEnd::Client, HalfCloser { opens: true, heard: 0 })
        .app(FlowEnd::Server, HalfCloser { opens: false, heard: 0 })
        .run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "damaged_bytes")), (300_000, 0));
    assert_eq!(cell(flows, 0, "outcome"), Outcome::Finished as u64);
    assert_eq!(states(&outcome, 0), ["SYN_SENT", "ESTABLISHED", "FIN_WAIT_1", "FIN_WAIT_2", "TIME_WAIT"]);
}

fn percent(n: u64) -> Prob {
    Prob::from_parts(n * Prob::ONE_PARTS / 100).unwrap()
}

#[test]
fn every_byte_survives_loss_duplication_reordering_and_corruption() {
    for framed in [false, true] {
        let app = BulkConfig { data: Data::Pattern, ..bulk(400_000) };
        let mut lab = Lab::star(3)
            .flow(0, 1, ms(0), AppConfig::Bulk(app.clone()))
            .flow(1, 0, ms(5), AppConfig::Bulk(app.clone()))
            .flow(2, 0, ms(7), AppConfig::Bulk(app));
        lab.framed = framed;
        lab.stop = Time::ZERO + Span::from_secs(300);
        lab.impairments = Impairments {
            loss: Some(Loss::Bernoulli(percent(1))),
            duplicate: percent(1),
            reorder: Some(sim_core::Reorder { p: percent(2), gap: 1, by: None }),
            corrupt: percent(1),
            jitter: Some(sim_core::Jitter { shape: sim_core::JitterShape::Uniform, span: ms(2), reorder: false }),
            ..Impairments::default()
        };
        let outcome = lab.run();
        let flows = table(&outcome, &FLOWS);
        for at in 0..3 {
            assert_eq!((cell(flows, at, "bytes"), cell(flows, at, "damaged_bytes")), (400_000, 0), "flow {at}");
            assert_eq!(cell(flows, at, "outcome"), Outcome::Finished as u64);
        }
        let caught = table(&outcome, &sim_core::DROPS);
        let word = if framed { "frame_check" } else { "checksum" };
        let cause = sim_core::DropCause::WORDS.iter().position(|known| *known == word).unwrap() as u64;
        assert!((0..caught.len()).any(|at| cell(caught, at, "cause") == cause));
    }
}

#[test]
fn a_port_in_time_wait_is_used_again() {
    // Five ports and a TIME-WAIT of 60 s at the server: each connection but the first five replaces one that waits there.
    let mut lab = Lab::pair().flow(0, 1, ms(0), request(100, Connections::New, Closing::Server));
    lab.ports = 32_768..=32_772;
    lab.stop = Time::ZERO + Span::from_secs(60);
    let outcome = lab.run();
    let rows = table(&outcome, &REQUESTS);
    let finished = (0..rows.len()).filter(|at| cell(rows, *at, "outcome") == Outcome::Finished as u64).count();
    assert_eq!((rows.len(), finished), (100, 100));
    let slowest = (0..rows.len()).map(|at| cell(rows, at, "connect_s")).max().unwrap();
    assert!(slowest < 50_000_000_000, "no SYN had to be sent twice: {slowest}");
}

#[test]
fn a_reader_that_pauses_closes_the_window_and_opens_it_again() {
    let pause = Some(Pause { after: ms(300), span: Span::from_secs(5) });
    let app = BulkConfig { read_pause: pause, data: Data::Pattern, ..bulk(3_000_000) };
    let mut lab = Lab::pair().flow(0, 1, ms(0), AppConfig::Bulk(app));
    lab.tcp.recv_buffer = 128 << 10;
    lab.every = Some(ms(100));
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "damaged_bytes")), (3_000_000, 0));
    assert!(cell(flows, 0, "end_s") > 7_000_000_000_000);
    let throughput = table(&outcome, &THROUGHPUT);
    let total: u64 = (0..throughput.len()).map(|at| cell(throughput, at, "bytes")).sum();
    let silent =
        (0..throughput.len()).filter(|at| throughput.row(*at).0.ms() > 400 && throughput.row(*at).0.ms() < 5300);
    assert!(silent.clone().count() > 40 && silent.into_iter().all(|at| cell(throughput, at, "bytes") == 0));
    assert_eq!(total, 3_000_000);
}

#[test]
fn a_slow_reader_sets_the_pace() {
    let app = BulkConfig { read_rate: Some(Rate::from_bps(1_000_000)), ..bulk(1_000_000) };
    let mut lab = Lab::pair().flow(0, 1, ms(0), AppConfig::Bulk(app));
    lab.tcp.recv_buffer = 64 << 10;
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    let goodput = cell(flows, 0, "goodput_bps");
    assert_eq!(cell(flows, 0, "bytes"), 1_000_000);
    assert!((950_000..1_100_000).contains(&goodput), "{goodput}");
}

#[test]
fn ping_and_traceroute_see_the_path() {
    let outcome = Lab::star(2)
        .flow(0, 1, ms(0), AppConfig::Ping(PingConfig { count: Some(5), ..PingConfig::default() }))
        .flow(0, 1, ms(1), AppConfig::Traceroute(TracerouteConfig::default()))
        .flow(0, 1, ms(3), AppConfig::Ping(PingConfig { count: Some(1), ttl: 1, ..PingConfig::default() }))
        .run();
    let ping = table(&outcome, &PING);
    assert_eq!(ping.len(), 6);
    let answers: Vec<u64> = (0..6).map(|at| cell(ping, at, "answer")).collect();
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::Reply as u64).count(), 5);
    assert_eq!(answers.iter().filter(|answer| **answer == Answer::TtlExpired as u64).count(), 1);
    let hops = table(&outcome, &TRACEROUTE);
    let found: Vec<(u64, u64, u64)> =
        (0..hops.len()).map(|at| (cell(hops, at, "ttl"), cell(hops, at, "from"), cell(hops, at, "answer"))).collect();
    let router = (1, u64::from(address(0).to_bits() + 1), Answer::TtlExpired as u64);
    let host = (2, u64::from(address(1).to_bits()), Answer::PortUnreachable as u64);
    assert_eq!(found, [router, router, router, host, host, host]);
    // Two links of 10 ms each way, 84 bytes at 10 Mbit/s on each of four: 40.27 ms.
    assert_eq!(cell(ping, 1, "rtt_s") / 1_000_000, 40_268);
}

#[test]
fn everything_is_the_same_on_any_number_of_shards_and_in_bytes() {
    let lab = |shards, bytes| {
        let pattern = BulkConfig { data: Data::Pattern, ..bulk(200_000) };
        let long = Size::from_bytes(4000);
        let mut lab = Lab::star(5)
            .flow(0, 1, ms(0), AppConfig::Bulk(BulkConfig::default()))
            .flow(2, 1, ms(100), AppConfig::Bulk(pattern))
            .flow(3, 4, ms(0), request(10, Connections::New, Closing::Client))
            .flow(4, 2, ms(0), AppConfig::Cbr(CbrConfig { size: long, ..CbrConfig::default() }))
            .flow(1, 3, ms(3), AppConfig::Poisson(PoissonConfig::default()))
            .flow(0, 3, ms(7), AppConfig::OnOff(OnOffConfig::default()))
            .flow(0, 4, ms(0), AppConfig::Ping(PingConfig::default()))
            .flow(2, 4, ms(0), AppConfig::Traceroute(TracerouteConfig::default()));
        (lab.shards, lab.bytes_on_every_hop, lab.every) = (shards, bytes, Some(ms(50)));
        lab.framed = true;
        lab.stop = Time::ZERO + Span::from_secs(3);
        lab.impairments = Impairments { loss: Some(Loss::Bernoulli(percent(1))), ..Impairments::default() };
        lab.run()
    };
    let one = lab(1, true);
    for shards in [2, 3] {
        assert_eq!(lab(shards, true).fingerprints, one.fingerprints, "{shards} shards");
    }
    assert_eq!(lab(1, false).fingerprints.rows, one.fingerprints.rows);
    let flows = table(&one, &FLOWS);
    assert_eq!(flows.len(), 8);
    for at in 0..8 {
        let rtts = cell(flows, at, "rtt_min_s");
        assert!(cell(flows, at, "bytes") > 0 || rtts != u64::MAX, "flow {} has done something", at + 1);
    }
}

/// Mean one-way delay less `base`, in microseconds, of a Poisson source at 80 % of a link of 10 Mbit/s.
fn waiting(size: SizeDist) -> f64 {
    let app =
        PoissonConfig { rate: Rate::from_bps(8_000_000), size, counted: Counted::Packet, ..PoissonConfig::default() };
    let mut lab = Lab::pair().flow(0, 1, ms(0), AppConfig::Poisson(app));
    lab.mtu = 65_535;
    lab.delay = Span::from_ms(1);
    lab.queue = QueueConfig::DropTail(sim_core::DropTailConfig { limit: sim_core::Amount::Packets(1_000_000) });
    lab.stop = Time::ZERO + Span::from_secs(200);
    let outcome = lab.run();
    let udp = table(&outcome, &UDP);
    assert_eq!(cell(udp, 1, "lost_packets"), 0);
    cell(udp, 1, "delay_mean_s") as f64 / 1e6 - 1000.0
}

#[test]
fn poisson_sources_make_the_queues_of_the_textbook() {
    // 1000 B at 10 Mbit/s: 800 us of service. M/M/1: T = 1/(mu - lambda) = 4000 us; M/D/1: T = S + S rho / (2 (1 - rho)) = 2400 us.
    let mm1 = waiting(SizeDist::Exponential(Size::from_bytes(1000)));
    let md1 = waiting(SizeDist::Fixed(Size::from_bytes(1000)));
    assert!((3800.0..4200.0).contains(&mm1), "{mm1}");
    assert!((2320.0..2480.0).contains(&md1), "{md1}");
}

#[test]
fn segments_fit_the_link_and_long_datagrams_are_cut() {
    let cbr = CbrConfig { size: Size::from_bytes(3000), count: Some(10), ..CbrConfig::default() };
    let app = BulkConfig { data: Data::Pattern, ..bulk(50_000) };
    let mut lab = Lab::star(2).flow(0, 1, ms(0), AppConfig::Bulk(app)).flow(1, 0, ms(0), AppConfig::Cbr(cbr));
    lab.mtu = 576;
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    let mut found: Vec<(u64, u64)> = (0..2).map(|at| (cell(flows, at, "flow"), cell(flows, at, "bytes"))).collect();
    found.sort_unstable();
    assert_eq!(found, [(1, 50_000), (2, 30_000)]);
    assert!(table(&outcome, &sim_core::DROPS).is_empty());
    let hops = table(&outcome, &sim_core::HOPS);
    assert_eq!((0..hops.len()).map(|at| cell(hops, at, "length_bytes")).max(), Some(576));
}

#[test]
fn many_sources_share_a_port_and_each_flow_gets_its_own() {
    let mut lab = Lab::star(4);
    for flow in 0..9u64 {
        let app = CbrConfig { count: Some(10 + flow), ..CbrConfig::default() };
        lab = lab.flow(flow as u32 % 3, 3, ms(flow), AppConfig::Cbr(app));
    }
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    for at in 0..9 {
        let flow = cell(flows, at, "flow");
        assert_eq!(cell(flows, at, "bytes"), (9 + flow) * 1000, "flow {flow}");
        assert!(cell(flows, at, "goodput_bps") > 700_000 && cell(flows, at, "loss") == 0);
    }
}

// tests: RFC 1191 §3, RFC 792
#[test]
fn a_narrow_link_on_the_way_is_learned_from_icmp() {
    let cbr = CbrConfig { size: Size::from_bytes(1400), count: Some(20), ..CbrConfig::default() };
    let app = BulkConfig { data: Data::Pattern, ..bulk(100_000) };
    let mut lab = Lab::star(3).flow(1, 2, ms(0), AppConfig::Cbr(cbr));
    // Some of them have yet to open, or wait for an answer to their SYN, when the first one learns.
    lab = (0..8).fold(lab, |lab, at| lab.flow(0, 2, ms(7 * at), AppConfig::Bulk(app.clone())));
    lab.narrow = Some(1000);
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    for at in 0..flows.len() {
        match cell(flows, at, "flow") {
            2.. => assert_eq!((cell(flows, at, "bytes"), cell(flows, at, "damaged_bytes")), (100_000, 0)),
            _ => assert!((17..20).contains(&(cell(flows, at, "bytes") / 1400)), "only the first ones are lost"),
        }
    }
    let drops = table(&outcome, &sim_core::DROPS);
    let cause = sim_core::DropCause::MustFragment as u64;
    assert!((0..drops.len()).any(|at| cell(drops, at, "cause") == cause));
}

#[test]
fn a_full_backlog_answers_nobody_until_there_is_room() {
    let mut lab = Lab::star(6);
    for from in 0..5 {
        lab = lab.flow(from, 5, ms(u64::from(from)), AppConfig::Bulk(bulk(10_000)));
    }
    lab.backlog = 1;
    let outcome = lab.run();
    let flows = table(&outcome, &FLOWS);
    assert!((0..5).all(|at| cell(flows, at, "bytes") == 10_000));
    let late = (0..5).filter(|at| cell(flows, *at, "end_s") > 1_000_000_000_000).count();
    assert_eq!(late, 4, "their first SYNs met a full backlog");
    let drops = table(&outcome, &sim_core::DROPS);
    assert!(drops.is_empty(), "a listener's silence is no drop of a link");
}
