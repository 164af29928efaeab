//! Servers that are killed and started again, and paths that fail for a while: clients get what a real kernel gives them.

use experiments::simulate;
use sim_core::Kind;

use crate::harness::sharded;
use crate::http::{self, load, run};
use crate::{rpc, web};

fn killed(server: &str, at: &str, down: &str) -> String {
    format!("events: [ {{ at: {at}, server: {server}, down: {down} }} ]\n")
}

#[test]
fn a_server_that_is_killed_in_the_middle_of_a_response_breaks_it_off() {
    for version in ["1.1", "2"] {
        // The first is under way when the process ends; the second finds nobody; the third the new process.
        // What is in the kernel's buffer is still sent, so that is small here.
        let asked = format!("version: {version}, response: 2 MB, count: 3, think: 500 ms");
        let of = |down: &str| {
            let text = http::file(&asked, &killed("web", "200 ms", down));
            http::rows(&run(&text.replace("z: {}", "z: { tcp: { send_buffer: 100 kB } }")))
        };
        let found = of("1 s");
        let ended: Vec<&str> = found.iter().map(|(_, ended)| *ended).collect();
        assert!(["closed", "reset"].contains(&ended[0]), "{found:?}");
        assert_eq!((ended[1], ended[2]), ("refused", "finished"), "HTTP/{version}: {found:?}");
        assert_eq!(found[0].0["status"], 200);
        assert!((1..2_000_000).contains(&found[0].0["body_down_bytes"]), "{found:?}");
        assert!((200_000..400_000).contains(&found[0].0["total_s"]), "the end comes behind what was sent: {found:?}");
        http::near(&found[1].0, "total_s", 40);
        let for_good = of("true");
        assert_eq!((for_good[1].1, for_good[2].1), ("refused", "refused"));
    }
}

#[test]
fn what_a_process_knew_is_gone_when_it_starts_again() {
    let steps = "think: 1 s, steps: [ 'post http://z/login | user=ann&password=right', get http://z/account, get http://z/account ]";
    let pages = "pages: { /: {}, /account: { session: true } }, sessions:";
    let of = |sessions: &str, server: &str| {
        let text = web::file(&format!("{pages} {{ users: [ 'ann:right' ]{sessions} }}"), steps);
        let found = web::asked(&(text + &killed(server, "1200 ms", "500 ms")));
        found.into_iter().map(|(line, _)| line).collect::<Vec<_>>()
    };
    let before =
        ["POST /login 303 network finished", "GET / 200 network finished", "GET /account 200 network finished"];
    let after = |status: u16| match status {
        304 => "GET /account 304 revalidated finished".to_string(),
        status => format!("GET /account {status} network status"),
    };
    // Sessions of the server itself, of a store that goes on while the server is killed, and of a store that is killed.
    for (sessions, server, status) in [("", "w", 401), (", store: store", "w", 304), (", store: store", "s", 401)] {
        let found = of(sessions, server);
        assert_eq!(found[..3], before, "{server}: {found:?}");
        assert_eq!(found.last(), Some(&after(status)), "{server}: {found:?}");
    }
}

#[test]
fn a_call_whose_server_is_killed_fails_at_once_over_tcp_and_udp() {
    let hosts = "hosts: { a: {}, z: {} }\nlinks:\n - a -- z: { rate: 1 Gbit/s, delay: 20 ms }\n".to_string();
    for form in ["grpc", "thrift-compact", "bare-udp"] {
        let hosts = hosts.clone() + &killed("calls", "50 ms", "true");
        let outcome = rpc::run_from(&hosts, &format!("form: {form}, count: 2, service: 1 s, think: 1 s, timeout: 5 s"));
        let found = rpc::rows(&outcome, "calls");
        let ended: Vec<&str> = found.iter().map(|(_, said)| said["outcome"]).collect();
        if form == "bare-udp" {
            // Nobody tells of a call that was under way; the next datagram finds that the port is closed.
            assert_eq!(ended, ["refused", "refused"], "{found:?}");
        } else {
            assert!(ended[0] == "closed" || ended[0] == "reset", "{form}: {found:?}");
            assert_eq!(ended[1], "refused", "{form}: {found:?}");
        }
    }
}

/// `www.test` asked for each second from 0 s to 7 s: outcome, round trips and milliseconds of each look-up, and questions and answers that each name
/// server has counted.
fn looked_up(kind: &str, events: &str) -> [Vec<String>; 2] {
    let names = "dns: { zones: { .: { records: [ www.test 300 A n ] } } }";
    let text = format!(
        "clockwire: 1\nname: names\nseed: 3\nstop: 30 s\nhosts: {{ h: {{ resolver: {{ ask: m, cache: 0 }} }}, m: {{}}, n: {{}} }}\nlinks:\n\
         \x20 - h -- m: {{ rate: 1 Gbit/s, delay: 5 ms }}\n  - m -- n: {{ rate: 1 Gbit/s, delay: 5 ms }}\n\
         services: {{ names: {{ on: n, {names} }}, middle: {{ on: m, {} }} }}\n\
         workload: {{ q: {{ from: h, dns: {{ interval: 1 s, count: 8, names: [ www.test ] }} }} }}\n{events}",
        kind.replace("NAMES", names),
    );
    let outcome = run(&text);
    let of = |table: &str, names: &[&str]| {
        let table = outcome.table(table).expect("it is written where it runs");
        let columns = table.table.columns;
        let at = names.iter().map(|name| columns.iter().position(|column| column.name == *name).expect("it has one"));
        let at: Vec<usize> = at.collect();
        let cell = |row: &[u64], at: usize| match columns[at].kind {
            Kind::Word(words) => words[row[at] as usize].to_string(),
            Kind::Time => (row[at] / 1_000_000_000).to_string(),
            _ => row[at].to_string(),
        };
        table.iter().map(|(_, row)| at.iter().map(|at| cell(row, *at)).collect::<Vec<_>>().join(" ")).collect()
    };
    [of("dns", &["outcome", "round_trips", "total_s"]), of("name_servers", &["udp_questions", "answers"])]
}

#[test]
fn a_name_server_that_is_killed_refuses_and_comes_back() {
    // RFC 1122 §4.1.3.1: a datagram to a port that nobody listens on is answered with «port unreachable» at once; a stub asks twice.
    let (known, refused) = ("found 1 10", "unreachable 0 20");
    for (kind, first) in
        [("NAMES", known), ("resolver: { roots: n }", "found 1 20"), ("forwarder: { to: n }", "found 1 20")]
    {
        let [found, counted] = looked_up(kind, &killed("middle", "2500 ms", "2 s"));
        // What it knew is gone.
        assert_eq!(found, [first, known, known, refused, refused, first, known, known], "{kind}");
        // One row for both lives.
        assert!(counted.len() == 2 && counted.contains(&"6 6".to_string()), "{kind}: {counted:?}");
        // For good, and there is a row all the same.
        let [found, counted] = looked_up(kind, &killed("middle", "2500 ms", "true"));
        assert_eq!(found[3..], [refused; 5], "{kind}");
        assert!(counted.len() == 2 && counted.contains(&"3 3".to_string()), "{kind}: {counted:?}");
    }
}

#[test]
fn lives_and_deaths_are_the_same_on_any_number_of_shards() {
    let events = "events: [ { at: 300 ms, server: web, down: 200 ms }, { at: 900 ms, server: web, down: true }, { at: 1 s, server: web, up: true } ]\n";
    let text = http::file("count: 60, concurrency: 6, response: 90 kB, timeout: 300 ms, tls: {}", events);
    let text = text.replace("delay: 19 ms", "delay: 19 ms, loss: 2 %");
    let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
    let of = |shards| simulate(&plan, 3, sharded(shards), &|_| ()).0.fingerprints;
    let first = of(1);
    for shards in [1, 2, 3] {
        assert_eq!(first, of(shards), "{shards} shards");
    }
}

/// RFC 6069 takes back-offs back where a router says that the path is broken, so retransmissions are many: what counts is the time.
#[test]
fn an_outage_that_a_router_tells_of_is_ridden_out() {
    let events = "events: [ { at: 200 ms, link: path, down: 8 s } ]\n";
    let text = http::file("method: post, request: 50 MB, body_limit: 60 MB, count: 1, connections: new", events);
    let found = http::rows(&run(&text.replace("stop: 10 s", "stop: 60 s")));
    assert_eq!(found[0].1, "finished", "{found:?}");
    assert!(found[0].0["retransmissions"] > 15, "{found:?}");
}

/// As much of it as the client got is in the row, with the time of its first byte and, of REST, the status that its head said.
#[test]
fn a_reply_that_breaks_off_is_told_as_far_as_it_came() {
    let hosts =
        "hosts: { a: {}, z: { tcp: { send_buffer: 16 kB } } }\nlinks:\n - a -- z: { rate: 1 Mbit/s, delay: 10 ms }\n";
    let hosts = hosts.to_string() + &killed("calls", "130 ms", "true");
    for form in rpc::FORMS.into_iter().filter(|form| *form != "bare-udp") {
        let outcome = rpc::run_from(&hosts, &format!("form: {form}, operation: list, size: 1000, count: 1"));
        let (numbers, said) = &rpc::rows(&outcome, "calls")[0];
        assert!(["closed", "reset"].contains(&said["outcome"]), "{form}: {said:?}");
        // Of gRPC it is the first frame of a message, which is late here.
        if form != "grpc" {
            assert_eq!(said["cause"], "transfer", "{form}: {numbers:?}");
            assert!((20_000..60_000).contains(&numbers["first_byte_s"]), "{form}: {numbers:?}");
        }
        let (body, payload) = (numbers["body_down_bytes"], numbers["payload_down_bytes"]);
        // A frame of HTTP/2 of which not all has come is no part of the body yet.
        let whole = if ["rest-http2", "grpc"].contains(&form) { 17_000 } else { 250 };
        assert!(body > 4000 && body <= payload && payload - body < whole, "{form}: {body} of {payload}");
        assert_eq!(said["status"], if form.starts_with("rest") { "200" } else { "none" }, "{form}");
    }
}
