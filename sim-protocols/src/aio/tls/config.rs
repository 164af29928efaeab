//! Clients and servers: what they offer, trust and remember.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue, WebPkiServerVerifier,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::{ClientHello, ResolvesServerCert, StoresServerSessions};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, KeyLog, NamedGroup, NoKeyLog, RootCertStore, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::authority::{Authority, Identity};
use super::cost::{self, Costs, CountingKey, CountingVerifier, Work};
use super::error::TlsError;
use super::provider::{SimClock, SimKeyLog, provider};
use super::stream::TlsStream;

/// Tickets that a client keeps for a server. rustls: 8.
const TICKETS_MAX: usize = 8;
/// Sessions that a server keeps. rustls: 256.
const SESSIONS_MAX: usize = 256;

/// Which versions are offered or accepted; of two, both sides take the newer one.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Versions {
    /// TLS 1.3 and 1.2.
    #[default]
    Both,
    /// TLS 1.2 alone.
    Tls12,
    /// TLS 1.3 alone.
    Tls13,
}

impl Versions {
    fn list(self) -> &'static [&'static SupportedProtocolVersion] {
        static BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
        match self {
            Versions::Both => BOTH,
            Versions::Tls13 => &BOTH[..1],
            Versions::Tls12 => &BOTH[1..],
        }
    }
}

fn crypto() -> Arc<CryptoProvider> {
    Arc::new(provider())
}

fn logs(on: bool) -> Arc<dyn KeyLog> {
    if on { Arc::new(SimKeyLog) } else { Arc::new(NoKeyLog {}) }
}

fn protocols(names: &[&str]) -> Vec<Vec<u8>> {
    names.iter().map(|name| name.as_bytes().to_vec()).collect()
}

/// What a client offers, trusts and remembers.
#[derive(Clone, Debug)]
pub struct ClientOptions<'a> {
    /// Roots that it trusts. Default: none, so that every server is refused.
    pub roots: Vec<&'a CertificateDer<'static>>,
    /// Application protocols (RFC 7301), the first one it likes best. Default: none.
    pub alpn: &'a [&'a str],
    /// Default: both.
    pub versions: Versions,
    /// Whether it resumes sessions. Default: on.
    pub resumption: bool,
    /// Whether [`TlsConnector::connect_early`] may send before the server has answered (RFC 8446 §2.3). What is sent so can be played again by
    /// whoever has heard it. Default: off.
    pub early_data: bool,
    /// Whether its secrets are logged for captures. Default: on.
    pub key_log: bool,
    /// What cryptography costs it. Default: [`Costs::default`].
    pub costs: Costs,
}

impl Default for ClientOptions<'_> {
    fn default() -> Self {
        ClientOptions {
            roots: Vec::new(),
            alpn: &[],
            versions: Versions::Both,
            resumption: true,
            early_data: false,
            key_log: true,
            costs: Costs::default(),
        }
    }
}

impl<'a> ClientOptions<'a> {
    /// A client that trusts an authority.
    pub fn trusting(root: &'a Authority) -> ClientOptions<'a> {
        ClientOptions { roots: vec![root.certificate()], ..ClientOptions::default() }
    }

    /// The same for rustls, for whoever wants to change it further.
    ///
    /// # Panics
    /// When a root is no certificate.
    pub fn config(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        for root in &self.roots {
            roots.add((*root).clone()).expect("a root is a certificate");
        }
        let versions = ClientConfig::builder_with_details(crypto(), Arc::new(SimClock))
            .with_protocol_versions(self.versions.list())
            .expect("both versions have suites and a group");
        // Without a root there is no verifier; rustls has its own way to refuse everybody then.
        let mut config = if self.roots.is_empty() {
            versions.with_root_certificates(roots).with_no_client_auth()
        } else {
            let verifier = WebPkiServerVerifier::builder_with_provider(roots.into(), crypto()).build();
            let verifier = CountingVerifier(verifier.expect("there are roots, and no revocation"));
            versions.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth()
        };
        config.alpn_protocols = protocols(self.alpn);
        config.enable_early_data = self.early_data;
        config.key_log = logs(self.key_log);
        config.resumption =
            if self.resumption { Resumption::store(Arc::new(Remembered::default())) } else { Resumption::disabled() };
        config
    }
}

/// Makes connections of TLS, and remembers their sessions. It belongs to one program.
#[derive(Clone, Debug)]
pub struct TlsConnector {
    config: Arc<ClientConfig>,
    costs: Costs,
}

impl TlsConnector {
    /// A client with these options.
    pub fn new(options: &ClientOptions<'_>) -> TlsConnector {
        TlsConnector::with_config(options.config().into(), options.costs)
    }

    /// A client with a configuration of rustls's own, which should have the provider, the clock and a store of this module.
    pub fn with_config(config: Arc<ClientConfig>, costs: Costs) -> TlsConnector {
        TlsConnector { config, costs }
    }

    /// Shakes hands over a stream with the server of a name, which is asked for (RFC 6066 §3) and which its certificate must have.
    ///
    /// # Errors
    /// The server's certificate does not hold; the server refuses; the stream fails.
    pub async fn connect<IO>(&self, name: &str, io: IO) -> Result<TlsStream<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        Ok(self.connect_early(name, io, &[]).await?.0)
    }

    /// The same, with data that leaves together with the first message where a session is known that allows it (0-RTT), and behind the handshake
    /// where none is, or where the server rejects it. Says whether the server has accepted it early.
    ///
    /// # Errors
    /// As [`TlsConnector::connect`].
    pub async fn connect_early<IO>(&self, name: &str, io: IO, data: &[u8]) -> Result<(TlsStream<IO>, bool), TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let server = ServerName::try_from(name.to_string()).map_err(|_| TlsError::Name(name.to_string()))?;
        let mut early = 0;
        let (client, work) = cost::measure(|| ClientConnection::new(self.config.clone(), server));
        let mut client = client?;
        if !data.is_empty()
            && let Some(mut writer) = client.early_data()
        {
            early = std::io::Write::write(&mut writer, data)?;
        }
        let sealed = Work { records: early.div_ceil(cost::RECORD_MAX) as u64, bytes: early as u64, ..work };
        let mut stream = TlsStream::new(client.into(), io, self.costs, &sealed);
        stream.handshake().await?;
        let accepted = early > 0 && stream.early_data_accepted();
        let rest = if accepted { &data[early..] } else { data };
        if !rest.is_empty() {
            stream.write_all(rest).await?;
        }
        Ok((stream, accepted))
    }

    /// The same for a protocol that writes later: where a session is known that allows early data, the stream is there at once, and what is written
    /// to it leaves together with the first message; what the server rejects is sent again behind the handshake. Elsewhere hands are shaken first.
    ///
    /// # Errors
    /// As [`TlsConnector::connect`].
    pub async fn connect_lazily<IO>(&self, name: &str, io: IO) -> Result<TlsStream<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let server = ServerName::try_from(name.to_string()).map_err(|_| TlsError::Name(name.to_string()))?;
        let (client, work) = cost::measure(|| ClientConnection::new(self.config.clone(), server));
        let mut client = client?;
        let early = client.early_data().is_some();
        let mut stream = TlsStream::new(client.into(), io, self.costs, &work);
        match early {
            true => stream.offer(),
            false => stream.handshake().await?,
        }
        Ok(stream)
    }
}

/// What a server shows, accepts and remembers.
#[derive(Clone, Debug)]
pub struct ServerOptions<'a> {
    /// Its certificates. A client gets the one for the name it asks for, and the first one where it asks for none of them.
    pub identities: Vec<&'a Identity>,
    /// Application protocols, the first one it likes best. Default: none.
    pub alpn: &'a [&'a str],
    /// Default: both.
    pub versions: Versions,
    /// Whether it lets clients resume: by tickets that name a session which it keeps. Default: on.
    pub resumption: bool,
    /// The most bytes that it accepts before the handshake is over (RFC 8446 §4.2.10); 0: none. Then it also answers half a round trip earlier.
    /// Default: 0.
    pub early_data_max: u32,
    /// Whether its secrets are logged for captures. Default: on.
    pub key_log: bool,
    /// What cryptography costs it. Default: [`Costs::default`].
    pub costs: Costs,
}

impl Default for ServerOptions<'_> {
    fn default() -> Self {
        ServerOptions {
            identities: Vec::new(),
            alpn: &[],
            versions: Versions::Both,
            resumption: true,
            early_data_max: 0,
            key_log: true,
            costs: Costs::default(),
        }
    }
}

impl<'a> ServerOptions<'a> {
    /// A server with one certificate.
    pub fn with(identity: &'a Identity) -> ServerOptions<'a> {
        ServerOptions { identities: vec![identity], ..ServerOptions::default() }
    }

    /// The same for rustls, for whoever wants to change it further.
    pub fn config(&self) -> ServerConfig {
        let mut config = ServerConfig::builder_with_details(crypto(), Arc::new(SimClock))
            .with_protocol_versions(self.versions.list())
            .expect("both versions have suites and a group")
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(ByName::new(&self.identities)));
        config.alpn_protocols = protocols(self.alpn);
        config.key_log = logs(self.key_log);
        config.max_early_data_size = self.early_data_max;
        config.send_half_rtt_data = self.early_data_max > 0;
        config.session_storage = Arc::new(Sessions { on: self.resumption, kept: Mutex::default() });
        if !self.resumption {
            config.send_tls13_tickets = 0;
        }
        config
    }
}

/// Takes connections of TLS, and remembers their sessions. It belongs to one program.
#[derive(Clone, Debug)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
    costs: Costs,
}

impl TlsAcceptor {
    /// A server with these options.
    pub fn new(options: &ServerOptions<'_>) -> TlsAcceptor {
        TlsAcceptor::with_config(options.config().into(), options.costs)
    }

    /// A server with a configuration of rustls's own, which should have the provider, the clock and a store of this module.
    pub fn with_config(config: Arc<ServerConfig>, costs: Costs) -> TlsAcceptor {
        TlsAcceptor { config, costs }
    }

    /// Shakes hands with a client over a stream. With early data it is ready as soon as the first of it is there; what is left of the handshake
    /// happens as the stream is read.
    ///
    /// # Errors
    /// The client refuses, or offers nothing that is accepted; the stream fails.
    pub async fn accept<IO>(&self, io: IO) -> Result<TlsStream<IO>, TlsError>
    where
        IO: AsyncRead + AsyncWrite + Unpin,
    {
        let (server, work) = cost::measure(|| ServerConnection::new(self.config.clone()));
        let mut stream = TlsStream::new(server?.into(), io, self.costs, &work);
        stream.handshake().await?;
        Ok(stream)
    }
}

/// Certificates by the name that a client asks for.
#[derive(Debug)]
struct ByName {
    names: BTreeMap<String, Arc<CertifiedKey>>,
    first: Option<Arc<CertifiedKey>>,
}

impl ByName {
    fn new(identities: &[&Identity]) -> ByName {
        let mut by_name = ByName { names: BTreeMap::new(), first: None };
        for identity in identities {
            let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(identity.key_der()));
            let key = Arc::new(CountingKey(key.expect("an authority makes keys of Ed25519")));
            let certified = Arc::new(CertifiedKey::new(identity.chain().to_vec(), key));
            for name in identity.names() {
                by_name.names.entry(name.to_ascii_lowercase()).or_insert_with(|| certified.clone());
            }
            by_name.first.get_or_insert(certified);
        }
        by_name
    }
}

impl ResolvesServerCert for ByName {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let asked = hello.server_name().map(str::to_ascii_lowercase);
        let exact = asked.as_ref().and_then(|name| self.names.get(name));
        let wild = || asked.as_ref()?.split_once('.').and_then(|(_, rest)| self.names.get(&format!("*.{rest}")));
        // RFC 6066 §3: who does not know the name may go on as if nobody had asked; the client will find the wrong one.
        exact.or_else(wild).or(self.first.as_ref()).cloned()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a client knows of a server from earlier connections.
#[derive(Default)]
struct Known {
    group: Option<NamedGroup>,
    session: Option<Tls12ClientSessionValue>,
    tickets: VecDeque<Tls13ClientSessionValue>,
}

/// The sessions of a client, by the name of the server.
#[derive(Default)]
struct Remembered(Mutex<BTreeMap<String, Known>>);

impl Remembered {
    fn of<T>(&self, server: &ServerName<'_>, run: impl FnOnce(&mut Known) -> T) -> T {
        run(lock(&self.0).entry(server.to_str().into_owned()).or_default())
    }
}

impl fmt::Debug for Remembered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Remembered({} servers)", lock(&self.0).len())
    }
}

impl ClientSessionStore for Remembered {
    fn set_kx_hint(&self, server: ServerName<'static>, group: NamedGroup) {
        self.of(&server, |known| known.group = Some(group));
    }

    fn kx_hint(&self, server: &ServerName<'_>) -> Option<NamedGroup> {
        self.of(server, |known| known.group)
    }

    fn set_tls12_session(&self, server: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.of(&server, |known| known.session = Some(value));
    }

    fn tls12_session(&self, server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.of(server, |known| known.session.clone())
    }

    fn remove_tls12_session(&self, server: &ServerName<'static>) {
        self.of(server, |known| known.session = None);
    }

    fn insert_tls13_ticket(&self, server: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.of(&server, |known| {
            if known.tickets.len() == TICKETS_MAX {
                known.tickets.pop_front();
            }
            known.tickets.push_back(value);
        });
    }

    // RFC 8446 §C.4: "Clients SHOULD NOT reuse a ticket for multiple connections".
    fn take_tls13_ticket(&self, server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.of(server, |known| known.tickets.pop_back())
    }
}

/// The sessions of a server: by their keys, and in the order in which they came.
#[derive(Default)]
struct Kept {
    values: BTreeMap<Vec<u8>, Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

/// A server's memory: with stateful tickets each can be used once, which is what keeps early data from being played again (RFC 8446 §8.1).
struct Sessions {
    on: bool,
    kept: Mutex<Kept>,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sessions({})", lock(&self.kept).values.len())
    }
}

impl StoresServerSessions for Sessions {
    fn put(&self, key: Vec<u8>, value: Vec<u8>) -> bool {
        let mut kept = lock(&self.kept);
        if self.on && kept.values.insert(key.clone(), value).is_none() {
            kept.order.push_back(key);
            if kept.order.len() > SESSIONS_MAX {
                let oldest = kept.order.pop_front().expect("there are many");
                kept.values.remove(&oldest);
            }
        }
        self.on
    }

    fn get(&self, key: &[u8]) -> Option<Vec<u8>> {
        lock(&self.kept).values.get(key).cloned()
    }

    fn take(&self, key: &[u8]) -> Option<Vec<u8>> {
        let mut kept = lock(&self.kept);
        kept.order.retain(|other| other != key);
        kept.values.remove(key)
    }

    fn can_cache(&self) -> bool {
        self.on
    }
}
