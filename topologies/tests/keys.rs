//! Every accepted key bites: with it the experiment is another one than without it. The list of accepted keys is taken
//! from the error about an unknown one, so a key cannot be added without a line here.

use std::collections::BTreeSet;
use std::path::Path;

use topologies::{LoadOptions, load_text};

/// `@KEY@` is where the keys of a section are put.
struct Section {
    name: &'static str,
    file: &'static str,
    /// Each key as it is written. A key that cannot stand alone brings what it needs with it.
    keys: &'static [&'static str],
}

const SECTIONS: &[Section] = &[
    Section {
        name: "the file",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\n@KEY@\n",
        keys: &[
            "name: other",
            "about: what to look at",
            "point: { delay: 10 ms }",
            "include: tests/data/included.yaml",
            "topology: star.yaml",
            "generate: { star: { hosts: 2, access: { rate: 1 Mbit/s } } }",
            "seed: 77",
            "defaults: { link: { delay: 7 ms } }",
            "routers: { r: {} }",
            "events: [ { at: 10 ms, link: a--b, down: true } ]",
            "services: { s: { on: b, store: {} } }",
            "workload: { w: { from: a, to: b, ping: {} } }",
            "experiment: { seeds: 3 }",
            "outputs: { tables: [ flows ] }",
            "expect: [ 1 == 1 ]",
        ],
    },
    Section {
        name: "a link",
        file: "routers: { r1: {}, r2: {}, r3: {} }
links:
  - r1 -- r2: { rate: 1 Mbit/s, @KEY@ }
  - r2 -- r3: { rate: 1 Mbit/s }
  - r1 -- r3: { rate: 1 Mbit/s }
",
        keys: &[
            "name: wan",
            "addresses: [ 10.1.0.1/24, 10.1.0.2/24 ]",
            "cost: 7",
            "delay: 7 ms",
            "mtu: 700 B",
            "framing: ppp",
            "queue: codel",
            "loss: 7 %",
            "jitter: { normal: 7 ms }",
            "reorder: 7 %",
            "duplicate: 7 %",
            "corrupt: 7 %",
            "up: { rate: 7 Mbit/s }",
            "down: { delay: 7 ms }",
        ],
    },
    Section {
        name: "a link's direction",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s, up: { @KEY@ } } } ]\n",
        keys: &[
            "rate: 7 Mbit/s",
            "trace: tests/data/trace.txt",
            "delay: 7 ms",
            "queue: { red: { ecn: true } }",
            "loss: { gilbert_elliott: { p: 1 %, r: 20 % } }",
            "jitter: { uniform: { span: 7 ms, reorder: true } }",
            "reorder: { p: 7 %, gap: 7, by: 7 ms }",
            "duplicate: 7 %",
            "corrupt: 7 %",
        ],
    },
    Section {
        name: "a link's defaults",
        file: "defaults: { link: { @KEY@ } }\nrouters: { r1: {}, r2: {}, r3: {} }\nlinks:\n  - r1 -- r2: { rate: 1 Mbit/s }\n  - r2 -- r3: { rate: 1 Mbit/s }\n  - r1 -- r3: { rate: 1 Mbit/s, cost: 2 }\n",
        keys: &[
            "mtu: 700 B",
            "framing: ethernet",
            "cost: 3",
            "delay: 7 ms",
            "queue: { droptail: { limit: 7 packets } }",
            "loss: 7 %",
            "jitter: 7 ms",
            "reorder: 7 %",
            "duplicate: 7 %",
            "corrupt: 7 %",
            "up: { delay: 7 ms }",
            "down: { delay: 7 ms }",
        ],
    },
    Section {
        name: "a host",
        file: "hosts: { a: {}, b: { @KEY@ } }\nlinks: [ { a -- b*: { rate: 1 Mbit/s } } ]\n",
        keys: &["address: 10.1.0.1/24", "count: 1", "resolver: a", "names: { www.test: a }"],
    },
    Section {
        name: "what all hosts have",
        file: "defaults: { host: { @KEY@ } }\nhosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: a, to: b, tcp: {} } }\n",
        keys: &["tcp: { cc: reno }", "resolver: a", "names: { www.test: 10.7.7.7 }"],
    },
    Section {
        name: "a host's resolver",
        file: "hosts: { a: {}, b: { resolver: { ask: a, @KEY@ } } }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\n",
        keys: &["timeout: 7 s", "attempts: 3", "cache: 7", "cache_ttl: 7 s"],
    },
    Section {
        name: "an authoritative name server",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, dns: { zones: { test: { records: [ www A a ] } }, @KEY@ } } }\n",
        keys: &["service: 7 ms", "silent: 7 %"],
    },
    Section {
        name: "a zone",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, dns: { zones: { test: { records: [ www A a ], @KEY@ } } } } }\n",
        keys: &["ttl: 7 s"],
    },
    Section {
        name: "a recursive resolver",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, resolver: { roots: a, @KEY@ } } }\n",
        keys: &["timeout: 7 s", "attempts: 7", "give_up: 7 s", "cache: 7", "max_ttl: 7 s", "max_negative_ttl: 7 s"],
    },
    Section {
        name: "a forwarder",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, forwarder: { to: a, @KEY@ } } }\n",
        keys: &["timeout: 7 s", "cache: 7", "max_ttl: 7 s", "max_negative_ttl: 7 s"],
    },
    Section {
        name: "look-ups of names",
        file: "hosts: { a: {}, b: { resolver: a } }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: b, dns: { names: [ www.test ], @KEY@ } } }\n",
        keys: &[
            "type: mx",
            "count: 7",
            "think: 7 ms",
            "think: 7 ms, think_times: exponential",
            "interval: 7 ms",
            "interval: 7 ms, interval_times: exponential",
            "arrivals: tests/data/arrivals.csv",
            "cache: 7",
            "cache: 7, cache_ttl: 7 s",
            "stop: 7 ms",
        ],
    },
    Section {
        name: "a replay of datagrams",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: a, to: b, replay: { arrivals: tests/data/arrivals.csv, @KEY@ } } }\n",
        keys: &["size: 7 B", "size: 700 B, sizes: exponential", "count: 7", "stop: 7 ms"],
    },
    Section {
        name: "a router",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: { @KEY@ } }\nlinks: [ { a -- r*: { rate: 1 Mbit/s } }, { r* -- b: { rate: 1 Mbit/s } } ]\n",
        keys: &[
            "count: 1",
            "alter: 7 %",
            "routes: [ { to: default, via: a } ]",
            "firewall: [ { deny: any } ]",
            "nat: { map: [ tcp port 80 of a to b port 8080 ] }",
            "nat: { map: [ tcp port 80 of a to b ] }, tracking: { udp: 7 s }",
        ],
    },
    Section {
        name: "a firewall",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: { firewall: { rules: [ { deny: udp } ], @KEY@ } } }\nlinks: [ { a -- r: { rate: 1 Mbit/s } }, { r -- b: { rate: 1 Mbit/s } } ]\n",
        keys: &["default: deny", "default: reject"],
    },
    Section {
        name: "a rule of a firewall",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: { firewall: [ { @KEY@ } ] } }\nlinks: [ { a -- r: { rate: 1 Mbit/s } }, { r -- b: { rate: 1 Mbit/s } } ]\n",
        keys: &[
            "allow: any",
            "deny: any",
            "reject: any",
            "reject: any, with: port",
            "reject: any, with: prohibited",
            "allow: tcp",
            "allow: tcp to b port 80",
            "allow: 'tcp port 80-90,443'",
            "allow: tcp from a port 80",
            "allow: any from 10.0.0.0/8 to b",
            "allow: 'any state established,related'",
        ],
    },
    Section {
        name: "translation of addresses",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: { nat: { masquerade: out, @KEY@ } } }\nlinks: [ { a -- r: { name: in, rate: 1 Mbit/s } }, { r -- b: { name: out, rate: 1 Mbit/s } } ]\n",
        keys: &[
            "map: udp port 53 to a",
            "map: [ tcp port 80 to a port 8080, udp port 53 to a ]",
            "mapping: endpoint",
            "hairpin: false",
        ],
    },
    Section {
        name: "what a router remembers",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: { nat: { masquerade: out }, tracking: { @KEY@ } } }\nlinks: [ { a -- r: { rate: 1 Mbit/s } }, { r -- b: { name: out, rate: 1 Mbit/s } } ]\n",
        keys: &["tcp_established: 7 s", "udp: 7 s", "udp_stream: 7 s", "icmp: 7 s"],
    },
    Section {
        name: "a service",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, store: {}, @KEY@ } }\n",
        keys: &["port: 777", "tcp: { cc: reno }"],
    },
    Section {
        name: "a workload entry",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: a, to: b, ping: {}, @KEY@ } }\n",
        keys: &["start: 7 ms", "count: 2", "count: 2, stagger: 7 ms", "port: 777"],
    },
    Section {
        name: "an expectation",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { name: wan, rate: 1 Mbit/s } } ]\nexperiment: { seeds: 2, sweep: { wan.delay: [ 1 ms, 2 ms ] } }\nexpect: [ { @KEY@ } ]\n",
        keys: &[
            "check: wan.drops == 0",
            "check: wan.drops == 0, confidence: 90 %",
            "check: wan.drops == 0, point: { wan.delay: 1 ms }",
            "same_as: tests/data/trace.txt",
            "same_as: tests/data/trace.txt, within: 7 %",
            "same_as: tests/data/trace.txt, within: 7 %, figures: [ a ]",
        ],
    },
    Section {
        name: "outputs",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: a, to: b, tcp: {} } }\noutputs: { @KEY@ }\n",
        keys: &[
            "tables: [ flows ]",
            "summary: { speed: w.goodput }",
            "series: { queue: [ a--b ], every: 7 ms }",
            "series: { cwnd: all }",
            "capture: [ a--b ]",
            "plots: [ cwnd ]",
            "report: false",
        ],
    },
    Section {
        name: "a capture",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\noutputs: { capture: { at: [ a->b ], @KEY@ } }\n",
        keys: &["first: 7 kB", "snap: 70 B"],
    },
    Section {
        name: "an event",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nservices: { s: { on: b, web: {} } }\n\
               workload: { h: { from: a, to: b, http: {} } }\nevents: [ { at: 7 ms, @KEY@ } ]\n",
        keys: &[
            "link: a--b, down: 2 ms",
            "link: a--b, down: true",
            "link: a--b, up: true",
            "link: a--b, set: { delay: 7 ms }",
            "link: a--b, set: { rate: 7 Mbit/s }",
            "link: a--b, set: { loss: 7 % }",
            "link: a--b, set: { limit: 7 packets }",
            "link: a--b, set: { trace: tests/data/trace.txt }",
            "server: s, down: 2 ms",
            "server: h, down: true",
            "server: [s, h], up: true",
        ],
    },
    Section {
        name: "the experiment",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nexperiment: { @KEY@ }\n",
        keys: &[
            "seeds: 3",
            "sweep: { a--b.delay: [ 7 ms ] }",
            "variants: { x: { a--b.delay: 7 ms } }",
            "zip: { a--b.delay: [ 7 ms ] }",
            "sample: { points: 1, over: { a--b.delay: 1 ms .. 7 ms } }",
            "sweep: { a--b.delay: [ 7 ms, 8 ms ] }, where: a--b.delay > 7 ms",
        ],
    },
    Section {
        name: "seeds until",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { name: wan, rate: 1 Mbit/s } } ]\nexperiment: { seeds: { @KEY@ } }\n",
        keys: &[
            "until: wan.drops, within: 3",
            "until: wan.marks, within: 3",
            "until: wan.drops, within: 4",
            "until: wan.drops, within: 3, confidence: 90 %",
            "until: wan.drops, within: 3, from: 4",
            "until: wan.drops, within: 3, round: 4",
            "until: wan.drops, within: 3, at_most: 44",
        ],
    },
    Section {
        name: "a sample",
        file: "hosts: { a: {}, b: {} }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nexperiment: { sample: { @KEY@ } }\n",
        keys: &[
            "points: 3, over: { a--b.delay: 1 ms .. 7 ms }",
            "points: 3, over: { a--b.delay: 1 ms .. 7 ms }, seed: 7",
            "points: 3, over: { a--b.delay: 1 ms .. 7 ms }, method: random",
        ],
    },
    Section {
        name: "TCP settings",
        file: "hosts: { a: {}, b: { tcp: { @KEY@ } } }\nlinks: [ { a -- b: { rate: 1 Mbit/s } } ]\nworkload: { w: { from: a, to: b, tcp: {} } }\n",
        keys: &[
            "profile: rfc",
            "cc: reno",
            "mss: 700 B",
            "send_buffer: 70 kB",
            "recv_buffer: 70 kB",
            "sack: false",
            "timestamps: false",
            "window_scaling: false",
            "ecn: true",
            "pacing: true",
            "rack: false",
            "tlp: false",
            "frto: false",
            "undo: false",
            "ack_compression: false",
            "reordering: 7",
            "nagle: false",
            "delayed_ack: false",
            "initial_window: 7",
            "idle_restart: false",
            "rto_min: 7 ms",
            "rto_initial: 7 s",
            "rto_max: 7 s",
            "tick: 7 ms",
            "msl: 7 s",
            "syn_retries: 7",
            "syn_linear: 7",
            "synack_retries: 7",
            "data_retries: 7",
            "orphan_retries: 7",
            "ecn_fallback: false",
            "gso: true",
            "send_overhead: 700 B",
            "recv_buffer_max: 7 MB",
            "fast_open: on",
            "fast_open: on, fast_open_queue: 7",
            "cork: true",
            "quickack: false",
            "user_timeout: 7 s",
            "keepalive: true",
            "keepalive_idle: 7 s",
            "keepalive_interval: 7 s",
            "keepalive_count: 7",
            "fin_timeout: 7 s",
            "notsent_lowat: 7 kB",
            "window_clamp: 7 kB",
        ],
    },
    Section {
        name: "routing",
        file: "hosts: { a: {}, b: {} }\nrouters: { r: {} }\nlinks: [ { a -- r: { rate: 1 Mbit/s } }, { r -- b: { rate: 1 Mbit/s } } ]\nevents: [ { at: 7 ms, link: r--b, down: true } ]\nrouting: { @KEY@ }\n",
        keys: &["convergence: 7 ms"],
    },
];

/// Keys that every file of their section has already, so that there is no «without».
const ALWAYS: &[&str] = &[
    "clockwire",
    "stop",
    "hosts",
    "links",
    "routing",
    "rate",
    "trace",
    "from",
    "to",
    "at",
    "arrivals",
    "link",
    "tcp",
    "check",
    "on",
    "ask",
    "zones",
    "records",
    "roots",
    "names",
    "rules",
    "masquerade",
];

fn meaning(text: &str) -> Result<String, String> {
    let text = format!("clockwire: 1\nstop: 1 s\n{text}");
    let options = LoadOptions::default();
    load_text("t.yaml", "t", &text, Path::new(env!("CARGO_MANIFEST_DIR")), &options)
        .map(|experiment| {
            let plans: Vec<String> =
                experiment.points.iter().map(|point| format!("{:?}{:?}", point.plan, point.values)).collect();
            let of_file = (&experiment.name, &experiment.about, experiment.repeats);
            let until = &experiment.until;
            format!("{of_file:?}{:?}{until:?}{:?}{:?}", experiment.seeds, experiment.expect, plans)
        })
        .map_err(|found| format!("{found}\n{text}"))
}

#[test]
fn every_accepted_key_bites() {
    let mut explained = 0;
    for Section { name, file, keys } in SECTIONS {
        let without = meaning(&file.replace("@KEY@", "")).or_else(|_| meaning(&file.replace("@KEY@", keys[0])));
        let without = without.unwrap_or_else(|error| panic!("{name}: {error}"));
        let mut seen = BTreeSet::new();
        for (index, key) in keys.iter().enumerate() {
            let file = match key.starts_with("rate") || key.starts_with("trace") {
                true => file.replace("rate: 1 Mbit/s, up", "up"),
                false => file.to_string(),
            };
            let down = "down: { rate: 1 Mbit/s }, up";
            let file = if file.contains("{ up: {") { file.replace("{ up", &format!("{{ {down}")) } else { file };
            let with = meaning(&file.replace("@KEY@", key)).unwrap_or_else(|error| panic!("{name}, `{key}`: {error}"));
            if index > 0 || file.contains("up: {") {
                assert!(with != without, "{name}: `{key}` changes nothing");
            }
            seen.extend(key.split(", ").filter_map(|part| part.split_once(':')).map(|(key, _)| key.trim().to_string()));
        }
        let error = meaning(&file.replace("@KEY@", "no_such_key: 1")).expect_err("an unknown key");
        let accepted = error
            .split("= help: accepted: ")
            .nth(1)
            .and_then(|rest| rest.lines().next())
            .unwrap_or_else(|| panic!("{error}"));
        let apps: Vec<&str> = match *name {
            "a service" => sim_protocols::SERVICES.iter().map(|service| service.name).collect(),
            _ => sim_protocols::APPS.iter().map(|app| app.name).collect(),
        };
        if let Some(section) = topologies::KEYS.iter().find(|section| section.name == *name) {
            let mut listed: Vec<&str> = section.keys.iter().map(|(key, ..)| *key).collect();
            listed.sort_unstable();
            let accepted: Vec<&str> = accepted
                .split(", ")
                .filter(|key| !matches!(*name, "a workload entry" | "a service") || !apps.contains(key))
                .collect();
            assert_eq!(listed, accepted, "{name}: what is listed and what is accepted");
            explained += 1;
        }
        for key in accepted.split(", ") {
            let known = ALWAYS.contains(&key) || apps.contains(&key) || seen.contains(key);
            assert!(known, "{name}: `{key}` is accepted, and no line of this test shows that it bites");
        }
    }
    assert_eq!(explained, topologies::KEYS.len(), "sections that are listed, and of which nothing is known here");
}
