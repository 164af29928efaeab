//! Jitter: delay on top of the propagation delay, never below it, so that the delay stays the shortest way across.

use crate::params::Params;
use crate::rng::Rng;
use crate::time::Span;

/// The shape of the extra delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum JitterShape {
    /// Uniform from 0 to twice the given span.
    Uniform,
    /// Normal with the given standard deviation around four of them, cut at 0 and at eight (a sum of twelve uniforms: integers alone).
    Normal,
    /// Exponential with the given mean.
    Exponential,
}

/// Extra delay of each packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Jitter {
    /// Its shape.
    pub shape: JitterShape,
    /// Its size, see [`JitterShape`].
    pub span: Span,
    /// Whether a packet with less of it may overtake one with more. By default order is kept: it arrives right behind.
    pub reorder: bool,
}

impl Jitter {
    /// The shapes that there are, by their names in files.
    pub const SHAPES: &'static [(&'static str, JitterShape)] = &[
        ("uniform", JitterShape::Uniform),
        ("normal", JitterShape::Normal),
        ("exponential", JitterShape::Exponential),
    ];

    /// Jitter of a shape, with the parameters that `params` gives.
    pub fn read(shape: JitterShape, params: &mut dyn Params) -> Jitter {
        let help = match shape {
            JitterShape::Uniform => "half the width: 0 to twice this is added to the delay, this in the mean",
            JitterShape::Normal => "the standard deviation; four of it are added to the delay in the mean",
            JitterShape::Exponential => "the mean of what is added to the delay",
        };
        Jitter {
            shape,
            span: params.span("span", None, help),
            reorder: params.flag("reorder", false, "lets a packet with less jitter overtake"),
        }
    }

    /// What it adds to the delay in the mean.
    pub fn mean(&self) -> Span {
        match self.shape {
            JitterShape::Uniform | JitterShape::Exponential => self.span,
            JitterShape::Normal => self.span.saturating_mul(4),
        }
    }

    pub(super) fn draw(&self, rng: &mut Rng) -> Span {
        match self.shape {
            JitterShape::Uniform => rng.uniform(self.span.saturating_mul(2)),
            JitterShape::Exponential => rng.exponential(self.span),
            JitterShape::Normal => {
                // The sum of 12 uniforms has variance 1 and mean 6; four deviations of it are kept on each side.
                let sum: u128 = (0..12).map(|_| u128::from(rng.next_u64() >> 32)).sum();
                let centred = sum.saturating_sub(2 << 32).min(8 << 32);
                let extra = (centred * u128::from(self.span.ps())) >> 32;
                Span::from_ps(u64::try_from(extra).unwrap_or(u64::MAX))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Streams;

    /// The mean, the standard deviation and how much lies below three points, of 200 000 draws with a span of 1 us, in ps and per mille.
    fn moments(shape: JitterShape, points: [u64; 3]) -> (u64, u64, [u64; 3], u64) {
        let jitter = Jitter { shape, span: Span::from_us(1), reorder: false };
        let mut rng = Streams::new(5).open("jitter");
        let n = 200_000_u64;
        let draws: Vec<u64> = (0..n).map(|_| jitter.draw(&mut rng).ps()).collect();
        let mean = draws.iter().sum::<u64>() / n;
        assert!(mean.abs_diff(jitter.mean().ps()) < 10_000, "{shape:?} has the mean {mean}");
        let variance = draws.iter().map(|x| u128::from(x.abs_diff(mean)).pow(2)).sum::<u128>() / u128::from(n);
        let below = points.map(|point| draws.iter().filter(|draw| **draw < point).count() as u64 * 1000 / n);
        (mean, variance.isqrt() as u64, below, *draws.iter().max().expect("draws"))
    }

    fn near(found: [u64; 3], expected: [u64; 3]) {
        assert!(found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 5), "{found:?}, not {expected:?}");
    }

    #[test]
    fn the_normal_shape_has_its_quantiles() {
        let (_, deviation, below, most) = moments(JitterShape::Normal, [3_000_000, 4_000_000, 6_000_000]);
        assert!(deviation.abs_diff(1_000_000) < 10_000, "{deviation}");
        // Phi(-1), Phi(0), Phi(2).
        near(below, [159, 500, 977]);
        assert!(most <= 8_000_000);
    }

    #[test]
    fn the_uniform_shape_fills_its_width() {
        let (_, deviation, below, most) = moments(JitterShape::Uniform, [500_000, 1_000_000, 1_500_000]);
        assert!(deviation.abs_diff(577_350) < 6_000, "{deviation}");
        near(below, [250, 500, 750]);
        assert!(most < 2_000_000);
    }

    #[test]
    fn the_exponential_shape_has_its_quantiles() {
        let (_, deviation, below, _) = moments(JitterShape::Exponential, [500_000, 1_000_000, 2_000_000]);
        assert!(deviation.abs_diff(1_000_000) < 15_000, "{deviation}");
        near(below, [393, 632, 865]);
    }
}
