//! Who sends what to whom: a line down for each host, an arrow for each packet, states of connections and what applications do at the sides; the
//! causes of all of it for whoever points at it.

mod place;
mod sides;
mod tell;

use self::place::Ladder;
use self::sides::Shown;
use self::tell::Senders;
use super::packets::{Journey, TABLE, journeys};
use super::{FLOWS, FROM, Key, Kind, TO, Takes, title};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Align, Canvas, Part, Point, Rect};
use crate::error::Error;
use crate::figure::heading;
use crate::style::{BLACK, Color, DASHES, FRAME, GREY, LOST, PAGE, Shape, WHITE, color};
use crate::text;
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "ladder",
    help: "message sequence diagram: packets as arrows between hosts with flags, numbers and times; TCP states, application events, causes on hover",
    tables: &[TABLE, "states"],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key { name: "hosts", takes: Takes::Text, help: "the hosts, from left to right; those of the first packet" },
        Key { name: "first", takes: Takes::Count, help: "so many packets at most; 40" },
        Key {
            name: "raw",
            takes: Takes::Flag,
            help: "true shows sequence numbers as they are on the wire; relative to the first",
        },
    ],
    draw,
};

const SIZE: f64 = 15.0;
/// The part of the way on which lost packets are drawn.
const LOST_AT: f64 = 0.62;
const SIDE: f64 = 250.0;
/// What two lines of words are apart.
const LINE: f64 = 18.0;
/// The ink of states of connections.
const STATE: Color = BLACK;

/// A packet between two of the hosts.
struct Arrow {
    from: usize,
    to: usize,
    sent: f64,
    /// Not a number where it was lost.
    arrived: f64,
    /// What stands at it: the first that has room, each shorter than the one before; nothing where another arrow of the packet
    /// says it.
    labels: Vec<String>,
    ink: Color,
    /// Whether its sender had sent it before.
    again: bool,
    /// What there is to say besides.
    notes: Vec<String>,
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let (table, packets) = journeys(sources, args)?;
    let first = args.count("first")?.unwrap_or(40);
    let hosts = hosts(&packets, args)?;
    let raw = args.flag("raw")?;
    let mut arrows = arrows(&packets, &hosts, raw, &Senders::read(sources)?);
    if arrows.is_empty() {
        return Err(table.empty("from", &format!("no packet goes between {}", hosts.join(" and "))));
    }
    let all = arrows.len();
    arrows.truncate(first);
    let ladder = Ladder::new(&arrows);
    let flows: Vec<String> = {
        let mut names: Vec<String> = packets.iter().map(|packet| packet.flow.clone()).collect();
        names.sort_by(|a, b| crate::table::natural(a, b));
        names.dedup();
        names.retain(|name| !name.is_empty());
        names
    };
    let mut caption = if flows.is_empty() { "no flow".to_string() } else { format!("flow: {}", super::list(&flows)) };
    if all > arrows.len() {
        let what = if packets.len() < all { "arrows" } else { "packets" };
        caption = format!("{caption}; the first {} of {all} {what}", arrows.len());
    }
    if !raw {
        caption.push_str("; sequence numbers relative to the first");
    }
    let from = args.window()?.0;
    let shown =
        Shown { hosts: &hosts, packets: &packets, flows: &flows, ladder: &ladder, cut: all > arrows.len(), from };
    let mut marks = sides::states(sources, &shown)?;
    marks.extend(sides::events(sources, &shown)?);
    if let Some(host) = sides::gather(&mut marks, &hosts) {
        caption.push_str(&format!("; at the left: what {host} does"));
    }
    let height = 150.0 + ladder.height + 40.0;
    let mut page = Canvas::new(PAGE.0, height.round(), &title(args, "Packets between hosts"));
    let name = page.title.clone();
    let top = heading(&mut page, &name, &caption) + 52.0;
    let last = hosts.len() - 1;
    let column = |host: usize| SIDE + (PAGE.0 - 2.0 * SIDE) * host as f64 / last as f64;
    for (host, name) in hosts.iter().enumerate() {
        lifeline(&mut page, column(host), top, ladder.height, name);
    }
    sides::draw(&mut page, &shown, top, marks);
    for gap in &ladder.gaps {
        let words = format!("…  {}", Unit::Seconds.print(gap.1));
        let middle = top + gap.0;
        page.rect(
            Rect { left: SIDE + 14.0, right: SIDE + 110.0, top: middle - 10.0, bottom: middle + 10.0 },
            WHITE,
            1.0,
        );
        page.text((SIDE + 20.0, middle + 5.0), &words, SIZE, GREY, Align::Left);
    }
    for (arrow, heights) in arrows.iter().zip(&ladder.ends) {
        let note = Part::Note { lines: arrow.notes.clone() };
        page.part(note, |page| message(page, arrow, *heights, top, &column));
    }
    let lines: Vec<(Point, Point)> =
        arrows.iter().zip(&ladder.ends).map(|(arrow, heights)| ends(arrow, *heights, top, &column)).collect();
    for ((arrow, line), room) in arrows.iter().zip(&lines).zip(rooms(&arrows, &lines)) {
        label(&mut page, arrow, *line, room);
    }
    page.plots.push(Rect { left: SIDE, top, right: PAGE.0 - SIDE, bottom: top + ladder.height });
    Ok(page)
}

fn hosts(packets: &[Journey], args: &Args) -> Result<Vec<String>, Error> {
    let given = args.list("hosts");
    match given.len() {
        0 => {
            let first = &packets[0];
            let end = first.hops.last().expect("a packet has a hop").to.clone();
            // The far host is where packets come back from, also where the first one was lost on its way.
            let back = packets.iter().find(|packet| packet.source() != first.source() && packet.flow == first.flow);
            Ok(vec![first.source().to_string(), back.map_or(end, |packet| packet.source().to_string())])
        }
        1 => Err(bad("hosts", "should be two or more".into())),
        _ => Ok(given.to_vec()),
    }
}

/// Packets as arrows, in the order of sending.
fn arrows(packets: &[Journey], hosts: &[String], raw: bool, senders: &Senders) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    let place = |name: &str| hosts.iter().position(|host| host == name);
    for packet in packets {
        let numbers = if raw { (packet.seq, packet.ack) } else { packet.relative };
        let mut labels = labels(packet, numbers);
        if packet.again {
            let why: String = senders.why_again(packet).iter().map(|why| format!(": {why}")).collect();
            labels.iter_mut().for_each(|words| *words += &format!("  sent again{why}"));
        }
        let mine = arrows.len();
        let mut open: Option<(usize, usize)> = None;
        for (at, hop) in packet.hops.iter().enumerate() {
            open = open.or_else(|| place(&hop.from).map(|from| (from, at)));
            let Some((from, start)) = open else { continue };
            let to = place(&hop.to);
            if !hop.lost && to.is_none() {
                continue;
            }
            arrows.push(Arrow {
                from,
                to: to.unwrap_or(if from == 0 { 1 } else { from - 1 }),
                sent: packet.hops[start].sent,
                arrived: if hop.lost { f64::NAN } else { hop.arrived },
                labels: labels.clone(),
                ink: ink(packet),
                again: packet.again,
                notes: senders.notes(packet, &packet.hops[start..=at], &labels[0]),
            });
            open = None;
        }
        // Of several arrows the one that is longest under way, or that is lost, says what it is.
        let slow = |arrow: &Arrow| if arrow.arrived.is_finite() { arrow.arrived - arrow.sent } else { f64::INFINITY };
        let slowest = arrows[mine..].iter().map(slow).fold(0.0, f64::max);
        arrows[mine..].iter_mut().filter(|arrow| slow(arrow) < slowest).for_each(|arrow| arrow.labels.clear());
    }
    arrows.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    arrows
}

fn ink(packet: &Journey) -> Color {
    if packet.flags.contains("RST") {
        LOST
    } else if packet.again {
        color(1)
    } else if packet.opens_or_closes() {
        color(0)
    } else if packet.payload > 0.0 {
        color(2)
    } else {
        GREY
    }
}

/// Ports that say what goes on in a packet in which nothing begins (IANA's registry of services).
const PORTS: [(f64, &str); 3] = [(53.0, "DNS"), (80.0, "HTTP"), (443.0, "TLS")];

/// What a packet is, from all that its headers say to what is least.
fn labels(packet: &Journey, (seq, ack): (f64, f64)) -> Vec<String> {
    let tcp = packet.protocol == "tcp" || packet.protocol.is_empty();
    let known = PORTS.iter().find(|(port, _)| packet.ports.0 == *port || packet.ports.1 == *port);
    let content = match known.filter(|_| packet.payload > 0.0) {
        _ if !packet.content.is_empty() => &packet.content,
        Some((_, name)) => *name,
        None => "",
    };
    let flags = if tcp { packet.flags.replace('|', " ") } else { packet.protocol.to_uppercase() };
    let finite = |name: &str, value: f64, has: bool| {
        if has && value.is_finite() { format!("{name}={value:.0}") } else { String::new() }
    };
    let seq = finite("seq", seq, true);
    let ack = finite("ack", ack, packet.flags.contains("ACK"));
    let len = finite("len", packet.payload, packet.payload > 0.0);
    let win = finite("win", packet.window, true);
    let join = |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ");
    let whole = |head: &str, rest: &[&str]| format!("{head}  {}", join(rest)).trim().to_string();
    // What is said says more than that it is a datagram, or that a segment brings and acknowledges data.
    let more = if tcp { flags.replace("PSH", "").replace("ACK", "") } else { String::new() };
    let head = if content.is_empty() { flags.clone() } else { join(&[content, more.trim()]) };
    let short = if content.is_empty() { &flags } else { content };
    let mut labels = vec![
        whole(&head, &[&seq, &ack, &len, &win]),
        whole(&head, &[&seq, &ack, &len]),
        whole(&head, &[&seq, &len]),
        whole(short, &[&seq, &len]),
        whole(short, &[&len]),
        whole(short, &[]),
    ];
    labels.dedup();
    labels
}

fn lifeline(page: &mut Canvas, x: f64, top: f64, height: f64, name: &str) {
    let half = text::width(name, 17.0, true) / 2.0 + 12.0;
    page.line((x, top), (x, top + height), FRAME, 1.6);
    page.rect(
        Rect { left: x - half, right: x + half, top: top - 36.0, bottom: top - 6.0 },
        Color(0xE8, 0xEE, 0xF4),
        1.0,
    );
    page.bold((x, top - 15.0), name, 17.0, BLACK, Align::Center);
}

fn message(page: &mut Canvas, arrow: &Arrow, heights: (f64, f64), top: f64, column: &impl Fn(usize) -> f64) {
    let (start, end) = ends(arrow, heights, top, column);
    let lost = !arrow.arrived.is_finite();
    let dash = if arrow.again { DASHES[1] } else { &[] };
    if lost {
        page.path(vec![start, end], arrow.ink, 1.8, dash);
        page.mark(end, Shape::Cross, LOST, 13.0, true);
    } else {
        page.arrow(start, end, arrow.ink, 1.8, dash);
    }
}

/// How long what stands at each arrow may be.
fn rooms(arrows: &[Arrow], lines: &[(Point, Point)]) -> Vec<f64> {
    // Steep arrows cross those that come the other way: there short labels at the sender's end stay free of them.
    let room = |((x, y), (to, end)): &(Point, Point)| {
        (to - x).abs() * if (end - y).abs() > 0.3 * (to - x).abs() { 0.55 } else { 0.9 }
    };
    let mut rooms: Vec<f64> = lines.iter().map(room).collect();
    for (at, (arrow, (start, end))) in arrows.iter().zip(lines).enumerate() {
        let width = (end.0 - start.0).abs();
        // The next one that goes back from where this one has arrived: towards there what stands at both comes together.
        let back = (at + 1..arrows.len().min(at + 9)).find(|other| {
            let (from, to) = lines[*other];
            let turns = (to.0 - from.0) * (end.0 - start.0) < 0.0;
            turns && arrows[*other].from == arrow.to && (0.0..LINE).contains(&(from.1 - end.1))
        });
        let Some(back) = back.filter(|back| !arrow.labels.is_empty() && !arrows[*back].labels.is_empty()) else {
            continue;
        };
        let (from, to) = lines[back];
        let slopes = (end.1 - start.1).abs() / width + (to.1 - from.1).abs() / (to.0 - from.0).abs();
        let near = (LINE - (from.1 - end.1)) / slopes.max(1e-9);
        if near < 0.5 * width {
            rooms[at] = rooms[at].min(0.9 * width - near);
        } else {
            // They are close all the way.
            [at, back].iter().for_each(|arrow| rooms[*arrow] = rooms[*arrow].min(0.42 * width));
        }
    }
    rooms
}

/// The words stand along the arrow, above it, at the sender's end, where arrows do not cross.
fn label(page: &mut Canvas, arrow: &Arrow, (start, end): (Point, Point), room: f64) {
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = (dx * dx + dy * dy).sqrt().max(1.0);
    let forward = dx > 0.0;
    let turn = if forward { 1.0 } else { -1.0 };
    let along = (turn * dx / length, turn * dy / length);
    let Some(least) = arrow.labels.last() else { return };
    let fits = arrow.labels.iter().find(|words| text::width(words, 14.0, false) <= room);
    let words = text::fit(fits.unwrap_or(least), 14.0, false, room);
    let (in_, up) = (20.0 * turn, 5.0);
    let at = (start.0 + along.0 * in_ + along.1 * up, start.1 + along.1 * in_ - along.0 * up);
    page.along(at, &words, 14.0, arrow.ink, if forward { Align::Left } else { Align::Right }, along);
}

/// Where an arrow begins and ends; one that was lost ends on its way.
fn ends(arrow: &Arrow, heights: (f64, f64), top: f64, column: &impl Fn(usize) -> f64) -> (Point, Point) {
    let (left, right) = (column(arrow.from), column(arrow.to));
    let start = (left, top + heights.0);
    if arrow.arrived.is_finite() {
        (start, (right, top + heights.1))
    } else {
        (start, (left + (right - left) * LOST_AT, start.1 + (heights.1 - heights.0) * LOST_AT))
    }
}
