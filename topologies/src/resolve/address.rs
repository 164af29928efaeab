//! Addresses: those that the file gives, and a /30 from 10.0.0.0/8 for each other link, in file order.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::routes::network;
use super::topo::Topo;
use crate::read::Sink;
use crate::spec::links::LinkSpec;
use crate::spec::nodes::NodeSpec;
use crate::yaml::Mark;

/// The addresses of a link's two ends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LinkAddresses {
    pub ends: [Ipv4Addr; 2],
    pub prefix: u8,
    /// Whether another link has addresses in the same network.
    pub shared: bool,
}

/// One entry for each link of the network.
pub(crate) fn assign(sink: &mut Sink, topo: &Topo, nodes: &[NodeSpec], links: &[LinkSpec]) -> Vec<LinkAddresses> {
    let mut taken: BTreeMap<u32, (Mark, String)> = BTreeMap::new();
    // First and last address of what the file gives, so that the pool keeps away from it.
    let mut given: Vec<(u32, u32)> = Vec::new();
    let mut used = vec![false; topo.nodes.len()];
    let mut half: Vec<[Option<(Ipv4Addr, u8)>; 2]> = Vec::with_capacity(topo.links.len());
    for link in &topo.links {
        let mut ends = [None, None];
        for side in 0..2 {
            let node = &topo.nodes[link.ends[side] as usize];
            let own = links[link.spec].addresses.as_ref().map(|list| (list.value[side], list.at));
            let of_host = nodes[node.spec].address.map(|address| (address.value, address.at));
            let Some(((address, prefix), at)) = own.or(of_host) else { continue };
            if own.is_none() && std::mem::replace(&mut used[link.ends[side] as usize], true) {
                sink.error(at, format!("`{}` has several links; `address` is for a host with one", node.name))
                    .help
                    .push("give `addresses: [left, right]` at the others".into());
                continue;
            }
            ends[side] = Some((address, prefix));
            given.push((network(address, prefix).to_bits(), network(address, prefix).to_bits() | (u32::MAX >> prefix)));
            if let Some((first, whose)) = taken.insert(address.to_bits(), (at, node.name.clone())) {
                let line = sink.sources.place(first).map_or(String::new(), |place| format!(" (line {})", place.line));
                sink.error(at, format!("`{}` and `{whose}`{line} have the same address {address}", node.name));
            }
        }
        half.push(ends);
    }
    let given = joined(given);
    let mut free_from: BTreeMap<u32, u32> = BTreeMap::new();
    let mut pool = Pool { next: Ipv4Addr::new(10, 0, 0, 0).to_bits(), given: &given };
    let mut users: BTreeMap<(u32, u8), u32> = BTreeMap::new();
    let mut out = Vec::with_capacity(half.len());
    for (link, ends) in topo.links.iter().zip(half) {
        let addresses = match ends {
            [None, None] => pool.take(),
            [Some((left, prefix)), Some((right, other))] => {
                if prefix != other || network(left, prefix) != network(right, prefix) {
                    sink.error(
                        link.at,
                        format!("the ends of the link are in different networks: {left}/{prefix}, {right}/{other}"),
                    );
                }
                Some(([left, right], prefix))
            }
            [Some((left, prefix)), None] => {
                free(&mut taken, &mut free_from, left, prefix).map(|right| ([left, right], prefix))
            }
            [None, Some((right, prefix))] => {
                free(&mut taken, &mut free_from, right, prefix).map(|left| ([left, right], prefix))
            }
        };
        // Each link has its place in the list, also where it has no addresses.
        let (ends, prefix) = addresses.unwrap_or_else(|| {
            sink.error(link.at, "there is no free address for this link");
            ([Ipv4Addr::UNSPECIFIED; 2], 32)
        });
        *users.entry((network(ends[0], prefix).to_bits(), prefix)).or_default() += 1;
        out.push(LinkAddresses { ends, prefix, shared: false });
    }
    for addresses in &mut out {
        addresses.shared = users[&(network(addresses.ends[0], addresses.prefix).to_bits(), addresses.prefix)] > 1;
    }
    out
}

/// Sorted ranges without overlaps.
fn joined(mut ranges: Vec<(u32, u32)>) -> Vec<(u32, u32)> {
    ranges.sort_unstable();
    let mut out: Vec<(u32, u32)> = Vec::new();
    for (first, last) in ranges {
        match out.last_mut() {
            Some(before) if first <= before.1 => before.1 = before.1.max(last),
            _ => out.push((first, last)),
        }
    }
    out
}

/// The lowest address of a network that nobody has, marked as taken. `from` remembers for each network where to look.
fn free(
    taken: &mut BTreeMap<u32, (Mark, String)>,
    from: &mut BTreeMap<u32, u32>,
    beside: Ipv4Addr,
    prefix: u8,
) -> Option<Ipv4Addr> {
    let first = network(beside, prefix).to_bits();
    let last = first | (u32::MAX >> prefix);
    let (first_host, last_host) = if prefix == 31 { (first, last) } else { (first + 1, last - 1) };
    let from = from.entry(first).or_insert(first_host);
    let address = (*from..=last_host).find(|address| !taken.contains_key(address))?;
    *from = address + 1;
    taken.insert(address, (Mark::default(), String::new()));
    Some(Ipv4Addr::from_bits(address))
}

/// The /30s of 10.0.0.0/8 that the file does not use.
struct Pool<'a> {
    next: u32,
    given: &'a [(u32, u32)],
}

impl Pool<'_> {
    fn take(&mut self) -> Option<([Ipv4Addr; 2], u8)> {
        loop {
            let start = self.next;
            if start >> 24 != 10 {
                return None;
            }
            match self.given.get(self.given.partition_point(|(_, last)| *last < start)) {
                Some((first, last)) if *first <= start + 3 => self.next = (last | 3).checked_add(1)?,
                _ => {
                    self.next = start + 4;
                    return Some(([Ipv4Addr::from_bits(start + 1), Ipv4Addr::from_bits(start + 2)], 30));
                }
            }
        }
    }
}
