//! Where the nodes of a network stand: in columns from those that start flows to those that are asked, routers between them. Hosts that
//! differ in nothing but their number stand as one. No chance, no iteration until something settles: the same network, the same places.

use std::collections::{BTreeMap, BTreeSet};

use topologies::{NodeKind, Plan};

/// So many like hosts at a router become one.
const ALIKE: usize = 4;
/// How often columns are ordered by their neighbours.
const SWEEPS: usize = 4;

/// A node of the drawing: a node of the plan, or several like ones.
pub(super) struct Place {
    /// Nodes of the plan.
    pub members: Vec<u32>,
    pub kind: NodeKind,
    /// Its column.
    pub column: usize,
    /// Its row in the column, from the middle.
    pub row: f64,
}

/// A link of the drawing; of several like ones the first.
pub(super) struct Edge {
    /// The index of its link in the plan.
    pub link: usize,
    /// Places: where it leaves forward, and where it arrives.
    pub ends: [usize; 2],
}

/// A network with its places.
pub(super) struct Layout {
    pub places: Vec<Place>,
    pub edges: Vec<Edge>,
    pub columns: usize,
}

impl Layout {
    /// Finds the places of all nodes. `alike` tells of a link what hosts must share to stand as one.
    pub fn of(plan: &Plan, alike: &dyn Fn(usize) -> String) -> Layout {
        let (mut places, of) = merged(plan, alike);
        let mut edges: Vec<Edge> = Vec::new();
        let mut merged_already = BTreeSet::new();
        for (link, at) in plan.links.iter().enumerate() {
            let [a, b] = ends(plan, link).map(|node| of[node as usize]);
            let several = places[a].members.len() > 1 || places[b].members.len() > 1;
            if !several || merged_already.insert((a, b)) {
                edges.push(Edge { link, ends: [a, b] });
            }
            debug_assert!(at.forward != at.reverse, "a link has two ports");
        }
        let neighbours = neighbours(&places, &edges);
        let columns = columns(plan, &of, &neighbours);
        let count = columns.iter().max().map_or(0, |last| last + 1);
        places.iter_mut().zip(&columns).for_each(|(place, column)| place.column = *column);
        rows(&mut places, &neighbours, count);
        Layout { places, edges, columns: count }
    }
}

/// The nodes of a link, the left end of the file first.
pub(super) fn ends(plan: &Plan, link: usize) -> [u32; 2] {
    let forward = &plan.ports[plan.links[link].forward as usize];
    [forward.node, plan.ports[forward.peer as usize].node]
}

/// Puts like hosts together; also tells of each node its place.
fn merged(plan: &Plan, alike: &dyn Fn(usize) -> String) -> (Vec<Place>, Vec<usize>) {
    let mut links: Vec<Vec<usize>> = vec![Vec::new(); plan.nodes.len()];
    for link in 0..plan.links.len() {
        ends(plan, link).iter().for_each(|node| links[*node as usize].push(link));
    }
    // Hosts with one link each, by neighbour, name without number, and kind of link.
    let mut like: BTreeMap<(u32, bool, &str, String), Vec<u32>> = BTreeMap::new();
    for (number, node) in (0_u32..).zip(&plan.nodes) {
        if let ([link], NodeKind::Host) = (&links[number as usize][..], node.kind) {
            let [a, b] = ends(plan, *link);
            let (neighbour, left) = if a == number { (b, true) } else { (a, false) };
            let stem = node.name.trim_end_matches(|c: char| c.is_ascii_digit());
            like.entry((neighbour, left, stem, alike(*link))).or_default().push(number);
        }
    }
    let mut first: Vec<Option<&Vec<u32>>> = vec![None; plan.nodes.len()];
    let mut inner = vec![false; plan.nodes.len()];
    for members in like.values().filter(|members| members.len() >= ALIKE) {
        first[members[0] as usize] = Some(members);
        members[1..].iter().for_each(|node| inner[*node as usize] = true);
    }
    let (mut places, mut of) = (Vec::new(), vec![0; plan.nodes.len()]);
    for (number, node) in (0_u32..).zip(&plan.nodes).filter(|(number, _)| !inner[*number as usize]) {
        let members = first[number as usize].cloned().unwrap_or_else(|| vec![number]);
        members.iter().for_each(|node| of[*node as usize] = places.len());
        places.push(Place { members, kind: node.kind, column: 0, row: 0.0 });
    }
    (places, of)
}

fn neighbours(places: &[Place], edges: &[Edge]) -> Vec<Vec<usize>> {
    let mut neighbours = vec![Vec::new(); places.len()];
    for Edge { ends: [a, b], .. } in edges.iter().filter(|edge| edge.ends[0] != edge.ends[1]) {
        neighbours[*a].push(*b);
        neighbours[*b].push(*a);
    }
    neighbours
}

/// The column of each place: those between others by their distance from the first flow's start, ends before or behind them.
fn columns(plan: &Plan, of: &[usize], neighbours: &[Vec<usize>]) -> Vec<usize> {
    let between: Vec<bool> = neighbours.iter().map(|all| all.iter().collect::<BTreeSet<_>>().len() > 1).collect();
    let starts: Vec<usize> = plan.flows.iter().map(|flow| of[flow.from as usize]).collect();
    let first = starts.first().copied().unwrap_or(0);
    let Some(start) = std::iter::once(first)
        .chain(neighbours.get(first).into_iter().flatten().copied())
        .find(|at| between.get(*at) == Some(&true))
    else {
        // Nothing is between anything: pairs and loners, whoever starts at the left.
        let right = |at: usize| {
            at != first && (neighbours[at].contains(&first) || neighbours[at].first().is_some_and(|other| *other < at))
        };
        return (0..neighbours.len()).map(|at| usize::from(right(at))).collect();
    };
    let mut distance: Vec<Option<i64>> = vec![None; neighbours.len()];
    let mut roots = vec![start];
    roots.extend((0..neighbours.len()).filter(|at| between[*at]));
    for root in roots {
        if distance[root].is_some() {
            continue;
        }
        distance[root] = Some(0);
        let mut front = vec![root];
        for step in 1.. {
            let mut next = Vec::new();
            for other in front.iter().flat_map(|at| &neighbours[*at]).filter(|other| between[**other]) {
                if distance[*other].is_none() {
                    distance[*other] = Some(step);
                    next.push(*other);
                }
            }
            if next.is_empty() {
                break;
            }
            front = next;
        }
    }
    let last = distance.iter().flatten().copied().max().unwrap_or(0);
    for at in (0..neighbours.len()).filter(|at| !between[*at]) {
        let Some(neighbour) = neighbours[at].first() else {
            distance[at] = Some(0);
            continue;
        };
        let of_it = distance[*neighbour].unwrap_or(0);
        let before = starts.contains(&at) && (*neighbour == start || of_it < last);
        distance[at] = Some(if before { of_it - 1 } else { of_it + 1 });
    }
    let least = distance.iter().flatten().copied().min().unwrap_or(0);
    distance.iter().map(|at| (at.unwrap_or(0) - least) as usize).collect()
}

/// Orders each column by where its neighbours stand, there and back, and centres it.
fn rows(places: &mut [Place], neighbours: &[Vec<usize>], count: usize) {
    let mut columns: Vec<Vec<usize>> = vec![Vec::new(); count];
    places.iter().enumerate().for_each(|(at, place)| columns[place.column].push(at));
    let centre = |places: &mut [Place], column: &[usize]| {
        for (row, at) in column.iter().enumerate() {
            places[*at].row = row as f64 - (column.len() as f64 - 1.0) / 2.0;
        }
    };
    columns.iter().for_each(|column| centre(places, column));
    for sweep in 0..SWEEPS {
        let there = sweep % 2 == 0;
        let order: Vec<usize> = if there { (0..count).collect() } else { (0..count).rev().collect() };
        for column in order {
            let mean = |at: usize| {
                let behind = |other: &&usize| {
                    let other = places[**other].column;
                    if there { other < column } else { other > column }
                };
                let rows: Vec<f64> = neighbours[at].iter().filter(behind).map(|other| places[*other].row).collect();
                if rows.is_empty() { places[at].row } else { rows.iter().sum::<f64>() / rows.len() as f64 }
            };
            let mut keyed: Vec<(f64, usize)> = columns[column].iter().map(|at| (mean(*at), *at)).collect();
            keyed.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            columns[column] = keyed.into_iter().map(|(_, at)| at).collect();
            centre(places, &columns[column]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(text: &str) -> Plan {
        let text = format!("clockwire: 1\nstop: 1 s\ndefaults: {{ link: {{ rate: 1 Mbit/s }} }}\n{text}");
        let options = topologies::LoadOptions::default();
        let experiment = topologies::load_text("t.yaml", "t", &text, std::path::Path::new(""), &options);
        experiment.unwrap_or_else(|error| panic!("{error}")).points[0].plan.clone()
    }

    /// Names by column, each column from the top.
    fn columns(text: &str) -> Vec<Vec<String>> {
        let plan = plan(text);
        let layout = Layout::of(&plan, &|_| String::new());
        let mut columns = vec![Vec::new(); layout.columns];
        let mut order: Vec<usize> = (0..layout.places.len()).collect();
        order.sort_by(|a, b| layout.places[*a].row.total_cmp(&layout.places[*b].row));
        for at in order {
            let place = &layout.places[at];
            let name = plan.nodes[place.members[0] as usize].name.clone();
            let more = place.members.len();
            columns[place.column].push(if more > 1 { format!("{name} × {more}") } else { name });
        }
        columns
    }

    #[test]
    fn a_dumbbell_reads_from_left_to_right() {
        let text = "hosts: { s1: {}, s2: {}, d1: {}, d2: {} }\nrouters: { r1: {}, r2: {} }\nlinks: [ s* -- r1: {}, r1 -- r2: {}, d* -- r2: {} ]\n\
                    workload: { w: { from: [s1, s2], to: d1, tcp: {} }, back: { from: d2, to: s1, tcp: {} } }\n";
        let text = text.replace(
            "[ s* -- r1: {}, r1 -- r2: {}, d* -- r2: {} ]",
            "[ { s* -- r1: {} }, { r1 -- r2: {} }, { d* -- r2: {} } ]",
        );
        assert_eq!(columns(&text), [vec!["s1", "s2"], vec!["r1"], vec!["r2"], vec!["d1", "d2"]]);
    }

    #[test]
    fn many_like_hosts_stand_as_one() {
        let text = "hosts: { c: { count: 10000 }, server: {} }\nrouters: { r: {} }\nlinks: [ { c* -- r: {} }, { r -- server: {} } ]\n\
                    workload: { w: { from: c*, to: server, tcp: {} } }\n";
        assert_eq!(columns(text), [vec!["c1 × 10000"], vec!["r"], vec!["server"]]);
    }

    #[test]
    fn two_hosts_and_rings_have_places_too() {
        let pair = "hosts: { b: {}, a: {} }\nlinks: [ { b -- a: {} } ]\nworkload: { w: { from: a, to: b, tcp: {} } }\n";
        assert_eq!(columns(pair), [["a"], ["b"]]);
        let ring =
            "routers: { r1: {}, r2: {}, r3: {} }\nlinks: [ { r1 -- r2: {} }, { r2 -- r3: {} }, { r3 -- r1: {} } ]\n";
        assert_eq!(columns(ring), [vec!["r1"], vec!["r2", "r3"]]);
        assert_eq!(columns("hosts: { alone: {} }\n"), [["alone"]]);
    }
}
