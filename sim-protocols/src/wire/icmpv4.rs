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
    /// The source route leads nowhere.
    SourceRoute,
    /// The network does not exist.
    NetworkUnknown,
    /// The host does not exist.
    HostUnknown,
    /// The source is isolated.
    Isolated,
    /// A rule forbids the network.
    NetworkProhibited,
    /// A rule forbids the host.
    HostProhibited,
    /// No route to the network for this type of service.
    NetworkService,
    /// The host does not answer for this type of service.
    HostService,
    /// A rule forbids it.
    Prohibited,
    /// The precedence is not allowed for this source and destination.
    PrecedenceViolation,
    /// The precedence is below what the network carries.
    PrecedenceCutoff,
    /// Another code.
    Unknown(u8),
}

impl Unreachable {
    /// The codes that carry nothing else, and what they mean.
    const PLAIN: [(u8, Unreachable); 15] = [
        (0, Unreachable::Network),
        (1, Unreachable::Host),
        (2, Unreachable::Protocol),
        (3, Unreachable::Port),
        (5, Unreachable::SourceRoute),
        (6, Unreachable::NetworkUnknown),
        (7, Unreachable::HostUnknown),
        (8, Unreachable::Isolated),
        (9, Unreachable::NetworkProhibited),
        (10, Unreachable::HostProhibited),
        (11, Unreachable::NetworkService),
        (12, Unreachable::HostService),
        (13, Unreachable::Prohibited),
        (14, Unreachable::PrecedenceViolation),
        (15, Unreachable::PrecedenceCutoff),
    ];

    fn from_code(code: u8) -> Unreachable {
        let known = Unreachable::PLAIN.iter().find(|(plain, _)| *plain == code);
        known.map_or(Unreachable::Unknown(code), |(_, why)| *why)
    }

    /// The code, and the MTU where it has one.
    fn code(self) -> (u8, u16) {
        match self {
            Unreachable::FragmentationNeeded { mtu } => (4, mtu),
            Unreachable::Unknown(code) => (code, 0),
            plain => {
                let known = Unreachable::PLAIN.iter().find(|(_, why)| *why == plain);
                (known.expect("every other reason is in the table").0, 0)
            }
        }
    }
}

impl fmt::Display for Unreachable {
    /// As tcpdump has it behind "unreachable".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unreachable::Network => f.write_str("net unreachable"),
            Unreachable::Host => f.write_str("host unreachable"),
            Unreachable::Protocol => f.write_str("protocol unreachable"),
            Unreachable::Port => f.write_str("port unreachable"),
            Unreachable::FragmentationNeeded { mtu } => write!(f, "unreachable - need to frag (mtu {mtu})"),
            Unreachable::SourceRoute => f.write_str("unreachable - source route failed"),
            Unreachable::NetworkUnknown => f.write_str("unreachable - net unknown"),
            Unreachable::HostUnknown => f.write_str("unreachable - host unknown"),
            Unreachable::Isolated => f.write_str("unreachable - source isolated"),
            Unreachable::NetworkProhibited => f.write_str("unreachable - net prohibited"),
            Unreachable::HostProhibited => f.write_str("unreachable - host prohibited"),
            Unreachable::NetworkService => f.write_str("unreachable - net for type of service"),
            Unreachable::HostService => f.write_str("unreachable - host for type of service"),
            Unreachable::Prohibited => f.write_str("unreachable - admin prohibited"),
            Unreachable::PrecedenceViolation => f.write_str("unreachable - precedence violation"),
            Unreachable::PrecedenceCutoff => f.write_str("unreachable - precedence cutoff"),
            Unreachable::Unknown(code) => write!(f, "unreachable - code {code}"),
        }
    }
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
            // Source quench, redirect and parameter problem are errors too, and so are those that carry extensions (RFC 4884).
            Icmpv4Repr::Unknown { kind, .. } => matches!(kind, 3 | 4 | 5 | 11 | 12),
        }
    }

    /// Whether it asks for an echo or is one.
    pub fn is_echo(&self) -> bool {
        matches!(self, Icmpv4Repr::EchoRequest { .. } | Icmpv4Repr::EchoReply { .. })
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
            (3, code) if unused && code != 4 => Icmpv4Repr::Unreachable(Unreachable::from_code(code)),
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
            Icmpv4Repr::Unreachable(why) => {
                let (code, mtu) = why.code();
                (3, code, pair(0, mtu))
            }
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
            Icmpv4Repr::Unreachable(why) => write!(f, "ICMP {why}"),
            Icmpv4Repr::TimeExceeded(TimeExceeded::Reassembly) => f.write_str("ICMP reassembly time exceeded"),
            Icmpv4Repr::TimeExceeded(_) => f.write_str("ICMP time exceeded in-transit"),
            Icmpv4Repr::Unknown { kind, code, .. } => write!(f, "ICMP type {kind}, code {code}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::tests::there_and_back;
    use crate::wire::{Frame, Ipv4Packet, Ipv4Repr, Net, Transport};

    #[test]
    fn a_captured_fragmentation_needed_quotes_the_datagram() {
        let head = "4a26f657282a5ab45ae696ba080045c002401a080000400149e10a0900020a090001
            03043b850000025845000 3a000004000401122320a0900010a090109ab531388038c9d57";
        // 590 bytes in all: the rest is the payload of the datagram that was too long, `y` again and again.
        let digits: String = head.chars().filter(char::is_ascii_hexdigit).collect();
        let (frame, payload) = there_and_back(&format!("{digits}{}", "79".repeat(590 - digits.len() / 2)));
        let Net::Ipv4(ip, Transport::Icmp(icmp)) = frame.net else { panic!("ICMP") };
        assert_eq!(icmp, Icmpv4Repr::Unreachable(Unreachable::FragmentationNeeded { mtu: 600 }));
        assert_eq!(icmp.to_string(), "ICMP unreachable - need to frag (mtu 600)");
        assert_eq!((ip.tos, ip.dont_fragment), (0xc0, false));
        let mut quoted = Vec::new();
        payload.append_to(&mut quoted);
        // The quoted datagram is longer than the quotation, so its header alone can be read.
        quoted.resize(0x3a0, b'y');
        let quoted = Ipv4Repr::parse(&Ipv4Packet::new_checked(&quoted).expect("whole")).expect("a good header");
        assert_eq!((quoted.dst, quoted.dont_fragment), ([10, 9, 1, 9].into(), true));
    }

    #[test]
    fn errors_are_told_from_questions() {
        let error = |kind| Icmpv4Repr::Unknown { kind, code: 0, rest: [1; 4] }.is_error();
        assert_eq!((0..=20).filter(|kind| error(*kind)).collect::<Vec<u8>>(), [3, 4, 5, 11, 12]);
        assert!(!Icmpv4Repr::EchoRequest { ident: 0, seq: 0 }.is_error());
        assert!(Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl).is_error());
    }

    #[test]
    fn quotations_of_any_length_have_a_checksum() {
        for len in 0..20 {
            let mut bytes = Vec::new();
            Icmpv4Repr::TimeExceeded(TimeExceeded::Ttl).emit(&Payload::from_bytes(vec![0xab; len]), &mut bytes);
            assert!(Icmpv4Packet::new_checked(&bytes).expect("a header").verify());
        }
        let frame = Frame::ipv4(
            Ipv4Repr::new([1, 2, 3, 4].into(), [5, 6, 7, 8].into(), crate::wire::Protocol::Icmp),
            Transport::Icmp(Icmpv4Repr::EchoRequest { ident: 1, seq: 2 }),
        );
        assert_eq!(frame.network_len(56), 84);
    }
}
