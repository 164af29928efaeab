//! Against Linux 6.18: scenarios run as experiments, from the file to the tables, and every figure that the kernel's traces pin down.
//! `UPDATE_SNAPSHOTS=1 cargo test -p clockwire-tests linux_tcp` writes the table of all figures anew; read the difference.

mod figures;
mod golden;
mod measured;

use std::fmt::Write;

use golden::Golden;
use measured::Measured;

use crate::command::Folder;

/// The scenarios; what each is stands in its experiment file.
const SCENARIOS: [&str; 15] =
    ["L0a", "L0b", "L1", "L2", "L2b", "L3", "L4", "L5", "L6", "L7", "L7b", "L8a", "L8b", "L9", "L10"];

/// Figures out of tolerance that are known, each with its cause: scenario, figure, cause. A figure that has come back into tolerance must
/// leave the list.
const DEVIATIONS: &[(&str, &str, &str)] = &[];

/// How far a figure may be from the kernel's.
#[derive(Clone, Copy)]
enum Tolerance {
    /// So much, in the figure's unit.
    By(f64),
    /// Such a part of the kernel's value.
    Part(f64),
    /// Such a part, or so much, whichever is more.
    PartOrBy(f64, f64),
}

use Tolerance::{By, Part, PartOrBy};

impl Tolerance {
    fn allows(self, ours: f64, golden: f64) -> bool {
        let most = match self {
            By(most) => most,
            Part(part) => golden.abs() * part,
            PartOrBy(part, most) => most.max(golden.abs() * part),
        };
        // Beyond the last digit that anybody reads.
        (ours - golden).abs() <= most + 1e-9
    }

    fn words(self, unit: Unit) -> String {
        let part = |part: f64| format!("{} %", (part * 1e6).round() / 1e4);
        match self {
            By(0.0) => "exact".into(),
            By(most) => format!("± {most}{}", unit.suffix()),
            Part(share) => part(share),
            PartOrBy(share, most) => format!("{} or ± {most}{}", part(share), unit.suffix()),
        }
    }
}

/// A unit, and how many digits of it are shown.
#[derive(Clone, Copy)]
struct Unit(&'static str, usize);

const COUNT: Unit = Unit("", 0);
const SECONDS: Unit = Unit("s", 4);
const MILLISECONDS: Unit = Unit("ms", 3);
const MEGABITS: Unit = Unit("Mbit/s", 4);

impl Unit {
    fn suffix(self) -> String {
        if self.0.is_empty() { String::new() } else { format!(" {}", self.0) }
    }

    fn print(self, value: f64) -> String {
        format!("{value:.*}", self.1)
    }
}

/// A line of the table.
struct Figure {
    scenario: &'static str,
    name: String,
    ours: String,
    golden: String,
    tolerance: String,
    within: bool,
}

/// What collects the figures of a scenario.
struct Figures {
    scenario: &'static str,
    lines: Vec<Figure>,
}

impl Figures {
    /// A number against that of each repeat; the nearest repeat counts. What did not happen in our run is no number.
    fn number(
        &mut self,
        name: impl Into<String>,
        unit: Unit,
        ours: impl Into<Option<f64>>,
        golden: &[f64],
        tolerance: Tolerance,
    ) {
        let ours = ours.into();
        assert!(!golden.is_empty(), "nothing to compare with");
        let (least, most) = golden.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
        let [least, most] = [least, most].map(|value| unit.print(value));
        let spread = if least == most { least } else { format!("{least} – {most}") };
        self.lines.push(Figure {
            scenario: self.scenario,
            name: name.into(),
            ours: ours.map_or("none".into(), |ours| unit.print(ours) + &unit.suffix()),
            golden: spread + &unit.suffix(),
            tolerance: tolerance.words(unit),
            within: ours.is_some_and(|ours| golden.iter().any(|golden| tolerance.allows(ours, *golden))),
        });
    }

    /// Words that must be the same.
    fn words(&mut self, name: &str, ours: String, golden: String) {
        let within = ours == golden;
        let (scenario, name, tolerance) = (self.scenario, name.into(), "exact".into());
        self.lines.push(Figure { scenario, name, ours, golden, tolerance, within });
    }
}

/// Numbers with how often each stands behind the one before: `1 × 4, 199 × 2`.
fn runs(numbers: &[u64]) -> String {
    let runs = numbers.chunk_by(|a, b| a == b);
    runs.map(|run| format!("{} × {}", run.len(), run[0])).collect::<Vec<_>>().join(", ")
}

/// A TCP state in the words of RFC 9293, which the kernel shortens.
fn state(word: &str) -> String {
    match word {
        "SYN_RECV" => "SYN_RECEIVED".into(),
        "FIN_WAIT1" => "FIN_WAIT_1".into(),
        "FIN_WAIT2" => "FIN_WAIT_2".into(),
        word => word.into(),
    }
}

fn first_flight(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let (mine, theirs) = (ours.first_flight(), golden.first_flight());
    figures.number("segments in the first flight", COUNT, mine.len() as f64, &[theirs.len() as f64], By(0.0));
    let list = |positions: &[u64]| positions.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
    figures.words("packets waiting before each", list(&mine), list(&theirs));
}

/// Transfers that end without a loss.
fn transfer(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let done = ours.flow("end_s") * 1e-12;
    figures.number("all acknowledged", SECONDS, done, &golden.flow("sender_all_acked_s"), By(0.0005));
    let last = ours.windows.last().expect("a window").cwnd;
    figures.number("window at the end", COUNT, last, &golden.flow("final/cwnd"), By(0.0));
}

/// The first segment that found the queue full.
fn first_drop(figures: &mut Figures, ours: &Measured, golden: &Golden, number: Tolerance, time: Tolerance) {
    let first = ours.drops().first().copied();
    let when = first.map(|(_, when)| when);
    let before = when.map(|when| ours.cwnd_before(when));
    figures.number(
        "first segment dropped",
        COUNT,
        first.map(|(segment, _)| segment),
        &golden.flow("first_drop/data_segment"),
        number,
    );
    figures.number("window just before", COUNT, before, &golden.flow("first_drop/cwnd_then"), By(1.0));
    figures.number("when", SECONDS, when, &golden.flow("first_drop/t_s"), time);
}

/// Drops until the first recovery is over.
fn overshoot(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let recovered = ours.changes("recovered").first().map(|row| row.time);
    let count = recovered.map(|end| ours.drops().iter().filter(|(_, time)| *time < end).count() as f64);
    figures.number("dropped in the overshoot", COUNT, count, &golden.overshoot(), PartOrBy(0.02, 2.0));
}

/// HyStart leaves slow start before anything is lost.
fn hystart(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let exits = ours.changes("slow_start_exit");
    let (cwnd, time) = (exits.first().map(|exit| exit.cwnd), exits.first().map(|exit| exit.time));
    let name = "window where HyStart leaves slow start";
    figures.number(name, COUNT, cwnd, &golden.flow("slow_start_exit/cwnd"), By(1.0));
    figures.number("when", SECONDS, time, &golden.flow("slow_start_exit/t_s"), By(0.0015));
}

/// Every recovery: when, the threshold, the window behind it.
fn episodes(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let (entries, exits) = (ours.changes("fast_retransmit"), ours.changes("recovered"));
    let theirs = golden.episodes();
    let counts: Vec<f64> = theirs.iter().map(|repeat| repeat.len() as f64).collect();
    figures.number("recoveries", COUNT, entries.len() as f64, &counts, By(0.0));
    for at in 0..theirs.iter().map(Vec::len).max().expect("a repeat") {
        let each = |figure: &dyn Fn(&golden::Episode) -> f64| -> Vec<f64> {
            theirs.iter().filter_map(|repeat| repeat.get(at)).map(figure).collect()
        };
        let mut number = |what: &str, unit, ours, golden: &[f64], tolerance| {
            figures.number(format!("recovery {}{what}", at + 1), unit, ours, golden, tolerance);
        };
        let (entry, exit) = (entries.get(at), exits.get(at));
        number(" begins", SECONDS, entry.map(|row| row.time), &each(&|one| one.time), Part(0.01));
        number(", threshold", COUNT, entry.and_then(|row| row.ssthresh), &each(&|one| one.ssthresh), By(1.0));
        number(", window at its end", COUNT, exit.map(|row| row.cwnd), &each(&|one| one.cwnd_at_end), By(1.0));
    }
}

fn fast_retransmission(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let again = ours.changes("retransmission").first().map(|row| row.time);
    let name = "fast retransmission of the lost segment";
    figures.number(name, SECONDS, again, &golden.flow("first_retransmission/t_s"), By(0.0005));
}

/// Packets from the receiver: how many, and how many of them with SACK blocks. The kernel's path delivered some packets late and several at once,
/// so that its repeats differ by as much.
fn acknowledgements(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let sheet = golden.sheet("acknowledgements.csv");
    let [all, sack] = ours.acknowledgements();
    figures.number("packets from the receiver", COUNT, all, &sheet.numbers("packets"), PartOrBy(0.01, 2.0));
    figures.number("of these with SACK blocks", COUNT, sack, &sheet.numbers("with_sack"), PartOrBy(0.1, 2.0));
}

/// Several losses that one acknowledgement or two reveal: when those behind the first are sent again.
fn later_retransmissions(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let mine: Vec<f64> = ours.changes("retransmission").iter().map(|row| row.time).collect();
    let sheet = golden.sheet("segments.csv");
    let times = sheet.numbers("t_s").into_iter().zip(sheet.words("sent_again"));
    let theirs: Vec<f64> = times.filter(|(_, again)| *again == "1").map(|(time, _)| time).collect();
    for at in 1..theirs.len() {
        let after = |times: &[f64]| times.get(at).map(|time| (time - times[0]) * 1e3);
        let name = format!("retransmission {} after the first", at + 1);
        figures.number(name, MILLISECONDS, after(&mine), &[after(&theirs).expect("it is there")], By(0.5));
    }
}

/// What an endless flow comes to.
fn totals(figures: &mut Figures, ours: &Measured, golden: &Golden, part: f64) {
    let sent_again = ours.flow("retransmissions");
    let many = PartOrBy(0.02, 2.0);
    figures.number("sent again", COUNT, sent_again, &golden.flow("retransmitted_segments"), many);
    let [full, forced] = ["queue_drops", "forced_drops"].map(|name| golden.flow(name));
    let dropped: Vec<f64> = full.iter().zip(&forced).map(|(full, forced)| full + forced).collect();
    figures.number("dropped", COUNT, ours.drops().len() as f64, &dropped, many);
    let goodput: Vec<f64> = golden.flow("goodput_bps").iter().map(|bps| bps * 1e-6).collect();
    figures.number("goodput", MEGABITS, ours.flow("goodput_bps") * 1e-6, &goodput, Part(part));
}

/// From when on the windows are compared moment by moment.
const SETTLED: f64 = 2.0;

/// The two windows over time: how far they are apart in the mean, as a part of the kernel's mean window.
fn window_over_time(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let sheet = golden.sheet("cwnd.csv");
    let (times, windows) = (sheet.numbers("t_s"), sheet.numbers("cwnd_segments"));
    let theirs = |time: f64| windows[times.partition_point(|at| *at <= time).max(1) - 1];
    let end = ours.end();
    let mut moments: Vec<f64> = times.iter().copied().chain(ours.windows.iter().map(|row| row.time)).collect();
    moments.extend([SETTLED, end]);
    moments.retain(|time| (SETTLED..=end).contains(time));
    moments.sort_by(f64::total_cmp);
    let (mut apart, mut area) = (0.0, 0.0);
    for pair in moments.windows(2) {
        let (span, golden) = (pair[1] - pair[0], theirs(pair[0]));
        apart += (ours.cwnd_at(pair[0]) - golden).abs() * span;
        area += golden * span;
    }
    let difference = apart / area * 100.0;
    figures.lines.push(Figure {
        scenario: figures.scenario,
        name: "mean distance of the windows after 2 s".into(),
        ours: format!("{difference:.2} %"),
        golden: "0 %".into(),
        tolerance: "3 % of the mean window".into(),
        within: difference < 3.0,
    });
}

/// What a run of BBR comes to: the phases, the model, the windows that follow from it. The phase of the cycle of gains is chance, so windows in it
/// are compared by mean and median. Not by the most: the kernel's allowance for aggregated acknowledgements follows the packets that its path delivered
/// late, by up to 6 and 10 ms (`emulator_lateness_us`), and adds as many segments as came at once.
struct Phases {
    startup_left: f64,
    window_then: f64,
    bandwidth_then: f64,
    bandwidth_cruising: f64,
    window_mean: f64,
    window_usual: f64,
    probe_rtt: f64,
    probe_rtt_window: f64,
    probe_rtt_lasts: f64,
}

/// BBR's model at a moment, from either side: seconds, segments, Mbit/s; whether it is still in startup.
struct Belief {
    time: f64,
    cwnd: f64,
    bandwidth: f64,
    startup: bool,
}

/// While the flow surely cruises: startup and its drain are over, the first PROBE_RTT has not come.
const CRUISING: [f64; 2] = [1.0, 9.9];

impl Phases {
    /// Of all that was believed, in the order of time; nothing if a phase is missing.
    fn of(rows: &[Belief]) -> Option<Phases> {
        let left = rows.iter().find(|row| !row.startup)?;
        let [from, to] = CRUISING;
        let at = |time: f64| rows[..rows.partition_point(|row| row.time <= time)].last();
        let before = at(from)?;
        let inside: Vec<&Belief> =
            [before].into_iter().chain(rows.iter().filter(|row| row.time > from && row.time < to)).collect();
        let ends = inside[1..].iter().map(|row| row.time).chain([to]);
        let mut windows: Vec<(f64, f64)> =
            inside.iter().zip(ends).map(|(row, end)| (row.cwnd, end - row.time.max(from))).collect();
        windows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let area: f64 = windows.iter().map(|(cwnd, lasts)| cwnd * lasts).sum();
        let mut half = (to - from) / 2.0;
        let usual = windows.iter().find(|(_, lasts)| {
            half -= lasts;
            half <= 0.0
        })?;
        let probe = rows.iter().position(|row| row.time > to && row.cwnd < 10.0)?;
        let behind = rows[probe..].iter().find(|row| row.cwnd >= 10.0)?;
        Some(Phases {
            startup_left: left.time,
            window_then: left.cwnd,
            bandwidth_then: left.bandwidth,
            bandwidth_cruising: at(5.0)?.bandwidth,
            window_mean: area / (to - from),
            window_usual: usual.0,
            probe_rtt: rows[probe].time,
            probe_rtt_window: rows[probe..].iter().map(|row| row.cwnd).fold(f64::MAX, f64::min),
            probe_rtt_lasts: behind.time - rows[probe].time,
        })
    }
}

/// BBR: when it leaves startup, what it measures, how deep and how long PROBE_RTT is.
fn model(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let mine = Phases::of(&ours.beliefs());
    let theirs: Vec<Phases> = golden.beliefs().iter().map(|rows| Phases::of(rows).expect("every phase")).collect();
    let mut number = |name: &str, unit, of: fn(&Phases) -> f64, tolerance| {
        let golden: Vec<f64> = theirs.iter().map(of).collect();
        figures.number(name, unit, mine.as_ref().map(of), &golden, tolerance);
    };
    number("startup is left", SECONDS, |it| it.startup_left, Part(0.05));
    number("window then", COUNT, |it| it.window_then, Part(0.05));
    number("bandwidth measured until then", MEGABITS, |it| it.bandwidth_then, Part(0.01));
    number("bandwidth measured until 5 s", MEGABITS, |it| it.bandwidth_cruising, Part(0.01));
    number("window while it cruises, mean", COUNT, |it| it.window_mean, Part(0.05));
    number("the same, median", COUNT, |it| it.window_usual, Part(0.05));
    number("PROBE_RTT begins", SECONDS, |it| it.probe_rtt, By(0.3));
    number("window in it", COUNT, |it| it.probe_rtt_window, By(0.0));
    // 200 ms and a round trip, in whole ticks of 4 ms on both sides.
    number("it lasts", SECONDS, |it| it.probe_rtt_lasts, By(0.008));
    totals(figures, ours, golden, 0.01);
}

/// The probe of the tail, and what follows it.
fn tail_probe(figures: &mut Figures, ours: &Measured, golden: &Golden, earlier: f64, later: f64) {
    let probe = ours.changes("tail_loss_probe").first().map(|row| row.time);
    let times = golden.flow("first_retransmission/t_s");
    // The kernel's timers are rounded up, to the tick and, the longer they are, more coarsely: it may be later, not earlier.
    let (least, most) = times.iter().fold((f64::MAX, f64::MIN), |(a, b), time| (a.min(*time), b.max(*time)));
    figures.lines.push(Figure {
        scenario: figures.scenario,
        name: "the probe leaves".into(),
        ours: probe.map_or("none".into(), |time| format!("{time:.4} s")),
        golden: format!("{least:.4} – {most:.4} s"),
        tolerance: format!("the kernel {} ms earlier to {} ms later", earlier * 1e3, later * 1e3),
        within: probe.is_some_and(|ours| times.iter().all(|time| (-earlier..=later).contains(&(time - ours)))),
    });
    figures.number("sent again", COUNT, ours.flow("retransmissions"), &golden.flow("retransmitted_segments"), By(0.0));
    let last = ours.windows.last().expect("a window").cwnd;
    figures.number("window at the end", COUNT, last, &golden.flow("final/cwnd"), By(1.0));
}

/// Two flows: what each has of the path from 10 s on.
fn shares(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let (mine, theirs) = (ours.delivered(10.0), golden.acknowledged(10, 40));
    let share = |bytes: &[f64]| bytes[0] / bytes.iter().sum::<f64>();
    let jain = |bytes: &[f64]| {
        let sum: f64 = bytes.iter().sum();
        sum * sum / (2.0 * bytes.iter().map(|b| b * b).sum::<f64>())
    };
    let spread = |of: &dyn Fn(&[f64]) -> f64| {
        let all: Vec<f64> = theirs.iter().map(|bytes| of(bytes)).collect();
        let (least, most) = all.iter().fold((f64::MAX, f64::MIN), |(a, b), value| (a.min(*value), b.max(*value)));
        format!("{least:.3} – {most:.3}")
    };
    for (name, of, tolerance, within) in [
        ("share of the first flow", &share as &dyn Fn(&[f64]) -> f64, "0.5 ± 0.08", (share(&mine) - 0.5).abs() <= 0.08),
        ("Jain's index", &jain, "above 0.97", jain(&mine) > 0.97),
    ] {
        let (ours, golden) = (format!("{:.3}", of(&mine)), spread(of));
        let (scenario, name, tolerance) = (figures.scenario, name.into(), tolerance.into());
        figures.lines.push(Figure { scenario, name, ours, golden, tolerance, within });
    }
    let rate = |bytes: &[f64]| bytes.iter().sum::<f64>() * 8e-6 / 30.0;
    let theirs: Vec<f64> = theirs.iter().map(|bytes| rate(bytes)).collect();
    figures.number("goodput of both", MEGABITS, rate(&mine), &theirs, Part(0.005));
}

fn request_times(figures: &mut Figures, ours: &Measured, golden: &Golden, own_connections: bool) {
    let most = By(0.3);
    figures.number(
        "request to response, mean",
        MILLISECONDS,
        ours.requests_mean("latency_s"),
        &golden.requests("mean_ms"),
        most,
    );
    if own_connections {
        let sheet = golden.sheet("transactions.csv");
        let mean = |column: &str| {
            let times = sheet.numbers(column);
            times.iter().sum::<f64>() / times.len() as f64 * 1e-6
        };
        for (name, mine, theirs) in
            [("connecting, mean", "connect_s", "handshake_ns"), ("closing, mean", "close_s", "teardown_ns")]
        {
            figures.number(name, MILLISECONDS, ours.requests_mean(mine), &[mean(theirs)], most);
        }
    }
    let packets = ours.hops.len() as f64;
    figures.number("packets", COUNT, packets, &golden.requests("packets_total"), By(0.0));
    figures.words("packets of each transaction", ours.packets_per_transaction(), golden.packets_per_transaction());
}

/// The states of both ends. The kernel was watched during the first connections; all of ours must go the same way.
fn states(figures: &mut Figures, ours: &Measured, golden: &Golden) {
    let (mine, theirs) = (ours.states(), golden.states());
    assert!(theirs.iter().all(|path| *path == theirs[0]), "the kernel's connections differ: {theirs:?}");
    let other = mine.iter().find(|path| **path != theirs[0]).unwrap_or(&mine[0]);
    figures.words("states in order", other.clone(), theirs[0].clone());
}

/// A run against what the kernel did in a scenario.
fn compare(scenario: &'static str, ours: &Measured) -> Vec<Figure> {
    let golden = Golden::of(scenario);
    let mut figures = Figures { scenario, lines: Vec::new() };
    let handshake =
        if scenario == "L8b" { golden.requests("handshake_ms/median") } else { golden.flow("handshake_ms") };
    figures.number("handshake", MILLISECONDS, ours.handshake(), &handshake, By(0.2));
    first_flight(&mut figures, ours, &golden);
    match scenario {
        "L0a" | "L0b" => transfer(&mut figures, ours, &golden),
        "L3" => model(&mut figures, ours, &golden),
        "L8a" | "L8b" => request_times(&mut figures, ours, &golden, scenario == "L8b"),
        "L7" => {
            tail_probe(&mut figures, ours, &golden, 0.0, 0.036);
            let probes = golden.flow("first_retransmission/t_s");
            let theirs: Vec<f64> =
                golden.flow("sender_all_acked_s").iter().zip(&probes).map(|(end, probe)| end - probe).collect();
            let probe = ours.changes("tail_loss_probe").first().map(|row| row.time);
            let mine = probe.map(|probe| ours.flow("end_s") * 1e-12 - probe);
            figures.number("from the probe until all is acknowledged", SECONDS, mine, &theirs, By(0.0005));
        }
        "L7b" => {
            tail_probe(&mut figures, ours, &golden, 0.005, 0.005);
            episodes(&mut figures, ours, &golden);
        }
        "L9" => {
            first_drop(&mut figures, ours, &golden, By(1.0), By(0.001));
            shares(&mut figures, ours, &golden);
        }
        _ => {
            match scenario {
                "L1" | "L2b" | "L10" => {
                    first_drop(&mut figures, ours, &golden, By(1.0), By(0.001));
                    overshoot(&mut figures, ours, &golden);
                }
                "L5" => {
                    hystart(&mut figures, ours, &golden);
                    fast_retransmission(&mut figures, ours, &golden);
                }
                "L2" => {
                    hystart(&mut figures, ours, &golden);
                    first_drop(&mut figures, ours, &golden, Part(0.01), Part(0.01));
                }
                _ => fast_retransmission(&mut figures, ours, &golden),
            }
            if scenario == "L6" {
                later_retransmissions(&mut figures, ours, &golden);
            }
            episodes(&mut figures, ours, &golden);
            totals(&mut figures, ours, &golden, 0.005);
            window_over_time(&mut figures, ours, &golden);
        }
    }
    if golden.has("acknowledgements.csv") {
        acknowledgements(&mut figures, ours, &golden);
    }
    if !["L0b", "L7", "L7b", "L9"].contains(&scenario) && figures.lines.iter().all(|figure| figure.name != "goodput") {
        states(&mut figures, ours, &golden);
    }
    figures.lines
}

fn deviation(figure: &Figure) -> Option<&'static str> {
    let listed = |known: &&(&str, &str, &'static str)| known.0 == figure.scenario && known.1 == figure.name;
    DEVIATIONS.iter().find(listed).map(|(_, _, cause)| *cause)
}

fn table(figures: &[Figure], pictures: &[(&str, Vec<String>)]) -> String {
    let mut text = String::from(
        "# Clockwire's TCP beside Linux 6.18\n\n\
         Written by `tests/suite/linux_tcp.rs`, which runs `experiments/linux/*.yaml` and asserts every line. What the scenarios are stands at the \
         head of each file; how the kernel was measured, in [README.md](README.md). Where the kernel's repeats differ, their least and greatest \
         values stand here, and the nearest repeat counts. Times are from the first SYN, windows and thresholds in segments.\n\n\
         | scenario | figure | Clockwire | Linux 6.18 | tolerance | within |\n|---|---|---|---|---|---|\n",
    );
    for figure in figures {
        let within = match (figure.within, deviation(figure)) {
            (true, _) => "yes".into(),
            (false, None) => "no".into(),
            (false, Some(cause)) => format!("no: {cause}"),
        };
        let Figure { scenario, name, ours, golden, tolerance, .. } = figure;
        let _ = writeln!(text, "| {scenario} | {name} | {ours} | {golden} | {tolerance} | {within} |");
    }
    text += "\n## Figures\n\nThe first repeat of the kernel, and ours.\n";
    for (scenario, names) in pictures.iter().filter(|(_, names)| !names.is_empty()) {
        let _ = writeln!(text, "\n### {scenario}\n");
        names.iter().for_each(|name| {
            let _ = writeln!(text, "![{}](figures/{name})", name.trim_end_matches(".svg"));
        });
    }
    text
}

#[test]
fn every_figure_is_as_near_to_linux_as_it_is_held_to() {
    let update = std::env::var_os("UPDATE_SNAPSHOTS").is_some();
    let scratch = Folder::new("linux-figures");
    let drawn = if update { figures::folder() } else { scratch.0.clone() };
    std::fs::create_dir_all(&drawn).expect("a folder for figures");
    let (mut figures, mut pictures, mut faults) = (Vec::new(), Vec::new(), Vec::new());
    for scenario in SCENARIOS {
        let ours = Measured::of(scenario);
        figures.extend(compare(scenario, &ours));
        pictures.push((scenario, figures::draw(scenario, &ours, &drawn)));
    }
    for name in pictures.iter().flat_map(|(_, names)| names) {
        if std::fs::read(drawn.join(name)).ok() != std::fs::read(figures::folder().join(name)).ok() {
            faults.push(format!("figures/{name} is not what the run draws; UPDATE_SNAPSHOTS=1 renews it"));
        }
    }
    let text = table(&figures, &pictures);
    let snapshot = golden::folder().join("TABLE.md");
    if update {
        std::fs::write(&snapshot, &text).expect("the table is written");
    }
    for figure in &figures {
        let Figure { scenario, name, ours, golden, tolerance, within } = figure;
        match (within, deviation(figure)) {
            (false, None) => faults.push(format!("{scenario}, {name}: {ours}, Linux {golden}, tolerance {tolerance}")),
            (true, Some(_)) => faults.push(format!("{scenario}, {name}: within tolerance, but listed as a deviation")),
            _ => {}
        }
    }
    assert!(faults.is_empty(), "out of tolerance:\n{}", faults.join("\n"));
    let expected = std::fs::read_to_string(&snapshot).expect("the table is there");
    let differing = text.lines().zip(expected.lines()).find(|(now, then)| now != then);
    assert!(text == expected, "TABLE.md differs, first in {differing:?}; UPDATE_SNAPSHOTS=1 writes it anew");
}

/// The table must be able to say no: Reno beside CUBIC's trace over the same path, and a transfer beside a longer one.
#[test]
fn another_scenario_is_out_of_tolerance() {
    for (ours, scenario, differs) in [
        ("L1", "L2b", "recovery 1, threshold"),
        ("L1", "L2b", "mean distance of the windows after 2 s"),
        ("L2b", "L2", "first segment dropped"),
        ("L2b", "L2", "window where HyStart leaves slow start"),
        ("L0a", "L0b", "all acknowledged"),
        ("L1", "L3", "startup is left"),
        ("L1", "L3", "goodput"),
        ("L7b", "L7", "the probe leaves"),
        ("L1", "L6", "sent again"),
    ] {
        let figures = compare(scenario, &Measured::of(ours));
        let seen = figures.iter().find(|figure| figure.name == differs).expect("the figure is compared");
        assert!(!seen.within, "{ours} as {scenario}, {differs}: {}, Linux {}", seen.ours, seen.golden);
    }
}
