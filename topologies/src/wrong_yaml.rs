//! What is wrong with a text that is no YAML, or says a thing twice, in words for those who write it.

use std::collections::BTreeMap;

use crate::diagnostics::Diagnostics;
use crate::read::{fill_paths, short};
use crate::yaml::{Mark, Node, Sources, Value};

/// Deeper nesting is refused.
pub(crate) const DEPTH_MAX: usize = 40;

/// What is said about it, and where: line and column.
pub(crate) struct Explained {
    pub message: String,
    pub place: (u32, u32),
    pub help: Option<String>,
}

/// The reader's complaint about a text at a line and a column, without the position that we print ourselves, and in our own
/// words where its own are for programmers.
pub(crate) fn explain(said: &str, text: &str, place: (u32, u32)) -> Explained {
    let said = said.lines().next().unwrap_or_default();
    let said = said.split(" at line ").next().unwrap_or(said);
    let said = said.strip_prefix("error: ").unwrap_or(said).trim_end_matches(':');
    let has = |words: &str| said.contains(words);
    let explained = |message: String, help: &str| {
        let help = (!help.is_empty()).then(|| help.to_string());
        Explained { message, place, help }
    };
    let line = text.lines().nth(place.0 as usize - 1).unwrap_or_default();
    if has("Documents {") {
        return explained("the file holds several YAML documents; one is read".into(), "`---` begins another document");
    }
    if has("Depth {") || has("recursion limit") {
        return explained(format!("the file is nested deeper than {DEPTH_MAX} levels"), "");
    }
    if has("budget breached") || has("alias replay") || has("alias expansion") {
        let help = "an alias stands for all that its anchor holds, the aliases in it included";
        return explained("the file is too large, or its aliases multiply to something too large".into(), help);
    }
    if let Some(tab) = line.find(|c: char| c != ' ').filter(|at| line[*at..].starts_with('\t')) {
        let message = "a tab indents this line, and YAML indents by spaces alone".into();
        let place = (place.0, tab as u32 + 1);
        return Explained { place, ..explained(message, "two spaces for each level") };
    }
    let words = ["bracket", "flow mapping", "flow sequence", "flow collection", "',' or '", "illegal placement"];
    let bracket = words.into_iter().any(has);
    if let Some((opened, c)) = open_bracket(text, place).filter(|_| bracket) {
        let closing = if c == '{' { '}' } else { ']' };
        // In one line a comma is missing; a bracket that nobody closes swallows the lines below.
        if opened.0 == place.0 && opened != place {
            let help = format!("the `{c}` opens in column {}", opened.1);
            return explained(format!("a `,` or a `{closing}` is due before this"), &help);
        }
        let help = match opened == place {
            true => format!("a `{closing}` is due"),
            false => format!("what follows was read as part of it, up to line {}, column {}", place.0, place.1),
        };
        return Explained { place: opened, ..explained(format!("the `{c}` that opens here is not closed"), &help) };
    }
    match WORDS.iter().find(|(theirs, ..)| has(theirs)) {
        Some((_, "", help)) => explained(not_valid(said), help),
        Some((_, ours, help)) => explained((*ours).to_string(), help),
        None => explained(not_valid(said), ""),
    }
}

fn not_valid(said: &str) -> String {
    format!("not valid YAML: {}", said.chars().take(300).collect::<String>())
}

/// Words of the reader, ours in their place unless its own are good, what helps.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "mapping values are not allowed",
        "",
        "a text with `: ` in it needs quotes; entries of one map stand below each other, equally far in",
    ),
    ("simple key expected", "a key ends with a colon and a space, and this has none", "as in `stop: 10 s`"),
    (
        "did not find expected key",
        "",
        "entries of one map stand below each other, equally far in; `{ … }` holds all of a map that is written in braces",
    ),
    (
        "expected '-' indicator",
        "this stands where an entry of the list above is due, and has no `- `",
        "each entry of a list begins with a `-` and a space, equally far in",
    ),
    ("null into string", "a key is a text, not nothing", ""),
    ("expected string scalar", "a key is a text", ""),
    ("recursive reference", "an alias stands in what it stands for", ""),
    ("alias", "", "a text that starts with `*` or `&` needs quotes: `from: \"*\"`"),
    ("unexpected character", "", "a text that starts with such a character needs quotes"),
    ("found a tab", "a tab stands in this line or before the next one, where a space is due", ""),
    ("misplaced bracket", "nothing is open that this would close", ""),
    ("unclosed quote", "the quote that opens here is not closed", ""),
    ("nsupported tag", "", "values have no tags here: leave the word with `!` away"),
];

/// The innermost bracket that is open up to a place, the place included: its line and column, itself.
fn open_bracket(text: &str, until: (u32, u32)) -> Option<((u32, u32), char)> {
    let mut open: Vec<((u32, u32), char)> = Vec::new();
    let mut quote = None;
    for (line, content) in (1..).zip(text.lines()) {
        let mut before = ' ';
        for (column, c) in (1..).zip(content.chars()) {
            if (line, column) > until {
                return open.pop();
            }
            match (quote, c) {
                (Some(mark), c) if c == mark && before != '\\' => quote = None,
                (Some(_), _) => {}
                (None, '#') if before.is_whitespace() => break,
                // Elsewhere it is an apostrophe.
                (None, '"' | '\'') if before.is_whitespace() || "[{,:".contains(before) => quote = Some(c),
                (None, '{' | '[') => open.push(((line, column), c)),
                (None, '}' | ']') => drop(open.pop()),
                _ => {}
            }
            before = c;
        }
    }
    open.pop()
}

/// Each key that stands twice in one map, with its path and both of its places.
pub(crate) fn repeated(sources: &Sources, tree: &Node) -> Diagnostics {
    let mut found = Vec::new();
    find_repeated(tree, &mut found);
    let mut paths: BTreeMap<Mark, String> = found.iter().map(|(_, _, second)| (*second, String::new())).collect();
    if !found.is_empty() {
        fill_paths(tree, &mut String::new(), &mut paths);
    }
    let mut list = Diagnostics::default();
    for (key, first, second) in found {
        let first = sources.place(first).map_or(String::new(), |place| format!(" (first in line {})", place.line));
        let message = format!("the key `{}` stands twice in one map{first}", short(key));
        let mut diagnostic = sources.error(second, message);
        diagnostic.path = paths.get(&second).cloned().unwrap_or_default();
        list.push(diagnostic);
    }
    list
}

/// The key, where it stands first, where it stands again.
fn find_repeated<'a>(node: &'a Node, found: &mut Vec<(&'a str, Mark, Mark)>) {
    match &node.value {
        Value::Map(entries) => {
            let mut seen: BTreeMap<&str, Mark> = BTreeMap::new();
            for entry in entries {
                if let Some(first) = seen.get(entry.key.as_str()) {
                    found.push((&entry.key, *first, entry.at));
                } else {
                    seen.insert(&entry.key, entry.at);
                }
                find_repeated(&entry.value, found);
            }
        }
        Value::List(list) => list.iter().for_each(|item| find_repeated(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bracket_that_is_open_is_found_past_texts_and_comments() {
        let text = "a: { b: \"}\", c: 'd]' # }\n  e: [1, 2], don't: x\n\nf: 1\n";
        assert_eq!(open_bracket(text, (4, 1)), Some(((1, 4), '{')));
        assert_eq!(open_bracket("a: [ { b: 1 }\nc: 2\n", (2, 1)), Some(((1, 4), '[')));
        assert_eq!(open_bracket("a: [1]\n", (2, 1)), None);
    }
}
