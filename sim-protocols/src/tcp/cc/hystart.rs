//! Leaving slow start before it overshoots: HyStart (Ha and Rhee 2008) as Linux has it, by ACK trains and delay; and HyStart++ (RFC 9406).

use sim_core::{Params, Span, Time};

use super::Window;
use super::signals::{Ack, Setting};
use crate::wire::Seq;

/// HyStart is active from this window on.
const LOW_WINDOW: u32 = 16;
/// ACKs of a train are this close to each other.
const ACK_DELTA: Span = Span::from_ms(2);
/// Samples of a round before its least round trip counts (RFC 9406 §4.2: N_RTT_SAMPLE).
const SAMPLES: u32 = 8;
/// RFC 9406 §4.2: MIN_RTT_THRESH, MAX_RTT_THRESH, MIN_RTT_DIVISOR; HyStart's are the same.
const DELAY_MIN: Span = Span::from_ms(4);
const DELAY_MAX: Span = Span::from_ms(16);
const DELAY_DIVISOR: u64 = 8;
/// RFC 9406 §4.3: conservative slow start grows by a quarter, for five rounds.
const GROWTH_DIVISOR: u32 = 4;
const CONSERVATIVE_ROUNDS: u32 = 5;
/// RFC 9406 §4.2: L, the growth for an acknowledgement where the flow is not paced.
const GROWTH_LIMIT: u32 = 8;

/// How slow start is left before a loss.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum HyStartChoice {
    /// By a loss alone.
    #[default]
    Off,
    /// HyStart as Linux has it.
    Classic,
    /// HyStart++ (RFC 9406).
    Plus,
}

impl HyStartChoice {
    /// Asks for it: CUBIC has the classic one by default.
    pub(super) fn read_for_cubic(params: &mut dyn Params) -> HyStartChoice {
        let help = "how slow start is left before it overshoots: classic, by ACK trains and delay as Linux; plus, HyStart++ (RFC 9406); none, by a loss alone";
        match params.word("hystart", &["classic", "plus", "none"], help) {
            0 => HyStartChoice::Classic,
            1 => HyStartChoice::Plus,
            _ => HyStartChoice::Off,
        }
    }

    /// Asks for it: Reno has none by default.
    pub(super) fn read_for_reno(params: &mut dyn Params) -> HyStartChoice {
        let help = "how slow start is left before it overshoots: none, by a loss alone; plus, HyStart++ (RFC 9406)";
        match params.word("hystart", &["none", "plus"], help) {
            0 => HyStartChoice::Off,
            _ => HyStartChoice::Plus,
        }
    }

    /// Its state.
    pub(super) fn open(self, setting: &Setting) -> HyStart {
        match self {
            HyStartChoice::Off => HyStart::Off,
            HyStartChoice::Classic => HyStart::Classic(Classic { paced: setting.paced, ..Classic::default() }),
            HyStartChoice::Plus => HyStart::Plus(Box::new(Plus { paced: setting.paced, ..Plus::default() })),
        }
    }
}

/// The state of either.
#[derive(Clone, Debug)]
pub(super) enum HyStart {
    Off,
    Classic(Classic),
    Plus(Box<Plus>),
}

impl HyStart {
    /// Whether a round trip in slow start is to be told to it.
    #[inline]
    pub fn looks(&self) -> bool {
        match self {
            HyStart::Off => false,
            HyStart::Classic(state) => !state.found,
            HyStart::Plus(state) => !state.done,
        }
    }

    /// A round trip was measured in slow start. `least` is the least one that the control knows.
    pub fn on_rtt(&mut self, window: &mut Window, ack: &Ack, rtt: Span, least: Option<Span>) {
        match self {
            HyStart::Off => {}
            HyStart::Classic(state) => state.on_rtt(window, ack, rtt, least),
            HyStart::Plus(state) => state.on_rtt(window, ack, rtt),
        }
    }

    /// How many segments of growth `acked` are worth in slow start.
    #[inline]
    pub fn growth(&mut self, acked: u32) -> u32 {
        match self {
            HyStart::Plus(state) => state.growth(acked),
            _ => acked,
        }
    }

    /// What it is after a time-out: Linux's begins anew; RFC 9406 §4.3 has HyStart++ for the first slow start alone.
    pub fn after_timeout(&mut self, setting: &Setting) -> HyStart {
        match self {
            HyStart::Classic(_) => HyStartChoice::Classic.open(setting),
            other => std::mem::replace(other, HyStart::Off),
        }
    }

    /// Congestion: slow start is over.
    pub fn on_congestion(&mut self) {
        if let HyStart::Plus(state) = self {
            state.done = true;
            state.conservative = None;
        }
    }
}

/// HyStart as Linux has it.
#[derive(Clone, Debug, Default)]
pub(super) struct Classic {
    paced: bool,
    round_start: Time,
    last_ack: Time,
    end: Option<Seq>,
    rtt: Option<Span>,
    samples: u32,
    found: bool,
}

impl Classic {
    fn on_rtt(&mut self, window: &mut Window, ack: &Ack, rtt: Span, least: Option<Span>) {
        if self.end.is_none_or(|end| ack.una > end) {
            *self = Classic {
                paced: self.paced,
                round_start: ack.now,
                last_ack: ack.now,
                end: Some(ack.nxt),
                rtt: None,
                samples: 0,
                found: self.found,
            };
        }
        let Some(least) = least.filter(|_| window.cwnd >= LOW_WINDOW) else { return };
        if ack.now.since(self.last_ack) <= ACK_DELTA {
            self.last_ack = ack.now;
            // An allowance for ACK aggregation: four buffers of 64 KiB at twice the present rate, a millisecond at the most.
            let rate = 2 * u64::from(window.cwnd) * u64::from(ack.mss) * 1_000_000;
            let srtt = ack.srtt.map_or(1, |srtt| srtt.us().max(1));
            let allowance = Span::from_us((4 * 65_536 * 1_000_000 / (rate / srtt).max(1)).min(1000));
            // Half the least round trip, unless pacing has spread the segments.
            let threshold = if self.paced { least + allowance } else { (least + allowance) / 2 };
            if ack.now.since(self.round_start) > threshold {
                self.found = true;
                window.ssthresh = window.cwnd;
                return;
            }
        }
        if self.rtt.is_none_or(|other| other > rtt) {
            self.rtt = Some(rtt);
        }
        if self.samples < SAMPLES {
            self.samples += 1;
        } else if self.rtt.is_some_and(|rtt| rtt > least + (least / DELAY_DIVISOR).clamp(DELAY_MIN, DELAY_MAX)) {
            self.found = true;
            window.ssthresh = window.cwnd;
        }
    }
}

/// HyStart++ (RFC 9406).
#[derive(Clone, Debug, Default)]
pub(super) struct Plus {
    paced: bool,
    /// The initial slow start is over.
    done: bool,
    /// The round's end: what was sent when it began (RFC 9406 §4.2: windowEnd).
    end: Option<Seq>,
    /// The least round trip of this round, and of the last.
    current: Option<Span>,
    last: Option<Span>,
    samples: u32,
    conservative: Option<Conservative>,
    /// Acknowledged segments that were too few for one of growth.
    rest: u32,
}

/// Conservative slow start.
#[derive(Clone, Copy, Debug)]
struct Conservative {
    /// The round trip that led into it; a lower one later shows that it was jitter.
    baseline: Span,
    rounds: u32,
}

impl Plus {
    fn on_rtt(&mut self, window: &mut Window, ack: &Ack, rtt: Span) {
        if self.end.is_none_or(|end| ack.una > end) {
            if let Some(state) = self.conservative.as_mut().filter(|_| self.end.is_some()) {
                state.rounds += 1;
                if state.rounds >= CONSERVATIVE_ROUNDS {
                    // RFC 9406 §4.3: "If CSS_ROUNDS rounds are complete, enter congestion avoidance".
                    window.ssthresh = window.cwnd;
                    return self.finish();
                }
            }
            self.end = Some(ack.nxt);
            self.last = self.current.take();
            self.samples = 0;
        }
        self.current = Some(self.current.map_or(rtt, |least| least.min(rtt)));
        self.samples += 1;
        let Some(current) = self.current.filter(|_| self.samples >= SAMPLES) else { return };
        match self.conservative {
            None => {
                // RFC 9406 §4.2: RttThresh = clamp(lastRoundMinRTT / 8, 4 ms, 16 ms)
                let rises = |last: Span| current >= last + (last / DELAY_DIVISOR).clamp(DELAY_MIN, DELAY_MAX);
                if self.last.is_some_and(rises) {
                    self.conservative = Some(Conservative { baseline: current, rounds: 0 });
                }
            }
            // RFC 9406 §4.2: the queue has gone; slow start again.
            Some(state) if current < state.baseline => self.conservative = None,
            Some(_) => {}
        }
    }

    fn growth(&mut self, acked: u32) -> u32 {
        if self.done {
            return acked;
        }
        let acked = if self.paced { acked } else { acked.min(GROWTH_LIMIT) };
        if self.conservative.is_none() {
            return acked;
        }
        let sum = self.rest + acked;
        self.rest = sum % GROWTH_DIVISOR;
        sum / GROWTH_DIVISOR
    }

    fn finish(&mut self) {
        self.done = true;
        self.conservative = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ack(at_ms: u64, una: u32, nxt: u32) -> Ack {
        let now = Time::ZERO + Span::from_ms(at_ms);
        Ack { now, acked: 1, una: Seq(una), nxt: Seq(nxt), rtt: None, srtt: None, mss: 1000 }
    }

    /// A round of acknowledgements with one round trip.
    fn round(plus: &mut Plus, window: &mut Window, number: u32, rtt_ms: u64) {
        for at in 0..10 {
            let ack = ack(u64::from(number) * 100, number * 100 + at, (number + 1) * 100 - 1);
            plus.on_rtt(window, &ack, Span::from_ms(rtt_ms));
            window.cwnd += plus.growth(2);
        }
    }

    fn opened(paced: bool) -> Plus {
        match HyStartChoice::Plus.open(&Setting { paced, seed: 0 }) {
            HyStart::Plus(state) => *state,
            other => panic!("{other:?}"),
        }
    }

    // tests: RFC 9406 §4.2: a rise of an eighth, 4 ms at least, leads into conservative slow start, five rounds of it into avoidance
    #[test]
    fn a_rising_delay_ends_slow_start_by_degrees() {
        let mut plus = opened(false);
        let mut window = Window { cwnd: 10, ssthresh: super::super::INFINITE, count: 0 };
        round(&mut plus, &mut window, 0, 40);
        round(&mut plus, &mut window, 1, 44);
        assert!(plus.conservative.is_none(), "4 ms are less than an eighth");
        let before = window.cwnd;
        round(&mut plus, &mut window, 2, 50);
        assert!(plus.conservative.is_some() && !plus.done);
        assert!((4..20).contains(&(window.cwnd - before)), "full growth until the eighth sample, a quarter behind it");
        let before = window.cwnd;
        for number in 3..7 {
            round(&mut plus, &mut window, number, 50);
        }
        assert_eq!(window.cwnd - before, 4 * 20 / 4);
        assert!(!plus.done);
        round(&mut plus, &mut window, 7, 50);
        assert!(plus.done);
        assert_eq!(window.ssthresh, before + 20);
    }

    // tests: RFC 9406 §4.2: a round trip below the baseline resumes slow start
    #[test]
    fn jitter_is_forgiven() {
        let mut plus = opened(false);
        let mut window = Window { cwnd: 10, ssthresh: super::super::INFINITE, count: 0 };
        round(&mut plus, &mut window, 0, 40);
        round(&mut plus, &mut window, 1, 60);
        assert!(plus.conservative.is_some());
        round(&mut plus, &mut window, 2, 41);
        assert!(plus.conservative.is_none() && !plus.done);
    }

    // tests: RFC 9406 §4.2: L = 8 for a flow that is not paced
    #[test]
    fn growth_has_a_limit_without_pacing() {
        assert_eq!((opened(false).growth(20), opened(true).growth(20)), (8, 20));
    }
}
