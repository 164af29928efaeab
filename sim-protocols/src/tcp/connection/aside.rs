//! What the two ends of a connection let each other know beside the wire ([`Aside`]), for the tables of requests: no decision looks at it.

use std::collections::{BTreeMap, VecDeque};

use sim_core::{Aside, Span, Time};

use super::Connection;
use crate::wire::Seq;

/// What is said of answers.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    /// Where answers begin, their numbers, and how long was worked on each; until it is acknowledged.
    begin: VecDeque<(Seq, u32, Span)>,
    /// What the other end has said of its answers, until somebody asks.
    heard: BTreeMap<u32, Span>,
}

impl Connection {
    /// What is written next is an answer, on which this end has worked for so long; its number is 0 where there is one at a time. Such a one has
    /// waited since data came last, at the least: also while nobody had taken the connection.
    pub fn begin_answer(&mut self, number: u32, worked: Span, now: Time) {
        let waited = if number == 0 { now.since(self.receiver.last_data().min(now)) } else { Span::ZERO };
        let place = self.data_start + self.outgoing.len();
        self.told.get_or_insert_default().begin.push_back((place, number, worked.max(waited)));
    }

    /// How long the other end has worked on an answer, once the first byte of it is here.
    pub fn take_served(&mut self, number: u32) -> Option<Span> {
        let served = self.told.as_mut()?.heard.remove(&number);
        self.forget_told();
        served
    }

    /// All of these that nobody has taken.
    pub fn all_served(&self) -> BTreeMap<u32, Span> {
        self.told.as_ref().map_or_else(BTreeMap::new, |told| told.heard.clone())
    }

    fn forget_told(&mut self) {
        if self.told.as_ref().is_some_and(|told| told.begin.is_empty() && told.heard.is_empty()) {
            self.told = None;
        }
    }

    /// What goes with a segment.
    #[cold]
    pub(super) fn aside(&mut self, seq: Seq, len: u32, again: bool) -> Option<Box<Aside>> {
        let una = self.una;
        let mut served = Vec::new();
        if let Some(told) = &mut self.told {
            told.begin.retain(|(place, ..)| *place >= una);
            let here = told.begin.iter().filter(|(place, ..)| *place >= seq && *place < seq + len);
            served.extend(here.map(|(_, number, worked)| (*number, *worked)));
            self.forget_told();
        }
        if !again && served.is_empty() {
            return None;
        }
        let resent = self.counters.retransmissions + self.counters.syns_again;
        Some(Box::new(Aside { resent, held: self.counters.held, served }))
    }

    #[cold]
    pub(super) fn hear_aside(&mut self, aside: &Aside) {
        let counters = &mut self.counters;
        // An older one may come behind a newer one.
        counters.peer_resent = counters.peer_resent.max(aside.resent);
        counters.peer_held = counters.peer_held.max(aside.held);
        if !aside.served.is_empty() {
            self.told.get_or_insert_default().heard.extend(aside.served.iter().copied());
        }
    }

    /// What was sent at `then` is sent again now.
    #[cold]
    pub(super) fn was_held(&mut self, then: Time, now: Time) {
        self.counters.held += now.since(then.max(self.held_until).min(now));
        self.held_until = now;
    }
}
