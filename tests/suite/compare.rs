//! `clockwire compare` and `clockwire events`: what is the same is IDENTICAL, a change is found at its first event, chance gives no alarm beyond the
//! level, and what is wrong is refused. `tests/compare_builds.sh` changes a line of a congestion control and compares the builds.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::command::{Folder, Ran, binary, clockwire};

const FILE: &str = "clockwire: 1
name: t
stop: 4 s
experiment: { seeds: 4 }
hosts: { a: { tcp: { cc: reno } }, b: {} }
routers: { r: {} }
links:
  - a -- r: { rate: 100 Mbit/s, delay: 5 ms }
  - b -- r: { name: wan, rate: 10 Mbit/s, delay: 10 ms, loss: 0.5 %, queue: { droptail: { limit: 50 packets } } }
workload:
  bulk: { from: a, to: b, tcp: {} }
outputs: { capture: { at: [wan], first: 10 kB } }
expect: [ bulk.goodput > 9 Mbit/s ]
";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::write(folder.0.join("a.yaml"), FILE).expect("a file");
    fs::write(folder.0.join("b.yaml"), FILE.replace("cc: reno", "cc: cubic")).expect("a file");
    folder
}

fn compare(folder: &Folder, arguments: &[&str]) -> Ran {
    clockwire(&folder.0, &[&["compare"], arguments].concat())
}

/// The answer as JSON.
fn answer(folder: &Folder, arguments: &[&str]) -> Value {
    let ran = compare(folder, &[arguments, &["--json"]].concat());
    serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}{}", ran.out, ran.err))
}

#[test]
fn what_is_the_same_is_identical() {
    let folder = folder("compare-same");
    let ran = compare(&folder, &["a.yaml", "a.yaml"]);
    let words = "IDENTICAL: every event, row and captured byte of 4 runs\n\nA: a.yaml (clockwire ";
    assert!(ran.code == Some(0) && ran.out.starts_with(words), "{}{}", ran.out, ran.err);
    assert_eq!(folder.names(), ["a.yaml", "b.yaml"], "nothing is left");
    // Results with another table are the same in what both have.
    assert_eq!(clockwire(&folder.0, &["run", "a.yaml", "-q"]).code, Some(1));
    let more = ["a.yaml", "results/t", "--set", "outputs.tables=[rates]"];
    let ran = compare(&folder, &more);
    assert!(ran.code == Some(0) && ran.out.starts_with("IDENTICAL"), "{}{}", ran.out, ran.err);
    // A captured byte is enough.
    let capture = folder.0.join("results/t/seed-3/capture.pcapng");
    let mut bytes = fs::read(&capture).expect("a capture");
    *bytes.last_mut().expect("it has bytes") ^= 1;
    fs::write(&capture, bytes).expect("a file");
    let ran = compare(&folder, &["a.yaml", "results/t"]);
    let words = "1 of 4 runs part; the first, seed 3, in: capture\n  all events are the same\n";
    assert!(ran.code == Some(3) && ran.out.contains(words), "{}{}", ran.out, ran.err);
    assert_eq!(compare(&folder, &["a.yaml", "results/t", "--allow-divergent"]).code, Some(0));
}

#[test]
fn a_change_is_found_at_its_first_event_with_its_cause() {
    let folder = folder("compare-change");
    let ran = compare(&folder, &["a.yaml", "b.yaml", "--junit", "junit.xml", "--markdown", "pull.md"]);
    assert!(matches!(ran.code, Some(1 | 3)), "{}{}", ran.out, ran.err);
    for words in [
        "4 of 4 runs part; the first, seed 1, in: events, rows\n  the first event that differs:\n    both  ",
        "\n    A     ",
        // HyStart of CUBIC ends slow start where Reno's goes on.
        "of `tcp`:\n    both  time_s ",
        "\n    A     cwnd_segments ",
        ", cause slow_start\n    B     ",
        ", cause slow_start_exit\n",
    ] {
        assert!(ran.out.contains(words), "{words:?} is not in\n{}", ran.out);
    }
    let (junit, pull) =
        ["junit.xml", "pull.md"].map(|name| fs::read_to_string(folder.0.join(name)).expect("a file")).into();
    assert!(
        junit.contains("<testsuite name=\"a.yaml against b.yaml\"") && junit.contains("name=\"the runs are the same\"")
    );
    assert!(pull.starts_with("### ❌ a.yaml against b.yaml: "), "{pull}");
    // The event is the first that a look at all events finds.
    let events = |file: &str| {
        let ran = clockwire(&folder.0, &["events", file, "--json", "--to", "1 s"]);
        let listing: Value = serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}", ran.err));
        listing["events"].as_array().expect("a list").clone()
    };
    let (a, b) = (events("a.yaml"), events("b.yaml"));
    let first = a.iter().zip(&b).find(|(a, b)| a != b).expect("they part within a second");
    let time = |event: &Value| event["time_ps"].as_u64().expect("a time");
    // A window of time has those in it, and no others.
    let ran = clockwire(&folder.0, &["events", "a.yaml", "--json", "--from", "500 ms", "--to", "1 s"]);
    let listing: Value = serde_json::from_str(&ran.out).unwrap_or_else(|why| panic!("{why}: {}", ran.err));
    let later: Vec<Value> = a.iter().filter(|event| time(event) >= 500_000_000_000).cloned().collect();
    assert!(later.len() < a.len() && !later.is_empty());
    assert_eq!(listing["events"].as_array().expect("a list"), &later);
    let found = answer(&folder, &["a.yaml", "b.yaml"]);
    assert_eq!(found["first"]["time_ps"], time(first.0).min(time(first.1)));
    assert_eq!(found["first"]["row"]["table"], "tcp");
    assert_eq!((&found["runs"], found["parted"].as_array().map(Vec::len)), (&Value::from(4), Some(4)));
}

#[test]
fn a_figure_that_differs_is_told_with_its_interval() {
    let folder = folder("compare-figure");
    // A link of half the speed: whatever the seed, less arrives.
    fs::write(folder.0.join("slow.yaml"), FILE.replace("rate: 10 Mbit/s", "rate: 2 Mbit/s")).expect("a file");
    let ran = compare(&folder, &["a.yaml", "slow.yaml"]);
    assert!(ran.code == Some(1) && ran.out.starts_with("DIFFERENT: "), "{}{}", ran.out, ran.err);
    let found = answer(&folder, &["a.yaml", "slow.yaml"]);
    let figures = found["figures"].as_array().expect("a list");
    let goodput = figures.iter().find(|figure| figure["figure"] == "bulk.goodput_bps").expect("the figure");
    let number = |key: &str| goodput[key].as_f64().unwrap_or_else(|| panic!("{key}: {goodput}"));
    assert!(number("a") > 4e6 && number("b") < 2e6 && goodput["differs"] == true, "{goodput}");
    assert!((number("difference") - (number("b") - number("a"))).abs() < 1.0);
    assert!(number("p_corrected") >= number("p") && number("p_corrected") <= 0.05 && number("effect_g") < -2.0);
    // Another level is kept to: what is sure at 5 % is not at a level below its own probability.
    let at = |level: f64| {
        let found = answer(&folder, &["a.yaml", "slow.yaml", "--level", &format!("{:.9} %", level * 100.0)]);
        let figures = found["figures"].as_array().expect("a list");
        let goodput = figures.iter().find(|figure| figure["figure"] == "bulk.goodput_bps").expect("the figure");
        (goodput["differs"] == true, goodput["p_corrected"].as_f64().expect("a number"))
    };
    let p = number("p_corrected");
    assert_eq!([at(p * 2.0).0, at(p / 2.0).0], [true, false], "p is {p}");
    // Surely less than 99 % of the value: no figure that counts.
    let ran = compare(&folder, &["a.yaml", "slow.yaml", "--margin", "99 %", "--all"]);
    let row =
        ran.out.lines().find(|line| line.starts_with(" bulk.goodput_bps")).unwrap_or_else(|| panic!("{}", ran.out));
    assert!(!row.contains("differs"), "{row}");
    // With one seed there is no interval, and nothing is said of chance.
    let ran = compare(&folder, &["a.yaml", "slow.yaml", "--seed", "1"]);
    let words = "DIVERGENT: 1 of 1 run part; with one seed nothing can be said of chance\n";
    assert!(ran.code == Some(3) && ran.out.starts_with(words), "{}", ran.out);
    assert!(ran.out.contains(" bulk.goodput_bps "), "what differs is listed all the same: {}", ran.out);
}

#[test]
fn where_chance_plays_no_part_a_difference_is_one() {
    let folder = folder("compare-certain");
    let sure = FILE.replace("loss: 0.5 %, ", "");
    fs::write(folder.0.join("a.yaml"), &sure).expect("a file");
    fs::write(folder.0.join("b.yaml"), sure.replace("delay: 10 ms", "delay: 10.001 ms")).expect("a file");
    let found = answer(&folder, &["a.yaml", "b.yaml"]);
    let figures = found["figures"].as_array().expect("a list");
    let rtt = figures.iter().find(|figure| figure["figure"] == "bulk.rtt_min_s").expect("the figure");
    assert!(rtt["differs"] == true && rtt["p"] == 0.0 && rtt["half_95"] == 0.0, "{rtt}");
}

/// Twenty comparisons of an experiment with itself, each with seeds of its own, at the 5 % level. If chance alone is at work and the level is
/// kept, more than three alarms come once in 63 times (binomial distribution); the seeds are the first that there are.
#[test]
fn chance_gives_no_more_alarms_than_the_level_allows() {
    let folder = folder("compare-chance");
    let seeds = |first: u64| {
        let list: Vec<String> = (first..first + 10).map(|seed| seed.to_string()).collect();
        FILE.replace("seeds: 4", &format!("seeds: [{}]", list.join(", "))).replace("stop: 4 s", "stop: 2 s")
    };
    let plain = |text: String| text.replace("outputs: {", "outputs: { report: false,");
    let mut alarms = Vec::new();
    for number in 0..20 {
        fs::write(folder.0.join("a.yaml"), plain(seeds(20 * number + 1))).expect("a file");
        fs::write(folder.0.join("b.yaml"), plain(seeds(20 * number + 11))).expect("a file");
        let found = answer(&folder, &["a.yaml", "b.yaml"]);
        match found["answer"].as_str() {
            Some("DIVERGENT") => {}
            Some("DIFFERENT") => alarms.push(number),
            other => panic!("{other:?}"),
        }
    }
    assert!(alarms.len() <= 3, "alarms in comparisons {alarms:?}");
}

/// A program that behaves as another build of this one: a setting has another default.
#[cfg(unix)]
fn other_build(folder: &Folder) {
    use std::os::unix::fs::PermissionsExt;
    let script = format!(
        "#!/bin/sh\nverb=$1\nshift\nexec '{}' \"$verb\" \"$@\" --set hosts.a.tcp.initial_window=4\n",
        binary().display()
    );
    let path = folder.0.join("other");
    fs::write(&path, script).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be run");
}

#[cfg(unix)]
#[test]
fn builds_are_compared_by_what_they_run() {
    let folder = folder("compare-builds");
    let this = binary().display().to_string();
    let ran = compare(&folder, &[&this, &this, "--on", "a.yaml"]);
    assert!(ran.code == Some(0) && ran.out.starts_with("IDENTICAL"), "{}{}", ran.out, ran.err);
    other_build(&folder);
    let changed = FILE.replace("cc: reno", "cc: reno, initial_window: 4");
    fs::write(folder.0.join("changed.yaml"), changed).expect("a file");
    let by_build = compare(&folder, &[&this, "./other", "--on", "a.yaml"]);
    assert_eq!(by_build.code, Some(1), "{}{}", by_build.out, by_build.err);
    let by_file = compare(&folder, &["a.yaml", "changed.yaml"]);
    let after = |text: &str| {
        text.split_once("\n\n").and_then(|(_, rest)| rest.split_once("\n\n")).expect("two parts").1.to_string()
    };
    assert_eq!(after(&by_build.out), after(&by_file.out), "the same is found, whoever runs it");
    // Results of the other build cannot be told by this one.
    let ran = std::process::Command::new(folder.0.join("other"))
        .args(["run", "a.yaml", "-q", "--out", "theirs"])
        .current_dir(&folder.0)
        .status();
    assert!(ran.is_ok_and(|status| status.code() == Some(1)));
    let manifest = folder.0.join("theirs/seed-1/manifest.yaml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace(", initial_window: 4", "")).expect("a file");
    let ran = compare(&folder, &["a.yaml", "theirs"]);
    assert!(ran.out.contains("the first event cannot be told: theirs is of another build"), "{}{}", ran.out, ran.err);
}

#[test]
fn points_are_found_by_their_values_and_what_one_side_lacks_is_told() {
    let folder = folder("compare-points");
    let sweep = |delays: &str| FILE.replace("seeds: 4", &format!("seeds: 2, sweep: {{ wan.delay: [{delays}] }}"));
    fs::write(folder.0.join("a.yaml"), sweep("5 ms, 10 ms")).expect("a file");
    fs::write(folder.0.join("b.yaml"), sweep("10 ms, 20 ms")).expect("a file");
    let ran = compare(&folder, &["a.yaml", "b.yaml"]);
    assert!(
        ran.code == Some(3) && ran.out.starts_with("DIVERGENT: what both sides have is the same, but one has more\n")
    );
    for words in ["points of A alone: wan.delay=5 ms\n", "points of B alone: wan.delay=20 ms\n"] {
        assert!(ran.out.contains(words), "{}", ran.out);
    }
    fs::write(folder.0.join("b.yaml"), sweep("30 ms, 20 ms")).expect("a file");
    let ran = compare(&folder, &["a.yaml", "b.yaml"]);
    assert!(ran.code == Some(2) && ran.err.contains("have no point in common"), "{}", ran.err);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let folder = folder("compare-refused");
    fs::create_dir(folder.0.join("empty")).expect("a folder");
    fs::write(folder.0.join("x.txt"), "x").expect("a file");
    fs::write(folder.0.join("pull.md"), "kept").expect("a file");
    fs::write(folder.0.join("bad.yaml"), FILE.replace("0.5 %", "0.5")).expect("a file");
    assert_eq!(clockwire(&folder.0, &["run", "a.yaml", "-q", "--out", "r"]).code, Some(1));
    let this = binary().display().to_string();
    for (arguments, words) in [
        (&["a.yaml", "no.yaml"][..], "error: no.yaml: there is no such file or folder\n"),
        (&["a.yaml", "empty"], "error: empty: no `summary.json`, so it is no results folder"),
        (&["a.yaml", "x.txt"], "error: x.txt: neither a results folder, nor an experiment (`.yaml`), nor a program\n"),
        (&["a.yaml", &this], "is a program: `--on FILE` names the experiment that it runs\n"),
        (
            &["a.yaml", "b.yaml", "--on", "a.yaml"],
            "error: `--on` names the experiment that builds run, and neither side is a program\n",
        ),
        (&["r", "r", "--seed", "2"], "error: `--set` and `--seed` change what is run, and both sides are results\n"),
        (
            &["a.yaml", "b.yaml", "--markdown", "pull.md"],
            "error: pull.md: it is there already; `--force` replaces it\n",
        ),
        (&["a.yaml", "bad.yaml"], "is not a probability"),
        (&["a.yaml", "b.yaml", "--level", "0.05"], "it needs a unit"),
    ] {
        let ran = compare(&folder, arguments);
        assert!(
            ran.code == Some(2) && ran.err.contains(words) && ran.out.is_empty(),
            "{arguments:?}: {}{}",
            ran.out,
            ran.err
        );
    }
    assert_eq!(fs::read_to_string(folder.0.join("pull.md")).ok().as_deref(), Some("kept"));
    for (arguments, words) in [
        (&["a.yaml", "--point", "2"][..], "error: there is no point 2: t has one point\n"),
        (&["a.yaml", "--slices", "0"], "error: `--slices` is one or more\n"),
        (&["a.yaml", "--from", "1"], "it needs a unit"),
    ] {
        let ran = clockwire(&folder.0, &[&["events"], arguments].concat());
        assert!(ran.code == Some(2) && ran.err.contains(words), "{arguments:?}: {}{}", ran.out, ran.err);
    }
}

#[test]
fn results_must_be_those_of_a_file() {
    let folder = folder("same-as");
    let run = |name: &str, file: &str, out: &str| {
        fs::write(folder.0.join(name), file).expect("a file");
        clockwire(&folder.0, &["run", name, "--out", out, "--force"])
    };
    assert_eq!(run("plain.yaml", FILE, "first").code, Some(1));
    fs::copy(folder.0.join("first/summary.json"), folder.0.join("golden.json")).expect("a copy");
    let check = |checks: &str| FILE.replace("[ bulk.goodput > 9 Mbit/s ]", checks);
    let both = check("[ same_as: golden.json, { same_as: golden.json, within: 1 %, figures: [bulk.goodput_bps] } ]");
    let ran = run("same.yaml", &both, "same");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("ok     same_as golden.json: 4 runs are the same, every event and row\n"), "{}", ran.out);
    assert!(ran.out.contains("ok     same_as golden.json within 1 %: 1 figure, off by 0 %\n"), "{}", ran.out);
    // A manifest runs from wherever it lies.
    let manifest = folder.0.join("same/seed-1/manifest.yaml");
    let ran = clockwire(&folder.0, &["run", &manifest.display().to_string(), "--out", "again"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let ran = run("other.yaml", &both.replace("0.5 %", "0.7 %"), "other");
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.err
            .contains("FAILED same_as golden.json: seed 1 differs in events, lengths, rows; `clockwire compare` tells"),
        "{}",
        ran.err
    );
    assert!(ran.err.contains("within 1 %: 1 of 1 figures are off by more than 1 %: bulk.goodput_bps "), "{}", ran.err);
    // The same with a run more is not the same; without fingerprints there is nothing to go by.
    let golden = fs::read_to_string(folder.0.join("golden.json")).expect("a file");
    let mut old: Value = serde_json::from_str(&golden).expect("JSON");
    old["points"][0].as_object_mut().expect("a point").remove("fingerprints");
    fs::write(folder.0.join("golden.json"), old.to_string()).expect("a file");
    let ran = run("old.yaml", &check("[ same_as: golden.json ]"), "old");
    assert!(
        ran.code == Some(2) && ran.err.contains("the summary has no fingerprints: a version before them wrote it"),
        "{}",
        ran.err
    );
    assert_eq!(run("old.yaml", &check("[ { same_as: golden.json, within: 0.1 % } ]"), "old").code, Some(0));
    let ran = run("old.yaml", &check("[ { same_as: golden.json, within: 1 %, figures: [bulk.godput_bps] } ]"), "old");
    assert!(ran.code == Some(2) && ran.err.contains("did you mean `bulk.goodput_bps`?"), "{}", ran.err);
    assert!(Path::new(&folder.0.join("old")).is_dir());
}
