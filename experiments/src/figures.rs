//! Figures: what a file asks for, given to the plotter.

use std::path::{Path, PathBuf};

use plots::{Request, Source};
use topologies::Plan;

use crate::run::request;

/// The figures of a plan that are about one run, or those that are about all points and seeds.
pub fn requests(plan: &Plan, whole: bool) -> Vec<Request> {
    let all = plan.outputs.plots.iter().map(request);
    all.filter(|request| is_whole(request) == whole).collect()
}

/// Whether a figure is about all points: it reads the summary, or compares the points' tables.
pub fn is_whole(request: &Request) -> bool {
    compares(request) || summarizes(request)
}

fn summarizes(request: &Request) -> bool {
    request.tables().is_ok_and(|tables| tables.iter().any(|table| table == "summary"))
}

/// Whether a figure has a line for each point, as `group: variant` asks for.
fn compares(request: &Request) -> bool {
    request.args.text("group") == Some("variant") && !summarizes(request)
}

/// What a line is called that shows a point: where variants are all there is, their names will do; where there is but one
/// point, the experiment's.
pub fn label(experiment: &str, point: &str) -> String {
    let variant = point.strip_prefix("variant=").filter(|variant| !variant.contains('='));
    let label = variant.unwrap_or(point);
    if label.is_empty() { experiment } else { label }.to_string()
}

/// The figures of one run into its folder. One that cannot be drawn stops no other; why is told.
pub fn draw(folder: &Path, about: &str, requests: &[Request]) -> (Vec<PathBuf>, Vec<String>) {
    let source = [Source { label: String::new(), folder: folder.to_path_buf() }];
    let requests: Vec<(&[Source], &Request)> = requests.iter().map(|request| (&source[..], request)).collect();
    drawn(&requests, folder, about)
}

/// The figures about all points into the results folder; `points` are runs with one seed, one for each point.
pub fn draw_whole(folder: &Path, about: &str, points: &[Source], requests: &[Request]) -> (Vec<PathBuf>, Vec<String>) {
    let summary = [Source { label: String::new(), folder: folder.to_path_buf() }];
    let sources = |request: &Request| if compares(request) { points } else { &summary };
    let requests: Vec<(&[Source], &Request)> = requests.iter().map(|request| (sources(request), request)).collect();
    drawn(&requests, folder, about)
}

fn drawn(requests: &[(&[Source], &Request)], folder: &Path, about: &str) -> (Vec<PathBuf>, Vec<String>) {
    let (mut figures, mut wrong) = (Vec::new(), Vec::new());
    for (done, (_, request)) in plots::draw(requests, &folder.join("plots"), about).into_iter().zip(requests) {
        match done {
            Ok(figure) => figures.push(figure.png),
            Err(error) => wrong.push(format!("the figure `{}` is not drawn: {error}", request.kind)),
        }
    }
    (figures, wrong)
}
