//! The command line.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, CommandFactory, Parser, Subcommand, ValueHint};
use clap_complete::Shell;
use sim_core::{Prob, Size, Span, Time};

use crate::commands;
use crate::say::complain;

/// A deterministic network simulator: the same file and the same seed give the same packets, bit for bit.
#[derive(Parser)]
#[command(name = "clockwire", version, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What changes a file without an edit.
#[derive(Args, Clone, Debug, Default)]
pub struct Overrides {
    /// Replaces the file's seeds by this one
    #[arg(long)]
    pub seed: Option<u64>,
    /// Sets a value: `--set links.wan.rate='50 Mbit/s'`; may be repeated, the last one wins
    #[arg(long = "set", value_name = "PATH=VALUE")]
    pub sets: Vec<String>,
}

impl Overrides {
    /// That a run records the causes of what it does in these tables, and draws nothing.
    pub fn with_causes(tables: &str) -> Overrides {
        let sets = [&format!("tables=[{tables}]"), "series.cwnd=all", "plots=[]", "report=false"];
        Overrides { seed: None, sets: sets.map(|set| format!("outputs.{set}")).to_vec() }
    }
}

/// Where verdicts go for machines that judge changes.
#[derive(Args, Clone, Debug, Default)]
pub struct VerdictFiles {
    /// Writes the verdicts as JUnit XML, for CI
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Writes the verdicts as Markdown, for a pull request
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
}

/// Options of `run`.
#[derive(Args, Clone, Debug)]
pub struct RunOptions {
    /// Experiment files
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Threads for all points and seeds together; all cores unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Partitions of each simulation; more than one makes a single simulation run on several threads
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub shards: usize,
    /// Memory for all of it, as `4 GiB`: a run starts beside others only if one more as large as runs have been fits, and alone always. Four fifths of
    /// what the machine has left and the control group may use, unless given; results are the same
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<Size>,
    /// The folder for results; `results/NAME` unless given. Where there is one already, the new one gets a number
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Replaces an earlier result instead of numbering the new one, and files of verdicts that are there already
    #[arg(long)]
    pub force: bool,
    /// Runs everything. Otherwise runs of the same file, point, seed and program are taken from earlier results of this name, and from what
    /// a run that was stopped has left
    #[arg(long)]
    pub fresh: bool,
    /// Runs one point of the plan with all of its seeds, 1 being the first: several processes may share an experiment out. The same command
    /// without it then runs what is missing and sums up
    #[arg(long, value_name = "K", conflicts_with_all = ["fresh", "timing", "junit", "markdown"])]
    pub point: Option<usize>,
    #[command(flatten)]
    pub verdicts: VerdictFiles,
    /// Writes one page with the reports of all files
    #[arg(long, value_name = "FILE", conflicts_with = "point")]
    pub report: Option<PathBuf>,
    /// Prints nothing but what is wrong
    #[arg(long, short)]
    pub quiet: bool,
    /// Prints what each run has cost: a line of JSON for each; runs everything, one after the other
    #[arg(long)]
    pub timing: bool,
}

/// Options of `verify`.
#[derive(Args, Clone, Debug)]
pub struct VerifyOptions {
    /// Experiment files
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// Threads for the sharded runs; all cores unless given
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Prints nothing but what is wrong
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of `events`.
#[derive(Args, Clone, Debug)]
pub struct EventsOptions {
    /// An experiment file, or a run's `manifest.yaml`
    #[arg(value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
    #[command(flatten)]
    pub overrides: Overrides,
    /// The point of the plan, 1 being the first
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub point: usize,
    /// The first moment: `1.2 s`
    #[arg(long, value_name = "TIME", default_value = "0 s")]
    pub from: Time,
    /// The moment after the last; the end unless given
    #[arg(long, value_name = "TIME")]
    pub to: Option<Time>,
    /// Prints one JSON value instead of lines for people
    #[arg(long)]
    pub json: bool,
    /// Prints JSON with a hash of the events of each of so many slices of the run instead of events
    #[arg(long, value_name = "N", conflicts_with_all = ["from", "to"])]
    pub slices: Option<u32>,
    /// How long a slice is; the last one goes on to the end. Equal parts unless given
    #[arg(long, value_name = "TIME", requires = "slices")]
    pub every: Option<Span>,
}

/// Options of `why`.
#[derive(Args, Clone, Debug)]
pub struct WhyOptions {
    /// A results folder, or one of its seeds
    #[arg(value_hint = ValueHint::DirPath)]
    pub results: PathBuf,
    /// The flow; not needed where there is but one over TCP
    #[arg(long, value_name = "NAME")]
    pub flow: Option<String>,
    /// The moment: `12.3 s`
    #[arg(long, value_name = "TIME")]
    pub at: Time,
    /// How long before and after the moment is told of; four round trips unless given
    #[arg(long, value_name = "TIME")]
    pub around: Option<Span>,
    /// The point of the results, 1 being the first
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub point: usize,
    /// The seed; the first one unless given
    #[arg(long)]
    pub seed: Option<u64>,
}

/// Options of `compare`.
#[derive(Args, Clone, Debug)]
pub struct CompareOptions {
    /// A results folder, an experiment file, or a build of this program
    #[arg(value_hint = ValueHint::AnyPath)]
    pub a: PathBuf,
    /// What it is compared with, of the same kind or another
    #[arg(value_hint = ValueHint::AnyPath)]
    pub b: PathBuf,
    /// The experiment that builds run
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub on: Option<PathBuf>,
    #[command(flatten)]
    pub overrides: Overrides,
    /// How likely a false alarm may be over all figures together, if nothing has changed but chance
    #[arg(long, value_name = "SHARE", default_value = "5 %")]
    pub level: Prob,
    /// Differences that are surely smaller than this share of the first value do not count
    #[arg(long, value_name = "SHARE", default_value = "0 %")]
    pub margin: Prob,
    /// Lists all figures with their intervals, also those that do not differ
    #[arg(long)]
    pub all: bool,
    /// Ends with exit code 0 also where runs part but no figure differs
    #[arg(long)]
    pub allow_divergent: bool,
    /// Prints one JSON value instead of lines for people
    #[arg(long)]
    pub json: bool,
    /// Replaces files of verdicts that are there already
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub verdicts: VerdictFiles,
}

/// Options of `report`.
#[derive(Args, Clone, Debug)]
pub struct ReportOptions {
    /// Results folders of `clockwire run`: one page for all of them
    #[arg(required = true, value_hint = ValueHint::DirPath)]
    pub results: Vec<PathBuf>,
    /// The file to write; `report.html` in the results folder unless given, and needed for several
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Replaces files that say something else
    #[arg(long)]
    pub force: bool,
    #[command(flatten)]
    pub verdicts: VerdictFiles,
}

/// Options of `query`.
#[derive(Args, Clone, Debug)]
pub struct QueryOptions {
    /// A results folder, or one of its seeds
    #[arg(value_hint = ValueHint::DirPath)]
    pub results: PathBuf,
    /// The statement: 'select flow, avg(goodput_bps) from flows group by flow'; without it all tables and columns are told
    pub statement: Option<String>,
    /// Prints CSV with exact numbers
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Prints a JSON array with an object for each row
    #[arg(long)]
    pub json: bool,
}

/// Options of `export`.
#[derive(Args, Clone, Debug)]
pub struct ExportOptions {
    /// A results folder, or one of its seeds
    #[arg(value_hint = ValueHint::DirPath)]
    pub results: PathBuf,
    /// Tables, as `clockwire query RESULTS` names them; all unless given
    pub tables: Vec<String>,
    /// The folder for the files; `parquet` in the results folder unless given
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub out: Option<PathBuf>,
    /// Replaces files that are there already
    #[arg(long)]
    pub force: bool,
}

/// Options of `packetdrill`.
#[derive(Args, Clone, Debug)]
pub struct PacketdrillOptions {
    /// Scripts, and folders whose `*.pkt` files are scripts
    #[arg(required = true, value_hint = ValueHint::AnyPath)]
    pub paths: Vec<PathBuf>,
    /// Pushes count on segments that stand for several, too, and their pieces must be equally long
    #[arg(long)]
    pub strict: bool,
    /// Prints one JSON value instead of lines for people
    #[arg(long)]
    pub json: bool,
    /// Defines a word of scripts: `-D TFO_COOKIE=0123456789abcdef`; may be repeated
    #[arg(short = 'D', long = "define", value_name = "NAME=VALUE")]
    pub defines: Vec<String>,
    /// An option as in a script, which wins over the script's: `-o tolerance_usecs=1000`; may be repeated
    #[arg(short = 'o', long = "option", value_name = "NAME[=VALUE]")]
    pub options: Vec<String>,
    /// Prints no line for scripts that pass
    #[arg(long, short)]
    pub quiet: bool,
}

/// Options of `new`.
#[derive(Args, Clone, Debug)]
pub struct NewOptions {
    /// The experiment's name; the file is NAME.yaml
    #[arg(value_hint = ValueHint::FilePath)]
    pub name: String,
    /// What it begins with: a flow over a bottleneck, requests over HTTP, or a sweep with intervals
    #[arg(long, default_value = "flow", value_parser = PossibleValuesParser::new(commands::new::KINDS.map(|(kind, _)| kind)))]
    pub kind: String,
    /// Replaces a file that is there
    #[arg(long)]
    pub force: bool,
}

/// Options of `list`.
#[derive(Args, Clone, Debug)]
pub struct ListOptions {
    /// One of these groups, with parameters
    pub group: Option<String>,
    /// One thing of the group
    pub name: Option<String>,
    /// Prints one JSON value instead of lines for people: things, each with its parameters or columns
    #[arg(long, conflicts_with = "csv")]
    pub json: bool,
    /// Prints CSV: a row for each parameter or column, with what it takes or its unit
    #[arg(long)]
    pub csv: bool,
}

#[derive(Subcommand)]
enum Command {
    /// Writes a commented experiment that runs as it is
    New(NewOptions),
    /// Runs all points and seeds of experiments, writes the results, draws the figures, judges what is expected
    Run(RunOptions),
    /// Reads and resolves without running: hosts, addresses, routes, queues, warnings
    Check {
        /// Experiment files
        #[arg(required = true, value_hint = ValueHint::FilePath)]
        files: Vec<PathBuf>,
        #[command(flatten)]
        overrides: Overrides,
        /// Prints nothing but what is wrong
        #[arg(long, short)]
        quiet: bool,
    },
    /// Prints the flat file that would run
    Show {
        /// An experiment file
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
        #[command(flatten)]
        overrides: Overrides,
    },
    /// Redraws the figures of a results folder without the simulator
    Plot {
        /// A results folder, or one of its seeds
        #[arg(value_hint = ValueHint::DirPath)]
        results: PathBuf,
        /// Figures, such as `cwnd` or `cdf:table=requests,x=latency`; those of the manifest unless given
        figures: Vec<String>,
    },
    /// Writes `report.html` anew from a results folder without the simulator: one page with all of it, which opens offline
    ///
    /// `run` writes it, too, unless the file says `outputs: { report: false }`. Figures are those that lie in the folder, also such as
    /// `clockwire plot` has added. A report that is there already and says something else is replaced with `--force` alone.
    Report(ReportOptions),
    /// Answers a question in SQL over the tables of all runs of a results folder
    ///
    /// Each table of the results is one of the same name, with the columns `point`, those of variants and swept parameters, `seed` and `run` in front.
    /// `summary` has the means over the seeds, `measured` the numbers of each seed, `verdicts` what was expected. An empty cell is NULL. Beside the
    /// functions of SQLite there are median(x), quantile(x, p), stddev(x), half(x), jain(x) and number('10 ms'). Results are only read.
    Query(QueryOptions),
    /// Writes the tables of a results folder as Parquet: a file for each table, with the rows of all runs
    ///
    /// Columns and types are those of `query`: whole numbers are INT64, numbers DOUBLE, texts UTF-8, and what is missing is null. The metadata has units and
    /// meanings as JSON, under the key `clockwire`. The same results give the same bytes.
    Export(ExportOptions),
    /// Proves determinism: 1, 2, 3 and 8 shards, twice, and with bytes on every hop; all fingerprints must agree
    Verify(VerifyOptions),
    /// Tells whether two results, files or builds of this program are the same, and what differs
    ///
    /// IDENTICAL: every event, row and captured byte is the same. DIVERGENT: runs part, at an event that is named, but no figure differs by more
    /// than chance. DIFFERENT: figures differ, with their intervals, at a level that holds for all of them together (Holm's correction). Exit code: 0, 3,
    /// 1; 2 for bad input. Files and builds are run in a folder that goes afterwards; results stay as they are.
    Compare(CompareOptions),
    /// Tells the story of a moment of a flow: what its window did and why, what was lost where, what made it wait
    ///
    /// The run is repeated from its manifest with everything recorded, and must be the same run.
    Why(WhyOptions),
    /// Prints the engine's events of a run in a window of time: what arrived, woke up or was sent, where and when
    Events(EventsOptions),
    /// Runs packetdrill scripts against the TCP of the hosts, in virtual time
    ///
    /// Each script is judged: pass, fail (with the line, what was expected and what came), not runnable (with the feature that does not
    /// exist here; never a pass), malformed. Nothing outside of the simulator is touched: shell lines are a closed vocabulary that sets
    /// what the simulated system is set to. Exit code: 0 where every script passes, 1 where one fails or cannot be run, 2 where one is
    /// malformed or a path does not exist.
    Packetdrill(PacketdrillOptions),
    /// Names what there is: experiments, topologies, congestion controls, queues, link models, applications, plots, tables
    List(ListOptions),
    /// Prints the JSON Schema of experiment files, with which editors complete and check
    Schema,
    /// Prints a script with which a shell completes verbs, options and names
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Prints the manual as roff: of the program, or of one verb
    Man {
        /// A verb
        verb: Option<String>,
    },
}

/// The command. Exit codes: 0, 1 (an expectation failed, or runs differ), 2 (bad input), 3 (runs part, but what comes out is the same).
pub fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::New(options) => commands::new::new(&options),
        Command::Run(options) => commands::run::run(&options),
        Command::Check { files, overrides, quiet } => commands::check::check(&files, &overrides, quiet),
        Command::Show { file, overrides } => commands::check::show_file(&file, &overrides),
        Command::Plot { results, figures } => commands::plot::plot(&results, &figures),
        Command::Query(options) => commands::query::query(&options),
        Command::Export(options) => commands::export::export(&options),
        Command::Report(options) => commands::report::report(&options),
        Command::Verify(options) => commands::verify::verify(&options),
        Command::Compare(options) => return leave(commands::compare::compare(&options)),
        Command::Why(options) => commands::why::why(&options),
        Command::Events(options) => commands::events::events(&options),
        Command::Packetdrill(options) => commands::packetdrill::packetdrill(&options),
        Command::List(options) => commands::list::list(&options),
        Command::Schema => {
            let _ = writeln!(std::io::stdout(), "{:#}", crate::schema());
            Ok(true)
        }
        Command::Completions { shell } => commands::manual::completions(Cli::command(), shell),
        Command::Man { verb } => commands::manual::man(Cli::command(), verb.as_deref()),
    };
    leave(done.map(|well| u8::from(!well)))
}

/// Ends with an exit code, or with what is wrong with the input.
fn leave(done: Result<u8, String>) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(code),
        Err(message) => {
            complain!("{message}");
            if !message.ends_with('\n') {
                complain!("\n");
            }
            ExitCode::from(2)
        }
    }
}
