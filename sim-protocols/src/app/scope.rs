//! What an application or a service is opened with.

use std::any::Any;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};

use sim_core::{Rng, Streams};

use super::dial::lock;
use crate::aio::Program;
use crate::dns::HostResolver;

/// Where its chance comes from, and whom it knows by name.
#[derive(Clone, Debug)]
pub struct Scope {
    path: String,
    streams: Streams,
    names: Arc<BTreeMap<String, Ipv4Addr>>,
    resolver: Option<Arc<HostResolver>>,
    lasting: Lasting,
}

/// What outlives a process; nothing before the first life has put it there.
type Lasting = Arc<Mutex<Option<Arc<dyn Any + Send + Sync>>>>;

impl Scope {
    /// `path` names its streams of chance, such as `flow/web`; `names` are the hosts that it knows by name.
    pub fn new(path: impl Into<String>, streams: &Streams, names: &Arc<BTreeMap<String, Ipv4Addr>>) -> Scope {
        Scope {
            path: path.into(),
            streams: *streams,
            names: names.clone(),
            resolver: None,
            lasting: Lasting::default(),
        }
    }

    /// With what its host resolves names of DNS with.
    #[must_use]
    pub fn with_resolver(self, resolver: &Option<Arc<HostResolver>>) -> Scope {
        Scope { resolver: resolver.clone(), ..self }
    }

    /// The same for a process that is started again: its chance is another one in each life, the first being 0.
    pub(crate) fn of_life(&self, life: u32) -> Scope {
        match life {
            0 => self.clone(),
            life => Scope { path: format!("{}/life-{life}", self.path), ..self.clone() },
        }
    }

    /// What outlives its process, as what a store behind it keeps does: all lives share it. One thing for each application or service.
    pub(crate) fn lasting<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let first = || Arc::new(T::default()) as Arc<dyn Any + Send + Sync>;
        lock(&self.lasting).get_or_insert_with(first).clone().downcast().expect("all lives ask for the same")
    }

    /// What its host resolves names of DNS with, for a [`Stub`](crate::dns::Stub); none where the file gives it neither a resolver nor names.
    pub fn resolver(&self) -> Option<Arc<HostResolver>> {
        self.resolver.clone()
    }

    /// One of its streams of chance, by its name.
    pub fn stream(&self, what: &str) -> Rng {
        self.streams.open(&format!("{}/{what}", self.path))
    }

    /// All streams of the simulation, for what several hosts derive alike, such as the keys of an authority.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// The address of a host of the simulation.
    pub fn address(&self, host: &str) -> Option<Ipv4Addr> {
        self.names.get(host).copied()
    }

    /// The name of the host with an address; the address itself where nobody has it.
    pub fn name_of(&self, address: Ipv4Addr) -> String {
        let found = self.names.iter().find(|(_, other)| **other == address);
        found.map_or_else(|| address.to_string(), |(name, _)| name.clone())
    }

    /// A program of its own, `what` among those of the application.
    pub fn program(&self, what: &str, main: impl Future<Output = ()> + Send + 'static) -> Program {
        Program::new(format!("{}/{what}", self.path), &self.streams, &self.names, main)
    }
}
