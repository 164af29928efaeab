//! The report: one page with all of a result, which opens offline and asks nobody for anything.
//!
//! | part | module |
//! | --- | --- |
//! | one result | `one` |
//! | several on one page | `pack` |
//! | what lies in the folder | `crate::stored` |
//! | escaping | `html` |
//! | the question as prose | `prose` |
//! | figures, as far as they are our plotter's | `figures`, `svg` |
//! | tables of numbers | `numbers` |
//! | the network | `network`, `layout` |
//! | verdicts for CI | `verdicts` |
//! | looks, and what moves where scripts may run | `report.css`, `report.js` |
//!
//! The same results give the same bytes: nothing here looks at a clock or at the machine. Without its script the page says the same; its
//! policy lets no other script run, and no request leave it.

mod figures;
mod html;
mod layout;
mod network;
mod numbers;
mod one;
mod pack;
mod prose;
mod svg;
mod verdicts;

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine;
use sha2::{Digest, Sha256};
use topologies::Plan;

use self::html::Html;
use self::one::One;
use crate::stored::Stored;

pub use self::pack::together;
pub use self::verdicts::{Verdicts, junit, markdown};

/// What the file is called.
pub const NAME: &str = "report.html";

const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");

/// The manifest of the first run of a results folder; `None` where it is none.
///
/// # Errors
/// As the file system, and a summary that cannot be read.
pub fn manifest(folder: &Path) -> io::Result<Option<PathBuf>> {
    let stored = Stored::read(folder)?;
    let path = stored.map(|stored| stored.first_run(folder, 0).join("manifest.yaml"));
    Ok(path.filter(|path| path.is_file()))
}

/// Writes the report into a results folder; `plan` is its first point's.
///
/// # Errors
/// As the file system.
pub fn write(folder: &Path, plan: &Plan) -> io::Result<()> {
    std::fs::write(folder.join(NAME), page(folder, plan)?)
}

/// The report of a results folder.
///
/// # Errors
/// As the file system, and a summary that cannot be read.
pub fn page(folder: &Path, plan: &Plan) -> io::Result<String> {
    let one = One::read(folder, plan, "", figures::BYTES_MAX)?;
    Ok(whole(&format!("{}: report", one.stored.name), |html| {
        html.block("header", &[], |html| {
            html.line("p", &[("class", "kind")], "Clockwire report");
            one.top(html);
        });
        html.block("main", &[("id", "main")], |html| one.sections(html));
        html.block("footer", &[], |html| {
            let Stored { version, name, .. } = &one.stored;
            html.line("p", &[], &format!("Written by clockwire {version} from the results of “{name}”."));
        });
    }))
}

/// The document around a page.
fn whole(title: &str, inner: impl FnOnce(&mut Html)) -> String {
    let mut html = Html::default();
    html.ours("<!DOCTYPE html>\n");
    html.block("html", &[("lang", "en")], |html| {
        head(html, title);
        html.block("body", &[], |html| {
            html.line("a", &[("class", "skip"), ("href", "#main")], "Skip to the content");
            inner(html);
            html.tag("script", &[], |html| html.ours(SCRIPT));
            html.ours("\n");
        });
    });
    html.into_text()
}

fn head(html: &mut Html, title: &str) {
    html.block("head", &[], |html| {
        html.ours("<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        html.ours("<meta name=\"color-scheme\" content=\"light dark\">\n");
        // This script alone, known by its digest.
        let digest = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(SCRIPT));
        let policy = format!(
            "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        );
        html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", &policy)]);
        html.ours("\n<link rel=\"icon\" href=\"data:,\">\n");
        html.line("title", &[], title);
        html.tag("style", &[], |html| html.ours(STYLE));
        html.ours("\n");
    });
}
