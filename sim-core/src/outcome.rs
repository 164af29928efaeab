//! What a run leaves: rows in key order, captured packets, counts, and fingerprints in layers.

use std::collections::{BTreeMap, BTreeSet};

use crate::audit::EventRecord;
use crate::cx::NodeState;
use crate::node::Node;
use crate::probe::{Captured, ProbeConfig, RowKey};
use crate::record::Table;
use crate::rng::{mix, stable_hash};
use crate::shard::Shard;
use crate::time::{Span, Time};

/// Rows of a table, in key order.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The table.
    pub table: &'static Table,
    /// The moment of each row.
    pub times: Vec<Time>,
    /// The values of all rows, one behind the other.
    pub values: Vec<u64>,
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Row number `at`: its moment and its values.
    pub fn row(&self, at: usize) -> (Time, &[u64]) {
        let width = self.table.columns.len();
        (self.times[at], &self.values[at * width..(at + 1) * width])
    }

    /// All rows.
    pub fn iter(&self) -> impl Iterator<Item = (Time, &[u64])> {
        (0..self.len()).map(|at| self.row(at))
    }
}

/// What must be equal where two runs are: from the coarse to the fine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Fingerprints {
    /// Every event that a node has seen, in its order.
    pub events: u64,
    /// The lengths of the packets in them.
    pub lengths: u64,
    /// The bytes of every packet at every hop; 0 unless bytes on every hop were asked for.
    pub bytes: u64,
    /// All rows.
    pub rows: u64,
}

/// What a run leaves.
#[derive(Debug, Default)]
pub struct Outcome {
    /// One entry for each table that was wanted, in the order of [`ProbeConfig::tables`].
    pub rows: Vec<Rows>,
    /// Texts of rows by their words (see [`Kind::Text`](crate::Kind::Text)).
    pub texts: BTreeMap<u64, String>,
    /// Captured packets in order of time.
    pub captured: Vec<Captured>,
    /// Secrets for readers of captures, as the lines of an `SSLKEYLOGFILE`: in the order of nodes, what both ends of a connection know once.
    pub secrets: Vec<String>,
    /// What has failed and makes the run worthless, in the order of nodes.
    pub failures: Vec<String>,
    /// Fingerprints over all nodes.
    pub fingerprints: Fingerprints,
    /// Those of each node, rows left out, to name the first that differs.
    pub nodes: Vec<Fingerprints>,
    /// Events that were handled.
    pub events: u64,
    /// Packets that reached the far end of a link.
    pub hops: u64,
    /// Windows of the sharded engine; 1 where there was one shard.
    pub windows: u64,
    /// The look-ahead; [`Span::MAX`] where no link was cut.
    pub look_ahead: Span,
    /// Events of each shard.
    pub shard_events: Vec<u64>,
    /// Hashes of the slices of [`Audit::Slices`](crate::Audit::Slices).
    pub slices: Vec<u64>,
    /// The events of [`Audit::Events`](crate::Audit::Events), in key order.
    pub audited: Vec<EventRecord>,
}

impl Outcome {
    pub(crate) fn gather<N: Node>(
        mut shards: Vec<Shard<N>>,
        probes: &ProbeConfig,
        look_ahead: Span,
        windows: u64,
    ) -> Outcome {
        let shard_events: Vec<u64> = shards.iter().map(|shard| shard.core.events).collect();
        let hops = shards.iter().map(|shard| shard.core.hops).sum();
        let mut nodes: Vec<(u32, Fingerprints)> =
            shards.iter().flat_map(|shard| shard.core.states.iter().map(node_fingerprints)).collect();
        nodes.sort_by_key(|(id, _)| *id);
        let mut audited: Vec<EventRecord> =
            shards.iter_mut().flat_map(|shard| std::mem::take(&mut shard.core.auditor.events)).collect();
        audited.sort_unstable();
        let mut slices = std::mem::take(&mut shards[0].core.auditor.slices);
        for shard in &shards[1..] {
            for (sum, slice) in slices.iter_mut().zip(&shard.core.auditor.slices) {
                *sum = sum.wrapping_add(*slice);
            }
        }
        let rows = merge_rows(&shards, &probes.tables);
        let secrets = in_order(shards.iter_mut().map(|shard| std::mem::take(&mut shard.core.secrets)));
        let failures = in_order(shards.iter_mut().map(|shard| std::mem::take(&mut shard.core.failures)));
        let mut texts = BTreeMap::new();
        shards.iter_mut().for_each(|shard| texts.append(&mut shard.core.recorder.texts));
        let mut captured: Vec<(RowKey, Captured)> =
            shards.into_iter().flat_map(|shard| shard.core.recorder.captured).collect();
        captured.sort_by_key(|(key, packet)| (packet.time, *key));
        let captured = within_limits(captured.into_iter().map(|(_, packet)| packet), probes);
        let mut fingerprints = Fingerprints { rows: hash_rows(&rows), ..Fingerprints::default() };
        for (id, node) in &nodes {
            let word = mix(u64::from(*id) + 1);
            fingerprints.events = fingerprints.events.wrapping_add(mix(node.events ^ word));
            fingerprints.lengths = fingerprints.lengths.wrapping_add(mix(node.lengths ^ word));
            if probes.bytes_on_every_hop {
                fingerprints.bytes = fingerprints.bytes.wrapping_add(mix(node.bytes ^ word));
            }
        }
        Outcome {
            rows,
            texts,
            captured,
            secrets,
            failures,
            fingerprints,
            nodes: nodes.into_iter().map(|(_, node)| node).collect(),
            events: shard_events.iter().sum(),
            hops,
            windows,
            look_ahead,
            shard_events,
            slices,
            audited,
        }
    }

    /// The rows of a table, if it was wanted.
    pub fn table(&self, name: &str) -> Option<&Rows> {
        self.rows.iter().find(|rows| rows.table.name == name)
    }
}

/// What nodes have said in words, in their order, each text once.
fn in_order(shards: impl Iterator<Item = Vec<(u32, String)>>) -> Vec<String> {
    let mut all: Vec<(u32, String)> = shards.flatten().collect();
    // A node is in one shard, whose order among its own texts stays.
    all.sort_by_key(|(node, _)| *node);
    let mut seen = BTreeSet::new();
    all.into_iter().map(|(_, text)| text).filter(|text| seen.insert(text.clone())).collect()
}

fn node_fingerprints(state: &NodeState) -> (u32, Fingerprints) {
    (state.id, Fingerprints { events: state.fingerprint, lengths: state.lengths, bytes: state.bytes, rows: 0 })
}

fn merge_rows<N: Node>(shards: &[Shard<N>], tables: &[&'static Table]) -> Vec<Rows> {
    tables
        .iter()
        .map(|table| {
            let mut found: Vec<(RowKey, usize, u32)> = Vec::new();
            for (at, shard) in shards.iter().enumerate() {
                let rows = shard.core.recorder.rows.iter().filter(|row| std::ptr::eq(row.table, *table));
                found.extend(rows.map(|row| (row.key, at, row.first)));
            }
            found.sort_unstable_by_key(|(key, ..)| *key);
            let width = table.columns.len();
            let mut rows =
                Rows { table, times: Vec::with_capacity(found.len()), values: Vec::with_capacity(found.len() * width) };
            for (key, at, first) in found {
                rows.times.push(key.event.time());
                let first = first as usize;
                rows.values.extend_from_slice(&shards[at].core.recorder.values[first..first + width]);
            }
            rows
        })
        .collect()
}

fn within_limits(captured: impl Iterator<Item = Captured>, probes: &ProbeConfig) -> Vec<Captured> {
    let mut so_far = vec![0; probes.captures.len()];
    captured
        .filter(|packet| {
            let point = packet.point as usize;
            let keep = so_far[point] < probes.captures[point].first;
            so_far[point] += packet.bytes.len() as u64;
            keep
        })
        .collect()
}

fn hash_rows(rows: &[Rows]) -> u64 {
    let mut hash = 0;
    for rows in rows {
        hash = mix(hash ^ stable_hash(rows.table.name.as_bytes()));
        for (time, values) in rows.iter() {
            hash = mix(hash.rotate_left(7) ^ time.ps());
            for value in values {
                hash = mix(hash.rotate_left(7) ^ value);
            }
        }
    }
    hash
}
