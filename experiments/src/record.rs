//! What is kept of a run beside its tables: enough to sum it up again, and the key that says what was run. A run is a function of the resolved
//! file, its seed and the program's sources, so one whose key is known need not be run again.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use topologies::Point;

use crate::digest::Figure;
use crate::expect::Value;
use crate::stored::readable;

/// Its file in the folder of a run. It is written last: where it stands, the run is whole.
pub const FILE: &str = "run.json";
/// How names of folders begin in which a run is written until it is whole.
pub const SCRATCH: &str = ".run-";
/// The form of the file.
const FORMAT: u32 = 1;

/// What one run came to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The form of the file.
    pub format: u32,
    /// What was run, see [`key`].
    pub key: String,
    /// The version of the program.
    pub version: String,
    /// The numbers of its summary.
    pub digest: Vec<(Figure, Number)>,
    /// What expectations and computed columns ask of it, by how they say it.
    pub measured: BTreeMap<String, Value>,
    /// Figures, from the run's folder on.
    pub figures: Vec<PathBuf>,
    /// What is odd about it.
    pub warnings: Vec<String>,
    /// What makes it worthless.
    pub failures: Vec<String>,
    /// Rows of each table.
    pub rows: BTreeMap<String, u64>,
    /// Fingerprints by their layers.
    pub fingerprints: BTreeMap<String, String>,
}

/// A number as its bits: what is read back is what was written, to the last of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Number(Option<u64>);

impl From<Option<f64>> for Number {
    fn from(value: Option<f64>) -> Number {
        Number(value.map(f64::to_bits))
    }
}

impl From<Number> for Option<f64> {
    fn from(number: Number) -> Option<f64> {
        number.0.map(f64::from_bits)
    }
}

/// What a run is a function of, as the digest of the program's sources, of the flat file with its seed, and of the traces and tables that the
/// file names.
pub fn key(point: &Point, seed: u64) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CLOCKWIRE_SOURCES"));
    hash.update(point.flat(seed));
    for (name, text) in &point.inputs {
        for part in [name, text] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Record {
    /// Of this program.
    pub fn new(key: String) -> Record {
        Record { format: FORMAT, key, version: env!("CARGO_PKG_VERSION").into(), ..Record::default() }
    }

    /// What stands in a run's folder, if it is what `key` means and has all that is asked of it.
    pub fn read(folder: &Path, key: &str, asked: &[String]) -> Option<Record> {
        let record = Record::read_any(folder).ok()?;
        let whole = record.format == FORMAT && record.key == key;
        let answers = asked.iter().all(|text| record.measured.contains_key(text));
        (whole && answers).then_some(record)
    }

    /// What stands in a run's folder.
    ///
    /// # Errors
    /// As the file system, and where it is no record.
    pub fn read_any(folder: &Path) -> io::Result<Record> {
        let text = fs::read_to_string(folder.join(FILE))?;
        readable(&text, FORMAT).map_err(|why| io::Error::other(format!("`{FILE}`: {why}")))?;
        serde_json::from_str(&text).map_err(io::Error::other)
    }

    /// Into a run's folder.
    ///
    /// # Errors
    /// As the file system.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        fs::write(folder.join(FILE), text)
    }
}

/// Gives a run that is whole its name; what stood there goes.
///
/// # Errors
/// As the file system.
pub fn settle(scratch: &Path, place: &Path) -> io::Result<()> {
    if let Some(point) = place.parent() {
        fs::create_dir_all(point)?;
    }
    if place.exists() {
        fs::remove_dir_all(place)?;
    }
    match fs::rename(scratch, place) {
        // Another process ran the same and was a moment earlier.
        Err(_) if place.join(FILE).is_file() => fs::remove_dir_all(scratch),
        done => done,
    }
}

/// Copies a run, its record last.
///
/// # Errors
/// As the file system.
pub fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
        if path.is_dir() {
            copy(&path, &to.join(name))?;
        } else if name != FILE {
            fs::copy(&path, to.join(name))?;
        }
    }
    if from.join(FILE).is_file() {
        fs::copy(from.join(FILE), to.join(FILE))?;
    }
    Ok(())
}

/// The runs in a results folder, as their folders from there on: seeds, or points with seeds.
pub fn below(folder: &Path) -> Vec<PathBuf> {
    let folders = |at: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder.join(at)).into_iter().flatten().flatten();
        let visible =
            entries.filter(|entry| entry.path().is_dir() && !entry.file_name().as_encoded_bytes().starts_with(b"."));
        visible.map(|entry| at.join(entry.file_name())).collect()
    };
    let is_run = |place: &PathBuf| folder.join(place).join(FILE).is_file();
    let (mut runs, points): (Vec<_>, Vec<_>) = folders(Path::new("")).into_iter().partition(is_run);
    runs.extend(points.iter().flat_map(|point| folders(point)).filter(is_run));
    runs.sort();
    runs
}

/// [`Value`] with numbers as their bits.
#[derive(Serialize, Deserialize)]
pub enum Stored {
    /// One, if there is any.
    One(Number),
    /// One for each member of a name.
    Named(Vec<Number>),
    /// One for each row, in order.
    Rows(Vec<Number>),
}

impl From<Value> for Stored {
    fn from(value: Value) -> Stored {
        match value {
            Value::One(value) => Stored::One(value.into()),
            Value::Named(values) => Stored::Named(values.into_iter().map(Number::from).collect()),
            Value::Rows(values) => Stored::Rows(values.into_iter().map(|value| Some(value).into()).collect()),
        }
    }
}

impl From<Stored> for Value {
    fn from(stored: Stored) -> Value {
        match stored {
            Stored::One(value) => Value::One(value.into()),
            Stored::Named(values) => Value::Named(values.into_iter().map(Option::from).collect()),
            Stored::Rows(values) => Value::Rows(values.into_iter().filter_map(Option::from).collect()),
        }
    }
}
