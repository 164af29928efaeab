//! The page of the profiles names every difference between them, and every run says which it had.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use sim_protocols::tcp::{Config, Profile};

use crate::command::{Folder, clockwire};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_path_buf()
}

fn page() -> PathBuf {
    root().join("tests/data/linux-tcp/PROFILES.md")
}

/// Fields of the configuration with their values, as they are printed for programmers.
fn fields(profile: Profile) -> Vec<String> {
    let text = format!("{:?}", Config::profile(profile));
    let inside = text.split_once(" { ").expect("a structure").1.trim_end_matches(" }");
    let (mut depth, mut all) = (0, vec![String::new()]);
    for c in inside.chars() {
        depth += i32::from("({[".contains(c)) - i32::from(")}]".contains(c));
        match c {
            ',' if depth == 0 => all.push(String::new()),
            c => all.last_mut().expect("there is one").push(c),
        }
    }
    all.iter().map(|field| field.trim().to_string()).collect()
}

/// A table of the defaults that differ.
fn defaults() -> String {
    let (rfc, linux) = (fields(Profile::Rfc), fields(Profile::Linux6));
    assert_eq!(rfc.len(), linux.len(), "both profiles have the same fields");
    let mut text = String::from("\n| key | `rfc` | `linux-6` |\n|---|---|---|\n");
    for (ours, theirs) in rfc.iter().zip(&linux).filter(|(ours, theirs)| ours != theirs) {
        let ((key, rfc), (_, linux)) = (
            ours.split_once(": ").expect("a difference stands in a line of its own"),
            theirs.split_once(": ").expect("a difference stands in a line of its own"),
        );
        // Spans are printed in picoseconds; a page has milliseconds.
        let shown = |value: &str| {
            let span = value.strip_prefix("Span(").and_then(|rest| rest.strip_suffix(')')).map(str::parse::<u64>);
            match span {
                Some(ps) => format!("{} ms", ps.expect("a number") / 1_000_000_000),
                None => value.to_string(),
            }
        };
        let (rfc, linux) = (shown(rfc), shown(linux));
        if key != "profile" {
            writeln!(text, "| `{key}` | {rfc} | {linux} |").expect("a text takes all");
        }
    }
    text + "\n"
}

#[test]
fn the_page_of_the_profiles_has_their_defaults() {
    let text = fs::read_to_string(page()).expect("the page");
    let (head, rest) = text.split_once("<!-- defaults").expect("a mark where they begin");
    let (mark, rest) = rest.split_once("-->\n").expect("the mark's end");
    let (_, tail) = rest.split_once("<!-- end -->").expect("a mark where they end");
    let fresh = format!("{head}<!-- defaults{mark}-->\n{}<!-- end -->{tail}", defaults());
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(page(), &fresh).expect("the page can be written");
    }
    assert!(
        fs::read_to_string(page()).expect("the page") == fresh,
        "defaults have changed: UPDATE_SNAPSHOTS=1 prints them"
    );
}

/// Functions that ask for the profile: file and name.
fn places(folder: &Path, found: &mut BTreeSet<String>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("");
        match () {
            _ if path.is_dir() && name == "tests" => {}
            _ if path.is_dir() => places(&path, found),
            // What the defaults are stands in the first table.
            _ if name.ends_with("tests.rs") || name == "config.rs" => {}
            _ => {
                let text = fs::read_to_string(&path).expect("a source");
                let mut function = "";
                for line in text.split("#[cfg(test)]").next().unwrap_or("").lines() {
                    let code = line.split("//").next().unwrap_or("");
                    if let Some((_, behind)) = code.split_once("fn ") {
                        function = behind.split(['(', '<']).next().unwrap_or("");
                    }
                    if code.contains("Profile::") {
                        let base = root().join("sim-protocols/src/tcp");
                        let file = path.strip_prefix(base).expect("a file of TCP").display();
                        found.insert(format!("`{file}` `{function}`"));
                    }
                }
            }
        }
    }
}

#[test]
fn the_page_of_the_profiles_names_all_that_they_do() {
    let mut found = BTreeSet::new();
    places(&root().join("sim-protocols/src/tcp"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let text = fs::read_to_string(page()).expect("the page");
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ") && line.contains(".rs`")).collect();
    let missing: Vec<&String> = found.iter().filter(|place| !rows.iter().any(|row| row.contains(*place))).collect();
    assert!(missing.is_empty(), "{} has no row for {missing:?}", page().display());
    let gone: Vec<&&str> = rows.iter().filter(|row| !found.iter().any(|place| row.contains(place))).collect();
    assert!(gone.is_empty(), "what these rows tell of does not ask for the profile any more: {gone:?}");
}

#[test]
fn a_manifest_says_which_profile_each_end_has() {
    let place = Folder::new("profiles");
    let file = place.0.join("x.yaml");
    let text = "clockwire: 1\nname: x\nstop: 1 s\nhosts:\n  a: { tcp: { profile: rfc } }\n  b: {}\n\
        links:\n  - a -- b: { rate: 1 Mbit/s }\n\
        workload:\n  one: { from: a, to: b, tcp: { bytes: 1 kB } }\n\
        \x20 two: { from: b, to: [a, a], tcp: { bytes: 1 kB, cc: cubic } }\n  ask: { from: a, to: b, ping: {} }\n";
    fs::write(&file, text).expect("a file");
    let ran = clockwire(&place.0, &["run", "x.yaml", "--out", "r", "-q"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let manifest = fs::read_to_string(place.0.join("r/seed-1/manifest.yaml")).expect("a manifest");
    for line in ["# tcp:\n", "#   one: rfc cubic to linux-6 cubic\n", "#   two: linux-6 cubic to rfc cubic\n"] {
        assert!(manifest.contains(line), "{line:?} in\n{manifest}");
    }
    assert!(!manifest.contains("#   ask:"), "{manifest}");
}
