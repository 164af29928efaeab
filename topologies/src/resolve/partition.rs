//! Cutting the network into shards: nodes joined by zero-delay links stay together, hosts stay with their router where the
//! balance allows it, and the links that are cut are the long ones, because the shortest cut link is the look-ahead.

/// A link as the cut sees it.
#[derive(Clone, Copy)]
pub(crate) struct Tie {
    pub a: u32,
    pub b: u32,
    /// Picoseconds: the shorter direction, with everything that may shorten it later.
    pub delay: u64,
    /// Whether one end is a host with no other link.
    pub access: bool,
}

/// The shard of each node, at most `shards` of them, numbered without gaps in the order of their first node.
pub(crate) fn partition(weights: &[u64], ties: &[Tie], shards: usize) -> Vec<u32> {
    let nodes = weights.len();
    if shards <= 1 || nodes <= 1 {
        return vec![0; nodes];
    }
    let mut groups = Groups { parent: (0..nodes as u32).collect(), weight: weights.to_vec() };
    for tie in ties.iter().filter(|tie| tie.delay == 0) {
        groups.join(tie.a, tie.b);
    }
    let total: u64 = weights.iter().sum();
    let share = total.div_ceil(shards as u64);
    let mut order: Vec<(bool, u64, usize)> =
        ties.iter().enumerate().map(|(index, tie)| (!tie.access, tie.delay, index)).collect();
    order.sort_unstable();
    for (_, _, index) in order {
        let (a, b) = (groups.find(ties[index].a), groups.find(ties[index].b));
        if a != b && groups.weight[a as usize] + groups.weight[b as usize] <= share {
            groups.join(a, b);
        }
    }
    // The largest group first, each to the lightest shard: within 4/3 of the best balance.
    let mut roots: Vec<u32> = (0..nodes as u32).filter(|node| groups.find(*node) == *node).collect();
    roots.sort_by_key(|root| (std::cmp::Reverse(groups.weight[*root as usize]), *root));
    let mut load = vec![0u64; shards];
    let mut shard_of_root = vec![0u32; nodes];
    for root in roots {
        let lightest = (0..shards).min_by_key(|shard| (load[*shard], *shard)).expect("there is a shard");
        load[lightest] += groups.weight[root as usize].max(1);
        shard_of_root[root as usize] = lightest as u32;
    }
    let mut numbers: Vec<Option<u32>> = vec![None; shards];
    let mut next = 0;
    (0..nodes as u32)
        .map(|node| {
            let shard = shard_of_root[groups.find(node) as usize] as usize;
            *numbers[shard].get_or_insert_with(|| {
                next += 1;
                next - 1
            })
        })
        .collect()
}

/// Union-find; the root of a group is its first node, so that the result does not depend on the order of joining.
struct Groups {
    parent: Vec<u32>,
    weight: Vec<u64>,
}

impl Groups {
    fn find(&mut self, node: u32) -> u32 {
        let mut node = node;
        while self.parent[node as usize] != node {
            let above = self.parent[node as usize];
            self.parent[node as usize] = self.parent[above as usize];
            node = self.parent[node as usize];
        }
        node
    }

    fn join(&mut self, a: u32, b: u32) {
        let (a, b) = (self.find(a), self.find(b));
        if a != b {
            let (root, other) = (a.min(b), a.max(b));
            self.parent[other as usize] = root;
            self.weight[root as usize] += self.weight[other as usize];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tie(a: u32, b: u32, delay: u64) -> Tie {
        Tie { a, b, delay, access: false }
    }

    #[test]
    fn zero_delay_links_are_never_cut() {
        let ties = [tie(0, 1, 0), tie(1, 2, 5), tie(2, 3, 0)];
        for shards in 1..6 {
            let cut = partition(&[1; 4], &ties, shards);
            assert_eq!(cut[0], cut[1]);
            assert_eq!(cut[2], cut[3]);
        }
        assert_eq!(partition(&[1; 4], &ties, 2), [0, 0, 1, 1]);
        assert_eq!(partition(&[1; 4], &[tie(0, 1, 0), tie(1, 2, 0), tie(2, 3, 0)], 8), [0; 4]);
    }

    #[test]
    fn long_links_are_cut_first_and_hosts_stay_with_their_router() {
        // Two routers (0, 1) with two hosts each; the link between the routers is the long one.
        let host = |h, r| Tie { a: h, b: r, delay: 9, access: true };
        let ties = [tie(0, 1, 40), host(2, 0), host(3, 0), host(4, 1), host(5, 1)];
        assert_eq!(partition(&[1; 6], &ties, 2), [0, 1, 0, 0, 1, 1]);
        assert_eq!(partition(&[1; 6], &ties, 6), [0, 1, 2, 3, 4, 5]);
        assert_eq!(partition(&[1; 6], &ties, 1), [0; 6]);
    }
}
