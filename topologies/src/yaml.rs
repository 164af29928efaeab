//! YAML text to a tree whose every node knows its place. The only user of the YAML reader.
//!
//! The tree is untyped on purpose: includes, `--set`, sweeps and variants are merged on it before anything is
//! interpreted, and a wrong file gets all of its errors at once, where a typed deserializer stops at the first.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use crate::diagnostics::{Diagnostic, Diagnostics, Place};
use crate::wrong_yaml::{self, DEPTH_MAX};

/// A larger file is refused before it is read.
pub(crate) const FILE_MAX: u64 = 64 << 20;

/// A place in one of the [`Sources`]: file number, line and column from one, characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Mark {
    pub file: u32,
    pub line: u32,
    pub column: u32,
    pub len: u32,
}

/// What a node holds. Numbers keep their text: a quantity needs a unit, and a count is read where it is asked for.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A value and its place.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    pub value: Value,
    pub at: Mark,
}

/// A key of a map with its value.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub key: String,
    pub at: Mark,
    pub value: Node,
}

impl Node {
    /// An empty map at a place.
    pub fn empty_map(at: Mark) -> Node {
        Node { value: Value::Map(Vec::new()), at }
    }

    /// The value of a key, if this is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entries().iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    /// The entries of a map; none of anything else.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = &self.value { entries } else { &[] }
    }

    /// Its place and those of all that is in it.
    pub fn marks(&self) -> Vec<Mark> {
        let mut marks = vec![self.at];
        match &self.value {
            Value::List(list) => list.iter().for_each(|item| marks.extend(item.marks())),
            Value::Map(entries) => entries.iter().for_each(|entry| marks.extend(entry.value.marks())),
            _ => {}
        }
        marks
    }

    /// What it is, for «expected a map, found a list».
    pub fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a bare number",
            Value::Text(_) => "a text",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }
}

/// The files that were read, so that a mark can be shown.
#[derive(Default)]
pub(crate) struct Sources {
    files: Vec<Source>,
}

struct Source {
    name: Arc<str>,
    /// From where the file names other files.
    dir: PathBuf,
    text: String,
    /// Byte offset of each line.
    lines: Vec<usize>,
}

impl Sources {
    /// Reads a text as YAML.
    pub fn parse(&mut self, name: &str, text: &str, dir: &Path) -> Result<Node, Diagnostics> {
        // A byte order mark would shift every column of the first line.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        self.parse_shown(name, text, text, dir)
    }

    /// Reads the part of a text behind its first `skip` bytes; messages show all of it.
    pub fn parse_after(&mut self, name: &str, shown: &str, skip: usize) -> Result<Node, Diagnostics> {
        let blank = " ".repeat(shown[..skip].chars().count());
        self.parse_shown(name, shown, &format!("{blank}{}", &shown[skip..]), Path::new(""))
    }

    /// The mark of the first characters of the text that will be read next.
    pub fn next_mark(&self, column: u32, len: u32) -> Mark {
        Mark { file: self.files.len() as u32, line: 1, column, len }
    }

    /// The directory from which the file of a mark names other files.
    pub fn dir(&self, mark: Mark) -> &Path {
        self.files.get(mark.file as usize).map_or(Path::new(""), |source| &source.dir)
    }

    fn parse_shown(&mut self, name: &str, shown: &str, text: &str, dir: &Path) -> Result<Node, Diagnostics> {
        let file = self.files.len() as u32;
        let lines = std::iter::once(0).chain(shown.match_indices('\n').map(|(at, _)| at + 1)).collect();
        self.files.push(Source { name: name.into(), dir: dir.to_path_buf(), text: shown.to_string(), lines });
        if let Some((at, c)) = text.char_indices().find(|(_, c)| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
            let message = format!("the file holds the control character U+{:04X}; YAML is printable text", c as u32);
            return Err(self.error(self.mark_of_byte(file, at), message).into());
        }
        if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
            return Ok(Node { value: Value::Null, at: Mark { file, line: 1, column: 1, len: 1 } });
        }
        match serde_saphyr::from_str_with_options::<Raw>(text, options()) {
            Ok(raw) => {
                let node = raw.node(file, &self.files[file as usize]);
                let repeated = wrong_yaml::repeated(self, &node);
                if repeated.is_empty() { Ok(node) } else { Err(repeated) }
            }
            Err(error) => {
                let location = error.location();
                let place = location.map_or((1, 1), |location| (location.line() as u32, location.column() as u32));
                let said = error.without_snippet().to_string();
                let wrong = wrong_yaml::explain(&said, text, (place.0.max(1), place.1.max(1)));
                let (line, column) = wrong.place;
                let mut diagnostic = self.error(Mark { file, line, column, len: 1 }, wrong.message);
                diagnostic.help.extend(wrong.help);
                Err(diagnostic.into())
            }
        }
    }

    /// An error at a mark.
    pub fn error(&self, mark: Mark, message: impl Into<String>) -> Diagnostic {
        Diagnostic { place: self.place(mark), ..Diagnostic::error(message) }
    }

    /// The place that a mark means; none for what was not written in any file.
    pub fn place(&self, mark: Mark) -> Option<Place> {
        let source = self.files.get(mark.file as usize)?;
        if mark.line == 0 {
            return None;
        }
        Some(Place {
            file: source.name.clone(),
            line: mark.line,
            column: mark.column.max(1),
            len: mark.len.max(1),
            text: source.line(mark.line).to_string(),
        })
    }

    fn mark_of_byte(&self, file: u32, byte: usize) -> Mark {
        let source = &self.files[file as usize];
        let line = source.lines.partition_point(|start| *start <= byte).max(1);
        let column = source.text[source.lines[line - 1]..byte].chars().count() as u32 + 1;
        Mark { file, line: line as u32, column, len: 1 }
    }
}

impl Source {
    fn line(&self, line: u32) -> &str {
        let Some(start) = self.lines.get(line as usize - 1) else { return "" };
        let end = self.lines.get(line as usize).map_or(self.text.len(), |next| next - 1);
        self.text.get(*start..end).unwrap_or("").trim_end_matches('\r')
    }
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            // 20,000 hosts and as many links are an ordinary file; the reader's own default refuses it.
            max_nodes: 8_000_000,
            max_events: 32_000_000,
            max_depth: DEPTH_MAX,
            flow_nesting_limit: DEPTH_MAX,
            max_documents: 1,
        },
        // All repetitions are reported, each with both of its places.
        duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: serde_saphyr::options::NonFiniteFloatPolicy::AsString,
        reject_unsupported_tags: true,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        with_snippet: false,
    }
}

/// What the reader gives: a value that asks for its own span, recursively.
struct Raw(Spanned<RawValue>);

enum RawValue {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Raw>),
    Map(Vec<(Spanned<String>, Raw)>),
}

impl Raw {
    fn node(self, file: u32, source: &Source) -> Node {
        let at = mark(file, &self.0.referenced, source);
        let value = match self.0.value {
            RawValue::Null => Value::Null,
            RawValue::Bool(value) => Value::Bool(value),
            RawValue::Number(number) => Value::Number(written(&self.0.defined, source).unwrap_or(number)),
            RawValue::Text(text) => Value::Text(text),
            RawValue::List(list) => Value::List(list.into_iter().map(|raw| raw.node(file, source)).collect()),
            RawValue::Map(map) => Value::Map(
                map.into_iter()
                    .map(|(key, value)| Entry {
                        at: mark(file, &key.referenced, source),
                        key: key.value,
                        value: value.node(file, source),
                    })
                    .collect(),
            ),
        };
        Node { value, at }
    }
}

fn mark(file: u32, location: &serde_saphyr::Location, source: &Source) -> Mark {
    let (line, column) = (location.line() as u32, location.column() as u32);
    // A block list or map spans many lines: its first line is shown.
    let rest = source.line(line.max(1)).trim_end().chars().count() as u32 + 1;
    let len = (location.span().len().min(u64::from(u32::MAX)) as u32).min(rest.saturating_sub(column)).max(1);
    Mark { file, line, column, len }
}

/// The text of a number as it was written.
fn written(location: &serde_saphyr::Location, source: &Source) -> Option<String> {
    let start = usize::try_from(location.span().byte_offset()?).ok()?;
    let end = start.checked_add(usize::try_from(location.span().byte_len()?).ok()?)?;
    let text = source.text.get(start..end)?.trim();
    (text.len() < 40 && text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))).then(|| text.to_string())
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Raw, D::Error> {
        Spanned::deserialize(deserializer).map(Raw)
    }
}

impl<'de> Deserialize<'de> for RawValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RawValue, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = RawValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_none<E>(self) -> Result<RawValue, E> {
        Ok(RawValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<RawValue, D::Error> {
        RawValue::deserialize(deserializer)
    }

    fn visit_bool<E>(self, value: bool) -> Result<RawValue, E> {
        Ok(RawValue::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<RawValue, E> {
        Ok(RawValue::Number(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<RawValue, E> {
        Ok(RawValue::Number(value.to_string()))
    }

    fn visit_i128<E>(self, value: i128) -> Result<RawValue, E> {
        Ok(RawValue::Number(value.to_string()))
    }

    fn visit_u128<E>(self, value: u128) -> Result<RawValue, E> {
        Ok(RawValue::Number(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<RawValue, E> {
        Ok(RawValue::Number(value.to_string()))
    }

    fn visit_str<E>(self, value: &str) -> Result<RawValue, E> {
        Ok(RawValue::Text(value.to_string()))
    }

    fn visit_string<E>(self, value: String) -> Result<RawValue, E> {
        Ok(RawValue::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<RawValue, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = seq.next_element()? {
            list.push(item);
        }
        Ok(RawValue::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(RawValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Node, String> {
        Sources::default().parse("t.yaml", text, Path::new("")).map_err(|d| d.to_string())
    }

    #[test]
    fn every_node_knows_its_place() {
        let text = "a: 1\nlist:\n  - x -- y: { rate: 10 Mbit/s, 'q': \"2\" }\n  - [1.50, ~]\n";
        let tree = parse(text).expect("valid");
        let link = match &tree.get("list").expect("there").value {
            Value::List(list) => list[0].clone(),
            other => panic!("{other:?}"),
        };
        let entry = &link.entries()[0];
        assert_eq!((entry.key.as_str(), entry.at.line, entry.at.column, entry.at.len), ("x -- y", 3, 5, 6));
        let rate = entry.value.get("rate").expect("there");
        assert_eq!((rate.at.line, rate.at.column, rate.at.len), (3, 21, 9));
        assert_eq!(rate.value, Value::Text("10 Mbit/s".into()));
        assert_eq!(entry.value.get("q").expect("there").value, Value::Text("2".into()));
        assert_eq!(tree.get("a").expect("there").value, Value::Number("1".into()));
        let Value::List(list) = &tree.get("list").expect("there").value else { panic!() };
        let Value::List(inner) = &list[1].value else { panic!() };
        assert_eq!(inner[0].value, Value::Number("1.50".into()));
        assert_eq!(inner[1].value, Value::Null);
    }

    #[test]
    fn bad_yaml_is_an_error_with_a_place() {
        for (text, wanted) in [
            ("a: [1, 2", "t.yaml:1:4 the `[` that opens here is not closed"),
            ("a: [1, 2\nb: 3", "t.yaml:1:4 the `[` that opens here is not closed"),
            ("a: { b: 1 c: 2 }", "t.yaml:1:12 a `,` or a `}` is due before this"),
            ("a: 1\na: 2\n", "t.yaml:2:1 the key `a` stands twice in one map (first in line 1)"),
            ("a:\n\t- b", "t.yaml:2:1 a tab indents this line, and YAML indents by spaces alone"),
            ("--- 1\n--- 2\n", "t.yaml:2:1 the file holds several YAML documents; one is read"),
            ("a: *x", "t.yaml:1:4 not valid YAML: alias references unknown anchor"),
            ("\"abc", "t.yaml:1:1 the quote that opens here is not closed"),
            ("a: b: c", "t.yaml:1:5 not valid YAML: mapping values are not allowed in this context"),
            ("{}}", "t.yaml:1:3 nothing is open that this would close"),
            ("a: \u{7}", "t.yaml:1:4 the file holds the control character U+0007; YAML is printable text"),
            (&"[".repeat(100_000), "t.yaml:1:41 the file is nested deeper than 40 levels"),
            (&"- ".repeat(100_000), "t.yaml:1:81 the file is nested deeper than 40 levels"),
        ] {
            let found = Sources::default().parse("t.yaml", text, Path::new("")).expect_err(wanted);
            let place = found.0[0].place.as_ref().expect("a place");
            assert_eq!(format!("{}:{}:{} {}", place.file, place.line, place.column, found.0[0].message), wanted);
        }
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..12 {
            text += &format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 10].join(", "));
        }
        let error = parse(&text).expect_err("ten to the twelfth");
        assert!(error.contains("its aliases multiply to something too large"), "{error}");
    }

    #[test]
    fn plain_words_are_texts() {
        let tree = parse("a: no\nb: on\nc: 010\nd: 1_000\ne: true\ng: 0x10\nh: 1e3\n1: x\n").expect("valid");
        let text = |key: &str| Value::Text(key.into());
        let number = |key: &str| Value::Number(key.into());
        for (key, wanted) in [
            ("a", text("no")),
            ("b", text("on")),
            ("c", text("010")),
            ("d", text("1_000")),
            ("e", Value::Bool(true)),
            ("g", number("0x10")),
            ("h", number("1e3")),
            ("1", text("x")),
        ] {
            assert_eq!(tree.get(key).map(|node| &node.value), Some(&wanted), "{key}");
        }
    }
}
