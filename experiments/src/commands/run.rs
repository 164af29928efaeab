//! `clockwire run`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use sim_core::{Outcome, Time};
use topologies::{Experiment, Point};

use super::{Done, Loaded, load};
use crate::cli::RunOptions;
use crate::expect::{Judgement, Results, judge};
use crate::metrics::Metrics;
use crate::results::{self, Folder};
use crate::run::{Cost, How, peak_memory, request, simulate};
use crate::summary::{self, Measured};

/// Parts of a run that its progress is counted in.
const PARTS: u64 = 1000;

/// Runs experiments.
pub fn run(options: &RunOptions) -> Done {
    if options.out.is_some() && options.files.len() > 1 {
        return Err("error: `--out` names one folder, and there are several files\n".into());
    }
    // Everything is read before anything runs: one bad file, and nothing is written.
    let loaded: Vec<Loaded> =
        options.files.iter().map(|file| load(file, &options.overrides)).collect::<Result<_, String>>()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = options.threads.unwrap_or(cores).max(1);
    let shards = options.shards.max(1);
    // A sharded simulation has threads of its own.
    let at_a_time = (threads / shards.min(threads)).max(1);
    let pool =
        rayon::ThreadPoolBuilder::new().num_threads(at_a_time).build().map_err(|error| format!("error: {error}\n"))?;
    let mut all_hold = true;
    for loaded in &loaded {
        all_hold &= pool.install(|| one(loaded, options, How { shards, threads, ..How::default() }))?;
    }
    Ok(all_hold)
}

/// A simulation of an experiment: point, seed, and where its results go.
struct Job<'a> {
    point: &'a Point,
    seed: u64,
    folder: PathBuf,
}

fn one(loaded: &Loaded, options: &RunOptions, how: How) -> Done {
    let experiment = &loaded.experiment;
    if !options.quiet {
        eprint!("{}", experiment.warnings);
    }
    let wanted = options.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let failed = |error: std::io::Error| format!("error: {}: {error}\n", wanted.display());
    let folder = Folder::create(&wanted).map_err(failed)?;
    let jobs: Vec<Job<'_>> = experiment
        .points
        .iter()
        .flat_map(|point| {
            let at = folder.path().join(point.slug(&experiment.dimensions));
            experiment.seeds.iter().map(move |seed| Job { point, seed: *seed, folder: at.join(format!("seed-{seed}")) })
        })
        .collect();
    let bar = bar(experiment, jobs.len(), options.quiet);
    let done: Vec<Result<Ran, String>> = jobs.par_iter().map(|job| execute(job, how, options.timing, &bar)).collect();
    bar.finish_and_clear();
    let done: Vec<Ran> = done.into_iter().collect::<Result<_, String>>()?;
    let mut figures = Vec::new();
    let mut metrics = Vec::new();
    for ran in done {
        if options.timing {
            println!("{}", ran.timing);
        }
        figures.extend(ran.figures);
        metrics.push(ran.metrics);
    }
    let seeds = experiment.seeds.len();
    let mut metrics = metrics.into_iter();
    let measured: Vec<Measured<'_>> = experiment
        .points
        .iter()
        .map(|point| Measured {
            values: &point.values,
            plan: &point.plan,
            seeds: metrics.by_ref().take(seeds).collect(),
        })
        .collect();
    let judgements = judge_all(loaded, &measured)?;
    std::fs::write(folder.path().join("summary.json"), summary::json(experiment, &measured, &judgements))
        .map_err(failed)?;
    figures.extend(sweep_figures(experiment, folder.path(), &measured)?);
    let partial = folder.path().to_path_buf();
    let name = folder.finish().map_err(failed)?;
    let figures: Vec<PathBuf> = figures
        .iter()
        .map(|figure| figure.strip_prefix(&partial).map_or(figure.clone(), |rest| name.join(rest)))
        .collect();
    if !options.quiet {
        report(experiment, &measured, &judgements, &name, &figures);
    } else {
        for judgement in judgements.iter().filter(|judgement| !judgement.holds) {
            eprintln!("{judgement}");
        }
    }
    Ok(judgements.iter().all(|judgement| judgement.holds))
}

fn bar(experiment: &Experiment, jobs: usize, quiet: bool) -> ProgressBar {
    let shown = !quiet && std::io::stderr().is_terminal();
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent} % {eta}").expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(jobs as u64 * PARTS), target);
    bar.with_style(style.progress_chars("=> ")).with_message(experiment.name.clone())
}

/// What a simulation has left for the summary.
struct Ran {
    metrics: Metrics,
    figures: Vec<PathBuf>,
    timing: String,
}

fn execute(job: &Job<'_>, how: How, timing: bool, bar: &ProgressBar) -> Result<Ran, String> {
    let plan = &job.point.plan;
    let told = AtomicU64::new(0);
    let progress = |time: Time| {
        let parts = (u128::from(time.ps()) * u128::from(PARTS) / u128::from(plan.stop.ps().max(1))) as u64;
        let before = told.fetch_max(parts, Ordering::Relaxed);
        bar.inc(parts.saturating_sub(before));
    };
    let (outcome, cost) = simulate(plan, job.seed, how, &progress);
    bar.inc(PARTS.saturating_sub(told.load(Ordering::Relaxed)));
    let failed = |error: &dyn std::fmt::Display| format!("error: {}: {error}\n", job.folder.display());
    results::write(&job.folder, job.point, job.seed, &outcome).map_err(|error| failed(&error))?;
    // Figures over several points are drawn when all have run.
    let requests: Vec<plots::Request> =
        plan.outputs.plots.iter().map(request).filter(|request| request.kind != "sweep").collect();
    let drawn = plots::draw(&job.folder, &requests).map_err(|error| failed(&error))?;
    let timing = if timing { timing_line(job, &outcome, cost) } else { String::new() };
    let figures = drawn.into_iter().map(|figure| figure.png).collect();
    Ok(Ran { metrics: Metrics::of(plan, &outcome), figures, timing })
}

fn timing_line(job: &Job<'_>, outcome: &Outcome, cost: Cost) -> String {
    let plan = &job.point.plan;
    let delivered: u64 = outcome.table("flows").map_or(0, |rows| {
        let at = rows.table.columns.iter().position(|column| column.name == "bytes").expect("flows have bytes");
        rows.iter().map(|(_, row)| row[at]).sum()
    });
    let cpu = cost.cpu.as_secs_f64();
    let hops_per_second = if cpu > 0.0 { outcome.hops as f64 / cpu } else { 0.0 };
    serde_json::json!({
        "scenario": plan.name,
        "seed": job.seed,
        "sim_s": plan.stop.seconds(),
        "setup_s": cost.setup.as_secs_f64(),
        "wall_s": cost.wall.as_secs_f64(),
        "cpu_s": cpu,
        "packet_hops": outcome.hops,
        "packet_hops_per_s": hops_per_second.round(),
        "events": outcome.events,
        "events_per_hop": outcome.events as f64 / outcome.hops.max(1) as f64,
        "rss_mib": peak_memory() as f64 / 1_048_576.0,
        "flows": plan.flows.len(),
        "goodput_bps": (delivered as f64 * 8.0 / plan.stop.seconds()).round(),
        "windows": outcome.windows,
    })
    .to_string()
}

fn judge_all(loaded: &Loaded, measured: &[Measured<'_>]) -> Result<Vec<Judgement>, String> {
    let experiment = &loaded.experiment;
    let points = measured.iter().map(|point| (point.values, point.seeds.iter().collect())).collect();
    let results = Results { dimensions: &experiment.dimensions, points };
    let mut judgements = Vec::new();
    for (expect, check) in experiment.expect.iter().zip(&loaded.checks) {
        let confidence = expect.confidence.map(|share| share.parts() as f64 / sim_core::Prob::ONE_PARTS as f64);
        let judged = judge(&expect.check, check, confidence, &results);
        judgements.extend(judged.map_err(|why| {
            let place = expect
                .place
                .as_ref()
                .map_or_else(String::new, |place| format!("{}:{}:{}: ", place.file, place.line, place.column));
            format!("error: {place}`{}` cannot be judged: {why}\n", expect.check)
        })?);
    }
    Ok(judgements)
}

fn sweep_figures(experiment: &Experiment, folder: &Path, measured: &[Measured<'_>]) -> Result<Vec<PathBuf>, String> {
    let Some(first) = measured.first() else { return Ok(Vec::new()) };
    let requests: Vec<plots::Request> =
        first.plan.outputs.plots.iter().map(request).filter(|request| request.kind == "sweep").collect();
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    crate::sweep_table::write(&folder.join("summary.csv"), experiment, measured)
        .map_err(|error| format!("error: {}: {error}\n", folder.display()))?;
    let drawn = plots::draw(folder, &requests).map_err(|error| format!("error: {error}\n"))?;
    Ok(drawn.into_iter().map(|figure| figure.png).collect())
}

fn report(
    experiment: &Experiment,
    measured: &[Measured<'_>],
    judgements: &[Judgement],
    name: &Path,
    figures: &[PathBuf],
) {
    for point in measured {
        let label: Vec<String> =
            experiment.dimensions.iter().zip(point.values).map(|(name, value)| format!("{name}={value}")).collect();
        println!("{} {}", experiment.name, label.join(", "));
        println!("{}\n", summary::print(point));
    }
    for judgement in judgements {
        println!("{judgement}");
    }
    if let Some(about) = &experiment.about {
        println!("{about}");
    }
    println!("results: {}", name.display());
    const SHOWN: usize = 8;
    for figure in figures.iter().take(SHOWN) {
        println!("figure:  {}", figure.display());
    }
    if figures.len() > SHOWN {
        println!("… and {} more figures", figures.len() - SHOWN);
    }
}
