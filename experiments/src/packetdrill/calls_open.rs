//! Calls that open and close: `socket`, `bind`, `listen`, `accept`, `connect`, `shutdown`, `close`.

use std::collections::VecDeque;
use std::net::Ipv4Addr;

use sim_core::Span;
use sim_protocols::tcp::{Connection, State};

use super::ast::{Arg, Call};
use super::calls::{File, Poll, Process, Progress, Stop, done, fail};
use super::kernel::Id;
use super::sockets::{Listener, Role, Socket};

const SOCK_NONBLOCK: i64 = 0o4000;
const SOCK_CLOEXEC: i64 = 0o2000000;

impl Process {
    pub fn socket(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let family = match call.args.first() {
            Some(Arg::Any) | None => 2,
            Some(arg) => self.value(arg)?,
        };
        if family != 2 {
            return Err(Stop::Missing("sockets of IPv6 and of other families".into()));
        }
        let kind = self.int(call, 1)?;
        if kind & !(SOCK_NONBLOCK | SOCK_CLOEXEC) != 1 || !matches!(self.int(call, 2)?, 0 | 6) {
            return Err(Stop::Missing("sockets of UDP and of other protocols than TCP".into()));
        }
        let mut socket = Socket::new(&self.kernel.settings);
        socket.nonblock = kind & SOCK_NONBLOCK != 0;
        progress.opened = Some(File::Socket(self.kernel.add(socket)));
        done(0)
    }

    /// An address: the runner's where the script leaves it open, else what it says.
    fn address(&self, arg: Option<&Arg>, default: (Ipv4Addr, u16)) -> Result<(Ipv4Addr, u16), Stop> {
        let Some(fields @ Arg::Struct(_)) = arg else { return Ok(default) };
        let mut address = default;
        if let Some(port) = fields.field("sin_port") {
            address.1 = self.value(port)? as u16;
        }
        match fields.field("sin_addr") {
            Some(Arg::Call(name, args)) if matches!(name.as_str(), "inet_addr" | "inet_pton") => {
                let text = args.iter().rev().find_map(|arg| match arg {
                    Arg::Text(text) => Some(text),
                    _ => None,
                });
                address.0 = text
                    .and_then(|text| text.parse().ok())
                    .ok_or_else(|| Stop::Missing("an address that is not IPv4".into()))?;
            }
            Some(Arg::Any) | None => {}
            Some(number) => {
                let number = self.value(number)? as u32;
                if number != 0 {
                    address.0 = Ipv4Addr::from_bits(number);
                }
            }
        }
        if fields.field("sin6_addr").is_some() {
            return Err(Stop::Missing("sockets of IPv6".into()));
        }
        Ok(address)
    }

    pub fn bind(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let (local, port) = (self.kernel.options.local, self.kernel.options.ports.0);
        let (_, port) = self.address(call.args.get(1), (local, port))?;
        if self.socket_of(id).port.is_some() {
            return fail("EINVAL");
        }
        let port = if port == 0 { self.kernel.ephemeral_port() } else { port };
        let listens = |socket: &Socket| matches!(socket.role, Role::Listener(_)) && socket.port == Some(port);
        if self.kernel.sockets.values().any(listens) {
            return fail("EADDRINUSE");
        }
        self.socket_mut(id).port = Some(port);
        done(0)
    }

    pub fn listen(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let backlog = u32::try_from(self.int(call, 1)?).unwrap_or(4096).min(4096);
        let port = self.kernel.ephemeral_port();
        let socket = self.socket_mut(id);
        socket.port.get_or_insert(port);
        let fast_open_queue = socket.fast_open_queue;
        match &mut socket.role {
            Role::Listener(listener) => listener.backlog = backlog,
            Role::Fresh => {
                socket.role = Role::Listener(Listener { backlog, queue: VecDeque::new(), fast_open_queue });
            }
            Role::Stream(_) | Role::Gone => return fail("EINVAL"),
        }
        done(0)
    }

    pub fn accept(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let Role::Listener(listener) = &mut self.socket_mut(id).role else { return fail("EINVAL") };
        let Some(child) = listener.queue.pop_front() else { return self.wait(id, 0) };
        let flags = if call.name == "accept4" { self.int(call, 3)? } else { 0 };
        self.socket_mut(child).nonblock = flags & SOCK_NONBLOCK != 0;
        progress.opened = Some(File::Socket(child));
        done(0)
    }

    pub fn connect(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let to = self.address(call.args.get(1), (self.kernel.options.remote, self.kernel.options.ports.1))?;
        let socket = self.socket_of(id);
        match &socket.role {
            Role::Fresh if socket.deferred.is_some() => return fail("EINPROGRESS"),
            Role::Fresh => {
                let ticket = self.kernel.cache.ticket(to.0);
                let without = socket.without_cookie || socket.config.fast_open.client_without_cookie;
                if socket.fast_open_connect && (ticket.cookie.is_some() || without) {
                    self.socket_mut(id).deferred = Some(to);
                    return done(0);
                }
                let fast = socket.fast_open_connect;
                self.kernel.open_actively(id, to, fast);
                self.kernel.flush(id);
                if self.socket_of(id).nonblock {
                    return fail("EINPROGRESS");
                }
                progress.started = true;
            }
            Role::Listener(_) | Role::Gone => return fail("EISCONN"),
            Role::Stream(_) => {}
        }
        self.connected(id, progress.started)
    }

    /// How far an open has come.
    fn connected(&mut self, id: Id, waits: bool) -> Result<Poll, Stop> {
        let socket = self.socket_of(id);
        if !socket.connecting && !socket.ended {
            return fail("EISCONN");
        }
        if socket.established && !socket.error {
            self.socket_mut(id).connecting = false;
            return done(0);
        }
        if socket.ended {
            let error = self.error(id);
            let socket = self.socket_mut(id);
            // Linux lets it be opened once more.
            (socket.role, socket.ended, socket.connecting) = (Role::Fresh, false, false);
            let error = error.or(super::symbols::errno("ECONNABORTED")).expect("a name of the table");
            return Ok(Poll::Done(Err(error)));
        }
        if waits && !socket.nonblock { Ok(Poll::Blocked) } else { fail("EALREADY") }
    }

    pub fn shutdown(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let how = self.int(call, 1)?;
        if !(0..=2).contains(&how) {
            return fail("EINVAL");
        }
        let socket = self.socket_mut(id);
        let Role::Stream(connection) = &mut socket.role else {
            if matches!(socket.role, Role::Listener(_)) && how != 1 {
                self.stop_listening(id);
                return done(0);
            }
            return fail("ENOTCONN");
        };
        if connection.state() == State::Closed {
            return fail("ENOTCONN");
        }
        if how != 1 {
            socket.shut.0 = true;
            connection.shutdown_read();
        }
        if how != 0 {
            socket.shut.1 = true;
            connection.shutdown();
        }
        socket.edges |= super::ready::IN | super::ready::OUT;
        self.kernel.flush(id);
        done(0)
    }

    /// Those that wait at a listener are told that nobody will take them.
    fn stop_listening(&mut self, id: Id) {
        self.socket_mut(id).role = Role::Fresh;
        let children: Vec<Id> =
            self.kernel.sockets.iter().filter(|(_, socket)| socket.parent == Some(id)).map(|(id, _)| *id).collect();
        let held: Vec<Id> = self
            .files
            .values()
            .filter_map(|file| match file {
                File::Socket(id) => Some(*id),
                _ => None,
            })
            .collect();
        for child in children.into_iter().filter(|child| !held.contains(child)) {
            let socket = self.socket_mut(child);
            let waits = socket.queued;
            socket.orphan = true;
            if let (true, Some(connection)) = (waits, socket.connection_mut()) {
                connection.abort();
                self.kernel.flush(child);
            } else {
                // A SYN that was answered, and no more: Linux forgets it.
                self.kernel.sockets.remove(&child);
            }
        }
    }

    pub fn close(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let fd = self.int(call, 0)?;
        let id = match self.file(call, 0)? {
            None => return fail("EBADF"),
            Some(File::Socket(id)) => id,
            Some(File::Epoll(id)) => {
                self.kernel.epolls.remove(&id);
                self.files.remove(&fd);
                return done(0);
            }
            Some(File::Zeros) => {
                self.files.remove(&fd);
                return done(0);
            }
        };
        for epoll in self.kernel.epolls.values_mut() {
            epoll.forget(id);
        }
        if matches!(self.socket_of(id).role, Role::Listener(_)) {
            self.files.remove(&fd);
            self.stop_listening(id);
            self.kernel.sockets.remove(&id);
            return done(0);
        }
        let now = self.kernel.now;
        let socket = self.socket_mut(id);
        let linger = socket.linger_span();
        if !progress.started
            && let Some(connection) = socket.connection_mut()
        {
            connection.close(linger);
            progress.deadline = linger.map(|span| now.saturating_add(span));
            self.kernel.flush(id);
        }
        let lingers = |connection: &Connection| {
            matches!(connection.state(), State::FinWait1 | State::Closing | State::LastAck)
                || connection.unacknowledged() > 0
        };
        let waits = linger.is_some_and(|span| span > Span::ZERO)
            && progress.deadline.is_some_and(|end| now < end)
            && self.socket_of(id).connection().is_some_and(lingers)
            && !self.socket_of(id).nonblock;
        if waits {
            return Ok(Poll::Blocked);
        }
        self.files.remove(&fd);
        let socket = self.socket_mut(id);
        socket.orphan = true;
        if socket.connection().is_none_or(|connection| connection.state() == State::Closed) {
            self.kernel.sockets.remove(&id);
        }
        done(0)
    }
}
