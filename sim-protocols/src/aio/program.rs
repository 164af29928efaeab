//! A program: an application of its host that is made of tasks.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};

use sim_core::{Streams, Time};

use super::context::{self, Rest, Scope};
use super::executor::{self, Spinning, Task};
use crate::host::{App, AppEvent, Calls, Outcome, SocketId, Spare};

/// A program, for [`Host::add_program`](crate::Host::add_program) or for one end of a flow.
pub struct Program {
    main: Option<Task>,
    /// Between two calls.
    rest: Option<Rest>,
    spare: Option<Spare>,
    /// The wake-up that is under way.
    armed: Time,
    failure: Arc<Mutex<Option<Spinning>>>,
    keys: Arc<Mutex<String>>,
}

/// Why tasks are polled now.
enum Cause {
    Start(Task),
    Ready(SocketId),
    Timer,
}

impl Program {
    /// A program that begins with `main`. `path` names its streams of chance, such as `host/client/program/main`; `names` are the hosts that it
    /// knows by name.
    pub fn new(
        path: impl Into<String>,
        streams: &Streams,
        names: &Arc<BTreeMap<String, Ipv4Addr>>,
        main: impl Future<Output = ()> + Send + 'static,
    ) -> Program {
        let scope = Scope { path: path.into(), streams: *streams, names: names.clone() };
        let rest = Rest::new(scope);
        let keys = rest.keys.clone();
        Program {
            main: Some(Box::pin(main)),
            rest: Some(rest),
            spare: Some(Spare::default()),
            armed: Time::NEVER,
            failure: Arc::default(),
            keys,
        }
    }

    /// Where an error stands that has ended it, once it has.
    pub fn failure(&self) -> Arc<Mutex<Option<Spinning>>> {
        self.failure.clone()
    }

    /// Where the secrets stand that its connections have logged ([`log_key`](super::log_key)).
    pub fn keys(&self) -> Arc<Mutex<String>> {
        self.keys.clone()
    }

    fn end(&mut self, calls: &mut Calls<'_, '_>, over: bool) {
        // Who was killed has ended before.
        let (Some(mut rest), Some(spare)) = (self.rest.take(), self.spare.take()) else { return };
        calls.secrets(&self.keys.lock().unwrap_or_else(PoisonError::into_inner));
        rest.over = over;
        context::enter(rest, calls.lend(spare));
        drop_tasks();
        let (mut rest, loan) = context::leave();
        rest.timers.clear();
        calls.take_back(loan);
    }

    fn run(&mut self, calls: &mut Calls<'_, '_>, cause: Cause) {
        let (Some(rest), Some(spare)) = (self.rest.take(), self.spare.take()) else { return };
        let now = calls.now();
        context::enter(rest, calls.lend(spare));
        match cause {
            Cause::Start(main) => drop(executor::spawn_named("main", main)),
            Cause::Ready(id) => context::with(|current| current.ready(id)),
            Cause::Timer => context::with(|current| current.rest.timers.fire(now)),
        }
        let ended = executor::run();
        if ended.is_err() {
            drop_tasks();
        }
        let (rest, loan) = context::leave();
        self.spare = Some(calls.take_back(loan));
        match ended {
            Ok(()) => {
                if let Some(at) = rest.timers.next().filter(|at| *at < self.armed) {
                    self.armed = at;
                    calls.wake_at(at, 0);
                }
                self.rest = Some(rest);
            }
            Err(spinning) => {
                calls.outcome(Outcome::Aborted);
                calls.fail(spinning.to_string());
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(spinning);
            }
        }
    }
}

/// Drops the current program's tasks, and what they spawn as they go.
fn drop_tasks() {
    loop {
        let tasks = context::with(|current| current.rest.tasks.take_all());
        if tasks.is_empty() {
            return;
        }
        drop(tasks);
    }
}

impl App for Program {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(main) = self.main.take() {
            self.run(calls, Cause::Start(main));
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        if let AppEvent::Ready(id) = event {
            self.run(calls, Cause::Ready(id));
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, _token: u32) {
        if calls.now() >= self.armed {
            self.armed = Time::NEVER;
        }
        self.run(calls, Cause::Timer);
    }

    /// What runs is dropped, and closes its sockets.
    fn killed(&mut self, calls: &mut Calls<'_, '_>) {
        self.end(calls, false);
    }

    /// What still runs is dropped, and sends nothing any more.
    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.end(calls, true);
    }
}
