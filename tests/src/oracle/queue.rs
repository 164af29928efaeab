//! A queue holds no more than its limit, and every drop has its reason.

use std::collections::BTreeMap;

use super::facts::{Limits, at};
use super::{Audit, Hop, PortFacts};

/// When a packet that was let in leaves the queue: it starts, is dropped at its departure or as the link goes down, or sees the end of the run.
fn leaves(hop: &Hop) -> Option<u64> {
    match (hop.fate.as_str(), hop.started) {
        (_, Some(started)) => Some(started),
        ("under_way", None) => Some(u64::MAX),
        ("link_down", None) => Some(hop.time),
        // One that was dropped as it came has never waited.
        ("early", None) => Some(hop.time).filter(|at| *at > hop.enqueued),
        _ => None,
    }
}

/// The queue never holds more than its limit, and drops for that reason only when it is full.
pub(super) fn bounded(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    // When the packets that are in leave, as a sorted multiset with their bytes.
    let mut waiting: BTreeMap<(u64, u64), u64> = BTreeMap::new();
    let mut inside = 0;
    // Until when the link sends what came before.
    let mut busy = 0;
    for hop in hops {
        while let Some((&(leaves, packet), &size)) = waiting.first_key_value()
            && leaves < hop.enqueued
        {
            inside -= size;
            waiting.remove(&(leaves, packet));
        }
        // Where a departure is an event of its own, one of this very moment may come before the arrival or after it.
        let leaving = waiting.range(..=(hop.enqueued, u64::MAX));
        let (gone, gone_bytes) = leaving.fold((0, 0), |(count, bytes), (_, size)| (count + 1, bytes + size));
        let full = hop.fate == "queue_full";
        let packets = waiting.len() as u64 - if full { 0 } else { gone };
        let bytes = inside - if full { 0 } else { gone_bytes };
        let fits = |(most_packets, most_bytes): &Limits| {
            most_packets.is_none_or(|limit| packets < limit)
                && most_bytes.is_none_or(|limit| bytes + hop.bytes <= limit)
        };
        if full {
            if at(&facts.limit, hop.enqueued).all(fits) {
                audit.fault(format!(
                    "{}: packet {} dropped as over the limit with {packets} waiting",
                    facts.name, hop.packet
                ));
            }
        } else if let Some(leaves) = leaves(hop).filter(|leaves| *leaves > hop.enqueued || busy == hop.enqueued) {
            if leaves > hop.enqueued && !at(&facts.limit, hop.enqueued).any(fits) {
                audit.fault(format!(
                    "{}: packet {} let in with {packets} packets, {bytes} B waiting",
                    facts.name, hop.packet
                ));
            }
            waiting.insert((leaves, hop.packet), hop.bytes);
            inside += hop.bytes;
        }
        busy = busy.max(hop.ended.unwrap_or(0));
    }
}

/// Each fate has a cause that the plan knows.
pub(super) fn explained(facts: &PortFacts, hops: &[&Hop], audit: &mut Audit) {
    for hop in hops {
        let true_here = match hop.fate.as_str() {
            "delivered" => hop.arrived == Some(hop.time),
            "under_way" => hop.arrived.is_none(),
            "queue_full" => facts.limit.iter().any(|(_, (packets, bytes))| packets.is_some() || bytes.is_some()),
            // Dropped on arrival at a link that is down, or out of the queue when it went down.
            "link_down" => {
                hop.started.is_none() && facts.down.iter().any(|(from, until)| *from <= hop.time && hop.time <= *until)
            }
            other => facts.fates.iter().any(|fate| fate == other),
        };
        let at_once = match hop.fate.as_str() {
            "queue_full" | "forced_loss" => true,
            // CoDel alone decides as packets leave.
            "early" => facts.codel.is_none(),
            _ => false,
        };
        if hop.time < hop.enqueued || at_once && hop.time > hop.enqueued {
            audit.fault(format!(
                "{}: packet {} came at {} ps and was dropped at {} ps",
                facts.name, hop.packet, hop.enqueued, hop.time
            ));
        }
        if !true_here {
            audit.fault(format!(
                "{}: packet {} has the fate {}, which nothing explains",
                facts.name, hop.packet, hop.fate
            ));
        }
        let started_while_down = |start: u64| facts.down.iter().any(|(from, until)| *from < start && start < *until);
        if hop.started.is_some_and(started_while_down) {
            audit.fault(format!("{}: packet {} started while the link was down", facts.name, hop.packet));
        }
    }
}
