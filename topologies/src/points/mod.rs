//! The points of an experiment: `--set`, `sweep`, `variants` and `seeds`.

use crate::emit;
use crate::read::{Sink, short};
use crate::yaml::{Entry, Mark, Node, Value};

/// More points than this are refused.
const POINTS_MAX: usize = 100_000;
/// More seeds than this are refused.
const SEEDS_MAX: u64 = 1_000_000;

/// A value for a path.
#[derive(Clone)]
pub(crate) struct Set {
    pub path: String,
    pub at: Mark,
    pub value: Node,
}

impl Set {
    /// Whether it concerns the experiment as a whole, not its points.
    pub fn is_early(&self) -> bool {
        matches!(
            self.path.split('.').next().unwrap_or_default().trim(),
            "experiment" | "seed" | "name" | "about" | "point"
        )
    }
}

impl Set {
    /// The places of its value and of all that is in it.
    pub fn marks(&self) -> Vec<Mark> {
        self.value.marks()
    }
}

/// The overrides of the command line.
pub(crate) fn command_line(sink: &mut Sink, sets: &[String]) -> Vec<Set> {
    let mut out = Vec::new();
    for set in sets {
        let Some((path, _)) = set.split_once('=') else {
            let d = sink.error(Mark::default(), format!("`--set {}` has no `=`", short(set)));
            d.place = None;
            d.help.push("as in `--set links.wan.rate='50 Mbit/s'`".into());
            continue;
        };
        let at = sink.sources.next_mark(1, path.chars().count() as u32);
        // The path is blanked, so that columns are those of the text that was typed.
        match sink.sources.parse_after("--set", set, path.len() + 1) {
            Ok(value) => out.push(Set { path: path.trim().to_string(), at, value }),
            Err(wrong) => sink.all(at, wrong),
        }
    }
    out
}

/// One way to vary the experiment.
struct Dimension {
    name: String,
    choices: Vec<Choice>,
}

#[derive(Clone, Default)]
struct Choice {
    label: String,
    sets: Vec<Set>,
    /// Workload entries that do not run.
    without: Vec<String>,
}

/// All ways to vary the experiment.
#[derive(Default)]
pub(crate) struct Dimensions {
    dimensions: Vec<Dimension>,
    /// They are those of a larger experiment, of which the file is one point.
    repeat: bool,
}

/// One combination.
pub(crate) struct PointSettings {
    pub values: Vec<String>,
    pub sets: Vec<Set>,
    pub without: Vec<String>,
}

impl Dimensions {
    pub fn read(sink: &mut Sink, tree: &Node, command_line: &[Set]) -> Dimensions {
        let repeated = tree.get("point").map(|node| Dimensions::repeated(sink, node));
        let Some(node) = tree.get("experiment") else { return repeated.unwrap_or_default() };
        let mut out = Vec::new();
        let mut map = sink.map(node, "`experiment`");
        if let Some(variants) = map.get("variants") {
            sink.map(variants, "`variants`");
            let mut named = Vec::new();
            for entry in variants.entries() {
                match &entry.value.value {
                    Value::List(list) if entry.key == "workload" => out.extend(one_of(sink, tree, list, entry.at)),
                    Value::List(_) => {
                        let message = format!("`{}` is neither a variant's changes nor `workload`", short(&entry.key));
                        sink.error(entry.at, message).help.push("`workload: [a, b]` runs one of them at a time; `codel: { wan.queue: codel }` names a variant".into());
                    }
                    _ => named.push(variant(sink, entry)),
                }
            }
            if !named.is_empty() {
                out.push(Dimension { name: "variant".into(), choices: named });
            }
        }
        if let Some(sweep) = map.get("sweep") {
            sink.map(sweep, "`sweep`");
            for entry in sweep.entries() {
                let choices: Vec<Choice> = sink
                    .list(&entry.value)
                    .into_iter()
                    .map(|value| Choice {
                        label: emit::inline(value).trim_matches('"').to_string(),
                        sets: vec![Set { path: entry.key.clone(), at: entry.at, value: value.clone() }],
                        without: Vec::new(),
                    })
                    .collect();
                if choices.is_empty() {
                    sink.error(entry.at, format!("`{}` is swept over no values", short(&entry.key)));
                }
                for (index, choice) in choices.iter().enumerate() {
                    if choices[..index].iter().any(|other| other.label == choice.label) {
                        sink.error(
                            choice.sets[0].value.at,
                            format!("`{}` stands twice in the sweep", short(&choice.label)),
                        );
                    }
                }
                out.push(Dimension { name: entry.key.clone(), choices });
            }
        }
        map.get("seeds");
        map.finish(sink);
        for set in command_line {
            if let Some(swept) = out.iter().find(|dimension| dimension.name == set.path) {
                let message = format!("`--set {}` has no effect: the experiment sweeps it", short(&swept.name));
                sink.error(set.at, message)
                    .help
                    .push(format!("override the sweep: `--set experiment.sweep='{{ {}: [ … ] }}'`", set.path));
            }
        }
        let points = out.iter().try_fold(1usize, |points, dimension| points.checked_mul(dimension.choices.len()));
        if points.is_none_or(|points| points > POINTS_MAX) {
            sink.error(node.at, format!("the experiment has more than {POINTS_MAX} points"));
            return Dimensions::default();
        }
        match repeated {
            Some(repeated) if out.is_empty() => return repeated,
            Some(_) => {
                let at = tree.get("point").expect("it was just read").at;
                let message =
                    "`point` says which point of a larger experiment a file repeats; this one has points of its own";
                sink.error(at, message);
            }
            None => {}
        }
        Dimensions { dimensions: out, repeat: false }
    }

    /// `point: { wan.delay: 10 ms }`: what a point was made with stands in the file already.
    fn repeated(sink: &mut Sink, node: &Node) -> Dimensions {
        sink.map(node, "`point`");
        let dimension = |entry: &crate::yaml::Entry| {
            let label = match &entry.value.value {
                Value::Text(text) => text.clone(),
                _ => emit::inline(&entry.value).trim_matches('"').to_string(),
            };
            let choice = Choice { label, ..Choice::default() };
            Dimension { name: entry.key.clone(), choices: vec![choice] }
        };
        Dimensions { dimensions: node.entries().iter().map(dimension).collect(), repeat: true }
    }

    /// Whether the file is one point of a larger experiment.
    pub fn repeat(&self) -> bool {
        self.repeat
    }

    /// The dimensions' names.
    pub fn names(&self) -> Vec<String> {
        self.dimensions.iter().map(|dimension| dimension.name.clone()).collect()
    }

    /// All combinations, the last dimension fastest.
    pub fn points(&self) -> impl Iterator<Item = PointSettings> {
        let count: usize = self.dimensions.iter().map(|dimension| dimension.choices.len()).product();
        (0..count).map(|mut index| {
            let mut chosen: Vec<&Choice> = Vec::new();
            for dimension in self.dimensions.iter().rev() {
                chosen.push(&dimension.choices[index % dimension.choices.len()]);
                index /= dimension.choices.len();
            }
            chosen.reverse();
            PointSettings {
                values: chosen.iter().map(|choice| choice.label.clone()).collect(),
                sets: chosen.iter().flat_map(|choice| choice.sets.clone()).collect(),
                without: chosen.iter().flat_map(|choice| choice.without.clone()).collect(),
            }
        })
    }
}

/// `workload: [rest, grpc]`: one of them runs at a time, and what is not listed always runs.
fn one_of(sink: &mut Sink, tree: &Node, list: &[Node], at: Mark) -> Option<Dimension> {
    let known: Vec<&str> =
        tree.get("workload").map_or(&[][..], Node::entries).iter().map(|entry| entry.key.as_str()).collect();
    let mut names = Vec::new();
    for item in list {
        let Some(name) = sink.text(item) else { continue };
        if !known.contains(&name.value) {
            sink.unknown(name.at, "workload entry", name.value, &known);
        }
        names.push(name.value.to_string());
    }
    if names.is_empty() {
        sink.error(at, "there is no workload to choose from");
        return None;
    }
    let choices = names.iter().map(|name| Choice {
        label: name.clone(),
        sets: Vec::new(),
        without: names.iter().filter(|other| *other != name).cloned().collect(),
    });
    Some(Dimension { name: "workload".into(), choices: choices.collect() })
}

/// `codel: { wan.queue: codel }`: a variant by name, a change for each path. Nothing changed is the file as it stands.
fn variant(sink: &mut Sink, entry: &Entry) -> Choice {
    crate::spec::nodes::check_name(sink, &entry.key, entry.at, "a variant");
    sink.map(&entry.value, "a variant");
    let set = |change: &Entry| Set { path: change.key.clone(), at: change.at, value: change.value.clone() };
    Choice { label: entry.key.clone(), sets: entry.value.entries().iter().map(set).collect(), without: Vec::new() }
}

/// The seeds: `experiment.seeds` is a list, or how many to count up from `seed`.
pub(crate) fn seeds(sink: &mut Sink, tree: &Node, only: Option<u64>) -> Vec<u64> {
    let first = tree.get("seed").and_then(|node| sink.count(node, 0, u64::MAX)).unwrap_or(1);
    let node = tree.get("experiment").and_then(|node| node.get("seeds"));
    let seeds = match node {
        None => vec![first],
        Some(Node { value: Value::List(list), at }) => {
            let mut seeds: Vec<u64> = list.iter().filter_map(|item| sink.count(item, 0, u64::MAX)).collect();
            let all = seeds.len();
            seeds.sort_unstable();
            seeds.dedup();
            if seeds.len() != all {
                sink.error(*at, "a seed stands twice: the same run would be counted as two");
            }
            if list.is_empty() {
                sink.error(*at, "there are no seeds, so nothing runs");
            }
            seeds
        }
        Some(node) => {
            let count = sink.count(node, 1, SEEDS_MAX).unwrap_or(1);
            (0..count).map(|i| first.wrapping_add(i)).collect()
        }
    };
    only.map_or(seeds, |seed| vec![seed])
}
