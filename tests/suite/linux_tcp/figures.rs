//! Both in one picture: windows over time, and sequence numbers where something happens. The pictures stand beside the table and must be what
//! the runs draw.

use std::fs;
use std::path::{Path, PathBuf};

use plots::{Request, Source};

use super::golden::{self, Golden};
use super::measured::Measured;
use crate::command::Folder;

/// The two that are compared, as legends name them.
const WHO: [&str; 2] = ["Clockwire", "Linux 6.18"];

/// Draws a scenario's figures into `folder`; returns their names.
pub fn draw(scenario: &'static str, ours: &Measured, folder: &Path) -> Vec<String> {
    let golden = Golden::of(scenario);
    let scratch = Folder::new(&format!("linux-{scenario}"));
    let mut requests = Vec::new();
    if golden.has("cwnd.csv") {
        write(&scratch, "window", ["time_s", "cwnd_segments"], windows(ours, &golden));
        let title = format!("{scenario}: congestion window");
        let request = request(scenario, "window", "cwnd_segments", "steps", "cwnd");
        requests.push(request.with("title", &[&title]));
    }
    if golden.has("segments.csv") {
        write(&scratch, "segments", ["time_s", "sequence_bytes"], segments(ours, &golden));
        let title = format!("{scenario}: data segments as they leave the sender");
        requests.push(request(scenario, "segments", "sequence_bytes", "points", "sequence").with("title", &[&title]));
    }
    if golden.has("transactions.csv") {
        let sheet = golden.sheet("transactions.csv");
        let theirs = sheet.numbers("n").into_iter().zip(sheet.numbers("latency_ns"));
        let theirs = theirs.map(|(number, ns)| (number, ns * 1e-9)).collect();
        write(&scratch, "latencies", ["number", "latency_s"], [ours.latencies(), theirs]);
        let title = format!("{scenario}: from a request to its response");
        let request = request(scenario, "latencies", "latency_s", "points", "latency").with("x", &["number"]);
        requests.push(request.with("title", &[&title]));
    }
    let sources = WHO.map(|who| Source { label: who.into(), tables: plots::Tables::Folder(scratch.0.join(who)) });
    let requests: Vec<(&[Source], &Request)> = requests.iter().map(|request| (&sources[..], request)).collect();
    let drawn = plots::draw(&requests, &scratch.0, &format!("experiments/linux/{scenario}.yaml"));
    let mut names = Vec::new();
    for figure in drawn {
        let svg = figure.unwrap_or_else(|error| panic!("{scenario}: {error}")).svg;
        let name = svg.file_name().expect("it has a name").to_string_lossy().into_owned();
        fs::copy(&svg, folder.join(&name)).expect("the figure is copied");
        names.push(name);
    }
    names
}

/// What is drawn of each of the two: points.
type Both = [Vec<(f64, f64)>; 2];

/// The first flow's windows.
fn windows(ours: &Measured, golden: &Golden) -> Both {
    let windows = golden.sheet("cwnd.csv");
    let theirs: Vec<(f64, f64)> = windows
        .numbers("t_s")
        .into_iter()
        .zip(windows.numbers("cwnd_segments"))
        .zip(windows.numbers("flow"))
        .filter(|(row, flow)| row.0 <= ours.end() && *flow == 1.0)
        .map(|(row, _)| row)
        .collect();
    let mine: Vec<(f64, f64)> = ours.windows.iter().map(|row| (row.time, row.cwnd)).collect();
    [mine, theirs]
}

/// Data segments of the first flow, around what happens.
fn segments(ours: &Measured, golden: &Golden) -> Both {
    let segments = golden.sheet("segments.csv");
    let theirs: Vec<(f64, f64)> = segments.numbers("t_s").into_iter().zip(segments.numbers("sequence_bytes")).collect();
    let (from, to) = (theirs[0].0, theirs[theirs.len() - 1].0);
    let mine = ours.sequence().into_iter().filter(|row| (from - 0.001..=to + 0.001).contains(&row.0)).collect();
    [mine, theirs]
}

fn request(scenario: &str, table: &str, y: &str, look: &str, file: &str) -> Request {
    Request::new("xy")
        .with("table", &[table])
        .with("y", &[y])
        .with("group", &["variant"])
        .with("behind", &[WHO[1]])
        .with("look", &[look])
        .with("file", &[&format!("{scenario}-{file}")])
}

/// A table of each of the two.
fn write(scratch: &Folder, table: &str, [x, y]: [&str; 2], both: Both) {
    for (who, rows) in WHO.iter().zip(both) {
        let folder = scratch.0.join(who);
        fs::create_dir_all(&folder).expect("a scratch folder");
        let mut text = format!("{x},{y}\n");
        rows.iter().for_each(|(at, value)| text += &format!("{at:.9},{value}\n"));
        fs::write(folder.join(format!("{table}.csv")), text).expect("a scratch table");
    }
}

/// Where the pictures stand.
pub fn folder() -> PathBuf {
    golden::folder().join("figures")
}
