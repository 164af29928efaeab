//! Address resolution for IPv4 over Ethernet (RFC 826).

use std::fmt;
use std::net::Ipv4Addr;

use sim_core::ParseError;

use super::{MacAddr, be16, be32};

/// What an ARP packet asks or says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArpOperation {
    /// Who has the target's address?
    Request,
    /// The sender has it.
    Reply,
}

/// An ARP packet for IPv4 over Ethernet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArpRepr {
    /// What it asks or says.
    pub operation: ArpOperation,
    /// The sender's hardware address.
    pub sender_mac: MacAddr,
    /// The sender's address.
    pub sender: Ipv4Addr,
    /// The target's hardware address; zeros in a request.
    pub target_mac: MacAddr,
    /// The target's address.
    pub target: Ipv4Addr,
}

impl ArpRepr {
    /// Bytes of a packet.
    pub const LEN: usize = 28;

    /// Reads a packet; what follows it is padding.
    ///
    /// # Errors
    /// Too short, not IPv4 over Ethernet, an operation other than request and reply.
    pub fn parse(bytes: &[u8]) -> Result<ArpRepr, ParseError> {
        if bytes.len() < ArpRepr::LEN {
            return Err(ParseError::Truncated);
        }
        // RFC 826: hardware type 1, protocol type of IPv4, address lengths 6 and 4.
        if bytes[..6] != [0, 1, 8, 0, 6, 4] {
            return Err(ParseError::Unsupported);
        }
        let operation = match be16(bytes, 6) {
            1 => ArpOperation::Request,
            2 => ArpOperation::Reply,
            _ => return Err(ParseError::Malformed),
        };
        let mac = |at: usize| MacAddr(bytes[at..at + 6].try_into().expect("six bytes"));
        Ok(ArpRepr {
            operation,
            sender_mac: mac(8),
            sender: be32(bytes, 14).into(),
            target_mac: mac(18),
            target: be32(bytes, 24).into(),
        })
    }

    /// Appends the packet.
    pub fn emit(&self, out: &mut Vec<u8>) {
        let operation = match self.operation {
            ArpOperation::Request => 1,
            ArpOperation::Reply => 2,
        };
        out.extend_from_slice(&[0, 1, 8, 0, 6, 4, 0, operation]);
        out.extend_from_slice(&self.sender_mac.0);
        out.extend_from_slice(&self.sender.octets());
        out.extend_from_slice(&self.target_mac.0);
        out.extend_from_slice(&self.target.octets());
    }
}

impl fmt::Display for ArpRepr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.operation {
            ArpOperation::Request => write!(f, "ARP, Request who-has {} tell {}", self.target, self.sender),
            ArpOperation::Reply => write!(f, "ARP, Reply {} is-at {}", self.sender, self.sender_mac),
        }
    }
}
