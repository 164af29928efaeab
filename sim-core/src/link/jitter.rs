//! Jitter: delay on top of the propagation delay.

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
    pub(super) fn draw(&self, rng: &mut Rng) -> Span {
        match self.shape {
            JitterShape::Uniform => rng.uniform(self.span * 2),
            JitterShape::Exponential => rng.exponential(self.span),
            JitterShape::Normal => {
                // The sum of 12 uniforms has variance 1 and mean 6; four deviations of it are kept on each side.
                let sum: u128 = (0..12).map(|_| u128::from(rng.next_u64() >> 32)).sum();
                let centred = sum.saturating_sub(2 << 32).min(8 << 32);
                Span::from_ps(((centred * u128::from(self.span.ps())) >> 32) as u64)
            }
        }
    }
}
