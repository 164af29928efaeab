//! Waiting in simulated time, and the present moment as libraries want it.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use sim_core::{Span, Time};

use super::context;

/// Timers of a program: by their moment, and among those of one moment in the order in which they were made.
#[derive(Default)]
pub(super) struct Timers {
    waiting: BTreeMap<(Time, u64), Waker>,
    made: u64,
}

impl Timers {
    /// The first moment at which one is due.
    pub fn next(&self) -> Option<Time> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Wakes who is due.
    pub fn fire(&mut self, now: Time) {
        while let Some(entry) = self.waiting.first_entry().filter(|entry| entry.key().0 <= now) {
            entry.remove().wake();
        }
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.waiting.clear();
    }
}

/// The present moment of the simulation.
pub fn now() -> Time {
    context::with(|current| current.now())
}

/// The simulation's start as an [`Instant`], of which there is one in a process: distances alone mean anything, and they are virtual.
#[expect(
    clippy::disallowed_methods,
    reason = "an origin for virtual instants, which libraries want; it reaches no result"
)]
fn origin() -> Instant {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    *ORIGIN.get_or_init(Instant::now)
}

/// The present moment for libraries that count in [`Instant`]s.
pub fn instant() -> Instant {
    instant_of(now())
}

/// A moment of the simulation as an [`Instant`].
pub fn instant_of(time: Time) -> Instant {
    origin() + Duration::from_nanos(time.ns())
}

/// The moment that an [`Instant`] stands for.
pub fn time_of(instant: Instant) -> Time {
    Time::ZERO + span(instant.saturating_duration_since(origin()))
}

/// A duration in simulated time.
pub fn span(duration: Duration) -> Span {
    u64::try_from(duration.as_nanos()).map_or(Span::MAX, |ns| Span::from_ns(1).saturating_mul(ns))
}

/// A moment to wait for.
#[derive(Debug)]
#[must_use = "a future does nothing unless it is awaited"]
pub struct Sleep {
    deadline: Time,
    /// Its place among the timers.
    place: Option<(Time, u64)>,
}

impl Sleep {
    /// When it is over.
    pub fn deadline(&self) -> Time {
        self.deadline
    }

    /// Waits for another moment.
    pub fn reset(&mut self, deadline: Time) {
        self.cancel();
        self.deadline = deadline;
    }

    fn cancel(&mut self) {
        if let Some(place) = self.place.take() {
            context::try_with(|current| current.rest.timers.waiting.remove(&place));
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        context::with(|current| {
            if current.now() >= self.deadline {
                if let Some(place) = self.place.take() {
                    current.rest.timers.waiting.remove(&place);
                }
                return Poll::Ready(());
            }
            let timers = &mut current.rest.timers;
            let deadline = self.deadline;
            let place = *self.place.get_or_insert_with(|| {
                timers.made += 1;
                (deadline, timers.made)
            });
            timers.waiting.insert(place, cx.waker().clone());
            Poll::Pending
        })
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// Waits for so long.
pub fn sleep(duration: Duration) -> Sleep {
    sleep_until(now().saturating_add(span(duration)))
}

/// Waits for a moment.
pub fn sleep_until(deadline: Time) -> Sleep {
    Sleep { deadline, place: None }
}

/// A future was not ready in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed;

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time is over")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(elapsed: Elapsed) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed)
    }
}

/// Waits for a future, but not longer than so long.
///
/// # Errors
/// The time is over; the future has been dropped.
pub async fn timeout<F: Future>(duration: Duration, future: F) -> Result<F::Output, Elapsed> {
    let (mut future, mut limit) = (pin!(future), sleep(duration));
    std::future::poll_fn(|cx| {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(&mut limit).poll(cx).map(|()| Err(Elapsed))
    })
    .await
}

/// A beat.
#[derive(Debug)]
pub struct Interval {
    next: Time,
    period: Span,
}

impl Interval {
    /// Waits for the next beat, and says when it was due. None is left out: who is late catches up.
    pub async fn tick(&mut self) -> Time {
        let due = self.next;
        sleep_until(due).await;
        self.next = due.saturating_add(self.period);
        due
    }
}

/// A beat each `period`, the first one now.
///
/// # Panics
/// When the period is zero: the clock would never move.
pub fn interval(period: Duration) -> Interval {
    assert!(!period.is_zero(), "a beat takes time");
    Interval { next: now(), period: span(period) }
}
