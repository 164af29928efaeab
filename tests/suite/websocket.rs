//! Messages of a server as an application of files: delays and bytes against cases computed by hand, every parameter bites, tshark reads the frames.

use std::fs;
use std::process::Command;

use experiments::simulate;
use sim_core::{Kind, Outcome};

use crate::command::{Folder, clockwire};
use crate::harness::sharded;
use crate::http::{self, Row, file, load, of_a_distribution, run};

fn text(application: &str, more: &str) -> String {
    file("", more).replace("http: {", &format!("websocket: {{ {application}"))
}

/// The rows of the table, in the order of the messages; times in microseconds.
fn rows(outcome: &Outcome) -> Vec<Row> {
    let table = outcome.table("messages").expect("it is written where it runs");
    let cell = |kind: Kind, value: u64| if kind == Kind::Time { value / 1_000_000 } else { value };
    let columns = table.table.columns;
    let row = |values: &[u64]| -> Row {
        columns.iter().zip(values).map(|(column, value)| (column.name, cell(column.kind, *value))).collect()
    };
    table.iter().map(|(_, values)| row(values)).collect()
}

fn heard(application: &str) -> Vec<Row> {
    rows(&run(&text(application, "")))
}

fn column(rows: &[Row], column: &str) -> Vec<u64> {
    rows.iter().map(|row| row[column]).collect()
}

#[test]
fn a_message_that_is_pushed_takes_half_a_round_trip() {
    let found = heard("count: 3");
    // Subscribed at 60 ms, when the upgrade is there.
    assert_eq!(column(&found, "created_s").iter().map(|us| us / 1000).collect::<Vec<_>>(), [1060, 2060, 3060]);
    assert!(column(&found, "delay_s").iter().all(|us| (20_000..20_100).contains(us)), "{found:?}");
    // RFC 6455 §5.2: two bytes stand before a message of up to 125 bytes, four before a longer one.
    assert_eq!(column(&found, "http_down_bytes")[1..], [2, 2]);
    assert_eq!(column(&heard("count: 3, size: 200 B"), "http_down_bytes")[1..], [4, 4]);
    assert_eq!((column(&found, "http_up_bytes")[1..].to_vec(), column(&found, "requests")), (vec![0, 0], vec![0; 3]));
    // A ping is masked: 6 bytes; its answer is not: 2.
    let pinged = heard("count: 3, ping: 700 ms");
    assert_eq!((column(&pinged, "http_up_bytes")[2], column(&pinged, "http_down_bytes")[2]), (6, 4));
    // TLS puts 22 bytes around each.
    let safe = heard("count: 3, tls: {}");
    assert_eq!(column(&safe, "tls_down_bytes")[1..], [22, 22]);
}

#[test]
fn a_message_that_is_asked_for_waits_for_the_next_request() {
    let found = heard("mode: polling, count: 3, interval: 900 ms, poll: 400 ms");
    // Requests leave at 40 ms and each 440 ms later, and are answered after 20 ms; messages come from 60 ms on.
    for row in &found {
        let (created, delivered) = (row["created_s"] / 1000, (row["created_s"] + row["delay_s"]) / 1000);
        let answered = (0..).map(|turn| 60 + 440 * turn).find(|at| *at >= created).expect("there is one");
        assert_eq!(delivered, answered + 20, "{row:?}");
    }
    let found = heard("mode: long_polling, count: 3, hold: 600 ms");
    assert!(column(&found, "delay_s").iter().all(|us| (20_000..20_100).contains(us)), "{found:?}");
    assert_eq!(column(&found, "requests"), [2, 2, 2], "one is answered with 204, one with the message");
    // Messages that come together have their bytes at the first.
    let found = heard("mode: polling, count: 6, interval: 100 ms, poll: 350 ms");
    let sum = |name| column(&found, name).iter().sum::<u64>();
    assert_eq!(sum("payload_down_bytes"), sum("http_down_bytes") + sum("body_down_bytes"), "{found:?}");
    assert_eq!(sum("payload_up_bytes"), sum("http_up_bytes"));
}

#[test]
fn each_request_is_a_row_the_upgrade_too() {
    let requests = |application: &str| {
        let outcome = run(&text(application, "outputs: { tables: [ http, messages ] }\n"));
        (http::rows(&outcome), rows(&outcome))
    };
    for mode in ["polling, poll: 100 ms", "long_polling, hold: 600 ms"] {
        let (asked, messages) = requests(&format!("mode: {mode}, count: 3"));
        assert_eq!(asked.len() as u64, column(&messages, "requests").iter().sum::<u64>(), "{mode}");
        let answered = |status: u64| asked.iter().filter(|(row, _)| row["status"] == status).count();
        assert_eq!((answered(200), answered(200) + answered(204)), (3, asked.len()), "{mode}: {asked:?}");
        for (at, (row, outcome)) in asked.iter().enumerate() {
            assert_eq!((*outcome, row["number"], row["connection"]), ("finished", at as u64 + 1, 1), "{mode}");
            assert_eq!(row.get("connect_s").map(|us| us / 1000), (at == 0).then_some(40), "{mode}: {row:?}");
            assert_eq!(row["reused"], u64::from(at > 0));
            assert_eq!(row["queued_s"], 0, "{row:?}");
            assert_eq!(row["payload_down_bytes"], row["http_down_bytes"] + row["body_down_bytes"], "{row:?}");
        }
        let sum = |name: &str| asked.iter().map(|(row, _)| row[name]).sum::<u64>();
        assert_eq!(sum("payload_up_bytes"), column(&messages, "payload_up_bytes").iter().sum::<u64>(), "{mode}");
        assert_eq!(sum("body_down_bytes"), 300, "{mode}: three messages of 100 bytes");
    }
    let (asked, _) = requests("count: 3, tls: {}");
    let (row, outcome) = &asked[0];
    assert_eq!((asked.len(), *outcome, row["status"]), (1, "finished", 101), "{row:?}");
    assert_eq!((row["connect_s"] / 1000, row["tls_s"] / 1000, row["first_byte_s"] / 1000), (40, 40, 40), "{row:?}");
    // Who comes again while nobody listens has a row for each time.
    let (asked, _) = requests("count: 3, killed: 1500 ms, restarted: 2500 ms, reconnect: 300 ms");
    let refused = asked.iter().filter(|(_, outcome)| *outcome == "refused").count();
    assert!(refused > 0 && asked.last().is_some_and(|(row, _)| row["status"] == 101), "{asked:?}");
}

#[test]
fn every_parameter_bites() {
    let cases = [
        ("count: 3", "mode: polling"),
        ("", "count: 3"),
        ("count: 3", "interval: 700 ms"),
        ("count: 3", "interval_times: exponential"),
        ("count: 3", "size: 300 B"),
        ("count: 3", "sizes: exponential"),
        ("count: 3, killed: 1500 ms, restarted: 2500 ms", "reconnect: 100 ms"),
        ("count: 3, killed: 1500 ms, restarted: 2500 ms, reconnect: 100 ms", "reconnect_max: 150 ms"),
        ("count: 3", "killed: 1500 ms"),
        ("count: 3, reconnect: 100 ms, killed: 1500 ms", "restarted: 2500 ms"),
        ("mode: polling, count: 3", "poll: 70 ms"),
        ("mode: long_polling, count: 3", "hold: 70 ms"),
        ("count: 3", "ping: 70 ms"),
        ("count: 3", "request_timeout: 5 ms"),
        ("mode: polling, count: 3, poll: 2 s", "keepalive_timeout: 1 s"),
        ("mode: polling, count: 300, interval: 10 ms, poll: 500 ms", "nodelay: false"),
        ("count: 3", "tls: {}"),
        ("count: 3", "host: www.shop.test"),
        ("count: 3, host: www.shop.test", "resolve: true"),
    ];
    let meant: Vec<&str> = cases.iter().filter_map(|(_, key)| key.split(':').next()).collect();
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("websocket", params);
    });
    for param in known.iter().filter(|param| !param.key.starts_with("tls.") && !of_a_distribution(&param.key)) {
        assert!(meant.contains(&param.key.as_str()), "no line shows that `{}` bites", param.key);
    }
    for (base, key) in cases {
        let both = [base, key].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ");
        let prints = |application: &str| run(&text(application, "")).fingerprints;
        if key.starts_with("nodelay") {
            let differ =
                |application: &str| format!("{:?}", load(&text(application, "")).expect("a plan").flows[0].config.app);
            assert!(differ(base) != differ(&both));
            continue;
        }
        assert!(prints(base) != prints(&both), "`{key}` changes nothing over `{base}`");
    }
    for (application, key) in [
        ("size: 10 B", "size"),
        ("interval: 0 s", "interval"),
        ("poll: 1 s", "poll"),
        ("size: 2 MiB", "size"),
        ("count: 5000000000", "count"),
        ("reconnect: 0 s", "reconnect"),
        ("reconnect_max: 1 s", "reconnect_max"),
        ("reconnect: 2 s, reconnect_max: 1 s", "reconnect_max"),
        ("restarted: 1 s", "restarted"),
        ("killed: 2 s, restarted: 1 s", "restarted"),
        ("hold: 1 s", "hold"),
        ("mode: polling, ping: 1 s", "ping"),
        ("mode: polling, poll: 0 s", "poll"),
    ] {
        let error = load(&text(application, "")).expect_err(application);
        assert!(error.contains(&format!("`{key}`")), "{application}: {error}");
    }
}

#[test]
fn a_way_that_ends_ends_the_flow() {
    let patience =
        "keepalive: true, keepalive_idle: 1 s, keepalive_interval: 1 s, keepalive_count: 2, user_timeout: 2 s";
    for mode in ["push", "polling", "long_polling"] {
        let text = text(&format!("mode: {mode}"), "events: [ { at: 2500 ms, link: path, down: true } ]\n")
            .replace("a: {}, b", &format!("a: {{ tcp: {{ {patience} }} }}, b"));
        let outcome = run(&text);
        let flows = outcome.table("flows").expect("always");
        let at = flows.table.columns.iter().position(|column| column.name == "outcome").expect("it has one");
        let Kind::Word(words) = flows.table.columns[at].kind else { panic!("words") };
        let ended = flows.iter().map(|(_, row)| words[row[at] as usize]).next().expect("a flow");
        assert!(["timed_out", "unreachable"].contains(&ended), "{mode}: {ended}");
        assert!(!rows(&outcome).is_empty());
    }
}

/// Numbers of messages by what became of them.
fn became(rows: &[Row]) -> [Vec<u64>; 3] {
    [0, 1, 2].map(|outcome| rows.iter().filter(|row| row["outcome"] == outcome).map(|row| row["number"]).collect())
}

#[test]
fn who_has_lost_its_connection_comes_again() {
    // Killed between two messages: nothing is lost, and what was created meanwhile is there for the next connection.
    for mode in ["push", "polling", "long_polling"] {
        let poll = if mode == "polling" { ", poll: 50 ms" } else { "" };
        let killed = format!("mode: {mode}{poll}, count: 6, killed: 2500 ms, restarted: 3500 ms, reconnect: 100 ms");
        let outcome = run(&text(&killed, ""));
        let found = rows(&outcome);
        assert_eq!(became(&found), [vec![1, 2, 4, 5, 6], vec![3], vec![]], "{mode}: {found:?}");
        let third = &found[2];
        assert!(third["connection"] >= 2 && third["created_s"] / 1000 == 3060, "{mode}: {third:?}");
        // It comes when there is a connection again: killed at 2.5 s, back at 3.5 s, and at most as long after as has passed since.
        let came = third["created_s"] + third["delay_s"];
        assert!((3_500_000..5_000_000).contains(&came), "{mode}: {third:?}");
        let flows = outcome.table("flows").expect("always");
        let at = flows.table.columns.iter().position(|column| column.name == "outcome").expect("it has one");
        assert_eq!(flows.iter().map(|(_, row)| row[at]).collect::<Vec<_>>(), [2], "{mode}: finished");
    }
    // Without the key the flow ends with the connection.
    assert_eq!(heard("count: 6, killed: 2500 ms, restarted: 3500 ms").len(), 2);
    // Nobody comes back: nothing hangs, and it goes on trying, ever more rarely, until the stop.
    assert_eq!(heard("count: 6, killed: 2500 ms, reconnect: 100 ms").len(), 2);
}

#[test]
fn it_is_all_the_same_who_kills_the_server() {
    let down = |at, span| format!("events: [ {{ at: {at}, server: web, down: {span} }} ]\n");
    for mode in ["push", "polling, poll: 50 ms", "long_polling"] {
        let application = format!("mode: {mode}, count: 12, interval: 500 ms, reconnect: 300 ms");
        let own = run(&text(&format!("{application}, killed: 2300 ms, restarted: 4300 ms"), ""));
        let event = run(&text(&application, &down("2300 ms", "2 s")));
        assert_eq!(own.fingerprints, event.fingerprints, "{mode}");
        // Each message once, created in its turn whoever listens.
        let found = rows(&event);
        assert_eq!(column(&found, "number"), (1..=12).collect::<Vec<_>>(), "{mode}: {found:?}");
        let created = column(&found, "created_s");
        assert!(created.windows(2).all(|two| two[1] - two[0] == 500_000), "{mode}: {created:?}");
        // Killed for good by the key, and started by an event.
        let mended = run(&text(
            &format!("{application}, killed: 2300 ms"),
            "events: [ { at: 4300 ms, server: web, up: true } ]\n",
        ));
        assert_eq!(mended.fingerprints, event.fingerprints, "{mode}");
    }
    // What the process has handed to a connection over a path that is down is lost with it, and says so.
    let application = "count: 12, interval: 500 ms, reconnect: 300 ms, ping: 400 ms";
    let events = "events: [ { at: 2200 ms, link: path, down: 1 s }, { at: 2800 ms, server: web, down: 2 s } ]\n";
    let found = rows(&run(&text(application, events)));
    let [came, reconnected, lost] = became(&found);
    assert_eq!(column(&found, "number"), (1..=12).collect::<Vec<_>>(), "{found:?}");
    assert!(
        !lost.is_empty() && reconnected.len() == 1 && lost.iter().all(|number| *number < reconnected[0]),
        "{came:?} {lost:?}"
    );
}

#[test]
fn messages_that_were_under_way_on_a_lost_connection_are_lost() {
    let application = "count: 70, interval: 100 ms, reconnect: 200 ms, ping: 500 ms";
    let down = "events: [ { at: 2 s, link: path, down: 3 s } ]\n";
    let found = rows(&run(&text(application, down)));
    let [came, reconnected, lost] = became(&found);
    assert_eq!((found.len(), reconnected.len()), (70, 1), "{lost:?}");
    // Silent for half a second, then a ping in vain: what was sent into the dead connection until another one came does not come any more.
    let first = reconnected[0];
    assert_eq!(
        lost,
        (first - lost.len() as u64..first).collect::<Vec<_>>(),
        "those before the first one that came again"
    );
    assert!(lost.len() >= 5 && came.len() + lost.len() == 69, "{lost:?}");
    for row in found.iter().filter(|row| row["outcome"] == 2) {
        assert_eq!((row["delay_s"], row["body_down_bytes"]), (u64::MAX / 1_000_000, 0), "empty");
    }
    // Where nobody gives a connection up, TCP sends again what was lost, and nothing is.
    let patient = rows(&run(&text("count: 70, interval: 100 ms", down)));
    assert_eq!((became(&patient)[2].len(), patient.len()), (0, 70));
}

#[test]
fn every_run_is_the_same_on_any_number_of_shards() {
    let again = "push, reconnect: 100 ms, killed: 1 s, restarted: 2 s, sizes: exponential";
    for mode in ["push, ping: 300 ms, tls: {}", "push", "polling", "long_polling", again] {
        let application = format!("mode: {mode}, interval: 100 ms, interval_times: exponential, count: 60");
        let text = text(&application, "outputs: { capture: [path] }\n")
            .replace("delay: 19 ms", "delay: 19 ms, loss: 2 %")
            .replace("from: a", "from: [a, b]");
        let plan = load(&text).unwrap_or_else(|errors| panic!("{errors}"));
        let bytes = |shards| {
            let outcome = simulate(&plan, 3, sharded(shards), &|_| ()).0;
            let captured: Vec<_> = outcome.captured.iter().map(|packet| format!("{packet:?}")).collect();
            (captured, rows(&outcome), outcome.fingerprints, outcome.secrets)
        };
        let first = bytes(1);
        assert_eq!(first.1.len(), 120, "{mode}");
        for shards in [1, 2, 3] {
            assert!(first == bytes(shards), "{mode} on {shards} shards");
        }
    }
}

#[test]
fn tshark_reads_the_frames() {
    if Command::new("tshark").arg("--version").output().is_err() {
        return;
    }
    let folder = Folder::new("websocket");
    for (name, port, tls) in [("plain", 80, ""), ("safe", 443, ", tls: {}")] {
        let text = text(&format!("count: 4, ping: 700 ms{tls}"), "outputs: { capture: [a--r] }\n");
        fs::write(folder.0.join("x.yaml"), text.replace("to: z", &format!("to: z, port: {port}"))).expect("a file");
        let ran = clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", name]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let capture = folder.0.join(name).join("seed-3/capture.pcapng");
        let count = |filter: &str| {
            let mut tshark = Command::new("tshark");
            tshark.arg("-r").arg(&capture).args(["-o", "tcp.check_checksum:TRUE", "-Y", filter]);
            String::from_utf8_lossy(&tshark.output().expect("it runs").stdout).lines().count()
        };
        // Four messages, a ping and its answer before each, the close handshake.
        assert_eq!(count("websocket.opcode == 2"), 4, "{name}");
        assert_eq!((count("websocket.opcode == 9"), count("websocket.opcode == 10")), (4, 4), "{name}");
        assert_eq!(count("websocket.opcode == 8"), 2, "{name}");
        assert_eq!(count("http.response.code == 101"), 1, "{name}");
        assert_eq!(count("_ws.malformed || tcp.checksum.status == 0 || tls.alert_message.level == 2"), 0, "{name}");
    }
}
