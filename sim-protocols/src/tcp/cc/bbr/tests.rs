//! The parts of BBR by themselves; the whole is held against Linux by an experiment.

use sim_core::{Span, Time};

use super::*;
use crate::tcp::cc::Delivery;
use crate::wire::Seq;

fn bbr(seed: u32) -> Bbr {
    Bbr::new(&BbrConfig::default(), &Setting { paced: true, seed })
}

fn path(now: Time) -> Path {
    let rtt = Some(Span::from_ms(40));
    Path { now, nxt: Seq(0), srtt: rtt, min_rtt: rtt, mss: 1000, app_limited: false, cwnd_limited: true, sack: true }
}

/// A path of a segment for each millisecond and 40 ms, with acknowledgements for every segment.
struct Pipe {
    bbr: Bbr,
    window: Window,
    now: Time,
    delivered: u64,
    lost: u64,
    /// Recovery goes on between losses.
    recovers: bool,
}

impl Pipe {
    fn new(seed: u32) -> Pipe {
        let mut bbr = bbr(seed);
        let window = Window { cwnd: 10, ssthresh: INFINITE, count: 0 };
        bbr.on_established(&window, &path(Time::ZERO));
        Pipe { bbr, window, now: Time::ZERO, delivered: 1, lost: 0, recovers: false }
    }

    /// An acknowledgement a millisecond later, by which so many were lost.
    fn ack(&mut self, in_flight: u32, rtt_ms: u64, losses: u32) {
        self.now += Span::from_ms(1);
        self.delivered += 1;
        self.lost += u64::from(losses);
        let delivery = Delivery {
            segments: rtt_ms,
            interval_us: rtt_ms * 1000,
            prior: self.delivered.saturating_sub(rtt_ms),
            in_flight: in_flight + 1,
            lost: 0,
            app_limited: false,
        };
        let sample = Sample {
            path: path(self.now),
            delivery: Some(delivery),
            acked: 1,
            losses,
            prior_in_flight: in_flight + 1,
            in_flight,
            rtt: Some(Span::from_ms(rtt_ms)),
            may_be_delayed: false,
            delivered: self.delivered,
            lost: self.lost,
            wait: Span::ZERO,
            phase: if losses > 0 || self.recovers { Phase::Recovery } else { Phase::Open },
        };
        self.bbr.on_sample(&mut self.window, &sample);
    }

    fn word(&self) -> &'static str {
        Mode::WORDS[usize::from(self.bbr.believes().word)]
    }
}

#[test]
fn the_largest_of_ten_rounds() {
    let mut filter = WindowedMax::default();
    for (round, value) in [(1, 50), (2, 100), (3, 70), (5, 60), (8, 65), (11, 10)] {
        filter.add(10, round, value);
    }
    assert_eq!(filter.get(), 100);
    filter.add(10, 13, 20);
    assert!((60..=70).contains(&filter.get()), "{}", filter.get());
    filter.add(10, 14, 300);
    assert_eq!(filter.get(), 300);
}

#[test]
fn startup_drains_probes_and_looks_for_the_round_trip() {
    let mut pipe = Pipe::new(1);
    assert_eq!(pipe.word(), "startup");
    // 2.885 times ten segments in 40 ms, less a hundredth.
    let first = pipe.bbr.pacing().expect("it is paced");
    assert!((712_000..716_000).contains(&first), "{first}");
    let mut words = vec!["startup"];
    for at in 0..12_000_u64 {
        let probing = pipe.word() == "probe_rtt";
        let flight = if probing { 4 } else { pipe.window.cwnd.min(60) };
        pipe.ack(if at < 300 { flight } else { flight.min(45) }, if probing { 40 } else { 41 }, 0);
        if words.last() != Some(&pipe.word()) {
            words.push(pipe.word());
        }
    }
    assert_eq!(words, ["startup", "drain", "probe_bw", "probe_rtt", "probe_bw"]);
    assert!((990_000..=1_010_000).contains(&pipe.bbr.believes().bandwidth));
    assert_eq!(pipe.bbr.believes().min_rtt_us, 40_000);
}

#[test]
fn the_first_phase_is_drawn_and_never_the_one_that_drains() {
    let mut seen = [0; 8];
    for seed in 0..200 {
        let mut bbr = bbr(seed);
        bbr.0.probe_bandwidth(Time::ZERO);
        seen[bbr.0.cycle_index] += 1;
    }
    assert_eq!(seen[1], 0, "{seen:?}");
    assert_eq!(seen.iter().filter(|times| **times > 0).count(), 7, "{seen:?}");
}

#[test]
fn recovery_conserves_packets_and_gives_the_window_back() {
    let mut pipe = Pipe::new(1);
    for at in 0..600 {
        let flight = pipe.window.cwnd.min(if at < 300 { 60 } else { 40 });
        pipe.ack(flight, 41, 0);
    }
    assert_eq!(pipe.word(), "probe_bw");
    let before = pipe.window.cwnd;
    pipe.bbr.ssthresh(&pipe.window);
    pipe.ack(30, 41, 5);
    assert_eq!(pipe.window.cwnd, 31, "as many as are delivered");
    pipe.ack(30, 41, 0);
    // The probing phase has two more.
    assert!(pipe.window.cwnd + 2 >= before && pipe.window.cwnd > 80, "and all of it behind recovery");
}

#[test]
fn two_lossy_intervals_of_one_rate_are_a_policer() {
    // Acknowledgements with which the rate of a policer is held, of 3000; and that rate in bytes a second.
    let held = |every: u32| {
        let (mut pipe, mut held, mut rate) = (Pipe::new(1), 0, 0);
        pipe.recovers = true;
        for at in 0..3000 {
            pipe.ack(40, 41, u32::from(at % every == 0));
            if let Some(bandwidth) = pipe.bbr.0.policer.rate() {
                held += 1;
                rate = ((u128::from(bandwidth) * 1_000_000_000) >> BW_BITS) as u64;
            }
        }
        (held, rate)
    };
    let (times, rate) = held(3);
    // 48 rounds of 41 acknowledgements, and then it is looked for again.
    assert!((48 * 40..2600).contains(&times), "{times}");
    assert!((950_000..=1_050_000).contains(&rate), "{rate}");
    assert_eq!(held(10).0, 0, "a tenth is no heavy loss");
}
