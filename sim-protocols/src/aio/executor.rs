//! Tasks: a FIFO queue of those that are ready, run dry before the clock moves.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use sim_core::{Rng, Time};

use super::context;

pub(super) type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Polls in one moment before a program is taken to turn in a circle.
pub const POLLS_MAX: u32 = 100_000;

/// A task that has been polled so often in one moment that the clock would never move again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spinning {
    /// The program that it belongs to.
    pub program: String,
    /// The task that was polled most in that moment.
    pub task: String,
    /// The moment.
    pub at: Time,
    /// Polls of all tasks of the program in it.
    pub polls: u32,
}

impl fmt::Display for Spinning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} polls at {} ps and no end: task `{}` wakes itself without waiting for anything",
            self.program,
            self.polls,
            self.at.ps(),
            self.task
        )
    }
}

impl std::error::Error for Spinning {}

/// Slots and serial numbers of tasks that are ready, the first one first.
type Queue = Arc<Mutex<VecDeque<(usize, u64)>>>;

/// Puts its task into the queue, once until it is polled.
struct TaskWaker {
    slot: usize,
    serial: u64,
    queued: AtomicBool,
    ready: Queue,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            lock(&self.ready).push_back((self.slot, self.serial));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Entry {
    serial: u64,
    name: Arc<str>,
    /// Not there while it is polled.
    future: Option<Task>,
    waker: Arc<TaskWaker>,
    aborted: Arc<AtomicBool>,
    children: u64,
    /// Polls in a moment.
    polls: (Time, u32),
}

/// The tasks of a program.
#[derive(Default)]
pub(super) struct Tasks {
    slots: Vec<Option<Entry>>,
    free: Vec<usize>,
    serial: u64,
    ready: Queue,
    /// The task that is being polled.
    current: Option<usize>,
    moment: Time,
    polls: u32,
}

/// What is to be polled next.
struct Turn {
    slot: usize,
    serial: u64,
    future: Task,
    waker: Arc<TaskWaker>,
    aborted: bool,
}

impl Tasks {
    fn add(&mut self, name: Option<&str>, future: Task, aborted: Arc<AtomicBool>) -> Arc<TaskWaker> {
        let name: Arc<str> = match (name, self.current.and_then(|slot| self.slots[slot].as_mut())) {
            (Some(name), _) => name.into(),
            (None, Some(parent)) => {
                parent.children += 1;
                format!("{}/{}", parent.name, parent.children).into()
            }
            (None, None) => "main".into(),
        };
        self.serial += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        let ready = self.ready.clone();
        let waker = Arc::new(TaskWaker { slot, serial: self.serial, queued: AtomicBool::new(false), ready });
        let future = Some(future);
        let serial = self.serial;
        self.slots[slot] =
            Some(Entry { serial, name, future, waker: waker.clone(), aborted, children: 0, polls: (Time::ZERO, 0) });
        waker.wake_by_ref();
        waker
    }

    fn next(&mut self, now: Time) -> Option<Turn> {
        if self.moment != now {
            (self.moment, self.polls) = (now, 0);
        }
        loop {
            let (slot, serial) = lock(&self.ready).pop_front()?;
            let Some(entry) = self.slots[slot].as_mut().filter(|entry| entry.serial == serial) else { continue };
            let Some(future) = entry.future.take() else { continue };
            entry.waker.queued.store(false, Ordering::Release);
            let before = if entry.polls.0 == now { entry.polls.1 } else { 0 };
            entry.polls = (now, before + 1);
            self.polls += 1;
            self.current = Some(slot);
            let aborted = entry.aborted.load(Ordering::Acquire);
            return Some(Turn { slot, serial, future, waker: entry.waker.clone(), aborted });
        }
    }

    fn put_back(&mut self, slot: usize, future: Task) {
        self.current = None;
        if let Some(entry) = &mut self.slots[slot] {
            entry.future = Some(future);
        }
    }

    fn finish(&mut self, slot: usize) {
        self.current = None;
        self.slots[slot] = None;
        self.free.push(slot);
    }

    /// The task that turns in a circle, if one does.
    fn spinning(&self, program: &str) -> Option<Spinning> {
        if self.polls < POLLS_MAX {
            return None;
        }
        let polls = |entry: &&Entry| if entry.polls.0 == self.moment { entry.polls.1 } else { 0 };
        let most = self.slots.iter().flatten().max_by_key(|entry| (polls(entry), u64::MAX - entry.serial));
        let task = most.map_or_else(String::new, |entry| entry.name.to_string());
        Some(Spinning { program: program.to_string(), task, at: self.moment, polls: self.polls })
    }

    /// Takes all tasks, to be dropped while the program is still there.
    pub fn take_all(&mut self) -> Vec<Task> {
        lock(&self.ready).clear();
        self.slots.iter_mut().filter_map(Option::take).filter_map(|entry| entry.future).collect()
    }

    /// The name of the task that is being polled.
    pub fn current_name(&self) -> Arc<str> {
        let entry = self.current.and_then(|slot| self.slots[slot].as_ref());
        entry.map_or_else(|| "main".into(), |entry| entry.name.clone())
    }
}

/// Polls the current program's tasks until none is ready.
pub(super) fn run() -> Result<(), Spinning> {
    while let Some(mut turn) = context::with(|current| {
        let now = current.now();
        current.rest.tasks.next(now)
    }) {
        let Turn { slot, serial, .. } = turn;
        let waker = Waker::from(turn.waker);
        let done = turn.aborted || turn.future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        // What it drops closes sockets of the program, so it must not be borrowed then.
        let kept = if done {
            drop(turn.future);
            None
        } else {
            Some(turn.future)
        };
        context::with(|current| {
            debug_assert!(serial > 0);
            match kept {
                Some(future) => current.rest.tasks.put_back(slot, future),
                None => current.rest.tasks.finish(slot),
            }
            current.rest.tasks.spinning(&current.rest.scope.path).map_or(Ok(()), Err)
        })?;
    }
    Ok(())
}

/// Why a task has no result.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the task was aborted")
    }
}

impl std::error::Error for Aborted {}

struct Join<T> {
    result: Option<Result<T, Aborted>>,
    waiter: Option<Waker>,
    over: bool,
}

/// Settles what a task leaves, also where it is dropped before its end.
struct Settle<T>(Arc<Mutex<Join<T>>>);

impl<T> Settle<T> {
    fn settle(&self, result: Result<T, Aborted>) {
        let mut join = lock(&self.0);
        if !std::mem::replace(&mut join.over, true) {
            join.result = Some(result);
            if let Some(waiter) = join.waiter.take() {
                waiter.wake();
            }
        }
    }
}

impl<T> Drop for Settle<T> {
    fn drop(&mut self) {
        self.settle(Err(Aborted));
    }
}

/// A task's result, as a future. Dropped, it lets the task go on.
pub struct JoinHandle<T> {
    join: Arc<Mutex<Join<T>>>,
    aborted: Arc<AtomicBool>,
    waker: Arc<TaskWaker>,
}

impl<T> JoinHandle<T> {
    /// Ends the task where it waits; it is dropped at its next turn, in the same moment.
    pub fn abort(&self) {
        self.aborted.store(true, Ordering::Release);
        self.waker.wake_by_ref();
    }

    /// Whether it has come to its end.
    pub fn is_finished(&self) -> bool {
        lock(&self.join).over
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, Aborted>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<T, Aborted>> {
        let mut join = lock(&self.join);
        match join.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                join.waiter = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

/// Runs a task beside the others. Its name is its parent's and a number.
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    start(None, future)
}

/// Runs a task with a name of its own: its streams of chance are called after it, and so is an error about it.
pub fn spawn_named<F>(name: &str, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    start(Some(name), future)
}

fn start<F>(name: Option<&str>, future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let join = Arc::new(Mutex::new(Join { result: None, waiter: None, over: false }));
    let settle = Settle(join.clone());
    let task = Box::pin(async move {
        let result = future.await;
        settle.settle(Ok(result));
    });
    let aborted = Arc::new(AtomicBool::new(false));
    let waker = context::with(|current| current.rest.tasks.add(name, task, aborted.clone()));
    JoinHandle { join, aborted, waker }
}

/// Lets the other tasks that are ready run first.
pub async fn yield_now() {
    let mut yielded = false;
    std::future::poll_fn(move |cx| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A stream of chance of the current task, named after the host, the program, the task and what it is for. Opened twice, it begins again.
pub fn rng(purpose: &str) -> Rng {
    context::with(|current| {
        let task = current.rest.tasks.current_name();
        let scope = &current.rest.scope;
        scope.streams.open(&format!("{}/task/{task}/{purpose}", scope.path))
    })
}

/// Fills a buffer from the current program's own stream of chance: for libraries that want random bytes and say nothing of what for.
pub fn fill_random(bytes: &mut [u8]) {
    context::with(|current| current.fill_random(bytes));
}

/// Keeps a line of an `SSLKEYLOGFILE` for the captures of the run ([`Run::key_log`](super::Run::key_log)).
pub fn log_key(line: &str) {
    context::with(|current| {
        let mut keys = lock(&current.rest.keys);
        keys.push_str(line);
        keys.push('\n');
    });
}
