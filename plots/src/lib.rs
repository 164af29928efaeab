//! Figures from tables: CSV in, SVG and PNG out.
//!
//! Knows no simulator crate: what it reads is the results folder, whose columns say their units in their names
//! (`cwnd_segments`, `delay_s`, `goodput_bps`). So a figure can be redrawn, or drawn differently, without the simulator.
//!
//! ```text
//! lib.rs      draw: requests in, files out          canvas.rs  shapes and text on a page
//! args.rs     the parameters of a request           svg.rs     the page as SVG
//! table.rs    columns of CSV files                  raster.rs  the page as pixels, hence PNG
//! rows.rs     which rows, and means over runs
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
mod rows;
mod scale;
mod series;
mod style;
mod svg;
mod table;
mod text;
mod units;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

pub use crate::args::{Args, Request};
pub use crate::error::Error;
pub use crate::kinds::{Key, Kind, Takes, kinds};
pub use crate::table::matches;

/// Where tables are.
///
/// Several sources are read as one: their rows follow each other, and a column `variant` holds each source's label, so
/// that `group: variant` compares them.
#[derive(Clone, Debug)]
pub struct Source {
    /// What to call it in legends.
    pub label: String,
    /// The tables.
    pub tables: Tables,
}

/// Tables, or what they will be like.
#[derive(Clone, Debug)]
pub enum Tables {
    /// Files of a folder, `TABLE.csv`.
    Folder(PathBuf),
    /// CSV that stands in no file: what tables will be like, with as many rows as are known before the run.
    Texts(BTreeMap<String, String>),
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

/// Draws figures, each from its sources, into a folder, as `NAME.svg` and `NAME.png`. The name is the request's `file`, or
/// its kind, with `-2` and so on where a kind is asked for again. `about` says in a corner of each what it was drawn from. A
/// request or tables that are wrong stop no other figure.
pub fn draw(requests: &[(&[Source], &Request)], into: &Path, about: &str) -> Vec<Result<Drawn, Error>> {
    let mut taken: Vec<String> = Vec::new();
    let all = requests.iter().map(|(sources, request)| {
        let page = page(sources, request, about)?;
        let name = file_name(request, &taken);
        let (svg, png) = (into.join(format!("{name}.svg")), into.join(format!("{name}.png")));
        std::fs::create_dir_all(into).map_err(|why| failed(into, &why))?;
        std::fs::write(&svg, svg::write(&page)).map_err(|why| failed(&svg, &why))?;
        raster::write(&page, &png)?;
        taken.push(name);
        Ok(Drawn { kind: request.kind.clone(), svg, png })
    });
    all.collect()
}

/// A figure as the text of an SVG file, which is written nowhere.
///
/// # Errors
/// As [`draw`] has them.
pub fn svg(sources: &[Source], request: &Request, about: &str) -> Result<String, Error> {
    Ok(svg::write(&page(sources, request, about)?))
}

/// The names that [`draw`] gives the files of figures, without their endings.
pub fn file_names(requests: &[Request]) -> Vec<String> {
    let mut taken = Vec::new();
    for request in requests {
        taken.push(file_name(request, &taken));
    }
    taken
}

fn page(sources: &[Source], request: &Request, about: &str) -> Result<canvas::Canvas, Error> {
    request.check()?;
    let mut page = request.kind()?.draw(sources, &request.args)?;
    figure::footer(&mut page, about);
    Ok(page)
}

fn file_name(request: &Request, taken: &[String]) -> String {
    let wanted = request.args.text("file").unwrap_or(&request.kind);
    let base: String = wanted.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    if !taken.contains(&base) {
        return base;
    }
    (2..)
        .map(|n| format!("{base}-{n}"))
        .find(|name| !taken.contains(name))
        .expect("there are more numbers than figures")
}

fn failed(path: &Path, why: &std::io::Error) -> Error {
    Error::File { path: path.to_path_buf(), why: why.to_string() }
}
