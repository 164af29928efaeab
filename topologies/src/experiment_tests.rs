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

const FILE: &str = "clockwire: 1
stop: 1 s
hosts: { a: {}, b: {} }
links: [ { a -- b: { name: wan, rate: 1 Mbit/s, delay: 1 ms, queue: { droptail: { limit: 10 packets } } } } ]
";

fn points(experiment: &str) -> Vec<String> {
    let experiment = try_load(&format!("{FILE}experiment: {{ {experiment} }}\n")).unwrap_or_else(|e| panic!("{e}"));
    experiment.points.iter().map(|point| experiment.slug(point)).collect()
}

fn refusal(experiment: &str) -> String {
    try_load(&format!("{FILE}experiment: {{ {experiment} }}\n")).expect_err(experiment)
}

#[test]
fn a_condition_leaves_points_out() {
    let sweep = "sweep: { wan.delay: 10 ms .. 30 ms step 10 ms, wan.rate: [1 Mbit/s, 10 Mbit/s] }";
    let found = points(&format!("{sweep}, where: wan.rate * wan.delay <= 12.5 kB"));
    let all = ["10ms,wan.rate=1Mbitps", "10ms,wan.rate=10Mbitps", "20ms,wan.rate=1Mbitps", "30ms,wan.rate=1Mbitps"];
    assert_eq!(found, all.map(|rest| format!("wan.delay={rest}")));
    let found = points(&format!("{sweep}, where: [ wan.rate == 1 Mbit/s, wan.delay != 20 ms ]"));
    assert_eq!(found, ["wan.delay=10ms,wan.rate=1Mbitps", "wan.delay=30ms,wan.rate=1Mbitps"]);
    let variants = "variants: { plain: {}, codel: { wan.queue: codel } }, sweep: { wan.delay: [1 ms, 2 ms] }";
    let found = points(&format!("{variants}, where: [ variant != codel ]"));
    assert_eq!(found, ["variant=plain,wan.delay=1ms", "variant=plain,wan.delay=2ms"]);
    let found = points(&format!("{variants}, where: variant == plain and wan.delay == 1 ms or variant == codel"));
    assert_eq!(found, ["variant=plain,wan.delay=1ms", "variant=codel,wan.delay=1ms", "variant=codel,wan.delay=2ms"]);
    let found = points(&format!("{variants}, where: (variant == codel or variant == plain) and wan.delay == 2 ms"));
    assert_eq!(found, ["variant=plain,wan.delay=2ms", "variant=codel,wan.delay=2ms"]);
    // Also where another part decides.
    assert!(
        refusal(&format!("{variants}, where: wan.delay < 2 s or wan.dela < 2 ms"))
            .contains("did you mean `wan.delay`?")
    );
    assert!(refusal(&format!("{variants}, where: variant != codl")).contains("did you mean `codel`?"));
    assert!(refusal(&format!("{variants}, where: variant > codel")).contains("words have no order"));
    assert!(refusal(&format!("{variants}, where: wan.delay < 1 ms")).contains("leaves no point"));
    assert!(refusal(&format!("{variants}, where: wan.dela < 2 ms")).contains("did you mean `wan.delay`?"));
    assert!(refusal(&format!("{variants}, where: wan.delay < 2 Mbit/s")).contains("one side is a time"));
    let idle = try_load(&format!("{FILE}experiment: {{ {variants}, where: wan.delay < 1 s }}\n")).expect("it loads");
    assert!(idle.warnings.to_string().contains("leaves none out"), "{}", idle.warnings);
}

#[test]
fn what_is_zipped_goes_together() {
    let zip = "zip: { wan.rate: 1 Mbit/s .. 100 Mbit/s log 3, wan.queue.droptail.limit: [5 packets, 50 packets, 500 packets] }";
    let found = points(&format!("{zip}, sweep: {{ wan.delay: [1 ms, 2 ms] }}"));
    assert_eq!(found.len(), 6);
    assert_eq!(found[1], "wan.delay=1ms,wan.rate=10Mbitps,wan.queue.droptail.limit=50packets");
    assert!(
        refusal("zip: { wan.rate: [1 Mbit/s], wan.delay: [1 ms, 2 ms] }")
            .contains("has 2 values, and `wan.rate` 1 value")
    );
    assert!(refusal("zip: { wan.rate: [1 Mbit/s] }, sweep: { wan.rate: [2 Mbit/s] }").contains("in two ways"));
}

#[test]
fn a_sample_is_the_same_each_time_and_a_latin_one_has_a_value_in_each_part() {
    let over = "over: { wan.delay: 0 s .. 100 ms, wan.rate: 1 Mbit/s .. 1 Gbit/s log, wan.queue.droptail.limit: [5 packets, 50 packets] }";
    let load = |text: &str| {
        try_load(&format!("{FILE}experiment: {{ sample: {{ {text} }} }}\n")).unwrap_or_else(|e| panic!("{e}"))
    };
    let values = |experiment: &Experiment, at: usize| -> Vec<String> {
        experiment.points.iter().map(|point| point.values[at].clone()).collect()
    };
    let latin = load(&format!("points: 10, {over}"));
    let mut delays: Vec<u64> =
        values(&latin, 0).iter().map(|text| text.parse::<sim_core::Span>().expect("a span").ps()).collect();
    delays.sort_unstable();
    assert!(delays.iter().enumerate().all(|(part, ps)| ps / 10_000_000_000 == part as u64), "{delays:?}");
    let few = values(&latin, 2).iter().filter(|limit| *limit == "5 packets").count();
    assert_eq!(few, 5, "half of the parts each");
    // Written down once: no machine and no later version may draw others.
    assert_eq!(values(&latin, 0)[..3], ["35.55 ms", "49.8 ms", "82.79 ms"]);
    assert_eq!(values(&latin, 1)[..3], ["242.2 Mbit/s", "370 Mbit/s", "3.412 Mbit/s"]);
    let alone = load("points: 10, over: { wan.delay: 0 s .. 100 ms }");
    assert_eq!(values(&alone, 0), values(&latin, 0), "what is sampled beside it changes nothing");
    assert_ne!(values(&load(&format!("points: 10, seed: 2, {over}")), 0), values(&latin, 0));
    assert_ne!(values(&load(&format!("points: 10, method: random, {over}")), 0), values(&latin, 0));
    assert!(refusal("sample: { points: 3, over: { wan.delay: [1 ms, 2 ms] } }").contains("are the same"));
}

#[test]
fn names_of_folders_stay_short_and_differ() {
    let long = "x".repeat(60);
    let variants = format!("variants: {{ {long}a: {{}}, {long}b: {{ wan.delay: 2 ms }} }}");
    let found = points(&variants);
    assert!(found[0] != found[1] && found.iter().all(|name| name.len() < 80), "{found:?}");
}
