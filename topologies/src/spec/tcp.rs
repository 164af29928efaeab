//! `tcp:` settings, in layers: of all hosts, of a host, of a workload entry.

use sim_core::Params;

use super::params;
use crate::merge;
use crate::read::{Map, Sink};
use crate::yaml::Node;

/// Settings as written: a map, or nothing.
#[derive(Clone, Default, Debug)]
pub(crate) struct TcpOptions {
    written: Option<Node>,
}

impl TcpOptions {
    /// Reads a section of its own.
    pub fn read(sink: &mut Sink, node: &Node) -> TcpOptions {
        let mut map = sink.map(node, "`tcp`");
        let options = TcpOptions::read_among(sink, &mut map);
        map.finish(sink);
        options
    }

    /// Reads the settings that stand among the parameters of an application.
    pub fn read_among(sink: &mut Sink, map: &mut Map<'_>) -> TcpOptions {
        params::read_among(sink, map, ask);
        TcpOptions { written: Some(map.node().clone()) }
    }

    /// What `self` does not set, `under` sets.
    pub fn over(&self, under: &TcpOptions) -> TcpOptions {
        let mut written = under.written.clone();
        match (&mut written, &self.written) {
            (Some(base), Some(over)) => merge::merge(base, over.clone(), "tcp"),
            (None, over) => written = over.clone(),
            (Some(_), None) => {}
        }
        TcpOptions { written }
    }
}

/// Asks for every setting of a connection. There is none before the protocol is there, so every key is an unknown one.
fn ask(_params: &mut dyn Params) {}
