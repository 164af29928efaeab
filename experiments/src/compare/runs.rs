//! Whether the runs of two sides are the same, and where the first that are not part.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::Path;

use sim_core::{Parting, Time, first_event};

use super::side::Side;
use crate::cli::Overrides;
use crate::commands::load;

/// Beyond so many hops of packets their table is not made to find a row.
const HOPS_MAX: u64 = 2_000_000;

/// How the runs stand.
#[derive(Default)]
pub struct RunPairs {
    /// Runs that both sides have.
    pub count: usize,
    /// Those of them that part.
    pub parted: Vec<Parted>,
    /// Seeds that one side alone has.
    pub lonely: [Vec<u64>; 2],
    /// For each point that both have, whether chance plays no part in its runs on a side: with each of several seeds the same happens.
    pub certain: Vec<[bool; 2]>,
    /// Where the first pair of runs parts.
    pub first: Option<First>,
}

/// Two runs that are not the same.
pub struct Parted {
    /// The point, among those that both have.
    pub point: usize,
    /// The seed.
    pub seed: u64,
    /// In what: `events`, `rows`, `capture`.
    pub layers: Vec<&'static str>,
}

/// Where two runs part.
pub struct First {
    /// The event; or why it cannot be told, or `None` where all events are the same.
    pub event: Result<Option<Parting>, String>,
    /// The first row that differs.
    pub row: Option<RowPair>,
    /// The nodes by their numbers.
    pub nodes: Vec<String>,
}

/// The same row of a table in two runs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RowPair {
    /// The table.
    pub table: String,
    /// Its place, from 1 on.
    pub number: u64,
    /// Cells of both, by the names of their columns; `None` where the table has ended.
    pub cells: [Option<Vec<(String, String)>>; 2],
}

impl RowPair {
    /// When it was: the earlier one of the two, in seconds.
    pub fn time(&self) -> f64 {
        let times = self.cells.iter().flatten().filter_map(|cells| cells.first()?.1.parse::<f64>().ok());
        times.fold(f64::INFINITY, f64::min)
    }
}

/// What a manifest says of its run.
struct About {
    /// The layers with their fingerprints.
    prints: Vec<(String, String)>,
    hops: u64,
}

impl About {
    fn read(run: &Path) -> Result<About, String> {
        let path = run.join("manifest.yaml");
        let text = fs::read_to_string(&path).map_err(|why| format!("error: {}: {why}\n", path.display()))?;
        let mut about = About { prints: Vec::new(), hops: 0 };
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
            }
        }
        if about.prints.is_empty() {
            return Err(format!("error: {}: it has no fingerprints\n", path.display()));
        }
        Ok(about)
    }

    fn print(&self, layer: &str) -> Option<&str> {
        self.prints.iter().find(|(name, _)| name == layer).map(|(_, print)| print.as_str())
    }
}

/// Compares the runs of points that both sides have. `scratch`: where runs may be run again.
pub fn compare(sides: &[Side; 2], points: &[[usize; 2]], scratch: &Path) -> Result<RunPairs, String> {
    let seeds = sides.each_ref().map(|side| side.stored.seeds.iter().copied().collect::<BTreeSet<u64>>());
    let lonely = [0, 1].map(|side: usize| seeds[side].difference(&seeds[1 - side]).copied().collect());
    let mut found = RunPairs { lonely, ..RunPairs::default() };
    for (number, at) in points.iter().enumerate() {
        let mut kinds: [BTreeSet<Option<String>>; 2] = Default::default();
        for side in [0, 1] {
            for seed in &seeds[side] {
                let about = About::read(&sides[side].run(at[side], *seed))?;
                kinds[side].insert(about.print("events").map(str::to_string));
            }
        }
        found.certain.push([0, 1].map(|side: usize| seeds[side].len() > 1 && kinds[side].len() == 1));
        for seed in seeds[0].intersection(&seeds[1]) {
            found.count += 1;
            let runs = [0, 1].map(|side: usize| sides[side].run(at[side], *seed));
            let layers = layers([&runs[0], &runs[1]])?;
            if !layers.is_empty() {
                found.parted.push(Parted { point: number, seed: *seed, layers });
            }
        }
    }
    if let Some(first) = found.parted.first() {
        found.first = Some(parting(sides, points[first.point], first, scratch)?);
    }
    Ok(found)
}

/// In what two runs differ.
fn layers(runs: [&Path; 2]) -> Result<Vec<&'static str>, String> {
    let [a, b] = [About::read(runs[0])?, About::read(runs[1])?];
    let wrong = |why: io::Error| format!("error: {}: {why}\n", runs[0].display());
    let mut layers = Vec::new();
    if ["events", "lengths"].iter().any(|layer| a.print(layer) != b.print(layer)) {
        layers.push("events");
    }
    // Where one side has more tables, those that both have count.
    if a.print("rows") != b.print("rows") && first_row(runs, f64::INFINITY).map_err(wrong)?.is_some() {
        layers.push("rows");
    }
    let captures = runs.map(|run| run.join("capture.pcapng"));
    if captures.iter().all(|path| path.is_file()) && !same_bytes(&captures[0], &captures[1]).map_err(wrong)? {
        layers.push("capture");
    }
    Ok(layers)
}

fn parting(sides: &[Side; 2], at: [usize; 2], parted: &Parted, scratch: &Path) -> Result<First, String> {
    let runs = [0, 1].map(|side: usize| sides[side].run(at[side], parted.seed));
    let manifests = runs.each_ref().map(|run| run.join("manifest.yaml"));
    let abouts = [About::read(&runs[0])?, About::read(&runs[1])?];
    let plans = manifests.each_ref().map(|file| load(file, &Overrides::default()));
    let [Ok(a), Ok(b)] = plans else {
        let why = "a manifest is not a file of this version".to_string();
        let row = first_row([&runs[0], &runs[1]], f64::INFINITY).unwrap_or(None);
        return Ok(First { event: Err(why), row, nodes: Vec::new() });
    };
    let [a, b] = [&a, &b].map(|loaded| &loaded.experiment.points[0].plan);
    let stop = a.stop.min(b.stop);
    let nodes = a.nodes.iter().map(|node| node.name.clone()).collect();
    let audit = |side: usize| {
        let print = abouts[side].print("events");
        let manifest = &manifests[side];
        move |audit| sides[side].audit(manifest, audit, print)
    };
    let event = first_event(stop, audit(0), audit(1));
    // With tables that say more a row may tell why. They are run again only where that gives the same run.
    let until = match &event {
        Ok(Some(found)) => found.left.first().into_iter().chain(&found.right).map(|event| event.key.time()).min(),
        _ => None,
    };
    let stored = first_row([&runs[0], &runs[1]], f64::INFINITY).map_err(|why| format!("error: {why}\n"))?;
    let row = match (&event, until) {
        (Ok(_), Some(until)) => telling(sides, &manifests, &abouts, parted.seed, until, scratch).or(stored),
        _ => stored,
    };
    Ok(First { event, row, nodes })
}

/// The first row that differs with all tables that tell of causes. That an older build does not have them is no fault.
fn telling(
    sides: &[Side; 2],
    manifests: &[std::path::PathBuf; 2],
    abouts: &[About; 2],
    seed: u64,
    until: Time,
    scratch: &Path,
) -> Option<RowPair> {
    let few = abouts.iter().all(|about| about.hops <= HOPS_MAX);
    let tables = if few { "tcp, drops, hops" } else { "tcp, drops" };
    let again = |side: usize| {
        let folder = scratch.join(["a", "b"][side]);
        sides[side].again(&manifests[side], tables, seed, &folder).ok()
    };
    let runs = [again(0)?, again(1)?];
    // A table may tell of the end of a long thing: later than the event nothing is a cause, a little later something is its trace.
    first_row([&runs[0], &runs[1]], until.seconds() + 1.0).ok()?
}

/// The first row in time, not later than `until` in seconds, that differs between tables that both runs have.
fn first_row(runs: [&Path; 2], until: f64) -> io::Result<Option<RowPair>> {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(runs[0])? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".csv") && runs[1].join(&name).is_file() {
            names.push(name);
        }
    }
    names.sort();
    let mut found: Option<RowPair> = None;
    for name in names {
        let until = found.as_ref().map_or(until, RowPair::time);
        if let Some(row) = first_in_table([&runs[0].join(&name), &runs[1].join(&name)], until)? {
            let table = name.trim_end_matches(".csv").to_string();
            let row = RowPair { table, ..row };
            if found.as_ref().is_none_or(|found| row.time() < found.time()) {
                found = Some(row);
            }
        }
    }
    Ok(found)
}

fn first_in_table(files: [&Path; 2], until: f64) -> io::Result<Option<RowPair>> {
    let mut readers = [csv::Reader::from_path(files[0])?, csv::Reader::from_path(files[1])?];
    let heads = [readers[0].headers()?.clone(), readers[1].headers()?.clone()];
    let [mut a, mut b] = readers.each_mut().map(|reader| reader.records());
    for number in 1.. {
        let rows = [a.next().transpose()?, b.next().transpose()?];
        if rows.iter().all(Option::is_none) {
            return Ok(None);
        }
        // Where one side has more columns, those that both have count.
        let shared = |side: usize| {
            let row = rows[side].as_ref()?;
            let cells =
                heads[side].iter().zip(row).filter(|(name, _)| heads[1 - side].iter().any(|other| other == *name));
            Some(cells.map(|(name, cell)| (name.to_string(), cell.to_string())).collect::<Vec<_>>())
        };
        let row = match (&rows, heads[0] == heads[1]) {
            ([a, b], true) if a == b => None,
            _ => Some(RowPair { table: String::new(), number, cells: [shared(0), shared(1)] }),
        };
        let row = row.filter(|row| row.cells[0] != row.cells[1]);
        if let Some(row) = row {
            return Ok((row.time() <= until).then_some(row));
        }
        let late = |row: &csv::StringRecord| {
            row.get(0).and_then(|time| time.parse::<f64>().ok()).is_some_and(|time| time > until)
        };
        if rows[0].as_ref().is_some_and(late) {
            return Ok(None);
        }
    }
    Ok(None)
}

fn same_bytes(a: &Path, b: &Path) -> io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (BufReader::new(File::open(a)?), BufReader::new(File::open(b)?));
    let (mut x, mut y) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let read = a.read(&mut x)?;
        if read == 0 {
            return Ok(true);
        }
        b.read_exact(&mut y[..read])?;
        if x[..read] != y[..read] {
            return Ok(false);
        }
    }
}
