//! Text of HTML. What comes from a file becomes text or the value of an attribute, escaped in both: tags and names of attributes are ours
//! by their type, and what is taken over as it is has been verified ([`super::figures`]) or is compiled in.

/// Attributes of a tag.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

/// Headings from the highest down.
const HEADINGS: [&str; 6] = ["h1", "h2", "h3", "h4", "h5", "h6"];

/// A piece of a page.
#[derive(Default)]
pub(super) struct Html {
    text: String,
    /// How many headings stand above the highest that is written from now on.
    pub below: usize,
}

impl Html {
    /// A tag around what `inner` writes.
    pub fn tag(&mut self, tag: &'static str, attributes: Attributes<'_>, inner: impl FnOnce(&mut Html)) {
        self.open(tag, attributes);
        inner(self);
        self.text.push_str("</");
        self.text.push_str(tag);
        self.text.push('>');
    }

    /// The same on a line of its own.
    pub fn block(&mut self, tag: &'static str, attributes: Attributes<'_>, inner: impl FnOnce(&mut Html)) {
        self.tag(tag, attributes, inner);
        self.text.push('\n');
    }

    /// A tag around a text.
    pub fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.tag(tag, attributes, |html| html.text(text));
    }

    /// The same on a line of its own.
    pub fn line(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.element(tag, attributes, text);
        self.text.push('\n');
    }

    /// A tag that nothing stands in, or whose end is written elsewhere.
    pub fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.text.push('<');
        self.text.push_str(tag);
        for (name, value) in attributes {
            self.text.push(' ');
            self.text.push_str(name);
            if !value.is_empty() {
                self.text.push_str("=\"");
                escape(&mut self.text, value);
                self.text.push('"');
            }
        }
        self.text.push('>');
    }

    /// A heading, 1 the highest of what it belongs to.
    pub fn heading(&mut self, level: usize, attributes: Attributes<'_>, text: &str) {
        let tag = HEADINGS[(self.below + level - 1).min(HEADINGS.len() - 1)];
        self.line(tag, attributes, text);
    }

    /// A text.
    pub fn text(&mut self, text: &str) {
        escape(&mut self.text, text);
    }

    /// What is compiled in, as it is.
    pub fn ours(&mut self, text: &'static str) {
        self.text.push_str(text);
    }

    /// An SVG file that has been read and verified.
    pub fn verified(&mut self, svg: &super::svg::Verified) {
        self.text.push_str(svg.text());
    }

    /// The page.
    pub fn into_text(self) -> String {
        self.text
    }
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Not allowed in HTML, in whatever form.
            c if c.is_control() && !c.is_whitespace() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_file_becomes_a_tag_or_an_attribute() {
        let mut html = Html::default();
        html.line("p", &[("title", "\" onclick=\"x"), ("hidden", "")], "<script>alert('1 & 2')</script>\u{1}");
        let want = "<p title=\"&quot; onclick=&quot;x\" hidden>&lt;script&gt;alert(&#39;1 &amp; 2&#39;)&lt;/script&gt;\u{fffd}</p>\n";
        assert_eq!(html.into_text(), want);
    }
}
