//! Packets from link to link: where they come from, and who has marked them.

use std::collections::BTreeMap;

use super::{Audit, Ecn, Hop, PortFacts};

/// A packet leaves the node where it was made, or one to which it came, and not before it came. Its marks are told to the hops.
pub(super) fn travelled(ports: &[PortFacts], hops: &mut [Hop], audit: &mut Audit) {
    let mut by_packet: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
    for (at, hop) in hops.iter().enumerate() {
        by_packet.entry(hop.packet).or_default().push(at);
    }
    for (packet, mut path) in by_packet {
        path.sort_by_key(|at| (hops[*at].enqueued, hops[*at].arrived.unwrap_or(u64::MAX)));
        chain(ports, hops, &mut path);
        let first = &hops[path[0]];
        // What a router sends of its own may be a copy or a piece of what it got: nobody knows what that said.
        let mut before = match ports[first.port].from_host {
            true => first.ecn.map(|ecn| if ecn == Ecn::Ce { Ecn::Ect0 } else { ecn }),
            false => None,
        };
        for pair in path.windows(2) {
            let (here, next) = (&hops[pair[0]], &hops[pair[1]]);
            let came = here.fate == "delivered" && ports[here.port].to == ports[next.port].from;
            if !came {
                audit.fault(format!("packet {packet} leaves over {} from nowhere", ports[next.port].name));
            } else if here.arrived.is_some_and(|arrived| arrived > next.enqueued) {
                audit.fault(format!("packet {packet} leaves over {} before it came", ports[next.port].name));
            }
        }
        for at in path {
            let hop = &mut hops[at];
            hop.marked = marked(&ports[hop.port], hop, before, audit);
            before = hop.ecn;
        }
    }
}

/// Links without delay and at an infinite rate are crossed in one moment: such hops stand in the order in which one follows the other.
fn chain(ports: &[PortFacts], hops: &[Hop], path: &mut [usize]) {
    let moment = |at: usize| (hops[at].enqueued, hops[at].arrived);
    for next in 0..path.len() {
        let ties = (next..path.len()).take_while(|at| moment(path[*at]) == moment(path[next]));
        let ties: Vec<usize> = ties.collect();
        if ties.len() > 1 {
            let from = |at: usize| &ports[hops[path[at]].port].from;
            let comes =
                |at: usize, others: &[usize]| others.iter().any(|other| ports[hops[path[*other]].port].to == *from(at));
            let follows = match next {
                0 => ties.iter().find(|at| !comes(**at, &ties)),
                _ => ties.iter().find(|at| comes(**at, &[next - 1])),
            };
            path.swap(next, *follows.unwrap_or(&next));
        }
    }
}

/// Whether a hop's queue has marked a packet that came with `before` in its field; `None` where that cannot be told.
fn marked(facts: &PortFacts, hop: &Hop, before: Option<Ecn>, audit: &mut Audit) -> Option<bool> {
    let after = hop.ecn?;
    let marked = match (before, after) {
        // It may have been marked a second time, which nobody sees.
        (None | Some(Ecn::Ce), Ecn::Ce) => {
            if facts.marks {
                None
            } else {
                Some(false)
            }
        }
        (Some(before), Ecn::Ce) => {
            if before == Ecn::NotEct || !facts.marks {
                audit.fault(format!(
                    "{}: packet {} was marked, which {before:?} or the queue forbids",
                    facts.name, hop.packet
                ));
            }
            Some(true)
        }
        (before, after) => {
            if before.is_some_and(|before| before != after) {
                audit.fault(format!(
                    "{}: packet {} came with {before:?} and left with {after:?}",
                    facts.name, hop.packet
                ));
            }
            Some(false)
        }
    };
    let (least, most) = audit.marks.entry(facts.name.clone()).or_default();
    *least += u64::from(marked == Some(true));
    *most += u64::from(marked != Some(false));
    marked
}
