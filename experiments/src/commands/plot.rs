//! `clockwire plot`: figures from a results folder, without the simulator.

use std::path::{Path, PathBuf};

use plots::Source;
use topologies::Experiment;

use super::{Done, load};
use crate::cli::Overrides;
use crate::say::{complain, say};
use crate::{figures, results};

/// Draws the figures of each run in a results folder and those over all of them, as its manifests ask for, or these.
pub fn plot(folder: &Path, asked: &[String]) -> Done {
    let mut runs = Vec::new();
    find_runs(folder, 0, &mut runs);
    if runs.is_empty() {
        return Err(format!(
            "error: {}: no `manifest.yaml` here or below, so it is no results folder\n",
            folder.display()
        ));
    }
    let asked = asked.iter().map(|text| request(text)).collect::<Result<Vec<_>, _>>()?;
    let (mut drawn, mut wrong) = (Vec::new(), Vec::new());
    let mut note = |folder: &Path, (done, failed): (Vec<PathBuf>, Vec<String>)| {
        drawn.extend(done);
        wrong.extend(failed.into_iter().map(|why| format!("{}: {why}", folder.display())));
    };
    let order = order_of_points(folder);
    let mut sources: Vec<(Option<usize>, bool, Source)> = Vec::new();
    let mut last: Option<&Path> = None;
    for run in &runs {
        let found = Run::read(run)?;
        let requests = found.requests(&asked, false);
        note(run, figures::draw(run, &found.about, &requests));
        // The runs of a point stand in one folder, its first seed first.
        let first = last != run.parent();
        last = run.parent();
        let values = &found.experiment.points[0].values;
        let label = figures::label(&found.experiment.name, &found.experiment.label(values));
        let place = order.iter().position(|point| point == values);
        sources.push((place, first, Source { label, tables: plots::Tables::Folder(run.clone()) }));
    }
    if folder.join("summary.csv").is_file() {
        let run = Run::read(&runs[0])?;
        sources.sort_by_key(|(place, ..)| *place);
        let points = figures::Points {
            first: sources.iter().filter(|(_, first, _)| *first).map(|(.., source)| source.clone()).collect(),
            all: sources.into_iter().map(|(.., source)| source).collect(),
        };
        let requests = run.requests(&asked, true);
        note(folder, figures::draw_whole(folder, &run.experiment.name, &points, &requests));
    }
    for figure in &drawn {
        say!("{}", figure.display());
    }
    for why in &wrong {
        complain!("error: {why}\n");
    }
    if drawn.is_empty() && wrong.is_empty() {
        complain!("the file asks for no figures; name some, as in `clockwire plot {} cwnd`\n", folder.display());
    }
    Ok(wrong.is_empty())
}

/// What a run's manifest says.
struct Run {
    experiment: Experiment,
    about: String,
}

impl Run {
    fn read(folder: &Path) -> Result<Run, String> {
        let experiment = load(&folder.join("manifest.yaml"), &Overrides::default())?.experiment;
        let about =
            results::about(&experiment.name, &experiment.label(&experiment.points[0].values), experiment.seeds[0]);
        Ok(Run { experiment, about })
    }

    /// The figures that were asked for, or those that its file asks for.
    fn requests(&self, asked: &[plots::Request], whole: bool) -> Vec<plots::Request> {
        if asked.is_empty() {
            return figures::requests(&self.experiment.points[0].plan, whole);
        }
        asked.iter().filter(|request| figures::is_whole(request) == whole).cloned().collect()
    }
}

/// The points of an experiment in the order of its file, as its summary has them.
fn order_of_points(folder: &Path) -> Vec<Vec<String>> {
    let Ok(mut summary) = csv::Reader::from_path(folder.join("summary.csv")) else { return Vec::new() };
    let Ok(dimensions) = summary.headers().map(|names| names.iter().take_while(|name| *name != "seed").count()) else {
        return Vec::new();
    };
    let rows = summary.records().flatten();
    rows.map(|row| row.iter().take(dimensions).map(str::to_string).collect()).collect()
}

/// `cwnd`, `cdf:table=requests,x=latency`; several values of a key are separated by `+`.
fn request(text: &str) -> Result<plots::Request, String> {
    let (kind, args) = text.split_once(':').unwrap_or((text, ""));
    let mut request = plots::Request::new(kind);
    for arg in args.split(',').filter(|arg| !arg.is_empty()) {
        let Some((key, values)) = arg.split_once('=') else {
            return Err(format!("error: `{arg}` is no parameter of a figure; as in `cdf:table=requests,x=latency`\n"));
        };
        request = request.with(key, &values.split('+').collect::<Vec<_>>());
    }
    request.check().map_err(|error| format!("error: {error}\n"))?;
    Ok(request)
}

/// Seeds by number, all else by name.
fn order(path: &Path) -> (Option<u64>, &Path) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    (name.strip_prefix("seed-").and_then(|seed| seed.parse().ok()), path)
}

fn find_runs(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("manifest.yaml").is_file() {
        found.push(folder.to_path_buf());
    } else if depth < 3 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut inner: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        inner.sort_by(|a, b| order(a).cmp(&order(b)));
        inner.iter().for_each(|path| find_runs(path, depth + 1, found));
    }
}
