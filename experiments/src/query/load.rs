//! Rows of results into the database: of the tables that a statement reads, the columns that it reads.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::store::{Holds, Shape, Source, Store, words};
use crate::stored::{Number, Stored};

/// A name as SQL quotes it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// All tables, empty.
pub fn create(database: &Connection, store: &Store) -> rusqlite::Result<()> {
    for table in &store.tables {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| format!("{} {}", quoted(&column.name), column.holds.declared()))
            .collect();
        database.execute_batch(&format!("create table {} ({})", quoted(&table.name), columns.join(", ")))?;
    }
    Ok(())
}

/// Fills the tables that are read: the tables and columns that are known to be read, and those that the text of the statement, in small letters,
/// names.
///
/// # Errors
/// As the file system and the database, with the file.
pub fn fill(
    database: &Connection,
    store: &Store,
    reads: &BTreeMap<String, BTreeSet<String>>,
    text: &str,
) -> Result<(), String> {
    for table in &store.tables {
        let read = reads.get(&table.name);
        if read.is_none() && !words(text).any(|word| word == table.name) {
            continue;
        }
        let known = |name: &String| read.is_some_and(|read| read.contains(name));
        let is_read = |name: &String| known(name) || text.contains(&name.to_lowercase()) || text.contains("natural");
        // Where only rows are counted, any column will do.
        let mut wanted: Vec<usize> = (0..table.columns.len()).filter(|at| is_read(&table.columns[*at].name)).collect();
        if wanted.is_empty() {
            wanted.push(0);
        }
        let names: Vec<String> = wanted.iter().map(|at| quoted(&table.columns[*at].name)).collect();
        let marks = vec!["?"; wanted.len()].join(", ");
        let sql = format!("insert into {} ({}) values ({marks})", quoted(&table.name), names.join(", "));
        let inner = |error: rusqlite::Error| format!("error: {}: {error}\n", table.name);
        database.execute_batch("begin").map_err(inner)?;
        let mut insert = database.prepare(&sql).map_err(inner)?;
        let mut add =
            |row: &mut dyn Iterator<Item = Value>| insert.execute(params_from_iter(row)).map(drop).map_err(inner);
        rows(store, table, &wanted, &mut add)?;
        drop(insert);
        database.execute_batch("commit").map_err(inner)?;
    }
    Ok(())
}

/// The rows of a table, of some of its columns.
///
/// # Errors
/// As the file system, and as `add`.
pub fn rows(store: &Store, table: &Shape, wanted: &[usize], add: &mut Add<'_>) -> Result<(), String> {
    match (table.source, &store.stored) {
        (Source::Csv, _) => rows_of_files(store, table, wanted, add),
        (_, None) => Ok(()),
        (source, Some(stored)) => {
            let all = summarized(store, stored, source);
            all.iter().try_for_each(|row| add(&mut wanted.iter().map(|at| row[*at].clone())))
        }
    }
}

type Add<'a> = dyn FnMut(&mut dyn Iterator<Item = Value>) -> Result<(), String> + 'a;

/// The rows of a table of all runs that have it.
fn rows_of_files(store: &Store, table: &Shape, wanted: &[usize], add: &mut Add<'_>) -> Result<(), String> {
    let header: Vec<&str> = table.columns[table.front..].iter().map(|column| column.name.as_str()).collect();
    for run in &store.runs {
        let path = store.folder.join(&run.place).join(format!("{}.csv", table.name));
        if !path.is_file() {
            continue;
        }
        let wrong = |why: &dyn std::fmt::Display| format!("error: {}: {why}\n", path.display());
        let mut reader = csv::Reader::from_path(&path).map_err(|error| wrong(&error))?;
        let own = reader.headers().map_err(|error| wrong(&error))?;
        if !own.iter().eq(header.iter().copied()) {
            return Err(wrong(&"its columns are not those of the other runs"));
        }
        let mut front = vec![whole(run.point as u64)];
        front.extend(store.values[run.point - 1].iter().map(|value| Value::Text(value.clone())));
        front.extend([whole(run.seed), Value::Text(run.place.display().to_string())]);
        let mut row = csv::ByteRecord::new();
        while reader.read_byte_record(&mut row).map_err(|error| wrong(&error))? {
            let cells = wanted.iter().map(|&at| match at.checked_sub(table.front) {
                None => front[at].clone(),
                Some(cell) => value(table.columns[at].holds, &row[cell]),
            });
            add(&mut { cells })?;
        }
    }
    Ok(())
}

/// A cell. An empty one is no value.
fn value(holds: Holds, cell: &[u8]) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    let text = String::from_utf8_lossy(cell);
    let number = || {
        let whole = text.parse::<i64>().ok().map(Value::Integer);
        // Beyond 2^63 as the nearest number that there is.
        whole.or_else(|| text.parse::<f64>().ok().filter(|number| number.is_finite()).map(Value::Real))
    };
    match holds {
        Holds::Whole | Holds::Any => number(),
        Holds::Real => text.parse::<f64>().ok().map(Value::Real),
        Holds::Text => None,
    }
    .unwrap_or_else(|| Value::Text(text.into_owned()))
}

/// A value as text, for people, CSV, JSON and Parquet: numbers so that reading them gives the same number, bytes in hexadecimal, nothing for no value.
pub fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

fn whole(number: u64) -> Value {
    i64::try_from(number).map_or_else(|_| Value::Text(number.to_string()), Value::Integer)
}

/// The rows of a table of the summary, all columns.
fn summarized(store: &Store, stored: &Stored, source: Source) -> Vec<Vec<Value>> {
    let text = |text: &str| Value::Text(text.into());
    if source == Source::Verdicts {
        let verdict = |verdict: &crate::stored::StoredVerdict| {
            let holds = Value::Integer(i64::from(verdict.holds));
            vec![text(&verdict.check), text(&verdict.point), holds, text(&verdict.says)]
        };
        return stored.expect.iter().map(verdict).collect();
    }
    let mut rows = Vec::new();
    for (point, values) in store.values.iter().enumerate() {
        for (subject, quantity) in &stored.order {
            let Some(number) = stored.number(point, subject, quantity) else { continue };
            let mut front = vec![whole(point as u64 + 1)];
            front.extend(values.iter().map(|value| text(value)));
            let what = [text(subject), text(quantity), text(&number.unit)];
            if source == Source::Summary {
                rows.push([front, what.to_vec(), means(number)].concat());
                continue;
            }
            for (seed, value) in stored.seeds.iter().zip(&number.seeds) {
                let run = stored.run(std::path::Path::new(""), point, *seed).display().to_string();
                let own = vec![whole(*seed), Value::Text(run)];
                rows.push([front.clone(), own, what.to_vec(), vec![real(*value)]].concat());
            }
        }
    }
    rows
}

fn means(number: &Number) -> Vec<Value> {
    let seeds = number.seeds.iter().flatten().count();
    let end = |sign: f64| number.mean.zip(number.half_95).map(|(mean, half)| mean + sign * half);
    vec![whole(seeds as u64), real(number.mean), real(end(-1.0)), real(end(1.0))]
}

fn real(value: Option<f64>) -> Value {
    value.map_or(Value::Null, Value::Real)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_has_a_text() {
        let cases = [
            (Value::Null, ""),
            (Value::Integer(-7), "-7"),
            (Value::Real(0.1), "0.1"),
            (Value::Text("a,b".into()), "a,b"),
            (Value::Blob(vec![0, 255]), "00ff"),
        ];
        cases.into_iter().for_each(|(value, wanted)| assert_eq!(text(&value), wanted));
    }
}
