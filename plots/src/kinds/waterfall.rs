//! Requests of pages one below the other, each a bar over time that shows what it waited for.

use super::{FLOWS, Key, Kind, Takes, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Align, Canvas, Rect};
use crate::error::Error;
use crate::figure::heading;
use crate::scale::{Axis, Scale};
use crate::style::{BLACK, Color, FRAME, GREY, GRID, LABEL, LOST, PAGE, TICK, color};
use crate::table::{Table, Want, read};
use crate::text;

const TABLE: &str = "browse";

pub(super) const KIND: Kind = Kind {
    name: "waterfall",
    help: "requests of a browser below each other: waiting, DNS, connecting, TLS, the answer's first byte, its rest",
    tables: &[TABLE],
    keys: &[
        FLOWS,
        Key { name: "pages", takes: Takes::Text, help: "numbers of the pages to show; all" },
        Key { name: "first", takes: Takes::Count, help: "so many requests at most; 60" },
    ],
    draw,
};

/// What a request waits for, in this order, with the place of its colour.
const PHASES: [(&str, usize); 6] =
    [("waits", 7), ("DNS", 1), ("connects", 2), ("TLS", 4), ("waits for the answer", 0), ("receives", 3)];
const ROW: f64 = 23.0;
const THICK: f64 = 14.0;
const LEFT: f64 = 392.0;
const RIGHT: f64 = 190.0;

/// A request.
struct Bar {
    words: String,
    note: String,
    failed: bool,
    start: f64,
    phases: [f64; 6],
}

impl Bar {
    fn end(&self) -> f64 {
        self.start + self.phases.iter().sum::<f64>()
    }
}

/// Requests of one page: whose it is and its number, when it began, and its bars.
struct Page {
    flow: String,
    number: String,
    start: f64,
    bars: Vec<Bar>,
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let numbers = ["start_s", "queued_s", "dns_s", "connect_s", "tls_s", "first_byte_s", "total_s", "number"];
    let words = ["flow", "page", "method", "url", "from", "status", "outcome"];
    let wants: Vec<Want<'_>> = numbers.into_iter().map(Want::Number).chain(words.into_iter().map(Want::Word)).collect();
    let table = read(sources, TABLE, &wants)?;
    let mut pages = pages(&table, args)?;
    let all: usize = pages.iter().map(|page| page.bars.len()).sum();
    let mut left = args.count("first")?.unwrap_or(60);
    for page in &mut pages {
        page.bars.truncate(left);
        left -= page.bars.len();
    }
    pages.retain(|page| !page.bars.is_empty());
    let shown: usize = pages.iter().map(|page| page.bars.len()).sum();
    let mut caption = "time from the start of each page".to_string();
    if shown < all {
        caption = format!("{caption}; the first {shown} of {all} requests");
    }
    let rows = shown + pages.len();
    let height = 176.0 + ROW * rows as f64 + 70.0;
    let mut canvas = Canvas::new(PAGE.0, height.round(), &title(args, "What requests wait for"));
    let name = canvas.title.clone();
    let top = heading(&mut canvas, &name, &caption);
    legend(&mut canvas, top + 12.0, PHASES.into_iter().map(|(name, ink)| (name, shade(ink))));
    let top = top + 40.0;
    let area = Rect { left: LEFT, top, right: PAGE.0 - RIGHT, bottom: top + ROW * rows as f64 + 8.0 };
    let ends = pages.iter().flat_map(|page| page.bars.iter().map(|bar| bar.end() - page.start));
    let scale = Scale::fit(&Axis::time(), ends.chain([0.0]), (area.width() / 105.0) as usize, 0.0);
    let label = format!("Time since the page's start ({})", scale.shown.name);
    axis_below(&mut canvas, &area, &scale, &label);
    let several = pages.iter().any(|page| page.flow != pages[0].flow);
    let mut y = area.top + 4.0;
    for page in &pages {
        let whose = if several { format!("{}, ", page.flow) } else { String::new() };
        let heading = format!("{whose}page {}, at {}", page.number, crate::units::Unit::Seconds.print(page.start));
        canvas.bold((30.0, y + ROW * 0.68), &heading, TICK, GREY, Align::Left);
        y += ROW;
        for bar in &page.bars {
            request(&mut canvas, bar, (page.start, y), &area, &scale);
            y += ROW;
        }
    }
    canvas.plots.push(area);
    Ok(canvas)
}

/// The pages that are asked for, in the order of their starts.
fn pages(table: &Table, args: &Args) -> Result<Vec<Page>, Error> {
    let selected = table.words("flow").select(table, "flow", args.list("flows"))?;
    let wanted = args.list("pages");
    let mut order: Vec<usize> = (0..table.rows).collect();
    let number = table.numbers("number");
    order.sort_by(|a, b| number[*a].total_cmp(&number[*b]));
    let mut pages: Vec<Page> = Vec::new();
    for row in order {
        let page = table.words("page").at(row);
        let flow = table.words("flow").at(row);
        if !selected[table.words("flow").index[row] as usize]
            || !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == page)
        {
            continue;
        }
        let bar = bar(table, row);
        match pages.iter_mut().find(|known| (known.flow.as_str(), known.number.as_str()) == (flow, page)) {
            Some(known) => known.bars.push(bar),
            None => {
                pages.push(Page { flow: flow.to_string(), number: page.to_string(), start: bar.start, bars: vec![bar] })
            }
        }
    }
    if pages.is_empty() {
        return Err(table.empty("page", "there is no such page"));
    }
    pages.sort_by(|a, b| a.start.total_cmp(&b.start));
    Ok(pages)
}

fn bar(table: &Table, row: usize) -> Bar {
    let time = |name: &str| Some(table.numbers(name)[row]).filter(|time| time.is_finite()).unwrap_or(0.0);
    let word = |name: &str| table.words(name).at(row).to_string();
    let mut phases = [time("queued_s"), time("dns_s"), time("connect_s"), time("tls_s"), time("first_byte_s"), 0.0];
    let known = |name: &str| table.numbers(name)[row].is_finite();
    phases[last(known, word("url").starts_with("https:"))] += (time("total_s") - phases.iter().sum::<f64>()).max(0.0);
    let (from, status, outcome) = (word("from"), word("status"), word("outcome"));
    let failed = !matches!(outcome.as_str(), "finished" | "running");
    let note = match (from.as_str(), status.as_str()) {
        ("cache", _) => "from the cache".to_string(),
        ("revalidated", status) => format!("{status}, from the cache"),
        (_, "") => outcome.replace('_', " "),
        (_, status) => status.to_string(),
    };
    let method = word("method");
    let words = if method == "GET" { word("url") } else { format!("{method} {}", word("url")) };
    Bar { words, note, failed, start: time("start_s"), phases }
}

/// The phase in which a request has ended: what is left of its time has passed there. Whoever opens a connection looks its name up before.
fn last(known: impl Fn(&str) -> bool, secure: bool) -> usize {
    match () {
        () if known("first_byte_s") => 5,
        () if known("queued_s") => 4,
        () if known("connect_s") && secure => 3,
        () if known("connect_s") || known("dns_s") => 2,
        () => 0,
    }
}

/// A legend in one line.
pub(super) fn legend<'a>(canvas: &mut Canvas, y: f64, entries: impl Iterator<Item = (&'a str, Color)>) {
    let mut x = 30.0;
    for (name, ink) in entries {
        canvas.rect(Rect { left: x, right: x + 18.0, top: y - 7.0, bottom: y + 7.0 }, ink, 1.0);
        canvas.text((x + 25.0, y + TICK * 0.36), name, TICK, BLACK, Align::Left);
        x += 25.0 + text::width(name, TICK, false) * 1.14 + 26.0;
    }
}

/// Waiting for others has the colour of what is absent.
fn shade(at: usize) -> Color {
    if at == 7 { Color(0xB8, 0xBE, 0xC4) } else { color(at) }
}

/// The axis below, and its grid.
pub(super) fn axis_below(canvas: &mut Canvas, area: &Rect, scale: &Scale, label: &str) {
    let mut free = f64::NEG_INFINITY;
    for tick in &scale.ticks {
        let x = area.left + scale.part(tick.value) * area.width();
        canvas.line((x, area.top), (x, area.bottom), GRID, if tick.text.is_empty() { 0.5 } else { 1.0 });
        let half = text::width(&tick.text, TICK, false) / 2.0;
        if !tick.text.is_empty() && x - half > free {
            canvas.text((x, area.bottom + 22.0), &tick.text, TICK, BLACK, Align::Center);
            free = x + half + 8.0;
        }
    }
    canvas.line((area.left, area.top), (area.left, area.bottom), FRAME, 1.2);
    canvas.line((area.left, area.bottom), (area.right, area.bottom), FRAME, 1.2);
    canvas.text(((area.left + area.right) / 2.0, area.bottom + 50.0), label, LABEL, BLACK, Align::Center);
}

fn request(canvas: &mut Canvas, bar: &Bar, (start, y): (f64, f64), area: &Rect, scale: &Scale) {
    let middle = y + ROW / 2.0;
    let words = text::fit(&bar.words, TICK, false, LEFT - 60.0);
    canvas.text((LEFT - 10.0, middle + TICK * 0.36), &words, TICK, BLACK, Align::Right);
    let place = |time: f64| area.left + scale.part(time - start) * area.width();
    let mut at = bar.start;
    for ((_, ink), span) in PHASES.into_iter().zip(bar.phases) {
        let (left, right) = (place(at), place(at + span));
        at += span;
        // What takes a moment is seen as a moment.
        if span > 0.0 {
            let rect =
                Rect { left, right: right.max(left + 1.0), top: middle - THICK / 2.0, bottom: middle + THICK / 2.0 };
            canvas.rect(rect, shade(ink), 1.0);
        }
    }
    if bar.phases.iter().all(|span| *span == 0.0) {
        let x = place(bar.start);
        let rect = Rect { left: x, right: x + 2.5, top: middle - THICK / 2.0, bottom: middle + THICK / 2.0 };
        canvas.rect(rect, GREY, 1.0);
    }
    let ink = if bar.failed { LOST } else { GREY };
    canvas.text((place(at) + 8.0, middle + TICK * 0.36), &bar.note, TICK * 0.92, ink, Align::Left);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_request() {
        let bar = Bar {
            words: String::new(),
            note: String::new(),
            failed: false,
            start: 2.0,
            phases: [0.0, 0.1, 0.2, 0.3, 0.4, 0.5],
        };
        assert!((bar.end() - 3.5).abs() < 1e-12);
    }

    #[test]
    fn what_fails_ends_in_the_phase_in_which_it_failed() {
        let ended = |known: &[&str], secure| PHASES[last(|name| known.contains(&name), secure)].0;
        assert_eq!(ended(&["queued_s", "first_byte_s"], false), "receives");
        assert_eq!(ended(&["queued_s", "dns_s", "connect_s"], false), "waits for the answer");
        assert_eq!(ended(&["dns_s", "connect_s"], true), "TLS");
        assert_eq!(ended(&["dns_s", "connect_s"], false), "connects");
        assert_eq!(ended(&["dns_s"], true), "connects", "131 s of SYNs are no receiving");
        assert_eq!(ended(&[], false), "waits");
    }
}
