//! Answers a kind's questions for its parameters from the text.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use sim_core::{Amount, InputFile, Params, Prob, Rate, Size, Span};

use crate::read::{At, Kind, Map, Sink, short};
use crate::yaml::{Entry, Mark, Node, Value};

/// Reads the parameters of a kind. A single value, as in `bernoulli: 1 %`, is the first parameter that it asks for.
pub(crate) fn read<T>(
    sink: &mut Sink,
    kind: Kind<'_>,
    what: &'static str,
    read: impl FnOnce(&mut dyn Params) -> T,
) -> T {
    let at = kind.params.map_or(kind.at, |node| node.at);
    let empty = Node::empty_map(at);
    let node = kind.params.unwrap_or(&empty);
    let only = !matches!(node.value, Value::Map(_) | Value::Null);
    let mut params =
        YamlParams { sink, map: Map::over(node, what), only: only.then_some(node), at: kind.at, optional: Vec::new() };
    let value = read(&mut params);
    let YamlParams { sink, map, only, .. } = params;
    match only {
        Some(node) => {
            sink.error(node.at, format!("{what} has no parameter to give here"));
        }
        None => map.finish(sink),
    }
    value
}

/// Reads parameters that stand among other keys of a map, which the caller finishes.
pub(crate) fn read_among<'a, T>(sink: &mut Sink, map: &mut Map<'a>, read: impl FnOnce(&mut dyn Params) -> T) -> T {
    let own = std::mem::replace(map, Map::over(map.node(), map.what()));
    let at = own.at();
    let mut params = YamlParams { sink, map: own, only: None, at, optional: Vec::new() };
    let value = read(&mut params);
    *map = params.map;
    value
}

struct YamlParams<'a, 's> {
    sink: &'s mut Sink,
    map: Map<'a>,
    /// The single value, until somebody has asked for it.
    only: Option<&'a Node>,
    at: Mark,
    optional: Vec<&'static str>,
}

impl<'a> YamlParams<'a, '_> {
    fn node(&mut self, key: &'static str) -> Option<&'a Node> {
        let node = self.map.get(key);
        // A parameter that may be absent is no candidate for the single value: `given` has answered for it.
        if self.optional.contains(&key) { node } else { node.or_else(|| self.only.take()) }
    }

    /// Where one of a list of texts stands.
    fn mark_of(&mut self, key: &'static str, at: usize) -> Mark {
        let Some(node) = self.map.get(key) else { return self.at };
        self.sink.list(node).get(at).map_or(node.at, |item| item.at)
    }

    fn missing(&mut self, key: &'static str, example: &str) {
        let what = self.map.what();
        self.sink.missing(self.at, format!("{what} needs `{key}`"), format!("as in `{key}: {example}`"));
    }

    fn quantity<T: FromStr<Err: Display> + Copy>(
        &mut self,
        key: &'static str,
        default: Option<T>,
        example: &str,
        harmless: T,
    ) -> T {
        match self.node(key) {
            Some(node) => self.sink.quantity(node, example).unwrap_or(default.unwrap_or(harmless)),
            None => default.unwrap_or_else(|| {
                self.missing(key, example);
                harmless
            }),
        }
    }
}

impl Params for YamlParams<'_, '_> {
    fn given(&mut self, key: &'static str) -> bool {
        self.optional.push(key);
        self.map.get(key).is_some()
    }

    fn span(&mut self, key: &'static str, default: Option<Span>, _help: &'static str) -> Span {
        self.quantity(key, default, "20 ms", Span::from_ms(1))
    }

    fn rate(&mut self, key: &'static str, default: Option<Rate>, _help: &'static str) -> Rate {
        let rate = self.quantity(key, default, "10 Mbit/s", Rate::from_bps(1_000_000));
        if rate.bps() > 0 {
            return rate;
        }
        self.refuse(key, "a rate of zero carries nothing".into());
        Rate::from_bps(1_000_000)
    }

    fn size(&mut self, key: &'static str, default: Option<Size>, _help: &'static str) -> Size {
        self.quantity(key, default, "64 KiB", Size::from_bytes(1000))
    }

    fn prob(&mut self, key: &'static str, default: Option<Prob>, _help: &'static str) -> Prob {
        self.quantity(key, default, "0.5 %", Prob::ZERO)
    }

    fn amount(&mut self, key: &'static str, default: Option<Amount>, _help: &'static str) -> Amount {
        self.quantity(key, default, "100 packets", Amount::Packets(1))
    }

    fn count(
        &mut self,
        key: &'static str,
        default: Option<u64>,
        range: RangeInclusive<u64>,
        _help: &'static str,
    ) -> u64 {
        match self.node(key) {
            Some(node) => self.sink.count(node, *range.start(), *range.end()).unwrap_or(*range.start()),
            None => default.unwrap_or_else(|| {
                self.missing(key, &range.start().to_string());
                *range.start()
            }),
        }
    }

    fn flag(&mut self, key: &'static str, default: bool, _help: &'static str) -> bool {
        match self.node(key) {
            Some(node) => self.sink.flag(node).unwrap_or(default),
            None => default,
        }
    }

    fn word(&mut self, key: &'static str, words: &'static [&'static str], _help: &'static str) -> usize {
        let Some(node) = self.node(key) else { return 0 };
        let Some(text) = self.sink.text(node) else { return 0 };
        words.iter().position(|word| *word == text.value).unwrap_or_else(|| {
            self.sink.unknown(text.at, &format!("`{key}`"), text.value, words);
            0
        })
    }

    fn text(&mut self, key: &'static str, default: Option<&str>, what: &'static str, _help: &'static str) -> String {
        match self.node(key) {
            Some(node) => self.sink.text(node).map(|text| text.value.to_string()).unwrap_or_default(),
            None => default.map(str::to_string).unwrap_or_else(|| {
                let owner = self.map.what();
                self.sink.missing(self.at, format!("{owner} needs `{key}`"), format!("it is {what}"));
                String::new()
            }),
        }
    }

    fn texts(&mut self, key: &'static str, _what: &'static str, _help: &'static str) -> Vec<String> {
        let Some(node) = self.node(key) else { return Vec::new() };
        // One that is no text is kept as an empty one, so that the places of the others stay.
        let items = self.sink.list(node);
        items
            .into_iter()
            .map(|item| self.sink.text(item).map(|text| text.value.to_string()).unwrap_or_default())
            .collect()
    }

    fn host(&mut self, key: &'static str, default: Option<&str>, help: &'static str) -> String {
        let name = self.text(key, default, "a host", help);
        if let Some(node) = self.map.get(key) {
            self.sink.hosts.push(At { value: name.clone(), at: node.at });
        }
        name
    }

    fn hosts(&mut self, key: &'static str, help: &'static str) -> Vec<String> {
        let names = self.texts(key, "a host", help);
        (0..).zip(&names).for_each(|(at, name)| self.names_host(key, at, name));
        names
    }

    fn name_servers(&mut self, key: &'static str, help: &'static str) -> Vec<String> {
        let names = self.hosts(key, help);
        let asked = self.sink.hosts.len() - names.len();
        let asked = self.sink.hosts[asked..].to_vec();
        self.sink.name_servers.extend(asked);
        names
    }

    fn kind(
        &mut self,
        key: &'static str,
        kinds: &'static [&'static str],
        _help: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize {
        let empty = Node::empty_map(self.at);
        let chosen = self.node(key).and_then(|node| {
            let kind = self.sink.kind(node, &format!("`{key}`: one of {}", kinds.join(", ")), kinds[0])?;
            let found = kinds.iter().position(|name| *name == kind.name);
            if found.is_none() {
                self.sink.unknown(kind.at, &format!("`{key}`"), kind.name, kinds);
            }
            Some((found?, kind.at, kind.params))
        });
        let Some((which, at, params)) = chosen else {
            below(self.sink, &empty, key, &mut |params| read(0, params));
            return 0;
        };
        let none = Node::empty_map(at);
        below(self.sink, params.unwrap_or(&none), kinds[which], &mut |params| read(which, params));
        which
    }

    fn file(&mut self, key: &'static str, _help: &'static str) -> Option<InputFile> {
        self.optional.push(key);
        let name = self.map.get(key).and_then(|node| self.sink.text(node))?;
        let text = self.sink.input(name)?;
        Some(InputFile { name: name.value.to_string(), text })
    }

    fn section(&mut self, key: &'static str, _help: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
        let node = self.map.get(key);
        let empty = Node::empty_map(node.map_or(self.at, |node| node.at));
        below(self.sink, node.unwrap_or(&empty), key, read);
    }

    fn each(&mut self, key: &'static str, _help: &'static str, read: &mut dyn FnMut(&str, &mut dyn Params)) {
        let Some(node) = self.map.get(key) else { return };
        self.sink.map(node, key);
        for entry in node.entries() {
            below(self.sink, &entry.value, key, &mut |params| read(&entry.key, params));
        }
    }

    fn refuse_text(&mut self, key: &'static str, at: usize, why: String) {
        let mark = self.mark_of(key, at);
        self.sink.error(mark, why);
    }

    fn names_host(&mut self, key: &'static str, at: usize, host: &str) {
        let at = self.mark_of(key, at);
        self.sink.hosts.push(At { value: host.to_string(), at });
    }

    fn refuse(&mut self, key: &'static str, why: String) {
        let at = self.map.get(key).map_or(self.at, |node| node.at);
        self.sink.error(at, format!("`{key}` cannot be this: {why}"));
    }
}

/// Reads parameters that have a map of their own.
fn below(sink: &mut Sink, node: &Node, what: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
    let map = sink.map(node, what);
    let mut params = YamlParams { sink, map, only: None, at: node.at, optional: Vec::new() };
    read(&mut params);
    let YamlParams { sink, map, .. } = params;
    map.finish(sink);
}

/// One of the kinds of a registry, by name; an unknown one is reported.
pub(crate) fn choose<'a, T>(
    sink: &mut Sink,
    node: &'a Node,
    what: &str,
    example: &str,
    registry: &'static [T],
    name: impl Fn(&T) -> &'static str,
) -> Option<(Kind<'a>, &'static T)> {
    let kind = sink.kind(node, &format!("a {what}"), example)?;
    let found = registry.iter().find(|entry| name(entry) == kind.name);
    if found.is_none() {
        let names: Vec<&str> = registry.iter().map(name).collect();
        sink.unknown(kind.at, what, &short(kind.name), &names);
    }
    Some((kind, found?))
}

/// A scalar written where a kind is due: `loss: 1 %` means the kind `default` with that value.
pub(crate) fn or_scalar(node: &Node, names: &[&str], default: &str) -> Node {
    match &node.value {
        Value::Text(text) if !names.contains(&text.as_str()) && text.starts_with(|c: char| c.is_ascii_digit()) => {
            let entry = Entry { key: default.to_string(), at: node.at, value: node.clone() };
            Node { value: Value::Map(vec![entry]), at: node.at }
        }
        Value::Number(_) => {
            let entry = Entry { key: default.to_string(), at: node.at, value: node.clone() };
            Node { value: Value::Map(vec![entry]), at: node.at }
        }
        _ => node.clone(),
    }
}
