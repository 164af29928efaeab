//! Every answer of HTTP says when it was made (RFC 9110 §6.6.1), whichever application gives it: read off the wire, for `http`, `websocket` and `rpc`.
//! `web` has its own (`http_semantics`), the time-out within a head too (`app/timeouts/tests.rs`).

use std::fs;
use std::process::Command;

use crate::command::{Folder, clockwire};

/// A client, a server, a round trip of 40 ms; what passes is recorded.
fn text(application: &str) -> String {
    format!(
        "clockwire: 1\nname: dates\nseed: 3\nstop: 20 s\nhosts: {{ a: {{}}, z: {{}} }}\nlinks: [ a -- z: {{ rate: 1 Gbit/s, delay: 20 ms }} ]\n\
         workload: {{ asks: {{ from: a, to: z, port: 80, {application} }} }}\noutputs: {{ capture: [a--z] }}\n"
    )
}

/// The capture of a run, on so many shards.
fn captured(folder: &Folder, application: &str, shards: &str) -> Vec<u8> {
    fs::write(folder.0.join("x.yaml"), text(application)).expect("a file");
    let arguments = ["run", "x.yaml", "--quiet", "--fresh", "--force", "--out", "out", "--shards", shards];
    let ran = clockwire(&folder.0, &arguments);
    assert_eq!(ran.code, Some(0), "{application}: {}", ran.err);
    fs::read(folder.0.join("out/seed-3/capture.pcapng")).expect("it is recorded")
}

/// Statuses and dates of the answers of HTTP/1.1. Each head is within a segment.
fn dated(capture: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(capture);
    let heads = text.split("HTTP/1.1 ").skip(1).filter(|rest| rest.starts_with(|first: char| first.is_ascii_digit()));
    heads
        .map(|rest| {
            let head = rest.split_once("\r\n\r\n").expect("a head ends").0;
            let dates: Vec<&str> = head.split("\r\n").filter_map(|line| line.strip_prefix("date: ")).collect();
            assert_eq!(dates.len(), 1, "one date: {head}");
            assert_eq!(head.matches("\r\nserver: clockwire").count(), 1, "{head}");
            (head[..3].to_string(), dates[0].to_string())
        })
        .collect()
}

/// What an answer says that is given in a second of the simulation.
fn at(status: &str, second: u64) -> (String, String) {
    // RFC 9110 §5.6.7, IMF-fixdate; the simulation begins in 2030, and 1 January of that year is a Tuesday.
    (status.into(), format!("Tue, 01 Jan 2030 00:00:{second:02} GMT"))
}

// tests: RFC 9110 §6.6.1
#[test]
fn every_answer_of_http_1_has_the_date_of_the_simulation() {
    let folder = Folder::new("dates");
    // Answers leave after 60 ms, and then each second and round trip.
    let three = |status: &str| (0..3).map(|second| at(status, second)).collect::<Vec<_>>();
    let thinks = "count: 3, think: 1 s";
    for (application, expected) in [
        (format!("http: {{ {thinks} }}"), three("200")),
        (format!("http: {{ {thinks}, chunked: true }}"), three("200")),
        (format!("http: {{ {thinks}, missing: 100 % }}"), three("404")),
        (format!("http: {{ {thinks}, url: 20 kB }}"), three("414")),
        ("http: { count: 1, method: post, request: 20 kB, body_limit: 1 kB }".into(), vec![at("413", 0)]),
        // The second of two finds the worker busy until 3060 ms; the date is that of the answer, not of the request.
        (
            "http: { count: 2, concurrency: 2, pool: 2, workers: 1, queue: 0, service: 3 s }".into(),
            vec![at("503", 0), at("200", 3)],
        ),
        // A message in each second from 60 ms on, asked for each 540 ms; the last request finds that there is no more.
        (
            "websocket: { mode: polling, count: 1, interval: 1 s, poll: 500 ms }".into(),
            vec![at("204", 0), at("204", 0), at("200", 1)],
        ),
        (
            "websocket: { mode: long_polling, count: 2, interval: 3 s, hold: 2 s }".into(),
            vec![at("204", 2), at("200", 3), at("204", 5), at("200", 6)],
        ),
        (format!("rpc: {{ {thinks} }}"), three("200")),
        (format!("rpc: {{ {thinks}, operation: create }}"), three("201")),
        (format!("rpc: {{ {thinks}, missing: 100 % }}"), three("404")),
        (format!("rpc: {{ {thinks}, form: json-rpc }}"), three("200")),
        (format!("rpc: {{ {thinks}, form: hessian }}"), three("200")),
        (
            "rpc: { count: 2, concurrency: 2, pool: 2, workers: 1, queue: 0, service: 3 s }".into(),
            vec![at("503", 0), at("200", 3)],
        ),
    ] {
        let found = dated(&captured(&folder, &application, "1"));
        assert_eq!(found, expected, "{application}");
        assert_eq!(dated(&captured(&folder, &application, "2")), expected, "{application} on two shards");
    }
}

// tests: RFC 9110 §6.6.1
#[test]
fn every_answer_of_http_2_has_the_date_of_the_simulation() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::new("dates-2");
    let thinks = "count: 3, think: 1 s";
    for (application, status) in [
        (format!("http: {{ version: 2, {thinks} }}"), "200"),
        (format!("http: {{ version: 2, {thinks}, missing: 100 % }}"), "404"),
        (format!("rpc: {{ form: rest-http2, {thinks} }}"), "200"),
        (format!("rpc: {{ form: rest-http2, {thinks}, missing: 100 % }}"), "404"),
    ] {
        captured(&folder, &application, "1");
        let mut tshark = Command::new("tshark");
        tshark.arg("-r").arg(folder.0.join("out/seed-3/capture.pcapng"));
        tshark.args(["-d", "tcp.port==80,http2", "-Y", "http2.headers.status", "-T", "fields"]);
        tshark.args(["-e", "http2.headers.status", "-e", "http2.headers.date"]);
        let out = tshark.output().expect("it runs");
        let expected: String =
            (0..3).map(|second| at(status, second)).map(|(status, date)| format!("{status}\t{date}\n")).collect();
        assert_eq!(String::from_utf8_lossy(&out.stdout), expected, "{application}");
    }
}
