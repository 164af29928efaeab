//! `tcp:` settings, in layers: of all hosts, of a host, of a workload entry.

use sim_core::Params;
use sim_protocols::tcp::{CONTROLS, Config, ControlConfig};

use super::params;
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
        apply(sink, map, &Config::default());
        TcpOptions { written: Some(map.node().clone()) }
    }

    /// Lays the settings over those below them.
    pub fn over(&self, sink: &mut Sink, base: &Config) -> Config {
        match &self.written {
            Some(node) => apply(sink, &mut Map::over(node, "`tcp`"), base),
            None => base.clone(),
        }
    }
}

/// The settings of a map over a base; what is wrong is reported.
fn apply(sink: &mut Sink, map: &mut Map<'_>, base: &Config) -> Config {
    let mut config = params::read_among(sink, map, |params: &mut dyn Params| Config::read(base, params));
    if let Some(node) = map.get("cc")
        && let Some((kind, entry)) =
            params::choose(sink, node, "congestion control", "cubic", CONTROLS, |entry| entry.name)
        && let Some(cc) =
            params::read(sink, kind, "a congestion control", |params| ControlConfig::read(entry.name, params))
    {
        config.cc = cc;
    }
    config
}
