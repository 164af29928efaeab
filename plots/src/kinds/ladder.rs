//! Who sends what to whom: a line down for each host, an arrow for each packet, states of connections at the sides.

use super::packets::{Journey, TABLE, journeys};
use super::{FLOWS, FROM, Key, Kind, TO, Takes, title};
use crate::Source;
use crate::args::{Args, bad};
use crate::canvas::{Align, Canvas, Point, Rect};
use crate::error::Error;
use crate::figure::heading;
use crate::style::{BLACK, Color, FRAME, GREY, LOST, PAGE, Shape, WHITE, color};
use crate::table::{Want, exists, read};
use crate::text;
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "ladder",
    help: "message sequence diagram: packets as arrows between hosts with flags, numbers and times, and TCP states",
    tables: &[TABLE],
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
/// What two things at one host that happen one after the other are apart, at least, and what any two are at most.
const NEAR: f64 = 21.0;
const FAR: f64 = 74.0;
/// The part of the way on which lost packets are drawn.
const LOST_AT: f64 = 0.62;
const SIDE: f64 = 250.0;

/// A packet between two of the hosts.
struct Arrow {
    from: usize,
    to: usize,
    sent: f64,
    /// Not a number where it was lost.
    arrived: f64,
    words: String,
    ink: Color,
}

/// A moment at a host.
#[derive(Clone, Copy)]
struct Moment {
    time: f64,
    host: usize,
    arrival: bool,
    arrow: usize,
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let (table, packets) = journeys(sources, args)?;
    let first = args.count("first")?.unwrap_or(40);
    let hosts = hosts(&packets, args)?;
    let raw = args.flag("raw")?;
    let mut arrows = arrows(&packets, &hosts, raw);
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
        caption = format!("{caption}; the first {} of {all} packets", arrows.len());
    }
    if !raw {
        caption.push_str("; sequence numbers relative to the first");
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
    let states = states(sources, &hosts, &flows, &ladder, all > arrows.len())?;
    times(&mut page, &ladder, top, last, &states);
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
        message(&mut page, arrow, *heights, top, &column);
    }
    for (arrow, heights) in arrows.iter().zip(&ladder.ends) {
        label(&mut page, arrow, *heights, top, &column);
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
fn arrows(packets: &[Journey], hosts: &[String], raw: bool) -> Vec<Arrow> {
    let mut arrows = Vec::new();
    let place = |name: &str| hosts.iter().position(|host| host == name);
    for packet in packets {
        let (seq, ack) = if raw { (packet.seq, packet.ack) } else { packet.relative };
        let words = words(packet, seq, ack);
        let syn_or_fin = packet.flags.contains("SYN") || packet.flags.contains("FIN");
        let ink = if packet.flags.contains("RST") {
            LOST
        } else if syn_or_fin {
            color(0)
        } else if packet.payload > 0.0 {
            color(2)
        } else {
            GREY
        };
        let mut open: Option<(usize, f64)> = None;
        for hop in &packet.hops {
            open = open.or_else(|| place(&hop.from).map(|from| (from, hop.sent)));
            let Some((from, sent)) = open else { continue };
            let to = place(&hop.to);
            if hop.lost {
                let to = to.unwrap_or(if from == 0 { 1 } else { from - 1 });
                arrows.push(Arrow { from, to, sent, arrived: f64::NAN, words: words.clone(), ink });
                open = None;
            } else if let Some(to) = to {
                arrows.push(Arrow { from, to, sent, arrived: hop.arrived, words: words.clone(), ink });
                open = None;
            }
        }
    }
    arrows.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    arrows
}

fn words(packet: &Journey, seq: f64, ack: f64) -> String {
    let tcp = packet.protocol == "tcp" || packet.protocol.is_empty();
    let mut words = if tcp { packet.flags.replace('|', " ") } else { packet.protocol.to_uppercase() };
    if seq.is_finite() {
        words.push_str(&format!("  seq={seq:.0}"));
    }
    if packet.flags.contains("ACK") && ack.is_finite() {
        words.push_str(&format!(" ack={ack:.0}"));
    }
    if packet.payload > 0.0 {
        words.push_str(&format!(" len={:.0}", packet.payload));
    }
    if packet.window.is_finite() {
        words.push_str(&format!(" win={:.0}", packet.window));
    }
    words.trim().to_string()
}

/// Where moments stand: time runs down, long waits are cut short, and what would collide is kept apart.
struct Ladder {
    moments: Vec<(Moment, f64)>,
    /// Where each arrow begins and ends; for what was lost, where it would have ended.
    ends: Vec<(f64, f64)>,
    /// Height and length of waits that were cut short.
    gaps: Vec<(f64, f64)>,
    height: f64,
}

impl Ladder {
    fn new(arrows: &[Arrow]) -> Ladder {
        let mut moments: Vec<Moment> = Vec::new();
        for (index, arrow) in arrows.iter().enumerate() {
            moments.push(Moment { time: arrow.sent, host: arrow.from, arrival: false, arrow: index });
            if arrow.arrived.is_finite() {
                moments.push(Moment { time: arrow.arrived, host: arrow.to, arrival: true, arrow: index });
            }
        }
        moments.sort_by(|a, b| a.time.total_cmp(&b.time).then(b.arrival.cmp(&a.arrival)));
        // A flight takes about so many pixels, whatever it takes in seconds.
        let mut flights: Vec<f64> = arrows.iter().map(|a| a.arrived - a.sent).filter(|f| f.is_finite()).collect();
        flights.sort_by(f64::total_cmp);
        let flight = flights.get(flights.len() / 2).copied().filter(|flight| *flight > 0.0).unwrap_or(1e-3);
        let scale = 58.0 / flight;
        let mut placed: Vec<(Moment, f64)> = Vec::new();
        let mut gaps = Vec::new();
        for moment in moments {
            let Some((before, height)) = placed.last().copied() else {
                placed.push((moment, 18.0));
                continue;
            };
            let wait = moment.time - before.time;
            // An answer starts where the packet that it answers arrived.
            let answer = wait == 0.0 && before.host == moment.host && before.arrival && !moment.arrival;
            let least = if answer || before.host != moment.host && wait == 0.0 {
                0.0
            } else if before.arrival == moment.arrival {
                NEAR
            } else {
                5.0
            };
            // Sends from one host stay apart also when something else lies between them.
            let same = placed.iter().rev().find(|(m, _)| m.host == moment.host && m.arrival == moment.arrival);
            let floor = same.map_or(0.0, |(_, height)| height + NEAR);
            let next = (height + (wait * scale).max(least)).min(height + FAR).max(floor);
            if wait * scale > FAR * 1.6 {
                gaps.push(((height + next) / 2.0, wait));
            }
            placed.push((moment, next));
        }
        let height = placed.last().map_or(0.0, |(_, height)| *height) + 40.0;
        let mut ends = vec![(f64::NAN, f64::NAN); arrows.len()];
        for (moment, height) in &placed {
            let (start, end) = &mut ends[moment.arrow];
            *(if moment.arrival { end } else { start }) = *height;
        }
        // What is lost falls as steeply as the packet before it in the same direction; here its end is how far it would fall.
        for (index, arrow) in arrows.iter().enumerate().filter(|(_, arrow)| !arrow.arrived.is_finite()) {
            let same = |other: &usize| (arrows[*other].from, arrows[*other].to) == (arrow.from, arrow.to);
            let near = (0..index).rev().chain(index..arrows.len()).filter(same);
            let fall = near.map(|other| ends[other].1 - ends[other].0).find(|fall| fall.is_finite());
            ends[index].1 = ends[index].0 + fall.unwrap_or(58.0);
        }
        Ladder { moments: placed, ends, gaps, height }
    }

    /// The height of any time.
    fn near(&self, time: f64) -> f64 {
        let next = self.moments.partition_point(|(moment, _)| moment.time <= time);
        let Some(before) = next.checked_sub(1) else { return 4.0 };
        let (from, low) = self.moments[before];
        let Some((to, high)) = self.moments.get(next) else { return (low + 22.0).min(self.height) };
        low + (high - low) * (time - from.time) / (to.time - from.time).max(1e-12)
    }
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

/// States that connections enter: host, height, word.
fn states(
    sources: &[Source],
    hosts: &[String],
    flows: &[String],
    ladder: &Ladder,
    cut: bool,
) -> Result<Vec<(usize, f64, String)>, Error> {
    if !exists(sources, "states") {
        return Ok(Vec::new());
    }
    let wants = [Want::Number("time_s"), Want::Word("flow"), Want::Word("node"), Want::Word("to")];
    let table = match read(sources, "states", &wants) {
        Ok(table) => table,
        Err(Error::Empty { .. }) => return Ok(Vec::new()),
        Err(other) => return Err(other),
    };
    let first = ladder.moments.first().map_or(0.0, |(moment, _)| moment.time);
    let last = ladder.moments.last().map_or(0.0, |(moment, _)| moment.time);
    // Where packets follow that are not shown, their states are not shown either.
    let until = if cut { last } else { last * 1.5 + 1.0 };
    let mut states: Vec<(usize, f64, String)> = Vec::new();
    for (row, time) in table.numbers("time_s").iter().enumerate() {
        let host = hosts.iter().position(|host| host == table.words("node").at(row));
        let flow = flows.iter().any(|flow| flow == table.words("flow").at(row));
        if let Some(host) = host.filter(|_| flow && *time <= until) {
            let here = ladder.moments.iter().find(|(m, _)| m.time == *time && m.host == host);
            let height = here.map_or_else(|| ladder.near(*time), |(_, height)| *height);
            let word = table.words("to").at(row).to_uppercase().replace('_', "-");
            // Of what was before the time shown, the last one still holds.
            if *time < first {
                states.retain(|(known, ..)| *known != host);
            }
            states.push((host, height, word));
        }
    }
    Ok(states)
}

/// Times and states at the outer sides of the outer hosts.
fn times(page: &mut Canvas, ladder: &Ladder, top: f64, last: usize, states: &[(usize, f64, String)]) {
    for (side, x, align, out) in [(0, SIDE, Align::Right, -1.0), (last, PAGE.0 - SIDE, Align::Left, 1.0)] {
        let mut free = f64::NEG_INFINITY;
        for (moment, height) in ladder.moments.iter().filter(|(moment, _)| moment.host == side) {
            page.line((x - 4.0, top + height), (x + 4.0, top + height), FRAME, 1.6);
            if *height >= free {
                let words = clock(moment.time);
                page.text((x + out * 12.0, top + height + 5.0), &words, 14.0, GREY, align);
                free = height + 15.0;
            }
        }
        let mut free = f64::NEG_INFINITY;
        for (_, height, word) in states.iter().filter(|(host, ..)| *host == side) {
            let at = height.max(free);
            // What comes behind the last packet shown has the room that is left.
            if at > ladder.height + 30.0 {
                break;
            }
            page.bold((x + out * 116.0, top + at + 5.0), word, 14.0, color(1), align);
            free = at + 16.0;
        }
    }
}

fn clock(time: f64) -> String {
    if time >= 1.0 { format!("{time:.6} s") } else { format!("{:.3} ms", time * 1e3) }
}

fn message(page: &mut Canvas, arrow: &Arrow, heights: (f64, f64), top: f64, column: &impl Fn(usize) -> f64) {
    let (start, end) = ends(arrow, heights, top, column);
    let lost = !arrow.arrived.is_finite();
    if lost {
        page.line(start, end, arrow.ink, 1.8);
        page.mark(end, Shape::Cross, LOST, 13.0, true);
    } else {
        page.arrow(start, end, arrow.ink, 1.8);
    }
}

/// The words stand along the arrow, above it, at the sender's end, where arrows do not cross.
fn label(page: &mut Canvas, arrow: &Arrow, heights: (f64, f64), top: f64, column: &impl Fn(usize) -> f64) {
    let (start, end) = ends(arrow, heights, top, column);
    let (dx, dy) = (end.0 - start.0, end.1 - start.1);
    let length = (dx * dx + dy * dy).sqrt().max(1.0);
    let forward = dx > 0.0;
    let turn = if forward { 1.0 } else { -1.0 };
    let along = (turn * dx / length, turn * dy / length);
    let words = text::fit(&arrow.words, 14.0, false, (column(arrow.to) - column(arrow.from)).abs() * 0.9);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(clock(0.0), "0.000 ms");
        assert_eq!(clock(0.020_123_4), "20.123 ms");
        assert_eq!(clock(61.25), "61.250000 s");
    }

    #[test]
    fn an_answer_starts_where_the_question_arrived() {
        let arrow = |from, to, sent, arrived| Arrow { from, to, sent, arrived, words: String::new(), ink: BLACK };
        let arrows = [arrow(0, 1, 0.0, 0.01), arrow(1, 0, 0.01, 0.02), arrow(0, 1, 5.0, 5.01)];
        let ladder = Ladder::new(&arrows);
        assert_eq!(ladder.ends[0].1, ladder.ends[1].0);
        assert_eq!(ladder.gaps.len(), 1, "the long wait is cut short");
    }
}
