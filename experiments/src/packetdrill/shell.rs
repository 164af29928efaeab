//! Shell lines: a closed vocabulary that sets what the system under test is set to. Nothing is ever executed.

use std::net::Ipv4Addr;

use sim_core::Span;

use super::settings::Settings;

/// What a line means besides what it sets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Effect {
    /// What is remembered of servers is forgotten: cookies, segment sizes.
    ForgetServers,
    /// The path of all connections carries packets of so many bytes.
    Mtu(u32),
    /// The script waits.
    Sleep(Span),
}

/// Makes the settings what a text says.
///
/// # Errors
/// The command that is not known here.
pub(super) fn apply(text: &str, settings: &mut Settings, remote: Ipv4Addr) -> Result<Vec<Effect>, String> {
    let mut effects = Vec::new();
    for command in commands(text)? {
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        run(&words, settings, remote, &mut effects).map_err(|why| format!("shell: {why}"))?;
    }
    Ok(effects)
}

fn run(words: &[&str], settings: &mut Settings, remote: Ipv4Addr, effects: &mut Vec<Effect>) -> Result<(), String> {
    let unknown = || Err(words.join(" "));
    let [program, rest @ ..] = words else { return Ok(()) };
    let program = program.rsplit('/').next().unwrap_or(program);
    match (program, rest) {
        ("true" | ":" | "sync" | "ethtool" | "wait", _) => {}
        ("sh" | "bash" | "source" | "." | "sudo", [_, ..]) => return run(rest, settings, remote, effects),
        ("sysctl", _) => {
            for word in rest.iter().filter(|word| !word.starts_with('-')) {
                let Some((key, value)) = word.split_once('=') else { return unknown() };
                set(settings, key, value)?;
            }
        }
        ("set_sysctls.py", _) => {
            settings.save();
            for word in rest {
                let Some((key, value)) = word.split_once('=') else { return unknown() };
                set(settings, key, value)?;
            }
        }
        ("defaults.sh", _) => settings.defaults(),
        (name, []) if name.starts_with("sysctl_restore_") => settings.restore(),
        ("rm", _) => {}
        ("sleep" | "usleep", [time]) => effects.push(Effect::Sleep(sleep(program, time).ok_or(words.join(" "))?)),
        ("echo", [value @ .., ">", file]) => {
            let value = value.join(" ");
            match file.rsplit('/').next() {
                // Both ways of HyStart are on, as they always are.
                Some("hystart_detect") if value == "3" => {}
                Some("hystart" | "hystart_low_window") if matches!(value.as_str(), "1" | "16") => {}
                Some(_) if file.contains("/proc/sys/") => set(settings, file, &value)?,
                _ => return unknown(),
            }
        }
        ("echo" | "printf", _) if !rest.contains(&">") => {}
        ("ip", ["tcp_metrics" | "tcpmetrics", "flush" | "delete", ..]) => effects.push(Effect::ForgetServers),
        ("ip", ["route" | "ro" | "r", "flush", "cache"]) => {}
        ("ip", ["route" | "ro" | "r", "change" | "replace" | "add", rest @ ..]) => {
            route(rest, settings, remote, effects)?;
        }
        ("tc", _) => traffic_control(rest, settings).ok_or(words.join(" "))?,
        _ => return unknown(),
    }
    Ok(())
}

fn set(settings: &mut Settings, key: &str, value: &str) -> Result<(), String> {
    let known = ["net.ipv4.", "net/ipv4/", "net.core.", "net/core/"];
    if !known.iter().any(|prefix| key.contains(prefix)) {
        return Err(format!("sysctl {key}"));
    }
    let name = key.trim().rsplit(['.', '/']).next().unwrap_or(key);
    settings.set(name, value.trim().trim_matches(['"', '\'']))
}

/// What a route to the other end says of connections.
fn route(words: &[&str], settings: &mut Settings, remote: Ipv4Addr, effects: &mut Vec<Effect>) -> Result<(), String> {
    let mut words = words.iter();
    let unknown = |word: &str| format!("ip route … {word}");
    match words.next() {
        Some(&"default") => {}
        Some(to) if covers(to, remote) => {}
        to => return Err(unknown(to.unwrap_or(&""))),
    }
    while let Some(word) = words.next() {
        let value = match words.next() {
            Some(&"lock") => words.next(),
            other => other,
        };
        let number = || value.and_then(|value| value.parse::<u32>().ok()).ok_or_else(|| unknown(word));
        match *word {
            "via" | "dev" | "src" | "proto" | "scope" | "metric" | "table" => {}
            "mtu" => {
                let mtu = number()?.max(128);
                settings.tcp.mss = (mtu - 40).min(65_495) as u16;
                effects.push(Effect::Mtu(mtu));
            }
            "advmss" => settings.tcp.mss = number()?.clamp(88, 65_495) as u16,
            "initcwnd" => settings.tcp.initial_window = number()?.clamp(1, 1000),
            "rto_min" => {
                let text = value.ok_or_else(|| unknown(word))?;
                let ms = text.trim_end_matches("ms").parse().map_err(|_| unknown(word))?;
                settings.tcp.rto_min = Span::from_ms(ms);
            }
            _ => return Err(unknown(word)),
        }
    }
    Ok(())
}

/// Whether a network, such as `192.0.2.0/24`, holds an address.
fn covers(network: &str, addr: Ipv4Addr) -> bool {
    let (base, bits) = network.split_once('/').unwrap_or((network, "32"));
    let (Ok(base), Ok(bits)) = (base.parse::<Ipv4Addr>(), bits.parse::<u32>()) else { return false };
    bits <= 32 && (u64::from(base.to_bits()) ^ u64::from(addr.to_bits())) >> (32 - bits) == 0
}

/// A queue in which no packet has room takes the device away; any other one that holds packets is as good as none.
fn traffic_control(words: &[&str], settings: &mut Settings) -> Option<()> {
    match words {
        ["qdisc", "add" | "replace" | "change", rest @ ..] => {
            let kind =
                rest.iter().find(|word| matches!(**word, "pfifo" | "bfifo" | "pfifo_fast" | "fq" | "fq_codel"))?;
            let limit = rest.iter().position(|word| *word == "limit").and_then(|at| rest.get(at + 1));
            settings.deaf = matches!(*kind, "pfifo" | "bfifo") && limit == Some(&"0");
            Some(())
        }
        ["qdisc", "del" | "delete", ..] => {
            settings.deaf = false;
            Some(())
        }
        _ => None,
    }
}

fn sleep(program: &str, time: &str) -> Option<Span> {
    let value: f64 = time.trim_end_matches('s').parse().ok().filter(|value| (0.0..1e6).contains(value))?;
    let micros = if program == "usleep" { value } else { value * 1e6 };
    Some(Span::from_us(micros as u64))
}

/// A text as commands of words. What takes a word's meaning from elsewhere is left for nobody to know.
fn commands(text: &str) -> Result<Vec<Vec<String>>, String> {
    let (mut all, mut words, mut word) = (Vec::new(), Vec::new(), None::<String>);
    let mut chars = text.chars().peekable();
    let end = |words: &mut Vec<String>, word: &mut Option<String>| words.extend(word.take());
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('\n') | None => {}
                Some(other) => word.get_or_insert_default().push(other),
            },
            '\'' | '"' => {
                let word = word.get_or_insert_default();
                loop {
                    match chars.next() {
                        Some(other) if other == c => break,
                        Some(other) => word.push(other),
                        None => return Err("shell: a text without an end".into()),
                    }
                }
            }
            '#' if word.is_none() => while chars.next_if(|c| *c != '\n').is_some() {},
            '\n' | ';' | '&' => {
                end(&mut words, &mut word);
                if c == '&' && chars.next_if_eq(&'&').is_none() {
                    return Err("shell: a command in the background".into());
                }
                all.push(std::mem::take(&mut words));
            }
            '>' => {
                // The number of what is redirected belongs to the sign.
                if word.as_deref().is_some_and(|word| matches!(word, "1" | "2")) {
                    word = None;
                }
                end(&mut words, &mut word);
                chars.next_if_eq(&'>');
                words.push(if chars.next_if_eq(&'&').is_some() { ">&" } else { ">" }.into());
            }
            '|' if chars.next_if_eq(&'|').is_some() => return Err("shell: ||".into()),
            '|' => return Err("shell: a pipe".into()),
            c if c.is_whitespace() => end(&mut words, &mut word),
            other => word.get_or_insert_default().push(other),
        }
    }
    end(&mut words, &mut word);
    all.push(words);
    for words in &mut all {
        // What is written where nobody reads it is not written.
        while let Some(at) = words.iter().position(|word| word == ">&").or_else(|| {
            (0..words.len()).find(|at| words[*at] == ">" && words.get(at + 1).is_some_and(|file| file == "/dev/null"))
        }) {
            words.drain(at..words.len().min(at + 2));
        }
    }
    all.retain(|words| !words.is_empty());
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: &str) -> Result<(Settings, Vec<Effect>), String> {
        let mut settings = Settings::default();
        let effects = apply(text, &mut settings, Ipv4Addr::new(192, 0, 2, 1))?;
        Ok((settings, effects))
    }

    #[test]
    fn the_vocabulary() {
        let (settings, _) = after("../common/defaults.sh\n").expect("a known command");
        assert_eq!((settings.tcp.recv_buffer_max, settings.tcp.idle_restart, settings.ecn), (15_728_640, false, 0));
        let set = "./defaults.sh 2>&1 >/dev/null && sysctl -q -w net.ipv4.tcp_timestamps=0 net.ipv4.tcp_ecn=1; \\\n sysctl -q 'net.ipv4.tcp_wmem=4096 10000 20000'";
        let (settings, _) = after(set).expect("known commands");
        assert_eq!((settings.tcp.timestamps, settings.ecn, settings.tcp.send_buffer), (false, 1, 10_000));
        let kept = "set_sysctls.py /proc/sys/net/ipv4/tcp_slow_start_after_idle=0";
        assert!(!after(kept).expect("a known command").0.tcp.idle_restart);
        let (settings, _) = after(&format!("{kept}\nsysctl_restore_${{PPID}}.sh")).expect("known commands");
        assert!(settings.tcp.idle_restart);
        let (settings, effects) =
            after("ip tcp_metrics flush all; ip route change 192.0.2.0/24 dev tun0 mtu 1000; sleep .5").expect("known");
        assert_eq!(settings.tcp.mss, 960);
        assert_eq!(effects, [Effect::ForgetServers, Effect::Mtu(1000), Effect::Sleep(Span::from_ms(500))]);
        assert!(after("tc qdisc replace dev tun0 root pfifo limit 0").expect("known").0.deaf);
        after("ethtool -K tun0 tso off gso off; echo 3 > /sys/module/tcp_cubic/parameters/hystart_detect")
            .expect("known");
    }

    #[test]
    fn what_is_not_in_it_is_named() {
        for (text, named) in [
            ("reboot now", "shell: reboot now"),
            ("sysctl -q net.ipv4.tcp_unheard=1", "shell: sysctl tcp_unheard"),
            ("sysctl -q kernel.panic=1", "shell: sysctl kernel.panic"),
            ("nstat -n | grep x", "shell: a pipe"),
            ("sysctl -q net.ipv4.tcp_ecn=5", "shell: sysctl tcp_ecn=5"),
            ("echo 0 > /proc/version", "shell: echo 0 > /proc/version"),
            ("sysctl -q net.ipv4.tcp_congestion_control=nobody", "shell: sysctl tcp_congestion_control=nobody"),
            ("sleep 1 &", "shell: a command in the background"),
            ("echo 'a", "shell: a text without an end"),
        ] {
            assert_eq!(after(text).map(|_| ()), Err(named.into()), "{text}");
        }
    }
}
