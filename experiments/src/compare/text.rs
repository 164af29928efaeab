//! The answer in words, as JSON, and as verdicts for JUnit and Markdown.

use comfy_table::{Cell, CellAlignment};
use serde_json::{Value, json};

use super::runs::{First, RowPair};
use super::{Answer, Compared, Comparison};
use crate::commands::events;
use crate::quantity::{Dimension, show, show_mean};
use crate::stored::{Stored, StoredVerdict};
use crate::summary::grid;

/// More figures that differ than this are not listed one by one, unless all are asked for.
const FIGURES_MAX: usize = 20;
/// More runs that part, figures and points that one side lacks, than this are counted.
const NAMES_MAX: usize = 5;

/// The answer for people. `all`: every figure is listed.
pub fn people(found: &Comparison, all: bool) -> String {
    let mut text = format!("{}: {}\n\n", found.answer().word(), in_a_line(found));
    for (letter, side) in ["A", "B"].iter().zip(&found.sides) {
        let Stored { version, seeds, points, .. } = &side.stored;
        let seed = if seeds.len() == 1 { "seed" } else { "seeds" };
        let points = if points.len() == 1 { String::new() } else { format!(", {} points", points.len()) };
        text +=
            &format!("{letter}: {} (clockwire {version}, {seed} {}{points})\n", side.name, side.stored.seed_words());
    }
    text += "\n";
    text += &left_over(found);
    if let Some(first) = &found.runs.first {
        text += &format!("{}\n", runs(found));
        text += &parting(first);
        text += "\n";
    }
    text += &figures(found, all);
    for (check, point, holds) in &found.turned {
        let at = if point.is_empty() { String::new() } else { format!(" [{point}]") };
        let words = if *holds { "fails in A and holds in B" } else { "holds in A and FAILS in B" };
        text += &format!("expectation `{check}`{at}: {words}\n");
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn in_a_line(found: &Comparison) -> String {
    let (count, differ) = (found.figures.len(), found.figures.iter().filter(|figure| figure.differs).count());
    let level = show(found.level.level, Dimension::NONE, true);
    let parted = found.runs.parted.len();
    match found.answer() {
        Answer::Identical => format!("every event, row and captured byte of {}", many(found.runs.count, "run")),
        Answer::Different => {
            format!("{differ} of {} beyond chance, at a level of {level} for all together", many(count, "figure"))
        }
        Answer::Divergent if found.runs.count == 0 => {
            format!(
                "no run has its seed on both sides; none of {} differs beyond chance at {level}",
                many(count, "figure")
            )
        }
        Answer::Divergent if parted == 0 => "what both sides have is the same, but one has more".into(),
        Answer::Divergent if found.figures.iter().all(|figure| figure.contrast.is_none()) => {
            format!("{parted} of {} part; with one seed nothing can be said of chance", many(found.runs.count, "run"))
        }
        Answer::Divergent => format!(
            "{parted} of {} part, but none of {} differs beyond chance at {level}",
            many(found.runs.count, "run"),
            many(count, "figure")
        ),
    }
}

fn many(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

/// What one side alone has.
fn left_over(found: &Comparison) -> String {
    let mut text = String::new();
    for (side, letter) in ["A", "B"].iter().enumerate() {
        let seeds: Vec<String> = found.runs.lonely[side].iter().map(u64::to_string).collect();
        for (what, names) in
            [("points", &found.alone[side]), ("seeds", &seeds), ("figures", &found.figures_alone[side])]
        {
            if !names.is_empty() {
                let shown = names.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
                let more = names.len().saturating_sub(NAMES_MAX);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                text += &format!("{what} of {letter} alone: {shown}{more}\n");
            }
        }
    }
    if text.is_empty() { text } else { format!("{text}\n") }
}

/// Which runs part, in what.
fn runs(found: &Comparison) -> String {
    let first = &found.runs.parted[0];
    let label = found.sides[0].stored.label(found.points[first.point][0]);
    let at = if label.is_empty() { label } else { format!("{label}, ") };
    let parted = found.runs.parted.len();
    format!(
        "{parted} of {} part; the first, {at}seed {}, in: {}",
        many(found.runs.count, "run"),
        first.seed,
        first.layers.join(", ")
    )
}

fn parting(first: &First) -> String {
    let name = |node: u32| first.nodes.get(node as usize).cloned().unwrap_or_else(|| format!("node {node}"));
    let mut text = match &first.event {
        Ok(Some(parting)) => {
            format!("  the first event that differs:\n{}", events::parting(parting, ["A", "B"], &name))
        }
        Ok(None) => "  all events are the same\n".into(),
        Err(why) => format!("  the first event cannot be told: {}\n", why.trim_start_matches("error: ").trim_end()),
    };
    text += &first.row.as_ref().map_or_else(String::new, row);
    text
}

/// A row that differs: what is the same once, what is not from both sides.
fn row(pair: &RowPair) -> String {
    let mut text = format!("  the first row that differs is row {} of `{}`:\n", pair.number, pair.table);
    let [a, b] = &pair.cells;
    let cells = |row: &[(String, String)], of: &dyn Fn(usize) -> bool| {
        let shown = row.iter().enumerate().filter(|(at, (_, cell))| of(*at) && !cell.is_empty());
        shown.map(|(_, (name, cell))| format!("{name} {cell}")).collect::<Vec<_>>().join(", ")
    };
    match (a, b) {
        (Some(a), Some(b)) => {
            let same = |at: usize| a.get(at) == b.get(at);
            text += &format!("    both  {}\n", cells(a, &same));
            text += &format!("    A     {}\n    B     {}\n", cells(a, &|at| !same(at)), cells(b, &|at| !same(at)));
        }
        _ => {
            for (letter, row) in ["A", "B"].iter().zip([a, b]) {
                let words = row.as_ref().map_or("(the table has ended)".into(), |row| cells(row, &|_| true));
                text += &format!("    {letter}     {words}\n");
            }
        }
    }
    text
}

/// The figures that differ, those that stand out most first; or all, in their order.
fn figures(found: &Comparison, all: bool) -> String {
    let one = found.figures.iter().all(|figure| figure.contrast.is_none());
    let unlike = |figure: &&Compared| figure.differs || one && figure.difference() != 0.0;
    let mut chosen: Vec<&Compared> = found.figures.iter().filter(|figure| all || unlike(figure)).collect();
    if chosen.is_empty() {
        return String::new();
    }
    if !all && one {
        let size = |figure: &Compared| figure.relative().map_or(f64::INFINITY, f64::abs);
        chosen.sort_by(|a, b| size(b).total_cmp(&size(a)));
    } else if !all {
        let rank =
            |figure: &Compared| (figure.adjusted.unwrap_or(1.0), -figure.relative().map_or(f64::INFINITY, f64::abs));
        chosen.sort_by(|a, b| rank(a).partial_cmp(&rank(b)).unwrap_or(std::cmp::Ordering::Equal));
    }
    let sweep = found.points.len() > 1;
    let mut head = vec!["figure", "A", "B", "B - A, 95 %", "of A", "effect g", "p, corrected", ""];
    if sweep {
        head.insert(0, "point");
    }
    let mut table = grid(&head);
    let right = |text: String| Cell::new(text).set_alignment(CellAlignment::Right);
    let most = if all { usize::MAX } else { FIGURES_MAX };
    for figure in chosen.iter().take(most) {
        let mut row = Vec::new();
        if sweep {
            row.push(Cell::new(found.sides[0].stored.label(found.points[figure.point][0])));
        }
        row.push(Cell::new(figure.name()));
        row.extend(cells(figure).into_iter().map(right));
        row.push(Cell::new(if figure.differs { "differs" } else { "" }));
        table.add_row(row);
    }
    let more = chosen.len().saturating_sub(most);
    let more = if more > 0 { format!("and {more} more (`--all` lists them)\n") } else { String::new() };
    format!("{table}\n{more}\n")
}

/// A figure's numbers: both means, the difference, its share, the effect, the p-value.
fn cells(figure: &Compared) -> [String; 6] {
    let mean =
        |side: usize| show_mean(figure.means[side].mean, figure.means[side].half, figure.dimension, figure.share);
    let difference = match &figure.contrast {
        Some(contrast) => show_mean(contrast.difference, contrast.half, figure.dimension, figure.share),
        None => show(figure.difference(), figure.dimension, figure.share),
    };
    let relative = figure.relative().map_or("–".into(), |share| format!("{:+.2} %", share * 100.0));
    let effect = figure.contrast.as_ref().and_then(|contrast| contrast.effect);
    let effect = effect.map_or("–".into(), |effect| format!("{effect:+.2}"));
    [mean(0), mean(1), difference, relative, effect, figure.adjusted.map_or("–".into(), p_words)]
}

fn p_words(p: f64) -> String {
    if p > 0.0 && p < 1e-4 { "< 0.0001".into() } else { format!("{p:.4}") }
}

/// The answer for programs.
pub fn json(found: &Comparison) -> Value {
    let label = |point: usize| found.sides[0].stored.label(found.points[point][0]);
    let figure = |figure: &Compared| {
        let (unit, factor) = figure.dimension.unit();
        let contrast = figure.contrast.as_ref();
        json!({
            "point": label(figure.point), "figure": figure.name(), "unit": unit, "share": figure.share,
            "a": figure.means[0].mean / factor, "b": figure.means[1].mean / factor,
            "difference": figure.difference() / factor,
            "half_95": contrast.map(|contrast| contrast.half / factor),
            "effect_g": contrast.and_then(|contrast| contrast.effect),
            "p": contrast.map(|contrast| contrast.p), "p_corrected": figure.adjusted, "differs": figure.differs,
        })
    };
    let side = |at: usize| {
        let side = &found.sides[at];
        json!({
            "name": side.name, "version": side.stored.version, "seeds": side.stored.seeds,
            "points_alone": found.alone[at], "seeds_alone": found.runs.lonely[at], "figures_alone": found.figures_alone[at],
        })
    };
    let first = found.runs.first.as_ref().map(|first| {
        let row = first.row.as_ref().map(|row| {
            let cells = |side: usize| {
                row.cells[side]
                    .as_ref()
                    .map(|cells| cells.iter().cloned().collect::<std::collections::BTreeMap<_, _>>())
            };
            json!({ "table": row.table, "row": row.number, "a": cells(0), "b": cells(1) })
        });
        let event = first.event.as_ref().ok().and_then(Option::as_ref);
        let time = event.and_then(|found| {
            found.left.iter().take(1).chain(found.right.first()).map(|event| event.key.time().ps()).min()
        });
        json!({ "time_ps": time, "text": parting(first).lines().collect::<Vec<_>>(), "row": row })
    });
    json!({
        "answer": found.answer().word(),
        "a": side(0), "b": side(1),
        "level": found.level.level, "margin": found.level.margin,
        "runs": found.runs.count,
        "parted": found.runs.parted.iter().map(|run| json!({ "point": label(run.point), "seed": run.seed, "in": run.layers })).collect::<Vec<_>>(),
        "first": first,
        "figures": found.figures.iter().map(figure).collect::<Vec<_>>(),
        "expectations_turned": found.turned.iter()
            .map(|(check, point, holds)| json!({ "check": check, "point": point, "holds_in_b": holds })).collect::<Vec<_>>(),
    })
}

/// The answer as checks: that the runs are the same, and that no figure differs.
pub fn verdicts(found: &Comparison, divergent_is_well: bool) -> Stored {
    let answer = found.answer();
    let mut expect = vec![StoredVerdict {
        check: "the runs are the same".into(),
        point: String::new(),
        holds: answer == Answer::Identical || divergent_is_well,
        says: format!("{}: {}", answer.word(), in_a_line(found)),
    }];
    expect.extend(found.figures.iter().filter(|figure| figure.differs).map(|figure| {
        let [a, b, difference, relative, effect, p] = cells(figure);
        StoredVerdict {
            check: format!("{} is the same", figure.name()),
            point: found.sides[0].stored.label(found.points[figure.point][0]),
            holds: false,
            says: format!("A {a}, B {b}: difference {difference} ({relative}), effect g {effect}, corrected p {p}"),
        }
    }));
    let [a, b] = found.sides.each_ref().map(|side| side.name.as_str());
    Stored::of_verdicts(
        format!("{a} against {b}"),
        found.sides[1].stored.version.clone(),
        found.sides[1].stored.seeds.clone(),
        expect,
    )
}
