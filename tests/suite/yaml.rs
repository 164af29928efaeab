//! Every file that users may start from is right: it resolves without an error or a warning.

use std::path::{Path, PathBuf};

use topologies::{LoadOptions, load, load_text};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_path_buf()
}

/// The YAML files in a folder and those below it, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder of the repository") {
        let path = entry.expect("an entry").path();
        let data = path.file_name().is_some_and(|name| name == "src" || name == "tests");
        if path.is_dir() && !data {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// What the plotter accepts, so that a wrong figure is an error of the file.
fn options() -> LoadOptions {
    let keys = |kind: &plots::Kind| kind.accepts().map(|key| key.name.to_string()).collect();
    let plots = plots::kinds().iter().map(|kind| (kind.name.to_string(), keys(kind))).collect();
    LoadOptions { plots, ..LoadOptions::default() }
}

#[test]
fn every_experiment_resolves_and_says_what_to_look_at() {
    let mut faults = Vec::new();
    for path in files(&root().join("experiments")) {
        match load(&path, &options()) {
            Ok(experiment) if experiment.points.is_empty() => faults.push(format!("{}: no point", path.display())),
            Ok(_) => (),
            Err(wrong) => faults.push(format!("{}:\n{wrong}", path.display())),
        }
        let text = std::fs::read_to_string(&path).expect("a file of the repository");
        if !text.starts_with("# ") {
            faults.push(format!("{}: begins without a comment that says what to look at", path.display()));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_topology_resolves() {
    let folder = root().join("topologies");
    let files = files(&folder);
    assert!(files.len() >= 6, "the generators' samples are there");
    for path in files {
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        let text = format!("clockwire: 1\ntopology: {name}\nstop: 1 s\n");
        if let Err(wrong) = load_text("sample.yaml", "sample", &text, &folder, &options()) {
            panic!("{name}:\n{wrong}");
        }
    }
}

#[test]
fn a_second_reader_can_read_every_file() {
    for path in files(&root().join("experiments")).into_iter().chain(files(&root().join("topologies"))) {
        let text = std::fs::read_to_string(&path).expect("a file of the repository");
        let tree: Result<serde_yaml::Value, _> = serde_yaml::from_str(&text);
        assert!(tree.is_ok_and(|tree| tree.is_mapping()), "{}", path.display());
    }
}
