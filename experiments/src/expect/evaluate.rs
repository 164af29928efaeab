//! A check against what was measured.

use std::fmt;

use super::parse::{Check, Comparison, Expr, Path};
use crate::metrics::{Dimension, Metrics, STATISTICS, statistic};
use crate::statistics::{Mean, jain, mean_with};

/// What an experiment has measured: for each point the values of its dimensions, and its seeds' metrics.
pub struct Results<'a> {
    /// Names of the dimensions.
    pub dimensions: &'a [String],
    /// Points: values of the dimensions, metrics of each seed.
    pub points: Vec<(&'a [String], Vec<&'a Metrics>)>,
}

/// What became of a check at one point.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// The check.
    pub check: String,
    /// The point, as `dimension=value`; empty where it names its points itself or there is one only.
    pub point: String,
    /// Whether it holds.
    pub holds: bool,
    /// The numbers, in words.
    pub says: String,
}

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = if self.holds { "holds" } else { "FAILS" };
        write!(f, "{word}: {}", self.check)?;
        if !self.point.is_empty() {
            write!(f, " at {}", self.point)?;
        }
        write!(f, ": {}", self.says)
    }
}

/// Judges a check at every point that it is about. An error says what a path does not find.
///
/// # Errors
/// A name, metric or point that does not exist; sides that measure different things.
pub fn judge(
    text: &str,
    check: &Check,
    confidence: Option<f64>,
    results: &Results<'_>,
) -> Result<Vec<Judgement>, String> {
    let points: Vec<usize> = if names_points(check) { vec![0] } else { (0..results.points.len()).collect() };
    let several = points.len() > 1;
    points
        .into_iter()
        .map(|point| {
            let (holds, says) = at_point(check, confidence, results, point)?;
            let names = results.dimensions.iter().zip(results.points[point].0);
            let label: Vec<String> = names.map(|(name, value)| format!("{name}={value}")).collect();
            let point = if several { label.join(", ") } else { String::new() };
            Ok(Judgement { check: text.to_string(), point, holds, says })
        })
        .collect()
}

fn names_points(check: &Check) -> bool {
    fn inside(expr: &Expr) -> bool {
        match expr {
            Expr::Number(..) => false,
            Expr::Path(path) | Expr::Call(_, path) => !path.point.is_empty(),
            Expr::Binary(a, _, b) => inside(a) || inside(b),
            Expr::Negative(inner) => inside(inner),
        }
    }
    match check {
        Check::Compare(a, _, b) => inside(a) || inside(b),
        Check::Between(a, b, c) => inside(a) || inside(b) || inside(c),
    }
}

fn at_point(
    check: &Check,
    confidence: Option<f64>,
    results: &Results<'_>,
    point: usize,
) -> Result<(bool, String), String> {
    match check {
        Check::Compare(left, comparison, right) => {
            let (a, b) = (side(left, results, point)?, side(right, results, point)?);
            same_dimension(&a, &b)?;
            Ok(compare(&a, *comparison, &b, confidence))
        }
        Check::Between(value, low, high) => {
            let (value, low, high) =
                (side(value, results, point)?, side(low, results, point)?, side(high, results, point)?);
            same_dimension(&value, &low)?;
            same_dimension(&value, &high)?;
            let above = compare(&value, Comparison::AtLeast, &low, confidence);
            let below = compare(&value, Comparison::AtMost, &high, confidence);
            Ok((above.0 && below.0, if above.0 { below.1 } else { above.1 }))
        }
    }
}

/// A side's value for each seed.
struct Side {
    values: Vec<f64>,
    dimension: Dimension,
}

fn same_dimension(a: &Side, b: &Side) -> Result<(), String> {
    // A bare number stands for anything countable, zero for anything at all.
    let zero = |side: &Side| side.dimension == Dimension::NONE && side.values.iter().all(|value| *value == 0.0);
    if a.dimension == b.dimension || zero(a) || zero(b) {
        Ok(())
    } else {
        Err(format!("the sides measure different things: {} and {}", unit(a.dimension), unit(b.dimension)))
    }
}

fn compare(a: &Side, comparison: Comparison, b: &Side, confidence: Option<f64>) -> (bool, String) {
    let differences: Vec<f64> = a.values.iter().zip(&b.values).map(|(a, b)| a - b).collect();
    let difference = mean_with(&differences, confidence.unwrap_or(0.95));
    let slack = if confidence.is_some() { difference.half } else { 0.0 };
    let holds = match comparison {
        Comparison::Less => difference.mean + slack < 0.0,
        Comparison::AtMost => difference.mean + slack <= 0.0,
        Comparison::Greater => difference.mean - slack > 0.0,
        Comparison::AtLeast => difference.mean - slack >= 0.0,
        Comparison::Equal => difference.mean.abs() <= slack.max(1e-12),
        Comparison::Unequal => difference.mean.abs() > slack.max(1e-12),
    };
    let (left, right) = (mean_with(&a.values, 0.95), mean_with(&b.values, 0.95));
    let dimension = if a.dimension == Dimension::NONE { b.dimension } else { a.dimension };
    let mut says = format!("{} against {}", show(left, dimension), show(right, dimension));
    if !holds {
        says.push_str(&format!(", {} off", show(Mean { mean: difference.mean.abs(), half: slack }, dimension)));
    }
    (holds, says)
}

fn side(expr: &Expr, results: &Results<'_>, point: usize) -> Result<Side, String> {
    let seeds = results.points[point].1.len();
    Ok(match expr {
        Expr::Number(value, dimension) => Side { values: vec![*value; seeds], dimension: *dimension },
        Expr::Negative(inner) => {
            let inner = side(inner, results, point)?;
            Side { values: inner.values.iter().map(|value| -value).collect(), ..inner }
        }
        Expr::Binary(a, sign, b) => binary(side(a, results, point)?, *sign, side(b, results, point)?)?,
        Expr::Path(path) => {
            let found = measured(path, None, results, point)?;
            Side { values: found.iter().map(|(values, _)| values[0]).collect(), dimension: found[0].1 }
        }
        Expr::Call(function, path) => {
            let found = measured(path, Some(function), results, point)?;
            let one = |values: &[f64]| match function.as_str() {
                "jain" => Some(jain(values)),
                name => statistic(name, values),
            };
            let values: Option<Vec<f64>> = found.iter().map(|(values, _)| one(values)).collect();
            let dimension = if matches!(function.as_str(), "jain" | "count") { Dimension::NONE } else { found[0].1 };
            Side { values: values.ok_or_else(|| format!("`{}` has no values", path.names.join(".")))?, dimension }
        }
    })
}

fn binary(a: Side, sign: char, b: Side) -> Result<Side, String> {
    let dimension = match sign {
        '*' => Dimension { time: a.dimension.time + b.dimension.time, bits: a.dimension.bits + b.dimension.bits },
        '/' => Dimension { time: a.dimension.time - b.dimension.time, bits: a.dimension.bits - b.dimension.bits },
        _ => {
            same_dimension(&a, &b)?;
            a.dimension
        }
    };
    let values = a.values.iter().zip(&b.values).map(|(a, b)| match sign {
        '+' => a + b,
        '-' => a - b,
        '*' => a * b,
        _ => a / b,
    });
    Ok(Side { values: values.collect(), dimension })
}

/// The values that a path names, for each seed: one alone, or all of them for a function.
fn measured(
    path: &Path,
    function: Option<&str>,
    results: &Results<'_>,
    point: usize,
) -> Result<Vec<(Vec<f64>, Dimension)>, String> {
    let point = if path.point.is_empty() { point } else { named_point(path, results)? };
    results.points[point].1.iter().map(|metrics| look_up(path, function, metrics)).collect()
}

fn named_point(path: &Path, results: &Results<'_>) -> Result<usize, String> {
    for (dimension, _) in &path.point {
        if !results.dimensions.contains(dimension) {
            return Err(format!("there is no dimension `{dimension}`; there are: {}", results.dimensions.join(", ")));
        }
    }
    let matches = |values: &[String]| {
        path.point.iter().all(|(dimension, wanted)| {
            let at = results.dimensions.iter().position(|name| name == dimension);
            at.is_some_and(|at| values[at] == *wanted)
        })
    };
    let found: Vec<usize> = (0..results.points.len()).filter(|at| matches(results.points[*at].0)).collect();
    match found[..] {
        [one] => Ok(one),
        [] => Err(format!("no point has {}", point_text(path))),
        _ => Err(format!("{} points have {}: name the other dimensions too", found.len(), point_text(path))),
    }
}

fn point_text(path: &Path) -> String {
    path.point.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(", ")
}

fn look_up(path: &Path, function: Option<&str>, metrics: &Metrics) -> Result<(Vec<f64>, Dimension), String> {
    let (name, metric, stat) = split(path, function.is_some(), metrics)?;
    let mut values = Vec::new();
    let mut dimension = Dimension::NONE;
    for name in expand(&name, metrics)? {
        let found = metrics.get(&name, &metric).ok_or_else(|| {
            let known = metrics.metrics(&name);
            let near = nearest(&metric, known.iter().copied());
            format!("`{name}` has no `{metric}`{near}; it has: {}", known.join(", "))
        })?;
        dimension = found.dimension;
        values.extend(&found.values);
    }
    match (function, stat) {
        (Some(_), None) => Ok((values, dimension)),
        (Some(_), Some(stat)) => Err(format!("`{stat}` inside of a function")),
        (None, Some(stat)) => {
            let value = statistic(&stat, &values).ok_or_else(|| format!("`{name}.{metric}` has no values"))?;
            Ok((vec![value], if stat == "count" { Dimension::NONE } else { dimension }))
        }
        (None, None) if values.len() == 1 => Ok((values, dimension)),
        (None, None) => Err(format!(
            "`{name}.{metric}` has {} values: say which number is meant, as in `{name}.{metric}.mean` ({})",
            values.len(),
            STATISTICS.join(", ")
        )),
    }
}

/// A path's name, metric and statistic: names may hold dots (`wan.forward`), so the longest one that exists counts.
fn split(path: &Path, in_function: bool, metrics: &Metrics) -> Result<(String, String, Option<String>), String> {
    let parts = &path.names;
    for end in (1..=parts.len()).rev() {
        let name = parts[..end].join(".");
        if expand(&name, metrics).is_err() {
            continue;
        }
        return match &parts[end..] {
            [] if in_function => Ok((name, "goodput".into(), None)),
            [metric] => {
                // Columns such as `rtt_p95_s` read as `rtt.p95`.
                Ok((name, metric.clone(), None))
            }
            [metric, stat] => {
                let column = format!("{metric}_{stat}");
                let is_column = expand(&name, metrics)?.iter().all(|name| metrics.get(name, &column).is_some());
                if is_column {
                    Ok((name, column, None))
                } else if STATISTICS.contains(&stat.as_str()) {
                    Ok((name, metric.clone(), Some(stat.clone())))
                } else {
                    Err(format!("`{stat}` is no statistic; there are: {}", STATISTICS.join(", ")))
                }
            }
            _ => Err(format!("`{}` is not name.metric or name.metric.statistic", parts.join("."))),
        };
    }
    let near = nearest(&parts[0], metrics.names().map(String::as_str));
    let known: Vec<&str> = metrics.names().map(String::as_str).take(20).collect();
    Err(format!("nothing is called `{}`{near}; there are: {}", parts[0], known.join(", ")))
}

/// The names that a name stands for: itself, `flows` for all, or a pattern with a star.
fn expand(name: &str, metrics: &Metrics) -> Result<Vec<String>, String> {
    if name == "flows" {
        return Ok(metrics.flows.clone());
    }
    if let Some((front, back)) = name.split_once('*') {
        let fits = |flow: &&String| flow.len() >= name.len() - 1 && flow.starts_with(front) && flow.ends_with(back);
        let found: Vec<String> = metrics.flows.iter().filter(fits).cloned().collect();
        return if found.is_empty() { Err(format!("no flow is called `{name}`")) } else { Ok(found) };
    }
    if metrics.names().any(|known| known == name) {
        Ok(vec![name.to_string()])
    } else {
        Err(format!("nothing is called `{name}`"))
    }
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let best = known.map(|known| (strsim::damerau_levenshtein(name, known), known)).min();
    match best {
        Some((distance, known)) if distance <= 2.max(name.len() / 3) => format!(" (did you mean `{known}`?)"),
        _ => String::new(),
    }
}

fn unit(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::NONE => "a plain number",
        Dimension::TIME => "a time",
        Dimension::BITS => "an amount of data",
        Dimension::RATE => "a rate",
        _ => "a product of quantities",
    }
}

/// A mean with its unit, and its interval where there is one.
pub fn show(value: Mean, dimension: Dimension) -> String {
    let (factor, unit) = match dimension {
        Dimension::RATE if value.mean.abs() >= 1e9 => (1e9, " Gbit/s"),
        Dimension::RATE if value.mean.abs() >= 1e6 => (1e6, " Mbit/s"),
        Dimension::RATE if value.mean.abs() >= 1e3 => (1e3, " kbit/s"),
        Dimension::RATE => (1.0, " bit/s"),
        Dimension::TIME if value.mean.abs() >= 1.0 => (1.0, " s"),
        Dimension::TIME if value.mean.abs() >= 1e-3 => (1e-3, " ms"),
        Dimension::TIME => (1e-6, " us"),
        Dimension::BITS if value.mean.abs() >= 8e6 => (8e6, " MB"),
        Dimension::BITS if value.mean.abs() >= 8e3 => (8e3, " kB"),
        Dimension::BITS => (8.0, " B"),
        _ => (1.0, ""),
    };
    let number = |value: f64| {
        let text = format!("{:.4}", value / factor);
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    };
    match value.half {
        0.0 => format!("{}{unit}", number(value.mean)),
        half => format!("{} ± {}{unit}", number(value.mean), number(half)),
    }
}
