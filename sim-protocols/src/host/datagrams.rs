//! UDP and ICMP at the host: datagrams to sockets, errors to those who caused them, echo replies to those who asked.

use std::net::Ipv4Addr;

use sim_core::{Cx, Payload};

use super::calls::{AppEvent, SocketAddr, UdpError, UdpId};
use super::demux::FourTuple;
use super::kernel::Kernel;
use super::stats::{Answer, Outcome};
use super::udp::{Datagram, UdpSocket};
use crate::tcp::Obstacle;
use crate::wire::{Frame, Icmpv4Repr, Ipv4Repr, Protocol, Seq, TimeExceeded, Transport, UdpRepr, Unreachable};

/// What becomes of a datagram for this host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Taken {
    /// A socket has it.
    Yes,
    /// No socket is there: port unreachable.
    NoSocket,
    /// The socket's buffer is full.
    NoRoom,
}

impl Kernel {
    pub fn udp_open(&mut self, flow: u32, port: Option<u16>, peer: Option<SocketAddr>) -> UdpId {
        let taken = |kernel: &Kernel, port: u16| kernel.sockets.iter().any(|socket| socket.port == port);
        // With every port taken the socket has port 0, to which nothing can be sent (RFC 768: "if not used, a value of zero").
        let port = port.or_else(|| self.ephemeral_port(taken)).unwrap_or(0);
        let socket = self.sockets.len() as u32;
        self.sockets.push(UdpSocket::new(port, flow, peer));
        let key = (port, self.flow(flow).config.number, socket);
        let at = self.socket_ports.partition_point(|other| *other < key);
        self.socket_ports.insert(at, key);
        UdpId(socket)
    }

    pub fn udp_peer(&self, socket: UdpId) -> Option<SocketAddr> {
        self.sockets[socket.0 as usize].peer
    }

    #[inline]
    pub fn udp_send(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        flow: u32,
        socket: UdpId,
        to: SocketAddr,
        ttl: Option<u8>,
        payload: Payload,
    ) {
        let src_port = self.sockets[socket.0 as usize].port;
        let this = self.flow_mut(flow);
        this.outcome(Outcome::Running);
        this.stats.start.get_or_insert(cx.now());
        let number = this.config.number;
        let src = self.stack.source_for(to.0).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut ip = Ipv4Repr::new(src, to.0, Protocol::Udp);
        ip.ttl = ttl.unwrap_or(ip.ttl);
        let udp = UdpRepr { src_port, dst_port: to.1 };
        self.stack.output(cx, Frame::ipv4(ip, Transport::Udp(udp)), payload, number);
    }

    /// Flows that share a port are told apart by their packets; else the first socket that takes it has it.
    #[inline]
    fn socket_for(&self, to: SocketAddr, from: SocketAddr, number: u32) -> Option<usize> {
        let port = to.1;
        let takes = |(_, _, at): &(u16, u32, u32)| {
            let socket = &self.sockets[*at as usize];
            (socket.own.is_none() && socket.takes(to, from)).then_some(*at as usize)
        };
        let own = self.socket_ports.partition_point(|(other, flow, _)| (*other, *flow) < (port, number));
        self.socket_ports
            .get(own)
            .filter(|(other, flow, _)| (*other, *flow) == (port, number))
            .and_then(takes)
            .or_else(|| self.best_socket(to, from))
    }

    pub fn udp_receive(&mut self, socket: UdpId) -> Option<Datagram> {
        self.sockets[socket.0 as usize].pop()
    }

    /// A datagram has come for this host.
    pub fn datagram(&mut self, ip: &Ipv4Repr, udp: UdpRepr, payload: Payload, number: u32) -> Taken {
        let from = (ip.src, udp.src_port);
        if !self.stack.is_mine(ip.dst) {
            let many = self.datagram_to_many(ip, udp, &payload, number);
            if many != Taken::NoSocket {
                return many;
            }
        }
        let Some(at) = self.socket_for((ip.dst, udp.dst_port), from, number) else { return Taken::NoSocket };
        self.give(at, Datagram { from, to: ip.dst, payload }, number)
    }

    pub fn send_echo(
        &mut self,
        cx: &mut Cx<'_, Frame>,
        flow: u32,
        to: Ipv4Addr,
        (seq, ttl): (u16, u8),
        payload: Payload,
    ) {
        let this = self.flow_mut(flow);
        this.stats.start.get_or_insert(cx.now());
        let number = this.config.number;
        let src = self.stack.source_for(to).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let mut ip = Ipv4Repr::new(src, to, Protocol::Icmp);
        ip.ttl = ttl;
        let request = Transport::Icmp(Icmpv4Repr::EchoRequest { ident: ident(flow), seq });
        self.stack.output(cx, Frame::ipv4(ip, request), payload, number);
    }

    /// An ICMP message has come for this host; echo requests the internet layer has answered.
    pub fn icmp(&mut self, cx: &mut Cx<'_, Frame>, ip: &Ipv4Repr, icmp: Icmpv4Repr, payload: &Payload) {
        let answer = match icmp {
            Icmpv4Repr::EchoReply { ident: whose, seq } => {
                if let Some(flow) = self.by_ident(whose) {
                    let stats = &mut self.flow_mut(flow).stats;
                    stats.last = Some(cx.now());
                    self.events.push_back((flow, AppEvent::Echo { seq, from: ip.src }));
                }
                return;
            }
            Icmpv4Repr::Unreachable(Unreachable::Port) => Answer::PortUnreachable,
            Icmpv4Repr::Unreachable(Unreachable::Host) => Answer::HostUnreachable,
            Icmpv4Repr::Unreachable(Unreachable::Network) => Answer::NetUnreachable,
            Icmpv4Repr::Unreachable(_) => Answer::Unreachable,
            Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl) => Answer::TtlExpired,
            _ => return,
        };
        let Some(quoted) = Quoted::read(payload) else { return };
        let (local, remote) = ((quoted.src, quoted.ports.0), (quoted.dst, quoted.ports.1));
        if let Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu }) = icmp {
            self.stack.learn_mtu(quoted.dst, mtu);
            self.smaller_path(cx, quoted.dst);
        }
        match quoted.protocol {
            Protocol::Udp => {
                let found = self.best_socket(local, remote);
                if let Some(at) = found.filter(|at| self.sockets[*at].own.is_some()) {
                    if matches!(icmp, Icmpv4Repr::Unreachable(Unreachable::Port | Unreachable::Protocol)) {
                        self.datagram_refused(at);
                    }
                } else if let Some(at) = found {
                    let error = UdpError { socket: UdpId(at as u32), to: remote, from: ip.src, answer };
                    self.events.push_back((self.sockets[at].flow, AppEvent::UdpError(error)));
                }
            }
            // Behind type, code and checksum of an echo request stand identifier and number.
            Protocol::Icmp => {
                if let Some((whose, seq)) = quoted.echo
                    && let Some(flow) = self.by_ident(whose)
                {
                    self.events.push_back((flow, AppEvent::EchoError { seq, from: ip.src, answer }));
                }
            }
            Protocol::Tcp => {
                let obstacle = match icmp {
                    Icmpv4Repr::Unreachable(Unreachable::Protocol | Unreachable::Port) => Obstacle::Hard,
                    Icmpv4Repr::Unreachable(Unreachable::Network | Unreachable::Host) => Obstacle::Disconnected,
                    _ => Obstacle::Soft,
                };
                let narrow = matches!(icmp, Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { .. }));
                if !narrow {
                    self.unreachable(cx, FourTuple::new(local, remote), quoted.seq, obstacle);
                }
            }
            Protocol::Unknown(_) => {}
        }
    }

    /// The next error about what a socket of this host has sent, if there is one.
    #[inline]
    pub fn own_error(&mut self, cx: &mut Cx<'_, Frame>) -> bool {
        let Some(error) = self.stack.own_error() else { return false };
        self.icmp(cx, &Ipv4Repr::new(error.at, error.at, Protocol::Icmp), error.icmp, &error.quoted);
        true
    }

    fn by_ident(&self, whose: u16) -> Option<u32> {
        let flow = u32::from(whose).checked_sub(1)?;
        ((flow as usize) < self.flows.len()).then_some(flow)
    }
}

/// The identifier of a flow's echo requests.
fn ident(flow: u32) -> u16 {
    (flow + 1) as u16
}

/// The datagram that an ICMP error quotes: its header and eight bytes at least (RFC 792).
struct Quoted {
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: Protocol,
    ports: (u16, u16),
    /// TCP's sequence number.
    seq: Seq,
    echo: Option<(u16, u16)>,
}

impl Quoted {
    fn read(payload: &Payload) -> Option<Quoted> {
        let mut bytes = Vec::with_capacity(payload.len() as usize);
        payload.append_to(&mut bytes);
        let header = usize::from(bytes.first()? & 15) * 4;
        if header < 20 || bytes.len() < header + 8 {
            return None;
        }
        let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
        let address = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        Some(Quoted {
            src: address(12),
            dst: address(16),
            protocol: Protocol::from(bytes[9]),
            ports: (word(header), word(header + 2)),
            seq: Seq::new(u32::from(word(header + 4)) << 16 | u32::from(word(header + 6))),
            echo: (bytes[header] == 8).then(|| (word(header + 4), word(header + 6))),
        })
    }
}
