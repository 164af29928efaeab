//! Several results on one page: what all of them say in a table, then each with all of its own.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use topologies::Plan;

use super::html::Html;
use super::one::One;
use super::{figures, prose, whole};

/// The page of several results; `plan` of each is its first point's.
///
/// # Errors
/// As the file system, and a summary that cannot be read.
pub fn together(title: &str, results: &[(&Path, &Plan)]) -> io::Result<String> {
    let prefixes: Vec<String> = (1..=results.len()).map(|number| format!("e{number}-")).collect();
    let bytes = figures::BYTES_MAX / results.len().max(1);
    let read = results.iter().zip(&prefixes).map(|((folder, plan), prefix)| One::read(folder, plan, prefix, bytes));
    let all = read.collect::<io::Result<Vec<One<'_>>>>()?;
    Ok(whole(&format!("{title}: report"), |html| {
        html.block("header", &[], |html| {
            html.line("p", &[("class", "kind")], "Clockwire report");
            html.heading(1, &[], title);
            html.block("ul", &[("class", "badges")], |html| {
                let failed = all.iter().filter(|one| one.verdict().1 == "bad").count();
                let (words, class) = match failed {
                    0 => (format!("✓ all that {} experiments expect holds", all.len()), "good"),
                    some => (format!("✗ {some} of {} experiments fail", all.len()), "bad"),
                };
                html.line("li", &[("class", class)], &words);
            });
        });
        html.block("main", &[("id", "main")], |html| {
            overview(html, &all, &prefixes);
            html.below = 1;
            for (one, prefix) in all.iter().zip(&prefixes) {
                html.block("article", &[("aria-labelledby", &format!("{prefix}name"))], |html| {
                    one.top(html);
                    one.sections(html);
                });
            }
            html.below = 0;
        });
        html.block("footer", &[], |html| {
            let versions: BTreeSet<&str> = all.iter().map(|one| one.stored.version.as_str()).collect();
            let versions = versions.into_iter().collect::<Vec<_>>().join(", ");
            html.line(
                "p",
                &[],
                &format!("Written by clockwire {versions} from the results of {} experiments.", all.len()),
            );
        });
    }))
}

/// A row for each result: its name, its question, its verdict.
fn overview(html: &mut Html, all: &[One<'_>], prefixes: &[String]) {
    html.block("section", &[("id", "overview"), ("aria-labelledby", "overview-title")], |html| {
        html.heading(2, &[("id", "overview-title")], "Overview");
        html.block(
            "div",
            &[("class", "scroll"), ("role", "region"), ("aria-label", "All experiments"), ("tabindex", "0")],
            |html| {
                html.block("table", &[("class", "overview")], |html| {
                    html.line("caption", &[], "All experiments");
                    html.block("thead", &[], |html| {
                        html.block("tr", &[], |html| {
                            for name in ["experiment", "verdict", "question"] {
                                html.element("th", &[("scope", "col"), ("class", "word")], name);
                            }
                            ["points", "seeds"].iter().for_each(|name| html.element("th", &[("scope", "col")], name));
                        });
                    });
                    html.block("tbody", &[], |html| {
                        for (one, prefix) in all.iter().zip(prefixes) {
                            html.block("tr", &[], |html| row(html, one, &format!("#{prefix}name")));
                        }
                    });
                });
            },
        );
    });
}

fn row(html: &mut Html, one: &One<'_>, place: &str) {
    let stored = &one.stored;
    html.tag("th", &[("scope", "row")], |html| html.element("a", &[("href", place)], &stored.name));
    let (words, class) = one.verdict();
    html.tag("td", &[("class", "words")], |html| html.element("span", &[("class", class)], &words));
    html.element("td", &[("class", "words")], &prose::first(&stored.question));
    for count in [stored.points.len(), stored.seeds.len()] {
        let count = count.to_string();
        html.element("td", &[("data-value", &count)], &count);
    }
}
