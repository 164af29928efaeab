//! Sockets: what applications see of connections, with what is set on them.

use std::collections::{BTreeMap, VecDeque};

use sim_core::Span;
use sim_protocols::tcp::{Config, Connection, ConnectionEvent, FastOpenKey, State};

use super::kernel::Id;
use super::settings::Settings;

/// What a socket is there for.
pub(super) enum Role {
    /// Nothing yet.
    Fresh,
    /// It waits for connections.
    Listener(Listener),
    /// A connection.
    Stream(Box<Connection>),
    /// Its connection has made place for another one.
    Gone,
}

/// A socket that waits for connections.
pub(super) struct Listener {
    /// Connections that may wait for `accept`, but for one more.
    pub backlog: u32,
    /// Those that do.
    pub queue: VecDeque<Id>,
    /// `TCP_FASTOPEN`: how many may wait with data in their SYN.
    pub fast_open_queue: Option<u32>,
}

impl Listener {
    /// Whether none has place in the queue (Linux's sk_acceptq_is_full).
    pub fn is_full(&self) -> bool {
        self.queue.len() as u32 > self.backlog
    }
}

/// A socket.
pub(super) struct Socket {
    /// What it is there for.
    pub role: Role,
    /// What its connection begins with.
    pub config: Config,
    /// The port that it is bound to.
    pub port: Option<u16>,
    /// `O_NONBLOCK`.
    pub nonblock: bool,
    /// Nobody has a descriptor of it any more.
    pub orphan: bool,
    /// The listener that it waits at, or has waited at.
    pub parent: Option<Id>,
    /// It stands in the listener's queue, or stood there.
    pub queued: bool,
    /// `connect` has not returned success yet.
    pub connecting: bool,
    /// Both SYNs are acknowledged, or it may be used as if they were.
    pub established: bool,
    /// Their FIN has come.
    pub their_end: bool,
    /// The connection is over.
    pub ended: bool,
    /// An error waits to be told.
    pub error: bool,
    /// `shutdown` for reading and for writing.
    pub shut: (bool, bool),
    /// `SO_LINGER`, in seconds.
    pub linger: Option<u64>,
    /// The octet of traffic class.
    pub tos: u8,
    /// The time to live.
    pub ttl: u8,
    /// The send buffer has the size that was set.
    pub sndbuf_fixed: bool,
    /// What `SO_SNDBUF` has set, before there is a connection.
    pub sndbuf: Option<u32>,
    /// `TCP_NODELAY` and `TCP_CORK` before there is a connection.
    pub quickack: Option<bool>,
    /// `TCP_FASTOPEN_CONNECT`, and what it has made of `connect`.
    pub fast_open_connect: bool,
    /// The address of a `connect` that waits for the first data.
    pub deferred: Option<(std::net::Ipv4Addr, u16)>,
    /// `TCP_FASTOPEN_NO_COOKIE`.
    pub without_cookie: bool,
    /// `TCP_FASTOPEN_KEY`.
    pub keys: Option<(FastOpenKey, Option<FastOpenKey>)>,
    /// `TCP_FASTOPEN`, before it listens.
    pub fast_open_queue: Option<u32>,
    /// What ICMP has said of its connection, as an error.
    pub icmp_error: Option<i64>,
    /// Settings that change nothing here, to be read back.
    pub plain: BTreeMap<(i64, i64), i64>,
    /// What has happened since somebody was told of it, for waiters that want to know of changes alone.
    pub edges: u32,
    /// A writer would have been woken when it was looked at last.
    pub was_writeable: bool,
    /// What its connection has told and was not looked at yet.
    pub told: Vec<ConnectionEvent>,
}

impl Socket {
    /// A new one.
    pub fn new(settings: &Settings) -> Socket {
        Socket {
            role: Role::Fresh,
            config: settings.tcp.clone(),
            port: None,
            nonblock: false,
            orphan: false,
            parent: None,
            queued: false,
            connecting: false,
            established: false,
            their_end: false,
            ended: false,
            error: false,
            shut: (false, false),
            linger: None,
            tos: 0,
            ttl: 64,
            sndbuf_fixed: false,
            sndbuf: None,
            quickack: None,
            fast_open_connect: false,
            deferred: None,
            without_cookie: false,
            keys: None,
            fast_open_queue: None,
            icmp_error: None,
            plain: BTreeMap::new(),
            edges: 0,
            was_writeable: false,
            told: Vec::new(),
        }
    }

    /// What a listener's connection gets: the listener's settings.
    pub fn child(&self, parent: Id) -> Socket {
        Socket {
            role: Role::Fresh,
            config: self.config.clone(),
            port: self.port,
            nonblock: false,
            orphan: false,
            parent: Some(parent),
            told: Vec::new(),
            plain: self.plain.clone(),
            keys: None,
            edges: 0,
            deferred: None,
            fast_open_queue: None,
            ..*self
        }
    }

    /// Its connection.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.role {
            Role::Stream(connection) => Some(connection),
            _ => None,
        }
    }

    /// Its connection.
    pub fn connection_mut(&mut self) -> Option<&mut Connection> {
        match &mut self.role {
            Role::Stream(connection) => Some(connection),
            _ => None,
        }
    }

    /// Whether data was taken with its SYN and its handshake is not over.
    pub fn is_opening_fast(&self) -> bool {
        self.connection().is_some_and(|connection| {
            connection.accepted_fast()
                && matches!(connection.state(), State::SynReceived | State::FinWait1)
                && !self.established_by_ack()
        })
    }

    fn established_by_ack(&self) -> bool {
        self.connection()
            .is_some_and(|connection| connection.state() == State::FinWait1 && connection.info().unacked == 0)
    }

    /// A connection takes over what was set before it was there.
    pub fn arrange(&mut self) {
        let (sndbuf, quickack) = (self.sndbuf, self.quickack);
        if let Some(connection) = self.connection_mut() {
            if let Some(bytes) = sndbuf {
                connection.set_send_buffer(bytes);
            }
            if let Some(on) = quickack {
                connection.set_quickack(on);
            }
        }
    }

    /// Linux's tcp_sndbuf_expand: room for twice the window, each packet with its bookkeeping.
    pub fn grow_send_buffer(&mut self, most: u32) {
        if self.sndbuf_fixed {
            return;
        }
        let Some(connection) = self.connection_mut().filter(|connection| connection.state().synchronized()) else {
            return;
        };
        let info = connection.info();
        let packet = (info.mss + 640).next_power_of_two() + 256;
        let want = (2 * u64::from(info.cwnd.max(10)) * u64::from(packet)).min(most.into()) as u32;
        if want > connection.send_buffer() {
            connection.set_send_buffer(want);
        }
    }

    /// What `close` says to the connection of `SO_LINGER`.
    pub fn linger_span(&self) -> Option<Span> {
        self.linger.map(Span::from_secs)
    }
}
