//! Files and what they include.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::diagnostics::{Diagnostic, Place};
use crate::merge;
use crate::read::{Sink, short};
use crate::spec::SECTIONS;
use crate::yaml::{FILE_MAX, Mark, Node, Value};

/// Files that include each other deeper than this are refused.
const DEPTH_MAX: usize = 16;

/// The sections that a file named by `topology:` may have: a network, not an experiment.
const TOPOLOGY_SECTIONS: &[&str] = &[
    "clockwire",
    "name",
    "about",
    "include",
    "topology",
    "generate",
    "routing",
    "defaults",
    "hosts",
    "routers",
    "links",
];

/// The text of a file, if it is one and not absurdly large.
pub(crate) fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let shown = path.display();
    let refuse = |why: String| Box::new(Diagnostic::error(format!("cannot read `{shown}`: {why}")));
    let meta = std::fs::metadata(path).map_err(|error| {
        let diagnostic = refuse(reason(&error));
        match nearest_file(path) {
            Some(near) => Box::new(diagnostic.help(format!("did you mean `{}`?", near.display()))),
            None => diagnostic,
        }
    })?;
    if meta.is_dir() {
        return Err(refuse("it is a directory".into()));
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| refuse(reason(&error)))?;
    if bytes.len() as u64 > FILE_MAX {
        return Err(refuse(format!("it is larger than {} MiB", FILE_MAX >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let text = String::from_utf8_lossy(&before[start..]).into_owned();
        let place =
            Place { file: shown.to_string().into(), line, column: text.chars().count() as u32 + 1, len: 1, text };
        Box::new(Diagnostic { place: Some(place), ..*refuse("it is not UTF-8".into()) })
    })
}

/// An operating system's words without its error number.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".into(),
        std::io::ErrorKind::PermissionDenied => "permission denied".into(),
        kind => kind.to_string(),
    }
}

/// A file beside the one that is not there, with nearly its name.
fn nearest_file(path: &Path) -> Option<PathBuf> {
    let wanted = path.file_name()?.to_string_lossy().into_owned();
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut names: Vec<String> = std::fs::read_dir(dir)
        .ok()?
        .take(10_000)
        .filter_map(|entry| Some(entry.ok()?.file_name().to_string_lossy().into_owned()))
        .filter(|name| name.ends_with(".yaml") || name.ends_with(".yml"))
        .collect();
    names.sort_unstable();
    let near = crate::diagnostics::nearest(&wanted, names.iter().map(String::as_str))?.to_string();
    Some(path.with_file_name(near))
}

/// A file's tree with all that it includes below it.
pub(crate) fn merged(sink: &mut Sink, file: &str, text: &str, dir: &Path) -> Option<Node> {
    let mut open = vec![PathBuf::from(file)];
    merged_below(sink, file, text, dir, &mut open)
}

fn merged_below(sink: &mut Sink, file: &str, text: &str, dir: &Path, open: &mut Vec<PathBuf>) -> Option<Node> {
    let mut tree = match sink.sources.parse(file, text, dir) {
        Ok(tree) => tree,
        Err(wrong) => {
            sink.all(Mark::default(), wrong);
            return None;
        }
    };
    if let Value::Null = tree.value {
        sink.error(tree.at, "the file is empty")
            .help
            .push("the smallest one has `clockwire: 1`, hosts, links, workload and stop".into());
        return None;
    }
    if !matches!(tree.value, Value::Map(_)) {
        sink.error(tree.at, format!("a file is a map of sections, not {}", tree.kind()))
            .help
            .push(format!("sections are {}", SECTIONS.join(", ")));
        return None;
    }
    // Written out, so that an unknown section of any file is found at its place.
    let Value::Map(sections) = &mut tree.value else { return None };
    let mut base = Node::empty_map(tree.at);
    let mut includes = Vec::new();
    sections.retain_mut(|section| match section.key.as_str() {
        "include" | "topology" => {
            let value = std::mem::replace(&mut section.value, Node::empty_map(tree.at));
            includes.push((section.key == "topology", value));
            false
        }
        _ => true,
    });
    // `include` comes before `topology`, whichever stands first.
    includes.sort_by_key(|(topology, _)| *topology);
    for (topology, value) in &includes {
        for item in sink.list(value) {
            let Some(name) = sink.text(item) else { continue };
            let key = if *topology { "topology" } else { "include" };
            let Some(below) = include(sink, key, name.value, name.at, dir, open) else { continue };
            let below = if *topology { topology_of(sink, below) } else { below };
            merge::overlay(&mut base, below);
        }
    }
    merge::overlay(&mut base, tree);
    Some(base)
}

fn include(sink: &mut Sink, key: &str, name: &str, at: Mark, dir: &Path, open: &mut Vec<PathBuf>) -> Option<Node> {
    let path = dir.join(name);
    let whole = path.canonicalize().unwrap_or_else(|_| path.clone());
    let opened = open.iter().any(|open| open.canonicalize().unwrap_or_else(|_| open.clone()) == whole);
    if opened || open.len() >= DEPTH_MAX {
        let why = if opened {
            "it is being read already: files include each other in a circle"
        } else {
            "too many files deep"
        };
        sink.error(at, format!("cannot include `{}`: {why}", short(name))).path = key.into();
        return None;
    }
    match read(&path) {
        Ok(text) => {
            open.push(path.clone());
            let dir = path.parent().unwrap_or(Path::new(""));
            let tree = merged_below(sink, &path.display().to_string(), &text, dir, open);
            open.pop();
            tree
        }
        Err(diagnostic) => {
            let d = sink.error(at, diagnostic.message);
            d.help.extend(diagnostic.help);
            d.path = key.into();
            None
        }
    }
}

/// Leaves the network alone of a file named by `topology:`.
fn topology_of(sink: &mut Sink, mut tree: Node) -> Node {
    let Value::Map(sections) = &mut tree.value else { return tree };
    sections.retain(|section| {
        if SECTIONS.contains(&section.key.as_str()) && !TOPOLOGY_SECTIONS.contains(&section.key.as_str()) {
            let d = sink.error(section.at, format!("a file named by `topology:` has no `{}`", section.key));
            d.help.push("name it by `include:` to take all of its sections".into());
            d.path = section.key.clone();
        }
        // The name is the network's, not the experiment's.
        !matches!(section.key.as_str(), "name" | "about" | "point")
    });
    tree
}
