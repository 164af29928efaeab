//! `packetdrill`: scripts and what becomes of them.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::cli::PacketdrillOptions;
use crate::commands::Done;
use crate::packetdrill::{Found, Judged, OptionLine, Place, Rules, Totals, Verdict, find, judge_file, totals};
use crate::say::say;

/// Runs scripts and prints their verdicts.
///
/// # Errors
/// A path that leads nowhere, an option that is none, a script that is none.
pub fn packetdrill(options: &PacketdrillOptions) -> Done {
    let rules = Rules { strict: options.strict, options: option_lines(options)? };
    let found = find(&options.paths)?;
    let judged: Vec<(Found, Judged)> =
        found.into_par_iter().map(|found| (found.clone(), judge_file(&found.path, &rules))).collect();
    let sums = totals(&judged);
    if options.json {
        let scripts: Vec<Value> = judged.iter().map(|(found, judged)| as_json(found, judged)).collect();
        let topics = sums.0.iter().map(|(topic, totals)| (topic.clone(), totals_json(totals)));
        let levels = sums.1.iter().map(|(level, totals)| (format!("C{level}"), totals_json(totals)));
        let report = json!({
            "strict": options.strict,
            "scripts": scripts,
            "topics": topics.collect::<serde_json::Map<_, _>>(),
            "feature_sets": levels.collect::<serde_json::Map<_, _>>(),
            "total": totals_json(&sums.2),
        });
        say!("{report:#}");
    } else {
        for (found, judged) in judged.iter().filter(|(_, judged)| !options.quiet || judged.verdict != Verdict::Pass) {
            say!("{}", as_text(found, judged));
        }
        print_totals(&sums.0, &sums.1.iter().map(|(level, totals)| (format!("C{level}"), *totals)).collect(), &sums.2);
    }
    let all = sums.2;
    if all.malformed > 0 {
        return Err(format!("{} of {} scripts are malformed", all.malformed, all.scripts));
    }
    Ok(all.pass == all.scripts)
}

fn option_lines(options: &PacketdrillOptions) -> Result<Vec<OptionLine>, String> {
    let place = Place::default();
    let mut lines = Vec::new();
    for define in &options.defines {
        if !define.contains('=') {
            return Err(format!("-D {define}: expected NAME=VALUE"));
        }
        lines.push(OptionLine { place, name: "define".into(), value: Some(define.clone()) });
    }
    for option in &options.options {
        let (name, value) = match option.split_once('=') {
            Some((name, value)) => (name, Some(value.to_string())),
            None => (option.as_str(), None),
        };
        let line = OptionLine { place, name: name.trim_start_matches('-').into(), value };
        if let Err(missing) = crate::packetdrill::Options::default().take(&line) {
            return Err(format!("-o {option}: {} does not exist here", missing.feature));
        }
        lines.push(line);
    }
    Ok(lines)
}

fn line_of(place: Option<Place>) -> String {
    place.map_or(String::new(), |place| format!(":{}", place.line))
}

fn as_text(found: &Found, judged: &Judged) -> String {
    let path = found.path.display();
    let mut text = match &judged.verdict {
        Verdict::Pass => format!("pass          {path}"),
        Verdict::Fail(failure) => {
            let late = failure.error_us.map_or(String::new(), |us| format!(" ({:+.3} ms)", us as f64 / 1000.0));
            format!(
                "FAIL          {path}:{}: {}{late}\n                expected  {}\n                got       {}",
                failure.place.line, failure.what, failure.expected, failure.got
            )
        }
        Verdict::NotRunnable { place, feature } => format!("not runnable  {path}{}: {feature}", line_of(*place)),
        Verdict::Malformed { place, why } => {
            let at = place.map_or(String::new(), |place| format!(":{}:{}", place.line, place.column));
            format!("MALFORMED     {path}{at}: {why}")
        }
    };
    for warning in &judged.warnings {
        text.push_str(&format!("\n                {warning}"));
    }
    text
}

fn as_json(found: &Found, judged: &Judged) -> Value {
    let mut value = json!({
        "path": found.path.to_string_lossy(),
        "topic": found.topic,
        "feature_set": format!("C{}", judged.level),
        "verdict": judged.verdict.word(),
        "packets": judged.packets,
        "worst_time_error_us": judged.worst_us,
        "warnings": judged.warnings,
    });
    let mut set = |key: &str, field: Value| value[key] = field;
    match &judged.verdict {
        Verdict::Pass => {}
        Verdict::Fail(failure) => {
            set("line", failure.place.line.into());
            set("column", failure.place.column.into());
            set("what", failure.what.clone().into());
            set("expected", failure.expected.clone().into());
            set("got", failure.got.clone().into());
            set("time_error_us", failure.error_us.map_or(Value::Null, Value::from));
        }
        Verdict::NotRunnable { place, feature } => {
            set("line", place.map_or(Value::Null, |place| place.line.into()));
            set("feature", feature.clone().into());
        }
        Verdict::Malformed { place, why } => {
            set("line", place.map_or(Value::Null, |place| place.line.into()));
            set("column", place.map_or(Value::Null, |place| place.column.into()));
            set("why", why.clone().into());
        }
    }
    value
}

fn totals_json(totals: &Totals) -> Value {
    json!({
        "scripts": totals.scripts,
        "pass": totals.pass,
        "fail": totals.fail,
        "not_runnable": totals.not_runnable,
        "malformed": totals.malformed,
    })
}

fn print_totals(
    topics: &std::collections::BTreeMap<String, Totals>,
    levels: &std::collections::BTreeMap<String, Totals>,
    all: &Totals,
) {
    let width = topics.keys().map(|topic| topic.chars().count()).max().unwrap_or(0).max(12);
    let row = |name: &str, totals: &Totals| {
        say!(
            "{name:width$}  {:>7}  {:>6}  {:>6}  {:>12}  {:>9}",
            totals.scripts,
            totals.pass,
            totals.fail,
            totals.not_runnable,
            totals.malformed
        );
    };
    say!("\n{:width$}  scripts    pass    fail  not runnable  malformed", "topic");
    topics.iter().for_each(|(topic, totals)| row(topic, totals));
    if levels.len() > 1 {
        say!("{:width$}", "feature set");
        levels.iter().for_each(|(level, totals)| row(level, totals));
    }
    row("all", all);
}
