//! The report: one page with all of a result, which opens offline and asks nobody for anything.
//!
//! | part | module |
//! | --- | --- |
//! | what lies in the folder | `crate::stored` |
//! | escaping | `html` |
//! | the question as prose | `prose` |
//! | figures, as far as they are our plotter's | `figures`, `svg` |
//! | tables of numbers | `numbers` |
//! | the network | `network`, `layout` |
//! | verdicts for CI | `verdicts` |
//! | looks, and what moves where scripts may run | `report.css`, `report.js` |
//!
//! The same results give the same bytes: nothing here looks at a clock or at the machine. Without its script the page says the same; its
//! policy lets no other script run, and no request leave it.

mod figures;
mod html;
mod layout;
mod network;
mod numbers;
mod prose;
mod svg;
mod verdicts;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use sha2::{Digest, Sha256};
use topologies::Plan;

use self::figures::Found;
use self::html::Html;
use crate::stored::{Stored, StoredVerdict};

pub use self::verdicts::{Verdicts, junit, markdown};

/// What the file is called.
pub const NAME: &str = "report.html";

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
/// More verdicts than this are folded, but for those that fail.
const VERDICTS_MAX: usize = 24;

/// The manifest of the first run of a results folder; `None` where it is none.
///
/// # Errors
/// As the file system, and a summary that cannot be read.
pub fn manifest(folder: &Path) -> io::Result<Option<PathBuf>> {
    let stored = Stored::read(folder)?;
    let path = stored.map(|stored| stored.first_run(folder, 0).join("manifest.yaml"));
    Ok(path.filter(|path| path.is_file()))
}

/// Writes the report into a results folder; `plan` is its first point's.
///
/// # Errors
/// As the file system.
pub fn write(folder: &Path, plan: &Plan) -> io::Result<()> {
    std::fs::write(folder.join(NAME), page(folder, plan)?)
}

/// The report of a results folder.
///
/// # Errors
/// As the file system, and a summary that cannot be read.
pub fn page(folder: &Path, plan: &Plan) -> io::Result<String> {
    let missing = || io::Error::new(io::ErrorKind::NotFound, "it has no `summary.json`");
    let stored = Stored::read(folder)?.ok_or_else(missing)?;
    let found = Found::read(folder, &stored, plan)?;
    let mut html = Html::default();
    html.ours("<!DOCTYPE html>\n");
    html.block("html", &[("lang", "en")], |html| {
        head(html, &stored);
        html.block("body", &[], |html| {
            html.line("a", &[("class", "skip"), ("href", "#main")], "Skip to the content");
            top(html, &stored);
            html.block("main", &[("id", "main")], |html| {
                let places = found.all().map(|figure| (figure.name.clone(), figure.place.clone()));
                // The first figure of a name is meant: that of the whole, or of the first point.
                let places: BTreeMap<String, String> = places.collect::<Vec<_>>().into_iter().rev().collect();
                for (place, title) in sections(&stored) {
                    html.block("section", &[("id", place), ("aria-labelledby", &format!("{place}-title"))], |html| {
                        html.line("h2", &[("id", &format!("{place}-title"))], title);
                        match place {
                            "question" => question(html, &stored, &places),
                            "verdicts" => verdicts(html, &stored),
                            "figures" => found.write(html),
                            "numbers" => numbers::write(html, &stored),
                            "network" => network::write(html, plan, &stored.label(0)),
                            _ => repeat(html, &stored),
                        }
                    });
                }
            });
            html.block("footer", &[], |html| {
                let words = format!("Written by clockwire {} from the results of “{}”.", stored.version, stored.name);
                html.line("p", &[], &words);
            });
            html.tag("script", &[], |html| html.ours(SCRIPT));
            html.ours("\n");
        });
    });
    Ok(html.into_text())
}

/// The sections that there is something for.
fn sections(stored: &Stored) -> Vec<(&'static str, &'static str)> {
    let mut all = Vec::new();
    if !stored.question.is_empty() || stored.about.is_some() {
        all.push(("question", "Question"));
    }
    if !stored.expect.is_empty() {
        all.push(("verdicts", "Verdicts"));
    }
    all.extend([("network", "Network"), ("figures", "Figures"), ("numbers", "Numbers"), ("repeat", "Repeat it")]);
    all
}

fn head(html: &mut Html, stored: &Stored) {
    html.block("head", &[], |html| {
        html.ours("<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.ours("<meta name=\"color-scheme\" content=\"light dark\">\n");
        // This script alone, known by its digest.
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
        let policy = format!(
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        );
        html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
        html.ours("\n<link rel=\"icon\" href=\"data:,\">\n");
        html.line("title", &[], &format!("{}: report", stored.name));
        html.tag("style", &[], |html| html.ours(STYLE));
        html.ours("\n");
    });
}

/// Name, verdict in a line, and what it was made of.
fn top(html: &mut Html, stored: &Stored) {
    html.block("header", &[], |html| {
        html.line("p", &[("class", "kind")], "Clockwire report");
        html.line("h1", &[], &stored.name);
        html.block("ul", &[("class", "badges")], |html| {
            let failed = stored.expect.iter().filter(|verdict| !verdict.holds).count();
            let words = match (stored.expect.len(), failed) {
                (0, _) => "nothing is expected".to_string(),
                (1, 0) => "✓ the expectation holds".to_string(),
                (2, 0) => "✓ both expectations hold".to_string(),
                (all, 0) => format!("✓ all {all} expectations hold"),
                (all, _) => format!("✗ {failed} of {all} expectations fail"),
            };
            let class = if stored.expect.is_empty() {
                "none"
            } else if failed == 0 {
                "good"
            } else {
                "bad"
            };
            html.line("li", &[("class", class)], &words);
            if stored.seeds.len() == 1 {
                html.line("li", &[("class", "warn")], "△ one seed: no intervals");
            }
            if !stored.warnings.is_empty() {
                html.line("li", &[("class", "warn")], &format!("△ warnings: {}", stored.warnings.len()));
            }
        });
        html.block("dl", &[("class", "facts")], |html| {
            let mut facts = vec![("Version", stored.version.clone())];
            facts.push((if stored.seeds.len() == 1 { "Seed" } else { "Seeds" }, stored.seed_words()));
            facts.extend(stored.until.as_ref().map(|until| ("Seeds until", until.says.clone())));
            if stored.points.len() > 1 {
                facts.push(("Points", format!("{} ({})", stored.points.len(), stored.dimensions.join(" × "))));
            }
            if !stored.simulated.is_empty() {
                facts.push(("Simulated", stored.simulated.clone()));
            }
            for (name, value) in &facts {
                html.block("div", &[], |html| {
                    html.element("dt", &[], name);
                    html.element("dd", &[], value);
                });
            }
        });
        html.block("nav", &[("aria-label", "Contents")], |html| {
            html.block("ul", &[], |html| {
                for (place, title) in sections(stored) {
                    html.tag("li", &[], |html| html.element("a", &[("href", &format!("#{place}"))], title));
                }
            });
        });
    });
}

fn question(html: &mut Html, stored: &Stored, figures: &BTreeMap<String, String>) {
    prose::write(html, &stored.question, figures);
    if let Some(about) = &stored.about {
        html.line("p", &[], about);
    }
}

fn verdicts(html: &mut Html, stored: &Stored) {
    let all: Vec<_> = stored.expect.iter().collect();
    if all.len() <= VERDICTS_MAX {
        return list(html, &all);
    }
    let (held, failed): (Vec<_>, Vec<_>) = all.into_iter().partition(|verdict| verdict.holds);
    if !failed.is_empty() {
        list(html, &failed);
    }
    html.block("details", &[], |html| {
        html.line("summary", &[], &format!("{} that hold", held.len()));
        list(html, &held);
    });
}

fn list(html: &mut Html, verdicts: &[&StoredVerdict]) {
    html.block("ul", &[("class", "verdicts")], |html| {
        for verdict in verdicts {
            let (class, mark) = if verdict.holds { ("good", "✓ holds") } else { ("bad", "✗ fails") };
            html.block("li", &[("class", class)], |html| {
                html.element("span", &[("class", "mark")], mark);
                html.tag("div", &[], |html| {
                    html.element("code", &[], &verdict.check);
                    if !verdict.point.is_empty() {
                        html.element("span", &[("class", "point")], &format!(" at {}", verdict.point));
                    }
                    html.element("p", &[], &verdict.says);
                });
            });
        }
    });
}

fn repeat(html: &mut Html, stored: &Stored) {
    let command = |html: &mut Html, text: &str| {
        html.block("pre", &[("class", "scroll"), ("tabindex", "0")], |html| html.element("code", &[], text));
    };
    if !stored.command.is_empty() {
        let words = format!("With clockwire {}, in the folder of the experiment file:", stored.version);
        html.line("p", &[], &words);
        command(html, &stored.command);
    }
    html.line(
        "p",
        &[],
        "One run alone, in the results folder; its manifest holds all that the file and what it includes say:",
    );
    let point = &stored.points[0].folder;
    let gap = if point.is_empty() { "" } else { "/" };
    let first = format!("{point}{gap}seed-{}/manifest.yaml", stored.seeds[0]);
    let plain = first.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=,%+".contains(c));
    command(html, &if plain { format!("clockwire run {first}") } else { format!("clockwire run '{first}'") });
    if !stored.warnings.is_empty() {
        html.line("h3", &[], "Warnings of the file");
        html.block("ul", &[], |html| stored.warnings.iter().for_each(|warning| html.line("li", &[], warning)));
    }
}
