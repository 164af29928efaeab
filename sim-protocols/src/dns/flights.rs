//! Equal questions under way at a time are one: whoever asks later waits for the answer to the first.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

/// Locks what no other thread holds: a host is polled by one alone.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Questions under way, and what came out of each once it has.
pub(super) struct Flights<K, T>(Mutex<BTreeMap<K, Arc<Flight<T>>>>);

struct Flight<T>(Mutex<(Option<T>, Vec<Waker>)>);

/// The duty to answer a question. Dropped without, those who wait start it themselves.
pub(super) struct Duty<'f, K: Ord, T> {
    flights: &'f Flights<K, T>,
    key: Option<K>,
    flight: Arc<Flight<T>>,
}

/// Who asks: the first one, or one who has got what the first one found; nothing where that one gave up.
pub(super) enum Turn<'f, K: Ord, T> {
    First(Duty<'f, K, T>),
    Found(Option<T>),
}

impl<K: Ord + Clone, T: Clone> Flights<K, T> {
    pub fn new() -> Flights<K, T> {
        Flights(Mutex::new(BTreeMap::new()))
    }

    /// Begins a question, or waits for the one that is under way.
    pub async fn join(&self, key: &K) -> Turn<'_, K, T> {
        let flight = {
            let mut flights = lock(&self.0);
            match flights.get(key) {
                Some(flight) => flight.clone(),
                None => {
                    let flight = Arc::new(Flight(Mutex::new((None, Vec::new()))));
                    flights.insert(key.clone(), flight.clone());
                    return Turn::First(Duty { flights: self, key: Some(key.clone()), flight });
                }
            }
        };
        let found = poll_fn(|cx| {
            let given_up = !lock(&self.0).get(key).is_some_and(|there| Arc::ptr_eq(there, &flight));
            let mut state = lock(&flight.0);
            if state.0.is_some() || given_up {
                return Poll::Ready(state.0.clone());
            }
            if !state.1.iter().any(|waker| waker.will_wake(cx.waker())) {
                state.1.push(cx.waker().clone());
            }
            Poll::Pending
        });
        Turn::Found(found.await)
    }
}

impl<K: Ord, T> Duty<'_, K, T> {
    /// Gives the answer to all who wait.
    pub fn done(self, value: T) {
        lock(&self.flight.0).0 = Some(value);
    }
}

impl<K: Ord, T> Drop for Duty<'_, K, T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            lock(&self.flights.0).remove(&key);
        }
        let waiting = std::mem::take(&mut lock(&self.flight.0).1);
        waiting.into_iter().for_each(Waker::wake);
    }
}
