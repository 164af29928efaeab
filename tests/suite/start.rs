//! What a user meets first: `new`, `schema`, `completions`, `man`, and the data dictionary.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Stdio};

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;

use crate::command::{Folder, clockwire};
use crate::harness::root;

/// The schema that the command would print, read by a validator that others wrote.
struct Judge {
    schemas: Schemas,
    file: SchemaIndex,
}

impl Judge {
    fn new() -> Judge {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("https://clockwire.test/schema.json", experiments::schema()).expect("a document");
        // This holds the schema against the draft's own one, too.
        let file = compiler
            .compile("https://clockwire.test/schema.json", &mut schemas)
            .unwrap_or_else(|wrong| panic!("{wrong:#}"));
        Judge { schemas, file }
    }

    fn wrong(&self, tree: &Value) -> Option<String> {
        self.schemas.validate(tree, self.file).err().map(|wrong| format!("{wrong:#}"))
    }
}

fn yaml_below(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(yaml_below(&path));
        } else if path.extension().is_some_and(|ending| ending == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn tree(text: &str) -> Option<Value> {
    serde_yaml::from_str(text).ok()
}

#[test]
fn the_schema_takes_every_file_of_the_tree() {
    let judge = Judge::new();
    let mut files = yaml_below(&root().join("experiments"));
    files.extend(yaml_below(&root().join("topologies")));
    assert!(files.len() > 50, "only {} files", files.len());
    let mut faults = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).expect("a file of the repository");
        let tree = tree(&text).unwrap_or_else(|| panic!("{} is no YAML", path.display()));
        faults.extend(judge.wrong(&tree).map(|wrong| format!("{}: {wrong}", path.display())));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Bad files whose fault stands in their form, so that an editor shows it already: unknown keys and words, wrong types and units.
/// `tests/data/bad/schema.txt` names them; `UPDATE_SNAPSHOTS=1` writes it anew, and whoever does so reads the difference.
#[test]
fn the_schema_refuses_what_is_wrong_in_form() {
    let judge = Judge::new();
    let folder = root().join("tests/data/bad");
    let mut refused = String::new();
    for path in yaml_below(&folder) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        // What is no tree for the second reader is nothing for an editor's schema either.
        let Some(tree) = tree(&text) else { continue };
        if judge.wrong(&tree).is_some() {
            refused += &format!("{}\n", path.file_name().expect("a name").to_string_lossy());
        }
    }
    let snapshot = folder.join("schema.txt");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        std::fs::write(&snapshot, &refused).expect("the snapshot is written");
    }
    assert_eq!(refused, std::fs::read_to_string(&snapshot).expect("the snapshot is there"));
    for form in [
        "01-unknown-section",
        "02-unknown-key",
        "03-bare-number",
        "04-wrong-unit",
        "11-unknown-queue",
        "12-",
        "21-unknown-plot",
        "22-",
        "23-unknown-table",
        "31-unknown-application",
    ] {
        assert!(refused.contains(form), "{form} is wrong in form, and the schema takes it");
    }
}

/// Puts another value, or a further key, at each place of a tree in turn.
fn mutants(tree: &Value) -> Vec<Value> {
    let others = [
        "7",
        "-1",
        "1.5",
        "true",
        "\"7 ms\"",
        "\"7 Mbit/s\"",
        "\"7 kB\"",
        "\"7 %\"",
        "\"7 packets\"",
        "\"none\"",
        "[]",
        "{}",
        "null",
    ];
    let mut out = Vec::new();
    let mut pointers = Vec::new();
    pointers_of(tree, &mut String::new(), &mut pointers);
    for (at, pointer) in pointers.iter().enumerate() {
        // Each place gets three of them, so that all of them come about often enough.
        for other in 0..3 {
            let mut mutant = tree.clone();
            let place = mutant.pointer_mut(pointer).expect("a place");
            *place = serde_json::from_str(others[(3 * at + other) % others.len()]).expect("JSON");
            out.push(mutant);
        }
        let mut mutant = tree.clone();
        if let Some(Value::Object(map)) = mutant.pointer_mut(pointer) {
            map.insert("no_such_key".into(), Value::from("7 ms"));
            out.push(mutant);
        }
    }
    out
}

fn pointers_of(tree: &Value, at: &mut String, out: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match tree {
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.replace('~', "~0").replace('/', "~1"), value)).collect()
        }
        Value::Array(list) => list.iter().enumerate().map(|(index, value)| (index.to_string(), value)).collect(),
        _ => return,
    };
    for (key, value) in below {
        let length = at.len();
        at.push('/');
        at.push_str(&key);
        out.push(at.clone());
        pointers_of(value, at, out);
        at.truncate(length);
    }
}

#[test]
fn what_the_reader_takes_the_schema_takes_and_what_has_no_such_key_neither_does() {
    let judge = Judge::new();
    let options = experiments::load_options(&[], None);
    let (mut taken, mut unknown, mut faults) = (0, 0, Vec::new());
    for name in [
        "reno-sawtooth",
        "firewall-and-nat",
        "dns-caches",
        "handshake-and-teardown",
        "ip-forwarding",
        "sessions-and-cookies",
    ] {
        let text = std::fs::read_to_string(root().join(format!("experiments/{name}.yaml"))).expect("a lab");
        for mutant in mutants(&tree(&text).expect("YAML")) {
            let text = serde_yaml::to_string(&mutant).expect("YAML");
            let read = topologies::load_text("file.yaml", name, &text, &root().join("experiments"), &options)
                .and_then(|read| experiments::check_outputs(&read));
            match (read, judge.wrong(&mutant)) {
                (Ok(_), Some(wrong)) => {
                    faults.push(format!("the reader takes it, the schema does not: {wrong}\n{text}"))
                }
                (Ok(_), None) => taken += 1,
                // But for what a sweep or a variant sets, where the schema is open.
                (Err(wrong), judged) if wrong.to_string().contains("has no key `no_such_key`") => {
                    unknown += 1;
                    if judged.is_none() && !text.contains("experiment:") {
                        faults.push(format!("the schema takes an unknown key: {wrong}"));
                    }
                }
                (Err(_), _) => {}
            }
        }
    }
    assert!(faults.is_empty(), "{} of them, first\n{}", faults.len(), faults[0]);
    assert!(taken > 200 && unknown > 100, "{taken} were taken, {unknown} had an unknown key");
}

#[test]
fn units_of_the_schema_are_those_of_the_parsers() {
    let judge = Judge::new();
    let file =
        |key: &str, value: &str| tree(&format!("links: [ {{ a -- b: {{ {key}: \"{value}\" }} }} ]")).expect("YAML");
    // A pattern knows the form alone; what is finer than a unit's base, such as half a byte, the parser refuses.
    let form =
        |wrong: Option<sim_core::UnitError>| wrong.is_none_or(|why| why.to_string().contains("not a whole number"));
    let numbers = ["7", "0", "0.5", "7.", ".5", "-1", "+1", "1_0", "1e3", "", "7 7"];
    let units = ["", "ms", "µs", "μs", "min", "Mbit/s", "Mbps", "mbit/s", "B", "KiB", "kb", "%", "ppm", "percent"];
    for number in numbers {
        for unit in units {
            for text in [format!("{number} {unit}"), format!("{number}{unit}"), format!(" {number}  {unit} ")] {
                for (key, right) in [
                    ("delay", form(text.parse::<sim_core::Span>().err())),
                    ("rate", form(text.parse::<sim_core::Rate>().err())),
                    ("mtu", form(text.parse::<sim_core::Size>().err())),
                    ("corrupt", form(text.parse::<sim_core::Prob>().err())),
                ] {
                    assert_eq!(judge.wrong(&file(key, &text)).is_none(), right, "`{key}: {text}`");
                }
            }
        }
    }
}

#[test]
fn the_command_prints_the_schema() {
    let folder = Folder::new("schema");
    let ran = clockwire(&folder.0, &["schema"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    assert_eq!(serde_json::from_str::<Value>(&ran.out).expect("JSON"), experiments::schema());
    assert!(folder.names().is_empty());
}

#[test]
fn a_new_experiment_runs_as_it_is_and_is_never_overwritten_unasked() {
    for kind in ["flow", "http", "sweep"] {
        let folder = Folder::new(&format!("new-{kind}"));
        let ran = clockwire(&folder.0, &["new", "mine", "--kind", kind]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        assert_eq!(folder.names(), ["mine.yaml"]);
        let text = std::fs::read_to_string(folder.0.join("mine.yaml")).expect("the file");
        assert!(text.starts_with("# mine: ") && text.contains("\nname: mine\n") && !text.contains('@'), "{text}");
        assert_eq!(Judge::new().wrong(&tree(&text).expect("YAML")), None);
        let checked = clockwire(&folder.0, &["check", "mine.yaml"]);
        assert_eq!((checked.code, checked.err.as_str()), (Some(0), ""), "{}", checked.out);
        let ran = clockwire(&folder.0, &["run", "mine.yaml"]);
        assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
        std::fs::write(folder.0.join("mine.yaml"), "changed").expect("a file");
        let again = clockwire(&folder.0, &["new", "mine.yaml"]);
        assert_eq!(again.code, Some(2));
        assert!(again.err.contains("is there already") && again.err.contains("--force"), "{}", again.err);
        assert_eq!(std::fs::read_to_string(folder.0.join("mine.yaml")).expect("the file"), "changed");
        let forced = clockwire(&folder.0, &["new", "mine", "--kind", kind, "--force"]);
        assert_eq!(forced.code, Some(0), "{}", forced.err);
        assert_eq!(std::fs::read_to_string(folder.0.join("mine.yaml")).expect("the file"), text);
    }
}

#[test]
fn a_choice_that_is_commented_out_is_one_that_works() {
    let folder = Folder::new("new-choices");
    for kind in ["flow", "http", "sweep"] {
        clockwire(&folder.0, &["new", kind, "--kind", kind]);
        let text = std::fs::read_to_string(folder.0.join(format!("{kind}.yaml"))).expect("the file");
        // Lines of the body that hold a key behind the `#`, one at a time; a block in the margin as a whole.
        let body = text.find("clockwire: 1").expect("the body");
        let mut tried = 0;
        let mut lines: Vec<String> = text[body..].lines().map(str::to_string).collect();
        let choice = |line: &str| {
            line.trim_start()
                .strip_prefix("# ")
                .is_some_and(|rest| rest.split_once(": ").is_some() || rest.ends_with(':') || rest.starts_with(' '))
        };
        for at in 0..lines.len() {
            let margin = lines[at].starts_with("# ");
            let heads = lines[at].starts_with("# ") && lines[at].ends_with(':') && !lines[at].starts_with("#  ");
            if (margin && !heads) || !choice(&lines[at]) {
                continue;
            }
            let before = lines.clone();
            let end = if heads {
                at + 1 + lines[at + 1..].iter().take_while(|line| line.starts_with("#  ")).count()
            } else {
                at + 1
            };
            for line in &mut lines[at..end] {
                *line = line.replacen("# ", "", 1);
            }
            // The same key above gives way.
            let key = lines[at].split_once(':').map(|(key, _)| key.to_string()).unwrap_or_default();
            if let Some(other) =
                before.iter().position(|line| line.split_once(':').is_some_and(|(other, _)| other == key))
            {
                lines[other].clear();
            }
            let name = format!("{kind}-{at}.yaml");
            std::fs::write(folder.0.join(&name), lines.join("\n")).expect("a file");
            let checked = clockwire(&folder.0, &["check", &name]);
            assert_eq!(checked.code, Some(0), "{}\n{}", checked.err, lines.join("\n"));
            lines = before;
            tried += 1;
        }
        assert!(tried >= 2, "{kind}: only {tried} choices");
    }
}

#[test]
fn a_name_that_is_none_is_refused_and_nothing_is_written() {
    let folder = Folder::new("new-bad");
    for arguments in
        [&["new", "1st"][..], &["new", "a b"], &["new", "x", "--kind", "flw"], &["new"], &["new", "no/such/folder"]]
    {
        let ran = clockwire(&folder.0, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}{}", ran.out, ran.err);
    }
    assert!(folder.names().is_empty());
}

/// Verbs and their long options, as `--help` names them.
fn verbs() -> Vec<(String, BTreeSet<String>)> {
    let folder = Folder::new("verbs");
    let help = clockwire(&folder.0, &["--help"]).out;
    let listed = help.split("Commands:").nth(1).and_then(|rest| rest.split("\n\n").next()).expect("a list of verbs");
    let verbs = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let verbs = verbs.filter_map(|line| line.split_whitespace().next()).filter(|verb| *verb != "help");
    let options = |verb: &str| {
        let help = clockwire(&folder.0, &[verb, "--help"]).out;
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        let long = lines.filter_map(|line| line.split_whitespace().find_map(|word| word.strip_prefix("--")));
        long.map(|word| word.trim_end_matches(',').to_string()).collect()
    };
    verbs.map(|verb| (verb.to_string(), options(verb))).collect()
}

#[test]
fn completions_name_every_verb_and_option_in_every_shell() {
    let folder = Folder::new("completions");
    let verbs = verbs();
    assert!(verbs.len() >= 11, "{verbs:?}");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = clockwire(&folder.0, &["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{shell}");
        for (verb, options) in &verbs {
            for word in options.iter().chain([verb]) {
                assert!(ran.out.contains(word.as_str()), "{shell}: `{word}` of `{verb}` is missing");
            }
        }
        for group in ["applications", "tables"] {
            assert!(
                ran.out.contains(group) || shell == "powershell" || shell == "elvish",
                "{shell}: the group `{group}`"
            );
        }
        if shell == "bash" {
            std::fs::write(folder.0.join("script"), &ran.out).expect("a file");
            // Where there is no bash, nobody reads its completions.
            if let Ok(status) = Command::new("bash").arg("-n").arg(folder.0.join("script")).status() {
                assert!(status.success(), "bash does not read its script");
            }
        }
    }
    assert_eq!(clockwire(&folder.0, &["completions", "basic"]).code, Some(2));
}

#[test]
fn the_manual_names_every_verb_and_option() {
    let folder = Folder::new("manual");
    let plain = |text: &str| text.replace("\\-", "-").replace("\\fB", "").replace("\\fR", "").replace("\\fI", "");
    let whole = clockwire(&folder.0, &["man"]);
    assert_eq!((whole.code, whole.err.as_str()), (Some(0), ""));
    for (verb, options) in verbs() {
        let own = clockwire(&folder.0, &["man", &verb]);
        assert_eq!((own.code, own.err.as_str()), (Some(0), ""), "{verb}");
        assert!(own.out.contains(".TH"), "{verb}: {}", own.out);
        for word in &options {
            assert!(plain(&own.out).contains(&format!("--{word}")), "{verb} --{word} in its own manual");
        }
        for word in options.iter().filter(|word| *word != "help" && *word != "version") {
            assert!(plain(&whole.out).contains(&format!("--{word}")), "{verb} --{word} in the manual");
        }
        assert!(plain(&whole.out).contains(&format!("clockwire {verb}")), "{verb}");
    }
    let wrong = clockwire(&folder.0, &["man", "rum"]);
    assert!(wrong.code == Some(2) && wrong.err.contains("did you mean `run`"), "{}", wrong.err);
    // Where there is a reader of manuals, it must have nothing against it.
    std::fs::write(folder.0.join("clockwire.1"), &whole.out).expect("a file");
    let lint = Command::new("mandoc")
        .args(["-Tlint", "-Werror"])
        .arg(folder.0.join("clockwire.1"))
        .stdin(Stdio::null())
        .output();
    if let Ok(lint) = lint {
        assert!(lint.status.success(), "{}", String::from_utf8_lossy(&lint.stdout));
    }
}

/// Column names by table, as `list tables --csv` tells them.
fn dictionary(folder: &Folder) -> Vec<(String, Vec<String>)> {
    let ran = clockwire(&folder.0, &["list", "tables", "--csv"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""));
    let mut tables: Vec<(String, Vec<String>)> = Vec::new();
    for row in csv::Reader::from_reader(ran.out.as_bytes()).records() {
        let row = row.expect("a row of CSV");
        assert!(
            row.iter().enumerate().all(|(at, cell)| at == 4 || !cell.is_empty()),
            "a column without unit or meaning: {row:?}"
        );
        match tables.last_mut().filter(|(table, _)| *table == row[1]) {
            Some((_, columns)) => columns.push(row[2].to_string()),
            None => tables.push((row[1].to_string(), vec![row[2].to_string()])),
        }
    }
    tables
}

#[test]
fn the_data_dictionary_tells_the_columns_that_a_run_writes() {
    let folder = Folder::new("dictionary");
    let tables = dictionary(&folder);
    let names: Vec<&str> = tables.iter().map(|(table, _)| table.as_str()).collect();
    // Tables that belong to one application are not recorded without it; these are.
    let wanted: Vec<&str> = ["tcp", "rtt", "states", "packets", "hops", "drops", "queue", "rates", "throughput"]
        .into_iter()
        .filter(|name| names.contains(name))
        .collect();
    assert!(wanted.len() >= 7, "{names:?}");
    let file = format!(
        "clockwire: 1\nname: all\nstop: 1 s\nhosts: {{ a: {{}}, b: {{}} }}\nlinks: [ {{ a -- b: {{ name: wan, rate: 10 Mbit/s, delay: 1 ms, queue: {{ droptail: {{ limit: 10 packets }} }} }} }} ]\n\
         workload:\n  bulk: {{ from: a, to: b, tcp: {{}} }}\n  web: {{ from: a, to: b, http: {{ response: 1 kB, count: 3 }} }}\n  probe: {{ from: a, to: b, ping: {{}} }}\n  noise: {{ from: a, to: b, cbr: {{ rate: 1 Mbit/s }} }}\n\
         outputs:\n  series: {{ cwnd: all, queue: [wan], every: 10 ms }}\n  tables: [{}]\n",
        wanted.join(", ")
    );
    std::fs::write(folder.0.join("all.yaml"), file).expect("a file");
    let ran = clockwire(&folder.0, &["run", "--quiet", "all.yaml"]);
    assert_eq!(ran.code, Some(0), "{}{}", ran.out, ran.err);
    let mut seen = 0;
    for entry in std::fs::read_dir(folder.0.join("results/all/seed-1")).expect("results") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|ending| ending != "csv") {
            continue;
        }
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        let written = csv::Reader::from_path(&path).expect("a table").headers().expect("a header").clone();
        let (_, told) =
            tables.iter().find(|(table, _)| *table == name).unwrap_or_else(|| panic!("nothing tells of {name}.csv"));
        assert_eq!(written.iter().collect::<Vec<_>>(), *told, "{name}.csv");
        seen += 1;
    }
    assert!(seen >= wanted.len() + 4, "only {seen} tables");
}

#[test]
fn lists_are_told_to_programs_and_a_wrong_name_with_the_nearest() {
    let folder = Folder::new("lists");
    let ran = clockwire(&folder.0, &["list", "--json"]);
    let Value::Array(things) = serde_json::from_str(&ran.out).expect("JSON") else { panic!("no list") };
    let codel = things.iter().find(|thing| thing["group"] == "queues" && thing["name"] == "codel").expect("CoDel");
    let target = codel["details"].as_array().and_then(|all| all.iter().find(|detail| detail["name"] == "target"));
    assert_eq!(target.expect("its target")["default"], "5 ms");
    let one = clockwire(&folder.0, &["list", "queue", "codel"]);
    assert!(one.out.contains("as in  links: [ a -- b:") && one.out.contains("target"), "{}", one.out);
    for (arguments, near) in [
        (["list", "queues", "codl"], "codel"),
        (["list", "tables", "flow"], "flows"),
        (["list", "plots", "laddr"], "ladder"),
        (["list", "services", "wbe"], "web"),
    ] {
        let wrong = clockwire(&folder.0, &arguments);
        assert!(
            wrong.code == Some(2) && wrong.err.contains(&format!("did you mean `{near}`")),
            "{arguments:?}: {}",
            wrong.err
        );
    }
    assert_eq!(clockwire(&folder.0, &["list", "tables", "--json", "--csv"]).code, Some(2));
}

#[test]
fn every_example_of_a_list_is_one_that_the_schema_takes() {
    let (folder, judge) = (Folder::new("examples"), Judge::new());
    let ran = clockwire(&folder.0, &["list", "--json"]);
    let Value::Array(things) = serde_json::from_str(&ran.out).expect("JSON") else { panic!("no list") };
    let mut seen = 0;
    for thing in &things {
        let (group, name) = (thing["group"].as_str().expect("a group"), thing["name"].as_str().expect("a name"));
        if !["queues", "controls", "tables", "plots", "tcp"].contains(&group) {
            continue;
        }
        let told = clockwire(&folder.0, &["list", group, name]).out;
        let Some(example) = told.lines().find_map(|line| line.trim().strip_prefix("as in  ")) else { continue };
        let tree = tree(example).unwrap_or_else(|| panic!("{example}"));
        assert_eq!(judge.wrong(&tree), None, "{example}");
        seen += 1;
    }
    assert!(seen > 50, "only {seen} examples");
}
