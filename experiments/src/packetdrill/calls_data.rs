//! Calls that move data: `read`, `write` and their kin.

use sim_core::Payload;
use sim_protocols::tcp::{CallError, State, WriteFlags};

use super::ast::{Arg, Call};
use super::calls::{File, Poll, Process, Progress, Stop, bytes, done, fail};
use super::kernel::Id;
use super::sockets::Role;

const MSG_PEEK: i64 = 2;
const MSG_TRUNC: i64 = 0x20;
const MSG_DONTWAIT: i64 = 0x40;
const MSG_EOR: i64 = 0x80;
const MSG_WAITALL: i64 = 0x100;
const MSG_NOSIGNAL: i64 = 0x4000;
const MSG_MORE: i64 = 0x8000;
const MSG_FASTOPEN: i64 = 0x2000_0000;

/// What is to be moved.
struct Transfer {
    len: u32,
    flags: i64,
    /// The buffer is `NULL`.
    null: bool,
}

impl Process {
    /// The length and the flags of a call.
    fn transfer(&self, call: &Call) -> Result<Transfer, Stop> {
        let null = matches!(call.args.get(1), Some(Arg::Word(name)) if name == "NULL");
        let plain = |len: i64, flags: i64| Ok(Transfer { len: bytes(len)?, flags, null });
        match call.name.as_str() {
            "read" | "write" => plain(self.int(call, 2)?, 0),
            "recv" | "recvfrom" | "send" | "sendto" => plain(self.int(call, 2)?, self.int(call, 3)?),
            "sendfile" => plain(self.int(call, 3)?, 0),
            "readv" | "writev" => plain(self.vectors(call.args.get(1))?, 0),
            _ => {
                let message = call.args.get(1).unwrap_or(&Arg::Any);
                let asks = |field| !matches!(message.field(field), None | Some(Arg::Any));
                let control = match message.field("msg_control") {
                    Some(Arg::List(all)) => !all.is_empty(),
                    Some(_) => asks("msg_control"),
                    None => false,
                };
                if control {
                    return Err(Stop::Missing("control data of messages".into()));
                }
                plain(self.vectors(message.field("msg_iov"))?, self.int(call, 2)?)
            }
        }
    }

    /// Bytes in a list of vectors.
    fn vectors(&self, arg: Option<&Arg>) -> Result<i64, Stop> {
        let Some(Arg::List(vectors)) = arg else {
            return Err(Stop::Script("a list of vectors, such as [{..., 1000}], is missing".into()));
        };
        vectors.iter().try_fold(0_i64, |sum, vector| match vector {
            Arg::Tuple(parts) if parts.len() == 2 => Ok(sum.saturating_add(self.value(&parts[1])?)),
            Arg::Struct(_) => match vector.field("iov_len") {
                Some(len) => Ok(sum.saturating_add(self.value(len)?)),
                None => Err(Stop::Script("a vector without a length".into())),
            },
            _ => Err(Stop::Script("a vector is written {..., 1000}".into())),
        })
    }

    pub fn receive(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let id = match self.file(call, 0)? {
            Some(File::Socket(id)) => id,
            Some(File::Zeros) => return done(self.transfer(call)?.len.into()),
            Some(File::Epoll(_)) => return fail("EINVAL"),
            None => return fail("EBADF"),
        };
        let Transfer { len, flags, null } = self.transfer(call)?;
        let known = MSG_PEEK | MSG_TRUNC | MSG_DONTWAIT | MSG_WAITALL | MSG_NOSIGNAL;
        if flags & !known != 0 {
            return Err(Stop::Missing(format!("flags {:#x} of {}", flags & !known, call.name)));
        }
        if let Some(expected) = call.args.get(1).and_then(|message| message.field("msg_flags"))
            && !matches!(expected, Arg::Any)
            && self.value(expected)? != 0
        {
            let expected = format!("msg_flags {:#x}", self.value(expected)?);
            return Err(Stop::Wrong { expected, got: "msg_flags 0".into() });
        }
        let socket = self.socket_mut(id);
        let (ended, shut) = (socket.ended, socket.shut.0);
        let Role::Stream(connection) = &mut socket.role else { return fail("ENOTCONN") };
        let waiting = connection.readable();
        if null && flags & MSG_TRUNC == 0 && len > 0 && waiting > 0 {
            return fail("EFAULT");
        }
        if flags & MSG_PEEK != 0 && waiting > 0 {
            return done(waiting.min(len).into());
        }
        if waiting > 0 || len == 0 {
            let taken = connection.read(len.saturating_sub(progress.bytes as u32)).len();
            progress.bytes += u64::from(taken);
            self.kernel.flush(id);
            let whole = flags & MSG_WAITALL == 0 || progress.bytes == u64::from(len);
            if whole {
                return done(progress.bytes as i64);
            }
            return self.receive_end(id, flags, progress);
        }
        if shut && !ended && connection.state() != State::SynSent {
            return done(progress.bytes as i64);
        }
        self.receive_end(id, flags, progress)
    }

    /// Nothing is left to be read: why?
    fn receive_end(&mut self, id: Id, flags: i64, progress: &Progress) -> Result<Poll, Stop> {
        let established = self.socket_of(id).established;
        let connection = self.socket_mut(id).connection_mut().expect("a connection is read");
        let outcome = connection.recv(0);
        if progress.bytes > 0 && !matches!(outcome, Err(CallError::WouldBlock)) {
            return done(progress.bytes as i64);
        }
        match outcome {
            Ok(_) => done(0),
            Err(CallError::WouldBlock) => match self.wait(id, flags)? {
                Poll::Done(_) if progress.bytes > 0 => done(progress.bytes as i64),
                other => Ok(other),
            },
            Err(CallError::NotConnected) if established => self.wait(id, flags),
            // Linux waits for a connection that is being opened.
            Err(CallError::NotConnected) if self.socket_of(id).connecting => self.wait(id, flags),
            Err(error) => self.failed(id, error),
        }
    }

    /// An error of a connection, as a call tells it.
    fn failed(&mut self, id: Id, error: CallError) -> Result<Poll, Stop> {
        let socket = self.socket_mut(id);
        socket.error = false;
        let icmp = socket.icmp_error;
        match error {
            CallError::NotConnected => fail("ENOTCONN"),
            CallError::Pipe => fail("EPIPE"),
            CallError::Reset => fail("ECONNRESET"),
            CallError::Refused => fail("ECONNREFUSED"),
            CallError::TimedOut => fail("ETIMEDOUT"),
            CallError::Unreachable => match icmp {
                Some(error) => Ok(Poll::Done(Err(error))),
                None => fail("EHOSTUNREACH"),
            },
            CallError::Aborted => fail("ECONNABORTED"),
            CallError::WouldBlock => fail("EAGAIN"),
        }
    }

    pub fn transmit(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let id = match self.file(call, 0)? {
            Some(File::Socket(id)) => id,
            Some(File::Zeros) => return done(self.transfer(call)?.len.into()),
            Some(File::Epoll(_)) => return fail("EINVAL"),
            None => return fail("EBADF"),
        };
        let Transfer { len, flags, null } = self.transfer(call)?;
        let known = MSG_DONTWAIT | MSG_EOR | MSG_NOSIGNAL | MSG_MORE | MSG_FASTOPEN;
        if flags & !known != 0 {
            return Err(Stop::Missing(format!("flags {:#x} of {}", flags & !known, call.name)));
        }
        let first = !progress.started;
        progress.started = true;
        let socket = self.socket_of(id);
        let deferred = socket.deferred;
        if matches!(socket.role, Role::Fresh) && (deferred.is_some() || flags & MSG_FASTOPEN != 0) {
            return self.open_with_data(id, len, flags, null, progress);
        }
        if !matches!(socket.role, Role::Stream(_)) {
            return fail("EPIPE");
        }
        if first && flags & MSG_FASTOPEN != 0 {
            return fail(if socket.connecting && !socket.established { "EALREADY" } else { "EISCONN" });
        }
        if null && len > 0 {
            return fail("EFAULT");
        }
        self.go_on_writing(id, len, flags, progress)
    }

    fn go_on_writing(&mut self, id: Id, len: u32, flags: i64, progress: &mut Progress) -> Result<Poll, Stop> {
        let socket = self.socket_mut(id);
        let opening = !socket.established;
        let after = progress.bytes;
        let connection = socket.connection_mut().expect("a connection is written to");
        if opening && connection.state() == State::SynSent {
            return match self.wait(id, flags)? {
                Poll::Done(_) if after > 0 => done(after as i64),
                other => Ok(other),
            };
        }
        // A writer that was put to sleep is woken when a good part of the buffer is free.
        if progress.deadline.is_some() && !connection.is_writeable() && connection.state() != State::Closed {
            return Ok(Poll::Blocked);
        }
        let rest = len - after as u32;
        let write = WriteFlags { more: flags & MSG_MORE != 0, end_of_record: flags & MSG_EOR != 0 };
        let payload = if rest == 0 { Payload::Empty } else { Payload::Zeros(rest) };
        match connection.send(payload, write) {
            Ok(taken) => {
                progress.bytes += u64::from(taken);
                self.kernel.flush(id);
            }
            Err(CallError::WouldBlock) => {}
            Err(_) if after > 0 && !opening => return done(after as i64),
            Err(error) => return self.failed(id, error),
        }
        if progress.bytes == u64::from(len) {
            return done(len.into());
        }
        match self.wait(id, flags)? {
            Poll::Done(_) if progress.bytes > 0 => done(progress.bytes as i64),
            Poll::Done(error) => Ok(Poll::Done(error)),
            Poll::Blocked => {
                // It sleeps from here on.
                progress.deadline = Some(sim_core::Time::NEVER);
                Ok(Poll::Blocked)
            }
        }
    }

    // RFC 7413 §4.2.1, with Linux's tcp_sendmsg_fastopen: the SYN takes what fits, and only a call that may wait goes on with the rest.
    fn open_with_data(
        &mut self,
        id: Id,
        len: u32,
        flags: i64,
        null: bool,
        progress: &mut Progress,
    ) -> Result<Poll, Stop> {
        let socket = self.socket_of(id);
        if flags & MSG_FASTOPEN != 0 && !socket.config.fast_open.client {
            return fail("EOPNOTSUPP");
        }
        if null && len > 0 {
            return fail("EFAULT");
        }
        let to = socket.deferred.unwrap_or((self.kernel.options.remote, self.kernel.options.ports.1));
        let ticket = self.kernel.cache.ticket(to.0);
        let without = socket.without_cookie || socket.config.fast_open.client_without_cookie;
        let waits = !socket.nonblock && flags & MSG_DONTWAIT == 0;
        let mss = u32::from(ticket.mss.unwrap_or(socket.config.mss).min(socket.config.mss));
        let fits = if ticket.cookie.is_some() || without { len.min(mss.saturating_sub(40)) } else { 0 };
        self.socket_mut(id).deferred = None;
        self.kernel.open_actively(id, to, true);
        if fits > 0 {
            let write = WriteFlags { more: flags & MSG_MORE != 0, end_of_record: flags & MSG_EOR != 0 };
            let connection = self.socket_mut(id).connection_mut().expect("it is being opened");
            progress.bytes = connection.write_with(Payload::Zeros(fits), write).into();
        }
        self.kernel.flush(id);
        match (waits, progress.bytes) {
            (false, 0) => fail("EINPROGRESS"),
            (false, bytes) => done(bytes as i64),
            (true, _) => Ok(Poll::Blocked),
        }
    }
}
