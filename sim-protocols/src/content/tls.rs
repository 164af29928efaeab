//! Records of TLS (RFC 8446 §5.1, RFC 5246 §6.2.1) and what they hold, as far as it is not enciphered.

use rustls::server::Acceptor;

use super::list;

/// Bytes of a record's header.
const HEADER: usize = 5;
/// No record is longer (RFC 5246 §6.2.3).
const LENGTH_MAX: usize = (1 << 14) + 2048;

/// Kinds of records (RFC 8446 §B.1).
mod kind {
    pub const CHANGE_CIPHER_SPEC: u8 = 20;
    pub const ALERT: u8 = 21;
    pub const HANDSHAKE: u8 = 22;
    pub const APPLICATION_DATA: u8 = 23;
}

/// Messages of handshakes by their numbers (RFC 8446 §B.3, RFC 5246 §7.4, RFC 6066 §8).
const MESSAGES: [(u8, &str); 11] = [
    (1, "ClientHello"),
    (2, "ServerHello"),
    (4, "NewSessionTicket"),
    (8, "EncryptedExtensions"),
    (11, "Certificate"),
    (12, "ServerKeyExchange"),
    (13, "CertificateRequest"),
    (14, "ServerHelloDone"),
    (15, "CertificateVerify"),
    (16, "ClientKeyExchange"),
    (22, "CertificateStatus"),
];

/// The records that begin in a segment.
pub(super) fn records(bytes: &[u8]) -> Option<String> {
    let (mut words, mut rest) = (Vec::new(), bytes);
    while let Some((&[kind, major, minor, high, low], behind)) = rest.split_first_chunk::<HEADER>() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let known = (kind::CHANGE_CIPHER_SPEC..=kind::APPLICATION_DATA).contains(&kind);
        if !known || major != 3 || minor > 4 || !(1..=LENGTH_MAX).contains(&length) {
            return None;
        }
        let body = &behind[..length.min(behind.len())];
        match kind {
            kind::CHANGE_CIPHER_SPEC => words.push("ChangeCipherSpec".into()),
            // A level and a description, where it is no cipher (RFC 8446 §6).
            kind::ALERT => words.push("Alert".into()),
            kind::HANDSHAKE => handshake(body, length, &mut words),
            _ => words.push("ApplicationData".into()),
        }
        // The last one goes on in the next segment.
        rest = behind.get(length..).unwrap_or_default();
    }
    if let Some(hello) = words.iter_mut().find(|word| *word == "ClientHello") {
        hello.extend(server_name(bytes).map(|name| format!(" ({name})")));
    }
    list(words)
}

/// Messages of a record of so many bytes, of which these are there. What has another form is a cipher.
fn handshake(body: &[u8], length: usize, words: &mut Vec<String>) {
    let (mut at, first) = (0, words.len());
    while at < length {
        let Some(&[kind, high, middle, low]) = body.get(at..).and_then(|rest| rest.first_chunk()) else { break };
        let size = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
        let name = MESSAGES.iter().find(|(number, _)| *number == kind);
        match name.filter(|_| size <= LENGTH_MAX) {
            Some((_, name)) => words.push((*name).into()),
            None => break,
        }
        at += 4 + size;
    }
    if words.len() == first {
        words.push("encrypted handshake".into());
    }
}

/// Whom a whole ClientHello asks for (RFC 6066 §3).
fn server_name(bytes: &[u8]) -> Option<String> {
    let mut acceptor = Acceptor::default();
    acceptor.read_tls(&mut &bytes[..]).ok()?;
    let accepted = acceptor.accept().ok()??;
    accepted.client_hello().server_name().map(super::short)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A ClientHello's record and the beginning of its message.
    pub const HELLO: &[u8] = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03";

    #[test]
    fn records_are_told_one_behind_the_other() {
        let said = |bytes: &[u8]| records(bytes);
        assert_eq!(said(HELLO).as_deref(), Some("ClientHello"));
        let server = b"\x16\x03\x03\x00\x08\x02\x00\x00\x04abcd\x14\x03\x03\x00\x01\x01\x17\x03\x03\x00\x02xx\x17\x03\x03\x05\x00yy";
        assert_eq!(said(server).as_deref(), Some("ServerHello, ChangeCipherSpec, 2 × ApplicationData"));
        // Several messages in one record, as TLS 1.2 has them.
        let flight = b"\x16\x03\x03\x00\x0a\x0b\x00\x00\x02cc\x0e\x00\x00\x00";
        assert_eq!(said(flight).as_deref(), Some("Certificate, ServerHelloDone"));
        assert_eq!(said(b"\x16\x03\x03\x00\x28\x9a\xfe\x01\x77").as_deref(), Some("encrypted handshake"));
        assert_eq!(said(b"\x15\x03\x03\x00\x02\x02\x2a").as_deref(), Some("Alert"));
        for none in [b"\x16\x02\x01\x00\x08".as_slice(), b"\x18\x03\x03\x00\x08", b"\x17\x03\x03\xff\xff", b"\x17\x03"]
        {
            assert_eq!(said(none), None, "{none:?}");
        }
    }
}
