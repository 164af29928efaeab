//! Congestion window and slow-start threshold of TCP flows, with what made them fall.

use super::{FLOWS, FROM, Key, Kind, TO, Takes, combine, something, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{BLACK, Color, DASHES, LOST, Shape, color, dash};
use crate::table::{Table, Want, Words, choose, exists, read};
use crate::units;

pub(super) const KIND: Kind = Kind {
    name: "cwnd",
    help: "congestion window over time, slow-start threshold, losses, fast retransmits and time-outs marked",
    tables: &["tcp"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key { name: "in_flight", takes: Takes::Flag, help: "true adds the data in flight as a thin line; false" },
        Key {
            name: "ssthresh",
            takes: Takes::Words(&["auto", "true", "false"]),
            help: "false leaves the threshold out; shown for up to six flows",
        },
    ],
    draw,
};

/// Causes of a falling window: word, legend, shape, colour.
const EVENTS: &[(&str, &str, Shape, Color)] = &[
    ("fast_retransmit", "fast retransmit", Shape::Down, BLACK),
    ("timeout", "time-out (RTO)", Shape::Square, LOST),
    ("ecn", "congestion notified", Shape::Diamond, Color(0x00, 0x6B, 0x4F)),
];

/// So many windows are shown together; more have a panel each, up to [`PANELS`], and more than that are lines alone.
const TOGETHER: usize = 2;
const PANELS: usize = 6;
/// More marks than this in a panel hide the windows.
const MARKS: usize = 240;

/// A window over time: one end of a flow.
#[derive(Default)]
struct Window {
    name: String,
    flow: String,
    cwnd: Vec<Point>,
    ssthresh: Vec<Point>,
    flight: Vec<Point>,
    /// For each of [`EVENTS`].
    falls: Vec<Vec<Point>>,
    lost: Vec<Point>,
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let y = choose(sources, "tcp", &["cwnd_segments", "cwnd_bytes"])?;
    let (label, unit) = units::column(&y);
    let mut windows = windows(sources, args, &y)?;
    losses(sources, &mut windows, args.window()?)?;
    let thresholds = args.word("ssthresh", &["auto", "true", "false"])?;
    let thresholds = thresholds == "true" || (thresholds == "auto" && windows.len() <= PANELS);
    let flight = args.flag("in_flight")?;
    let apart = windows.len() > TOGETHER && windows.len() <= PANELS;
    let panels: Vec<&[Window]> = if apart { windows.chunks(1).collect() } else { vec![&windows] };
    let crowded = panels.iter().any(|windows| windows.iter().map(Window::marks).sum::<usize>() > MARKS);
    let marks = Marks::of(&windows, crowded);
    let panels = panels.into_iter().map(|windows| {
        let mut panel = Panel::new(Axis::new(if apart { &windows[0].name } else { &label }, unit));
        panel.series = lines(windows, thresholds, flight);
        panel.series.extend(marks.series(windows));
        panel
    });
    let panels = panels.collect();
    let mut said = match &windows[..] {
        [one] => vec![format!("flow: {}", one.name)],
        _ if apart => vec!["a panel for each flow".to_string()],
        _ => Vec::new(),
    };
    said.extend(marks.unsaid());
    let caption = said.join("; ");
    Ok(Figure { title: title(args, "Congestion window"), caption, x: Axis::time(), panels }.page())
}

/// The windows of all ends that send, with what made them fall.
fn windows(sources: &[Source], args: &Args, y: &str) -> Result<Vec<Window>, Error> {
    let unit = &y["cwnd".len()..];
    let (ssthresh, flight) = (format!("ssthresh{unit}"), format!("in_flight{unit}"));
    let numbers = ["time_s", y, &ssthresh, &flight].map(Want::Number);
    let words = ["flow", "node", "connection", "cause"].map(Want::Word);
    let table = read(sources, "tcp", &[&numbers[..], &words[..]].concat())?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let sends = sending(flows, table.words("node"), table.numbers(&flight));
    let kept: Vec<bool> = (0..table.rows).map(|row| sends[row] && selected[flows.index[row] as usize]).collect();
    let ends = combine(&[flows, table.words("node")], &kept);
    let window = args.window()?;
    let mut found: Vec<Window> = ends.words.iter().map(|name| Window::new(name)).collect();
    let mut before: Vec<(f64, u32)> = vec![(f64::NAN, u32::MAX); found.len()];
    let (times, causes, connections) = (table.numbers("time_s"), table.words("cause"), table.words("connection"));
    for row in (0..table.rows).filter(|row| kept[*row]) {
        let end = ends.index[row] as usize;
        let (time, cwnd) = (times[row], table.numbers(y)[row]);
        let (last, connection) = std::mem::replace(&mut before[end], (cwnd, connections.index[row]));
        if !(window.0..=window.1).contains(&time) {
            continue;
        }
        let one = &mut found[end];
        if one.flow.is_empty() {
            one.flow = flows.at(row).to_string();
        }
        let values = [(&mut one.cwnd, y), (&mut one.ssthresh, &ssthresh), (&mut one.flight, &flight)];
        for (points, column) in values {
            // Another connection begins another line.
            if connection != connections.index[row] {
                points.push((time, f64::NAN));
            }
            points.push((time, table.numbers(column)[row]));
        }
        if let Some(event) = EVENTS.iter().position(|(word, ..)| *word == causes.at(row)) {
            one.falls[event].push((time, if last.is_finite() { last.max(cwnd) } else { cwnd }));
        }
    }
    found.retain(|window| !window.cwnd.is_empty());
    something(&table, y, &found.iter().map(|window| window.cwnd.clone()).collect::<Vec<_>>())?;
    Ok(found)
}

/// Rows of the ends that have had something in flight: the window of an end that only receives means nothing. All of a
/// flow's, where none has.
fn sending(flows: &Words, nodes: &Words, flight: &[f64]) -> Vec<bool> {
    let mut busy = vec![vec![false; nodes.words.len()]; flows.words.len()];
    for (row, flight) in flight.iter().enumerate() {
        busy[flows.index[row] as usize][nodes.index[row] as usize] |= *flight > 0.0;
    }
    let sends = |(flow, node): (&u32, &u32)| {
        let busy = &busy[*flow as usize];
        busy[*node as usize] || !busy.contains(&true)
    };
    flows.index.iter().zip(&nodes.index).map(sends).collect()
}

/// Packets of the flows that were dropped, at the windows of that time; only where the results have that table.
fn losses(sources: &[Source], windows: &mut [Window], shown: (f64, f64)) -> Result<(), Error> {
    if !exists(sources, "drops") {
        return Ok(());
    }
    let drops: Table = match read(sources, "drops", &[Want::Number("time_s"), Want::Word("flow")]) {
        Ok(drops) => drops,
        Err(Error::Empty { .. }) => return Ok(()),
        Err(other) => return Err(other),
    };
    let flows = drops.words("flow");
    let times = drops.numbers("time_s").iter().enumerate();
    for (row, time) in times.filter(|(_, time)| (shown.0..=shown.1).contains(*time)) {
        let mut of = windows.iter_mut().filter(|window| window.flow == flows.at(row));
        // Where both ends send, nothing tells whose packet it was.
        let (Some(window), None) = (of.next(), of.next()) else { continue };
        let at = window.cwnd.partition_point(|point| point.0 <= *time);
        if at > 0 {
            window.lost.push((*time, window.cwnd[at - 1].1));
        }
    }
    Ok(())
}

fn lines(windows: &[Window], thresholds: bool, flight: bool) -> Vec<Series> {
    let several = windows.len() > 1;
    let named = |what: &str, window: &Window| {
        if several { format!("{}: {what}", window.name) } else { what.to_string() }
    };
    let ink = |at: usize, alone: usize| color(if several { at } else { alone });
    let mut series = Vec::new();
    // Windows are named first in the legend; what covers what matters little among lines.
    for (at, window) in windows.iter().enumerate() {
        let legend = if several { &window.name } else { "cwnd" };
        series.push(Series::new(legend, color(at), Look::Steps(dash(at)), window.cwnd.clone()));
    }
    let there = |points: &[Point]| points.iter().any(|point| point.1.is_finite());
    for (at, window) in windows.iter().enumerate().filter(|(_, window)| thresholds && there(&window.ssthresh)) {
        let look = Look::Steps(DASHES[1]);
        series.push(Series::new(&named("ssthresh", window), ink(at, 1), look, window.ssthresh.clone()).sized(1.6));
    }
    for (at, window) in windows.iter().enumerate().filter(|_| flight) {
        let look = Look::Steps(&[]);
        series.push(Series::new(&named("in flight", window), ink(at, 5), look, window.flight.clone()).sized(1.0));
    }
    series
}

impl Window {
    fn new(name: &str) -> Window {
        Window { name: name.to_string(), falls: vec![Vec::new(); EVENTS.len()], ..Window::default() }
    }

    fn marks(&self) -> usize {
        self.lost.len() + self.falls.iter().map(Vec::len).sum::<usize>()
    }
}

/// What is marked in a figure, and how often over all of its panels.
struct Marks {
    counts: Vec<usize>,
    lost: usize,
    crowded: bool,
}

impl Marks {
    fn of(windows: &[Window], crowded: bool) -> Marks {
        let count = |event: usize| windows.iter().map(|window| window.falls[event].len()).sum();
        let counts = (0..EVENTS.len()).map(count).collect();
        Marks { counts, lost: windows.iter().map(|window| window.lost.len()).sum(), crowded }
    }

    fn series(&self, windows: &[Window]) -> Vec<Series> {
        let mut series = Vec::new();
        for (event, (_, name, shape, ink)) in EVENTS.iter().enumerate().filter(|_| !self.crowded) {
            let points: Vec<Point> = windows.iter().flat_map(|window| &window.falls[event]).copied().collect();
            if !points.is_empty() {
                let name = format!("{name} ({})", self.counts[event]);
                series.push(Series::new(&name, *ink, Look::Marks(*shape), points).sized(10.0).lifted(12.0));
            }
        }
        let lost: Vec<Point> = windows.iter().flat_map(|window| &window.lost).copied().collect();
        if !lost.is_empty() && !self.crowded {
            let name = format!("packet lost ({})", self.lost);
            series.push(Series::new(&name, LOST, Look::Marks(Shape::Cross), lost).sized(8.0));
        }
        series
    }

    /// What is too often there to be marked.
    fn unsaid(&self) -> Option<String> {
        let events = EVENTS.iter().zip(&self.counts).map(|((_, name, ..), count)| (*name, *count));
        let all: Vec<String> = events
            .chain([("packet lost", self.lost)])
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} × {name}"))
            .collect();
        self.crowded.then(|| format!("not marked: {}", all.join(", ")))
    }
}
