//! The figures of a results folder: those about all points first, then those of runs with the first seed, then, where there is none, the
//! standard ones of what the first run has recorded.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use base64::Engine;
use plots::{Request, Source, Tables};
use topologies::Plan;

use super::html::Html;
use super::svg::Verified;
use crate::stored::Stored;
use crate::{figures, results};

/// A larger SVG becomes a PNG on the page.
const SVG_MAX: usize = 400_000;
/// All figures together, as they stand on the page.
pub(super) const BYTES_MAX: usize = 4_000_000;
/// More figures of runs than this are left in their folders.
const FIGURES_MAX: usize = 36;
/// What is drawn where a file asks for nothing: a figure and its table.
const STANDARD: [(&str, &str); 4] = [("cwnd", "tcp"), ("throughput", "throughput"), ("rtt", "rtt"), ("queue", "queue")];

/// A figure on the page.
pub(super) struct Figure {
    /// Its name, as in `plots/NAME.svg`.
    pub name: String,
    /// Where it stands on the page.
    pub place: String,
    picture: Picture,
    title: String,
    words: String,
    /// What it was drawn from, where that is not the whole.
    about: String,
}

enum Picture {
    Svg(Verified),
    /// Base64.
    Png(String),
}

/// Figures that belong together.
pub(super) struct Group {
    /// What their runs have in common: the point; empty for those about all.
    pub title: String,
    pub figures: Vec<Figure>,
}

/// All figures of a results folder.
#[derive(Default)]
pub(super) struct Found {
    pub groups: Vec<Group>,
    /// Why others are not here.
    pub notes: Vec<String>,
    bytes: usize,
    bytes_max: usize,
    count: usize,
    prefix: String,
}

impl Found {
    /// Reads them: so many bytes at most. Their places on the page begin with `prefix`.
    ///
    /// # Errors
    /// As the file system.
    pub fn read(folder: &Path, stored: &Stored, plan: &Plan, prefix: &str, bytes_max: usize) -> io::Result<Found> {
        let mut found = Found { bytes_max, prefix: prefix.to_string(), ..Found::default() };
        let whole = figures::requests(plan, true);
        found.take(&folder.join("plots"), &whole, ("", ""))?;
        let each = figures::requests(plan, false);
        let seed = stored.seeds[0];
        let many = stored.seeds.len();
        let (mut shown, mut left) = (0, 0);
        for point in 0..stored.points.len() {
            let plots = stored.first_run(folder, point).join("plots");
            let names = names(&plots, &each)?;
            if names.is_empty() {
                continue;
            }
            if found.count + names.len() > FIGURES_MAX {
                left += 1;
                continue;
            }
            let label = stored.label(point);
            let about = if many > 1 { format!("seed {seed}, one of {many}") } else { String::new() };
            shown += 1;
            found.take(&plots, &each, (&label, &about))?;
        }
        if left > 0 {
            found.notes.push(format!(
                "Figures of the first {shown} of {} points are shown; those of the others lie in the results folder, POINT/seed-N/plots/.",
                shown + left
            ));
        }
        if many > 1 && shown > 0 {
            found.notes.push(format!(
                "Figures of single runs are those of seed {seed}; those of the other seeds lie in the results folder."
            ));
        }
        if found.count == 0 && found.notes.is_empty() {
            found.standard(folder, stored);
        }
        Ok(found)
    }

    /// Takes the figures of a folder.
    fn take(&mut self, plots: &Path, requests: &[Request], (title, about): (&str, &str)) -> io::Result<()> {
        let mut figures = Vec::new();
        for name in names(plots, requests)? {
            let text = std::fs::read_to_string(plots.join(format!("{name}.svg")))?;
            let Some(svg) = Verified::of(text) else {
                self.notes.push(format!("{name}.svg is not embedded: it holds what no figure of `clockwire` does."));
                continue;
            };
            let (heading, words) = (svg.title().to_string(), svg.words().to_string());
            let png = plots.join(format!("{name}.png"));
            let (picture, bytes) = if svg.text().len() > SVG_MAX && png.is_file() {
                let text = base64::engine::general_purpose::STANDARD.encode(std::fs::read(png)?);
                let bytes = text.len();
                (Picture::Png(text), bytes)
            } else {
                let bytes = svg.text().len();
                (Picture::Svg(svg), bytes)
            };
            if self.bytes + bytes > self.bytes_max {
                self.notes.push(format!(
                    "{name} is left out, for this page would become too large; it lies in the results folder."
                ));
                continue;
            }
            self.bytes += bytes;
            self.count += 1;
            let place = format!("{}figure-{}", self.prefix, self.count);
            figures.push(Figure { name, place, picture, title: heading, words, about: about.to_string() });
        }
        if !figures.is_empty() {
            self.groups.push(Group { title: title.to_string(), figures });
        }
        Ok(())
    }

    /// Draws what there is to draw of the first run, where the file asks for no figure.
    fn standard(&mut self, folder: &Path, stored: &Stored) {
        let run = stored.first_run(folder, 0);
        let source = [Source { label: String::new(), tables: Tables::Folder(run.clone()) }];
        let about = results::about(&stored.name, &stored.label(0), stored.seeds[0]);
        let mut figures = Vec::new();
        for (kind, table) in STANDARD {
            // A table without rows has no figure, which is no fault here.
            let drawn =
                run.join(format!("{table}.csv")).is_file().then(|| plots::svg(&source, &Request::new(kind), &about));
            let Some(svg) = drawn.and_then(Result::ok).and_then(Verified::of) else { continue };
            self.count += 1;
            let (title, words) = (svg.title().to_string(), svg.words().to_string());
            let of = if stored.points.len() > 1 || stored.seeds.len() > 1 { about.clone() } else { String::new() };
            let place = format!("{}figure-{}", self.prefix, self.count);
            figures.push(Figure { name: kind.to_string(), place, picture: Picture::Svg(svg), title, words, about: of });
        }
        if figures.is_empty() {
            self.notes.push("The file asks for no figures, and records nothing that the standard ones are drawn of: `outputs: { series: … }` does.".into());
        } else {
            self.notes.push("The file asks for no figures; these are the standard ones of the first run.".into());
            self.groups.push(Group { title: String::new(), figures });
        }
    }

    /// All figures in their order.
    pub fn all(&self) -> impl Iterator<Item = &Figure> {
        self.groups.iter().flat_map(|group| &group.figures)
    }

    /// Writes them.
    pub fn write(&self, html: &mut Html) {
        self.notes.iter().for_each(|note| html.line("p", &[("class", "note")], note));
        let points = self.groups.iter().filter(|group| !group.title.is_empty()).count();
        for group in &self.groups {
            if group.title.is_empty() {
                group.figures.iter().for_each(|figure| figure.write(html));
                continue;
            }
            // Of many points the first is unfolded.
            let first = self.groups.iter().find(|other| !other.title.is_empty());
            let open = points <= 2 || first.is_some_and(|first| std::ptr::eq(first, group));
            let attributes: &[(&'static str, &str)] = if open { &[("open", "")] } else { &[] };
            html.block("details", attributes, |html| {
                html.line("summary", &[], &group.title);
                group.figures.iter().for_each(|figure| figure.write(html));
            });
        }
    }
}

impl Figure {
    fn write(&self, html: &mut Html) {
        let alt = if self.words.is_empty() { self.title.clone() } else { format!("{}. {}", self.title, self.words) };
        html.block("figure", &[("id", &self.place)], |html| {
            let attributes =
                [("class", "scroll plot"), ("role", "region"), ("aria-label", &self.title), ("tabindex", "0")];
            html.block("div", &attributes, |html| match &self.picture {
                Picture::Svg(svg) => {
                    html.tag("div", &[("class", "svg"), ("role", "img"), ("aria-label", &alt)], |html| {
                        html.verified(svg)
                    })
                }
                Picture::Png(base64) => {
                    let source = format!("data:image/png;base64,{base64}");
                    html.open("img", &[("src", &source), ("alt", &alt), ("width", "1200")]);
                }
            });
            html.block("figcaption", &[], |html| {
                html.element("strong", &[], &self.title);
                let mut rest = String::new();
                if !self.about.is_empty() {
                    rest += &format!(" ({})", self.about);
                }
                if matches!(self.picture, Picture::Png(_)) {
                    rest += ", as pixels here, for the drawing is large";
                }
                html.text(&format!("{rest}, "));
                html.element("code", &[], &format!("{}.svg", self.name));
            });
        });
    }
}

/// The figures that lie in a folder: those that the file asks for, in its order, then others by name.
fn names(plots: &Path, requests: &[Request]) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(plots) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut there = BTreeSet::new();
    for entry in entries {
        let path = entry?.path();
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .filter(|_| path.extension().is_some_and(|ext| ext == "svg"));
        there.extend(name.map(str::to_string));
    }
    let mut names: Vec<String> = plots::file_names(requests).into_iter().filter(|name| there.remove(name)).collect();
    names.extend(there);
    Ok(names)
}
