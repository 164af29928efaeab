//! The command as people use it: exit codes, what is written, what is printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// A folder of its own for each test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Scratch {
        let folder = std::env::temp_dir().join(format!("clockwire-command-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("a folder");
        Scratch(folder)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_clockwire"));
        command.args(args).current_dir(&self.0).output().expect("the command starts")
    }

    /// The names in a folder, sorted.
    fn names(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.0.join(folder)).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

const SMALL: &str = "clockwire: 1
name: small
stop: 2 s
hosts: { a: {}, b: {}, c: {} }
routers: { r: {} }
links:
  - a -- r: { name: wan, rate: 5 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 20 packets } } }
  - b -- r: { rate: 100 Mbit/s, delay: 1 ms }
  - c -- r: { rate: 100 Mbit/s, delay: 1 ms, framing: ethernet }
workload:
  bulk: { from: a, to: b, tcp: {} }
  ask: { from: a, to: c, request: {} }
outputs:
  series: { cwnd: all, queue: [wan], every: 10 ms }
  tables: [hops, drops]
  capture: { at: [wan, c--r] }
";

/// All files below a folder with what is in them.
fn tree(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for path in fs::read_dir(next).expect("a folder").flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                folders.push(path);
            } else {
                let name = path.strip_prefix(folder).expect("it is below").to_path_buf();
                found.push((name, fs::read(&path).expect("a file")));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn results_do_not_depend_on_threads_and_shards_and_a_manifest_repeats_its_run() {
    let scratch = Scratch::new("same");
    let text =
        SMALL.replace("workload:", "experiment: { seeds: 3, sweep: { wan.delay: [ 10 ms, 30 ms ] } }\nworkload:");
    scratch.file("x.yaml", &text);
    for (out, more) in [("one", ["--threads", "1"]), ("two", ["--threads", "2"]), ("cut", ["--shards", "3"])] {
        let output = scratch.run(&["run", "x.yaml", "--quiet", "--out", out, more[0], more[1]]);
        assert_eq!(code(&output), 0, "{}", said(&output));
    }
    let one = tree(&scratch.0.join("one"));
    assert!(one.len() > 6 * 8, "{} files", one.len());
    for other in ["two", "cut"] {
        let other = tree(&scratch.0.join(other));
        assert_eq!(one.len(), other.len());
        for (a, b) in one.iter().zip(&other) {
            assert!(a == b, "{} differs", a.0.display());
        }
    }
    let run = "one/wan.delay=30ms/seed-2";
    let output = scratch.run(&["run", &format!("{run}/manifest.yaml"), "--quiet", "--out", "again"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    assert!(tree(&scratch.0.join(run)) == tree(&scratch.0.join("again/seed-2")), "the manifest gives another run");
}

#[test]
fn an_earlier_result_is_never_overwritten_silently() {
    let scratch = Scratch::new("kept");
    scratch.file("x.yaml", SMALL);
    for (seed, more) in [("1", &[][..]), ("2", &[]), ("3", &["--force"])] {
        let output = scratch.run(&[&["run", "x.yaml", "--quiet", "--seed", seed], more].concat());
        assert_eq!(code(&output), 0, "{}", said(&output));
    }
    assert_eq!(scratch.names("results"), ["small", "small-2"]);
    assert!(scratch.0.join("results/small/seed-3").exists() && scratch.0.join("results/small-2/seed-2").exists());
}

/// Four points with two seeds each.
fn swept() -> String {
    let experiment = "experiment: { seeds: 2, sweep: { wan.delay: [ 10 ms, 15 ms, 20 ms, 25 ms ] } }\n";
    let outputs =
        "outputs:\n  summary: { most: ask.requests.latency.max }\n  plots: [ { sweep: { x: wan.delay, y: most } } ]\n";
    SMALL.replace("workload:", &format!("{experiment}workload:")).replace("outputs:\n", outputs)
}

/// The command's answer to where its results are.
fn results(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().find_map(|line| line.strip_prefix("results: "));
    line.unwrap_or_else(|| panic!("{text}{}", said(output))).to_string()
}

#[test]
fn what_is_there_is_not_run_again_and_a_changed_point_alone_is() {
    let scratch = Scratch::new("missing");
    scratch.file("x.yaml", &swept());
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small");
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small (nothing was missing)");
    scratch.file("x.yaml", &swept().replace("15 ms", "16 ms"));
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small-2 (6 of 8 runs were there)");
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small-2 (nothing was missing)");
    // The same from nothing.
    assert_eq!(results(&scratch.run(&["run", "x.yaml", "--out", "fresh"])), "fresh");
    assert!(tree(&scratch.0.join("results/small-2")) == tree(&scratch.0.join("fresh")));
    assert_eq!(results(&scratch.run(&["run", "x.yaml", "--fresh", "--force", "--out", "fresh"])), "fresh");
    assert!(tree(&scratch.0.join("results/small-2")) == tree(&scratch.0.join("fresh")));
    // Other expectations of what the records know need no run, and those of what they do not know need all.
    let expects = |check: &str| swept().replace("15 ms", "16 ms") + "expect: [ " + check + " ]\n";
    scratch.file("x.yaml", &expects("ask.requests.latency.max > 2 ms"));
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small-3 (8 of 8 runs were there)");
    // A path that needs two columns.
    scratch.file("x.yaml", &expects("bulk.duration > 1 s"));
    assert_eq!(results(&scratch.run(&["run", "x.yaml"])), "results/small-4");
    // What was stored and is damaged is not believed.
    fs::write(scratch.0.join("results/small-4/wan.delay=10ms/seed-1/run.json"), "{").expect("a file");
    fs::remove_dir_all(scratch.0.join("results/small-3")).expect("a folder");
    assert_eq!(
        results(&scratch.run(&["run", "x.yaml", "--force", "--out", "results/small-4"])),
        "results/small-4 (7 of 8 runs were there)"
    );
}

#[test]
fn points_may_be_run_by_processes_of_their_own() {
    let scratch = Scratch::new("points");
    scratch.file("x.yaml", &swept());
    assert_eq!(code(&scratch.run(&["run", "x.yaml", "--quiet", "--out", "whole"])), 0);
    for (point, says) in [("0", "there is no point 0: small has 4 points, 1 to 4"), ("5", "there is no point 5")] {
        let output = scratch.run(&["run", "x.yaml", "--point", point, "--out", "parts"]);
        assert_eq!((code(&output), said(&output).contains(says)), (2, true), "{}", said(&output));
    }
    assert_eq!(code(&scratch.run(&["run", "x.yaml", "--point", "1", "--fresh", "--out", "parts"])), 2);
    assert_eq!(scratch.names("."), ["whole", "x.yaml"]);
    // Two at the same time.
    for pair in [["4", "1"], ["2", "2"]] {
        let runs = pair.map(|point| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_clockwire"));
            command
                .args(["run", "x.yaml", "--quiet", "--out", "parts", "--point", point])
                .current_dir(&scratch.0)
                .spawn()
                .expect("it runs")
        });
        for mut run in runs {
            assert!(run.wait().expect("it ends").success());
        }
    }
    assert_eq!(results(&scratch.run(&["run", "x.yaml", "--out", "parts"])), "parts (6 of 8 runs were there)");
    assert!(tree(&scratch.0.join("whole")) == tree(&scratch.0.join("parts")));
    assert_eq!(scratch.names("."), ["parts", "whole", "x.yaml"]);
}

#[cfg(unix)]
#[test]
fn a_run_that_is_killed_goes_on_where_it_was() {
    let scratch = Scratch::new("killed");
    scratch.file("x.yaml", &swept().replace("stop: 2 s", "stop: 20 s"));
    assert_eq!(code(&scratch.run(&["run", "x.yaml", "--quiet", "--out", "whole"])), 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_clockwire"));
    let mut run = command
        .args(["run", "x.yaml", "--quiet", "--out", "cut", "--threads", "1"])
        .current_dir(&scratch.0)
        .spawn()
        .expect("it runs");
    let first = scratch.0.join(".cut.partial/wan.delay=10ms/seed-1/run.json");
    while !first.exists() && run.try_wait().expect("it can be asked").is_none() {
        std::thread::yield_now();
    }
    run.kill().expect("it can be killed");
    run.wait().expect("it ends");
    if scratch.0.join("cut").exists() {
        return; // It was faster than this test.
    }
    let said = results(&scratch.run(&["run", "x.yaml", "--out", "cut"]));
    assert!(said.starts_with("cut (") && said.ends_with(" of 8 runs were there)"), "{said}");
    assert!(tree(&scratch.0.join("whole")) == tree(&scratch.0.join("cut")));
    assert_eq!(scratch.names("."), ["cut", "whole", "x.yaml"]);
}

/// An entry of the workload with two flows, one near and one far: each row of the printed table says what its own requests took.
#[test]
fn the_summary_tells_flows_apart() {
    let scratch = Scratch::new("per-flow");
    scratch.file(
        "two.yaml",
        "clockwire: 1\nname: two\nstop: 3 s\nhosts: { a: {}, c: {}, b: {} }\nrouters: { r: {} }\nlinks:\n  - a -- r: { rate: 1 Gbit/s, delay: 1 ms }\n  \
         - c -- r: { rate: 1 Gbit/s, delay: 100 ms }\n  - r -- b: { rate: 1 Gbit/s, delay: 4 ms }\nworkload:\n  web: { from: [a, c], to: b, http: { count: 2 } }\n",
    );
    let output = scratch.run(&["run", "two.yaml"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let printed = said(&output);
    let row = |name: &str| -> Vec<String> {
        let row = printed.lines().find(|line| line.trim_start().starts_with(name)).expect("each flow has a row");
        row.split_whitespace().map(str::to_string).collect()
    };
    let (near, far) = (row("web1"), row("web2"));
    assert_eq!((&near[near.len() - 5], &far[far.len() - 5]), (&"2".to_string(), &"2".to_string()), "{printed}");
    let last = |row: &[String]| row[row.len() - 2..].join(" ");
    assert_eq!((last(&near), last(&far)), ("20.02 ms".to_string(), "416 ms".to_string()), "{printed}");
}

#[test]
fn wrong_files_give_exit_code_2_and_write_nothing() {
    let scratch = Scratch::new("wrong");
    let cases = [
        ("rate: 5 Mbit/s", "rate: 5", "it needs a unit"),
        ("stop: 2 s", "stop: 2 s\nexpect: [ bulk.godput > 1 bit/s ]", "did you mean `goodput`?"),
        ("stop: 2 s", "stop: 2 s\nexpect: [ bulk.goodput >> 1 bit/s ]", "is due here"),
        ("tables: [hops, drops]", "tables: [hopps]", "did you mean `hops`?"),
        ("tables: [hops, drops]", "plots: [cwmd]", "did you mean `cwnd`?"),
        ("from: a", "from: z", "z"),
    ];
    for (good, bad, says) in cases {
        scratch.file("x.yaml", &SMALL.replacen(good, bad, 1));
        for verb in ["run", "check", "verify", "show"] {
            let output = scratch.run(&[verb, "x.yaml"]);
            assert_eq!(code(&output), 2, "{verb} {bad}: {}", said(&output));
            assert!(said(&output).contains(says) && said(&output).contains("x.yaml:"), "{bad}: {}", said(&output));
            assert!(output.stdout.is_empty(), "{bad}");
        }
        assert_eq!(scratch.names("."), ["x.yaml"], "{bad}");
    }
    scratch.file("x.yaml", SMALL);
    for args in [
        &["run", "nothing.yaml"][..],
        &["run", "x.yaml", "nothing.yaml"],
        &["run", "x.yaml", "--set", "wan.rate=fast"],
        &["run", "x.yaml", "--set", "wan"],
        &["plot", "."],
        &["list", "qeue"],
        &["list", "queues", "codle"],
    ] {
        let output = scratch.run(args);
        assert_eq!(code(&output), 2, "{args:?}: {}", said(&output));
    }
    assert_eq!(scratch.names("."), ["x.yaml"]);
}

#[test]
fn an_expectation_that_fails_gives_exit_code_1_and_says_by_how_much() {
    let scratch = Scratch::new("expected");
    scratch.file("x.yaml", &format!("{SMALL}expect:\n  - wan.rate > 4 Mbit/s\n  - wan.rate > 6 Mbit/s\n"));
    let output = scratch.run(&["run", "x.yaml", "--quiet"]);
    assert_eq!(code(&output), 1);
    let line = "FAILED wan.rate > 6 Mbit/s: 5 Mbit/s is not above 6 Mbit/s, off by 1 Mbit/s  (x.yaml:19)\n";
    assert_eq!(said(&output), line);
    let summary: serde_json::Value = serde_json::from_str(&scratch.read("results/small/summary.json")).expect("JSON");
    assert_eq!(summary["expect"][0]["holds"], true);
    assert_eq!(summary["expect"][1]["holds"], false);
    assert_eq!(summary["points"][0]["measured"]["bulk"]["goodput_bps"]["unit"], "bit/s");
}

#[test]
fn the_other_verbs_speak() {
    let scratch = Scratch::new("verbs");
    scratch.file("x.yaml", SMALL);
    for (args, words) in [
        (&["check", "x.yaml"][..], &["10.0.0.1/30", "20 packets = 48 ms = 2.18 BDP", "a → r → b", "base RTT"][..]),
        (&["verify", "x.yaml"], &["equal on 1, 2, 3 and 8 shards", "look-ahead 1 ms", "bytes "]),
        (&["list"], &["codel", "reno", "bernoulli", "request", "cwnd", "flows", "jain", "dumbbell"]),
        (&["list", "queue", "codel"], &["target", "5 ms when not given"]),
        (&["run", "x.yaml", "--timing"], &["\"packet_hops_per_s\":", "\"rss_mib\":", "\"events_per_hop\":"]),
        (
            &["run", "x.yaml"],
            &["bulk", "wan.forward", "48 ms = 2.18 BDP", "results: results/small (nothing was missing)"],
        ),
        (&["plot", "results/small", "cwnd", "cdf:table=requests,x=latency,file=latency"], &["cwnd.png", "latency.png"]),
    ] {
        let output = scratch.run(args);
        assert_eq!(code(&output), 0, "{args:?}: {}", said(&output));
        for word in words {
            assert!(said(&output).contains(word), "{args:?} does not say `{word}`:\n{}", said(&output));
        }
    }
    let shown = scratch.run(&["show", "x.yaml", "--set", "wan.rate=7 Mbit/s", "--seed", "9"]);
    scratch.file("flat.yaml", &said(&shown));
    let again = scratch.run(&["show", "flat.yaml"]);
    assert!(said(&shown).contains("7 Mbit/s") && said(&shown).contains("seed: 9"), "{}", said(&shown));
    assert_eq!(said(&shown), said(&again), "a flat file is flat");
}

#[test]
fn tables_hold_exact_decimals_and_names() {
    let scratch = Scratch::new("tables");
    scratch.file("x.yaml", SMALL);
    assert_eq!(code(&scratch.run(&["run", "x.yaml", "--quiet", "--out", "out"])), 0);
    let hops = scratch.read("out/seed-1/hops.csv");
    let mut lines = hops.lines();
    assert!(lines.next().expect("a head").starts_with("time_s,port,packet,flow,class,length_bytes,wire_bytes,"));
    // The SYN: 60 bytes at 5 Mbit/s take 96 us, and 10 ms more to arrive.
    let syn = lines.find(|line| line.contains(",syn,")).expect("a SYN");
    assert!(syn.starts_with("0.010096,wan.forward,") && syn.ends_with(",0,0,0.000096,0.010096,delivered"), "{syn}");
    assert!(scratch.read("out/seed-1/queue.csv").lines().nth(1).expect("a row").starts_with("0,wan.forward,0,0,0,"));
    let manifest = scratch.read("out/seed-1/manifest.yaml");
    for word in ["# version: ", "# seed: 1", "# events: ", "#   hops: ", "#   events: ", "seed: 1\n"] {
        assert!(manifest.contains(word), "{word} in {manifest}");
    }
}

/// A block of a capture: its kind and its body.
fn blocks(bytes: &[u8]) -> Vec<(u32, &[u8])> {
    let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let length = word(at + 4) as usize;
        assert_eq!(word(at + length - 4) as usize, length, "the length stands at both ends");
        found.push((word(at), &bytes[at + 8..at + length - 4]));
        at += length;
    }
    found
}

#[test]
fn captures_are_read_back_and_liked_by_tshark() {
    let scratch = Scratch::new("capture");
    scratch.file("x.yaml", SMALL);
    assert_eq!(code(&scratch.run(&["run", "x.yaml", "--quiet", "--out", "out"])), 0);
    let bytes = fs::read(scratch.0.join("out/seed-1/capture.pcapng")).expect("a capture");
    let blocks = blocks(&bytes);
    assert_eq!(blocks[0].0, 0x0a0d_0d0a);
    let interfaces: Vec<&[u8]> = blocks.iter().filter(|(kind, _)| *kind == 1).map(|(_, body)| *body).collect();
    let links: Vec<u16> = interfaces.iter().map(|body| u16::from_le_bytes([body[0], body[1]])).collect();
    assert_eq!(links, [228, 1], "raw IPv4 and Ethernet");
    let packets: Vec<&[u8]> = blocks.iter().filter(|(kind, _)| *kind == 6).map(|(_, body)| *body).collect();
    assert!(packets.len() > 100);
    let time = |body: &&[u8]| {
        let word = |at: usize| u64::from(u32::from_le_bytes(body[at..at + 4].try_into().expect("four bytes")));
        word(4) << 32 | word(8)
    };
    assert!(packets.windows(2).all(|pair| time(&pair[0]) <= time(&pair[1])), "packets stand in order of time");
    let file = scratch.0.join("out/seed-1/capture.pcapng");
    let Some(all) = tshark(&file, &["-T", "fields", "-e", "frame.number"]) else { return };
    assert_eq!(all.lines().count(), packets.len());
    assert_eq!(tshark(&file, &["-Y", WRONG]).expect("it has just run"), "", "tshark finds something malformed");
}

/// What tshark says of a capture, with every checksum looked at; `None` where there is no tshark.
fn tshark(file: &Path, args: &[&str]) -> Option<String> {
    let checks = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    let output = Command::new("tshark").arg("-r").arg(file).args(checks).args(args).output().ok()?;
    Some(said_only(&output))
}

/// A filter for all that is not as it should be.
const WRONG: &str = "_ws.malformed || _ws.expert.severity == error || ip.checksum.status == 0 || icmp.checksum.status == 0 \
    || tcp.checksum.status == 0 || udp.checksum.status == 0";

/// Every kind of header that there is: ARP, ICMP of each kind, datagrams in pieces, TCP with its options, marks and resets, on each framing.
const ZOO: &str = "clockwire: 1
name: zoo
stop: 40 s
hosts: { a: {}, b: {}, c: {}, d: {} }
routers: { r: {}, s: {} }
links:
  - a -- r: { rate: 20 Mbit/s, delay: 1 ms, framing: ethernet }
  - b -- r: { rate: 20 Mbit/s, delay: 1 ms, framing: ppp }
  - r -- s: { name: wan, rate: 3 Mbit/s, delay: 8 ms, loss: 2 %, framing: ethernet_with_gap, queue: { red: { ecn: true } } }
  - c -- s: { rate: 20 Mbit/s, delay: 1 ms, framing: none }
  - d -- s: { rate: 20 Mbit/s, delay: 1 ms, mtu: 700 B, framing: ethernet }
workload:
  bulk: { from: a, to: c, tcp: { ecn: true, bytes: 600 kB } }
  narrow: { from: a, to: d, tcp: { bytes: 100 kB, data: pattern } }
  web: { from: b, to: c, request: { count: 5, close: reset } }
  echo: { from: a, to: d, ping: { every: 50 ms, count: 10, size: 1400 B } }
  way: { from: b, to: d, traceroute: {} }
  long: { from: a, to: c, cbr: { rate: 300 kbit/s, size: 3000 B, stop: 2 s } }
outputs:
  capture: { at: [a--r, b--r, wan, c--s, d--s] }
";

/// What must be in the zoo: a filter, and whether it is seen on one framing or more.
const KINDS: &[&str] = &[
    "arp.opcode == 1",
    "arp.opcode == 2",
    "icmp.type == 8",
    "icmp.type == 0",
    "icmp.type == 11 && icmp.code == 0",
    "icmp.type == 11 && icmp.code == 1",
    "icmp.type == 3 && icmp.code == 3",
    "icmp.type == 3 && icmp.code == 4 && icmp.mtu == 700",
    "ip.flags.mf == 1",
    "ip.frag_offset > 0 && ip.flags.mf == 0",
    "ip.reassembled.length",
    "udp",
    "tcp.flags.syn == 1 && tcp.options.mss && tcp.options.wscale && tcp.options.sack_perm && tcp.options.timestamp.tsval",
    "tcp.options.sack_le",
    "tcp.flags.reset == 1",
    "tcp.flags.fin == 1",
    "tcp.flags.ece == 1",
    "tcp.flags.cwr == 1",
    "ip.dsfield.ecn == 3",
];

#[test]
fn tshark_knows_every_kind_of_header() {
    let scratch = Scratch::new("zoo");
    scratch.file("x.yaml", ZOO);
    let output = scratch.run(&["run", "x.yaml", "--quiet", "--out", "out"]);
    assert_eq!(code(&output), 0, "{}", said(&output));
    let file = scratch.0.join("out/seed-1/capture.pcapng");
    let Some(all) = tshark(&file, &["-T", "fields", "-e", "frame.interface_id", "-e", "frame.protocols"]) else {
        return;
    };
    for at in 0..5 {
        assert!(all.lines().any(|line| line.starts_with(&at.to_string())), "interface {at} has seen packets");
    }
    for kind in KINDS {
        let found = tshark(&file, &["-c", "20000", "-Y", kind, "-T", "fields", "-e", "frame.number"]);
        assert!(found.is_some_and(|text| !text.is_empty()), "no packet is `{kind}`");
    }
    assert_eq!(tshark(&file, &["-Y", WRONG]).expect("it has just run"), "", "tshark finds something wrong");
}

fn said_only(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let scratch = Scratch::new("pipe");
    scratch.file("x.yaml", SMALL);
    let mut child = Command::new(env!("CARGO_BIN_EXE_clockwire"))
        .args(["run", "x.yaml"])
        .current_dir(&scratch.0)
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    assert_eq!(scratch.names("results"), ["small"]);
}
