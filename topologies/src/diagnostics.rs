//! Errors and warnings about a file: each names file, line, column and YAML path, shows the line, and says what would be
//! accepted.

use std::fmt;
use std::sync::Arc;

use crate::expression::Where;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The file cannot run.
    Error,
    /// The file runs, and probably does not do what its author meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
        })
    }
}

/// Where in a file: line and column count from one, in characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file as the user named it.
    pub file: Arc<str>,
    /// Its line.
    pub line: u32,
    /// The column of the first character.
    pub column: u32,
    /// Characters to underline, at least one.
    pub len: u32,
    /// The text of that line.
    pub text: String,
}

impl Place {
    /// The place of a part of a text that stands at a place of a file, if it stands there as it is.
    pub fn within(self, text: &str, part: Where) -> Place {
        let line: Vec<char> = self.text.chars().collect();
        let text: Vec<char> = text.chars().collect();
        let from = (self.column as usize).saturating_sub(1);
        // Behind a quotation mark where there is one.
        let start = (from..line.len().min(from + 2)).find(|start| line[*start..].starts_with(&text));
        match start {
            Some(start) => Place { column: (start + part.at + 1) as u32, len: part.len.max(1) as u32, ..self },
            None => self,
        }
    }
}

/// One error or warning.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Where, if it is anywhere in a file.
    pub place: Option<Place>,
    /// The YAML path: `links[0].queue.droptail.limit`.
    pub path: String,
    /// What would be accepted, what was probably meant.
    pub help: Vec<String>,
}

impl Diagnostic {
    /// An error without a place.
    pub fn error(message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            severity: Severity::Error,
            message: message.into(),
            place: None,
            path: String::new(),
            help: Vec::new(),
        }
    }

    /// Adds a line of help.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help.push(help.into());
        self
    }
}

impl fmt::Display for Diagnostic {
    /// In the manner of rustc, ending in a line break.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.severity, self.message)?;
        let width = self.place.as_ref().map_or(1, |place| place.line.to_string().len());
        if let Some(place) = &self.place {
            writeln!(f, "{:width$}--> {}:{}:{}", "", place.file, place.line, place.column)?;
            let (text, column) = window(&place.text, place.column);
            if !text.trim().is_empty() {
                let shown = text.chars().count().saturating_sub(column as usize - 1).max(1);
                let carets = "^".repeat((place.len.max(1) as usize).min(shown));
                writeln!(f, "{:width$} |", "")?;
                writeln!(f, "{} | {text}", place.line)?;
                writeln!(f, "{:width$} | {:indent$}{carets}", "", "", indent = column as usize - 1)?;
            }
        }
        if !self.path.is_empty() {
            writeln!(f, "{:width$} = path: {}", "", self.path)?;
        }
        for help in &self.help {
            writeln!(f, "{:width$} = help: {help}", "")?;
        }
        Ok(())
    }
}

/// At most 120 characters of a line around a column, and the column in what is left.
fn window(text: &str, column: u32) -> (String, u32) {
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let column = column.max(1);
    let skip = if column > 100 { column - 60 } else { 0 };
    let text: String = text.trim_end().chars().skip(skip as usize).take(120).map(clean).collect();
    (text, column - skip)
}

/// All that is wrong with a file. `Display` prints the errors, then the warnings.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Diagnostics(pub Vec<Diagnostic>);

/// Beyond so many of a severity they are only counted.
const SHOWN_MAX: usize = 30;

impl Diagnostics {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one of them is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(|d| d.severity == Severity::Error)
    }

    /// The errors alone, or the warnings alone.
    pub fn of(&self, severity: Severity) -> impl Iterator<Item = &Diagnostic> {
        self.0.iter().filter(move |d| d.severity == severity)
    }

    /// Adds one, unless it is there already.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        // A file with a million wrong lines is not compared in a million squared steps.
        let same = |old: &Diagnostic| old.message == diagnostic.message && old.place == diagnostic.place;
        if self.0.len() > 1000 || !self.0.iter().any(same) {
            self.0.push(diagnostic);
        }
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Diagnostics {
        Diagnostics(vec![diagnostic])
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for severity in [Severity::Error, Severity::Warning] {
            let count = self.of(severity).count();
            for diagnostic in self.of(severity).take(SHOWN_MAX) {
                if !first {
                    writeln!(f)?;
                }
                first = false;
                diagnostic.fmt(f)?;
            }
            if count > SHOWN_MAX {
                writeln!(f, "\n{severity}: and {} more", count - SHOWN_MAX)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// The candidate nearest to a name, if one is near enough to have been meant.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.chars().count() > 60 {
        return None;
    }
    let lower = name.to_lowercase();
    let allowed = (name.chars().count() / 3).clamp(1, 3);
    let score = |candidate: &str| {
        let candidate_lower = candidate.to_lowercase();
        match strsim::damerau_levenshtein(&lower, &candidate_lower) {
            near if near <= allowed => Some(near),
            // `latency_max` for `latency`, `limit` for `limits`.
            _ if lower.len() >= 3 && (candidate_lower.starts_with(&lower) || lower.starts_with(&candidate_lower)) => {
                (candidate.len() >= 3).then_some(allowed + 1)
            }
            _ => None,
        }
    };
    candidates.into_iter().filter_map(|c| score(c).map(|s| (s, c))).min_by_key(|(s, _)| *s).map(|(_, c)| c)
}
