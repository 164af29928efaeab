//! Link models through a port: what a receiver sees, and what the tables say of it.

use crate::net::*;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use sim_core::*;

/// A link with these impairments.
fn link(impairments: Impairments) -> Link {
    Link { impairments, ..Link::new() }
}

/// One microsecond apart on a link that is infinitely fast: nobody waits.
fn quick(impairments: Impairments) -> Link {
    Link { speed: Speed::Infinite, ..link(impairments) }
}

fn lost(seen: &Seen, sent: u32) -> Vec<u32> {
    let mut numbers = seen.numbers();
    numbers.sort_unstable();
    (0..sent).filter(|number| numbers.binary_search(number).is_err()).collect()
}

#[test]
fn a_random_loss_is_counted_and_shown() {
    let impairments = Impairments { loss: Some(Loss::Bernoulli(percent(10))), ..Impairments::default() };
    let seen = Link { impairments, ..Link::new() }.run(train(10_000, Span::from_ms(1)));
    let lost = 10_000 - seen.arrivals().len();
    // 10 %, three standard deviations of 30.
    assert!(lost.abs_diff(1000) < 90, "{lost}");
    assert_eq!(seen.total("loss_packets"), lost as u64);
    assert_eq!(seen.total("drops_packets"), lost as u64);
    assert_eq!(seen.drop_rows(), lost);
}

#[test]
fn random_loss_hits_pure_acknowledgements_and_openings_alike() {
    let impairments = Impairments { loss: Some(Loss::Bernoulli(percent(20))), ..Impairments::default() };
    for class in [PacketClass::Ack, PacketClass::Syn, PacketClass::Data] {
        let list = (0..5000).map(|at| Sending { class, ..Sending::data(us(at), 40) }).collect();
        let lost = lost(&quick(impairments.clone()).run(list), 5000).len();
        // Three standard deviations of 28.
        assert!(lost.abs_diff(1000) < 85, "{class:?} {lost}");
    }
}

#[test]
fn gilbert_elliott_has_its_published_moments() {
    // Stationary loss p / (p + r) * (1-h) + r / (p + r) * (1-k); bursts of 1/r where h and 1-k are none (Gilbert 1960, Elliott 1963).
    for (p, r, loss_bad, loss_good) in [(1, 20, 100, 0), (5, 50, 100, 0), (2, 30, 80, 1)] {
        let model =
            GilbertElliott { p: percent(p), r: percent(r), loss_bad: percent(loss_bad), loss_good: percent(loss_good) };
        let impairments = Impairments { loss: Some(Loss::GilbertElliott(model)), ..Impairments::default() };
        let n = 300_000;
        let lost = lost(&quick(impairments).run(train(n, Span::from_us(1))), n as u32);
        let rate = lost.len() as f64 / n as f64;
        let expected = (p * loss_bad + r * loss_good) as f64 / (p + r) as f64 / 100.0;
        // A chain's mean over n steps has the variance q (1 - q) (1 + rho) / (1 - rho) / n, rho = 1 - p - r; four deviations.
        let rho = 1.0 - (p + r) as f64 / 100.0;
        let deviation = (expected * (1.0 - expected) * (1.0 + rho) / (1.0 - rho) / n as f64).sqrt();
        assert!((rate - expected).abs() < 4.0 * deviation, "{rate} {expected} {deviation}");
        if loss_bad == 100 && loss_good == 0 {
            let bursts = 1 + lost.windows(2).filter(|pair| pair[1] > pair[0] + 1).count();
            let mean = lost.len() as f64 / bursts as f64;
            let r = r as f64 / 100.0;
            // Geometric with mean 1/r: variance (1 - r) / r^2.
            assert!((mean - 1.0 / r).abs() < 4.0 * ((1.0 - r).sqrt() / r) / (bursts as f64).sqrt(), "{mean}");
        }
    }
}

#[test]
fn what_the_queue_refuses_does_not_reach_the_wire() {
    // The k-th packet that the queue lets in has the k-th draw, whatever was refused between.
    let model = GilbertElliott { p: percent(10), r: percent(30), loss_bad: Prob::ONE, loss_good: Prob::ZERO };
    let impairments = Impairments { loss: Some(Loss::GilbertElliott(model)), ..Impairments::default() };
    let fates = |limit: u32| {
        let queue = QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(limit) });
        let seen = Link { queue, ..link(impairments.clone()) }.run(train(2000, Span::from_us(700)));
        let full = DropCause::QueueFull as u64;
        let fates: Vec<u64> = seen.hops("fate").into_iter().filter(|fate| *fate != full).collect();
        fates
    };
    let (all, some) = (fates(1_000_000), fates(3));
    assert_eq!(all.len(), 2000);
    assert!(some.len() < 1600);
    assert_eq!(some, all[..some.len()]);
}

#[test]
fn exact_lists_count_packets_of_a_flow_and_a_class() {
    let of = |class, flow, at| Sending { class, flow, ..Sending::data(us(at), 100) };
    use PacketClass::{Ack, Data, Syn};
    // Flow 2's second data packet, everybody's first SYN, flow 1's third acknowledgement.
    let forced = vec![
        ForcedLoss { flow: Some(2), class: Data, numbers: vec![2] },
        ForcedLoss { flow: None, class: Syn, numbers: vec![1] },
        ForcedLoss { flow: Some(1), class: Ack, numbers: vec![3] },
    ];
    let list = [
        (Syn, 1),
        (Data, 1),
        (Data, 2),
        (Data, 1),
        (Syn, 2),
        (Ack, 1),
        (Data, 2),
        (Ack, 2),
        (Ack, 1),
        (Ack, 1),
        (Data, 2),
    ];
    let list = list.iter().enumerate().map(|(at, (class, flow))| of(*class, *flow, at as u64)).collect();
    let seen = quick(Impairments { forced, ..Impairments::default() }).run(list);
    assert_eq!(seen.numbers(), [1, 2, 3, 4, 5, 7, 8, 10]);
    assert_eq!((seen.total("loss_packets"), seen.total("sent_packets"), seen.total("received_packets")), (3, 8, 11));
}

#[test]
fn jitter_keeps_order_unless_told_and_never_beats_the_delay() {
    for shape in [JitterShape::Uniform, JitterShape::Normal, JitterShape::Exponential] {
        let run = |reorder: bool| {
            let jitter = Some(Jitter { shape, span: Span::from_ms(3), reorder });
            quick(Impairments { jitter, ..Impairments::default() }).run(train(3000, Span::from_us(100)))
        };
        let (kept, free) = (run(false), run(true));
        assert!(kept.numbers().is_sorted());
        assert!(!free.numbers().is_sorted());
        for arrival in kept.arrivals().iter().chain(&free.arrivals()) {
            assert!(arrival.at - us(100 * u64::from(arrival.number)) >= Span::from_ms(10));
        }
        // The same draws: the packet arrives as drawn or, in order, behind the latest before it.
        let mut drawn = free.arrivals();
        drawn.sort_by_key(|arrival| arrival.number);
        let latest = drawn.iter().scan(Time::ZERO, |latest, arrival| {
            *latest = arrival.at.max(*latest);
            Some(*latest)
        });
        assert!(kept.arrivals().iter().map(|arrival| arrival.at).eq(latest), "{shape:?}");
    }
}

#[test]
fn reordering_needs_no_jitter_and_lets_the_others_keep_their_order() {
    let reorder = Some(Reorder { p: percent(10), gap: 4, by: Some(Span::from_ms(5)) });
    for jitter in [None, Some(Jitter { shape: JitterShape::Uniform, span: Span::from_ms(1), reorder: false })] {
        let seen =
            quick(Impairments { reorder, jitter, ..Impairments::default() }).run(train(4000, Span::from_us(300)));
        let arrivals = seen.arrivals();
        let early = |arrival: &&Received| arrival.at - us(300 * u64::from(arrival.number)) < Span::from_ms(10);
        let mut overtook: Vec<u32> = arrivals.iter().filter(early).map(|arrival| arrival.number).collect();
        let others: Vec<u32> =
            arrivals.iter().filter(|arrival| !early(arrival)).map(|arrival| arrival.number).collect();
        assert!(others.is_sorted(), "those that do not overtake keep their order");
        overtook.sort_unstable();
        // 3 that are no candidates and 1/p tries: one in 13.
        assert!(overtook.len().abs_diff(4000 / 13) < 50, "{}", overtook.len());
        assert!(overtook.windows(2).all(|pair| pair[1] - pair[0] >= 4));
        // Exactly 5 ms early, jitter or not.
        for arrival in arrivals.iter().filter(early) {
            assert_eq!(arrival.at - us(300 * u64::from(arrival.number)), Span::from_ms(5));
        }
        assert!(!seen.numbers().is_sorted());
    }
}

#[test]
fn a_duplicate_comes_right_behind_with_an_identity_of_its_own() {
    let duplicate = percent(25);
    let seen = link(Impairments { duplicate, ..Impairments::default() }).run(train(4000, Span::from_ms(2)));
    let arrivals = seen.arrivals();
    let copies = arrivals.len() - 4000;
    assert!(copies.abs_diff(1000) < 85, "{copies}");
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.number));
    let mut ids: Vec<u64> = arrivals.iter().map(|arrival| arrival.id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), arrivals.len());
    // The copy takes link time of its own.
    for pair in arrivals.windows(2).filter(|pair| pair[0].number == pair[1].number) {
        assert_eq!(pair[1].at - pair[0].at, Span::from_ms(1));
    }
    assert_eq!(seen.total("received_packets"), arrivals.len() as u64);
    assert_eq!(seen.total("duplicated_packets"), copies as u64);
}

#[test]
fn corruption_flips_one_bit_anywhere_in_the_frame() {
    let corrupt = percent(30);
    let seen = Link { overhead: 20, ..quick(Impairments { corrupt, ..Impairments::default() }) }
        .run(train(20_000, Span::from_us(1)));
    let bits: Vec<u64> = seen
        .arrivals()
        .iter()
        .map(|arrival| arrival.flipped_bit)
        .filter(|bit| *bit != u32::MAX)
        .map(u64::from)
        .collect();
    assert!(bits.len().abs_diff(6000) < 200, "{}", bits.len());
    assert_eq!(seen.total("corrupted_packets"), bits.len() as u64);
    let frame = 1520 * 8;
    assert!(bits.iter().all(|bit| *bit < frame));
    // Chi-squared over 16 equal parts: 15 degrees of freedom, 99.9 % lie below 37.7.
    let expected = bits.len() as f64 / 16.0;
    let mut parts = [0_u32; 16];
    bits.iter().for_each(|bit| parts[(bit * 16 / frame) as usize] += 1);
    let chi: f64 =
        parts.iter().map(|part| (f64::from(*part) - expected) * (f64::from(*part) - expected) / expected).sum();
    assert!(chi < 37.7, "{chi}");
}

#[test]
fn a_model_that_is_switched_on_moves_nobody_elses_draws() {
    let loss = Some(Loss::Bernoulli(percent(5)));
    let bare = lost(
        &quick(Impairments { loss: loss.clone(), ..Impairments::default() }).run(train(3000, Span::from_us(9))),
        3000,
    );
    let with = Impairments {
        loss,
        jitter: Some(Jitter { shape: JitterShape::Normal, span: Span::from_us(50), reorder: true }),
        reorder: Some(Reorder { p: percent(9), gap: 2, by: None }),
        corrupt: percent(9),
        ..Impairments::default()
    };
    assert_eq!(lost(&quick(with).run(train(3000, Span::from_us(9))), 3000), bare);
}

fn traced(text: &str) -> Link {
    Link { speed: Speed::Trace(Trace::parse(text).expect("a trace")), ..Link::new() }
}

fn times(seen: &Seen) -> Vec<u64> {
    seen.arrivals().iter().map(|arrival| arrival.at.us()).collect()
}

#[test]
fn a_port_with_a_trace_sends_at_its_opportunities() {
    // Each arrives 10 ms after the opportunity that carried its last byte; two of 750 bytes share one; the list repeats after 5 ms.
    let mut list = train(3, Span::ZERO);
    list.extend([750, 750, 1501].map(|len| Sending::data(Time::ZERO, len)));
    list.push(Sending::data(ms(22), 100));
    assert_eq!(times(&traced("1\n1\n5\n").run(list)), [11_000, 11_000, 15_000, 16_000, 16_000, 20_000, 35_000]);
}

#[test]
fn a_new_delay_costs_a_trace_no_opportunity() {
    let changes = vec![(us(1500), Change::Delay(Span::from_ms(4)))];
    let seen = Link { changes, ..traced("1\n2\n3\n4\n") }.run(train(4, Span::ZERO));
    // The second started at 1 ms, with the old delay; the others keep their order behind it.
    assert_eq!(times(&seen), [11_000, 12_000, 12_000, 12_000]);
}

#[test]
fn packets_dropped_with_the_carrier_give_their_opportunities_back() {
    let mut list = train(50, Span::ZERO);
    list.push(Sending::data(us(6500), 1500));
    let changes = vec![(us(2500), Change::Down), (us(6000), Change::Up)];
    let seen = Link { changes, ..traced("1\n2\n3\n4\n") }.run(list);
    // Three have started by 2.5 ms; the one after the outage takes the next opportunity, at 7 ms.
    assert_eq!(times(&seen), [11_000, 12_000, 13_000, 17_000]);
    assert_eq!(seen.total("down_packets"), 47);
}

#[test]
fn a_new_rate_times_anew_what_has_not_started() {
    let changes = vec![(us(1500), Change::Speed(Speed::Rate(Rate::from_bps(6_000_000))))];
    let seen = Link { changes, ..Link::new() }.run(train(4, Span::ZERO));
    // Two had started at 12 Mbit/s, 1 ms each; two follow with 2 ms each.
    assert_eq!(times(&seen), [11_000, 12_000, 14_000, 16_000]);
}

#[test]
fn a_second_change_does_not_remember_waiting_for_order_as_jitter() {
    // The delay falls from 10 ms to 1 ms: what was sent before holds the others up. The later change of rate starts from their own delay.
    let changes = vec![
        (us(500), Change::Delay(Span::from_ms(1))),
        (us(600), Change::Speed(Speed::Rate(Rate::from_bps(1_200_000)))),
    ];
    let seen = Link { changes, ..Link::new() }.run(train(3, Span::ZERO));
    assert_eq!(times(&seen), [11_000, 12_000, 22_000]);
}

#[test]
fn loss_and_the_limit_change_at_their_times() {
    let changes = vec![(ms(100), Change::Loss(Some(Loss::Bernoulli(Prob::ONE)))), (ms(200), Change::Loss(None))];
    let seen = Link { changes, ..Link::new() }.run(train(300, Span::from_ms(1)));
    assert_eq!(lost(&seen, 300), (100..200).collect::<Vec<_>>());
    for queue in ["droptail", "codel"] {
        let mut link = Link { queue: QueueConfig::by_name(queue).expect("a queue"), ..Link::new() };
        link.changes = vec![(us(50_500), Change::QueueLimit(Amount::Packets(2)))];
        let mut list = train(10, Span::ZERO);
        list.extend((0..10).map(|_| Sending::data(ms(60), 1500)));
        let seen = link.run(list);
        assert_eq!(seen.total("queue_full_packets"), 7, "{queue}: one in transmission, two wait");
    }
}

#[test]
fn the_least_delay_is_honest() {
    let mut impairments = Impairments::default();
    assert_eq!(impairments.least_delay(Span::from_ms(8)), Span::from_ms(8));
    impairments.jitter = Some(Jitter { shape: JitterShape::Normal, span: Span::from_ms(1), reorder: true });
    assert_eq!(impairments.least_delay(Span::from_ms(8)), Span::from_ms(8));
    impairments.reorder = Some(Reorder { p: percent(1), gap: 1, by: None });
    assert_eq!(impairments.least_delay(Span::from_ms(8)), Span::from_ms(4));
}

/// Any mixture of everything.
fn mixture(seed: u64) -> (Link, Vec<Sending>) {
    let mut dice = Streams::new(seed).open("mixture");
    let some = |dice: &mut Rng, n: u64| percent(dice.below(n));
    let name = QUEUES[dice.below(QUEUES.len() as u64) as usize].name;
    let mut link = Link { seed, queue: QueueConfig::by_name(name).expect("registered"), ..Link::new() };
    link.impairments = Impairments {
        loss: match dice.below(3) {
            0 => None,
            1 => Some(Loss::Bernoulli(some(&mut dice, 20))),
            _ => Some(Loss::GilbertElliott(GilbertElliott {
                p: some(&mut dice, 20),
                r: percent(30),
                loss_bad: percent(80),
                loss_good: some(&mut dice, 3),
            })),
        },
        forced: vec![ForcedLoss { flow: None, class: PacketClass::Data, numbers: vec![1 + dice.below(50), 100] }],
        jitter: (dice.below(2) == 0).then(|| Jitter {
            shape: Jitter::SHAPES[dice.below(3) as usize].1,
            span: Span::from_us(dice.below(3000)),
            reorder: dice.below(2) == 0,
        }),
        reorder: (dice.below(3) == 0).then(|| Reorder { p: percent(20), gap: 1 + dice.below(5) as u32, by: None }),
        duplicate: some(&mut dice, 20),
        corrupt: some(&mut dice, 20),
    };
    if dice.below(3) == 0 {
        link.speed = Speed::Trace(Trace::parse("0\n2\n2\n3\n7\n").expect("a trace"));
    }
    let at = |dice: &mut Rng| us(dice.below(400_000));
    let down = at(&mut dice);
    link.changes = vec![
        (down, Change::Down),
        (down + Span::from_ms(9), Change::Up),
        (at(&mut dice), Change::Delay(Span::from_ms(1 + dice.below(20)))),
        (at(&mut dice), Change::Loss(Some(Loss::Bernoulli(percent(7))))),
        (at(&mut dice), Change::Speed(Speed::Rate(Rate::from_bps(5_000_000)))),
        (at(&mut dice), Change::QueueLimit(Amount::Packets(9))),
    ];
    let list = (0..600).map(|_| Sending::data(at(&mut dice), 40 + dice.below(1461) as u32));
    let mut list: Vec<Sending> = list.collect();
    list.sort_by_key(|sending| sending.at);
    // Some are under way at the end.
    link.stop = us(380_000 + dice.below(100_000));
    (link, list)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn any_mixture_conserves_packets(seed in any::<u64>()) {
        let (link, list) = mixture(seed);
        let handed = list.iter().filter(|sending| sending.at < link.stop).count() as u64;
        let seen = link.run(list);
        let fates = seen.hops("fate");
        let Kind::Word(words) = HOPS.columns[10].kind else { unreachable!("a fate is a word") };
        let of = |word: &str| fates.iter().filter(|fate| words[**fate as usize] == word).count() as u64;
        // Each packet handed over, and each copy, has one row; what did not arrive is a drop of the link or still under way.
        prop_assert_eq!(seen.total("received_packets"), fates.len() as u64);
        prop_assert!(fates.len() as u64 >= handed);
        prop_assert_eq!(of("delivered"), seen.arrivals().len() as u64);
        let drops: u64 = fates.iter().filter(|fate| **fate < DropCause::COUNT as u64).count() as u64;
        prop_assert_eq!(drops + of("delivered") + of("under_way"), fates.len() as u64);
        prop_assert_eq!(drops, seen.drop_rows() as u64);
        prop_assert_eq!(drops, seen.total("drops_packets"));
    }

    #[test]
    fn any_mixture_is_the_same_on_two_shards(seed in any::<u64>()) {
        let (link, list) = mixture(seed);
        let one = link.run(list.clone());
        let two = Link { shards: 2, ..link }.run(list);
        prop_assert_eq!(two.0.fingerprints, one.0.fingerprints);
        prop_assert_eq!(two.arrivals(), one.arrivals());
    }
}
