//! Checks with their names resolved, before anything runs: what is wrong with them is an error of the file.

use std::collections::BTreeMap;

use sim_core::Outcome;
use topologies::{Diagnostic, Diagnostics, Expect, Experiment, Place, Plan, Severity};

use super::golden::Golden;
use super::judge::{self, Judgement};
use super::names::{self, FUNCTIONS, Meaning, STATISTICS, Statistic, Subject};
use super::parse::{self, Check, Comparison, Expr, Path, Where, Wrong};
use super::series::Series;
use super::value::{Leaf, Tree, Value};
use crate::quantity::{self, Dimension, Written};
use crate::stored::Stored;

/// An expression with what it measures.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Typed {
    pub tree: Tree,
    pub dimension: Dimension,
    /// Whether it is a share of one, printed in percent.
    pub share: bool,
    /// How a lone number was written.
    pub written: Option<Written>,
    pub words: Option<&'static [&'static str]>,
    pub shape: Shape,
}

/// How many values an expression has.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Shape {
    /// One.
    One,
    /// One for each of these.
    Named(Vec<String>),
    /// As many as there are rows.
    Rows,
}

/// A check at a point.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Bound {
    /// The check that it comes from.
    pub expect: usize,
    /// The points of which it is the same check.
    pub points: Vec<usize>,
    /// Both sides and their comparison; two of them for `between`.
    pub parts: Vec<(Typed, Comparison, Typed)>,
}

/// All checks of an experiment, the columns that it computes for the summary, and what has to be measured for them.
#[derive(Clone, Debug, Default)]
pub struct Program {
    pub(super) leaves: Vec<Leaf>,
    pub(super) bound: Vec<Bound>,
    pub(super) columns: Vec<Computed>,
    goldens: Vec<Golden>,
    /// What `seeds: { until: … }` looks at, at each point.
    pub(super) aim: Vec<Typed>,
}

/// A column of the summary.
#[derive(Clone, Debug)]
pub(super) struct Computed {
    /// With its unit.
    name: String,
    /// What it is at each point that has it.
    pub(super) points: Vec<(usize, Typed)>,
}

impl Program {
    /// Resolves the checks of an experiment.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub fn new(experiment: &Experiment) -> Result<Program, Diagnostics> {
        let mut program = Program::default();
        let mut found = Diagnostics::default();
        for (number, expect) in experiment.expect.iter().enumerate() {
            if let Some(same_as) = &expect.same_as {
                match Golden::read(expect, same_as) {
                    Ok(golden) => program.goldens.push(golden),
                    Err(wrong) => found.push(*wrong),
                }
            } else if let Err(wrong) = program.add(experiment, number, expect) {
                found.push(diagnostic(expect.place.clone(), &expect.check, &expect.path, wrong));
            }
        }
        for (point, at) in experiment.points.iter().zip(0..) {
            for (name, expression) in &point.plan.outputs.summary {
                if let Err(wrong) = program.add_column(experiment, at, name, &expression.name) {
                    found.push(diagnostic(expression.place.clone(), &expression.name, &expression.path, wrong));
                }
            }
        }
        if let Some(until) = &experiment.until
            && let Err(wrong) = program.add_aim(experiment, until)
        {
            found.push(*wrong);
        }
        if found.is_empty() { Ok(program) } else { Err(found) }
    }

    fn add(&mut self, experiment: &Experiment, number: usize, expect: &Expect) -> Result<(), Wrong> {
        let check = parse::parse(&expect.check)?;
        let whole = Where { at: 0, len: expect.check.chars().count() };
        if expect.confidence.is_some() && experiment.seeds.len() < 2 {
            return Err(Wrong::new("a confidence needs at least two seeds, and the experiment has one", whole)
                .help("as in `experiment: { seeds: 10 }`"));
        }
        let chosen = points(experiment, expect, whole)?;
        for point in chosen {
            let parts = match &check {
                Check::Compare(left, comparison, right) => {
                    vec![self.compare(experiment, point, left, *comparison, right)?]
                }
                Check::Between(value, low, high) => vec![
                    self.compare(experiment, point, value, Comparison::AtLeast, low)?,
                    self.compare(experiment, point, value, Comparison::AtMost, high)?,
                ],
            };
            match self.bound.iter_mut().find(|bound| bound.expect == number && bound.parts == parts) {
                Some(same) => same.points.push(point),
                None => self.bound.push(Bound { expect: number, points: vec![point], parts }),
            }
        }
        Ok(())
    }

    fn compare(
        &mut self,
        experiment: &Experiment,
        point: usize,
        left: &Expr,
        comparison: Comparison,
        right: &Expr,
    ) -> Result<(Typed, Comparison, Typed), Wrong> {
        let mut binder = Binder { experiment, point, leaves: &mut self.leaves };
        let (left, right) = binder.sides(left, comparison, right)?;
        Ok((left, comparison, right))
    }

    fn add_column(&mut self, experiment: &Experiment, point: usize, name: &str, text: &str) -> Result<(), Wrong> {
        let typed = self.number(experiment, point, text, "a column of the summary")?;
        let unit = match typed.dimension {
            Dimension::TIME => "_s",
            Dimension::RATE => "_bps",
            Dimension::DATA => "_bytes",
            _ => "",
        };
        let name = if name.ends_with(unit) { name.to_string() } else { format!("{name}{unit}") };
        match self.columns.iter_mut().find(|column| column.name == name) {
            Some(column) => column.points.push((point, typed)),
            None => self.columns.push(Computed { name, points: vec![(point, typed)] }),
        }
        Ok(())
    }

    /// The computed columns of the summary: name, what it measures, whether it is a share.
    pub fn columns(&self) -> Vec<(&str, Dimension, bool)> {
        let of = |column: &Computed| column.points.first().map(|(_, typed)| (typed.dimension, typed.share));
        self.columns
            .iter()
            .map(|column| (column.name.as_str(), of(column)))
            .map(|(name, of)| {
                let (dimension, share) = of.unwrap_or_default();
                (name, dimension, share)
            })
            .collect()
    }

    /// The computed columns of a run, in base units.
    pub fn compute(&self, point: usize, seed: usize, measured: &[Vec<Vec<Option<Value>>>]) -> Vec<Option<f64>> {
        let of = |column: &Computed| {
            let (_, typed) = column.points.iter().find(|(at, _)| *at == point)?;
            let value = typed.tree.value(&|leaf| judge::leaf(measured, seed, leaf));
            value.list().first().copied()
        };
        self.columns.iter().map(of).collect()
    }

    /// What the checks need of a point's runs, as records of runs call it.
    pub fn asks(&self, point: usize) -> Vec<String> {
        self.leaves.iter().filter(|leaf| leaf.point == point).map(Leaf::signature).collect()
    }

    /// Measures what the checks need of a point's run.
    pub fn measure(&self, point: usize, plan: &Plan, outcome: &Outcome) -> BTreeMap<String, Value> {
        let leaves = self.leaves.iter().filter(|leaf| leaf.point == point);
        leaves.map(|leaf| (leaf.signature(), leaf.read(plan, outcome))).collect()
    }

    /// The values of all leaves in a point's run, of what was measured in it.
    pub fn recall(&self, point: usize, measured: &BTreeMap<String, Value>) -> Vec<Option<Value>> {
        let value = |leaf: &Leaf| (leaf.point == point).then(|| measured.get(&leaf.signature()).cloned()).flatten();
        self.leaves.iter().map(value).collect()
    }

    /// Judges all checks; `measured` is of each point and seed what [`Program::recall`] gave.
    pub fn judge(&self, experiment: &Experiment, measured: &[Vec<Vec<Option<Value>>>]) -> Vec<Judgement> {
        self.bound.iter().map(|bound| judge::judge(experiment, bound, measured)).collect()
    }

    /// Whether anything must be as it was.
    pub fn has_golden(&self) -> bool {
        !self.goldens.is_empty()
    }

    /// Judges that results are those of another time, by the text of a summary.
    pub fn judge_golden(&self, summary: &str) -> Vec<Judgement> {
        let now = Stored::parse(summary).expect("a summary of this program can be read");
        self.goldens.iter().map(|golden| golden.judge(&now)).collect()
    }
}

/// The points that a check is about.
fn points(experiment: &Experiment, expect: &Expect, whole: Where) -> Result<Vec<usize>, Wrong> {
    let mut chosen: Vec<usize> = (0..experiment.points.len()).collect();
    for (dimension, values) in &expect.point {
        let path = |value: &str| Path {
            names: vec![String::new()],
            point: vec![(dimension.clone(), value.to_string())],
            window: None,
            place: whole,
        };
        let mut wanted = Vec::new();
        for value in values {
            // Whether dimension and value exist.
            let there = names::point(experiment, 0, &path(value))?;
            let at = experiment.dimensions.iter().position(|name| name == dimension).expect("it was just found");
            wanted.push((at, experiment.points[there].values[at].clone()));
        }
        chosen.retain(|point| wanted.iter().any(|(at, value)| experiment.points[*point].values[*at] == *value));
    }
    Ok(chosen)
}

/// An error of a check as an error of the file.
pub(super) fn diagnostic(place: Option<Place>, text: &str, path: &str, wrong: Wrong) -> Diagnostic {
    let place = place.map(|place| place.within(text, wrong.place));
    Diagnostic { severity: Severity::Error, message: wrong.message, place, path: path.into(), help: wrong.help }
}

pub(super) struct Binder<'a> {
    pub(super) experiment: &'a Experiment,
    pub(super) point: usize,
    pub(super) leaves: &'a mut Vec<Leaf>,
}

impl Binder<'_> {
    /// The place of a leaf among all.
    pub(super) fn add(&mut self, leaf: Leaf) -> usize {
        self.leaves.iter().position(|known| *known == leaf).unwrap_or_else(|| {
            self.leaves.push(leaf);
            self.leaves.len() - 1
        })
    }

    /// Both sides of a comparison, which measure the same.
    fn sides(&mut self, left: &Expr, comparison: Comparison, right: &Expr) -> Result<(Typed, Typed), Wrong> {
        // `flow.outcome == finished`: a lone word is one of the column's words.
        let lone = |expr: &Expr| match expr {
            Expr::Path(path) if path.names.len() == 1 && path.point.is_empty() && path.window.is_none() => {
                Some((path.names[0].clone(), path.place))
            }
            _ => None,
        };
        let (a, b) = match (lone(left), lone(right)) {
            (_, Some(word)) => {
                let left = self.bind(left)?;
                let right = self.word(&left, &word, right)?;
                (left, right)
            }
            (Some(word), None) => {
                let right = self.bind(right)?;
                (self.word(&right, &word, left)?, right)
            }
            (None, None) => (self.bind(left)?, self.bind(right)?),
        };
        let place = right.place();
        if (a.words.is_some() || b.words.is_some()) && !matches!(comparison, Comparison::Equal | Comparison::Unequal) {
            return Err(Wrong::new(
                format!("words have no order, so `{}` says nothing of them", comparison.sign()),
                place,
            )
            .help("use `==` or `!=`"));
        }
        if a.words.map(<[_]>::as_ptr) != b.words.map(<[_]>::as_ptr) {
            return Err(Wrong::new("one side is a word and the other a number, or a word of another kind", place));
        }
        same_measure(&a, &b, place)?;
        agree(&a.shape, &b.shape, place)?;
        Ok((a, b))
    }

    fn word(&mut self, other: &Typed, (word, place): &(String, Where), expr: &Expr) -> Result<Typed, Wrong> {
        let Some(words) = other.words else { return self.bind(expr) };
        match words.iter().position(|known| known == word) {
            Some(at) => Ok(Typed { tree: Tree::Constant(at as f64), words: Some(words), ..plain() }),
            None => Err(Wrong::new(format!("it is never `{word}`"), *place)
                .help(names::meant(word, words))
                .help(format!("it is one of {}", words.join(", ")))),
        }
    }

    pub(super) fn bind(&mut self, expr: &Expr) -> Result<Typed, Wrong> {
        match expr {
            Expr::Number(value, dimension, written, _) => Ok(Typed {
                tree: Tree::Constant(*value),
                dimension: *dimension,
                share: *written == Written::Share,
                written: Some(*written),
                ..plain()
            }),
            Expr::Negative(inner) => {
                let inner = self.numbers(inner)?;
                Ok(Typed { tree: Tree::Negative(Box::new(inner.tree)), ..inner })
            }
            Expr::Binary(left, sign, right, place) => self.binary(left, *sign, right, *place),
            Expr::Path(path) => self.path(path, None),
            Expr::Two(name, argument, second, place) => self.series(name, argument, Some(second), *place),
            Expr::Call(name, argument, test, place) => self.call(name, argument, test.as_ref(), *place),
        }
    }

    /// An expression that is not made of words.
    pub(super) fn numbers(&mut self, expr: &Expr) -> Result<Typed, Wrong> {
        let bound = self.bind(expr)?;
        match bound.words {
            None => Ok(bound),
            Some(_) => Err(Wrong::new("words cannot be computed with", expr.place())
                .help("compare them, or count them: `count(x.outcome == finished)`")),
        }
    }

    fn binary(&mut self, left: &Expr, sign: char, right: &Expr, place: Where) -> Result<Typed, Wrong> {
        let (a, b) = (self.numbers(left)?, self.numbers(right)?);
        let shape = agree(&a.shape, &b.shape, place)?;
        let absurd = || Wrong::new("this product of quantities is too much", place);
        let (dimension, share) = match sign {
            '*' => (a.dimension.times(b.dimension).ok_or_else(absurd)?, false),
            '/' => (a.dimension.over(b.dimension).ok_or_else(absurd)?, false),
            _ => {
                same_measure(&a, &b, place)?;
                (a.dimension, a.share || b.share)
            }
        };
        // A share of something keeps being one: `0.5 * wan.utilization`.
        let share = share || sign == '*' && dimension == Dimension::NONE && (a.share != b.share);
        let tree = Tree::Binary(Box::new(a.tree), sign, Box::new(b.tree));
        Ok(Typed { tree, dimension, share, shape, ..plain() })
    }

    fn call(
        &mut self,
        name: &str,
        argument: &Expr,
        test: Option<&(Comparison, Box<Expr>)>,
        place: Where,
    ) -> Result<Typed, Wrong> {
        if let Some((comparison, other)) = test {
            let share = match name {
                "count" => false,
                "share" => true,
                _ => return Err(Wrong::new(format!("`{name}` takes no test; `count` and `share` do"), place)),
            };
            let (a, b) = self.sides(argument, *comparison, other)?;
            let tree = Tree::Test(share, Box::new(a.tree), *comparison, Box::new(b.tree));
            return Ok(Typed { tree, share, ..plain() });
        }
        if let Some(statistic) = Statistic::by_name(name).filter(|_| name != "count") {
            let inner = self.numbers(argument)?;
            return Ok(summarized(inner, statistic));
        }
        match name {
            "count" => Ok(summarized(self.bind(argument)?, Statistic::Count)),
            "jain" => {
                let inner = match argument {
                    Expr::Path(path) => self.path(path, Some("goodput"))?,
                    other => self.numbers(other)?,
                };
                Ok(summarized(inner, Statistic::Jain))
            }
            "share" => Err(Wrong::new("`share` needs a test", place).help("as in `share(web.latency < 100 ms)`")),
            "sqrt" => {
                let inner = self.numbers(argument)?;
                if inner.dimension != Dimension::NONE {
                    return Err(Wrong::new(format!("`sqrt` of {}", inner.dimension.words()), place)
                        .help("it takes plain numbers, such as a ratio of two quantities"));
                }
                Ok(Typed { tree: Tree::Root(Box::new(inner.tree)), shape: inner.shape, ..plain() })
            }
            "abs" => {
                let inner = self.numbers(argument)?;
                Ok(Typed { tree: Tree::Absolute(Box::new(inner.tree)), written: None, ..inner })
            }
            "point" => self.dimension_value(argument, place),
            name if Series::by_name(name, None).is_some() => self.series(name, argument, None, place),
            _ => {
                let mut known: Vec<&str> = FUNCTIONS.iter().map(|(name, _)| *name).collect();
                known.extend(STATISTICS.iter().map(|(name, _)| *name).filter(|name| *name != "count"));
                Err(Wrong::new(format!("there is no function `{name}`"), place)
                    .help(names::meant(name, &known))
                    .help(format!("there are {}, and percentiles such as p95", known.join(", "))))
            }
        }
    }

    /// `point(wan.delay)`: a number that the sweep gives.
    fn dimension_value(&mut self, argument: &Expr, place: Where) -> Result<Typed, Wrong> {
        let Expr::Path(path) = argument else {
            return Err(Wrong::new("`point` needs the name of a dimension", place).help("as in `point(wan.delay)`"));
        };
        let known: Vec<&str> = self.experiment.dimensions.iter().map(String::as_str).collect();
        let Some(at) = known.iter().position(|name| *name == path.text()) else {
            return Err(Wrong::new(format!("the experiment has no dimension `{}`", path.text()), path.place)
                .help(names::meant(&path.text(), &known))
                .help(if known.is_empty() {
                    "it has no sweep".into()
                } else {
                    format!("there are {}", known.join(", "))
                }));
        };
        let text = &self.experiment.points[self.point].values[at];
        let (value, dimension, written) = quantity::parse(text).map_err(|why| {
            Wrong::new(format!("the value `{text}` of `{}` is no number: {why}", path.text()), path.place)
        })?;
        let share = written == Written::Share;
        Ok(Typed { tree: Tree::Constant(value), dimension, share, ..plain() })
    }

    fn path(&mut self, path: &Path, default: Option<&str>) -> Result<Typed, Wrong> {
        let point = names::point(self.experiment, self.point, path)?;
        let plan = &self.experiment.points[point].plan;
        let meaning = names::meaning(plan, path, default)?;
        match meaning {
            Meaning::Constant(value, dimension) => Ok(Typed { tree: Tree::Constant(value), dimension, ..plain() }),
            Meaning::Duration(subject) => {
                let table =
                    crate::run::tables().into_iter().find(|table| table.name == "flows").expect("it is always there");
                let column = |name: &str| {
                    table.columns.iter().position(|column| column.name == name).expect("flows have a start and an end")
                };
                let (start, end) = (column("start_s"), column("end_s"));
                let end = self.leaf(point, subject.clone(), table, end, path)?;
                let start = self.leaf(point, subject, table, start, path)?;
                let tree = Tree::Binary(Box::new(end.tree), '-', Box::new(start.tree));
                Ok(Typed { tree, ..end })
            }
            Meaning::Column { subject, table, column, statistic } => {
                let leaf = self.leaf(point, subject, table, column, path)?;
                match statistic {
                    None => Ok(leaf),
                    Some(Statistic::Count) => Ok(summarized(leaf, Statistic::Count)),
                    Some(_) if leaf.words.is_some() => Err(Wrong::new("words have no such statistic", path.place)
                        .help("count them: `count(x.outcome == finished)`")),
                    Some(statistic) => Ok(summarized(leaf, statistic)),
                }
            }
        }
    }

    fn leaf(
        &mut self,
        point: usize,
        subject: Subject,
        table: &'static sim_core::Table,
        column: usize,
        path: &Path,
    ) -> Result<Typed, Wrong> {
        let plan = &self.experiment.points[point].plan;
        let single = matches!(table.name, "flows" | "links" | "udp");
        if single && path.window.is_some() {
            return Err(Wrong::new(
                format!("the table `{}` has one row, at the end: there is nothing to cut a window from", table.name),
                path.place,
            )
            .help("`x.throughput[5 s..60 s].mean` and `wan.queue[5 s..].max` are series"));
        }
        if table.name == "queue"
            && let Subject::Links(links) = &subject
            && let Some((name, _)) = links.iter().find(|(_, ports)| {
                plan.outputs.every.is_none() || !ports.iter().any(|port| plan.outputs.sampled.contains(port))
            })
        {
            return Err(Wrong::new(format!("the queue of `{name}` is not sampled"), path.place)
                .help(format!("as in `outputs: {{ series: {{ queue: [{name}], every: 10 ms }} }}`")));
        }
        if matches!(table.name, "tcp" | "rtt" | "states")
            && let Subject::Flows(flows) = &subject
            && !flows.iter().any(|flow| plan.flows[*flow as usize].config.traced)
        {
            return Err(Wrong::new(
                format!("`{}` is not traced, so its table `{}` is empty", path.names[0], table.name),
                path.place,
            )
            .help(format!("as in `outputs: {{ series: {{ cwnd: [{}] }} }}`", path.names[0])));
        }
        if !crate::run::wanted_tables(plan).iter().any(|wanted| wanted.name == table.name) {
            let help = match table.name {
                "throughput" => "as in `outputs: { series: { every: 10 ms } }`".to_string(),
                name => format!("as in `outputs: {{ tables: [{name}] }}`"),
            };
            return Err(Wrong::new(format!("the table `{}` is not recorded", table.name), path.place).help(help));
        }
        let members: Vec<String> = match &subject {
            Subject::Flows(flows) => flows.iter().map(|flow| plan.flows[*flow as usize].name.clone()).collect(),
            Subject::Links(links) => links.iter().map(|(name, _)| name.clone()).collect(),
        };
        let shape = match (single, members.len()) {
            (false, _) => Shape::Rows,
            (true, 1) => Shape::One,
            (true, _) => Shape::Named(members),
        };
        let kind = table.columns[column].kind;
        let leaf = Leaf { point, subject, table, column, window: path.window, moments: false, text: path.text() };
        let at = self.add(leaf);
        Ok(Typed {
            tree: Tree::Leaf(at),
            dimension: Dimension::of(kind),
            share: kind == sim_core::Kind::Ratio,
            words: match kind {
                sim_core::Kind::Word(words) => Some(words),
                _ => None,
            },
            shape,
            written: None,
        })
    }
}

pub(super) fn plain() -> Typed {
    Typed {
        tree: Tree::Constant(0.0),
        dimension: Dimension::NONE,
        share: false,
        written: None,
        words: None,
        shape: Shape::One,
    }
}

fn summarized(inner: Typed, statistic: Statistic) -> Typed {
    let tree = Tree::Summary(statistic, Box::new(inner.tree));
    match statistic {
        Statistic::Count | Statistic::Jain => Typed { tree, ..plain() },
        _ => Typed { tree, dimension: inner.dimension, share: inner.share, ..plain() },
    }
}

/// The shape of two things put together.
fn agree(a: &Shape, b: &Shape, place: Where) -> Result<Shape, Wrong> {
    match (a, b) {
        (Shape::One, other) | (other, Shape::One) => Ok(other.clone()),
        (Shape::Named(a), Shape::Named(b)) if a == b => Ok(Shape::Named(a.clone())),
        _ => Err(Wrong::new("both sides have many values, and not of the same things", place)
            .help("say which number is meant, as in `mean(flows.goodput)` or `web.latency.p95`")),
    }
}

/// That two things measure the same.
fn same_measure(a: &Typed, b: &Typed, place: Where) -> Result<(), Wrong> {
    let zero = |side: &Typed| side.written == Some(Written::Bare) && side.tree == Tree::Constant(0.0);
    if zero(a) || zero(b) {
        return Ok(());
    }
    let bare = |side: &Typed| side.written == Some(Written::Bare);
    if a.dimension != b.dimension {
        let (measured, other) = if bare(a) { (b, a) } else { (a, b) };
        let wrong = Wrong::new(
            format!("one side is {}, the other is {}", measured.dimension.words(), other.dimension.words()),
            place,
        );
        return Err(if bare(other) {
            wrong.help(format!("a quantity needs its unit, as in `{}`", measured.dimension.example()))
        } else {
            wrong
        });
    }
    if a.share && bare(b) || b.share && bare(a) {
        return Err(Wrong::new("a share is compared with a bare number", place)
            .help("some mean percent by it and some a fraction: write `80 %`"));
    }
    Ok(())
}
