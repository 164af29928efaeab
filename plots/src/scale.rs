//! Axes: from values to pixels, and where the ticks go.

use crate::canvas::Span;
use crate::units::{Shown, Unit};

/// What an axis shall show.
#[derive(Clone, Debug)]
pub(crate) struct Axis {
    pub label: String,
    pub unit: Unit,
    pub log: bool,
    /// Zero belongs to the axis even where no value is near it.
    pub zero: bool,
    /// Names at 0, 1, 2, … in the place of numbers.
    pub names: Option<Vec<String>>,
    /// The ends, where the caller knows better than the values.
    pub range: Option<(f64, f64)>,
}

impl Axis {
    pub fn new(label: &str, unit: Unit) -> Axis {
        Axis { label: label.to_string(), unit, log: false, zero: true, names: None, range: None }
    }

    /// Of time, in seconds.
    pub fn time() -> Axis {
        Axis { zero: false, ..Axis::new("Time", Unit::Seconds) }
    }
}

/// A tick: where, and what stands at it; nothing for the small ones of logarithmic axes.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Tick {
    pub value: f64,
    pub text: String,
}

/// An axis with its ends and ticks.
#[derive(Clone, Debug)]
pub(crate) struct Scale {
    pub low: f64,
    pub high: f64,
    pub log: bool,
    pub shown: Shown,
    pub ticks: Vec<Tick>,
}

impl Scale {
    /// Fits an axis to values, with about `wish` ticks. `room` is the part left free above the highest value.
    pub fn fit(axis: &Axis, values: impl Iterator<Item = f64>, wish: usize, room: f64) -> Scale {
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in values {
            if value.is_finite() && !(axis.log && value <= 0.0) {
                low = low.min(value);
                high = high.max(value);
            }
        }
        if low > high {
            (low, high) = (if axis.log { 1.0 } else { 0.0 }, if axis.log { 10.0 } else { 1.0 });
        }
        if let Some(names) = &axis.names {
            return Scale::named(names);
        }
        if let Some((from, to)) = axis.range {
            low = if from.is_finite() { from } else { low };
            high = if to.is_finite() { to } else { high };
        }
        if axis.log { Scale::logarithmic(axis, low, high) } else { Scale::linear(axis, low, high, wish, room) }
    }

    fn named(names: &[String]) -> Scale {
        let ticks = names.iter().enumerate().map(|(at, name)| Tick { value: at as f64, text: name.clone() }).collect();
        let shown = Shown { divisor: 1.0, name: "" };
        Scale { low: -0.5, high: names.len() as f64 - 0.5, log: false, shown, ticks }
    }

    fn linear(axis: &Axis, mut low: f64, mut high: f64, wish: usize, room: f64) -> Scale {
        let fixed = axis.range.is_some();
        let all = high <= 1.0 + 1e-9;
        if axis.zero && !fixed {
            low = low.min(0.0);
            high = high.max(0.0);
        }
        if !axis.zero && !fixed && low > 0.0 && low < 0.1 * high {
            low = 0.0;
        }
        if high - low <= f64::EPSILON * high.abs() {
            high = low + if low.abs() > 0.0 { low.abs() * 0.5 } else { 1.0 };
        }
        if !fixed {
            high += (high - low) * room;
        }
        let shown = axis.unit.shown(high.abs().max(low.abs()));
        let step = nice((high - low) / shown.divisor / wish.max(1) as f64);
        // The last sample of 40 s may stand at 39.99 s: the tick behind it belongs to the axis.
        let next = (high / shown.divisor / step).ceil() * step * shown.divisor;
        if !fixed && next - high < 0.02 * (high - low) {
            high = next;
        }
        let decimals = decimals(step);
        let first = (low / shown.divisor / step - 1e-6).ceil() as i64;
        // There is nothing above all.
        let most = if axis.unit == Unit::Ratio && all { 1.0 } else { high };
        let last = (most.min(high) / shown.divisor / step + 1e-6).floor() as i64;
        let ticks = (first..=last).map(|n| {
            let value = n as f64 * step;
            Tick { value: value * shown.divisor, text: grouped(value, decimals, axis.unit) }
        });
        Scale { low, high, log: false, shown, ticks: ticks.collect() }
    }

    fn logarithmic(axis: &Axis, low: f64, high: f64) -> Scale {
        // A range that is wider than three digits is told in the unit of its middle.
        let (largest, least) = (axis.unit.shown(high), axis.unit.shown((low * high).sqrt()));
        let shown = if low / largest.divisor < 0.01 { least } else { largest };
        let (mut low, mut high) = (low / shown.divisor, high / shown.divisor);
        // A little air at both ends, or a few times the value where there is but one.
        let air = if high / low > 1.01 { 1.15 } else { 3.0 };
        if axis.range.is_none() {
            (low, high) = (low / air, high * air);
        }
        let first = low.log10().floor() as i32;
        let last = high.log10().ceil() as i32;
        let wide = (high / low).log10() > 1.6;
        let mut ticks = Vec::new();
        for decade in first..=last {
            for digit in 1..10 {
                let value = f64::from(digit) * ten(decade);
                if value < low * (1.0 - 1e-9) || value > high * (1.0 + 1e-9) {
                    continue;
                }
                let spoken = digit == 1 || (!wide && (digit == 2 || digit == 5));
                let text = if spoken { grouped(value, (-decade).max(0) as usize, axis.unit) } else { String::new() };
                ticks.push(Tick { value: value * shown.divisor, text });
            }
        }
        Scale { low: low * shown.divisor, high: high * shown.divisor, log: true, shown, ticks }
    }

    /// Its ends in the unit that it shows.
    pub fn span(&self, label: &str) -> Span {
        let Shown { divisor, name } = self.shown;
        Span { low: self.low / divisor, high: self.high / divisor, log: self.log, label: label.to_string(), unit: name }
    }

    /// Where a value lies between the ends: 0 at the low one, 1 at the high one.
    pub fn part(&self, value: f64) -> f64 {
        if self.log {
            if value <= 0.0 {
                return -1.0;
            }
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            (value - self.low) / (self.high - self.low)
        }
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is not below a step.
pub(crate) fn nice(step: f64) -> f64 {
    let base = ten(step.log10().floor() as i32);
    let times = step / base;
    base * if times <= 1.0 + 1e-9 {
        1.0
    } else if times <= 2.0 {
        2.0
    } else if times <= 5.0 {
        5.0
    } else {
        10.0
    }
}

fn decimals(step: f64) -> usize {
    let mut decimals = 0;
    let mut step = step;
    while decimals < 9 && (step - step.round()).abs() > 1e-6 {
        step *= 10.0;
        decimals += 1;
    }
    decimals
}

/// Large counts get a letter, as in `20k`.
fn grouped(value: f64, decimals: usize, unit: Unit) -> String {
    let counted = matches!(unit, Unit::None | Unit::Things(_) | Unit::PerSecond(_));
    for (size, letter) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        if counted && value.abs() >= size * 10.0 {
            return format!("{}{letter}", crate::units::short(value / size));
        }
    }
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches(['-', '0', '.']).is_empty() { "0".to_string() } else { text }
}

/// Ten to a whole power, by multiplication, which is the same on every machine.
fn ten(power: i32) -> f64 {
    let whole = (0..power.abs()).fold(1.0, |product, _| product * 10.0);
    if power < 0 { 1.0 / whole } else { whole }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|tick| tick.text.as_str()).filter(|text| !text.is_empty()).collect()
    }

    #[test]
    fn ticks_are_round_and_in_a_fitting_unit() {
        let scale = Scale::fit(&Axis::new("Delay", Unit::Seconds), [0.0, 0.043].into_iter(), 5, 0.0);
        assert_eq!(texts(&scale), ["0", "10", "20", "30", "40"]);
        assert_eq!(scale.shown.name, "ms");
        let scale = Scale::fit(&Axis::time(), [0.0, 1.0].into_iter(), 5, 0.0);
        assert_eq!(texts(&scale), ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn logarithmic_axes_have_decades() {
        let axis = Axis { log: true, ..Axis::new("Loss", Unit::Ratio) };
        let scale = Scale::fit(&axis, [0.0001, 0.01, 0.0].into_iter(), 5, 0.0);
        assert_eq!(texts(&scale), ["0.01", "0.1", "1"]);
        assert!(scale.part(0.0001) > 0.0 && scale.part(0.01) < 1.0);
        // From 1 kB to 1 MB there is no 0.001.
        let axis = Axis { log: true, ..Axis::new("Size", Unit::Bytes) };
        assert_eq!(texts(&Scale::fit(&axis, [1e3, 1e6].into_iter(), 5, 0.0)), ["1", "10", "100", "1000"]);
    }

    #[test]
    fn no_share_is_more_than_all() {
        let share = |high| Scale::fit(&Axis::new("Answered", Unit::Ratio), [high].into_iter(), 6, 0.22);
        assert_eq!(texts(&share(1.0)).last().copied(), Some("100"));
        assert_eq!(texts(&share(0.04)).last().copied(), Some("4"));
        assert_eq!(texts(&share(1.5)).last().copied(), Some("150"));
    }

    #[test]
    fn one_value_still_has_an_axis() {
        for log in [false, true] {
            let axis = Axis { log, ..Axis::new("x", Unit::None) };
            let scale = Scale::fit(&axis, [7.0].into_iter(), 5, 0.06);
            assert!(scale.low < 7.0 && scale.high > 7.0 && texts(&scale).len() >= 2, "{scale:?}");
        }
        let nothing = Scale::fit(&Axis::new("x", Unit::None), [0.0].into_iter(), 5, 0.0);
        assert!(nothing.high > nothing.low);
    }
}
