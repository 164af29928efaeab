//! Causes to sentences: what happened to a flow around a moment, and which rule says so.

use sim_core::{DropCause, Kind, Outcome, Rows, Span, Time};
use sim_protocols::tcp::TCP;
use topologies::{FlowPlan, Plan};

use crate::cells;
use crate::quantity::{Dimension, show};

/// Told of before and after the moment where nothing is known of the round trip.
const AROUND: Span = Span::from_ms(200);

/// A packet's number has its maker above so many bits.
const PACKET_BITS: u32 = 40;

/// More lines than this on either side of the moment are not told.
const LINES_MAX: usize = 12;

/// What a cause of a change says: its word, what happens, and the rules that say so, each of one control, or of all where none is named. `{}` is
/// what the window does.
type Sentence = (&'static str, &'static str, &'static [(&'static str, &'static str)]);

/// In the order of the words of the table `tcp`.
const SENTENCES: &[Sentence] = &[
    ("established", "the connection is established: {}", &[("", "initial window: RFC 6928 §2")]),
    ("slow_start", "slow start, a segment more for each that is acknowledged: {}", &[("", "RFC 5681 §3.1")]),
    (
        "congestion_avoidance",
        "congestion avoidance: {}",
        &[("reno", "RFC 5681 §3.1"), ("cubic", "RFC 9438 §4.2 to §4.5"), ("dctcp", "RFC 8257 §3.3")],
    ),
    (
        "slow_start_exit",
        "slow start ends before a loss, as round trips or gaps between acknowledgements grow: {}",
        &[("cubic", "RFC 9438 §4.10"), ("", "HyStart++: RFC 9406 §4")],
    ),
    (
        "fast_retransmit",
        "a loss is found by what was acknowledged behind it, and recovery begins: {}",
        &[
            ("", "RFC 6675 §5, RFC 8985 §6.2"),
            ("reno", "the threshold: RFC 5681 §3.2"),
            ("cubic", "the threshold: RFC 9438 §4.6"),
        ],
    ),
    ("rate_reduction", "recovery lets out less than is acknowledged: {}", &[("", "RFC 6937 §3")]),
    ("recovered", "all that was outstanding at the loss is acknowledged, recovery ends: {}", &[("", "RFC 6675 §5")]),
    (
        "timeout",
        "no acknowledgement within the retransmission time-out, all is taken for lost: {}",
        &[("", "RFC 6298 §5.4 to §5.6, RFC 5681 §3.1")],
    ),
    (
        "ecn",
        "the other end echoes a mark of congestion, nothing is lost: {}",
        &[("", "RFC 3168 §6.1.2"), ("dctcp", "RFC 8257 §3.3")],
    ),
    ("idle_restart", "it was idle for longer than a time-out, and begins anew: {}", &[("", "RFC 5681 §4.1")]),
    ("retransmission", "sends again what is taken for lost: {}", &[("", "RFC 6675 §4")]),
    ("model", "the control's model of the path changes: {}", &[("", "draft-ietf-ccwg-bbr §5")]),
    ("tail_loss_probe", "nothing is acknowledged for two round trips, a probe is sent: {}", &[("", "RFC 8985 §7")]),
    (
        "undo",
        "the reduction was needless, what was taken for lost had arrived: {}",
        &[("", "RFC 4015 §3, RFC 5682 §2")],
    ),
];

/// Causes that find a loss.
const FINDS: [&str; 2] = ["fast_retransmit", "timeout"];

/// A row of the table `tcp`.
#[derive(Clone, Copy)]
struct Row {
    time: Time,
    node: u64,
    connection: u64,
    cwnd: u64,
    ssthresh: u64,
    in_flight: u64,
    srtt: u64,
    rto: u64,
    retransmissions: u64,
    state: u64,
    cause: u64,
}

/// A sentence with its time.
struct Told {
    time: Time,
    text: String,
}

/// The story of a flow around a moment.
pub fn story(plan: &Plan, outcome: &Outcome, flow: usize, at: Time, around: Option<Span>) -> String {
    let own = &plan.flows[flow];
    let rows = rows(outcome, u64::from(own.config.number));
    let now = rows.iter().rev().find(|row| row.time <= at);
    let srtt = now.filter(|row| row.srtt != u64::MAX && row.srtt > 0).map(|row| Span::from_ps(row.srtt));
    let around = around.unwrap_or_else(|| srtt.map_or(AROUND, |srtt| srtt.saturating_mul(4)));
    let from = Time::from_ps(at.ps().saturating_sub(around.ps()));
    let until = at.saturating_add(around);
    let mut text = format!("{} at {} s", own.name, cells::seconds(at.ps()));
    text += &match now {
        Some(row) => format!(", {}\n", state(plan, own, row)),
        None => ", before its connection is established\n".into(),
    };
    let number = u64::from(own.config.number);
    let (lost, marked) = (drops(plan, outcome, number), marks(plan, outcome, number));
    let mut told = changes(plan, own, &rows, [&lost, &marked], (from, until));
    let during = lost.iter().chain(&marked).filter(|fate| (from..=until).contains(&fate.time));
    told.extend(during.map(|lost| Told { time: lost.time, text: lost.text.clone() }));
    told.sort_by_key(|one| one.time);
    let (before, after): (Vec<&Told>, Vec<&Told>) = told.iter().partition(|one| one.time <= at);
    let (earlier, later) = (before.len().saturating_sub(LINES_MAX), after.len().saturating_sub(LINES_MAX));
    text += &format!("\nup to then, from {} s:\n", cells::seconds(from.ps()));
    if earlier > 0 {
        text += &format!("  ({earlier} more before; an earlier moment tells of them)\n");
    }
    text += &lines(&before[earlier..]);
    text += &format!("\nafter it, to {} s:\n", cells::seconds(until.min(plan.stop).ps()));
    text += &lines(&after[..after.len() - later]);
    if later > 0 {
        text += &format!("  ({later} more; a later moment tells of them)\n");
    }
    text += &requests(outcome, number, at);
    text + &waits(plan, outcome, number, from, at)
}

/// Requests of the flow that are under way at the moment, with their steps and where most of their time goes.
fn requests(outcome: &Outcome, flow: u64, at: Time) -> String {
    let mut text = String::new();
    for rows in &outcome.rows {
        let place = |name: &str| rows.table.columns.iter().position(|column| column.name == name);
        let places = ["flow", "number", "start_s", "total_s", "cause"].map(place);
        let [Some(own), Some(number), Some(start), Some(total), Some(cause)] = places else { continue };
        let under_way = |row: &[u64]| {
            let end = if row[total] == u64::MAX { u64::MAX } else { row[start].saturating_add(row[total]) };
            row[own] == flow && (row[start]..=end).contains(&at.ps())
        };
        for (_, row) in rows.iter().filter(|(_, row)| under_way(row)).take(LINES_MAX) {
            let steps = rows.table.columns.iter().zip(row).filter(|(column, value)| {
                column.kind == Kind::Time
                    && !matches!(column.name, "start_s" | "total_s")
                    && **value != u64::MAX
                    && **value != 0
            });
            let steps: Vec<String> = steps
                .map(|(column, value)| format!("{} {}", column.name.trim_end_matches("_s"), span(*value)))
                .collect();
            let took =
                if row[total] == u64::MAX { "does not end".into() } else { format!("takes {}", span(row[total])) };
            let word = match rows.table.columns[cause].kind {
                Kind::Word(words) => words.get(row[cause] as usize).copied().unwrap_or("unknown"),
                _ => "unknown",
            };
            text += &format!(
                "  {} {} from {} s {took}: {}; most of it goes to: {word}\n",
                rows.table.name,
                row[number],
                cells::seconds(row[start]),
                steps.join(", ")
            );
        }
    }
    if text.is_empty() { text } else { format!("\nrequests under way then:\n{text}") }
}

/// A span for people.
fn span(ps: u64) -> String {
    show(ps as f64 / 1e12, Dimension::TIME, false)
}

fn lines(told: &[&Told]) -> String {
    if told.is_empty() {
        return "  nothing changed\n".into();
    }
    told.iter().map(|one| format!("  {} s  {}\n", cells::seconds(one.time.ps()), one.text)).collect()
}

fn many(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// The congestion control of the end of a flow at a node.
fn control(flow: &FlowPlan, node: u64) -> &'static str {
    let end = usize::from(node == u64::from(flow.to) && flow.from != flow.to);
    flow.tcp[end].cc.name()
}

/// How the connection stands.
fn state(plan: &Plan, flow: &FlowPlan, row: &Row) -> String {
    let node = &plan.nodes[row.node as usize].name;
    let control = control(flow, row.node);
    let word = TCP.columns.iter().find_map(|column| match (column.name, column.kind) {
        ("state", sim_core::Kind::Word(words)) => words.get(row.state as usize).copied(),
        _ => None,
    });
    let threshold =
        if row.ssthresh == u64::MAX { "no threshold yet".into() } else { format!("threshold {}", row.ssthresh) };
    let srtt = if row.srtt == u64::MAX { "no round trip yet".into() } else { format!("round trip {}", span(row.srtt)) };
    format!(
        "at {node} ({control}, connection {}): window {}, {threshold}, {} in flight, {srtt}, time-out {}, state {}",
        row.connection,
        many(row.cwnd, "segment"),
        row.in_flight,
        span(row.rto),
        word.unwrap_or_default()
    )
}

fn rows(outcome: &Outcome, flow: u64) -> Vec<Row> {
    let Some(rows) = outcome.table("tcp") else { return Vec::new() };
    let own = rows.iter().filter(|(_, row)| row[0] == flow);
    own.map(|(time, row)| Row {
        time,
        node: row[1],
        connection: row[2],
        cwnd: row[3],
        ssthresh: row[4],
        in_flight: row[5],
        srtt: row[6],
        rto: row[7],
        retransmissions: row[8],
        state: row[9],
        cause: row[10],
    })
    .collect()
}

/// A packet of the flow that was lost, or marked.
struct Fate {
    time: Time,
    /// The node that made it.
    maker: u64,
    text: String,
}

/// Each loss of a packet of the flow.
fn drops(plan: &Plan, outcome: &Outcome, flow: u64) -> Vec<Fate> {
    let Some(rows) = outcome.table("drops") else { return Vec::new() };
    let [node, link, packet, own, length, cause] =
        ["node", "link", "packet", "flow", "length_bytes", "cause"].map(|name| column(rows, name));
    let lost = |(time, row): (Time, &[u64])| {
        let place = match cells::port_name(plan, row[link]) {
            link if link.is_empty() => plan.nodes[row[node] as usize].name.clone(),
            link => link,
        };
        let why = DropCause::HELP.get(row[cause] as usize).copied().unwrap_or_default();
        let text = format!("{place} drops packet {} of {} B: {why}", row[packet], row[length]);
        Fate { time, maker: row[packet] >> PACKET_BITS, text }
    };
    rows.iter().filter(|(_, row)| row[own] == flow).map(lost).collect()
}

/// Each mark of a packet of the flow, with what the queue was like.
fn marks(plan: &Plan, outcome: &Outcome, flow: u64) -> Vec<Fate> {
    let Some(rows) = outcome.table("marks") else { return Vec::new() };
    let [link, packet, own, length, waited, queue] =
        ["link", "packet", "flow", "length_bytes", "waited_s", "queue_packets"].map(|name| column(rows, name));
    let marked = |(time, row): (Time, &[u64])| {
        let place = cells::port_name(plan, row[link]);
        let waited = match row[waited] {
            0 => String::new(),
            some => format!(" after {}", show(Time::from_ps(some).ps() as f64 / 1e12, Dimension::TIME, false)),
        };
        let others = many(row[queue], "packet");
        let text =
            format!("{place} marks packet {} of {} B{waited}, with {others} in the queue", row[packet], row[length]);
        Fate { time, maker: row[packet] >> PACKET_BITS, text }
    };
    rows.iter().filter(|(_, row)| row[own] == flow).map(marked).collect()
}

/// The place of a column that a table is known to have.
fn column(rows: &Rows, name: &str) -> usize {
    rows.table.columns.iter().position(|column| column.name == name).expect("the table has the column")
}

/// Changes of the window, those of one cause that follow each other together.
fn changes(
    plan: &Plan,
    flow: &FlowPlan,
    rows: &[Row],
    [lost, marked]: [&[Fate]; 2],
    (from, until): (Time, Time),
) -> Vec<Told> {
    let mut told = Vec::new();
    let mut at = 0;
    while at < rows.len() {
        let first = rows[at];
        let same = |row: &&Row| (row.cause, row.node, row.connection) == (first.cause, first.node, first.connection);
        let count = rows[at..].iter().take_while(|row| same(row) && row.time <= until).count().max(1);
        let last = rows[at + count - 1];
        let before = rows[..at].iter().rev().find(|row| (row.node, row.connection) == (first.node, first.connection));
        at += count;
        if last.time < from || first.time > until {
            continue;
        }
        let (word, sentence, rules) = SENTENCES.get(first.cause as usize).copied().unwrap_or(("", "{}", &[]));
        let control = control(flow, first.node);
        let rules = rules.iter().filter(|(of, _)| of.is_empty() || *of == control).map(|(_, rule)| *rule);
        let rules = rules.collect::<Vec<_>>().join("; ");
        let rules = if rules.is_empty() { format!("as {control} does") } else { rules };
        let does = window(before, &last, count);
        let mut text = format!("{}: {} [{rules}]", plan.nodes[first.node as usize].name, sentence.replace("{}", &does));
        if FINDS.contains(&word) {
            let none = "no packet of this end was dropped since the last one: it was late or out of order";
            text += &behind(rows, &first, &FINDS, lost, ("dropped", none));
        } else if word == "ecn" {
            let none = "no packet of this end was marked since the last one";
            text += &behind(rows, &first, &["ecn"], marked, ("marked", none));
        }
        told.push(Told { time: if first.time < from { from } else { first.time }, text });
    }
    told
}

/// What the window did between two rows.
fn window(before: Option<&Row>, last: &Row, rows: usize) -> String {
    let mut text = match before {
        Some(before) if before.cwnd == last.cwnd => format!("the window stays at {}", many(last.cwnd, "segment")),
        Some(before) => format!("the window goes from {} to {}", before.cwnd, many(last.cwnd, "segment")),
        None => format!("the window is {}", many(last.cwnd, "segment")),
    };
    if before.is_some_and(|before| before.ssthresh != last.ssthresh) && last.ssthresh != u64::MAX {
        text += &format!(", the threshold is {}", last.ssthresh);
    }
    let again = last.retransmissions - before.map_or(0, |before| before.retransmissions.min(last.retransmissions));
    if again > 0 {
        text += &format!(", {} sent again", many(again, "segment"));
    }
    if rows > 1 {
        text += &format!(" (until {} s)", cells::seconds(last.time.ps()));
    }
    text
}

/// The losses or marks behind one that was found: those since the one before.
fn behind(rows: &[Row], found: &Row, finds: &[&str], fates: &[Fate], (done, none): (&str, &str)) -> String {
    let is_find = |row: &&Row| {
        let word = SENTENCES.get(row.cause as usize).map_or("", |(word, ..)| word);
        row.time < found.time && row.node == found.node && finds.contains(&word)
    };
    let since = rows.iter().filter(is_find).map(|row| row.time).max().unwrap_or(Time::ZERO);
    let own = |fate: &&Fate| fate.time > since && fate.time <= found.time && fate.maker == found.node;
    let causes: Vec<&Fate> = fates.iter().filter(own).collect();
    match &causes[..] {
        [] => format!("; {none}"),
        [one] => format!("; behind it: at {} s {}", cells::seconds(one.time.ps()), one.text),
        [one, .., last] => format!(
            "; behind it: {} {done} from {} s to {} s, the first as {}",
            many(causes.len() as u64, "packet"),
            cells::seconds(one.time.ps()),
            cells::seconds(last.time.ps()),
            one.text
        ),
    }
}

/// Where packets of the flow waited before the moment.
fn waits(plan: &Plan, outcome: &Outcome, flow: u64, from: Time, at: Time) -> String {
    let Some(rows) = outcome.table("hops") else { return String::new() };
    let [port, own, enqueued, started] = ["port", "flow", "enqueued_s", "started_s"].map(|name| column(rows, name));
    // Of each direction of a link: packets, their waits together, the longest.
    let mut found: Vec<(u64, u64, u64, u64)> = Vec::new();
    for (_, row) in rows.iter().filter(|(_, row)| row[own] == flow && row[started] != u64::MAX) {
        if (from.ps()..=at.ps()).contains(&row[enqueued]) {
            let wait = row[started] - row[enqueued];
            match found.iter_mut().find(|entry| entry.0 == row[port]) {
                Some((_, count, sum, most)) => (*count, *sum, *most) = (*count + 1, *sum + wait, wait.max(*most)),
                None => found.push((row[port], 1, wait, wait)),
            }
        }
    }
    found.sort_by_key(|(_, count, sum, _)| std::cmp::Reverse(sum / count));
    let mut text = "\nwhere its packets waited up to then:\n".to_string();
    for (port, count, sum, most) in &found {
        let wait = match most {
            0 => "none waited".into(),
            _ => format!("{} on average, {} at most", span(sum / count), span(*most)),
        };
        text += &format!("  {}: {}, {wait}\n", cells::port_name(plan, *port), many(*count, "packet"));
    }
    if found.is_empty() { String::new() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_its_sentence() {
        let words = TCP.columns.iter().find_map(|column| match (column.name, column.kind) {
            ("cause", Kind::Word(words)) => Some(words),
            _ => None,
        });
        let told: Vec<&str> = SENTENCES.iter().map(|(word, ..)| *word).collect();
        assert_eq!(words, Some(&told[..]));
        assert_eq!(DropCause::HELP.len(), DropCause::COUNT);
    }
}
