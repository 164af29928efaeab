//! The `clockwire` command: reads experiments, runs their points and seeds on all cores, writes results, judges expectations.
//!
//! | verb | module |
//! | --- | --- |
//! | `run` | `commands/run`, `results`, `pcapng`, `summary`, `expect/` |
//! | `check`, `show`, `list`, `plot` | `commands/look` |
//! | `verify` | `commands/verify` |

mod cells;
mod cli;
mod commands;
mod expect;
mod metrics;
mod pcapng;
mod results;
mod run;
mod statistics;
mod summary;
mod sweep_table;

pub use cells::{port_name, seconds};
pub use cli::main;
pub use run::{Cost, How, simulate, tables, wanted_tables};

pub(crate) use expect::show as expect_show;

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
