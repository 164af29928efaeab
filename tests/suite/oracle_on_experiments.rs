//! The oracle over every experiment that ships.

use clockwire_tests::oracle::audit_text;
use experiments::How;

use crate::conservation::links_disagree;
use crate::harness::{experiment_files, facts, hops_csv, judge, load_short, run};

#[test]
fn every_hop_of_every_experiment_obeys_the_laws() {
    let mut faults = Vec::new();
    for file in experiment_files() {
        let experiment = load_short(&file);
        for point in &experiment.points {
            let outcome = run(&point.plan, experiment.seeds[0], How { all_hops: true, ..How::default() });
            let audit = judge(&point.plan, &outcome);
            assert!(audit.hops > 0, "{}: nothing was sent", file.display());
            let differences = links_disagree(&point.plan, &outcome);
            let told = audit.faults.iter().chain(&differences).take(5);
            faults.extend(told.map(|fault| format!("{} {}: {fault}", experiment.name, experiment.slug(point))));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_trace_with_one_wrong_number_does_not_pass() {
    let experiment = load_short(&experiment_files()[0]);
    let plan = &experiment.points[0].plan;
    let csv = hops_csv(plan, &run(plan, experiment.seeds[0], How { all_hops: true, ..How::default() }));
    let facts = facts(plan);
    let lines: Vec<&str> = csv.lines().collect();
    let at = (lines.len() / 2..lines.len()).find(|at| lines[*at].contains(",delivered,")).expect("one that arrived");
    // Columns: time, port, packet, bytes, enqueued, started, ended, arrived, fate, congestion.
    for (column, wrong) in [
        (0, "99"),
        (1, "nowhere"),
        (3, "1"),
        (4, "99"),
        (5, "0"),
        (6, "99"),
        (7, "99"),
        (7, ""),
        (8, "loss"),
        (8, "queue_full"),
        (9, "ce"),
    ] {
        let mut cells: Vec<&str> = lines[at].split(',').collect();
        cells[column] = wrong;
        let (line, mut lines) = (cells.join(","), lines.clone());
        lines[at] = &line;
        let found = audit_text(&(lines.join("\n") + "\n"), &facts).faults;
        assert!(
            !found.is_empty(),
            "nothing is wrong with {line}, which was {}",
            csv.lines().nth(at).unwrap_or_default()
        );
    }
}
