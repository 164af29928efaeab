//! Any column over any other one.

use super::{FROM, Key, Kind, TO, Takes, WHERE, X_LABEL, Y_LABEL, points, something, split, title, told_apart};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::Canvas;
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::rows::{conditions, named};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{LINE, PALE, color, dash, shape};
use crate::table::{Want, read_where};

pub(super) const KIND: Kind = Kind {
    name: "xy",
    help: "columns of a table over another of its columns, one panel for each",
    tables: &[],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; it must be given" },
        Key { name: "x", takes: Takes::Text, help: "the column along the page; time_s" },
        Key { name: "y", takes: Takes::Text, help: "one column, or several, which get a panel each; it must be given" },
        Key { name: "group", takes: Takes::Text, help: "the column whose words tell lines apart; none" },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of the group to show; all" },
        Key {
            name: "behind",
            takes: Takes::Text,
            help: "a word of the group that is drawn below the others, broad and pale, as what they are held against; none",
        },
        Key {
            name: "look",
            takes: Takes::Words(&["line", "steps", "points", "both"]),
            help: "line, steps, points or both; line",
        },
        Key {
            name: "log",
            takes: Takes::Words(&["none", "x", "y"]),
            help: "x, y or both (`[x, y]`) for logarithmic axes; none",
        },
        WHERE,
        FROM,
        TO,
        X_LABEL,
        Y_LABEL,
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.need("table", "flows")?;
    let x = super::column(sources, name, args.text("x").unwrap_or("time_s"))?;
    args.need("y", "goodput_bps")?;
    let ys = args.list("y").iter().map(|y| super::column(sources, name, y)).collect::<Result<Vec<_>, _>>()?;
    let group = args.text("group");
    let mut wants = vec![Want::Number(&x)];
    wants.extend(ys.iter().filter(|y| **y != x).map(|y| Want::Number(y)));
    wants.extend(group.map(Want::Word));
    let table = read_where(sources, name, &wants, &mut conditions(sources, name, args)?)?;
    let (log_x, log_y) = logs(args)?;
    let look = args.word("look", &["line", "steps", "points", "both"])?;
    let behind = args.text("behind");
    let mut panels = Vec::new();
    let mut caption = String::new();
    for (at, y) in ys.iter().enumerate() {
        let drawn = points(&table, &x, y, args.window()?);
        let (names, lines) = match group {
            None => (vec![String::new()], vec![drawn.map(|(_, point)| point).collect()]),
            Some(group) => {
                let words = table.words(group);
                let selected = words.select(&table, group, args.list("only"))?;
                split(words, &selected, drawn)
            }
        };
        something(&table, y, &lines)?;
        let (label, unit) = named(args, "y_label", at, y);
        let mut panel = Panel::new(Axis { log: log_y, ..Axis::new(&label, unit) });
        if let Some(word) = behind.filter(|word| !names.iter().any(|name| name == word)) {
            return Err(bad("behind", format!("`{word}` is no word of the group; there are {}", names.join(", "))));
        }
        let (legends, shared) = told_apart(group.unwrap_or_default(), names.clone());
        caption = shared;
        let mut others = 0;
        for ((name, legend), points) in names.iter().zip(&legends).zip(lines) {
            let below = behind == Some(name.as_str());
            let at = if below { 0 } else { others };
            others += usize::from(!below);
            let look = match look {
                "line" => Look::Line(dash(at)),
                "steps" => Look::Steps(dash(at)),
                "points" => Look::Marks(shape(at)),
                _ => Look::Marked(shape(at), dash(at)),
            };
            if below {
                let size = if matches!(look, Look::Line(_) | Look::Steps(_)) { 3.5 * LINE } else { 13.0 };
                panel.series.insert(0, Series::new(legend, PALE, look, points).sized(size));
            } else {
                panel.series.push(Series::new(legend, color(at), look, points));
            }
        }
        panels.push(panel);
    }
    let (label, unit) = named(args, "x_label", 0, &x);
    let axis = Axis { log: log_x, zero: false, ..Axis::new(&label, unit) };
    let usual = format!("{} over {}", panels[0].y.label, label.to_lowercase());
    Ok(Figure { title: title(args, &usual), caption, x: axis, panels }.page())
}

/// Which axes are logarithmic.
pub(super) fn logs(args: &Args) -> Result<(bool, bool), Error> {
    let list = args.list("log");
    match list.iter().find(|axis| !["x", "y", "none"].contains(&axis.as_str())) {
        Some(other) => Err(bad("log", format!("`{other}` should be x, y, or [x, y]"))),
        None => Ok((list.iter().any(|axis| axis == "x"), list.iter().any(|axis| axis == "y"))),
    }
}
