//! All points and seeds of an experiment, in parallel. What comes out does not depend on how many threads there are: each
//! run is a simulation of its own, and results stand by their index.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;
use sim_core::{Outcome, Time};
use topologies::{Experiment, Plan, Point};

use crate::digest::{Digest, Figure, digest};
use crate::expect::{Judgement, Program, Value};
use crate::figures;
use crate::report;
use crate::results;
use crate::run::{Cost, How, peak_memory, simulate};
use crate::say::say;

/// Parts of a run that its progress is counted in.
const PARTS: u64 = 1000;

/// What all runs came to.
pub struct Done {
    /// For each point.
    pub digests: Vec<Digest>,
    /// The verdicts.
    pub judgements: Vec<Judgement>,
    /// Figures that were drawn.
    pub figures: Vec<PathBuf>,
    /// What stayed empty, figures that could not be drawn.
    pub warnings: Vec<String>,
    /// What has failed and makes runs worthless, with the run that it was in.
    pub failures: Vec<String>,
}

/// How a campaign is run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// The command that repeats this, for readers of the results.
    pub command: &'a str,
    /// How each simulation is run.
    pub how: How,
    /// Simulations at a time.
    pub at_a_time: usize,
    /// Whether a bar shows the progress.
    pub bar: bool,
    /// Whether the cost of each run is printed as soon as it is over.
    pub timing: bool,
}

/// One simulation.
struct Job<'a> {
    point: usize,
    plan: &'a Point,
    seed: u64,
    folder: PathBuf,
}

/// What one simulation came to.
struct Ran {
    digest: Vec<(Figure, Option<f64>)>,
    measured: Vec<Option<Value>>,
    figures: Vec<PathBuf>,
    warnings: Vec<String>,
    failures: Vec<String>,
    /// Rows of each table.
    rows: Vec<(&'static str, usize)>,
}

/// Runs all, and writes into `folder`.
///
/// # Errors
/// As the file system.
pub fn run(experiment: &Experiment, program: &Program, folder: &Path, options: Options<'_>) -> std::io::Result<Done> {
    let mut jobs = Vec::new();
    for (at, point) in experiment.points.iter().enumerate() {
        let at_point = folder.join(experiment.slug(point));
        for seed in &experiment.seeds {
            let folder = at_point.join(format!("seed-{seed}"));
            jobs.push(Job { point: at, plan: point, seed: *seed, folder });
        }
    }
    let bar = bar(experiment, jobs.len(), options.bar);
    // This thread is one of them: its memory, which the file's reading has used and given back, serves the first run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.at_a_time).use_current_thread();
    let pool = pool.build().map_err(std::io::Error::other)?;
    let ran: Vec<Ran> = pool.install(|| {
        let all = jobs.par_iter().map(|job| execute(experiment, program, job, options, &bar));
        all.collect::<std::io::Result<Vec<Ran>>>()
    })?;
    bar.finish_and_clear();
    let mut warnings = empty_tables(experiment, &ran);
    let failures = ran.iter().flat_map(|run| run.failures.iter().cloned()).collect();
    let (mut digests, mut measured, mut figures) = (Vec::new(), Vec::new(), Vec::new());
    let mut ran = ran.into_iter();
    for _ in &experiment.points {
        let mut digest = Digest::default();
        let mut seeds = Vec::new();
        for run in ran.by_ref().take(experiment.seeds.len()) {
            let (names, values) = run.digest.into_iter().unzip();
            digest.figures = names;
            digest.seeds.push(values);
            seeds.push(run.measured);
            figures.extend(run.figures);
            run.warnings.into_iter().for_each(|text| {
                if !warnings.contains(&text) {
                    warnings.push(text)
                }
            });
        }
        digests.push(digest);
        measured.push(seeds);
    }
    add_computed(program, &mut digests, &measured);
    let judgements = program.judge(experiment, &measured);
    crate::summary::csv(&folder.join("summary.csv"), experiment, &digests)?;
    let json = crate::summary::json(experiment, options.command, &digests, &judgements);
    std::fs::write(folder.join("summary.json"), json)?;
    let sources: Vec<plots::Source> = jobs
        .iter()
        .filter(|job| job.seed == experiment.seeds[0])
        .map(|job| plots::Source {
            label: figures::label(&experiment.name, &experiment.label(&job.plan.values)),
            tables: plots::Tables::Folder(job.folder.clone()),
        })
        .collect();
    let requests = figures::requests(&experiment.points[0].plan, true);
    let (drawn, wrong) = figures::draw_whole(folder, &experiment.name, &sources, &requests);
    figures.extend(drawn);
    warnings.extend(wrong);
    if !experiment.points[0].plan.outputs.no_report {
        report::write(folder, &experiment.points[0].plan)?;
    }
    Ok(Done { digests, judgements, figures, warnings, failures })
}

/// Columns of the summary that the file computes.
fn add_computed(program: &Program, digests: &mut [Digest], measured: &[Vec<Vec<Option<Value>>>]) {
    let columns = program.columns();
    for (point, digest) in digests.iter_mut().enumerate() {
        for (name, dimension, share) in &columns {
            digest.figures.push(Figure {
                subject: String::new(),
                column: (*name).to_string(),
                dimension: *dimension,
                share: *share,
                listed: true,
            });
        }
        for (seed, values) in digest.seeds.iter_mut().enumerate() {
            values.extend(program.compute(point, seed, measured));
        }
    }
}

fn bar(experiment: &Experiment, jobs: usize, shown: bool) -> ProgressBar {
    let target = if shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{msg} [{wide_bar}] {percent} % {eta}").expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(jobs as u64 * PARTS), target);
    let runs = if jobs > 1 { format!(", {jobs} runs") } else { String::new() };
    bar.with_style(style.progress_chars("=> ")).with_message(format!("{}{runs}", experiment.name))
}

fn execute(
    experiment: &Experiment,
    program: &Program,
    job: &Job<'_>,
    options: Options<'_>,
    bar: &ProgressBar,
) -> std::io::Result<Ran> {
    let plan = &job.plan.plan;
    let told = AtomicU64::new(0);
    let progress = |time: Time| {
        let parts = (u128::from(time.ps()) * u128::from(PARTS) / u128::from(plan.stop.ps().max(1))) as u64;
        let before = told.fetch_max(parts, Ordering::Relaxed);
        bar.inc(parts.saturating_sub(before));
    };
    let (outcome, cost) = simulate(plan, job.seed, options.how, &progress);
    bar.inc(PARTS.saturating_sub(told.load(Ordering::Relaxed)));
    if options.timing {
        say!("{}", timing_line(plan, job.seed, &outcome, cost));
    }
    let title = experiment.label(&job.plan.values);
    results::write(&job.folder, job.plan, job.seed, &outcome)?;
    let about = results::about(&experiment.name, &title, job.seed);
    let (figures, warnings) = figures::draw(&job.folder, &about, &figures::requests(plan, false));
    Ok(Ran {
        digest: digest(plan, &outcome),
        measured: program.measure(experiment, job.point, &outcome),
        figures,
        warnings,
        failures: outcome.failures.iter().map(|what| format!("{about}: {what}")).collect(),
        rows: outcome.rows.iter().map(|rows| (rows.table.name, rows.len())).collect(),
    })
}

/// Tables and captures that the file asks for by name and that stay empty in every run.
fn empty_tables(experiment: &Experiment, ran: &[Ran]) -> Vec<String> {
    let mut warnings = Vec::new();
    for named in experiment.points.iter().flat_map(|point| &point.plan.outputs.tables) {
        let rows: usize =
            ran.iter().flat_map(|run| &run.rows).filter(|(name, _)| *name == named.name).map(|(_, rows)| rows).sum();
        let place = named.place.as_ref().map_or_else(String::new, |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
        let text = format!("{place}the table `{}` stayed empty", named.name);
        if rows == 0 && !warnings.contains(&text) {
            warnings.push(text);
        }
    }
    warnings
}

/// What a run has cost, as a line of JSON. With several runs at a time the CPU time would be that of all of them, so
/// `--timing` runs one after the other.
fn timing_line(plan: &Plan, seed: u64, outcome: &Outcome, cost: Cost) -> String {
    let delivered: u64 = outcome.table("flows").map_or(0, |rows| {
        let at = rows.table.columns.iter().position(|column| column.name == "bytes").expect("flows have bytes");
        rows.iter().map(|(_, row)| row[at]).sum()
    });
    let cpu = cost.cpu.as_secs_f64();
    let hops_per_second = if cpu > 0.0 { outcome.hops as f64 / cpu } else { 0.0 };
    serde_json::json!({
        "scenario": plan.name,
        "seed": seed,
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
