//! Simulated time: integer picoseconds, so that a byte at 100 Gbit/s (80 ps) is exact.

use std::ops::{Add, AddAssign, Div, Mul, Sub, SubAssign};

/// Picoseconds in one second.
pub const PS_PER_SECOND: u64 = 1_000_000_000_000;

/// A moment: picoseconds since the start of the simulation. The largest one is about 213 days.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Time(u64);

/// A length of time in picoseconds, never negative.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Span(u64);

impl Time {
    /// The start of the simulation.
    pub const ZERO: Time = Time(0);
    /// Later than anything that happens; the deadline of a timer that is not armed.
    pub const NEVER: Time = Time(u64::MAX);

    /// The moment `ps` picoseconds after the start.
    pub const fn from_ps(ps: u64) -> Time {
        Time(ps)
    }

    /// Picoseconds since the start.
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds since the start (rounded down).
    pub const fn ns(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole microseconds since the start (rounded down).
    pub const fn us(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole milliseconds since the start (rounded down).
    pub const fn ms(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Seconds since the start as a float; for figures and tables only.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / PS_PER_SECOND as f64
    }

    /// The span since `earlier`, or zero where `earlier` is later.
    pub const fn since(self, earlier: Time) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`, or [`Time::NEVER`] past the end of time.
    pub const fn saturating_add(self, span: Span) -> Time {
        Time(self.0.saturating_add(span.0))
    }
}

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// The longest span.
    pub const MAX: Span = Span(u64::MAX);

    /// `ps` picoseconds.
    pub const fn from_ps(ps: u64) -> Span {
        Span(ps)
    }

    /// `ns` nanoseconds; panics past 213 days.
    pub const fn from_ns(ns: u64) -> Span {
        Span(ns * 1_000)
    }

    /// `us` microseconds; panics past 213 days.
    pub const fn from_us(us: u64) -> Span {
        Span(us * 1_000_000)
    }

    /// `ms` milliseconds; panics past 213 days.
    pub const fn from_ms(ms: u64) -> Span {
        Span(ms * 1_000_000_000)
    }

    /// `s` seconds; panics past 213 days.
    pub const fn from_secs(s: u64) -> Span {
        Span(s * PS_PER_SECOND)
    }

    /// Picoseconds.
    pub const fn ps(self) -> u64 {
        self.0
    }

    /// Whole nanoseconds (rounded down).
    pub const fn ns(self) -> u64 {
        self.0 / 1_000
    }

    /// Whole microseconds (rounded down).
    pub const fn us(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole milliseconds (rounded down).
    pub const fn ms(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Seconds as a float; for figures and tables only.
    pub fn seconds(self) -> f64 {
        self.0 as f64 / PS_PER_SECOND as f64
    }

    /// `self - other`, or zero.
    pub const fn saturating_sub(self, other: Span) -> Span {
        Span(self.0.saturating_sub(other.0))
    }

    /// `self * factor`, or [`Span::MAX`].
    pub const fn saturating_mul(self, factor: u64) -> Span {
        Span(self.0.saturating_mul(factor))
    }
}

impl Add<Span> for Time {
    type Output = Time;
    /// What lies past the end of time never happens: a slow link with a long queue may get there.
    #[inline]
    fn add(self, span: Span) -> Time {
        self.saturating_add(span)
    }
}

impl AddAssign<Span> for Time {
    fn add_assign(&mut self, span: Span) {
        *self = *self + span;
    }
}

impl Sub<Time> for Time {
    type Output = Span;
    /// The span between two moments; panics when `earlier` is later (use [`Time::since`] there).
    fn sub(self, earlier: Time) -> Span {
        Span(self.0.checked_sub(earlier.0).expect("a span is never negative"))
    }
}

impl Add for Span {
    type Output = Span;
    #[inline]
    fn add(self, other: Span) -> Span {
        Span(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Span {
    fn add_assign(&mut self, other: Span) {
        *self = *self + other;
    }
}

impl Sub for Span {
    type Output = Span;
    fn sub(self, other: Span) -> Span {
        Span(self.0.checked_sub(other.0).expect("a span is never negative"))
    }
}

impl SubAssign for Span {
    fn sub_assign(&mut self, other: Span) {
        *self = *self - other;
    }
}

impl Mul<u64> for Span {
    type Output = Span;
    fn mul(self, factor: u64) -> Span {
        Span(self.0 * factor)
    }
}

impl Div<u64> for Span {
    type Output = Span;
    fn div(self, divisor: u64) -> Span {
        Span(self.0 / divisor)
    }
}
