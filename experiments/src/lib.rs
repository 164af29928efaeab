//! The `clockwire` command: reads experiments, runs their points and seeds on all cores, writes results, judges expectations.
//!
//! | verb | module |
//! | --- | --- |
//! | `run` | `commands/run`, `results`, `pcapng`, `summary`, `expect/` |
//! | `check`, `show`, `list`, `plot` | `commands/look` |
//! | `verify` | `commands/verify` |

pub mod cells;
pub mod expect;
pub mod pcapng;
pub mod quantity;
pub mod results;
pub mod run;
pub mod statistics;
