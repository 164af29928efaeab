//! A sender, a link, a receiver, through the engine's public door alone; what happened is read from its tables.

use sim_core::*;

/// A header of a class, an ECN field and a number.
#[derive(Clone, PartialEq, Debug)]
pub struct Label {
    pub number: u32,
    pub class: PacketClass,
    pub ecn: Ecn,
}

impl Header for Label {
    fn class(&self, _payload: &Payload) -> PacketClass {
        self.class
    }
    fn ecn(&self) -> Ecn {
        self.ecn
    }
    fn set_ce(&mut self) {
        assert_ne!(self.ecn, Ecn::NotEct, "only an ECN-capable packet is marked");
        self.ecn = Ecn::Ce;
    }
    fn flow_hash(&self) -> u32 {
        0
    }
    fn emit(&self, payload: &Payload, out: &mut Vec<u8>) {
        out.extend(self.number.to_be_bytes());
        payload.append_to(out);
    }
    fn parse(_bytes: &[u8], _framed: bool) -> Result<(Label, Payload), ParseError> {
        Err(ParseError::Unsupported)
    }
    fn framed(&self) -> bool {
        false
    }
}

/// A packet that the sender hands over.
#[derive(Clone, Copy, Debug)]
pub struct Sending {
    pub at: Time,
    pub len: u32,
    pub flow: u32,
    pub class: PacketClass,
    pub ecn: Ecn,
}

impl Sending {
    /// A data packet of flow 1 that cannot be marked.
    pub fn data(at: Time, len: u32) -> Sending {
        Sending { at, len, flow: 1, class: PacketClass::Data, ecn: Ecn::NotEct }
    }
}

/// What the receiver saw of a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    pub at: Time,
    /// Its place among those sent, from 0.
    pub number: u32,
    pub id: u64,
    pub ce: bool,
    pub flipped_bit: u32,
}

static ARRIVALS: Table = Table {
    name: "arrivals",
    help: "what the receiver saw",
    columns: &[
        Column { name: "number", kind: Kind::Count, help: "its place" },
        Column { name: "id", kind: Kind::Count, help: "its identity" },
        Column { name: "ce", kind: Kind::Flag, help: "marked" },
        Column { name: "bit", kind: Kind::Count, help: "flipped" },
    ],
};

impl Record for Received {
    const TABLE: &'static Table = &ARRIVALS;
    fn values(&self, out: &mut Vec<u64>) {
        out.extend([u64::from(self.number), self.id, u64::from(self.ce), u64::from(self.flipped_bit)]);
    }
}

/// Sends a list, and records what it receives.
struct End {
    list: Vec<Sending>,
    next: usize,
}

impl Node for End {
    type Header = Label;
    fn start(&mut self, cx: &mut Cx<'_, Label>) {
        if let Some(first) = self.list.first() {
            cx.wake_at(first.at, 0);
        }
    }
    fn packet(&mut self, cx: &mut Cx<'_, Label>, _port: u32, packet: PacketRef) {
        let body = cx.packet(&packet);
        let row = Received {
            at: cx.now(),
            number: body.header.number,
            id: body.id,
            ce: body.header.ecn == Ecn::Ce,
            flipped_bit: body.flipped_bit,
        };
        cx.emit(&row);
        cx.free(packet);
    }
    fn timer(&mut self, cx: &mut Cx<'_, Label>, _token: u64) {
        while let Some(sending) = self.list.get(self.next).copied().filter(|sending| sending.at <= cx.now()) {
            let header = Label { number: self.next as u32, class: sending.class, ecn: sending.ecn };
            let payload = Payload::Zeros(sending.len.saturating_sub(4));
            let packet = cx.alloc(Packet::new(header, payload, sending.len, sending.flow));
            self.next += 1;
            cx.send(0, packet);
        }
        if let Some(next) = self.list.get(self.next) {
            cx.wake_at(next.at, 0);
        }
    }
    fn fault(&mut self, _cx: &mut Cx<'_, Label>, _fault: Fault) {}
    fn finish(&mut self, _cx: &mut Cx<'_, Label>) {}
}

/// A link under test.
#[derive(Clone)]
pub struct Link {
    pub seed: u64,
    pub speed: Speed,
    pub delay: Span,
    pub queue: QueueConfig,
    pub impairments: Impairments,
    pub changes: Vec<(Time, Change)>,
    pub overhead: u32,
    pub stop: Time,
    pub shards: u32,
    /// How often the queue is sampled.
    pub every: Option<Span>,
}

impl Link {
    /// 12 Mbit/s, so that 1500 bytes take 1 ms; 10 ms of delay; a queue that never is full; nothing else.
    pub fn new() -> Link {
        Link {
            seed: 1,
            speed: Speed::Rate(Rate::from_bps(12_000_000)),
            delay: Span::from_ms(10),
            queue: QueueConfig::DropTail(DropTailConfig { limit: Amount::Packets(10_000_000) }),
            impairments: Impairments::default(),
            changes: Vec::new(),
            overhead: 0,
            stop: Time::ZERO + Span::from_secs(60),
            shards: 1,
            every: None,
        }
    }

    pub fn run(&self, list: Vec<Sending>) -> Seen {
        let mut world = WorldBuilder::new(self.seed);
        world.node(End { list, next: 0 });
        world.node(End { list: Vec::new(), next: 0 });
        let port = |name: &str, peer: u32, blocked: bool| PortConfig {
            name: name.to_string(),
            peer: (peer, 0),
            speed: self.speed.clone(),
            delay: self.delay,
            mtu: 1500,
            overhead: self.overhead,
            frame_min: 0,
            framed: false,
            queue: self.queue.clone(),
            impairments: if blocked { Impairments::default() } else { self.impairments.clone() },
            blocked,
        };
        world.port(0, port("there", 1, false));
        world.port(1, port("back", 0, true));
        for (at, change) in &self.changes {
            world.change(*at, 0, 0, change.clone());
        }
        world.probes(ProbeConfig {
            tables: vec![&HOPS, &LINKS, &DROPS, &ARRIVALS, &QUEUE],
            every: self.every,
            sampled: vec![(0, 0)],
            ..ProbeConfig::default()
        });
        let partition: &[u32] = if self.shards == 2 { &[0, 1] } else { &[] };
        Seen(world.build(partition).run(self.stop, self.shards as usize, &|_| {}))
    }
}

/// What a run has shown.
pub struct Seen(pub Outcome);

impl Seen {
    pub fn arrivals(&self) -> Vec<Received> {
        let row = |(at, row): (Time, &[u64])| Received {
            at,
            number: row[0] as u32,
            id: row[1],
            ce: row[2] == 1,
            flipped_bit: row[3] as u32,
        };
        self.0.table("arrivals").map_or(Vec::new(), |rows| rows.iter().map(row).collect())
    }

    pub fn numbers(&self) -> Vec<u32> {
        self.arrivals().iter().map(|arrival| arrival.number).collect()
    }

    /// A value of the link's row at the end, by its column.
    pub fn total(&self, column: &str) -> u64 {
        let rows = self.0.table("links").expect("asked for");
        let at = LINKS.columns.iter().position(|known| known.name == column).expect("a column");
        rows.iter().next().expect("the link's row").1[at]
    }

    /// Values of all hops, by column: in the order in which they ended.
    pub fn hops(&self, column: &str) -> Vec<u64> {
        let at = HOPS.columns.iter().position(|known| known.name == column).expect("a column");
        self.0.table("hops").map_or(Vec::new(), |rows| rows.iter().map(|(_, row)| row[at]).collect())
    }

    /// Values of the samples of the queue, by column.
    pub fn samples(&self, column: &str) -> Vec<u64> {
        let at = QUEUE.columns.iter().position(|known| known.name == column).expect("a column");
        self.0.table("queue").map_or(Vec::new(), |rows| rows.iter().map(|(_, row)| row[at]).collect())
    }

    pub fn drop_rows(&self) -> usize {
        self.0.table("drops").map_or(0, Rows::len)
    }
}

pub fn ms(n: u64) -> Time {
    Time::ZERO + Span::from_ms(n)
}

pub fn us(n: u64) -> Time {
    Time::ZERO + Span::from_us(n)
}

pub fn percent(n: u64) -> Prob {
    Prob::from_parts(n * Prob::ONE_PARTS / 100).expect("a probability")
}

/// `n` full packets, one each `gap`.
pub fn train(n: u64, gap: Span) -> Vec<Sending> {
    (0..n).map(|at| Sending::data(Time::ZERO + gap * at, 1500)).collect()
}
