//! Columns of CSV files.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};
use std::path::{Path, PathBuf};

use crate::error::Error;
use crate::rows::Condition;
use crate::units::quantity;
use crate::{Source, Tables};

/// Columns of one table, in the order in which they were asked for.
pub(crate) struct Table {
    pub name: String,
    pub rows: usize,
    /// For each source, how many rows there are with it and those before it.
    ends: Vec<usize>,
    columns: Vec<(String, Column)>,
}

enum Column {
    Numbers(Vec<f64>),
    Words(Words),
}

/// A column of words: each row's index into the words, which are in natural order (`host2` before `host10`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    pub index: Vec<u32>,
    pub words: Vec<String>,
}

/// What to read a column as.
#[derive(Clone, Copy)]
pub(crate) enum Want<'a> {
    /// Numbers; empty cells are not-a-number.
    Number(&'a str),
    /// Words.
    Word(&'a str),
    /// Words of a column that results of earlier builds may lack: then they are empty.
    Maybe(&'a str),
}

/// The column that tells several sources apart.
pub(crate) const VARIANT: &str = "variant";

impl Want<'_> {
    fn name(&self) -> &str {
        match self {
            Want::Number(name) | Want::Word(name) | Want::Maybe(name) => name,
        }
    }
}

fn path(folder: &Path, table: &str) -> PathBuf {
    folder.join(format!("{table}.csv"))
}

/// Why a table's file cannot be read.
fn unreadable(source: &Source, table: &str, why: &csv::Error) -> Error {
    let path = match &source.tables {
        Tables::Folder(folder) => path(folder, table),
        Tables::Texts(_) => PathBuf::from(table),
    };
    Error::File { path, why: why.to_string() }
}

fn open(source: &Source, table: &str) -> Result<csv::Reader<Box<dyn Read>>, Error> {
    let missing = |folder: Option<&PathBuf>| Error::MissingTable { table: table.to_string(), folder: folder.cloned() };
    let bytes: Box<dyn Read> = match &source.tables {
        Tables::Folder(folder) => {
            let path = path(folder, table);
            if !path.is_file() {
                return Err(missing(Some(folder)));
            }
            Box::new(std::fs::File::open(&path).map_err(|why| Error::File { path, why: why.to_string() })?)
        }
        Tables::Texts(tables) => {
            let text = tables.get(table).ok_or_else(|| missing(None))?;
            Box::new(Cursor::new(text.clone().into_bytes()))
        }
    };
    Ok(csv::Reader::from_reader(bytes))
}

/// Whether each source has the table.
pub(crate) fn exists(sources: &[Source], table: &str) -> bool {
    sources.iter().all(|source| match &source.tables {
        Tables::Folder(folder) => path(folder, table).is_file(),
        Tables::Texts(tables) => tables.contains_key(table),
    })
}

/// The columns that a table's file has.
pub(crate) fn header(sources: &[Source], table: &str) -> Result<Vec<String>, Error> {
    let source = sources.first().expect("there is a source");
    let mut reader = open(source, table)?;
    let headers = reader.headers().map_err(|why| unreadable(source, table, &why))?;
    Ok(headers.iter().map(str::to_string).collect())
}

/// The names of a table's columns, and of those that its source's label stands for.
pub(crate) fn columns(sources: &[Source], table: &str) -> Result<Vec<String>, Error> {
    let mut names = header(sources, table)?;
    let label = &sources.first().expect("there is a source").label;
    for name in parts(label).map(|(name, _)| name).chain([VARIANT]) {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_string());
        }
    }
    Ok(names)
}

/// What the label of a point says, `variant=bare, shop.to=lan`.
fn parts(label: &str) -> impl Iterator<Item = (&str, &str)> {
    label.split(", ").filter_map(|part| part.split_once('='))
}

/// What a column has in all rows of a source, if its label says so: the value of what was swept.
fn of_label<'a>(label: &'a str, column: &str) -> Option<&'a str> {
    parts(label).find(|(name, _)| *name == column).map(|(_, value)| value)
}

/// The first of some columns that the table has.
pub(crate) fn choose(sources: &[Source], table: &str, names: &[&str]) -> Result<String, Error> {
    let has = columns(sources, table)?;
    match names.iter().find(|name| has.iter().any(|column| column == *name)) {
        Some(name) => Ok((*name).to_string()),
        None => Err(Error::MissingColumn { table: table.to_string(), column: names.join("` or `"), has }),
    }
}

/// Reads columns of a table, of all sources one after the other.
pub(crate) fn read(sources: &[Source], table: &str, wants: &[Want<'_>]) -> Result<Table, Error> {
    read_where(sources, table, wants, &mut [])
}

/// The same of the rows that meet all conditions.
pub(crate) fn read_where(
    sources: &[Source],
    table: &str,
    wants: &[Want<'_>],
    conditions: &mut [Condition],
) -> Result<Table, Error> {
    let mut numbers: Vec<Vec<f64>> = vec![Vec::new(); wants.len()];
    let mut words: Vec<Interner> = wants.iter().map(|_| Interner::default()).collect();
    let (mut rows, mut ends) = (0, Vec::new());
    for source in sources {
        let mut reader = open(source, table)?;
        let has: Vec<String> =
            reader.headers().map_err(|why| unreadable(source, table, &why))?.iter().map(str::to_string).collect();
        let place = |column: &str, label: Option<&'_ str>| {
            let found = has.iter().position(|name| name == column);
            if found.is_none() && label.is_none() {
                let column = column.to_string();
                return Err(Error::MissingColumn { table: table.to_string(), column, has: has.clone() });
            }
            Ok((found, label.unwrap_or_default().to_string()))
        };
        let labelled = |column: &str| (column == VARIANT).then_some(source.label.as_str());
        let missing = |want: &Want<'_>| matches!(want, Want::Maybe(_)).then_some("");
        let places = wants.iter().map(|want| {
            let label = labelled(want.name()).or_else(|| of_label(&source.label, want.name()));
            place(want.name(), label.or_else(|| missing(want)))
        });
        let places = places.collect::<Result<Vec<_>, _>>()?;
        let tests = conditions.iter().map(|condition| {
            place(&condition.column, of_label(&source.label, &condition.column).or_else(|| labelled(&condition.column)))
        });
        let tests = tests.collect::<Result<Vec<_>, _>>()?;
        let mut record = csv::ByteRecord::new();
        while reader.read_byte_record(&mut record).map_err(|why| unreadable(source, table, &why))? {
            let mut kept = true;
            for (condition, (place, label)) in conditions.iter_mut().zip(&tests) {
                let cell = place.map_or(label.as_bytes(), |place| record.get(place).unwrap_or(b""));
                kept &= condition.holds(&String::from_utf8_lossy(cell));
            }
            if !kept {
                continue;
            }
            rows += 1;
            for (at, want) in wants.iter().enumerate() {
                let (place, label) = &places[at];
                let cell = place.map_or(label.as_bytes(), |place| record.get(place).unwrap_or(b""));
                match want {
                    Want::Word(_) | Want::Maybe(_) => words[at].push(cell),
                    Want::Number(column) => numbers[at].push(number(cell).ok_or_else(|| Error::NotANumber {
                        table: table.to_string(),
                        column: (*column).to_string(),
                        line: record.position().map_or(0, csv::Position::line),
                        cell: String::from_utf8_lossy(cell).into_owned(),
                    })?),
                }
            }
        }
        ends.push(rows);
    }
    conditions.iter().try_for_each(|condition| condition.unmet())?;
    let columns = wants.iter().zip(numbers.into_iter().zip(words)).map(|(want, (numbers, words))| {
        let column = match want {
            Want::Number(_) => Column::Numbers(numbers),
            Want::Word(_) | Want::Maybe(_) => Column::Words(words.finish()),
        };
        (want.name().to_string(), column)
    });
    let columns = columns.collect();
    let read = Table { name: table.to_string(), rows, ends, columns };
    if rows == 0 {
        let column = wants.first().map_or("time_s", |want| want.name());
        return Err(read.empty(column, "it has no rows"));
    }
    Ok(read)
}

fn number(cell: &[u8]) -> Option<f64> {
    if cell.is_empty() {
        return Some(f64::NAN);
    }
    std::str::from_utf8(cell).ok()?.parse().ok()
}

impl Table {
    /// A column read as numbers. The same column may have been read as words, too: `x` and `y` of a figure may be one.
    pub fn numbers(&self, name: &str) -> &[f64] {
        let found =
            self.of(name).find_map(|column| if let Column::Numbers(values) = column { Some(values) } else { None });
        found.expect("only columns that were read as numbers are used as such")
    }

    /// A column read as words.
    pub fn words(&self, name: &str) -> &Words {
        let found = self.of(name).find_map(|column| if let Column::Words(words) = column { Some(words) } else { None });
        found.expect("only columns that were read as words are used as such")
    }

    fn of(&self, name: &str) -> impl Iterator<Item = &Column> {
        self.columns.iter().filter(move |(column, _)| column == name).map(|(_, column)| column)
    }

    /// Which source a row is of.
    pub fn source(&self, row: usize) -> usize {
        self.ends.partition_point(|end| *end <= row)
    }

    /// The error that there is nothing to draw.
    pub fn empty(&self, column: &str, why: &str) -> Error {
        Error::Empty { table: self.name.clone(), column: column.to_string(), why: why.to_string() }
    }
}

impl Words {
    /// The word of a row.
    pub fn at(&self, row: usize) -> &str {
        &self.words[self.index[row] as usize]
    }

    /// Which words the patterns select; all where there are no patterns. A word that is empty is never selected.
    pub fn select(&self, table: &Table, column: &str, patterns: &[String]) -> Result<Vec<bool>, Error> {
        let chosen = |word: &String| {
            !word.is_empty() && (patterns.is_empty() || patterns.iter().any(|pattern| matches(pattern, word)))
        };
        let selected: Vec<bool> = self.words.iter().map(chosen).collect();
        if selected.contains(&true) {
            return Ok(selected);
        }
        let there: Vec<&str> = self.words.iter().map(String::as_str).take(20).collect();
        Err(table.empty(column, &format!("of {}, none of {}", patterns.join(", "), there.join(", "))))
    }
}

/// Whether a name fits a pattern, in which `*` and `all` stand for anything.
pub fn matches(pattern: &str, name: &str) -> bool {
    if pattern == "all" {
        return true;
    }
    let Some((head, tail)) = pattern.split_once('*') else { return pattern == name };
    let Some(rest) = name.strip_prefix(head) else { return false };
    rest.char_indices().map(|(at, _)| at).chain([rest.len()]).any(|at| matches(tail, &rest[at..]))
}

/// Order in which people number things: digits compare as numbers.
pub(crate) fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (x, y) = (piece(left), piece(right));
        if x.is_empty() || y.is_empty() {
            return left.len().cmp(&right.len()).then_with(|| a.cmp(b));
        }
        let order = match (x.parse::<u64>(), y.parse::<u64>()) {
            (Ok(m), Ok(n)) => m.cmp(&n),
            _ => x.cmp(y),
        };
        if order.is_ne() {
            return order;
        }
        (left, right) = (&left[x.len()..], &right[y.len()..]);
    }
}

/// The digits, or the rest, that a text begins with.
fn piece(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    text.find(|c: char| c.is_ascii_digit() != digits).map_or(text, |at| &text[..at])
}

#[derive(Default)]
struct Interner {
    index: Vec<u32>,
    words: Vec<String>,
    known: BTreeMap<Vec<u8>, u32>,
}

impl Interner {
    fn push(&mut self, cell: &[u8]) {
        if let Some(last) = self.index.last()
            && self.words[*last as usize].as_bytes() == cell
        {
            self.index.push(*last);
            return;
        }
        let next = self.words.len() as u32;
        let id = *self.known.entry(cell.to_vec()).or_insert(next);
        if id == next {
            self.words.push(String::from_utf8_lossy(cell).into_owned());
        }
        self.index.push(id);
    }

    fn finish(self) -> Words {
        let mut order: Vec<u32> = (0..self.words.len() as u32).collect();
        // Quantities go by size, in whatever unit they are written.
        let sizes: Option<Vec<f64>> = self.words.iter().map(|word| quantity(word).map(|(value, _)| value)).collect();
        match sizes {
            Some(sizes) => order.sort_by(|a, b| sizes[*a as usize].total_cmp(&sizes[*b as usize])),
            None => order.sort_by(|a, b| natural(&self.words[*a as usize], &self.words[*b as usize])),
        }
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = new as u32;
        }
        let words = order.iter().map(|old| self.words[*old as usize].clone()).collect();
        Words { index: self.index.into_iter().map(|old| place[old as usize]).collect(), words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn natural_order_counts() {
        let mut names = ["host10", "host2", "a", "host2b", "host"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "host", "host2", "host2b", "host10"]);
    }

    #[test]
    fn patterns_match() {
        assert!(matches("all", "x") && matches("h*", "h1") && matches("h*-r*", "h1-r2") && matches("h1", "h1"));
        assert!(!matches("h*", "r1") && !matches("h1", "h10") && !matches("*x", "y"));
    }

    #[test]
    fn quantities_go_by_size() {
        let mut interner = Interner::default();
        for cell in ["1 s", "0.1 %", "20 ms", "0.03 %"] {
            interner.push(cell.as_bytes());
        }
        assert_eq!(interner.finish().words, ["0.03 %", "0.1 %", "20 ms", "1 s"]);
    }

    #[test]
    fn words_are_interned_in_natural_order() {
        let mut interner = Interner::default();
        for cell in ["f10", "f2", "f2", "f10"] {
            interner.push(cell.as_bytes());
        }
        let words = interner.finish();
        assert_eq!(words.words, ["f2", "f10"]);
        assert_eq!(words.index, [1, 0, 0, 1]);
    }
}
