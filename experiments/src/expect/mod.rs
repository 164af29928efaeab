//! Expectations: `bulk.goodput > 9.4 Mbit/s`, `wan.drops == 0`, `jain(flows) > 0.95`, `a.goodput / b.goodput between 0.9 and 1.1`.
//!
//! ```text
//! check    = sum ( ">" | ">=" | "<" | "<=" | "==" | "!=" ) sum | sum "between" sum "and" sum
//! sum      = product ( ( "+" | "-" ) product )*
//! product  = atom ( ( "*" | "/" ) atom )*
//! atom     = number [unit] | function "(" name ["." metric] ")" | path | "(" sum ")" | "-" atom
//! path     = name "." metric ["." statistic] [ "[" dimension "=" value ( "," ... )* "]" ]
//! function = jain | one of the statistics: mean, sum, min, max, p50, p95, p99, count
//! ```
//!
//! `flows` as a name means every flow; without a metric a function takes the goodput. A check is made at each point of a sweep, unless its
//! paths name points in brackets. Over several seeds the means are compared, or with `confidence:` the interval of the difference.

mod evaluate;
mod parse;

pub use evaluate::{Judgement, Results, judge, show};
pub use parse::{Check, parse};
