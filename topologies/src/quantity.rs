//! Numbers with what they measure, for expressions: seconds, bits, bits per second, or plain.

use serde::{Deserialize, Serialize};
use sim_core::{Kind, Rate, Size, Span};

/// What a number measures: powers of seconds and of bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Dimension {
    /// Power of seconds.
    pub time: i8,
    /// Power of bits.
    pub bits: i8,
}

impl Dimension {
    /// A plain number.
    pub const NONE: Dimension = Dimension { time: 0, bits: 0 };
    /// Seconds.
    pub const TIME: Dimension = Dimension { time: 1, bits: 0 };
    /// Bits; a byte is eight of them.
    pub const DATA: Dimension = Dimension { time: 0, bits: 1 };
    /// Bits per second.
    pub const RATE: Dimension = Dimension { time: -1, bits: 1 };

    /// What the integers of a column measure.
    pub fn of(kind: Kind) -> Dimension {
        match kind {
            Kind::Time => Dimension::TIME,
            Kind::Rate => Dimension::RATE,
            Kind::Bytes => Dimension::DATA,
            _ => Dimension::NONE,
        }
    }

    /// The dimension of a product; `None` where the powers grow absurd.
    pub fn times(self, other: Dimension) -> Option<Dimension> {
        Some(Dimension { time: self.time.checked_add(other.time)?, bits: self.bits.checked_add(other.bits)? })
    }

    /// The dimension of a quotient.
    pub fn over(self, other: Dimension) -> Option<Dimension> {
        Some(Dimension { time: self.time.checked_sub(other.time)?, bits: self.bits.checked_sub(other.bits)? })
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Dimension::NONE => "a plain number",
            Dimension::TIME => "a time",
            Dimension::DATA => "an amount of data",
            Dimension::RATE => "a rate",
            _ => "a product of quantities",
        }
    }

    /// A quantity of this kind, as an example of how to write one.
    pub fn example(self) -> &'static str {
        match self {
            Dimension::TIME => "20 ms",
            Dimension::DATA => "64 KiB",
            Dimension::RATE => "9.4 Mbit/s",
            _ => "3",
        }
    }

    /// The unit of `summary.json`, and how many base units it is.
    pub fn unit(self) -> (&'static str, f64) {
        match self {
            Dimension::NONE => ("", 1.0),
            Dimension::TIME => ("s", 1.0),
            Dimension::DATA => ("B", 8.0),
            Dimension::RATE => ("bit/s", 1.0),
            _ => ("s^i bit^j", 1.0),
        }
    }
}

/// Reads `20 ms`, `9.4 Mbit/s`, `64 KiB`, `80 %`, `100 packets` or a bare number. An error says what would be accepted.
///
/// # Errors
/// What is wrong with it.
pub fn parse_quantity(text: &str) -> Result<(f64, Dimension, Written), String> {
    let text = text.trim();
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(text.len());
    let (digits, unit) = (&text[..end], text[end..].trim());
    let plain: f64 = digits.parse().map_err(|_| format!("`{text}` does not start with a number"))?;
    match unit {
        "" => return Ok((plain, Dimension::NONE, Written::Bare)),
        "packets" | "packet" | "segments" | "segment" => return Ok((plain, Dimension::NONE, Written::Count)),
        // Unlike a probability, a share may be above one.
        "%" => return Ok((plain / 100.0, Dimension::NONE, Written::Share)),
        "ppm" => return Ok((plain / 1e6, Dimension::NONE, Written::Share)),
        _ => {}
    }
    if let Ok(span) = text.parse::<Span>() {
        return Ok((span.ps() as f64 / 1e12, Dimension::TIME, Written::Unit));
    }
    if let Ok(size) = text.parse::<Size>() {
        return Ok((size.bytes() as f64 * 8.0, Dimension::DATA, Written::Unit));
    }
    match text.parse::<Rate>() {
        Ok(rate) => Ok((rate.bps() as f64, Dimension::RATE, Written::Unit)),
        // Of the three refusals the one that knows what was meant, else that of the kind that the unit looks like.
        Err(rate) => {
            let refusals = [text.parse::<Span>().map(|_| ()), text.parse::<Size>().map(|_| ()), Err(rate)];
            let refusals: Vec<String> =
                refusals.into_iter().filter_map(Result::err).map(|why| why.to_string()).collect();
            let meant = refusals.iter().find(|why| why.contains("did you mean"));
            let exact = refusals.iter().find(|why| why.contains("whole number") || why.contains("too large"));
            let general =
                format!("`{unit}` is no unit; there are ms, s, kbit/s, Mbit/s, Gbit/s, B, kB, KiB, MB, %, packets, …");
            Err(meant.or(exact).cloned().unwrap_or(general))
        }
    }
}

/// How a number was written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Written {
    /// Without a unit.
    Bare,
    /// As packets or segments.
    Count,
    /// In percent or ppm.
    Share,
    /// With a unit that says its dimension.
    Unit,
}

#[cfg(test)]
mod tests {
    use super::{parse_quantity as parse, *};

    #[test]
    fn quantities_are_read_in_base_units() {
        assert_eq!(parse("9.4 Mbit/s"), Ok((9_400_000.0, Dimension::RATE, Written::Unit)));
        assert_eq!(parse("20ms"), Ok((0.02, Dimension::TIME, Written::Unit)));
        assert_eq!(parse("1 KiB"), Ok((8192.0, Dimension::DATA, Written::Unit)));
        assert_eq!(parse("150 %"), Ok((1.5, Dimension::NONE, Written::Share)));
        assert_eq!(parse("100 packets"), Ok((100.0, Dimension::NONE, Written::Count)));
        assert_eq!(parse("0.95"), Ok((0.95, Dimension::NONE, Written::Bare)));
    }

    #[test]
    fn refusals_say_what_was_probably_meant() {
        assert!(parse("9 mbit/s").expect_err("no unit").contains("did you mean `9 Mbit/s`?"));
        assert!(parse("9 parsec").expect_err("no unit").contains("`parsec` is no unit; there are ms"));
        assert!(parse("1.2.3 s").is_err());
    }
}
