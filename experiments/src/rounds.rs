//! `seeds: { until: … }`: rounds of seeds. Each round runs whole before it is looked at, so that how many there are depends on nothing but the file.

use std::borrow::Cow;

use topologies::{Experiment, Until};

use crate::expect::Width;

/// The experiment as it begins: with the seeds of the first round, or with all of them.
pub fn first(full: &Experiment) -> Cow<'_, Experiment> {
    let mut experiment = Cow::Borrowed(full);
    if let Some(until) = &full.until {
        experiment.to_mut().seeds.truncate(until.from);
    }
    experiment
}

/// Adds the seeds of another round; `false` where there are no more.
pub fn grow(experiment: &mut Cow<'_, Experiment>, full: &Experiment) -> bool {
    let Some(until) = &full.until else { return false };
    let count = experiment.seeds.len();
    if count >= full.seeds.len() {
        return false;
    }
    experiment.to_mut().seeds = full.seeds[..full.seeds.len().min(count + until.round)].to_vec();
    true
}

/// What was aimed at, and what was reached: `bulk.goodput within 2 % at 95 %, after 15 seeds`.
pub fn says(experiment: &Experiment, until: &Until, widths: &[Width]) -> String {
    let wide = widths.iter().filter(|width| !width.narrow).count();
    let seeds = experiment.seeds.len();
    let aim = format!("`{}` within {} at {} %", until.measure, until.within, percent(until.confidence));
    match (wide, widths.len()) {
        (0, 1) => format!("{aim} after {seeds} seeds: {}", widths[0].says),
        (0, all) => format!("{aim} after {seeds} seeds at all {all} points"),
        (_, 1) => format!("{aim}: not reached after {seeds} seeds, it is {}", widths[0].says),
        (wide, all) => format!("{aim}: not reached after {seeds} seeds at {wide} of {all} points"),
    }
}

/// What to warn of, where seeds were not enough: with the first point of those that are still wide.
pub fn warning(experiment: &Experiment, until: &Until, widths: &[Width]) -> Option<String> {
    let wide = widths.iter().find(|width| !width.narrow)?;
    let place = until.place.as_ref().map_or_else(String::new, |p| format!("{}:{}:{}: ", p.file, p.line, p.column));
    let mut text = place + &says(experiment, until, widths);
    if widths.len() > 1 {
        let label = experiment.label(&experiment.points[wide.point].values);
        text.push_str(&format!("; {label}: {}", wide.says));
    }
    Some(text)
}

fn percent(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}
