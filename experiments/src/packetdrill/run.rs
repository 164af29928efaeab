//! A script is run: its events one after the other, each at its time, against the kernel.

use std::collections::BTreeMap;

use sim_core::{Span, Time};

use super::ast::{Action, Arg, Call, Event, Place, Script, When};
use super::calls::{OPENING, Poll, Process, Progress, Stop};
use super::code::{self, Broken, Statement};
use super::flow::{Cookies, Flow};
use super::info::snapshot;
use super::kernel::{Kernel, moment};
use super::needs;
use super::settings::{Missing, Options};
use super::shell::{self, Effect};
use super::symbols::{errno, errno_name};
use super::values::Scope;
use super::verdict::{Failure, Judged, Verdict};

/// How long a packet is waited for beyond its time, and a call that waits by the next one.
const PATIENCE: Span = Span::from_secs(2);
const CALL_PATIENCE: Span = Span::from_secs(1);
/// How long something is waited for that may come at any time.
const ANY_TIME: Span = Span::from_secs(7 * 24 * 3600);

/// Timers of a script.
const STEPS_MAX: u32 = 200_000;

/// Runs a script. `strict`: pushes count on bundles too, whose pieces must be equally long.
pub fn run(script: &Script, options: &Options, strict: bool) -> Judged {
    let mut judged =
        Judged { verdict: Verdict::Pass, level: needs::level(script), packets: 0, worst_us: 0, warnings: Vec::new() };
    if let Some(Missing { place, feature }) = needs::missing(script, options) {
        judged.verdict = Verdict::NotRunnable { place, feature };
        return judged;
    }
    let mut run = Run::new(script, options, strict);
    let ended = run.all();
    judged.packets = run.packets;
    judged.worst_us = run.worst;
    match ended {
        Ok(()) => judged.warnings = run.left_over(),
        Err(verdict) => judged.verdict = *verdict,
    }
    judged
}

/// A call that waits.
struct Pending<'a> {
    event: &'a Event,
    call: &'a Call,
    progress: Progress,
    end: Time,
    allowed: Span,
}

pub(super) struct Run<'a> {
    script: &'a Script,
    pub options: &'a Options,
    pub strict: bool,
    pub process: Process,
    pub flow: Flow,
    pub cookies: Cookies,
    /// Cookies that the script says the stack makes, wherever it says so.
    pub own_cookies: Vec<String>,
    /// The remote port of the next connection from outside.
    pub next_port: u16,
    /// The time of the last event, as the script has it.
    nominal: Time,
    /// What the time of the present event is distant from it.
    pub distance: Span,
    after_inbound: bool,
    pending: Option<Pending<'a>>,
    blocks: Vec<(Place, Vec<Statement>, Scope)>,
    pub packets: u32,
    pub worst: i64,
    at: usize,
    steps: u32,
}

/// An event ends the script.
pub(super) type Step<T> = Result<T, Box<Verdict>>;

/// Something was not as expected.
pub(super) fn failed<T>(place: Place, what: &str, expected: String, got: String) -> Step<T> {
    let failure = Failure { place, what: what.into(), expected, got, error_us: None };
    Err(Box::new(Verdict::Fail(failure)))
}

impl<'a> Run<'a> {
    fn new(script: &'a Script, options: &'a Options, strict: bool) -> Run<'a> {
        let mut run = Run {
            script,
            options,
            strict,
            process: Process { kernel: Kernel::new(options), files: BTreeMap::new() },
            flow: Flow::default(),
            cookies: Cookies::new(),
            own_cookies: Vec::new(),
            next_port: 40_000,
            nominal: Time::ZERO,
            distance: Span::ZERO,
            after_inbound: false,
            pending: None,
            blocks: Vec::new(),
            packets: 0,
            worst: 0,
            at: 0,
            steps: 0,
        };
        run.own_cookies = run.cookies_of(script);
        run
    }

    fn all(&mut self) -> Step<()> {
        if let Some(init) = &self.script.init {
            self.shell(init.place, &init.text)?;
        }
        for (at, event) in self.script.events.iter().enumerate() {
            self.at = at;
            self.process.kernel.isn = self.wanted_isn();
            self.event(event)?;
        }
        if let Some(pending) = &self.pending {
            let end = pending.end.max(self.now()).saturating_add(CALL_PATIENCE);
            self.advance(end)?;
            self.has_returned()?;
        }
        self.assertions()
    }

    pub fn now(&self) -> Time {
        self.process.kernel.now
    }

    /// The number that the stack's next SYN is to begin with, where the script names another one than nought.
    fn wanted_isn(&self) -> Option<u32> {
        let rest = &self.script.events[self.at..];
        let next = rest.iter().find_map(|event| match &event.action {
            Action::Packet(packet) if !packet.inbound => match &packet.kind {
                super::ast::PacketKind::Tcp(spec) if spec.flags & 2 != 0 => Some(spec.seq),
                _ => None,
            },
            _ => None,
        });
        next.filter(|seq| *seq != 0)
    }

    fn event(&mut self, event: &'a Event) -> Step<()> {
        let inbound = matches!(&event.action, Action::Packet(packet) if packet.inbound);
        // Between two packets that are injected no time is lost.
        let base = if inbound && self.after_inbound { self.nominal } else { self.now() };
        let from = |micros| base.saturating_add(Span::from_us(micros));
        let nominal = match event.when {
            When::At(micros) => moment(micros),
            When::After(micros) => from(micros),
            When::Any => self.now(),
            When::Between { from: micros, relative: false, .. } => moment(micros),
            When::Between { from: micros, relative: true, .. } => from(micros),
        };
        if nominal < self.nominal {
            let (then, before) = (seconds(nominal), seconds(self.nominal));
            return failed(event.place, "time", format!("a time after {before} s"), format!("{then} s in the script"));
        }
        self.distance = nominal.since(self.nominal);
        self.nominal = nominal;
        self.after_inbound = inbound;
        match &event.action {
            Action::Packet(packet) if inbound => {
                self.advance(nominal)?;
                self.inject(event, packet)
            }
            Action::Packet(packet) => {
                let latest = match event.when {
                    When::Any => None,
                    When::Between { to, relative: false, .. } => Some(moment(to)),
                    When::Between { to, relative: true, .. } => Some(from(to)),
                    _ => Some(nominal),
                };
                self.expect(event, packet, (nominal, latest))
            }
            Action::Call(call) => {
                self.returned_by_next_call()?;
                self.advance(nominal)?;
                self.make(event, call, base)
            }
            Action::Shell(text) => {
                self.advance(nominal)?;
                self.shell(event.place, text)
            }
            Action::Code(text) => {
                self.advance(nominal)?;
                self.look(event.place, text)
            }
        }
    }

    /// Lets time pass; what is due at the very moment is left for later.
    fn advance(&mut self, to: Time) -> Step<()> {
        while self.step(to, true)? {}
        Ok(())
    }

    /// One thing more happens, `end` at the latest. Returns whether it did.
    pub fn step(&mut self, end: Time, exclusive: bool) -> Step<bool> {
        self.steps += 1;
        if self.steps > STEPS_MAX {
            let place = self.script.events[self.at].place;
            return failed(place, "time", "an end".into(), format!("{STEPS_MAX} timers, and no end"));
        }
        let waits_until = self.pending.as_ref().and_then(|pending| pending.progress.deadline).unwrap_or(Time::NEVER);
        let waits_until = waits_until.max(self.now());
        if waits_until <= end && waits_until < self.process.kernel.deadline() && waits_until > self.now() {
            self.process.kernel.step(waits_until, true);
            self.poke()?;
            return Ok(true);
        }
        let happened = self.process.kernel.step(end, exclusive);
        self.poke()?;
        Ok(happened)
    }

    /// Something has happened: may the call that waits return?
    pub fn poke(&mut self) -> Step<()> {
        let Some(mut pending) = self.pending.take() else { return Ok(()) };
        match self.process.call(pending.call, &mut pending.progress) {
            Ok(Poll::Blocked) => {
                self.pending = Some(pending);
                Ok(())
            }
            Ok(Poll::Done(result)) => {
                self.compare(pending.event, pending.call, &pending.progress, result)?;
                self.on_time(pending.event.place, (pending.end, pending.end), self.now(), pending.allowed)
            }
            Err(stop) => self.stopped(pending.event.place, stop),
        }
    }

    /// Only one call waits: the one before must return within a second.
    fn returned_by_next_call(&mut self) -> Step<()> {
        if self.pending.is_some() {
            let end = self.now().saturating_add(CALL_PATIENCE);
            while self.pending.is_some() && self.step(end, true)? {}
            self.has_returned()?;
        }
        Ok(())
    }

    fn has_returned(&self) -> Step<()> {
        let Some(pending) = &self.pending else { return Ok(()) };
        let expected = format!("{}(…) returns at {} s", pending.call.name, seconds(pending.end));
        failed(pending.event.place, "return", expected, format!("it waits at {} s", seconds(self.now())))
    }

    /// How far a time may be off.
    pub fn allowed(&self, distance: Span) -> Span {
        let share = distance.ps() / 1000 * self.options.tolerance_permille;
        Span::from_ps(share.max(Span::from_us(self.options.tolerance).ps()))
    }

    /// Judges a time.
    pub fn on_time(&mut self, place: Place, (from, to): (Time, Time), live: Time, allowed: Span) -> Step<()> {
        let late = if live > to {
            live.since(to).ps() as i64
        } else if live < from {
            -(from.since(live).ps() as i64)
        } else {
            0
        } / 1_000_000;
        if late.unsigned_abs() > allowed.ps() / 1_000_000 {
            let range = if from == to { seconds(from) } else { format!("{}~{}", seconds(from), seconds(to)) };
            return Err(Box::new(Verdict::Fail(Failure {
                place,
                what: "time".into(),
                expected: format!("{range} s, {} us more or less", allowed.ps() / 1_000_000),
                got: format!("{} s", seconds(live)),
                error_us: Some(late),
            })));
        }
        if late.abs() > self.worst.abs() {
            self.worst = late;
        }
        Ok(())
    }

    fn make(&mut self, event: &'a Event, call: &'a Call, base: Time) -> Step<()> {
        let mut progress = Progress::default();
        let polled = self.process.call(call, &mut progress).or_else(|stop| self.stopped(event.place, stop))?;
        let end = event.until.map(|until| match event.when {
            When::At(_) => moment(until),
            _ => base.saturating_add(Span::from_us(until)),
        });
        match (polled, end) {
            (Poll::Done(result), None) => self.compare(event, call, &progress, result),
            (Poll::Done(result), Some(end)) => {
                self.compare(event, call, &progress, result)?;
                let allowed = self.allowed(end.since(self.nominal));
                self.on_time(event.place, (end, end), self.now(), allowed)
            }
            (Poll::Blocked, None) => {
                failed(event.place, "return", format!("{}(…) returns at once", call.name), "it waits".into())
            }
            (Poll::Blocked, Some(end)) => {
                let allowed = self.allowed(end.since(self.nominal));
                self.pending = Some(Pending { event, call, progress, end, allowed });
                self.bind_flow(call);
                Ok(())
            }
        }
    }

    fn stopped<T>(&self, place: Place, stop: Stop) -> Step<T> {
        match stop {
            Stop::Missing(feature) => Err(Box::new(Verdict::NotRunnable { place: Some(place), feature })),
            Stop::Wrong { expected, got } => failed(place, "what the call gives", expected, got),
            Stop::Script(why) => Err(Box::new(Verdict::Malformed { place: Some(place), why })),
        }
    }

    /// What a call has returned beside what it should.
    fn compare(&mut self, event: &Event, call: &Call, progress: &Progress, result: Result<i64, i64>) -> Step<()> {
        let show = |result: Result<i64, i64>| match result {
            Ok(value) => format!("{}(…) = {value}", call.name),
            Err(error) => format!("{}(…) = -1 {}", call.name, errno_name(error)),
        };
        let wanted = match &call.result {
            Arg::Any => None,
            arg => match self.process.value(arg) {
                Ok(value) => Some(value),
                Err(stop) => return self.stopped(event.place, stop),
            },
        };
        if let (Some(file), Ok(_)) = (progress.opened, result)
            && OPENING.contains(&call.name.as_str())
        {
            match wanted {
                Some(fd) if fd >= 0 => drop(self.process.files.insert(fd, file)),
                Some(_) => {
                    let expected = format!("{}(…) = -1 {}", call.name, call.errno.as_deref().unwrap_or(""));
                    return failed(event.place, "result", expected, format!("{}(…) = a descriptor", call.name));
                }
                None => {}
            }
            self.bind_flow(call);
            return Ok(());
        }
        self.bind_flow(call);
        let same = match (wanted, result) {
            (None, _) => true,
            (Some(wanted), Ok(value)) => wanted == value && call.errno.is_none(),
            (Some(-1), Err(error)) => call.errno.as_deref().is_none_or(|name| errno(name) == Some(error)),
            (Some(_), Err(_)) => false,
        };
        if same {
            return Ok(());
        }
        let wanted = wanted.unwrap_or(0);
        let name = call.errno.as_ref().map_or(String::new(), |name| format!(" {name}"));
        failed(event.place, "result", format!("{}(…) = {wanted}{name}", call.name), show(result))
    }

    fn shell(&mut self, place: Place, text: &str) -> Step<()> {
        let kernel = &mut self.process.kernel;
        match shell::apply(text, &mut kernel.settings, self.options.remote) {
            Err(feature) => return Err(Box::new(Verdict::NotRunnable { place: Some(place), feature })),
            Ok(effects) => {
                for effect in effects {
                    match effect {
                        Effect::ForgetServers => self.process.kernel.cache.clear(),
                        Effect::Mtu(mtu) => self.process.kernel.narrow(mtu),
                        Effect::Sleep(span) => {
                            let end = self.now().saturating_add(span);
                            self.advance(end)?;
                        }
                    }
                }
            }
        }
        self.poke()
    }

    /// Keeps what assertions will be made of.
    fn look(&mut self, place: Place, text: &str) -> Step<()> {
        let statements = match code::parse(text) {
            Ok(statements) => statements,
            Err(feature) => return Err(Box::new(Verdict::NotRunnable { place: Some(place), feature })),
        };
        let socket =
            self.flow.socket.and_then(|id| self.process.kernel.sockets.get(&id)).filter(|socket| !socket.orphan);
        let Some(socket) = socket else {
            let expected = "a socket with a descriptor, to ask for TCP_INFO".into();
            return failed(place, "socket", expected, "there is none".into());
        };
        let scope = snapshot(socket, self.now());
        self.blocks.push((place, statements, scope));
        Ok(())
    }

    fn assertions(&mut self) -> Step<()> {
        let mut scope = Scope::default();
        for (place, statements, fields) in std::mem::take(&mut self.blocks) {
            scope.extend(&fields);
            match code::run(&statements, &mut scope) {
                Ok(()) => {}
                Err(Broken::Untrue(got)) => return failed(place, "assertion", "a true assertion".into(), got),
                Err(Broken::Unknown(feature)) => {
                    return Err(Box::new(Verdict::NotRunnable { place: Some(place), feature }));
                }
            }
        }
        Ok(())
    }
}

/// When a packet is no longer waited for.
pub(super) fn patience(latest: Option<Time>, now: Time) -> Time {
    match latest {
        Some(latest) => latest.max(now).saturating_add(PATIENCE),
        None => now.saturating_add(ANY_TIME),
    }
}

/// A moment for people: seconds with six decimals.
pub(super) fn seconds(at: Time) -> String {
    let us = at.us();
    format!("{}.{:06}", us / 1_000_000, us % 1_000_000)
}
