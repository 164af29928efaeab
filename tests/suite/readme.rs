//! The README's commands are ones that there are, its links lead somewhere. That the commands work, `.ci/run` shows.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Folder, clockwire};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the workspace").to_path_buf()
}

fn readme() -> String {
    fs::read_to_string(root().join("README.md")).expect("the repository has a README.md")
}

/// Lines of blocks that are marked `sh`, and those of blocks marked `console` behind their `$`.
fn commands(text: &str) -> Vec<String> {
    let mut language = None;
    let mut commands = Vec::new();
    for line in text.lines().map(str::trim) {
        match (line.strip_prefix("```"), language) {
            (Some(name), None) => language = Some(name),
            (Some(_), Some(_)) => language = None,
            (None, Some("sh")) if !line.is_empty() && !line.starts_with('#') => commands.push(line.to_string()),
            (None, Some("console")) => commands.extend(line.strip_prefix("$ ").map(str::to_string)),
            _ => (),
        }
    }
    commands
}

#[test]
fn commands_are_found_in_blocks() {
    let text = "a\n```console\n$ cargo test\nresult\n```\n```sh\n# why\ncargo bench\n```\n```rust\nlet a;\n```\n";
    assert_eq!(commands(text), ["cargo test", "cargo bench"]);
}

#[test]
fn commands_name_verbs_and_files_that_exist() {
    let verbs = [
        "run",
        "check",
        "show",
        "plot",
        "compare",
        "verify",
        "packetdrill",
        "list",
        "new",
        "schema",
        "completions",
        "man",
        "why",
        "events",
        "report",
        "query",
        "export",
    ];
    let mut faults = Vec::new();
    let commands = commands(&readme());
    assert!(commands.len() >= 2, "the README has the two commands for a fresh machine");
    for command in &commands {
        let words: Vec<&str> = command.split_whitespace().collect();
        let at = match words.as_slice() {
            ["clockwire", ..] => {
                faults.push(format!("`{command}`: nothing has installed it before (`cargo run --release -- …`)"));
                Some(1)
            }
            ["cargo", "run", ..] => words.iter().position(|word| *word == "--").map(|at| at + 1),
            _ => None,
        };
        if let Some(verb) = at.and_then(|at| words.get(at))
            && !verbs.contains(verb)
            && !verb.starts_with('-')
        {
            faults.push(format!("`{command}`: there is no verb `{verb}`"));
        }
        let named = words.iter().filter(|word| word.ends_with(".yaml") || word.ends_with(".sh"));
        for name in named.filter(|name| !name.contains("results/") && !root().join(name).is_file()) {
            faults.push(format!("`{command}`: there is no {name}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn links_lead_somewhere() {
    let text = readme();
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let inside = targets.filter(|target| !target.contains("://") && !target.starts_with('#'));
    let dead: Vec<&str> =
        inside.filter(|target| !root().join(target.split('#').next().unwrap_or(target)).exists()).collect();
    assert!(dead.is_empty(), "dead links: {}", dead.join(", "));
}

#[test]
fn the_figure_is_what_the_first_command_draws() {
    let figure = "plots/figures/reno-sawtooth.svg";
    assert!(readme().contains(&format!("({figure})")), "the README shows {figure}");
    let folder = Folder::new("figure");
    let file = root().join("experiments/reno-sawtooth.yaml");
    let ran = clockwire(&folder.0, &["run", file.to_str().expect("a path of UTF-8")]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    let drawn = fs::read(folder.0.join("results/reno-sawtooth/seed-1/plots/cwnd.svg")).expect("the figure");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(root().join(figure), &drawn).expect("the figure can be written");
    }
    let shown = fs::read(root().join(figure)).expect("the README's figure");
    assert!(drawn == shown, "{figure} is not what the first command draws; UPDATE_SNAPSHOTS=1 renews it");
}
