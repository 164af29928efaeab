//! Values one behind the other in time: when they have settled, and whether they have.

use super::welch;

/// Values that are averaged to one before the warm-up is sought: the 5 of MSER-5.
const BATCH: usize = 5;
/// Parts of each half that are compared.
const PARTS: usize = 10;

/// How many values at the start of a series are its warm-up, by the rule MSER-5 (White, Cobb, Spratt 2000): of means of five values each, the cut d that
/// makes Σ(y − ȳ)² / (n − d)² of the rest the least. `None` where that is in the second half, or where there are less than ten such means: then the
/// series is too short to tell, or does not settle.
pub fn warm_up(values: &[f64]) -> Option<usize> {
    let batches: Vec<f64> = values.chunks_exact(BATCH).map(|five| five.iter().sum::<f64>() / BATCH as f64).collect();
    let n = batches.len();
    if n < 10 {
        return None;
    }
    // From the back, so that each value counts once; from the last value on, so that a long sum does not swallow small differences.
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    let mut best = (f64::INFINITY, 0);
    for at in (0..n).rev() {
        count += 1.0;
        let away = batches[at] - mean;
        mean += away / count;
        squares += away * (batches[at] - mean);
        // The last few are equal by chance too often (White and others leave five out).
        if n - at >= 5 && squares / (count * count) <= best.0 {
            best = (squares / (count * count), at);
        }
    }
    (best.1 <= n / 2).then_some(best.1 * BATCH)
}

/// The first value from which on a series stays within `share` of its final mean, that of its last quarter. `None` with less than four values, or where even
/// the last quarter does not stay there: then it has not converged.
pub fn convergence(values: &[f64], share: f64) -> Option<usize> {
    let last = &values[values.len() - values.len() / 4..];
    if last.is_empty() {
        return None;
    }
    let aim = last.iter().sum::<f64>() / last.len() as f64;
    let outside = values.iter().rposition(|value| (value - aim).abs() > share * aim.abs());
    let first = outside.map_or(0, |at| at + 1);
    (first <= values.len() - last.len()).then_some(first)
}

/// How probable the difference between the two halves of a series would be if it were stationary: Welch's test of ten means of each half, as values
/// that follow each other depend on each other. `None` with less than twenty values.
pub fn drift(values: &[f64]) -> Option<f64> {
    let part = values.len() / (2 * PARTS);
    if part == 0 {
        return None;
    }
    let means: Vec<f64> = values.chunks_exact(part).map(|part| part.iter().sum::<f64>() / part.len() as f64).collect();
    // Where it does not come out even, the middle belongs to neither.
    welch(&means[..PARTS], &means[means.len() - PARTS..], 0.95).map(|contrast| contrast.p)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(n: usize) -> Vec<f64> {
        let mut rng = sim_core::Streams::new(5).open("test");
        (0..n).map(|_| rng.below(1000) as f64 / 1000.0 - 0.5).collect()
    }

    #[test]
    fn a_ramp_before_a_level_is_cut() {
        let values: Vec<f64> =
            noise(1000).iter().enumerate().map(|(at, noise)| 100.0 * (at as f64 / 200.0).min(1.0) + noise).collect();
        let cut = warm_up(&values).expect("it settles");
        assert!((195..=225).contains(&cut), "{cut}");
        let converged = convergence(&values, 0.05).expect("it settles");
        assert!((185..=200).contains(&converged), "{converged}");
        assert!(drift(&values[cut..]).expect("long enough") > 0.01);
    }

    #[test]
    fn what_never_settles_is_told() {
        let rising: Vec<f64> = (0..1000).map(f64::from).collect();
        assert_eq!(warm_up(&rising), None);
        assert_eq!(convergence(&rising, 0.05), None);
        assert!(drift(&rising).is_some_and(|p| p < 1e-6));
        assert_eq!((warm_up(&[1.0; 49]), convergence(&[1.0; 3], 0.05), drift(&[1.0; 19])), (None, None, None));
    }

    #[test]
    fn what_is_level_from_the_start_loses_nothing() {
        assert_eq!(warm_up(&[3.0; 100]), Some(0));
        assert_eq!(convergence(&[3.0; 100], 0.0), Some(0));
        assert_eq!(drift(&[3.0; 100]), Some(1.0));
    }

    #[test]
    fn noise_alone_is_seldom_called_a_drift() {
        let values = noise(200 * 500);
        let wrong = values.chunks_exact(200).filter(|run| drift(run).is_some_and(|p| p < 0.01)).count();
        // Five of 500 are due.
        assert!(wrong <= 14, "{wrong} of 500");
    }
}
