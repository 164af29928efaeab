//! The verbs of the command. Each gives whether all is well, or the text of what is wrong with its input.

pub mod look;
pub mod run;
pub mod verify;

use std::path::Path;

use topologies::{Diagnostic, Diagnostics, Experiment, Place, Severity};

use crate::cli::Overrides;
use crate::expect::{Check, parse};

/// What a verb gives.
pub type Done = Result<bool, String>;

/// An experiment and its checks.
pub struct Loaded {
    /// The experiment.
    pub experiment: Experiment,
    /// A check for each of its expectations.
    pub checks: Vec<Check>,
}

/// Reads a file with all that it expects.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Loaded, String> {
    let options = crate::load_options(&overrides.sets, overrides.seed);
    let experiment = topologies::load(file, &options).map_err(|wrong| wrong.to_string())?;
    let mut wrong = Diagnostics::default();
    let mut checks = Vec::new();
    for expect in &experiment.expect {
        match parse(&expect.check) {
            Ok(check) => checks.push(check),
            Err(error) => {
                let place = expect.place.clone().map(|place| inside(place, &expect.check, error.at));
                wrong.0.push(Diagnostic {
                    severity: Severity::Error,
                    message: format!("`{}` cannot be checked: {}", expect.check, error.message),
                    place,
                    path: expect.path.clone(),
                    help: vec!["such as `bulk.goodput > 9 Mbit/s`, `wan.drops == 0`, `jain(flows) > 0.95`".into()],
                });
            }
        }
    }
    if wrong.is_empty() { Ok(Loaded { experiment, checks }) } else { Err(wrong.to_string()) }
}

/// The place of a character of a check within its line, where the line holds the check as it is.
fn inside(mut place: Place, check: &str, at: usize) -> Place {
    if let Some(start) = place.text.find(check) {
        place.column = (place.text[..start].chars().count() + at + 1) as u32;
        place.len = 1;
    }
    place
}
