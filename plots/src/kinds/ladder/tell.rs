//! What there is to say about an arrow of a ladder: its times, its waits, where it was lost and why, and why it was sent again.

use std::collections::BTreeMap;

use crate::Source;
use crate::error::Error;
use crate::kinds::packets::{Hop, Journey};
use crate::table::{Want, exists, read};
use crate::units::{Unit, short};

/// What senders' windows were, and why, as the table `tcp` tells it.
#[derive(Default)]
pub(super) struct Senders {
    /// By flow and host, in the order of time.
    rows: BTreeMap<(String, String), Vec<Window>>,
}

struct Window {
    time: f64,
    cwnd: f64,
    in_flight: f64,
    state: String,
    cause: String,
}

/// Causes of the table `tcp` that send something again at once.
const SENDS: [&str; 4] = ["fast_retransmit", "timeout", "retransmission", "tail_loss_probe"];

impl Senders {
    /// Reads them; none where the run has not recorded them.
    ///
    /// # Errors
    /// As the file system, or a table without these columns.
    pub fn read(sources: &[Source]) -> Result<Senders, Error> {
        let mut senders = Senders::default();
        if !exists(sources, "tcp") {
            return Ok(senders);
        }
        let numbers = ["time_s", "cwnd_segments", "in_flight_segments"];
        let words = ["flow", "node", "state", "cause"];
        let wants: Vec<Want<'_>> = numbers.map(Want::Number).into_iter().chain(words.map(Want::Word)).collect();
        let table = match read(sources, "tcp", &wants) {
            Ok(table) => table,
            Err(Error::Empty { .. }) => return Ok(senders),
            Err(other) => return Err(other),
        };
        let [flow, node, state, cause] = words.map(|column| table.words(column));
        for row in 0..table.rows {
            let [time, cwnd, in_flight] = numbers.map(|column| table.numbers(column)[row]);
            let key = (flow.at(row).to_string(), node.at(row).to_string());
            let (state, cause) = (state.at(row).to_string(), cause.at(row).to_string());
            senders.rows.entry(key).or_default().push(Window { time, cwnd, in_flight, state, cause });
        }
        Ok(senders)
    }

    /// What a packet's sender had just done when it sent it.
    fn at(&self, packet: &Journey) -> Option<&Window> {
        let rows = self.rows.get(&(packet.flow.clone(), packet.source().to_string()))?;
        rows[..rows.partition_point(|row| row.time <= packet.handed())].last()
    }

    /// Why a packet was sent again; nothing where the run does not tell.
    pub fn why_again(&self, packet: &Journey) -> Option<String> {
        // Before a connection is there nothing but its timer sends again (RFC 6298 §5.7).
        if packet.flags.contains("SYN") {
            return Some("no answer".into());
        }
        let row = self.at(packet)?;
        let now = SENDS.contains(&row.cause.as_str()) && row.time == packet.handed();
        match row.state.as_str() {
            _ if now && row.cause != "retransmission" => Some(plain(&row.cause)),
            "recovery" => Some("fast recovery".into()),
            "loss" => Some("after a time-out".into()),
            _ => now.then(|| plain(&row.cause)),
        }
    }

    /// All there is to say about a packet on its way over some hops.
    pub fn notes(&self, packet: &Journey, hops: &[Hop], words: &str) -> Vec<String> {
        let (first, last) = (&hops[0], &hops[hops.len() - 1]);
        let flow = if packet.flow.is_empty() { String::new() } else { format!(" ({})", packet.flow) };
        let mut notes = vec![format!("{words}{flow}")];
        let sent = format!("sent by {} at {}", first.from, clock(first.sent));
        if last.arrived.is_finite() && !last.lost {
            let way = Unit::Seconds.print(last.arrived - first.sent);
            notes.push(format!("{sent}, at {} at {}: {way} on its way", last.to, clock(last.arrived)));
        } else {
            notes.push(sent);
        }
        for hop in hops.iter().filter(|hop| hop.sent > hop.handed && !hop.lost) {
            notes.push(format!("waited {} for {}", Unit::Seconds.print(hop.sent - hop.handed), hop.port));
        }
        for hop in hops.iter().filter(|hop| hop.lost) {
            notes.push(format!("lost on {}: {}", hop.port, plain(&hop.fate)));
        }
        if packet.again && self.at(packet).is_none() && self.why_again(packet).is_none() {
            notes.push("why it was sent again is not recorded: `series: { cwnd: all }` does".into());
        }
        if let Some(row) = self.at(packet) {
            notes.push(format!(
                "its sender: window {} segments, {} in flight, state {}, last event {} at {}",
                short(row.cwnd),
                short(row.in_flight),
                row.state,
                plain(&row.cause),
                clock(row.time)
            ));
        }
        notes
    }
}

/// A word of a table as people write it.
pub(super) fn plain(word: &str) -> String {
    word.replace('_', " ")
}

/// A moment.
pub(super) fn clock(time: f64) -> String {
    if time >= 1.0 { format!("{time:.6} s") } else { format!("{:.3} ms", time * 1e3) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short() {
        assert_eq!(clock(0.0), "0.000 ms");
        assert_eq!(clock(0.020_123_4), "20.123 ms");
        assert_eq!(clock(61.25), "61.250000 s");
    }
}
