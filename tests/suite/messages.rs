//! Every message for bad input is one that a test has seen: the sources are read for what they refuse with, and its words must stand in an
//! expectation. What the command says of bad arguments is held here.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Folder, clockwire};
use crate::harness::root;

/// How sources refuse.
const OPENERS: &[&str] =
    &[".error(", ".refuse(", ".refuse_text(", ".wrong(", "refuse(", "wrong(", "Err(format!(", "bad("];
/// Where input is read.
const READERS: &[&str] = &[
    "topologies/src",
    "experiments/src",
    "sim-protocols/src/app",
    "sim-protocols/src/service",
    "sim-core/src/params.rs",
];
/// A piece of a message that is shorter than this says too little.
const PIECE_MIN: usize = 9;
/// Messages that no input leads to, each with the reason.
const UNREACHABLE: &[&str] = &[
    // Hosts without links are refused before ways are looked for.
    "has no link, so there is no way",
    // Another build of this program prints events that are events.
    "there is no event {} of node {}",
    // 65535 entries of a workload are more than the longest file has room for.
    "there are more workload entries than ports",
];

/// All files below a folder, or the one.
fn files(at: &Path, found: &mut Vec<PathBuf>) {
    if at.is_file() {
        return found.push(at.to_path_buf());
    }
    for entry in fs::read_dir(at).expect("a folder") {
        let path = entry.expect("an entry").path();
        files(&path, found);
    }
}

/// Literals of texts in a piece of a source, without their escapes.
fn literals(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        if c != '"' {
            continue;
        }
        let mut text = String::new();
        while let Some(c) = chars.next().filter(|c| *c != '"') {
            match c {
                '\\' => match chars.next() {
                    Some('n') => text.push('\n'),
                    Some('\n') => {
                        let rest = chars.as_str().trim_start();
                        chars = rest.chars();
                    }
                    other => text.extend(other),
                },
                c => text.push(c),
            }
        }
        found.push(text);
    }
    found
}

/// What stands between the places of a message where values go.
fn pieces(message: &str) -> Vec<String> {
    let plain = message.replace("{{", "\u{1}").replace("}}", "\u{2}");
    let mut pieces = Vec::new();
    for (number, part) in plain.split('{').enumerate() {
        let part = if number == 0 { part } else { part.split_once('}').map_or("", |(_, behind)| behind) };
        pieces.extend(part.split('\n').map(|line| line.replace('\u{1}', "{").replace('\u{2}', "}")));
    }
    pieces.iter_mut().for_each(|piece| *piece = piece.trim_matches([' ', ':', ';', ',']).to_string());
    pieces.retain(|piece| piece.chars().count() >= PIECE_MIN);
    pieces
}

/// The messages that a source refuses with: its path and line, and the message.
fn messages(path: &Path, code: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for opener in OPENERS {
        for (at, _) in code.match_indices(opener) {
            let mut depth = 0;
            let start = at + opener.len() - 1;
            let end = code[start..].char_indices().find(|(_, c)| {
                depth += i32::from(*c == '(') - i32::from(*c == ')');
                depth == 0
            });
            let inside = &code[start..end.map_or(code.len(), |(end, _)| start + end)];
            let line = code[..at].lines().count();
            for text in literals(inside).into_iter().filter(|text| text.contains(' ')) {
                found.push((format!("{}:{line}", path.display()), text));
            }
        }
    }
    found
}

#[test]
fn every_message_for_bad_input_is_seen_by_a_test() {
    let mut tested = String::new();
    let mut read = |path: &Path| tested.push_str(&fs::read_to_string(path).unwrap_or_default());
    read(&root().join("tests/data/bad/expected.txt"));
    for folder in ["tests/suite", "topologies/tests", "experiments/tests"] {
        let mut all = Vec::new();
        files(&root().join(folder), &mut all);
        all.iter().filter(|path| !path.ends_with("messages.rs")).for_each(|path| read(path));
    }
    let here = include_str!("messages.rs");
    tested.push_str(here.split_once("fn arguments_that_are_wrong").expect("below").1);
    let (mut said, mut all) = (Vec::new(), Vec::new());
    READERS.iter().for_each(|at| files(&root().join(at), &mut all));
    // The language of packetdrill has its own tests, which hold each message with its place.
    all.retain(|path| !path.components().any(|part| part.as_os_str() == "packetdrill"));
    for path in all {
        let text = fs::read_to_string(&path).expect("a source");
        let own = path.strip_prefix(root()).expect("below the root").to_path_buf();
        if path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests")) {
            tested.push_str(&text);
            continue;
        }
        let (code, tests) = text.split_once("#[cfg(test)]").unwrap_or((&text, ""));
        tested.push_str(tests);
        said.extend(messages(&own, code));
    }
    assert!(said.len() > 200, "only {} messages are found", said.len());
    // Help below a message is short, and has no place of its own.
    let unseen = |text: &str| {
        let pieces = pieces(text);
        !pieces.is_empty() && !pieces.iter().any(|piece| tested.contains(piece.as_str()))
    };
    let known = |text: &str| UNREACHABLE.iter().any(|words| text.contains(words));
    let unseen: Vec<String> = said
        .iter()
        .filter(|(_, text)| unseen(text) && !known(text))
        .map(|(place, text)| format!("{place}: {text}"))
        .collect();
    assert!(unseen.is_empty(), "no test sees these of {} messages:\n{}", said.len(), unseen.join("\n"));
}

const FILE: &str = "clockwire: 1
name: t
stop: 1 s
hosts: { a: {}, b: {} }
links: [ { a -- b: { name: wan, rate: 10 Mbit/s, delay: 10 ms } } ]
workload: { bulk: { from: a, to: b, tcp: {} } }
";

#[test]
fn arguments_that_are_wrong_are_refused_in_words() {
    let folder = Folder::new("messages");
    fs::write(folder.0.join("t.yaml"), FILE).expect("a file");
    fs::write(
        folder.0.join("other.yaml"),
        FILE.replace("name: t", "name: other") + "experiment: { sweep: { wan.delay: [1 ms, 2 ms] } }\n",
    )
    .expect("a file");
    fs::create_dir(folder.0.join("empty")).expect("a folder");
    assert_eq!(clockwire(&folder.0, &["run", "-q", "t.yaml"]).code, Some(0));
    let golden = |figures: &str| {
        FILE.replace("name: t", "name: g")
            + &format!("expect: [ {{ same_as: results/t/summary.json, within: 1 %{figures} }} ]\n")
    };
    fs::write(folder.0.join("figure.yaml"), golden(", figures: [bulk.goodputt_bps]")).expect("a file");
    fs::write(folder.0.join("points.yaml"), golden("") + "experiment: { sweep: { wan.delay: [1 ms, 2 ms] } }\n")
        .expect("a file");
    fs::create_dir_all(folder.0.join("bare/seed-1")).expect("a folder");
    fs::write(folder.0.join("bare/seed-1/manifest.yaml"), FILE).expect("a file");
    let refused = |arguments: &[&str], says: &str| {
        let before = folder.names();
        let ran = clockwire(&folder.0, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(says), "{arguments:?}: {}", ran.err);
        assert_eq!(folder.names(), before, "{arguments:?} leaves something");
    };
    refused(&["run", "t.yaml", "--set", "stop"], "`--set stop` has no `=`");
    refused(&["new", "t"], "t.yaml is there already");
    refused(&["plot", "empty"], "no `manifest.yaml` here or below, so it is no results folder");
    refused(
        &["plot", "results/t", "cwnd:flows"],
        "`flows` is no parameter of a figure; as in `cdf:table=requests,x=latency`",
    );
    refused(&["compare", "t.yaml", "empty"], "no `summary.json`, so it is no results folder of `clockwire run`");
    refused(&["compare", "t.yaml", "other.yaml"], "have no point in common");
    refused(&["run", "figure.yaml"], "the summary has no figure `bulk.goodputt_bps`");
    let ran = clockwire(&folder.0, &["run", "-q", "points.yaml", "--out", "points"]);
    assert!(ran.code == Some(1) && ran.err.contains("the file has no point"), "{}", ran.err);
    refused(
        &["query", "results/t", "--json", "select 1 as a, 2 as a"],
        "`a`, which no object of JSON can hold; `as` gives another name",
    );
    let ran = clockwire(&folder.0, &["run", "-q", "t.yaml", "--set", "experiment.seeds=2", "--out", "two"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let flows = folder.0.join("two/seed-2/flows.csv");
    let other = fs::read_to_string(&flows).expect("a table").replace("goodput_bps", "speed_bps");
    fs::write(flows, other).expect("a file");
    refused(&["query", "two", "select * from flows"], "its columns are not those of the other runs");
    // Results of another build, which has other events.
    let place = folder.0.join("results/t/seed-1/manifest.yaml");
    let manifest = fs::read_to_string(&place).expect("a manifest");
    let print = manifest.lines().find_map(|line| line.strip_prefix("#   events: ")).expect("a fingerprint").to_string();
    let summary = fs::read_to_string(folder.0.join("results/t/summary.json")).expect("a summary");
    for name in ["seed-1/manifest.yaml", "summary.json"] {
        let path = folder.0.join("results/t").join(name);
        let text = fs::read_to_string(&path).expect("a file").replace(&print, "0123456789abcdef");
        fs::write(path, text).expect("a file");
    }
    refused(&["why", "results/t", "--at", "500 ms"], "another build ran it, and with this one it is another run");
    let ran = clockwire(&folder.0, &["compare", "t.yaml", "results/t"]);
    let says = "is of another build (version ";
    assert!(ran.code == Some(3) && ran.out.contains(says), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("), which alone could tell: compare the builds with `--on`"), "{}", ran.out);
    fs::write(&place, manifest).expect("a file");
    fs::write(folder.0.join("results/t/summary.json"), summary).expect("a file");
    // Results of which somebody has taken something away.
    let manifest = fs::read_to_string(folder.0.join("results/t/seed-1/manifest.yaml")).expect("a manifest");
    let bare: Vec<&str> = manifest.lines().filter(|line| !line.starts_with('#')).collect();
    fs::write(folder.0.join("results/t/seed-1/manifest.yaml"), bare.join("\n")).expect("a file");
    refused(&["why", "results/t", "--at", "500 ms"], "it has no fingerprints");
    let summary = fs::read_to_string(folder.0.join("results/t/summary.json")).expect("a summary");
    let mut summary: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    summary["points"][0].as_object_mut().expect("a point").remove("fingerprints");
    fs::write(folder.0.join("old.json"), summary.to_string()).expect("a file");
    fs::write(folder.0.join("old.yaml"), FILE.replace("name: t", "name: old") + "expect: [ { same_as: old.json } ]\n")
        .expect("a file");
    refused(&["run", "old.yaml"], "run it again, or compare `within` a share");
    fs::write(folder.0.join("open.pkt"), "0 socket(\n").expect("a file");
    let ran = clockwire(&folder.0, &["packetdrill", "open.pkt"]);
    assert!(ran.code == Some(2) && ran.err.contains(" scripts are malformed"), "{}", ran.err);
    for (option, says) in [("-Dword", "-D word: expected NAME=VALUE"), ("-onothing=1", " does not exist here")] {
        let ran = clockwire(&folder.0, &["packetdrill", option, "open.pkt"]);
        assert!(ran.code == Some(2) && ran.err.contains(says), "{option}: {}", ran.err);
    }
    // A file of nothing but holes.
    let large = fs::File::create(folder.0.join("large.csv")).expect("a file");
    large.set_len(1 << 30).expect("room for holes");
    let traced = FILE.replace("tcp: {}", "http: { arrivals: large.csv }");
    fs::write(folder.0.join("traced.yaml"), traced).expect("a file");
    refused(&["check", "traced.yaml"], "it is larger than ");
}
