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
    pub framed: bool,
    pub impairments: Impairments,
    pub queue: QueueConfig,
    pub tcp: Config,
    pub shards: u32,
    pub stop: Time,
    pub bytes_on_every_hop: bool,
    pub every: Option<Span>,
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
            framed: false,
            impairments: Impairments::default(),
            queue: QueueConfig::by_name("droptail").unwrap(),
            tcp: Config::default(),
            shards: 1,
            stop: Time::ZERO + Span::from_secs(20),
            bytes_on_every_hop: false,
            every: None,
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
            let via = if self.router { Some(Ipv4Addr::from_bits(address(host).to_bits() + 1)) } else { None };
            let default = Route { to: Ipv4Addr::UNSPECIFIED, prefix: 0, hops: [Hop { port: 0, via }].into() };
            let tables = vec![Arc::new(RouteTable::new([default]))];
            let stack = IpStack::new(IpConfig { interfaces, tables });
            let mut node = Host::new(HostConfig::new(format!("h{host}")), stack, &streams);
            for (at, (flow, from, to)) in self.flows.iter().enumerate() {
                for (end, place) in [(FlowEnd::Client, *from), (FlowEnd::Server, *to)] {
                    let other = self.apps.iter().position(|(flow, own, _)| (*flow as usize, *own) == (at, end));
                    match other {
                        _ if place != host => {}
                        Some(other) => node.add_app(flow, end, &tcp, self.apps.remove(other).2),
                        None => node.add_flow(flow, end, &tcp, &streams),
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
                hops: [Hop { port: host, via: None }].into(),
            });
            let tables = vec![Arc::new(RouteTable::new(routes))];
            let router = world.node(NetNode::Router(Box::new(Router::new(IpConfig { interfaces, tables }))));
            for host in hosts {
                world.port(host, self.link(format!("h{host}->r"), (router, host)));
                world.port(router, self.link(format!("r->h{host}"), (host, 0)));
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
    BulkConfig { bytes: Some(Size::from_bytes(bytes)), ..BulkConfig::default() }
}

fn ms(ms: u64) -> Span {
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
