//! What rows of requests say of what was sent again, and of where their time has gone: against runs in which only one thing can be so.

use std::collections::{BTreeMap, BTreeSet};

use sim_core::Outcome;

use crate::http::run;
use crate::rpc;

/// One client and one server, 20 ms apart.
fn file(link: &str, services: &str, workload: &str) -> String {
    format!(
        "clockwire: 1\nname: causes\nseed: 1\nstop: 60 s\nhosts: {{ a: {{}}, z: {{}} }}\n{services}links:\n\
         \x20 - a -- z: {{ name: path, rate: 100 Mbit/s, delay: 20 ms, {link} }}\nworkload:\n  web: {{ from: a, {workload} }}\n"
    )
}

/// A row: times in microseconds, what is empty is not there.
#[derive(Debug)]
struct Row {
    flow: u64,
    cause: &'static str,
    numbers: BTreeMap<&'static str, u64>,
}

impl Row {
    fn time(&self) -> u64 {
        ["total_s", "delay_s"].iter().find_map(|name| self.numbers.get(name)).copied().unwrap_or(0)
    }

    fn again(&self) -> u64 {
        self.numbers["retransmissions"]
    }
}

fn rows(outcome: &Outcome, table: &str) -> Vec<Row> {
    let row = |(numbers, said): rpc::Row| Row {
        flow: numbers["flow"],
        cause: said.get("cause").copied().unwrap_or_default(),
        numbers,
    };
    rpc::rows(outcome, table).into_iter().map(row).collect()
}

/// Rows of one flow and one cause.
fn counted(rows: &[Row], cause: &str) -> usize {
    rows.iter().filter(|row| row.cause == cause).count()
}

const SITE: &str = "services: { site: { on: z, web: { pages: { /: { size: 500 B } } } } }\n";

/// A workload of each table, with the services that it needs.
const EACH: [(&str, &str, &str); 8] = [
    ("http", "to: z, http: { count: 100, response: 500 B }", ""),
    ("http", "to: z, http: { count: 100, version: 2, tls: {}, response: 500 B }", ""),
    ("requests", "to: z, request: { count: 100, response: 500 B }", ""),
    ("browse", "browse: { steps: [get http://z/], visits: 100, cache: false }", SITE),
    ("messages", "to: z, websocket: { count: 100, interval: 100 ms }", ""),
    ("calls", "to: z, rpc: { form: thrift-binary, count: 100 }", ""),
    ("calls", "to: z, rpc: { form: grpc, count: 100 }", ""),
    ("calls", "to: z, rpc: { form: dubbo, count: 100, interval: 30 ms }", ""),
];

#[test]
fn a_lost_answer_is_told_by_whoever_has_lost_it() {
    for (table, workload, services) in EACH {
        let outcome = run(&file("down: { loss: 10 % }", services, workload));
        let rows = rows(&outcome, table);
        // Nothing but a loss costs a time-out, and every loss of an answer does, where nothing comes behind it that shows it sooner.
        let late = match table {
            "messages" => 50_000,
            _ if workload.contains("interval") => 100_000,
            _ => 200_000,
        };
        let slow: Vec<&Row> = rows.iter().filter(|row| row.time() > late).collect();
        assert!(rows.len() == 100 && slow.len() > 4, "{workload}: {} slow of {}", slow.len(), rows.len());
        let silent: Vec<_> =
            slow.iter().filter(|row| row.cause != "retransmission" && row.cause != "connect").collect();
        assert!(silent.is_empty(), "{workload}: {silent:?}");
        // Where a connection is shared, or messages wait behind a lost one, the copy came while another had it.
        let alone = table != "messages" && !workload.contains("interval");
        assert!(!alone || slow.iter().all(|row| row.again() > 0), "{workload}: {slow:?}");
        assert_eq!(counted(&rows, "server"), 0, "{workload}: it does no work");
    }
}

#[test]
fn a_lost_syn_and_a_lost_answer_to_it_are_counted() {
    for link in [
        "up: { loss: { list: [{ class: syn, numbers: [1] }] } }",
        "down: { loss: { list: [{ class: syn_ack, numbers: [1] }] } }",
    ] {
        let outcome = run(&file(link, "", "to: z, http: { count: 1 }"));
        let rows = rows(&outcome, "http");
        assert_eq!((rows[0].cause, rows.len()), ("connect", 1));
        assert!(rows[0].again() > 0 && rows[0].time() > 1_000_000, "{link}: {rows:?}");
    }
}

#[test]
fn flows_count_what_either_end_has_sent_again() {
    let outcome = run(&file("down: { loss: 2 % }", "", "to: z, http: { count: 3, response: 300 kB }"));
    let again: u64 = rows(&outcome, "http").iter().map(Row::again).sum();
    let table = outcome.table("flows").expect("each run has it");
    let at = table.table.columns.iter().position(|column| column.name == "retransmissions").expect("a column");
    let told: u64 = table.iter().map(|(_, row)| row[at]).sum();
    assert!(again > 5 && told >= again && told <= again + 2, "{again} in requests, {told} in flows");
}

#[test]
fn a_server_is_blamed_for_its_own_work_alone() {
    let site = "services: { site: { on: z, web: { pages: { /: { size: 500 B } }, service: 300 ms } } }\n";
    for (table, workload, services) in [
        ("http", "to: z, http: { count: 5, service: 300 ms }", ""),
        ("http", "to: z, http: { count: 5, version: 2, tls: {}, service: 300 ms }", ""),
        ("http", "to: z, http: { count: 5, interval: 1 ms, pool: 6, service: 100 ms, workers: 1, queue: 10 }", ""),
        ("requests", "to: z, request: { count: 5, service: 300 ms }", ""),
        ("browse", "browse: { steps: [get http://z/], visits: 5, cache: false }", site),
        ("calls", "to: z, rpc: { form: hessian, count: 5, service: 300 ms }", ""),
        ("calls", "to: z, rpc: { form: grpc, count: 5, service: 300 ms }", ""),
        ("calls", "to: z, rpc: { form: dubbo, count: 5, interval: 10 ms, service: 300 ms }", ""),
        ("calls", "to: z, rpc: { form: rmi, count: 5, service: 300 ms }", ""),
    ] {
        let rows = rows(&run(&file("", services, workload)), table);
        assert_eq!(counted(&rows, "server"), 5, "{workload}: {rows:?}");
    }
}

/// Requests beside a flow that fills the bottleneck's queue.
const BLOATED: &str =
    "clockwire: 1\nname: bloat\nseed: 1\nstop: 12 s\nhosts: { a: {}, b: {}, z: {} }\nrouters: { r: {} }\nlinks:
  - a -- r: { rate: 1 Gbit/s, delay: 100 us }
  - b -- r: { rate: 1 Gbit/s, delay: 100 us }
  - r -- z: { name: path, rate: 2 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 100 packets } } }
workload:
  up: { from: b, to: z, tcp: {} }
  first: { from: a, to: z, http: { count: 200, response: 500 B, think: 50 ms } }
  kept: { from: a, to: z, http: { count: 200, response: 500 B, think: 50 ms }, start: 5 s }
";

#[test]
fn a_queue_on_the_way_is_the_networks() {
    let rows = rows(&run(BLOATED), "http");
    // On the connection that has met the empty way, and on the one that never has: the host knows.
    for flow in rows.iter().map(|row| row.flow).collect::<BTreeSet<u64>>() {
        let slow: Vec<&Row> = rows.iter().filter(|row| row.flow == flow && row.time() > 200_000).collect();
        let other: Vec<_> =
            slow.iter().filter(|row| !["network", "connect", "retransmission"].contains(&row.cause)).collect();
        assert!(slow.len() > 5 && other.is_empty(), "{other:?}");
        assert!(slow.iter().any(|row| row.cause == "network"), "{slow:?}");
    }
}

#[test]
fn what_takes_long_to_send_is_sending() {
    let narrow = |workload: &str| file("", "", workload).replace("rate: 100 Mbit/s", "rate: 10 Mbit/s");
    for (table, workload) in [
        ("http", "to: z, http: { method: post, request: 1 MB, body_limit: 10 MB, response: 100 B, count: 3 }"),
        (
            "http",
            "to: z, http: { version: 2, method: post, request: 1 MB, body_limit: 10 MB, response: 100 B, count: 3 }",
        ),
        ("requests", "to: z, request: { request: 1 MB, response: 100 B, count: 3 }"),
    ] {
        let rows = rows(&run(&narrow(workload)), table);
        // Also where slow start has lost something, which was mended while it was sent.
        assert_eq!(counted(&rows, "sending"), 3, "{workload}: {rows:?}");
    }
    // A second round trip, in which the body waits for leave to go.
    let waits = "to: z, http: { method: post, request: 1 kB, response: 100 B, count: 3, expect_continue: true }";
    let rows = rows(&run(&file("", "", waits)), "http");
    assert!(rows.iter().all(|row| ["path", "sending"].contains(&row.cause)), "{rows:?}");
}

#[test]
fn where_there_is_no_tls_it_is_no_cause() {
    let workload = "to: z, rpc: { form: rmi, count: 60, interval: 10 ms, service: 30 ms, workers: 2, queue: 3, \
                    timeout: 150 ms, connections: new }";
    let rows = rows(&run(&file("loss: 3 %", "", workload)), "calls");
    let causes: Vec<&str> = rows.iter().map(|row| row.cause).collect();
    assert!(rows.len() == 60 && counted(&rows, "tls") == 0 && counted(&rows, "connect") > 0, "{causes:?}");
}

#[test]
fn a_browser_that_asks_again_has_had_an_earlier_attempt() {
    // Both clients call from the same port, so that the second one has another outside; once the translation has forgotten both, it has the port of
    // the first one, whose connection the server has closed: it answers with a reset.
    let text = "clockwire: 1\nname: stale\nseed: 1\nstop: 200 s\nhosts: { c: {}, d: {}, z: {} }
routers: { r: { nat: { masquerade: path }, tracking: { tcp_established: 5 s } } }
services: { site: { on: z, web: { pages: { /: { size: 5 kB, store: false } } } } }
links:
  - c -- r: { rate: 1 Gbit/s, delay: 1 ms }
  - d -- r: { rate: 1 Gbit/s, delay: 1 ms }
  - r -- z: { name: path, rate: 20 Mbit/s, delay: 200 ms }
workload:
  first: { from: d, browse: { steps: [get http://z/] } }
  second: { from: c, browse: { steps: [get http://z/], visits: 2, think: 130 s }, start: 10 ms }
";
    let rows = rows(&run(text), "browse");
    let again = &rows[2];
    assert_eq!((rows.len(), again.numbers["connection"]), (3, 2), "{rows:?}");
    // A round trip for the reset, one to connect, one for the answer; nothing waited for a connection of others.
    assert_eq!((again.cause, again.numbers["queued_s"]), ("repeated", 0), "{again:?}");
    assert!(again.time() > 1_200_000, "{again:?}");
}

/// Three requests want the one connection, to a server of whom nothing is heard: each opens it when the time of the one before is over, and has waited for
/// that moment most of its own time.
#[test]
fn who_waits_and_then_opens_in_vain_has_waited() {
    for (table, application) in [("http", "http"), ("calls", "rpc")] {
        let more = if application == "rpc" { "form: bare, " } else { "" };
        let workload = format!(
            "to: z, {application}: {{ {more}count: 3, pool: 1, interval: 50 ms, interval_times: fixed, timeout: 200 ms }}"
        );
        let found = rows(&run(&file("down: { loss: 100 % }", "", &workload)), table);
        let told: Vec<_> = found.iter().map(|row| (row.cause, row.numbers.get("queued_s").copied())).collect();
        let waited = ("queued", Some(150_000));
        assert_eq!(told, [("connect", Some(0)), waited, waited], "{application}");
    }
}

/// What was turned away and waits to come again has not been in a transfer all the time.
#[test]
fn a_wait_for_the_next_attempt_is_a_repetition() {
    for (table, application) in [
        ("http", "http: { pool: 2, retry_after: 1 s, "),
        ("calls", "rpc: { form: rest-http1, pool: 2, backoff: 1 s, "),
        ("calls", "rpc: { form: grpc, backoff: 1 s, "),
    ] {
        let busy = "count: 2, concurrency: 2, workers: 1, queue: 0, service: 10 s, timeout: 300 ms, retries: 3 }";
        let found = rows(&run(&file("", "", &format!("to: z, {application}{busy}"))), table);
        let waits: Vec<_> = found.iter().filter(|row| row.cause == "repeated").collect();
        assert_eq!(waits.len(), 1, "{application}: {found:?}");
        assert_eq!((waits[0].time(), waits[0].numbers["retries"]), (300_000, 0), "{application}: {found:?}");
    }
}
