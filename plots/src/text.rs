//! The embedded font: how wide a text is, and its glyphs as coverage.
//!
//! The font is compiled in, so that figures look the same where no font is installed. SVG files name families of the
//! same metrics instead of carrying it.

use std::sync::Once;

use plotters::style::{FontDesc, FontFamily, FontStyle, register_font};

static REGULAR: &[u8] = include_bytes!("../fonts/LiberationSans-Regular.ttf");
static BOLD: &[u8] = include_bytes!("../fonts/LiberationSans-Bold.ttf");
const FAMILY: &str = "clockwire";
/// What SVG viewers shall use: families of the embedded font's metrics, then what they have.
pub(crate) const SVG_FAMILY: &str = "Liberation Sans, Arial, Helvetica, sans-serif";

/// Ascent plus descent of the font over its em: the font library scales by the former, designers by the latter.
const HEIGHT: f64 = 0.905 + 0.212;
/// Glyphs are drawn this much larger and averaged, for even spacing.
const FINE: i32 = 4;

fn font(size: f64, bold: bool) -> FontDesc<'static> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let regular = register_font(FAMILY, FontStyle::Normal, REGULAR);
        let bold = register_font(FAMILY, FontStyle::Bold, BOLD);
        assert!(regular.is_ok() && bold.is_ok(), "the embedded fonts are fonts");
    });
    let style = if bold { FontStyle::Bold } else { FontStyle::Normal };
    FontDesc::new(FontFamily::Name(FAMILY), size * HEIGHT, style)
}

/// Width of a text in pixels at `size` pixels an em.
pub(crate) fn width(text: &str, size: f64, bold: bool) -> f64 {
    // Measured large, because the library rounds to whole pixels.
    let large = 20.0;
    let (w, _) = font(size * large, bold).box_size(text).expect("the font is registered");
    f64::from(w) / large
}

/// The text, shortened with an ellipsis until it is at most `limit` pixels wide.
pub(crate) fn fit(text: &str, size: f64, bold: bool, limit: f64) -> String {
    if width(text, size, bold) <= limit {
        return text.to_string();
    }
    let mut kept: Vec<char> = text.chars().collect();
    while kept.pop().is_some() {
        let short: String = kept.iter().collect::<String>().trim_end().to_string() + "…";
        if width(&short, size, bold) <= limit {
            return short;
        }
    }
    "…".to_string()
}

/// The text in as many lines of at most `limit` pixels as it needs, three at most: broken behind blanks, commas and the like, and only what has none of
/// these, or is longer still, is shortened with an ellipsis.
pub(crate) fn wrap(text: &str, size: f64, limit: f64) -> Vec<String> {
    let mut lines: Vec<String> = vec![String::new()];
    for piece in text.split_inclusive([' ', ',', '=', ':', '-', '_', '/', '.']) {
        let last = lines.last_mut().expect("there is one");
        let longer = format!("{last}{piece}");
        if last.is_empty() || lines.len() == LINES_MAX || width(longer.trim_end(), size, false) <= limit {
            *lines.last_mut().expect("there is one") = longer;
        } else {
            lines.push(piece.to_string());
        }
    }
    lines.iter().map(|line| fit(line.trim_end(), size, false, limit)).collect()
}

/// Lines of a text that is wrapped.
const LINES_MAX: usize = 3;

/// Calls `ink` with places right of the text's start and below its baseline, and how much of a pixel's ink is there.
pub(crate) fn draw(text: &str, size: f64, bold: bool, mut ink: impl FnMut(f64, f64, f64)) {
    let fine = f64::from(FINE);
    let desc = font(size * fine, bold);
    // The library puts the baseline half a height below the given position.
    let baseline = (size * fine * HEIGHT) as f32 / 2.0;
    let result = desc.draw(text, (0, -(baseline as i32)), |x, y, cover| {
        if cover > 0.0 {
            ink((f64::from(x) + 0.5) / fine, (f64::from(y) + 0.5) / fine, f64::from(cover) / (fine * fine));
        }
        Ok::<(), std::convert::Infallible>(())
    });
    assert!(result.is_ok(), "a registered font draws");
}
