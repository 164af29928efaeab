//! What can stand at the ends of links.

use sim_core::{Cx, Fault, Node, PacketRef};

use crate::host::Host;
use crate::ip::{Gateway, Router};
use crate::wire::Frame;

/// A node: an enum, for every packet passes here.
pub enum NetNode {
    /// Has sockets and applications; does not forward.
    Host(Box<Host>),
    /// Forwards.
    Router(Box<Router>),
    /// Forwards, and has sockets and applications.
    Gateway(Box<Gateway>),
}

/// Calls the same method of whatever it is.
macro_rules! either {
    ($self:ident, $node:ident => $call:expr) => {
        match $self {
            NetNode::Host($node) => $call,
            NetNode::Router($node) => $call,
            NetNode::Gateway($node) => $call,
        }
    };
}

impl Node for NetNode {
    type Header = Frame;

    fn start(&mut self, cx: &mut Cx<'_, Frame>) {
        either!(self, node => node.start(cx))
    }

    #[inline]
    fn packet(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) {
        either!(self, node => node.packet(cx, port, packet))
    }

    fn timer(&mut self, cx: &mut Cx<'_, Frame>, token: u64) {
        either!(self, node => node.timer(cx, token))
    }

    fn fault(&mut self, cx: &mut Cx<'_, Frame>, fault: Fault) {
        either!(self, node => node.fault(cx, fault))
    }

    fn sample(&mut self, cx: &mut Cx<'_, Frame>) {
        either!(self, node => node.sample(cx))
    }

    fn last_words(&self, say: &mut dyn FnMut(u32, u64)) {
        either!(self, node => node.last_words(say))
    }

    fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        either!(self, node => node.finish(cx))
    }
}
