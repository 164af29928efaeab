//! A router's firewall, and its translation of addresses.
//!
//! Rules are looked at in their order, for whatever comes in, be it for others or for the router itself; the first one that fits decides. What
//! a router sends itself, errors by ICMP among it, meets none. Connections are kept in mind only where a rule asks for states or addresses are
//! translated; a packet of one that is known keeps it in mind even where it is dropped here, as in Linux. A translated packet meets the rules with its
//! destination as it goes on and its source as it came, as in Linux's `FORWARD` chain.
//!
//! Two hosts behind one router reach each other by its address outside, and see each other as those outside do (hairpinning, RFC 4787 §6).
//! A fragment has no ports: where a rule asks for some, for a state, or where addresses are translated, datagrams are put together first, in whatever
//! order their parts come (RFC 4787 §11), and cut again as they came, as in Linux (`nf_defrag_ipv4`).
//!
//! Absent: helpers for protocols that carry addresses inside (FTP), windows of TCP are not looked at, several addresses outside.

use std::net::Ipv4Addr;

use sim_core::{Payload, Time};

use super::cones::Cones;
use super::track::{Track, TrackTimes, Tuple, Way};
use super::translate::{quoted, rewrite};
use crate::host::{FirewallRow, NatRow};
use crate::wire::{Ipv4Repr, Protocol, Transport};

pub use crate::host::{FIREWALL, NAT};

/// What a router lets pass, and as what.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Gate {
    /// Rules, the first one first.
    pub rules: Vec<Rule>,
    /// What happens to what no rule fits. Default: it passes.
    pub otherwise: Action,
    /// Ports of the router behind which others see its address there in place of those of its hosts (masquerading).
    pub masquerade: Vec<u32>,
    /// Ports that lead to hosts inside.
    pub maps: Vec<PortMap>,
    /// Which port a host has outside.
    pub mapping: Mapping,
    /// Whether hosts inside do not reach each other by the router's address outside: what they send there is for the router itself. Default: they do.
    pub no_hairpin: bool,
    /// How long connections are remembered.
    pub times: TrackTimes,
}

/// One rule.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rule {
    /// The protocol's number; none: any.
    pub protocol: Option<u8>,
    /// Sources; none: any.
    pub from: Vec<Net>,
    /// Ports there, first and last; none: any.
    pub from_ports: Vec<(u16, u16)>,
    /// Destinations; none: any.
    pub to: Vec<Net>,
    /// Ports there.
    pub to_ports: Vec<(u16, u16)>,
    /// States, as bits ([`Rule::NEW`] and so on); 0: any.
    pub states: u8,
    /// What happens to what it fits.
    pub action: Action,
}

/// A network.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Net {
    /// Its address.
    pub address: Ipv4Addr,
    /// Bits of it that count.
    pub prefix: u8,
}

impl Net {
    /// Whether an address is in it.
    #[inline]
    pub fn has(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
        (address.to_bits() ^ self.address.to_bits()) & mask == 0
    }
}

/// What happens to a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Action {
    /// It passes.
    #[default]
    Allow,
    /// It is dropped, and nobody is told.
    Deny,
    /// It is dropped, and its sender is told.
    Reject(Reject),
}

/// How a sender is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Reject {
    /// A reset for TCP, «port unreachable» for others: as if nobody listened.
    #[default]
    Fitting,
    /// «Port unreachable» by ICMP.
    Port,
    /// «Administratively prohibited» by ICMP (RFC 1812 §5.2.7.1).
    Prohibited,
}

/// Which port a host has outside (RFC 4787 §4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mapping {
    /// Each connection has one of its own, and only who is asked may answer: «address and port-dependent», as Linux has it.
    #[default]
    Connection,
    /// Each port of a host has the same one whomever it talks to, and anybody may send there: «endpoint-independent». A firewall may still forbid it.
    Endpoint,
}

/// A port that leads inside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PortMap {
    /// The protocol's number.
    pub protocol: u8,
    /// The address that is asked for.
    pub address: Ipv4Addr,
    /// The port that is asked for.
    pub port: u16,
    /// Where it leads.
    pub to: (Ipv4Addr, u16),
}

impl Rule {
    /// The first packet of a connection, and what follows it before there is an answer.
    pub const NEW: u8 = 1;
    /// A packet of a connection that has gone both ways.
    pub const ESTABLISHED: u8 = 2;
    /// An error by ICMP about a packet of a connection.
    pub const RELATED: u8 = 4;
    /// What belongs to nothing and can begin nothing.
    pub const INVALID: u8 = 8;

    #[inline]
    fn fits(&self, seen: &Seen) -> bool {
        let port = |ports: &[(u16, u16)], port: u16| {
            ports.is_empty() || (seen.ports && ports.iter().any(|(first, last)| (*first..=*last).contains(&port)))
        };
        let net = |nets: &[Net], address| nets.is_empty() || nets.iter().any(|net| net.has(address));
        self.protocol.is_none_or(|protocol| protocol == seen.protocol)
            && (self.states == 0 || self.states & seen.state != 0)
            && net(&self.from, seen.src.0)
            && net(&self.to, seen.dst.0)
            && port(&self.from_ports, seen.src.1)
            && port(&self.to_ports, seen.dst.1)
    }
}

/// A packet as rules see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    protocol: u8,
    src: (Ipv4Addr, u16),
    /// As it goes on.
    pub dst: (Ipv4Addr, u16),
    /// Whether it has ports.
    ports: bool,
    state: u8,
    /// Whether it came from a host behind the router.
    inside: bool,
    /// The connection that it belongs to.
    conn: Option<(u64, Way)>,
    /// As it came, where it belongs to a connection or can begin one.
    tuple: Option<Tuple>,
    /// As it goes on, where that is another.
    pub becomes: Option<Tuple>,
    /// As what an ICMP error quotes goes on: with another outer header, and another inner one.
    pub error: Option<(Ipv4Addr, Ipv4Addr, Tuple)>,
}

impl Seen {
    /// As it came, before anything is known of its connection.
    fn new(protocol: u8, tuple: Option<Tuple>, ip: &Ipv4Repr, inside: bool) -> Seen {
        let ports = tuple.is_some() && ip.protocol != Protocol::Icmp;
        let (src, dst) = tuple.map_or(((ip.src, 0), (ip.dst, 0)), |tuple| (tuple.src, tuple.dst));
        let state = Rule::INVALID;
        Seen { protocol, src, dst, ports, state, inside, conn: None, tuple, becomes: None, error: None }
    }
}

/// A router's gate at work.
pub(super) struct Guard {
    gate: Gate,
    tracks: bool,
    /// Whether it has to see datagrams whole.
    pub joins: bool,
    track: Track,
    cones: Cones,
    /// Packets and bytes that each rule has fitted, and behind them those that none has.
    hits: Vec<(u64, u64)>,
    /// Each interface's address, for those that are masqueraded.
    outside: Vec<Option<Ipv4Addr>>,
    /// Where the search for a free port begins.
    next: u16,
}

/// Ports below are given to nobody who does not have them already.
const FIRST: u16 = 1024;

impl Guard {
    /// A gate for a router with interfaces of these addresses.
    pub fn new(gate: Gate, interfaces: &[Ipv4Addr]) -> Guard {
        let translates = !gate.masquerade.is_empty() || !gate.maps.is_empty();
        let tracks = translates || gate.rules.iter().any(|rule| rule.states != 0);
        let ports = gate.rules.iter().any(|rule| !rule.from_ports.is_empty() || !rule.to_ports.is_empty());
        let joins = tracks || ports;
        let outside = (0..).zip(interfaces).map(|(port, address)| gate.masquerade.contains(&port).then_some(*address));
        let hits = vec![(0, 0); gate.rules.len() + 1];
        let (track, cones) = (Track::default(), Cones::default());
        Guard { tracks, joins, track, cones, hits, outside: outside.collect(), next: FIRST, gate }
    }

    /// Looks at a packet that has come over a port of the router.
    pub fn see(&mut self, now: Time, port: u32, ip: &Ipv4Repr, transport: &Transport, payload: &Payload) -> Seen {
        let tuple = Tuple::of(ip, transport);
        let mut seen = Seen::new(u8::from(ip.protocol), tuple, ip, self.outside(port).is_none());
        if !self.tracks {
            return seen;
        }
        match (tuple, transport) {
            (Some(tuple), _) => self.belongs(now, tuple, transport, &mut seen, true),
            (None, Transport::Icmp(icmp)) if icmp.is_error() => self.error(now, ip, payload, &mut seen),
            _ => {}
        }
        seen
    }

    /// `maps`: whether ports of the router lead inside for it.
    fn belongs(&mut self, now: Time, tuple: Tuple, transport: &Transport, seen: &mut Seen, maps: bool) {
        seen.conn = self.track.find(now, &tuple);
        let goes_on = match seen.conn {
            Some((number, way)) => {
                let entry = self.track.entry(number);
                let old = entry.answered || way == Way::Reply;
                seen.state = if old { Rule::ESTABLISHED } else { Rule::NEW };
                let goes_on = if way == Way::Original { entry.reply.inverse() } else { entry.original.inverse() };
                // Linux does so in PREROUTING (`nf_conntrack_in`), before it is known whether the packet passes and where it goes.
                self.remember(now, (number, way), transport);
                goes_on
            }
            None if Track::may_begin(transport) => {
                seen.state = Rule::NEW;
                let leads = if maps { self.leads(now, tuple, seen.inside) } else { None };
                Tuple { dst: leads.unwrap_or(tuple.dst), ..tuple }
            }
            None => return,
        };
        seen.dst = goes_on.dst;
        seen.becomes = (goes_on != tuple).then_some(goes_on);
    }

    /// The router's address outside on a port, where that is masqueraded.
    fn outside(&self, port: u32) -> Option<Ipv4Addr> {
        self.outside.get(port as usize).copied().flatten()
    }

    /// Where a port leads that a first packet asks for.
    fn leads(&mut self, now: Time, tuple: Tuple, inside: bool) -> Option<(Ipv4Addr, u16)> {
        if inside && self.gate.no_hairpin && self.outside.contains(&Some(tuple.dst.0)) {
            return None;
        }
        let asked = |map: &&PortMap| (map.protocol, (map.address, map.port)) == (tuple.protocol, tuple.dst);
        let map = self.gate.maps.iter().find(asked).map(|map| map.to);
        map.or_else(|| self.cones.behind(now, (tuple.protocol, tuple.dst)))
    }

    /// An error goes where what it quotes has come from, and quotes what was sent there.
    fn error(&mut self, now: Time, ip: &Ipv4Repr, payload: &Payload, seen: &mut Seen) {
        let Some(quoted) = quoted(payload) else { return };
        let Some((number, way)) = self.track.find(now, &quoted.inverse()) else { return };
        let entry = self.track.entry(number);
        // Who complains about an original packet sees it as it went on: its answers come as `reply`.
        let (from, inner) = match way {
            Way::Reply => (entry.reply, entry.original),
            Way::Original => (entry.original, entry.reply),
        };
        let outer = inner.inverse();
        // Who complains may be a router between; where it is the other end itself, or somebody behind a masquerade, it appears as that.
        let hidden = way == Way::Original && outer.src.0 != from.src.0;
        let src = if ip.src == from.src.0 || hidden { outer.src.0 } else { ip.src };
        seen.state = Rule::RELATED;
        seen.dst = (outer.dst.0, 0);
        if (src, outer.dst.0, inner) != (ip.src, ip.dst, quoted) {
            seen.error = Some((src, outer.dst.0, inner));
        }
    }

    /// What the first rule that fits says.
    pub fn verdict(&mut self, seen: &Seen, bytes: u32) -> Action {
        let rules = &self.gate.rules;
        let at = rules.iter().position(|rule| rule.fits(seen)).unwrap_or(rules.len());
        self.hits[at].0 += 1;
        self.hits[at].1 += u64::from(bytes);
        rules.get(at).map_or(self.gate.otherwise, |rule| rule.action)
    }

    /// A packet passes, over a port of the router or to the router itself: a connection that it begins is kept in mind, and it gets a source where it
    /// needs one. Returns a mapping that is new; an error where no port is left.
    pub fn pass(
        &mut self,
        now: Time,
        seen: &mut Seen,
        transport: &Transport,
        over: Option<u32>,
    ) -> Result<Option<NatRow>, ()> {
        let (true, Some(tuple)) = (self.tracks, seen.tuple) else { return Ok(None) };
        let mut row = None;
        if seen.conn.is_none() && seen.state == Rule::NEW {
            let mut goes_on = Tuple { dst: seen.dst, ..tuple };
            let outside = over.and_then(|port| self.outside(port));
            // RFC 4787 §6: from one host inside to another by the address outside; it is seen as those outside see it.
            let hairpin = over.is_some() && seen.inside && goes_on.dst != tuple.dst;
            let hairpin = hairpin && self.outside.contains(&Some(tuple.dst.0));
            if let Some(address) = outside.or_else(|| hairpin.then_some(tuple.dst.0)) {
                goes_on.src = self.source(now, goes_on, address).ok_or(())?;
            }
            let reply = goes_on.inverse();
            if self.track.is_free(now, &reply) {
                let conn = (self.track.insert(now, tuple, reply), Way::Original);
                seen.conn = Some(conn);
                self.remember(now, conn, transport);
            }
            if goes_on != tuple {
                seen.becomes = Some(goes_on);
                row = Some(NatRow {
                    node: 0,
                    protocol: protocol_word(tuple.protocol),
                    inside: tuple.src.0,
                    inside_port: tuple.src.1,
                    outside: goes_on.src.0,
                    outside_port: goes_on.src.1,
                    asked: tuple.dst.0,
                    asked_port: tuple.dst.1,
                    peer: goes_on.dst.0,
                    peer_port: goes_on.dst.1,
                });
            }
        }
        Ok(row)
    }

    /// A packet of a connection has come: it is remembered from now on, and so are the ports that its ends have outside.
    fn remember(&mut self, now: Time, conn: (u64, Way), transport: &Transport) {
        self.track.came(now, &self.gate.times, conn, transport);
        if self.gate.mapping == Mapping::Endpoint {
            let (entry, until) = (self.track.entry(conn.0), self.track.until(conn.0));
            // Whoever began it, those of its ends that are behind the router keep their ports.
            for end in [entry.original.src, entry.reply.src] {
                self.cones.keep((entry.original.protocol, end), until);
            }
        }
    }

    /// As whom a new connection goes on.
    fn source(&mut self, now: Time, goes_on: Tuple, address: Ipv4Addr) -> Option<(Ipv4Addr, u16)> {
        let cone = (goes_on.protocol, goes_on.src);
        let keeps = self.gate.mapping == Mapping::Endpoint && goes_on.protocol != u8::from(Protocol::Icmp);
        if keeps && let Some(outside) = self.cones.of(now, cone) {
            return self.track.is_free(now, &Tuple { src: outside, ..goes_on }.inverse()).then_some(outside);
        }
        let outside = (address, self.free_port(now, Tuple { src: (address, goes_on.src.1), ..goes_on })?);
        if keeps {
            self.cones.insert(now, cone, outside);
        }
        Some(outside)
    }

    /// A datagram of the router itself that leaves over one of its ports: no rule is asked and no port leads inside, but its connection is kept in
    /// mind, and gets another port where somebody behind the router has the same. Returns as [`Guard::pass`].
    pub fn own(
        &mut self,
        now: Time,
        ip: &mut Ipv4Repr,
        transport: &mut Transport,
        over: u32,
    ) -> Result<Option<NatRow>, ()> {
        let (true, Some(tuple)) = (self.tracks, Tuple::of(ip, transport)) else { return Ok(None) };
        let mut seen = Seen::new(tuple.protocol, Some(tuple), ip, false);
        self.belongs(now, tuple, transport, &mut seen, false);
        let row = self.pass(now, &mut seen, transport, Some(over))?;
        if let Some(becomes) = &seen.becomes {
            rewrite(ip, transport, becomes);
        }
        Ok(row)
    }

    /// The port that a connection keeps, or the next free one behind the last that was given, from 1024 on and round (RFC 6056 §3.3.5 with
    /// an increment of one).
    fn free_port(&mut self, now: Time, goes_on: Tuple) -> Option<u16> {
        let with = |port| Tuple { src: (goes_on.src.0, port), ..goes_on }.inverse();
        let (own, next) = (goes_on.src.1, self.next);
        let ports = std::iter::once(own).chain(next..=u16::MAX).chain(FIRST..next);
        let free = ports.into_iter().find(|port| {
            let kept = self.cones.behind(now, (goes_on.protocol, (goes_on.src.0, *port)));
            kept.is_none() && self.track.is_free(now, &with(*port))
        })?;
        if free != own {
            self.next = free.checked_add(1).unwrap_or(FIRST);
        }
        Some(free)
    }

    /// The rows of its rules.
    pub fn rows(&self, node: u32) -> Vec<FirewallRow> {
        let action = |action: Action| match action {
            Action::Allow => 0,
            Action::Deny => 1,
            Action::Reject(_) => 2,
        };
        let actions = self.gate.rules.iter().map(|rule| rule.action).chain([self.gate.otherwise]);
        let last = self.gate.rules.len() as u64;
        (0..)
            .zip(actions)
            .zip(&self.hits)
            .map(|((at, what), (packets, bytes))| FirewallRow {
                node,
                // 0: no rule fitted.
                rule: if at == last { 0 } else { at + 1 },
                action: action(what),
                packets: *packets,
                bytes: *bytes,
            })
            .collect()
    }
}

fn protocol_word(protocol: u8) -> u32 {
    match Protocol::from(protocol) {
        Protocol::Tcp => 0,
        Protocol::Udp => 1,
        _ => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::UdpRepr;
    use sim_core::Span;

    const ROUTER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
    const SERVER: Ipv4Addr = Ipv4Addr::new(9, 9, 9, 9);

    fn inside(host: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, host)
    }

    fn at(seconds: u64) -> Time {
        Time::ZERO + Span::from_secs(seconds)
    }

    /// A datagram that passes over port 1: its state, and as whom it goes on.
    fn pass(
        guard: &mut Guard,
        now: Time,
        from: (Ipv4Addr, u16),
        to: (Ipv4Addr, u16),
    ) -> (u8, (Ipv4Addr, u16), (Ipv4Addr, u16)) {
        let ip = Ipv4Repr::new(from.0, to.0, Protocol::Udp);
        let transport = Transport::Udp(UdpRepr { src_port: from.1, dst_port: to.1 });
        let mut seen = guard.see(now, u32::from(from.0 == SERVER), &ip, &transport, &Payload::Empty);
        guard.pass(now, &mut seen, &transport, Some(1)).expect("there are ports");
        let goes_on = seen.becomes.unwrap_or(Tuple { protocol: 17, src: from, dst: to });
        (seen.state, goes_on.src, goes_on.dst)
    }

    #[test]
    fn rules_fit_what_they_say() {
        let net = |address, prefix| Net { address, prefix };
        let seen = |protocol, src, dst, state| Seen {
            protocol,
            src,
            dst,
            ports: protocol != 1,
            state,
            inside: true,
            conn: None,
            tuple: None,
            becomes: None,
            error: None,
        };
        let web = seen(6, (inside(1), 40_000), (SERVER, 443), Rule::NEW);
        let echo = seen(1, (inside(1), 7), (SERVER, 7), Rule::ESTABLISHED);
        let rules = [
            (Rule::default(), [true, true]),
            (Rule { protocol: Some(6), ..Rule::default() }, [true, false]),
            (Rule { from: vec![net(inside(0), 24)], ..Rule::default() }, [true, true]),
            (Rule { to: vec![net(inside(0), 24), net(SERVER, 32)], ..Rule::default() }, [true, true]),
            (Rule { from: vec![net(inside(2), 32)], ..Rule::default() }, [false, false]),
            (Rule { to_ports: vec![(80, 80), (440, 450)], ..Rule::default() }, [true, false]),
            (Rule { from_ports: vec![(1, 1023)], ..Rule::default() }, [false, false]),
            (Rule { states: Rule::ESTABLISHED | Rule::RELATED, ..Rule::default() }, [false, true]),
        ];
        for (rule, wanted) in rules {
            assert_eq!([rule.fits(&web), rule.fits(&echo)], wanted, "{rule:?}");
        }
        assert!(net(SERVER, 0).has(inside(1)) && !net(SERVER, 32).has(inside(1)));
    }

    #[test]
    fn addresses_are_hidden_ports_kept_where_they_are_free_and_forgotten_in_time() {
        let gate = Gate { masquerade: vec![1], ..Gate::default() };
        let mut guard = Guard::new(gate, &[inside(254), ROUTER]);
        let (new, old) = (Rule::NEW, Rule::ESTABLISHED);
        let server = (SERVER, 53);
        assert_eq!(pass(&mut guard, at(0), (inside(1), 5000), server), (new, (ROUTER, 5000), server));
        // The same port to the same server is taken, to another one it is not.
        assert_eq!(pass(&mut guard, at(0), (inside(2), 5000), server), (new, (ROUTER, 1024), server));
        assert_eq!(pass(&mut guard, at(0), (inside(3), 5000), (SERVER, 54)), (new, (ROUTER, 5000), (SERVER, 54)));
        // Answers find their way, until nothing has been heard for 30 s one way, 120 s both ways.
        assert_eq!(pass(&mut guard, at(29), server, (ROUTER, 1024)), (old, server, (inside(2), 5000)));
        assert_eq!(pass(&mut guard, at(30), server, (ROUTER, 5000)).0, new);
        assert_eq!(pass(&mut guard, at(148), server, (ROUTER, 1024)), (old, server, (inside(2), 5000)));
        assert_eq!(pass(&mut guard, at(268), server, (ROUTER, 1024)).2, (ROUTER, 1024));
    }

    /// As many as there are from 1024 on, each another one; what is forgotten is given again, wherever the search stands.
    #[test]
    fn every_port_is_given_and_given_again() {
        let gate = Gate { masquerade: vec![1], ..Gate::default() };
        let mut guard = Guard::new(gate, &[Ipv4Addr::new(10, 255, 255, 254), ROUTER]);
        let from = |host: u32| (Ipv4Addr::from_bits(0x0a00_0000 + host), 5000);
        let mut given = std::collections::BTreeSet::new();
        for host in 0..u32::from(u16::MAX - FIRST) + 1 {
            given.insert(pass(&mut guard, at(0), from(host), (SERVER, 53)).1.1);
        }
        assert_eq!((given.len(), given.first()), (usize::from(u16::MAX - FIRST) + 1, Some(&FIRST)));
        let ip = Ipv4Repr::new(from(100_000).0, SERVER, Protocol::Udp);
        let transport = Transport::Udp(UdpRepr { src_port: 5000, dst_port: 53 });
        let mut seen = guard.see(at(1), 0, &ip, &transport, &Payload::Empty);
        assert!(guard.pass(at(1), &mut seen, &transport, Some(1)).is_err(), "there is none left");
        assert_eq!(pass(&mut guard, at(31), from(100_000), (SERVER, 53)).1, (ROUTER, 5000));
        assert!(given.contains(&pass(&mut guard, at(31), from(100_001), (SERVER, 53)).1.1));
    }

    #[test]
    fn a_port_leads_inside_and_its_answers_come_from_it() {
        let map = PortMap { protocol: 17, address: ROUTER, port: 80, to: (inside(1), 8080) };
        let mut guard = Guard::new(Gate { maps: vec![map], ..Gate::default() }, &[inside(254), ROUTER]);
        let client = (SERVER, 7000);
        assert_eq!(pass(&mut guard, at(0), client, (ROUTER, 80)), (Rule::NEW, client, (inside(1), 8080)));
        assert_eq!(pass(&mut guard, at(1), (inside(1), 8080), client), (Rule::ESTABLISHED, (ROUTER, 80), client));
        assert_eq!(pass(&mut guard, at(1), client, (ROUTER, 81)).2, (ROUTER, 81));
    }

    #[test]
    fn the_first_rule_decides_and_is_counted() {
        let rules = vec![
            Rule { protocol: Some(1), action: Action::Allow, ..Rule::default() },
            Rule { to_ports: vec![(53, 53)], action: Action::Reject(Reject::Port), ..Rule::default() },
        ];
        let mut guard = Guard::new(Gate { rules, otherwise: Action::Deny, ..Gate::default() }, &[]);
        let ip = Ipv4Repr::new(inside(1), SERVER, Protocol::Udp);
        for (port, wanted) in [(53, Action::Reject(Reject::Port)), (54, Action::Deny)] {
            let transport = Transport::Udp(UdpRepr { src_port: 1, dst_port: port });
            let seen = guard.see(at(0), 0, &ip, &transport, &Payload::Empty);
            assert_eq!(guard.verdict(&seen, 100), wanted);
        }
        let counted: Vec<_> = guard.rows(0).iter().map(|row| (row.rule, row.action, row.packets, row.bytes)).collect();
        assert_eq!(counted, [(1, 0, 0, 0), (2, 2, 1, 100), (0, 1, 1, 100)]);
    }
}
