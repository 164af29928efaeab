//! `clockwire run`.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::report as verdicts;
use super::{Done, Loaded, cores, load, point_of};
use crate::campaign::{self, Campaign};
use crate::cli::{Overrides, RunOptions};
use crate::memory::{self, Gate};
use crate::report::Verdicts;
use crate::results::{self, Folder};
use crate::rounds;
use crate::run::How;
use crate::say::{complain, say};
use crate::summary;
use topologies::Experiment;

/// The most figures that are named at the end.
const FIGURES_SHOWN: usize = 8;

/// Runs experiments.
pub fn run(options: &RunOptions) -> Done {
    if options.out.is_some() && options.files.len() > 1 {
        return Err("error: `--out` names one folder, and there are several files\n".into());
    }
    // Everything is read before anything runs: one bad file, and nothing is written.
    let (mut loaded, mut wrong) = (Vec::new(), String::new());
    for file in &options.files {
        match load(file, &options.overrides) {
            Ok(one) => loaded.push(one),
            Err(error) => wrong.push_str(&error),
        }
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    if options.point.is_some() && options.files.len() > 1 {
        return Err("error: `--point` names a point of one file, and there are several\n".into());
    }
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let shards = options.shards.max(1);
    // A sharded simulation has threads of its own; costs are measured one at a time.
    let at_a_time = if options.timing { 1 } else { (threads / shards.min(threads)).max(1) };
    // This thread is one of them: its memory, which the file's reading has used and given back, serves the first run.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(at_a_time).use_current_thread().build();
    let pool = pool.map_err(|error| format!("error: {error}\n"))?;
    if options.memory.is_some() && memory::used().is_none() {
        return Err("error: `--memory`: this system does not tell how much memory a program uses\n".into());
    }
    let gate = Gate::new(options.memory.map(|size| size.bytes()).or_else(memory::limit));
    let bar = !options.quiet && !options.timing && std::io::stderr().is_terminal();
    let how = How { shards, threads, ..How::default() };
    let how = campaign::Options { how, pool: &pool, gate: &gate, bar, timing: options.timing };
    if let (Some(point), [loaded]) = (options.point, &loaded[..]) {
        let done = alone(loaded, options, point, how);
        crowded(&gate, options);
        return done;
    }
    verdicts::refuse(&options.verdicts, options.force)?;
    options.report.iter().try_for_each(|page| verdicts::absent(page, options.force))?;
    let (mut all_hold, mut judged, mut folders) = (true, Vec::new(), Vec::new());
    for (loaded, file) in loaded.iter().zip(&options.files) {
        let (holds, folder, verdicts) = one(loaded, file, options, how)?;
        all_hold &= holds;
        judged.push(verdicts);
        folders.push(folder);
    }
    verdicts::write(&options.verdicts, &judged)?;
    crowded(&gate, options);
    if let Some(page) = &options.report {
        let results: Vec<_> = folders.iter().map(PathBuf::as_path).zip(&loaded).collect();
        let text = verdicts::together(page, &results)?;
        std::fs::write(page, text).map_err(|why| broken(page, &why))?;
        if !options.quiet {
            say!("report of all: {}", page.display());
        }
    }
    Ok(all_hold)
}

fn one(
    loaded: &Loaded,
    file: &Path,
    options: &RunOptions,
    how: campaign::Options<'_>,
) -> Result<(bool, PathBuf, Verdicts), String> {
    let full = &loaded.experiment;
    if !options.quiet {
        complain!("{}", full.warnings);
    }
    let wanted = wanted(options, full);
    let command = command(file, &options.overrides);
    let failed = |error: std::io::Error| broken(&wanted, &error);
    let fresh = options.fresh || options.timing;
    let earlier = if fresh { Vec::new() } else { results::siblings(&wanted) };
    let known = earlier.iter().find_map(|folder| {
        let mut experiment = rounds::first(full);
        loop {
            let campaign = Campaign::new(&experiment, &loaded.program, &command);
            let enough = campaign.narrow(folder, None)?;
            if enough || experiment.seeds.len() == full.seeds.len() {
                return Some((campaign.earlier(folder)?, experiment, folder));
            }
            rounds::grow(&mut experiment, full);
        }
    });
    let (done, experiment, name, partial, there) = match known {
        Some((done, experiment, name)) => {
            (done, experiment, name.clone(), name.clone(), Some("nothing was missing".to_string()))
        }
        None => {
            let folder = Folder::create(&wanted, options.force).map_err(failed)?;
            if fresh {
                folder.clear().map_err(failed)?;
            }
            let ran = run_rounds(loaded, &command, folder.path(), &earlier, None, how);
            let (experiment, (there, of)) = ran.map_err(|error| broken(&wanted, &error) + &folder.kept())?;
            let done = Campaign::new(&experiment, &loaded.program, &command).gather(folder.path()).map_err(failed)?;
            let partial = folder.path().to_path_buf();
            let there = (there > 0).then(|| format!("{there} of {of} runs were there"));
            (done, experiment, folder.finish().map_err(failed)?, partial, there)
        }
    };
    if !options.quiet {
        for warning in &done.warnings {
            complain!("warning: {warning}\n");
        }
        if !options.timing {
            say!("{}, {}\n", experiment.name, size(&experiment));
            let computed: Vec<&str> = loaded.program.columns().iter().map(|(name, ..)| *name).collect();
            say!("{}", summary::print(&experiment, &done.digests, &computed).trim_end());
            if let Some(until) = &experiment.until {
                say!("{}", rounds::says(&experiment, until, &done.widths));
            }
            report(&name, &partial, &done.figures, there.as_deref());
        }
    }
    for failure in &done.failures {
        complain!("error: {failure}\n");
    }
    for judgement in &done.judgements {
        if !judgement.holds {
            let place = judgement.place.as_ref();
            let place = place.map_or_else(String::new, |p| format!("  ({}:{})", p.file, p.line));
            complain!("{judgement}{place}\n");
        } else if !options.quiet && !options.timing {
            say!("{judgement}");
        }
    }
    let holds = done.failures.is_empty() && done.judgements.iter().all(|judgement| judgement.holds);
    let verdicts = Verdicts::read(&name, done.failures).map_err(failed)?;
    Ok((holds, name, verdicts))
}

/// Says that memory was short, and how many runs there were at a time for it.
fn crowded(gate: &Gate, options: &RunOptions) {
    if let Some(most) = gate.waited().filter(|_| !options.quiet) {
        let runs = if most == 1 { "one run".into() } else { format!("{most} runs") };
        complain!(
            "note: runs have waited for memory: there was room for {runs} at a time (`--memory` says how much there is)\n"
        );
    }
}

/// One point of the plan, for whoever shares the points out. The results get their name when all is run.
fn alone(loaded: &Loaded, options: &RunOptions, point: usize, how: campaign::Options<'_>) -> Done {
    let experiment = &loaded.experiment;
    let count = experiment.points.len();
    let chosen = &experiment.points[point_of(experiment, point)?];
    let wanted = wanted(options, experiment);
    let failed = |error: std::io::Error| broken(&wanted, &error);
    let folder = Folder::share(&wanted).map_err(failed)?;
    // No word of the command goes into a run.
    let ran = run_rounds(loaded, "", folder.path(), &results::siblings(&wanted), Some(point - 1), how);
    let (_, (there, of)) = ran.map_err(failed)?;
    if !options.quiet {
        let label = experiment.label(&chosen.values);
        let label = if label.is_empty() { label } else { format!(" ({label})") };
        let there = if there > 0 { format!(", {there} of {of} runs were there") } else { String::new() };
        say!("{}, point {point} of {count}{label}{there}: {}", experiment.name, folder.path().display());
    }
    Ok(true)
}

/// Runs rounds of seeds until intervals are narrow, of a point or of all; one round where all seeds are known. Gives the experiment with the seeds that it
/// took, and how many of its runs were there, and of how many.
fn run_rounds<'a>(
    loaded: &'a Loaded,
    command: &str,
    folder: &Path,
    earlier: &[PathBuf],
    only: Option<usize>,
    how: campaign::Options<'_>,
) -> std::io::Result<(Cow<'a, Experiment>, (usize, usize))> {
    let mut experiment = rounds::first(&loaded.experiment);
    let mut ran = 0;
    loop {
        let campaign = Campaign::new(&experiment, &loaded.program, command);
        let (there, of) = campaign.run(folder, earlier, only, how)?;
        ran += of - there;
        let narrow = campaign.narrow(folder, only).unwrap_or(true);
        if narrow || !rounds::grow(&mut experiment, &loaded.experiment) {
            return Ok((experiment, (of - ran, of)));
        }
    }
}

/// Where results go.
fn wanted(options: &RunOptions, experiment: &Experiment) -> PathBuf {
    options.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name))
}

fn broken(wanted: &Path, error: &std::io::Error) -> String {
    format!("error: {}: {error}\n", wanted.display())
}

/// The command that repeats a run, for a shell in the folder of the file: where that lies is the machine's own affair.
fn command(file: &Path, overrides: &Overrides) -> String {
    let mut words = vec!["clockwire run".to_string(), quoted(&file.file_name().unwrap_or_default().to_string_lossy())];
    words.extend(overrides.seed.map(|seed| format!("--seed {seed}")));
    words.extend(overrides.sets.iter().map(|set| format!("--set {}", quoted(set))));
    words.join(" ")
}

/// A word of a POSIX shell.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,%+@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_string()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

/// `6 points, 5 seeds each, 60 s`.
fn size(experiment: &Experiment) -> String {
    let mut parts = Vec::new();
    if experiment.points.len() > 1 {
        parts.push(format!("{} points", experiment.points.len()));
    }
    match experiment.seeds[..] {
        [seed] => parts.push(format!("seed {seed}")),
        _ => parts.push(format!("{} seeds", experiment.seeds.len())),
    }
    parts.push(format!("{} simulated", experiment.points[0].plan.stop));
    parts.join(", ")
}

fn report(name: &Path, partial: &Path, figures: &[PathBuf], there: Option<&str>) {
    let there = there.map_or_else(String::new, |there| format!(" ({there})"));
    say!("results: {}{there}", name.display());
    for figure in figures.iter().take(FIGURES_SHOWN) {
        let figure = figure.strip_prefix(partial).map_or_else(|_| figure.clone(), |rest| name.join(rest));
        say!("figure:  {}", figure.display());
    }
    if figures.len() > FIGURES_SHOWN {
        say!("         and {} more figures", figures.len() - FIGURES_SHOWN);
    }
}
