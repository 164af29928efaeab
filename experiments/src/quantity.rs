//! Numbers with what they measure, for summaries and expectations.

use sim_core::{Column, Kind, Prob};

pub use topologies::{Dimension, Written, parse_quantity as parse};

/// A cell as a number in base units; `None` where there is no value.
pub fn number(column: &Column, value: u64) -> Option<f64> {
    if value == u64::MAX {
        return None;
    }
    Some(match column.kind {
        Kind::Time => value as f64 / 1e12,
        Kind::Ratio => value as f64 / Prob::ONE_PARTS as f64,
        Kind::Bytes => value as f64 * 8.0,
        _ => value as f64,
    })
}

/// A number with its unit, for people: `9.412 Mbit/s`. Shares are printed in percent.
pub fn show(value: f64, dimension: Dimension, share: bool) -> String {
    let (number, unit) = scaled(value.abs(), dimension, share);
    format!("{}{}{unit}", if value < 0.0 { "-" } else { "" }, digits(value.abs() / number))
}

/// A mean with half of its interval, in one unit: `9.41 ± 0.02 Mbit/s`.
pub fn show_mean(mean: f64, half: f64, dimension: Dimension, share: bool) -> String {
    if half == 0.0 {
        return show(mean, dimension, share);
    }
    let (number, unit) = scaled(mean.abs().max(half), dimension, share);
    format!("{}{} ± {}{unit}", if mean < 0.0 { "-" } else { "" }, digits(mean.abs() / number), digits(half / number))
}

fn scaled(size: f64, dimension: Dimension, share: bool) -> (f64, &'static str) {
    let steps: &[(f64, &str)] = match dimension {
        Dimension::RATE => &[(1e9, " Gbit/s"), (1e6, " Mbit/s"), (1e3, " kbit/s"), (1.0, " bit/s")],
        Dimension::TIME => &[(1.0, " s"), (1e-3, " ms"), (1e-6, " us"), (1e-9, " ns")],
        Dimension::DATA => &[(8e9, " GB"), (8e6, " MB"), (8e3, " kB"), (8.0, " B")],
        Dimension::NONE if share => return (0.01, " %"),
        _ => return (1.0, ""),
    };
    if size == 0.0 {
        return match dimension {
            Dimension::TIME => (1.0, " s"),
            _ => *steps.last().expect("there are steps"),
        };
    }
    *steps.iter().find(|(step, _)| size >= *step).unwrap_or(steps.last().expect("there are steps"))
}

/// Four significant digits, whole numbers whole.
fn digits(value: f64) -> String {
    if !value.is_finite() {
        return "undefined".into();
    }
    if value.fract() == 0.0 && value < 1e15 {
        return format!("{value:.0}");
    }
    let places = match value {
        v if v >= 1000.0 => 1,
        v if v >= 100.0 => 1,
        v if v >= 10.0 => 2,
        v if v >= 1.0 => 3,
        v if v >= 0.1 => 4,
        v if v >= 0.01 => 5,
        v if v >= 0.001 => 6,
        // Small shares are no place for an exponent.
        v if v >= 1e-4 => 7,
        v if v >= 1e-5 => 8,
        v if v >= 1e-6 => 9,
        _ => return format!("{value:.3e}"),
    };
    let text = format!("{value:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_shown_with_the_unit_that_fits() {
        assert_eq!(show(9_412_345.0, Dimension::RATE, false), "9.412 Mbit/s");
        assert_eq!(show(0.0, Dimension::TIME, false), "0 s");
        assert_eq!(show(-0.0204, Dimension::TIME, false), "-20.4 ms");
        assert_eq!(show(0.98765, Dimension::NONE, true), "98.77 %");
        assert_eq!(show(8e8, Dimension::DATA, false), "100 MB");
        assert_eq!(show(6.7203e-6, Dimension::NONE, true), "0.000672 %");
        assert_eq!(show(12.0, Dimension::NONE, false), "12");
        assert_eq!(show_mean(9.4e6, 2e4, Dimension::RATE, false), "9.4 ± 0.02 Mbit/s");
    }
}
