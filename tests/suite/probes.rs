//! Probes observe: each table, each sampling, each capture and the bytes on every hop, switched on and off, change no packet and no other row.

use std::path::Path;

use experiments::{load_options, simulate, tables};
use sim_core::{Audit, ENGINE_TABLES, Outcome, ProbeConfig, Rows, Span, Table};
use topologies::Plan;

/// Every kind of application, queue, framing and impairment that may have a probe.
const FILE: &str = "clockwire: 1
name: probes
stop: 1500 ms
hosts: { a: {}, b: { resolver: { ask: d, cache: 0 } }, c: {}, d: {} }
routers: { r: {}, s: { firewall: [ { deny: udp port 9 }, { allow: any } ], nat: { map: [ udp port 53 of d to c ] } } }
services:
  zones: { on: c, dns: { zones: { test: { records: [www A a] } } } }
  pages: { on: c, port: 8080, web: { pages: { /: { holds: [/b.css] }, /b.css: {} } } }
links:
  - a -- r: { rate: 20 Mbit/s, delay: 1 ms, framing: ethernet }
  - b -- r: { rate: 20 Mbit/s, delay: 1 ms, jitter: { uniform: { span: 1 ms, reorder: true } } }
  - r -- s: { name: wan, rate: 3 Mbit/s, delay: 8 ms, loss: 1 %, queue: { red: { ecn: true, limit: 30 packets, min_packets: 2, max_packets: 6 } } }
  - c -- s: { rate: 4 Mbit/s, delay: 1 ms, duplicate: 1 %, corrupt: 1 %, queue: codel }
  - d -- s: { rate: 20 Mbit/s, delay: 1 ms, mtu: 900 B }
workload:
  bulk: { from: a, to: c, tcp: { cc: bbr, ecn: true } }
  more: { from: b, to: a, tcp: { cc: bbr3, ecn: true } }
  web: { from: b, to: c, request: {} }
  page: { from: b, to: c, http: { version: 2, concurrency: 3 } }
  echo: { from: a, to: d, ping: { every: 50 ms } }
  names: { from: b, dns: { names: [www.test, no.test], count: 20, interval: 30 ms } }
  look: { from: a, browse: { steps: [get http://c:8080/], visits: 3 } }
  call: { from: a, to: c, rpc: {} }
  chat: { from: b, to: c, rpc: { form: grpc, operation: chat } }
  push: { from: a, to: c, websocket: { interval: 90 ms } }
  way: { from: b, to: d, traceroute: {} }
  cbr: { from: a, to: d, cbr: { rate: 300 kbit/s } }
  poisson: { from: d, to: b, poisson: { rate: 300 kbit/s } }
events:
  - { at: 700 ms, link: wan, down: 60 ms }
outputs:
  series: { cwnd: all, queue: all, every: 7 ms }
  capture: { at: [wan, a--r] }
";

fn plan(text: &str) -> Plan {
    let loaded = topologies::load_text("probes.yaml", "probes", text, Path::new(""), &load_options(&[], None));
    loaded.unwrap_or_else(|errors| panic!("{errors}")).points.swap_remove(0).plan
}

fn run(plan: &Plan, probes: ProbeConfig) -> Outcome {
    topologies::build(plan, 3, 0, probes, 1).run(plan.stop, 1, &|_| ())
}

/// What two runs tell of the same tables.
fn same(what: &str, full: &Outcome, other: &Outcome, but: &[&str]) {
    assert_eq!((other.events, other.hops), (full.events, full.hops), "{what}: the same events");
    assert_eq!(other.fingerprints.events, full.fingerprints.events, "{what}: the same events at every node");
    assert_eq!(other.fingerprints.lengths, full.fingerprints.lengths, "{what}: the same packets");
    for rows in other.rows.iter().filter(|rows| !but.contains(&rows.table.name)) {
        let there = full.table(rows.table.name).expect("everything was on");
        let told = |rows: &Rows| (rows.times.clone(), rows.values.clone());
        assert!(told(rows) == told(there), "{what}: the rows of `{}` are others", rows.table.name);
    }
}

#[test]
fn switching_a_probe_changes_no_packet_and_no_other_row() {
    let plan = plan(FILE);
    let all = tables();
    let everything = || ProbeConfig { bytes_on_every_hop: true, ..topologies::probes(&plan, all.clone()) };
    let full = run(&plan, everything());
    let silent: Vec<&str> =
        all.iter().map(|table| table.name).filter(|name| full.table(name).is_none_or(Rows::is_empty)).collect();
    assert!(silent.is_empty(), "the file lets nothing be told in {silent:?}");
    // Each mark that a queue counts is a row.
    let links = full.table("links").expect("everything was on");
    let marks = links.table.columns.iter().position(|column| column.name == "marks_packets").expect("it counts marks");
    let counted: u64 = links.iter().map(|(_, row)| row[marks]).sum();
    assert_eq!(full.table("marks").expect("everything was on").len() as u64, counted);
    let named = |table: &&'static Table| table.name;
    for table in &all {
        let without = |other: &&&'static Table| other.name != table.name;
        let rest: Vec<&'static Table> = all.iter().filter(without).copied().collect();
        same(
            &format!("without {}", named(table)),
            &full,
            &run(&plan, ProbeConfig { tables: rest, ..everything() }),
            &[],
        );
        let alone = ProbeConfig { tables: vec![table], ..everything() };
        same(&format!("{} alone", named(table)), &full, &run(&plan, alone), &[]);
    }
    let none = run(&plan, ProbeConfig::default());
    same("nothing", &full, &none, &[]);
    same("no bytes", &full, &run(&plan, ProbeConfig { bytes_on_every_hop: false, ..everything() }), &[]);
    same("no capture", &full, &run(&plan, ProbeConfig { captures: Vec::new(), ..everything() }), &[]);
    // An audit sees every event, and is not seen.
    let slices = ProbeConfig { audit: Audit::Slices(16, Span::from_ms(100)), ..everything() };
    same("audited", &full, &run(&plan, slices), &[]);
    // What is sampled has other rows where it is sampled at other times; nothing else has.
    let sampled: Vec<&str> = ["queue", "throughput"].to_vec();
    same("rarely", &full, &run(&plan, ProbeConfig { every: Some(Span::from_ms(31)), ..everything() }), &sampled);
    same("not sampled", &full, &run(&plan, ProbeConfig { every: None, ..everything() }), &sampled);
    same("one queue", &full, &run(&plan, ProbeConfig { sampled: vec![(4, 0)], ..everything() }), &["queue"]);
    assert!(ENGINE_TABLES.iter().all(|table| all.iter().any(|one| one.name == table.name)), "all are held");
}

#[test]
fn what_a_file_asks_for_changes_nothing_that_happens() {
    // The flows that are traced are told so when the world is built.
    let asked = plan(FILE);
    let bare = plan(FILE.split("outputs:").next().expect("the file begins"));
    assert!(asked.flows.iter().any(|flow| flow.config.traced) && bare.flows.iter().all(|flow| !flow.config.traced));
    let how = experiments::How::default();
    let (asked, bare) = (simulate(&asked, 3, how, &|_| ()).0, simulate(&bare, 3, how, &|_| ()).0);
    assert!(asked.rows.len() > bare.rows.len() && !asked.captured.is_empty() && bare.captured.is_empty());
    assert_eq!((asked.fingerprints.events, asked.events), (bare.fingerprints.events, bare.events));
    let flows = |outcome: &Outcome| outcome.table("flows").expect("always there").values.clone();
    assert_eq!(flows(&asked), flows(&bare));
}
