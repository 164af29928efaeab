//! What the command tells the shell: 0 where all holds, 1 where an expectation does not, 2 where the input is wrong.

use crate::command::{Folder, Ran, clockwire};

/// A stream of a second over a link of 10 Mbit/s whose queue is sampled.
fn run(name: &str, check: &str) -> (Ran, Vec<String>) {
    let folder = Folder::new(name);
    let file = format!(
        "clockwire: 1\nname: {name}\nstop: 1 s\nhosts: {{ a: {{}}, b: {{}} }}\nlinks:\n  - a -- b: {{ name: wan, rate: 10 Mbit/s, \
         delay: 1 ms }}\nworkload: {{ bulk: {{ from: a, to: b, tcp: {{}} }} }}\n\
         outputs: {{ series: {{ queue: [wan], every: 10 ms }} }}\nexpect: [ {check} ]\n"
    );
    std::fs::write(folder.0.join("file.yaml"), file).expect("a file");
    (clockwire(&folder.0, &["run", "file.yaml"]), folder.names())
}

#[test]
fn an_experiment_whose_expectations_hold_ends_with_0() {
    let (ran, names) = run("exit-0", "bulk.goodput > 9 Mbit/s");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    assert_eq!(names, ["file.yaml", "results"]);
}

#[test]
fn what_a_link_dropped_is_one_number_also_where_its_queue_is_sampled() {
    let (ran, _) = run("exit-0-samples", "wan.drops >= 0");
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
}

#[test]
fn an_expectation_that_fails_ends_with_1_and_says_by_how_much() {
    let (ran, names) = run("exit-1", "bulk.goodput > 20 Mbit/s");
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    let text = ran.out + &ran.err;
    assert!(text.contains("bulk.goodput > 20 Mbit/s"), "{text}");
    // 9.5 Mbit/s are measured: 10.5 too few, or 52 %.
    assert!(text.contains("9.") && (text.contains("10.") || text.contains("52")), "{text}");
    assert_eq!(names, ["file.yaml", "results"]);
}

#[test]
fn a_wrong_file_and_a_wrong_argument_end_with_2() {
    let (ran, names) = run("exit-2", "bulk.goodput > 20 bananas");
    assert_eq!((ran.code, names), (Some(2), vec!["file.yaml".to_string()]), "{}{}", ran.out, ran.err);
    let folder = Folder::new("exit-2-argument");
    for arguments in [&["run", "nothing.yaml"][..], &["run", "--no-such-option"], &["no-such-verb"]] {
        let ran = clockwire(&folder.0, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}{}", ran.out, ran.err);
    }
    assert!(folder.names().is_empty());
}

#[test]
fn a_program_that_does_not_let_the_clock_go_on_ends_with_1_and_is_named() {
    let folder = Folder::new("exit-1-spins");
    let file = "clockwire: 1\nname: spins\nstop: 1 s\nhosts: { a: {}, b: {} }\nlinks:\n  - a -- b: { rate: 10 Mbit/s, delay: 1 ms }\n\
        workload: { calls: { from: a, to: b, rpc: { form: bare, arrivals: when.csv } } }\n";
    std::fs::write(folder.0.join("file.yaml"), file).expect("a file");
    // More calls in one instant than polls are allowed in it.
    std::fs::write(folder.0.join("when.csv"), "0.5\n".repeat(110_000)).expect("a trace");
    let ran = clockwire(&folder.0, &["run", "file.yaml"]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    for part in ["flow/calls", "100000 polls at", "task `"] {
        assert!(ran.err.contains(part), "{part}: {}", ran.err);
    }
}
