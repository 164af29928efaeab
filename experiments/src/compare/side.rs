//! One of two things that are compared. Whatever it is, it becomes a results folder.

use std::path::{Path, PathBuf};
use std::process::Command;

use rayon::ThreadPool;
use sim_core::{Audit, Audited, Span, Time};

use crate::campaign::{self, Campaign};
use crate::cli::Overrides;
use crate::commands::{Loaded, events, load};
use crate::memory::{self, Gate};
use crate::results;
use crate::run::{How, simulate};
use crate::stored::Stored;

/// A side.
pub struct Side {
    /// What it is called: as it was given.
    pub name: String,
    /// Its results.
    pub folder: PathBuf,
    /// The build that made them, where another one than this did.
    pub program: Option<PathBuf>,
    /// Its summary.
    pub stored: Stored,
}

/// With what files and builds are run.
pub struct Tools<'a> {
    /// The file that builds run.
    pub on: Option<&'a Path>,
    /// What changes the files.
    pub overrides: &'a Overrides,
    /// One thread for each simulation that runs at a time.
    pub pool: &'a ThreadPool,
}

/// What was given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Given {
    /// Results.
    Results,
    /// An experiment.
    File,
    /// A build of the program.
    Program,
}

impl Given {
    /// What a path is.
    ///
    /// # Errors
    /// It is nothing, or nothing that can be compared.
    pub fn of(path: &Path) -> Result<Given, String> {
        let yaml = path.extension().is_some_and(|end| end == "yaml" || end == "yml");
        let wrong = |why: &str| Err(format!("error: {}: {why}\n", path.display()));
        if path.is_dir() {
            if path.join("summary.json").is_file() {
                return Ok(Given::Results);
            }
            return wrong("no `summary.json`, so it is no results folder of `clockwire run`");
        }
        match path.is_file() {
            true if yaml => Ok(Given::File),
            true if is_program(path) => Ok(Given::Program),
            true => wrong("neither a results folder, nor an experiment (`.yaml`), nor a program"),
            false => wrong("there is no such file or folder"),
        }
    }
}

#[cfg(unix)]
fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_program(path: &Path) -> bool {
    path.extension().is_some_and(|end| end.eq_ignore_ascii_case("exe"))
}

impl Side {
    /// Makes a side of what was given. What must be run is run into `scratch`.
    ///
    /// # Errors
    /// What cannot be read or run, in words.
    pub fn new(path: &Path, scratch: &Path, tools: &Tools<'_>) -> Result<Side, String> {
        let name = path.display().to_string();
        let (folder, program) = match Given::of(path)? {
            Given::Results => (path.to_path_buf(), None),
            Given::File => {
                run_here(path, scratch, tools)?;
                (scratch.to_path_buf(), None)
            }
            Given::Program => {
                // A name without a folder would be looked for elsewhere.
                let program = path.canonicalize().map_err(|why| format!("error: {name}: {why}\n"))?;
                let on = tools.on.ok_or_else(|| {
                    format!("error: {name} is a program: `--on FILE` names the experiment that it runs\n")
                })?;
                run_there(&program, on, &words(tools.overrides), scratch)?;
                (scratch.to_path_buf(), Some(program))
            }
        };
        let missing = || format!("error: {name}: no `summary.json`\n");
        let stored = Stored::read(&folder).map_err(|why| format!("error: {name}: {why}\n"))?.ok_or_else(missing)?;
        Ok(Side { name, folder, program, stored })
    }

    /// The folder of a run.
    pub fn run(&self, point: usize, seed: u64) -> PathBuf {
        self.stored.run(&self.folder, point, seed)
    }

    /// What the events of a run look like to an audit: it is run again. `events`: its fingerprint, where what is run again must be the same.
    ///
    /// # Errors
    /// Why this cannot be told, in words.
    pub fn audit(&self, manifest: &Path, audit: Audit, events: Option<&str>) -> Result<Audited, String> {
        let Some(program) = &self.program else {
            let Loaded { experiment, .. } = load(manifest, &Overrides::default())?;
            let how = How { audit, ..How::default() };
            let (outcome, _) = simulate(&experiment.points[0].plan, experiment.seeds[0], how, &|_| {});
            let now = format!("{:016x}", outcome.fingerprints.events);
            return match events {
                Some(before) if before != now => Err(format!(
                    "{} is of another build (version {}), which alone could tell: compare the builds with `--on`",
                    self.name, self.stored.version
                )),
                _ => Ok(outcome.into()),
            };
        };
        let mut command = Command::new(program);
        command.arg("events").arg(manifest);
        match audit {
            Audit::Slices(slices, length) => {
                command.args(["--slices", &slices.to_string(), "--every", &ps(Time::ZERO + length)])
            }
            Audit::Events(from, to) => command.args(["--from", &ps(from), "--to", &ps(to), "--json"]),
            Audit::Off => return Ok(Audited::default()),
        };
        let text = output(command, &[0])?;
        events::from_json(&text).map_err(|why| format!("{}: {why}", program.display()))
    }

    /// Runs a run again into `scratch`, with tables that say more. Gives the folder of the run.
    ///
    /// # Errors
    /// Why it cannot be run, in words.
    pub fn again(&self, manifest: &Path, tables: &str, seed: u64, scratch: &Path) -> Result<PathBuf, String> {
        let overrides = Overrides::with_causes(tables);
        match &self.program {
            Some(program) => run_there(program, manifest, &words(&overrides), scratch)?,
            None => {
                let Loaded { experiment, .. } = load(manifest, &overrides)?;
                let point = &experiment.points[0];
                let (outcome, _) = simulate(&point.plan, seed, How::default(), &|_| {});
                let write = results::write(&scratch.join(format!("seed-{seed}")), point, seed, &outcome);
                write.map_err(|why| format!("error: {}: {why}\n", scratch.display()))?;
            }
        }
        Ok(scratch.join(format!("seed-{seed}")))
    }
}

/// A moment as an option that no digit is lost of.
fn ps(time: Time) -> String {
    format!("{} ps", (time - Time::ZERO).max(Span::ZERO).ps())
}

/// Overrides as words of a command.
fn words(overrides: &Overrides) -> Vec<String> {
    let seed = overrides.seed.map(|seed| ["--seed".to_string(), seed.to_string()]);
    let sets = overrides.sets.iter().flat_map(|set| ["--set".to_string(), set.clone()]);
    seed.into_iter().flatten().chain(sets).collect()
}

/// Runs an experiment with this build: all of it, for earlier results are what it may be compared with.
fn run_here(file: &Path, scratch: &Path, tools: &Tools<'_>) -> Result<(), String> {
    let Loaded { experiment, program } = load(file, tools.overrides)?;
    let failed = |why: std::io::Error| format!("error: {}: {why}\n", scratch.display());
    let campaign = Campaign::new(&experiment, &program, "");
    let options = campaign::Options {
        how: How::default(),
        pool: tools.pool,
        gate: &Gate::new(memory::limit()),
        bar: false,
        timing: false,
    };
    std::fs::create_dir_all(scratch).map_err(failed)?;
    campaign.run(scratch, &[], None, options).map_err(failed)?;
    campaign.gather(scratch).map_err(failed).map(drop)
}

/// Runs an experiment with another build.
fn run_there(program: &Path, file: &Path, words: &[String], scratch: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.arg("run").arg(file).args(words).arg("--quiet").arg("--out").arg(scratch);
    // Expectations may fail: that is said where the sides are compared.
    output(command, &[0, 1]).map(drop)
}

/// What a program prints. It must end with one of these codes.
fn output(mut command: Command, codes: &[i32]) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|why| format!("error: {program}: {why}\n"))?;
    if !output.status.code().is_some_and(|code| codes.contains(&code)) {
        let words = String::from_utf8_lossy(&output.stderr);
        return Err(format!("error: {program} ends with {}:\n{words}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|_| format!("error: {program} prints no text\n"))
}
