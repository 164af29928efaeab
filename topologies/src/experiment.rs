//! The way in: a file, its overrides, and what comes out as an [`Experiment`].

use std::collections::BTreeMap;
use std::path::Path;

use sim_core::{Prob, stable_hash};

use crate::diagnostics::{Diagnostics, Place, Severity};
use crate::plan::Plan;
use crate::points::{self, Dimensions};
use crate::quantity::Dimension;
use crate::read::Sink;
use crate::resolve::resolve;
use crate::spec::Spec;
use crate::yaml::{Entry, Mark, Node, Value};
use crate::{emit, files, generate, merge};

/// An experiment: all of its points, resolved.
#[derive(Clone, Debug)]
pub struct Experiment {
    /// Its `name:`, or the file's name.
    pub name: String,
    /// Its `about:`, what to look at.
    pub about: Option<String>,
    /// The question that the file answers, as its first comment says it: one line of text for each of its lines, without the marks.
    /// Empty where it begins with none.
    pub question: String,
    /// Whether it has a `point:`: it repeats one point of a larger experiment, as manifests do.
    pub repeats: bool,
    /// Sweep times variants, in file order, the last dimension fastest. At least one.
    pub points: Vec<Point>,
    /// The names of the dimensions in order: sweep paths and `variant`.
    pub dimensions: Vec<String>,
    /// The seeds of each point. At least one. With [`until`](Experiment::until) as many as there may be, of which the first ones run.
    pub seeds: Vec<u64>,
    /// What must be narrow before no more seeds run.
    pub until: Option<Until>,
    /// Expectations, verbatim.
    pub expect: Vec<Expect>,
    /// What is probably not meant.
    pub warnings: Diagnostics,
}

impl Experiment {
    /// What a point is called: `wan.delay=10 ms, variant=codel`; empty where the experiment has only one.
    pub fn label(&self, values: &[String]) -> String {
        let parts = self.dimensions.iter().zip(values).map(|(name, value)| format!("{name}={value}"));
        parts.collect::<Vec<_>>().join(", ")
    }

    /// A directory name for a point, empty where the experiment has only one: `wan.delay=10ms,variant=codel`. One that would be long ends in a number
    /// made from all of it instead.
    pub fn slug(&self, point: &Point) -> String {
        if self.repeats {
            return String::new();
        }
        let clean = |text: &str| -> String {
            let keep = |c: &char| c.is_ascii_alphanumeric() || "._%=-".contains(*c);
            text.chars().map(|c| if c == '/' { 'p' } else { c }).filter(keep).collect()
        };
        let parts = self.dimensions.iter().zip(&point.values).map(|(name, value)| clean(&format!("{name}={value}")));
        let parts: Vec<String> = parts.collect();
        let whole = parts.join(",");
        if whole.len() <= SLUG_MAX && parts.iter().all(|part| part.len() <= SLUG_PART_MAX) {
            return whole;
        }
        let short: Vec<&str> = parts.iter().map(|part| &part[..part.len().min(SLUG_PART_MAX)]).collect();
        let short = short.join(",");
        let hash = stable_hash(self.label(&point.values).as_bytes());
        format!("{},{:08x}", &short[..short.len().min(SLUG_MAX)], hash >> 32)
    }
}

/// One point of an experiment.
#[derive(Clone, Debug)]
pub struct Point {
    /// The value of each of [`Experiment::dimensions`], as written.
    pub values: Vec<String>,
    /// What runs.
    pub plan: Plan,
    /// What stands in the files that it names and that are not YAML, by the names that its flat file has for them: traces and tables.
    pub inputs: BTreeMap<String, String>,
    flat: String,
    as_written: String,
}

impl Point {
    /// The flat file of this point with one seed: includes, generators, overrides and sweep values are in it, and it runs
    /// again as it is.
    /// Where it names [`Point::inputs`], they must stand beside it.
    pub fn flat(&self, seed: u64) -> String {
        self.flat.replacen(SEED_LINE, &format!("seed: {seed}\n"), 1)
    }

    /// The same with the names of other files as they were written: it runs where the experiment's file lies.
    pub fn as_written(&self, seed: u64) -> String {
        self.as_written.replacen(SEED_LINE, &format!("seed: {seed}\n"), 1)
    }
}

/// An expectation, verbatim: whoever evaluates it reports at its place.
#[derive(Clone, Debug)]
pub struct Expect {
    /// The check: `wan.drops == 0`.
    pub check: String,
    /// Results that these must be the same as; then the check is but words.
    pub same_as: Option<SameAs>,
    /// With what confidence over the seeds it must hold.
    pub confidence: Option<Prob>,
    /// The points of the sweep that it is about: dimensions with the values that are meant. All, where there is none.
    pub point: Vec<(String, Vec<String>)>,
    /// Where it stands.
    pub place: Option<Place>,
    /// Its YAML path.
    pub path: String,
}

/// Results of another time that an experiment's must be the same as.
#[derive(Clone, Debug)]
pub struct SameAs {
    /// The text of their file, a `summary.json`.
    pub text: String,
    /// By how much, as a share of its value, the mean of a figure may differ; `None` where every event and every row must be the same.
    pub within: Option<Prob>,
    /// The figures that are compared, each with its place in the file; all where there is none.
    pub figures: Vec<(String, Option<Place>)>,
}

/// `seeds: { until: … }`: rounds of seeds until an interval is narrow at every point. All seeds of a round run before it is looked at, and all points have the
/// same seeds, so that neither threads nor what was there before change how many there are.
#[derive(Clone, Debug)]
pub struct Until {
    /// The expression, verbatim: one number for each run.
    pub measure: String,
    /// Where it stands.
    pub place: Option<Place>,
    /// Half the width at most, verbatim.
    pub within: String,
    /// Where it stands.
    pub within_place: Option<Place>,
    /// Half the width at most, in base units, or as a share of the mean.
    pub width: f64,
    /// What it measures.
    pub dimension: Dimension,
    /// Whether it is a share of the mean.
    pub relative: bool,
    /// The probability with which the interval holds the mean; 95 % when not given.
    pub confidence: f64,
    /// Seeds of the first round; 10 when not given.
    pub from: usize,
    /// Seeds of each later round; 5 when not given.
    pub round: usize,
    /// All seeds; 100 when not given.
    pub at_most: usize,
}

/// What the caller adds to a file.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// `--set` overrides: `links.wan.rate=50 Mbit/s`, in order, the last one wins.
    pub sets: Vec<String>,
    /// Replaces the file's seeds.
    pub seed: Option<u64>,
    /// Kinds of figures and the keys that each accepts, so that wrong ones are errors of the file. Empty: not checked.
    pub plots: Vec<(String, Vec<String>)>,
    /// Names of tables, likewise.
    pub tables: Vec<String>,
}

/// A folder's name is cut where it is longer: file systems take 255 bytes.
const SLUG_MAX: usize = 160;
/// What a dimension may have of it.
const SLUG_PART_MAX: usize = 60;
/// How the comment at the head of a manifest begins.
pub const WRITTEN_BY: &str = "Written by clockwire.";
/// Where the flat text gets its seed.
const SEED_LINE: &str = "seed: ~\n";

/// Reads a file and resolves all that it means.
///
/// # Errors
/// All that is wrong with it, warnings included.
pub fn load(path: &Path, options: &LoadOptions) -> Result<Experiment, Diagnostics> {
    let text = files::read(path).map_err(|diagnostic| Diagnostics::from(*diagnostic))?;
    let stem = path.file_stem().map_or_else(|| "experiment".into(), |stem| stem.to_string_lossy().into_owned());
    let dir = path.parent().unwrap_or(Path::new(""));
    load_text(&path.display().to_string(), &stem, &text, dir, options)
}

/// Reads a text as if it were a file: `file` is what messages call it, `name` the experiment's name where the text gives
/// none, `dir` the directory from which it names other files.
///
/// # Errors
/// All that is wrong with it, warnings included.
pub fn load_text(
    file: &str,
    name: &str,
    text: &str,
    dir: &Path,
    options: &LoadOptions,
) -> Result<Experiment, Diagnostics> {
    let mut sink = Sink::default();
    let mut tree = files::merged(&mut sink, file, text, dir);
    let sets = points::command_line(&mut sink, &options.sets);
    let Some(tree) = tree.as_mut().filter(|_| !sink.has_errors()) else { return Err(sink.drain(None)) };
    for set in sets.iter().filter(|set| set.is_early()) {
        merge::set(&mut sink, tree, &set.path, set.at, set.value.clone());
    }
    let dimensions = Dimensions::read(&mut sink, tree, &sets);
    let (seeds, until) = points::seeds(&mut sink, tree, options.seed);
    let named = text_of(&mut sink, tree, "name");
    if let (Some(node), Some(name)) = (tree.get("name"), &named) {
        crate::spec::nodes::check_name(&mut sink, name, node.at, "an experiment");
    }
    let mut experiment = Experiment {
        name: named.unwrap_or_else(|| name.to_string()),
        about: text_of(&mut sink, tree, "about"),
        question: question(text),
        repeats: dimensions.repeat(),
        points: Vec::new(),
        dimensions: dimensions.names(),
        seeds,
        until,
        expect: Vec::new(),
        warnings: Diagnostics::default(),
    };
    if !dimensions.names().is_empty() && !dimensions.repeat() {
        // What a sweep replaces is read too: a wrong value is wrong even where nothing uses it.
        sink.lenient = true;
        Spec::read(&mut sink, tree);
        sink.hosts.clear();
        sink.name_servers.clear();
        sink.lenient = false;
    }
    let mut all = sink.drain(Some(tree));
    let mut failed = 0;
    let one = experiment.dimensions.is_empty() || experiment.repeats;
    let alone = one && experiment.seeds.len() == 1;
    let mut throughout = None;
    for point in dimensions.points() {
        let mut tree = tree.clone();
        let values = point.values.clone();
        sink.swept.extend(point.sets.iter().flat_map(|set| set.marks()));
        let changes: Vec<_> = sets.iter().filter(|set| !set.is_early()).chain(&point.sets).collect();
        if let Some(plan) = resolve_point(&mut sink, &mut tree, &experiment.name, &changes, &point.without, options) {
            if experiment.points.is_empty() {
                experiment.expect = plan.1;
            }
            let as_written = flat(&tree, alone, &experiment.dimensions, &values);
            let inputs = std::mem::take(&mut sink.inputs);
            rename(&mut tree, &std::mem::take(&mut sink.renamed));
            let flat = flat(&tree, alone, &experiment.dimensions, &values);
            experiment.points.push(Point { values, plan: plan.0, inputs, flat, as_written });
            // A host that some point uses is not there in vain; a server that some point has can be left out.
            let here = std::mem::take(&mut sink.throughout);
            let before = throughout.get_or_insert_with(|| here.clone());
            before.retain(|at, _| here.contains_key(at));
        }
        let found = sink.drain(Some(&tree));
        failed += usize::from(found.has_errors());
        found.0.into_iter().for_each(|diagnostic| all.push(diagnostic));
        // What is wrong at three points is wrong at the others.
        if failed == 3 {
            break;
        }
    }
    for (at, (message, help)) in throughout.unwrap_or_default() {
        sink.warn(at, message).help = help;
    }
    sink.drain(Some(tree)).0.into_iter().for_each(|diagnostic| all.push(diagnostic));
    if all.has_errors() {
        return Err(all);
    }
    experiment.warnings = Diagnostics(all.of(Severity::Warning).cloned().collect());
    Ok(experiment)
}

fn resolve_point(
    sink: &mut Sink,
    tree: &mut Node,
    name: &str,
    changes: &[&points::Set],
    without: &[String],
    options: &LoadOptions,
) -> Option<(Plan, Vec<Expect>)> {
    // What a generator makes can be changed, so the generator's own numbers come first.
    for change in changes.iter().filter(|change| change.path.split('.').next() == Some("generate")) {
        merge::set(sink, tree, &change.path, change.at, change.value.clone());
    }
    if let Some(generate) = tree.get("generate").filter(|node| node.value != Value::Null).cloned() {
        let mut made = generate::expand(sink, &generate)?;
        merge::overlay(&mut made, std::mem::replace(tree, Node::empty_map(tree.at)));
        // What is wrong with something that was made is said of `generate`, so its path must be found first.
        if let Value::Map(sections) = &mut made.value {
            sections.sort_by_key(|section| section.key != "generate");
        }
        *tree = made;
    }
    for change in changes.iter().filter(|change| change.path.split('.').next() != Some("generate")) {
        merge::set(sink, tree, &change.path, change.at, change.value.clone());
    }
    if let Value::Map(sections) = &mut tree.value {
        for section in sections.iter_mut().filter(|section| section.key == "workload") {
            if let Value::Map(entries) = &mut section.value.value {
                entries.retain(|entry| !without.contains(&entry.key));
            }
        }
    }
    let spec = Spec::read(sink, tree);
    if sink.has_errors() {
        return None;
    }
    let plan = resolve(sink, name, &spec, options)?;
    let expect = spec.expect.iter().map(|expect| Expect {
        check: expect.check.value.clone(),
        same_as: expect.same_as.clone(),
        confidence: expect.confidence,
        point: expect.point.clone(),
        place: sink.sources.place(expect.check.at),
        path: String::new(),
    });
    let expect =
        expect.enumerate().map(|(index, expect)| Expect { path: format!("expect[{index}]"), ..expect }).collect();
    (!sink.has_errors()).then_some((plan, expect))
}

/// Gives names at these places another text.
fn rename(node: &mut Node, names: &BTreeMap<Mark, String>) {
    match &mut node.value {
        Value::Text(text) => names.get(&node.at).into_iter().for_each(|name| text.clone_from(name)),
        Value::List(items) => items.iter_mut().for_each(|item| rename(item, names)),
        Value::Map(entries) => entries.iter_mut().for_each(|entry| rename(&mut entry.value, names)),
        _ => {}
    }
}

/// The tree of a point as a file: what was merged into it is left out, and its seed is filled in later. What is expected of
/// several points or seeds together cannot be judged from one run, so then it is left out too; so is what names a file, for this one stands elsewhere.
fn flat(tree: &Node, alone: bool, dimensions: &[String], values: &[String]) -> String {
    let mut sections: Vec<_> = tree.entries().to_vec();
    sections.retain(|entry| alone || entry.key != "expect");
    sections.retain(|entry| {
        !matches!(entry.key.as_str(), "include" | "topology" | "generate" | "experiment" | "seed" | "point")
    });
    for section in sections.iter_mut().filter(|section| section.key == "expect") {
        if let Value::List(items) = &mut section.value.value {
            items.retain(|item| item.get("same_as").is_none());
        }
    }
    let order = |key: &str| crate::spec::SECTIONS.iter().position(|section| *section == key);
    let entry =
        |key: &str, value| Entry { key: key.into(), at: Mark::default(), value: Node { value, at: Mark::default() } };
    sections.push(entry("seed", Value::Null));
    if !dimensions.is_empty() {
        let values = dimensions.iter().zip(values).map(|(name, value)| entry(name, Value::Text(value.clone())));
        sections.push(entry("point", Value::Map(values.collect())));
    }
    sections.sort_by_key(|entry| order(&entry.key));
    let text = emit::file(&Node { value: Value::Map(sections), at: tree.at });
    text.replacen("seed:\n", SEED_LINE, 1)
}

/// The comment at the head of a file. That of a manifest says who has written it, which is no question.
fn question(text: &str) -> String {
    let head = text.trim_start_matches('\u{feff}').lines().map(str::trim_end);
    let head = head.skip_while(|line| line.is_empty()).map_while(|line| line.strip_prefix('#'));
    let lines: Vec<&str> = head.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    if lines.first().is_some_and(|first| first.starts_with(WRITTEN_BY)) {
        return String::new();
    }
    lines.join("\n").trim().to_string()
}

fn text_of(sink: &mut Sink, tree: &Node, key: &str) -> Option<String> {
    sink.text(tree.get(key)?).map(|text| text.value.to_string())
}

#[cfg(test)]
#[path = "experiment_tests.rs"]
mod tests;
