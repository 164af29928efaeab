//! What cryptography costs: operations are counted as rustls makes them, and become virtual time of the program, which has one processor.

use std::fmt;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::sign::{Signer, SigningKey};
use rustls::{DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme};
use sim_core::{Rng, Span, Time};

use crate::aio::context;

/// The most bytes in a record (RFC 8446 §5.1).
pub(super) const RECORD_MAX: usize = 1 << 14;

/// The price of each operation, in virtual time.
///
/// The defaults are what `openssl speed` (3.0.19: `ed25519`, `ecdhx25519`, `-evp aes-256-gcm`) gives for one core of a server of 2023, an x86-64 with
/// AES instructions: 27 229 exchanges, 21 565 signatures and 8 977 verifications a second; 35 MB/s in blocks of 16 bytes, 2 885 MB/s in blocks of
/// 16 384. A larger price delays what depends on the operation, and whatever else the program does with TLS behind it.
///
/// Not charged: hashing and key derivation, records of the handshake when they are sent, and everything that is no cryptography.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Costs {
    /// A multiplication of X25519: one to make a key share, another to complete it. Default: 37 us.
    pub exchange: Span,
    /// A private-key operation: a signature of Ed25519. Default: 46 us.
    pub signature: Span,
    /// The check of a signature; a chain has one for each certificate below the root, a handshake one more. Default: 111 us.
    pub verification: Span,
    /// A record that is sealed or opened, whatever its length. Default: 450 ns.
    pub record: Span,
    /// Each byte in it. Default: 350 ps.
    pub byte: Span,
}

impl Default for Costs {
    fn default() -> Costs {
        Costs {
            exchange: Span::from_us(37),
            signature: Span::from_us(46),
            verification: Span::from_us(111),
            record: Span::from_ns(450),
            byte: Span::from_ps(350),
        }
    }
}

impl Costs {
    /// Cryptography takes no time.
    pub const FREE: Costs = Costs {
        exchange: Span::ZERO,
        signature: Span::ZERO,
        verification: Span::ZERO,
        record: Span::ZERO,
        byte: Span::ZERO,
    };

    /// What some work costs.
    pub fn of(&self, work: &Work) -> Span {
        let parts = [
            (self.exchange, work.exchanges),
            (self.signature, work.signatures),
            (self.verification, work.verifications),
            (self.record, work.records),
            (self.byte, work.bytes),
        ];
        let total =
            parts.iter().fold(0_u64, |sum, (price, count)| sum.saturating_add(price.saturating_mul(*count).ps()));
        Span::from_ps(total)
    }
}

/// Operations, counted.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Work {
    /// Multiplications of X25519.
    pub exchanges: u64,
    /// Signatures made.
    pub signatures: u64,
    /// Signatures checked.
    pub verifications: u64,
    /// Records sealed or opened.
    pub records: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// What a program keeps for its connections.
#[derive(Default)]
pub(in crate::aio) struct State {
    /// The stream of chance of [`SimRandom`](super::SimRandom), once it is open.
    pub random: Option<Rng>,
    /// What rustls is doing at present.
    work: Work,
    /// When the processor is done with what it was given.
    free: Time,
}

/// Counts an operation, which rustls makes within [`measure`].
pub(super) fn count(change: impl FnOnce(&mut Work)) {
    context::try_with(|current| change(&mut current.rest.tls.work));
}

/// Runs something of rustls, and says what work that was.
pub(super) fn measure<T>(run: impl FnOnce() -> T) -> (T, Work) {
    context::with(|current| current.rest.tls.work = Work::default());
    let result = run();
    (result, context::with(|current| std::mem::take(&mut current.rest.tls.work)))
}

/// Gives the program's processor some work, behind what it has to do already, and says when it will be done.
pub(super) fn charge(costs: &Costs, work: &Work) -> Time {
    let cost = costs.of(work);
    context::with(|current| {
        let now = current.now();
        if cost == Span::ZERO {
            return now;
        }
        let state = &mut current.rest.tls;
        state.free = state.free.max(now).saturating_add(cost);
        state.free
    })
}

/// A key whose signatures are counted.
#[derive(Debug)]
pub(super) struct CountingKey(pub Arc<dyn SigningKey>);

impl SigningKey for CountingKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        Some(Box::new(CountingSigner(self.0.choose_scheme(offered)?)))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        self.0.public_key()
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }
}

#[derive(Debug)]
struct CountingSigner(Box<dyn Signer>);

impl Signer for CountingSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        count(|work| work.signatures += 1);
        self.0.sign(message)
    }

    fn scheme(&self) -> SignatureScheme {
        self.0.scheme()
    }
}

/// A verifier whose checks are counted.
pub(super) struct CountingVerifier(pub Arc<dyn ServerCertVerifier>);

impl fmt::Debug for CountingVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CountingVerifier({:?})", self.0)
    }
}

impl ServerCertVerifier for CountingVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        count(|work| work.verifications += 1 + intermediates.len() as u64);
        self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        count(|work| work.verifications += 1);
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        count(|work| work.verifications += 1);
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// Counts records in a stream of ciphertext, whatever its pieces, by their headers (RFC 8446 §5.1: type, version, length).
#[derive(Default)]
pub(super) struct Records {
    header: [u8; 5],
    /// Bytes of the header that have come.
    seen: usize,
    /// Bytes of the record that are still to come.
    left: usize,
}

impl Records {
    /// What it is to open these bytes: a record counts where it begins, a byte where it comes.
    pub fn count(&mut self, mut bytes: &[u8]) -> Work {
        let mut work = Work::default();
        while let Some((first, rest)) = bytes.split_first() {
            if self.left > 0 {
                let part = self.left.min(bytes.len());
                self.left -= part;
                work.bytes += part as u64;
                bytes = &bytes[part..];
                continue;
            }
            self.header[self.seen] = *first;
            self.seen += 1;
            bytes = rest;
            if self.seen == self.header.len() {
                self.seen = 0;
                self.left = usize::from(u16::from_be_bytes([self.header[3], self.header[4]]));
                work.records += 1;
            }
        }
        work
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_counted_whatever_the_pieces() {
        let stream = [&[22, 3, 3, 0, 3, 1, 2, 3][..], &[23, 3, 3, 0, 0], &[23, 3, 3, 1, 0], &[7; 256]].concat();
        for piece in 1..stream.len() {
            let mut records = Records::default();
            let parts = stream.chunks(piece).map(|part| records.count(part));
            let sum = parts.fold((0, 0), |sum, work| (sum.0 + work.records, sum.1 + work.bytes));
            assert_eq!(sum, (3, 259), "in pieces of {piece}");
        }
    }

    #[test]
    fn work_has_its_price() {
        let work = Work { exchanges: 2, signatures: 1, verifications: 3, records: 4, bytes: 1000 };
        assert_eq!(Costs::default().of(&work), Span::from_ps(454_800_000 + 350_000));
        assert_eq!(Costs::FREE.of(&work), Span::ZERO);
    }
}
