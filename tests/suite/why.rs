//! `clockwire why`: the story of a moment names what was lost, what was done about it and by which rule.

use std::fs;

use crate::command::{Folder, clockwire};

/// One packet is lost, the one hundredth, and found by what comes behind it.
const FILE: &str = "clockwire: 1
name: t
seed: 1
stop: 3 s
hosts: { a: { tcp: { cc: reno } }, b: {} }
links: [ { a -- b: { name: wan, rate: 10 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 500 packets } }, up: { loss: { list: [ { flow: bulk, class: data, numbers: [100] } ] } } } } ]
workload:
  bulk: { from: a, to: b, tcp: { bytes: 1 MB } }
  web: { from: a, to: b, http: { response: 50 kB, think: 100 ms } }
";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::write(folder.0.join("t.yaml"), FILE).expect("a file");
    let ran = clockwire(
        &folder.0,
        &["run", "t.yaml", "-q", "--set", "outputs.tables=[drops, tcp]", "--set", "outputs.series.cwnd=all"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    folder
}

/// A column of the first row of a table that has a word in it.
fn cell(folder: &Folder, table: &str, word: &str, column: &str) -> String {
    let text = fs::read_to_string(folder.0.join("results/t/seed-1").join(table)).expect("a table");
    let place =
        text.lines().next().and_then(|head| head.split(',').position(|name| name == column)).expect("the column");
    let row =
        text.lines().find(|line| line.split(',').any(|cell| cell == word)).unwrap_or_else(|| panic!("{word}: {text}"));
    row.split(',').nth(place).expect("the cell").to_string()
}

#[test]
fn a_moment_has_its_story() {
    let folder = folder("why");
    let (lost, found) =
        (cell(&folder, "drops.csv", "forced_loss", "time_s"), cell(&folder, "tcp.csv", "fast_retransmit", "time_s"));
    let flow = cell(&folder, "drops.csv", "forced_loss", "flow");
    assert_eq!(flow, "bulk");
    let ran = clockwire(&folder.0, &["why", "results/t", "--flow", "bulk", "--at", &format!("{found} s")]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let head = format!("bulk at {found} s, at a (reno, connection 1): window ");
    assert!(ran.out.starts_with(&head), "{}", ran.out);
    for words in [
        // The same packet, twice: where it was lost, and behind the loss that was found.
        format!("\n  {lost} s  a->b drops packet ").replace("a->b", "wan.forward"),
        format!("\n  {found} s  a: a loss is found by what was acknowledged behind it, and recovery begins: "),
        format!(
            "[RFC 6675 §5, RFC 8985 §6.2; the threshold: RFC 5681 §3.2]; behind it: at {lost} s wan.forward drops packet "
        ),
        "of 1500 B: an exact loss list names it".into(),
        "a: sends again what is taken for lost: ".into(),
        "1 segment sent again".into(),
        "[RFC 6937 §3]\n".into(),
        "\nafter it, to ".into(),
        "a: all that was outstanding at the loss is acknowledged, recovery ends: ".into(),
        "\nwhere its packets waited up to then:\n  wan.forward: ".into(),
    ] {
        assert!(ran.out.contains(&words), "{words:?} is not in\n{}", ran.out);
    }
    // A shorter look has less to tell, and nothing from outside of it.
    let near = ["why", "results/t", "--flow", "bulk", "--at", &format!("{found} s"), "--around", "1 ms"];
    let near = clockwire(&folder.0, &near);
    assert!(near.code == Some(0) && near.out.contains(&format!("\n  {found} s  a: a loss is found")), "{}", near.out);
    assert!(
        near.out.len() < ran.out.len() && !near.out.contains(&format!("\n  {lost} s  wan.forward drops")),
        "{}",
        near.out
    );
    // A request that is under way, from the run's own folder.
    let number = cell(&folder, "http.csv", "web", "start_s").parse::<f64>().expect("a number") + 0.01;
    let ran = clockwire(&folder.0, &["why", "results/t/seed-1", "--flow", "web", "--at", &format!("{number:.6} s")]);
    assert!(
        ran.out.contains("\nrequests under way then:\n  http 1 from ") && ran.out.contains("most of it goes to: "),
        "{}",
        ran.out
    );
}

#[test]
fn a_mark_has_its_queue() {
    let folder = Folder::new("why-marks");
    let marking = FILE.replace(
        "limit: 500 packets } }, up: { loss: { list: [ { flow: bulk, class: data, numbers: [100] } ] } }",
        "limit: 500 packets } }",
    );
    let marking = marking
        .replace("droptail: { limit: 500 packets }", "codel: { ecn: true }")
        .replace("tcp: { cc: reno }", "tcp: { cc: reno, ecn: true }");
    fs::write(folder.0.join("t.yaml"), marking.replace("b: {}", "b: { tcp: { ecn: true } }")).expect("a file");
    let ran = clockwire(
        &folder.0,
        &["run", "t.yaml", "-q", "--set", "outputs.tables=[marks, tcp]", "--set", "outputs.series.cwnd=all"],
    );
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let (marked, heard) = (cell(&folder, "marks.csv", "bulk", "time_s"), cell(&folder, "tcp.csv", "ecn", "time_s"));
    let ran = clockwire(&folder.0, &["why", "results/t", "--flow", "bulk", "--at", &format!("{heard} s")]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    for words in [
        format!("\n  {marked} s  wan.forward marks packet "),
        format!("\n  {heard} s  a: the other end echoes a mark of congestion, nothing is lost: "),
        format!("[RFC 3168 §6.1.2]; behind it: at {marked} s wan.forward marks packet "),
        " packets in the queue\n".into(),
    ] {
        assert!(ran.out.contains(&words), "{words:?} is not in\n{}", ran.out);
    }
}

#[test]
fn what_has_no_story_is_refused() {
    let folder = folder("why-refused");
    for (arguments, words) in [
        (&["results/t", "--at", "1 s"][..], "error: `--flow` says which: bulk, web\n"),
        (
            &["results/t", "--at", "1 s", "--flow", "bulkk"],
            "error: there is no flow `bulkk` over TCP\n = help: did you mean `bulk`?\n",
        ),
        (&["results/t", "--at", "9 s", "--flow", "bulk"], "error: the run ends at 3 s, before 9 s\n"),
        (&["results/t", "--at", "1 s", "--seed", "2"], "error: results/t: there is no seed 2, there is 1\n"),
        (&["results/t", "--at", "1 s", "--point", "2"], "error: results/t: there is no point 2, there are 1\n"),
        (&["results", "--at", "1 s"], "error: results: it holds no results of `clockwire run`\n"),
        (&["results/t", "--at", "1"], "it needs a unit"),
    ] {
        let ran = clockwire(&folder.0, &[&["why"], arguments].concat());
        assert!(
            ran.code == Some(2) && ran.err.contains(words) && ran.out.is_empty(),
            "{arguments:?}: {}{}",
            ran.out,
            ran.err
        );
    }
    // What another build has run is no run of this one.
    let manifest = folder.0.join("results/t/seed-1/manifest.yaml");
    let text = fs::read_to_string(&manifest).expect("a manifest");
    fs::write(&manifest, text.replace("delay: 10 ms", "delay: 11 ms")).expect("a file");
    let ran = clockwire(&folder.0, &["why", "results/t", "--at", "1 s", "--flow", "bulk"]);
    assert!(ran.code == Some(2) && ran.err.contains("another build ran it"), "{}", ran.err);
}
