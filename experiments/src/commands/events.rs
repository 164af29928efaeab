//! `clockwire events`: what the engine did, event by event; and how two runs are told apart by it.

use serde::{Deserialize, Serialize};
use sim_core::{Audit, Audited, EventKey, EventRecord, Parting, Span, Time};
use topologies::Plan;

use super::{Done, load, point_of};
use crate::cells;
use crate::cli::EventsOptions;
use crate::run::{How, simulate};
use crate::say::say;

/// An event, as JSON has it.
#[derive(Serialize, Deserialize)]
struct Event {
    time_ps: u64,
    /// The word of the node that made it (its number and one; 0 is the engine), and that node's counter: with the time, what it is known by.
    source: u32,
    counter: u64,
    /// The node that saw it.
    node: u32,
    kind: String,
    subject: u64,
    length: u32,
}

/// What is printed as JSON.
#[derive(Serialize, Deserialize, Default)]
struct Listing {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    slices: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    events: Vec<Event>,
}

/// Prints the events of a run.
pub fn events(options: &EventsOptions) -> Done {
    let loaded = load(&options.file, &options.overrides)?;
    let point = point_of(&loaded.experiment, options.point)?;
    let (plan, seed) = (&loaded.experiment.points[point].plan, loaded.experiment.seeds[0]);
    let audit = match options.slices {
        Some(_) if options.every == Some(Span::ZERO) => return Err("error: `--every` is longer than nothing\n".into()),
        Some(0) => return Err("error: `--slices` is one or more\n".into()),
        Some(slices) => {
            Audit::Slices(slices, options.every.unwrap_or(Span::from_ps(plan.stop.ps() / u64::from(slices) + 1)))
        }
        None => Audit::Events(options.from, options.to.unwrap_or(plan.stop)),
    };
    let (outcome, _) = simulate(plan, seed, How { audit, ..How::default() }, &|_| {});
    let seen = Audited::from(outcome);
    if options.json || options.slices.is_some() {
        say!("{}", to_json(&seen));
    } else {
        let name = node_name(plan);
        seen.events.iter().for_each(|event| say!("{}", line(event, &name)));
    }
    Ok(true)
}

/// What an audit has seen, as JSON.
fn to_json(seen: &Audited) -> String {
    let event = |event: &EventRecord| Event {
        time_ps: event.key.time().ps(),
        source: event.key.maker(),
        counter: event.key.counter(),
        node: event.node,
        kind: event.kind.into(),
        subject: event.subject,
        length: event.length,
    };
    let listing = Listing { slices: seen.slices.clone(), events: seen.events.iter().map(event).collect() };
    serde_json::to_string(&listing).expect("plain data is JSON")
}

/// Reads what a program has printed.
///
/// # Errors
/// Where it is nothing of the kind.
pub fn from_json(text: &str) -> Result<Audited, String> {
    let listing: Listing = serde_json::from_str(text).map_err(|why| why.to_string())?;
    let event = |event: Event| {
        if !EventKey::fits(event.source, event.counter) {
            return Err(format!("there is no event {} of node {}", event.counter, event.source));
        }
        let kind = EventRecord::KINDS.into_iter().find(|kind| *kind == event.kind);
        Ok(EventRecord {
            key: EventKey::new(Time::from_ps(event.time_ps), event.source, event.counter),
            node: event.node,
            kind: kind.ok_or_else(|| format!("`{}` is no kind of event", event.kind))?,
            subject: event.subject,
            length: event.length,
        })
    };
    let events = listing.events.into_iter().map(event).collect::<Result<_, String>>()?;
    Ok(Audited { slices: listing.slices, events })
}

/// The name of a node of a plan.
pub fn node_name(plan: &Plan) -> impl Fn(u32) -> String {
    let names: Vec<String> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    move |node| names.get(node as usize).cloned().unwrap_or_else(|| format!("node {node}"))
}

/// An event in a line: when, where, what, and who made it.
fn line(event: &EventRecord, name: &dyn Fn(u32) -> String) -> String {
    let EventRecord { key, node, kind, subject, length } = event;
    let what = match *kind {
        "arrive" => format!("packet {subject:#x} of {length} B arrives"),
        "depart" => format!("port {subject} may send its next packet"),
        "wake" => format!("wakes up ({subject:#x})"),
        _ => "changes as the file says".into(),
    };
    let made = format!("event {} of source {}", key.counter(), key.maker());
    format!("{} s  {}: {what} ({made})", cells::seconds(key.time().ps()), name(*node))
}

/// Where two runs part, in lines: what both have, and what each has from there on.
pub fn parting(found: &Parting, sides: [&str; 2], name: &dyn Fn(u32) -> String) -> String {
    let width = sides.iter().map(|side| side.chars().count()).max().unwrap_or(0).max("both".len());
    let mut text = String::new();
    for (side, events) in [("both", &found.before), (sides[0], &found.left), (sides[1], &found.right)] {
        for event in events {
            text.push_str(&format!("    {side:<width$}  {}\n", line(event, name)));
        }
        if events.is_empty() && side != "both" {
            text.push_str(&format!("    {side:<width$}  (no more events)\n"));
        }
    }
    text
}
