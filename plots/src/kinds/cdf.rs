//! Which part of the values is at most so large.

use super::{Key, Kind, Takes, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel, colored};
use crate::scale::Axis;
use crate::series::Look;
use crate::style::dash;
use crate::table::{Want, choose, read};
use crate::units::{self, Unit};

pub(super) const KIND: Kind = Kind {
    name: "cdf",
    help: "cumulative distribution of a column, a line for each group",
    tables: &["requests"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; requests" },
        Key { name: "x", takes: Takes::Text, help: "the column, with or without its unit (`latency`)" },
        Key {
            name: "group",
            takes: Takes::Text,
            help: "the column whose words tell lines apart; flow where there is one",
        },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of the group to show; all" },
        Key { name: "log", takes: Takes::Flag, help: "true for a logarithmic x axis; false" },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("requests");
    let x = super::column(sources, name, args.text("x").unwrap_or("latency_s"))?;
    let group = match args.text("group") {
        Some(group) => Some(group.to_string()),
        None => choose(sources, name, &["flow"]).ok(),
    };
    let mut wants = vec![Want::Number(&x)];
    wants.extend(group.iter().map(|group| Want::Word(group)));
    let table = read(sources, name, &wants)?;
    let values = table.numbers(&x).iter().enumerate().filter(|(_, value)| value.is_finite());
    let (names, mut sorted) = match &group {
        None => (vec![String::new()], vec![values.map(|(_, value)| *value).collect::<Vec<_>>()]),
        Some(group) => {
            let words = table.words(group);
            let selected = words.select(&table, group, args.list("only"))?;
            let (names, points) = super::split(words, &selected, values.map(|(row, value)| (row, (*value, *value))));
            (names, points.into_iter().map(|points| points.iter().map(|point| point.0).collect()).collect())
        }
    };
    if sorted.iter().all(Vec::is_empty) {
        return Err(table.empty(&x, "in the rows that were asked for"));
    }
    sorted.iter_mut().for_each(|values| values.sort_by(f64::total_cmp));
    let counts: Vec<usize> = sorted.iter().map(Vec::len).collect();
    let (label, unit) = units::column(&x);
    let log = args.flag("log")?;
    let lines = sorted.iter().map(|values| steps(values, log)).collect();
    let mut panel = Panel::new(Axis { range: Some((0.0, 1.03)), ..Axis::new("Share of values", Unit::Ratio) });
    let (legends, shared) = match &group {
        Some(group) if names.len() > 1 => super::told_apart(group, names),
        _ => (vec![String::new()], names.concat()),
    };
    panel.series = colored(&legends, lines, |at| Look::Steps(dash(at)));
    let total: usize = counts.iter().sum();
    let of = if shared.is_empty() { shared } else { format!(" of {shared}") };
    let caption = format!("{total} values{of}, table {name}");
    let ends = |pick: fn(&Vec<f64>) -> Option<&f64>| sorted.iter().filter_map(pick).copied();
    let least = ends(|values| values.first()).fold(f64::INFINITY, f64::min);
    let most = ends(|values| values.last()).fold(f64::NEG_INFINITY, f64::max);
    // Far from zero the differences are what is looked for.
    let axis = Axis { log, zero: least < 0.4 * most, ..Axis::new(&label, unit) };
    let usual = format!("Distribution: {}", label.to_lowercase());
    Ok(Figure { title: title(args, &usual), caption, x: axis, panels: vec![panel] }.page())
}

/// The distribution of sorted values as corners of steps.
fn steps(values: &[f64], log: bool) -> Vec<Point> {
    let count = values.len() as f64;
    let first = values.iter().copied().find(|value| !log || *value > 0.0);
    let mut points: Vec<Point> = first.map(|value| (value, 0.0)).into_iter().collect();
    for (rank, value) in values.iter().enumerate() {
        if values.get(rank + 1) != Some(value) {
            points.push((*value, (rank + 1) as f64 / count));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_are_one_step() {
        assert_eq!(steps(&[1.0, 2.0, 2.0, 4.0], false), [(1.0, 0.0), (1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]);
    }
}
