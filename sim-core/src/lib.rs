//! The engine: time, events, queue, shards, chance, packets, ports, links, queue disciplines, probes.

mod node;
mod packet;
mod params;
mod record;
mod time;
mod units;

pub use node::{Fault, Node};
pub use packet::{Ecn, Header, Packet, PacketClass, PacketRef, ParseError, Payload};
pub use params::{Amount, ParamHelp, Params, describe};
pub use record::{Column, Kind, Record, Table};
pub use time::{PS_PER_SECOND, Span, Time};
pub use units::{Prob, Rate, Size, UnitError};

/// The one door through which a node reaches the world.
pub struct Cx<'a, H: Header> {
    packets: &'a mut Vec<Packet<H>>,
}

impl<H: Header> Cx<'_, H> {
    /// The packet behind a reference.
    pub fn packet(&self, packet: &PacketRef) -> &Packet<H> {
        &self.packets[packet.0 as usize]
    }
}
