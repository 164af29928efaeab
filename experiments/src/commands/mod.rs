//! The verbs of the command. Each gives whether all is well, or the text of what is wrong with its input.

pub mod check;
pub mod compare;
pub mod events;
pub mod export;
pub mod list;
pub mod manual;
pub mod new;
pub mod packetdrill;
pub mod plot;
pub mod query;
pub mod report;
pub mod run;
pub mod verify;
pub mod why;

use std::path::Path;

use topologies::{Diagnostics, Experiment};

use crate::cli::Overrides;
use crate::expect::Program;
use crate::figures;

/// What a verb gives.
pub type Done = Result<bool, String>;

/// An experiment and its checks.
pub struct Loaded {
    /// The experiment.
    pub experiment: Experiment,
    /// Its expectations and computed columns, resolved.
    pub program: Program,
}

/// Reads a file with all that it expects.
///
/// # Errors
/// All that is wrong with it, for people.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Loaded, String> {
    let options = crate::load_options(&overrides.sets, overrides.seed);
    let experiment = topologies::load(file, &options).map_err(|wrong| wrong.to_string())?;
    let program = bind(&experiment).map_err(|wrong| wrong.to_string())?;
    Ok(Loaded { experiment, program })
}

/// Resolves what an experiment expects, and whether its figures can be drawn.
fn bind(experiment: &Experiment) -> Result<Program, Diagnostics> {
    let program = Program::new(experiment)?;
    figures::check(experiment, &program)?;
    Ok(program)
}

/// Whether an experiment's checks and figures can be made of what it records.
///
/// # Errors
/// All that cannot.
pub fn check_outputs(experiment: &Experiment) -> Result<(), Diagnostics> {
    bind(experiment).map(drop)
}

/// A point of the plan by its number, 1 being the first.
///
/// # Errors
/// There is no such point.
pub fn point_of(experiment: &Experiment, number: usize) -> Result<usize, String> {
    let count = experiment.points.len();
    let are = if count == 1 { "one point".to_string() } else { format!("{count} points, 1 to {count}") };
    let there = number.checked_sub(1).filter(|at| *at < count);
    there.ok_or_else(|| format!("error: there is no point {number}: {} has {are}\n", experiment.name))
}

/// The machine's cores.
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
