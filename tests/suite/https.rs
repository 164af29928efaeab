//! TLS as part of `http` in files: times and bytes against cases computed by hand, every parameter bites, what goes wrong has its word, tshark
//! reads what is inside.

use std::fs;
use std::process::Command;

use experiments::simulate;

use crate::command::{Folder, clockwire};
use crate::harness::sharded;
use crate::http::{Row, asked, file, load, near, rows};

/// Cryptography that takes no time.
const FREE: &str = "exchange_cost: 0 s, signature_cost: 0 s, verification_cost: 0 s, record_cost: 0 s, byte_cost: 0 s";

fn secure(application: &str, tls: &str) -> Vec<(Row, &'static str)> {
    asked(&format!("{application}, tls: {{ {FREE}{}{tls} }}", if tls.is_empty() { "" } else { ", " }))
}

#[test]
fn handshakes_take_their_round_trips_and_their_bytes() {
    // Milliseconds of the handshake and of the whole, and how it is protected: none, full, resumed, early.
    let took = |more: &str, tls: &str| -> Vec<(u64, u64, u64)> {
        let found = secure(&format!("count: 3, connections: new, {more}"), tls);
        let took = |(row, ended): &(Row, &str)| {
            assert_eq!((*ended, row["status"]), ("finished", 200), "{found:?}");
            (row["tls_s"] / 1000, row["total_s"] / 1000, row["secured"])
        };
        found.iter().map(took).collect()
    };
    for version in ["version: 1.1", "version: 2"] {
        assert_eq!(took(version, ""), [(40, 120, 1), (40, 120, 2), (40, 120, 2)], "{version}");
        assert_eq!(took(version, "resumption: none"), [(40, 120, 1); 3], "{version}");
        assert_eq!(took(version, "version: 1.2"), [(80, 160, 1), (40, 120, 2), (40, 120, 2)], "{version}");
        assert_eq!(took(version, "resumption: 0-rtt"), [(40, 120, 1), (0, 80, 3), (0, 80, 3)], "{version}");
    }
    // A server that has answered before the handshake was over closes behind it.
    let large = took("response: 100 kB", "resumption: 0-rtt");
    assert_eq!(large.iter().map(|(.., secured)| *secured).collect::<Vec<_>>(), [1, 3, 3], "{large:?}");
    let plain = asked("count: 2");
    let found = secure("count: 2", "");
    for ((row, _), (bare, _)) in found.iter().zip(&plain) {
        assert_eq!(row["payload_up_bytes"], row["http_up_bytes"] + row["tls_up_bytes"], "{row:?}");
        assert_eq!(row["payload_down_bytes"], row["http_down_bytes"] + row["body_down_bytes"] + row["tls_down_bytes"]);
        assert_eq!((bare["secured"], bare["tls_up_bytes"], bare.get("tls_s")), (0, 0, None));
    }
    // The name by which a client calls it is one of the certificate's.
    let called = secure("count: 1, host: www.shop.test", "");
    assert_eq!((called[0].1, called[0].0["status"]), ("finished", 200));
    // A record has a header of 5 bytes, a type of 1 and a check of 16 (RFC 8446 §5.2); head and body are written together.
    let (_, second) = (&found[0].0, &found[1].0);
    assert_eq!((second["tls_up_bytes"], second["tls_down_bytes"], second.get("tls_s")), (22, 22, None), "{second:?}");
    assert_eq!(second["secured"], 1);
}

#[test]
fn every_parameter_bites() {
    let each = "count: 3, connections: new";
    let cases = [
        (each, "version: 1.2"),
        (each, "resumption: none"),
        (each, "resumption: 0-rtt"),
        (each, "certificate: expired"),
        (each, "chain: 2"),
        (each, "exchange_cost: 3 ms"),
        (each, "signature_cost: 3 ms"),
        (each, "verification_cost: 3 ms"),
        (each, "record_cost: 3 ms"),
        (each, "byte_cost: 3 us"),
    ];
    let meant: Vec<&str> = cases.iter().filter_map(|(_, key)| key.split(':').next()).collect();
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("http", params);
    });
    let own: Vec<&str> = known.iter().filter_map(|param| param.key.strip_prefix("tls.")).collect();
    assert_eq!(own.len(), 9, "{own:?}");
    own.iter().for_each(|key| assert!(meant.contains(key), "no line shows that `tls.{key}` bites"));
    for (base, key) in cases {
        let with = asked(&format!("{base}, tls: {{ {key} }}"));
        assert!(asked(&format!("{base}, tls: {{}}")) != with, "`{key}` changes nothing over `{base}`");
        assert!(asked(base) != with, "TLS changes nothing");
    }
    for (application, words) in [
        ("tls: { version: 1.2, resumption: 0-rtt }", "TLS 1.2 has no 0-RTT"),
        ("method: post, tls: { resumption: 0-rtt }", "RFC 8470"),
        ("tls: { certificate: good }", "unknown `certificate`"),
        ("tls: { chain: 9 }", "chain"),
    ] {
        let error = load(&file(application, "")).expect_err(application);
        assert!(error.contains(words), "{application}: {error}");
    }
}

#[test]
fn certificates_that_do_not_hold_have_their_words() {
    for (certificate, word) in [
        ("expired", "certificate_expired"),
        ("not_yet_valid", "certificate_not_yet_valid"),
        ("wrong_name", "wrong_name"),
        ("self_signed", "unknown_issuer"),
    ] {
        for version in ["1.2", "1.3"] {
            let found = secure("count: 2", &format!("certificate: {certificate}, version: {version}"));
            assert_eq!(found.iter().map(|(_, ended)| *ended).collect::<Vec<_>>(), [word; 2], "{found:?}");
            let (row, _) = &found[0];
            near(row, "connect_s", 40);
            near(row, "total_s", 80);
            // It never asked, and both sides have spent their handshakes.
            assert_eq!((row.get("status"), row["http_up_bytes"]), (None, 0));
            assert!(row["tls_up_bytes"] > 100 && row["tls_down_bytes"] > 500, "{row:?}");
        }
    }
}

#[test]
fn who_is_too_early_asks_again() {
    let early = "count: 3, connections: new, tls: { resumption: 0-rtt }";
    let willing = asked(early);
    let refusing = asked(&format!("{early}, too_early: true"));
    // The first connection has no session to send early data with.
    let counts = |found: &[(Row, &str)]| found.iter().map(|(row, _)| row["too_early"]).collect::<Vec<_>>();
    assert_eq!((counts(&willing), counts(&refusing)), (vec![0, 0, 0], vec![0, 1, 1]));
    for ((row, ended), (willing, _)) in refusing.iter().zip(&willing) {
        assert_eq!((row["status"], *ended), (200, "finished"), "{row:?}");
        // Two round trips for the attempt in vain, three for one whose request waits for the handshake (TCP, TLS, HTTP).
        if row["too_early"] == 1 {
            near(willing, "total_s", 80);
            near(row, "total_s", 200);
            near(row, "first_byte_s", 40);
            assert_ne!(row["secured"], 3, "nothing of the last attempt was early");
        }
    }
    // On a connection that is kept, the request goes over it again, behind the handshake.
    let kept =
        "count: 8, pool: 2, concurrency: 2, think: 30 ms, tls: { resumption: 0-rtt }, version: 1.1, too_early: true";
    assert!(asked(kept).iter().all(|(row, ended)| (row["status"], *ended) == (200, "finished")));
    let two = asked(&format!("{early}, too_early: true, version: 2"));
    assert_eq!(counts(&two), [0, 1, 1], "{two:?}");
    let refused = load(&file("too_early: true, tls: {}", "")).expect_err("nothing comes early");
    assert!(refused.contains("`too_early`"), "{refused}");
}

#[test]
fn a_handshake_that_nobody_ends_is_over_in_time() {
    let events = "events: [ { at: 50 ms, link: path, down: true } ]\n";
    let text = |keys: &str| file(&format!("count: 2, tls: {{}}, {keys}"), events);
    let found = rows(&crate::http::run(&text("timeout: 500 ms")));
    assert_eq!((found[0].1, found[0].0["total_s"], found[0].0.get("tls_s")), ("timed_out", 500_000, None), "{found:?}");
    near(&found[0].0, "connect_s", 40);
    // Without a time of its own it is TCP that gives up.
    let impatient = text("").replace("a: {}, b", "a: { tcp: { data_retries: 3, user_timeout: 2 s } }, b");
    let found = rows(&crate::http::run(&impatient));
    assert!(["timed_out", "unreachable"].contains(&found[0].1), "{found:?}");
}

#[test]
fn every_run_is_the_same_on_any_number_of_shards() {
    for (version, tls) in [("1.1", ""), ("2", "resumption: 0-rtt"), ("1.1", "version: 1.2")] {
        let text = file(
            &format!(
                "version: {version}, count: 30, concurrency: 4, connections: new, response: 9 kB, tls: {{ {tls} }}"
            ),
            "outputs: { capture: [path] }\n",
        )
        .replace("delay: 19 ms", "delay: 19 ms, loss: 2 %");
        let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let bytes = |shards| {
            let outcome = simulate(&plan, 3, sharded(shards), &|_| ()).0;
            let captured: Vec<_> = outcome.captured.iter().map(|packet| format!("{packet:?}")).collect();
            assert!(!captured.is_empty() && !outcome.secrets.is_empty() && outcome.failures.is_empty());
            (captured, rows(&outcome), outcome.fingerprints, outcome.secrets)
        };
        let first = bytes(1);
        assert_eq!(first.1.len(), 30);
        for shards in [1, 2, 3] {
            assert!(first == bytes(shards), "HTTP/{version} with TLS {tls} on {shards} shards");
        }
    }
}

#[test]
fn tshark_reads_the_requests_inside() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::new("https");
    for (name, application, filter) in [
        ("one", "version: 1.1, tls: {}", "http.request.uri contains \"/items/\""),
        ("old", "version: 1.1, tls: { version: 1.2 }", "http.request.uri contains \"/items/\""),
        ("two", "version: 2, tls: {}", "http2.headers.path contains \"/items/\""),
        ("early", "version: 1.1, tls: { resumption: 0-rtt }", "http.request.uri contains \"/items/\""),
    ] {
        let text = file(&format!("{application}, count: 4, connections: new"), "outputs: { capture: [a--r] }\n");
        fs::write(folder.0.join("x.yaml"), text.replace("to: z", "to: z, port: 443")).expect("a file");
        let ran = clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", name]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let capture = folder.0.join(name).join("seed-3/capture.pcapng");
        let count = |filter: &str| {
            let mut tshark = Command::new("tshark");
            tshark.arg("-r").arg(&capture).args(["-o", "tcp.check_checksum:TRUE", "-Y", filter]);
            let out = tshark.output().expect("it runs");
            String::from_utf8_lossy(&out.stdout).lines().count()
        };
        assert_eq!(count(filter), 4, "{name}");
        assert_eq!(count("_ws.malformed || tcp.checksum.status == 0 || tls.alert_message.level == 2"), 0, "{name}");
    }
}

#[test]
fn a_middle_box_that_alters_a_byte_is_caught() {
    let ended = |tls: &str, seed: u64| {
        let text = file(&format!("count: 4, response: 20 kB, timeout: 5 s{tls}"), "");
        let plan = load(&text.replace("r: {}", "r: { alter: 10 % }")).unwrap_or_else(|errors| panic!("{errors}"));
        let found = rows(&simulate(&plan, seed, sharded(1), &|_| ()).0);
        found.iter().map(|(_, ended)| *ended).collect::<Vec<_>>()
    };
    let mut words = std::collections::BTreeSet::new();
    for seed in 1..=12 {
        // Checksums are right: a body of zeros that has a one in it is taken for what was sent.
        let plain = ended("", seed);
        assert!(plain.contains(&"finished"), "{plain:?}");
        words.extend(ended(", tls: {}", seed));
    }
    // Both ends find out: here as a record that does not open, there with an alert that says so.
    for word in ["bad_record", "bad_record_alert", "finished"] {
        assert!(words.contains(word), "{words:?}");
    }
}
