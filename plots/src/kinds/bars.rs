//! A bar for each word of a column, grouped where asked for.

use super::{Key, Kind, Takes, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::color;
use crate::table::{Want, read};
use crate::units::{self, Unit};

pub(super) const KIND: Kind = Kind {
    name: "bars",
    help: "a bar for each word of a column: the mean of another one, with its interval where there are several rows",
    tables: &["summary"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; summary" },
        Key { name: "x", takes: Takes::Text, help: "the column of words, a bar for each; it must be given" },
        Key { name: "y", takes: Takes::Text, help: "the column of values; it must be given" },
        Key { name: "group", takes: Takes::Text, help: "a second column of words: bars side by side; none" },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of x to show; all" },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("summary");
    let x = super::column(sources, name, args.need("x", "flow")?)?;
    let y = super::column(sources, name, args.need("y", "goodput_bps")?)?;
    let group = args.text("group");
    let mut wants = vec![Want::Word(&x), Want::Number(&y)];
    wants.extend(group.filter(|group| *group != x).map(Want::Word));
    let table = read(sources, name, &wants)?;
    let words = table.words(&x);
    let selected = words.select(&table, &x, args.list("only"))?;
    let bars: Vec<usize> = (0..selected.len()).filter(|at| selected[*at]).collect();
    let groups = group.map(|group| table.words(group));
    let count = groups.map_or(1, |groups| groups.words.len());

    let (label, unit) = units::column(&y);
    let reversed = bars.iter().rev().map(|at| words.words[*at].clone()).collect();
    let mut panel = Panel::new(Axis { names: Some(reversed), ..Axis::new("", Unit::None) });
    let thickness = 0.76 / count as f64;
    let mut most = 0;
    for member in 0..count {
        let legend = groups.map_or("", |groups| groups.words[member].as_str());
        let offset = 0.38 - thickness * (member + 1) as f64;
        let look = Look::Bars { offset, thickness: thickness * 0.92 };
        let mut series = Series::new(legend, color(member), look, Vec::new());
        for (place, bar) in bars.iter().enumerate() {
            let mine = |row: usize| {
                words.index[row] as usize == *bar && groups.is_none_or(|groups| groups.index[row] as usize == member)
            };
            let rows = table.numbers(&y).iter().enumerate().filter(|(row, value)| value.is_finite() && mine(*row));
            let values: Vec<f64> = rows.map(|(_, value)| *value).collect();
            if values.is_empty() {
                continue;
            }
            most = most.max(values.len());
            let (mean, half) = super::sweep::interval(&values);
            series.points.push((mean, (bars.len() - 1 - place) as f64));
            series.labels.push(unit.print(mean));
            series.whiskers.push((mean - half, mean + half));
        }
        if most < 2 {
            series.whiskers.clear();
        }
        panel.series.push(series);
    }
    let points: Vec<_> = panel.series.iter().map(|series| series.points.clone()).collect();
    super::something(&table, &y, &points)?;
    let caption = if most > 1 { "mean and its 95 % confidence interval".to_string() } else { String::new() };
    let usual = format!("{label} by {}", units::column(&x).0.to_lowercase());
    Ok(Figure { title: title(args, &usual), caption, x: Axis::new(&label, unit), panels: vec![panel] }.page())
}
