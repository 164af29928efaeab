//! A tree back to YAML text that reads back to the same tree.

use crate::yaml::{Entry, Node, Value};

/// Lines are broken where they would grow longer.
const WIDTH: usize = 116;

/// The text of a file.
pub(crate) fn file(tree: &Node) -> String {
    let mut out = String::new();
    for (index, entry) in tree.entries().iter().enumerate() {
        let section = matches!(entry.value.value, Value::Map(_) | Value::List(_));
        if section && index > 0 {
            out.push('\n');
        }
        block_entry(&mut out, entry, 0, true);
    }
    out
}

/// A value on one line, as it would stand in a list.
pub(crate) fn inline(node: &Node) -> String {
    let mut out = String::new();
    flow(&mut out, node);
    out
}

fn block_entry(out: &mut String, entry: &Entry, indent: usize, section: bool) {
    let start = out.len();
    out.push_str(&" ".repeat(indent));
    scalar(out, &entry.key, false);
    out.push(':');
    let line = inline(&entry.value);
    let fits = out.len() - start + line.len() < WIDTH;
    match &entry.value.value {
        Value::Null => out.push('\n'),
        Value::Map(entries) if !entries.is_empty() && (section || !fits) => {
            out.push('\n');
            entries.iter().for_each(|entry| block_entry(out, entry, indent + 2, false));
        }
        Value::List(list) if !list.is_empty() && (section || !fits) => {
            out.push('\n');
            list.iter().for_each(|item| block_item(out, item, indent + 2));
        }
        Value::Text(text) => {
            out.push(' ');
            scalar(out, text, false);
            out.push('\n');
        }
        _ => {
            out.push(' ');
            out.push_str(&line);
            out.push('\n');
        }
    }
}

fn block_item(out: &mut String, item: &Node, indent: usize) {
    out.push_str(&" ".repeat(indent));
    out.push_str("- ");
    match item.entries() {
        // A link: `- a -- b: { … }`.
        [entry] => {
            let at = out.len();
            block_entry(out, entry, indent + 2, false);
            out.replace_range(at..at + indent + 2, "");
        }
        _ => {
            flow(out, item);
            out.push('\n');
        }
    }
}

fn flow(out: &mut String, node: &Node) {
    match &node.value {
        Value::Null => out.push('~'),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(text) => out.push_str(text),
        Value::Text(text) => scalar(out, text, true),
        Value::List(list) => {
            out.push('[');
            for (index, item) in list.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                flow(out, item);
            }
            out.push(']');
        }
        Value::Map(entries) if entries.is_empty() => out.push_str("{}"),
        Value::Map(entries) => {
            out.push_str("{ ");
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                scalar(out, &entry.key, true);
                out.push_str(": ");
                flow(out, &entry.value);
            }
            out.push_str(" }");
        }
    }
}

/// A text, quoted where it would not read back as itself.
fn scalar(out: &mut String, text: &str, in_flow: bool) {
    let first = text.chars().next();
    let word = text.to_ascii_lowercase();
    let special =
        matches!(word.as_str(), "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n");
    let number = first.is_some_and(|c| c.is_ascii_digit() || "+-.".contains(c)) && !text.contains(' ');
    let plain = !special
        && !number
        && !first.is_some_and(|c| c.is_whitespace() || "-?:,[]{}#&*!|>'\"%@`=<~".contains(c))
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text
            .chars()
            .any(|c| c.is_control() || c == '\u{feff}' || c == '\u{2028}' || c == '\u{2029}' || c == '\u{85}')
        && !(in_flow && text.contains([',', '[', ']', '{', '}', ':', '?']));
    if plain {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}') => {
                out.push_str(&format!("\\u{:04x}", c as u32))
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
#[path = "emit_tests.rs"]
mod tests;
