//! What a router adds to a hop: packets circle in a ring of routers, and in a ring of nodes that only pass them on.

use std::net::Ipv4Addr;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sim_core::{
    Amount, Cx, DropTailConfig, Fault, Impairments, Node, Outcome, Packet, PacketRef, Payload, PortConfig, QueueConfig,
    Rate, Span, Speed, Time, WorldBuilder,
};
use sim_protocols::wire::{Frame, Ipv4Repr, Protocol, Transport, UdpRepr};
use sim_protocols::{Hop, Interface, IpConfig, Route, RouteTable, Router};

/// Nodes of the ring.
const NODES: u32 = 16;
/// Packets that each node starts.
const PACKETS: u32 = 8;
/// More hops than the packets have time for.
const TTL: u8 = 250;

enum Which {
    Router(Box<Router>),
    /// Passes on to the other port, and counts down nothing but the TTL.
    Pass,
}

struct Walker {
    which: Which,
    flows: u16,
}

impl Node for Walker {
    type Header = Frame;

    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        for flow in 0..self.flows {
            let dst = Ipv4Addr::from_bits(0x0a14_0000 + cx.node());
            let ip = Ipv4Repr { ttl: TTL, ..Ipv4Repr::new([10, 9, 0, 1].into(), dst, Protocol::Udp) };
            let frame = Frame::ipv4(ip, Transport::Udp(UdpRepr { src_port: flow, dst_port: 5 }));
            let packet = cx.alloc(Packet::new(frame, Payload::Zeros(1000), 1028, 0));
            cx.send(1, packet);
        }
    }

    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        match &mut self.which {
            Which::Router(router) => router.packet(cx, port, packet),
            Which::Pass => {
                let sim_protocols::wire::Net::Ipv4(ip, _) = &mut cx.packet_mut(&packet).header.net else { return };
                if ip.ttl <= 1 {
                    return cx.free(packet);
                }
                ip.ttl -= 1;
                cx.send(1, packet);
            }
        }
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        if let Which::Router(router) = &mut self.which {
            router.timer(cx, token);
        }
    }
    fn fault(&mut self, _cx: &mut Cx<'_, Frame>, _fault: Fault) {}
    fn finish(&mut self, _cx: &mut Cx<'_, Frame>) {}
}

fn port(name: String, peer: (u32, u32), framed: bool) -> PortConfig {
    PortConfig {
        name,
        peer,
        speed: Speed::Rate(Rate::from_bps(10_000_000_000)),
        delay: Span::from_us(100),
        mtu: 1500,
        overhead: 0,
        frame_min: 0,
        framed,
        queue: QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(1000) }),
        impairments: Impairments::default(),
        blocked: false,
    }
}

fn ring(routers: bool, ways: usize, framed: bool) -> Outcome {
    let mut world = WorldBuilder::new(1);
    for node in 0..NODES {
        let interfaces =
            (0..2).map(|end| Interface { address: Ipv4Addr::from_bits(0x0a01_0001 + node * 256 + end), prefix: 24 });
        let next = Ipv4Addr::from_bits(0x0a01_0001 + (node + 1) % NODES * 256);
        let hops = vec![Hop { port: 1, via: next }; ways].into();
        let routes = RouteTable::new([Route { to: [10, 20, 0, 0].into(), prefix: 16, hops }]);
        let config = IpConfig { interfaces: interfaces.collect(), tables: vec![Arc::new(routes)] };
        let which = if routers { Which::Router(Box::new(Router::new(config))) } else { Which::Pass };
        world.node(Walker { which, flows: PACKETS as u16 });
    }
    for node in 0..NODES {
        world.port(node, port(format!("{node}<"), ((node + NODES - 1) % NODES, 1), framed));
        world.port(node, port(format!("{node}>"), ((node + 1) % NODES, 0), framed));
    }
    world.build(&[]).run(Time::ZERO + Span::from_ms(24), 1, &|_| {})
}

fn forward(c: &mut Criterion) {
    let mut group = c.benchmark_group("hop");
    for (name, routers, ways, framed) in [
        ("passed_on", false, 1, false),
        ("routed", true, 1, false),
        ("routed_of_two_ways", true, 2, false),
        ("routed_on_ethernet", true, 1, true),
    ] {
        let hops = ring(routers, ways, framed).hops;
        assert!(hops >= u64::from(NODES * PACKETS) * 230);
        group.throughput(Throughput::Elements(hops));
        group.bench_function(name, |b| b.iter(|| ring(routers, ways, framed)));
    }
    group.finish();
}

criterion_group!(benches, forward);
criterion_main!(benches);
