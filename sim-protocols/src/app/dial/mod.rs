//! How an application gets its connections: TCP alone or TLS on it, counted on both layers, with the time that each step took.
//!
//! | to read | file |
//! | --- | --- |
//! | a client's way to an origin, a server's to a client | this one |
//! | a connection as a stream, and what is counted of it | `stream`, `meter` |
//! | parameters of TLS in files; authority, certificates | `secure` |
//! | what a server is called, how a name becomes an address | `named`, `names` |
//! | why there is no connection, or none any more | `fault` |
//!
//! Both ends of a simulation derive the same authority from its seed ([`secure::authority`]): nothing is shared between hosts. A [`Dialer`] and an
//! [`Acceptor`] remember sessions, so that each belongs to one program.

pub(crate) mod fault;
pub(crate) mod meter;
pub(crate) mod named;
pub(crate) mod names;
pub(crate) mod secure;
pub(crate) mod stream;

use std::collections::BTreeMap;
use std::io;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sim_core::{Span, Time};

use crate::aio::tls::{TlsAcceptor, TlsConnector};
use crate::aio::{self, TcpSocket, TcpStream};
use crate::dns::Source;
use crate::host::OptionName;
pub(crate) use fault::Fault;
pub(crate) use meter::{Meter, Secured, UpDown};
pub use named::Named;
pub(crate) use names::Names;
pub(crate) use secure::TlsConfig;
pub(crate) use stream::Stream;

/// Locks what no other thread holds: a program is polled by one alone.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whom a client wants to talk to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Origin {
    /// The name that a server with several is asked for (RFC 6066 §3), and that its certificate must have; or an address in digits, which is not
    /// asked for and must be in the certificate.
    pub name: String,
    pub address: Ipv4Addr,
    pub port: u16,
    /// Whether TLS is spoken.
    pub secure: bool,
}

impl Origin {
    /// The server as requests call it in `Host` and `:authority`: the scheme's own port is left out (RFC 9110 §7.2, RFC 6455 §4.1).
    pub fn authority(&self) -> String {
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => self.name.clone(),
            _ => format!("{}:{}", self.name, self.port),
        }
    }
}

/// How far a client has come, also where it went no further.
#[derive(Clone, Default)]
pub(crate) struct Progress {
    /// When it has begun, and whether TLS is to be spoken.
    pub begun: Option<Time>,
    pub secure: bool,
    /// Whether data is to wait for the end of the handshake, also where it may leave with the first message: who asks says so.
    pub late: bool,
    /// How long its name took, where it was not known.
    pub dns: Option<Span>,
    /// Where its address comes from.
    pub source: Option<Source>,
    /// From the SYN until the connection was established.
    pub connect: Option<Span>,
    /// From then until data could be sent: the handshake of TLS; with early data (0-RTT) the computing alone.
    pub tls: Option<Span>,
    /// What the connection has counted.
    pub meter: Option<Arc<Meter>>,
}

impl Progress {
    /// What the steps have taken together, as far as they are over.
    pub fn took(&self) -> Span {
        [self.dns, self.connect, self.tls].into_iter().flatten().fold(Span::ZERO, |sum, step| sum + step)
    }
}

/// A connection that is ready for its protocol.
pub(crate) struct Dialed {
    pub stream: Stream,
    pub meter: Arc<Meter>,
    /// The application protocol that both sides have agreed on (RFC 7301); with early data the one of the session before.
    pub alpn: Option<Vec<u8>>,
}

/// A client's side of TLS. It remembers sessions, and belongs to one program.
#[derive(Clone)]
pub(crate) struct Connector {
    pub tls: TlsConnector,
    /// Whether data may leave with the first message.
    pub early: bool,
    /// The protocols of earlier connections: early data belongs to the one of its session (RFC 8446 §4.2.10).
    pub alpn: Arc<Mutex<BTreeMap<String, Option<Vec<u8>>>>>,
}

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dialer {
    /// `TCP_NODELAY`; if not, what the host says of Nagle's algorithm holds.
    pub nodelay: bool,
    /// For origins that are secure.
    pub tls: Option<Connector>,
    /// What finds an origin's address by its name, each time; without it the origin has one.
    pub names: Option<Arc<Names>>,
}

impl Dialer {
    /// Opens a connection to the first of some addresses that takes it (RFC 1123 §2.3, RFC 6724 §2: one after another, as programs go through what
    /// `getaddrinfo` gives them; no two at a time).
    ///
    /// # Errors
    /// Why the last one takes none.
    async fn connect(&self, addresses: &[Ipv4Addr], port: u16) -> Result<TcpStream, Fault> {
        let mut last = Fault::Unreachable;
        for address in addresses {
            let socket = TcpSocket::new();
            if self.nodelay {
                socket.set(OptionName::NoDelay, true)?;
            }
            match socket.connect((*address, port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }

    /// Opens a connection, and notes in `progress` how far it has come.
    ///
    /// # Errors
    /// There is none; what the reason is called.
    pub async fn dial(&self, origin: &Origin, progress: &mut Progress) -> Result<Dialed, Fault> {
        (progress.begun, progress.secure) = (Some(aio::now()), origin.secure && self.tls.is_some());
        let addresses = match &self.names {
            None => vec![origin.address],
            Some(names) => {
                let begun = aio::now();
                let (source, found) = names.addresses(&origin.name).await;
                progress.dns = Some(aio::now() - begun);
                progress.source = Some(source);
                found?
            }
        };
        let begun = aio::now();
        let tcp = self.connect(&addresses, origin.port).await?;
        let connected = aio::now();
        progress.connect = Some(connected - begun);
        let meter = progress.meter.insert(Meter::new(&tcp)).clone();
        let (true, Some(connector)) = (origin.secure, &self.tls) else {
            return Ok(Dialed { stream: Stream::plain(tcp, &meter), meter, alpn: None });
        };
        let below = stream::Wire::new(tcp, &meter);
        let early = connector.early && !progress.late;
        let tls = match early {
            true => connector.tls.connect_lazily(&origin.name, below).await,
            false => connector.tls.connect(&origin.name, below).await,
        }?;
        progress.tls = Some(aio::now() - connected);
        let mut known = lock(&connector.alpn);
        let alpn = match tls.is_handshaking() {
            true => known.get(&origin.name).cloned().flatten(),
            false => tls.alpn().map(<[u8]>::to_vec),
        };
        known.insert(origin.name.clone(), alpn.clone());
        Ok(Dialed { stream: Stream::secure(tls, &meter, early), meter, alpn })
    }
}

/// Takes connections.
#[derive(Clone)]
pub(crate) struct Acceptor {
    /// For servers that speak TLS. It remembers sessions, and belongs to one program.
    pub tls: Option<TlsAcceptor>,
}

/// A connection that a server has taken.
pub(crate) struct Accepted {
    pub stream: Stream,
    /// The application protocol that both sides have agreed on.
    pub alpn: Option<Vec<u8>>,
    /// The name that the client has asked for.
    pub name: Option<String>,
}

impl Acceptor {
    /// Makes a server ready for a client, which may have come without TLS to a server that speaks it, or the other way.
    ///
    /// # Errors
    /// The handshake fails.
    pub async fn accept(&self, tcp: TcpStream) -> Result<Accepted, Fault> {
        let meter = Meter::new(&tcp);
        let Some(acceptor) = &self.tls else {
            return Ok(Accepted { stream: Stream::plain(tcp, &meter), alpn: None, name: None });
        };
        let tls = acceptor.accept(stream::Wire::new(tcp, &meter)).await?;
        let (alpn, name) = (tls.alpn().map(<[u8]>::to_vec), tls.server_name().map(str::to_string));
        Ok(Accepted { stream: Stream::secure(tls, &meter, false), alpn, name })
    }
}

/// A socket that listens at a port of all addresses of its host, as servers set it up.
///
/// # Errors
/// As `bind(2)` and `listen(2)`.
pub(crate) fn listener(port: u16, nodelay: bool, backlog: u32) -> io::Result<aio::TcpListener> {
    let socket = TcpSocket::new();
    socket.set(OptionName::ReuseAddress, true)?;
    if nodelay {
        socket.set(OptionName::NoDelay, true)?;
    }
    socket.bind((Ipv4Addr::UNSPECIFIED, port))?;
    socket.listen(backlog)
}

#[cfg(test)]
mod tests;
