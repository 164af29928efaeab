//! The internet layer: addresses, routes, forwarding, ARP, ICMP errors, fragmentation.
//!
//! | to read | file |
//! | --- | --- |
//! | longest-prefix match, equal-cost hops by flow hash, the cache in front | `routes` |
//! | resolving neighbours on Ethernet | `arp` |
//! | cutting datagrams and putting them together | `fragments` |
//! | what hosts and routers share, and what a host embeds | `stack` |
//! | a router | `router` |
//!
//! Absent: IPv4 options are tolerated, not obeyed; no redirects, no multicast; ICMP errors are not rate-limited; ARP entries do not age
//! (they go when the port loses its carrier); directed broadcasts are not forwarded (RFC 2644); path MTUs do not age; a node cannot
//! send to itself, and is not told by ICMP about datagrams of its own that do not leave it.

mod arp;
mod errors;
mod fragments;
mod router;
mod routes;
mod stack;
#[cfg(test)]
mod tests;

pub use router::Router;
pub use routes::{Hop, Route, RouteTable};
pub use stack::{Interface, IpConfig, IpStack, WAKE};
