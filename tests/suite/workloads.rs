//! When requests come and what they are: distributions and traces, in files.

use std::fs;

use crate::command::{Folder, clockwire};
use crate::http::{asked, file, load, rows, run};

/// Sizes of the answers to 400 requests.
fn sizes(how: &str) -> Vec<u64> {
    let application = format!("count: 400, concurrency: 20, pool: 20, {how}");
    let mut sizes: Vec<u64> = asked(&application).iter().map(|(row, _)| row["body_down_bytes"]).collect();
    assert_eq!(sizes.len(), 400);
    sizes.sort_unstable();
    sizes
}

fn mean(sizes: &[u64]) -> u64 {
    sizes.iter().sum::<u64>() / sizes.len() as u64
}

#[test]
fn sizes_have_the_distribution_that_is_asked_for() {
    let uniform = sizes("response: 10 kB, response_sizes: { uniform: { spread: 2 kB } }");
    assert!(uniform[0] >= 8000 && uniform[399] <= 12_000 && uniform[0] < 8200 && uniform[399] > 11_800);
    assert!((9_800..10_200).contains(&mean(&uniform)), "{}", mean(&uniform));
    let wide = sizes("response: 10 kB, response_sizes: uniform");
    assert!(wide[0] < 300 && wide[399] > 19_700, "as far as zero");
    // The median of Pareto's with exponent 1.2, a mean of 10 kB and a bound of 1 MB is 4.2285 kB; no less than 2.3746 kB.
    let pareto = sizes("response: 10 kB, response_sizes: { pareto: { shape: 1.2, most: 1 MB } }");
    assert!(
        (2375..2450).contains(&pareto[0]) && (3_800..4_700).contains(&pareto[200]),
        "{} {}",
        pareto[0],
        pareto[200]
    );
    assert!(pareto[399] > 100_000 && pareto[399] <= 1_000_000, "{}", pareto[399]);
    // The median of a log-normal one with deviation 2 is its mean over the root of five.
    let log_normal = sizes("response: 10 kB, response_sizes: { log_normal: { deviation: 2 } }");
    assert!((3_900..5_100).contains(&log_normal[200]), "{}", log_normal[200]);
    let values = sizes("response_sizes: { empirical: { values: [ 1 kB 75 %, 50 kB 25 % ] } }");
    assert!(values.iter().all(|size| [1000, 50_000].contains(size)));
    assert!((70..130).contains(&values.iter().filter(|size| **size == 50_000).count()));
    let cdf = sizes("response_sizes: { empirical: { cdf: [ 1 kB 0 %, 2 kB 50 %, 10 kB 100 % ] } }");
    assert!(cdf[0] >= 1000 && cdf[399] <= 10_000 && (1_800..3_000).contains(&cdf[200]), "{}", cdf[200]);
    assert_eq!(cdf, sizes("response_sizes: { empirical: { file: data/sizes.csv } }"), "the same table in a file");
}

#[test]
fn every_parameter_of_a_distribution_bites() {
    let cases = [
        ("uniform", "spread: 7 kB", ""),
        ("pareto", "shape: 1.9", ""),
        ("pareto", "most: 60 kB", ""),
        ("log_normal", "deviation: 3", ""),
        ("empirical", "values: [ 9 kB 100 % ]", "cdf: [ 9 kB 50 %, 10 kB 100 % ]"),
        ("empirical", "cdf: [ 9 kB 50 %, 10 kB 100 % ]", "values: [ 9 kB 100 % ]"),
        ("empirical", "file: data/sizes.csv", "values: [ 9 kB 100 % ]"),
    ];
    let known = sim_core::describe(|params| {
        sim_protocols::AppConfig::read("http", params);
    });
    for param in known.iter().filter_map(|param| param.key.strip_prefix("response_sizes.")) {
        let (kind, key) = param.split_once('.').expect("a kind and its parameter");
        assert!(cases.iter().any(|case| case.0 == kind && case.1.split(':').next() == Some(key)), "{param}");
    }
    for (kind, with, without) in cases {
        let mean = if kind == "empirical" { "" } else { "response: 10 kB, " };
        let of = |params: &str| sizes(&format!("{mean}response_sizes: {{ {kind}: {{ {params} }} }}"));
        assert_ne!(of(with), of(without), "{kind}: {with}");
    }
}

#[test]
fn what_makes_no_distribution_is_refused() {
    for (how, part) in [
        ("response_sizes: { pareto: { shape: 1 } }", "the mean would be infinite"),
        ("response_sizes: { pareto: { shape: x } }", "no number from 0.001 to 1000"),
        ("response_sizes: { pareto: { most: 500 B } }", "above the mean"),
        ("response_sizes: { uniform: { spread: 2 kB } }", "below zero"),
        ("response_sizes: { log_normal: { deviation: 0 } }", "no number from 0.001 to 1000"),
        ("response_sizes: { exponential: { shape: 1 } }", "has no key `shape`"),
        ("response_sizes: { paretto: {} }", "unknown"),
        ("response_sizes: { pareto: {}, uniform: {} }", "one kind"),
        ("response_sizes: empirical", "one of `values`, `cdf` and `file`"),
        ("response_sizes: { empirical: { values: [ 1 kB 50 % ] } }", "50 %, not 100 %"),
        ("response_sizes: { empirical: { values: [ 1 kB ] } }", "as `1 kB 50 %`"),
        ("response_sizes: { empirical: { cdf: [ 2 kB 50 %, 1 kB 100 % ] } }", "must rise"),
        ("response: 2 kB, response_sizes: { empirical: { values: [ 1 kB 100 % ] } }", "says all about it"),
        ("response_sizes: { empirical: { file: data/none.csv } }", "data/none.csv"),
        ("response_sizes: { empirical: { file: data/arrivals.csv } }", "line 2: there is no column `size_bytes`"),
        ("think_times: exponential", "it needs `think`"),
        ("arrivals: data/none.csv", "data/none.csv"),
        ("arrivals: data/sizes.csv", "line 2: there is no column `time_s`"),
        ("arrivals: data/arrivals.csv, interval: 1 s", "say it already"),
        ("arrivals: data/arrivals.csv, concurrency: 2", "do not wait"),
    ] {
        let error = load(&file(how, "")).expect_err(how);
        assert!(error.contains(part), "{how}: {error}");
    }
}

#[test]
fn requests_come_when_a_trace_says() {
    // 200 us are the start of the flow's own.
    let due = [250_000, 250_000, 300_001, 1_000_000, 1_500_000];
    let outcome = run(&file("arrivals: data/arrivals.csv", ""));
    let starts: Vec<u64> = rows(&outcome).iter().map(|(row, _)| row["start_s"]).collect();
    assert_eq!(starts, due);
    let few = run(&file("arrivals: data/arrivals.csv, count: 3", ""));
    assert_eq!(rows(&few).len(), 3, "`count` ends it earlier");
    // From the start of the flow on.
    let later = file("arrivals: data/arrivals.csv", "").replace("to: z,", "to: z, start: 2 s,");
    assert_eq!(rows(&run(&later))[0].0["start_s"], 2_250_000);
    let table = |application: &str| {
        let outcome = run(&file("", "").replace("http: {  }", application));
        let name = if application.starts_with("dns") { "dns" } else { "calls" };
        let table = outcome.table(name).expect("rows");
        let at = table.table.columns.iter().position(|column| column.name == "start_s").expect("a start");
        table.iter().map(|(_, row)| row[at] / 1_000_000).collect::<Vec<_>>()
    };
    let mut calls = table("rpc: { form: bare, arrivals: data/arrivals.csv }");
    calls.sort_unstable();
    assert_eq!(calls, due);
}

#[test]
fn another_trace_is_another_run() {
    let folder = Folder::new("traces");
    fs::write(folder.0.join("x.yaml"), file("arrivals: when.csv", "")).expect("a file");
    let key = |trace: &str, out: &str, requests: usize| {
        fs::write(folder.0.join("when.csv"), trace).expect("a file");
        let ran = clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", out]);
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        let run = folder.0.join(out).join("seed-3");
        let rows = fs::read_to_string(run.join("http.csv")).expect("rows");
        assert_eq!(rows.lines().count() - 1, requests);
        let record = fs::read_to_string(run.join("run.json")).expect("a record");
        let key = record.split("\"key\"").nth(1).and_then(|rest| rest.split('"').nth(1)).expect("a key");
        key.to_string()
    };
    // What stands in the trace is part of what a run is known by: the same file with another one is not taken for run already.
    let first = key("0.5\n", "one", 1);
    assert_eq!(
        (first.len(), first == key("0.5\n", "two", 1), first == key("0.5\n0.75\n", "three", 2)),
        (64, true, false)
    );
    // The manifest runs without the trace, wherever that was, and is the same run.
    fs::remove_file(folder.0.join("when.csv")).expect("it was there");
    assert_eq!(fs::read_to_string(folder.0.join("one/seed-3/inputs/when.csv")).ok().as_deref(), Some("0.5\n"));
    let ran = clockwire(&folder.0, &["run", "one/seed-3/manifest.yaml", "--out", "again"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let record = fs::read_to_string(folder.0.join("again/seed-3/run.json")).expect("a record");
    assert!(record.contains(&first), "another key");
    fs::write(folder.0.join("when.csv"), "0.5\n0.25\n").expect("a file");
    let ran = clockwire(&folder.0, &["check", "x.yaml"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.err.contains("line 2: `0.25` is before the time above"), "{}", ran.err);
}

/// The values of some columns of a table, sorted.
fn column(outcome: &sim_core::Outcome, table: &str, name: &str) -> Vec<u64> {
    let rows = outcome.table(table).expect("rows");
    let at = rows.table.columns.iter().position(|column| column.name == name).expect("a column");
    let mut found: Vec<u64> = rows.iter().map(|(_, row)| row[at]).collect();
    found.sort_unstable();
    found
}

#[test]
fn streams_and_plain_requests_draw_their_sizes_too() {
    let of = |application: &str, count: u32| {
        let text = file("", "").replace("http: {  }", application);
        run(&text.replace("to: z,", &format!("to: z, count: {count}, stagger: 1 ms,")))
    };
    let bytes =
        column(&of("tcp: { sizes: { empirical: { values: [ 1 kB 50 %, 9 kB 50 % ] } } }", 60), "flows", "bytes");
    let large = bytes.iter().filter(|bytes| **bytes == 9000).count();
    assert!(bytes.iter().all(|bytes| [1000, 9000].contains(bytes)) && (18..42).contains(&large), "{bytes:?}");
    let even = column(&of("tcp: { bytes: 10 kB, sizes: { uniform: { spread: 2 kB } } }", 60), "flows", "bytes");
    assert!(even[0] >= 8000 && even[59] <= 12_000 && even[59] - even[0] > 3000, "{even:?}");
    for more in
        ["", ", connections: new", ", connections: new, writes: 3, close: server", ", service: 3 ms, data: pattern"]
    {
        let count = if more.contains("new") { 60 } else { 200 };
        let application = format!(
            "request: {{ count: {count}, request: 300 B, request_sizes: uniform, response_sizes: {{ empirical: {{ file: data/sizes.csv }} }}{more} }}"
        );
        let outcome = of(&application, 1);
        let (up, down) =
            (column(&outcome, "requests", "body_up_bytes"), column(&outcome, "requests", "body_down_bytes"));
        let last = count - 1;
        let least = if more.contains("writes") { 48 } else { 16 };
        assert!(
            up.len() == count && up[0] >= least && up[0] < 60 && up[last] > 500 && up[last] <= 600,
            "{more}: {up:?}"
        );
        assert!(down[0] >= 1000 && down[last] <= 10_000 && down[last] > 8000, "{more}: {down:?}");
        assert_eq!(column(&outcome, "flows", "damaged_bytes"), [0], "{more}");
        let finished = column(&outcome, "requests", "outcome");
        assert!(finished.iter().all(|outcome| *outcome == finished[0]) && outcome.table("requests").is_some());
    }
    for (application, part) in [
        ("tcp: { sizes: exponential }", "it needs `bytes`"),
        ("tcp: { bytes: 1 kB, sizes: exponential, close: server }", "the client must close"),
        ("request: { request: 10 B, response_sizes: exponential }", "16 B at least"),
    ] {
        let error = load(&file("", "").replace("http: {  }", application)).expect_err(application);
        assert!(error.contains(part), "{application}: {error}");
    }
}

#[test]
fn datagrams_leave_when_a_trace_says_and_have_its_sizes() {
    let folder = Folder::new("replay");
    fs::write(
        folder.0.join("x.yaml"),
        file("", "").replace("http: {  }", "replay: { arrivals: when.csv, size: 70 B }"),
    )
    .expect("a file");
    fs::write(folder.0.join("when.csv"), "time_s,size_bytes\n0.25,100\n0.25,1400\n1.5,12\n").expect("a trace");
    let ran =
        clockwire(&folder.0, &["run", "x.yaml", "--quiet", "--out", "out", "--set", "outputs.tables=[datagrams]"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let rows = fs::read_to_string(folder.0.join("out/seed-3/datagrams.csv")).expect("rows");
    let sizes: Vec<&str> = rows.lines().skip(1).filter_map(|row| row.split(',').nth(3)).collect();
    assert_eq!(sizes, ["100", "1400", "12"], "{rows}");
    for (trace, part) in [
        (
            "time_s,size_bytes\n0.5,11\n",
            "`when.csv` is no list of datagrams: a datagram of 11 B: its payload is from 12 to 65507 B",
        ),
        ("time_s,size_bytes\n0.5,9\n0.4,99\n", "before the time above"),
        ("size_bytes\n9\n", "no column `time_s`"),
    ] {
        fs::write(folder.0.join("when.csv"), trace).expect("a trace");
        let ran = clockwire(&folder.0, &["check", "x.yaml"]);
        assert!(ran.code == Some(2) && ran.err.contains(part), "{}", ran.err);
    }
}
