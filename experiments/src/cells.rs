//! Values of rows as text, exact: names for nodes, ports and flows; decimals from integers.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::Ipv4Addr;

use sim_core::{Column, Kind};
use topologies::{FlowPlan, Plan};

/// Picoseconds as a decimal number of seconds, without trailing zeros.
pub fn seconds(ps: u64) -> String {
    let mut out = Vec::new();
    decimal(&mut out, ps);
    String::from_utf8(out).expect("digits are text")
}

/// A value as its column prints it, with the texts of the run; empty where there is no value.
pub fn text(plan: &Plan, texts: &BTreeMap<u64, String>, column: &Column, value: u64) -> String {
    let mut out = Vec::new();
    write(&mut out, plan, texts, column, value);
    String::from_utf8(out).expect("names and digits are text")
}

/// The name of the link direction of a port word; empty where there is none.
pub fn port_name(plan: &Plan, word: u64) -> String {
    port_of(plan, word).map_or_else(String::new, |port| plan.ports[port as usize].config.name.clone())
}

/// Appends a value as its column prints it; nothing where there is no value.
pub fn write(out: &mut Vec<u8>, plan: &Plan, texts: &BTreeMap<u64, String>, column: &Column, value: u64) {
    let known = |text: Option<&str>, out: &mut Vec<u8>| match text {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => integer(out, value),
    };
    if value == u64::MAX {
        return;
    }
    match column.kind {
        // Picoseconds as seconds, a ratio's parts in 10^12 as a fraction.
        Kind::Time | Kind::Ratio => decimal(out, value),
        Kind::Node => known(plan.nodes.get(value as usize).map(|node| node.name.as_str()), out),
        Kind::Port => known(port_of(plan, value).map(|port| plan.ports[port as usize].config.name.as_str()), out),
        Kind::Flow => out.extend_from_slice(flow_name(plan, value).unwrap_or_default().as_bytes()),
        Kind::Workload => out.extend_from_slice(workload_name(plan, value).unwrap_or_default().as_bytes()),
        Kind::Word(words) => known(words.get(value as usize).copied(), out),
        Kind::Text => out.extend_from_slice(texts.get(&value).map_or("", String::as_str).as_bytes()),
        Kind::Address => write!(out, "{}", Ipv4Addr::from_bits(value as u32)).expect("memory takes all"),
        Kind::Bits(names) => bits(names, value, out),
        Kind::Count | Kind::Bytes | Kind::Rate | Kind::Flag => integer(out, value),
    }
}

/// The names of the bits that are set.
fn bits(names: &[&str], value: u64, out: &mut Vec<u8>) {
    let mut between = "";
    for (_, name) in names.iter().enumerate().filter(|(bit, _)| value >> bit & 1 == 1) {
        out.extend_from_slice(between.as_bytes());
        out.extend_from_slice(name.as_bytes());
        between = "|";
    }
}

/// Appends a number of parts in 10^12 as a decimal without trailing zeros.
pub fn decimal(out: &mut Vec<u8>, parts: u64) {
    const ONE: u64 = 1_000_000_000_000;
    integer(out, parts / ONE);
    let mut rest = parts % ONE;
    if rest == 0 {
        return;
    }
    out.push(b'.');
    let mut digits = 12;
    while rest.is_multiple_of(10) {
        rest /= 10;
        digits -= 1;
    }
    let from = out.len();
    out.resize(from + digits, b'0');
    for place in out[from..].iter_mut().rev() {
        *place = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
}

fn integer(out: &mut Vec<u8>, mut value: u64) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// The flow of a flow word.
pub fn flow_name(plan: &Plan, word: u64) -> Option<&str> {
    let service = || plan.services.iter().find(|service| u64::from(service.number) == word);
    flow_of(plan, word).map(|flow| flow.name.as_str()).or_else(|| service().map(|service| service.name.as_str()))
}

fn workload_name(plan: &Plan, word: u64) -> Option<&str> {
    flow_of(plan, word).and_then(|flow| plan.workloads.get(flow.workload as usize)).map(String::as_str)
}

fn flow_of(plan: &Plan, word: u64) -> Option<&FlowPlan> {
    let index = usize::try_from(word).ok()?.checked_sub(1)?;
    plan.flows.get(index)
}

/// The plan's number of the port of a port word.
pub fn port_of(plan: &Plan, word: u64) -> Option<u32> {
    let ports = &plan.nodes.get((word >> 32) as usize)?.ports;
    let port = ports.start.checked_add(word as u32)?;
    ports.contains(&port).then_some(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_exact_decimals() {
        for (ps, text) in [
            (0, "0"),
            (1, "0.000000000001"),
            (1_500_000_000_000, "1.5"),
            (20_000_000_000, "0.02"),
            (60_000_000_000_000, "60"),
            (123_456_789_012_345_678, "123456.789012345678"),
        ] {
            let mut out = Vec::new();
            decimal(&mut out, ps);
            assert_eq!(String::from_utf8(out).as_deref(), Ok(text));
        }
    }
}
