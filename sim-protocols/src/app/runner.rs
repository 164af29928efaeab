//! An end of a flow that is a program and has rows to say.

use std::sync::{Arc, Mutex};

use sim_core::Record;

use super::dial::lock;
use crate::aio::Program;
use crate::host::{App, AppEvent, Calls, FlowConfig, Outcome};

/// What a program has to say to its host.
pub(crate) struct Said<R> {
    pub rows: Vec<R>,
    pub outcome: Option<Outcome>,
}

/// Where it says it.
pub(crate) type Saying<R> = Arc<Mutex<Said<R>>>;

/// Makes the program when the flow starts.
type Make<R> = Box<dyn FnOnce(Arc<FlowConfig>, Saying<R>) -> Program + Send>;

/// The end.
pub(crate) struct Runner<R> {
    make: Option<Make<R>>,
    program: Option<Program>,
    said: Saying<R>,
}

impl<R: Record> Runner<R> {
    pub fn new(make: impl FnOnce(Arc<FlowConfig>, Saying<R>) -> Program + Send + 'static) -> Runner<R> {
        let said = Arc::new(Mutex::new(Said { rows: Vec::new(), outcome: None }));
        Runner { make: Some(Box::new(make)), program: None, said }
    }

    fn then(&mut self, calls: &mut Calls<'_, '_>, what: impl FnOnce(&mut Program, &mut Calls<'_, '_>)) {
        let Some(program) = &mut self.program else { return };
        what(program, calls);
        let (rows, outcome) = {
            let mut said = lock(&self.said);
            (std::mem::take(&mut said.rows), said.outcome.take())
        };
        rows.iter().for_each(|row| calls.emit(row));
        if let Some(outcome) = outcome {
            calls.outcome(outcome);
        }
    }
}

impl<R: Record + Send + 'static> App for Runner<R> {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some(make) = self.make.take() {
            self.program = Some(make(calls.flow(), self.said.clone()));
        }
        self.then(calls, |program, calls| program.start(calls));
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        self.then(calls, |program, calls| program.event(calls, event));
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        self.then(calls, |program, calls| program.timer(calls, token));
    }

    /// Rows of what is under way are written as it is dropped.
    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        self.then(calls, |program, calls| program.finish(calls));
    }
}
