//! `clockwire compare`.

use std::io;
use std::path::PathBuf;

use super::cores;
use super::report as verdict_files;
use crate::cli::CompareOptions;
use crate::compare::{self, Answer, Comparison, Given, Level, Side, Tools};
use crate::report::Verdicts;
use crate::say::say;

/// A folder for what is run, which goes with it.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> io::Result<Scratch> {
        // Whatever a process of this number has left is nobody's any more.
        let path = std::env::temp_dir().join(format!("clockwire-compare-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Scratch(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // There is nobody left to tell of a failure to tidy up.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Compares two results, files or builds. Gives the exit code.
///
/// # Errors
/// What is wrong with what was given.
pub fn compare(options: &CompareOptions) -> Result<u8, String> {
    let kinds = [Given::of(&options.a)?, Given::of(&options.b)?];
    let any = |kind: Given| kinds.contains(&kind);
    if options.on.is_some() && !any(Given::Program) {
        return Err("error: `--on` names the experiment that builds run, and neither side is a program\n".into());
    }
    let changes = options.overrides.seed.is_some() || !options.overrides.sets.is_empty();
    if changes && !any(Given::Program) && !any(Given::File) {
        return Err("error: `--set` and `--seed` change what is run, and both sides are results\n".into());
    }
    verdict_files::refuse(&options.verdicts, options.force)?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(cores()).use_current_thread().build();
    let pool = pool.map_err(|error| format!("error: {error}\n"))?;
    let tools = Tools { on: options.on.as_deref(), overrides: &options.overrides, pool: &pool };
    let scratch = Scratch::new().map_err(|error| format!("error: no folder for what is run: {error}\n"))?;
    let a = Side::new(&options.a, &scratch.0.join("a"), &tools)?;
    let b = Side::new(&options.b, &scratch.0.join("b"), &tools)?;
    let share = |prob: sim_core::Prob| prob.parts() as f64 / sim_core::Prob::ONE_PARTS as f64;
    let level = Level { level: share(options.level), margin: share(options.margin) };
    let found = Comparison::new([a, b], level, &scratch.0.join("again"))?;
    let answer = found.answer();
    if options.json {
        say!("{:#}", compare::json(&found));
    } else {
        say!("{}", compare::people(&found, options.all).trim_end());
    }
    let verdicts = Verdicts::of(compare::verdicts(&found, options.allow_divergent));
    verdict_files::write(&options.verdicts, &[verdicts])?;
    Ok(match answer {
        Answer::Identical => 0,
        Answer::Divergent if options.allow_divergent => 0,
        Answer::Divergent => 3,
        Answer::Different => 1,
    })
}
