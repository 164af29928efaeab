//! Bytes by layer: every table of requests has the same columns, and they are what passed on the wire.

use std::collections::BTreeMap;

use sim_core::{Captured, Kind, Outcome};

use crate::http::{load, run};

/// The columns that tables of requests have in common.
const SHARED: [&str; 17] = [
    "retransmissions",
    "out_of_order",
    "cause",
    "ethernet_up_bytes",
    "ethernet_down_bytes",
    "ip_up_bytes",
    "ip_down_bytes",
    "tcp_up_bytes",
    "tcp_down_bytes",
    "payload_up_bytes",
    "payload_down_bytes",
    "tls_up_bytes",
    "tls_down_bytes",
    "http_up_bytes",
    "http_down_bytes",
    "body_up_bytes",
    "body_down_bytes",
];

/// One client and one server, a link that loses packets, and a capture at the client.
fn text(application: &str, services: &str, loss: &str) -> String {
    format!(
        "clockwire: 1\nname: layers\nseed: 3\nstop: 60 s\nhosts: {{ a: {{}}, z: {{}} }}\n{services}\
         links:\n  - a -- z: {{ name: path, rate: 1 Gbit/s, delay: 10 ms, loss: {loss} }}\n\
         workload: {{ web: {{ from: a, {application} }} }}\noutputs: {{ capture: {{ at: [path] }} }}\n"
    )
}

type Row = BTreeMap<&'static str, u64>;

fn rows(outcome: &Outcome, table: &str) -> Vec<Row> {
    let table = outcome.table(table).expect("it is written where it runs");
    table
        .iter()
        .map(|(time, values)| {
            let columns = table.table.columns.iter().map(|column| column.name);
            let mut row: Row = columns.zip(values.iter().copied()).filter(|(_, value)| *value != u64::MAX).collect();
            row.insert("time", time.ps());
            row
        })
        .collect()
}

/// A packet of TCP as the client's interface has sent or received it.
struct Packet {
    time: u64,
    inbound: bool,
    /// The client's port.
    port: [u8; 2],
    /// Bytes of its IP packet.
    bytes: u64,
    /// Whether it acknowledges and does nothing else, or resets.
    pure: bool,
}

fn packets(outcome: &Outcome) -> Vec<Packet> {
    let client = outcome.captured.iter().map(|packet| packet.point).min().expect("packets");
    let own = outcome.captured.iter().filter(|packet| packet.point == client);
    let tcp = |packet: &Captured| {
        // IPv4 with protocol 6; what stands before it is the framing.
        let ip = packet.bytes.get(if packet.bytes[0] == 0x45 { 0 } else { 14 }..)?;
        let bytes = u16::from_be_bytes([ip[2], ip[3]]);
        let header = 20 + u16::from(ip[32] >> 4) * 4;
        let pure = bytes == header && ip[33] & 0x3f == 0x10 || ip[33] & 0x04 != 0;
        let (time, inbound) = (packet.time.ps(), packet.inbound);
        let port = if inbound { [ip[22], ip[23]] } else { [ip[20], ip[21]] };
        (ip[0] == 0x45 && ip[9] == 6).then_some(Packet { time, inbound, port, bytes: bytes.into(), pure })
    };
    own.filter_map(tcp).collect()
}

/// The client's ports in the order in which it has used them.
fn ports_of(packets: &[Packet]) -> Vec<[u8; 2]> {
    let mut ports = Vec::new();
    for packet in packets {
        if !ports.contains(&packet.port) {
            ports.push(packet.port);
        }
    }
    ports
}

fn sum(rows: &[Row], columns: &[&str]) -> u64 {
    rows.iter().flat_map(|row| columns.iter().map(|column| row[column])).sum()
}

/// Bytes of IP packets, and packets, up or down.
fn told(rows: &[Row], way: &str) -> (u64, u64) {
    let name = |layer: &str| format!("{layer}_{way}_bytes");
    let names = ["ip", "tcp", "payload"].map(name);
    let ethernet = name("ethernet");
    (sum(rows, &names.each_ref().map(String::as_str)), sum(rows, &[&ethernet]) / 18)
}

fn captured(packets: &[Packet], among: impl Fn(&Packet) -> bool) -> (u64, u64) {
    let those = packets.iter().filter(|packet| among(packet));
    those.fold((0, 0), |(bytes, count), packet| (bytes + packet.bytes, count + 1))
}

#[test]
fn every_table_of_requests_has_the_same_columns() {
    let tables = ["requests", "http", "browse", "messages", "calls"];
    for name in tables {
        let table = experiments::tables().into_iter().find(|table| table.name == name).expect(name);
        let columns: Vec<&str> = table.columns.iter().map(|column| column.name).collect();
        assert_eq!(&columns[columns.len() - SHARED.len()..], SHARED, "{name}");
    }
    // Nobody else calls something by these names that is not the same.
    for table in experiments::tables().iter().filter(|table| !tables.contains(&table.name)) {
        let taken: Vec<_> = table.columns.iter().filter(|column| SHARED[3..].contains(&column.name)).collect();
        assert!(taken.is_empty(), "{}: {taken:?}", table.name);
    }
}

#[test]
fn requests_with_their_closing_are_all_that_passes() {
    for (connections, loss) in [("new", "0 %"), ("kept", "0 %"), ("new", "3 %"), ("kept", "3 %")] {
        for close in ["client", "server"] {
            let application = format!(
                "to: z, request: {{ count: 20, connections: {connections}, close: {close}, request: 3 kB, response: 30 kB }}"
            );
            let outcome = run(&text(&application, "", loss));
            let (rows, packets) = (rows(&outcome, "requests"), packets(&outcome));
            assert_eq!(rows.len(), 20);
            // An acknowledgement that leaves in the instant in which a row ends does so behind it: of a new connection it is nobody's, of one that
            // is kept the next request's.
            let ends: Vec<u64> = rows.iter().map(|row| row["time"]).collect();
            let last = *ends.iter().max().expect("rows");
            // Nor is it a FIN that the other end sends again in TIME-WAIT.
            let ports = ports_of(&packets);
            let behind = |packet: &Packet| {
                let own = ports.iter().position(|port| *port == packet.port).map(|at| ends[at]);
                let end = if connections == "new" { own.expect("a request each") } else { last };
                packet.time > end || packet.pure && !packet.inbound && packet.time == end
            };
            for (way, inbound) in [("up", false), ("down", true)] {
                let whole = captured(&packets, |packet| packet.inbound == inbound && !behind(packet));
                assert_eq!(told(&rows, way), whole, "{connections}, {close}, {loss}, {way}");
            }
            if loss == "0 %" {
                assert_eq!(sum(&rows, &["payload_up_bytes"]), sum(&rows, &["body_up_bytes"]));
                assert_eq!(sum(&rows, &["payload_down_bytes"]), 20 * 30_000);
            } else {
                assert!(sum(&rows, &["retransmissions"]) > 0 && sum(&rows, &["out_of_order"]) > 0);
            }
        }
    }
}

#[test]
fn rows_hold_what_passed_while_they_were_under_way() {
    let site =
        "services:\n  site: { on: z, web: { pages: { /: { size: 40 kB, holds: [/a, /b] }, /a: {}, /b: {} } } }\n";
    let cases = [
        ("http", "to: z, http: { count: 20, response: 30 kB }", ""),
        ("http", "to: z, http: { count: 20, connections: new, tls: {}, response: 5 kB }", ""),
        ("http", "to: z, http: { count: 20, version: 2, method: post, request: 20 kB, tls: {} }", ""),
        ("browse", "browse: { steps: [get http://z/], visits: 3, cache: false, connections: 1 }", site),
        ("calls", "to: z, rpc: { count: 20, form: bare, operation: list }", ""),
        ("calls", "to: z, rpc: { count: 20, form: grpc, operation: list }", ""),
        ("calls", "to: z, rpc: { count: 20, form: rmi, connections: new }", ""),
        ("messages", "to: z, websocket: { count: 20, interval: 50 ms, size: 20 kB, tls: {} }", ""),
    ];
    for (table, application, services) in cases {
        for loss in ["0 %", "2 %"] {
            let outcome = run(&text(application, services, loss));
            let (rows, packets) = (rows(&outcome, table), packets(&outcome));
            assert!(rows.len() >= 9, "{application}: {}", rows.len());
            // Each row from when it could begin to when it was told. Of requests side by side, and of messages, one begins where another ends.
            let mut before = 0;
            let mut wanted = [(0, 0); 2];
            let mut spans: Vec<(u64, u64)> =
                rows.iter().map(|row| (row.get("start_s").copied().unwrap_or(0), row["time"])).collect();
            spans.sort_unstable();
            // Where each has its own connection, closing one is nobody's.
            let each = application.contains("connections: new");
            let mut ports = ports_of(&packets).into_iter().filter(|_| each);
            for (start, end) in spans {
                let (start, port) = (start.max(before), ports.next());
                for (at, inbound) in [(0, false), (1, true)] {
                    let (bytes, count) = captured(&packets, |packet| {
                        let time = packet.time;
                        // In the instant between two, what comes and its acknowledgement belong to the first one.
                        let first = packet.inbound || packet.pure;
                        // hyper closes a connection that is not kept in the instant in which the answer ends, and one packet waits for the other.
                        let closing = each
                            && application.contains("http: ")
                            && !packet.pure
                            && (end..end + 2_000_000).contains(&time);
                        packet.inbound == inbound
                            && port.is_none_or(|port| port == packet.port)
                            && if first { start < time && time <= end } else { start <= time && time < end || closing }
                    });
                    wanted[at] = (wanted[at].0 + bytes, wanted[at].1 + count);
                }
                before = end.max(before);
            }
            assert_eq!([told(&rows, "up"), told(&rows, "down")], wanted, "{application} at {loss}");
            if loss == "0 %" {
                let parts = ["tls", "http", "body"];
                for way in ["up", "down"] {
                    let names = parts.map(|part| format!("{part}_{way}_bytes"));
                    let all = sum(&rows, &names.each_ref().map(String::as_str));
                    let payload = sum(&rows, &[&format!("payload_{way}_bytes")]);
                    // In HTTP/2 both ends also speak of the connection itself, which is nobody's.
                    let own = application.contains("version: 2") || application.contains("grpc");
                    assert!(
                        all == payload || own && (all..all + 1000).contains(&payload),
                        "{application}: {all} of {payload} {way}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_row_says_where_its_time_went() {
    let cause = |table: &str, application: &str| {
        let outcome = run(&text(application, "", "0 %"));
        let found = outcome.table(table).expect(table);
        let at = found.table.columns.iter().position(|column| column.name == "cause").expect("it has one");
        let Kind::Word(words) = found.table.columns[at].kind else { panic!("words") };
        found.iter().map(|(_, row)| words[row[at] as usize]).collect::<Vec<_>>()
    };
    assert_eq!(cause("http", "to: z, http: { count: 2 }"), ["path", "path"]);
    assert_eq!(cause("http", "to: z, http: { count: 2, service: 30 ms }"), ["server", "server"]);
    assert_eq!(cause("http", "to: z, http: { count: 2, tls: { version: '1.2' } }"), ["tls", "path"]);
    assert_eq!(cause("http", "to: z, http: { count: 2, response: 150 kB }")[0], "transfer");
    assert_eq!(cause("http", "to: z, http: { count: 3, interval: 1 us, pool: 1 }")[2], "queued");
    assert_eq!(cause("requests", "to: z, request: { count: 1 }"), ["path"]);
    assert_eq!(cause("calls", "to: z, rpc: { count: 1, form: bare, service: 30 ms }"), ["server"]);
    assert_eq!(cause("messages", "to: z, websocket: { count: 2 }"), ["path", "path"]);
    assert_eq!(
        cause("messages", "to: z, websocket: { count: 2, mode: polling, interval: 90 ms }"),
        ["queued", "queued"]
    );
    let lost = text("to: z, http: { count: 60 }", "", "4 %");
    let outcome = run(&lost);
    let table = outcome.table("http").expect("rows");
    let at = table.table.columns.iter().position(|column| column.name == "cause").expect("it has one");
    assert!(
        load(&lost).is_ok() && table.iter().any(|(_, row)| row[at] == 4),
        "one is lost, and its cause is retransmission"
    );
}
