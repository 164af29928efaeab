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

/// The application, or the place of one that has ended.
pub(crate) struct Process {
    make: Make,
    app: Option<Box<dyn App>>,
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
        Box::new(Process { make: Box::new(make), app: Some(app), life: 0, events: events.into(), past: 0 })
    }

    fn befall(&mut self, calls: &mut Calls<'_, '_>) {
        let Some(event) = self.events.get(self.past).copied() else { return };
        self.past += 1;
        match (&mut self.app, event.up) {
            (Some(app), false) => {
                app.killed(calls);
                self.app = None;
            }
            (None, true) => {
                self.life += 1;
                let app = self.app.insert((self.make)(self.life));
                app.start(calls);
            }
            _ => {}
        }
    }
}

impl App for Process {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        for event in &*self.events {
            calls.wake_at(event.at, EVENT);
        }
        if let Some(app) = &mut self.app {
            app.start(calls);
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        if let Some(app) = &mut self.app {
            app.event(calls, event);
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        match &mut self.app {
            _ if token == EVENT => self.befall(calls),
            Some(app) => app.timer(calls, token),
            None => {}
        }
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(app) = &mut self.app {
            app.finish(calls);
        }
    }
}
