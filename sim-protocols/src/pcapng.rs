//! Captures: pcapng (draft-ietf-opsawg-pcapng), little-endian, nanosecond stamps, one interface for each capture point. Nothing of the
//! machine is written: no host, no system, no date, so that the same run gives the same file.

use std::io::{self, Write};

use sim_core::Captured;

/// Link-layer types of the pcap registry.
const ETHERNET: u16 = 1;
const RAW_IPV4: u16 = 228;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const ENHANCED_PACKET: u32 = 6;
const DECRYPTION_SECRETS: u32 = 10;
/// The type of secrets that are lines of an `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile).
const TLS_KEY_LOG: u32 = 0x544c_534b;
const OPTION_END: u16 = 0;
const OPTION_IF_NAME: u16 = 2;
const OPTION_IF_TSRESOL: u16 = 9;
const OPTION_EPB_FLAGS: u16 = 2;

/// A capture point in a file.
pub struct Interface<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether its packets carry a link-layer header.
    pub framed: bool,
    /// The most bytes kept of a packet; 0 for all.
    pub snap: u32,
}

/// Writes packets, which stand in order of time.
///
/// # Errors
/// As the writer.
pub fn write(out: &mut impl Write, interfaces: &[Interface<'_>], packets: &[Captured]) -> io::Result<()> {
    write_with_keys(out, interfaces, "", packets)
}

/// The same with the secrets of TLS connections in front, in the lines of an `SSLKEYLOGFILE`, so that a reader sees what is inside; none: no
/// block for them.
///
/// # Errors
/// As the writer.
pub fn write_with_keys(
    out: &mut impl Write,
    interfaces: &[Interface<'_>],
    keys: &str,
    packets: &[Captured],
) -> io::Result<()> {
    let mut body = Vec::new();
    body.extend(0x1a2b_3c4d_u32.to_le_bytes());
    body.extend([1, 0, 0, 0]);
    body.extend((-1_i64).to_le_bytes());
    block(out, SECTION_HEADER, &body)?;
    for interface in interfaces {
        body.clear();
        body.extend(if interface.framed { ETHERNET } else { RAW_IPV4 }.to_le_bytes());
        body.extend([0, 0]);
        body.extend(interface.snap.to_le_bytes());
        option(&mut body, OPTION_IF_NAME, interface.name.as_bytes());
        option(&mut body, OPTION_IF_TSRESOL, &[9]);
        option(&mut body, OPTION_END, &[]);
        block(out, INTERFACE, &body)?;
    }
    // draft-ietf-opsawg-pcapng, section 4.7: it stands before the packets that need it.
    if !keys.is_empty() {
        body.clear();
        body.extend(TLS_KEY_LOG.to_le_bytes());
        body.extend((keys.len() as u32).to_le_bytes());
        body.extend(keys.as_bytes());
        body.resize(body.len().next_multiple_of(4), 0);
        block(out, DECRYPTION_SECRETS, &body)?;
    }
    for packet in packets {
        body.clear();
        let stamp = packet.time.ns();
        body.extend(packet.point.to_le_bytes());
        body.extend(((stamp >> 32) as u32).to_le_bytes());
        body.extend((stamp as u32).to_le_bytes());
        body.extend((packet.bytes.len() as u32).to_le_bytes());
        body.extend(packet.length.to_le_bytes());
        body.extend(&packet.bytes);
        body.resize(body.len().next_multiple_of(4), 0);
        // Direction: 1 inbound, 2 outbound.
        option(&mut body, OPTION_EPB_FLAGS, &if packet.inbound { 1_u32 } else { 2 }.to_le_bytes());
        option(&mut body, OPTION_END, &[]);
        block(out, ENHANCED_PACKET, &body)?;
    }
    out.flush()
}

fn option(body: &mut Vec<u8>, code: u16, value: &[u8]) {
    body.extend(code.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}

fn block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    debug_assert!(body.len().is_multiple_of(4));
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.write_all(&kind.to_le_bytes())?;
    out.write_all(&length)?;
    out.write_all(body)?;
    out.write_all(&length)
}

#[cfg(test)]
mod tests {
    use sim_core::Time;

    use super::*;

    #[test]
    fn blocks_are_padded_and_say_their_length_twice() {
        let packet = Captured {
            point: 0,
            time: Time::from_ps(1_500_000_000_123_456),
            inbound: true,
            packet: 7,
            bytes: vec![0x45, 1, 2],
            length: 40,
        };
        let mut out = Vec::new();
        let wan = [Interface { name: "wan", framed: false, snap: 0 }];
        write_with_keys(&mut out, &wan, "secret", &[packet]).expect("memory takes all");
        let word = |at: usize| u32::from_le_bytes(out[at..at + 4].try_into().expect("four bytes"));
        let mut at = 0;
        let mut kinds = Vec::new();
        while at < out.len() {
            let length = word(at + 4) as usize;
            assert_eq!(word(at + length - 4) as usize, length);
            kinds.push((word(at), at));
            at += length;
        }
        assert_eq!(
            kinds.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(),
            [SECTION_HEADER, INTERFACE, DECRYPTION_SECRETS, ENHANCED_PACKET]
        );
        let keys = kinds[2].1;
        assert_eq!((word(keys + 8), word(keys + 12)), (TLS_KEY_LOG, 6));
        assert_eq!(&out[keys + 16..keys + 24], b"secret\0\0");
        let epb = kinds[3].1;
        let stamp = u64::from(word(epb + 12)) << 32 | u64::from(word(epb + 16));
        assert_eq!((stamp, word(epb + 20), word(epb + 24)), (1_500_000_000_123, 3, 40));
    }
}
