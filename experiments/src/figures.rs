//! Figures: what a file asks for, given to the plotter.

use std::path::{Path, PathBuf};

use topologies::Plan;

use crate::run::request;

/// The figures of a plan that are about one run, or those that are about all points and seeds.
pub fn requests(plan: &Plan, whole: bool) -> Vec<plots::Request> {
    let all = plan.outputs.plots.iter().map(request);
    all.filter(|request| is_whole(request) == whole).collect()
}

/// Whether a figure reads the summary, which is about all points and seeds.
pub fn is_whole(request: &plots::Request) -> bool {
    request.tables().is_ok_and(|tables| tables.iter().any(|table| table == "summary"))
}

/// Draws figures into `folder/plots`. One that cannot be drawn stops no other; why is told.
pub fn draw(folder: &Path, requests: &[plots::Request]) -> (Vec<PathBuf>, Vec<String>) {
    let mut wrong = Vec::new();
    // The plotter numbers figures of the same kind among those that it is given, so it is given all that can be drawn.
    let good: Vec<plots::Request> = requests.to_vec();
    match plots::draw(folder, &good) {
        Ok(drawn) => (drawn.into_iter().map(|figure| figure.png).collect(), wrong),
        Err(_) => {
            let mut drawn = Vec::new();
            let mut able = Vec::new();
            for request in good {
                able.push(request);
                match plots::draw(folder, &able) {
                    Ok(done) => drawn = done.into_iter().map(|figure| figure.png).collect(),
                    Err(error) => {
                        let request = able.pop().expect("it was just pushed");
                        wrong.push(format!("the figure `{}` is not drawn: {error}", request.kind));
                    }
                }
            }
            (drawn, wrong)
        }
    }
}
