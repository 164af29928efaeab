//! Probe rows: typed integers with named, united columns; they become CSV far from here.

use crate::rng::stable_hash;

/// What a column's integers mean, hence how they print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A count or an identifier.
    Count,
    /// Picoseconds since the start, or between; prints as seconds. `u64::MAX` prints empty.
    Time,
    /// Bytes. `u64::MAX` prints empty.
    Bytes,
    /// Bits per second.
    Rate,
    /// Parts in 10^12; prints as a fraction.
    Ratio,
    /// A node number; prints as its name.
    Node,
    /// A port: the node number in the upper 32 bits, its port number below; prints as the link direction's name.
    Port,
    /// A workload flow plus one; prints as its name, 0 prints empty.
    Flow,
    /// A workload flow plus one; prints as the name of the workload's entry that it comes from, 0 prints empty.
    Workload,
    /// An index into these words.
    Word(&'static [&'static str]),
    /// A text by its word ([`text_word`]); what the words mean stands in [`Outcome::texts`](crate::Outcome::texts).
    Text,
    /// An IPv4 address in its 32 low bits.
    Address,
    /// 0 or 1.
    Flag,
    /// Bits with these names, the lowest one first; prints as the names of those that are set, between `|`.
    Bits(&'static [&'static str]),
}

/// A column of a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Column {
    /// Name, ending in its unit where it has one: `cwnd_segments`, `srtt_s`, `queue_bytes`.
    pub name: &'static str,
    /// What its integers mean.
    pub kind: Kind,
    /// One line of help.
    pub help: &'static str,
}

/// A table: each is a `static`, and identified by its name.
#[derive(PartialEq, Eq, Debug)]
pub struct Table {
    /// File name without `.csv`.
    pub name: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// Its columns behind the first, which is always `time_s`, the moment of the row.
    pub columns: &'static [Column],
}

/// A row that a probe emits: its table, and one integer for each of the table's columns, in order.
pub trait Record {
    /// The table that this is a row of.
    const TABLE: &'static Table;
    /// Appends one value for each column.
    fn values(&self, out: &mut Vec<u64>);
    /// Names the texts whose words are among the values, columns of [`Kind::Text`]. Most rows have none.
    fn texts(&self, _note: &mut dyn FnMut(&str)) {}
}

/// The word of a text in a row: a hash, so that it depends on nothing but the text. The empty text prints empty.
pub fn text_word(text: &str) -> u64 {
    if text.is_empty() { u64::MAX } else { stable_hash(text.as_bytes()).min(u64::MAX - 1) }
}
