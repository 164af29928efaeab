//! `traceroute`: UDP probes with a rising time to live.

use std::net::Ipv4Addr;

use sim_core::{Params, Payload, Size, Span, Table, Time};

use super::{Application, Idle};
use crate::app::Scope;
use crate::host::{Answer, App, AppEvent, Calls, FlowEnd, Outcome, TRACEROUTE, TracerouteRow, UdpId};

/// Parameters of a traceroute.
#[derive(Clone, PartialEq, Debug)]
pub struct TracerouteConfig {
    /// The last time to live that is tried. Default: 30.
    pub hops_max: u8,
    /// Probes for each time to live. Default: 3.
    pub probes: u8,
    /// When a probe's answer is given up. Default: 1 s.
    pub timeout: Span,
    /// The destination port of the first probe; each has the next one. Default: 33434.
    pub first_port: u16,
    /// Bytes of payload. Default: 32 B.
    pub size: Size,
    /// From the end of one trace to the next. Default: one trace alone.
    pub every: Option<Span>,
}

impl Default for TracerouteConfig {
    fn default() -> TracerouteConfig {
        TracerouteConfig {
            hops_max: 30,
            probes: 3,
            timeout: Span::from_secs(1),
            first_port: 33_434,
            size: Size::from_bytes(32),
            every: None,
        }
    }
}

impl TracerouteConfig {
    pub(super) fn read(params: &mut dyn Params) -> TracerouteConfig {
        let default = TracerouteConfig::default();
        let port = u64::from(default.first_port);
        TracerouteConfig {
            hops_max: params.count("hops_max", Some(default.hops_max.into()), 1..=255, "the last time to live tried")
                as u8,
            probes: params.count("probes", Some(default.probes.into()), 1..=255, "probes for each time to live") as u8,
            timeout: params.span("timeout", Some(default.timeout), "when a probe's answer is given up"),
            first_port: params.count("first_port", Some(port), 1..=65_535, "the destination port of the first probe")
                as u16,
            size: params.size("size", Some(default.size), "bytes of payload"),
            every: params.given("every").then(|| params.span("every", None, "from the end of one trace to the next")),
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        let ports = u32::from(self.hops_max) * u32::from(self.probes);
        match () {
            _ if self.hops_max == 0 || self.probes == 0 => Err(("probes", "no probe is sent".into())),
            _ if self.first_port == 0 || u32::from(self.first_port) + ports > 65_536 => {
                Err(("first_port", format!("{ports} probes need as many ports from `first_port` on")))
            }
            _ if self.timeout == Span::ZERO => Err(("timeout", "an answer takes time".into())),
            _ if self.size.bytes() > 65_507 => Err(("size", "a datagram carries 65507 B at most".into())),
            _ if self.every == Some(Span::ZERO) => {
                Err(("every", "traces without a time between them never end".into()))
            }
            _ => Ok(()),
        }
    }
}

impl Application for TracerouteConfig {
    const TABLES: &'static [&'static Table] = &[&TRACEROUTE];
    const DELIVERS_TO: Option<FlowEnd> = None;

    fn open(&self, end: FlowEnd, _scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => Box::new(Traceroute::new(self.clone())),
            // The internet layer of the other host answers.
            FlowEnd::Server => Box::new(Idle),
        }
    }
}

/// The probing end; routers and the other host's internet layer answer.
struct Traceroute {
    config: TracerouteConfig,
    socket: Option<UdpId>,
    trace: u64,
    ttl: u8,
    probe: u8,
    /// The destination port and the moment of the probe under way.
    open: Option<(u16, Time)>,
    /// Whether a probe of this hop has reached the destination, or something beyond which there is nothing.
    arrived: bool,
    /// Tells the time-outs of probes apart.
    round: u32,
}

impl Traceroute {
    pub fn new(config: TracerouteConfig) -> Traceroute {
        Traceroute { config, socket: None, trace: 0, ttl: 0, probe: 0, open: None, arrived: false, round: 0 }
    }

    fn begin(&mut self, calls: &mut Calls<'_, '_>) {
        calls.outcome(Outcome::Running);
        self.trace += 1;
        (self.ttl, self.probe, self.arrived) = (1, 1, false);
        self.send(calls);
    }

    fn send(&mut self, calls: &mut Calls<'_, '_>) {
        let Some(socket) = self.socket else { return };
        let number = u16::from(self.ttl - 1) * u16::from(self.config.probes) + u16::from(self.probe - 1);
        let port = self.config.first_port + number;
        let to = (calls.flow().server, port);
        let payload = Payload::Zeros(self.config.size.bytes() as u32);
        self.open = Some((port, calls.now()));
        self.round = self.round.wrapping_add(1);
        calls.wake_at(calls.now() + self.config.timeout, self.round);
        calls.stats().sent += 1;
        calls.send_to(socket, to, Some(self.ttl), payload);
    }

    fn row(&self, calls: &mut Calls<'_, '_>, sent: Time, rtt: Option<Span>, from: Ipv4Addr, answer: Answer) {
        let (flow, trace, ttl, probe) = (calls.number(), self.trace, self.ttl, self.probe);
        calls.emit(&TracerouteRow { flow, trace, ttl, probe, sent, rtt, from, answer: answer as u32 });
    }

    /// A row for the probe under way, and the next one.
    fn over(&mut self, calls: &mut Calls<'_, '_>, from: Ipv4Addr, answer: Answer) {
        let Some((_, sent)) = self.open.take() else { return };
        let rtt = (answer != Answer::Timeout).then(|| calls.now() - sent);
        match rtt {
            Some(rtt) => calls.stats().rtt.record(rtt),
            None => calls.stats().lost += 1,
        }
        self.arrived |= !matches!(answer, Answer::Timeout | Answer::TtlExpired);
        self.row(calls, sent, rtt, from, answer);
        if self.probe < self.config.probes {
            self.probe += 1;
        } else if !self.arrived && self.ttl < self.config.hops_max {
            (self.ttl, self.probe) = (self.ttl + 1, 1);
        } else {
            calls.outcome(Outcome::Finished);
            // The time-out of the last probe means nothing any more.
            self.round = self.round.wrapping_add(1);
            if let Some(every) = self.config.every {
                calls.wake_at(calls.now() + every, self.round);
            }
            return;
        }
        self.send(calls);
    }
}

impl App for Traceroute {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        self.socket = Some(calls.udp_open());
        self.begin(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::UdpError(error) if self.open.is_some_and(|(port, _)| port == error.to.1) => {
                self.over(calls, error.from, error.answer);
            }
            AppEvent::Datagrams(socket) => while calls.receive_from(socket).is_some() {},
            _ => {}
        }
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        if token != self.round {
            return;
        }
        match self.open {
            Some(_) => self.over(calls, Ipv4Addr::UNSPECIFIED, Answer::Timeout),
            None => self.begin(calls),
        }
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        if let Some((_, sent)) = self.open.take() {
            self.row(calls, sent, None, Ipv4Addr::UNSPECIFIED, Answer::Open);
        }
    }
}
