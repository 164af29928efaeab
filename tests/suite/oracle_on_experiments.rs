//! The oracle over every experiment that ships.

use experiments::How;

use crate::harness::{experiment_files, judge, links_disagree, load_short, run};

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
            faults.extend(
                told.map(|fault| format!("{} {}: {fault}", experiment.name, point.slug(&experiment.dimensions))),
            );
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
