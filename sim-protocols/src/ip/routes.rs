//! Routes: longest-prefix match, equal-cost next hops by flow hash, and a direct-mapped cache in front.

use std::net::Ipv4Addr;
use std::sync::Arc;

/// A next hop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hop {
    /// The node's port.
    pub port: u32,
    /// The neighbour's address; 0.0.0.0 where the destination itself is on the link.
    pub via: Ipv4Addr,
}

/// A route.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Route {
    /// The network.
    pub to: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
    /// Equally good next hops; a flow keeps to one of them. Routes of the same hops may share them.
    pub hops: Arc<[Hop]>,
}

/// The routes of a node.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    /// For each prefix length that occurs, the longest first: its mask, and the networks, sorted.
    lengths: Vec<(u32, Vec<(u32, u32)>)>,
    /// Next hops of the routes.
    hops: Vec<Arc<[Hop]>>,
}

impl RouteTable {
    /// The table of these routes; of two to the same network the first one counts.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> RouteTable {
        let mut found: Vec<(u8, u32, u32)> = Vec::new();
        let mut hops = Vec::new();
        for route in routes {
            assert!(route.prefix <= 32 && !route.hops.is_empty(), "a route has a prefix and a hop");
            found.push((32 - route.prefix, route.to.to_bits() & mask(route.prefix), hops.len() as u32));
            hops.push(route.hops);
        }
        found.sort_unstable();
        found.dedup_by_key(|(length, net, _)| (*length, *net));
        let mut lengths: Vec<(u32, Vec<(u32, u32)>)> = Vec::new();
        for (length, net, at) in found {
            let mask = mask(32 - length);
            match lengths.last_mut() {
                Some((last, nets)) if *last == mask => nets.push((net, at)),
                _ => lengths.push((mask, vec![(net, at)])),
            }
        }
        RouteTable { lengths, hops }
    }

    /// How many routes there are.
    pub fn len(&self) -> usize {
        self.hops.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.hops.is_empty()
    }

    /// The longest match: the number of the route.
    fn find(&self, to: u32) -> Option<u32> {
        self.lengths.iter().find_map(|(mask, nets)| {
            let at = nets.binary_search_by_key(&(to & mask), |(net, _)| *net).ok()?;
            Some(nets[at].1)
        })
    }

    /// The next hops to a destination; `None` where there is no route.
    pub fn lookup(&self, to: Ipv4Addr) -> Option<&[Hop]> {
        Some(&self.hops[self.find(to.to_bits())? as usize])
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

/// Places of the cache at first, and at the most: it grows with the destinations that are really asked for.
const CACHE_MIN: usize = 4;
const CACHE_MAX: usize = 4096;

/// Where a datagram goes from here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Way<'t> {
    /// It is for this node.
    Here,
    /// There is one best way.
    Hop(Hop),
    /// There are several, equally good.
    Hops(&'t [Hop]),
    /// There is none.
    Nowhere,
}

/// What is known of a destination, in twelve bytes: five destinations share a cache line, and a single next hop needs no second
/// look-up.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// The destination; 0.0.0.0, which no datagram goes to, stands for an empty place.
    to: u32,
    /// The port, or one of the marks below.
    port: u32,
    /// The neighbour's address, 0 where the destination is on the link; the number of the route where there are several hops.
    via: u32,
}

impl Place {
    /// The only next hop.
    #[inline(always)]
    fn hop(self) -> Hop {
        Hop { port: self.port, via: Ipv4Addr::from_bits(self.via) }
    }
}

/// Marks that no port has for a number: a node has less than 2^16 of them.
const NOWHERE: u32 = u32::MAX;
const HERE: u32 = u32::MAX - 1;
const SEVERAL: u32 = u32::MAX - 2;

/// Remembers the ways to destinations.
#[derive(Debug)]
pub(super) struct RouteCache {
    places: Vec<Place>,
    shift: u32,
    /// Looks that found another destination in the place since the last growth.
    conflicts: u32,
}

impl RouteCache {
    pub fn new() -> RouteCache {
        RouteCache::of(CACHE_MIN)
    }

    fn of(size: usize) -> RouteCache {
        let places = vec![Place { to: 0, port: NOWHERE, via: 0 }; size];
        RouteCache { places, shift: 32 - size.trailing_zeros(), conflicts: 0 }
    }

    /// The way to a destination. `mine` tells whether the node takes it itself; it is asked once while the destination stays known.
    #[inline(always)]
    pub fn lookup<'t>(&mut self, table: &'t RouteTable, to: Ipv4Addr, mine: impl FnOnce() -> bool) -> Way<'t> {
        let to = to.to_bits();
        let place = self.places[self.at(to)];
        if place.to == to && place.port < SEVERAL {
            // The way of most packets.
            return Way::Hop(place.hop());
        }
        self.rare(table, to, mine)
    }

    #[inline(never)]
    fn rare<'t>(&mut self, table: &'t RouteTable, to: u32, mine: impl FnOnce() -> bool) -> Way<'t> {
        let mut place = self.places[self.at(to)];
        if place.to != to {
            place = self.fill(table, to, mine());
        }
        match place.port {
            HERE => Way::Here,
            NOWHERE => Way::Nowhere,
            SEVERAL => Way::Hops(&table.hops[place.via as usize]),
            _ => Way::Hop(place.hop()),
        }
    }

    #[inline]
    fn at(&self, to: u32) -> usize {
        (to.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    #[cold]
    fn fill(&mut self, table: &RouteTable, to: u32, mine: bool) -> Place {
        let at = self.at(to);
        self.conflicts += u32::from(self.places[at].to != 0);
        if self.conflicts as usize > self.places.len() && self.places.len() < CACHE_MAX {
            *self = RouteCache::of(2 * self.places.len());
        }
        let place = resolve(table, to, mine);
        let at = self.at(to);
        self.places[at] = place;
        place
    }
}

fn resolve(table: &RouteTable, to: u32, mine: bool) -> Place {
    let (port, via) = match table.find(to) {
        _ if mine => (HERE, 0),
        None => (NOWHERE, 0),
        Some(at) => match &*table.hops[at as usize] {
            [only] => (only.port, only.via.to_bits()),
            _ => (SEVERAL, at),
        },
    };
    Place { to, port, via }
}

/// One of several hops, by the flow's hash and the node, so that the next router does not choose alike.
#[inline]
pub(super) fn choose(hops: &[Hop], node: u32, hash: u32) -> Hop {
    let mixed = (u64::from(hash) ^ u64::from(node) << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mixed = (mixed ^ mixed >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32;
    hops[((mixed * hops.len() as u64) >> 32) as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(to: [u8; 4], prefix: u8, port: u32) -> Route {
        Route { to: to.into(), prefix, hops: [Hop { port, via: Ipv4Addr::UNSPECIFIED }].into() }
    }

    #[test]
    fn the_longest_prefix_wins_with_and_without_the_cache() {
        let table = RouteTable::new([
            route([0, 0, 0, 0], 0, 1),
            route([10, 0, 0, 0], 8, 2),
            route([10, 1, 0, 0], 16, 3),
            route([10, 1, 2, 0], 24, 4),
            route([10, 1, 2, 3], 32, 5),
            route([10, 1, 2, 3], 32, 6),
        ]);
        let mut cache = RouteCache::new();
        let cases =
            [([11, 0, 0, 1], 1), ([10, 9, 9, 9], 2), ([10, 1, 9, 9], 3), ([10, 1, 2, 9], 4), ([10, 1, 2, 3], 5)];
        for _ in 0..3 {
            for (to, port) in cases {
                assert_eq!(table.lookup(to.into()).unwrap()[0].port, port);
                assert_eq!(
                    cache.lookup(&table, to.into(), || false),
                    Way::Hop(Hop { port, via: Ipv4Addr::UNSPECIFIED })
                );
            }
        }
        assert_eq!(RouteTable::new([route([10, 0, 0, 0], 8, 2)]).lookup([11, 0, 0, 1].into()), None);
    }

    #[test]
    fn networks_of_two_and_of_one() {
        // A /31 has two hosts, a /32 is one. Behind them the default route.
        let table =
            RouteTable::new([route([10, 0, 0, 2], 31, 2), route([10, 0, 0, 3], 32, 3), route([9, 9, 9, 9], 0, 1)]);
        let port = |last: u8| table.lookup([10, 0, 0, last].into()).expect("a default route")[0].port;
        assert_eq!([1, 2, 3, 4].map(port), [1, 2, 3, 1]);
        assert_eq!(table.lookup([255, 255, 255, 255].into()).expect("a default route")[0].port, 1);
    }

    proptest::proptest! {
        /// RFC 1812 §5.2.4.3: of all routes that match, the one with the most bits.
        #[test]
        fn any_table_finds_the_longest_match(
            routes in proptest::collection::vec((0_u32..64, 0_u32..4, 0_u8..=32), 0..40),
            asked in proptest::collection::vec((0_u32..64, 0_u32..4), 1..40),
        ) {
            // Addresses that share long prefixes, and few that do not.
            let address = |low: u32, high: u32| Ipv4Addr::from_bits(high << 30 | 0x0a00_0000 | low);
            let routes: Vec<Route> = (0..)
                .zip(&routes)
                .map(|(port, (low, high, prefix))| route(address(*low, *high).octets(), *prefix, port))
                .collect();
            let table = RouteTable::new(routes.clone());
            let mut cache = RouteCache::new();
            for (low, high) in asked {
                let to = address(low, high);
                let matches = |route: &&Route| {
                    let shift = 32 - u32::from(route.prefix);
                    u64::from(to.to_bits()) >> shift == u64::from(route.to.to_bits()) >> shift
                };
                // Of two to the same network the first one counts.
                let best = routes.iter().rev().filter(matches).max_by_key(|route| route.prefix);
                let expected = best.map(|route| route.hops[0]);
                proptest::prop_assert_eq!(table.lookup(to).map(|hops| hops[0]), expected);
                let way = cache.lookup(&table, to, || false);
                proptest::prop_assert_eq!(way, expected.map_or(Way::Nowhere, Way::Hop));
            }
        }
    }

    #[test]
    fn the_cache_tells_all_kinds_of_ways_apart() {
        let two: Arc<[Hop]> = [1, 2].map(|port| Hop { port, via: [10, 0, 0, 9].into() }).into();
        let table = RouteTable::new([
            Route { to: [10, 0, 0, 0].into(), prefix: 8, hops: two.clone() },
            Route { to: [10, 1, 0, 0].into(), prefix: 16, hops: two[..1].into() },
        ]);
        let mut cache = RouteCache::new();
        for _ in 0..2 {
            assert_eq!(cache.lookup(&table, [10, 0, 0, 1].into(), || false), Way::Hops(&two));
            assert_eq!(cache.lookup(&table, [10, 1, 0, 1].into(), || false), Way::Hop(two[0]));
            assert_eq!(cache.lookup(&table, [11, 1, 0, 1].into(), || false), Way::Nowhere);
            assert_eq!(cache.lookup(&table, [10, 0, 0, 2].into(), || true), Way::Here);
            assert_eq!(cache.lookup(&table, Ipv4Addr::UNSPECIFIED, || false), Way::Nowhere);
        }
    }

    #[test]
    fn the_cache_grows_with_the_destinations_that_are_asked_for() {
        let table = RouteTable::new([route([0, 0, 0, 0], 0, 1), route([10, 0, 0, 0], 25, 2)]);
        let mut cache = RouteCache::new();
        for _ in 0..100 {
            for to in 0..200 {
                let port = if to < 128 { 2 } else { 1 };
                assert_eq!(
                    cache.lookup(&table, [10, 0, 0, to].into(), || false),
                    Way::Hop(Hop { port, via: Ipv4Addr::UNSPECIFIED })
                );
            }
        }
        assert!((256..=1024).contains(&cache.places.len()), "{}", cache.places.len());
        for to in 0..1_000_000 {
            cache.lookup(&table, Ipv4Addr::from_bits(to), || false);
        }
        assert_eq!(cache.places.len(), CACHE_MAX);
    }

    #[test]
    fn equal_hops_share_flows_evenly_and_differently_at_each_node() {
        let hops: Vec<Hop> = (0..4).map(|port| Hop { port, via: Ipv4Addr::UNSPECIFIED }).collect();
        let mut counts = [[0u32; 4]; 4];
        for flow in 0..4000u32 {
            let hash = flow.wrapping_mul(0x85eb_ca6b);
            counts[choose(&hops, 1, hash).port as usize][choose(&hops, 2, hash).port as usize] += 1;
        }
        assert!(counts.iter().flatten().all(|count| (180..320).contains(count)), "{counts:?}");
    }
}
