//! Chance: each use has its own stream, named by a path; all draws are integers, the same on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng};

use crate::time::Span;
use crate::units::Prob;

/// Opens the named streams of a seed.
#[derive(Clone, Copy, Debug)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of a seed.
    pub fn new(seed: u64) -> Streams {
        Streams { seed }
    }

    /// The stream of a path such as `host/h1/tcp/isn`. The same seed and path give the same draws, whatever else is open.
    pub fn open(&self, path: &str) -> Rng {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed);
        rng.set_stream(stable_hash(path.as_bytes()));
        Rng(rng)
    }
}

/// FNV-1a with a final mix: stable, and well spread over similar names.
pub fn stable_hash(bytes: &[u8]) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in bytes {
        hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    mix(hash)
}

/// The finaliser of SplitMix64: a bijection that spreads every bit.
pub(crate) const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// One stream of chance.
#[derive(Clone, Debug)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// 64 uniform bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A uniform integer below `n`, without bias (Lemire's rejection); 0 for `n` 0 or 1.
    pub fn below(&mut self, n: u64) -> u64 {
        if n <= 1 {
            return 0;
        }
        let threshold = n.wrapping_neg() % n;
        loop {
            let wide = u128::from(self.next_u64()) * u128::from(n);
            if wide as u64 >= threshold {
                return (wide >> 64) as u64;
            }
        }
    }

    /// True with the given probability.
    pub fn chance(&mut self, p: Prob) -> bool {
        self.below(Prob::ONE_PARTS) < p.parts()
    }

    /// A uniform span below `limit`.
    pub fn uniform(&mut self, limit: Span) -> Span {
        Span::from_ps(self.below(limit.ps()))
    }

    /// An exponentially distributed span of the given mean, by von Neumann's comparison method (1951): exact, with integers alone.
    pub fn exponential(&mut self, mean: Span) -> Span {
        let mut whole = 0_u64;
        loop {
            let first = self.next_u64();
            let (mut last, mut run) = (first, 1_u32);
            loop {
                let next = self.next_u64();
                if next >= last {
                    break;
                }
                last = next;
                run += 1;
            }
            if run % 2 == 1 {
                let fraction = (u128::from(mean.ps()) * u128::from(first)) >> 64;
                return Span::from_ps(mean.ps().saturating_mul(whole).saturating_add(fraction as u64));
            }
            whole += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_and_the_tail_of_the_exponential_are_right() {
        let mut rng = Streams::new(1).open("test");
        let n = 200_000;
        let draws: Vec<u64> = (0..n).map(|_| rng.exponential(Span::from_us(1)).ps()).collect();
        let mean = draws.iter().sum::<u64>() / n;
        assert!((990_000..1_010_000).contains(&mean), "{mean}");
        // P(X > 2) = e^-2 = 0.13534
        let tail = draws.iter().filter(|draw| **draw > 2_000_000).count() as u64 * 100_000 / n;
        assert!((13_200..13_900).contains(&tail), "{tail}");
    }

    #[test]
    fn streams_are_independent_of_each_other() {
        let streams = Streams::new(7);
        let mut a = streams.open("a");
        let first = a.next_u64();
        streams.open("b").next_u64();
        assert_eq!(streams.open("a").next_u64(), first);
        assert_ne!(streams.open("b").next_u64(), first);
        assert_ne!(Streams::new(8).open("a").next_u64(), first);
    }
}
