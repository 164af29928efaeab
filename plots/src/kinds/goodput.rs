//! How flows share: a bar for each flow's goodput.

use super::{FLOWS, Kind, jain, something, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::color;
use crate::table::{Want, read};
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "goodput",
    help: "goodput of each flow as a bar, with its share and Jain's index of fairness",
    tables: &["flows"],
    keys: &[FLOWS],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let table = read(sources, "flows", &[Want::Word("flow"), Want::Number("goodput_bps")])?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let mut rates = vec![Vec::new(); flows.words.len()];
    for (row, rate) in table.numbers("goodput_bps").iter().enumerate().filter(|(_, rate)| rate.is_finite()) {
        rates[flows.index[row] as usize].push(*rate);
    }
    let kept = flows.words.iter().zip(rates).zip(&selected);
    let kept = kept.filter(|((_, rates), selected)| **selected && !rates.is_empty());
    // A flow that has several rows, over sources, shows their mean.
    let mean = |rates: Vec<f64>| rates.iter().sum::<f64>() / rates.len() as f64;
    let (names, rates): (Vec<String>, Vec<f64>) = kept.map(|((name, rates), _)| (name.clone(), mean(rates))).unzip();
    // The first flow stands at the top.
    let points = rates.iter().enumerate().map(|(at, rate)| (*rate, (names.len() - 1 - at) as f64)).collect();
    let points = vec![points];
    something(&table, "goodput_bps", &points)?;

    let total: f64 = rates.iter().sum();
    let share = |rate: &f64| {
        let part = if total > 0.0 { format!(" ({:.1} %)", rate / total * 100.0) } else { String::new() };
        format!("{}{part}", Unit::Rate.print(*rate))
    };
    let look = Look::Bars { offset: -0.36, thickness: 0.72 };
    let mut series = Series::new("", color(0), look, points.into_iter().next().unwrap_or_default());
    series.labels = rates.iter().map(share).collect();
    let reversed = names.iter().rev().cloned().collect();
    let mut panel = Panel::new(Axis { names: Some(reversed), ..Axis::new("", Unit::None) });
    panel.series.push(series);
    let caption = format!(
        "{} flows, {} together; Jain's fairness index {:.3} (1 is equal shares)",
        names.len(),
        Unit::Rate.print(total),
        jain(&rates)
    );
    let x = Axis::new("Goodput", Unit::Rate);
    Ok(Figure { title: title(args, "Goodput of each flow"), caption, x, panels: vec![panel] }.page())
}
