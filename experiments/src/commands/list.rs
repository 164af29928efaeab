//! `clockwire list`: what there is, from the registries.

use std::path::PathBuf;

use sim_core::{Jitter, JitterShape, LINK_MODELS, Loss, ParamHelp, QUEUES, QueueConfig, Reorder, describe};
use sim_protocols::tcp::cc::{CONTROLS, ControlConfig};
use sim_protocols::{APPS, AppConfig, SERVICES, ServiceConfig, tcp};
use topologies::{GENERATORS, KEYS, Key};

use super::Done;
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
    details: Vec<(String, String)>,
}

/// Names what there is: of all groups in a line each, of one group or one thing with all details.
pub fn list(group: Option<&str>, name: Option<&str>) -> Done {
    let Some(group) = group else {
        for (at, (group, what)) in GROUPS.iter().enumerate() {
            say!("{}{group}: {what}", if at > 0 { "\n" } else { "" });
            print(&things(group), false);
        }
        say!("\n`clockwire list GROUP [NAME]` tells the parameters, units and defaults.");
        return Ok(true);
    };
    let known: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    // `queue` means `queues`.
    let Some(found) = known.iter().find(|known| **known == group || known.strip_suffix('s') == Some(group)) else {
        return Err(unknown("group", group, &known));
    };
    let mut things = things(found);
    if let Some(name) = name {
        let names: Vec<String> = things.iter().map(|thing| thing.name.clone()).collect();
        things.retain(|thing| thing.name == name);
        if things.is_empty() {
            return Err(unknown(found, name, &names.iter().map(String::as_str).collect::<Vec<_>>()));
        }
    }
    print(&things, true);
    Ok(true)
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
    let thing = |name: &str, help: &str, details: Vec<(String, String)>| Thing {
        name: name.into(),
        help: help.into(),
        details,
    };
    let keys = |keys: &[Key]| keys.iter().map(|(key, help, _)| (key.to_string(), help.to_string())).collect();
    match group {
        "experiments" | "topologies" => files(group),
        "generators" => GENERATORS.iter().map(|entry| thing(entry.name, entry.help, keys(entry.params))).collect(),
        "file" => KEYS.iter().map(|section| thing(section.name, section.help, keys(section.keys))).collect(),
        "controls" => CONTROLS
            .iter()
            .map(|entry| {
                let found = describe(|params| {
                    ControlConfig::read(entry.name, params);
                });
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "queues" => QUEUES
            .iter()
            .map(|entry| {
                let found = describe(|params| {
                    QueueConfig::read(entry.name, params);
                });
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "services" => SERVICES
            .iter()
            .map(|entry| {
                let found = describe(|params| {
                    ServiceConfig::read(entry.name, params);
                });
                thing(entry.name, &format!("{}; port {}", entry.help, entry.port), parameters(found))
            })
            .collect(),
        "applications" => APPS
            .iter()
            .map(|entry| {
                let found = describe(|params| {
                    AppConfig::read(entry.name, params);
                });
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "links" => LINK_MODELS
            .iter()
            .map(|entry| {
                let found = describe(|params| match entry.name {
                    "jitter" => drop(Jitter::read(JitterShape::Uniform, params)),
                    "reorder" => drop(Reorder::read(params)),
                    name => drop(Loss::read(name.strip_prefix("loss.").unwrap_or_default(), params)),
                });
                thing(entry.name, entry.help, parameters(found))
            })
            .collect(),
        "tcp" => {
            let base = tcp::Config::default();
            let found = describe(|params| {
                tcp::Config::read(&base, params);
            });
            parameters(found).into_iter().map(|(key, help)| thing(&key, &help, Vec::new())).collect()
        }
        "plots" => plots::kinds()
            .iter()
            .map(|kind| {
                let keys = kind.accepts().map(|key| (key.name.to_string(), key.help.to_string()));
                thing(kind.name, kind.help, keys.collect())
            })
            .collect(),
        "tables" => tables()
            .into_iter()
            .map(|table| {
                let columns = table.columns.iter().map(|column| (column.name.to_string(), column.help.to_string()));
                let time = ("time_s".to_string(), "the moment of the row".to_string());
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

fn parameters(found: Vec<ParamHelp>) -> Vec<(String, String)> {
    let text = |param: &ParamHelp| match param.default.as_str() {
        "" => format!("{} ({})", param.help, param.what),
        default => format!("{} ({}; {default} when not given)", param.help, param.what),
    };
    found.iter().map(|param| (param.key.to_string(), text(param))).collect()
}

fn print(things: &[Thing], details: bool) {
    let width = things.iter().map(|thing| thing.name.chars().count()).max().unwrap_or(0).clamp(10, 48);
    for thing in things {
        say!("  {:width$}  {}", thing.name, thing.help);
        let inner = thing.details.iter().map(|(key, _)| key.chars().count()).max().unwrap_or(0);
        for (key, help) in thing.details.iter().filter(|_| details) {
            say!("      {key:inner$}  {help}");
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
