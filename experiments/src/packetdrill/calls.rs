//! System calls: who does which, what they take, what they give. A call that cannot go on is asked again whenever something has happened.

use std::collections::BTreeMap;

use sim_core::Time;

use super::ast::{Arg, Call};
use super::kernel::{Id, Kernel};
use super::sockets::Socket;
use super::symbols::{errno, value};

/// Why a call is not made, or what is wrong with what it has given besides its result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Stop {
    /// It asks for what does not exist here.
    Missing(String),
    /// It has given something else than expected.
    Wrong {
        /// What was expected.
        expected: String,
        /// What came.
        got: String,
    },
    /// The script asks for what cannot be.
    Script(String),
}

/// How far a call has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Poll {
    /// It has returned: a number, or the number of an error.
    Done(Result<i64, i64>),
    /// It waits.
    Blocked,
}

/// What a call has done before it waited.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    /// It was asked before.
    pub started: bool,
    /// Bytes that it has written or read.
    pub bytes: u64,
    /// When it gives up waiting.
    pub deadline: Option<Time>,
    /// What it has opened.
    pub opened: Option<File>,
}

/// What a descriptor stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum File {
    /// A socket.
    Socket(Id),
    /// A set of descriptors that are waited for.
    Epoll(Id),
    /// A file of zeros.
    Zeros,
}

/// The program under test.
pub(super) struct Process {
    /// Its kernel.
    pub kernel: Kernel,
    /// Its descriptors, as the script numbers them.
    pub files: BTreeMap<i64, File>,
}

/// The calls that there are.
pub(super) const CALLS: &[&str] = &[
    "socket",
    "bind",
    "listen",
    "accept",
    "accept4",
    "connect",
    "close",
    "shutdown",
    "read",
    "readv",
    "recv",
    "recvfrom",
    "recvmsg",
    "write",
    "writev",
    "send",
    "sendto",
    "sendmsg",
    "fcntl",
    "ioctl",
    "setsockopt",
    "getsockopt",
    "poll",
    "epoll_create",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "open",
    "sendfile",
];

/// Calls whose result is a descriptor.
pub(super) const OPENING: &[&str] = &["socket", "accept", "accept4", "epoll_create", "epoll_create1", "open"];

pub(super) fn fail(name: &str) -> Result<Poll, Stop> {
    Ok(Poll::Done(Err(errno(name).expect("a name of the table"))))
}

pub(super) fn done(value: i64) -> Result<Poll, Stop> {
    Ok(Poll::Done(Ok(value)))
}

impl Process {
    /// Makes a call, or goes on with it.
    pub fn call(&mut self, call: &Call, progress: &mut Progress) -> Result<Poll, Stop> {
        let result = match call.name.as_str() {
            "socket" => self.socket(call, progress),
            "bind" => self.bind(call),
            "listen" => self.listen(call),
            "accept" | "accept4" => self.accept(call, progress),
            "connect" => self.connect(call, progress),
            "close" => self.close(call, progress),
            "shutdown" => self.shutdown(call),
            "read" | "readv" | "recv" | "recvfrom" | "recvmsg" => self.receive(call, progress),
            "write" | "writev" | "send" | "sendto" | "sendmsg" | "sendfile" => self.transmit(call, progress),
            "fcntl" => self.fcntl(call),
            "ioctl" => self.ioctl(call),
            "setsockopt" => self.setsockopt(call),
            "getsockopt" => self.getsockopt(call),
            "poll" => self.poll(call, progress),
            "epoll_create" | "epoll_create1" => self.epoll_create(progress),
            "epoll_ctl" => self.epoll_ctl(call),
            "epoll_wait" => self.epoll_wait(call, progress),
            "open" => {
                progress.opened = Some(File::Zeros);
                done(0)
            }
            name => Err(Stop::Missing(format!("the call {name}"))),
        };
        progress.started = true;
        result
    }

    /// The number that an argument means.
    pub fn int(&self, call: &Call, at: usize) -> Result<i64, Stop> {
        let Some(arg) = call.args.get(at) else {
            return Err(Stop::Script(format!("{} needs more than {} arguments", call.name, call.args.len())));
        };
        self.value(arg)
    }

    /// The number that an argument means.
    pub fn value(&self, arg: &Arg) -> Result<i64, Stop> {
        value(arg, &self.kernel.options.defined).map_err(|name| Stop::Missing(format!("the constant {name}")))
    }

    /// What the descriptor in an argument stands for.
    pub fn file(&self, call: &Call, at: usize) -> Result<Option<File>, Stop> {
        Ok(self.files.get(&self.int(call, at)?).copied())
    }

    /// The socket of the first argument; or the error of a call on what is none.
    pub fn id(&self, call: &Call) -> Result<Result<Id, &'static str>, Stop> {
        Ok(match self.file(call, 0)? {
            Some(File::Socket(id)) => Ok(id),
            Some(_) => Err("ENOTSOCK"),
            None => Err("EBADF"),
        })
    }

    pub fn socket_mut(&mut self, id: Id) -> &mut Socket {
        self.kernel.sockets.get_mut(&id).expect("a descriptor keeps its socket")
    }

    pub fn socket_of(&self, id: Id) -> &Socket {
        self.kernel.sockets.get(&id).expect("a descriptor keeps its socket")
    }

    /// What a call waits for has not come: it fails at once where it may not wait.
    pub fn wait(&self, id: Id, flags: i64) -> Result<Poll, Stop> {
        const MSG_DONTWAIT: i64 = 0x40;
        if self.socket_of(id).nonblock || flags & MSG_DONTWAIT != 0 { fail("EAGAIN") } else { Ok(Poll::Blocked) }
    }

    /// The error that a socket has to tell, once.
    pub fn error(&mut self, id: Id) -> Option<i64> {
        use sim_protocols::tcp::CallError;
        let socket = self.socket_mut(id);
        socket.error = false;
        let icmp = socket.icmp_error;
        let error = socket.connection_mut()?.take_error()?;
        let name = match error {
            CallError::NotConnected => "ENOTCONN",
            CallError::Pipe => "EPIPE",
            CallError::Reset => "ECONNRESET",
            CallError::Refused => "ECONNREFUSED",
            CallError::TimedOut => "ETIMEDOUT",
            CallError::Unreachable => return icmp.or(errno("EHOSTUNREACH")),
            CallError::Aborted => return None,
            CallError::WouldBlock => "EAGAIN",
        };
        errno(name)
    }
}

/// A byte count of an argument.
pub(super) fn bytes(value: i64) -> Result<u32, Stop> {
    u32::try_from(value).ok().filter(|bytes| *bytes <= 1 << 30).ok_or_else(|| Stop::Missing(format!("{value} bytes")))
}
