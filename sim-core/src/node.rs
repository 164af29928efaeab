//! What the engine asks of a node. A node reaches the world through [`Cx`](crate::Cx) alone.

use crate::{Cx, Header, PacketRef};

/// Something that befalls a node at a time that the experiment file gives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The node's port has lost its carrier; its queue has been emptied.
    PortDown(u32),
    /// The node's port has its carrier back.
    PortUp(u32),
    /// The control plane installs the node's routing table number so and so (the plan holds the tables).
    Routes(u32),
}

/// A host, a router: whatever stands at the ends of links.
pub trait Node: Send {
    /// The typed headers of the packets that it understands.
    type Header: Header;
    /// The simulation starts.
    fn start(&mut self, cx: &mut Cx<'_, Self::Header>);
    /// A packet has arrived whole at the node's `port`. The node owns it now: it sends it on or frees it.
    fn packet(&mut self, cx: &mut Cx<'_, Self::Header>, port: u32, packet: PacketRef);
    /// A wake-up that it asked for with [`Cx::wake_at`](crate::Cx::wake_at). There is no cancelling: a stale one returns
    /// before it touches anything that can be seen.
    fn timer(&mut self, cx: &mut Cx<'_, Self::Header>, token: u64);
    /// Something befalls it.
    fn fault(&mut self, cx: &mut Cx<'_, Self::Header>, fault: Fault);
    /// A sampling moment, if the run samples series: rows may be emitted, and nothing else may be done.
    fn sample(&mut self, _cx: &mut Cx<'_, Self::Header>) {}
    /// The simulation has reached its stop: what other nodes' last rows need to know of flows, a word for each (see [`Cx::said`](crate::Cx::said)).
    fn last_words(&self, _say: &mut dyn FnMut(u32, u64)) {}
    /// The simulation has reached its stop: last rows are emitted, packets held are freed.
    fn finish(&mut self, cx: &mut Cx<'_, Self::Header>);
}
