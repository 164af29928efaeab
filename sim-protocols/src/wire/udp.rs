//! UDP (RFC 768).

use std::fmt;

use sim_core::ParseError;

use super::{Checksum, Ipv4Repr, be16};

/// A view of a datagram's bytes.
#[derive(Clone, Copy, Debug)]
pub struct UdpDatagram<T>(T);

impl<T: AsRef<[u8]>> UdpDatagram<T> {
    /// A view whose accessors stay inside the buffer.
    ///
    /// # Errors
    /// Fewer bytes than the length says, or a length below the header's.
    pub fn new_checked(bytes: T) -> Result<UdpDatagram<T>, ParseError> {
        let have = bytes.as_ref().len();
        if have < UdpRepr::LEN {
            return Err(ParseError::Truncated);
        }
        let datagram = UdpDatagram(bytes);
        match datagram.length() {
            length if length < UdpRepr::LEN => Err(ParseError::Malformed),
            length if length > have => Err(ParseError::Truncated),
            _ => Ok(datagram),
        }
    }

    /// Bytes of header and payload.
    pub fn length(&self) -> usize {
        usize::from(be16(self.0.as_ref(), 4))
    }

    /// Whether the checksum is right; one of zero was not computed (RFC 768).
    pub fn verify(&self, ip: &Ipv4Repr) -> bool {
        let bytes = &self.0.as_ref()[..self.length()];
        be16(bytes, 6) == 0
            || Checksum::pseudo_header(ip.src, ip.dst, ip.protocol, bytes.len() as u32).add(bytes).value() == 0
    }

    /// What follows the header.
    pub fn payload(&self) -> &[u8] {
        &self.0.as_ref()[UdpRepr::LEN..self.length()]
    }
}

/// A datagram's header.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UdpRepr {
    /// Source port.
    pub src_port: u16,
    /// Destination port.
    pub dst_port: u16,
}

impl UdpRepr {
    /// Bytes of the header.
    pub const LEN: usize = 8;

    /// Reads a view.
    ///
    /// # Errors
    /// A wrong checksum.
    pub fn parse<T: AsRef<[u8]>>(datagram: &UdpDatagram<T>, ip: &Ipv4Repr) -> Result<UdpRepr, ParseError> {
        if !datagram.verify(ip) {
            return Err(ParseError::Checksum);
        }
        let bytes = datagram.0.as_ref();
        Ok(UdpRepr { src_port: be16(bytes, 0), dst_port: be16(bytes, 2) })
    }

    /// Appends header and payload.
    pub fn emit(&self, ip: &Ipv4Repr, payload: &sim_core::Payload, out: &mut Vec<u8>) {
        let start = out.len();
        let length = u16::try_from(UdpRepr::LEN + payload.len() as usize).expect("a datagram has at most 65535 bytes");
        out.extend_from_slice(&self.src_port.to_be_bytes());
        out.extend_from_slice(&self.dst_port.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        payload.append_to(out);
        let sum = Checksum::pseudo_header(ip.src, ip.dst, ip.protocol, u32::from(length)).add(&out[start..]).value();
        // RFC 768: a computed zero is sent as all ones.
        let sum = if sum == 0 { 0xffff } else { sum };
        out[start + 6..start + 8].copy_from_slice(&sum.to_be_bytes());
    }
}

impl fmt::Display for UdpRepr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UDP {} > {}", self.src_port, self.dst_port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Protocol;
    use crate::wire::tests::hex;

    fn ip() -> Ipv4Repr {
        Ipv4Repr::new([10, 9, 0, 1].into(), [10, 9, 0, 2].into(), Protocol::Udp)
    }

    fn read(bytes: &[u8]) -> Result<UdpRepr, ParseError> {
        UdpRepr::parse(&UdpDatagram::new_checked(bytes)?, &ip())
    }

    #[test]
    fn illegal_values_are_refused_and_no_checksum_is_good() {
        // As Linux sent it.
        let good = hex("c1c9176f001125da746f206e6f626f6479");
        assert_eq!(read(&good), Ok(UdpRepr { src_port: 49609, dst_port: 5999 }));
        let with = |length: u8, sum: [u8; 2]| {
            let mut bytes = good.clone();
            bytes[5] = length;
            bytes[6..8].copy_from_slice(&sum);
            read(&bytes)
        };
        assert_eq!(with(7, [0, 0]), Err(ParseError::Malformed), "a length below the header's");
        assert_eq!(with(18, [0, 0]), Err(ParseError::Truncated), "a length beyond the bytes");
        assert_eq!(with(17, [0x25, 0xdb]), Err(ParseError::Checksum));
        assert_eq!(with(17, [0, 0]), read(&good), "no checksum");
    }

    // tests: RFC 768, "If the computed checksum is zero, it is transmitted as all ones"
    #[test]
    fn a_checksum_of_zero_is_sent_as_ones() {
        let udp = UdpRepr { src_port: 1, dst_port: 2 };
        let mut bytes = Vec::new();
        udp.emit(&ip(), &sim_core::Payload::from_bytes([0, 0]), &mut bytes);
        let missing = [bytes[6], bytes[7]];
        bytes.clear();
        udp.emit(&ip(), &sim_core::Payload::from_bytes(missing), &mut bytes);
        assert_eq!(bytes[6..8], [0xff, 0xff]);
        assert_eq!(read(&bytes), Ok(udp));
    }
}
