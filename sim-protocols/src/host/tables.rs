//! The tables of hosts.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use sim_core::{Column, Kind, Rate, Record, Span, Table, Time, text_word};

use super::layers::Layers;
use crate::app::dial::Secured;
use crate::app::dial::fault::{ENDINGS, STATUS};
use crate::app::{CallForm, CallOperation, ReplyStatus};

/// A row type and its table, from one list of columns, and perhaps a group that several tables have.
macro_rules! table {
    (
        $(#[$doc:meta])*
        $table:ident = $name:literal, $help:literal;
        $row:ident { $($field:ident: $type:ty, $column:literal, $kind:expr, $what:literal;)* $(+ $group:ident: $columns:ty)? }
    ) => {
        $(#[$doc])*
        pub static $table: Table = Table {
            name: $name,
            help: $help,
            columns: {
                const OWN: &[Column] = &[$(Column { name: $column, kind: $kind, help: $what },)*];
                const GROUP: &[Column] = $crate::host::group!($($columns)?);
                const ALL: [Column; OWN.len() + GROUP.len()] = $crate::host::joined(OWN, GROUP);
                &ALL
            },
        };

        #[derive(Clone, Debug)]
        pub(crate) struct $row {
            $(pub $field: $type,)*
            $(pub $group: $columns,)?
        }

        impl Record for $row {
            const TABLE: &'static Table = &$table;
            fn values(&self, out: &mut Vec<u64>) {
                $(out.push($crate::host::Cell::cell(&self.$field));)*
                $(self.$group.values(out);)?
            }
            fn texts(&self, note: &mut dyn FnMut(&str)) {
                $($crate::host::Cell::text(&self.$field).into_iter().for_each(&mut *note);)*
            }
        }
    };
}

/// The columns of a group, of which there may be none.
macro_rules! group {
    () => {
        &[]
    };
    ($columns:ty) => {
        <$columns>::COLUMNS
    };
}

pub(crate) use {group, table};

/// Columns of a table, and those of a group behind them.
pub(crate) const fn joined<const N: usize>(own: &[Column], group: &[Column]) -> [Column; N] {
    let mut all = [Column { name: "", kind: Kind::Count, help: "" }; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < own.len() { own[at] } else { group[at - own.len()] };
        at += 1;
    }
    all
}

/// What a column can be made of.
pub(crate) trait Cell {
    fn cell(&self) -> u64;
    /// What a column of texts has to say.
    fn text(&self) -> Option<&str> {
        None
    }
}

impl Cell for Arc<str> {
    fn cell(&self) -> u64 {
        text_word(self)
    }
    fn text(&self) -> Option<&str> {
        Some(self)
    }
}

macro_rules! cells {
    ($($type:ty: |$value:ident| $cell:expr;)*) => {
        $(impl Cell for $type {
            fn cell(&self) -> u64 {
                let $value = *self;
                $cell
            }
        })*
    };
}

cells! {
    u64: |value| value;
    u32: |value| u64::from(value);
    u16: |value| u64::from(value);
    u8: |value| u64::from(value);
    usize: |value| value as u64;
    Time: |value| value.ps();
    Span: |value| value.ps();
    Rate: |value| value.bps();
    Ipv4Addr: |value| u64::from(value.to_bits());
    Option<Span>: |value| value.map_or(u64::MAX, Span::ps);
    Option<Time>: |value| value.map_or(u64::MAX, Time::ps);
    Option<u64>: |value| value.unwrap_or(u64::MAX);
}

/// Words of applications, in the order of the registry.
pub(crate) const APP_WORDS: &[&str] = &{
    let mut words = [""; crate::app::APPS.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = crate::app::APPS[at].name;
        at += 1;
    }
    words
};

/// How a flow stands at the end.
pub(crate) const OUTCOMES: &[&str] =
    &["not_started", "running", "finished", "reset", "refused", "timed_out", "unreachable", "aborted"];

/// Answers to a probe.
pub(crate) const ANSWERS: &[&str] = &[
    "reply",
    "timeout",
    "ttl_expired",
    "port_unreachable",
    "host_unreachable",
    "net_unreachable",
    "unreachable",
    "open",
];

table! {
    /// One row for each flow, when the simulation ends. Over TCP and for requests its client end writes it; for datagrams its
    /// server end, which alone knows what has come.
    FLOWS = "flows", "one row for each flow: when, how much, how fast, what was lost and sent again, round trips, how it ended";
    FlowRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        app: u32, "app", Kind::Word(APP_WORDS), "its application";
        client: Ipv4Addr, "client", Kind::Address, "the address that it comes from";
        server: Ipv4Addr, "server", Kind::Address, "the address that it goes to";
        start: Option<Time>, "start_s", Kind::Time, "when it started: its first SYN or request; for datagrams the time that the file gives";
        end: Option<Time>, "end_s", Kind::Time, "when its last byte was acknowledged or delivered";
        bytes: u64, "bytes", Kind::Bytes, "payload: bulk bytes acknowledged at the sender, response bytes or datagram bytes delivered";
        goodput: Rate, "goodput_bps", Kind::Rate, "these bytes over the time from start to end, or to the stop where it still runs";
        sent: u64, "sent_packets", Kind::Count, "data segments, datagrams or probes that its sender has sent, retransmissions included";
        retransmissions: u64, "retransmissions", Kind::Count, "segments sent again on its connections, by the client and, as far as it had heard of them, by the server; SYNs and their answers as well; of calls by datagrams those that the client sent again";
        timeouts: u64, "timeouts", Kind::Count, "retransmission time-outs, at the client end";
        fast_retransmits: u64, "fast_retransmits", Kind::Count, "losses found without a time-out, each with its recovery, at the client end";
        tail_probes: u64, "tail_probes", Kind::Count, "probes of a lost tail (RFC 8985 §7), at the client end";
        undone: u64, "undone", Kind::Count, "reductions of the window that proved needless and were undone, at the client end";
        loss: u64, "loss", Kind::Ratio, "share of the segments that the client sent that were retransmissions; share of the datagrams sent that did not come, of the probes, and of calls by datagrams, those without an answer in time; what the stop has overtaken is not lost";
        rtt_min: Option<Span>, "rtt_min_s", Kind::Time, "least round trip";
        rtt_mean: Option<Span>, "rtt_mean_s", Kind::Time, "mean round trip";
        rtt_p50: Option<Span>, "rtt_p50_s", Kind::Time, "median round trip, to 0.8 %";
        rtt_p95: Option<Span>, "rtt_p95_s", Kind::Time, "95th percentile of the round trips, to 0.8 %";
        rtt_p99: Option<Span>, "rtt_p99_s", Kind::Time, "99th percentile of the round trips, to 0.8 %";
        connections: u64, "connections", Kind::Count, "connections opened";
        damaged: u64, "damaged_bytes", Kind::Count, "bytes of a pattern that were not what the other end sent; anything but 0 is an error of the simulator";
        outcome: u32, "outcome", Kind::Word(OUTCOMES), "how it ended";
    }
}

table! {
    /// Datagram flows, one row for each end.
    UDP = "udp", "one row for each end of a datagram flow: packets, bytes, losses, one-way delay and jitter";
    UdpRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        end: u32, "end", Kind::Word(&["sender", "receiver"]), "which end";
        packets: u64, "packets", Kind::Count, "datagrams sent or received";
        bytes: u64, "bytes", Kind::Bytes, "their payload";
        rate: Rate, "rate_bps", Kind::Rate, "payload over the time from the first to the last datagram";
        lost: u64, "lost_packets", Kind::Count, "sequence numbers below the highest that did not come";
        reordered: u64, "reordered_packets", Kind::Count, "datagrams that came after one with a higher number";
        duplicates: u64, "duplicate_packets", Kind::Count, "datagrams that came a second time, among the last 64";
        unreachable: u64, "unreachable", Kind::Count, "errors that ICMP brought back";
        delay_min: Option<Span>, "delay_min_s", Kind::Time, "least one-way delay, from the source's call to delivery";
        delay_mean: Option<Span>, "delay_mean_s", Kind::Time, "mean one-way delay";
        delay_p50: Option<Span>, "delay_p50_s", Kind::Time, "median, to 0.8 %";
        delay_p95: Option<Span>, "delay_p95_s", Kind::Time, "95th percentile, to 0.8 %";
        delay_p99: Option<Span>, "delay_p99_s", Kind::Time, "99th percentile, to 0.8 %";
        delay_max: Option<Span>, "delay_max_s", Kind::Time, "greatest one-way delay";
        jitter: Option<Span>, "jitter_s", Kind::Time, "mean absolute difference of successive delays (RFC 3550 §6.4.1, not smoothed)";
    }
}

table! {
    /// Each datagram that was delivered.
    DATAGRAMS = "datagrams", "each datagram delivered: its number and its one-way delay";
    DatagramRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        seq: u32, "seq", Kind::Count, "its number, from 0";
        bytes: u32, "bytes", Kind::Bytes, "its payload";
        delay: Span, "delay_s", Kind::Time, "one-way delay";
    }
}

table! {
    /// Each request.
    REQUESTS = "requests", "each request: its latency, and connecting and closing where it has its own connection";
    RequestRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        number: u64, "number", Kind::Count, "its number in the flow, from 1";
        start: Time, "start_s", Kind::Time, "when it began: with connecting, where it has its own connection";
        connect: Option<Span>, "connect_s", Kind::Time, "from the SYN until it was established, where it opened a connection";
        first_byte: Option<Span>, "first_byte_s", Kind::Time, "from its first byte written to the response's first byte read";
        latency: Option<Span>, "latency_s", Kind::Time, "from its first byte written to the response's last byte read";
        close: Option<Span>, "close_s", Kind::Time, "from the client's close, or its reading the end of the stream, until TIME-WAIT or closed";
        total: Option<Span>, "total_s", Kind::Time, "from `start` to the end of it; empty where the stop came first";
        outcome: u32, "outcome", Kind::Word(OUTCOMES), "how it ended; running: the stop came first";
        + layers: Layers
    }
}

table! {
    /// Each request by HTTP.
    HTTP = "http", "each request by HTTP: waiting, connecting, first byte, last byte, status, bytes on each layer, what became of it";
    HttpRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        number: u64, "number", Kind::Count, "its number in the flow, from 1, in the order of their starts";
        start: Time, "start_s", Kind::Time, "when it wanted to be sent";
        queued: Option<Span>, "queued_s", Kind::Time, "until it was sent, without its own connecting: it waited for a connection, or for a stream of one; where none came of the connection that it opened, until then";
        dns: Option<Span>, "dns_s", Kind::Time, "how long its server's name took; empty where it opened no connection, or knew the address";
        connect: Option<Span>, "connect_s", Kind::Time, "from the SYN until the connection was established; empty where it opened none";
        tls: Option<Span>, "tls_s", Kind::Time, "the handshake of TLS, until data could be sent; with early data (0-RTT) its computing alone";
        first_byte: Option<Span>, "first_byte_s", Kind::Time, "from sending it until the head of the response was there";
        total: Option<Span>, "total_s", Kind::Time, "from `start` to the last byte of the response, or to the failure; empty where the stop came first";
        status: Option<u64>, "status", Kind::Count, "the status code; empty where no response came";
        connection: Option<u64>, "connection", Kind::Count, "the number of its connection in the flow, from 1; empty where it got none";
        reused: u32, "reused", Kind::Word(&["new", "reused"]), "whether the connection was there already";
        secured: u32, "secured", Kind::Word(Secured::WORDS), "how its connection is protected: not, after a full handshake, a resumed one, or one that took early data";
        too_early: u32, "too_early", Kind::Count, "how often it was refused with 425, for it came before the handshake was over, and was asked again; its steps but `total`, and its bytes, are those of the last time";
        retries: u32, "retries", Kind::Count, "how often it was made again, since its connection failed or the answer told it to come later; its steps but `total`, and its bytes, are those of the last time";
        outcome: u32, "outcome", Kind::Word(ENDINGS), "how it ended; status: answered with another status than success; closed: the answer broke off; running: the stop came first";
        + layers: Layers
    }
}

table! {
    /// Each message of a server.
    MESSAGES = "messages", "each message that came from a server, pushed or asked for: its delay, and what passed on its connection since the one before";
    MessageRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        number: u64, "number", Kind::Count, "its number, from 1, as they were created";
        created: Option<Time>, "created_s", Kind::Time, "when the server had it; empty where it was lost";
        delay: Option<Span>, "delay_s", Kind::Time, "from then until its client had it; empty where it was lost";
        connection: u64, "connection", Kind::Count, "the number of the connection that it came by, from 1";
        outcome: u32, "outcome", Kind::Word(MESSAGE_OUTCOMES), "came: by the connection of the one before; reconnected: by another one, since that was lost; lost: a later one came, or the end, and it did not";
        requests: u64, "requests", Kind::Count, "requests of HTTP since the message before";
        + layers: Layers
    }
}

/// What became of a message.
pub(crate) const MESSAGE_OUTCOMES: &[&str] = &["came", "reconnected", "lost"];

/// How a look-up ended.
pub(crate) const DNS_OUTCOMES: &[&str] = &[
    "running",
    "found",
    "nxdomain",
    "no_record",
    "servfail",
    "refused",
    "timed_out",
    "unreachable",
    "no_resolver",
    "bad_name",
];

table! {
    /// Each look-up of the application `dns`.
    DNS = "dns", "each look-up of a name: where the answer came from, what it cost, what it says";
    DnsRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        number: u64, "number", Kind::Count, "its number in the flow, from 1, in the order of their starts";
        start: Time, "start_s", Kind::Time, "when it began";
        name: Arc<str>, "name", Kind::Text, "the name that was looked up";
        kind: u32, "type", Kind::Word(crate::dns::QueryType::WORDS), "the type of record that was asked for";
        source: u32, "source", Kind::Word(crate::dns::Source::WORDS), "where the answer came from, or the failure; resolver: a server was asked, or there is none";
        queries: u32, "queries", Kind::Count, "questions that the host sent";
        round_trips: u32, "round_trips", Kind::Count, "round trips that it waited for: one by UDP, two by TCP with its handshake";
        timeouts: u32, "timeouts", Kind::Count, "questions without an answer in time";
        tcp: u32, "tcp", Kind::Count, "questions repeated by TCP, for the answer was truncated";
        sent: u64, "sent_bytes", Kind::Bytes, "messages sent, without headers of transport, IP and link";
        received: u64, "received_bytes", Kind::Bytes, "messages received, the same way";
        records: usize, "records", Kind::Count, "records of the answer, aliases included";
        ttl: Span, "ttl_s", Kind::Time, "the least of their TTLs as they came";
        address: Ipv4Addr, "address", Kind::Address, "the first address; 0.0.0.0 where there is none";
        outcome: u32, "outcome", Kind::Word(DNS_OUTCOMES), "what it found; nxdomain: there is no such name; no_record: there is the name, but nothing of the type; running: the stop came first";
        total: Option<Span>, "total_s", Kind::Time, "from its start to its end; empty where the stop came first";
    }
}

table! {
    /// Name servers.
    NAME_SERVERS = "name_servers", "one row for each name server, when the simulation ends: what it was asked, what it knew, whom it asked";
    NameServerRow {
        service: u32, "service", Kind::Flow, "the service";
        udp: u64, "udp_questions", Kind::Count, "questions that came by UDP";
        tcp: u64, "tcp_questions", Kind::Count, "questions that came by TCP";
        answers: u64, "answers", Kind::Count, "answers sent";
        truncated: u64, "truncated", Kind::Count, "answers that did not fit into a datagram";
        nxdomain: u64, "nxdomain", Kind::Count, "answers that there is no such name";
        servfail: u64, "servfail", Kind::Count, "answers that nobody could tell";
        known: u64, "known", Kind::Count, "questions answered without asking anybody: from a zone, from the cache";
        asked: u64, "asked", Kind::Count, "questions sent to other servers";
        timeouts: u64, "timeouts", Kind::Count, "those of them that nobody has answered in time";
    }
}

table! {
    /// Rules of firewalls.
    FIREWALL = "firewall", "one row for each rule of a router's firewall, when the simulation ends: how many packets it has decided on";
    FirewallRow {
        node: u32, "router", Kind::Node, "the router";
        rule: u64, "rule", Kind::Count, "the rule's number, from 1; 0: no rule fitted";
        action: u32, "action", Kind::Word(&["allow", "deny", "reject"]), "what happens to what it fits";
        packets: u64, "packets", Kind::Count, "packets that it was the first rule for";
        bytes: u64, "bytes", Kind::Bytes, "their bytes, with the header of IP";
    }
}

table! {
    /// Translated connections.
    NAT = "nat", "each connection that a router translates, when it begins: as it came, and as it goes on";
    NatRow {
        node: u32, "router", Kind::Node, "the router";
        protocol: u32, "protocol", Kind::Word(&["tcp", "udp", "icmp"]), "the protocol";
        inside: Ipv4Addr, "source", Kind::Address, "its source as it came";
        inside_port: u16, "source_port", Kind::Count, "its port; of an echo the identifier";
        outside: Ipv4Addr, "translated_source", Kind::Address, "its source as it goes on";
        outside_port: u16, "translated_source_port", Kind::Count, "its port as it goes on";
        asked: Ipv4Addr, "destination", Kind::Address, "its destination as it came";
        asked_port: u16, "destination_port", Kind::Count, "its port";
        peer: Ipv4Addr, "translated_destination", Kind::Address, "its destination as it goes on";
        peer_port: u16, "translated_destination_port", Kind::Count, "its port as it goes on";
    }
}

table! {
    /// Each remote call, as its client sees it.
    CALLS = "calls", "each remote call at its client: the time of each step, what became of it, bytes on each layer";
    CallRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        number: u64, "number", Kind::Count, "its number in the flow, from 1, in the order of their starts";
        operation: u32, "operation", Kind::Word(CallOperation::WORDS), "what was called";
        form: u32, "form", Kind::Word(CallForm::WORDS), "how it was written";
        start: Time, "start_s", Kind::Time, "when it was wanted";
        marshal: Option<Span>, "marshal_s", Kind::Time, "the client's stub writing the arguments";
        queued: Option<Span>, "queued_s", Kind::Time, "waiting for a connection, or for a stream of one, without opening one";
        dns: Option<Span>, "dns_s", Kind::Time, "how long its server's name took; empty where it opened no connection, or knew the address";
        connect: Option<Span>, "connect_s", Kind::Time, "from the SYN until the connection was established, and then what the form says first; empty where it opened none";
        tls: Option<Span>, "tls_s", Kind::Time, "the handshake of TLS, until data could be sent; empty without TLS";
        sent: Option<Time>, "sent_s", Kind::Time, "when it was handed to its connection, of `upload` and `chat` its head; from then the times below; empty where it was not";
        first_byte: Option<Span>, "first_byte_s", Kind::Time, "from sending until the first byte of the reply was there; of HTTP its head, of gRPC its first message, or the status where it has none";
        last_byte: Option<Span>, "last_byte_s", Kind::Time, "from sending until all of the reply was there, of gRPC with its status; empty where it broke off";
        unmarshal: Option<Span>, "unmarshal_s", Kind::Time, "the client's stub reading the result";
        total: Option<Span>, "total_s", Kind::Time, "from `start` to the result, or to the failure, repetitions included; empty where the stop came first";
        status: u32, "status", Kind::Word(ReplyStatus::WORDS), "what the reply is called in its form; none where there is none";
        outcome: u32, "outcome", Kind::Word(CALL_OUTCOMES), "finished; fault: the service's own error; overloaded: turned away; timed_out: past its deadline, or TCP has given up; the others: no reply";
        retries: u64, "retries", Kind::Count, "repetitions; times of steps and bytes are those of the last attempt";
        connection: Option<u64>, "connection", Kind::Count, "the number of its connection in the flow, from 1; empty where it got none";
        reused: u32, "reused", Kind::Word(&["new", "reused"]), "whether the connection was there already";
        client: Ipv4Addr, "client", Kind::Address, "the address that it went from, as in `served`; 0.0.0.0 where it got no connection";
        port: Option<u64>, "client_port", Kind::Count, "the port that it went from, as in `served`; empty where it got no connection";
        on_connection: Option<u64>, "on_connection", Kind::Count, "which call on its connection, from 1: `number` of its row in `served`; empty where it was not sent";
        messages_up: u64, "messages_up", Kind::Count, "messages of the call that went: of `upload` and `chat` as many as its stream took, else 1; 0 where nothing was sent";
        messages: u64, "messages", Kind::Count, "messages of the reply: of `watch` and `chat` as many as came, else 1; 0 where there is none, and of gRPC where there is a status alone";
        + layers: Layers
    }
}

impl CallRow {
    /// It has a connection, which begins here.
    pub fn leaves_from(&mut self, local: SocketAddr) {
        if let SocketAddr::V4(local) = local {
            (self.client, self.port) = (*local.ip(), Some(u64::from(local.port())));
        }
    }
}

/// How a remote call ended: as any request ([`ENDINGS`]) with the service's own fault for a status, and two ends more.
pub(crate) const CALL_OUTCOMES: &[&str] = &{
    let mut words = ["fault"; ENDINGS.len() + 2];
    let mut at = 0;
    while at < ENDINGS.len() {
        if at != STATUS as usize {
            words[at] = ENDINGS[at];
        }
        at += 1;
    }
    words[OVERLOADED as usize] = "overloaded";
    words[MALFORMED as usize] = "malformed";
    words
};

/// The server has turned it away.
pub(crate) const OVERLOADED: u32 = ENDINGS.len() as u32;
/// Its reply cannot be read.
pub(crate) const MALFORMED: u32 = OVERLOADED + 1;

table! {
    /// Each remote call, as its server sees it.
    SERVED = "served", "each remote call at its server: stub, waiting for a worker, service, stub again";
    ServedRow {
        flow: u32, "flow", Kind::Flow, "the flow whose end the server is: it answers whoever connects to its port";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        client: Ipv4Addr, "client", Kind::Address, "whose call it is";
        port: u16, "client_port", Kind::Count, "the client's port";
        number: u64, "number", Kind::Count, "which call on this connection, from 1; of `bare-udp` the number that its datagram says. With `client` and `client_port` it leads to the row in `calls`, whose `on_connection` it is";
        start: Time, "start_s", Kind::Time, "when all of it was there; of `upload` and `chat` when its head was";
        unmarshal: Option<Span>, "unmarshal_s", Kind::Time, "the server's stub reading the arguments";
        dispatch: Option<Span>, "dispatch_s", Kind::Time, "waiting for a worker";
        service: Option<Span>, "service_s", Kind::Time, "the service at work";
        marshal: Option<Span>, "marshal_s", Kind::Time, "the server's stub writing the result";
        first: Option<Span>, "first_s", Kind::Time, "until the first message of the reply was handed to the connection; empty where none was";
        total: Option<Span>, "total_s", Kind::Time, "until all of the reply was handed to the connection";
        messages_up: u64, "messages_up", Kind::Count, "messages of the call that the service has taken";
        messages: u64, "messages", Kind::Count, "messages of the reply that were handed to the connection; 0 where it is a fault of gRPC, which is a status";
        outcome: u32, "outcome", Kind::Word(SERVED_OUTCOMES), "answered; fault; overloaded: turned away; gone: the client gave up, or the stop came first";
    }
}

table! {
    /// Each message of a remote call that is a stream.
    CALL_MESSAGES = "call_messages", "each message of the streams of gRPC, at the client: of `upload` and `chat` those that went, of `watch` those that came";
    CallMessageRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        operation: u32, "operation", Kind::Word(CallOperation::WORDS), "what was called";
        number: u64, "number", Kind::Count, "the number of its call in the flow, as in `calls`";
        attempt: u64, "attempt", Kind::Count, "which attempt at this call, from 1";
        message: u64, "message", Kind::Count, "its number in the call, from 1";
        sent: Option<Time>, "sent_s", Kind::Time, "when the client's stub had written it, and the call's stream took it; empty of `watch`";
        came: Option<Time>, "came_s", Kind::Time, "of `watch`, when it was there; of `chat`, when its answer was; empty of `upload`, and where none came";
        latency: Option<Span>, "latency_s", Kind::Time, "of `chat`: from `sent_s` to `came_s`";
    }
}

/// What a server made of a call.
pub(crate) const SERVED_OUTCOMES: &[&str] = &["gone", "answered", "fault", "overloaded"];

table! {
    /// Transitions of connections.
    STATES = "states", "each state transition of a traced connection, both ends";
    StateRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        node: u32, "node", Kind::Node, "the host";
        port: u16, "local_port", Kind::Count, "its port";
        remote: u16, "remote_port", Kind::Count, "the other end's port";
        from: u32, "from", Kind::Word(crate::tcp::STATE_WORDS), "the state left";
        to: u32, "to", Kind::Word(crate::tcp::STATE_WORDS), "the state entered";
    }
}

table! {
    /// Round-trip samples.
    RTT = "rtt", "each round-trip sample of a traced connection";
    RttRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        node: u32, "node", Kind::Node, "the host that measured it";
        rtt: Span, "rtt_s", Kind::Time, "the round trip";
    }
}

table! {
    /// Echo requests.
    PING = "ping", "each echo request and what became of it";
    PingRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        workload: u32, "workload", Kind::Workload, "the entry of the workload that it comes from";
        seq: u64, "seq", Kind::Count, "its number, from 1";
        sent: Time, "sent_s", Kind::Time, "when it was sent";
        rtt: Option<Span>, "rtt_s", Kind::Time, "until the answer";
        from: Ipv4Addr, "from", Kind::Address, "who answered; 0.0.0.0 where nobody did";
        answer: u32, "answer", Kind::Word(ANSWERS), "what came back; open: nothing yet at the stop";
    }
}

table! {
    /// Probes of traceroutes.
    TRACEROUTE = "traceroute", "each probe of a traceroute and who answered";
    TracerouteRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        trace: u64, "trace", Kind::Count, "which trace of the flow, from 1";
        ttl: u8, "ttl", Kind::Count, "the probe's time to live: the hop";
        probe: u8, "probe", Kind::Count, "which probe of this hop, from 1";
        sent: Time, "sent_s", Kind::Time, "when it was sent";
        rtt: Option<Span>, "rtt_s", Kind::Time, "until the answer";
        from: Ipv4Addr, "from", Kind::Address, "who answered; 0.0.0.0 where nobody did";
        answer: u32, "answer", Kind::Word(ANSWERS), "what came back; open: nothing yet at the stop";
    }
}

table! {
    /// Bytes delivered in each sampling interval.
    THROUGHPUT = "throughput", "bytes that each flow delivered to its application in the interval that ends at the row's time";
    ThroughputRow {
        flow: u32, "flow", Kind::Flow, "the flow";
        node: u32, "node", Kind::Node, "the host that they were delivered at";
        bytes: u64, "bytes", Kind::Bytes, "bytes delivered in the interval";
        rate: Rate, "throughput_bps", Kind::Rate, "these bytes over the interval";
        total: u64, "total_bytes", Kind::Bytes, "bytes delivered since the start";
    }
}
