//! Many scripts: where they are, what becomes of each, totals by topic.

use std::collections::BTreeMap;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use super::ast::{OptionLine, Place};
use super::grammar::{Malformed, parse};
use super::run::run;
use super::settings::{Missing, Options};
use super::verdict::{Failure, Judged, Verdict};

/// A script among others.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Found {
    /// Its file.
    pub path: PathBuf,
    /// Its topic: the folder that it lies in.
    pub topic: String,
}

/// What a script is judged by besides itself.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Rules {
    /// See [`run`].
    pub strict: bool,
    /// Options that win over those of scripts.
    pub options: Vec<OptionLine>,
}

/// The scripts below some paths, in order.
///
/// # Errors
/// A path does not exist, or there is no script below it.
pub fn find(paths: &[PathBuf]) -> Result<Vec<Found>, String> {
    let mut found = Vec::new();
    for path in paths {
        let before = found.len();
        if path.is_dir() {
            walk(path, path, &mut found)?;
            found[before..].sort();
        } else if path.is_file() {
            let folder = path.parent().and_then(Path::file_name).map_or(".".into(), |name| name.to_string_lossy());
            found.push(Found { path: path.clone(), topic: folder.into_owned() });
        } else {
            return Err(format!("{}: no such file or folder", path.display()));
        }
        if found.len() == before {
            return Err(format!("{}: no script (*.pkt) in it", path.display()));
        }
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<Found>) -> Result<(), String> {
    let cannot = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(cannot)? {
        let path = entry.map_err(cannot)?.path();
        if path.is_dir() {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|ending| ending == "pkt") {
            let inside = folder.strip_prefix(root).unwrap_or(folder).to_string_lossy().replace('\\', "/");
            let own = || root.file_name().map_or(".".into(), |name| name.to_string_lossy().into_owned());
            found.push(Found { path, topic: if inside.is_empty() { own() } else { inside } });
        }
    }
    Ok(())
}

/// Reads a file and judges it.
pub fn judge_file(path: &Path, rules: &Rules) -> Judged {
    match fs::read(path) {
        Ok(bytes) => judge(&path.to_string_lossy(), &String::from_utf8_lossy(&bytes), rules),
        Err(error) => unread(Verdict::Malformed { place: None, why: error.to_string() }),
    }
}

fn unread(verdict: Verdict) -> Judged {
    Judged { verdict, level: 0, packets: 0, worst_us: 0, warnings: Vec::new() }
}

/// Judges a script. Its name tells which version of IP it is for.
pub fn judge(name: &str, text: &str, rules: &Rules) -> Judged {
    let script = match parse(text) {
        Ok(script) => script,
        Err(Malformed { place, why }) => return unread(Verdict::Malformed { place: Some(place), why }),
    };
    let level = super::needs::level(&script);
    let refuse = |Missing { place, feature }| Judged { level, ..unread(Verdict::NotRunnable { place, feature }) };
    if name.trim_end_matches(".pkt").ends_with("v6") {
        return refuse(Missing { place: None, feature: "IPv6: the name says so".into() });
    }
    let mut options = Options::default();
    // What the command line says counts, whatever the script says.
    for line in &script.options {
        let wins = |other: &OptionLine| other.name == line.name && !matches!(line.name.as_str(), "define" | "D");
        if rules.options.iter().any(wins) {
            continue;
        }
        if let Err(missing) = options.take(line) {
            return refuse(missing);
        }
    }
    for line in &rules.options {
        if let Err(Missing { feature, .. }) = options.take(line) {
            return refuse(Missing { place: None, feature });
        }
    }
    catch_unwind(AssertUnwindSafe(|| run(&script, &options, rules.strict))).unwrap_or_else(|cause| {
        let why = cause.downcast_ref::<String>().cloned();
        let why = why.or_else(|| cause.downcast_ref::<&str>().map(|why| why.to_string()));
        let failure = Failure {
            place: Place { line: 1, column: 1 },
            what: "simulator".into(),
            expected: "no panic".into(),
            got: why.unwrap_or_else(|| "a panic".into()),
            error_us: None,
        };
        Judged { level, ..unread(Verdict::Fail(failure)) }
    })
}

/// How many of what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Totals {
    /// Scripts.
    pub scripts: u32,
    /// Of these passed.
    pub pass: u32,
    /// Failed.
    pub fail: u32,
    /// Could not be run.
    pub not_runnable: u32,
    /// Are none.
    pub malformed: u32,
}

impl Totals {
    /// One more.
    pub fn count(&mut self, verdict: &Verdict) {
        self.scripts += 1;
        *match verdict {
            Verdict::Pass => &mut self.pass,
            Verdict::Fail(_) => &mut self.fail,
            Verdict::NotRunnable { .. } => &mut self.not_runnable,
            Verdict::Malformed { .. } => &mut self.malformed,
        } += 1;
    }
}

/// Totals of each topic, of each feature set, of all.
pub fn totals(judged: &[(Found, Judged)]) -> (BTreeMap<String, Totals>, BTreeMap<u8, Totals>, Totals) {
    let (mut topics, mut levels, mut all) = (BTreeMap::new(), BTreeMap::new(), Totals::default());
    for (found, judged) in judged {
        topics.entry(found.topic.clone()).or_insert_with(Totals::default).count(&judged.verdict);
        if !matches!(judged.verdict, Verdict::Malformed { .. }) {
            levels.entry(judged.level).or_insert_with(Totals::default).count(&judged.verdict);
        }
        all.count(&judged.verdict);
    }
    (topics, levels, all)
}
