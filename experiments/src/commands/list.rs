//! `clockwire list`: what there is, from the registries.

use std::path::PathBuf;

use serde_json::{Value, json};
use sim_core::{Kind, LINK_MODELS, ParamHelp, QUEUES, QueueConfig, describe, link_model_parameters};
use sim_protocols::tcp::cc::{CONTROLS, ControlConfig};
use sim_protocols::{APPS, AppConfig, SERVICES, ServiceConfig, tcp};
use topologies::{GENERATORS, KEYS, Key, LISTED_LOSS, Takes};

use super::Done;
use crate::cli::ListOptions;
use crate::expect::{FUNCTIONS, STATISTICS};
use crate::run::tables;
use crate::say::say;

/// The groups, each with what it is.
const GROUPS: &[(&str, &str)] = &[
    ("experiments", "files below `experiments/`"),
    ("topologies", "files below `topologies/`, for `topology:`"),
    ("file", "the keys of an experiment file, section by section"),
    ("generators", "kinds of `generate:`"),
    ("services", "kinds of a service"),
    ("applications", "kinds of a workload entry"),
    ("controls", "congestion controls, for `tcp: { cc: … }`"),
    ("tcp", "settings of `tcp:`, of all hosts, a host or a workload entry"),
    ("queues", "kinds of a link's `queue:`"),
    ("links", "what else a link may do"),
    ("tables", "for `outputs: { tables: […] }`; their columns are what expectations name"),
    ("plots", "kinds of figures, for `outputs: { plots: […] }`"),
    ("functions", "for `expect:` and `outputs: { summary: … }`"),
];

/// Something that has a name, with its parameters or columns.
struct Thing {
    name: String,
    help: String,
    details: Vec<Detail>,
}

/// A parameter, a key or a column.
struct Detail {
    name: String,
    /// What it takes, or the unit that it is in.
    takes: String,
    /// Empty where there is none, or none that is a value.
    default: String,
    help: String,
}

impl Detail {
    fn new(name: &str, takes: impl Into<String>, help: &str) -> Detail {
        Detail { name: name.into(), takes: takes.into(), default: String::new(), help: help.into() }
    }

    fn line(&self) -> String {
        match (self.takes.as_str(), self.default.as_str()) {
            ("", _) => self.help.clone(),
            (takes, "") => format!("{} ({takes})", self.help),
            (takes, default) => format!("{} ({takes}; {default} when not given)", self.help),
        }
    }
}

/// Names what there is: of all groups in a line each, of one group or one thing with all details.
pub fn list(options: &ListOptions) -> Done {
    let known: Vec<&str> = groups().collect();
    let wanted = match options.group.as_deref() {
        None => known.clone(),
        Some(group) => {
            // `queue` means `queues`.
            let found = known.iter().find(|known| **known == group || known.strip_suffix('s') == Some(group));
            vec![*found.ok_or_else(|| unknown("group", group, &known))?]
        }
    };
    let mut found = Vec::new();
    for group in wanted {
        let mut things = things(group);
        if let Some(name) = options.name.as_deref() {
            let names: Vec<String> = things.iter().map(|thing| thing.name.clone()).collect();
            // A path to a file as it is written, too.
            things.retain(|thing| thing.name == name);
            if things.is_empty() {
                return Err(unknown(group, name, &names.iter().map(String::as_str).collect::<Vec<_>>()));
            }
        }
        found.push((group, things));
    }
    if options.json {
        say!("{:#}", json(&found));
    } else if options.csv {
        let rows = csv(&found).map_err(|why| format!("error: the list cannot be written: {why}\n"))?;
        say!("{}", rows.trim_end());
    } else {
        people(options, &found);
    }
    Ok(true)
}

fn people(options: &ListOptions, found: &[(&str, Vec<Thing>)]) {
    if options.group.is_some() {
        for (group, things) in found {
            print(things, true);
            if let (Some(name), [thing]) = (&options.name, things.as_slice()) {
                example(group, name, thing).iter().for_each(|example| say!("\n  as in  {example}"));
            }
        }
        return;
    }
    for (at, (group, things)) in found.iter().enumerate() {
        let what = GROUPS.iter().find(|(name, _)| name == group).map_or("", |(_, what)| what);
        say!("{}{group}: {what}", if at > 0 { "\n" } else { "" });
        print(things, false);
    }
    say!("\n`clockwire list GROUP [NAME]` tells the parameters, units and defaults.");
}

/// For programs: each thing with its details.
fn json(found: &[(&str, Vec<Thing>)]) -> Value {
    let detail = |detail: &Detail| {
        let default = (!detail.default.is_empty()).then_some(&detail.default);
        json!({ "name": detail.name, "takes": detail.takes, "default": default, "help": detail.help })
    };
    let things = found.iter().flat_map(|(group, things)| {
        things.iter().map(move |thing| {
            let details: Vec<Value> = thing.details.iter().map(detail).collect();
            json!({ "group": group, "name": thing.name, "help": thing.help, "details": details })
        })
    });
    Value::Array(things.collect())
}

/// For spreadsheets: a row for each detail, and one for each thing that has none.
fn csv(found: &[(&str, Vec<Thing>)]) -> Result<String, csv::Error> {
    let mut out = csv::Writer::from_writer(Vec::new());
    out.write_record(["group", "thing", "name", "takes", "default", "help"])?;
    for &(group, ref things) in found {
        for thing in things {
            if thing.details.is_empty() {
                out.write_record([group, thing.name.as_str(), "", "", "", thing.help.as_str()])?;
            }
            for detail in &thing.details {
                let Detail { name, takes, default, help } = detail;
                let cells = [name, takes, default, help].map(String::as_str);
                out.write_record([group, thing.name.as_str()].into_iter().chain(cells))?;
            }
        }
    }
    out.flush()?;
    Ok(String::from_utf8_lossy(out.get_ref()).into_owned())
}

/// Where a thing stands in a file.
fn example(group: &str, name: &str, thing: &Thing) -> Option<String> {
    // The first parameters that have a default say how values are written.
    let given = thing.details.iter().filter(|detail| !detail.default.is_empty() && !detail.name.contains('.'));
    let given: Vec<String> = given.take(2).map(|detail| format!("{}: {}", detail.name, detail.default)).collect();
    let kind = if given.is_empty() { name.to_string() } else { format!("{{ {name}: {{ {} }} }}", given.join(", ")) };
    match group {
        "queues" => Some(format!("links: [ a -- b: {{ rate: 10 Mbit/s, queue: {kind} }} ]")),
        "controls" => Some(format!("hosts: {{ sender: {{ tcp: {{ cc: {kind} }} }} }}")),
        "tables" => Some(format!("outputs: {{ tables: [{name}] }}")),
        "plots" => Some(format!("outputs: {{ plots: [{name}] }}")),
        "tcp" => {
            let value = thing.help.rsplit_once("; ").and_then(|(_, rest)| rest.strip_suffix(" when not given)"))?;
            Some(format!("defaults: {{ host: {{ tcp: {{ {name}: {value} }} }} }}"))
        }
        _ => None,
    }
}

/// The names of all groups.
pub fn groups() -> impl Iterator<Item = &'static str> {
    GROUPS.iter().map(|(name, _)| *name)
}

/// What to say of a name that is not there.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let near = crate::expect::meant(name, known);
    let near = if near.is_empty() { String::new() } else { format!("{near} ") };
    format!("error: there is no `{name}` among the {what}\n = help: {near}there are {}\n", known.join(", "))
        .replace("among the group", "group")
}

fn things(group: &str) -> Vec<Thing> {
    let thing = |name: &str, help: &str, details: Vec<Detail>| Thing { name: name.into(), help: help.into(), details };
    let keys =
        |keys: &[Key]| keys.iter().map(|(key, help, takes)| Detail::new(key, takes_words(takes), help)).collect();
    match group {
        "experiments" | "topologies" => files(group),
        "generators" => GENERATORS.iter().map(|entry| thing(entry.name, entry.help, keys(entry.params))).collect(),
        "file" => KEYS.iter().map(|section| thing(section.name, section.help, keys(section.keys))).collect(),
        "controls" => CONTROLS
            .iter()
            .map(|entry| {
                let found = describe(|params| _ = ControlConfig::read(entry.name, params));
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "queues" => QUEUES
            .iter()
            .map(|entry| {
                let found = describe(|params| _ = QueueConfig::read(entry.name, params));
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "services" => SERVICES
            .iter()
            .map(|entry| {
                let found = describe(|params| _ = ServiceConfig::read(entry.name, params));
                thing(entry.name, &format!("{}; port {}", entry.help, entry.port), parameters(found))
            })
            .collect(),
        "applications" => APPS
            .iter()
            .map(|entry| {
                let found = describe(|params| _ = AppConfig::read(entry.name, params));
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "links" => LINK_MODELS
            .iter()
            .map(|entry| {
                let details = match entry.name {
                    "loss.list" => keys(LISTED_LOSS),
                    name => parameters(link_model_parameters(name)),
                };
                thing(entry.name, entry.help, details)
            })
            .collect(),
        "tcp" => {
            let base = tcp::Config::default();
            let found = describe(|params| _ = tcp::Config::read(&base, params));
            parameters(found).iter().map(|detail| thing(&detail.name, &detail.line(), Vec::new())).collect()
        }
        "plots" => plots::kinds()
            .iter()
            .map(|kind| {
                let details = kind.accepts().map(|key| Detail::new(key.name, plot_words(key.takes), key.help));
                let tables = kind.tables.join(", ");
                let help = if tables.is_empty() { kind.help.into() } else { format!("{}; from {tables}", kind.help) };
                thing(kind.name, &help, details.collect())
            })
            .collect(),
        "tables" => tables()
            .into_iter()
            .map(|table| {
                let columns =
                    table.columns.iter().map(|column| Detail::new(column.name, unit(column.kind), column.help));
                let time = Detail::new("time_s", unit(Kind::Time), "the moment of the row");
                thing(table.name, table.help, std::iter::once(time).chain(columns).collect())
            })
            .collect(),
        _ => {
            let mut found: Vec<Thing> = FUNCTIONS.iter().map(|(name, help)| thing(name, help, Vec::new())).collect();
            let names: Vec<&str> = STATISTICS.iter().map(|(name, _)| *name).filter(|name| *name != "count").collect();
            let help = "percentiles too: p50, p95, p99, p999; behind a metric (`web.latency.p99`) or as a function";
            found.push(thing(&names.join(", "), help, Vec::new()));
            found
        }
    }
}

fn parameters(found: Vec<ParamHelp>) -> Vec<Detail> {
    let detail =
        |param: ParamHelp| Detail { default: param.default, ..Detail::new(&param.key, param.what, param.help) };
    found.into_iter().map(detail).collect()
}

/// What a key of a file takes, where its help does not say it already.
fn takes_words(takes: &Takes) -> String {
    match takes {
        Takes::Count(min, u64::MAX) => format!("a whole number, {min} or more"),
        Takes::Count(min, max) if min == max => format!("{min}"),
        Takes::Count(min, max) => format!("a whole number from {min} to {max}"),
        Takes::Unit(quantity) => format!("{}, as in {}", quantity.what(), quantity.example()),
        Takes::Words(words) => words().join(", "),
        Takes::Flag => "true or false".into(),
        _ => String::new(),
    }
}

fn plot_words(takes: plots::Takes) -> String {
    match takes {
        plots::Takes::Text => "a text, or several".into(),
        plots::Takes::Flows => "flows by name or pattern".into(),
        plots::Takes::Links => "links by name or pattern".into(),
        plots::Takes::Flag => "true or false".into(),
        plots::Takes::Words(words) => words.join(", "),
        plots::Takes::Time => "a span of time".into(),
        plots::Takes::Count => "a whole number".into(),
    }
}

/// The unit of a column, or what stands in it.
pub fn unit(kind: Kind) -> String {
    match kind {
        Kind::Count => "a number".into(),
        Kind::Time => "seconds".into(),
        Kind::Bytes => "bytes".into(),
        Kind::Rate => "bit/s".into(),
        Kind::Ratio => "a fraction of one".into(),
        Kind::Node => "a node's name".into(),
        Kind::Port => "a direction of a link".into(),
        Kind::Flow => "a flow's name".into(),
        Kind::Workload => "the name of a workload entry".into(),
        Kind::Word(words) => format!("one of {}", words.join(", ")),
        Kind::Text => "a text".into(),
        Kind::Address => "an address".into(),
        Kind::Flag => "0 or 1".into(),
        Kind::Bits(names) => format!("those that are set of {}, between `|`", names.join(", ")),
    }
}

fn print(things: &[Thing], details: bool) {
    let width = things.iter().map(|thing| thing.name.chars().count()).max().unwrap_or(0).clamp(10, 48);
    for thing in things {
        say!("  {:width$}  {}", thing.name, thing.help);
        let inner = thing.details.iter().map(|detail| detail.name.chars().count()).max().unwrap_or(0);
        for detail in thing.details.iter().filter(|_| details) {
            say!("      {:inner$}  {}", detail.name, detail.line());
        }
    }
}

/// YAML files of a folder, each with the first sentence of its header.
fn files(folder: &str) -> Vec<Thing> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from(folder)];
    while let Some(folder) = folders.pop() {
        for path in std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if path.is_dir() && !matches!(name.as_str(), "src" | "tests") {
                folders.push(path);
            } else if name.ends_with(".yaml") {
                found.push(path);
            }
        }
    }
    found.sort();
    if found.is_empty() {
        let name = format!("(there is no folder `{folder}` here)");
        return vec![Thing { name, help: String::new(), details: Vec::new() }];
    }
    let thing = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let help = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default().to_string();
        Thing { name: path.display().to_string(), help, details: Vec::new() }
    };
    found.into_iter().map(thing).collect()
}
