//! Ports that hosts behind a router keep outside, whomever they talk to (RFC 4787 §4.1: endpoint-independent mapping, §5: and filtering).

use std::net::Ipv4Addr;

use rustc_hash::FxHashMap;
use sim_core::Time;

/// An address and a port of a protocol.
pub(super) type Endpoint = (u8, (Ipv4Addr, u16));

/// Where an endpoint is seen outside, and until when.
#[derive(Clone, Copy, Debug)]
struct Cone {
    outside: (Ipv4Addr, u16),
    expires: Time,
}

/// The ports that are kept.
#[derive(Debug, Default)]
pub(super) struct Cones {
    inside: FxHashMap<Endpoint, Cone>,
    /// Who is behind each.
    outside: FxHashMap<Endpoint, (Ipv4Addr, u16)>,
    /// Entries above which the table is swept.
    sweep_at: usize,
}

impl Cones {
    /// As whom an endpoint inside is seen outside.
    pub fn of(&mut self, now: Time, (protocol, inside): Endpoint) -> Option<(Ipv4Addr, u16)> {
        let cone = *self.inside.get(&(protocol, inside))?;
        if cone.expires > now {
            return Some(cone.outside);
        }
        self.inside.remove(&(protocol, inside));
        self.outside.remove(&(protocol, cone.outside));
        None
    }

    /// Who inside is seen as this outside.
    pub fn behind(&mut self, now: Time, (protocol, outside): Endpoint) -> Option<(Ipv4Addr, u16)> {
        let inside = *self.outside.get(&(protocol, outside))?;
        self.of(now, (protocol, inside)).map(|_| inside)
    }

    /// An endpoint inside gets a port. It holds as long as one of its connections is remembered.
    pub fn insert(&mut self, now: Time, (protocol, inside): Endpoint, outside: (Ipv4Addr, u16)) {
        if self.inside.len() >= self.sweep_at {
            // In which order does not matter.
            self.inside.retain(|_, cone| cone.expires > now);
            let left = &self.inside;
            self.outside.retain(|(protocol, _), inside| left.contains_key(&(*protocol, *inside)));
            self.sweep_at = (2 * self.inside.len()).max(1024);
        }
        self.inside.insert((protocol, inside), Cone { outside, expires: now });
        self.outside.insert((protocol, outside), inside);
    }

    /// A connection of an endpoint is remembered until then.
    pub fn keep(&mut self, inside: Endpoint, until: Time) {
        if let Some(cone) = self.inside.get_mut(&inside) {
            cone.expires = cone.expires.max(until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim_core::Span;

    #[test]
    fn a_port_is_kept_as_long_as_it_is_used_and_free_thereafter() {
        let at = |seconds| Time::ZERO + Span::from_secs(seconds);
        let (inside, outside) = ((Ipv4Addr::new(10, 0, 0, 1), 5000), (Ipv4Addr::new(198, 51, 100, 1), 5000));
        let mut cones = Cones::default();
        cones.insert(at(0), (17, inside), outside);
        cones.keep((17, inside), at(30));
        // A connection that is forgotten sooner takes nothing away.
        cones.keep((17, inside), at(10));
        assert_eq!(
            (cones.of(at(29), (17, inside)), cones.behind(at(29), (17, outside))),
            (Some(outside), Some(inside))
        );
        assert_eq!((cones.of(at(29), (6, inside)), cones.behind(at(29), (17, inside))), (None, None));
        assert_eq!((cones.behind(at(30), (17, outside)), cones.of(at(30), (17, inside))), (None, None));
        assert!(cones.inside.is_empty() && cones.outside.is_empty());
        for port in 0..5000 {
            cones.insert(at(40), (17, (inside.0, port)), (outside.0, port));
        }
        assert!(cones.inside.len() < 3000, "those that nobody keeps are swept");
    }
}
