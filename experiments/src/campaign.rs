//! All points and seeds of an experiment, in parallel. What comes out does not depend on how many threads or processes there are, nor on which
//! runs were there before: each run is a simulation of its own with a folder of its own, and what is said of all is made from their records.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::ThreadPool;
use rayon::prelude::*;
use sim_core::{Outcome, Time};
use topologies::{Experiment, Plan, Point};

use crate::digest::{Digest, Figure, digest};
use crate::expect::{Judgement, Program, Value, Width};
use crate::figures;
use crate::memory::{Gate, Inside, PARTS};
use crate::record::{self, Number, Record};
use crate::report;
use crate::results;
use crate::rounds;
use crate::run::{Cost, How, peak_memory, simulate};
use crate::say::say;

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
    /// How narrow intervals have become, where seeds run until they are.
    pub widths: Vec<Width>,
}

/// How a campaign is run.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// How each simulation is run.
    pub how: How,
    /// One thread for each simulation that runs at a time.
    pub pool: &'a ThreadPool,
    /// Lets runs start as memory is there.
    pub gate: &'a Gate,
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
    /// Its folder, from that of the results on.
    place: PathBuf,
    key: String,
    asks: &'a [String],
}

/// An experiment with what its runs are judged by.
pub struct Campaign<'a> {
    experiment: &'a Experiment,
    program: &'a Program,
    /// The command that repeats this, for readers of the results.
    command: &'a str,
    /// What is asked of the runs of each point.
    asks: Vec<Vec<String>>,
}

impl<'a> Campaign<'a> {
    /// All points and seeds.
    pub fn new(experiment: &'a Experiment, program: &'a Program, command: &'a str) -> Campaign<'a> {
        let asks = (0..experiment.points.len()).map(|point| program.asks(point)).collect();
        Campaign { experiment, program, command, asks }
    }

    /// The runs of a point, or of all of them.
    fn jobs(&self, only: Option<usize>) -> Vec<Job<'_>> {
        let points = self.experiment.points.iter().enumerate();
        let mut jobs = Vec::new();
        for (point, plan) in points.filter(|(point, _)| only.is_none_or(|only| only == *point)) {
            let at_point = PathBuf::from(self.experiment.slug(plan));
            for &seed in &self.experiment.seeds {
                let (place, key) = (at_point.join(format!("seed-{seed}")), record::key(plan, seed));
                jobs.push(Job { point, plan, seed, place, key, asks: &self.asks[point] });
            }
        }
        jobs
    }

    /// What an earlier result came to, if it is of these very runs and says what they come to: then there is nothing to do.
    pub fn earlier(&self, folder: &Path) -> Option<Done> {
        let jobs = self.jobs(None);
        let read = |job: &Job<'_>| Record::read(&folder.join(&job.place), &job.key, job.asks);
        let records = jobs.par_iter().map(read).collect::<Option<Vec<Record>>>()?;
        let others = !strangers(folder, &jobs).is_empty();
        let done = self.sum_up(folder, &jobs, records);
        let summary = std::fs::read_to_string(folder.join("summary.json")).ok()?;
        let same = summary == crate::summary::json(self.experiment, self.command, &done);
        (same && !others).then_some(done)
    }

    /// Runs what is missing in `folder` of a point, or of all. What one of `earlier` has of it is copied. Gives how many were there, and of how many.
    ///
    /// # Errors
    /// As the file system.
    pub fn run(
        &self,
        folder: &Path,
        earlier: &[PathBuf],
        only: Option<usize>,
        options: Options<'_>,
    ) -> io::Result<(usize, usize)> {
        let jobs = self.jobs(only);
        let there = |job: &&Job<'_>| {
            let own = folder.join(&job.place);
            if Record::read(&own, &job.key, job.asks).is_some() {
                return Ok(true);
            }
            let Some(old) = earlier
                .iter()
                .map(|earlier| earlier.join(&job.place))
                .find(|old| Record::read(old, &job.key, job.asks).is_some())
            else {
                return Ok(false);
            };
            let copy = scratch(folder, job);
            record::copy(&old, &copy)?;
            record::settle(&copy, &own)?;
            Ok(true)
        };
        let found = jobs.iter().map(|job| there(&job)).collect::<io::Result<Vec<bool>>>()?;
        let missing: Vec<&Job<'_>> =
            jobs.iter().zip(&found).filter(|(_, found)| !**found).map(|(job, _)| job).collect();
        let bar = bar(self.experiment, missing.len(), options.bar);
        // One after the other, as threads are free: runs of a point that is slow stand together. Threads begin as memory is there, the first ones first:
        // what a thread has given back, only that thread takes again.
        let (next, failed) = (AtomicUsize::new(0), Mutex::new(None));
        let waits = |waiting: u64| match waiting {
            0 => bar.set_prefix(""),
            _ => bar.set_prefix(format!("{waiting} wait for memory ")),
        };
        options.pool.broadcast(|thread| {
            let over = || next.load(Ordering::Relaxed) >= missing.len();
            while let Some(inside) = options.gate.enter(thread.index() as u64, &over, &waits) {
                let Some(job) = missing.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
                if let Err(error) = self.execute(folder, job, options, &inside, &bar) {
                    next.store(missing.len(), Ordering::Relaxed);
                    failed.lock().expect("nobody panics with it").get_or_insert(error);
                }
            }
        });
        failed.into_inner().expect("nobody panics with it").map_or(Ok(()), Err)?;
        bar.finish_and_clear();
        Ok((jobs.len() - missing.len(), jobs.len()))
    }

    /// Whether no more seeds are needed, at a point or at all of them: intervals are as narrow as they are to be, or nothing says that they shall be. `None`
    /// where a run is missing.
    pub fn narrow(&self, folder: &Path, only: Option<usize>) -> Option<bool> {
        let Some(until) = &self.experiment.until else { return Some(true) };
        let jobs = self.jobs(only);
        let mut measured = vec![Vec::new(); self.experiment.points.len()];
        let read = |job: &Job<'_>| Record::read(&folder.join(&job.place), &job.key, job.asks);
        let records = jobs.par_iter().map(read).collect::<Option<Vec<Record>>>()?;
        for (job, record) in jobs.iter().zip(records) {
            measured[job.point].push(self.program.recall(job.point, &record.measured));
        }
        let points: Vec<usize> = only.map_or_else(|| (0..measured.len()).collect(), |only| vec![only]);
        // Where a run has no value, more seeds do not help.
        let enough = |width: &Width| width.narrow || width.mean.is_none();
        Some(self.program.widths(until, &points, &measured).iter().all(enough))
    }

    /// Sums up what all runs in `folder` came to, and writes it beside them. Anything of other runs goes.
    ///
    /// # Errors
    /// As the file system.
    pub fn gather(&self, folder: &Path) -> io::Result<Done> {
        let jobs = self.jobs(None);
        for place in strangers(folder, &jobs) {
            std::fs::remove_dir_all(folder.join(&place))?;
            // Where this was the last seed of a point.
            let _ = place
                .parent()
                .filter(|point| *point != Path::new(""))
                .map(|point| std::fs::remove_dir(folder.join(point)));
        }
        let read = |job: &Job<'_>| {
            Record::read_any(&folder.join(&job.place))
                .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", job.place.display())))
        };
        let records = jobs.iter().map(read).collect::<io::Result<Vec<Record>>>()?;
        let mut done = self.sum_up(folder, &jobs, records);
        let experiment = self.experiment;
        crate::summary::csv(&folder.join("summary.csv"), experiment, &done.digests)?;
        let json = crate::summary::json(experiment, self.command, &done);
        std::fs::write(folder.join("summary.json"), json)?;
        let first = |job: &&Job<'_>| job.seed == experiment.seeds[0];
        let source = |job: &Job<'_>| plots::Source {
            label: figures::label(&experiment.name, &experiment.label(&job.plan.values)),
            tables: plots::Tables::Folder(folder.join(&job.place)),
        };
        let points = figures::Points {
            first: jobs.iter().filter(first).map(source).collect(),
            all: jobs.iter().map(source).collect(),
        };
        let requests = figures::requests(&experiment.points[0].plan, true);
        let (drawn, wrong) = figures::draw_whole(folder, &experiment.name, &points, &requests);
        done.figures.extend(drawn);
        done.warnings.extend(wrong);
        if !experiment.points[0].plan.outputs.no_report {
            report::write(folder, &experiment.points[0].plan)?;
        }
        Ok(done)
    }

    fn sum_up(&self, folder: &Path, jobs: &[Job<'_>], records: Vec<Record>) -> Done {
        let mut warnings = empty_tables(self.experiment, &records);
        let failures = records.iter().flat_map(|record| record.failures.iter().cloned()).collect();
        let mut digests = vec![Digest::default(); self.experiment.points.len()];
        let mut measured = vec![Vec::new(); self.experiment.points.len()];
        let mut figures = Vec::new();
        for (job, record) in jobs.iter().zip(records) {
            let digest = &mut digests[job.point];
            let (names, values): (Vec<Figure>, Vec<Number>) = record.digest.into_iter().unzip();
            digest.figures = names;
            digest.fingerprints.push(record.fingerprints);
            digest.seeds.push(values.into_iter().map(Option::from).collect());
            measured[job.point].push(self.program.recall(job.point, &record.measured));
            figures.extend(record.figures.iter().map(|figure| folder.join(&job.place).join(figure)));
            for text in record.warnings {
                if !warnings.contains(&text) {
                    warnings.push(text);
                }
            }
        }
        add_computed(self.program, &mut digests, &measured);
        let judgements = self.program.judge(self.experiment, &measured);
        let mut widths = Vec::new();
        if let Some(until) = &self.experiment.until {
            let points: Vec<usize> = (0..measured.len()).collect();
            widths = self.program.widths(until, &points, &measured);
            warnings.extend(rounds::warning(self.experiment, until, &widths));
        }
        let mut done = Done { digests, judgements, figures, warnings, failures, widths };
        // What must be as it was is judged by what the summary says.
        if self.program.has_golden() {
            let summary = crate::summary::json(self.experiment, "", &done);
            done.judgements.extend(self.program.judge_golden(&summary));
        }
        done
    }

    fn execute(
        &self,
        folder: &Path,
        job: &Job<'_>,
        options: Options<'_>,
        inside: &Inside<'_>,
        bar: &ProgressBar,
    ) -> io::Result<()> {
        let plan = &job.plan.plan;
        let told = AtomicU64::new(0);
        let progress = |time: Time| {
            let parts = (u128::from(time.ps()) * u128::from(PARTS) / u128::from(plan.stop.ps().max(1))) as u64;
            let before = told.fetch_max(parts, Ordering::Relaxed);
            let more = parts.saturating_sub(before);
            inside.progress(more);
            bar.inc(more);
        };
        let (outcome, cost) = simulate(plan, job.seed, options.how, &progress);
        let rest = PARTS.saturating_sub(told.load(Ordering::Relaxed));
        inside.progress(rest);
        bar.inc(rest);
        if options.timing {
            say!("{}", timing_line(plan, job.seed, &outcome, cost));
        }
        let title = self.experiment.label(&job.plan.values);
        let copy = scratch(folder, job);
        results::write(&copy, job.plan, job.seed, &outcome)?;
        let about = results::about(&self.experiment.name, &title, job.seed);
        let (figures, mut warnings) = figures::draw(&copy, &about, &figures::requests(plan, false));
        let measured = self.program.measure(job.point, plan, &outcome);
        warnings.extend(
            self.program
                .odd(job.point, &measured)
                .iter()
                .map(|odd| if title.is_empty() { odd.clone() } else { format!("{odd} [{title}]") }),
        );
        let record = Record {
            digest: digest(plan, &outcome).into_iter().map(|(figure, value)| (figure, value.into())).collect(),
            measured,
            figures: figures.iter().filter_map(|figure| Some(figure.strip_prefix(&copy).ok()?.to_path_buf())).collect(),
            warnings,
            failures: outcome.failures.iter().map(|what| format!("{about}: {what}")).collect(),
            fingerprints: results::layers(&outcome.fingerprints).map(|(layer, print)| (layer.into(), print)).collect(),
            rows: outcome.rows.iter().map(|rows| (rows.table.name.to_string(), rows.len() as u64)).collect(),
            ..Record::new(job.key.clone())
        };
        inside.whole();
        record.write(&copy)?;
        record::settle(&copy, &folder.join(&job.place))
    }
}

/// Runs in a folder that are none of these.
fn strangers(folder: &Path, jobs: &[Job<'_>]) -> Vec<PathBuf> {
    let own: BTreeSet<&Path> = jobs.iter().map(|job| job.place.as_path()).collect();
    record::below(folder).into_iter().filter(|place| !own.contains(place.as_path())).collect()
}

/// Where a run is written until it is whole. Several processes may work in one folder.
fn scratch(folder: &Path, job: &Job<'_>) -> PathBuf {
    folder.join(format!("{}{}-{}", record::SCRATCH, std::process::id(), job.key))
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
    let style =
        ProgressStyle::with_template("{msg} [{wide_bar}] {percent} % {prefix}{eta}").expect("the template is right");
    let bar = ProgressBar::with_draw_target(Some(jobs as u64 * PARTS), target);
    let runs = if jobs > 1 { format!(", {jobs} runs") } else { String::new() };
    bar.with_style(style.progress_chars("=> ")).with_message(format!("{}{runs}", experiment.name))
}

/// Tables and captures that the file asks for by name and that stay empty in every run.
fn empty_tables(experiment: &Experiment, ran: &[Record]) -> Vec<String> {
    let mut warnings = Vec::new();
    for named in experiment.points.iter().flat_map(|point| &point.plan.outputs.tables) {
        let rows: u64 = ran.iter().filter_map(|run| run.rows.get(&named.name)).sum();
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
