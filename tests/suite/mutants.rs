//! Files that somebody has damaged: whatever is in them, they are read or refused with a reason, and what is read can run. Nothing panics.
//! More of them: `CLOCKWIRE_MUTANTS=0..100000`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use experiments::{How, check_outputs, load_options};
use sim_core::{Rng, Span, Speed, Streams, Time};
use sim_protocols::AppConfig;
use topologies::{LoadOptions, Plan, load_text};

use crate::harness::{root, run};
use crate::swarm::seeds;

const VARIABLE: &str = "CLOCKWIRE_MUTANTS";
const BAD: &str = "tests/data/bad";
/// What is accepted is run for so long.
const SHORT: Time = Time::from_ps(5_000_000_000);

#[test]
fn whatever_is_in_a_file_nothing_panics() {
    let files = corpus();
    let words: Vec<&str> =
        files.iter().flat_map(|(_, text)| text.split([' ', '\n'])).filter(|word| !word.is_empty()).collect();
    let options = load_options(&[], None);
    let good = files.iter().position(|(path, _)| path.starts_with(root().join(BAD))).expect("bad files come last");
    let range = std::env::var(VARIABLE).map_or(0..5000, |text| seeds(&text));
    let (mut accepted, mut ran, mut failures) = (0, 0, Vec::new());
    for number in range {
        let mut rng = Streams::new(number).open("mutant");
        // Mostly good files: what becomes of them may be accepted.
        let from = if rng.below(4) > 0 { good } else { files.len() };
        let (path, text) = &files[rng.below(from as u64) as usize];
        let mut text = text.clone();
        let most = 1 + rng.below(5);
        for _ in 0..=rng.below(most) {
            text = damage(&mut rng, &text, &words, &files);
        }
        match catch_unwind(AssertUnwindSafe(|| try_out(&text, path, &options))) {
            Ok(done) => {
                accepted += u32::from(done >= 1);
                ran += u32::from(done == 2);
            }
            Err(_) => {
                let kept = std::env::temp_dir().join(format!("clockwire-mutant-{number}.yaml"));
                std::fs::write(&kept, &text).expect("the file is kept");
                failures.push(format!("{VARIABLE}={number} # {}, from {}", kept.display(), path.display()));
            }
        }
    }
    assert!(failures.is_empty(), "{} damaged files panic:\n{}", failures.len(), failures.join("\n"));
    // Most damage is seen; some of it only makes another experiment, and that one runs.
    assert!(std::env::var_os(VARIABLE).is_some() || accepted > 300 && ran > 100, "{accepted} accepted, {ran} run");
}

/// 0: refused; 1: accepted; 2: accepted and run.
fn try_out(text: &str, path: &Path, options: &LoadOptions) -> u32 {
    let dir = path.parent().expect("a file is in a folder");
    let experiment = match load_text("mutant.yaml", "mutant", text, dir, options) {
        Ok(experiment) => experiment,
        Err(why) => {
            assert!(why.has_errors() && !why.to_string().is_empty(), "refused without a reason");
            return 0;
        }
    };
    if check_outputs(&experiment).is_err() {
        return 0;
    }
    let Some(point) = experiment.points.first().filter(|point| is_small(&point.plan)) else { return 1 };
    let mut plan = point.plan.clone();
    plan.stop = plan.stop.min(SHORT);
    run(&plan, experiment.seeds[0], How { shards: 2, ..How::default() });
    2
}

/// Whether a plan's first milliseconds are few events.
fn is_small(plan: &Plan) -> bool {
    let mut bits = 0;
    for flow in &plan.flows {
        let rate = match &flow.config.app {
            AppConfig::Cbr(source) => source.rate,
            AppConfig::Poisson(source) => source.rate,
            AppConfig::OnOff(source) => source.rate,
            _ => continue,
        };
        bits += rate.bps();
    }
    let slow = |speed: &Speed| matches!(speed, Speed::Rate(rate) if rate.bps() <= 1_000_000_000);
    bits <= 100_000_000
        && plan.nodes.len() <= 40
        && plan.flows.len() <= 40
        && plan.ports.iter().all(|port| slow(&port.config.speed))
        && plan.outputs.every.is_none_or(|every| every >= Span::from_us(10))
}

/// Good files and bad ones.
fn corpus() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for folder in ["experiments", "experiments/linux", "topologies", "topologies/tests/data", BAD] {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join(folder))
            .expect("a folder of the repository")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "yaml"))
            .collect();
        paths.sort();
        let texts = paths.into_iter().filter_map(|path| std::fs::read_to_string(&path).ok().map(|text| (path, text)));
        files.extend(texts.filter(|(_, text)| text.len() < 20_000));
    }
    assert!(files.len() > 60, "{} files to begin with", files.len());
    files
}

/// One more thing that is wrong, or only different.
fn damage(rng: &mut Rng, text: &str, words: &[&str], files: &[(PathBuf, String)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_string).collect();
    if lines.is_empty() {
        lines.push(String::new());
    }
    let at = rng.below(lines.len() as u64) as usize;
    let line = lines[at].clone();
    let pieces: Vec<&str> = line.split(' ').collect();
    let piece = rng.below(pieces.len() as u64) as usize;
    let with = |new: &str| {
        let mut pieces = pieces.clone();
        pieces[piece] = new;
        pieces.join(" ")
    };
    let chars: Vec<char> = line.chars().collect();
    let place = rng.below(chars.len() as u64 + 1) as usize;
    match rng.below(10) {
        0 => lines[at] = with(words[rng.below(words.len() as u64) as usize]),
        1 => lines[at] = with(""),
        2 => lines.insert(at, line.clone()),
        3 => drop(lines.remove(at)),
        4 => {
            let other = rng.below(lines.len() as u64) as usize;
            lines.swap(at, other);
        }
        5 => {
            let number = (rng.next_u64() >> rng.below(64)).to_string();
            let digits: Vec<usize> = (0..chars.len()).filter(|at| chars[*at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let from = digits[rng.below(digits.len() as u64) as usize];
                let to = (from..chars.len()).find(|at| !chars[*at].is_ascii_digit()).unwrap_or(chars.len());
                lines[at] =
                    chars[..from].iter().collect::<String>() + &number + &chars[to..].iter().collect::<String>();
            }
        }
        6 => {
            let signs: Vec<char> = "{}[]:,-'\"*&!|>#%@`~ \t\u{0}é.0".chars().collect();
            let sign = signs[rng.below(signs.len() as u64) as usize];
            lines[at] = chars[..place].iter().chain([&sign]).chain(&chars[place..]).collect();
        }
        7 => lines[at] = chars[..place].iter().collect(),
        8 => {
            let other: Vec<&str> = files[rng.below(files.len() as u64) as usize].1.lines().collect();
            if !other.is_empty() {
                lines.insert(at, other[rng.below(other.len() as u64) as usize].to_string());
            }
        }
        _ => {
            let cut = text.char_indices().nth(rng.below(text.chars().count() as u64 + 1) as usize);
            return text[..cut.map_or(text.len(), |(at, _)| at)].to_string();
        }
    }
    lines.join("\n") + "\n"
}
