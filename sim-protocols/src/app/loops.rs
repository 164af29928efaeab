//! Who asks, and when: closed loops with think time, or an open loop.

use std::sync::{Arc, Mutex};

use sim_core::{Params, Rng, Size, Span, Time};

use super::Scope;
use super::dial::lock;
use super::table::{self, Columns};
use super::{Dist, Quantity, SpanDist};
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
    pub interval: Option<Arrivals>,
}

/// When the requests of an open loop come.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrivals {
    /// So long after each other, from the start of the flow on.
    Spaced(SpanDist),
    /// At these times after the start of the flow, in their order.
    Traced(Arc<[Span]>),
}

impl Arrivals {
    /// Asks for the times, however they are given.
    pub(crate) fn ask(params: &mut dyn Params, help: &'static str) -> Option<Arrivals> {
        let given = params.given("interval");
        let mean = if given { params.span("interval", None, help) } else { Span::ZERO };
        let how = ("interval_times", "how `interval` is distributed");
        let spaced = Dist::about(params, ("interval", mean, given), how);
        let spaced = (given || spaced.is_drawn()).then_some(Arrivals::Spaced(spaced));
        let help = "a file with the times at which they come, in seconds from the start of the flow: one a line, or CSV with a column `time_s`; in place of `interval`";
        let Some(file) = params.file("arrivals", help) else { return spaced };
        if spaced.is_some() {
            params.refuse("arrivals", "`interval` and `interval_times` say it already".into());
        }
        match trace(&file.text) {
            Ok(times) => Some(Arrivals::Traced(times.into())),
            Err(why) => {
                params.refuse("arrivals", format!("`{}` is no list of times: {why}", file.name));
                None
            }
        }
    }

    /// Whether all of them would come within an instant.
    pub(crate) fn stands_still(&self) -> bool {
        matches!(self, Arrivals::Spaced(interval) if interval.mean() == Span::ZERO)
    }

    /// The times, with chance from a stream.
    pub(crate) fn from(&self, start: Time, rng: Rng) -> Due {
        Due { arrivals: self.clone(), start, last: None, number: 0, rng }
    }
}

/// Times of an open loop, one after the other.
pub(crate) struct Due {
    arrivals: Arrivals,
    start: Time,
    last: Option<Time>,
    number: usize,
    rng: Rng,
}

impl Iterator for Due {
    type Item = Time;

    fn next(&mut self) -> Option<Time> {
        let next = match (&self.arrivals, self.last) {
            (Arrivals::Spaced(_), None) => self.start,
            (Arrivals::Spaced(interval), Some(last)) => last.saturating_add(interval.draw(&mut self.rng)),
            (Arrivals::Traced(times), _) => self.start.saturating_add(*times.get(self.number)?),
        };
        self.number += 1;
        self.last = Some(next);
        Some(next)
    }
}

/// The times of a file.
fn trace(text: &str) -> Result<Vec<Span>, String> {
    Ok(trace_of(text, Columns { first: Span::COLUMN, more: &[] })?.into_iter().map(|(time, _)| time).collect())
}

/// The times of a file, and the sizes that stand beside them.
pub(super) fn sized_trace(text: &str) -> Result<Vec<(Span, Option<Size>)>, String> {
    trace_of(text, Columns { first: Span::COLUMN, more: &[Size::COLUMN] })
}

fn trace_of(text: &str, columns: Columns) -> Result<Vec<(Span, Option<Size>)>, String> {
    let mut last = Span::ZERO;
    table::read(text, columns, |cells| {
        let time = table::quantity::<Span>(cells[0], Span::UNIT)?;
        if time < last {
            return Err(format!("`{}` is before the time above", cells[0]));
        }
        last = time;
        let size = cells.get(1).map(|cell| table::quantity::<Size>(cell, Size::UNIT)).transpose()?;
        Ok((time, size))
    })
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
    let interval = pace.interval.clone();
    let all = Arc::new(Loop { asker, pace, number: Mutex::new(0) });
    let Chance { think, arrivals } = chance;
    match interval {
        None => {
            let start = |think| aio::spawn(one_after_the_other(all.clone(), think));
            let askers: Vec<_> = think.into_iter().map(start).collect();
            wait_for(askers).await;
        }
        Some(interval) => whatever_becomes_of_them(&all, interval.from(aio::now(), arrivals)).await,
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
async fn whatever_becomes_of_them<A: Asker>(all: &Arc<Loop<A>>, times: Due) {
    // Those that have ended are looked for when as many have come as there were: each costs the same, however many are under way.
    let (mut under_way, mut look_at) = (Vec::new(), 64);
    for due in times {
        if due > aio::now() {
            aio::sleep_until(due).await;
        }
        let Some(number) = all.next() else { break };
        let asking = all.clone();
        under_way.push(aio::spawn(async move {
            let _noted = asking.asker.ask(number).await;
        }));
        if under_way.len() >= look_at {
            under_way.retain(|asker: &JoinHandle<()>| !asker.is_finished());
            look_at = 64.max(2 * under_way.len());
        }
        if !all.more() {
            break;
        }
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
