//! How applications get to their servers: by a name that their host looks up, and over TLS. Rows of `http`, `calls` and `messages` against times computed
//! by hand; what fails has its word; the same on any number of shards.

use std::path::Path;

use experiments::{load_options, simulate};
use sim_core::Outcome;

use crate::harness::sharded;
use crate::http;
use crate::rpc::{FORMS, Row, rows};

/// A client `a`, a server `z` 20 ms away, and `ns`, 50 ms away, which knows `www.shop.test`; the host `file` has it in its hosts file, `lost` asks whom
/// nobody hears, and `stub` a resolver that finds no root.
fn text(from: &str, application: &str, more: &str) -> String {
    format!(
        "clockwire: 1\nname: dialling\nseed: 3\nstop: 40 s\nrouters: {{ r: {{}} }}\n\
         hosts:\n  a: {{ resolver: ns }}\n  file: {{ names: {{ www.shop.test: z }} }}\n  lost: {{ resolver: mute }}\n  stub: {{ resolver: rec }}\n\
         \x20 z: {{}}\n  ns: {{}}\n  mute: {{}}\n  rec: {{}}\n\
         links:\n  - a -- r: {{ rate: 1 Gbit/s }}\n  - file -- r: {{ rate: 1 Gbit/s }}\n  - lost -- r: {{ rate: 1 Gbit/s }}\n  - stub -- r: {{ rate: 1 Gbit/s }}\n\
         \x20 - r -- z: {{ rate: 1 Gbit/s, delay: 20 ms }}\n  - r -- ns: {{ rate: 1 Gbit/s, delay: 50 ms }}\n\
         \x20 - r -- mute: {{ rate: 1 Gbit/s, delay: 5 ms, down: {{ loss: 100 % }}, up: {{ rate: 1 Gbit/s }} }}\n  - r -- rec: {{ rate: 1 Gbit/s, delay: 5 ms }}\n\
         services:\n  names: {{ on: ns, dns: {{ zones: {{ shop.test: {{ ttl: 1 h, records: [ www A z ] }} }} }} }}\n\
         \x20 chain: {{ on: rec, resolver: {{ roots: mute, give_up: 2 s }} }}\n\
         workload: {{ calls: {{ from: {from}, to: z, {application} }} }}\n\
         outputs: {{ tables: [ http, calls, served, messages ] }}\n{more}"
    )
}

fn run_on(text: &str, shards: usize) -> Outcome {
    let loaded = topologies::load_text("dialling.yaml", "dialling", text, Path::new(""), &load_options(&[], None));
    let plan = loaded.unwrap_or_else(|errors| panic!("{errors}\n{text}")).points.swap_remove(0).plan;
    simulate(&plan, 3, sharded(shards), &|_| ()).0
}

fn asked(from: &str, application: &str, table: &str) -> Vec<Row> {
    rows(&run_on(&text(from, application, ""), 1), table)
}

const NAME: &str = "host: www.shop.test, resolve: true";

/// The applications that dial, with a new connection for each request, and their tables.
fn dialling() -> Vec<(String, &'static str)> {
    let http = ["1.1", "2"]
        .map(|version| (format!("http: {{ version: {version}, count: 3, connections: new, {NAME} }}"), "http"));
    let rpc = FORMS.into_iter().filter(|form| *form != "bare-udp");
    let rpc = rpc.map(|form| (format!("rpc: {{ form: {form}, count: 3, connections: new, {NAME} }}"), "calls"));
    http.into_iter().chain(rpc).collect()
}

/// Its name leads to another server, which answers a ClientHello in plain HTTP: the same word in both tables.
#[test]
fn a_server_without_tls_is_told_as_such() {
    let how = "host: plain.shop.test, resolve: true, tls: {}, count: 2";
    for (application, table) in [("http", "http"), ("rpc", "calls")] {
        let text = text("a", &format!("port: 9000, {application}: {{ {how} }}"), "")
            .replace("[ www A z ]", "[ www A z, plain A file ]")
            .replace("services:\n", "services:\n  plain: { on: file, port: 9000, web: { pages: { /: {} } } }\n");
        let found = rows(&run_on(&text, 1), table);
        let outcomes: Vec<_> = found.iter().map(|(_, said)| said["outcome"]).collect();
        assert_eq!(outcomes, ["no_tls"; 2], "{application}");
    }
}

#[test]
fn a_name_is_looked_up_for_each_connection_and_known_the_second_time() {
    for (application, table) in dialling() {
        let found = asked("a", &application, table);
        assert_eq!(found.len(), 3, "{application}");
        for (at, (numbers, said)) in found.iter().enumerate() {
            assert_eq!(said["outcome"], "finished", "{application}: {numbers:?}");
            let dns = numbers["dns_s"] / 1000;
            assert_eq!(dns, if at == 0 { 100 } else { 0 }, "{application}, request {at}: {dns} ms for the name");
            assert_eq!(numbers["queued_s"], 0, "{application}: no step counts twice");
        }
        // The name takes 100 ms, the others 40 each.
        assert_eq!(found[0].1["cause"], "dns", "{application}");
        assert_eq!(found[0].0["total_s"] / 1000 - found[1].0["total_s"] / 1000, 100, "{application}");
        assert_eq!(asked("file", &application, table)[0].0["dns_s"], 0, "{application}: the hosts file costs nothing");
        // Who knows the address looks nothing up.
        let known = asked(
            "a",
            &application
                .replace("resolve: true", "resolve: false, nodelay: true")
                .replace(", host: www.shop.test, resolve: false", ""),
            table,
        );
        assert_eq!((known[0].0.get("dns_s"), known[0].1["outcome"]), (None, "finished"), "{application}");
        // One connection for all looks up once.
        let kept = asked("a", &application.replace("connections: new", "connections: kept"), table);
        let dns: Vec<Option<u64>> = kept.iter().map(|(numbers, _)| numbers.get("dns_s").map(|us| us / 1000)).collect();
        assert_eq!(dns, [Some(100), None, None], "{application}");
    }
    for mode in ["push", "polling"] {
        let late = |from: &str, more: &str| {
            let found =
                asked(from, &format!("websocket: {{ mode: {mode}, count: 1, interval: 1 s {more} }}"), "messages");
            found[0].0["created_s"] / 1000
        };
        let by_name = ", host: www.shop.test, resolve: true";
        assert_eq!(late("a", by_name) - late("a", ""), 100, "{mode}: the first request comes later");
        assert_eq!(late("file", by_name), late("file", ""), "{mode}");
    }
}

#[test]
fn names_that_lead_nowhere_have_their_words() {
    for (application, table) in dialling() {
        let outcomes = |from: &str, application: &str| -> Vec<(&'static str, u64)> {
            let found = asked(from, application, table);
            found.iter().map(|(numbers, said)| (said["outcome"], numbers["dns_s"] / 1000)).collect()
        };
        let nobody = application.replace("www.shop.test", "ftp.shop.test");
        let found = outcomes("a", &nobody);
        assert_eq!(found[0], ("no_such_name", 100), "{application}");
        // RFC 2308: that there is no such name is known for a while, too.
        assert_eq!(found[1], ("no_such_name", 0), "{application}");
    }
    let (application, table) = ("rpc: { count: 1, host: www.shop.test, resolve: true }", "calls");
    let lost = asked("lost", application, table);
    assert_eq!(
        (lost[0].1["outcome"], lost[0].1["cause"], lost[0].0["dns_s"] / 1_000_000),
        ("name_server_failure", "dns", 10)
    );
    let stub = asked("stub", application, table);
    assert_eq!((stub[0].1["outcome"], stub[0].1["cause"]), ("name_server_failure", "dns"), "{stub:?}");
    // What a request may take holds for the look-up, too.
    let hasty = asked("lost", "http: { count: 1, timeout: 1 s, host: www.shop.test, resolve: true }", "http");
    assert_eq!((hasty[0].1["outcome"], hasty[0].0["total_s"] / 1000), ("timed_out", 1000), "{hasty:?}");
}

/// Where the first address of a name refuses, or leads nowhere, the next one is tried (RFC 1123 §2.3): a refusal costs a round trip, here of 100 ms.
#[test]
fn the_next_address_of_a_name_is_tried() {
    for (application, table) in dialling() {
        let two = |first: &str| {
            let text = text("a", &application, "").replace("[ www A z ]", &format!("[ www A {first}, www A z ]"));
            rows(&run_on(&text, 1), table)
        };
        for ((numbers, said), (one, _)) in two("ns").iter().zip(asked("a", &application, table)) {
            let more = (numbers["connect_s"] - one["connect_s"]) / 1000;
            assert_eq!((said["outcome"], more), ("finished", 100), "{application}: {numbers:?}");
        }
        let refused = rows(&run_on(&text("a", &application, "").replace("[ www A z ]", "[ www A ns ]"), 1), table);
        assert!(refused.iter().all(|(_, said)| said["outcome"] == "refused"), "{application}");
    }
}

/// A client opens 100 streams before it knows how many the server takes (RFC 9113 §6.5.2); `http`'s takes 100, a server of calls any number. Those that
/// wait for one are `queued`, as if they waited for a connection, and none is refused.
#[test]
fn more_requests_than_streams_wait_for_one() {
    let all = "count: 250, concurrency: 250, service: 1 s";
    for (application, table) in [
        (format!("http: {{ version: 2, {all} }}"), "http"),
        (format!("http: {{ version: 2, method: post, request: 2 kB, {all} }}"), "http"),
        (format!("rpc: {{ form: rest-http2, {all} }}"), "calls"),
        (format!("rpc: {{ form: grpc, {all} }}"), "calls"),
        (format!("rpc: {{ form: grpc, operation: upload, size: 3, {all} }}"), "calls"),
    ] {
        let found = asked("a", &application, table);
        assert!(found.len() == 250 && found.iter().all(|(_, said)| said["outcome"] == "finished"), "{application}");
        for (at, (numbers, said)) in found.iter().enumerate() {
            let (queued, first) = (numbers["queued_s"] / 1000, numbers["first_byte_s"] / 1000);
            assert!((1000..3300).contains(&first), "{application}, {at}: {numbers:?}");
            // A connection is opened in a round trip of 40 ms; its SETTINGS are there after another one.
            let limited = table == "http";
            let wanted = match at / 100 {
                0 => 0..=40,
                _ if !limited => 80..=80,
                waves => waves as u64 * 1000..=waves as u64 * 1400,
            };
            assert!(wanted.contains(&queued), "{application}, {at}: {numbers:?}");
            assert_eq!(said["cause"] == "queued", limited && at >= 100, "{application}, {at}: {numbers:?}, {said:?}");
        }
    }
}

/// Cryptography that takes no time.
const FREE: &str = "exchange_cost: 0 s, signature_cost: 0 s, verification_cost: 0 s, record_cost: 0 s, byte_cost: 0 s";

#[test]
fn every_form_over_tcp_goes_over_tls() {
    for form in FORMS.into_iter().filter(|form| *form != "bare-udp") {
        let calls = |more: &str, tls: &str| {
            asked("a", &format!("rpc: {{ form: {form}, count: 4, {more} tls: {{ {FREE}{tls} }} }}"), "calls")
        };
        for more in ["", "connections: new, ", "concurrency: 4, ", "operation: create, "] {
            for (numbers, said) in calls(more, "") {
                assert_eq!(said["outcome"], "finished", "{form}, {more}: {numbers:?}");
                for way in ["up", "down"] {
                    let bytes = |layer: &str| numbers[format!("{layer}_{way}_bytes").as_str()];
                    assert!(bytes("tls") > 0, "{form}, {more}: {numbers:?}");
                    // What HTTP/2 says of the connection itself belongs to no call.
                    if more != "concurrency: 4, " && !["grpc", "rest-http2"].contains(&form) {
                        assert_eq!(
                            bytes("payload"),
                            bytes("tls") + bytes("http") + bytes("body"),
                            "{form}, {more}{way}: {numbers:?}"
                        );
                    }
                }
            }
        }
        let took = |found: &[Row]| -> Vec<Option<u64>> {
            found.iter().map(|(numbers, _)| numbers.get("tls_s").map(|us| us / 1000)).collect()
        };
        assert_eq!(took(&calls("", "")), [Some(40), None, None, None], "{form}");
        assert_eq!(took(&calls("connections: new,", ", version: 1.2")), [80, 40, 40, 40].map(Some), "{form}");
        for (certificate, outcome) in
            [("expired", "certificate_expired"), ("wrong_name", "wrong_name"), ("self_signed", "unknown_issuer")]
        {
            let (numbers, said) = &calls("", &format!(", certificate: {certificate}"))[0];
            assert_eq!(said["outcome"], outcome, "{form}: {numbers:?}");
        }
        let (numbers, said) = &asked("a", &format!("rpc: {{ form: {form}, count: 1, {NAME}, tls: {{}} }}"), "calls")[0];
        assert_eq!(
            (said["outcome"], numbers["dns_s"] / 1000),
            ("finished", 100),
            "{form}: the certificate has the name"
        );
        let plain = &asked("a", &format!("rpc: {{ form: {form}, count: 1 }}"), "calls")[0].0;
        assert_eq!((plain["tls_up_bytes"], plain.get("tls_s")), (0, None), "{form}");
    }
}

#[test]
fn what_is_dialled_is_the_same_on_any_number_of_shards() {
    let calls = format!("rpc: {{ form: grpc, count: 3, connections: new, tls: {{}}, {NAME} }}");
    let more = "experiment: { seeds: 1 }\n";
    let one = run_on(&text("a", &calls, more), 1).fingerprints;
    for shards in [2, 3, 8] {
        assert!(run_on(&text("a", &calls, more), shards).fingerprints == one, "{shards} shards");
    }
    assert!(
        http::asked("host: www.shop.test, count: 1")[0].1 == "finished",
        "a name that is only said is not looked up"
    );
}
