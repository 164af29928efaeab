//! A simulated certificate authority: the same seed and the same names give the same keys and certificates, byte for byte.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyIdMethod,
    KeyUsagePurpose, PKCS_ED25519, PublicKeyData, SerialNumber, SignatureAlgorithm, SigningKey, date_time_ymd,
};
use rustls::pki_types::CertificateDer;
use sim_core::Streams;

use ed25519_dalek::Signer;

/// Year, month, day; the moment is its midnight (UTC).
pub type Date = (i32, u8, u8);

/// When authorities and leaves become valid: a year before simulations start.
const FROM: Date = (2029, 1, 1);
/// When authorities end.
const UNTIL: Date = (2049, 1, 1);

/// What a certificate is for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leaf {
    /// Names of hosts, with `*.` for one label, or addresses.
    pub names: Vec<String>,
    /// When it becomes valid. Default: 2029-01-01.
    pub from: Date,
    /// When it ends. Default: 2031-01-01; simulations start on 2030-01-01.
    pub until: Date,
}

impl Leaf {
    /// For some names, valid when simulations start.
    pub fn new(names: &[&str]) -> Leaf {
        Leaf { names: names.iter().map(ToString::to_string).collect(), from: FROM, until: (2031, 1, 1) }
    }

    /// One that has expired the day before simulations start.
    #[must_use]
    pub fn expired(self) -> Leaf {
        Leaf { until: (2029, 12, 31), ..self }
    }

    /// One that becomes valid a day after simulations have started.
    #[must_use]
    pub fn not_yet_valid(self) -> Leaf {
        Leaf { from: (2030, 1, 2), ..self }
    }
}

/// A certificate with what stands above it, and its private key: what a server shows and proves.
#[derive(Clone)]
pub struct Identity {
    names: Vec<String>,
    chain: Vec<CertificateDer<'static>>,
    key: [u8; 32],
}

impl Identity {
    /// Its names.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The certificate, and those between it and the root.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.chain
    }

    /// Its private key in PKCS #8 (RFC 8410 §7).
    pub fn key_der(&self) -> Vec<u8> {
        // A version, the algorithm 1.3.101.112, and an octet string of 34 bytes that holds one of 32.
        const HEAD: [u8; 16] = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        [&HEAD[..], &self.key].concat()
    }
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.names.join(", "))
    }
}

/// Who issues certificates: a root, or an authority below one.
pub struct Authority {
    streams: Streams,
    /// Where the names of its streams of chance begin.
    path: String,
    issuer: Issuer<'static, Key>,
    certificate: CertificateDer<'static>,
    /// Certificates between its leaves and the root.
    between: Vec<CertificateDer<'static>>,
}

impl Authority {
    /// A root.
    pub fn root(seed: u64, name: &str) -> Authority {
        let (streams, path) = (Streams::new(seed), format!("tls/authority/{name}"));
        let key = Key::draw(&streams, &path);
        let params = params(&streams, &path, name, &key, IsCa::Ca(BasicConstraints::Unconstrained));
        let certificate = params.self_signed(&key).expect("its parameters are complete").der().clone();
        Authority { streams, path, issuer: Issuer::new(params, key), certificate, between: Vec::new() }
    }

    /// An authority below this one. What it issues is shown with its own certificate, which clients need not know.
    pub fn intermediate(&self, name: &str) -> Authority {
        let path = format!("{}/{name}", self.path);
        let key = Key::draw(&self.streams, &path);
        let params = params(&self.streams, &path, name, &key, IsCa::Ca(BasicConstraints::Unconstrained));
        let certificate = params.signed_by(&key, &self.issuer).expect("its parameters are complete").der().clone();
        let between = [&[certificate.clone()][..], &self.between].concat();
        Authority { streams: self.streams, path, issuer: Issuer::new(params, key), certificate, between }
    }

    /// Its own certificate: what a client trusts, where it is a root.
    pub fn certificate(&self) -> &CertificateDer<'static> {
        &self.certificate
    }

    /// Issues a certificate for a server.
    ///
    /// # Panics
    /// When a name has characters beyond ASCII, or a date is none.
    pub fn issue(&self, leaf: &Leaf) -> Identity {
        let path = format!("{}/leaf/{leaf:?}", self.path);
        let key = Key::draw(&self.streams, &path);
        let params = self.leaf(leaf, &path, &key);
        let certificate = params.signed_by(&key, &self.issuer).expect("its parameters are complete").der().clone();
        let chain = [&[certificate][..], &self.between].concat();
        Identity { names: leaf.names.clone(), chain, key: key.key.to_bytes() }
    }

    /// A certificate that nobody but itself stands for; the authority lends its chance alone.
    ///
    /// # Panics
    /// As [`Authority::issue`].
    pub fn self_signed(&self, leaf: &Leaf) -> Identity {
        let path = format!("{}/self/{leaf:?}", self.path);
        let key = Key::draw(&self.streams, &path);
        let params = self.leaf(leaf, &path, &key);
        let certificate = params.self_signed(&key).expect("its parameters are complete").der().clone();
        Identity { names: leaf.names.clone(), chain: vec![certificate], key: key.key.to_bytes() }
    }

    fn leaf(&self, leaf: &Leaf, path: &str, key: &Key) -> CertificateParams {
        let name = leaf.names.first().map_or("", String::as_str);
        let mut params = params(&self.streams, path, name, key, IsCa::ExplicitNoCa);
        let names = CertificateParams::new(leaf.names.clone()).expect("names of hosts are ASCII");
        params.subject_alt_names = names.subject_alt_names;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.not_before = date_time_ymd(leaf.from.0, leaf.from.1, leaf.from.2);
        params.not_after = date_time_ymd(leaf.until.0, leaf.until.1, leaf.until.2);
        params
    }
}

/// Everything that would otherwise be drawn or read from a clock is set: serial number, key identifier, both dates.
fn params(streams: &Streams, path: &str, name: &str, key: &Key, is_ca: IsCa) -> CertificateParams {
    let mut params = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, name);
    params.distinguished_name = subject;
    params.is_ca = is_ca;
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params.not_before = date_time_ymd(FROM.0, FROM.1, FROM.2);
    params.not_after = date_time_ymd(UNTIL.0, UNTIL.1, UNTIL.2);
    // RFC 5280 §4.1.2.2: positive, and at most 20 octets.
    let serial = streams.open(&format!("{path}/serial")).next_u64() >> 1 | 1;
    params.serial_number = Some(SerialNumber::from_slice(&serial.to_be_bytes()));
    // RFC 5280 §4.2.1.2: "Other methods of generating unique numbers are also acceptable".
    params.key_identifier_method = KeyIdMethod::PreSpecified(key.public[..20].to_vec());
    params.use_authority_key_identifier_extension = true;
    params
}

/// A key of Ed25519 (RFC 8032), which signs without chance.
struct Key {
    key: ed25519_dalek::SigningKey,
    public: [u8; 32],
}

impl Key {
    fn draw(streams: &Streams, path: &str) -> Key {
        let (mut rng, mut seed) = (streams.open(&format!("{path}/key")), [0; 32]);
        for chunk in seed.chunks_mut(8) {
            chunk.copy_from_slice(&rng.next_u64().to_le_bytes());
        }
        let key = ed25519_dalek::SigningKey::from_bytes(&seed);
        Key { public: key.verifying_key().to_bytes(), key }
    }
}

impl PublicKeyData for Key {
    fn der_bytes(&self) -> &[u8] {
        &self.public
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ED25519
    }
}

impl SigningKey for Key {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(self.key.sign(message).to_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_and_names_give_the_same_certificates() {
        let issue = |seed, name: &str| Authority::root(seed, "root").intermediate("below").issue(&Leaf::new(&[name]));
        let first = issue(1, "a.test");
        assert_eq!((first.chain.len(), first.key), (2, issue(1, "a.test").key));
        assert_eq!(first.chain, issue(1, "a.test").chain);
        assert_ne!(first.chain, issue(2, "a.test").chain);
        assert_ne!(first.key, issue(1, "b.test").key);
    }
}
