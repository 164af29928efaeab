//! The project's own packetdrill scripts: those of each topic pass, the others are judged as their first line says.

use std::path::{Path, PathBuf};

use experiments::packetdrill::{Judged, Rules, Verdict, find, judge, judge_file};
use sim_core::Streams;

use crate::command::{Folder, clockwire};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data/packetdrill")
}

/// Folders whose scripts are not to pass.
const JUDGED: &[&str] = &["must-fail", "must-not-run", "malformed"];

/// How a script is judged, in the words of its first line; nothing where it passes.
fn told(judged: &Judged) -> String {
    match &judged.verdict {
        Verdict::Pass => String::new(),
        Verdict::Fail(failure) => format!("must fail at line {}: {}", failure.place.line, failure.what),
        Verdict::NotRunnable { place, feature } => {
            format!("must not run at line {}: {feature}", place.map_or(0, |place| place.line))
        }
        Verdict::Malformed { place, .. } => {
            format!("must be malformed at line {}", place.map_or(0, |place| place.line))
        }
    }
}

#[test]
fn each_script_is_judged_as_it_says() {
    let mut faults = Vec::new();
    let scripts = find(&[folder()]).expect("there are scripts");
    let mut passed = 0;
    for script in &scripts {
        let text = std::fs::read_to_string(&script.path).expect("a script");
        let expected = match JUDGED.contains(&script.topic.as_str()) {
            true => text.lines().next().unwrap_or("").trim_start_matches("// ").to_string(),
            false => String::new(),
        };
        // Strict rules ask for more, but not of what fails anyway.
        for strict in [false, true] {
            let judged = judge_file(&script.path, &Rules { strict, ..Rules::default() });
            let got = told(&judged);
            passed += u32::from(got.is_empty());
            if got != expected && !(strict && expected.is_empty()) {
                faults.push(format!(
                    "{}: expected `{expected}`, got `{got}`: {:?}",
                    script.path.display(),
                    judged.verdict
                ));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(passed > 60, "{passed} scripts pass");
}

/// What PACKETDRILL's users ask of a TCP: a topic each, with a script at least.
#[test]
fn each_topic_has_scripts() {
    let scripts = find(&[folder()]).expect("there are scripts");
    for topic in [
        "assertions",
        "blocking",
        "close",
        "ecn",
        "fast-open",
        "handshake",
        "icmp",
        "nagle",
        "options",
        "readiness",
        "receive",
        "recovery",
        "runner",
        "slow-start",
        "timers",
        "timestamps",
        "window",
        "must-fail",
        "must-not-run",
        "malformed",
    ] {
        assert!(scripts.iter().any(|script| script.topic == topic), "no script for {topic}");
    }
}

/// Damaged scripts: judged somehow, but never with a panic, and never for long.
#[test]
fn damaged_scripts_never_panic() {
    let mut chance = Streams::new(7).open("packetdrill/damage");
    let scripts = find(&[folder()]).expect("there are scripts");
    let texts: Vec<String> =
        scripts.iter().map(|script| std::fs::read_to_string(&script.path).expect("a script")).collect();
    let mut verdicts = std::collections::BTreeMap::new();
    for text in &texts {
        for _ in 0..200 {
            let mut bytes = text.clone().into_bytes();
            for _ in 0..=chance.below(3) {
                let at = chance.below(bytes.len() as u64) as usize;
                let to = (at + 1 + chance.below(12) as usize).min(bytes.len());
                match chance.below(5) {
                    0 => drop(bytes.drain(at..to)),
                    1 => bytes[at] = b"0123456789.,:()[]{}<>+-~*`%\"'/|=ESFRPU \n"[chance.below(40) as usize],
                    2 => {
                        let copy = bytes[at..to].to_vec();
                        bytes.splice(at..at, copy);
                    }
                    3 => {
                        let other = &texts[chance.below(texts.len() as u64) as usize].as_bytes();
                        let from = chance.below(other.len() as u64) as usize;
                        let end = (from + 40).min(other.len());
                        bytes.splice(at..to, other[from..end].to_vec());
                    }
                    _ => bytes.truncate(at.max(1)),
                }
                if bytes.is_empty() {
                    bytes.push(b'0');
                }
            }
            let damaged = String::from_utf8_lossy(&bytes);
            let judged = judge("damaged.pkt", &damaged, &Rules::default());
            if let Verdict::Fail(failure) = &judged.verdict {
                assert_ne!(failure.what, "simulator", "{}\n{damaged}", failure.got);
            }
            *verdicts.entry(judged.verdict.word()).or_insert(0) += 1;
        }
    }
    assert_eq!(verdicts.len(), 4, "{verdicts:?}");
}

#[test]
fn the_command_tells_people_and_machines() {
    let place = Folder::new("packetdrill");
    let path = |name: &str| folder().join(name).to_str().expect("a path of UTF-8").to_string();
    let ran = clockwire(&place.0, &["packetdrill", &path("handshake"), &path("close/we-first.pkt")]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let ran = clockwire(&place.0, &["packetdrill", &path("must-fail/late.pkt")]);
    assert_eq!(ran.code, Some(1), "{}{}", ran.out, ran.err);
    assert!(ran.out.contains("late.pkt:6: time (-100.000 ms)"), "{}", ran.out);
    assert_eq!(clockwire(&place.0, &["packetdrill", &path("must-not-run")]).code, Some(1));
    assert_eq!(clockwire(&place.0, &["packetdrill", &path("malformed/word.pkt")]).code, Some(2));
    assert_eq!(clockwire(&place.0, &["packetdrill", "nowhere"]).code, Some(2));
    let tight = clockwire(
        &place.0,
        &["packetdrill", "-o", "tolerance_usecs=0", "-o", "tolerance_percent=0", "-q", &path("close")],
    );
    assert_eq!(tight.code, Some(0), "{}", tight.out);
    let ran = clockwire(&place.0, &["packetdrill", "--json", &path("")]);
    let report: serde_json::Value = serde_json::from_str(&ran.out).expect("JSON");
    let total = &report["total"];
    let sum = ["pass", "fail", "not_runnable", "malformed"].map(|key| total[key].as_u64().expect("a number"));
    assert_eq!(total["scripts"].as_u64(), Some(sum.iter().sum()));
    assert_eq!(report["topics"]["handshake"]["fail"].as_u64(), Some(0));
}
