//! Percentiles of spans in little memory.

use sim_core::Span;

/// Bits of a value that are kept behind its leading one: a percentile is within 1/128 (0.8 %) of the exact one.
const BITS: u32 = 6;
const CELLS: usize = 1 << BITS;

/// A histogram of spans with 64 cells for each power of two, counted in nanoseconds. Minimum, maximum and mean are exact.
#[derive(Clone, Debug, Default)]
pub(crate) struct Quantiles {
    /// Cells of the powers of two from `first` on.
    octaves: Vec<[u32; CELLS]>,
    first: u32,
    count: u64,
    sum_ps: u128,
    min: Span,
    max: Span,
}

impl Quantiles {
    #[inline]
    pub fn record(&mut self, value: Span) {
        if self.count == 0 {
            (self.min, self.max) = (value, value);
        }
        (self.min, self.max) = (self.min.min(value), self.max.max(value));
        self.count += 1;
        self.sum_ps += u128::from(value.ps());
        // Below 64 ns every nanosecond would have its own cell; they share the first octave.
        let ns = value.ns().max(CELLS as u64);
        let octave = ns.ilog2() - BITS;
        let cell = (ns >> octave) as usize - CELLS;
        if octave.wrapping_sub(self.first) as usize >= self.octaves.len() {
            self.grow(octave);
        }
        self.octaves[(octave - self.first) as usize][cell] += 1;
    }

    #[cold]
    fn grow(&mut self, octave: u32) {
        if self.octaves.is_empty() {
            self.first = octave;
        }
        self.octaves.reserve_exact(1);
        while octave < self.first {
            self.octaves.insert(0, [0; CELLS]);
            self.first -= 1;
        }
        while (octave - self.first) as usize >= self.octaves.len() {
            self.octaves.push([0; CELLS]);
        }
    }

    pub fn min(&self) -> Option<Span> {
        (self.count > 0).then_some(self.min)
    }

    pub fn max(&self) -> Option<Span> {
        (self.count > 0).then_some(self.max)
    }

    pub fn mean(&self) -> Option<Span> {
        (self.count > 0).then(|| Span::from_ps((self.sum_ps / u128::from(self.count)) as u64))
    }

    /// The smallest value that `percent` % of the values do not exceed, to the middle of its cell.
    pub fn percentile(&self, percent: u64) -> Option<Span> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, cells) in self.octaves.iter().enumerate() {
            let octave = self.first + at as u32;
            for (cell, count) in cells.iter().enumerate() {
                seen += u64::from(*count);
                if seen >= rank {
                    let low = ((CELLS + cell) as u64) << octave;
                    let middle = Span::from_ns(low + (1u64 << octave) / 2);
                    return Some(middle.clamp(self.min, self.max));
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_hundredth() {
        let mut all = Quantiles::default();
        assert_eq!((all.percentile(50), all.mean(), all.min()), (None, None, None));
        for us in (1..=100_000u64).rev() {
            all.record(Span::from_us(us));
        }
        for percent in [1, 5, 50, 95, 99, 100] {
            let (exact, found) = (percent * 1000, all.percentile(percent).unwrap().ns() / 1000);
            assert!(found.abs_diff(exact) <= exact / 100 + 1, "{percent} %: {found} for {exact}");
        }
        assert_eq!(all.mean(), Some(Span::from_ps(50_000_500_000)));
        assert_eq!((all.min(), all.max()), (Some(Span::from_us(1)), Some(Span::from_us(100_000))));
        assert_eq!(all.count, 100_000);
    }

    #[test]
    fn one_value_is_every_percentile() {
        let mut one = Quantiles::default();
        one.record(Span::from_ms(40));
        assert_eq!((one.percentile(1), one.percentile(99)), (Some(Span::from_ms(40)), Some(Span::from_ms(40))));
    }
}
