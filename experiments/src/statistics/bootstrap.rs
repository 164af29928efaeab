//! Intervals of any statistic without a distribution in mind, by drawing from the sample itself.

use sim_core::Streams;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{percentile, steady};

/// Samples that are drawn.
const DRAWS: usize = 2000;

/// The bootstrap interval of a statistic of a sample, bias-corrected and accelerated (BCa; Efron 1987, Efron and Tibshirani 1993 §14.3): its lower and upper
/// end. 2000 samples of the same size are drawn with replacement from a stream of their own, always the same, and the interval's ends are the percentiles
/// Φ(z₀ + (z₀ ± z) / (1 − a (z₀ ± z))) of their statistics. z₀ says how many of them are below the statistic of the sample itself, a is its
/// acceleration from the samples with one value left out. `None` with less than two values. Of less than about ten values it is too narrow; Student's
/// interval of a mean is better there.
pub fn bootstrap(values: &[f64], statistic: impl Fn(&[f64]) -> f64, confidence: f64) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let own = statistic(values);
    let mut rng = Streams::new(0).open("statistics/bootstrap");
    let mut sample = values.to_vec();
    let mut drawn: Vec<f64> = Vec::with_capacity(DRAWS);
    for _ in 0..DRAWS {
        sample.iter_mut().for_each(|value| *value = values[rng.below(values.len() as u64) as usize]);
        drawn.push(statistic(&sample));
    }
    drawn.sort_by(f64::total_cmp);
    let below = drawn.partition_point(|value| *value < own) as f64;
    // Those that are equal count half, or a statistic with few values would seem biased.
    let equal = drawn.partition_point(|value| *value <= own) as f64 - below;
    let normal = Normal::new(0.0, 1.0).expect("a deviation of one");
    let share = ((below + equal / 2.0) / DRAWS as f64).clamp(0.5 / DRAWS as f64, 1.0 - 0.5 / DRAWS as f64);
    let z0 = normal.inverse_cdf(share);
    let a = acceleration(values, &statistic);
    let end = |z: f64| {
        let shifted = z0 + (z0 + z) / (1.0 - a * (z0 + z));
        percentile(&drawn, steady(normal.cdf(shifted))).expect("samples were drawn")
    };
    let z = normal.inverse_cdf(0.5 + confidence / 2.0);
    Some((end(-z), end(z)))
}

/// Σ(m − x)³ / (6 (Σ(m − x)²)^(3/2)), of the statistics x with one value left out each and their mean m.
fn acceleration(values: &[f64], statistic: &impl Fn(&[f64]) -> f64) -> f64 {
    // Of a long sample some tell as much as all.
    let step = values.len().div_ceil(200);
    let without = |at: usize| {
        let mut rest = values.to_vec();
        rest.remove(at);
        statistic(&rest)
    };
    let jackknife: Vec<f64> = (0..values.len()).step_by(step).map(without).collect();
    let mean = jackknife.iter().sum::<f64>() / jackknife.len() as f64;
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in jackknife {
        let away = mean - value;
        squares += away * away;
        cubes += away * away * away;
    }
    if squares > 0.0 { cubes / (6.0 * squares * squares.sqrt()) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64]) -> f64 {
        values.iter().sum::<f64>() / values.len() as f64
    }

    #[test]
    fn it_is_near_students_where_the_sample_is_even() {
        let values: Vec<f64> = (1..=50).map(f64::from).collect();
        let (low, high) = bootstrap(&values, mean, 0.95).expect("fifty values");
        let student = super::super::mean(&values, 0.95);
        assert!((low - (student.mean - student.half)).abs() < 0.6, "{low} {student:?}");
        assert!((high - (student.mean + student.half)).abs() < 0.6, "{high} {student:?}");
        assert_eq!(bootstrap(&values, mean, 0.95), Some((low, high)), "the same each time");
    }

    #[test]
    fn it_leans_with_the_sample() {
        let skewed: Vec<f64> = (0..40).map(|i| f64::from(i * i * i)).collect();
        let (low, high) = bootstrap(&skewed, mean, 0.95).expect("forty values");
        let own = mean(&skewed);
        assert!(high - own > 1.1 * (own - low), "{low} {own} {high}");
    }

    #[test]
    fn what_does_not_vary_has_no_width() {
        assert_eq!(bootstrap(&[2.0; 5], mean, 0.95), Some((2.0, 2.0)));
        assert_eq!(bootstrap(&[2.0], mean, 0.95), None);
    }
}
