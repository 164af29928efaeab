//! `firewall:`, `nat:` and `tracking:` of routers.

use std::collections::BTreeSet;

use sim_core::Params;
use sim_protocols::{Action, Mapping, Reject, Rule, TrackTimes};

use super::params;
use crate::read::{At, Map, Sink, short};
use crate::yaml::{Mark, Node, Value};

/// What a router lets pass, as written.
#[derive(Default)]
pub(crate) struct GateSpec {
    pub rules: Vec<RuleSpec>,
    pub otherwise: Action,
    /// Links on which hosts have the router's address.
    pub masquerade: Vec<At<String>>,
    pub maps: Vec<MapSpec>,
    pub mapping: Mapping,
    pub no_hairpin: bool,
    pub times: TrackTimes,
    /// Whether there is anything.
    pub given: bool,
}

/// A rule with the hosts that it names.
pub(crate) struct RuleSpec {
    /// All but its networks.
    pub rule: Rule,
    pub from: Vec<At<String>>,
    pub to: Vec<At<String>>,
}

/// A port that leads inside.
pub(crate) struct MapSpec {
    pub protocol: u8,
    /// Whose port; none: the router's, on the links that are masqueraded.
    pub of: Option<At<String>>,
    pub port: u16,
    pub to: At<String>,
    pub to_port: u16,
    pub at: Mark,
}

/// Which port a host has outside; as [`Mapping`] has them.
pub(crate) const MAPPINGS: [&str; 2] = ["connection", "endpoint"];
pub(crate) const ACTIONS: [&str; 3] = ["allow", "deny", "reject"];
const PROTOCOLS: [(&str, Option<u8>); 4] = [("any", None), ("tcp", Some(6)), ("udp", Some(17)), ("icmp", Some(1))];
const STATES: [(&str, u8); 4] =
    [("new", Rule::NEW), ("established", Rule::ESTABLISHED), ("related", Rule::RELATED), ("invalid", Rule::INVALID)];
const EXAMPLE: &str = "as in `tcp from client* to api port 443 state new`";

impl GateSpec {
    pub fn read(sink: &mut Sink, map: &mut Map<'_>) -> GateSpec {
        let mut gate = GateSpec::default();
        if let Some(node) = map.get("firewall") {
            gate.given = true;
            gate.firewall(sink, node);
        }
        if let Some(node) = map.get("nat") {
            gate.given = true;
            gate.nat(sink, node);
        }
        if let Some(node) = map.get("tracking") {
            gate.tracking(sink, node);
        }
        gate
    }

    fn firewall(&mut self, sink: &mut Sink, node: &Node) {
        let (rules, otherwise) = match &node.value {
            Value::Map(_) => {
                let mut map = sink.map(node, "`firewall`");
                let (rules, otherwise) = (map.get("rules"), map.get("default"));
                map.finish(sink);
                (rules, otherwise)
            }
            _ => (Some(node), None),
        };
        if let Some(node) = otherwise
            && let Some(text) = sink.text(node)
        {
            match ACTIONS.iter().position(|word| *word == text.value) {
                Some(at) => self.otherwise = action(at, Reject::Fitting),
                None => sink.unknown(text.at, "action", text.value, &ACTIONS),
            }
        }
        for item in rules.map(|node| sink.list(node)).unwrap_or_default() {
            self.rules.extend(rule(sink, item));
        }
        if self.rules.is_empty() && self.otherwise == Action::Allow && !sink.has_errors() {
            sink.error(node.at, "the firewall has no rules")
                .help
                .push("as in `[ { allow: tcp to api port 443 }, { deny: any } ]`".into());
        }
    }

    fn nat(&mut self, sink: &mut Sink, node: &Node) {
        let mut map = sink.map(node, "`nat`");
        for item in map.get("masquerade").map(|node| sink.list(node)).unwrap_or_default() {
            if let Some(text) = sink.text(item) {
                self.masquerade.push(At { value: text.value.to_string(), at: text.at });
            }
        }
        for item in map.get("map").map(|node| sink.list(node)).unwrap_or_default() {
            if let Some(text) = sink.text(item) {
                match port_map(text.value, text.at) {
                    Ok(map) => {
                        let host = |map: &MapSpec| map.of.as_ref().map(|of| of.value.clone());
                        let same = |other: &&MapSpec| {
                            (other.protocol, other.port, host(other)) == (map.protocol, map.port, host(&map))
                        };
                        if self.maps.iter().any(|other| same(&other)) {
                            let message = format!("port {} leads to another host already", map.port);
                            sink.error(text.at, message).help.push("one port leads to one host".into());
                        }
                        self.maps.push(map);
                    }
                    Err(why) => {
                        let message = format!("`{}` is no mapping of a port: {why}", short(text.value));
                        sink.error(text.at, message).help.push("as in `tcp port 80 to web port 8080`".into());
                    }
                }
            }
        }
        if let Some(word) = map.text(sink, "mapping") {
            match MAPPINGS.iter().position(|known| *known == word.value) {
                Some(at) => self.mapping = [Mapping::Connection, Mapping::Endpoint][at],
                None => sink.unknown(word.at, "`mapping`", word.value, &MAPPINGS),
            }
        }
        if let Some(node) = map.get("hairpin") {
            self.no_hairpin = !sink.flag(node).unwrap_or(true);
        }
        for key in ["mapping", "hairpin"] {
            if let Some(node) = map.get(key).filter(|_| self.masquerade.is_empty()) {
                sink.error(
                    node.at,
                    format!("`{key}` says something of links that are masqueraded, and there are none"),
                );
            }
        }
        if self.masquerade.is_empty() && self.maps.is_empty() && !sink.has_errors() {
            sink.error(node.at, "`nat` translates nothing").help.push("it needs `masquerade` or `map`".into());
        }
        map.finish(sink);
    }

    fn tracking(&mut self, sink: &mut Sink, node: &Node) {
        let default = TrackTimes::default();
        let mut map = sink.map(node, "`tracking`");
        self.times = params::read_among(sink, &mut map, |params| track_times(params, default));
        map.finish(sink);
        let stateful = self.rules.iter().any(|rule| rule.rule.states != 0);
        if !stateful && self.masquerade.is_empty() && self.maps.is_empty() {
            sink.error(node.at, "`tracking` tells nothing: no rule asks for a `state`, and there is no `nat`");
        }
    }
}

/// What the keys of `tracking` are.
pub(crate) fn ask(params: &mut dyn Params) {
    track_times(params, TrackTimes::default());
}

fn track_times(params: &mut dyn Params, default: TrackTimes) -> TrackTimes {
    TrackTimes {
        tcp_established: params.span("tcp_established", Some(default.tcp_established), "a connection of TCP"),
        udp: params.span("udp", Some(default.udp), "datagrams that have gone one way"),
        udp_stream: params.span("udp_stream", Some(default.udp_stream), "datagrams that have gone both ways"),
        icmp: params.span("icmp", Some(default.icmp), "an echo"),
    }
}

fn action(at: usize, reject: Reject) -> Action {
    [Action::Allow, Action::Deny, Action::Reject(reject)][at]
}

/// `{ allow: tcp to api port 443 }`, `{ reject: udp, with: prohibited }`
fn rule(sink: &mut Sink, node: &Node) -> Option<RuleSpec> {
    let mut map = sink.map(node, "a rule");
    let mut found = Vec::new();
    for (at, word) in ACTIONS.iter().enumerate() {
        if let Some(text) = map.text(sink, word) {
            found.push((at, text));
        }
    }
    let with = map.text(sink, "with");
    map.finish(sink);
    let [(at, text)] = found.as_slice() else {
        if !sink.has_errors() {
            let message = format!("a rule has one of {}", ACTIONS.join(", "));
            sink.error(node.at, message).help.push("as in `{ allow: tcp to api port 443 }`".into());
        }
        return None;
    };
    let mut reject = Reject::Fitting;
    if let Some(with) = with {
        match with.value {
            _ if *at != 2 => {
                sink.error(with.at, "`with` says how a sender is told, and only `reject` tells him");
            }
            "port" => reject = Reject::Port,
            "prohibited" => reject = Reject::Prohibited,
            other => sink.unknown(with.at, "answer", other, &["port", "prohibited"]),
        }
    }
    match clauses(text.value, text.at) {
        Ok(mut spec) => {
            spec.rule.action = action(*at, reject);
            Some(spec)
        }
        Err(why) => {
            let message = format!("`{}` is no rule: {why}", short(text.value));
            sink.error(text.at, message).help.push(EXAMPLE.into());
            None
        }
    }
}

fn protocol(word: Option<&str>) -> Result<Option<u8>, String> {
    let word = word.unwrap_or_default();
    let found = PROTOCOLS.iter().find(|(name, _)| *name == word);
    found.map(|(_, number)| *number).ok_or_else(|| format!("it begins with any, tcp, udp or icmp, not with `{word}`"))
}

/// A rule's text behind its action.
fn clauses(text: &str, at: Mark) -> Result<RuleSpec, String> {
    let mut words = text.split_whitespace();
    let protocol = protocol(words.next())?;
    let mut spec = RuleSpec { rule: Rule { protocol, ..Rule::default() }, from: Vec::new(), to: Vec::new() };
    let mut source = false;
    let mut said = BTreeSet::new();
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("something is due behind `{word}`"))?;
        // Ports belong to the host before them. Lists of hosts and of ports that were said one by one would open each to each.
        let once = (word.trim_end_matches('s'), word.starts_with("port") && source);
        if !said.insert(once) {
            return Err(format!(
                "it says `{word}` twice: several are a list, as in `to a,b`, and what goes together is a rule of its own"
            ));
        }
        let parts = value.split(',').filter(|part| !part.is_empty());
        match word {
            "from" | "to" => {
                source = word == "from";
                let hosts = parts.filter(|part| *part != "any").map(|part| At { value: part.to_string(), at });
                if source { spec.from.extend(hosts) } else { spec.to.extend(hosts) }
            }
            "port" | "ports" if !matches!(protocol, Some(6 | 17)) => {
                return Err("ports are those of tcp or udp".into());
            }
            "port" | "ports" => {
                let ports = if source { &mut spec.rule.from_ports } else { &mut spec.rule.to_ports };
                for part in parts {
                    ports.push(port_range(part)?);
                }
            }
            "state" | "states" => {
                for part in parts {
                    let found = STATES.iter().find(|(name, _)| *name == part);
                    let (_, bit) = found
                        .ok_or_else(|| format!("`{part}` is none of the states new, established, related, invalid"))?;
                    spec.rule.states |= bit;
                }
            }
            other => return Err(format!("`{other}` is none of from, to, port, state")),
        }
    }
    Ok(spec)
}

fn port(text: &str) -> Result<u16, String> {
    text.parse().ok().filter(|port| *port > 0).ok_or_else(|| format!("`{text}` is no port: 1 to 65535"))
}

/// `443` or `8000-8080`
fn port_range(text: &str) -> Result<(u16, u16), String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (port(first)?, port(last)?);
    if first > last { Err(format!("`{text}` ends before it begins")) } else { Ok((first, last)) }
}

/// `tcp port 80 [of HOST] to HOST [port 8080]`
fn port_map(text: &str, at: Mark) -> Result<MapSpec, String> {
    let mut words = text.split_whitespace();
    let protocol = protocol(words.next())?.filter(|number| *number != 1).ok_or("ports are those of tcp or udp")?;
    let (mut of, mut to, mut ports) = (None, None, [None; 2]);
    while let Some(word) = words.next() {
        let value = words.next().ok_or_else(|| format!("something is due behind `{word}`"))?;
        let name = || Some(At { value: value.to_string(), at });
        match word {
            "port" => ports[usize::from(to.is_some())] = Some(port(value)?),
            "of" => of = name(),
            "to" => to = name(),
            other => return Err(format!("`{other}` is none of port, of, to")),
        }
    }
    let first = ports[0].ok_or("it names no port that is asked for")?;
    let to = to.ok_or("it does not say where it leads")?;
    Ok(MapSpec { protocol, of, port: first, to, to_port: ports[1].unwrap_or(first), at })
}
