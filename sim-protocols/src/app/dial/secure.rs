//! TLS in files: its parameters, and what both ends make of them.

use std::sync::Arc;

use sim_core::{Params, Span, Streams};

use super::Connector;
use crate::aio::tls::{
    Authority, ClientOptions, Costs, Identity, Leaf, ServerOptions, TlsAcceptor, TlsConnector, Versions,
};

/// What clients may send before the handshake is over: OpenSSL's default, and what nginx takes.
const EARLY_MAX: u32 = 16_384;
/// A name that no host has, for certificates of somebody else.
const SOMEBODY_ELSE: &str = "somebody-else.test";

words! {
    /// The newest version of TLS that both ends know.
    TlsVersion {
        /// RFC 8446: one round trip.
        #[default]
        Three = "1.3",
        /// RFC 5246: two round trips, one where a session is resumed.
        Two = "1.2",
    }
}

words! {
    /// What a client's later connections to a server have of its earlier ones.
    Resumption {
        /// A short handshake: no certificate, no signature.
        #[default]
        Session = "session",
        /// Nothing: each has a full handshake.
        None = "none",
        /// The short handshake, and requests leave with its first message (RFC 8446 §2.3). Who has heard one can play it again (RFC 8470).
        ZeroRtt = "0-rtt",
    }
}

words! {
    /// The server's certificate.
    Certificate {
        /// In order.
        #[default]
        Valid = "valid",
        /// It has ended the day before.
        Expired = "expired",
        /// It begins the day after.
        NotYetValid = "not_yet_valid",
        /// It is another server's.
        WrongName = "wrong_name",
        /// Signed by itself, so that no client knows who stands for it.
        SelfSigned = "self_signed",
    }
}

/// Parameters of TLS.
#[derive(Clone, PartialEq, Debug)]
pub struct TlsConfig {
    /// The newest version that both ends know. Default: 1.3.
    pub version: TlsVersion,
    /// Default: `session`, as browsers, curl and nginx.
    pub resumption: Resumption,
    /// Default: `valid`.
    pub certificate: Certificate,
    /// Authorities between the root, which clients know, and the server's certificate: each adds a certificate to the handshake and a signature
    /// to check. Default: 1, as with Let's Encrypt.
    pub chain: u64,
    /// The price of cryptography at both ends. Default: [`Costs::default`], measured with OpenSSL on a core of 2023.
    pub costs: Costs,
}

impl Default for TlsConfig {
    fn default() -> TlsConfig {
        TlsConfig {
            version: TlsVersion::default(),
            resumption: Resumption::default(),
            certificate: Certificate::default(),
            chain: 1,
            costs: Costs::default(),
        }
    }
}

impl TlsConfig {
    /// Asks for them, below a key of their own.
    pub(crate) fn read(params: &mut dyn Params) -> TlsConfig {
        TlsConfig::read_for(params, true, true)
    }

    /// Those of a client that goes to servers with their own.
    pub(crate) fn client(params: &mut dyn Params) -> TlsConfig {
        TlsConfig::read_for(params, true, false)
    }

    /// Those of a server that serves clients with their own.
    pub(crate) fn server(params: &mut dyn Params) -> TlsConfig {
        TlsConfig::read_for(params, false, true)
    }

    fn read_for(params: &mut dyn Params, client: bool, server: bool) -> TlsConfig {
        let costs = Costs::default();
        let version = TlsVersion::read(params, "version", "the newest version that both ends know");
        let help =
            "what later connections have of earlier ones: a short handshake, nothing, or requests in its first message";
        let resumption = Resumption::read(params, "resumption", help);
        let (mut certificate, mut chain) = (Certificate::default(), 1);
        if server {
            certificate = Certificate::read(params, "certificate", "the server's certificate");
            // webpki, which checks it at the client, follows six authorities and no more.
            chain = params.count("chain", Some(1), 0..=6, "authorities between the root and the server's certificate");
        }
        let mut cost = |key, default: Span, help| params.span(key, Some(default), help);
        let help = "a multiplication of X25519, of which each end makes two in a full handshake";
        let exchange = cost("exchange_cost", costs.exchange, help);
        let help = "the server's signature in a full handshake";
        let signature = if server { cost("signature_cost", costs.signature, help) } else { costs.signature };
        let help = "a signature checked: the client checks the server's, and one for each certificate";
        let verification =
            if client { cost("verification_cost", costs.verification, help) } else { costs.verification };
        let record = cost("record_cost", costs.record, "a record sealed or opened, whatever its length");
        let byte = cost("byte_cost", costs.byte, "each byte in it");
        if resumption == Resumption::ZeroRtt && version == TlsVersion::Two {
            params.refuse("resumption", "TLS 1.2 has no 0-RTT; it needs `version: 1.3`".into());
        }
        let costs = Costs { exchange, signature, verification, record, byte };
        TlsConfig { version, resumption, certificate, chain, costs }
    }

    /// Asks for them under the key `tls`: there is no TLS where it is not given.
    pub(crate) fn ask(params: &mut dyn Params) -> Option<TlsConfig> {
        let mut tls = None;
        if params.given("tls") {
            params.section("tls", "TLS by rustls; none when not given", &mut |params| {
                tls = Some(TlsConfig::read(params))
            });
        }
        tls
    }

    fn versions(&self) -> Versions {
        match self.version {
            TlsVersion::Three => Versions::Both,
            TlsVersion::Two => Versions::Tls12,
        }
    }

    /// Whether requests may leave before the handshake is over.
    pub(crate) fn early(&self) -> bool {
        self.resumption == Resumption::ZeroRtt
    }

    /// A client's side, which trusts the simulation's authority and speaks these protocols.
    pub(crate) fn connector(&self, streams: &Streams, alpn: &[&str]) -> Connector {
        let root = authority(streams);
        let options = ClientOptions {
            alpn,
            versions: self.versions(),
            resumption: self.resumption != Resumption::None,
            early_data: self.early(),
            costs: self.costs,
            ..ClientOptions::trusting(&root)
        };
        Connector { tls: TlsConnector::new(&options), early: self.early(), alpn: Arc::default() }
    }

    /// A server's side, with a certificate for each of these lists of names; a client that asks for none of them gets the first one.
    pub(crate) fn acceptor(&self, streams: &Streams, sites: &[Vec<String>], alpn: &[&str]) -> TlsAcceptor {
        let identities: Vec<Identity> = sites.iter().map(|names| self.identity(streams, names)).collect();
        TlsAcceptor::new(&ServerOptions {
            identities: identities.iter().collect(),
            alpn,
            versions: self.versions(),
            resumption: self.resumption != Resumption::None,
            early_data_max: if self.early() { EARLY_MAX } else { 0 },
            costs: self.costs,
            ..ServerOptions::default()
        })
    }

    fn identity(&self, streams: &Streams, names: &[String]) -> Identity {
        let leaf = Leaf { names: names.to_vec(), ..Leaf::new(&[]) };
        let leaf = match self.certificate {
            Certificate::Valid => leaf,
            Certificate::Expired => leaf.expired(),
            Certificate::NotYetValid => leaf.not_yet_valid(),
            Certificate::WrongName => Leaf::new(&[SOMEBODY_ELSE]),
            Certificate::SelfSigned => return authority(streams).self_signed(&leaf),
        };
        let root = authority(streams);
        let below = (1..=self.chain).fold(None::<Authority>, |above, number| {
            Some(above.as_ref().unwrap_or(&root).intermediate(&format!("Clockwire Intermediate {number}")))
        });
        below.as_ref().unwrap_or(&root).issue(&leaf)
    }
}

/// The authority of a simulation: the same wherever it is derived.
pub(crate) fn authority(streams: &Streams) -> Authority {
    Authority::root(streams.open("tls/authority").next_u64(), "Clockwire Root")
}
