//! What each flow delivers over time.

use super::{FLOWS, FROM, Key, Kind, TO, Takes, points, something, split, title};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel, colored};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{BLACK, DASHES, dash};
use crate::table::{Want, choose, read};
use crate::units::{self, Unit};

pub(super) const KIND: Kind = Kind {
    name: "throughput",
    help: "data rate of each flow over time",
    tables: &["throughput"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key {
            name: "bin",
            takes: Takes::Time,
            help: "the interval over which rates are averaged, say `1 s`; about a hundredth of the time shown",
        },
        Key { name: "sum", takes: Takes::Flag, help: "true adds the sum over the flows; false" },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let y = choose(sources, "throughput", &["throughput_bps", "goodput_bps"])?;
    let table = read(sources, "throughput", &[Want::Number("time_s"), Want::Word("flow"), Want::Number(&y)])?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let (names, mut rates) = split(flows, &selected, points(&table, "time_s", &y, args.window()?));
    something(&table, &y, &rates)?;
    let bin = args.quantity("bin")?.unwrap_or_else(|| usual(&rates));
    if bin <= 0.0 {
        return Err(bad("bin", "should be above zero".into()));
    }
    rates = rates.iter().map(|rates| binned(rates, bin)).collect();
    let total = args.flag("sum")?.then(|| sum(&rates));
    let mut panel = Panel::new(Axis::new(&units::column(&y).0, Unit::Rate));
    panel.series = colored(&names, rates, |at| Look::Line(dash(at)));
    panel.series.extend(total.map(|points| Series::new("sum", BLACK, Look::Line(DASHES[1]), points).sized(1.6)));
    let caption = format!("delivered to applications, averaged over {}", Unit::Seconds.print(bin));
    let figure = Figure { title: title(args, "Throughput"), caption, x: Axis::time(), panels: vec![panel] };
    Ok(figure.page())
}

/// A round interval of which the time shown has about a hundred: what is delivered comes in bursts, which hide the rate.
fn usual(rates: &[Vec<Point>]) -> f64 {
    let times = || rates.iter().flatten().map(|point| point.0);
    let (first, last) = (times().fold(f64::INFINITY, f64::min), times().fold(0.0, f64::max));
    let span = last - first.min(0.0);
    crate::scale::nice((span / 100.0).max(1e-9))
}

/// Mean rates of intervals, at their middles: a change shows where it happens, not an interval later.
fn binned(rates: &[Point], bin: f64) -> Vec<Point> {
    let mut out: Vec<(i64, f64, f64)> = Vec::new();
    for (time, rate) in rates.iter().filter(|point| point.1.is_finite()) {
        // A row at the very end of an interval belongs to it.
        let place = (time / bin - 1e-9).ceil() as i64;
        match out.last_mut().filter(|last| last.0 == place) {
            Some(last) => (last.1, last.2) = (last.1 + rate, last.2 + 1.0),
            None => out.push((place, *rate, 1.0)),
        }
    }
    out.into_iter().map(|(place, sum, count)| ((place as f64 - 0.5) * bin, sum / count)).collect()
}

/// The sum of flows at each time at which one of them has a row.
fn sum(rates: &[Vec<Point>]) -> Vec<Point> {
    let mut all: Vec<Point> = rates.iter().flatten().copied().filter(|point| point.1.is_finite()).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut out: Vec<Point> = Vec::new();
    for (time, rate) in all {
        match out.last_mut().filter(|last| last.0 == time) {
            Some(last) => last.1 += rate,
            None => out.push((time, rate)),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_average_and_sums_add() {
        let rates = [(0.5, 2.0), (1.0, 4.0), (1.5, 10.0)];
        assert_eq!(binned(&rates, 1.0), [(0.5, 3.0), (1.5, 10.0)]);
        assert_eq!(sum(&[rates.to_vec(), vec![(1.0, 1.0)]]), [(0.5, 2.0), (1.0, 5.0), (1.5, 10.0)]);
    }
}
