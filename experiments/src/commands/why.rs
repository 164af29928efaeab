//! `clockwire why`.

use std::path::{Path, PathBuf};

use topologies::Plan;

use super::{Done, load};
use crate::cli::{Overrides, WhyOptions};
use crate::results::{About, layers};
use crate::run::{How, simulate};
use crate::say::say;
use crate::stored::Stored;
use crate::why;

/// Tells the story of a moment.
pub fn why(options: &WhyOptions) -> Done {
    let run = run(options)?;
    let about = About::read(&run)?;
    let loaded = load(&run.join("manifest.yaml"), &Overrides::with_causes("tcp, drops, marks"))?;
    let experiment = &loaded.experiment;
    let (plan, seed) = (&experiment.points[0].plan, experiment.seeds[0]);
    let flow = flow(plan, options.flow.as_deref())?;
    if options.at >= plan.stop {
        return Err(format!("error: the run ends at {}, before {}\n", plan.stop, options.at));
    }
    let (outcome, _) = simulate(plan, seed, How { all_hops: true, ..How::default() }, &|_| {});
    if layers(&outcome.fingerprints).any(|(layer, print)| layer == "events" && about.print(layer) != Some(&print)) {
        return Err(format!("error: {}: another build ran it, and with this one it is another run\n", run.display()));
    }
    say!("{}", why::story(plan, &outcome, flow, options.at, options.around).trim_end());
    Ok(true)
}

/// The folder of the run that is meant.
fn run(options: &WhyOptions) -> Result<PathBuf, String> {
    let folder = &options.results;
    let wrong = |why: &dyn std::fmt::Display| format!("error: {}: {why}\n", folder.display());
    let Some(stored) = Stored::read(folder).map_err(|error| wrong(&error))? else {
        let own = folder.join("manifest.yaml").is_file();
        return if own { Ok(folder.clone()) } else { Err(wrong(&"it holds no results of `clockwire run`")) };
    };
    let count = stored.points.len();
    let Some(point) = options.point.checked_sub(1).filter(|at| *at < count) else {
        return Err(wrong(&format!("there is no point {}, there are {count}", options.point)));
    };
    let seed = options.seed.unwrap_or(stored.seeds[0]);
    let run = stored.run(Path::new(folder), point, seed);
    let known = stored.seeds.contains(&seed);
    if known { Ok(run) } else { Err(wrong(&format!("there is no seed {seed}, there is {}", stored.seed_words()))) }
}

/// The flow that is meant: an index of the plan's flows.
fn flow(plan: &Plan, wanted: Option<&str>) -> Result<usize, String> {
    let names: Vec<&str> = plan.flows.iter().filter(|flow| flow.is_tcp()).map(|flow| flow.name.as_str()).collect();
    let name = match (wanted, &names[..]) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, []) => return Err("error: there is no flow over TCP\n".into()),
        (None, _) => return Err(format!("error: `--flow` says which: {}\n", names.join(", "))),
    };
    let found = plan.flows.iter().position(|flow| flow.name == name && flow.is_tcp());
    found.ok_or_else(|| {
        let near = crate::expect::meant(name, &names);
        let near = if near.is_empty() { near } else { format!(" = help: {near}\n") };
        format!("error: there is no flow `{name}` over TCP\n{near} = help: there are {}\n", names.join(", "))
    })
}
