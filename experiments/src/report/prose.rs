//! The comment at the head of a file as prose: paragraphs, and code between backticks. Names of figures lead to them.

use std::collections::BTreeMap;

use super::html::Html;

/// Writes a question; `figures` are the places of figures on the page, by their names as in `plots/cwnd.png`.
pub(super) fn write(html: &mut Html, question: &str, figures: &BTreeMap<String, String>) {
    for (number, paragraph) in paragraphs(question).iter().enumerate() {
        let class = if number == 0 { "lead" } else { "" };
        html.block("p", if class.is_empty() { &[] } else { &[("class", "lead")] }, |html| {
            inline(html, paragraph, figures);
        });
    }
}

/// The first paragraph of a question, without the marks around code.
pub(super) fn first(question: &str) -> String {
    paragraphs(question).first().map(|first| first.replace('`', "")).unwrap_or_default()
}

/// The lines of a paragraph run on. Empty lines part paragraphs, so does a sentence that ends well before its line could, and each claim begins
/// one.
fn paragraphs(text: &str) -> Vec<String> {
    let mut all = vec![String::new()];
    let long = text.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    for line in text.lines().map(str::trim) {
        let last = all.last_mut().expect("there is one");
        if line.is_empty() {
            all.push(String::new());
        } else {
            last.push_str(if last.is_empty() { "" } else { " " });
            last.push_str(line);
            if line.ends_with(['.', '?', '!']) && line.chars().count() * 5 < long * 4 {
                all.push(String::new());
            }
        }
    }
    let mut split = Vec::new();
    for mut rest in all.into_iter().filter(|paragraph| !paragraph.is_empty()) {
        while let Some(at) = next_claim(&rest) {
            let claim = rest.split_off(at);
            split.push(rest.trim_end().to_string());
            rest = claim;
        }
        split.push(rest);
    }
    split
}

/// Where the next claim begins behind the start: `Claim 2:`.
fn next_claim(text: &str) -> Option<usize> {
    let places = text.match_indices(" Claim ").map(|(at, _)| at + 1);
    places.into_iter().find(|at| claim(&text[*at..]).is_some())
}

/// The length of `Claim 12:` at the start of a text.
fn claim(text: &str) -> Option<usize> {
    let rest = text.strip_prefix("Claim ")?;
    let digits = rest.find(|c: char| !c.is_ascii_digit())?;
    (digits > 0 && rest[digits..].starts_with(':')).then_some("Claim ".len() + digits + 1)
}

fn inline(html: &mut Html, text: &str, figures: &BTreeMap<String, String>) {
    let mut text = text;
    if let Some(length) = claim(text) {
        html.element("strong", &[], &text[..length]);
        text = &text[length..];
    }
    // Odd pieces stand between backticks; a backtick without its second is one.
    let pieces: Vec<&str> = text.split('`').collect();
    let paired = pieces.len() % 2 == 1;
    for (number, piece) in pieces.iter().enumerate() {
        let last = number + 1 == pieces.len();
        match number % 2 {
            1 if paired || !last => html.element("code", &[], piece),
            1 => html.text(&format!("`{piece}")),
            _ => linked(html, piece, figures),
        }
    }
}

/// Writes text in which `plots/cwnd.png` leads to that figure.
fn linked(html: &mut Html, text: &str, figures: &BTreeMap<String, String>) {
    let mut rest = text;
    while let Some(at) = rest.find("plots/") {
        let name_at = at + "plots/".len();
        let end = rest[name_at..].find(|c: char| !c.is_alphanumeric() && !"-_.".contains(c));
        let end = end.map_or(rest.len(), |end| name_at + end);
        // A sentence may end with the name.
        let word = rest[at..end].trim_end_matches('.');
        let name = word["plots/".len()..].rsplit_once('.').map_or("", |(name, _)| name);
        html.text(&rest[..at]);
        match figures.get(name) {
            Some(place) => html.element("a", &[("href", &format!("#{place}"))], word),
            None => html.text(word),
        }
        rest = &rest[at + word.len()..];
    }
    html.text(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut html = Html::default();
        write(&mut html, text, &BTreeMap::from([("cwnd".to_string(), "figure-1".to_string())]));
        html.into_text()
    }

    #[test]
    fn lines_run_on_and_claims_stand_alone() {
        let text = "Is it so?\n\nOne line,\nand `more`. Claim 1: «no». Claim 2: see plots/cwnd.png. Claim x: no.";
        let want = "<p class=\"lead\">Is it so?</p>\n<p>One line, and <code>more</code>.</p>\n<p><strong>Claim 1:</strong> «no».</p>\n\
                    <p><strong>Claim 2:</strong> see <a href=\"#figure-1\">plots/cwnd.png</a>. Claim x: no.</p>\n";
        assert_eq!(written(text), want);
        assert_eq!(written(""), "");
    }

    #[test]
    fn odd_backticks_and_tags_are_text() {
        let want = "<p class=\"lead\">a <code>b</code> c `d &lt;script&gt; plots/nothing.png</p>\n";
        assert_eq!(written("a `b` c `d <script> plots/nothing.png"), want);
    }
}
