//! What can be wrong with a request for a figure, or with the tables that it reads.

use std::fmt;
use std::path::PathBuf;

/// Why a figure could not be drawn.
#[derive(Debug)]
pub enum Error {
    /// No kind of figure has this name.
    UnknownKind {
        /// What was asked for.
        kind: String,
    },
    /// The kind has no such parameter.
    UnknownKey {
        /// The kind.
        kind: String,
        /// The parameter.
        key: String,
        /// What it accepts.
        accepts: Vec<&'static str>,
    },
    /// A parameter has a value that means nothing, or is missing.
    BadValue {
        /// The parameter.
        key: String,
        /// What is wrong and what would be right.
        why: String,
    },
    /// The results have no such table.
    MissingTable {
        /// The table.
        table: String,
        /// The folder in which it was looked for, if it was in one.
        folder: Option<PathBuf>,
    },
    /// The table has no such column.
    MissingColumn {
        /// The table.
        table: String,
        /// The column, or the columns any of which would do.
        column: String,
        /// The columns that it has.
        has: Vec<String>,
    },
    /// There is nothing to draw.
    Empty {
        /// The table.
        table: String,
        /// The column that has no value.
        column: String,
        /// Why nothing was left, where a selection did it.
        why: String,
    },
    /// A cell that should be a number is none.
    NotANumber {
        /// The table.
        table: String,
        /// The column.
        column: String,
        /// The line of the file.
        line: u64,
        /// The cell.
        cell: String,
    },
    /// A file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// The system's words.
        why: String,
    },
}

/// So many columns of a table are named at most.
const SHOWN: usize = 24;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::UnknownKind { kind } => {
                let names: Vec<&str> = crate::kinds().iter().map(|kind| kind.name).collect();
                write!(f, "there is no figure `{kind}`; there are {}", names.join(", "))
            }
            Error::UnknownKey { kind, key, accepts } => {
                write!(f, "the figure `{kind}` has no key `{key}`; it accepts {}", accepts.join(", "))
            }
            Error::BadValue { key, why } => write!(f, "`{key}`: {why}"),
            Error::MissingTable { table, folder: None } => write!(f, "there is no table `{table}`"),
            Error::MissingTable { table, folder: Some(folder) } => {
                write!(f, "the table `{table}` is missing: there is no {}", folder.join(table).display())?;
                f.write_str(".csv; was it among the outputs?")
            }
            Error::MissingColumn { table, column, has } => {
                let first = &has[..has.len().min(SHOWN)];
                write!(f, "the table `{table}` has no column `{column}`; it has {}", first.join(", "))?;
                if has.len() > SHOWN { write!(f, " and {} more", has.len() - SHOWN) } else { Ok(()) }
            }
            Error::Empty { table, column, why } => {
                write!(f, "nothing to draw: the table `{table}` has no value in the column `{column}`")?;
                if why.is_empty() { Ok(()) } else { write!(f, " ({why})") }
            }
            Error::NotANumber { table, column, line, cell } => {
                write!(f, "the table `{table}`, line {line}: `{cell}` in the column `{column}` is no number")
            }
            Error::File { path, why } => write!(f, "{}: {why}", path.display()),
        }
    }
}

impl std::error::Error for Error {}
