//! The network: drawn where it can be read, and as a table of its links.

use topologies::{NodeKind, Plan, PortPlan};

use super::html::Html;
use super::layout::{Layout, Place};
use super::numbers::{head_row, table};
use crate::queues;

/// More places or links than this nobody reads in a drawing.
const PLACES_MAX: usize = 28;
const EDGES_MAX: usize = 40;
/// The most rows of the table of links.
const ROWS_MAX: usize = 60;

/// Pixels between rows, of a box, and around all.
const ROW: f64 = 70.0;
const BOX: f64 = 40.0;
const MARGIN: f64 = 24.0;
/// Pixels of a letter: of a node's name, of a link's words. Fonts differ, so there is room to spare.
const LETTER: f64 = 8.6;
const SMALL: f64 = 6.6;
const LINE: f64 = 15.0;

/// Writes the network of a plan; `label` is the point's, where there are several.
pub(super) fn write(html: &mut Html, plan: &Plan, label: &str) {
    let hosts = plan.nodes.iter().filter(|node| node.kind == NodeKind::Host).count();
    let routers = plan.nodes.len() - hosts;
    let mut words =
        format!("{}, {}, {}.", count(hosts, "host"), count(routers, "router"), count(plan.links.len(), "link"));
    if !label.is_empty() {
        words += &format!(" As it is at the first point, {label}.");
    }
    let layout = Layout::of(plan, &|link| link_words(plan, link, false).join("; "));
    let drawn = layout.places.len() <= PLACES_MAX && layout.edges.len() <= EDGES_MAX;
    if !drawn {
        words += " It is too large to be drawn readably.";
    }
    html.line("p", &[], &words);
    if drawn {
        html.block("figure", &[], |html| {
            let attributes = [("class", "scroll network"), ("role", "region"), ("aria-label", "The network, drawn"), ("tabindex", "0")];
            html.block("div", &attributes, |html| Drawing::of(plan, layout).write(html, &words));
            html.line("figcaption", &[], "Hosts have corners, routers are round. A link says its rate and its delay, and what else it does to packets.");
        });
    }
    links(html, plan);
}

fn count(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A row for each link direction.
fn links(html: &mut Html, plan: &Plan) {
    let open = |port: &&PortPlan| !port.config.blocked;
    let all = plan.ports.iter().filter(open).count();
    if all == 0 {
        return;
    }
    let mut ports: Vec<u32> = plan.links.iter().flat_map(|link| [link.forward, link.reverse]).collect();
    ports.retain(|port| !plan.ports[*port as usize].config.blocked);
    ports.truncate(ROWS_MAX);
    html.block("details", &[], |html| {
        html.line("summary", &[], &format!("Links ({all} directions)"));
        table(html, "Links and their queues", |html| {
            let numbers = [("rate", "rate on the wire"), ("delay", "propagation, one way")];
            let words = |names: &[&'static str]| names.iter().map(|name| (*name, "")).collect::<Vec<_>>();
            let head = [words(&["link", "from", "to"]), numbers.to_vec(), words(&["queue", "besides"])].concat();
            head_row(html, head.into_iter().map(|(name, whole)| (name.to_string(), whole)));
            html.block("tbody", &[], |html| {
                for port in &ports {
                    let at = &plan.ports[*port as usize];
                    let name = |node: u32| plan.nodes[node as usize].name.as_str();
                    html.block("tr", &[], |html| {
                        html.element("th", &[("scope", "row")], &at.config.name);
                        html.element("td", &[("class", "word")], name(at.node));
                        html.element("td", &[("class", "word")], name(plan.ports[at.peer as usize].node));
                        let rate = at.rate();
                        let bps = rate.map_or(f64::INFINITY, |rate| rate.bps() as f64).to_string();
                        html.element("td", &[("data-value", &bps)], &rate_words(at));
                        html.element(
                            "td",
                            &[("data-value", &at.config.delay.seconds().to_string())],
                            &at.config.delay.to_string(),
                        );
                        html.element(
                            "td",
                            &[("class", "word")],
                            &format!("{}: {}", at.config.queue.name(), queues::words(plan, *port)),
                        );
                        html.element("td", &[("class", "word")], &besides(at).join(", "));
                    });
                }
            });
        });
        if all > ports.len() {
            html.line("p", &[], &format!("And {} more: see manifest.yaml of a run.", all - ports.len()));
        }
    });
}

fn rate_words(port: &PortPlan) -> String {
    port.rate().map_or_else(|| "infinite".to_string(), |rate| rate.to_string())
}

/// What a direction does to packets besides carrying them.
fn besides(port: &PortPlan) -> Vec<String> {
    let does = &port.config.impairments;
    let mut words: Vec<String> = Vec::new();
    words.extend(does.loss.as_ref().map(|loss| format!("loss {loss}")));
    if !does.forced.is_empty() {
        words.push("listed loss".into());
    }
    if let Some(jitter) = &does.jitter {
        words.push(format!("jitter {}", jitter.span));
    }
    if does.reorder.is_some() {
        words.push("reordering".into());
    }
    for (share, what) in [(does.duplicate, "duplicates"), (does.corrupt, "corrupts")] {
        if share != sim_core::Prob::ZERO {
            words.push(format!("{what} {share}"));
        }
    }
    words
}

/// What a link says in the drawing, a line each: its name where it has one of its own, rate and delay, what else. `turned` where its left end
/// of the file stands at the right.
fn link_words(plan: &Plan, link: usize, turned: bool) -> Vec<String> {
    let at = &plan.links[link];
    let [forward, reverse] = [at.forward, at.reverse].map(|port| &plan.ports[port as usize]);
    let one = |port: &PortPlan| {
        let mut words = vec![rate_words(port), port.config.delay.to_string()];
        words.extend(besides(port));
        words.join(", ")
    };
    let own = at.group.is_none() && !at.name.contains("--") && !at.name.contains("->");
    let mut lines: Vec<String> = own.then(|| at.name.clone()).into_iter().collect();
    let (there, back) = if turned { ("←", "→") } else { ("→", "←") };
    let (a, b) = (one(forward), one(reverse));
    if reverse.config.blocked {
        lines.push(format!("{there} {a}"));
    } else if a == b {
        lines.push(a);
    } else if turned {
        lines.extend([format!("{back} {b}"), format!("{there} {a}")]);
    } else {
        lines.extend([format!("{there} {a}"), format!("{back} {b}")]);
    }
    lines
}

/// A laid out drawing with sizes.
struct Drawing<'a> {
    plan: &'a Plan,
    layout: Layout,
    /// The name of each place.
    names: Vec<String>,
    /// The middle and the width of each column.
    columns: Vec<(f64, f64)>,
    /// The words of each link.
    words: Vec<Vec<String>>,
    size: (f64, f64),
    middle: f64,
}

impl Drawing<'_> {
    fn of(plan: &Plan, layout: Layout) -> Drawing<'_> {
        let names: Vec<String> = layout.places.iter().map(|place| name(plan, place)).collect();
        let column = |at: usize| layout.places[at].column;
        let turned = |ends: [usize; 2]| column(ends[0]) > column(ends[1]);
        let words: Vec<Vec<String>> =
            layout.edges.iter().map(|edge| link_words(plan, edge.link, turned(edge.ends))).collect();
        let (mut left, mut columns) = (MARGIN, Vec::new());
        for number in 0..layout.columns {
            let inside = names.iter().zip(&layout.places).filter(|(_, place)| place.column == number);
            let wide = inside.map(|(name, _)| width(name, LETTER) + 26.0).fold(74.0, f64::max);
            columns.push((left + wide / 2.0, wide));
            // Words of links that begin here, or stand within the column.
            let mine = layout
                .edges
                .iter()
                .zip(&words)
                .filter(|(edge, _)| edge.ends.iter().map(|end| column(*end)).min() == Some(number));
            let gap = mine.flat_map(|(_, lines)| lines).map(|line| width(line, SMALL)).fold(40.0, f64::max);
            left += wide + gap + 48.0;
        }
        let inside = layout
            .edges
            .iter()
            .any(|edge| column(edge.ends[0]) == column(edge.ends[1]) && column(edge.ends[0]) + 1 == layout.columns);
        let last = columns.last().map_or(0.0, |(middle, wide)| middle + wide / 2.0);
        let right = if inside { left } else { last };
        let tall = layout.places.iter().map(|place| place.row).fold(0.0, f64::max);
        let middle = MARGIN + tall * ROW + BOX / 2.0 + LINE;
        let size = (right + MARGIN, 2.0 * middle);
        Drawing { plan, layout, names, columns, words, size, middle }
    }

    fn at(&self, place: usize) -> (f64, f64) {
        let Place { column, row, .. } = &self.layout.places[place];
        (self.columns[*column].0, self.middle + row * ROW)
    }

    fn half(&self, place: usize) -> f64 {
        (self.names[place].chars().count() as f64 * LETTER + 26.0).max(74.0) / 2.0
    }

    fn write(&self, html: &mut Html, words: &str) {
        let (w, h) = (pixel(self.size.0), pixel(self.size.1));
        let view = format!("0 0 {w} {h}");
        let attributes = [
            ("width", w.as_str()),
            ("height", &h),
            ("viewBox", &view),
            ("role", "img"),
            ("aria-label", &self.alt(words)),
        ];
        html.block("svg", &attributes, |html| {
            (0..self.layout.edges.len()).for_each(|edge| self.link(html, edge));
            (0..self.layout.places.len()).for_each(|place| self.node(html, place));
            (0..self.layout.edges.len()).for_each(|edge| self.label(html, edge));
        });
    }

    /// The drawing in words.
    fn alt(&self, words: &str) -> String {
        let links = self.layout.edges.iter().zip(&self.words).map(|(edge, words)| {
            let [a, b] = edge.ends.map(|end| self.names[end].as_str());
            format!("{a} to {b} ({})", words.join("; "))
        });
        format!("{words} {}", links.collect::<Vec<_>>().join(", "))
    }

    fn node(&self, html: &mut Html, place: usize) {
        let ((x, y), half) = (self.at(place), self.half(place));
        let router = self.layout.places[place].kind == NodeKind::Router;
        let (left, top, wide, high) = (pixel(x - half), pixel(y - BOX / 2.0), pixel(half * 2.0), pixel(BOX));
        if self.layout.places[place].members.len() > 1 {
            // A second card behind.
            let (left, top) = (pixel(x - half + 5.0), pixel(y - BOX / 2.0 - 5.0));
            html.block(
                "rect",
                &[("class", "host"), ("x", &left), ("y", &top), ("width", &wide), ("height", &high), ("rx", "4")],
                |_| (),
            );
        }
        let (class, round) = if router { ("router", "20") } else { ("host", "4") };
        html.block(
            "rect",
            &[("class", class), ("x", &left), ("y", &top), ("width", &wide), ("height", &high), ("rx", round)],
            |_| (),
        );
        html.line("text", &[("class", "name"), ("x", &pixel(x)), ("y", &pixel(y + 5.0))], &self.names[place]);
    }

    /// Its ends: on the edges of the boxes.
    fn ends(&self, edge: usize) -> [(f64, f64); 2] {
        let [a, b] = self.layout.edges[edge].ends;
        let ((ax, ay), (bx, by)) = (self.at(a), self.at(b));
        if self.layout.places[a].column == self.layout.places[b].column {
            let down = if by > ay { BOX / 2.0 } else { -BOX / 2.0 };
            return [(ax, ay + down), (bx, by - down)];
        }
        let right = if bx > ax { 1.0 } else { -1.0 };
        [(ax + right * self.half(a), ay), (bx - right * self.half(b), by)]
    }

    /// How far it swings out, on the way around what stands between its ends.
    fn bend(&self, edge: usize) -> (f64, f64) {
        let [a, b] = self.layout.edges[edge].ends.map(|end| &self.layout.places[end]);
        let same = a.column == b.column;
        // Links of the same two ends stand side by side.
        let ends = self.layout.edges[edge].ends;
        let twin = |other: &&super::layout::Edge| other.ends == ends || other.ends == [ends[1], ends[0]];
        let before = self.layout.edges[..edge].iter().filter(twin).count() as f64;
        if same {
            let far = (a.row - b.row).abs() > 1.5;
            (if far { 70.0 } else { 0.0 } + before * 60.0, 0.0)
        } else {
            let far = a.column.abs_diff(b.column) > 1;
            (0.0, if far { -ROW * 0.62 } else { 0.0 } + before * 56.0)
        }
    }

    fn link(&self, html: &mut Html, edge: usize) {
        let [(ax, ay), (bx, by)] = self.ends(edge);
        let (dx, dy) = self.bend(edge);
        let (mx, my) = ((ax + bx) / 2.0 + dx * 2.0, (ay + by) / 2.0 + dy * 2.0);
        let d = format!("M{} {}Q{} {} {} {}", pixel(ax), pixel(ay), pixel(mx), pixel(my), pixel(bx), pixel(by));
        let one_way = self.plan.ports[self.plan.links[self.layout.edges[edge].link].reverse as usize].config.blocked;
        let class = if one_way { "link one-way" } else { "link" };
        html.block("path", &[("class", class), ("d", &d)], |_| ());
    }

    fn label(&self, html: &mut Html, edge: usize) {
        let [(ax, ay), (bx, by)] = self.ends(edge);
        let (dx, dy) = self.bend(edge);
        let ends = self.layout.edges[edge].ends;
        let same = self.layout.places[ends[0]].column == self.layout.places[ends[1]].column;
        // Near the end that has fewer links, where they do not crowd.
        let degree = |place: usize| self.layout.edges.iter().filter(|edge| edge.ends.contains(&place)).count();
        let lean = match degree(ends[0]).cmp(&degree(ends[1])) {
            _ if same || dy != 0.0 => 0.5,
            std::cmp::Ordering::Less => 0.38,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Greater => 0.62,
        };
        let (x, y) = (ax + (bx - ax) * lean + dx, ay + (by - ay) * lean + dy);
        let lines = &self.words[edge];
        let (class, x) = if same { ("side", x + 8.0) } else { ("words", x) };
        // In the middle of the line where it slopes, above it where it is level.
        let level = !same && (by - ay).abs() < 1.0;
        let first = if level {
            y - 7.0 - LINE * (lines.len() as f64 - 1.0)
        } else {
            y + 4.0 - LINE * (lines.len() as f64 - 1.0) / 2.0
        };
        if !level {
            // The line would strike the words out.
            let wide = lines.iter().map(|line| width(line, SMALL)).fold(0.0, f64::max);
            let left = if same { x - 3.0 } else { x - wide / 2.0 };
            let (left, top) = (pixel(left), pixel(first - LINE + 2.0));
            let (wide, high) = (pixel(wide), pixel(LINE * lines.len() as f64 + 2.0));
            let back = [("class", "back"), ("x", left.as_str()), ("y", &top), ("width", &wide), ("height", &high)];
            html.block("rect", &back, |_| ());
        }
        for (number, line) in lines.iter().enumerate() {
            html.line("text", &[("class", class), ("x", &pixel(x)), ("y", &pixel(first + LINE * number as f64))], line);
        }
    }
}

/// The name of a place: `client1 … client8 (8)`.
fn name(plan: &Plan, place: &Place) -> String {
    let name = |node: u32| plan.nodes[node as usize].name.as_str();
    match &place.members[..] {
        [first, .., last] => format!("{} … {} ({})", name(*first), name(*last), place.members.len()),
        one => one.iter().map(|node| name(*node)).collect(),
    }
}

/// About how wide a text is.
fn width(text: &str, letter: f64) -> f64 {
    text.chars().count() as f64 * letter
}

/// Whole pixels: the same digits everywhere.
fn pixel(value: f64) -> String {
    (value.round() as i64).to_string()
}
