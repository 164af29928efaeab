//! Packets as the table `packets` has them, a row for each hop, put together to journeys from host to host.

use std::collections::BTreeMap;

use crate::Source;
use crate::args::Args;
use crate::error::Error;
use crate::table::{Table, Want, columns, read};

/// The table.
pub(super) const TABLE: &str = "packets";
/// Fates of packets that go on.
const ALIVE: [&str; 3] = ["delivered", "under_way", ""];

/// A packet's way.
#[derive(Clone, Debug)]
pub(super) struct Journey {
    pub row: usize,
    pub flow: String,
    pub hops: Vec<Hop>,
    pub flags: String,
    pub seq: f64,
    pub ack: f64,
    pub payload: f64,
    pub window: f64,
    /// Blocks that were acknowledged selectively.
    pub sack: Vec<(f64, f64)>,
}

/// One link of it.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub from: String,
    pub to: String,
    pub sent: f64,
    /// Not a number where it did not arrive.
    pub arrived: f64,
    pub lost: bool,
}

impl Journey {
    pub fn sent(&self) -> f64 {
        self.hops[0].sent
    }

    pub fn arrived(&self) -> f64 {
        self.hops[self.hops.len() - 1].arrived
    }

    pub fn lost(&self) -> bool {
        self.hops.iter().any(|hop| hop.lost)
    }

    /// The host that sent it.
    pub fn source(&self) -> &str {
        &self.hops[0].from
    }
}

/// Reads journeys within the window of time, in the order of sending.
pub(super) fn journeys(sources: &[Source], args: &Args) -> Result<(Table, Vec<Journey>), Error> {
    let has = columns(sources, TABLE)?;
    let there = |name: &str| has.iter().any(|column| column == name);
    let sent = if there("started_s") { "started_s" } else { "time_s" };
    let mut wants = vec![Want::Number("time_s"), Want::Word("packet"), Want::Word("flow"), Want::Word("from")];
    wants.extend([Want::Word("to"), Want::Number("arrived_s"), Want::Word("fate"), Want::Word("flags")]);
    wants.extend(["seq", "ack", "payload_bytes", "window_bytes"].map(Want::Number));
    if sent != "time_s" {
        wants.push(Want::Number(sent));
    }
    if there("sack") {
        wants.push(Want::Word("sack"));
    }
    let table = read(sources, TABLE, &wants)?;
    let flows = table.words("flow");
    let chosen = flows.select(&table, "flow", args.list("flows"))?;
    let mut known: BTreeMap<u32, usize> = BTreeMap::new();
    let mut journeys: Vec<Journey> = Vec::new();
    for row in (0..table.rows).filter(|row| chosen[flows.index[*row] as usize]) {
        let started = table.numbers(sent)[row];
        let hop = Hop {
            from: table.words("from").at(row).to_string(),
            to: table.words("to").at(row).to_string(),
            // A packet that a queue refused never started.
            sent: if started.is_finite() { started } else { table.numbers("time_s")[row] },
            arrived: table.numbers("arrived_s")[row],
            lost: !ALIVE.contains(&table.words("fate").at(row)),
        };
        let packet = table.words("packet").index[row];
        match known.get(&packet) {
            Some(at) => journeys[*at].hops.push(hop),
            None => {
                known.insert(packet, journeys.len());
                let sack = if there("sack") { blocks(table.words("sack").at(row)) } else { Vec::new() };
                let number = |column: &str| table.numbers(column)[row];
                journeys.push(Journey {
                    row,
                    flow: flows.at(row).to_string(),
                    hops: vec![hop],
                    flags: table.words("flags").at(row).to_string(),
                    seq: number("seq"),
                    ack: number("ack"),
                    payload: number("payload_bytes"),
                    window: number("window_bytes"),
                    sack,
                });
            }
        }
    }
    for journey in &mut journeys {
        journey.hops.sort_by(|a, b| a.sent.total_cmp(&b.sent));
    }
    let (from, to) = args.window()?;
    journeys.retain(|journey| (from..=to).contains(&journey.sent()));
    journeys.sort_by(|a, b| a.sent().total_cmp(&b.sent()).then(a.row.cmp(&b.row)));
    if journeys.is_empty() {
        return Err(table.empty("time_s", "between `from` and `to`"));
    }
    Ok((table, journeys))
}

/// `1449-2897 4345-5793`.
fn blocks(text: &str) -> Vec<(f64, f64)> {
    let pair = |block: &str| {
        let (low, high) = block.split_once('-')?;
        Some((low.parse().ok()?, high.parse().ok()?))
    };
    text.split_whitespace().filter_map(pair).collect()
}

/// Sequence numbers made relative to a first one, across their wrap at 2^32.
pub(super) struct Unwrap {
    last: f64,
    base: f64,
}

impl Unwrap {
    pub fn new(base: f64) -> Unwrap {
        Unwrap { last: base, base }
    }

    /// How far a number is from the base.
    pub fn relative(&mut self, seq: f64) -> f64 {
        const TURN: f64 = 4_294_967_296.0;
        let turns = ((self.last - seq) / TURN).round();
        let near = seq + turns * TURN;
        if near > self.last {
            self.last = near;
        }
        near - self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_numbers_go_on_across_the_wrap() {
        let mut unwrap = Unwrap::new(4_294_967_290.0);
        assert_eq!(unwrap.relative(4_294_967_295.0), 5.0);
        assert_eq!(unwrap.relative(4.0), 10.0);
        assert_eq!(unwrap.relative(4_294_967_294.0), 4.0);
        assert_eq!(unwrap.relative(1004.0), 1010.0);
    }

    #[test]
    fn blocks_are_read() {
        assert_eq!(blocks("10-20 30-40"), [(10.0, 20.0), (30.0, 40.0)]);
        assert!(blocks("").is_empty());
    }
}
