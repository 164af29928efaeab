//! The page as SVG: a tenth of a pixel is its grain, text stays text.

use std::fmt::Write as _;

use crate::canvas::{Align, Canvas, Item, Label, Part, Point, Reading, Rect, Span};
use crate::style::Color;
use crate::text::SVG_FAMILY;

/// The whole file.
pub(crate) fn write(page: &Canvas) -> String {
    let mut out = String::new();
    let (w, h) = (number(page.width), number(page.height));
    push(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" viewBox=\"0 0 {w} {h}\" \
             font-family=\"{SVG_FAMILY}\">\n<title>{}</title>\n<rect width=\"{w}\" height=\"{h}\" fill=\"#FFFFFF\"/>\n",
            escape(&page.title)
        ),
    );
    if !page.words.is_empty() {
        push(&mut out, format_args!("<desc>{}</desc>\n", escape(&page.words)));
    }
    for item in &page.items {
        match item {
            Item::Path { points, color, width, dash } => path(&mut out, points, *color, *width, dash),
            Item::Fill { points, color, alpha } => {
                let opacity = if *alpha < 1.0 { format!(" fill-opacity=\"{alpha}\"") } else { String::new() };
                let (d, color) = (outline(points), hex(*color));
                push(&mut out, format_args!("<path d=\"{d}Z\" fill=\"{color}\"{opacity}/>\n"));
            }
            Item::Disc { at, radius, color } => {
                let (x, y, r, color) = (number(at.0), number(at.1), number(*radius), hex(*color));
                push(&mut out, format_args!("<circle cx=\"{x}\" cy=\"{y}\" r=\"{r}\" fill=\"{color}\"/>\n"));
            }
            Item::Label(label) => text(&mut out, label),
            Item::Open(part) => open(&mut out, part),
            Item::Close => out.push_str("</g>\n"),
        }
    }
    page.readings.iter().for_each(|reading| panel(&mut out, reading));
    out.push_str("</svg>\n");
    out
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

/// A group that scripts of a page know by its attributes: `data-series`, `data-legend`, `data-note`. What a note says is the group's title, which
/// a browser shows under the pointer also where there is no script.
fn open(out: &mut String, part: &Part) {
    match part {
        Part::Series { number, name, reads } => {
            let reads = if *reads { " data-reads=\"\"" } else { "" };
            push(out, format_args!("<g data-series=\"{number}\" data-name=\"{}\"{reads}>\n", escape(name)));
        }
        Part::Legend { number, name } => {
            push(out, format_args!("<g data-legend=\"{number}\" data-name=\"{}\">\n", escape(name)));
        }
        Part::Note { lines } => {
            push(out, format_args!("<g data-note=\"\">\n<title>{}</title>\n", escape(&lines.join("\n"))));
        }
    }
}

/// Where a panel is, and what its ends mean: nothing that is seen.
fn panel(out: &mut String, reading: &Reading) {
    let Rect { left, top, .. } = reading.area;
    let (x, y, w, h) = (number(left), number(top), number(reading.area.width()), number(reading.area.height()));
    let axis = |span: &Span| {
        let scale = if span.log { "log" } else { "linear" };
        format!("{} {} {scale}", span.low, span.high)
    };
    let (dx, dy) = (axis(&reading.x), axis(&reading.y));
    push(
        out,
        format_args!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{w}\" height=\"{h}\" fill=\"none\" data-x=\"{dx}\" data-x-name=\"{}\" \
             data-x-unit=\"{}\" data-y=\"{dy}\" data-y-name=\"{}\" data-y-unit=\"{}\"/>\n",
            escape(&reading.x.label),
            reading.x.unit,
            escape(&reading.y.label),
            reading.y.unit
        ),
    );
}

fn path(out: &mut String, points: &[Point], color: Color, width: f64, dash: &[f64]) {
    let dashes: Vec<String> = dash.iter().map(|length| number(*length)).collect();
    let dashes = if dashes.is_empty() { String::new() } else { format!(" stroke-dasharray=\"{}\"", dashes.join(" ")) };
    let (d, color, width) = (outline(points), hex(color), number(width));
    push(
        out,
        format_args!(
            "<path d=\"{d}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{dashes}/>\n"
        ),
    );
}

/// Horizontal and vertical pieces get their short forms, which step lines are made of.
fn outline(points: &[Point]) -> String {
    let mut d = String::new();
    let mut last: Option<(String, String)> = None;
    for &(x, y) in points {
        let (x, y) = (number(x), number(y));
        match &last {
            None => push(&mut d, format_args!("M{x} {y}")),
            Some((px, py)) if *px == x && *py == y => {}
            Some((px, _)) if *px == x => push(&mut d, format_args!("V{y}")),
            Some((_, py)) if *py == y => push(&mut d, format_args!("H{x}")),
            Some(_) => push(&mut d, format_args!("L{x} {y}")),
        }
        last = Some((x, y));
    }
    d
}

fn text(out: &mut String, label: &Label) {
    let (x, y) = (number(label.at.0), number(label.at.1));
    let anchor = match label.align {
        Align::Left => "",
        Align::Center => " text-anchor=\"middle\"",
        Align::Right => " text-anchor=\"end\"",
    };
    let weight = if label.bold { " font-weight=\"bold\"" } else { "" };
    let (dx, dy) = label.along;
    let place = if dy == 0.0 {
        format!("x=\"{x}\" y=\"{y}\"")
    } else {
        format!("transform=\"matrix({dx:.4} {dy:.4} {:.4} {dx:.4} {x} {y})\"", -dy)
    };
    let (size, color, words) = (number(label.size), hex(label.color), escape(&label.text));
    push(out, format_args!("<text {place} font-size=\"{size}\"{weight} fill=\"{color}\"{anchor}>{words}</text>\n"));
}

/// With one decimal where there is one, by integers.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() as i64;
    let (whole, tenth) = (tenths.abs() / 10, tenths.abs() % 10);
    let sign = if tenths < 0 { "-" } else { "" };
    if tenth == 0 { format!("{sign}{whole}") } else { format!("{sign}{whole}.{tenth}") }
}

fn hex(color: Color) -> String {
    format!("#{:02X}{:02X}{:02X}", color.0, color.1, color.2)
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short_and_signed() {
        assert_eq!(number(1.0), "1");
        assert_eq!(number(-0.04), "0");
        assert_eq!(number(-0.26), "-0.3");
        assert_eq!(number(1199.96), "1200");
    }

    #[test]
    fn steps_use_short_forms() {
        assert_eq!(outline(&[(0.0, 0.0), (5.0, 0.0), (5.0, 2.5), (5.0, 2.5), (6.0, 3.0)]), "M0 0H5V2.5L6 3");
    }

    #[test]
    fn text_is_escaped() {
        assert_eq!(escape("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
