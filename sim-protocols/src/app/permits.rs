//! Places that are few, handed out in the order in which they were asked for.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::app::dial::lock;

/// So many places.
#[derive(Clone)]
pub(crate) struct Permits(Arc<Mutex<Places>>);

struct Places {
    free: u64,
    /// Who waits, the first one first.
    waiting: VecDeque<(u64, Option<Waker>)>,
    /// Who has been given a place and has not taken it yet.
    given: Vec<u64>,
    asked: u64,
}

/// A place, until it is dropped.
pub(crate) struct Permit(Arc<Mutex<Places>>);

/// Somebody who asks for a place.
pub(crate) struct Asking {
    places: Arc<Mutex<Places>>,
    /// His number, while he waits.
    number: Option<u64>,
}

impl Permits {
    pub fn new(free: u64) -> Permits {
        Permits(Arc::new(Mutex::new(Places { free, waiting: VecDeque::new(), given: Vec::new(), asked: 0 })))
    }

    /// Waits for a place.
    pub fn acquire(&self) -> Asking {
        Asking { places: self.0.clone(), number: None }
    }

    /// There is one place more.
    pub fn add(&self) {
        lock(&self.0).release();
    }

    /// Waits for a place, unless so many wait already.
    pub fn acquire_within(&self, queue: u64) -> Option<Asking> {
        let places = lock(&self.0);
        (places.free > 0 || (places.waiting.len() as u64) < queue).then(|| self.acquire())
    }
}

impl Places {
    fn release(&mut self) {
        match self.waiting.pop_front() {
            Some((number, waker)) => {
                self.given.push(number);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            None => self.free += 1,
        }
    }

    fn take_given(&mut self, number: u64) -> bool {
        let at = self.given.iter().position(|other| *other == number);
        at.map(|at| self.given.remove(at)).is_some()
    }
}

impl Future for Asking {
    type Output = Permit;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Permit> {
        let shared = self.places.clone();
        let mut places = lock(&shared);
        match self.number {
            None if places.free > 0 => {
                places.free -= 1;
                return Poll::Ready(Permit(shared.clone()));
            }
            None => {
                places.asked += 1;
                self.number = Some(places.asked);
                let entry = (places.asked, Some(cx.waker().clone()));
                places.waiting.push_back(entry);
            }
            Some(number) if places.take_given(number) => {
                self.number = None;
                return Poll::Ready(Permit(shared.clone()));
            }
            Some(number) => {
                if let Some(entry) = places.waiting.iter_mut().find(|(other, _)| *other == number) {
                    entry.1 = Some(cx.waker().clone());
                }
            }
        }
        Poll::Pending
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let mut places = lock(&self.places);
        places.waiting.retain(|(other, _)| *other != number);
        if places.take_given(number) {
            places.release();
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        lock(&self.0).release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn poll(asking: &mut Asking) -> Option<Permit> {
        match Pin::new(asking).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(permit) => Some(permit),
            Poll::Pending => None,
        }
    }

    #[test]
    fn places_go_to_who_asked_first_and_nobody_overtakes() {
        let permits = Permits::new(1);
        let held = poll(&mut permits.acquire()).expect("a free place");
        let (mut first, mut second) = (permits.acquire(), permits.acquire());
        assert!(poll(&mut first).is_none() && poll(&mut second).is_none());
        assert!(permits.acquire_within(2).is_none() && permits.acquire_within(3).is_some());
        drop(held);
        assert!(poll(&mut permits.acquire()).is_none(), "the first one has been given it");
        assert!(poll(&mut second).is_none());
        // Who goes away hands on what he was given.
        drop(first);
        assert!(poll(&mut second).is_some());
        assert!(poll(&mut permits.acquire()).is_some());
    }
}
