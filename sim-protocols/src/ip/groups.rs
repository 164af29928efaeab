//! Multicast on a link: groups that sockets have joined, and datagrams that leave over a port of their sender's choice. There is no IGMP: who has
//! joined is told to nobody, so a group does not reach beyond the links of its sender (see the doc of the layer).

use std::net::Ipv4Addr;

use sim_core::{Cx, Payload};

use super::routes::Hop;
use super::stack::IpStack;
use crate::wire::{Frame, Ipv4Repr, Net};

/// All hosts of a link, members of which are all hosts (RFC 1112 §4).
const ALL_HOSTS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);

impl IpStack {
    /// A socket joins a group on a port.
    pub fn join(&mut self, port: u32, group: Ipv4Addr) {
        let at = self.groups.partition_point(|joined| *joined < (group, port));
        self.groups.insert(at, (group, port));
    }

    /// A socket leaves a group that it has joined.
    pub fn leave(&mut self, port: u32, group: Ipv4Addr) {
        if let Ok(at) = self.groups.binary_search(&(group, port)) {
            self.groups.remove(at);
        }
    }

    /// Whether somebody here has joined a group on a port.
    pub fn has_joined(&self, port: u32, group: Ipv4Addr) -> bool {
        group == ALL_HOSTS || self.groups.binary_search(&(group, port)).is_ok()
    }

    /// The port that has an address.
    pub fn port_of(&self, address: Ipv4Addr) -> Option<u32> {
        let at = self.interfaces.iter().position(|interface| interface.address == address)?;
        Some(at as u32)
    }

    /// The address of a port.
    pub fn address_of(&self, port: u32) -> Ipv4Addr {
        self.interfaces[port as usize].address
    }

    /// Sends a datagram over a port to who is on its link, whatever the routes say. Says, as [`IpStack::output`], what the link carries where
    /// it had to be discarded.
    pub fn output_over(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        port: u32,
        mut frame: Frame,
        payload: Payload,
        flow: u32,
    ) -> Option<u32> {
        let Net::Ipv4(ip, transport) = &mut frame.net else { unreachable!("datagrams alone are sent this way") };
        ip.ident = self.next_ident();
        let dst = ip.dst;
        let len = (Ipv4Repr::LEN + transport.header_len()) as u32 + payload.len();
        let hop = Hop { port, via: Ipv4Addr::UNSPECIFIED };
        let mtu = cx.link(port).mtu;
        if len > mtu {
            return self.output_cut(cx, hop, &frame, &payload, (mtu, flow));
        }
        let packet = cx.make(frame, payload, len, flow);
        self.transmit(cx, hop, dst, packet);
        None
    }
}
