//! Means with their intervals over seeds, percentiles, fairness. Only `+ - * /` and square roots, so that every machine
//! prints the same digits.

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
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    let half = if variance == 0.0 { 0.0 } else { student(confidence, values.len() - 1) * (variance / n).sqrt() };
    Mean { mean, half }
}

/// The value that a variable with Student's distribution of `freedom` degrees of freedom stays within, on both sides, with
/// this probability.
pub fn student(confidence: f64, freedom: usize) -> f64 {
    // Far out the distribution is the normal one to six digits.
    let freedom = freedom.clamp(1, 2000);
    // With t = sqrt(n) u / sqrt(1 - u²) the probability of |t| is an integral of (1 - u²)^(n/2 - 1) from 0 to u, and with
    // u = 1 - v² there is no pole in it even for n = 1: 2 v (v² (2 - v²))^(n/2 - 1).
    let scale = 2.0 * density(freedom) * (freedom as f64).sqrt();
    let integrand = |v: f64| {
        let base = v * v * (2.0 - v * v);
        match freedom {
            1 => 2.0 / (2.0 - v * v).sqrt(),
            _ => 2.0 * v * half_power(base, freedom - 2),
        }
    };
    let within = |v: f64| scale * simpson(&integrand, v, 1.0);
    // v falls from 1 (t = 0) to 0 (t infinite).
    let (mut low, mut high) = (0.0_f64, 1.0_f64);
    for _ in 0..60 {
        let middle = (low + high) / 2.0;
        if within(middle) > confidence { low = middle } else { high = middle }
    }
    let v = (low + high) / 2.0;
    let u = 1.0 - v * v;
    (freedom as f64).sqrt() * u / (v * v * (2.0 - v * v)).sqrt()
}

/// The density at zero: Γ((n+1)/2) / (√(nπ) Γ(n/2)).
fn density(freedom: usize) -> f64 {
    let n = freedom as f64;
    // Γ((n+1)/2) / Γ(n/2) from its values at 1 and 2, by r(n+2) = r(n) (n+1)/n.
    let root_pi = std::f64::consts::PI.sqrt();
    let (mut ratio, mut at) = if freedom % 2 == 1 { (1.0 / root_pi, 1.0) } else { (root_pi / 2.0, 2.0) };
    while at < n {
        ratio *= (at + 1.0) / at;
        at += 2.0;
    }
    ratio / (n.sqrt() * root_pi)
}

/// `base` to the power of `halves / 2`.
fn half_power(base: f64, halves: usize) -> f64 {
    let (mut power, mut factor, mut left) = (if halves % 2 == 1 { base.sqrt() } else { 1.0 }, base, halves / 2);
    while left > 0 {
        if left % 2 == 1 {
            power *= factor;
        }
        factor *= factor;
        left /= 2;
    }
    power
}

fn simpson(f: &dyn Fn(f64) -> f64, from: f64, to: f64) -> f64 {
    const STEPS: usize = 400;
    let width = (to - from) / STEPS as f64;
    let inner = (1..STEPS).map(|step| (if step % 2 == 1 { 4.0 } else { 2.0 }) * f(from + width * step as f64));
    (f(from) + f(to) + inner.sum::<f64>()) * width / 3.0
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
        for (confidence, freedom, table) in [
            (0.95, 1, 12.706),
            (0.95, 2, 4.303),
            (0.95, 3, 3.182),
            (0.95, 4, 2.776),
            (0.95, 9, 2.262),
            (0.95, 29, 2.045),
            (0.95, 120, 1.980),
            (0.90, 5, 2.015),
            (0.99, 1, 63.657),
            (0.99, 7, 3.499),
            (0.999, 10, 4.587),
            (0.95, 1_000_000, 1.961),
        ] {
            let found = student(confidence, freedom);
            assert!((found / table - 1.0).abs() < 4e-4, "{confidence} {freedom}: {found}, {table} in the table");
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
