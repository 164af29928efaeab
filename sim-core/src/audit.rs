//! Where two runs begin to differ. Fingerprints tell that they do; a second look at both by slices of time tells when, and a third, at the
//! first slice that differs, names the event.

use crate::cx::NodeState;
use crate::event::{Event, EventKey, What};
use crate::outcome::Outcome;
use crate::rng::mix;
use crate::time::{Span, Time};

/// What a run keeps of its events, so that it can be compared with another.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Audit {
    /// Nothing beyond the fingerprints.
    #[default]
    Off,
    /// A hash of the events of each of so many equal slices of the run.
    Slices(u32),
    /// Every event from the first moment on and before the second.
    Events(Time, Time),
}

/// An event that a node has seen.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EventRecord {
    /// Its time, the node that made it and that node's counter.
    pub key: EventKey,
    /// The node that saw it.
    pub node: u32,
    /// `arrive`, `depart`, `wake` or `change`.
    pub kind: &'static str,
    /// The packet that arrived, the port that may send, the token of the wake-up.
    pub subject: u64,
    /// The length of the packet.
    pub length: u32,
}

impl std::fmt::Display for EventRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EventRecord { key, node, kind, subject, length } = self;
        let (source, counter) = (key.source() >> 40, key.source() & ((1 << 40) - 1));
        write!(f, "{} ps: node {node} {kind} {subject:#x}", key.time().ps())?;
        if *length > 0 {
            write!(f, " of {length} bytes")?;
        }
        write!(f, " (event {counter} of source {source})")
    }
}

/// The first difference between two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// The first event that only one run has, or that has another content; `None` where the run has no more events.
    Event(Option<EventRecord>, Option<EventRecord>),
    /// All events are the same, but this row of this table is not.
    Row(&'static str, usize),
    /// All events and rows are the same, but this captured packet is not.
    Captured(usize),
    /// All of these are the same, but the bytes on the hops of this node are not.
    Bytes(usize),
}

/// Finds the first difference between two runs, which are done again with the audits that it asks for; `None` when there is none.
pub fn first_difference(
    stop: Time,
    mut a: impl FnMut(Audit) -> Outcome,
    mut b: impl FnMut(Audit) -> Outcome,
) -> Option<Difference> {
    const SLICES: u32 = 4096;
    let (left, right) = (a(Audit::Slices(SLICES)), b(Audit::Slices(SLICES)));
    let Some(slice) = (0..SLICES as usize).find(|at| left.slices[*at] != right.slices[*at]) else {
        return in_results(&left, &right);
    };
    drop((left, right));
    let mut length = slice_length(stop, SLICES);
    let from = Time::ZERO + length * slice as u64;
    loop {
        let window = Audit::Events(from, from.saturating_add(length));
        let (left, right) = (a(window), b(window));
        let at = (0..).find(|at| left.audited.get(*at) != right.audited.get(*at) || *at >= left.audited.len())?;
        let (one, other) = (left.audited.get(at).copied(), right.audited.get(at).copied());
        // The run that has no more events in this slice may have its next one later.
        if one.is_some() && other.is_some() || from.saturating_add(length) > stop {
            return Some(Difference::Event(one, other));
        }
        length = length.saturating_mul(8);
    }
}

fn in_results(left: &Outcome, right: &Outcome) -> Option<Difference> {
    for (a, b) in left.rows.iter().zip(&right.rows) {
        let least = a.len().min(b.len());
        if let Some(at) = (0..least).find(|at| a.row(*at) != b.row(*at)) {
            return Some(Difference::Row(a.table.name, at));
        }
        if a.len() != b.len() {
            return Some(Difference::Row(a.table.name, least));
        }
    }
    let least = left.captured.len().min(right.captured.len());
    let captured = (0..least).find(|at| left.captured[*at] != right.captured[*at]);
    if let Some(at) = captured.or((left.captured.len() != right.captured.len()).then_some(least)) {
        return Some(Difference::Captured(at));
    }
    left.nodes.iter().zip(&right.nodes).position(|(a, b)| a.bytes != b.bytes).map(Difference::Bytes)
}

/// The length of a slice, rounded up.
fn slice_length(stop: Time, slices: u32) -> Span {
    Span::from_ps(stop.ps() / u64::from(slices) + 1)
}

/// What a shard keeps.
#[derive(Default)]
pub(crate) struct Auditor {
    audit: Audit,
    slice: u64,
    pub slices: Vec<u64>,
    pub events: Vec<EventRecord>,
}

impl Auditor {
    pub fn new(audit: Audit) -> Auditor {
        Auditor { audit, ..Auditor::default() }
    }

    pub fn stop_at(&mut self, stop: Time) {
        if let Audit::Slices(slices) = self.audit {
            self.slice = slice_length(stop, slices).ps();
            self.slices = vec![0; slices as usize];
        }
    }

    #[cold]
    pub fn saw(&mut self, event: &Event, state: &NodeState, packet: u64, length: u32) {
        let (kind, subject) = match event.what {
            What::Arrive | What::ArriveCut | What::ArriveLoose | What::ArriveLooseCut => ("arrive", packet),
            What::Depart => ("depart", u64::from(event.at - state.first_port)),
            What::Wake => ("wake", event.argument),
            What::Change => ("change", 0),
        };
        let record = EventRecord { key: event.key, node: state.id, kind, subject, length };
        match self.audit {
            Audit::Off => {}
            Audit::Slices(_) => {
                let at = (event.key.time().ps() / self.slice) as usize;
                let words =
                    [event.key.time().ps(), event.key.source(), u64::from(state.id), subject, u64::from(length)];
                let hash = words.iter().fold(kind.len() as u64, |hash, word| mix(hash.rotate_left(7) ^ word));
                self.slices[at] = self.slices[at].wrapping_add(hash);
            }
            Audit::Events(from, to) => {
                if (from..to).contains(&event.key.time()) {
                    self.events.push(record);
                }
            }
        }
    }
}
