//! Checks from their text to their verdict, over runs of small experiments.

use std::path::Path;

use topologies::Experiment;

use super::{Judgement, Program, Value};
use crate::run::{How, simulate};

/// Two flows over a bottleneck, requests, a ping, datagrams.
const FILE: &str = "clockwire: 1
name: t
stop: 5 s
generate:
  dumbbell:
    pairs: 4
    access: { rate: 100 Mbit/s, delay: 1 ms }
    bottleneck: { rate: 10 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 50 packets } } }
workload:
  bulk: { from: [left1, left2], to: [right1, right2], tcp: {} }
  web: { from: left3, to: right3, request: {} }
  echo: { from: left4, to: right4, ping: {} }
  voice: { from: left4, to: right4, cbr: { rate: 100 kbit/s } }
outputs:
  series: { queue: [bottleneck], cwnd: [bulk], every: 10 ms }
";

fn load(file: &str, checks: &[&str]) -> Experiment {
    let lines: Vec<String> = checks.iter().map(|check| format!("  - \"{check}\"\n")).collect();
    let text = format!("{file}expect:\n{}", lines.concat());
    let options = crate::load_options(&[], None);
    topologies::load_text("t.yaml", "t", &text, Path::new(""), &options).unwrap_or_else(|wrong| panic!("{wrong}"))
}

fn judge(experiment: &Experiment) -> Vec<Judgement> {
    let program = Program::new(experiment).unwrap_or_else(|wrong| panic!("{wrong}"));
    let measured: Vec<Vec<Vec<Option<Value>>>> = experiment
        .points
        .iter()
        .enumerate()
        .map(|(at, point)| {
            let run = |seed: &u64| simulate(&point.plan, *seed, How::default(), &|_| {}).0;
            let measured = |seed: &u64| program.recall(at, &program.measure(at, &point.plan, &run(seed)));
            experiment.seeds.iter().map(measured).collect()
        })
        .collect();
    program.judge(experiment, &measured)
}

/// What is wrong with a check, without the place.
fn refused(file: &str, check: &str) -> String {
    let found = Program::new(&load(file, &[check])).err().unwrap_or_else(|| panic!("`{check}` is accepted"));
    let only = &found.0[0];
    let place = only.place.as_ref().expect("it stands in the file");
    let part: String = place.text.chars().skip(place.column as usize - 1).take(place.len as usize).collect();
    format!("{} @ {part} @ {}", only.message, only.help.join(" | "))
}

#[test]
fn checks_that_hold() {
    let checks = [
        "bulk.goodput > 0.1 Mbit/s",
        "bulk1.goodput > 100 kbit/s",
        "bulk*.goodput > 100 kbit/s",
        "sum(bulk.goodput) between 8 Mbit/s and 10 Mbit/s",
        "sum(bulk.goodput) == bulk1.goodput + bulk2.goodput",
        "bulk.goodput <= max(bulk.goodput)",
        "jain(bulk) == (bulk1.goodput + bulk2.goodput) * (bulk1.goodput + bulk2.goodput) / (2 * (bulk1.goodput * bulk1.goodput + bulk2.goodput * bulk2.goodput))",
        "bottleneck.utilization > 90 %",
        "bottleneck.utilization == bottleneck.forward.utilization",
        "left1->r1.sent == left1--r1.forward.sent",
        "bottleneck.drops == sum(links.drops)",
        "bottleneck.sent_packets == bottleneck.forward.sent + bottleneck.reverse.sent",
        "bottleneck.queue_max == 50 packets",
        "bottleneck.queue.max <= bottleneck.limit",
        "bottleneck.queue[1 s..2 s].count == 101",
        "bottleneck.delay.max <= 62 ms",
        "bottleneck.propagation * 2 + 4 ms == 24 ms",
        "bottleneck.rate == 10 Mbit/s",
        "count(bulk.outcome == running) == 2",
        "bulk.outcome == running",
        "bulk.outcome != reset",
        "bulk.cwnd.max > 10",
        "bulk.throughput[1 s..].mean > 1 kbit/s",
        "bulk.rtt.p50 < bulk.rtt.p99",
        "count(web.requests.outcome == finished) > 10",
        "count(web.requests.outcome == running) == 1",
        "count(web.requests.latency) == count(web.requests.outcome == finished)",
        "count(web.latency) > 10",
        "count(web.latency < 1 h) == web.latency.count",
        "share(web.latency < 1 h) == 100 %",
        "web.latency.min <= web.latency.p50",
        "web.latency < 10 s",
        "echo.ping.rtt > 24 ms",
        "voice.delay.p99 < 0.1 s",
        "voice.lost >= 0",
        "bulk1.duration <= 5 s",
        "-1 < 0",
        "abs(0 - sqrt(4)) == 2",
    ];
    for judgement in judge(&load(FILE, &checks)) {
        assert!(judgement.holds, "{judgement}");
    }
}

#[test]
fn a_check_that_fails_says_by_how_much() {
    let checks = [
        "bottleneck.limit < 20 packets",
        "bottleneck.rate between 11 Mbit/s and 12 Mbit/s",
        "bulk.outcome == finished",
    ];
    let says: Vec<String> = judge(&load(FILE, &checks)).iter().map(ToString::to_string).collect();
    assert_eq!(
        says,
        [
            "FAILED bottleneck.limit < 20 packets: 50 is not below 20, off by 30",
            "FAILED bottleneck.rate between 11 Mbit/s and 12 Mbit/s: 10 Mbit/s is below 11 Mbit/s, off by 1 Mbit/s",
            "FAILED bulk.outcome == finished: bulk1: running is not finished",
        ]
    );
}

#[test]
fn nothing_measured_is_no_success() {
    let found = judge(&load(FILE, &["web.latency[0 s..1 ns].p99 < 1 s", "web.close.max < 1 s"]));
    assert!(found.iter().all(|judgement| !judgement.holds && judgement.says.contains("no value")), "{found:?}");
}

#[test]
fn wrong_checks_are_refused_before_the_run() {
    for (check, wrong) in [
        ("bulk.godput > 1 Mbit/s", "`bulk` has no `godput` @ bulk.godput @ did you mean `goodput`?"),
        ("blk.goodput > 1 Mbit/s", "there is no flow and no link `blk` @ blk.goodput @ did you mean `bulk`?"),
        ("bulk > 1 Mbit/s", "what of `bulk` is meant? @ bulk @ as in `bulk.goodput`"),
        (
            "bulk.goodput > 1",
            "one side is a rate, the other is a plain number @ 1 @ a quantity needs its unit, as in `9.4 Mbit/s`",
        ),
        ("bulk.goodput > 1 s", "one side is a rate, the other is a time @ 1 s @ "),
        (
            "bottleneck.utilization > 80",
            "a share is compared with a bare number @ 80 @ some mean percent by it and some a fraction: write `80 %`",
        ),
        ("bulk.goodput > web.latency", "one side is a rate, the other is a time"),
        ("bulk.goodput > links.utilization", "one side is a rate, the other is a plain number"),
        ("bulk.bytes > web.requests.number * 1 B", "both sides have many values, and not of the same things"),
        ("bulk.outcome == finishd", "it is never `finishd` @ finishd @ did you mean `finished`?"),
        ("bulk.outcome > finished", "words have no order"),
        ("mean(bulk.outcome) > 1", "words cannot be computed with"),
        ("bulk.outcome.max > 1", "words have no such statistic"),
        ("jian(bulk) > 1", "there is no function `jian` @ jian @ did you mean `jain`?"),
        ("bulk.rtt.p9x > 1 s", "`p9x` is no statistic"),
        ("bulk.goodput[x=1] > 1 bit/s", "the experiment has no dimension `x`"),
        (
            "bulk.goodput[1 s..] > 1 bit/s",
            "the table `flows` has one row, at the end: there is nothing to cut a window from",
        ),
        ("left1--r1.queue.mean > 1", "the queue of `left1--r1` is not sampled"),
        ("web.cwnd.max > 1", "`web` is not traced, so its table `tcp` is empty"),
        (
            "bulk.drops.length.max > 1 B",
            "the table `drops` is not recorded @ bulk.drops.length.max @ as in `outputs: { tables: [drops] }`",
        ),
        ("share(web.latency) > 1 %", "`share` needs a test"),
        ("sqrt(bulk.goodput) > 1", "`sqrt` of a rate"),
        ("point(wan.delay) > 1 s", "the experiment has no dimension `wan.delay`"),
    ] {
        let found = refused(FILE, check);
        assert!(found.starts_with(wrong), "{check}: {found}");
    }
}

const SWEEP: &str = "clockwire: 1
name: t
stop: 2 s
hosts: { a: {}, b: {} }
links: [ { a -- b: { name: wan, rate: 10 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 20 packets } } } } ]
workload:
  one: { from: a, to: b, tcp: {} }
  two: { from: a, to: b, tcp: { cc: reno } }
experiment:
  variants: { workload: [ one, two ] }
  sweep: { wan.delay: [ 10 ms, 40 ms ] }
  seeds: 3
";

#[test]
fn points_are_named_in_brackets_or_by_what_runs_there() {
    let experiment = load(
        SWEEP,
        &[
            "flows.rtt_min > point(wan.delay)",
            "flows.rtt_min[wan.delay=10ms] < flows.rtt_min[wan.delay=40 ms]",
            "one.rtt_min == two.rtt_min",
            "one.goodput > 0.1 Mbit/s",
        ],
    );
    let found = judge(&experiment);
    let points = |check: usize| -> Vec<&str> {
        let text = &experiment.expect[check].check;
        found.iter().filter(|judgement| judgement.check == *text).map(|judgement| judgement.point.as_str()).collect()
    };
    assert!(found.iter().all(|judgement| judgement.holds), "{found:?}");
    assert_eq!(points(0).len(), 4);
    assert_eq!(points(1), ["workload=one", "workload=two"]);
    assert_eq!(points(2), ["wan.delay=10 ms", "wan.delay=40 ms"]);
    assert_eq!(points(3), ["wan.delay=10 ms", "wan.delay=40 ms"]);
    let wrong = refused(SWEEP, "flows.rtt_min[wan.delay=11 ms] > 1 s");
    assert!(
        wrong.starts_with("`wan.delay` is never `11 ms` @ flows.rtt_min[wan.delay=11 ms] @ did you mean `10 ms`?"),
        "{wrong}"
    );
}

#[test]
fn a_confidence_asks_for_the_interval() {
    let text = SWEEP.replace(
        "experiment:",
        "expect:\n  - { check: one.goodput > 0 bit/s, confidence: 95 %, point: { wan.delay: 10 ms } }\nexperiment:",
    );
    let options = crate::load_options(&[], None);
    let experiment = topologies::load_text("t.yaml", "t", &text, Path::new(""), &options).expect("it is right");
    let found = judge(&experiment);
    assert_eq!(found.len(), 1);
    assert!(found[0].holds && found[0].says.contains("at 95 %"), "{}", found[0]);
    let alone = topologies::load_text("t.yaml", "t", &text, Path::new(""), &crate::load_options(&[], Some(1)));
    let wrong = Program::new(&alone.expect("it is right")).expect_err("one seed has no interval");
    assert!(wrong.to_string().contains("a confidence needs at least two seeds"), "{wrong}");
}

#[test]
fn the_summary_has_computed_columns() {
    let text = SWEEP.replace(
        "experiment:",
        "outputs: { summary: { per_rtt: flows.goodput * point(wan.delay), twice: 2 * flows.rtt_min } }\nexperiment:",
    );
    let options = crate::load_options(&[], None);
    let experiment = topologies::load_text("t.yaml", "t", &text, Path::new(""), &options).expect("it is right");
    let program = Program::new(&experiment).unwrap_or_else(|wrong| panic!("{wrong}"));
    assert_eq!(program.columns().iter().map(|(name, ..)| *name).collect::<Vec<_>>(), ["per_rtt_bytes", "twice_s"]);
    let text = text.replace("2 * flows.rtt_min", "flows.nothing");
    let experiment = topologies::load_text("t.yaml", "t", &text, Path::new(""), &options).expect("it is right");
    let wrong = Program::new(&experiment).expect_err("there is no such metric").to_string();
    assert!(wrong.contains("path: outputs.summary.twice"), "{wrong}");
}
