//! SVG files of a results folder, before they become part of a page. The folder may have been sent by somebody: only what our plotter
//! writes is taken over, so no script, no link and no style comes in with a figure.

use quick_xml::events::{BytesStart, Event};

/// Elements of our figures.
const ELEMENTS: &[&str] = &["svg", "title", "desc", "g", "rect", "path", "circle", "text"];
/// Their attributes, besides `data-…`.
const ATTRIBUTES: &[&str] = &[
    "xmlns",
    "width",
    "height",
    "viewBox",
    "font-family",
    "font-size",
    "font-weight",
    "fill",
    "fill-opacity",
    "stroke",
    "stroke-width",
    "stroke-linejoin",
    "stroke-dasharray",
    "x",
    "y",
    "cx",
    "cy",
    "r",
    "d",
    "transform",
    "text-anchor",
];

/// An SVG file that holds nothing but shapes and text.
pub(super) struct Verified {
    text: String,
    title: String,
    words: String,
}

impl Verified {
    /// Takes a file; `None` where it is not one of our plotter's.
    pub fn of(text: String) -> Option<Verified> {
        let mut reader = quick_xml::Reader::from_str(&text);
        let (mut title, mut words) = (String::new(), String::new());
        let mut open: Vec<String> = Vec::new();
        let mut roots = 0;
        loop {
            match reader.read_event().ok()? {
                Event::Start(tag) => {
                    let name = element(&tag)?;
                    roots += usize::from(open.is_empty());
                    if open.is_empty() != (name == "svg") {
                        return None;
                    }
                    open.push(name);
                }
                Event::Empty(tag) => {
                    element(&tag).filter(|_| !open.is_empty())?;
                }
                Event::End(_) => {
                    open.pop()?;
                }
                Event::Text(piece) => match part(&open) {
                    "title" => title.push_str(piece.as_ref()),
                    "desc" => words.push_str(piece.as_ref()),
                    _ => {}
                },
                Event::GeneralRef(name) => {
                    let c = match name.as_ref() {
                        "amp" => '&',
                        "lt" => '<',
                        "gt" => '>',
                        "quot" => '"',
                        _ => return None,
                    };
                    match part(&open) {
                        "title" => title.push(c),
                        "desc" => words.push(c),
                        _ => {}
                    }
                }
                Event::Eof => break,
                // Comments, declarations, sections and instructions are not among what we write.
                _ => return None,
            }
        }
        (roots == 1 && open.is_empty()).then_some(Verified { text, title, words })
    }

    /// The file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Its title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What it shows, in words.
    pub fn words(&self) -> &str {
        &self.words
    }
}

/// Which element of the whole figure is open, and none of its parts: they may have titles of their own.
fn part(open: &[String]) -> &str {
    match open {
        [_, part] => part,
        _ => "",
    }
}

/// The name of an element whose name and attributes are all known.
fn element(tag: &BytesStart<'_>) -> Option<String> {
    let name = tag.name().into_inner().to_string();
    for attribute in tag.attributes() {
        let attribute = attribute.ok()?;
        let known = attribute.key.into_inner();
        let plain = !attribute.value.to_ascii_lowercase().contains("url(");
        if !plain || !ATTRIBUTES.contains(&known) && !known.starts_with("data-") {
            return None;
        }
    }
    ELEMENTS.contains(&name.as_str()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_the_plotter_pass_and_say_what_they_show() {
        let text = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"1\">\n<title>a &lt; b</title>\n<desc>c &amp; d</desc>\n\
                    <g data-series=\"0\"><path d=\"M0 0\"/></g>\
                    <g data-note=\"\"><title>e</title></g></svg>\n";
        let svg = Verified::of(text.into()).expect("it is ours");
        assert_eq!((svg.title(), svg.words(), svg.text()), ("a < b", "c & d", text));
    }

    #[test]
    fn what_could_run_or_call_out_does_not_pass() {
        for inner in [
            "<script>1</script>",
            "<path onload=\"1\"/>",
            "<a href=\"https://x.test\"><text>x</text></a>",
            "<image href=\"https://x.test/1.png\"/>",
            "<style>@import 'x'</style>",
            "<rect style=\"fill:url(https://x.test)\"/>",
            "<foreignObject><p/></foreignObject>",
            "<rect fill=\"URL(https://x.test)\"/>",
            "<!-- --><path/>",
            "<![CDATA[<script>]]>",
            "<text>&#60;</text>",
            "<g>",
            "</svg><svg>",
        ] {
            let text = format!("<svg xmlns=\"http://www.w3.org/2000/svg\">{inner}</svg>");
            assert!(Verified::of(text).is_none(), "{inner}");
        }
        assert!(Verified::of("<p>no figure</p>".into()).is_none());
        assert!(Verified::of(String::new()).is_none());
    }
}
