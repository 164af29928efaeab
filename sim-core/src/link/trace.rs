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

    /// The mean rate in bits per second.
    pub fn mean_bps(&self) -> u64 {
        let period = *self.stamps_ms.last().expect("a trace is not empty");
        self.stamps_ms.len() as u64 * u64::from(OPPORTUNITY_BYTES) * 8 * 1000 / period
    }
}

/// Where in a trace a port is.
#[derive(Clone, Debug)]
pub(crate) struct TraceCursor {
    trace: Trace,
    next: usize,
    round: u64,
    left: u32,
    last: Time,
}

impl TraceCursor {
    pub fn new(trace: Trace) -> TraceCursor {
        TraceCursor { trace, next: 0, round: 0, left: 0, last: Time::ZERO }
    }

    fn opportunity(&mut self) -> Time {
        let stamps = &self.trace.stamps_ms;
        let period = *stamps.last().expect("a trace is not empty");
        let at = Time::ZERO + Span::from_ms(self.round * period + stamps[self.next]);
        self.next += 1;
        if self.next == stamps.len() {
            self.next = 0;
            self.round += 1;
        }
        at
    }

    /// Goes on behind `time`: opportunities after it that were given away are free again.
    pub fn seek(&mut self, time: Time) {
        let period = *self.trace.stamps_ms.last().expect("a trace is not empty");
        (self.round, self.next, self.left) = (time.ms().saturating_sub(1) / period, 0, 0);
        loop {
            let before = (self.round, self.next);
            if self.opportunity() > time {
                (self.round, self.next) = before;
                return;
            }
        }
    }

    /// When a packet of `bytes` that is first in line at `ready` has left: at the opportunity that carries its last byte.
    pub fn leave(&mut self, ready: Time, mut bytes: u32) -> Time {
        // What is left of an opportunity serves only those that waited at it.
        if self.last < ready {
            self.left = 0;
        }
        loop {
            if bytes <= self.left {
                self.left -= bytes;
                return self.last;
            }
            bytes -= self.left;
            self.left = 0;
            let at = self.opportunity();
            if at >= ready {
                self.last = at;
                self.left = OPPORTUNITY_BYTES;
            }
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
}
