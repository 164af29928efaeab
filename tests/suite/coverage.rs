//! Intervals are right: on a queue whose answer is known, so many of them hold it as they say.

use experiments::{How, load_options, statistics};
use rayon::prelude::*;

/// M/M/1 at half load: exponential service of 0.8 ms in the mean, 625 packets in a second. Its mean wait is ρ / (1 − ρ) times that of service, 0.8 ms.
const KNOWN: f64 = 0.8e-3;
const REPETITIONS: usize = 500;
const SEEDS: usize = 10;

/// Each repetition is an experiment of its own: other seeds, their mean wait, its interval. A run starts with an empty queue, which takes some
/// 0.2 % from the mean of its 3125 packets; half the interval is 5 %, so that this hides nothing. No seed was chosen: they count up from 1.
#[test]
fn the_interval_of_a_queue_that_is_known_covers_it_as_often_as_it_says() {
    let options = load_options(&[], None);
    let queue = crate::design::QUEUE.replace("stop: 1 s", "stop: 5 s");
    let experiment = topologies::load_text("coverage.yaml", "coverage", &queue, std::path::Path::new(""), &options);
    let experiment = experiment.unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = &experiment.points[0].plan;
    let wait = |seed: u64| {
        let (outcome, _) = experiments::simulate(plan, seed, How::default(), &|_| {});
        let rows = outcome.table("links").expect("links are always recorded");
        let at = rows.table.columns.iter().position(|column| column.name == "wait_mean_s").expect("they have a wait");
        // Nothing comes back, so that the server's direction is the one that has a wait.
        let waits = rows.iter().map(|(_, row)| row[at]).filter(|wait| *wait != u64::MAX);
        waits.max().expect("packets were sent") as f64 / 1e12
    };
    let waits: Vec<f64> = (1..=(REPETITIONS * SEEDS) as u64).into_par_iter().map(wait).collect();
    let of = |interval: &dyn Fn(&[f64]) -> (f64, f64)| {
        let holds = |seeds: &&[f64]| {
            let (low, high) = interval(seeds);
            (low..=high).contains(&KNOWN)
        };
        waits.chunks_exact(SEEDS).filter(holds).count()
    };
    let student = of(&|seeds| {
        let found = statistics::mean(seeds, 0.95);
        (found.mean - found.half, found.mean + found.half)
    });
    let bootstrap = of(&|seeds| {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        statistics::bootstrap(seeds, mean, 0.95).expect("there are several")
    });
    let all = statistics::mean(&waits, 0.95);
    println!("mean wait of all: {:.5} ± {:.5} ms; it is {:.5} ms", all.mean * 1e3, all.half * 1e3, KNOWN * 1e3);
    println!(
        "95 % intervals of {SEEDS} seeds that hold it, of {REPETITIONS}: {student} by Student, {bootstrap} by bootstrap"
    );
    assert!((460..=490).contains(&student), "{student} of {REPETITIONS} hold it");
    // Known of the bootstrap with few values: it is too narrow.
    assert!(bootstrap < student && bootstrap > 400, "{bootstrap} of {REPETITIONS} hold it");
}
