//! `clockwire query`.

use std::collections::BTreeSet;
use std::io::{self, BufWriter, Stdout, Write};

use comfy_table::{Cell, CellAlignment, Table};
use rusqlite::types::Value;

use super::Done;
use crate::cli::QueryOptions;
use crate::query::{self, Sink, Store};
use crate::summary::grid;

/// Answers a statement, or tells what there is to ask for.
pub fn query(options: &QueryOptions) -> Done {
    let store = Store::open(&options.results)?;
    let out = BufWriter::new(io::stdout());
    let mut printer = match (options.csv, options.json) {
        (true, _) => Printer::Csv(csv::Writer::from_writer(out)),
        (_, true) => Printer::Json { columns: Vec::new(), out, between: "[" },
        _ => Printer::Table { table: Table::new(), rows: 0, out },
    };
    match &options.statement {
        Some(statement) => query::ask(&store, statement, &mut printer)?,
        None => describe(&store, &mut printer)?,
    }
    match printer.end() {
        // Nobody reads on.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("error: {error}\n")),
        _ => Ok(true),
    }
}

/// All tables with their columns, and the functions that are no part of SQLite.
fn describe(store: &Store, printer: &mut Printer) -> Result<(), String> {
    printer.head(&["table", "column", "holds", "help"].map(str::to_string))?;
    let text = |text: &str| Value::Text(text.into());
    let mut rows: Vec<[Value; 4]> = Vec::new();
    for table in &store.tables {
        for column in &table.columns {
            rows.push([&table.name, &column.name, column.holds.declared(), &column.help].map(text));
        }
    }
    rows.extend(query::FUNCTIONS.map(|(name, help)| [text(""), text(name), text("function"), text(help)]));
    for row in rows {
        match printer.row(&row) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            done => done.map_err(|error| format!("error: {error}\n"))?,
        }
    }
    Ok(())
}

type Out = BufWriter<Stdout>;

/// How an answer is printed.
enum Printer {
    /// For people, as a whole.
    Table { table: Table, rows: usize, out: Out },
    /// Row by row.
    Csv(csv::Writer<Out>),
    /// An array of objects, row by row.
    Json { columns: Vec<String>, out: Out, between: &'static str },
}

impl Sink for Printer {
    fn head(&mut self, names: &[String]) -> Result<(), String> {
        match self {
            Printer::Table { table, .. } => {
                *table = grid(&names.iter().map(String::as_str).collect::<Vec<_>>());
                Ok(())
            }
            Printer::Csv(out) => out.write_record(names).map_err(|error| format!("error: {error}\n")),
            Printer::Json { columns, .. } => {
                let mut seen = BTreeSet::new();
                if let Some(name) = names.iter().find(|name| !seen.insert(*name)) {
                    return Err(format!(
                        "error: two columns are called `{name}`, which no object of JSON can hold; `as` gives another name\n"
                    ));
                }
                names.clone_into(columns);
                Ok(())
            }
        }
    }

    fn row(&mut self, row: &[Value]) -> io::Result<()> {
        match self {
            Printer::Table { table, rows, .. } => {
                *rows += 1;
                table.add_row(row.iter().map(cell));
                Ok(())
            }
            Printer::Csv(out) => Ok(out.write_record(row.iter().map(query::text))?),
            Printer::Json { columns, out, between } => {
                write!(out, "{between}{{")?;
                for (at, (name, value)) in columns.iter().zip(row).enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(out, "{comma}{}: {}", serde_json::Value::from(name.as_str()), json(value))?;
                }
                *between = ",\n ";
                write!(out, "}}")
            }
        }
    }
}

impl Printer {
    fn end(self) -> io::Result<()> {
        match self {
            Printer::Table { table, rows, mut out } => {
                let none = if rows == 0 { "no rows\n" } else { "" };
                for line in table.to_string().lines() {
                    writeln!(out, "{}", line.trim_end())?;
                }
                write!(out, "{none}")?;
                out.flush()
            }
            Printer::Csv(mut out) => out.flush(),
            Printer::Json { mut out, between, .. } => {
                writeln!(out, "{}", if between == "[" { "[]" } else { "]" })?;
                out.flush()
            }
        }
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Integer(number) => (*number).into(),
        Value::Real(number) => (*number).into(),
        other => query::text(other).into(),
    }
}

/// For people: six significant digits, numbers to the right.
fn cell(value: &Value) -> Cell {
    match value {
        Value::Null => Cell::new("–").set_alignment(CellAlignment::Right),
        Value::Integer(number) => Cell::new(number).set_alignment(CellAlignment::Right),
        Value::Real(number) => Cell::new(short(*number)).set_alignment(CellAlignment::Right),
        other => Cell::new(query::text(other)),
    }
}

fn short(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 || !(1e-9..1e15).contains(&size) {
        return if number == 0.0 { "0".into() } else { format!("{number:.5e}") };
    }
    let before = size.log10().floor() as i32 + 1;
    let text = format!("{number:.*}", usize::try_from(6 - before).unwrap_or(0));
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_string() } else { text }
}

#[cfg(test)]
mod tests {
    use super::short;

    #[test]
    fn people_read_six_digits() {
        for (number, text) in [
            (0.1 + 0.2, "0.3"),
            (9_412_345.678, "9412346"),
            (0.001_234_567_8, "0.00123457"),
            (-2.5, "-2.5"),
            (0.0, "0"),
            (100.0, "100"),
            (1e20, "1.00000e20"),
        ] {
            assert_eq!(short(number), text);
        }
    }
}
