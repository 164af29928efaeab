//! What a request has had on the wire, layer by layer: columns that every table of requests has, with one meaning.
//!
//! To whom packets are charged: to the request that has their connection while they pass, from the moment that it gets the connection (or begins to
//! open it) until its row is over. The handshakes of TCP and TLS are those of the request that opened the connection. Acknowledgements without
//! data count as any other packet; those that pass when no request is under way (a delayed one behind the last byte, keep-alive) and the closing of a
//! connection are charged to nobody, nor is a connection that was never established. In the table `requests` closing is part of a request; with HTTP/1.1
//! the client begins to close a connection that is not kept in the instant in which the answer ends, and that counts. Of a request that was
//! repeated only the last attempt counts. Where requests
//! share a connection at a time (HTTP/2, gRPC, Dubbo), the columns of Ethernet, IP, TCP and TLS hold what passed for all of them.
//!
//! Ethernet, IP, TCP and payload of one request at a time on an interface are all bytes of its packets there, but for padding to 60 bytes. Where
//! nothing is sent twice, payload is TLS, HTTP and body together.

use sim_core::{Column, Kind};

use crate::app::dial::UpDown;

/// Ethernet around a packet: 14 bytes of header, 4 of check sequence (IEEE 802.3 §3.1.1).
pub(crate) const ETHERNET: u64 = 18;
/// RFC 791 §3.1, without options.
pub(crate) const IP: u64 = 20;

/// Where most of the time of a request has gone.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[repr(u32)]
pub(crate) enum Cause {
    #[default]
    None,
    Path,
    Server,
    Transfer,
    Retransmission,
    Queued,
    Dns,
    Connect,
    Tls,
    Marshal,
    Repeated,
    Sending,
    Network,
    Waiting,
}

impl Cause {
    pub const WORDS: &'static [&'static str] = &[
        "none",
        "path",
        "server",
        "transfer",
        "retransmission",
        "queued",
        "dns",
        "connect",
        "tls",
        "marshal",
        "repeated",
        "sending",
        "network",
        "waiting",
    ];
}

/// The columns of a row.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Layers {
    pub retransmissions: u64,
    pub out_of_order: u64,
    pub cause: Cause,
    pub ethernet: UpDown,
    pub ip: UpDown,
    /// Headers.
    pub tcp: UpDown,
    pub payload: UpDown,
    pub tls: UpDown,
    pub http: UpDown,
    pub body: UpDown,
}

const fn count(name: &'static str, help: &'static str) -> Column {
    Column { name, kind: Kind::Count, help }
}

const fn bytes(name: &'static str, help: &'static str) -> Column {
    Column { name, kind: Kind::Bytes, help }
}

impl Layers {
    /// As [`Layers::values`] tells them.
    pub const COLUMNS: &'static [Column] = &[
        count(
            "retransmissions",
            "segments sent again on its connection meanwhile, by the client and, as far as it had heard of them, by the server; SYNs and their answers as well; of datagrams copies of the request",
        ),
        count(
            "out_of_order",
            "segments that came behind a hole on its connection meanwhile: something before them was lost or late",
        ),
        Column {
            name: "cause",
            kind: Kind::Word(Cause::WORDS),
            help: "where most of its time has gone; path: one least round trip that its host has measured to the server, on any connection of such requests; server: what the server says that it has worked, waiting for a worker included; sending: until all of the request had left, on a connection that requests share at a time the last of any of them before the answer; network: what the first byte took beyond these three, as queues on the way do; transfer: from the first byte to the last; retransmission: the part of these three in which something was under way that had to be sent again; waiting: for an answer that has not come, or from a server that does not say how long it worked, as by UDP; marshal: the client's stub; repeated: earlier attempts; none: it took no time, or the stop came first",
        },
        bytes(
            "ethernet_up_bytes",
            "Ethernet around the packets of its connection meanwhile, sent up: 18 bytes each (header and check sequence), without padding; other requests on it included. Of datagrams around those of this request alone, cut as the way from this host is known to cut them",
        ),
        bytes("ethernet_down_bytes", "the same of packets that came"),
        bytes("ip_up_bytes", "headers of IP of the same packets: 20 bytes each"),
        bytes("ip_down_bytes", "the same of packets that came"),
        bytes(
            "tcp_up_bytes",
            "headers of TCP, options included, of the same packets: with the handshake where it opened a connection; closing counts in the table `requests`, elsewhere what of it leaves in the instant in which the answer ends; of datagrams the 8 bytes of UDP in front of each",
        ),
        bytes("tcp_down_bytes", "the same of packets that came"),
        bytes(
            "payload_up_bytes",
            "payload of the same packets, what was sent again included: with HTTP/2 that of other requests, too",
        ),
        bytes("payload_down_bytes", "the same of packets that came"),
        bytes(
            "tls_up_bytes",
            "TLS up meanwhile on its connection: the handshake, and what stands around data in records",
        ),
        bytes("tls_down_bytes", "the same down"),
        bytes(
            "http_up_bytes",
            "heads and framing of HTTP up; in HTTP/2 the frames of its stream less the body, not what both ends say of the connection itself; of WebSocket the upgrade, heads of frames and pings; of RMI what opens a connection",
        ),
        bytes("http_down_bytes", "the same down"),
        bytes(
            "body_up_bytes",
            "body of the request, as far as it was handed to the connection; of a call its own message with its framing, by datagrams once for each copy",
        ),
        bytes("body_down_bytes", "body of the answer, as far as it came, compressed where it was"),
    ];

    pub fn values(&self, out: &mut Vec<u64>) {
        out.extend([self.retransmissions, self.out_of_order, u64::from(self.cause as u32)]);
        let layers = [self.ethernet, self.ip, self.tcp, self.payload, self.tls, self.http, self.body];
        out.extend(layers.into_iter().flatten());
    }

    /// Headers of so many packets, up and down.
    pub fn of_packets(&mut self, packets: UpDown) {
        self.ip = packets.map(|packets| packets * IP);
        self.ethernet = packets.map(|packets| packets * ETHERNET);
    }
}
