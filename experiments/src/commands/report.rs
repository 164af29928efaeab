//! `clockwire report`: the page of a results folder, without the simulator.

use std::path::Path;

use super::{Done, load};
use crate::cli::{Overrides, ReportOptions, VerdictFiles};
use crate::report;
use crate::say::say;

/// Writes the report of stored results.
pub fn report(options: &ReportOptions) -> Done {
    let folder = &options.results;
    let failed = |path: &Path, why: &dyn std::fmt::Display| format!("error: {}: {why}\n", path.display());
    let Some(manifest) = report::manifest(folder).map_err(|why| failed(folder, &why))? else {
        let why = "no `summary.json` with a `manifest.yaml` below it, so it is no results folder of `clockwire run`";
        return Err(failed(folder, &why));
    };
    let experiment = load(&manifest, &Overrides::default())?.experiment;
    let page = report::page(folder, &experiment.points[0].plan).map_err(|why| failed(folder, &why))?;
    let verdicts = [report::Verdicts::read(folder, Vec::new()).map_err(|why| failed(folder, &why))?];
    refuse(&options.verdicts, options.force)?;
    let path = options.out.clone().unwrap_or_else(|| folder.join(report::NAME));
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

/// That files of verdicts are not there yet, or may be replaced: asked before anything runs.
///
/// # Errors
/// Which one is there.
pub fn refuse(files: &VerdictFiles, force: bool) -> Result<(), String> {
    let there = [&files.junit, &files.markdown].into_iter().flatten().find(|path| !force && path.exists());
    let why = "it is there already; `--force` replaces it";
    there.map_or(Ok(()), |path| Err(format!("error: {}: {why}\n", path.display())))
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
