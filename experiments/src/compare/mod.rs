//! Two results side by side: whether they are the same, where their runs part, which figures differ beyond chance.
//!
//! | step | module |
//! | --- | --- |
//! | results, files and builds become two results folders | `side` |
//! | runs that part: the first event and the first row that differ | `runs` |
//! | figures: differences over the seeds, with a correction for their number | `figures` |
//! | the answer for people, for programs and for CI | `text` |

mod figures;
mod runs;
mod side;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

pub use figures::{Compared, Level};
pub use runs::RunPairs;
pub use side::{Given, Side, Tools};
pub use text::{json, people, verdicts};

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Answer {
    /// Every event, row and captured byte of every run is the same.
    Identical,
    /// Runs part, but no figure differs by more than chance.
    Divergent,
    /// Figures differ.
    Different,
}

impl Answer {
    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Identical => "IDENTICAL",
            Answer::Divergent => "DIVERGENT",
            Answer::Different => "DIFFERENT",
        }
    }
}

/// Two sides, compared.
pub struct Comparison {
    /// Both sides.
    pub sides: [Side; 2],
    /// Points that both have: their place on either side.
    pub points: Vec<[usize; 2]>,
    /// Points that one side alone has, by what they are called.
    pub alone: [Vec<String>; 2],
    /// How their runs stand.
    pub runs: RunPairs,
    /// Figures that both have.
    pub figures: Vec<Compared>,
    /// Figures that one side alone has.
    pub figures_alone: [Vec<String>; 2],
    /// By what figures were judged.
    pub level: Level,
    /// Expectations that hold on one side alone: the check, its point, and whether it holds on the second side.
    pub turned: Vec<(String, String, bool)>,
}

impl Comparison {
    /// Compares two sides. `scratch`: a folder in which runs may be run again.
    ///
    /// # Errors
    /// What cannot be read or run, in words.
    pub fn new(sides: [Side; 2], level: Level, scratch: &Path) -> Result<Comparison, String> {
        let (points, alone) = points(&sides);
        if points.is_empty() {
            return Err(format!(
                "error: {} and {} have no point in common: {} and {}\n",
                sides[0].name,
                sides[1].name,
                alone[0].join("; "),
                alone[1].join("; ")
            ));
        }
        let runs = runs::compare(&sides, &points, scratch)?;
        let (figures, figures_alone) = figures::compare(&sides, &points, &runs, level);
        let turned = turned(&sides);
        Ok(Comparison { sides, points, alone, runs, figures, figures_alone, level, turned })
    }

    /// The answer.
    pub fn answer(&self) -> Answer {
        let whole = self.alone.iter().all(Vec::is_empty) && self.runs.lonely.iter().all(Vec::is_empty);
        if self.figures.iter().any(|figure| figure.differs) {
            Answer::Different
        } else if whole && self.runs.count > 0 && self.runs.parted.is_empty() {
            Answer::Identical
        } else {
            Answer::Divergent
        }
    }
}

/// The points that both sides have, and what is left over. Where each side has one point, it is the same one.
fn points(sides: &[Side; 2]) -> (Vec<[usize; 2]>, [Vec<String>; 2]) {
    let [a, b] = sides.each_ref().map(|side| &side.stored.points);
    if a.len() == 1 && b.len() == 1 {
        return (vec![[0, 0]], [Vec::new(), Vec::new()]);
    }
    let place: BTreeMap<_, usize> = b.iter().zip(0..).map(|(point, at)| (&point.point, at)).collect();
    let both: Vec<[usize; 2]> =
        a.iter().zip(0..).filter_map(|(point, at)| Some([at, *place.get(&point.point)?])).collect();
    let left = |side: usize| {
        let stored = &sides[side].stored;
        let own = (0..stored.points.len()).filter(|at| !both.iter().any(|pair| pair[side] == *at));
        own.map(|at| stored.label(at)).collect()
    };
    let alone = [left(0), left(1)];
    (both, alone)
}

/// Expectations that both sides have and that hold on one of them.
fn turned(sides: &[Side; 2]) -> Vec<(String, String, bool)> {
    let [a, b] = sides.each_ref().map(|side| &side.stored.expect);
    let found = b.iter().filter(|new| {
        let same = a.iter().find(|old| (&old.check, &old.point) == (&new.check, &new.point));
        same.is_some_and(|old| old.holds != new.holds)
    });
    found.map(|new| (new.check.clone(), new.point.clone(), new.holds)).collect()
}
