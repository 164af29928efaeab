//! Means with their intervals over seeds, tests of differences, percentiles, fairness, time series.
//!
//! | what | formula | source |
//! | --- | --- | --- |
//! | mean | x̄ = Σx / n | |
//! | its interval | x̄ ± t(n − 1) s / √n, s² = Σ(x − x̄)² / (n − 1) | Student 1908 |
//! | two samples | [`welch`]: d = b̄ − ā, with the freedom of Satterthwaite | Welch 1947 |
//! | pairs by seed | [`paired`]: Student's interval of the differences b − a | Student 1908 |
//! | effect size | g = d / s of both × (1 − 3 / (4m − 1)), m degrees of freedom | Hedges 1981 |
//! | bootstrap | [`bootstrap`]: bias-corrected and accelerated (BCa) | Efron 1987 |
//! | fairness | (Σx)² / (n Σx²) | Jain, Chiu, Hawe 1984 |
//! | warm-up | [`series::warm_up`]: MSER-5 | White, Cobb, Spratt 2000 |
//! | convergence | [`series::convergence`]: the first value from which on none leaves its final mean by more than a share | |
//! | stationarity | [`series::drift`]: Welch's test of ten means of each half | |
//!
//! Distributions are those of the library `statrs`, rounded to nine digits; all else is `+ - * /` and square roots, so that every machine prints
//! the same digits.

mod bootstrap;
mod contrast;
pub mod series;

use statrs::distribution::{ContinuousCDF, StudentsT};
use statrs::function::beta::beta_reg;

pub use bootstrap::bootstrap;
pub use contrast::{Contrast, effect, paired, welch};

/// A mean and half of its interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half the width of its interval; zero for a single value.
    pub half: f64,
}

/// The mean of some values with its two-sided interval by Student's distribution. Not a number for no values.
pub fn mean(values: &[f64], confidence: f64) -> Mean {
    let n = values.len() as f64;
    // From the first value on, so that equal values have exactly their own mean, and no interval from rounding.
    let first = values.first().copied().unwrap_or(f64::NAN);
    let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n;
    if values.len() < 2 {
        return Mean { mean, half: 0.0 };
    }
    let variance = variance(values, mean);
    let half = if variance == 0.0 { 0.0 } else { student(confidence, n - 1.0) * (variance / n).sqrt() };
    Mean { mean, half }
}

/// The variance of a sample of at least two about its mean: Σ(x − x̄)² / (n − 1).
pub fn variance(values: &[f64], mean: f64) -> f64 {
    values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (values.len() as f64 - 1.0)
}

/// The value that a variable with Student's distribution of `freedom` degrees of freedom stays within, on both sides, with
/// this probability: t such that P(|T| ≤ t) = `confidence`. Welch's degrees of freedom are no whole number.
pub fn student(confidence: f64, freedom: f64) -> f64 {
    // From there on the quantiles fall by another 0.006 % at the most, and the library's search for them loses digits.
    let law = StudentsT::new(0.0, 1.0, freedom.clamp(1.0, 1e4)).expect("a scale of one and some freedom");
    steady(law.inverse_cdf(0.5 + confidence.clamp(0.0, 1.0 - 1e-12) / 2.0))
}

/// The probability that a variable with Student's distribution is at least as far from zero as `t`, on either side:
/// I(n / (n + t²); n/2, 1/2), the regularized incomplete beta function.
pub fn student_beyond(t: f64, freedom: f64) -> f64 {
    steady(beta_reg(freedom / 2.0, 0.5, freedom / (freedom + t * t)))
}

/// Nine significant digits. The library computes with the logarithm and the exponential of the platform, whose last digits differ between
/// machines; what is printed and compared must not.
fn steady(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

/// The smallest value that at least this share of the sorted values does not exceed; `None` of none.
pub fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = (sorted.len() as f64 * share - 1e-9).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied()
}

/// Jain's index of fairness: (Σx)² / (n Σx²); 1 where all are equal, also where all are zero.
pub fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares == 0.0 { 1.0 } else { sum * sum / (values.len() as f64 * squares) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_the_tables() {
        // Known to ten digits; nine are kept.
        for (confidence, freedom, table) in [
            (0.95, 1.0, 12.706_204_736),
            (0.95, 2.0, 4.302_652_730),
            (0.95, 4.0, 2.776_445_105),
            (0.95, 9.0, 2.262_157_163),
            (0.95, 10.0, 2.228_138_852),
            (0.95, 30.0, 2.042_272_456),
            (0.95, 120.0, 1.979_930_405),
            (0.90, 5.0, 2.015_048_373),
            (0.99, 1.0, 63.656_741_16),
            (0.99, 7.0, 3.499_483_297),
            (0.999, 10.0, 4.586_893_859),
            (0.95, 1e4, 1.960_201_240),
            (0.95, 1e9, 1.960_201_240),
        ] {
            let found = student(confidence, freedom);
            assert!((found / table - 1.0).abs() < 5e-9, "{confidence} {freedom}: {found}, {table} in the table");
            assert!(
                (student_beyond(found, freedom.min(1e4)) - (1.0 - confidence)).abs() < 1e-8,
                "{confidence} {freedom}"
            );
        }
    }

    #[test]
    fn equal_values_have_no_interval() {
        assert_eq!(mean(&[0.0002_f64; 10], 0.95), Mean { mean: 0.0002, half: 0.0 });
        assert!(mean(&[], 0.95).mean.is_nan());
    }

    #[test]
    fn an_interval_of_a_textbook_sample() {
        // Mean 5, standard deviation 1.5811, n = 5: half = 2.776 * 1.5811 / sqrt 5.
        let found = mean(&[3.0, 4.0, 5.0, 6.0, 7.0], 0.95);
        assert!((found.mean - 5.0).abs() < 1e-12 && (found.half - 1.963).abs() < 1e-3, "{found:?}");
        assert_eq!(mean(&[2.0], 0.95), Mean { mean: 2.0, half: 0.0 });
        assert_eq!(mean(&[2.0, 2.0], 0.95), Mean { mean: 2.0, half: 0.0 });
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let hundred: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(percentile(&hundred, 0.99), Some(99.0));
        assert_eq!(percentile(&hundred, 0.5), Some(50.0));
        assert_eq!(percentile(&hundred, 0.0), Some(1.0));
        assert_eq!(percentile(&[7.0], 0.95), Some(7.0));
        assert_eq!(percentile(&[], 0.95), None);
    }

    #[test]
    fn jain_is_one_for_equal_shares_and_one_over_n_for_one_alone() {
        assert!((jain(&[3.0; 7]) - 1.0).abs() < 1e-12);
        assert!((jain(&[0.0, 0.0, 0.0, 5.0]) - 0.25).abs() < 1e-12);
        assert_eq!(jain(&[0.0, 0.0]), 1.0);
    }
}
