//! What the bytes of one packet say to whoever looks at it alone, as the column Info of Wireshark does: `GET / HTTP/1.1`, `ClientHello
//! (www.shop.test)`, `DNS query www.shop.test A`. Only messages that begin with the packet's payload are told: what a segment continues, it does not
//! know. A reader is pure and has no memory, so each hop and each shard says the same of a packet; a further one is one line in [`READERS`].

mod dns;
mod http;
mod rpc;
mod tls;

use crate::wire::{Frame, Net, Transport};
use sim_core::Payload;

/// Says what a message of TCP is, by its first bytes, where it knows that.
type Reader = fn(&[u8]) -> Option<String>;

/// The first that knows it says so.
const READERS: [Reader; 5] = [http::line, tls::records, http::frames, rpc::message, rpc::store];

/// No more letters of a text that somebody else has chosen.
const LETTERS: usize = 64;

/// What a packet says; empty where that cannot be seen.
pub(crate) fn content(frame: &Frame, payload: &Payload) -> String {
    match &frame.net {
        Net::Arp(arp) => arp.to_string(),
        Net::Ipv4(_, Transport::Icmp(icmp)) => icmp.to_string(),
        Net::Ipv4(_, transport) => bytes(payload).and_then(|bytes| message(transport, bytes)).unwrap_or_default(),
    }
}

/// What begins with a transport's payload.
fn message(transport: &Transport, bytes: &[u8]) -> Option<String> {
    let names = |ports: [u16; 2]| ports.contains(&dns::PORT);
    match transport {
        Transport::Udp(udp) if names([udp.src_port, udp.dst_port]) => dns::message(bytes),
        Transport::Tcp(tcp) if names([tcp.src_port, tcp.dst_port]) => dns::framed(bytes),
        Transport::Tcp(_) => READERS.iter().find_map(|reader| reader(bytes)),
        _ => None,
    }
}

/// The bytes of a payload that has some.
fn bytes(payload: &Payload) -> Option<&[u8]> {
    match payload {
        Payload::Bytes { bytes, start, len } => bytes.get(*start as usize..)?.get(..*len as usize),
        Payload::Empty | Payload::Zeros(_) | Payload::Stamped { .. } => None,
    }
}

/// A text that fits in a line.
fn short(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_string(),
    }
}

/// Words one behind the other, those that follow themselves with their number.
fn list(words: Vec<String>) -> Option<String> {
    let mut runs: Vec<(String, usize)> = Vec::new();
    for word in words {
        match runs.last_mut() {
            Some((last, count)) if *last == word => *count += 1,
            _ => runs.push((word, 1)),
        }
    }
    let run = |(word, count): &(String, usize)| if *count == 1 { word.clone() } else { format!("{count} × {word}") };
    let runs: Vec<String> = runs.iter().map(run).collect();
    (!runs.is_empty()).then(|| runs.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn of_tcp(bytes: &[u8]) -> Option<String> {
        READERS.iter().find_map(|reader| reader(bytes))
    }

    #[test]
    fn words_that_repeat_are_counted() {
        let words = |text: &str| list(text.split_whitespace().map(str::to_string).collect());
        assert_eq!(words("DATA DATA PING DATA").as_deref(), Some("2 × DATA, PING, DATA"));
        assert_eq!(words(""), None);
    }

    #[test]
    fn no_line_is_longer_than_a_ladder_is_wide() {
        let path = "x".repeat(1000);
        let line = of_tcp(format!("GET /{path} HTTP/1.1\r\n").as_bytes()).expect("a request");
        assert_eq!(line.chars().count(), LETTERS + 1);
    }

    /// Of the middle of a stream of ciphers nothing is told.
    #[test]
    fn noise_says_nothing() {
        let mut noise = fastrand::Rng::with_seed(7);
        let said = (0..200_000).filter(|_| {
            let bytes: [u8; 40] = std::array::from_fn(|_| noise.u8(..));
            of_tcp(&bytes).is_some()
        });
        assert_eq!(said.count(), 0);
        assert_eq!(of_tcp(&[0; 1460]), None);
        assert_eq!(of_tcp(&[0xff; 1460]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_strange(bytes: Vec<u8>, cut in 0_usize..64) {
            let _ = (of_tcp(&bytes), dns::message(&bytes), dns::framed(&bytes));
            for whole in [tls::tests::HELLO, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0".as_slice()] {
                let _ = of_tcp(&whole[..whole.len().saturating_sub(cut)]);
            }
        }
    }
}
