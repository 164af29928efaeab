//! What lies in a results folder: its runs, and the tables with their columns.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sim_core::{Kind, Table};

use crate::commands::list::unit;
use crate::results::About;
use crate::run::tables;
use crate::stored::Stored;

/// What a column holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holds {
    /// Whole numbers.
    Whole,
    /// Numbers.
    Real,
    /// Texts.
    Text,
    /// What the data dictionary does not know, from another version: numbers where they are numbers.
    Any,
}

impl Holds {
    /// By the data dictionary.
    pub fn of(kind: Kind) -> Holds {
        match kind {
            Kind::Count | Kind::Bytes | Kind::Rate | Kind::Flag => Holds::Whole,
            Kind::Time | Kind::Ratio => Holds::Real,
            Kind::Node | Kind::Port | Kind::Flow | Kind::Workload | Kind::Word(_) => Holds::Text,
            Kind::Text | Kind::Address | Kind::Bits(_) => Holds::Text,
        }
    }

    /// As SQL declares it.
    pub fn declared(self) -> &'static str {
        match self {
            Holds::Whole => "integer",
            Holds::Real => "real",
            Holds::Text => "text",
            Holds::Any => "",
        }
    }
}

/// A column.
#[derive(Clone, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// What it means; empty where nobody knows.
    pub help: String,
    /// Its unit, or what stands in it; empty where nobody knows.
    pub unit: String,
}

impl Column {
    fn new(name: &str, holds: Holds, help: &str) -> Column {
        Column { name: name.into(), holds, help: help.into(), unit: String::new() }
    }
}

/// Where the rows of a table come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Source {
    /// A file of the runs.
    Csv,
    /// `summary.json`: means over the seeds.
    Summary,
    /// `summary.json`: each seed.
    Measured,
    /// `summary.json`: what was expected.
    Verdicts,
}

/// A table.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Its name.
    pub name: String,
    /// Its columns, those of the run in front.
    pub columns: Vec<Column>,
    /// How many of them say of which run, or of which point, a row is.
    pub front: usize,
    /// Where its rows are.
    pub source: Source,
}

/// A run.
#[derive(Clone, Debug)]
pub struct Run {
    /// The point, 1 being the first; an index into [`Store::values`] plus one.
    pub point: usize,
    /// The seed.
    pub seed: u64,
    /// Its folder from the results on.
    pub place: PathBuf,
}

/// A results folder.
#[derive(Debug)]
pub struct Store {
    /// The folder.
    pub folder: PathBuf,
    /// For each point, the values of the parameters.
    pub values: Vec<Vec<String>>,
    /// The runs, in the order of points and seeds.
    pub runs: Vec<Run>,
    /// The tables, by name.
    pub tables: Vec<Shape>,
    /// What `summary.json` says; there is none in the folder of one run.
    pub stored: Option<Stored>,
}

impl Store {
    /// Looks at a results folder, or at that of one run.
    ///
    /// # Errors
    /// That it is none, or what is wrong with it.
    pub fn open(folder: &Path) -> Result<Store, String> {
        let wrong = |why: &dyn std::fmt::Display| format!("error: {}: {why}\n", folder.display());
        let stored = Stored::read(folder).map_err(|error| wrong(&error))?;
        let mut store =
            Store { folder: folder.into(), values: vec![Vec::new()], runs: Vec::new(), tables: Vec::new(), stored };
        let mut dimensions = Vec::new();
        if let Some(stored) = &store.stored {
            dimensions.clone_from(&stored.dimensions);
            let value = |point: &BTreeMap<String, String>, name: &String| point.get(name).cloned().unwrap_or_default();
            store.values =
                stored.points.iter().map(|at| dimensions.iter().map(|name| value(&at.point, name)).collect()).collect();
            for point in 0..stored.points.len() {
                let run = |&seed: &u64| Run { point: point + 1, seed, place: stored.run(Path::new(""), point, seed) };
                store.runs.extend(stored.seeds.iter().map(run));
            }
        } else if folder.join("manifest.yaml").is_file() {
            let seed = About::read(folder)?.seed;
            store.runs.push(Run { point: 1, seed, place: PathBuf::new() });
        } else {
            return Err(wrong(&"it holds no results of `clockwire run`"));
        }
        store.find(&dimensions).map_err(|(path, why)| format!("error: {}: {why}\n", path.display()))?;
        Ok(store)
    }

    /// Its tables: the files of its runs, and what the summary holds.
    fn find(&mut self, dimensions: &[String]) -> Result<(), (PathBuf, String)> {
        let mut files: BTreeMap<String, PathBuf> = BTreeMap::new();
        for run in &self.runs {
            let at = self.folder.join(&run.place);
            let entries = fs::read_dir(&at).map_err(|why| (at, why.to_string()))?;
            for path in entries.flatten().map(|entry| entry.path()) {
                if let (Some(name), Some("csv")) = (path.file_stem(), path.extension().and_then(|end| end.to_str())) {
                    files.entry(name.to_string_lossy().into_owned()).or_insert(path);
                }
            }
        }
        let known = tables();
        for (name, path) in files {
            let header = csv::Reader::from_path(&path).and_then(|mut table| table.headers().cloned());
            let header = header.map_err(|why| (path, why.to_string()))?;
            let table = known.iter().find(|table| table.name == name);
            let own = header.iter().map(|column| described(table.copied(), column)).collect();
            self.tables.push(shape(&name, dimensions, true, own, Source::Csv));
        }
        if self.stored.is_some() {
            let figure = || {
                vec![
                    Column::new("subject", Holds::Text, "the flow, workload or link; `run` for the whole run"),
                    Column::new("quantity", Holds::Text, "what it is: `goodput_bps`"),
                    Column::new("unit", Holds::Text, "its unit"),
                ]
            };
            let mut own = figure();
            own.push(Column::new("value", Holds::Real, "the number of this seed"));
            self.tables.push(shape("measured", dimensions, true, own, Source::Measured));
            let mut own = figure();
            own.extend([
                Column::new("seeds", Holds::Whole, "how many seeds have a value"),
                Column::new("mean", Holds::Real, "the mean over them"),
                Column::new("low", Holds::Real, "the lower end of its 95 % interval; none of one seed"),
                Column::new("high", Holds::Real, "the upper end"),
            ]);
            self.tables.push(shape("summary", dimensions, false, own, Source::Summary));
            let own = vec![
                Column::new("expectation", Holds::Text, "what was expected"),
                Column::new("at", Holds::Text, "the point, in words; empty where it is of all"),
                Column::new("holds", Holds::Whole, "1 where it holds, 0 where not"),
                Column::new("says", Holds::Text, "what was found"),
            ];
            self.tables.push(Shape { name: "verdicts".into(), columns: own, front: 0, source: Source::Verdicts });
        }
        self.tables.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(())
    }

    /// The names of its tables.
    pub fn names(&self) -> Vec<&str> {
        self.tables.iter().map(|table| table.name.as_str()).collect()
    }

    /// The tables that a statement seems to name; all of them where it names none.
    pub fn named_in(&self, sql: &str) -> Vec<&Shape> {
        let text = sql.to_lowercase();
        let named: Vec<&Shape> =
            self.tables.iter().filter(|table| words(&text).any(|word| word == table.name)).collect();
        if named.is_empty() { self.tables.iter().collect() } else { named }
    }
}

/// What may be names in the text of a statement.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

/// A column of a file, as the data dictionary has it.
fn described(table: Option<&Table>, name: &str) -> Column {
    let told = |kind: Kind, help: &str| Column { unit: unit(kind), ..Column::new(name, Holds::of(kind), help) };
    if name == "time_s" {
        return told(Kind::Time, "the moment of the row");
    }
    let column = table.and_then(|table| table.columns.iter().find(|column| column.name == name));
    column.map_or(Column::new(name, Holds::Any, ""), |column| told(column.kind, column.help))
}

/// A table with the columns in front that say what its rows are of. A parameter that is called as a column of the table is gets `point.` in front.
fn shape(name: &str, dimensions: &[String], each_run: bool, own: Vec<Column>, source: Source) -> Shape {
    let mut columns = vec![Column::new("point", Holds::Whole, "the point of the plan, 1 being the first")];
    let fixed = ["point", "seed", "run"];
    for dimension in dimensions {
        let same = |other: &str| other.eq_ignore_ascii_case(dimension);
        let taken = own.iter().any(|column| same(&column.name)) || fixed.into_iter().any(same);
        let name = if taken { format!("point.{dimension}") } else { dimension.clone() };
        columns.push(Column::new(&name, Holds::Text, "a parameter of the experiment, as its file writes it"));
    }
    if each_run {
        columns.push(Column::new("seed", Holds::Whole, "the seed of the run"));
        columns.push(Column::new("run", Holds::Text, "the folder of the run"));
    }
    let front = columns.len();
    columns.extend(own);
    Shape { name: name.into(), columns, front, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_table_of_the_dictionary_has_a_name_that_is_taken() {
        for table in tables() {
            assert!(!["summary", "measured", "verdicts"].contains(&table.name), "{}", table.name);
            for column in table.columns {
                assert!(!["point", "seed", "run"].contains(&column.name), "{}.{}", table.name, column.name);
            }
        }
    }

    #[test]
    fn a_parameter_called_as_a_column_is_told_apart() {
        let own = vec![Column::new("workload", Holds::Text, ""), Column::new("x", Holds::Any, "")];
        let names: Vec<String> =
            shape("t", &["Workload".into(), "wan.delay".into(), "seed".into()], true, own, Source::Csv)
                .columns
                .into_iter()
                .map(|column| column.name)
                .collect();
        assert_eq!(names, ["point", "point.Workload", "wan.delay", "point.seed", "seed", "run", "workload", "x"]);
    }
}
