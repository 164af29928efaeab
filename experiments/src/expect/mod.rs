//! Expectations: `bulk.goodput > 9.4 Mbit/s`, `wan.drops == 0`, `jain(flows) > 0.95`, `a.goodput / b.goodput between 0.9 and 1.1`.
//!
//! ```text
//! check    = sum ( ">" | ">=" | "<" | "<=" | "==" | "!=" ) sum | sum "between" sum "and" sum
//! sum      = product ( ( "+" | "-" ) product )*
//! product  = atom ( ( "*" | "/" ) atom )*
//! atom     = number [unit] | function "(" sum [ comparison sum | "," sum ] ")" | path | "(" sum ")" | "-" atom
//! path     = name "." [ table "." ] metric [ "." statistic ] [ "[" ( point | window ) ( "," … )* "]" ]
//! point    = dimension "=" value          window = [time] ".." [time]
//! ```
//!
//! A *name* is a flow, a workload entry (all of its flows), a link, a link direction or a pattern (`bulk*`); `flows` and `links` are
//! all of them. A *metric* is a column of a table without its unit (`goodput`, `drops`, `latency`), and `duration` of a flow, `rate`,
//! `propagation` and `limit` of a link. Where there are many rows, a statistic says which number is meant. A name with several
//! members is checked for each of them. A link stands for both of its directions: their counts are added, of anything else the
//! greater one counts.
//!
//! A check is made at each point of a sweep, unless brackets name the point. Over several seeds the means are compared; with
//! `confidence:` the interval of the difference, seed by seed, must be on the right side.
//!
//! | step | module |
//! | --- | --- |
//! | text to tree | [`topologies::expression`] |
//! | names to columns of tables, before anything runs | `bind`, `names` |
//! | rows to values | `value` |
//! | what a series in time tells | `series` |
//! | values to verdicts | `judge` |
//! | `same_as`: results to those of another time | `golden` |
//! | whether an interval is narrow, so that no more seeds run | `aim` |

mod aim;
mod bind;
mod golden;
mod judge;
mod names;
mod series;
#[cfg(test)]
mod tests;
mod value;

use topologies::expression as parse;

pub use aim::Width;
pub use bind::Program;
pub use judge::Judgement;
pub(crate) use names::meant;
pub use names::{FUNCTIONS, STATISTICS};
pub use value::Value;
pub(crate) use value::counts;
