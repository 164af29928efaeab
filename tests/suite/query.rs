//! `clockwire query`: answers are those that the CSV files give when somebody else adds them up, and nothing is changed.

use std::fs;
use std::path::Path;

use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field;

use crate::command::{Folder, Ran, clockwire};

const FILE: &str = "clockwire: 1
name: t
stop: 2 s
hosts: { a: {}, b: {} }
links: [ { a -- b: { name: wan, rate: 10 Mbit/s, delay: 10 ms, queue: { droptail: { limit: 50 packets } } } } ]
workload:
  bulk: { from: a, to: b, tcp: { bytes: 1 MB } }
  web: { from: a, to: b, http: { response: 50 kB, think: 100 ms, think_times: exponential } }
experiment: { sweep: { wan.delay: [ 20 ms, 100 ms, 3 ms ] }, variants: { plain: {}, slow: { wan.rate: 5 Mbit/s } }, seeds: 2 }
expect: [ bulk.goodput > 4 Mbit/s ]
";

fn folder(name: &str) -> Folder {
    let folder = Folder::new(name);
    fs::write(folder.0.join("t.yaml"), FILE).expect("a file");
    let ran = clockwire(&folder.0, &["run", "t.yaml", "-q"]);
    assert_eq!(ran.code, Some(1), "the expectation does not hold everywhere: {}", ran.err);
    folder
}

fn ask(folder: &Folder, statement: &str, more: &[&str]) -> Ran {
    clockwire(&folder.0, &[&["query", "results/t", statement], more].concat())
}

fn csv(folder: &Folder, statement: &str) -> Vec<Vec<String>> {
    let ran = ask(folder, statement, &["--csv"]);
    assert_eq!(ran.code, Some(0), "{statement}: {}", ran.err);
    let mut reader = csv::Reader::from_reader(ran.out.as_bytes());
    reader.records().map(|row| row.expect("a row").iter().map(str::to_string).collect()).collect()
}

/// A column of a table of a run, in its order; texts of these tables have no commas.
fn column(run: &Path, table: &str, name: &str) -> Vec<String> {
    let text = fs::read_to_string(run.join(table)).expect("a table");
    let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let at = lines.next().and_then(|head| head.iter().position(|column| *column == name)).expect("the column");
    lines.map(|line| line[at].to_string()).collect()
}

#[test]
fn answers_are_what_the_files_say() {
    let folder = folder("query");
    let runs = csv(&folder, "select distinct run, variant, \"wan.delay\", seed, point from http order by point, seed");
    assert_eq!(runs.len(), 12, "every run is there");
    let delays: Vec<&str> = runs.iter().step_by(2).map(|run| run[2].as_str()).collect();
    let sorted: Vec<_> =
        csv(&folder, "select \"wan.delay\" from flows group by 1 order by number(\"wan.delay\")").concat();
    assert_eq!(sorted, ["3 ms", "20 ms", "100 ms"], "as quantities, not as texts");
    assert_eq!(delays.iter().filter(|delay| **delay == "100 ms").count(), 2);
    for run in &runs {
        let path = folder.0.join("results/t").join(&run[0]);
        assert!(path.ends_with(format!("seed-{}", run[3])));
        let total = column(&path, "http.csv", "total_s");
        let mut values: Vec<f64> = total.iter().filter_map(|cell| cell.parse().ok()).collect();
        let empty = total.iter().filter(|cell| cell.is_empty()).count();
        values.sort_by(f64::total_cmp);
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let deviation = (values.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (n - 1.0)).sqrt();
        let [row] = &csv(
            &folder,
            &format!(
                "select count(*), count(total_s), sum(total_s is null), median(total_s), quantile(total_s, 0.9), avg(total_s), stddev(total_s) \
                 from http where run = '{}'",
                run[0]
            ),
        )[..] else {
            panic!("one row")
        };
        let number = |at: usize| row[at].parse::<f64>().expect("a number");
        assert_eq!((number(0), number(1), number(2)), (total.len() as f64, n, empty as f64));
        assert_eq!(number(3), values[values.len().div_ceil(2) - 1], "the lower one of two in the middle");
        assert_eq!(number(4), values[(0.9 * n - 1e-9).ceil() as usize - 1]);
        assert!(
            (number(5) - mean).abs() < 1e-12 && (number(6) - deviation).abs() < 1e-12,
            "{row:?} {mean} {deviation}"
        );
    }
}

#[test]
fn joins_the_summary_and_the_seeds() {
    let folder = folder("query-summary");
    let goodput = csv(
        &folder,
        "select m.seed, m.value, f.goodput_bps from measured m join flows f on f.run = m.run and f.flow = m.subject \
         where quantity = 'goodput_bps' and subject = 'bulk' order by m.point, m.seed",
    );
    assert_eq!(goodput.len(), 12);
    assert!(goodput.iter().all(|row| row[1] == row[2]), "the summary has what the table has: {goodput:?}");
    let means = csv(
        &folder,
        "select s.mean, avg(m.value), (s.high - s.low) / 2, half(m.value), s.seeds from summary s join measured m using (point, subject, quantity) \
         where subject = 'web' and quantity = 'latency_mean_s' group by point",
    );
    assert_eq!(means.len(), 6);
    for row in means {
        let number = |at: usize| row[at].parse::<f64>().expect("a number");
        let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * b.abs();
        assert!(near(number(0), number(1)) && near(number(2), number(3)) && number(4) == 2.0, "{row:?}");
        assert!(number(3) > 0.0, "seeds differ");
    }
    let shared = |join: &str| csv(&folder, &format!("select count(*) from flows {join}"));
    for join in
        ["join http using (run, flow)", "natural join http", "JOIN HTTP H ON FLOWS.RUN = H.RUN and flows.FLOW = H.flow"]
    {
        let rows: usize = shared(join)[0][0].parse().expect("a count");
        // The moments of rows differ.
        assert_eq!(rows > 0, join != "natural join http", "{join}");
    }
    assert_eq!(shared("f natural join (select run, flow from http)"), shared("join http using (run, flow)"));
    let verdicts = csv(&folder, "select holds, count(*) from verdicts group by holds order by holds");
    assert_eq!(verdicts.iter().map(|row| row[1].parse::<usize>().expect("a count")).sum::<usize>(), 6);
    // One run alone, which has no summary.
    let run = csv(&folder, "select run from flows order by point, seed")[2][0].clone();
    let ran =
        clockwire(&folder.0, &["query", &format!("results/t/{run}"), "select seed, count(*) n from flows", "--json"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), "[{\"seed\": 2, \"n\": 2}]\n"), "{}", ran.err);
}

#[test]
fn it_prints_for_people_and_for_programs() {
    let folder = folder("query-print");
    let statement =
        "select flow, 1.0 / 3 third, null none, 'a,\"b\"' text from flows where point = 1 and seed = 1 order by flow";
    let ran = ask(&folder, statement, &[]);
    assert_eq!(
        ran.out,
        " flow   third      none   text\n────────────────────────────────\n bulk   0.333333      –   a,\"b\"\n web    0.333333      –   a,\"b\"\n"
    );
    let ran = ask(&folder, statement, &["--csv"]);
    let line = |flow: &str| format!("{flow},0.3333333333333333,,\"a,\"\"b\"\"\"\n");
    assert_eq!(ran.out, format!("flow,third,none,text\n{}{}", line("bulk"), line("web")));
    let ran = ask(&folder, statement, &["--json"]);
    let line =
        |flow: &str| format!(r#"{{"flow": "{flow}", "third": 0.3333333333333333, "none": null, "text": "a,\"b\""}}"#);
    assert_eq!(ran.out, format!("[{},\n {}]\n", line("bulk"), line("web")));
    let ran = ask(&folder, "select * from flows where seed = 9", &["--json"]);
    assert_eq!(ran.out, "[]\n");
    let ran = clockwire(&folder.0, &["query", "results/t"]);
    for words in ["goodput_bps", "quantile(x, p)", " verdicts "] {
        assert!(ran.out.contains(words), "{words}: {}", ran.out);
    }
}

#[test]
fn what_is_wrong_is_said_and_nothing_is_changed() {
    let folder = folder("query-wrong");
    let before = clockwire(&folder.0, &["query", "results/t", "select * from flows", "--csv"]).out;
    let names = folder.names();
    for (statement, said) in [
        (
            "select goodput from flows",
            "error: there is no column `goodput`\n  | select goodput from flows\n  |        ^\n = help: did you mean `goodput_bps`?\n = help: `flows` has point, variant, wan.delay, seed, run, time_s, flow,",
        ),
        (
            "select f.flov\nfrom flows f",
            "error: there is no column `f.flov`\n  | select f.flov\n  |        ^\n = help: did you mean `flow`?\n",
        ),
        ("select \"goodput_bp\" from flows", "error: there is no column `goodput_bp`\n"),
        (
            "select * from flow",
            "error: there is no table `flow`\n = help: did you mean `flows`?\n = help: there are flows, http, links, measured, summary, verdicts\n",
        ),
        ("select flow from flows wher seed = 1", "error: near \"seed\": syntax error\n"),
        ("delete from flows", "error: a query only reads: a `select`, also one with `with` or `values`\n"),
        ("attach 'x.db' as x", "error: a query only reads"),
        ("vacuum into 'x.db'", "error: "),
        ("create table x (y)", "error: a query only reads"),
        ("pragma user_version = 1", "error: a query only reads"),
        ("select random()", "error: `random` gives something else each time"),
        ("select current_timestamp", "error: `current_timestamp` gives something else each time"),
        ("select 1; select 2", "error: there are several statements; a query is one\n"),
        ("", "error: "),
        ("select median(flow) from flows", "error: `median` takes numbers, not texts\n"),
        ("select quantile(bytes, 2) from flows", "error: `quantile` takes a share from 0 to 1\n"),
        ("select quantile(bytes, 1.0 / seed) from flows", "error: `quantile` takes the same share for all rows\n"),
        ("select number('10 mss')", "error: `mss` is no unit"),
        ("select load_extension('x')", "error: not authorized\n"),
    ] {
        let ran = ask(&folder, statement, &[]);
        assert_eq!((ran.code, ran.out.as_str()), (Some(2), ""), "{statement}");
        assert!(ran.err.starts_with(said), "{statement}: {}", ran.err);
    }
    let ran = ask(&folder, "select 1 a, 2 a", &["--json"]);
    assert!(ran.code == Some(2) && ran.err.contains("two columns are called `a`"), "{}", ran.err);
    let ran = clockwire(&folder.0, &["query", ".", "select 1"]);
    assert!(ran.code == Some(2) && ran.err.contains("it holds no results of `clockwire run`"), "{}", ran.err);
    assert_eq!(clockwire(&folder.0, &["query", "results/t", "select * from flows", "--csv"]).out, before);
    assert_eq!(folder.names(), names, "nothing is written");
}

#[test]
fn parquet_has_what_a_query_says() {
    let folder = folder("export");
    let export = |more: &[&str]| clockwire(&folder.0, &[&["export", "results/t"], more].concat());
    let ran = export(&[]);
    let names = ["flows", "http", "links", "measured", "summary", "verdicts"];
    let told: String = names.iter().map(|name| format!("results/t/parquet/{name}.parquet\n")).collect();
    assert_eq!((ran.code, ran.out), (Some(0), told), "{}", ran.err);
    for name in names {
        let path = folder.0.join(format!("results/t/parquet/{name}.parquet"));
        let file = SerializedFileReader::new(fs::File::open(&path).expect("a file")).expect("Parquet");
        let about = file.metadata().file_metadata();
        assert_eq!(about.created_by(), Some(concat!("clockwire version ", env!("CARGO_PKG_VERSION"))));
        let about: serde_json::Value = serde_json::from_str(
            about.key_value_metadata().and_then(|pairs| pairs[0].value.as_deref()).expect("a value"),
        )
        .expect("JSON");
        assert_eq!(about["table"], name);
        if name == "flows" {
            assert_eq!(about["columns"]["goodput_bps"]["unit"], "bit/s");
        }
        let cell = |field: &Field| match field {
            Field::Null => String::new(),
            Field::Long(number) => number.to_string(),
            Field::Double(number) => number.to_string(),
            Field::Str(text) => text.clone(),
            other => panic!("{name}: {other}"),
        };
        let rows = file.get_row_iter(None).expect("rows").map(|row| row.expect("a row"));
        let rows: Vec<Vec<String>> =
            rows.map(|row| row.get_column_iter().map(|(_, field)| cell(field)).collect()).collect();
        assert_eq!(rows, csv(&folder, &format!("select * from {name}")), "{name}");
        assert!(!rows.is_empty(), "{name}");
    }
    // Again, and the bytes are the same; what is there is replaced only where that is asked for.
    let ran = export(&[]);
    assert!(
        ran.code == Some(2) && ran.err.contains("flows.parquet: it is there already; `--force` replaces it"),
        "{}",
        ran.err
    );
    let flows = || fs::read(folder.0.join("results/t/parquet/flows.parquet")).expect("a file");
    let before = flows();
    assert_eq!(export(&["flows", "--force"]).out, "results/t/parquet/flows.parquet\n");
    assert!(flows() == before, "the same results give the same bytes");
    let ran = export(&["flow", "--out", "x"]);
    assert!(
        ran.code == Some(2) && ran.err.starts_with("error: there is no table `flow`\n = help: did you mean `flows`?\n"),
        "{}",
        ran.err
    );
    // The file itself can ask for it.
    let text = FILE.replace("experiment:", "outputs: { parquet: true }\nexperiment:");
    fs::write(folder.0.join("also.yaml"), text).expect("a file");
    assert_eq!(clockwire(&folder.0, &["run", "also.yaml", "--out", "also", "-q"]).code, Some(1));
    assert_eq!(clockwire(&folder.0, &["export", "also", "--out", "exported"]).code, Some(0));
    for name in names {
        let read = |folder_of: &str| fs::read(folder.0.join(format!("{folder_of}/{name}.parquet"))).expect("a file");
        assert!(read("also/parquet") == read("exported"), "{name}");
    }
    // What is no number where one must be.
    let path = folder.0.join("results/t").join(&csv(&folder, "select run from flows")[0][0]).join("flows.csv");
    let text = fs::read_to_string(&path).expect("a table").replacen(",1000000,", ",many,", 1);
    fs::write(&path, text).expect("a file");
    let ran = export(&["flows", "--force"]);
    assert!(ran.code == Some(2) && ran.err.contains("bytes: `many` is no integer"), "{}", ran.err);
    assert!(flows() == before, "what was whole stays");
}
