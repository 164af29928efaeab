//! `clockwire check`, `show`, `list`, `plot`: looking without running.

use std::path::{Path, PathBuf};

use comfy_table::{Table, presets};
use sim_core::{LINK_MODELS, ParamHelp, QUEUES, QueueConfig, describe};
use sim_protocols::tcp::cc::{CONTROLS, ControlConfig};
use sim_protocols::{APPS, AppConfig};
use topologies::{Experiment, GENERATORS, NodeKind, Plan};

use super::{Done, load};
use crate::cli::Overrides;
use crate::run::{request, tables};
use crate::summary::queue_words;

/// Reads and resolves files.
pub fn check(files: &[PathBuf], overrides: &Overrides, quiet: bool) -> Done {
    let mut wrong = String::new();
    for file in files {
        match load(file, overrides) {
            Err(error) => wrong.push_str(&error),
            Ok(loaded) => {
                eprint!("{}", loaded.experiment.warnings);
                if !quiet {
                    println!("{}: {}", file.display(), describe_experiment(&loaded.experiment));
                }
            }
        }
    }
    if wrong.is_empty() { Ok(true) } else { Err(wrong) }
}

/// The most rows of a kind.
const ROWS_MAX: usize = 40;

fn describe_experiment(experiment: &Experiment) -> String {
    let plan = &experiment.points[0].plan;
    let mut text = format!(
        "{} hosts and routers, {} links, {} flows, {} points, {} seeds, {} s each\n",
        plan.nodes.len(),
        plan.links.len(),
        plan.flows.len(),
        experiment.points.len(),
        experiment.seeds.len(),
        crate::seconds(plan.stop.ps()),
    );
    text.push_str(&nodes(plan));
    text.push_str(&ports(plan));
    text.push_str(&flows(plan));
    text
}

fn grid(head: &[&str], rows: Vec<Vec<String>>) -> String {
    let more = rows.len().saturating_sub(ROWS_MAX);
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_header(head);
    for row in rows.into_iter().take(ROWS_MAX) {
        table.add_row(row);
    }
    if more > 0 { format!("{table}\n… and {more} more\n") } else { format!("{table}\n") }
}

fn nodes(plan: &Plan) -> String {
    let rows = plan.nodes.iter().map(|node| {
        let ports = &plan.ports[node.ports.start as usize..node.ports.end as usize];
        let addresses: Vec<String> = ports.iter().map(|port| format!("{}/{}", port.address, port.prefix)).collect();
        let routes = node.tables.first().map_or(0, Vec::len);
        let kind = if node.kind == NodeKind::Host { "host" } else { "router" };
        vec![node.name.clone(), kind.into(), addresses.join(" "), format!("{routes} routes")]
    });
    grid(&["node", "kind", "addresses", "routes"], rows.collect())
}

fn ports(plan: &Plan) -> String {
    let rows = (0_u32..).zip(&plan.ports).filter(|(_, port)| !port.config.blocked).map(|(at, port)| {
        let rate = port.rate().map_or_else(|| "infinite".into(), |rate| rate.to_string());
        vec![port.config.name.clone(), rate, port.config.delay.to_string(), queue_words(plan, at)]
    });
    grid(&["link", "rate", "delay", "queue, at line rate, in bandwidth-delay products"], rows.collect())
}

fn flows(plan: &Plan) -> String {
    let name = |node: u32| plan.nodes[node as usize].name.clone();
    let rows = plan.flows.iter().map(|flow| {
        let cc = if flow.is_tcp() { flow.tcp[0].cc.name() } else { "" };
        let start = format!("{} s", crate::seconds(flow.config.start.ps()));
        vec![flow.name.clone(), flow.config.app.name().into(), cc.into(), name(flow.from), name(flow.to), start]
    });
    grid(&["flow", "application", "control", "from", "to", "start"], rows.collect())
}

/// Prints the flat file.
pub fn show(file: &Path, overrides: &Overrides) -> Done {
    let loaded = load(file, overrides)?;
    let experiment = &loaded.experiment;
    for (at, point) in experiment.points.iter().enumerate() {
        if experiment.points.len() > 1 {
            let separator = if at > 0 { "---\n" } else { "" };
            println!("{separator}# point {}: {}", at + 1, point.slug(&experiment.dimensions));
        }
        print!("{}", point.flat(experiment.seeds[0]));
    }
    Ok(true)
}

/// Redraws figures from a results folder: of each seed in it, by its manifest, or of the kinds given.
pub fn plot(results: &Path, kinds: &[String]) -> Done {
    let mut folders = Vec::new();
    find_runs(results, 0, &mut folders);
    if folders.is_empty() {
        return Err(format!("error: {}: no `manifest.yaml` here or below: not a results folder\n", results.display()));
    }
    for folder in folders {
        let requests: Vec<plots::Request> = if kinds.is_empty() {
            let loaded = load(&folder.join("manifest.yaml"), &Overrides::default())?;
            let plan = &loaded.experiment.points[0].plan;
            plan.outputs.plots.iter().map(request).filter(|request| request.kind != "sweep").collect()
        } else {
            kinds.iter().map(|kind| plots::Request::new(kind)).collect()
        };
        let drawn =
            plots::draw(&folder, &requests).map_err(|error| format!("error: {}: {error}\n", folder.display()))?;
        for figure in drawn {
            println!("{}", figure.png.display());
        }
    }
    Ok(true)
}

fn find_runs(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("manifest.yaml").is_file() {
        found.push(folder.to_path_buf());
    } else if depth < 3 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut inner: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        inner.sort();
        inner.iter().for_each(|path| find_runs(path, depth + 1, found));
    }
}

/// The groups of `list`.
const GROUPS: &[&str] =
    &["experiments", "topologies", "generators", "controls", "queues", "links", "applications", "plots", "tables"];

/// Names what there is.
pub fn list(group: Option<&str>) -> Done {
    if let Some(group) = group.filter(|group| !GROUPS.contains(group)) {
        let near =
            GROUPS.iter().min_by_key(|known| strsim::damerau_levenshtein(group, known)).expect("there are groups");
        return Err(format!(
            "error: there is no group `{group}`\n = help: did you mean `{near}`? groups: {}\n",
            GROUPS.join(", ")
        ));
    }
    for name in GROUPS.iter().filter(|name| group.is_none_or(|group| group == **name)) {
        println!("{name}:");
        match *name {
            "experiments" => files("experiments"),
            "topologies" => files("topologies"),
            "generators" => GENERATORS.iter().for_each(|entry| line(entry.name, entry.help)),
            "controls" => CONTROLS.iter().for_each(|entry| {
                line(entry.name, entry.help);
                parameters(describe(|params| {
                    ControlConfig::read(entry.name, params);
                }));
            }),
            "queues" => QUEUES.iter().for_each(|entry| {
                line(entry.name, entry.help);
                parameters(describe(|params| {
                    QueueConfig::read(entry.name, params);
                }));
            }),
            "links" => LINK_MODELS.iter().for_each(|entry| line(entry.name, entry.help)),
            "applications" => APPS.iter().for_each(|entry| {
                line(entry.name, entry.help);
                parameters(describe(|params| {
                    AppConfig::read(entry.name, params);
                }));
            }),
            "plots" => plots::kinds().iter().for_each(|kind| {
                line(kind.name, kind.help);
                kind.accepts().for_each(|key| println!("    {:22} {}", key.name, key.help));
            }),
            _ => tables().iter().for_each(|table| {
                line(table.name, table.help);
                table.columns.iter().for_each(|column| println!("    {:22} {}", column.name, column.help));
            }),
        }
    }
    Ok(true)
}

fn line(name: &str, help: &str) {
    println!("  {name:24} {help}");
}

fn parameters(found: Vec<ParamHelp>) {
    for param in found {
        let default = if param.default.is_empty() { String::new() } else { format!(" [{}]", param.default) };
        println!("    {:22} {}: {}{default}", param.key, param.what, param.help);
    }
}

/// YAML files of a folder of this repository, each with the first line of its header.
fn files(folder: &str) {
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
        println!("  (none: there is no folder `{folder}` here)");
    }
    for path in found {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let head = text.lines().next().and_then(|line| line.strip_prefix("# ")).unwrap_or_default();
        println!("  {:44} {head}", path.display().to_string());
    }
}
