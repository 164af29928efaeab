//! `summary.csv`: a row for each point and seed, a column for each dimension and each measured quantity that has one value.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use topologies::Experiment;

use crate::metrics::Dimension;
use crate::summary::Measured;

/// Writes the table. A dimension that is a quantity is also given as a number in its base unit.
///
/// # Errors
/// As the file system.
pub fn write(path: &Path, experiment: &Experiment, measured: &[Measured<'_>]) -> io::Result<()> {
    let mut columns: BTreeSet<(String, String, &'static str)> = BTreeSet::new();
    for metrics in measured.iter().flat_map(|point| &point.seeds) {
        for name in metrics.names() {
            for metric in metrics.metrics(name) {
                if let Some(values) = metrics.get(name, metric).filter(|values| values.single) {
                    columns.insert((name.clone(), metric.to_string(), unit(values.dimension)));
                }
            }
        }
    }
    let mut out = csv::Writer::from_path(path)?;
    let heads = columns.iter().map(|(name, metric, unit)| format!("{name}.{metric}{unit}"));
    out.write_record(experiment.dimensions.iter().cloned().chain(["seed".to_string()]).chain(heads))?;
    for point in measured {
        for (seed, metrics) in experiment.seeds.iter().zip(&point.seeds) {
            let cells = columns.iter().map(|(name, metric, _)| {
                let found = metrics.get(name, metric).filter(|values| values.single);
                found.map_or_else(String::new, |values| {
                    let factor = if values.dimension == Dimension::BITS { 8.0 } else { 1.0 };
                    (values.values[0] / factor).to_string()
                })
            });
            out.write_record(point.values.iter().cloned().chain([seed.to_string()]).chain(cells))?;
        }
    }
    out.flush()
}

fn unit(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::TIME => "_s",
        Dimension::BITS => "_bytes",
        Dimension::RATE => "_bps",
        _ => "",
    }
}
