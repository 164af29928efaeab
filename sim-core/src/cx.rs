//! The one door through which a node reaches the world, and what stands behind it in its shard.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::audit::Auditor;
use crate::drop::DropCause;
use crate::event::{Event, EventKey, EventQueue, What};
use crate::link::Fate;
use crate::packet::{Course, Header, Packet, PacketRef, Payload};
use crate::port::{Held, LinkInfo, Port};
use crate::probe::{DropRow, HopRow, MarkRow, Probes, Recorder};
use crate::qdisc::{Arrival, Departure, Verdict};
use crate::record::{Record, Table};
use crate::rng::mix;
use crate::slab::Slab;
use crate::time::{Span, Time};

/// What belongs to one node, beside itself.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
pub(crate) struct NodeState {
    pub id: u32,
    pub first_port: u32,
    pub ports: u32,
    pub source: u32,
    pub events: u64,
    pub packets: u64,
    pub fingerprint: u64,
    pub lengths: u64,
    pub bytes: u64,
}

impl NodeState {
    #[inline]
    pub fn next_key(&mut self, time: Time) -> EventKey {
        self.events += 1;
        EventKey::new(time, self.source, self.events)
    }

    #[inline]
    pub fn saw(&mut self, key: EventKey, length: u32) {
        let word = key.time().ps() ^ key.source().rotate_left(17);
        self.fingerprint = (self.fingerprint ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
        self.lengths = (self.lengths ^ u64::from(length)).wrapping_mul(0xbf58_476d_1ce4_e5b9).rotate_left(31);
    }
}

/// Where a port's packets go.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// A node of the same shard, and its port.
    Here { node: u32, port: u32 },
    /// An inbound ring of another shard.
    Cut { shard: u32, inbound: u32 },
}

/// What crosses from shard to shard.
pub(crate) struct Transfer<H> {
    pub key: EventKey,
    pub inbound: u32,
    pub loose: bool,
    pub packet: Packet<H>,
}

/// The receiving side of a cut link.
pub(crate) struct Inbound {
    /// The node here that receives, and its port.
    pub node: u32,
    pub port: u32,
    /// The node that sends, and its port, in the plan's numbers.
    pub from: (u32, u32),
    pub ring: VecDeque<(EventKey, PacketRef)>,
    /// The sending port in its shard's numbers, which gets this count at the end.
    pub sender: (u32, u32),
    /// Packets that the wire lost.
    pub lost: u64,
}

/// What the stop has brought together, of all shards, for the last rows.
#[derive(Debug, Default)]
pub(crate) struct LastWords {
    /// By flow: what a node has said of it.
    pub said: BTreeMap<u32, u64>,
    /// By flow: messages that the stop has overtaken.
    pub under_way: BTreeMap<u32, u64>,
}

/// Everything of a shard but its nodes.
pub(crate) struct Core<H> {
    pub now: Time,
    pub queue: EventQueue,
    pub slab: Slab<H>,
    pub states: Vec<NodeState>,
    pub ports: Vec<Port>,
    pub inbound: Vec<Inbound>,
    pub outbox: Vec<Vec<Transfer<H>>>,
    /// Cut ports with packets in their line.
    pub cuts_in_use: Vec<u32>,
    pub recorder: Recorder,
    pub probes: Probes,
    pub auditor: Auditor,
    pub scratch: Vec<u8>,
    pub events: u64,
    pub hops: u64,
    pub last_words: Arc<LastWords>,
    /// By the node's number, in the order in which each has said them.
    pub secrets: Vec<(u32, String)>,
    pub failures: Vec<(u32, String)>,
}

/// The one door through which a node reaches the world.
pub struct Cx<'a, H: Header> {
    pub(crate) core: &'a mut Core<H>,
    pub(crate) node: u32,
}

impl<H: Header> Cx<'_, H> {
    /// The present moment.
    #[inline]
    pub fn now(&self) -> Time {
        self.core.now
    }

    /// The number of the node, dense and in plan order.
    #[inline]
    pub fn node(&self) -> u32 {
        self.core.states[self.node as usize].id
    }

    /// Puts a packet into the slab and gives it its identity.
    #[inline]
    pub fn alloc(&mut self, mut packet: Packet<H>) -> PacketRef {
        packet.id = self.core.packet_id(self.node);
        self.core.slab.insert(packet)
    }

    /// Makes a packet of `len` network-layer bytes for workload flow `flow` (plus one; 0 for none), where it will stay.
    #[inline]
    pub fn make(&mut self, header: H, payload: Payload, len: u32, flow: u32) -> PacketRef {
        let id = self.core.packet_id(self.node);
        self.core.slab.make(id, header, payload, len, flow)
    }

    /// Frees a packet that has reached its end.
    #[inline]
    pub fn free(&mut self, packet: PacketRef) {
        self.core.slab.remove(packet);
    }

    /// Drops a packet for a reason that the table `drops` shows.
    pub fn discard(&mut self, packet: PacketRef, cause: DropCause) {
        let id = self.node();
        self.core.dropped(id, None, &packet, cause);
        self.core.slab.remove(packet);
    }

    /// Takes a packet out of the slab.
    #[inline]
    pub fn take(&mut self, packet: PacketRef) -> Packet<H> {
        self.core.slab.take(packet)
    }

    /// The packet behind a reference.
    #[inline]
    pub fn packet(&self, packet: &PacketRef) -> &Packet<H> {
        self.core.slab.get(packet)
    }

    /// The packet behind a reference, to change it.
    #[inline]
    pub fn packet_mut(&mut self, packet: &PacketRef) -> &mut Packet<H> {
        self.core.slab.get_mut(packet)
    }

    /// Hands a packet to one of the node's ports. What the port drops, it counts and explains.
    #[inline]
    pub fn send(&mut self, port: u32, packet: PacketRef) {
        self.core.hand_over(self.node, port, packet);
    }

    /// Ports of the node.
    #[inline]
    pub fn ports(&self) -> u32 {
        self.core.states[self.node as usize].ports
    }

    /// What a node may know of one of its links.
    #[inline]
    pub fn link(&self, port: u32) -> LinkInfo {
        self.core.port(self.node, port).info()
    }

    /// Whether a port has its carrier.
    #[inline]
    pub fn up(&self, port: u32) -> bool {
        self.core.port(self.node, port).up
    }

    /// Wakes the node at `time` (now, if that is past) with `token`. Once; it cannot be cancelled.
    #[inline]
    pub fn wake_at(&mut self, time: Time, token: u64) {
        let key = self.core.states[self.node as usize].next_key(time.max(self.core.now));
        self.core.queue.push(Event { key, argument: token, at: self.node, what: What::Wake });
    }

    /// Whether rows of a table are wanted.
    pub fn wants(&self, table: &'static Table) -> bool {
        self.core.probes.wants(table)
    }

    /// The sampling period of the run's series, if they are wanted.
    pub fn every(&self) -> Option<Span> {
        self.core.probes.every
    }

    /// What another node has said of a flow by [`Node::last_words`](crate::Node::last_words). To be asked for at the stop.
    pub fn said(&self, flow: u32) -> Option<u64> {
        self.core.last_words.said.get(&flow).copied()
    }

    /// Messages of a flow that the stop has overtaken: they are not lost, and will not arrive. To be asked for at the stop.
    pub fn under_way(&self, flow: u32) -> u64 {
        self.core.last_words.under_way.get(&flow).copied().unwrap_or(0)
    }

    /// Keeps a secret that readers of captures need, a line of an `SSLKEYLOGFILE` ([`Outcome::secrets`](crate::Outcome::secrets)).
    pub fn secret(&mut self, line: &str) {
        let node = self.node();
        self.core.secrets.push((node, line.to_string()));
    }

    /// Says that something has failed which makes the run worthless ([`Outcome::failures`](crate::Outcome::failures)). It goes on, for others.
    pub fn fail(&mut self, what: String) {
        let node = self.node();
        self.core.failures.push((node, what));
    }

    /// Emits a row, if its table is wanted.
    pub fn emit<R: Record>(&mut self, record: &R) {
        if self.wants(R::TABLE) {
            self.core.recorder.emit(record);
        }
    }
}

impl<H: Header> Core<H> {
    #[inline]
    fn packet_id(&mut self, node: u32) -> u64 {
        let state = &mut self.states[node as usize];
        state.packets += 1;
        u64::from(state.id) << 40 | state.packets
    }

    #[inline]
    fn port(&self, node: u32, port: u32) -> &Port {
        let state = &self.states[node as usize];
        debug_assert!(port < state.ports);
        &self.ports[(state.first_port + port) as usize]
    }

    #[inline]
    fn hand_over(&mut self, node: u32, port: u32, packet: PacketRef) {
        let state = &mut self.states[node as usize];
        assert!(port < state.ports, "a node sends over its own ports");
        let at = state.first_port + port;
        let port = &mut self.ports[at as usize];
        if !port.plain {
            return self.special(node, at, packet);
        }
        // The way of nearly all packets: a link that is up and does nothing but carry, behind a FIFO with a limit.
        port.settle(&self.slab, self.now);
        let body = self.slab.get_mut(&packet);
        let bytes = (body.len + port.overhead).max(port.frame_min);
        port.counters.received += 1;
        body.enqueued = self.now;
        body.wire_bytes = bytes;
        if port.busy_until > self.now && !port.fits(bytes) {
            return self.refuse(node, at, packet, DropCause::QueueFull, false);
        }
        port.counters.enqueued += 1;
        port.waiting_bytes += u64::from(bytes);
        let place = packet.0;
        let (key, first) = port.fix(state, &mut self.slab, self.now, Span::ZERO, packet);
        if first {
            self.announce(at, key, place);
        }
    }

    #[inline(never)]
    fn special(&mut self, node: u32, at: u32, packet: PacketRef) {
        if self.probes.bytes_on_every_hop {
            self.through_bytes(node, &packet);
        }
        if self.ports[at as usize].wire.is_some() {
            return self.impaired(node, at, packet);
        }
        self.offer(node, at, packet);
    }

    /// What comes before the queue on a link with impairments: the exact list, then a second copy.
    fn impaired(&mut self, node: u32, at: u32, packet: PacketRef) {
        let body = self.slab.get_mut(&packet);
        let (flow, class) = (body.flow, body.header.class(&body.payload));
        let port = &mut self.ports[at as usize];
        let wire = port.wire.as_mut().expect("this link has impairments");
        if wire.forced(flow, class) {
            body.enqueued = self.now;
            body.wire_bytes = (body.len + port.overhead).max(port.frame_min);
            port.counters.received += 1;
            return self.refuse(node, at, packet, DropCause::ForcedLoss, false);
        }
        let copy = wire.duplicates().then(|| body.clone());
        port.counters.duplicated += u64::from(copy.is_some());
        self.offer(node, at, packet);
        if let Some(mut copy) = copy {
            copy.id = self.packet_id(node);
            let copy = self.slab.insert(copy);
            self.offer(node, at, copy);
        }
    }

    /// What befalls a packet on the wire that the queue has let through.
    #[inline(never)]
    fn befall(&mut self, at: u32, packet: &PacketRef) -> Fate {
        let Some(wire) = &mut self.ports[at as usize].wire else { return Fate::default() };
        let body = self.slab.get_mut(packet);
        let fate = wire.fate(body.wire_bytes);
        body.course = if fate.lost { Course::Lost } else { Course::Arrives };
        body.extra = fate.extra;
        if let Some(bit) = fate.flipped_bit {
            body.flipped_bit = bit;
            self.ports[at as usize].counters.corrupted += u64::from(!fate.lost);
        }
        fate
    }

    /// Offers a packet to the queue of a port.
    fn offer(&mut self, node: u32, at: u32, packet: PacketRef) {
        let now = self.now;
        let port = &mut self.ports[at as usize];
        port.settle(&self.slab, now);
        let body = self.slab.get_mut(&packet);
        let bytes = (body.len + port.overhead).max(port.frame_min);
        body.enqueued = now;
        body.wire_bytes = bytes;
        port.counters.received += 1;
        if !port.up {
            return self.refuse(node, at, packet, DropCause::LinkDown, false);
        }
        let waiting = port.waiting();
        let arrival = Arrival {
            now,
            packets: waiting,
            bytes: port.waiting_bytes,
            length: bytes,
            ecn: body.header.ecn(),
            idle_since: (port.busy_until <= now && waiting == 0).then_some(port.busy_until),
        };
        match port.discipline.arrival(&arrival) {
            Verdict::Pass => {}
            Verdict::Mark => {
                body.header.set_ce();
                port.counters.marked += 1;
                if self.probes.marks {
                    let state = &self.states[node as usize];
                    let row = MarkRow::new(state.id, at - state.first_port, body, now, waiting, port.waiting_bytes);
                    self.recorder.emit(&row);
                }
            }
            Verdict::Early => return self.refuse(node, at, packet, DropCause::Early, false),
            Verdict::Full => return self.refuse(node, at, packet, DropCause::QueueFull, false),
        }
        port.counters.enqueued += 1;
        port.waiting_bytes += u64::from(bytes);
        if port.eager {
            let extra = if port.wire.is_some() { self.befall(at, &packet).extra } else { Span::ZERO };
            self.schedule(node, at, packet, extra);
        } else {
            self.hold(node, at, packet, bytes);
        }
    }

    /// Keeps a packet until its departure is decided.
    #[inline(never)]
    fn hold(&mut self, node: u32, at: u32, packet: PacketRef, bytes: u32) {
        let now = self.now;
        let port = &mut self.ports[at as usize];
        port.held.push_back(Held { enqueued: now, packet: packet.0, bytes });
        port.counters.waiting_max = port.counters.waiting_max.max(port.held.len() as u32);
        if port.departure_due {
            return;
        }
        let due = port.busy_until.max(now);
        if due == now {
            return self.depart(node, at);
        }
        port.departure_due = true;
        let key = self.states[node as usize].next_key(due);
        self.queue.push(Event { key, argument: u64::from(node), at, what: What::Depart });
    }

    /// Fixes the course of a packet: its start, its end, its arrival.
    fn schedule(&mut self, node: u32, at: u32, packet: PacketRef, extra: Span) {
        let (port, state) = (&mut self.ports[at as usize], &mut self.states[node as usize]);
        let place = packet.0;
        let (key, first) = port.fix(state, &mut self.slab, self.now, extra, packet);
        if first {
            self.announce(at, key, place);
        }
    }

    /// A port has something in flight again.
    #[inline]
    fn announce(&mut self, at: u32, key: EventKey, packet: u32) {
        let port = &mut self.ports[at as usize];
        match port.target {
            Target::Here { .. } => self.queue.push(Event { key, argument: packet.into(), at, what: What::Arrive }),
            Target::Cut { .. } if !port.listed => {
                port.listed = true;
                self.cuts_in_use.push(at);
            }
            Target::Cut { .. } => {}
        }
    }

    /// A port whose packets wait for a decision at departure sends its next one, if the link is free.
    pub(crate) fn depart(&mut self, node: u32, at: u32) {
        let now = self.now;
        while let Some(held) = self.ports[at as usize].held.pop_front() {
            let port = &mut self.ports[at as usize];
            let body = self.slab.get_mut(&PacketRef(held.packet));
            let bytes_behind = port.waiting_bytes - u64::from(held.bytes);
            let departure = Departure { now, enqueued: held.enqueued, bytes_behind, ecn: body.header.ecn() };
            match port.discipline.departure(&departure) {
                Verdict::Pass => {}
                Verdict::Mark => {
                    body.header.set_ce();
                    port.counters.marked += 1;
                    if self.probes.marks {
                        let state = &self.states[node as usize];
                        let waiting = port.held.len() as u32;
                        let row = MarkRow::new(state.id, at - state.first_port, body, now, waiting, bytes_behind);
                        self.recorder.emit(&row);
                    }
                }
                verdict @ (Verdict::Early | Verdict::Full) => {
                    let cause = if verdict == Verdict::Early { DropCause::Early } else { DropCause::QueueFull };
                    port.waiting_bytes = bytes_behind;
                    self.refuse(node, at, PacketRef(held.packet), cause, true);
                    continue;
                }
            }
            self.transmit(node, at, held);
            break;
        }
        let port = &mut self.ports[at as usize];
        port.departure_due = !port.held.is_empty();
        if port.departure_due {
            let due = port.busy_until;
            let key = self.states[node as usize].next_key(due);
            self.queue.push(Event { key, argument: u64::from(node), at, what: What::Depart });
        }
    }

    /// Sends a packet that was held; from here on it can overtake where the link reorders.
    fn transmit(&mut self, node: u32, at: u32, held: Held) {
        let now = self.now;
        let fate = self.befall(at, &PacketRef(held.packet));
        let impairments = &self.ports[at as usize].config.impairments;
        if !impairments.reorders() {
            self.schedule(node, at, PacketRef(held.packet), fate.extra);
            return self.ports[at as usize].settle(&self.slab, now);
        }
        let keeps_order = impairments.jitter.is_none_or(|jitter| !jitter.reorder);
        let early = impairments.reorder.filter(|_| fate.overtakes);
        let port = &mut self.ports[at as usize];
        let end = port.serializer.end(now, held.bytes, port.busy_until < now);
        port.busy_until = end;
        port.waiting_bytes -= u64::from(held.bytes);
        let counters = &mut port.counters;
        counters.sent += 1;
        counters.sent_bytes += u64::from(held.bytes);
        counters.busy += end - now;
        counters.waited += u128::from((now - held.enqueued).ps());
        let arrival = match early {
            Some(reorder) => end + reorder.shortened(port.delay),
            None => {
                let arrival = end + port.delay + fate.extra;
                // Those that do not overtake keep their order among themselves.
                port.last_arrival = if keeps_order { arrival.max(port.last_arrival) } else { arrival };
                port.last_arrival
            }
        };
        let key = self.states[node as usize].next_key(arrival);
        let body = self.slab.get_mut(&PacketRef(held.packet));
        body.started = now;
        body.ended = end;
        match port.target {
            Target::Here { .. } => {
                self.queue.push(Event { key, argument: u64::from(held.packet), at, what: What::ArriveLoose });
            }
            Target::Cut { shard, inbound } => {
                let packet = self.slab.take(PacketRef(held.packet));
                self.outbox[shard as usize].push(Transfer { key, inbound, loose: true, packet });
            }
        }
    }

    /// A port drops a packet; `inside`: one that it had let in.
    #[cold]
    #[inline(never)]
    pub(crate) fn refuse(&mut self, node: u32, at: u32, packet: PacketRef, cause: DropCause, inside: bool) {
        let (id, first) = (self.states[node as usize].id, self.states[node as usize].first_port);
        let counters = &mut self.ports[at as usize].counters;
        counters.dropped[cause as usize] += 1;
        counters.dropped_inside += u64::from(inside);
        self.dropped(id, Some(at - first), &packet, cause);
        if self.probes.hops || self.probes.packets {
            let body = self.slab.get(&packet);
            let row = HopRow::refused(id, at - first, body, cause);
            self.recorder.hop(&self.probes, &row, Some(self.ports[at as usize].config.peer.0), body);
        }
        self.slab.remove(packet);
    }

    pub(crate) fn dropped(&mut self, id: u32, port: Option<u32>, packet: &PacketRef, cause: DropCause) {
        if self.probes.drops {
            let body = self.slab.get(packet);
            let row = DropRow { node: id, port, packet: body.id, flow: body.flow, bytes: body.len, cause };
            self.recorder.emit(&row);
        }
    }

    /// The node, in this shard's numbers, that a port belongs to.
    pub(crate) fn node_of(&self, at: u32) -> u32 {
        (self.states.partition_point(|state| state.first_port <= at) - 1) as u32
    }

    /// Emits the packet's bytes, reads them back and compares: what the typed headers say must be what the wire would carry.
    #[cold]
    fn through_bytes(&mut self, node: u32, packet: &PacketRef) {
        let body = self.slab.get(packet);
        self.scratch.clear();
        body.header.emit(&body.payload, &mut self.scratch);
        match H::parse(&self.scratch, body.header.framed()) {
            Ok((header, payload)) => {
                assert_eq!(header, body.header, "headers survive the wire");
                assert_eq!(payload, body.payload, "payload survives the wire");
            }
            Err(error) => panic!("own bytes are refused ({error}): {:?}", body.header),
        }
        let state = &mut self.states[node as usize];
        let mut hash = state.bytes ^ self.scratch.len() as u64;
        for chunk in self.scratch.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = mix(hash.rotate_left(5) ^ u64::from_le_bytes(word));
        }
        state.bytes = hash;
    }
}
