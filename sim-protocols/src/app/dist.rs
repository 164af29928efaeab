//! Quantities that are drawn: sizes and times, fixed, exponential, uniform, Pareto, log-normal, or as a table has them.
//!
//! Everything is the same bit for bit on every machine. Fixed, exponential, uniform and tabulated quantities are made with integers alone. Pareto and
//! log-normal ones need powers, logarithms and a cosine, which platforms compute differently: these are taken from the `libm` crate, whose code is
//! Rust, and beside them there are only the operations that IEEE 754 rounds exactly. `str::parse` rounds exactly, too.

use std::fmt::{Debug, Display};
use std::str::FromStr;
use std::sync::Arc;

use sim_core::{Params, Prob, Rng, Size, Span};

use super::table::{self, Columns};

/// What can be drawn, as a number of ticks.
pub trait Quantity: Copy + PartialEq + Debug + FromStr<Err: Display> {
    /// The column of a table of values.
    const COLUMN: &'static str;
    /// The unit of that column.
    const UNIT: &'static str;
    /// Its ticks.
    fn ticks(self) -> u64;
    /// So many ticks.
    fn from_ticks(ticks: u64) -> Self;
    /// Asks for one.
    fn ask(params: &mut dyn Params, key: &'static str, default: Option<Self>, help: &'static str) -> Self;
}

impl Quantity for Span {
    const COLUMN: &'static str = "time_s";
    const UNIT: &'static str = "s";
    fn ticks(self) -> u64 {
        self.ps()
    }
    fn from_ticks(ticks: u64) -> Span {
        Span::from_ps(ticks)
    }
    fn ask(params: &mut dyn Params, key: &'static str, default: Option<Span>, help: &'static str) -> Span {
        params.span(key, default, help)
    }
}

/// Ticks of a byte: what is drawn is rounded to bytes only at the end.
const BYTE: u64 = 1_000_000;

impl Quantity for Size {
    const COLUMN: &'static str = "size_bytes";
    const UNIT: &'static str = "B";
    fn ticks(self) -> u64 {
        self.bytes().saturating_mul(BYTE)
    }
    fn from_ticks(ticks: u64) -> Size {
        Size::from_bytes(ticks.saturating_add(BYTE / 2) / BYTE)
    }
    fn ask(params: &mut dyn Params, key: &'static str, default: Option<Size>, help: &'static str) -> Size {
        params.size(key, default, help)
    }
}

/// A quantity that is fixed or drawn.
#[derive(Clone, PartialEq, Debug)]
pub enum Dist<T> {
    /// Always this.
    Fixed(T),
    /// Exponentially distributed with this mean.
    Exponential(T),
    /// Another distribution, with its mean.
    Shaped(T, Arc<Shape>),
}

/// A size; drawn ones are rounded to bytes.
pub type SizeDist = Dist<Size>;
/// A length of time.
pub type SpanDist = Dist<Span>;

/// A distribution of ticks.
#[derive(Clone, PartialEq, Debug)]
pub enum Shape {
    /// Each from the first to the second is as probable.
    Uniform(u64, u64),
    /// Pareto's.
    Pareto(Pareto),
    /// The logarithm is normally distributed with this mean and this standard deviation.
    LogNormal(f64, f64),
    /// As a table has it.
    Empirical(Table),
}

/// Pareto's distribution, cut off by choice.
#[derive(Clone, PartialEq, Debug)]
pub struct Pareto {
    /// The least value.
    low: f64,
    shape: f64,
    /// The greatest one.
    most: Option<u64>,
    /// The share of the uncut distribution that is below it.
    below: f64,
}

/// Values with the probability that one is not above them, in parts of [`Prob::ONE_PARTS`], rising to all of them.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    points: Vec<(u64, u64)>,
    /// Whether what lies between two values may be drawn, too, each as probable.
    joined: bool,
}

/// Words of distributions, in the order in which [`read`] knows them.
const WORDS: &[&str] = &["fixed", "exponential", "uniform", "pareto", "log_normal", "empirical"];

impl<T: Quantity> Dist<T> {
    /// Asks for a mean below `key`, and below `how` for the distribution about it.
    pub(crate) fn ask(
        params: &mut dyn Params,
        (key, help): (&'static str, &'static str),
        (how, how_help): (&'static str, &'static str),
        default: T,
    ) -> Dist<T> {
        let mean = T::ask(params, key, Some(default), help);
        Dist::about(params, (key, mean, mean != default), (how, how_help))
    }

    /// Asks below `how` for the distribution about a mean, which was given below `key` or not.
    pub(crate) fn about(
        params: &mut dyn Params,
        (key, mean, given): (&'static str, T, bool),
        (how, help): (&'static str, &'static str),
    ) -> Dist<T> {
        let mut found = Dist::Fixed(mean);
        let which = params.kind(how, WORDS, help, &mut |which, params| found = read(params, which, mean));
        match WORDS[which] {
            "fixed" => {}
            "empirical" if given => params.refuse(key, format!("the table below `{how}` says all about it")),
            "empirical" => {}
            _ if mean.ticks() == 0 => {
                params.refuse(how, format!("it needs `{key}`, for there is nothing to draw about a mean of zero"))
            }
            _ => {}
        }
        found
    }

    /// The mean.
    pub fn mean(&self) -> T {
        let (Dist::Fixed(mean) | Dist::Exponential(mean) | Dist::Shaped(mean, _)) = self;
        *mean
    }

    /// Whether it is drawn at all.
    pub fn is_drawn(&self) -> bool {
        !matches!(self, Dist::Fixed(_))
    }

    fn draw_ticks(&self, rng: &mut Rng) -> u64 {
        match self {
            Dist::Fixed(fixed) => fixed.ticks(),
            Dist::Exponential(mean) => rng.exponential(Span::from_ps(mean.ticks())).ps(),
            Dist::Shaped(_, shape) => shape.draw(rng),
        }
    }
}

impl From<Size> for SizeDist {
    fn from(size: Size) -> SizeDist {
        Dist::Fixed(size)
    }
}

impl SizeDist {
    /// Draws bytes; a fixed size draws nothing from the stream.
    pub(crate) fn draw(&self, rng: &mut Rng) -> u64 {
        match self {
            Dist::Fixed(size) => size.bytes(),
            drawn => Size::from_ticks(drawn.draw_ticks(rng)).bytes(),
        }
    }
}

impl SpanDist {
    /// Draws a span; a fixed one draws nothing from the stream.
    pub(crate) fn draw(&self, rng: &mut Rng) -> Span {
        Span::from_ps(self.draw_ticks(rng))
    }
}

/// What a file says of a distribution.
fn read<T: Quantity>(params: &mut dyn Params, which: usize, mean: T) -> Dist<T> {
    let shaped = |shape| Dist::Shaped(mean, Arc::new(shape));
    match WORDS[which] {
        "exponential" => Dist::Exponential(mean),
        "uniform" => {
            let spread = T::ask(
                params,
                "spread",
                Some(mean),
                "how far it reaches to both sides of its mean; as far as zero when not given",
            );
            let (mean, spread) = (mean.ticks(), spread.ticks());
            if spread > mean {
                params.refuse("spread", "it would reach below zero".into());
            }
            shaped(Shape::Uniform(mean.saturating_sub(spread), mean.saturating_add(spread)))
        }
        "pareto" => {
            let shape = number(
                params,
                "shape",
                "1.5",
                "the exponent of the tail: the less, the heavier; without `most` above 1",
            );
            let help =
                "the greatest value: the distribution is cut there, and its mean stays; without bound when not given";
            let most = params.given("most").then(|| T::ask(params, "most", None, help).ticks());
            match Pareto::new(mean.ticks(), shape, most) {
                Ok(pareto) => shaped(Shape::Pareto(pareto)),
                Err((key, why)) => {
                    params.refuse(key, why.into());
                    Dist::Fixed(mean)
                }
            }
        }
        "log_normal" => {
            let help = "its standard deviation over its mean";
            let deviation = number(params, "deviation", "1", help);
            let variance = libm::log(1.0 + deviation * deviation);
            shaped(Shape::LogNormal(libm::log(mean.ticks() as f64) - variance / 2.0, variance.sqrt()))
        }
        "empirical" => empirical(params).unwrap_or(Dist::Fixed(mean)),
        _ => Dist::Fixed(mean),
    }
}

/// Asks for a plain number above zero: a ratio that has no unit.
fn number(params: &mut dyn Params, key: &'static str, default: &str, help: &'static str) -> f64 {
    let text = params.text(key, Some(default), "a number above 0, as `1.2`", help);
    let plain = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    match text.parse::<f64>().ok().filter(|number| plain && (0.001..=1000.0).contains(number)) {
        Some(number) => number,
        None => {
            // Who describes parameters has no number to give.
            params.refuse(key, format!("`{text}` is no number from 0.001 to 1000, as `{default}`"));
            1.5
        }
    }
}

/// A table, written out or in a file.
fn empirical<T: Quantity>(params: &mut dyn Params) -> Option<Dist<T>> {
    let values = params.texts(
        "values",
        "a value and its probability, as `1 kB 50 %`",
        "values, each with its probability; these are all of them together",
    );
    let cdf = params.texts(
        "cdf",
        "a value and a probability, as `1 kB 50 %`",
        "values, each with the probability that one is not above it, rising to 100 %; what lies between two is as probable everywhere",
    );
    let file = params.file(
        "file",
        "the same as `cdf` in a file: CSV with the columns `size_bytes` or `time_s`, and `cdf` from 0 to 1",
    );
    let (key, joined) = match (values.is_empty(), cdf.is_empty(), &file) {
        (false, true, None) => ("values", false),
        (true, false, None) => ("cdf", true),
        (true, true, Some(_)) => ("file", true),
        _ => {
            params.refuse("file", "one of `values`, `cdf` and `file` is the table".into());
            return None;
        }
    };
    let mut points: Vec<(u64, u64)> = Vec::new();
    let mut sum = 0;
    let texts = if joined { &cdf } else { &values };
    for (at, text) in texts.iter().enumerate() {
        match pair::<T>(text) {
            Ok((value, share)) => {
                sum = if joined { share } else { sum + share };
                points.push((value.ticks(), sum));
            }
            Err(why) => {
                params.refuse_text(key, at, why);
                return None;
            }
        }
    }
    if let Some(file) = file {
        match tabulated::<T>(&file.text) {
            Ok(found) => points = found,
            Err(why) => {
                params.refuse("file", format!("`{}` is no table of a distribution: {why}", file.name));
                return None;
            }
        }
    }
    match Table::new(points, joined) {
        Ok(table) => Some(Dist::Shaped(T::from_ticks(table.mean()), Arc::new(Shape::Empirical(table)))),
        Err(why) => {
            params.refuse(key, why);
            None
        }
    }
}

/// `1 kB 50 %`: a quantity and a share.
fn pair<T: Quantity>(text: &str) -> Result<(T, u64), String> {
    let trimmed = text.trim();
    // The number of the share begins behind the last blank but that before the percent sign.
    let number = trimmed.strip_suffix('%').map(str::trim_end);
    let share_from = number.and_then(|number| number.rfind(' '));
    let Some((value, share)) = share_from.map(|at| trimmed.split_at(at)) else {
        return Err(format!("`{text}` is no value with its probability, as `1 kB 50 %`"));
    };
    let value = value.trim().parse::<T>().map_err(|error| error.to_string())?;
    let share = share.trim().parse::<Prob>().map_err(|error| error.to_string())?;
    Ok((value, share.parts()))
}

/// The points of a file.
fn tabulated<T: Quantity>(text: &str) -> Result<Vec<(u64, u64)>, String> {
    let wanted = Columns { first: T::COLUMN, more: &["cdf"] };
    table::read(text, wanted, |cells| {
        let value = table::quantity::<T>(cells[0], T::UNIT)?;
        let share = table::fraction(cells.get(1).copied().ok_or("`cdf` is missing")?)?;
        Ok((value.ticks(), share))
    })
}

impl Shape {
    fn draw(&self, rng: &mut Rng) -> u64 {
        match self {
            Shape::Uniform(from, to) => from + rng.below((to - from).saturating_add(1)),
            Shape::Pareto(pareto) => pareto.at(unit(rng)),
            Shape::LogNormal(mean, deviation) => {
                // Box and Muller (1958): two uniform numbers make a normal one.
                let (radius, angle) = (unit(rng), unit(rng));
                let normal = (-2.0 * libm::log(radius)).sqrt() * libm::cos(2.0 * std::f64::consts::PI * angle);
                libm::exp(mean + deviation * normal) as u64
            }
            Shape::Empirical(table) => table.at(rng.below(Prob::ONE_PARTS)),
        }
    }
}

/// A number above 0 and below 1, in the middle of one of 2^53 steps.
fn unit(rng: &mut Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

impl Pareto {
    /// With this mean, whether it is cut or not.
    fn new(mean: u64, shape: f64, most: Option<u64>) -> Result<Pareto, (&'static str, &'static str)> {
        let mean = mean as f64;
        let Some(most) = most else {
            if shape <= 1.0 {
                return Err(("shape", "without `most` the mean would be infinite; it must be above 1"));
            }
            return Ok(Pareto { low: mean * (shape - 1.0) / shape, shape, most: None, below: 1.0 });
        };
        let high = most as f64;
        if high <= mean {
            return Err(("most", "it must be above the mean"));
        }
        // The mean rises with the least value, from 0 to `most`: halving finds it to the last bit.
        let (mut least, mut greatest) = (0.0, mean);
        for _ in 0..200 {
            let middle = (least + greatest) / 2.0;
            if Pareto::mean(middle, high, shape) < mean { least = middle } else { greatest = middle }
        }
        if greatest < 1.0 {
            return Err(("most", "the distribution would begin at zero: it is too far from the mean for this `shape`"));
        }
        Ok(Pareto { low: greatest, shape, most: Some(most), below: 1.0 - libm::pow(greatest / high, shape) })
    }

    /// The mean of one from `low` to `high`.
    fn mean(low: f64, high: f64, shape: f64) -> f64 {
        let ratio = low / high;
        if shape == 1.0 {
            return low * libm::log(1.0 / ratio) / (1.0 - ratio);
        }
        let below = 1.0 - libm::pow(ratio, shape);
        low * shape / (shape - 1.0) * (1.0 - libm::pow(ratio, shape - 1.0)) / below
    }

    /// The value that this share of all is not above.
    fn at(&self, share: f64) -> u64 {
        let value = self.low * libm::pow(1.0 - share * self.below, -1.0 / self.shape);
        (value as u64).min(self.most.unwrap_or(u64::MAX))
    }
}

impl Table {
    fn new(points: Vec<(u64, u64)>, joined: bool) -> Result<Table, String> {
        let mut before: Option<(u64, u64)> = None;
        for point in &points {
            if before.is_some_and(|(value, share)| joined && point.0 < value || point.1 < share) {
                return Err("values and probabilities must rise".into());
            }
            before = Some(*point);
        }
        let all = before.map_or(0, |(_, share)| share);
        if all != Prob::ONE_PARTS {
            let share = Prob::from_parts(all).map_or("more than 100 %".into(), |share| share.to_string());
            return Err(format!("its probabilities make {share}, not 100 %"));
        }
        Ok(Table { points, joined })
    }

    /// The value that so many parts are not above, of parts below all.
    fn at(&self, part: u64) -> u64 {
        let above = self.points.partition_point(|(_, share)| *share <= part);
        let (value, share) = self.points[above];
        let Some((from, begun)) = above.checked_sub(1).map(|before| self.points[before]) else { return value };
        match self.joined {
            true => from + between(value - from, part - begun, share - begun),
            false => value,
        }
    }

    fn mean(&self) -> u64 {
        let (mut sum, mut before) = (0_u128, None);
        for (value, share) in &self.points {
            let (from, begun) = before.unwrap_or((*value, 0));
            let middle = if self.joined { (u128::from(from) + u128::from(*value)) / 2 } else { u128::from(*value) };
            sum += middle * u128::from(share - begun);
            before = Some((*value, *share));
        }
        (sum / u128::from(Prob::ONE_PARTS)) as u64
    }
}

/// `whole * part / of`.
fn between(whole: u64, part: u64, of: u64) -> u64 {
    (u128::from(whole) * u128::from(part) / u128::from(of)) as u64
}

#[cfg(test)]
mod tests;
