//! Figures from tables: CSV in, SVG and PNG out.
//!
//! Knows no simulator crate: what it reads is the results folder, whose columns say their units in their names
//! (`cwnd_segments`, `delay_s`, `goodput_bps`). So a figure can be redrawn, or drawn differently, without the simulator.
//!
//! ```text
//! lib.rs      draw: requests in, files out          canvas.rs  shapes and text on a page
//! args.rs     the parameters of a request           svg.rs     the page as SVG
//! table.rs    columns of CSV files                  raster.rs  the page as pixels, hence PNG
//! units.rs    units from column names, prefixes     text.rs    the embedded font: widths and glyphs
//! scale.rs    linear and logarithmic axes, ticks    style.rs   colours, dashes, shapes of marks, sizes
//! series.rs   lines, points, bands; thinning        figure.rs  panels with axes, a legend outside of them
//! kinds/      one file for each kind of figure, one line for each in kinds/mod.rs
//! ```
//!
//! The same tables give the same bytes: nothing here looks at the clock, the locale, installed fonts or the machine.

mod args;
mod canvas;
mod error;
mod figure;
mod kinds;
mod raster;
mod scale;
mod series;
mod style;
mod svg;
mod table;
mod text;
mod units;

use std::path::{Path, PathBuf};

pub use crate::args::{Args, Request};
pub use crate::error::Error;
pub use crate::kinds::{Key, Kind, kinds};

/// Where tables are: a folder with one `TABLE.csv` for each.
///
/// Several sources are read as one: their rows follow each other, and a column `variant` holds each source's label, so
/// that `group: variant` compares them.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to call it in legends.
    pub label: String,
    /// The folder.
    pub folder: PathBuf,
}

/// A figure that was drawn.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Drawn {
    /// The kind.
    pub kind: String,
    /// The SVG file.
    pub svg: PathBuf,
    /// The PNG file.
    pub png: PathBuf,
}

/// Draws figures from the tables in `folder` into `folder/plots`, as `NAME.svg` and `NAME.png` each. The name is the
/// request's `file`, or its kind, with `-2` and so on where a kind is asked for again.
///
/// # Errors
/// The first thing that is wrong, with a request or with the tables. Figures before it have been written.
pub fn draw(folder: &Path, requests: &[Request]) -> Result<Vec<Drawn>, Error> {
    let source = Source { label: String::new(), folder: folder.to_path_buf() };
    draw_from(&[source], &folder.join("plots"), requests)
}

/// Like [`draw`], from several folders into another one.
///
/// # Errors
/// As [`draw`].
pub fn draw_from(sources: &[Source], into: &Path, requests: &[Request]) -> Result<Vec<Drawn>, Error> {
    let mut drawn: Vec<Drawn> = Vec::new();
    for request in requests {
        request.check()?;
        let page = request.kind()?.draw(sources, &request.args)?;
        let name = file_name(request, &drawn);
        let (svg, png) = (into.join(format!("{name}.svg")), into.join(format!("{name}.png")));
        std::fs::create_dir_all(into).map_err(|why| failed(into, &why))?;
        std::fs::write(&svg, svg::write(&page)).map_err(|why| failed(&svg, &why))?;
        raster::write(&page, &png)?;
        drawn.push(Drawn { kind: request.kind.clone(), svg, png });
    }
    Ok(drawn)
}

fn file_name(request: &Request, drawn: &[Drawn]) -> String {
    let wanted = request.args.text("file").unwrap_or(&request.kind);
    let base: String = wanted.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let taken = |name: &str| drawn.iter().any(|d| d.svg.file_stem().is_some_and(|stem| stem == name));
    if !taken(&base) {
        return base;
    }
    (2..).map(|n| format!("{base}-{n}")).find(|name| !taken(name)).expect("there are more numbers than figures")
}

fn failed(path: &Path, why: &std::io::Error) -> Error {
    Error::File { path: path.to_path_buf(), why: why.to_string() }
}
