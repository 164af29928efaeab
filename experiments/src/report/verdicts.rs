//! Verdicts for machines that judge changes: JUnit XML, which every CI reads, and Markdown for a pull request.
//!
//! JUnit has no standard; what is written is what its readers agree on (the schema of Jenkins' plugin): `testsuites`, a `testsuite` for each
//! experiment, a `testcase` for each check at each point, with a `failure` where it does not hold and an `error` where a run has failed. Times are
//! left out, for simulated ones would be misread.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::stored::{Stored, StoredVerdict};

/// More checks that hold than this are folded in Markdown.
const SHOWN_MAX: usize = 20;

/// The verdicts of one result.
pub struct Verdicts {
    stored: Stored,
    /// What has failed besides, and makes runs worthless.
    failures: Vec<String>,
}

impl Verdicts {
    /// Reads them from a results folder.
    ///
    /// # Errors
    /// As the file system, and a summary that is missing or cannot be read.
    pub fn read(folder: &Path, failures: Vec<String>) -> io::Result<Verdicts> {
        let missing = || io::Error::new(io::ErrorKind::NotFound, "it has no `summary.json`");
        Ok(Verdicts { stored: Stored::read(folder)?.ok_or_else(missing)?, failures })
    }

    /// Of a summary that was made elsewhere.
    pub fn of(stored: Stored) -> Verdicts {
        Verdicts { stored, failures: Vec::new() }
    }

    fn failed(&self) -> usize {
        self.stored.expect.iter().filter(|verdict| !verdict.holds).count()
    }

    /// Version and seeds, in words.
    fn made_of(&self) -> String {
        let Stored { version, seeds, points, .. } = &self.stored;
        let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
        let points = if points.len() > 1 { format!(", {} points", points.len()) } else { String::new() };
        format!("clockwire {version}, {seed} {}{points}", self.stored.seed_words())
    }
}

/// All verdicts as JUnit XML.
///
/// # Errors
/// None that memory does not give.
pub fn junit(all: &[Verdicts]) -> io::Result<String> {
    let mut out = Writer::new_with_indent(Vec::new(), b' ', 2);
    out.get_mut().extend_from_slice(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let sum = |count: &dyn Fn(&Verdicts) -> usize| all.iter().map(count).sum::<usize>().to_string();
    let tests = |one: &Verdicts| one.stored.expect.len() + one.failures.len();
    let root = out.create_element("testsuites").with_attribute(("name", "clockwire"));
    let root = root.with_attribute(("tests", sum(&tests).as_str()));
    let root = root.with_attribute(("failures", sum(&Verdicts::failed).as_str()));
    let root = root.with_attribute(("errors", sum(&|one| one.failures.len()).as_str()));
    root.write_inner_content(|out| all.iter().try_for_each(|one| suite(out, one, tests(one))))?;
    let mut text = String::from_utf8(out.into_inner()).map_err(io::Error::other)?;
    text.push('\n');
    Ok(text)
}

fn suite(out: &mut Writer<Vec<u8>>, one: &Verdicts, tests: usize) -> io::Result<()> {
    let name = plain(&one.stored.name);
    let suite = out.create_element("testsuite").with_attribute(("name", name.as_str()));
    let suite = suite.with_attribute(("tests", tests.to_string().as_str()));
    let suite = suite.with_attribute(("failures", one.failed().to_string().as_str()));
    let suite = suite.with_attribute(("errors", one.failures.len().to_string().as_str()));
    let suite = suite.with_attribute(("skipped", "0"));
    suite.write_inner_content(|out| {
        out.create_element("properties").write_inner_content(|out| {
            for (key, value) in [
                ("version", one.stored.version.as_str()),
                ("seeds", &one.stored.seed_words()),
                ("command", &one.stored.command),
            ] {
                let property = out.create_element("property").with_attribute(("name", key));
                property.with_attribute(("value", plain(value).as_str())).write_empty()?;
            }
            Ok(())
        })?;
        for verdict in &one.stored.expect {
            let at = if verdict.point.is_empty() { String::new() } else { format!(" [{}]", verdict.point) };
            let title = plain(&format!("{}{at}", verdict.check));
            let fault = (!verdict.holds).then_some(("failure", "expectation", verdict.says.as_str()));
            case(out, &name, (&title, &verdict.says), fault)?;
        }
        for (number, failure) in one.failures.iter().enumerate() {
            let title = format!("the runs end well, fault {}", number + 1);
            case(out, &name, (&title, ""), Some(("error", "run", failure)))?;
        }
        Ok(())
    })?;
    Ok(())
}

/// A case: its name, what is said of it, and the kind, type and text of its fault.
fn case(
    out: &mut Writer<Vec<u8>>,
    suite: &str,
    (title, says): (&str, &str),
    fault: Option<(&str, &str, &str)>,
) -> io::Result<()> {
    let case = out.create_element("testcase").with_attribute(("classname", suite)).with_attribute(("name", title));
    case.write_inner_content(|out| match fault {
        Some((kind, type_, text)) => {
            let fault = out.create_element(kind).with_attribute(("type", type_));
            let fault = fault.with_attribute(("message", plain(text).as_str()));
            fault.write_text_content(BytesText::new(&plain(&format!("{title}: {text}")))).map(drop)
        }
        None => out.create_element("system-out").write_text_content(BytesText::new(&plain(says))).map(drop),
    })?;
    Ok(())
}

/// Without what XML 1.0 has no place for.
fn plain(text: &str) -> String {
    let allowed = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r');
    text.chars().map(|c| if allowed(c) { c } else { '\u{fffd}' }).collect()
}

/// All verdicts as Markdown of GitHub's kind.
pub fn markdown(all: &[Verdicts]) -> String {
    let mut out = String::new();
    for one in all {
        let (failed, count) = (one.failed(), one.stored.expect.len());
        let faulty = failed > 0 || !one.failures.is_empty();
        let words = match (count, failed) {
            (0, _) => "nothing is expected".to_string(),
            (1, 0) => "the expectation holds".to_string(),
            (_, 0) => format!("all {count} expectations hold"),
            _ => format!("{failed} of {count} expectations fail"),
        };
        push(
            &mut out,
            format_args!("### {} {}: {words}\n\n", if faulty { "❌" } else { "✅" }, text(&one.stored.name)),
        );
        push(&mut out, format_args!("{}", one.made_of()));
        if one.stored.seeds.len() == 1 {
            out.push_str(" (one seed: no intervals)");
        }
        if !one.stored.command.is_empty() {
            push(&mut out, format_args!("; again: {}", code(&one.stored.command)));
        }
        out.push_str("\n\n");
        one.failures.iter().for_each(|failure| push(&mut out, format_args!("- ❌ **error**: {}\n", text(failure))));
        out.push_str(if one.failures.is_empty() { "" } else { "\n" });
        let (held, wrong): (Vec<_>, Vec<_>) = one.stored.expect.iter().partition(|verdict| verdict.holds);
        if held.len() > SHOWN_MAX {
            rows(&mut out, &wrong);
            push(&mut out, format_args!("<details><summary>{} that hold</summary>\n\n", held.len()));
            rows(&mut out, &held);
            out.push_str("</details>\n\n");
        } else {
            rows(&mut out, &[wrong, held].concat());
        }
    }
    out
}

/// A table of checks; nothing for none.
fn rows(out: &mut String, verdicts: &[&StoredVerdict]) {
    if verdicts.is_empty() {
        return;
    }
    out.push_str("| verdict | check | at | measured |\n|---|---|---|---|\n");
    for verdict in verdicts {
        let mark = if verdict.holds { "✅ holds" } else { "❌ **fails**" };
        let (check, at, says) = (code(&verdict.check), text(&verdict.point), text(&verdict.says));
        push(out, format_args!("| {mark} | {check} | {at} | {says} |\n"));
    }
    out.push('\n');
}

fn push(out: &mut String, text: std::fmt::Arguments<'_>) {
    out.write_fmt(text).expect("writing to a string cannot fail");
}

/// Text that means nothing but itself, in one line, also within a table.
fn text(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\n' | '\r' => out.push(' '),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// Code in one line, also within a table, where a bar is one only behind a backslash.
fn code(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ").replace('|', "\\|");
    // The fence is longer than any row of backticks inside.
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let gap = if longest > 0 { " " } else { "" };
    format!("{fence}{gap}{text}{gap}{fence}")
}

#[cfg(test)]
mod tests {
    use quick_xml::events::Event;

    use super::*;

    fn verdicts(expect: &str, failures: &[&str]) -> Verdicts {
        let json = format!(
            "{{\"name\":\"a <b> & c\",\"version\":\"1\",\"command\":\"clockwire run 'x y'\",\"dimensions\":[],\"seeds\":[1,2,3],\
             \"points\":[{{\"point\":{{}},\"folder\":\"\",\"measured\":{{}}}}],\"expect\":{expect}}}"
        );
        let stored = serde_json::from_str(&json).expect("it is a summary");
        Verdicts { stored, failures: failures.iter().map(|text| (*text).to_string()).collect() }
    }

    const TWO: &str = "[{\"check\":\"a.b < 1 | c\",\"point\":\"\",\"holds\":true,\"says\":\"0 < 1\"},\
                       {\"check\":\"x > `1`\",\"point\":\"p=1, q=2\",\"holds\":false,\"says\":\"\\u0001 is \\\"not\\\" above 1\"}]";

    #[test]
    fn junit_has_the_shape_that_its_readers_know() {
        let text = junit(&[verdicts(TWO, &["seed 2: a <panic>"]), verdicts("[]", &[])]).expect("it is written");
        let want = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>
<testsuites name=\"clockwire\" tests=\"3\" failures=\"1\" errors=\"1\">
  <testsuite name=\"a &lt;b&gt; &amp; c\" tests=\"3\" failures=\"1\" errors=\"1\" skipped=\"0\">
    <properties>
      <property name=\"version\" value=\"1\"/>
      <property name=\"seeds\" value=\"1 to 3\"/>
      <property name=\"command\" value=\"clockwire run &apos;x y&apos;\"/>
    </properties>
    <testcase classname=\"a &lt;b&gt; &amp; c\" name=\"a.b &lt; 1 | c\">
      <system-out>0 &lt; 1</system-out>
    </testcase>
    <testcase classname=\"a &lt;b&gt; &amp; c\" name=\"x &gt; `1` [p=1, q=2]\">
      <failure type=\"expectation\" message=\"\u{fffd} is &quot;not&quot; above 1\">x &gt; `1` [p=1, q=2]: \u{fffd} is &quot;not&quot; above 1</failure>
    </testcase>
    <testcase classname=\"a &lt;b&gt; &amp; c\" name=\"the runs end well, fault 1\">
      <error type=\"run\" message=\"seed 2: a &lt;panic&gt;\">the runs end well, fault 1: seed 2: a &lt;panic&gt;</error>
    </testcase>
  </testsuite>
";
        assert!(text.starts_with(want), "{text}");
        assert!(text.ends_with("</testsuites>\n"));
        // Read back by a reader that checks names of ends.
        let mut reader = quick_xml::Reader::from_str(&text);
        let mut cases = 0;
        loop {
            match reader.read_event().expect("it is XML") {
                Event::Start(tag) => cases += usize::from(tag.name().into_inner() == "testcase"),
                Event::Eof => break,
                _ => {}
            }
        }
        assert_eq!(cases, 3);
    }

    #[test]
    fn markdown_is_a_table_in_which_nothing_of_a_file_means_anything() {
        let text = markdown(&[verdicts(TWO, &[])]);
        let want = "### ❌ a &lt;b> &amp; c: 1 of 2 expectations fail\n\n\
                    clockwire 1, seeds 1 to 3; again: `clockwire run 'x y'`\n\n\
                    | verdict | check | at | measured |\n|---|---|---|---|\n\
                    | ❌ **fails** | `` x > `1` `` | p=1, q=2 | \u{1} is \"not\" above 1 |\n\
                    | ✅ holds | `a.b < 1 \\| c` |  | 0 &lt; 1 |\n\n";
        assert_eq!(text, want);
        assert!(markdown(&[verdicts("[]", &[])]).starts_with("### ✅ a &lt;b> &amp; c: nothing is expected\n"));
    }
}
