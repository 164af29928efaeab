//! `outputs:` with its names resolved.

use std::sync::Arc;

use sim_core::Span;

use super::check::walk;
use crate::diagnostics::nearest;
use crate::experiment::LoadOptions;
use crate::plan::{CapturePlan, Named, Outputs, Plan, PlotSpec};
use crate::read::{At, Sink, short};
use crate::spec::Spec;

/// So many samples are kept at most: some gigabytes.
const ROWS_MAX: u128 = 50_000_000;

pub(super) fn outputs(sink: &mut Sink, spec: &Spec, plan: &mut Plan, options: &LoadOptions) {
    let written = &spec.outputs;
    let mut out = Outputs { every: written.every.map(|every| every.value), ..Outputs::default() };
    for (index, table) in written.tables.iter().enumerate() {
        let known: Vec<&str> = options.tables.iter().map(String::as_str).collect();
        if !known.is_empty() && !known.contains(&table.value.as_str()) {
            sink.unknown(table.at, "table", &table.value, &known);
        }
        out.tables.push(named(sink, table, format!("outputs.tables[{index}]")));
    }
    let crossed = crossed(plan);
    // Services talk to whom they want.
    let silent = plan.flows.is_empty() || !plan.services.is_empty();
    let idle = |sink: &mut Sink, name: &At<String>, ports: &[u32]| {
        if !silent && !ports.is_empty() && ports.iter().all(|port| !crossed[*port as usize]) {
            sink.warn(name.at, format!("no flow crosses `{}`: nothing will be seen there", short(&name.value)));
        }
    };
    for name in &written.queue {
        let found = ports(sink, plan, name);
        idle(sink, name, &found);
        out.sampled.extend(found);
    }
    out.sampled.sort_unstable();
    out.sampled.dedup();
    if let Some(every) = written.every.filter(|every| every.value > Span::ZERO) {
        let rows = u128::from(plan.stop.ps() / every.value.ps()) * (out.sampled.len() + plan.flows.len()) as u128;
        if rows > ROWS_MAX {
            sink.error(every.at, format!("this makes {rows} rows, and no more than {ROWS_MAX} are kept"))
                .help
                .push(format!("a row for each queue and each flow, every {}, until {}", every.value, plan.stop));
        }
    }
    for name in &written.cwnd {
        let flows =
            if name.value == "all" { (0..plan.flows.len() as u32).collect() } else { plan.flows_of(&name.value) };
        let traced: Vec<u32> = flows.iter().copied().filter(|flow| plan.flows[*flow as usize].is_tcp()).collect();
        if flows.is_empty() && name.value != "all" {
            let known: Vec<&str> = plan.workloads.iter().map(String::as_str).collect();
            sink.unknown(name.at, "workload entry or flow", &name.value, &known);
        } else if traced.is_empty() {
            sink.warn(name.at, format!("`cwnd` of `{}` stays empty: no flow of it uses TCP", short(&name.value)));
        }
        traced.into_iter().for_each(|flow| Arc::make_mut(&mut plan.flows[flow as usize].config).traced = true);
    }
    for capture in &written.captures {
        for point in &capture.points {
            let mut found = ports(sink, plan, point);
            idle(sink, point, &found);
            // One end of a link sees both of its directions: a name that means both is captured at the left end.
            let both = |port: &u32| {
                let link = &plan.links[plan.ports[*port as usize].link as usize];
                *port != link.reverse || !found.contains(&link.forward)
            };
            let ends: Vec<u32> = found.iter().copied().filter(both).collect();
            found = ends;
            for port in found {
                let plan = CapturePlan {
                    port,
                    first: capture.first.map(|first| first.value),
                    snap: capture.snap.map(|snap| snap.value),
                };
                out.captures.push(plan);
            }
        }
    }
    out.captures.sort_by_key(|capture| capture.port);
    if out.captures.windows(2).any(|pair| pair[0].port == pair[1].port)
        && let Some(point) = written.captures.last().and_then(|capture| capture.points.last())
    {
        sink.error(point.at, "a port is captured twice");
    }
    for (index, plot) in written.plots.iter().enumerate() {
        let path = format!("outputs.plots[{index}]");
        let known = options.plots.iter().find(|(kind, _)| *kind == plot.kind.value);
        let kinds: Vec<&str> = options.plots.iter().map(|(kind, _)| kind.as_str()).collect();
        if known.is_none() && !kinds.is_empty() {
            sink.unknown(plot.kind.at, "plot", &plot.kind.value, &kinds);
        }
        let mut args = Vec::new();
        for (key, values) in &plot.args {
            if let Some((_, keys)) = known
                && !keys.contains(&key.value)
            {
                let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
                let message = format!("the plot `{}` has no key `{}`", plot.kind.value, short(&key.value));
                sink.not_known(key.at, message, &key.value, &keys);
            }
            args.push((named(sink, key, format!("{path}.{}.{}", plot.kind.value, short(&key.value))), values.clone()));
        }
        out.plots.push(PlotSpec { kind: named(sink, &plot.kind, path), args });
    }
    out.no_report = written.report == Some(false);
    out.parquet = written.parquet == Some(true);
    for (column, expression) in &written.summary {
        let path = format!("outputs.summary.{}", column.value);
        out.summary.push((column.value.clone(), named(sink, expression, path)));
    }
    plan.outputs = out;
}

/// Whether each port is on the way of some flow, there or back, with every one of equally good hops and after every failure.
fn crossed(plan: &Plan) -> Vec<bool> {
    let mut crossed = vec![false; plan.ports.len()];
    // Services are found by whoever looks for them.
    if plan.reroutes.is_empty() && plan.services.is_empty() {
        let spreads = |route: &crate::plan::RoutePlan| route.hops.len() > 1;
        if !plan.nodes.iter().any(|node| node.tables[0].iter().any(spreads)) {
            for flow in &plan.flows {
                for (from, to) in [(flow.from, flow.to), (flow.to, flow.from)] {
                    let ports = walk(plan, from, to).unwrap_or_default();
                    ports.into_iter().for_each(|port| crossed[port as usize] = true);
                }
            }
            return crossed;
        }
    }
    // Which way packets go is then a matter of hashes and times: nothing is claimed.
    crossed.fill(true);
    crossed
}

fn named(sink: &Sink, name: &At<String>, path: String) -> Named {
    Named { name: name.value.clone(), place: sink.sources.place(name.at), path }
}

/// The ports that a name in `outputs` means: `all`, a link, a direction, a wildcard, a host (all that it sends).
fn ports(sink: &mut Sink, plan: &Plan, name: &At<String>) -> Vec<u32> {
    let found = if name.value == "all" {
        (0..plan.ports.len() as u32).filter(|port| !plan.ports[*port as usize].config.blocked).collect()
    } else {
        plan.ports_of(&name.value)
    };
    if !found.is_empty() {
        return found;
    }
    let mut known: Vec<&str> = plan.links.iter().map(|link| link.group.as_deref().unwrap_or(&link.name)).collect();
    known.dedup();
    let near = nearest(&name.value, known.iter().copied()).map(str::to_string);
    let d = sink.error(name.at, format!("there is no link `{}`", short(&name.value)));
    if let Some(near) = near {
        d.help.push(format!("did you mean `{near}`?"));
    }
    known.truncate(20);
    d.help.push(format!("a link is named by its `name:` or its ends (`a--b`), one direction as `wan.forward` or `a->b`; `all` is all. There are: {}", known.join(", ")));
    Vec::new()
}
