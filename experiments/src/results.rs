//! The results folder: CSV tables, manifest, capture.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sim_core::{Fingerprints, Outcome, Rows};
use sim_protocols::pcapng;
use topologies::{FlowPlan, Plan, Point, WRITTEN_BY};

use crate::cells;
use crate::record;

/// Bytes of a writer's buffer.
const BUFFER: usize = 256 * 1024;

/// The file that says that somebody works in a folder.
const LOCK: &str = ".lock";

/// A folder that gets its name when all is in it: an earlier result stays until then. What a run that was stopped has left of it the next one finds
/// and goes on from.
#[derive(Debug)]
pub struct Folder {
    partial: PathBuf,
    wanted: PathBuf,
    force: bool,
    /// Held as long as the folder is worked in.
    lock: Option<File>,
    /// Whether others may work in it, too.
    shared: bool,
}

impl Folder {
    /// Prepares a folder that will be called `wanted`, or `wanted-2` and so on where there is something already and `force` does not allow to replace
    /// it. Until then it is `.wanted.partial` beside it, or `.wanted.partial-2` and so on where another process works.
    ///
    /// # Errors
    /// As the file system.
    pub fn create(wanted: &Path, force: bool) -> io::Result<Folder> {
        for number in 1_u64.. {
            let end = if number == 1 { String::new() } else { format!("-{number}") };
            let partial = partial(wanted, &end);
            let lock = lock_of(&partial)?;
            match lock.try_lock() {
                // Whoever had it may have given it its name meanwhile, lock and all.
                Ok(()) if !partial.join(LOCK).is_file() => {}
                Ok(()) => {
                    let folder =
                        Folder { partial, wanted: wanted.to_path_buf(), force, lock: Some(lock), shared: false };
                    folder.tidy()?;
                    return Ok(folder);
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
        unreachable!("there are more numbers than processes")
    }

    /// The same folder, for one of several processes that each do a part.
    ///
    /// # Errors
    /// As the file system; `WouldBlock` where a process works that does all.
    pub fn share(wanted: &Path) -> io::Result<Folder> {
        let partial = partial(wanted, "");
        let lock = lock_of(&partial)?;
        match lock.try_lock_shared() {
            Ok(()) => {
                Ok(Folder { partial, wanted: wanted.to_path_buf(), force: false, lock: Some(lock), shared: true })
            }
            Err(TryLockError::WouldBlock) => {
                Err(io::Error::new(io::ErrorKind::WouldBlock, "another process runs all of it"))
            }
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// What a process that was stopped has left half done goes; its whole runs stay.
    fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.partial)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let half = name.starts_with(record::SCRATCH) || name == "plots";
            if path.is_dir() && half {
                fs::remove_dir_all(&path)?;
            } else if path.is_file() && name != LOCK {
                fs::remove_file(&path)?;
            }
        }
        Ok(())
    }

    /// Where files are written for now.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Takes out the runs that are in it.
    ///
    /// # Errors
    /// As the file system.
    pub fn clear(&self) -> io::Result<()> {
        record::below(&self.partial).iter().try_for_each(|run| fs::remove_dir_all(self.partial.join(run)))
    }

    /// What is kept of a run that cannot go on, in words.
    pub fn kept(&self) -> String {
        match record::below(&self.partial).len() {
            0 => String::new(),
            kept => {
                format!("{kept} runs are kept in {}: the same command goes on from there\n", self.partial.display())
            }
        }
    }

    /// Gives it its name, and tells it.
    ///
    /// # Errors
    /// As the file system.
    pub fn finish(mut self) -> io::Result<PathBuf> {
        let name = if self.force { self.wanted.clone() } else { free_name(&self.wanted) };
        let old = self.partial.with_extension("old");
        let replaces = name.exists();
        if replaces {
            fs::rename(&name, &old)?;
        }
        fs::remove_file(self.partial.join(LOCK))?;
        fs::rename(&self.partial, &name)?;
        self.lock = None;
        if replaces {
            fs::remove_dir_all(&old)?;
        }
        Ok(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Whole runs are kept for the next time; nothing is not kept.
        if self.lock.is_some() && !self.shared && record::below(&self.partial).is_empty() {
            // There is nobody left to tell of a failure to tidy up.
            let _ = fs::remove_dir_all(&self.partial);
        }
    }
}

/// The earlier results of this name: `x`, `x-2`, and so on.
pub fn siblings(wanted: &Path) -> Vec<PathBuf> {
    let numbered = (2_u64..).map(|number| {
        let label = wanted.file_name().unwrap_or_default().to_string_lossy();
        wanted.with_file_name(format!("{label}-{number}"))
    });
    std::iter::once(wanted.to_path_buf()).chain(numbered).take_while(|name| name.exists()).collect()
}

fn partial(wanted: &Path, end: &str) -> PathBuf {
    let label = wanted.file_name().unwrap_or_default().to_string_lossy();
    wanted.with_file_name(format!(".{label}.partial{end}"))
}

fn lock_of(partial: &Path) -> io::Result<File> {
    fs::create_dir_all(partial)?;
    File::options().create(true).truncate(false).write(true).open(partial.join(LOCK))
}

fn free_name(wanted: &Path) -> PathBuf {
    if !wanted.exists() {
        return wanted.to_path_buf();
    }
    let label = wanted.file_name().unwrap_or_default().to_string_lossy();
    let mut names = (2_u64..).map(|number| wanted.with_file_name(format!("{label}-{number}")));
    names.find(|name| !name.exists()).expect("there are more numbers than folders")
}

/// Writes what a run has left into `folder`.
///
/// # Errors
/// As the file system.
pub fn write(folder: &Path, point: &Point, seed: u64, outcome: &Outcome) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for rows in &outcome.rows {
        let file = File::create(folder.join(format!("{}.csv", rows.table.name)))?;
        write_table(BufWriter::with_capacity(BUFFER, file), &point.plan, &outcome.texts, rows)?;
    }
    if !point.plan.outputs.captures.is_empty() {
        let file = File::create(folder.join("capture.pcapng"))?;
        write_capture(BufWriter::with_capacity(BUFFER, file), &point.plan, outcome)?;
    }
    for (name, text) in &point.inputs {
        let path = folder.join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)?;
    }
    fs::write(folder.join("manifest.yaml"), manifest(point, seed, outcome))
}

/// Which run of an experiment it is, in a line.
pub fn about(name: &str, title: &str, seed: u64) -> String {
    let gap = if title.is_empty() { "" } else { ", " };
    format!("{name}{gap}{title}, seed {seed}")
}

/// Writes a table as CSV.
///
/// # Errors
/// As the writer.
pub fn write_table(out: impl Write, plan: &Plan, texts: &BTreeMap<u64, String>, rows: &Rows) -> io::Result<()> {
    let mut out = csv::Writer::from_writer(out);
    let columns = rows.table.columns;
    out.write_record(std::iter::once("time_s").chain(columns.iter().map(|column| column.name)))?;
    let mut cell = Vec::new();
    for (time, values) in rows.iter() {
        cells::decimal(&mut cell, time.ps());
        out.write_field(&cell)?;
        cell.clear();
        for (column, value) in columns.iter().zip(values) {
            cells::write(&mut cell, plan, texts, column, *value);
            out.write_field(&cell)?;
            cell.clear();
        }
        out.write_record(None::<&[u8]>)?;
    }
    out.flush()
}

/// Writes captured packets as pcapng, with an interface for each capture point of the plan, and in front of them the secrets of connections of TLS,
/// so that a reader sees what is inside.
///
/// # Errors
/// As the writer.
pub fn write_capture(mut out: impl Write, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let interfaces = plan.outputs.captures.iter().map(|capture| {
        let config = &plan.ports[capture.port as usize].config;
        let snap = capture.snap.map_or(0, |size| u32::try_from(size.bytes()).unwrap_or(u32::MAX));
        pcapng::Interface { name: &config.name, framed: config.framed, snap }
    });
    let keys: String = outcome.secrets.iter().flat_map(|line| [line, "\n"]).collect();
    pcapng::write_with_keys(&mut out, &interfaces.collect::<Vec<_>>(), &keys, &outcome.captured)
}

/// Fingerprints with the names of their layers. That of the bytes is there in the mode with bytes on every hop only.
pub fn layers(prints: &Fingerprints) -> impl Iterator<Item = (&'static str, String)> {
    let all = [("events", prints.events), ("lengths", prints.lengths), ("bytes", prints.bytes), ("rows", prints.rows)];
    let there = all.into_iter().filter(|(layer, print)| *layer != "bytes" || *print != 0);
    there.map(|(layer, print)| (layer, format!("{print:016x}")))
}

/// The resolved file, which runs again as it is. What the run was stands in comments at its top.
fn manifest(point: &Point, seed: u64, outcome: &Outcome) -> String {
    let mut head = format!("# {WRITTEN_BY} `clockwire run` takes it as it is and repeats this very run:\n");
    head.push_str(&format!("# version: {}\n", env!("CARGO_PKG_VERSION")));
    head.push_str(&format!("# seed: {seed}\n"));
    head.push_str(&format!("# events: {}\n# packet_hops: {}\n# rows:\n", outcome.events, outcome.hops));
    for rows in &outcome.rows {
        head.push_str(&format!("#   {}: {}\n", rows.table.name, rows.len()));
    }
    head.push_str(&transports(&point.plan));
    if !point.plan.outputs.captures.is_empty() {
        head.push_str(&format!("# captured_packets: {}\n", outcome.captured.len()));
    }
    head.push_str("# fingerprints:\n");
    for (layer, print) in layers(&outcome.fingerprints) {
        head.push_str(&format!("#   {layer}: {print}\n"));
    }
    format!("{head}\n{}", point.flat(seed))
}

/// What a manifest says of its run.
pub struct About {
    /// The layers with their fingerprints.
    prints: Vec<(String, String)>,
    /// Hops of packets.
    pub hops: u64,
    /// The seed.
    pub seed: u64,
}

impl About {
    /// Reads it in the folder of a run.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn read(run: &Path) -> Result<About, String> {
        let path = run.join("manifest.yaml");
        let text = fs::read_to_string(&path).map_err(|why| format!("error: {}: {why}\n", path.display()))?;
        let mut about = About { prints: Vec::new(), hops: 0, seed: 0 };
        let mut within = false;
        for line in text.lines().take_while(|line| line.starts_with('#')) {
            let words = line.trim_start_matches('#').trim();
            let own = line.starts_with("#   ") && within;
            within = own || words == "fingerprints:";
            let Some((key, value)) = words.split_once(": ") else { continue };
            if own {
                about.prints.push((key.into(), value.into()));
            } else if key == "packet_hops" {
                about.hops = value.parse().unwrap_or(0);
            } else if key == "seed" {
                about.seed = value.parse().unwrap_or(0);
            }
        }
        if about.prints.is_empty() {
            return Err(format!("error: {}: it has no fingerprints\n", path.display()));
        }
        Ok(about)
    }

    /// The fingerprint of a layer.
    pub fn print(&self, layer: &str) -> Option<&str> {
        self.prints.iter().find(|(name, _)| name == layer).map(|(_, print)| print.as_str())
    }
}

/// Whom the two ends of each flow over TCP follow, and their congestion controls: a line for an entry of the workload, and for each flow
/// where the flows of an entry differ.
fn transports(plan: &Plan) -> String {
    let words = |flow: &FlowPlan| {
        let [from, to] = flow.tcp.each_ref().map(|tcp| format!("{} {}", tcp.profile.name(), tcp.cc.name()));
        format!("{from} to {to}")
    };
    let mut lines = String::new();
    for (number, workload) in (0_u32..).zip(&plan.workloads) {
        let flows: Vec<&FlowPlan> = plan.flows.iter().filter(|flow| flow.workload == number && flow.is_tcp()).collect();
        let Some(first) = flows.first() else { continue };
        if flows.iter().all(|flow| words(flow) == words(first)) {
            lines += &format!("#   {workload}: {}\n", words(first));
        } else {
            flows.iter().for_each(|flow| lines += &format!("#   {}: {}\n", flow.name, words(flow)));
        }
    }
    if lines.is_empty() { lines } else { format!("# tcp:\n{lines}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("clockwire-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        dir
    }

    #[test]
    fn an_earlier_result_stays_unless_told_otherwise() {
        let dir = fresh("folders");
        let write = |force: bool, text: &str| {
            let folder = Folder::create(&dir.join("x"), force).expect("a folder");
            fs::write(folder.path().join("a"), text).expect("a file");
            folder.finish().expect("a name")
        };
        assert_eq!(write(false, "1"), dir.join("x"));
        assert_eq!(write(false, "2"), dir.join("x-2"));
        assert_eq!(write(false, "3"), dir.join("x-3"));
        assert_eq!(write(true, "4"), dir.join("x"));
        assert_eq!(fs::read_to_string(dir.join("x/a")).ok().as_deref(), Some("4"));
        assert_eq!(fs::read_to_string(dir.join("x-2/a")).ok().as_deref(), Some("2"));
        assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 3, "nothing else is left");
        fs::remove_dir_all(&dir).expect("tidy");
    }

    #[test]
    fn what_is_kept_of_a_run_that_fails_are_its_whole_runs() {
        let dir = fresh("failed");
        let folder = Folder::create(&dir.join("x"), false).expect("a folder");
        fs::write(folder.path().join("a"), "half").expect("a file");
        drop(folder);
        assert_eq!(fs::read_dir(&dir).expect("a folder").count(), 0, "nothing is not kept");
        let folder = Folder::create(&dir.join("x"), false).expect("a folder");
        let files = ["seed-1/run.json", "p=1/seed-2/run.json", ".run-7-x/links.csv", "plots/a.svg", "summary.csv"];
        for file in files.map(|file| folder.path().join(file)) {
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, "{}").expect("a file");
        }
        drop(folder);
        let folder = Folder::create(&dir.join("x"), false).expect("a folder");
        let left = files.map(|file| folder.path().join(file).exists());
        assert_eq!(left, [true, true, false, false, false]);
        assert!(folder.kept().starts_with("2 runs are kept in "), "{}", folder.kept());
        fs::remove_dir_all(&dir).expect("tidy");
    }

    #[test]
    fn two_that_run_all_do_not_meet_and_those_that_run_a_part_do() {
        let dir = fresh("shared");
        let wanted = dir.join("x");
        let all = Folder::create(&wanted, false).expect("a folder");
        let other = Folder::create(&wanted, false).expect("a folder");
        assert_eq!([all.path(), other.path()], [&*dir.join(".x.partial"), &*dir.join(".x.partial-2")]);
        assert_eq!(Folder::share(&wanted).map(drop).map_err(|error| error.kind()), Err(io::ErrorKind::WouldBlock));
        drop((all, other));
        let (one, two) = (Folder::share(&wanted).expect("a folder"), Folder::share(&wanted).expect("a folder"));
        assert_eq!(one.path(), two.path());
        drop((one, two));
        fs::remove_dir_all(&dir).expect("tidy");
    }
}
