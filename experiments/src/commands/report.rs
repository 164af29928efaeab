//! `clockwire report`: the page of a results folder, without the simulator.

use std::path::Path;

use super::{Done, Loaded, load};
use crate::cli::{Overrides, ReportOptions, VerdictFiles};
use crate::report;
use crate::say::say;

/// Writes the report of stored results.
pub fn report(options: &ReportOptions) -> Done {
    let mut read = Vec::new();
    for folder in &options.results {
        let Some(manifest) = report::manifest(folder).map_err(|why| failed(folder, &why))? else {
            let why =
                "no `summary.json` with a `manifest.yaml` below it, so it is no results folder of `clockwire run`";
            return Err(failed(folder, &why));
        };
        let loaded = load(&manifest, &Overrides::default())?;
        let verdicts = report::Verdicts::read(folder, Vec::new()).map_err(|why| failed(folder, &why))?;
        read.push((folder, loaded, verdicts));
    }
    let path = match (&options.out, &options.results[..]) {
        (Some(path), _) => path.clone(),
        (None, [folder]) => folder.join(report::NAME),
        (None, _) => return Err("error: several results need `--out FILE` for their page\n".into()),
    };
    let page = match &read[..] {
        [(folder, loaded, _)] => {
            report::page(folder, &loaded.experiment.points[0].plan).map_err(|why| failed(folder, &why))?
        }
        several => {
            let all: Vec<_> = several.iter().map(|(folder, loaded, _)| (folder.as_path(), loaded)).collect();
            together(&path, &all)?
        }
    };
    let verdicts: Vec<_> = read.into_iter().map(|(.., verdicts)| verdicts).collect();
    refuse(&options.verdicts, options.force)?;
    let before = std::fs::read(&path).ok();
    if !options.force && path.exists() && before.as_deref() != Some(page.as_bytes()) {
        let why =
            "it is there already and says something else; `--force` replaces it, `--out FILE` writes another file";
        return Err(failed(&path, &why));
    }
    std::fs::write(&path, page).map_err(|why| failed(&path, &why))?;
    say!("{}", path.display());
    write(&options.verdicts, &verdicts)?;
    Ok(true)
}

fn failed(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("error: {}: {why}\n", path.display())
}

/// The page of several results, titled as its file.
///
/// # Errors
/// As the file system.
pub fn together(page: &Path, results: &[(&Path, &Loaded)]) -> Result<String, String> {
    let title = page.file_stem().map_or_else(|| "results".into(), |stem| stem.to_string_lossy());
    let all: Vec<_> = results.iter().map(|(folder, loaded)| (*folder, &loaded.experiment.points[0].plan)).collect();
    report::together(&title, &all).map_err(|why| failed(page, &why))
}

/// That files of verdicts are not there yet, or may be replaced: asked before anything runs.
///
/// # Errors
/// Which one is there.
pub fn refuse(files: &VerdictFiles, force: bool) -> Result<(), String> {
    [&files.junit, &files.markdown].into_iter().flatten().try_for_each(|path| absent(path, force))
}

/// That a file is not there yet, or may be replaced.
///
/// # Errors
/// That it is there.
pub fn absent(path: &Path, force: bool) -> Result<(), String> {
    let why = "it is there already; `--force` replaces it";
    if !force && path.exists() { Err(failed(path, &why)) } else { Ok(()) }
}

/// Writes verdicts to the files that are asked for.
///
/// # Errors
/// As the file system.
pub fn write(files: &VerdictFiles, verdicts: &[report::Verdicts]) -> Result<(), String> {
    let texts = [(&files.junit, report::junit as fn(&[_]) -> _), (&files.markdown, |all| Ok(report::markdown(all)))];
    for (path, text) in texts {
        let Some(path) = path else { continue };
        let done = text(verdicts).and_then(|text| std::fs::write(path, text));
        done.map_err(|why| format!("error: {}: {why}\n", path.display()))?;
    }
    Ok(())
}
