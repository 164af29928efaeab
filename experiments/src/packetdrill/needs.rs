//! What a script needs that does not exist here, and how much of the language it uses. Told before anything runs, so that a script that
//! cannot be run is never half judged.

use super::ast::{Action, Arg, Call, Event, Packet, PacketKind, Place, Script, TcpOption};
use super::calls::CALLS;
use super::code;
use super::info::FIELDS;
use super::settings::{Missing, Options, Settings};
use super::shell;
use super::symbols::{constant, value};

/// The first thing that does not exist here, by its place in the script.
pub(super) fn missing(script: &Script, options: &Options) -> Option<Missing> {
    let mut settings = Settings::default();
    let mut shells = |place: Place, text: &str| {
        let told = shell::apply(text, &mut settings, options.remote);
        told.err().map(|feature| Missing { place: Some(place), feature })
    };
    if let Some(found) = script.init.as_ref().and_then(|init| shells(init.place, &init.text)) {
        return Some(found);
    }
    for event in &script.events {
        let found = match &event.action {
            Action::Shell(text) => shells(event.place, text),
            Action::Packet(packet) => in_packet(packet).map(|feature| at(event, feature)),
            Action::Call(call) => in_call(call, options).map(|feature| at(event, feature)),
            Action::Code(text) => in_code(text).map(|feature| at(event, feature)),
        };
        if found.is_some() {
            return found;
        }
    }
    script.cleanup.as_ref().and_then(|cleanup| shells(cleanup.place, &cleanup.text))
}

fn at(event: &Event, feature: String) -> Missing {
    Missing { place: Some(event.place), feature }
}

fn in_packet(packet: &Packet) -> Option<String> {
    if let Some(name) = &packet.encapsulation {
        return Some(format!("{name} around a packet"));
    }
    if packet.ip.flow_label.is_some() {
        return Some("IPv6: flowlabel".into());
    }
    match &packet.kind {
        PacketKind::Udp(_) => Some("UDP".into()),
        PacketKind::Icmp(icmp) if icmp.v6 => Some("IPv6: icmpv6".into()),
        PacketKind::Icmp(_) if !packet.inbound => Some("ICMP that the stack sends".into()),
        PacketKind::Icmp(icmp) => {
            let known =
                matches!(icmp.kind.as_str(), "unreachable" | "time_exceeded" | "source_quench" | "parameter_problem");
            (!known).then(|| format!("icmp {}", icmp.kind))
        }
        PacketKind::Tcp(spec) => {
            if spec.accurate_ecn || spec.options.iter().flatten().any(|option| *option == TcpOption::AccurateEcn) {
                return Some("AccECN".into());
            }
            if spec.options.iter().flatten().any(|option| matches!(option, TcpOption::Md5(_))) {
                return Some("MD5 signatures".into());
            }
            (spec.flags & 0x20 != 0 || spec.urgent.is_some_and(|urgent| urgent != 0)).then(|| "urgent data".into())
        }
    }
}

fn in_call(call: &Call, options: &Options) -> Option<String> {
    if !CALLS.contains(&call.name.as_str()) {
        return Some(format!("the call {}", call.name));
    }
    for arg in call.args.iter().chain([&call.result]) {
        if let Some(name) = unknown_word(arg, options) {
            return Some(format!("the constant {name}"));
        }
    }
    const ABSENT: &[&str] = &[
        "SOCK_DGRAM",
        "AF_INET6",
        "SO_ZEROCOPY",
        "SO_TIMESTAMP",
        "SO_TIMESTAMPNS",
        "SO_TIMESTAMPING",
        "SO_RCVTIMEO",
        "SO_SNDTIMEO",
        "SO_RCVLOWAT",
        "SO_OOBINLINE",
        "SO_MAX_PACING_RATE",
        "MSG_ZEROCOPY",
        "MSG_ERRQUEUE",
        "MSG_OOB",
        "TCP_INQ",
        "TCP_CM_INQ",
        "TCP_MD5SIG",
        "TCP_REPAIR",
        "TCP_SAVE_SYN",
        "TCP_TIMESTAMP",
        "TCP_ULP",
        "TCP_ZEROCOPY_RECEIVE",
        "TCP_CC_INFO",
        "TCP_TX_DELAY",
        "TCP_THIN_LINEAR_TIMEOUTS",
        "TCP_THIN_DUPACK",
        "IP_RECVERR",
        "IP_MTU_DISCOVER",
    ];
    let mut words = Vec::new();
    call.args.iter().for_each(|arg| collect(arg, &mut words));
    if let Some(name) = words.iter().find(|word| ABSENT.contains(&word.as_str())) {
        return Some(name.to_string());
    }
    let control = call.args.iter().filter_map(|arg| arg.field("msg_control"));
    let asked = control.into_iter().any(|arg| !matches!(arg, Arg::Any) && *arg != Arg::List(Vec::new()));
    asked.then(|| "control data of messages".into())
}

fn collect(arg: &Arg, words: &mut Vec<String>) {
    match arg {
        Arg::Word(word) => words.push(word.clone()),
        Arg::Or(all) | Arg::List(all) | Arg::Tuple(all) | Arg::Call(_, all) => {
            all.iter().for_each(|arg| collect(arg, words));
        }
        Arg::Struct(fields) => fields.iter().for_each(|(_, arg)| collect(arg, words)),
        Arg::Not(inner) => collect(inner, words),
        Arg::Any | Arg::Int(_) | Arg::Text(_) => {}
    }
}

fn unknown_word(arg: &Arg, options: &Options) -> Option<String> {
    let mut words = Vec::new();
    collect(arg, &mut words);
    words
        .into_iter()
        .find(|word| constant(word).is_none() && value(&Arg::Word(word.clone()), &options.defined).is_err())
}

fn in_code(text: &str) -> Option<String> {
    match code::parse(text) {
        Ok(statements) => {
            let unknown = code::fields(&statements).into_iter().find(|name| !FIELDS.contains(&name.as_str()));
            unknown.map(|name| format!("{name} of TCP_INFO"))
        }
        Err(why) => Some(why),
    }
}

/// How much of the language a script uses: the least of the sets C0 to C8 that has it all.
pub(super) fn level(script: &Script) -> u8 {
    let mut level = 0;
    let shells = script.init.iter().chain(&script.cleanup).map(|shell| shell.text.as_str());
    let timed = script.events.iter().filter_map(|event| match &event.action {
        Action::Shell(text) => Some(text.as_str()),
        _ => None,
    });
    for text in shells.chain(timed) {
        level = level.max(shell_level(text));
    }
    for event in &script.events {
        level = level.max(match &event.action {
            Action::Shell(_) => 0,
            Action::Code(_) => 2,
            Action::Packet(packet) => packet_level(packet),
            Action::Call(call) => call_level(call),
        });
    }
    level
}

fn shell_level(text: &str) -> u8 {
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["tc ", "ip route", "nstat", "mtu_probing"]) {
        8
    } else if has(&["fastopen", "tcp_metrics"]) {
        5
    } else {
        u8::from(!text.trim().ends_with("defaults.sh"))
    }
}

fn packet_level(packet: &Packet) -> u8 {
    match &packet.kind {
        PacketKind::Icmp(_) => 6,
        PacketKind::Udp(_) => 8,
        PacketKind::Tcp(spec) => {
            let options = || spec.options.iter().flatten();
            if options().any(|option| matches!(option, TcpOption::Md5(_))) {
                8
            } else if spec.flags & 0x20 != 0 {
                7
            } else if options().any(|option| matches!(option, TcpOption::FastOpen { .. })) {
                5
            } else if packet.ip.ecn.is_some() || packet.ip.tos.is_some() || spec.flags & 0xc0 != 0 {
                3
            } else {
                0
            }
        }
    }
}

fn call_level(call: &Call) -> u8 {
    let mut words = Vec::new();
    call.args.iter().for_each(|arg| collect(arg, &mut words));
    let has = |names: &[&str]| words.iter().any(|word| names.contains(&word.as_str()));
    let name = call.name.as_str();
    if has(&["TCP_MD5SIG", "IP_MTU_DISCOVER"]) {
        8
    } else if matches!(name, "sendfile" | "splice" | "pipe" | "open")
        || has(&["MSG_ZEROCOPY", "MSG_ERRQUEUE", "SO_ZEROCOPY", "SO_TIMESTAMPING", "TCP_INQ", "MSG_OOB"])
        || call.args.iter().any(|arg| arg.field("msg_control").is_some_and(|arg| *arg != Arg::List(Vec::new())))
    {
        7
    } else if has(&["MSG_FASTOPEN"]) || words.iter().any(|word| word.starts_with("TCP_FASTOPEN")) {
        5
    } else if matches!(name, "poll" | "epoll_create" | "epoll_ctl" | "epoll_wait") || has(&["TCP_NOTSENT_LOWAT"]) {
        4
    } else if words.iter().any(|word| word.starts_with("TCP_") || word.starts_with("IP_T") || word.starts_with("MSG_"))
        || matches!(name, "sendmsg" | "recv" | "recvfrom" | "recvmsg" | "ioctl" | "readv" | "writev")
        || has(&["SO_KEEPALIVE", "SO_LINGER"])
    {
        3
    } else {
        0
    }
}
