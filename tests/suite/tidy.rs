//! What never happens, held by reading the sources: the architecture invariants that the compiler does not know.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest source file, tests included.
const LINES_MAX: usize = 700;

/// Who may depend on whom: crate, and the crates of this workspace that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("sim-core", &[]),
    ("sim-protocols", &["sim-core"]),
    ("topologies", &["sim-core", "sim-protocols"]),
    ("plots", &[]),
    ("experiments", &["sim-core", "sim-protocols", "topologies", "plots"]),
    ("tests", &["sim-core", "sim-protocols", "topologies", "plots", "experiments"]),
];

/// Crates from outside that one place alone may use: name in `Cargo.toml`, name in sources, the crate, the file or folder.
const ONE_DOOR: &[(&str, &str, &str, &str)] = &[
    ("serde-saphyr", "serde_saphyr", "topologies", "topologies/src/yaml.rs"),
    ("plotters", "plotters", "plots", "plots/src/"),
    ("winnow", "winnow", "experiments", "experiments/src/packetdrill/"),
];

/// What stands at the top of the repository.
const TOP: &[&str] = &[
    ".ci",
    ".clippy.toml",
    ".git",
    ".gitignore",
    ".github",
    ".rustfmt.toml",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "NOTICE",
    "README.md",
    "experiments",
    "plots",
    "sim-core",
    "sim-protocols",
    "tests",
    "topologies",
];
/// What building and running leave there.
const LEFT: &[&str] = &["target", "results"];

/// Ways for the machine to get into a result: the text, and what to do instead. The crates of the simulation have none.
const AMBIENT: &[(&str, &str)] = &[
    ("HashMap", "its order is random; BTreeMap, a sorted Vec, or FxHashMap where nobody iterates"),
    ("HashSet", "its order is random; BTreeSet or a sorted Vec"),
    ("RandomState", "it is seeded by the machine"),
    ("Instant", "time is virtual"),
    ("SystemTime", "time is virtual"),
    ("thread_local!", "context goes through `&mut Cx`"),
    ("static mut", "context goes through `&mut Cx`"),
    ("rand::rng", "chance has named streams: `Streams::open`"),
    ("thread_rng", "chance has named streams: `Streams::open`"),
    ("OsRng", "chance has named streams: `Streams::open`"),
    ("from_os_rng", "chance has named streams: `Streams::open`"),
    ("std::env", "the environment is no input"),
    ("std::process", "a simulation starts no process"),
    ("available_parallelism", "the machine's size is no input"),
    (".powf(", "differs between machines"),
    (".powi(", "differs between machines"),
    (".exp(", "differs between machines"),
    (".exp2(", "differs between machines"),
    (".ln(", "differs between machines"),
    (".log2(", "differs between machines"),
    (".log10(", "differs between machines"),
    (".cbrt(", "differs between machines"),
    (".sin(", "differs between machines"),
    (".cos(", "differs between machines"),
    (".tan(", "differs between machines"),
    (".mul_add(", "differs between machines"),
];
/// Libraries have no argument for a context and count in real instants: one folder, the asynchronous face on sockets, translates for them.
const FACE: (&str, &[&str]) = ("sim-protocols/src/aio/", &["Instant", "SystemTime", "thread_local!", "std::time"]);
/// Besides, what the engine and the protocols may not touch.
const OUTSIDE: &[(&str, &str)] =
    &[("std::fs", "files belong to topologies, experiments and plots"), ("std::time", "time is virtual")];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_path_buf()
}

/// A file of the repository: its path from the top, with `/`, and its text.
struct File {
    path: String,
    text: String,
}

/// All files with one of the endings, sorted by path.
fn files(endings: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    let mut folders = vec![root()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository").map(|entry| entry.expect("an entry")) {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let from_top = path.strip_prefix(root()).expect("it is below").to_string_lossy().replace('\\', "/");
            if path.is_dir() {
                let skipped = name == ".git" || name == "proptest-regressions" || LEFT.contains(&from_top.as_str());
                if !skipped {
                    folders.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending))
                && let Ok(text) = fs::read_to_string(&path)
            {
                found.push(File { path: from_top, text });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

fn sources() -> Vec<File> {
    files(&[".rs"])
}

/// Lines with their numbers, without comments and without what stands between quotation marks.
fn code(text: &str) -> impl Iterator<Item = (usize, String)> + '_ {
    text.lines().enumerate().map(|(at, line)| {
        let mut kept = String::new();
        let mut quoted = false;
        let mut chars = line.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '\\' if quoted => drop(chars.next()),
                // A quotation mark as a character is none.
                '\'' if !quoted && chars.peek() == Some(&'"') => drop(chars.next()),
                '"' => quoted = !quoted,
                '/' if !quoted && chars.peek() == Some(&'/') => break,
                _ if quoted => (),
                c => kept.push(c),
            }
        }
        (at + 1, kept)
    })
}

fn report(faults: &[String]) {
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

/// The names of dependencies in a `Cargo.toml`, of all kinds.
fn dependencies(text: &str) -> BTreeSet<String> {
    let mut inside = false;
    let mut names = BTreeSet::new();
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').ends_with("dependencies");
        } else if inside && !line.starts_with('#') {
            let name = line.split(['.', '=', ' ']).next().unwrap_or("");
            if !name.is_empty() {
                names.insert(name.to_string());
            }
        }
    }
    names
}

#[test]
fn crates_depend_along_the_arrows() {
    let mut faults = Vec::new();
    let members: Vec<&str> = ARROWS.iter().map(|(name, _)| *name).collect();
    for (name, may) in ARROWS {
        let text = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("each member has its Cargo.toml");
        let has = dependencies(&text);
        for other in members.iter().filter(|other| has.contains(**other) && !may.contains(other)) {
            faults.push(format!("{name}/Cargo.toml: {name} must not depend on {other}"));
        }
        for (outside, _, only, _) in
            ONE_DOOR.iter().filter(|(outside, _, only, _)| has.contains(*outside) && only != name)
        {
            faults.push(format!("{name}/Cargo.toml: {outside} belongs to {only} alone"));
        }
    }
    let whole = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has its Cargo.toml");
    let listed = whole.lines().find_map(|line| line.strip_prefix("members = ")).expect("members stand in one line");
    let listed: BTreeSet<&str> = listed.split(['[', ']', ',', '"', ' ']).filter(|name| !name.is_empty()).collect();
    if listed != members.iter().copied().collect() {
        faults.push(format!("Cargo.toml: the members are {listed:?}, the arrows know {members:?}"));
    }
    report(&faults);
}

#[test]
fn crates_from_outside_have_one_door() {
    let mut faults = Vec::new();
    for file in sources() {
        for (_, name, _, door) in ONE_DOOR.iter().filter(|(_, _, _, door)| !file.path.starts_with(door)) {
            for (line, _) in code(&file.text).filter(|(_, text)| text.contains(&format!("{name}::"))) {
                faults.push(format!("{}:{line}: {name} belongs to {door}", file.path));
            }
        }
    }
    report(&faults);
}

/// Whether a text stands in a line by itself, not as the end of a longer name such as `FxHashMap`.
fn says(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back().is_some_and(|c| part(c) && word.starts_with(part));
        let after = line[at + word.len()..].chars().next().is_some_and(|c| part(c) && word.ends_with(part));
        !before && !after
    })
}

#[test]
fn the_machine_stays_out_of_results() {
    let mut faults = Vec::new();
    for file in sources() {
        let engine = file.path.starts_with("sim-core/src/") || file.path.starts_with("sim-protocols/src/");
        if !engine && !file.path.starts_with("topologies/src/") {
            continue;
        }
        let outside = OUTSIDE.iter().filter(|_| engine);
        let face = |word: &str| file.path.starts_with(FACE.0) && FACE.1.contains(&word);
        for (word, instead) in AMBIENT.iter().chain(outside).filter(|(word, _)| !face(word)) {
            for (line, _) in code(&file.text).filter(|(_, text)| says(text, word)) {
                faults.push(format!("{}:{line}: `{word}`: {instead}", file.path));
            }
        }
    }
    report(&faults);
}

/// Kinds that a registry lists: how one of them is written, and where it may be. Everybody else goes through the registry, so that the next one
/// needs its file and its line alone.
const REGISTERED: &[(&str, &[&str])] = &[
    // A plain FIFO has its short way through the port.
    ("QueueConfig::", &["sim-core/src/qdisc/", "sim-core/src/port.rs"]),
    ("Loss::", &["sim-core/src/link/loss.rs"]),
    ("AppConfig::", &["sim-protocols/src/app/mod.rs"]),
];

#[test]
fn registered_kinds_are_named_by_their_registries_alone() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| file.path.contains("/src/") && !file.path.starts_with("tests/")) {
        for (word, places) in REGISTERED {
            if places.iter().any(|place| file.path.starts_with(place)) || test_module(&file.path) {
                continue;
            }
            for (line, text) in code(&file.text) {
                // A variant, not a function or a constant of the registry.
                let named = text.match_indices(word).any(|(at, _)| {
                    let before = text[..at].chars().next_back();
                    let mut after = text[at + word.len()..].chars();
                    let variant =
                        after.next().is_some_and(char::is_uppercase) && after.next().is_some_and(char::is_lowercase);
                    variant && before.is_none_or(|other| !other.is_alphanumeric())
                });
                if named {
                    faults.push(format!("{}:{line}: ask the registry: {}", file.path, text.trim()));
                }
            }
        }
    }
    report(&faults);
}

/// Whether a file of `src` is compiled for tests alone.
fn test_module(path: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').expect("it lies in a folder");
    let name = name.trim_end_matches(".rs");
    if folder.ends_with("/tests") || name == "tests" {
        return true;
    }
    let parent = fs::read_to_string(root().join(folder).join("mod.rs")).unwrap_or_default();
    parent.contains(&format!("#[cfg(test)]\nmod {name};"))
}

#[test]
fn sources_are_short() {
    let long = |file: &File| {
        let lines = file.text.lines().count();
        (lines > LINES_MAX).then(|| format!("{}: {lines} lines; {LINES_MAX} at most, so split it", file.path))
    };
    report(&sources().iter().filter_map(long).collect::<Vec<_>>());
}

/// What is wrong with the form of a citation; a comment that begins with an RFC cites the line below it.
fn citation(line: &str) -> Option<&'static str> {
    let at = line.find("RFC")?;
    let rest = &line[at + 3..];
    let number: String = rest.trim_start_matches([' ', '-', '_']).chars().take_while(char::is_ascii_digit).collect();
    if number.is_empty() {
        return None;
    }
    if !rest.starts_with(&format!(" {number}")) {
        return Some("an RFC is written `RFC 9293`");
    }
    let tail = &rest[1 + number.len()..];
    let lowered = tail.to_lowercase();
    if [" section", ", section", " sec."].iter().any(|word| lowered.starts_with(word)) {
        return Some("a section is written `RFC 9293 §3.10.7.4`");
    }
    // Documents of before 1989 have no numbered sections.
    let cites = line.trim_start().starts_with("// RFC") && number.len() > 3;
    let place = tail.starts_with(" §") || [" (MUST-", " (SHLD-", " (MAY-"].iter().any(|word| tail.starts_with(word));
    if cites && !place {
        return Some("a line is cited with its section, as `// RFC 9293 §3.10.7.4: …`");
    }
    None
}

#[test]
fn citations_have_one_form() {
    let mut faults = Vec::new();
    for file in sources().iter().filter(|file| !file.path.starts_with("tests/suite/")) {
        for (at, line) in file.text.lines().enumerate() {
            if let Some(fault) = citation(line) {
                faults.push(format!("{}:{}: {fault}", file.path, at + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn forms_of_citations() {
    assert_eq!(citation("    // RFC 9293 §3.10.7.4 (MUST-59): acknowledge"), None);
    assert_eq!(citation("//! CUBIC (RFC 9438), and so on"), None);
    assert_eq!(citation("    // RFC 826: no sections"), None);
    assert!(citation("// RFC 2861: the threshold").is_some());
    assert!(citation("/// see RFC9293").is_some());
    assert!(citation("/// see RFC 9293, Section 3").is_some());
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together here, so that this file does not hold them.
    let marks =
        ["TO|DO", "FIX|ME", "XX|X", "HA|CK", "todo|!(", "unimple|mented!(", "dbg|!(", "allow(dead|_code)", "#[ig|nore"];
    let marks = marks.map(|mark| mark.replace('|', ""));
    let mut faults = Vec::new();
    for file in files(&[".rs", ".toml", ".yaml", ".md", ".sh", "run"]) {
        for (at, line) in file.text.lines().enumerate() {
            for mark in marks.iter().filter(|mark| says(line, mark)) {
                faults.push(format!("{}:{}: `{mark}`", file.path, at + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn no_path_of_a_machine_is_written_down() {
    let homes = ["/ho|me/", "/ro|ot/", "/wo|rk/", "/tm|p/", "/Us|ers/", "C:|\\\\"].map(|home| home.replace('|', ""));
    let mut faults = Vec::new();
    for file in files(&[".rs", ".toml", ".yaml", ".md", ".sh", ".csv", "run", "NOTICE"]) {
        for (at, line) in file.text.lines().enumerate() {
            for home in homes.iter().filter(|home| line.contains(*home)) {
                faults.push(format!("{}:{}: `{home}`", file.path, at + 1));
            }
        }
    }
    report(&faults);
}

#[test]
fn the_top_of_the_repository_is_fixed() {
    let mut faults = Vec::new();
    let there: BTreeSet<String> = fs::read_dir(root())
        .expect("the repository")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .collect();
    for name in there.iter().filter(|name| !TOP.contains(&name.as_str()) && !LEFT.contains(&name.as_str())) {
        faults.push(format!("{name}: does not belong to the top of the repository"));
    }
    let optional = [".github", ".git"];
    for name in TOP.iter().filter(|name| !there.contains(**name) && !optional.contains(name)) {
        faults.push(format!("{name}: is missing"));
    }
    report(&faults);
}

#[test]
fn libraries_say_what_they_are() {
    let mut faults = Vec::new();
    for (name, _) in ARROWS {
        let path = format!("{name}/src/lib.rs");
        let text = fs::read_to_string(root().join(&path)).unwrap_or_default();
        if !text.starts_with("//! ") {
            faults.push(format!("{path}: begins without a doc comment"));
        }
    }
    report(&faults);
}
