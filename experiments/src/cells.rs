//! Values of rows as text, exact; and as numbers, for summaries and expectations.

use std::net::Ipv4Addr;

use sim_core::{Column, Kind, Prob};
use topologies::Plan;

/// Picoseconds as a decimal number of seconds, without trailing zeros.
pub fn seconds(ps: u64) -> String {
    decimal(ps, 12)
}

fn decimal(value: u64, places: usize) -> String {
    let unit = 10_u64.pow(places as u32);
    let text = format!("{}.{:0places$}", value / unit, value % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

/// A value as its column prints it; empty where there is none.
pub fn text(plan: &Plan, column: &Column, value: u64) -> String {
    if value == u64::MAX {
        return String::new();
    }
    match column.kind {
        Kind::Time => seconds(value),
        Kind::Ratio => decimal(value, 12),
        Kind::Node => plan.nodes.get(value as usize).map_or_else(|| value.to_string(), |node| node.name.clone()),
        Kind::Port => port_name(plan, value),
        Kind::Flow => flow_name(plan, value).unwrap_or_default().to_string(),
        Kind::Word(words) => words.get(value as usize).map_or_else(|| value.to_string(), ToString::to_string),
        Kind::Address => Ipv4Addr::from_bits(value as u32).to_string(),
        Kind::Count | Kind::Bytes | Kind::Rate | Kind::Flag => value.to_string(),
    }
}

/// A value as a number in seconds, bytes, bits per second, or as it is.
pub fn number(column: &Column, value: u64) -> Option<f64> {
    if value == u64::MAX {
        return None;
    }
    Some(match column.kind {
        Kind::Time => value as f64 / 1e12,
        Kind::Ratio => value as f64 / Prob::ONE_PARTS as f64,
        Kind::Count | Kind::Bytes | Kind::Rate | Kind::Flag => value as f64,
        Kind::Node | Kind::Port | Kind::Flow | Kind::Word(_) | Kind::Address => return None,
    })
}

/// The flow of a flow word.
pub fn flow_name(plan: &Plan, word: u64) -> Option<&str> {
    let index = usize::try_from(word).ok()?.checked_sub(1)?;
    plan.flows.get(index).map(|flow| flow.name.as_str())
}

/// The name of the link direction of a port word.
pub fn port_name(plan: &Plan, word: u64) -> String {
    let (node, number) = ((word >> 32) as u32, word as u32);
    let port = plan.ports.iter().find(|port| (port.node, port.number) == (node, number));
    port.map_or_else(String::new, |port| port.config.name.clone())
}
