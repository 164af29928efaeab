//! A bar for each word of a column, grouped where asked for.

use super::{Key, Kind, Takes, WHERE, X_LABEL, Y_LABEL, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::rows::{Runs, named, says};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::color;
use crate::table::Want;
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "bars",
    help: "a bar for each word of a column: the mean of another one, with its interval where there are several runs",
    tables: &["summary"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; summary" },
        Key { name: "x", takes: Takes::Text, help: "the column of words, a bar for each; it must be given" },
        Key { name: "y", takes: Takes::Text, help: "the column of values; it must be given" },
        Key {
            name: "group",
            takes: Takes::Text,
            help: "a second column of words: bars side by side; what was swept besides x, if that is one axis",
        },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of x to show; all" },
        WHERE,
        Key { name: "log", takes: Takes::Flag, help: "true for a logarithmic axis; false" },
        X_LABEL,
        Y_LABEL,
        Key { name: "group_label", takes: Takes::Text, help: "what the group is called; the column's name" },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("summary");
    let x = super::column(sources, name, args.need("x", "flow")?)?;
    let y = super::column(sources, name, args.need("y", "goodput_bps")?)?;
    let read = |group: Option<&str>| {
        let mut wants = vec![Want::Word(&x), Want::Number(&y)];
        wants.extend(group.filter(|group| *group != x).map(Want::Word));
        Runs::read(sources, name, args, &wants, (&[&x, group.unwrap_or(&x)], "`group`"))
    };
    let mut group = args.text("group").map(str::to_string);
    let mut runs = read(group.as_deref())?;
    if let (None, Some(axis)) = (&group, runs.only_axis()) {
        runs = read(Some(&axis))?;
        group = Some(axis);
    }
    let group = group.as_deref();
    let table = &runs.table;
    let words = table.words(&x);
    let selected = words.select(table, &x, args.list("only"))?;
    let bars: Vec<usize> = (0..selected.len()).filter(|at| selected[*at]).collect();
    let groups = group.map(|group| table.words(group));
    let count = groups.map_or(1, |groups| groups.words.len());

    let (label, unit) = named(args, "y_label", 0, &y);
    let reversed = bars.iter().rev().map(|at| words.words[*at].clone()).collect();
    let mut panel = Panel::new(Axis { names: Some(reversed), ..Axis::new("", Unit::None) });
    let thickness = 0.76 / count as f64;
    let mut means = Vec::new();
    for member in 0..count {
        let legend = groups.map_or("", |groups| groups.words[member].as_str());
        let offset = 0.38 - thickness * (member + 1) as f64;
        let look = Look::Bars { offset, thickness: thickness * 0.92 };
        let mut series = Series::new(legend, color(member), look, Vec::new());
        for (place, bar) in bars.iter().enumerate() {
            let mine = |row: &usize| {
                words.index[*row] as usize == *bar && groups.is_none_or(|groups| groups.index[*row] as usize == member)
            };
            let rows: Vec<usize> = (0..table.rows).filter(mine).collect();
            let Some(mean) = runs.mean(table.numbers(&y), &rows)? else { continue };
            means.push(mean);
            series.points.push((mean.mean, (bars.len() - 1 - place) as f64));
            series.labels.push(unit.print(mean.mean));
            series.whiskers.push((mean.mean - mean.half, mean.mean + mean.half));
        }
        panel.series.push(series);
    }
    if means.iter().all(|mean| mean.runs < 2) {
        panel.series.iter_mut().for_each(|series| series.whiskers.clear());
    }
    let points: Vec<_> = panel.series.iter().map(|series| series.points.clone()).collect();
    super::something(table, &y, &points)?;
    let caption = says(&means, "mean and its 95 % confidence interval");
    let caption = super::with_group(args, group.filter(|_| count > 1), caption);
    let named_x = named(args, "x_label", 0, &x).0;
    let usual = format!("{label} by {}", named_x.to_lowercase());
    let axis = Axis { log: args.flag("log")?, ..Axis::new(&label, unit) };
    Ok(Figure { title: title(args, &usual), caption, x: axis, panels: vec![panel] }.page())
}
