//! The kinds of figures: one file and one line each.

mod bars;
mod cdf;
mod cwnd;
mod goodput;
mod heatmap;
mod ladder;
mod packets;
mod queue;
mod rtt;
mod stacked;
mod sweep;
mod throughput;
mod time_sequence;
mod waterfall;
mod xy;

use std::collections::{BTreeMap, BTreeSet};

use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::table::{Table, Words};
use crate::units;

pub(crate) use sweep::interval;

/// A parameter of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub takes: Takes,
    /// What it means, and what holds without it.
    pub help: &'static str,
}

/// What a parameter may be.
#[derive(Clone, Copy, Debug)]
pub enum Takes {
    /// Any text, or several: names of tables, of columns, of what stands in them.
    Text,
    /// Names or patterns of flows.
    Flows,
    /// Names or patterns of link directions.
    Links,
    /// True or false.
    Flag,
    /// Some of these words.
    Words(&'static [&'static str]),
    /// A time with its unit.
    Time,
    /// A whole number.
    Count,
}

impl Key {
    /// Whether a value is what the parameter takes.
    pub(crate) fn check(&self, args: &Args) -> Result<(), Error> {
        match self.takes {
            Takes::Text | Takes::Flows | Takes::Links => Ok(()),
            Takes::Flag => args.flag(self.name).map(drop),
            Takes::Words(words) => {
                let wrong = args.list(self.name).iter().find(|word| !words.contains(&word.as_str()));
                wrong.map_or(Ok(()), |word| {
                    Err(bad(self.name, format!("`{word}` should be one of {}", words.join(", "))))
                })
            }
            Takes::Time => args.quantity(self.name).map(drop),
            Takes::Count => args.count(self.name).map(drop),
        }
    }
}

/// A kind of figure.
pub struct Kind {
    /// Its name in experiment files.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// The tables that it reads, unless the key `table` names another one.
    pub tables: &'static [&'static str],
    /// The parameters that it accepts, besides those of every kind.
    pub keys: &'static [Key],
    draw: fn(&[Source], &Args) -> Result<Canvas, Error>,
}

/// What every kind accepts.
const COMMON: &[Key] = &[
    Key { name: "title", takes: Takes::Text, help: "the title; each kind has its own" },
    Key { name: "file", takes: Takes::Text, help: "the file's name without ending; the kind's name" },
];

static KINDS: [Kind; 14] = [
    cwnd::KIND,
    throughput::KIND,
    goodput::KIND,
    queue::KIND,
    rtt::KIND,
    time_sequence::KIND,
    ladder::KIND,
    cdf::KIND,
    xy::KIND,
    sweep::KIND,
    bars::KIND,
    heatmap::KIND,
    waterfall::KIND,
    stacked::KIND,
];

/// All kinds of figures.
pub fn kinds() -> &'static [Kind] {
    &KINDS
}

impl Kind {
    /// All keys that it accepts.
    pub fn accepts(&self) -> impl Iterator<Item = &'static Key> {
        self.keys.iter().chain(COMMON)
    }

    pub(crate) fn draw(&self, sources: &[Source], args: &Args) -> Result<Canvas, Error> {
        (self.draw)(sources, args)
    }
}

const FLOWS: Key =
    Key { name: "flows", takes: Takes::Flows, help: "names or patterns (`bulk*`) of the flows to show; all" };
const LINKS: Key = Key { name: "links", takes: Takes::Links, help: "names or patterns of the links to show; all" };
const FROM: Key = Key { name: "from", takes: Takes::Time, help: "the start of the time shown; the first row's" };
const TO: Key = Key { name: "to", takes: Takes::Time, help: "the end of the time shown; the last row's" };

const WHERE: Key = Key {
    name: "where",
    takes: Takes::Text,
    help: "the rows to show: a column's word, pattern or value, `shop.to=wan`, or a list of them, which all hold; all rows",
};
const X_LABEL: Key = Key { name: "x_label", takes: Takes::Text, help: "what x is called; the column's name" };
const Y_LABEL: Key =
    Key { name: "y_label", takes: Takes::Text, help: "what y is called, one for each column; their names" };

fn title(args: &Args, usual: &str) -> String {
    args.text("title").unwrap_or(usual).to_string()
}

/// Sorts points by the words of a column, in the words' order. Words without points, and those that are not selected,
/// are left out.
fn split(
    words: &Words,
    selected: &[bool],
    points: impl Iterator<Item = (usize, Point)>,
) -> (Vec<String>, Vec<Vec<Point>>) {
    let mut sorted: Vec<Vec<Point>> = vec![Vec::new(); words.words.len()];
    for (row, point) in points {
        let word = words.index[row] as usize;
        if selected[word] {
            sorted[word].push(point);
        }
    }
    let kept = words.words.iter().cloned().zip(sorted).filter(|(_, points)| !points.is_empty());
    kept.unzip()
}

/// What tells names of points apart (`variant=bare, shop.to=lossy`), and what all of them share: parts that are the same in all are said once, and
/// the key of the group that the figure is made by goes without saying.
fn told_apart(group: &str, names: Vec<String>) -> (Vec<String>, String) {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split(", ").collect()).collect();
    let points = parts.iter().flatten().all(|part| part.contains('='));
    if names.len() < 2 || !points {
        return (names, String::new());
    }
    let shared: Vec<&str> =
        parts[0].iter().copied().filter(|part| parts.iter().all(|other| other.contains(part))).collect();
    let own = |parts: &Vec<&str>| -> Option<String> {
        let own: Vec<&str> = parts.iter().copied().filter(|part| !shared.contains(part)).collect();
        match own[..] {
            [] => None,
            [one] => {
                Some(one.split_once('=').filter(|(key, _)| *key == group).map_or(one, |(_, value)| value).to_string())
            }
            _ => Some(own.join(", ")),
        }
    };
    match parts.iter().map(own).collect() {
        Some(own) => (own, shared.join(", ")),
        None => (names, String::new()),
    }
}

/// The words of several columns put together, for the rows that are kept. A column is left out where those before it say
/// the same: a host, where each flow has but one. What is not kept has the empty word, which nothing selects.
fn combine(columns: &[&Words], kept: &[bool]) -> Words {
    let key = |row: usize| -> Vec<u32> { columns.iter().map(|words| words.index[row]).collect() };
    let rows = || (0..kept.len()).filter(|row| kept[*row]);
    let keys: BTreeSet<Vec<u32>> = rows().map(key).collect();
    let tells = |column: usize| {
        let before: BTreeSet<&[u32]> = keys.iter().map(|key| &key[..column]).collect();
        let with: BTreeSet<&[u32]> = keys.iter().map(|key| &key[..=column]).collect();
        column == 0 || with.len() > before.len()
    };
    let tells: Vec<bool> = (0..columns.len()).map(tells).collect();
    let name = |key: &Vec<u32>| {
        let words = columns.iter().zip(key).zip(&tells).filter(|(_, tells)| **tells);
        words.map(|((words, at), _)| words.words[*at as usize].as_str()).collect::<Vec<_>>().join(", ")
    };
    let mut words: Vec<String> = keys.iter().map(name).collect();
    words.push(String::new());
    let place: BTreeMap<&Vec<u32>, u32> = keys.iter().zip(0..).collect();
    let none = keys.len() as u32;
    let index = (0..kept.len()).map(|row| if kept[row] { place[&key(row)] } else { none });
    Words { index: index.collect(), words }
}

/// A caption that says what the colours mean. Variants have no other name.
fn with_group(args: &Args, group: Option<&str>, caption: String) -> String {
    let named = args.text("group_label").or(group.filter(|group| *group != "variant"));
    match named.filter(|_| group.is_some()) {
        None => caption,
        Some(group) if caption.is_empty() => format!("colours: {group}"),
        Some(group) => format!("colours: {group}; {caption}"),
    }
}

/// The points of two columns within a window of the first, with their rows.
fn points<'a>(
    table: &'a Table,
    x: &str,
    y: &str,
    window: (f64, f64),
) -> impl Iterator<Item = (usize, Point)> + use<'a> {
    let pairs = table.numbers(x).iter().zip(table.numbers(y)).enumerate();
    pairs.filter(move |(_, (x, _))| **x >= window.0 && **x <= window.1).map(|(row, (x, y))| (row, (*x, *y)))
}

/// That a column has something to show, which is what figures check first.
fn something(table: &Table, column: &str, points: &[Vec<Point>]) -> Result<(), Error> {
    if points.iter().flatten().any(|point| point.1.is_finite()) {
        return Ok(());
    }
    Err(table.empty(column, "in the rows that were asked for"))
}

/// The column of a name that may have been given without its unit: `latency` is `latency_s`.
pub(crate) fn column(sources: &[Source], table: &str, name: &str) -> Result<String, Error> {
    let has = crate::table::columns(sources, table)?;
    let whole = has.iter().find(|column| *column == name);
    let stem = || has.iter().find(|column| units::UNITS.iter().any(|unit| column.strip_suffix(unit) == Some(name)));
    match whole.or_else(stem) {
        Some(column) => Ok(column.clone()),
        None => Err(Error::MissingColumn { table: table.to_string(), column: name.to_string(), has }),
    }
}

/// Jain's index of fairness: 1 where all are equal, 1/n where one has it all.
fn jain(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    let squares: f64 = values.iter().map(|value| value * value).sum();
    if squares > 0.0 { sum * sum / (values.len() as f64 * squares) } else { 1.0 }
}

/// A few names, as captions list them.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [one] => one.clone(),
        few if few.len() <= 4 => few.join(", "),
        many => format!("{} and {} more", many[..3].join(", "), many.len() - 3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_what_differs() {
        let told = |names: &[&str]| told_apart("variant", names.iter().map(|name| name.to_string()).collect());
        let (names, shared) = told(&["variant=bare, to=lan", "variant=rest, to=lan"]);
        assert_eq!((names.join("; "), shared.as_str()), ("bare; rest".to_string(), "to=lan"));
        let (names, shared) = told(&["variant=bare, to=lan", "variant=rest, to=wan", "variant=rest, to=lan"]);
        assert_eq!(names[0], "variant=bare, to=lan");
        assert_eq!(shared, "");
        let (names, shared) = told(&["loss=1 %, to=lan", "loss=2 %, to=lan"]);
        assert_eq!((names.join("; "), shared.as_str()), ("loss=1 %; loss=2 %".to_string(), "to=lan"));
        // One name alone, words that are no points, and one that is part of another stay whole.
        for whole in [&["variant=bare, to=lan"][..], &["bare", "rest"], &["a=1", "a=1, b=2"]] {
            assert_eq!(told(whole), (whole.iter().map(|name| name.to_string()).collect(), String::new()));
        }
    }
}
