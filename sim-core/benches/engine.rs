//! How fast the engine is by itself: the event queue in the hold model, PHOLD, and packets over ports with nodes that do nothing else.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use sim_core::*;

/// The hold model: so many events are pending; the earliest is taken and comes back an exponential span later.
fn hold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("hold");
    let mut rng = Streams::new(1).open("hold");
    let gaps: Vec<Span> = (0..1 << 16).map(|_| rng.exponential(Span::from_us(1))).collect();
    for pending in [1_000_u32, 100_000, 1_000_000] {
        let mut queue = EventQueue::default();
        let mut counter = 0;
        let mut event = |now: Time| {
            counter += 1;
            let key = EventKey::new(now + gaps[counter as usize % gaps.len()], pending % 999, counter);
            Event { key, argument: 0, at: 0, what: What::Wake }
        };
        for _ in 0..pending {
            queue.push(event(Time::ZERO));
        }
        group.throughput(Throughput::Elements(1_000));
        group.bench_function(BenchmarkId::from_parameter(pending), |bencher| {
            bencher.iter(|| {
                for _ in 0..1_000 {
                    let now = queue.peek().expect("events are pending").key.time();
                    queue.take();
                    queue.push(event(now));
                }
                black_box(&queue);
            });
        });
    }
    group.finish();
}

/// A header as large as that of a TCP segment.
#[derive(Clone, PartialEq, Debug)]
struct Wide([u64; 12]);

impl Header for Wide {
    fn class(&self, _payload: &Payload) -> PacketClass {
        PacketClass::Data
    }
    fn ecn(&self) -> Ecn {
        Ecn::NotEct
    }
    fn set_ce(&mut self) {}
    fn flow_hash(&self) -> u32 {
        self.0[0] as u32
    }
    fn emit(&self, _payload: &Payload, _out: &mut Vec<u8>) {}
    fn parse(_bytes: &[u8], _framed: bool) -> Result<(Wide, Payload), ParseError> {
        Err(ParseError::Unsupported)
    }
    fn framed(&self) -> bool {
        false
    }
}

/// Starts with packets that it sends round; passes on what comes.
struct Forward {
    packets: u32,
}

impl Node for Forward {
    type Header = Wide;
    fn start(&mut self, cx: &mut Cx<'_, Wide>) {
        for number in 0..self.packets {
            let length = if number % 2 == 0 { 1500 } else { 52 };
            let packet = cx.alloc(Packet::new(Wide([7; 12]), Payload::Zeros(length - 40), length, 1));
            cx.send(0, packet);
        }
    }
    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Wide>, _port: u32, packet: PacketRef) {
        let header = &mut cx.packet_mut(&packet).header;
        header.0[1] = header.0[1].wrapping_add(1);
        cx.send(0, packet);
    }
    fn timer(&mut self, _cx: &mut Cx<'_, Wide>, _token: u64) {}
    fn fault(&mut self, _cx: &mut Cx<'_, Wide>, _fault: Fault) {}
    fn finish(&mut self, _cx: &mut Cx<'_, Wide>) {}
}

fn port(name: String, peer: (u32, u32), rate: u64, delay: Span, queue: QueueConfig) -> PortConfig {
    PortConfig {
        name,
        peer,
        speed: Speed::Rate(Rate::from_bps(rate)),
        delay,
        mtu: 1500,
        overhead: 2,
        frame_min: 0,
        framed: false,
        queue,
        impairments: Impairments::default(),
        blocked: false,
    }
}

fn circle(nodes: u32, packets: u32, rate: u64, queue: &QueueConfig) -> World<Forward> {
    let mut world = WorldBuilder::new(1);
    for node in 0..nodes {
        world.node(Forward { packets });
        world.port(node, port(format!("l{node}"), ((node + 1) % nodes, 0), rate, Span::from_us(10), queue.clone()));
    }
    world.build(&[])
}

/// Packets that go round a circle of ports: one hop is one event and one `send`.
fn ports(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ports");
    let tail = QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(100_000) });
    let codel = QueueConfig::CoDel(CoDelConfig { limit: Amount::Packets(100_000), ..CoDelConfig::default() });
    // Links that are mostly free, links that are always busy, many nodes, and a queue that decides at departure.
    for (name, nodes, packets, rate, queue) in [
        ("8_free", 8, 4, 100_000_000_000, &tail),
        ("8_busy", 8, 16, 1_000_000_000, &tail),
        ("1000_busy", 1_000, 16, 1_000_000_000, &tail),
        ("8_codel", 8, 16, 1_000_000_000, &codel),
    ] {
        let hops = circle(nodes, packets, rate, queue).run(stop(nodes, rate), 1, &|_| {}).hops;
        group.throughput(Throughput::Elements(hops));
        group.sample_size(10);
        group.bench_function(name, |bencher| {
            bencher.iter_batched(
                || circle(nodes, packets, rate, queue),
                |world| world.run(stop(nodes, rate), 1, &|_| {}).hops,
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

/// A simulated time in which there are some 200 000 hops.
fn stop(nodes: u32, rate: u64) -> Time {
    let hops_a_second = if rate > 10_000_000_000 { 400_000 } else { 160_000 } * u64::from(nodes);
    Time::ZERO + Span::from_ps(PS_PER_SECOND / hops_a_second * 200_000)
}

/// PHOLD: each event makes one at a random node, as a packet over a link without a rate, or as a wake-up of its own.
struct Phold {
    rng: Rng,
    events: u32,
}

impl Phold {
    fn next(&mut self, cx: &mut Cx<'_, Wide>) {
        if self.rng.below(10) == 0 {
            let to = self.rng.below(u64::from(cx.ports())) as u32;
            let packet = cx.alloc(Packet::new(Wide([7; 12]), Payload::Empty, 40, 0));
            cx.send(to, packet);
        } else {
            let gap = self.rng.uniform(Span::from_us(20));
            cx.wake_at(cx.now() + gap, 0);
        }
    }
}

impl Node for Phold {
    type Header = Wide;
    fn start(&mut self, cx: &mut Cx<'_, Wide>) {
        for _ in 0..self.events {
            self.next(cx);
        }
    }
    fn packet(&mut self, cx: &mut Cx<'_, Wide>, _port: u32, packet: PacketRef) {
        cx.free(packet);
        self.next(cx);
    }
    fn timer(&mut self, cx: &mut Cx<'_, Wide>, _token: u64) {
        self.next(cx);
    }
    fn fault(&mut self, _cx: &mut Cx<'_, Wide>, _fault: Fault) {}
    fn finish(&mut self, _cx: &mut Cx<'_, Wide>) {}
}

fn phold_world(shards: u32) -> World<Phold> {
    const NODES: u32 = 64;
    let mut world = WorldBuilder::new(1);
    for node in 0..NODES {
        let rng = world.streams().open(&format!("phold/{node}"));
        world.node(Phold { rng, events: 16 });
    }
    let queue = QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(100_000) });
    for node in 0..NODES {
        for step in 1..8 {
            let peer = (node + step * 9) % NODES;
            let mut link = port(format!("{node}-{step}"), (peer, step - 1), 0, Span::from_us(10), queue.clone());
            link.speed = Speed::Infinite;
            world.port(node, link);
        }
    }
    world.build(&(0..NODES).map(|node| node * shards / NODES).collect::<Vec<_>>())
}

fn phold(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("phold");
    let stop = Time::ZERO + Span::from_ms(2);
    for (shards, threads) in [(1, 1), (2, 1), (2, 2)] {
        let events = phold_world(shards).run(stop, threads, &|_| {}).events;
        group.throughput(Throughput::Elements(events));
        group.sample_size(10);
        group.bench_function(format!("{shards}_shards_{threads}_threads"), |bencher| {
            bencher.iter_batched(
                || phold_world(shards),
                |world| world.run(stop, threads, &|_| {}).events,
                criterion::BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, hold, ports, phold);
criterion_main!(benches);
