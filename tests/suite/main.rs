//! Everything fast that holds the whole of Clockwire, as one program.

mod determinism;
mod harness;
mod oracle_on_experiments;
mod readme;
mod tidy;
mod yaml;
