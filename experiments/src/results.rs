//! The results folder: CSV tables, manifest, capture.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use sim_core::{Outcome, Rows};
use topologies::{Plan, Point};

use crate::{cells, pcapng};

/// Bytes of a writer's buffer.
const BUFFER: usize = 256 * 1024;

/// A folder that takes its final name only when all is in it, so that a failed run leaves nothing behind.
pub struct Folder {
    partial: PathBuf,
    name: PathBuf,
}

impl Folder {
    /// Prepares `wanted`, or `wanted-2` and so on where a result is there already.
    ///
    /// # Errors
    /// As the file system.
    pub fn create(wanted: &Path) -> io::Result<Folder> {
        let name = free_name(wanted);
        let label = name.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let partial = name.with_file_name(format!(".{label}.partial"));
        if partial.exists() {
            fs::remove_dir_all(&partial)?;
        }
        fs::create_dir_all(&partial)?;
        Ok(Folder { partial, name })
    }

    /// Where files are written for now.
    pub fn path(&self) -> &Path {
        &self.partial
    }

    /// Gives it its name.
    ///
    /// # Errors
    /// As the file system.
    pub fn finish(self) -> io::Result<PathBuf> {
        let name = free_name(&self.name);
        fs::rename(&self.partial, &name)?;
        Ok(name)
    }
}

fn free_name(wanted: &Path) -> PathBuf {
    if !wanted.exists() {
        return wanted.to_path_buf();
    }
    let label = wanted.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let names = (2..).map(|number| wanted.with_file_name(format!("{label}-{number}")));
    names.into_iter().find(|name| !name.exists()).expect("there are more numbers than folders")
}

/// Writes what a run has left into `folder`.
///
/// # Errors
/// As the file system.
pub fn write(folder: &Path, point: &Point, seed: u64, outcome: &Outcome) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for rows in &outcome.rows {
        write_table(&folder.join(format!("{}.csv", rows.table.name)), &point.plan, rows)?;
    }
    if !point.plan.outputs.captures.is_empty() {
        write_capture(&folder.join("capture.pcapng"), &point.plan, outcome)?;
    }
    fs::write(folder.join("manifest.yaml"), manifest(point, seed, outcome))
}

fn write_table(path: &Path, plan: &Plan, rows: &Rows) -> io::Result<()> {
    let mut out = csv::WriterBuilder::new().from_writer(BufWriter::with_capacity(BUFFER, File::create(path)?));
    let columns = rows.table.columns;
    out.write_record(std::iter::once("time_s").chain(columns.iter().map(|column| column.name)))?;
    for (time, values) in rows.iter() {
        out.write_field(cells::seconds(time.ps()))?;
        for (column, value) in columns.iter().zip(values) {
            out.write_field(cells::text(plan, column, *value))?;
        }
        out.write_record(None::<&[u8]>)?;
    }
    out.flush()
}

fn write_capture(path: &Path, plan: &Plan, outcome: &Outcome) -> io::Result<()> {
    let interfaces: Vec<pcapng::Interface<'_>> = plan
        .outputs
        .captures
        .iter()
        .map(|capture| {
            let config = &plan.ports[capture.port as usize].config;
            let snap = capture.snap.map_or(0, |size| u32::try_from(size.bytes()).unwrap_or(u32::MAX));
            pcapng::Interface { name: &config.name, framed: config.framed, snap }
        })
        .collect();
    let mut out = BufWriter::with_capacity(BUFFER, File::create(path)?);
    pcapng::write(&mut out, &interfaces, &outcome.captured)?;
    out.flush()
}

#[derive(Serialize)]
struct Facts {
    version: &'static str,
    seed: u64,
    events: u64,
    packet_hops: u64,
    fingerprints: Layers,
}

#[derive(Serialize)]
struct Layers {
    events: String,
    lengths: String,
    rows: String,
}

/// The resolved file, which runs again as it is; what the run was stands in comments at its top.
fn manifest(point: &Point, seed: u64, outcome: &Outcome) -> String {
    let prints = &outcome.fingerprints;
    let facts = Facts {
        version: env!("CARGO_PKG_VERSION"),
        seed,
        events: outcome.events,
        packet_hops: outcome.hops,
        fingerprints: Layers {
            events: format!("{:016x}", prints.events),
            lengths: format!("{:016x}", prints.lengths),
            rows: format!("{:016x}", prints.rows),
        },
    };
    let facts = serde_yaml::to_string(&facts).expect("plain facts are YAML");
    let comment: String = facts.lines().map(|line| format!("# {line}\n")).collect();
    format!("# Written by clockwire; `clockwire run` takes it as it is.\n{comment}\n{}", point.flat(seed))
}
