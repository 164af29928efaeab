//! Sequence numbers over time at the sender: what it sends, what comes back, what is sent again.

use super::packets::{Journey, TABLE, TURN, journeys};
use super::{FLOWS, FROM, Key, Kind, TO, Takes, title};
use crate::Source;
use crate::args::Args;
use crate::canvas::{Canvas, Point};
use crate::error::Error;
use crate::figure::{Figure, Panel};
use crate::scale::Axis;
use crate::series::{Look, Series};
use crate::style::{BLACK, DASHES, GREY, LOST, Shape, color};
use crate::units::Unit;

pub(super) const KIND: Kind = Kind {
    name: "time_sequence",
    help: "sequence numbers of a flow over time: data, acknowledgements, retransmissions, losses, SACK, receive window",
    tables: &[TABLE],
    keys: &[
        FLOWS,
        FROM,
        TO,
        Key {
            name: "window",
            takes: Takes::Words(&["true", "false"]),
            help: "false leaves the receive window's edge out; shown",
        },
    ],
    draw,
};

/// A stroke over a range of sequence numbers at a time.
type Span = (f64, f64, f64);

#[derive(Default)]
struct Drawn {
    data: Vec<Span>,
    again: Vec<Span>,
    lost: Vec<Point>,
    acks: Vec<Point>,
    edge: Vec<Point>,
    sacks: Vec<Span>,
    probes: Vec<Point>,
}

fn draw(sources: &[Source], args: &Args) -> Result<Canvas, Error> {
    let (table, mut packets) = journeys(sources, args)?;
    // One flow at a time: the first that carries data.
    let first = packets.iter().find(|packet| packet.payload > 0.0);
    let flow = first.ok_or_else(|| table.empty("payload_bytes", "no packet carries data"))?.flow.clone();
    packets.retain(|packet| packet.flow == flow);
    let (sender, ports) = sender(&packets);
    // Of several connections the one that carries most.
    let mine = |a: f64, b: f64| (a as u64, b as u64) == ports || (b as u64, a as u64) == ports;
    packets.retain(|packet| mine(packet.ports.0, packet.ports.1));
    let drawn = collect(&packets, &sender);
    let range = busy(&drawn);

    // A part of a long transfer is far from zero.
    let mut panel = Panel::new(Axis { zero: false, ..Axis::new("Sequence number", Unit::Bytes) });
    let show_edge = args.word("window", &["true", "false"])? == "true";
    if show_edge && useful(&drawn) {
        panel.series.push(Series::new("receive window", GREY, Look::Steps(DASHES[1]), drawn.edge).sized(1.4));
    }
    panel.series.push(Series::new("acknowledged", color(2), Look::Steps(&[]), drawn.acks).sized(1.6));
    for (name, ink, spans, width) in [
        ("data sent", color(0), drawn.data, 2.2),
        ("selectively acked", color(3), drawn.sacks, 2.2),
        ("sent again", color(1), drawn.again, 4.0),
    ] {
        if !spans.is_empty() {
            let name = if name == "sent again" { format!("{name} ({})", spans.len()) } else { name.to_string() };
            let points = spans.iter().map(|(time, _, high)| (*time, *high)).collect();
            let mut series = Series::new(&name, ink, Look::Spans, points).sized(width);
            series.whiskers = spans.iter().map(|(_, low, high)| (*low, *high)).collect();
            panel.series.push(series);
        }
    }
    if !drawn.probes.is_empty() {
        let name = format!("window probe ({})", drawn.probes.len());
        panel.series.push(Series::new(&name, BLACK, Look::Marks(Shape::Triangle), drawn.probes).sized(9.0));
    }
    if !drawn.lost.is_empty() {
        let name = format!("lost ({})", drawn.lost.len());
        panel.series.push(Series::new(&name, LOST, Look::Marks(Shape::Cross), drawn.lost).sized(9.0));
    }
    let caption = format!("flow: {flow}; as {sender} sees it, in bytes since its connection began");
    let figure = Figure {
        title: title(args, "Time-sequence graph"),
        caption,
        x: Axis { range, ..Axis::time() },
        panels: vec![panel],
    };
    Ok(figure.page())
}

/// The host that sends most of the data over one connection, and its ports.
fn sender(packets: &[Journey]) -> (String, (u64, u64)) {
    let mut sums = std::collections::BTreeMap::new();
    for packet in packets {
        let ports = (packet.ports.0 as u64, packet.ports.1 as u64);
        *sums.entry((packet.source(), ports)).or_insert(0.0) += packet.payload.max(0.0);
    }
    let most = sums.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    most.map(|((host, ports), _)| (host.to_string(), ports)).unwrap_or_default()
}

/// The time in which something happens; a long silence before closing is left out.
fn busy(drawn: &Drawn) -> Option<(f64, f64)> {
    let probes = drawn.probes.iter().map(|point| point.0);
    let spans = [&drawn.data, &drawn.again].into_iter().flatten().map(|span| span.0).chain(probes);
    let top = drawn.acks.iter().map(|point| point.1).fold(0.0, f64::max);
    // What is acknowledged grows by the FIN alone after the last data.
    let grown = drawn.acks.iter().find(|point| point.1 >= top - 1.0).map(|point| point.0);
    let first = spans.clone().fold(f64::INFINITY, f64::min);
    let last = spans.chain(grown).fold(f64::NEG_INFINITY, f64::max);
    (first < last).then_some((first - 0.03 * (last - first), last + 0.03 * (last - first)))
}

/// Whether the window's edge is near enough to the data to be worth its room.
fn useful(drawn: &Drawn) -> bool {
    let top = |points: &[Point]| points.iter().map(|point| point.1).fold(0.0, f64::max);
    let data = drawn.data.iter().map(|span| span.2).fold(0.0, f64::max);
    !drawn.edge.is_empty() && top(&drawn.edge) < 1.6 * data
}

fn collect(packets: &[Journey], sender: &str) -> Drawn {
    let mut drawn = Drawn::default();
    let mine = || packets.iter().filter(|packet| packet.source() == sender && packet.seq.is_finite());
    let mut highest = 0.0;
    for packet in mine() {
        let seq = packet.relative.0;
        if packet.payload > 0.0 {
            let end = seq + packet.payload;
            let span = (packet.handed(), seq, end);
            if packet.again {
                drawn.again.push(span)
            } else {
                drawn.data.push(span)
            }
            highest = end.max(highest);
        } else if packet.flags == "ACK" && seq < highest {
            // RFC 9293 §3.8.6.1: an old sequence number asks for nothing but an acknowledgement, which tells the window.
            drawn.probes.push((packet.handed(), seq));
        }
        if packet.lost() {
            drawn.lost.push((packet.handed(), seq + packet.payload.max(0.0) / 2.0));
        }
    }
    let back = packets.iter().filter(|packet| packet.source() != sender && packet.ack.is_finite());
    let mut back: Vec<&Journey> = back.filter(|packet| packet.arrived().is_finite() && !packet.lost()).collect();
    back.sort_by(|a, b| a.arrived().total_cmp(&b.arrived()));
    for packet in back {
        let (time, ack) = (packet.arrived(), packet.relative.1);
        drawn.acks.push((time, ack));
        if packet.window.is_finite() {
            drawn.edge.push((time, ack + packet.window));
        }
        for (low, high) in &packet.sack {
            // As far from the acknowledged byte as on the wire, across the wrap.
            let away = |seq: f64| ack + (seq - packet.ack).rem_euclid(TURN);
            let (low, high) = (away(*low), away(*high));
            drawn.sacks.push((time, low, high));
        }
    }
    drawn
}
