//! A result over two swept values, or a value over time and another column: a field of colours.

use super::sweep::Swept;
use super::{FROM, Key, Kind, TO, Takes, WHERE, X_LABEL, Y_LABEL, title};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Align, Canvas, Part, Rect};
use crate::error::Error;
use crate::figure::{heading, with_unit};
use crate::rows::{Mean, Runs, named};
use crate::scale::{Axis, Scale};
use crate::style::{BLACK, Color, FRAME, GREY, LABEL, PAGE, RAMP, TICK, WHITE};
use crate::table::Want;
use crate::text;
use crate::units::{Unit, short};

pub(super) const KIND: Kind = Kind {
    name: "heatmap",
    help: "a value as colours over two others: a result over two swept values, or a column of a series over time and link or flow",
    tables: &["summary"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; summary" },
        Key {
            name: "x",
            takes: Takes::Text,
            help: "the column to the right: numbers, quantities or words; it must be given",
        },
        Key { name: "y", takes: Takes::Text, help: "the column upward; it must be given" },
        Key {
            name: "value",
            takes: Takes::Text,
            help: "the column of values: each cell is the mean of its rows; it must be given",
        },
        Key { name: "log", takes: Takes::Flag, help: "true for colours by the value's logarithm; false" },
        WHERE,
        FROM,
        TO,
        X_LABEL,
        Y_LABEL,
        Key { name: "value_label", takes: Takes::Text, help: "what the value is called; the column's name" },
    ],
    draw,
};

/// More different numbers than this become equal bins.
const CELLS: usize = 40;
const RIGHT: f64 = 170.0;
const BOTTOM: f64 = 66.0;

/// One of the two directions: which cell each row is in.
struct Side {
    cells: usize,
    /// Of each row; none where it has no place.
    of: Vec<Option<usize>>,
    scale: Scale,
    /// Its name, and the same with the unit of the numbers beside it.
    name: String,
    label: String,
    /// Whether a cell is a range of values.
    binned: bool,
    /// What each cell is called.
    names: Vec<String>,
}

impl Side {
    fn new(swept: &Swept<'_>, column: &str, (name, unit): (String, Unit), upward: bool) -> Side {
        let index = &swept.words.index;
        let unit = if unit == Unit::None { swept.unit } else { unit };
        let mut order: Vec<usize> = (0..swept.places.len()).collect();
        order.sort_by(|a, b| swept.places[*a].total_cmp(&swept.places[*b]));
        // Moments are not evenly spread; what is swept is named value by value.
        if swept.names.is_none() && (order.len() > CELLS || column == "time_s") {
            let (low, high) = (swept.places[order[0]], swept.places[order[order.len() - 1]]);
            let axis = Axis { range: Some((low, high)), zero: false, ..Axis::new(&name, unit) };
            let scale = Scale::fit(&axis, [low, high].into_iter(), 9, 0.0);
            let wide = (high - low) / CELLS as f64;
            let cell = |row: &u32| (((swept.places[*row as usize] - low) / wide) as usize).min(CELLS - 1);
            let range = |at: usize| {
                let ends = [at, at + 1].map(|at| unit.print(low + wide * at as f64));
                format!("{} to {}", ends[0], ends[1])
            };
            let label = with_unit(&name, scale.shown.name);
            return Side {
                cells: CELLS,
                of: index.iter().map(|row| Some(cell(row))).collect(),
                names: (0..CELLS).map(range).collect(),
                scale,
                name,
                label,
                binned: true,
            };
        }
        // Words read from above.
        if upward && swept.names.is_some() {
            order.reverse();
        }
        // An empty word has no place.
        order.retain(|word| !swept.words.words[*word].is_empty());
        let mut rank = vec![None; swept.places.len()];
        order.iter().enumerate().for_each(|(at, word)| rank[*word] = Some(at));
        // Numbers without a unit are shown in that of their column.
        let plain = |word: &str| word.parse::<f64>().map_or_else(|_| word.to_string(), |value| unit.print(value));
        let names: Vec<String> = order.iter().map(|word| plain(&swept.words.words[*word])).collect();
        let axis = Axis { names: Some(names.clone()), ..Axis::new(&name, unit) };
        let scale = Scale::fit(&axis, std::iter::empty(), 9, 0.0);
        let of = index.iter().map(|row| rank[*row as usize]).collect();
        Side { cells: names.len(), of, names, scale, label: name.clone(), name, binned: false }
    }
}

/// The colour of a part of the scale.
fn ink(part: f64) -> Color {
    let place = part.clamp(0.0, 1.0) * (RAMP.len() - 1) as f64;
    let at = (place as usize).min(RAMP.len() - 2);
    let (a, b, rest) = (RAMP[at], RAMP[at + 1], place - at as f64);
    let mix = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * rest).round() as u8;
    Color(mix(a.0, b.0), mix(a.1, b.1), mix(a.2, b.2))
}

/// The scale of values, from their least to their greatest.
fn values(label: &str, unit: Unit, log: bool, low: f64, high: f64) -> Scale {
    let range = (high > low).then_some((low, high));
    Scale::fit(&Axis { log, zero: false, range, ..Axis::new(label, unit) }, [low, high].into_iter(), 8, 0.0)
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("summary");
    let [x, y, value] = [("x", "wan.delay"), ("y", "wan.loss"), ("value", "goodput_bps")]
        .map(|(key, example)| args.need(key, example).and_then(|given| super::column(sources, name, given)));
    let (x, y, value) = (x?, y?, value?);
    if x == y {
        return Err(bad("y", format!("is `{x}`, as x is")));
    }
    let log = args.flag("log")?;
    let (from, to) = args.window()?;
    let windowed = args.text("from").or(args.text("to")).is_some();
    let mut wants = vec![Want::Word(&x), Want::Word(&y), Want::Number(&value)];
    if windowed {
        wants.push(Want::Number("time_s"));
    }
    let runs = Runs::read(sources, name, args, &wants, (&[&x, &y], "`x` or `y`"))?;
    let table = &runs.table;
    let (xs, ys) = (table.words(&x), table.words(&y));
    let values = table.numbers(&value);
    let inside = |row: usize| !windowed || (from..=to).contains(&table.numbers("time_s")[row]);
    let rows = (0..table.rows).filter(|row| inside(*row));
    let (right, up) = (
        Side::new(&Swept::new(xs, &x), &x, named(args, "x_label", 0, &x), false),
        Side::new(&Swept::new(ys, &y), &y, named(args, "y_label", 0, &y), true),
    );
    let mut cells: Vec<Vec<usize>> = vec![Vec::new(); right.cells * up.cells];
    for row in rows {
        if let (Some(column), Some(line)) = (right.of[row], up.of[row]) {
            cells[line * right.cells + column].push(row);
        }
    }
    let shown: Vec<f64> = values.iter().map(|value| if log && *value <= 0.0 { f64::NAN } else { *value }).collect();
    let means: Vec<Option<Mean>> = cells.iter().map(|rows| runs.mean(&shown, rows)).collect::<Result<_, _>>()?;
    let seen = || means.iter().flatten().map(|mean| mean.mean);
    let (low, high) = seen().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)));
    if low > high {
        return Err(table.empty(&value, "in the rows that were asked for"));
    }
    let (label, unit) = named(args, "value_label", 0, &value);
    let ramp = self::values(&label, unit, log, low, high);
    let usual = format!("{label} over {} and {}", right.name.to_lowercase(), up.name.to_lowercase());
    let most = means.iter().flatten().map(|mean| mean.values).max().unwrap_or(0);
    let caption = if most > 1 { format!("each cell: the mean of up to {most} rows") } else { String::new() };
    let mut page = Canvas::new(PAGE.0, PAGE.1, &title(args, &usual));
    let heading_of = page.title.clone();
    let top = heading(&mut page, &heading_of, &caption);
    let wide = up.scale.ticks.iter().map(|tick| text::width(&tick.text, TICK, false)).fold(0.0, f64::max).min(300.0);
    let area = Rect { left: 56.0 + wide, top, right: PAGE.0 - RIGHT, bottom: PAGE.1 - BOTTOM };
    let (cell_w, cell_h) = (area.width() / right.cells as f64, area.height() / up.cells as f64);
    for (at, cell) in means.iter().enumerate() {
        let (column, line) = (at % right.cells, at / right.cells);
        let Some(Mean { mean, half, runs, .. }) = *cell else { continue };
        let left = area.left + cell_w * column as f64;
        let bottom = area.bottom - cell_h * line as f64;
        let mut lines = vec![
            format!("{}: {}", right.name, right.names[column]),
            format!("{}: {}", up.name, up.names[line]),
            format!("{label}: {}", unit.print(mean)),
        ];
        if runs > 1 {
            lines.push(format!("± {} (95 %, {runs} runs)", unit.print(half)));
        }
        let part = ramp.part(mean);
        page.part(Part::Note { lines }, |page| {
            // A pixel more closes the seams between cells.
            page.rect(
                Rect {
                    left,
                    top: bottom - cell_h,
                    right: (left + cell_w + 1.0).min(area.right),
                    bottom: (bottom + 1.0).min(area.bottom),
                },
                ink(part),
                1.0,
            );
            let words = short(mean / unit.shown(high.abs().max(low.abs())).divisor);
            if !right.binned && !up.binned && cell_h >= 22.0 && text::width(&words, TICK, false) + 10.0 <= cell_w {
                let over = if part > 0.55 { BLACK } else { WHITE };
                page.text((left + cell_w / 2.0, bottom - cell_h / 2.0 + 5.5), &words, TICK, over, Align::Center);
            }
        });
    }
    frame(&mut page, &area, &right, &up);
    colours(&mut page, &area, &ramp, &label);
    page.plots.push(area);
    page.words =
        format!("{label} over {} and {}, from {} to {}", right.label, up.label, unit.print(low), unit.print(high));
    Ok(page)
}

/// Axes with their ticks; of names that would touch each other every second, third or further one.
fn frame(page: &mut Canvas, area: &Rect, right: &Side, up: &Side) {
    let Rect { left, top, right: end, bottom } = *area;
    page.path(vec![(left, top), (end, top), (end, bottom), (left, bottom), (left, top)], FRAME, 1.2, &[]);
    let widest = right.scale.ticks.iter().map(|tick| text::width(&tick.text, TICK, false)).fold(0.0, f64::max) + 14.0;
    let every = |room: f64, need: f64| ((need / room).ceil() as usize).max(1);
    let step = every(area.width() / right.scale.ticks.len() as f64, widest);
    for tick in right.scale.ticks.iter().step_by(step) {
        let x = left + right.scale.part(tick.value) * area.width();
        page.line((x, bottom), (x, bottom + 5.0), FRAME, 1.2);
        page.text((x, bottom + 22.0), &tick.text, TICK, GREY, Align::Center);
    }
    let step = every(area.height() / up.scale.ticks.len() as f64, 20.0);
    for tick in up.scale.ticks.iter().step_by(step) {
        let y = bottom - up.scale.part(tick.value) * area.height();
        page.line((left - 5.0, y), (left, y), FRAME, 1.2);
        page.text((left - 9.0, y + 5.5), &text::fit(&tick.text, TICK, false, 300.0), TICK, GREY, Align::Right);
    }
    page.text(((left + end) / 2.0, PAGE.1 - 18.0), &right.label, LABEL, BLACK, Align::Center);
    page.upward((24.0, (top + bottom) / 2.0), &up.label, LABEL, BLACK);
}

/// The bar that says what colours mean.
fn colours(page: &mut Canvas, area: &Rect, ramp: &Scale, label: &str) {
    const STEPS: usize = 64;
    let (left, right) = (area.right + 28.0, area.right + 52.0);
    // Each down to the bottom, so that nothing shows between them.
    for step in (0..STEPS).rev() {
        let top = area.bottom - area.height() * (step + 1) as f64 / STEPS as f64;
        let color = ink((step as f64 + 0.5) / STEPS as f64);
        page.rect(Rect { left, right, top, bottom: area.bottom }, color, 1.0);
    }
    for tick in ramp.ticks.iter().filter(|tick| !tick.text.is_empty() && (ramp.low..=ramp.high).contains(&tick.value)) {
        let y = area.bottom - ramp.part(tick.value) * area.height();
        page.line((right, y), (right + 5.0, y), FRAME, 1.2);
        page.text((right + 9.0, y + 5.5), &tick.text, TICK, GREY, Align::Left);
    }
    page.upward((PAGE.0 - 16.0, (area.top + area.bottom) / 2.0), &with_unit(label, ramp.shown.name), LABEL, BLACK);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_grow_lighter_with_the_value() {
        let light = |ink: Color| 0.2126 * f64::from(ink.0) + 0.7152 * f64::from(ink.1) + 0.0722 * f64::from(ink.2);
        let steps: Vec<f64> = (0..=100).map(|step| light(ink(f64::from(step) / 100.0))).collect();
        assert!(steps.windows(2).all(|pair| pair[1] > pair[0]), "{steps:?}");
        assert!((values("", Unit::None, false, 1.0, 100.0).part(10.0) - 9.0 / 99.0).abs() < 1e-9);
        assert!((values("", Unit::None, true, 1.0, 100.0).part(10.0) - 0.5).abs() < 1e-9);
    }
}
