//! What the kernel did: the files of `tests/data/linux-tcp`, which its `README.md` explains.

use std::path::PathBuf;

use serde_json::Value;

use super::Belief;
use crate::harness::root;

/// The folder of all scenarios.
pub fn folder() -> PathBuf {
    root().join("tests/data/linux-tcp")
}

/// A file of numbers and words.
pub struct Sheet {
    head: csv::StringRecord,
    rows: Vec<csv::StringRecord>,
}

impl Sheet {
    /// The words of a column, row by row.
    pub fn words(&self, column: &str) -> Vec<&str> {
        let at = self.head.iter().position(|name| name == column).unwrap_or_else(|| panic!("no column {column}"));
        self.rows.iter().map(|row| &row[at]).collect()
    }

    /// The numbers of a column, row by row.
    pub fn numbers(&self, column: &str) -> Vec<f64> {
        self.words(column).iter().map(|word| word.parse().unwrap_or_else(|_| panic!("{word} is no number"))).collect()
    }
}

/// A loss and its recovery, as one repeat saw it.
pub struct Episode {
    /// When recovery began, in seconds.
    pub time: f64,
    /// The threshold that was set.
    pub ssthresh: f64,
    /// When recovery ended.
    pub end: f64,
    /// The window then.
    pub cwnd_at_end: f64,
}

/// A scenario as the kernel ran it, some three times.
pub struct Golden {
    scenario: &'static str,
    summary: Value,
}

impl Golden {
    /// Reads a scenario's summary.
    pub fn of(scenario: &'static str) -> Golden {
        let path = folder().join(scenario).join("summary.json");
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Golden { scenario, summary: serde_json::from_str(&text).expect("a summary is JSON") }
    }

    /// Whether the scenario has such a file.
    pub fn has(&self, file: &str) -> bool {
        folder().join(self.scenario).join(file).is_file()
    }

    /// Another file of the scenario.
    pub fn sheet(&self, file: &str) -> Sheet {
        let path = folder().join(self.scenario).join(file);
        let mut reader = csv::Reader::from_path(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let head = reader.headers().expect("a head").clone();
        Sheet { head, rows: reader.records().map(|row| row.expect("a row")).collect() }
    }

    fn repeats(&self) -> &[Value] {
        self.summary["per_repeat"].as_array().expect("repeats")
    }

    fn each(&self, place: &str) -> Vec<f64> {
        let number = |repeat: &Value| {
            let value = repeat.pointer(place).and_then(Value::as_f64);
            value.unwrap_or_else(|| panic!("{}: no number at {place}", self.scenario))
        };
        self.repeats().iter().map(number).collect()
    }

    /// A figure of the flow in each repeat, by its place in the summary.
    pub fn flow(&self, place: &str) -> Vec<f64> {
        self.each(&format!("/flows/0/{place}"))
    }

    /// Bytes that each flow had acknowledged between two whole seconds, repeat by repeat.
    pub fn acknowledged(&self, from: u32, to: u32) -> Vec<Vec<f64>> {
        let at = |flow: &Value, second: u32| {
            let bytes = &flow["bytes_acked_at"][second.to_string()];
            bytes.as_f64().unwrap_or_else(|| panic!("{}: no bytes at {second} s", self.scenario))
        };
        let of = |repeat: &Value| {
            let flows = repeat["flows"].as_array().expect("flows");
            flows.iter().map(|flow| at(flow, to) - at(flow, from)).collect()
        };
        self.repeats().iter().map(of).collect()
    }

    /// A figure of the requests in each repeat.
    pub fn requests(&self, place: &str) -> Vec<f64> {
        self.each(&format!("/request_response/{place}"))
    }

    /// Recoveries, repeat by repeat.
    pub fn episodes(&self) -> Vec<Vec<Episode>> {
        let episode = |value: &Value| {
            let number = |name: &str| value[name].as_f64().unwrap_or_else(|| panic!("an episode without {name}"));
            Episode {
                time: number("t_enter_s"),
                ssthresh: number("ssthresh_after"),
                end: number("t_exit_s"),
                cwnd_at_end: number("cwnd_at_exit"),
            }
        };
        let episodes = |repeat: &Value| {
            let list = repeat["flows"][0]["loss_episodes"].as_array().expect("a list of episodes");
            list.iter().map(episode).collect()
        };
        self.repeats().iter().map(episodes).collect()
    }

    /// Queue positions of the first flight's segments, repeat by repeat; they are the same in all.
    pub fn first_flight(&self) -> Vec<u64> {
        let sheet = self.sheet("first_flight.csv");
        let (repeats, positions) = (sheet.numbers("repeat"), sheet.numbers("queue_packets"));
        let of = |wanted: f64| -> Vec<u64> {
            let chosen = repeats.iter().zip(&positions).filter(|(repeat, _)| **repeat == wanted);
            chosen.map(|(_, position)| *position as u64).collect()
        };
        let first = of(1.0);
        assert!(repeats.iter().all(|repeat| of(*repeat) == first), "{}: first flights differ", self.scenario);
        first
    }

    /// What BBR believed, change by change, in each repeat.
    pub fn beliefs(&self) -> Vec<Vec<Belief>> {
        let sheet = self.sheet("model.csv");
        let [repeat, time, cwnd, bandwidth, gain] =
            ["repeat", "t_s", "cwnd_segments", "bandwidth_Bps", "pacing_gain"].map(|name| sheet.numbers(name));
        let mut repeats: Vec<Vec<Belief>> = Vec::new();
        let mut startup = true;
        for at in 0..repeat.len() {
            if repeat[at] as usize > repeats.len() {
                repeats.push(Vec::new());
                startup = true;
            }
            // Draining paces below the bandwidth, as startup never does.
            startup &= gain[at] >= 1.0;
            let row = Belief { time: time[at], cwnd: cwnd[at], bandwidth: bandwidth[at] * 8e-6, startup };
            repeats.last_mut().expect("a repeat").push(row);
        }
        repeats
    }

    /// Drops before the end of the first recovery, in each repeat whose packets were kept.
    pub fn overshoot(&self) -> Vec<f64> {
        let (sheet, episodes) = (self.sheet("drops.csv"), self.episodes());
        let (repeats, times) = (sheet.numbers("repeat"), sheet.numbers("t_in_ns"));
        let count = |(at, episodes): (usize, &Vec<Episode>)| {
            let of_it = repeats.iter().zip(&times).filter(|(repeat, _)| **repeat == (at + 1) as f64);
            of_it.filter(|(_, time)| **time * 1e-9 < episodes[0].end).count() as f64
        };
        episodes.iter().enumerate().map(count).filter(|count| *count > 0.0).collect()
    }

    /// How many packets each transaction took, run by run of equal ones.
    pub fn packets_per_transaction(&self) -> String {
        let sheet = self.sheet("packets_per_transaction.csv");
        let (repeats, packets) = (sheet.numbers("repeat"), sheet.numbers("packets"));
        let of = |wanted: f64| -> Vec<u64> {
            let chosen = repeats.iter().zip(&packets).filter(|(repeat, _)| **repeat == wanted);
            chosen.map(|(_, packets)| *packets as u64).collect()
        };
        let first = of(1.0);
        assert!(repeats.iter().all(|repeat| of(*repeat) == first), "{}: repeats differ", self.scenario);
        super::runs(&first)
    }

    /// The states that each connection's two ends went through, as the kernel's socket diagnosis saw them. Without a socket, the listener
    /// answered: that is no state of the connection.
    pub fn states(&self) -> Vec<String> {
        let sheet = self.sheet("states.csv");
        let (flows, ends, sources, states) =
            (sheet.numbers("flow"), sheet.words("end"), sheet.words("source"), sheet.words("state"));
        let last = flows.iter().copied().fold(0.0, f64::max) as u64;
        let path = |flow: u64, end: &str| {
            let rows = (0..states.len()).filter(|row| flows[*row] == flow as f64 && ends[*row] == end);
            let seen = rows.filter(|row| sources[*row] == "inet_diag" && states[*row] != "LISTEN");
            let words: Vec<String> = seen.map(|row| super::state(states[row])).collect();
            words.join(" ")
        };
        (1..=last).map(|flow| format!("client {}; server {}", path(flow, "client"), path(flow, "server"))).collect()
    }
}
