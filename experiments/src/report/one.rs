//! One result on a page: its name, its verdict in a line, and a section for each thing that there is to show.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use topologies::Plan;

use super::figures::Found;
use super::html::Html;
use super::{network, numbers, prose};
use crate::stored::{Stored, StoredVerdict};

/// More verdicts than this are folded, but for those that fail.
const VERDICTS_MAX: usize = 24;

/// What a page shows of a results folder.
pub(super) struct One<'a> {
    pub stored: Stored,
    plan: &'a Plan,
    found: Found,
    /// In front of every place, where a page has several results.
    prefix: &'a str,
}

impl<'a> One<'a> {
    /// Reads it; its figures take so many bytes at most.
    ///
    /// # Errors
    /// As the file system, and a summary that is missing or cannot be read.
    pub fn read(folder: &Path, plan: &'a Plan, prefix: &'a str, bytes: usize) -> io::Result<One<'a>> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "it has no `summary.json`");
        let stored = Stored::read(folder)?.ok_or_else(missing)?;
        let found = Found::read(folder, &stored, plan, prefix, bytes)?;
        Ok(One { stored, plan, found, prefix })
    }

    /// Its verdict in a line, and whether it is good.
    pub fn verdict(&self) -> (String, &'static str) {
        let failed = self.stored.expect.iter().filter(|verdict| !verdict.holds).count();
        match (self.stored.expect.len(), failed) {
            (0, _) => ("nothing is expected".to_string(), "none"),
            (1, 0) => ("✓ the expectation holds".to_string(), "good"),
            (2, 0) => ("✓ both expectations hold".to_string(), "good"),
            (all, 0) => (format!("✓ all {all} expectations hold"), "good"),
            (all, _) => (format!("✗ {failed} of {all} expectations fail"), "bad"),
        }
    }

    /// Name, verdict in a line, what it was made of, and where its sections are.
    pub fn top(&self, html: &mut Html) {
        let stored = &self.stored;
        html.heading(1, &[("id", &format!("{}name", self.prefix))], &stored.name);
        html.block("ul", &[("class", "badges")], |html| {
            let (words, class) = self.verdict();
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
        html.block("nav", &[("aria-label", &format!("Contents of {}", stored.name))], |html| {
            html.block("ul", &[], |html| {
                for (place, title) in sections(stored) {
                    let place = format!("#{}{place}", self.prefix);
                    html.tag("li", &[], |html| html.element("a", &[("href", &place)], title));
                }
            });
        });
    }

    /// All sections.
    pub fn sections(&self, html: &mut Html) {
        let figures = self.found.all().map(|figure| (figure.name.clone(), figure.place.clone()));
        // The first figure of a name is meant: that of the whole, or of the first point.
        let figures: BTreeMap<String, String> = figures.collect::<Vec<_>>().into_iter().rev().collect();
        for (section, title) in sections(&self.stored) {
            let place = format!("{}{section}", self.prefix);
            let name = format!("{place}-title");
            html.block("section", &[("id", &place), ("aria-labelledby", &name)], |html| {
                html.heading(2, &[("id", &name)], title);
                match section {
                    "question" => question(html, &self.stored, &figures),
                    "verdicts" => verdicts(html, &self.stored),
                    "figures" => self.found.write(html),
                    "numbers" => numbers::write(html, &self.stored),
                    "network" => network::write(html, self.plan, &self.stored.label(0)),
                    _ => repeat(html, &self.stored),
                }
            });
        }
    }
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
        html.heading(3, &[], "Warnings of the file");
        html.block("ul", &[], |html| stored.warnings.iter().for_each(|warning| html.line("li", &[], warning)));
    }
}
