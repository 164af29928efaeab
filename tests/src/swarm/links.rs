//! Links, what they do to packets, and what befalls them.

use std::fmt::Write;

use super::{Dice, Features};

/// The links of a file.
pub(super) struct Links<'a> {
    features: &'a Features,
    flows: u64,
    /// The entries.
    pub text: String,
    /// Their names.
    pub names: Vec<String>,
}

impl Links<'_> {
    pub fn new(features: &Features, flows: u64) -> Links<'_> {
        Links { features, flows, text: String::new(), names: Vec::new() }
    }

    /// Joins two nodes: by a link, or by one in each direction.
    pub fn add(&mut self, dice: &mut Dice, from: &str, to: &str, name: &str) {
        // A host is reached by the address of one port alone, so that it has a link both ways.
        if self.features.one_way && from.starts_with('r') && dice.one_in(2) {
            for (from, to, name) in [(from, to, format!("{name}a")), (to, from, format!("{name}b"))] {
                let _ = write!(self.text, "  - {from} -> {to}: {{ name: {name}");
                self.common(dice, true);
                self.side(dice, true);
                self.text.push_str(" }\n");
                self.names.push(name);
            }
            return;
        }
        let _ = write!(self.text, "  - {from} -- {to}: {{ name: {name}");
        self.common(dice, false);
        self.side(dice, true);
        if self.features.lopsided && dice.one_in(2) {
            let _ = write!(self.text, ", {}: {{ ", dice.pick(&["up", "down"]));
            // Whatever comes first in the braces has no comma before it.
            let _ = write!(self.text, "delay: {} us", dice.from(1, 30_000));
            self.side(dice, false);
            self.text.push_str(" }");
        }
        self.text.push_str(" }\n");
        self.names.push(name.into());
    }

    /// What both directions share.
    fn common(&mut self, dice: &mut Dice, one_way: bool) {
        if self.features.ethernet && dice.one_in(2) {
            // Nobody can answer ARP on a link that goes one way.
            let framings: &[&str] = if one_way { &["ppp"] } else { &["ethernet", "ethernet_with_gap", "ppp"] };
            let _ = write!(self.text, ", framing: {}", dice.pick(framings));
        }
        if self.features.small_mtu && dice.one_in(2) {
            let _ = match dice.one_in(8) {
                true => write!(self.text, ", mtu: {} B", dice.from(140, 575)),
                false => write!(self.text, ", mtu: {} B", dice.from(576, 1499)),
            };
        }
        if dice.one_in(6) {
            let _ = write!(self.text, ", cost: {}", dice.from(1, 5));
        }
    }

    /// What each direction may have for itself.
    fn side(&mut self, dice: &mut Dice, whole: bool) {
        let features = self.features;
        if whole || dice.one_in(2) {
            self.speed(dice);
        }
        if whole {
            let delay = if features.still && dice.one_in(2) { 0 } else { dice.from(1, 30_000) };
            let _ = write!(self.text, ", delay: {delay} us");
        }
        let text = &mut self.text;
        if features.forced && dice.one_in(3) {
            forced(text, dice, self.flows);
        } else if features.loss && dice.one_in(2) {
            let _ = write!(text, ", loss: {}", random_loss(dice));
        }
        if features.jitter && dice.one_in(2) {
            let shape = dice.pick(&["normal", "uniform", "exponential"]);
            let _ = match dice.one_in(3) {
                true => write!(text, ", jitter: {{ {shape}: {{ span: {} us, reorder: true }} }}", dice.from(10, 4_000)),
                false => write!(text, ", jitter: {{ {shape}: {} us }}", dice.from(10, 4_000)),
            };
        }
        if features.reorder && dice.one_in(2) {
            let (p, gap, by) = (dice.from(1, 50), dice.from(1, 9), dice.from(1, 9_000));
            let _ = match dice.one_in(2) {
                true => write!(text, ", reorder: {} %", dice.from(1, 5)),
                false => write!(text, ", reorder: {{ p: {p} %, gap: {gap}, by: {by} us }}"),
            };
        }
        if features.duplicate && dice.one_in(2) {
            let _ = write!(text, ", duplicate: 0.{} %", dice.from(1, 9));
        }
        if features.corrupt && dice.one_in(2) {
            let _ = write!(text, ", corrupt: 0.{} %", dice.from(1, 5));
        }
        let _ = write!(text, ", queue: {}", queue(dice, features));
    }

    fn speed(&mut self, dice: &mut Dice) {
        let rate = dice.pick(&["1 Mbit/s", "5 Mbit/s", "10 Mbit/s", "33 Mbit/s", "77777 kbit/s", "100 Mbit/s"]);
        self.text.push_str(", ");
        match (self.features.traces && dice.one_in(3), self.features.infinite && dice.one_in(2)) {
            (true, _) => self.text.push_str("trace: trace.txt"),
            (_, true) => self.text.push_str("rate: infinite"),
            _ => {
                let _ = write!(self.text, "rate: {rate}");
            }
        }
    }

    /// What befalls links; and, where the file heals, the repair of all of them.
    pub fn events(&self, text: &mut String, dice: &mut Dice, repair: u64) {
        let mut events = String::new();
        let count = if self.features.faults { dice.from(1, 6) } else { 0 };
        for event in 0..count {
            let name = &self.names[dice.from(0, self.names.len() as u64 - 1) as usize];
            // One of its directions, or all of it.
            let one_way = name.ends_with(['a', 'b']);
            let side = if one_way { "" } else { dice.pick(&["", "", ".forward", ".reverse"]) };
            let at = event * 500 + dice.from(100, 900);
            let _ = write!(events, "  - {{ at: {at} ms, link: {name}{side}, ");
            let _ = match dice.from(0, 8) {
                0 => writeln!(events, "down: {} ms }}", dice.from(10, 90)),
                1 => writeln!(events, "down: {} ms }}", dice.from(1, 1900)),
                2 => writeln!(
                    events,
                    "down: true }}\n  - {{ at: {} ms, link: {name}{side}, up: true }}",
                    at + dice.from(0, 1500)
                ),
                3 => writeln!(events, "set: {{ loss: {} }} }}", random_loss(dice)),
                4 => writeln!(events, "set: {{ loss: none, delay: {} ms }} }}", dice.from(1, 50)),
                5 => writeln!(events, "set: {{ delay: {} us }} }}", dice.from(1, 50_000)),
                6 => writeln!(events, "set: {{ limit: {} packets }} }}", dice.from(1, 60)),
                7 if self.features.traces => writeln!(events, "set: {{ trace: trace.txt }} }}"),
                8 if self.features.infinite => writeln!(events, "set: {{ rate: infinite }} }}"),
                _ => writeln!(events, "set: {{ rate: {} kbit/s }} }}", dice.from(500, 50_000)),
            };
        }
        if self.features.heals {
            let all = self.names.join(", ");
            let set = "set: { rate: 20 Mbit/s, delay: 2 ms, loss: none, limit: 100 packets }";
            let _ = writeln!(events, "  - {{ at: {repair} s, link: [{all}], {set} }}");
            let _ = writeln!(events, "  - {{ at: {repair} s, link: [{all}], up: true }}");
        }
        if !events.is_empty() {
            let _ = write!(text, "events:\n{events}");
        }
    }
}

fn random_loss(dice: &mut Dice) -> String {
    match dice.one_in(2) {
        true => format!("{{ bernoulli: {{ p: 0.{} % }} }}", dice.from(1, 9)),
        false => format!("{{ gilbert_elliott: {{ p: 0.{} %, r: {} % }} }}", dice.from(1, 9), dice.from(10, 60)),
    }
}

/// Some data segments of a flow, and the first packets of a class.
fn forced(text: &mut String, dice: &mut Dice, flows: u64) {
    let _ = write!(
        text,
        ", loss: {{ list: [ {{ flow: flow{}, class: data, numbers: [{}, {}] }}",
        dice.from(1, flows),
        dice.from(1, 20),
        dice.from(1, 60)
    );
    if dice.one_in(2) {
        let class = dice.pick(&["syn", "syn_ack", "fin", "ack", "other"]);
        let _ = write!(text, ", {{ class: {class}, numbers: {} }}", dice.from(1, 2));
    }
    text.push_str(" ] }");
}

fn queue(dice: &mut Dice, features: &Features) -> String {
    let ecn = features.ecn && dice.one_in(2);
    let limit = match dice.from(0, 3) {
        0 => format!("{} KiB", dice.from(2, 256)),
        1 => format!("{} packets", dice.from(1, 6)),
        _ => format!("{} packets", dice.from(2, 200)),
    };
    match if features.queues { dice.from(0, 3) } else { 0 } {
        1 => {
            let (min, more, p) = (dice.from(1, 20), dice.from(1, 30), dice.from(1, 40));
            let shape = format!("min_packets: {min}, max_packets: {}, max_p: {p} %", min + more);
            let weight = format!("weight_log2: {}, gentle: {}", dice.from(1, 10), dice.one_in(2));
            let bytes = if dice.one_in(4) { "byte_mode: true, " } else { "" };
            format!("{{ red: {{ ecn: {ecn}, {bytes}{shape}, {weight}, limit: {limit} }} }}")
        }
        2 | 3 => {
            let (target, interval) = (dice.from(200, 9_000), dice.from(5, 120));
            format!("{{ codel: {{ ecn: {ecn}, target: {target} us, interval: {interval} ms, limit: {limit} }} }}")
        }
        _ => format!("{{ droptail: {{ limit: {limit} }} }}"),
    }
}
