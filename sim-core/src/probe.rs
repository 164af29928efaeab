//! Probes: what a run records, and the rows as they are emitted. They observe: switching one on or off changes no other row and no packet.

use std::collections::BTreeMap;

use crate::audit::Audit;
use crate::drop::DropCause;
use crate::event::EventKey;
use crate::packet::{Course, Header, Packet, PacketClass};
use crate::record::{Column, Kind, Record, Table, text_word};
use crate::time::{Span, Time};

/// A point where packets are captured: all that its node sends and receives over one port.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CapturePoint {
    /// The node.
    pub node: u32,
    /// Its port.
    pub port: u32,
    /// At most so many bytes of packets in all.
    pub first: u64,
    /// At most so many bytes of each packet.
    pub snap: u32,
}

/// What a run records.
#[derive(Clone, Debug, Default)]
pub struct ProbeConfig {
    /// Tables whose rows are wanted.
    pub tables: Vec<&'static Table>,
    /// The period of sampled series.
    pub every: Option<Span>,
    /// Ports whose queues are sampled: node and port.
    pub sampled: Vec<(u32, u32)>,
    /// Capture points.
    pub captures: Vec<CapturePoint>,
    /// Each packet is emitted as bytes, read back and compared at each hop; the bytes enter the fingerprint.
    pub bytes_on_every_hop: bool,
    /// What is kept of the events, to compare the run with another (see [`first_difference`](crate::first_difference)).
    pub audit: Audit,
}

/// The engine's own tables.
pub const ENGINE_TABLES: &[&Table] = &[&QUEUE, &LINKS, &DROPS, &MARKS, &HOPS];

const fn column(name: &'static str, kind: Kind, help: &'static str) -> Column {
    Column { name, kind, help }
}

/// Samples of queues.
pub static QUEUE: Table = Table {
    name: "queue",
    help: "samples of queues: length, delay, and what was dropped, marked and sent so far",
    columns: &[
        column("link", Kind::Port, "the link direction"),
        column("queue_packets", Kind::Count, "packets that wait; the one in transmission is not counted"),
        column("queue_bytes", Kind::Bytes, "their bytes on the wire"),
        column("delay_s", Kind::Time, "how long a packet that came now would wait"),
        column("drops_packets", Kind::Count, "packets dropped so far"),
        column("marks_packets", Kind::Count, "packets marked so far"),
        column("sent_bytes", Kind::Bytes, "bytes on the wire, sent or scheduled so far"),
    ],
};

/// A row for each link direction at the end.
pub static LINKS: Table = Table {
    name: "links",
    help: "a row for each link direction at the end of the run",
    columns: &[
        column("link", Kind::Port, "the link direction"),
        column("received_packets", Kind::Count, "packets handed to it"),
        column("sent_packets", Kind::Count, "packets sent"),
        column("sent_bytes", Kind::Bytes, "their bytes on the wire"),
        column("drops_packets", Kind::Count, "packets dropped, all causes"),
        column("queue_full_packets", Kind::Count, "of these for want of room"),
        column("early_packets", Kind::Count, "of these by an active queue discipline"),
        column("loss_packets", Kind::Count, "of these by loss on the wire, forced or random"),
        column("down_packets", Kind::Count, "of these because the link was down"),
        column("marks_packets", Kind::Count, "packets marked \"congestion experienced\""),
        column("utilization", Kind::Ratio, "part of the time in which it sent"),
        column("busy_s", Kind::Time, "time in which it sent"),
        column("queue_max_packets", Kind::Count, "the most packets that waited"),
        column("wait_mean_s", Kind::Time, "mean wait of the packets sent"),
        column(
            "corrupted_packets",
            Kind::Count,
            "packets sent with a flipped bit, for a checksum at the other end to catch",
        ),
        column("duplicated_packets", Kind::Count, "second copies that the link made, among those handed to it"),
    ],
};

/// Every drop.
pub static DROPS: Table = Table {
    name: "drops",
    help: "every packet that was dropped, where and why",
    columns: &[
        column("node", Kind::Node, "the node that dropped it, or that was to send it"),
        column("link", Kind::Port, "the link direction, where a link dropped it"),
        column("packet", Kind::Count, "the packet"),
        column("flow", Kind::Flow, "its flow"),
        column("length_bytes", Kind::Bytes, "its length at the network layer"),
        column("cause", Kind::Word(DropCause::WORDS), "why"),
    ],
};

/// Packets that queues marked.
pub static MARKS: Table = Table {
    name: "marks",
    help: "every packet that a queue marked \"congestion experienced\" (RFC 3168), and what the queue was like then",
    columns: &[
        column("link", Kind::Port, "the link direction whose queue marked it"),
        column("packet", Kind::Count, "the packet"),
        column("flow", Kind::Flow, "its flow"),
        column("length_bytes", Kind::Bytes, "its length at the network layer"),
        column("waited_s", Kind::Time, "how long it had waited; 0 where it is judged as it comes (RED)"),
        column("queue_packets", Kind::Count, "packets that waited besides"),
        column("queue_bytes", Kind::Bytes, "their bytes on the wire"),
    ],
};

/// What becomes of a packet on a hop: the words of a drop cause, and these.
const FATES: &[&str] = &{
    let mut words = [""; DropCause::COUNT + 2];
    let mut at = 0;
    while at < DropCause::COUNT {
        words[at] = DropCause::WORDS[at];
        at += 1;
    }
    words[DropCause::COUNT] = "delivered";
    words[DropCause::COUNT + 1] = "under_way";
    words
};

/// Every hop of every packet.
pub static HOPS: Table = Table {
    name: "hops",
    help: "every packet over every link: when it came, started, ended, arrived, and what became of it",
    columns: &[
        column("port", Kind::Port, "the link direction"),
        column("packet", Kind::Count, "the packet"),
        column("flow", Kind::Flow, "its flow"),
        column("class", Kind::Word(PacketClass::WORDS), "what kind of packet it is"),
        column("length_bytes", Kind::Bytes, "its length at the network layer"),
        column("wire_bytes", Kind::Bytes, "its length on this link"),
        column("enqueued_s", Kind::Time, "when it was handed to the link"),
        column("started_s", Kind::Time, "when its first bit left"),
        column("ended_s", Kind::Time, "when its last bit had left"),
        column("arrived_s", Kind::Time, "when it had arrived whole"),
        column("fate", Kind::Word(FATES), "what became of it"),
    ],
};

/// How rows of a header's own table begin (see [`Header::PACKETS`]).
pub const PACKET_COLUMNS: [Column; 9] = [
    column("packet", Kind::Count, "the packet"),
    column("flow", Kind::Flow, "its flow"),
    column("port", Kind::Port, "the link direction"),
    column("from", Kind::Node, "the node that sends it"),
    column("to", Kind::Node, "the node at the far end; empty where the stop has overtaken it"),
    column("enqueued_s", Kind::Time, "when it was handed to the link"),
    column("started_s", Kind::Time, "when its first bit left"),
    column("arrived_s", Kind::Time, "when it had arrived whole"),
    column("fate", Kind::Word(FATES), "what became of it"),
];

/// A row of a header's own table.
struct PacketRow<'a, H> {
    hop: &'a HopRow,
    to: Option<u32>,
    packet: &'a Packet<H>,
    content: String,
}

/// Headers without a table of their own write no rows, so that this one stays unused.
static NO_PACKETS: Table = Table { name: "packets", help: "nothing", columns: &[] };

impl<H: Header> Record for PacketRow<'_, H> {
    const TABLE: &'static Table = match H::PACKETS {
        Some(table) => table,
        None => &NO_PACKETS,
    };
    fn values(&self, out: &mut Vec<u64>) {
        let [port, packet, flow, _, _, _, enqueued, started, _, arrived, fate] = self.hop.0;
        let to = self.to.map_or(u64::MAX, u64::from);
        out.extend([packet, flow, port, port >> 32, to, enqueued, started, arrived, fate]);
        self.packet.header.cells(&self.packet.payload, out);
        out.push(text_word(&self.content));
    }
    fn texts(&self, note: &mut dyn FnMut(&str)) {
        note(&self.content);
    }
}

/// A row of [`HOPS`].
pub(crate) struct HopRow([u64; 11]);

impl HopRow {
    fn new<H: Header>(node: u32, port: u32, packet: &Packet<H>, times: [u64; 3], fate: u64) -> HopRow {
        HopRow([
            port_word(node, port),
            packet.id,
            u64::from(packet.flow),
            packet.header.class(&packet.payload) as u64,
            u64::from(packet.len),
            u64::from(packet.wire_bytes),
            packet.enqueued.ps(),
            times[0],
            times[1],
            times[2],
            fate,
        ])
    }

    /// One that the port did not take.
    pub fn refused<H: Header>(node: u32, port: u32, packet: &Packet<H>, cause: DropCause) -> HopRow {
        HopRow::new(node, port, packet, [u64::MAX; 3], cause as u64)
    }

    /// One that reached the far end, or was lost on the wire.
    pub fn crossed<H: Header>(node: u32, port: u32, packet: &Packet<H>, arrived: Time) -> HopRow {
        let (arrived, fate) = match packet.course == Course::Lost {
            true => (u64::MAX, DropCause::Loss as u64),
            false => (arrived.ps(), DropCause::COUNT as u64),
        };
        HopRow::new(node, port, packet, [packet.started.ps(), packet.ended.ps(), arrived], fate)
    }

    /// One that the end of the run overtook.
    pub fn under_way<H: Header>(node: u32, port: u32, packet: &Packet<H>, scheduled: bool) -> HopRow {
        let (started, ended) = if scheduled { (packet.started.ps(), packet.ended.ps()) } else { (u64::MAX, u64::MAX) };
        HopRow::new(node, port, packet, [started, ended, u64::MAX], DropCause::COUNT as u64 + 1)
    }
}

impl Record for HopRow {
    const TABLE: &'static Table = &HOPS;
    fn values(&self, out: &mut Vec<u64>) {
        out.extend_from_slice(&self.0);
    }
}

pub(crate) struct DropRow {
    pub node: u32,
    pub port: Option<u32>,
    pub packet: u64,
    pub flow: u32,
    pub bytes: u32,
    pub cause: DropCause,
}

impl Record for DropRow {
    const TABLE: &'static Table = &DROPS;
    fn values(&self, out: &mut Vec<u64>) {
        let link = self.port.map_or(u64::MAX, |port| port_word(self.node, port));
        out.extend([
            u64::from(self.node),
            link,
            self.packet,
            u64::from(self.flow),
            u64::from(self.bytes),
            self.cause as u64,
        ]);
    }
}

/// The word of a port in tables.
pub(crate) fn port_word(node: u32, port: u32) -> u64 {
    u64::from(node) << 32 | u64::from(port)
}

pub(crate) struct MarkRow([u64; 7]);

impl MarkRow {
    /// Of a packet in a queue where so many packets and bytes wait besides.
    pub fn new<H: Header>(node: u32, port: u32, packet: &Packet<H>, now: Time, packets: u32, bytes: u64) -> MarkRow {
        let waited = now.ps().saturating_sub(packet.enqueued.ps());
        let (flow, length) = (u64::from(packet.flow), u64::from(packet.len));
        MarkRow([port_word(node, port), packet.id, flow, length, waited, u64::from(packets), bytes])
    }
}

impl Record for MarkRow {
    const TABLE: &'static Table = &MARKS;
    fn values(&self, out: &mut Vec<u64>) {
        out.extend_from_slice(&self.0);
    }
}

/// A shard's part of what is recorded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Probes {
    pub tables: Vec<&'static Table>,
    pub every: Option<Span>,
    pub hops: bool,
    /// Whether rows of the header's own table are wanted.
    pub packets: bool,
    pub drops: bool,
    pub marks: bool,
    pub bytes_on_every_hop: bool,
    pub captures: Vec<CapturePoint>,
    /// Whether anybody looks at each packet that has crossed a link.
    pub observing: bool,
    pub auditing: bool,
}

impl Probes {
    pub fn new<H: Header>(config: &ProbeConfig) -> Probes {
        let wants = |table: &Table| config.tables.iter().any(|wanted| wanted.name == table.name);
        let packets = H::PACKETS.is_some_and(wants);
        Probes {
            tables: config.tables.clone(),
            every: config.every,
            hops: wants(&HOPS),
            packets,
            drops: wants(&DROPS),
            marks: wants(&MARKS),
            bytes_on_every_hop: config.bytes_on_every_hop,
            captures: config.captures.clone(),
            observing: wants(&HOPS) || packets || !config.captures.is_empty(),
            auditing: config.audit != Audit::Off,
        }
    }

    pub fn wants(&self, table: &'static Table) -> bool {
        self.tables.iter().any(|wanted| std::ptr::eq(*wanted, table))
    }
}

/// A packet that a capture point saw.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Captured {
    /// The capture point: its index in [`ProbeConfig::captures`].
    pub point: u32,
    /// When its first bit left the node, or its last one reached it.
    pub time: Time,
    /// Whether the node received it.
    pub inbound: bool,
    /// The packet.
    pub packet: u64,
    /// Its bytes, up to the point's `snap`.
    pub bytes: Vec<u8>,
    /// Its length in bytes.
    pub length: u32,
}

/// The order of a row: the event that emitted it, and its place among that event's rows.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct RowKey {
    pub event: EventKey,
    pub index: u128,
}

pub(crate) struct Row {
    pub key: RowKey,
    pub table: &'static Table,
    pub first: u32,
}

/// Rows of a shard, in the order of its events.
#[derive(Default)]
pub(crate) struct Recorder {
    pub key: RowKey,
    pub rows: Vec<Row>,
    pub values: Vec<u64>,
    /// Texts of rows by their words.
    pub texts: BTreeMap<u64, String>,
    pub captured: Vec<(RowKey, Captured)>,
    pub captured_bytes: Vec<[u64; 2]>,
}

impl Recorder {
    /// Rows from here on belong to this event, and count from `index`.
    #[inline]
    pub fn begin(&mut self, event: EventKey, index: u128) {
        self.key = RowKey { event, index };
    }

    pub fn next_key(&mut self) -> RowKey {
        let this = self.key;
        self.key.index += 1;
        this
    }

    pub fn emit<R: Record>(&mut self, record: &R) {
        let key = self.next_key();
        let first = u32::try_from(self.values.len()).expect("fewer than 2^32 values a shard");
        record.values(&mut self.values);
        record.texts(&mut |text| {
            self.texts.entry(text_word(text)).or_insert_with(|| text.to_string());
        });
        debug_assert_eq!(self.values.len() - first as usize, R::TABLE.columns.len(), "{}", R::TABLE.name);
        self.rows.push(Row { key, table: R::TABLE, first });
    }

    /// Writes what became of a packet on a hop to the tables that are on.
    pub fn hop<H: Header>(&mut self, probes: &Probes, hop: &HopRow, to: Option<u32>, packet: &Packet<H>) {
        if probes.hops {
            self.emit(hop);
        }
        if probes.packets {
            let content = packet.header.content(&packet.payload);
            self.emit(&PacketRow { hop, to, packet, content });
        }
    }

    /// Keeps a packet for a capture point, up to the point's limits.
    pub fn capture<H: Header>(
        &mut self,
        points: &[CapturePoint],
        at: u32,
        inbound: bool,
        time: Time,
        packet: &Packet<H>,
    ) {
        let point = &points[at as usize];
        self.captured_bytes.resize(points.len(), [0; 2]);
        let so_far = &mut self.captured_bytes[at as usize][usize::from(inbound)];
        if *so_far >= point.first {
            return;
        }
        let mut bytes = Vec::with_capacity(packet.len as usize + 14);
        packet.header.emit(&packet.payload, &mut bytes);
        if inbound && packet.flipped_bit != u32::MAX {
            flip(&mut bytes, packet.flipped_bit);
        }
        let length = bytes.len() as u32;
        bytes.truncate(point.snap as usize);
        *so_far += bytes.len() as u64;
        let key = self.next_key();
        self.captured.push((key, Captured { point: at, time, inbound, packet: packet.id, bytes, length }));
    }
}

/// Flips a bit, counted from the first of the frame; one beyond the bytes that are there (in padding or the frame check) flips none.
pub fn flip(bytes: &mut [u8], bit: u32) {
    if let Some(byte) = bytes.get_mut(bit as usize / 8) {
        *byte ^= 0x80 >> (bit % 8);
    }
}
