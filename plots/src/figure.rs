//! Panels one above the other with a common x axis, a title above, the legend at the right, outside of the data.

use crate::canvas::{Align, Canvas, Part, Point, Reading, Rect};
use crate::scale::{Axis, Scale};
use crate::series::{Look, Series, clip, lines, marks, steps};
use crate::style::{BLACK, CAPTION, FRAME, GREY, GRID, LABEL, LEGEND, LINE, PAGE, TICK, TITLE, color};
use crate::text;

/// A figure before it is laid out.
pub(crate) struct Figure {
    pub title: String,
    /// What the reader should know besides: numbers, names of links.
    pub caption: String,
    pub x: Axis,
    pub panels: Vec<Panel>,
}

/// A panel.
pub(crate) struct Panel {
    pub y: Axis,
    /// Its part of the height.
    pub weight: f64,
    pub series: Vec<Series>,
}

impl Panel {
    pub fn new(y: Axis) -> Panel {
        Panel { y, weight: 1.0, series: Vec::new() }
    }
}

const MARK: f64 = 9.0;
/// How much of a series' colour the room between its whiskers has.
const BAND: f64 = 0.13;
/// More marks than this in a series are drawn small.
const MANY: usize = 60;
/// Pages are not higher than this.
const HIGHEST: f64 = 1500.0;
const GAP: f64 = 22.0;
const RIGHT: f64 = 34.0;
const LEGEND_WIDTH: f64 = 250.0;
const LEGEND_ROW: f64 = 25.0;
/// From one line of a long name to the next.
const LEGEND_LINE: f64 = 18.0;

/// A panel with its place and scales.
struct Frame<'a> {
    area: Rect,
    x: &'a Scale,
    y: Scale,
}

impl Frame<'_> {
    fn place(&self, point: Point) -> Point {
        let x = self.area.left + self.x.part(point.0) * self.area.width();
        (x, self.height(point.1))
    }

    fn height(&self, y: f64) -> f64 {
        self.area.bottom - self.y.part(y) * self.area.height()
    }

    fn inside(&self, point: &Point) -> bool {
        let Rect { left, top, right, bottom } = self.area;
        (left - 0.5..=right + 0.5).contains(&point.0) && (top - 0.5..=bottom + 0.5).contains(&point.1)
    }
}

impl Figure {
    /// Lays it out on a page.
    pub fn page(&self) -> Canvas {
        let mut page = Canvas::new(PAGE.0, self.high(), &self.title);
        let top = heading(&mut page, &self.title, &self.caption);
        let entries = self.entries();
        let legend = legend_width(&entries);
        let right = if entries.is_empty() { PAGE.0 - RIGHT } else { PAGE.0 - legend - 30.0 };
        let bars = self.panels.iter().any(|panel| panel.y.names.is_some());
        let bottom = page.height - 66.0;
        let height = bottom - top - GAP * (self.panels.len() as f64 - 1.0);
        let weights: f64 = self.panels.iter().map(|panel| panel.weight).sum();

        let scales: Vec<Scale> = self
            .panels
            .iter()
            .map(|panel| {
                let high = height * panel.weight / weights;
                Scale::fit(
                    &panel.y,
                    panel.series.iter().flat_map(heights),
                    ((high / 48.0) as usize).max(3),
                    if bars { 0.0 } else { 0.06 },
                )
            })
            .collect();
        let left = 50.0 + scales.iter().map(|scale| tick_width(scale, bars)).fold(0.0, f64::max);
        let every = self.panels.iter().flat_map(|panel| &panel.series).flat_map(places);
        let x = Scale::fit(&self.x, every, ((right - left) / 105.0) as usize, if bars { 0.22 } else { 0.0 });

        let mut at = top;
        for (index, (panel, y)) in self.panels.iter().zip(scales).enumerate() {
            let high = height * panel.weight / weights;
            let frame = Frame { area: Rect { left, top: at, right, bottom: at + high }, x: &x, y };
            let last = index + 1 == self.panels.len();
            axes(&mut page, &frame, last, bars);
            title_of_axis(&mut page, &frame, panel);
            for series in &panel.series {
                let named = entries.iter().position(|entry| entry.name == series.name && entry.color == series.color);
                let reads = !bars && reads(series.look);
                // One without a name is what its panel says.
                let part = match named {
                    Some(number) => Some((number, &series.name)),
                    None => reads.then_some((entries.len() + index, &panel.y.label)),
                };
                match part {
                    Some((number, name)) => {
                        let part = Part::Series { number, name: name.clone(), reads };
                        page.part(part, |page| draw(page, &frame, series));
                    }
                    None => draw(&mut page, &frame, series),
                }
            }
            page.plots.push(frame.area);
            if !bars {
                let y = frame.y.span(&panel.y.label);
                page.readings.push(Reading { area: frame.area, x: x.span(&self.x.label), y });
            }
            at += high + GAP;
        }
        let label = with_unit(&self.x.label, x.shown.name);
        page.text(((left + right) / 2.0, page.height - 18.0), &label, LABEL, BLACK, Align::Center);
        legend_box(&mut page, &entries, right + 20.0, top, legend);
        page.words = self.words(&entries, &label, &page.readings);
        page
    }

    /// The height of the page: more than the usual one where many bars want to be told in numbers.
    fn high(&self) -> f64 {
        let bars = self.panels.iter().flat_map(|panel| {
            let names = panel.y.names.as_ref().map_or(0, Vec::len) as f64;
            panel.series.iter().filter_map(move |series| match series.look {
                Look::Bars { thickness, .. } => Some(names * (TICK * 0.8 + 1.0) / thickness),
                _ => None,
            })
        });
        let need = bars.fold(0.0, f64::max) + 88.0 + 66.0;
        if need < HIGHEST { need.max(PAGE.1).ceil() } else { PAGE.1 }
    }

    /// Axes and series, for those who do not see them.
    fn words(&self, entries: &[&Series], x: &str, readings: &[Reading]) -> String {
        let panels: Vec<String> = match readings {
            [] => self.panels.iter().map(|panel| panel.y.label.clone()).filter(|label| !label.is_empty()).collect(),
            some => some.iter().map(|panel| with_unit(&panel.y.label, panel.y.unit)).collect(),
        };
        let mut words = match &panels[..] {
            [] => x.to_string(),
            some => format!("{} over {x}", some.join(" and ")),
        };
        let names: Vec<String> = entries.iter().map(|entry| entry.name.clone()).collect();
        if !names.is_empty() {
            words += &format!("; shown: {}", crate::kinds::list(&names));
        }
        if !self.caption.is_empty() {
            words += &format!("; {}", self.caption);
        }
        words
    }

    /// Which series the legend names: each name, colour and look once.
    fn entries(&self) -> Vec<&Series> {
        let mut entries: Vec<&Series> = Vec::new();
        for series in self.panels.iter().flat_map(|panel| &panel.series) {
            let known = entries.iter().any(|e| e.name == series.name && e.color == series.color);
            if !series.name.is_empty() && !known {
                entries.push(series);
            }
        }
        entries
    }
}

/// Writes title and caption; where the next thing may begin.
pub(crate) fn heading(page: &mut Canvas, title: &str, caption: &str) -> f64 {
    let wide = page.width - 60.0;
    page.words = caption.to_string();
    page.bold((30.0, 41.0), &text::fit(title, TITLE, true, wide), TITLE, BLACK, Align::Left);
    if caption.is_empty() {
        return 64.0;
    }
    page.text((30.0, 67.0), &text::fit(caption, CAPTION, false, wide), CAPTION, GREY, Align::Left);
    88.0
}

/// Says small, in the lower right corner, what the figure was drawn from: it may be shown far from its folder.
pub(crate) fn footer(page: &mut Canvas, about: &str) {
    let about = text::fit(about, TICK * 0.85, false, page.width * 0.4);
    if !about.is_empty() {
        page.text((page.width - 14.0, page.height - 12.0), &about, TICK * 0.85, GREY, Align::Right);
    }
}

pub(crate) fn with_unit(label: &str, unit: &str) -> String {
    if unit.is_empty() { label.to_string() } else { format!("{label} ({unit})") }
}

fn heights(series: &Series) -> impl Iterator<Item = f64> + '_ {
    let upright = !matches!(series.look, Look::Bars { .. });
    let whiskers = series.whiskers.iter().filter(move |_| upright).flat_map(|(low, high)| [*low, *high]);
    series.points.iter().map(|point| point.1).chain(whiskers)
}

fn places(series: &Series) -> impl Iterator<Item = f64> + '_ {
    let along = matches!(series.look, Look::Bars { .. });
    let whiskers = series.whiskers.iter().filter(move |_| along).flat_map(|(low, high)| [*low, *high]);
    // Values without a height do not stretch the axis.
    series.points.iter().filter(|point| point.1.is_finite()).map(|point| point.0).chain(whiskers)
}

fn tick_width(scale: &Scale, names: bool) -> f64 {
    let limit = if names { 260.0 } else { f64::INFINITY };
    scale.ticks.iter().map(|tick| text::width(&tick.text, TICK, false)).fold(0.0, f64::max).min(limit)
}

fn axes(page: &mut Canvas, frame: &Frame<'_>, last: bool, bars: bool) {
    let Rect { left, top, right, bottom } = frame.area;
    // Texts of ticks that would run into each other are thinned.
    let rows = if bars { (frame.area.height() / (TICK * 1.3)).max(1.0) as usize } else { usize::MAX };
    let every = frame.y.ticks.len().div_ceil(rows.max(1));
    for (index, tick) in frame.y.ticks.iter().enumerate() {
        let y = frame.height(tick.value);
        if !bars {
            page.line((left, y), (right, y), GRID, if tick.text.is_empty() { 0.5 } else { 1.0 });
        }
        if !tick.text.is_empty() && index % every == 0 {
            let text = if bars { text::fit(&tick.text, TICK, false, 260.0) } else { tick.text.clone() };
            page.text((left - 9.0, y + TICK * 0.36), &text, TICK, BLACK, Align::Right);
        }
    }
    let mut free = f64::NEG_INFINITY;
    for tick in &frame.x.ticks {
        let x = left + frame.x.part(tick.value) * frame.area.width();
        page.line((x, top), (x, bottom), GRID, if tick.text.is_empty() { 0.5 } else { 1.0 });
        if tick.text.is_empty() || !last {
            continue;
        }
        let half = text::width(&tick.text, TICK, false) / 2.0;
        page.line((x, bottom), (x, bottom + 5.0), FRAME, 1.0);
        if x - half > free {
            page.text((x, bottom + 23.0), &tick.text, TICK, BLACK, Align::Center);
            free = x + half + 8.0;
        }
    }
    page.line((left, top), (left, bottom), FRAME, 1.2);
    page.line((left, bottom), (right, bottom), FRAME, 1.2);
}

fn title_of_axis(page: &mut Canvas, frame: &Frame<'_>, panel: &Panel) {
    let label = with_unit(&panel.y.label, frame.y.shown.name);
    let size = LABEL.min(LABEL * frame.area.height() / text::width(&label, LABEL, false).max(1.0)).max(11.0);
    page.upward((27.0, (frame.area.top + frame.area.bottom) / 2.0), &label, size, BLACK);
}

/// Whether a value can be read at each place along a series.
fn reads(look: Look) -> bool {
    matches!(look, Look::Line(_) | Look::Steps(_) | Look::Marked(..))
}

fn draw(page: &mut Canvas, frame: &Frame<'_>, series: &Series) {
    let width = if series.size > 0.0 { series.size } else { LINE };
    match series.look {
        Look::Line(dash) => stroke(page, frame, series, width, dash, false),
        Look::Steps(dash) => stroke(page, frame, series, width, dash, true),
        Look::Marks(shape) => dots(page, frame, series, shape),
        Look::Marked(shape, dash) => {
            band(page, frame, series);
            stroke(page, frame, series, LINE, dash, false);
            whiskers(page, frame, series);
            dots(page, frame, series, shape);
        }
        Look::Spans => spans(page, frame, series, width),
        Look::Bars { offset, thickness } => bars(page, frame, series, offset, thickness),
    }
}

fn stroke(page: &mut Canvas, frame: &Frame<'_>, series: &Series, width: f64, dash: &'static [f64], step: bool) {
    for line in lines(series.points.iter().map(|point| frame.place(*point))) {
        let line = if step { steps(&line) } else { line };
        for piece in clip(&line, &frame.area) {
            page.path(piece, series.color, width, dash);
        }
    }
}

fn dots(page: &mut Canvas, frame: &Frame<'_>, series: &Series, shape: crate::style::Shape) {
    let size = if series.size > 0.0 { series.size } else { MARK };
    let places = marks(series.points.iter().map(|point| frame.place(*point)).filter(|at| frame.inside(at)));
    // Many marks are small and without edges, or they would wipe out each other.
    let few = places.len() <= MANY;
    for at in places {
        page.mark((at.0, at.1 - series.lift), shape, series.color, if few { size } else { size * 0.8 }, few);
    }
}

/// The room between the whiskers, lightly filled.
fn band(page: &mut Canvas, frame: &Frame<'_>, series: &Series) {
    let clamp = |y: f64| frame.height(y).clamp(frame.area.top, frame.area.bottom);
    let ends = series.points.iter().zip(&series.whiskers);
    let ends: Vec<(f64, f64, f64)> = ends
        .filter(|(point, (low, high))| point.1.is_finite() && low.is_finite() && high.is_finite())
        .map(|(point, (low, high))| (frame.place(*point).0, clamp(*low), clamp(*high)))
        .collect();
    if ends.len() > 1 && ends.iter().any(|(_, low, high)| low - high > 0.5) {
        let upper = ends.iter().map(|(x, _, high)| (*x, *high));
        let lower = ends.iter().rev().map(|(x, low, _)| (*x, *low));
        page.fill(upper.chain(lower).collect(), series.color, BAND);
    }
}

fn whiskers(page: &mut Canvas, frame: &Frame<'_>, series: &Series) {
    for (point, (low, high)) in series.points.iter().zip(&series.whiskers) {
        let clamp = |y: f64| frame.height(y).clamp(frame.area.top, frame.area.bottom);
        let (x, low, high) = (frame.place(*point).0, clamp(*low), clamp(*high));
        if low - high > 0.5 {
            page.line((x, low), (x, high), series.color, 1.6);
            page.line((x - 5.0, low), (x + 5.0, low), series.color, 1.6);
            page.line((x - 5.0, high), (x + 5.0, high), series.color, 1.6);
        }
    }
}

/// Strokes that share a column of pixels and touch are drawn as one.
fn spans(page: &mut Canvas, frame: &Frame<'_>, series: &Series, width: f64) {
    let mut last: Option<(f64, f64, f64)> = None;
    let mut flush = |span: Option<(f64, f64, f64)>| {
        if let Some((x, low, high)) = span {
            page.line((x, low), (x, high), series.color, width);
        }
    };
    for (point, (low, high)) in series.points.iter().zip(&series.whiskers) {
        let (x, low) = frame.place((point.0, *low));
        let high = frame.height(*high).min(low - width);
        if !frame.inside(&(x, low)) {
            continue;
        }
        last = match last {
            Some((at, a, b)) if (at - x).abs() < 1.0 && low + 1.5 >= b && high <= a + 1.5 => {
                Some((at, a.max(low), b.min(high)))
            }
            other => {
                flush(other);
                Some((x, low, high))
            }
        };
    }
    flush(last);
}

fn bars(page: &mut Canvas, frame: &Frame<'_>, series: &Series, offset: f64, thickness: f64) {
    for (index, point) in series.points.iter().enumerate() {
        if !point.0.is_finite() {
            continue;
        }
        // A logarithmic axis has no zero: bars begin at its end.
        let (zero, end) = (frame.place((0.0, 0.0)).0.max(frame.area.left), frame.place(*point).0);
        // Few bars need not be fat.
        let fat = frame.y.part(1.0) - frame.y.part(0.0);
        let slim = ((TICK * 0.8 + 1.0) / thickness).max(72.0) / (fat * frame.area.height());
        let slim = slim.min(1.0);
        let (a, b) = (frame.height(point.1 + offset * slim), frame.height(point.1 + (offset + thickness) * slim));
        let rect = Rect { left: zero.min(end), right: zero.max(end), top: a.min(b), bottom: a.max(b) };
        page.rect(rect, series.color, 1.0);
        let middle = (rect.top + rect.bottom) / 2.0;
        let mut after = rect.right;
        if let Some((low, high)) = series.whiskers.get(index) {
            let (low, high) = (frame.place((*low, 0.0)).0.max(frame.area.left), frame.place((*high, 0.0)).0);
            page.line((low, middle), (high, middle), BLACK, 1.6);
            for x in [low, high] {
                page.line((x, middle - 5.0), (x, middle + 5.0), BLACK, 1.6);
            }
            after = after.max(high);
        }
        let label = series.labels.get(index).filter(|_| rect.height() > TICK * 0.8);
        if let Some(label) = label {
            bar_label(page, frame, rect, after, label);
        }
    }
}

/// Behind the bar, or in it where there is no room behind.
fn bar_label(page: &mut Canvas, frame: &Frame<'_>, bar: Rect, after: f64, label: &str) {
    let middle = (bar.top + bar.bottom) / 2.0 + TICK * 0.36;
    let wide = text::width(label, TICK, false) + 8.0;
    if after + wide <= frame.area.right {
        page.text((after + 8.0, middle), label, TICK, BLACK, Align::Left);
    } else {
        page.bold((bar.right - 8.0, middle), label, TICK, crate::style::WHITE, Align::Right);
    }
}

fn legend_width(entries: &[&Series]) -> f64 {
    let longest = entries.iter().map(|entry| text::width(&entry.name, LEGEND, false)).fold(0.0, f64::max);
    // The fonts of SVG viewers may be wider than ours.
    (longest * 1.14).min(LEGEND_WIDTH - 46.0) + 46.0
}

fn legend_box(page: &mut Canvas, entries: &[&Series], left: f64, top: f64, width: f64) {
    if entries.is_empty() {
        return;
    }
    let room = page.height - top - 30.0;
    let mut names: Vec<Vec<String>> =
        entries.iter().map(|entry| text::wrap(&entry.name, LEGEND, width - 44.0)).collect();
    let height = |lines: &Vec<String>| LEGEND_ROW + (lines.len() as f64 - 1.0) * LEGEND_LINE;
    if names.iter().map(height).sum::<f64>() > room {
        // More lines than names have room.
        names = entries.iter().map(|entry| vec![text::fit(&entry.name, LEGEND, false, width - 44.0)]).collect();
    }
    let rows = (room / LEGEND_ROW) as usize;
    let whole = names.iter().map(height).sum::<f64>() <= room;
    let shown = if whole { entries.len() } else { rows - 1 };
    let mut y = top + 12.0;
    for (number, (entry, lines)) in entries[..shown].iter().zip(&names).enumerate() {
        page.part(Part::Legend { number, name: entry.name.clone() }, |page| {
            sample(page, entry, left, y);
            for (line, name) in lines.iter().enumerate() {
                let below = line as f64 * LEGEND_LINE;
                page.text((left + 42.0, y + below + LEGEND * 0.36), name, LEGEND, BLACK, Align::Left);
            }
        });
        y += height(lines);
    }
    if shown < entries.len() {
        let rest = format!("and {} more", entries.len() - shown);
        page.text((left + 42.0, y + LEGEND * 0.36), &rest, LEGEND, GREY, Align::Left);
        y += LEGEND_ROW;
    }
    page.legend = Some(Rect { left, top, right: left + width, bottom: y });
}

fn sample(page: &mut Canvas, entry: &Series, left: f64, y: f64) {
    let width = if entry.size > 0.0 { entry.size } else { LINE };
    match entry.look {
        Look::Line(dash) | Look::Steps(dash) => {
            page.path(vec![(left, y), (left + 34.0, y)], entry.color, width.max(1.6), dash);
        }
        Look::Spans => page.line((left + 17.0, y - 8.0), (left + 17.0, y + 8.0), entry.color, width),
        Look::Marks(shape) => page.mark((left + 17.0, y), shape, entry.color, width.max(MARK), true),
        Look::Marked(shape, dash) => {
            page.path(vec![(left, y), (left + 34.0, y)], entry.color, LINE, dash);
            page.mark((left + 17.0, y), shape, entry.color, MARK, true);
        }
        Look::Bars { .. } => {
            page.rect(Rect { left: left + 8.0, top: y - 7.0, right: left + 26.0, bottom: y + 7.0 }, entry.color, 1.0);
        }
    }
}

/// Line series of one colour each, in the order given.
pub(crate) fn colored(names: &[String], points: Vec<Vec<Point>>, look: impl Fn(usize) -> Look) -> Vec<Series> {
    let named = names.iter().zip(points).enumerate();
    named.map(|(index, (name, points))| Series::new(name, color(index), look(index), points)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Shape;
    use crate::units::Unit;

    fn figure(series: usize, points: u32) -> Figure {
        let mut panel = Panel::new(Axis::new("Queue", Unit::Things("packets")));
        for index in 0..series {
            let wave = (0..points).map(|n| (f64::from(n) / 100.0, f64::from(n % 977 + index as u32))).collect();
            let name = format!("a flow with quite a long name, number {index}");
            let look = if index % 2 == 0 { Look::Line(&[]) } else { Look::Marked(Shape::Circle, &[]) };
            panel.series.push(Series::new(&name, color(index), look, wave));
        }
        Figure { title: "A title".into(), caption: "A caption".into(), x: Axis::time(), panels: vec![panel] }
    }

    #[test]
    fn the_legend_stands_beside_the_data_on_the_page() {
        for series in [1, 2, 8, 100] {
            let page = figure(series, 10).page();
            let legend = page.legend.expect("series are named");
            assert!(page.plots.iter().all(|plot| !plot.overlaps(&legend)), "{series} series");
            assert!(legend.right <= page.width && legend.bottom <= page.height, "{series} series: {legend:?}");
            assert!(page.plots[0].width() > 600.0, "the data have most of the page");
        }
    }

    #[test]
    fn long_names_are_whole_in_the_legend() {
        let mut figure = figure(0, 0);
        for at in 0..4 {
            let name = format!("rest-http1-new, network=lossy-wan, number {at}");
            figure.panels[0].series.push(Series::new(&name, color(at), Look::Line(&[]), vec![(0.0, 1.0), (1.0, 2.0)]));
        }
        let svg = crate::svg::write(&figure.page());
        assert!(!svg.contains('…') && svg.contains("number 3</text>"), "{svg}");
    }

    #[test]
    fn a_million_points_make_a_small_file() {
        let page = figure(1, 1_000_000).page();
        let svg = crate::svg::write(&page);
        assert!(svg.len() < 100_000, "{} bytes", svg.len());
    }
}
