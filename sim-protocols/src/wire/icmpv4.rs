//! ICMP (RFC 792), with the next hop's MTU in "fragmentation needed" (RFC 1191 §4). An error quotes the datagram that caused it: its bytes are the payload.

use std::fmt;

use sim_core::{ParseError, Payload};

use super::{Checksum, be16};

/// Why a destination is unreachable (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unreachable {
    /// No route to the network.
    Network,
    /// The host does not answer.
    Host,
    /// The host does not speak the protocol.
    Protocol,
    /// Nobody listens on the port.
    Port,
    /// Longer than the next link carries, and not to be fragmented.
    FragmentationNeeded {
        /// The next link's MTU; 0 where the router did not say.
        mtu: u16,
    },
    /// A rule forbids it.
    Prohibited,
    /// Another code.
    Unknown(u8),
}

/// What ran out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TimeExceeded {
    /// The time to live.
    Ttl,
    /// The time for reassembly.
    Reassembly,
    /// Another code.
    Unknown(u8),
}

/// An ICMP message without its data.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Icmpv4Repr {
    /// An echo request.
    EchoRequest {
        /// Whose.
        ident: u16,
        /// Which one.
        seq: u16,
    },
    /// The answer to one.
    EchoReply {
        /// Whose.
        ident: u16,
        /// Which one.
        seq: u16,
    },
    /// A destination is unreachable.
    Unreachable(Unreachable),
    /// Time ran out.
    TimeExceeded(TimeExceeded),
    /// Another message.
    Unknown {
        /// Type.
        kind: u8,
        /// Code.
        code: u8,
        /// The rest of the header.
        rest: [u8; 4],
    },
}

/// A view of a message's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Icmpv4Packet<T>(T);

impl<T: AsRef<[u8]>> Icmpv4Packet<T> {
    /// A view whose accessors stay inside the buffer.
    ///
    /// # Errors
    /// Fewer bytes than a header.
    pub fn new_checked(bytes: T) -> Result<Icmpv4Packet<T>, ParseError> {
        if bytes.as_ref().len() < Icmpv4Repr::LEN { Err(ParseError::Truncated) } else { Ok(Icmpv4Packet(bytes)) }
    }

    /// Whether the checksum is right.
    pub fn verify(&self) -> bool {
        Checksum::default().add(self.0.as_ref()).value() == 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[Icmpv4Repr::LEN..]
    }
}

impl Icmpv4Repr {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// Whether it reports an error (RFC 1122 §3.2.2): no error may be sent about one.
    pub fn is_error(&self) -> bool {
        match self {
            Icmpv4Repr::Unreachable(_) | Icmpv4Repr::TimeExceeded(_) => true,
            Icmpv4Repr::EchoRequest { .. } | Icmpv4Repr::EchoReply { .. } => false,
            // Source quench, redirect and parameter problem are errors too.
            Icmpv4Repr::Unknown { kind, .. } => matches!(kind, 4 | 5 | 12),
        }
    }

    /// Reads a view.
    ///
    /// # Errors
    /// A wrong checksum.
    pub fn parse<T: AsRef<[u8]>>(packet: &Icmpv4Packet<T>) -> Result<Icmpv4Repr, ParseError> {
        if !packet.verify() {
            return Err(ParseError::Checksum);
        }
        let bytes = packet.0.as_ref();
        let (kind, code, ident, seq) = (bytes[0], bytes[1], be16(bytes, 4), be16(bytes, 6));
        let rest = [bytes[4], bytes[5], bytes[6], bytes[7]];
        let unused = rest == [0; 4];
        Ok(match (kind, code) {
            (8, 0) => Icmpv4Repr::EchoRequest { ident, seq },
            (0, 0) => Icmpv4Repr::EchoReply { ident, seq },
            (3, 4) if ident == 0 => Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu: seq }),
            (3, 0) if unused => Icmpv4Repr::Unreachable(Unreachable::Network),
            (3, 1) if unused => Icmpv4Repr::Unreachable(Unreachable::Host),
            (3, 2) if unused => Icmpv4Repr::Unreachable(Unreachable::Protocol),
            (3, 3) if unused => Icmpv4Repr::Unreachable(Unreachable::Port),
            (3, 13) if unused => Icmpv4Repr::Unreachable(Unreachable::Prohibited),
            (3, code) if unused => Icmpv4Repr::Unreachable(Unreachable::Unknown(code)),
            (11, 0) if unused => Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl),
            (11, 1) if unused => Icmpv4Repr::TimeExceeded(TimeExceeded::Reassembly),
            (11, code) if unused => Icmpv4Repr::TimeExceeded(TimeExceeded::Unknown(code)),
            _ => Icmpv4Repr::Unknown { kind, code, rest },
        })
    }

    /// Appends the message.
    pub fn emit(&self, payload: &Payload, out: &mut Vec<u8>) {
        let pair = |a: u16, b: u16| {
            let (a, b) = (a.to_be_bytes(), b.to_be_bytes());
            [a[0], a[1], b[0], b[1]]
        };
        let (kind, code, rest) = match *self {
            Icmpv4Repr::EchoRequest { ident, seq } => (8, 0, pair(ident, seq)),
            Icmpv4Repr::EchoReply { ident, seq } => (0, 0, pair(ident, seq)),
            Icmpv4Repr::Unreachable(why) => match why {
                Unreachable::Network => (3, 0, [0; 4]),
                Unreachable::Host => (3, 1, [0; 4]),
                Unreachable::Protocol => (3, 2, [0; 4]),
                Unreachable::Port => (3, 3, [0; 4]),
                Unreachable::FragmentationNeeded { mtu } => (3, 4, pair(0, mtu)),
                Unreachable::Prohibited => (3, 13, [0; 4]),
                Unreachable::Unknown(code) => (3, code, [0; 4]),
            },
            Icmpv4Repr::TimeExceeded(what) => match what {
                TimeExceeded::Ttl => (11, 0, [0; 4]),
                TimeExceeded::Reassembly => (11, 1, [0; 4]),
                TimeExceeded::Unknown(code) => (11, code, [0; 4]),
            },
            Icmpv4Repr::Unknown { kind, code, rest } => (kind, code, rest),
        };
        let start = out.len();
        out.extend_from_slice(&[kind, code, 0, 0]);
        out.extend_from_slice(&rest);
        payload.append_to(out);
        let sum = Checksum::default().add(&out[start..]).value();
        out[start + 2..start + 4].copy_from_slice(&sum.to_be_bytes());
    }
}

impl fmt::Display for Icmpv4Repr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Icmpv4Repr::EchoRequest { ident, seq } => write!(f, "ICMP echo request, id {ident}, seq {seq}"),
            Icmpv4Repr::EchoReply { ident, seq } => write!(f, "ICMP echo reply, id {ident}, seq {seq}"),
            Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu }) => {
                write!(f, "ICMP unreachable - need to frag (mtu {mtu})")
            }
            Icmpv4Repr::Unreachable(why) => write!(f, "ICMP {why:?} unreachable"),
            Icmpv4Repr::TimeExceeded(TimeExceeded::Reassembly) => f.write_str("ICMP reassembly time exceeded"),
            Icmpv4Repr::TimeExceeded(_) => f.write_str("ICMP time exceeded in-transit"),
            Icmpv4Repr::Unknown { kind, code, .. } => write!(f, "ICMP type {kind}, code {code}"),
        }
    }
}
