//! Results of earlier versions stay readable: `tests/data/formats/` holds a small folder in each form that there has been. Those of newer versions
//! are refused in words.

use std::fs;
use std::path::Path;

use crate::command::{Folder, clockwire};
use crate::harness::root;

/// The forms, the last one being today's.
const FORMS: [&str; 2] = ["format-0", "format-1"];

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let own = to.join(path.file_name().expect("a name"));
        if path.is_dir() { copy(&path, &own) } else { fs::copy(&path, &own).map(drop).expect("a copy") }
    }
}

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    for form in FORMS {
        copy(&root().join("tests/data/formats").join(form), &folder.0.join(form));
    }
    folder
}

#[test]
fn results_of_every_form_are_read() {
    let folder = folder("formats");
    for form in FORMS {
        let well = |arguments: &[&str]| {
            let ran = clockwire(&folder.0, arguments);
            assert_eq!(ran.code, Some(0), "{arguments:?}: {}{}", ran.out, ran.err);
            ran.out
        };
        well(&["report", form, "--out", &format!("{form}.html")]);
        let page = fs::read_to_string(folder.0.join(format!("{form}.html"))).expect("a page");
        for words in ["bulk", "wan.delay", "10 ms", "20 ms"] {
            assert!(page.contains(words), "{form}: {words}");
        }
        let figures = well(&["plot", form, "cwnd"]);
        assert!(figures.contains("cwnd.png"), "{form}: {figures}");
        let goodput = "select \"wan.delay\", seed, goodput_bps from flows order by point, seed";
        let means = "select \"wan.delay\", mean from summary where subject = 'bulk' and quantity = 'goodput_bps' order by point";
        let [seeds, means] = [goodput, means].map(|statement| well(&["query", form, statement, "--csv"]));
        assert_eq!(
            seeds, "wan.delay,seed,goodput_bps\n10 ms,1,2424124\n10 ms,2,2424124\n20 ms,1,1269809\n20 ms,2,1269809\n",
            "{form}"
        );
        assert_eq!(means, "wan.delay,mean\n10 ms,2424124\n20 ms,1269809\n", "{form}");
        well(&["export", form]);
        for other in FORMS {
            let said = well(&["compare", form, other]);
            assert!(said.starts_with("IDENTICAL"), "{form} and {other}: {said}");
        }
    }
}

/// Whoever changes the form of a file gives it a number, and keeps a folder of the one before.
#[test]
fn todays_form_is_the_last_one() {
    let folder = folder("formats-today");
    let file = folder.0.join("format-1/wan.delay=10ms/seed-1/manifest.yaml");
    let ran = clockwire(&folder.0, &["run", "-q", file.to_str().expect("a path"), "--out", "now"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let keys = |path: &str| {
        let text = fs::read_to_string(folder.0.join(path)).expect("a file");
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let names = |value: &serde_json::Value| -> Vec<String> {
            let map = value.as_object().expect("an object");
            map.keys().cloned().collect()
        };
        let mut all = names(&value);
        if let Some(point) = value["points"].get(0) {
            all.extend(names(point));
            all.extend(names(&point["measured"]["bulk"]["goodput_bps"]));
        }
        (value["format"].as_u64(), all)
    };
    assert_eq!(keys("now/summary.json"), keys("format-1/summary.json"));
    assert_eq!(keys("now/seed-1/run.json"), keys("format-1/wan.delay=10ms/seed-1/run.json"));
}

#[test]
fn results_of_newer_versions_are_refused() {
    let folder = folder("formats-newer");
    let raise = |path: &str, from: &str, to: &str| {
        let path = folder.0.join(path);
        let text = fs::read_to_string(&path).expect("a file");
        assert!(text.contains(from), "{from}: {text}");
        fs::write(path, text.replacen(from, to, 1)).expect("a file");
    };
    raise("format-1/summary.json", "\"format\": 1,", "\"format\": 7,");
    for verb in [
        &["report", "format-1"][..],
        &["query", "format-1"],
        &["compare", "format-0", "format-1"],
        &["why", "format-1", "--at", "10 ms"],
        &["export", "format-1"],
    ] {
        let ran = clockwire(&folder.0, verb);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{verb:?}");
        assert!(
            ran.err.contains("it has format 7, of a newer version of clockwire; this one ("),
            "{verb:?}: {}",
            ran.err
        );
    }
    // A manifest is a file of experiments, whose form has a number of its own.
    raise("format-0/wan.delay=10ms/seed-1/manifest.yaml", "clockwire: 1", "clockwire: 2");
    let ran = clockwire(&folder.0, &["plot", "format-0", "cwnd"]);
    assert!(ran.code == Some(2) && ran.err.contains("clockwire"), "{}", ran.err);
    // A run of another form is nothing that a summary is made of.
    fs::write(
        folder.0.join("t.yaml"),
        fs::read_to_string(folder.0.join("format-1/wan.delay=10ms/seed-1/manifest.yaml")).expect("a file"),
    )
    .expect("a file");
    assert_eq!(clockwire(&folder.0, &["run", "-q", "t.yaml", "--out", "own"]).code, Some(0));
    raise("own/seed-1/run.json", "\"format\":1,", "\"format\":9,");
    let ran = clockwire(&folder.0, &["run", "t.yaml", "--out", "own"]);
    assert!(ran.code == Some(0) && ran.out.contains("results: own-2\n"), "it is run again: {}{}", ran.out, ran.err);
}
