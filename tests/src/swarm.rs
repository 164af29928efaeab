//! The swarm: draws an experiment file from a seed. Topology, queues, impairments, faults and load all come from the seed, and each feature is
//! on or off as a whole for a file (so that some files have much of little, and others little of much).

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

    fn from(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low + 1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.next().is_multiple_of(n)
    }

    fn pick<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.from(0, words.len() as u64 - 1) as usize]
    }
}

/// Which features a file uses at all.
struct Features {
    loss: bool,
    jitter: bool,
    reorder: bool,
    duplicate: bool,
    corrupt: bool,
    queues: bool,
    faults: bool,
    ethernet: bool,
    small_mtu: bool,
}

/// The experiment file of a seed.
pub fn draw(seed: u64) -> String {
    let mut dice = Dice::new(seed);
    let features = Features {
        loss: dice.one_in(2),
        jitter: dice.one_in(3),
        reorder: dice.one_in(4),
        duplicate: dice.one_in(4),
        corrupt: dice.one_in(4),
        queues: dice.one_in(2),
        faults: dice.one_in(3),
        ethernet: dice.one_in(3),
        small_mtu: dice.one_in(4),
    };
    let hosts = dice.from(2, 6);
    let routers = dice.from(1, 5);
    let mut file = format!("clockwire: 1\nname: swarm-{seed}\nseed: {seed}\nstop: {} s\n\n", dice.from(3, 12));
    tcp(&mut file, &mut dice);
    file.push_str("hosts:\n");
    for host in 1..=hosts {
        let _ = writeln!(file, "  h{host}: {{}}");
    }
    file.push_str("routers:\n");
    for router in 1..=routers {
        let _ = writeln!(file, "  r{router}: {{ routes: dijkstra }}");
    }
    file.push_str("links:\n");
    for host in 1..=hosts {
        let router = dice.from(1, routers);
        link(&mut file, &mut dice, &features, &format!("h{host}"), &format!("r{router}"), &format!("access{host}"));
    }
    let mut backbone = Vec::new();
    for router in 2..=routers {
        let other = dice.from(1, router - 1);
        let name = format!("core{}", backbone.len() + 1);
        link(&mut file, &mut dice, &features, &format!("r{router}"), &format!("r{other}"), &name);
        backbone.push(name);
    }
    if routers > 2 && dice.one_in(2) {
        let name = format!("core{}", backbone.len() + 1);
        link(&mut file, &mut dice, &features, "r1", &format!("r{routers}"), &name);
        backbone.push(name);
    }
    events(&mut file, &mut dice, &features, &backbone);
    workload(&mut file, &mut dice, hosts);
    file.push_str("outputs:\n  tables: [hops, flows, drops, tcp]\n  series: { cwnd: all, every: 50 ms }\n");
    file
}

fn link(file: &mut String, dice: &mut Dice, features: &Features, from: &str, to: &str, name: &str) {
    let rate = dice.pick(&["1 Mbit/s", "5 Mbit/s", "10 Mbit/s", "33 Mbit/s", "100 Mbit/s"]);
    let _ = write!(file, "  - {from} -- {to}: {{ name: {name}, rate: {rate}, delay: {} us", dice.from(1, 30_000));
    if features.ethernet && dice.one_in(2) {
        file.push_str(", framing: ethernet");
    }
    if features.small_mtu && dice.one_in(2) {
        let _ = write!(file, ", mtu: {} B", dice.from(576, 1499));
    }
    if features.loss && dice.one_in(2) {
        let _ = match dice.one_in(2) {
            true => write!(file, ", loss: {{ bernoulli: {{ p: 0.{} % }} }}", dice.from(1, 9)),
            false => write!(
                file,
                ", loss: {{ gilbert_elliott: {{ p: 0.{} %, r: {} % }} }}",
                dice.from(1, 9),
                dice.from(10, 60)
            ),
        };
    }
    if features.jitter && dice.one_in(2) {
        let shape = dice.pick(&["normal", "uniform", "exponential"]);
        let _ = match dice.one_in(3) {
            true => write!(file, ", jitter: {{ {shape}: {{ span: {} us, reorder: true }} }}", dice.from(10, 4_000)),
            false => write!(file, ", jitter: {{ {shape}: {} us }}", dice.from(10, 4_000)),
        };
    }
    if features.reorder && dice.one_in(2) {
        let _ = match dice.one_in(2) {
            true => write!(file, ", reorder: {} %", dice.from(1, 5)),
            false => {
                write!(
                    file,
                    ", reorder: {{ p: {} %, gap: {}, by: {} us }}",
                    dice.from(1, 50),
                    dice.from(1, 9),
                    dice.from(1, 9_000)
                )
            }
        };
    }
    if features.duplicate && dice.one_in(2) {
        let _ = write!(file, ", duplicate: 0.{} %", dice.from(1, 9));
    }
    if features.corrupt && dice.one_in(2) {
        let _ = write!(file, ", corrupt: 0.{} %", dice.from(1, 5));
    }
    let queue = match features.queues {
        false => format!("{{ droptail: {{ limit: {} packets }} }}", dice.from(2, 200)),
        true => match dice.from(0, 3) {
            0 => format!("{{ droptail: {{ limit: {} KiB }} }}", dice.from(4, 256)),
            1 => format!("{{ red: {{ ecn: {} }} }}", dice.one_in(2)),
            2 => format!("{{ codel: {{ ecn: {} }} }}", dice.one_in(2)),
            _ => format!("{{ droptail: {{ limit: {} packets }} }}", dice.from(2, 50)),
        },
    };
    let _ = writeln!(file, ", queue: {queue} }}");
}

fn events(file: &mut String, dice: &mut Dice, features: &Features, backbone: &[String]) {
    if !features.faults || backbone.is_empty() {
        return;
    }
    file.push_str("events:\n");
    for event in 0..dice.from(1, 3) {
        let link = &backbone[dice.from(0, backbone.len() as u64 - 1) as usize];
        let at = event * 1000 + dice.from(100, 900);
        let _ = match dice.from(0, 4) {
            3 => writeln!(file, "  - {{ at: {at} ms, link: {link}, set: {{ loss: {} % }} }}", dice.from(1, 5)),
            4 => writeln!(file, "  - {{ at: {at} ms, link: {link}.forward, down: {} ms }}", dice.from(1, 900)),
            0 => writeln!(file, "  - {{ at: {at} ms, link: {link}, down: {} ms }}", dice.from(10, 90)),
            1 => writeln!(file, "  - {{ at: {at} ms, link: {link}, set: {{ rate: {} Mbit/s }} }}", dice.from(1, 50)),
            _ => writeln!(file, "  - {{ at: {at} ms, link: {link}, set: {{ delay: {} ms }} }}", dice.from(1, 50)),
        };
    }
}

fn workload(file: &mut String, dice: &mut Dice, hosts: u64) {
    file.push_str("workload:\n");
    for flow in 1..=dice.from(1, 6) {
        let from = dice.from(1, hosts);
        let to = 1 + (from + dice.from(0, hosts - 2)) % hosts;
        let (from, to) = (format!("h{from}"), format!("h{to}"));
        let _ = write!(file, "  flow{flow}: {{ from: {from}, to: {to}, start: {} ms, ", dice.from(0, 900));
        if dice.one_in(4) {
            let _ = write!(file, "count: {}, stagger: {} us, ", dice.from(2, 4), dice.from(0, 5_000));
        }
        application(file, dice);
    }
}

fn application(file: &mut String, dice: &mut Dice) {
    let _ = match dice.from(0, 9) {
        0..=3 => bulk(file, dice),
        4 => {
            let connections = dice.pick(&["kept", "new"]);
            writeln!(
                file,
                "request: {{ count: {}, request: {} B, response: {} B, connections: {connections}, think: {} us }} }}",
                dice.from(1, 50),
                dice.from(1, 4000),
                dice.from(1, 20_000),
                dice.from(0, 20_000)
            )
        }
        5 => writeln!(file, "cbr: {{ rate: {} kbit/s, size: {} B }} }}", dice.from(50, 3_000), dice.from(20, 4_000)),
        6 => {
            writeln!(file, "poisson: {{ rate: {} kbit/s, size: {} B }} }}", dice.from(50, 3_000), dice.from(20, 1_400))
        }
        7 => writeln!(
            file,
            "on_off: {{ rate: {} kbit/s, on: {} ms, off: {} ms, on_times: exponential }} }}",
            dice.from(50, 5_000),
            dice.from(1, 500),
            dice.from(1, 500)
        ),
        8 => writeln!(file, "ping: {{ every: {} ms, size: {} B }} }}", dice.from(5, 500), dice.from(0, 3_000)),
        _ => writeln!(file, "traceroute: {{ probes: {} }} }}", dice.from(1, 3)),
    };
}

/// A stream whose bytes the receiver compares.
fn bulk(file: &mut String, dice: &mut Dice) -> std::fmt::Result {
    let _ = write!(file, "tcp: {{ bytes: {} B, data: pattern", dice.from(1, 2_000_000));
    if dice.one_in(4) {
        let _ = write!(file, ", open: simultaneous");
    }
    if dice.one_in(3) {
        let close = dice.pick(&["server", "simultaneous", "reset"]);
        let _ = write!(file, ", close: {close}");
        if close == "simultaneous" {
            let _ = write!(file, ", stop: {} ms", dice.from(1_000, 3_000));
        }
    }
    if dice.one_in(4) {
        let _ = write!(file, ", read_rate: {} Mbit/s", dice.from(1, 20));
    }
    if dice.one_in(5) {
        let _ = write!(file, ", read_pause: {} ms, read_pause_after: {} ms", dice.from(10, 2_000), dice.from(1, 900));
    }
    writeln!(file, " }} }}")
}

/// TCP settings of all hosts.
fn tcp(file: &mut String, dice: &mut Dice) {
    let profile = dice.pick(&["linux-6", "rfc"]);
    let cc = dice.pick(&["reno", "cubic"]);
    let _ = write!(file, "defaults:\n  host: {{ tcp: {{ profile: {profile}, cc: {cc}");
    for key in ["sack", "timestamps", "window_scaling", "nagle", "delayed_ack"] {
        if dice.one_in(5) {
            let _ = write!(file, ", {key}: false");
        }
    }
    if dice.one_in(4) {
        file.push_str(", ecn: true");
    }
    if dice.one_in(4) {
        let _ = write!(file, ", recv_buffer: {} B", dice.from(2_000, 200_000));
    }
    if dice.one_in(5) {
        let _ = write!(file, ", send_buffer: {} B", dice.from(2_000, 200_000));
    }
    if dice.one_in(5) {
        let _ = write!(file, ", mss: {} B", dice.from(88, 1_460));
    }
    file.push_str(" } }\n");
}

#[cfg(test)]
mod tests {
    use super::draw;

    #[test]
    fn a_seed_always_draws_the_same_file_and_another_seed_another() {
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }
}
