//! Rates, sizes and probabilities: integer newtypes that parse from and print to a number with its unit.
//!
//! Parsing is exact or refused: `1.5 us` is 1,500,000 ps, `0.3 ps` is an error. Units are case-sensitive (`Mb` and `MB`
//! mean different things to different people), and a refusal names the unit that was probably meant.

use std::fmt;
use std::str::FromStr;

use crate::time::{PS_PER_SECOND, Span, Time};

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

/// Why a text is not a quantity. Its `Display` says what would be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnitError(String);

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UnitError {}

/// One dimension: its units, what people write instead, an example.
struct Dimension {
    /// "a span of time"
    what: &'static str,
    example: &'static str,
    /// Unit, and how many base units it is; the first spelling of a factor is the one that is printed.
    units: &'static [(&'static str, u128)],
    /// Spellings that are refused, and what is probably meant.
    near: &'static [(&'static str, &'static str)],
    /// The base unit, in the plural.
    base: &'static str,
    /// What to say of a number without a unit, beyond the example.
    bare: &'static str,
}

const K: u128 = 1_000;
const PS: u128 = PS_PER_SECOND as u128;

const SPAN: Dimension = Dimension {
    what: "a span of time",
    example: "20 ms",
    units: &[
        ("ps", 1),
        ("ns", K),
        ("us", K * K),
        ("ms", K * K * K),
        ("s", PS),
        ("min", 60 * PS),
        ("h", 3600 * PS),
        ("µs", K * K),
    ],
    near: &[
        ("sec", "s"),
        ("secs", "s"),
        ("second", "s"),
        ("seconds", "s"),
        ("msec", "ms"),
        ("millis", "ms"),
        ("milliseconds", "ms"),
        ("usec", "us"),
        ("μs", "us"),
        ("micros", "us"),
        ("microseconds", "us"),
        ("nsec", "ns"),
        ("nanoseconds", "ns"),
        ("m", "min` or `ms"),
        ("minute", "min"),
        ("minutes", "min"),
        ("mins", "min"),
        ("hour", "h"),
        ("hours", "h"),
    ],
    base: "picoseconds",
    bare: "",
};

const RATE: Dimension = Dimension {
    what: "a rate",
    example: "10 Mbit/s",
    units: &[
        ("bit/s", 1),
        ("kbit/s", K),
        ("Mbit/s", K * K),
        ("Gbit/s", K * K * K),
        ("Tbit/s", K * K * K * K),
        ("bps", 1),
        ("kbps", K),
        ("Mbps", K * K),
        ("Gbps", K * K * K),
        ("Tbps", K * K * K * K),
        ("B/s", 8),
        ("kB/s", 8 * K),
        ("MB/s", 8 * K * K),
        ("GB/s", 8 * K * K * K),
    ],
    near: &[
        ("bit", "bit/s"),
        ("kbit", "kbit/s"),
        ("mbit", "Mbit/s"),
        ("gbit", "Gbit/s"),
        ("b/s", "bit/s` or `B/s"),
        ("kb/s", "kbit/s` or `kB/s"),
        ("mb/s", "Mbit/s` or `MB/s"),
        ("gb/s", "Gbit/s` or `GB/s"),
        ("k", "kbit/s"),
        ("m", "Mbit/s"),
        ("g", "Gbit/s"),
        ("kb", "kbit/s"),
        ("mb", "Mbit/s"),
        ("gb", "Gbit/s"),
        ("mib/s", "MB/s"),
        ("bits", "bit/s"),
        ("kbits", "kbit/s"),
        ("mbits", "Mbit/s"),
        ("gbits", "Gbit/s"),
        ("kbits/s", "kbit/s"),
        ("mbits/s", "Mbit/s"),
        ("gbits/s", "Gbit/s"),
    ],
    base: "bits per second",
    bare: "",
};

const SIZE: Dimension = Dimension {
    what: "a size",
    example: "64 KiB",
    units: &[
        ("B", 1),
        ("kB", K),
        ("KiB", 1 << 10),
        ("MB", K * K),
        ("MiB", 1 << 20),
        ("GB", K * K * K),
        ("GiB", 1 << 30),
        ("TB", K * K * K * K),
        ("TiB", 1 << 40),
    ],
    near: &[
        ("byte", "B"),
        ("bytes", "B"),
        ("k", "kB` (1000 bytes) or `KiB` (1024 bytes), not `K"),
        ("kb", "kB` (1000 bytes) or `KiB"),
        ("m", "MB` or `MiB"),
        ("g", "GB` or `GiB"),
        ("bit", "B"),
        ("bits", "B"),
    ],
    base: "bytes",
    bare: "",
};

const PROB: Dimension = Dimension {
    what: "a probability",
    example: "0.5 %",
    units: &[("%", 10_000_000_000), ("ppm", 1_000_000)],
    near: &[("percent", "%"), ("pct", "%")],
    base: "parts in 10^12",
    bare: ": some tools mean percent by a bare ratio and some a fraction, so it is refused",
};

/// A quantity, for whoever describes what may be written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Quantity {
    /// [`Span`], and [`Time`] since the start.
    Span,
    /// [`Rate`]
    Rate,
    /// [`Size`]
    Size,
    /// [`Prob`]
    Prob,
    /// [`Amount`](crate::Amount)
    Amount,
}

impl Quantity {
    /// All of them.
    pub const ALL: [Quantity; 5] = [Quantity::Span, Quantity::Rate, Quantity::Size, Quantity::Prob, Quantity::Amount];

    fn dimension(self) -> &'static Dimension {
        match self {
            Quantity::Span => &SPAN,
            Quantity::Rate => &RATE,
            Quantity::Size | Quantity::Amount => &SIZE,
            Quantity::Prob => &PROB,
        }
    }

    /// What it is: `a span of time`.
    pub fn what(self) -> &'static str {
        if self == Quantity::Amount { "packets or bytes" } else { self.dimension().what }
    }

    /// One of them: `20 ms`.
    pub fn example(self) -> &'static str {
        if self == Quantity::Amount { "100 packets" } else { self.dimension().example }
    }

    /// The units that may stand behind a decimal.
    pub fn units(self) -> impl Iterator<Item = &'static str> {
        self.dimension().units.iter().map(|(name, _)| *name)
    }
}

impl Dimension {
    /// The whole of `text` in base units.
    fn parse(&self, text: &str) -> Result<u64, UnitError> {
        let (number, unit) = split(text);
        let (digits, scale) = decimal(number).map_err(|why| self.refuse(text, &why))?;
        let Some(factor) = self.units.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor) else {
            return Err(self.refuse(text, &self.wrong_unit(number, unit)));
        };
        let base = digits.checked_mul(factor).filter(|base| base / scale <= u64::MAX as u128);
        let Some(base) = base else { return Err(self.refuse(text, "it is too large")) };
        if base % scale != 0 {
            return Err(self.refuse(text, &format!("it is not a whole number of {}", self.base)));
        }
        Ok((base / scale) as u64)
    }

    fn refuse(&self, text: &str, why: &str) -> UnitError {
        UnitError(format!("`{}` is not {}: {why}", shown(text), self.what))
    }

    fn wrong_unit(&self, number: &str, unit: &str) -> String {
        if unit.is_empty() {
            return match self.bare {
                "" => format!("it needs a unit, as in `{}`", self.example),
                bare => format!("it needs a unit, as in `{}`{bare}", self.example),
            };
        }
        let lower = unit.to_lowercase();
        let near = (self.near.iter().find(|(name, _)| *name == unit).map(|(_, meant)| *meant))
            .or_else(|| self.near.iter().find(|(name, _)| *name == lower).map(|(_, meant)| *meant))
            .or_else(|| self.units.iter().find(|(name, _)| name.to_lowercase() == lower).map(|(name, _)| *name));
        match near {
            Some(near) => format!("unknown unit `{}`; did you mean `{number} {near}`?", shown(unit)),
            None => {
                let units: Vec<&str> = self.units.iter().map(|(name, _)| *name).collect();
                format!("unknown unit `{}`; units are {}", shown(unit), units.join(", "))
            }
        }
    }

    /// Prints with the largest unit of `units` that leaves at most three decimals.
    fn print(&self, f: &mut fmt::Formatter<'_>, value: u64, units: &[&str]) -> fmt::Result {
        let value = u128::from(value);
        let factor_of = |unit: &str| self.units.iter().find(|(name, _)| *name == unit).map_or(1, |(_, factor)| *factor);
        for unit in units {
            let factor = factor_of(unit);
            if value < factor || (value * 1000) % factor != 0 {
                continue;
            }
            return print_decimal(f, value, factor, unit);
        }
        print_decimal(f, value, factor_of(units[units.len() - 1]), units[units.len() - 1])
    }
}

/// `value / factor unit`, where the quotient is a finite decimal.
fn print_decimal(f: &mut fmt::Formatter<'_>, value: u128, factor: u128, unit: &str) -> fmt::Result {
    let (whole, mut rest) = (value / factor, value % factor);
    if rest == 0 {
        return f.pad(&format!("{whole} {unit}"));
    }
    let mut digits = String::new();
    while rest != 0 {
        rest *= 10;
        digits.push(char::from(b'0' + (rest / factor) as u8));
        rest %= factor;
    }
    f.pad(&format!("{whole}.{digits} {unit}"))
}

/// The number and the unit of a text, without the spaces around them.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | '_' | ','))).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

/// A decimal as `digits / scale`, the scale a power of ten.
fn decimal(text: &str) -> Result<(u128, u128), String> {
    if text.is_empty() {
        return Err("it does not start with a number".into());
    }
    if text.starts_with('-') {
        return Err("it is negative".into());
    }
    if let Some(sign) = text.chars().find(|c| matches!(c, '_' | ',' | '+' | '-')) {
        return Err(format!("a number is written with digits and a point, without `{sign}`"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if whole.is_empty() || fraction.contains('.') || text.ends_with('.') {
        return Err("a number is written like `5` or `0.5`".into());
    }
    if whole.len() > 20 || fraction.len() > 15 {
        return Err("it has too many digits".into());
    }
    let mut digits: u128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        digits = digits * 10 + u128::from(digit - b'0');
    }
    Ok((digits, 10u128.pow(fraction.len() as u32)))
}

/// The error of a quantity that is parsed elsewhere.
pub(crate) fn refuse(text: &str, what: &str, why: &str) -> UnitError {
    UnitError(format!("`{}` is not {what}: {why}", shown(text)))
}

/// A text short enough for an error message.
fn shown(text: &str) -> String {
    let text = text.trim();
    if text.chars().count() <= 40 { text.to_string() } else { text.chars().take(40).chain("…".chars()).collect() }
}

impl FromStr for Span {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Span, UnitError> {
        SPAN.parse(text).map(Span::from_ps)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ps() == 0 { f.pad("0 s") } else { SPAN.print(f, self.ps(), &["s", "ms", "us", "ns", "ps"]) }
    }
}

impl FromStr for Time {
    type Err = UnitError;
    /// Moments are written as the span since the start.
    fn from_str(text: &str) -> Result<Time, UnitError> {
        SPAN.parse(text).map(Time::from_ps)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Span::from_ps(self.ps()), f)
    }
}

impl FromStr for Rate {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Rate, UnitError> {
        RATE.parse(text).map(Rate)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        RATE.print(f, self.0, &["Tbit/s", "Gbit/s", "Mbit/s", "kbit/s", "bit/s"])
    }
}

impl FromStr for Size {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Size, UnitError> {
        SIZE.parse(text).map(Size)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Whole units alone: `1500 B`, `64 KiB`, `100 MB`.
        let unit = ["TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"].into_iter().find(|unit| {
            let factor = SIZE.units.iter().find(|(name, _)| name == unit).map_or(1, |(_, factor)| *factor);
            self.0 != 0 && u128::from(self.0) % factor == 0
        });
        SIZE.print(f, self.0, &[unit.unwrap_or("B")])
    }
}

impl FromStr for Prob {
    type Err = UnitError;
    fn from_str(text: &str) -> Result<Prob, UnitError> {
        let parts = PROB.parse(text)?;
        Prob::from_parts(parts).ok_or_else(|| PROB.refuse(text, "it is above 100 %"))
    }
}

impl fmt::Display for Prob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_decimal(f, u128::from(self.0), 10_000_000_000, "%")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> u64 {
        text.parse::<Span>().unwrap_or_else(|error| panic!("{error}")).ps()
    }

    #[test]
    fn quantities_are_exact() {
        assert_eq!(spans("20 ms"), 20_000_000_000);
        assert_eq!(spans("1.5 us"), 1_500_000);
        assert_eq!(spans("1.5us"), 1_500_000);
        assert_eq!(spans("0.001 ns"), 1);
        assert_eq!(spans("2 min"), 120 * PS_PER_SECOND);
        assert_eq!("10 Mbit/s".parse(), Ok(Rate::from_bps(10_000_000)));
        assert_eq!("10 Mbps".parse(), Ok(Rate::from_bps(10_000_000)));
        assert_eq!("1.25 MB/s".parse(), Ok(Rate::from_bps(10_000_000)));
        assert_eq!("64 KiB".parse(), Ok(Size::from_bytes(65_536)));
        assert_eq!("1500 B".parse(), Ok(Size::from_bytes(1_500)));
        assert_eq!("100 MB".parse(), Ok(Size::from_bytes(100_000_000)));
        assert_eq!("1.5 KiB".parse(), Ok(Size::from_bytes(1_536)));
        assert_eq!("1 %".parse::<Prob>().map(Prob::parts), Ok(10_000_000_000));
        assert_eq!("0.5 %".parse::<Prob>().map(Prob::parts), Ok(5_000_000_000));
        assert_eq!("100 %".parse(), Ok(Prob::ONE));
    }

    #[test]
    fn refusals_say_what_would_be_accepted() {
        let span = |text: &str| text.parse::<Span>().unwrap_err().to_string();
        let rate = |text: &str| text.parse::<Rate>().unwrap_err().to_string();
        let size = |text: &str| text.parse::<Size>().unwrap_err().to_string();
        let prob = |text: &str| text.parse::<Prob>().unwrap_err().to_string();
        assert_eq!(span("5"), "`5` is not a span of time: it needs a unit, as in `20 ms`");
        assert_eq!(span("5 sec"), "`5 sec` is not a span of time: unknown unit `sec`; did you mean `5 s`?");
        assert_eq!(span("5 MS"), "`5 MS` is not a span of time: unknown unit `MS`; did you mean `5 ms`?");
        assert_eq!(span("0.3 ps"), "`0.3 ps` is not a span of time: it is not a whole number of picoseconds");
        assert_eq!(span("-1 s"), "`-1 s` is not a span of time: it is negative");
        assert_eq!(
            span("1,5 s"),
            "`1,5 s` is not a span of time: a number is written with digits and a point, without `,`"
        );
        assert_eq!(span("99999 h"), "`99999 h` is not a span of time: it is too large");
        assert_eq!(
            span("5 parsec"),
            "`5 parsec` is not a span of time: unknown unit `parsec`; units are ps, ns, us, ms, s, min, h, µs"
        );
        assert_eq!(span("soon"), "`soon` is not a span of time: it does not start with a number");
        assert_eq!(rate("10 mbit/s"), "`10 mbit/s` is not a rate: unknown unit `mbit/s`; did you mean `10 Mbit/s`?");
        assert_eq!(
            rate("10 Mb/s"),
            "`10 Mb/s` is not a rate: unknown unit `Mb/s`; did you mean `10 Mbit/s` or `MB/s`?"
        );
        assert_eq!(rate("0.5 bit/s"), "`0.5 bit/s` is not a rate: it is not a whole number of bits per second");
        assert_eq!(
            size("64 KB"),
            "`64 KB` is not a size: unknown unit `KB`; did you mean `64 kB` (1000 bytes) or `KiB`?"
        );
        assert_eq!(
            size("64 kb"),
            "`64 kb` is not a size: unknown unit `kb`; did you mean `64 kB` (1000 bytes) or `KiB`?"
        );
        assert_eq!(
            prob("1"),
            "`1` is not a probability: it needs a unit, as in `0.5 %`: some tools mean percent by a bare ratio and some a \
             fraction, so it is refused"
        );
        assert_eq!(prob("101 %"), "`101 %` is not a probability: it is above 100 %");
    }

    #[test]
    fn quantities_print_as_people_write_them() {
        let cases = [
            (Span::from_ms(20).to_string(), "20 ms"),
            (Span::from_ns(1_500).to_string(), "1.5 us"),
            (Span::from_secs(60).to_string(), "60 s"),
            (Span::ZERO.to_string(), "0 s"),
            (Span::from_ps(1_234_567).to_string(), "1234.567 ns"),
            (Rate::from_bps(10_000_000).to_string(), "10 Mbit/s"),
            (Rate::from_bps(1_500_000).to_string(), "1.5 Mbit/s"),
            (Rate::from_bps(0).to_string(), "0 bit/s"),
            (Size::from_bytes(1_500).to_string(), "1500 B"),
            (Size::from_bytes(65_536).to_string(), "64 KiB"),
            (Size::from_bytes(100_000_000).to_string(), "100 MB"),
            (Prob::from_parts(5_000_000_000).expect("below one").to_string(), "0.5 %"),
            (Prob::ONE.to_string(), "100 %"),
        ];
        for (printed, wanted) in cases {
            assert_eq!(printed, wanted);
        }
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_printed_parses_back(n in any::<u64>(), shift in 0u32..64) {
            let n = n >> shift;
            prop_assert_eq!(Span::from_ps(n).to_string().parse(), Ok(Span::from_ps(n)));
            prop_assert_eq!(Rate::from_bps(n).to_string().parse(), Ok(Rate::from_bps(n)));
            prop_assert_eq!(Size::from_bytes(n).to_string().parse(), Ok(Size::from_bytes(n)));
            let prob = Prob(n % (Prob::ONE_PARTS + 1));
            prop_assert_eq!(prob.to_string().parse(), Ok(prob));
        }

        #[test]
        fn no_text_makes_the_parsers_panic(text in "\\PC*", number in "[0-9.,+_-]{0,24}", unit in "[a-zA-Z/%µ ]{0,6}") {
            for text in [text, format!("{number}{unit}")] {
                let _ = text.parse::<Span>();
                let _ = text.parse::<Rate>();
                let _ = text.parse::<Size>();
                let _ = text.parse::<Prob>();
            }
        }
    }
}
