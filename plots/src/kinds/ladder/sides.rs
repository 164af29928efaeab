//! What stands beside a ladder: states that connections enter, and what applications begin and end.

use std::collections::{BTreeMap, BTreeSet};

use super::place::Ladder;
use super::tell::{clock, plain};
use super::{SIDE, STATE};
use crate::Source;
use crate::canvas::{Align, Canvas, Part};
use crate::error::Error;
use crate::kinds::packets::Journey;
use crate::style::{Color, FRAME, GREY, PAGE, color};
use crate::table::{Table, Want, columns, exists, read};
use crate::text;
use crate::units::Unit;

/// Tables whose rows are what an application asks for: when it starts, how long it takes, how it ends.
const ASKED: [&str; 5] = ["requests", "http", "browse", "calls", "dns"];
/// How wide words beside the times may become.
const WIDE: f64 = 130.0;

/// Something beside the ladder.
pub(super) struct Mark {
    /// The host, from left to right.
    host: usize,
    time: f64,
    height: f64,
    words: String,
    ink: Color,
    bold: bool,
    notes: Vec<String>,
}

/// What of the run a ladder shows.
pub(super) struct Shown<'a> {
    pub hosts: &'a [String],
    pub packets: &'a [Journey],
    pub flows: &'a [String],
    pub ladder: &'a Ladder,
    /// Whether packets follow that are not shown.
    pub cut: bool,
    /// Where the time shown begins; minus infinity where nobody has said.
    pub from: f64,
}

impl Shown<'_> {
    /// First and last moment.
    fn span(&self) -> (f64, f64) {
        let time = |moment: Option<&(super::place::Moment, f64)>| moment.map_or(0.0, |(moment, _)| moment.time);
        let (first, last) = (time(self.ladder.moments.first()), time(self.ladder.moments.last()));
        // Where packets follow that are not shown, what happens then is not shown either.
        (first, if self.cut { last } else { last * 1.5 + 1.0 })
    }

    fn height(&self, host: usize, time: f64) -> f64 {
        let here = self.ladder.moments.iter().find(|(moment, _)| moment.time == time && moment.host == host);
        here.map_or_else(|| self.ladder.near(time), |(_, height)| *height)
    }

    fn host(&self, name: &str) -> Option<usize> {
        self.hosts.iter().position(|host| host == name)
    }

    fn flow(&self, name: &str) -> bool {
        self.flows.iter().any(|flow| flow == name)
    }
}

/// A table, where there is one and it has rows.
fn optional(sources: &[Source], table: &str, wants: &[Want<'_>]) -> Result<Option<Table>, Error> {
    if !exists(sources, table) {
        return Ok(None);
    }
    match read(sources, table, wants) {
        Ok(table) => Ok(Some(table)),
        Err(Error::Empty { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// States that connections enter.
pub(super) fn states(sources: &[Source], shown: &Shown<'_>) -> Result<Vec<Mark>, Error> {
    let wants = [Want::Number("time_s"), Want::Word("flow"), Want::Word("node"), Want::Word("from"), Want::Word("to")];
    let Some(table) = optional(sources, "states", &wants)? else { return Ok(Vec::new()) };
    let (first, until) = shown.span();
    let mut states: Vec<Mark> = Vec::new();
    for (row, time) in table.numbers("time_s").iter().enumerate() {
        let flow = table.words("flow").at(row);
        let Some(host) = shown.host(table.words("node").at(row)).filter(|_| shown.flow(flow) && *time <= until) else {
            continue;
        };
        let name = |column: &str| table.words(column).at(row).to_uppercase().replace('_', "-");
        let (from, to) = (name("from"), name("to"));
        // Of what was before the time shown, the last one still holds.
        if *time < first {
            states.retain(|known| known.host != host);
        }
        let notes = vec![format!("{from} to {to}"), format!("{flow} at {}, at {}", shown.hosts[host], clock(*time))];
        let height = shown.height(host, *time);
        states.push(Mark { host, time: *time, height, words: to, ink: STATE, bold: true, notes });
    }
    Ok(states)
}

/// What applications begin and end, at the host that opens the flow.
pub(super) fn events(sources: &[Source], shown: &Shown<'_>) -> Result<Vec<Mark>, Error> {
    let openers = shown.packets.iter().filter(|packet| packet.opener).map(|p| (p.flow.as_str(), p.source()));
    let clients: BTreeMap<&str, &str> = openers.collect();
    let until = shown.span().1;
    let mut marks = Vec::new();
    let mut told: BTreeSet<String> = BTreeSet::new();
    let mut mark = |flow: &str, time: f64, words: String, notes: Vec<String>| {
        let host = clients.get(flow).and_then(|name| shown.host(name));
        let Some(host) = host.filter(|_| (shown.from..=until).contains(&time)) else { return };
        let height = shown.height(host, time);
        marks.push(Mark { host, time, height, words, ink: color(0), bold: false, notes });
    };
    for name in ASKED.into_iter().filter(|name| exists(sources, name)) {
        let has = columns(sources, name)?;
        let texts = ["flow", "number", "outcome", "status", "method", "url", "operation", "name", "cause"];
        let texts: Vec<&str> = texts.into_iter().filter(|text| has.iter().any(|column| column == text)).collect();
        let length = if has.iter().any(|column| column == "total_s") { "total_s" } else { "latency_s" };
        let wants = ["start_s", length].map(Want::Number).into_iter().chain(texts.iter().map(|text| Want::Word(text)));
        let Some(table) = optional(sources, name, &wants.collect::<Vec<_>>())? else { continue };
        for row in 0..table.rows {
            let text = |column: &str| if texts.contains(&column) { table.words(column).at(row) } else { "" };
            let (start, total) = (table.numbers("start_s")[row], table.numbers(length)[row]);
            let flow = text("flow");
            if !shown.flow(flow) {
                continue;
            }
            told.insert(flow.to_string());
            let (what, short) = asked(name, &text);
            let full = format!("{what} of {flow}");
            mark(flow, start, short.clone(), vec![full.clone(), format!("begins at {}", clock(start))]);
            if total.is_finite() {
                let how = ended(&text);
                let mut notes = vec![full, format!("{how} at {}", clock(start + total))];
                notes.push(format!("after {}", Unit::Seconds.print(total)));
                if !text("cause").is_empty() {
                    notes.push(format!("most of the time: {}", plain(text("cause"))));
                }
                mark(flow, start + total, format!("{how}: {short}"), notes);
            }
        }
    }
    let wants =
        [Want::Word("flow"), Want::Word("app"), Want::Number("start_s"), Want::Number("end_s"), Want::Word("outcome")];
    if let Some(table) = optional(sources, "flows", &wants)? {
        for row in 0..table.rows {
            let flow = table.words("flow").at(row);
            if !shown.flow(flow) || told.contains(flow) {
                continue;
            }
            let (start, end) = (table.numbers("start_s")[row], table.numbers("end_s")[row]);
            let (app, outcome) = (table.words("app").at(row), plain(table.words("outcome").at(row)));
            let about = |what: &str, time: f64| vec![format!("{flow} ({app}) {what}"), format!("at {}", clock(time))];
            mark(flow, start, format!("{flow} starts"), about("starts", start));
            mark(flow, end, format!("{flow} {outcome}"), about(&outcome, end));
        }
    }
    Ok(marks)
}

/// What was asked for, in full and in short.
fn asked<'a>(table: &str, text: &impl Fn(&str) -> &'a str) -> (String, String) {
    let number = text("number");
    if !text("method").is_empty() {
        let (method, url) = (text("method"), text("url"));
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = path.find('/').map_or("/", |at| &path[at..]);
        return (format!("{method} {url}"), format!("{method} {path}"));
    }
    let what = match (table, text("operation")) {
        ("dns", _) => return (format!("look-up of {}", text("name")), format!("look-up {}", text("name"))),
        (_, "") => "request",
        (_, operation) => operation,
    };
    let short = format!("{what} {number}");
    (short.clone(), short)
}

/// How it ended.
fn ended<'a>(text: &impl Fn(&str) -> &'a str) -> String {
    let (status, outcome) = (text("status"), text("outcome"));
    if !status.is_empty() && status != "none" { status.to_string() } else { plain(outcome) }
}

/// What belongs to hosts in the middle stands at the left: with the host's name, or without where it is but one, whose name is given back.
pub(super) fn gather(marks: &mut [Mark], hosts: &[String]) -> Option<String> {
    let outer = [0, hosts.len() - 1];
    let middle: BTreeSet<usize> = marks.iter().map(|mark| mark.host).filter(|host| !outer.contains(host)).collect();
    let alone = middle.len() == 1 && marks.iter().all(|mark| mark.host != 0);
    for mark in marks.iter_mut().filter(|mark| middle.contains(&mark.host)) {
        if !alone {
            mark.words = format!("{}: {}", hosts[mark.host], mark.words);
        }
        mark.host = 0;
    }
    middle.into_iter().next().filter(|_| alone).map(|host| hosts[host].clone())
}

/// Times at the outer sides of the outer hosts, and the marks beside them.
pub(super) fn draw(page: &mut Canvas, shown: &Shown<'_>, top: f64, mut marks: Vec<Mark>) {
    let last = shown.hosts.len() - 1;
    marks.sort_by(|a, b| a.height.total_cmp(&b.height).then(a.time.total_cmp(&b.time)));
    for (side, x, align, out) in [(0, SIDE, Align::Right, -1.0), (last, PAGE.0 - SIDE, Align::Left, 1.0)] {
        let mut free = f64::NEG_INFINITY;
        for (moment, height) in shown.ladder.moments.iter().filter(|(moment, _)| moment.host == side) {
            page.line((x - 4.0, top + height), (x + 4.0, top + height), FRAME, 1.6);
            if *height >= free {
                page.text((x + out * 12.0, top + height + 5.0), &clock(moment.time), 14.0, GREY, align);
                free = height + 15.0;
            }
        }
        let mut free = f64::NEG_INFINITY;
        for mark in marks.iter().filter(|mark| mark.host == side) {
            let at = mark.height.max(free);
            // What comes behind the last packet shown has the room that is left.
            if at > shown.ladder.height + 30.0 {
                break;
            }
            let words = text::fit(&mark.words, 14.0, mark.bold, WIDE);
            let place = (x + out * 110.0, top + at + 5.0);
            page.part(Part::Note { lines: mark.notes.clone() }, |page| match mark.bold {
                true => page.bold(place, &words, 14.0, mark.ink, align),
                false => page.text(place, &words, 14.0, mark.ink, align),
            });
            free = at + 16.0;
        }
    }
}
