//! What a name server counts.

use std::sync::{Arc, Mutex};

use super::flights::lock;

/// Counters of a server, which its program and whoever reports them share.
#[derive(Clone, Default, Debug)]
pub struct Counts(Arc<Mutex<Counted>>);

/// What has been counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Questions that came by UDP.
    pub udp: u64,
    /// Questions that came by TCP.
    pub tcp: u64,
    /// Answers sent.
    pub answers: u64,
    /// Answers that did not fit into a datagram.
    pub truncated: u64,
    /// Answers that say that there is no such name.
    pub nxdomain: u64,
    /// Answers that say that nobody could tell.
    pub servfail: u64,
    /// Questions answered without asking anybody: from a zone, from the cache.
    pub known: u64,
    /// Questions sent to others.
    pub asked: u64,
    /// Those of them that nobody has answered in time.
    pub timeouts: u64,
}

impl Counts {
    /// What has been counted so far.
    pub fn get(&self) -> Counted {
        *lock(&self.0)
    }

    pub(super) fn add(&self, change: impl FnOnce(&mut Counted)) {
        change(&mut lock(&self.0));
    }
}
