//! Routers with programs of their own, and what translation does to packets that are not plain ones.

use std::collections::BTreeMap;

use sim_core::{Kind, Outcome};

use crate::http::{load, run};

/// Two hosts behind a router that masquerades them on `access`, and one outside.
fn home(router: &str, services: &str, workload: &str) -> String {
    format!(
        "clockwire: 1\nname: gates\nseed: 3\nstop: 20 s\nhosts: {{ a: {{}}, b: {{ resolver: home }}, z: {{}} }}\n\
         routers: {{ home: {{ {router} }}, isp: {{}} }}\nlinks:\n\
         \x20 - a -- home: {{ name: la, rate: 100 Mbit/s, delay: 1 ms }}\n\
         \x20 - b -- home: {{ name: lb, rate: 100 Mbit/s, delay: 1 ms }}\n\
         \x20 - home -- isp: {{ name: access, rate: 50 Mbit/s, delay: 5 ms }}\n\
         \x20 - z -- isp: {{ name: outside, rate: 100 Mbit/s, delay: 5 ms }}\n\
         services: {{ {services} }}\nworkload: {{ {workload} }}\n"
    )
}

/// The rows of a table: the values of some columns, words and texts as such.
fn rows(outcome: &Outcome, table: &str, names: &[&str]) -> Vec<String> {
    let rows = outcome.table(table).unwrap_or_else(|| panic!("no table {table}"));
    let column = |name: &str| rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let columns: Vec<usize> = names.iter().map(|name| column(name)).collect();
    let show = |values: &[u64], at: usize| match rows.table.columns[at].kind {
        Kind::Word(words) => words[values[at] as usize].to_string(),
        Kind::Text => outcome.texts.get(&values[at]).cloned().unwrap_or_default(),
        _ => values[at].to_string(),
    };
    rows.iter().map(|(_, values)| columns.iter().map(|at| show(values, *at)).collect::<Vec<_>>().join(" ")).collect()
}

fn counted(lines: Vec<String>) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    lines.into_iter().for_each(|line| *found.entry(line).or_default() += 1);
    found
}

const ZONE: &str =
    "names: { on: z, dns: { zones: { test: { records: [ www A z ] } } } }, box: { on: home, forwarder: { to: z } }";

#[test]
fn a_router_runs_a_forwarder_beside_its_forwarding() {
    let stateful = "nat: { masquerade: access }, firewall: [ { allow: any from a }, { allow: any from b }, \
        { allow: 'any state established' }, { deny: any } ]";
    let work = "names1: { from: b, dns: { names: [ www.test ], count: 2, think: 1 s } }, \
        echo: { from: a, to: home, ping: { count: 2 } }, web: { from: a, to: z, tcp: { bytes: 100 kB } }";
    for router in ["", stateful] {
        let outcome = run(&home(router, ZONE, work));
        let found = counted(rows(&outcome, "dns", &["outcome", "source"]));
        assert_eq!(
            found.into_iter().collect::<Vec<_>>(),
            [("found host_cache".into(), 1), ("found resolver".into(), 1)]
        );
        assert_eq!(counted(rows(&outcome, "ping", &["answer"])), BTreeMap::from([("reply".to_string(), 2)]));
        assert_eq!(rows(&outcome, "name_servers", &["udp_questions", "asked"]).len(), 2);
        let flows = rows(&outcome, "flows", &["bytes", "outcome"]);
        assert!(flows.contains(&"100000 finished".to_string()), "{flows:?}");
    }
}

#[test]
fn a_router_can_be_an_end_of_flows() {
    let work = "up: { from: a, to: home, tcp: { bytes: 30 kB } }, out: { from: home, to: z, tcp: { bytes: 20 kB } }, \
        echo: { from: home, to: z, ping: { count: 3 } }, trace: { from: home, to: z, traceroute: {} }";
    let outcome = run(&home("nat: { masquerade: access }", ZONE, work));
    let flows = rows(&outcome, "flows", &["bytes", "outcome"]);
    assert!(["30000 finished", "20000 finished"].iter().all(|flow| flows.iter().any(|row| row == flow)), "{flows:?}");
    assert_eq!(counted(rows(&outcome, "ping", &["answer"])), BTreeMap::from([("reply".to_string(), 3)]));
    assert_eq!(rows(&outcome, "traceroute", &["answer"]).len(), 6);
}

// tests: a router's own connections and those it masquerades share its ports
#[test]
fn a_port_of_the_router_itself_is_not_given_to_a_host_behind_it() {
    // The first connection of each has port 32768, to the same server.
    let work = "own: { from: home, to: z, port: 80, request: { count: 1 } }, other: { from: a, to: z, port: 80, start: 1 ms, request: { count: 1 } }, \
        third: { from: b, to: z, port: 80, start: 2 s, request: { count: 1 } }";
    let outcome = run(&home("nat: { masquerade: access }", ZONE, work));
    assert_eq!(counted(rows(&outcome, "requests", &["outcome"])), BTreeMap::from([("finished".to_string(), 3)]));
    let ports = rows(&outcome, "nat", &["source_port", "translated_source_port"]);
    assert!(ports.contains(&"32768 1024".to_string()), "{ports:?}");
}

#[test]
fn files_with_programs_on_routers_are_the_same_on_any_number_of_shards() {
    let work = "names1: { from: b, dns: { names: [ www.test ] } }, own: { from: home, to: z, tcp: { bytes: 50 kB } }";
    let plan = load(&home("nat: { masquerade: access }", ZONE, work)).expect("it can be read");
    let print = |shards| crate::harness::run(&plan, 3, crate::harness::sharded(shards)).fingerprints;
    assert_eq!([print(1), print(2)], [print(3), print(3)]);
}

#[test]
fn fragments_and_neighbours_pass_a_router_that_translates() {
    let work = "big: { from: a, to: z, cbr: { rate: 800 kbit/s, size: 4000 B, count: 10 } }, echo: { from: b, to: z, ping: { count: 2, size: 5 kB } }";
    let outcome = run(&home("nat: { masquerade: access }, firewall: { rules: [ { deny: udp port 9 } ] }", ZONE, work));
    let flows = rows(&outcome, "flows", &["bytes"]);
    assert!(flows.contains(&"40000".to_string()), "{flows:?}");
    assert_eq!(counted(rows(&outcome, "ping", &["answer"])), BTreeMap::from([("reply".to_string(), 2)]));
    // One connection of datagrams and one of echoes, as the fragments' ports say.
    assert_eq!(rows(&outcome, "nat", &["protocol"]), ["udp", "icmp"]);
}
