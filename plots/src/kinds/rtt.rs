//! Round-trip times over time: the samples, or what TCP makes of them.

use super::{FLOWS, FROM, Key, Kind, TO, Takes, combine, points, something, split, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel, colored};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{DASHES, LOST, Shape, color, dash};
use crate::table::{Table, Want, Words, choose, columns, exists, read};
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "rtt",
    help: "round-trip time of each flow over time",
    tables: &["rtt"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key {
            name: "table",
            takes: Takes::Text,
            help: "rtt (each sample), tcp (smoothed) or ping; the first of them that there is",
        },
        Key {
            name: "group",
            takes: Takes::Text,
            help: "the column that tells lines apart: flow, or variant, which compares the points; flow",
        },
        Key {
            name: "rto",
            takes: Takes::Flag,
            help: "true adds the retransmission timeout, from the table tcp; false",
        },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let usual = ["rtt", "tcp", "ping"].into_iter().find(|table| exists(sources, table)).unwrap_or("rtt");
    let name = args.text("table").unwrap_or(usual);
    let y = choose(sources, name, &["rtt_s", "srtt_s"])?;
    let has = columns(sources, name)?;
    let there = |column: &'static str| has.iter().any(|known| known == column).then_some(column);
    // A probe belongs to the moment at which it was sent, above all where its time-out is all that came of it.
    let x = there("sent_s").unwrap_or("time_s");
    let (sides, answer) = (there("node"), there("answer"));
    let group = args.text("group").filter(|group| *group != "flow");
    let mut wants = vec![Want::Number(x), Want::Word("flow"), Want::Number(&y)];
    wants.extend(sides.into_iter().chain(answer).chain(group).map(Want::Word));
    let table = read(sources, name, &wants)?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let window = args.window()?;
    let measured = sides.map(|sides| measured(flows, table.words(sides)));
    let mine = |row: usize| measured.as_ref().is_none_or(|measured| measured[row]);
    let kept: Vec<bool> = (0..table.rows).map(|row| mine(row) && selected[flows.index[row] as usize]).collect();
    let mut keys: Vec<&Words> = group.map(|group| table.words(group)).into_iter().collect();
    keys.push(flows);
    keys.extend(sides.map(|sides| table.words(sides)));
    let ends = combine(&keys, &kept);
    let named: Vec<bool> = ends.words.iter().map(|word| !word.is_empty()).collect();
    let (names, mut lines) = split(&ends, &named, points(&table, x, &y, window));
    something(&table, &y, &lines)?;
    lines.iter_mut().for_each(|line| line.sort_by(|a, b| a.0.total_cmp(&b.0)));
    let several = names.len() > 1;
    let label = if y == "srtt_s" { "Smoothed round-trip time" } else { "Round-trip time" };
    let mut panel = Panel::new(Axis::new(label, Unit::Seconds));
    let legends: Vec<String> = if several { names.clone() } else { vec!["round-trip time".into()] };
    panel.series = colored(&legends, lines, |at| Look::Line(dash(at)));
    panel.series.iter_mut().for_each(|series| series.size = 1.6);
    panel.series.extend(answer.and_then(|answer| unanswered(&table, x, table.words(answer), &kept, window)));
    if args.flag("rto")? {
        panel.series.extend(timeouts(sources, args, &names)?);
    }
    if !several && panel.series.len() == 1 {
        panel.series[0].name.clear();
    }
    let caption = if several { String::new() } else { format!("flow: {}", names[0]) };
    Ok(Figure { title: title(args, "Round-trip time"), caption, x: Axis::time(), panels: vec![panel] }.page())
}

/// Marks on the axis where probes left that nothing came back for.
fn unanswered(table: &Table, x: &str, answers: &Words, kept: &[bool], window: (f64, f64)) -> Option<Series> {
    let times = table.numbers(x).iter().enumerate();
    let lost = times
        .filter(|(row, time)| kept[*row] && answers.at(*row) == "timeout" && (window.0..=window.1).contains(*time));
    let lost: Vec<Point> = lost.map(|(_, time)| (*time, 0.0)).collect();
    let name = format!("no answer ({})", lost.len());
    (!lost.is_empty()).then(|| Series::new(&name, LOST, Look::Marks(Shape::Cross), lost).sized(8.0))
}

/// The retransmission time-outs of the flows shown.
fn timeouts(sources: &[Source], args: &Args, names: &[String]) -> Result<Vec<Series>, Error> {
    let table = read(sources, "tcp", &[Want::Number("time_s"), Want::Word("flow"), Want::Number("rto_s")])?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let (with, lines) = split(flows, &selected, points(&table, "time_s", "rto_s", args.window()?));
    let several = names.len() > 1;
    let lines = with.iter().zip(lines).map(|(name, points)| {
        let at = names.iter().position(|known| known == name).unwrap_or(0);
        let legend = if several { format!("{name}: RTO") } else { "RTO".into() };
        Series::new(&legend, color(if several { at } else { 1 }), Look::Steps(DASHES[1]), points).sized(1.6)
    });
    Ok(lines.collect())
}

/// Rows of the end of each flow that measures most: the receiver's few samples, of the handshake, would cut through the line.
fn measured(flows: &Words, sides: &Words) -> Vec<bool> {
    let mut counts = vec![vec![0_u32; sides.words.len()]; flows.words.len()];
    let rows = || flows.index.iter().zip(&sides.index);
    rows().for_each(|(flow, side)| counts[*flow as usize][*side as usize] += 1);
    let most = |flow: u32| counts[flow as usize].iter().max().copied();
    rows().map(|(flow, side)| Some(counts[*flow as usize][*side as usize]) == most(*flow)).collect()
}
