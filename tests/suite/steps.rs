//! The steps of a call at both ends: rows of `calls` and of `served` are joined by `clockwire query`, and what lies between them is the transport.

use std::fs;

use crate::command::{Folder, clockwire};
use crate::rpc::FORMS;

/// Two clients, a loss now and then, repetitions; every form, and a stub that takes its time.
fn text(form: &str, more: &str) -> String {
    format!(
        "clockwire: 1\nname: steps\nseed: 3\nstop: 20 s\nhosts: {{ a: {{}}, b: {{}}, z: {{}} }}\nrouters: {{ r: {{}} }}\n\
         links:\n  - a -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n  - b -- r: {{ rate: 1 Gbit/s, delay: 1 ms }}\n\
         \x20 - r -- z: {{ rate: 100 Mbit/s, delay: 9 ms, loss: 1 % }}\n\
         workload: {{ shop: {{ from: [a, b], to: z, rpc: {{ form: {form}, count: 30, service: 3 ms, marshal: {{ per_call: 2 ms }}, {more} }} }} }}\n\
         outputs: {{ tables: [ calls, served ] }}\n"
    )
}

#[test]
fn calls_and_served_are_joined() {
    for form in FORMS {
        let shared = ["rest-http2", "grpc", "dubbo", "bare", "bare-udp"].contains(&form);
        for more in ["", "concurrency: 5", "connections: new", "tls: {}"] {
            if form == "bare-udp" && more == "tls: {}" {
                continue;
            }
            let more = if more == "concurrency: 5" && !shared { "concurrency: 5, pool: 3" } else { more };
            let folder = Folder::new(&format!("steps-{form}-{}", more.len()));
            fs::write(folder.0.join("t.yaml"), text(form, more)).expect("a file");
            let ran = clockwire(&folder.0, &["run", "t.yaml", "-q"]);
            assert_eq!(ran.code, Some(0), "{form}, {more}: {}", ran.err);
            // The way up and the way down of each call: what the client's clock says, less what the server's does.
            let join = "select count(*), count(distinct calls.flow || ' ' || calls.number), \
                min(served.start_s - calls.sent_s), \
                min(calls.sent_s + calls.last_byte_s - served.start_s - served.total_s), \
                max(abs(calls.total_s - calls.marshal_s - calls.queued_s - ifnull(calls.dns_s, 0) - ifnull(calls.connect_s, 0) - ifnull(calls.tls_s, 0) \
                    - calls.last_byte_s - calls.unmarshal_s)), \
                max(abs(served.total_s - served.unmarshal_s - served.dispatch_s - served.service_s - served.marshal_s)) \
                from calls join served on calls.workload = served.workload and calls.client = served.client \
                and calls.client_port = served.client_port and calls.on_connection = served.number where calls.outcome = 'finished'";
            let ran = clockwire(&folder.0, &["query", "results/steps", join, "--csv"]);
            assert_eq!(ran.code, Some(0), "{form}, {more}: {}", ran.err);
            let said: Vec<f64> =
                ran.out.lines().nth(1).expect("a row").split(',').map(|cell| cell.parse().expect("a number")).collect();
            assert_eq!(&said[..2], [60.0, 60.0], "{form}, {more}: each call has its row at the server, and one alone");
            // 10 ms each way, and what a packet takes on its link.
            for way in [said[2], said[3]] {
                assert!((0.01..0.0105).contains(&way), "{form}, {more}: {way} s for the quickest: {}", ran.out);
            }
            assert!(said[4] < 1e-6, "{form}, {more}: steps of the client add up: {}", ran.out);
            assert!(said[5] < 1e-6, "{form}, {more}: steps of the server add up: {}", ran.out);
        }
    }
}
