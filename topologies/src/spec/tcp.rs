//! `tcp:` options of hosts and of flows.

use crate::read::{Map, Sink};
use crate::yaml::Node;

/// Settings in the order in which they apply.
#[derive(Clone, Default, Debug)]
pub(crate) struct TcpOptions {
    pub settings: Vec<Node>,
}

impl TcpOptions {
    pub fn read(_sink: &mut Sink, node: &Node) -> TcpOptions {
        TcpOptions { settings: vec![node.clone()] }
    }

    /// Reads the settings that stand among the parameters of an application.
    pub fn read_among(_sink: &mut Sink, map: &mut Map<'_>) -> TcpOptions {
        TcpOptions { settings: vec![map.node().clone()] }
    }
}
