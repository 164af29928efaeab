//! The report: what it says, that nothing of a file becomes a tag, that the same results give the same bytes, what is refused.
//! `tests/report_browser.sh` opens reports in a real browser.

use std::fs;
use std::path::Path;

use crate::command::{Folder, clockwire};

/// A file whose texts would like to be tags.
const FILE: &str = "# Is <script>alert(1)</script> a question? \"Yes\" & no.
#
# Look at plots/cwnd.png. Claim 1: «`a` < b». Claim 2: true.
clockwire: 1
name: small
about: an <img src=x onerror=alert(2)> to look at
stop: 2 s
hosts: { a: {}, b: {}, c: {} }
routers: { r: {} }
links:
  - a -- r: { name: wan, rate: 5 Mbit/s, delay: 10 ms, loss: 1 %, queue: { droptail: { limit: 20 packets } } }
  - b -- r: { rate: 100 Mbit/s, delay: 1 ms }
  - c -- r: { rate: 100 Mbit/s, delay: 1 ms, down: { rate: 10 Mbit/s } }
workload:
  bulk: { from: a, to: b, tcp: {} }
  ask: { from: a, to: c, request: {} }
outputs:
  series: { cwnd: all, queue: [wan], every: 10 ms }
  plots: [ { cwnd: { title: \"</title><script>alert(3)</script>\" } }, queue ]
expect:
  - wan.rate > 4 Mbit/s
  - wan.rate < 4 Mbit/s
";

const SWEEP: &str = "experiment: { seeds: 3, sweep: { wan.delay: [ 10 ms, 30 ms ] } }\nworkload:";

fn run(folder: &Folder, text: &str, out: &str, more: &[&str]) {
    fs::write(folder.0.join("x.yaml"), text).expect("a file");
    let ran = clockwire(&folder.0, &[&["run", "x.yaml", "--quiet", "--out", out], more].concat());
    // One expectation fails where there is one.
    assert!(matches!(ran.code, Some(0 | 1)), "{}", ran.err);
}

fn read(folder: &Folder, file: &str) -> String {
    fs::read_to_string(folder.0.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The names of all elements of a page, in order, as a reader of HTML finds them. Panics where tags do not match.
fn elements(page: &str) -> Vec<String> {
    const VOID: [&str; 4] = ["meta", "link", "img", "br"];
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>\n").expect("it is HTML");
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').expect("a tag ends");
        let (tag, after) = (&rest[..end], &rest[end + 1..]);
        let name: String = tag.trim_start_matches('/').chars().take_while(char::is_ascii_alphanumeric).collect();
        assert!(!name.is_empty(), "<{tag}> is no tag");
        rest = after;
        if tag.starts_with('/') {
            assert_eq!(open.pop().as_ref(), Some(&name), "</{name}>");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "<{tag}>: quotes");
        found.push(name.clone());
        if name == "script" || name == "style" {
            // Ours, and raw text until their end.
            let close = format!("</{name}>");
            rest = &rest[rest.find(&close).expect("it ends") + close.len()..];
        } else if !VOID.contains(&name.as_str()) && !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?} stay open");
    found
}

/// What every report must be.
fn is_sound(page: &str) {
    let elements = elements(page);
    let count = |name: &str| elements.iter().filter(|element| *element == name).count();
    assert_eq!((count("script"), count("style"), count("h1"), count("main")), (1, 1, 1, 1));
    assert!(count("iframe") + count("object") + count("form") == 0);
    // A picture without words is none for some readers.
    for (at, _) in page.match_indices("<svg ") {
        let own = page[at..].split('>').next().unwrap_or_default();
        let around = page[..at].rsplit('<').next().unwrap_or_default();
        assert!(own.contains("aria-label=\"") || around.contains("aria-label=\""), "{own}>");
    }
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
        let inside = link.strip_prefix('#').map(|name| ids.contains(&name));
        assert!(inside == Some(true) || link == "data:,", "{link} leads out of the page, or nowhere");
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all, "ids are unique");
    let levels = elements.iter().filter_map(|name| name.strip_prefix('h')?.parse::<u32>().ok());
    let mut last = 0;
    for level in levels {
        assert!(level <= last + 1, "h{level} stands below h{last}");
        last = level;
    }
    assert!(page.contains("<html lang=\"en\">") && page.contains("default-src 'none'".replace('\'', "&#39;").as_str()));
    let outside = page.replace("xmlns=\"http://www.w3.org/2000/svg\"", "").replace("'http://www.w3.org/2000/svg'", "");
    assert!(!outside.contains("http://") && !outside.contains("https://"), "an address stands in the page");
    assert!(page.len() < 5_000_000);
}

#[test]
fn a_run_leaves_a_report_that_says_all_and_escapes_it() {
    let folder = Folder::new("report");
    run(&folder, FILE, "one", &["--set", "wan.delay=11 ms"]);
    let page = read(&folder, "one/report.html");
    is_sound(&page);
    for words in [
        // The question, with its figure and its claims.
        "<p class=\"lead\">Is &lt;script&gt;alert(1)&lt;/script&gt; a question? &quot;Yes&quot; &amp; no.</p>",
        "<a href=\"#figure-1\">plots/cwnd.png</a>",
        "<strong>Claim 1:</strong> «<code>a</code> &lt; b».</p>",
        "an &lt;img src=x onerror=alert(2)&gt; to look at",
        // The verdicts, by sign and word.
        "✗ 1 of 2 expectations fail",
        "✓ holds</span><div><code>wan.rate &gt; 4 Mbit/s</code>",
        "✗ fails</span><div><code>wan.rate &lt; 4 Mbit/s</code><p>5 Mbit/s is not below 4 Mbit/s, off by 1 Mbit/s</p>",
        // One seed is marked as such.
        "one seed: no intervals",
        "<dt>Seed</dt><dd>1</dd>",
        "<dt>Simulated</dt><dd>2 s</dd>",
        "<code>clockwire run x.yaml --set &#39;wan.delay=11 ms&#39;</code>",
        "<code>clockwire run seed-1/manifest.yaml</code>",
        // Figures with their titles, and the network.
        "<strong>&lt;/title&gt;&lt;script&gt;alert(3)&lt;/script&gt;</strong>, <code>cwnd.svg</code>",
        "role=\"img\" aria-label=\"Queue and its delay. ",
        "3 hosts, 1 router, 3 links.",
        ">5 Mbit/s, 11 ms, loss 1 %</text>",
        ">→ 10 Mbit/s, 1 ms</text>",
        "<th scope=\"row\">wan.forward</th>",
    ] {
        assert!(page.contains(words), "the page does not say {words}");
    }
}

#[test]
fn the_same_results_give_the_same_report_on_threads_shards_and_afterwards() {
    let folder = Folder::new("report-same");
    let text = FILE.replace("workload:", SWEEP);
    for (out, more) in [("one", ["--threads", "1"]), ("two", ["--threads", "2"]), ("cut", ["--shards", "3"])] {
        run(&folder, &text, out, &more);
    }
    let page = read(&folder, "one/report.html");
    is_sound(&page);
    assert!(page.contains("Means of 3 seeds with their 95 % confidence intervals") && page.contains(" ± "));
    assert!(page.contains("<dd>2 (wan.delay)</dd>") && page.contains("seed 1, one of 3") && !page.contains("one seed"));
    for other in ["two", "cut"] {
        assert!(read(&folder, &format!("{other}/report.html")) == page, "{other} differs");
    }
    fs::remove_file(folder.0.join("one/report.html")).expect("it was there");
    let ran = clockwire(&folder.0, &["report", "one"]);
    assert_eq!((ran.code, ran.out.trim()), (Some(0), "one/report.html"), "{}", ran.err);
    assert!(read(&folder, "one/report.html") == page, "`report` writes another page than `run`");
    // Of an older version, which did not write as much.
    let summary = read(&folder, "one/summary.json");
    let mut older: serde_json::Value = serde_json::from_str(&summary).expect("JSON");
    let keys = older.as_object_mut().expect("a map");
    ["question", "about", "command", "simulated"].iter().for_each(|key| assert!(keys.remove(*key).is_some()));
    fs::write(folder.0.join("two/summary.json"), older.to_string()).expect("it is written");
    assert_eq!(clockwire(&folder.0, &["report", "two", "--force"]).code, Some(0));
    let page = read(&folder, "two/report.html");
    is_sound(&page);
    assert!(!page.contains("Question") && page.contains("✓ holds"));
}

#[test]
fn a_file_can_leave_the_report_out_and_one_without_figures_gets_the_standard_ones() {
    let folder = Folder::new("report-out");
    let plain = FILE.lines().filter(|line| !line.contains("plots: [")).collect::<Vec<_>>().join("\n");
    run(&folder, &plain.replace("outputs:\n", "outputs:\n  report: false\n"), "without", &[]);
    assert!(!folder.0.join("without/report.html").exists());
    run(&folder, &plain, "with", &[]);
    let page = read(&folder, "with/report.html");
    is_sound(&page);
    for title in ["Congestion window", "Throughput", "Queue and its delay"] {
        assert!(page.contains(&format!("<strong>{title}</strong>")), "{title}");
    }
    assert!(!folder.0.join("with/seed-1/plots").exists(), "they stand in the report alone");
}

#[test]
fn a_folder_that_is_no_result_and_a_report_that_is_there_are_refused() {
    let folder = Folder::new("report-refused");
    run(&folder, FILE, "one", &[]);
    fs::create_dir(folder.0.join("empty")).expect("a folder");
    let refused = |arguments: &[&str], says: &str| {
        let ran = clockwire(&folder.0, arguments);
        assert_eq!(ran.code, Some(2), "{arguments:?}: {}{}", ran.out, ran.err);
        assert!(ran.err.starts_with("error: ") && ran.err.contains(says), "{arguments:?}: {}", ran.err);
        assert!(ran.out.is_empty());
    };
    refused(&["report", "empty"], "no `summary.json` with a `manifest.yaml` below it");
    refused(&["report", "nothing"], "no `summary.json`");
    refused(&["report", "one", "--out", "nowhere/report.html"], "nowhere/report.html");
    refused(&["report", "one", "--out", "empty"], "empty");
    fs::write(folder.0.join("mine.html"), "mine").expect("a file");
    refused(&["report", "one", "--out", "mine.html"], "`--force` replaces it");
    assert_eq!(read(&folder, "mine.html"), "mine");
    assert_eq!(clockwire(&folder.0, &["report", "one", "--out", "mine.html", "--force"]).code, Some(0));
    assert_eq!(read(&folder, "mine.html"), read(&folder, "one/report.html"));
    // What is there already and says the same is no matter.
    assert_eq!(clockwire(&folder.0, &["report", "one"]).code, Some(0));
    fs::write(folder.0.join("one/summary.json"), "{").expect("a file");
    refused(&["report", "one"], "`summary.json`");
    let dots = "{\"name\":\"x\",\"version\":\"0\",\"dimensions\":[],\"seeds\":[1],\"points\":[{\"point\":{},\"folder\":\"../one\",\
                \"measured\":{}}],\"expect\":[]}";
    fs::write(folder.0.join("one/summary.json"), dots).expect("a file");
    refused(&["report", "one"], "`../one` is no folder of these results");
}

#[test]
fn several_results_are_one_page() {
    let folder = Folder::new("report-pack");
    fs::write(folder.0.join("one.yaml"), FILE.replace("name: small", "name: one")).expect("a file");
    let other = FILE
        .replace("name: small", "name: two")
        .replace("  - wan.rate < 4 Mbit/s\n", "")
        .replace("a question", "another");
    fs::write(folder.0.join("two.yaml"), other).expect("a file");
    let all = ["run", "-q", "one.yaml", "two.yaml", "--report", "pack.html"];
    let ran = clockwire(&folder.0, &all);
    assert_eq!(ran.code, Some(1), "one expectation fails: {}", ran.err);
    let page = read(&folder, "pack.html");
    is_sound(&page);
    for words in
        ["<h1>pack</h1>", "1 of 2 experiments fail", "<h2 id=\"e2-name\">two</h2>", "another?", "id=\"e1-figure-1\""]
    {
        assert!(page.contains(words), "{words} is not in the page");
    }
    assert!(!page.contains("<script>alert"));
    // From stored results the same page; what is there and says something else is kept.
    let ran = clockwire(&folder.0, &["report", "results/one", "results/two", "--out", "pack.html"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert_eq!(read(&folder, "pack.html"), page);
    let refused = |arguments: &[&str], says: &str| {
        let ran = clockwire(&folder.0, arguments);
        assert!(ran.code == Some(2) && ran.err.contains(says), "{arguments:?}: {}", ran.err);
    };
    refused(&["report", "results/two", "results/one", "--out", "pack.html"], "`--force` replaces it");
    refused(&["report", "results/one", "results/two"], "`--out FILE`");
    refused(&all, "pack.html: it is there already");
    assert_eq!(read(&folder, "pack.html"), page);
}

#[test]
fn a_figure_that_is_none_of_ours_stays_out_of_the_page() {
    let folder = Folder::new("report-figures");
    run(&folder, FILE, "one", &[]);
    let plots = folder.0.join("one/seed-1/plots");
    let svg = |inner: &str| format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inner}</svg>");
    fs::write(plots.join("evil.svg"), svg("<script>alert(1)</script>")).expect("a file");
    fs::write(plots.join("more.svg"), svg("<title>One more</title><path d=\"M0 0L1 1\"/>")).expect("a file");
    // So large a drawing stands there as pixels.
    let large = svg(&format!("<title>Large</title><path d=\"M0 0{}\"/>", "L1 1".repeat(120_000)));
    fs::write(plots.join("wide.svg"), large).expect("a file");
    fs::copy(plots.join("cwnd.png"), plots.join("wide.png")).expect("a copy");
    assert_eq!(clockwire(&folder.0, &["report", "one", "--force"]).code, Some(0));
    let page = read(&folder, "one/report.html");
    is_sound(&page);
    assert!(page.contains("evil.svg is not embedded") && page.contains("<strong>One more</strong>"));
    assert!(
        page.contains("<img src=\"data:image/png;base64,iVBOR")
            && page.contains("as pixels here, for the drawing is large")
    );
}

#[test]
fn the_script_and_the_style_ask_for_nothing() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../experiments/src/report");
    for name in ["report.css", "report.js"] {
        let text = fs::read_to_string(folder.join(name)).expect("it is there");
        let asks = ["@import", "url(", "fetch", "XMLHttpRequest", "import(", "innerHTML", "eval", "document.write"];
        asks.iter().for_each(|word| assert!(!text.contains(word), "{name}: {word}"));
        assert!(!text.contains("</"), "{name} would end its own tag");
    }
}

#[test]
fn verdicts_are_written_for_machines_and_never_over_something() {
    let folder = Folder::new("report-verdicts");
    fs::write(folder.0.join("x.yaml"), FILE).expect("a file");
    let other = FILE.replace("name: small", "name: other").replace("  - wan.rate < 4 Mbit/s\n", "");
    fs::write(folder.0.join("y.yaml"), other).expect("a file");
    let arguments = ["run", "x.yaml", "y.yaml", "--quiet", "--junit", "v.xml", "--markdown", "v.md"];
    assert_eq!(clockwire(&folder.0, &arguments).code, Some(1));
    let xml = read(&folder, "v.xml");
    for words in [
        "<testsuites name=\"clockwire\" tests=\"3\" failures=\"1\" errors=\"0\">",
        "<testsuite name=\"small\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\">",
        "<testsuite name=\"other\" tests=\"1\" failures=\"0\" errors=\"0\" skipped=\"0\">",
        "<testcase classname=\"small\" name=\"wan.rate &lt; 4 Mbit/s\">\n      <failure type=\"expectation\" \
         message=\"5 Mbit/s is not below 4 Mbit/s, off by 1 Mbit/s\">",
    ] {
        assert!(xml.contains(words), "{words}: {xml}");
    }
    let text = read(&folder, "v.md");
    assert!(
        text.starts_with("### ❌ small: 1 of 2 expectations fail\n")
            && text.contains("### ✅ other: the expectation holds\n")
    );
    assert!(
        text.contains(
            "| ❌ **fails** | `wan.rate < 4 Mbit/s` |  | 5 Mbit/s is not below 4 Mbit/s, off by 1 Mbit/s |\n"
        )
    );
    // They are there now: nothing runs.
    let before = folder.0.join("results/small-2");
    let ran = clockwire(&folder.0, &arguments);
    assert_eq!((ran.code, before.exists()), (Some(2), false), "{}", ran.err);
    assert!(ran.err.starts_with("error: v.xml: it is there already"), "{}", ran.err);
    // Stored results say the same.
    let ran = clockwire(&folder.0, &["report", "results/small", "--junit", "again.xml", "--markdown", "again.md"]);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(text.starts_with(&read(&folder, "again.md")));
    assert!(
        read(&folder, "again.xml").contains("<testsuites name=\"clockwire\" tests=\"2\" failures=\"1\" errors=\"0\">")
    );
    assert_eq!(clockwire(&folder.0, &["report", "results/small", "--junit", "no/v.xml"]).code, Some(2));
}
