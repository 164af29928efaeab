//! Who asks, and when: closed loops with think time, or an open loop.

use std::sync::{Arc, Mutex};

use sim_core::{Rng, Span, Time};

use super::Scope;
use super::dial::lock;
use super::values::SpanDist;
use crate::aio::{self, JoinHandle};

/// What a failed request is followed by at the earliest: one that is refused is not repeated within the instant.
const PAUSE: Span = Span::from_ms(1);

/// How requests follow each other.
pub(crate) struct Pace {
    /// How many there are; without end where there is none.
    pub count: Option<u64>,
    /// None starts from this moment on.
    pub stop: Option<Time>,
    /// Those that are under way at a time, where one waits for another.
    pub concurrency: u64,
    /// From the end of one to the next, of each that asks.
    pub think: SpanDist,
    /// From the start of one to the next, whatever becomes of them.
    pub interval: Option<SpanDist>,
}

/// The streams of chance of a pace.
pub(crate) struct Chance {
    think: Vec<Rng>,
    arrivals: Rng,
}

impl Chance {
    pub fn new(pace: &Pace, scope: &Scope) -> Chance {
        let think = (1..=pace.concurrency).map(|asker| scope.stream(&format!("think/{asker}"))).collect();
        Chance { think, arrivals: scope.stream("arrivals") }
    }
}

/// Who asks.
pub(crate) trait Asker: Send + Sync + 'static {
    /// The request of a number, from 1, whatever becomes of it; says whether it has got an answer.
    fn ask(&self, number: u64) -> impl Future<Output = bool> + Send;
}

struct Loop<A> {
    asker: Arc<A>,
    pace: Pace,
    number: Mutex<u64>,
}

/// Asks for all, and comes back when all are over.
pub(crate) async fn run<A: Asker>(asker: Arc<A>, pace: Pace, chance: Chance) {
    let interval = pace.interval;
    let all = Arc::new(Loop { asker, pace, number: Mutex::new(0) });
    let Chance { think, arrivals } = chance;
    match interval {
        None => {
            let start = |think| aio::spawn(one_after_the_other(all.clone(), think));
            let askers: Vec<_> = think.into_iter().map(start).collect();
            wait_for(askers).await;
        }
        Some(interval) => whatever_becomes_of_them(&all, interval, arrivals).await,
    }
}

/// A closed loop: the next request starts when the last one is over, and has been thought about.
async fn one_after_the_other<A: Asker>(all: Arc<Loop<A>>, mut think: Rng) {
    while let Some(number) = all.next() {
        let failed = !all.asker.ask(number).await;
        if !all.more() {
            return;
        }
        let pause = all.pace.think.draw(&mut think);
        let pause = if failed { pause.max(PAUSE) } else { pause };
        if pause > Span::ZERO {
            aio::sleep_until(aio::now() + pause).await;
        }
    }
}

/// An open loop: requests come at their times, however many are under way.
async fn whatever_becomes_of_them<A: Asker>(all: &Arc<Loop<A>>, interval: SpanDist, mut arrivals: Rng) {
    let mut under_way = Vec::new();
    let mut due = aio::now();
    while let Some(number) = all.next() {
        let asking = all.clone();
        under_way.push(aio::spawn(async move {
            let _noted = asking.asker.ask(number).await;
        }));
        under_way.retain(|asker| !asker.is_finished());
        if !all.more() {
            break;
        }
        due += interval.draw(&mut arrivals);
        aio::sleep_until(due).await;
    }
    wait_for(under_way).await;
}

/// Until all have come to their ends; nobody aborts one.
async fn wait_for(askers: Vec<JoinHandle<()>>) {
    for asker in askers {
        let _ended = asker.await;
    }
}

impl<A: Asker> Loop<A> {
    /// Whether there is another request.
    fn more(&self) -> bool {
        let number = *lock(&self.number);
        self.pace.count.is_none_or(|count| number < count) && self.pace.stop.is_none_or(|stop| aio::now() < stop)
    }

    /// The next request's number.
    fn next(&self) -> Option<u64> {
        if !self.more() {
            return None;
        }
        let mut number = lock(&self.number);
        *number += 1;
        Some(*number)
    }
}
