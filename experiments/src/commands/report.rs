//! `clockwire report`: the page of a results folder, without the simulator.

use std::path::Path;

use super::{Done, load};
use crate::cli::{Overrides, ReportOptions};
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
    let path = options.out.clone().unwrap_or_else(|| folder.join(report::NAME));
    let before = std::fs::read(&path).ok();
    if !options.force && path.exists() && before.as_deref() != Some(page.as_bytes()) {
        let why =
            "it is there already and says something else; `--force` replaces it, `--out FILE` writes another file";
        return Err(failed(&path, &why));
    }
    std::fs::write(&path, page).map_err(|why| failed(&path, &why))?;
    say!("{}", path.display());
    Ok(true)
}
