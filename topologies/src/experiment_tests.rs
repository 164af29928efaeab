use std::path::Path;

use super::*;

fn try_load(text: &str) -> Result<Experiment, String> {
    load_text("t.yaml", "t", text, Path::new(""), &LoadOptions::default()).map_err(|found| found.to_string())
}

const SMALL: &str = "clockwire: 1
stop: 10 s
hosts:
  client: { count: 2 }
  server: {}
routers: { r1: {}, r2: {} }
links:
  - client* -- r1: { rate: 1 Gbit/s, delay: 1 ms }
  - r1 -- r2: { name: wan, rate: 10 Mbit/s, delay: 20 ms }
  - r2 -- server: { rate: 1 Gbit/s, delay: 1 ms }
workload:
  bulk: { from: client*, to: server, tcp: { bytes: 1 MB } }
outputs: { series: { cwnd: all, queue: [wan], every: 10 ms } }
";

#[test]
fn small() {
    match try_load(SMALL) {
        Ok(experiment) => println!("{:#?}\n{}", experiment.points[0].plan, experiment.points[0].flat(7)),
        Err(text) => panic!("{text}"),
    }
}

#[test]
fn bad() {
    for (from, to) in [
        ("delay: 20 ms", "dealy: 20 ms"),
        ("delay: 20 ms", "delay: 20"),
        ("to: server", "to: sevrer"),
        ("r1 -- r2", "r1 -- r3"),
        ("from: client*", "from: client"),
        ("queue: [wan]", "queue: [wam]"),
        ("stop: 10 s\n", ""),
        ("  - r2 -- server", "  - r2 -- r1: {}\n  - r2 -- server"),
        ("  - r1 -- r2: { name: wan, rate: 10 Mbit/s, delay: 20 ms }", ""),
    ] {
        let text = SMALL.replacen(from, to, 1);
        println!("--------\n{}", try_load(&text).map_or_else(|e| e, |e| e.warnings.to_string()));
    }
}

#[test]
fn twenty_thousand_hosts_load_fast() {
    let mut text =
        String::from("clockwire: 1\nstop: 1 s\ndefaults: { link: { rate: 1 Gbit/s, delay: 1 ms } }\nhosts:\n");
    (0..20_000).for_each(|i| text += &format!("  h{i}: {{}}\n"));
    text += "routers: { r1: {}, r2: {} }\nlinks:\n  - r1 -- r2: {}\n";
    (0..20_000).for_each(|i| text += &format!("  - h{i} -- r{}: {{ delay: {} us }}\n", i % 2 + 1, i + 1));
    text += "workload:\n  all: { from: h*, to: h0, tcp: { bytes: 1 kB } }\n";
    let text = text.replace("from: h*", "from: [h1*, h2*]");
    let experiment = try_load(&text).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(experiment.points[0].plan.nodes.len(), 20_002);
}
