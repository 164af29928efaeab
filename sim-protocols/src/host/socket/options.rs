//! The options of sockets: one table, and nothing that is accepted in silence. An option is simulated, which a test proves, or stored: it can
//! be set and read back, and changes nothing.

use std::net::Ipv4Addr;

use sim_core::Span;

/// What an option is worth.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OptionValue {
    /// On or off.
    Flag(bool),
    /// A count, or bytes.
    Count(u32),
    /// A span of time.
    Span(Span),
    /// A span of time, or none.
    Maybe(Option<Span>),
    /// An address.
    Address(Ipv4Addr),
}

impl From<bool> for OptionValue {
    fn from(value: bool) -> OptionValue {
        OptionValue::Flag(value)
    }
}

impl From<u32> for OptionValue {
    fn from(value: u32) -> OptionValue {
        OptionValue::Count(value)
    }
}

impl From<Span> for OptionValue {
    fn from(value: Span) -> OptionValue {
        OptionValue::Span(value)
    }
}

impl From<Option<Span>> for OptionValue {
    fn from(value: Option<Span>) -> OptionValue {
        OptionValue::Maybe(value)
    }
}

impl From<Ipv4Addr> for OptionValue {
    fn from(value: Ipv4Addr) -> OptionValue {
        OptionValue::Address(value)
    }
}

/// Whether setting an option changes what happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    /// It does.
    Simulated,
    /// It does not: the value can be read back.
    Stored,
}

/// Which sockets have an option.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kinds {
    /// Those of TCP.
    Streams,
    /// Those of UDP.
    Datagrams,
    /// Both.
    All,
}

/// An option in the table.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OptionEntry {
    /// The option.
    pub name: OptionName,
    /// Its name in the headers of Linux.
    pub word: &'static str,
    /// Which sockets have it.
    pub kinds: Kinds,
    /// Whether it changes what happens.
    pub effect: Effect,
    /// What it is worth where nobody has set it. Those that a connection is configured with ([`crate::tcp::Config`]) are worth what that says.
    pub default: OptionValue,
    /// What it does, after the man pages socket(7), tcp(7), ip(7) and udp(7).
    pub help: &'static str,
}

macro_rules! options {
    ($($name:ident, $word:literal, $kinds:ident, $effect:ident, $default:expr, $help:literal;)*) => {
        /// The options, under the names of Linux.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum OptionName {
            $(#[doc = concat!("`", $word, "`: ", $help, ".")] $name,)*
        }

        /// All options.
        pub const SOCKET_OPTIONS: &[OptionEntry] = &[$(OptionEntry {
            name: OptionName::$name,
            word: $word,
            kinds: Kinds::$kinds,
            effect: Effect::$effect,
            default: $default,
            help: $help,
        },)*];
    };
}

const OFF: OptionValue = OptionValue::Flag(false);
const ON: OptionValue = OptionValue::Flag(true);

const fn count(value: u32) -> OptionValue {
    OptionValue::Count(value)
}

const fn seconds(value: u64) -> OptionValue {
    OptionValue::Span(Span::from_secs(value))
}

options! {
    ReuseAddress, "SO_REUSEADDR", All, Simulated, OFF, "a port may be bound that only closed connections still hold; datagram sockets that all have it share a port, and the newest gets what is for one";
    ReusePort, "SO_REUSEPORT", All, Simulated, OFF, "sockets that all have it share a port; connections and datagrams are spread by a hash of both addresses";
    Linger, "SO_LINGER", Streams, Simulated, OptionValue::Maybe(None), "zero: close resets the connection; longer: close does not wait here, so it is as none";
    KeepAlive, "SO_KEEPALIVE", Streams, Simulated, OFF, "asks an idle end whether it is still there";
    KeepIdle, "TCP_KEEPIDLE", Streams, Simulated, seconds(7200), "the silence before the first such question";
    KeepInterval, "TCP_KEEPINTVL", Streams, Simulated, seconds(75), "from one such question to the next";
    KeepCount, "TCP_KEEPCNT", Streams, Simulated, count(9), "such questions without an answer before the connection is given up";
    UserTimeout, "TCP_USER_TIMEOUT", Streams, Simulated, seconds(0), "how long data may go unacknowledged before the connection is given up; zero: as long as the retries last";
    NoDelay, "TCP_NODELAY", Streams, Simulated, OFF, "segments that are not full do not wait for acknowledgements";
    Cork, "TCP_CORK", Streams, Simulated, OFF, "segments that are not full wait, for 200 ms at the most";
    QuickAck, "TCP_QUICKACK", Streams, Simulated, ON, "acknowledges at once, until the connection decides otherwise";
    SendBuffer, "SO_SNDBUF", All, Simulated, count(16 << 20), "bytes that wait to be sent and acknowledged; set, it is worth twice as much. Datagrams leave at once, so theirs is only read back";
    RecvBuffer, "SO_RCVBUF", All, Simulated, count(4 << 20), "bytes that wait to be read; set, it is worth twice as much, and grows no more";
    NotSentLowat, "TCP_NOTSENT_LOWAT", Streams, Simulated, count(u32::MAX), "a writer is held back while so many bytes wait to be sent";
    WindowClamp, "TCP_WINDOW_CLAMP", Streams, Simulated, count(u32::MAX), "the largest window that is offered";
    MaxSegment, "TCP_MAXSEG", Streams, Simulated, count(1460), "payload of the largest segment";
    SynCount, "TCP_SYNCNT", Streams, Simulated, count(6), "how often a SYN is sent again";
    FinTimeout, "TCP_LINGER2", Streams, Simulated, seconds(60), "how long a closed socket waits in FIN-WAIT-2";
    Ttl, "IP_TTL", All, Simulated, count(64), "the time to live of packets";
    Tos, "IP_TOS", All, Simulated, count(0), "the traffic class of packets; the two bits of ECN are not the application's";
    MtuDiscover, "IP_MTU_DISCOVER", Datagrams, Simulated, count(1), "0: datagrams may be cut on their way; 1: they are cut here where the way is known to be narrow; 2: never, what is too long is refused; 3: as 2, and what routers say does not count";
    Broadcast, "SO_BROADCAST", Datagrams, Simulated, OFF, "datagrams to broadcast addresses may be sent";
    MulticastTtl, "IP_MULTICAST_TTL", Datagrams, Simulated, count(1), "the time to live of datagrams to groups";
    MulticastLoop, "IP_MULTICAST_LOOP", Datagrams, Simulated, ON, "datagrams to groups come to the members on this host, too";
    MulticastInterface, "IP_MULTICAST_IF", Datagrams, Simulated, OptionValue::Address(Ipv4Addr::UNSPECIFIED), "the address of the interface over which datagrams to groups leave; none: the first";
    RecvTimeout, "SO_RCVTIMEO", All, Stored, seconds(0), "how long a receiver waits: no call waits here, a future has its own time-out";
    SendTimeout, "SO_SNDTIMEO", All, Stored, seconds(0), "how long a sender waits: no call waits here";
    RecvLowat, "SO_RCVLOWAT", All, Stored, count(1), "bytes that make a socket readable";
    Priority, "SO_PRIORITY", All, Stored, count(0), "the priority of packets in this host's queues, of which there is one";
    OutOfBandInline, "SO_OOBINLINE", Streams, Stored, OFF, "urgent data stays in the stream, as it always does here";
    DeferAccept, "TCP_DEFER_ACCEPT", Streams, Stored, count(0), "a listener waits for data before it wakes its application";
}

impl OptionName {
    /// Its entry in the table.
    pub fn entry(self) -> &'static OptionEntry {
        &SOCKET_OPTIONS[self as usize]
    }
}

/// What was set on a socket: few options on few sockets.
#[derive(Clone, Debug, Default)]
pub(crate) struct Settings(Vec<(OptionName, OptionValue)>);

impl Settings {
    pub fn get(&self, name: OptionName) -> Option<OptionValue> {
        self.0.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
    }

    pub fn set(&mut self, name: OptionName, value: OptionValue) {
        match self.0.iter_mut().find(|(other, _)| *other == name) {
            Some(place) => place.1 = value,
            None => self.0.push((name, value)),
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = (OptionName, OptionValue)> + '_ {
        self.0.iter().copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn or_default(&self, name: OptionName) -> OptionValue {
        self.get(name).unwrap_or(name.entry().default)
    }

    pub fn flag(&self, name: OptionName) -> bool {
        self.or_default(name) == OptionValue::Flag(true)
    }

    pub fn count(&self, name: OptionName) -> u32 {
        match self.or_default(name) {
            OptionValue::Count(value) => value,
            _ => 0,
        }
    }

    pub fn linger(&self) -> Option<Span> {
        match self.or_default(OptionName::Linger) {
            OptionValue::Maybe(linger) => linger,
            _ => None,
        }
    }

    pub fn address(&self, name: OptionName) -> Ipv4Addr {
        match self.or_default(name) {
            OptionValue::Address(address) => address,
            _ => Ipv4Addr::UNSPECIFIED,
        }
    }
}

/// Whether a value may be that of an option.
pub(super) fn allowed(name: OptionName, value: OptionValue) -> bool {
    if std::mem::discriminant(&value) != std::mem::discriminant(&name.entry().default) {
        return false;
    }
    let OptionValue::Count(count) = value else { return true };
    match name {
        OptionName::Ttl => (1..=255).contains(&count),
        OptionName::Tos | OptionName::MulticastTtl => count <= 255,
        OptionName::MtuDiscover => count <= 3,
        OptionName::KeepCount | OptionName::SynCount => (1..=127).contains(&count),
        OptionName::MaxSegment => (88..=32_767).contains(&count),
        OptionName::WindowClamp | OptionName::NotSentLowat => count > 0,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_its_defaults_are_allowed() {
        for (at, entry) in SOCKET_OPTIONS.iter().enumerate() {
            assert_eq!(entry.name as usize, at);
            assert!(allowed(entry.name, entry.default) && !entry.help.is_empty(), "{}", entry.word);
        }
        assert!(!allowed(OptionName::NoDelay, count(1)) && !allowed(OptionName::Ttl, count(0)));
    }
}
