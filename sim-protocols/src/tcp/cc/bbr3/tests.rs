//! What the draft says of each part, over a path of 40 ms that delivers a steady number of segments in a round trip.

use super::*;
use crate::wire::Seq;

const RTT: Span = Span::from_ms(40);

/// The control on a path whose bandwidth-delay product is `per_round` segments of 1000 bytes.
struct Pipe {
    bbr: Bbr3,
    window: Window,
    now: Time,
    delivered: u64,
    per_round: u64,
    /// Segments in flight now, and when what is acknowledged was sent.
    in_flight: u32,
    sent_in_flight: u32,
    /// Segments lost of those.
    lost: u64,
    rtt: Span,
    phase: Phase,
    cwnd_limited: bool,
    sack: bool,
}

impl Pipe {
    fn new(seed: u32, per_round: u64) -> Pipe {
        Pipe::with(&Bbr3Config::default(), seed, per_round)
    }

    fn with(config: &Bbr3Config, seed: u32, per_round: u64) -> Pipe {
        let mut pipe = Pipe {
            bbr: Bbr3::new(config, &Setting { paced: true, seed }),
            window: Window { cwnd: 10, ssthresh: INFINITE, count: 0 },
            now: Time::ZERO,
            delivered: 1,
            per_round,
            in_flight: per_round as u32,
            sent_in_flight: per_round as u32,
            lost: 0,
            rtt: RTT,
            phase: Phase::Open,
            cwnd_limited: false,
            sack: true,
        };
        pipe.bbr.on_established(&pipe.window, &pipe.path());
        pipe
    }

    /// One that has left Startup with 40 segments in a round trip and is in a state.
    fn in_state(state: State) -> Pipe {
        let mut pipe = Pipe::new(1, 40);
        pipe.rounds(8);
        assert!(pipe.bbr.0.full.reached && pipe.bbr.0.product(pipe.bbr.0.bandwidth, 100) == 40);
        pipe.bbr.0.state = state;
        pipe
    }

    fn path(&self) -> Path {
        let rtt = Some(RTT);
        Path {
            now: self.now,
            nxt: Seq(0),
            srtt: rtt,
            min_rtt: rtt,
            mss: 1000,
            app_limited: false,
            cwnd_limited: self.cwnd_limited,
            sack: self.sack,
        }
    }

    /// An acknowledgement of a segment. Returns whether what is sent now measures nothing.
    fn ack(&mut self) -> bool {
        self.now += RTT / self.per_round;
        self.delivered += 1;
        let delivery = Delivery {
            segments: self.per_round,
            interval_us: RTT.us(),
            prior: self.delivered.saturating_sub(self.per_round),
            in_flight: self.sent_in_flight,
            lost: self.lost,
            app_limited: false,
        };
        let sample = Sample {
            path: self.path(),
            delivery: Some(delivery),
            acked: 1,
            losses: 0,
            prior_in_flight: self.in_flight + 1,
            in_flight: self.in_flight,
            rtt: Some(self.rtt),
            may_be_delayed: false,
            delivered: self.delivered,
            lost: self.lost,
            wait: Span::ZERO,
            phase: self.phase,
        };
        self.bbr.on_sample(&mut self.window, &sample)
    }

    fn rounds(&mut self, rounds: u64) {
        for _ in 0..rounds * self.per_round {
            self.ack();
        }
    }

    /// A segment is found lost: the number `at`, and of those in flight with it so many.
    fn lose(&mut self, at: u32, in_flight: u32, lost: u64) {
        let lost = Lost {
            now: self.now,
            seq: Seq(at * 1000),
            end: Seq(at * 1000 + 1000),
            in_flight,
            lost,
            app_limited: false,
            delivered: self.delivered,
            sack: self.sack,
        };
        self.bbr.on_lost(&self.window, &lost);
    }

    /// Acknowledgements until the state is another one, and that one; nothing after so many.
    fn next_state(&mut self, most: u64) -> Option<State> {
        let state = self.bbr.0.state;
        for _ in 0..most {
            self.ack();
            if self.bbr.0.state != state {
                return Some(self.bbr.0.state);
            }
        }
        None
    }

    fn word(&self) -> &'static str {
        Mode::WORDS[usize::from(self.bbr.believes().word)]
    }
}

/// tests: draft-ietf-ccwg-bbr-06 §5.6.1, §2.5
#[test]
fn gains_are_the_drafts() {
    let table = [
        (State::Startup, 277, 200),
        (State::Drain, 50, 200),
        (State::Down, 90, 200),
        (State::Cruise, 100, 200),
        (State::Refill, 100, 200),
        (State::Up, 125, 225),
        (State::ProbeRtt, 100, 50),
    ];
    for (state, pacing, cwnd) in table {
        assert_eq!(state.gains(), (pacing, cwnd), "{state:?}");
    }
    // 2.77 times ten segments in 40 ms, less a hundredth.
    let first = Pipe::new(1, 40).bbr.pacing().expect("it is paced");
    assert!((685_000..=685_600).contains(&first), "{first}");
    let mut cruising = Pipe::in_state(State::Cruise);
    cruising.ack();
    let rate = cruising.bbr.pacing().expect("it is paced");
    assert!((989_000..=990_100).contains(&rate), "a megabyte a second, less a hundredth: {rate}");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.1.2
#[test]
fn startup_ends_after_three_rounds_without_a_quarter_more() {
    let mut pipe = Pipe::new(1, 40);
    pipe.in_flight = 80;
    // The first round sets the baseline, three more do not exceed it.
    let mut rounds = 0;
    while pipe.word() == "startup" {
        pipe.rounds(1);
        rounds += 1;
    }
    assert_eq!((rounds, pipe.word()), (4, "drain"));
    assert_eq!(pipe.window.ssthresh, 40, "who looks at the threshold sees where Startup ended");
    // A quarter more in each round is growth.
    let mut growing = Pipe::new(1, 40);
    for _ in 0..12 {
        growing.per_round = growing.per_round * 5 / 4 + 1;
        growing.in_flight = 2 * growing.per_round as u32;
        growing.rounds(1);
        assert_eq!(growing.word(), "startup");
    }
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.1.3
#[test]
fn startup_ends_by_losses_in_six_ranges_of_a_round_of_recovery() {
    let ended = |ranges: u32, part: u64, phase: Phase| {
        let mut pipe = Pipe::new(1, 100);
        (pipe.in_flight, pipe.sent_in_flight) = (200, 200);
        pipe.rounds(1);
        for range in 0..ranges {
            // Two segments in a row are one range.
            pipe.lose(10 * range, 200, 1);
            pipe.lose(10 * range + 1, 200, 1);
        }
        (pipe.phase, pipe.lost) = (phase, part);
        pipe.rounds(1);
        (pipe.word(), pipe.bbr.0.inflight_longterm)
    };
    assert_eq!(ended(6, 5, Phase::Recovery), ("drain", 100), "5 of 200 are more than 2 %; what a round has delivered");
    assert_eq!(ended(5, 5, Phase::Recovery), ("startup", INFINITE), "five ranges may be noise");
    assert_eq!(ended(6, 4, Phase::Recovery), ("startup", INFINITE), "2 % are not more than 2 %");
    assert_eq!(ended(6, 5, Phase::Disorder), ("startup", INFINITE), "no recovery");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.1.3
#[test]
fn without_selective_acknowledgements_one_loss_ends_startup() {
    let mut pipe = Pipe::new(1, 100);
    (pipe.in_flight, pipe.sent_in_flight, pipe.sack) = (200, 200, false);
    pipe.rounds(1);
    pipe.lose(0, 200, 1);
    pipe.phase = Phase::Recovery;
    pipe.ack();
    assert_eq!(pipe.word(), "drain");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.2
#[test]
fn drain_ends_at_the_product_or_after_three_rounds() {
    let mut pipe = Pipe::in_state(State::Drain);
    pipe.bbr.0.drain_round = pipe.bbr.0.round;
    pipe.in_flight = 41;
    pipe.rounds(2);
    assert_eq!(pipe.word(), "drain");
    pipe.in_flight = 40;
    pipe.ack();
    assert_ne!(pipe.word(), "drain");
    let mut stuck = Pipe::in_state(State::Drain);
    (stuck.bbr.0.drain_round, stuck.in_flight) = (stuck.bbr.0.round, 60);
    let rounds = stuck.next_state(1000).map(|_| stuck.bbr.0.round - stuck.bbr.0.drain_round);
    assert_eq!(rounds, Some(4), "the first one after three");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.1
#[test]
fn down_leaves_headroom_and_no_queue() {
    let mut pipe = Pipe::in_state(State::Down);
    // 0.85 of 40 are 34.
    (pipe.bbr.0.inflight_longterm, pipe.in_flight, pipe.sent_in_flight) = (40, 35, 40);
    pipe.ack();
    assert_eq!(pipe.word(), "probe_down");
    pipe.in_flight = 34;
    pipe.ack();
    assert_eq!(pipe.word(), "probe_cruise");
    assert_eq!(pipe.window.cwnd, 34, "§5.6.4.7");
    // Without a bound the product decides.
    let mut free = Pipe::in_state(State::Down);
    free.in_flight = 41;
    free.ack();
    assert_eq!(free.word(), "probe_down");
    free.in_flight = 40;
    free.ack();
    assert_eq!(free.word(), "probe_cruise");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.8
#[test]
fn it_probes_after_two_to_three_seconds_or_as_many_rounds_as_reno() {
    let (mut least, mut most, mut rounds) = (Span::from_secs(9), Span::ZERO, [0; 2]);
    for seed in 0..300 {
        let mut pipe = Pipe::new(seed, 40);
        pipe.bbr.0.start_down(Time::ZERO, 1);
        (least, most) = (least.min(pipe.bbr.0.probe_wait), most.max(pipe.bbr.0.probe_wait));
        rounds[pipe.bbr.0.rounds_since_probe as usize] += 1;
    }
    assert!(least >= Span::from_secs(2) && least < Span::from_ms(2050), "{least}");
    assert!(most <= Span::from_secs(3) && most > Span::from_ms(2950), "{most}");
    assert!(rounds.iter().all(|times| *times > 100), "{rounds:?}");
    // A product of 40 segments: 40 round trips, one less by chance; of 500: 63 take 2.52 s, or the wall clock is earlier.
    for (per_round, bound) in [(40, 39..=41), (500, 49..=64)] {
        let mut pipe = Pipe::new(3, per_round);
        pipe.rounds(8);
        pipe.bbr.0.start_down(pipe.now, pipe.delivered);
        pipe.bbr.0.state = State::Cruise;
        let since = pipe.bbr.0.round;
        assert_eq!(pipe.next_state(100 * per_round), Some(State::Refill));
        assert!(bound.contains(&(pipe.bbr.0.round - since)), "{per_round}: {}", pipe.bbr.0.round - since);
    }
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.3, §5.3.3.7
#[test]
fn a_probe_refills_for_a_round_and_ends_where_the_path_is_full() {
    let mut pipe = Pipe::in_state(State::Cruise);
    pipe.bbr.0.inflight_shortterm = 20;
    pipe.bbr.0.start_refill(pipe.delivered);
    assert_eq!(pipe.bbr.0.inflight_shortterm, INFINITE, "§5.3.3.3");
    let before = pipe.now;
    assert_eq!(pipe.next_state(1000), Some(State::Up));
    assert_eq!(pipe.now.since(before), RTT);
    let before = pipe.bbr.0.round;
    assert_eq!(pipe.next_state(1000), Some(State::Down));
    assert_eq!(pipe.bbr.0.round - before, 3, "a plateau of three rounds");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.7, §5.5.10.2
#[test]
fn up_ends_where_more_than_a_fiftieth_is_lost() {
    let probing = || {
        let mut pipe = Pipe::in_state(State::Up);
        (pipe.bbr.0.probe_sample, pipe.bbr.0.acks) = (true, Acks::Feedback);
        pipe
    };
    let mut pipe = probing();
    pipe.lose(0, 50, 1);
    assert_eq!(pipe.word(), "probe_up", "1 of 50 is not more than 2 %");
    pipe.lose(1, 50, 2);
    assert_eq!(pipe.word(), "probe_down");
    // 49 were in flight before it, of which 0.98 might be lost and one was: nothing of this one fits.
    assert_eq!(pipe.bbr.0.inflight_longterm, 49);
    pipe.lose(2, 30, 9);
    assert_eq!(pipe.bbr.0.inflight_longterm, 49, "once for each probe");
    // The bound does not fall below 0.7 of what it wants in flight.
    let mut early = probing();
    early.window.cwnd = 40;
    early.lose(0, 10, 5);
    assert_eq!(early.bbr.0.inflight_longterm, 28);
    // The threshold is a parameter.
    let mut patient = Pipe::with(&Bbr3Config { loss_threshold: percent(10), ..Bbr3Config::default() }, 1, 40);
    (patient.bbr.0.state, patient.bbr.0.probe_sample) = (State::Up, true);
    patient.lose(0, 50, 5);
    assert_eq!(patient.word(), "probe_up");
    patient.lose(0, 50, 6);
    assert_eq!(patient.word(), "probe_down");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.6
#[test]
fn after_a_probe_that_went_too_high_the_next_one_turns_back_and_goes_on() {
    let mut pipe = Pipe::in_state(State::Up);
    (pipe.bbr.0.inflight_longterm, pipe.bbr.0.probe_too_high, pipe.sent_in_flight) = (50, true, 50);
    (pipe.bbr.0.full, pipe.in_flight) = (Full { reached: true, bandwidth: u64::MAX >> 8, ..Full::default() }, 48);
    pipe.ack();
    assert_eq!(pipe.word(), "probe_up");
    pipe.in_flight = 49;
    pipe.ack();
    assert_eq!(pipe.word(), "probe_down", "it has come to where too much was lost");
    pipe.in_flight = 45;
    assert_eq!(pipe.next_state(41), Some(State::Refill), "a round later nothing was lost");
    assert!(!pipe.bbr.0.probe_too_high);
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.3.5, §5.3.3.9
#[test]
fn the_bound_grows_by_one_then_two_then_four_segments_in_a_round() {
    let mut pipe = Pipe::in_state(State::Refill);
    (pipe.bbr.0.inflight_longterm, pipe.sent_in_flight, pipe.in_flight) = (40, 40, 40);
    (pipe.bbr.0.acks, pipe.cwnd_limited) = (Acks::Refilling, true);
    pipe.next_state(1000);
    let mut grown = Vec::new();
    for _ in 0..5 {
        let before = pipe.bbr.0.inflight_longterm;
        pipe.rounds(1);
        grown.push(pipe.bbr.0.inflight_longterm - before);
    }
    assert_eq!(pipe.word(), "probe_up", "while the bound limits it, the path is not full");
    // What is acknowledged in a round is 40 still, a little less than the window that has grown.
    assert!(grown[0] <= 1 && (1..=2).contains(&grown[1]) && (3..=4).contains(&grown[2]), "{grown:?}");
    assert!((6..=8).contains(&grown[3]) && (10..=16).contains(&grown[4]), "{grown:?}");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.5.10.3
#[test]
fn losses_between_probes_bound_rate_and_volume_for_a_while() {
    let mut pipe = Pipe::in_state(State::Cruise);
    pipe.window.cwnd = 80;
    pipe.rounds(1);
    // Two products, and two segments for what came at once.
    assert_eq!(pipe.window.cwnd, 82);
    let cruising = pipe.bbr.0.bandwidth;
    pipe.lose(0, 80, 1);
    // Only half is delivered now.
    pipe.per_round = 20;
    for _ in 0..2 {
        pipe.rounds(1);
    }
    let model = &pipe.bbr.0;
    assert_eq!(model.inflight_shortterm, 57, "0.7 of 82 are more than the 40 of that round");
    assert!(model.bandwidth >= cruising / 100 * 99, "the round that began with the loss had still delivered as much");
    pipe.lose(1, 57, 1);
    pipe.rounds(2);
    assert_eq!(pipe.bbr.0.inflight_shortterm, 39, "0.7 of 57");
    assert_eq!(pipe.bbr.0.bandwidth, cruising / 100 * 70);
    assert!(pipe.window.cwnd <= 39);
    // A probe forgets them.
    pipe.bbr.0.start_refill(pipe.delivered);
    pipe.ack();
    assert_eq!(pipe.bbr.0.bandwidth, cruising);
}

/// tests: draft-ietf-ccwg-bbr-06 §5.5.6
#[test]
fn the_bandwidth_is_the_largest_of_two_cycles() {
    let mut pipe = Pipe::in_state(State::Cruise);
    let high = pipe.bbr.0.max_bandwidth();
    pipe.bbr.0.advance_bandwidth();
    pipe.per_round = 20;
    pipe.rounds(3);
    assert_eq!(pipe.bbr.0.max_bandwidth(), high, "of the last cycle");
    pipe.bbr.0.advance_bandwidth();
    assert_eq!(pipe.bbr.0.max_bandwidth(), high / 2);
    pipe.bbr.0.advance_bandwidth();
    assert_eq!(pipe.bbr.0.max_bandwidth(), high / 2, "a cycle without a measurement does not count");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.3.4
#[test]
fn every_five_seconds_half_a_product_is_in_flight_for_a_fifth() {
    let mut pipe = Pipe::new(1, 40);
    pipe.rtt = Span::from_ms(41);
    let (mut entered, mut left) = (Vec::new(), Vec::new());
    while pipe.now < Time::ZERO + Span::from_secs(17) {
        let before = pipe.word();
        pipe.in_flight = pipe.window.cwnd.min(40);
        let limits = pipe.ack();
        let probing = pipe.word() == "probe_rtt";
        if probing {
            pipe.rtt = RTT;
            assert!(limits, "what it sends measures nothing");
            assert!(pipe.window.cwnd <= 20, "half of 40");
            assert_eq!(pipe.window.cwnd, pipe.bbr.0.probe_rtt_cwnd());
        }
        match (before == "probe_rtt", probing) {
            (false, true) => entered.push(pipe.now.ms()),
            (true, false) => {
                assert_eq!(pipe.word(), "probe_cruise", "§5.3.4.4");
                left.push(pipe.now.ms());
                pipe.rtt = Span::from_ms(41);
            }
            _ => {}
        }
    }
    assert_eq!(entered.len(), 3, "{entered:?}");
    assert!((5000..5050).contains(&entered[0]), "{entered:?}");
    for (entered, left) in entered.iter().zip(&left) {
        assert!((200..=280).contains(&(left - entered)), "{entered} to {left}");
    }
    // What is left is 5 s before the next one.
    assert!((5000..5050).contains(&(entered[1] - left[0])), "{entered:?} {left:?}");
    assert_eq!(pipe.bbr.believes().min_rtt_us, 40_000);
}

/// tests: draft-ietf-ccwg-bbr-06 §2.16.1
#[test]
fn a_longer_round_trip_is_believed_after_ten_seconds() {
    let mut pipe = Pipe::new(1, 40);
    pipe.rounds(10);
    pipe.rtt = Span::from_ms(60);
    let mut believed = None;
    while believed.is_none() {
        pipe.in_flight = pipe.window.cwnd.min(40);
        pipe.ack();
        believed = (pipe.bbr.believes().min_rtt_us == 60_000).then_some(pipe.now.ms());
    }
    assert!((10_000..10_500).contains(&believed.expect("it was")), "{believed:?}");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.5.11
#[test]
fn what_needless_losses_have_changed_comes_back() {
    let mut pipe = Pipe::in_state(State::Up);
    (pipe.bbr.0.probe_sample, pipe.bbr.0.acks) = (true, Acks::Feedback);
    pipe.lose(0, 50, 2);
    assert_eq!((pipe.word(), pipe.bbr.0.inflight_longterm), ("probe_down", 49));
    pipe.bbr.on_undo();
    pipe.ack();
    assert_eq!((pipe.word(), pipe.bbr.0.inflight_longterm), ("probe_refill", INFINITE));
    let mut starting = Pipe::new(1, 100);
    (starting.in_flight, starting.sent_in_flight, starting.lost) = (200, 200, 10);
    starting.rounds(1);
    for at in 0..6 {
        starting.lose(2 * at, 200, 10);
    }
    starting.phase = Phase::Recovery;
    while starting.word() == "startup" {
        starting.ack();
    }
    starting.bbr.on_undo();
    starting.phase = Phase::Open;
    starting.ack();
    assert_eq!((starting.word(), starting.bbr.0.full.reached), ("startup", false));
}

/// tests: draft-ietf-ccwg-bbr-06 §3.7
#[test]
fn a_mark_is_congestion() {
    let mut probing = Pipe::in_state(State::Up);
    (probing.bbr.0.probe_sample, probing.bbr.0.acks) = (true, Acks::Feedback);
    (probing.sent_in_flight, probing.in_flight) = (52, 52);
    probing.bbr.ssthresh_marked(&probing.window);
    probing.ack();
    assert_eq!((probing.word(), probing.bbr.0.inflight_longterm), ("probe_down", 52));
    let mut starting = Pipe::new(1, 40);
    starting.in_flight = 60;
    starting.rounds(1);
    starting.bbr.ssthresh_marked(&starting.window);
    starting.ack();
    assert_eq!(starting.word(), "drain");
    let mut cruising = Pipe::in_state(State::Cruise);
    cruising.window.cwnd = 80;
    cruising.rounds(1);
    cruising.bbr.ssthresh_marked(&cruising.window);
    cruising.rounds(2);
    assert_eq!(cruising.bbr.0.inflight_shortterm, 57, "0.7 of 82");
}

/// tests: draft-ietf-ccwg-bbr-06 §5.4.1
#[test]
fn after_silence_it_is_paced_at_the_bandwidth() {
    let mut pipe = Pipe::in_state(State::Down);
    (pipe.in_flight, pipe.bbr.0.inflight_longterm) = (60, 100);
    pipe.ack();
    let slow = pipe.bbr.pacing().expect("it is paced");
    pipe.now += Span::from_secs(7);
    let path = Path { app_limited: true, ..pipe.path() };
    pipe.bbr.on_start(&mut pipe.window, Span::from_secs(7), &path);
    let rate = pipe.bbr.pacing().expect("it is paced");
    assert!((989_000..=990_100).contains(&rate) && (890_000..=891_100).contains(&slow), "{slow} {rate}");
    pipe.ack();
    assert_ne!(pipe.word(), "probe_rtt", "silence was enough to drain the queue");
    // Where it was idle in PROBE_RTT for long enough, it comes back with its whole window.
    let mut probing = Pipe::in_state(State::ProbeRtt);
    (probing.window.cwnd, probing.bbr.0.prior_cwnd) = (20, 80);
    probing.bbr.0.trips.done = Some(probing.now);
    probing.now += Span::from_secs(1);
    let path = Path { app_limited: true, ..probing.path() };
    probing.bbr.on_start(&mut probing.window, Span::from_secs(1), &path);
    assert_eq!((probing.word(), probing.window.cwnd), ("probe_cruise", 80));
}

/// tests: draft-ietf-ccwg-bbr-06 §5.6.4.4
#[test]
fn the_window_comes_back_behind_recovery() {
    let mut pipe = Pipe::in_state(State::Cruise);
    pipe.window.cwnd = 80;
    pipe.rounds(1);
    pipe.bbr.ssthresh(&pipe.window);
    pipe.bbr.on_timeout(&mut pipe.window, pipe.now);
    pipe.window.cwnd = 1;
    pipe.phase = Phase::Loss;
    pipe.ack();
    assert_eq!(pipe.window.cwnd, CWND_MIN);
    pipe.rounds(1);
    assert!((40..=48).contains(&pipe.window.cwnd), "as many more as are delivered: {}", pipe.window.cwnd);
    pipe.phase = Phase::Open;
    pipe.ack();
    assert!(pipe.window.cwnd >= 56, "80, but for the bound of the round of losses: {}", pipe.window.cwnd);
}
