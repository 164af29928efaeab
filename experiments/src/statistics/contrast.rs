//! How two samples differ: the difference of their means with its interval, its probability by chance, its size.

use super::{mean, student, student_beyond, variance};

/// How a second sample differs from a first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Contrast {
    /// The mean of the second less that of the first.
    pub difference: f64,
    /// Half the width of its interval; zero where nothing varies.
    pub half: f64,
    /// Degrees of freedom of the interval; no whole number with [`welch`].
    pub freedom: f64,
    /// How probable so large a difference would be if there were none, on both sides. Where nothing varies: 1 for no difference, else 0.
    pub p: f64,
    /// Hedges' g, in standard deviations of the samples; `None` where they do not vary.
    pub effect: Option<f64>,
}

/// Two samples of their own, by Welch's test: d = b̄ − ā with the variance s_a²/n_a + s_b²/n_b, and the degrees of freedom of Welch and
/// Satterthwaite, (v_a + v_b)² / (v_a² / (n_a − 1) + v_b² / (n_b − 1)) with v = s²/n. The variances need not be equal. `None` with less than two values in
/// either.
pub fn welch(a: &[f64], b: &[f64], confidence: f64) -> Option<Contrast> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let share = |values: &[f64]| variance(values, mean(values, confidence).mean) / values.len() as f64;
    let (va, vb) = (share(a), share(b));
    let difference = mean(b, confidence).mean - mean(a, confidence).mean;
    let weight = |v: f64, n: usize| v * v / (n as f64 - 1.0);
    let freedom = (va + vb) * (va + vb) / (weight(va, a.len()) + weight(vb, b.len()));
    Some(contrast(difference, (va + vb).sqrt(), freedom, confidence, effect(a, b, a.len() + b.len() - 2)))
}

/// Samples whose values belong together, seed by seed, by Student's test of their differences b − a. What both have in common, such as the arrivals
/// that a seed draws, falls out, so that the interval is narrower than [`welch`]'s. `None` with less than two pairs, or where one has more values.
pub fn paired(a: &[f64], b: &[f64], confidence: f64) -> Option<Contrast> {
    if a.len() != b.len() || a.len() < 2 {
        return None;
    }
    let differences: Vec<f64> = a.iter().zip(b).map(|(a, b)| b - a).collect();
    let difference = mean(&differences, confidence).mean;
    let error = (variance(&differences, difference) / a.len() as f64).sqrt();
    Some(contrast(difference, error, a.len() as f64 - 1.0, confidence, effect(a, b, a.len() - 1)))
}

fn contrast(difference: f64, error: f64, freedom: f64, confidence: f64, effect: Option<f64>) -> Contrast {
    if error == 0.0 {
        let p = if difference == 0.0 { 1.0 } else { 0.0 };
        // Without an error Satterthwaite's formula is nought by nought.
        return Contrast { difference, half: 0.0, freedom: if freedom.is_finite() { freedom } else { 1.0 }, p, effect };
    }
    let half = student(confidence, freedom) * error;
    Contrast { difference, half, freedom, p: student_beyond(difference / error, freedom), effect }
}

/// Hedges' g: the difference of the means in standard deviations of both samples together, s² = ((n_a − 1) s_a² + (n_b − 1) s_b²) / (n_a + n_b − 2),
/// times 1 − 3 / (4m − 1), which takes off what small samples of `m` degrees of freedom exaggerate. Of pairs the deviation is that of the samples, too, not
/// of the differences, so that it says the same as that of two samples of their own. As a rule of thumb 0.2 is small, 0.5 medium, 0.8 large (Cohen 1988); most
/// differences between protocols are far beyond. `None` where nothing varies, or with less than two values in either.
pub fn effect(a: &[f64], b: &[f64], m: usize) -> Option<f64> {
    if a.len() < 2 || b.len() < 2 {
        return None;
    }
    let (ma, mb) = (mean(a, 0.95).mean, mean(b, 0.95).mean);
    let weigh = |values: &[f64], mean: f64| (values.len() as f64 - 1.0) * variance(values, mean);
    let pooled = ((weigh(a, ma) + weigh(b, mb)) / (a.len() + b.len() - 2) as f64).sqrt();
    (pooled > 0.0).then(|| (mb - ma) / pooled * (1.0 - 3.0 / (4.0 * m as f64 - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: f64, known: f64) {
        assert!((found - known).abs() < 1e-6 * known.abs().max(1.0), "{found}, {known} is known");
    }

    /// Student's own sample (1908): hours of sleep that two drugs gave to ten patients. R's `sleep`, `t.test` and its `paired = TRUE`.
    const FIRST: [f64; 10] = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    const SECOND: [f64; 10] = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];

    #[test]
    fn welch_is_that_of_the_textbook() {
        let found = welch(&FIRST, &SECOND, 0.95).expect("ten values each");
        near(found.difference, 1.58);
        near(found.freedom, 17.776_473_5);
        near(found.p, 0.079_394_14);
        near(found.difference + found.half, 3.365_483_2);
        near(found.difference - found.half, -0.205_483_2);
    }

    #[test]
    fn pairs_are_those_of_the_textbook() {
        let found = paired(&FIRST, &SECOND, 0.95).expect("ten pairs");
        near(found.freedom, 9.0);
        near(found.p, 0.002_832_89);
        near(found.difference - found.half, 0.700_114_2);
        near(found.difference + found.half, 2.459_885_8);
        // Cohen's d is 0.832181, and 1 - 3/35 of it is left with nine degrees of freedom.
        near(found.effect.expect("they vary"), 0.832_181_1 * (1.0 - 3.0 / 35.0));
    }

    #[test]
    fn what_does_not_vary_differs_or_not() {
        let same = paired(&[1.0, 2.0, 3.0], &[1.0, 2.0, 3.0], 0.95).expect("three pairs");
        assert_eq!((same.difference, same.half, same.p, same.effect), (0.0, 0.0, 1.0, Some(0.0)));
        let other = welch(&[1.0, 1.0], &[2.0, 2.0], 0.95).expect("two values each");
        assert_eq!((other.difference, other.half, other.p, other.effect), (1.0, 0.0, 0.0, None));
        assert_eq!(welch(&[1.0], &[1.0, 2.0], 0.95), None);
        assert_eq!(paired(&[1.0, 2.0], &[1.0, 2.0, 3.0], 0.95), None);
    }

    #[test]
    fn a_difference_by_chance_alone_is_found_as_often_as_the_level_says() {
        // Sums of twelve uniform draws are normal enough; a thousand comparisons at the level of five in a hundred.
        let mut rng = sim_core::Streams::new(3).open("test");
        let mut draw = || (0..12).map(|_| rng.below(1 << 20) as f64 / f64::from(1 << 20)).sum::<f64>();
        let (mut wrong, mut wrong_pairs) = (0, 0);
        for _ in 0..1000 {
            let (a, b): (Vec<f64>, Vec<f64>) = (0..8).map(|_| (draw(), draw())).unzip();
            wrong += usize::from(welch(&a, &b, 0.95).expect("eight values each").p < 0.05);
            wrong_pairs += usize::from(paired(&a, &b, 0.95).expect("eight pairs").p < 0.05);
        }
        // Three standard deviations of the number: 50 ± 21.
        assert!((29..=71).contains(&wrong) && (29..=71).contains(&wrong_pairs), "{wrong} and {wrong_pairs} of 1000");
    }
}
