//! The runner behind `clockwire`.

pub mod cells;
pub mod pcapng;
pub mod quantity;
pub mod results;
pub mod run;
pub mod statistics;
