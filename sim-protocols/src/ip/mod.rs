//! The internet layer: addresses, routes, forwarding, ARP, ICMP errors, fragmentation.
//!
//! | to read | file |
//! | --- | --- |
//! | longest-prefix match, equal-cost hops by flow hash, the cache in front | `routes` |
//! | resolving neighbours on Ethernet | `arp` |
//! | cutting datagrams and putting them together | `fragments` |
//! | groups on a link | `groups` |
//! | what hosts and routers share, and what a host embeds | `stack` |
//! | a router, and one with programs | `router` |
//! | a router's firewall and translation of addresses | `gate` |
//! | connections as a router sees them; ports that hosts keep outside; headers rewritten | `track`, `cones`, `translate` |
//!
//! Absent: IPv4 options are tolerated, not obeyed; no redirects; groups do not reach beyond a link: no IGMP,
//! and routers drop what is sent to one; ICMP errors are not rate-limited (RFC 1812 §4.3.2.8; Linux
//! sends one a second to each destination); nobody announces itself by ARP or answers for another (RFC 1027), announcements are heard;
//! directed broadcasts are not forwarded (RFC 2644); path MTUs only fall, they do not age (RFC 1191 §6.3); a node cannot send to itself.

mod alter;
mod arp;
mod cones;
mod errors;
mod fragments;
mod gate;
mod groups;
mod router;
mod routes;
mod stack;
#[cfg(test)]
mod tests;
mod track;
mod translate;

pub use alter::Alter;
pub use gate::{Action, FIREWALL, Gate, Mapping, NAT, Net as AddressNet, PortMap, Reject, Rule};
pub use router::{Gateway, Router};
pub use routes::{Hop, Route, RouteTable};
pub use stack::{Interface, IpConfig, IpStack, WAKE};
pub use track::TrackTimes;
