//! Figures: what a file asks for, given to the plotter.

use std::path::{Path, PathBuf};

use std::collections::BTreeMap;

use plots::{Error, Request, Source, Tables, Takes};
use topologies::{Diagnostic, Diagnostics, Experiment, Plan, PlotSpec, Point};

use crate::digest;
use crate::expect::{Program, meant};
use crate::run::{request, tables, wanted_tables};

/// Tables by their names: columns, and what is known of rows before a run.
type Texts = BTreeMap<String, String>;

/// The runs that figures about all points are made of.
pub struct Points {
    /// One run for each point, of the first seed.
    pub first: Vec<Source>,
    /// All runs.
    pub all: Vec<Source>,
}

/// Whether the figures that an experiment asks for can be drawn from what it will record.
///
/// # Errors
/// All that is not there: tables, columns, flows and links, values of parameters that mean nothing, and means over different
/// points.
pub fn check(experiment: &Experiment, program: &Program) -> Result<(), Diagnostics> {
    let mut found = Diagnostics::default();
    let plots = &experiment.points[0].plan.outputs.plots;
    if plots.iter().any(|plot| summarizes(&request(plot))) {
        let summary = Texts::from([("summary".to_string(), summary(experiment, program))]);
        let summary = [Source { label: String::new(), tables: Tables::Texts(summary) }];
        check_on(&experiment.points[0].plan, &summary, &summarizes, &mut found);
    }
    let columns = |table: &'static sim_core::Table| {
        let names: Vec<&str> =
            std::iter::once("time_s").chain(table.columns.iter().map(|column| column.name)).collect();
        // A row in which nothing stands, for what labels say of it.
        (table.name.to_string(), format!("{}\n{}\n", names.join(","), ",".repeat(names.len() - 1)))
    };
    let source = |point: &Point| Source {
        label: label(&experiment.name, &experiment.label(&point.values)),
        tables: Tables::Texts(wanted_tables(&point.plan).into_iter().map(columns).collect()),
    };
    if plots.iter().any(|plot| compares(&request(plot))) {
        let points: Vec<Source> = experiment.points.iter().map(source).collect();
        check_on(&experiment.points[0].plan, &points, &compares, &mut found);
    }
    for point in experiment.points.iter().filter(|point| !point.plan.outputs.plots.is_empty()) {
        check_on(&point.plan, &[source(point)], &|request| !is_whole(request), &mut found);
    }
    if found.is_empty() { Ok(()) } else { Err(found) }
}

/// Looks whether the figures of a kind can be drawn from what there will be.
fn check_on(plan: &Plan, sources: &[Source], mine: &dyn Fn(&Request) -> bool, found: &mut Diagnostics) {
    for plot in &plan.outputs.plots {
        let request = request(plot);
        if mine(&request)
            && let Err(error) = fits(plan, &request, sources)
        {
            found.push(diagnostic(plot, &error));
        }
    }
}

/// The columns of the summary, and what was swept at each point.
fn summary(experiment: &Experiment, program: &Program) -> String {
    let columns = digest::summary_columns(experiment, program);
    let mut out = csv::Writer::from_writer(Vec::new());
    let rest = columns.len() - experiment.dimensions.len();
    let empty = || std::iter::repeat_n("", rest);
    let rows = experiment.points.iter().map(|point| point.values.iter().map(String::as_str).chain(empty()).collect());
    for row in std::iter::once(columns.iter().map(String::as_str).collect::<Vec<&str>>()).chain(rows) {
        out.write_record(row).expect("memory takes all, and rows are of one length");
    }
    String::from_utf8(out.into_inner().expect("memory takes all")).expect("it was text")
}

fn fits(plan: &Plan, request: &Request, sources: &[Source]) -> Result<(), Error> {
    request.fits(sources)?;
    for key in request.kind()?.accepts() {
        let names: Vec<&str> = match key.takes {
            Takes::Flows => plan.flows.iter().map(|flow| flow.name.as_str()).collect(),
            Takes::Links => plan.ports.iter().map(|port| port.config.name.as_str()).collect(),
            _ => continue,
        };
        let unknown = |pattern: &&String| !names.iter().any(|name| plots::matches(pattern, name));
        if let Some(pattern) = request.args.list(key.name).iter().find(unknown) {
            let first: Vec<&str> = names.iter().copied().take(20).collect();
            let why = format!("`{pattern}` is none of them: {}", first.join(", "));
            return Err(Error::BadValue { key: key.name.to_string(), why });
        }
    }
    Ok(())
}

/// An error of a figure as an error of the file, at the parameter that it is about.
fn diagnostic(plot: &PlotSpec, error: &Error) -> Diagnostic {
    let about = |(key, values): &&(topologies::Named, Vec<String>)| match error {
        Error::BadValue { key: wrong, .. } => key.name == *wrong,
        Error::MissingColumn { column: missing, .. } => values.contains(missing),
        Error::MissingTable { table, .. } => values.contains(table),
        _ => false,
    };
    let at = plot.args.iter().find(about).map_or(&plot.kind, |(key, _)| key);
    let mut diagnostic = Diagnostic::error(format!("the figure `{}` cannot be drawn: {error}", plot.kind.name));
    (diagnostic.place, diagnostic.path) = (at.place.clone(), at.path.clone());
    let (wrong, known): (&str, Vec<&str>) = match error {
        Error::MissingColumn { column, has, .. } => (column, has.iter().map(String::as_str).collect()),
        Error::MissingTable { table, .. } => (table, tables().iter().map(|table| table.name).collect()),
        _ => return diagnostic,
    };
    let near = meant(wrong, &known);
    diagnostic.help.extend((!near.is_empty()).then_some(near));
    diagnostic
}

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
    let source = [Source { label: String::new(), tables: Tables::Folder(folder.to_path_buf()) }];
    let requests: Vec<(&[Source], &Request)> = requests.iter().map(|request| (&source[..], request)).collect();
    drawn(&requests, folder, about)
}

/// The figures about all points into the results folder.
pub fn draw_whole(folder: &Path, about: &str, points: &Points, requests: &[Request]) -> (Vec<PathBuf>, Vec<String>) {
    let summary = [Source { label: String::new(), tables: Tables::Folder(folder.to_path_buf()) }];
    let sources = |request: &Request| -> &[Source] {
        match (compares(request), request.pools()) {
            (false, _) => &summary,
            (true, false) => &points.first,
            (true, true) => &points.all,
        }
    };
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
