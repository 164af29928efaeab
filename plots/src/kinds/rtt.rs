//! Round-trip times over time: the samples, or what TCP makes of them.

use super::{FLOWS, FROM, Key, Kind, TO, points, something, split, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::Canvas;
use crate::error::Error;
use crate::figure::{Figure, Panel, colored};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{DASHES, color, dash};
use crate::table::{Want, Words, choose, columns, exists, read};
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "rtt",
    help: "round-trip time of each flow over time",
    tables: &["rtt"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key { name: "table", help: "rtt (each sample), tcp (smoothed) or ping; the first of them that there is" },
        Key { name: "rto", help: "true adds the retransmission timeout, from the table tcp; false" },
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let usual = ["rtt", "tcp", "ping"].into_iter().find(|table| exists(sources, table)).unwrap_or("rtt");
    let name = args.text("table").unwrap_or(usual);
    let y = choose(sources, name, &["rtt_s", "srtt_s"])?;
    let sides = columns(sources, name)?.iter().any(|column| column == "node").then_some("node");
    let mut wants = vec![Want::Number("time_s"), Want::Word("flow"), Want::Number(&y)];
    wants.extend(sides.map(Want::Word));
    let table = read(sources, name, &wants)?;
    let flows = table.words("flow");
    let selected = flows.select(&table, "flow", args.list("flows"))?;
    let window = args.window()?;
    let kept = sides.map(|sides| measured(flows, table.words(sides)));
    let mine = |row: usize| kept.as_ref().is_none_or(|kept| kept[row]);
    let drawn = points(&table, "time_s", &y, window).filter(|(row, _)| mine(*row));
    let (names, lines) = split(flows, &selected, drawn);
    something(&table, &y, &lines)?;
    let several = names.len() > 1;
    let label = if y == "srtt_s" { "Smoothed round-trip time" } else { "Round-trip time" };
    let mut panel = Panel::new(Axis::new(label, Unit::Seconds));
    let legends: Vec<String> = if several { names.clone() } else { vec!["round-trip time".into()] };
    panel.series = colored(&legends, lines, |at| Look::Line(dash(at)));
    panel.series.iter_mut().for_each(|series| series.size = 1.6);
    if args.flag("rto")? {
        let table = read(sources, "tcp", &[Want::Number("time_s"), Want::Word("flow"), Want::Number("rto_s")])?;
        let flows = table.words("flow");
        let selected = flows.select(&table, "flow", args.list("flows"))?;
        let (with, lines) = split(flows, &selected, points(&table, "time_s", "rto_s", window));
        for (name, points) in with.iter().zip(lines) {
            let at = names.iter().position(|known| known == name).unwrap_or(0);
            let legend = if several { format!("{name}: RTO") } else { "RTO".into() };
            let ink = color(if several { at } else { 1 });
            panel.series.push(Series::new(&legend, ink, Look::Steps(DASHES[1]), points).sized(1.6));
        }
    }
    if !several && panel.series.len() == 1 {
        panel.series[0].name.clear();
    }
    let caption = if several { String::new() } else { format!("flow: {}", names[0]) };
    Ok(Figure { title: title(args, "Round-trip time"), caption, x: Axis::time(), panels: vec![panel] }.page())
}

/// Rows of the end of each flow that measures most: the receiver's few samples, of the handshake, would cut through the line.
fn measured(flows: &Words, sides: &Words) -> Vec<bool> {
    let mut counts = vec![vec![0_u32; sides.words.len()]; flows.words.len()];
    let rows = || flows.index.iter().zip(&sides.index);
    rows().for_each(|(flow, side)| counts[*flow as usize][*side as usize] += 1);
    let most = |flow: u32| counts[flow as usize].iter().max().copied();
    rows().map(|(flow, side)| Some(counts[*flow as usize][*side as usize]) == most(*flow)).collect()
}
