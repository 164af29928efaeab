//! Nothing is lost and nothing comes from nowhere: what links count is what their packets say, and what comes to a router leaves it or is
//! dropped there with a reason.

use std::collections::{BTreeMap, BTreeSet};

use experiments::port_name;
use sim_core::{Kind, Outcome, Rows};
use topologies::{NodeKind, Plan};

/// Where columns stand in a table.
pub fn columns<const N: usize>(rows: &Rows, names: [&str; N]) -> [usize; N] {
    names.map(|name| {
        let found = rows.table.columns.iter().position(|column| column.name == name);
        found.unwrap_or_else(|| panic!("{} has no column {name}", rows.table.name))
    })
}

/// The words of a column.
pub fn words(rows: &Rows, column: usize) -> &'static [&'static str] {
    let Kind::Word(words) = rows.table.columns[column].kind else { panic!("a column of words") };
    words
}

/// What a link has to do with packets, as its table counts it.
const COUNTED: [&str; 8] = [
    "received_packets",
    "sent_packets",
    "sent_bytes",
    "drops_packets",
    "queue_full_packets",
    "early_packets",
    "loss_packets",
    "down_packets",
];

/// Where the table of links does not say what the table of hops says. Each packet handed to a link has one row there, hence one fate: it was
/// delivered, dropped for one reason, or is under way at the stop.
pub fn links_disagree(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let (links, hops) = (outcome.table("links").expect("always there"), outcome.table("hops").expect("recorded"));
    let [port, bytes, started, fate] = columns(hops, ["port", "wire_bytes", "started_s", "fate"]);
    let fates = words(hops, fate);
    let mut counted: BTreeMap<u64, [u64; 8]> = BTreeMap::new();
    for (_, row) in hops.iter() {
        let counts = counted.entry(row[port]).or_default();
        counts[0] += 1;
        if row[started] != u64::MAX {
            counts[1] += 1;
            counts[2] += row[bytes];
        }
        let fate = fates[row[fate] as usize];
        counts[3] += u64::from(!matches!(fate, "delivered" | "under_way"));
        match fate {
            "queue_full" => counts[4] += 1,
            "early" => counts[5] += 1,
            "loss" | "forced_loss" => counts[6] += 1,
            "link_down" => counts[7] += 1,
            _ => {}
        }
    }
    let ([link], columns) = (columns(links, ["link"]), columns(links, COUNTED));
    let mut faults = Vec::new();
    for (_, row) in links.iter() {
        let counted = counted.get(&row[link]).copied().unwrap_or_default();
        let told = columns.map(|column| row[column]);
        if told != counted {
            let name = port_name(plan, row[link]);
            faults.push(format!("{name}: {COUNTED:?} are {told:?}, but the hops give {counted:?}"));
        }
    }
    faults
}

/// How long a packet may wait for the address of a neighbour, in picoseconds.
const RESOLUTION: u64 = 5_000_000_000_000;

/// TCP segments that came to a router and were never seen again, though no link there is too small for them.
pub fn vanished(plan: &Plan, outcome: &Outcome) -> Vec<String> {
    let (hops, drops) = (outcome.table("hops").expect("recorded"), outcome.table("drops").expect("recorded"));
    let names = ["port", "packet", "class", "length_bytes", "arrived_s", "enqueued_s", "fate"];
    let [port, packet, class, length, arrived, enqueued, fate] = columns(hops, names);
    let (classes, fates) = (words(hops, class), words(hops, fate));
    let mut left: BTreeSet<(u32, u64)> = BTreeSet::new();
    for (_, row) in hops.iter() {
        left.insert(((row[port] >> 32) as u32, row[packet]));
    }
    let [node, dropped] = columns(drops, ["node", "packet"]);
    left.extend(drops.iter().map(|(_, row)| (row[node] as u32, row[dropped])));
    let mut faults = Vec::new();
    for (_, row) in hops.iter() {
        let of = (row[port] >> 32) as usize;
        let sender = &plan.ports[(plan.nodes[of].ports.start + row[port] as u32) as usize];
        let to = plan.ports[sender.peer as usize].node;
        let node = &plan.nodes[to as usize];
        let tcp = classes[row[class] as usize] != "other";
        // What a router that runs services gets for itself need not leave it.
        let runs = plan.services.iter().any(|service| service.node == to);
        if node.kind != NodeKind::Router || runs || !tcp || fates[row[fate] as usize] != "delivered" {
            continue;
        }
        let ports = &plan.ports[node.ports.start as usize..node.ports.end as usize];
        let cut_up = ports.iter().any(|port| u64::from(port.config.mtu) < row[length]);
        let unresolved =
            ports.iter().any(|port| port.config.framed) && row[arrived].saturating_add(RESOLUTION) > plan.stop.ps();
        if !cut_up && !unresolved && !left.contains(&(to, row[packet])) {
            faults.push(format!(
                "packet {} over {} at {} ps came to {} and never left",
                row[packet], sender.config.name, row[enqueued], node.name
            ));
        }
    }
    faults
}
