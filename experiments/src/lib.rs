//! The `clockwire` command: reads experiments, runs their points and seeds on all cores, writes results, judges expectations.
//!
//! | verb | module |
//! | --- | --- |
//! | all | `cli`, `commands/mod` (loading), `run` (one simulation) |
//! | `run` | `commands/run`, `campaign` (points and seeds), `rounds` (seeds until an interval is narrow), `record` (what is kept of each), `memory` (how many at a time), `results`, `digest`, `summary`, `expect/` |
//! | `check`, `show` | `commands/check` |
//! | `report` | `commands/report`, `report/` (`run` writes it too) |
//! | `plot` | `commands/plot`, `figures` |
//! | `verify` | `commands/verify` |
//! | `compare` | `commands/compare`, `compare/`, `stored` (results read back) |
//! | `events` | `commands/events` |
//! | `why` | `commands/why`, `why` (causes to sentences) |
//! | `query` | `commands/query`, `query/` (results as tables of SQLite) |
//! | `export` | `commands/export`, `query/export` (Parquet) |
//! | `packetdrill` | `commands/packetdrill` (files and reports), [`packetdrill`] (the language and the system under test) |
//! | `list` | `commands/list` |
//! | `schema` | `schema/` |
//! | `new`, `completions`, `man` | `commands/new`, `commands/manual` |

mod campaign;
mod cells;
mod cli;
mod commands;
mod compare;
mod digest;
mod expect;
mod figures;
mod memory;
pub mod packetdrill;
mod quantity;
mod query;
mod queues;
mod record;
mod report;
mod results;
mod rounds;
mod run;
mod say;
mod schema;
pub mod statistics;
mod stored;
mod summary;
mod why;

pub use cells::{port_name, seconds};
pub use cli::main;
pub use commands::check_outputs;
pub use run::{Cost, How, simulate, tables, wanted_tables};
pub use schema::schema;

/// What the reader of files must know of tables and figures.
pub fn load_options(sets: &[String], seed: Option<u64>) -> topologies::LoadOptions {
    let keys = |kind: &plots::Kind| kind.accepts().map(|key| key.name.to_string()).collect();
    topologies::LoadOptions {
        sets: sets.to_vec(),
        seed,
        plots: plots::kinds().iter().map(|kind| (kind.name.to_string(), keys(kind))).collect(),
        tables: tables().iter().map(|table| table.name.to_string()).collect(),
    }
}
