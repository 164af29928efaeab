//! What a host and its flows are made of.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::sync::Arc;

use sim_core::{Size, Time};

use crate::app::AppConfig;
use crate::dns::HostResolver;

/// What a host is made of, beside its interfaces and routes.
#[derive(Clone, Debug)]
pub struct HostConfig {
    /// Its name; its random streams are called after it.
    pub name: String,
    /// Ports that clients get, one after the other. Default: 32768 to 60999, those of Linux.
    pub ephemeral_ports: RangeInclusive<u16>,
    /// Connections that a listener holds until they are established; a SYN beyond is not answered. Default: 4096, Linux's
    /// `somaxconn`.
    pub backlog: u32,
    /// Bytes of datagrams that a UDP socket holds for its application; what does not fit is dropped. Default: 212992 B,
    /// Linux's `rmem_default`. Applications of this crate read at once, so it never fills.
    pub udp_buffer: Size,
    /// The hosts that its programs know by name. Default: none.
    pub names: Arc<BTreeMap<String, Ipv4Addr>>,
    /// What its programs resolve names of DNS with. Default: nothing.
    pub resolver: Option<Arc<HostResolver>>,
}

impl HostConfig {
    /// A host of this name, with defaults.
    pub fn new(name: impl Into<String>) -> HostConfig {
        HostConfig {
            name: name.into(),
            ephemeral_ports: 32_768..=60_999,
            backlog: 4096,
            udp_buffer: Size::from_bytes(212_992),
            names: Arc::default(),
            resolver: None,
        }
    }
}

/// One flow of the workload. Both of its hosts get the same one.
#[derive(Clone, Debug)]
pub struct FlowConfig {
    /// Its name; its random streams are called after it.
    pub name: String,
    /// Its index in the workload plus one: the flow word of its packets, in both directions.
    pub number: u32,
    /// The address of the host that it comes from.
    pub client: Ipv4Addr,
    /// The address of the host that it goes to.
    pub server: Ipv4Addr,
    /// The port that the server end listens on. Flows to the same host may share one when their application is the same;
    /// their packets tell them apart.
    pub port: u16,
    /// When the client end starts.
    pub start: Time,
    /// The application and its parameters.
    pub app: AppConfig,
    /// Whether its connections write rows into the tables `tcp`, `states` and `rtt`, where those are on.
    pub traced: bool,
}

/// Which end of a flow a host is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FlowEnd {
    /// Where it comes from.
    Client,
    /// Where it goes to.
    Server,
}
