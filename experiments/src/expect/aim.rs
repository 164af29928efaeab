//! `seeds: { until: … }`: whether an interval is narrow.

use topologies::{Diagnostic, Experiment, Until};

use super::bind::{Binder, Program, Shape, Typed, diagnostic};
use super::judge::leaf;
use super::parse::{self, Where, Wrong};
use super::value::Value;
use crate::quantity::{Dimension, show, show_mean};
use crate::statistics::{self, Mean};

/// How narrow the interval is at a point.
#[derive(Clone, PartialEq, Debug)]
pub struct Width {
    /// The point.
    pub point: usize,
    /// Mean and half of the interval; `None` where a run has no value.
    pub mean: Option<Mean>,
    /// Whether it is as narrow as it is to be.
    pub narrow: bool,
    /// In words: `9.41 ± 0.02 Mbit/s`.
    pub says: String,
}

impl Program {
    /// An expression that is one number for each run.
    pub(super) fn number(
        &mut self,
        experiment: &Experiment,
        point: usize,
        text: &str,
        what: &str,
    ) -> Result<Typed, Wrong> {
        let expr = parse::parse_expr(text)?;
        let typed = Binder { experiment, point, leaves: &mut self.leaves }.bind(&expr)?;
        if typed.shape != Shape::One || typed.words.is_some() {
            return Err(Wrong::new(format!("{what} is one number for each run"), expr.place())
                .help("say which number is meant, as in `mean(flows.goodput)` or `web.latency.p95`"));
        }
        Ok(typed)
    }

    /// Resolves what the seeds run for.
    pub(super) fn add_aim(&mut self, experiment: &Experiment, until: &Until) -> Result<(), Box<Diagnostic>> {
        for point in 0..experiment.points.len() {
            let typed = self.number(experiment, point, &until.measure, "what seeds run for").map_err(|wrong| {
                Box::new(diagnostic(until.place.clone(), &until.measure, "experiment.seeds.until", wrong))
            })?;
            // A share of the mean goes with anything; of a share itself it is one, too.
            if !until.relative && until.dimension != typed.dimension {
                let message = format!(
                    "`{}` is {}, and its interval is to be within {}",
                    until.measure,
                    typed.dimension.words(),
                    until.dimension.words()
                );
                let whole = Where { at: 0, len: until.within.chars().count() };
                let example = match typed.dimension {
                    Dimension::NONE => "`2 %` of the mean, or `3`".to_string(),
                    other => format!("`2 %` of the mean, or `{}`", other.example()),
                };
                let wrong = Wrong::new(message, whole).help(format!("as in {example}"));
                return Err(Box::new(diagnostic(
                    until.within_place.clone(),
                    &until.within,
                    "experiment.seeds.within",
                    wrong,
                )));
            }
            self.aim.push(typed);
        }
        Ok(())
    }

    /// How narrow the intervals are at the points that were measured: for each of `points` all of its seeds, as [`Program::recall`] gives them.
    pub fn widths(&self, until: &Until, points: &[usize], measured: &[Vec<Vec<Option<Value>>>]) -> Vec<Width> {
        let width = |&point: &usize| {
            let typed = &self.aim[point];
            let value = |seed: usize| typed.tree.value(&|at| leaf(measured, seed, at)).list().first().copied();
            let values: Option<Vec<f64>> = (0..measured[point].len()).map(value).collect();
            let mean =
                values.filter(|values| values.len() > 1).map(|values| statistics::mean(&values, until.confidence));
            let aim = |mean: Mean| if until.relative { until.width * mean.mean.abs() } else { until.width };
            let narrow = mean.is_some_and(|mean| mean.half <= aim(mean));
            let says = match mean {
                None => "without a value in some run".to_string(),
                Some(mean) if until.relative && mean.mean != 0.0 => {
                    let share = show(mean.half / mean.mean.abs(), Dimension::NONE, true);
                    format!("{}, ± {share}", show_mean(mean.mean, mean.half, typed.dimension, typed.share))
                }
                Some(mean) => show_mean(mean.mean, mean.half, typed.dimension, typed.share),
            };
            Width { point, mean, narrow, says }
        };
        points.iter().map(width).collect()
    }
}
