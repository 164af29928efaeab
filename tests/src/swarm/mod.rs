//! The swarm: draws an experiment file from a seed. Topology, queues, impairments, faults and load all come from the seed, and each feature is
//! on or off as a whole for a file (so that some files have much of little, and others little of much).
//!
//! One file in four heals: after some seconds of trouble every link is repaired, and the run goes on for so long that each stream must end.

mod links;
mod load;

use std::fmt::Write;

/// SplitMix64: enough for drawing files, and not the simulator's own generator.
pub struct Dice(u64);

impl Dice {
    /// Dice for a seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0xc10c_3133)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number from `low` to `high`, both included.
    pub fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    /// Once in `n` times.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    /// One of these words.
    pub fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.from(0, words.len() as u64 - 1) as usize]
    }
}

/// Which features a file uses at all.
struct Features {
    loss: bool,
    forced: bool,
    jitter: bool,
    reorder: bool,
    duplicate: bool,
    corrupt: bool,
    queues: bool,
    ecn: bool,
    faults: bool,
    ethernet: bool,
    small_mtu: bool,
    traces: bool,
    infinite: bool,
    one_way: bool,
    lopsided: bool,
    still: bool,
    heals: bool,
}

impl Features {
    fn draw(dice: &mut Dice) -> Features {
        Features {
            loss: dice.one_in(2),
            forced: dice.one_in(4),
            jitter: dice.one_in(3),
            reorder: dice.one_in(4),
            duplicate: dice.one_in(4),
            corrupt: dice.one_in(4),
            queues: dice.one_in(2),
            ecn: dice.one_in(3),
            faults: dice.one_in(2),
            ethernet: dice.one_in(3),
            small_mtu: dice.one_in(4),
            traces: dice.one_in(4),
            infinite: dice.one_in(6),
            one_way: dice.one_in(4),
            lopsided: dice.one_in(3),
            still: dice.one_in(8),
            heals: dice.one_in(4),
        }
    }
}

/// What a seed draws.
pub struct Drawn {
    /// The experiment file.
    pub text: String,
    /// The file of delivery opportunities that its links name: `trace.txt`.
    pub trace: String,
    /// Whether everything is repaired in time, so that each stream must end.
    pub heals: bool,
}

/// When files that heal are repaired, in seconds.
const REPAIR: u64 = 6;

/// The experiment of a seed.
pub fn draw(seed: u64) -> Drawn {
    let mut dice = Dice::new(seed);
    let features = Features::draw(&mut dice);
    let (hosts, routers, flows) = (dice.from(2, 6), dice.from(1, 5), dice.from(1, 6));
    let stop = if features.heals { REPAIR + 600 } else { dice.from(3, 10) };
    let mut text = format!("clockwire: 1\nname: swarm-{seed}\nseed: {seed}\nstop: {stop} s\n\n");
    text.push_str("defaults:\n  host: { tcp: { ");
    load::tcp(&mut text, &mut dice, &features);
    text.push_str(" } }\nhosts:\n");
    for host in 1..=hosts {
        let _ = write!(text, "  h{host}: {{");
        if dice.one_in(4) {
            text.push_str(" tcp: { ");
            load::tcp(&mut text, &mut dice, &features);
            text.push_str(" } ");
        }
        text.push_str("}\n");
    }
    text.push_str("routers:\n");
    for router in 1..=routers {
        let _ = writeln!(text, "  r{router}: {{ routes: dijkstra }}");
    }
    let mut links = links::Links::new(&features, flows);
    for host in 1..=hosts {
        let router = dice.from(1, routers);
        links.add(&mut dice, &format!("h{host}"), &format!("r{router}"), &format!("access{host}"));
    }
    for router in 2..=routers {
        let other = dice.from(1, router - 1);
        links.add(&mut dice, &format!("r{router}"), &format!("r{other}"), &format!("core{router}"));
    }
    if routers > 2 && dice.one_in(2) {
        links.add(&mut dice, "r1", &format!("r{routers}"), "ring");
    }
    let _ = write!(text, "links:\n{}", links.text);
    links.events(&mut text, &mut dice, REPAIR);
    load::workload(&mut text, &mut dice, &features, (hosts, flows));
    text.push_str("outputs:\n  tables: [hops, packets, flows, drops, tcp]\n  series: { cwnd: all");
    let sampled = &links.names[dice.from(0, links.names.len() as u64 - 1) as usize];
    // Samples of a run that heals would be many, and show an idle queue.
    if !features.heals {
        let _ = write!(text, ", queue: [{sampled}], every: {} ms", dice.from(5, 80));
    }
    text.push_str(" }\n");
    if dice.one_in(3) {
        let _ = writeln!(text, "  capture: [ {{ at: {sampled}, first: 64 KiB, snap: {} B }} ]", dice.from(20, 200));
    }
    Drawn { text, trace: trace(&mut dice), heals: features.heals }
}

/// Delivery opportunities: bursts and gaps, with stamps that stand several times.
fn trace(dice: &mut Dice) -> String {
    let (mut stamp, mut text) = (0, String::new());
    let pace = dice.from(1, 12);
    for _ in 0..dice.from(1, 60) {
        stamp += match dice.from(0, 9) {
            0 => dice.from(20, 200),
            1..=4 => 0,
            _ => dice.from(0, pace),
        };
        let _ = writeln!(text, "{stamp}");
    }
    let _ = writeln!(text, "{}", stamp + dice.from(1, pace));
    text
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_seed_always_draws_the_same_file_and_another_seed_another() {
        assert_eq!(draw(1).text, draw(1).text);
        assert_ne!(draw(1).text, draw(2).text);
    }

    #[test]
    fn a_hundred_seeds_use_every_feature() {
        let all: String = (0..100).map(|seed| draw(seed).text).collect();
        for word in [
            "bernoulli",
            "gilbert_elliott",
            "list:",
            "class: syn",
            "class: data",
            "normal",
            "uniform",
            "exponential",
            "reorder: true",
            "reorder: {",
            "duplicate",
            "corrupt",
            "red:",
            "byte_mode: true",
            "codel:",
            "ecn: true",
            "ethernet_with_gap",
            "ppp",
            "mtu:",
            "trace:",
            "infinite",
            "->",
            "up: {",
            "down: true",
            "up: true",
            "limit:",
            "tcp:",
            "request:",
            "connections: new",
            "cbr:",
            "poisson:",
            "on_off:",
            "ping:",
            "traceroute:",
            "profile: rfc",
            "profile: linux-6",
            "sack: false",
            "timestamps: false",
            "recv_buffer",
            "send_buffer",
            "simultaneous",
            "reset",
            "read_rate",
            "read_pause",
            "capture:",
            "delay: 0 us",
        ] {
            assert!(all.contains(word), "no file has {word}");
        }
    }
}
