//! An application that is a program and has rows to tell: the tasks of the program leave them, and its host takes them after each step.

use std::sync::{Arc, Mutex};

use sim_core::Record;

use super::dial::lock;
use crate::aio::Program;
use crate::host::{App, AppEvent, Calls, FlowConfig, Outcome};

/// A row of any table.
trait Row: Send {
    fn emit(&self, calls: &mut Calls<'_, '_>);
}

impl<R: Record + Send> Row for R {
    fn emit(&self, calls: &mut Calls<'_, '_>) {
        calls.emit(self);
    }
}

/// What a program has to say to its host. Its tasks share it.
#[derive(Clone, Default)]
pub(crate) struct Said(Arc<Mutex<Pending>>);

#[derive(Default)]
struct Pending {
    rows: Vec<Box<dyn Row>>,
    outcome: Option<Outcome>,
    datagrams: Datagrams,
}

/// Datagrams of requests, which no connection counts.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Datagrams {
    /// All that were sent, and those of them that repeat one.
    pub sent: u64,
    pub again: u64,
    /// Those whose answer did not come in time.
    pub unanswered: u64,
}

impl Said {
    /// A row, at the present moment.
    pub fn row(&self, row: impl Record + Send + 'static) {
        lock(&self.0).rows.push(Box::new(row));
    }

    /// More datagrams.
    pub fn datagrams(&self, more: Datagrams) {
        let counted = &mut lock(&self.0).datagrams;
        counted.sent += more.sent;
        counted.again += more.again;
        counted.unanswered += more.unanswered;
    }

    /// How the flow has ended.
    pub fn outcome(&self, outcome: Outcome) {
        lock(&self.0).outcome = Some(outcome);
    }
}

/// Makes a program for a flow.
type Make = Box<dyn FnOnce(&FlowConfig, Said) -> Program + Send>;

/// The application.
pub(crate) struct Teller {
    make: Option<Make>,
    program: Option<Program>,
    said: Said,
}

impl Teller {
    /// One whose program is made when the flow starts.
    pub fn new(make: impl FnOnce(&FlowConfig, Said) -> Program + Send + 'static) -> Teller {
        Teller { make: Some(Box::new(make)), program: None, said: Said::default() }
    }

    fn run(&mut self, calls: &mut Calls<'_, '_>, step: impl FnOnce(&mut Program, &mut Calls<'_, '_>)) {
        let Some(program) = &mut self.program else { return };
        step(program, calls);
        let Pending { rows, outcome, datagrams } = std::mem::take(&mut *lock(&self.said.0));
        rows.iter().for_each(|row| row.emit(calls));
        if datagrams != Datagrams::default() {
            let stats = calls.stats();
            stats.sent += datagrams.sent;
            stats.again += datagrams.again;
            stats.lost += datagrams.unanswered;
        }
        if let Some(outcome) = outcome {
            calls.outcome(outcome);
        }
    }
}

impl App for Teller {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(make) = self.make.take() {
            self.program = Some(make(&calls.flow(), self.said.clone()));
            self.run(calls, |program, calls| program.start(calls));
        }
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        self.run(calls, |program, calls| program.event(calls, event));
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        self.run(calls, |program, calls| program.timer(calls, token));
    }

    fn killed(&mut self, calls: &mut Calls<'_, '_>) {
        self.run(calls, |program, calls| program.killed(calls));
    }

    /// What is under way says how far it has come as it is dropped.
    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.run(calls, |program, calls| program.finish(calls));
    }
}
