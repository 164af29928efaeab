//! A shard: one partition's nodes and the loop that handles its events in key order.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::cx::{Core, Cx, Inbound, LastWords, NodeState, Target, Transfer};
use crate::drop::DropCause;
use crate::event::{Event, EventKey, What};
use crate::node::{Fault, Node};
use crate::packet::{Course, Header, Packet, PacketRef};
use crate::port::{Port, PortCounters, Serializer};
use crate::probe::{HopRow, LINKS, QUEUE, port_word};
use crate::record::{Record, Table};
use crate::time::{Span, Time};
use crate::units::Prob;
use crate::world::{Change, Scheduled};

/// One partition.
pub(crate) struct Shard<N: Node> {
    pub nodes: Vec<N>,
    pub core: Core<N::Header>,
    /// What is scheduled here: the node and port in this shard's numbers.
    pub scheduled: Vec<Scheduled>,
    pub next_sample: Time,
    pub sampled: Vec<u32>,
    pub stop: Time,
}

impl<N: Node> Shard<N> {
    /// Starts every node.
    pub fn start(&mut self) {
        for node in 0..self.nodes.len() as u32 {
            let state = &mut self.core.states[node as usize];
            self.core.recorder.begin(EventKey::new(Time::ZERO, state.source, 0), 0);
            self.nodes[node as usize].start(&mut Cx { core: &mut self.core, node });
        }
    }

    /// When the next event here is; [`Time::NEVER`] if there is none.
    pub fn next_time(&mut self) -> Time {
        self.core.queue.peek().map_or(Time::NEVER, |event| event.key.time())
    }

    /// Handles every event before `end` (a window is half-open), and samples between events.
    pub fn run_until(&mut self, end: Time) {
        while self.next_sample < end {
            let at = self.next_sample;
            self.handle_until(at);
            self.sample(at);
            self.next_sample = self.core.probes.every.map_or(Time::NEVER, |every| at.saturating_add(every));
        }
        self.handle_until(end);
    }

    fn handle_until(&mut self, end: Time) {
        while let Some(&event) = self.core.queue.peek() {
            let time = event.key.time();
            if time >= end {
                return;
            }
            debug_assert!(time >= self.core.now, "time never runs backwards");
            self.core.now = time;
            self.core.queue.take();
            match event.what {
                What::Arrive => self.arrive_from_line(&event),
                What::Wake => {
                    self.begin(&event, event.at, 0, 0);
                    self.nodes[event.at as usize]
                        .timer(&mut Cx { core: &mut self.core, node: event.at }, event.argument);
                }
                What::Depart => {
                    let node = event.argument as u32;
                    self.begin(&event, node, 0, 0);
                    self.core.depart(node, event.at);
                }
                What::ArriveCut => self.arrive_from_cut(&event),
                What::ArriveLoose => {
                    let Target::Here { node, port } = self.core.ports[event.at as usize].target else {
                        unreachable!("loose packets over a cut link arrive by transfer")
                    };
                    self.arrive(&event, node, port, PacketRef(event.argument as u32));
                }
                What::ArriveLooseCut => {
                    let Inbound { node, port, .. } = self.core.inbound[event.at as usize];
                    self.arrive(&event, node, port, PacketRef(event.argument as u32));
                }
                What::Change => {
                    self.begin(&event, event.at, 0, 0);
                    self.change(event.argument as usize);
                }
            }
        }
    }

    #[inline]
    fn begin(&mut self, event: &Event, node: u32, packet: u64, length: u32) {
        let core = &mut self.core;
        core.events += 1;
        core.recorder.begin(event.key, 0);
        let state = &mut core.states[node as usize];
        state.saw(event.key, length);
        if core.probes.auditing {
            core.auditor.saw(event, state, packet, length);
        }
    }

    #[inline]
    fn arrive_from_line(&mut self, event: &Event) {
        let port = &mut self.core.ports[event.at as usize];
        let packet = PacketRef(event.argument as u32);
        if port.line.front().as_ref() != Some(&packet) || self.core.slab.get(&packet).key != event.key {
            // The link has changed since: the packet was given another time, which stands in the queue too, or was dropped.
            return;
        }
        let body = self.core.slab.get(&packet);
        port.take_front(body);
        if let Some(next) = body.behind() {
            let key = self.core.slab.get(&next).key;
            self.core.queue.push(Event { key, argument: next.0.into(), ..*event });
        }
        let Target::Here { node, port } = port.target else { unreachable!("a cut port has no arrivals of its own") };
        self.arrive(event, node, port, packet);
    }

    #[inline(never)]
    fn arrive_from_cut(&mut self, event: &Event) {
        let inbound = &mut self.core.inbound[event.at as usize];
        let (key, packet) = inbound.ring.pop_front().expect("an arrival has a packet");
        debug_assert_eq!(key, event.key);
        if let Some((next, _)) = inbound.ring.front() {
            self.core.queue.push(Event { key: *next, ..*event });
        }
        let Inbound { node, port, .. } = *inbound;
        self.arrive(event, node, port, packet);
    }

    /// The node that a port belongs to, and its number there.
    fn origin(&self, at: u32) -> (u32, u32) {
        let state = &self.core.states[self.core.node_of(at) as usize];
        (state.id, at - state.first_port)
    }

    /// Where the packet of an arrival comes from, in the plan's numbers.
    fn sender(&self, event: &Event) -> (u32, u32) {
        match event.what {
            What::ArriveCut | What::ArriveLooseCut => self.core.inbound[event.at as usize].from,
            _ => self.origin(event.at),
        }
    }

    #[inline]
    fn arrive(&mut self, event: &Event, node: u32, port: u32, packet: PacketRef) {
        let body = self.core.slab.get(&packet);
        let (id, length, lost) = (body.id, body.len, body.course == Course::Lost);
        self.begin(event, node, id, length);
        if self.core.probes.observing {
            self.observe(event, node, port, &packet);
        }
        if lost {
            return self.lose(event, packet);
        }
        self.core.hops += 1;
        self.nodes[node as usize].packet(&mut Cx { core: &mut self.core, node }, port, packet);
    }

    /// The wire has lost it: it has taken link time and is dropped where it would have arrived.
    #[cold]
    #[inline(never)]
    fn lose(&mut self, event: &Event, packet: PacketRef) {
        let (id, port) = self.sender(event);
        match event.what {
            What::ArriveCut | What::ArriveLooseCut => self.core.inbound[event.at as usize].lost += 1,
            _ => self.core.ports[event.at as usize].counters.lost += 1,
        }
        self.core.dropped(id, Some(port), &packet, DropCause::Loss);
        self.core.slab.remove(packet);
    }

    /// The probes that look at each packet that has crossed a link.
    #[cold]
    #[inline(never)]
    fn observe(&mut self, event: &Event, node: u32, port: u32, packet: &PacketRef) {
        let (now, from) = (self.core.now, self.sender(event));
        let body = self.core.slab.get(packet);
        if self.core.probes.hops || self.core.probes.packets {
            let row = HopRow::crossed(from.0, from.1, body, now);
            self.core.recorder.hop(&self.core.probes, &row, Some(self.core.states[node as usize].id), body);
        }
        let here = (self.core.states[node as usize].id, port);
        for (at, point) in self.core.probes.captures.iter().enumerate() {
            if (point.node, point.port) == from {
                self.core.recorder.capture(&self.core.probes.captures, at as u32, false, body.started, body);
            }
            if (point.node, point.port) == here && body.course == Course::Arrives {
                self.core.recorder.capture(&self.core.probes.captures, at as u32, true, now, body);
            }
        }
    }

    fn sample(&mut self, at: Time) {
        self.core.now = at;
        let key = EventKey::new(at, 0, 0);
        if self.core.probes.wants(&QUEUE) {
            for &index in &self.sampled {
                let (node, number) = self.origin(index);
                let port = &mut self.core.ports[index as usize];
                port.settle(&self.core.slab, at);
                let row = QueueRow(port_word(node, number), port, at);
                self.core.recorder.begin(key, port_word(node, number).into());
                self.core.recorder.emit(&row);
            }
        }
        for node in 0..self.nodes.len() as u32 {
            let id = self.core.states[node as usize].id;
            self.core.recorder.begin(key, port_word(id, 1 << 20).into());
            self.nodes[node as usize].sample(&mut Cx { core: &mut self.core, node });
        }
    }

    fn change(&mut self, number: usize) {
        let Scheduled { node, port, change, .. } = self.scheduled[number].clone();
        let at = self.core.states[node as usize].first_port + port;
        let now = self.core.now;
        let fault = match change {
            Change::Fault(fault) => Some(fault),
            Change::Down => {
                let was_up = self.set_up(at, false);
                self.empty(node, at);
                was_up.then_some(Fault::PortDown(port))
            }
            Change::Up => {
                let was_up = self.set_up(at, true);
                (!was_up).then_some(Fault::PortUp(port))
            }
            Change::Speed(speed) => {
                let port = &mut self.core.ports[at as usize];
                port.settle(&self.core.slab, now);
                port.serializer = Serializer::new(&speed);
                Arc::make_mut(&mut port.config).speed = speed;
                port.discipline.link_changed(&port.config.facts());
                self.resend(at);
                None
            }
            Change::Delay(delay) => {
                let port = &mut self.core.ports[at as usize];
                port.settle(&self.core.slab, now);
                port.delay = delay;
                Arc::make_mut(&mut port.config).delay = delay;
                self.delay(at);
                None
            }
            Change::Loss(loss) => {
                let wire =
                    self.core.ports[at as usize].wire.as_mut().expect("the builder opens a wire for a change of loss");
                wire.config.loss = loss;
                None
            }
            Change::QueueLimit(limit) => {
                let port = &mut self.core.ports[at as usize];
                port.discipline.set_limit(limit);
                Arc::make_mut(&mut port.config).queue.set_limit(limit);
                port.judge();
                None
            }
        };
        if let Some(fault) = fault {
            self.nodes[node as usize].fault(&mut Cx { core: &mut self.core, node }, fault);
        }
    }

    fn set_up(&mut self, at: u32, up: bool) -> bool {
        let port = &mut self.core.ports[at as usize];
        let was_up = std::mem::replace(&mut port.up, up);
        port.judge();
        was_up
    }

    /// A link has lost its carrier: what waits is dropped, what has started arrives.
    fn empty(&mut self, node: u32, at: u32) {
        let Core { ports, slab, now, .. } = &mut self.core;
        let port = &mut ports[at as usize];
        port.settle(slab, *now);
        let mut first = port.line.take_waiting(slab);
        if first.is_some() {
            // Where packets waited, the one before them is still being sent.
            let (end, arrival) = self.last_started(at);
            let port = &mut self.core.ports[at as usize];
            port.serializer.cleared(end);
            (port.busy_until, port.last_arrival) = (end, arrival);
        }
        while let Some(packet) = first {
            let port = &mut self.core.ports[at as usize];
            let body = self.core.slab.get(&packet);
            first = body.behind();
            port.counters.busy -= body.ended - body.started;
            port.counters.waited -= u128::from((body.started - body.enqueued).ps());
            port.waiting_bytes -= u64::from(body.wire_bytes);
            self.core.refuse(node, at, packet, DropCause::LinkDown, true);
        }
        while let Some(held) = self.core.ports[at as usize].held.pop_front() {
            self.core.ports[at as usize].waiting_bytes -= u64::from(held.bytes);
            self.core.refuse(node, at, PacketRef(held.packet), DropCause::LinkDown, true);
        }
    }

    /// When the last packet that a port has started has left, and when it arrives.
    fn last_started(&self, at: u32) -> (Time, Time) {
        let port = &self.core.ports[at as usize];
        match port.line.last_started() {
            Some(last) => {
                let body = self.core.slab.get(&last);
                (body.ended, body.key.time())
            }
            // It has arrived; or it has gone to another shard.
            None => port.last_exported,
        }
    }

    /// Sends what waits anew, at another speed.
    fn resend(&mut self, at: u32) {
        let now = self.core.now;
        if !self.core.ports[at as usize].eager {
            return;
        }
        let (end, mut last) = self.last_started(at);
        // What has been sent before keeps its place in front, also where it has moved to another shard.
        let mut free = end.max(now);
        let Core { ports, slab, .. } = &mut self.core;
        let Port { line, serializer, counters, delay, wire, .. } = &mut ports[at as usize];
        line.each_waiting(slab, |body| {
            let extra = if wire.is_some() { body.extra } else { Span::ZERO };
            counters.busy -= body.ended - body.started;
            counters.waited -= u128::from((body.started - body.enqueued).ps());
            body.started = free;
            body.ended = serializer.end(free, body.wire_bytes, false);
            counters.busy += body.ended - body.started;
            counters.waited += u128::from((body.started - body.enqueued).ps());
            free = body.ended;
            last = last.max(free + *delay + extra);
            body.key = body.key.moved(last);
        });
        let port = &mut self.core.ports[at as usize];
        if port.line.waiting() > 0 {
            (port.busy_until, port.last_arrival) = (free, last);
            self.announce(at);
        }
    }

    /// What waits arrives after another delay.
    fn delay(&mut self, at: u32) {
        if !self.core.ports[at as usize].eager {
            return;
        }
        let (_, mut last) = self.last_started(at);
        let Core { ports, slab, .. } = &mut self.core;
        let Port { line, delay, last_arrival, wire, .. } = &mut ports[at as usize];
        line.each_waiting(slab, |body| {
            // Drawn, not read off the arrival: there, waiting for those in front would count as jitter.
            let extra = if wire.is_some() { body.extra } else { Span::ZERO };
            last = last.max(body.ended + *delay + extra);
            body.key = body.key.moved(last);
        });
        *last_arrival = last;
        self.announce(at);
    }

    /// The line's first packet may have another time of arrival. Its old event stays behind in the queue; nobody will know its key.
    fn announce(&mut self, at: u32) {
        let port = &self.core.ports[at as usize];
        if let (Target::Here { .. }, None, Some(head)) = (port.target, port.line.last_started(), port.line.front()) {
            let key = self.core.slab.get(&head).key;
            self.core.queue.push(Event { key, argument: head.0.into(), at, what: What::Arrive });
        }
    }

    /// Moves what has started before `end` over cut links to the shards where it will arrive. Returns the latest start of the next window
    /// that still has what waits here cross in time: such packets stand in no queue of events.
    pub fn export(&mut self, end: Time, look_ahead: Span) -> Time {
        let core = &mut self.core;
        let mut latest = Time::NEVER;
        let mut listed = std::mem::take(&mut core.cuts_in_use);
        listed.retain(|at| {
            let port = &mut core.ports[*at as usize];
            let Target::Cut { shard, inbound } = port.target else { unreachable!("a cut port is listed") };
            port.listed = false;
            while let Some(head) = port.line.front() {
                let body = core.slab.get(&head);
                if body.started >= end {
                    latest = latest.min(Time::ZERO + body.key.time().since(Time::ZERO + look_ahead));
                    port.listed = true;
                    break;
                }
                port.take_front(body);
                let packet = core.slab.take(head);
                port.last_exported = (packet.ended, packet.key.time());
                core.outbox[shard as usize].push(Transfer { key: packet.key, inbound, loose: false, packet });
            }
            port.listed
        });
        core.cuts_in_use = listed;
        latest
    }

    /// Takes what other shards have sent.
    pub fn import(&mut self, transfers: &mut Vec<Transfer<N::Header>>) {
        for Transfer { key, inbound, loose, packet } in transfers.drain(..) {
            let packet = self.core.slab.insert(packet);
            if loose {
                let argument = u64::from(packet.0);
                self.core.queue.push(Event { key, argument, at: inbound, what: What::ArriveLooseCut });
                continue;
            }
            let ring: &mut VecDeque<_> = &mut self.core.inbound[inbound as usize].ring;
            if ring.is_empty() {
                self.core.queue.push(Event { key, argument: 0, at: inbound, what: What::ArriveCut });
            }
            ring.push_back((key, packet));
        }
    }

    /// The stop: what nodes say of flows, and what is under way.
    pub fn collect(&self, words: &mut LastWords) {
        for node in &self.nodes {
            node.last_words(&mut |flow, word| {
                words.said.insert(flow, word);
            });
        }
        let arrives = |packet: &&Packet<N::Header>| packet.course == Course::Arrives && packet.flipped_bit == u32::MAX;
        for packet in self.core.slab.iter().filter(arrives).filter(|packet| packet.header.ends_message()) {
            *words.under_way.entry(packet.flow).or_default() += 1;
        }
    }

    /// The stop: the last rows of the nodes.
    pub fn finish(&mut self, words: &Arc<LastWords>) {
        self.core.now = self.stop;
        self.core.last_words = words.clone();
        for index in 0..self.nodes.len() as u32 {
            self.core.recorder.begin(EventKey::last(self.stop, self.core.states[index as usize].id), 0);
            self.nodes[index as usize].finish(&mut Cx { core: &mut self.core, node: index });
        }
    }

    /// The last rows of the links, once every shard has finished; every packet goes back.
    pub fn close(&mut self) {
        for index in 0..self.nodes.len() as u32 {
            let NodeState { id, first_port, ports, .. } = self.core.states[index as usize];
            for number in 0..ports {
                self.close_port(id, number, first_port + number);
            }
        }
        for at in 0..self.core.inbound.len() {
            while let Some((_, packet)) = self.core.inbound[at].ring.pop_front() {
                self.left_over(self.core.inbound[at].from, packet, true);
            }
        }
        while let Some(&event) = self.core.queue.peek() {
            self.core.queue.take();
            if matches!(event.what, What::ArriveLoose | What::ArriveLooseCut) {
                self.left_over(self.sender(&event), PacketRef(event.argument as u32), true);
            }
        }
        assert_eq!(self.core.slab.len(), 0, "every packet is back at the end");
    }

    fn close_port(&mut self, id: u32, number: u32, at: u32) {
        let stop = self.stop;
        let port = &mut self.core.ports[at as usize];
        port.settle(&self.core.slab, Time::from_ps(stop.ps().saturating_sub(1)));
        let PortCounters { received, enqueued, sent, dropped_inside, .. } = port.counters;
        let name = &port.config.name;
        assert_eq!(
            received,
            port.counters.drops() - dropped_inside + enqueued,
            "{name}: received = dropped + enqueued"
        );
        assert_eq!(enqueued, sent + dropped_inside + u64::from(port.waiting()), "{name}: enqueued = dequeued + queued");
        if port.waiting() == 0 {
            assert_eq!(port.waiting_bytes, 0, "{name}: an empty queue has no bytes");
        }
        let counters = &mut port.counters;
        port.line.each_waiting(&mut self.core.slab, |body| {
            counters.busy -= body.ended - body.started;
            counters.waited -= u128::from((body.started - body.enqueued).ps());
        });
        let port = &self.core.ports[at as usize];
        let last_end = if port.eager { self.last_started(at).0 } else { port.busy_until };
        if self.core.probes.wants(&LINKS) && !self.core.ports[at as usize].config.blocked {
            let row = LinkRow(port_word(id, number), &self.core.ports[at as usize], stop, last_end);
            self.core.recorder.begin(EventKey::last(stop, id), (1 << 40) + u128::from(number));
            self.core.recorder.emit(&row);
        }
        while let Some(next) = self.core.ports[at as usize].drain(&self.core.slab) {
            let started = self.core.slab.get(&next).started < stop;
            self.left_over((id, number), next, started);
        }
        while let Some(next) = self.core.ports[at as usize].held.pop_front() {
            self.left_over((id, number), PacketRef(next.packet), false);
        }
    }

    /// A packet that the stop has overtaken on a link, or before it.
    fn left_over(&mut self, from: (u32, u32), packet: PacketRef, started: bool) {
        let body = self.core.slab.get(&packet);
        // By packet, so that shards cannot be told from the order.
        let index = under_way_index(from.1) + u128::from(body.id);
        self.core.recorder.begin(EventKey::last(self.stop, from.0), index);
        if self.core.probes.hops || self.core.probes.packets {
            self.core.recorder.hop(&self.core.probes, &HopRow::under_way(from.0, from.1, body, started), None, body);
        }
        for (at, point) in self.core.probes.captures.iter().enumerate() {
            if started && (point.node, point.port) == from {
                self.core.recorder.capture(&self.core.probes.captures, at as u32, false, body.started, body);
            }
        }
        self.core.slab.remove(packet);
    }
}

/// Where rows of packets under way over a port begin among the last rows of its node.
fn under_way_index(port: u32) -> u128 {
    (1 << 127) + (u128::from(port) << 64)
}

struct QueueRow<'a>(u64, &'a Port, Time);

impl Record for QueueRow<'_> {
    const TABLE: &'static Table = &QUEUE;
    fn values(&self, out: &mut Vec<u64>) {
        let QueueRow(word, port, now) = *self;
        let counters = &port.counters;
        out.extend([
            word,
            u64::from(port.waiting()),
            port.waiting_bytes,
            port.delay_now(now).ps(),
            counters.drops(),
            counters.marked,
            counters.sent_bytes,
        ]);
    }
}

struct LinkRow<'a>(u64, &'a Port, Time, Time);

impl Record for LinkRow<'_> {
    const TABLE: &'static Table = &LINKS;
    fn values(&self, out: &mut Vec<u64>) {
        let LinkRow(word, port, stop, last_end) = *self;
        let counters = &port.counters;
        // Of the packet in transmission at the stop, only the part before it.
        let busy = counters.busy.saturating_sub(last_end.since(stop));
        let dropped = |causes: &[DropCause]| causes.iter().map(|cause| counters.dropped[*cause as usize]).sum::<u64>();
        let ratio = u128::from(busy.ps()) * u128::from(Prob::ONE_PARTS) / u128::from(stop.ps().max(1));
        let mean = counters.waited.checked_div(counters.sent.into()).map_or(u64::MAX, |mean| mean as u64);
        out.extend([
            word,
            counters.received,
            counters.sent,
            counters.sent_bytes,
            counters.drops() + counters.lost,
            dropped(&[DropCause::QueueFull]),
            dropped(&[DropCause::Early]),
            dropped(&[DropCause::ForcedLoss]) + counters.lost,
            dropped(&[DropCause::LinkDown]),
            counters.marked,
            ratio as u64,
            busy.ps(),
            u64::from(counters.waiting_max),
            mean,
            counters.corrupted,
            counters.duplicated,
        ]);
    }
}
