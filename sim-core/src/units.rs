//! Rates, sizes and probabilities: integer newtypes that parse from and print to a number with its unit.

/// Bits per second.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Rate(u64);

impl Rate {
    /// `bps` bits per second.
    pub const fn from_bps(bps: u64) -> Rate {
        Rate(bps)
    }

    /// Bits per second.
    pub const fn bps(self) -> u64 {
        self.0
    }
}

/// Bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Size(u64);

impl Size {
    /// `bytes` bytes.
    pub const fn from_bytes(bytes: u64) -> Size {
        Size(bytes)
    }

    /// Bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

/// A probability: an exact number of parts in 10^12.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Debug)]
pub struct Prob(u64);

impl Prob {
    /// Parts in one.
    pub const ONE_PARTS: u64 = 1_000_000_000_000;
    /// Never.
    pub const ZERO: Prob = Prob(0);
    /// Always.
    pub const ONE: Prob = Prob(Self::ONE_PARTS);

    /// `parts` in 10^12; `None` above one.
    pub const fn from_parts(parts: u64) -> Option<Prob> {
        if parts <= Self::ONE_PARTS { Some(Prob(parts)) } else { None }
    }

    /// Parts in 10^12.
    pub const fn parts(self) -> u64 {
        self.0
    }
}
