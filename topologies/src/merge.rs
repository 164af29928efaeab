//! Trees on trees: includes, `--set`, sweep values and variants are applied before anything is interpreted.

use crate::diagnostics::nearest;
use crate::read::{Sink, short};
use crate::spec::{KINDS, SECTIONS};
use crate::yaml::{Entry, Mark, Node, Value};

/// Lays `over` onto `base`: maps are merged key by key, links by their ends or name, other lists are appended at the top
/// level and replaced below it; for the rest the later one wins.
pub(crate) fn overlay(base: &mut Node, over: Node) {
    let Value::Map(entries) = over.value else { return };
    if !matches!(base.value, Value::Map(_)) {
        *base = Node::empty_map(base.at);
    }
    let Value::Map(sections) = &mut base.value else { return };
    for entry in entries {
        let Some(section) = sections.iter_mut().find(|section| section.key == entry.key) else {
            sections.push(entry);
            continue;
        };
        match (&mut section.value.value, entry.value.value) {
            (Value::List(base), Value::List(over)) if entry.key == "links" => overlay_links(base, over),
            (Value::List(base), Value::List(over)) if matches!(entry.key.as_str(), "events" | "expect") => {
                base.extend(over);
            }
            (_, value) => merge(&mut section.value, Node { value, at: entry.value.at }, &entry.key),
        }
    }
}

/// Merges a value of the key `key`.
fn merge(base: &mut Node, over: Node, key: &str) {
    let replace = match (&base.value, &over.value) {
        (Value::Map(old), Value::Map(new)) => {
            KINDS.contains(&key) && (new.len() != 1 || old.len() != 1 || old[0].key != new[0].key)
        }
        _ => true,
    };
    if replace {
        *base = over;
        return;
    }
    let (Value::Map(old), Value::Map(new)) = (&mut base.value, over.value) else { return };
    for entry in new {
        match old.iter_mut().find(|there| there.key == entry.key) {
            Some(there) => merge(&mut there.value, entry.value, &entry.key),
            None => old.push(entry),
        }
    }
}

fn overlay_links(base: &mut Vec<Node>, over: Vec<Node>) {
    // Only links of the earlier files are refined: two equal ones in one file are an error that is reported later.
    let earlier = base.len();
    for link in over {
        let same = link.entries().first().and_then(|new| {
            let name = name_of(new);
            let is = |old: &Entry| match name {
                Some(name) => name_of(old) == Some(name),
                None => {
                    name_of(old).is_none() && spaced(&old.key) == spaced(&new.key) || name_of(old) == Some(&new.key)
                }
            };
            base[..earlier].iter().position(|old| old.entries().first().is_some_and(is))
        });
        match (same, link.value) {
            (Some(at), Value::Map(mut entries)) if entries.len() == 1 => {
                if let Value::Map(old) = &mut base[at].value {
                    merge(&mut old[0].value, entries.remove(0).value, "");
                }
            }
            (_, value) => base.push(Node { value, at: link.at }),
        }
    }
}

fn name_of(link: &Entry) -> Option<&str> {
    match link.value.get("name") {
        Some(Node { value: Value::Text(name), .. }) => Some(name),
        _ => None,
    }
}

/// A link's ends with single spaces.
fn spaced(key: &str) -> String {
    key.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Sets the value at a dotted path, whose first word may be a section, a link, a workload entry, a host or a router.
pub(crate) fn set(sink: &mut Sink, tree: &mut Node, path: &str, at: Mark, value: Node) {
    let words: Vec<&str> = path.split('.').map(str::trim).collect();
    if words.iter().any(|word| word.is_empty()) {
        sink.error(at, format!("`{}` is not a path; one is written like `wan.delay`", short(path)));
        return;
    }
    if words.len() > 12 {
        sink.error(at, format!("`{}` is longer than any path can be", short(path)));
        return;
    }
    let (start, rest) = match SECTIONS.iter().find(|section| **section == words[0]) {
        Some(&"links") if words.len() > 1 => (Start::Link(words[1]), &words[2..]),
        Some(section) => (Start::Section(section), &words[1..]),
        None => (Start::Name(words[0]), &words[1..]),
    };
    let Some(node) = find(sink, tree, start, at) else { return };
    set_below(node, rest, at, value, words[words.len() - 1 - rest.len()]);
}

#[derive(Clone, Copy)]
enum Start<'a> {
    Section(&'a str),
    Link(&'a str),
    Name(&'a str),
}

/// The node from which a path goes on, made if it is a section that is not there.
fn find<'t>(sink: &mut Sink, tree: &'t mut Node, start: Start, at: Mark) -> Option<&'t mut Node> {
    let name = match start {
        Start::Section(section) => return Some(child(tree, section, at)),
        Start::Link(name) | Start::Name(name) => name,
    };
    let links = match tree.get("links").map(|links| &links.value) {
        Some(Value::List(list)) => list.as_slice(),
        _ => &[],
    };
    let is_link =
        |link: &&Entry| name_of(link) == Some(name) || spaced(&link.key) == spaced(name) || same_ends(&link.key, name);
    let link = links.iter().position(|link| link.entries().iter().any(|entry| is_link(&entry)));
    let section = ["workload", "services", "hosts", "routers"]
        .into_iter()
        .find(|section| tree.get(section).is_some_and(|section| section.get(name).is_some()));
    match (link, section) {
        (Some(index), _) => {
            let Value::List(links) = &mut child(tree, "links", at).value else { return None };
            let Value::Map(entries) = &mut links[index].value else { return None };
            entries.iter_mut().find(|entry| is_link(&&**entry)).map(|entry| &mut entry.value)
        }
        (None, Some(section)) if matches!(start, Start::Name(_)) => Some(child(child(tree, section, at), name, at)),
        _ => {
            let mut known: Vec<String> = links
                .iter()
                .flat_map(Node::entries)
                .map(|link| match name_of(link) {
                    Some(name) => name.to_string(),
                    None => spaced(&link.key),
                })
                .collect();
            if matches!(start, Start::Name(_)) {
                for section in ["workload", "services", "hosts", "routers"] {
                    known.extend(tree.get(section).into_iter().flat_map(Node::entries).map(|entry| entry.key.clone()));
                }
                known.extend(SECTIONS.iter().map(|section| section.to_string()));
            }
            let what = if matches!(start, Start::Name(_)) { "link, workload, host, router or section" } else { "link" };
            let near = nearest(name, known.iter().map(String::as_str)).map(str::to_string);
            let d = sink
                .error(at, format!("a path starts with a name that is there: no {what} is called `{}`", short(name)));
            if let Some(near) = near {
                d.help.push(format!("did you mean `{near}`?"));
            } else if known.len() < 60 {
                d.help.push(format!("there are: {}", known.join(", ")));
            }
            None
        }
    }
}

/// Whether a link's ends are those of the name that it gets when it has none: `r1--r2`.
fn same_ends(key: &str, name: &str) -> bool {
    let tight = |text: &str| text.split_whitespace().collect::<String>();
    tight(key) == tight(name)
}

fn set_below(node: &mut Node, path: &[&str], at: Mark, value: Node, key: &str) {
    let Some((first, rest)) = path.split_first() else {
        *node = value;
        return;
    };
    // `queue: codel` with a path `queue.codel.target` is the kind whose parameters are meant.
    match &node.value {
        Value::Text(kind) if KINDS.contains(&key) && kind == first => {
            *node = Node {
                value: Value::Map(vec![Entry { key: kind.clone(), at: node.at, value: Node::empty_map(node.at) }]),
                at: node.at,
            };
        }
        Value::Map(entries) if !(KINDS.contains(&key) && entries.iter().any(|entry| entry.key != *first)) => {}
        _ => *node = Node::empty_map(at),
    }
    set_below(child(node, first, at), rest, at, value, first);
}

/// The value of a key of a map, made if it is not there.
fn child<'t>(node: &'t mut Node, key: &str, at: Mark) -> &'t mut Node {
    if !matches!(node.value, Value::Map(_)) {
        *node = Node::empty_map(at);
    }
    let Value::Map(entries) = &mut node.value else { unreachable!("it was made a map above") };
    let index = entries.iter().position(|entry| entry.key == key).unwrap_or_else(|| {
        entries.push(Entry { key: key.to_string(), at, value: Node { value: Value::Null, at } });
        entries.len() - 1
    });
    &mut entries[index].value
}
