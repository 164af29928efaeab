//! `tcp:` options of hosts and of flows.

use crate::read::Sink;
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
}
