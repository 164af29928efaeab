use std::path::Path;

use super::*;

fn try_load(text: &str) -> Result<Experiment, String> {
    load_text("t.yaml", "t", text, Path::new(""), &LoadOptions::default()).map_err(|found| found.to_string())
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

#[test]
fn large_generated_networks_resolve() {
    for (generate, nodes) in [
        ("fat_tree: { k: 16, access: { rate: 1 Gbit/s }, fabric: { rate: 1 Gbit/s } }", 1024 + 320),
        ("random: { routers: 300, hosts: 3000, access: { rate: 1 Gbit/s }, link: { rate: 1 Gbit/s } }", 3300),
    ] {
        let text = format!(
            "clockwire: 1\nstop: 1 s\ngenerate: {{ {generate} }}\nworkload: {{ w: {{ from: host*, to: host1, ping: {{}} }} }}\n"
        );
        let text = text.replace("from: host*", "from: [host2, host3*]");
        let experiment = try_load(&text).unwrap_or_else(|e| panic!("{e}"));
        let plan = &experiment.points[0].plan;
        assert_eq!(plan.nodes.len(), nodes);
        assert!(plan.nodes.iter().all(|node| !node.tables[0].is_empty()));
    }
}
