//! What is asked for: a kind of figure and its parameters, which are texts as the experiment file has them.

use crate::Source;
use crate::error::Error;
use crate::kinds::{Kind, kinds};
use crate::units::quantity;

/// A request for one figure.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// The kind: `cwnd`, `cdf`, … (see [`kinds`]).
    pub kind: String,
    /// Its parameters.
    pub args: Args,
}

/// The parameters of a request; a single value is a list of one.
#[derive(Clone, Debug, Default)]
pub struct Args(pub Vec<(String, Vec<String>)>);

impl Request {
    /// A request without parameters.
    pub fn new(kind: &str) -> Request {
        Request { kind: kind.to_string(), args: Args::default() }
    }

    /// The same with one more parameter.
    pub fn with(mut self, key: &str, values: &[&str]) -> Request {
        self.args.0.push((key.to_string(), values.iter().map(|value| (*value).to_string()).collect()));
        self
    }

    /// The kind that it names.
    ///
    /// # Errors
    /// That there is none.
    pub fn kind(&self) -> Result<&'static Kind, Error> {
        let found = kinds().iter().find(|kind| kind.name == self.kind);
        found.ok_or_else(|| Error::UnknownKind { kind: self.kind.clone() })
    }

    /// Whether kind and keys are known, and the keys' values such as they take.
    ///
    /// # Errors
    /// What is not.
    pub fn check(&self) -> Result<(), Error> {
        let kind = self.kind()?;
        for (key, _) in &self.args.0 {
            if !kind.accepts().any(|known| known.name == key) {
                let accepts = kind.accepts().map(|known| known.name).collect();
                return Err(Error::UnknownKey { kind: self.kind.clone(), key: key.clone(), accepts });
            }
        }
        kind.accepts().try_for_each(|key| key.check(&self.args))?;
        self.args.window().map(drop)
    }

    /// Whether the figure can be drawn from these sources, whose tables are CSV with what is known before the run: columns, and
    /// of a summary what was swept. The same code that draws it looks for what it needs.
    ///
    /// # Errors
    /// As [`Request::check`], a table or column that is not there, or means over what are no runs of one experiment.
    pub fn fits(&self, sources: &[Source]) -> Result<(), Error> {
        self.check()?;
        match self.kind()?.draw(sources, &self.args) {
            Ok(_) | Err(Error::Empty { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether it is made of the runs of all seeds, where it compares points: distributions and means are, lines over time are
    /// of one run.
    pub fn pools(&self) -> bool {
        matches!(self.kind.as_str(), "bars" | "cdf" | "heatmap" | "stacked" | "sweep")
    }

    /// The tables that the figure cannot do without, so that a run can switch them on.
    ///
    /// # Errors
    /// As [`Request::check`].
    pub fn tables(&self) -> Result<Vec<String>, Error> {
        let kind = self.kind()?;
        Ok(match self.args.text("table") {
            Some(table) => vec![table.to_string()],
            None => kind.tables.iter().map(|table| (*table).to_string()).collect(),
        })
    }
}

impl Args {
    /// The values of a key; none where it is absent.
    pub fn list(&self, key: &str) -> &[String] {
        self.0.iter().rev().find(|(name, _)| name == key).map_or(&[], |(_, values)| values)
    }

    /// The first value of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        self.list(key).first().map(String::as_str)
    }

    pub(crate) fn need(&self, key: &str, example: &str) -> Result<&str, Error> {
        self.text(key).ok_or_else(|| bad(key, format!("is missing, say `{key}: {example}`")))
    }

    pub(crate) fn flag(&self, key: &str) -> Result<bool, Error> {
        match self.text(key) {
            None | Some("false" | "no") => Ok(false),
            Some("true" | "yes") => Ok(true),
            Some(other) => Err(bad(key, format!("`{other}` should be true or false"))),
        }
    }

    /// One of some words; the first where it is absent.
    pub(crate) fn word(&self, key: &str, words: &[&'static str]) -> Result<&'static str, Error> {
        match self.text(key) {
            None => Ok(words[0]),
            Some(text) => words
                .iter()
                .find(|word| **word == text)
                .copied()
                .ok_or_else(|| bad(key, format!("`{text}` should be one of {}", words.join(", ")))),
        }
    }

    /// A whole number.
    pub(crate) fn count(&self, key: &str) -> Result<Option<usize>, Error> {
        let Some(text) = self.text(key) else { return Ok(None) };
        text.parse().map(Some).map_err(|_| bad(key, format!("`{text}` should be a whole number")))
    }

    /// A quantity such as `10 ms` in its base unit (seconds, bytes, …).
    pub(crate) fn quantity(&self, key: &str) -> Result<Option<f64>, Error> {
        let Some(text) = self.text(key) else { return Ok(None) };
        match quantity(text) {
            Some((value, _)) => Ok(Some(value)),
            None => Err(bad(key, format!("`{text}` should be a number with its unit, such as `10 s`"))),
        }
    }

    /// The window of time, `from` and `to`.
    pub(crate) fn window(&self) -> Result<(f64, f64), Error> {
        let from = self.quantity("from")?.unwrap_or(f64::NEG_INFINITY);
        let to = self.quantity("to")?.unwrap_or(f64::INFINITY);
        if from < to { Ok((from, to)) } else { Err(bad("to", "should be later than `from`".into())) }
    }
}

pub(crate) fn bad(key: &str, why: String) -> Error {
    Error::BadValue { key: key.to_string(), why }
}
