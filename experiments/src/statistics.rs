//! Means with their intervals over seeds.

/// Quantiles of Student's distribution for a two-sided 95 %, by degrees of freedom from 1.
const T95: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120,
    2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
];

/// A mean and half of its interval.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Mean {
    /// The mean.
    pub mean: f64,
    /// Half the width of its 95 % interval; zero for a single value.
    pub half: f64,
}

/// The mean of some values with its 95 % interval, by Student's distribution. Not a number for none.
pub fn mean(values: &[f64]) -> Mean {
    scaled(values, 1.0)
}

/// The same with an interval of another confidence: the normal quantile's ratio to that of 95 % is close for ten seeds and more.
pub fn mean_with(values: &[f64], confidence: f64) -> Mean {
    // Two-sided normal quantiles; between them the next larger one is taken, so that the interval is never too narrow.
    const NORMAL: [(f64, f64); 6] =
        [(0.8, 1.282), (0.9, 1.645), (0.95, 1.960), (0.98, 2.326), (0.99, 2.576), (0.999, 3.291)];
    let quantile = NORMAL.iter().find(|(level, _)| confidence <= level + 1e-9).map_or(3.891, |(_, quantile)| *quantile);
    scaled(values, quantile / 1.960)
}

fn scaled(values: &[f64], factor: f64) -> Mean {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    if values.len() < 2 {
        return Mean { mean, half: 0.0 };
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    let t = T95.get(values.len() - 2).copied().unwrap_or(1.960);
    Mean { mean, half: factor * t * (variance / n).sqrt() }
}

/// Jain's index of fairness: (sum x)^2 / (n sum x^2).
pub fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    sum * sum / (values.len() as f64 * squares)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn student_s_interval_of_a_textbook_sample() {
        // Mean 5, standard deviation 1.5811, n = 5: half = 2.776 * 1.5811 / sqrt 5.
        let found = mean(&[3.0, 4.0, 5.0, 6.0, 7.0]);
        assert!((found.mean - 5.0).abs() < 1e-12 && (found.half - 1.963).abs() < 1e-3, "{found:?}");
        assert_eq!(mean(&[2.0]), Mean { mean: 2.0, half: 0.0 });
    }

    #[test]
    fn jain_is_one_for_equal_shares_and_one_over_n_for_one_flow_alone() {
        assert!((jain(&[3.0; 7]) - 1.0).abs() < 1e-12);
        assert!((jain(&[0.0, 0.0, 0.0, 5.0]) - 0.25).abs() < 1e-12);
    }
}
