//! The current program: the only context that is not an argument, for the traits of asynchronous libraries have none. It is set before a program's
//! tasks are polled and taken away behind them; everything below this module keeps to `&mut Cx`.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::task::Waker;

use sim_core::{Rng, Streams, Time};

use super::executor::Tasks;
use super::time::Timers;
use crate::host::{Loan, SocketId, Sockets};

thread_local! {
    static CURRENT: RefCell<Option<Box<Current>>> = const { RefCell::new(None) };
}

/// What a program is named after, and whom it knows by name.
#[derive(Clone, Debug)]
pub(super) struct Scope {
    /// Where the names of its streams of chance begin, such as `host/client/program/main`.
    pub path: String,
    pub streams: Streams,
    pub names: Arc<BTreeMap<String, Ipv4Addr>>,
}

/// Who waits for a socket.
#[derive(Default)]
struct Waiters {
    read: Vec<Waker>,
    write: Vec<Waker>,
}

/// Which side of a socket somebody waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Read,
    Write,
}

/// A program between two polls: its tasks, its timers, who waits for what.
pub(super) struct Rest {
    pub tasks: Tasks,
    pub timers: Timers,
    pub scope: Scope,
    waiters: BTreeMap<SocketId, Waiters>,
    /// For libraries that ask for bytes and say nothing of themselves.
    random: Option<Rng>,
    /// Secrets that are to be embedded in captures, as lines.
    pub keys: Arc<Mutex<String>>,
    /// What connections of TLS need of their program.
    pub tls: super::tls::State,
    /// It is over: what is dropped now closes nothing any more.
    pub over: bool,
}

impl Rest {
    pub fn new(scope: Scope) -> Rest {
        Rest {
            tasks: Tasks::default(),
            timers: Timers::default(),
            scope,
            waiters: BTreeMap::new(),
            random: None,
            keys: Arc::default(),
            tls: Default::default(),
            over: false,
        }
    }
}

/// A program that is being polled.
pub(super) struct Current {
    loan: Loan,
    pub rest: Rest,
}

/// Makes a program the current one.
pub(super) fn enter(rest: Rest, loan: Loan) {
    CURRENT.with(|current| {
        let before = current.borrow_mut().replace(Box::new(Current { loan, rest }));
        // A panic of another simulation on this thread may have left its own.
        drop(before);
    });
}

/// Takes it away again.
pub(super) fn leave() -> (Rest, Loan) {
    let current = CURRENT.with(|current| current.borrow_mut().take()).expect("it was entered");
    let Current { loan, rest } = *current;
    (rest, loan)
}

/// Runs something with the current program. Nothing that is called may poll or drop a future.
pub(super) fn with<T>(run: impl FnOnce(&mut Current) -> T) -> T {
    try_with(run).expect("this is called by tasks of a simulated host alone")
}

/// The same for destructors, which may run when there is none.
pub(super) fn try_with<T>(run: impl FnOnce(&mut Current) -> T) -> Option<T> {
    CURRENT.try_with(|current| Some(run(current.try_borrow_mut().ok()?.as_mut()?))).ok().flatten()
}

impl Current {
    pub fn now(&self) -> Time {
        self.loan.now()
    }

    pub fn sockets(&mut self) -> Sockets<'_> {
        self.loan.sockets()
    }

    /// Somebody waits for a socket.
    pub fn wait(&mut self, id: SocketId, side: Side, waker: &Waker) {
        let waiters = self.rest.waiters.entry(id).or_default();
        let list = if side == Side::Read { &mut waiters.read } else { &mut waiters.write };
        if !list.iter().any(|other| other.will_wake(waker)) {
            list.push(waker.clone());
        }
    }

    /// There is something new at a socket. Whoever waits looks for himself, so a waiter too many costs a poll and no more.
    pub fn ready(&mut self, id: SocketId) {
        self.sockets().readiness(id);
        if let Some(waiters) = self.rest.waiters.remove(&id) {
            waiters.read.into_iter().chain(waiters.write).for_each(Waker::wake);
        }
    }

    /// A socket is closed.
    pub fn close(&mut self, id: SocketId) {
        self.rest.waiters.remove(&id);
        if !self.rest.over {
            self.sockets().close(id);
        }
    }

    /// Bytes of the program's own stream of chance.
    pub fn fill_random(&mut self, bytes: &mut [u8]) {
        let Scope { path, streams, .. } = &self.rest.scope;
        let random = self.rest.random.get_or_insert_with(|| streams.open(&format!("{path}/random")));
        for chunk in bytes.chunks_mut(8) {
            chunk.copy_from_slice(&random.next_u64().to_le_bytes()[..chunk.len()]);
        }
    }
}
