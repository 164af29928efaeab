//! Queue disciplines through a port: what every registered one must keep, and CoDel against the pseudo-code of RFC 8289.

use std::collections::VecDeque;
use std::ops::RangeInclusive;

use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use sim_core::*;

use crate::net::*;

/// Answers a discipline's questions: a limit and ECN as given, defaults for the rest.
struct Answers {
    limit: Amount,
    ecn: bool,
}

impl Params for Answers {
    fn given(&mut self, _key: &'static str) -> bool {
        false
    }
    fn span(&mut self, _key: &'static str, default: Option<Span>, _help: &'static str) -> Span {
        default.unwrap_or(Span::from_ms(1))
    }
    fn rate(&mut self, _key: &'static str, default: Option<Rate>, _help: &'static str) -> Rate {
        default.unwrap_or(Rate::from_bps(1_000_000))
    }
    fn size(&mut self, _key: &'static str, default: Option<Size>, _help: &'static str) -> Size {
        default.unwrap_or(Size::from_bytes(1500))
    }
    fn prob(&mut self, _key: &'static str, default: Option<Prob>, _help: &'static str) -> Prob {
        default.unwrap_or(Prob::ZERO)
    }
    fn amount(&mut self, key: &'static str, default: Option<Amount>, _help: &'static str) -> Amount {
        if key == "limit" { self.limit } else { default.unwrap_or(self.limit) }
    }
    fn count(&mut self, _: &'static str, default: Option<u64>, range: RangeInclusive<u64>, _: &'static str) -> u64 {
        default.unwrap_or(*range.start())
    }
    fn flag(&mut self, key: &'static str, default: bool, _help: &'static str) -> bool {
        if key == "ecn" { self.ecn } else { default }
    }
    fn word(&mut self, _key: &'static str, _words: &'static [&'static str], _help: &'static str) -> usize {
        0
    }
    fn text(&mut self, _: &'static str, default: Option<&str>, _: &'static str, _: &'static str) -> String {
        default.unwrap_or_default().to_string()
    }
    fn texts(&mut self, _: &'static str, _: &'static str, _: &'static str) -> Vec<String> {
        Vec::new()
    }
    fn host(&mut self, _: &'static str, default: Option<&str>, _: &'static str) -> String {
        default.unwrap_or_default().to_string()
    }
    fn hosts(&mut self, _: &'static str, _: &'static str) -> Vec<String> {
        Vec::new()
    }
    fn kind(
        &mut self,
        _: &'static str,
        _: &'static [&'static str],
        _: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize {
        read(0, self);
        0
    }
    fn file(&mut self, _: &'static str, _: &'static str) -> Option<InputFile> {
        None
    }
    fn section(&mut self, _: &'static str, _: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
        read(self);
    }
    fn each(&mut self, _: &'static str, _: &'static str, _: &mut dyn FnMut(&str, &mut dyn Params)) {}
    fn refuse_text(&mut self, _: &'static str, _: usize, _: String) {}
    fn names_host(&mut self, _: &'static str, _: usize, _: &str) {}
    fn refuse(&mut self, key: &'static str, why: String) {
        panic!("defaults are accepted: {key} {why}");
    }
}

fn queue(name: &str, limit: Amount, ecn: bool) -> QueueConfig {
    QueueConfig::read(name, &mut Answers { limit, ecn }).expect("registered")
}

/// Bursts of packets of any length, half of them ECN-capable, at about the given load of 12 Mbit/s.
fn bursts(seed: u64, packets: u32, load_percent: u64) -> Vec<Sending> {
    let mut dice = Streams::new(seed).open("bursts");
    let mut at = Time::ZERO;
    let list = (0..packets).map(|_| {
        if dice.below(4) == 0 {
            // 4 packets a gap, 520 us each.
            at += dice.exponential(Span::from_us(4 * 520 * 100 / load_percent));
        }
        let ecn = [Ecn::NotEct, Ecn::NotEct, Ecn::Ect0, Ecn::Ect1][dice.below(4) as usize];
        Sending { ecn, ..Sending::data(at, 60 + dice.below(1441) as u32) }
    });
    list.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20))]

    /// Every discipline passes, the one that is added next too.
    #[test]
    fn every_discipline_conforms(seed in any::<u64>(), load in 60_u64..300, packets in 2_u32..60, ecn in any::<bool>()) {
        for name in QUEUES.iter().map(|entry| entry.name) {
            for limit in [Amount::Packets(packets), Amount::Bytes(Size::from_bytes(u64::from(packets) * 1500))] {
                let link = Link { seed, queue: queue(name, limit, ecn), every: Some(Span::from_us(333)), ..Link::new() };
                let list = bursts(seed, 1500, load);
                let seen = link.run(list.clone());
                let numbers = seen.numbers();
                // Nothing is made, nothing vanishes, nothing overtakes. (The engine asserts the identities of each port, too.)
                prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{name}: first in, first out");
                prop_assert_eq!(seen.total("received_packets"), list.len() as u64);
                prop_assert_eq!(seen.total("sent_packets"), numbers.len() as u64);
                prop_assert_eq!(seen.total("sent_packets") + seen.total("drops_packets"), list.len() as u64);
                prop_assert_eq!(seen.total("drops_packets"), seen.drop_rows() as u64);
                // The limit.
                let most = |column: &str| seen.samples(column).into_iter().max().unwrap_or(0);
                match limit {
                    Amount::Packets(packets) => prop_assert!(seen.total("queue_max_packets") <= u64::from(packets)),
                    Amount::Bytes(size) => prop_assert!(most("queue_bytes") <= size.bytes(), "{name}"),
                }
                // Marks only where they may stand; without ECN none. (The header refuses a mark that may not.)
                let marked: Vec<u32> = seen.arrivals().iter().filter(|arrival| arrival.ce).map(|arrival| arrival.number).collect();
                prop_assert!(marked.iter().all(|number| list[*number as usize].ecn != Ecn::NotEct));
                // A marked packet is in the queue; CoDel marks it as it leaves, RED as it comes: it arrives.
                prop_assert_eq!(seen.total("marks_packets"), marked.len() as u64);
                prop_assert!(ecn || marked.is_empty());
                // A lone packet on an idle link passes.
                prop_assert_eq!(numbers[0], 0);
                // The same again.
                prop_assert_eq!(link.run(list).0.fingerprints, seen.0.fingerprints);
            }
        }
    }

    #[test]
    fn codel_drops_what_the_pseudo_code_of_its_rfc_drops(seed in any::<u64>(), load in 95_u64..250) {
        for list in [apart(bursts(seed, 4000, load)), apart(phases(seed))] {
            let (ours, theirs) = (codel_link(false).run(list.clone()).numbers(), pseudo_code(&list));
            let differ = ours.iter().zip(&theirs).position(|(a, b)| a != b);
            prop_assert!(differ.is_none(), "they differ at {differ:?}");
            prop_assert_eq!(ours.len(), theirs.len());
        }
    }
}

/// Overload long enough for some drops, then silence about as long as CoDel remembers (16 intervals), again and again.
fn phases(seed: u64) -> Vec<Sending> {
    let mut dice = Streams::new(seed).open("phases");
    let (mut at, mut list) = (Time::ZERO, Vec::new());
    for _ in 0..20 {
        for _ in 0..300 + dice.below(300) {
            list.push(Sending::data(at, 600));
            at += Span::from_us(300 + dice.below(300));
        }
        at += Span::from_us(450_000 + dice.below(300_000));
    }
    list
}

/// Arrivals that never fall on the moment at which a packet has left: the offset of a busy period is that of its first packet.
fn apart(list: Vec<Sending>) -> Vec<Sending> {
    let offset = |at: Time, n: u64| Time::ZERO + Span::from_us(at.us()) + Span::from_ps(n + 1);
    list.into_iter().zip(0..).map(|(sending, n)| Sending { at: offset(sending.at, n), ..sending }).collect()
}

/// 8 Mbit/s: a byte takes a microsecond. Short enough an interval that it has much to do.
fn codel_link(ecn: bool) -> Link {
    let config =
        CoDelConfig { limit: Amount::Packets(1_000_000), target: Span::from_ms(5), interval: Span::from_ms(40), ecn };
    Link { speed: Speed::Rate(Rate::from_bps(8_000_000)), queue: QueueConfig::CoDel(config), ..Link::new() }
}

/// RFC 8289 §5.4 to §5.6, line by line, behind a link of a byte a microsecond. Times are picoseconds. Returns what arrives.
struct CoDelQueue<'a> {
    list: &'a [Sending],
    queue: VecDeque<u32>,
    bytes: u64,
    first_above_time: u64,
    drop_next: u64,
    count: u64,
    lastcount: u64,
    dropping: bool,
}

const TARGET: u64 = 5_000_000_000;
const INTERVAL: u64 = 40_000_000_000;
const MTU: u64 = 1500;

impl CoDelQueue<'_> {
    fn control_law(t: u64, count: u64) -> u64 {
        t + (u128::from(INTERVAL) * u128::from(INTERVAL) / u128::from(count)).isqrt() as u64
    }

    fn dodequeue(&mut self, now: u64) -> (Option<u32>, bool) {
        let Some(p) = self.queue.pop_front() else {
            self.first_above_time = 0;
            return (None, false);
        };
        let packet = &self.list[p as usize];
        self.bytes -= u64::from(packet.len);
        let sojourn_time = now - packet.at.ps();
        let mut ok_to_drop = false;
        if sojourn_time < TARGET || self.bytes <= MTU {
            self.first_above_time = 0;
        } else if self.first_above_time == 0 {
            self.first_above_time = now + INTERVAL;
        } else if now >= self.first_above_time {
            ok_to_drop = true;
        }
        (Some(p), ok_to_drop)
    }

    fn dequeue(&mut self, now: u64) -> Option<u32> {
        let (mut p, mut ok_to_drop) = self.dodequeue(now);
        if self.dropping {
            if !ok_to_drop {
                self.dropping = false;
            }
            while now >= self.drop_next && self.dropping {
                self.count += 1;
                (p, ok_to_drop) = self.dodequeue(now);
                if !ok_to_drop {
                    self.dropping = false;
                } else {
                    self.drop_next = Self::control_law(self.drop_next, self.count);
                }
            }
        } else if ok_to_drop {
            (p, _) = self.dodequeue(now);
            self.dropping = true;
            let delta = self.count - self.lastcount;
            self.count = 1;
            if delta > 1 && now.saturating_sub(self.drop_next) < 16 * INTERVAL {
                self.count = delta;
            }
            self.drop_next = Self::control_law(now, self.count);
            self.lastcount = self.count;
        }
        p
    }
}

fn pseudo_code(list: &[Sending]) -> Vec<u32> {
    let mut codel = CoDelQueue {
        list,
        queue: VecDeque::new(),
        bytes: 0,
        first_above_time: 0,
        drop_next: 0,
        count: 0,
        lastcount: 0,
        dropping: false,
    };
    let (mut sent, mut next, mut free) = (Vec::new(), 0, 0_u64);
    loop {
        // The link is free at `free`: whoever has come before that waits.
        while let Some(packet) = list.get(next).filter(|packet| packet.at.ps() <= free) {
            codel.queue.push_back(next as u32);
            codel.bytes += u64::from(packet.len);
            next += 1;
        }
        match codel.dequeue(free) {
            Some(p) => {
                sent.push(p);
                free += u64::from(list[p as usize].len) * 1_000_000;
            }
            None if next < list.len() => free = list[next].at.ps(),
            None => return sent,
        }
    }
}

#[test]
fn codel_comes_closer_by_the_root_of_its_count() {
    // 100 bytes each 60 us into 100 us each: a standing queue that only grows. Decisions fall each 100 us.
    for ecn in [false, true] {
        let mut list: Vec<Sending> = (0..10_000).map(|n| Sending::data(us(60 * n), 100)).collect();
        list.iter_mut().for_each(|sending| sending.ecn = if ecn { Ecn::Ect0 } else { Ecn::NotEct });
        let seen = codel_link(ecn).run(list);
        let times: Vec<u64> = if ecn {
            let marked = |arrival: &&Received| arrival.ce;
            let left = |arrival: &Received| arrival.at.us() - 10_000 - 100;
            seen.arrivals().iter().filter(marked).map(left).collect()
        } else {
            seen.0.table("drops").expect("drops").iter().map(|(at, _)| at.us()).collect()
        };
        // The queue first waits 5 ms after 12.5 ms; 40 ms later the first goes, then at 40 / sqrt(1), 40 / sqrt(2), …
        assert!((52_400..52_800).contains(&times[0]), "{}", times[0]);
        let mut due = times[0] as f64;
        for (at, count) in times[1..16].iter().zip(1_u32..) {
            due += 40_000.0 / f64::from(count).sqrt();
            assert!((due - 1.0..due + 101.0).contains(&(*at as f64)), "{count}: {at}, not {due}");
        }
        assert_eq!(seen.total("marks_packets") > 0, ecn);
        assert_eq!(seen.total("early_packets") > 0, !ecn);
    }
}

#[test]
fn codel_leaves_the_last_frame_of_the_link_alone() {
    // A slow link: each packet alone takes longer than the target. One full frame of this link, 1538 bytes, may stand behind a packet.
    let config = CoDelConfig { limit: Amount::Packets(100), ..CoDelConfig::default() };
    let link = Link {
        speed: Speed::Rate(Rate::from_bps(1_000_000)),
        queue: QueueConfig::CoDel(config),
        overhead: 38,
        ..Link::new()
    };
    // Three stand in the queue all the time but for the one that leaves: one in transmission, one behind.
    let mut list: Vec<Sending> = (0..2).map(|_| Sending::data(Time::ZERO, 1500)).collect();
    list.extend((0..100).map(|n| Sending::data(us(1 + 12_304 * n), 1500)));
    assert_eq!(link.run(list).total("early_packets"), 0);
}

#[test]
fn droptail_counts_packets_or_bytes_that_wait() {
    let run = |limit: Amount, lengths: &[u32]| {
        let queue = QueueConfig::DropTail(DropTailConfig { limit });
        Link { queue, ..Link::new() }.run(lengths.iter().map(|len| Sending::data(Time::ZERO, *len)).collect()).numbers()
    };
    // The first is in transmission at once and is not counted.
    assert_eq!(run(Amount::Packets(2), &[100; 5]), [0, 1, 2]);
    let bytes = |n| Amount::Bytes(Size::from_bytes(n));
    assert_eq!(run(bytes(1000), &[1500, 600, 500, 400, 1]), [0, 1, 3], "500 does not fit beside 600, 400 does");
    assert_eq!(run(bytes(100), &[1500, 101, 100]), [0, 2]);
}

#[test]
fn red_keeps_a_standing_queue_between_its_thresholds() {
    // Twice the rate, for ever: the average settles where the drop probability is a half, between max (2 %) and twice max (one).
    let config = RedConfig { min: 20, max: 60, ..RedConfig::default() };
    let link = Link { queue: QueueConfig::Red(config), every: Some(Span::from_ms(5)), stop: ms(20_000), ..Link::new() };
    let seen = link.run(train(40_000, Span::from_us(500)));
    let samples = seen.samples("queue_packets");
    let late = &samples[samples.len() / 2..];
    let mean = late.iter().sum::<u64>() as f64 / late.len() as f64;
    // Half must go. Gaps between drops are 1 / (2 p) in the mean: p = 1/4, which the gentle climb from 2 % at 60 to one at 120 has at 74.
    assert!((70.0..78.0).contains(&mean), "{mean}");
    assert_eq!(seen.total("queue_full_packets"), 0);
}
