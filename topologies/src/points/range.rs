//! Ranges of a sweep: `10 ms .. 100 ms step 10 ms`, `1 Mbit/s .. 1 Gbit/s log 7`.
//!
//! Values are whole numbers of the base unit (picoseconds, bit/s, bytes, parts in 10^12, packets; parts in 10^9 of a bare number), so that a range with
//! steps is exact, and one whose last step does not meet its end is refused. Steps of equal ratio cannot be exact: between the ends they are rounded to
//! three digits, which keeps labels short and is the same on every machine.

use sim_core::{Amount, Prob, Rate, Size, Span};

use crate::diagnostics::nearest;
use crate::expression::{Where, Wrong};
use crate::quantity::parse_quantity;
use crate::yaml::{Mark, Node, Value};

/// More values than this are refused.
const VALUES_MAX: u128 = 10_000;
/// Digits of values between the ends of logarithmic steps.
const LOG_DIGITS: u32 = 3;
/// Parts of a bare number.
const BARE: u128 = 1_000_000_000;

/// What a quantity counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unit {
    Bare,
    Packets,
    Span,
    Rate,
    Size,
    Share,
}

/// A quantity in whole numbers of its base unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Quantity {
    unit: Unit,
    pub parts: u128,
}

impl Quantity {
    fn read(text: &str) -> Result<Quantity, String> {
        let text = text.trim();
        if let Some(parts) = bare(text) {
            return Ok(Quantity { unit: Unit::Bare, parts });
        }
        if let Ok(Amount::Packets(count)) = text.parse() {
            return Ok(Quantity { unit: Unit::Packets, parts: count.into() });
        }
        let found = (text.parse::<Span>().map(|span| (Unit::Span, span.ps())).ok())
            .or_else(|| text.parse::<Rate>().map(|rate| (Unit::Rate, rate.bps())).ok())
            .or_else(|| text.parse::<Size>().map(|size| (Unit::Size, size.bytes())).ok())
            .or_else(|| text.parse::<Prob>().map(|share| (Unit::Share, share.parts())).ok());
        match found {
            Some((unit, parts)) => Ok(Quantity { unit, parts: parts.into() }),
            None => Err(parse_quantity(text).map_or_else(
                |why| why,
                |_| format!("`{text}` cannot be swept over: there are spans of time, rates, sizes, packets, shares up to 100 % and bare numbers"),
            )),
        }
    }

    /// With another number of parts.
    pub fn at(self, parts: u128) -> Quantity {
        Quantity { parts, ..self }
    }

    /// As a file would have it.
    pub fn node(self, at: Mark) -> Node {
        let parts = self.parts as u64;
        let value = match self.unit {
            Unit::Bare => {
                let (whole, rest) = (self.parts / BARE, self.parts % BARE);
                let digits = format!("{rest:09}");
                let digits = digits.trim_end_matches('0');
                Value::Number(if rest == 0 { whole.to_string() } else { format!("{whole}.{digits}") })
            }
            Unit::Packets => Value::Text(Amount::Packets(parts as u32).to_string()),
            Unit::Span => Value::Text(Span::from_ps(parts).to_string()),
            Unit::Rate => Value::Text(Rate::from_bps(parts).to_string()),
            Unit::Size => Value::Text(Size::from_bytes(parts).to_string()),
            Unit::Share => Value::Text(Prob::from_parts(parts).unwrap_or(Prob::ONE).to_string()),
        };
        Node { value, at }
    }

    fn text(self) -> String {
        match self.node(Mark::default()).value {
            Value::Text(text) | Value::Number(text) => text,
            _ => String::new(),
        }
    }

    /// The smallest step: a bare number is whole where both ends of its range are.
    fn grain(self, other: Quantity) -> u128 {
        match self.unit {
            Unit::Bare if self.parts.is_multiple_of(BARE) && other.parts.is_multiple_of(BARE) => BARE,
            _ => 1,
        }
    }
}

/// A decimal without a unit, in parts of 10^9.
fn bare(text: &str) -> Option<u128> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(rest) || rest.len() > 9 || whole.len() > 18 {
        return None;
    }
    let fraction: u128 = format!("{rest:0<9}").parse().ok()?;
    Some(whole.parse::<u128>().ok()? * BARE + fraction)
}

/// How a range goes from one end to the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Steps {
    /// Nothing is said.
    None,
    /// By equal differences.
    By(Quantity),
    /// By equal ratios; so many values with both ends, if it is said.
    Log(Option<u64>),
}

/// A range as it is written.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Range {
    pub from: Quantity,
    pub to: Quantity,
    pub steps: Steps,
    /// Where its steps stand, or its end.
    place: Where,
}

impl Range {
    /// Reads a text, if it is a range: a number, two dots, and what follows.
    pub fn read(text: &str) -> Option<Result<Range, Wrong>> {
        let (from, rest) = text.split_once("..")?;
        from.trim_start().starts_with(|c: char| c.is_ascii_digit()).then(|| Range::parts(text, from, rest))
    }

    fn parts(text: &str, from: &str, rest: &str) -> Result<Range, Wrong> {
        let words = words(rest);
        let keyword = words.iter().position(|word| matches!(*word, "step" | "log"));
        if keyword.is_none() && words.len() > 1 {
            // `100 ms steps 10 ms`: the word behind the unit is meant to be one.
            let at = if words[0].ends_with(|c: char| c.is_ascii_digit()) { 2 } else { 1 };
            if let Some(word) = words.get(at) {
                let near =
                    nearest(word, ["step", "log"]).map_or(String::new(), |near| format!("did you mean `{near}`?"));
                return Err(Wrong::new(format!("`{word}` is neither `step` nor `log`"), place(text, word))
                    .help(near)
                    .help(EXAMPLE));
            }
        }
        let (to, by) = match keyword.map(|at| words[at]) {
            Some(word) => {
                let at = word.as_ptr() as usize - rest.as_ptr() as usize;
                (&rest[..at], Some((word, &rest[at + word.len()..])))
            }
            None => (rest, None),
        };
        let quantity = |part: &str| match part.trim() {
            "" => Err(Wrong::new("a range has two ends", place(text, text)).help(EXAMPLE)),
            _ => Quantity::read(part).map_err(|why| Wrong::new(why, place(text, part))),
        };
        let (first, last) = (quantity(from)?, quantity(to)?);
        if first.unit != last.unit {
            return Err(Wrong::new("the ends of the range are quantities of two kinds", place(text, to)).help(EXAMPLE));
        }
        if first.parts >= last.parts {
            return Err(Wrong::new("the range does not end above its beginning", place(text, to)).help(EXAMPLE));
        }
        let steps = match by {
            None => Steps::None,
            Some(("log", count)) if count.trim().is_empty() => Steps::Log(None),
            Some(("log", count)) => match count.trim().parse::<u64>() {
                Ok(count) if (2..=VALUES_MAX as u64).contains(&count) => Steps::Log(Some(count)),
                _ => {
                    return Err(Wrong::new(
                        format!(
                            "`log {}` does not say how many values there are, from 2 to {VALUES_MAX}",
                            count.trim()
                        ),
                        place(text, count),
                    )
                    .help(EXAMPLE));
                }
            },
            Some((_, step)) => {
                let by = quantity(step)?;
                if by.unit != first.unit || by.parts == 0 {
                    return Err(Wrong::new(
                        "a step is of the same kind as the ends, and more than none",
                        place(text, step),
                    )
                    .help(EXAMPLE));
                }
                Steps::By(by)
            }
        };
        if matches!(steps, Steps::Log(_)) && first.parts == 0 {
            return Err(Wrong::new("steps of equal ratio cannot begin at zero", place(text, from)));
        }
        let place = by.map_or_else(
            || place(text, to),
            |(word, rest)| {
                let (word, rest) = (place(text, word), place(text, rest));
                Where { at: word.at, len: rest.at + rest.len - word.at }
            },
        );
        Ok(Range { from: first, to: last, steps, place })
    }

    /// All its values.
    pub fn values(&self) -> Result<Vec<Quantity>, Wrong> {
        match self.steps {
            Steps::None | Steps::Log(None) => {
                Err(Wrong::new("a range in a sweep says its steps", self.place).help(EXAMPLE))
            }
            Steps::By(step) => self.stepped(step),
            Steps::Log(Some(count)) => self.log(count),
        }
    }

    fn stepped(&self, step: Quantity) -> Result<Vec<Quantity>, Wrong> {
        let (from, to) = (self.from.parts, self.to.parts);
        let steps = (to - from) / step.parts;
        if steps >= VALUES_MAX {
            return Err(Wrong::new(format!("the range has more than {VALUES_MAX} values"), self.place));
        }
        if !(to - from).is_multiple_of(step.parts) {
            let below = self.from.at(from + steps * step.parts);
            let above = self.from.at(below.parts + step.parts);
            let message = format!("steps of {} from {} do not meet {}", step.text(), self.from.text(), self.to.text());
            return Err(Wrong::new(message, self.place).help(format!(
                "they meet {} and {}: end the range at one of them",
                below.text(),
                above.text()
            )));
        }
        Ok((0..=steps).map(|at| self.from.at(from + at * step.parts)).collect())
    }

    fn log(&self, count: u64) -> Result<Vec<Quantity>, Wrong> {
        let inner = (1..count - 1).map(|at| self.ratio(at as f64 / (count - 1) as f64, LOG_DIGITS));
        let values: Vec<Quantity> = std::iter::once(self.from).chain(inner).chain([self.to]).collect();
        if values.windows(2).any(|pair| pair[0].parts >= pair[1].parts) {
            let message =
                format!("{count} values lie so near to each other that their first {LOG_DIGITS} digits are the same");
            return Err(Wrong::new(message, self.place).help("take fewer, or `step`"));
        }
        Ok(values)
    }

    /// The value at a fraction of the way by equal ratios, with so many digits.
    pub fn ratio(&self, fraction: f64, digits: u32) -> Quantity {
        let (from, to) = (self.from.parts as f64, self.to.parts as f64);
        // The library's power is the same on every machine, the platform's may differ in its last digit.
        let value = from * libm::pow(to / from, fraction);
        self.rounded((value + 0.5) as u128, digits)
    }

    /// The value at a fraction `part / whole` of the way by equal differences, with so many digits.
    pub fn part(&self, part: u64, whole: u64, digits: u32) -> Quantity {
        let way = (self.to.parts - self.from.parts) * u128::from(part) / u128::from(whole);
        self.rounded(self.from.parts + way, digits)
    }

    fn rounded(&self, parts: u128, digits: u32) -> Quantity {
        let mut unit = self.from.grain(self.to);
        while parts / unit >= 10u128.pow(digits) {
            unit *= 10;
        }
        let rounded = (parts + unit / 2) / unit * unit;
        self.from.at(rounded.clamp(self.from.parts, self.to.parts))
    }
}

/// What a range looks like.
pub(super) const EXAMPLE: &str =
    "as in `10 ms .. 100 ms step 10 ms`, or `1 Mbit/s .. 1 Gbit/s log 7` for seven values of equal ratio";

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Where a part of a text stands in it, without the spaces around it.
fn place(text: &str, part: &str) -> Where {
    let inner = part.trim();
    let inner = if inner.is_empty() { part } else { inner };
    let before = &text[..inner.as_ptr() as usize - text.as_ptr() as usize];
    Where { at: before.chars().count(), len: inner.chars().count().max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let range = Range::read(text).expect("a range").unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        let values = range.values().unwrap_or_else(|wrong| panic!("{text}: {wrong:?}"));
        values.into_iter().map(Quantity::text).collect()
    }

    #[test]
    fn steps_are_exact() {
        assert_eq!(values("10 ms .. 40 ms step 10 ms"), ["10 ms", "20 ms", "30 ms", "40 ms"]);
        assert_eq!(values("0 % .. 0.3 % step 0.1 %"), ["0 %", "0.1 %", "0.2 %", "0.3 %"]);
        assert_eq!(values("1..4 step 1"), ["1", "2", "3", "4"]);
        assert_eq!(values("0.1 .. 0.5 step 0.2"), ["0.1", "0.3", "0.5"]);
        assert_eq!(values("64 KiB .. 192 KiB step 64 KiB"), ["64 KiB", "128 KiB", "192 KiB"]);
        assert_eq!(values("10 packets .. 30 packets step 10 packets"), ["10 packets", "20 packets", "30 packets"]);
        assert_eq!(values("500 kbit/s .. 1.5 Mbit/s step 0.5 Mbit/s"), ["500 kbit/s", "1 Mbit/s", "1.5 Mbit/s"]);
    }

    #[test]
    fn equal_ratios_have_three_digits_and_exact_ends() {
        let rates = ["1 Mbit/s", "3.16 Mbit/s", "10 Mbit/s", "31.6 Mbit/s", "100 Mbit/s", "316 Mbit/s", "1 Gbit/s"];
        assert_eq!(values("1 Mbit/s .. 1 Gbit/s log 7"), rates);
        assert_eq!(values("1 .. 1000 log 4"), ["1", "10", "100", "1000"]);
        assert_eq!(values("1 .. 30 log 4"), ["1", "3", "10", "30"]);
        assert_eq!(values("0.01 % .. 1 % log 3"), ["0.01 %", "0.1 %", "1 %"]);
        assert_eq!(values("1.234567 ms .. 7 s log 2"), ["1234.567 us", "7 s"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, message) in [
            ("10 ms .. 100 ms", 9, "says its steps"),
            ("10 ms .. 100 ms step 35 ms", 16, "do not meet 100 ms"),
            ("10 ms .. 100 ms steps 10 ms", 16, "neither `step` nor `log`"),
            ("10 ms .. 100 ms step 1 Mbit/s", 21, "of the same kind"),
            ("10 ms .. 100 Mbit/s step 1 ms", 9, "two kinds"),
            ("10 ms .. 1 ms step 1 ms", 9, "does not end above"),
            ("10 ms .. 1 sec step 1 ms", 9, "did you mean `1 s`?"),
            ("0 s .. 1 s log 3", 0, "cannot begin at zero"),
            ("1 s .. 2 s log 1", 15, "how many values"),
            ("1 .. 3 log 9", 7, "so near"),
            ("1 ps .. 1 s step 1 ps", 12, "more than 10000"),
            ("10 ms ..", 0, "two ends"),
        ] {
            let wrong = Range::read(text).expect("a range").and_then(|range| range.values()).expect_err(text);
            assert!(wrong.message.contains(message) && wrong.place.at == at, "{text}: {wrong:?}");
        }
        assert_eq!(Range::read("../traces/a.txt"), None);
        assert_eq!(Range::read("fq_codel"), None);
    }
}
