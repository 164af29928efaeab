//! A link sends one packet at a time, at its rate, and each arrives when it is due.

use super::facts::at;
use super::trace::Opportunities;
use super::{Audit, Hop, PortFacts, SECOND, Speed};

/// One packet at a time, at the rate, or in the opportunities of a trace. Gives the packets in the order in which they were sent.
pub(super) fn serialised<'a>(facts: &PortFacts, hops: &[&'a Hop], audit: &mut Audit) -> Vec<&'a Hop> {
    let name = &facts.name;
    let mut sent: Vec<&Hop> = hops.iter().copied().filter(|hop| hop.started.is_some()).collect();
    // Those that take no time keep the order in which they came.
    sent.sort_by_key(|hop| (hop.started, hop.ended, hop.enqueued, hop.arrived.unwrap_or(hop.time), hop.packet));
    let (mut free, mut trace) = (0, Opportunities::new(facts));
    for hop in &sent {
        let (started, Some(ended)) = (hop.started.expect("filtered"), hop.ended) else {
            audit.fault(format!("{name}: packet {} started and never ended", hop.packet));
            continue;
        };
        if started < hop.enqueued {
            audit.fault(format!("{name}: packet {} started before it came", hop.packet));
        }
        if started < free {
            audit.fault(format!(
                "{name}: packet {} started at {started} ps, while another was sent until {free} ps",
                hop.packet
            ));
        }
        let right = |speed: &Speed| match speed {
            Speed::Infinite => ended == started,
            Speed::Rate(rate) => {
                // The engine may carry remainders below a picosecond from packet to packet: one picosecond is the most that they add.
                let exact = u128::from(hop.bytes) * 8 * SECOND / u128::from(*rate);
                u128::from(ended.saturating_sub(started)).abs_diff(exact) <= 1
            }
            Speed::Trace(_) => false,
        };
        let fits = at(&facts.speed, started).any(right) || trace.carries(free, started, ended, hop.bytes);
        if !facts.speed.is_empty() && !fits {
            audit.fault(format!(
                "{name}: packet {} of {} B took from {started} ps to {ended} ps",
                hop.packet, hop.bytes
            ));
        }
        if !facts.speed.is_empty() && started > free.max(hop.enqueued) {
            audit.fault(format!("{name}: packet {} waited until {started} ps for a free link", hop.packet));
        }
        free = ended;
    }
    audit.traced += trace.carried;
    sent
}

/// Nothing arrives before the delay is over, nor later than it must, nor out of order where order is kept.
pub(super) fn punctual(facts: &PortFacts, sent: &[&Hop], audit: &mut Audit) {
    let name = &facts.name;
    // When the last one is known to have been due, and when those before it, lost ones too, were due at the latest.
    let (mut last, mut latest) = (0, 0);
    for hop in sent {
        let (Some(started), Some(ended)) = (hop.started, hop.ended) else { continue };
        let jitter = facts.jitter.unwrap_or(0);
        let most = at(&facts.delay, started).map(|delay| ended.saturating_add(delay + jitter)).max().expect("a delay");
        latest = if facts.unordered { most } else { most.max(latest) };
        let Some(arrived) = hop.arrived else {
            // Lost on the wire, or overtaken by the end: those behind it keep behind it, had it come.
            if facts.jitter.is_none() && facts.overtake.is_none() {
                last = at(&facts.delay, started).map(|delay| ended + delay).min().expect("a delay").max(last);
            }
            continue;
        };
        let on_time = at(&facts.delay, started).any(|delay| {
            let due = if facts.unordered { ended + delay } else { (ended + delay).max(last) };
            // One that was lost may have been due later still, where jitter or overtaking let nobody know.
            let may_be_later = facts.jitter.is_some() || (facts.overtake.is_some() && facts.delay.len() > 1);
            arrived == due || (arrived > due && may_be_later && arrived <= latest)
        });
        let early = facts
            .overtake
            .is_some_and(|overtake| at(&facts.delay, started).any(|delay| arrived == ended + overtake.delay(*delay)));
        if on_time {
            last = last.max(arrived);
        } else if !early {
            audit.fault(format!(
                "{name}: packet {} arrived at {arrived} ps, ended at {ended} ps, not when it was due",
                hop.packet
            ));
        }
    }
}
