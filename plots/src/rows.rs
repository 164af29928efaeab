//! Which rows a figure is made of (`where`), and which of them are of one run: intervals are over runs, never over what one
//! run has measured several times.

use std::collections::BTreeMap;

use crate::Source;
use crate::args::{Args, bad};
use crate::error::Error;
use crate::kinds::column;
use crate::table::{Table, VARIANT, Want, header, matches, read_where};
use crate::units::{self, quantity};

/// `shop.to=wan`, as the brackets of expectations have it: rows whose column is this word, fits this pattern or is as large.
pub(crate) struct Condition {
    pub column: String,
    word: String,
    /// Whether a row has met it.
    met: bool,
    /// Some of the words that rows have.
    there: Vec<String>,
}

impl Condition {
    /// Whether a row's cell meets it.
    pub fn holds(&mut self, cell: &str) -> bool {
        let same = |a: &str, b: &str| matches!((quantity(a), quantity(b)), (Some(a), Some(b)) if a == b);
        let holds = matches(&self.word, cell) || same(&self.word, cell);
        self.met |= holds;
        if self.there.len() < 20 && !self.there.iter().any(|word| word == cell) {
            self.there.push(cell.to_string());
        }
        holds
    }

    /// That there were rows, and none of them was meant. Before a run rows are empty but for what is known of them; where there is one value alone the
    /// file is that of one point, and the figure is made of others.
    pub fn unmet(&self) -> Result<(), Error> {
        if self.met || self.there.len() < 2 {
            return Ok(());
        }
        let Condition { column, word, there, .. } = self;
        Err(bad("where", format!("`{column}` is never `{word}`; there are {}", there.join(", "))))
    }
}

/// The conditions of a figure.
pub(crate) fn conditions(sources: &[Source], table: &str, args: &Args) -> Result<Vec<Condition>, Error> {
    let condition = |text: &String| {
        let Some((name, word)) = text.split_once('=') else {
            return Err(bad("where", format!("`{text}` should be a column and its value, as in `wan.loss=1 %`")));
        };
        let column = column(sources, table, name.trim())?;
        Ok(Condition { column, word: word.trim().to_string(), met: false, there: Vec::new() })
    };
    args.list("where").iter().map(condition).collect()
}

/// The rows of a table that figures take means of.
pub(crate) struct Runs {
    pub table: Table,
    /// What was swept, besides what the figure tells apart itself.
    rest: Vec<String>,
    /// Each row is a run: a point and a seed.
    summary: bool,
    /// What keys of the figure tell rows apart.
    tells: &'static str,
}

/// A mean over runs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Mean {
    pub mean: f64,
    /// Half the width of the 95 % interval; 0 where there is but one run.
    pub half: f64,
    /// How many runs there were.
    pub runs: usize,
    /// How many values there were.
    pub values: usize,
}

impl Runs {
    /// Reads these columns of the rows that `where` keeps. `told` are the columns by which the figure tells rows apart, `tells`
    /// are the keys that name them.
    pub fn read(
        sources: &[Source],
        name: &str,
        args: &Args,
        wants: &[Want<'_>],
        (told, tells): (&[&str], &'static str),
    ) -> Result<Runs, Error> {
        let has = header(sources, name)?;
        let seed = has.iter().position(|column| column == "seed");
        let mut rest: Vec<String> = match seed {
            Some(seed) => has[..seed].to_vec(),
            None => vec![VARIANT.to_string()],
        };
        rest.retain(|column| !told.contains(&column.as_str()));
        let mut wants = wants.to_vec();
        wants.extend(rest.iter().map(|column| Want::Word(column)));
        let table = read_where(sources, name, &wants, &mut conditions(sources, name, args)?)?;
        Ok(Runs { table, rest, summary: seed.is_some(), tells })
    }

    /// The one axis that was swept besides what the figure tells apart, if there is one alone.
    pub fn only_axis(&self) -> Option<String> {
        let mut swept = self.rest.iter().filter(|column| self.table.words(column).words.len() > 1);
        swept.next().filter(|_| swept.next().is_none()).cloned()
    }

    /// The mean over runs of some rows' values; none where there are no values.
    ///
    /// # Errors
    /// Where rows are of several points, since those are no repetitions of one run.
    pub fn mean(&self, values: &[f64], rows: &[usize]) -> Result<Option<Mean>, Error> {
        for column in &self.rest {
            let words = self.table.words(column);
            let mut found: Vec<u32> = rows.iter().map(|row| words.index[*row]).collect();
            found.sort_unstable();
            found.dedup();
            if found.len() > 1 {
                let found: Vec<String> = found.iter().map(|word| words.words[*word as usize].clone()).collect();
                let why = format!(
                    "the figure would take means over all values of `{column}` ({}), which are no runs of one experiment: \
                     choose one, as in `where: {column}={}`, or let {} tell them apart",
                    crate::kinds::list(&found),
                    found[0],
                    self.tells
                );
                return Err(bad("where", why));
            }
        }
        let mut runs: BTreeMap<usize, (f64, usize)> = BTreeMap::new();
        for row in rows.iter().filter(|row| values[**row].is_finite()) {
            let run = if self.summary { *row } else { self.table.source(*row) };
            let (sum, count) = runs.entry(run).or_default();
            *sum += values[*row];
            *count += 1;
        }
        if runs.is_empty() {
            return Ok(None);
        }
        let means: Vec<f64> = runs.values().map(|(sum, count)| sum / *count as f64).collect();
        let (mean, half) = crate::kinds::interval(&means);
        Ok(Some(Mean { mean, half, runs: means.len(), values: runs.values().map(|(_, count)| count).sum() }))
    }
}

/// What a caption says of means.
pub(crate) fn says(means: &[Mean], interval: &str) -> String {
    let most = |of: fn(&Mean) -> usize| means.iter().map(of).max().unwrap_or(0);
    match (most(|mean| mean.runs), most(|mean| mean.values)) {
        (0, _) | (1, 1) => String::new(),
        (1, values) => format!("means of up to {values} values of one run, so without an interval"),
        (runs, _) => format!("{interval}; {runs} runs each"),
    }
}

/// Label and unit of a column, or what a key of the figure calls it.
pub(crate) fn named(args: &Args, key: &str, at: usize, column: &str) -> (String, units::Unit) {
    let (label, unit) = units::column(column);
    (args.list(key).get(at).cloned().unwrap_or(label), unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;

    fn summary(rows: &str) -> Vec<Source> {
        let text = format!("way,seed,y\n{rows}");
        vec![Source { label: String::new(), tables: Tables::Texts([("summary".to_string(), text)].into()) }]
    }

    fn runs(rows: &str, args: &Args) -> Result<Runs, Error> {
        Runs::read(&summary(rows), "summary", args, &[Want::Number("y")], (&[], "`group`"))
    }

    #[test]
    fn points_are_no_repetitions() {
        let rows = "lan,1,1\nlan,2,3\nwan,1,100\nwan,2,100\n";
        let all = runs(rows, &Args::default()).expect("it can be read");
        let why = all.mean(all.table.numbers("y"), &[0, 1, 2, 3]).expect_err("lan and wan").to_string();
        assert!(why.contains("`way` (lan, wan)") && why.contains("where: way=lan") && why.contains("`group`"), "{why}");
        let lan = runs(rows, &Args(vec![("where".into(), vec!["way=lan".into()])])).expect("it can be read");
        assert_eq!(lan.table.rows, 2);
        let mean = lan.mean(lan.table.numbers("y"), &[0, 1]).expect("of one point").expect("values");
        assert_eq!((mean.mean, mean.runs, mean.values), (2.0, 2, 2));
        assert!(mean.half > 12.7 && mean.half < 12.8, "Student's t for one degree of freedom: {mean:?}");
    }

    #[test]
    fn values_of_one_run_make_no_interval() {
        let table = |rows: &str| Source {
            label: "a".into(),
            tables: Tables::Texts([("http".to_string(), format!("y\n{rows}"))].into()),
        };
        let one =
            Runs::read(&[table("1\n3\n")], "http", &Args::default(), &[Want::Number("y")], (&[], "")).expect("read");
        let mean = one.mean(one.table.numbers("y"), &[0, 1]).expect("of one point").expect("values");
        assert_eq!(mean, Mean { mean: 2.0, half: 0.0, runs: 1, values: 2 });
        assert!(says(&[mean], "interval").contains("one run"));
        // Two seeds: the mean of each is a value, however many rows it has.
        let two = [table("1\n3\n"), table("4\n4\n4\n4\n")];
        let two = Runs::read(&two, "http", &Args::default(), &[Want::Number("y")], (&[], "")).expect("read");
        let mean = two.mean(two.table.numbers("y"), &[0, 1, 2, 3, 4, 5]).expect("of one point").expect("values");
        assert_eq!((mean.mean, mean.runs, mean.values), (3.0, 2, 6));
    }

    #[test]
    fn conditions_name_columns_and_values() {
        let says = |condition: &str, words: &[&str]| {
            let why = runs("lan,1,1\n10 ms,1,1\n", &Args(vec![("where".into(), vec![condition.into()])]));
            let why = why.err().expect("wrong").to_string();
            words.iter().for_each(|word| assert!(why.contains(word), "`{why}` does not say `{word}`"));
        };
        says("way", &["`where`", "`way`", "wan.loss=1 %"]);
        says("road=lan", &["no column `road`"]);
        says("way=man", &["never `man`", "lan, 10 ms"]);
        let same = runs("lan,1,1\n10 ms,1,1\n", &Args(vec![("where".into(), vec!["way=0.01 s".into()])]));
        assert_eq!(same.expect("as large").table.rows, 1);
    }

    /// Points that stand beside each other say in their labels what they are.
    #[test]
    fn labels_are_columns() {
        let point = |label: &str| Source {
            label: label.to_string(),
            tables: Tables::Texts([("calls".to_string(), "y\n1\n".to_string())].into()),
        };
        let points = [point("variant=bare, to=lan"), point("variant=bare, to=wan"), point("variant=rest, to=wan")];
        let args = Args(vec![("where".into(), vec!["to=wan".into(), "variant=rest".into()])]);
        let read = Runs::read(&points, "calls", &args, &[Want::Number("y"), Want::Word("to")], (&[VARIANT], ""))
            .expect("read");
        assert_eq!((read.table.rows, read.table.words("to").at(0)), (1, "wan"));
        assert_eq!(read.table.source(0), 2);
    }
}
