//! A rate from a trace: a file of delivery opportunities, one stamp in milliseconds a line, as the Mahimahi emulator records them. At each stamp the
//! link carries up to 1500 bytes; what is left of an opportunity serves the next packet, what no packet waits for is lost. The list repeats.

use std::sync::Arc;

use crate::time::{Span, Time};

/// Bytes that an opportunity carries.
const OPPORTUNITY_BYTES: u32 = 1500;

/// Delivery opportunities over a period.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trace {
    stamps_ms: Arc<[u64]>,
}

/// What is wrong with a trace file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TraceError {
    /// A line is not a whole number of milliseconds.
    NotANumber(usize),
    /// A stamp is earlier than the one before.
    Backwards(usize),
    /// There is no stamp above 0: the period would be nothing.
    Empty,
}

impl std::fmt::Display for TraceError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            TraceError::NotANumber(line) => write!(f, "line {line}: a whole number of milliseconds is due"),
            TraceError::Backwards(line) => write!(f, "line {line}: earlier than the line before"),
            TraceError::Empty => f.write_str("the last stamp, which is the period, must be above 0"),
        }
    }
}

impl std::error::Error for TraceError {}

impl Trace {
    /// Reads a file's text.
    ///
    /// # Errors
    /// Names the first line that is wrong.
    pub fn parse(text: &str) -> Result<Trace, TraceError> {
        let mut stamps = Vec::new();
        for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let stamp: u64 =
                line.trim().parse().ok().filter(|ms| *ms < 1 << 33).ok_or(TraceError::NotANumber(at + 1))?;
            if stamps.last().is_some_and(|last| *last > stamp) {
                return Err(TraceError::Backwards(at + 1));
            }
            stamps.push(stamp);
        }
        if stamps.last().is_none_or(|last| *last == 0) {
            return Err(TraceError::Empty);
        }
        Ok(Trace { stamps_ms: stamps.into() })
    }

    /// The stamps in milliseconds.
    pub fn stamps_ms(&self) -> &[u64] {
        &self.stamps_ms
    }

    /// The mean rate in bits per second.
    pub fn mean_bps(&self) -> u64 {
        self.stamps_ms.len() as u64 * u64::from(OPPORTUNITY_BYTES) * 8 * 1000 / self.period_ms()
    }

    fn period_ms(&self) -> u64 {
        *self.stamps_ms.last().expect("a trace is not empty")
    }
}

/// Where in a trace a port is.
#[derive(Clone, Debug)]
pub(crate) struct TraceCursor {
    trace: Trace,
    /// The next opportunity: the round, and its place in the list.
    next: (u64, usize),
    /// Bytes left of the opportunity at `last`.
    left: u32,
    last: Time,
}

impl TraceCursor {
    pub fn new(trace: Trace) -> TraceCursor {
        TraceCursor { trace, next: (0, 0), left: 0, last: Time::ZERO }
    }

    fn opportunity(&mut self) -> Time {
        let stamps = &self.trace.stamps_ms;
        let (round, place) = self.next;
        let ms = round.saturating_mul(self.trace.period_ms()).saturating_add(stamps[place]);
        let at = Time::ZERO + Span::from_ms(1).saturating_mul(ms);
        self.next = if place + 1 == stamps.len() { (round + 1, 0) } else { (round, place + 1) };
        at
    }

    /// The first opportunity at `time` or later.
    fn first_from(&self, time: Time) -> (u64, usize) {
        let ms = time.ps().div_ceil(Span::from_ms(1).ps());
        // A round reaches from above 0 to its last stamp, which is the period.
        let round = ms.saturating_sub(1) / self.trace.period_ms();
        let within = ms - round * self.trace.period_ms();
        (round, self.trace.stamps_ms.partition_point(|stamp| *stamp < within))
    }

    /// When a packet of `bytes` that is first in line at `ready` has left: at the opportunity that carries its last byte.
    pub fn leave(&mut self, ready: Time, mut bytes: u32) -> Time {
        // What is left of an opportunity serves only those that waited at it; opportunities that nobody waited for are lost.
        if self.last < ready {
            self.left = 0;
            self.next = self.next.max(self.first_from(ready));
        }
        while bytes > self.left {
            bytes -= self.left;
            self.last = self.opportunity();
            self.left = OPPORTUNITY_BYTES;
        }
        self.left -= bytes;
        self.last
    }

    /// The packets that were to leave after `time` do not leave: their opportunities are there again. What was left of the one at `time` is not.
    pub fn seek(&mut self, time: Time) {
        if self.last > time {
            self.last = time;
            self.left = 0;
            self.next = self.first_from(time + Span::from_ps(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opportunities_carry_1500_bytes_and_repeat() {
        let mut cursor = TraceCursor::new(Trace::parse("1\n1\n5\n").expect("a trace"));
        let ms = |n| Time::ZERO + Span::from_ms(n);
        assert_eq!(cursor.leave(ms(0), 1500), ms(1));
        assert_eq!(cursor.leave(ms(0), 750), ms(1));
        assert_eq!(cursor.leave(ms(0), 750), ms(1));
        assert_eq!(cursor.leave(ms(0), 1501), ms(6));
        assert_eq!(cursor.leave(ms(7), 100), ms(10));
        assert_eq!(Trace::parse("1\n1\n5\n").expect("a trace").mean_bps(), 7_200_000);
    }

    #[test]
    fn bad_files_name_their_line() {
        assert_eq!(Trace::parse("1\nx\n"), Err(TraceError::NotANumber(2)));
        assert_eq!(Trace::parse("2\n1\n"), Err(TraceError::Backwards(2)));
        assert_eq!(Trace::parse("0\n"), Err(TraceError::Empty));
    }

    /// Mahimahi's rule, written as its loop over single opportunities: each has 1500 bytes for the packets that wait at it.
    fn by_the_loop(stamps: &[u64], rounds: u64, packets: &[(u64, u32)]) -> Vec<u64> {
        let period = *stamps.last().expect("a stamp");
        let mut gone = Vec::new();
        let mut first_left = packets.first().map_or(0, |packet| packet.1);
        for at in (0..rounds).flat_map(|round| stamps.iter().map(move |stamp| (round * period + stamp) * 1_000_000_000))
        {
            let mut budget = 1500;
            while let Some((came, _)) = packets.get(gone.len()).filter(|packet| packet.0 <= at && budget > 0) {
                assert!(*came <= at);
                let sent = budget.min(first_left);
                budget -= sent;
                first_left -= sent;
                if first_left == 0 {
                    gone.push(at);
                    first_left = packets.get(gone.len()).map_or(0, |packet| packet.1);
                }
            }
        }
        gone
    }

    proptest::proptest! {
        #[test]
        fn the_cursor_does_what_the_loop_does(
            gaps in proptest::collection::vec(0_u64..4, 1..20),
            packets in proptest::collection::vec((0_u64..9_000_000_000, 1_u32..3200), 1..60),
        ) {
            let mut stamps: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            *stamps.last_mut().expect("a stamp") += 1;
            let text: String = stamps.iter().map(|stamp| format!("{stamp}\n")).collect();
            let mut cursor = TraceCursor::new(Trace::parse(&text).expect("a trace"));
            let (mut now, mut free) = (0, 0);
            let packets: Vec<(u64, u32)> = packets.into_iter().map(|(gap, bytes)| { now += gap; (now, bytes) }).collect();
            let ours: Vec<u64> = packets.iter().map(|(came, bytes)| {
                free = cursor.leave(Time::from_ps(free.max(*came)), *bytes).ps();
                free
            }).collect();
            let rounds = 4 + ours.last().expect("a packet") / (stamps.last().expect("a stamp") * 1_000_000_000);
            proptest::prop_assert_eq!(by_the_loop(&stamps, rounds, &packets), ours);
        }
    }

    #[test]
    fn a_long_silence_costs_nothing_and_a_rewind_gives_back() {
        let ms = |n| Time::ZERO + Span::from_ms(n);
        let mut cursor = TraceCursor::new(Trace::parse("1\n1\n5\n").expect("a trace"));
        assert_eq!(cursor.leave(ms(5_000_000_002), 1500), ms(5_000_000_005));
        let mut cursor = TraceCursor::new(Trace::parse("1\n3\n").expect("a trace"));
        let ends: Vec<Time> = (0..4).map(|_| cursor.leave(ms(0), 1500)).collect();
        assert_eq!(ends, [ms(1), ms(3), ms(4), ms(6)]);
        cursor.seek(ms(1));
        assert_eq!(cursor.leave(ms(2), 1500), ms(3));
    }
}
