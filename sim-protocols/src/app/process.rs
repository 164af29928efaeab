//! A server whose process is killed, and started again: as when a process ends, its sockets are closed by the kernel (with a reset where something
//! came that it has not read), nobody listens any more, and what it knew is gone.

use std::sync::Arc;

use sim_core::Time;

use crate::host::{App, AppEvent, Calls};

/// That a server's process ends or starts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProcessEvent {
    /// When.
    pub at: Time,
    /// Whether it starts; where it runs already, or has ended already, nothing happens.
    pub up: bool,
}

/// Wake-ups with this token are events of the process; no application asks for it.
const EVENT: u32 = u32::MAX;

/// Makes the application of a life, from 0.
type Make = Box<dyn Fn(u32) -> Box<dyn App> + Send>;

/// The application, or what is left of one that has ended.
pub(crate) struct Process {
    make: Make,
    app: Box<dyn App>,
    alive: bool,
    life: u32,
    events: Arc<[ProcessEvent]>,
    /// How many of them have come.
    past: usize,
}

impl Process {
    /// An application with what befalls its process, sorted by time; itself where there are none.
    pub fn wrap(events: &[ProcessEvent], make: impl Fn(u32) -> Box<dyn App> + Send + 'static) -> Box<dyn App> {
        let app = make(0);
        if events.is_empty() {
            return app;
        }
        Box::new(Process { make: Box::new(make), app, alive: true, life: 0, events: events.into(), past: 0 })
    }

    fn befall(&mut self, calls: &mut Calls<'_, '_>) {
        let Some(event) = self.events.get(self.past).copied() else { return };
        self.past += 1;
        match (self.alive, event.up) {
            (true, false) => self.app.killed(calls),
            (false, true) => {
                self.life += 1;
                self.app = (self.make)(self.life);
                self.app.start(calls);
            }
            _ => {}
        }
        self.alive = event.up;
    }
}

impl App for Process {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        for event in &*self.events {
            calls.wake_at(event.at, EVENT);
        }
        self.app.start(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        if self.alive {
            self.app.event(calls, event);
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        match token {
            EVENT => self.befall(calls),
            _ if self.alive => self.app.timer(calls, token),
            _ => {}
        }
    }

    fn killed(&mut self, calls: &mut Calls<'_, '_>) {
        if self.alive {
            self.app.killed(calls);
            self.alive = false;
        }
    }

    /// Who has ended has something to tell, too.
    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.app.finish(calls);
    }
}
