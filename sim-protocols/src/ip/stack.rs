//! What hosts and routers share: interfaces, sending over the right one, ICMP, what is for this node.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::Arc;

use sim_core::{Aside, Cx, DropCause, Fault, Header, PacketRef, ParseError, Payload, flip};

use super::arp::{Due, Neighbour, Neighbours, Next};
use super::errors::OwnError;
use super::fragments::{Joined, Reassembly, cut};
use super::gate::Guard;
use super::routes::{Hop, RouteCache, RouteTable, Way, choose};
use crate::tcp::{Segment, reset_for};
use crate::wire::{
    ArpOperation, ArpRepr, EthernetRepr, Frame, Icmpv4Repr, Ipv4Repr, MacAddr, Net, Protocol, TimeExceeded, Transport,
    Unreachable,
};

/// The upper byte of the tokens of this layer's wake-ups.
pub const WAKE: u64 = 4 << 56;

/// The header length of an Ethernet frame in bits.
const LINK_BITS: u32 = EthernetRepr::LEN as u32 * 8;
/// The header length of an IPv4 datagram in bits.
const HEADER_BITS: u32 = Ipv4Repr::LEN as u32 * 8;

/// The address of a port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Interface {
    /// Its address.
    pub address: Ipv4Addr,
    /// Bits of the network part.
    pub prefix: u8,
}

impl Interface {
    /// The address of all nodes of its network; none where the network has room for two only (RFC 3021).
    pub fn broadcast(&self) -> Option<Ipv4Addr> {
        (self.prefix < 31).then(|| Ipv4Addr::from_bits(self.address.to_bits() | u32::MAX >> self.prefix))
    }
}

/// The internet layer of a node, as the plan gives it.
#[derive(Clone, Debug, Default)]
pub struct IpConfig {
    /// The address of each port, by its number.
    pub interfaces: Vec<Interface>,
    /// Routing tables: the first from the start, the others as [`Fault::Routes`] says. They hold the networks that the node is on, too.
    pub tables: Vec<Arc<RouteTable>>,
}

/// The internet layer of a node.
pub struct IpStack {
    pub(super) interfaces: Vec<Interface>,
    /// The interfaces' addresses, sorted.
    addresses: Vec<Ipv4Addr>,
    /// The broadcast addresses of their networks, sorted.
    broadcasts: Vec<Ipv4Addr>,
    tables: Vec<Arc<RouteTable>>,
    table: usize,
    cache: RouteCache,
    neighbours: Neighbours,
    reassembly: Reassembly,
    /// Path MTUs that routers have told (RFC 1191), by destination, sorted.
    path_mtu: Vec<(Ipv4Addr, u16)>,
    ident: u16,
    scratch: Vec<u8>,
    /// What the link of each port carries, as [`IpStack::learn_links`] has found it.
    mtus: Vec<u32>,
    /// Groups that sockets have joined, with their ports, sorted; as often as they have.
    pub(super) groups: Vec<(Ipv4Addr, u32)>,
    /// Whether there are sockets, and what they are still to be told.
    pub(super) sockets: bool,
    pub(super) own_errors: VecDeque<OwnError>,
    /// A router's firewall and translation; most have none, and hosts never.
    pub(super) guard: Option<Box<Guard>>,
}

impl IpStack {
    /// An internet layer.
    pub fn new(mut config: IpConfig) -> IpStack {
        if config.tables.is_empty() {
            config.tables.push(Arc::default());
        }
        let mut addresses: Vec<Ipv4Addr> = config.interfaces.iter().map(|interface| interface.address).collect();
        addresses.sort_unstable();
        let mut broadcasts: Vec<Ipv4Addr> = config.interfaces.iter().filter_map(Interface::broadcast).collect();
        broadcasts.sort_unstable();
        IpStack {
            cache: RouteCache::new(),
            interfaces: config.interfaces,
            addresses,
            broadcasts,
            tables: config.tables,
            table: 0,
            neighbours: Neighbours::default(),
            reassembly: Reassembly::default(),
            path_mtu: Vec::new(),
            ident: 0,
            scratch: Vec::new(),
            mtus: Vec::new(),
            groups: Vec::new(),
            sockets: false,
            own_errors: VecDeque::new(),
            guard: None,
        }
    }

    /// Whether an address is this node's.
    #[inline]
    pub fn is_mine(&self, address: Ipv4Addr) -> bool {
        match self.addresses.as_slice() {
            [only] => *only == address,
            many => many.binary_search(&address).is_ok(),
        }
    }

    /// Whether a datagram to this address is for all nodes of a network that this node is on (RFC 1122 §3.3.6).
    #[inline]
    pub fn is_broadcast(&self, address: Ipv4Addr) -> bool {
        address.is_broadcast() || self.broadcasts.binary_search(&address).is_ok()
    }

    /// The address from which this node talks to another: that of the interface over which it goes.
    #[inline]
    pub fn source_for(&mut self, to: Ipv4Addr) -> Option<Ipv4Addr> {
        if let [only] = self.interfaces.as_slice() {
            return Some(only.address);
        }
        let port = match self.way(to) {
            Way::Hop(hop) => hop.port,
            Way::Hops(hops) => hops[0].port,
            Way::Here => self.port_of_broadcast(to)?,
            Way::Nowhere => return None,
        };
        Some(self.interfaces[port as usize].address)
    }

    /// Learns what the node's links carry. To be called when the simulation starts; no link changes it later.
    pub fn learn_links(&mut self, cx: &Cx<'_, Frame>) {
        self.mtus = (0..cx.ports()).map(|port| cx.link(port).mtu).collect();
    }

    /// The largest datagram that the way to a destination is known to carry.
    pub fn mtu_to(&mut self, to: Ipv4Addr) -> Option<u32> {
        let mtu = |mtus: &[u32], port: u32| mtus[port as usize];
        let mtus = std::mem::take(&mut self.mtus);
        let link = match self.way(to) {
            Way::Hop(hop) => Some(mtu(&mtus, hop.port)),
            Way::Hops(hops) => hops.iter().map(|hop| mtu(&mtus, hop.port)).min(),
            Way::Here => self.port_of_broadcast(to).map(|port| mtu(&mtus, port)),
            Way::Nowhere => None,
        };
        self.mtus = mtus;
        let link = link?;
        Some(self.path_mtu(to).map_or(link, |path| link.min(path)))
    }

    /// Whether a router has ever said that a way carries less than its first link.
    pub fn knows_narrow_paths(&self) -> bool {
        !self.path_mtu.is_empty()
    }

    /// Learns a path MTU from a router's error about a datagram to `to`.
    pub fn learn_mtu(&mut self, to: Ipv4Addr, mtu: u16) {
        // RFC 791 §3.2: every way carries 68 bytes. An old router says 0: then as Linux, 576.
        let mtu = if mtu == 0 { 576 } else { mtu.max(68) };
        match self.path_mtu.binary_search_by_key(&to, |(to, _)| *to) {
            Ok(at) => self.path_mtu[at].1 = self.path_mtu[at].1.min(mtu),
            Err(at) => self.path_mtu.insert(at, (to, mtu)),
        }
    }

    fn path_mtu(&self, to: Ipv4Addr) -> Option<u32> {
        if self.path_mtu.is_empty() {
            return None;
        }
        let at = self.path_mtu.binary_search_by_key(&to, |(to, _)| *to).ok()?;
        Some(self.path_mtu[at].1.into())
    }

    /// Where datagrams to an address go.
    #[inline(always)]
    pub(super) fn way(&mut self, to: Ipv4Addr) -> Way<'_> {
        let IpStack { cache, tables, table, addresses, broadcasts, .. } = self;
        cache.lookup(&tables[*table], to, || {
            let mine = addresses.binary_search(&to).is_ok();
            mine || to.is_broadcast() || to.is_multicast() || broadcasts.binary_search(&to).is_ok()
        })
    }

    /// The port of the network that a broadcast address is of; the first one for that of whatever network, and for groups.
    fn port_of_broadcast(&self, to: Ipv4Addr) -> Option<u32> {
        let any = to.is_broadcast() || to.is_multicast();
        let at = self.interfaces.iter().position(|interface| any || interface.broadcast() == Some(to))?;
        Some(at as u32)
    }

    /// Something befalls the node. A router does not go around its own dead ports by itself: new tables come from the plan.
    pub fn fault(&mut self, fault: Fault) {
        match fault {
            Fault::Routes(table) => {
                self.table = table as usize;
                assert!(self.table < self.tables.len(), "the plan has this table");
                self.cache = RouteCache::new();
            }
            Fault::PortDown(port) => self.neighbours.forget(port),
            Fault::PortUp(_) => {}
        }
    }

    /// The end of the simulation: packets that wait are freed, and the rules of a firewall have their rows.
    pub fn finish(&mut self, cx: &mut Cx<'_, Frame>) {
        if let Some(guard) = &self.guard {
            guard.rows(cx.node()).iter().for_each(|row| cx.emit(row));
        }
        self.neighbours.drain().for_each(|packet| cx.free(packet));
    }
}

/// Sending.
impl IpStack {
    /// Sends a datagram of this node's own. UDP and ICMP are cut where they are longer than the way is known to carry; TCP keeps
    /// its segments short enough: where one is too long all the same, because the way has changed, it is discarded, and what
    /// the way carries is given back (Linux's EMSGSIZE).
    #[inline]
    pub fn output(&mut self, cx: &mut Cx<'_, Frame>, frame: Frame, payload: Payload, flow: u32) -> Option<u32> {
        self.output_beside(cx, frame, payload, flow, None)
    }

    /// The same with what the receiver is to know besides.
    #[inline]
    pub fn output_beside(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        mut frame: Frame,
        payload: Payload,
        flow: u32,
        aside: Option<Box<Aside>>,
    ) -> Option<u32> {
        let Net::Ipv4(ip, transport) = &mut frame.net else { unreachable!("datagrams alone are sent this way") };
        ip.ident = self.next_ident();
        let dst = ip.dst;
        let len = (Ipv4Repr::LEN + transport.header_len()) as u32 + payload.len();
        let hop = match self.way(dst) {
            Way::Hop(hop) => Some(hop),
            Way::Hops(hops) => Some(choose(hops, cx.node(), frame.flow_hash())),
            Way::Here => self.port_of_broadcast(dst).map(|port| Hop { port, via: Ipv4Addr::UNSPECIFIED }),
            Way::Nowhere => None,
        };
        let Some(hop) = hop else {
            let tcp = matches!(frame.net, Net::Ipv4(ip, _) if ip.protocol == Protocol::Tcp);
            let packet = cx.make(frame, payload, len, flow);
            // Linux's `sendmsg` says ENETUNREACH; a segment is just lost, for TCP sends it again.
            if !tcp {
                self.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Network));
            }
            cx.discard(packet, DropCause::NoRoute);
            return None;
        };
        if self.guard.is_some() && !self.guard_own(cx, &mut frame, hop.port) {
            let packet = cx.make(frame, payload, len, flow);
            cx.discard(packet, DropCause::NoPort);
            return None;
        }
        let link = cx.link(hop.port).mtu;
        let mtu = self.path_mtu(dst).map_or(link, |path| link.min(path));
        if len > mtu {
            return self.output_cut(cx, hop, &frame, &payload, (mtu, flow));
        }
        let packet = cx.make(frame, payload, len, flow);
        if aside.is_some() {
            cx.packet_mut(&packet).aside = aside;
        }
        self.transmit(cx, hop, dst, packet);
        None
    }

    #[inline]
    pub(super) fn next_ident(&mut self) -> u16 {
        self.ident = self.ident.wrapping_add(1);
        self.ident
    }

    #[cold]
    pub(super) fn output_cut(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        hop: Hop,
        frame: &Frame,
        payload: &Payload,
        (mtu, flow): (u32, u32),
    ) -> Option<u32> {
        let Net::Ipv4(mut ip, transport) = frame.net else { unreachable!("datagrams alone are sent this way") };
        if ip.protocol == Protocol::Tcp {
            let packet = cx.make(*frame, payload.clone(), frame.network_len(payload.len()), flow);
            cx.discard(packet, DropCause::MustFragment);
            return Some(mtu);
        }
        ip.dont_fragment = false;
        self.send_pieces(cx, hop, &ip, &transport, payload, (mtu, flow));
        None
    }

    pub(super) fn send_pieces(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        hop: Hop,
        ip: &Ipv4Repr,
        transport: &Transport,
        payload: &Payload,
        (mtu, flow): (u32, u32),
    ) {
        for (piece, bytes) in cut(ip, transport, payload, mtu) {
            let frame = Frame::ipv4(piece, Transport::Raw);
            let len = frame.network_len(bytes.len());
            let packet = cx.make(frame, bytes, len, flow);
            self.transmit(cx, hop, ip.dst, packet);
        }
    }

    /// Hands a datagram to a port, with the neighbour's hardware address where the link has such.
    #[inline]
    pub(super) fn transmit(&mut self, cx: &mut Cx<'_, Frame>, hop: Hop, to: Ipv4Addr, packet: PacketRef) {
        if cx.link(hop.port).framed {
            let neighbour = if hop.via.is_unspecified() { to } else { hop.via };
            return self.transmit_framed(cx, hop.port, neighbour, packet);
        }
        cx.packet_mut(&packet).header.link = None;
        cx.send(hop.port, packet);
    }

    fn transmit_framed(&mut self, cx: &mut Cx<'_, Frame>, port: u32, neighbour: Ipv4Addr, packet: PacketRef) {
        let dst = match self.neighbours.find(cx.now(), port, neighbour) {
            Some(Neighbour::Fresh(mac)) => mac,
            Some(Neighbour::Stale(mac)) => {
                self.poll(cx, port, neighbour, mac);
                mac
            }
            // RFC 894: the broadcast address of IP is that of Ethernet.
            None if self.is_broadcast(neighbour) => MacAddr::BROADCAST,
            None if neighbour.is_multicast() => MacAddr::of_group(neighbour),
            None => return self.resolve(cx, port, neighbour, packet),
        };
        cx.packet_mut(&packet).header.link = Some(EthernetRepr { src: MacAddr::of_port(cx.node(), port), dst });
        cx.send(port, packet);
    }

    /// Asks a neighbour whether it is still there, while packets go on to where it was.
    #[cold]
    fn poll(&mut self, cx: &mut Cx<'_, Frame>, port: u32, neighbour: Ipv4Addr, mac: MacAddr) {
        self.neighbours.polled(cx.now(), port, neighbour);
        self.ask(cx, port, neighbour, mac);
        cx.wake_at(Neighbours::retry(cx.now()), WAKE);
    }

    #[cold]
    fn resolve(&mut self, cx: &mut Cx<'_, Frame>, port: u32, neighbour: Ipv4Addr, packet: PacketRef) {
        match self.neighbours.wait(cx.now(), port, neighbour, packet) {
            Next::Ask => {
                self.ask(cx, port, neighbour, MacAddr::BROADCAST);
                cx.wake_at(Neighbours::retry(cx.now()), WAKE);
            }
            Next::Wait => {}
            Next::Refuse(packet) => cx.discard(packet, DropCause::NoNeighbour),
        }
    }

    /// Asks all stations of a link, or one, who has an address.
    fn ask(&mut self, cx: &mut Cx<'_, Frame>, port: u32, target: Ipv4Addr, whom: MacAddr) {
        let arp = ArpRepr {
            operation: ArpOperation::Request,
            sender_mac: MacAddr::of_port(cx.node(), port),
            sender: self.interfaces[port as usize].address,
            target_mac: MacAddr::default(),
            target,
        };
        self.send_arp(cx, port, whom, arp);
    }

    fn send_arp(&mut self, cx: &mut Cx<'_, Frame>, port: u32, dst: MacAddr, arp: ArpRepr) {
        let link = Some(EthernetRepr { src: arp.sender_mac, dst });
        let packet = cx.make(Frame { net: Net::Arp(arp), link }, Payload::Empty, ArpRepr::LEN as u32, 0);
        cx.send(port, packet);
    }

    /// A wake-up of this layer.
    pub fn timer(&mut self, cx: &mut Cx<'_, Frame>) {
        let now = cx.now();
        while let Some(due) = self.neighbours.due(now) {
            match due {
                Due::Ask(port, address, whom) => {
                    self.ask(cx, port, address, whom);
                    cx.wake_at(Neighbours::retry(now), WAKE);
                }
                Due::GiveUp(packets) => {
                    for packet in packets {
                        self.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Host));
                        cx.discard(packet, DropCause::NoNeighbour);
                    }
                }
            }
        }
        while let Some(first) = self.reassembly.due(now) {
            if let Some((ip, payload, flow)) = first {
                let frame = Frame::ipv4(ip, Transport::Raw);
                let packet = cx.make(frame, payload.clone(), frame.network_len(payload.len()), flow);
                // RFC 792: whom it is for tells its sender; a router that puts it together on the way does not (Linux's `ip_expire`).
                if self.is_mine(ip.dst) {
                    self.complain(cx, &packet, Icmpv4Repr::TimeExceeded(TimeExceeded::Reassembly));
                }
                cx.discard(packet, DropCause::Reassembly);
            }
        }
    }
}

/// Receiving.
impl IpStack {
    /// What a host does with a packet that has come: `Some` if it is for a socket.
    #[inline]
    pub fn input(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) -> Option<PacketRef> {
        let packet = self.accept(cx, port, packet)?;
        let Net::Ipv4(ip, _) = &cx.packet(&packet).header.net else { unreachable!("ARP is taken by `accept`") };
        if !self.is_mine(ip.dst) && !self.is_broadcast(ip.dst) && !self.has_joined(port, ip.dst) {
            cx.discard(packet, DropCause::NotMine);
            return None;
        }
        self.local(cx, packet)
    }

    /// Link layer, damage, ARP: `Some` if it is an IPv4 datagram as it was sent.
    #[inline(always)]
    pub(super) fn accept(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) -> Option<PacketRef> {
        let body = cx.packet(&packet);
        if body.flipped_bit == u32::MAX && body.header.link.is_none() {
            return Some(packet);
        }
        self.look_at(cx, port, packet)
    }

    /// What may be damaged, or has come in a frame.
    #[inline(never)]
    fn look_at(&mut self, cx: &mut Cx<'_, Frame>, port: u32, packet: PacketRef) -> Option<PacketRef> {
        let body = cx.packet(&packet);
        if body.flipped_bit != u32::MAX && self.damaged(cx, &packet) {
            if let Some(cause) = self.damage(cx, &packet) {
                cx.discard(packet, cause);
                return None;
            }
            cx.packet_mut(&packet).flipped_bit = u32::MAX;
        }
        let body = cx.packet(&packet);
        if let Some(link) = body.header.link {
            let own = MacAddr::of_port(cx.node(), port);
            if link.dst != own && !link.dst.is_group() {
                cx.discard(packet, DropCause::NotMine);
                return None;
            }
            if let Net::Arp(arp) = body.header.net {
                cx.free(packet);
                self.arp(cx, port, arp);
                return None;
            }
        }
        Some(packet)
    }

    /// Whether this node sees the damage: Ethernet's check and the IP header's see all of theirs, so does the check behind a datagram;
    /// those of transport are looked at where the datagram ends. What is not seen goes on, damaged.
    #[cold]
    fn damaged(&self, cx: &Cx<'_, Frame>, packet: &PacketRef) -> bool {
        let body = cx.packet(packet);
        let (bit, header) = (body.flipped_bit, &body.header);
        let ends_here =
            header.ip().is_none_or(|ip| self.is_mine(ip.dst) || self.is_broadcast(ip.dst) || ip.dst.is_multicast());
        header.framed() || bit < HEADER_BITS || bit >= body.len * 8 || ends_here
    }

    /// What catches the damage; nothing may escape. `None` where there is none that anyone could tell.
    #[cold]
    fn damage(&mut self, cx: &Cx<'_, Frame>, packet: &PacketRef) -> Option<DropCause> {
        let body = cx.packet(packet);
        if body.header.framed() || body.flipped_bit >= body.len * 8 {
            // One flipped bit changes every cyclic redundancy check. (What came over a point-to-point link before, and was damaged
            // there, is told here too, one link late.)
            return Some(DropCause::FrameCheck);
        }
        self.scratch.clear();
        body.header.emit(&body.payload, &mut self.scratch);
        flip(&mut self.scratch, body.flipped_bit);
        match Frame::parse(&self.scratch, false) {
            Err(ParseError::Checksum) => Some(DropCause::Checksum),
            Err(_) => Some(DropCause::Malformed),
            // A zero where the checksum of UDP was one bit from it: it says that there is none, and nothing else is damaged.
            Ok((frame, payload)) if frame == body.header && payload == body.payload => None,
            // A fragment's transport checksum is looked at when the whole is there; here it is not carried so far.
            Ok((frame, _)) => {
                let unchecked = matches!(frame.net, Net::Ipv4(_, Transport::Raw));
                assert!(unchecked, "one's complement sums see every single bit: {frame:?}");
                Some(DropCause::Checksum)
            }
        }
    }

    fn arp(&mut self, cx: &mut Cx<'_, Frame>, port: u32, arp: ArpRepr) {
        let own = self.interfaces[port as usize].address;
        // RFC 826: what the sender says of itself is worth knowing to whom it talks, and to who knows it.
        if arp.target != own {
            return self.neighbours.renew(cx.now(), port, arp.sender, arp.sender_mac);
        }
        for packet in self.neighbours.learn(cx.now(), port, arp.sender, arp.sender_mac) {
            let link = EthernetRepr { src: MacAddr::of_port(cx.node(), port), dst: arp.sender_mac };
            cx.packet_mut(&packet).header.link = Some(link);
            cx.send(port, packet);
        }
        if arp.operation == ArpOperation::Request {
            let reply = ArpRepr {
                operation: ArpOperation::Reply,
                sender_mac: MacAddr::of_port(cx.node(), port),
                sender: own,
                target_mac: arp.sender_mac,
                target: arp.sender,
            };
            self.send_arp(cx, port, arp.sender_mac, reply);
        }
    }

    /// A datagram for this node: fragments are put together, echo requests answered.
    #[inline]
    pub(crate) fn local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) -> Option<PacketRef> {
        let Net::Ipv4(ip, transport) = &cx.packet(&packet).header.net else { return None };
        if ip.is_fragment() {
            let ip = *ip;
            let (whole, _) = self.fragment(cx, &ip, packet)?;
            return self.local(cx, whole);
        }
        let many = self.is_broadcast(ip.dst) || ip.dst.is_multicast();
        if !matches!(transport, Transport::Udp(_)) && many {
            // RFC 9293 (MUST-57): no connection to many. RFC 1122 §3.2.2.6: an echo request to many may be ignored, and is by Linux.
            cx.discard(packet, DropCause::NotMine);
            return None;
        }
        match transport {
            &Transport::Icmp(Icmpv4Repr::EchoRequest { ident, seq }) => {
                let ip = *ip;
                let body = cx.take(packet);
                let mut reply = Ipv4Repr::new(ip.dst, ip.src, Protocol::Icmp);
                reply.tos = ip.tos;
                // As Linux has it for what the kernel itself answers.
                reply.dont_fragment = false;
                let answer = Transport::Icmp(Icmpv4Repr::EchoReply { ident, seq });
                self.output(cx, Frame::ipv4(reply, answer), body.payload, body.flow);
                None
            }
            Transport::Raw => {
                self.complain(cx, &packet, Icmpv4Repr::Unreachable(Unreachable::Protocol));
                cx.discard(packet, DropCause::NoSocket);
                None
            }
            _ => Some(packet),
        }
    }

    /// A part of a datagram has come: the whole, once it is there, and how long the longest packet was that it came in.
    pub(super) fn fragment(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        ip: &Ipv4Repr,
        packet: PacketRef,
    ) -> Option<(PacketRef, u32)> {
        let body = cx.packet(&packet);
        match self.reassembly.add(cx.now(), ip, body.payload.clone(), body.flow) {
            Joined::Waits(due) => {
                cx.free(packet);
                if let Some(due) = due {
                    cx.wake_at(due, WAKE);
                }
                None
            }
            Joined::Whole(whole, longest) => {
                cx.free(packet);
                Some((cx.alloc(*whole), longest))
            }
            Joined::GivenUp => {
                cx.discard(packet, DropCause::Reassembly);
                None
            }
        }
    }

    /// A flipped bit that goes on unseen stands behind the next link's header.
    #[cold]
    pub(super) fn take_bit_over(&self, cx: &mut Cx<'_, Frame>, port: u32, packet: &PacketRef) {
        let framed = cx.link(port).framed;
        let bit = &mut cx.packet_mut(packet).flipped_bit;
        if framed {
            *bit = bit.saturating_add(LINK_BITS).min(u32::MAX - 1);
        }
    }

    /// What a router, which has no sockets, does with a datagram for itself.
    pub(super) fn refuse_local(&mut self, cx: &mut Cx<'_, Frame>, packet: PacketRef) {
        let Net::Ipv4(ip, transport) = cx.packet(&packet).header.net else { return cx.free(packet) };
        match transport {
            Transport::Tcp(repr) => {
                let body = cx.take(packet);
                if let Some(reset) = reset_for(&Segment { repr, payload: body.payload, ecn: ip.ecn(), aside: None }) {
                    let answer = Ipv4Repr::new(ip.dst, ip.src, Protocol::Tcp);
                    self.output(cx, Frame::ipv4(answer, Transport::Tcp(reset)), Payload::Empty, body.flow);
                }
            }
            Transport::Udp(_) => self.refuse_port(cx, packet),
            // Answers to nobody's questions.
            _ => cx.free(packet),
        }
    }
}
