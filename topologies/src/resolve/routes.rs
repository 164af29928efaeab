//! Shortest paths: one search for each router that a network hangs on, equal costs kept as sets, ties by (cost, node).

use std::cmp::Reverse;
use std::net::Ipv4Addr;

use priority_queue::PriorityQueue;
use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::plan::{HopPlan, RoutePlan};

/// The network as routing sees it.
pub(crate) struct Graph {
    /// Whether each node forwards.
    pub forwards: Vec<bool>,
    /// For each node its ports, in order.
    pub ports: Vec<Vec<Edge>>,
    /// Every link's network and its ends.
    pub nets: Vec<Net>,
}

/// A port and where it leads.
#[derive(Clone, Copy)]
pub(crate) struct Edge {
    pub to: u32,
    /// The neighbour's address on the link.
    pub via: Ipv4Addr,
    pub cost: u32,
    /// Whether it can send: it is not the back side of a one-way link, and not down.
    pub up: bool,
    /// Its network: an index into [`Graph::nets`].
    pub net: u32,
}

/// A link's network.
#[derive(Clone, Copy)]
pub(crate) struct Net {
    pub ends: [(u32, Ipv4Addr); 2],
    pub prefix: u8,
    /// Whether another link has addresses in this network too: then the ends are routed one by one.
    pub shared: bool,
    /// Whether the link carries anything in either direction.
    pub up: bool,
}

const FAR: u64 = u64::MAX;

impl Graph {
    /// Distances from every node to `target`, over nodes that forward.
    fn distances(&self, target: u32, incoming: &[Vec<(u32, u32)>]) -> Vec<u64> {
        let mut distance = vec![FAR; self.ports.len()];
        let mut queue: PriorityQueue<u32, Reverse<(u64, u32)>, FxBuildHasher> = PriorityQueue::with_default_hasher();
        distance[target as usize] = 0;
        queue.push(target, Reverse((0, target)));
        while let Some((node, Reverse((cost, _)))) = queue.pop() {
            // What is behind a host is reached only by the host itself.
            if node != target && !self.forwards[node as usize] {
                continue;
            }
            for (from, weight) in &incoming[node as usize] {
                let through = cost + u64::from(*weight);
                if through < distance[*from as usize] {
                    distance[*from as usize] = through;
                    queue.push_increase(*from, Reverse((through, *from)));
                }
            }
        }
        distance
    }

    /// For every node, who sends to it and at what cost.
    fn incoming(&self) -> Vec<Vec<(u32, u32)>> {
        let mut incoming = vec![Vec::new(); self.ports.len()];
        for (node, ports) in self.ports.iter().enumerate() {
            for edge in ports.iter().filter(|edge| edge.up) {
                incoming[edge.to as usize].push((node as u32, edge.cost));
            }
        }
        incoming
    }

    /// The tables of the nodes that `computed` names: the rest stay empty.
    pub fn tables(&self, computed: &[bool]) -> Vec<Vec<RoutePlan>> {
        let incoming = self.incoming();
        let mut tables: Vec<Builder> = (0..self.ports.len()).map(|_| Builder::default()).collect();
        // Where a network hangs: on its ends that forward; an end that does not is reached through the other one.
        let mut wanted: Vec<bool> = vec![false; self.ports.len()];
        for net in self.nets.iter().filter(|net| net.up) {
            for (node, _) in net.ends {
                wanted[node as usize] |= self.forwards[node as usize];
            }
        }
        let distance: Vec<Option<Vec<u64>>> = (0..self.ports.len() as u32)
            .map(|node| wanted[node as usize].then(|| self.distances(node, &incoming)))
            .collect();
        for (index, net) in self.nets.iter().enumerate().filter(|(_, net)| net.up) {
            for (node, ports) in self.ports.iter().enumerate() {
                if !computed[node] {
                    continue;
                }
                if default_only(&self.forwards, node, ports) {
                    continue;
                }
                let node = node as u32;
                if let Some(own) = net.ends.iter().position(|(end, _)| *end == node) {
                    let port =
                        ports.iter().position(|edge| edge.net == index as u32).expect("an end has the port") as u32;
                    if !ports[port as usize].up {
                        continue;
                    }
                    let hops = vec![HopPlan { port, via: None }];
                    match net.shared {
                        true => tables[node as usize].add(net.ends[1 - own].1, 32, hops),
                        false => tables[node as usize].add(net.ends[own].1, net.prefix, hops),
                    }
                    continue;
                }
                let table = &mut tables[node as usize];
                // The hops to the nearest of some routers are those to the near ones among them, put together.
                let mut towards = |router: u32| {
                    let distance = distance[router as usize].as_deref()?;
                    let far = distance[node as usize];
                    (far != FAR).then(|| (far, table.towards(router, || self.hops(node, distance))))
                };
                let ends = net.ends.map(|(end, _)| towards(end));
                match net.shared {
                    false => {
                        let set = match ends {
                            [Some((left, set)), Some((right, other))] if left == right => table.union(set, other),
                            [Some((left, set)), Some((right, _))] if left < right => set,
                            [_, Some((_, set))] | [Some((_, set)), None] => set,
                            [None, None] => continue,
                        };
                        table.push(net.ends[0].1, net.prefix, set);
                    }
                    true => {
                        for (side, (end, address)) in net.ends.iter().enumerate() {
                            let through = if self.forwards[*end as usize] { side } else { 1 - side };
                            if let Some((_, set)) = ends[through] {
                                table.push(*address, 32, set);
                            }
                        }
                    }
                }
            }
        }
        for (node, ports) in self.ports.iter().enumerate() {
            if computed[node] && default_only(&self.forwards, node, ports) && ports[0].up {
                let hops = vec![HopPlan { port: 0, via: Some(ports[0].via) }];
                tables[node].add(Ipv4Addr::UNSPECIFIED, 0, hops);
            }
        }
        tables.into_iter().map(Builder::finish).collect()
    }

    /// The equally good next hops of a node, given every node's distance to the target.
    fn hops(&self, node: u32, distance: &[u64]) -> Vec<HopPlan> {
        let here = distance[node as usize];
        let mut hops = Vec::new();
        for (port, edge) in self.ports[node as usize].iter().enumerate().filter(|(_, edge)| edge.up) {
            let there = distance[edge.to as usize];
            let passes = there == 0 || self.forwards[edge.to as usize];
            if passes && there != FAR && there + u64::from(edge.cost) == here {
                hops.push(HopPlan { port: port as u32, via: Some(edge.via) });
            }
        }
        hops
    }
}

/// A host with one port needs one route.
fn default_only(forwards: &[bool], node: usize, ports: &[Edge]) -> bool {
    !forwards[node] && ports.len() == 1
}

/// Collects a node's routes, each set of hops stored once, and joins neighbouring networks that go the same way.
#[derive(Default)]
struct Builder {
    sets: Vec<Vec<HopPlan>>,
    numbers: FxHashMap<Vec<HopPlan>, u32>,
    routes: Vec<(u32, u8, u32)>,
    /// The set that leads to each router that somebody hangs on; `u32::MAX` where nothing does.
    towards: FxHashMap<u32, u32>,
}

impl Builder {
    /// The set of hops that leads to a router, computed once.
    fn towards(&mut self, router: u32, hops: impl FnOnce() -> Vec<HopPlan>) -> u32 {
        if let Some(set) = self.towards.get(&router) {
            return *set;
        }
        let set = self.set(hops());
        self.towards.insert(router, set);
        set
    }

    fn union(&mut self, one: u32, other: u32) -> u32 {
        if one == other || one == u32::MAX || other == u32::MAX {
            return one.min(other);
        }
        let mut hops = self.sets[one as usize].clone();
        hops.extend(&self.sets[other as usize]);
        hops.sort_unstable();
        hops.dedup();
        self.set(hops)
    }

    fn add(&mut self, to: Ipv4Addr, prefix: u8, hops: Vec<HopPlan>) {
        let set = self.set(hops);
        self.push(to, prefix, set);
    }

    fn push(&mut self, to: Ipv4Addr, prefix: u8, set: u32) {
        if set != u32::MAX {
            self.routes.push((network(to, prefix).to_bits(), prefix, set));
        }
    }

    /// The number of a set of hops, each set kept once.
    fn set(&mut self, hops: Vec<HopPlan>) -> u32 {
        if hops.is_empty() {
            return u32::MAX;
        }
        if let Some(set) = self.numbers.get(&hops) {
            return *set;
        }
        let set = self.sets.len() as u32;
        self.sets.push(hops.clone());
        self.numbers.insert(hops, set);
        set
    }

    fn finish(mut self) -> Vec<RoutePlan> {
        self.routes.sort_unstable();
        self.routes.dedup();
        // Two halves of a network with the same hops are one route: 10.0.0.0/31 and 10.0.0.2/31 make 10.0.0.0/30. What
        // the neighbour owns itself is left as it is.
        let mut joined: Vec<(u32, u8, u32)> = Vec::with_capacity(self.routes.len());
        for route in self.routes {
            joined.push(route);
            while let [.., (left, left_prefix, left_set), (right, prefix, set)] = joined[..] {
                let half = if prefix == 0 { 0 } else { 1u32 << (32 - u32::from(prefix)) };
                let direct = self.sets[set as usize][0].via.is_none();
                if prefix == 0
                    || left_prefix != prefix
                    || left_set != set
                    || left & half != 0
                    || right != left | half
                    || direct
                {
                    break;
                }
                joined.pop();
                joined.pop();
                joined.push((left, prefix - 1, set));
            }
        }
        joined.sort_by_key(|(to, prefix, _)| (Reverse(*prefix), *to));
        let plan = |(to, prefix, set): (u32, u8, u32)| RoutePlan {
            to: Ipv4Addr::from_bits(to),
            prefix,
            hops: self.sets[set as usize].clone(),
        };
        joined.into_iter().map(plan).collect()
    }
}

/// The network that an address lies in.
pub(crate) fn network(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    let mask = if prefix == 0 { 0 } else { u32::MAX << (32 - u32::from(prefix)) };
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

/// The hops of the longest prefix that an address matches, in a table with the longest prefix first.
pub(crate) fn lookup(table: &[RoutePlan], to: Ipv4Addr) -> &[HopPlan] {
    let mut rest = table;
    while let Some(first) = rest.first() {
        let group = rest.partition_point(|route| route.prefix == first.prefix);
        let wanted = network(to, first.prefix);
        if let Ok(at) = rest[..group].binary_search_by_key(&wanted, |route| route.to) {
            return &rest[at].hops;
        }
        rest = &rest[group..];
    }
    &[]
}
