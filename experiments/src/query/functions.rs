//! Functions of queries beside those of SQLite: the statistics of summaries, and quantities as numbers.

use rusqlite::functions::{Aggregate, Context, FunctionFlags};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Error, Result};
use topologies::{Dimension, parse_quantity};

use crate::statistics;

/// What the functions are, for people.
pub const HELP: [(&str, &str); 7] = [
    ("median(x)", "the smallest value that at least half of the values do not exceed, as `p50` of summaries"),
    ("quantile(x, p)", "the same for another share: quantile(total_s, 0.99)"),
    ("stddev(x)", "the standard deviation of a sample; none of fewer than two values"),
    (
        "half(x)",
        "half of the 95 % interval of the mean, by Student's distribution; half(x, 0.99) for another confidence",
    ),
    ("jain(x)", "Jain's index of fairness"),
    ("sqrt(x)", "the square root"),
    ("number('10 ms')", "a quantity as the number that tables have: seconds, bytes, bit/s, or a fraction of one"),
];

/// An aggregate of numbers.
struct Of {
    name: &'static str,
    /// What is made of the values that are no NULL, and of the second argument.
    of: fn(Vec<f64>, f64) -> Option<f64>,
}

/// What an aggregate has seen.
#[derive(Default)]
struct Values {
    values: Vec<f64>,
    share: f64,
}

impl Aggregate<Values, Option<f64>> for Of {
    fn init(&self, _: &mut Context<'_>) -> Result<Values> {
        Ok(Values { share: 0.95, ..Values::default() })
    }

    fn step(&self, context: &mut Context<'_>, seen: &mut Values) -> Result<()> {
        let wrong = |why: String| Error::UserFunctionError(why.into());
        if context.len() > 1 {
            let share = number(context.get_raw(1)).filter(|share| (0.0..=1.0).contains(share));
            let share = share.ok_or_else(|| wrong(format!("`{}` takes a share from 0 to 1", self.name)))?;
            if !seen.values.is_empty() && share != seen.share {
                return Err(wrong(format!("`{}` takes the same share for all rows", self.name)));
            }
            seen.share = share;
        }
        match context.get_raw(0) {
            ValueRef::Null => Ok(()),
            value => {
                let value = number(value).ok_or_else(|| wrong(format!("`{}` takes numbers, not texts", self.name)))?;
                seen.values.push(value);
                Ok(())
            }
        }
    }

    fn finalize(&self, _: &mut Context<'_>, seen: Option<Values>) -> Result<Option<f64>> {
        Ok(seen.filter(|seen| !seen.values.is_empty()).and_then(|seen| (self.of)(seen.values, seen.share)))
    }
}

fn number(value: ValueRef<'_>) -> Option<f64> {
    match value {
        ValueRef::Integer(number) => Some(number as f64),
        ValueRef::Real(number) => Some(number),
        _ => None,
    }
}

fn percentile(mut values: Vec<f64>, share: f64) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    statistics::percentile(&values, share)
}

/// Makes them known.
pub fn register(database: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    let all = [
        ("median", 1, Of { name: "median", of: |values, _| percentile(values, 0.5) }),
        ("quantile", 2, Of { name: "quantile", of: percentile }),
        ("stddev", 1, Of { name: "stddev", of: |values, _| deviation(&values) }),
        ("half", 1, Of { name: "half", of: half }),
        ("half", 2, Of { name: "half", of: half }),
        ("jain", 1, Of { name: "jain", of: |values, _| Some(statistics::jain(&values)) }),
    ];
    for (name, arguments, of) in all {
        database.create_aggregate_function(name, arguments, flags, of)?;
    }
    database.create_scalar_function("sqrt", 1, flags, |context| Ok(number(context.get_raw(0)).map(f64::sqrt)))?;
    database.create_scalar_function("number", 1, flags, |context| match context.get_raw(0) {
        ValueRef::Null => Ok(None),
        ValueRef::Text(text) => {
            let text = String::from_utf8_lossy(text);
            let (value, dimension, _) = parse_quantity(&text).map_err(|why| Error::UserFunctionError(why.into()))?;
            // Tables count bytes.
            Ok(Some(if dimension == Dimension::DATA { value / 8.0 } else { value }))
        }
        value => Ok(number(value)),
    })
}

fn deviation(values: &[f64]) -> Option<f64> {
    let mean = statistics::mean(values, 0.95).mean;
    (values.len() > 1).then(|| statistics::variance(values, mean).sqrt())
}

fn half(values: Vec<f64>, confidence: f64) -> Option<f64> {
    (values.len() > 1).then(|| statistics::mean(&values, confidence).half)
}
