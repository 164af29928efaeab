//! Names to numbers: counts and wildcards are expanded, links get their ends.

use std::collections::BTreeMap;

use crate::diagnostics::nearest;
use crate::plan::NodeKind;
use crate::read::{At, Sink, short};
use crate::spec::links::LinkSpec;
use crate::spec::nodes::{NODES_MAX, NodeSpec};
use crate::yaml::Mark;

/// The expanded network.
#[derive(Default)]
pub(crate) struct Topo {
    pub nodes: Vec<TopoNode>,
    pub links: Vec<TopoLink>,
    names: BTreeMap<String, u32>,
    /// Entries with a count, so that `client` can be explained.
    counted: BTreeMap<String, u64>,
}

pub(crate) struct TopoNode {
    pub name: String,
    pub kind: NodeKind,
    /// The entry of the file: an index into the specification's nodes.
    pub spec: usize,
    pub at: Mark,
    /// The node's links, in order: index, and whether it is the left end.
    pub links: Vec<(u32, bool)>,
}

pub(crate) struct TopoLink {
    pub name: String,
    pub group: Option<String>,
    pub named: bool,
    pub ends: [u32; 2],
    /// The entry of the file: an index into the specification's links.
    pub spec: usize,
    pub at: Mark,
}

impl Topo {
    pub fn build(sink: &mut Sink, nodes: &[NodeSpec], links: &[LinkSpec]) -> Topo {
        let mut topo = Topo::default();
        for (index, spec) in nodes.iter().enumerate() {
            topo.add_nodes(sink, index, spec);
        }
        if topo.nodes.len() as u64 > NODES_MAX {
            return topo;
        }
        let mut link_names: BTreeMap<String, Mark> = BTreeMap::new();
        let mut pairs: BTreeMap<(u32, u32), Mark> = BTreeMap::new();
        for (index, spec) in links.iter().enumerate() {
            let (left, right) =
                (topo.select(sink, &spec.left, "host or router"), topo.select(sink, &spec.right, "host or router"));
            let (Some(left), Some(right)) = (left, right) else { continue };
            let ends = match pair(&left, &right) {
                Ok(ends) => ends,
                Err(why) => {
                    sink.error(spec.at, format!("the link's ends cannot be paired: {why}"));
                    continue;
                }
            };
            let several = ends.len() > 1;
            for (a, b) in ends {
                if a == b {
                    sink.error(spec.at, format!("the link joins `{}` to itself", topo.nodes[a as usize].name));
                    continue;
                }
                let arrow = if spec.one_way { "->" } else { "--" };
                let (left, right) = (&topo.nodes[a as usize].name, &topo.nodes[b as usize].name);
                let plain = format!("{left}{arrow}{right}");
                let named = spec.name.is_some() && !several;
                // A one-way link there and one back are no two links in parallel.
                let directions = if spec.one_way { vec![(a, b)] } else { vec![(a, b), (b, a)] };
                let first = directions.iter().find_map(|direction| pairs.get(direction)).copied();
                if let Some(first) = first.filter(|_| !named) {
                    let line = line_of(sink, first);
                    sink.error(spec.at, format!("`{left}` and `{right}` are joined twice{line}"))
                        .help
                        .push("links in parallel need a `name:` each".into());
                    break;
                }
                if !named {
                    pairs.extend(directions.into_iter().map(|direction| (direction, spec.at)));
                }
                let name = spec.name.as_ref().filter(|_| named).map_or(plain, |name| name.value.clone());
                if named && link_names.insert(name.clone(), spec.at).is_some() {
                    sink.error(
                        spec.name.as_ref().map_or(spec.at, |name| name.at),
                        format!("two links are called `{name}`"),
                    );
                    continue;
                }
                let at = topo.links.len() as u32;
                topo.nodes[a as usize].links.push((at, true));
                topo.nodes[b as usize].links.push((at, false));
                let group = spec.name.as_ref().filter(|_| several).map(|name| name.value.clone());
                topo.links.push(TopoLink { name, group, named, ends: [a, b], spec: index, at: spec.at });
            }
        }
        topo
    }

    fn add_nodes(&mut self, sink: &mut Sink, index: usize, spec: &NodeSpec) {
        let count = spec.count.map(|count| count.value);
        if self.nodes.len() as u64 + count.unwrap_or(1) > NODES_MAX {
            sink.error(spec.name.at, format!("a network has at most {NODES_MAX} hosts and routers"));
            return;
        }
        if let Some(count) = count {
            self.counted.insert(spec.name.value.clone(), count);
        }
        for i in 1..=count.unwrap_or(1) {
            let name = if count.is_some() { format!("{}{i}", spec.name.value) } else { spec.name.value.clone() };
            if let Some(first) = self.names.get(&name) {
                let first = self.nodes[*first as usize].at;
                let line = line_of(sink, first);
                sink.error(spec.name.at, format!("two hosts or routers are called `{name}`{line}"));
                break;
            }
            self.names.insert(name.clone(), self.nodes.len() as u32);
            self.nodes.push(TopoNode { name, kind: spec.kind, spec: index, at: spec.name.at, links: Vec::new() });
        }
    }

    /// The node of a name.
    pub fn node(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    /// The nodes that a name or a wildcard means, in natural order; an unknown one is reported.
    pub fn select(&self, sink: &mut Sink, pattern: &At<String>, what: &str) -> Option<Vec<u32>> {
        let name = pattern.value.as_str();
        if let Some(node) = self.names.get(name) {
            return Some(vec![*node]);
        }
        if name.contains('*') {
            let mut found: Vec<u32> =
                (0..self.nodes.len() as u32).filter(|node| glob(name, &self.nodes[*node as usize].name)).collect();
            found.sort_by(|a, b| natural(&self.nodes[*a as usize].name, &self.nodes[*b as usize].name));
            if !found.is_empty() {
                return Some(found);
            }
        }
        let message = format!("there is no {what} `{}`", short(name));
        let help = match (self.counted.get(name), nearest(name, self.names.keys().map(String::as_str))) {
            (Some(count), _) => {
                Some(format!("`{name}` has a count: `{name}1` to `{name}{count}`, and `{name}*` for all"))
            }
            (None, Some(near)) => Some(format!("did you mean `{near}`?")),
            (None, None) if self.names.is_empty() => Some("the file has no hosts and no routers".to_string()),
            (None, None) if self.names.len() <= 20 => {
                Some(format!("there are: {}", self.names.keys().map(String::as_str).collect::<Vec<_>>().join(", ")))
            }
            _ => None,
        };
        sink.error(pattern.at, message).help.extend(help);
        None
    }
}

/// Where the first of two stands, for a message.
pub(super) fn line_of(sink: &Sink, first: Mark) -> String {
    sink.sources.place(first).map_or(String::new(), |place| format!(" (first in line {})", place.line))
}

/// Pairs two selections: one to one when they are equally many, else each of the many with the single one.
pub(crate) fn pair(left: &[u32], right: &[u32]) -> Result<Vec<(u32, u32)>, String> {
    match (left, right) {
        (_, _) if left.len() == right.len() => Ok(left.iter().copied().zip(right.iter().copied()).collect()),
        ([one], many) => Ok(many.iter().map(|other| (*one, *other)).collect()),
        (many, [one]) => Ok(many.iter().map(|other| (*other, *one)).collect()),
        _ => Err(format!(
            "{} on the left, {} on the right; equally many are paired one to one, or one side is a single node",
            left.len(),
            right.len()
        )),
    }
}

/// Whether a name matches a pattern in which `*` stands for any characters.
pub(crate) fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// `host2` before `host10`.
pub(crate) fn natural(a: &str, b: &str) -> std::cmp::Ordering {
    let key = |text: &str| {
        let stem = text.trim_end_matches(|c: char| c.is_ascii_digit());
        let digits = &text[stem.len()..];
        (stem.to_string(), digits.len() - digits.bytes().take_while(|b| *b == b'0').count(), digits.to_string())
    };
    let mut pieces = split_natural(a).into_iter().zip(split_natural(b));
    pieces
        .find_map(|(a, b)| {
            let order = key(a).cmp(&key(b));
            order.is_ne().then_some(order)
        })
        .unwrap_or_else(|| a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
}

/// Pieces that each end in a run of digits: `agg10-2` is `agg10`, `-2`.
fn split_natural(text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    let (mut start, mut digit) = (0, false);
    for (at, c) in text.char_indices() {
        if digit && !c.is_ascii_digit() {
            pieces.push(&text[start..at]);
            start = at;
        }
        digit = c.is_ascii_digit();
    }
    pieces.push(&text[start..]);
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_ordered_as_numbers() {
        let mut names = ["host10", "host2", "agg10-2", "agg2-10", "agg2-9", "host", "host1", "x"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["agg2-9", "agg2-10", "agg10-2", "host", "host1", "host2", "host10", "x"]);
    }

    #[test]
    fn wildcards_match_anywhere() {
        for (pattern, name, wanted) in [
            ("client*", "client12", true),
            ("*", "a", true),
            ("a*c", "abc", true),
            ("a*c", "acb", false),
            ("*b*", "abc", true),
            ("a*a", "a", false),
            ("edge*-1", "edge3-1", true),
            ("client", "client1", false),
        ] {
            assert_eq!(glob(pattern, name), wanted, "{pattern} {name}");
        }
    }

    #[test]
    fn ends_are_paired_one_to_one_or_all_to_one() {
        assert_eq!(pair(&[1, 2], &[3, 4]), Ok(vec![(1, 3), (2, 4)]));
        assert_eq!(pair(&[1, 2], &[3]), Ok(vec![(1, 3), (2, 3)]));
        assert_eq!(pair(&[3], &[1, 2]), Ok(vec![(3, 1), (3, 2)]));
        assert!(pair(&[1, 2], &[3, 4, 5]).is_err());
    }
}
