//! The whole road of a packet: bulk TCP over a dumbbell, and UDP along a chain, in packet-hops a second.

use std::net::Ipv4Addr;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim_core::{
    Amount, DropTailConfig, Impairments, PortConfig, ProbeConfig, QueueConfig, Rate, Size, Span, Speed, Time, World,
    WorldBuilder,
};
use sim_protocols::{
    AppConfig, BulkConfig, CbrConfig, FLOWS, FlowConfig, FlowEnd, Hop, Host, HostConfig, Interface, IpConfig, IpStack,
    NetNode, Route, RouteTable, Router, tcp,
};

/// What a run is made of.
struct Dumbbell {
    pairs: u32,
    routers: u32,
    access: (u64, Span, u32),
    backbone: (u64, Span, u32),
    app: AppConfig,
    stagger: Span,
}

fn address(node: u32, port: u32) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + (node << 12) + port + 1)
}

fn route(to: Ipv4Addr, prefix: u8, port: u32) -> Route {
    Route { to, prefix, hops: [Hop { port, via: Ipv4Addr::UNSPECIFIED }].into() }
}

fn port(name: String, peer: (u32, u32), (rate, delay, limit): (u64, Span, u32)) -> PortConfig {
    PortConfig {
        name,
        peer,
        speed: Speed::Rate(Rate::from_bps(rate)),
        delay,
        mtu: 1500,
        overhead: 2,
        frame_min: 0,
        framed: false,
        queue: QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(limit) }),
        impairments: Impairments::default(),
        blocked: false,
    }
}

impl Dumbbell {
    /// Senders, receivers, then the routers of the chain between them.
    fn build(&self) -> World<NetNode> {
        let mut world = WorldBuilder::new(1);
        let streams = world.streams();
        let config = Arc::new(tcp::Config::default());
        let (pairs, routers) = (self.pairs, self.routers);
        let flows: Vec<Arc<FlowConfig>> = (0..pairs)
            .map(|pair| {
                Arc::new(FlowConfig {
                    name: format!("flow{pair}"),
                    number: pair + 1,
                    client: address(pair, 0),
                    server: address(pairs + pair, 0),
                    port: 5001,
                    start: Time::ZERO + self.stagger * u64::from(pair),
                    app: self.app.clone(),
                    traced: false,
                })
            })
            .collect();
        for host in 0..2 * pairs {
            let interfaces = vec![Interface { address: address(host, 0), prefix: 24 }];
            let tables = vec![Arc::new(RouteTable::new([route(Ipv4Addr::UNSPECIFIED, 0, 0)]))];
            let stack = IpStack::new(IpConfig { interfaces, tables });
            let mut node = Host::new(HostConfig::new(format!("h{host}")), stack, &streams);
            let end = if host < pairs { FlowEnd::Client } else { FlowEnd::Server };
            node.add_flow(&flows[(host % pairs) as usize], end, (&config, &[]), &streams);
            world.node(NetNode::Host(Box::new(node)));
        }
        for at in 0..routers {
            // Port 0 leads left, port 1 right; the outer routers have their hosts behind it.
            let (first, last) = (at == 0, at == routers - 1);
            let mut routes = Vec::new();
            for host in 0..2 * pairs {
                let left = host < pairs;
                let own = host % pairs;
                let out = match (left, first, last) {
                    (true, true, _) | (false, _, true) => 2 + own + if first && last && !left { pairs } else { 0 },
                    (true, false, _) => 0,
                    (false, _, false) => 1,
                };
                routes.push(route(address(host, 0), 32, out));
            }
            let ports = 2 + if first { pairs } else { 0 } + if last { pairs } else { 0 };
            let node = 2 * pairs + at;
            let interfaces = (0..ports).map(|port| Interface { address: address(node, port), prefix: 30 }).collect();
            let tables = vec![Arc::new(RouteTable::new(routes))];
            world.node(NetNode::Router(Box::new(Router::new(IpConfig { interfaces, tables }))));
        }
        for host in 0..2 * pairs {
            let router = 2 * pairs + if host < pairs { 0 } else { routers - 1 };
            world.port(host, port(format!("h{host}"), (router, 2 + host % pairs), self.access));
        }
        for at in 0..routers {
            let node = 2 * pairs + at;
            let blocked = |name| PortConfig { blocked: true, ..port(name, (node, 0), self.backbone) };
            let (first, last) = (at == 0, at == routers - 1);
            let link = |name: String, peer| port(name, peer, self.backbone);
            world.port(node, if first { blocked(format!("{at}l")) } else { link(format!("{at}l"), (node - 1, 1)) });
            world.port(node, if last { blocked(format!("{at}r")) } else { link(format!("{at}r"), (node + 1, 0)) });
            let hosts = if first { 0 } else { pairs }..if last { 2 * pairs } else { pairs };
            for host in hosts {
                world.port(node, port(format!("r{at}h{host}"), (host, 0), self.access));
            }
        }
        world.probes(ProbeConfig { tables: vec![&FLOWS], ..ProbeConfig::default() });
        world.build(&[])
    }

    fn run(&self, stop: Span) -> sim_core::Outcome {
        self.build().run(Time::ZERO + stop, 1, &|_| {})
    }
}

fn measure(c: &mut Criterion, name: &str, dumbbell: &Dumbbell, stop: Span) {
    let outcome = dumbbell.run(stop);
    let flows = outcome.table("flows").expect("it is wanted");
    let bytes = flows.table.columns.iter().position(|column| column.name == "bytes").expect("a column");
    let total: u64 = flows.iter().map(|(_, row)| row[bytes]).sum();
    println!("{name}: {} hops, {} events, {total} bytes of payload", outcome.hops, outcome.events);
    let mut group = c.benchmark_group("road");
    group.sample_size(10).throughput(Throughput::Elements(outcome.hops));
    group.bench_function(name, |b| b.iter(|| dumbbell.run(stop)));
    group.finish();
}

fn road(c: &mut Criterion) {
    let ms = Span::from_ms;
    let p1 = Dumbbell {
        pairs: 8,
        routers: 2,
        access: (10_000_000_000, ms(1), 1000),
        backbone: (1_000_000_000, ms(10), 1000),
        app: AppConfig::Bulk(BulkConfig::default()),
        stagger: ms(10),
    };
    measure(c, "tcp_dumbbell", &p1, ms(1000));
    let p3 = Dumbbell {
        pairs: 1,
        routers: 8,
        access: (1_000_000_000, ms(1), 1000),
        backbone: (1_000_000_000, ms(1), 1000),
        app: AppConfig::Cbr(CbrConfig {
            rate: Rate::from_bps(900_000_000),
            size: Size::from_bytes(1000),
            ..CbrConfig::default()
        }),
        stagger: ms(0),
    };
    measure(c, "udp_chain", &p3, ms(500));
    let p4 = Dumbbell {
        pairs: 1000,
        routers: 2,
        access: (1_000_000_000, ms(1), 1000),
        backbone: (10_000_000_000, ms(10), 10_000),
        app: AppConfig::Bulk(BulkConfig::default()),
        stagger: ms(1),
    };
    measure(c, "tcp_many_flows", &p4, ms(500));
}

criterion_group!(benches, road);
criterion_main!(benches);
