//! Every file that users may start from is right: it resolves without an error or a warning.

use std::path::{Path, PathBuf};

use experiments::{check_outputs, load_options};
use topologies::{load, load_text};

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

#[test]
fn every_experiment_resolves_and_says_what_to_look_at() {
    let mut faults = Vec::new();
    for path in files(&root().join("experiments")) {
        match load(&path, &load_options(&[], None)) {
            Ok(experiment) if experiment.points.is_empty() => faults.push(format!("{}: no point", path.display())),
            Ok(experiment) if !experiment.warnings.is_empty() => {
                faults.push(format!("{}:\n{}", path.display(), experiment.warnings));
            }
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
fn the_manifest_of_every_point_is_a_file_that_can_run() {
    for path in files(&root().join("experiments")) {
        let experiment = load(&path, &load_options(&[], None)).unwrap_or_else(|wrong| panic!("{wrong}"));
        let ends = [experiment.points.first(), experiment.points.last()];
        for point in ends.into_iter().flatten() {
            let text = point.as_written(experiment.seeds[0]);
            let folder = path.parent().expect("a file is in a folder");
            let again = load_text("manifest.yaml", &experiment.name, &text, folder, &load_options(&[], None));
            let again = again.unwrap_or_else(|wrong| panic!("{}: {wrong}{text}", path.display()));
            check_outputs(&again).unwrap_or_else(|wrong| panic!("{}: {wrong}{text}", path.display()));
            assert_eq!(again.points[0].as_written(experiment.seeds[0]), text, "{}", path.display());
            assert_eq!(again.label(&again.points[0].values), experiment.label(&point.values), "{}", path.display());
        }
    }
}

#[test]
fn every_topology_resolves() {
    let folder = root().join("topologies");
    let files = files(&folder);
    assert!(files.len() >= 6, "the generators' samples are there");
    for path in files {
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        let text = format!("clockwire: 1\ntopology: {name}\nstop: 1 s\n");
        if let Err(wrong) = load_text("sample.yaml", "sample", &text, &folder, &load_options(&[], None)) {
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
