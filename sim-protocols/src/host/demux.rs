//! Which connection a segment belongs to: one look-up in an open-addressed table with a fixed hash.

use std::net::Ipv4Addr;

/// Addresses and ports of a connection, packed: local address, remote address, local port, remote port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct FourTuple(u64, u32);

impl FourTuple {
    #[inline]
    pub fn new(local: (Ipv4Addr, u16), remote: (Ipv4Addr, u16)) -> FourTuple {
        let addresses = u64::from(local.0.to_bits()) << 32 | u64::from(remote.0.to_bits());
        FourTuple(addresses, u32::from(local.1) << 16 | u32::from(remote.1))
    }

    /// Local and remote address.
    #[inline]
    pub fn addresses(self) -> (Ipv4Addr, Ipv4Addr) {
        (Ipv4Addr::from_bits((self.0 >> 32) as u32), Ipv4Addr::from_bits(self.0 as u32))
    }

    /// Local and remote port.
    pub fn ports(self) -> (u16, u16) {
        ((self.1 >> 16) as u16, self.1 as u16)
    }

    /// A hash that nobody can guess without the secret.
    pub fn keyed_hash(self, secret: u64) -> u64 {
        FourTuple(self.0 ^ secret, self.1 ^ (secret >> 32) as u32).hash() ^ self.hash()
    }

    #[inline]
    fn hash(self) -> u64 {
        // Fibonacci hashing of the two words; the upper bits are the good ones.
        let mixed = (self.0 ^ u64::from(self.1).rotate_left(21)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9)
    }
}

/// Marks a place that holds nothing.
const EMPTY: u32 = u32::MAX;

/// The table. Nobody iterates over it, so its order reaches nothing.
#[derive(Debug, Default)]
pub(crate) struct Demux {
    places: Vec<(FourTuple, u32)>,
    len: usize,
    /// What was found last: bulk traffic asks for the same again.
    last: Option<(FourTuple, u32)>,
}

impl Demux {
    #[inline]
    pub fn find(&mut self, key: FourTuple) -> Option<u32> {
        if let Some((last, slot)) = self.last
            && last == key
        {
            return Some(slot);
        }
        let slot = self.place(key).map(|at| self.places[at].1)?;
        self.last = Some((key, slot));
        Some(slot)
    }

    /// Whether the key is there.
    pub fn contains(&self, key: FourTuple) -> bool {
        self.place(key).is_some()
    }

    /// Adds a key that is not there yet.
    pub fn insert(&mut self, key: FourTuple, slot: u32) {
        assert!(self.place(key).is_none(), "a connection is entered once");
        if (self.len + 1) * 2 > self.places.len() {
            let size = (self.places.len() * 2).max(4);
            let old = std::mem::replace(&mut self.places, vec![(FourTuple(0, 0), EMPTY); size]);
            for (key, slot) in old.into_iter().filter(|place| place.1 != EMPTY) {
                self.put(key, slot);
            }
        }
        self.put(key, slot);
        self.len += 1;
    }

    /// Removes a key; says whether it was there.
    pub fn remove(&mut self, key: FourTuple) -> bool {
        self.last = None;
        let Some(mut hole) = self.place(key) else { return false };
        self.len -= 1;
        // What stands behind the hole moves up as long as its own place is not between the two.
        let mask = self.places.len() - 1;
        let mut next = hole;
        loop {
            next = (next + 1) & mask;
            if self.places[next].1 == EMPTY {
                self.places[hole].1 = EMPTY;
                return true;
            }
            let home = self.home(self.places[next].0);
            if (next.wrapping_sub(home) & mask) >= (next.wrapping_sub(hole) & mask) {
                self.places[hole] = self.places[next];
                hole = next;
            }
        }
    }

    fn home(&self, key: FourTuple) -> usize {
        (key.hash() >> 32) as usize & (self.places.len() - 1)
    }

    fn place(&self, key: FourTuple) -> Option<usize> {
        if self.len == 0 {
            return None;
        }
        let mut at = self.home(key);
        while self.places[at].1 != EMPTY {
            if self.places[at].0 == key {
                return Some(at);
            }
            at = (at + 1) & (self.places.len() - 1);
        }
        None
    }

    fn put(&mut self, key: FourTuple, slot: u32) {
        let mut at = self.home(key);
        while self.places[at].1 != EMPTY {
            at = (at + 1) & (self.places.len() - 1);
        }
        self.places[at] = (key, slot);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_agrees_with_a_map_under_random_use() {
        let (mut demux, mut map, mut state) = (Demux::default(), BTreeMap::new(), 1u64);
        for step in 0..20_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let number = (state >> 33) as u32 % 300;
            let local = (Ipv4Addr::from_bits(0x0a00_0001 + number % 3), 80);
            let key =
                FourTuple::new(local, (Ipv4Addr::from_bits(0x0a00_0100 + number / 7), 32_768 + (number % 7) as u16));
            match state >> 62 {
                0 => assert_eq!(demux.remove(key), map.remove(&number).is_some()),
                1 if !map.contains_key(&number) => {
                    demux.insert(key, step);
                    map.insert(number, step);
                }
                _ => assert_eq!(demux.find(key), map.get(&number).copied()),
            }
            assert_eq!(demux.len, map.len());
        }
        assert!(map.len() > 50);
    }
}
