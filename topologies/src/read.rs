//! Reading a tree into typed values, collecting every error on the way.
//!
//! A [`Map`] remembers which keys it was asked for: what is left over is unknown, and what was asked for is what would have
//! been accepted, so the two lists cannot drift apart.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::str::FromStr;

use crate::diagnostics::{Diagnostic, Diagnostics, Severity, nearest};
use crate::yaml::{Entry, Mark, Node, Sources, Value};

/// A value that was written at a place.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct At<T> {
    pub value: T,
    pub at: Mark,
}

/// Where errors go: knows the sources, and finds paths at the end.
#[derive(Default)]
pub(crate) struct Sink {
    pub sources: Sources,
    /// Whether what is missing is no error: a file before a sweep has filled it in.
    pub lenient: bool,
    /// Values that a sweep or a variant has put in: an extreme one among them is meant, and no warning says otherwise.
    pub swept: BTreeSet<Mark>,
    /// Names of hosts among the parameters of kinds, for whoever knows the hosts to check.
    pub hosts: Vec<At<String>>,
    /// Those of them that are asked for names of DNS.
    pub name_servers: Vec<At<String>>,
    /// What is to be warned of where it holds at every point: the message, and lines of help.
    pub throughout: BTreeMap<Mark, (String, Vec<String>)>,
    /// Files other than YAML that were read, by the names that they have beside a flat file, with what stands in them.
    pub inputs: BTreeMap<String, String>,
    /// Those names, by where the files are named.
    pub renamed: BTreeMap<Mark, String>,
    found: Vec<(Mark, Diagnostic)>,
}

impl Sink {
    /// Reports an error; more help may be added to what is returned.
    pub fn error(&mut self, at: Mark, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = self.sources.error(at, message);
        self.push(at, diagnostic)
    }

    /// The text of a file that is named here, as seen from the file that names it; it becomes part of what is run.
    pub fn input(&mut self, name: At<&str>) -> Option<String> {
        let path = self.sources.dir(name.at).join(name.value);
        match crate::files::read(&path) {
            Ok(text) => {
                let own = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let numbered = (2_u32..).map(|number| format!("inputs/{number}-{own}"));
                // Another file of the same name has another one.
                let free = |name: &String| self.inputs.get(name).is_none_or(|other| *other == text);
                let own = std::iter::once(format!("inputs/{own}")).chain(numbered).find(free);
                let own = own.expect("there are more numbers than files");
                self.inputs.insert(own.clone(), text.clone());
                self.renamed.insert(name.at, own);
                Some(text)
            }
            Err(diagnostic) => {
                self.error(name.at, diagnostic.message).help.extend(diagnostic.help);
                None
            }
        }
    }

    /// Reports what must be there and is not.
    pub fn missing(&mut self, at: Mark, message: String, help: String) {
        if !self.lenient {
            self.error(at, message).help.push(help);
        }
    }

    /// Reports a warning.
    pub fn warn(&mut self, at: Mark, message: impl Into<String>) -> &mut Diagnostic {
        let diagnostic = Diagnostic { severity: Severity::Warning, ..self.sources.error(at, message) };
        self.push(at, diagnostic)
    }

    /// Reports what somebody else found.
    pub fn push(&mut self, at: Mark, diagnostic: Diagnostic) -> &mut Diagnostic {
        self.found.push((at, diagnostic));
        &mut self.found.last_mut().expect("just pushed").1
    }

    /// Reports all that somebody else found at one place.
    pub fn all(&mut self, at: Mark, found: Diagnostics) {
        self.found.extend(found.0.into_iter().map(|diagnostic| (at, diagnostic)));
    }

    /// Reports a name that is not there, with the nearest that is.
    pub fn unknown(&mut self, at: Mark, what: &str, name: &str, known: &[&str]) {
        self.not_known(at, format!("unknown {what} `{}`", short(name)), name, known);
    }

    /// Reports a name that is not there in words of the caller's.
    pub fn not_known(&mut self, at: Mark, message: String, name: &str, known: &[&str]) {
        let near = nearest(name, known.iter().copied()).map(str::to_string);
        let d = self.error(at, message);
        if let Some(near) = near {
            d.help.push(format!("did you mean `{near}`?"));
        }
        match known.len() {
            0 => {}
            count if count > 60 => d.help.push(format!("there are {count}: {}, …", known[..20].join(", "))),
            _ => d.help.push(format!("accepted: {}", known.join(", "))),
        }
    }

    /// Whether an error was found.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|(_, d)| d.severity == Severity::Error)
    }

    /// How many errors there are, to see later whether a step added some.
    pub fn errors(&self) -> usize {
        self.found.iter().filter(|(_, d)| d.severity == Severity::Error).count()
    }

    /// Everything found so far, in the order of the text, with its path in `tree`.
    pub fn drain(&mut self, tree: Option<&Node>) -> Diagnostics {
        let mut found = std::mem::take(&mut self.found);
        found.sort_by_key(|(at, _)| (at.file, at.line, at.column));
        let mut paths: BTreeMap<Mark, String> = found.iter().map(|(at, _)| (*at, String::new())).collect();
        if let Some(tree) = tree {
            fill_paths(tree, &mut String::new(), &mut paths);
        }
        let mut list = Diagnostics::default();
        for (at, mut diagnostic) in found {
            if diagnostic.severity == Severity::Warning && self.swept.contains(&at) {
                continue;
            }
            if diagnostic.path.is_empty() {
                diagnostic.path = paths.get(&at).cloned().unwrap_or_default();
            }
            list.push(diagnostic);
        }
        list
    }

    /// A map; nothing at all counts as an empty one.
    pub fn map<'a>(&mut self, node: &'a Node, what: &'static str) -> Map<'a> {
        if !matches!(node.value, Value::Map(_) | Value::Null) {
            self.error(node.at, format!("{what} is a map, not {}", node.kind()));
        }
        Map { node, what, asked: Vec::new() }
    }

    /// A list, where a single value counts as a list of one.
    pub fn list<'a>(&mut self, node: &'a Node) -> Vec<&'a Node> {
        match &node.value {
            Value::List(list) => list.iter().collect(),
            Value::Null => Vec::new(),
            _ => vec![node],
        }
    }

    /// A quantity with its unit.
    pub fn quantity<T: FromStr<Err: Display>>(&mut self, node: &Node, example: &str) -> Option<T> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => match text.parse() {
                Ok(value) => Some(value),
                Err(why) => {
                    self.error(node.at, why.to_string());
                    None
                }
            },
            _ => {
                self.error(
                    node.at,
                    format!("a quantity with its unit is due here, as in `{example}`, not {}", node.kind()),
                );
                None
            }
        }
    }

    /// A whole number in a range.
    pub fn count(&mut self, node: &Node, min: u64, max: u64) -> Option<u64> {
        let number = match &node.value {
            Value::Number(text) => text.parse::<u64>().ok().filter(|n| (min..=max).contains(n)),
            _ => None,
        };
        if number.is_none() {
            let found = match &node.value {
                Value::Number(text) | Value::Text(text) => format!("`{}`", short(text)),
                _ => node.kind().to_string(),
            };
            let range = if max == u64::MAX { format!("{min} or more") } else { format!("from {min} to {max}") };
            self.error(node.at, format!("a whole number is due here, {range}, not {found}"));
        }
        number
    }

    /// `true` or `false`.
    pub fn flag(&mut self, node: &Node) -> Option<bool> {
        if let Value::Bool(value) = node.value {
            return Some(value);
        }
        let found =
            if let Value::Text(text) = &node.value { format!("`{}`", short(text)) } else { node.kind().to_string() };
        self.error(node.at, format!("`true` or `false` is due here, not {found}"));
        None
    }

    /// A text; a number counts as its text.
    pub fn text<'a>(&mut self, node: &'a Node) -> Option<At<&'a str>> {
        match &node.value {
            Value::Text(text) | Value::Number(text) => Some(At { value: text, at: node.at }),
            _ => {
                let error = self.error(node.at, format!("a text is due here, not {}", node.kind()));
                if let Value::Map(entries) = &node.value
                    && let [Entry { key, .. }] = &entries[..]
                    && key.contains(' ')
                {
                    let key = short(key);
                    error.help.push(format!(
                        "a colon with a space behind it makes a map: in quotes it is a text, `'{key}: …'`"
                    ));
                }
                None
            }
        }
    }

    /// A kind with its parameters: `cubic`, or `cubic: { … }`.
    pub fn kind<'a>(&mut self, node: &'a Node, what: &str, example: &str) -> Option<Kind<'a>> {
        match &node.value {
            Value::Text(name) => Some(Kind { name, at: node.at, params: None }),
            Value::Map(entries) => match entries.as_slice() {
                [Entry { key, at, value }] => Some(Kind { name: key, at: *at, params: Some(value) }),
                [] => {
                    self.error(node.at, format!("{what} is due here, as in `{example}`"));
                    None
                }
                [_, second, ..] => {
                    let keys: Vec<_> = entries.iter().map(|entry| format!("`{}`", short(&entry.key))).collect();
                    self.error(second.at, format!("{what} is one kind, not several: {}", keys.join(", ")));
                    None
                }
            },
            Value::Null => {
                self.error(node.at, format!("{what} is due here, as in `{example}`, not nothing"));
                None
            }
            _ => {
                self.error(node.at, format!("{what} is due here, as in `{example}`, not {}", node.kind()));
                None
            }
        }
    }
}

/// A kind that the file chooses.
#[derive(Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub name: &'a str,
    pub at: Mark,
    pub params: Option<&'a Node>,
}

/// A map that is being read.
pub(crate) struct Map<'a> {
    node: &'a Node,
    what: &'static str,
    asked: Vec<&'static str>,
}

impl<'a> Map<'a> {
    /// A map that is known to be one.
    pub fn over(node: &'a Node, what: &'static str) -> Map<'a> {
        Map { node, what, asked: Vec::new() }
    }

    /// The node below it.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// What it is called in messages.
    pub fn what(&self) -> &'static str {
        self.what
    }

    /// Where it stands.
    pub fn at(&self) -> Mark {
        self.node.at
    }

    /// The value of a key.
    pub fn get(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.node.get(key)
    }

    /// The value of a key that holds a quantity.
    pub fn quantity<T: FromStr<Err: Display>>(
        &mut self,
        sink: &mut Sink,
        key: &'static str,
        example: &str,
    ) -> Option<At<T>> {
        let node = self.get(key)?;
        Some(At { value: sink.quantity(node, example)?, at: node.at })
    }

    /// The value of a key that holds a whole number.
    pub fn count(&mut self, sink: &mut Sink, key: &'static str, min: u64, max: u64) -> Option<At<u64>> {
        let node = self.get(key)?;
        Some(At { value: sink.count(node, min, max)?, at: node.at })
    }

    /// The value of a key that holds a text.
    pub fn text(&mut self, sink: &mut Sink, key: &'static str) -> Option<At<&'a str>> {
        let node = self.get(key)?;
        sink.text(node)
    }

    /// Reports a key that must be there.
    pub fn missing(&self, sink: &mut Sink, key: &str, example: &str) {
        sink.missing(self.node.at, format!("{} needs `{key}`", self.what), format!("as in `{key}: {example}`"));
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(mut self, sink: &mut Sink) {
        self.asked.sort_unstable();
        for entry in self.node.entries() {
            if !self.asked.contains(&entry.key.as_str()) {
                let message = format!("{} has no key `{}`", self.what, short(&entry.key));
                sink.not_known(entry.at, message, &entry.key, &self.asked);
            }
        }
    }
}

/// A text short enough for a message.
pub(crate) fn short(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    if line.chars().count() <= 60 { line.to_string() } else { line.chars().take(60).chain("…".chars()).collect() }
}

/// Walks the tree and writes the path of each wanted mark, the first one that is found.
pub(crate) fn fill_paths(node: &Node, path: &mut String, wanted: &mut BTreeMap<Mark, String>) {
    let mut note = |mark: Mark, path: &str| {
        if let Some(found) = wanted.get_mut(&mark)
            && found.is_empty()
        {
            *found = path.to_string();
        }
    };
    note(node.at, path);
    let len = path.len();
    match &node.value {
        Value::Map(entries) => {
            for entry in entries {
                let dot = if len == 0 { "" } else { "." };
                let plain = entry.key.chars().all(|c| c.is_alphanumeric() || "_-*".contains(c));
                match plain {
                    true => path.push_str(&format!("{dot}{}", short(&entry.key))),
                    false => path.push_str(&format!("{dot}\"{}\"", short(&entry.key))),
                }
                if let Some(found) = wanted.get_mut(&entry.at)
                    && found.is_empty()
                {
                    *found = path.clone();
                }
                fill_paths(&entry.value, path, wanted);
                path.truncate(len);
            }
        }
        Value::List(list) => {
            for (index, item) in list.iter().enumerate() {
                path.push_str(&format!("[{index}]"));
                fill_paths(item, path, wanted);
                path.truncate(len);
            }
        }
        _ => {}
    }
}
