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
    /// A hash of the events of each of so many slices of the run, each of this length. The last one goes on to the end.
    Slices(u32, Span),
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

impl EventRecord {
    /// What there is.
    pub const KINDS: [&str; 4] = ["arrive", "depart", "wake", "change"];
}

impl std::fmt::Display for EventRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let EventRecord { key, node, kind, subject, length } = self;
        write!(f, "{} ps: node {node} {kind} {subject:#x}", key.time().ps())?;
        if *length > 0 {
            write!(f, " of {length} bytes")?;
        }
        write!(f, " (event {} of source {})", key.counter(), key.maker())
    }
}

/// What a run has shown of its events to an audit.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Audited {
    /// The hashes of [`Audit::Slices`].
    pub slices: Vec<u64>,
    /// The events of [`Audit::Events`], in the order of their keys.
    pub events: Vec<EventRecord>,
}

impl From<Outcome> for Audited {
    fn from(outcome: Outcome) -> Audited {
        Audited { slices: outcome.slices, events: outcome.audited }
    }
}

/// Where the events of two runs part.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Parting {
    /// The last events that both have of the nodes where they part.
    pub before: Vec<EventRecord>,
    /// The events of the one run from there on: the first is the one that the other run has not, or has with another content. Empty where
    /// the run has no more events.
    pub left: Vec<EventRecord>,
    /// The same of the other run.
    pub right: Vec<EventRecord>,
}

/// The first difference between two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// An event.
    Event(Parting),
    /// All events are the same, but this row of this table is not.
    Row(&'static str, usize),
    /// All events and rows are the same, but this captured packet is not.
    Captured(usize),
    /// All of these are the same, but the bytes on the hops of this node are not.
    Bytes(usize),
}

/// Slices that a run is cut into at first.
const SLICES: u32 = 4096;

/// Events that are kept before and from a parting on.
const CONTEXT: usize = 3;

/// Finds where the events of two runs part, which are done again with the audits that it asks for; `None` when they do not. `stop`: when the
/// shorter of them ends.
///
/// # Errors
/// As the runs.
pub fn first_event<E>(
    stop: Time,
    mut a: impl FnMut(Audit) -> Result<Audited, E>,
    mut b: impl FnMut(Audit) -> Result<Audited, E>,
) -> Result<Option<Parting>, E> {
    // Rounded up, so that the last one ends at the stop or later.
    let mut length = Span::from_ps(stop.ps() / u64::from(SLICES) + 1);
    let slices = Audit::Slices(SLICES, length);
    let (left, right) = (a(slices)?.slices, b(slices)?.slices);
    let Some(slice) = (0..SLICES as usize).find(|at| left.get(*at) != right.get(*at)) else { return Ok(None) };
    let from = Time::ZERO + length * slice as u64;
    let mut parting = loop {
        let window = Audit::Events(from, from.saturating_add(length));
        let (left, right) = (a(window)?.events, b(window)?.events);
        let Some(at) = (0..).find(|at| left.get(*at) != right.get(*at) || *at >= left.len()) else { return Ok(None) };
        let beyond = from.saturating_add(length) > stop;
        if at >= left.len() && at >= right.len() && beyond {
            return Ok(None);
        }
        // The run that has no more events in this slice may have its next one later.
        if left.len() > at && right.len() > at || beyond {
            let from_there = |events: &[EventRecord]| events.iter().skip(at).take(CONTEXT).copied().collect();
            break Parting { before: Vec::new(), left: from_there(&left), right: from_there(&right) };
        }
        length = length.saturating_mul(8);
    };
    // What came before at the nodes where they part may be long ago.
    let firsts: Vec<EventRecord> =
        [&parting.left, &parting.right].iter().filter_map(|side| side.first().copied()).collect();
    let Some(first) = firsts.iter().map(|event| event.key).min() else { return Ok(None) };
    loop {
        let start = Time::from_ps(from.ps().saturating_sub(length.ps()));
        let events = a(Audit::Events(start, first.time().saturating_add(Span::from_ps(1))))?.events;
        let own = |event: &&EventRecord| event.key < first && firsts.iter().any(|first| first.node == event.node);
        parting.before = events.iter().filter(own).copied().collect();
        parting.before.drain(..parting.before.len().saturating_sub(CONTEXT));
        if parting.before.len() == CONTEXT || start == Time::ZERO {
            return Ok(Some(parting));
        }
        length = length.saturating_mul(8);
    }
}

/// Finds the first difference between two runs, which are done again with the audits that it asks for; `None` when there is none.
pub fn first_difference(
    stop: Time,
    mut a: impl FnMut(Audit) -> Outcome,
    mut b: impl FnMut(Audit) -> Outcome,
) -> Option<Difference> {
    let seen = |outcome: Outcome| Ok::<Audited, std::convert::Infallible>(outcome.into());
    let Ok(parting) = first_event(stop, |audit| seen(a(audit)), |audit| seen(b(audit)));
    // Looked at as before: a run that is another one when nobody looks shows itself.
    let nothing = Audit::Events(Time::ZERO, Time::ZERO);
    parting.map(Difference::Event).or_else(|| in_results(&a(nothing), &b(nothing)))
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

/// What a shard keeps.
#[derive(Default)]
pub(crate) struct Auditor {
    audit: Audit,
    pub slices: Vec<u64>,
    pub events: Vec<EventRecord>,
}

impl Auditor {
    pub fn new(audit: Audit) -> Auditor {
        let slices = if let Audit::Slices(slices, _) = audit { vec![0; slices as usize] } else { Vec::new() };
        Auditor { audit, slices, ..Auditor::default() }
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
            Audit::Slices(_, each) => {
                let at = (event.key.time().ps() / each.ps().max(1)) as usize;
                let at = at.min(self.slices.len() - 1);
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
