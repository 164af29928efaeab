//! The course (`experiments/README.md`): every lab stands in it once, with a question and a figure that the lab draws; every lab that it
//! names exists. That its commands work, `.ci/run` shows: they are those of the labs.

use std::collections::BTreeSet;

use crate::harness::root;

#[test]
fn every_lab_stands_in_the_course_once_with_a_figure_that_it_draws() {
    let folder = root().join("experiments");
    let text = std::fs::read_to_string(folder.join("README.md")).expect("the course");
    let mut labs = BTreeSet::new();
    for entry in std::fs::read_dir(&folder).expect("the folder of labs") {
        let path = entry.expect("an entry").path();
        if path.extension().is_some_and(|ending| ending == "yaml") {
            labs.insert(path.file_stem().expect("a name").to_string_lossy().into_owned());
        }
    }
    let mut faults = Vec::new();
    // A lab's paragraph begins with `* [` and goes on in lines that are indented.
    let paragraphs: Vec<String> = text
        .split("\n* [")
        .skip(1)
        .map(|rest| rest.split("\n\n").next().unwrap_or_default().replace("\n  ", " "))
        .collect();
    let mut told = BTreeSet::new();
    for paragraph in &paragraphs {
        let name = paragraph.trim_start_matches('`').split('`').next().unwrap_or_default();
        if !told.insert(name.to_string()) {
            faults.push(format!("`{name}` stands there twice"));
        }
        if !paragraph.starts_with(&format!("`{name}`]({name}.yaml): ")) || !paragraph.contains("? Figure") {
            faults.push(format!("`{name}`: its paragraph is no question with a figure"));
            continue;
        }
        if !labs.contains(name) {
            continue;
        }
        let file = folder.join(format!("{name}.yaml"));
        let lab =
            topologies::load(&file, &experiments::load_options(&[], None)).unwrap_or_else(|wrong| panic!("{wrong}"));
        let drawn: BTreeSet<&str> = lab.points[0]
            .plan
            .outputs
            .plots
            .iter()
            .map(|plot| {
                let file = plot.args.iter().find(|(key, _)| key.name == "file").and_then(|(_, values)| values.first());
                file.map_or(plot.kind.name.as_str(), String::as_str)
            })
            .collect();
        let figures = paragraph.split("? Figure").nth(1).and_then(|rest| rest.split(". ").next()).unwrap_or_default();
        for figure in figures.split('`').skip(1).step_by(2) {
            let found = match figure.strip_suffix('…') {
                Some(start) => drawn.iter().any(|drawn| drawn.starts_with(start)),
                None => drawn.contains(figure),
            };
            if !found {
                faults.push(format!("`{name}` draws no figure `{figure}`: it has {drawn:?}"));
            }
        }
    }
    faults.extend(labs.difference(&told).map(|lab| format!("experiments/{lab}.yaml is not in experiments/README.md")));
    faults.extend(told.difference(&labs).map(|lab| format!("there is no lab `{lab}`")));
    for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
        if !folder.join(target).exists() {
            faults.push(format!("the link {target} leads nowhere"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    for topic in ["open a connection", "sliding window", "Reno", "UDP", "HTTPS", "RPC", "GET"] {
        assert!(text.lines().any(|line| line.starts_with("| ") && line.contains(topic)), "no claim about {topic}");
    }
}
