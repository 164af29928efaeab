//! HTTP as an application of files: rows against cases computed by hand, every parameter bites, faults have their rows, tshark reads it.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use experiments::{load_options, simulate};
use sim_core::{Kind, Outcome};
use topologies::Plan;

use crate::command::{Folder, clockwire};
use crate::harness::sharded;

/// Two clients, a server, a round trip of 40 ms; what is beyond it is transmission.
pub(crate) fn file(application: &str, more: &str) -> String {
    format!(
        "clockwire: 1\nname: http\nseed: 3\nstop: 10 s\nhosts: {{ a: {{}}, b: {{}}, z: {{}} }}\nrouters: {{ r: {{}} }}\nlinks:\n\
         \x20 - a -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n  - b -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n\
         \x20 - r -- z: {{ name: path, rate: 1 Gbit/s, delay: 19 ms }}\n\
         workload: {{ web: {{ from: a, to: z, http: {{ {application} }} }} }}\n{more}"
    )
}

pub(crate) fn load(text: &str) -> Result<Plan, String> {
    let loaded = topologies::load_text("http.yaml", "http", text, Path::new(""), &load_options(&[], None));
    loaded.map(|mut experiment| experiment.points.swap_remove(0).plan).map_err(|errors| format!("{errors}\n{text}"))
}

pub(crate) fn run(text: &str) -> Outcome {
    let plan = load(text).unwrap_or_else(|errors| panic!("{errors}"));
    simulate(&plan, 3, sharded(1), &|_| ()).0
}

/// A row: numbers by the names of their columns, times in microseconds; what is empty is not there.
pub(crate) type Row = BTreeMap<&'static str, u64>;

/// The rows of the table, in the order of the requests, and how they ended.
pub(crate) fn rows(outcome: &Outcome) -> Vec<(Row, &'static str)> {
    let table = outcome.table("http").expect("it is written where it runs");
    let mut rows: Vec<(Row, &'static str)> = table
        .iter()
        .map(|(_, values)| {
            let mut row = Row::new();
            let mut ended = "";
            for (column, value) in table.table.columns.iter().zip(values) {
                match column.kind {
                    Kind::Word(words) if column.name == "outcome" => ended = words[*value as usize],
                    _ if *value == u64::MAX => {}
                    Kind::Time => drop(row.insert(column.name, value / 1_000_000)),
                    _ => drop(row.insert(column.name, *value)),
                }
            }
            (row, ended)
        })
        .collect();
    rows.sort_by_key(|(row, _)| (row["flow"], row["number"]));
    rows
}

pub(crate) fn asked(application: &str) -> Vec<(Row, &'static str)> {
    rows(&run(&file(application, "")))
}

pub(crate) fn near(row: &Row, column: &str, ms: u64) {
    let us = *row.get(column).unwrap_or_else(|| panic!("{column} is empty: {row:?}"));
    assert!((ms * 1000..ms * 1000 + 900).contains(&us), "{column}: {us} us, not {ms} ms and the transmission: {row:?}");
}

/// Whether a parameter is one of a distribution: these are tested where they are drawn (`workloads`).
pub(crate) fn of_a_distribution(key: &str) -> bool {
    ["times.", "sizes."].iter().any(|part| key.contains(part))
}

#[test]
fn a_request_takes_its_round_trips_and_its_service() {
    let found = asked("count: 2, service: 5 ms, think: 10 ms");
    let [(first, "finished"), (second, "finished")] = found.as_slice() else { panic!("{found:?}") };
    near(first, "connect_s", 40);
    near(first, "first_byte_s", 45);
    near(first, "total_s", 85);
    near(second, "start_s", 95);
    near(second, "first_byte_s", 45);
    near(second, "total_s", 45);
    assert_eq!((first["queued_s"], second["queued_s"], second.get("connect_s")), (0, 0, None));
    assert_eq!((first["reused"], second["reused"], second["connection"]), (0, 1, 1));
    let server = load(&file("count: 2", "")).expect("a plan").flows[0].config.server;
    let head = format!("GET /items/1 HTTP/1.1\r\nuser-agent: clockwire\r\naccept: */*\r\nhost: {server}:5001\r\n\r\n");
    let head = head.len() as u64;
    let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\ncontent-length: 1000\r\nserver: clockwire\r\n\
                  date: Tue, 01 Jan 2030 00:00:00 GMT\r\n\r\n";
    for row in [first, second] {
        assert_eq!((row["body_up_bytes"], row["http_up_bytes"], row["payload_up_bytes"]), (0, head, head));
        assert_eq!(row["http_down_bytes"], answer.len() as u64);
        assert_eq!((row["body_down_bytes"], row["status"]), (1000, 200));
        assert_eq!(row["payload_down_bytes"], 1000 + row["http_down_bytes"]);
        assert_eq!((row["retransmissions"], row["out_of_order"]), (0, 0));
    }
}

#[test]
fn six_requests_take_six_round_trips_or_two_or_one() {
    let latest = |more: &str| {
        let found = asked(&format!("count: 6, concurrency: 6, {more}"));
        assert!(found.iter().all(|(_, ended)| *ended == "finished"), "{found:?}");
        let connections = found.iter().map(|(row, _)| row["connection"]).max().expect("rows");
        (found.iter().map(|(row, _)| row["total_s"] / 1000).max().expect("rows"), connections, found)
    };
    let (one, connections, found) = latest("version: 1.1");
    assert_eq!((one, connections), (40 + 6 * 40, 1));
    near(&found[5].0, "queued_s", 40 + 5 * 40);
    let (pool, connections, _) = latest("pool: 3");
    assert_eq!((pool, connections), (40 + 2 * 40, 3));
    let (new, connections, _) = latest("connections: new");
    assert_eq!((new, connections), (40 + 40, 6));
    let (two, connections, found) = latest("version: 2");
    assert_eq!((two, connections), (40 + 40, 1));
    // The second head finds most of the first one in the table of HPACK.
    assert!(found[1].0["http_up_bytes"] * 3 < found[0].0["http_up_bytes"] * 2, "{found:?}");
}

/// The mean of n exponential sizes has a standard error of mean / sqrt(n): ten thousand of them are within four of these, but for one seed in 15,000.
#[test]
fn sizes_that_are_drawn_have_their_mean_and_their_spread() {
    for version in ["version: 1.1, pool: 100", "version: 2"] {
        let found = asked(&format!(
            "{version}, method: post, request: 500 B, request_sizes: exponential, response: 800 B, response_sizes: exponential, \
             count: 10000, concurrency: 100"
        ));
        assert_eq!(found.len(), 10_000);
        for (column, mean) in [("body_up_bytes", 500.0), ("body_down_bytes", 800.0)] {
            let sizes: Vec<f64> = found.iter().map(|(row, _)| row[column] as f64).collect();
            let measured = sizes.iter().sum::<f64>() / 1e4;
            assert!((measured - mean).abs() < 4.0 * mean / 100.0, "{column}: {measured}");
            // The share above the mean is 1/e.
            let above = sizes.iter().filter(|size| **size > mean).count() as f64 / 1e4;
            assert!((above - 0.3679).abs() < 0.02, "{column}: {above}");
        }
    }
}

#[test]
fn every_parameter_bites() {
    let post = "method: post, request: 3 kB, count: 6";
    let closed = "count: 6, concurrency: 3, service: 5 ms";
    let cases = [
        (closed, "version: 2"),
        ("count: 3", "method: post"),
        ("count: 3, method: post", "request: 9 kB"),
        (closed, "response: 20 kB"),
        (closed, "response_sizes: exponential"),
        (post, "request_sizes: exponential"),
        ("stop: 900 ms", "count: 3"),
        (closed, "think: 7 ms"),
        ("count: 6, think: 7 ms", "think_times: exponential"),
        ("count: 6", "service: 9 ms"),
        (closed, "service_times: exponential"),
        (closed, "connections: new"),
        (closed, "pool: 2"),
        ("count: 6", "concurrency: 2"),
        ("count: 6", "interval: 3 ms"),
        ("count: 6, interval: 3 ms", "interval_times: exponential"),
        ("count: 6", "arrivals: data/arrivals.csv"),
        (post, "expect_continue: true"),
        ("count: 6, service: 20 ms, service_times: exponential", "timeout: 62 ms"),
        ("count: 6, response: 20 kB, fail: 50 %", "retries: 3"),
        ("count: 20, response: 20 kB, fail: 90 %, retries: 3", "retry_budget: 0 %"),
        ("count: 6, response: 20 kB, fail: 50 %, retries: 3", "backoff: 70 ms"),
        ("count: 6, interval: 1 ms, connections: new, service: 20 ms, workers: 1, queue: 1", "retry_after: 1 s"),
        (closed, "stop: 100 ms"),
        (closed, "missing: 50 %"),
        (closed, "fail: 50 %"),
        (post, "body_limit: 2 kB"),
        ("count: 6, service: 9 ms, interval: 1 ms, connections: new", "workers: 1"),
        ("count: 6, service: 9 ms, interval: 1 ms, connections: new, workers: 1", "queue: 2"),
        ("version: 2, count: 9, interval: 1 ms", "nodelay: false"),
        ("count: 3", "header: 9 kB"),
        ("count: 3", "host: www.shop.test"),
        ("count: 3, host: www.shop.test", "resolve: true"),
        ("count: 3, header: 9 kB", "header_limit: 20 kB"),
        ("count: 3", "url: 9 kB"),
        ("count: 3, url: 9 kB", "url_limit: 20 kB"),
        ("count: 6, concurrency: 3, connections: new, service: 20 ms", "connections_limit: 1"),
        ("count: 12, concurrency: 6, connections: new, service: 20 ms, connections_limit: 1", "backlog: 1"),
        (post, "chunked: true"),
        ("count: 3, think: 2 s", "keepalive_timeout: 1 s"),
        ("count: 3, method: post, request: 100 kB", "request_timeout: 5 ms"),
    ];
    let meant: Vec<&str> = cases.iter().filter_map(|(_, key)| key.split(':').next()).collect();
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("http", params);
    });
    // Those of TLS, and what needs it, have lines of their own (`https`).
    for param in known
        .iter()
        .filter(|param| !param.key.starts_with("tls") && param.key != "too_early" && !of_a_distribution(&param.key))
    {
        assert!(meant.contains(&param.key.as_str()), "no line shows that `{}` bites", param.key);
    }
    for (base, key) in cases {
        assert!(asked(base) != asked(&format!("{base}, {key}")), "`{key}` changes nothing over `{base}`");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for (application, key) in [
        ("request: 1 kB", "request"),
        ("expect_continue: true", "expect_continue"),
        ("method: post, request: 1 kB, version: 2, expect_continue: true", "expect_continue"),
        ("version: 2, pool: 6", "pool"),
        ("connections: new, pool: 6", "pool"),
        ("timeout: 0 s", "timeout"),
        ("interval: 0 s", "interval"),
        ("interval: 1 s, concurrency: 2", "concurrency"),
        ("interval: 1 s, think: 1 s", "think"),
        ("interval_times: exponential", "interval_times"),
        ("queue: 3", "queue"),
        ("url: 70 kB", "url"),
        ("header: 2 MB", "header"),
        ("host: www..test", "host"),
    ] {
        let error = load(&file(application, "")).expect_err(application);
        assert!(error.contains(&format!("`{key}`")), "{application}: {error}");
    }
    let shared =
        file("count: 1", "").replace("web: {", "old: { from: b, to: z, port: 5002, request: {} }, web: { port: 5002,");
    assert!(load(&shared).expect_err("two at a port").contains("port 5002"), "who would answer?");
}

#[test]
fn servers_answer_with_the_status_that_is_due() {
    let statuses = |application: &str| {
        let mut counted = BTreeMap::new();
        for (row, ended) in asked(application) {
            *counted.entry((row.get("status").copied().unwrap_or(0), ended)).or_insert(0) += 1;
        }
        counted
    };
    for version in ["1.1", "2"] {
        let with = |keys: &str| statuses(&format!("version: {version}, {keys}"));
        let missing = with("missing: 50 %, count: 40");
        assert!(missing[&(404, "status")] > 5 && missing[&(200, "finished")] > 5, "{missing:?}");
        let large = with("method: post, request: 1200 kB, count: 3");
        assert_eq!(large, BTreeMap::from([((413, "status"), 3)]));
        // A field, a target that is too long; and a head that the library itself does not take.
        assert_eq!(with("header: 9 kB, count: 2"), BTreeMap::from([((431, "status"), 2)]));
        assert_eq!(with("url: 9 kB, count: 2"), BTreeMap::from([((414, "status"), 2)]));
        assert_eq!(with("header: 600 kB, count: 2"), BTreeMap::from([((431, "status"), 2)]));
        assert_eq!(with("header: 9 kB, header_limit: 10 kB, count: 2"), BTreeMap::from([((200, "finished"), 2)]));
        // One is worked on, two wait, nine are turned away.
        let busy = with("workers: 1, queue: 2, service: 50 ms, concurrency: 12, count: 12, connections: new");
        assert_eq!(busy, BTreeMap::from([((200, "finished"), 3), ((503, "status"), 9)]));
        let broken = with("fail: 100 %, count: 2");
        assert_eq!(broken.keys().next().map(|(status, _)| *status), Some(200), "{broken:?}");
        assert_eq!(
            broken.keys().next().map(|(_, ended)| *ended),
            Some(if version == "2" { "reset" } else { "closed" })
        );
    }
    // A body that is not wanted stays at home where the client asks before.
    let polite = asked("method: post, request: 1200 kB, expect_continue: true, count: 2");
    assert!(polite.iter().all(|(row, _)| (row["status"], row["body_up_bytes"]) == (413, 0)), "{polite:?}");
    let wanted = asked("method: post, request: 2 kB, expect_continue: true, count: 1");
    near(&wanted[0].0, "first_byte_s", 80);
}

#[test]
fn who_finds_the_accept_queue_full_comes_again() {
    // Of five SYNs at a time a backlog of one takes two (n + 1); the others are dropped, and Linux sends them again after a second.
    let text = "count: 5, concurrency: 5, connections: new, service: 300 ms, connections_limit: 1, backlog: 1";
    let found = asked(text);
    assert!(found.iter().all(|(_, ended)| *ended == "finished"), "{found:?}");
    let late = found.iter().filter(|(row, _)| row["connect_s"] > 900_000).count();
    assert_eq!(late, 3, "{found:?}");
    let impatient = asked(&format!("{text}, timeout: 900 ms"));
    let out_of_time = impatient.iter().filter(|(row, ended)| *ended == "timed_out" && row.get("connect_s").is_none());
    assert_eq!(out_of_time.count(), 3, "{impatient:?}");
}

#[test]
fn a_server_that_has_gone_silently_is_found_out_by_probes() {
    // The connection rests when the way ends; the next request finds it half open. TCP's own probes end it before, where they are on.
    let text = |keepalive: &str| {
        file("count: 2, think: 30 s, timeout: 5 s", "events: [ { at: 1 s, link: path, down: true } ]\n")
            .replace("stop: 10 s", "stop: 60 s")
            .replace("a: {}, b", &format!("a: {{ tcp: {{ {keepalive} }} }}, b"))
    };
    let found = rows(&run(&text("")));
    assert_eq!((found[0].1, found[1].1, found[1].0["reused"]), ("finished", "timed_out", 1), "{found:?}");
    let probes = "keepalive: true, keepalive_idle: 5 s, keepalive_interval: 1 s, keepalive_count: 3";
    let probed = rows(&run(&text(probes)));
    assert_eq!((probed[0].1, probed[1].0["reused"]), ("finished", 0), "it opens another one: {probed:?}");
    assert!(["timed_out", "unreachable"].contains(&probed[1].1), "{probed:?}");
}

#[test]
fn flows_to_a_host_share_its_workers() {
    let text = file("workers: 1, service: 100 ms, count: 1", "").replace("from: a", "from: [a, b]");
    let found = rows(&run(&text));
    assert_eq!(found.len(), 2);
    near(&found[0].0, "first_byte_s", 140);
    near(&found[1].0, "first_byte_s", 240);
}

#[test]
fn no_request_hangs() {
    for version in ["1.1", "2"] {
        let text = |keys: &str, tcp: &str| {
            file(
                &format!("version: {version}, response: 20 MB, count: 3, {keys}"),
                "events: [ { at: 120 ms, link: path, down: true } ]\n",
            )
            .replace("a: {}, b", &format!("a: {{ tcp: {{ {tcp} }} }}, b"))
        };
        // The way ends in the middle of a response: the deadline.
        let found = rows(&run(&text("timeout: 500 ms", "")));
        assert_eq!((found[0].1, found[0].0["total_s"], found.len()), ("timed_out", 500_000, 3), "{found:?}");
        assert!(found[0].0["body_down_bytes"] > 0, "{found:?}");
        // The router says that there is no way; or nobody says anything.
        let gone = ["unreachable", "timed_out"];
        assert!(found[1..].iter().all(|(_, ended)| gone.contains(ended)), "{found:?}");
        // TCP gives up: nothing answers its probes.
        let patience = "keepalive: true, keepalive_idle: 1 s, keepalive_interval: 1 s, keepalive_count: 2, user_timeout: 2 s, syn_retries: 1";
        let found = rows(&run(&text("", patience)));
        assert!(gone.contains(&found[0].1) && found[0].0["status"] == 200, "{found:?}");
        // The stop comes first.
        let found = rows(&run(&text("", "")));
        assert_eq!((found.len(), found[0].1, found[0].0.get("total_s")), (1, "running", None));
    }
}

#[test]
fn every_run_is_the_same_on_any_number_of_shards() {
    for version in ["1.1", "2"] {
        let text = file(
            &format!("version: {version}, count: 60, concurrency: 6, response: 9 kB, service: 2 ms, service_times: exponential, missing: 5 %, fail: 5 %, timeout: 300 ms"),
            "outputs: { capture: [path] }\n",
        )
        .replace("delay: 19 ms", "delay: 19 ms, loss: 2 %");
        let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let bytes = |shards| {
            let outcome = simulate(&plan, 3, sharded(shards), &|_| ()).0;
            let captured: Vec<_> = outcome.captured.iter().map(|packet| format!("{packet:?}")).collect();
            assert!(!captured.is_empty());
            (captured, rows(&outcome), outcome.fingerprints)
        };
        let first = bytes(1);
        assert_eq!(first.1.len(), 60);
        assert!(first.1.iter().any(|(row, _)| row["out_of_order"] > 0), "loss is seen");
        for shards in [1, 2, 3] {
            assert!(first == bytes(shards), "HTTP/{version} on {shards} shards");
        }
    }
}

#[test]
fn tshark_reads_as_many_requests_as_were_made() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::new("http");
    for (version, filter) in [("1.1", "http.request"), ("2", "http2.headers.method")] {
        let application =
            format!("version: {version}, method: post, request: 3 kB, response: 30 kB, count: 12, concurrency: 3");
        let text = file(&application, "outputs: { capture: [a--r] }\n").replace("to: z", "to: z, port: 80");
        fs::write(folder.0.join("x.yaml"), text).expect("a file");
        let ran = clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", version]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let capture = folder.0.join(version).join("seed-3/capture.pcapng");
        let count = |filter: &str| {
            let decoded = if version == "2" { "tcp.port==80,http2" } else { "tcp.port==80,http" };
            let mut tshark = Command::new("tshark");
            tshark.arg("-r").arg(&capture).args([
                "-d",
                decoded,
                "-o",
                "tcp.check_checksum:TRUE",
                "-Y",
                filter,
                "-T",
                "fields",
                "-e",
                "frame.number",
                "-e",
                filter.split(' ').next().unwrap_or(filter),
            ]);
            let out = tshark.output().expect("it runs");
            // A segment may have the heads of several streams.
            let text = String::from_utf8_lossy(&out.stdout).into_owned();
            text.lines().map(|line| 1 + line.matches(',').count()).sum::<usize>()
        };
        assert_eq!(count(filter), 12, "HTTP/{version}");
        assert_eq!(count("_ws.malformed || tcp.checksum.status == 0"), 0, "HTTP/{version}");
    }
}

/// What the client's kernel and library have taken is not what has left: the layers add up to what TCP has sent.
#[test]
fn a_body_that_is_refused_early_counts_as_far_as_it_was_sent() {
    for how in ["version: 1.1", "version: 2", "version: 1.1, tls: {}"] {
        let found = asked(&format!("{how}, method: post, request: 20 MB, count: 2"));
        assert_eq!(found[0].0["status"], 413, "{how}: {found:?}");
        let up = |layer: &str| found[0].0[&*format!("{layer}_up_bytes")];
        let sum = up("tls") + up("http") + up("body");
        assert!(if how == "version: 1.1" { up("payload") == sum } else { up("payload") >= sum }, "{how}: {found:?}");
        assert!(up("body") > 0 && up("body") < 1_000_000, "{how}: {found:?}");
    }
}
