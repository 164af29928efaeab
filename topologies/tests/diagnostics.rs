//! The exact text of what is said about wrong files. `UPDATE_SNAPSHOTS=1 cargo test -p topologies` writes the file anew;
//! read the difference before you commit it.

use std::fmt::Write;
use std::path::Path;

use topologies::{LoadOptions, load_text};

/// A file that is right; each case spoils it in one place.
const GOOD: &str = "clockwire: 1
name: example
stop: 10 s
defaults: { link: { mtu: 1500 B } }
hosts:
  client: { count: 2 }
  server: {}
routers: { r1: {}, r2: {}, spare: {} }
links:
  - r1 -- spare: { rate: 1 Gbit/s }
  - client* -- r1: { rate: 1 Gbit/s, delay: 1 ms }
  - r1 -- r2: { name: wan, rate: 10 Mbit/s, delay: 20 ms }
  - r2 -- server: { rate: 1 Gbit/s, delay: 1 ms }
events:
  - { at: 2 s, link: wan, set: { rate: 5 Mbit/s } }
workload:
  bulk: { from: client*, to: server, tcp: { bytes: 1 MB } }
experiment: { sweep: { wan.delay: [10 ms, 20 ms] }, seeds: 2 }
outputs: { series: { cwnd: all, queue: [wan], every: 10 ms }, capture: { at: [wan] }, plots: [cwnd] }
expect: [ wan.drops == 0 ]
";

/// What is said, what stands there in the good file, what stands there in the bad one.
const CASES: &[(&str, &str, &str)] = &[
    ("an unknown section", "events:", "evnets:"),
    ("an unknown key of a link", "delay: 20 ms", "dealy: 20 ms"),
    ("an unknown key of a host", "server: {}", "server: { adress: 10.0.0.1/24 }"),
    ("an unknown key of an event", "at: 2 s", "when: 2 s"),
    ("an unknown key of a workload entry", "from: client*", "form: client*"),
    ("an unknown key of outputs", "capture:", "captures:"),
    ("an unknown key of the experiment", "sweep:", "sweeps:"),
    ("a number without a unit", "delay: 20 ms", "delay: 20"),
    ("a unit in the wrong case", "rate: 10 Mbit/s", "rate: 10 mbit/s"),
    ("a unit of something else", "delay: 20 ms", "delay: 20 KiB"),
    ("a list where a quantity is due", "delay: 20 ms", "delay: [20 ms]"),
    ("no value", "delay: 20 ms", "delay:"),
    ("a bare ratio", "delay: 20 ms", "corrupt: 1"),
    ("more than everything", "delay: 20 ms", "corrupt: 120 %"),
    ("a rate of zero", "rate: 10 Mbit/s", "rate: 0 Mbit/s"),
    ("no rate", "rate: 10 Mbit/s, ", ""),
    ("a rate and a trace", "rate: 10 Mbit/s", "rate: 10 Mbit/s, trace: lte.txt"),
    ("an mtu that is too small", "mtu: 1500 B", "mtu: 60 B"),
    ("an unknown framing", "mtu: 1500 B", "framing: ethrenet"),
    ("an Ethernet that goes one way", "r1 -- spare: {", "r1 -> spare: { framing: ethernet,"),
    ("an unknown host", "to: server", "to: sevrer"),
    ("a name server that is none", "server: {}", "server: { resolver: client1 }"),
    (
        "a name server that is none, where there are others",
        "events:",
        "services: { n: { on: client1, dns: { zones: { test: { records: [ www A server ] } } } }, m: { on: r1, forwarder: { to: [ client2, server ] } } }\nevents:",
    ),
    (
        "a name server at another port",
        "events:",
        "services: { n: { on: client1, port: 5353, dns: { zones: { test: { records: [ www A server ] } } } }, m: { on: r1, resolver: { roots: client1 } } }\nevents:",
    ),
    ("an unknown router", "r1 -- r2", "r1 -- r3"),
    ("a host with a count, without its number", "from: client*", "from: client"),
    ("ends that are no ends", "r1 -- r2", "r1 - r2"),
    ("a link to itself", "r1 -- r2", "r1 -- r1"),
    ("ends that cannot be paired", "r1 -- r2: { name: wan", "client* -- *r*: { name: wan"),
    ("a link twice", "events:", "  - server -- r2: { rate: 1 Mbit/s }\nevents:"),
    ("a link's name twice", "events:", "  - server -- r2: { name: wan, rate: 1 Mbit/s }\nevents:"),
    (
        "links that are a map",
        "  - client* -- r1: { rate: 1 Gbit/s, delay: 1 ms }\n",
        "  client* -- r1: { rate: 1 Gbit/s }\n",
    ),
    (
        "options beside the ends",
        "  - r2 -- server: { rate: 1 Gbit/s, delay: 1 ms }",
        "  - r2 -- server:\n    rate: 1 Gbit/s",
    ),
    ("a host's name twice", "server: {}", "server: {}\n  r1: {}"),
    ("a key twice", "server: {}", "server: {}\n  server: {}"),
    ("a bad name", "server: {}", "server: {}\n  my server: {}"),
    ("a name for two things", "bulk:", "wan:"),
    ("an address that clashes", "20 ms }\n", "20 ms, addresses: [10.1.0.1/24, 10.1.0.1/24] }\n"),
    ("an address without its prefix", "server: {}", "server: { address: 10.1.0.5 }"),
    ("the address of a network", "server: {}", "server: { address: 10.1.0.0/24 }"),
    ("an address for many", "count: 2", "count: 2, address: 10.1.0.5/24"),
    (
        "a destination that cannot be reached",
        "  - r1 -- r2: { name: wan, rate: 10 Mbit/s, delay: 20 ms }",
        "  - r1 -> r2: { name: wan, rate: 10 Mbit/s, delay: 20 ms }",
    ),
    ("a count of zero", "count: 2", "count: 0"),
    ("a count that is no number", "count: 2", "count: many"),
    ("a flow to oneself", "to: server", "to: client*"),
    ("no application", ", tcp: { bytes: 1 MB }", ""),
    ("a flow that never starts", "from: client*", "start: 20 s, from: client*"),
    ("an event that never happens", "at: 2 s", "at: 20 s"),
    ("an event that does nothing", ", set: { rate: 5 Mbit/s }", ""),
    ("an event that does two things", "set: {", "down: 1 s, set: {"),
    ("an event for an unknown link", "link: wan", "link: lan"),
    ("an unused host", "from: client*", "from: client1"),
    ("no stop", "stop: 10 s\n", ""),
    ("a stop at once", "stop: 10 s", "stop: 0 s"),
    ("no version", "clockwire: 1\n", ""),
    ("another version", "clockwire: 1", "clockwire: 2"),
    ("a sweep of what is not there", "wan.delay", "wam.delay"),
    ("a sweep of a key that is not there", "wan.delay", "wan.dealy"),
    ("a swept value that is wrong", "[10 ms, 20 ms]", "[10 ms, 20]"),
    ("a swept value twice", "[10 ms, 20 ms]", "[10 ms, 10 ms]"),
    ("no seeds", "seeds: 2", "seeds: []"),
    ("a seed twice", "seeds: 2", "seeds: [1, 2, 1]"),
    ("an unknown link in outputs", "queue: [wan]", "queue: [wam]"),
    ("an unknown flow in outputs", "cwnd: all", "cwnd: bulks"),
    ("an unknown plot", "plots: [cwnd]", "plots: [cwmd]"),
    ("an unknown key of a plot", "plots: [cwnd]", "plots: [ { cwnd: { flow: bulk } } ]"),
    ("a period of zero", "every: 10 ms", "every: 0 ms"),
    ("series without a period", ", every: 10 ms", ""),
    ("an expectation without a check", "[ wan.drops == 0 ]", "[ { confidence: 95 % } ]"),
    ("an include that is not there", "clockwire: 1", "clockwire: 1\ninclude: missing.yaml"),
    ("a topology with a workload", "clockwire: 1", "clockwire: 1\ntopology: tests/data/not-a-topology.yaml"),
    ("an unknown generator", "clockwire: 1", "clockwire: 1\ngenerate: { dumbell: { pairs: 2 } }"),
    ("an unknown parameter of a generator", "clockwire: 1", "clockwire: 1\ngenerate: { dumbbell: { pair: 2 } }"),
    ("an unknown queue", "delay: 20 ms", "queue: codle"),
    ("an unknown parameter of a queue", "delay: 20 ms", "queue: { codel: { traget: 5 ms } }"),
    ("two queues", "delay: 20 ms", "queue: { codel: {}, red: {} }"),
    ("a queue of nothing", "delay: 20 ms", "queue: { droptail: { limit: 0 packets } }"),
    ("a limit without a unit", "delay: 20 ms", "queue: { droptail: { limit: 100 } }"),
    ("parameters that exclude each other", "delay: 20 ms", "queue: { red: { min_packets: 20, max_packets: 10 } }"),
    ("a queue in an event", "set: { rate: 5 Mbit/s }", "set: { queue: codel }"),
    ("an unknown loss model", "delay: 20 ms", "loss: { bernouli: 1 % }"),
    ("a loss without its unit", "delay: 20 ms", "loss: 0.01"),
    ("a missing parameter", "delay: 20 ms", "loss: { gilbert_elliott: { r: 10 % } }"),
    ("a loss that never fires", "delay: 20 ms", "loss: 0 %"),
    ("an unknown class in a loss list", "delay: 20 ms", "loss: { list: [ { class: sin, numbers: 1 } ] }"),
    ("an unknown flow in a loss list", "delay: 20 ms", "loss: { list: [ { flow: bluk, class: data, numbers: 1 } ] }"),
    ("an unknown jitter", "delay: 20 ms", "jitter: { gauss: 1 ms }"),
    ("a trace that is not there", "rate: 10 Mbit/s", "trace: tests/data/trace.text"),
    ("a trace that is none", "rate: 10 Mbit/s", "trace: tests/data/included.yaml"),
    ("an application with a wrong parameter", "bytes: 1 MB", "byte: 1 MB"),
    ("an application with an impossible parameter", "bytes: 1 MB", "bytes: 0 B"),
    ("an unknown congestion control", "bytes: 1 MB", "cc: cubik"),
    ("an unknown TCP setting of a host", "server: {}", "server: { tcp: { snack: true } }"),
    ("two applications", "tcp: {", "ping: {}, tcp: {"),
    ("an output that stays empty", "cwnd: all, queue: [wan]", "queue: [r1--spare]"),
    ("an experiment's bad name", "name: example", "name: an example"),
    ("several errors", "delay: 20 ms", "dealy: 20 ms, mtu: 5 B, rat: 1"),
    ("a wildcard that YAML takes for an alias", "from: client*", "from: *"),
    ("text that is no YAML", "{ name: wan", "{ name: wan }"),
    ("keys twice", "server: {}", "server: {}\n  server: {}\nstop: 1 s"),
    ("a tab", "  server: {}", "\tserver: {}"),
    ("a tab behind spaces", "  server: {}", "  \tserver: {}"),
    ("an unclosed brace", "{ count: 2 }", "{ count: 2"),
    ("an unclosed bracket at the end", "[ wan.drops == 0 ]", "[ wan.drops == 0"),
    ("a closing brace too many", "spare: {} }", "spare: {} }}"),
    ("a missing comma", "server, tcp", "server tcp"),
    ("a missing colon", "stop: 10 s", "stop 10 s"),
    ("a colon without its space", "stop: 10 s", "stop:10 s"),
    ("a colon in a text", "name: example", "about: note: this"),
    ("an unclosed quote", "name: example", "name: \"example"),
    ("an entry less far in", "  server: {}", " server: {}"),
    ("a dash without its space", "  - r1 -- spare", "  -r1 -- spare"),
    ("a key that is nothing", "  server: {}", "  ~: {}"),
    ("a key that is a list", "  server: {}", "  [server]: {}"),
    ("an alias of itself", "server: {}", "server: &a { tcp: *a }"),
    ("a tag", "name: example", "name: !text example"),
    ("several documents", "events:", "---\nevents:"),
    ("a number that is none", "delay: 20 ms", "delay: .nan"),
    ("an empty file", GOOD, "# nothing\n"),
    ("a file that is a list", GOOD, "- 1\n"),
];

#[test]
fn each_is_said_as_it_was() {
    let options = LoadOptions {
        plots: vec![("cwnd".into(), vec!["flows".into()]), ("queue".into(), Vec::new())],
        ..LoadOptions::default()
    };
    let mut text = String::new();
    for (name, good, bad) in CASES {
        assert!(GOOD.contains(good), "{name}: `{good}` is in the good file");
        let file = GOOD.replacen(good, bad, 1);
        // The directory from which the case includes files is the crate's, and does not show.
        let said = match load_text("t.yaml", "t", &file, Path::new(""), &options) {
            Ok(experiment) => experiment.warnings,
            Err(found) => found,
        };
        assert!(!said.is_empty(), "{name}: nothing was said about\n{file}");
        writeln!(text, "## {name}\n\n{said}").expect("a string takes everything");
    }
    snapshot("tests/data/diagnostics.txt", &text);
}

#[test]
fn nothing_is_said_about_the_good_file() {
    let experiment =
        load_text("t.yaml", "t", GOOD, Path::new(""), &LoadOptions::default()).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(experiment.warnings.to_string(), "");
}

fn snapshot(file: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&path, text).expect("the snapshot is written");
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    for (line, (wanted, found)) in wanted.lines().zip(text.lines()).enumerate() {
        assert_eq!(wanted, found, "line {} of {file}", line + 1);
    }
    assert_eq!(wanted.lines().count(), text.lines().count(), "{file}");
}
