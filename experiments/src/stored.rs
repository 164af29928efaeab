//! What lies in a results folder, read back: a report is made of it alone, so that `run` and `report` write the same bytes; two of them are
//! compared by it.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Component, Path, PathBuf};

use serde::Deserialize;

use crate::quantity::{Dimension, show_mean};

/// The form of `summary.json`. Those before the first number have none, which is 0.
pub(crate) const FORMAT: u32 = 1;

/// What is the same in all forms of a file.
#[derive(Deserialize)]
struct Form {
    #[serde(default)]
    format: u32,
}

/// That a file of results is none of a newer form than this program knows: nothing can be said of what is in it.
///
/// # Errors
/// That it is, or is no JSON.
pub(crate) fn readable(text: &str, format: u32) -> Result<(), String> {
    let form: Form = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if form.format <= format {
        return Ok(());
    }
    let own = env!("CARGO_PKG_VERSION");
    Err(format!(
        "it has format {}, of a newer version of clockwire; this one ({own}) reads up to {format}",
        form.format
    ))
}

/// `summary.json`. What older versions did not write has a default.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Stored {
    pub name: String,
    pub about: Option<String>,
    #[serde(default)]
    pub question: String,
    #[serde(default)]
    pub command: String,
    #[serde(default)]
    pub simulated: String,
    pub version: String,
    pub dimensions: Vec<String>,
    pub seeds: Vec<u64>,
    pub points: Vec<StoredPoint>,
    pub expect: Vec<StoredVerdict>,
    #[serde(default)]
    pub warnings: Vec<String>,
    #[serde(default)]
    pub until: Option<StoredUntil>,
    /// Subjects and their quantities in the order of `summary.csv`, which is that of the file.
    #[serde(skip)]
    pub order: Vec<(String, String)>,
}

/// What the seeds ran for.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StoredUntil {
    pub says: String,
}

/// A point.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StoredPoint {
    pub point: BTreeMap<String, String>,
    pub folder: String,
    pub measured: BTreeMap<String, BTreeMap<String, Number>>,
    /// For each seed, by layer.
    #[serde(default)]
    pub fingerprints: Vec<BTreeMap<String, String>>,
}

/// A number over the seeds.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Number {
    pub unit: String,
    #[serde(default)]
    pub share: bool,
    pub mean: Option<f64>,
    pub half_95: Option<f64>,
    /// For each seed.
    #[serde(default)]
    pub seeds: Vec<Option<f64>>,
}

/// A verdict.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StoredVerdict {
    pub check: String,
    pub point: String,
    pub holds: bool,
    pub says: String,
}

/// What `summary.json` calls the whole run.
pub(crate) const RUN: &str = "run";

/// What a figure is called: `bulk.goodput_bps`; of the whole run by its quantity alone.
pub(crate) fn name(subject: &str, quantity: &str) -> String {
    if subject == RUN { quantity.to_string() } else { format!("{subject}.{quantity}") }
}

impl Stored {
    /// Verdicts that stand for themselves.
    pub fn of_verdicts(name: String, version: String, seeds: Vec<u64>, expect: Vec<StoredVerdict>) -> Stored {
        Stored { name, version, seeds, expect, ..Stored::default() }
    }

    /// Reads the text of a `summary.json`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Stored, String> {
        readable(text, FORMAT)?;
        let stored: Stored = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if stored.points.is_empty() || stored.seeds.is_empty() {
            return Err("it has no point or no seed".into());
        }
        Ok(stored)
    }

    /// Reads a folder; `None` where it has no summary.
    pub fn read(folder: &Path) -> io::Result<Option<Stored>> {
        let text = match std::fs::read_to_string(folder.join("summary.json")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            text => text?,
        };
        let wrong = |why: String| io::Error::new(io::ErrorKind::InvalidData, format!("`summary.json`: {why}"));
        let mut stored = Stored::parse(&text).map_err(wrong)?;
        // Folders of points are names in this folder, or this folder itself.
        let inside = |folder: &str| Path::new(folder).components().all(|part| matches!(part, Component::Normal(_)));
        if let Some(point) = stored.points.iter().find(|point| !inside(&point.folder)) {
            return Err(wrong(format!("`{}` is no folder of these results", point.folder)));
        }
        let header = csv::Reader::from_path(folder.join("summary.csv")).and_then(|mut table| table.headers().cloned());
        stored.set_order(&header.unwrap_or_default().iter().map(str::to_string).collect::<Vec<_>>());
        Ok(Some(stored))
    }

    /// Subjects and quantities in the order of a table's columns; what it does not have comes last, by name.
    pub fn set_order(&mut self, columns: &[String]) {
        let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
        for (subject, quantities) in self.points.iter().flat_map(|point| &point.measured) {
            for quantity in quantities.keys() {
                known.insert(name(subject, quantity), (subject.clone(), quantity.clone()));
            }
        }
        let names: Vec<String> = columns.iter().chain(known.keys()).cloned().collect();
        self.order = names.iter().filter_map(|name| known.remove(name)).collect();
    }

    /// The subjects in their order, the whole run first.
    pub fn subjects(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        let run = self.order.iter().map(|(subject, _)| subject.as_str()).filter(|subject| *subject == RUN);
        let all = run.chain(self.order.iter().map(|(subject, _)| subject.as_str()));
        all.filter(|subject| seen.insert(*subject)).collect()
    }

    /// A number at a point.
    pub fn number(&self, point: usize, subject: &str, quantity: &str) -> Option<&Number> {
        self.points[point].measured.get(subject)?.get(quantity)
    }

    /// The folder of a point's run with a seed.
    pub fn run(&self, folder: &Path, point: usize, seed: u64) -> PathBuf {
        folder.join(&self.points[point].folder).join(format!("seed-{seed}"))
    }

    /// That of the first seed.
    pub fn first_run(&self, folder: &Path, point: usize) -> PathBuf {
        self.run(folder, point, self.seeds[0])
    }

    /// What a point is called: `wan.delay=10 ms, variant=codel`; empty where there is but one.
    pub fn label(&self, point: usize) -> String {
        let values = &self.points[point].point;
        let named = |name: &String| values.get(name).map(|value| format!("{name}={value}"));
        self.dimensions.iter().filter_map(named).collect::<Vec<_>>().join(", ")
    }

    /// `1`, `1 to 30`, `3, 7, 12`.
    pub fn seed_words(&self) -> String {
        let seeds = &self.seeds;
        let row = seeds.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1));
        match &seeds[..] {
            [first, .., last] if row && seeds.len() > 2 => format!("{first} to {last}"),
            many => many.iter().map(u64::to_string).collect::<Vec<_>>().join(", "),
        }
    }
}

impl Number {
    /// What it measures, and how many base units of that its own unit is.
    pub fn dimension(&self) -> (Dimension, f64) {
        match self.unit.as_str() {
            "s" => (Dimension::TIME, 1.0),
            "B" => (Dimension::DATA, 8.0),
            "bit/s" => (Dimension::RATE, 1.0),
            _ => (Dimension::NONE, 1.0),
        }
    }

    /// With its unit and its interval, as the printed summary has it.
    pub fn show(&self) -> Option<String> {
        let (dimension, factor) = self.dimension();
        let mean = self.mean?;
        Some(show_mean(mean * factor, self.half_95.unwrap_or(0.0) * factor, dimension, self.share))
    }
}
