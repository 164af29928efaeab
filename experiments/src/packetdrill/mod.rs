//! `clockwire packetdrill`: scripts that hold a TCP against what it should do, in virtual time.

mod ast;
mod calls;
mod calls_data;
mod calls_grammar;
mod calls_open;
mod calls_options;
mod code;
mod corpus;
mod flow;
mod grammar;
mod info;
mod kernel;
mod lexer;
mod matching;
mod needs;
mod packet_grammar;
mod packets;
mod ready;
mod run;
mod settings;
mod shell;
mod sockets;
mod symbols;
mod values;
mod verdict;

pub use ast::{OptionLine, Place, Script};
pub use corpus::{Found, Rules, Totals, find, judge, judge_file, totals};
pub use grammar::{Malformed, parse};
pub use run::run;
pub use settings::{Missing, Options};
pub use verdict::{Failure, Judged, Verdict};
