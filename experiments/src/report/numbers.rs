//! The tables of numbers: first those that matter, then all of them. Of one point a row is a flow or a link; of a few points a row is a
//! quantity and a column a point; of many points a row is a point.

use super::html::Html;
use crate::stored::{Number, RUN, Stored};

/// So many points stand side by side; more stand one below the other.
const BESIDE: usize = 6;
/// More cells than this are left to `summary.csv`.
const CELLS_MAX: usize = 12_000;
/// More columns than this are left out of the first table.
const COLUMNS_MAX: usize = 12;

/// What matters of flows and entries of the workload, in order.
const FLOWS: &[&str] = &[
    "goodput_bps",
    "goodput_sum_bps",
    "goodput_mean_bps",
    "jain",
    "bytes",
    "bytes_sum_bytes",
    "sent_packets",
    "sent_sum_packets",
    "retransmissions",
    "retransmissions_sum",
    "timeouts",
    "timeouts_sum",
    "loss",
    "rtt_mean_s",
    "rtt_mean_mean_s",
    "rtt_p99_s",
    "requests",
    "latency_mean_s",
    "latency_p50_s",
    "latency_p95_s",
    "latency_p99_s",
];
/// What matters of link directions.
const LINKS: &[&str] =
    &["utilization", "queue_max_packets", "wait_mean_s", "sent_packets", "drops_packets", "marks_packets"];
/// What is said of every run, beside which computed columns stand.
const WHOLE: &[&str] = &["goodput_bps", "jain", "retransmissions", "drops_packets"];

/// Writes all tables.
pub(super) fn write(html: &mut Html, stored: &Stored) {
    html.block("p", &[], |html| html.text(&meaning(stored)));
    match stored.points.len() {
        1 => of_one(html, stored),
        _ => {
            let chosen: Vec<&(String, String)> =
                stored.order.iter().filter(|(subject, quantity)| matters(stored, subject, quantity)).collect();
            if stored.points.len() <= BESIDE {
                beside(html, stored, "What matters, by point", &chosen);
            } else {
                below(html, stored, "What matters, by point", &few(stored, chosen));
            }
        }
    }
    all(html, stored);
}

fn meaning(stored: &Stored) -> String {
    match stored.seeds.len() {
        1 => format!(
            "Values of one seed ({}): there is no interval, and another seed may give other values.",
            stored.seeds[0]
        ),
        many => format!("Means of {many} seeds with their 95 % confidence intervals (Student)."),
    }
}

/// Whether subject is a link direction: its numbers are a link's.
fn is_link(stored: &Stored, subject: &str) -> bool {
    stored
        .points
        .iter()
        .any(|point| point.measured.get(subject).is_some_and(|quantities| quantities.contains_key("utilization")))
}

fn matters(stored: &Stored, subject: &str, quantity: &str) -> bool {
    let listed = match subject {
        RUN => return moves(stored, subject, quantity) || !WHOLE.contains(&quantity),
        _ if is_link(stored, subject) => LINKS,
        _ => FLOWS,
    };
    listed.contains(&quantity) && moves(stored, subject, quantity)
}

/// Whether a quantity is anything but zero somewhere.
fn moves(stored: &Stored, subject: &str, quantity: &str) -> bool {
    (0..stored.points.len()).any(|point| {
        stored.number(point, subject, quantity).and_then(|number| number.mean).is_some_and(|mean| mean != 0.0)
    })
}

/// The columns of a table of many points: what the file computes first, then flows, then links that drop.
fn few<'a>(stored: &Stored, chosen: Vec<&'a (String, String)>) -> Vec<&'a (String, String)> {
    let rank = |one: &&(String, String)| match one.0.as_str() {
        RUN if !WHOLE.contains(&one.1.as_str()) => 0,
        RUN => 1,
        subject if is_link(stored, subject) => 3,
        _ => 2,
    };
    let mut ranked = chosen;
    ranked.sort_by_key(rank);
    // What does not change from point to point says nothing here.
    ranked.retain(|one| {
        let means = |point: usize| stored.number(point, &one.0, &one.1).and_then(|number| number.mean);
        (1..stored.points.len()).any(|point| means(point) != means(0))
    });
    ranked.truncate(COLUMNS_MAX);
    ranked
}

/// Of one point: flows, links, and what the file computes.
fn of_one(html: &mut Html, stored: &Stored) {
    let subjects = stored.subjects();
    let (links, others): (Vec<&str>, Vec<&str>) =
        subjects.into_iter().filter(|subject| *subject != RUN).partition(|subject| is_link(stored, subject));
    for (caption, head, subjects, listed) in [("Flows", "flow", others, FLOWS), ("Links", "link", links, LINKS)] {
        let some = |quantity: &&&str| subjects.iter().any(|subject| moves(stored, subject, quantity));
        let quantities: Vec<&str> = listed.iter().filter(some).copied().collect();
        let rows: Vec<&str> = subjects
            .iter()
            .copied()
            .filter(|subject| quantities.iter().any(|q| stored.number(0, subject, q).is_some()))
            .collect();
        if rows.is_empty() {
            continue;
        }
        table(html, caption, |html| {
            let names = quantities.iter().map(|quantity| (words(quantity), *quantity));
            head_row(html, std::iter::once((head.to_string(), "")).chain(names));
            html.block("tbody", &[], |html| {
                for subject in &rows {
                    html.block("tr", &[], |html| {
                        html.element("th", &[("scope", "row")], subject);
                        quantities.iter().for_each(|quantity| cell(html, stored.number(0, subject, quantity)));
                    });
                }
            });
        });
    }
    let whole: Vec<&(String, String)> =
        stored.order.iter().filter(|(subject, quantity)| subject == RUN && matters(stored, RUN, quantity)).collect();
    if !whole.is_empty() {
        beside(html, stored, "The whole run", &whole);
    }
}

/// A row for each quantity, a column for each point.
fn beside(html: &mut Html, stored: &Stored, caption: &str, rows: &[&(String, String)]) {
    table(html, caption, |html| {
        let labels: Vec<String> = (0..stored.points.len()).map(|point| stored.label(point)).collect();
        let points = labels.iter().map(|label| if label.is_empty() { "value" } else { label });
        let fixed = [("of".to_string(), ""), ("quantity".to_string(), "")];
        head_row(html, fixed.into_iter().chain(points.map(|label| (label.to_string(), label))));
        html.block("tbody", &[], |html| {
            for (subject, quantity) in rows {
                html.block("tr", &[], |html| {
                    html.element("th", &[("scope", "row")], if subject == RUN { "whole run" } else { subject });
                    html.element("td", &[("class", "word"), ("title", quantity)], &words(quantity));
                    (0..stored.points.len()).for_each(|point| cell(html, stored.number(point, subject, quantity)));
                });
            }
        });
    });
}

/// A row for each point, a column for each quantity.
fn below(html: &mut Html, stored: &Stored, caption: &str, columns: &[&(String, String)]) {
    table(html, caption, |html| {
        let dimensions = stored.dimensions.iter().map(|name| (name.clone(), ""));
        let names = columns.iter().map(|(subject, quantity)| {
            let whole = subject == RUN;
            (if whole { words(quantity) } else { format!("{subject}: {}", words(quantity)) }, quantity.as_str())
        });
        head_row(html, dimensions.chain(names));
        html.block("tbody", &[], |html| {
            for (number, point) in stored.points.iter().enumerate() {
                html.block("tr", &[], |html| {
                    for name in &stored.dimensions {
                        let value = point.point.get(name).map_or("", String::as_str);
                        html.element("th", &[("scope", "row")], value);
                    }
                    columns.iter().for_each(|(subject, quantity)| cell(html, stored.number(number, subject, quantity)));
                });
            }
        });
    });
}

/// All numbers, folded away.
fn all(html: &mut Html, stored: &Stored) {
    let rows: Vec<&(String, String)> = stored.order.iter().collect();
    let cells = rows.len() * stored.points.len();
    if cells > CELLS_MAX {
        html.line("p", &[], &format!("All {cells} numbers stand in summary.csv and summary.json beside this file."));
        return;
    }
    // Not on paper, where it would take many pages.
    html.block("details", &[("class", "long")], |html| {
        html.line("summary", &[], &format!("All numbers ({} of each point)", rows.len()));
        let caption = "All numbers, by the names that they have in summary.csv";
        if stored.points.len() <= BESIDE {
            beside(html, stored, caption, &rows)
        } else {
            below(html, stored, caption, &rows)
        }
    });
}

/// A table in a box of its own that scrolls.
pub(super) fn table(html: &mut Html, caption: &str, inner: impl FnOnce(&mut Html)) {
    html.block("div", &[("class", "scroll"), ("role", "region"), ("aria-label", caption), ("tabindex", "0")], |html| {
        html.block("table", &[], |html| {
            html.line("caption", &[], caption);
            inner(html);
        });
    });
}

/// Names of columns, each with the whole name that it has in files; columns of words have none.
pub(super) fn head_row<'a>(html: &mut Html, names: impl Iterator<Item = (String, &'a str)>) {
    html.block("thead", &[], |html| {
        html.tag("tr", &[], |html| {
            for (name, whole) in names {
                let about = if whole.is_empty() { ("class", "word") } else { ("title", whole) };
                html.element("th", &[("scope", "col"), about], &name);
            }
        });
    });
}

/// A number; its plain value is what tables are sorted by.
fn cell(html: &mut Html, number: Option<&Number>) {
    let shown = number.and_then(|number| Some((number.mean?, number.show()?)));
    match shown {
        Some((mean, text)) => html.element("td", &[("data-value", &mean.to_string())], &text),
        None => html.element("td", &[], "–"),
    }
}

/// The name of a quantity without its unit, which stands at the value: `goodput_bps` is goodput.
fn words(quantity: &str) -> String {
    let units = ["_bps", "_s", "_bytes", "_packets", "_ratio"];
    let stem = units.iter().find_map(|unit| quantity.strip_suffix(unit)).filter(|stem| !stem.is_empty());
    stem.unwrap_or(quantity).replace('_', " ").replace("rtt", "RTT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_their_units() {
        for (name, text) in [("goodput_bps", "goodput"), ("rtt_p99_s", "RTT p99"), ("bytes", "bytes"), ("loss", "loss")]
        {
            assert_eq!(words(name), text);
        }
    }
}
