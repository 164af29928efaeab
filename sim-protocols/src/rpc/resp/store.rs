//! The store: keys with values and times at which they expire. Time is an argument.

use std::collections::BTreeMap;

use sim_core::Time;

use super::commands;
use super::value::Value;

/// Databases of a store, Redis's default.
const DATABASES: usize = 16;

/// Fields and their values.
pub(super) type Hash = BTreeMap<Vec<u8>, Vec<u8>>;

/// What a key holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Content {
    Text(Vec<u8>),
    Hash(Hash),
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub content: Content,
    /// From this millisecond on it is gone.
    pub expires_ms: Option<u64>,
}

/// One connection: what it has chosen and whether it may.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Client {
    /// Which database.
    pub database: usize,
    /// Whether it has said the password.
    pub authorized: bool,
}

/// Keys and values of all databases.
#[derive(Clone, Debug)]
pub struct Store {
    pub(super) password: Option<String>,
    databases: Vec<BTreeMap<Vec<u8>, Entry>>,
}

impl Store {
    /// An empty store; with a password, a client has to say it first.
    pub fn new(password: Option<&str>) -> Store {
        Store { password: password.map(Into::into), databases: vec![BTreeMap::new(); DATABASES] }
    }

    /// Does what a request says, at a moment, and returns the reply. Words are those of [`super::decode_request`]; the replies and errors
    /// are those of Redis 7.
    pub fn execute(&mut self, client: &mut Client, now: Time, words: &[Vec<u8>]) -> Value {
        commands::execute(self, client, now.ms(), words)
    }

    /// Keys that a database holds, those not counted that have expired.
    pub fn keys(&self, database: usize, now: Time) -> usize {
        let database = self.databases.get(database);
        database.map_or(0, |keys| keys.values().filter(|entry| entry.lives(now.ms())).count())
    }

    /// The keys of a client's database.
    pub(super) fn database(&mut self, client: &Client) -> &mut BTreeMap<Vec<u8>, Entry> {
        &mut self.databases[client.database]
    }

    /// A database's number, where there is one.
    pub(super) fn select(&self, number: i64) -> Option<usize> {
        usize::try_from(number).ok().filter(|number| *number < self.databases.len())
    }

    /// A key's entry; one that has expired is removed here.
    pub(super) fn live(&mut self, client: &Client, now_ms: u64, key: &[u8]) -> Option<&mut Entry> {
        let keys = self.database(client);
        if keys.get(key).is_some_and(|entry| !entry.lives(now_ms)) {
            keys.remove(key);
        }
        keys.get_mut(key)
    }
}

impl Entry {
    fn lives(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires| now_ms < expires)
    }
}
