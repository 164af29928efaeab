//! The engine with toy nodes: the law of a link, the same world on one shard and on many, conservation.

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

use crate::*;

/// A header that carries a destination alone.
#[derive(Clone, PartialEq, Debug)]
struct To(u32);

impl Header for To {
    fn class(&self, _payload: &Payload) -> PacketClass {
        PacketClass::Data
    }
    fn ecn(&self) -> Ecn {
        Ecn::NotEct
    }
    fn set_ce(&mut self) {}
    fn flow_hash(&self) -> u32 {
        self.0
    }
    fn emit(&self, payload: &Payload, out: &mut Vec<u8>) {
        out.extend(self.0.to_be_bytes());
        payload.append_to(out);
    }
    fn parse(bytes: &[u8], _framed: bool) -> Result<(To, Payload), ParseError> {
        let (head, rest) = bytes.split_first_chunk().ok_or(ParseError::Truncated)?;
        Ok((To(u32::from_be_bytes(*head)), Payload::from_bytes(rest)))
    }
    fn framed(&self) -> bool {
        false
    }
}

/// Sends bursts to the next node, and passes on what is not its own.
struct Toy {
    rng: Rng,
    bursts: u32,
    length: u32,
    at_once: u32,
}

impl Node for Toy {
    type Header = To;
    fn start(&mut self, cx: &mut Cx<'_, To>) {
        for _ in 0..self.at_once {
            let packet = cx.make(To(0), Payload::Zeros(1496), 1500, 0);
            cx.send(0, packet);
        }
        if self.bursts > 0 {
            cx.wake_at(Time::ZERO, 0);
        }
    }
    fn packet(&mut self, cx: &mut Cx<'_, To>, port: u32, packet: PacketRef) {
        let hops = &mut cx.packet_mut(&packet).header.0;
        if *hops == 0 {
            cx.free(packet);
        } else {
            *hops -= 1;
            cx.send((port + 1) % cx.ports(), packet);
        }
    }
    fn timer(&mut self, cx: &mut Cx<'_, To>, _token: u64) {
        for _ in 0..self.rng.below(6) {
            let length = 40 + self.rng.below(u64::from(self.length)) as u32;
            let payload = Payload::Zeros(length - 4);
            let packet = cx.make(To(self.rng.below(9) as u32), payload, length, 0);
            let port = self.rng.below(u64::from(cx.ports())) as u32;
            cx.send(port, packet);
        }
        self.bursts -= 1;
        if self.bursts > 0 {
            let gap = self.rng.exponential(Span::from_us(400));
            cx.wake_at(cx.now() + gap, 0);
        }
    }
    fn fault(&mut self, _cx: &mut Cx<'_, To>, _fault: Fault) {}
    fn finish(&mut self, _cx: &mut Cx<'_, To>) {}
}

fn link(from: u32, to: (u32, u32), rate: u64, delay: Span, queue: QueueConfig, impairments: Impairments) -> PortConfig {
    PortConfig {
        name: format!("{from}->{}", to.0),
        peer: to,
        speed: Speed::Rate(Rate::from_bps(rate)),
        delay,
        mtu: 1500,
        overhead: 0,
        frame_min: 0,
        framed: false,
        queue,
        impairments,
        blocked: false,
    }
}

fn percent(n: u64) -> Prob {
    Prob::from_parts(n * Prob::ONE_PARTS / 100).expect("a probability")
}

/// A ring of toys with everything that a link can do, drawn from the seed.
fn ring(seed: u64, nodes: u32, shards: u32, threads: usize, salt: u32, probes: ProbeConfig) -> Outcome {
    let mut dice = Streams::new(seed).open("dice");
    let mut world = WorldBuilder::new(seed);
    world.tie_salt(salt);
    for node in 0..nodes {
        let rng = world.streams().open(&format!("toy/{node}"));
        world.node(Toy { rng, bursts: 40, length: 1460, at_once: 0 });
    }
    for node in 0..nodes {
        let (next, before) = ((node + 1) % nodes, (node + nodes - 1) % nodes);
        for (peer, peer_port) in [(next, 1), (before, 0)] {
            let queue = match dice.below(4) {
                0 => QueueConfig::CoDel(CoDelConfig { target: Span::from_us(300), ..CoDelConfig::default() }),
                1 => QueueConfig::Red(RedConfig { min: 2, max: 6, weight_log2: 3, ..RedConfig::default() }),
                2 => QueueConfig::DropTail(DropTailConfig { limit: Amount::Bytes(Size::from_bytes(6000)) }),
                _ => QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(5) }),
            };
            let jitter = Jitter { shape: JitterShape::Normal, span: Span::from_us(50), reorder: dice.below(2) == 0 };
            let impairments = Impairments {
                loss: match dice.below(4) {
                    0 => Some(Loss::Bernoulli(percent(5))),
                    1 => {
                        let (p, r) = (percent(3), percent(40));
                        Some(Loss::GilbertElliott(GilbertElliott {
                            p,
                            r,
                            loss_bad: percent(90),
                            loss_good: percent(1),
                        }))
                    }
                    _ => None,
                },
                forced: match dice.below(3) {
                    0 => vec![ForcedLoss { flow: None, class: PacketClass::Data, numbers: vec![2, 7, 30] }],
                    _ => Vec::new(),
                },
                reorder: (dice.below(3) == 0).then(|| Reorder {
                    p: percent(30),
                    gap: 1 + dice.below(3) as u32,
                    by: (dice.below(2) == 0).then_some(Span::from_us(20)),
                }),
                jitter: (dice.below(3) == 0).then_some(jitter),
                duplicate: percent(dice.below(3)),
                corrupt: percent(dice.below(3)),
            };
            let delay = Span::from_us(50 + dice.below(500));
            let mut config =
                link(node, (peer, peer_port), 8_000_000 + dice.below(90_000_000), delay, queue, impairments);
            if dice.below(4) == 0 {
                config.speed = Speed::Trace(Trace::parse("0\n0\n1\n1\n1\n3\n").expect("a trace"));
            }
            world.port(node, config);
        }
        let at = |dice: &mut Rng| Time::ZERO + Span::from_us(dice.below(12_000));
        let (down, port) = (at(&mut dice), dice.below(2) as u32);
        world.change(down, node, port, Change::Down);
        world.change(down + Span::from_us(700), node, port, Change::Up);
        world.change(at(&mut dice), node, 0, Change::Speed(Speed::Rate(Rate::from_bps(3_000_000))));
        world.change(at(&mut dice), node, 1, Change::Delay(Span::from_us(40)));
        world.change(at(&mut dice), node, 0, Change::Loss(Some(Loss::Bernoulli(percent(9)))));
        world.change(at(&mut dice), node, 1, Change::QueueLimit(Amount::Packets(2)));
    }
    world.probes(probes);
    let partition: Vec<u32> = (0..nodes).map(|node| node * shards / nodes).collect();
    world.build(&partition).run(Time::ZERO + Span::from_ms(15), threads, &|_| {})
}

fn everything(nodes: u32) -> ProbeConfig {
    ProbeConfig {
        tables: ENGINE_TABLES.to_vec(),
        every: Some(Span::from_us(500)),
        sampled: (0..nodes).flat_map(|node| [(node, 0), (node, 1)]).collect(),
        captures: vec![CapturePoint { node: 1, port: 0, first: 50_000, snap: 64 }],
        bytes_on_every_hop: true,
        audit: Audit::Off,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn shards_and_threads_change_nothing(seed in any::<u64>(), nodes in 8_u32..20) {
        let one = ring(seed, nodes, 1, 1, 0, everything(nodes));
        prop_assert!(one.hops > 100);
        for (shards, threads) in [(2, 2), (3, 1), (8, 2)] {
            let many = ring(seed, nodes, shards, threads, 0, everything(nodes));
            prop_assert_eq!(many.fingerprints, one.fingerprints);
            prop_assert_eq!(many.events, one.events);
            prop_assert_eq!(&many.captured, &one.captured);
            prop_assert!(many.windows > 10);
        }
    }

    #[test]
    fn probes_observe(seed in any::<u64>()) {
        let bare = ring(seed, 8, 1, 1, 0, ProbeConfig::default());
        let probed = ring(seed, 8, 1, 1, 0, everything(8));
        prop_assert_eq!(bare.fingerprints.events, probed.fingerprints.events);
        prop_assert_eq!(bare.fingerprints.lengths, probed.fingerprints.lengths);
    }

    #[test]
    fn every_packet_handed_to_a_link_is_let_in_or_dropped(seed in any::<u64>(), salt in 0_u32..3) {
        let outcome = ring(seed, 8, 1, 1, salt, everything(8));
        let hops = outcome.table("hops").expect("asked for");
        let links = outcome.table("links").expect("asked for");
        let received: u64 = links.iter().map(|(_, row)| row[1]).sum();
        prop_assert_eq!(received, hops.len() as u64);
    }
}

#[test]
fn a_link_keeps_its_law() {
    // The path of the Linux traces: start = max(arrival, end of the one before), end = start + 8 length / rate, dropped when 3 are already waiting.
    let mut world = WorldBuilder::new(1);
    let rng = world.streams().open("toy");
    world.node(Toy { rng: rng.clone(), bursts: 0, length: 0, at_once: 6 });
    world.node(Toy { rng, bursts: 0, length: 0, at_once: 0 });
    let queue = QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(3) });
    world.port(0, link(0, (1, 0), 10_000_000, Span::from_ms(20), queue.clone(), Impairments::default()));
    world.port(1, link(1, (0, 0), 10_000_000, Span::from_ms(20), queue, Impairments::default()));
    world.probes(ProbeConfig { tables: vec![&HOPS], ..ProbeConfig::default() });
    let outcome = world.build(&[]).run(Time::ZERO + Span::from_secs(1), 1, &|_| {});
    let hops = outcome.table("hops").expect("asked for");
    let arrived: Vec<u64> = hops.iter().map(|(_, row)| row[9]).filter(|at| *at != u64::MAX).collect();
    let ms = |n: u64| Span::from_us(n * 1200).ps() + Span::from_ms(20).ps();
    assert_eq!(arrived, [ms(1), ms(2), ms(3), ms(4)], "one in transmission and three waiting");
    assert_eq!(hops.len(), 6);
}

#[test]
fn windows_do_not_jump_over_what_waits_at_a_cut_link() {
    // The packets behind the first stand in no queue of events while they wait; meanwhile nothing else happens.
    let run = |partition: &[u32]| {
        let mut world = WorldBuilder::new(1);
        let rng = world.streams().open("toy");
        world.node(Toy { rng: rng.clone(), bursts: 0, length: 0, at_once: 5 });
        world.node(Toy { rng, bursts: 0, length: 0, at_once: 0 });
        let queue = || QueueConfig::DropTail(DropTailConfig::default());
        world.port(0, link(0, (1, 0), 10_000_000, Span::from_us(20), queue(), Impairments::default()));
        world.port(1, link(1, (0, 0), 10_000_000, Span::from_us(20), queue(), Impairments::default()));
        world.change(Time::ZERO + Span::from_ms(50), 1, 0, Change::Fault(Fault::Routes(0)));
        world.build(partition).run(Time::ZERO + Span::from_secs(1), 2, &|_| {})
    };
    let (one, two) = (run(&[]), run(&[0, 1]));
    assert_eq!((one.fingerprints, one.hops), (two.fingerprints, two.hops));
    assert_eq!(two.hops, 5);
}

/// Two toys on a link; the first sends so many bursts.
fn pair(bursts: u32, partition: &[u32], audit: Audit, stop: Time) -> Outcome {
    let mut world = WorldBuilder::new(5);
    for (node, bursts) in [bursts, 30].into_iter().enumerate() {
        let rng = world.streams().open(&format!("toy/{node}"));
        world.node(Toy { rng, bursts, length: 1000, at_once: 0 });
    }
    let queue = || QueueConfig::DropTail(DropTailConfig::default());
    world.port(0, link(0, (1, 0), 10_000_000, Span::from_us(20), queue(), Impairments::default()));
    world.port(1, link(1, (0, 0), 10_000_000, Span::from_us(20), queue(), Impairments::default()));
    world.probes(ProbeConfig { tables: vec![&HOPS], audit, ..ProbeConfig::default() });
    world.build(partition).run(stop, 2, &|_| {})
}

#[test]
fn an_audit_finds_the_first_event_that_differs() {
    let stop = Time::ZERO + Span::from_ms(30);
    let run = |bursts: u32, partition: &'static [u32]| move |audit: Audit| pair(bursts, partition, audit, stop);
    assert_eq!(first_difference(stop, run(20, &[]), run(20, &[0, 1])), None);
    // What the audit finds by slices is what a look at all events finds.
    let all = Audit::Events(Time::ZERO, stop);
    let (a, b) = (pair(20, &[], all, stop).audited, pair(21, &[], all, stop).audited);
    let at = a.iter().zip(&b).position(|(a, b)| a != b).expect("the runs differ");
    assert!(at > 20, "they do not differ at once");
    match first_difference(stop, run(20, &[]), run(21, &[0, 1])) {
        Some(Difference::Event(parting)) => {
            let right = parting.right[0];
            assert_eq!(parting.right, b[at..at + 3]);
            assert_eq!((right.node, right.kind), (0, "wake"), "{right}");
            assert_eq!(parting.left.first(), a.get(at));
            // What came before at the nodes where they part.
            let nodes = [Some(right.node), parting.left.first().map(|left| left.node)];
            let before = |event: &&EventRecord| nodes.contains(&Some(event.node));
            let own: Vec<EventRecord> = a[..at].iter().filter(before).copied().collect();
            assert_eq!(parting.before, own[own.len() - 3..]);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_are_unique() {
    let stop = Time::ZERO + Span::from_ms(30);
    let events = pair(20, &[0, 1], Audit::Events(Time::ZERO, stop), stop).audited;
    assert!(events.len() > 100 && events.windows(2).all(|two| two[0].key < two[1].key));
}

#[test]
fn a_salt_gives_ties_another_order_and_nothing_else() {
    // Two packets reach a node at the same moment.
    let first_of = |salt: u32| {
        let mut world = WorldBuilder::new(1);
        world.tie_salt(salt);
        for node in 0..3 {
            let rng = world.streams().open("toy");
            world.node(Toy { rng, bursts: 0, length: 0, at_once: u32::from(node < 2) });
        }
        for (node, peer) in [(0, (2, 0)), (1, (2, 1)), (2, (0, 0)), (2, (1, 0))] {
            let queue = QueueConfig::DropTail(DropTailConfig::default());
            world.port(node, link(node, peer, 1_000_000, Span::from_ms(1), queue, Impairments::default()));
        }
        world.probes(ProbeConfig { tables: vec![&HOPS], ..ProbeConfig::default() });
        let outcome = world.build(&[]).run(Time::ZERO + Span::from_secs(1), 1, &|_| {});
        let hops = outcome.table("hops").expect("asked for");
        assert_eq!((hops.len(), hops.times[0]), (2, hops.times[1]));
        hops.row(0).1[0] >> 32
    };
    assert_eq!(first_of(0), 0, "without a salt, the order of the plan");
    let firsts: Vec<u64> = (1..20).map(first_of).collect();
    assert!(firsts.contains(&0) && firsts.contains(&1), "{firsts:?}");
}

#[test]
fn losses_on_the_wire_are_counted_once_on_any_number_of_shards() {
    let run = |partition: &[u32]| {
        let mut world = WorldBuilder::new(1);
        let rng = world.streams().open("toy");
        world.node(Toy { rng: rng.clone(), bursts: 0, length: 0, at_once: 50 });
        world.node(Toy { rng, bursts: 0, length: 0, at_once: 0 });
        let lossy = Impairments { loss: Some(Loss::Bernoulli(percent(30))), ..Impairments::default() };
        let queue = || QueueConfig::DropTail(DropTailConfig::default());
        world.port(0, link(0, (1, 0), 10_000_000, Span::from_ms(1), queue(), lossy));
        world.port(1, link(1, (0, 0), 10_000_000, Span::from_ms(1), queue(), Impairments::default()));
        world.probes(ProbeConfig { tables: vec![&LINKS, &DROPS, &HOPS], ..ProbeConfig::default() });
        world.build(partition).run(Time::ZERO + Span::from_secs(1), 2, &|_| {})
    };
    let (one, two) = (run(&[]), run(&[0, 1]));
    assert_eq!(one.fingerprints, two.fingerprints);
    let lost = one.table("drops").expect("asked for").len() as u64;
    let links = two.table("links").expect("asked for");
    assert!(lost > 5 && links.row(0).1[7] == lost && one.hops == 50 - lost);
}
