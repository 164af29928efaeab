//! `clockwire check` and `show`: looking without running.

use std::path::{Path, PathBuf};

use topologies::{Experiment, NodeKind, Plan};

use super::{Done, load};
use crate::cli::Overrides;
use crate::quantity::{Dimension, show};
use crate::queues;
use crate::run::wanted_tables;
use crate::say::{complain, say};
use crate::summary::grid;

/// The most rows of a kind.
const ROWS_MAX: usize = 40;

/// Reads and resolves files.
pub fn check(files: &[PathBuf], overrides: &Overrides, quiet: bool) -> Done {
    let mut wrong = String::new();
    for file in files {
        match load(file, overrides) {
            Err(error) => wrong.push_str(&error),
            Ok(loaded) => {
                if !quiet {
                    say!("{}: {}", file.display(), describe(&loaded.experiment));
                }
                complain!("{}", loaded.experiment.warnings);
            }
        }
    }
    if wrong.is_empty() { Ok(true) } else { Err(wrong) }
}

fn describe(experiment: &Experiment) -> String {
    let plan = &experiment.points[0].plan;
    let (points, seeds) = (experiment.points.len(), experiment.seeds.len());
    let kinds = |kind| plan.nodes.iter().filter(|node| node.kind == kind).count();
    let mut text = [
        count(kinds(NodeKind::Host), "host"),
        count(kinds(NodeKind::Router), "router"),
        count(plan.links.len(), "link"),
        count(plan.flows.len(), "flow"),
    ]
    .join(", ");
    text.push_str(&format!("; {} × {} of {}\n", count(points, "point"), count(seeds, "seed"), plan.stop));
    if points > 1 {
        let labels: Vec<String> =
            experiment.points.iter().take(ROWS_MAX).map(|point| experiment.label(&point.values)).collect();
        text.push_str(&format!("points: {}\n", labels.join("; ")));
        text.push_str(&format!("what follows is the first, {}\n", labels[0]));
    }
    text.push('\n');
    text.push_str(&nodes(plan));
    text.push_str(&ports(plan));
    text.push_str(&flows(plan));
    text.push_str(&routes(plan));
    let tables: Vec<&str> = wanted_tables(plan).iter().map(|table| table.name).collect();
    text.push_str(&format!("tables: {}\n", tables.join(", ")));
    if !plan.outputs.captures.is_empty() {
        let points = plan.outputs.captures.iter().map(|capture| plan.ports[capture.port as usize].config.name.as_str());
        text.push_str(&format!("captured at: {}\n", points.collect::<Vec<_>>().join(", ")));
    }
    let plots: Vec<&str> = plan.outputs.plots.iter().map(|plot| plot.kind.name.as_str()).collect();
    if !plots.is_empty() {
        text.push_str(&format!("figures: {}\n", plots.join(", ")));
    }
    for expect in &experiment.expect {
        text.push_str(&format!("expected: {}\n", expect.check));
    }
    text
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A table of at most so many rows.
fn table(head: &[&str], rows: impl Iterator<Item = Vec<String>>) -> String {
    let mut grid = grid(head);
    let mut all = 0;
    for row in rows {
        all += 1;
        if all <= ROWS_MAX {
            grid.add_row(row);
        }
    }
    match all {
        0 => String::new(),
        all if all > ROWS_MAX => format!("{grid}\nand {} more\n\n", all - ROWS_MAX),
        _ => format!("{grid}\n\n"),
    }
}

fn nodes(plan: &Plan) -> String {
    let rows = plan.nodes.iter().map(|node| {
        let ports = &plan.ports[node.ports.start as usize..node.ports.end as usize];
        let mut addresses: Vec<String> =
            ports.iter().take(8).map(|port| format!("{}/{}", port.address, port.prefix)).collect();
        if ports.len() > 8 {
            addresses.push(format!("and {} more", ports.len() - 8));
        }
        let kind = if node.kind == NodeKind::Host { "host" } else { "router" };
        vec![node.name.clone(), kind.into(), addresses.join(" ")]
    });
    table(&["node", "kind", "addresses"], rows)
}

fn ports(plan: &Plan) -> String {
    let rows = (0_u32..).zip(&plan.ports).filter(|(_, port)| !port.config.blocked).map(|(at, port)| {
        let rate = port.rate().map_or_else(|| "infinite".into(), |rate| rate.to_string());
        let product =
            queues::product(plan, at).map_or_else(String::new, |bytes| show(bytes * 8.0, Dimension::DATA, false));
        let queue = format!("{}: {}", port.config.queue.name(), queues::words(plan, at));
        vec![port.config.name.clone(), rate, port.config.delay.to_string(), product, queue]
    });
    table(&["link", "rate", "delay", "BDP", "queue, how long it is at line rate, and in BDPs"], rows)
}

fn flows(plan: &Plan) -> String {
    let name = |node: u32| plan.nodes[node as usize].name.clone();
    let rows = plan.flows.iter().map(|flow| {
        let cc = if flow.is_tcp() { flow.tcp[0].cc.name() } else { "" };
        let ways = [plan.path(flow.from, flow.to), plan.path(flow.to, flow.from)];
        let delay =
            |ports: &Vec<u32>| ports.iter().map(|port| plan.ports[*port as usize].config.delay.seconds()).sum::<f64>();
        let trip = match &ways {
            [Some(there), Some(back)] => show(delay(there) + delay(back), Dimension::TIME, false),
            _ => "no way back".into(),
        };
        let way = ways[0].as_ref().map_or_else(String::new, |ports| way(plan, flow.from, ports));
        let app = flow.config.app.name().to_string();
        vec![
            flow.name.clone(),
            app,
            cc.into(),
            name(flow.from),
            name(flow.to),
            queues::moment(flow.config.start),
            trip,
            way,
        ]
    });
    table(&["flow", "application", "control", "from", "to", "start", "base RTT", "way"], rows)
}

/// `client → r1 → r2 → server`.
fn way(plan: &Plan, from: u32, ports: &[u32]) -> String {
    let node = |node: u32| plan.nodes[node as usize].name.clone();
    let mut names = vec![node(from)];
    names.extend(ports.iter().map(|port| node(plan.ports[plan.ports[*port as usize].peer as usize].node)));
    if names.len() > 8 {
        names.splice(4..names.len() - 3, ["…".to_string()]);
    }
    names.join(" → ")
}

fn routes(plan: &Plan) -> String {
    let rows = plan.nodes.iter().flat_map(|node| {
        node.tables[0].iter().map(move |route| {
            let hops: Vec<String> = route
                .hops
                .iter()
                .map(|hop| {
                    let port = &plan.ports[(node.ports.start + hop.port) as usize];
                    let via = hop.via.map_or_else(String::new, |via| format!(" via {via}"));
                    format!("{}{via}", port.config.name)
                })
                .collect();
            vec![node.name.clone(), format!("{}/{}", route.to, route.prefix), hops.join(", or ")]
        })
    });
    table(&["at", "to", "over"], rows)
}

/// Prints the flat file: of one point as it is, of several one after the other as YAML documents.
pub fn show_file(file: &Path, overrides: &Overrides) -> Done {
    let loaded = load(file, overrides)?;
    let experiment = &loaded.experiment;
    for (at, point) in experiment.points.iter().enumerate() {
        if experiment.points.len() > 1 {
            say!("{}# {}", if at > 0 { "---\n" } else { "" }, experiment.label(&point.values));
        }
        say!("{}", point.as_written(experiment.seeds[0]).trim_end());
    }
    complain!("{}", experiment.warnings);
    Ok(true)
}
