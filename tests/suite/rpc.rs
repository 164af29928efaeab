//! Remote calls in files: each form gives its replies and faults, the steps add up, every key bites.

use std::collections::BTreeMap;
use std::path::Path;

use experiments::{load_options, simulate};
use sim_core::{Kind, Outcome};

use crate::harness::sharded;
use crate::http::of_a_distribution;

pub const FORMS: [&str; 11] = [
    "rest-http1",
    "rest-http2",
    "json-rpc",
    "hessian",
    "thrift-binary",
    "thrift-compact",
    "dubbo",
    "rmi",
    "bare",
    "grpc",
    "bare-udp",
];

pub fn run(calls: &str) -> Outcome {
    run_over("", calls)
}

/// Calls over a link that is told more about itself.
fn run_over(link: &str, calls: &str) -> Outcome {
    run_from(
        &format!("hosts: {{ a: {{}}, z: {{}} }}\nlinks:\n - a -- z: {{ rate: 1 Gbit/s, delay: 20 ms, {link} }}\n"),
        calls,
    )
}

pub fn run_from(hosts: &str, calls: &str) -> Outcome {
    run_sharded(hosts, calls, 1)
}

/// Calls between `a` and `z`, on so many shards.
pub fn run_sharded(hosts: &str, calls: &str, shards: usize) -> Outcome {
    let text = format!(
        "clockwire: 1\nname: rpc\nseed: 3\nstop: 20 s\n{hosts}\
         workload: {{ calls: {{ from: a, to: z, rpc: {{ {calls} }} }} }}\n\
         outputs: {{ tables: [ calls, served, call_messages ] }}\n"
    );
    let loaded = topologies::load_text("rpc.yaml", "rpc", &text, Path::new(""), &load_options(&[], None));
    let plan = loaded.unwrap_or_else(|errors| panic!("{errors}\n{text}")).points.swap_remove(0).plan;
    simulate(&plan, 3, sharded(shards), &|_| ()).0
}

/// A row: numbers by the names of their columns, times in microseconds; what is empty is not there; and its words.
pub type Row = (BTreeMap<&'static str, u64>, BTreeMap<&'static str, &'static str>);

pub fn rows(outcome: &Outcome, table: &str) -> Vec<Row> {
    let table = outcome.table(table).expect("it is written where it runs");
    let mut rows: Vec<Row> = table
        .iter()
        .map(|(_, values)| {
            let (mut numbers, mut said) = Row::default();
            for (column, value) in table.table.columns.iter().zip(values) {
                match column.kind {
                    _ if *value == u64::MAX => {}
                    Kind::Word(words) => drop(said.insert(column.name, words[*value as usize])),
                    Kind::Time => drop(numbers.insert(column.name, value / 1_000_000)),
                    _ => drop(numbers.insert(column.name, *value)),
                }
            }
            (numbers, said)
        })
        .collect();
    rows.sort_by_key(|(numbers, _)| numbers.get("number").copied());
    rows
}

pub fn calls(calls: &str) -> Vec<Row> {
    rows(&run(calls), "calls")
}

#[test]
fn every_form_gets_its_replies_and_its_faults() {
    for form in FORMS {
        for operation in ["get", "list", "create"] {
            let found = calls(&format!("form: {form}, operation: {operation}, count: 3"));
            assert_eq!(found.len(), 3, "{form} {operation}");
            for (numbers, said) in &found {
                assert_eq!(said["outcome"], "finished", "{form} {operation}: {numbers:?}");
                let ms = numbers["first_byte_s"] / 1000;
                assert!((40..44).contains(&ms), "{form} {operation}: {ms} ms for a round trip: {numbers:?}");
                assert!(numbers["body_down_bytes"] > 0);
            }
            // RMI's opening takes a round trip more, and comes with a connection alone; a socket of UDP is there at once.
            let connect = match form {
                "rmi" => Some(80),
                "bare-udp" => None,
                _ => Some(40),
            };
            assert_eq!(found[0].0.get("connect_s").map(|us| us / 1000), connect, "{form}");
            assert_eq!((found[1].0.get("connect_s"), found[1].1["reused"]), (None, "reused"), "{form}");
        }
        let (_, said) = &calls(&format!("form: {form}, count: 1, missing: 100 %"))[0];
        assert_eq!(said["outcome"], "fault", "{form}: {said:?}");
    }
}

#[test]
fn a_server_with_too_much_to_do_says_so_in_each_form() {
    let expected = [
        ("rest-http1", "503", "overloaded"),
        ("rest-http2", "503", "overloaded"),
        ("json-rpc", "server_error", "overloaded"),
        ("hessian", "503", "overloaded"),
        ("thrift-binary", "none", "closed"),
        ("dubbo", "threadpool_exhausted", "overloaded"),
        ("rmi", "none", "closed"),
        ("bare", "busy", "overloaded"),
        ("grpc", "unavailable", "overloaded"),
        ("bare-udp", "busy", "overloaded"),
    ];
    for (form, status, outcome) in expected {
        let found = calls(&format!(
            "form: {form}, count: 6, interval: 1 ms, connections: new, service: 50 ms, workers: 1, queue: 1"
        ));
        let turned: Vec<&Row> = found.iter().filter(|(_, said)| said["outcome"] == outcome).collect();
        assert_eq!(turned.len(), 4, "{form}: {found:?}");
        assert!(turned.iter().all(|(_, said)| said["status"] == status), "{form}: {turned:?}");
    }
}

#[test]
fn a_datagram_is_a_call_and_its_bytes_are_counted() {
    let found = calls("form: bare-udp, count: 2, operation: list, size: 50");
    for (numbers, _) in &found {
        // Four bytes of length, eight of id, two of method, two numbers of four.
        assert_eq!((numbers["body_up_bytes"], numbers["tcp_up_bytes"], numbers["ip_up_bytes"]), (22, 8, 20));
        // 1480 bytes of a datagram in each packet.
        let cut = (numbers["body_down_bytes"] + 8).div_ceil(1480);
        assert_eq!((numbers["ip_down_bytes"], numbers["ethernet_down_bytes"]), (20 * cut, 18 * cut));
        assert!(cut > 1 && numbers["retransmissions"] == 0, "{numbers:?}");
    }
}

#[test]
fn a_lost_datagram_is_sent_again_by_the_rule_of_coap() {
    // tests: RFC 7252 §4.2
    let outcome = run_over("up: { loss: 100 % }", "form: bare-udp, count: 1, resend: 1 s, resends: 2");
    let (numbers, said) = &rows(&outcome, "calls")[0];
    assert_eq!((said["outcome"], said["status"], numbers["retransmissions"]), ("timed_out", "none", 2));
    // 1 + 2 + 4 times what was drawn, between one second and one and a half.
    assert!((7_000_000..=10_500_000).contains(&numbers["total_s"]), "{numbers:?}");
    assert_eq!((numbers["body_up_bytes"], numbers["tcp_up_bytes"]), (3 * 22, 3 * 8));
    let flow = &rows(&outcome, "flows")[0].0;
    assert_eq!((flow["sent_packets"], flow["retransmissions"], flow["loss"]), (3, 2, sim_core::Prob::ONE_PARTS));
    assert!(rows(&outcome, "served").is_empty());
}

#[test]
fn a_call_that_comes_twice_is_executed_once_unless_the_server_forgets() {
    for (remember, executed) in [("247 s", 1), ("0 s", 3)] {
        let calls = format!("form: bare-udp, count: 1, resend: 1 s, resends: 2, remember: {remember}");
        let outcome = run_over("down: { loss: 100 % }", &calls);
        assert_eq!(rows(&outcome, "served").len(), executed, "{remember}");
        assert_eq!(rows(&outcome, "calls")[0].1["outcome"], "timed_out");
    }
    // What takes longer than the client waits is not begun twice, and one answer is enough.
    let outcome = run("form: bare-udp, count: 1, resend: 100 ms, service: 500 ms");
    assert_eq!((rows(&outcome, "served").len(), rows(&outcome, "calls")[0].1["outcome"]), (1, "finished"));
}

#[test]
fn the_longest_answer_fits_into_a_datagram_and_a_port_that_nobody_has_is_refused() {
    let (numbers, said) = &calls("form: bare-udp, count: 1, operation: list, size: 1000")[0];
    assert_eq!((said["outcome"], numbers["ip_down_bytes"]), ("finished", 39 * 20), "{numbers:?}");
    let hosts = "hosts: { a: {}, z: {} }\nrouters: { r: { firewall: [ { reject: udp to z } ] } }\n\
         links:\n - a -- r: { rate: 1 Gbit/s, delay: 20 ms }\n - r -- z: { rate: 1 Gbit/s }\n";
    let (numbers, said) = &rows(&run_from(hosts, "form: bare-udp, count: 1"), "calls")[0];
    assert_eq!((said["outcome"], numbers["total_s"] / 1000), ("refused", 40), "{numbers:?}");
}

#[test]
fn a_datagram_is_answered_from_the_address_that_was_asked() {
    // The first address of `z` is that on its link to `s`, as is the first of `s`; the way back to `a` begins at another one.
    let hosts = |z: &str| {
        format!(
            "hosts: {{ a: {{}}, {z} }}\nlinks:\n - z -- s: {{ rate: 1 Gbit/s, delay: 1 ms }}\n - z -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n\
             \x20- a -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n - s -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n"
        )
    };
    for nodes in ["z: {} }\nrouters: { r: {}, s: {}", "b: {} }\nrouters: { r: {}, s: {}, z: {}"] {
        // The first call's answer comes when it is sent again: both copies are answered alike.
        let outcome = run_from(&hosts(nodes), "form: bare-udp, count: 2, service: 50 ms, resend: 30 ms");
        let found = rows(&outcome, "calls");
        assert!(found.iter().all(|(_, said)| said["outcome"] == "finished") && found.len() == 2, "{nodes}: {found:?}");
    }
}

#[test]
fn grpc_has_its_own_words_and_sizes() {
    let found = calls("form: grpc, count: 3");
    for (numbers, said) in &found {
        assert_eq!((said["status"], numbers["messages"]), ("ok", 1));
        // A prefix of five bytes and `GetRequest`: its number, of one byte, behind a tag.
        assert_eq!(numbers["body_up_bytes"], 5 + 2);
    }
    // Heads become numbers of a table, but for the path.
    assert!(found[1].0["http_up_bytes"] < found[0].0["http_up_bytes"] * 2 / 3, "{found:?}");
    let (numbers, said) = &calls("form: grpc, count: 1, missing: 100 %")[0];
    assert_eq!((said["status"], numbers["messages"], numbers["body_down_bytes"]), ("not_found", 0, 0));
}

#[test]
fn a_stream_of_messages_comes_as_it_is_made() {
    let watch = "form: grpc, operation: watch, count: 2, size: 5, gap: 10 ms, service: 7 ms";
    let outcome = run(watch);
    let (call, served) = (&rows(&outcome, "calls")[1].0, &rows(&outcome, "served")[1].0);
    assert_eq!((call["messages"], call["first_byte_s"] / 1000, call["total_s"] / 1000), (5, 47, 40 + 7 + 4 * 10));
    assert_eq!((served["service_s"], served["total_s"]), (7000, 47_000));
    let list = &calls("form: grpc, operation: list, count: 2, size: 5")[1].0;
    // Four prefixes more, and without the tag and the length that an item has inside of a list.
    assert_eq!(call["body_down_bytes"], list["body_down_bytes"] + 4 * 5 - 5 * 2);
    // A worker is busy until the last message has left.
    let busy = calls(&format!("{watch}, interval: 1 ms, workers: 1"));
    assert!(busy[1].0["first_byte_s"] / 1000 >= 40 + 47 + 6, "{busy:?}");
}

/// gRPC alone tells the server, which gives the call up at the same time as its client; and a call that is given up frees its worker.
#[test]
fn the_deadline_is_told_to_the_server() {
    for (form, served) in [("grpc", 20_000), ("rest-http2", 500_000)] {
        let outcome = run(&format!("form: {form}, count: 1, service: 500 ms, timeout: 60 ms"));
        let (numbers, said) = &rows(&outcome, "calls")[0];
        assert_eq!((said["outcome"], said["status"], numbers["total_s"]), ("timed_out", "none", 60_000), "{form}");
        let (numbers, said) = &rows(&outcome, "served")[0];
        assert_eq!(
            (numbers.get("service_s").copied(), said["outcome"]),
            match form {
                "grpc" => (None, "gone"),
                _ => (Some(served), "answered"),
            },
            "{form}"
        );
    }
}

#[test]
fn a_calls_steps_add_up_at_both_ends() {
    let outcome = run("form: thrift-compact, count: 2, service: 7 ms, marshal: { per_call: 1 ms }");
    let (call, served) = (&rows(&outcome, "calls")[1].0, &rows(&outcome, "served")[1].0);
    let sum = call["marshal_s"] + call["queued_s"] + call["first_byte_s"] + call["unmarshal_s"];
    assert!(call["total_s"].abs_diff(sum) <= 4, "{call:?}");
    let sum = served["unmarshal_s"] + served["dispatch_s"] + served["service_s"] + served["marshal_s"];
    assert_eq!((served["total_s"], served["service_s"]), (sum, 7000));
    assert_eq!(call["first_byte_s"] / 1000, 40 + 9);
    // Calls of 14 bytes: one packet of data up, and by its acknowledgement the reply before is known to be there.
    assert_eq!((call["body_up_bytes"], call["http_up_bytes"]), (14, 0));
    assert_eq!(call["ethernet_up_bytes"] * 20, call["ip_up_bytes"] * 18);
}

#[test]
fn every_parameter_bites() {
    let closed = "count: 6, concurrency: 3, service: 5 ms";
    let busy = "form: bare, count: 9, interval: 1 ms, service: 20 ms";
    let cases = [
        (closed, "form: bare"),
        ("count: 3", "operation: list"),
        ("count: 3, operation: list", "size: 7"),
        ("form: grpc, count: 3, operation: watch", "gap: 3 ms"),
        ("form: grpc, count: 3, operation: upload", "gap: 3 ms"),
        ("form: grpc, count: 3, operation: chat", "gap: 3 ms"),
        ("form: grpc, count: 3, operation: upload", "size: 7"),
        ("form: grpc, count: 3, operation: chat", "size: 7"),
        ("form: grpc, count: 3, operation: upload", "service: 3 ms"),
        ("form: grpc, count: 3, operation: chat", "service: 3 ms"),
        (closed, "missing: 50 %"),
        (closed, "connections: new"),
        (closed, "pool: 2"),
        ("stop: 900 ms", "count: 3"),
        ("count: 6", "concurrency: 2"),
        (closed, "think: 7 ms"),
        ("count: 6, think: 7 ms", "think_times: exponential"),
        ("count: 6", "interval: 3 ms"),
        ("count: 6, interval: 3 ms", "interval_times: exponential"),
        ("count: 6", "arrivals: data/arrivals.csv"),
        ("count: 6", "service: 9 ms"),
        (closed, "service_times: exponential"),
        ("count: 6, service: 20 ms, service_times: exponential", "timeout: 62 ms"),
        ("form: bare, count: 9, interval: 1 ms, service: 20 ms, workers: 1, queue: 1", "retries: 3"),
        (
            "form: bare, count: 40, interval: 1 ms, service: 20 ms, workers: 1, queue: 1, retries: 3",
            "retry_budget: 0 %",
        ),
        ("form: bare, count: 9, interval: 1 ms, service: 20 ms, workers: 1, queue: 1, retries: 3", "backoff: 70 ms"),
        (closed, "marshal: { per_call: 1 ms }"),
        (closed, "marshal: { per_byte: 1 us }"),
        (busy, "workers: 1"),
        ("form: bare, count: 9, interval: 1 ms, service: 20 ms, workers: 1", "queue: 2"),
        (closed, "stop: 100 ms"),
        ("form: bare, count: 9, interval: 1 ms", "nodelay: false"),
        ("count: 2", "tls: {}"),
        ("count: 2", "host: www.shop.test"),
        ("count: 2, host: www.shop.test", "resolve: true"),
        ("form: bare-udp, count: 2, service: 90 ms", "resend: 50 ms"),
        ("form: bare-udp, count: 2, service: 90 ms, resend: 20 ms", "resends: 1"),
        ("form: bare-udp, count: 2, service: 90 ms, resend: 50 ms", "remember: 0 s"),
    ];
    let meant: String = cases.iter().map(|(_, key)| *key).collect();
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("rpc", params);
    });
    // Those of TLS have lines of their own (`https`).
    for param in known.iter().filter(|param| !of_a_distribution(&param.key) && !param.key.starts_with("tls.")) {
        let key = param.key.rsplit('.').next().expect("a key");
        assert!(meant.contains(&format!("{key}:")), "no line shows that `{}` bites", param.key);
    }
    let both = |keys: &str| {
        let outcome = run(keys);
        (rows(&outcome, "calls"), rows(&outcome, "served"))
    };
    for (base, key) in cases {
        assert_ne!(both(base), both(&format!("{base}, {key}")), "`{key}` does nothing to `{base}`");
    }
}

// tests: RFC 7413 §4
#[test]
fn a_call_on_a_new_connection_goes_with_the_syn_where_both_ends_open_fast() {
    let of = |client: &str, server: &str, calls: &str| {
        let hosts = format!(
            "hosts: {{ a: {{ tcp: {{ fast_open: {client} }} }}, z: {{ tcp: {{ fast_open: {server} }} }} }}\n\
             links:\n - a -- z: {{ rate: 1 Gbit/s, delay: 20 ms }}\n"
        );
        let outcome = run_from(&hosts, &format!("operation: get, count: 4, connections: new, {calls}"));
        let rows = rows(&outcome, "calls");
        assert!(rows.iter().all(|(_, words)| words["outcome"] == "finished"), "{client} {server} {calls}");
        rows.iter().map(|(row, _)| (row["total_s"] + 500) / 1000).collect::<Vec<_>>()
    };
    // The first brings a cookie; with it the others take a round trip less. All forms begin with their client.
    for form in ["bare", "rest-http1", "thrift-binary", "dubbo"] {
        let calls = format!("form: {form}");
        let (with, without) = (of("on", "on", &calls), of("off", "off", &calls));
        assert_eq!(without, [without[0]; 4], "{form}");
        assert_eq!(with, [without[0], without[0] - 40, without[0] - 40, without[0] - 40], "{form}");
        assert_eq!(of("on", "off", &calls), without, "{form}: a server that gives no cookie");
    }
    // What goes with the SYN is the first write: of HTTP/2 that is its preface, and the request comes behind.
    let [with, without] = ["on", "off"].map(|fast| of(fast, fast, "form: rest-http2"));
    assert_eq!(with, without);
    // Without cookies even the first does.
    assert_eq!(of("without_cookies", "without_cookies", "form: bare"), [40; 4]);
}
