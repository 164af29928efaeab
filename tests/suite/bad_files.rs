//! Bad files, as users write them: each ends with exit code 2, says where and what, and leaves nothing behind.
//! `UPDATE_SNAPSHOTS=1 cargo test -p clockwire-tests bad_files` writes the texts anew; read the difference.

use std::fmt::Write;

use crate::command::{Folder, clockwire};
use crate::harness::root;

#[test]
fn every_bad_file_is_refused_with_its_place_and_leaves_nothing_behind() {
    let source = root().join("tests/data/bad");
    let folder = Folder::new("bad-files");
    let mut files: Vec<String> = std::fs::read_dir(&source)
        .expect("the folder of bad files")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    files.sort();
    for file in &files {
        std::fs::copy(source.join(file), folder.0.join(file)).expect("a copy");
    }
    assert!(files.len() >= 30, "only {} bad files", files.len());
    let mut texts = String::new();
    for file in &files {
        let ran = clockwire(&folder.0, &["run", file]);
        assert_eq!(ran.code, Some(2), "{file}: {}{}", ran.out, ran.err);
        assert_eq!(ran.out, "", "{file} prints");
        assert!(ran.err.starts_with("error: ") && has_place(&ran.err, file), "{file}: {}", ran.err);
        // What is not even a tree has no path in it.
        let no_tree = [
            "not valid YAML",
            "not closed",
            "a tab",
            "several YAML documents",
            "an alias stands",
            "nested deeper",
            "empty",
            "multiply",
            "a map of sections",
            "UTF-8",
            "needs `stop`",
            "no hosts",
        ];
        let in_a_tree = !no_tree.iter().any(|words| ran.err.contains(words));
        assert!(!in_a_tree || ran.err.contains(" = path: "), "{file} says no path: {}", ran.err);
        let _ = writeln!(texts, "=== {file}\n{}", ran.err.trim_end());
    }
    assert_eq!(folder.names(), files, "something was written");
    let snapshot = source.join("expected.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&snapshot, &texts).expect("the snapshot is written");
    }
    let expected = std::fs::read_to_string(&snapshot).expect("the snapshot is there");
    let differing = texts.lines().zip(expected.lines()).find(|(now, then)| now != then);
    assert!(texts == expected, "the texts differ, first in {differing:?}; UPDATE_SNAPSHOTS=1 writes them anew");
}

/// Whether a text names a line and a column of a file.
fn has_place(text: &str, file: &str) -> bool {
    text.split(&format!("--> {file}:")).skip(1).any(|rest| {
        let mut numbers = rest.lines().next().unwrap_or_default().split(':');
        let mut number = || numbers.next().is_some_and(|number| number.parse::<u32>().is_ok());
        number() && number()
    })
}
