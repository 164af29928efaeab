//! Packets of a script: those that are injected, those that are awaited.

use sim_core::Time;
use sim_protocols::tcp::{Obstacle, State};

use super::ast::{Action, Call, Event, IcmpSpec, Packet, PacketKind, Place, Script, TcpOption, TcpSpec};
use super::flow::{Flow, show};
use super::kernel::{Ends, Sent, ends_of};
use super::matching::{Bundle, clock_error, difference};
use super::run::{Run, Step, failed, patience, seconds};
use super::sockets::Role;
use super::symbols::errno;
use super::verdict::{Failure, Verdict};

impl Run<'_> {
    /// A call has changed which socket is under test: the last one that was made is, until a connection comes.
    pub fn bind_flow(&mut self, call: &Call) {
        if call.name == "socket"
            && let Some(super::calls::File::Socket(id)) =
                self.process.value(&call.result).ok().and_then(|fd| self.process.files.get(&fd).copied())
        {
            self.flow = Flow::new(None, Some(id));
        }
        self.refresh();
    }

    /// The ends of the connection under test, as soon as it has some.
    fn refresh(&mut self) {
        let socket = self.flow.socket.and_then(|id| self.process.kernel.sockets.get(&id));
        if let Some(Role::Stream(connection)) = socket.map(|socket| &socket.role) {
            let ends = ends_of(connection);
            if self.flow.ends != Some(ends) {
                self.flow = Flow::new(Some(ends), self.flow.socket);
            }
        }
    }

    pub fn inject(&mut self, event: &Event, packet: &Packet) -> Step<()> {
        self.refresh();
        let spec = match &packet.kind {
            PacketKind::Tcp(spec) => spec,
            PacketKind::Icmp(icmp) => return self.icmp(event.place, icmp),
            PacketKind::Udp(_) => {
                return Err(Box::new(Verdict::NotRunnable { place: Some(event.place), feature: "UDP".into() }));
            }
        };
        self.choose_ends(event.place, packet, spec)?;
        let (defined, valid) = (&self.options.defined, self.valid_cookie());
        let (cookies, own) = (&self.cookies, &self.own_cookies);
        let cookie = |word: &str| {
            let digits = defined.get(word).map_or(word, String::as_str).trim_matches('"');
            let known = cookies.get(word).or_else(|| cookies.get(digits)).cloned();
            let made = || (word == "TFO_COOKIE" || own.iter().any(|own| own == digits)).then(|| valid.clone());
            known.or_else(made).or_else(|| hex(digits))
        };
        let ends = self.flow.ends.expect("they were chosen");
        let connection = self.process.kernel.find(ends).and_then(|id| self.process.kernel.sockets[&id].connection());
        if spec.flags & 2 != 0 && connection.is_none_or(|connection| connection.state() == State::SynSent) {
            self.flow.begin(spec);
        }
        let segment = match self.flow.inbound(spec, &packet.ip, self.options.ts_ecr_scaled, cookie) {
            Ok(segment) => segment,
            Err(why) => return failed(event.place, "timestamp", "an echo of what the stack has sent".into(), why),
        };
        if let Some(child) = self.process.kernel.inject(ends, &segment) {
            self.flow.socket = Some(child);
        }
        self.poke()
    }

    /// Whom a packet comes from: the connection under test; at a listener, a new one.
    fn choose_ends(&mut self, place: Place, packet: &Packet, spec: &TcpSpec) -> Step<()> {
        let kernel = &self.process.kernel;
        let listener = self
            .flow
            .socket
            .and_then(|id| kernel.sockets.get(&id))
            .filter(|socket| matches!(socket.role, Role::Listener(_)));
        let listens = listener.and_then(|socket| socket.port);
        let addr = self.options.remote;
        if let Some((source, destination)) = packet.ports {
            let ends = Ends { local: destination, addr, remote: source };
            if self.flow.ends != Some(ends) {
                let socket = kernel.find(ends);
                self.flow = Flow::new(Some(ends), socket);
            }
            return Ok(());
        }
        if let Some(local) = listens {
            self.next_port += 1;
            self.flow = Flow::new(Some(Ends { local, addr, remote: self.next_port }), None);
        } else if self.flow.ends.is_none() && spec.flags & 2 != 0 {
            // Nobody listens: it comes to the port where somebody would.
            self.next_port += 1;
            let local = self.flow.socket.and_then(|id| kernel.sockets.get(&id)).and_then(|socket| socket.port);
            let ends = Ends { local: local.unwrap_or(self.options.ports.0), addr, remote: self.next_port };
            self.flow.ends = Some(ends);
        } else if self.flow.ends.is_none() {
            return failed(place, "connection", "a connection to inject into".into(), "there is none yet".into());
        }
        Ok(())
    }

    fn icmp(&mut self, place: Place, icmp: &IcmpSpec) -> Step<()> {
        let code = icmp.code.as_deref().unwrap_or("");
        let (error, obstacle) = match (icmp.kind.as_str(), code) {
            ("unreachable", "frag_needed") => ("EMSGSIZE", Obstacle::Soft),
            ("unreachable", "net_unreachable") => ("ENETUNREACH", Obstacle::Disconnected),
            ("unreachable", "host_unreachable") => ("EHOSTUNREACH", Obstacle::Disconnected),
            ("unreachable", "net_unknown" | "net_unreachable_for_tos" | "net_prohibited") => {
                ("ENETUNREACH", Obstacle::Soft)
            }
            ("unreachable", "protocol_unreachable") => ("ENOPROTOOPT", Obstacle::Hard),
            ("unreachable", "port_unreachable") => ("ECONNREFUSED", Obstacle::Hard),
            ("unreachable", "source_route_failed") => ("EOPNOTSUPP", Obstacle::Soft),
            ("unreachable" | "time_exceeded" | "", _) => ("EHOSTUNREACH", Obstacle::Soft),
            ("parameter_problem", _) => ("EPROTO", Obstacle::Hard),
            _ => return Ok(()),
        };
        let Some(id) = self.flow.ends.and_then(|ends| self.process.kernel.find(ends)) else { return Ok(()) };
        let (now, seq) = (self.process.kernel.now, self.flow.echoed(icmp.seq));
        let socket = self.process.kernel.sockets.get_mut(&id).expect("it was found");
        socket.icmp_error = errno(error);
        let Some(connection) = socket.connection_mut() else { return Ok(()) };
        if code == "frag_needed" {
            let Some(mtu) = icmp.mtu else {
                return failed(place, "message", "`mtu N` behind `frag_needed`".into(), "none".into());
            };
            if connection.state() != State::Closed && connection.is_under_way(seq) {
                connection.on_mtu(mtu.max(68));
            }
        } else {
            connection.on_unreachable(now, seq, obstacle);
        }
        self.process.kernel.flush(id);
        self.poke()
    }

    /// The cookie that the stack would make for the other end.
    fn valid_cookie(&self) -> Vec<u8> {
        let kernel = &self.process.kernel;
        let port = self.flow.ends.map(|ends| ends.local);
        let listens = |role: &Role| matches!(role, Role::Listener(_));
        let listener = kernel.sockets.values().find(|socket| listens(&socket.role) && socket.port == port);
        let keys = listener.and_then(|listener| listener.keys).unwrap_or(kernel.settings.keys);
        keys.0.cookie(self.options.remote, self.options.local).as_slice().to_vec()
    }

    /// Cookies that stand in answers of the stack.
    pub fn cookies_of(&self, script: &Script) -> Vec<String> {
        let outbound = script.events.iter().filter_map(|event| match &event.action {
            Action::Packet(packet) if !packet.inbound => match &packet.kind {
                PacketKind::Tcp(spec) if spec.flags & 0x12 == 0x12 => spec.options.as_deref(),
                _ => None,
            },
            _ => None,
        });
        let cookies = outbound.flatten().filter_map(|option| match option {
            TcpOption::FastOpen { cookie: Some(word), .. } => {
                Some(self.options.defined.get(word).unwrap_or(word).trim_matches('"').to_string())
            }
            _ => None,
        });
        cookies.collect()
    }

    /// The next packet that the stack has sent on the connection under test, up to `end`.
    fn next_packet(&mut self, end: Time) -> Step<Option<Sent>> {
        loop {
            self.refresh();
            if let Some(sent) = self.flow.ends.and_then(|ends| self.process.kernel.sent.get_mut(&ends)?.pop_front()) {
                return Ok(Some(sent));
            }
            if !self.step(end, false)? {
                return Ok(None);
            }
        }
    }

    pub fn expect(&mut self, event: &Event, packet: &Packet, (from, latest): (Time, Option<Time>)) -> Step<()> {
        let PacketKind::Tcp(spec) = &packet.kind else {
            return Err(Box::new(Verdict::NotRunnable {
                place: Some(event.place),
                feature: "ICMP or UDP that the stack sends".into(),
            }));
        };
        let begun = self.now();
        let end = patience(latest, begun);
        let Some(first) = self.next_packet(end)? else {
            let until = if latest.is_some() { end } else { begun };
            return failed(event.place, "packet", show(spec), format!("none until {} s", seconds(until)));
        };
        self.flow.learn(spec, &first.segment);
        let read = self.flow.outbound(&first.segment, &self.cookies);
        let mut bundle = Bundle::new(read, first);
        while !self.options.strict_segments && bundle.may_grow(spec) {
            let Some(next) = self.next_packet(end)? else { break };
            let read = self.flow.outbound(&next.segment, &self.cookies);
            if let Err(got) = bundle.push(&read, next, self.strict) {
                return failed(event.place, "pieces", show(spec), got);
            }
        }
        let live = bundle.last.at;
        self.learn_cookies(spec, &bundle);
        let (cookies, defined) = (&self.cookies, &self.options.defined);
        let cookie = |wanted: &str, came: &str| {
            let digits = defined.get(wanted).map_or(wanted, String::as_str).trim_matches('"');
            came == wanted || came == digits || cookies.get(wanted).is_some_and(|live| hex(came).as_ref() == Some(live))
        };
        if let Some(what) = difference(spec, &packet.ip, &bundle, self.strict, cookie) {
            if spec.window.is_none() {
                bundle.sum.window = None;
            }
            let got = format!("{}{}", show(&bundle.sum), ip_words(&bundle.last, packet));
            let error = latest.map(|latest| (live.ps() as i64 - latest.max(from).ps() as i64) / 1_000_000);
            let expected = show(spec);
            return Err(Box::new(Verdict::Fail(Failure { place: event.place, what, expected, got, error_us: error })));
        }
        self.compare_clock(event.place, spec, &bundle)?;
        if let Some(latest) = latest {
            let allowed = self.allowed(self.distance);
            let timed = self.on_time(event.place, (from, latest), live, allowed);
            if let Err(mut verdict) = timed {
                if let Verdict::Fail(failure) = verdict.as_mut() {
                    failure.got.push_str(&format!(": {}", show(&bundle.sum)));
                }
                return Err(verdict);
            }
        }
        self.packets += bundle.pieces;
        Ok(())
    }

    /// A cookie of the stack's and the word that the script has for it.
    fn learn_cookies(&mut self, spec: &TcpSpec, bundle: &Bundle) {
        let word = |spec: &TcpSpec| {
            spec.options.iter().flatten().find_map(|option| match option {
                TcpOption::FastOpen { cookie, .. } => cookie.clone(),
                _ => None,
            })
        };
        let flags = bundle.last.segment.repr.flags;
        let made_here = flags.syn() && flags.ack();
        if let (Some(wanted), Some(live)) = (word(spec), bundle.last.segment.repr.options.fast_open())
            && let Some(live) = live.cookie.filter(|_| made_here)
        {
            self.cookies.entry(wanted).or_insert_with(|| live.as_slice().to_vec());
        }
    }

    fn compare_clock(&mut self, place: Place, spec: &TcpSpec, bundle: &Bundle) -> Step<()> {
        let Some(tick) = self.options.ts_tick else { return Ok(()) };
        let Some(error) = clock_error(spec, &bundle.sum, &self.flow) else { return Ok(()) };
        let elapsed = bundle.last.at.us() / 1000 * self.options.tolerance_permille;
        if error.unsigned_abs().saturating_mul(tick) <= self.options.tolerance.max(elapsed) {
            return Ok(());
        }
        failed(place, "timestamp", show(spec), format!("{}: {error} ticks more", show(&bundle.sum)))
    }

    /// Packets that nobody has asked for.
    pub fn left_over(&mut self) -> Vec<String> {
        self.refresh();
        let sent = self.flow.ends.and_then(|ends| self.process.kernel.sent.get(&ends));
        let left = sent.into_iter().flatten().map(|sent| {
            let read = self.flow.outbound(&sent.segment, &self.cookies);
            format!("not asked for, at {} s: {}", seconds(sent.at), show(&read))
        });
        left.collect()
    }
}

/// What a packet's IP header says, where the script asks.
fn ip_words(sent: &Sent, packet: &Packet) -> String {
    let mut text = String::new();
    if packet.ip.ecn.is_some() {
        text.push_str([" [noecn]", " [ect1]", " [ect0]", " [ce]"][usize::from(sent.tos & 3)]);
    }
    if packet.ip.tos.is_some() {
        text.push_str(&format!(" [tos {:#04x}]", sent.tos));
    }
    if packet.ip.ttl.is_some() {
        text.push_str(&format!(" [ttl {}]", sent.ttl));
    }
    text
}

/// Bytes of hexadecimal digits.
fn hex(digits: &str) -> Option<Vec<u8>> {
    if !digits.len().is_multiple_of(2) || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    (0..digits.len() / 2).map(|at| u8::from_str_radix(&digits[2 * at..2 * at + 2], 16).ok()).collect()
}
