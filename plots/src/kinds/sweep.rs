//! A result over what was swept: means with intervals over the seeds, beside reference curves.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::{Key, Kind, Takes, WHERE, X_LABEL, Y_LABEL, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::rows::{self, Mean, Runs, named};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{BLACK, Color, DASHES, GREY, color, shape};
use crate::table::{Table, Want, Words};
use crate::units::{self, Unit, quantity};

pub(super) const KIND: Kind = Kind {
    name: "sweep",
    help: "a result over a swept value: mean and 95 % interval over the seeds, beside reference curves",
    tables: &["summary"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table, a row for each point and seed; summary" },
        Key {
            name: "x",
            takes: Takes::Text,
            help: "the swept column, numbers or quantities (`10 ms`); it must be given",
        },
        Key { name: "y", takes: Takes::Text, help: "the result; it must be given" },
        Key { name: "group", takes: Takes::Text, help: "the column whose words tell lines apart; none" },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of the group to show; all" },
        WHERE,
        X_LABEL,
        Y_LABEL,
        Key {
            name: "reference",
            takes: Takes::Text,
            help: "columns with what theory says, drawn as dashed lines; none",
        },
        Key {
            name: "low",
            takes: Takes::Text,
            help: "the column of the intervals' lower ends; computed from the rows of a point",
        },
        Key { name: "high", takes: Takes::Text, help: "the column of the intervals' upper ends" },
        Key {
            name: "log",
            takes: Takes::Words(&["none", "x", "y"]),
            help: "x, y or both (`[x, y]`) for logarithmic axes, or none; x when not given where its values grow tenfold or more by equal ratios",
        },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("summary");
    let x = super::column(sources, name, args.need("x", "wan.loss")?)?;
    let y = super::column(sources, name, args.need("y", "goodput_bps")?)?;
    let resolve = |key: &str| args.text(key).map(|given| super::column(sources, name, given)).transpose();
    let (low, high) = (resolve("low")?, resolve("high")?);
    let references = args.list("reference").iter().map(|given| super::column(sources, name, given));
    let references = references.collect::<Result<Vec<_>, _>>()?;
    let group = args.text("group");
    let mut wants = vec![Want::Word(&x), Want::Number(&y)];
    wants.extend(references.iter().chain(&low).chain(&high).map(|column| Want::Number(column)));
    wants.extend(group.filter(|group| *group != x).map(Want::Word));
    let told = [x.as_str(), group.unwrap_or(&x)];
    let runs = Runs::read(sources, name, args, &wants, (&told, "`group`"))?;
    let table = &runs.table;
    let swept = Swept::new(table.words(&x), &x);
    let (log_x, log_y) = super::xy::logs(args)?;
    let log_x = log_x || args.list("log").is_empty() && swept.by_ratios();

    let (label, unit) = named(args, "y_label", 0, &y);
    let mut panel = Panel::new(Axis { log: log_y, ..Axis::new(&label, unit) });
    let (groups, selected) = match group {
        None => (None, vec![true]),
        Some(group) => {
            let words = table.words(group);
            (Some(words), words.select(table, group, args.list("only"))?)
        }
    };
    let mut means = Vec::new();
    for at in (0..selected.len()).filter(|at| selected[*at]) {
        let mine = |row: usize| groups.is_none_or(|words| words.index[row] as usize == at);
        let points = swept.over_runs(&runs, &y, &mine)?;
        if points.is_empty() {
            continue;
        }
        means.extend(points.iter().map(|point| point.1));
        let place = panel.series.len();
        let legend = groups.map_or_else(|| "simulated".to_string(), |words| words.words[at].clone());
        let look = Look::Marked(shape(place), DASHES[place % DASHES.len()]);
        let mut series =
            Series::new(&legend, color(place), look, points.iter().map(|(x, mean)| (*x, mean.mean)).collect());
        series.whiskers = match (&low, &high) {
            (Some(low), Some(high)) => {
                let (low, high) = (swept.means(table.numbers(low), &mine), swept.means(table.numbers(high), &mine));
                low.iter().zip(high).map(|(low, high)| (low.1, high.1)).collect()
            }
            _ => points.iter().map(|(_, mean)| (mean.mean - mean.half, mean.mean + mean.half)).collect(),
        };
        panel.series.push(series);
    }
    if panel.series.is_empty() {
        return Err(table.empty(&y, "in the rows that were asked for"));
    }
    panel.series.extend(curves(table, &swept, &references, &label));
    if panel.series.len() == 1 && groups.is_none() {
        panel.series[0].name.clear();
    }
    let interval = "bands and whiskers: 95 % confidence interval of the mean";
    let caption = match rows::says(&means, interval) {
        none if none.is_empty() && low.is_some() => interval.to_string(),
        says => says,
    };
    let (x_label, x_unit) = named(args, "x_label", 0, &x);
    let x_unit = if x_unit == Unit::None { swept.unit } else { x_unit };
    let axis = Axis {
        log: log_x && swept.names.is_none(),
        zero: false,
        names: swept.names.clone(),
        ..Axis::new(&x_label, x_unit)
    };
    let usual = format!("{label} over {}", x_label.to_lowercase());
    Ok(Figure { title: title(args, &usual), caption, x: axis, panels: vec![panel] }.page())
}

/// Dashed lines of what theory says; they are the same in all groups.
fn curves(table: &Table, swept: &Swept<'_>, references: &[String], label: &str) -> Vec<Series> {
    const INKS: [Color; 3] = [BLACK, GREY, Color(0xA0, 0x60, 0x00)];
    let mut series = Vec::new();
    for (at, column) in references.iter().enumerate() {
        let points: Vec<Point> = swept.means(table.numbers(column), &|_| true);
        let name = units::column(column).0;
        // `Goodput mathis` beside an axis of goodput reads as `Mathis`.
        let name = name.strip_prefix(label).map_or_else(|| name.clone(), |rest| units::capital(rest.trim()));
        series.push(Series::new(&name, INKS[at % INKS.len()], Look::Line(DASHES[1 + at % 4]), points).sized(1.8));
    }
    series
}

/// The swept column: numbers, or names where one of its words is no number.
pub(super) struct Swept<'a> {
    pub words: &'a Words,
    pub places: Vec<f64>,
    pub unit: Unit,
    pub names: Option<Vec<String>>,
}

impl<'a> Swept<'a> {
    pub fn new(words: &'a Words, column: &str) -> Swept<'a> {
        let read: Option<Vec<(f64, Unit)>> = words.words.iter().map(|word| quantity(word)).collect();
        match read {
            Some(read) => {
                let unit = read.iter().map(|(_, unit)| *unit).find(|unit| *unit != Unit::None);
                let unit = unit.unwrap_or(units::column(column).1);
                Swept { words, places: read.iter().map(|(value, _)| *value).collect(), unit, names: None }
            }
            None => {
                let places = (0..words.words.len()).map(|at| at as f64).collect();
                Swept { words, places, unit: Unit::None, names: Some(words.words.clone()) }
            }
        }
    }

    /// Whether the values grow by equal ratios, but for what rounding to three digits does, and tenfold or more.
    fn by_ratios(&self) -> bool {
        let mut places = self.places.clone();
        places.sort_by(f64::total_cmp);
        places.dedup();
        let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return false };
        if self.names.is_some() || places.len() < 4 || first <= 0.0 || last < 10.0 * first {
            return false;
        }
        let ratios: Vec<f64> = places.windows(2).map(|pair| pair[1] / pair[0]).collect();
        let least = ratios.iter().copied().fold(f64::INFINITY, f64::min);
        let most = ratios.iter().copied().fold(0.0, f64::max);
        most <= 1.02 * least
    }

    /// The rows of each point, in the order of the points.
    fn points(&self, mine: &dyn Fn(usize) -> bool) -> Vec<(f64, Vec<usize>)> {
        let mut points: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
        for row in (0..self.words.index.len()).filter(|row| mine(*row)) {
            points.entry(self.words.index[row]).or_default().push(row);
        }
        let mut points: Vec<(f64, Vec<usize>)> =
            points.into_iter().map(|(word, rows)| (self.places[word as usize], rows)).collect();
        points.sort_by(|a, b| a.0.total_cmp(&b.0));
        points
    }

    /// The mean over the runs of each point that has values.
    fn over_runs(&self, runs: &Runs, column: &str, mine: &dyn Fn(usize) -> bool) -> Result<Vec<(f64, Mean)>, Error> {
        let mut means = Vec::new();
        for (x, rows) in self.points(mine) {
            means.extend(runs.mean(runs.table.numbers(column), &rows)?.map(|mean| (x, mean)));
        }
        Ok(means)
    }

    /// The mean of the values of each point that has some.
    fn means(&self, values: &[f64], mine: &dyn Fn(usize) -> bool) -> Vec<Point> {
        let mean = |(x, rows): (f64, Vec<usize>)| {
            let values: Vec<f64> = rows.iter().map(|row| values[*row]).filter(|value| value.is_finite()).collect();
            (!values.is_empty()).then(|| (x, interval(&values).0))
        };
        self.points(mine).into_iter().filter_map(mean).collect()
    }
}

/// Mean, and half the width of its 95 % confidence interval by Student's t.
pub(crate) fn interval(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    if values.len() < 2 {
        return (mean, 0.0);
    }
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    let student = StudentsT::new(0.0, 1.0, count - 1.0).expect("two values leave a degree of freedom");
    (mean, student.inverse_cdf(0.975) * (variance / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_textbook() {
        let (mean, half) = interval(&[1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(mean, 3.0);
        assert!((half - 2.776_445 * (2.5_f64 / 5.0).sqrt()).abs() < 1e-6);
        assert_eq!(interval(&[7.0]), (7.0, 0.0));
    }
}
