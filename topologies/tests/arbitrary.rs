//! No text makes the reader panic or hang.

use std::path::Path;

use proptest::prelude::*;
use topologies::{LoadOptions, load_text};

const SEED: &str = "clockwire: 1
stop: 10 s
seed: 3
defaults: { link: { mtu: 1500 B, rate: 1 Mbit/s }, host: { tcp: { cc: cubic } } }
generate: { dumbbell: { pairs: 2 } }
hosts: { client: { count: 2 }, server: {}, other: { address: 10.9.0.1/24 } }
routers: { r3: { routes: [ { to: default, via: r1 } ] }, r4: {} }
links:
  - client* -- r1: { name: access, up: { rate: 1 Mbit/s }, down: { delay: 2 ms } }
  - r1 -- r3: { name: wan, loss: 1 %, queue: { codel: { target: 5 ms } }, addresses: [10.8.0.1/31, 10.8.0.0/31] }
  - r3 -> server: {}
  - server -> r3: {}
  - other -- r4: {}
  - r3 -- r4: { jitter: 2 ms, cost: 3, framing: ethernet }
events: [ { at: 1 s, link: wan, down: 2 s }, { at: 2 s, link: [access, wan.forward], set: { rate: 5 Mbit/s } } ]
workload:
  a: { from: client*, to: server, tcp: { bytes: 1 MB }, count: 2, stagger: 1 ms }
  b: { from: [left1], to: right1, cbr: { rate: 1 Mbit/s, size: 100 B }, start: 1 s }
experiment: { variants: { x: {}, y: { wan.queue: droptail } }, sweep: { wan.delay: [1 ms, 2 ms] }, seeds: [1, 2] }
outputs: { series: { cwnd: [a], queue: all, every: 1 ms }, capture: [ wan ], plots: [ cwnd, { cdf: { x: [y] } } ] }
expect: [ a.goodput > 1 Mbit/s, { check: b.loss < 1 %, confidence: 95 % } ]
";

/// Words that mean something somewhere.
const WORDS: &[&str] = &[
    "~",
    "{}",
    "[]",
    "-1",
    "0",
    "1.5",
    "99999999999999999999",
    "*",
    "\"*\"",
    "a*",
    "*1",
    "r1",
    "client",
    "server -- r1",
    "->",
    "--",
    "1 %",
    "101 %",
    "0 s",
    "18446744073709551615 ps",
    "5 packets",
    "0 B",
    "true",
    "all",
    "wan",
    "left1",
    "10.0.0.1/24",
    "10.0.0.0/8",
    "255.255.255.255/31",
    "default",
    "dijkstra",
    "fat_tree: { k: 64 }",
    "{ star: { hosts: 3 } }",
    "&a [*a]",
    "<<: {}",
    "count: 1000001",
    "wan.delay.x",
    "links.wan",
    "generate.dumbbell.pairs",
    "tcp",
    "queue",
    "..",
    ".",
    ":",
    "\n",
    "  ",
    "\t",
];

fn check(text: &str, sets: Vec<String>) {
    let _ = load_text("t.yaml", "t", text, Path::new("/nonexistent"), &LoadOptions { sets, ..LoadOptions::default() })
        .map_err(|found| found.to_string());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_text(text in "\\PC{0,200}", lines in "([ -~]{0,20}\n){0,10}") {
        check(&text, Vec::new());
        check(&lines, Vec::new());
        check(SEED, vec![text]);
    }

    #[test]
    fn a_right_file_spoiled(spoils in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..12, any::<proptest::sample::Index>()), 1..6)) {
        let mut text = SEED.to_string();
        for (at, cut, word) in spoils {
            let at = at.index(text.len());
            let end = (at + cut).min(text.len());
            text.replace_range(at..end, WORDS[word.index(WORDS.len())]);
        }
        check(&text, Vec::new());
    }

    #[test]
    fn a_word_in_another_place(from in any::<proptest::sample::Index>(), word in any::<proptest::sample::Index>(), set in any::<proptest::sample::Index>()) {
        let pieces: Vec<&str> = SEED.split_inclusive([' ', ',', '\n']).collect();
        let at = from.index(pieces.len());
        let mut text: Vec<&str> = pieces.clone();
        text[at] = WORDS[word.index(WORDS.len())];
        check(&text.concat(), vec![format!("{}={}", set.get(&pieces), WORDS[word.index(WORDS.len())])]);
    }
}

#[test]
fn the_right_file_is_right() {
    let options = LoadOptions::default();
    let experiment = load_text("t.yaml", "t", SEED, Path::new(""), &options).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(experiment.points.len(), 4);
}
