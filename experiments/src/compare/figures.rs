//! Figures of two sides: how much they differ, and whether chance alone would do that.
//!
//! Seeds that both sides have are paired, for they draw the same numbers: Student's test of the differences. Otherwise Welch's test of two samples.
//! Of all figures that differ at all the p-values are corrected together (Holm 1979, "A simple sequentially rejective multiple test
//! procedure", Scandinavian Journal of Statistics 6:65-70): if only chance is at work, the probability that any figure is called different
//! is at most the level.

use std::collections::BTreeSet;

use super::runs::RunPairs;
use super::side::Side;
use crate::quantity::Dimension;
use crate::statistics::{self, Contrast, Mean};
use crate::stored::name;

/// By what figures are judged.
#[derive(Clone, Copy, Debug)]
pub struct Level {
    /// How likely a false alarm may be over all figures together.
    pub level: f64,
    /// Differences surely below this share of the first side's mean do not count.
    pub margin: f64,
}

/// A figure of both sides. Numbers are in base units: seconds, bits, bits per second.
#[derive(Clone, Debug)]
pub struct Compared {
    /// The point, among those that both have.
    pub point: usize,
    /// The flow, workload entry or link direction; `run` for the whole.
    pub subject: String,
    /// What of it.
    pub quantity: String,
    /// What it measures.
    pub dimension: Dimension,
    /// Whether it is a share of one.
    pub share: bool,
    /// The mean of each side, with its interval where there are several seeds.
    pub means: [Mean; 2],
    /// The second less the first; `None` where there is a side with one value, and nothing can be said of chance.
    pub contrast: Option<Contrast>,
    /// The p-value, corrected for the number of figures.
    pub adjusted: Option<f64>,
    /// Whether it differs beyond chance and beyond the margin.
    pub differs: bool,
}

impl Compared {
    /// `bulk.goodput_bps`.
    pub fn name(&self) -> String {
        name(&self.subject, &self.quantity)
    }

    /// The second less the first.
    pub fn difference(&self) -> f64 {
        self.means[1].mean - self.means[0].mean
    }

    /// That as a share of the first; `None` of nothing.
    pub fn relative(&self) -> Option<f64> {
        (self.means[0].mean != 0.0).then(|| self.difference() / self.means[0].mean.abs())
    }
}

/// Compares the figures of points that both sides have. Gives those that both have, and the names of those that one has alone.
pub fn compare(
    sides: &[Side; 2],
    points: &[[usize; 2]],
    runs: &RunPairs,
    level: Level,
) -> (Vec<Compared>, [Vec<String>; 2]) {
    let names = sides.each_ref().map(|side| side.stored.order.iter().cloned().collect::<BTreeSet<_>>());
    let alone = [0, 1].map(|side: usize| {
        let own = names[side].difference(&names[1 - side]);
        own.map(|(subject, quantity)| name(subject, quantity)).collect::<Vec<_>>()
    });
    let mut found = Vec::new();
    for (number, at) in points.iter().enumerate() {
        for (subject, quantity) in &sides[0].stored.order {
            let numbers = [0, 1].map(|side: usize| sides[side].stored.number(at[side], subject, quantity));
            let [Some(a), Some(b)] = numbers else { continue };
            let (dimension, factor) = a.dimension();
            let values = |side: usize| -> Vec<(u64, f64)> {
                let seeds = &numbers[side].map_or(&[][..], |number| &number.seeds);
                let all = sides[side].stored.seeds.iter().zip(seeds.iter());
                all.filter_map(|(seed, value)| Some((*seed, (*value)? * factor))).collect()
            };
            let (left, right) = (values(0), values(1));
            if left.is_empty() || right.is_empty() {
                continue;
            }
            let only = |values: &[(u64, f64)]| values.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
            let means = [statistics::mean(&only(&left), 0.95), statistics::mean(&only(&right), 0.95)];
            let contrast = contrast(&left, &right, runs.certain[number]);
            found.push(Compared {
                point: number,
                subject: subject.clone(),
                quantity: quantity.clone(),
                dimension,
                share: a.share && b.share,
                means,
                contrast,
                adjusted: None,
                differs: false,
            });
        }
    }
    judge(&mut found, level);
    (found, alone)
}

/// The difference of two samples by their seeds. `certain`: that chance plays no part on a side.
fn contrast(left: &[(u64, f64)], right: &[(u64, f64)], certain: [bool; 2]) -> Option<Contrast> {
    let only = |values: &[(u64, f64)]| values.iter().map(|(_, value)| *value).collect::<Vec<f64>>();
    let (a, b) = (only(left), only(right));
    let paired = left.iter().map(|(seed, _)| seed).eq(right.iter().map(|(seed, _)| seed));
    let mut found = if paired { statistics::paired(&a, &b, 0.95) } else { statistics::welch(&a, &b, 0.95) }?;
    // Where nothing varies Student's test knows no error. If chance plays no part, there is none; else a test by permutation still holds: of
    // all ways to exchange the sides, two part the values as they are.
    if found.half == 0.0 && found.difference != 0.0 && certain != [true, true] {
        found.p =
            if paired { 2.0 * a.iter().map(|_| 0.5).product::<f64>() } else { 2.0 / ways(a.len() + b.len(), a.len()) };
    }
    Some(found)
}

/// How many ways there are to choose `k` of `n`.
fn ways(n: usize, k: usize) -> f64 {
    (0..k).map(|at| (n - at) as f64 / (k - at) as f64).product()
}

/// Corrects the p-values, and says which figures differ.
fn judge(figures: &mut [Compared], level: Level) {
    // What is the same with every seed was not up to chance, and is no test.
    let tested = |figure: &Compared| {
        let contrast = figure.contrast.as_ref()?;
        (contrast.difference != 0.0 || contrast.half != 0.0).then_some(contrast.p)
    };
    let mut order: Vec<(f64, usize)> =
        figures.iter().zip(0..).filter_map(|(figure, at)| Some((tested(figure)?, at))).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let count = order.len();
    let mut least = 0.0_f64;
    for (rank, (p, at)) in order.into_iter().enumerate() {
        least = least.max((p * (count - rank) as f64).min(1.0));
        let figure = &mut figures[at];
        figure.adjusted = Some(least);
        let contrast = figure.contrast.as_ref().expect("it was tested");
        let surely = contrast.difference.abs() - contrast.half;
        let small = level.margin > 0.0 && surely <= level.margin * figure.means[0].mean.abs();
        figure.differs = least <= level.level && !small;
    }
}
