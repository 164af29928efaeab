//! `clockwire new`: a commented experiment that runs as it is.

use std::path::PathBuf;

use super::Done;
use crate::cli::NewOptions;
use crate::say::say;

/// What there is to begin with: the word, and the file.
pub const KINDS: [(&str, &str); 3] =
    [("flow", include_str!("flow.txt")), ("http", include_str!("http.txt")), ("sweep", include_str!("sweep.txt"))];

/// Writes `NAME.yaml`, and refuses where something is there already.
pub fn new(options: &NewOptions) -> Done {
    // `new folder/name` and `new name.yaml` mean what they look like.
    let mut path = PathBuf::from(&options.name);
    if path.extension().is_none_or(|ending| ending != "yaml") {
        path.as_mut_os_string().push(".yaml");
    }
    let stem = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let text = text(&options.kind, &stem, &path.display().to_string());
    // The reader of files knows what a name may be, and says it.
    if let Err(wrong) = topologies::load_text(
        &path.display().to_string(),
        &stem,
        &text,
        &PathBuf::new(),
        &crate::load_options(&[], None),
    ) {
        return Err(wrong.to_string());
    }
    if path.exists() && !options.force {
        return Err(format!("error: {} is there already\n = help: `--force` replaces it\n", path.display()));
    }
    std::fs::write(&path, text).map_err(|why| format!("error: {} cannot be written: {why}\n", path.display()))?;
    say!("{} is written. `clockwire run {0}` runs it.", path.display());
    Ok(true)
}

/// The file of a kind for a name.
fn text(kind: &str, name: &str, file: &str) -> String {
    let found = KINDS.iter().find(|(word, _)| *word == kind).unwrap_or(&KINDS[0]);
    found.1.replace("@NAME@", name).replace("@FILE@", file)
}
