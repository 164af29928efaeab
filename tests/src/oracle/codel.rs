//! CoDel: the pseudo-code of RFC 8289 §5 is replayed over the packets of a queue, in the order in which they left it. Where the table leaves
//! something open (what came at the very moment of a departure, a mark on a packet that had one), all that may be is followed; what nothing
//! explains is a fault.

use super::facts::{CoDel, PortFacts};
use super::{Audit, Ecn, Hop};

/// What the discipline knows. All that starts with nothing is 0, as in the RFC.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct State {
    first_above: Option<u64>,
    dropping: bool,
    drop_next: u64,
    count: u64,
    last_count: u64,
    stage: Stage,
}

/// Where in `dequeue` the next packet is asked for.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
enum Stage {
    /// At its begin.
    #[default]
    Begin,
    /// Behind a drop of the loop.
    Loop,
    /// Behind the drop with which dropping begins.
    Entered,
}

/// What becomes of a packet that leaves the queue.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Verdict {
    Pass,
    Mark,
    Drop,
}

/// What is open about how many states at once before the replay gives up.
const STATES_MAX: usize = 256;
/// How near a moment must be to the time of the next drop so that rounding may decide, in picoseconds.
const NEAR: u64 = 1_000;

/// A packet that leaves the queue.
struct Departure<'a> {
    hop: &'a Hop,
    now: u64,
    /// Bytes behind it: those that certainly had come, and those that may have.
    behind: [u64; 2],
}

/// Replays a queue; `hops` are all packets that were handed to it.
pub(super) fn replayed(facts: &PortFacts, codel: &CoDel, hops: &[&Hop], audit: &mut Audit) {
    let mut states = vec![State::default()];
    for departure in departures(hops) {
        let hop = departure.hop;
        audit.codel += 1;
        let can_mark = facts.marks && hop.ecn.is_none_or(|ecn| ecn != Ecn::NotEct);
        let can_drop = !facts.marks || hop.ecn.is_none_or(|ecn| ecn == Ecn::NotEct);
        let seen = |verdict: Verdict| match (hop.fate == "early", hop.marked) {
            (true, _) => verdict == Verdict::Drop && can_drop,
            (false, Some(marked)) => verdict == if marked { Verdict::Mark } else { Verdict::Pass },
            (false, None) => verdict == Verdict::Pass || verdict == Verdict::Mark && facts.marks,
        };
        let mut next: Vec<State> = Vec::new();
        for state in &states {
            for behind in departure.behind {
                let above = departure.now - hop.enqueued >= codel.target && behind > codel.frame_max;
                for (state, verdict) in decide(codel, *state, departure.now, above, can_mark) {
                    if seen(verdict) && !next.contains(&state) {
                        next.push(state);
                    }
                }
            }
        }
        if next.is_empty() {
            let was = if hop.fate == "early" {
                "dropped"
            } else if hop.marked == Some(true) {
                "marked"
            } else {
                "let go"
            };
            audit.fault(format!(
                "{}: packet {} was {was} by CoDel at {} ps after {} ps in the queue, with {:?} B behind it: not as RFC 8289 has it",
                facts.name,
                hop.packet,
                departure.now,
                departure.now - hop.enqueued,
                departure.behind
            ));
            return;
        }
        if next.len() > STATES_MAX {
            return;
        }
        states = next;
    }
}

/// The packets that were let in, in the order in which they left; up to where the table does not tell the order.
fn departures<'a>(hops: &[&'a Hop]) -> Vec<Departure<'a>> {
    let was_let_in = |hop: &&&Hop| match hop.fate.as_str() {
        "queue_full" | "forced_loss" => false,
        "link_down" => hop.time > hop.enqueued,
        _ => true,
    };
    let mut inside: Vec<&Hop> = hops.iter().filter(was_let_in).copied().collect();
    // The queue keeps order: by the moment of leaving (a drop stands before the packet that is sent then), or of coming.
    let left = |hop: &Hop| match (hop.started, hop.fate.as_str()) {
        (Some(started), _) => started,
        (None, "under_way") => u64::MAX,
        (None, _) => hop.time,
    };
    inside.sort_by_key(|hop| (left(hop), hop.enqueued, hop.started.is_some(), hop.row));
    let mut sums = vec![0];
    for hop in &inside {
        sums.push(sums[sums.len() - 1] + hop.bytes);
    }
    let mut out: Vec<Departure<'_>> = Vec::new();
    for (at, hop) in inside.iter().enumerate() {
        let now = left(hop);
        if now == u64::MAX || hop.fate == "link_down" {
            continue;
        }
        // Two of one moment that came together, one of which took no time to send: which was first?
        let same = |other: &Departure<'_>| other.now == now && other.hop.enqueued == hop.enqueued;
        if out.last().is_some_and(|other| same(other) && other.hop.started.is_some()) {
            break;
        }
        let behind = |end: usize| sums[end.max(at + 1)] - sums[at + 1];
        let before = inside.partition_point(|other| other.enqueued < now);
        let with = inside.partition_point(|other| other.enqueued <= now);
        out.push(Departure { hop, now, behind: [behind(before), behind(with)] });
    }
    out
}

/// One packet of `dequeue`: what may become of it, and what is known then.
fn decide(codel: &CoDel, mut state: State, now: u64, above: bool, can_mark: bool) -> Vec<(State, Verdict)> {
    // RFC 8289 §5.6, dodequeue.
    let mut ok_to_drop = false;
    if !above {
        state.first_above = None;
    } else if let Some(first_above) = state.first_above {
        ok_to_drop = now >= first_above;
    } else {
        state.first_above = Some(now + codel.interval);
    }
    match std::mem::take(&mut state.stage) {
        // What follows the first drop is sent.
        Stage::Entered => return vec![(state, Verdict::Pass)],
        Stage::Loop if ok_to_drop => state.drop_next = law(codel, state.drop_next, state.count),
        Stage::Loop | Stage::Begin => {}
    }
    if state.dropping {
        if !ok_to_drop {
            state.dropping = false;
            return vec![(state, Verdict::Pass)];
        }
        let mut found = Vec::new();
        if now + NEAR >= state.drop_next {
            let mut state = State { count: state.count + 1, ..state };
            if can_mark {
                // Linux marks instead, and sends what it has marked.
                state.drop_next = law(codel, state.drop_next, state.count);
                found.push((state, Verdict::Mark));
            } else {
                found.push((State { stage: Stage::Loop, ..state }, Verdict::Drop));
            }
        }
        if now < state.drop_next + NEAR {
            found.push((state, Verdict::Pass));
        }
        return found;
    }
    if !ok_to_drop {
        return vec![(state, Verdict::Pass)];
    }
    // RFC 8289 §5.5: near the rate of the last time, if that is not long ago.
    let delta = state.count.saturating_sub(state.last_count);
    let recent = now.saturating_sub(state.drop_next) < 16 * codel.interval;
    state.dropping = true;
    state.count = if delta > 1 && recent { delta } else { 1 };
    state.last_count = state.count;
    state.drop_next = law(codel, now, state.count);
    match can_mark {
        true => vec![(state, Verdict::Mark)],
        false => vec![(State { stage: Stage::Entered, ..state }, Verdict::Drop)],
    }
}

/// RFC 8289 §5.4: interval / sqrt(count) later.
fn law(codel: &CoDel, from: u64, count: u64) -> u64 {
    from + (codel.interval as f64 / (count as f64).sqrt()) as u64
}
