//! A bar for each word of a column, made of the values of several others.

use super::waterfall::{axis_below, legend};
use super::{Key, Kind, Takes, WHERE, Y_LABEL, title};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Align, Canvas, Rect};
use crate::error::Error;
use crate::figure::heading;
use crate::rows::{Runs, named, says};
use crate::scale::{Axis, Scale};
use crate::style::{BLACK, PAGE, TICK, color};
use crate::table::Want;
use crate::text;
use crate::units;

pub(super) const KIND: Kind = Kind {
    name: "stacked",
    help: "a bar for each word of a column, made of several other columns one behind the other: bytes by layer, steps of a call",
    tables: &["summary"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; summary" },
        Key { name: "x", takes: Takes::Text, help: "the column of words, a bar for each; it must be given" },
        Key {
            name: "y",
            takes: Takes::Text,
            help: "the columns of values of one unit, in the order of the parts; they must be given",
        },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of x to show; all" },
        WHERE,
        Y_LABEL,
        Key { name: "x_label", takes: Takes::Text, help: "what the sum along x is called; sum" },
    ],
    draw,
};

const ROW: f64 = 36.0;
const THICK: f64 = 24.0;
const LEFT: f64 = 200.0;
const RIGHT: f64 = 120.0;

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("summary");
    let x = super::column(sources, name, args.need("x", "variant")?)?;
    let parts: Vec<String> =
        args.list("y").iter().map(|part| super::column(sources, name, part)).collect::<Result<_, _>>()?;
    if parts.len() < 2 {
        return Err(bad("y", "should be two columns or more".into()));
    }
    let units: Vec<_> = parts.iter().enumerate().map(|(at, part)| named(args, "y_label", at, part)).collect();
    if units.iter().any(|(_, unit)| unit != &units[0].1) {
        return Err(bad("y", "the columns should have one unit".into()));
    }
    let mut wants = vec![Want::Word(&x)];
    wants.extend(parts.iter().map(|part| Want::Number(part)));
    let runs = Runs::read(sources, name, args, &wants, (&[&x], "`x`"))?;
    let table = &runs.table;
    let words = table.words(&x);
    let selected = words.select(table, &x, args.list("only"))?;
    let (mut bars, mut means) = (Vec::new(), Vec::new());
    for (word, _) in selected.iter().enumerate().filter(|(_, selected)| **selected) {
        let rows: Vec<usize> = (0..table.rows).filter(|row| words.index[*row] as usize == word).collect();
        let mut values = Vec::new();
        for part in &parts {
            let mean = runs.mean(table.numbers(part), &rows)?;
            values.push(mean.map_or(0.0, |mean| mean.mean));
            means.extend(mean);
        }
        bars.push((words.words[word].clone(), values));
    }
    if bars.iter().all(|(_, values)| values.iter().all(|value| *value == 0.0)) {
        return Err(table.empty(&parts[0], "there is nothing to stack"));
    }
    let unit = units[0].1;
    let height = 160.0 + ROW * bars.len() as f64 + 76.0;
    let usual = format!("{} by {}", units[0].0, units::column(&x).0.to_lowercase());
    let mut canvas = Canvas::new(PAGE.0, height.round(), &title(args, &usual));
    let heading_text = canvas.title.clone();
    let top = heading(&mut canvas, &heading_text, &says(&means, "means"));
    legend(&mut canvas, top + 12.0, units.iter().enumerate().map(|(at, (label, _))| (label.as_str(), color(at))));
    let area =
        Rect { left: LEFT, top: top + 40.0, right: PAGE.0 - RIGHT, bottom: top + 48.0 + ROW * bars.len() as f64 };
    let totals = bars.iter().map(|(_, values)| values.iter().sum::<f64>());
    let scale = Scale::fit(&Axis::new("", unit), totals.chain([0.0]), (area.width() / 105.0) as usize, 0.0);
    let label = crate::figure::with_unit(args.text("x_label").unwrap_or("Sum"), scale.shown.name);
    axis_below(&mut canvas, &area, &scale, &label);
    for (at, (word, values)) in bars.iter().enumerate() {
        let middle = area.top + 4.0 + ROW * (at as f64 + 0.5);
        canvas.text(
            (LEFT - 10.0, middle + TICK * 0.36),
            &text::fit(word, TICK, false, LEFT - 40.0),
            TICK,
            BLACK,
            Align::Right,
        );
        let mut sum = 0.0;
        for (part, value) in values.iter().enumerate() {
            let place = |value: f64| area.left + scale.part(value) * area.width();
            let rect = Rect {
                left: place(sum),
                right: place(sum + value),
                top: middle - THICK / 2.0,
                bottom: middle + THICK / 2.0,
            };
            sum += value;
            canvas.rect(rect, color(part), 1.0);
        }
        let end = area.left + scale.part(sum) * area.width();
        canvas.text((end + 8.0, middle + TICK * 0.36), &unit.print(sum), TICK, BLACK, Align::Left);
    }
    canvas.plots.push(area);
    Ok(canvas)
}
