//! How a plan is cut into shards.

use sim_core::{Change, Span};

use crate::plan::{NodeKind, Plan};
use crate::resolve::{Tie, partition, walk};

impl Plan {
    /// The shard of each node, for at most so many shards: balanced by the work that the flows make, hosts beside their
    /// router where the balance allows it, nodes joined by links without delay always together.
    pub fn partition(&self, shards: usize) -> Vec<u32> {
        let ties: Vec<Tie> = self
            .links
            .iter()
            .map(|link| {
                let (a, b) = (&self.ports[link.forward as usize], &self.ports[link.reverse as usize]);
                let lone = |node: u32| {
                    let node = &self.nodes[node as usize];
                    node.kind == NodeKind::Host && node.ports.len() == 1
                };
                let delays = [link.forward, link.reverse].into_iter().filter_map(|port| self.delay_min(port));
                let delay = delays.min().map_or(0, Span::ps);
                Tie { a: a.node, b: b.node, delay, access: lone(a.node) || lone(b.node) }
            })
            .collect();
        partition(&self.weights(), &ties, shards)
    }

    /// The shortest delay of a link that the cut cuts: how far shards may run ahead of each other. `None` where nothing
    /// is cut.
    pub fn look_ahead(&self, shards: &[u32]) -> Option<Span> {
        let cut = |port: &u32| {
            let port = &self.ports[*port as usize];
            shards[port.node as usize] != shards[self.ports[port.peer as usize].node as usize]
        };
        (0..self.ports.len() as u32).filter(cut).filter_map(|port| self.delay_min(port)).min()
    }

    /// The ports that a packet from a node to another crosses at the start, the first of each equally good hop; `None` where
    /// there is no way.
    pub fn path(&self, from: u32, to: u32) -> Option<Vec<u32>> {
        walk(self, from, to).ok()
    }

    /// The shortest delay that a port has at any time; `None` where it never sends.
    fn delay_min(&self, port: u32) -> Option<Span> {
        let plan = &self.ports[port as usize];
        let later =
            self.events.iter().filter(|event| event.ports.contains(&port)).filter_map(|event| match event.change {
                Change::Delay(delay) => Some(delay),
                _ => None,
            });
        (!plan.config.blocked).then(|| plan.config.impairments.least_delay(later.fold(plan.config.delay, Ord::min)))
    }

    /// What each node has to do, roughly: an event for each packet that crosses it, more for a connection's end.
    fn weights(&self) -> Vec<u64> {
        let mut weights = vec![1u64; self.nodes.len()];
        for flow in &self.flows {
            weights[flow.from as usize] += 4;
            weights[flow.to as usize] += 4;
            for port in walk(self, flow.from, flow.to).unwrap_or_default() {
                weights[self.ports[port as usize].node as usize] += 2;
            }
        }
        self.services.iter().for_each(|service| weights[service.node as usize] += 4);
        weights
    }
}
