//! Waiting for sockets: `poll` and `epoll`.

use std::collections::BTreeMap;

use sim_core::Span;
use sim_protocols::tcp::State;

use super::ast::{Arg, Call};
use super::calls::{File, Poll, Process, Progress, Stop, done, fail};
use super::kernel::Id;
use super::sockets::{Role, Socket};

/// `POLLIN` and the like; those of `epoll` are the same.
pub(super) const IN: u32 = 1;
pub(super) const OUT: u32 = 4;
const ERR: u32 = 8;
const HUP: u32 = 0x10;
const NVAL: u32 = 0x20;
const RDNORM: u32 = 0x40;
const WRNORM: u32 = 0x100;
const RDHUP: u32 = 0x2000;
const ONESHOT: u32 = 1 << 30;
const EDGE: u32 = 1 << 31;

/// Sockets that are waited for together.
#[derive(Clone, Debug, Default)]
pub(super) struct Epoll {
    watched: BTreeMap<Id, Watch>,
}

#[derive(Clone, Debug)]
struct Watch {
    events: u32,
    data: Option<(String, i64)>,
    /// Nobody was told since it was added or changed.
    fresh: bool,
}

impl Epoll {
    /// A socket is there no more.
    pub fn forget(&mut self, id: Id) {
        self.watched.remove(&id);
    }
}

/// What a socket is ready for (Linux's tcp_poll).
fn readiness(socket: &Socket) -> u32 {
    let error = if socket.error { ERR } else { 0 };
    error
        | match &socket.role {
            Role::Listener(listener) if listener.queue.is_empty() => 0,
            Role::Listener(_) => IN | RDNORM,
            Role::Fresh if socket.deferred.is_some() => OUT | WRNORM,
            Role::Fresh | Role::Gone => OUT | WRNORM | HUP,
            Role::Stream(connection) => {
                let state = connection.state();
                let closed = state == State::Closed;
                let reads_no_more = socket.shut.0 || socket.their_end || socket.ended;
                let writes_no_more = socket.shut.1 || socket.ended;
                let mut mask = if closed || reads_no_more && writes_no_more { HUP } else { 0 };
                if reads_no_more {
                    mask |= IN | RDNORM | RDHUP;
                }
                if state == State::SynSent || !socket.established && !closed {
                    return error | mask;
                }
                if connection.readable() > 0 {
                    mask |= IN | RDNORM;
                }
                if writes_no_more || connection.is_writeable() {
                    mask |= OUT | WRNORM;
                }
                mask
            }
        }
}

impl Process {
    /// When a call with a time-out in milliseconds gives up.
    fn time_out(&self, ms: i64, progress: &mut Progress) -> bool {
        let now = self.kernel.now;
        if progress.deadline.is_none() && ms >= 0 {
            progress.deadline = Some(now.saturating_add(Span::from_ms(ms.min(1 << 32) as u64)));
        }
        progress.deadline.is_some_and(|end| now >= end)
    }

    pub fn poll(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let Some(Arg::List(entries)) = call.args.first() else {
            return Err(Stop::Script("poll needs a list, such as [{fd=3, events=POLLIN, revents=0}]".into()));
        };
        let mut ready = 0;
        let mut found = Vec::new();
        for entry in entries {
            let field = |name| match entry.field(name) {
                Some(Arg::Any) => Ok(None),
                Some(arg) => self.value(arg).map(Some),
                None => Ok(None),
            };
            let (Some(fd), Some(events)) = (field("fd")?, field("events")?) else {
                return Err(Stop::Script("each entry of poll needs fd and events".into()));
            };
            let revents = match self.files.get(&fd) {
                Some(File::Socket(id)) => readiness(self.socket_of(*id)) & (events as u32 | ERR | HUP),
                Some(File::Epoll(_)) => 0,
                Some(File::Zeros) => (IN | OUT) & events as u32,
                None => NVAL,
            };
            ready += i64::from(revents != 0);
            found.push((fd, revents, field("revents")?));
        }
        let over = self.time_out(self.int(call, 2)?, progress);
        if ready == 0 && !over {
            return Ok(Poll::Blocked);
        }
        for (fd, revents, expected) in found {
            if let Some(expected) = expected
                && expected != i64::from(revents)
            {
                return Err(Stop::Wrong {
                    expected: format!("revents {} for {fd}", words(expected as u32)),
                    got: format!("revents {}", words(revents)),
                });
            }
        }
        done(ready)
    }

    pub fn epoll_create(&mut self, progress: &mut Progress) -> Result<Poll, Stop> {
        let id = self.kernel.number();
        self.kernel.epolls.insert(id, Epoll::default());
        progress.opened = Some(File::Epoll(id));
        done(0)
    }

    pub fn epoll_ctl(&mut self, call: &Call) -> Result<Poll, Stop> {
        let (set, socket) = match (self.file(call, 0)?, self.file(call, 2)?) {
            (Some(File::Epoll(set)), Some(File::Socket(socket))) => (set, socket),
            (Some(File::Epoll(_)), Some(_)) => return fail("EPERM"),
            (Some(_), Some(_)) => return fail("EINVAL"),
            _ => return fail("EBADF"),
        };
        let operation = self.int(call, 1)?;
        let watch = match call.args.get(3) {
            Some(arg @ Arg::Struct(_)) => {
                let events = arg.field("events").map_or(Ok(0), |events| self.value(events))? as u32;
                Some(Watch { events, data: self.data_of(arg)?, fresh: true })
            }
            _ => None,
        };
        let epoll = self.kernel.epolls.get_mut(&set).expect("a descriptor keeps its set");
        let known = epoll.watched.contains_key(&socket);
        match (operation, known, watch) {
            (1, true, _) => return fail("EEXIST"),
            (2 | 3, false, _) => return fail("ENOENT"),
            (2, ..) => drop(epoll.watched.remove(&socket)),
            (1 | 3, _, Some(watch)) => drop(epoll.watched.insert(socket, watch)),
            (1 | 3, _, None) => return fail("EFAULT"),
            _ => return fail("EINVAL"),
        }
        done(0)
    }

    /// What a structure of `epoll` carries: `fd`, `ptr` or a number.
    fn data_of(&self, arg: &Arg) -> Result<Option<(String, i64)>, Stop> {
        let Arg::Struct(fields) = arg else { return Ok(None) };
        let found = fields.iter().find(|(name, _)| matches!(name.as_str(), "fd" | "ptr" | "u32" | "u64"));
        match found {
            Some((name, value)) => Ok(Some((name.clone(), self.value(value)?))),
            None => Ok(None),
        }
    }

    pub fn epoll_wait(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let set = match self.file(call, 0)? {
            Some(File::Epoll(set)) => set,
            Some(_) => return fail("EINVAL"),
            None => return fail("EBADF"),
        };
        let most = self.int(call, 2)?;
        if most <= 0 {
            return fail("EINVAL");
        }
        let mut found = Vec::new();
        let mut told = Vec::new();
        for (id, watch) in &self.kernel.epolls[&set].watched {
            let socket = self.socket_of(*id);
            let mask = readiness(socket) & (watch.events & !(EDGE | ONESHOT) | ERR | HUP);
            let changed = watch.fresh
                || socket.edges & (IN | OUT) & (watch.events | if mask & (ERR | HUP) != 0 { IN | OUT } else { 0 }) != 0;
            let silent = watch.events & EDGE != 0 && !changed || watch.events == 0;
            if mask != 0 && !silent && (found.len() as i64) < most {
                found.push((mask, watch.data.clone()));
                told.push(*id);
            }
        }
        let over = self.time_out(self.int(call, 3)?, progress);
        if found.is_empty() && !over {
            return Ok(Poll::Blocked);
        }
        for id in told {
            self.socket_mut(id).edges = 0;
            let watch = self.kernel.epolls.get_mut(&set).and_then(|epoll| epoll.watched.get_mut(&id));
            let watch = watch.expect("it was just looked at");
            watch.fresh = false;
            if watch.events & ONESHOT != 0 {
                watch.events = 0;
            }
        }
        self.compare_events(call.args.get(1), &found)?;
        done(found.len() as i64)
    }

    fn compare_events(&self, expected: Option<&Arg>, found: &[(u32, Option<(String, i64)>)]) -> Result<(), Stop> {
        let expected: &[Arg] = match expected {
            Some(Arg::List(all) | Arg::Tuple(all)) => all,
            Some(one @ Arg::Struct(_)) => std::slice::from_ref(one),
            _ => return Ok(()),
        };
        for (arg, (mask, data)) in expected.iter().zip(found) {
            let Some(events) = arg.field("events").filter(|events| !matches!(events, Arg::Any)) else { continue };
            let events = self.value(events)? as u32;
            let wants = self.data_of(arg)?;
            if events != *mask || wants.is_some() && wants != *data {
                let show = |mask, data: &Option<(String, i64)>| match data {
                    Some((name, value)) => format!("{{events={}, {name}={value}}}", words(mask)),
                    None => format!("{{events={}}}", words(mask)),
                };
                return Err(Stop::Wrong { expected: show(events, &wants), got: show(*mask, data) });
            }
        }
        Ok(())
    }
}

/// A mask as people read it.
fn words(mask: u32) -> String {
    let names = [
        (IN, "POLLIN"),
        (OUT, "POLLOUT"),
        (ERR, "POLLERR"),
        (HUP, "POLLHUP"),
        (NVAL, "POLLNVAL"),
        (RDNORM, "POLLRDNORM"),
        (WRNORM, "POLLWRNORM"),
        (RDHUP, "POLLRDHUP"),
    ];
    let set: Vec<&str> = names.iter().filter(|(bit, _)| mask & bit != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "0".into() } else { set.join("|") }
}
