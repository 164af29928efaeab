//! Queues: how long they are, and how long they make packets wait.

use super::{FROM, Key, Kind, LINKS, TO, Takes, list, points, something, split, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{LOST, Shape, color, dash};
use crate::table::{Table, Want, Words, columns, read};
use crate::units;

pub(super) const KIND: Kind = Kind {
    name: "queue",
    help: "length of queues and the delay that they cause, over time, drops and marks shown",
    tables: &["queue"],
    keys: &[
        LINKS,
        FROM,
        TO,
        Key { name: "unit", takes: Takes::Words(&["packets", "bytes"]), help: "packets or bytes; packets" },
        Key {
            name: "group",
            takes: Takes::Text,
            help: "the column that tells lines apart, `variant` for several results; link",
        },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let length = format!("queue_{}", args.word("unit", &["packets", "bytes"])?);
    let group = args.text("group").unwrap_or("link");
    let has = columns(sources, "queue")?;
    let counters: Vec<&str> =
        ["drops_packets", "marks_packets"].into_iter().filter(|name| has.iter().any(|h| h == name)).collect();
    let mut wants = vec![Want::Number("time_s"), Want::Word("link"), Want::Number(&length), Want::Number("delay_s")];
    wants.extend(counters.iter().map(|name| Want::Number(name)));
    if group != "link" {
        wants.push(Want::Word(group));
    }
    let table = read(sources, "queue", &wants)?;
    let links = table.words("link");
    let chosen = links.select(&table, "link", args.list("links"))?;
    let window = args.window()?;
    let groups = table.words(group);
    let shown = |row: usize| chosen[links.index[row] as usize];
    let every = vec![true; groups.words.len()];
    let of =
        |column: &str| split(groups, &every, points(&table, "time_s", column, window).filter(|(row, _)| shown(*row)));
    let (names, mut lengths) = of(&length);
    something(&table, &length, &lengths)?;
    let (_, mut delays) = of("delay_s");
    // Links whose queue stays empty only crowd the figure, unless they were asked for.
    let mut names = names;
    let idle: Vec<bool> = lengths.iter().map(|points| points.iter().all(|point| point.1 == 0.0)).collect();
    let hide = args.list("links").is_empty() && idle.contains(&true) && idle.contains(&false);
    let silent = if hide { keep(&mut names, &mut lengths, &mut delays, &idle) } else { 0 };

    let (label, unit) = units::column(&length);
    let label = if label == "Queue" { "Queue length".to_string() } else { label };
    let mut top = Panel::new(Axis::new(&label, unit));
    let mut bottom = Panel::new(Axis::new("Queueing delay", units::Unit::Seconds));
    let several = names.len() > 1;
    for (at, (name, (lengths, delays))) in names.iter().zip(lengths.into_iter().zip(delays)).enumerate() {
        let legend = if several { name.as_str() } else { "" };
        top.series.push(Series::new(legend, color(at), Look::Steps(dash(at)), lengths));
        bottom.series.push(Series::new("", color(at), Look::Line(dash(at)), delays));
    }
    for (column, what, shape, ink) in
        [("drops_packets", "drops", Shape::Cross, LOST), ("marks_packets", "ECN marks", Shape::Diamond, color(6))]
    {
        if counters.contains(&column) {
            top.series.extend(counted(&table, &names, groups, &shown, column, &length, window, what, shape, ink));
        }
    }
    let mut caption = if several { String::new() } else { list(&names) };
    if silent > 0 {
        let gap = if caption.is_empty() { "" } else { "; " };
        let (queues, are) = if silent == 1 { ("queue", "is") } else { ("queues", "are") };
        caption = format!("{caption}{gap}{silent} {queues} that stayed empty {are} not shown");
    }
    let panels = vec![top, bottom];
    Ok(Figure { title: title(args, "Queue and its delay"), caption, x: Axis::time(), panels }.page())
}

/// Takes idle lines out; how many.
fn keep(names: &mut Vec<String>, lengths: &mut Vec<Vec<Point>>, delays: &mut Vec<Vec<Point>>, idle: &[bool]) -> usize {
    let busy = |list: &mut Vec<Vec<Point>>| {
        let mut at = idle.iter();
        list.retain(|_| at.next() == Some(&false));
    };
    busy(lengths);
    busy(delays);
    let mut at = idle.iter();
    names.retain(|_| at.next() == Some(&false));
    idle.iter().filter(|idle| **idle).count()
}

/// Marks where a counter has grown since the sample before, at the queue's length.
#[expect(clippy::too_many_arguments, reason = "one caller, which has all of it at hand")]
fn counted(
    table: &Table,
    names: &[String],
    groups: &Words,
    shown: &impl Fn(usize) -> bool,
    column: &str,
    length: &str,
    window: (f64, f64),
    what: &str,
    shape: Shape,
    ink: crate::style::Color,
) -> Option<Series> {
    let (links, times) = (table.words("link"), table.numbers("time_s"));
    let (counts, lengths) = (table.numbers(column), table.numbers(length));
    // A counter belongs to one link of one group.
    let mut last = std::collections::BTreeMap::new();
    let (mut marked, mut total) = (Vec::new(), 0.0);
    for row in (0..table.rows).filter(|row| shown(*row) && counts[*row].is_finite()) {
        let before = last.insert((links.index[row], groups.index[row]), counts[row]).unwrap_or(0.0);
        let inside = (window.0..=window.1).contains(&times[row]);
        if counts[row] > before && inside && names.iter().any(|name| name == groups.at(row)) {
            marked.push((times[row], lengths[row]));
            total += counts[row] - before;
        }
    }
    let name = format!("{what} ({total:.0})");
    (!marked.is_empty()).then(|| Series::new(&name, ink, Look::Marks(shape), marked).sized(8.0))
}
