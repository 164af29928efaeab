//! `outputs:` and `expect:`.

use sim_core::{Prob, Size, Span};

use crate::emit;
use crate::experiment::SameAs;
use crate::files;
use crate::read::{At, Map, Sink};
use crate::yaml::{Entry, Node, Value};

/// What is to be recorded, as written.
#[derive(Default)]
pub(crate) struct OutputSpec {
    pub tables: Vec<At<String>>,
    pub every: Option<At<Span>>,
    /// Flows whose connections are traced; `all`, a flow, a workload entry.
    pub cwnd: Vec<At<String>>,
    /// Links whose queues are sampled.
    pub queue: Vec<At<String>>,
    pub captures: Vec<CaptureSpec>,
    pub plots: Vec<PlotNode>,
    /// Whether there is a report; there is one unless the file says otherwise.
    pub report: Option<bool>,
    /// Whether there are tables in Parquet, too.
    pub parquet: Option<bool>,
    /// Columns of the summary that the file computes: a name and an expression each.
    pub summary: Vec<(At<String>, At<String>)>,
}

/// One entry of `capture`.
pub(crate) struct CaptureSpec {
    pub points: Vec<At<String>>,
    pub first: Option<At<Size>>,
    pub snap: Option<At<Size>>,
}

/// A figure as written.
pub(crate) struct PlotNode {
    pub kind: At<String>,
    pub args: Vec<(At<String>, Vec<String>)>,
}

/// An expectation as written.
pub(crate) struct ExpectSpec {
    pub check: At<String>,
    pub same_as: Option<SameAs>,
    pub confidence: Option<Prob>,
    /// Points of the sweep: dimensions with the values that are meant.
    pub point: Vec<(String, Vec<String>)>,
}

impl OutputSpec {
    pub fn read(sink: &mut Sink, node: &Node) -> OutputSpec {
        let mut out = OutputSpec::default();
        let mut map = sink.map(node, "`outputs`");
        if let Some(node) = map.get("tables") {
            out.tables = names(sink, node);
        }
        if let Some(node) = map.get("series") {
            let mut series = sink.map(node, "`series`");
            out.every = series.quantity(sink, "every", "10 ms");
            if let Some(every) = out.every.filter(|every| every.value == Span::ZERO) {
                sink.error(every.at, "a period of zero never ends; `every: 10 ms` samples a hundred times a second");
            }
            out.cwnd = series.get("cwnd").map(|node| names(sink, node)).unwrap_or_default();
            out.queue = series.get("queue").map(|node| names(sink, node)).unwrap_or_default();
            if !out.queue.is_empty() && series.get("every").is_none() {
                series.missing(sink, "every", "10 ms");
            }
            if out.queue.is_empty()
                && out.cwnd.is_empty()
                && let Some(every) = out.every
            {
                sink.warn(
                    every.at,
                    "nothing is sampled: `every` is the period of `queue`, and there is no `queue: [LINK, …]`",
                );
            }
            series.finish(sink);
        }
        if let Some(node) = map.get("capture") {
            for item in sink.list(node) {
                out.captures.extend(capture(sink, item));
            }
        }
        if let Some(node) = map.get("plots") {
            for item in sink.list(node) {
                out.plots.extend(plot(sink, item));
            }
        }
        if let Some(node) = map.get("report") {
            out.report = sink.flag(node);
        }
        if let Some(node) = map.get("parquet") {
            out.parquet = sink.flag(node);
        }
        if let Some(node) = map.get("summary") {
            sink.map(node, "`summary`");
            for Entry { key, at, value } in node.entries() {
                super::nodes::check_name(sink, key, *at, "a column of the summary");
                if let Some(text) = sink.text(value) {
                    let expression = At { value: text.value.to_string(), at: text.at };
                    out.summary.push((At { value: key.clone(), at: *at }, expression));
                }
            }
        }
        map.finish(sink);
        out
    }
}

fn capture(sink: &mut Sink, node: &Node) -> Option<CaptureSpec> {
    if let Value::Text(name) = &node.value {
        return Some(CaptureSpec { points: vec![At { value: name.clone(), at: node.at }], first: None, snap: None });
    }
    let mut map = sink.map(node, "a capture");
    let points = map.get("at").map(|node| names(sink, node));
    let (first, snap) = (map.quantity(sink, "first", "2 MiB"), map.quantity(sink, "snap", "128 B"));
    for limit in [&first, &snap].into_iter().flatten().filter(|limit: &&At<Size>| limit.value.bytes() == 0) {
        sink.error(limit.at, "a capture of zero bytes stays empty");
    }
    if points.is_none() {
        map.missing(sink, "at", "[wan]");
    }
    map.finish(sink);
    Some(CaptureSpec { points: points?, first, snap })
}

/// A kind by itself, or with parameters whose values are texts or lists of texts.
fn plot(sink: &mut Sink, node: &Node) -> Option<PlotNode> {
    let kind = sink.kind(node, "a plot", "cwnd")?;
    let mut args = Vec::new();
    if let Some(params) = kind.params {
        sink.map(params, "a plot's parameters");
        for Entry { key, at, value } in params.entries() {
            let values = sink.list(value).into_iter().filter_map(|item| match &item.value {
                Value::Text(text) | Value::Number(text) => Some(text.clone()),
                Value::Bool(flag) => Some(flag.to_string()),
                _ => {
                    sink.error(item.at, format!("a text or a list of texts is due here, not {}", item.kind()));
                    None
                }
            });
            args.push((At { value: key.clone(), at: *at }, values.collect()));
        }
    }
    Some(PlotNode { kind: At { value: kind.name.to_string(), at: kind.at }, args })
}

/// A name or a list of names.
pub(crate) fn names(sink: &mut Sink, node: &Node) -> Vec<At<String>> {
    let list = sink.list(node);
    if list.is_empty() {
        sink.error(node.at, "a name or a list of names is due here, not nothing");
    }
    list.into_iter()
        .filter_map(|item| sink.text(item).map(|text| At { value: text.value.to_string(), at: text.at }))
        .collect()
}

pub(crate) fn expect(sink: &mut Sink, node: &Node) -> Vec<ExpectSpec> {
    let mut out = Vec::new();
    if let Value::Map(entries) = &node.value
        && entries.is_empty()
    {
        return out;
    }
    for item in sink.list(node) {
        if let Value::Text(check) = &item.value {
            out.push(ExpectSpec {
                check: At { value: check.clone(), at: item.at },
                same_as: None,
                confidence: None,
                point: Vec::new(),
            });
            continue;
        }
        let mut map = sink.map(item, "an expectation");
        if map.get("same_as").is_some() {
            out.extend(same_as(sink, &mut map));
            map.finish(sink);
            continue;
        }
        let check = map.text(sink, "check");
        let confidence = map.quantity::<Prob>(sink, "confidence", "95 %");
        for key in ["within", "figures"] {
            if let Some(node) = map.get(key) {
                sink.error(node.at, format!("`{key}` belongs to `same_as`, and there is none"));
            }
        }
        if map.get("check").is_none() {
            map.missing(sink, "check", "wan.drops == 0");
        }
        let mut point = Vec::new();
        if let Some(node) = map.get("point") {
            sink.map(node, "`point`");
            for Entry { key, value, .. } in node.entries() {
                let values = sink.list(value).into_iter().map(|item| emit::inline(item).trim_matches('"').to_string());
                point.push((key.clone(), values.collect()));
            }
        }
        map.finish(sink);
        let Some(check) = check else { continue };
        if let Some(confidence) = confidence.filter(|c| c.value == Prob::ZERO || c.value == Prob::ONE) {
            sink.error(confidence.at, "a confidence is between 0 % and 100 %, and is neither");
        }
        out.push(ExpectSpec {
            check: At { value: check.value.to_string(), at: check.at },
            same_as: None,
            confidence: confidence.map(|confidence| confidence.value),
            point,
        });
    }
    out
}

/// An expectation that results are those of a file.
fn same_as(sink: &mut Sink, map: &mut Map<'_>) -> Option<ExpectSpec> {
    let name = map.text(sink, "same_as").map(|text| At { value: text.value.to_string(), at: text.at });
    let within = map.quantity::<Prob>(sink, "within", "1 %");
    let figures = map.get("figures").map(|node| names(sink, node)).unwrap_or_default();
    for key in ["check", "confidence", "point"] {
        if let Some(node) = map.get(key) {
            sink.error(node.at, format!("`{key}` and `same_as` do not go together; write two expectations"));
        }
    }
    if let (Some(first), None) = (figures.first(), &within) {
        sink.error(first.at, "figures are compared `within` a share, and there is none")
            .help
            .push("without it every event and every row must be the same".into());
    }
    let name = name?;
    let path = sink.sources.dir(name.at).join(&name.value);
    let text = match files::read(&path) {
        Ok(text) => text,
        Err(diagnostic) => {
            let error = sink.error(name.at, diagnostic.message);
            error.help.extend(diagnostic.help);
            error.help.push("it is a `summary.json` of `clockwire run` under another name".into());
            return None;
        }
    };
    let figures = figures.into_iter().map(|figure| (figure.value, sink.sources.place(figure.at))).collect();
    let words = within.as_ref().map_or_else(String::new, |within| format!(" within {}", within.value));
    Some(ExpectSpec {
        check: At { value: format!("same_as {}{words}", name.value), at: name.at },
        same_as: Some(SameAs { text, within: within.map(|within| within.value), figures }),
        confidence: None,
        point: Vec::new(),
    })
}
