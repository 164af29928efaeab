//! `clockwire plot`: figures from a results folder, without the simulator.

use std::path::{Path, PathBuf};

use super::{Done, load};
use crate::cli::Overrides;
use crate::figures;
use crate::say::{complain, say};

/// Draws the figures of each run in a results folder and those over all of them, as its manifests ask for, or these.
pub fn plot(results: &Path, asked: &[String]) -> Done {
    let mut runs = Vec::new();
    find_runs(results, 0, &mut runs);
    if runs.is_empty() {
        return Err(format!(
            "error: {}: no `manifest.yaml` here or below, so it is no results folder\n",
            results.display()
        ));
    }
    let asked = asked.iter().map(|text| request(text)).collect::<Result<Vec<_>, _>>()?;
    let (mut drawn, mut wrong) = (Vec::new(), Vec::new());
    let mut draw = |folder: &Path, whole: bool, run: &Path| -> Result<(), String> {
        let requests = if asked.is_empty() {
            let loaded = load(&run.join("manifest.yaml"), &Overrides::default())?;
            figures::requests(&loaded.experiment.points[0].plan, whole)
        } else {
            asked.iter().filter(|request| figures::is_whole(request) == whole).cloned().collect()
        };
        let (done, failed) = figures::draw(folder, &requests);
        drawn.extend(done);
        wrong.extend(failed.into_iter().map(|why| format!("{}: {why}", folder.display())));
        Ok(())
    };
    for run in &runs {
        draw(run, false, run)?;
    }
    if results.join("summary.csv").is_file() {
        draw(results, true, &runs[0])?;
    }
    for figure in &drawn {
        say!("{}", figure.display());
    }
    for why in &wrong {
        complain!("error: {why}\n");
    }
    if drawn.is_empty() && wrong.is_empty() {
        complain!("the file asks for no figures; name some, as in `clockwire plot {} cwnd`\n", results.display());
    }
    Ok(wrong.is_empty())
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

fn find_runs(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) {
    if folder.join("manifest.yaml").is_file() {
        found.push(folder.to_path_buf());
    } else if depth < 3 {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let mut inner: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
        inner.sort();
        inner.iter().for_each(|path| find_runs(path, depth + 1, found));
    }
}
