//! Memory decides when runs start, and nothing of what they give.

use std::fs;

use crate::command::{Folder, clockwire};

const FILE: &str = "clockwire: 1
name: t
stop: 1 s
hosts: { a: {}, b: {} }
links: [ { a -- b: { name: wan, rate: 10 Mbit/s, delay: 10 ms, loss: { bernoulli: 1 % } } } ]
workload: { bulk: { from: a, to: b, tcp: {} } }
experiment: { sweep: { wan.delay: [ 5 ms, 20 ms ] }, seeds: 3 }
outputs: { tables: [packets], series: { cwnd: all } }
";

#[test]
fn runs_wait_for_memory_and_give_the_same() {
    let folder = Folder::new("memory");
    fs::write(folder.0.join("t.yaml"), FILE).expect("a file");
    let run = |out: &str, memory: &[&str]| {
        let ran =
            clockwire(&folder.0, &[&["run", "t.yaml", "--fresh", "--threads", "4", "--out", out], memory].concat());
        assert_eq!(ran.code, Some(0), "{}", ran.err);
        ran.err
    };
    let words =
        "note: runs have waited for memory: there was room for one run at a time (`--memory` says how much there is)\n";
    assert!(run("narrow", &["--memory", "1 MiB"]).contains(words));
    assert!(!run("wide", &["--memory", "100 GiB"]).contains("memory"));
    assert_eq!(run("narrow", &["--memory", "1 MiB", "-q", "--force"]), "");
    let files = |at: &str| {
        let mut found = Vec::new();
        let mut folders = vec![folder.0.join(at)];
        while let Some(next) = folders.pop() {
            for path in fs::read_dir(next).expect("a folder").map(|entry| entry.expect("an entry").path()) {
                if path.is_dir() {
                    folders.push(path);
                } else {
                    let own = path.strip_prefix(folder.0.join(at)).expect("below").to_path_buf();
                    found.push((own, fs::read(&path).expect("a file")));
                }
            }
        }
        found.sort();
        found
    };
    let [narrow, wide] = ["narrow", "wide"].map(files);
    assert!(narrow.len() > 30 && narrow == wide);
    let ran = clockwire(&folder.0, &["run", "t.yaml", "--memory", "4", "--out", "none"]);
    assert!(ran.code == Some(2) && ran.err.contains("--memory"), "{}", ran.err);
}

/// Both ends of a connection that waits for its next request: hyper's client and server, TCP, the sockets. `experiments/ten-thousand-clients.yaml` says
/// how much that is.
#[cfg(target_os = "linux")]
#[test]
fn an_idle_connection_takes_a_bounded_part_of_memory() {
    const BYTES_MAX: f64 = 80e3;
    let folder = Folder::new("memory-idle");
    let peak = |clients: u32| {
        let text = format!(
            "clockwire: 1\nname: idle\nstop: 5 s\nhosts: {{ a: {{}}, b: {{}} }}\n\
             links: [ {{ a -- b: {{ rate: 10 Gbit/s, delay: 5 ms, queue: {{ droptail: {{ limit: 20000 packets }} }} }} }} ]\n\
             workload: {{ web: {{ from: a, to: b, http: {{ concurrency: {clients}, pool: {clients}, think: 1 h, response: 2 kB, backlog: 8192 }} }} }}\n\
             outputs: {{ report: false }}\nexpect: [ count(web.http.outcome == finished) == {clients} ]\n"
        );
        fs::write(folder.0.join("idle.yaml"), text).expect("a file");
        let ran = clockwire(&folder.0, &["run", "idle.yaml", "--timing", "--force", "--out", "idle"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        let cost: serde_json::Value = serde_json::from_str(ran.out.lines().next().unwrap_or_default()).expect("JSON");
        cost["rss_mib"].as_f64().expect("a number") * 1_048_576.0
    };
    let each = (peak(1000) - peak(100)) / 900.0;
    assert!(each < BYTES_MAX, "an idle connection takes {each} bytes");
    assert!(each > 1e3, "and these are idle connections: {each} bytes");
}
