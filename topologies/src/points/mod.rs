//! The points of an experiment: `--set`, `sweep`, `zip`, `sample`, `where`, `variants` and `seeds`.

mod keep;
mod range;
mod sample;
mod seeds;

use keep::Keep;
use range::Range;
pub(crate) use seeds::seeds;

use crate::emit;
use crate::read::{Sink, short};
use crate::yaml::{Entry, Mark, Node, Value};

/// More points than this are refused.
const POINTS_MAX: usize = 100_000;
/// More of them than this are refused before `where` leaves some out.
const GRID_MAX: usize = 1_000_000;

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

/// One way to vary the experiment: of a sweep one path, of a zip or a sample several that go together.
struct Dimension {
    names: Vec<String>,
    choices: Vec<Choice>,
}

#[derive(Clone, Default)]
struct Choice {
    /// A value of each name.
    labels: Vec<String>,
    sets: Vec<Set>,
    /// Workload entries that do not run.
    without: Vec<String>,
}

impl Choice {
    /// Puts another one beside it.
    fn join(&mut self, other: &Choice) {
        self.labels.extend(other.labels.iter().cloned());
        self.sets.extend(other.sets.iter().cloned());
        self.without.extend(other.without.iter().cloned());
    }
}

/// All ways to vary the experiment.
#[derive(Default)]
pub(crate) struct Dimensions {
    dimensions: Vec<Dimension>,
    /// They are those of a larger experiment, of which the file is one point.
    repeat: bool,
    /// The combinations that stay; all, where it is empty.
    kept: Vec<usize>,
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
        let before = sink.errors();
        let mut map = sink.map(node, "`experiment`");
        let mut out = map.get("variants").map(|variants| read_variants(sink, tree, variants)).unwrap_or_default();
        if let Some(sweep) = map.get("sweep") {
            sink.map(sweep, "`sweep`");
            for entry in sweep.entries() {
                let choices = choices(sink, entry);
                if choices.is_empty() {
                    sink.error(entry.at, format!("`{}` is swept over no values", short(&entry.key)));
                }
                twice(sink, &choices);
                out.push(Dimension { names: vec![entry.key.clone()], choices });
            }
        }
        if let Some(zip) = map.get("zip") {
            out.extend(sink.list(zip).into_iter().filter_map(|node| zipped(sink, node)));
        }
        out.extend(map.get("sample").and_then(|node| sample::read(sink, node)));
        let condition = map.get("where");
        map.get("seeds");
        map.finish(sink);
        let swept: Vec<&String> = out.iter().flat_map(|dimension| &dimension.names).collect();
        if let Some((_, name)) = swept.iter().enumerate().find(|(at, name)| swept[..*at].contains(name)) {
            sink.error(node.at, format!("`{}` is varied in two ways", short(name)));
        }
        for set in command_line {
            if let Some(swept) = swept.iter().find(|name| **name == &set.path) {
                let message = format!("`--set {}` has no effect: the experiment sweeps it", short(swept));
                sink.error(set.at, message)
                    .help
                    .push(format!("override the sweep: `--set experiment.sweep='{{ {}: [ … ] }}'`", set.path));
            }
        }
        let points = out.iter().try_fold(1usize, |points, dimension| points.checked_mul(dimension.choices.len()));
        let max = if condition.is_some() { GRID_MAX } else { POINTS_MAX };
        if points.is_none_or(|points| points > max) {
            sink.error(node.at, format!("the experiment has more than {max} points"));
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
        let mut dimensions = Dimensions { dimensions: out, ..Dimensions::default() };
        let keep = Keep::read(sink, condition);
        if condition.is_some() && sink.errors() == before {
            dimensions.keep(sink, node.at, &keep);
        }
        dimensions
    }

    /// Leaves out the points that a condition does not hold at.
    fn keep(&mut self, sink: &mut Sink, at: Mark, keep: &Keep) {
        let points: Vec<Vec<String>> = self.points().map(|point| point.values).collect();
        let names = self.names();
        let all = |at: usize| {
            let mut seen: Vec<String> = Vec::new();
            for point in &points {
                if !seen.contains(&point[at]) {
                    seen.push(point[at].clone());
                }
            }
            seen
        };
        let kept = keep.filter(sink, &names, &all, &points);
        self.kept = (0..points.len()).filter(|point| kept[*point]).collect();
        if self.kept.len() > POINTS_MAX {
            sink.error(at, format!("the experiment has more than {POINTS_MAX} points"));
            self.kept.truncate(1);
        }
    }

    /// `point: { wan.delay: 10 ms }`: what a point was made with stands in the file already.
    fn repeated(sink: &mut Sink, node: &Node) -> Dimensions {
        sink.map(node, "`point`");
        let dimension = |entry: &crate::yaml::Entry| {
            let text = match &entry.value.value {
                Value::Text(text) => text.clone(),
                _ => label(&entry.value),
            };
            let choice = Choice { labels: vec![text], ..Choice::default() };
            Dimension { names: vec![entry.key.clone()], choices: vec![choice] }
        };
        let dimensions = node.entries().iter().map(dimension).collect();
        Dimensions { dimensions, repeat: true, ..Dimensions::default() }
    }

    /// Whether the file is one point of a larger experiment.
    pub fn repeat(&self) -> bool {
        self.repeat
    }

    /// The dimensions' names.
    pub fn names(&self) -> Vec<String> {
        self.dimensions.iter().flat_map(|dimension| dimension.names.iter().cloned()).collect()
    }

    /// All combinations, the last dimension fastest.
    pub fn points(&self) -> impl Iterator<Item = PointSettings> {
        let count: usize = self.dimensions.iter().map(|dimension| dimension.choices.len()).product();
        let kept = if self.kept.is_empty() { (0..count).collect() } else { self.kept.clone() };
        kept.into_iter().map(|mut index| {
            let mut chosen: Vec<&Choice> = Vec::new();
            for dimension in self.dimensions.iter().rev() {
                chosen.push(&dimension.choices[index % dimension.choices.len()]);
                index /= dimension.choices.len();
            }
            let mut all = Choice::default();
            chosen.into_iter().rev().for_each(|choice| all.join(choice));
            PointSettings { values: all.labels, sets: all.sets, without: all.without }
        })
    }
}

/// A value as a point is called by it.
fn label(node: &Node) -> String {
    emit::inline(node).trim_matches('"').to_string()
}

/// The values of a path: each of a list, and those of ranges.
fn choices(sink: &mut Sink, entry: &Entry) -> Vec<Choice> {
    let choice = |value: Node| Choice {
        labels: vec![label(&value)],
        sets: vec![Set { path: entry.key.clone(), at: entry.at, value }],
        without: Vec::new(),
    };
    let mut choices: Vec<Choice> = Vec::new();
    for item in sink.list(&entry.value) {
        let range = match &item.value {
            Value::Text(text) => Range::read(text).map(|range| (text, range)),
            _ => None,
        };
        match range.map(|(text, range)| (text, range.and_then(|range| range.values()))) {
            None => choices.push(choice(item.clone())),
            Some((_, Ok(values))) => choices.extend(values.into_iter().map(|value| choice(value.node(item.at)))),
            Some((text, Err(wrong))) => {
                sample::refuse(sink, item, text, wrong);
                // So that nobody says that there is none, nor that it is no value.
                choices.push(Choice { labels: vec![text.clone()], ..Choice::default() });
            }
        }
    }
    choices
}

/// Reports the first choice that is there already.
fn twice(sink: &mut Sink, choices: &[Choice]) {
    for (index, choice) in choices.iter().enumerate() {
        if choices[..index].iter().any(|other| other.labels == choice.labels) {
            let at = choice.sets.first().map(|set| set.value.at).unwrap_or_default();
            sink.error(at, format!("`{}` stands twice in the sweep", short(&choice.labels.join(", "))));
        }
    }
}

/// `zip: { wan.rate: [10 Mbit/s, 100 Mbit/s], wan.queue.droptail.limit: [50 packets, 500 packets] }`: the first values together, then the second.
fn zipped(sink: &mut Sink, node: &Node) -> Option<Dimension> {
    sink.map(node, "`zip`");
    let mut zipped: Option<Dimension> = None;
    for entry in node.entries() {
        let choices = choices(sink, entry);
        let Some(zipped) = &mut zipped else {
            zipped = Some(Dimension { names: vec![entry.key.clone()], choices });
            continue;
        };
        let (first, count) = (&zipped.names[0], zipped.choices.len());
        if choices.len() != count {
            let message = format!(
                "`{}` has {}, and `{}` {}",
                short(&entry.key),
                values(choices.len()),
                short(first),
                values(count)
            );
            sink.error(entry.at, message)
                .help
                .push("what is zipped has as many values as its neighbours; `sweep` combines all with all".into());
            return None;
        }
        zipped.choices.iter_mut().zip(&choices).for_each(|(all, choice)| all.join(choice));
        zipped.names.push(entry.key.clone());
    }
    match &zipped {
        Some(zipped) if !zipped.choices.is_empty() => twice(sink, &zipped.choices),
        _ => {
            sink.error(node.at, "nothing is zipped")
                .help
                .push("as in `zip: { wan.rate: [1 Mbit/s, 2 Mbit/s], wan.delay: [20 ms, 10 ms] }`".into());
            return None;
        }
    }
    zipped
}

fn values(count: usize) -> String {
    if count == 1 { "1 value".into() } else { format!("{count} values") }
}

fn read_variants(sink: &mut Sink, tree: &Node, variants: &Node) -> Vec<Dimension> {
    let (mut out, mut named) = (Vec::new(), Vec::new());
    sink.map(variants, "`variants`");
    for entry in variants.entries() {
        match &entry.value.value {
            Value::List(list) if entry.key == "workload" => out.extend(one_of(sink, tree, list, entry.at)),
            Value::List(_) => {
                let message = format!("`{}` is neither a variant's changes nor `workload`", short(&entry.key));
                sink.error(entry.at, message).help.push(
                    "`workload: [a, b]` runs one of them at a time; `codel: { wan.queue: codel }` names a variant"
                        .into(),
                );
            }
            _ => named.push(variant(sink, entry)),
        }
    }
    if !named.is_empty() {
        out.push(Dimension { names: vec!["variant".into()], choices: named });
    }
    out
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
        labels: vec![name.clone()],
        sets: Vec::new(),
        without: names.iter().filter(|other| *other != name).cloned().collect(),
    });
    Some(Dimension { names: vec!["workload".into()], choices: choices.collect() })
}

/// `codel: { wan.queue: codel }`: a variant by name, a change for each path. Nothing changed is the file as it stands.
fn variant(sink: &mut Sink, entry: &Entry) -> Choice {
    crate::spec::nodes::check_name(sink, &entry.key, entry.at, "a variant");
    sink.map(&entry.value, "a variant");
    let set = |change: &Entry| Set { path: change.key.clone(), at: change.at, value: change.value.clone() };
    Choice {
        labels: vec![entry.key.clone()],
        sets: entry.value.entries().iter().map(set).collect(),
        without: Vec::new(),
    }
}
