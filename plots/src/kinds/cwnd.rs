//! Congestion window and slow-start threshold of TCP flows, with what made them fall.

use super::{FLOWS, FROM, Key, Kind, TO, points, something, split, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{BLACK, Color, DASHES, LOST, Shape, color};
use crate::table::{Table, Want, choose, exists, read};
use crate::units;

pub(super) const KIND: Kind = Kind {
    name: "cwnd",
    help: "congestion window over time, slow-start threshold, losses, fast retransmits and time-outs marked",
    tables: &["tcp"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key { name: "in_flight", help: "true adds the data in flight as a thin line; false" },
        Key { name: "ssthresh", help: "false leaves the threshold out; shown for up to four flows" },
    ],
    draw,
};

/// Causes of a falling window: word, legend, shape, colour.
const EVENTS: &[(&str, &str, Shape, Color)] = &[
    ("fast_retransmit", "fast retransmit", Shape::Down, BLACK),
    ("timeout", "time-out (RTO)", Shape::Square, LOST),
    ("ecn", "congestion notified", Shape::Diamond, Color(0x00, 0x6B, 0x4F)),
];

/// More flows than this, and thresholds would hide windows.
const THRESHOLDS: usize = 4;

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let y = choose(sources, "tcp", &["cwnd_segments", "cwnd_bytes"])?;
    let unit = &y["cwnd".len()..];
    let (ssthresh, flight) = (format!("ssthresh{unit}"), format!("in_flight{unit}"));
    let wants = [
        Want::Number("time_s"),
        Want::Word("flow"),
        Want::Number(&y),
        Want::Number(&ssthresh),
        Want::Number(&flight),
        Want::Word("cause"),
    ];
    let table = read(sources, "tcp", &wants)?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let window = args.window()?;
    let (names, windows) = split(flows, &selected, points(&table, "time_s", &y, window));
    something(&table, &y, &windows)?;

    let (label, unit) = units::column(&y);
    let mut panel = Panel::new(Axis::new(&label, unit));
    let thresholds = args.word("ssthresh", &["auto", "true", "false"])?;
    let several = names.len() > 1;
    if thresholds == "true" || (thresholds == "auto" && names.len() <= THRESHOLDS) {
        let (with, lines) = split(flows, &selected, points(&table, "time_s", &ssthresh, window));
        for (name, points) in with.iter().zip(lines).filter(|(_, points)| points.iter().any(|p| p.1.is_finite())) {
            let at = names.iter().position(|known| known == name).unwrap_or(0);
            let legend = if several { format!("{name}: ssthresh") } else { "ssthresh".into() };
            let ink = if several { color(at) } else { color(1) };
            panel.series.push(Series::new(&legend, ink, Look::Steps(DASHES[1]), points).sized(1.6));
        }
    }
    if args.flag("in_flight")? {
        let (_, lines) = split(flows, &selected, points(&table, "time_s", &flight, window));
        for (at, points) in lines.into_iter().enumerate() {
            let legend = if several { format!("{}: in flight", names[at]) } else { "in flight".into() };
            panel
                .series
                .push(Series::new(&legend, color(if several { at } else { 5 }), Look::Steps(&[]), points).sized(1.0));
        }
    }
    for (at, (name, points)) in names.iter().zip(&windows).enumerate() {
        let legend = if several { name.clone() } else { "cwnd".into() };
        panel.series.push(Series::new(&legend, color(at), Look::Steps(crate::style::dash(at)), points.clone()));
    }
    // Windows are named first in the legend, whatever covers what.
    let first = panel.series.len() - names.len();
    panel.series.rotate_left(first);
    let marks = falls(&table, &y, &selected, window);
    panel.series.extend(marks);
    panel.series.extend(losses(sources, &names, &windows, window)?);
    let caption = if several { String::new() } else { format!("flow: {}", names[0]) };
    let figure = Figure { title: title(args, "Congestion window"), caption, x: Axis::time(), panels: vec![panel] };
    Ok(figure.page())
}

/// Marks at the windows from which connections fell.
fn falls(table: &Table, y: &str, selected: &[bool], window: (f64, f64)) -> Vec<Series> {
    let (flows, causes) = (table.words("flow"), table.words("cause"));
    let mut before: Vec<f64> = vec![f64::NAN; selected.len()];
    let mut found: Vec<Vec<Point>> = vec![Vec::new(); EVENTS.len()];
    let rows = table.numbers("time_s").iter().zip(table.numbers(y)).enumerate();
    for (row, (time, cwnd)) in rows {
        let flow = flows.index[row] as usize;
        let event = EVENTS.iter().position(|(word, ..)| *word == causes.at(row));
        if let Some(event) = event.filter(|_| selected[flow] && (window.0..=window.1).contains(time)) {
            let height = if before[flow].is_finite() { before[flow].max(*cwnd) } else { *cwnd };
            found[event].push((*time, height));
        }
        before[flow] = *cwnd;
    }
    let series = EVENTS.iter().zip(found).filter(|(_, points)| !points.is_empty());
    series
        .map(|((_, name, shape, ink), points)| {
            let name = format!("{name} ({})", points.len());
            Series::new(&name, *ink, Look::Marks(*shape), points).sized(10.0).lifted(12.0)
        })
        .collect()
}

/// Packets of the flows that were dropped, at the windows of that time; only where the results have that table.
fn losses(
    sources: &[Source],
    names: &[String],
    windows: &[Vec<Point>],
    window: (f64, f64),
) -> Result<Vec<Series>, Error> {
    if !exists(sources, "drops") {
        return Ok(Vec::new());
    }
    let drops = match read(sources, "drops", &[Want::Number("time_s"), Want::Word("flow")]) {
        Ok(drops) => drops,
        Err(Error::Empty { .. }) => return Ok(Vec::new()),
        Err(other) => return Err(other),
    };
    let flows = drops.words("flow");
    let mut points = Vec::new();
    for (row, time) in drops.numbers("time_s").iter().enumerate() {
        let Some(flow) = names.iter().position(|name| name == flows.at(row)) else { continue };
        if (window.0..=window.1).contains(time) {
            let next = windows[flow].partition_point(|point| point.0 <= *time);
            if let Some(point) = next.checked_sub(1).map(|at| windows[flow][at]) {
                points.push((*time, point.1));
            }
        }
    }
    if points.is_empty() {
        return Ok(Vec::new());
    }
    let name = format!("packet lost ({})", points.len());
    Ok(vec![Series::new(&name, LOST, Look::Marks(Shape::Cross), points).sized(8.0)])
}
