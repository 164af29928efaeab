//! Hosts: sockets and applications above the internet layer.

mod config;

pub use config::{FlowConfig, FlowEnd, HostConfig};
