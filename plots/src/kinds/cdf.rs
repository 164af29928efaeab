//! Which part of the values is at most so large.

use std::collections::BTreeSet;

use super::{Key, Kind, Takes, WHERE, X_LABEL, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel, colored};
use crate::rows::{conditions, named};
use crate::scale::Axis;
use crate::series::Look;
use crate::style::dash;
use crate::table::{Table, Want, choose, columns, read_where};
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "cdf",
    help: "cumulative distribution of a column, a line for each group; rows that should have a value and have none keep it below 100 %",
    tables: &["requests"],
    keys: &[
        Key { name: "table", takes: Takes::Text, help: "the table; requests" },
        Key { name: "x", takes: Takes::Text, help: "the column, with or without its unit (`latency`)" },
        Key {
            name: "group",
            takes: Takes::Text,
            help: "the column whose words tell lines apart; flow where there is one",
        },
        Key { name: "only", takes: Takes::Text, help: "words or patterns of the group to show; all" },
        Key { name: "log", takes: Takes::Flag, help: "true for a logarithmic x axis; false" },
        WHERE,
        X_LABEL,
    ],
    draw,
};

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let name = args.text("table").unwrap_or("requests");
    let x = super::column(sources, name, args.text("x").unwrap_or("latency_s"))?;
    let group = match args.text("group") {
        Some(group) => Some(group.to_string()),
        None => choose(sources, name, &["flow"]).ok(),
    };
    let has = columns(sources, name)?;
    let told = ["outcome", "reused"].into_iter().filter(|told| has.iter().any(|column| column == told));
    let mut wants = vec![Want::Number(&x)];
    wants.extend(group.iter().map(|group| Want::Word(group)));
    wants.extend(told.filter(|told| group.as_deref() != Some(told)).map(Want::Word));
    let table = read_where(sources, name, &wants, &mut conditions(sources, name, args)?)?;
    let values = table.numbers(&x).iter().enumerate();
    let values = values.filter(|(row, value)| value.is_finite() || owes(&table, &has, &x, *row));
    let mut runs: BTreeSet<usize> = BTreeSet::new();
    let (names, mut sorted) = match &group {
        None => (vec![String::new()], vec![values.map(|(_, value)| *value).collect::<Vec<_>>()]),
        Some(group) => {
            let words = table.words(group);
            let selected = words.select(&table, group, args.list("only"))?;
            let values = values.filter(|(row, _)| selected[words.index[*row] as usize]);
            let values = values.inspect(|(row, _)| {
                runs.insert(table.source(*row));
            });
            let (names, points) = super::split(words, &selected, values.map(|(row, value)| (row, (*value, *value))));
            (names, points.into_iter().map(|points| points.iter().map(|point| point.0).collect()).collect())
        }
    };
    let rows: Vec<usize> = sorted.iter().map(Vec::len).collect();
    sorted.iter_mut().for_each(|values| values.retain(|value| value.is_finite()));
    if sorted.iter().all(Vec::is_empty) {
        return Err(table.empty(&x, "in the rows that were asked for"));
    }
    sorted.iter_mut().for_each(|values| values.sort_by(f64::total_cmp));
    let (label, unit) = named(args, "x_label", 0, &x);
    let log = args.flag("log")?;
    let lines = sorted.iter().zip(&rows).map(|(values, rows)| steps(values, *rows, log)).collect();
    let mut panel = Panel::new(Axis { range: Some((0.0, 1.03)), ..Axis::new("Share of values", Unit::Ratio) });
    let (legends, shared) = match &group {
        Some(group) if names.len() > 1 => super::told_apart(group, names),
        _ => (vec![String::new()], names.concat()),
    };
    let missing = missing(&legends, &sorted, &rows);
    if !missing.is_empty() {
        panel.y.label = "Share of rows".into();
    }
    panel.series = colored(&legends, lines, |at| Look::Steps(dash(at)));
    let total: usize = sorted.iter().map(Vec::len).sum();
    let of = if shared.is_empty() { shared } else { format!(" of {shared}") };
    // Of several seeds, that is, not of one run for each line.
    let runs = if runs.len() > legends.len() { format!(" of {} runs", runs.len()) } else { String::new() };
    let caption = format!("{total} values{runs}{of}, table {name}{missing}");
    let ends = |pick: fn(&Vec<f64>) -> Option<&f64>| sorted.iter().filter_map(pick).copied();
    let least = ends(|values| values.first()).fold(f64::INFINITY, f64::min);
    let most = ends(|values| values.last()).fold(f64::NEG_INFINITY, f64::max);
    // Far from zero the differences are what is looked for.
    let axis = Axis { log, zero: least < 0.4 * most, ..Axis::new(&label, unit) };
    let usual = format!("Distribution: {}", label.to_lowercase());
    Ok(Figure { title: title(args, &usual), caption, x: axis, panels: vec![panel] }.page())
}

/// How something ended that has all values that it will ever have: one that is empty does not apply, as the time to connect of
/// a request on a connection that was there.
const ENDED: [&str; 4] = ["finished", "answered", "came", "reconnected"];

/// Whether a row without a value should have one: what has failed, or was cut off by the stop, is no reason to say that all
/// were served.
fn owes(table: &Table, has: &[String], x: &str, row: usize) -> bool {
    let word = |column: &str| has.iter().any(|has| has == column).then(|| table.words(column).at(row));
    // Only who opens a connection goes through its steps.
    let applies = !["connect_s", "tls_s"].contains(&x) || word("reused") != Some("reused");
    applies && word("outcome").is_none_or(|outcome| !ENDED.contains(&outcome))
}

/// How many rows have no value, by line where there are several.
fn missing(legends: &[String], sorted: &[Vec<f64>], rows: &[usize]) -> String {
    let lacks = legends.iter().zip(sorted).zip(rows).filter(|((_, values), rows)| values.len() < **rows);
    let says = |((legend, values), rows): ((&String, &Vec<f64>), &usize)| {
        let of = if legend.is_empty() { String::new() } else { format!(" of {legend}") };
        format!("{} of {rows} rows{of}", rows - values.len())
    };
    let all: Vec<String> = lacks.map(says).collect();
    if all.is_empty() { String::new() } else { format!("; without a value: {}", super::list(&all)) }
}

/// The distribution of sorted values as corners of steps: shares of so many rows.
fn steps(values: &[f64], rows: usize, log: bool) -> Vec<Point> {
    let count = rows as f64;
    let first = values.iter().copied().find(|value| !log || *value > 0.0);
    let mut points: Vec<Point> = first.map(|value| (value, 0.0)).into_iter().collect();
    for (rank, value) in values.iter().enumerate() {
        if values.get(rank + 1) != Some(value) {
            points.push((*value, (rank + 1) as f64 / count));
        }
    }
    points
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;

    #[test]
    fn equal_values_are_one_step() {
        assert_eq!(steps(&[1.0, 2.0, 2.0, 4.0], 4, false), [(1.0, 0.0), (1.0, 0.25), (2.0, 0.75), (4.0, 1.0)]);
    }

    /// Who was never connected keeps the line below 100 %; who needed no connection does not.
    #[test]
    fn rows_without_a_value_count() {
        let text = "connect_s,reused,outcome\n1,new,finished\n2,new,finished\n,reused,finished\n,reused,running\n,new,running\n,new,failed\n";
        let source =
            Source { label: String::new(), tables: Tables::Texts([("http".to_string(), text.to_string())].into()) };
        let args = Args(vec![("table".into(), vec!["http".into()]), ("x".into(), vec!["connect".into()])]);
        let page = draw(&[source], &args).expect("it can be drawn");
        let svg = crate::svg::write(&page);
        assert!(
            svg.contains("2 values, table http; without a value: 2 of 4 rows") && svg.contains("Share of rows"),
            "{svg}"
        );
    }
}
