//! Topology generators: a few numbers in, hosts, routers and links out, in the words of the file, so that the sections of
//! the file refine what was generated (`- r1 -- r2: { queue: codel }`).
//!
//! To add one: a file beside this one, and its line in [`GENERATORS`].

mod chain;
mod dumbbell;
mod fat_tree;
mod parking_lot;
mod random;
mod star;

use crate::keys::{Key, Takes};
use crate::read::{Kind, Map, Sink};
use crate::yaml::{Entry, Mark, Node, Value};

/// A generator.
pub struct Generator {
    /// Its name in `generate:`.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Its parameters.
    pub params: &'static [Key],
    expand: fn(&mut Sink, &mut Map<'_>, &mut Fragment),
}

/// All generators, by name.
#[rustfmt::skip]
pub static GENERATORS: &[Generator] = &[
    chain::GENERATOR,
    dumbbell::GENERATOR,
    fat_tree::GENERATOR,
    parking_lot::GENERATOR,
    random::GENERATOR,
    star::GENERATOR,
];

/// What `generate:` stands for: a tree with hosts, routers and links.
pub(crate) fn expand(sink: &mut Sink, node: &Node) -> Option<Node> {
    let kind: Kind = sink.kind(node, "a generator", "dumbbell: { pairs: 2 }")?;
    let Some(generator) = GENERATORS.iter().find(|generator| generator.name == kind.name) else {
        let names: Vec<&str> = GENERATORS.iter().map(|generator| generator.name).collect();
        sink.unknown(kind.at, "generator", kind.name, &names);
        return None;
    };
    let empty = Node::empty_map(kind.at);
    let mut map = sink.map(kind.params.unwrap_or(&empty), "a generator");
    let mut out = Fragment { at: kind.at, hosts: Vec::new(), routers: Vec::new(), links: Vec::new() };
    (generator.expand)(sink, &mut map, &mut out);
    map.finish(sink);
    Some(out.tree())
}

/// What a generator adds to.
pub(crate) struct Fragment {
    at: Mark,
    hosts: Vec<Entry>,
    routers: Vec<Entry>,
    links: Vec<Node>,
}

impl Fragment {
    /// Adds a host.
    pub fn host(&mut self, name: impl Into<String>) {
        let at = self.at;
        self.hosts.push(Entry { key: name.into(), at, value: Node::empty_map(at) });
    }

    /// Adds a router.
    pub fn router(&mut self, name: impl Into<String>) {
        let at = self.at;
        self.routers.push(Entry { key: name.into(), at, value: Node::empty_map(at) });
    }

    /// Adds a link in both directions with the options that the file gives for its kind, and more.
    pub fn link(&mut self, ends: (&str, &str), name: Option<String>, options: Option<&Node>, more: &[(&str, String)]) {
        let at = self.at;
        let mut value = options.cloned().unwrap_or_else(|| Node::empty_map(at));
        if let Value::Null = value.value {
            value = Node::empty_map(value.at);
        }
        if let Value::Map(entries) = &mut value.value {
            let text = |text: String| Node { value: Value::Text(text), at };
            if let Some(name) = name {
                entries.retain(|entry| entry.key != "name");
                entries.insert(0, Entry { key: "name".into(), at, value: text(name) });
            }
            for (key, written) in more {
                if !entries.iter().any(|entry| entry.key == *key) {
                    entries.push(Entry { key: key.to_string(), at, value: text(written.clone()) });
                }
            }
        }
        let key = format!("{} -- {}", ends.0, ends.1);
        self.links.push(Node { value: Value::Map(vec![Entry { key, at, value }]), at });
    }

    fn tree(self) -> Node {
        let at = self.at;
        let section = |key: &str, value| Entry { key: key.into(), at, value: Node { value, at } };
        let sections = vec![
            section("hosts", Value::Map(self.hosts)),
            section("routers", Value::Map(self.routers)),
            section("links", Value::List(self.links)),
        ];
        Node { value: Value::Map(sections), at }
    }
}

/// A whole number among the parameters, or its default.
fn number(sink: &mut Sink, map: &mut Map<'_>, params: &[Key], key: &'static str, default: u64) -> u64 {
    let found = params.iter().find(|(name, ..)| *name == key);
    let Some((.., Takes::Count(min, max))) = found.copied() else { unreachable!("`{key}` is a whole number") };
    match map.get(key) {
        Some(node) => sink.count(node, min, max).unwrap_or(default),
        None => default,
    }
}
