//! Who talks to whom, and how.

use std::fmt::Write;

use super::{Dice, Features};

/// When sources of datagrams fall silent in a file that heals, in milliseconds.
const SILENCE: u64 = 5_000;

/// TCP settings, without their braces.
pub(super) fn tcp(text: &mut String, dice: &mut Dice, features: &Features) {
    let profile = dice.pick(&["linux-6", "rfc"]);
    let _ = write!(text, "profile: {profile}, cc: {}", control(dice, features));
    for key in ["sack", "timestamps", "window_scaling", "nagle", "delayed_ack", "idle_restart"] {
        if dice.one_in(5) {
            let _ = write!(text, ", {key}: false");
        }
    }
    if features.ecn && dice.one_in(2) || dice.one_in(8) {
        text.push_str(", ecn: true");
    }
    // One byte, too, is a buffer; but a run that must end would not.
    let least = if features.heals || dice.one_in(4) { 4_000 } else { 300 };
    for key in ["recv_buffer", "send_buffer"] {
        if dice.one_in(4) {
            let _ = write!(text, ", {key}: {} B", dice.from(least, 200_000));
        }
    }
    if dice.one_in(5) {
        let _ = write!(text, ", mss: {} B", dice.from(88, 1_460));
    }
    if dice.one_in(4) {
        let _ = write!(text, ", initial_window: {}", dice.from(1, 20));
    }
    if dice.one_in(5) {
        let _ = write!(text, ", rto_min: {} ms", dice.from(1, 1_000));
    }
    if dice.one_in(8) {
        let _ = write!(text, ", tick: {} ms", dice.from(1, 100));
    }
    if dice.one_in(5) {
        let _ = write!(text, ", msl: {} ms", dice.from(1, 3_000));
    }
    if dice.one_in(6) {
        text.push_str(", pacing: true");
    }
    for key in ["rack", "tlp", "frto", "undo", "ack_compression"] {
        if dice.one_in(5) {
            let _ = write!(text, ", {key}: {}", dice.one_in(2));
        }
    }
    if dice.one_in(6) {
        let _ = write!(text, ", reordering: {}", dice.from(1, 20));
    }
    if !features.heals && dice.one_in(6) {
        let _ = write!(text, ", data_retries: {}, syn_retries: {}", dice.from(1, 4), dice.from(0, 3));
    }
}

fn control(dice: &mut Dice, features: &Features) -> String {
    match dice.from(0, 14) {
        0..=2 => "reno".into(),
        3..=5 => "cubic".into(),
        6 => "bbr".into(),
        7 => "vegas".into(),
        8 => "westwood".into(),
        9 => "dctcp".into(),
        10 => "{ reno: { hystart: plus } }".into(),
        11 => format!("{{ fixed: {{ window: {} }} }}", dice.from(if features.heals { 8 } else { 1 }, 100)),
        12 => "bbr3".into(),
        _ => format!(
            "{{ cubic: {{ hystart: {}, fast_convergence: {}, reno_friendly: {} }} }}",
            ["classic", "plus", "none"][dice.from(0, 2) as usize],
            dice.one_in(2),
            dice.one_in(2)
        ),
    }
}

pub(super) fn workload(text: &mut String, dice: &mut Dice, features: &Features, (hosts, flows): (u64, u64)) {
    text.push_str("workload:\n");
    for flow in 1..=flows {
        let from = dice.from(1, hosts);
        let to = 1 + (from + dice.from(0, hosts - 2)) % hosts;
        let (from, to) = (format!("h{from}"), format!("h{to}"));
        let _ = write!(text, "  flow{flow}: {{ from: {from}, to: {to}, start: {} ms, ", dice.from(0, 900));
        if dice.one_in(4) {
            let _ = write!(text, "count: {}, stagger: {} us, ", dice.from(2, 4), dice.from(0, 5_000));
        }
        let kind = dice.from(0, 11);
        if kind < 5 {
            bulk(text, dice, features);
        } else {
            other(text, dice, features, kind);
        }
    }
}

/// A stream whose bytes the receiver compares.
fn bulk(text: &mut String, dice: &mut Dice, features: &Features) {
    let most = if features.heals { 300_000 } else { 2_000_000 };
    let _ = write!(text, "tcp: {{ bytes: {} B, data: pattern", dice.from(1, most));
    if dice.one_in(4) {
        text.push_str(", open: simultaneous");
    }
    if dice.one_in(3) {
        let close = dice.pick(&["server", "simultaneous", "reset"]);
        let _ = write!(text, ", close: {close}");
        if close == "simultaneous" {
            let _ = write!(text, ", stop: {} ms", dice.from(1_000, 3_000));
        }
    } else if dice.one_in(4) {
        text.push_str(", close_when: acknowledged");
    }
    if dice.one_in(4) {
        let _ = write!(text, ", read_rate: {} kbit/s", dice.from(100, 20_000));
    }
    if dice.one_in(5) {
        let _ = write!(text, ", read_pause: {} ms, read_pause_after: {} ms", dice.from(10, 2_000), dice.from(1, 900));
    }
    if dice.one_in(4) {
        text.push_str(", ");
        tcp(text, dice, features);
    }
    text.push_str(" } }\n");
}

fn other(text: &mut String, dice: &mut Dice, features: &Features, kind: u64) {
    let name = match kind {
        5 | 6 => "request",
        7 => "cbr",
        8 => "poisson",
        9 => "on_off",
        10 => "ping",
        _ => "traceroute",
    };
    let _ = write!(text, "{name}: {{ ");
    let _ = match kind {
        5 | 6 => request(text, dice),
        7 => write!(text, "rate: {} kbit/s, size: {} B", dice.from(50, 3_000), dice.from(20, 4_000)),
        8 => {
            let sizes = dice.pick(&["fixed", "exponential"]);
            write!(text, "rate: {} kbit/s, size: {} B, sizes: {sizes}", dice.from(50, 3_000), dice.from(100, 1_400))
        }
        9 => {
            let (on, off) = (dice.from(1, 500), dice.from(1, 500));
            let times = dice.pick(&["fixed", "exponential"]);
            write!(text, "rate: {} kbit/s, on: {on} ms, off: {off} ms, on_times: {times}", dice.from(50, 5_000))
        }
        10 => {
            write!(text, "every: {} ms, size: {} B, ttl: {}", dice.from(5, 500), dice.from(0, 3_000), dice.from(1, 64))
        }
        _ => write!(text, "probes: {}, timeout: {} ms", dice.from(1, 3), dice.from(100, 2_000)),
    };
    if features.heals && name != "traceroute" {
        let _ = write!(text, ", stop: {} ms", dice.from(1_000, SILENCE));
    }
    text.push_str(" } }\n");
}

fn request(text: &mut String, dice: &mut Dice) -> std::fmt::Result {
    let (connections, close) = (dice.pick(&["kept", "new"]), dice.pick(&["client", "server", "simultaneous", "reset"]));
    let _ = write!(text, "count: {}, connections: {connections}, close: {close}, data: pattern", dice.from(1, 50));
    let _ = write!(text, ", request: {} B, response: {} B", dice.from(1, 4_000), dice.from(1, 20_000));
    write!(text, ", think: {} us, service: {} us", dice.from(0, 20_000), dice.from(0, 9_000))
}
