//! What files mean: expansion, addresses, routes, points.

use std::path::{Path, PathBuf};

use topologies::{Experiment, LoadOptions, Plan, load_text};

fn try_load(text: &str, sets: &[&str]) -> Result<Experiment, String> {
    let options = LoadOptions { sets: sets.iter().map(|set| set.to_string()).collect(), ..LoadOptions::default() };
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    load_text("t.yaml", "t", text, dir, &options).map_err(|found| found.to_string())
}

fn load(text: &str) -> Experiment {
    try_load(text, &[]).unwrap_or_else(|error| panic!("{error}"))
}

fn plan(text: &str) -> Plan {
    load(text).points.remove(0).plan
}

/// A node's table at an epoch as `10.0.0.0/30 0 1`: prefix and ports.
fn table(plan: &Plan, node: &str, epoch: usize) -> Vec<String> {
    let node = &plan.nodes[plan.node(node).expect("a node") as usize];
    let line = |route: &topologies::RoutePlan| {
        let ports: Vec<String> = route.hops.iter().map(|hop| format!(" {}", hop.port)).collect();
        format!("{}/{}{}", route.to, route.prefix, ports.concat())
    };
    node.tables[epoch].iter().map(line).collect()
}

const LINE: &str = "clockwire: 1
stop: 10 s
defaults: { link: { rate: 1 Gbit/s, delay: 1 ms } }
";

fn with(rest: &str) -> String {
    format!("{LINE}{rest}")
}

#[test]
fn sample_networks_resolve() {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("a directory").map(|file| file.expect("a file").path()).collect();
    files.sort();
    for file in files.iter().filter(|file| file.extension().is_some_and(|extension| extension == "yaml")) {
        let name = file.file_name().expect("a name").to_string_lossy();
        let experiment = load(&format!("clockwire: 1\nstop: 1 s\ntopology: {name}\n"));
        let plan = &experiment.points[0].plan;
        assert!(plan.nodes.len() >= 5, "{name}");
        let again = load(&experiment.points[0].as_written(3));
        assert_eq!(again.points[0].as_written(3), experiment.points[0].as_written(3), "{name} flattens to itself");
        assert_eq!(format!("{:?}", again.points[0].plan), format!("{plan:?}"), "{name} means the same when flat");
        assert_eq!(again.seeds, [3]);
        seen += 1;
    }
    assert_eq!(seen, 7);
}

#[test]
fn counts_and_wildcards_expand_in_natural_order() {
    let plan = plan(&with(
        "hosts: { c: { count: 11 }, s: { count: 11 } }
routers: { r: {} }
links:
  - c* -- r: { name: access }
  - r -> s*: {}
  - s* -> r: {}
workload:
  x: { from: c*, to: s*, tcp: { bytes: 1 kB } }
",
    ));
    let names: Vec<&str> = plan.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names[..3], ["c1", "c2", "c3"]);
    assert_eq!(plan.flows[1].name, "x2");
    assert_eq!(plan.nodes[plan.flows[1].to as usize].name, "s2");
    assert_eq!(plan.nodes[plan.flows[10].to as usize].name, "s11");
    assert_eq!(plan.ports_of("access").len(), 22);
    assert_eq!(plan.ports_of("access.forward").len(), 11);
    assert_eq!(plan.flows_of("x").len(), 11);
    assert_eq!(plan.flows_of("x3"), [2]);
}

#[test]
fn addresses_follow_the_file_and_keep_away_from_given_ones() {
    let plan = plan(&with(
        "hosts: { a: {}, b: { address: 10.0.0.9/29 }, c: { address: 10.0.0.10/29 } }
routers: { r: {} }
links:
  - a -- r: {}
  - r -- b: {}
  - r -- c: {}
  - a -- b: { name: direct, addresses: [192.168.1.1/24, 192.168.1.2/24] }
",
    ));
    let addresses: Vec<String> = plan
        .links
        .iter()
        .map(|link| {
            format!(
                "{} {}/{}",
                link.name, plan.ports[link.forward as usize].address, plan.ports[link.reverse as usize].address
            )
        })
        .collect();
    assert_eq!(
        addresses,
        [
            "a--r 10.0.0.1/10.0.0.2",
            "r--b 10.0.0.11/10.0.0.9",
            "r--c 10.0.0.12/10.0.0.10",
            "direct 192.168.1.1/192.168.1.2"
        ]
    );
    // Two links in one network: their ends are routed one by one.
    assert_eq!(table(&plan, "r", 0)[..2], ["10.0.0.9/32 1", "10.0.0.10/32 2"]);
}

const DIAMOND: &str = "routers: { a: {}, b: {}, c: {}, d: {} }
hosts: { x: {}, y: {} }
links:
  - x -- a: {}
  - a -- b: { name: up1 }
  - a -- c: { name: low1 }
  - b -- d: { name: up2 }
  - c -- d: { name: low2 }
  - d -- y: {}
routing: { convergence: 100 ms }
events:
  - { at: 1 s, link: up1, down: 2 s }
workload: { f: { from: x, to: y, tcp: { bytes: 1 kB } } }
";

#[test]
fn equal_costs_are_kept_and_failures_reroute() {
    let plan = plan(&with(DIAMOND));
    assert_eq!(table(&plan, "a", 0).last().expect("a route"), "10.0.0.20/30 1 2", "both ways to y");
    assert_eq!(table(&plan, "a", 1).last().expect("a route"), "10.0.0.16/29 2", "the lower way alone");
    assert_eq!(table(&plan, "a", 2), table(&plan, "a", 0));
    assert_eq!(table(&plan, "x", 0), ["0.0.0.0/0 0"]);
    let times: Vec<String> = plan
        .reroutes
        .iter()
        .map(|reroute| format!("{} {} {}", reroute.at, plan.nodes[reroute.node as usize].name, reroute.table))
        .collect();
    assert!(times.contains(&"1.1 s a 1".to_string()) && times.contains(&"3.1 s a 2".to_string()), "{times:?}");
}

#[test]
fn costs_decide() {
    let text = with(DIAMOND).replace("{ name: low2 }", "{ name: low2, cost: 3 }");
    assert_eq!(table(&plan(&text), "a", 0).last().expect("a route"), "10.0.0.20/30 1");
}

#[test]
fn hosts_do_not_forward() {
    let text = with(
        "hosts: { a: {}, b: {}, c: {} }\nlinks: [ { a -- b: {} }, { b -- c: {} } ]\nworkload: { f: { from: a, to: c, tcp: {} } }\n",
    );
    let error = try_load(&text, &[]).expect_err("no way");
    assert!(error.contains("`b`, a host that does not forward, is on the way"), "{error}");
}

#[test]
fn static_routes_are_followed() {
    let text = with(
        "hosts: { x: {}, y: {} }
routers:
  a: { routes: [ { to: y, via: b }, { to: 10.9.0.0/16, via: b } ] }
  b: { routes: [ { to: default, via: a } ] }
links: [ { x -- a: {} }, { a -- b: {} }, { b -- y: {} } ]
workload: { f: { from: x, to: y, tcp: {} } }
",
    );
    assert_eq!(table(&plan(&text), "a", 0), ["10.0.0.0/30 0", "10.0.0.4/30 1", "10.0.0.8/30 1", "10.9.0.0/16 1"]);
    let looped = text.replace("{ to: y, via: b }, ", "");
    let error = try_load(&looped, &[]).expect_err("no route");
    assert!(error.contains("there is no route beyond `a` on the way from `x` to `y`"), "{error}");
    let stranger = text.replace("{ to: y, via: b }", "{ to: y, via: x1 }");
    let error = try_load(&stranger, &[]).expect_err("no neighbour");
    assert!(error.contains("`x1` is no neighbour of `a`") && error.contains("its neighbours are x, b"), "{error}");
}

#[test]
fn sweeps_and_variants_multiply() {
    let text = with(DIAMOND).replace(
        "workload:",
        "experiment:
  variants:
    plain: {}
    slow: { up1.rate: 1 Mbit/s }
  sweep: { low1.delay: [2 ms, 3 ms], stop: [20 s, 30 s] }
  seeds: 3
seed: 5
workload:",
    );
    let experiment = load(&text);
    assert_eq!(experiment.dimensions, ["variant", "low1.delay", "stop"]);
    assert_eq!(experiment.points.len(), 8);
    assert_eq!(experiment.seeds, [5, 6, 7]);
    let last = &experiment.points[7];
    assert_eq!(last.values, ["slow", "3 ms", "30 s"]);
    assert_eq!(experiment.slug(last), "variant=slow,low1.delay=3ms,stop=30s");
    assert_eq!(last.plan.stop.to_string(), "30 s");
    let port = |name: &str| &last.plan.ports[last.plan.ports_of(name)[0] as usize];
    assert_eq!(port("low1").config.delay.to_string(), "3 ms");
    assert_eq!(port("up1").rate().expect("a rate").to_string(), "1 Mbit/s");
    let flat = last.flat(5);
    assert_eq!(format!("{:?}", load(&flat).points[0].plan), format!("{:?}", last.plan));
}

#[test]
fn workloads_can_be_chosen_one_at_a_time() {
    let text = with(DIAMOND).replace(
        "workload: {",
        "experiment: { variants: { workload: [g, h] } }\nworkload: { g: { from: x, to: y, tcp: {} }, h: { from: y, to: x, tcp: {} },",
    );
    let experiment = load(&text);
    let names: Vec<Vec<&str>> =
        experiment.points.iter().map(|point| point.plan.workloads.iter().map(String::as_str).collect()).collect();
    assert_eq!(names, [["g", "f"], ["h", "f"]]);
}

#[test]
fn overrides_win() {
    let text = with(DIAMOND);
    let experiment =
        try_load(&text, &["links.up1.rate=50 Mbit/s", "low1.cost=7", "seed=9", "defaults.link.delay=2 ms"])
            .expect("fine");
    let plan = &experiment.points[0].plan;
    assert_eq!(plan.ports[plan.ports_of("up1")[0] as usize].rate().expect("a rate").to_string(), "50 Mbit/s");
    assert_eq!(plan.ports[0].config.delay.to_string(), "2 ms");
    assert_eq!(experiment.seeds, [9]);
    assert_eq!(
        try_load(&text, &["up.rate=5 Mbit/s"]).expect_err("unknown"),
        "error: a path starts with a name that is there: no link, workload, host, router or section is called `up`
 --> --set:1:1
  |
1 | up.rate=5 Mbit/s
  | ^^^^^^^
  = help: did you mean `up1`?
"
    );
    assert_eq!(
        try_load(&text, &["up1.rate=5 Mbits"]).expect_err("wrong unit"),
        "error: `5 Mbits` is not a rate: unknown unit `Mbits`; did you mean `5 Mbit/s`?
 --> --set:1:10
  |
1 | up1.rate=5 Mbits
  |          ^^^^^^^
  = path: links[1].\"a -- b\".rate
"
    );
}

#[test]
fn generators_can_be_swept_and_refined() {
    let text = "clockwire: 1
stop: 1 s
topology: dumbbell.yaml
links:
  - r1 -- right1: { rate: 1 Mbit/s, name: shortcut }
  - bottleneck -- x: {}
experiment: { sweep: { generate.dumbbell.pairs: [1, 3], bottleneck.rate: [1 Mbit/s] } }
";
    let text = text.replace("  - bottleneck -- x: {}\n", "  - left1 -- r1: { rate: 7 Mbit/s }\n");
    let experiment = load(&text);
    assert_eq!(experiment.points.iter().map(|point| point.plan.nodes.len()).collect::<Vec<_>>(), [4, 8]);
    let plan = &experiment.points[1].plan;
    let rate = |name: &str| plan.ports[plan.ports_of(name)[0] as usize].rate().expect("a rate").to_string();
    assert_eq!([rate("bottleneck"), rate("left1--r1"), rate("left2--r1")], ["1 Mbit/s", "7 Mbit/s", "1 Gbit/s"]);
}

#[test]
fn cuts_are_balanced_and_keep_zero_delay_links_whole() {
    let text = "clockwire: 1
stop: 1 s
topology: fat-tree.yaml
workload: { f: { from: [host1, host2, host3, host4, host5, host6, host7, host8], to: host16, tcp: {} } }
";
    let plan = plan(text);
    for shards in 1..=8 {
        let cut = plan.partition(shards);
        let mut sizes = vec![0; shards];
        cut.iter().for_each(|shard| sizes[*shard as usize] += 1);
        assert!(sizes.iter().all(|size| *size > 0), "{shards}: {sizes:?}");
        assert_eq!(plan.look_ahead(&cut).map(|span| span.to_string()), (shards > 1).then(|| "5 us".to_string()));
        assert_eq!(cut, plan.partition(shards));
    }
}

#[test]
fn the_file_with_every_key_means_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/every-key.yaml");
    let experiment = topologies::load(&path, &LoadOptions::default()).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(experiment.points.len(), 8);
    let plan = &experiment.points[0].plan;
    let flows: Vec<String> = plan.flows.iter().map(|flow| format!("{} {}", flow.name, flow.config.start)).collect();
    assert_eq!(flows[..5], ["bulk 100 ms", "rest1 0 s", "rest2 10 ms", "rest3 20 ms", "rest4 30 ms"]);
    let lan = &plan.ports[plan.ports_of("lan.forward")[0] as usize].config.impairments;
    let forced: Vec<String> = lan.forced.iter().map(|rule| format!("{:?} {:?}", rule.flow, rule.numbers)).collect();
    assert_eq!(forced, ["Some(1) [200, 203]", "None [1]"]);
    assert_eq!(plan.outputs.sampled.len(), 3);
    assert_eq!(experiment.expect[1].check, "rest.latency.p99 < 5 s");
    let warnings: Vec<&str> = experiment.warnings.0.iter().map(|warning| warning.message.as_str()).collect();
    assert_eq!(warnings, ["the host `c` has no link"]);
}

#[test]
fn tcp_settings_come_in_layers() {
    let plan = plan(
        &with(
            "defaults: { host: { tcp: { cc: reno, recv_buffer: 1 MB, nagle: false } } }
hosts: { a: { tcp: { recv_buffer: 2 MB } }, b: {} }
links: [ { a -- b: { rate: 1 Mbit/s, delay: 1 ms, mtu: 1400 B } } ]
workload:
  x: { from: a, to: b, tcp: { bytes: 1 kB, cc: { fixed: { window: 7 } } } }
  y: { from: b, to: a, request: { recv_buffer: 3 MB } }
",
        )
        .replace("defaults: { link: { rate: 1 Gbit/s, delay: 1 ms } }\n", ""),
    );
    let of =
        |flow: usize| plan.flows[flow].tcp.each_ref().map(|tcp| (tcp.cc.name(), tcp.recv_buffer, tcp.nagle, tcp.mss));
    assert_eq!(of(0), [("fixed", 2_000_000, false, 1360), ("fixed", 1_000_000, false, 1360)]);
    assert_eq!(of(1), [("reno", 3_000_000, false, 1360), ("reno", 3_000_000, false, 1360)]);
}

#[test]
fn a_plan_becomes_a_world_on_any_number_of_shards() {
    let plan = plan(&with(DIAMOND));
    for shards in 1..=8 {
        let mut world = sim_core::WorldBuilder::new(1);
        (0..plan.nodes.len() as u32).for_each(|node| {
            world.node(sim_protocols::Router::new(topologies::ip_config(&plan, node)));
        });
        topologies::wire(&plan, &mut world);
        world.probes(topologies::probes(&plan, Vec::new()));
        let cut = plan.partition(shards);
        let used = *cut.iter().max().expect("nodes") as usize + 1;
        assert!(used <= shards && used >= shards.min(2), "{shards}: {cut:?}");
        let world = world.build(&cut);
        if shards > 1 {
            assert_eq!(Some(world.look_ahead()), plan.look_ahead(&cut));
        }
        world.run(plan.stop, shards, &|_| ());
    }
}
