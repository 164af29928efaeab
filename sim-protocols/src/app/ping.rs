//! `ping`: ICMP echo requests.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::{Params, Payload, Size, Span, Table, Time};

use super::values;
use super::{Application, Idle};
use crate::app::Scope;
use crate::host::{Answer, App, AppEvent, Calls, FlowEnd, Outcome, PING, PingRow};

/// Parameters of a ping.
#[derive(Clone, PartialEq, Debug)]
pub struct PingConfig {
    /// From one request to the next. Default: 1 s.
    pub every: Span,
    /// How many requests. Default: without end.
    pub count: Option<u64>,
    /// Bytes behind the ICMP header. Default: 56 B, as `ping` of iputils.
    pub size: Size,
    /// Time to live. Default: 64.
    pub ttl: u8,
    /// When an answer is given up. Default: 10 s, as `ping` of iputils.
    pub timeout: Span,
    /// No request leaves from this moment on. Default: never.
    pub stop: Option<Time>,
}

impl Default for PingConfig {
    fn default() -> PingConfig {
        PingConfig {
            every: Span::from_secs(1),
            count: None,
            size: Size::from_bytes(56),
            ttl: 64,
            timeout: Span::from_secs(10),
            stop: None,
        }
    }
}

impl PingConfig {
    pub(super) fn read(params: &mut dyn Params) -> PingConfig {
        let default = PingConfig::default();
        PingConfig {
            every: params.span("every", Some(default.every), "from one request to the next"),
            count: values::count(params, "how many requests; without end when not given"),
            size: params.size("size", Some(default.size), "bytes behind the ICMP header"),
            ttl: params.count("ttl", Some(u64::from(default.ttl)), 1..=255, "time to live") as u8,
            timeout: params.span("timeout", Some(default.timeout), "when an answer is given up"),
            stop: values::stop(params, "no request leaves from this moment on"),
        }
    }

    pub(super) fn check(&self) -> Result<(), (&'static str, String)> {
        match () {
            _ if self.every == Span::ZERO => Err(("every", "requests without a time between them never end".into())),
            _ if self.count == Some(0) => Err(("count", "zero requests do nothing".into())),
            _ if self.size.bytes() > 65_507 => Err(("size", "an echo request carries 65507 B at most".into())),
            _ if self.ttl == 0 => Err(("ttl", "a time to live of zero reaches nobody".into())),
            _ => Ok(()),
        }
    }
}

impl Application for PingConfig {
    const TABLES: &'static [&'static Table] = &[&PING];
    const DELIVERS_TO: Option<FlowEnd> = None;

    fn open(&self, end: FlowEnd, _scope: &Scope) -> Box<dyn App> {
        match end {
            FlowEnd::Client => Box::new(Ping::new(self.clone())),
            // The internet layer of the other host answers.
            FlowEnd::Server => Box::new(Idle),
        }
    }
}

const SEND: u32 = 0;
const EXPIRE: u32 = 1;

/// The pinging end; the other one is the internet layer of its host.
struct Ping {
    config: PingConfig,
    sent: u64,
    /// Requests without an answer: number and moment, the oldest first.
    open: VecDeque<(u64, Time)>,
    /// Whether a wake-up for the oldest one is under way.
    armed: bool,
}

impl Ping {
    pub fn new(config: PingConfig) -> Ping {
        Ping { config, sent: 0, open: VecDeque::new(), armed: false }
    }

    fn send(&mut self, calls: &mut Calls<'_, '_>) {
        let now = calls.now();
        if self.config.stop.is_some_and(|stop| now >= stop) {
            return;
        }
        self.sent += 1;
        let to = calls.flow().server;
        let len = self.config.size.bytes() as u32;
        // The number on the wire has 16 bits; the time-out keeps the open ones apart.
        let payload = Payload::Stamped { seq: self.sent as u32, sent: now, len };
        if !std::mem::replace(&mut self.armed, true) {
            calls.wake_at(now + self.config.timeout, EXPIRE);
        }
        self.open.push_back((self.sent, now));
        calls.send_echo(to, self.sent as u16, self.config.ttl, payload);
        if self.config.count.is_none_or(|count| self.sent < count) {
            calls.wake_at(now + self.config.every, SEND);
        }
    }

    fn finished(&self, calls: &mut Calls<'_, '_>) {
        if self.open.is_empty() && self.config.count == Some(self.sent) {
            calls.outcome(Outcome::Finished);
        }
    }

    fn answered(&mut self, calls: &mut Calls<'_, '_>, seq: u16, from: Ipv4Addr, answer: Answer) {
        let Some(at) = self.open.iter().position(|(number, _)| *number as u16 == seq) else { return };
        let (number, sent) = self.open.remove(at).expect("found above");
        self.row(calls, number, sent, Some(calls.now() - sent), from, answer);
    }

    fn row(&self, calls: &mut Calls<'_, '_>, seq: u64, sent: Time, rtt: Option<Span>, from: Ipv4Addr, answer: Answer) {
        let stats = calls.stats();
        stats.sent += 1;
        match answer {
            Answer::Reply => {
                stats.delivered += self.config.size.bytes();
                stats.rtt.record(rtt.expect("a reply has a round trip"));
            }
            Answer::Open => {}
            _ => stats.lost += 1,
        }
        let flow = calls.number();
        calls.emit(&PingRow { flow, workload: flow, seq, sent, rtt, from, answer: answer as u32 });
    }
}

impl App for Ping {
    fn start(&mut self, calls: &mut Calls<'_, '_>) {
        calls.outcome(Outcome::Running);
        self.send(calls);
    }

    fn event(&mut self, calls: &mut Calls<'_, '_>, event: AppEvent) {
        match event {
            AppEvent::Echo { seq, from } => self.answered(calls, seq, from, Answer::Reply),
            AppEvent::EchoError { seq, from, answer } => self.answered(calls, seq, from, answer),
            _ => {}
        }
        self.finished(calls);
    }

    fn timer(&mut self, calls: &mut Calls<'_, '_>, token: u32) {
        if token == SEND {
            return self.send(calls);
        }
        while let Some((number, sent)) = self.open.front().copied() {
            if sent + self.config.timeout > calls.now() {
                return calls.wake_at(sent + self.config.timeout, EXPIRE);
            }
            self.open.pop_front();
            self.row(calls, number, sent, None, Ipv4Addr::UNSPECIFIED, Answer::Timeout);
        }
        self.armed = false;
        self.finished(calls);
    }

    fn killed(&mut self, _calls: &mut Calls<'_, '_>) {
        unreachable!("it is no server that can be killed");
    }

    fn finish(&mut self, calls: &mut Calls<'_, '_>) {
        // As `ping` counts when it is interrupted, all without an answer are lost, but for those that the stop has overtaken.
        calls.stats().lost += (self.open.len() as u64).saturating_sub(calls.under_way());
        for (number, sent) in std::mem::take(&mut self.open) {
            self.row(calls, number, sent, None, Ipv4Addr::UNSPECIFIED, Answer::Open);
        }
    }
}
