//! SQL over a results folder, by SQLite: each table of the results is a table of the same name, with the columns that say of which run a row is in
//! front. Only the tables and columns that a statement names are read, into a private database that goes with it; results are never changed.

pub mod export;
mod functions;
mod load;
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex};

use rusqlite::config::DbConfig;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};
use rusqlite::types::Value;
use rusqlite::{Connection, Error, Statement};

pub use functions::HELP as FUNCTIONS;
pub use load::text;
pub use store::Store;

/// Functions of SQLite that give something else each time.
const UNSTEADY: [&str; 11] = [
    "random",
    "randomblob",
    "date",
    "time",
    "datetime",
    "julianday",
    "unixepoch",
    "strftime",
    "current_timestamp",
    "current_date",
    "current_time",
];

/// Who takes an answer.
pub trait Sink {
    /// The names of its columns, once.
    ///
    /// # Errors
    /// In words, or as the file system.
    fn head(&mut self, columns: &[String]) -> Result<(), String>;
    /// A row.
    ///
    /// # Errors
    /// As the writer.
    fn row(&mut self, row: &[Value]) -> io::Result<()>;
}

/// What a statement wants.
#[derive(Default)]
struct Seen {
    /// Columns by their tables.
    reads: BTreeMap<String, BTreeSet<String>>,
    /// What it may not do.
    refused: Option<String>,
}

/// Answers one statement.
///
/// # Errors
/// What is wrong with the statement or with the results, for people.
pub fn ask(store: &Store, sql: &str, sink: &mut dyn Sink) -> Result<(), String> {
    let inner = |error: Error| format!("error: {error}\n");
    // The empty name: a database that lies in memory as long as it is small, and in a nameless file beyond that.
    let mut database = Connection::open("").map_err(inner)?;
    // A name in quotes that is no column would be a text otherwise.
    for config in [DbConfig::SQLITE_DBCONFIG_DQS_DML, DbConfig::SQLITE_DBCONFIG_DQS_DDL] {
        database.set_db_config(config, false).map_err(inner)?;
    }
    database
        .execute_batch("pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -262144;")
        .map_err(inner)?;
    functions::register(&database).map_err(inner)?;
    load::create(&database, store).map_err(inner)?;
    let seen: Arc<Mutex<Seen>> = Arc::default();
    watch(&mut database, &seen).map_err(inner)?;
    drop(prepare(&database, store, sql, &seen)?);
    database.authorizer(None::<fn(AuthContext<'_>) -> Authorization>).map_err(inner)?;
    // What a join shares by `using` or `natural` nobody tells the watcher, so what the text names is read, too.
    let reads = seen.lock().expect("nobody panics with it").reads.clone();
    load::fill(&database, store, &reads, &sql.to_lowercase())?;
    watch(&mut database, &seen).map_err(inner)?;
    let mut statement = prepare(&database, store, sql, &seen)?;
    let columns: Vec<String> = statement.column_names().map(str::to_string).collect();
    sink.head(&columns)?;
    let mut rows = statement.query([]).map_err(inner)?;
    let mut values = Vec::with_capacity(columns.len());
    let broken = |error| said(store, sql, error, seen.lock().expect("nobody panics with it").refused.take());
    while let Some(row) = rows.next().map_err(broken)? {
        values.clear();
        for at in 0..columns.len() {
            values.push(row.get::<_, Value>(at).map_err(inner)?);
        }
        match sink.row(&values) {
            // Nobody reads on.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => break,
            done => done.map_err(|error| format!("error: {error}\n"))?,
        }
    }
    Ok(())
}

/// Notes what statements read, and refuses all that does more.
fn watch(database: &mut Connection, seen: &Arc<Mutex<Seen>>) -> rusqlite::Result<()> {
    let seen = Arc::clone(seen);
    database.authorizer(Some(move |context: AuthContext<'_>| {
        let mut seen = seen.lock().expect("nobody panics with it");
        match context.action {
            AuthAction::Select | AuthAction::Recursive => Authorization::Allow,
            AuthAction::Read { table_name, column_name } => {
                seen.reads.entry(table_name.into()).or_default().insert(column_name.into());
                Authorization::Allow
            }
            AuthAction::Function { function_name }
                if !UNSTEADY.contains(&function_name.to_ascii_lowercase().as_str()) =>
            {
                Authorization::Allow
            }
            AuthAction::Function { function_name } => {
                let why = format!(
                    "`{function_name}` gives something else each time; a query always says the same of the same results"
                );
                seen.refused.get_or_insert(why);
                Authorization::Deny
            }
            _ => {
                seen.refused.get_or_insert("a query only reads: a `select`, also one with `with` or `values`".into());
                Authorization::Deny
            }
        }
    }))
}

fn prepare<'a>(
    database: &'a Connection,
    store: &Store,
    sql: &str,
    seen: &Mutex<Seen>,
) -> Result<Statement<'a>, String> {
    let statement = database.prepare(sql).map_err(|error| {
        let refused = seen.lock().expect("nobody panics with it").refused.take();
        said(store, sql, error, refused)
    })?;
    if statement.column_count() == 0 {
        return Err("error: the statement asks for nothing; as in 'select flow, goodput_bps from flows'\n".into());
    }
    Ok(statement)
}

/// An error for people: what, where, what was meant, what there is.
fn said(store: &Store, sql: &str, error: Error, refused: Option<String>) -> String {
    if let Some(refused) = refused {
        return format!("error: {refused}\n");
    }
    let (message, offset) = match error {
        Error::SqlInputError { msg, offset, .. } => (msg, usize::try_from(offset).ok()),
        Error::SqliteFailure(_, Some(message)) => (message, None),
        Error::MultipleStatement => ("there are several statements; a query is one".into(), None),
        error => (error.to_string(), None),
    };
    let place = offset.map_or_else(String::new, |offset| pointed(sql, offset));
    let help = |name: &str, known: &[&str], have: &str| {
        let near = near(name, known);
        let near = if near.is_empty() { near } else { format!(" = help: {near}\n") };
        format!("{near} = help: {have} {}\n", known.join(", "))
    };
    if let Some(name) = message.strip_prefix("no such table: ") {
        return format!("error: there is no table `{name}`\n{place}{}", help(name, &store.names(), "there are"));
    }
    if let Some(path) = message.strip_prefix("no such column: ") {
        let path = path.split_once(" - should this be").map_or(path, |(name, _)| name).trim_matches('"');
        // Behind the name of a table or of what stands for one; names of columns may have points themselves.
        let tables = store.named_in(sql);
        let known: Vec<&str> =
            tables.iter().flat_map(|table| table.columns.iter().map(|column| column.name.as_str())).collect();
        let name = path.split_once('.').map_or(path, |(_, name)| name);
        let helps: String = tables
            .iter()
            .map(|table| {
                let columns: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
                format!(" = help: `{}` has {}\n", table.name, columns.join(", "))
            })
            .collect();
        let near = [path, name].map(|name| near(name, &known)).into_iter().find(|near| !near.is_empty());
        let near = near.map_or_else(String::new, |near| format!(" = help: {near}\n"));
        return format!("error: there is no column `{path}`\n{place}{near}{helps}");
    }
    format!("error: {message}\n{place}")
}

/// The line with the place that is meant.
fn pointed(sql: &str, offset: usize) -> String {
    let Some(before) = sql.get(..offset) else { return String::new() };
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = sql[start..].lines().next().unwrap_or_default();
    format!("  | {line}\n  | {}^\n", " ".repeat(before[start..].chars().count()))
}

/// What was probably meant, by a slip of the pen or as the beginning of a name that ends in its unit.
fn near(name: &str, known: &[&str]) -> String {
    if known.contains(&name) {
        return String::new();
    }
    let near = crate::expect::meant(name, known);
    let longer = known.iter().find(|known| name.len() > 2 && known.starts_with(name));
    match longer {
        Some(longer) if near.is_empty() => format!("did you mean `{longer}`?"),
        _ => near,
    }
}
