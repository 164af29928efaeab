//! The way in: a file, its overrides, and what comes out as an [`Experiment`].

use std::path::Path;

use sim_core::Prob;

use crate::diagnostics::{Diagnostic, Diagnostics, Place};
use crate::plan::Plan;

/// An experiment: all of its points, resolved.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its `name:`, or the file's name.
    pub name: String,
    /// Its `about:`, what to look at.
    pub about: Option<String>,
    /// Sweep times variants, in file order, the last dimension fastest. At least one.
    pub points: Vec<Point>,
    /// The names of the dimensions in order: sweep paths and `variant`.
    pub dimensions: Vec<String>,
    /// The seeds of each point. At least one.
    pub seeds: Vec<u64>,
    /// Expectations, verbatim.
    pub expect: Vec<Expect>,
    /// What is probably not meant.
    pub warnings: Diagnostics,
}

/// One point of an experiment.
#[derive(Clone, Debug)]
pub struct Point {
    /// The value of each of [`Experiment::dimensions`], as written.
    pub values: Vec<String>,
    /// What runs.
    pub plan: Plan,
    /// The flat file of this point; it runs again as it is.
    pub flat: String,
}

impl Point {
    /// A directory name for the point, empty where the experiment has only one: `wan.delay=10ms,variant=codel`.
    pub fn slug(&self, dimensions: &[String]) -> String {
        let clean = |text: &str| -> String {
            let keep = |c: &char| c.is_ascii_alphanumeric() || "._%=-".contains(*c);
            text.chars().map(|c| if c == '/' { 'p' } else { c }).filter(keep).take(60).collect()
        };
        let parts: Vec<String> =
            dimensions.iter().zip(&self.values).map(|(name, value)| clean(&format!("{name}={value}"))).collect();
        parts.join(",")
    }
}

/// An expectation, verbatim: whoever evaluates it reports at its place.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The check: `wan.drops == 0`.
    pub check: String,
    /// With what confidence over the seeds it must hold.
    pub confidence: Option<Prob>,
    /// Where it stands.
    pub place: Option<Place>,
    /// Its YAML path.
    pub path: String,
}

/// What the caller adds to a file.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--set` overrides: `links.wan.rate=50 Mbit/s`, in order, the last one wins.
    pub sets: Vec<String>,
    /// Replaces the file's seeds.
    pub seed: Option<u64>,
    /// Kinds of figures and the keys that each accepts, so that wrong ones are errors of the file. Empty: not checked.
    pub plots: Vec<(String, Vec<String>)>,
    /// Names of tables, likewise.
    pub tables: Vec<String>,
}

/// Reads a file and resolves all that it means.
///
/// # Errors
/// All that is wrong with it, warnings included.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Experiment, Diagnostics> {
    let _ = options;
    Err(Diagnostic::error(format!("{}: this version cannot resolve experiments yet", path.display())).into())
}
