//! `clockwire run`.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use super::{Done, Loaded, cores, load};
use crate::campaign::{self, Options};
use crate::cli::{Overrides, RunOptions};
use crate::results::Folder;
use crate::run::How;
use crate::say::{complain, say};
use crate::summary;

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
    let threads = options.threads.unwrap_or_else(cores).max(1);
    let shards = options.shards.max(1);
    // A sharded simulation has threads of its own; costs are measured one at a time.
    let at_a_time = if options.timing { 1 } else { (threads / shards.min(threads)).max(1) };
    let how = How { shards, threads, ..How::default() };
    let mut all_hold = true;
    for (loaded, file) in loaded.iter().zip(&options.files) {
        all_hold &= one(loaded, file, options, how, at_a_time)?;
    }
    Ok(all_hold)
}

fn one(loaded: &Loaded, file: &Path, options: &RunOptions, how: How, at_a_time: usize) -> Done {
    let experiment = &loaded.experiment;
    if !options.quiet {
        complain!("{}", experiment.warnings);
    }
    let wanted = options.out.clone().unwrap_or_else(|| Path::new("results").join(&experiment.name));
    let failed = |error: std::io::Error| format!("error: {}: {error}\n", wanted.display());
    let folder = Folder::create(&wanted, options.force).map_err(failed)?;
    let bar = !options.quiet && !options.timing && std::io::stderr().is_terminal();
    let command = command(file, &options.overrides);
    let campaign = Options { command: &command, how, at_a_time, bar, timing: options.timing };
    let done = campaign::run(experiment, &loaded.program, folder.path(), campaign).map_err(failed)?;
    let partial = folder.path().to_path_buf();
    let name = folder.finish().map_err(failed)?;
    if !options.quiet {
        for warning in &done.warnings {
            complain!("warning: {warning}\n");
        }
        if !options.timing {
            say!("{}, {}\n", experiment.name, size(loaded));
            let computed: Vec<&str> = loaded.program.columns().iter().map(|(name, ..)| *name).collect();
            say!("{}", summary::print(experiment, &done.digests, &computed).trim_end());
            report(&name, &partial, &done.figures);
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
    Ok(done.failures.is_empty() && done.judgements.iter().all(|judgement| judgement.holds))
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
fn size(loaded: &Loaded) -> String {
    let experiment = &loaded.experiment;
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

fn report(name: &Path, partial: &Path, figures: &[PathBuf]) {
    say!("results: {}", name.display());
    for figure in figures.iter().take(FIGURES_SHOWN) {
        let figure = figure.strip_prefix(partial).map_or_else(|_| figure.clone(), |rest| name.join(rest));
        say!("figure:  {}", figure.display());
    }
    if figures.len() > FIGURES_SHOWN {
        say!("         and {} more figures", figures.len() - FIGURES_SHOWN);
    }
}
