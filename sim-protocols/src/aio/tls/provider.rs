//! What rustls asks of the machine, answered by the simulation.

use std::fmt::Write;
use std::time::Duration;

use rustls::crypto::{
    ActiveKeyExchange, CryptoProvider, GetRandomFailed, SecureRandom, SharedSecret, SupportedKxGroup, ring,
};
use rustls::ffdhe_groups::FfdheGroup;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use rustls::{Error, KeyLog, NamedGroup, PeerMisbehaved};
use x25519_dalek::{PublicKey, StaticSecret};

use super::cost;
use crate::aio::{context, log_key, now};

/// The date at which simulations start: 2030-01-01T00:00:00Z, in seconds since 1970.
pub const EPOCH: u64 = 1_893_456_000;

/// Cryptography by ring, but for what draws: randomness and key exchange are those of the simulation. ring itself is asked for nothing that needs
/// chance: records, hashes, checks of signatures, and signatures of Ed25519.
pub fn provider() -> CryptoProvider {
    CryptoProvider { kx_groups: vec![&SimX25519], secure_random: &SimRandom, ..ring::default_provider() }
}

/// The present date of the simulation, since 1970.
pub fn wall_clock() -> Duration {
    Duration::from_secs(EPOCH) + Duration::from_nanos(now().ns())
}

/// Random bytes of the current program's stream `PROGRAM/tls`.
#[derive(Debug)]
pub struct SimRandom;

impl SecureRandom for SimRandom {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        context::try_with(|current| {
            let scope = &current.rest.scope;
            let random = &mut current.rest.tls.random;
            let random = random.get_or_insert_with(|| scope.streams.open(&format!("{}/tls", scope.path)));
            for chunk in buf.chunks_mut(8) {
                chunk.copy_from_slice(&random.next_u64().to_le_bytes()[..chunk.len()]);
            }
        })
        .ok_or(GetRandomFailed)
    }
}

/// The date of the simulation, by which certificates expire and tickets age.
#[derive(Debug)]
pub struct SimClock;

impl TimeProvider for SimClock {
    fn current_time(&self) -> Option<UnixTime> {
        let now = context::try_with(|current| current.now())?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(EPOCH) + Duration::from_nanos(now.ns())))
    }
}

/// X25519 (RFC 7748) with keys of [`SimRandom`].
#[derive(Debug)]
pub struct SimX25519;

impl SupportedKxGroup for SimX25519 {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let mut secret = [0; 32];
        SimRandom.fill(&mut secret)?;
        cost::count(|work| work.exchanges += 1);
        let secret = StaticSecret::from(secret);
        let public = PublicKey::from(&secret);
        Ok(Box::new(Exchange { secret, public }))
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

struct Exchange {
    secret: StaticSecret,
    public: PublicKey,
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let peer: [u8; 32] = peer.try_into().map_err(|_| PeerMisbehaved::InvalidKeyShare)?;
        cost::count(|work| work.exchanges += 1);
        let shared = self.secret.diffie_hellman(&PublicKey::from(peer));
        // RFC 8446 §7.4.2: "check whether the computed Diffie-Hellman shared secret is the all-zero value and abort if so".
        if !shared.was_contributory() {
            return Err(PeerMisbehaved::InvalidKeyShare.into());
        }
        Ok(SharedSecret::from(&shared.as_bytes()[..]))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_bytes()
    }

    fn ffdhe_group(&self) -> Option<FfdheGroup<'static>> {
        None
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::X25519
    }
}

/// Keeps a connection's secrets for [`Run::key_log`](crate::aio::Run::key_log), in the lines of an `SSLKEYLOGFILE` (draft-ietf-tls-keylogfile).
#[derive(Debug)]
pub struct SimKeyLog;

impl KeyLog for SimKeyLog {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        log_key(&format!("{label} {} {}", hex(client_random), hex(secret)));
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes all");
        text
    })
}
